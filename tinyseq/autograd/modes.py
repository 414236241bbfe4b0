"""What is true of every op recorded now: whether to record at all, and where in the model we are."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np


class Label(NamedTuple):
    """Where an op was recorded: the path of modules around it, and the time step (None outside of loops).

    ``line`` is the user's line of code, known only under `detect_anomaly`.
    """

    scope: tuple[str, ...] = ()
    step: int | None = None
    line: str | None = None

    def __str__(self) -> str:
        place = ".".join(self.scope) or "top level"
        return place if self.step is None else f"{place}, step {self.step}"


class Mode:
    """The engine's switches. One immutable object per combination, so that an op reads them all with one look-up.

    ``plain`` is the label where ops are simply recorded, and None where recording is off or anomalies are looked for.
    """

    __slots__ = ("anomaly", "grad", "label", "plain")

    def __init__(self, grad: bool = True, label: Label | None = None, anomaly: bool = False) -> None:
        self.grad = grad
        self.label = label or Label()
        self.anomaly = anomaly
        self.plain = self.label if grad and not anomaly else None


MODE: ContextVar[Mode] = ContextVar("tinyseq_mode", default=Mode())  # noqa: B039 (never mutated)


@contextmanager
def _switched(mode: Mode) -> Iterator[None]:
    token = MODE.set(mode)
    try:
        yield
    finally:
        MODE.reset(token)


@contextmanager
def no_grad() -> Iterator[None]:
    """Record nothing inside the block (or decorated function): results are constants.

    Example:
        >>> import tinyseq as ts
        >>> x = ts.tensor(2.0, requires_grad=True)
        >>> with ts.no_grad():
        ...     (x * x).requires_grad
        False
    """
    now = MODE.get()
    with _switched(Mode(False, now.label, now.anomaly)):
        yield


@contextmanager
def enable_grad() -> Iterator[None]:
    """Record again, inside a `no_grad` block.

    Example:
        >>> import tinyseq as ts
        >>> x = ts.tensor(2.0, requires_grad=True)
        >>> with ts.no_grad(), ts.enable_grad():
        ...     (x * x).requires_grad
        True
    """
    now = MODE.get()
    with _switched(Mode(True, now.label, now.anomaly)):
        yield


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Stop at the first value that is not finite, and say which op made it.

    Forward and backward are watched separately: the error names the op, its module path and time step, and the line of
    user code that called it.

    Raises:
        AnomalyError: at the first NaN or infinity that an op makes out of finite inputs, or the first gradient so.

    Example:
        >>> import tinyseq as ts
        >>> x = ts.tensor([1.0, 0.0], requires_grad=True)
        >>> with ts.detect_anomaly():
        ...     y = ts.log(x)  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        tinyseq.autograd.anomaly.AnomalyError: forward: log made 1 of 2 values not finite
    """
    now = MODE.get()
    with np.errstate(all="ignore"), _switched(Mode(now.grad, now.label, True)):  # our error says more than a warning
        yield


class _Relabelled:
    """A context that changes the label; a class, as it is entered at every time step and generators cost more."""

    __slots__ = ("token", "value")

    def __init__(self, value: Any) -> None:
        self.value = value

    def __enter__(self) -> None:
        now = MODE.get()
        self.token = MODE.set(Mode(now.grad, self.relabel(now.label), now.anomaly))

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        MODE.reset(self.token)

    def relabel(self, label: Label) -> Label:
        """The label inside the block."""
        return label


class step(_Relabelled):
    """Label the ops inside the block with a time step, counted from 0.

    Example:
        >>> import tinyseq as ts
        >>> x = ts.tensor(2.0, requires_grad=True)
        >>> with ts.step(3):
        ...     y = x * x
        >>> y.node.label.step
        3
    """

    __slots__ = ()

    def relabel(self, label: Label) -> Label:
        return Label(label.scope, self.value)


class scope(_Relabelled):
    """Label the ops inside the block with a module's name, inside the names around it.

    Example:
        >>> import tinyseq as ts
        >>> x = ts.tensor(2.0, requires_grad=True)
        >>> with ts.scope("encoder"), ts.scope("cell"):
        ...     y = x * x
        >>> y.node.label.scope
        ('encoder', 'cell')
    """

    __slots__ = ()

    def relabel(self, label: Label) -> Label:
        return Label((*label.scope, self.value), label.step)
