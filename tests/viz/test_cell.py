"""One step of a cell as a figure of its own."""

import re
from itertools import combinations, pairwise

import numpy as np
import pytest
from geometry import faults

import tinyseq as ts
from tinyseq.nn.recurrent import registry
from tinyseq.nn.recurrent.cells import RecurrentCell
from tinyseq.viz.computation.cell import _recorded, one_step
from tinyseq.viz.computation.labels import SheetLabels
from tinyseq.viz.computation.painter import Painter

WEIGHT = ts.tensor([[0.5, 0.1], [0.2, 0.3]], requires_grad=True)


def leaky(x, h):
    return 0.9 * h + 0.1 * ts.tanh(x + WEIGHT @ h)


def content_of(function, x, state, title="a cell"):
    return one_step(_recorded(function, x, state), title)


def of_name(name):
    return content_of(RecurrentCell(name, 2, 3), np.ones((1, 2), dtype=np.float32), None)


@pytest.mark.parametrize("name", registry.CELLS)
def test_every_cell_is_drawn_with_its_states_at_both_sides_and_its_gates_named(name):
    record = registry.CELLS[name]
    content = of_name(name)
    labels = SheetLabels(content)
    ends = [box for box in content.boxes if box.kind == "initial"]
    symbols = {labels.symbols.of(box) for box in ends}
    assert symbols == {f"{state}{step}" for state in record.states for step in ("ₜ", "ₜ₋₁")}
    assert len(ends) == 2 * len(record.states)
    gates = [gate for found in labels.gates.values() for gate in found]
    assert sorted(gates) == sorted(record.gates)
    assert [labels.symbols.of(box) for box in content.boxes if box.kind == "input"] == ["xₜ"]
    assert {box.kind for box in content.boxes}.isdisjoint({"parameter", "result", "elided"})


@pytest.mark.parametrize("name", registry.CELLS)
@pytest.mark.parametrize("settings", [{}, {"values": True}, {"font_size": 16}, {"legend": True}])
def test_its_geometry_has_no_faults(name, settings):
    assert faults(ts.viz.cell(name, **settings).svg()) == []


def test_the_cell_line_of_an_lstm_is_straight():
    painter = Painter(of_name("lstm"))
    painter.painted()
    into = {edge.head: edge for edge in painter.canvas.edges}
    names = {painter.labels.symbols.of(box): box for box in painter.sheet.boxes if box.kind in {"initial", "state"}}
    height = painter.layout.places[names["cₜ₋₁"]].y
    head, passed = names["cₜ"].name, 0
    while head in into and not head.startswith(names["cₜ₋₁"].name):
        level = [edge for edge in painter.canvas.edges if edge.head == head and {p.y for p in edge.curve} == {height}]
        assert len(level) == 1
        head, passed = level[0].tail, passed + 1
    assert passed == 3  # from c_{t-1} to the product with f, to the sum, to c_t


@pytest.mark.parametrize(("name", "fewest"), [("rnn", 0), ("lstm", 0), ("gru", 2), ("gru_before", 1)])
def test_edges_do_not_cross_more_often_than_they_must(name, fewest):
    """The sums of two gates from the same two products cross once in any order: K(2, 2) between two rows."""
    painter = Painter(of_name(name))
    edges = [painter.layout.corners[arrow] for arrow in painter.sheet.arrows if arrow.tail.column == arrow.head.column]
    pieces = [(piece, edge[0]) for edge in edges for piece in pairwise(edge)]
    crossed = [
        (one, other)
        for (one, start), (other, begin) in combinations(pieces, 2)
        if start != begin and one[1] != other[1] and _cross(*one, *other)
    ]
    assert len(crossed) <= fewest


def _cross(a, b, c, d):
    def side(p, q, r):
        return (q.x - p.x) * (r.y - p.y) - (q.y - p.y) * (r.x - p.x)

    return side(a, b, c) * side(a, b, d) < -1e-9 and side(c, d, a) * side(c, d, b) < -1e-9


def test_a_cell_of_your_own():
    content = content_of(leaky, np.ones((2, 1)), ts.zeros(2, 1))
    labels = SheetLabels(content)
    texts = {labels.lines(box)[0].text for box in content.boxes}
    assert {"xₜ", "hₜ₋₁", "hₜ", "+ → hₜ", "θ₀ hₜ₋₁", "0.9 × ·", "tanh"} <= texts


def test_a_cell_that_is_declared_can_be_drawn_by_its_name():
    @registry.cell("leaky_of_a_test", gates=1)
    def step(z, h, weight_hh):
        return 0.9 * h + 0.1 * ts.tanh(z + weight_hh @ h)

    try:
        assert "W_hh hₜ₋₁" in ts.viz.cell("leaky_of_a_test").dot.replace('<font point-size="7.92">', "_").replace(
            "</font>", ""
        )
    finally:
        del registry.CELLS["leaky_of_a_test"]


def test_modules_layers_and_names_show_the_same_step():
    drawings = [ts.viz.cell(what) for what in ("gru", ts.nn.GRUCell(4, 2), ts.nn.GRU(4, 2, num_layers=3))]
    assert len({tuple(re.findall(r"<text[^>]*>(.*?)</text>", drawing.svg())) for drawing in drawings}) == 1


def test_drawing_leaves_random_numbers_and_gradients_alone():
    ts.manual_seed(3)
    expected = ts.random.generator().random()
    ts.manual_seed(3)
    module = ts.nn.LSTMCell(2, 3)
    ts.manual_seed(3)
    ts.viz.cell("lstm")
    ts.viz.cell(module)
    assert ts.random.generator().random() == expected
    assert all(parameter.grad is None for parameter in module.parameters())


TITLES = {
    "rnn": "RNN",
    "rnn_relu": "RNN with ReLU",
    "lstm": "LSTM",
    "gru": "GRU",
    "gru_before": "GRU, reset before the product",
}


def test_titles():
    assert {name: ts.viz.cell(name).title for name in TITLES} == TITLES
    assert ts.viz.cell(ts.nn.GRU(2, 3, reset="before")).title == TITLES["gru_before"]
    assert ts.viz.cell("lstm", title="Long memory").title == "Long memory"
    assert "time step" in ts.viz.cell("lstm", title="").title


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ts.viz.cell("lstn"), ValueError, "cell must be one of rnn"),
        (lambda: ts.viz.cell(3), TypeError, "what must be the name of a cell, a module or a function, got int"),
        (lambda: ts.viz.cell(leaky), TypeError, "needs x and the previous state"),
        (lambda: ts.viz.cell(leaky, np.ones(2)), TypeError, "got 1 inputs"),
        (lambda: ts.viz.cell(lambda x, h: WEIGHT @ x, np.ones(2), ts.zeros(2)), ValueError, "no state is passed on"),
        (lambda: ts.viz.cell(lambda x, h: 3, np.ones(2), ts.zeros(2)), TypeError, "must return a tensor"),
        (lambda: ts.viz.cell("lstm", font_size=0), ValueError, "font_size must be"),
    ],
)
def test_errors_name_what_is_wrong(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_what_a_step_hands_on_but_does_not_compute_from_its_states_has_no_letter():
    w = ts.tensor(np.eye(2), requires_grad=True)
    drawing = ts.viz.cell(
        lambda x, s: (ts.tanh(w @ s[0] + s[1]), ts.sin(w @ x)), ts.ones(2, 1), (ts.zeros(2, 1),) * 2, title="own"
    )
    assert drawing.svg().count(">·</text>") == 2  # before and after the step
    assert "start" not in drawing.svg()
