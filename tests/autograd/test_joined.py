"""Constants that a time step has joined are remembered for as long as the joined array lives, and no longer."""

import gc

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.autograd.ops.moves import joined as memory
from tinyseq.autograd.ops.moves.joined import joined

JOINS = {
    "concatenate": lambda parts: ts.concatenate(parts),
    "by columns": lambda parts: ts.concatenate(parts, axis=1),
    "by the last axis": lambda parts: ts.concatenate(parts, axis=-1),
    "hstack": lambda parts: ts.hstack(parts),
    "vstack": lambda parts: ts.vstack(parts),
    "stack": lambda parts: ts.stack(parts),
    "stack last": lambda parts: ts.stack(parts, axis=-1),
    "append": lambda parts: ts.append(*parts, axis=0),
    "turned": lambda parts: ts.concatenate(parts).T,
    "twice": lambda parts: ts.concatenate([ts.concatenate(parts), parts[0]]),
    "NumPy": lambda parts: np.concatenate(parts),
}
PARTS = {
    "tensors": lambda: [ts.ones(3, 2), ts.zeros(3, 2)],
    "a tensor and an array": lambda: [ts.ones(3, 2), np.zeros((3, 2))],
    "a tensor and a list": lambda: [ts.ones(3, 2), [[0.0, 0.0]] * 3],
}


@pytest.fixture(autouse=True)
def nothing_before():
    gc.collect()
    before = len(memory._JOINED)
    yield
    gc.collect()
    assert len(memory._JOINED) <= before


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("join", JOINS)
def test_what_a_step_joins_is_known_while_it_lives(join, parts):
    made = PARTS[parts]()
    with ts.step(0):
        whole = JOINS[join](made)
    found = joined(whole._array)
    assert found is not None
    if join != "twice":
        for known, part in zip(found.given, made, strict=True):
            assert np.array_equal(known, getattr(part, "_array", part))
        assert joined(whole._array[:1]) is None  # a part of it is another array
    count = len(memory._JOINED)
    del found, whole
    gc.collect()
    assert len(memory._JOINED) < count


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("join", JOINS)
def test_nothing_is_remembered_outside_of_a_step_or_without_recording(join, parts):
    before = len(memory._JOINED)
    outside = JOINS[join](PARTS[parts]())
    with ts.step(0), ts.no_grad():
        inside = JOINS[join](PARTS[parts]())
    assert joined(outside._array) is joined(inside._array) is None
    assert len(memory._JOINED) == before


@pytest.mark.parametrize("other", [False, True])
def test_what_is_joined_with_a_parameter_is_in_the_graph_and_not_remembered(other):
    with ts.step(0):
        both = ts.concatenate([ts.ones(2, requires_grad=True), ts.zeros(2, requires_grad=other)])
    assert joined(both._array) is None
    assert len(both.node.given) == (0 if other else 2)


@pytest.mark.parametrize("run_backward", [True, False])
@pytest.mark.parametrize("steps", [10, 3000])
def test_a_long_loop_keeps_no_more_than_one_and_a_graph_that_is_freed_none(steps, run_backward):
    w, h, before = ts.tensor(np.full((2, 4), 0.1), requires_grad=True), ts.zeros(2, 1), len(memory._JOINED)
    for t in range(steps):
        with ts.step(t):
            h = ts.concatenate([h, ts.ones(2, 1)])[:2]  # no weights
    assert len(memory._JOINED) <= before + 1
    for t in range(steps):
        with ts.step(t):
            h = ts.tanh(w @ ts.concatenate([h, ts.ones(2, 1)]))
    assert len(memory._JOINED) <= before + 2  # of the first step alone: what the others join is in the graph
    if run_backward:
        h.sum().backward()
    del h
    assert len(memory._JOINED) == before
