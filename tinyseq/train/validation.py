"""Validation during training: measure the model, keep the best weights, and stop early."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinyseq.arguments import check_flags, number, shown, whole
from tinyseq.io.names import check_entries
from tinyseq.nn.module import Module
from tinyseq.optim.optimizer import single
from tinyseq.torch_names.settings import explained


class Validation:
    """Measures a model at intervals, and keeps the weights of the best measurement.

    Args:
        model: the model, which is put into evaluation mode for the measurement; no gradients are recorded.
        measure: returns a number, such as the loss on held-out data.
        every: measure after this many steps.
        patience: stop the run after this many consecutive measurements without improvement; None for never.
        higher_is_better: True for an accuracy, False for a loss.

    Attributes:
        history: the measurements, (step, value).
        best: the best value; best_step: the step after which it was measured.

    Raises:
        ValueError: if ``every`` or ``patience`` is below 1.
        TypeError: if one of them is not a whole number, ``model`` is not a Module, ``measure`` is not a function, or,
            during training, if it does not return a number.

    Example:
        >>> import tinyseq as ts
        >>> model = ts.nn.Linear(1, 1)
        >>> values = iter([3.0, 2.0, 2.5, 2.4, 1.0])
        >>> validation = Validation(model, lambda: next(values), every=10, patience=2)
        >>> task = lambda step: ts.train.Loss(ts.square(model(ts.ones(1, dtype="float32"))).sum(), 1)
        >>> optimizer = ts.optim.SGD(model.parameters(), lr=0.01)
        >>> for report in ts.train.train(task, optimizer, steps=1000, validation=validation):
        ...     pass
        >>> report.step, validation.best, validation.best_step
        (40, 2.0, 20)
    """

    @explained
    def __init__(
        self,
        model: Module,
        measure: Callable[[], float],
        *,
        every: int,
        patience: int | None = None,
        higher_is_better: bool = False,
    ) -> None:
        check_flags(higher_is_better=higher_is_better)
        if not isinstance(model, Module):
            raise TypeError(f"model must be a Module, got {type(model).__name__}")
        if not callable(measure):
            raise TypeError(f"measure must be a function without arguments that returns a number, got {shown(measure)}")
        self.model = model
        self.measure = measure
        self.every = whole("every", every)
        self.patience = None if patience is None else whole("patience", patience)
        self.higher_is_better = higher_is_better
        self.history: list[tuple[int, float]] = []
        self.best = -math.inf if higher_is_better else math.inf
        self.best_step = 0
        self._weights = model.state_dict()

    def __repr__(self) -> str:
        return f"Validation(every={self.every}, best={self.best:.6g} at step {self.best_step})"

    def __call__(self, step: int) -> float | None:
        """Measure if it is due after ``step`` steps, and record the result."""
        if step % self.every:
            return None
        with self.model.evaluating():
            measured = self.measure()
        try:
            value = float(measured)
        except (TypeError, ValueError) as error:
            raise TypeError(f"measure must return a number, got {type(measured).__name__}") from error
        self.history.append((step, value))
        if value > self.best if self.higher_is_better else value < self.best:
            self.best, self.best_step, self._weights = value, step, self.model.state_dict()
        return value

    @property
    def exhausted(self) -> bool:
        """Whether the patience is exhausted."""
        if self.patience is None:
            return False
        return sum(step > self.best_step for step, _ in self.history) >= self.patience

    def restore_best(self) -> None:
        """Restore the weights of the best measurement; if all measurements were NaN, keep the current ones."""
        if (self.best_step, self.best) in self.history:
            self.model.load_state_dict(self._weights)

    def state_dict(self) -> dict[str, Any]:
        """The measurements, and the best weights."""
        weights = {f"best.{name}": value.copy() for name, value in self._weights.items()}
        return {"best": self.best, "best_step": self.best_step, "history": list(self.history), **weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave.

        Raises:
            ValueError, TypeError: an entry is missing, or is no number; or it is not a dictionary.
        """
        check_entries(self, state, "best", "best_step", "history", *(f"best.{name}" for name in self._weights))
        best = number("the state's best", single(state["best"]))
        best_step = whole("the state's best_step", state["best_step"], None)
        history = [(int(step), float(value)) for step, value in state["history"]]
        weights = {name: np.array(state[f"best.{name}"]) for name in self._weights}
        self.best, self.best_step, self.history, self._weights = best, best_step, history, weights


def keeping_best(reports: Iterator[Any], validation: Validation) -> Iterator[Any]:
    """The reports of a run, at whose end the weights of the best measurement are restored."""
    yield from reports
    validation.restore_best()
