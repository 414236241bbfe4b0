"""Forward and backward in probabilities: matrix products, guarded against underflow.

Probabilities are relative to the largest of their table or row, whose log is added to the scale. Let f be the smallest
positive factor by which a step can multiply an entry; the largest is K, the number of states summed over. As long as
f^r stays above 1e-70 and K^r below 1e70, r steps can neither underflow nor overflow, so nothing is checked for r steps.
Then each message is divided by its largest entry, and its smallest positive entry is checked: if it is too small to
guarantee the next r steps, the sequence is marked unsafe and computed in log space, see
`LogSpace`. An arc whose probability is positive but underflows to zero here is *lost*;
a sequence is also unsafe if all paths with lost arcs together could contribute. So no possible path is ever missed,
and zeros stay exact zeros.

Where every state leads to every other (the chain *mixes*), much less can go wrong. The future is then about equally
probable after any history, up to a factor R that the transitions bound. So an entry that is 1e-130 times the largest
of its message can never matter again, and may become zero: observations that are practically impossible in all states
but one need no log space. Only the largest entry must stay in range. At each step the state that explains the
observation best can be entered, so the largest entry shrinks by no more than the smallest transition.
"""

import math

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.batching import Index, Ragged
from tinyseq.hmm.inference.passes.recurrence import Forward, SumOverPaths
from tinyseq.hmm.inference.passes.score_tables import Arcs, Scores

SPREAD = 1e70  # how far numbers may grow or shrink between checks
CLOSE = 1e-12  # relative difference below which messages count as parallel
SINGLE_THREADED = 1 << 18  # multiplications that BLAS does in one thread
NEGLIGIBLE = 45.0  # a term this many nats below the total does not change its digits
FEEBLE = 1e-100  # lower bound of the largest entry of a message, if the chain mixes
MIXED = 1e60  # a chain mixes if its R is at most this
LEAST = 1e-200  # no positive entry of a message is smaller; so what is ahead of it is below K x SPREAD / LEAST


