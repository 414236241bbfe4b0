"""Which parts of a computation act on every time step alike.

Fast code computes W x_t + b for all steps in one product, outside of the loop, and hands slices of it to the steps. A
drawing puts it back into the columns where it belongs: slicing along the time axis commutes with every op that does not
mix the steps. `tracks` finds those ops, from the places where a time axis is known: `stack`, which makes one out of
steps, and `unbind` or an x[t] in each step, which take one apart.
"""

from collections.abc import Mapping
from typing import NamedTuple

from tinyseq.autograd.axes import LOOKED_THROUGH, Use
from tinyseq.viz.computation.record import Vertex


class Track(NamedTuple):
    """A time axis in the output of a vertex that stands outside of the loop.

    Attributes:
        axis: which axis it is.
        steps: the time step of each of its positions.
    """

    axis: int
    steps: tuple[int, ...]


def tracks(vertices: tuple[Vertex, ...]) -> dict[int, Track]:
    """The time axes of a computation, by the ids of the vertices that have one and treat its positions alike.

    The `unbind` that takes a time axis apart is among them, and its track tells which output goes to which step.
    """
    users = _users(vertices)
    found: dict[int, Track] = {}
    for vertex in vertices:
        track = _stacked(vertex, vertices)
        if track:
            _spread(vertex.id, track, vertices, users, found)
        track = _taken_apart(vertex, vertices, users)
        source = vertex.parents[0] if track else None
        if track and source:
            found[vertex.id] = track
            _spread(source[0], track, vertices, users, found)
        track = _indexed(vertex, vertices, users)
        if track:
            _spread(vertex.id, track, vertices, users, found)
    _drop_mixtures(vertices, users, found)
    return found


def _users(vertices: tuple[Vertex, ...]) -> dict[int, list[int]]:
    users: dict[int, list[int]] = {vertex.id: [] for vertex in vertices}
    for vertex in vertices:
        for parent in vertex.parents:
            if parent is not None:
                users[parent[0]].append(vertex.id)
    return users


def _stacked(vertex: Vertex, vertices: tuple[Vertex, ...]) -> Track | None:
    """The time axis that a `stack` of results of different steps makes."""
    if vertex.kind != "stacking" or vertex.step is not None:
        return None
    steps = [None if parent is None else _step_of(vertices, parent[0]) for parent in vertex.parents]
    known = tuple(step for step in steps if step is not None)
    if len(set(known)) < len(steps):
        return None
    if len(steps) == 1 and not _in_the_loop(vertex, [parent[0] for parent in vertex.parents if parent], vertices):
        return None
    return Track(vertex.attrs["axis"] % len(vertex.shape), known)


def _in_the_loop(vertex: Vertex, others: list[int], vertices: tuple[Vertex, ...]) -> bool:
    """Whether an axis of length 1 is a time axis of one step, as it is made in the same scope as the step.

    The axis of one layer, along which states are joined and taken apart, is made outside of the layer's scope.
    """
    return all(vertices[other].scope == vertex.scope for other in others)


def _step_of(vertices: tuple[Vertex, ...], vertex: int) -> int | None:
    """The step of a vertex, or of the one it merely rearranges."""
    while vertices[vertex].step is None and vertices[vertex].kind in LOOKED_THROUGH:
        source = vertices[vertex].parents[0]
        if source is None:
            return None
        vertex = source[0]
    return vertices[vertex].step


def _taken_apart(vertex: Vertex, vertices: tuple[Vertex, ...], users: Mapping[int, list[int]]) -> Track | None:
    """The time axis of what an `unbind` takes apart, if each slice goes to a step of its own."""
    if vertex.kind != "unstacking" or vertex.step is not None:
        return None
    steps: dict[int, set[int | None]] = {}
    for user in users[vertex.id]:
        for parent in vertices[user].parents:
            if parent is not None and parent[0] == vertex.id:
                steps.setdefault(parent[1], set()).add(vertices[user].step)
    known = tuple(step for i in range(len(vertex.shapes)) for step in steps.get(i, ()) if step is not None)
    if len(set(known)) != len(vertex.shapes) or any(len(found) > 1 for found in steps.values()):
        return None
    if len(vertex.shapes) == 1 and not _in_the_loop(vertex, users[vertex.id], vertices):
        return None
    return Track(vertex.attrs["axis"] % (len(vertex.shape) + 1), known)


