"""How matrices lie in memory: joined and multiplied so that little of it is touched more often than it must be."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyseq.backend import NUMPY, Array

# From this number of terms, one product for a whole batch saves more time than its matrices, which then do not lie in
# one piece each, cost where they are read.
LONG = 128
# A joined matrix of more bytes than this is beyond the cache that a core has for itself. It is filled by blocks of so
# many rows, which stay there while all parts are copied to them.
LARGE, BLOCK = 1 << 21, 64


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
    first = parts[0]
    if xp is not NUMPY or first.nbytes * len(parts) < LARGE or len({part.dtype for part in parts}) > 1:
        return xp.concat(parts, axis=1)
    joined = np.empty((len(first), sum([part.shape[1] for part in parts])), first.dtype)
    for start in range(0, len(first), BLOCK):
        rows = slice(start, start + BLOCK)
        np.concatenate([part[rows] for part in parts], axis=1, out=joined[rows])
    return joined
