"""Ops that treat all time steps alike.

Fast code computes W x_t + b for all steps in one product before the loop, and passes a slice to each step. A drawing
puts it back into the columns: slicing along the time axis commutes with every op that does not mix the steps. `tracks`
finds these ops, starting where a time axis is known: at `stack`, which joins the steps, and at `unbind` or x[t], which
separate them.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from tinyseq.autograd.record.axes import LOOKED_THROUGH, Use
from tinyseq.structure.paths import grouped
from tinyseq.structure.record import Source, Vertex, origin


class Track(NamedTuple):
    """A time axis in the output of a vertex outside the loop.

    Attributes:
        axis: the axis.
        steps: the time step at each position along it.
    """

    axis: int
    steps: tuple[int, ...]


def tracks(vertices: tuple[Vertex, ...], users: list[list[int]], collecting: Collection[int] = ()) -> dict[int, Track]:
    """The time axes of a computation, by the ids of the vertices that have one and treat its positions alike.

    They include the `unbind` that splits a time axis; the steps of its track are those of its outputs.

    Args:
        vertices: the computation, parents first.
        users: for each vertex, those that use it.
        collecting: the `stack`s whose axis is no time axis of what they join; see `collecting`.
    """
    return _Finder(vertices, users, collecting).found


def collecting(vertices: tuple[Vertex, ...], loop_of: Mapping[int, int]) -> set[int]:
    """The `stack`s of results of several loops that run through the same steps: as of the last states of loops over the
    letters of each word, whose axis is that of the words."""
    at = grouped((vertices[vertex].step, loop) for vertex, loop in loop_of.items())
    running = {step: {*loops} for step, loops in at.items()}

    def collects(vertex: Vertex) -> bool:
        made = [each for parent in vertex.parents if (each := _origin(vertices, parent))]
        loops = {each.step: loop_of[each.id] for each in made if each.step is not None}
        chosen = {*loops.values()}
        return any(len(running[step] & chosen) > 1 for step in loops)

    return {each.id for each in vertices if each.kind == "stacking" and each.step is None and collects(each)}


class _Finder:
    """Finds time axes, and follows them through the computation."""

    def __init__(self, vertices: tuple[Vertex, ...], users: list[list[int]], collecting: Collection[int]) -> None:
        self.vertices = vertices
        self.users = users
        self.found: dict[int, Track] = {}
        for vertex in (vertex for vertex in vertices if vertex.step is None):
            if vertex.kind == "stacking" and vertex.id not in collecting and (track := self._stacked(vertex)):
                self._spread(vertex.id, track)
            if vertex.kind == "unstacking" and vertex.made_of and (track := self._taken_apart(vertex)):
                self.found[vertex.id] = track
                self._spread(vertex.made_of[0], track)
            if len(vertex.shapes) == 1 and (track := self._indexed(vertex)):
                self._spread(vertex.id, track)
        self._drop_mixtures()

    def _stacked(self, vertex: Vertex) -> Track | None:
        """The time axis made by a `stack` of results of different steps."""
        made = [_origin(self.vertices, parent) for parent in vertex.parents]
        steps = [each.step if each else None for each in made]
        axis = vertex.attrs["axis"] % len(vertex.shape)
        return self._track(axis, set(enumerate(steps)), len(steps), vertex.scope, vertex.made_of)

    def _taken_apart(self, vertex: Vertex) -> Track | None:
        """The time axis split by an `unbind`, if each slice is used by a different step."""
        users = [self.vertices[user] for user in self.users[vertex.id]]
        steps = {(p[1], user.step) for user in users for p in user.parents if p and p[0] == vertex.id}
        axis = vertex.attrs["axis"] % (len(vertex.shape) + 1)
        return self._track(axis, steps, len(vertex.shapes), vertex.scope, self.users[vertex.id])

    def _indexed(self, vertex: Vertex) -> Track | None:
        """The time axis of a sequence x that is indexed as x[t] by each step."""
        steps: set[tuple[int, int | None]] = set()
        for user in (self.vertices[user] for user in self.users[vertex.id]):
            if len(user.index) != 1 or not isinstance(user.index[0], int):
                return None
            steps.add((user.index[0] % vertex.shape[0], user.step))
        return self._track(0, steps, vertex.shape[0]) if len(steps) > 1 else None

    def _track(
        self,
        axis: int,
        steps: set[tuple[int, int | None]],
        length: int,
        scope: tuple[str, ...] = (),
        others: Sequence[int] = (),
    ) -> Track | None:
        """The track along an axis, if each of its positions belongs to a different step.

        An axis of length 1 must be made in the scope of its step: the axis along which the states of layers are
        stacked is made outside the layer's scope.
        """
        known = {place: step for place, step in steps if step is not None}
        if not len(steps) == len(known) == len(set(known.values())) == length:
            return None
        if length == 1 and any(self.vertices[other].scope != scope for other in others):
            return None
        return Track(axis, tuple(known[place] for place in range(length)))

    def _spread(self, start: int, track: Track) -> None:
        """Follow a time axis from a vertex in both directions, through all ops outside the loop that keep it."""
        stack = [(start, track)]
        while stack:
            vertex, track = self.vertices[stack[-1][0]], stack.pop()[1]
            if vertex.id in self.found or vertex.step is not None:
                continue
            below = [] if vertex.kind == "stacking" else argument_axes(vertex, track.axis, self.vertices)
            if below is None:
                continue
            self.found[vertex.id] = track
            for parent, axis in zip(vertex.parents, below, strict=False):
                if parent is not None and axis is not None and len(self.vertices[parent[0]].shapes) == 1:
                    stack.append((parent[0], Track(axis, track.steps)))
            for user in set(self.users[vertex.id]):
                axis = self._output_axis(self.vertices[user], vertex.id, track.axis)
                if axis is not None:
                    stack.append((user, Track(axis, track.steps)))

    def _output_axis(self, user: Vertex, source: int, axis: int) -> int | None:
        """The axis of an op's output that corresponds to a time axis of its input; None if the op mixes the steps."""
        for out in range(len(user.shape)):
            below = argument_axes(user, out, self.vertices) or ()
            if any(p and p[0] == source and found == axis for p, found in zip(user.parents, below, strict=False)):
                return out
        return None

    def _drop_mixtures(self) -> None:
        """Repeatedly remove vertices that would slice a parent that is not a sequence of the same steps."""
        doubtful = list(self.found)
        while doubtful:
            vertex = self.vertices[doubtful.pop()]
            track = self.found.get(vertex.id)
            if track is None or vertex.kind in {"stacking", "unstacking"}:
                continue
            pairs = zip(vertex.parents, argument_axes(vertex, track.axis, self.vertices) or [], strict=False)
            needed = [(p[0], Track(axis, track.steps)) for p, axis in pairs if p and axis is not None]
            if any(self.found.get(source) != other for source, other in needed):
                del self.found[vertex.id]
                doubtful += self.users[vertex.id]


def _origin(vertices: tuple[Vertex, ...], source: Source | None) -> Vertex | None:
    """What has computed a value, or the value that it rearranges; None for a constant."""
    moves = lambda made: made.step is None and made.kind in LOOKED_THROUGH
    return origin(vertices, source[0], moves) if source else None


def argument_axes(vertex: Vertex, axis: int, vertices: tuple[Vertex, ...]) -> list[int | None] | None:
    """The axes of a vertex's arguments that correspond to an axis of its output: see `Op.input_axes`."""
    if vertex.declared is None:
        return []
    shapes = tuple(None if parent is None else vertices[parent[0]].shapes[parent[1]] for parent in vertex.parents)
    return vertex.declared.input_axes(Use(vertex.shape, shapes, vertex.attrs), axis)
