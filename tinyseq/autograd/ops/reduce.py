"""Reductions, and what is built from them."""

import math
from collections.abc import Callable
from operator import index
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinyseq.autograd.calls.tensors import check_real_numbers
from tinyseq.autograd.declare import NONZERO, Accuracy, composite, op
from tinyseq.autograd.tensor import Axis, Tensor, TensorLike, constant
from tinyseq.backend import dtype_of, is_half, namespace_of, of_real
from tinyseq.backend.sums import in_single, total


def axis_of(axis: int, ndim: int) -> int:
    """An axis counted from 0.

    Raises:
        IndexError: if there is no such axis.
        TypeError: if it is no whole number.
    """
    axis = index(axis)  # of a tensor too, which is found in no set of axes
    if not -ndim <= axis < ndim:
        raise IndexError(f"axis {axis} is out of bounds for {ndim} axes")
    return axis % ndim


def axes_of(axis: Axis, ndim: int) -> tuple[int, ...]:
    """The axes that ``axis`` names, counted from 0."""
    if axis is None:
        return tuple(range(ndim))
    named = axis if isinstance(axis, tuple) else (axis,)
    return tuple(sorted(axis_of(a, ndim) for a in named)) if ndim else ()


def along(axis: int, ndim: int, place: Any) -> tuple[Any, ...]:
    """The index that selects a position (a number, a slice, an array of numbers) along one axis only."""
    return (*(slice(None),) * axis_of(axis, ndim), place, ...)


def restored(xp: Any, g: Any, shape: Any, axis: Any, keepdims: Any) -> Any:
    """A reduced array with its axes back, of length 1, so that it broadcasts against what was reduced."""
    if keepdims or (axis is None and not g.shape):  # a number broadcasts as it is
        return g
    axes = axes_of(axis, len(shape))
    return xp.reshape(g, tuple(1 if i in axes else side for i, side in enumerate(shape)))


def _first_extreme(xp: Any, x: Any, out: Any, axis: Any, keepdims: Any) -> Any:
    """True at the first place along the reduced axes that holds the extreme value, which is NaN where there is one."""
    axes = axes_of(axis, x.ndim)
    hit = (x == restored(xp, out, x.shape, axis, keepdims)) | (x != x)
    if len(axes) == 1:
        return hit & (xp.cumulative_sum(xp.astype(hit, xp.int64), axis=axes[0]) == 1)
    rest = tuple(i for i in range(x.ndim) if i not in axes)
    moved = xp.permute_dims(hit, rest + axes)
    flat = xp.reshape(moved, (*moved.shape[: len(rest)], math.prod(moved.shape[len(rest) :])))
    first = flat & (xp.cumulative_sum(xp.astype(flat, xp.int64), axis=len(rest)) == 1)
    order = rest + axes
    return xp.permute_dims(xp.reshape(first, moved.shape), tuple(order.index(i) for i in range(x.ndim)))


def _extreme_slope(xp: Any, g: Any, x: Any, out: Any, *, axis: Any, keepdims: Any) -> Any:
    values, found = (part._array if isinstance(part, Tensor) else part for part in (x, out))
    mask = _first_extreme(namespace_of(values), values, found, axis, keepdims)
    g = xp.broadcast_to(restored(xp, g, x.shape, axis, keepdims), x.shape)
    return xp.where(mask, g, 0.0)


def _taken_in(xp: Any, x: Any, dtype: Any) -> Any:
    """The type in which sums and products are computed, as given by NumPy's ``dtype=``."""
    wanted = dtype_of(xp, dtype)
    if xp.isdtype(x.dtype, "real floating") and not xp.isdtype(xp.zeros(0, dtype=wanted).dtype, "real floating"):
        raise TypeError(f"dtype={dtype} would truncate {x.dtype} and lose the gradient; use t.to(...)")
    return wanted


