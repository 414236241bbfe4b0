"""The calls of kernels as numbers in a list, which a compiled driver runs without Python between them."""

from collections.abc import Callable
from functools import cached_property, partial

import numpy as np

from tinyseq.backend import Array
from tinyseq.compiler.jit import cache, threads
from tinyseq.compiler.jit.threads import Work, shared, stretches
from tinyseq.compiler.running import Known

BASES = -1  # the number by which a run finds the addresses that kernels add their offsets to


class Code:
    """The calls of all kernels of a program; see `runtime.run` for their numbers.

    Args:
        count: how many threads may share them.

    Attributes:
        tables: for each run of kernels that threads share, where each part begins and ends in each segment.
    """

    def __init__(self, count: int) -> None:
        self.tables = list[Array]()
        self._count = count
        self._numbers = list[int]()
        self._drive = cache.from_runtime("drive")

    def added(self, works: list[Work]) -> list[Callable[[Known], None]]:
        """Add kernels; returns the calls that run them."""
        calls, start = list[Callable[[Known], None]](), len(self._numbers)
        for run, together in stretches(works):
            if together and self._count > 1:
                self._add_call(calls, start)
                self.tables.append(self._table(run))
                calls.append(partial(self._on_threads, self.tables[-1]))
                start = len(self._numbers)
            else:
                for work in run:
                    self._numbers += work.whole().numbers
        self._add_call(calls, start)
        return calls

    def _add_call(self, calls: list[Callable[[Known], None]], start: int) -> None:
        """Add a call that runs the kernels from some place on."""
        if len(self._numbers) > start:
            calls.append(partial(self._on_this_thread, start, len(self._numbers)))

    def _table(self, works: list[Work]) -> Array:
        """Add work that threads share; returns where each part begins and ends in each segment."""
        segments = shared(works, self._count)
        table = [len(segments), self._count]
        for segment in segments:
            for calls in segment:
                table.append(len(self._numbers))
                for call in calls:
                    self._numbers += call.numbers
                table.append(len(self._numbers))
        return np.array(table, np.int64)

    @cached_property
    def _array(self) -> Array:
        """All calls, once the last one has been added."""
        return np.array(self._numbers, np.int64)

    def _on_this_thread(self, start: int, stop: int, known: Known) -> None:
        self._drive(self._array, known[BASES], start, stop)

    def _on_threads(self, table: Array, known: Known) -> None:
        threads.team(self._count).run(self._array, known[BASES], table)
