"""Gradient clipping, by joint norm or by value."""

import math
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinyseq.arguments import check_flags, number
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import namespace_of, to_numpy
from tinyseq.nn.module import Module
from tinyseq.torch_names.settings import explained

PIECE = 1 << 13  # elements at once: too few for BLAS to start threads
SMALLEST_NARROW = 1e-30  # the same for a float32 sum of squares
SMALLEST = 1e-280  # below this a sum of powers may have lost terms to underflow


@explained
def clip_grad_norm_(
    parameters: Iterable[Tensor] | Tensor,
    max_norm: float,
    norm_type: float | Literal["inf"] = 2.0,
    error_if_nonfinite: bool = False,
) -> float | Tensor:
    """Scale all gradients down together so that their joint norm is at most ``max_norm``.

    The norm is that of all gradients as one vector. (The lectures' snippet compares the *squared* norm with the
    threshold, without the root; the norm is meant.) The values are PyTorch's, whose scale is max_norm / (norm + 1e-6).

    Args:
        parameters: tensors whose ``.grad`` is clipped, or a single one; tensors without a gradient are skipped, and one
            that comes twice, as a tied weight, counts once (in PyTorch twice).
        max_norm: the threshold; infinity computes the norm without clipping.
        norm_type: the p of the p-norm, above 0; ``math.inf`` or ``"inf"`` for the largest absolute value.
        error_if_nonfinite: raise an error if the norm is NaN or infinite. Without it, a norm that is NaN makes every
            gradient NaN, and an infinite one makes zeros and NaNs, as in PyTorch.

    Returns:
        The norm before clipping; 0.0 if there is no gradient. Of gradients on a GPU it is a tensor there, which
        ``float`` reads: reading makes the GPU wait.

    Raises:
        ValueError: ``max_norm`` is negative, or ``norm_type`` is not positive.
        TypeError: ``parameters`` are not tensors, or a setting is not a number.
        RuntimeError: the norm is not finite and ``error_if_nonfinite`` is set; the gradients are unchanged.

    Source: Pascanu, Mikolov and Bengio (2013).

    Example:
        >>> import tinyseq as ts
        >>> w = ts.tensor([3.0, 4.0], requires_grad=True)
        >>> (w * w * 0.5).sum().backward()
        >>> ts.nn.clip_grad_norm_([w], 1.0)
        5.0
        >>> w.grad.numpy().round(3)
        array([0.6, 0.8])
    """
    check_flags(error_if_nonfinite=error_if_nonfinite)
    max_norm = _limit("max_norm", max_norm)
    p = math.inf if norm_type == "inf" else number("norm_type", norm_type)
    if not p > 0:
        raise ValueError(f"norm_type must be above 0, such as 1, 2 or math.inf, for a norm; got {norm_type}")
    gradients = [(p, p.grad) for p in _each(parameters) if p.grad is not None]
    if {g.device for _, g in gradients} == {"cuda"}:
        with np.errstate(over="ignore", invalid="ignore"):
            return _clipped_there(gradients, max_norm, p, error_if_nonfinite)
    norm = _norm([g._array for _, g in gradients], p)
    if error_if_nonfinite:
        _check_finite(norm)
    scale = max_norm / (norm + 1e-6)
    if not (scale >= 1 or max_norm == math.inf):
        with np.errstate(invalid="ignore"):  # zero times infinity
            for parameter, g in gradients:
                parameter.grad = g * scale
    return norm


def _clipped_there(gradients: list[tuple[Tensor, Tensor]], max_norm: float, p: float, finite: bool) -> Tensor:
    """The same on a GPU, where nothing is read: every gradient is multiplied, if only by 1."""
    xp = namespace_of(gradients[0][1]._array)
    norm = _norm_there(xp, [g._array for _, g in gradients], p)
    if finite:
        _check_finite(float(norm))
    if max_norm < math.inf:
        scale = xp.minimum(max_norm / (norm + 1e-6), 1.0)
        for parameter, g in gradients:
            parameter.grad = Tensor(g._array * scale.astype(g.dtype))
    return Tensor(norm)


def _norm_there(xp: Any, arrays: list[Any], p: float) -> Any:
    """The p-norm of some arrays as one vector, relative to the largest element, so that no power is out of range."""
    filled = [array for array in arrays if array.size]
    if not filled:
        return xp.zeros((), dtype=np.float64)
    top = xp.max(xp.stack([xp.max(xp.abs(array)).astype(np.float64) for array in filled]))
    if p == math.inf:
        return top
    unit = xp.where((top > 0) & (top < math.inf), top, xp.ones_like(top))
    parts = [xp.abs(array.astype(np.float64)) / unit for array in filled]
    total = xp.sum(xp.stack([xp.sum(part * part if p == 2 else part**p) for part in parts]))
    return unit * total ** (1 / p)


