"""Schedules: the learning rate of each step.

A schedule is a function from a step's number, counted from 0, to a learning rate. It has no state, so nothing has to be
saved to resume a run, and its curve can be drawn before training. `Plateau` is the exception: its rate depends on
measured values.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Literal

from tinyseq.arguments import number, whole
from tinyseq.io.names import check_entries
from tinyseq.optim.optimizer import not_negative, single
from tinyseq.torch_names.of_tasks import PLATEAU
from tinyseq.torch_names.owners import Hinted
from tinyseq.torch_names.settings import explained

Schedule = Callable[[int], float]
"""The learning rate of a step, counted from 0. The schedules here can be pickled, and print their settings."""

LEAST_FALL = 1e-8  # smaller reductions on a plateau are skipped, as in PyTorch


@explained
def step_decay(lr: float, every: int, factor: float = 0.1) -> Schedule:
    """``lr``, multiplied by ``factor`` after every ``every`` steps; PyTorch's StepLR.

    Args:
        lr: the initial rate.
        every: steps between two reductions.
        factor: the factor of each reduction.

    Returns:
        The rate of each step.

    Raises:
        ValueError, TypeError: ``every`` is not a positive whole number, or a rate or factor negative or not a number.

    Example:
        >>> rate = step_decay(1.0, every=2, factor=0.5)
        >>> [rate(step) for step in range(5)]
        [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    every = whole("every", every)
    return partial(_stepped, not_negative("lr", lr), every, not_negative("factor", factor))


def _stepped(lr: float, every: int, factor: float, step: int) -> float:
    return float(lr * factor ** (step // every))


@explained
def exponential_decay(lr: float, factor: float) -> Schedule:
    """``lr``, multiplied by ``factor`` after every step; PyTorch's ExponentialLR.

    Args:
        lr: the rate of step 0.
        factor: the factor of each reduction.

    Returns:
        The rate of each step.

    Raises:
        ValueError, TypeError: the rate or the factor is negative or not a number.

    Example:
        >>> rate = exponential_decay(1.0, factor=0.5)
        >>> [rate(step) for step in range(3)]
        [1.0, 0.5, 0.25]
    """
    return partial(_stepped, not_negative("lr", lr), 1, not_negative("factor", factor))


@explained
def cosine_decay(lr: float, steps: int, floor: float = 0.0) -> Schedule:
    """Decay from ``lr`` to ``floor`` along half a cosine over ``steps`` steps, then stay at ``floor``.

    PyTorch's CosineAnnealingLR within its first ``T_max = steps`` steps; after them, PyTorch's rate rises again.

    Args:
        lr: the rate of step 0.
        steps: the number of steps of the decay.
        floor: the final rate.

    Returns:
        The rate of each step.

    Raises:
        ValueError, TypeError: ``steps`` is not a positive whole number, or a rate negative or not a number.

    Source: Loshchilov and Hutter (2017).

    Example:
        >>> rate = cosine_decay(1.0, steps=2)
        >>> [round(rate(step), 3) for step in range(4)]
        [1.0, 0.5, 0.0, 0.0]
    """
    steps = whole("steps", steps)
    return partial(_half_cosine, not_negative("lr", lr), steps, not_negative("floor", floor))


def _half_cosine(lr: float, steps: int, floor: float, step: int) -> float:
    return floor + (lr - floor) * (1 + math.cos(math.pi * min(step / steps, 1.0))) / 2


@explained
def warm_up(schedule: Schedule | float, steps: int, start: float = 1 / 3) -> Schedule:
    """A schedule times a factor that rises linearly from ``start`` to 1 over ``steps`` steps.

    On a constant rate it is PyTorch's LinearLR; on a schedule, the two chained.

    Args:
        schedule: the schedule to warm up; a number is a constant rate.
        steps: from this step on, the factor is 1.
        start: the factor of step 0.

    Returns:
        The rate of each step.

    Raises:
        ValueError, TypeError: ``steps`` is not a positive whole number, or a rate or factor negative or not a number.

    Example:
        >>> rate = warm_up(1.0, steps=4, start=0.0)
        >>> [rate(step) for step in range(6)]
        [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """
    steps = whole("steps", steps)
    if isinstance(schedule, Plateau):
        raise TypeError("a Plateau inside another schedule would observe nothing; give train() the Plateau itself")
    schedule = schedule if callable(schedule) else not_negative("schedule", schedule)
    return partial(_warmed, schedule, steps, not_negative("start", start))


def _warmed(schedule: Schedule | float, steps: int, start: float, step: int) -> float:
    full = schedule(step) if callable(schedule) else schedule
    return full * (start + (1 - start) * min(step / steps, 1.0))


@explained
def warm_up_cosine(peak: float, steps: int, warm_up: int = 0, floor: float = 0.1) -> Schedule:
    """A learning rate that rises to ``peak`` in ``warm_up`` steps and falls to ``floor * peak`` along a cosine.

    Unlike with `warm_up`, the rate of the first step is above zero: ``peak / warm_up``.

    Args:
        peak: the highest rate.
        steps: the total number of steps.
        warm_up: the number of steps of the warm-up.
        floor: the final rate, as a fraction of the peak.

    Returns:
        The rate of each step.

    Raises:
        ValueError, TypeError: ``steps`` or ``warm_up`` is not a whole number, or a number is negative.

    Example:
        >>> rate = warm_up_cosine(1.0, steps=100, warm_up=10)
        >>> [round(rate(step), 2) for step in (0, 9, 100)]
        [0.1, 1.0, 0.1]
    """
    steps, warm_up = whole("steps", steps, 0), whole("warm_up", warm_up, 0)
    peak, floor = not_negative("peak", peak), not_negative("floor", floor)
    return partial(_warmed_cosine, peak, warm_up, cosine_decay(peak, max(steps - warm_up, 1), floor * peak))


def _warmed_cosine(peak: float, warm_up: int, falling: Schedule, step: int) -> float:
    return peak * (step + 1) / warm_up if step < warm_up else falling(step - warm_up)


class Plateau(metaclass=Hinted):
    """A rate that is reduced when a measured value stops improving; PyTorch's ReduceLROnPlateau.

    A value is an improvement if it beats the best one by the fraction ``threshold`` of it. After more than ``patience``
    values in a row without improvement, the rate is multiplied by ``factor``.

    The fraction of a negative number is negative. So, as in PyTorch, a log-likelihood that stays the same counts as an
    improvement every time: give ``threshold=0``, where any better value counts and no other.

    Args:
        lr: the initial rate.
        mode: whether lower (``"min"``) or higher (``"max"``) values are better.
        factor: the factor of each reduction.
        patience: how many values in a row may fail to improve.
        threshold: the smallest relative improvement that counts.
        cooldown: how many values after a reduction are not counted.
        min_lr: the lowest rate.

    Attributes:
        lr: the current rate.

    Raises:
        ValueError, TypeError: ``mode`` or ``factor`` is invalid, a rate or ``threshold`` negative or not a number, or
            ``patience`` or ``cooldown`` not a whole number.

    Example:
        >>> plateau = Plateau(1.0, factor=0.5, patience=1)
        >>> for value in (3.0, 2.0, 2.0, 2.0):
        ...     plateau.observe(value)
        >>> plateau(step=4)
        0.5
    """

    _other_names: ClassVar[dict[str, str]] = PLATEAU

    @explained
    def __init__(
        self,
        lr: float,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f'mode must be "min" or "max", got {mode!r}')
        if not 0 < number("factor", factor) < 1:
            raise ValueError(f"factor must lie between 0 and 1, got {factor}")
        self.lr = not_negative("lr", lr)
        self.mode = mode
        self.factor = factor
        self.patience = whole("patience", patience, 0)
        self.threshold = not_negative("threshold", threshold)
        self.cooldown = whole("cooldown", cooldown, 0)
        self.min_lr = not_negative("min_lr", min_lr)
        self.best = math.inf if mode == "min" else -math.inf
        self.bad = 0
        self.cooling = 0

    def __repr__(self) -> str:
        return f"Plateau(lr={self.lr:.6g}, mode={self.mode!r}, best={self.best:.6g}, bad={self.bad} of {self.patience})"

    def __call__(self, step: int) -> float:
        """The current rate, whatever the step."""
        return self.lr

    def observe(self, value: float) -> None:
        """Record a new value, and reduce the rate if it is due.

        Raises:
            TypeError: the value is not a number.
        """
        value = number("value", single(value))
        if self._better(value):
            self.best, self.bad = value, 0
        else:
            self.bad += 1
        if self.cooling:
            self.cooling, self.bad = self.cooling - 1, 0
        if self.bad > self.patience:
            lower = max(self.lr * self.factor, self.min_lr)
            self.lr = lower if self.lr - lower > LEAST_FALL else self.lr
            self.cooling, self.bad = self.cooldown, 0

    def _better(self, value: float) -> bool:
        if self.mode == "min":
            return value < self.best * (1 - self.threshold)
        return value > self.best * (1 + self.threshold)

    def state_dict(self) -> dict[str, Any]:
        """The rate, the best value and the counters."""
        return {"lr": self.lr, "best": self.best, "bad": self.bad, "cooling": self.cooling}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a `state_dict`.

        Raises:
            ValueError: an entry is missing, the rate is negative or not finite, or a counter is negative.
            TypeError: it is not a dictionary, or an entry is not a number.
        """
        check_entries(self, state, *self.state_dict())
        lr = not_negative("the state's lr", state["lr"])
        best = number("the state's best", single(state["best"]))
        bad, cooling = (whole(f"the state's {name}", state[name], 0) for name in ("bad", "cooling"))
        self.lr, self.best, self.bad, self.cooling = lr, best, bad, cooling
