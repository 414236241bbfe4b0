"""Constants that steps take: which of them are states, and which are inputs, drawn as boxes; the rest is in labels.

The graph does not say what a constant is. Its *role* tells: the op that takes it, and what that takes at other steps.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence, Set
from heapq import merge
from itertools import islice, product
from typing import NamedTuple

import numpy as np

from tinyseq.structure.paths import reached
from tinyseq.structure.record import Shape
from tinyseq.viz.content.boxes import Argument, Box, Role, Sheet
from tinyseq.viz.content.columns import Column, Zone
from tinyseq.viz.content.states import running_totals
from tinyseq.viz.content.values import MOST_COMPARED, Identity, Values, identity, is_shifted


class StatesRead(NamedTuple):
    """The states of one loop that a box reads: a row of them, one step after another, or a single one.

    Attributes:
        slot: their slot.
        shape: of the first of them, as the box reads it.
        first: the number of the argument that is the first of them.
        alone: whether it is a single one, to which a constant is added on either side.
        phase: of the loop.
        step: of the first of them.
        first_step: the first that the loop makes.
        way: 1 for a loop that runs forward, -1 for one that runs backward.
    """

    slot: Hashable
    shape: Shape
    first: int
    alone: bool
    phase: int
    step: int
    first_step: int
    way: int

    def column_before(self, number: int) -> Column | None:
        """The column of the state in whose place an argument stands, if that is before the first step."""
        step = self.step - self.way * abs(self.first - number)
        return Column(self.phase, step, "start") if (self.first_step - step) * self.way > 0 else None


class Constants:
    """The constants of a sheet.

    Args:
        sheet: the drawing's content: its boxes, and the arrows between them.
        boxes: those of ops.
        timed: the slot of the state that each role takes; it gets those of states that were changed before their use.
        delays: how many steps later that is.
        fed: roles that take a state at some steps, and data at others.

    Attributes:
        first: each constant's role, and the first role that takes the same array in all columns, as x[t] twice.
        inputs: the first roles of those constants that are inputs.
        within: for roles of values that an op made of a state, the roles of the other constants it is made of.
        padded: what stands in a row before states, as in ``stack([zeros, h[0], h[1]])``, and zeros added to the
            first: the state that it is before the first step. None for zeros after the states, which fill the row up.
        shifted: inputs that another one has been some steps before, or will be: its role, and how many steps later.
    """

    def __init__(
        self,
        sheet: Sheet,
        boxes: Sequence[Box],
        timed: dict[Role, Hashable],
        delays: dict[Role, int],
        fed: Set[Role],
    ) -> None:
        self.sheet, self.boxes, self.timed, self.delays, self.fed = sheet, boxes, timed, delays, fed
        self.values = Values(sheet)
        self.within: dict[Role, list[Role]] = {}
        self.arrays = {(box, role): self.values.kept(argument) for box, role, argument in self._taken()}
        self.computed = self._follow_states()
        self.first = self._first()
        self.begun = self._begun()
        self.padded = self._padded()
        leading = self._leading()
        roles = {
            role
            for box, role, argument in self._taken()
            if (box, role) not in self.padded
            if role in fed or not (role in timed or self.state(box, role))
            if self._meets_weight(box, argument) or (box.slot in leading and self._is_fed(box, argument))
        }
        self.inputs = {self.first[role] for role in roles}
        self.shifted = self._shifted()

    def state(self, box: Box, role: Role) -> tuple[Hashable, int] | None:
        """The slot and the step of the initial state that a constant is, if another op takes it as that."""
        array = self.arrays.get((box, role))
        found = self.begun.get((box.column.phase, identity(array)), {}) if box.column and array is not None else {}
        return next(((state, at) for state, (_, at) in found.items() if len(found) == 1), None)

    def _padded(self) -> dict[tuple[Box, Role], tuple[Hashable, Column] | None]:
        """What `padded` says, of boxes that join the states of a loop in a row or add a constant to one of them.

        A constant of the states' shape in such a place may be a state, too: the place tells of which step. If that lies
        before the first one, the constant is what the loop begins with; zeros elsewhere in a row fill it up. If
        different arrays could be the same state, none of them is: then it is not known which.
        """
        found: dict[tuple[Box, Role], tuple[Hashable, Column] | None] = {}
        candidates = defaultdict[tuple[Hashable, Column] | None, set[Hashable]](set)  # the arrays for each state
        carried = {*self.timed.values()}
        for box in self.boxes:
            if (states := self._states_read(box, carried)) is None:
                continue
            for role, argument in box.roles():
                array = self.arrays.get((box, role))
                if array is None or array.shape != states.shape:
                    continue
                zeros, column = not self._ever(box, argument), states.column_before(role[1])
                if column and (zeros if states.alone else role[1] < states.first):
                    found[box, role] = state = states.slot, column
                    candidates[state].add(identity(array).numbers)
                elif zeros and not states.alone:
                    found[box, role] = None
        return {place: state for place, state in found.items() if len(candidates[state]) < 2}

    def _states_read(self, box: Box, carried: Set[Hashable]) -> StatesRead | None:
        """The states that a box joins in a row, or the one that it adds to something; None if it does neither.

        Args:
            box: the box.
            carried: the slots of all states.
        """
        vertices, grouping = self.sheet.record.vertices, self.sheet.grouping
        read = [(number, end) for (_, number), argument in box.roles() for end in argument.ends]
        slots = {grouping.slots.get(end.vertex) for _, end in read}
        alone = vertices[box.vertices[-1]].operator == "+" and len(read) == 1
        if len(slots) != 1 or not slots <= carried or not (alone or self._is_row(box)):
            return None
        first, end = read[0]
        use = box.arguments[first]
        source, output = vertices[use.vertex].parents[use.position] or (end.vertex, end.output)
        phase, way = grouping.phase_of(end.vertex), self._way(end.vertex)
        return StatesRead(
            grouping.slots[end.vertex],
            vertices[source].shapes[output],
            first,
            alone,
            phase,
            step=end.step or 0,
            first_step=self.sheet.timeline.steps[phase][0 if way > 0 else -1],
            way=way,
        )

    def _way(self, vertex: int) -> int:
        """1 for a loop that runs forward, -1 for one that runs backward."""
        loop = self.sheet.timeline.loop_of.get(vertex)
        return -1 if loop is not None and self.sheet.timeline.loops[loop].backward else 1

    def _is_row(self, box: Box) -> bool:
        """Whether a box joins values as one step after another: side by side, or each as one row."""
        join = self.sheet.record.vertices[box.vertices[-1]]
        if join.kind == "join":
            shapes = [self.sheet.record.vertices[parent[0]].shapes[parent[1]] for parent in join.parents if parent]
            return all(shape[join.attrs["axis"]] == 1 for shape in shapes)
        return join.kind == "stacking"

    def _ever(self, box: Box, argument: Argument) -> bool:
        """Whether a constant is other than zero at any step."""
        uses = [*islice(self.sheet.over_time(box, argument), MOST_COMPARED)]
        return any(np.any(array) for use in uses if (array := self.values.kept(use)) is not None)

    def _taken(self) -> Iterator[tuple[Box, Role, Argument]]:
        """The constants, and where they are taken."""
        for box in self.boxes:
            for role, argument in box.roles():
                if not argument.ends and not argument.weights:
                    yield box, role, argument

    def _follow_states(self) -> set[Role]:
        """The roles of constants in whose place other steps take what they compute, as a memory that has been read.

        Zeros where others take what they made of a state and constants, as of a state and a mask, are the zeros that
        the state begins with.
        """
        made: dict[tuple[Hashable, Column | None], tuple[Role, list[Role]]] = {}
        found: dict[Role, tuple[Role, list[Role]]] = {}
        computed = set[Role]()
        slots = self.sheet.grouping.slots
        for box in self.boxes:  # parents come first
            states, others, plain = set[Role](), list[Role](), True
            for role, argument in box.roles():
                ends = (end.vertex for end in argument.ends if end.vertex in slots)
                sources = dict.fromkeys((slots[vertex], box.column) for vertex in ends)
                if role in self.timed:
                    states.add(role)
                elif sources and sources.keys() <= made.keys():
                    states |= {made[source][0] for source in sources}
                    others += [other for source in sources for other in made[source][1]]
                    found[role] = made[next(iter(sources))]
                elif argument.ends or argument.weights:
                    plain = False
                    computed |= {role} if argument.ends else set()
                else:
                    others.append(role)
            if plain and len({self.timed[state] for state in states}) == 1:
                nearest = min(states, key=lambda role: (abs(self.delays.get(role, 1)), role[1]))
                made[box.slot, box.column] = nearest, others
        others_than_zeros = {role for (_, role), array in self.arrays.items() if array is None or np.any(array)}
        for role in {role for _, role in self.arrays} & found.keys() - others_than_zeros:
            if role not in self.timed:
                state, self.within[role] = found[role]
                self.timed[role] = self.timed[state]
                if state in self.delays:
                    self.delays[role] = self.delays[state]
        return computed | found.keys() - self.timed.keys()

    def _first(self) -> dict[Role, Role]:
        taken: dict[Role, dict[Column | Zone, Hashable]] = {}
        for (box, role), array in self.arrays.items():
            place = box.column or box.zone
            taken.setdefault(role, {})[place] = (box, role) if array is None else identity(array)
        # the numbers of the roles that take an array in a place: comparing all with all would take their square
        holders = defaultdict[tuple[Column | Zone, Hashable], list[int]](list)
        for index, arrays in enumerate(taken.values()):
            for held in arrays.items():
                holders[held].append(index)
        roles = [*taken]
        first: dict[Role, Role] = {}
        for role, arrays in taken.items():
            alike = (roles[index] for index in merge(*(holders[held] for held in arrays.items())))
            first[role] = next(other for other in alike if _agree(arrays, taken[other]))
        return first

    def _shifted(self) -> dict[Role, tuple[Role, int]]:
        """Of several inputs of a phase that are parts of one sequence, as x[t - 1] and x[t], all but the current one,
        which is the first that does not begin with a padding of zeros."""
        phases = defaultdict[int, dict[Role, dict[int, Identity]]](dict)
        for box, role, argument in self._taken():
            if box.column and box.step is not None and self.first[role] == role in self.inputs:
                phases[box.column.phase][role] = self.values.held(box, argument)
        placed: dict[Role, tuple[Role, int]] = {}  # each input: the current one of its sequence, and how far from it
        for held in phases.values():
            padded = {role for role, arrays in held.items() if arrays and arrays[min(arrays)].is_zero}
            for role in sorted(held, key=padded.__contains__):
                near = product(held.keys() & placed.keys(), range(1, MOST_COMPARED), (-1, 1))
                ways = ((other, way * by) for other, by, way in near if is_shifted(held[other], held[role], way * by))
                other, by = next(ways, (role, 0))
                base, before = placed.get(other, (role, 0))
                placed[role] = base, before + by
        return {role: place for role, place in placed.items() if place[0] != role}

    def _begun(self) -> dict[tuple[int, Identity], dict[Hashable, tuple[int, int]]]:
        """The states that each array begins, for each phase: how many steps before its first use, and at which step."""
        begun = defaultdict[tuple[int, Identity], dict[Hashable, tuple[int, int]]](dict)
        states = self.timed.keys() - self.fed
        for box in self.boxes:
            for role, argument in box.roles():
                for use in self.sheet.alike(box, argument)[:MOST_COMPARED] if role in states and box.column else ():
                    if box.column and (array := self.values.kept(use)) is not None:
                        delay, known = self.delays.get(role, 1), begun[box.column.phase, identity(array)]
                        found = abs(delay), (self.sheet.record.vertices[use.vertex].step or 0) - delay
                        known[self.timed[role]] = min(found, known.get(self.timed[role], found))
        return begun

    def _leading(self) -> set[Hashable]:
        """The slots of what leads to a state other than a running total, or to a weight."""
        feeding = defaultdict[Hashable, set[Hashable]](set)
        for arrow in self.sheet.arrows:
            if arrow.kind == "data":
                feeding[arrow.head.slot].add(arrow.tail.slot)
        found = {*self.timed.values()} - running_totals(self.sheet, {*self.timed.values()})
        found |= {box.slot for box in self.boxes if any(argument.weights for argument in box.arguments)}
        return {*reached(found, feeding.__getitem__)}

    def _meets_weight(self, box: Box, argument: Argument) -> bool:
        """Whether a constant is data: it is joined with other values, or meets a weight, and is no fixed number."""
        if self.sheet.joins(box) or not any(other.weights for other in box.arguments):
            return self.sheet.joins(box)
        if self.sheet.record.vertices[argument.vertex].kind == "product":
            return True
        if np.size(self.values.constant(argument)) > 1:
            return True
        return box.step is not None and self._is_fed(box, argument, adds=True)

    def _is_fed(self, box: Box, argument: Argument, adds: bool = False) -> bool:
        """Whether a constant differs by step and is not a mask, nor a number that something is multiplied by."""
        uses = [*islice(self.sheet.over_time(box, argument), MOST_COMPARED)]
        adds = adds or self.sheet.record.vertices[argument.vertex].operator in {"+", "-"}
        found = [self.values.constant(use) for use in uses]
        arrays = [array for array in found if array is not None]
        if len(arrays) < len(uses):
            return adds
        alike = all(np.array_equal(array, arrays[0]) for array in arrays)
        if alike and (len(arrays) > 1 or arrays[0].size == 1):
            return False
        numbers = {*np.concatenate([array.ravel() for array in arrays]).tolist()} - {0}
        return adds if max(array.size for array in arrays) == 1 else adds or len(numbers) > 1


def _numbers(held: Hashable) -> Hashable:
    return held.numbers if isinstance(held, Identity) else held


def _agree(one: Mapping[Column | Zone, Hashable], other: Mapping[Column | Zone, Hashable]) -> bool:
    """Whether two roles take the same numbers in every column or zone that has both, and in one the same array."""
    both = one.keys() & other.keys()
    return any(one[place] == other[place] for place in both) and all(
        _numbers(one[place]) == _numbers(other[place]) for place in both
    )


def others_than_states(sheet: Sheet, boxes: Sequence[Box], states: Collection[Role]) -> set[Role]:
    """Of the roles of states, those whose constants cannot be one: they have another shape than what other steps take
    there, or another weight is applied to them, as to a picture that the first step reads in place of a word."""
    found: set[Role] = set()
    vertices, weights = sheet.record.vertices, sheet.grouping.weights

    def applied(argument: Argument) -> frozenset[int]:
        made = vertices[argument.vertex]
        sources = made.made_of if made.kind == "product" else ()  # not what is added, as the score of a start
        return frozenset(leaf for source in sources for leaf in weights.get(source, ()))

    for box in (box for box in boxes if box.step is not None):
        for role, argument in box.roles():
            if argument.ends or argument.weights or role not in states:
                continue
            uses = [(use, vertices[use.vertex].parents[use.position]) for use in sheet.over_time(box, argument)]
            others = {use: vertices[source[0]].shapes[source[1]] for use, source in uses if source}
            array = sheet.record.constant(argument.vertex, argument.position)
            fits = any(_spreads(np.shape(array), shape) for shape in others.values())
            tied = {applied(use) for use in others}
            if others and not (fits and (applied(argument) in tied or len(tied) > 1 or len(others) == 1)):
                found.add(role)
    return found


def _spreads(shape: Shape, other: Shape) -> bool:
    """Whether an array of the first shape can be broadcast to the second one."""
    return len(shape) <= len(other) and all(a in {1, b} for a, b in zip(shape[::-1], other[::-1], strict=False))
