"""Small algebras for the recurrence: log space, the best path, the k best, and sampled ones.

`LogSpace` is slower than `tinyseq.hmm.inference.passes.scaled`, but safe for any scores: a step is a log-sum-exp, so
that no term that matters underflows. In `Max`, ties go to the lowest state: of equally good paths, the one found has
the lowest last state, then the lowest state before it, and so on. In `KBest`, a step merges the lists of all
predecessors and keeps the best k; backtracking merges the lists of one state again, to see which paths they were.
"""

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.batching import Index
from tinyseq.hmm.inference.passes.recurrence import EACH, Forward, PathsBack, SumOverPaths
from tinyseq.hmm.inference.passes.score_tables import Arcs, Scores

CLOSE = 1 << 16  # difference of messages, in units of machine epsilon, below which they count as parallel
BUFFER = 1 << 17  # numbers added and compared at a time
FEW = 40  # up to this many states, comparing them all is faster than argmax


class LogSpace(SumOverPaths):
    """A message holds the log of the sum over all paths to each history, relative to the largest."""

    def joined(self, weights: Array) -> Array:
        """See `Recurrence`."""
        return log_sum(weights, 0)

    def rescaled(self, message: Array, t: int, rows: Index, log_scale: Array, unsafe: Array) -> Array:
        """See `Recurrence`; small numbers keep their precision."""
        scale, _ = self.rescale(message)
        log_scale += scale
        return scale

    def log_likelihood(self, done: Forward) -> Array:
        """The log-likelihood of each column."""
        return done.total + done.log_scale

    def posterior(self, message: Array, behind: Array, weight: Array) -> Array:
        """See `SumOverPaths`; also shifts the backward message so that the posteriors sum to one."""
        whole = message + behind
        norm = log_sum(whole.reshape(-1, whole.shape[-1]), 0)
        norm[norm == -np.inf] = 0.0
        behind -= norm
        return np.exp(whole - norm) * weight[: whole.shape[-1]]

    def receded(self, before: Array, behind: Array, number: int, uses: Array | None, weight: Array) -> Array:
        """See `SumOverPaths`."""
        columns = behind.shape[-1]
        paths = self.arcs.by_column(number, columns) + behind
        if uses is not None and uses.ndim == 4:
            uses[..., :columns] += np.exp(before[:, :, None] + paths) * weight[:columns]
        elif uses is not None:
            uses += np.exp(before[:, :, None] + paths) @ weight[:columns]
        return log_sum(paths, 2)


class Max(PathsBack):
    """A message holds the score of the best path to each history."""

    def joined(self, weights: Array) -> Array:
        """See `Recurrence`."""
        return weights.max(axis=0)

    def moved(self, message: Array, number: int) -> Array:
        """See `Recurrence`; some new states at a time, so that their paths stay in the cache."""
        table = self.arcs.by_column(number, message.shape[-1])
        (oldest, others, states), size = table.shape[:3], message.shape[-1]
        if size == 1 and table.size <= BUFFER:
            return np.add(message, table[..., 0]).max(axis=0)[..., None]
        out = np.empty((others, states, size), dtype=message.dtype)
        some = max(1, min(states, BUFFER // (oldest * size)))  # new states at a time
        buffer = np.empty((oldest, some, size), dtype=message.dtype)
        for r in range(others):
            for v in range(0, states, some):
                paths = buffer[:, : min(some, states - v)]
                np.add(message[:, r, None], table[:, r, v : v + some], out=paths)
                np.maximum.reduce(paths, axis=0, out=out[r, v : v + some])
        return out

    def parallel(self, one: Array, other: Array) -> Array:
        """Which messages are equal up to a constant and rounding, (columns,); -inf must be in the same places."""
        with np.errstate(invalid="ignore"):  # inf - inf, for entries that are impossible in both, is left out
            apart = one - other
            spread = np.fmax.reduce(apart, axis=(0, 1)) - np.fmin.reduce(apart, axis=(0, 1))
        return spread <= CLOSE * np.finfo(one.dtype).eps

    def choose(self, weights: Array, paths: slice, which: Array | slice = EACH) -> Array:
        """See `PathsBack`."""
        return lowest_best(weights)[which]


class KBest(PathsBack):
    """The k-best algebra, for one forward pass.

    Args:
        arcs: the tables.
        scores: the emission scores.
        k: the length of the lists.
    """

    def __init__(self, arcs: Arcs, scores: Scores, k: int) -> None:
        self.own, self.paths, self.one = (k,), k, (0.0, *(-np.inf,) * (k - 1))
        super().__init__(arcs, scores)

    def joined(self, weights: Array) -> Array:
        """See `Recurrence`."""
        k = self.paths
        if weights.shape[1] > k:  # only lists with the best heads can reach the first k places
            heads = np.argpartition(-weights[0], k - 1, axis=0)[None, :k]
            weights = np.take_along_axis(weights, heads, axis=1)
        return -np.sort(-_in_a_row(weights), axis=0)[:k]

    def choose(self, weights: Array, paths: slice, which: Array | slice = EACH) -> Array:
        """See `PathsBack`; a path's rank becomes that in the list of the state chosen."""
        order = np.argsort(-_in_a_row(weights), axis=0, stable=True)  # ties keep their order
        columns = np.arange(order.shape[1])[which]
        chosen, self.ranks[paths] = np.divmod(order[self.ranks[paths], columns], self.paths)
        return chosen


class Sampling(LogSpace, PathsBack):
    """Weights as in `LogSpace`; backtracking draws each state in proportion to the weight of all paths to it.

    Args:
        arcs: the tables.
        scores: the emission scores.
        count: the number of paths for each sequence.
        rng: the random number generator.
    """

    def __init__(self, arcs: Arcs, scores: Scores, count: int, rng: np.random.Generator) -> None:
        super().__init__(arcs, scores)
        self.paths, self.rng = count, rng

    def choose(self, weights: Array, paths: slice, which: Array | slice = EACH) -> Array:
        """See `PathsBack`; the largest of log weight + Gumbel noise is a draw in proportion to the weights."""
        weights = weights[:, which]
        return np.argmax(weights + self.rng.gumbel(size=weights.shape), axis=0)


def log_sum(x: Array, axis: int) -> Array:
    """log(sum(exp(x))) along an axis; -inf where all is -inf."""
    top = x.max(axis=axis, keepdims=True)
    top[top == -np.inf] = 0.0
    with np.errstate(divide="ignore"):
        return np.log(np.exp(x - top).sum(axis=axis)) + np.squeeze(top, axis=axis)


def lowest_best(scores: Array) -> Array:
    """``np.argmax(scores, axis=0)``, without branches for few states, as these are mispredicted half of the time."""
    if len(scores) > FEW:
        return scores.argmax(axis=0)
    rank = np.arange(len(scores) - 1, -1, -1, dtype=np.uint8)  # the lowest state has the highest rank
    ranked = (scores == scores.max(axis=0)) * rank[:, None]  # all 0 for NaN, which is the rank of the last state
    return (rank[0] - ranked.max(axis=0)).astype(np.intp)


def _in_a_row(lists: Array) -> Array:
    """Flatten lists (k, alternatives, ...) into one, (alternatives x k, ...)."""
    return lists.swapaxes(0, 1).reshape(-1, *lists.shape[2:])
