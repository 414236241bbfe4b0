"""Execution of a program with Numba: loops and products become kernels; everything else calls NumPy.

The generated Python function of each pass has one call for each run of kernels: a compiled driver calls them one after
another.
"""

from collections.abc import Callable
from importlib.util import find_spec
from math import prod
from typing import Any

import numpy as np

from tinyseq.backend import Array
from tinyseq.compiler.executors import Changed
from tinyseq.compiler.fusion import Group, Item, fuse, push_views
from tinyseq.compiler.jit import cache, threads
from tinyseq.compiler.jit.formulas import Operand, axes_of, body, form, kernel_numbers, kernel_source
from tinyseq.compiler.jit.gathers import multiply_tables, rows_of
from tinyseq.compiler.jit.joins import share_joins
from tinyseq.compiler.jit.plan import ALIGNMENT, FRESH, GIVEN, NUMPY, POOL, Place, Plan, address
from tinyseq.compiler.jit.products import Product, product_of
from tinyseq.compiler.jit.recompute import keep_less
from tinyseq.compiler.jit.rows import lay_out_in_rows
from tinyseq.compiler.jit.sums import sums_of
from tinyseq.compiler.jit.threads import Call, Span, Work, shared, stretches
from tinyseq.compiler.jit.tiles import pack_weights, risen, split_joins, split_stacks, sunk, tiled_of
from tinyseq.compiler.passes import drop_dead, layout, lifetimes, share_common
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Ref, Step, refs


class Memory:
    """What one run writes to.

    Attributes:
        bases: the addresses that kernels add their offsets to; the pool's comes first.
        views: arrays in the pool, for NumPy's functions.
    """

    def __init__(self, size: int, bases: list[int], views: list[tuple[int, Any, Any, Any]]) -> None:
        pool = np.empty(size + ALIGNMENT, np.uint8)
        start = -address(pool) % ALIGNMENT
        self.bases = np.array([address(pool) + start, *bases], np.int64)
        self.views = [np.ndarray(shape, dtype, pool, start + offset, steps) for offset, shape, dtype, steps in views]
        self.pool = pool


