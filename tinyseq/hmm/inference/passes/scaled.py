"""Forward and backward in probabilities: matrix products, with an eye on underflow.

Probabilities are taken relative to the largest of their table or row; what was divided out is counted in logs. Let f be
the smallest positive factor that a step can bring; the largest is K, the number of states summed over. As long as f^r
stays above 1e-70 and K^r below 1e70, r steps can neither underflow nor overflow, so for r steps nothing is checked.
Then each message is divided by its largest entry, and its smallest positive entry is looked at: if that is too small to
promise as much for the next r steps, the sequence is marked unsafe and computed in logs, see
`tinyseq.hmm.inference.passes.log_space`. An arc whose probability is possible, but so small that it has become zero
here, is lost; a sequence is unsafe, too, if all paths with lost arcs together could matter. So no possible path is
ever missed, and zeros stay exact zeros.

Where every state leads to every other (the chain *mixes*), much less can go wrong. What lies ahead is then about as
probable after one history as after any other, up to a factor R that the transitions bound. So an entry of a message
that is 1e-130 times the largest one can never matter again, and may become zero: observations that are impossible in
all states but one, in practice, need no logs. Only the largest entry must stay in reach of numbers. At each step the
state that explains the observation best can be entered, so it shrinks by no more than the smallest transition.
"""

import math

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.batching import Index, Ragged
from tinyseq.hmm.inference.passes.score_tables import Arcs, Forward, Scores

SPREAD = 1e70  # by how much numbers may grow or shrink until they are looked at
ALONE = 1 << 18  # multiplications that BLAS does in one thread
NOTHING = 45.0  # nats below the whole that make no difference to any digit
FEEBLE = 1e-100  # the largest entry of a message of a chain that mixes is above it
MIXED = 1e60  # up to this R a chain counts as one that mixes
LEAST = 1e-200  # no positive entry of a message is smaller; so what is ahead of it is below K x SPREAD / LEAST


