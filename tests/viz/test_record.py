"""The tape as plain data."""

import gc
from typing import get_args

import numpy as np
import pytest
from zoo import ZOO, model

import tinyseq as ts
from tinyseq.structure.record import record
from tinyseq.viz.content.sheet import View


def test_parents_come_before_what_is_made_of_them(char_loss):
    vertices = record(char_loss()).vertices
    assert [vertex.id for vertex in vertices] == list(range(len(vertices)))
    assert all(parent[0] < vertex.id for vertex in vertices for parent in vertex.parents if parent)


def test_every_parameter_is_a_leaf_with_its_name(char_loss):
    names = {vertex.name for vertex in record(char_loss()).vertices if vertex.is_leaf}
    assert names == {
        "rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.bias_ih_l0", "rnn.bias_hh_l0", "out.weight", "out.bias",
    }  # fmt: skip


def test_gradients_are_those_of_grad_and_leave_the_leaves_alone():
    w = ts.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    w.grad = ts.ones(2, 2)
    h = ts.tanh(w @ ts.ones(2, 1))
    loss = (h * h).sum()
    found = record(loss, gradients=True)
    tanh = next(vertex.id for vertex in found.vertices if vertex.op == "tanh")
    np.testing.assert_allclose(found.gradients[tanh], ts.grad(loss, h, retain_graph=True).numpy())
    np.testing.assert_allclose(found.gradients[0], ts.grad(loss, w).numpy())
    assert w.grad.tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_values_are_those_the_tape_keeps():
    x = ts.tensor([1.0, 2.0], requires_grad=True)
    found = record((x * 3.0).tanh().sum())
    product, tanh = (next(v.id for v in found.vertices if v.op == op) for op in ("multiply", "tanh"))
    np.testing.assert_allclose(found.value((tanh, 0)), np.tanh([3.0, 6.0]))
    assert found.constant(product, 1) == 3.0
    assert found.value((0, 0)).tolist() == [1.0, 2.0]


def test_a_constant_has_no_graph_to_draw():
    with pytest.raises(ValueError, match="requires_grad"):
        record(ts.ones(2))


def test_gradients_of_a_freed_graph_are_an_error_but_its_shape_is_not():
    x = ts.tensor(2.0, requires_grad=True)
    loss = x * x
    loss.backward()
    assert len(record(loss).vertices) == 2
    with pytest.raises(RuntimeError, match="freed"):
        record(loss, gradients=True)


def test_a_chain_of_fifty_thousand_ops_is_walked_without_recursion():
    x = ts.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(50_000):
        y = y + 1.0
    assert len(record(y).vertices) == 50_001


def test_a_graph_that_would_take_minutes_is_refused_at_once(monkeypatch):
    monkeypatch.setattr("tinyseq.structure.record.MOST_OPS", 100)
    x = ts.tensor(1.0, requires_grad=True)
    for _ in range(101):
        x = x * 1.0
    with pytest.raises(
        ValueError, match=r"computed in 101 ops, and a drawing looks at no more than 100\. Draw a loss of fewer"
    ):
        ts.viz.graph(x)


def test_drawing_pauses_the_collection_of_garbage_only_while_it_works():
    x = ts.tensor(1.0, requires_grad=True)
    for before in (False, True):
        (gc.enable if before else gc.disable)()
        try:
            ts.viz.graph(x * 2.0)
            with pytest.raises(ValueError, match="font_size"):
                ts.viz.graph(x * 2.0, view="flat", font_size=1000)
            assert gc.isenabled() is before
        finally:
            gc.enable()


DRAWN = {
    **{view: lambda view=view: ts.viz.graph(ZOO["lstm"].loss(), view, values=True) for view in get_args(View)},
    "page": lambda: ts.viz.graph(ZOO["lstm"].loss(), gradients=True).page(),
    "cell": lambda: ts.viz.cell("gru"),
    "trellis": lambda: ts.viz.trellis(model(3), "abca", k=2, posterior=True).page(),
    "automaton": lambda: ts.viz.automaton(model(3)),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawing_leaves_nothing_to_the_collector_of_garbage(name):
    """It would keep the whole graph of a network until the collector runs."""
    DRAWN[name]()  # what is made once, as a table of widths, may be collected
    gc.collect()
    gc.disable()
    try:
        DRAWN[name]()
        assert not gc.collect()
    finally:
        gc.enable()
