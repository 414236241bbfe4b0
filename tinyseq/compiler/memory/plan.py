"""The plan of a program's memory: one block whose bytes later values reuse, the caller's arrays, or NumPy's."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from tinyseq.backend import Array
from tinyseq.compiler.fusion import Group, Item
from tinyseq.compiler.memory.packing import Span, packed
from tinyseq.compiler.passes import lifetimes, takes_buffer
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Ref, Step, blank

GIVEN, POOL, FRESH, NUMPY = "given", "pool", "fresh", "NumPy's"


class Place(NamedTuple):
    """Elements in the memory of another value.

    Attributes:
        root: the value that owns the memory.
        offset: bytes from its first element.
        shape, strides: as NumPy's.
    """

    root: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def part(self, axis: int | None, start: int, stop: int) -> "Place":
        """The elements from start to stop along an axis; all if the axis is None."""
        if axis is None:
            return self
        shape = (*self.shape[:axis], stop - start, *self.shape[axis + 1 :])
        return self._replace(offset=self.offset + start * self.strides[axis], shape=shape)

    def broadcast(self, shape: tuple[int, ...]) -> "Place":
        """The elements, broadcast to a shape."""
        steps = [0 if length == 1 else step for length, step in zip(self.shape, self.strides, strict=True)]
        return self._replace(shape=shape, strides=(0,) * (len(shape) - len(steps)) + tuple(steps))

    def bounds(self, itemsize: int) -> tuple[int, int]:
        """The first byte, and the one behind the last."""
        ends = [(length - 1) * step for length, step in zip(self.shape, self.strides, strict=True)]
        return self.offset + sum(e for e in ends if e < 0), self.offset + sum(e for e in ends if e > 0) + itemsize


def region_of(root: int, whole: Array, view: Array) -> Place:
    """The place of a view of a root that fills its memory."""
    return Place(root, address(view) - address(whole), view.shape, view.strides)


def address(array: Array) -> int:
    """The address of an array's first element."""
    return int(array.__array_interface__["data"][0])


