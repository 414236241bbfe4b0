"""Boxes for what the steps are given: inputs, and the states that loops begin with."""

from tinyseq.viz.content.boxes import Argument, Arrow, Box, Slot
from tinyseq.viz.content.columns import Column
from tinyseq.viz.content.constants import Constants
from tinyseq.viz.content.roles import Constant, Role, Roles
from tinyseq.viz.content.sheet import Sheet


class Given:
    """Adds boxes for constants to a sheet, and moves those of computed initial states beside their loops.

    Args:
        sheet: the drawing's content, with the boxes of all ops, and the arrows between them.
        roles: the roles of all arguments, in which the states are known.
        at: the boxes of values, by vertex and step.

    Attributes:
        detached: the slots of states that steps take as constants, and the slots of these states.
        computed: initial states that are results of ops.
    """

    def __init__(self, sheet: Sheet, roles: Roles, at: dict[tuple[int, int | None], Box]) -> None:
        self.sheet, self.roles, self.at = sheet, roles, at
        self.constants = Constants(roles)
        self.detached: dict[Slot, Slot] = {}
        self.computed: set[Box] = set()
        for taken in roles.constants:
            self._supply(taken)
        for box in (box for box in roles.boxes if box.step is not None):
            for role, argument in roles.of(box):
                if argument.ends and role.state is not None and not argument.weights:
                    self._move_beginnings(box, argument, role.state)

    def _supply(self, taken: Constant) -> None:
        """Add a box for a constant that is a state or an input."""
        box, argument, role, _ = taken
        if (box, role) in self.constants.padded:
            if padding := self.constants.padded[box, role]:
                state, column = padding
                before = self._begin(box, argument, self.sheet.added(column), state)
                before.of_step = column.step
        elif box.step is None:
            self._supply_input(box, argument, role)
        elif role.state is not None and not role.mixed:
            self._supply_state(box, argument, role.state, box.step - self._delay(box, role))
            for other in role.beside:
                self._supply_input(box, argument, other)
        elif known := self.constants.state(box, role):
            self._supply_state(box, argument, *known).of_step = known[1]
        else:
            self._supply_input(box, argument, role)

    def _delay(self, box: Box, role: Role) -> int:
        """How many steps later than it was computed a state is taken; by default, all since the loop began."""
        return (box.step or 0) - self._start(box).step if role.delay is None else role.delay

    def _begin(self, box: Box, argument: Argument, column: Column, slot: Slot) -> Box:
        """The box of a state in a column beside a loop, with an arrow to what takes it."""
        before, _ = self.sheet.supplied("initial", column, slot, argument)
        self.sheet.arrows.append(Arrow(before, box))
        return before

    def _supply_input(self, box: Box, argument: Argument, role: Role) -> None:
        """Add a box for a constant if its role is that of an input."""
        first = role.first
        if first.is_input and first.computed:  # known to be what the loop begins with, and no more
            if box.step is not None and abs((start := self._start(box)).step - box.step) == 1:
                self._begin(box, argument, self.sheet.added(start), first.data("begins"))
        elif first.is_input:
            data, _ = self.sheet.supplied("input", box.place, first.data(), argument)
            if box.step is not None and first.shifted:
                base, later = first.shifted
                data.of_step, self.sheet.shifted[data.slot] = box.step + later, base.data()
            self.sheet.arrows.append(Arrow(data, box))

    def _supply_state(self, box: Box, argument: Argument, state: Slot, at: int) -> Box:
        """A box for a constant that is the state of a step: an initial one, or one that was computed, and detached."""
        assert box.column
        start = self._start(box)
        if at != box.step and (self.sheet.folded or not self.sheet.computes(state, at)):
            earlier = self.sheet.folded or (at - start.step) * (start.step - box.column.step) > 0
            return self._begin(box, argument, self.sheet.added(start._replace(step=at) if earlier else start), state)
        self.detached["detached", state] = state
        made, _ = self.sheet.supplied("input", box.column, ("detached", state), argument)
        made.of_step = at
        self.sheet.arrows.append(Arrow(made, box))
        return made

    def _move_beginnings(self, box: Box, argument: Argument, state: Slot) -> None:
        """Move what a loop begins with beside its first step, if a box takes that in place of a state."""
        given = [made for end in argument.ends if (made := self.at.get((end.vertex, end.step)))]
        if len(given) < len(argument.ends) or not all(map(self._begins, given)):
            return
        for beginning in given:
            if beginning.place == "before":  # computed, as from a label
                self.computed.add(beginning)
            elif beginning in self.computed:
                continue  # it begins two states
            else:
                beginning.kind = "initial"
            beginning.place, beginning.slot = self.sheet.added(self._start(box)), state
            for data in self._read_by_no_other(beginning):
                data.place = beginning.place

    def _begins(self, box: Box) -> bool:
        """Whether a box may be what a loop begins with: given, or computed before the loops for their steps alone."""
        if box.kind in {"input", "initial"} or box in self.computed:
            return True
        heads = (arrow.head for arrow in self.sheet.arrows if arrow.tail is box)
        return box.place == "before" and all(head.step is not None for head in heads)

    def _read_by_no_other(self, box: Box) -> list[Box]:
        """The inputs before the loops that a box alone reads, as a picture from which the first state is computed."""
        read = [arrow.tail for arrow in self.sheet.arrows if arrow.head is box]
        inputs = [data for data in read if data.kind == "input" and data.place == "before"]
        return [data for data in inputs if all(a.head is box for a in self.sheet.arrows if a.tail is data)]

    def _start(self, box: Box) -> Column:
        """The column beside the first step of a loop, for initial states."""
        assert box.column
        phase, steps = box.column.phase, self.sheet.timeline.steps[box.column.phase]
        backward = self.sheet.way(box.arguments[0].vertex) < 0
        return Column(phase, steps[-1] + 1 if backward else steps[0] - 1, "start")
