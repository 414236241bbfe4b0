"""Sampling from rows of probabilities, and normalising counts."""

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.model.probabilities import Table, in_recording, plain


def draw(probabilities: Array, rng: np.random.Generator, rows: Array | None = None) -> Array:
    """Draw one index from each row of probabilities (..., K); or from the given rows of a table (R, K)."""
    edges = np.cumsum(probabilities, axis=-1)
    if rows is None:
        points = rng.random(edges.shape[:-1]) * edges[..., -1]
        return (edges <= points[..., None]).sum(axis=-1)
    points, found = rng.random(len(rows)) * edges[rows, -1], np.empty(len(rows), dtype=np.intp)
    order = np.argsort(rows, kind="stable")
    kinds, firsts = np.unique(rows[order], return_index=True)
    # Row by row, as K numbers for each draw would not fit in memory.
    for row, here in zip(kinds.tolist(), np.split(order, firsts[1:]), strict=False):
        found[here] = np.searchsorted(edges[row], points[here], side="right")
    return found


def redrawn(probabilities: Array, rng: np.random.Generator) -> Array:
    """Random rows with the same zeros and sums as the given ones."""
    weights = rng.gamma(1.0, size=probabilities.shape) * (probabilities > 0)
    return shares(weights, probabilities) * probabilities.sum(axis=-1, keepdims=True)


def shares(counts: Array, otherwise: Array) -> Array:
    """Normalise each row of counts; a row of zeros is taken from ``otherwise``."""
    total = counts.sum(axis=-1, keepdims=True)
    return np.where(total > 0, counts / np.where(total > 0, total, 1.0), otherwise)


def require_shares(name: str, table: Table) -> None:
    """Raise an error if a row is not a probability distribution.

    Raises:
        ValueError: naming the row.
    """
    if in_recording(table):
        return
    rows = plain(table)
    wrong = ~(rows >= 0).all(axis=-1) | (np.abs(rows.sum(axis=-1) - 1) > (1e-4 if rows.dtype == np.float32 else 1e-6))
    if wrong.any():
        place = tuple(np.argwhere(wrong)[0].tolist()) if wrong.ndim else ()
        where = f"{name}{list(place)}" if place else name
        raise ValueError(f"{where} must hold probabilities that sum to 1, got {rows[place]}")


def free_shares(rows: Array) -> int:
    """The number of free parameters in rows of probabilities."""
    return int(np.maximum((rows > 0).sum(axis=-1) - 1, 0).sum())
