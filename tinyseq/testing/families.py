"""Families of calls for ops that need special inputs."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tinyseq.autograd.declare import Op
from tinyseq.testing.calls import (
    LAYOUTS,
    Call,
    Draw,
    Shape,
    arranged,
    broadcastable,
    distinct,
    domains_of,
    family,
    numbers,
    shapes,
    within,
)
from tinyseq.testing.numerical import Values

# -- elementwise -------------------------------------------------------------------------------------------------------


@family
def remainder(draw: Draw, op: Op) -> Call:
    """Dividends and divisors whose quotients are at least 0.2 from any whole number."""
    left, right = broadcastable(draw, 2)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y = rng.choice([-2.0, -1.0, 1.0, 2.0], right)
    quotient = rng.integers(-3, 3, left) + 0.25 + 0.5 * rng.integers(0, 2, left) + 0.05 * distinct(rng, [left])[0]
    return Call((np.asarray(2.0 * quotient), np.asarray(y * rng.uniform(0.99, 1.01, right))), {})


@family
def round(draw: Draw, op: Op) -> Call:
    """To whole numbers, or to a few decimals; no number is half-way between two."""
    decimals = draw(st.sampled_from((0, 0, 1, 2, -1)))
    (x,) = numbers(draw, op, [draw(shapes())])
    return Call((np.asarray(x * 10.0**-decimals),), {"decimals": decimals})


@family
def whole(draw: Draw, op: Op) -> Call:
    """Booleans, or whole numbers."""
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


def _generator(draw: Draw) -> np.random.Generator:
    return np.random.default_rng(draw(st.integers(0, 2**32 - 1)))


def _turns(rng: np.random.Generator, shape: Shape, columns: int) -> Values:
    """Random orthogonal columns."""
    return np.asarray(np.linalg.qr(rng.standard_normal((*shape, columns)))[0])


def _matrices(draw: Draw, op: Op, batch: Shape, rows: int, columns: int) -> Values:
    """Matrices whose singular values lie in the op's domain, well apart."""
    rng, k = _generator(draw), min(rows, columns)
    sizes = within(domains_of(op, 1)[0], distinct(rng, [(k, *batch)])[0])
    sizes = np.moveaxis(np.sort(sizes, axis=0), 0, -1) + 0.3 * np.arange(k)
    left, right = _turns(rng, (*batch, rows), k), _turns(rng, (*batch, columns), k)
    return arranged((left * sizes[..., None, :]) @ np.swapaxes(right, -1, -2), draw(st.sampled_from(LAYOUTS)))


@family
def square(draw: Draw, op: Op) -> Call:
    """Square matrices in batches, far from singular."""
    side = draw(st.integers(1, 3))
    return Call((_matrices(draw, op, draw(shapes(max_dims=2)), side, side),), {})


@family
def rectangular(draw: Draw, op: Op) -> Call:
    """Matrices of any shape, of full rank."""
    return Call((_matrices(draw, op, draw(shapes(max_dims=1)), draw(st.integers(1, 3)), draw(st.integers(1, 3))),), {})


@family
def svd(draw: Draw, op: Op) -> Call:
    """Matrices of any shape; with full matrices only if they are square."""
    (x,), _ = rectangular(draw, op)
    return Call((x,), {"full_matrices": x.shape[-1] == x.shape[-2] and draw(st.booleans())})


@family
def system(draw: Draw, op: Op) -> Call:
    """Square matrices, and right-hand sides: a vector, or matrices whose batch broadcasts with theirs."""
    side, (left, right) = draw(st.integers(1, 3)), broadcastable(draw, 2)
    sides: Any = (side,) if draw(st.booleans()) else (*right[-2:], side, draw(st.integers(1, 2)))
    y = within(domains_of(op, 2)[1], distinct(_generator(draw), [sides])[0])
    return Call((_matrices(draw, op, left[-2:], side, side), arranged(y, draw(st.sampled_from(LAYOUTS)))), {})


@family
def symmetric(draw: Draw, op: Op) -> Call:
    """Matrices with a symmetric part whose eigenvalues are in the op's domain, well apart, and another part."""
    side, batch, rng = draw(st.integers(1, 3)), draw(shapes(max_dims=1)), _generator(draw)
    values = np.sort(within(domains_of(op, 1)[0], distinct(rng, [(side, *batch)])[0]), axis=0)
    values = np.moveaxis(values, 0, -1) + 0.3 * np.arange(side)
    vectors, other = _turns(rng, (*batch, side), side), rng.standard_normal((*batch, side, side))
    x = (vectors * values[..., None, :]) @ np.swapaxes(vectors, -1, -2) + other - np.swapaxes(other, -1, -2)
    return Call((arranged(x, draw(st.sampled_from(LAYOUTS))),), {})
