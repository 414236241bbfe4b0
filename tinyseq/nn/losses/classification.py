"""Classification losses: cross entropy and binary cross entropy."""

import math
import warnings
from typing import Any

import numpy as np

from tinyseq.arguments import number, whole
from tinyseq.autograd.anomaly import frames_inside
from tinyseq.autograd.modes import MODE
from tinyseq.autograd.ops.elementwise.choice import where
from tinyseq.autograd.ops.moves.index import getitem, take_along_axis
from tinyseq.autograd.ops.reduce import sum as total
from tinyseq.autograd.ops.stable import log_softmax, softmax_cross_entropy, softplus
from tinyseq.autograd.tensor import Tensor, TensorLike, constant, constant_like
from tinyseq.backend import frozen, namespace_of, on_host
from tinyseq.nn.checks import ROUNDING, as_ids, as_numbers, check_ids
from tinyseq.nn.losses.reduction import Reduction, check_between, counting, in_dtype_of, reduced
from tinyseq.torch_names.settings import explained

_OUTSIDE = (  # cures for targets below 0, and for those that are too large
    "; ids count from 0, and ignore_index= names the one that is ignored",
    "; ids count from 0: subtract 1 from labels that count from 1",
)
_NUMBER = constant(0.0)  # whose dtype lists and whole numbers take


@explained
def cross_entropy(
    logits: TensorLike,
    targets: TensorLike,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    *,
    weight: TensorLike | None = None,
) -> Tensor:
    r"""-log softmax(logits)[target], averaged over the targets that are not ignored.

    The classes lie on the **last** axis, so that a language model's (T, B, V) logits need no reshaping. The gradient
    with respect to the logits is softmax(logits) - one_hot(target); exp of the mean is the perplexity.

    Args:
        logits: (..., V) scores.
        targets: (...) ids in [0, V), or ``ignore_index``; or soft targets (..., V), the probability of each class, as
            floating-point numbers. The loss of a row is then -sum_v targets[v] log softmax(logits)[v].
        ignore_index: targets with this value are ignored, whatever their logits are.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per target.
        label_smoothing: the share of probability spread evenly over all classes, in [0, 1].
        weight: (V,), how much each class counts. With ids, the mean is the weighted mean: the sum of losses divided by
            the sum of their targets' weights. With soft targets it is divided by their number, as in PyTorch.

    Returns:
        A number, or with ``reduction="none"`` one loss per target, 0 for those that are ignored. If every target is
        ignored or has weight 0, the mean is 0 (in PyTorch it is NaN).

    Raises:
        ValueError, IndexError, TypeError: for shapes, ids or values that do not fit.

    Warns:
        UserWarning: the logits look like the results of a softmax, which `cross_entropy` applies itself.

    Example:
        >>> import tinyseq as ts
        >>> loss = ts.nn.cross_entropy(ts.zeros(3, 4), [0, 1, 2])  # uniform over 4: perplexity 4
        >>> round(ts.exp(loss).item(), 9)
        4.0
        >>> ts.nn.cross_entropy(ts.zeros(2), [0.25, 0.75]).item() == ts.nn.cross_entropy(ts.zeros(2), 0).item()
        True
    """
    if not 0 <= number("label_smoothing", label_smoothing) <= 1:
        raise ValueError(f"label_smoothing must lie in [0, 1], got {label_smoothing}")
    logits = _scores(logits, "logits")
    shares = _class_weights(weight, logits)
    soft = _soft(targets, logits)
    if soft is not None:
        losses = _against_soft(logits, soft, shares, label_smoothing)
        return reduced(losses, np.ones(losses.shape, dtype=bool), reduction)
    _warn_of_softmax(logits)
    logits, ids, counted = _checked(logits, "logits", targets, ignore_index)
    picked = None if shares is None else getitem(shares, ids)
    kept: list[Any] | None = [] if logits.requires_grad and MODE.get().grad else None
    losses = softmax_cross_entropy(logits, targets=ids, kept=kept)
    if picked is not None:
        losses = counting(picked, losses)
    if label_smoothing:
        uniform = constant_like(logits, np.full(logits.shape[-1:], 1.0 / logits.shape[-1]))
        losses = losses * (1 - label_smoothing) + _against_soft(logits, uniform, shares) * label_smoothing
    return reduced(losses, counted, reduction, picked)


