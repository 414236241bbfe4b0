"""Conversion of values to numeric arrays, and errors for values that are not numeric."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tinyseq.arguments import check_unmasked
from tinyseq.autograd.graph import Parent
from tinyseq.backend import NAMESPACES, Array, is_array, namespace_of

HELD = "fiubc"  # the kinds of NumPy's dtypes that the engine computes with
_HELD = {"U": "text", "S": "bytes", "M": "dates", "m": "time differences", "V": "records", "O": "Python objects"}
_CURES = {
    "U": "convert the words to ids, as ts.data.Vocabulary does",
    "V": "convert its fields one by one",
    "O": "convert them first, for example with np.array(values, dtype=float)",
}


def holds_numbers(array: Any) -> bool:
    """Whether the engine can compute with an array's elements; libraries other than NumPy have only numeric types.

    Example:
        >>> holds_numbers(np.ones(2)), holds_numbers(np.array(["a"]))
        (True, False)
    """
    return getattr(array.dtype, "kind", "f") in HELD


def as_parent(node: Any) -> Parent:
    """The origin of a tensor, or a TypeError: what a user writes beside an array is a shape or a type."""
    if isinstance(node, Parent):
        return node
    raise TypeError(
        "Tensor takes one array, as Tensor([3.0, 4.0]); ts.zeros(3, 4) makes one of a shape, and "
        f"ts.tensor(values, dtype) one of a type; got {node!r} beside it"
    )


def as_native(array: Array) -> Array:
    """The array itself, or a copy in the byte order of this machine, the only one that compiled code reads.

    Example:
        >>> as_native(np.array([1.0, 2.0], ">f8")).dtype.isnative
        True
    """
    return array if getattr(array.dtype, "isnative", True) else array.astype(np.dtype(array.dtype.char))


def to_array(value: Any, library: type | None = None) -> Array:
    """Convert numbers to an array: arrays are copied, plain numbers and lists become arrays of the given library.

    Raises:
        TypeError: for anything but a rectangular array of numbers, and for masked elements, as a tensor has no mask.

    Example:
        >>> to_array([[1, 2], [3, 4]])
        array([[1, 2],
               [3, 4]])
    """
    check_unmasked(value)
    if is_array(value):
        if not holds_numbers(value):
            raise _no_numbers(value, value.dtype)
        return as_native(namespace_of(value).asarray(value, copy=True))
    if isinstance(value, list | tuple) and any(getattr(part, "node", None) is not None for part in value):
        raise TypeError(
            f"expected one tensor, got a {type(value).__name__} of {len(value)}; join tensors with ts.stack, "
            "and unpack what a recurrent layer returns: output, state = rnn(x)"
        )
    try:
        # asarray first: NumPy warns of objects, such as PyTorch's tensors, that it must copy itself
        array = np.array([np.asarray(part) for part in value] if isinstance(value, list | tuple) else np.asarray(value))
    except ValueError as error:
        ragged = "inhomogeneous" in str(error)
        found = "rows of different lengths; ts.data.padded_values fills them up" if ragged else error
        raise TypeError(f"expected a rectangular array of numbers{', got ' if ragged else ': '}{found}") from error
    if not holds_numbers(array):
        raise _no_numbers(value, array.dtype)
    array = as_native(array)
    return array if library is None else NAMESPACES[library].asarray(array)


def check_real(name: str, values: Array, target: Array) -> None:
    """Raise if complex values would lose their imaginary part among real ones.

    Raises:
        TypeError: if they would; the error says ``name``.
    """
    if type(values) is type(target) and values.dtype == target.dtype:
        return
    if is_complex(values, values.dtype) and not is_complex(target, target.dtype):
        raise TypeError(
            f"{name} has dtype {values.dtype}, and {target.dtype} has no imaginary part; give real numbers, such as "
            ".real or abs()"
        )


def is_complex(array: Array, dtype: Any) -> bool:
    """Whether a dtype of an array's library is of complex numbers."""
    return bool(namespace_of(array).isdtype(dtype, "complex floating"))


def _no_numbers(value: object, dtype: Any) -> TypeError:
    held = _HELD.get(dtype.kind, "no numbers")
    cure = f"; {_CURES[dtype.kind]}" if dtype.kind in _CURES else ""
    if isinstance(value, Iterable) and not isinstance(value, Sequence | np.ndarray | str | bytes | Mapping):
        cure = "; make a list of it first, list(values)"
    return TypeError(f"expected numbers, got {type(value).__name__} of dtype {dtype}, which holds {held}{cure}")
