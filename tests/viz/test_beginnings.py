"""States that are computed before the first step, and modules of one name."""

from itertools import product

import numpy as np
import pytest
from geometry import faults
from zoo import data, weight

import tinyseq as ts
from tinyseq.structure.record import record
from tinyseq.viz import graph
from tinyseq.viz.computation.labels import SheetLabels
from tinyseq.viz.computation.modules import closed
from tinyseq.viz.computation.painter import Painter
from tinyseq.viz.content.unrolled import sheet
from tinyseq.viz.rendering.style import subscript

KINDS = {"RNN": 1, "GRU": 1, "LSTM": 2}  # and how many states each has
COMPUTED = {"linear": lambda v: v, "tanh": ts.tanh, "tanh twice": lambda v: ts.tanh(ts.tanh(v))}


def one_to_many(kind, computed, layers=1):
    """A layer whose initial states are computed from a label."""
    ts.manual_seed(0)
    layer = getattr(ts.nn, kind)(3, 4, layers)
    label = ts.tensor(np.eye(5, dtype=np.float32)[[2]])
    start = [computed(ts.nn.Linear(5, 4 * layers)(label)).reshape(layers, 1, 4) for _ in range(KINDS[kind])]
    state = tuple(start) if len(start) > 1 else start[0]
    return layer(ts.ones(3, 1, 3, dtype="float32"), state)[0].sum()


@pytest.mark.parametrize("computed", COMPUTED)
@pytest.mark.parametrize("kind", KINDS)
def test_a_state_computed_from_a_label_begins_the_line_of_states(kind, computed):
    loss = one_to_many(kind, COMPUTED[computed])
    content = sheet(record(loss))
    inside = [arrow for arrow in content.arrows if arrow.head.column and arrow.head.column.kind == "step"]
    begins = [arrow for arrow in inside if arrow.tail.column and arrow.tail.column.kind == "start"]
    assert len({arrow.tail for arrow in begins}) == KINDS[kind]
    assert {arrow.kind for arrow in begins} == {"time"}
    assert {arrow.tail.kind for arrow in begins} == {"state"}
    said = {SheetLabels(content).lines(arrow.tail)[0].text.split(" → ")[1] for arrow in begins}
    assert said == {f"{letter}₋₁" for letter in "hc"[: KINDS[kind]]}
    inside = [arrow.head for arrow in content.arrows if arrow.tail.zone == "before"]
    assert not [box for box in inside if box.column and box.column.kind == "step"]
    for depth in (None, 0):
        found = faults(graph(loss, depth=depth).svg())
        assert [fault for fault in found if "smallest letters" not in fault] == []


@pytest.mark.parametrize("computed", COMPUTED)
@pytest.mark.parametrize("kind", ["RNN", "GRU"])
def test_the_label_stands_below_what_is_computed_from_it(kind, computed):
    painter = Painter(sheet(record(one_to_many(kind, COMPUTED[computed]))))
    (label,) = (box for box in painter.sheet.boxes if box.kind == "input" and box.step is None)
    (reader,) = (arrow.head for arrow in painter.sheet.arrows if arrow.tail is label)
    (x, y), (above, top) = painter.layout.places[label], painter.layout.places[reader]
    assert abs(x - above) < 1
    assert 0 < top - y < 100
    assert painter.labels.symbols.of(label).startswith("x")


TWICE = {
    "RNN": lambda: ts.nn.RNN(4, 4),
    "LSTM": lambda: ts.nn.LSTM(4, 4, bias=False),
    "GRU": lambda: ts.nn.GRU(4, 4, num_layers=2),
}


@pytest.mark.parametrize("view", ["unrolled", "folded"])
@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("kind", TWICE)
def test_two_layers_of_one_class_are_two_boxes(kind, depth, view):
    ts.manual_seed(0)
    lower, upper = TWICE[kind](), TWICE[kind]()
    content = sheet(record(upper(lower(ts.ones(3, 1, 4, dtype="float32"))[0])[0].sum()), fold=view == "folded")
    shown = closed(content, depth)
    boxes = [box for box in shown.boxes if box.module]
    layers = 2 * (lower.num_layers if depth else 1)
    assert len(boxes) == layers * (1 if view == "folded" else 3)
    letters = [letter for slot in {box.slot for box in boxes} for letter in shown.states[slot]]
    assert len(letters) == len(set(letters)) == 2 * lower.num_layers * KINDS[kind]
    for box in boxes:  # each has weights of its own
        arrows = [arrow for arrow in shown.arrows if arrow.head is box and arrow.kind == "weight"]
        leaves = [shown.record.vertices[leaf].name for arrow in arrows for leaf in arrow.tail.vertices]
        assert leaves
        assert len(leaves) == len(set(leaves))


def test_two_linear_layers_of_one_step_are_two_boxes():
    ts.manual_seed(0)
    lower, upper, h = ts.nn.Linear(3, 3), ts.nn.Linear(3, 3), ts.ones(1, 3, dtype="float32")
    for t in range(2):
        with ts.step(t):
            h = ts.tanh(upper(ts.tanh(lower(h))))
    shown = closed(sheet(record(h.sum())), 0)
    assert [box.module for box in shown.boxes if box.module] == [("Linear",)] * 4


def test_a_layer_used_twice_is_one_box():
    ts.manual_seed(0)
    layer = ts.nn.RNN(4, 4)
    shown = closed(sheet(record(layer(layer(ts.ones(3, 1, 4, dtype="float32"))[0])[0].sum())), 0)
    assert len([box for box in shown.boxes if box.module]) == 3


