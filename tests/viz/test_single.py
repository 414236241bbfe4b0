"""A sequence of a single step is drawn as one column of a longer one."""

import re

import numpy as np
import pytest
import zoo
from geometry import faults

import tinyseq as ts
from tinyseq.nn.recurrent.cells import RecurrentCell
from tinyseq.nn.recurrent.layers import Recurrent
from tinyseq.nn.recurrent.registry import CELLS, cell
from tinyseq.structure.record import record
from tinyseq.viz import graph
from tinyseq.viz.computation.labels import SheetLabels
from tinyseq.viz.content.unrolled import sheet

SETTINGS = {
    "one layer": {},
    "two layers": {"num_layers": 2},
    "both directions": {"bidirectional": True},
    "no biases": {"bias": False},
}
STATES = {"zeros": None, "constants": 0.5}


def reading(cell, steps, start=None, **settings):
    ts.manual_seed(0)
    layer = Recurrent(cell, 4, 5, dtype="float64", **settings)
    count = settings.get("num_layers", 1) * (2 if settings.get("bidirectional") else 1)
    state = None
    if start is not None:
        parts = [ts.tensor(np.random.default_rng(i).random((count, 1, 5))) for i in range(len(CELLS[cell].states))]
        state = tuple(parts) if len(parts) > 1 else parts[0]
    return layer(ts.tensor(np.random.default_rng(0).random((steps, 1, 4))), state)


def first_column(loss):
    """The labels of the boxes of the first step and of those beside it, without shapes."""
    content = sheet(record(loss))
    labels = SheetLabels(content)
    found = []
    for box in content.boxes:
        beside = box.column is not None and (box.column.kind == "start" or box.column.step == 0)
        if box.kind in {"state", "initial", "input"} and beside:
            found.append((box.kind, labels.lines(box)[0].text))
    return sorted(found)


@pytest.mark.parametrize("start", STATES)
@pytest.mark.parametrize("setting", [name for name in SETTINGS if name != "both directions"])
@pytest.mark.parametrize("cell", CELLS)
def test_one_step_looks_as_the_first_of_two(cell, setting, start):
    one, two = (reading(cell, steps, STATES[start], **SETTINGS[setting])[0].sum() for steps in (1, 2))
    assert first_column(one) == first_column(two)
    assert any(kind == "state" for kind, _ in first_column(one))


@pytest.mark.parametrize("cell", CELLS)
def test_both_directions_of_one_step_have_their_arrows(cell):
    found = first_column(reading(cell, 1, bidirectional=True)[0].sum())
    states = {text.split(" → ")[1] for kind, text in found if kind == "state"}
    assert len(states) == 2 * len(CELLS[cell].states)


@pytest.mark.parametrize("view", ["unrolled", "folded"])
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_nothing_lies_on_anything_else_in_one_step(cell, setting, view):
    svg = graph(reading(cell, 1, **SETTINGS[setting])[0].sum(), view=view).svg()
    assert [fault for fault in faults(svg) if "smallest letters" not in fault] == []


def test_of_an_lstm_whose_cell_alone_counts_no_h_is_drawn_that_is_c():
    _, (_, c) = reading("lstm", 1)
    content = sheet(record(c.sum()))
    said = [SheetLabels(content).lines(box)[0].text for box in content.boxes if box.kind == "state"]
    assert not [text for text in said if re.search(r"→ h", text)]


@pytest.mark.parametrize("cell", CELLS)
def test_a_module_of_one_step_names_its_states(cell):
    def states(steps):
        ts.manual_seed(0)
        module, out, state, scores = RecurrentCell(cell, 3, 5), ts.nn.Linear(5, 2, dtype="float32"), None, []
        for t in range(steps):
            with ts.step(t):
                state = module(ts.ones(2, 3, dtype="float32"), state)
                scores.append(out(state[0] if isinstance(state, tuple) else state))
        return {text for kind, text in first_column(sum(ts.sum(score) for score in scores)) if kind != "input"}

    assert states(1) == states(2)


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("said", ["scope", "weight's name", "name in the drawing"])
def test_names_say_that_a_loop_runs_backward(said, steps):
    w, u, x = (ts.tensor(np.full(shape, 0.5), requires_grad=True) for shape in ((3, 2), (3, 3), (2, 2, 1)))
    x, h = x.detach(), ts.zeros(3, 1)
    u.node.name = "weight_reverse" if said == "weight's name" else ""
    with ts.scope("backward" if said == "scope" else "any"):
        for t in reversed(range(steps)):
            with ts.step(t):
                h = ts.tanh(w @ x[t] + u @ h)
    content = sheet(record(ts.sum(h * h), names={"U_backward": u} if said == "name in the drawing" else {}))
    assert [loop.backward for loop in content.timeline.loops] == [True]
    (start,) = (box for box in content.boxes if box.kind == "initial")
    assert start.column.step == steps
    assert SheetLabels(content).lines(start)[0].text == f"h←{'₁₂'[steps - 1]} = 0"


