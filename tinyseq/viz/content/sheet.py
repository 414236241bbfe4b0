"""Makes the sheet of a computation: the boxes of a drawing and the arrows between them.

Every parameter is drawn once, however often it is used. Parameters that are always used together share a box.
"""

from bisect import bisect_right
from collections.abc import Collection, Hashable, Iterable
from itertools import product
from operator import attrgetter

from tinyseq.structure.beside import with_steps
from tinyseq.structure.grouping import End, Grouping, arguments_of
from tinyseq.structure.loops import Timeline
from tinyseq.structure.paths import grouped, reached
from tinyseq.structure.record import Record, Vertex
from tinyseq.viz.content.boxes import Argument, Arrow, Box, Kind, Role, Sheet
from tinyseq.viz.content.columns import Column, Zone, columns, typical_columns, zones
from tinyseq.viz.content.constants import Constants, others_than_states
from tinyseq.viz.content.repeats import counts, left_out
from tinyseq.viz.content.states import distinct, name_states, recurrent, states_of_single_steps
from tinyseq.viz.content.values import identity

Use = tuple[int, int | None]  # a vertex, and a step or None outside the columns


def sheet(record: Record, wanted: Iterable[int] | None = None, each: int | None = None, fold: bool = False) -> Sheet:
    """Choose what a drawing of a computation shows. It has no coordinates yet.

    Args:
        record: the computation.
        wanted, each: which time steps to show; see `columns`.
        fold: show one step for the whole loop, with the states that it passes to the next.
    """
    record = with_steps(record)
    timeline = Timeline(record.vertices, record.users)
    hidden = left_out(timeline, each, fold)
    shown = typical_columns(timeline, hidden) if fold else columns(timeline, wanted, each, hidden)
    made = _Maker(record, timeline, shown, hidden, fold)
    named = made.parameters_of_one_step()
    return (_Maker(record, timeline, shown, hidden, fold, named) if named else made).sheet


