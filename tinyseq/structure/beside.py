"""Ops that are computed outside of a loop, once for each of its steps, and belong to these steps.

``sum(ts.sum(h * h) for h in states)`` after the loop computes the loss of each step, and ``[E[word] for word in
words]`` before it an input of each. Such an op reads a single step, or a single step reads it; and no step has two
like it. A loop that takes its own part of a sequence from the second step on, as in ``for t in range(1, T): alpha =
f(alpha, x[t])``, has its first step before it: x[0].
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from tinyseq.autograd.graph import Node
from tinyseq.structure.paths import first_steps, grouped
from tinyseq.structure.record import Record, Vertex, part_text


class Place(NamedTuple):
    """A time step, and a block of `ts.step`."""

    step: int
    block: int


def with_steps(record: Record) -> Record:
    """The same computation, in which the ops beside a loop that belong to its steps have their time step."""
    record = _with_first_steps(_with_parts(record))
    outside = [vertex for vertex in record.vertices if vertex.step is None and vertex.op]
    reading = _reading(record.vertices, outside)
    after = {vertex: place for vertex, place in reading.items() if place}
    found = _alike(record.vertices, after, {v: record.vertices[v].made_of for v in after})
    before = _read(record, [vertex for vertex in outside if vertex.id not in reading], found)
    found |= _alike(record.vertices, before, {v: record.users[v] for v in before})
    return _placed(record, found)


def _with_parts(record: Record) -> Record:
    """The same computation, in which each part of a leaf that its own step takes, as words[i, t] in a loop inside of
    another one or the window x[t : t + 3], is a leaf itself: an input."""
    unnamed = [leaf for leaf in record.leaves if not leaf.name]
    if not unnamed:
        return record
    vertices = list(record.vertices)
    for leaf in unnamed:
        parts: dict[int, tuple[Any, ...]] = {leaf.id: ()}  # and what they are taken by
        waiting = [leaf.id]
        for source in waiting:  # grows during the loop
            for user in (vertices[user] for user in record.users[source]):
                if user.index and all(isinstance(part, int | slice) for part in user.index):
                    parts[user.id] = parts[source] + user.index
                    waiting.append(user.id)
        ends = {part: _step_taking(record, part) for part in parts if not parts.keys() >= {*record.users[part]}}
        steps = {repr(parts[end]): step for end, step in ends.items()}
        moving = len({*steps.values()}) > 1 and all(steps[repr(parts[end])] == step for end, step in ends.items())
        windows = moving and any(isinstance(part, slice) for index in parts.values() for part in index)
        deep = any(len(index) > 1 for index in parts.values())
        if (windows or deep) and all(step in _places(parts[end]) for end, step in ends.items()):
            for part, index in [*parts.items()][1:]:
                label = f"{leaf.label}{part_text(index)}" if leaf.label else ""
                vertices[part] = Vertex(part, shapes=vertices[part].shapes, dtype=vertices[part].dtype, label=label)
    return replace(record, vertices=tuple(vertices))


def _places(index: tuple[Any, ...]) -> set[int]:
    """The whole numbers of an index, and the first and the last place of each slice."""
    slices = [part for part in index if isinstance(part, slice)]
    ends = {part.start or 0 for part in slices} | {part.stop - 1 for part in slices if part.stop is not None}
    return ends | {part for part in index if isinstance(part, int)}


def _step_taking(record: Record, part: int) -> int | None:
    """The step in which a part is taken, or if that was before the loop, the only one that reads it."""
    read = {record.vertices[user].step for user in record.users[part]} if record.vertices[part].step is None else ()
    return record.vertices[part].step if not read else read.pop() if len(read) == 1 else None


def _placed(record: Record, places: Mapping[int, Place]) -> Record:
    """The same computation with some ops at these steps."""
    if not places:
        return record
    vertices = list(record.vertices)
    for vertex, place in places.items():
        vertices[vertex] = replace(vertices[vertex], step=place.step, block=place.block)
    return replace(record, vertices=tuple(vertices))


def _with_first_steps(record: Record) -> Record:
    """The same computation, in which what a loop begins with has the step before the loop's first."""
    found = first_steps([item for item in reversed(record.items) if isinstance(item, Node)])
    items = enumerate(record.items) if found else ()
    places = {i: Place(found[item], 0) for i, item in items if item in found and record.vertices[i].op}
    return _placed(record, places)


def _place(vertex: Vertex) -> Place | None:
    return None if vertex.step is None else Place(vertex.step, vertex.block)


def _reading(vertices: Sequence[Vertex], outside: Iterable[Vertex]) -> dict[int, Place | None]:
    """The step that each op outside of the loops reads; None if it reads several."""
    found: dict[int, Place | None] = {}
    for vertex in outside:  # parents come first
        sources = [vertices[source] for source in vertex.made_of]
        read = [
            found.get(source.id) or _place(source)
            for source in sources
            if source.id in found or source.step is not None
        ]
        if read:
            steps = {place and place.step for place in read}
            found[vertex.id] = read[-1] if len(steps) == 1 else None
    return found


def _read(record: Record, outside: Sequence[Vertex], after: Mapping[int, Place]) -> dict[int, Place]:
    """The step that reads each of these ops, if it is only one."""
    found: dict[int, Place] = {}
    for vertex in reversed(outside):
        users = record.users[vertex.id]
        if place := _common(found.get(user) or after.get(user) or _place(record.vertices[user]) for user in users):
            found[vertex.id] = place
    return found


def _common(places: Iterable[Place | None]) -> Place | None:
    """The first of some places if all of them are at one step."""
    first = None
    for place in places:
        if place is None or (first and place.step != first.step):
            return None  # the others need not be known
        first = first or place
    return first


def _alike(
    vertices: Sequence[Vertex], places: Mapping[int, Place], needed: Mapping[int, Sequence[int]]
) -> dict[int, Place]:
    """Of ops that belong to one step, those that several steps have, each once, and that need no others."""
    if len({place.step for place in places.values()}) < 2:
        return {}
    kinds = _kinds(vertices)
    steps = grouped((kinds[vertex], place.step) for vertex, place in places.items())
    once = {kind for kind, alike in steps.items() if len(alike) == len(set(alike)) > 1}
    found: dict[int, Place] = {}
    for vertex, place in places.items():
        if kinds[vertex] in once and all(v in found for v in needed[vertex] if v in places):
            found[vertex] = place
    return found


def _kinds(vertices: Sequence[Vertex]) -> list[int]:
    """A number for each vertex: the same for those that compute the same of the same, at whatever step."""
    numbers: dict[Hashable, int] = {}
    counts = defaultdict[Hashable, int](int)
    kinds: list[int] = []
    for vertex in vertices:
        kind: Hashable = (vertex.op, vertex.scope, vertex.shapes) if vertex.op else vertex.id
        if vertex.step is not None:  # with its place among those of its step
            counts[vertex.block, kind] += 1
            kind = kind, counts[vertex.block, kind]
        elif vertex.op:
            kind = kind, tuple([parent and (kinds[parent[0]], parent[1]) for parent in vertex.parents])
        kinds.append(numbers.setdefault(kind, len(numbers)))
    return kinds
