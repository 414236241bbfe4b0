"""Parts of a pass for several threads, which wait for each other only where one needs what another has written.

In a recurrent network, every sequence of a batch has its own states. So a thread that has computed its rows of one loop
or product has all that it needs for the same rows of the next, and the threads run through all steps without waiting
for each other. Nothing here depends on sequences, though. Each loop and product is split along its outermost axis in
memory, and the bytes that the parts read and write are compared: if a part touches what another has written, all
threads first wait for each other.

The threads are started when they are first needed, and stay. What they run is compiled, and does not hold Python's GIL.
Results do not depend on which of them computes what, or when.
"""

import os
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from tinyseq.backend import Array
from tinyseq.compiler.jit import blas
from tinyseq.compiler.jit.cache import from_runtime

ENOUGH = 150_000.0  # the least work, in nanoseconds, for which threads are woken
LEAST = 300.0  # the least work, in nanoseconds, that is worth splitting
WORDS = 8  # in a cache line: what one thread writes is in a line of its own


class Span(NamedTuple):
    """Bytes from start to stop, in the memory at a base."""

    base: int
    start: int
    stop: int


class Call(NamedTuple):
    """A call of a kernel.

    Attributes:
        numbers: the kernel's address and its numbers.
        reads, writes: the memory that it touches, as far as kernels write to it.
    """

    numbers: list[int]
    reads: list[Span]
    writes: list[Span]


class Work(NamedTuple):
    """A loop or a product.

    Attributes:
        call: returns the call for its rows from start to stop.
        rows: the length of the axis along which it can be split.
        cost: roughly how many nanoseconds it takes; infinite if it uses threads of its own.
    """

    call: Callable[[int, int], Call]
    rows: int
    cost: float

    def whole(self) -> Call:
        """The call for all of it."""
        return self.call(0, self.rows)


class Touched:
    """The memory that one part has touched, as disjoint spans."""

    def __init__(self) -> None:
        self._starts: dict[int, list[int]] = {}
        self._stops: dict[int, list[int]] = {}

    def meets(self, spans: list[Span]) -> bool:
        """Whether any of these bytes has been touched."""
        for base, start, stop in spans:
            if base in self._starts:
                place = bisect_right(self._stops[base], start)
                if place < len(self._starts[base]) and self._starts[base][place] < stop:
                    return True
        return False

    def add(self, spans: list[Span]) -> None:
        """Record that these bytes are touched."""
        for base, start, stop in spans:
            starts, stops = self._starts.setdefault(base, []), self._stops.setdefault(base, [])
            first, last = bisect_left(stops, start), bisect_right(starts, stop)
            if first < last:
                start, stop = min(start, starts[first]), max(stop, stops[last - 1])
            starts[first:last], stops[first:last] = [start], [stop]


def stretches(works: Sequence[Work]) -> Iterator[tuple[list[Work], bool]]:
    """Consecutive work grouped into runs, each with whether threads should share it: BLAS has threads of its own."""
    run = list[Work]()
    for work in [*works, None]:
        if work is not None and work.cost < float("inf"):
            run.append(work)
            continue
        if run:
            yield run, sum(one.cost for one in run if one.cost >= LEAST) >= ENOUGH
        run = []
        if work is not None:
            yield [work], False


def shared(works: Sequence[Work], count: int) -> list[list[list[Call]]]:
    """The calls of each part, in segments; between them all parts wait for each other."""
    segments: list[list[list[Call]]] = []
    read, written = list[Touched](), list[Touched]()
    for work in works:
        several = min(count, work.rows) if work.cost >= LEAST else 1
        bounds = [work.rows * part // several for part in range(several + 1)]
        calls = [work.call(*pair) for pair in pairwise(bounds)]
        if not segments or _meet(calls, read, written):
            segments.append([[] for _ in range(count)])
            read, written = ([Touched() for _ in range(count)] for _ in range(2))
        for part, call in enumerate(calls):
            segments[-1][part].append(call)
            read[part].add(call.reads)
            written[part].add(call.writes)
    return segments


def _meet(calls: list[Call], read: list[Touched], written: list[Touched]) -> bool:
    """Whether a part would touch what another has written, or overwrite what another has read."""
    for part, call in enumerate(calls):
        for other in range(len(read)):
            if other != part and (written[other].meets(call.reads + call.writes) or read[other].meets(call.writes)):
                return True
    return False


def count() -> int:
    """How many threads share a pass: as many as NumPy's products use, if Numba may use that many."""
    from numba import config

    return min(blas.threads(), int(getattr(config, "NUMBA_NUM_THREADS", 1)))


class Team:
    """Threads that run parts of a program alongside the calling one. One call at a time; others wait.

    Args:
        count: the number of threads, including the calling one.
    """

    def __init__(self, count: int) -> None:
        self._post = np.zeros((count + 1, WORDS), np.int64)  # see `runtime.share`
        self._post[2:, 1] = 1
        self._busy = threading.Lock()
        self._share = from_runtime("share")
        serve = from_runtime("serve")
        self._wakes = [threading.Lock() for _ in range(count - 1)]
        for part, wake in enumerate(self._wakes, 1):
            wake.acquire()
            # a daemon: it may wait for ever, since a part that its thread has not begun is taken back
            threading.Thread(target=_serve, args=(serve, self._post, part, wake), daemon=True).start()

    def run(self, code: Array, bases: Array, table: Array) -> None:
        """Run the code by a table; see `runtime.share`."""
        with self._busy, blas.one_thread():
            for part, wake in enumerate(self._wakes, 1):
                if self._post[part + 1, 1] and wake.locked():
                    wake.release()
            self._share(self._post, code, bases, table)


def _serve(serve: Any, post: Array, part: int, wake: threading.Lock) -> None:
    while True:
        wake.acquire()
        serve(post, part)


@cache
def team(count: int) -> Team:
    """The process's threads."""
    return Team(count)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=team.cache_clear)  # a forked process does not have its parent's threads
