"""What a module learns."""

from tinyseq.autograd.tensor import Tensor, TensorLike, constant


class Parameter(Tensor):
    """A leaf that a module learns.

    Args:
        data: the initial values, any array or tensor.
        requires_grad: False for a frozen parameter.

    Example:
        >>> import tinyseq as ts
        >>> ts.nn.Parameter([0.5, -0.5])
        tensor([ 0.5, -0.5], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data: TensorLike, requires_grad: bool = True) -> None:
        super().__init__(constant(data)._array)
        self.requires_grad_(requires_grad)
