"""The passes on a GPU: a kernel for all sequences at once (`sums`, `viterbi`), compiled by CuPy at its first use.

Nothing is read back. A call sends only the sequences' lengths to the device, once for a forward and its backward pass.
"""

from collections.abc import Iterable, Sequence
from functools import cache, cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np

from tinyseq.backend import DeviceArray, Namespace, library_of, namespace_of
from tinyseq.hmm.inference.gpu import common, sums, viterbi

SHARED = 48 << 10  # bytes of shared memory that every GPU has for a block
WORK = 1 << 28  # bytes of device memory for messages and counts, unless a single block needs more
BLOCKS = 2048
ROOM = 96  # numbers in shared memory for sums over a block
NULL = np.uintp(0)
REALS = {"float32": "float", "float64": "double"}


def runs_here(array: DeviceArray) -> bool:
    """Whether an array is one that the kernels take."""
    return library_of(array) == "cupy" and array.dtype.name in REALS


class Slopes(NamedTuple):
    """How often each score is used, in expectation or on the best path.

    Attributes:
        states: (rows, K), the uses of the emission scores: posteriors, or zeros and ones.
        arcs: (arcs,), the uses of the tables' entries, summed over steps and sequences; or None.
        stops: (K,), the number of sequences that end in each state; or None.
    """

    states: DeviceArray
    arcs: DeviceArray | None
    stops: DeviceArray | None


