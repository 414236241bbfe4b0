"""Rearrangement of elements: triangles and diagonals, sorting, rows and columns, differences, grids."""

from operator import index
from typing import Any

import numpy as np

from tinyseq.autograd.declare import as_numpy, composite, op
from tinyseq.autograd.ops.matrices.matmul import diagonal
from tinyseq.autograd.ops.moves.index import beside, getitem, scattered
from tinyseq.autograd.ops.moves.parts import concatenate
from tinyseq.autograd.ops.moves.shape import broadcast_to, flatten, flip, reshape, swapaxes, transpose
from tinyseq.autograd.ops.reduce import along, axis_of
from tinyseq.autograd.tensor import Tensor, TensorLike, constant, constant_like
from tinyseq.backend import to_numpy

# -- triangles and diagonals -------------------------------------------------------------------------------------------


def _lower(xp: Any, x: Any, *, k: int = 0) -> Any:
    return xp.tril(x, k=k)


def _upper(xp: Any, x: Any, *, k: int = 0) -> Any:
    return xp.triu(x, k=k)


tril = op(
    "tril",
    forward=_lower,
    vjp=lambda xp, g, *, k: xp.tril(g, k=k),
    broadcasts=True,  # NumPy makes a vector the rows of a matrix
    tex=r"\bar x = \operatorname{tril} \bar y",
    method=True,
    slope_bound=1.0,
    calls="triangle",
    reference=lambda x, k=0: x * np.tri(x.shape[-2], x.shape[-1], k),
    doc="""The lower triangle of a matrix, or of each matrix of a batch, up to the k-th diagonal, and 0 elsewhere.

    Args:
        x: (..., m, n).
        k: which diagonal: above the main one if positive, below it if negative.

    Returns:
        (..., m, n).

    Example:
        >>> import tinyseq as ts
        >>> ts.tril(ts.ones(2, 2)).tolist()
        [[1.0, 0.0], [1.0, 1.0]]
    """,
)
triu = op(
    "triu",
    forward=_upper,
    vjp=lambda xp, g, *, k: xp.triu(g, k=k),
    broadcasts=True,  # NumPy makes a vector the rows of a matrix
    tex=r"\bar x = \operatorname{triu} \bar y",
    method=True,
    slope_bound=1.0,
    calls="triangle",
    reference=lambda x, k=0: x * (1 - np.tri(x.shape[-2], x.shape[-1], k - 1)),
    doc="""The upper triangle of a matrix, or of each matrix of a batch, from the k-th diagonal on, and 0 elsewhere.

    Args:
        x: (..., m, n).
        k: which diagonal: above the main one if positive, below it if negative.

    Returns:
        (..., m, n).
    """,
    example=("ts.triu(ts.ones(2, 2)).tolist()", "[[1.0, 1.0], [0.0, 1.0]]"),
)


@composite
def diag(x: TensorLike, k: int = 0) -> Tensor:
    """A matrix with a vector on its k-th diagonal; of a matrix, that diagonal.

    Args:
        x: (n,) or (n, m).
        k: the diagonal; above 0 it lies above the main one.

    Returns:
        A matrix, or for a matrix a vector.

    Raises:
        ValueError: for other numbers of axes.

    Example:
        >>> import tinyseq as ts
        >>> ts.diag(ts.tensor([1.0, 2.0])).tolist()
        [[1.0, 0.0], [0.0, 2.0]]
    """
    x = constant(x)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ValueError(f"diag takes a vector or a matrix, got shape {x.shape}; for a batch of matrices use diagonal")
    side, places = len(x) + abs(k), np.arange(len(x))
    index = places + max(-k, 0), places + max(k, 0)
    return scattered(x, index=index, shape=(side, side))


@composite
def diagflat(x: TensorLike, k: int = 0) -> Tensor:
    """A matrix with all elements on its k-th diagonal.

    Example:
        >>> import tinyseq as ts
        >>> ts.diagflat(ts.tensor([1.0, 2.0])).tolist()
        [[1.0, 0.0], [0.0, 2.0]]
    """
    return diag(flatten(x), k)


# -- order along an axis -----------------------------------------------------------------------------------------------


def _sorted_slope(xp: Any, g: Any, x: Any, *, axis: Any) -> Any:
    order = np.argsort(to_numpy(x._array if isinstance(x, Tensor) else x), axis=axis, stable=True)
    place = list(np.ogrid[tuple(slice(side) for side in order.shape)])
    place[axis_of(axis, order.ndim)] = np.argsort(order, axis=axis)  # where each element went
    return xp.getitem(g, index=tuple(place))


