"""Exponentials and logarithms to other bases, and the cube root."""

import math
from typing import Any

import numpy as np

from tinyseq.autograd.op import NONZERO, POSITIVE, composite, op
from tinyseq.autograd.ops.elementwise import astype, pow
from tinyseq.autograd.ops.stable import logaddexp
from tinyseq.autograd.tensor import Tensor, TensorLike, constant
from tinyseq.backend import EXTENSIONS, Namespace

LN2, LN10 = math.log(2), math.log(10)


def _cube_root(xp: Namespace, x: Any) -> Any:
    """For libraries without such a function: a power, and a step of Newton's."""
    size = xp.abs(x)
    plain = (size > 0) & xp.isfinite(size)
    y = xp.where(plain, size, 1.0) ** (1 / 3)
    y = y - (y - xp.where(plain, size, 1.0) / y / y) / 3
    return xp.where(plain, xp.sign(x) * y, x)


EXTENSIONS.update(exp2=lambda xp, x: 2.0**x, cbrt=_cube_root)

exp2 = op(
    "exp2",
    forward="exp2",
    saves="out",
    vjp=lambda xp, g, y: g * y * LN2,
    tex=r"\bar x = \bar y\,y \ln 2",
    reference=lambda x: 2.0**x,
    doc="2 to the power of x.",
)
log2 = op(
    "log2",
    forward="log2",
    saves="x",
    vjp=lambda xp, g, x: g / x / LN2,
    tex=r"\bar x = \bar y / (x \ln 2)",
    domain=POSITIVE,
    reference=lambda x: np.log(x) / np.log(2),
    doc="The logarithm to base 2.",
)
log10 = op(
    "log10",
    forward="log10",
    saves="x",
    vjp=lambda xp, g, x: g / x / LN10,
    tex=r"\bar x = \bar y / (x \ln 10)",
    domain=POSITIVE,
    reference=lambda x: np.log(x) / np.log(10),
    doc="The logarithm to base 10.",
)
cbrt = op(
    "cbrt",
    forward="cbrt",
    saves="out",
    vjp=lambda xp, g, y: g / (3 * y * y),
    tex=r"\bar x = \bar y / 3y^2",
    domain=NONZERO,
    analytic=False,
    reference=lambda x: np.sign(x) * np.abs(x) ** (1 / 3),
    doc="The cube root, of negative numbers too; its slope at 0 is infinite.",
)


@composite
def logaddexp2(x: TensorLike, y: TensorLike) -> Tensor:
    """log2(2^x + 2^y) without overflow.

    Example:
        >>> import tinyseq as ts
        >>> ts.logaddexp2(ts.tensor(2000.0), 2000.0)
        tensor(2001.)
    """
    both: Tensor = logaddexp(constant(x) * LN2, constant(y) * LN2)
    return both / LN2


@composite
def float_power(x: TensorLike, y: TensorLike) -> Tensor:
    """x to the power of y in float64, whatever their types, as NumPy's function."""
    base, exponent = (float(z) if isinstance(z, int | float) else astype(z, np.float64) for z in (x, y))
    power: Tensor = pow(base, exponent)
    return power