class Scaled:
    """The passes for one chain and one set of emission scores.

    Args:
        arcs: the tables.
        scores: the emission scores.

    Attributes:
        lost: the log of the largest probability of an arc that has become zero, relative to its table's largest; -inf
            if there is none.
        mixes: whether no entry of a message matters that is too small for a number, if the largest is not.
    """

    def __init__(self, arcs: Arcs, scores: Scores) -> None:
        self.arcs = arcs
        self.scores = scores
        self.tops = [_largest(table) for table in arcs.tables]
        self.tables = [np.exp(table - top) for table, top in zip(arcs.tables, self.tops, strict=True)]
        self.end_top = _largest(arcs.end)
        self.end = np.exp(arcs.end - self.end_top)
        self.has_zeros = any((table == 0).any() for table in self.tables)
        pairs = zip((*arcs.tables, arcs.end), (*self.tops, self.end_top), (*self.tables, self.end), strict=True)
        self.lost = max(_largest_lost(logs - top, weights) for logs, top, weights in pairs)
        preference = (arcs.order - 1) * max(map(_preference, self.tables)) + _preference(self.end[None, :, None])
        self.mixes = preference < np.log(MIXED)
        factor = min(*map(_smallest, self.tables), _smallest(self.end))
        if not self.mixes:
            factor = min(min(map(_smallest, self.tables)) * scores.smallest, _smallest(self.end))
        change = max(1 / factor if factor else np.inf, self.end.shape[0], 1 + 1e-9)
        self.every = max(1, int(np.log(SPREAD) / np.log(change)))
        reach = factor**self.every
        self.safe = LEAST / reach if reach > LEAST else np.inf

    def forward(
        self, batch: Ragged, keep: bool = False, start: Array | None = None, ends: Array | None = None
    ) -> Forward:
        """Sum the probabilities of all paths.

        Args:
            batch: the columns.
            keep: keep what `backward` needs.
            start: (H, R, columns), the messages that what lies before the columns has left; by default they begin anew.
            ends: (R, V, columns), the probability of what lies behind each column; by default its end.
        """
        size = len(batch.order)
        skip = 0 if start is None else self.arcs.order - 1  # the first steps, whose histories are short
        message = np.ones((1, 1, size)) if start is None else start
        log_end = self.end_top if ends is None else 0.0
        ends = np.broadcast_to(self.end[:, None], (1, len(self.end), size)) if ends is None else ends
        total, log_scale, unsafe = np.ones(size), np.zeros(size), np.zeros(size, dtype=bool)
        messages, scales, shift = [message], [], 0.0
        for t, running in enumerate([*batch.sizes, 0]):
            if running < size:
                if t:
                    total[running:size] = np.sum(message[..., running:] * ends[..., running:size], axis=(0, 1))
                    log_scale[running:size] += shift + log_end
                size = running
            if not running:
                break
            number, rows = self.arcs.which(t + skip), batch.rows(t)
            message = self.extended(message, number, rows)
            log_scale[:size] += self.scores.tops(rows)
            shift += self.tops[number]
            scale = None
            if (t + 1) % self.every == 0:
                scale, risky = self.rescale(message)
                log_scale[:size] += np.log(scale)
                unsafe[:size] |= risky
            if keep:
                messages.append(message)
                scales.append(scale)
        if not keep:
            messages = [message]
        with np.errstate(divide="ignore"):
            log_likelihood = np.log(total) + log_scale
        if self.mixes:
            unsafe |= total < FEEBLE
        if self.lost > -np.inf:
            unsafe |= log_likelihood < self._bound_of_the_lost(batch) + NOTHING
        return Forward(batch, log_likelihood, total, messages, scales, unsafe, ends, skip)

    def _bound_of_the_lost(self, batch: Ragged) -> Array:
        """What the log of the sum over all paths with lost arcs cannot exceed, (columns,)."""
        bound = batch.lengths * np.log(self.end.shape[0]) + self.lost + self.end_top
        for t, size in enumerate(batch.sizes):
            bound[:size] += self.scores.tops(batch.rows(t)) + self.tops[self.arcs.which(t)]
        return bound

    def extended(self, message: Array, number: int, rows: Index) -> Array:
        """A message after one more step, (R, V, columns).

        Args:
            message: what the steps before have left.
            number: which table the step has.
            rows: the rows that it reads, one for each column that still runs.
        """
        weights, table = self.scores.weights(rows), self.tables[number]
        message = message.reshape(*table.shape[:2], -1)[..., : weights.shape[1]]
        message = product(table.transpose(1, 2, 0), message.transpose(1, 0, 2))
        message *= weights
        return message

    def rescale(self, message: Array) -> tuple[Array, Array]:
        """Divide by each sequence's largest entry; what it was, and whether others are too small to go on."""
        largest = message.max(axis=(0, 1))
        feeble = largest < FEEBLE
        largest[largest == 0] = 1.0
        message /= largest
        if self.mixes:
            return largest, feeble
        return largest, np.where(message > 0, message, 1.0).min(axis=(0, 1)) < self.safe

    def backward(
        self, done: Forward, weight: Array, states: Array | None, counts: list[Array] | None
    ) -> tuple[Array, Array]:
        """Add up posteriors.

        Args:
            done: the result of `forward` with ``keep=True``.
            weight: (columns,), how much each sequence counts.
            states: (rows, K), set to the weighted posterior of the state at each row; or None.
            counts: one array for each table, to which the weighted expected number of uses of each arc is added; or
                None.

        Returns:
            (V,), the weighted expected number of stops in each state; and (H, R, columns), in proportion to the
            probability of each whole column after each history.
        """
        batch, total, messages = done.batch, done.total, done.messages
        share = np.where(total > 0, weight, 0.0) / np.where(total > 0, total, 1.0)
        stops = np.zeros(self.end.shape)
        pairs = [np.zeros((table.shape[1], table.shape[0], table.shape[2])) for table in self.tables]
        ahead = np.ones((1, 1, 0))
        for t in reversed(range(len(batch.sizes))):
            size, number = batch.sizes[t], self.arcs.which(t + done.skip)
            table, message, scale, rows = self.tables[number], messages[t + 1], done.scales[t], batch.rows(t)
            # The probability of all that is ahead of each history, over the total; so times the message it is the
            # posterior. A column that ends here has only the end ahead.
            still = ahead.shape[-1]
            block = ahead.reshape(*message.shape[:2], still)
            if still < size:
                ends = np.broadcast_to(
                    done.ends[..., still:size] * share[still:size], (*message.shape[:2], size - still)
                )
                stops += (message[..., still:] * ends).sum(axis=(0, 2))
                block = np.concatenate([block, ends], axis=2)
            if states is not None:
                posterior = message * block
                states[rows] = (posterior[0] if len(posterior) == 1 else posterior.sum(axis=0)).T
            block *= self.scores.weights(rows)
            if scale is not None:
                block /= scale
            before = messages[t].reshape(*table.shape[:2], -1)[..., :size]
            ahead = product(table.transpose(1, 0, 2), block).transpose(1, 0, 2)
            if counts is not None:
                pairs[number] += product(before.transpose(1, 0, 2), block.transpose(0, 2, 1))
            if self.has_zeros:  # a history that cannot occur could otherwise grow beyond all bounds
                ahead = np.where(before > 0, ahead, 0.0)
        for count, table, uses in zip(counts or (), self.tables, pairs, strict=counts is not None):
            count += table * uses.transpose(1, 0, 2)
        return stops, ahead

    def ahead(self, batch: Ragged, ends: Array) -> Array:
        """The probability of each whole column after each history, (H, R, columns), relative to the largest.

        Args:
            batch: the columns, all with full histories before them.
            ends: (R, V, columns), the probability of what lies behind each column.
        """
        table = self.tables[-1]
        ahead = ends[..., :0]
        for t in reversed(range(len(batch.sizes))):
            size, still = batch.sizes[t], ahead.shape[-1]
            block = np.concatenate([ahead.reshape(*ends.shape[:2], still), ends[..., still:size]], axis=2)
            block *= self.scores.weights(batch.rows(t))
            ahead = product(table.transpose(1, 0, 2), block).transpose(1, 0, 2)
            if t % self.every == 0:
                self.rescale(ahead)
        return ahead


