"""Activation functions; relu and its variants take the left-hand slope at 0."""

import math
from functools import cache
from typing import Any

import numpy as np

from tinyseq.autograd.declare import NONZERO, Accuracy, op
from tinyseq.autograd.tensor import Tensor


def _tanh_slope(xp: Any, g: Any, y: Any) -> Any:
    less = g * y  # a new array, so the next lines may write to it (on Tensors, x *= y makes a new one)
    less *= y
    return np.subtract(g, less, out=less) if type(less) is np.ndarray else g - less


tanh = op(
    "tanh",
    forward="tanh",
    saves="out",
    vjp=_tanh_slope,
    tex=r"\bar x = \bar y\,(1 - y^2)",
    method=True,
    slope_bound=1.0,
    reference=np.tanh,
    ulps=Accuracy(
        cancels="gradient", why="1 - y² of a rounded y; the slope kept beside y made an LSTM 2 to 8 % slower"
    ),
    doc="The hyperbolic tangent.",
    example=("ts.tanh(ts.tensor([0.0, 1.0]))", "tensor([0.        , 0.76159416])"),
)


def _sigmoid(xp: Any, x: Any) -> Any:
    """e / (1 + e) with e = exp x, accurate for negative x too; where e would overflow, the result is already 1."""
    cap, one = _limits(xp, x.dtype)
    y = xp.exp(xp.minimum(x, cap))
    y /= y + one
    return y


def _sigmoid_and_slope(xp: Any, x: Any) -> Any:
    """The slope is e / (1 + e)²: y (1 - y) would cancel where y is close to 1.

    Where e would overflow, the slope stays a little below the smallest normal number.
    """
    cap, one = _limits(xp, x.dtype)
    y = xp.exp(xp.minimum(x, cap))
    below = y + one
    y /= below
    return y, y / below


@cache
def _limits(xp: Any, dtype: Any) -> Any:
    """The largest integer whose exp is finite, and 1; as arrays, since a Python number is converted at each use."""
    if not xp.isdtype(dtype, ("real floating", "complex floating")):
        return 709.0, 1.0  # whole numbers become float64
    cap = math.floor(float(np.log(xp.finfo(dtype).max)))
    return xp.asarray(cap, dtype=dtype), xp.asarray(1, dtype=dtype)


def _sigmoid_rule(xp: Any, g: Any, y: Any, slope: Any) -> Any:
    if isinstance(y, Tensor):  # the same number, as the tape knows how to differentiate it
        slope = Tensor(slope, (y - y * y).node)
    return g * slope


sigmoid = op(
    "sigmoid",
    forward=_sigmoid,
    vjp=_sigmoid_rule,
    with_slope=_sigmoid_and_slope,
    tex=r"\bar x = \bar y\,y(1 - y)",
    method=True,
    slope_bound=0.25,
    symbol="σ",
    reference=lambda x: 1 / (1 + np.exp(-x)),
    doc="The logistic function 1 / (1 + exp(-x)), without overflow.",
    example=("ts.sigmoid(ts.tensor([-1000.0, 0.0]))", "tensor([0. , 0.5])"),
)
relu = op(
    "relu",
    forward=lambda xp, x: xp.maximum(x, 0),
    saves="x",
    vjp=lambda xp, g, x: xp.where(x <= 0, 0.0, g),  # so that NaN, which is handed on, has a gradient
    tex=r"\bar x = \bar y\,[x > 0]",
    domain=NONZERO,
    method=True,
    slope_bound=1.0,
    reference=lambda x: np.maximum(x, 0),
    analytic=False,
    doc="max(x, 0); its gradient at 0 is 0.",
    example=("ts.relu(ts.tensor([-1.0, 2.0]))", "tensor([0., 2.])"),
)
leaky_relu = op(
    "leaky_relu",
    forward=lambda xp, x, *, slope=0.01: xp.where(x > 0, x, slope * x),
    saves="x",
    vjp=lambda xp, g, x, *, slope: xp.where(x > 0, g, slope * g),
    tex=r"\bar x = \bar y\,([x > 0] + a[x \le 0])",
    domain=NONZERO,
    reference=lambda x, slope=0.01: np.maximum(x, 0) + slope * np.minimum(x, 0),
    analytic=False,
    doc="""x where it is positive, elsewhere ``slope`` times x.

    Args:
        x: a tensor, an array or a number.
        slope: the factor for negative x.

    Returns:
        A tensor of x's shape.
    """,
    example=("ts.leaky_relu(ts.tensor([-1.0, 2.0]))", "tensor([-0.01,  2.  ])"),
)
elu = op(
    "elu",
    forward=lambda xp, x, *, alpha=1.0: xp.where(x > 0, x, alpha * xp.expm1(xp.where(x > 0, 0.0, x))),
    saves=("x",),
    vjp=lambda xp, g, x, *, alpha: g * xp.where(x > 0, 1.0, alpha * xp.exp(xp.where(x > 0, 0.0, x))),
    tex=r"\bar x = \bar y\,([x > 0] + a e^x[x \le 0])",
    domain=NONZERO,
    reference=lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
    analytic=False,
    doc="""x where it is positive, elsewhere alpha (exp(x) - 1).

    Args:
        x: a tensor, an array or a number.
        alpha: minus the limit for large negative x.

    Returns:
        A tensor of x's shape.
    """,
    example=("ts.elu(ts.tensor([-1000.0, 2.0]))", "tensor([-1.,  2.])"),
)
