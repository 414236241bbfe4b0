"""The operands of an op: raw values of one array library, from any mixture of tensors, arrays and numbers."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from tinyseq.arguments import check_unmasked
from tinyseq.autograd.calls.conversion import HELD, holds_numbers
from tinyseq.autograd.calls.errors import argument, place
from tinyseq.autograd.graph import Parent
from tinyseq.autograd.record.op import Op
from tinyseq.autograd.tensor import Tensor, constant
from tinyseq.backend import NAMESPACES, is_array, namespace_of

NUMBERS = frozenset({bool, int, float, complex})  # allowed beside arrays among the raw values of an op
HOST = np.ndarray  # by a name of our own, which is found faster than an attribute of NumPy
PLAIN: tuple[type[Any], ...] = (int, float, complex)
# Python types of the most common NumPy scalars: the conversion takes a third of the time of item().
NUMPY_NUMBERS: dict[type, type[Any]] = {
    **{np.float16: float, np.float32: float, np.float64: float, np.complex64: complex, np.complex128: complex},
    **{np.bool: bool, np.int32: int, np.int64: int},
}


def operand(value: Any, like: Any, kind: type[Any], copies: bool, elementwise: bool) -> Any:
    """As `beside`, but for an elementwise op numbers become 0-d arrays, with which NumPy computes faster."""
    if kind is not HOST:
        return beside(value, kind, copies, weak=is_weak_beside(like))
    found = type(value)
    if found is kind:  # the commonest, without a call
        if value.dtype is not like.dtype and value.dtype.kind not in HELD:
            return None
        return value.copy() if copies else value
    if found in NUMPY_NUMBERS:
        if like.dtype.kind not in "fc":
            return np.asarray(value)
        value = NUMPY_NUMBERS[found](value)
    elif found is not float:
        value = beside(value, kind, copies, weak=like.dtype.kind in "fc")
    return _without_axes(value, like.dtype) if elementwise and type(value) is float and value else value


@lru_cache(maxsize=256)
def _without_axes(number: float, dtype: Any) -> Any:
    """A number as a 0-d array of a floating type; unchanged for another type, or if that overflows.

    Not for 0: the cache cannot tell it from -0.0.
    """
    if dtype.kind != "f":
        return number
    with np.errstate(over="ignore"):
        array = np.asarray(number, dtype=dtype)
    array.flags.writeable = False
    return array if np.isfinite(array) else number


def _is_weak(value: Any, args: Sequence[Any]) -> bool:
    """Whether a NumPy scalar among an op's arguments counts as a Python number beside the tensors there."""
    return isinstance(value, np.generic) and any(is_weak_beside(a._array) for a in args if isinstance(a, Tensor))


def is_weak_beside(array: Any) -> bool:
    """Whether NumPy scalars count as Python numbers beside an array, so that they never widen a float32 array.

    Beside whole numbers and booleans they keep their type, as in NumPy: an int8 would overflow with what an int64 was
    to add, and a float32 become a float64.
    """
    return bool(namespace_of(array).isdtype(array.dtype, ("real floating", "complex floating")))


def beside(value: Any, kind: type[Any], copies: bool = True, *, weak: bool) -> Any:
    """The raw value of an operand beside arrays of this kind: a number, or an array of the same kind.

    Arrays are copied, because their owner may write to them before the backward pass, unless the op neither keeps nor
    returns them.

    Args:
        value: the operand.
        kind: the type of the arrays.
        copies: whether to copy.
        weak: whether NumPy scalars become Python numbers; see `is_weak_beside`.

    Returns:
        None for anything else, such as a list, which `operands` converts.
    """
    if type(value) in NUMBERS:
        return value
    if type(value) is kind:
        if kind is np.ndarray and value.dtype.kind not in HELD:
            return None
        return NAMESPACES[kind].operand(value, copies)
    if isinstance(value, np.generic):
        if not holds_numbers(value):
            return None
        return value.item() if weak else NAMESPACES[kind].asarray(value)
    base = next((number for number in PLAIN if isinstance(value, number)), None)
    return None if base is None else base(value)


def operands(record: Op, args: Sequence[Any]) -> list[tuple[Any, Parent | None]]:
    """Raw values and graph parents of an op's arguments, all of one array library; see `beside`."""
    library = _library(args)
    pairs: list[tuple[Any, Parent | None]] = []
    for arg in args:
        if isinstance(arg, Tensor):
            pairs.append((arg._array, arg.node))
        elif library is not None and (plain := beside(arg, library, weak=_is_weak(arg, args))) is not None:
            pairs.append((plain, None))
        else:
            if library and isinstance(arg, np.ndarray) and _undifferentiated(record, len(pairs)):
                check_unmasked(arg)
                arg = NAMESPACES[library].asarray(arg)  # a mask in host memory, for tensors on any device
            try:
                pairs.append((constant(arg, library)._array, None))
            except (TypeError, ValueError) as error:
                raise TypeError(f"{record.name}({argument(record, len(pairs))}){place()}: {error}") from error
    found = {NAMESPACES[type(value)].name: i for i, (value, _) in enumerate(pairs) if type(value) not in NUMBERS}
    if len(found) > 1:
        named = " and ".join(f"{argument(record, i)} is {library}" for library, i in found.items())
        raise TypeError(f'{record.name}: {named}; move one with .to("cuda") or .to("cpu")')
    return pairs


def as_array(record: Op, xp: Any, value: Any) -> Any:
    """The result of an op as an array: NumPy returns a scalar for one of no axis."""
    if not isinstance(value, np.generic | Tensor) and type(value) not in NUMBERS and type(value) not in NAMESPACES:
        cure = "; declare outputs=True" if isinstance(value, list | tuple) else ""
        raise TypeError(f"the forward function of {record.name} gave {type(value).__name__}, not an array of xp{cure}")
    return xp.asarray(value)


def constants(raw: Sequence[Any], edges: Sequence[Parent | None]) -> tuple[Any, ...]:
    """The constants among the arguments, and None for the others; nothing if there are none."""
    return () if all(edges) else tuple([None if edge else value for value, edge in zip(raw, edges, strict=True)])


def _library(args: Sequence[Any]) -> type | None:
    """The array type that an op computes with, or None if no argument determines it, as NumPy's arrays do not."""
    found = next((type(a._array) for a in args if isinstance(a, Tensor)), None)
    return found or next((type(a) for a in args if is_array(a) and namespace_of(a).module is not np), None)


def _undifferentiated(record: Op, i: int) -> bool:
    return record.vjp is None or (not record.variadic and record.rules[i] is None)
