"""The loops of a computation: which ops belong to which loop, and which loops run side by side or one after another.

Loops that run side by side, step by step, are one *phase*: the layers of a stack, the two directions of a bidirectional
network. A loop that needs the final result of another one, as a decoder needs its encoder's last state, belongs to a
later phase.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

from tinyseq.structure.paths import grouped
from tinyseq.structure.record import Shape, Vertex
from tinyseq.structure.timewise import collecting, tracks

BACKWARD = re.compile(r"(^|_)(reversed?|backwards?)$")  # names of modules and weights that read from the end
Loops = int  # a set of loops: bit i stands for loop i


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


def _members(loops: Loops) -> list[int]:
    return [i for i in range(loops.bit_length()) if loops >> i & 1]


class Timeline:
    """The loops of a computation, and its phases.

    Args:
        vertices: the computation, parents first.
        users: for each vertex, those that use it.

    Attributes:
        tracks: the vertices outside the loops that treat all steps alike.
        collecting: the `stack`s of results of several loops, which follow these loops.
        loop_of: the index of the loop of each vertex that has a time step.
        loops: the loops, in the order of their creation.
        phase_of: the phase of each vertex of a loop, or that treats all steps alike.
        steps: the time steps of each phase.
    """

    def __init__(self, vertices: tuple[Vertex, ...], users: list[list[int]]) -> None:
        self.vertices = vertices
        self.users = users
        self.loop_of, directions = _loops(vertices)
        self.collecting = collecting(vertices, self.loop_of)
        self.tracks = tracks(vertices, users, self.collecting)
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
        """The ops of each loop of one step, if no other step of its phase reads what it reads outside of the loops: so
        no other step shows what they take and hand on."""
        loops = grouped((loop, self.vertices[vertex]) for vertex, loop in self.loop_of.items())
        single = {loop: ops for loop, ops in loops.items() if len({op.step for op in ops}) == 1}
        read = defaultdict[tuple[int, int], set[int | None]](set)
        for loop, ops in loops.items() if single else ():
            for op in ops:
                for source in self._read_outside(op):
                    read[self.loops[loop].phase, source].add(op.step)

        def alone(loop: int, ops: list[Vertex]) -> bool:
            phase, sources = self.loops[loop].phase, [source for op in ops for source in self._read_outside(op)]
            return len(self.steps[phase]) == 1 or (bool(sources) and all(len(read[phase, s]) == 1 for s in sources))

        return [ops for loop, ops in single.items() if alone(loop, ops)]

    def _read_outside(self, op: Vertex) -> list[int]:
        return [source for source in op.made_of if self.vertices[source].step is None]

    def steps_of(self, vertex: int) -> tuple[int | None, ...]:
        """The steps of a vertex; None for one outside the loops."""
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
                    together = vertex.id in tracks and vertex.id not in self.collecting
                    found, aligned = 1 << loop, (vertex.step == source.step and not ends) or together
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


def _loops(vertices: tuple[Vertex, ...]) -> tuple[dict[int, int], list[int]]:
    """The loop of each vertex that has a step, and the direction of each loop: 1, -1, or 0 if it has only one step.

    A vertex belongs to the loop of a parent of the same block of `ts.step`, or of the step before it in that loop's
    direction. A loop has one block at each step: so the letters of the fourth word are no part of the loop over the
    words, whose fifth step they precede. Blocks that read the same are joined first. Those that read the same and are
    further apart are joined if they have no neighbours, as in a network whose states skip some steps.
    """
    made = _Unions(vertices)
    across: list[tuple[int, int]] = []
    far: list[tuple[int, int]] = []
    read = defaultdict[int, set[int]](set)
    for vertex in vertices:
        if (step := vertex.step) is None:
            continue
        first = vertex.id
        for number in vertex.made_of:
            read_from = vertices[number]
            if read_from.step is None:
                read[vertex.block].add(number)
            elif read_from.step == step and read_from.block == vertex.block:
                first = made.join_in_block(first, number)
            else:
                (across if abs(step - read_from.step) == 1 else far).append((vertex.id, number))
    others = []
    for pair in across:
        one, other = (vertices[end] for end in pair)
        if read[one.block].isdisjoint(read[other.block]):
            others.append(pair)
        else:
            made.join(*pair, (one.step or 0) - (other.step or 0))
    for mine, source in others:
        made.join(mine, source, (vertices[mine].step or 0) - (vertices[source].step or 0))
    alone = [pair for pair in far if not any(made.ways[made.find(end)] for end in pair)]
    for mine, source in alone:
        if not read[vertices[mine].block].isdisjoint(read[vertices[source].block]):
            made.join(mine, source, (vertices[mine].step or 0) - (vertices[source].step or 0))
    return made.loops()


class _Unions:
    """Sets of vertices that grow into loops."""

    def __init__(self, vertices: tuple[Vertex, ...]) -> None:
        self.vertices = vertices
        self.root = [*range(len(vertices))]  # an older vertex of the same loop, or itself
        self.ways = [0] * len(vertices)  # of each loop, a set: bit 0 for forward, bit 1 for backward
        self.blocks: dict[int, dict[int | None, int]] = {}  # of each loop of several vertices, by step

    def find(self, vertex: int) -> int:
        """The first vertex of a loop."""
        root = self.root
        while root[vertex] != vertex:
            root[vertex] = vertex = root[root[vertex]]
        return vertex

    def join_in_block(self, first: int, source: int) -> int:
        """Join the set that begins with a vertex with that of another one of its block, before any blocks are joined:
        their sets have no other blocks.

        Returns:
            The first vertex of both.
        """
        other = self.find(source)
        if first < other:
            self.root[other] = first
            return first
        self.root[first] = other
        return other

    def join(self, mine: int, source: int, stride: int) -> None:
        """Join the loops of two vertices, unless they run in different directions or have different blocks at one
        step."""
        first, last = self.find(mine), self.find(source)
        if last < first:
            first, last = last, first
        both = self.ways[first] | self.ways[last] | (1 if stride > 0 else 2)
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
        found, directions = dict[int, int](), list[int]()
        for vertex in self.vertices:  # older ones come first
            if vertex.step is not None and self.root[vertex.id] == vertex.id:
                found[vertex.id] = len(directions)
                directions.append((0, 1, -1)[self.ways[vertex.id]])
            elif vertex.step is not None:
                found[vertex.id] = found[self.root[vertex.id]]
        return found, directions


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
