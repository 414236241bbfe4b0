"""What an unrolled drawing shows, before it has places."""

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.structure.record import record
from tinyseq.viz.computation.labels import SheetLabels
from tinyseq.viz.content.columns import Column
from tinyseq.viz.content.unrolled import sheet


def texts(content, kind):
    labels = SheetLabels(content)
    return [labels.lines(box)[0].text for box in content.boxes if box.kind == kind]


def test_a_character_network_reads_as_in_the_lectures(char_loss):
    content = sheet(record(char_loss(steps=2)))
    first = [box for box in content.boxes if box.column == Column(0, 0)]
    labels = SheetLabels(content)
    assert sorted(labels.lines(box)[0].text for box in first) == sorted(
        ["x₀", "W_ih x₀ + b", "W_hh h₋₁", "+", "tanh → h₀", "W_out h₀ + b", "cross entropy"]
    )
    assert texts(content, "initial") == ["h₋₁ = 0"]
    assert texts(content, "result") == ["mean"]


def test_every_parameter_is_in_one_box_with_its_number_of_uses(char_loss):
    content = sheet(record(char_loss(steps=5)))
    boxes = [box for box in content.boxes if box.kind == "parameter"]
    leaves = [leaf for box in boxes for leaf in box.vertices]
    assert sorted(leaves) == [vertex.id for vertex in content.record.vertices if vertex.is_leaf]
    assert len(set(leaves)) == len(leaves)
    assert {box.uses for box in boxes} == {5}


def test_uses_count_steps_that_are_not_shown(char_loss):
    content = sheet(record(char_loss(steps=30)))
    assert {box.uses for box in content.boxes if box.kind == "parameter"} == {30}


def test_arrows_of_a_network_are_all_there(char_loss):
    arrows = sheet(record(char_loss(steps=4))).arrows
    kinds = [arrow.kind for arrow in arrows]
    assert kinds.count("weight") == 3 * 4  # W_ih with its biases, W_hh, W_out with its bias
    assert kinds.count("time") == 4  # h_{-1} into step 0, and from each step into the next
    assert kinds.count("data") == 7 * 4  # from x, from both products, from +, tanh, the scores and the cross entropy
    assert all(arrow.head.column.step == arrow.tail.column.step + 1 for arrow in arrows if arrow.kind == "time")


def test_an_lstm_hands_on_h_and_c_and_names_its_gates(char_loss):
    content = sheet(record(char_loss(steps=2, kind=ts.nn.LSTM)))
    assert sorted(texts(content, "state")) == ["+ → c₀", "+ → c₁", "× → h₀", "× → h₁"]
    labels = SheetLabels(content)
    named = [labels.lines(box)[0].text for box in content.boxes if box in labels.gates]
    assert sorted(named) == sorted(2 * ["σ → f", "tanh → g", "σ → i", "σ → o"])
    assert not any(labels.part(arrow) for arrow in content.arrows)  # which is said once


@pytest.mark.parametrize("kind", [ts.nn.RNN, ts.nn.LSTM, ts.nn.GRU])
def test_boxes_of_all_steps_share_their_slots(char_loss, kind):
    content = sheet(record(char_loss(steps=4, kind=kind)))
    slots = {}
    for box in content.boxes:
        if box.column and box.column.kind == "step":
            slots.setdefault(box.column, []).append(box.slot)
    assert len(slots) == 4
    assert len({frozenset(found) for found in slots.values()}) == 1


def test_directions_of_a_bidirectional_network_share_columns_and_run_both_ways(char_loss):
    content = sheet(record(char_loss(steps=3, bidirectional=True)))
    strides = {
        arrow.head.column.step - arrow.tail.column.step
        for arrow in content.arrows
        if arrow.kind == "time" and {arrow.head.column.kind, arrow.tail.column.kind} == {"step"}
    }
    assert strides == {1, -1}
    assert [column.step for column in content.columns if column.kind == "step"] == [0, 1, 2]
    assert set(content.states.values()) == {("h→",), ("h←",)}


def test_layers_of_a_stack_share_columns(char_loss):
    content = sheet(record(char_loss(steps=3, num_layers=2)))
    assert [column.step for column in content.columns if column.kind == "step"] == [0, 1, 2]
    assert set(content.states.values()) == {("h⁽¹⁾",), ("h⁽²⁾",)}


