"""Elementwise ops that choose: the larger, the smaller, one of two, within bounds, in another type.

Of equal arguments of `maximum` or `minimum` the first receives all of the gradient; `clip` passes it on its bounds.
Where one of two is NaN, so is the result, and both receive the gradient, as in PyTorch; `clip` passes it on from NaN.
"""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinyseq.autograd.calls.operands import is_weak_beside
from tinyseq.autograd.declare import Domain, composite, op
from tinyseq.autograd.tensor import Tensor, TensorLike, constant
from tinyseq.backend import dtype_of, namespace_of

maximum = op(
    "maximum",
    forward="maximum",
    saves=("x", "y"),
    vjp=(lambda xp, g, x, y: xp.where(x < y, 0.0, g), lambda xp, g, x, y: xp.where(x >= y, 0.0, g)),
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
    vjp=(lambda xp, g, x, y: xp.where(x > y, 0.0, g), lambda xp, g, x, y: xp.where(x <= y, 0.0, g)),
    broadcasts=True,
    tex=r"\bar x = \bar z\,[x \le y],\quad \bar y = \bar z\,[x > y]",
    analytic=False,
    slope_bound=1.0,
    reference=np.minimum,
    doc="The smaller of two, elementwise; where they are equal the first receives the gradient.",
    example=("ts.minimum(ts.tensor([1.0, 5.0]), ts.tensor([3.0, 2.0]))", "tensor([1., 2.])"),
)


def _outside(x: Any, low: Any, high: Any) -> Any:
    """Where a bound replaces x; nothing replaces NaN."""
    if low is None:
        return x > (float("inf") if high is None else high)
    return x < low if high is None else (x < low) | (x > high)


_clip = op(
    "clip",
    forward=lambda xp, x, *, low=None, high=None: xp.clip(x, low, high),
    saves="x",
    vjp=lambda xp, g, x, *, low, high: xp.where(_outside(x, low, high), 0.0, g),
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
    least, most = _bound(x, low=low, a_min=a_min, min=min), _bound(x, high=high, a_max=a_max, max=max)
    if not any(isinstance(bound, Tensor | list | tuple) or hasattr(bound, "shape") for bound in (least, most)):
        return _clip(x, low=least, high=most)
    if most is None:
        return maximum(x, least)
    return minimum(x if least is None else maximum(x, least), most)


def _bound(x: TensorLike, **names: Any) -> Any:
    """A bound under any of its names; NumPy scalars become Python numbers where `is_weak_beside` says so."""
    given = {name: value for name, value in names.items() if value is not None}
    if len(given) > 1:
        raise TypeError(f"clip got {' and '.join(f'{name}=' for name in given)}, which are the same bound")
    bound = next(iter(given.values()), None)
    return bound.item() if isinstance(bound, np.generic) and is_weak_beside(constant(x)._array) else bound


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
