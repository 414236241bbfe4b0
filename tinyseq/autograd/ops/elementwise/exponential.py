"""Exponentials and logarithms to other bases, and the cube root."""

import math
from typing import Any

import numpy as np

from tinyseq.autograd.calls.tensors import check_real_numbers
from tinyseq.autograd.declare import NONZERO, POSITIVE, Accuracy, composite, op
from tinyseq.autograd.ops.elementwise.arithmetic import pow
from tinyseq.autograd.ops.elementwise.choice import astype
from tinyseq.autograd.tensor import Tensor, TensorLike, constant
from tinyseq.backend import EXTENSIONS, Namespace

LN2, LN10, INF = math.log(2), math.log(10), float("inf")


def _cube_root(xp: Namespace, x: Any) -> Any:
    """For libraries without such a function: a power and one Newton step."""
    size = xp.abs(x)
    plain = (size > 0) & xp.isfinite(size)
    y = xp.where(plain, size, 1.0) ** (1 / 3)
    y = y - (y - xp.where(plain, size, 1.0) / y / y) / 3
    return xp.where(plain, xp.sign(x) * y, x)


EXTENSIONS.update(
    exp2=lambda xp, x: 2.0**x,
    cbrt=_cube_root,
    logaddexp2=lambda xp, x, y: xp.logaddexp(x * LN2, y * LN2) / LN2,
)

exp2 = op(
    "exp2",
    forward="exp2",
    saves="out",
    vjp=lambda xp, g, y: g * y * LN2,
    tex=r"\bar x = \bar y\,y \ln 2",
    reference=lambda x: 2.0**x,
    doc="2 to the power of x.",
    example=("ts.exp2(ts.tensor([0.0, 10.0]))", "tensor([1.000e+00, 1.024e+03])"),
)
log2 = op(
    "log2",
    forward="log2",
    saves="x",
    vjp=lambda xp, g, x: g / x / LN2,
    tex=r"\bar x = \bar y / (x \ln 2)",
    domain=POSITIVE,
    method=True,
    reference=lambda x: np.log(x) / np.log(2),
    doc="The logarithm to base 2.",
    example=("ts.log2(ts.tensor([1.0, 1024.0]))", "tensor([ 0., 10.])"),
)
log10 = op(
    "log10",
    forward="log10",
    saves="x",
    vjp=lambda xp, g, x: g / x / LN10,
    tex=r"\bar x = \bar y / (x \ln 10)",
    domain=POSITIVE,
    method=True,
    reference=lambda x: np.log(x) / np.log(10),
    doc="The logarithm to base 10.",
    example=("ts.log10(ts.tensor([1.0, 1000.0]))", "tensor([0., 3.])"),
)
cbrt = op(
    "cbrt",
    forward="cbrt",
    saves="out",
    vjp=lambda xp, g, y: g / (3 * y * y),
    tex=r"\bar x = \bar y / 3y^2",
    domain=NONZERO,
    analytic=False,
    reference=np.cbrt,
    ulps=Accuracy(gradient=8),
    doc="The cube root, of negative numbers too; its slope at 0 is infinite.",
    example=("ts.cbrt(ts.tensor([8.0, -27.0]))", "tensor([ 2., -3.])"),
)


def _share(xp: Any, g: Any, x: Any, y: Any) -> Any:
    """The share of x in 2^x + 2^y: 1/2 where both are inf, 0 where both are -inf."""
    infinite = (x == y) & (xp.abs(x) == INF)
    with np.errstate(invalid="ignore", over="ignore"):
        apart = xp.where(infinite, 0.0, x - y)
    below = apart < 0
    smaller = xp.exp2(xp.where(below, apart, -apart))  # of the two, as a part of the larger one
    return g * xp.where(infinite & (x < 0), 0.0, xp.where(below, smaller, 1.0) / (1 + smaller))


logaddexp2 = op(
    "logaddexp2",
    forward="logaddexp2",
    saves=("x", "y"),
    vjp=(_share, lambda xp, g, x, y: _share(xp, g, y, x)),
    broadcasts=True,
    tex=r"\bar x = \bar z\,2^{x - z},\quad \bar y = \bar z\,2^{y - z}",
    analytic=False,
    slope_bound=1.0,
    reference=lambda x, y: np.maximum(x, y) + np.log1p(2.0 ** -np.abs(x - y)) / np.log(np.asarray(2, dtype=x.dtype)),
    ulps=Accuracy(cancels="value gradient", gradient=8, why="the larger term and the log may cancel; x - y is rounded"),
    doc="""log2(2^x + 2^y) without overflow.

    Example:
        >>> import tinyseq as ts
        >>> ts.logaddexp2(ts.tensor(2000.0), 2000.0)
        tensor(2001.)
    """,
)


@composite
def float_power(x: TensorLike, y: TensorLike) -> Tensor:
    """x to the power of y in float64, whatever their types, as NumPy's function.

    Args:
        x, y: tensors that broadcast against each other.

    Returns:
        float64, or complex128.

    Example:
        >>> import tinyseq as ts
        >>> ts.float_power(2, 3)
        tensor(8.)
    """
    numbers = [z if isinstance(z, int | float) else constant(z) for z in (x, y)]
    check_real_numbers(*(z for z in numbers if isinstance(z, Tensor)))
    base, exponent = (astype(z, np.float64) if isinstance(z, Tensor) else float(z) for z in numbers)
    return pow(base, exponent)