def test_a_decoder_has_columns_of_its_own_after_the_encoder(encoder_decoder_loss):
    content = sheet(record(encoder_decoder_loss))
    steps = [(column.phase, column.step) for column in content.columns if column.kind == "step"]
    assert steps == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    labels = SheetLabels(content)
    assert [labels.title(column) for column in content.columns if column.kind == "step"][2:4] == [
        "encoder, t = 2",
        "decoder, t = 0",
    ]
    bridges = [arrow for arrow in content.arrows if arrow.tail.column and arrow.head.column]
    assert any(a.tail.column == Column(0, 2) and a.head.column == Column(1, 0) for a in bridges)


def test_long_sequences_leave_out_the_middle(char_loss):
    content = sheet(record(char_loss(steps=50)))
    assert [(c.step, c.kind) for c in content.columns] == [
        (-1, "start"), (0, "step"), (1, "step"), (2, "step"), (3, "gap"), (49, "step"),
    ]  # fmt: skip
    into_last = [arrow for arrow in content.arrows if arrow.head.column == Column(0, 49) and arrow.kind == "time"]
    assert [arrow.tail.kind for arrow in into_last] == ["elided"]


def test_steps_can_be_chosen_from_either_end(char_loss):
    columns = sheet(record(char_loss(steps=10)), [0, 4, -1]).columns
    assert [column.step for column in columns if column.kind == "step"] == [0, 4, 9]


def test_an_initial_state_that_is_computed_is_shown_beside_the_first_step():
    rnn, h0 = ts.nn.RNN(3, 4), ts.tensor(np.ones((1, 1, 4), dtype=np.float32), requires_grad=True)
    outputs, _ = rnn(ts.ones(2, 1, 3), h0)
    content = sheet(record(outputs.sum()))
    beginning = next(arrow for arrow in content.arrows if arrow.head.column == Column(0, 0) and arrow.kind == "time")
    assert beginning.tail.kind == "initial"
    assert content.record.vertices[beginning.tail.vertices[0]].shape == (1, 1, 4)
    assert SheetLabels(content).symbols.of(beginning.tail) == "h₋₁"


def test_an_index_of_the_last_output_connects_that_step_alone():
    rnn = ts.nn.RNN(3, 4)
    outputs, _ = rnn(ts.ones(4, 1, 3))
    content = sheet(record((outputs[-1] * outputs[-1]).sum()))
    feeding = {arrow.tail.column.step for arrow in content.arrows if arrow.head.zone == "after" and arrow.tail.column}
    assert feeding == {3}


def test_a_chain_of_a_semiring_reads_as_the_forward_recurrence():
    rng = np.random.default_rng(0)
    initial, transition, emission = (ts.tensor(rng.normal(size=s), requires_grad=True) for s in ((3,), (3, 3), (4, 3)))
    content = sheet(record(ts.hmm.chain(initial, transition, emission)))
    assert [column.step for column in content.columns if column.kind == "step"] == [0, 1, 2, 3]
    assert set(content.states.values()) == {("α",)}
    assert next(box.uses for box in content.boxes if box.kind == "parameter") == 3


def test_a_field_reads_as_the_forward_recurrence_beside_the_score_of_the_given_path():
    crf, scores = ts.nn.CRF(3), ts.tensor(np.zeros((4, 3)), requires_grad=True)
    content = sheet(record(-crf.log_likelihood(scores, [0, 1, 1, 2], by_step=True)))
    assert [column.step for column in content.columns if column.kind == "step"] == [0, 1, 2, 3]
    assert {("α",)} <= set(content.states.values()) <= {("α",), ()}
    parameters = [box for box in content.boxes if box.kind == "parameter"]
    uses = {content.record.vertices[box.vertices[0]].name: box.uses for box in parameters}
    assert uses == {"transition": 6, "start": 2, "end": 2}  # in the sum over all paths, and in the path
    assert len([box for box in content.boxes if box.kind == "input"]) == 4
    for arrow in content.arrows:  # each step reads its own scores
        assert arrow.tail.kind != "input" or arrow.tail.column == arrow.head.column


