"""Whatever students write is drawn right: seventy networks in eight views, the HMMs' drawings, and their geometry."""

import os
import subprocess
import sys

import numpy as np
import pytest
from gallery import GALLERY
from geometry import SCROLLED, faults
from zoo import ZOO, kept_parameters, letters, zone_out

import tinyseq as ts
from tinyseq.nn.recurrent import registry
from tinyseq.nn.recurrent.layers import Recurrent
from tinyseq.nn.recurrent.registry import CELLS
from tinyseq.structure.record import record
from tinyseq.viz.computation.labels import SheetLabels
from tinyseq.viz.content.flat import flat_sheet
from tinyseq.viz.content.unrolled import sheet


def test_there_are_thirty_networks_and_more_than_forty_drawings():
    assert len(ZOO) >= 86
    assert len(GALLERY) >= 823


def test_another_process_writes_the_same_on_every_box():
    """Of the first and the last step alone, where a state may have been handed on several steps before."""
    script = (
        "from gallery import ZOO; from test_zoo import SheetLabels, record, sheet\n"
        "for network in ZOO.values():\n"
        "    content = sheet(record(network.loss()), wanted=[0, -1]); labels = SheetLabels(content)\n"
        "    print([(box.name, [line.text for line in labels.lines(box)]) for box in content.boxes])\n"
    )
    told = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        made = subprocess.run([sys.executable, "-c", script], env=environment, check=True, stdout=subprocess.PIPE)
        told.append(made.stdout.splitlines())
    assert len(told[0]) == len(ZOO)
    assert [name for name, one, other in zip(ZOO, *told, strict=True) if one != other] == []


@pytest.mark.parametrize("name", ZOO)
def test_every_input_every_state_and_every_parameter_is_seen(name):
    network = ZOO[name]
    content = sheet(record(network.loss()))
    for column in (column for column in content.columns if column.kind == "step"):
        inputs = [box for box in content.boxes if box.column == column and box.kind == "input"]
        assert len(inputs) >= network.inputs, column
    assert sum(box.kind == "initial" for box in content.boxes) >= network.initial
    leaves = {vertex.id for vertex in content.record.vertices if vertex.is_leaf and vertex.name}
    assert leaves <= {leaf for box in content.boxes for leaf in box.vertices if box.kind == "parameter"}
    computing = {v.id for v in content.record.vertices if v.kind in {"elementwise", "product", "reduction"}}
    shown = {vertex for box in content.boxes for vertex in box.vertices}
    assert not {v for v in computing - shown if not _of_parameters_alone(content.record.vertices, v)}


@pytest.mark.parametrize("name", ZOO)
def test_every_value_has_the_shape_that_was_computed(name):
    found = record(ZOO[name].loss())
    for content in (flat_sheet(found), sheet(found), sheet(found, fold=True)):
        values = content.values
        for box in content.boxes:
            value = values.value(box)
            if box.vertices and value is not None:
                assert value.shape == values.shape(box), box
            if box.kind == "input":  # nothing tells what a sum over paths adds
                assert value is not None or box.vertices or name == "chain_of_scores", box


@pytest.mark.parametrize("name", ZOO)
def test_every_box_of_an_op_has_numbers_while_the_model_is_alive(name):
    with kept_parameters():
        content = sheet(record(ZOO[name].loss()))
        values = content.values
        without = [
            box for box in content.boxes if box.vertices and box.kind != "parameter" and values.value(box) is None
        ]
    told = [box for box in without if content.record.vertices[box.vertices[-1]].is_leaf or not content.joins(box)]
    assert told == [] or name == "windows_of_a_leaf"  # parts of a leaf that is no parameter, which no op keeps


