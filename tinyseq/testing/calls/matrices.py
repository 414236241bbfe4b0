"""Families of calls of ops on matrices."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tinyseq.autograd.declare import Op
from tinyseq.autograd.graph import Shape
from tinyseq.testing.calls.axes import broadcastable, shapes
from tinyseq.testing.calls.registry import Call, Draw, family
from tinyseq.testing.calls.values import LAYOUTS, arranged, distinct, domains_of, numbers, within
from tinyseq.testing.numerical import Values


@family
def product(draw: Draw, op: Op) -> Call:
    """Vectors, matrices, and batches of matrices that broadcast."""
    rows, inner, columns = draw(st.tuples(*[st.sampled_from((2, 3, 1, 2, 3, 0))] * 3))
    left, right = broadcastable(draw, 2)
    kind = draw(st.sampled_from(("matrices", "matrix, vector", "vector, matrix", "vectors")))
    x = (inner,) if kind.startswith("vector") else (*left[-2:], rows, inner)
    y = (inner,) if kind.endswith(("vector", "vectors")) else (*right[-2:], inner, columns)
    return Call(numbers(draw, op, [x, y]), {})


@family
def einsum(draw: Draw, op: Op) -> Call:
    """One to three operands; letters repeat, axes of length 1 broadcast, ``...`` and the output may be left out."""
    side = {letter: draw(st.sampled_from((2, 3, 1, 2, 3, 2, 3, 0))) for letter in "abXy"}
    specs = draw(st.lists(st.lists(st.sampled_from("abXy"), max_size=3), min_size=1, max_size=3))
    batches = broadcastable(draw, len(specs)) if draw(st.booleans()) else ()
    shapes = [tuple(_short(draw, side[c], spec.count(c)) for c in spec) for spec in specs]
    if batches:
        shapes = [batch[-1:] + shape for batch, shape in zip(batches, shapes, strict=True)]
    dots = "..." if batches else ""
    subscripts = ",".join(dots + "".join(spec) for spec in specs)
    if draw(st.booleans()):
        letters = sorted({c for spec in specs for c in spec})
        subscripts += "->" + dots + "".join(draw(st.permutations(letters))[: draw(st.integers(0, len(letters)))])
    return Call(numbers(draw, op, shapes), {"subscripts": subscripts})


def _short(draw: Draw, side: int, times: int) -> int:
    return 1 if times == 1 and draw(st.integers(0, 7)) == 7 else side


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
