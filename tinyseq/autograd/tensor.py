"""Tensor: an array and the op that computed it."""

from collections.abc import Callable, Iterator
from math import prod
from types import EllipsisType
from typing import TYPE_CHECKING, Any, NoReturn, Self, Union

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinyseq.autograd.calls.array_like import ArrayLike, Nested
from tinyseq.autograd.calls.conversion import as_native, as_parent, check_real, holds_numbers, is_complex, to_array
from tinyseq.autograd.graph import Leaf, Node, Parent, Shape
from tinyseq.autograd.modes import tick
from tinyseq.backend import NAMESPACES, Array, dtype_of, namespace_of, to_device, to_numpy
from tinyseq.html_tables import table
from tinyseq.torch_names.settings import explained

if TYPE_CHECKING:  # a stub, written from what tinyseq.autograd.methods installs
    from tinyseq.autograd.tensor_methods import TensorMethods
else:
    TensorMethods = object


TensorLike = Union["Tensor", ArrayLike, complex, list["TensorLike"], Nested["TensorLike"]]
Part = TensorLike | slice | EllipsisType | None
Index = Part | tuple[Part, ...]  # what may stand in brackets, as in NumPy
Axis = int | tuple[int, ...] | None


class Count(int):
    """The number of elements; calling it, like PyTorch's ``size()``, raises an error that says what to use."""

    def __call__(self, axis: Any = None) -> NoReturn:
        """Raise a TypeError that names ``shape``."""
        used = "t.shape" if axis is None else f"t.shape[{axis}]"
        raise TypeError(f"t.size is the number of elements, as in NumPy; use {used} in place of PyTorch's t.size()")


