"""Gradients of a leaf that was broadcast in many small uses: they are added first, and summed to its shape once."""

import tracemalloc
from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.autograd import accumulator
from tinyseq.autograd.backward import walk
from tinyseq.autograd.graph import ancestors

SHAPES = [(), (1,), (3,), (1, 3), (2, 1), (2, 3)]  # of leaves
SPREAD = [(3,), (2, 3), (4, 2, 3)]  # of what they are used beside
USES = {
    "+": lambda h, b: h + b,
    "reversed -": lambda h, b: b - h,
    "*": lambda h, b: h * b,
    "/": lambda h, b: h / (b * b + 1.0),
    "maximum": lambda h, b: ts.maximum(h, b),
    "where": lambda h, b: ts.where(h > 0.0, b, h),
}


def uses(seed, dtypes):
    """Constants beside which a leaf is used, and how; and the leaf's values."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=SHAPES[rng.integers(len(SHAPES))])
    chosen = []
    for _ in range(rng.integers(1, 12)):
        shape = SPREAD[rng.integers(len(SPREAD))]
        beside = rng.normal(size=np.broadcast_shapes(shape, values.shape)).astype(str(rng.choice(dtypes)))
        chosen.append((beside, list(USES)[rng.integers(len(USES))]))
    return values.astype(str(rng.choice(dtypes))), chosen


def total(leaf, chosen, form):
    parts = [(USES[name](ts.tensor(beside), leaf) * form(beside)).sum() for beside, name in chosen]
    return ts.stack([part.to("float64") for part in parts]).sum()


@pytest.mark.parametrize("few", [0, 7, 1 << 12])
@pytest.mark.parametrize("dtypes", [["float64"], ["float32", "float64"]], ids=["one dtype", "two"])
@settings(max_examples=25)
@given(seed=st.integers(0, 2**31))
def test_the_gradient_is_the_sum_of_those_of_single_uses(few, dtypes, seed):
    values, chosen = uses(seed, dtypes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accumulator, "FEW", few)
        leaf = ts.tensor(values, requires_grad=True)
        loss = total(leaf, chosen, np.cos)
        first = ts.grad(loss, leaf, retain_graph=True)
        loss.backward(retain_graph=True)
        loss.backward()
    wanted = np.zeros(values.shape)
    for use in chosen:
        alone = ts.tensor(values, requires_grad=True) + 0.0  # no leaf: each of its gradients is summed by itself
        wanted = wanted + ts.grad(total(alone, [use], np.cos), alone).numpy()
    tolerance = 1e-12 if dtypes == ["float64"] else 1e-5
    assert first.dtype == leaf.grad.dtype == values.dtype
    np.testing.assert_allclose(first.numpy(), wanted, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(leaf.grad.numpy(), 2 * wanted, rtol=tolerance, atol=tolerance)


def test_neither_the_upstream_gradient_nor_another_leaf_is_written_to():
    """The first gradient of an addition is the upstream one itself, which others hold."""
    b, c = ts.tensor([1.0, 2.0], requires_grad=True), ts.tensor(np.ones((3, 2)), requires_grad=True)
    seen, g = [], ts.tensor(np.ones((3, 2)))
    y = c + b
    y.register_hook(lambda g: seen.append(g))
    (y + b + b).backward(g)
    assert g.numpy().tolist() == np.ones((3, 2)).tolist() == c.grad.numpy().tolist() == seen[0].numpy().tolist()
    assert b.grad.numpy().tolist() == [9.0, 9.0]


def test_a_hook_of_the_leaf_sees_the_whole_gradient_once():
    b, seen = ts.tensor([1.0, 2.0], requires_grad=True), []
    b.register_hook(lambda g: seen.append(g.numpy().tolist()))
    x = ts.ones(3, 2)
    (x * b + b).sum().backward()
    assert seen == [[6.0, 6.0]]
    assert b.grad.numpy().tolist() == [6.0, 6.0]


def test_memory_does_not_grow_with_the_uses():
    b, x = ts.tensor([1.0, 2.0, 3.0], requires_grad=True), ts.ones(1000, 3)
    loss = x
    for _ in range(300):
        loss = loss + b
    loss = loss.sum()
    tracemalloc.start()
    try:
        loss.backward()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 * x.numpy().nbytes
    assert b.grad.numpy().tolist() == [300_000.0] * 3


def test_two_walks_may_share_an_accumulator():
    """The first gradient that each walk borrows belongs to others: here it is the upstream one itself."""
    b, gradients = ts.tensor([1.0, 2.0], requires_grad=True), accumulator.Accumulator(())
    for _ in range(2):
        y = ts.ones(3, 2) + b + b
        g = np.ones((3, 2))
        gradients.add(y.node, g)
        deque(walk(gradients, ancestors([y.node])), maxlen=0)
        assert g.tolist() == np.ones((3, 2)).tolist()
    assert gradients.sums[b.node].tolist() == [12.0, 12.0]
