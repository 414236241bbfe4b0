"""Trainable parameters of modules."""

from typing import Any
from weakref import ref

from tinyseq.autograd.graph import Leaf
from tinyseq.autograd.tensor import Tensor, TensorLike, constant
from tinyseq.backend import Array, to_device, to_numpy


class Parameter(Tensor):
    """A trainable leaf of a module.

    Freezing it keeps its name and hooks.

    Args:
        data: the initial values, any array or tensor.
        requires_grad: whether it is trained; False for a frozen parameter.

    Example:
        >>> import tinyseq as ts
        >>> ts.nn.Parameter([0.5, -0.5])
        tensor([ 0.5, -0.5], requires_grad=True)
    """

    __slots__ = ("_root",)

    def __init__(self, data: TensorLike, requires_grad: bool = True) -> None:
        super().__init__(constant(data)._array)
        self._leaf = self._new_leaf()
        self._root: ref[object] | None = None
        self.requires_grad = requires_grad

    @property
    def name(self) -> str | None:
        """Its name in the model, frozen or not."""
        return self._leaf.name

    def named(self, name: str, root: object) -> None:
        """Set its name, relative to a module.

        Args:
            name: with dots, such as ``rnn.weight_hh_l0``.
            root: the module.
        """
        self._leaf.name = name
        self._root = ref(root)

    @property
    def root(self) -> object:
        """The module to which its name is relative; None if it no longer exists."""
        return None if self._root is None else self._root()

    def moved(self, array: Array) -> None:
        """Replace the array by one of another dtype or device, without gradient and detached from earlier graphs."""
        frozen, name = self.node is None, self._leaf.name
        self._array = array
        self._leaf = self._new_leaf(name)
        self.node = None if frozen else self._leaf

    def _new_leaf(self, name: str | None = None) -> Leaf:
        leaf = Leaf(self._array, name)
        leaf.tensor = ref(self)
        return leaf

    def __deepcopy__(self, memo: dict[int, Any]) -> "Parameter":
        twin = memo[id(self)] = _rebuilt(type(self), self._array, self.requires_grad, self._leaf.name)
        twin.grad = self.grad
        return twin

    def __reduce__(self) -> Any:
        values = to_numpy(self._array)
        return _unpickled, (type(self), values, self.requires_grad, self.device, self._leaf.name)


def _unpickled(kind: type[Parameter], values: Array, requires_grad: bool, device: str, name: str | None) -> Parameter:
    return _rebuilt(kind, to_device(values, device), requires_grad, name)


def _rebuilt(kind: type[Parameter], array: Array, requires_grad: bool, name: str | None) -> Parameter:
    """A new parameter of any subclass, without calling its ``__init__``."""
    made = kind.__new__(kind)
    made._array, made._root = array, None
    made._leaf = made._new_leaf(name)
    made.node = made._leaf if requires_grad else None
    return made
