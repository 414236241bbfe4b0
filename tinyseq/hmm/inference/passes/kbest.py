"""The k best paths: Viterbi on lists.

A message holds for each history the scores of the k best paths to it, largest first: (k, H, R, B). A step joins the
lists of all predecessors and keeps k of each; which of the H x k it kept is remembered for the way back.
"""

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.batching import Index, Ragged
from tinyseq.hmm.inference.passes.recurrence import Forward, PathsBack
from tinyseq.hmm.inference.passes.score_tables import Arcs, Scores


class KBest(PathsBack):
    """The algebra of lists, for one walk.

    Args:
        arcs: the tables.
        scores: the emission scores.
        k: the length of the lists.
    """

    def __init__(self, arcs: Arcs, scores: Scores, k: int) -> None:
        super().__init__(arcs, scores)
        self.k = k
        self.kept: list[Array] = []

    def empty(self, columns: int) -> Array:
        """See `Recurrence`."""
        message = np.full((self.k, 1, 1, columns), -np.inf, dtype=self.arcs.tables[-1].dtype)
        message[0] = 0.0
        return message

    def joined(self, weights: Array, axis: int) -> Array:
        """See `Recurrence`."""
        return -np.sort(-in_a_row(weights, axis), axis=0)[: self.k]

    def extended(self, message: Array, number: int, rows: Index) -> Array:
        """See `Recurrence`."""
        table = self.arcs.tables[number]
        paths = in_a_row(message[:, :, :, None] + table[..., None], -4)
        self.kept.append(_order(paths)[: self.k])
        return np.take_along_axis(paths, self.kept[-1], axis=0) + self.scores.logs(rows)

    def choose(self, weights: Array, ranks: Array) -> tuple[Array, Array]:
        """See `PathsBack`."""
        order = _order(in_a_row(weights, -2))
        return np.divmod(order[ranks, np.arange(len(ranks))], self.k)

    def oldest(
        self, done: Forward, t: int, others: Array, newest: Array, columns: Array, ranks: Array
    ) -> tuple[Array, Array]:
        """See `PathsBack`."""
        return np.divmod(self.kept[t][ranks, others, newest, columns], self.k)


def best_lists(arcs: Arcs, scores: Scores, batch: Ragged, k: int) -> tuple[Array, Array]:
    """The k best paths of each sequence.

    Args:
        arcs: the tables.
        scores: the emission scores of all rows.
        batch: the sequences.
        k: how many, at least 1.

    Returns:
        The states of the path of each rank (k, rows); and the paths' scores (k, N), -inf where there is no further one.

    Raises:
        ValueError: for k < 1.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    paths = np.zeros((k, batch.count), dtype=np.intp)
    values = np.empty((k, len(batch.order)), dtype=arcs.tables[-1].dtype)
    for tile in batch.tiles(max(1, (1 << 20) // (arcs.tables[-1].size * k))):
        passes = KBest(arcs, scores, k)
        done = passes.forward(tile)
        values[:, tile.order] = done.total
        for t, states in enumerate(passes.backtrack(done, copies=k)):
            paths[:, tile.rows(t)] = states.reshape(-1, k)[: tile.sizes[t]].T
    return paths, values


def in_a_row(lists: Array, axis: int) -> Array:
    """Lists (k, ...) of the alternatives along a (negative) axis as one, (alternatives x k, ...)."""
    lists = np.moveaxis(lists, (axis, 0), (0, 1))
    return lists.reshape(-1, *lists.shape[2:])


def _order(values: Array) -> Array:
    """The places from the largest to the smallest along the first axis; of equal ones the first come first."""
    return np.argsort(-values, axis=0, stable=True)
