"""Viterbi on raw arrays: the best path of many sequences at once, without back-pointers.

Ties go to the lowest state: of equally good paths, the one returned has the lowest last state, then the lowest state
before it, and so on.
"""

import os

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.batching import Ragged
from tinyseq.hmm.inference.passes.recurrence import PathsBack, decode
from tinyseq.hmm.inference.passes.score_tables import Arcs, Scores

CLOSE = 1 << 16  # difference of messages, in units of machine epsilon, below which they count as parallel
BUFFER = 1 << 17  # numbers added and compared at a time
FEW = 40  # up to this many states, comparing them all is faster than argmax


class Max(PathsBack):
    """A message holds the score of the best path to each history."""

    def joined(self, weights: Array) -> Array:
        """See `Recurrence`."""
        return weights.max(axis=0)

    def moved(self, message: Array, number: int) -> Array:
        """See `Recurrence`."""
        return best_extended(message, self.arcs.tables[number])

    def parallel(self, one: Array, other: Array) -> Array:
        """Which messages are equal up to a constant and rounding, (columns,); -inf must be in the same places."""
        with np.errstate(invalid="ignore"):  # inf - inf, for entries that are impossible in both, is left out
            apart = one - other
            spread = np.fmax.reduce(apart, axis=(0, 1)) - np.fmin.reduce(apart, axis=(0, 1))
        return spread <= CLOSE * np.finfo(one.dtype).eps

    def choose(self, weights: Array, paths: slice) -> Array:
        """See `PathsBack`."""
        return lowest_best(weights)


def best_paths(arcs: Arcs, scores: Scores, batch: Ragged, sequences: int | None = None) -> tuple[Array, Array]:
    """The best path of each sequence.

    Args:
        arcs: the tables.
        scores: the emission scores of all rows.
        batch: the sequences.
        sequences: N, if the batch holds only some of them.

    Returns:
        The state at each row (rows,), and each path's log score (N,), -inf for an impossible sequence.
    """
    oldest, others = arcs.tables[-1].shape[:2]
    cores = os.cpu_count() or 1
    # Where possible, a message takes at most 1 MB and all kept messages 128 MB, and each core has a tile.
    numbers = min(1 << 17, (1 << 24) // max(len(batch.sizes), 1))
    width = max(1, min(numbers // (oldest * others), max(8, -(-len(batch.order) // cores))))
    count = len(batch.order) if sequences is None else sequences
    paths, best = decode(lambda part: Max(part, scores), arcs, batch, count, width, cores)
    return paths[0], best


def best_extended(message: Array, table: Array) -> Array:
    """The maximum over the oldest state of message + table: (H, R, B) and (H, R, V) to (R, V, B).

    The table may have a last axis for each column, (H, R, V, B or more).
    """
    oldest, others, states = table.shape[:3]
    size = message.shape[-1]
    if size == 1 and table.size <= BUFFER:
        return np.add(message, table[..., 0] if table.ndim == 4 else table).max(axis=0)[..., None]
    table = table[..., :size] if table.ndim == 4 else table[..., None]
    out = np.empty((others, states, size), dtype=message.dtype)
    some = max(1, min(states, BUFFER // (oldest * size)))  # new states at a time
    buffer = np.empty((oldest, some, size), dtype=message.dtype)
    for r in range(others):
        for v in range(0, states, some):
            paths = buffer[:, : min(some, states - v)]
            np.add(message[:, r, None], table[:, r, v : v + some], out=paths)
            np.maximum.reduce(paths, axis=0, out=out[r, v : v + some])
    return out


def lowest_best(scores: Array) -> Array:
    """``np.argmax(scores, axis=0)``, without branches for few states, as these are mispredicted half of the time."""
    if len(scores) > FEW:
        return scores.argmax(axis=0)
    rank = np.arange(len(scores), 0, -1, dtype=np.uint8)  # the lowest state has the highest rank
    ranked = (scores == scores.max(axis=0)) * rank[:, None]
    return len(scores) - ranked.max(axis=0).astype(np.intp)
