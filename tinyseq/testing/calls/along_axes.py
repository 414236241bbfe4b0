"""Families of calls of ops along axes: reductions, and others."""

import numpy as np
from hypothesis import strategies as st

from tinyseq.autograd.declare import Op
from tinyseq.testing.calls.axes import an_axis, array_shapes, shapes, some_axes
from tinyseq.testing.calls.registry import Call, Draw, family
from tinyseq.testing.calls.values import numbers


@family
def reduction(draw: Draw, op: Op) -> Call:
    """Along any axes, which may be empty."""
    shape = draw(shapes())
    return Call(numbers(draw, op, [shape]), {"axis": some_axes(draw, len(shape)), "keepdims": draw(st.booleans())})


@family
def reduce_some(draw: Draw, op: Op) -> Call:
    """Along any axes of which none is empty; the others may be."""
    shape = draw(shapes())
    axis = some_axes(draw, len(shape))
    reduced = set(range(len(shape)) if axis is None else np.atleast_1d(axis) % max(len(shape), 1))
    shape = tuple(max(side, 1) if i in reduced else side for i, side in enumerate(shape))
    return Call(numbers(draw, op, [shape]), {"axis": axis, "keepdims": draw(st.booleans())})


@family
def reduce_one(draw: Draw, op: Op) -> Call:
    """Along one axis, or all of them; none is empty."""
    shape = draw(array_shapes(0, 3, 1))
    axis = draw(st.none() | st.integers(-len(shape), len(shape) - 1)) if shape else None
    return Call(numbers(draw, op, [shape]), {"axis": axis, "keepdims": draw(st.booleans())})


@family
def along(draw: Draw, op: Op) -> Call:
    """Along one axis."""
    shape = draw(shapes(min_dims=1))
    return Call(numbers(draw, op, [shape]), {"axis": an_axis(draw, len(shape))})


@family
def axes(draw: Draw, op: Op) -> Call:
    """Along any axes, without a reduction."""
    shape = draw(shapes())
    return Call(numbers(draw, op, [shape]), {"axis": some_axes(draw, len(shape))})


@family
def roll(draw: Draw, op: Op) -> Call:
    """A shift along one axis."""
    shape = draw(shapes(min_dims=1))
    settings = {"shift": draw(st.integers(-4, 4)), "axis": an_axis(draw, len(shape))}
    return Call(numbers(draw, op, [shape]), settings)


@family
def cross_entropy(draw: Draw, op: Op) -> Call:
    """Rows of scores, and the number of a class for each row."""
    rows, classes = draw(shapes(max_dims=2)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return Call(numbers(draw, op, [(*rows, classes)]), {"targets": rng.integers(0, classes, rows)})