def _check_finite(norm: float) -> None:
    if not math.isfinite(norm):
        raise RuntimeError(
            f"the norm of the gradients is {norm}; lower the learning rate, or find out where it comes from, with "
            "ts.detect_anomaly()"
        )


def _norm(arrays: list[Any], p: float) -> float:
    """The p-norm of some arrays as one vector."""
    if p == math.inf:
        return _largest(arrays)
    total = _sum_of_powers(arrays, p, 1.0)
    if SMALLEST < total < math.inf:
        return _root(total, p)
    top = _largest(arrays)  # rescaled by the largest element, powers neither overflow nor underflow
    if not 0 < top < math.inf:
        return top
    return top * _root(_sum_of_powers(arrays, p, top), p)


def _root(total: float, p: float) -> float:
    with np.errstate(over="ignore"):  # for p < 1 the root is a power above 1, which may overflow
        return float(np.float64(total) ** (1 / p))


def _largest(arrays: list[Any]) -> float:
    """The largest absolute value; NaN if any element is NaN, and 0 if there are no elements."""
    found = [xp.max(xp.abs(array)) for array in arrays if array.size for xp in [namespace_of(array)]]
    return float(np.max(_numbers(found), initial=0.0))


def _sum_of_powers(arrays: list[Any], p: float, unit: float) -> float:
    """The sum of |x / unit| ** p over all elements; infinite if it overflows."""
    sums = []
    with np.errstate(over="ignore"):
        for array in arrays:
            if p == 2 and unit == 1 and type(array) is np.ndarray:
                sums.append(_sum_of_squares(array))
                continue
            xp = namespace_of(array)
            # The squares of an exploding float32 gradient overflow float32.
            wide = xp.abs(xp.astype(array, xp.float64))
            wide = wide if unit == 1 else wide / unit
            sums.append(xp.sum(wide * wide if p == 2 else wide**p))
        return sum(_numbers(sums), 0.0)


def _sum_of_squares(array: NDArray[Any]) -> float:
    """Computed in pieces that fit the processor's cache; in float32 where its range suffices, else in float64."""
    flat, wide = array.reshape(-1), np.empty(min(PIECE, array.size))
    narrow = array.dtype == np.float32
    total = 0.0
    for start in range(0, flat.size, PIECE):
        piece = flat[start : start + PIECE]
        found = float(piece @ piece) if narrow else 0.0
        if not SMALLEST_NARROW < found < math.inf:
            double = wide[: piece.size]
            double[:] = piece
            found = float(double @ double)
        total += found
    return total


def _numbers(values: list[Any]) -> list[float]:
    """0-d results as numbers, read in one transfer if they are on a device."""
    if len({type(value) for value in values}) > 1 or isinstance(values[0] if values else 0.0, np.generic | float):
        return [float(value) for value in values]
    return list(to_numpy(namespace_of(values[0]).stack(values)).tolist())


def _limit(name: str, value: Any) -> float:
    limit = number(name, value)
    if math.isnan(limit):
        raise ValueError(f"{name} must be a number, got nan")
    if limit < 0:
        raise ValueError(f"{name} must not be negative, got {value}")
    return limit


@explained
def clip_grad_value_(parameters: Iterable[Tensor] | Tensor, clip_value: float) -> None:
    """Limit each element of each gradient to [-clip_value, clip_value].

    Args:
        parameters: as for `clip_grad_norm_`.
        clip_value: the largest absolute value that an element may have.

    Raises:
        ValueError: ``clip_value`` is negative.
        TypeError: ``parameters`` are not tensors, or ``clip_value`` is not a number.

    Example:
        >>> import tinyseq as ts
        >>> w = ts.tensor([3.0, 0.5], requires_grad=True)
        >>> (w * w * 0.5).sum().backward()
        >>> ts.nn.clip_grad_value_([w], 1.0)
        >>> w.grad.numpy()
        array([1. , 0.5])
    """
    clip_value = _limit("clip_value", clip_value)
    for p in _each(parameters):
        if p.grad is not None:
            p.grad = p.grad.clip(low=-clip_value, high=clip_value)


def _each(parameters: Iterable[Tensor] | Tensor) -> list[Tensor]:
    """The parameters, each once, as tied weights may be named twice; a single tensor is not one for each row."""
    if isinstance(parameters, Module):
        raise TypeError(f"parameters is of type {type(parameters).__name__}; give its .parameters()")
    if not isinstance(parameters, Iterable):
        raise TypeError(f"parameters is of type {type(parameters).__name__}; give tensors, or a model's .parameters()")
    tensors = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if not tensors and isinstance(parameters, Iterator):
        warnings.warn("nothing to clip: parameters is an iterator without items left; pass a list", stacklevel=3)
    for i, p in enumerate(tensors):
        if not isinstance(p, Tensor):
            raise TypeError(f"parameters[{i}] is of type {type(p).__name__}; a tensor is expected")
    return list({id(p): p for p in tensors}.values())
