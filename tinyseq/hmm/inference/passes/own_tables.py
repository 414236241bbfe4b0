"""The passes where each sequence of a batch has transitions of its own: in logs, for all sequences at once.

The tables of transitions then have a further axis, which comes last, for the sequences.
"""

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.batching import Index, Ragged
from tinyseq.hmm.inference.passes.log_space import LogSpace, log_sum
from tinyseq.hmm.inference.passes.recurrence import Forward
from tinyseq.hmm.inference.passes.score_tables import Arcs, Scores
from tinyseq.hmm.inference.passes.viterbi import Max

NUMBERS = 1 << 20  # terms of a step that are computed at a time


def of_columns(table: Array, columns: int) -> Array:
    """The table of each of the first columns, (H, R, V, columns); or one for all of them, (H, R, V, 1)."""
    return table[..., :columns] if table.ndim == 4 else table[..., None]


class OwnLogSpace(LogSpace):
    """`LogSpace` with tables of each sequence, in the order of the columns."""

    def extended(self, message: Array, number: int, rows: Index) -> Array:
        """See `Recurrence`."""
        table = of_columns(self.arcs.tables[number], message.shape[-1])
        return log_sum(message[:, :, None] + table, 0) + self.scores.logs(rows)

    def receded(self, before: Array, behind: Array, number: int, uses: Array | None, weight: Array) -> Array:
        """See `SumOverPaths`."""
        columns = behind.shape[-1]
        paths = of_columns(self.arcs.tables[number], columns) + behind
        if uses is not None:
            shares = np.exp(before[:, :, None] + paths) * weight[:columns]
            uses[...] += shares.sum(axis=-1) if uses.ndim == 3 else 0.0
            if uses.ndim == 4:
                uses[..., :columns] += shares
        return log_sum(paths, 2)


class OwnMax(Max):
    """`Max` with tables of each sequence, in the order of the columns."""

    def extended(self, message: Array, number: int, rows: Index) -> Array:
        """See `Recurrence`."""
        table = of_columns(self.arcs.tables[number], message.shape[-1])
        found: Array = (message[:, :, None] + table).max(axis=0) + self.scores.logs(rows)
        return found

    def oldest(self, done: Forward, t: int, others: Array, newest: Array) -> Array:
        """See `PathsBack`."""
        number, columns = self.arcs.which(t), np.arange(len(newest))
        message = self.unfolded(done.messages[t], number)[:, others, columns]
        return self.choose(message + self.arcs.tables[number][:, others, newest, columns], slice(len(newest)))


def tiles(arcs: Arcs, batch: Ragged) -> list[tuple[Arcs, Ragged]]:
    """The batch in pieces, each with the tables of its columns."""
    width = max(1, NUMBERS // (arcs.tables[-1].size // max(len(batch.order), 1)))
    found = []
    for tile in batch.tiles(width):
        tables = [table[..., tile.order] if table.ndim == 4 else table for table in arcs.tables]
        found.append((Arcs(tables, arcs.end, arcs.order), tile))
    return found


def expectations(
    arcs: Arcs, scores: Scores, batch: Ragged, weight: Array, states: Array | None, counts: list[Array] | None
) -> tuple[Array, Array]:
    """Forward, and where anything is to be found, backward.

    Args:
        arcs: the tables, in float64.
        scores: the emission scores of all rows.
        batch: the sequences.
        weight: (N,), how much each sequence counts.
        states: (rows, K), to set; or None.
        counts: an array for each table, to add to; or None.

    Returns:
        The log-likelihoods (N,), and the expected stops (K,).
    """
    found, stops = np.empty(len(batch.order)), np.zeros(arcs.end.shape)
    for own, tile in tiles(arcs, batch):
        passes = OwnLogSpace(own, scores)
        done = passes.forward(tile, keep=states is not None or counts is not None)
        found[tile.order] = passes.log_likelihood(done)
        if states is None and counts is None:
            continue
        uses = None if counts is None else [np.zeros(table.shape) for table in own.tables]
        stops += passes.backward(done, weight[tile.order], states, uses)[0]
        for count, part in zip(counts or (), uses or (), strict=True):
            if part.ndim == 4:
                count[..., tile.order] += part
            else:
                count += part
    return found, stops


def best_paths(arcs: Arcs, scores: Scores, batch: Ragged) -> tuple[Array, Array]:
    """The best path of each sequence: the states of all rows, and the scores (N,)."""
    paths = np.zeros(batch.count, dtype=np.intp)
    best = np.empty(len(batch.order), dtype=arcs.tables[-1].dtype)
    for own, tile in tiles(arcs, batch):
        passes = OwnMax(own, scores)
        done = passes.forward(tile)
        best[tile.order] = done.total
        for t, states in enumerate(passes.backtrack(done)):
            paths[tile.rows(t)] = states[: tile.sizes[t]]
    return paths, best