def test_parameters_that_are_stacked_with_results_of_steps_have_a_box():
    w, x = (ts.tensor(np.eye(3), requires_grad=True) for _ in range(2))
    w.node.name = "rnn.weight_hh_l0"
    rows = []
    for t, make in enumerate((lambda: ts.tanh(x), lambda: x + w, lambda: ts.tanh(rows[0]))):
        with ts.step(t):
            rows.append(make())
    joined = ts.stack(rows).sum(axis=0)
    content = sheet(record(rows[2].sum() + joined.sum() + ts.tanh(joined).sum()))
    assert {box for box in content.boxes if box.kind == "parameter"} >= {
        arrow.tail for arrow in content.arrows if arrow.kind == "weight"
    }
    assert "rnn.weight_hh_l0" in {
        content.record.vertices[box.vertices[0]].name for box in content.boxes if box.vertices
    }


def test_letters_are_told_apart_from_their_like_alone():
    """A field over a network that reads both ways: its messages have no direction to tell, the states no layer."""
    net, crf = ts.nn.GRU(2, 3, bidirectional=True), ts.nn.CRF(6)
    content = sheet(record(-crf.log_likelihood(net(ts.ones(3, 1, 2))[0], [[0], [1], [2]], by_step=True)))
    assert set(content.states.values()) - {()} == {("h→",), ("h←",), ("α",)}


def test_a_thousand_steps_make_a_small_sheet(char_loss):
    assert len(sheet(record(char_loss(steps=1000, kind=ts.nn.LSTM))).boxes) < 100


def test_a_loop_of_one_s_own_reads_as_a_layer_does(cell_loop_loss):
    content = sheet(record(cell_loop_loss))
    assert texts(content, "input") == ["x₀", "x₁", "x₂", "x₃"]  # slices of the data, each an array of its own
    assert len({box.slot for box in content.boxes if box.kind == "input"}) == 1
    labels = SheetLabels(content)
    assert sorted(gate for box, (gate,) in labels.gates.items() if box.column == Column(0, 1)) == ["f", "g", "i", "o"]


def test_a_loss_that_is_summed_up_step_by_step_is_called_l_and_ends_in_the_result(cell_loop_loss):
    content = sheet(record(cell_loop_loss))
    totals = [text for text in texts(content, "state") if "L" in text]
    assert totals == ["+ → L₀", "+ → L₁", "+ → L₂"]
    (result,) = (box for box in content.boxes if box.kind == "result")
    assert [line.text for line in SheetLabels(content).lines(result)] == ["+", f"loss L = {cell_loop_loss.item():.4g}"]
    assert sorted(texts(content, "initial")) == ["L₋₁ = 0", "c₋₁ = 0", "h₋₁ = 0"]


def test_a_zero_state_is_told_even_where_some_ops_keep_nothing_of_it(char_loss):
    assert texts(sheet(record(char_loss(steps=2, kind=ts.nn.GRU))), "initial") == ["h₋₁ = 0"]


def test_parameters_that_differ_in_layer_or_direction_alone_are_told_apart(char_loss):
    def names(**settings):
        content = sheet(record(char_loss(steps=2, **settings)))
        return {text for text in texts(content, "parameter") if "hh" in text.split(",")[0]}

    assert names() == {"W_hh"}
    assert names(num_layers=2) == {"W_hh⁽¹⁾", "W_hh⁽²⁾"}
    assert names(bidirectional=True) == {"W_hh←", "W_hh→"}
    assert names(num_layers=2, bidirectional=True) == {"W_hh⁽¹⁾←", "W_hh⁽¹⁾→", "W_hh⁽²⁾←", "W_hh⁽²⁾→"}


def test_values_that_the_tape_did_not_keep_follow_from_what_it_kept():
    rng = np.random.default_rng(0)
    w, h, c, seen = ts.tensor(rng.standard_normal((8, 4)), requires_grad=True), ts.zeros(2, 1), ts.zeros(2, 1), {}
    for t in range(3):
        with ts.step(t):
            i, f, g, o = ts.split(w @ ts.concatenate([h, rng.standard_normal((2, 1))]), 4)
            c = ts.sigmoid(f) * c + ts.sigmoid(i) * ts.tanh(g)
            h = ts.sigmoid(o) * ts.tanh(c)
            seen |= {f"c{t}": c.numpy(), f"h{t}": h.numpy()}
    content = sheet(record(h.sum()))
    labels = SheetLabels(content)
    states = {labels.symbols.of(box): labels.values.value(box) for box in content.boxes if box.kind == "state"}
    assert len(states) == 6
    for name, value in states.items():
        np.testing.assert_allclose(value, seen[name[0] + str("₀₁₂".index(name[1]))], rtol=1e-12, err_msg=name)
