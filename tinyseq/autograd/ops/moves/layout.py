"""How matrices lie in memory: joined and multiplied so that little of it is touched more often than it must be."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyseq.backend import NUMPY, Array

# From this number of terms, one product for a whole batch saves more time than its matrices, which then do not lie in
# one piece each, cost where they are read.
LONG = 128


def rows_of(y: Array) -> Array | None:
    """A batch of matrices that are transposed rows of one matrix in memory, as that matrix; None for others.

    Sequences (T, B, I) whose features a layer has put before the batch, (T, I, B), are such a batch.
    """
    if type(y) is not np.ndarray or y.flags.c_contiguous:
        return None
    turned = np.swapaxes(y, -1, -2)
    return turned.reshape(-1, y.shape[-2]) if turned.flags.c_contiguous else None


def product(x: Array, y: Array) -> Array:
    """``x @ y`` of NumPy's arrays; one large product if y is a batch that lies in memory as `rows_of` one matrix."""
    if type(y) is np.ndarray and y.ndim > 2 and y.shape[-2] >= LONG and np.shape(x)[1:] == y.shape[-2:-1]:
        rows = rows_of(y)
        if rows is not None:
            found = np.matmul(x, rows.T).reshape(x.shape[0], *y.shape[:-2], y.shape[-1])
            return np.moveaxis(found, 0, -2)
    return np.matmul(x, y)


def side_by_side(xp: Any, parts: Sequence[Array]) -> Array:
    """Matrices of as many rows, joined along their columns."""
    shape, dtype = parts[0].shape, parts[0].dtype
    if xp is not NUMPY or not all(_lies_in_rows(part, shape, dtype) for part in parts):
        return xp.concat(parts, axis=1)
    # A row is copied faster as one item of as many bytes than number by number.
    row = np.dtype((np.void, max(1, shape[1] * dtype.itemsize)))
    return np.concatenate([part.view(row) for part in parts], axis=1).view(dtype)


def _lies_in_rows(part: Array, shape: tuple[int, ...], dtype: Any) -> bool:
    return part.flags.c_contiguous and part.shape == shape and part.dtype is dtype