_sort = op(
    "sort",
    forward=lambda xp, x, *, axis=-1: xp.sort(x, axis=axis),
    saves="x",
    vjp=_sorted_slope,
    tex=r"\bar x_{\pi(i)} = \bar y_i",
    analytic=False,
    slope_bound=1.0,
    kind="along",
    reference=np.sort,
)


@composite
def sort(x: TensorLike, axis: int | None = -1) -> Tensor:
    """Sort in ascending order along an axis; flattened if it is None.

    Equal elements keep their order, and so do their gradients. NaN comes last.

    Args:
        x: the values.
        axis: the axis; None flattens x first.

    Returns:
        The values in ascending order, of x's shape or flattened.

    Example:
        >>> import tinyseq as ts
        >>> x = ts.tensor([3.0, 1.0, 2.0], requires_grad=True)
        >>> ts.sort(x)[0].backward()
        >>> x.grad
        tensor([0., 1., 0.])
    """
    return _sort(flatten(x), axis=0) if axis is None else _sort(x, axis=axis)


argsort = op(
    "argsort",
    forward=lambda xp, x, *, axis=-1: xp.argsort(x, axis=axis, **({"stable": True} if xp.name == "numpy" else {})),
    analytic=False,
    method=True,
    kind="along",
    reference=lambda x, axis=-1: np.argsort(x, axis=axis, kind="stable"),
    doc="The indices that sort along an axis; equal elements keep their order (no gradient).",
    example=("ts.argsort(ts.tensor([3.0, 1.0, 2.0])).tolist()", "[1, 2, 0]"),
)

# -- axes --------------------------------------------------------------------------------------------------------------


@composite
def moveaxis(x: TensorLike, source: int | tuple[int, ...], destination: int | tuple[int, ...]) -> Tensor:
    """Move axes to other positions; the others keep their order.

    Args:
        x: the values.
        source: the axis to move, or several.
        destination: where each of them goes.

    Raises:
        ValueError: if an axis is named twice, or the two are not equally many.

    Example:
        >>> import tinyseq as ts
        >>> ts.moveaxis(ts.zeros(2, 3, 4), 0, -1).shape
        (3, 4, 2)
    """
    x = constant(x)
    origins, goals = (
        [axis_of(a, x.ndim) for a in (axis if isinstance(axis, tuple | list) else (axis,))]
        for axis in (source, destination)
    )
    if len(origins) != len(goals) or len(set(origins)) < len(origins) or len(set(goals)) < len(goals):
        raise ValueError(
            f"moveaxis: source {source} and destination {destination} must name equally many axes, each once"
        )
    order = [i for i in range(x.ndim) if i not in origins]
    for goal, origin in sorted(zip(goals, origins, strict=True)):
        order.insert(goal, origin)
    return transpose(x, tuple(order))


@composite(method=True)
def ravel(x: TensorLike) -> Tensor:
    """All elements along one axis: `flatten` under NumPy's name.

    Example:
        >>> import tinyseq as ts
        >>> ts.ravel(ts.zeros(2, 3)).shape
        (6,)
    """
    return flatten(x)


@composite
def fliplr(x: TensorLike) -> Tensor:
    """Reverse the columns, along the second axis, as in NumPy.

    Example:
        >>> import tinyseq as ts
        >>> ts.fliplr(ts.tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
        [[2.0, 1.0], [4.0, 3.0]]
    """
    return flip(x, axis=1)


@composite
def flipud(x: TensorLike) -> Tensor:
    """Reverse the rows, along the first axis, as in NumPy.

    Example:
        >>> import tinyseq as ts
        >>> ts.flipud(ts.tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
        [[3.0, 4.0], [1.0, 2.0]]
    """
    return flip(x, axis=0)