def test_values_that_an_optimiser_has_changed_since_are_not_shown_as_those_that_were_read():
    w, b = ts.nn.Parameter(np.ones(2)), ts.nn.Parameter(np.full(2, 3.0))
    optimizer = ts.optim.SGD([w, b], lr=0.5)
    for changed in (False, True, False):
        loss = ts.sum(w * 2 + b)
        if changed:
            loss.backward(retain_graph=True)
            optimizer.step()
        made = record(loss)
        (bias,) = (v for v in made.vertices if v.is_leaf and made.items[v.id] is b.node)
        found = made.value((bias.id, 0))
        assert (found is None) if changed else np.array_equal(found, b.numpy())


def _of_parameters_alone(vertices, vertex):
    parents = vertices[vertex].parents
    return all(p is not None and (vertices[p[0]].is_leaf or _of_parameters_alone(vertices, p[0])) for p in parents)


@pytest.mark.parametrize("name", GALLERY)
def test_nothing_lies_on_anything_else_and_letters_can_be_read(name):
    svg = GALLERY[name]().svg()
    assert faults(svg) == []
    assert not any(sign in svg for signs in SCROLLED for sign in signs) or name.startswith(
        ("flat: ", "long trellis: ", "program: ")
    )
    assert "mixed types" not in name or "every value is" not in svg


def test_what_is_read_twice_is_one_input_and_peepholes_leave_c_its_letter():
    content = sheet(record(ZOO["input_used_twice"].loss()))
    assert sum(box.kind == "input" for box in content.boxes) == 3
    content = sheet(record(ZOO["peepholes"].loss()))
    letters = {SheetLabels(content).lines(box)[0].text for box in content.boxes if box.kind == "state"}
    assert {"+ → c₀", "× → h₀"} <= letters


