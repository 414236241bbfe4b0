"""A chain's scores in the layout that the fast passes use.

A message has the shape (H, R, B): the oldest state of the history, all its other states together, and the sequence in
the batch. The table of a step has the shape (H, R, V), where V is the new state. A step sums over H, which leaves
(R, V, B); reshaped, that is the next message. So a step is one matrix product for each R, without transposes.
"""

from functools import cached_property
from typing import Any, NamedTuple, Protocol

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
        order: n.
    """

    tables: list[Array]
    end: Array
    order: int

    @classmethod
    def of(cls, initial: tuple[Array, ...], transition: Array, end: Array | None) -> "Arcs":
        """Reshape the tables of a chain, as views."""
        order, states = len(initial) + 1, transition.shape[-1]
        tables = [table.reshape(1, -1, states) for table in initial]
        steps = transition if transition.ndim > order else transition[None]
        if transition.ndim == order + 2:
            each = transition.shape[1]
            tables += [np.moveaxis(table.reshape(each, states, -1, states), 0, -1) for table in steps]
        else:
            tables += [table.reshape(states, -1, states) for table in steps]
        return cls(tables, np.zeros(states, dtype=transition.dtype) if end is None else end, order)

    def to(self, dtype: Any) -> "Arcs":
        """The same tables in another precision."""
        return Arcs([table.astype(dtype, copy=False) for table in self.tables], self.end.astype(dtype), self.order)

    @property
    def own(self) -> bool:
        """Whether each sequence has transitions of its own."""
        return bool(self.tables[-1].ndim == 4)

    def which(self, t: int) -> int:
        """The number of the table of step t."""
        return min(t, len(self.tables) - 1)


class Scores(Protocol):
    """Emission scores of the rows of a batch (see `Ragged`)."""

    @property
    def smallest(self) -> float:
        """The smallest weight of a possible observation; 0 if it underflows."""

    def logs(self, rows: Index) -> Array:
        """Log scores, (K, rows)."""

    def along(self, first: int, path: Array) -> Array:
        """The log score of the state on a path at each row, from row ``first``, (T,)."""

    def weights(self, rows: Index) -> Array:
        """Scores relative to the largest one of each row, (K, rows); always in float64."""

    def tops(self, rows: Index) -> Array:
        """The logs of those largest scores, (rows,)."""


class Dense:
    """Emission scores given as one array.

    Args:
        values: (rows, K) log scores.
    """

    def __init__(self, values: Array) -> None:
        self.values = values
        tops = (
            np.ascontiguousarray(values.T).max(axis=0, initial=-np.inf).astype(np.float64)
        )  # NumPy is slow along short rows
        self._tops = np.where(tops > -np.inf, tops, 0.0)

    @cached_property
    def _relative(self) -> Array:
        """The weights of all rows, which forward and backward both read, (rows, K)."""
        with np.errstate(invalid="ignore"):  # inf - inf, in rows beyond a sequence's length
            return np.exp(self.values - self._tops[:, None], dtype=np.float64)

    @property
    def smallest(self) -> float:
        """See `Scores`."""
        if ((self._relative == 0) & (self.values > -np.inf)).any():
            return 0.0
        return float(np.min(self._relative, where=self._relative > 0, initial=1.0))

    def logs(self, rows: Index) -> Array:
        """See `Scores`."""
        return self.values[rows].T

    def along(self, first: int, path: Array) -> Array:
        """See `Scores`."""
        return self.values[np.arange(first, first + len(path)), path]

    def weights(self, rows: Index) -> Array:
        """See `Scores`."""
        return self._relative[rows].T

    def tops(self, rows: Index) -> Array:
        """See `Scores`."""
        return self._tops[rows]


class Table:
    """Emission scores of every symbol in every state.

    Args:
        logs: (K, V) log scores.
    """

    def __init__(self, logs: Array) -> None:
        top = logs.max(axis=0, initial=-np.inf).astype(np.float64)
        self.logs = logs
        self.top = np.where(top > -np.inf, top, 0.0)
        self.relative = np.exp(logs - self.top, dtype=np.float64)
        self.smallest = float(np.min(self.relative, where=logs > -np.inf, initial=1.0))


class Lookup:
    """Emission scores looked up by the symbol of each row.

    Args:
        table: the scores of the symbols.
        ids: (rows,), the symbol of each row.
    """

    def __init__(self, table: Table, ids: Array) -> None:
        self.table = table
        self.ids = ids

    @property
    def smallest(self) -> float:
        """See `Scores`."""
        return self.table.smallest

    def logs(self, rows: Index) -> Array:
        """See `Scores`."""
        return self.table.logs.take(self.ids[rows], axis=1)

    def along(self, first: int, path: Array) -> Array:
        """See `Scores`."""
        logs = self.table.logs
        return logs.take(path * logs.shape[1] + self.ids[first : first + len(path)])  # faster than logs[path, ids]

    def weights(self, rows: Index) -> Array:
        """See `Scores`."""
        return self.table.relative.take(self.ids[rows], axis=1)

    def tops(self, rows: Index) -> Array:
        """See `Scores`."""
        return self.table.top[self.ids[rows]]