class Executor:
    """An executable program; see `tinyseq.compiler.executors.Executor`.

    Attributes:
        program: what it runs.
        items: its steps and loops, forward and backward.
        sizes: the bytes of planned memory.
    """

    def __init__(self, program: Program) -> None:
        if find_spec("numba") is None:
            raise RuntimeError('ts.compile(..., executor="numba") needs Numba: pip install "tinyseq[jit]"')
        self.program = program
        self.items = prepared(program)
        self._root = lifetimes(program).root
        products = {step.out: product_of(program, step, self._root) for step in program.steps}
        self._products = {number: product for number, product in products.items() if product is not None}
        tiled = {s.out: tiled_of(program, s) or rows_of(program, s) or sums_of(program, s) for s in program.steps}
        self._tiled = {number: product for number, product in tiled.items() if product is not None}
        self._plan = Plan(program, *self.items, {*self._products, *self._tiled})
        self.sizes = [self._plan.size]
        self._code: list[int] = []
        self._threads = threads.count()
        self._bases: dict[int, int] = {}  # for each root outside the pool, its place in the table
        self._views: dict[tuple[Any, ...], int] = {}
        self._names: dict[str, Any] = {"asarray": np.asarray, "Changed": Changed, "drive": cache.from_runtime("drive")}
        self._names |= {"address": address, "empty": np.empty, "placed": placed, "team": threads.team}
        self._names |= {f"v{number}": value for number, value in program.constants.items()}
        kernels = [[item for item in items if self._is_kernel(item)] for items in self.items]
        touched = [{root for item in items for root in self._plan.touched(item)} for items in kernels]
        self._in_kernels = touched[0] | touched[1]
        objects = [self._objects(items) for items in self.items]
        objects[0] |= self._sources({*program.outputs, *(number for number, _ in program.guards)})
        objects[1] |= self._sources(set(program.gradients))
        made = {step.out for step in program.steps[: program.forward]}
        late = objects[1] | {root for root in touched[1] if self._plan.kind[root] in (FRESH, NUMPY)}
        self._kept = sorted(number for number in late & made if self._kind(number) != POOL)
        self.forward = self._function("forward", objects[0] | set(self._kept), [*program.outputs, *self._kept])
        self.backward = self._function("backward", objects[1], program.gradients)
        self._names["code"] = np.array(self._code, np.int64)
        self._constants = [address(program.constants[root]) if root in program.constants else 0 for root in self._bases]

    def memory(self) -> Memory:
        """New memory for one run at a time."""
        return Memory(self._plan.size, self._constants, list(self._views))

    def _is_kernel(self, item: Item) -> bool:
        if isinstance(item, Group):
            return True
        return item.out in self._products or item.out in self._tiled or item.out in self._plan.copies

    def _kind(self, number: int) -> str:
        """The kind of memory that a value is stored in."""
        return self._plan.kind.get(self._plan.places[number].root if number in self._plan.places else number, NUMPY)

    def _objects(self, items: list[Item]) -> set[int]:
        """The values that NumPy's functions read."""
        calls = [i for i in items if isinstance(i, Step) and not self._is_kernel(i) and self._root[i.out] == i.out]
        return self._sources({number for call in calls for number in call.reads})

    def _sources(self, numbers: set[int]) -> set[int]:
        """Values, together with those that they are views of."""
        by_number = {step.out: step for step in self.program.steps}
        found, left = set[int](), list(numbers)
        while left:
            number = left.pop()
            if number not in found:
                found.add(number)
                step = by_number.get(number)
                if step is not None and self._root[number] != number and self._kind(number) != POOL:
                    left += step.reads
        return found

    def _function(self, name: str, objects: set[int], results: list[int]) -> Callable[..., Any]:
        """Generate a Python function of a pass, and compile it."""
        program = self.program
        first = name == "forward"
        items = self.items[0 if first else 1]
        lines = [f"def {name}(inputs, memory, kept=(), seeds=()):", " bases, m = memory.bases, memory.views"]
        for source, numbers in [("inputs", program.inputs)] if first else [("seeds", program.seeds)]:
            for place, number in enumerate(numbers):
                given = f"{source}[{place}]"
                taken = (
                    given if program.values[number].ndim else f"{given} = asarray({given})"
                )  # a scalar has no memory
                lines += [f" v{number} = {taken}", *self._checked(number, f"{given} = ")]
        if not first:
            lines += [f" v{n} = inputs[{i}]" for i, n in enumerate(program.inputs) if n in objects]
            lines += [f" v{number} = kept[{place}]" for place, number in enumerate(self._kept)]
        guards = dict(program.guards) if first else {}
        lines += [_guard(number, truth) for number, truth in guards.items() if number in program.inputs]
        lines += [line for item in items if self._is_kernel(item) for line in self._fresh(item)]
        waiting: list[Work] = []  # the kernels added since the last line of Python
        for item in items:
            if isinstance(item, Group) or self._is_kernel(item):
                waiting += self._works(item)
            elif new := self._lines(item, objects, guards):
                lines += [*self._driven(waiting), *new]
                waiting = []
        lines += self._driven(waiting)
        outside = {*program.inputs, *program.seeds, *program.constants}
        parts = [self._word(Ref(n)) + (".copy()" if not first and self._root[n] in outside else "") for n in results]
        lines.append(f" return ({''.join(f'{part}, ' for part in parts)})")
        made: dict[str, Callable[..., Any]] = {}
        exec(compile("\n".join(lines), f"<tinyseq {name}>", "exec"), self._names, made)
        return made[name]

    def _driven(self, works: list[Work]) -> list[str]:
        """Add kernels to the code: lines that run them."""
        lines = list[str]()
        start = len(self._code)
        for run, together in stretches(works):
            if together and self._threads > 1:
                lines += [f" drive(code, bases, {start}, {len(self._code)})"] if len(self._code) > start else []
                lines.append(f" team({self._threads}).run(code, bases, {self._named(self._table(run))})")
                start = len(self._code)
            else:
                for work in run:
                    self._code += work.whole().numbers
        return [*lines, f" drive(code, bases, {start}, {len(self._code)})"] if len(self._code) > start else lines

    def _table(self, works: list[Work]) -> Array:
        """Add work that threads share to the code; returns where each part begins and ends in each segment."""
        segments = shared(works, self._threads)
        table = [len(segments), self._threads]
        for segment in segments:
            for calls in segment:
                table.append(len(self._code))
                for call in calls:
                    self._code += call.numbers
                table.append(len(self._code))
        return np.array(table, np.int64)

    def _checked(self, number: int, target: str = "") -> list[str]:
        """Lines that give an array its example's strides, and put its address in the table."""
        value = self.program.values[number]
        if not value.size:
            return []
        lines = [f" if v{number}.strides != {value.strides} or not v{number}.flags.aligned:"]
        lines.append(f"  v{number} = {target}placed(v{number}, {value.strides})")
        return lines + self._addressed(number)

    def _addressed(self, root: int) -> list[str]:
        return [f" bases[{self._base(root)[0]}] = address(v{root})"] if root in self._in_kernels else []

    def _fresh(self, item: Item) -> list[str]:
        """Lines that allocate the new arrays that an item writes to."""
        lines = []
        for number in item.writes if isinstance(item, Group) else [item.out]:
            value, order = self.program.values[number], layout(self.program.values[number])
            if self._plan.kind[number] == FRESH and order is not None:
                shape = tuple(value.shape[axis] for axis in order)
                back = tuple(map(int, np.argsort(order)))
                made, straight = f"empty({shape}, {self._named(value.dtype)}", (*range(value.ndim),)
                if back == straight:  # not a view, which would be copied as a gradient: another may hold its memory
                    lines.append(f" v{number} = {made})")
                elif back == straight[::-1]:
                    lines.append(f' v{number} = empty({shape[::-1]}, {self._named(value.dtype)}, "F")')
                else:
                    lines.append(f" v{number} = {made}).transpose({back})")
                lines += self._addressed(number)
        return lines

    def _base(self, root: int) -> tuple[int, int]:
        """A root's place in the table of addresses, and its offset from there."""
        if self._plan.kind[root] == POOL:
            return 0, self._plan.pool[root]
        return self._bases.setdefault(root, len(self._bases) + 1), 0

    def _at(self, place: Place) -> tuple[int, int]:
        base, offset = self._base(place.root)
        return base, offset + place.offset

    def _works(self, item: Item) -> list[Work]:
        """The loops or the product of an item."""
        if isinstance(item, Group):
            return [self._loop(item)]
        if item.out in self._plan.copies and item.out not in self._products:
            return self._copies(item)
        return [self._product(item)]

    def _loop(self, group: Group) -> Work:
        lines, names = body(self.program, group)
        places, plan = [self._plan.places[number] for number in group.reads], self._plan
        targets = []
        for number in group.writes:
            own = [] if number in plan.silent else [plan.places[number]]
            targets += [(number, place) for place in [*own, *plan.stores.get(number, ())]]
        types = [self.program.values[number].dtype for number in (*group.reads, *(number for number, _ in targets))]
        return self._kernel(
            group.shape, [*places, *(place for _, place in targets)], types, lines, [names[n] for n, _ in targets]
        )

    def _copies(self, join: Step) -> list[Work]:
        found = []
        for part, place in self._plan.copies[join.out]:
            dtype = self.program.values[part].dtype
            if 0 not in place.shape:
                found.append(self._kernel(place.shape, [self._plan.places[part], place], [dtype, dtype], [], ["r0"]))
        return found

    def _kernel(
        self, shape: tuple[int, ...], places: list[Place], types: list[Any], lines: list[str], written: list[str]
    ) -> Work:
        """A loop over a shape that reads from the first places, and writes the named values to the others."""
        reads, shape = len(places) - len(written), shape or (1,)
        places = [place._replace(shape=shape, strides=broadcast(place, shape)) for place in places]
        along = places[reads].strides
        axis = max(range(len(shape)), key=lambda axis: (shape[axis] > 1, abs(along[axis])))

        def call(start: int, stop: int) -> Call:
            mine = [place.part(axis, start, stop) for place in places]
            sizes, strides = axes_of(mine[0].shape, [place.strides for place in mine], reads)
            operands = tuple([Operand(*parts) for parts in zip(types, strides, strict=True)])
            writes = tuple(zip(written, operands[reads:], strict=True))
            found = cache.kernel(kernel_source(tuple(lines), operands[:reads], writes))
            arrays = [(*self._at(place), operand) for place, operand in zip(mine, operands, strict=True)]
            return self._entry(found.address, kernel_numbers(sizes, arrays), mine, types, reads)

        return Work(call, shape[axis], 0.05 * prod(shape) * (len(lines) + len(places)))

    def _entry(self, address: int, numbers: list[int], places: list[Place], types: list[Any], reads: int) -> Call:
        """A call of a kernel; it writes to all places but the first ones."""
        spans: list[list[Span]] = [[], []]
        for index, (place, dtype) in enumerate(zip(places, types, strict=True)):
            if self._plan.kind[place.root] != GIVEN:
                base, offset = self._at(place)
                ends = [(length - 1) * step for length, step in zip(place.shape, place.strides, strict=True)]
                low, high = sum(end for end in ends if end < 0), sum(end for end in ends if end > 0)
                spans[index >= reads].append(Span(base, offset + low, offset + high + dtype.itemsize))
        return Call([len(numbers) + 2, address, *numbers], *spans)

    def _product(self, step: Step) -> Work:
        numbers = *step.reads, step.out
        places, types = [self._plan.places[n] for n in numbers], [self.program.values[n].dtype for n in numbers]
        made = self._tiled.get(step.out) or self._products[step.out]

        def call(start: int, stop: int) -> Call:
            mine = [place.part(axis, start, stop) for place, axis in zip(places, made.axes, strict=True)]
            words = made.numbers(stop - start, [self._at(place) for place in mine])
            if isinstance(made, Product):
                kernel = cache.from_runtime("product")
            else:
                kernel = cache.kernel(made.source(stop - start))
            return self._entry(kernel.address, words, mine, types, len(mine) - 1)

        return Work(call, made.rows, made.cost)

    def _lines(self, step: Step, objects: set[int], guards: dict[int, bool]) -> list[str]:
        """A step as lines of Python code; none if it is a view that only kernels read."""
        if self._root[step.out] == step.out:
            return self._call(step) + ([_guard(step.out, guards[step.out])] if step.out in guards else [])
        wanted = step.out in objects and self._kind(step.out) != POOL
        return [f" v{step.out} = {self._called(step)}"] if wanted else []

    def _call(self, step: Step) -> list[str]:
        """A call of a NumPy function as lines of Python code."""
        value, number = self.program.values[step.out], step.out
        out = f", out={self._word(Ref(number))}" if self._kind(number) == POOL else ""
        call = self._called(step, out)
        if type(value) is tuple:
            return [f" v{number} = {call}"]
        lines = [f" v{number} = {call if value.ndim else f'asarray({call})'}"]  # NumPy returns a scalar for 0-d arrays
        if not step.fixed:
            lines.append(f" if v{number}.shape != {value.shape}: raise Changed")
        return lines + (self._checked(number) if number in self._in_kernels and not out else [])

    def _called(self, step: Step, out: str = "") -> str:
        words = [self._word(part) for part in step.args]
        words += [f"{name}={self._word(part)}" for name, part in step.settings.items()]
        return f"{self._named(step.function)}({', '.join(words)}{out})"

    def _word(self, tree: Any) -> str:
        """An argument as Python code."""
        if type(tree) is Ref:
            return self._view(tree.number) if self._kind(tree.number) == POOL else f"v{tree.number}"
        if isinstance(tree, tuple | list) and any(True for _ in refs(tree)):
            parts = "".join(f"{self._word(part)}, " for part in tree)
            return f"[{parts}]" if isinstance(tree, list) else f"({parts})"
        return self._named(tree)

    def _view(self, number: int) -> str:
        """An array in the pool."""
        place = self._plan.places[number]
        seen = self._at(place)[1], place.shape, self.program.values[number].dtype, place.strides
        return f"m[{self._views.setdefault(seen, len(self._views))}]"

    def _named(self, value: Any) -> str:
        """A name for an object that the program uses as it is."""
        name = f"k{id(value)}"
        self._names[name] = value  # which keeps it alive, so that its id is not reused
        return name