NAMES = {
    "concatenated": {"[h₋₁; x₀]", "[h₀; x₁]", "W [h₁; x₂]", "sum"},
    "concatenated_rows": {"[h₀, x₁]", "W [h₁, x₂]"},
    "lstm": {"σ → f", "σ → i", "σ → o", "tanh → g", "+ → c₀"},
    "gru": {"σ → r", "σ → z", "tanh → n"},
    "gru_of_the_lectures": {"σ → r, z", "tanh → n"},
    "lstm_by_hand_from_concatenated": {"× → h₀", "+ → c₀", "W_i [h₀; x₁]"},
    "gru_by_hand": {"1 − ·", "W_z [h₁; x₂]", "[·; x₁]"},
    "three_blocks_of_its_own": {"tanh", "σ", "sin"},
    "attention_over_states": {"[h₀, h₁, h₂]", "softmax"},
    "attention_after_the_loop": {"[h₀, h₁, h₂, …, h₇]"},
    "attention_before_the_loop": {"x", "W_k x", "W_v x", "x₁", "W_q x₁"},
    "additive_attention": {"U_a [h₀, h₁, h₂]", "W_a h′₀"},
    "letters_looked_up": {"E[x₀]", "E[x₁]", "W h₁"},
    "encoder_and_decoder_of_looked_up_letters": {"E[x₀]", "E[x₂]", "W ·", "D ·"},
    "gates_without_the_state": {"x₀", "x₁", "×"},
    "two_sequences_concatenated": {"[h₀; x₁; x′₁]"},
    "zoneout": {"where → h₀", "where → c₀"},
    "forward_pass_with_probabilities": {"÷ → h₀", "+ → L₀"},
    "copying_by_a_gate": {"− → L₀", "− → L₂"},
    "lists_before_and_after_the_loop": {"G x₀", "G x₂", "V h₀", "V h₂"},
    "truncated": {"U h₋₁", "U h₀", "h₁", "U h₁"},
    "weights_for_two_steps_back": {"U h₋₁", "S h₋₂", "U h₀", "S h₋₁", "S h₀"},
    "input_that_is_only_added": {"x₀", "x₂", "U h₋₁"},
    "one_mask_for_all_steps": {"U h₋₁", "y × ·"},
    "quasi_recurrent": {"V_z x₋₁", "W_z x₀", "V_o x₁", "x₋₁ = 0"},
    "tree_of_lstms": {"U 0", "W x′₀", "× → h₁", "+ → c₁"},
    "window_over_time": {"[x₀; x₁; x₂]", "W [x₂; x₃; x₄]"},
    "embedding_handed_on": {"V 0", "V ·", "×"},
    "memory_of_constants": {"y ·", "· y", "W start", "start"},
    "picture_at_every_step": {"V x′", "x′", "x₀", "x₂"},
    "hops_over_a_memory": {"A x", "C x"},
    "copied_state": {"U h₋₁", "U h₀", "h₁", "U h₁"},
    "always_the_same_word": {"E[x₀]", "E[x₂]", "U ·"},
    "windows_of_a_leaf": {"W x₀", "W x₂"},
    "windows_of_a_parameter": {"x[0:3]", "x[2:5]"},
    "learned_positions": {"P[0]", "P[2]", "E[x₀]"},
    "layers_of_one_parameter": {"W[0] x₀", "W[1] h⁽¹⁾₀", "U[1] h⁽²⁾₁", "+ b[0]", "+ b[1]"},
    "begins_with_a_function_of_a_constant": {"W start", "start", "W ·"},
    "fed_with_right_letters_at_even_steps": {"W x₀", "W h′₀", "W x₂", "W h′₂"},
    "attention_over_its_own_past": {"[h₋₁; h₀]", "[h₋₁; h₀; h₁]", "A h₋₁"},
    "crf_on_an_lstm": {"+ → α₁", "+ → L₂", "W h₀ + b", "W h₂ + b"},
    "soft_stack": {"P h′₋₁", "y′ ·", "y × ·"},
    "penalty_on_a_weight": {"W[x₀]", "W′ [·, h₋₁] + b", "W′′ h₀ + b", "W′²"},
    "detached_at_every_step": {"h₋₁ = 0", "U h₋₁", "U h₀", "h₀", "U h₁", "h₁"},
    "next_input_is_the_target": {"W x₀", "− x₁", "− x₃"},
    "mean_of_all_states_so_far": {"U h₋₁", "[h₋₁; h₀]", "[h₋₁; h₀; h₁]", "mean"},
    "state_of_three_steps_before": {"U h₋₃", "U h₋₁", "U h₀", "U h₃", "h₋₁ = 0", "W x₆"},
    "cell_read_at_its_own_step": {"+ → c₀", "+ → c₂", "+ → h₂", "V c₂", "A h₁", "c₋₁ = 0"},
    "losses_of_one_element": {"+ → L₀", "W x₀", "U h₀", "V h₀"},
}


@pytest.mark.parametrize("name", NAMES)
def test_boxes_say_what_they_are(name):
    content = sheet(record(ZOO[name].loss()))
    labels = SheetLabels(content)
    assert NAMES[name] <= {labels.lines(box)[0].text for box in content.boxes}


@pytest.mark.parametrize("name", ["attention_over_states", "attention_after_the_loop", "additive_attention"])
def test_what_is_joined_after_a_folded_loop_says_of_which_steps(name):
    content = sheet(record(ZOO[name].loss()), fold=True)
    labels = SheetLabels(content)
    assert any(text.startswith("[h₀, h₁, h₂") for text in {labels.lines(box)[0].text for box in content.boxes})
    assert {arrow.delay for arrow in content.arrows} == {0, 1}


@pytest.mark.parametrize("name", [name for name in ZOO if "coder" in name or "attention" in name])
def test_a_folded_decoder_shows_the_state_that_its_encoder_hands_over(name):
    """Each arrow from one loop to another of the unrolled drawing is there, between the same roles."""

    def handed(content):
        pairs = [(arrow.tail, arrow.head) for arrow in content.arrows]
        return {(t.slot, h.slot) for t, h in pairs if t.column and h.column and t.column.phase != h.column.phase}

    made = record(ZOO[name].loss())
    assert handed(sheet(made)) == handed(sheet(made, fold=True))


