"""Makes the sheet of a computation, unrolled or folded: the boxes of a drawing and the arrows between them.

Every parameter is drawn once, however often it is used. Parameters that are always used together share a box.
"""

from bisect import bisect_right
from collections.abc import Collection, Hashable
from itertools import product
from operator import attrgetter

from tinyseq.structure.beside import with_steps
from tinyseq.structure.grouping import End, Grouping, arguments_of
from tinyseq.structure.loops import Timeline
from tinyseq.structure.paths import grouped, reached
from tinyseq.structure.record import Record, Vertex
from tinyseq.viz.content.boxes import Argument, Arrow, Box, Kind
from tinyseq.viz.content.columns import Column, Wanted, Zone, columns, counts, left_out, typical_columns, zones
from tinyseq.viz.content.given import Given
from tinyseq.viz.content.roles import Roles
from tinyseq.viz.content.sheet import Sheet
from tinyseq.viz.content.states import name_states
from tinyseq.viz.content.values import Values

Use = tuple[int, int | None]  # a vertex, and a step or None outside the columns


def sheet(record: Record, wanted: Wanted | None = None, each: int | None = None, fold: bool = False) -> Sheet:
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

    def made(parameters: Collection[int] = ()) -> Sheet:
        content = Sheet(
            Values(Grouping(record, timeline, parameters=parameters)), [*shown], "folded" if fold else "unrolled"
        )
        content.repeats = counts(timeline, hidden) if fold else {}
        _Maker(content, hidden)
        return content

    content = made()
    named = parameters_of_one_step(content)
    return made(named) if named else content


def parameters_of_one_step(content: Sheet) -> set[int]:
    """Leaves with a user's name that only one step uses, and that are neither states nor inputs of every step."""
    leaves = [box for box in content.boxes if box.kind == "input" and box.vertices]
    return {
        leaf.vertices[0]
        for leaf in leaves
        if content.record.vertices[leaf.vertices[0]].label and leaf.vertices[0] in content.grouping.homes
        if not _has_siblings(content, leaf)
    }


def _has_siblings(content: Sheet, leaf: Box) -> bool:
    """Whether each other step takes an input of the same shape where this one takes a leaf."""
    if content.folded:
        return len(content.ops_alike(leaf)) > 1
    slots = {arrow.head.slot: arrow.head for arrow in content.arrows if arrow.tail is leaf}
    others = {box for box in content.boxes if box.slot in slots and box is not slots[box.slot]}
    vertices = content.record.vertices
    alike = [arrow for arrow in content.arrows if arrow.tail.kind == "input"]
    shapes = {a.tail: vertices[a.tail.vertices[0]].shape for a in alike if a.tail.vertices}
    return bool(others) and others <= {a.head for a in alike if shapes.get(a.tail, shapes[leaf]) == shapes[leaf]}


