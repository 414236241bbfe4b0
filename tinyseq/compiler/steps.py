"""The vocabulary of programs: values, references to them, and the steps that make them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from math import prod
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np

from tinyseq.backend import Array

T = TypeVar("T")


_NESTED = (tuple, list, dict)  # containers that references may be nested in


class Ref(NamedTuple):
    """A value of the program, by its number."""

    number: int

    def __repr__(self) -> str:
        return f"v{self.number}"


class Kind(NamedTuple):
    """The shape, type and layout of a value, which are those of every replay."""

    shape: tuple[int, ...]
    dtype: Any
    strides: tuple[int, ...]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Its size in bytes, without gaps."""
        return self.size * int(self.dtype.itemsize)

    @property
    def order(self) -> tuple[int, ...] | None:
        """The axes in memory, from the slowest to the fastest; None if there are gaps or overlaps."""
        order = tuple(sorted(range(self.ndim), key=lambda axis: (-abs(self.strides[axis]), -self.shape[axis])))
        dense = dense_kind(self.shape, self.dtype, order).strides
        return order if all(n == 1 or a == b for n, a, b in zip(self.shape, self.strides, dense, strict=True)) else None


def kind_of(array: Array) -> Kind:
    """The kind of an array."""
    return Kind(array.shape, array.dtype, array.strides)


def dense_kind(shape: tuple[int, ...], dtype: Any, order: Sequence[int] | None = None) -> Kind:
    """The kind of an array without gaps whose axes have this order in memory, from the slowest to the fastest."""
    strides, step = [0] * len(shape), np.dtype(dtype).itemsize
    for axis in reversed(range(len(shape)) if order is None else order):
        strides[axis], step = step, step * max(shape[axis], 1)
    return Kind(shape, np.dtype(dtype), tuple(strides))


def blank(kind: Kind) -> Array:
    """An array of this kind, with arbitrary values: views of it show how views of the value are laid out."""
    spans = [(length - 1) * stride for length, stride in zip(kind.shape, kind.strides, strict=True)]
    before, after = -sum(span for span in spans if span < 0), sum(span for span in spans if span > 0)
    memory = np.empty(before + after + kind.dtype.itemsize if kind.size else 0, np.uint8)
    return np.ndarray(kind.shape, kind.dtype, memory, before if kind.size else 0, kind.strides)


class _Operation(NamedTuple):
    out: int
    function: Callable[..., Any]
    args: tuple[Any, ...]
    settings: dict[str, Any]
    fixed: bool
    view: Ref | None
    reads: tuple[int, ...]


class Step(_Operation):
    """One operation: ``v{out} = function(*args, **settings)``; each value in the arguments is a `Ref`.

    Attributes:
        fixed: whether the shape of the result follows from those of the arguments; otherwise it is checked.
        view: the value whose memory the result shares, if it is a view.
        reads: the numbers of the values that it reads.
    """

    __slots__ = ()

    def __new__(
        cls,
        out: int,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        settings: dict[str, Any],
        fixed: bool = True,
        view: Ref | None = None,
    ) -> Self:
        """A step; its arguments say what it reads."""
        found = list[int]()
        for part in (*args, *settings.values()):
            if type(part) is Ref:
                found.append(part.number)
            elif type(part) in _NESTED:
                found += [ref.number for ref in refs(part)]
        return super().__new__(cls, out, function, args, settings, fixed, view, tuple(found))

    def _replace(self, **parts: Any) -> "Step":
        """The step with some parts replaced, and what it then reads."""
        return Step(**{**dict(zip(self._fields[:-1], self, strict=False)), **parts})

    def reading(self, instead: Mapping[int, int]) -> "Step":
        """The step with other values, by number, in place of some that it reads."""
        if instead.keys().isdisjoint(self.reads):
            return self
        changed = (mapped(tree, Ref, lambda ref: Ref(instead.get(ref.number, ref.number))) for tree in self[2:4])
        args, settings = changed
        view = None if self.view is None else Ref(instead.get(self.view.number, self.view.number))
        return self._replace(args=args, settings=settings, view=view)

    def on(self, known: Mapping[int, Any]) -> Any:
        """Its result for known values: an array, or a list of arrays."""
        return as_array(self.function(*taken(self.args, known), **taken(self.settings, known)))

    def calls(self, function: Callable[..., Any], *kinds: type) -> bool:
        """Whether it calls a function, alone or as one step, whose first arguments have these types; no settings."""
        called = getattr(self.function, "function", self.function)
        return called is function and [*map(type, self.args[: len(kinds)])] == [*kinds] and not self.settings

    @property
    def call(self) -> str:
        """Its call in Python's words."""
        words = [shown(a) for a in self.args] + [f"{name}={shown(a)}" for name, a in self.settings.items()]
        return f"{getattr(self.function, '__name__', self.function)}({', '.join(words)})"

    def __str__(self) -> str:
        return f"v{self.out} = {self.call}"


