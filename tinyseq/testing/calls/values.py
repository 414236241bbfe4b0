"""Random arrays in the domains of an op's arguments, in any layout of memory.

The numbers are well separated: no two are closer than a small distance, and none is close to a point that the domain
avoids, so that a difference quotient never straddles a tie or a kink.
"""

import math
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from tinyseq.autograd.declare import Domain, Op
from tinyseq.autograd.graph import Shape
from tinyseq.testing.calls.registry import Draw
from tinyseq.testing.numerical import Values

MARGIN = 0.1  # the distance of numbers from the points that their domain avoids
LAYOUTS = ("plain", "plain", "fortran", "strided", "reversed", "read-only")


def numbers(draw: Draw, op: Op, shapes: Sequence[Shape]) -> tuple[Values, ...]:
    """Arrays of these shapes, each in its argument's domain and in any layout of memory."""
    domains = domains_of(op, len(shapes))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    positions = distinct(rng, shapes)
    arrays = []
    for domain, position in zip(domains, positions, strict=True):
        array = within(domain, position)
        if op.analytic and domain.low < 0 and 0.0 not in domain.avoid:  # smooth at zero, where rules may divide by it
            array[rng.random(array.shape) < draw(st.sampled_from((0.0, 0.0, 0.3)))] = 0.0
        arrays.append(arranged(array, draw(st.sampled_from(LAYOUTS))))
    return tuple(arrays)


def domains_of(op: Op, count: int) -> tuple[Domain, ...]:
    """The domains of a number of arguments."""
    return (op.domain,) * count if isinstance(op.domain, Domain) else op.domain


def common_domain(op: Op) -> Domain:
    """The intersection of the domains of all arguments."""
    domains = domains_of(op, 1)
    avoid = tuple(x for domain in domains for x in domain.avoid)
    return Domain(max(d.low for d in domains), min(d.high for d in domains), avoid)


def distinct(rng: np.random.Generator, shapes: Sequence[Shape]) -> list[Values]:
    """Arrays of numbers in (0, 1), no two closer than half of the mean distance."""
    sizes = [math.prod(shape) for shape in shapes]
    count = sum(sizes)
    cells = (rng.permutation(count) + rng.uniform(0.25, 0.75, count)) / max(count, 1)
    parts = np.split(cells, np.cumsum(sizes)[:-1]) if sizes else []
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def within(domain: Domain, positions: Values) -> Values:
    """Numbers of a domain, for positions in (0, 1) along what is left of it between the points to avoid."""
    edges = [domain.low, *(edge for x in sorted(domain.avoid) for edge in (x - MARGIN, x + MARGIN)), domain.high]
    starts = np.array(edges[::2])
    ends = np.cumsum(np.array(edges[1::2]) - starts)  # of the pieces, laid end to end
    along = positions * ends[-1]
    piece = np.searchsorted(ends, along)
    return np.asarray(starts[piece] + along - np.concatenate([[0.0], ends])[piece])


def arranged(array: Values, layout: str) -> Values:
    """The same values in another layout of memory."""
    if layout == "fortran":
        return np.array(array, order="F")
    if layout == "strided":
        return np.stack([array, array], axis=-1)[..., 0]
    if layout == "reversed":
        return np.asarray(np.flip(np.array(np.flip(array))))
    if layout == "read-only":
        array.flags.writeable = False
    return array
