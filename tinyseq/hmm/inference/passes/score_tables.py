"""A chain's scores in the layout that the fast passes use.

A message has the shape (H, R, B): the oldest state of the history, all its other states together, and the sequence in
the batch. The table of a step has the shape (H, R, V), where V is the new state. A step sums over H, which leaves
(R, V, B); reshaped, that is the next message. So a step is one matrix product for each R, without transposes.
"""

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.batching import Index


class Arcs(NamedTuple):
    """The tables of a chain, in log scores.

    Attributes:
        tables: (H, R, V) arrays: one for each of the first n - 1 steps, with H = 1 as there is no oldest state yet;
            then the transition, or one table for each further step. Where sequences have transitions of their own,
            these are (H, R, V, B).
        end: (V,), zeros if the chain has no end scores.
        n: the length of the n-grams of states.
    """

    tables: list[Array]
    end: Array
    n: int

    @classmethod
    def of(cls, initial: tuple[Array, ...], transition: Array, end: Array | None) -> "Arcs":
        """Reshape the tables of a chain, as views."""
        n, states = len(initial) + 1, transition.shape[-1]
        tables = [table.reshape(1, -1, states) for table in initial]
        steps = np.moveaxis(transition, 1, -1) if transition.ndim == n + 2 else transition
        steps = steps if transition.ndim > n else transition[None]
        tables += [table.reshape(states, -1, states, *table.shape[n:]) for table in steps]
        return cls(tables, np.zeros(states, dtype=transition.dtype) if end is None else end, n)

    def to(self, dtype: Any) -> "Arcs":
        """The same tables in another precision."""
        return Arcs([table.astype(dtype, copy=False) for table in self.tables], self.end.astype(dtype), self.n)

    @property
    def own(self) -> bool:
        """Whether each sequence has transitions of its own."""
        return bool(self.tables[-1].ndim == 4)

    def of_sequences(self, chosen: Array) -> "Arcs":
        """Copies of the tables of some of the sequences, (..., chosen); tables of all sequences as they are."""
        return self._replace(tables=[table[..., chosen] if table.ndim == 4 else table for table in self.tables])

    def by_column(self, number: int, columns: int) -> Array:
        """A table for each of the first columns, (H, R, V, columns); or one for all of them, (H, R, V, 1)."""
        table = self.tables[number]
        return table[..., :columns] if table.ndim == 4 else table[..., None]

    def into(self, number: int, place: Array) -> Array:
        """The score of the arc from each oldest state to the others, numbered as R x V, by column, (H, columns)."""
        table = self.tables[number]
        if table.ndim == 4:
            return table[:, *np.divmod(place, table.shape[2]), np.arange(len(place))]
        return table.reshape(len(table), -1).take(place, axis=1)

    def which(self, t: int) -> int:
        """The number of the table of step t."""
        return min(t, len(self.tables) - 1)


class Table:
    """Emission scores of every symbol in every state.

    Args:
        logs: (K, V) log scores.
    """

    def __init__(self, logs: Array) -> None:
        top = np.ascontiguousarray(logs).max(axis=0, initial=-np.inf).astype(np.float64)  # slow along strided rows
        self.logs = logs
        self.top = np.where(top > -np.inf, top, 0.0)

    @cached_property
    def relative(self) -> Array:
        """The scores relative to the largest of each symbol; always in float64."""
        with np.errstate(invalid="ignore"):  # inf - inf, in rows beyond a sequence's length
            return np.exp(self.logs - self.top, dtype=np.float64)

    @cached_property
    def smallest(self) -> float:
        """The smallest relative score of a possible observation; 0 if it underflows."""
        return float(np.min(self.relative, where=self.logs > -np.inf, initial=1.0))


class Scores:
    """Emission scores of the rows of a batch (see `Ragged`), looked up by the symbol of each row.

    Args:
        table: the scores of the symbols.
        ids: (rows,), the symbol of each row; None if each row has a symbol of its own.
    """

    def __init__(self, table: Table, ids: Array | None) -> None:
        self.table = table
        self.ids = ids

    @classmethod
    def dense(cls, values: Array) -> "Scores":
        """Scores that were computed for each row, (rows, K)."""
        return cls(Table(values.T), None)

    def only(self, rows: slice) -> "Scores":
        """The scores of some rows, without a reference to the others."""
        return Scores.dense(self.logs(rows).T.copy()) if self.ids is None else Scores(self.table, self.ids[rows].copy())

    def logs(self, rows: Index) -> Array:
        """Log scores, (K, rows)."""
        logs, ids = self.table.logs, self.ids
        return logs.T[rows].T if ids is None else logs.take(ids[rows], axis=1)

    def weights(self, rows: Index) -> Array:
        """Scores relative to the largest one of each row, (K, rows); always in float64."""
        relative, ids = self.table.relative, self.ids
        return relative.T[rows].T if ids is None else relative.take(ids[rows], axis=1)

    def tops(self, rows: Index) -> Array:
        """The logs of those largest scores, (rows,)."""
        return self.table.top[rows if self.ids is None else self.ids[rows]]

    def along(self, first: int, path: Array) -> Array:
        """The log score of the state on a path at each row, from row ``first``, (T,)."""
        logs, rows = self.table.logs, slice(first, first + len(path))
        if self.ids is None:
            return logs[path, np.arange(first, first + len(path))]
        return logs.take(path * logs.shape[1] + self.ids[rows])  # faster than logs[path, ids]