def about(array: Array) -> tuple[Any, ...]:
    """What each replay must repeat: library, shape and type, and for arrays that are not contiguous the strides."""
    return type(array), array.shape, array.dtype, None if array.flags.c_contiguous else array.strides


def refs(tree: Any) -> Iterator[Ref]:
    """The references in nested arguments."""
    return of_type(tree, Ref)


def of_type(tree: Any, kind: type[T]) -> Iterator[T]:
    """The objects of a type in nested arguments."""
    if type(tree) is kind:
        yield tree
    elif isinstance(tree, tuple | list):
        for part in tree:
            yield from of_type(part, kind)
    elif type(tree) is dict:
        for part in tree.values():
            yield from of_type(part, kind)


def mapped(tree: Any, kind: type | None, change: Callable[[Any], Any]) -> Any:
    """Nested tuples, lists and dicts, with each object of a type, or everything else in them, replaced."""
    if type(tree) is kind:
        return change(tree)
    if isinstance(tree, tuple | list):
        parts = [mapped(part, kind, change) for part in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    if isinstance(tree, dict):
        twin = {} if type(tree) is dict else copy(tree)  # which keeps an OrderedDict what it is
        for name, part in tree.items():
            twin[name] = mapped(part, kind, change)
        return twin
    return change(tree) if kind is None else tree


def taken(tree: Any, known: Mapping[int, Any]) -> Any:
    """Nested arguments, with the values that are known instead of references."""
    return mapped(tree, Ref, lambda ref: known.get(ref.number, ref))


def as_array(result: Any) -> Any:
    """What a function returns as an array, or a list of arrays: NumPy returns scalars for arrays without axes."""
    return result if isinstance(result, tuple | list) else np.asarray(result)


def key(tree: Any, numbers: dict[int, int] | None = None) -> Any:
    """A hashable key for nested arguments: equal if they give equal results, to the last bit."""
    kind = type(tree)
    if kind is Ref:
        return kind, tree.number if numbers is None else numbers[tree.number]
    if isinstance(tree, tuple | list):
        return kind, tuple([key(part, numbers) for part in tree])
    if isinstance(tree, dict):
        return kind, tuple([(name, key(part, numbers)) for name, part in tree.items()])
    if kind is slice:
        return kind, tree.start, tree.stop, tree.step
    if isinstance(tree, np.ndarray | np.generic):
        return kind, tree.dtype.str, tree.shape, tree.tobytes()
    if kind in (int, float, bool, complex, str, type(None), type(Ellipsis)):
        return kind, repr(tree)  # here 0.0 differs from -0.0, and 1 from True
    return kind, tree if callable(getattr(tree, "__hash__", None)) else id(tree)


def shown(tree: Any) -> str:
    """A short description of an argument."""
    if isinstance(tree, np.ndarray) and tree.size > 4:
        return f"{tree.dtype}{tree.shape}"
    if type(tree) in (tuple, list):
        parts = [shown(part) for part in tree]
        end = "," if len(parts) == 1 else ""
        return f"({', '.join(parts)}{end})" if type(tree) is tuple else f"[{', '.join(parts)}]"
    if type(tree) is slice:
        return ":".join("" if part is None else str(part) for part in (tree.start, tree.stop))
    return tree.tolist().__repr__() if isinstance(tree, np.ndarray) else repr(tree)