class _Maker:
    """Fills a sheet with boxes and arrows.

    Args:
        content: the sheet, with its columns.
        hidden: the vertices of loops that are left out.
    """

    def __init__(self, content: Sheet, hidden: frozenset[int]) -> None:
        self.sheet, self.grouping, self.timeline, self.hidden = content, content.grouping, content.timeline, hidden
        self.vertices, self.slots = content.record.vertices, content.grouping.slots
        self.at: dict[Use, Box] = {}
        self.shown_over_time = grouped((column.phase, column) for column in content.columns)
        self._make_boxes()
        self._make_parameters()
        self.roles = roles = Roles(content)
        for box in roles.boxes:
            self._connect(box)
        roles.find_states()
        given = Given(content, roles, self.at)
        name_states(content, roles.states(), given.detached, roles.cells, given.computed)
        content.columns.sort()
        content.arrows = list(dict.fromkeys(content.arrows))

    def _make_boxes(self) -> None:
        """Make boxes for all ops and inputs that are shown."""
        outside, between = zones(self.timeline)
        shown, steps = {*self.sheet.columns}, {None, *(column.step for column in self.sheet.columns)}
        for vertex in self.grouping.boxed:
            if vertex.id in self.hidden or vertex.step not in steps:
                continue
            for step in steps.intersection(self._steps_of(vertex.id)):
                place: Column | Zone
                if step is not None:
                    place = Column(self.grouping.phase_of(vertex.id), step)
                elif vertex.id in between:
                    after = between[vertex.id]
                    place = self.sheet.added(Column(after, self.timeline.steps[after][-1] + 1, "between"))
                else:
                    place = outside[vertex.id]
                if step is None or place in shown:
                    self._make_box(vertex, place, step)

    def _make_box(self, vertex: Vertex, place: Column | Zone, step: int | None) -> None:
        last, members = vertex.id == len(self.vertices) - 1, self.grouping.members(vertex)
        name = f"v{vertex.id}" + ("" if step is None else f"_t{step}")
        kind: Kind = "input" if vertex.is_leaf else "result" if last else "op"
        ids, arguments = tuple(member.id for member in members), self._arguments(members, step)
        if self.sheet.folded:
            arguments = self._as_handed_on(vertex, arguments)
        box = self.at[vertex.id, step] = Box(name, kind, place, self.slots[vertex.id], ids, arguments)
        self.sheet.boxes.append(box)

    def _steps_of(self, vertex: int) -> tuple[int | None, ...]:
        """The steps in which a box of its own is drawn, shown or not; None for a place outside the columns."""
        home = self.grouping.homes.get(vertex)
        return (home.step,) if home else self.timeline.steps_of(vertex)

    def _arguments(self, members: list[Vertex], step: int | None) -> tuple[Argument, ...]:
        """The arguments of ops that are drawn together, except for each other's results."""
        return tuple(self._argument(member, position, step) for member, position in arguments_of(members))

    def _as_handed_on(self, vertex: Vertex, arguments: tuple[Argument, ...]) -> tuple[Argument, ...]:
        """The arguments of an op of a folded loop. Where a loop begins at the step shown, which is typical of the loops
        beside it, or a state is detached there, the states that the next step takes, or the step before, are put in
        the place of what this one takes."""
        loop_of, alike = self.timeline.loop_of, sorted(self.grouping.alike[self.slots[vertex.id]])
        own = [other for other in alike if loop_of.get(other) == loop_of.get(vertex.id)]
        others = own[1:] if own[0] == vertex.id else own[: own.index(vertex.id)][-1:]
        others = others or [other for other in alike if other != vertex.id][-1:]
        if not others or others[0] not in loop_of:
            return arguments
        following, loop = self.vertices[others[0]], loop_of[others[0]]
        later = self._arguments(self.grouping.members(following), following.step)
        ahead = (following.step or 0) - (vertex.step or 0)

        def taken(mine: Argument, next_one: Argument) -> Argument:
            handed_on = all(loop_of.get(v) == loop and step != following.step for v, _, step, *_ in next_one.ends)
            if mine.ends or mine.weights or not handed_on:
                return mine
            return mine._replace(ends=tuple(here(end) for end in next_one.ends))

        def here(end: End) -> End:
            role = self.grouping.alike.get(self.slots[end.vertex], ())
            own = (other for other in role if self.vertices[other].step == vertex.step)
            return end._replace(vertex=next(own, end.vertex), step=(end.step or 0) - ahead)

        return tuple(map(taken, arguments, later)) if len(later) == len(arguments) else arguments

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

    def _uses(self) -> dict[int, set[Use]]:
        """The uses of each parameter, shown or not."""
        uses: dict[int, set[Use]] = {}
        grouping, drawn = self.grouping, self.grouping.weights.keys() | self.grouping.mixed
        for member in self.vertices:
            if drawn.isdisjoint(member.made_of):
                continue
            host = grouping.inside.get(member.id, member.id)
            steps = self._steps_of(host) if host in self.slots else ()
            read = [(i, p[0]) for i, p in enumerate(member.parents) if p and p[0] in drawn]
            for (i, source), step in product(read, steps):
                for leaf in grouping.weights.get(source) or self._leaves(self._argument(member, i, step)):
                    uses.setdefault(leaf, set()).add((host, step))
        return uses

    # -- arrows --------------------------------------------------------------------------------------------------------

    def _connect(self, box: Box) -> None:
        """Add the arrows that lead to a box; those through time tell the roles of states."""
        weights, loop_of = set[int](), self.timeline.loop_of
        loop = loop_of.get(box.vertices[-1])
        for role, argument in self.roles.of(box):
            weights |= self._leaves(argument)
            for end in (end for end in argument.ends if end.vertex not in self.grouping.weights):
                tail = self.at.get((end.vertex, end.step)) or self._left_out(end, box)
                arrow = Arrow(tail, box, (end.vertex, end.output), end.part, self._delay(end, box), end.rows)
                self.sheet.arrows.append(Arrow(tail, box) if end.vertex in self.hidden else arrow)
                if arrow.kind == "time" and loop is not None and loop == loop_of.get(end.vertex):
                    role.state = tail.slot
                    if box.column and end.step is not None:
                        delay = self._states_between(tail.slot, end.step, box.column.step)
                        role.delay = delay if role.delay is None else min(role.delay, delay, key=abs)
        if self.sheet.folded and box.column:
            self._hand_over(box, box.column.phase)
        for parameter in dict.fromkeys(self.at[leaf, None] for leaf in sorted(weights)):
            self.sheet.arrows.append(Arrow(parameter, box, (parameter.vertices[0], 0)))

    def _states_between(self, state: Hashable, first: int, last: int) -> int:
        """How many states later a step is than another one; at a step that does not compute it, a state stays."""
        way = 1 if first < last else -1
        return way * (1 + sum(self.sheet.computes(state, step) for step in range(first + way, last, way)))

    def _hand_over(self, box: Box, phase: int) -> None:
        """Connect a box of a folded loop with what the loop begins with, if another loop, or something after one, makes
        it: a decoder with its encoder's last state."""
        first = self.vertices[self.grouping.alike[box.slot][0]]
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
        columns = () if end.vertex in self.hidden else self.shown_over_time.get(self.grouping.phase_of(end.vertex))
        if not columns:
            return self._left_out_with_its_loop(end, head)
        place, slot = max(bisect_right(columns, end.step or 0, key=attrgetter("step")) - 1, 0), self.slots[end.vertex]
        mark, new = self.sheet.supplied("elided", columns[place], slot)
        before = place - self.sheet.way(end.vertex)
        if new and head.column and 0 <= before < len(columns):
            tails = [box for box in self.at.values() if box.slot == slot and box.column == columns[before]]
            self.sheet.arrows += [Arrow(tail, mark, (end.vertex, end.output)) for tail in tails]
        return mark

    def _left_out_with_its_loop(self, end: End, head: Box) -> Box:
        """What a box takes from loops that are left out, as one box: in the gap of their phases, or else beside it."""
        phases = {column.phase for column in self.sheet.columns if column.kind == "step"}
        phase = self.timeline.phase_of.get(end.vertex)
        gaps = [column for column in self.sheet.columns if column.kind == "gap" and column.phase not in phases]
        before = [gap for gap in gaps if phase is not None and gap.phase <= phase and phase not in phases]
        if not before:
            return self.sheet.supplied("elided", head.place, ("left out", head.slot))[0]
        mark, new = self.sheet.supplied("elided", before[-1], "left out")
        for tail in list(self.at.values()) if new else ():
            if tail.column and tail.vertices and not self.hidden.isdisjoint(self._readers(tail.vertices[-1])):
                self.sheet.arrows.append(Arrow(tail, mark, (tail.vertices[-1], 0)))
        return mark

    def _readers(self, vertex: int) -> list[int]:
        """The vertices that use a value, rearranged or not."""
        users, passed = self.sheet.record.users, self.grouping.passed
        return [*reached(users[vertex], lambda reader: users[reader] if reader in passed else ())]
