"""Operators and methods of Tensor that depend on higher layers: ops, updates and the backward pass."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import DTypeLike

from tinyseq.autograd.backward import backward
from tinyseq.autograd.declare import SPECIAL_METHODS
from tinyseq.autograd.graph import Leaf
from tinyseq.autograd.numpy_functions.calls import array_function, array_ufunc
from tinyseq.autograd.ops.elementwise.choice import astype
from tinyseq.autograd.ops.moves.shape import reshape, transpose
from tinyseq.autograd.tensor import Tensor
from tinyseq.autograd.updates import assign_part, copy_, in_place
from tinyseq.backend import target_type, to_device
from tinyseq.torch_names.lookup import missing
from tinyseq.torch_names.names import TENSOR
from tinyseq.torch_names.settings import explained

IN_PLACE = ("+", "-", "*", "/")


def _missing(self: Tensor, name: str) -> Any:
    if name in Tensor.__slots__:  # one that is not set, as in a tensor that never was a leaf
        raise AttributeError(name)
    raise missing(f"{type(self).__name__!r} object", name, TENSOR)


def _reshape(self: Tensor, *shape: int | Sequence[int]) -> Tensor:
    """The same elements in another shape, given as numbers or as a tuple; one side may be -1."""
    sides = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    return reshape(self, shape=tuple(sides))


@explained
def to(self: Tensor, target: DTypeLike) -> Tensor:
    """Move to a device (``"cpu"``, ``"cuda"``) as a constant or a new leaf, or convert to a dtype within the graph.

    Args:
        target: the name of a device, or a dtype.

    Raises:
        RuntimeError: if the result of an op is to be moved, or CuPy or a GPU is missing.

    Example:
        >>> import tinyseq as ts
        >>> ts.zeros(2).to("float32").dtype
        dtype('float32')
    """
    if not isinstance(target, str) or target not in ("cpu", "cuda"):
        return astype(self, target_type(target))
    if self.device == target:
        return self
    if not self.is_leaf:
        raise RuntimeError(f'move leaves, not results: call .to("{target}") on the inputs and the model')
    moved = type(self)(to_device(self._array, target)).requires_grad_(self.requires_grad)
    if isinstance(moved.node, Leaf) and isinstance(self.node, Leaf):
        moved.node.name = self.node.name
    return moved


PROTOCOLS: dict[str, object] = {
    "T": property(transpose, doc="All axes in reverse."),
    "reshape": _reshape,
    "__setitem__": assign_part,
    "__getattr__": _missing,
    "__array_ufunc__": array_ufunc,
    "__array_function__": array_function,
}


def install() -> None:
    """Give Tensor its operators and methods."""
    for method in (backward, copy_, to):
        setattr(Tensor, method.__name__, method)
    for symbol in IN_PLACE:
        setattr(Tensor, f"__i{SPECIAL_METHODS[symbol]}__", in_place(getattr(Tensor, f"__{SPECIAL_METHODS[symbol]}__")))
    for name, member in PROTOCOLS.items():
        setattr(Tensor, name, member)
