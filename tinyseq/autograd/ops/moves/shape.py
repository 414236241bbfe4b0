"""Ops that rearrange elements without changing them."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from tinyseq.autograd.declare import FUNCTIONS, composite, offer, op
from tinyseq.autograd.ops.reduce import axes_of, axis_of
from tinyseq.autograd.record.axes import Axes, Use
from tinyseq.autograd.tensor import Tensor, TensorLike, constant
from tinyseq.backend import host_array, namespace_of


def _reshaped_axes(use: Use, axis: int) -> Axes | None:
    """An axis survives if as many elements lie before it, and it is as long."""
    old, new = use.arguments[0] or (), use.shape
    for own, side in enumerate(old):
        if side == new[axis] and prod(old[:own]) == prod(new[:axis]):
            return [own]
    return None


reshape = op(
    "reshape",
    forward=lambda xp, x, *, shape: xp.reshape(x, shape),
    saves="x.shape",
    vjp=lambda xp, g, old, *, shape: xp.reshape(g, old),
    tex=r"\bar x = \operatorname{reshape} \bar y",
    kind="move",
    axes=_reshaped_axes,
    view=True,
    calls="reshape",
    reference=lambda x, shape: np.reshape(x, shape),
    doc="""The same elements in another shape.

    Args:
        x: the values.
        shape: the new shape, a tuple or a number; one side may be -1, for as many as are left.

    Returns:
        A tensor of that shape.

    Raises:
        ValueError: if it has another number of elements.
    """,
    example=("ts.reshape(ts.arange(4.0), (2, -1)).tolist()", "[[0.0, 1.0], [2.0, 3.0]]"),
)


def _inverse(order: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(range(len(order)), key=order.__getitem__))


_transpose = op(
    "transpose",
    forward=lambda xp, x, *, order: xp.permute_dims(x, order),
    vjp=lambda xp, g, *, order: xp.permute_dims(g, _inverse(order)),
    tex=r"\bar x = \bar y^\top",
    kind="move",
    axes=lambda use, axis: [use.attrs["order"][axis]],
    view=True,
    calls="transpose",
    reference=lambda x, order: np.transpose(x, order),
)


@composite(method=True)
def transpose(x: TensorLike, *order: int | Sequence[int], axes: int | Sequence[int] | None = None) -> Tensor:
    """Reorder the axes: as given (``transpose(x, 1, 0, 2)``, a tuple, or ``axes=``), or all in reverse.

    Args:
        x: the values.
        order: for each axis of the result, the axis of x.
        axes: the same, as NumPy names it.

    Returns:
        The same elements in another shape.

    Raises:
        TypeError: if both are given.
        ValueError: if an axis is missing or named twice.

    Example:
        >>> import tinyseq as ts
        >>> ts.transpose(ts.zeros((2, 3, 4)), 1, 0, 2).shape
        (3, 2, 4)
    """
    x = constant(x)
    given: Any = order if axes is None else axes
    if axes is None and len(order) == 1 and isinstance(order[0], tuple | list):
        given = order[0]
    wanted = (given,) if isinstance(given, int) else tuple(given) or tuple(reversed(range(x.ndim)))
    if sorted(axes_of(wanted, x.ndim)) != list(range(x.ndim)):
        raise ValueError(f"transpose: order {wanted} must name each axis of shape {x.shape} once")
    return _transpose(x, order=tuple(axis_of(a, x.ndim) for a in wanted))


@composite
def matrix_transpose(x: TensorLike) -> Tensor:
    """Swap the last two axes."""
    return swapaxes(x, -1, -2)


@composite(method=True)
def swapaxes(x: TensorLike, axis1: int, axis2: int) -> Tensor:
    """Swap two axes.

    Args:
        x: the values.
        axis1, axis2: the two axes.

    Returns:
        The same elements in another shape.

    Example:
        >>> import tinyseq as ts
        >>> ts.swapaxes(ts.zeros(2, 3, 4), 0, 2).shape
        (4, 3, 2)
    """
    x = constant(x)
    order = list(range(x.ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(x, *order)


@composite(method=True)
def flatten(x: TensorLike) -> Tensor:
    """Flatten to one axis.

    Args:
        x: the tensor.

    Returns:
        A vector of all elements, the last axis changing fastest.

    Example:
        >>> import tinyseq as ts
        >>> ts.flatten(ts.zeros(2, 3)).shape
        (6,)
    """
    return reshape(x, (-1,))


@composite(method=True)
def expand_dims(x: TensorLike, axis: int | tuple[int, ...]) -> Tensor:
    """A new axis of length 1 at ``axis``, or at each of several.

    Args:
        x: the tensor.
        axis: the positions of the new axes in the result.

    Returns:
        A tensor with new axes of length 1.

    Raises:
        ValueError: if an axis is named twice.

    Example:
        >>> import tinyseq as ts
        >>> ts.expand_dims(ts.zeros(2, 3), 1).shape
        (2, 1, 3)
    """
    x = constant(x)
    named = axis if isinstance(axis, tuple | list) else (axis,)
    ndim = x.ndim + len(named)
    new, sides = {axis_of(a, ndim) for a in named}, iter(x.shape)
    if len(new) < len(named):
        raise ValueError(f"expand_dims: axis {axis} names an axis twice")
    return reshape(x, tuple([1 if i in new else next(sides) for i in range(ndim)]))


@composite(method=True)
def squeeze(x: TensorLike, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """Remove the given axes of length 1 (all such axes by default).

    Args:
        x: the values.
        axis: an axis, or several; all of length 1 by default.

    Returns:
        The same elements in another shape.

    Raises:
        ValueError: if one of them has another length.

    Example:
        >>> import tinyseq as ts
        >>> ts.squeeze(ts.zeros(1, 3)).shape
        (3,)
    """
    x = constant(x)
    gone = {i for i, side in enumerate(x.shape) if side == 1} if axis is None else set(axes_of(axis, x.ndim))
    for i in gone:
        if x.shape[i] != 1:
            raise ValueError(f"squeeze: axis {i} of shape {x.shape} has length {x.shape[i]}, not 1")
    return reshape(x, tuple(side for i, side in enumerate(x.shape) if i not in gone))


broadcast_to = op(
    "broadcast_to",
    forward=lambda xp, x, *, shape: xp.broadcast_to(x, shape),
    vjp=lambda xp, g, *, shape: g,
    broadcasts=True,
    tex=r"\bar x = \sum \bar y",
    kind="spread",
    view=True,
    calls="broadcast_to",
    reference=lambda x, shape: np.broadcast_to(x, shape),
    doc="""Repeat elements along new axes and along axes of length 1, as NumPy's broadcasting does.

    Args:
        x: the values.
        shape: the new shape.

    Returns:
        A tensor of that shape.

    Raises:
        ValueError: if x does not broadcast to it.
    """,
    example=("ts.broadcast_to(ts.tensor([1.0, 2.0]), (2, 2)).tolist()", "[[1.0, 2.0], [1.0, 2.0]]"),
)


flip = op(
    "flip",
    forward=lambda xp, x, *, axis=None: xp.flip(x, axis=axis),
    vjp=lambda xp, g, *, axis: xp.flip(g, axis=axis),
    tex=r"\bar x = \operatorname{flip} \bar y",
    kind="along",
    view=True,
    slope_bound=1.0,
    method=True,
    reference=np.flip,
    doc="""Reverse the order of the elements along some axes.

    Args:
        x: the values.
        axis: the axis or axes; all by default.

    Returns:
        A tensor of x's shape.
    """,
    example=("ts.flip(ts.tensor([1.0, 2.0, 3.0]))", "tensor([3., 2., 1.])"),
)


def _opposite(shift: Any) -> Any:
    back = (-np.asarray(shift, dtype=np.intp)).tolist()
    return tuple(back) if isinstance(back, list) else back


def _rolled(xp: Any, x: Any, *, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Any:
    return xp.roll(x, shift, axis=axis)


roll = op(
    "roll",
    forward=_rolled,
    vjp=lambda xp, g, *, shift, axis: xp.roll(g, _opposite(shift), axis=axis),
    tex=r"\bar x = \operatorname{roll}_{-s} \bar y",
    kind="along",
    slope_bound=1.0,
    calls="roll",
    reference=np.roll,
    doc="""Shift the elements along some axes; those that leave one end come back at the other.

    Args:
        x: the values.
        shift: by how many places, a number or one for each axis.
        axis: the axis or axes; by default that of the flattened tensor.

    Returns:
        A tensor of x's shape.
    """,
    example=("ts.roll(ts.tensor([1.0, 2.0, 3.0]), 1)", "tensor([3., 1., 2.])"),
)


@composite(method=True)
def repeat(x: TensorLike, repeats: int | Sequence[int] | Tensor, axis: int | None = None) -> Tensor:
    """Repeat each element along an axis, all equally or each its own number of times; flattened if it is None.

    Args:
        x: the values.
        repeats: how often each element occurs, one number or one for each.
        axis: along which axis; None for the flattened tensor.

    Returns:
        A tensor that is longer along ``axis``, or a vector if it is None.

    Raises:
        ValueError: if a number is negative, or there are too few or too many of them.

    Example:
        >>> import tinyseq as ts
        >>> ts.repeat(ts.tensor([1.0, 2.0]), 2)
        tensor([1., 1., 2., 2.])
    """
    x = constant(x)
    counts = host_array(repeats._array if isinstance(repeats, Tensor) else repeats)
    if bool((counts < 0).any()):
        raise ValueError(f"repeats must not be negative, got {repeats}")
    if axis is None or not x.shape:
        x, axis = x.reshape(-1), 0
    length = x.shape[axis_of(axis, x.ndim)]
    if counts.ndim > 1 or counts.size not in (1, length):
        raise ValueError(f"repeats has shape {counts.shape}; give one number, or {length}, one for each")
    return FUNCTIONS["take"](x, namespace_of(counts).repeat(np.arange(length), counts), axis=axis)


# The names of the array-API standard, which rules use so that they run on any library's arrays and on Tensors alike.
FUNCTIONS["permute_dims"] = FUNCTIONS["permute"] = transpose
offer("permute", transpose, method=True)