def test_a_state_that_a_step_left_out_has_computed_is_named_by_that_step():
    content = sheet(record(ZOO["state_of_three_steps_before"].loss()), wanted=[0, -1])
    labels = SheetLabels(content)
    assert {"U h₋₃", "U h₃"} <= {labels.lines(box)[0].text for box in content.boxes}


@pytest.mark.parametrize("fold", [False, True])
def test_the_letters_of_words_are_read_before_the_words(fold):
    content = sheet(record(ZOO["words_of_different_lengths"].loss()), fold=fold)
    read = [(a.tail, a.head) for a in content.arrows if a.tail.column and a.head.column]
    handed_on = {(tail.step, head.step) for tail, head in read if tail.column.phase < head.column.phase}
    assert handed_on == ({(2, 1)} if fold else {(1, 0), (2, 1), (0, 2)})  # the last letter of each word
    assert not any(box.kind in {"elided", "input"} and box.step == 2 for box in content.boxes)


@pytest.mark.parametrize("fold", [False, True])
def test_what_each_step_has_once_outside_of_the_loop_is_drawn_in_its_column(fold):
    content = sheet(record(ZOO["lists_before_and_after_the_loop"].loss()), fold=fold)
    labels = SheetLabels(content)
    outside = {labels.lines(box)[0].text for box in content.boxes if not box.column and box.kind != "parameter"}
    assert outside == {"÷ 3", "sum"}
    texts = [[labels.lines(b)[0].text for b in content.boxes if b.column == column] for column in content.columns]
    assert [text.count("cross entropy") for text in texts if "cross entropy" in text] == [1] * (1 if fold else 3)


def test_what_only_one_step_has_or_one_has_twice_stays_outside_of_the_loop():
    w, h, states = ts.nn.Parameter(np.ones((2, 2))), ts.zeros(2), []
    for t in range(3):
        with ts.step(t):
            h = ts.tanh(w @ h + 1)
            states.append(h)
    for loss in (ts.sum(ts.exp(h)), sum(ts.sum(ts.exp(state)) for state in (h, h, states[0]))):
        content = sheet(record(loss))
        ops = {box: content.record.vertices[box.vertices[-1]].op for box in content.boxes if box.vertices}
        assert {box.zone for box, op in ops.items() if op == "exp"} == {"after"}


def test_a_detached_state_is_an_input_that_no_line_brings():
    content = sheet(record(ZOO["truncated"].loss()))
    (detached,) = (box for box in content.boxes if box.of_step is not None)
    assert (detached.column.step, detached.of_step, SheetLabels(content).symbols.of(detached)) == (2, 1, "h₁")
    states = [arrow for arrow in content.arrows if arrow.kind == "time" and arrow.tail.kind in {"state", "initial"}]
    assert [(arrow.tail.column.step, arrow.head.column.step) for arrow in states] == [(0, 1), (-1, 0)]


def test_a_single_step_may_take_a_mask_of_booleans():
    content = sheet(record(zone_out(1)))
    assert {SheetLabels(content).lines(box)[0].text for box in content.boxes if box.kind == "initial"} == {
        "h₋₁ = 0",
        "c₋₁ = 0",
    }


@pytest.mark.parametrize("name", ZOO)
def test_a_folded_loop_shows_the_result_though_only_some_steps_may_lead_to_it(name):
    content = sheet(record(ZOO[name].loss()), fold=True)
    shown = {vertex for box in content.boxes for vertex in (*box.vertices, *content.ops_alike(box))}
    assert content.record.vertices[-1].id in shown


def test_rows_that_are_the_same_in_all_steps_are_parts_of_a_parameter_and_others_are_looked_up():
    both, table, h = ts.nn.Parameter(np.ones((2, 3, 3))), ts.nn.Parameter(np.ones((4, 3))), ts.zeros(3)
    both.node.name, table.node.name = "both", "table"
    for t, letter in enumerate((3, 0, 3)):
        with ts.step(t):
            h = ts.tanh(both[0] @ h + both[1] @ table[letter])
    content = sheet(record(ts.sum(h)))
    labels = SheetLabels(content)
    told = [labels.lines(box)[0].text for box in content.boxes]
    assert {"table[x₀]", "table[x₁]", "table[x₂]", "both[0] h₁", "both[1] ·"} <= {*told}


