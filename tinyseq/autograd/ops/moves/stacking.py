"""NumPy's stacking: tensors with as many axes as needed, joined as rows, columns and depths."""

from collections.abc import Callable, Sequence
from typing import overload

from tinyseq.arguments import check_ordered
from tinyseq.autograd.declare import composite
from tinyseq.autograd.ops.moves.parts import concatenate
from tinyseq.autograd.ops.moves.shape import expand_dims, flatten, reshape
from tinyseq.autograd.tensor import Tensor, TensorLike, constant


def _each(tensors: Sequence[TensorLike], widened: Callable[[TensorLike], Tensor]) -> list[Tensor]:
    """The tensors to join, in their order, each with the axes that it needs."""
    check_ordered("tensors", tensors)
    return [widened(x) for x in tensors]


def _at_least(tensors: tuple[TensorLike, ...], axes: tuple[tuple[int, ...], ...]) -> Tensor | tuple[Tensor, ...]:
    """Add axes to each tensor that has too few, at ``axes[ndim]``. One tensor alone, several as a tuple."""
    wide = []
    for x in map(constant, tensors):
        for axis in axes[x.ndim] if x.ndim < len(axes) else ():
            x = expand_dims(x, axis)
        wide.append(x)
    return wide[0] if len(wide) == 1 else tuple(wide)


@overload
def atleast_1d(x: TensorLike, /) -> Tensor: ...
@overload
def atleast_1d(x: TensorLike, y: TensorLike, /, *more: TensorLike) -> tuple[Tensor, ...]: ...
@composite
def atleast_1d(*tensors: TensorLike) -> Tensor | tuple[Tensor, ...]:
    """With at least one axis; several tensors give a tuple.

    Args:
        tensors: one tensor, or several.

    Returns:
        A tensor, or a tuple of as many as were given.

    Example:
        >>> import tinyseq as ts
        >>> ts.atleast_1d(2.0)
        tensor([2.])
    """
    return _at_least(tensors, ((0,),))


@overload
def atleast_2d(x: TensorLike, /) -> Tensor: ...
@overload
def atleast_2d(x: TensorLike, y: TensorLike, /, *more: TensorLike) -> tuple[Tensor, ...]: ...
@composite
def atleast_2d(*tensors: TensorLike) -> Tensor | tuple[Tensor, ...]:
    """With at least two axes, new ones in front; several tensors give a tuple.

    Args:
        tensors: one tensor, or several.

    Returns:
        A tensor, or a tuple of as many as were given.

    Example:
        >>> import tinyseq as ts
        >>> ts.atleast_2d(ts.zeros(3)).shape
        (1, 3)
    """
    return _at_least(tensors, ((0, 0), (0,)))


@overload
def atleast_3d(x: TensorLike, /) -> Tensor: ...
@overload
def atleast_3d(x: TensorLike, y: TensorLike, /, *more: TensorLike) -> tuple[Tensor, ...]: ...
@composite
def atleast_3d(*tensors: TensorLike) -> Tensor | tuple[Tensor, ...]:
    """With at least three axes, added as in NumPy: (n,) is (1, n, 1), and (m, n) is (m, n, 1).

    Args:
        tensors: one tensor, or several.

    Returns:
        A tensor, or a tuple of as many as were given.

    Example:
        >>> import tinyseq as ts
        >>> ts.atleast_3d(ts.zeros(3)).shape
        (1, 3, 1)
    """
    return _at_least(tensors, ((0, 0, 0), (0, 2), (2,)))


@composite
def vstack(tensors: Sequence[TensorLike]) -> Tensor:
    """Stack vertically; vectors are rows.

    Args:
        tensors: a list of at least one tensor; their shapes may differ along the axis that joins them only.

    Returns:
        A tensor with at least two axes, joined along the first.

    Raises:
        ValueError: there are none, or their shapes do not fit.

    Example:
        >>> import tinyseq as ts
        >>> ts.vstack([ts.zeros(2), ts.ones(3, 2)]).shape
        (4, 2)
    """
    return concatenate(_each(tensors, atleast_2d), axis=0)


@composite
def hstack(tensors: Sequence[TensorLike]) -> Tensor:
    """Stack horizontally, along the second axis; vectors are concatenated.

    Args:
        tensors: a list of at least one tensor; their shapes may differ along the axis that joins them only.

    Returns:
        A tensor joined along the second axis, or the first if they are vectors.

    Raises:
        ValueError: there are none, or their shapes do not fit.

    Example:
        >>> import tinyseq as ts
        >>> ts.hstack([ts.zeros(2), ts.ones(1)])
        tensor([0., 0., 1.])
    """
    wide = _each(tensors, atleast_1d)
    return concatenate(wide, axis=0 if wide and wide[0].ndim == 1 else 1)


@composite
def dstack(tensors: Sequence[TensorLike]) -> Tensor:
    """Stack along the third axis.

    Args:
        tensors: a list of at least one tensor; their shapes may differ along the axis that joins them only.

    Returns:
        A tensor with at least three axes, joined along the third.

    Raises:
        ValueError: there are none, or their shapes do not fit.

    Example:
        >>> import tinyseq as ts
        >>> ts.dstack([ts.zeros(2, 3), ts.ones(2, 3)]).shape
        (2, 3, 2)
    """
    return concatenate(_each(tensors, atleast_3d), axis=2)


@composite
def column_stack(tensors: Sequence[TensorLike]) -> Tensor:
    """Stack as columns; vectors are columns.

    Args:
        tensors: a list of vectors (n,) and matrices (n, m).

    Returns:
        A matrix (n, ...), all columns side by side.

    Raises:
        ValueError: there are none, or their lengths differ.

    Example:
        >>> import tinyseq as ts
        >>> ts.column_stack([ts.zeros(2), ts.ones(2)]).tolist()
        [[0.0, 1.0], [0.0, 1.0]]
    """
    return concatenate([x if x.ndim > 1 else reshape(x, (-1, 1)) for x in _each(tensors, constant)], axis=1)


@composite
def append(x: TensorLike, values: TensorLike, axis: int | None = None) -> Tensor:
    """Append ``values`` to x along an axis; both are flattened if it is None, as in NumPy.

    Args:
        x: the tensor.
        values: what follows it; of x's shape except along ``axis``.
        axis: the axis along which they are joined; None flattens both.

    Returns:
        A new tensor; x is unchanged.

    Raises:
        ValueError: the shapes do not fit, or there is no such axis.

    Example:
        >>> import tinyseq as ts
        >>> ts.append(ts.zeros(2), 1.0)
        tensor([0., 0., 1.])
    """
    if axis is None:
        return concatenate([flatten(x), flatten(values)])
    return concatenate([x, values], axis=axis)
