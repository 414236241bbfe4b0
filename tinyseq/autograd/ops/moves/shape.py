"""Ops that rearrange elements without changing them."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from tinyseq.arguments import whole
from tinyseq.autograd.axes import Axes, Use, but_along
from tinyseq.autograd.declare import FUNCTIONS, OPS, composite, offer, op
from tinyseq.autograd.ops.moves.joined import remember
from tinyseq.autograd.ops.moves.layout import side_by_side
from tinyseq.autograd.ops.reduce import along, axes_of, axis_of
from tinyseq.autograd.tensor import Tensor, TensorLike, constant


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

    Example:
        >>> import tinyseq as ts
        >>> ts.flatten(ts.zeros(2, 3)).shape
        (6,)
    """
    return reshape(x, (-1,))


@composite(method=True)
def expand_dims(x: TensorLike, axis: int | tuple[int, ...]) -> Tensor:
    """A new axis of length 1 at ``axis``, or at each of several.

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


def _part_of_joined(xp: Any, g: Any, i: Any, shapes: Any, *, axis: Any) -> Any:
    start = sum(shape[axis] for shape in shapes[:i])
    return g[along(axis, g.ndim, slice(start, start + shapes[i][axis]))]


_concatenate = op(
    "concatenate",
    forward=lambda xp, *xs, axis=0: xp.concat(xs, axis=axis),
    saves="[x.shape for x in xs]",
    vjp=_part_of_joined,
    tex=r"\bar x_i = \bar y_{[i]}",
    kind="join",
    symbol="concat",
    calls="concatenate",
    reference=lambda *xs, axis=0: np.concatenate(xs, axis=axis),
)


@composite
def concatenate(tensors: Sequence[TensorLike], axis: int | None = 0) -> Tensor:
    """Join tensors along an existing axis; if it is None, they are flattened first.

    Example:
        >>> import tinyseq as ts
        >>> ts.concatenate([ts.zeros(2), ts.ones(1)])
        tensor([0., 0., 1.])
    """
    _some(tensors, "concatenate")
    if axis is None:
        return concatenate([constant(x).reshape(-1) for x in tensors])
    return remember(_concatenate(*tensors, axis=axis), OPS["concatenate"], tensors, axis)


def _stacked(xp: Any, parts: Any, axis: int) -> Any:
    """The parts along a new axis. At the front that is a plain concatenation, which saves a call for each part."""
    shape = parts[0].shape
    if axis == 0 and shape and all(part.shape == shape for part in parts):
        return xp.reshape(xp.concat(parts, axis=0), (len(parts), *shape))
    return xp.stack(parts, axis=axis)


_stack = op(
    "stack",
    forward=lambda xp, *xs, axis=0: _stacked(xp, xs, axis),
    vjp=lambda xp, g, i, *, axis: g[along(axis, g.ndim, i)] if axis else g[i, ...],
    tex=r"\bar x_i = \bar y_i",
    kind="stacking",
    calls="stack",
    reference=lambda *xs, axis=0: np.stack(xs, axis=axis),
)


@composite
def stack(tensors: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Join tensors of one shape along a new axis.

    Example:
        >>> import tinyseq as ts
        >>> ts.stack([ts.zeros(2), ts.ones(2)]).shape
        (2, 2)
    """
    _some(tensors, "stack")
    return remember(_stack(*tensors, axis=axis), OPS["stack"], tensors, axis)


def _some(tensors: Sequence[Any], name: str) -> None:
    if isinstance(tensors, Tensor) or len(tensors) == 0:
        raise ValueError(f"{name} takes a list of at least one tensor, got {'a tensor' if len(tensors) else 'none'}")


def _rejoined(xp: Any, parts: Any, shapes: Any, join: Any) -> Any:
    """The gradient of a whole from those of its parts, with zeros where a part was not used."""
    for part in parts:
        if part is None:
            break
    else:
        return join(parts)
    zero = xp.zeros_like(xp.sum(next(part for part in parts if part is not None)))
    pairs = zip(shapes, parts, strict=True)
    return join([xp.broadcast_to(zero, shape) if part is None else part for shape, part in pairs])


