r"""Circular and hyperbolic functions and their inverses, angles and distances.

Slopes are written so that they neither cancel nor overflow where the slope itself is finite: 1 - x^2 as
(1 - x)(1 + x), and 1 + x^2 as the square of `hypot`. At the origin `hypot` and `arctan2` have gradient 0, as they have
no slope there.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinyseq.autograd.declare import NONZERO, UNIT, Accuracy, Domain, op
from tinyseq.backend import EXTENSIONS


def _of_the_standard(name: str) -> Callable[..., Any]:
    return lambda xp, *inputs: getattr(xp, name)(*inputs)


EXTENSIONS.update(  # the array-API standard's names, for libraries without NumPy's
    {f"arc{name}": _of_the_standard(f"a{name}") for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")}
)

# -- circular functions ------------------------------------------------------------------------------------------------

tan = op(
    "tan",
    forward="tan",
    saves="out",
    vjp=lambda xp, g, y: g + g * y * y,
    tex=r"\bar x = \bar y\,(1 + y^2)",
    domain=Domain(-1.4, 1.4),
    method=True,
    reference=lambda x: np.sin(x) / np.cos(x),
    doc="The tangent of an angle in radians.",
    example=("ts.tan(ts.tensor([0.0, 1.0]))", "tensor([0.        , 1.55740772])"),
)
arcsin = op(
    "arcsin",
    forward="arcsin",
    saves="x",
    vjp=lambda xp, g, x: g / xp.sqrt((1 - x) * (1 + x)),
    tex=r"\bar x = \bar y / \sqrt{1 - x^2}",
    domain=UNIT,
    reference=np.arcsin,
    doc="The angle in [-π/2, π/2] with sine x; its slope is infinite at -1 and 1.",
    example=("ts.arcsin(ts.tensor([0.0, 0.5]))", "tensor([0.        , 0.52359878])"),
)
arccos = op(
    "arccos",
    forward="arccos",
    saves="x",
    vjp=lambda xp, g, x: -g / xp.sqrt((1 - x) * (1 + x)),
    tex=r"\bar x = -\bar y / \sqrt{1 - x^2}",
    domain=UNIT,
    reference=np.arccos,
    doc="The angle in [0, π] with cosine x; its slope is infinite at -1 and 1.",
    example=("ts.arccos(ts.tensor([1.0, 0.5]))", "tensor([0.        , 1.04719755])"),
)


def _arctan_slope(xp: Any, g: Any, x: Any) -> Any:
    length = xp.hypot(x, xp.ones_like(x))
    return g / length / length


arctan = op(
    "arctan",
    forward="arctan",
    saves="x",
    vjp=_arctan_slope,
    tex=r"\bar x = \bar y / (1 + x^2)",
    slope_bound=1.0,
    reference=np.arctan,
    doc="The angle in [-π/2, π/2] with tangent x.",
    example=("ts.arctan(ts.tensor([0.0, 1.0]))", "tensor([0.        , 0.78539816])"),
)

# -- hyperbolic functions ----------------------------------------------------------------------------------------------

sinh = op(
    "sinh",
    "sinh",
    lambda xp, g, x: g * xp.cosh(x),
    "x",
    tex=r"\bar x = \bar y\cosh x",
    reference=np.sinh,
    doc="The hyperbolic sine.",
    example=("ts.sinh(ts.tensor([0.0, 1.0]))", "tensor([0.        , 1.17520119])"),
)
cosh = op(
    "cosh",
    "cosh",
    lambda xp, g, x: g * xp.sinh(x),
    "x",
    tex=r"\bar x = \bar y\sinh x",
    reference=np.cosh,
    doc="The hyperbolic cosine.",
    example=("ts.cosh(ts.tensor([0.0, 1.0]))", "tensor([1.        , 1.54308063])"),
)
arcsinh = op(
    "arcsinh",
    forward="arcsinh",
    saves="x",
    vjp=lambda xp, g, x: g / xp.hypot(x, xp.ones_like(x)),
    tex=r"\bar x = \bar y / \sqrt{x^2 + 1}",
    slope_bound=1.0,
    reference=np.arcsinh,
    doc="The inverse of the hyperbolic sine.",
    example=("ts.arcsinh(ts.tensor([0.0, 1.0]))", "tensor([0.        , 0.88137359])"),
)
arccosh = op(
    "arccosh",
    forward="arccosh",
    saves="x",
    vjp=lambda xp, g, x: g / (xp.sqrt(x - 1) * xp.sqrt(x + 1)),
    tex=r"\bar x = \bar y / \sqrt{x^2 - 1}",
    domain=Domain(1.3, 4.0),
    reference=np.arccosh,
    doc="The inverse of the hyperbolic cosine; its slope at 1 is infinite.",
    example=("ts.arccosh(ts.tensor([1.0, 2.0]))", "tensor([0.       , 1.3169579])"),
)
arctanh = op(
    "arctanh",
    forward="arctanh",
    saves="x",
    vjp=lambda xp, g, x: g / ((1 - x) * (1 + x)),
    tex=r"\bar x = \bar y / (1 - x^2)",
    domain=UNIT,
    reference=np.arctanh,
    doc="The inverse of the hyperbolic tangent; infinite at -1 and 1.",
    example=("ts.arctanh(ts.tensor([0.0, 0.5]))", "tensor([0.        , 0.54930614])"),
)

# -- angles and distances ----------------------------------------------------------------------------------------------


def _cosine(xp: Any, x: Any, y: Any, length: Any) -> Any:
    """x / length, where length = hypot(x, y): in [-1, 1], and 0 at the origin.

    Where the length is infinite, an infinite side outweighs a finite one, and two of them count as equal.
    """
    beyond = xp.isinf(length)
    if bool(xp.any(beyond)):
        sides = xp.isinf(x) | xp.isinf(y)
        x, y = (
            xp.where(beyond, xp.where(xp.isinf(side), xp.sign(side), xp.where(sides, 0.0, side / 4)), side)
            for side in (x, y)
        )
        length = xp.where(beyond, xp.hypot(x, y), length)
    zero = length == 0
    return xp.where(zero, 0.0, x / xp.where(zero, 1.0, length))


hypot = op(
    "hypot",
    forward="hypot",
    saves=("x", "y", "out"),
    vjp=(
        lambda xp, g, x, y, z: g * _cosine(xp, x, y, z),
        lambda xp, g, x, y, z: g * _cosine(xp, y, x, z),
    ),
    broadcasts=True,
    tex=r"\bar x = \bar z\,x / z,\quad \bar y = \bar z\,y / z",
    domain=NONZERO,
    analytic=False,
    slope_bound=1.0,
    reference=lambda x, y: np.sqrt(x * x + y * y),
    doc="The length of the vector (x, y), without overflow; its gradient at the origin is 0.",
    example=("ts.hypot(ts.tensor([3.0, 3e200]), ts.tensor([4.0, 4e200]))", "tensor([5.e+000, 5.e+200])"),
)


def _turn(xp: Any, g: Any, along: Any, across: Any) -> Any:
    """g along / (along² + across²), 0 at the origin."""
    length = xp.hypot(along, across)
    return g * _cosine(xp, along, across, length) / xp.where(length == 0, 1.0, length)


arctan2 = op(
    "arctan2",
    forward="arctan2",
    saves=("x", "y"),
    vjp=(
        lambda xp, g, x, y: _turn(xp, g, y, x),
        lambda xp, g, x, y: -_turn(xp, g, x, y),
    ),
    broadcasts=True,
    tex=r"\bar x = \bar z\,y / (x^2 + y^2),\quad \bar y = -\bar z\,x / (x^2 + y^2)",
    domain=NONZERO,
    analytic=False,
    reference=lambda x, y: np.angle(y + 1j * x),
    doc="""The angle in [-π, π] whose tangent is x / y: NumPy's order, the second coordinate of the point first.

    Its gradient at the origin is 0.

    Example:
        >>> import tinyseq as ts
        >>> ts.rad2deg(ts.arctan2(ts.tensor([0.0, 1.0]), ts.tensor([-1.0, 1.0])))
        tensor([180.,  45.])
    """,
)
deg2rad = op(
    "deg2rad",
    forward=lambda xp, x: x * (math.pi / 180),
    vjp=lambda xp, g: g * (math.pi / 180),
    tex=r"\bar x = \tfrac{\pi}{180} \bar y",
    reference=np.deg2rad,
    numpy="radians",
    doc="Degrees as radians.",
    example=("ts.deg2rad(ts.tensor([0.0, 180.0]))", "tensor([0.        , 3.14159265])"),
)
rad2deg = op(
    "rad2deg",
    forward=lambda xp, x: x * (180 / math.pi),
    vjp=lambda xp, g: g * (180 / math.pi),
    tex=r"\bar x = \tfrac{180}{\pi} \bar y",
    reference=np.rad2deg,
    numpy="degrees",
    doc="Radians as degrees.",
    example=("ts.rad2deg(ts.tensor([0.0, 3.141592653589793]))", "tensor([  0., 180.])"),
)


def _half_turns(xp: Any, x: Any) -> Any:
    """x minus the nearest whole number, and -1 if that is odd or 1 if even: for accurate sin(πx) and cos(πx)."""
    whole = xp.round(x)
    return x - whole, 1 - 2 * (whole % 2)


def _sinc(xp: Any, x: Any) -> Any:
    rest, sign = _half_turns(xp, x)
    zero = x == 0
    return xp.where(zero, 1.0, sign * xp.sin(math.pi * rest) / xp.where(zero, 1.0, math.pi * x))


SINC_TERMS = [(-1) ** k * 2 * k * math.pi ** (2 * k) / math.factorial(2 * k + 1) for k in range(1, 11)]


def _sinc_slope(xp: Any, g: Any, x: Any, y: Any) -> Any:
    near = xp.abs(x) < 1 / math.pi  # here (cos πx - y) / x would cancel: its power series instead
    small = xp.where(near, x, 0.0)
    squared, series = small * small, xp.zeros_like(x)
    for term in reversed(SINC_TERMS):
        series = series * squared + term
    far = xp.where(near, 1.0, x)
    rest, sign = _half_turns(xp, far)
    cosine = sign * xp.sin(math.pi * (0.5 - xp.abs(rest)))
    return g * xp.where(near, series * small, (cosine - y) / far)


sinc = op(
    "sinc",
    forward=_sinc,
    saves=("x", "out"),
    vjp=_sinc_slope,
    tex=r"\bar x = \bar y\,(\cos \pi x - y) / x",
    analytic=False,
    reference=np.sinc,
    ulps=Accuracy(gradient=8, low=-100, high=100, cancels="value gradient", why="its zeros"),
    doc="sin(πx) / (πx), and 1 at 0.",
    example=("ts.sinc(ts.tensor([0.0, 0.5]))", "tensor([1.        , 0.63661977])"),
)
