"""Fusion: runs of elementwise steps become one loop, so that intermediate values never reach memory.

Nothing here changes a result, or depends on how a loop is generated. An executor says which of the things that it runs,
steps or nodes, a loop can compute (`About`), and generates one kernel for each kind of `Group`.
"""

import operator
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from tinyseq.backend import Array
from tinyseq.compiler.passes import lifetimes
from tinyseq.compiler.program import Program
from tinyseq.compiler.recording.outcomes import Outcomes
from tinyseq.compiler.steps import Kind, Ref, Step, key, mapped

Shape = tuple[int, ...]
LARGEST = 64  # the most steps in a group: a longer loop runs out of registers, and is slow to compile


class Member(Protocol):
    """A step, or what an executor makes of it."""

    @property
    def out(self) -> int:
        """The number of its result."""


M = TypeVar("M", bound=Member)


class Group(NamedTuple):
    """Elementwise steps whose results have the same shape: element k of each needs only element k of the others.

    Attributes:
        shape: of every result; values from outside are broadcast to it.
        steps: in their order.
        reads: numbers of the values that come from outside the group.
        writes: numbers of the results that are used outside of it.
    """

    shape: Shape
    steps: tuple[Any, ...]
    reads: tuple[int, ...]
    writes: tuple[int, ...]

    def __str__(self) -> str:
        written = ", ".join(f"v{number}" for number in self.writes)
        return "\n    ".join([f"{written} = one loop over {self.shape}:", *map(str, self.steps)])


class About(NamedTuple):
    """What fusion needs to know of a step.

    Attributes:
        shape: of its result, if a loop over the elements can compute it; otherwise None.
        each: the numbers of the values of which element k of the result needs only element k.
        whole: the numbers of the values that must be complete before it.
        is_view: whether it takes no time.
        size: how much of the largest group it takes up.
    """

    shape: Shape | None
    each: Sequence[int] = ()
    whole: Sequence[int] = ()
    is_view: bool = False
    size: int = 1


Item = Step | Group
Able = Callable[[Step], bool]  # whether an executor's kernels can compute a step


def elementwise(program: Program, step: Step, able: Able) -> bool:
    """Whether a loop over the elements of the result can compute a step."""
    value = program.values[step.out]
    if type(value) is tuple or not (value.ndim and value.size and step.fixed and able(step)):
        return False
    return all(type(program.values[number]) is not tuple for number in step.reads)


def fuse(program: Program, able: Able, largest: int = LARGEST) -> tuple[list[Item], list[Item]]:
    """The steps and groups of the forward pass, and those of the backward pass.

    Args:
        program: stays unchanged.
        able: whether the executor's kernels can compute a step.
        largest: the maximum number of steps in a group.
    """
    root, wanted = lifetimes(program).root, program.wanted()
    late = wanted | {number for step in program.halves[1] for number in step.reads}

    def about(step: Step) -> About:
        if root[step.out] != step.out:
            return About(None, whole=step.reads, is_view=True)
        if elementwise(program, step, able):
            return About(program.values[step.out].shape, each=step.reads)
        return About(None, whole=step.reads)

    first, second = program.halves
    return grouped(first, about, late, largest), grouped(second, about, wanted, largest)


def grouped(steps: Sequence[M], about: Callable[[M], About], used: set[int], largest: int) -> list[M | Group]:
    """Reorder steps so that elementwise ones that can share a loop are adjacent, and make groups of these.

    Each step is moved down to the loop that reads its result, if nothing in between reads it. Views are moved down to
    their first use: they take no time.

    Args:
        steps: of one pass.
        about: what each of them is.
        used: the values that are needed after this pass.
        largest: the maximum size of a group.
    """
    run = _Run(about, largest)
    for step in reversed(steps):
        run.take(step)
    return run.items(used)


class _Run(Generic[M]):
    """The items of one pass, found from its last step to its first; places count from the end."""

    def __init__(self, about: Callable[[M], About], largest: int) -> None:
        self._about, self._largest = about, largest
        self._places: list[list[M]] = []
        self._loops: dict[int, Shape] = {}  # the shape of the loop at a place
        self._sizes: dict[int, int] = {}  # how large it is
        self._newest: dict[Shape, int] = {}  # the place of the last loop over each shape
        self._views: dict[int, list[M]] = {}  # by the place of their first use
        self._before: dict[int, int] = {}  # for each value, the place of an item that needs it complete
        self._within: dict[int, int] = {}  # for each value, the place of a loop that reads it element by element

    def take(self, step: M) -> None:
        """Choose a place for a step, once all steps that read its result have theirs."""
        about = self._about(step)
        if about.is_view:
            place = max(self._before.get(step.out, -1), self._within.get(step.out, -1))
            self._views.setdefault(place, []).append(step)
        elif about.shape is not None:
            place = self._loop(step.out, about.shape, about.size)
            self._places[place].append(step)
        else:
            place = len(self._places)
            self._places.append([step])
        for reads, uses in ((about.each, self._within), (about.whole, self._before)):
            for number in reads:
                uses[number] = max(place, uses.get(number, -1))

    def _loop(self, out: int, shape: Shape, size: int) -> int:
        """The place of the loop that a step can join, or of a new one."""
        complete, read = self._before.get(out, -1), self._within.get(out, -1)
        for place in (read, self._newest.get(shape, -1)):
            fits = self._loops.get(place) == shape and self._sizes[place] + size <= self._largest
            if fits and complete < place and read <= place:
                self._sizes[place] += size
                return place
        place = self._newest[shape] = len(self._places)
        self._loops[place], self._sizes[place] = shape, size
        self._places.append([])
        return place

    def items(self, used: set[int]) -> list[M | Group]:
        """All items in order; values in ``used`` are needed after this pass."""
        home = {step.out: place for place, steps in enumerate(self._places) for step in steps}
        used = used | self._before.keys()
        for place, steps in enumerate(self._places):
            used |= {number for step in steps for number in self._reads(step) if home.get(number) != place}
        found: list[M | Group] = []
        for place in range(len(self._places) - 1, -2, -1):
            found += reversed(self._views.get(place, ()))
            steps = self._places[place][::-1] if place >= 0 else []
            if place in self._loops:
                made = {step.out for step in steps}
                reads = dict.fromkeys(n for step in steps for n in self._reads(step) if n not in made)
                writes = tuple(step.out for step in steps if step.out in used)
                found.append(Group(self._loops[place], tuple(steps), tuple(reads), writes))
            else:
                found += steps
        return found

    def _reads(self, step: M) -> Iterable[int]:
        about = self._about(step)
        return (*about.each, *about.whole)


