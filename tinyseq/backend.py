"""Which array library an array belongs to.

The engine never asks "NumPy or CuPy?": it looks up the *namespace* of the array it was given and calls functions on
that. A namespace answers with the array library's own function where the library has the name (``xp.exp``), and
otherwise with one registered here (``xp.erf``, ``xp.sigmoid``). CuPy is never imported: it is found only when one of
its arrays arrives.
"""

import math
import sys
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

Array = Any  # an array of NumPy, CuPy or any array-API library; they share no useful base class

EXTENSIONS: dict[str, Callable[..., Any]] = {}  # name -> f(xp, ...): what array libraries lack, or do not agree upon


class Namespace:
    """An array library seen through one set of names.

    Attributes are looked up in the library first, then among the registered extensions, and kept.

    Example:
        >>> xp = namespace_of(np.ones(2))
        >>> xp.exp(np.zeros(2))
        array([1., 1.])
        >>> xp.name
        'numpy'
    """

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.name = module.__name__

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.module, name, None)
        if value is None:
            if name not in EXTENSIONS:
                raise AttributeError(f"neither {self.module.__name__} nor tinyseq has a function {name!r}")
            value = partial(EXTENSIONS[name], self)
        setattr(self, name, value)
        return value

    def __repr__(self) -> str:
        return f"Namespace({self.name})"


NUMPY = Namespace(np)
NAMESPACES: dict[type, Namespace] = {np.ndarray: NUMPY}


def namespace_of(array: Array) -> Namespace:
    """The namespace of a raw array, by its type.

    Args:
        array: an array of NumPy, CuPy or any library with ``__array_namespace__``.

    Returns:
        The `Namespace` whose functions take such arrays.

    Raises:
        TypeError: if the object is no array.

    Example:
        >>> namespace_of(np.zeros(3)).name
        'numpy'
    """
    kind = type(array)
    if kind in NAMESPACES:
        return NAMESPACES[kind]
    if isinstance(array, np.generic | np.ndarray):
        return NUMPY  # and the type is not noted down: a scalar is no array, and a masked array or a memory map is more
    module: Any
    if (cupy := sys.modules.get("cupy")) is not None and isinstance(array, cupy.ndarray):
        module = cupy
    elif hasattr(array, "__array_namespace__"):
        module = array.__array_namespace__()
    else:
        raise TypeError(f"expected an array, got {kind.__name__}; make it one with ts.tensor(...)")
    found = next((known for known in NAMESPACES.values() if known.module is module), None) or Namespace(module)
    NAMESPACES[kind] = found
    return found


def is_array(value: object) -> bool:
    """Whether a value is a raw array that the engine can compute with (NumPy scalars are not)."""
    return type(value) in NAMESPACES or (hasattr(value, "__array_namespace__") and not isinstance(value, np.generic))


def forget(name: str) -> None:
    """Forget an extension, in all namespaces that have looked it up."""
    EXTENSIONS.pop(name, None)
    for found in NAMESPACES.values():
        vars(found).pop(name, None)


def extension(function: Callable[..., Any]) -> Callable[..., Any]:
    """Register ``function(xp, ...)`` under its name in every namespace."""
    EXTENSIONS[function.__name__] = function
    return function


def dtype_of(xp: Namespace, dtype: Any) -> Any:
    """A library's own dtype for one named as NumPy does (``"float32"``, ``np.float32``, ``float``)."""
    if xp.name in ("numpy", "cupy") or not isinstance(dtype, str | type | np.dtype):
        return dtype
    return getattr(xp, np.dtype(dtype).name)


def to_numpy(array: Array) -> np.ndarray[Any, np.dtype[Any]]:
    """The values of any backend's array as a NumPy array (a copy where the data lies on a device)."""
    if isinstance(array, np.ndarray):
        return array
    return array.get() if hasattr(array, "get") else np.asarray(array)


def to_device(array: Array, device: str) -> Array:
    """Move a raw array between the processor and a GPU.

    Args:
        array: the array.
        device: ``"cpu"`` (NumPy) or ``"cuda"`` (CuPy).

    Returns:
        The same values on that device; the same array if it is there already.

    Raises:
        ValueError: for another device name.
        RuntimeError: if CuPy is not installed.

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
    return cupy.asarray(array)


def scattered(xp: Namespace, values: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Zeros of a shape with ``values`` added at ``index``; places named twice receive both."""
    if xp.name in ("numpy", "cupy"):
        out = xp.zeros(shape, dtype=values.dtype)
        index = _native(xp, index)
        if _names_places_once(index):
            out[index] = values
        elif xp.name == "numpy":
            np.add.at(out, index, values)
        else:
            import cupyx

            cupyx.scatter_add(out, index, values)
        return out
    # A library without scatter: number the cells, index the numbers, and add one value at a time.
    cells = np.arange(math.prod(shape)).reshape(shape)[index].reshape(-1)
    flat, given = xp.zeros((math.prod(shape),), dtype=values.dtype), xp.reshape(values, (-1,))
    for i, cell in enumerate(cells.tolist()):
        flat[cell] = flat[cell] + given[i]
    return xp.reshape(flat, shape)


def gathered(xp: Namespace, array: Array, index: Any) -> Array:
    """``array[index]`` for any index that NumPy understands, as an array of its own."""
    if xp.name in ("numpy", "cupy"):
        found = array[_native(xp, index)]
        return found.copy() if isinstance(found, np.ndarray) and found.base is not None else found
    cells = np.arange(math.prod(array.shape)).reshape(array.shape)[index]
    flat = xp.take(xp.reshape(array, (-1,)), xp.asarray(cells.reshape(-1)), axis=0)
    return xp.reshape(flat, cells.shape)


def _native(xp: Namespace, index: Any) -> Any:
    """An index whose arrays are of this library."""
    if isinstance(index, tuple):
        return tuple(_native(xp, part) for part in index)
    return xp.asarray(index) if isinstance(index, np.ndarray) else index


def _names_places_once(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(not hasattr(part, "dtype") or part.dtype == bool for part in parts)


@extension
def erf(xp: Namespace, array: Array) -> Array:
    """The error function, which array libraries lack; the C library's, element by element."""
    if xp.name == "cupy":
        from cupyx.scipy.special import erf as on_device

        return on_device(array)
    values = to_numpy(array)
    return xp.asarray(np.asarray(_ERF(values), dtype=values.dtype))


_ERF = np.frompyfunc(math.erf, 1, 1)


@extension
def einsum(xp: Namespace, subscripts: str, *operands: Array) -> Array:
    """Sums of products for libraries without einsum, by way of NumPy."""
    return xp.asarray(np.einsum(subscripts, *(to_numpy(x) for x in operands)))


@extension
def cumulative_sum(xp: Namespace, array: Array, *, axis: int) -> Array:
    """The standard's name for cumsum, where a library has only the older one."""
    return xp.cumsum(array, axis=axis)


@extension
def cumulative_prod(xp: Namespace, array: Array, *, axis: int) -> Array:
    """The standard's name for cumprod, where a library has only the older one."""
    return xp.cumprod(array, axis=axis)