@explained
def nll_loss(
    log_probs: TensorLike,
    targets: TensorLike,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    *,
    weight: TensorLike | None = None,
) -> Tensor:
    """-log_probs[target], averaged; what `cross_entropy` is after a log_softmax.

    Args:
        log_probs: (..., V).
        targets: (...) ids in [0, V), or ``ignore_index``.
        ignore_index, reduction, weight: as for `cross_entropy`.

    Returns:
        A number, or with ``reduction="none"`` one loss per target.

    Raises:
        ValueError, IndexError, TypeError: for shapes, ids or values that do not fit; a log probability of a target is
            above 0, which is not checked on a GPU.

    Example:
        >>> import tinyseq as ts
        >>> ts.nn.nll_loss([[-0.5, -1.0], [-2.0, -0.1]], [0, 1]).item()
        0.3
    """
    log_probs = _scores(log_probs, "log_probs")
    shares = _class_weights(weight, log_probs)
    log_probs, ids, counted = _checked(log_probs, "log_probs", targets, ignore_index)
    losses = -take_along_axis(log_probs, ids[..., None], axis=-1).reshape(ids.shape)
    xp = namespace_of(losses._array)
    if xp.on_host and bool(xp.any(losses._array < -ROUNDING)):  # on a GPU, looking would wait for it
        raise ValueError(
            f"log_probs must be logs of probabilities, at most 0, got {-losses.numpy().min():.4g}; "
            "apply ts.log_softmax(scores, axis=-1) first, or give the scores to ts.nn.cross_entropy"
        )
    if shares is None:
        return reduced(losses, counted, reduction)
    picked = getitem(shares, ids)
    return reduced(counting(picked, losses), counted, reduction, picked)


def _scores(scores: TensorLike, name: str) -> Tensor:
    """Scores of classes on the last axis."""
    scores = as_numbers(scores, _NUMBER, name)
    if not scores.ndim or not scores.shape[-1]:
        raise ValueError(f"{name} must have shape (..., V), scores of V >= 1 classes last, got {scores.shape}")
    return scores


def _warn_of_softmax(logits: Tensor) -> None:
    """Warn of probabilities in place of scores, by the first row and the last: a second softmax learns very slowly.

    Only on the host, where looking at values is free; what is recorded for a compiled step is not looked at either.
    """
    if type(logits._array) is not np.ndarray or not logits.requires_grad or logits.shape[-1] < 2 or not logits.size:
        return
    edges = (logits._array[(i,) * (logits.ndim - 1)] for i in (0, -1))
    if all(0 < row[0] < 1 and row.min() > 0 and abs(row.sum() - 1) < 1e-5 for row in edges):
        warnings.warn(
            "logits look like probabilities: they are above 0, and rows sum to 1. cross_entropy applies the softmax "
            "itself; pass the scores from before your softmax",
            stacklevel=1 + frames_inside(),
        )


def _class_weights(weight: TensorLike | None, scores: Tensor) -> Tensor | None:
    if weight is None:
        return None
    weight = in_dtype_of(scores, weight, "weight")
    if weight.shape != scores.shape[-1:]:
        raise ValueError(
            f"weight must have shape {scores.shape[-1:]}, one number for each class on the last axis of "
            f"{scores.shape}, got {weight.shape}"
        )
    check_between(weight, 0.0, math.inf, "weight")
    return weight


def _soft(targets: Any, logits: Tensor) -> Tensor | None:
    """Soft targets as a tensor, or None if the targets are ids, which have one axis fewer."""
    given = targets if hasattr(targets, "dtype") else as_ids(targets, "targets")
    if given.shape != logits.shape:
        return None
    is_here = isinstance(given, np.ndarray)  # which may be used with logits on a GPU, as ids may
    soft = constant_like(logits, np.array(on_host(given))) if is_here else constant(given)
    if not namespace_of(soft._array).isdtype(soft.dtype, "real floating"):
        raise ValueError(
            f"targets have the shape {given.shape} of the logits, so they must be probabilities in floating point, "
            f"got {given.dtype}; convert them with .astype(float), or give one id for each row"
        )
    check_between(soft, 0.0, 1.0, "targets")
    return in_dtype_of(logits, soft, "targets")