def product(a: Array, b: Array) -> Array:
    """Matrix products (R, M, H) @ (R, H, N), those of middle size in pieces that BLAS does in one thread.

    It would share them out, and its threads wait for each other at every product. On idle processors that is faster;
    but where other processes want them, a product then takes as long as the system lets a process wait.
    """
    inner = a.shape[2]
    if not ALONE < a.shape[1] * inner * b.shape[2] <= 32 * ALONE:
        return np.matmul(a, b)
    out = np.empty((len(a), a.shape[1], b.shape[2]))
    rows = max(1, min(a.shape[1], math.isqrt(ALONE // inner)))  # square pieces read least for what they compute
    columns = max(1, ALONE // (rows * inner))
    for i in range(0, a.shape[1], rows):
        for j in range(0, b.shape[2], columns):
            np.matmul(a[:, i : i + rows], b[..., j : j + columns], out=out[:, i : i + rows, j : j + columns])
    return out


def _largest(table: Array) -> float:
    """The largest entry, or 0 where all are -inf."""
    top = float(np.max(table, initial=-np.inf))
    return top if top > -np.inf else 0.0


def _largest_lost(logs: Array, weights: Array) -> float:
    """The largest of the logs that are possible, but whose weight has become zero; -inf if there are none."""
    return float(np.max(logs, where=(weights == 0) & (logs > -np.inf), initial=-np.inf))


def _preference(table: Array) -> float:
    """The log of how many times as probable a next state can be after one history as after another, at most."""
    largest, least = table.max(axis=(0, 1)), table.min(axis=(0, 1))
    with np.errstate(divide="ignore"):
        ratios = np.log(np.where(largest > 0, largest, 1.0)) - np.log(np.where(largest > 0, least, 1.0))
    return float(ratios.max())


def _smallest(weights: Array) -> float:
    """The smallest positive entry, at most 1."""
    return float(np.min(weights, where=weights > 0, initial=1.0))
