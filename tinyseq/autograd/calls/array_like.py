"""Types of what functions take in place of a tensor: arrays, and nested lists of numbers."""

from collections.abc import Iterator
from typing import Any, Protocol, TypeVar

Item = TypeVar("Item", covariant=True)


class ArrayLike(Protocol):
    """An array of NumPy, CuPy or any array-API library."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""

    @property
    def dtype(self) -> object:
        """The type of the elements."""


class Nested(Protocol[Item]):
    """A list or a tuple of numbers, arrays or tensors, or of such lists; strings and dicts do not count."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Item]: ...
    def __getitem__(self, index: int, /) -> Item: ...
    def __contains__(self, item: object, /) -> bool: ...  # a string's takes only strings
    def count(self, item: Any, /) -> int: ...  # a dict has none
