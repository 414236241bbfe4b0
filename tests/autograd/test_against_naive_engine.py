"""A machine that builds graphs at random, and goes backward, detaches, hooks and updates in between.

Beside every tensor stands a variable of a naive engine: it keeps the whole Jacobian matrix of every step, sums products
of matrices over all paths, and knows nothing of VJPs, saving, accumulation or freeing.
"""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

import tinyseq as ts

N = 3
PICK = [0, 0, 2]


class Variable:
    """A value, and how it was made.

    Attributes:
        parents: pairs of a variable and the Jacobian matrix with respect to it, as of when this was made.
        reads: the variables whose values the gradient will read.
        factor: what hooks multiply its gradient by.
        freed: whether a backward pass has used it up.
        changed: the time of its last update, for leaves.
    """

    def __init__(self, value, parents=(), reads=(), leaf=False):
        self.value, self.parents, self.reads, self.leaf = value, parents, reads, leaf
        self.factor, self.freed, self.changed, self.grad = 1.0, False, 0, None
        self.made = 0


def diagonal(slope):
    return np.diag(slope)


UNARY = {  # ours, its value, its Jacobian, and whether the gradient reads the input
    "tanh": (ts.tanh, np.tanh, lambda x: diagonal(1 - np.tanh(x) ** 2), False),
    "sin": (ts.sin, np.sin, lambda x: diagonal(np.cos(x)), True),
    "square": (ts.square, np.square, lambda x: diagonal(2 * x), True),
    "negative": (ts.negative, np.negative, lambda x: -np.eye(N), False),
    "flip": (lambda x: ts.flip(x, axis=0), lambda x: x[::-1], lambda x: np.eye(N)[::-1], False),
    "pick": (lambda x: x[PICK], lambda x: x[PICK], lambda x: np.eye(N)[PICK], False),
    "spread": (
        lambda x: ts.broadcast_to(x.sum(keepdims=True), (N,)),
        lambda x: np.full(N, x.sum()),
        lambda x: np.ones((N, N)),
        False,
    ),
    "halves": (
        lambda x: ts.concatenate(ts.split(x, [1, 2])[::-1]),
        lambda x: np.concatenate([x[1:], x[:1]]),
        lambda x: np.eye(N)[[1, 2, 0]],
        False,
    ),
    "first part": (
        lambda x: ts.split(x, [1, 2])[0] * ts.ones(N),
        lambda x: np.full(N, x[0]),
        lambda x: np.eye(N)[[0, 0, 0]],
        False,
    ),
}
BINARY = {
    "add": (ts.add, np.add, lambda x, y: (np.eye(N), np.eye(N)), False),
    "subtract": (ts.subtract, np.subtract, lambda x, y: (np.eye(N), -np.eye(N)), False),
    "multiply": (ts.multiply, np.multiply, lambda x, y: (diagonal(y), diagonal(x)), True),
}
NAMES = sorted(UNARY) + 3 * sorted(BINARY)
vectors = st.lists(st.floats(-1, 1).map(lambda x: round(x, 3)), min_size=N, max_size=N).map(np.array)
recent = st.integers(0, 5)  # how far back: the latest results are used most, so that graphs grow deep

programs = st.lists(st.tuples(st.sampled_from(NAMES), recent, recent), min_size=3, max_size=12)


