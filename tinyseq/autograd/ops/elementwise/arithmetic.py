r"""Elementwise arithmetic, exponentials and circular functions.

Kinks have a rule: |x| has gradient 0 at 0, and relu and its variants take the left-hand slope at 0.
"""

import math
from typing import Any

import numpy as np

from tinyseq.autograd.declare import NONZERO, POSITIVE, REAL, UNIT, Domain, op

# -- arithmetic --------------------------------------------------------------------------------------------------------

add = op(
    "add",
    forward="add",
    vjp=(lambda xp, g: g, lambda xp, g: g),
    broadcasts=True,
    tex=r"\bar x = \bar z,\quad \bar y = \bar z",
    operator="+",
    slope_bound=1.0,
    reference=np.add,
    doc="The sum: ``x + y``.",
    example=("ts.add(ts.tensor([1.0, 2.0]), 1.0)", "tensor([2., 3.])"),
)
subtract = op(
    "subtract",
    forward="subtract",
    vjp=(lambda xp, g: g, lambda xp, g: -g),
    broadcasts=True,
    tex=r"\bar x = \bar z,\quad \bar y = -\bar z",
    operator="-",
    slope_bound=1.0,
    reference=np.subtract,
    doc="The difference: ``x - y``.",
    example=("ts.subtract(ts.tensor([1.0, 2.0]), 1.0)", "tensor([0., 1.])"),
)
multiply = op(
    "multiply",
    forward="multiply",
    saves=("x", "y"),
    vjp=(lambda xp, g, x, y: g * y, lambda xp, g, x, y: g * x),
    reads=("y", "x"),
    broadcasts=True,
    tex=r"\bar x = \bar z\,y,\quad \bar y = \bar z\,x",
    operator="*",
    reference=np.multiply,
    doc="The product, elementwise: ``x * y``.",
    example=("ts.multiply(ts.tensor([1.0, 2.0]), ts.tensor([3.0, 4.0]))", "tensor([3., 8.])"),
)
divide = op(
    "divide",
    forward="divide",
    saves=("y", "out"),
    vjp=(lambda xp, g, y, out: g / y, lambda xp, g, y, out: -g * (out / y)),  # y² may overflow where x / y does not
    broadcasts=True,
    tex=r"\bar x = \bar z / y,\quad \bar y = -\bar z\,x / y^2",
    domain=(REAL, Domain(avoid=(0.0,))),
    operator="/",
    reference=np.divide,
    doc="The quotient: ``x / y``.",
    example=("ts.divide(ts.tensor([1.0, 2.0]), 4.0)", "tensor([0.25, 0.5 ])"),
)


def _power_base(xp: Any, g: Any, x: Any, y: Any, out: Any) -> Any:
    # Below 1/2 the difference y - 1 is rounded, and the power would magnify it: x^y / x is exact there.
    if isinstance(y, int | float):
        if y == 0:
            return xp.zeros_like(g)
        if y >= 0.5:
            return g * (y * x ** (y - 1))
        return g * xp.where(x == 0, y * float("inf"), (y * out) / xp.where(x == 0, 1.0, x))
    lower = xp.where((x == 0) & (y == 0), 1.0, y - 1)  # the slope of x^0 is 0, at x = 0 too
    return g * xp.where((x == 0) | (y >= 0.5), y * x**lower, (y * out) / xp.where(x == 0, 1.0, x))


def _power_exponent(xp: Any, g: Any, x: Any, y: Any, out: Any) -> Any:
    if isinstance(x, int | float):
        return g * (out * math.log(x)) if x > 0 else xp.zeros_like(g)
    if x.dtype != out.dtype:  # a float32 base of a float64 power, whose logarithm would be a float32 too
        x = xp.astype(x, out.dtype)
    positive = x > 0
    return g * xp.where(positive, out * xp.log(xp.where(positive, x, 1.0)), 0.0)


