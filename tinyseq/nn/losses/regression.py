"""Regression losses."""

import math

import numpy as np

from tinyseq.arguments import number
from tinyseq.autograd.ops.elementwise.arithmetic import abs as absolute
from tinyseq.autograd.ops.elementwise.arithmetic import square
from tinyseq.autograd.ops.elementwise.choice import minimum
from tinyseq.autograd.tensor import Tensor, TensorLike, constant
from tinyseq.nn.checks import as_numbers
from tinyseq.nn.losses.reduction import Reduction, in_dtype_of, reduced
from tinyseq.torch_names.settings import explained


@explained
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
    losses: Tensor = square(_difference(prediction, target))
    return reduced(losses, np.ones(losses.shape, dtype=bool), reduction)


@explained
def l1_loss(prediction: TensorLike, target: TensorLike, reduction: Reduction = "mean") -> Tensor:
    """The absolute difference, averaged over all elements; its gradient is 0 where they are equal.

    Args:
        prediction, target: tensors of one shape.
        reduction: as for `cross_entropy`.

    Returns:
        A number, or with ``reduction="none"`` a tensor of that shape.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> import tinyseq as ts
        >>> ts.nn.l1_loss([1.0, 4.0], [2.0, 1.0]).item()
        2.0
    """
    losses: Tensor = absolute(_difference(prediction, target))
    return reduced(losses, np.ones(losses.shape, dtype=bool), reduction)


@explained
def huber_loss(prediction: TensorLike, target: TensorLike, reduction: Reduction = "mean", delta: float = 1.0) -> Tensor:
    """d^2 / 2 for a difference d of size up to ``delta``, and delta (size - delta / 2) beyond: outliers count less.

    Args:
        prediction, target: tensors of one shape.
        reduction: as for `cross_entropy`.
        delta: where the loss changes from quadratic to linear, and the slope of the linear part; above 0.

    Returns:
        A number, or with ``reduction="none"`` a tensor of that shape.

    Raises:
        ValueError: if the shapes differ, or delta is not above 0.

    Source: Huber (1964).

    Example:
        >>> import tinyseq as ts
        >>> ts.nn.huber_loss([1.0, 10.0], [0.0, 0.0], reduction="none").numpy()
        array([0.5, 9.5])
    """
    if not number("delta", delta) > 0:
        raise ValueError(f"delta must be above 0, got {delta}")
    far = absolute(_difference(prediction, target))
    near = minimum(far, delta)
    return reduced(near * (far - near * 0.5), np.ones(far.shape, dtype=bool), reduction)


@explained
def smooth_l1_loss(
    prediction: TensorLike, target: TensorLike, reduction: Reduction = "mean", beta: float = 1.0
) -> Tensor:
    """`huber_loss` divided by its threshold: `l1_loss`, but smooth around 0.

    Args:
        prediction, target: tensors of one shape.
        reduction: as for `cross_entropy`.
        beta: where the loss changes from quadratic to linear; 0 gives `l1_loss`.

    Returns:
        A number, or with ``reduction="none"`` a tensor of that shape.

    Raises:
        ValueError: if the shapes differ, or beta is negative or infinite.

    Source: Girshick, Fast R-CNN (2015).

    Example:
        >>> import tinyseq as ts
        >>> ts.nn.smooth_l1_loss([1.0, 10.0], [0.0, 0.0], reduction="none", beta=2.0).numpy()
        array([0.25, 9.  ])
    """
    if not 0 <= number("beta", beta) < math.inf:
        raise ValueError(f"beta must be a number of at least 0, got {beta}")
    if beta == 0:
        return l1_loss(prediction, target, reduction)
    far = absolute(_difference(prediction, target))
    near = minimum(far, beta)
    return reduced((near / beta) * (far - near * 0.5), np.ones(far.shape, dtype=bool), reduction)


def _difference(prediction: TensorLike, target: TensorLike) -> Tensor:
    prediction = as_numbers(prediction, constant(0.0), "prediction")
    target = in_dtype_of(prediction, target, "target")
    if prediction.shape != target.shape:
        raise ValueError(f"prediction has shape {prediction.shape}, target {target.shape}; they must be equal")
    return prediction - target