class Tensor(TensorMethods):
    """An array that records how it was computed, so that gradients can be taken.

    Create one with `tensor`; ``Tensor(array)`` wraps an array without copying it. The array is never written to: an
    update (`copy_`, ``+=`` under `no_grad`, an optimiser's step) gives the tensor a new one, so that what a graph has
    saved stays unchanged.

    Attributes:
        node: its origin: a `Node` or an `Output` of one, a `Leaf` where gradients end, or None for a constant.

    Example:
        >>> import tinyseq as ts
        >>> x = ts.tensor([1.0, 2.0], requires_grad=True)
        >>> y = (x * x).sum()
        >>> y.backward()
        >>> x.grad
        tensor([2., 4.])
    """

    __slots__ = ("__weakref__", "_array", "_leaf", "node")

    def __init__(self, array: TensorLike, node: Parent | None = None) -> None:
        given: Any = array
        is_held = type(given) in NAMESPACES and holds_numbers(given)
        self._array: Array = as_native(given) if is_held else constant(given)._array
        self.node = None if node is None else as_parent(node)

    # -- what it is ----------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Shape:
        """The length of each axis."""
        return self._array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements, as the array library names it."""
        return self._array.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._array.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return Count(prod(self._array.shape))

    @property
    def device(self) -> str:
        """``"cpu"`` or ``"cuda"``."""
        return "cuda" if NAMESPACES[type(self._array)].name == "cupy" else "cpu"

    @property
    def is_leaf(self) -> bool:
        """Whether it is a leaf or a constant, not the result of an op."""
        return self.node is None or isinstance(self.node, Leaf)

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to or through it. It cannot be set on the result of an op.

        False makes a leaf a constant and drops its gradient; True makes it the same leaf again.
        """
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if not self.is_leaf:
            raise RuntimeError("requires_grad cannot be set on the result of an op; use .detach() for a constant")
        if wanted and self.node is None:
            check_differentiable(self._array)
            self.node = self._leaf = getattr(self, "_leaf", None) or Leaf(self._array)  # where earlier graphs end
            self.node.grad = None
        elif not wanted:
            self.grad = self.node = None

    def requires_grad_(self, wanted: bool = True) -> Self:
        """Set `requires_grad` and return the tensor."""
        self.requires_grad = wanted
        return self

    @property
    def grad(self) -> "Tensor | None":
        """The gradient accumulated by `backward`; only leaves have it. Set it to None to reset it."""
        return self.node.grad if isinstance(self.node, Leaf) else None

    @grad.setter
    def grad(self, value: "Tensor | None") -> None:
        if not isinstance(self.node, Leaf):
            if value is None:
                return
            raise RuntimeError("only a leaf (requires_grad=True, not the result of an op) has a .grad")
        if value is not None:
            value = constant(value).detach()
            check_real("grad", value._array, self._array)
            if value.shape != self.shape:
                raise ValueError(f"grad must have the tensor's shape {self.shape}, got {value.shape}")
            if value.device != self.device:
                raise TypeError(
                    f'grad is on "{value.device}" and the tensor on "{self.device}"; move it with .to("{self.device}")'
                )
            value = value if value.dtype == self.dtype else value.to(self.dtype).detach()
        self.node.grad = value

    # -- out of the graph ----------------------------------------------------------------------------------------------

    def detach(self) -> "Tensor":
        """The same values as a constant: gradients stop here. Carry recurrent states over windows this way."""
        return Tensor(self._array)

    def numpy(self) -> NDArray[Any]:
        """The values as a read-only NumPy array (a copy if they are on a GPU), outside of the graph."""
        view = to_numpy(self._array).view()
        view.flags.writeable = False
        return view

    def item(self) -> Any:
        """The single element, as a Python number.

        Raises:
            ValueError: if there is more than one element, or none.
        """
        if self.size != 1:
            raise ValueError(f"item() takes a tensor of one element, got shape {self.shape}")
        return to_numpy(self._array).reshape(())[()].item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return to_numpy(self._array).tolist()

    # -- gradients -----------------------------------------------------------------------------------------------------

    def register_hook(self, hook: Callable[["Tensor"], "Tensor | None"]) -> Callable[[], None]:
        """Call ``hook(gradient)`` once this tensor's gradient is complete; a returned tensor replaces it.

        `Tensor.backward` and `tinyseq.grad` call hooks. Derivatives of functions (`tinyseq.jvp`, `tinyseq.hessian` and
        so on) and `tinyseq.inspect` do not.

        Returns:
            A function that removes the hook.

        Raises:
            TypeError: if the hook is not callable.
            RuntimeError: if the tensor is a constant.

        Example:
            >>> import tinyseq as ts
            >>> x = ts.tensor(3.0, requires_grad=True)
            >>> remove = x.register_hook(lambda g: g * 10)
            >>> (x * x).backward()
            >>> x.grad.item()
            60.0
            >>> remove()
        """
        if not callable(hook):
            raise TypeError(f"a hook is a function of the gradient, got {hook!r}")
        if self.node is None:
            raise RuntimeError("a hook needs a tensor with requires_grad=True; this one is a constant")
        if self.node.hooks is None:
            self.node.hooks = {}
        hooks, key = self.node.hooks, tick()
        hooks[key] = hook

        def remove() -> None:
            hooks.pop(key, None)

        return remove

    # -- updates -------------------------------------------------------------------------------------------------------

    def _assign(self, array: Array) -> None:
        """Give the tensor a new array of the same shape and dtype, and record the time."""
        self._array = array
        leaf = self.node or getattr(self, "_leaf", None)
        if isinstance(leaf, Leaf):
            leaf.mutated = tick()

    # -- Python's and NumPy's protocols --------------------------------------------------------------------------------

    __hash__ = object.__hash__

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self) -> Iterator["Tensor"]:
        if not self.shape:
            raise TypeError("cannot iterate over a 0-d tensor")
        return iter([self[i] for i in range(self.shape[0])])

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(
                f"the truth value of a tensor of shape {self.shape} is ambiguous; use .numpy().any() or .all()"
            )
        return bool(self.item())

    def __float__(self) -> float:
        if self.node is not None:
            raise TypeError("float() would silently leave the graph; use t.item(), or ts.exp(t) for math.exp(t), ...")
        return float(self.item())

    def __int__(self) -> int:
        if self.node is not None:
            raise TypeError("int() would silently leave the graph; use t.item(), or int(t.detach())")
        return int(self.item())

    def __index__(self) -> int:
        if self.shape or np.dtype(to_numpy(self._array).dtype).kind not in "iu":
            raise TypeError("only a tensor of one integer can be used as an index")
        return int(self.item())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if self.node is not None:
            raise TypeError("NumPy would silently leave the graph; use t.detach().numpy(), or a function of tinyseq")
        values = self.numpy()
        return values.astype(dtype) if dtype is not None or copy else values

    def __deepcopy__(self, memo: dict[int, Any]) -> "Tensor":
        if not self.is_leaf:
            raise RuntimeError("only leaves and constants can be deep-copied; detach() the result of an op first")
        name = self.node.name if isinstance(self.node, Leaf) else None
        twin = memo[id(self)] = _rebuilt(type(self), self._array, self.requires_grad, self.device, name)
        twin.grad = self.grad
        return twin

    def __reduce__(self) -> Any:
        if not self.is_leaf:
            raise TypeError("only leaves and constants can be copied or pickled; detach() the result of an op first")
        name = self.node.name if isinstance(self.node, Leaf) else None
        return _rebuilt, (type(self), to_numpy(self._array), self.requires_grad, self.device, name)

    def __format__(self, spec: str) -> str:
        # Text cannot be differentiated, so a loss can be printed without detach().
        return format(self.item() if spec and self.size == 1 else str(self), spec)

    def __repr__(self) -> str:
        values = np.array2string(to_numpy(self._array), separator=", ", prefix="tensor(", threshold=200)
        plain = self.dtype in (np.float64, np.int64, np.bool_)
        return f"tensor({values}{'' if plain else f', dtype={self.dtype}'}{self._origin()})"

    def _repr_html_(self) -> str:
        """For notebooks: the numbers as a table, coloured by magnitude."""
        name = f"{self.node.name[:80]}: " if isinstance(self.node, Leaf) and self.node.name else ""
        return table(to_numpy(self._array), f"{name}tensor {self.shape}, {self.dtype}{self._origin()}")

    def _origin(self) -> str:
        made = f", made by {self.node.op.name}" if isinstance(self.node, Node) else ""
        return ", requires_grad=True" if isinstance(self.node, Leaf) else made


