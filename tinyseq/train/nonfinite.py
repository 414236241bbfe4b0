"""Runs that diverge: a loss that grows far above the first one, or becomes NaN or infinite.

In the second case, the run ends with the step, the batch, and the first op with such a value.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any

from tinyseq.autograd.anomaly import AnomalyError, detect_anomaly, frames_inside
from tinyseq.train.state import Snapshot

LATE = 20  # a run has diverged after so many steps in a row with a loss above first + scale = first + |first| + 1,
FAR = 1e4  # or at once with a loss above first + FAR * scale
DIVERGED = "the training has diverged"
GIVEN = "no op produced it from finite values: an input or a weight is not finite"


class NonFiniteLoss(ArithmeticError):
    """Raised if a loss or its gradient is NaN or infinite; the weights are those before the step.

    Attributes:
        step: the step, counted from 0.
        batch: the task's description of the batch; may be empty.
        origin: the first op with a non-finite result, with its module, time step and line.

    Example:
        >>> import tinyseq as ts
        >>> w = ts.tensor([0.0], requires_grad=True)
        >>> task = lambda step: ts.train.Loss(ts.log(w).sum(), 1, "sentence 7")
        >>> try:
        ...     next(ts.train.train(task, ts.optim.SGD([w], lr=0.1), steps=1))
        ... except NonFiniteLoss as error:
        ...     print(error.step, error.batch, "log" in error.origin)
        0 sentence 7 True
    """

    def __init__(self, message: str, step: int = 0, batch: str = "", origin: str = "") -> None:
        super().__init__(message)
        self.step = step
        self.batch = batch
        self.origin = origin


def failure(what: str, step: int, batch: str, task: Callable[[int], Any], before: Snapshot) -> NonFiniteLoss:
    """The error for a step.

    Args:
        what: what is not finite.
        step: the step.
        batch: the description of the batch.
        task: computes the step's loss again.
        before: the state before the step, which is restored.
    """
    origin = diagnosed(step, task, before)
    where = f" ({batch})" if batch else ""
    if origin == GIVEN:
        cure = "look for it in the data and among the weights"
    else:
        cure = "lower the learning rate, or clip the gradients"
    message = f"{what}{where}; {origin}; {cure}"
    return NonFiniteLoss(message, step, batch, origin)


def diagnosed(step: int, task: Callable[[int], Any], before: Snapshot) -> str:
    """Repeat the step from the state before it under `detect_anomaly`, and name the first op that failed."""
    before.restore()
    try:
        with detect_anomaly():
            value = task(step).value
            if math.isfinite(value.item()):  # else no op of the forward pass is to blame, and so none of the backward
                value.backward()
    except AnomalyError as error:
        when, _, what = str(error).partition(": ")
        return f"the first op that went wrong is in the {when} pass: {what}"
    finally:
        before.restore()
    return GIVEN


class Divergence:
    """Warns once if a loss grows far above the first one: such a run learns nothing, but its loss may stay finite."""

    def __init__(self) -> None:
        self._first: float | None = None
        self._late = 0
        self._told = False

    def observe(self, loss: float, step: int, lr: float) -> None:
        """Take notice of the loss of a step, counted from 1, and of its learning rate."""
        first = self._first = loss if self._first is None else self._first
        scale = abs(first) + 1
        self._late = self._late + 1 if loss > first + scale else 0
        if (self._late >= LATE or loss > first + FAR * scale) and not self._told:
            self._told = True
            found = f"the loss was {first:.3g} at first and is {loss:.3g} at step {step}"
            cure = f"start over with a lower learning rate (now {lr:.3g}), or clip the gradients"
            warnings.warn(f"{DIVERGED}: {found}; {cure}", stacklevel=1 + frames_inside())
