"""An update is refused where a rule that is to run reads the old values, and only there: a property of every op."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.autograd.declare import OPS
from tinyseq.autograd.dispatch import public_function
from tinyseq.autograd.graph import owner
from tinyseq.testing.calls import FAMILIES, calls_of

ALL = [op for op in OPS.values() if op.module.startswith("tinyseq.") and op.calls in FAMILIES and op.vjp]


def run(op, tensors, attrs, rng):
    """The results that have gradients, and upstream gradients for them."""
    outputs = public_function(op)(*tensors, **attrs)
    outputs = [y for y in (outputs if op.outputs else [outputs]) if y.requires_grad]
    return outputs, [ts.tensor(rng.normal(size=y.shape), dtype=y.dtype) for y in outputs]


def slopes(outputs, upstream, leaf):
    with np.errstate(all="ignore"):
        return ts.grad(outputs, leaf, upstream, retain_graph=True).numpy()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("op", ALL, ids=lambda op: op.name)
def test_what_a_rule_reads_may_not_be_updated_and_anything_else_may(op):
    """Each pair: the gradient of argument i alone, after an update of argument j.

    The numbers that a rule reads need not matter in every call: of two a maximum takes one, and some rules read more
    where a value is infinite. So what is refused must matter in one of the calls, and what is allowed in none.
    """
    refused, mattered = set(), set()

    @settings(max_examples=40, database=None)
    @given(st.data())
    def each(data):
        arrays, attrs = data.draw(calls_of(op))
        if op.calls == "elementwise" and data.draw(st.booleans()):
            arrays = [np.full_like(a, np.inf) for a in arrays]
        real = [k for k, a in enumerate(arrays) if a.dtype.kind == "f"]
        for pair in product(real, real):
            update(op, arrays, attrs, pair, refused, mattered)

    each()
    assert refused == mattered or (op.variadic and bool(refused) == bool(mattered))


def update(op, arrays, attrs, pair, refused, mattered):
    """Update one of a pair, and ask for the gradient of the other."""
    i, j = pair
    rng = np.random.default_rng(0)
    tensors = [ts.tensor(a, requires_grad=k in pair) for k, a in enumerate(arrays)]
    outputs, upstream = run(op, tensors, attrs, rng)
    if not (outputs and tensors[i].size and all(y.size for y in outputs)):
        return
    if matters(outputs, upstream, tensors, i, j):
        mattered.add(pair)
    before = slopes(outputs, upstream, tensors[i])
    tensors[j].copy_(rng.normal(size=arrays[j].shape))
    try:
        after = slopes(outputs, upstream, tensors[i])
    except RuntimeError as error:
        complaint = str(error)
    else:
        np.testing.assert_array_equal(after, before)
        assert pair not in mattered
        return
    assert f"{op.name} (at the top level) saved its argument" in complaint
    refused.add(pair)


def matters(outputs, upstream, tensors, i, j):
    """Whether other numbers in the place of a saved argument change the gradient of another."""
    node = outputs[0].node.node if hasattr(outputs[0].node, "node") else outputs[0].node
    kept, before = node.saved, slopes(outputs, upstream, tensors[i])
    try:
        for other in (np.nan, 0.0, 1e3, -1e3, 0.37):
            node.saved = tuple(
                exchanged(node, part, value, j, other) for part, value in zip(node.op.saves, kept, strict=True)
            )
            try:
                if not np.array_equal(before, slopes(outputs, upstream, tensors[i]), equal_nan=True):
                    return True
            except np.linalg.LinAlgError:  # the rule read them, and found no decomposition
                return True
    finally:
        node.saved = kept
    return False


def exchanged(node, part, value, j, other):
    if node.op.variadic and part == node.op.inputs[0]:
        return [np.full_like(a, other) if k == j else a for k, a in enumerate(value)]
    if not node.op.variadic and part == node.op.inputs[j]:
        return np.full_like(value, other)
    return value


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("op", ALL, ids=lambda op: op.name)
def test_no_rule_writes_to_what_it_is_given(op):
    """Others may hold the same arrays: the gradient that arrives, and the values that were saved."""

    @settings(max_examples=10, database=None)
    @given(st.data())
    def each(data):
        arrays, attrs = data.draw(calls_of(op))
        tensors = [ts.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
        outputs, upstream = run(op, tensors, attrs, np.random.default_rng(0))
        given = [part for y in outputs for part in owner(y.node).saved] + [g._array for g in upstream]
        before = [part.copy() for part in given if isinstance(part, np.ndarray)]
        leaves = [leaf for leaf in tensors if leaf.requires_grad]
        if outputs:
            with np.errstate(all="ignore"):
                ts.grad(outputs, leaves, upstream, retain_graph=True, allow_unused=True)
        np.testing.assert_equal([part for part in given if isinstance(part, np.ndarray)], before)

    each()
