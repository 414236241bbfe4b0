"""Models, graphs and compiled functions that several threads use at once."""

import sys
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts


@pytest.fixture
def hurried():
    """Threads take turns as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def at_once(*calls):
    """The results of calls, each in a thread of its own."""
    results, start = [None] * len(calls), threading.Barrier(len(calls))

    def run(i):
        start.wait(10)
        results[i] = calls[i]()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


@given(st.lists(st.integers(0, 30), max_size=12))
def test_evaluations_that_overlap_restore_the_modes_when_the_last_one_ends(events):
    first, second = ts.nn.Dropout(0.5), ts.nn.Sequential(ts.nn.Dropout(0.5), ts.nn.Dropout(0.5).eval())
    whole = ts.nn.Sequential(first, second)
    before, opened = [module.training for module in whole.modules()], []
    for event in events:
        if event < 15:
            module = (first, second, whole)[event % 3]
            opened.append((module, module.evaluating()))
            opened[-1][1].__enter__()
        elif opened:
            opened.pop(event % len(opened))[1].__exit__(None, None, None)
        inside = {id(part) for module, _ in opened for part in module.modules()}
        for module, mode in zip(whole.modules(), before, strict=True):
            assert module.training == (mode and id(module) not in inside)
    for _, block in opened:
        block.__exit__(None, None, None)
    assert [module.training for module in whole.modules()] == before


def test_a_model_is_evaluated_by_several_threads(hurried):
    model = ts.lm.RNNLM("ab ", 4, dropout=0.5)
    model.train()
    alone = model.nats("ab ba " * 20)
    assert at_once(*[lambda: [model.nats("ab ba " * 20) for _ in range(5)]] * 3) == [[alone] * 5] * 3
    assert model.training


def test_gradients_of_several_threads_add_up(hurried):
    w = ts.ones(30, 7, requires_grad=True)
    for _ in range(200):
        w.grad = None
        at_once(*[(w * float(i)).sum().backward for i in range(1, 5)])
        assert (w.grad.numpy() == 10).all()


GRAPHS = {
    "plain": lambda f: f,
    "checkpoint": lambda f: lambda x: ts.checkpoint(f, x),
    "compiled": lambda f: ts.compile(f),
}


@pytest.mark.parametrize("how", GRAPHS)
def test_one_graph_is_differentiated_by_several_threads(how, hurried):
    rng = np.random.default_rng(0)
    x, w = (ts.tensor(rng.normal(size=shape), requires_grad=True) for shape in ((50, 30), (30, 7)))
    ids = np.arange(50) % 7

    def function(x):
        return ts.nn.cross_entropy(ts.tanh(x @ w), ids) + (x * x).mean() + ts.tanh(w).sum()

    wanted = [g.numpy() for g in ts.grad(function(x), [x, w])]
    changed = GRAPHS[how](function)
    for _ in range(60):
        y = changed(x)
        calls = [lambda i=i, y=y: ts.grad(y, [x, w], np.array(float(i)), retain_graph=True) for i in range(1, 4)]
        for i, found in enumerate(at_once(*calls), 1):
            for g, known in zip(found, wanted, strict=True):
                np.testing.assert_allclose(g.numpy(), i * known, rtol=1e-9, atol=1e-12)
