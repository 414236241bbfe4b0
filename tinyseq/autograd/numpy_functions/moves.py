"""Gradients of functions that only select and move elements, found by tracing NumPy itself.

``np.pad(x, 1, mode="reflect")``, ``np.rot90``, ``np.block``, ``np.sort``, ``np.delete``, ``np.select``: their
results are elements of the arguments at other positions, or constants. So NumPy's function is run on arrays of
`Element` objects in place of the numbers. An element can be moved and compared, and nothing else: arithmetic on it is
an error. Where it ends up shows which element each result is, and the gradient goes back to it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyseq.autograd.ops.elementwise.choice import astype, where
from tinyseq.autograd.ops.moves.index import getitem
from tinyseq.autograd.ops.moves.parts import concatenate
from tinyseq.autograd.ops.moves.shape import reshape
from tinyseq.autograd.tensor import Tensor, constant_like
from tinyseq.backend import namespace_of, to_numpy


class Element:
    """One element: its original position, and its value for comparisons."""

    __slots__ = ("place", "value")

    def __init__(self, place: int, value: Any) -> None:
        self.place = place
        self.value = value

    def __lt__(self, other: Any) -> bool:
        return bool(self.value < _value(other))

    def __le__(self, other: Any) -> bool:
        return bool(self.value <= _value(other))

    def __gt__(self, other: Any) -> bool:
        return bool(self.value > _value(other))

    def __ge__(self, other: Any) -> bool:
        return bool(self.value >= _value(other))

    def __eq__(self, other: object) -> bool:
        return bool(self.value == _value(other))

    def __ne__(self, other: object) -> bool:
        return bool(self.value != _value(other))

    def __bool__(self) -> bool:
        return bool(self.value)

    __hash__ = None  # type: ignore[assignment]  # equal by value but distinguished by position, so not hashable


def _value(other: Any) -> Any:
    return other.value if isinstance(other, Element) else other


class NotMoved(Exception):
    """The function does more than select and move elements."""


def moved(call: Callable[[Callable[[Any], Any]], Any], tensors: list[Tensor], results: list[Any]) -> list[Tensor]:
    """The arrays among ``results`` as Tensors whose gradients reach the tensors.

    Args:
        call: runs the function with each recorded tensor replaced by what the given function makes of it, and returns
            the arrays of its result in their order.
        tensors: the recorded tensors among the arguments.
        results: the arrays that NumPy returned for their values, which are exact in value and dtype.

    Raises:
        NotMoved: if some element of the result is neither an element of a tensor nor a constant.
    """
    elements = _Elements(tensors)
    try:
        with np.errstate(all="ignore"):
            traced = call(elements.of)
    except Exception as error:  # of any kind: the function was called with objects that it does not expect
        raise NotMoved from error
    if len(traced) != len(results):
        raise NotMoved
    return [elements.followed(np.asarray(t, dtype=object), np.asarray(r)) for t, r in zip(traced, results, strict=True)]


class _Elements:
    """An `Element` for each element of some tensors, numbered consecutively and made once for each tensor."""

    def __init__(self, tensors: list[Tensor]) -> None:
        self.tensors = list({id(t): t for t in tensors}.values())
        values = [to_numpy(t._array) for t in self.tensors]
        if any(v.dtype.kind == "c" for v in values):
            raise NotMoved  # real, imag and conj return objects unchanged
        self.values = np.concatenate([v.reshape(-1) for v in values])
        self.arrays: dict[int, Any] = {}
        elements = np.empty(len(self.values), dtype=object)
        elements[:] = [Element(i, v) for i, v in enumerate(self.values.tolist())]
        start = 0
        for tensor, v in zip(self.tensors, values, strict=True):
            self.arrays[id(tensor)] = elements[start : start + v.size].reshape(v.shape)
            start += v.size

    def of(self, tensor: Tensor) -> Any:
        return self.arrays[id(tensor)].copy()

    def followed(self, traced: Any, result: Any) -> Tensor:
        """NumPy's result as a Tensor whose gradient goes to where its elements came from."""
        if traced.shape != result.shape or result.dtype.kind != "f":
            raise NotMoved
        flat = traced.reshape(-1).tolist()
        places = np.array([part.place if isinstance(part, Element) else -1 for part in flat], dtype=np.int64)
        places = places.reshape(traced.shape)
        kept, found = places >= 0, np.array(result)
        fixed = [part for part in flat if not isinstance(part, Element)]
        if not (_same(self.values[places[kept]], found[kept]) and _same(_numbers(fixed), found[~kept])):
            raise NotMoved
        if not kept.any():
            return Tensor(namespace_of(self.tensors[0]._array).asarray(found))
        flats = [reshape(t, (-1,)) for t in self.tensors]
        joined = flats[0] if len(flats) == 1 else concatenate(flats)
        chosen = astype(getitem(joined, np.maximum(places, 0)), result.dtype)
        if kept.all():
            return chosen
        return where(kept, chosen, constant_like(chosen, np.where(kept, 0, found)))


def _numbers(parts: list[Any]) -> Any:
    """Constants of a result as numbers; unset elements are NaN, which matches only NaN."""
    try:
        return np.array([np.nan if part is None else part for part in parts], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise NotMoved from error


def _same(traced: Any, result: Any) -> bool:
    return bool(np.array_equal(traced.astype(result.dtype), result, equal_nan=True))