# What a single step cannot show, by the reason.
NOT_ALONE = {
    *("backward_in_time", "rows_backward_in_time", "both_directions_by_hand"),  # it has no direction, without a name
    *(
        "attention_before_the_loop",
        "lists_before_and_after_the_loop",
    ),  # that ops around a loop belong to it
    *("attention_over_its_own_past", "memory_of_constants", "mean_of_all_states_so_far"),  # but at constants, at first
    *("begins_with_a_function_of_a_constant", "input_feeding"),  # what other steps compute in a constant's place
    *("chain_of_scores", "quasi_recurrent", "soft_stack"),  # no weight is applied to the state
    *("leaky_units", "padded_batch", "state_of_two_steps_before", "memory_that_is_written"),  # by itself, at each use
    *("picture_at_every_step", "hops_over_a_memory"),  # that an input is the same in all steps
    "differential_equation",  # its only constant could be an input
    *("window_over_time", "embedding_handed_on", "weights_for_two_steps_back"),  # that x_1 is the next step's x, say
    *("zoneout", "input_that_is_only_added"),  # another sum as large as the state is made of it
    "constants_of_each_step",  # its number of steps is fixed
}


# What does not begin with zeros could be an input if it is as large as one, or if no weight is applied to it at once.
UNKNOWN = {
    *("gates_without_the_state", "highway", "input_added_to_the_output", "input_used_twice", "output_fed_back"),
    *("stacked", "mixture_of_experts", "two_layers_by_hand", "windows_of_a_leaf"),
}
# A single step does not show that it reads a part of the state, or what is a part of a weight.
MASKED = {"one_mask_for_all_steps", "layers_of_one_parameter"}


@pytest.mark.parametrize("name", sorted(set(zoo.ZOO) - NOT_ALONE))
def test_one_step_by_hand_begins_as_longer_loops_do(name, monkeypatch):
    found = []
    for steps in (1, 2):
        monkeypatch.setattr(zoo, "STEPS", steps)
        found.append(first_column(zoo.ZOO[name].loss()))
    one, two = (
        [(kind, text) for kind, text in column if kind != "state" and not text.startswith("L₋₁")] for column in found
    )
    assert one == two
    assert {text for kind, text in found[0] if kind == "state"} <= {text for kind, text in found[1] if kind == "state"}


def parameters(loss):
    """The shapes of what is drawn as a parameter."""
    content = sheet(record(loss))
    boxes = [box for box in content.boxes if box.kind == "parameter"]
    return sorted(content.record.vertices[leaf].shape for box in boxes for leaf in box.vertices)


# A leaf could also be an input or a state if it is indexed, or multiplied or added to something element by element.
EITHER = {
    *("chain_of_scores", "letters_looked_up", "peepholes", "copying_by_a_gate", "embedding_handed_on"),
    *(
        "learned_start",
        "always_the_same_word",
        "layers_of_one_parameter",
        "learned_positions",
        "windows_of_a_parameter",
    ),
}


@pytest.mark.parametrize("name", sorted(set(zoo.ZOO) - EITHER - {"constants_of_each_step"}))
def test_weights_of_a_single_step_need_no_names(name, monkeypatch):
    monkeypatch.setattr(zoo, "STEPS", 1)
    named, weight = parameters(zoo.ZOO[name].loss()), zoo.weight
    monkeypatch.setattr(zoo, "weight", lambda *a, **k: ts.tensor(weight(*a, **k).numpy(), requires_grad=True))
    assert parameters(zoo.ZOO[name].loss()) == named


DRAWS = np.random.default_rng(0)


def random(*shape, dtype=None):
    return ts.tensor(DRAWS.random(shape), dtype=dtype) if shape != ((),) else ts.tensor(0.0)


@pytest.mark.parametrize("name", sorted(set(zoo.ZOO) - NOT_ALONE - UNKNOWN - MASKED))
def test_a_state_that_does_not_begin_with_zeros_is_told_by_its_shape(name, monkeypatch):
    monkeypatch.setattr(ts, "zeros", random)
    test_one_step_by_hand_begins_as_longer_loops_do(name, monkeypatch)


@pytest.mark.parametrize("name", sorted(UNKNOWN))
def test_what_could_be_an_input_or_a_state_is_drawn_as_an_input_of_the_step(name, monkeypatch):
    monkeypatch.setattr(ts, "zeros", random)
    monkeypatch.setattr(zoo, "STEPS", 1)
    assert {kind for kind, _ in first_column(zoo.ZOO[name].loss())} == {"input"}


# A state that no weight is applied to is a constant, where no other step shows it.
CONSTANT = {
    *("constants_of_each_step", "quasi_recurrent", "soft_stack"),
    *("leaky_units", "padded_batch", "state_of_two_steps_before", "memory_that_is_written"),
}


@pytest.mark.parametrize("name", sorted(NOT_ALONE - CONSTANT))
def test_no_state_of_a_single_step_is_shown_as_a_zero(name, monkeypatch):
    monkeypatch.setattr(zoo, "STEPS", 1)
    content = sheet(record(zoo.ZOO[name].loss()))
    labels = SheetLabels(content)
    texts = {labels.lines(box)[0].text for box in content.boxes if box.kind != "result"}
    assert not {text for text in texts if re.fullmatch(r"0|\S+ 0|0 \S+ ·", text)}