class Machine(RuleBasedStateMachine):
    @initialize(value=vectors)
    def begin(self, value):
        self.clock = 0
        self.leaves = []  # pairs of a tensor and its variable
        self.pairs = []
        self.leaf(value)

    def teardown(self):
        """Let go of the graphs: Hypothesis keeps its machines in cycles."""
        self.leaves, self.pairs = [], []

    @rule(value=vectors)
    def leaf(self, value):
        self.leaves.append((ts.tensor(value, requires_grad=True), Variable(value, leaf=True)))
        self.pairs.append(self.leaves[-1])

    def result(self, tensor, value, parents=(), reads=()):
        """Enter a tensor that must have the value that the naive engine found."""
        np.testing.assert_allclose(tensor.numpy(), value, rtol=1e-12, atol=1e-12)
        live = [(p, jacobian) for p, jacobian in parents if p.parents or p.leaf]
        assert tensor.requires_grad == bool(live)
        if np.abs(value).max() > 1e3:
            return  # numbers that grow without end compare badly
        variable = Variable(value, live, reads)
        self.clock += 1
        variable.made = self.clock
        self.pairs.append((tensor, variable))

    def at(self, back):
        return self.pairs[-1 - back % len(self.pairs)]

    @rule(steps=programs)
    def grow(self, steps):
        for name, i, j in steps:
            (s, v), (t, w) = self.at(i), self.at(j)
            if name in UNARY:
                ours, value, jacobian, reads = UNARY[name]
                self.result(ours(s), value(v.value), [(v, jacobian(v.value))], [v] if reads else [])
            else:
                ours, value, jacobians, reads = BINARY[name]
                slopes = jacobians(v.value, w.value)
                # What leads to a leaf has its gradient from the other's value; a constant has none.
                read = [other for own, other in ((v, w), (w, v)) if reads and (own.parents or own.leaf)]
                self.result(ours(s, t), value(v.value, w.value), [(v, slopes[0]), (w, slopes[1])], read)

    @rule(x=recent)
    def detach(self, x):
        tensor, v = self.at(x)
        self.result(tensor.detach(), v.value)

    @rule(x=recent)
    def unrecorded(self, x):
        tensor, v = self.at(x)
        with ts.no_grad():
            self.result(ts.sin(tensor) * tensor, np.sin(v.value) * v.value)

    @rule(x=recent, factor=st.sampled_from([0.5, -2.0, None]))
    def hook(self, x, factor):
        tensor, v = self.at(x)
        if not tensor.requires_grad:
            return
        if factor is None:
            tensor.register_hook(lambda g: g * 1000.0)()  # removed at once
        else:
            tensor.register_hook(lambda g: g * factor)
            v.factor *= factor

    @rule(which=recent, value=vectors)
    def update(self, which, value):
        tensor, leaf = self.leaves[which % len(self.leaves)]
        tensor.copy_(value)
        self.clock += 1
        leaf.value, leaf.changed = value, self.clock

    @rule()
    def forget(self):
        for tensor, leaf in self.leaves:
            tensor.grad = leaf.grad = None

    @rule(steps=programs, upstream=vectors, retain=st.booleans(), update=st.booleans())
    def grow_and_go_backward(self, steps, upstream, retain, update):
        self.grow(steps)
        if update:
            self.update(0, upstream)
        self.backward(0, upstream, retain)

    @rule(x=recent, upstream=vectors, retain=st.booleans())
    def backward(self, x, upstream, retain):
        tensor, root = self.at(x)
        if not tensor.requires_grad:
            with pytest.raises(RuntimeError, match="does not require grad"):
                tensor.backward(ts.tensor(upstream))
            return
        ancestors = self.ancestors(root)
        bad = [v.made for v in ancestors if v.freed or self.out_of_date(v)]
        if bad:
            with pytest.raises(RuntimeError, match=r"used and freed|has been updated since"):
                tensor.backward(ts.tensor(upstream), retain_graph=retain)
        else:
            tensor.backward(ts.tensor(upstream), retain_graph=retain)
            self.pull(root, upstream, ancestors)
        if not retain:
            for v in ancestors:
                v.freed |= not bad or v.made > max(bad)
        for leaf, variable in self.leaves:
            if variable.grad is None:
                assert leaf.grad is None
            else:
                np.testing.assert_allclose(leaf.grad.numpy(), variable.grad, rtol=1e-8, atol=1e-10)

    def ancestors(self, root):
        """What a result was made of, itself included, newest first; leaves apart."""
        found, stack = set(), [root]
        while stack:
            v = stack.pop()
            if v.parents and v not in found:
                found.add(v)
                stack.extend(parent for parent, _ in v.parents)
        return sorted(found, key=lambda v: -v.made)

    @staticmethod
    def out_of_date(v):
        """Whether a leaf that the gradient reads has been updated since."""
        return any(read.leaf and read.changed > v.made for read in v.reads)

    def pull(self, root, upstream, ancestors):
        """Add to the leaves' gradients: sums of products of Jacobians."""
        totals = {root: upstream}
        for v in ancestors:
            if v in totals:
                g = totals[v] * v.factor
                for parent, jacobian in v.parents:
                    totals[parent] = totals.get(parent, 0) + jacobian.T @ g
        for leaf, total in totals.items():
            if leaf.leaf:
                total = total * leaf.factor
                leaf.grad = total if leaf.grad is None else leaf.grad + total


TestAgainstNaiveEngine = Machine.TestCase
TestAgainstNaiveEngine.settings = settings(stateful_step_count=40)