class Scaled(SumOverPaths):
    """A message holds the probabilities of all paths to each history, relative to a scale.

    Args:
        arcs: the tables.
        scores: the emission scores.

    Attributes:
        lost: the log of the largest arc probability that underflowed to zero, relative to the largest of its table;
            -inf if there is none.
        mixes: whether entries of a message that underflow can be ignored.
    """

    one = 1.0
    times = np.multiply
    over = np.divide

    def __init__(self, arcs: Arcs, scores: Scores) -> None:
        super().__init__(arcs, scores)
        logs = [*arcs.tables, arcs.end[None, :, None]]
        *self.tops, self.end_top = tops = [_largest(table) for table in logs]
        *self.tables, end = weights = [np.exp(table - top) for table, top in zip(logs, tops, strict=True)]
        self.end, self.emitted = end[0, :, 0], scores.weights
        self.has_zeros = any((table == 0).any() for table in self.tables)
        self.lost = max(_largest_lost(*each) for each in zip(logs, tops, weights, strict=True))
        self.mixes = (arcs.n - 1) * max(map(_preference, logs[:-1])) + _preference(logs[-1]) < np.log(MIXED)
        smallest = min(map(_smallest, self.tables)) * (1.0 if self.mixes else scores.table.smallest)
        factor = min(smallest, _smallest(end))
        change = max(1 / factor if factor else np.inf, self.end.shape[0], 1 + 1e-9)
        self.every = max(1, int(np.log(SPREAD) / np.log(change)))
        reach = factor**self.every
        self.safe = LEAST / reach if reach > LEAST else np.inf

    def joined(self, weights: Array) -> Array:
        """See `Recurrence`."""
        return weights.sum(axis=0)

    def moved(self, message: Array, number: int) -> Array:
        """See `Recurrence`."""
        return product(self.tables[number].transpose(1, 2, 0), message.transpose(1, 0, 2))

    def forward(
        self, batch: Ragged, keep: bool = True, start: Array | None = None, ends: Array | None = None
    ) -> Forward:
        """See `Recurrence`; without ``ends``, also completes the scale and marks unsafe columns."""
        done = super().forward(batch, keep, start, ends)
        tops = [self.tops[self.arcs.which(t + done.skip)] for t in range(len(batch.sizes))]
        done.log_scale[...] += np.cumsum([0.0, *tops])[batch.lengths]
        if ends is None:
            done.log_scale[batch.lengths > 0] += self.end_top
        if self.mixes:
            done.unsafe[done.total < FEEBLE] = True
        if self.lost > -np.inf:
            done.unsafe[self.log_likelihood(done) < self._bound_of_the_lost(batch) + NEGLIGIBLE] = True
        return done

    def log_likelihood(self, done: Forward) -> Array:
        """The log-likelihood of each column."""
        with np.errstate(divide="ignore"):
            return np.log(done.total) + done.log_scale

    def _bound_of_the_lost(self, batch: Ragged) -> Array:
        """An upper bound of the log of the sum over all paths with lost arcs, (columns,)."""
        bound = batch.lengths * np.log(self.end.shape[0]) + self.lost + self.end_top
        for t, size in enumerate(batch.sizes):
            bound[:size] += self.scores.tops(batch.rows(t)) + self.tops[self.arcs.which(t)]
        return bound

    def rescaled(self, message: Array, t: int, rows: Index, log_scale: Array, unsafe: Array) -> Array | None:
        """See `Recurrence`."""
        log_scale += self.scores.tops(rows)
        if (t + 1) % self.every:
            return None
        scale, risky = self.rescale(message)
        log_scale += np.log(scale)
        unsafe |= risky
        return scale

    def rescale(self, message: Array) -> tuple[Array, Array]:
        """See `Recurrence`."""
        largest = message.max(axis=(0, 1))
        feeble = largest < FEEBLE
        largest[largest == 0] = 1.0
        message /= largest
        if self.mixes:
            return largest, feeble
        return largest, np.where(message > 0, message, 1.0).min(axis=(0, 1)) < self.safe

    def parallel(self, one: Array, other: Array, where: Array | bool = True) -> Array:
        """Which messages have the same direction, to 1e-12, wherever that matters, (columns,)."""
        tops = [np.max(message, axis=(0, 1), where=where, initial=0.0) for message in (one, other)]
        with np.errstate(invalid="ignore"):  # 0 / 0, in messages without any weight
            one, other = one / tops[0], other / tops[1]
        close = np.abs(one - other) <= CLOSE * one + (FEEBLE if self.mixes else 0.0)
        return np.all(close, axis=(0, 1), where=where) & (tops[0] > 0) & (tops[1] > 0)

    def backward(
        self, done: Forward, weight: Array, states: Array | None, counts: list[Array] | None
    ) -> tuple[Array, Array]:
        """See `SumOverPaths`; backward messages are divided by the total: times a forward message, the posterior."""
        share = np.where(done.total > 0, weight, 0.0) / np.where(done.total > 0, done.total, 1.0)
        uses = None if counts is None else [np.zeros(table.transpose(1, 0, 2).shape) for table in self.tables]
        found = super().backward(done._replace(ends=done.ends * share), weight, states, uses)
        for count, table, used in zip(counts or (), self.tables, uses or (), strict=counts is not None):
            count += table * used.transpose(1, 0, 2)
        return found

    def posterior(self, message: Array, behind: Array, weight: Array) -> Array:
        """See `SumOverPaths`."""
        return message * behind

    def receded(self, before: Array, behind: Array, number: int, uses: Array | None, weight: Array) -> Array:
        """See `SumOverPaths`; ``uses`` are (R, H, V), not yet multiplied by the table."""
        ahead = product(self.tables[number].transpose(1, 0, 2), behind).transpose(1, 0, 2)
        if uses is not None:
            uses += product(before.transpose(1, 0, 2), behind.transpose(0, 2, 1))
        # The entry of an impossible history could otherwise grow without bound.
        return np.where(before > 0, ahead, 0.0) if self.has_zeros else ahead


def product(a: Array, b: Array) -> Array:
    """Matrix products (R, M, H) @ (R, H, N); medium-sized ones in pieces that BLAS computes in one thread.

    BLAS would split them among threads, which wait for each other at every product. That is faster on idle processors,
    but where other processes compete for them, every product waits for the slowest thread.
    """
    inner = a.shape[2]
    if not SINGLE_THREADED < a.shape[1] * inner * b.shape[2] <= 32 * SINGLE_THREADED:
        return np.matmul(a, b)
    out = np.empty((len(a), a.shape[1], b.shape[2]))
    rows = max(1, min(a.shape[1], math.isqrt(SINGLE_THREADED // inner)))  # square pieces read least per result
    columns = max(1, SINGLE_THREADED // (rows * inner))
    for i in range(0, a.shape[1], rows):
        for j in range(0, b.shape[2], columns):
            np.matmul(a[:, i : i + rows], b[..., j : j + columns], out=out[:, i : i + rows, j : j + columns])
    return out


def _largest(table: Array) -> float:
    """The largest entry, or 0 where all are -inf."""
    top = float(np.max(table, initial=-np.inf))
    return top if top > -np.inf else 0.0


def _largest_lost(logs: Array, top: float, weights: Array) -> float:
    """The largest finite log, relative to ``top``, whose weight underflowed to zero; -inf if there is none."""
    return float(np.max(logs - top, where=(weights == 0) & (logs > -np.inf), initial=-np.inf))


def _preference(logs: Array) -> float:
    """The log of the largest ratio of the probabilities of a next state after two different histories."""
    with np.errstate(invalid="ignore"):  # -inf + inf, for a state that no history leads to, is left out
        return float(np.fmax.reduce(logs.max(axis=(0, 1)) - logs.min(axis=(0, 1)), initial=0.0))


def _smallest(weights: Array) -> float:
    """The smallest positive entry, at most 1."""
    return float(np.min(weights, where=weights > 0, initial=1.0))
