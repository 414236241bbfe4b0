"""The training loop: the same few lines for every model, with what one wants to watch.

A task is an iterator of losses. Each is computed when the loop asks for it, with the weights as they are then, so a
generator that carries a recurrent state from one window to the next needs no place of its own in the loop.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from tinyseq.autograd.tensor import Tensor
from tinyseq.nn.losses import clip_grad_norm_
from tinyseq.optim import Optimizer


class Loss(NamedTuple):
    """A loss to take a step on.

    Attributes:
        value: the mean loss, a tensor of one element.
        tokens: how many targets it is the mean of.
    """

    value: Tensor
    tokens: int


class Report(NamedTuple):
    """What is known after a step.

    Attributes:
        step: how many steps have been taken.
        loss: the mean loss of this step's targets, in nats.
        grad_norm: the norm of all gradients together, before clipping.
        tokens_per_second: since the beginning.
        seconds: since the beginning.
    """

    step: int
    loss: float
    grad_norm: float
    tokens_per_second: float
    seconds: float


class NonFiniteLoss(ArithmeticError):
    """A loss was NaN or infinite; the weights are those before the step."""


def train(
    losses: Iterable[Loss],
    optimizer: Optimizer,
    *,
    clip: float | None = None,
    schedule: Callable[[int], float] | None = None,
) -> Iterator[Report]:
    """Take a step on each loss; a generator, so that the caller can look, measure, save or stop between steps.

    Args:
        losses: the task.
        optimizer: what updates the parameters.
        clip: the largest norm that the gradients may have together; larger ones are scaled down.
        schedule: the learning rate of each step, counted from 0.

    Yields:
        A `Report` after each step.

    Raises:
        NonFiniteLoss: with the number of the step; nothing has been updated by that step.

    Example:
        >>> import tinyseq as ts
        >>> w = ts.tensor(4.0, requires_grad=True)
        >>> task = (Loss(ts.square(w - 1), 1) for _ in range(50))
        >>> for report in train(task, ts.optim.SGD([w], lr=0.1)):
        ...     pass
        >>> report.step, round(w.item(), 3)
        (50, 1.0)
    """
    start, tokens = time.perf_counter(), 0
    for step, loss in enumerate(losses):
        value = loss.value.item()
        if not math.isfinite(value):
            raise NonFiniteLoss(
                f"the loss of step {step} is {value}; lower the learning rate or clip the gradients, and run the step "
                "under ts.detect_anomaly() to see which op went wrong first"
            )
        optimizer.zero_grad()
        loss.value.backward()
        norm = clip_grad_norm_(optimizer.parameters, math.inf if clip is None else clip)
        if schedule is not None:
            optimizer.lr = schedule(step)
        optimizer.step()
        tokens += loss.tokens
        seconds = time.perf_counter() - start
        yield Report(step + 1, value, norm, tokens / max(seconds, 1e-9), seconds)


def warm_up_cosine(peak: float, steps: int, warm_up: int = 0, floor: float = 0.1) -> Callable[[int], float]:
    """A learning rate that rises to ``peak`` in ``warm_up`` steps and falls to ``floor * peak`` along a cosine.

    Example:
        >>> rate = warm_up_cosine(1.0, steps=100, warm_up=10)
        >>> [round(rate(step), 2) for step in (0, 9, 100)]
        [0.1, 1.0, 0.1]
    """

    def rate(step: int) -> float:
        if step < warm_up:
            return peak * (step + 1) / warm_up
        done = min((step - warm_up) / max(steps - warm_up, 1), 1.0)
        return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done)))

    return rate
