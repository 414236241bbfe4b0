r"""Rounding, division with remainder, signs, infinities and NaN.

Piecewise constant functions (`floor`, `ceil`, `trunc`, `round`, `floor_divide`) have gradient 0, at the jumps too.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyseq.autograd.declare import FUNCTIONS, NONZERO, Accuracy, Domain, composite, op
from tinyseq.autograd.tensor import Tensor, TensorLike
from tinyseq.backend import EXTENSIONS, Namespace

INF = float("inf")
STEPS = Domain(avoid=tuple(float(n) for n in range(-3, 4)))


def _no_slope(xp: Any, g: Any) -> Any:
    return xp.zeros_like(g)


def _fmod(xp: Namespace, x: Any, y: Any) -> Any:
    return xp.copysign(xp.remainder(xp.abs(x), xp.abs(y)), x)


EXTENSIONS.update(  # for libraries that have only the array-API standard's functions
    fmod=_fmod,
    fmax=lambda xp, x, y: xp.where(x != x, y, xp.where(y != y, x, xp.maximum(x, y))),
    fmin=lambda xp, x, y: xp.where(x != x, y, xp.where(y != y, x, xp.minimum(x, y))),
)

positive = op(
    "positive",
    lambda xp, x: +x,
    lambda xp, g: g,
    tex=r"\bar x = \bar y",
    operator="+x",
    slope_bound=1.0,
    reference=np.positive,
    doc="x itself: ``+x``.",
    example=("ts.positive(ts.tensor([1.0, -2.0]))", "tensor([ 1., -2.])"),
)

# -- to whole numbers --------------------------------------------------------------------------------------------------


def _to_whole(
    name: str, doc: str, *, example: tuple[str, str], numpy: str | tuple[str, ...] = ()
) -> Callable[..., Any]:
    """A function to whole numbers, which is constant between them."""
    return op(
        name,
        name,
        _no_slope,
        tex=r"\bar x = 0",
        domain=STEPS,
        analytic=False,
        method=True,
        slope_bound=0.0,
        reference=getattr(np, name),
        numpy=numpy,
        doc=doc,
        example=example,
    )


floor = _to_whole(
    "floor",
    "The largest whole number that is not above x; its gradient is 0.",
    example=("ts.floor(ts.tensor([1.5, -1.5]))", "tensor([ 1., -2.])"),
)
ceil = _to_whole(
    "ceil",
    "The smallest whole number that is not below x; its gradient is 0.",
    example=("ts.ceil(ts.tensor([1.5, -1.5]))", "tensor([ 2., -1.])"),
)
trunc = _to_whole(
    "trunc",
    "x without its fraction; its gradient is 0.",
    numpy="fix",
    example=("ts.trunc(ts.tensor([1.5, -1.5]))", "tensor([ 1., -1.])"),
)


def _round(xp: Namespace, x: Any, *, decimals: int = 0) -> Any:
    if not decimals or xp.name in ("numpy", "cupy"):
        return xp.round(x, decimals) if decimals else xp.round(x)
    unit = 10.0 ** abs(decimals)
    return xp.round(x * unit) / unit if decimals > 0 else xp.round(x / unit) * unit


round = op(
    "round",
    forward=_round,
    vjp=lambda xp, g, *, decimals: xp.zeros_like(g),
    tex=r"\bar x = 0",
    domain=Domain(avoid=(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)),
    analytic=False,
    operator="round",
    method=True,
    slope_bound=0.0,
    kind="elementwise",
    calls="round",
    numpy="around",
    reference=np.round,
    ulps=Accuracy(value=10_000, span=0.9, why="NumPy multiplies by powers of ten, in the same type"),
    doc="""Round to a number of decimals; halves go to the even neighbour. The gradient is 0.

    Args:
        x: a tensor, an array or a number.
        decimals: how many decimals; a negative number rounds to tens, hundreds, ...

    Returns:
        A tensor of x's shape.

    Example:
        >>> import tinyseq as ts
        >>> ts.round(ts.tensor([0.5, 1.5, 2.25])), ts.round(ts.tensor(2.257), 2)
        (tensor([0., 2., 2.]), tensor(2.26))
    """,
)

# -- division with a remainder -----------------------------------------------------------------------------------------

floor_divide = op(
    "floor_divide",
    forward="floor_divide",
    vjp=(_no_slope, _no_slope),
    broadcasts=True,
    tex=r"\bar x = 0,\quad \bar y = 0",
    analytic=False,
    operator="//",
    slope_bound=0.0,
    kind="elementwise",
    calls="remainder",
    reference=lambda x, y: np.floor(x / y),
    doc="The floor of x / y: ``x // y``; its gradient is 0.",
    example=("ts.floor_divide(ts.tensor([7.0, -7.0]), 2.0)", "tensor([ 3., -4.])"),
)
mod = op(
    "mod",
    forward="remainder",
    saves=("x", "y"),
    vjp=(lambda xp, g, x, y: g, lambda xp, g, x, y: -g * xp.floor_divide(x, y)),
    reads=("", "x y"),
    broadcasts=True,
    tex=r"\bar x = \bar z,\quad \bar y = -\bar z\,\lfloor x / y \rfloor",
    analytic=False,
    operator="%",
    kind="elementwise",
    calls="remainder",
    numpy="remainder",
    reference=np.mod,
    doc="The remainder of x // y, with y's sign: ``x % y``. At the jumps the gradient is that of the right-hand side.",
    example=("ts.mod(ts.tensor([7.0, -7.0]), 4.0)", "tensor([3., 1.])"),
)
fmod = op(
    "fmod",
    forward="fmod",
    saves=("x", "y", "out"),
    vjp=(lambda xp, g, x, y, z: g, lambda xp, g, x, y, z: -g * xp.round((x - z) / y)),
    reads=("", "x y"),
    broadcasts=True,
    tex=r"\bar x = \bar z,\quad \bar y = -\bar z\,\operatorname{trunc}(x / y)",
    analytic=False,
    kind="elementwise",
    calls="remainder",
    reference=np.fmod,
    doc="The remainder of x / y truncated to a whole number, with x's sign, like C's fmod.",
    example=("ts.fmod(ts.tensor([7.0, -7.0]), 4.0)", "tensor([ 3., -3.])"),
)


@composite(operator="divmod")
def divmod(x: TensorLike, y: TensorLike) -> tuple[Tensor, Tensor]:
    """``x // y`` and ``x % y``.

    Args:
        x, y: tensors that broadcast against each other.

    Returns:
        The quotients rounded down, and the remainders with y's sign.

    Example:
        >>> import tinyseq as ts
        >>> ts.divmod(ts.tensor(7.0), 2.0)
        (tensor(3.), tensor(1.))
    """
    return floor_divide(x, y), mod(x, y)


# -- signs, infinities, NaN --------------------------------------------------------------------------------------------

copysign = op(
    "copysign",
    forward="copysign",
    saves=("x", "out"),
    vjp=(lambda xp, g, x, z: g * (xp.sign(x) * xp.sign(z)), lambda xp, g, x, z: xp.zeros_like(g)),
    reads=("x", ""),
    broadcasts=True,
    tex=r"\bar x = \bar z \operatorname{sign}(x) \operatorname{sign}(z),\quad \bar y = 0",
    domain=NONZERO,
    analytic=False,
    slope_bound=1.0,
    reference=lambda x, y: np.abs(x) * np.sign(y),
    doc="The size of x with the sign of y; its gradient at x = 0 is 0.",
    example=("ts.copysign(ts.tensor([1.0, 2.0]), ts.tensor([-1.0, 1.0]))", "tensor([-1.,  2.])"),
)
fmax = op(
    "fmax",
    forward="fmax",
    saves=("x", "y"),
    vjp=(
        lambda xp, g, x, y: xp.where((x >= y) | (y != y), g, 0.0),
        lambda xp, g, x, y: xp.where((x >= y) | (y != y), 0.0, g),
    ),
    broadcasts=True,
    tex=r"\bar x = \bar z\,[x \ge y],\quad \bar y = \bar z\,[x < y]",
    analytic=False,
    slope_bound=1.0,
    reference=np.fmax,
    doc="The larger of two, or the one that is not NaN; where they are equal the first receives the gradient.",
    example=('ts.fmax(ts.tensor([1.0, float("nan")]), 0.0)', "tensor([1., 0.])"),
)
fmin = op(
    "fmin",
    forward="fmin",
    saves=("x", "y"),
    vjp=(
        lambda xp, g, x, y: xp.where((x <= y) | (y != y), g, 0.0),
        lambda xp, g, x, y: xp.where((x <= y) | (y != y), 0.0, g),
    ),
    broadcasts=True,
    tex=r"\bar x = \bar z\,[x \le y],\quad \bar y = \bar z\,[x > y]",
    analytic=False,
    slope_bound=1.0,
    reference=np.fmin,
    doc="The smaller of two, or the one that is not NaN; where they are equal the first receives the gradient.",
    example=('ts.fmin(ts.tensor([1.0, float("nan")]), 0.0)', "tensor([0., 0.])"),
)


def _finite(
    xp: Namespace, x: Any, *, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Any:
    if not xp.isdtype(x.dtype, "real floating"):
        return xp.asarray(x, copy=True)
    limits = xp.finfo(x.dtype)
    high, low = limits.max if posinf is None else posinf, limits.min if neginf is None else neginf
    x = xp.where(x != x, float(nan), x)
    return xp.where(x == INF, float(high), xp.where(x == -INF, float(low), x))


nan_to_num = op(
    "nan_to_num",
    forward=_finite,
    saves="x",
    vjp=lambda xp, g, x, *, nan, posinf, neginf: xp.where(xp.isfinite(x), g, 0.0),
    tex=r"\bar x = \bar y\,[|x| < \infty]",
    analytic=False,
    slope_bound=1.0,
    reference=lambda x, **settings: np.nan_to_num(x, **settings),
    doc="""Replace NaN (with 0) and infinities (with the largest finite numbers); there the gradient is 0.

    Args:
        x: a tensor, an array or a number.
        nan: what replaces NaN.
        posinf: what replaces inf; by default the largest finite number.
        neginf: what replaces -inf; by default the smallest finite number.

    Returns:
        A tensor of x's shape.

    Example:
        >>> import tinyseq as ts
        >>> ts.nan_to_num(ts.tensor([1.0, float("nan"), float("inf")]), posinf=99.0)
        tensor([ 1.,  0., 99.])
    """,
)
FUNCTIONS["rint"] = round
