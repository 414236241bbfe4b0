"""Batches of sequences of different lengths, processed together one time step at a time."""

from collections.abc import Iterator, Sequence
from copy import copy
from functools import cached_property
from typing import Any

import numpy as np

from tinyseq.backend import Array

Index = Any  # an array of integers, or a slice


class Ragged:
    """A ragged batch: columns sorted by length, longest first, so that the active ones always come first.

    The rows of all sequences are stored in one array, and step t reads only the sequences that are longer than t. No
    time is spent on padding.

    Args:
        lengths: (N,), the length of each sequence.
        padded: None if the sequences are concatenated; or T if the rows are stored time step by time step, N rows for
            each of T steps, and rows beyond a sequence's length are padding.

    Attributes:
        order: (N,), the sequence in each column; sequences of equal length keep their order.
        lengths: (N,), the lengths of the columns, in descending order.
        count: the number of rows.

    Example:
        >>> batch = Ragged([1, 3, 2])
        >>> batch.order.tolist(), batch.sizes
        ([1, 2, 0], [3, 2, 1])
        >>> [batch.rows(t).tolist() for t in range(3)]
        [[1, 4, 0], [2, 5], [3]]
        >>> Ragged([4, 4]).rows(1)
        slice(1, 6, 4)
    """

    def __init__(self, lengths: Sequence[int] | Array, padded: int | None = None) -> None:
        given = np.asarray(lengths, dtype=np.intp)
        self.order = np.argsort(-given, kind="stable")
        self.lengths = given[self.order]
        self._starts = self.order if padded is not None else (np.cumsum(given) - given)[self.order]
        self._stride = 1 if padded is None else len(given)
        self.count = int(given.sum()) if padded is None else padded * len(given)

    @cached_property
    def sizes(self) -> list[int]:
        """The number of active columns at each step, (T,)."""
        steps = np.arange(self.lengths[0] if len(self.lengths) else 0)
        return list(np.searchsorted(-self.lengths, -steps, side="left").tolist())

    @classmethod
    def windows(cls, starts: Array, lengths: int | Array) -> "Ragged":
        """A batch of segments of the rows, given by their starts."""
        made = cls(np.full(len(starts), lengths))
        made._starts = np.asarray(starts)[made.order]
        return made

    def rows(self, t: int) -> Index:
        """The rows of step t, one for each active column; a slice where they are evenly spaced."""
        if self._distance is None:
            return self._starts[: self.sizes[t]] + t * self._stride
        first = int(self._starts[0]) + t * self._stride
        return slice(first, first + self._distance * (self.sizes[t] - 1) + 1, self._distance)

    def some_rows(self, t: int, columns: Index) -> Array:
        """The rows of step t for the given columns."""
        return self._starts[columns] + t * self._stride

    @cached_property
    def _distance(self) -> int | None:
        """The distance between the rows of neighbouring columns, if it is constant; else None. Any for one column."""
        distances = np.diff(self._starts) if len(self._starts) != 1 else np.ones(1, dtype=np.intp)
        even = len(distances) and distances[0] > 0 and (distances == distances[0]).all()
        return int(distances[0]) if even else None

    def columns(self, chosen: slice | Array) -> "Ragged":
        """A batch of some of the columns, which reads the same rows."""
        part = copy(self)
        part.order, part.lengths, part._starts = self.order[chosen], self.lengths[chosen], self._starts[chosen]
        for found in ("sizes", "_distance"):
            part.__dict__.pop(found, None)
        return part

    def longer(self, length: int, most: int | None = None) -> list[tuple[int, int, int]]:
        """The columns with at least ``length`` rows, their first row, and their number of rows.

        None, if the rows of a column are not contiguous, or the batch has more than ``most`` columns.
        """
        few = self._stride == 1 and (most is None or len(self.order) <= most)
        columns = np.flatnonzero(self.lengths >= length).tolist()
        return [(column, int(self._starts[column]), int(self.lengths[column])) for column in columns if few]

    def only(self, number: int) -> "Ragged":
        """A batch of one sequence, which reads the same rows."""
        part = self.columns(np.flatnonzero(self.order == number))
        part.order = np.zeros(1, dtype=np.intp)
        return part

    def tiles(self, width: int) -> Iterator["Ragged"]:
        """Split the batch into equal pieces of at most ``width`` columns, so that a step fits in the cache."""
        pieces = -(-len(self.order) // width)
        for i in range(pieces):
            yield self.columns(slice(len(self.order) * i // pieces, len(self.order) * (i + 1) // pieces))
