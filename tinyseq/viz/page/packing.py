"""Arrays in a page: how much of them is included, and how they are encoded.

Numbers are 32-bit floats in base64, which is shorter than digits. To limit the size of the page, large arrays are cut
to their first rows and columns.
"""

import base64
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from tinyseq.backend import Array, host_array

MOST_TERMS = 250_000  # numbers in all gradient terms of a page
LARGEST_BLOCKS = (64, 48, 32, 16, 8, 4)  # rows and columns shown of a gradient
MOST_CELLS = 64  # numbers shown of the value of a box
MOST_VALUES = 250_000  # numbers in all values of a page


class Block(NamedTuple):
    """The part of an array that is shown: the first rows and columns of it as a matrix.

    Attributes:
        rows, columns: their number.
        whole: whether this is the whole array.
    """

    rows: int
    columns: int
    whole: bool

    def pack(self, array: Array) -> str:
        """The block of an array, as little-endian 32-bit floats in base64."""
        kept = _matrix(array)[: self.rows, : self.columns]
        with np.errstate(over="ignore"):  # overflow to infinity is intended
            return base64.b64encode(np.ascontiguousarray(kept, dtype="<f4").tobytes()).decode("ascii")


def block(shape: Iterable[int], most: int) -> Block:
    """The block of an array of this shape with at most this many rows and columns."""
    rows, columns = _matrix(np.broadcast_to(np.float32(0), tuple(shape))).shape
    return Block(min(rows, most), min(columns, most), max(rows, columns) <= most)


def blocks(shapes: Iterable[Iterable[int]], terms: int) -> list[Block]:
    """Blocks for several arrays, as large as possible if a page holds this many terms of each.

    Example:
        >>> blocks([(8, 8), (1000, 1000)], terms=100)
        [Block(rows=8, columns=8, whole=True), Block(rows=48, columns=48, whole=False)]
    """
    shapes = [tuple(shape) for shape in shapes]
    for most in LARGEST_BLOCKS:
        chosen = [block(shape, most) for shape in shapes]
        if terms * sum(found.rows * found.columns for found in chosen) <= MOST_TERMS:
            break
    return chosen


def strip(array: Array | None) -> dict[str, Any] | None:
    """A small array of real numbers, packed for the card of its box; None for other arrays."""
    if array is None or not 0 < array.size <= MOST_CELLS or array.dtype.kind not in "biuf":
        return None
    whole = block(array.shape, MOST_CELLS)
    return {"rows": whole.rows, "columns": whole.columns, "numbers": whole.pack(array)}


def _matrix(array: Array) -> Any:
    plain = host_array(array)
    return plain.reshape(1, -1) if plain.ndim < 2 else plain.reshape(plain.shape[0], math.prod(plain.shape[1:]))
