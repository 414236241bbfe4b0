"""Families of calls of single ops, which need numbers of their own kind."""

import numpy as np
from hypothesis import strategies as st

from tinyseq.autograd.op import Op
from tinyseq.testing.calls import Call, Draw, broadcastable, distinct, family, numbers, shapes

# -- elementwise -------------------------------------------------------------------------------------------------------


@family
def remainder(draw: Draw, op: Op) -> Call:
    """Dividends and divisors whose quotients lie a fifth or more from any whole number."""
    left, right = broadcastable(draw, 2)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y = rng.choice([-2.0, -1.0, 1.0, 2.0], right)
    quotient = rng.integers(-3, 3, left) + 0.25 + 0.5 * rng.integers(0, 2, left) + 0.05 * distinct(rng, [left])[0]
    return Call((np.asarray(2.0 * quotient), np.asarray(y * rng.uniform(0.99, 1.01, right))), {})


@family
def round(draw: Draw, op: Op) -> Call:
    """To whole numbers, or to a few decimals; no number lies half-way between two."""
    decimals = draw(st.sampled_from((0, 0, 1, 2, -1)))
    (x,) = numbers(draw, op, [draw(shapes())])
    return Call((np.asarray(x * 10.0**-decimals),), {"decimals": decimals})


@family
def whole(draw: Draw, op: Op) -> Call:
    """Truth values, or whole numbers."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    truth = draw(st.booleans())
    given = [np.asarray(rng.integers(0, 2 if truth else 100, shape)) for shape in broadcastable(draw, len(op.inputs))]
    return Call(tuple(x.astype(bool) if truth else x for x in given), {})


# -- matrices ----------------------------------------------------------------------------------------------------------


@family
def triangle(draw: Draw, op: Op) -> Call:
    """Matrices in batches, and a diagonal."""
    shape = draw(shapes(min_dims=2))
    return Call(numbers(draw, op, [shape]), {"k": draw(st.integers(-3, 3))})
