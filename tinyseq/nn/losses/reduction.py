"""Helpers shared by the losses: dtype and range of targets and weights, and the reduction to one number."""

import math
from typing import Any, Literal

import numpy as np

from tinyseq.autograd.ops.elementwise.choice import where
from tinyseq.autograd.ops.reduce import sum as total
from tinyseq.autograd.tensor import Tensor, TensorLike, constant_like
from tinyseq.backend import is_half, namespace_of
from tinyseq.nn.checks import as_numbers

Reduction = Literal["mean", "sum", "none"]


def in_dtype_of(x: Tensor, values: TensorLike, name: str) -> Tensor:
    """Targets or weights as tensors of the array library and dtype of ``x``, so that they do not widen the result."""
    given = as_numbers(values, x, name)
    return given if given.dtype == x.dtype else given.to(x.dtype)


def check_between(x: Tensor, low: float, high: float, name: str) -> None:
    """Raise ValueError for the first number outside [low, high]; NaN passes, so that it can be traced to its source."""
    xp = namespace_of(x._array)
    wrong = (x._array < low) | (x._array > high)
    if bool(xp.any(wrong)):
        place = tuple(int(i) for i in np.argwhere(Tensor(wrong).numpy())[0])
        limits = f"lie in [{low:g}, {high:g}]" if high < math.inf else "not be negative"
        raise ValueError(f"{name} must {limits}, got {x.numpy()[place]} at position {place}")


def counting(shares: Tensor, losses: Tensor) -> Tensor:
    """shares * losses with 0 * inf = 0: elements with share 0 are ignored."""
    xp = namespace_of(losses._array)
    void = (shares._array == 0) & (losses._array == math.inf)
    if bool(xp.any(void)):
        losses = where(Tensor(void), 0.0, losses)
    return shares * losses


def reduced(losses: Tensor, counted: Any, reduction: str, shares: Tensor | None = None) -> Tensor:
    """Reduce the counted losses to one number; the mean is weighted if shares are given."""
    if not isinstance(reduction, str) or reduction not in ("mean", "sum", "none"):
        raise ValueError(f'reduction must be "mean", "sum" or "none", got {reduction!r}')
    if reduction == "mean" and is_half(losses):  # the sum and the count may be infinite where their ratio is not
        shares = None if shares is None else shares.to("float32")
        return reduced(losses.to("float32"), counted, reduction, shares).to(losses.dtype)
    all_count = counted.all()
    if not all_count:
        mask = constant_like(losses, counted * 1.0)
        losses, shares = losses * mask, None if shares is None else shares * mask
    if reduction == "none":
        return losses
    summed: Tensor = total(losses)
    if reduction == "sum":
        return summed
    if shares is None:
        count = np.int64(counted.size) if all_count else counted.sum()
        if isinstance(count, np.integer):
            return summed / max(int(count), 1)
        return summed / constant_like(summed, np.maximum(count, 1) * 1.0)  # the count changes from batch to batch
    whole: Tensor = total(shares)
    weightless = whole.detach() == 0.0  # label smoothing has losses for targets without weight, too
    return where(weightless, 0.0, summed) / where(weightless, 1.0, whole)
