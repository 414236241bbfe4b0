"""The shapes, values and gradients of boxes, as far as the graph still holds them."""

import math
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from tinyseq.autograd.declare import OPS
from tinyseq.autograd.ops.moves.joined import owner
from tinyseq.backend import Array, host_array, namespace_of, to_numpy
from tinyseq.structure.grouping import Grouping
from tinyseq.structure.paths import size_of
from tinyseq.structure.record import Shape, Source
from tinyseq.viz.content.boxes import Argument, Box

MOST_COMPARED = 16  # steps, to see what a constant has in common with others


class Identity(NamedTuple):
    """What distinguishes an array: its shape and numbers, and if these are all the same, which array it is."""

    numbers: tuple[Shape, bytes]
    array: int

    @property
    def is_zero(self) -> bool:
        return not any(self.numbers[1])


class Values:
    """The shapes, values and gradients of a computation.

    Args:
        grouping: the computation, and which of its ops are drawn together.
    """

    def __init__(self, grouping: Grouping) -> None:
        self.grouping, self.record, self.timeline = grouping, grouping.record, grouping.timeline
        self.vertices = grouping.vertices
        self.found: dict[Source, Any] = {}

    def shape(self, box: Box) -> Shape:
        """The shape of a box's value at its own time step."""
        if box.vertices:
            return self.without_time(box.vertices[-1], self.vertices[box.vertices[-1]].shape)
        value = self.constant(box.arguments[0]) if box.arguments else None
        return () if value is None else self.without_time(box.arguments[0].vertex, value.shape)

    def without_time(self, vertex: int, shape: Shape) -> Shape:
        """The shape of a vertex's value, or of a constant that it takes, without the time axis."""
        axis = self._time_axis(vertex, shape)
        return shape if axis is None else shape[:axis] + shape[axis + 1 :]

    def _time_axis(self, vertex: int, shape: Shape) -> int | None:
        """The time axis of a vertex's value, or of a constant that it takes, if that holds a sequence."""
        track = self.timeline.tracks.get(vertex)
        if track is None:
            return None
        axis = track.axis - len(self.vertices[vertex].shape) + len(shape)
        return axis if axis >= 0 and shape[axis] == len(track.steps) else None

    def gradient(self, box: Box) -> float | None:
        """The norm of the gradient of the result with respect to a box's value, or to all its parameters."""
        found = self.gradients(box)
        return math.hypot(*(float(size_of(part)) for part in found)) if found else None

    def gradients(self, box: Box) -> list[Any]:
        """The known gradients of a box's outputs at its time step, or of its parameters."""
        found = []
        for vertex in box.vertices if box.kind == "parameter" else box.vertices[-1:]:
            gradient = self.record.gradients.get(vertex)
            parts = gradient if isinstance(gradient, list) else [gradient]
            found += [self._at_step(part, vertex, box.step) for part in parts if part is not None]
        return found

    def value(self, box: Box) -> Any:
        """The value of a box at its time step, as an array; None if it is not known."""
        if box.vertices:
            return self.at((box.vertices[-1], 0), box.step)
        return self.constant(box.arguments[0], box.step) if box.arguments else None

    def at(self, source: Source, step: int | None) -> Any:
        """A value at a time step, as an array; None if it is not known."""
        array = self._known(source)
        return None if array is None else self._at_step(array, source[0], step)

    def _known(self, source: Source, depth: int = 20) -> Any:
        """A value that was kept, or that can be recomputed in a few ops from values kept at the same step."""
        if source in self.found:
            return self.found[source]
        self.found[source] = value = self.record.value(source)
        if value is not None:
            return value
        for user in (self.vertices[user] for user in self.record.users[source[0]]):
            if depth and user.kind == "join":
                self.found[source] = value = self._part(user.id, user.parents.index(source), depth - 1)
                if value is not None:
                    return value
        vertex, arguments = self.vertices[source[0]], []
        for position, parent in enumerate(vertex.parents):
            kept = self.record.argument(vertex.id, position)
            if parent is None or kept is not None:
                arguments.append(kept)
            else:  # those of other steps may have been found before
                near = self.vertices[parent[0]].step in {vertex.step, None}
                further = self._known(parent, depth - 1 if near else depth // 4) if depth else self.record.value(parent)
                arguments.append(further)
        arrays = [found for found in arguments if hasattr(found, "dtype")]
        if arrays and vertex.op in OPS and all(found is not None for found in arguments):  # not of a checkpoint
            value = OPS[vertex.op].forward(namespace_of(arrays[0]), *arguments, **vertex.attrs)
            value = value[source[1]] if OPS[vertex.op].outputs else value
        self.found[source] = value
        return value

    def constant(self, argument: Argument, step: int | None = None) -> Any:
        """A constant argument, at a step if it holds a sequence; None if it is not known."""
        array = self.kept(argument)
        return None if array is None else self._at_step(array, argument.vertex, step)

    def over_time(self, box: Box, argument: Argument) -> Iterator[Argument]:
        """An argument of a box, and those with the same role at all time steps."""
        yield argument
        _, position, ends, weights = argument
        for alike in self.grouping.alike.get(box.slot, ()):
            members = self.grouping.members(self.vertices[alike])
            if len(members) == len(box.vertices):
                member = members[box.vertices.index(argument.vertex)]
                if member.id != argument.vertex and position < len(member.parents):
                    yield Argument(member.id, position, ends, weights)

    def compared(self, box: Box, argument: Argument) -> dict[Argument, Any]:
        """The constants that are taken where one is, at some steps; None for one that is not known."""
        return {use: self.constant(use) for use in islice(self.over_time(box, argument), MOST_COMPARED)}

    def held(self, box: Box, argument: Argument) -> dict[int, Identity]:
        """What is taken where a constant is, by steps; not what is a single number."""
        known = {self.vertices[use.vertex].step or 0: array for use, array in self.compared(box, argument).items()}
        return {step: identity(array) for step, array in known.items() if np.size(array) > 1}

    def is_fixed(self, box: Box, argument: Argument) -> bool:
        """Whether a constant is the same at all steps."""
        found = [self.constant(alike) for alike in self.over_time(box, argument)]
        return len(found) > 1 and all(array is not None and np.array_equal(array, found[0]) for array in found)

    def kept(self, argument: Argument) -> Any:
        """A constant argument of its op, or of the op that rearranged it; None for one that is computed."""
        vertex, position = argument.vertex, argument.position
        while (parent := self.vertices[vertex].parents[position]) and parent[0] in self.grouping.passed:
            vertex, position = parent[0], 0
        return self.record.constant(vertex, position)

    def _part(self, vertex: int, position: int, depth: int = 20) -> Any:
        """What an op has joined with other values, as a part of the result; None if the place of that is not known."""
        join = self.vertices[vertex]
        whole = self._known((vertex, 0), depth) if join.kind == "join" else None
        if whole is None:
            return None
        axis, lengths = join.attrs["axis"], list[int]()
        for place, parent in enumerate(join.parents):
            shape = (
                self.vertices[parent[0]].shapes[parent[1]] if parent else np.shape(self.record.argument(vertex, place))
            )
            lengths.append(shape[axis] if shape else -1)
        if lengths.count(-1) > 1:
            return None
        missing = join.shape[axis] - sum(length for length in lengths if length >= 0)
        ends = np.cumsum([missing if length < 0 else length for length in lengths])
        return namespace_of(whole).take(whole, np.arange(([0, *ends])[position], ends[position]), axis=axis)

    def _at_step(self, array: Array, vertex: int, step: int | None) -> Any:
        plain = host_array(array)
        axis = self._time_axis(vertex, plain.shape)
        if axis is None or step is None:
            return plain
        return np.take(plain, self.timeline.tracks[vertex].steps.index(step), axis=axis)


def is_shifted(one: Mapping[int, Identity], other: Mapping[int, Identity], by: int) -> bool:
    """Whether the second of two sequences is the first one so many steps later, as far as both are known."""
    pairs = [(one[at + by], held) for at, held in other.items() if at + by in one]
    return all(same.numbers == held.numbers for same, held in pairs) and any(not held.array for _, held in pairs)


def identity(array: Any, turned: bool = True) -> Identity:
    """What distinguishes a constant from others; if `turned`, its transpose, row or column is the same constant."""
    plain = to_numpy(array)
    if turned:
        plain = plain.transpose(sorted(range(plain.ndim), key=lambda axis: -abs(plain.strides[axis]))).squeeze()
    uniform = not (plain != plain.ravel()[:1]).any()
    return Identity((plain.shape, plain.tobytes()), id(owner(array)) if uniform else 0)
