"""The k best paths: Viterbi on lists.

For each history, a message holds the scores of the k best paths to it in descending order: (k, H, R, B). A step merges
the lists of all predecessors and keeps the best k; the indices of those kept, among H x k, are stored for backtracking.
"""

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.batching import Index, Ragged
from tinyseq.hmm.inference.passes.recurrence import Forward, PathsBack
from tinyseq.hmm.inference.passes.score_tables import Arcs, Scores


class KBest(PathsBack):
    """The k-best algebra, for one forward pass.

    Args:
        arcs: the tables.
        scores: the emission scores.
        k: the length of the lists.
    """

    def __init__(self, arcs: Arcs, scores: Scores, k: int) -> None:
        self.own, self.paths = (k,), k
        super().__init__(arcs, scores)
        self.kept: list[Array] = []  # per step, the indices kept, (k, R, V, columns)
        self.ranks = np.zeros(0, dtype=np.intp)  # rank of each path in its history's list
        self.columns = np.zeros(0, dtype=np.intp)  # column of each path

    def empty(self, columns: int) -> Array:
        """See `Recurrence`."""
        self.kept, self.ranks = [], np.tile(np.arange(self.paths), columns)
        self.columns = np.repeat(np.arange(columns), self.paths)
        message = np.full((self.paths, 1, 1, columns), -np.inf, dtype=self.arcs.tables[-1].dtype)
        message[0] = 0.0
        return message

    def joined(self, weights: Array, axis: int) -> Array:
        """See `Recurrence`."""
        return -np.sort(-_in_a_row(weights), axis=0)[: self.paths]

    def extended(self, message: Array, number: int, rows: Index) -> Array:
        """See `Recurrence`."""
        table = self.arcs.tables[number]
        paths = message.swapaxes(0, 1)[:, :, :, None] + table[:, None, ..., None]
        after = (self.paths, *paths.shape[2:])
        paths = paths.reshape(len(table) * self.paths, -1)
        kept = _order(paths)[: self.paths]
        self.kept.append(kept.reshape(after))
        return paths[kept, np.arange(paths.shape[1])].reshape(after) + self.scores.logs(rows)

    def choose(self, weights: Array, paths: slice) -> Array:
        """See `PathsBack`."""
        order, ranks = _order(_in_a_row(weights)), self.ranks[paths]
        columns = np.arange(len(ranks)) // (len(ranks) // order.shape[1])
        chosen, self.ranks[paths] = np.divmod(order[ranks, columns], self.paths)
        return chosen

    def oldest(self, done: Forward, t: int, others: Array, newest: Array) -> Array:
        """See `PathsBack`."""
        size = len(newest)
        kept = self.kept[t][self.ranks[:size], others, newest, self.columns[:size]]
        chosen, self.ranks[:size] = np.divmod(kept, self.paths)
        return chosen


def best_lists(arcs: Arcs, scores: Scores, batch: Ragged, k: int) -> tuple[Array, Array]:
    """The k best paths of each sequence.

    Args:
        arcs: the tables.
        scores: the emission scores of all rows.
        batch: the sequences.
        k: the number of paths, at least 1.

    Returns:
        The states of the path of each rank (k, rows); and the scores of the paths (k, N), -inf where there are fewer
        than k.

    Raises:
        ValueError: for k < 1.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    paths = np.zeros((k, batch.count), dtype=np.intp)
    values = np.empty((k, len(batch.order)), dtype=arcs.tables[-1].dtype)
    for tile in batch.tiles(max(1, (1 << 20) // (arcs.tables[-1].size * k))):
        KBest(arcs, scores, k).decode(tile, paths, values)
    return paths, values


def _in_a_row(lists: Array) -> Array:
    """Flatten lists (k, alternatives, ...) into one, (alternatives x k, ...)."""
    return lists.swapaxes(0, 1).reshape(-1, *lists.shape[2:])


def _order(values: Array) -> Array:
    """The indices that sort the first axis in descending order; ties keep their order."""
    return np.argsort(-values, axis=0, stable=True)
