"""The clipping of gradients, by their joint norm or one by one."""

import math
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import namespace_of
from tinyseq.nn.module import Module


def clip_grad_norm_(
    parameters: Iterable[Tensor] | Tensor, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> float:
    """Scale all gradients down together so that their joint norm is at most ``max_norm``.

    The norm is that of all gradients as one vector. (The lectures' snippet compares the *squared* norm with the
    threshold, without the root; the norm is meant.) The values are PyTorch's, whose scale is max_norm / (norm + 1e-6).

    Args:
        parameters: tensors whose ``.grad`` is to be clipped, or a single one; those without one are passed over.
        max_norm: the threshold; infinity measures without clipping.
        norm_type: the p of the p-norm; ``math.inf`` for the largest absolute value.
        error_if_nonfinite: raise an error if the norm is NaN or infinite. Without it, a norm that is NaN makes every
            gradient NaN, and an infinite one makes zeros and NaNs, as in PyTorch.

    Returns:
        The norm before clipping; 0.0 if there is no gradient.

    Raises:
        ValueError: ``max_norm`` is negative, or ``norm_type`` is not positive.
        TypeError: ``parameters`` are no tensors.
        RuntimeError: the norm is not finite, and that shall be an error; the gradients are as they were.

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
    if not max_norm >= 0:
        raise ValueError(f"max_norm must not be negative, got {max_norm}")
    if not norm_type > 0:
        raise ValueError(f"norm_type must be above 0, got {norm_type}")
    gradients = [(p, p.grad) for p in _each(parameters) if p.grad is not None]
    norm = _norm([g._array for _, g in gradients], norm_type)
    if error_if_nonfinite and not math.isfinite(norm):
        raise RuntimeError(f"the norm of the gradients is {norm}; lower the learning rate, or look where it comes from")
    scale = max_norm / (norm + 1e-6)
    if not (scale >= 1 or max_norm == math.inf):
        with np.errstate(invalid="ignore"):  # zero times infinity
            for p, g in gradients:
                p.grad = g * scale
    return norm


def _norm(arrays: list[Any], p: float) -> float:
    """The p-norm of some arrays as one vector."""
    total = 0.0
    for array in arrays:
        xp = namespace_of(array)
        wide = xp.abs(xp.astype(array, xp.float64))  # the squares of an exploding float32 gradient are beyond float32
        if wide.size and p == math.inf:
            total = float(np.maximum(total, float(xp.max(wide))))  # NaN stays NaN
        elif wide.size:
            total += float(xp.sum(wide * wide if p == 2 else wide**p))
    return total if p == math.inf else total ** (1 / p)


def clip_grad_value_(parameters: Iterable[Tensor] | Tensor, clip_value: float) -> None:
    """Limit each element of each gradient to [-clip_value, clip_value].

    Args:
        parameters: as for `clip_grad_norm_`.
        clip_value: the largest absolute value that an element may have.

    Raises:
        ValueError: ``clip_value`` is negative.
        TypeError: ``parameters`` are no tensors.

    Example:
        >>> import tinyseq as ts
        >>> w = ts.tensor([3.0, 0.5], requires_grad=True)
        >>> (w * w * 0.5).sum().backward()
        >>> ts.nn.clip_grad_value_([w], 1.0)
        >>> w.grad.numpy()
        array([1. , 0.5])
    """
    if not clip_value >= 0:
        raise ValueError(f"clip_value must not be negative, got {clip_value}")
    for p in _each(parameters):
        if p.grad is not None:
            p.grad = p.grad.clip(low=-clip_value, high=clip_value)


def _each(parameters: Iterable[Tensor] | Tensor) -> list[Tensor]:
    """The parameters as a list; a single tensor is one, not one for each of its rows."""
    if isinstance(parameters, Module):
        raise TypeError(f"parameters is a {type(parameters).__name__}; give its .parameters()")
    tensors = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if not tensors and isinstance(parameters, Iterator):
        warnings.warn("there is nothing to clip: parameters has been read to its end before; give a list", stacklevel=3)
    for i, p in enumerate(tensors):
        if not isinstance(p, Tensor):
            raise TypeError(f"parameters[{i}] is of type {type(p).__name__}; a tensor is expected")
    return tensors