def _guard(number: int, truth: bool) -> str:
    return f" if bool(v{number}) is not {truth}: raise Changed"


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
    early, late = split_stacks(program), split_joins(program)
    pack_weights(program)
    forward, backward = fuse(program, able)
    sums = {step.out for step in program.steps if sums_of(program, step)}  # over rows shared by several threads
    items = sunk(forward, early), risen(sunk(backward, sums), late)
    flat = [item.steps if isinstance(item, Group) else [item] for half in items for item in half]
    program.steps = [step for steps in flat for step in steps]
    return items


def placed(array: Array, strides: tuple[int, ...]) -> Array:
    """A copy of an array, with other strides."""
    below = sum(step * (length - 1) for step, length in zip(strides, array.shape, strict=True) if step < 0)
    above = sum(step * (length - 1) for step, length in zip(strides, array.shape, strict=True) if step > 0)
    found: Array = np.ndarray(
        array.shape, array.dtype, np.empty(above - below + array.itemsize, np.uint8), -below, strides
    )
    found[...] = array
    return found


def broadcast(place: Place, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of an array that is broadcast to a shape."""
    missing = len(shape) - len(place.shape)
    steps = [0 if own == 1 else step for own, step in zip(place.shape, place.strides, strict=True)]
    return (0,) * missing + tuple(steps)
