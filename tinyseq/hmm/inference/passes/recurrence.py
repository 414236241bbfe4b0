"""The recurrence of the fast passes, forward and backward, on batches of sequences of different lengths.

It is that of `tinyseq.hmm.inference.chain`, on raw arrays. A subclass defines what a weight is and how weights are
combined: `Scaled` uses probabilities, `LogSpace` their logs, `Max` the score of the best path, `KBest` lists of scores.
Weights may have extra leading axes, which the shapes below leave out. The *backward message* is the weight of all that
follows: the rest of the sequence and its end.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from typing import NamedTuple

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.batching import Index, Ragged
from tinyseq.hmm.inference.passes.score_tables import Arcs, Scores

EACH = slice(None)  # each path has a column of its own


class Forward(NamedTuple):
    """The result of a forward pass, by column.

    Attributes:
        batch: the columns.
        total: (columns,), the sum over all paths, relative to the scale.
        log_scale: (columns,), the log of the product of all scale factors.
        messages: the messages after 0, 1, ... steps; or only the last one.
        scales: the factor by which each step's message was divided, or None.
        unsafe: (columns,), where probabilities came too close to underflow.
        ends: (R, V, columns), the backward message at the end of the columns.
        skip: how many steps of the chain come before the columns.
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
    """The forward pass of one chain and one set of emission scores. Weights are logs, unless a subclass says otherwise.

    Args:
        arcs: the tables.
        scores: the emission scores.

    Attributes:
        end: (V,), the weight of stopping in each state.
        emitted: gives the weights of the observations in each state, (V, rows).
    """

    own: tuple[int, ...] = ()  # the axes of a weight
    one: float | tuple[float, ...] = 0.0  # the weight of the empty path
    times: np.ufunc = np.add  # extend a path
    over: np.ufunc = np.subtract  # its inverse

    def __init__(self, arcs: Arcs, scores: Scores) -> None:
        self.arcs, self.scores, self.end, self.emitted = arcs, scores, arcs.end, scores.logs
        self.shapes = [(*self.own, *table.shape[:2], -1) for table in arcs.tables]

    @abstractmethod
    def joined(self, weights: Array) -> Array:
        """The sum over alternative paths, along the first axis after ``own``."""

    def empty(self, columns: int) -> Array:
        """The weight of the empty path, (1, 1, columns)."""
        one = np.reshape(self.one, (*self.own, 1, 1, 1)).astype(self.arcs.tables[-1].dtype)
        return np.repeat(one, columns, axis=-1)

    def moved(self, message: Array, number: int) -> Array:
        """The message after one more state: (H, R, columns) to (R, V, columns)."""
        return self.joined(message[..., None, :] + self.arcs.by_column(number, message.shape[-1]))

    def extended(self, message: Array, number: int, rows: Index) -> Array:
        """The message after one more step, a state and its observation: (H, R, columns) to (R, V, columns).

        Args:
            message: the message before the step.
            number: the number of the step's table.
            rows: the rows that it reads, one for each column.
        """
        after = self.moved(message, number)
        self.times(after, self.emitted(rows), out=after)
        return after

    def rescaled(self, message: Array, t: int, rows: Index, log_scale: Array, unsafe: Array) -> Array | None:
        """Rescale the message after step t in place, so that it stays in range; returns the divisor."""
        return None

    def rescale(self, message: Array) -> tuple[Array, Array]:
        """Divide by each column's largest entry, in place; returns it, and whether other entries are too small."""
        largest = message.max(axis=(0, 1))
        largest[largest == -np.inf] = 0.0
        message -= largest
        return largest, np.zeros(len(largest), dtype=bool)

    def unfolded(self, message: Array, number: int) -> Array:
        """Reshape the message of one step, (R, V, columns), to the input of the next, (H, R, columns)."""
        return message.reshape(self.shapes[number])

    def forward(
        self, batch: Ragged, keep: bool = True, start: Array | None = None, ends: Array | None = None
    ) -> Forward:
        """Sum the weights of all paths.

        Args:
            batch: the columns.
            keep: keep all messages, for a backward pass.
            start: (H, R, columns), the messages before the first step; by default the start of a sequence.
            ends: (R, V, columns), the backward message at the end of each column; by default the end of a sequence.
        """
        columns = size = len(batch.order)
        skip = 0 if start is None else self.arcs.n - 1  # the first steps, whose histories are short
        message = self.empty(columns) if start is None else start
        ends = np.broadcast_to(self.end[:, None], (1, len(self.end), columns)) if ends is None else ends
        total = np.empty((*self.own, columns), dtype=message.dtype)
        log_scale, unsafe = np.zeros(columns), np.zeros(columns, dtype=bool)
        messages, scales = [message], []
        for t, running in enumerate([*batch.sizes, 0]):
            if running < size:
                last = message[..., running:]
                last = self.times(last, ends[..., running:size]) if t else last
                total[..., running:size] = self.joined(last.reshape(*self.own, -1, size - running))
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
    """Weights are probabilities or their logs, so that a backward pass gives posteriors and expected counts."""

    @abstractmethod
    def posterior(self, message: Array, behind: Array, weight: Array) -> Array:
        """The weighted posterior of each history, (R, V, columns), from the forward and the backward message.

        Args:
            message, behind: the forward and the backward message, (R, V, columns).
            weight: the weights of the sequences, of these columns and further ones.
        """

    @abstractmethod
    def receded(self, before: Array, behind: Array, number: int, uses: Array | None, weight: Array) -> Array:
        """The backward message one step earlier: (R, V, columns) to (H, R, columns).

        Args:
            before: (H, R, columns), the forward message before the step.
            behind: (R, V, columns), the backward message after the step.
            number: the number of the step's table.
            uses: the weighted expected count of each arc is added to it; or None.
            weight: as for `posterior`.
        """

    def backward(
        self, done: Forward, weight: Array, states: Array | None, counts: list[Array] | None
    ) -> tuple[Array, Array]:
        """The backward pass: posteriors and expected counts.

        Args:
            done: the result of `forward`.
            weight: (columns,), the weight of each sequence.
            states: (rows, K), set to the weighted state posteriors at each row; or None.
            counts: one array per table, to which the weighted expected count of each arc is added; or None.

        Returns:
            (V,), the weighted expected number of sequences that end in each state; and (H, R, columns), the backward
            message before the first step, up to a factor.
        """
        batch, stops, ahead = done.batch, np.zeros(self.arcs.end.shape), np.zeros((1, 1, 0))
        for t in reversed(range(len(batch.sizes))):
            size, rows, still, message = batch.sizes[t], batch.rows(t), ahead.shape[-1], done.messages[t + 1]
            number = self.arcs.which(t + done.skip)
            behind = ahead.reshape(*message.shape[:2], still)
            if still < size:  # columns that end here start from their ends
                ended = np.broadcast_to(done.ends[..., still:size], (*message.shape[:2], size - still))
                behind = np.concatenate([behind, ended], axis=2)
            posterior = self.posterior(message, behind, weight)
            if still < size:
                stops += posterior[..., still:].sum(axis=(0, 2))
            if states is not None:
                states[rows] = (posterior[0] if len(posterior) == 1 else posterior.sum(axis=0)).T
            behind = self.times(behind, self.emitted(rows), out=behind)
            if (scale := done.scales[t]) is not None:
                self.over(behind, scale, out=behind)
            before = self.unfolded(done.messages[t], number)[..., :size]
            ahead = self.receded(before, behind, number, counts[number] if counts else None, weight)
        return stops, ahead


