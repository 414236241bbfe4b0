"""Adding values at positions of a NumPy array that may be named more than once, as ``np.add.at`` does, but faster.

The gradient of an embedding is such a sum: each row of the table receives the gradients of all places where its word
stands. Sums of many terms keep their digits: those in single precision are added up in double precision.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SMALL = 256  # elements that NumPy adds at an index as fast as we prepare them
LONG_ROW = 256  # bytes from which whole rows are added faster than single elements
KEY_BITS = 63
MANY = 128  # terms from which rounding matters
WIDE: dict[Any, Any] = {np.dtype(np.float32): np.float64, np.dtype(np.complex64): np.complex128}


def add_at(out: NDArray[Any], index: Any, values: NDArray[Any]) -> None:
    """Add values at an index, as ``np.add.at`` does, which is slow except for flat arrays.

    Args:
        out: an array of zeros, contiguous; what is added is written to it.
        index: anything that NumPy understands.
        values: of the shape that ``out[index]`` has, or one that broadcasts to it.

    Raises:
        IndexError: an index is out of range.

    Example:
        >>> table = np.zeros((3, 128))
        >>> add_at(table, np.array([2, 0, 2]), np.ones((3, 128)))
        >>> table[:, 0].tolist()
        [1.0, 0.0, 2.0]
    """
    rows = _rows(out.shape, index) if values.size >= SMALL else None
    if rows is None:
        wide: NDArray[Any] = out if values.size <= MANY else np.zeros(out.shape, WIDE.get(out.dtype, out.dtype))
        np.add.at(wide, index, values.astype(wide.dtype, copy=False))
        if wide is not out:
            out[...] = wide
        return
    left = out.shape[out.ndim - rows.left :]
    width = math.prod(left)
    given = np.broadcast_to(values, (*rows.numbers.shape, *left)).reshape(-1, width)
    numbers = rows.numbers.reshape(-1)
    if width * out.itemsize >= LONG_ROW and _add_rows(out.reshape(-1, width), numbers, given):
        return
    if out.dtype in WIDE and _may_repeat(numbers):
        doubles: NDArray[Any] = np.zeros(out.size, WIDE[out.dtype])
        _add_elements(doubles, numbers, given.astype(doubles.dtype))
        out[...] = doubles.reshape(out.shape)
    else:
        _add_elements(out.reshape(-1), numbers, given)


class _Rows(NamedTuple):
    """What whole-number arrays name: rows, counted along the first axes of an array; and how many axes a row has."""

    numbers: NDArray[np.intp]
    left: int


def _rows(shape: tuple[int, ...], index: Any) -> _Rows | None:
    """The rows that an index of the first axes names; None for any other index, and for one that is out of range."""
    parts = list(index) if isinstance(index, tuple) else [index]
    while parts and (parts[-1] is Ellipsis or (isinstance(parts[-1], slice) and parts[-1] == slice(None))):
        parts.pop()
    whole = all(isinstance(part, np.ndarray) and part.dtype.kind in "iu" for part in parts)
    if not whole or len(parts) > len(shape):
        return None
    if any(part.min() < -side or part.max() >= side for part, side in zip(parts, shape, strict=False)):
        return None
    rows = np.zeros((), dtype=np.intp)
    for part, side in zip(parts, shape, strict=False):
        rows = rows * side + np.where(part < 0, part + side, part)
    return _Rows(rows, len(shape) - len(parts))


def _may_repeat(rows: NDArray[np.intp]) -> bool:
    """Whether a row may be named many times; rows that leave the same remainder are counted as one."""
    return rows.size > MANY and bool(np.bincount(rows % (rows.size // 8 | 1)).max() > MANY)


def _add_elements(out: NDArray[Any], rows: NDArray[np.intp], values: NDArray[Any]) -> None:
    """Add each element of the rows of ``values`` by itself."""
    width, given = values.shape[1], np.ascontiguousarray(values).reshape(-1)  # a gradient may be broadcast, or a part
    paired = np.result_type(out.dtype, np.complex64) if out.dtype in (np.float32, np.float64) else None
    if paired is not None and width % 2 == 0:  # two neighbours are added as one complex number, with half the indices
        out, given, width = out.view(paired), given.view(paired), width // 2
    np.add.at(out, (rows[:, None] * width + np.arange(width)).reshape(-1), given)


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
            wide = WIDE.get(out.dtype) if times > MANY else None
            found = np.add.reduce(found.reshape(-1, times, values.shape[1]), 1, wide)
        out[rows[begin:end:times]] = found
        begin = end
    return True
