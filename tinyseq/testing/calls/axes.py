"""Random shapes of small arrays, their axes, and indices into them.

A strategy is made once for each of its settings: Hypothesis checks and prepares every new one.
"""

import functools
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from tinyseq.autograd.graph import Shape
from tinyseq.testing.calls.registry import Draw
from tinyseq.testing.numerical import Values


@functools.cache
def least_side() -> st.SearchStrategy[int]:
    """1, or occasionally 0, for shapes that may be empty."""
    return st.sampled_from((1,) * 7 + (0,))


@functools.cache
def shapes(min_dims: int = 0, max_dims: int = 3) -> st.SearchStrategy[Shape]:
    """Small shapes, some of them empty."""
    return least_side().flatmap(lambda least: array_shapes(min_dims, max_dims, least))


@functools.cache
def array_shapes(min_dims: int, max_dims: int, min_side: int) -> st.SearchStrategy[Shape]:
    """Small shapes."""
    return npst.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=3)


@functools.cache
def broadcastable_shapes(count: int, min_side: int) -> st.SearchStrategy[npst.BroadcastableShapes]:
    """Small shapes that broadcast against each other, and the shape of the result."""
    return npst.mutually_broadcastable_shapes(num_shapes=count, max_dims=3, min_side=min_side, max_side=3)


def broadcastable(draw: Draw, count: int) -> tuple[Shape, ...]:
    """Small shapes that broadcast against each other."""
    return draw(broadcastable_shapes(count, draw(least_side()))).input_shapes


def an_axis(draw: Draw, ndim: int) -> int:
    """One axis, counted from the front or from the back."""
    return int(draw(st.integers(-ndim, ndim - 1)))


@functools.cache
def _some_axes(ndim: int) -> st.SearchStrategy[Any]:
    kinds = [st.none(), npst.valid_tuple_axes(ndim)]
    return st.one_of(*kinds, *([st.integers(-ndim, ndim - 1)] if ndim else []))


def some_axes(draw: Draw, ndim: int) -> Any:
    """None, one axis, or a tuple of axes."""
    return draw(_some_axes(ndim))


def an_index(draw: Draw, shape: Shape) -> Any:
    """Any index that NumPy accepts: slices, numbers, None, ``...``, masks, and arrays of integers, which may repeat."""
    kind = draw(st.sampled_from(("basic", "mask", "arrays", "one array")))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if kind == "basic" or not shape:
        return draw(npst.basic_indices(shape, allow_newaxis=True))
    if kind == "mask":
        return rng.random(shape[: draw(st.integers(1, len(shape)))]) < 0.5
    if kind == "one array":
        return _integers(rng, shape[0], draw(shapes(max_dims=2)))
    *targets, _ = (*broadcastable(draw, len(shape)), ())
    parts = [_part(draw, rng, side, target) for side, target in zip(shape, targets, strict=True)]
    return tuple(parts[: draw(st.integers(1, len(parts)))])


def _part(draw: Draw, rng: np.random.Generator, side: int, target: Shape) -> Any:
    kind = draw(st.sampled_from(("array", "slice", "number")))
    if kind == "slice" or side == 0:
        return draw(st.just(slice(None)) | st.slices(side))
    return int(rng.integers(-side, side)) if kind == "number" else _integers(rng, side, target[-2:])


def _integers(rng: np.random.Generator, side: int, shape: Shape) -> Values:
    return rng.integers(-side, side, shape) if side else np.zeros((0,), dtype=np.intp)
