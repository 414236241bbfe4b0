"""Long chains need no recursion, reference counting frees every graph, and memory stays flat over many steps.

Python's garbage collector is off in every test of this folder (see conftest.py): nothing here relies on it.
"""

import gc
import sys
import threading
import tracemalloc

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.autograd.graph import Leaf, Node, ancestors
from tinyseq.autograd.tensor import Tensor


@pytest.mark.parametrize("length", [100_000, pytest.param(300_000, marks=pytest.mark.slow)])
def test_a_chain_of_many_ops_is_run_inspected_and_freed_without_recursion(length):
    """On a thread with a stack of 2 MB, which a recursion as deep as the chain would overflow."""
    found = {}

    def run():
        x = ts.tensor(0.5, requires_grad=True)
        y = x
        for _ in range(length):
            y = y + 1e-6
        found["nodes"] = len(ancestors([y.node]))
        y.backward(retain_graph=True)
        found["gradient"] = x.grad.item()
        found["again"] = ts.grad(y, x, create_graph=True).item()
        repr(y)
        del y
        found["alive"] = sum(type(thing) is Node for thing in gc.get_objects())

    limit, size = sys.getrecursionlimit(), threading.stack_size(2 * 1024 * 1024)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
    assert sys.getrecursionlimit() == limit
    assert found == {"nodes": length, "gradient": 1.0, "again": 1.0, "alive": 0}


def test_dropping_the_last_tensor_frees_the_graph_at_once():
    x = ts.tensor([1.0, 2.0], requires_grad=True)
    h = x
    for t in range(10):
        with ts.scope("cell"), ts.step(t):
            a, b = ts.split(ts.tanh(h * x), 2)
            h = ts.concatenate([b, a])
    h.register_hook(lambda g: g * 2.0)
    h.sum().backward(retain_graph=True)
    slope = ts.grad(h.sum(), x, create_graph=True)
    slope.sum().backward()
    assert any(type(thing) is Node for thing in gc.get_objects())
    del h, a, b, slope
    assert not any(type(thing) is Node for thing in gc.get_objects())


def test_an_error_in_a_rule_leaves_nothing_behind():
    x = ts.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError):
        y.backward()
    del y
    gc.collect()  # the error and its traceback are a cycle, as with every error that is caught
    assert not any(type(thing) is Node for thing in gc.get_objects())


def trainer():
    """A function that trains a small recurrent network by one step, carrying its state along."""
    ts.manual_seed(0)
    model = ts.nn.LSTM(4, 8)
    readout = ts.nn.Linear(8, 2)
    optimizer = ts.optim.Adam([*model.parameters(), *readout.parameters()], lr=1e-2)
    rng = np.random.default_rng(0)
    x, targets = rng.normal(size=(5, 3, 4)).astype(np.float32), rng.integers(0, 2, size=(5, 3))
    state = None

    def step():
        nonlocal state
        out, state = model(x, state)
        state = tuple(part.detach() for part in state)
        loss = ts.nn.cross_entropy(readout(out), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


@pytest.mark.parametrize("steps", [100, pytest.param(400, marks=pytest.mark.slow)])
def test_memory_is_flat_over_many_training_steps_without_the_collector(steps):
    """The same number of objects after every step, and a peak of memory that grows by less than one object a step.

    It does grow a little at first, while the interpreter and NumPy fill their stores of dropped tuples and shapes.
    """
    step = trainer()
    objects, peaks = np.zeros(steps, dtype=int), np.zeros(steps, dtype=int)
    tracemalloc.start()
    gc.freeze()  # what was there before, millions of objects in a run of all tests, is not counted at each step
    try:
        for length in range(
            20
        ):  # the interpreter keeps up to 2,000 dropped tuples of each length; fill its store first
            [tuple(range(length)) for _ in range(2_000)]
        for i in range(steps):
            tracemalloc.reset_peak()
            step()
            objects[i], peaks[i] = len(gc.get_objects()), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.ptp(objects[10:]) == 0
    later = peaks[steps // 2 :]
    smallest = 24  # bytes of a float, than which few objects are smaller
    assert later.max() - later[0] < max(4096, smallest * len(later))


def test_hooks_that_look_at_their_own_tensor_do_so_at_the_price_of_a_cycle():
    """A closure over the tensor it is set on is the user's cycle; the collector frees it."""
    x = ts.tensor(2.0, requires_grad=True)
    y = x * x
    remove = y.register_hook(lambda g: g * y.item())
    (y + 0.0).backward()
    assert x.grad.item() == 16.0
    remove()


def test_nodes_point_neither_at_tensors_nor_at_their_own_results():
    x = ts.tensor([1.0, 2.0], requires_grad=True)
    y = ts.tanh(x) * 2.0
    for node in ancestors([y.node]):
        for thing in gc.get_referents(node):
            assert not isinstance(thing, Tensor)
        assert all(edge is None or isinstance(edge, Node | Leaf) for edge in node.edges)
        assert all(not isinstance(edge, Node) or edge.seq < node.seq for edge in node.edges)
