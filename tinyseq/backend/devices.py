"""Element types, the host, and devices: arrays of one library or type as those of another."""

import weakref
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from tinyseq.arguments import check_unmasked
from tinyseq.backend.namespaces import NUMPY, Array, Namespace, is_array


def dtype_of(xp: Namespace, dtype: Any) -> Any:
    """A library's own dtype for one named as NumPy does (``"float32"``, ``np.float32``, ``float``).

    Raises:
        TypeError: there is no such type.

    Example:
        >>> dtype_of(NUMPY, "float23")
        Traceback (most recent call last):
        TypeError: dtype must be an element type, such as "float32", got 'float23'
    """
    if not isinstance(dtype, str | type | np.dtype | int | float | list | tuple):  # None, or another library's own
        return dtype
    try:
        known: np.dtype[Any] = np.dtype(dtype)  # type: ignore[arg-type]  # of which some is none
    except TypeError:
        cure = "; put the values in one list" if isinstance(dtype, int | float) else ""
        raise TypeError(f'dtype must be an element type, such as "float32", got {dtype!r}{cure}') from None
    if xp.name in ("numpy", "cupy"):
        return known if known.isnative else np.dtype(known.char)
    return getattr(xp, known.name)


def target_type(target: Any) -> Any:
    """The target of a ``to()`` that is no device: a dtype.

    Raises:
        TypeError: it is none.
    """
    try:
        return dtype_of(NUMPY, target)
    except TypeError:
        raise TypeError(f'to() takes "cpu", "cuda" or a dtype such as "float64", got {target!r}') from None


def to_numpy(array: Any) -> np.ndarray[Any, np.dtype[Any]]:
    """The values of any backend's array as a NumPy array (a copy where the data lies on a device)."""
    if isinstance(array, np.ndarray):
        return array
    return array.get() if hasattr(array, "get") else np.asarray(array)


def on_host(values: Any) -> Any:
    """Arrays of any library as NumPy's; anything else, such as a list, as it is. Masked elements are a TypeError."""
    check_unmasked(values)
    return to_numpy(values) if is_array(values) else values


def host_array(values: Any) -> Any:
    """Arrays of any library, and lists, as a NumPy array; an array that records stays one."""
    found = on_host(values)
    return found if is_array(found) and not isinstance(found, np.ndarray) else np.asarray(found)


def to_device(array: Array, device: str) -> Array:
    """Move a raw array between the processor and a GPU.

    Args:
        array: the array.
        device: ``"cpu"`` (NumPy) or ``"cuda"`` (CuPy).

    Returns:
        The same values on that device; the same array if it is there already.

    Raises:
        ValueError: for another device name.
        RuntimeError: if CuPy is not installed, or finds no GPU.

    Example:
        >>> to_device(np.ones(2), "cpu")
        array([1., 1.])
    """
    if device == "cpu":
        return to_numpy(array)
    if device != "cuda":
        raise ValueError(f'device must be "cpu" or "cuda", got {device!r}')
    try:
        import cupy
    except ImportError as error:
        raise RuntimeError(
            'to("cuda") needs CuPy: pip install "tinyseq[cuda12]" or "tinyseq[cuda13]" for your driver'
        ) from error
    try:
        return cupy.asarray(array)
    except RuntimeError as error:
        if cupy.is_available():
            raise
        raise RuntimeError(f'to("cuda") found CuPy, but no NVIDIA GPU that it can use: {error}') from error


_MADE: dict[int, dict[Hashable, Any]] = {}  # by the ids of frozen arrays that live


def frozen(array: Array) -> Array:
    """The array with memory of its own, read-only if NumPy's, so that `made_once` can keep what it makes of it."""
    if isinstance(array, np.ndarray):
        array.setflags(write=False)
    return array


def made_once(array: Array, key: Hashable, make: Callable[[Array], Any]) -> Any:
    """``make(array)``, such as a copy on a device; of a frozen array made once per key, and kept as long as the array.

    So ids that a forward pass has sent to a device are there for the backward pass.
    """
    if not isinstance(array, np.ndarray) or array.flags.writeable or not array.flags.owndata:
        return make(array)
    number = id(array)
    if number not in _MADE:
        _MADE[number] = {}
        weakref.finalize(array, _MADE.pop, number, None)
    found = _MADE[number]
    if key not in found:
        found[key] = make(array)
    return found[key]