class _Maker:
    """Fills a sheet: boxes, arrows between them, and then boxes for constants and for steps left out."""

    def __init__(
        self,
        record: Record,
        timeline: Timeline,
        columns: list[Column],
        hidden: frozenset[int],
        fold: bool,
        parameters: Collection[int] = (),
    ) -> None:
        self.timeline = timeline
        self.hidden = hidden
        self.grouping = Grouping(record, timeline, parameters=parameters)
        self.record = record
        self.sheet = Sheet(self.grouping, list(columns), view="folded" if fold else "unrolled")
        self.sheet.repeats = counts(timeline, hidden) if fold else {}
        self.shown = set(self.sheet.columns)
        self.shown_over_time = grouped((column.phase, column) for column in columns if column.kind in {"step", "gap"})
        self.phases = {column.phase for column in columns if column.kind == "step"}
        self.shown_steps = {None, *(column.step for column in columns)}
        self.zones, self.between = zones(self.timeline)
        self.slots = self.grouping.slots
        self.at: dict[Use, Box] = {}
        self.extra: dict[Hashable, Box] = {}  # inputs, initial states, and ellipses for steps left out
        self.timed: dict[Role, Hashable] = {}  # the slot of the state that an argument is
        self.delays: dict[Role, int] = {}  # how many steps later it is used
        self.detached: dict[Hashable, Hashable] = {}  # the slots of states that steps take as constants -> the states
        self.handed: dict[Hashable, set[int | None]] = {}  # the steps that compute what is in a slot
        self.computed: set[Box] = set()  # initial states that are results of ops
        self._make_boxes()
        self._make_parameters()
        made = [box for box in self.sheet.boxes if box.kind != "parameter"]
        for box in made:
            self._connect(box)
        self.fed = self._find_detached(made) | others_than_states(self.sheet, made, self.timed)
        self._recall_states(made)
        self.constants = Constants(self.sheet, made, self.timed, self.delays, self.fed)
        for box in made:
            self._supply_constants(box)
        name_states(self.sheet, recurrent(self.sheet, {*self.timed.values()}, self.detached), self.cells, self.computed)
        self.sheet.states |= {slot: self.sheet.states[state] for slot, state in self.detached.items()}
        self.sheet.columns.sort()
        self.sheet.arrows = list(dict.fromkeys(self.sheet.arrows))

    def parameters_of_one_step(self) -> set[int]:
        """Leaves with a user's name that only one step uses, and that are neither states nor inputs of every step."""
        vertices = self.record.vertices
        return {
            box.vertices[0]
            for box in self.sheet.boxes
            if box.kind == "input" and box.vertices and vertices[box.vertices[0]].label
            if box.vertices[0] in self.grouping.homes and not self._has_siblings(box)
        }

    def _has_siblings(self, leaf: Box) -> bool:
        """Whether each other step takes an input of the same shape where this one takes a leaf."""
        if self.sheet.folded:
            return len(self.sheet.ops_alike(leaf)) > 1
        heads = [arrow.head for arrow in self.sheet.arrows if arrow.tail is leaf]
        others = [box for head in heads for box in self.sheet.boxes if box.slot == head.slot and box is not head]
        inputs = [arrow for arrow in self.sheet.arrows if arrow.tail.kind == "input"]
        shapes = {leaf: self.record.vertices[leaf.vertices[0]].shape}
        shapes |= {a.tail: self.record.vertices[a.tail.vertices[0]].shape for a in inputs if a.tail.vertices}
        fed = {arrow.head for arrow in inputs if shapes.get(arrow.tail, shapes[leaf]) == shapes[leaf]}
        return bool(others) and fed.issuperset(others)

    def _make_boxes(self) -> None:
        """Make boxes for all ops and inputs that are shown."""
        drawn = (vertex for vertex in self.grouping.boxed if vertex.id not in self.hidden)
        for vertex in (vertex for vertex in drawn if vertex.step in self.shown_steps):
            for step in self.shown_steps.intersection(self._steps_of(vertex.id)):
                column = self._between(vertex.id) if step is None else Column(self.grouping.phase_of(vertex.id), step)
                if step is None or column in self.shown:
                    self._make_box(vertex, self.grouping.members(vertex), column, step)

    def _steps_of(self, vertex: int) -> tuple[int | None, ...]:
        """The steps in which a box of its own is drawn, shown or not; None for a place outside the columns."""
        home = self.grouping.homes.get(vertex)
        return (home.step,) if home else self.timeline.steps_of(vertex)

    def _uses(self) -> dict[int, set[Use]]:
        """The uses of each parameter, shown or not."""
        uses: dict[int, set[Use]] = {}
        grouping, drawn = self.grouping, self.grouping.weights.keys() | self.grouping.mixed
        for member in self.record.vertices:
            if drawn.isdisjoint(member.made_of):
                continue
            host = grouping.inside.get(member.id, member.id)
            steps = self._steps_of(host) if host in self.slots else ()
            read = [(i, p[0]) for i, p in enumerate(member.parents) if p and p[0] in drawn]
            for (i, source), step in product(read, steps):
                for leaf in grouping.weights.get(source) or self._leaves(self._argument(member, i, step)):
                    uses.setdefault(leaf, set()).add((host, step))
        return uses

    def _between(self, vertex: int) -> Column | None:
        """The column for an op between loops: after the last phase that it depends on."""
        phase = self.between.get(vertex)
        return None if phase is None else self._added(Column(phase, self.timeline.steps[phase][-1] + 1, "between"))

    def _added(self, column: Column) -> Column:
        """A column, which is added to the sheet if it is new."""
        if column not in self.shown:
            self.shown.add(column)
            self.sheet.columns.append(column)
        return column

    def _make_box(self, vertex: Vertex, members: list[Vertex], column: Column | None, step: int | None) -> None:
        last = vertex.id == len(self.record.vertices) - 1
        name = f"v{vertex.id}" + ("" if step is None else f"_t{step}")
        kind: Kind = "input" if vertex.is_leaf else "result" if last else "op"
        zone: Zone = "columns" if column else self.zones[vertex.id]
        box = Box(
            name,
            kind,
            zone,
            self.slots[vertex.id],
            tuple(m.id for m in members),
            column,
            self._arguments(members, step),
        )
        self.at[vertex.id, step] = box
        self.sheet.boxes.append(box)

    def _arguments(self, members: list[Vertex], step: int | None) -> tuple[Argument, ...]:
        """The arguments of ops that are drawn together, except for each other's results."""
        return tuple(self._argument(member, position, step) for member, position in arguments_of(members))

    def _argument(self, vertex: Vertex, position: int, step: int | None) -> Argument:
        parent = vertex.parents[position]
        weights = self.grouping.weights.get(parent[0], ()) if parent else ()
        at = step if vertex.id in self.timeline.tracks else None
        taken = [(vertex, 0)] if vertex.operator == "[]" else ()
        ends = () if weights else tuple(self.grouping.ends(parent, at, taken))
        return Argument(vertex.id, position, ends, weights)

    def _leaves(self, argument: Argument) -> set[int]:
        """The parameters that an argument is made of, also if they are stacked with data."""
        stacked = (leaf for end in argument.ends for leaf in self.grouping.weights.get(end.vertex, ()))
        return {*argument.weights, *stacked}

    def _make_parameters(self) -> None:
        uses = self._uses()
        for places, leaves in grouped((frozenset(uses[leaf]), leaf) for leaf in sorted(uses)).items():
            box = Box(f"p{leaves[0]}", "parameter", "parameters", leaves[0], tuple(leaves), uses=len(places))
            self.sheet.boxes.append(box)
            self.at.update({(leaf, None): box for leaf in leaves})

    def _connect(self, box: Box) -> None:
        weights: set[int] = set()
        for role, argument in box.roles():
            weights |= self._leaves(argument)
            for end in (end for end in argument.ends if end.vertex not in self.grouping.weights):
                tail = self.at.get((end.vertex, end.step)) or self._left_out(end, box)
                arrow = Arrow(tail, box, (end.vertex, end.output), end.part, self._delay(end, box), end.rows)
                self.sheet.arrows.append(Arrow(tail, box) if end.vertex in self.hidden else arrow)
                loop = self.timeline.loop_of.get(box.vertices[-1])
                if arrow.kind == "time" and loop is not None and loop == self.timeline.loop_of.get(end.vertex):
                    self.timed[role] = tail.slot
                    if box.column and end.step is not None:
                        delay = self._states_between(tail.slot, end.step, box.column.step)
                        self.delays[role] = min(self.delays.get(role, delay), delay, key=abs)
        if self.sheet.folded and box.column:
            self._hand_over(box, box.column.phase)
        for parameter in dict.fromkeys(self.at[leaf, None] for leaf in sorted(weights)):
            self.sheet.arrows.append(Arrow(parameter, box, (parameter.vertices[0], 0)))

    def _states_between(self, state: Hashable, first: int, last: int) -> int:
        """How many states later a step is than another one; at a step that does not compute it, a state stays."""
        way = 1 if first < last else -1
        return way * (1 + sum(self._is_handed(state, step) for step in range(first + way, last, way)))

    def _is_handed(self, state: Hashable, step: int) -> bool:
        """Whether a step computes what is in a slot."""
        if state not in self.handed:
            self.handed[state] = {self.record.vertices[vertex].step for vertex in self.grouping.alike.get(state, ())}
        return step in self.handed[state]

    def _hand_over(self, box: Box, phase: int) -> None:
        """Connect a box of a folded loop with what the loop begins with, if another loop, or something after one, makes
        it: a decoder with its encoder's last state."""
        first = self.record.vertices[self.grouping.alike[box.slot][0]]
        members = self.grouping.members(first)
        if first.id == box.vertices[-1] or first.step is None or len(members) != len(box.vertices):
            return
        for argument in self._arguments(members, first.step):
            for end in argument.ends:
                alike = self.at.get((end.vertex, end.step)) or self._alike(end)
                if alike and alike.column and alike.column.phase < phase and not argument.weights:
                    self.sheet.arrows.append(Arrow(alike, box, (end.vertex, end.output), end.part, 0, end.rows, True))

    def _alike(self, end: End) -> Box | None:
        """The box of the same role as a value."""
        return next((box for box in self.sheet.boxes if box.slot == self.slots[end.vertex]), None)

    def _find_detached(self, boxes: list[Box]) -> set[Role]:
        """The states that other steps take as constants: the arrays that a step has computed, or copies of them.

        Returns:
            The roles that take a state at some steps and other data at others, as a decoder that is fed right letters.
        """
        near = {box.step + way for box in boxes if box.step is not None for way in (-1, 0, 1)}
        places = [(box, role, a) for box in boxes if box.step is not None for role, a in box.roles()]
        constants = [(box, role, self.record.constant(a.vertex, a.position)) for box, role, a in places]
        arrays = [(box, role, taken) for box, role, taken in constants if hasattr(taken, "dtype")]
        shapes = {taken.shape for _, _, taken in arrays}
        made: dict[Hashable, Vertex] = {}
        for vertex in (vertex for vertex in self.grouping.boxed if vertex.op and vertex.step in near):
            value = self.record.value((vertex.id, 0)) if vertex.shape in shapes else None
            made |= {identity(value): vertex} if hasattr(value, "dtype") else {}
        others: list[tuple[Role, int]] = []
        for box, role, taken in arrays:
            found = made.get(identity(taken))
            if found and found.step is not None and found.step != box.step:
                self.timed[role] = self.slots[found.id]
                self.delays.setdefault(role, (box.step or 0) - found.step)
            elif not self.sheet.folded:
                others.append((role, box.step or 0))
        return {
            role
            for role, step in others
            if role in self.delays and self._is_handed(self.timed[role], step - self.delays[role])
        }

    def _recall_states(self, boxes: list[Box]) -> None:
        """The states of loops of one step, which no line to another step shows."""
        found, cells = states_of_single_steps(self.sheet)
        unknown = {  # not told by lines between other steps, if a step stands alone because its state is detached
            (argument.vertex, argument.position)
            for box in (boxes if found else ())
            for role, argument in box.roles()
            if role not in self.timed
        }
        found = {place: state for place, state in found.items() if place in unknown}
        cells &= {*found.values()}
        slots = {
            state: ("begins", state) if isinstance(state, tuple) else self.slots[state] for state in found.values()
        }
        self.cells = {slots[state] for state in cells}
        for state, slot in slots.items():
            if isinstance(state, tuple):  # the state of this step is unknown
                loop = self.timeline.loop_of[state[0]]
                self.sheet.states[slot] = (distinct(self.sheet, "c" if state in cells else "h", loop, {loop}),)
        for box in boxes if found else ():
            for role, argument in box.roles():
                if (place := (argument.vertex, argument.position)) in found:
                    self.timed[role] = slots[found[place]]
                    self.delays.setdefault(role, -1 if self._runs_backward(place[0]) else 1)

    def _delay(self, end: End, head: Box) -> int:
        """How many steps later a value is used in a folded loop."""
        if not self.sheet.folded or not head.column or head.step is None or end.step is None:
            return 0
        return head.step - end.step if self.grouping.phase_of(end.vertex) == head.column.phase else 0

    def _left_out(self, end: End, head: Box) -> Box:
        """The box that represents a value of a step that is not shown.

        In a folded loop this is the box with the same role in the step shown, if there is one; else an ellipsis, with
        an arrow from the last value before it.
        """
        if self.sheet.folded and (alike := self._alike(end)):
            return alike
        if end.vertex in self.hidden:
            return self._left_out_with_its_loop(end, head)
        phase, slot = self.grouping.phase_of(end.vertex), self.slots[end.vertex]
        columns = self.shown_over_time.get(phase)
        if not columns:
            return self._left_out_with_its_loop(end, head)
        place = max(bisect_right(columns, end.step or 0, key=attrgetter("step")) - 1, 0)
        mark, new = self._extra("elided", columns[place], slot)
        if new and head.column:
            before = place + (1 if self._runs_backward(end.vertex) else -1)
            for tail in list(self.at.values()):
                if 0 <= before < len(columns) and tail.slot == slot and tail.column == columns[before]:
                    self.sheet.arrows.append(Arrow(tail, mark, (end.vertex, end.output)))
        return mark

    def _left_out_with_its_loop(self, end: End, head: Box) -> Box:
        """What a box takes from loops that are left out, as one box: in the gap of their phases, or else beside it."""
        gaps = [column for column in self.sheet.columns if column.kind == "gap" and column.phase not in self.phases]
        phase = self.timeline.phase_of.get(end.vertex)
        before = [gap for gap in gaps if phase is not None and gap.phase <= phase and phase not in self.phases]
        if not before:
            return self._extra("elided", head.column or head.zone, ("left out", head.slot))[0]
        mark, new = self._extra("elided", before[-1], "left out")
        for tail in list(self.at.values()) if new else ():
            if tail.column and tail.vertices and not self.hidden.isdisjoint(self._readers(tail.vertices[-1])):
                self.sheet.arrows.append(Arrow(tail, mark, (tail.vertices[-1], 0)))
        return mark

    def _readers(self, vertex: int) -> list[int]:
        """The vertices that use a value, rearranged or not."""
        users, passed = self.record.users, self.grouping.passed
        return [*reached(users[vertex], lambda reader: users[reader] if reader in passed else ())]

    def _runs_backward(self, vertex: int) -> bool:
        loop = self.timeline.loop_of.get(vertex)
        return loop is not None and self.timeline.loops[loop].backward

    def _supply_constants(self, box: Box) -> None:
        """Add boxes for constants that are initial states, or data: operands of a weight, or joined with a state."""
        for role, argument in box.roles():
            if (box, role) in self.constants.padded:
                self._supply_padding(box, argument, role)
                continue
            state = self.timed.get(role) if argument.ends or role not in self.fed else None
            if argument.weights or box.kind == "input":
                continue
            if box.step is None:
                if not argument.ends:
                    self._supply_input(box, argument, role)
                continue
            given = [made for end in argument.ends if (made := self.at.get((end.vertex, end.step)))]
            begins = len(given) == len(argument.ends) and all(
                made.kind in {"input", "initial"} or made in self.computed or self._only_begins(made) for made in given
            )
            if state is not None and begins:
                start = self._start(box)
                for beginning in given:
                    if beginning.zone == "before":  # computed, as from a label
                        beginning.zone, self.computed = "columns", self.computed | {beginning}
                    elif beginning in self.computed:
                        continue  # it begins two states
                    else:
                        beginning.kind = "initial"
                    beginning.column, beginning.slot = self._added(start), state
                    for data in self._read_by_no_other(beginning):
                        data.zone, data.column = "columns", beginning.column
                if not given:
                    at = box.step - self.delays.get(role, box.step - start.step)
                    self.sheet.arrows.append(Arrow(self._given(box, argument, state, at), box))
                    for other in self.constants.within.get(role, ()):
                        self._supply_input(box, argument, other)
            elif not argument.ends and (known := self.constants.state(box, role)):
                given_before = self._given(box, argument, *known)
                given_before.of_step = known[1]
                self.sheet.arrows.append(Arrow(given_before, box))
            elif not argument.ends:
                self._supply_input(box, argument, role)

    def _read_by_no_other(self, box: Box) -> list[Box]:
        """The inputs before the loops that a box alone reads, as a picture from which the first state is computed."""
        read = [arrow.tail for arrow in self.sheet.arrows if arrow.head is box]
        inputs = [data for data in read if data.kind == "input" and data.zone == "before"]
        return [data for data in inputs if all(a.head is box for a in self.sheet.arrows if a.tail is data)]

    def _supply_padding(self, box: Box, argument: Argument, role: Role) -> None:
        """Add a box for the state before the first step that zeros in a row with states are, if they are one."""
        if padding := self.constants.padded[box, role]:
            state, column = padding
            before, _ = self._extra("initial", self._added(column), state, argument)
            before.of_step = column.step
            self.sheet.arrows.append(Arrow(before, box))

    def _supply_input(self, box: Box, argument: Argument, role: Role) -> None:
        """Add a box for a constant if its role is that of an input."""
        if (first := self.constants.first[role]) in self.constants.inputs:
            if first in self.constants.computed:  # known to be what the loop begins with, and no more
                if box.step is not None and abs((start := self._start(box)).step - box.step) == 1:
                    before = self._extra("initial", self._added(start), ("begins", *first), argument)[0]
                    self.sheet.arrows.append(Arrow(before, box))
                return
            slot = "data", *first
            data, _ = self._extra("input", box.column or box.zone, slot, argument)
            if box.step is not None and first in self.constants.shifted:
                base, later = self.constants.shifted[first]
                data.of_step, self.sheet.shifted[slot] = box.step + later, ("data", *base)
            self.sheet.arrows.append(Arrow(data, box))

    def _given(self, box: Box, argument: Argument, state: Hashable, at: int) -> Box:
        """A box for a constant that is a state of this step: an initial one, or one that was computed, and detached."""
        assert box.column
        start = self._start(box)
        if self.sheet.folded or not self._is_handed(state, at):
            earlier = self.sheet.folded or (at - start.step) * (start.step - box.column.step) > 0
            before = self._added(start._replace(step=at) if earlier else start)
            return self._extra("initial", before, state, argument)[0]
        slot = "detached", state
        self.detached[slot] = state
        made, _ = self._extra("input", box.column, slot, argument)
        made.of_step = at
        return made

    def _only_begins(self, box: Box) -> bool:
        """Whether a box before the loops is used only by their steps."""
        heads = (arrow.head for arrow in self.sheet.arrows if arrow.tail is box)
        return box.zone == "before" and all(head.step is not None for head in heads)

    def _start(self, box: Box) -> Column:
        """The column beside the first step of a loop, for initial states."""
        assert box.column
        phase, steps = box.column.phase, self.timeline.steps[box.column.phase]
        at = steps[-1] + 1 if self._runs_backward(box.arguments[0].vertex) else steps[0] - 1
        return Column(phase, at, "start")

    def _extra(self, kind: Kind, place: Column | Zone, slot: Hashable, *arguments: Argument) -> tuple[Box, bool]:
        if (place, slot) in self.extra:
            self.extra[place, slot].arguments += arguments
            return self.extra[place, slot], False
        column = place if isinstance(place, Column) else None
        zone: Zone = "columns" if isinstance(place, Column) else place
        made = self.extra[place, slot] = Box(f"{kind}{len(self.extra)}", kind, zone, slot, (), column, arguments)
        self.sheet.boxes.append(made)
        return made, True
