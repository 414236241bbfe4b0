"""Losses, and the clipping of gradients."""

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

from tinyseq.autograd.ops.elementwise import square
from tinyseq.autograd.ops.index import take_along_axis
from tinyseq.autograd.ops.reduce import mean
from tinyseq.autograd.ops.reduce import sum as total
from tinyseq.autograd.ops.stable import log_softmax, softmax_cross_entropy
from tinyseq.autograd.tensor import Tensor, TensorLike, constant, constant_like
from tinyseq.backend import namespace_of
from tinyseq.nn.layers import check_ids

Reduction = Literal["mean", "sum", "none"]


def _checked(targets: Any, rows: tuple[int, ...], classes: int, ignore_index: int) -> tuple[Any, Any]:
    """Target ids with the ignored ones set to 0, and a mask of those that count."""
    ids = np.asarray(targets.numpy() if isinstance(targets, Tensor) else targets)
    if ids.shape != rows:
        raise ValueError(f"targets must have shape {rows}, one id for each row of logits, got {ids.shape}")
    counted = ids != ignore_index
    ids = np.where(counted, ids, 0)
    check_ids(ids, classes, "targets")
    return ids, counted


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
        ignore_index: targets of this value count for nothing.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss a target.
        label_smoothing: the share of probability spread evenly over all classes, in [0, 1].

    If every target is ignored, the mean is 0 (in PyTorch it is NaN).

    Raises:
        ValueError, IndexError: for shapes or ids that do not fit.

    Example:
        >>> import tinyseq as ts
        >>> loss = ts.nn.cross_entropy(ts.zeros(3, 4), [0, 1, 2])  # uniform over 4: perplexity 4
        >>> round(ts.exp(loss).item(), 9)
        4.0
    """
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing must lie in [0, 1], got {label_smoothing}")
    logits = constant(logits)
    ids, counted = _checked(targets, logits.shape[:-1], logits.shape[-1], ignore_index)
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
    """
    log_probs = constant(log_probs)
    ids, counted = _checked(targets, log_probs.shape[:-1], log_probs.shape[-1], ignore_index)
    picked = take_along_axis(log_probs, ids[..., None], axis=-1)
    return _reduced(-picked.reshape(ids.shape), counted, reduction)


def mse_loss(prediction: TensorLike, target: TensorLike, reduction: Reduction = "mean") -> Tensor:
    """The squared difference, averaged over all elements.

    Raises:
        ValueError: if the shapes differ (broadcasting here is nearly always a mistake).
    """
    prediction, target = constant(prediction), constant(target)
    if prediction.shape != target.shape:
        raise ValueError(f"prediction has shape {prediction.shape}, target {target.shape}; they must be equal")
    losses: Tensor = square(prediction - target)
    return _reduced(losses, np.ones(losses.shape, dtype=bool), reduction)


def clip_grad_norm_(parameters: Iterable[Tensor] | Tensor, max_norm: float) -> float:
    """Scale all gradients down together so that their joint norm is at most ``max_norm``.

    The norm is that of all gradients as one vector. (The lectures' snippet compares the *squared* norm with the
    threshold, without the root; the norm is meant.)

    Args:
        parameters: tensors whose ``.grad`` is to be clipped, or a single one; those without one are passed over.
        max_norm: the threshold.

    Returns:
        The norm before clipping.

    Example:
        >>> import tinyseq as ts
        >>> w = ts.tensor([3.0, 4.0], requires_grad=True)
        >>> (w * w * 0.5).sum().backward()
        >>> ts.nn.clip_grad_norm_([w], 1.0)
        5.0
        >>> w.grad.numpy().round(3)
        array([0.6, 0.8])
    """
    gradients = [(p, p.grad) for p in _each(parameters) if p.grad is not None]
    squares = 0.0
    for _, g in gradients:
        xp = namespace_of(g._array)
        wide = xp.astype(g._array, xp.float64)  # the squares of an exploding float32 gradient are beyond float32
        squares += float(xp.sum(wide * wide))
    norm = float(np.sqrt(squares))
    if norm > max_norm:
        for p, g in gradients:
            p.grad = g * (max_norm / (norm + 1e-6))
    return norm


def clip_grad_value_(parameters: Iterable[Tensor] | Tensor, limit: float) -> None:
    """Limit each element of each gradient to [-limit, limit]; ``parameters`` as for `clip_grad_norm_`."""
    for p in _each(parameters):
        if p.grad is not None:
            p.grad = p.grad.clip(low=-limit, high=limit)


def _each(parameters: Iterable[Tensor] | Tensor) -> Iterable[Tensor]:
    """A single tensor is one parameter, not one for each of its rows."""
    return [parameters] if isinstance(parameters, Tensor) else parameters