def _cuts(length: int, sections: int | Sequence[int]) -> list[int]:
    """The lengths of the parts: that many equal ones, or the given ones."""
    if isinstance(sections, int):
        if sections < 1 or length % sections:
            raise ValueError(f"cannot split a length of {length} into {sections} equal parts")
        return [length // sections] * sections
    if sum(sections) != length:
        raise ValueError(f"parts of {list(sections)} add up to {sum(sections)}, but the length is {length}")
    return list(sections)


def _split(xp: Any, x: Any, *, sections: Any, axis: Any = 0) -> Any:
    parts, start = [], 0
    for length in _cuts(x.shape[axis], sections):
        stop = start + length
        parts.append(x[start:stop, ...] if axis == 0 else x[along(axis, x.ndim, slice(start, stop))])
        start = stop
    return parts


split = op(
    "split",
    forward=_split,
    saves="shapes",
    vjp=lambda xp, g, shapes, *, sections, axis: _rejoined(xp, g, shapes, lambda parts: xp.concat(parts, axis=axis)),
    outputs=True,
    tex=r"\bar x = [\bar y_1; \dots; \bar y_n]",
    kind="part",
    axes=but_along,
    view=True,
    slope_bound=1.0,
    method=True,
    calls="split",
    types={"sections": "int | Sequence[int]"},
    reference=lambda x, sections, axis=0: np.split(
        x, sections if isinstance(sections, int) else np.cumsum(sections)[:-1], axis
    ),
    doc="""Split along an axis into a number of equal parts, or into parts of given lengths.

    Args:
        x: the values.
        sections: the number of parts, or their lengths.
        axis: along which axis.

    Returns:
        A list of tensors.

    Raises:
        ValueError: if the parts do not make up the axis.

    Example:
        >>> import tinyseq as ts
        >>> [part.shape for part in ts.split(ts.zeros((6, 2)), 3)]
        [(2, 2), (2, 2), (2, 2)]
    """,
)


@composite
def chunk(x: TensorLike, chunks: int, axis: int = 0) -> list[Tensor]:
    """Split into at most ``chunks`` parts of equal length; the last may be shorter, as in PyTorch.

    Args:
        x: the values.
        chunks: the largest number of parts.
        axis: along which axis.

    Returns:
        A list of tensors.

    Example:
        >>> import tinyseq as ts
        >>> [part.shape for part in ts.chunk(ts.zeros(5), 3)]
        [(2,), (2,), (1,)]
    """
    x = constant(x)
    length = x.shape[axis]
    size = -(-length // whole("chunks", chunks))
    return split(x, [min(size, length - start) for start in range(0, length, size)], axis=axis)


def _unbind(xp: Any, x: Any, *, axis: Any = 0) -> Any:
    return [x[i, ...] if axis == 0 else x[along(axis, x.ndim, i)] for i in range(x.shape[axis])]


def _bound(xp: Any, parts: Any, axis: Any) -> Any:
    """The parts along a new axis. Matrices along the first are laid side by side in memory.

    These are the gradients of all time steps. The gradient of the weight that made the steps' inputs is one product
    with them side by side (see `matmul`), which then needs no copy of its own.
    """
    if axis or parts[0].ndim != 2:
        return _stacked(xp, parts, axis)
    rows, columns = parts[0].shape
    return xp.permute_dims(xp.reshape(side_by_side(xp, parts), (rows, len(parts), columns)), (1, 0, 2))


unbind = op(
    "unbind",
    forward=_unbind,
    saves="shapes",
    vjp=lambda xp, g, shapes, *, axis: _rejoined(xp, g, shapes, lambda parts: _bound(xp, parts, axis)),
    outputs=True,
    tex=r"\bar x_i = \bar y_i",
    kind="unstacking",
    view=True,
    method=True,
    calls="along",
    reference=lambda x, axis=0: [np.take(x, i, axis=axis) for i in range(x.shape[axis])],
    doc="""The slices along an axis, as a list: ``unbind(x)[t]`` is ``x[t]``, and one node serves all of them.

    Args:
        x: the values.
        axis: along which axis.

    Returns:
        A list of tensors without that axis.

    Raises:
        IndexError: if there is no such axis.
    """,
    example=("ts.unbind(ts.tensor([[1.0, 2.0], [3.0, 4.0]]))", "[tensor([1., 2.]), tensor([3., 4.])]"),
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
def repeat(x: TensorLike, repeats: int | Sequence[int], axis: int | None = None) -> Tensor:
    """Repeat each element along an axis, all equally or each its own number of times; flattened if it is None.

    Args:
        x: the values.
        repeats: how often each element occurs, one number or one for each.
        axis: along which axis; None for the flattened tensor.

    Raises:
        ValueError: if a number is negative, or there are too few or too many of them.

    Example:
        >>> import tinyseq as ts
        >>> ts.repeat(ts.tensor([1.0, 2.0]), 2)
        tensor([1., 1., 2., 2.])
    """
    x = constant(x)
    if np.min(repeats, initial=0) < 0:
        raise ValueError(f"repeats must not be negative, got {repeats}")
    if axis is None or not x.shape:
        x, axis = x.reshape(-1), 0
    length = x.shape[axis_of(axis, x.ndim)]
    if np.ndim(repeats) > 1 or np.size(repeats) not in (1, length):
        raise ValueError(f"repeats has shape {np.shape(repeats)}; give one number, or {length}, one for each")
    return FUNCTIONS["take"](x, np.repeat(np.arange(length), repeats), axis=axis)


@composite
def tile(x: TensorLike, reps: int | Sequence[int]) -> Tensor:
    """Repeat the whole tensor along each axis, like NumPy's tile.

    Args:
        x: the values.
        reps: how often along each axis, counted from the last one if there are too few.

    Returns:
        A tensor.

    Raises:
        ValueError: if a number is negative.

    Example:
        >>> import tinyseq as ts
        >>> ts.tile(ts.tensor([1.0, 2.0]), 2)
        tensor([1., 2., 1., 2.])
    """
    x = constant(x)
    counts = list(np.atleast_1d(np.asarray(reps, dtype=np.intp)).tolist())
    if min(counts, default=0) < 0:
        raise ValueError(f"reps must not be negative, got {reps}")
    counts = [1] * (x.ndim - len(counts)) + counts
    while x.ndim < len(counts):
        x = expand_dims(x, 0)
    for axis, n in enumerate(counts):
        x = concatenate([x] * n, axis=axis) if n else x[along(axis, x.ndim, slice(0, 0))]
    return x


def _alias(name: str, function: Callable[..., Any]) -> None:
    FUNCTIONS[name] = function


# The names of the array-API standard, which rules use so that they run on any library's arrays and on Tensors alike.
_alias("permute_dims", transpose)
_alias("permute", transpose)
offer("permute", transpose, method=True)
_alias("concat", concatenate)
_alias("cumulative_sum", FUNCTIONS["cumsum"])
_alias("cumulative_prod", FUNCTIONS["cumprod"])