class Plan:
    """The places of all values.

    Args:
        program: the program.
        items: its steps and loops, forward and backward, in the order of its steps.
        kernels: steps that can write their results to given memory, if that has the layout of the result.
        joins: joins that are done part by part.
        piecewise: whether bytes are used again one by one, each after its last use; threads that share a pass would
            wait for each other there.

    Attributes:
        kind: for each root, GIVEN at each run, POOL for planned memory, FRESH for new arrays that the caller gets, or
            NUMPY for what a NumPy function returns.
        places: the place of each value that has one.
        stores: further places that a loop writes a result to, in joined arrays.
        copies: by the number of a joined array, its parts that are copied from elsewhere.
        silent: results that are stored only inside joined arrays.
        pool: the offset of each POOL root.
        size: the bytes of the pool.
    """

    def __init__(
        self,
        program: Program,
        items: tuple[Sequence[Item], Sequence[Item]],
        kernels: set[int],
        joins: set[int],
        piecewise: bool,
    ) -> None:
        self._program, self._kernels, self._joins = program, kernels, joins
        self._items, self._cut = [*items[0], *items[1]], len(items[0])
        self._lives = lifetimes(program)
        groups = [(at, item) for at, item in enumerate(self._items) if isinstance(item, Group)]
        self._loops = {number: at for at, group in groups for number in group.writes}
        self._homes = {step.out: at for at, group in groups for step in group.steps}
        self._inside: dict[int, Place] = {}  # results that are stored in the memory of another value
        self.kind = self._kinds()
        self.stores: dict[int, list[Place]] = {}
        self.copies: dict[int, list[tuple[int, Place]]] = {}
        for at, item in enumerate(self._items):
            if isinstance(item, Step) and item.out in joins:
                self._join(item, at)
        self._inside |= self._in_place()
        self.silent = self._in_joins_only()
        self.places = self._places()
        self.pool, self.size = packed(self._in_use(piecewise))

    def kind_of(self, number: int) -> str:
        """The kind of memory that a value is stored in."""
        return self.kind.get(self.places[number].root if number in self.places else number, NUMPY)

    def array(self, place: Place, dtype: Any, pool: Array) -> Array:
        """The array at a place in the pool."""
        return np.ndarray(place.shape, dtype, pool, self.pool[place.root] + place.offset, place.strides)

    def notes(self) -> dict[int, str]:
        """What is special about where values are stored, in words."""
        notes = dict.fromkeys((join for join, copied in self.copies.items() if not copied), "in place already")
        for number, place in self._inside.items():
            words = f"written to v{place.root}" if place.root in self._joins else f"in place of v{place.root}"
            notes[number] = f"{notes[number]}, {words}" if number in notes else words
        return notes

    def _kinds(self) -> dict[int, str]:
        program, lives = self._program, self._lives
        kind = dict.fromkeys([*program.inputs, *program.seeds, *program.constants], GIVEN)
        for step in program.steps:
            number = step.out
            if lives.root[number] != number or (number in self._homes and number not in self._loops):
                continue
            if number in self._loops or number in self._kernels or number in self._joins:
                callers = lives.last[number] == len(program.steps) or number in lives.pinned
                kind[number] = FRESH if callers else POOL
            else:
                kind[number] = POOL if takes_buffer(program, step, lives) else NUMPY
        return kind

    def _join(self, step: Step, at: int) -> None:
        """Let whatever computes the parts write them into the joined array; other parts are copied."""
        whole = blank(self._program.values[step.out])
        axis = step.settings.get("axis", 0) % whole.ndim
        copies, start = [], 0
        for part in step.args[0]:
            length = 1 if step.function is np.stack else self._program.values[part.number].shape[axis]
            along = start if step.function is np.stack else slice(start, start + length)
            start += length
            place = region_of(step.out, whole, whole[(*(slice(None),) * axis, along, ...)])
            if self._lies_inside(part.number, place):
                self._inside[part.number] = place
            elif part.number in self._loops and self._is_there(step.out, self._loops[part.number], at):
                self.stores.setdefault(part.number, []).append(place)
            else:
                copies.append((part.number, place))
        self.copies[step.out] = copies

    def _can_move(self, number: int) -> bool:
        """Whether a result can be stored in the memory of another one."""
        return number not in self._inside and (number in self._kernels or number in self._joins)

    def _lies_inside(self, number: int, region: Place) -> bool:
        """Whether a part can be stored in a joined array with its own layout, so that nothing is written twice."""
        if not self._can_move(number):
            return False
        axes = zip(region.shape, region.strides, self._program.values[number].strides, strict=True)
        return self.kind[number] == self.kind[region.root] == POOL and all(n == 1 or a == b for n, a, b in axes)

    def _is_there(self, number: int, writes: int, at: int) -> bool:
        """Whether the memory of a joined array exists already when a loop writes a part."""
        return self.kind[number] == POOL or (writes < self._cut) == (at < self._cut)

    def _in_place(self) -> dict[int, Place]:
        """For elementwise steps, an argument that is not needed afterwards: the result takes its place."""
        fixed = {*self._inside, *self._joins, *self._loops, *self._homes}  # what shares memory with others already
        alone = {number for number, kind in self.kind.items() if kind == POOL} - fixed
        found = dict[int, Place]()
        for at, step in enumerate(self._program.steps):
            elementwise = isinstance(step.function, np.ufunc) and step.function.signature is None
            if step.out not in alone or not elementwise:
                continue
            value = self._program.values[step.out]
            for number in step.reads:
                if number in alone and self._program.values[number] == value and self._lives.last[number] == at:
                    found[step.out] = Place(number, 0, value.shape, value.strides)
                    break
        return found

    def _in_joins_only(self) -> set[int]:
        """Results of loops that only joins read, which hold them in their own memory."""
        wanted, readers = self._program.wanted(), self._program.readers()

        def elsewhere(number: int, reader: Step) -> bool:
            if reader.out in self.copies:
                return any(number == part for part, _ in self.copies[reader.out])
            return self._homes.get(reader.out) != self._loops[number]

        joined = [number for number in self.stores if number not in wanted]
        for number, places in self.stores.items():
            self.stores[number] = [*map(self._resolved, places)]
        for number, parts in self.copies.items():
            self.copies[number] = [(part, self._resolved(place)) for part, place in parts]
        return {number for number in joined if not any(elsewhere(number, reader) for reader in readers[number])}

    def _resolved(self, place: Place) -> Place:
        """A place relative to the array that owns the memory."""
        while (within := self._inside.get(place.root)) is not None:
            place = place._replace(root=within.root, offset=place.offset + within.offset)
        return place

    def _places(self) -> dict[int, Place]:
        values, places = self._program.values, dict[int, Place]()
        for number, kind in self.kind.items():
            if number in self.silent or type(values[number]) is tuple:
                continue
            value = values[number]
            places[number] = self._resolved(Place(number, 0, value.shape, value.strides))
            for place in self.stores.get(number, ()) if kind == POOL else ():
                if number not in self._inside and place.strides == value.strides and self.kind[place.root] == POOL:
                    places[number] = place  # it is stored in the joined array itself
                    self.stores[number].remove(place)
                    break
        for step in self._program.steps:
            if step.view is not None and step.view.number in places:
                places[step.out] = self._view(step, step.view, places[step.view.number])
        return places

    def _view(self, step: Step, of: Ref, base: Place) -> Place:
        """The place of a view of a value."""
        arrays = {number: blank(self._program.values[number]) for number in step.reads}
        view, whole = step.on(arrays), arrays[of.number]
        return region_of(base.root, whole, view)._replace(offset=base.offset + address(view) - address(whole))

    def written(self, number: int) -> list[Place]:
        """Where a loop writes a result: to its own place, if it has one, and into joined arrays."""
        own = [] if number in self.silent else [self.places[number]]
        return [*own, *self.stores.get(number, ())]

    def touched(self, item: Item) -> list[Place]:
        """The places that an item reads and writes."""
        if isinstance(item, Group):
            return [self.places[n] for n in item.reads] + [place for n in item.writes for place in self.written(n)]
        if self._lives.root[item.out] != item.out:
            return []
        reads = [part for part, _ in self.copies[item.out]] if item.out in self.copies else item.reads
        return [self.places[number] for number in (*reads, item.out) if number in self.places]

    def _in_use(self, piecewise: bool) -> dict[int, list[Span]]:
        """For each root in the pool, which of its bytes are in use for how long."""
        regions: dict[int, dict[tuple[int, int], tuple[int, int]]] = {}
        for at, item in enumerate(self._items):
            for place in self.touched(item):
                if self.kind[place.root] == POOL:
                    value = self._program.values[place.root]
                    found = regions.setdefault(place.root, {})
                    bounds = place.bounds(value.dtype.itemsize) if piecewise else (0, value.nbytes)
                    found[bounds] = found.get(bounds, (at, at))[0], at
        return {root: spans_of(found) for root, found in regions.items()}


def spans_of(regions: Mapping[tuple[int, int], tuple[int, int]]) -> list[Span]:
    """Adjacent spans of bytes, each in use from the first to the last time of the regions that it is in.

    Args:
        regions: by their first byte and the one behind the last, the first and the last time of their use.
    """
    borders = np.unique([*regions])
    first, last = np.full(len(borders), np.iinfo(np.int64).max), np.full(len(borders), -1)
    for bounds, (one, other) in regions.items():
        part = slice(*np.searchsorted(borders, bounds))
        first[part], last[part] = np.minimum(first[part], one), np.maximum(last[part], other)
    return [
        Span(start, stop - start, one, other)
        for (start, stop), one, other in zip(pairwise(borders.tolist()), first.tolist(), last.tolist(), strict=False)
        if other >= 0
    ]
