"""Families of calls of ops that pick and move elements."""

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tinyseq.autograd.declare import Op
from tinyseq.testing.calls.axes import an_axis, an_index, broadcastable_shapes, least_side, shapes
from tinyseq.testing.calls.registry import Call, Draw, family
from tinyseq.testing.calls.values import numbers


@family
def getitem(draw: Draw, op: Op) -> Call:
    """Any index."""
    shape = draw(shapes())
    return Call(numbers(draw, op, [shape]), {"index": an_index(draw, shape)})


@family
def scattered(draw: Draw, op: Op) -> Call:
    """Values to assign at any index of any shape."""
    shape = draw(shapes())
    index = an_index(draw, shape)
    return Call(numbers(draw, op, [np.zeros(shape)[index].shape]), {"index": index, "shape": shape})


@family
def split(draw: Draw, op: Op) -> Call:
    """Into equal parts, or into parts of given lengths."""
    shape = draw(shapes(min_dims=1))
    axis = an_axis(draw, len(shape))
    length = shape[axis]
    if draw(st.booleans()):
        sections: Any = draw(st.sampled_from([n for n in range(1, length + 1) if length % n == 0] or [2]))
    else:
        cuts = sorted(draw(st.lists(st.integers(0, length), max_size=2)))
        sections = [b - a for a, b in zip([0, *cuts], [*cuts, length], strict=True)]
    return Call(numbers(draw, op, [shape]), {"sections": sections, "axis": axis})


@family
def concatenate(draw: Draw, op: Op) -> Call:
    """One to three arrays that differ along one axis."""
    shape = draw(shapes(min_dims=1))
    axis = an_axis(draw, len(shape)) % len(shape)
    lengths = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    parts = [(*shape[:axis], length, *shape[axis + 1 :]) for length in lengths]
    return Call(numbers(draw, op, parts), {"axis": axis - draw(st.sampled_from((0, len(shape))))})


@family
def stack(draw: Draw, op: Op) -> Call:
    """One to three arrays of one shape."""
    shape = draw(shapes(max_dims=2))
    count = draw(st.integers(1, 3))
    return Call(numbers(draw, op, [shape] * count), {"axis": an_axis(draw, len(shape) + 1)})


@family
def reshape(draw: Draw, op: Op) -> Call:
    """New shapes: axes reordered, split, merged, with ones added, or -1 for one of them."""
    shape = draw(shapes())
    sides = [*draw(st.permutations(shape)), *draw(st.lists(st.just(1), max_size=2))]
    if len(sides) > 1 and draw(st.booleans()):
        sides = [sides[0] * sides[1], *sides[2:]]
    others = math.prod(sides[1:])
    if sides and others and draw(st.booleans()):
        sides[0] = -1
    return Call(numbers(draw, op, [shape]), {"shape": tuple(sides)})


@family
def transpose(draw: Draw, op: Op) -> Call:
    """Any order of the axes."""
    shape = draw(shapes())
    return Call(numbers(draw, op, [shape]), {"order": tuple(draw(st.permutations(range(len(shape)))))})


@family
def broadcast_to(draw: Draw, op: Op) -> Call:
    """To any shape that it can be broadcast to."""
    drawn = draw(broadcastable_shapes(2, draw(least_side())))
    return Call(numbers(draw, op, [drawn.input_shapes[0]]), {"shape": drawn.result_shape})