sum = op(
    "sum",
    forward=lambda xp, x, *, axis=None, keepdims=False, dtype=None: total(
        xp, x, axis, keepdims, dtype if dtype is None else _taken_in(xp, x, dtype)
    ),
    saves="x.shape",
    vjp=lambda xp, g, shape, *, axis, keepdims, dtype: xp.broadcast_to(restored(xp, g, shape, axis, keepdims), shape),
    tex=r"\bar x_i = \bar y",
    method=True,
    kind="reduction",
    reference=np.sum,
    ulps=Accuracy(value=8, cancels="terms", why="a sum of many terms, which may cancel"),
    numpy="add.reduce",
    doc="The sum along the axes.",
    example=("ts.sum(ts.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)", "tensor([4., 6.])"),
)


def _product_slope(xp: Any, g: Any, x: Any, *, axis: Any, keepdims: Any, dtype: Any) -> Any:
    """The product of all other elements: those before times those after, so that zeros need no division."""
    if 0 in x.shape:
        return x * 0.0
    axes = axes_of(axis, x.ndim)
    rest = tuple(i for i in range(x.ndim) if i not in axes)
    order = rest + axes
    moved = xp.permute_dims(x, order)
    flat = xp.reshape(moved, (*moved.shape[: len(rest)], math.prod(moved.shape[len(rest) :])))
    last = flat.ndim - 1
    one = xp.ones_like(flat[..., :1])
    before = xp.cumulative_prod(xp.concat([one, flat[..., :-1]], axis=last), axis=last)
    after = xp.flip(
        xp.cumulative_prod(xp.concat([one, xp.flip(flat, axis=last)[..., :-1]], axis=last), axis=last), axis=last
    )
    others = xp.permute_dims(xp.reshape(before * after, moved.shape), tuple(order.index(i) for i in range(x.ndim)))
    return restored(xp, g, x.shape, axis, keepdims) * others


prod = op(
    "prod",
    forward=lambda xp, x, *, axis=None, keepdims=False, dtype=None: xp.prod(
        x, axis=axis, keepdims=keepdims, dtype=dtype if dtype is None else _taken_in(xp, x, dtype)
    ),
    saves="x",
    vjp=_product_slope,
    tex=r"\bar x_i = \bar y \prod_{j \ne i} x_j",
    method=True,
    kind="reduction",
    reference=np.prod,
    ulps=Accuracy(value=8, gradient=12, span=0.03, why="partial products may leave the range of numbers"),
    numpy="multiply.reduce",
    doc="The product along the axes; its gradient is right where elements are 0, too.",
    example=("ts.prod(ts.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)", "tensor([3., 8.])"),
)


def _extreme(name: str, most: str, numpy: tuple[str, str], example: tuple[str, str]) -> Callable[..., Tensor]:
    """`max` or `min`."""
    return op(
        name,
        forward=lambda xp, x, *, axis=None, keepdims=False: getattr(xp, name)(x, axis=axis, keepdims=keepdims),
        saves=("x", "out"),
        vjp=_extreme_slope,
        tex=rf"\bar x_i = \bar y\,[i = \operatorname{{arg{name}}} x]",
        analytic=False,
        method=True,
        slope_bound=1.0,
        sums_paths=True,
        kind="reduction",
        calls="reduce_some",
        reference=getattr(np, name),
        doc=f"The {most} element along the axes; of equal ones the first (lowest index) receives the gradient.",
        example=example,
        numpy=numpy,
    )


def _place_of_extreme(name: str, most: str, example: tuple[str, str]) -> Callable[..., Tensor]:
    """`argmax` or `argmin`."""
    return op(
        name,
        forward=lambda xp, x, *, axis=None, keepdims=False: getattr(xp, name)(x, axis=axis, keepdims=keepdims),
        analytic=False,
        method=True,
        kind="reduction",
        calls="reduce_one",
        types={"axis": "int | None"},
        reference=getattr(np, name),
        doc=f"""The index of the {most} element along an axis; of equal ones, the first.

        Args:
            x: the values.
            axis: the axis; by default that of the flattened tensor.
            keepdims: whether the axis is kept, with length 1.

        Returns:
            Whole numbers, without a gradient.

        Raises:
            ValueError: if there is no such axis, or it is empty.
        """,
        example=example,
    )


