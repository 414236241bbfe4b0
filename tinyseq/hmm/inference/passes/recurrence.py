"""The recurrence of the fast passes: sequences of different lengths, walked side by side, forward and back.

It is that of `tinyseq.hmm.inference.chain`, on raw arrays. What a weight is and how weights are joined, a subclass
says: `Scaled` works with probabilities, `LogSpace` with their logs, `Max` with the score of the best path, `KBest` with
lists of scores. Weights may have axes of their own, which come first; the shapes below leave them out.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.batching import Index, Ragged
from tinyseq.hmm.inference.passes.score_tables import Arcs, Scores


class Forward(NamedTuple):
    """What a forward pass found, column by column.

    Attributes:
        batch: the columns.
        total: (columns,), the sum over all paths, relative to the scale.
        log_scale: (columns,), the log of all that the messages were divided by.
        messages: the message after 0, 1, ... steps; or only the last of them.
        scales: what each step's message was divided by, or None.
        unsafe: (columns,), where probabilities came too close to the smallest number.
        ends: (R, V, columns), the weight of what lies behind the columns.
        skip: how many of the chain's steps lie before the columns.
    """

    batch: Ragged
    total: Array
    log_scale: Array
    messages: list[Array]
    scales: list[Array | None]
    unsafe: Array
    ends: Array
    skip: int


class Recurrence(ABC):
    """The forward pass of one chain and one set of emission scores.

    Args:
        arcs: the tables.
        scores: the emission scores.
    """

    own: tuple[int, ...] = ()  # the axes of a weight
    times: Callable[[Array, Array], Array] = staticmethod(np.add)  # a path and what it is extended by

    def __init__(self, arcs: Arcs, scores: Scores) -> None:
        self.arcs = arcs
        self.scores = scores
        self.shapes = [(*self.own, *table.shape[:2], -1) for table in arcs.tables]

    @abstractmethod
    def joined(self, weights: Array, axis: int) -> Array:
        """The sum of alternative paths along a (negative) axis."""

    def empty(self, columns: int) -> Array:
        """The weight of the empty path, (1, 1, columns)."""
        return np.zeros((1, 1, columns), dtype=self.arcs.tables[-1].dtype)

    def ends(self, columns: int) -> Array:
        """The weight of stopping in each state, (1, V, columns)."""
        return np.broadcast_to(self.arcs.end[:, None], (1, len(self.arcs.end), columns))

    @abstractmethod
    def extended(self, message: Array, number: int, rows: Index) -> Array:
        """A message after one more step: (H, R, columns) gives (R, V, columns).

        Args:
            message: what the steps before have left.
            number: which table the step has.
            rows: the rows that it reads, one for each column.
        """

    def rescaled(self, message: Array, t: int, rows: Index, log_scale: Array, unsafe: Array) -> Array | None:
        """Divide the message after step t, in place, so that it stays in the range of numbers; returns the divisor."""
        return None

    def unfolded(self, message: Array, number: int) -> Array:
        """The message (R, V, columns) that a step left, as a step with this table takes it: (H, R, columns)."""
        return message.reshape(self.shapes[number])

    def forward(
        self, batch: Ragged, keep: bool = True, start: Array | None = None, ends: Array | None = None
    ) -> Forward:
        """Sum the weights of all paths.

        Args:
            batch: the columns.
            keep: keep all messages, for a way back.
            start: (H, R, columns), the messages that what lies before the columns has left; by default they begin anew.
            ends: (R, V, columns), the weight of what lies behind each column; by default its end.
        """
        columns = size = len(batch.order)
        skip = 0 if start is None else self.arcs.order - 1  # the first steps, whose histories are short
        message = self.empty(columns) if start is None else start
        ends = self.ends(columns) if ends is None else ends
        total = np.empty((*self.own, columns), dtype=message.dtype)
        log_scale, unsafe = np.zeros(columns), np.zeros(columns, dtype=bool)
        messages, scales = [message], []
        for t, running in enumerate([*batch.sizes, 0]):
            if running < size:
                last = message[..., running:]
                last = self.times(last, ends[..., running:size]) if t else last
                total[..., running:size] = self.joined(last.reshape(*self.own, -1, size - running), -2)
            if not running:
                break
            if running < size:
                message, size = message[..., :running], running
            number, rows = self.arcs.which(t + skip), batch.rows(t)
            message = self.extended(self.unfolded(message, number), number, rows)
            scale = self.rescaled(message, t, rows, log_scale[:size], unsafe[:size])
            if keep:
                messages.append(message)
                scales.append(scale)
        return Forward(batch, total, log_scale, messages if keep else [message], scales, unsafe, ends, skip)


class SumOverPaths(Recurrence):
    """Its weights are probabilities or their logs: a backward pass gives posteriors and expected counts."""

    @abstractmethod
    def posterior(self, message: Array, behind: Array, weight: Array) -> Array:
        """The weighted probability of each history, (R, V, columns), given the message and what lies behind it.

        Args:
            message, behind: (R, V, columns).
            weight: how much each sequence counts, of these columns and further ones.
        """

    @abstractmethod
    def observed(self, behind: Array, rows: Index, scale: Array | None) -> Array:
        """What lies behind each history before its last observation, (R, V, columns); made in place.

        Args:
            behind: (R, V, columns), what lies behind it afterwards.
            rows: the rows of the observations.
            scale: what the message was divided by.
        """

    @abstractmethod
    def receded(self, before: Array, behind: Array, number: int, uses: Array | None, weight: Array) -> Array:
        """What lies behind each history one step earlier: (R, V, columns) gives (H, R, columns).

        Args:
            before: (H, R, columns), the message before the step.
            behind: (R, V, columns), what lies behind the step.
            number: which table the step has.
            uses: one number for each arc, to which its weighted expected uses are added; or None.
            weight: as for `posterior`.
        """

    def backward(
        self, done: Forward, weight: Array, states: Array | None, counts: list[Array] | None
    ) -> tuple[Array, Array]:
        """Add up posteriors.

        Args:
            done: the result of `forward`.
            weight: (columns,), how much each sequence counts.
            states: (rows, K), set to the weighted posterior of the state at each row; or None.
            counts: one array for each table, to which the weighted expected number of uses of each arc is added; or
                None.

        Returns:
            (V,), the weighted expected number of stops in each state; and (H, R, columns), in proportion to the
            probability of each whole column after each history.
        """
        batch, stops, ahead = done.batch, np.zeros(self.arcs.end.shape), np.zeros((1, 1, 0))
        for t in reversed(range(len(batch.sizes))):
            size, rows, still, message = batch.sizes[t], batch.rows(t), ahead.shape[-1], done.messages[t + 1]
            number = self.arcs.which(t + done.skip)
            behind = with_ends(ahead, done.ends, size, message.shape[:2])
            posterior = self.posterior(message, behind, weight)
            if still < size:
                stops += posterior[..., still:].sum(axis=(0, 2))
            if states is not None:
                states[rows] = (posterior[0] if len(posterior) == 1 else posterior.sum(axis=0)).T
            behind = self.observed(behind, rows, done.scales[t])
            before = self.unfolded(done.messages[t], number)[..., :size]
            ahead = self.receded(before, behind, number, counts and counts[number], weight)
        return stops, ahead


def with_ends(ahead: Array, ends: Array, size: int, histories: tuple[int, ...]) -> Array:
    """What lies behind each of ``size`` columns, (R, V, columns): those that end here have only the end behind them."""
    still = ahead.shape[-1]
    behind = ahead.reshape(*histories, still)
    if still == size:
        return behind
    return np.concatenate([behind, np.broadcast_to(ends[..., still:size], (*histories, size - still))], axis=2)


class PathsBack(Recurrence):
    """Its weights are logs: going back, paths are chosen state by state, without back-pointers.

    The messages are kept. The predecessors of a state are weighed again by the same additions that the forward pass
    made, so they are the same numbers.
    """

    paths = 1  # for each column

    @abstractmethod
    def choose(self, weights: Array, paths: slice) -> Array:
        """Choose one of several alternatives for each path, (paths,).

        Args:
            weights: (alternatives, paths); or (alternatives, columns), where the paths of a column have the same.
            paths: which ones they are.
        """

    def oldest(self, done: Forward, t: int, others: Array, newest: Array) -> Array:
        """Choose the oldest state of the histories of which all else is known.

        Args:
            done: the result of `forward`.
            t: the step into the newest state.
            others, newest: (paths,), the numbers of the other states, of the first paths.
        """
        table, message = self.arcs.tables[self.arcs.which(t)], self.unfolded(done.messages[t], self.arcs.which(t))
        first = slice(len(newest))
        before = message[:, 0, first] if table.shape[1] == 1 else message[:, others, np.arange(len(newest))]
        into = table.reshape(len(table), -1).take(others * table.shape[2] + newest, axis=1)
        return self.choose(before + into, first)

    def last(self, message: Array, found: Array, paths: slice) -> None:
        """Choose the last states, which a message (R, V, columns) tells apart, the newest first, into ``found``."""
        states, columns = message.shape[-2], np.arange(found.shape[1]) // self.paths
        for back in range(1, len(found) + 1):
            message = message.reshape(*self.own, -1, states, message.shape[-1])
            found[-back] = self.choose(self.joined(message, -3), paths)
            message, columns = message[..., found[-back], columns], np.arange(len(columns))

    def backtrack(self, done: Forward) -> Array:
        """Go back from the last states to the first.

        Args:
            done: the result of `forward`.

        Returns:
            The states (T, paths), the paths of a column next to each other; the padding is zero.
        """
        found = np.zeros((len(done.batch.sizes), len(done.batch.order) * self.paths), dtype=np.intp)
        history, size = self.arcs.order - 1, 0
        for t in reversed(range(len(found))):
            running = done.batch.sizes[t] * self.paths
            if running > size:  # a column that ends here chooses its last states; then all choose the state before
                ended = slice(size, running)
                last = done.messages[t + 1][..., size // self.paths : done.batch.sizes[t]] + self.arcs.end[:, None]
                self.last(last, found[max(t + 1 - history, 0) : t + 1, ended], ended)
                size = running
            if t >= history:
                others = np.zeros(size, dtype=np.intp)
                for then in found[t + 1 - history : t, :size]:
                    others = others * len(self.arcs.end) + then
                found[t - history, :size] = self.oldest(done, t, others, found[t, :size])
        return found
