"""Families of calls of elementwise ops."""

import numpy as np
from hypothesis import strategies as st

from tinyseq.autograd.declare import Domain, Op
from tinyseq.autograd.graph import Shape
from tinyseq.testing.calls.axes import broadcastable, shapes
from tinyseq.testing.calls.registry import Call, Draw, family
from tinyseq.testing.calls.values import distinct, numbers
from tinyseq.testing.numerical import Values


@family
def elementwise(draw: Draw, op: Op) -> Call:
    """Inputs that broadcast against each other; settings that are numbers vary too."""
    inputs = numbers(draw, op, broadcastable(draw, len(op.inputs)))
    settings = {name: draw(st.floats(0.01, 2.0)) for name, default in op.defaults.items() if isinstance(default, float)}
    return Call(inputs, settings)


@family
def clip(draw: Draw, op: Op) -> Call:
    """Bounds at the points that the domain avoids, or none."""
    assert isinstance(op.domain, Domain)
    low, high = sorted(op.domain.avoid)
    bounds = {"low": draw(st.sampled_from((low, None))), "high": draw(st.sampled_from((high, None)))}
    return Call(numbers(draw, op, [draw(shapes())]), bounds)


@family
def boolean(draw: Draw, op: Op) -> Call:
    """Booleans."""
    return Call(tuple(_truth(draw, shape) for shape in broadcastable(draw, len(op.inputs))), {})


@family
def where(draw: Draw, op: Op) -> Call:
    """A condition and two alternatives."""
    first, *rest = broadcastable(draw, 3)
    return Call((_truth(draw, first), *numbers(draw, op, rest)), {})


def _truth(draw: Draw, shape: Shape) -> Values:
    return np.asarray(np.random.default_rng(draw(st.integers(0, 2**32 - 1))).random(shape) < 0.5)


@family
def astype(draw: Draw, op: Op) -> Call:
    """To a type of floating-point numbers."""
    return Call(numbers(draw, op, [draw(shapes())]), {"dtype": draw(st.sampled_from((np.float64, np.float32)))})


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