max = _extreme(
    "max", "largest", numpy=("amax", "maximum.reduce"), example=("ts.max(ts.tensor([1.0, 3.0, 2.0]))", "tensor(3.)")
)
min = _extreme(
    "min", "smallest", numpy=("amin", "minimum.reduce"), example=("ts.min(ts.tensor([1.0, 3.0, 2.0]))", "tensor(1.)")
)
argmax = _place_of_extreme("argmax", "largest", example=("ts.argmax(ts.tensor([1.0, 3.0, 2.0])).item()", "1"))
argmin = _place_of_extreme("argmin", "smallest", example=("ts.argmin(ts.tensor([1.0, 3.0, 2.0])).item()", "0"))


@composite(method=True)
def mean(x: TensorLike, axis: Axis = None, keepdims: bool = False, *, dtype: DTypeLike | None = None) -> Tensor:
    """The mean along the axes, computed in ``dtype`` if it is given.

    Args:
        x: the values.
        axis: the axis or axes to reduce; all by default.
        keepdims: whether reduced axes are kept, with length 1.
        dtype: the type to compute in; by default that of x.

    Raises:
        ValueError: if there are no elements.

    Example:
        >>> import tinyseq as ts
        >>> ts.mean(ts.tensor([[1.0, 3.0], [5.0, 7.0]]), axis=0)
        tensor([3., 5.])
    """
    x = constant(x) if dtype is None else constant(x).to(dtype)
    count = _divisor(x, axis, 0, "mean")
    if is_half(x):
        wide: Tensor = sum(x.to("float32"), axis=axis, keepdims=keepdims) / count
        return wide.to(x.dtype)
    return sum(x, axis=axis, keepdims=keepdims) / count


def _centred(x: Tensor, axis: Axis) -> Tensor:
    """x minus its mean, twice, as the mean is rounded: equal elements give exactly 0."""
    centred = x - mean(x, axis, keepdims=True)
    return centred - mean(centred, axis, keepdims=True)


def _less(ddof: int, correction: int | None, name: str) -> int:
    if correction is None:
        return ddof
    if ddof:
        raise TypeError(f"{name} got ddof={ddof} and correction={correction}, which are the same; give one of them")
    return correction


def _divisor(x: Tensor, axis: Axis, ddof: int, name: str) -> int:
    count = math.prod(x.shape[a] for a in axes_of(axis, x.ndim))
    if count <= ddof:
        less = f" less ddof={ddof}" if ddof else ""
        raise ValueError(
            f"{name}: {count} elements{less} along axis {axis} of shape {x.shape} leave nothing to divide by"
        )
    return count - ddof


def _norm_slope(xp: Any, g: Any, x: Any, out: Any, *, axis: Any, keepdims: Any) -> Any:
    length = restored(xp, out, x.shape, axis, keepdims)
    zero = length == 0  # the norm has no slope at the origin; 0 is its subgradient of least norm
    return restored(xp, g, x.shape, axis, keepdims) * xp.where(zero, 0.0, x / xp.where(zero, 1.0, length))


@in_single
def _norm(xp: Any, x: Any, *, axis: Any = None, keepdims: Any = False) -> Any:
    """The root of the sum of squares in units of the largest element, so that no square overflows or underflows."""
    if not xp.isdtype(x.dtype, "real floating"):
        x = xp.astype(of_real(xp, x), xp.float64)
    if 0 in x.shape:
        return xp.sum(xp.abs(x), axis=axis, keepdims=keepdims)
    largest = xp.max(xp.abs(x), axis=axis, keepdims=True)
    unit = xp.where((largest > 0) & xp.isfinite(largest), largest, 1.0)
    shares = x / unit
    shares *= shares
    length = xp.sqrt(total(xp, shares, axis, keepdims=True)) * unit
    return length if keepdims else xp.reshape(length, _left(x.shape, axis))


def _left(shape: Any, axis: Any) -> tuple[int, ...]:
    """A shape without the reduced axes."""
    gone = axes_of(axis, len(shape))
    return tuple(side for i, side in enumerate(shape) if i not in gone)


