"""Execution of a program with Numba: loops and products become kernels; everything else calls NumPy.

Each pass has one call for each run of kernels: a compiled driver calls them one after another.
"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import numpy as np

from tinyseq.backend import Array
from tinyseq.compiler.fusion import Group, Item, fuse, push_views
from tinyseq.compiler.jit import threads
from tinyseq.compiler.jit.code import BASES, Code
from tinyseq.compiler.jit.kernels import Kernel
from tinyseq.compiler.jit.loops import body, form, loop
from tinyseq.compiler.jit.passes.gathers import multiply_tables, rows_of
from tinyseq.compiler.jit.passes.joins import share_joins
from tinyseq.compiler.jit.passes.recompute import keep_less
from tinyseq.compiler.jit.passes.rows import lay_out_in_rows
from tinyseq.compiler.jit.passes.tiles import pack_weights, split_stacks, sunk, tiled_of
from tinyseq.compiler.jit.products import product_of
from tinyseq.compiler.jit.sums import sums_of
from tinyseq.compiler.jit.threads import Call, Span, Work
from tinyseq.compiler.memory.plan import FRESH, GIVEN, NUMPY, POOL, Place, Plan, address
from tinyseq.compiler.passes import drop_dead, is_join, lifetimes, share_common
from tinyseq.compiler.program import Program
from tinyseq.compiler.running import Known, Memory, Pass, Runner
from tinyseq.compiler.steps import Kind, Step, blank

LOOPED = tuple(np.dtype(kind) for kind in "?bhilqBHILQfdFD")  # what a loop can copy; Numba has no float16 here


class Executor(Runner):
    """An executable program; see `tinyseq.compiler.executors.Executor`.

    Attributes:
        program: what it runs.
        items: its steps and loops, forward and backward.
        code: the calls of its kernels.
    """

    def __init__(self, program: Program) -> None:
        if find_spec("numba") is None:
            raise RuntimeError('ts.compile(..., executor="numba") needs Numba: pip install "tinyseq[jit]"')
        self.items = prepared(program)
        self._kernels = kernels_of(program)
        joins = {s.out for s in program.steps if is_join(program, s) and program.values[s.out].dtype in LOOPED}
        plan = Plan(program, self.items, {*self._kernels}, joins, piecewise=False)
        super().__init__(program, plan)
        self.code = Code(threads.count())
        self._bases: dict[int, int] = {}  # for each root outside the pool, its place in the table
        kernels = [[item for item in items if self._is_kernel(item)] for items in self.items]
        touched = [{place.root for item in items for place in plan.touched(item)} for items in kernels]
        self._in_kernels = touched[0] | touched[1]
        late = self._read(1, {*program.gradients})
        self.kept = self._not_in_memory(late | {root for root in touched[1] if plan.kind[root] in (FRESH, NUMPY)})
        early = self._read(0, {*program.outputs, *self.kept, *(number for number, _ in program.guards)})
        self._calls = self._calls_of(0, early), self._calls_of(1, late)
        self._places = {root: self._base(root)[0] for root in self._in_kernels}
        looked_at = {*program.inputs, *program.seeds, *self._in_kernels}
        self._strides = {n: program.values[n].strides for n in looked_at if program.values[n].size}
        self._constants = [address(program.constants[root]) if root in program.constants else 0 for root in self._bases]

    def _known(self, block: Array) -> Known:
        return {BASES: np.array([address(block), *self._constants], np.int64)}

    def given(self, numbers: list[int], arrays: list[Array], memory: Memory) -> Known:
        """Put given arrays where kernels find them."""
        for place, number in enumerate(numbers):
            arrays[place] = self._found(number, np.asarray(arrays[place]), memory.known)  # a scalar has no memory
        return dict(zip(numbers, arrays, strict=True))

    def _found(self, number: int, array: Array, known: Known) -> Array:
        """An array with its example's strides, and its address in the table."""
        strides = self._strides.get(number)
        if strides is not None:
            if array.strides != strides or not array.flags.aligned:
                array = placed(array, strides)
            if number in self._places:
                known[BASES][self._places[number]] = address(array)
        return array

    def _is_kernel(self, item: Item) -> bool:
        if isinstance(item, Group):
            return True
        return item.out in self._kernels or item.out in self.plan.copies

    def _read(self, half: int, wanted: set[int]) -> set[int]:
        """Values that a pass must have as arrays: those that are wanted, and what NumPy's functions read."""
        found = {*wanted}
        for item in reversed(self.items[half]):
            if isinstance(item, Step) and self._is_called(item, found):
                found.update(item.reads)
        return found

    def _is_called(self, step: Step, read: set[int]) -> bool:
        """Whether NumPy computes a step: views only if they are read as arrays, and are not in memory already."""
        viewed = step.view is None or (step.out in read and not self._in_memory(step.out))
        return viewed and not self._is_kernel(step)

    def _calls_of(self, half: int, read: set[int]) -> list[Step | Callable[[Known], None]]:
        """The calls of a pass: steps that NumPy computes, and runs of kernels between them."""
        values, kind, items = self.program.values, self.plan.kind, self.items[half]
        kernels = [item for item in items if self._is_kernel(item)]
        written = [number for item in kernels for number in (item.writes if isinstance(item, Group) else [item.out])]
        new = [(number, fresh(values[number])) for number in written if kind[number] == FRESH]
        calls: list[Step | Callable[[Known], None]] = [partial(self._allocate, new)]
        waiting = list[Work]()  # the kernels since the last call of NumPy
        for item in items:
            if isinstance(item, Step) and not self._is_kernel(item):
                if self._is_called(item, read):
                    calls += [*self.code.added(waiting), item]
                    waiting = []
            else:
                waiting += self._works(item)
        return [*calls, *self.code.added(waiting)]

    def _bound(self, half: int, there: Known, block: Array) -> Pass:
        calls = Pass()
        for call in self._calls[half]:
            if not isinstance(call, Step):
                calls.add_late(call)
                continue
            self._add(calls, call, there)
            if call.out in self._in_kernels and not self._in_memory(call.out):
                calls.add_late(partial(self._locate, call.out))
        return calls

    def _allocate(self, arrays: list[tuple[int, Callable[[], Array]]], known: Known) -> None:
        """Allocate the new arrays that kernels write to."""
        for number, made in arrays:
            known[number] = self._found(number, made(), known)

    def _base(self, root: int) -> tuple[int, int]:
        """A root's place in the table of addresses, and its offset from there."""
        if self.plan.kind[root] == POOL:
            return 0, self.plan.pool[root]
        return self._bases.setdefault(root, len(self._bases) + 1), 0

    def _at(self, place: Place) -> tuple[int, int]:
        base, offset = self._base(place.root)
        return base, offset + place.offset

    def _works(self, item: Item) -> list[Work]:
        """The loops of an item, or its kernel."""
        plan = self.plan
        if isinstance(item, Group):
            lines, names = body(self.program, item)
            targets = [(number, place) for number in item.writes for place in plan.written(number)]
            numbers = [*item.reads, *(number for number, _ in targets)]
            places = [*(plan.places[number] for number in item.reads), *(place for _, place in targets)]
            return [self._loop(item.shape, numbers, places, lines, [names[number] for number, _ in targets])]
        if item.out in plan.copies:
            copies = [(part, place) for part, place in plan.copies[item.out] if 0 not in place.shape]
            return [self._loop(to.shape, [part, part], [plan.places[part], to], [], ["r0"]) for part, to in copies]
        numbers = [*item.reads, item.out]
        return [self._work(self._kernels[item.out], numbers, [plan.places[number] for number in numbers], 1)]

    def _loop(
        self, shape: tuple[int, ...], numbers: list[int], places: list[Place], lines: list[str], written: list[str]
    ) -> Work:
        """A loop over a shape that reads from the first places, and writes the named values to the others."""
        shape = shape or (1,)
        places, types = [place.broadcast(shape) for place in places], [self.program.values[n].dtype for n in numbers]
        kernel = loop(shape, [place.strides for place in places], types, lines, written)
        return self._work(kernel, numbers, places, len(written))

    def _work(self, kernel: Kernel, numbers: list[int], places: list[Place], writes: int) -> Work:
        """A kernel for values at some places; it writes to the last ones."""
        sizes = [self.program.values[number].dtype.itemsize for number in numbers]

        def call(start: int, stop: int) -> Call:
            mine = [place.part(axis, start, stop) for place, axis in zip(places, kernel.axes, strict=True)]
            at, spans = [self._at(place) for place in mine], list[Span | None]()
            for place, (base, offset), size in zip(mine, at, sizes, strict=True):
                low, high = place._replace(offset=offset).bounds(size)
                spans.append(None if self.plan.kind[place.root] == GIVEN else Span(base, low, high))
            words = [kernel.compiled(stop - start).address, *kernel.given(stop - start, at)]
            reads, written = ([span for span in some if span] for some in (spans[:-writes], spans[-writes:]))
            return Call([len(words) + 1, *words], reads, written)

        return Work(call, kernel.rows, kernel.cost)

    def _locate(self, number: int, known: Known) -> None:
        known[number] = self._found(number, known[number], known)