class PathsBack(Recurrence):
    """Weights are logs, and paths are chosen state by state from the end, without back-pointers.

    All forward messages are kept. Backtracking computes the scores of a state's predecessors again, by the same
    additions as the forward pass, so that they are equal to the last bit.
    """

    paths = 1  # for each column
    ranks: Array  # of each path among those of its column

    @abstractmethod
    def choose(self, weights: Array, paths: slice, which: Array | slice = EACH) -> Array:
        """Choose one of several alternatives for each path, (paths,).

        Args:
            weights: ``own`` + (alternatives, columns).
            paths: which of all paths these are.
            which: the column of each path; by default each has its own.
        """

    def oldest(self, done: Forward, t: int, after: Array) -> Array:
        """Choose the oldest state of each history, given its other states.

        Args:
            done: the result of `forward`.
            t: the step into the newest state.
            after: (n - 1, paths), the states that follow, of the first paths.
        """
        number, size, states = self.arcs.which(t + done.skip), after.shape[1], len(self.end)
        place = reduce(lambda history, then: history * states + then, after)
        message = self.unfolded(done.messages[t], number)
        which: Array | slice = EACH
        if self.paths > 1:  # paths of a sequence that go on alike have the same alternatives
            places = message.shape[-2] * states
            alike, which = np.unique(np.arange(size) // self.paths * places + place, return_inverse=True)
            columns, place = np.divmod(alike, places)
            before = message[..., place // states, columns]
        elif message.shape[-2] == 1:
            before = message[..., 0, :size]
        else:
            before = message[..., place // states, np.arange(size)]
        return self.choose(before + self.arcs.into(number, place), slice(size), which)

    def last(self, message: Array, found: Array, paths: slice) -> None:
        """Choose the last states from the last message (R, V, columns), newest first, and store them in ``found``."""
        states, which = message.shape[-2], np.arange(found.shape[1]) // self.paths
        for back in range(1, len(found) + 1):
            message = message.reshape(*self.own, -1, states, message.shape[-1])
            found[-back] = self.choose(self.joined(message), paths, which)
            alike, which = np.unique(which * states + found[-back], return_inverse=True)
            message = message[..., alike % states, alike // states]

    def backtrack(self, done: Forward) -> Array:
        """Backtrack from the last states to the first.

        Args:
            done: the result of `forward`.

        Returns:
            The states (T, paths), with the paths of a column side by side; padding is zero.
        """
        found = np.zeros((len(done.batch.sizes), len(done.batch.order) * self.paths), dtype=np.intp)
        history, size, self.ranks = self.arcs.n - 1, 0, np.tile(np.arange(self.paths), len(done.batch.order))
        for t in reversed(range(len(found))):
            running = done.batch.sizes[t] * self.paths
            if running > size:  # columns that end here choose their last states; then all choose the state before
                ended = slice(size, running)
                columns = slice(size // self.paths, done.batch.sizes[t])
                last = done.messages[t + 1][..., columns] + done.ends[..., columns]
                self.last(last, found[max(t + 1 - history, 0) : t + 1, ended], ended)
                size = running
            if t >= history:
                found[t - history, :size] = self.oldest(done, t, found[t + 1 - history : t + 1, :size])
        return found


def decode(
    make: Callable[[Arcs], PathsBack], arcs: Arcs, batch: Ragged, sequences: int, width: int, threads: int = 1
) -> tuple[Array, Array]:
    """The paths of each sequence, found tile by tile.

    Args:
        make: gives the algebra for the tables of a tile.
        arcs: the tables.
        batch: the sequences.
        sequences: N, as the batch may hold only some of them.
        width: sequences per tile.
        threads: how many tiles are processed at once: NumPy releases the interpreter's lock while it computes.

    Returns:
        The states of the paths of each row's sequence, (paths, rows); and the total of each sequence, ``own`` + (N,).
    """
    whole = make(arcs)
    states = np.zeros((whole.paths, batch.count), dtype=np.intp)
    totals = np.empty((*whole.own, sequences), dtype=arcs.tables[-1].dtype)

    def run(tile: Ragged) -> None:
        passes = make(arcs.of_sequences(tile.order))
        done = passes.forward(tile)
        totals[..., tile.order] = done.total
        found = passes.backtrack(done).reshape(len(tile.sizes), len(tile.order), passes.paths)
        for t, size in enumerate(tile.sizes):
            states[:, tile.rows(t)] = found[t, :size].T

    tiles = list(batch.tiles(width))
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, tiles) if min(threads, len(tiles)) > 1 else map(run, tiles))
    return states, totals
