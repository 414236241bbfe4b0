"""The k best paths: Viterbi on lists.

For each history, a message holds the scores of the k best paths to it in descending order: (k, H, R, B). A step merges
the lists of all predecessors and keeps the best k. Backtracking merges the lists of one state again, to see which paths
they were.
"""

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.batching import Ragged
from tinyseq.hmm.inference.passes.recurrence import PathsBack, decode
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
        self.ranks = np.zeros(0, dtype=np.intp)  # rank of each path in its history's list

    def empty(self, columns: int) -> Array:
        """See `Recurrence`."""
        self.ranks = np.tile(np.arange(self.paths), columns)
        message = np.full((self.paths, 1, 1, columns), -np.inf, dtype=self.arcs.tables[-1].dtype)
        message[0] = 0.0
        return message

    def joined(self, weights: Array) -> Array:
        """See `Recurrence`."""
        return -np.sort(-_in_a_row(weights), axis=0)[: self.paths]

    def choose(self, weights: Array, paths: slice) -> Array:
        """See `PathsBack`."""
        order = np.argsort(-_in_a_row(weights), axis=0, stable=True)  # ties keep their order
        ranks = self.ranks[paths]
        chosen, self.ranks[paths] = np.divmod(order[ranks, np.arange(len(ranks))], self.paths)
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
    width = max(1, (1 << 20) // (arcs.tables[-1].size * k))
    return decode(lambda part: KBest(part, scores, k), arcs, batch, len(batch.order), width)


def _in_a_row(lists: Array) -> Array:
    """Flatten lists (k, alternatives, ...) into one, (alternatives x k, ...)."""
    return lists.swapaxes(0, 1).reshape(-1, *lists.shape[2:])