class DeviceChain:
    """The scores of a batch of sequences on a device, and the passes over them.

    Args:
        tables: the logs of the n - 1 initial tables and of the transition, or of one for each step that has a full
            history, one after the other, flat.
        emission: (rows, K), of the dtype of the tables. The sequences lie one after the other; or, with ``padded``,
            time step by time step, and what lies beyond a sequence's length is padding.
        end: (K,), or None.
        n: the length of the n-grams of states.
        lengths: (N,), the number of observations of each sequence.
        padded: T, the number of steps with padding; or None.
    """

    def __init__(
        self,
        tables: DeviceArray,
        emission: DeviceArray,
        end: DeviceArray | None,
        n: int,
        lengths: Sequence[int],
        padded: int | None = None,
    ) -> None:
        xp = namespace_of(emission)
        self.xp = xp
        self.tables, self.emission = xp.ascontiguousarray(tables), xp.ascontiguousarray(emission)
        self.end = NULL if end is None else xp.ascontiguousarray(end)
        self.n, self.size, self.padded = n, len(lengths), padded
        self.lengths = tuple(lengths)
        self.states = int(emission.shape[-1])
        self.message = self.states ** (n - 1)
        self.steps = max(self.lengths, default=0) if padded is None else padded
        beginning = sum(self.states**i for i in range(1, n))
        self.arcs = int(tables.shape[0])
        self.transitions = (self.arcs - beginning) // self.states**n
        self.columns = beginning + self.transitions * self.message

    def log_partition(self) -> DeviceArray:
        """The log of the sum over all paths of each sequence, (N,)."""
        totals = self._empty(self.size)
        where, shared = self._shared(8 * ROOM, 8 * 6 * self.message, self._table(8 * (self.states | 1)))
        room = 0 if where & 1 else 6 * self.message
        self._launch("log_partition", shared, room, (*self._tops, where), (totals,))
        return totals

    def posteriors(self, factors: DeviceArray | None = None, counts: bool = True) -> tuple[DeviceArray, Slopes]:
        """The log of the sum over all paths of each sequence (N,), and the expected uses of the scores.

        Args:
            factors: (N,), how much each sequence counts; 1 by default.
            counts: whether to count the uses of arcs and stops.
        """
        totals, states = self._empty(self.size), self._empty(self.emission.shape)
        row = self._table(8 * (self.states | 1))
        where, shared = self._shared(8 * ROOM, 8 * 6 * self.message, row, self._table(8 * self.states, counts))
        room = 2 * self.steps * self.message + (0 if where & 1 else 6 * self.message)
        outputs = (self._given(factors), totals, states)
        return totals, self._slopes("forward_backward", shared, room, (*self._tops, where), outputs, counts)

    def best_scores(self) -> DeviceArray:
        """The score of the best path of each sequence, (N,)."""
        return self._viterbi(NULL, NULL, None, False)[0]

    def best_paths(self) -> tuple[DeviceArray, DeviceArray]:
        """The states of the best paths (rows,), zeros in the padding, and their scores (N,)."""
        paths = self.xp.empty(self.emission.shape[0], dtype=np.int64)
        return paths, self._viterbi(paths, NULL, None, False)[0]

    def best_slopes(self, factors: DeviceArray | None = None, counts: bool = True) -> Slopes:
        """How often the best paths use the scores; `posteriors` describes the arguments."""
        paths = self.xp.empty(self.emission.shape[0], dtype=np.int64)
        states = self.xp.zeros(self.emission.shape, dtype=self.emission.dtype)
        return self._viterbi(paths, states, factors, counts)[1]

    def transition_posteriors(self, i: int) -> DeviceArray:
        """P(n neighbouring states | observations) of one of several concatenated sequences, (T - n + 1, K, ..).

        With a table of its own for each step, the expected number of uses of an arc is its posterior at that step.
        """
        length, start = self.lengths[i], sum(self.lengths[:i])
        size, steps = self.states**self.n, max(length - self.n + 1, 0)
        beginning = self.arcs - self.transitions * size
        each = self.xp.reshape(self.tables[beginning:], (self.transitions, size))
        each = self.xp.broadcast_to(each[:steps], (steps, size))
        end = None if self.end is NULL else self.end
        emission = self.emission[start : start + length]
        alone = DeviceChain(flat(self.xp, (self.tables[:beginning], each)), emission, end, self.n, [length])
        used = alone.posteriors()[1].arcs
        assert used is not None
        return self.xp.reshape(used[beginning:], (steps, *(self.states,) * self.n))

    def _viterbi(
        self, paths: DeviceArray, states: DeviceArray, factors: DeviceArray | None, counts: bool
    ) -> tuple[DeviceArray, Slopes]:
        bytes_each, best = self.emission.dtype.itemsize, self._empty(self.size)
        where, shared = self._shared(0, 8 * 2 * self.message, self._table(bytes_each * self.states))
        pointers = 0 if paths is NULL else (self.steps * self.message + 1) // 2
        room = pointers + (0 if where & 1 else 2 * self.message)
        outputs = (self._given(factors), best, paths, states)
        return best, self._slopes("viterbi", shared, room, (np.int32(where),), outputs, counts)

    def _slopes(
        self, name: str, shared: int, room: int, before: tuple[Any, ...], outputs: tuple[Any, ...], counts: bool
    ) -> Slopes:
        """Launch a kernel whose last arguments are the arcs' number, outputs, and counts for each block."""
        each = self.arcs + self.states
        blocks = self._blocks(room + (each if counts else 0))
        made = self.xp.empty if self.size else self.xp.zeros
        used = made((blocks, each), dtype=np.float64) if counts else NULL
        self._launch(name, shared, room, before, (np.int64(self.arcs), *outputs, used), blocks)
        if not counts:
            return Slopes(outputs[-1], None, None)
        # Blocks are added in their order, so that the same call gives the same bits.
        summed = self.xp.sum(used, axis=0).astype(self.emission.dtype)
        return Slopes(outputs[-1], summed[: self.arcs], summed[self.arcs :])

    def _launch(
        self,
        name: str,
        shared: int,
        room: int,
        before: tuple[Any, ...],
        after: tuple[Any, ...],
        blocks: int | None = None,
    ) -> None:
        """Run one of the kernels, whose arguments begin alike."""
        if not self.size:
            return
        blocks = self._blocks(room) if blocks is None else blocks
        work = self.xp.empty(max(blocks * room, 1), dtype=np.float64)
        *tops, where = before
        starts, lengths = self._ragged
        shape = (np.int64(self.steps), np.int64(self.size), np.int32(self.states), np.int32(self.n))
        varies = np.int32(self.transitions != 1)
        arguments = (self.tables, *tops, self.emission, self.end, starts, lengths, *shape, varies, np.int32(where))
        threads = min(512, -(-self.message // 32) * 32)
        kernel = _kernel(self.xp, self.emission.dtype.name, name)
        kernel((blocks,), (threads,), (*arguments, work, np.int64(room), *after), shared_mem=shared)

    def _blocks(self, room: int) -> int:
        """How many blocks share the sequences, so that their memory has a bound."""
        return max(1, min(self.size, BLOCKS, WORK // (8 * max(room, 1))))

    @cached_property
    def _tops(self) -> tuple[DeviceArray, DeviceArray]:
        """The largest entry of each column of the tables, and the weights relative to it."""
        rows = self.arcs // self.states
        tops = self.xp.empty(self.columns, dtype=np.float64)
        weights = self.xp.empty(rows * (self.states | 1), dtype=np.float64)
        kernel = _kernel(self.xp, self.emission.dtype.name, "weigh")
        sizes = (np.int32(self.states), np.int32(self.n), np.int64(self.columns))
        kernel((min(BLOCKS, -(-self.columns // 64)),), (64,), (self.tables, *sizes, tops, weights))
        return tops, weights

    @property
    def _ragged(self) -> tuple[DeviceArray, DeviceArray]:
        """Where the sequences start, and their lengths, or null where both are clear."""
        device = getattr(self.emission.device, "id", None)
        if self.padded is None:
            return _uploaded(self.xp, device, self.lengths, True)
        if self.lengths.count(self.padded) == self.size:
            return NULL, NULL
        return _uploaded(self.xp, device, self.lengths, False)

    def _table(self, row: int, wanted: bool = True) -> int:
        """The bytes of the transition in rows of so many; or 0 if there are many, which change from step to step."""
        return self.message * row if wanted and self.transitions == 1 else 0

    def _shared(self, fixed: int, *parts: int) -> tuple[int, int]:
        """Which parts, the first one first, fit into shared memory (1 + 2 + 4), and how many bytes there are in all."""
        where, total = 0, fixed
        for i, part in enumerate(parts):
            if part and total + part <= SHARED:
                where, total = where | 1 << i, total + part
        return where, total

    def _given(self, factors: DeviceArray | None) -> DeviceArray:
        """Factors as the kernels read them."""
        return NULL if factors is None else self.xp.ascontiguousarray(factors.astype(self.emission.dtype, copy=False))

    def _empty(self, shape: Any) -> DeviceArray:
        return self.xp.empty(shape, dtype=self.emission.dtype)


def flat(xp: Namespace, tables: Iterable[DeviceArray]) -> DeviceArray:
    """Tables one after the other, as `DeviceChain` takes them."""
    return xp.concatenate([xp.reshape(table, (-1,)) for table in tables])


@cache
def _kernel(xp: Namespace, dtype: str, name: str) -> Any:
    """A compiled kernel for a dtype."""
    source = viterbi.SOURCE if name == "viterbi" else sums.SOURCE
    return _module(xp, dtype, source).get_function(name)


@cache
def _module(xp: Namespace, dtype: str, source: str) -> Any:
    """The compiled kernels of a source for a dtype."""
    return xp.RawModule(code=common.SOURCE + source, options=(f"-DREAL={REALS[dtype]}",))


@lru_cache(maxsize=8)
def _uploaded(xp: Namespace, device: Any, lengths: tuple[int, ...], starts: bool) -> tuple[DeviceArray, DeviceArray]:
    """Starts, or null, and lengths on the device; kept, as the backward pass asks for them again."""
    if not starts:
        return NULL, xp.asarray(np.asarray(lengths, dtype=np.int64))
    both = np.stack([np.cumsum(lengths) - lengths, lengths]).astype(np.int64)
    on_device = xp.asarray(both)
    return on_device[0], on_device[1]
