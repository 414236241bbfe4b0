"""Losses, and the clipping of gradients."""

import math
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import numpy as np

from tinyseq.autograd.ops.elementwise import square, where
from tinyseq.autograd.ops.index import take_along_axis
from tinyseq.autograd.ops.reduce import mean
from tinyseq.autograd.ops.reduce import sum as total
from tinyseq.autograd.ops.stable import log_softmax, softmax_cross_entropy
from tinyseq.autograd.tensor import Tensor, TensorLike, constant, constant_like
from tinyseq.backend import namespace_of
from tinyseq.nn.checks import as_ids, as_numbers, check_ids
from tinyseq.nn.module import Module

Reduction = Literal["mean", "sum", "none"]


def _checked(scores: TensorLike, name: str, targets: Any, ignore_index: int) -> tuple[Tensor, Any, Any]:
    """Scores and target ids with zeros where a target is ignored, and a mask of those that count."""
    scores = as_numbers(scores, constant(0.0), name)
    if not scores.ndim or not scores.shape[-1]:
        raise ValueError(f"{name} must have shape (..., V), scores of V >= 1 classes last, got {scores.shape}")
    ids = as_ids(targets, "targets")
    if ids.shape != scores.shape[:-1]:
        raise ValueError(
            f"targets must have shape {scores.shape[:-1]}, one id for each row of {name} {scores.shape} "
            f"with the classes on the last axis, got {ids.shape}"
        )
    counted = ids != ignore_index
    ids = np.where(counted, ids, 0)
    check_ids(ids, scores.shape[-1], "targets")
    if not counted.all():  # what is not finite where nothing counts would spoil the gradients
        scores = where(constant_like(scores, counted[..., None]), scores, 0.0)
    return scores, ids, counted


def _reduced(losses: Tensor, counted: Any, reduction: str) -> Tensor:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'reduction must be "mean", "sum" or "none", got {reduction!r}')
    if not counted.all():
        losses = losses * constant_like(losses, counted * 1.0)
    if reduction == "none":
        return losses
    summed: Tensor = total(losses)
    return summed if reduction == "sum" else summed * (1.0 / max(int(counted.sum()), 1))


def cross_entropy(
    logits: TensorLike,
    targets: Any,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    r"""-log softmax(logits)[target], averaged over the targets that are not ignored.

    The classes lie on the **last** axis, so that a language model's (T, B, V) logits need no reshaping. The gradient
    with respect to the logits is softmax(logits) - one_hot(target); exp of the mean is the perplexity.

    Args:
        logits: (..., V) scores.
        targets: (...) ids in [0, V), or ``ignore_index``.
        ignore_index: targets of this value count for nothing, whatever their logits are.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss a target.
        label_smoothing: the share of probability spread evenly over all classes, in [0, 1].

    Returns:
        A number, or with ``reduction="none"`` one loss a target, 0 for those that are ignored. If every target is
        ignored, the mean is 0 (in PyTorch it is NaN).

    Raises:
        ValueError, IndexError, TypeError: for shapes, ids or values that do not fit.

    Example:
        >>> import tinyseq as ts
        >>> loss = ts.nn.cross_entropy(ts.zeros(3, 4), [0, 1, 2])  # uniform over 4: perplexity 4
        >>> round(ts.exp(loss).item(), 9)
        4.0
    """
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing must lie in [0, 1], got {label_smoothing}")
    logits, ids, counted = _checked(logits, "logits", targets, ignore_index)
    losses: Tensor = softmax_cross_entropy(logits, targets=ids)
    if label_smoothing:
        spread = -mean(log_softmax(logits, axis=-1), axis=-1)
        losses = losses * (1 - label_smoothing) + spread * label_smoothing
    return _reduced(losses, counted, reduction)


def nll_loss(log_probs: TensorLike, targets: Any, ignore_index: int = -100, reduction: Reduction = "mean") -> Tensor:
    """-log_probs[target], averaged; what `cross_entropy` is after a log_softmax.

    Args:
        log_probs: (..., V).
        targets, ignore_index, reduction: as for `cross_entropy`.

    Returns:
        A number, or with ``reduction="none"`` one loss a target.

    Raises:
        ValueError, IndexError, TypeError: for shapes, ids or values that do not fit.

    Example:
        >>> import tinyseq as ts
        >>> ts.nn.nll_loss([[-0.5, -1.0], [-2.0, -0.1]], [0, 1]).item()
        0.3
    """
    log_probs, ids, counted = _checked(log_probs, "log_probs", targets, ignore_index)
    picked = take_along_axis(log_probs, ids[..., None], axis=-1)
    return _reduced(-picked.reshape(ids.shape), counted, reduction)


def mse_loss(prediction: TensorLike, target: TensorLike, reduction: Reduction = "mean") -> Tensor:
    """The squared difference, averaged over all elements.

    Args:
        prediction, target: tensors of one shape.
        reduction: as for `cross_entropy`.

    Returns:
        A number, or with ``reduction="none"`` a tensor of that shape.

    Raises:
        ValueError: if the shapes differ (broadcasting here is nearly always a mistake).

    Example:
        >>> import tinyseq as ts
        >>> ts.nn.mse_loss([1.0, 3.0], [1.0, 1.0]).item()
        2.0
    """
    prediction, target = constant(prediction), constant(target)
    if prediction.shape != target.shape:
        raise ValueError(f"prediction has shape {prediction.shape}, target {target.shape}; they must be equal")
    losses: Tensor = square(prediction - target)
    return _reduced(losses, np.ones(losses.shape, dtype=bool), reduction)


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
