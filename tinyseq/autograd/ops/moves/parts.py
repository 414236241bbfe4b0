"""Joining tensors, and splitting them into parts."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyseq.arguments import check_ordered, whole
from tinyseq.autograd.declare import FUNCTIONS, OPS, composite, op
from tinyseq.autograd.ops.moves.joined import remember
from tinyseq.autograd.ops.moves.layout import side_by_side
from tinyseq.autograd.ops.moves.shape import broadcast_to, reshape
from tinyseq.autograd.ops.reduce import along
from tinyseq.autograd.record.axes import but_along
from tinyseq.autograd.tensor import Tensor, TensorLike, constant


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

    Args:
        tensors: a list of at least one; their shapes may differ along ``axis`` only.
        axis: the axis along which they are joined.

    Returns:
        A tensor, along ``axis`` as long as all of them together.

    Raises:
        ValueError: there are none, their shapes do not fit, or there is no such axis.

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

    Args:
        tensors: a list of at least one; all of one shape.
        axis: the position of the new axis in the result.

    Returns:
        A tensor with one axis more, of length ``len(tensors)``.

    Raises:
        ValueError: there are none, their shapes differ, or there is no such axis.

    Example:
        >>> import tinyseq as ts
        >>> ts.stack([ts.zeros(2), ts.ones(2)]).shape
        (2, 2)
    """
    _some(tensors, "stack")
    return remember(_stack(*tensors, axis=axis), OPS["stack"], tensors, axis)


def _some(tensors: Sequence[Any], name: str) -> None:
    if isinstance(tensors, (Tensor, set, frozenset)) or len(tensors) == 0:
        check_ordered(f"tensors of {name}", tensors)
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
    lengths = list(sections)
    if min(lengths, default=0) < 0:
        raise ValueError(f"parts must not have negative lengths, got {lengths}")
    if sum(lengths) != length:
        raise ValueError(f"parts of {lengths} add up to {sum(lengths)}, but the length is {length}")
    return lengths


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

    An axis of length 0 gives ``chunks`` empty parts.

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
    length, chunks = x.shape[axis], whole("chunks", chunks)
    if not length:
        return split(x, [0] * chunks, axis=axis)
    size = -(-length // chunks)
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
    sides = (1,) * (len(counts) - x.ndim) + x.shape
    apart = reshape(x, tuple(length for side in sides for length in (1, side)))
    spread = broadcast_to(apart, tuple(length for pair in zip(counts, sides, strict=True) for length in pair))
    return reshape(spread, tuple(n * side for n, side in zip(counts, sides, strict=True)))


FUNCTIONS["concat"] = concatenate  # under the name of the array-API standard, as rules use it