LOSSES = {
    "of all steps at once": lambda scores, ids: ts.nn.cross_entropy(scores, ids),
    "of the last step": lambda scores, ids: ts.nn.cross_entropy(scores[-1], ids[-1]),
    "of each step": lambda scores, ids: sum(
        ts.nn.cross_entropy(row, target) for row, target in zip(scores, ids, strict=True)
    ),
}


def reading(cell, steps, loss="of the last step"):
    ts.manual_seed(0)
    hidden, _ = Recurrent(cell, 4, 5)(ts.ones(steps, 1, 4, dtype="float32"))
    return LOSSES[loss](ts.nn.Linear(5, 4)(hidden), letters(steps, 1))


def cells_by_steps_and_losses():
    """Each cell with each loss of two steps, and with one of three and another one of four, which take longer."""
    for i, cell in enumerate(CELLS):
        yield from ((cell, 2, loss) for loss in LOSSES)
        yield from ((cell, steps, [*LOSSES][(i + steps) % len(LOSSES)]) for steps in (3, 4))


@pytest.mark.parametrize(("cell", "steps", "loss"), [*cells_by_steps_and_losses()])
def test_every_cell_is_drawn_op_by_op_with_no_fault_but_small_letters(cell, steps, loss):
    found = faults(ts.viz.graph(reading(cell, steps, loss), view="flat").svg())
    assert [fault for fault in found if "smallest letters" not in fault] == []


@pytest.mark.parametrize("cell", [name for name, made in CELLS.items() if made.gates])
def test_the_gates_of_a_cell_are_drawn_by_the_names_that_inspection_gives_them(cell):
    loss = reading(cell, 2)
    content = sheet(record(loss))
    labels = SheetLabels(content)
    drawn = [(box.column.step, gate) for box, gates in labels.gates.items() for gate in gates]
    known = [name.split(".")[-1] for name in ts.inspect.gate_values(loss)]
    assert known
    assert sorted(drawn) == sorted((step, gate) for step in range(2) for gate in known)
    parts = {labels.part(arrow) for arrow in content.arrows} - {""}
    assert parts <= set(CELLS[cell].gates)  # an arrow may carry one of several gates that a box computes


@pytest.mark.parametrize("between", ["at least", "by its norm", "layer norm"])
def test_a_gate_is_the_nonlinearity_also_of_what_ops_have_made_of_the_sums(between, monkeypatch):
    """Other ops between the sums and the nonlinearity have the gate's rows, too, but not its name."""
    monkeypatch.setattr(registry, "CELLS", {})
    centred = lambda a: a - ts.mean(a, axis=0, keepdims=True)
    made = {
        "at least": lambda a: ts.maximum(a, 0.1),
        "by its norm": lambda a: a / ts.norm(a, axis=0, keepdims=True),
        "layer norm": lambda a: centred(a) / ts.sqrt(ts.mean(centred(a) ** 2, axis=0, keepdims=True) + 1e-5),
    }[between]

    @registry.cell("between", gates="fn")
    def step(z, h, weight_hh):
        z_f, z_n = ts.split(z, 2)
        weight_f, weight_n = ts.split(weight_hh, 2)
        f = ts.sigmoid(made(z_f + weight_f @ h))
        return h + f * (ts.tanh(made(z_n + weight_n @ (f * h))) - h)

    layer = Recurrent("between", 2, 3)
    output, _ = layer(np.random.default_rng(0).normal(size=(2, 1, 2)).astype("f4"))
    loss = ts.sum(output * output)
    content = sheet(record(loss))
    gates = SheetLabels(content).gates
    named = sorted((box.step, *found, content.record.vertices[box.vertices[-1]].op) for box, found in gates.items())
    assert named == [(0, "f", "sigmoid"), (0, "n", "tanh"), (1, "f", "sigmoid"), (1, "n", "tanh")]
    values = ts.inspect.gate_values(loss)
    assert [*values] == ["f", "n"]
    sigmoids = [SheetLabels(content).values.value(box) for box, found in gates.items() if found == ("f",)]
    np.testing.assert_array_equal(values["f"], sigmoids)


