"""Named products of vectors and arrays: Kronecker, inner, cross."""

from collections.abc import Sequence

from tinyseq.autograd.calls.tensors import check_real_numbers
from tinyseq.autograd.declare import composite
from tinyseq.autograd.ops.matrices.matmul import tensordot
from tinyseq.autograd.ops.moves.arranging import moveaxis
from tinyseq.autograd.ops.moves.parts import stack
from tinyseq.autograd.ops.moves.shape import flatten, reshape
from tinyseq.autograd.tensor import Tensor, TensorLike, constant


@composite
def kron(x: TensorLike, y: TensorLike) -> Tensor:
    """The Kronecker product: every element of x times the whole of y, side by side.

    Args:
        x, y: tensors; missing axes have length 1.

    Returns:
        A tensor, each axis as long as the product of theirs.

    Example:
        >>> import tinyseq as ts
        >>> ts.kron(ts.tensor([1.0, 10.0]), ts.tensor([1.0, 2.0]))
        tensor([ 1.,  2., 10., 20.])
    """
    x, y = constant(x), constant(y)
    ndim = max(x.ndim, y.ndim)
    ones = (1,) * ndim
    of_x, of_y = ((1,) * (ndim - part.ndim) + part.shape for part in (x, y))
    product = reshape(x, _interleaved(of_x, ones)) * reshape(y, _interleaved(ones, of_y))
    return reshape(product, tuple(a * b for a, b in zip(of_x, of_y, strict=True)))


def _interleaved(first: Sequence[int], second: Sequence[int]) -> tuple[int, ...]:
    return tuple(side for pair in zip(first, second, strict=True) for side in pair)


@composite
def inner(x: TensorLike, y: TensorLike) -> Tensor:
    """The sum of products over the last axes of x and y; for vectors, the scalar product.

    Args:
        x, y: tensors with last axes of one length.

    Returns:
        A tensor with the other axes of x, then those of y.

    Raises:
        ValueError: the last axes differ in length.

    Example:
        >>> import tinyseq as ts
        >>> ts.inner(ts.tensor([1.0, 2.0]), ts.tensor([3.0, 4.0]))
        tensor(11.)
    """
    x, y = constant(x), constant(y)
    return tensordot(x, y, ([-1], [-1])) if x.shape and y.shape else x * y


@composite
def vdot(x: TensorLike, y: TensorLike) -> Tensor:
    """The scalar product of all elements.

    Args:
        x, y: tensors with as many elements, which are flattened.

    Returns:
        The sum of products, a single number.

    Example:
        >>> import tinyseq as ts
        >>> ts.vdot(ts.ones(2, 2), ts.ones(4))
        tensor(4.)
    """
    x, y = flatten(x), flatten(y)
    check_real_numbers(x, y)  # of complex ones, NumPy's is the product with the conjugate of x
    return tensordot(x, y, 1)


@composite
def cross(x: TensorLike, y: TensorLike, axis: int | None = None) -> Tensor:
    """The cross product of vectors with three elements along an axis, the last by default.

    Args:
        x, y: tensors, arrays or lists, of shapes that broadcast.
        axis: the axis of the vectors.

    Returns:
        A tensor of vectors with three elements, broadcast over the other axes.

    Raises:
        ValueError: if the axis has another length.

    Example:
        >>> import tinyseq as ts
        >>> ts.cross(ts.tensor([1.0, 0.0, 0.0]), ts.tensor([0.0, 1.0, 0.0]))
        tensor([0., 0., 1.])
    """
    axis = -1 if axis is None else axis
    x, y = moveaxis(x, axis, -1), moveaxis(y, axis, -1)
    if x.shape[-1] != 3 or y.shape[-1] != 3:
        raise ValueError(f"cross takes vectors of length 3 along axis {axis}, got {x.shape[-1]} and {y.shape[-1]}")
    a, b = ([part[..., i] for i in range(3)] for part in (x, y))
    parts = [a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3)]
    return moveaxis(stack(parts, axis=-1), -1, axis)
