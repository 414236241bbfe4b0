"""Which parts of a computation act on every time step alike.

Fast code computes W x_t + b for all steps in one product, outside of the loop, and hands slices of it to the steps. A
drawing puts it back into the columns where it belongs: slicing along the time axis commutes with every op that does not
mix the steps. `tracks` finds those ops, from the places where a time axis is known: `stack`, which makes one out of
steps, and `unbind` or an x[t] in each step, which take one apart.
"""

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any, NamedTuple

from tinyseq.viz.record import Shape, Vertex

# Families of ops, as their declarations name them.
ELEMENTWISE = {"elementwise", "clip", "where", "astype", "boolean", "broadcast_to"}
REDUCTIONS = {"reduce", "reduce_some", "reduce_one"}
ALONG_ONE_AXIS = {"softmax", "log_softmax", "cumsum", "cumprod", "flip"}


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
    if vertex.op != "stack" or vertex.step is not None or len(vertex.parents) < 2:
        return None
    steps = [None if parent is None else _step_of(vertices, parent[0]) for parent in vertex.parents]
    known = tuple(step for step in steps if step is not None)
    if len(set(known)) < len(steps):
        return None
    return Track(vertex.attrs["axis"] % len(vertex.shape), known)


def _step_of(vertices: tuple[Vertex, ...], vertex: int) -> int | None:
    """The step of a vertex, or of the one it merely rearranges."""
    while vertices[vertex].step is None and vertices[vertex].op in {"reshape", "transpose", "astype"}:
        source = vertices[vertex].parents[0]
        if source is None:
            return None
        vertex = source[0]
    return vertices[vertex].step


def _taken_apart(vertex: Vertex, vertices: tuple[Vertex, ...], users: Mapping[int, list[int]]) -> Track | None:
    """The time axis of what an `unbind` takes apart, if each slice goes to a step of its own."""
    if vertex.op != "unbind" or vertex.step is not None or len(vertex.shapes) < 2:
        return None
    steps: dict[int, set[int | None]] = {}
    for user in users[vertex.id]:
        for parent in vertices[user].parents:
            if parent is not None and parent[0] == vertex.id:
                steps.setdefault(parent[1], set()).add(vertices[user].step)
    known = tuple(step for i in range(len(vertex.shapes)) for step in steps.get(i, ()) if step is not None)
    if len(set(known)) != len(vertex.shapes) or any(len(found) > 1 for found in steps.values()):
        return None
    return Track(vertex.attrs["axis"] % (len(vertex.shape) + 1), known)


def _indexed(vertex: Vertex, vertices: tuple[Vertex, ...], users: Mapping[int, list[int]]) -> Track | None:
    """The time axis of a sequence x that steps take apart themselves, each with an x[t] of its own."""
    if vertex.step is not None or not users[vertex.id] or len(vertex.shapes) > 1:
        return None
    steps: dict[int, int] = {}
    for user in users[vertex.id]:
        place, step = vertices[user].attrs.get("index"), vertices[user].step
        if vertices[user].op != "getitem" or not isinstance(place, int) or step is None:
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
        below = [] if vertex.op == "stack" else input_axes(vertex, track.axis, vertices)
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
        below = input_axes(user, out, vertices)
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
        if track is None or vertex.op in {"stack", "unbind"}:
            continue
        below = input_axes(vertex, track.axis, vertices) or []
        for parent, axis in zip(vertex.parents, below, strict=False):
            if parent is None or axis is None:
                continue
            if found.get(parent[0]) != Track(axis, track.steps):
                del found[vertex.id]
                doubtful += users[vertex.id]
                break