def _against_soft(logits: Tensor, soft: Tensor, shares: Tensor | None, label_smoothing: float = 0.0) -> Tensor:
    """-sum_v weight_v target_v log softmax(logits)_v of each row."""
    if label_smoothing:
        soft = soft * (1 - label_smoothing) + label_smoothing / logits.shape[-1]
    if shares is not None:
        soft = soft * shares
    return total(counting(soft, -log_softmax(logits, axis=-1)), axis=-1)


def _checked(scores: Tensor, name: str, targets: Any, ignore_index: int) -> tuple[Tensor, Any, Any]:
    """Scores and target ids with zeros where a target is ignored, and a mask of those that count."""
    if np.ndim(ignore_index):  # the position of weight in PyTorch
        raise TypeError(f"ignore_index must be a whole number, got {ignore_index!r}; give weight= by its name")
    ignore_index = whole("ignore_index", ignore_index, None)
    ids = as_ids(targets, "targets")
    if ids.shape != scores.shape[:-1]:
        raise ValueError(
            f"targets must have shape {scores.shape[:-1]}, one id for each row of {name} {scores.shape} "
            f"with the classes on the last axis, got {ids.shape}{_moved(ids.shape, scores.shape, name)}"
        )
    counted = ids != ignore_index
    if not counted.all():  # non-finite values at ignored positions would spoil the gradients
        scores = where(constant_like(scores, counted[..., None]), scores, 0.0)
        ids = np.where(counted, ids, 0)
    ids = frozen(ids.copy())
    check_ids(ids, scores.shape[-1], "targets", _OUTSIDE)
    return scores, ids, counted


def _moved(ids: tuple[int, ...], scores: tuple[int, ...], name: str) -> str:
    """The cure for targets whose axes stand otherwise than those of the scores."""
    if len(scores) > 2 and ids == scores[:1] + scores[2:]:
        return f"; PyTorch's classes are on axis 1: give ts.moveaxis({name}, 1, -1)"
    if ids == scores[-2::-1]:
        return "; give targets.T"
    return "; give targets.reshape(...)" if math.prod(ids) == math.prod(scores[:-1]) else ""


@explained
def binary_cross_entropy_with_logits(
    logits: TensorLike,
    targets: TensorLike,
    weight: TensorLike | None = None,
    reduction: Reduction = "mean",
    pos_weight: TensorLike | None = None,
) -> Tensor:
    r"""-t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)) for each logit x and target t, without overflow.

    The gradient with respect to a logit is sigmoid(x) - t.

    Args:
        logits: scores of any shape; 0 means a probability of 1/2.
        targets: of the same shape, 0 or 1, or a probability.
        weight: how much each element counts; any shape that broadcasts to that of the logits.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"``.
        pos_weight: the weight of positive targets, such as the ratio of negatives to positives; broadcasts as
            ``weight`` does: (V,) has a number for each of V questions on the last axis.

    Returns:
        A number, or with ``reduction="none"`` a tensor of the logits' shape.

    Raises:
        ValueError, TypeError: for shapes or values that do not fit.

    Example:
        >>> import tinyseq as ts
        >>> ts.nn.binary_cross_entropy_with_logits([0.0, 1000.0, -1000.0], [1, 1, 0], reduction="none").numpy().round(4)
        array([0.6931, 0.    , 0.    ])
    """
    logits = as_numbers(logits, _NUMBER, "logits")
    targets = in_dtype_of(logits, targets, "targets")
    if targets.shape != logits.shape:
        raise ValueError(f"targets have shape {targets.shape}, logits {logits.shape}; they must be equal")
    check_between(targets, 0.0, 1.0, "targets")
    yes = targets if pos_weight is None else targets * _broadcast_weight(pos_weight, logits, "pos_weight")
    losses = counting(yes, softplus(-logits)) + counting(1 - targets, softplus(logits))
    if weight is not None:
        losses = counting(_broadcast_weight(weight, logits, "weight"), losses)
    return reduced(losses, np.ones(losses.shape, dtype=bool), reduction)


def _broadcast_weight(weight: TensorLike, logits: Tensor, name: str) -> Tensor:
    weight = in_dtype_of(logits, weight, name)
    try:
        fits = np.broadcast_shapes(weight.shape, logits.shape) == logits.shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"{name} must broadcast to the shape {logits.shape} of logits, got {weight.shape}")
    check_between(weight, 0.0, math.inf, name)
    return weight
