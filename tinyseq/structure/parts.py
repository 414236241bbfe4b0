"""Which part of a value is used: the time steps, the one of several parts, and the rows that rearrangements take."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyseq.autograd.declare import OPS
from tinyseq.backend import namespace_of
from tinyseq.structure.record import Shape, Vertex, part_text
from tinyseq.structure.timewise import Track

Taken = tuple[Vertex, int]  # an op that rearranges values or takes a part, and which of its outputs is used


def steps_taken(track: Track, shape: Shape, taken: Sequence[Taken]) -> tuple[int, ...]:
    """The time steps of those parts of a sequence that are left when rearrangements have taken parts of it.

    The ops themselves tell: they are applied to an array of this shape that holds each value's step. In memory it
    has one number for each step, as long as the ops turn axes and take slices.

    Args:
        track: the time axis of the sequence.
        shape: its shape.
        taken: the ops, and which output of each is used, last first.
    """
    if not taken or not math.prod(shape):
        return track.steps
    places = np.arange(len(track.steps), dtype=np.min_scalar_type(len(track.steps)))
    left: Any = np.broadcast_to(places.reshape(-1, *[1] * (len(shape) - track.axis - 1)), shape)
    for vertex, output in reversed(taken):
        if vertex.operator == "[]":
            left = left[vertex.index]  # the op would copy it
            continue
        op = OPS[vertex.op]
        made = op.forward(namespace_of(left), left, **vertex.attrs)
        left = made[output] if op.outputs else made
    left = np.asarray(left)
    alike = tuple(slice(1) if stride == 0 else slice(None) for stride in left.strides)
    return tuple(track.steps[place] for place in np.unique(left[alike]).tolist())


def part_of(vertex: Vertex, output: int) -> str:
    """Which part of a value a `split`, an `unbind` or an index takes."""
    if vertex.operator != "[]":
        return f"[{output}]" if vertex.kind == "unstacking" else f" {output + 1}/{len(vertex.shapes)}"
    if all(not isinstance(part, int | slice) or part == slice(None) for part in vertex.index):
        return ""  # it only adds axes of length 1
    return part_text(vertex.index)


def rows_of(vertex: Vertex, output: int, rows: tuple[int, int] | None) -> tuple[int, int] | None:
    """The rows of a value (rows, columns) in an output of its `split`, or in a range of rows of that output."""
    lengths, axis = [shape[-2] for shape in vertex.shapes if len(shape) > 1], vertex.attrs.get("axis")
    if not lengths or axis is None or axis % len(vertex.shape) != len(vertex.shape) - 2 or vertex.kind != "part":
        return None
    first = sum(lengths[:output])
    low, high = rows or (0, lengths[output])
    return first + low, first + high
