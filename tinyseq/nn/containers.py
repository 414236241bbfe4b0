"""Containers of modules: lists, and layers one after another."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from tinyseq.arguments import listed
from tinyseq.autograd.tensor import Tensor
from tinyseq.nn.module import Module, itself

Part = TypeVar("Part", bound=Callable[..., object])


class ModuleList(Module, Generic[Part]):
    """A list of modules whose parameters are registered.

    Args:
        modules: the initial modules; `append` adds more.

    Raises:
        TypeError: if an item is not a module.

    Example:
        >>> import tinyseq as ts
        >>> layers = ts.nn.ModuleList(ts.nn.Linear(2, 2) for _ in range(3))
        >>> len(layers), len(list(layers.parameters()))
        (3, 6)
    """

    @overload
    def __init__(self: "ModuleList[Module]") -> None: ...
    @overload
    def __init__(self, modules: Iterable[Part]) -> None: ...
    def __init__(self, modules: Iterable[Any] = ()) -> None:
        for module in listed("modules", modules, "modules in a list"):  # which are named by their places
            self.append(module)

    def append(self, module: Part) -> Self:
        """Add a module at the end.

        Raises:
            TypeError: if it is not a module.
        """
        if not isinstance(itself(module), Module):
            raise TypeError(f"a ModuleList holds modules, got {type(module).__name__}")
        setattr(self, str(len(self)), module)
        return self

    def __len__(self) -> int:
        return sum(name.isdecimal() for name in vars(self))

    def __iter__(self) -> Iterator[Part]:
        return iter([value for name, value in vars(self).items() if name.isdecimal()])

    def __getitem__(self, index: int) -> Part:
        return list(self)[index]


class Sequential(ModuleList[Callable[[Tensor], Tensor]]):
    """Modules and functions applied one after another, each to the output of the previous one.

    Args:
        modules: the steps, each a module or a function of a tensor, such as ``ts.tanh``.

    Raises:
        TypeError: a step is not callable.

    Example:
        >>> import tinyseq as ts
        >>> ts.nn.Sequential(ts.nn.Linear(3, 4), ts.tanh, ts.nn.Linear(4, 2))(ts.zeros(5, 3)).shape
        (5, 2)
    """

    def __init__(self, *modules: Callable[[Tensor], Tensor]) -> None:
        for module in modules:
            self.append(module)

    def append(self, module: Callable[[Tensor], Tensor]) -> Self:
        """Add a step at the end.

        Raises:
            TypeError: if it is not callable.
        """
        if not callable(module):
            cure = "; unpack it, as in Sequential(*steps)" if isinstance(module, list | tuple) else ""
            raise TypeError(f"a step of Sequential is a module or a function, got {type(module).__name__}{cure}")
        setattr(self, str(len(self)), module)
        return self

    def forward(self, x: Tensor) -> Tensor:
        """The last step's output."""
        for module in self:
            x = module(x)
        return x

    if TYPE_CHECKING:  # a call takes and gives what `forward` does
        __call__ = forward