@explained
def tensor(data: TensorLike, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Create a tensor from numbers, nested lists, an array or a tensor. The data is copied.

    Args:
        data: the values; the type of an array decides which library is used (NumPy or CuPy).
        dtype: the element type; by default that of the data (float64 for Python floats, as in NumPy).
        requires_grad: whether gradients with respect to it are needed.

    Returns:
        A leaf if ``requires_grad`` is set, otherwise a constant.

    Raises:
        TypeError: if the data is not a rectangular array of numbers, or if ``requires_grad`` is set for integers.

    Example:
        >>> import tinyseq as ts
        >>> ts.tensor([[1, 2], [3, 4]], dtype="float32")
        tensor([[1., 2.],
                [3., 4.]], dtype=float32)
    """
    made = constant(data).detach()
    if dtype is not None:
        xp = namespace_of(made._array)
        made = Tensor(xp.asarray(made._array, dtype=dtype_of(xp, dtype)))
    return made.requires_grad_(requires_grad)


def constant(value: TensorLike, library: type | None = None) -> Tensor:
    """A Tensor of any tensor-like value; arrays are copied, and plain numbers become arrays of the given library."""
    return value if isinstance(value, Tensor) else Tensor(to_array(value, library))


def constant_like(x: Tensor, values: Array) -> Tensor:
    """A constant of NumPy values in x's array library; real numbers take x's dtype, unless that has no fractions."""
    alike = values.dtype.kind == "f" and getattr(x.dtype, "kind", "f") in "fc"
    return Tensor(namespace_of(x._array).asarray(values, dtype=x.dtype if alike else None))


def check_differentiable(array: Array) -> None:
    if not namespace_of(array).isdtype(array.dtype, "real floating"):
        parts = is_complex(array, array.dtype)
        cure = (
            "take the real and the imaginary parts, as two tensors"
            if parts
            else "write 1.0 for 1, or convert to float32"
        )
        raise TypeError(f"only floating-point tensors have gradients, got {array.dtype}; {cure}")


def _rebuilt(kind: type[Tensor], array: Array, requires_grad: bool, device: str, name: str | None = None) -> Tensor:
    made = kind(to_device(array, device)).requires_grad_(requires_grad)
    if isinstance(made.node, Leaf):
        made.node.name = name
    return made


def as_node(value: Tensor) -> Parent:
    """The graph node of a tensor that must have one."""
    if value.node is None:
        raise RuntimeError("this tensor does not require grad: nothing it was computed from has requires_grad=True")
    return value.node
