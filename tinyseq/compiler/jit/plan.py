"""Where a program's values are stored: in planned memory, in the caller's arrays, or in arrays that NumPy makes."""

from typing import Any, NamedTuple

import numpy as np

from tinyseq.backend import Array
from tinyseq.compiler.fusion import Group, Item
from tinyseq.compiler.packing import Span, packed
from tinyseq.compiler.passes import layout, lifetimes, takes_buffer
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Ref, Step, blank

GIVEN, POOL, FRESH, NUMPY = "given", "pool", "fresh", "NumPy's"
LOOPED = tuple(np.dtype(kind) for kind in "?bhilqBHILQfdFD")  # what a loop can copy; Numba has no float16 here


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


def region_of(root: int, whole: Array, view: Array) -> Place:
    """The place of a view of a root that fills its memory."""
    return Place(root, address(view) - address(whole), view.shape, view.strides)


def address(array: Array) -> int:
    """The address of an array's first element."""
    return int(array.__array_interface__["data"][0])


class Plan:
    """The places of all values.

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

    def __init__(self, program: Program, forward: list[Item], backward: list[Item], products: set[int]) -> None:
        self._program, self._products = program, products
        self._items, self._cut = [*forward, *backward], len(forward)
        self._lives = lifetimes(program)
        groups = [(at, item) for at, item in enumerate(self._items) if isinstance(item, Group)]
        self._loops = {number: at for at, group in groups for number in group.writes}
        self._homes = {step.out: at for at, group in groups for step in group.steps}
        self._multiplied = {
            item.out: at for at, item in enumerate(self._items) if isinstance(item, Step) and item.out in products
        }
        self._inside: dict[int, Place] = {}  # joined arrays, and results of products, that are stored in a longer array
        self._filled = set[int]()  # joined arrays that hold some of these
        self._stored: dict[int, list[tuple[int, list[Any]]]] = {}  # for each join, the stored parts and their indices
        self.kind = self._kinds()
        self.stores: dict[int, list[Place]] = {}
        self.copies: dict[int, list[tuple[int, Place]]] = {}
        for at, item in enumerate(self._items):
            if isinstance(item, Step) and self.is_join(item):
                self._join(item, at)
        self.silent = self._in_joins_only()
        self.places = self._places()
        self.pool, self.size = self._assigned()

    def is_join(self, step: Step) -> bool:
        """Whether a step joins arrays of one type, so that its parts can be written directly into the result."""
        value, parts = self._program.values[step.out], step.args[0] if step.args else None
        if type(value) is tuple or value.dtype not in LOOPED:
            return False
        if (
            step.function not in (np.concatenate, np.stack)
            or len(step.args) != 1
            or not isinstance(parts, list | tuple)
        ):
            return False
        if step.settings.keys() - {"axis"} or type(step.settings.get("axis", 0)) is not int or not value.size:
            return False
        kinds = [self._program.values[part.number] for part in parts if type(part) is Ref]
        alike = all(type(kind) is not tuple and kind.dtype == value.dtype for kind in kinds)
        return alike and len(kinds) == len(parts) and layout(value) is not None

    def _kinds(self) -> dict[int, str]:
        program, lives = self._program, self._lives
        kind = dict.fromkeys([*program.inputs, *program.seeds, *program.constants], GIVEN)
        for item in self._items:
            for step in item.steps if isinstance(item, Group) else [item]:
                number = step.out
                if lives.root[number] != number or (number in self._homes and number not in self._loops):
                    continue
                if number in self._loops or number in self._products or self.is_join(step):
                    callers = lives.last[number] == len(program.steps) or number in lives.pinned
                    kind[number] = FRESH if callers else POOL
                else:
                    kind[number] = POOL if takes_buffer(program, step, lives) else NUMPY
        return kind

    def _join(self, step: Step, at: int) -> None:
        """Let the loops that compute the parts write them into the joined array; other parts are copied."""
        whole = blank(self._program.values[step.out])
        axis = step.settings.get("axis", 0) % whole.ndim
        stored, copies, start = [], [], 0
        for part in step.args[0]:
            length = 1 if step.function is np.stack else self._program.values[part.number].shape[axis]
            along = start if step.function is np.stack else slice(start, start + length)
            index, start = (*(slice(None),) * axis, along, ...), start + length
            place = region_of(step.out, whole, whole[index])
            if self._lies_inside(part.number, place, at):
                self._inside[part.number] = place
                self._filled.add(step.out)
            elif part.number in self._loops and self._is_there(step.out, self._loops[part.number], at):
                stored.append((part.number, [index]))
            elif self._by_loops_alone(part.number) and self._leaves_there(step.out, part.number, at):
                stored += [(leaf, [index, *inner]) for leaf, inner in self._stored[part.number]]
            else:
                copies.append((part.number, place))
        self._stored[step.out], self.copies[step.out] = stored, copies
        for leaf, indices in stored:
            region = whole
            for index in indices:
                region = region[index]
            self.stores.setdefault(leaf, []).append(region_of(step.out, whole, region))

    def _lies_inside(self, number: int, region: Place, at: int) -> bool:
        """Whether a part can be stored in a joined array with its own layout, so that nothing is written twice."""
        alike = self.kind.get(number) == self.kind[region.root] == POOL
        if not alike or number in self._inside or region.strides != self._program.values[number].strides:
            return False
        if number in self._multiplied:
            return self._is_there(region.root, self._multiplied[number], at)
        return number in self._stored and not self.copies[number] and self._leaves_there(region.root, number, at)

    def _is_there(self, number: int, writes: int, at: int) -> bool:
        """Whether the memory of a joined array exists already when a loop writes a part."""
        return self.kind[number] == POOL or (writes < self._cut) == (at < self._cut)

    def _by_loops_alone(self, join: int) -> bool:
        """Whether loops compute all parts of a join, so that they can write them to a longer one instead."""
        return join in self._stored and not self.copies[join] and join not in self._filled

    def _leaves_there(self, number: int, part: int, at: int) -> bool:
        return all(self._is_there(number, self._loops[leaf], at) for leaf, _ in self._stored[part])

    def _in_joins_only(self) -> set[int]:
        """Results that only joins read, which hold them in their own memory."""
        wanted, readers = self._program.wanted(), self._program.readers()

        def elsewhere(number: int, reader: Step) -> bool:
            if reader.out in self._stored:
                return any(number == part for part, _ in self.copies[reader.out])
            return self._homes.get(reader.out, -1) != self._loops.get(number, -2)

        found = set()
        for number in [*self._loops, *(number for number in self._stored if number not in self._inside)]:
            joined = any(reader.out in self._stored for reader in readers.get(number, ()))
            if joined and number not in wanted and not any(elsewhere(number, r) for r in readers[number]):
                found.add(number)
        for number, places in self.stores.items():
            self.stores[number] = [self._resolved(place) for place in places if place.root not in found]
        for number, parts in self.copies.items():
            self.copies[number] = [(part, self._resolved(place)) for part, place in parts]
        return found

    def _resolved(self, place: Place) -> Place:
        """A place relative to the array that owns the memory."""
        while (within := self._inside.get(place.root)) is not None:
            place = place._replace(root=within.root, offset=place.offset + within.offset)
        return place

    def _places(self) -> dict[int, Place]:
        values, places = self._program.values, dict[int, Place]()
        for number, kind in self.kind.items():
            value = values[number]
            if type(value) is tuple or number in self.silent:
                continue
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

    def touched(self, item: Item) -> list[int]:
        """The roots of the values that an item reads and writes."""
        if isinstance(item, Group):
            stores = [place for number in item.writes for place in self.stores.get(number, ())]
            own = [number for number in (*item.reads, *item.writes) if number not in self.silent]
            return [self.places[number].root for number in own] + [place.root for place in stores]
        if self._lives.root[item.out] != item.out or item.out in self.silent:
            return []
        reads = [part for part, _ in self.copies[item.out]] if item.out in self.copies else item.reads
        return [self.places[number].root for number in (*reads, item.out) if number in self.places]

    def _assigned(self) -> tuple[dict[int, int], int]:
        """The offset of each planned value in the pool; memory is reused after a value's last use."""
        first, last = dict[int, int](), dict[int, int]()
        for at, item in enumerate(self._items):
            for root in self.touched(item):
                first.setdefault(root, at)
                last[root] = at
        values = self._program.values
        return packed(
            {
                root: [Span(0, values[root].nbytes, at, last[root])]
                for root, at in first.items()
                if self.kind[root] == POOL
            }
        )