def kernels_of(program: Program) -> dict[int, Kernel]:
    """The kernels of the steps that have one, by the numbers of their results."""
    root, found = lifetimes(program).root, dict[int, Kernel]()
    for step in program.steps:
        kernel = product_of(program, step, root) or tiled_of(program, step)
        kernel = kernel or rows_of(program, step) or sums_of(program, step)
        if kernel is not None:
            found[step.out] = kernel
    return found


def prepared(program: Program) -> tuple[list[Item], list[Item]]:
    """The program as steps and loops, in the order in which they run; the program's steps get that order, too."""
    able = lambda step: form(program, step) is not None
    multiply_tables(program)
    lay_out_in_rows(program)
    share_joins(program)
    push_views(program, able)
    share_common(program)
    drop_dead(program)
    keep_less(program, able)
    products = split_stacks(program)
    pack_weights(program)
    forward, backward = fuse(program, able)
    sums = {step.out for step in program.steps if sums_of(program, step)}  # over rows shared by several threads
    items = sunk(forward, products), sunk(backward, sums)
    flat = [item.steps if isinstance(item, Group) else [item] for half in items for item in half]
    program.steps = [step for steps in flat for step in steps]
    return items


def fresh(value: Kind) -> Callable[[], Array]:
    """Makes new arrays of some kind; if possible not views, which are copied as gradients: others may hold them."""
    rows = tuple(range(value.ndim))
    if value.order in (rows, rows[::-1]):
        return partial(np.empty, value.shape, value.dtype, "C" if value.order == rows else "F")
    return partial(blank, value)


def placed(array: Array, strides: tuple[int, ...]) -> Array:
    """A copy of an array, with other strides."""
    found = blank(Kind(array.shape, array.dtype, strides))
    found[...] = array
    return found
