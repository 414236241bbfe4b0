"""Creation of constant tensors of a given shape."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinyseq.arguments import whole
from tinyseq.autograd.declare import composite
from tinyseq.autograd.tensor import Tensor, TensorLike, constant
from tinyseq.backend import NUMPY, dtype_of, namespace_of
from tinyseq.torch_names.settings import explained


def _shape(sides: tuple[Any, ...]) -> tuple[int, ...]:
    """The lengths of the axes, given one by one or together."""
    together = len(sides) == 1 and (isinstance(sides[0], tuple | list) or np.ndim(sides[0]) == 1)
    return tuple(whole("shape", side, 0) for side in (sides[0] if together else sides))


@explained
def zeros(*shape: int | Sequence[int], dtype: DTypeLike = np.float64, requires_grad: bool = False) -> Tensor:
    """Zeros of a shape, given as numbers or as a tuple.

    Args:
        shape: the lengths of the axes.
        dtype: the element type.
        requires_grad: whether it is a leaf.

    Returns:
        A new tensor.

    Example:
        >>> import tinyseq as ts
        >>> ts.zeros(2, 3).shape, ts.zeros((4,)).shape
        ((2, 3), (4,))
    """
    return Tensor(np.zeros(_shape(shape), dtype=dtype_of(NUMPY, dtype))).requires_grad_(requires_grad)


@explained
def ones(*shape: int | Sequence[int], dtype: DTypeLike = np.float64, requires_grad: bool = False) -> Tensor:
    """Ones of a shape, given as numbers or as a tuple.

    Args:
        shape: the lengths of the axes.
        dtype: the element type.
        requires_grad: whether it is a leaf.

    Returns:
        A new tensor.

    Example:
        >>> import tinyseq as ts
        >>> ts.ones(2).tolist()
        [1.0, 1.0]
    """
    return Tensor(np.ones(_shape(shape), dtype=dtype_of(NUMPY, dtype))).requires_grad_(requires_grad)


@explained
def full(
    shape: int | Sequence[int], value: float, dtype: DTypeLike | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of a shape, filled with one value.

    Args:
        shape: the lengths of the axes.
        value: the number to fill it with.
        dtype: the element type; by default that of the number.
        requires_grad: whether it is a leaf.

    Returns:
        A new tensor.

    Example:
        >>> import tinyseq as ts
        >>> ts.full((2,), 0.5)
        tensor([0.5, 0.5])
    """
    return Tensor(np.full(_shape((shape,)), value, dtype=dtype_of(NUMPY, dtype))).requires_grad_(requires_grad)


@explained
def arange(*bounds: float, dtype: DTypeLike | None = None) -> Tensor:
    """Evenly spaced numbers: ``arange(stop)``, ``arange(start, stop)`` or ``arange(start, stop, step)``.

    Args:
        bounds: as for NumPy's function.
        dtype: the element type; by default float64 if a number is a float, else int64.

    Returns:
        A vector.

    Example:
        >>> import tinyseq as ts
        >>> ts.arange(0.0, 1.0, 0.25)
        tensor([0.  , 0.25, 0.5 , 0.75])
    """
    return Tensor(np.arange(*bounds, dtype=dtype_of(NUMPY, dtype)))


@explained
def eye(n: int, dtype: DTypeLike = np.float64) -> Tensor:
    """The identity matrix.

    Args:
        n: the number of rows and columns.
        dtype: the element type.

    Returns:
        A new tensor (rows, columns).

    Example:
        >>> import tinyseq as ts
        >>> ts.eye(2).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    return Tensor(np.eye(whole("n", n, 0), dtype=dtype_of(NUMPY, dtype)))


@composite
def zeros_like(x: TensorLike) -> Tensor:
    """Zeros of another tensor's shape, dtype and device.

    Args:
        x: a tensor or an array.

    Returns:
        A new constant.

    Example:
        >>> import tinyseq as ts
        >>> ts.zeros_like(ts.ones(2))
        tensor([0., 0.])
    """
    array = constant(x)._array
    return Tensor(namespace_of(array).zeros_like(array))


@composite
def ones_like(x: TensorLike) -> Tensor:
    """Ones of another tensor's shape, dtype and device.

    Args:
        x: a tensor or an array.

    Returns:
        A new constant.

    Example:
        >>> import tinyseq as ts
        >>> ts.ones_like(ts.zeros(2))
        tensor([1., 1.])
    """
    array = constant(x)._array
    return Tensor(namespace_of(array).ones_like(array))