pow = op(
    "pow",
    forward=lambda xp, x, y: x**y,
    saves=("x", "y", "out"),
    vjp=(_power_base, _power_exponent),
    reads=("x y", "x"),
    broadcasts=True,
    tex=r"\bar x = \bar z\,y\,x^{y-1},\quad \bar y = \bar z\,z\,\ln x",
    domain=(POSITIVE, REAL),
    operator="**",
    method=True,
    reference=np.power,
    numpy="power",
    doc="x to the power of y: ``x**y``.",
    example=("ts.pow(ts.tensor([1.0, 2.0]), 3.0)", "tensor([1., 8.])"),
)
negative = op(
    "negative",
    lambda xp, x: -x,
    lambda xp, g: -g,
    tex=r"\bar x = -\bar y",
    operator="-x",
    slope_bound=1.0,
    symbol="−",
    reference=np.negative,
    doc="The negative: ``-x``.",
    example=("ts.negative(ts.tensor([1.0, -2.0]))", "tensor([-1.,  2.])"),
)
abs = op(
    "abs",
    forward="abs",
    saves="x",
    vjp=lambda xp, g, x: g * xp.sign(x),
    tex=r"\bar x = \bar y\,\operatorname{sign} x",
    domain=NONZERO,
    analytic=False,
    operator="abs",
    method=True,
    slope_bound=1.0,
    reference=np.absolute,
    numpy="absolute",
    doc="The absolute value; its gradient at 0 is 0.",
    example=("ts.abs(ts.tensor([1.0, -2.0]))", "tensor([1., 2.])"),
)
square = op(
    "square",
    lambda xp, x: x * x,
    lambda xp, g, x: 2 * g * x,
    "x",
    tex=r"\bar x = 2\bar y\,x",
    method=True,
    reference=np.square,
    doc="The square.",
    example=("ts.square(ts.tensor([1.0, -2.0]))", "tensor([1., 4.])"),
)
sqrt = op(
    "sqrt",
    forward="sqrt",
    saves="out",
    vjp=lambda xp, g, y: g / (2 * y),
    tex=r"\bar x = \bar y / (2y)",
    domain=POSITIVE,
    method=True,
    reference=np.sqrt,
    doc="The square root; its slope at 0 is infinite.",
    example=("ts.sqrt(ts.tensor([4.0, 9.0]))", "tensor([2., 3.])"),
)
reciprocal = op(
    "reciprocal",
    forward=lambda xp, x: 1 / x,
    saves="out",
    vjp=lambda xp, g, y: -g * y * y,
    tex=r"\bar x = -\bar y\,y^2",
    domain=NONZERO,
    reference=np.reciprocal,
    doc="One over x.",
    example=("ts.reciprocal(ts.tensor([2.0, 4.0]))", "tensor([0.5 , 0.25])"),
)
sign = op(
    "sign",
    forward="sign",
    vjp=lambda xp, g: xp.zeros_like(g),
    tex=r"\bar x = 0",
    domain=NONZERO,
    analytic=False,
    slope_bound=0.0,
    reference=np.sign,
    doc="-1, 0 or 1, with x's sign; its gradient is 0.",
    example=("ts.sign(ts.tensor([-3.0, 0.0, 2.0]))", "tensor([-1.,  0.,  1.])"),
)

# -- exponentials and circular functions -------------------------------------------------------------------------------

exp = op(
    "exp",
    forward="exp",
    saves="out",
    vjp=lambda xp, g, y: g * y,
    tex=r"\bar x = \bar y\,y",
    method=True,
    reference=np.exp,
    doc="The exponential function.",
    example=("ts.exp(ts.tensor([0.0, 1.0]))", "tensor([1.        , 2.71828183])"),
)
expm1 = op(
    "expm1",
    forward="expm1",
    saves="x",
    vjp=lambda xp, g, x: g * xp.exp(x),  # y + 1 would cancel where y is close to -1
    tex=r"\bar x = \bar y\,e^x",
    reference=np.expm1,
    doc="exp(x) - 1, accurate for small x too.",
    example=("ts.expm1(ts.tensor([0.0, 1e-20]))", "tensor([0.e+00, 1.e-20])"),
)
log = op(
    "log",
    forward="log",
    saves="x",
    vjp=lambda xp, g, x: g / x,
    tex=r"\bar x = \bar y / x",
    domain=POSITIVE,
    method=True,
    reference=np.log,
    doc="The natural logarithm; -inf at 0.",
    example=("ts.log(ts.tensor([1.0, 2.0]))", "tensor([0.        , 0.69314718])"),
)
log1p = op(
    "log1p",
    forward="log1p",
    saves="x",
    vjp=lambda xp, g, x: g / (1 + x),
    tex=r"\bar x = \bar y / (1 + x)",
    domain=UNIT,
    reference=np.log1p,
    doc="log(1 + x), accurate for small x too.",
    example=("ts.log1p(ts.tensor([0.0, 1e-20]))", "tensor([0.e+00, 1.e-20])"),
)
sin = op(
    "sin",
    "sin",
    lambda xp, g, x: g * xp.cos(x),
    "x",
    tex=r"\bar x = \bar y\cos x",
    method=True,
    slope_bound=1.0,
    reference=np.sin,
    doc="The sine of an angle in radians.",
    example=("ts.sin(ts.tensor([0.0, 1.0]))", "tensor([0.        , 0.84147098])"),
)
cos = op(
    "cos",
    "cos",
    lambda xp, g, x: -g * xp.sin(x),
    "x",
    tex=r"\bar x = -\bar y\sin x",
    method=True,
    slope_bound=1.0,
    reference=np.cos,
    doc="The cosine of an angle in radians.",
    example=("ts.cos(ts.tensor([0.0, 1.0]))", "tensor([1.        , 0.54030231])"),
)
