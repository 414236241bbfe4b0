"""Reading and writing at an index, in libraries that check no bounds or lack such a function."""

import math
from typing import Any

import numpy as np

from tinyseq.backend.devices import made_once, to_numpy
from tinyseq.backend.functions import is_half
from tinyseq.backend.indexed_sums import add_at
from tinyseq.backend.namespaces import NUMPY, Array, Namespace


def scattered(xp: Namespace, values: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Zeros of a shape with ``values`` added at ``index``; places named twice receive both."""
    if xp.whole is not None:
        return xp.whole(scattered, values, index, shape)
    if xp.name in ("numpy", "cupy"):
        out = xp.zeros(shape, dtype=values.dtype)
        index = _native(xp, index, shape)
        if _names_places_once(index):
            out[index] = values
        elif is_half(values):  # 2,048 + 1 is 2,048
            return xp.astype(scattered(xp, xp.astype(values, xp.float32), index, shape), values.dtype)
        elif xp is NUMPY:
            add_at(out, index, values)
        else:
            xp.add.at(out, index, values)
        return out
    # A library without scatter: number the cells, index the numbers, and add one value at a time.
    cells = np.arange(math.prod(shape)).reshape(shape)[index].reshape(-1)
    flat, given = xp.zeros((math.prod(shape),), dtype=values.dtype), xp.reshape(values, (-1,))
    for i, cell in enumerate(cells.tolist()):
        flat[cell] = flat[cell] + given[i]
    return xp.reshape(flat, shape)


def gathered(xp: Namespace, array: Array, index: Any) -> Array:
    """``array[index]`` for any index that NumPy understands, as an array of its own."""
    if xp.whole is not None:
        return xp.whole(gathered, array, index)
    if xp.name in ("numpy", "cupy"):
        found = array[_native(xp, index, array.shape)]
        return found.copy() if isinstance(found, np.ndarray) and found.base is not None else found
    cells = np.arange(math.prod(array.shape)).reshape(array.shape)[index]
    flat = xp.take(xp.reshape(array, (-1,)), xp.asarray(cells.reshape(-1)), axis=0)
    return xp.reshape(flat, cells.shape)


def replaced(xp: Namespace, array: Array, index: Any, values: Array) -> Array:
    """A copy of an array with ``values`` at ``index``."""
    if xp.whole is not None:
        return xp.whole(replaced, array, index, values)
    if xp.name in ("numpy", "cupy"):
        out = xp.asarray(array, copy=True)
        out[_native(xp, index, array.shape)] = xp.asarray(values)
        return out
    out = to_numpy(array).copy()
    out[index] = to_numpy(values)
    return xp.asarray(out)


def _native(xp: Namespace, index: Any, shape: tuple[int, ...]) -> Any:
    """An index into an array of this shape whose arrays are of this library."""
    if xp is NUMPY:
        return index
    # CuPy checks no bounds, and wraps what lies outside round. NumPy checks, on an array that takes no memory.
    parts = index if isinstance(index, tuple) else (index,)
    reached = len(shape) if any(part is Ellipsis for part in parts) else sum(map(_axes, parts))
    np.broadcast_to(np.False_, shape[:reached])[index]
    native = tuple(made_once(part, xp, xp.asarray) if isinstance(part, np.ndarray) else part for part in parts)
    return native if isinstance(index, tuple) else native[0]


def _axes(part: Any) -> int:
    """How many axes one part of an index takes up."""
    if part is None or isinstance(part, bool | np.bool_):
        return 0
    return part.ndim if isinstance(part, np.ndarray) and part.dtype == bool else 1


def _names_places_once(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(not hasattr(part, "dtype") or part.dtype == bool for part in parts)