# Networks with a decoder by hand, and its steps.
DECODERS = {"attention_over_states": 2, "decoder_without_attention": 3, "decoder_of_one_step": 1}


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("name", DECODERS)
def test_an_encoder_and_its_decoder_have_columns_of_their_own(name, steps, monkeypatch):
    monkeypatch.setattr(zoo, "STEPS", steps)
    timeline = sheet(record(zoo.ZOO[name].loss())).timeline
    assert [loop.phase for loop in timeline.loops] == [0, 1]
    assert timeline.steps == [list(range(steps)), list(range(DECODERS[name]))]


def test_blocks_of_one_step_are_one_loop_if_they_are_one_block_and_levels_of_a_stack_if_not():
    w, x = ts.tensor(np.eye(3), requires_grad=True), np.ones((2, 3, 1))
    lower, upper = ts.zeros(3, 1), ts.zeros(3, 1)
    for t in range(2):
        with ts.step(t):
            lower = ts.tanh(w @ lower + x[t])
        with ts.step(t):
            upper = ts.tanh(w @ upper + lower)
    content = sheet(record(upper.sum()))
    assert set(content.states.values()) == {("h⁽¹⁾",), ("h⁽²⁾",)}
    assert content.timeline.steps == [[0, 1]]


def test_of_two_layers_within_a_step_the_first_makes_no_cell():
    """In a recurrent highway network, the state between its layers is a sum like a cell, but meets weights."""
    x, h = ts.tensor(np.ones((2, 1))), ts.zeros(3, 1)
    w, w_t, u, u_t, v, v_t = (zoo.weight(3, size, name=f"W{i}") for i, size in enumerate((2, 2, 3, 3, 3, 3)))
    with ts.step(0):
        gate = ts.sigmoid(w_t @ x + u_t @ h)
        h = gate * ts.tanh(w @ x + u @ h) + (1 - gate) * h
        gate = ts.sigmoid(v_t @ h)
        h = gate * ts.tanh(v @ h) + (1 - gate) * h
    assert first_column(ts.sum(h * h)) == [("initial", "h₋₁ = 0"), ("input", "x₀"), ("state", "+ → h₀")]


def test_a_layer_without_a_recurrence_has_no_state():
    w, x = ts.tensor(np.eye(3), requires_grad=True), ts.tensor(np.ones((3, 1)))
    with ts.step(0):
        y = ts.tanh(w @ x)
    assert {kind for kind, _ in first_column(y.sum())} == {"input"}


@pytest.mark.parametrize("steps", [1, 2])
def test_a_cell_by_hand_may_begin_with_the_same_zeros_as_h(steps):
    def weights(gate):
        return zoo.weight(3, 2, name=f"W_{gate}"), zoo.weight(3, 3, name=f"U_{gate}")

    named, x = {gate: weights(gate) for gate in "ifgo"}, zoo.data(steps, 2, 1)
    h = c = ts.zeros(3, 1)
    for t in range(steps):
        with ts.step(t):
            sums = {gate: w @ x[t] + u @ h for gate, (w, u) in named.items()}
            c = ts.sigmoid(sums["f"]) * c + ts.sigmoid(sums["i"]) * ts.tanh(sums["g"])
            h = ts.sigmoid(sums["o"]) * ts.tanh(c)
    states = {text for kind, text in first_column(ts.sum(h)) if kind != "input"}
    assert states == {"h₋₁ = 0", "c₋₁ = 0", "+ → c₀", "× → h₀"}


def two_states(z, h, c, weight_hh):
    i, f, g, o = ts.split(z + weight_hh @ h, 4)
    c = ts.sigmoid(f) * c + ts.sigmoid(i) * ts.tanh(g)
    return ts.sigmoid(o) * ts.tanh(c), c


def one_state(z, h, weight_hh):
    i, f, g, o = ts.split(z + weight_hh @ h, 4)
    return ts.sigmoid(o) * ts.tanh(ts.sigmoid(f) * h + ts.sigmoid(i) * ts.tanh(g))


@pytest.mark.parametrize("gates", [4, "ifgo", "abde"])
@pytest.mark.parametrize(("step", "letters"), [(two_states, {"h", "c"}), (one_state, {"h"})])
def test_a_declared_cell_has_as_many_states_as_it_says_whatever_its_gates_are_called(monkeypatch, step, letters, gates):
    monkeypatch.setattr("tinyseq.nn.recurrent.registry.CELLS", dict(CELLS))
    cell("of_this_test", gates=gates)(step)
    content = sheet(record(sum(ts.sum(part) for part in final_states("of_this_test", len(letters)))))
    states = {name for names in content.states.values() for name in names}
    assert states == letters


def final_states(name, count):
    """The states after a step that takes the same array for all of them."""
    same = ts.tensor(np.full((1, 1, 5), 0.5))
    layer = Recurrent(name, 4, 5, dtype="float64")
    _, after = layer(ts.tensor(np.ones((1, 1, 4))), (same,) * count if count > 1 else same)
    return after if count > 1 else (after,)