def _indexed(vertex: Vertex, vertices: tuple[Vertex, ...], users: Mapping[int, list[int]]) -> Track | None:
    """The time axis of a sequence x that steps take apart themselves, each with an x[t] of its own."""
    if vertex.step is not None or not users[vertex.id] or len(vertex.shapes) > 1:
        return None
    steps: dict[int, int] = {}
    for user in users[vertex.id]:
        place, step = vertices[user].attrs.get("index"), vertices[user].step
        if vertices[user].operator != "[]" or not isinstance(place, int) or step is None:
            return None
        if steps.setdefault(place % vertex.shape[0], step) != step:
            return None
    if len(set(steps.values())) < max(vertex.shape[0], 2):
        return None
    return Track(0, tuple(steps[place] for place in range(vertex.shape[0])))


def _spread(
    start: int, track: Track, vertices: tuple[Vertex, ...], users: Mapping[int, list[int]], found: dict[int, Track]
) -> None:
    """Follow a time axis from a vertex through all ops outside of the loop that keep it whole, both ways."""
    stack = [(start, track)]
    while stack:
        vertex, track = vertices[stack[-1][0]], stack.pop()[1]
        if vertex.id in found or vertex.step is not None:
            continue
        below = [] if vertex.kind == "stacking" else argument_axes(vertex, track.axis, vertices)
        if below is None:
            continue
        found[vertex.id] = track
        for parent, axis in zip(vertex.parents, below, strict=False):
            if parent is not None and axis is not None and len(vertices[parent[0]].shapes) == 1:
                stack.append((parent[0], Track(axis, track.steps)))
        for user in set(users[vertex.id]):
            axis = _output_axis(vertices[user], vertex.id, track.axis, vertices)
            if axis is not None:
                stack.append((user, Track(axis, track.steps)))


def _output_axis(user: Vertex, source: int, axis: int, vertices: tuple[Vertex, ...]) -> int | None:
    """Where a time axis of one of its parents lies in the output of an op; None if the op mixes the steps."""
    for out in range(len(user.shape)):
        below = argument_axes(user, out, vertices)
        if below is not None and any(
            parent is not None and parent[0] == source and found == axis
            for parent, found in zip(user.parents, below, strict=True)
        ):
            return out
    return None


def _drop_mixtures(vertices: tuple[Vertex, ...], users: Mapping[int, list[int]], found: dict[int, Track]) -> None:
    """Take away vertices that would slice a parent which is no sequence of the same steps, until none is left."""
    doubtful = list(found)
    while doubtful:
        vertex = vertices[doubtful.pop()]
        track = found.get(vertex.id)
        if track is None or vertex.kind in {"stacking", "unstacking"}:
            continue
        below = argument_axes(vertex, track.axis, vertices) or []
        for parent, axis in zip(vertex.parents, below, strict=False):
            if parent is None or axis is None:
                continue
            if found.get(parent[0]) != Track(axis, track.steps):
                del found[vertex.id]
                doubtful += users[vertex.id]
                break


def argument_axes(vertex: Vertex, axis: int, vertices: tuple[Vertex, ...]) -> list[int | None] | None:
    """The axes of a vertex's arguments that run along one axis of its output: see `Op.input_axes`."""
    if vertex.declared is None:
        return []
    shapes = tuple(None if parent is None else vertices[parent[0]].shapes[parent[1]] for parent in vertex.parents)
    return vertex.declared.input_axes(Use(vertex.shape, shapes, vertex.attrs), axis)
