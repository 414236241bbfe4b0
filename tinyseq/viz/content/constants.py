"""Constants that steps take: which of them are states, and which are inputs, drawn as boxes; the rest is in labels."""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Set
from heapq import merge
from itertools import product
from typing import NamedTuple

import numpy as np

from tinyseq.structure.grouping import End
from tinyseq.structure.paths import reached
from tinyseq.structure.record import Shape
from tinyseq.viz.content.boxes import Argument, Box, Slot
from tinyseq.viz.content.columns import Column, Zone
from tinyseq.viz.content.roles import Role, Roles
from tinyseq.viz.content.states import running_totals
from tinyseq.viz.content.values import MOST_COMPARED, Identity, identity, is_shifted

Place = tuple[Box, Role]


class StatesRead(NamedTuple):
    """The states of one loop that a box reads: a row of them, one step after another, or a single one.

    Attributes:
        number: of the argument that is the first of them.
        first: the first of them.
        shape: that of the first, as the box reads it.
        alone: whether it is a single one, to which a constant is added on either side.
    """

    number: int
    first: End
    shape: Shape
    alone: bool


class Constants:
    """What the constants of a sheet are; of inputs, their roles tell it: see `Role`.

    Args:
        roles: the roles of all arguments, in which the states are known.

    Attributes:
        begun: for each phase and array, the states that it begins: how many steps before its first use, and at which.
        padded: what stands in a row before states, as in ``stack([zeros, h[0], h[1]])``, and zeros added to the
            first: the state that it is before the first step. None for zeros after the states, which fill the row up.
    """

    def __init__(self, roles: Roles) -> None:
        self.roles, self.sheet, self.values = roles, roles.sheet, roles.sheet.values
        self.taken = {(taken.box, taken.role): taken.array for taken in roles.constants}
        self._find_first()
        self.begun = self._begun()
        self.padded = self._padded()
        self._find_inputs()
        self._find_shifted()

    def state(self, box: Box, role: Role) -> tuple[Slot, int] | None:
        """The slot and the step of the initial state that a constant is, if another op takes it as that."""
        array = self.taken[box, role]
        found = self.begun.get((box.column.phase, identity(array)), {}) if box.column and array is not None else {}
        return next(((state, at) for state, (_, at) in found.items() if len(found) == 1), None)

    def _find_first(self) -> None:
        arrays = defaultdict[Role, dict[Column | Zone, Hashable]](dict)
        for box, argument, role, array in self.roles.constants:
            at_step = None if array is None else self.values.constant(argument, box.step)
            arrays[role][box.place] = (box, role) if array is None else identity(at_step)
        # the roles that take an array in a place: comparing all with all would take their square
        holders = defaultdict[tuple[Column | Zone, Hashable], list[Role]](list)
        order = {role: i for i, role in enumerate(arrays)}
        for role, held in arrays.items():
            for each in held.items():
                holders[each].append(role)
            alike = merge(*(holders[each] for each in held.items()), key=order.__getitem__)
            first = next(other for other in alike if _agree(held, arrays[other]))
            role.same_as = None if first is role else first  # a reference to itself would leave garbage

    def _begun(self) -> dict[tuple[int, Identity], dict[Slot, tuple[int, int]]]:
        begun = defaultdict[tuple[int, Identity], dict[Slot, tuple[int, int]]](dict)
        for box, role, argument in self.roles.arguments():
            if box.column is None or role.state is None or role.mixed:
                continue
            delay = 1 if role.delay is None else role.delay
            for use in self.sheet.alike(box, argument)[:MOST_COMPARED]:
                if (array := self.values.kept(use)) is not None:
                    known = begun[box.column.phase, identity(array)]
                    found = abs(delay), (self.sheet.record.vertices[use.vertex].step or 0) - delay
                    known[role.state] = min(found, known.get(role.state, found))
        return begun

    def _padded(self) -> dict[Place, tuple[Slot, Column] | None]:
        """What `padded` says, of boxes that join the states of a loop in a row or add a constant to one of them.

        A constant of the states' shape in such a place may be a state, too: the place tells of which step. If that lies
        before the first one, the constant is what the loop begins with; zeros elsewhere in a row fill it up. If
        different arrays could be the same state, none of them is: then it is not known which.
        """
        found: dict[Place, tuple[Slot, Column] | None] = {}
        candidates = defaultdict[tuple[Slot, Column] | None, set[Hashable]](set)  # the arrays for each state
        carried = self.roles.states()
        read = {box: self._states_read(box, carried) for box in {taken.box: None for taken in self.roles.constants}}
        for box, argument, role, array in self.roles.constants:
            if array is None or (states := read[box]) is None or np.shape(array) != states.shape:
                continue
            vertex = states.first.vertex
            phase, way = self.sheet.grouping.phase_of(vertex), self.sheet.way(vertex)
            step = (states.first.step or 0) - way * abs(states.number - role.number)
            early = (self.sheet.timeline.steps[phase][0 if way > 0 else -1] - step) * way > 0
            zeros = not self._ever(box, argument)
            if early and (zeros if states.alone else role.number < states.number):
                found[box, role] = state = self.sheet.grouping.slots[vertex], Column(phase, step, "start")
                candidates[state].add(identity(array).numbers)
            elif zeros and not states.alone:
                found[box, role] = None
        return {place: state for place, state in found.items() if len(candidates[state]) < 2}

    def _states_read(self, box: Box, carried: Set[Slot]) -> StatesRead | None:
        """The states that a box joins in a row, or the one that it adds to something; None if it does neither.

        Args:
            box: the box.
            carried: the slots of all states.
        """
        vertices = self.sheet.record.vertices
        read = [(number, end) for number, argument in enumerate(box.arguments) for end in argument.ends]
        slots = {self.sheet.grouping.slots.get(end.vertex) for _, end in read}
        alone = vertices[box.vertices[-1]].operator == "+" and len(read) == 1
        if len(slots) != 1 or not slots <= carried or not (alone or self._is_row(box)):
            return None
        number, first = read[0]
        use = box.arguments[number]
        source, output = vertices[use.vertex].parents[use.position] or (first.vertex, first.output)
        return StatesRead(number, first, vertices[source].shapes[output], alone)

    def _is_row(self, box: Box) -> bool:
        """Whether a box joins values as one step after another: side by side, or each as one row."""
        join = self.sheet.record.vertices[box.vertices[-1]]
        if join.kind == "join":
            shapes = [self.sheet.record.vertices[parent[0]].shapes[parent[1]] for parent in join.parents if parent]
            return all(shape[join.attrs["axis"]] == 1 for shape in shapes)
        return join.kind == "stacking"

    def _ever(self, box: Box, argument: Argument) -> bool:
        """Whether a constant is other than zero at any step."""
        arrays = self.values.compared(box, argument).values()
        return any(array is not None and np.any(array) for array in arrays)

    def _find_inputs(self) -> None:
        leading = self._leading()
        for box, argument, role, _ in self.roles.constants:
            if (box, role) in self.padded or not (role.mixed or (role.state is None and not self.state(box, role))):
                continue
            if self._meets_weight(box, argument) or (box.slot in leading and self._is_fed(box, argument)):
                role.first.is_input = True

    def _leading(self) -> set[Slot]:
        """The slots of what leads to a state other than a running total, or to a weight."""
        feeding = defaultdict[Slot, set[Slot]](set)
        for arrow in self.sheet.arrows:
            if arrow.kind == "data":
                feeding[arrow.head.slot].add(arrow.tail.slot)
        states = self.roles.states()
        weighted = {box.slot for box in self.roles.boxes if any(argument.weights for argument in box.arguments)}
        return {*reached(weighted | (states - running_totals(self.sheet, states)), feeding.__getitem__)}

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
        adds = adds or self.sheet.record.vertices[argument.vertex].operator in {"+", "-"}
        found = [*self.values.compared(box, argument).values()]
        arrays = [array for array in found if array is not None]
        if len(arrays) < len(found):
            return adds
        alike = all(np.array_equal(array, arrays[0]) for array in arrays)
        if alike and (len(arrays) > 1 or arrays[0].size == 1):
            return False
        numbers = {*np.concatenate([array.ravel() for array in arrays]).tolist()} - {0}
        return adds or (len(numbers) > 1 and max(array.size for array in arrays) > 1)

    def _find_shifted(self) -> None:
        """Of several inputs of a phase that are parts of one sequence, as x[t - 1] and x[t], all but the current one,
        which is the first that does not begin with a padding of zeros."""
        phases = defaultdict[int, dict[Role, dict[int, Identity]]](dict)
        for box, argument, role, _ in self.roles.constants:
            if box.column and box.step is not None and role.same_as is None and role.is_input:
                phases[box.column.phase][role] = self.values.held(box, argument)
        placed: dict[Role, tuple[Role, int]] = {}  # each input: the current one of its sequence, and how far from it
        for held in phases.values():
            padded = {role for role, arrays in held.items() if arrays and arrays[min(arrays)].is_zero}
            for role in sorted(held, key=padded.__contains__):
                near = product([other for other in held if other in placed], range(1, MOST_COMPARED), (-1, 1))
                ways = ((other, way * by) for other, by, way in near if is_shifted(held[other], held[role], way * by))
                other, by = next(ways, (role, 0))
                base, before = placed.get(other, (role, 0))
                placed[role] = base, before + by
        for role, (base, later) in placed.items():
            role.shifted = (base, later) if base is not role else None


def _numbers(held: Hashable) -> Hashable:
    return held.numbers if isinstance(held, Identity) else held


def _agree(one: Mapping[Column | Zone, Hashable], other: Mapping[Column | Zone, Hashable]) -> bool:
    """Whether two roles take the same numbers in every column or zone that has both, and in one the same array."""
    both = one.keys() & other.keys()
    return any(one[place] == other[place] for place in both) and all(
        _numbers(one[place]) == _numbers(other[place]) for place in both
    )
