"""Which ops belong together, which values are parameters, and which ops only rearrange data.

A product with a weight and the biases added to it are one, ``W x + b``; so is a sum divided by a count, a mean; and
so are the additions after a loop, as in ``sum(losses)``. A parameter, also a rearranged one such as ``W.T`` or
``split(W, 3)``, is a *weight*. Ops that only rearrange data, such as a reshape or the `unbind` that gives each step its
slice, are passed through. A drawing has a box for each that is left.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from functools import cached_property
from itertools import chain
from typing import NamedTuple

from tinyseq.autograd.record.axes import LOOKED_THROUGH, PUTTING_TOGETHER, TAKING_APART
from tinyseq.structure.loops import Timeline
from tinyseq.structure.parts import Taken, part_of, rows_of, steps_taken
from tinyseq.structure.paths import grouped
from tinyseq.structure.record import Record, Source, Vertex, origin

REARRANGING = LOOKED_THROUGH | TAKING_APART | PUTTING_TOGETHER


class End(NamedTuple):
    """The value at the end of a chain of rearrangements.

    Attributes:
        vertex, output: the vertex that computes it.
        step: the time step; None outside the loops.
        part: which part of the value is used, if there is a `split` or the like in the chain.
        rows: the range of rows of the value that is used, if there is a `split` by rows in the chain.
    """

    vertex: int
    output: int
    step: int | None
    part: str = ""
    rows: tuple[int, int] | None = None


class Home(NamedTuple):
    """The only time step, and its phase, that uses a leaf."""

    phase: int
    step: int


class Grouping:
    """Which vertices of a computation are drawn together, and the role of each.

    Args:
        record: the computation.
        timeline: its loops.
        apart: every op has a box of its own, and every leaf is a parameter.
        parameters: leaves that are parameters although only one step uses them.

    Attributes:
        weights: for each parameter, rearranged or not, the leaves that it is made of.
        inside: for each vertex that is part of another one's box, that other vertex.
        passed: the vertices that only rearrange data.
        mixed: those of them that also rearrange parameters.
        boxed: the vertices that have a box of their own, except for parameters.
        homes: the steps of leaves that only one step uses.
    """

    def __init__(
        self, record: Record, timeline: Timeline, apart: bool = False, parameters: Collection[int] = ()
    ) -> None:
        self.vertices = record.vertices
        self.record = record
        self.timeline = timeline
        self.parameters = parameters
        self.users = record.users
        self.homes: dict[int, Home] = {}
        self.weights: dict[int, tuple[int, ...]] = {leaf.id: (leaf.id,) for leaf in record.leaves}
        self.passed: set[int] = set()
        self.mixed: set[int] = set()
        self.inside: dict[int, int] = {}
        self.lookups: set[int] = set()
        if not apart:
            self._read_together()
        hidden = self.weights.keys() | self.passed | self.inside.keys()
        self.boxed = [vertex for vertex in self.vertices if vertex.id not in hidden]

    def _read_together(self) -> None:
        self.lookups = self._lookups()
        self.parameters = {*self.parameters, *self._weights_of_single_steps()}
        self.homes = self._homes()
        self.weights = self._weights()
        moved = [vertex for vertex in self.vertices[:-1] if vertex.kind in REARRANGING]
        self.passed = {vertex.id for vertex in moved if self._only_rearranges(vertex)}
        for vertex in (self.vertices[passed] for passed in sorted(self.passed)):
            if any(v in self.weights or v in self.mixed for v in vertex.made_of):
                self.mixed.add(vertex.id)
        self.inside = self._inside()

    def members(self, vertex: Vertex) -> list[Vertex]:
        """A vertex and those that are part of its box, oldest first."""
        return self._joined.get(vertex.id, [vertex])

    @cached_property
    def _joined(self) -> dict[int, list[Vertex]]:
        """The members of each box that has several, found once: a box may have as many as the graph has ops."""
        found: dict[int, list[int]] = {}
        for part, host in self.inside.items():
            found.setdefault(host, [host]).append(part)
        return {host: [self.vertices[member] for member in sorted(members)] for host, members in found.items()}

    def ends(self, source: Source | None, step: int | None, taken: Sequence[Taken] = ()) -> list[End]:
        """The values that a value is made of, before all rearrangements.

        Args:
            source: the value; None for a constant, which is made of none.
            step: the time step of a user outside the loop that is drawn in every column; None for any other user,
                which reads the values of all steps, or those that an `unbind`, an index or a `split` gives it.
            taken: what is taken of the value, last first.
        """
        part, rows, taken = "", None, [*taken]
        while source and source[0] in self.passed:
            vertex, output = self.vertices[source[0]], source[1]
            track, parent = self.timeline.tracks.get(vertex.id), vertex.parents[0]
            if track and step is None and taken and vertex.kind != "unstacking":
                break
            if track and vertex.kind == "stacking":
                if step is None:
                    return [end for each in vertex.parents for end in self.ends(each, None)]
                parent, step = vertex.parents[track.steps.index(step)], None  # what it reads has steps of its own
            elif track and vertex.kind == "unstacking":
                step = track.steps[output]
            elif vertex.kind in TAKING_APART and (track or not self._is_sequence(parent)):
                part, rows = part_of(vertex, output) + part, rows_of(vertex, output, rows)
            taken += [] if track else [(vertex, output)]
            source = parent
        if source is None:
            return []
        track, home = self.timeline.tracks.get(source[0]), self.homes.get(source[0])
        if track is None:
            return [End(*source, home.step if home else self.vertices[source[0]].step, part, rows)]
        if step is not None:
            return [End(*source, step, part, rows)]
        steps = steps_taken(track, self.vertices[source[0]].shapes[source[1]], taken)
        if source[0] not in self.passed:
            return [End(*source, at, part, rows) for at in steps]
        ends = [end for at in steps for end in self.ends(source, at)]
        return [end._replace(part=end.part + part, rows=rows or end.rows) for end in ends]

    def _is_sequence(self, source: Source | None) -> bool:
        """Whether a value has a time axis: what takes a part of it takes some of its steps."""
        return (
            source is not None and source[0] in self.timeline.tracks and self.vertices[source[0]].kind != "unstacking"
        )

    def phase_of(self, vertex: int) -> int:
        """The phase of a vertex of a loop, or of what treats all steps alike."""
        return self.homes[vertex].phase if vertex in self.homes else self.timeline.phase_of[vertex]

    @cached_property
    def slots(self) -> dict[int, Hashable]:
        """A slot for each vertex, the same for vertices with the same role at other steps."""
        slots: dict[int, Hashable] = {}
        steps = defaultdict[tuple[int, int], list[Vertex]](list)
        phase_of = self.timeline.phase_of
        for vertex in self.boxed:
            phase = phase_of.get(vertex.id)
            if vertex.step is None or phase is None:
                slots[vertex.id] = (phase, vertex.id)
            else:
                steps[phase, vertex.step].append(vertex)
        models: dict[int, list[Vertex]] = {}  # the longest step of each phase
        for (phase, _), vertices in steps.items():
            models[phase] = max(models.get(phase, []), vertices, key=len)
        alike = {phase: [(phase, "alike", place) for place in range(len(model))] for phase, model in models.items()}
        for (phase, step), vertices in steps.items():
            for i, (vertex, place) in enumerate(zip(vertices, self._aligned(vertices, models[phase]), strict=True)):
                slots[vertex.id] = (phase, "only", step, i) if place is None else alike[phase][place]
        slots |= {leaf: ("data", *use) for leaf in self.homes if (use := self._first_use(leaf, slots))}
        return slots

    def _first_use(self, leaf: int, slots: dict[int, Hashable]) -> tuple[Hashable, int] | None:
        """The slot of the box that reads a leaf first, and the number of the argument: leaves of one role in all steps
        have this in common."""
        source, user = leaf, self.vertices[self.users[leaf][0]]
        while user.id in self.passed:
            source, user = user.id, self.vertices[self.users[user.id][0]]
        host = self.inside.get(user.id, user.id)
        if host not in slots:
            return None
        arguments = arguments_of(self.members(self.vertices[host]))
        reads = (member is user and (member.parents[i] or (None,))[0] == source for member, i in arguments)
        return slots[host], [*reads].index(True)

    @cached_property
    def alike(self) -> dict[Hashable, list[int]]:
        """The vertices of each slot, of all time steps."""
        return grouped((slot, vertex) for vertex, slot in self.slots.items())

    def _aligned(self, step: list[Vertex], model: list[Vertex]) -> Sequence[int | None]:
        """For each op of a time step, the index of the matching op in another step; None if there is none.

        Where one of the steps has fewer loops, an op matches one of its own loop.
        """
        if len(step) == len(model) and all(map(_is_alike, step, model)):
            return range(len(step))
        loop_of = self.timeline.loop_of
        mine, others = ({loop_of[vertex.id] for vertex in vertices} for vertices in (step, model))
        both = frozenset(mine & others if mine != others else ())
        one, other = (
            [(self._role(vertex), both.intersection([loop_of[vertex.id]])) for vertex in vertices]
            for vertices in (step, model)
        )
        places: list[int | None] = [None] * len(one)
        for start, place, size in SequenceMatcher(a=one, b=other, autojunk=False).get_matching_blocks():
            places[start : start + size] = range(place, place + size)
        return places

    def _role(self, vertex: Vertex) -> Hashable:
        """What an op has in common with those of the same role at other steps, at which it may join more values."""
        count = 0 if vertex.kind in PUTTING_TOGETHER else len(vertex.parents)
        weights = tuple(self.weights[source] for source in vertex.made_of if source in self.weights)
        return vertex.scope, vertex.op, count, weights

    def _homes(self) -> dict[int, Home]:
        """The step of each leaf, of no module, that only one step uses: an input, or an initial state."""
        homes: dict[int, Home] = {}
        for leaf in self.record.leaves:
            if not (leaf.name or leaf.id in self.parameters or leaf.id in self.timeline.tracks):
                readers = self._readers(leaf)
                steps = {reader.step for reader in readers}
                step = steps.pop() if len(steps) == 1 else None
                if step is not None:
                    homes[leaf.id] = Home(min(self.timeline.phase_of[reader.id] for reader in readers), step)
        return homes

    def _lookups(self) -> set[int]:
        """Indexing ops that look something up, as E[3] of an embedding; not those that take a fixed part, or x[t].

        A fixed part is the same in each block of `ts.step` of a loop. A single row of a matrix is looked up, also if
        it is the same in all blocks. A leaf whose rows each belong to a step is a sequence if it has no name.
        """
        indexing = [vertex for vertex in self.vertices if vertex.operator == "[]"]
        found = {vertex.id for vertex in indexing if any(hasattr(part, "dtype") for part in vertex.index)}
        for leaf in (leaf for leaf in self.record.leaves if leaf.name or leaf.id not in self.timeline.tracks):
            loops = defaultdict[int, dict[int, list[Vertex]]](lambda: defaultdict(list))
            for user in (self.vertices[user] for user in self.users[leaf.id]):
                if user.step is not None and user.index and isinstance(user.index[0], int | slice):
                    loops[self.timeline.loop_of[user.id]][user.block].append(user)
            first = [user.index[0] for blocks in loops.values() for user in chain(*blocks.values())]
            row = len(leaf.shape) == 2 and leaf.shape[0] > 1 and all(type(i) is int and i == first[0] for i in first)
            for blocks in loops.values():
                if row or len({repr([user.index for user in users]) for users in blocks.values()}) > 1:
                    found |= {user.id for user in chain(*blocks.values())}
        return found

    def _weights_of_single_steps(self) -> Iterator[int]:
        """Leaves without a name that are parameters of a loop of a single step, where no other step shows them.

        They are what everything else is multiplied by, the larger of two leaves, or what is only added to results.
        """
        for vertex in (op for ops in self.timeline.single_steps for op in ops):
            if not (vertex.kind == "product" or vertex.operator == "+"):
                continue
            operands = [self._rearranged(source) for source in vertex.made_of]
            leaves = [operand for operand in operands if operand.is_leaf and not operand.name]
            if vertex.kind == "product":
                largest = max(leaves, key=lambda leaf: math.prod(leaf.shape), default=None)
                if largest and not any(operand.is_leaf and operand.name for operand in operands):
                    yield largest.id
            elif len(leaves) == 1 and len(operands) == 2 and len({*self._readers(leaves[0])}) == 1:
                yield leaves[0].id

    def _rearranged(self, vertex: int) -> Vertex:
        """What a vertex is a rearrangement of, except for an index, since x[t] is data; other vertices themselves."""
        return origin(self.vertices, vertex, lambda made: made.kind in REARRANGING and made.operator != "[]")

    def _readers(self, leaf: Vertex) -> list[Vertex]:
        """The vertices that compute with a leaf, rearranged or not."""
        readers = []
        users = list(self.users[leaf.id])
        for number in users:  # grows during the loop
            user = self.vertices[number]
            if user.step is None and user.kind in LOOKED_THROUGH | TAKING_APART and user.id not in self.lookups:
                users += self.users[number]
            else:
                readers.append(user)
        return readers

    def _weights(self) -> dict[int, tuple[int, ...]]:
        weights: dict[int, tuple[int, ...]] = {}
        for vertex in self.vertices[:-1]:
            if vertex.is_leaf:
                if vertex.name or not (vertex.id in self.homes or vertex.id in self.timeline.tracks):
                    weights[vertex.id] = (vertex.id,)
            elif vertex.kind in REARRANGING or vertex.operator == "+":
                below = [weights.get(parent[0]) if parent else None for parent in vertex.parents]
                if all(below) and vertex.id not in self.lookups:
                    weights[vertex.id] = tuple(sorted({leaf for leaves in below for leaf in leaves or ()}))
        return weights

    def _only_rearranges(self, vertex: Vertex) -> bool:
        if vertex.id in self.weights or not vertex.parents:
            return False
        if vertex.kind in PUTTING_TOGETHER:
            return (vertex.id in self.timeline.tracks and vertex.kind == "stacking") or len(vertex.parents) == 1
        return vertex.kind in LOOKED_THROUGH or (vertex.kind in TAKING_APART and vertex.id not in self.lookups)

    def _inside(self) -> dict[int, int]:
        affine: set[int] = set()  # W x, and W x + b
        joined: dict[int, int] = {}
        for vertex in self.vertices:
            if vertex.kind != "product" and vertex.operator not in {"+", "*", "/"}:
                continue
            data = [source for source in vertex.made_of if source not in self.weights]
            constants = vertex.parents.count(None)
            if self._adds(vertex):
                joined |= {source: vertex.id for source in data if self._adds_on(vertex, self.vertices[source])}
            if vertex.kind == "product" and len(data) + constants == 1:
                affine.add(vertex.id)
            if len(data) != 1 or not self._is_only_user(vertex, data[0]):
                continue
            if vertex.operator == "+" and not constants and data[0] in affine:
                affine.add(vertex.id)
                joined[data[0]] = vertex.id
            elif constants and self.vertices[data[0]].adds_up and _scales(vertex):
                joined[data[0]] = vertex.id
        inside: dict[int, int] = {}
        for vertex_id, after in reversed(joined.items()):
            inside[vertex_id] = inside.get(after, after)
        return inside

    def _adds(self, vertex: Vertex) -> bool:
        """Whether a vertex is an addition outside the loops."""
        return vertex.step is None and vertex.operator == "+" and vertex.id not in self.timeline.tracks

    def _adds_on(self, vertex: Vertex, source: Vertex) -> bool:
        """Whether two additions, the first outside the loops, form one longer sum."""
        return self._adds(source) and vertex.shapes == source.shapes and self.users[source.id] == [vertex.id]

    def _is_only_user(self, vertex: Vertex, source: int) -> bool:
        """Whether a vertex is the only user of another one, of the same steps."""
        other = self.vertices[source]
        same_place = vertex.step == other.step and (vertex.id in self.timeline.tracks) == (
            source in self.timeline.tracks
        )
        return self.users[source] == [vertex.id] and same_place


def arguments_of(members: list[Vertex]) -> list[tuple[Vertex, int]]:
    """The arguments of ops that are drawn together, except for each other's results: the op, and the position."""
    inside = {member.id for member in members}
    return [
        (member, position)
        for member in members
        for position, parent in enumerate(member.parents)
        if not parent or parent[0] not in inside
    ]


def _is_alike(one: Vertex, other: Vertex) -> bool:
    """Whether two vertices are the same op on as many arguments, in the same module."""
    return one.op == other.op and one.scope == other.scope and len(one.parents) == len(other.parents)


def _scales(vertex: Vertex) -> bool:
    """Whether an op multiplies its only argument by a constant, or divides it by one."""
    return vertex.operator == "*" or (vertex.operator == "/" and vertex.parents[0] is not None)