@pytest.mark.parametrize("depth", [1, 2])
def test_open_frames_hold_the_boxes_of_one_layer(depth):
    ts.manual_seed(0)
    lower, upper = ts.nn.RNN(4, 4), ts.nn.RNN(4, 4)
    loss = upper(lower(ts.ones(2, 1, 4, dtype="float32"))[0])[0].sum()
    svg = graph(loss, depth=depth).svg()
    assert svg.count(">RNN.l0</text>") + svg.count(">RNN</text>") == (4 if depth > 1 else 0)


@pytest.mark.parametrize("size", [5, 4])
def test_what_the_first_step_reads_through_a_weight_of_its_own_is_an_input_and_not_the_output_before(size):
    """A picture that the first step reads in the place of the word that the others have written, also if it is as
    large as that."""
    picture, w, u, v = (ts.nn.Parameter(np.ones(shape)) for shape in ((3, size), (3, 4), (3, 3), (4, 3)))
    h, y, losses = ts.zeros(3), ts.zeros(4), []
    for t in range(3):
        with ts.step(t):
            read = w @ y if t else picture @ ts.tensor(np.arange(1.0, size + 1))
            h = ts.tanh(read + u @ h)
            y = ts.softmax(v @ h)
            losses.append(-ts.log(y[1]))
    content = sheet(record(sum(losses), names={"C": picture, "W": w, "U": u, "V": v}))
    labels = SheetLabels(content)
    told = {kind: [labels.lines(box)[0].text for box in content.boxes if box.kind == kind] for kind in
            ("op", "input", "initial")}  # fmt: skip
    assert (told["input"], told["initial"]) == (["x₀"], ["h₋₁ = 0"])
    assert {"C x₀", "W h′₀", "W h′₁"} <= {*told["op"]}


def test_parts_of_a_parameter_that_are_joined_are_all_named():
    table, w = weight(5, 3, name="E"), weight(3, 6, name="W")
    level = [table[i] for i in (0, 2, 1, 3)]
    for t in range(2):
        with ts.step(t):
            level = [ts.tanh(w @ ts.concatenate(level[i : i + 2])) for i in range(0, len(level), 2)]
    content = sheet(record(ts.sum(level[0])))
    labels = SheetLabels(content)
    told = {labels.lines(box)[0].text for box in content.boxes}
    assert {"W [E[0]; E[2]]", "W [E[1]; E[3]]"} <= told


@pytest.mark.parametrize("reads", [False, True], ids=["alone", "with inputs"])
@pytest.mark.parametrize(("steps", "cut"), [(steps, cut) for steps in (3, 4, 5) for cut in range(1, steps)])
def test_a_folded_loop_that_is_detached_beside_another_one_takes_a_state(steps, cut, reads):
    """Whichever step is shown: it may be the first, or the only one, that the graph holds of the detached loop."""
    for backward, together, all_read in product([False, True], repeat=3):
        w, v, u = weight(3, 3, name="W"), weight(3, 3, name="V"), weight(3, 2, name="U")
        x, a, b, losses = data(steps, 2), ts.zeros(3), ts.zeros(3), []
        order = [*range(steps)]
        for t in order:
            with ts.step(t):
                a = ts.tanh(w @ a + u @ x[t]) if reads else ts.tanh(w @ a)
                if together:
                    b = ts.tanh(v @ (b.detach() if t == cut else b))
                    losses += [ts.sum(b * b)] * all_read
        for t in () if together else order[::-1] if backward else order:
            with ts.step(t):
                b = ts.tanh(v @ (b.detach() if t == cut else b))
                losses += [ts.sum(b * b)] * all_read
        content = sheet(record(sum(losses, ts.sum(a) + ts.sum(b))), fold=True)
        assert sum(box.kind == "input" for box in content.boxes) == reads
        products = {box for box in content.boxes if box.column and any(a.weights for a in box.arguments)}
        taken = {arrow.head for arrow in content.arrows if arrow.delay or arrow.tail.kind == "initial"}
        assert len(products & taken) == 2


@pytest.mark.parametrize("view", ["unrolled", "folded"])
@pytest.mark.parametrize("start", [0.0, 0.5], ids=["zeros", "numbers"])
@pytest.mark.parametrize("steps", [3, 4])
def test_a_state_whose_value_no_op_keeps_is_one_where_it_is_detached(steps, start, view):
    """What only a sum reads is not kept, so its array does not tell which step has made it."""
    w, v = weight(3, 3, name="W"), weight(3, 3, name="V")
    a, b, losses, cut = ts.zeros(3), ts.tensor([start] * 3), [], steps - 1
    for t in range(steps):
        with ts.step(t):
            a = ts.tanh(w @ (a.detach() if t == cut else a))
            b = 0.5 * ts.tanh(v @ (b.detach() if t == cut else b))
            losses.append(ts.sum(b))
    labels = SheetLabels(sheet(record(sum(losses) + ts.sum(a), names={"W": w, "V": v}), fold=view == "folded"))
    told = {line for box in labels.sheet.boxes if (line := labels.lines(box)[0].text).startswith("V ")}
    index = ["₋₁", *map(subscript, range(cut))] if view == "unrolled" else ["ₜ₋₁"]
    assert {line.replace("′", "") for line in told} == {f"V h{i}" for i in index}