def input_axes(vertex: Vertex, axis: int, vertices: tuple[Vertex, ...]) -> list[int | None] | None:
    """The axis of each argument that runs along one axis of an op's output.

    Returns:
        For each argument the axis of which output position i uses position i alone; None for an argument that all
        positions use in the same way, and for constants. None for the whole if the op mixes positions.
    """
    shapes = [None if parent is None else vertices[parent[0]].shapes[parent[1]] for parent in vertex.parents]
    if vertex.is_leaf:
        return []
    if vertex.op == "matmul":
        return _through_matmul(len(vertex.shape), axis, shapes)
    if vertex.family in ELEMENTWISE:
        return [_broadcast_axis(len(vertex.shape), axis, shape) for shape in shapes]
    if vertex.family in REDUCTIONS:
        return _through_reduction(vertex, axis, shapes[0])
    rule = _RULES.get(vertex.op)
    return rule(vertex, axis, shapes) if rule else None


def _broadcast_axis(ndim: int, axis: int, shape: Shape | None) -> int | None:
    own = axis - ndim + len(shape or ())
    return own if shape and own >= 0 and shape[own] != 1 else None


def _through_matmul(ndim: int, axis: int, shapes: list[Shape | None]) -> list[int | None] | None:
    if any(shape is not None and len(shape) < 2 for shape in shapes):
        return None
    if axis < ndim - 2:
        return [_broadcast_axis(ndim, axis, shape) for shape in shapes]
    x, y = shapes
    rows = axis == ndim - 2
    return [len(x) - 2 if x and rows else None, len(y) - 1 if y and not rows else None]


def _through_reduction(vertex: Vertex, axis: int, shape: Shape | None) -> list[int | None] | None:
    if shape is None:
        return None
    named = vertex.attrs.get("axis")
    gone = (
        range(len(shape))
        if named is None
        else [a % len(shape) for a in (named if isinstance(named, tuple) else (named,))]
    )
    if vertex.attrs.get("keepdims"):
        return None if axis in gone else [axis]
    return [[a for a in range(len(shape)) if a not in gone][axis]]


def _along(vertex: Vertex, axis: int, shapes: list[Shape | None]) -> list[int | None] | None:
    named = vertex.attrs.get("axis")
    return None if named is None or named % len(vertex.shape) == axis else [axis]


def _transpose(vertex: Vertex, axis: int, shapes: list[Shape | None]) -> list[int | None] | None:
    return [vertex.attrs["order"][axis]]


def _reshape(vertex: Vertex, axis: int, shapes: list[Shape | None]) -> list[int | None] | None:
    """An axis survives if as many elements lie before it, and it is as long."""
    old, new = shapes[0] or (), vertex.shape
    for own, side in enumerate(old):
        if side == new[axis] and prod(old[:own]) == prod(new[:axis]):
            return [own]
    return None


def _joined(vertex: Vertex, axis: int, shapes: list[Shape | None]) -> list[int | None] | None:
    return None if vertex.attrs["axis"] % len(vertex.shape) == axis else [axis] * len(shapes)


def _split(vertex: Vertex, axis: int, shapes: list[Shape | None]) -> list[int | None] | None:
    return None if vertex.attrs["axis"] % len(vertex.shape) == axis else [axis]


def _cross_entropy(vertex: Vertex, axis: int, shapes: list[Shape | None]) -> list[int | None] | None:
    return [axis]


def _getitem(vertex: Vertex, axis: int, shapes: list[Shape | None]) -> list[int | None] | None:
    """A look-up of rows by an array of ids, or slices that leave the axis whole."""
    index: Any = vertex.attrs["index"]
    parts: Iterable[Any] = index if isinstance(index, tuple) else (index,)
    out, own = 0, 0
    for part in parts:
        if hasattr(part, "ndim") and part.dtype.kind != "b":
            if out <= axis < out + part.ndim:
                return [None]
            out, own = out + part.ndim, own + 1
        elif isinstance(part, slice):
            if out == axis:
                return [own] if part == slice(None) else None
            out, own = out + 1, own + 1
        elif isinstance(part, int):
            own += 1
        else:
            return None
    return [own + axis - out]


_RULES = {
    **dict.fromkeys(ALONG_ONE_AXIS, _along),
    "transpose": _transpose,
    "reshape": _reshape,
    "concatenate": _joined,
    "split": _split,
    "softmax_cross_entropy": _cross_entropy,
    "getitem": _getitem,
}