def test_the_checker_finds_each_kind_of_fault():
    """A drawing with all of them."""
    text = '<text text-anchor="middle" x="50" y="50" font-size="10">{}</text>'
    box = '<rect fill="#ffffff" stroke="#000000" x="{}" y="{}" width="40.00" height="20.00"/>'

    def drawing(*groups, size="0 0 200 200"):
        return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}"><g>{"".join(groups)}</g></svg>'

    def node(name, x, y, words=""):
        return f'<g id="{name}" class="node">{box.format(x, y)}{text.format(words) if words else ""}</g>'

    line = '<g id="line0" class="edge"><path d="M{}"/>{}</g>'
    frame = f'<g id="f" class="cluster">{box.format(30, 40)}{text}</g>'
    assert faults(drawing(frame.format("t = 0"))) == []
    assert faults(drawing(frame.format("much too long"))) == ["the title 'much too long' sticks out of its frame"]
    label = line.format("10,70C40,70 60,70 120,70", text)
    bare = f'<g id="f" class="cluster">{box.format(30, 40)}</g>'
    assert faults(drawing(bare, label.format("label"))) == []
    assert faults(drawing(bare, label.format("a long label"))) == ["'a long label' sticks out of the frame f"]
    head = '<polygon points="{},80 50,85 {},80"/>'
    assert faults(drawing(line.format("50,60C50,65 50,70 50,80", head.format(48, 52)))) == []
    short = line.format("50,60C50,65 50,70 50,80", head.format(48, 52).replace("85", "82"))
    assert faults(drawing(short)) == ["line0 has an arrowhead of 2.0 points"]
    behind = line.format("50,40C60,30 130,70 110,60", "")  # from the top of a to the bottom of b, beside it
    assert faults(drawing(node("a", 30, 40), node("b", 90, 40), behind)) == ["line0 runs through b"]
    assert faults(drawing(node("a", 30, 40, "ok"), node("b", 90, 90))) == []
    assert "sticks out of a" in faults(drawing(node("a", 30, 40, "much too long for it")))[0]
    assert faults(drawing(node("a", 30, 40), node("b", 50, 50))) == ["a lies on b"]
    crossing = line.format("10,50C40,50 60,50 120,50", "")
    assert faults(drawing(node("a", 30, 40), crossing)) == ["line0 runs through a"]
    assert faults(drawing(node("a", 0, 40), node("b", 80, 40), line.format("40,50C50,50 60,50 80,50", ""))) == []
    assert faults(drawing(line.format("10,47C40,47 60,47 120,47", text.format("words")))) == [
        "line0 runs through its own words 'words'"
    ]
    assert "runs through the words" in faults(drawing(f'<g class="cluster">{text.format("title")}</g>', crossing))[0]
    assert "smallest letters" in faults(drawing(node("a", 30, 40, "ok"), size="0 0 2000 200"))[0]
    assert "smallest letters" in faults(drawing(node("a", 30, 40, "ok"), size="0 0 200 2000"))[0]
    pale = node("a", 30, 40, "ok").replace("<text", '<text fill="#999999"')
    assert faults(drawing(pale)) == ["'ok' has a contrast of 2.85: #999999 on #ffffff"]
    wrapped = node("t7_s0_again", 30, 40, "ok")
    assert faults(drawing(wrapped, size="0 0 200 2000")) == []
    assert "smallest letters" in faults(drawing(wrapped, size="0 0 2000 200"))[0]
