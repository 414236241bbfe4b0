"""Indexing: selecting elements, and writing values at an index."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinyseq import backend
from tinyseq.arguments import whole
from tinyseq.autograd.declare import FUNCTIONS, composite, offer, op
from tinyseq.autograd.ops.elementwise.choice import where
from tinyseq.autograd.ops.moves.shape import broadcast_to
from tinyseq.autograd.ops.reduce import along, axis_of
from tinyseq.autograd.record.axes import Axes, Use
from tinyseq.autograd.tensor import Index, Tensor, TensorLike, constant, constant_like
from tinyseq.backend import frozen, host_array, is_array, on_host, to_numpy
from tinyseq.torch_names.settings import explained


def _picked_axes(use: Use, axis: int) -> Axes | None:
    """Look-ups by arrays of ids, and slices that leave the axis whole.

    The axes of the arrays, broadcast together, stand where the first of them stood; but at the front if a slice
    separates them from each other, or from a whole number beside them (NumPy's "advanced indexing").
    """
    index: Any = use.attrs["index"]
    parts: tuple[Any, ...] = index if isinstance(index, tuple) else (index,)
    if not all(type(part) in (slice, int) or (hasattr(part, "ndim") and part.dtype.kind != "b") for part in parts):
        return None
    sliced = [own for own, part in enumerate(parts) if isinstance(part, slice)]
    picks = [own for own in range(len(parts)) if own not in sliced]
    looked_up = max((part.ndim for part in parts if hasattr(part, "ndim")), default=0)
    start = picks[0] if picks and picks[-1] - picks[0] < len(picks) else 0
    if start <= axis < start + looked_up:
        return [None]
    left = axis if axis < start else axis - looked_up
    if left >= len(sliced):
        return [len(parts) + left - len(sliced)]
    return [sliced[left]] if parts[sliced[left]] == slice(None) else None


_getitem = op(
    "getitem",
    forward=lambda xp, x, *, index: backend.gathered(xp, x, index),
    saves="x.shape",
    vjp=lambda xp, g, shape, *, index: xp.scattered(g, index=index, shape=tuple(shape)),
    tex=r"\bar x_{[k]} \mathrel{+}= \bar y",
    kind="part",
    axes=_picked_axes,
    view=True,
    symbol="pick",
    operator="[]",
    calls="getitem",
    reference=lambda x, index: x[index],
)


def _scattered_one_by_one(values: Any, index: Any, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape, dtype=values.dtype)
    np.add.at(out, index, values)
    return out


scattered = op(
    "scattered",
    forward=lambda xp, values, *, index, shape: backend.scattered(xp, values, index, shape),
    vjp=lambda xp, g, *, index, shape: xp.getitem(g, index=index),
    tex=r"\bar v = \bar y_{[k]}",
    calls="scattered",
    reference=_scattered_one_by_one,
    doc="Zeros of a shape with ``values`` added at ``index``; values at a repeated position add up.",
)


def frozen_index(index: object) -> Any:
    """An index as plain Python and NumPy values that nobody else can change."""
    if isinstance(index, tuple):
        return tuple(frozen_index(part) for part in index)
    if isinstance(index, Tensor):
        return _places(to_numpy(index._array))
    if isinstance(index, list) or hasattr(index, "dtype"):
        array = on_host(index).copy() if is_array(index) else np.array(on_host(index))
        if array.size == 0 and array.dtype.kind == "f":
            array = array.astype(np.intp)
        if array.dtype.kind not in "iub":
            raise IndexError(f"an index must hold integers or booleans, got {array.dtype}")
        return frozen(_places(array))
    return index


def _places(index: Any) -> Any:
    """Whole numbers of a type that can count all places: a rule computes with them."""
    return index.astype(np.intp, copy=False) if index.dtype.kind in "iu" else index


def getitem(x: TensorLike, index: Index) -> Tensor:
    """``x[index]``: slices, integers, None, ``...``, boolean masks and integer arrays, as in NumPy."""
    return _getitem(x, index=frozen_index(index))


FUNCTIONS["getitem"] = getitem  # no `composite`, as it runs often, and the op names itself
offer("getitem", getitem, operator="[]")


@composite(method=True)
def take(x: TensorLike, indices: TensorLike, axis: int | None = 0) -> Tensor:
    """The slices at ``indices`` along an axis; the shape of the indices replaces the axis.

    If the axis is None, the indices are into the flattened tensor.

    Args:
        x: the tensor.
        indices: whole numbers of any shape; negative ones count from the end.
        axis: the axis; None takes from the flattened tensor.

    Returns:
        A tensor with the axes of ``indices`` in place of ``axis``.

    Raises:
        IndexError: an index is out of range.

    Example:
        >>> import tinyseq as ts
        >>> ts.take(ts.tensor([10.0, 20.0, 30.0]), [2, 0, 2])
        tensor([30., 10., 30.])
    """
    x = constant(x)
    if axis is None:
        x, axis = x.reshape(-1), 0
    chosen = _on_host(indices)
    if chosen.dtype == bool:
        chosen = chosen.astype(np.intp)  # as NumPy: numbers 0 and 1, and no mask
    return getitem(x, along(axis, x.ndim, frozen_index(chosen)))


def _on_host(indices: TensorLike) -> Any:
    """Indices as a NumPy array; those that are being recorded stay so."""
    return host_array(indices._array if isinstance(indices, Tensor) else indices)


def _ids(name: str, values: TensorLike) -> Any:
    """Whole numbers, not a mask, which would pick other elements."""
    given = _on_host(values)
    try:
        chosen = frozen_index(given)
    except IndexError:
        cure = "; ts.data.Vocabulary(symbols).encode(text) makes ids of symbols" if given.dtype.kind in "US" else ""
        raise IndexError(f"{name} must be whole numbers, got {given.dtype}{cure}") from None
    if chosen.dtype.kind == "b":
        raise IndexError(f"{name} must be whole numbers, got bool; convert with .astype(int), or pick by x[mask]")
    return chosen


def _along(chosen: Any, axis: int, shape: Sequence[int]) -> tuple[Any, ...]:
    """The index of one element for each of ``chosen``, which stand along an axis of a grid of a shape."""
    grid = list(np.ogrid[tuple(slice(side) for side in shape)])
    grid[axis_of(axis, len(shape))] = chosen
    return tuple(grid)


@composite
def take_along_axis(x: TensorLike, indices: TensorLike, axis: int | None = -1) -> Tensor:
    """One element for each index along an axis, as in NumPy: the other axes of x and indices are broadcast.

    Args:
        x: the values.
        indices: whole numbers, with as many axes as x.
        axis: the axis; None for the flattened tensor.

    Returns:
        A tensor of the shape of the indices, broadcast with x along the other axes.

    Raises:
        ValueError: if the indices have a different number of axes, or cannot be broadcast.

    Example:
        >>> import tinyseq as ts
        >>> x = ts.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> ts.take_along_axis(x, [[1]], axis=0).tolist()
        [[3.0, 4.0]]
    """
    x = constant(x)
    chosen = _ids("take_along_axis: indices", indices)
    if axis is None:
        x, axis = x.reshape(-1), 0
    axis = axis_of(axis, x.ndim)
    fits = chosen.ndim == x.ndim and all(
        i == axis or m == n or 1 in (m, n) for i, (m, n) in enumerate(zip(chosen.shape, x.shape, strict=True))
    )
    if not fits:
        raise ValueError(
            f"take_along_axis: indices have shape {chosen.shape}, x has shape {x.shape}; give as many axes, "
            f"of the same lengths, or of length 1, except along axis {axis}"
        )
    return getitem(x, _along(chosen, axis, x.shape))


@composite
def gather(x: TensorLike, axis: int, indices: TensorLike) -> Tensor:
    """One element for each index along an axis, as in PyTorch: nothing is broadcast.

    Args:
        x: the values.
        axis: along which axis.
        indices: whole numbers, with as many axes as x; along the others they may be shorter than x, and take its
            beginning.

    Returns:
        A tensor of the shape of the indices.

    Raises:
        ValueError: if the indices have a different number of axes, or are longer than x along another axis.

    Example:
        >>> import tinyseq as ts
        >>> ts.gather(ts.tensor([[1.0, 2.0], [3.0, 4.0]]), 0, [[1]]).tolist()
        [[3.0]]
    """
    x = constant(x)
    chosen = _ids("gather: indices", indices)
    axis = axis_of(axis, x.ndim)
    fits = chosen.ndim == x.ndim and all(
        i == axis or m <= n for i, (m, n) in enumerate(zip(chosen.shape, x.shape, strict=True))
    )
    if not fits:
        raise ValueError(
            f"gather: indices have shape {chosen.shape}, x has shape {x.shape}; give as many axes, "
            f"none longer than x's except along axis {axis}"
        )
    return getitem(x, _along(chosen, axis, chosen.shape))


def _chosen(x: Tensor, index: Index) -> tuple[Any, tuple[int, ...]]:
    """An index, and the shape of what it picks from x."""
    place = frozen_index(index)
    return place, np.broadcast_to(np.False_, x.shape)[place].shape


def beside(x: Tensor, values: TensorLike) -> Tensor:
    """Values beside x: numbers take its library, and its type if that is real; whole numbers keep their fractions."""
    if hasattr(values, "dtype") and not isinstance(values, np.generic):
        return constant(values)
    return constant_like(x, np.asarray(values, dtype=float if getattr(x.dtype, "kind", "f") == "f" else None))


@composite
def scatter_add(x: TensorLike, index: Index, values: TensorLike) -> Tensor:
    """``x`` with ``values`` added at ``index``; values at a repeated position add up.

    Args:
        x: the tensor.
        index: any index that selects elements of it; positions may repeat.
        values: what is added there; broadcasts to the selection.

    Returns:
        A tensor of x's shape; x is unchanged.

    Raises:
        IndexError: an index is out of range.

    Example:
        >>> import tinyseq as ts
        >>> ts.scatter_add(ts.zeros(3), [1, 1], ts.tensor([2.0, 3.0]))
        tensor([0., 5., 0.])
    """
    x = constant(x)
    place, shape = _chosen(x, index)
    values = beside(x, values)
    if values.shape != shape:
        values = broadcast_to(values, shape)
    added: Tensor = scattered(values, index=place, shape=x.shape)
    return x + added


@composite
def index_set(x: TensorLike, index: Index, values: TensorLike) -> Tensor:
    """A copy of ``x`` with ``values`` at ``index``: assignment without changing anything.

    Args:
        x: the tensor.
        index: any index that selects elements of it, each once.
        values: the new values; they broadcast to the selection.

    Returns:
        A tensor of x's shape; x is unchanged.

    Raises:
        ValueError: if a position is repeated, as the value there would be ambiguous.

    Example:
        >>> import tinyseq as ts
        >>> ts.index_set(ts.zeros(3), 1, 5.0)
        tensor([0., 5., 0.])
    """
    x = constant(x)
    place, _ = _chosen(x, index)  # which raises for an invalid index
    count = np.zeros(x.shape, dtype=np.int64)
    np.add.at(count, place, 1)
    if (count > 1).any():
        raise ValueError("index_set: the index repeats a position; use scatter_add to add the values")
    kept: Tensor = where(count > 0, False, x)  # which is 0 in every type
    return scatter_add(kept, place, values)


@explained
def one_hot(ids: TensorLike, num_classes: int, dtype: DTypeLike = np.float32) -> Tensor:
    """One-hot rows: zeros, with a one at each id.

    Args:
        ids: integers of any shape, in [0, num_classes).
        num_classes: the length of the new last axis.
        dtype: the element type.

    Returns:
        The shape of the ids, with one more axis.

    Raises:
        ValueError: for an id out of range, with its value.

    Example:
        >>> import tinyseq as ts
        >>> ts.one_hot([2, 0], 3).tolist()
        [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    num_classes = whole("num_classes", num_classes)
    chosen = _ids("one_hot: ids", ids)
    wrong = (chosen < 0) | (chosen >= num_classes)
    if wrong.any():
        raise ValueError(f"one_hot: id {int(chosen[wrong][0])} lies outside [0, {num_classes})")
    return getitem(Tensor(np.eye(num_classes, dtype=dtype)), chosen)
