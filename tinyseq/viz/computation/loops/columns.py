"""Which column of a drawing each part of a computation belongs to.

A column is a time step of a *phase*. Loops that run side by side share their columns: the layers of a stack, the two
directions of a bidirectional network. A loop that needs the final result of another one, as a decoder needs its
encoder's last state, belongs to a later phase, whose columns follow.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Literal, NamedTuple

from tinyseq.autograd.axes import TAKING_APART
from tinyseq.structure.record import Shape, Vertex
from tinyseq.structure.timewise import tracks
from tinyseq.viz.rendering.style import clean

MOST_COLUMNS, FEW_COLUMNS = 8, 4  # drawn by default in all; or of each phase
LAYER = re.compile(r"l\d+(_reverse)?")  # names of the parts of a layer
BACKWARD = re.compile(r"(^|_)(reversed?|backwards?)$")  # names of modules and weights that read from the end


class Column(NamedTuple):
    """A column of a drawing. Columns sort from left to right.

    Attributes:
        phase: the index of its phase.
        step: its time step.
        kind: a time step; a gap for steps left out (from ``step`` on); or a column beside the steps, for initial
            states and for ops between two phases.
    """

    phase: int
    step: int
    kind: Literal["step", "gap", "start", "between"] = "step"

    @property
    def name(self) -> str:
        """The name of its frame."""
        return f"t{self.step}" + f"_phase{self.phase}" * (self.phase > 0)


class Loop(NamedTuple):
    """A run of time steps, each of which passes its state to the next.

    Attributes:
        phase: the index of its phase, from 0.
        level: how many layers of loops of its phase are below it.
        backward: whether it runs from the last step to the first.
    """

    phase: int
    level: int
    backward: bool


Zone = Literal["columns", "before", "after", "parameters"]  # of a drawing
Loops = int  # a set of loops: bit i stands for loop i


def _members(loops: Loops) -> list[int]:
    return [i for i in range(loops.bit_length()) if loops >> i & 1]


class Plan:
    """The loops, phases and columns of a computation.

    Args:
        vertices: the computation, parents first.
        users: for each vertex, those that use it.

    Attributes:
        tracks: the vertices outside the loops that treat all steps alike.
        loop_of: the index of the loop of each vertex that has a time step.
        loops: the loops, in the order of their creation.
        phase_of: the phase of each vertex that is drawn in a column.
        steps: the time steps of each phase.
    """

    def __init__(self, vertices: tuple[Vertex, ...], users: list[list[int]]) -> None:
        self.vertices = vertices
        self.users = users
        self.tracks = tracks(vertices, users)
        self.loop_of, directions = _loops(vertices)
        for labelled, loop in self.loop_of.items():  # a loop of one step has no direction but its names
            if not directions[loop]:
                used = (vertices[v] for v in vertices[labelled].made_of)
                names = (*vertices[labelled].scope, *(name for each in used for name in (each.label, each.name)))
                directions[loop] = -any(map(BACKWARD.search, names))
        beside, before = self._relations()
        self.loops = _arranged(self.loop_of, directions, beside, before)
        self.phase_of = self._phases(beside, before)
        self.steps = self._steps()

    @cached_property
    def single_steps(self) -> list[list[Vertex]]:
        """The ops of each loop of a phase that has only one step: no other step shows what they take and hand on."""
        steps: dict[int, int | None] = {}
        several = {loop for v, loop in self.loop_of.items() if steps.setdefault(loop, s := self.vertices[v].step) != s}
        alone = {loop for loop in steps.keys() - several if len(self.steps[self.loops[loop].phase]) == 1}
        members: dict[int, list[Vertex]] = {loop: [] for loop in steps if loop in alone}
        for vertex, loop in self.loop_of.items() if members else ():
            if loop in members:
                members[loop].append(self.vertices[vertex])
        return [*members.values()]

    @cached_property
    def names(self) -> list[str]:
        """What the heading of a column of each phase begins with: its module, if there are several phases."""
        if len(self.steps) == 1:
            return [""]  # nothing to tell it from
        scopes: list[set[tuple[str, ...]]] = [set() for _ in self.steps]  # in which the loops of a phase were recorded
        for vertex, loop in self.loop_of.items():
            scopes[self.loops[loop].phase].add(self.vertices[vertex].scope)
        own = [tuple(part for part in shared(found) if not LAYER.fullmatch(part)) for found in scopes]
        own = [scope[len(shared(own)) :] for scope in own]
        same = len(shared([scope[::-1] for scope in own]))
        names = [scope[-1 - same] if len(scope) > same else "" for scope in own]
        return [f"{clean(name, limit=20)}, " if name else "" for name in names]

    def steps_of(self, vertex: int) -> tuple[int | None, ...]:
        """The steps in which a vertex is drawn; None for a place outside the columns."""
        track = self.tracks.get(vertex)
        return track.steps if track else (self.vertices[vertex].step,)

    def _relations(self) -> tuple[list[Loops], list[Loops]]:
        """For each vertex, the loops it depends on at its own step only, and those it depends on at other steps."""
        beside: list[Loops] = []
        before: list[Loops] = []
        loop_of, tracks, vertices = self.loop_of, self.tracks, self.vertices
        first, longer = dict[int, int | None](), set[int]()  # the loops of several steps
        for labelled, loop in loop_of.items():
            if first.setdefault(loop, vertices[labelled].step) != vertices[labelled].step:
                longer.add(loop)
        later = longer | self._decoders_of_one_step(longer)  # than a loop of one step that they read, as an encoder
        for vertex in vertices:
            same = other = 0
            for number in vertex.made_of:
                source = vertices[number]
                if source.step is None:
                    other |= before[number]
                    found, aligned = beside[number], number in tracks
                else:
                    loop = loop_of[number]
                    ends = loop not in longer and loop_of.get(vertex.id) in later
                    found, aligned = 1 << loop, (vertex.step == source.step and not ends) or vertex.id in tracks
                if aligned:
                    same |= found
                else:
                    other |= found
            others = ~(1 << loop_of[vertex.id]) if vertex.step is not None else -1
            beside.append(same & others)
            before.append(other & others)
        return beside, before

    def _decoders_of_one_step(self, longer: set[int]) -> set[int]:
        """The loops of one step whose state comes from another one: they read nothing else that could be their own
        first state, and compute a value as large as what they read."""
        read, made = defaultdict[int, set[Shape]](set), defaultdict[int, set[Shape]](set)
        others = set[int]()
        for labelled, loop in self.loop_of.items():
            if loop not in longer:
                vertex = self.vertices[labelled]
                for at, output in filter(None, vertex.parents):
                    if self.loop_of.get(at, loop) != loop and self.loop_of[at] not in longer:
                        read[loop].add(self.vertices[at].shapes[output])
                if vertex.kind != "product":
                    made[loop].update(vertex.shapes)
                if vertex.kind in {"product", "join"} and None in vertex.parents:
                    others.add(loop)
        return {loop for loop, shapes in read.items() if loop not in others and shapes & made[loop]}

    def _phases(self, beside: list[Loops], before: list[Loops]) -> dict[int, int]:
        phases = {labelled: self.loops[loop].phase for labelled, loop in self.loop_of.items()}
        for tracked in (tracked for tracked in self.tracks if beside[tracked]):
            phases[tracked] = max(self.loops[loop].phase for loop in _members(beside[tracked]))
        early = sorted(self.tracks.keys() - phases.keys(), reverse=True)
        for tracked in early:  # ops before a loop belong to the first loop that needs them
            if needing := [phases[user] for user in self.users[tracked] if user in phases]:
                phases[tracked] = min(needing)
            elif before[tracked]:
                phases[tracked] = max(self.loops[loop].phase for loop in _members(before[tracked]))
        return phases

    def _steps(self) -> list[list[int]]:
        steps: dict[int, set[int]] = {phase: set() for phase in self.phase_of.values()}
        for vertex, phase in self.phase_of.items():
            if vertex in self.tracks:
                steps[phase].update(self.tracks[vertex].steps)
            elif (step := self.vertices[vertex].step) is not None:
                steps[phase].add(step)
        return [sorted(steps[phase]) for phase in sorted(steps)]

    def columns(
        self, wanted: Iterable[int] | None, each: int | None = None, hidden: Collection[int] = ()
    ) -> list[Column]:
        """The columns to draw, in order.

        Args:
            wanted: the steps to draw; negative ones count from the end of each phase.
            each: if None are wanted, how many of each phase to draw: the first ones and the last. None for all of them
                if there are at most 8, otherwise 4 of each phase.
            hidden: vertices that are left out.
        """
        phases = self._shown_phases(hidden)
        if each is None and sum(len(self.steps[phase]) for phase in phases) > MOST_COLUMNS:
            each = FEW_COLUMNS
        columns: list[Column] = []
        gap = False
        for phase, steps in enumerate(self.steps):
            if phase not in phases:
                shown = set[int]()
            elif wanted is not None:
                shown = {steps[i] for i in wanted if -len(steps) <= i < 0} | (set(steps) & set(wanted))
            else:
                shown = {*steps[: each and each - 1], steps[-1]}
            gap = gap and phase not in phases  # one gap for phases in a row
            for step in steps:
                if step in shown:
                    columns.append(Column(phase, step))
                elif not gap:
                    columns.append(Column(phase, step, "gap"))
                gap = step not in shown
        return columns

    def _shown_phases(self, hidden: Collection[int]) -> set[int]:
        """The phases that are not left out as a whole."""
        return {self.loops[loop].phase for vertex, loop in self.loop_of.items() if vertex not in hidden}

    def typical_columns(self, hidden: Collection[int] = ()) -> list[Column]:
        """One column for each phase: the step in which most is computed from most, or of several the one nearest to the
        middle.

        The steps at which loops begin have no step before to show.
        """
        counts: Counter[tuple[int, int | None]] = Counter()
        for vertex, loop in ((vertex, loop) for vertex, loop in self.loop_of.items() if vertex not in hidden):
            made = self.vertices[vertex]
            computed = [source for source in made.made_of if self.vertices[source].kind not in TAKING_APART]
            counts[self.loops[loop].phase, made.step] += 1 + len(computed)
        columns: list[Column] = []
        for phase, steps in ((phase, self.steps[phase]) for phase in sorted(self._shown_phases(hidden))):
            ways = {loop.backward for loop in self.loops if loop.phase == phase}
            inside = range(False in ways, len(steps) - (True in ways)) or range(len(steps))
            middle = len(steps) // 2
            most = max(inside, key=lambda i: (counts[phase, steps[i]], -abs(i - middle), i))
            columns.append(Column(phase, steps[most]))
        return columns


def _loops(vertices: tuple[Vertex, ...]) -> tuple[dict[int, int], list[int]]:
    """The loop of each vertex that has a step, and the direction of each loop: 1, -1, or 0 if it has only one step.

    A vertex belongs to the loop of a parent of the same block of `ts.step`, or of the step before it in that loop's
    direction. A loop has one block at each step: so the letters of the fourth word are no part of the loop over the
    words, whose fifth step they precede. Blocks that read the same are joined first.
    """
    made = _Unions(vertices)
    across: list[tuple[int, int]] = []
    read = defaultdict[int, set[int]](set)
    for vertex in vertices:
        if (step := vertex.step) is None:
            continue
        for source in vertex.made_of:
            before = vertices[source].step
            if before is None:
                read[vertex.block].add(source)
            elif before == step and vertices[source].block == vertex.block:
                made.join(vertex.id, source, 0)
            elif abs(step - before) == 1:
                across.append((vertex.id, source))
    others = []
    for pair in across:
        one, other = (vertices[end] for end in pair)
        if read[one.block].isdisjoint(read[other.block]):
            others.append(pair)
        else:
            made.join(*pair, (one.step or 0) - (other.step or 0))
    for mine, source in others:
        made.join(mine, source, (vertices[mine].step or 0) - (vertices[source].step or 0))
    return made.loops()


class _Unions:
    """Sets of vertices that grow into loops."""

    def __init__(self, vertices: tuple[Vertex, ...]) -> None:
        self.vertices = vertices
        self.root = {vertex.id: vertex.id for vertex in vertices if vertex.step is not None}
        self.ways = dict.fromkeys(self.root, 0)  # of each loop, a set: bit 0 for forward, bit 1 for backward
        self.blocks: dict[int, dict[int | None, int]] = {}  # of each loop of several vertices, by step

    def find(self, vertex: int) -> int:
        """The first vertex of a loop."""
        root = self.root
        while root[vertex] != vertex:
            root[vertex] = vertex = root[root[vertex]]
        return vertex

    def join(self, mine: int, source: int, stride: int) -> None:
        """Join the loops of two vertices, unless they run in different directions or have different blocks at one
        step."""
        first, last = self.find(mine), self.find(source)
        if last < first:
            first, last = last, first
        both = self.ways[first] | self.ways[last] | (0, 1, 2)[stride]
        if both == 3:
            return
        if first != last:
            few, many = self._blocks(first), self._blocks(last)
            if len(few) > len(many):
                few, many = many, few
            for step, block in few.items():
                if many.get(step, block) != block:
                    return
            many.update(few)
            self.blocks[first] = many
            self.root[last] = first
        self.ways[first] = both

    def _blocks(self, first: int) -> dict[int | None, int]:
        vertex = self.vertices[first]
        return self.blocks.get(first) or {vertex.step: vertex.block}

    def loops(self) -> tuple[dict[int, int], list[int]]:
        """The loop of each vertex, in the order of their first vertices, and their directions."""
        found = {vertex: self.find(vertex) for vertex in self.root}
        order = {first: i for i, first in enumerate(sorted({*found.values()}))}
        return {vertex: order[first] for vertex, first in found.items()}, [(0, 1, -1)[self.ways[v]] for v in order]


def _arranged(
    loop_of: Mapping[int, int], directions: list[int], beside: list[Loops], before: list[Loops]
) -> list[Loop]:
    """The phase and the level of each loop: after the loops it waits for, above those whose steps it reads."""
    under, after = [0] * len(directions), [0] * len(directions)
    for vertex, loop in loop_of.items():
        under[loop] |= beside[vertex]
        after[loop] |= before[vertex]
    loops: list[Loop] = []
    for i, direction in enumerate(directions):  # a loop can only depend on loops that started before it
        earlier = [loops[j].phase + (after[i] >> j & 1) for j in _members(under[i] | after[i]) if j < i]
        phase = max(earlier, default=0)
        level = max((loops[j].level + 1 for j in _members(under[i]) if j < i and loops[j].phase == phase), default=0)
        loops.append(Loop(phase, level, direction < 0))
    return loops


def zones(plan: Plan) -> tuple[dict[int, Zone], dict[int, int]]:
    """The zone of each vertex outside the columns; and for those between loops, the phase that they follow."""
    follows = dict(plan.phase_of)  # the last phase that a vertex depends on
    outside = [vertex for vertex in plan.vertices if vertex.id not in plan.phase_of]
    for vertex in outside:
        if before := [follows[source] for source in vertex.made_of if source in follows]:
            follows[vertex.id] = max(before)
    needed = set(plan.phase_of)
    for vertex in reversed(outside):
        if not needed.isdisjoint(plan.users[vertex.id]):
            needed.add(vertex.id)
    found: dict[int, Zone] = {vertex.id: "before" if vertex.id in needed else "after" for vertex in outside}
    return found, {vertex: follows[vertex] for vertex in found if vertex in needed and vertex in follows}


def shared(scopes: Collection[tuple[str, ...]]) -> tuple[str, ...]:
    """The names that several nested ones begin with."""
    first, last = min(scopes, default=()), max(scopes, default=())
    same = [a == b for a, b in zip(first, last, strict=False)]
    return first[: same.index(False) if False in same else len(same)]
