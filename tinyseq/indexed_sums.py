"""Adding values at positions of a NumPy array that may be named more than once, as ``np.add.at`` does, but faster.

The gradient of an embedding is such a sum: each row of the table receives the gradients of all places where its word
stands.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALL = 256  # elements that NumPy adds at an index as fast as we prepare them
LONG_ROW = 256  # bytes from which whole rows are added faster than single elements
KEY_BITS = 63


def added(out: NDArray[Any], index: Any, values: NDArray[Any]) -> bool:
    """Add values at whole-number arrays, in the same order as ``np.add.at``, which is slow but for flat arrays.

    Args:
        out: an array of zeros, contiguous; what is added is written to it.
        index: of its first axes.
        values: of the shape that ``out[index]`` has, or one that broadcasts to it.

    Returns:
        Whether that was done; other indices, and what is small or out of range, are left to ``np.add.at``.

    Example:
        >>> table = np.zeros((3, 128))
        >>> added(table, np.array([2, 0, 2]), np.ones((3, 128)))
        True
        >>> table[:, 0].tolist()
        [1.0, 0.0, 2.0]
    """
    parts = index if isinstance(index, tuple) else (index,)
    whole = all(isinstance(part, np.ndarray) and part.dtype.kind in "iu" for part in parts)
    if not whole or len(parts) > out.ndim or values.size < SMALL:
        return False
    if any(part.min() < -side or part.max() >= side for part, side in zip(parts, out.shape, strict=False)):
        return False
    rows = np.zeros((), dtype=np.intp)
    for part, side in zip(parts, out.shape, strict=False):
        rows = rows * side + np.where(part < 0, part + side, part)
    left = out.shape[len(parts) :]
    width = math.prod(left)
    given = np.broadcast_to(values, (*rows.shape, *left)).reshape(-1, width)
    if width * out.itemsize < LONG_ROW or not _add_rows(out.reshape(-1, width), rows.reshape(-1), given):
        _add_elements(out.reshape(-1), rows.reshape(-1, 1), given)
    return True


def _add_elements(out: NDArray[Any], rows: NDArray[np.intp], values: NDArray[Any]) -> None:
    """Add each element of the rows of ``values`` by itself."""
    width, given = values.shape[1], np.ascontiguousarray(values).reshape(-1)  # a gradient may be broadcast, or a part
    paired = np.result_type(out.dtype, np.complex64) if out.dtype in (np.float32, np.float64) else None
    if paired is not None and width % 2 == 0:  # two neighbours are added as one complex number, with half the indices
        out, given, width = out.view(paired), given.view(paired), width // 2
    np.add.at(out, (rows * width + np.arange(width)).reshape(-1), given)


def _add_rows(out: NDArray[Any], rows: NDArray[np.intp], values: NDArray[Any]) -> bool:
    """Sum the rows of ``values`` that belong to one row of ``out``, for all that have equally many of them at once.

    Returns:
        Whether that was done; not if numbers of rows and of repetitions are too large to be sorted as one number.
    """
    many = len(rows)
    counts = np.bincount(rows, minlength=len(out))
    of_place, of_row = (many - 1).bit_length(), (len(out) - 1).bit_length()
    if of_place + of_row + many.bit_length() > KEY_BITS:
        return False
    # One number for each: how often its row is named, the row, its own place. Their order is that of the sums below.
    keys = ((counts[rows] << of_row | rows) << of_place) | np.arange(many)
    keys.sort()
    order = keys & ((1 << of_place) - 1)
    keys >>= of_place
    rows = keys & ((1 << of_row) - 1)
    keys >>= of_row
    begin = 0
    for end in (*(np.flatnonzero(keys[1:] != keys[:-1]) + 1).tolist(), many):
        times = int(keys[begin])
        found = values.take(order[begin:end], axis=0)
        if times > 1:
            found = np.add.reduce(found.reshape(-1, times, values.shape[1]), 1)
        out[rows[begin:end:times]] = found
        begin = end
    return True
