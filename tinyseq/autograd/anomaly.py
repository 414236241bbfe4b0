"""Anomaly detection: finding the first value that is not finite."""

import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from tinyseq.autograd.modes import MODE, Label, Mode, Switch
from tinyseq.backend import NAMESPACES, Array, namespace_of, to_numpy

_PACKAGE = str(Path(__file__).parent.parent) + os.sep


class AnomalyError(ArithmeticError):
    """A NaN or an infinity appeared in the forward or the backward pass."""


class detect_anomaly(Switch):
    """Raise an error at the first value that is not finite, naming the op that produced it.

    Forward and backward are checked separately: the error names the op, its module path and time step, and the line of
    user code that called it.

    Raises:
        AnomalyError: at the first NaN or infinity that an op, or its rule, computes from finite values.

    Example:
        >>> import tinyseq as ts
        >>> x = ts.tensor([1.0, 0.0], requires_grad=True)
        >>> with ts.detect_anomaly():
        ...     y = ts.log(x)  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        tinyseq.autograd.anomaly.AnomalyError: forward: log made 1 of 2 values not finite
    """

    __slots__ = ()

    def inside(self, now: Mode) -> Mode:
        mode = Mode(now.grad, now.label, True, now)
        mode.errors = np.seterr(all="ignore")  # our error says more than a warning
        return mode

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        mode: Mode | None = MODE.get()
        while mode is not None and mode.block is not self:
            mode = mode.outer
        if mode is not None:
            np.seterr(**mode.errors)
        super().__exit__(kind, error, trace)


def anomaly_label(mode: Mode) -> Label:
    """The current label with the user's line of code, which is too slow to find at every op otherwise."""
    return mode.label._replace(line=user_line())


def user_line() -> str:
    """File and line of the innermost frame outside of this package."""
    frame = sys._getframe(frames_inside())
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def frames_inside() -> int:
    """How many frames of this package lie between the caller, itself included, and the user's code."""
    frame, count = sys._getframe(1), 0
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, count = frame.f_back, count + 1
    return count


def check_forward(name: str, raw: Sequence[Any], outs: Sequence[Array], label: Label) -> None:
    """Raise if the named op computed a value that is not finite from finite inputs."""
    if any(_strange(a) if type(a) in NAMESPACES else isinstance(a, float) and not math.isfinite(a) for a in raw):
        return  # also for -inf given on purpose, as to where(allowed, scores, -math.inf)
    for out in outs:
        if count := _strange(out):
            raise AnomalyError(
                f"forward: {name} made {count} of {math.prod(out.shape)} values not finite {_place(label)}"
            )


def check_backward(name: str, upstream: Sequence[Any], gradient: Array, label: Label) -> None:
    """Raise if a VJP computed a gradient that is not finite from finite upstream gradients; None means no gradient."""
    if any(_strange(g) for g in upstream if g is not None):
        return
    if count := _strange(gradient):
        found = f"{count} of {math.prod(gradient.shape)} gradients not finite"
        raise AnomalyError(f"backward: the VJP of {name} made {found} {_place(label)}")


def _place(label: Label) -> str:
    return f"({label.where}), called at {label.line or user_line()}"


def _strange(array: Any) -> int:
    """How many numbers of an array (or of a recorded gradient, which is a Tensor) are not finite."""
    array = getattr(array, "_array", array)
    xp = namespace_of(array)
    if not xp.isdtype(array.dtype, ("real floating", "complex floating")):
        return 0
    return int(math.prod(array.shape) - to_numpy(xp.sum(xp.astype(xp.isfinite(array), xp.int64))))
