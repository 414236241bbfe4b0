"""The roles of arguments: which of them take states, from where, and at which steps.

The graph does not say what an argument is. Its *role* tells, which it has at all time steps: the box that takes it, and
what that takes at other steps.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from tinyseq.backend import to_numpy
from tinyseq.structure.record import Shape, Vertex
from tinyseq.viz.content.boxes import Argument, Box, Slot
from tinyseq.viz.content.columns import Column
from tinyseq.viz.content.sheet import Sheet
from tinyseq.viz.content.single_steps import states_of_single_steps
from tinyseq.viz.content.states import distinct
from tinyseq.viz.content.values import identity


@dataclass(eq=False)
class Role:
    """What an argument is at all time steps: the one with this number of all boxes of a slot.

    Attributes:
        slot, number: that of the boxes, and that of the argument.
        state: the slot of the state that they take from another step; None if they take none.
        delay: how many steps later that is, if it is known.
        mixed: whether they are a state at some steps and other data at others, as in a decoder fed right letters.
        computed: whether other steps take what they compute where one takes a constant, as of a memory read before.
        beside: of values that an op made of a state, the roles of the other constants it is made of.
        same_as: the first role that takes the same arrays in all columns, as of x[t] that is read twice; None for that.
        is_input: whether the constants that they take are inputs; told by the first role.
        shifted: of inputs that another one has been some steps before, or will be: its role, and how many steps later.
    """

    slot: Slot
    number: int
    state: Slot | None = None
    delay: int | None = None
    mixed: bool = False
    computed: bool = False
    beside: list["Role"] = field(default_factory=list)
    same_as: "Role | None" = None
    is_input: bool = False
    shifted: tuple["Role", int] | None = None

    @property
    def first(self) -> "Role":
        """The first role that takes the same arrays: this one, if no earlier one does."""
        return self.same_as or self

    def data(self, what: str = "data") -> Slot:
        """The slot of the boxes for the inputs that they are, or for what begins what they compute."""
        return what, self.slot, self.number


class Constant(NamedTuple):
    """An argument that no op has made, and the array or number that it is; None if no op has kept it."""

    box: Box
    argument: Argument
    role: Role
    array: Any


class Roles:
    """The roles of a sheet's arguments.

    Args:
        sheet: the drawing's content, with the boxes of all ops that are shown.

    Attributes:
        boxes: those of ops, parents first.
        constants: the constants that they take.
        cells: the slots of those states of single steps to which no weight is applied.
    """

    def __init__(self, sheet: Sheet) -> None:
        self.sheet, self.boxes = sheet, [box for box in sheet.boxes if box.kind != "parameter"]
        self.vertices, self.grouping = sheet.record.vertices, sheet.grouping
        self.known: dict[tuple[Slot, int], Role] = {}
        self.constants = [
            Constant(box, argument, role, sheet.values.kept(argument))
            for box, role, argument in self.arguments()
            if not (argument.ends or argument.weights)
        ]
        self.cells: set[Slot] = set()

    def of(self, box: Box) -> Iterator[tuple[Role, Argument]]:
        """The arguments of a box, each with its role."""
        for number, argument in enumerate(box.arguments):
            if (box.slot, number) not in self.known:
                self.known[box.slot, number] = Role(box.slot, number)
            yield self.known[box.slot, number], argument

    def arguments(self) -> Iterator[tuple[Box, Role, Argument]]:
        """The arguments of all boxes, each with its role."""
        return ((box, role, argument) for box in self.boxes for role, argument in self.of(box))

    def states(self) -> set[Slot]:
        """The slots of all states that are taken."""
        return {role.state for role in self.known.values() if role.state is not None}

    def find_states(self) -> None:
        """Find the states that no arrow from another step shows."""
        own = self._find_detached()
        self._find_mixed()
        self._find_those_of_single_steps()
        self._find_changed()
        states = self.states()
        for role, slot in own.items():
            if role.state is None and slot in states:
                role.state, role.delay = slot, 0

    def _find_detached(self) -> dict[Role, Slot]:
        """The states that other steps take as constants: the arrays that a step has computed, or copies of them.

        Returns:
            The slots of what steps take as constants that they have made themselves, which need not be states.
        """
        arrays = [taken for taken in self.constants if taken.box.step is not None and hasattr(taken.array, "dtype")]
        near = {(box.step or 0) + way for box in self.boxes if box.step is not None for way in (-1, 0, 1)}
        shapes = {taken.array.shape for taken in arrays}
        made: dict[object, Vertex] = {}
        for vertex in (vertex for vertex in self.grouping.boxed if vertex.op and vertex.step in near):
            value = self.sheet.record.value((vertex.id, 0)) if vertex.shape in shapes else None
            made |= {identity(value): vertex} if hasattr(value, "dtype") else {}
        others: list[tuple[Role, int, Any]] = []
        own = defaultdict[Role, set[Slot | None]](set)  # an input may equal a single state, such as h_0 = a 0 + x_0
        for box, argument, role, array in arrays:
            found, step = made.get(identity(array)), box.step or 0
            before = found and found.step == step and found.id < argument.vertex
            own[role].add(self.grouping.slots[found.id] if found and before else None)
            if found and found.step is not None and found.step != step:
                role.state = self.grouping.slots[found.id]
                role.delay = step - found.step if role.delay is None else role.delay
            elif not self.sheet.folded:
                others.append((role, step, array))
        for role, step, array in others:
            if role.delay is not None and self.sheet.computes(role.state, step - role.delay):
                role.mixed |= not self._was(role.state, step - role.delay, array)
        return {role: slot for role, (slot, *more) in own.items() if slot is not None and not more}

    def _was(self, state: Slot | None, step: int, array: Any) -> bool:
        """Whether a state had these numbers at a step, if its value can be computed from what the graph holds."""
        made = (vertex for vertex in self.grouping.alike.get(state, ()) if self.vertices[vertex].step == step)
        value = next((self.sheet.values.at((vertex, 0), step) for vertex in made), None)
        return value is not None and np.array_equal(value, to_numpy(array))

    def _find_mixed(self) -> None:
        """The roles of states whose constants cannot be one: they have another shape than what other steps take there,
        or another weight is applied to them, as to a picture that the first step reads in place of a word."""
        for box, argument, role, array in self.constants:
            if box.step is None or role.state is None:
                continue
            uses = [(use, self.vertices[use.vertex]) for use in self.sheet.values.over_time(box, argument)]
            others = [(op, source) for use, op in uses if (source := op.parents[use.position])]
            shapes = (self.vertices[vertex].shapes[output] for _, (vertex, output) in others)
            fits = any(_spreads(np.shape(array), shape) for shape in shapes)
            tied = {self._applied(op) for op, _ in others}
            same = self._applied(uses[0][1]) in tied or len(tied) > 1 or len(others) == 1
            role.mixed |= bool(others) and not (fits and same)

    def _applied(self, op: Vertex) -> frozenset[int]:
        """The weights that an op is a product of; not what is added, as the score of a start."""
        sources = op.made_of if op.kind == "product" else ()
        return frozenset(leaf for source in sources for leaf in self.grouping.weights.get(source, ()))

    def _find_those_of_single_steps(self) -> None:
        """The states of loops of one step, which no arrow to another step shows."""
        found, cells = states_of_single_steps(self.sheet)
        # not those that arrows between other steps tell, if a step stands alone because its state is detached
        unknown = {(taken.vertex, taken.position): role for _, role, taken in self.arguments() if role.state is None}
        for place, state in found.items():
            if role := unknown.get(place):
                role.state = ("begins", state) if isinstance(state, tuple) else self.grouping.slots[state]
                role.delay = self.sheet.way(place[0]) if role.delay is None else role.delay
                self.cells |= {role.state} if state in cells else set()
                if isinstance(state, tuple):  # the state of this step is unknown
                    loop = self.sheet.timeline.loop_of[state[0]]
                    letter = distinct(self.sheet, "c" if state in cells else "h", loop, {loop})
                    self.sheet.states[role.state] = (letter,)

    def _find_changed(self) -> None:
        """The constants in whose place other steps take what they compute.

        Zeros where others take what they made of a state and constants, as of a state and a mask, are the zeros that
        the state begins with.
        """
        made: dict[tuple[Slot, Column | None], tuple[Role, list[Role]]] = {}
        found: dict[Role, tuple[Role, list[Role]]] = {}
        slots = self.grouping.slots
        for box in self.boxes:  # parents come first
            states, others, plain = dict[Role, None](), list[Role](), True
            for role, argument in self.of(box):
                sources = [(slots[end.vertex], box.column) for end in argument.ends if end.vertex in slots]
                if role.state is not None:
                    states[role] = None
                elif sources and made.keys() >= {*sources}:
                    states |= dict.fromkeys(made[source][0] for source in sources)
                    others += [other for source in dict.fromkeys(sources) for other in made[source][1]]
                    found[role] = made[sources[0]]
                elif argument.ends or argument.weights:
                    plain, role.computed = False, role.computed or bool(argument.ends)
                else:
                    others.append(role)
            if plain and len({role.state for role in states}) == 1:
                nearest = min(states, key=lambda role: (abs(1 if role.delay is None else role.delay), role.number))
                made[box.slot, box.column] = nearest, others
        zeros = {taken.role: True for taken in self.constants}
        for _, _, role, array in self.constants:
            zeros[role] &= array is not None and not np.any(array)
        for role, (state, beside) in found.items():
            if zeros.get(role) and role.state is None:
                role.state, role.delay, role.beside = state.state, state.delay, beside
            role.computed |= role.state is None


def _spreads(shape: Shape, other: Shape) -> bool:
    """Whether an array of the first shape can be broadcast to the second one."""
    return len(shape) <= len(other) and all(a in {1, b} for a, b in zip(shape[::-1], other[::-1], strict=False))
