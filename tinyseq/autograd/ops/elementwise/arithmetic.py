r"""Elementwise ops.

Kinks and ties have a rule: |x| has gradient 0 at 0, relu and its variants take the left-hand slope at 0, clip passes
the gradient on its bounds, and of equal arguments of `maximum` or `minimum` the first receives all of it.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinyseq.autograd.declare import NONZERO, POSITIVE, REAL, UNIT, Domain, composite, op
from tinyseq.autograd.tensor import Tensor, TensorLike
from tinyseq.backend import dtype_of, namespace_of

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

# -- choice ------------------------------------------------------------------------------------------------------------

maximum = op(
    "maximum",
    forward="maximum",
    saves=("x", "y"),
    vjp=(lambda xp, g, x, y: xp.where(x >= y, g, 0.0), lambda xp, g, x, y: xp.where(x >= y, 0.0, g)),
    broadcasts=True,
    tex=r"\bar x = \bar z\,[x \ge y],\quad \bar y = \bar z\,[x < y]",
    analytic=False,
    slope_bound=1.0,
    reference=np.maximum,
    doc="The larger of two, elementwise; where they are equal the first receives the gradient.",
    example=("ts.maximum(ts.tensor([1.0, 5.0]), ts.tensor([3.0, 2.0]))", "tensor([3., 5.])"),
)
minimum = op(
    "minimum",
    forward="minimum",
    saves=("x", "y"),
    vjp=(lambda xp, g, x, y: xp.where(x <= y, g, 0.0), lambda xp, g, x, y: xp.where(x <= y, 0.0, g)),
    broadcasts=True,
    tex=r"\bar x = \bar z\,[x \le y],\quad \bar y = \bar z\,[x > y]",
    analytic=False,
    slope_bound=1.0,
    reference=np.minimum,
    doc="The smaller of two, elementwise; where they are equal the first receives the gradient.",
    example=("ts.minimum(ts.tensor([1.0, 5.0]), ts.tensor([3.0, 2.0]))", "tensor([1., 2.])"),
)


def _inside(xp: Any, x: Any, low: Any, high: Any) -> Any:
    inside = x == x if low is None else x >= low
    return inside if high is None else inside & (x <= high)


_clip = op(
    "clip",
    forward=lambda xp, x, *, low=None, high=None: xp.clip(x, low, high),
    saves="x",
    vjp=lambda xp, g, x, *, low, high: xp.where(_inside(xp, x, low, high), g, 0.0),
    tex=r"\bar x = \bar y\,[a \le x \le b]",
    domain=Domain(avoid=(-1.0, 1.0)),
    analytic=False,
    slope_bound=1.0,
    kind="elementwise",
    calls="clip",
    reference=lambda x, low=None, high=None: np.clip(x, low, high),
)


@composite(method=True)
def clip(
    x: TensorLike,
    low: TensorLike | None = None,
    high: TensorLike | None = None,
    *,
    a_min: TensorLike | None = None,
    a_max: TensorLike | None = None,
    min: TensorLike | None = None,
    max: TensorLike | None = None,
) -> Tensor:
    """Limit to [low, high]; either may be None. The gradient passes where low <= x <= high.

    Args:
        x: the values.
        low: the lower bound, a number, or values that broadcast with x.
        high: the upper bound.
        a_min: NumPy's name for ``low``.
        a_max: NumPy's name for ``high``.
        min: NumPy's and PyTorch's name for ``low``.
        max: NumPy's and PyTorch's name for ``high``.

    Returns:
        The shape of all three broadcast. Bounds that are tensors receive the gradient of the elements they limit.

    Raises:
        TypeError: if a bound is given twice.

    Example:
        >>> import tinyseq as ts
        >>> ts.clip(ts.tensor([1.0, 5.0, 9.0]), 2.0, ts.tensor([9.0, 9.0, 8.0]))
        tensor([2., 5., 8.])
    """
    least, most = _bound(low=low, a_min=a_min, min=min), _bound(high=high, a_max=a_max, max=max)
    if not any(isinstance(bound, Tensor | list | tuple) or hasattr(bound, "shape") for bound in (least, most)):
        return _clip(x, low=least, high=most)
    if most is None:
        return maximum(x, least)
    return minimum(x if least is None else maximum(x, least), most)


def _bound(**names: Any) -> Any:
    """A bound under any of its names; NumPy scalars become Python numbers, which widen nothing."""
    given = {name: value for name, value in names.items() if value is not None}
    if len(given) > 1:
        raise TypeError(f"clip got {' and '.join(f'{name}=' for name in given)}, which are the same bound")
    bound = next(iter(given.values()), None)
    return bound.item() if isinstance(bound, np.generic) else bound


def _where(xp: Any, condition: Any, g: Any, negated: bool = False) -> Any:
    """The gradient where a condition holds, or does not, and 0 elsewhere."""
    if isinstance(condition, bool):  # which array libraries other than NumPy do not take
        return g if condition is not negated else xp.zeros_like(g)
    return xp.where(condition, 0.0, g) if negated else xp.where(condition, g, 0.0)


where = op(
    "where",
    forward=lambda xp, condition, x, y: xp.where(xp.asarray(condition, dtype=xp.bool), x, y),
    saves="condition",
    vjp=(None, lambda xp, g, c: _where(xp, c, g), lambda xp, g, c: _where(xp, c, g, negated=True)),
    broadcasts=True,
    tex=r"\bar x = \bar z\,[c],\quad \bar y = \bar z\,[\neg c]",
    kind="choice",
    calls="where",
    reference=np.where,
    doc="""Elements of x where a condition is true, elsewhere those of y.

    Args:
        condition: booleans.
        x, y: tensors, arrays or numbers; the shapes of all three broadcast.

    Returns:
        A tensor of the shape to which they broadcast. Gradients go only to the elements that were chosen.

    Raises:
        ValueError: if the shapes do not broadcast.
    """,
    example=("ts.where(ts.tensor([1.0, -2.0]) > 0, ts.tensor([1.0, -2.0]), 0.0)", "tensor([1., 0.])"),
)
_astype = op(
    "astype",
    forward=lambda xp, x, *, dtype: xp.astype(x, dtype_of(xp, dtype)),
    vjp=lambda xp, g, *, dtype: g,
    tex=r"\bar x = \bar y",
    analytic=False,
    kind="cast",
    slope_bound=1.0,
    calls="astype",
    reference=lambda x, dtype: x.astype(dtype),
)


@composite(method=True)
def astype(x: TensorLike, dtype: DTypeLike, copy: bool = True) -> Tensor:
    """The same values in another type; whole numbers and booleans carry no gradient.

    ``copy`` is NumPy's, and changes nothing: values never change in place.

    Args:
        x: the values.
        dtype: the type of the result.
        copy: as in NumPy, without effect: values never change in place.

    Example:
        >>> import tinyseq as ts
        >>> ts.astype(ts.tensor([1.5, 2.5]), "int64")
        tensor([1, 2])
    """
    converted: Tensor = _astype(x, dtype=dtype)
    floating = namespace_of(converted._array).isdtype(converted.dtype, ("real floating", "complex floating"))
    return converted if floating else converted.detach()
