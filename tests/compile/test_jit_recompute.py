"""Values that the backward pass computes again in place of keeping them: fewer are kept, and nothing else changes."""

import tracemalloc

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.compiler.jit import executor
from tinyseq.nn.recurrent.layers import Recurrent

pytestmark = pytest.mark.usefixtures("kernels_in_python")


X = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32) * 3
W = ts.tensor(X.T, requires_grad=True)

# a function, and what the backward pass reads of the forward pass: without the pass, and with it
CASES = {
    "a sigmoid and its slope": (lambda x: (ts.sigmoid(x * 2.0) * x).sum(), ["divide", "divide"], ["exp"]),
    "a slope alone": (lambda x: ts.sigmoid(x * 2.0).sum(), ["divide"], ["divide"]),
    "two sigmoids": (lambda x: (ts.sigmoid(x) * ts.sigmoid(x * 2.0)).sum(), ["divide"] * 4, ["exp", "exp"]),
    "a product reads one": (lambda x: (ts.sigmoid(x * 2.0) @ W).sum(), ["divide", "divide"], None),
    "one is a result": (lambda x: ts.sigmoid(x * 2.0), ["divide"], ["divide"]),
    "one is broadcast": (lambda x: (ts.sigmoid(x[:1] * 2.0) * x).sum(), ["divide", "divide"], None),
}


def kept(program):
    """The functions of the forward pass whose results the backward pass reads."""
    late = {number for step in program.steps[program.forward :] for number in step.reads}
    return sorted(step.function.__name__ for step in program.steps[: program.forward] if step.out in late)


def made(function, x, monkeypatch, without=False):
    """Value, gradient and what is kept, of a compiled function."""
    with monkeypatch.context() as patch:
        if without:
            patch.setattr(executor, "keep_less", lambda program, able: None)
        fast, x = ts.compile(function, executor="numba"), ts.tensor(x, requires_grad=True)
        y = fast(x)
        y.backward(ts.ones_like(y))
        return y.numpy(), x.grad.numpy(), kept(fast.program)


@pytest.mark.parametrize("name", CASES)
def test_fewer_values_are_kept_and_nothing_else_changes(name, monkeypatch):
    function, before, after = CASES[name]
    value, gradient, found = made(function, X, monkeypatch)
    wanted, slope, all_kept = made(function, X, monkeypatch, without=True)
    np.testing.assert_array_equal(value, wanted)
    np.testing.assert_array_equal(gradient, slope)  # the same operations on the same numbers
    assert all_kept == before
    assert found == (before if after is None else after)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_a_layer_needs_less_memory_and_has_the_same_gradients(cell, monkeypatch):
    layer, found = Recurrent(cell, 3, 5), []
    x = ts.tensor(np.random.default_rng(0).standard_normal((6, 4, 3)).astype(np.float32))
    for without in (False, True):
        with monkeypatch.context() as patch:
            if without:
                patch.setattr(executor, "keep_less", lambda program, able: None)
            fast = ts.compile(lambda x: (layer(x)[0] ** 2).sum(), executor="numba")
            layer.zero_grad()
            fast(x).backward()
            found.append(([p.grad.numpy() for p in layer.parameters()], fast._newest.executor.plan.size))
    for one, two in zip(found[0][0], found[1][0], strict=True):
        np.testing.assert_array_equal(one, two)
    assert found[0][1] < found[1][1] or cell == "rnn"  # which has no sigmoid


def test_a_step_of_a_recurrence_needs_no_more_than_the_arrays_that_the_tape_keeps():
    """Planned memory against the arrays that are alive at the end of an eager forward pass."""
    layer = Recurrent("lstm", 8, 16)
    x = ts.tensor(np.ones((40, 4, 8), np.float32), requires_grad=True)
    function = lambda x: (layer(x)[0] ** 2).mean()
    fast = ts.compile(function, executor="numba")
    fast(x).backward()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    loss = function(x)
    loss.backward()
    eager = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert fast._newest.executor.plan.size <= eager