def computed(group: Group, arrays: dict[int, Array]) -> dict[int, Array]:
    """What a kernel for a group computes, done with NumPy: its writes from its reads."""
    values = {number: arrays[number] for number in group.reads}
    for step in group.steps:
        values[step.out] = step.on(values)
    return {number: values[number] for number in group.writes}


def merged(shape: Sequence[int], strides: Sequence[Sequence[int]]) -> tuple[Shape, list[Shape]]:
    """The same elements with as few axes as possible: without those of length 1, and with neighbours merged."""
    axes: list[tuple[int, list[int]]] = []
    for axis, length in enumerate(shape):
        mine = [p[axis] for p in strides]
        if length == 1:
            continue
        if axes and all(before == now * length for before, now in zip(axes[-1][1], mine, strict=True)):
            axes[-1] = axes[-1][0] * length, mine
        else:
            axes.append((length, mine))
    return tuple(n for n, _ in axes), [tuple(own[i] for _, own in axes) for i in range(len(strides))]


def push_views(program: Program, able: Able) -> None:
    """Take views of the operands instead of views of an elementwise result: ``(x + y)[a]`` becomes ``x[a] + y[a]``.

    Only if all readers of the result are views that together are no larger. The elementwise step can then join the
    loops of the steps that read those views.
    """
    changed = set[int]()
    while pushed := _read_by_views(program, able):
        program.replace_steps(partial(_pushed, _Views(program), pushed, changed))
    if changed:
        lay_out_again(program, changed)


def _pushed(new: "_Views", pushed: dict[int, Step], changed: set[int], step: Step) -> list[Step]:
    """The steps that replace one, if some steps are to be computed where their views are read."""
    source = pushed.get(step.args[0].number) if _is_view(step) else None
    if source is None:
        return [] if step.out in pushed else [step]
    changed.add(step.out)
    return new.steps(source, step)


def _is_view(step: Step) -> bool:
    """Whether a step is a view that can also be taken of the operands; its index must not depend on the inputs."""
    return step.function in (operator.getitem, np.transpose) and type(step.args[0]) is Ref and len(step.reads) == 1


def _read_by_views(program: Program, able: Able) -> dict[int, Step]:
    """The elementwise steps that only views read, by the numbers of their results."""
    wanted, readers = program.wanted(), program.readers()
    found = {}
    for step in program.steps:
        views = readers.get(step.out, [])
        if step.out in wanted or not views or any(v.view is None or not _is_view(v) for v in views):
            continue
        size = sum(program.values[view.out].size for view in views)
        if size <= program.values[step.out].size and elementwise(program, step, able):
            found[step.out] = step
    return found


class _Views:
    """Views that replace others; each is taken once."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._known: dict[Any, Ref] = {}

    def steps(self, source: Step, view: Step) -> list[Step]:
        """The steps for a view of an elementwise result: views of its operands, and then the elementwise step."""
        values = self._program.values
        shape, steps = values[source.out].shape, list[Step]()

        def taken(function: Callable[..., Any], ref: Ref, *args: Any) -> Ref:
            seen = function, ref, key(args)
            if seen not in self._known:
                steps.append(self._program.view(function, ref, *args))
                self._known[seen] = Ref(steps[-1].out)
            return self._known[seen]

        def viewed(ref: Ref) -> Ref:
            value = values[ref.number]
            if not value.ndim:
                return ref
            whole = ref if value.shape == shape else taken(np.broadcast_to, ref, shape)
            return taken(view.function, whole, *view.args[1:])

        args = mapped(source.args, Ref, viewed)
        return [*steps, Step(view.out, source.function, args, source.settings)]


def lay_out_again(program: Program, changed: set[int], chosen: Callable[[Step], Kind | None] | None = None) -> None:
    """Update the layouts of results after some have changed: a step's layout depends on those of its arguments.

    Args:
        program: is modified.
        changed: the values whose layout has changed; this function adds to it.
        chosen: the kind of a step's result if it should differ from NumPy's, otherwise None. By default, products keep
            theirs.
    """
    outcomes = Outcomes()
    for place, step in enumerate(program.steps):
        before = program.values[step.out]
        kind = chosen(step) if chosen is not None else before if step.function is np.matmul else None
        if kind is not None:
            changed |= {step.out} if kind != before else set()
            program.values[step.out] = kind
            continue
        reads = set(step.reads)
        kinds = [program.values[number] for number in reads]
        # where an index is among the arguments, it determines the layout, as far as it is fixed at all
        indexed = not step.fixed or any(type(kind) is tuple or kind.dtype.kind in "iu" for kind in kinds)
        if indexed or not (step.out in changed or changed & reads):
            continue
        found = outcomes.of(step.function, step.args, step.settings, program.values)
        if found.kind != before:
            changed.add(step.out)
        program.values[step.out] = found.kind
        program.steps[place] = step._replace(view=found.owner(step.args, step.settings))