@composite
def rot90(x: TensorLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """Rotate by k times 90 degrees, from the first of two axes towards the second.

    Args:
        x: a tensor of at least two axes.
        k: how many quarter turns.
        axes: the plane, from the first axis towards the second.

    Returns:
        A tensor with these two axes rotated.

    Raises:
        ValueError: if there are not two different axes.

    Example:
        >>> import tinyseq as ts
        >>> ts.rot90(ts.tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
        [[2.0, 4.0], [1.0, 3.0]]
    """
    x, k = constant(x), index(k)
    first, second = (axis_of(a, x.ndim) for a in axes)
    if first == second:
        raise ValueError(f"rot90: axes {axes} must be two different ones")
    if k % 4 in (1, 2):
        x = flip(x, axis=second)
    if k % 4 in (2, 3):
        x = flip(x, axis=first)
    return swapaxes(x, first, second) if k % 2 else x


# -- differences ------------------------------------------------------------------------------------------------------


@composite
def diff(
    x: TensorLike, n: int = 1, axis: int = -1, prepend: TensorLike | None = None, append: TensorLike | None = None
) -> Tensor:
    """Differences of neighbours along an axis, taken n times.

    Args:
        x: the values.
        n: how many times.
        axis: along which axis.
        prepend: values before x along the axis, a number or a tensor.
        append: values after x.

    Returns:
        A tensor that is n shorter along the axis.

    Raises:
        ValueError: if ``n`` is negative, or x has no axes.

    Example:
        >>> import tinyseq as ts
        >>> ts.diff(ts.tensor([1.0, 4.0, 9.0])), ts.diff(ts.tensor([1.0, 4.0, 9.0]), n=2)
        (tensor([3., 5.]), tensor([2.]))
    """
    x = constant(x)
    if n < 0:
        raise ValueError(f"diff: n must be 0 or more, got {n}")
    if not n:
        return x
    place = axis_of(axis, x.ndim)
    if prepend is not None or append is not None:
        side = (*x.shape[:place], 1, *x.shape[place + 1 :])
        ends = [None if end is None else _end(x, end) for end in (prepend, append)]
        wide = [None if end is None else end if end.shape else broadcast_to(end, side) for end in ends]
        x = concatenate([part for part in (wide[0], x, wide[1]) if part is not None], axis=place)
    for _ in range(min(n, x.shape[place])):  # an empty axis stays empty
        later, earlier = (getitem(x, along(place, x.ndim, part)) for part in (slice(1, None), slice(None, -1)))
        x = later != earlier if str(x.dtype).endswith("bool") else later - earlier
    return x


def _end(x: Tensor, value: TensorLike) -> Tensor:
    """A tensor-like value at an end of x; only a plain number takes x's library and type."""
    return beside(x, value) if isinstance(value, int | float) else constant(value)


# -- grids -------------------------------------------------------------------------------------------------------------


@composite
def linspace(start: TensorLike, stop: TensorLike, num: int = 50, endpoint: bool = True, axis: int = 0) -> Tensor:
    """Evenly spaced numbers from ``start`` to ``stop``, differentiable with respect to both.

    Args:
        start: the first one, a number or a tensor.
        stop: the last one; excluded if ``endpoint`` is false.
        num: how many.
        endpoint: whether ``stop`` is one of them.
        axis: the place of the new axis, where the ends are tensors.

    Returns:
        (num, ...), where ... is the shape that the ends are broadcast to.

    Raises:
        ValueError: if ``num`` is negative.

    Example:
        >>> import tinyseq as ts
        >>> ts.linspace(0.0, 1.0, 5)
        tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    if num < 0:
        raise ValueError(f"linspace: num must be 0 or more, got {num}")
    ends = [part for part in (start, stop) if hasattr(part, "shape")]
    first, last = (
        _end(constant(ends[0]), part) if ends else constant(np.asarray(part, float)) for part in (start, stop)
    )
    parts = max(num - 1 if endpoint else num, 1)
    steps = np.arange(num, dtype=float).reshape((num,) + (1,) * max(first.ndim, last.ndim))
    ahead, behind = (constant_like(first + last, share) for share in (steps / parts, (parts - steps) / parts))
    return moveaxis(first * behind + last * ahead, 0, axis)


@composite
def meshgrid(*tensors: TensorLike, indexing: str = "xy") -> list[Tensor]:
    """The coordinates of a grid: one tensor for each axis, all of the grid's shape.

    Args:
        tensors: vectors of coordinates.
        indexing: "xy" (the first vector runs along the second axis, as in NumPy) or "ij".

    Returns:
        A list of tensors, one for each axis.

    Raises:
        ValueError: for another indexing.

    Example:
        >>> import tinyseq as ts
        >>> x, y = ts.meshgrid(ts.tensor([0.0, 1.0, 2.0]), ts.tensor([5.0, 6.0]))
        >>> x.shape, y[:, 0]
        ((2, 3), tensor([5., 6.]))
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f'meshgrid: indexing must be "xy" or "ij", got {indexing!r}')
    flat = [flatten(x) for x in tensors]
    order = list(range(len(flat)))
    if indexing == "xy" and len(flat) > 1:
        order[:2] = 1, 0
    shape = tuple(len(flat[i]) for i in order)
    return [
        broadcast_to(reshape(x, tuple(-1 if i == place else 1 for i in order)), shape) for place, x in enumerate(flat)
    ]


@as_numpy("meshgrid")
def _numpy_meshgrid(*tensors: TensorLike, indexing: str = "xy") -> tuple[Tensor, ...]:
    return tuple(meshgrid(*tensors, indexing=indexing))