norm = op(
    "norm",
    forward=_norm,
    saves=("x", "out"),
    vjp=_norm_slope,
    tex=r"\bar x_i = \bar y\,x_i / y",
    domain=NONZERO,
    analytic=False,
    method=True,
    slope_bound=1.0,
    kind="reduction",
    reference=lambda x, axis=None, keepdims=False: np.sqrt(np.square(x).sum(axis=axis, keepdims=keepdims)),
    ulps=Accuracy(span=0.9, why="the norm of numbers close to the largest one is infinite"),
    doc="The Euclidean norm along the axes; its gradient at the origin is 0.",
    numpy="vector_norm",
    example=("ts.norm(ts.tensor([3.0, 4.0]))", "tensor(5.)"),
)


def _spread(
    name: str, summary: str, measured: Callable[[Tensor, Axis, bool, int], Tensor], example: str
) -> Callable[..., Tensor]:
    """`var` or `std`, from how it is measured: ``measured(x less its mean, axis, keepdims, divisor)``."""

    def function(
        x: TensorLike,
        axis: Axis = None,
        keepdims: bool = False,
        ddof: int = 0,
        *,
        correction: int | None = None,
        dtype: DTypeLike | None = None,
    ) -> Tensor:
        x = constant(x) if dtype is None else constant(x).to(dtype)
        check_real_numbers(x)
        divisor = _divisor(x, axis, _less(ddof, correction, name), name)
        if is_half(x):
            return measured(_centred(x.to("float32"), axis), axis, keepdims, divisor).to(x.dtype)
        return measured(_centred(x, axis), axis, keepdims, divisor)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{summary}

    Args:
        x: the values.
        axis: the axes to reduce; all of them by default.
        keepdims: whether reduced axes are kept, with length 1.
        ddof: the number subtracted from the count.
        correction: the name of ``ddof`` in the array-API standard and in PyTorch (where the default is 1).
        dtype: the type to compute in.

    Returns:
        A tensor without the reduced axes, or with axes of length 1 in their place if ``keepdims`` is true.

    Raises:
        ValueError: if there are no more elements than ``ddof``.
        TypeError: if ``ddof`` and ``correction`` are both given.

    Example:
        >>> import tinyseq as ts
        >>> ts.{name}(ts.tensor([1.0, 5.0]))
        {example}
    """
    return composite(method=True)(function)


var = _spread(
    "var",
    "The variance along the axes; the divisor is the count minus ``ddof`` (0 by default, as in NumPy).",
    lambda x, axis, keepdims, divisor: sum(x * x, axis=axis, keepdims=keepdims) / divisor,
    "tensor(4.)",
)
std = _spread(
    "std",
    "The standard deviation along the axes, the root of `var`; its gradient is 0 where all elements are equal.",
    lambda x, axis, keepdims, divisor: norm(x, axis=axis, keepdims=keepdims) / math.sqrt(divisor),
    "tensor(2.)",
)


@composite(method=True)
def any(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether any element is true (no gradient).

    Args:
        x: the values.
        axis: the axis or axes to reduce; all by default.
        keepdims: whether reduced axes are kept, with length 1.

    Returns:
        Booleans, without a gradient.

    Example:
        >>> import tinyseq as ts
        >>> ts.any(ts.tensor([0.0, 1.0])).item()
        True
    """
    array = constant(x)._array
    xp = namespace_of(array)
    return Tensor(xp.asarray(xp.any(array, axis=axis, keepdims=keepdims)))


@composite(method=True)
def all(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether all elements are true (no gradient).

    Args:
        x: the values.
        axis: the axis or axes to reduce; all by default.
        keepdims: whether reduced axes are kept, with length 1.

    Returns:
        Booleans, without a gradient.

    Example:
        >>> import tinyseq as ts
        >>> ts.all(ts.tensor([0.0, 1.0])).item()
        False
    """
    array = constant(x)._array
    xp = namespace_of(array)
    return Tensor(xp.asarray(xp.all(array, axis=axis, keepdims=keepdims)))
