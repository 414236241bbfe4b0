"""What a drawing of a computation calls its leaves and its constants."""

import re

import numpy as np
import pytest
from zoo import STEPS, ZOO, data, weight

import tinyseq as ts
from tinyseq.hmm.inference.semirings import LOG
from tinyseq.structure.record import record
from tinyseq.viz import graph
from tinyseq.viz.computation.labels import SheetLabels
from tinyseq.viz.content.unrolled import sheet

VIEWS = ["unrolled", "folded", "flat"]


def leaf(*shape):
    return ts.tensor(np.full(shape, 0.5), requires_grad=True)


def drawn(loss, **names):
    """The texts of each box by its kind: {kind: [[line, ...], ...]}."""
    content = sheet(record(loss, names=names))
    labels, found = SheetLabels(content), {}
    for box in content.boxes:
        found.setdefault(box.kind, []).append([line.text for line in labels.lines(box)])
    return found


REARRANGED = {
    "as it is": lambda b: b,
    "a reshape": lambda b: b.reshape(2, 1),
    "a transpose": lambda b: ts.transpose(b.reshape(1, 2)),
    "an axis": lambda b: b.reshape(2)[:, None],
    "a part": lambda b: ts.split(ts.concatenate([b, b]).reshape(4, 1), 2)[0],
}


@pytest.mark.parametrize("behind", REARRANGED)
@pytest.mark.parametrize("step", range(3))
@pytest.mark.parametrize("steps", [1, 3])
def test_a_named_leaf_that_one_step_uses_has_its_name(behind, step, steps):
    w, b, h = leaf(2, 2), leaf(2, 1), ts.zeros(2, 1)
    for t in range(steps):
        with ts.step(t):
            h = ts.tanh(w @ h)
            if t == step % steps:
                h = h + REARRANGED[behind](b)
    found = drawn(h.sum(), w=w, bias=b)
    assert [lines[0] for lines in found["parameter"]] == ["w", "bias"]
    assert [lines for kind in ("input", "initial") for lines in found.get(kind, ()) if "x" in lines[0]] == []


@pytest.mark.parametrize("steps", [2, 3, 4])
def test_the_tables_of_a_chain_have_the_names_given_to_them(steps):
    pi, transition = leaf(2), leaf(2, 2)
    scores = np.random.default_rng(0).standard_normal((steps, 2))
    found = drawn(ts.hmm.chain(pi, transition, scores, semiring=LOG), π=pi, A=transition)
    assert sorted(lines[0] for lines in found["parameter"]) == ["A", "π"]
    assert {lines[0][0] for lines in found["input"]} == {"x"}


def test_a_named_first_state_and_named_inputs_stay_what_they_are():
    w, start, xs, h = leaf(2, 2), leaf(2, 1), [leaf(2, 1) for _ in range(3)], None
    h = start
    for t, x in enumerate(xs):
        with ts.step(t):
            h = ts.tanh(w @ h + x)
    found = drawn(h.sum(), w=w, h0=start, a=xs[0], b=xs[1], c=xs[2])
    assert found["initial"] == [["h0"]]
    assert [lines[0] for lines in found["input"]] == ["a", "b", "c"]
    assert "w h0" in [lines[0] for lines in found["op"]]


def test_a_named_sequence_gives_each_step_its_name():
    w, h, words = leaf(2, 2), ts.zeros(2, 1), leaf(3, 2, 1)
    for t in range(3):
        with ts.step(t):
            h = ts.tanh(w @ h + words[t])
    assert [lines[0] for lines in drawn(h.sum(), w=w, e=words)["input"]] == ["e₀", "e₁", "e₂"]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("shape", [(), (2,), (2, 2)])
def test_a_name_is_said_once(view, shape):
    w, h = leaf(*shape), ts.ones(*shape)
    for t in range(3):
        with ts.step(t):
            h = ts.tanh(w * h)
    svg = graph(h.sum(), view=view, names={"weight": w}, legend=False).svg()
    box = re.search(r'class="node parameter">.*?</g>', svg, re.DOTALL)
    assert box
    assert [line for line in re.findall(r"<text[^>]*>([^<]*)</text>", box[0]) if "weight" in line] == ["weight"]


def test_parameters_in_one_box_say_which_shape_is_whose():
    w, v = leaf(2, 2), leaf(2, 1)
    found = drawn(ts.tanh(w @ v + w @ v).sum())  # without steps; nothing is named
    assert found["parameter"][0][:3] == ["θ₀, θ₁", "leaf 0 (2,2)", "leaf 1 (2,1)"]
    found = drawn(ts.tanh(w @ v + w @ v).sum(), w=w, v=v)
    assert found["parameter"][0][:3] == ["w, v", "w (2,2)", "v (2,1)"]


@pytest.mark.parametrize("view", ["unrolled", "folded"])
def test_without_a_legend_there_is_no_remark_on_a_flat_picture(view):
    w = leaf(2, 2)
    told = [graph((w @ w).sum(), view=view, legend=legend).svg() for legend in (None, True, False)]
    assert ["ts.step" in svg for svg in told] == [True, True, False]


def test_a_product_of_two_parameters_names_both():
    w, v, h = leaf(2, 2), leaf(2, 2), ts.zeros(2, 1)
    for t in range(2):
        with ts.step(t):
            h = ts.tanh((w @ v) @ h + w @ w)
    loss = h.sum()
    assert {"W V", "W W"} <= {lines[0] for lines in drawn(loss, W=w, V=v)["op"]}
    assert graph(loss, names={"W": w, "V": v}).page()._repr_html_()  # its formulas read the operands, too


def loop(operand, constants, wrap=lambda v: v):
    """w h + x_t with an op and a constant in each step, as a loss by hand has it."""
    w, x, h, losses = leaf(), ts.tensor([-1.0, 2.0, -3.0], requires_grad=True), ts.tensor(1.0), []
    for t in range(3):
        with ts.step(t):
            h = w * h + x[t]
            losses.append(operand(h, wrap(constants[t])) ** 2 / 2)
    return sum(losses), {"w": w, "x": x}


OPERANDS = {
    "−": lambda h, y: h - y,
    "+": lambda h, y: h + y,
    "×": lambda h, y: h * y,
    "÷": lambda h, y: h / y,
}


@pytest.mark.parametrize("wrap", [float, np.float64, ts.tensor])
@pytest.mark.parametrize("sign", OPERANDS)
def test_a_constant_is_its_number_in_every_step(sign, wrap):
    loss, names = loop(OPERANDS[sign], [5.0, 3.0, 4.0], wrap)
    found = [lines[0] for lines in drawn(loss, **names)["op"] if lines[0].startswith(f"{sign} ")]
    assert [text for text in found if text != "÷ 2"] == [f"{sign} {number}" for number in (5, 3, 4)]


def test_a_number_that_each_step_subtracts_is_written():
    w, h, losses = leaf(), ts.tensor(1.0), []
    for t in range(3):
        with ts.step(t):
            h = w * h + [-1.0, 2.0, -3.0][t]
            losses.append((h - [0.0, 3.0, 4.0][t]) ** 2 / 2)
    found = drawn(sum(losses), w=w)
    said = [lines[0] for kind in ("op", "state") for lines in found[kind] if lines[0][0] in "+−"]
    assert said[:3] == ["− 0", "− 3", "− 4"]
    assert said[-1] == "+ → h₂"  # what is added to a state is an input
    assert [lines[0] for lines in found["input"]] == ["x₀", "x₁", "x₂"]
    assert "constant" not in graph(sum(losses), names={"w": w}).svg()


def test_the_value_of_a_leaf_that_has_changed_since_is_not_shown():
    loss, names = loop(OPERANDS["−"], [5.0, 3.0, 4.0])
    content = record(loss, names=names)
    assert content.given
    with ts.no_grad():
        names["x"] += 1.0
    assert len(record(loss, names=names).given) < len(content.given)


OWNERS = {
    "W_ih": ["encoder.weight_ih_l0", "decoder.weight_ih_l0"],
    "b_out": ["encoder.out.bias", "decoder.out.bias"],
    "W": ["model.left.W", "model.right.W"],
    "W_q": ["blocks.0.W_q", "blocks.1.W_q"],
    "W_hh": ["model.encoder.rnn.weight_hh_l0", "model.decoder.rnn.weight_hh_l0"],
}


@pytest.mark.parametrize("name", OWNERS)
def test_parameters_of_one_name_are_told_apart_by_their_owners(name):
    w, h = [leaf(2, 2) for _ in OWNERS[name]], ts.zeros(2, 1)
    for one, full in zip(w, OWNERS[name], strict=True):
        one.node.name = full
    for t in range(2):
        with ts.step(t):
            h = ts.tanh(w[1] @ (w[0] @ h))
    said = [lines[0] for lines in drawn(h.sum())["parameter"]]
    owners = [
        "_".join(part for part in full.split(".")[:-1] if part not in {"model", "rnn", "out"}) for full in OWNERS[name]
    ]
    assert said == [name + ("," if "_" in name else "_") + owner for owner in owners]


def test_parameters_whose_modules_do_not_tell_them_apart_have_primes():
    w, h = [leaf(2, 2) for _ in range(2)], ts.zeros(2, 1)
    w[0].node.name = w[1].node.name = "weight_ih_l0"
    for t in range(2):
        with ts.step(t):
            h = ts.tanh(w[1] @ (w[0] @ h))
    assert [lines[0] for lines in drawn(h.sum())["parameter"]] == ["W_ih", "W_ih′"]


def _fast_weights():
    """The memory is zero in the first step, which computes nothing of it, and stands below the state in the others."""
    w, u, x, h, memory = weight(3, 2, name="W"), weight(3, 3, name="U"), data(STEPS, 2), ts.zeros(3), ts.zeros(3, 3)
    for t in range(STEPS):
        with ts.step(t):
            memory = 0.9 * memory + 0.5 * h[:, None] * h[None, :]
            h = ts.tanh(w @ x[t] + u @ h + memory @ h)
    return ts.sum(h * h)


@pytest.mark.parametrize("name", [*ZOO, "fast weights"])
def test_a_state_has_the_same_letter_in_all_views_that_show_the_same_states(name):
    made = record(ZOO[name].loss() if name in ZOO else _fast_weights())
    shown = [sheet(made, **view).states for view in ({}, {"fold": True}, {"wanted": [-1]})]
    assert len({tuple(sorted(states.items(), key=str)) for states in shown if states.keys() == shown[0].keys()}) == 1


@pytest.mark.parametrize("view", ["unrolled", "folded"])
def test_axes_of_length_one_that_an_index_adds_are_not_written(view):
    w, h, loss = ts.tensor(np.eye(3), requires_grad=True), ts.zeros(3), 0.0
    for t in range(3):
        with ts.step(t):
            h = ts.tanh(w @ h[:, None] + ts.ones(3)[:, None])[:, 0]
            loss = loss + (h[None] * h[..., None]).sum()
    svg = graph(loss, view=view).svg()
    assert "[:, 0]" in svg
    assert not re.search("None|Ellipsis", svg)


@pytest.mark.parametrize("turned", [np.array, np.transpose])
def test_a_constant_matrix_and_its_transpose_have_two_letters(turned):
    h, matrix = weight(2, 2), ts.tensor(np.arange(4.0).reshape(2, 2))
    for t in range(2):
        with ts.step(t):
            h = ts.tanh(matrix * h - ts.tensor(turned(matrix.numpy())))
    texts = re.findall(">([^<]*)<", graph(ts.sum(h), legend=False).svg())
    assert any("y" in text.split() for text in texts)
    assert any("y′" in text.split() for text in texts) == (turned is np.transpose)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("number", [1.001, 0.1, 100.4, -2.0004, 1000001.0, 1 / 3, 12345.0])
def test_a_constant_is_written_with_as_many_digits_as_tell_it_from_a_rounder_one(number, dtype):
    w = ts.tensor(np.ones(2, dtype), requires_grad=True)
    with ts.step(0):
        h = ts.tanh(w) * np.full(2, number, dtype)
    (told,) = re.findall(r">× \(?([^<()]*)\)?<", graph(ts.sum(h), legend=False).svg())
    told = told.replace("−", "-")
    assert float(told) == number or len(told.split("e")[0].replace(".", "").strip("-0")) >= 3
    assert float(told) == pytest.approx(number, rel=5e-3)


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize(
    ("indices", "unrolled", "folded"),
    [
        ([0, 1, 2], ["E[0]", "E[1]", "E[2]"], "E[t]"),
        ([2, 3, 4], ["E[x₀]", "E[x₁]", "E[x₂]"], "E[xₜ]"),
        ([0], ["E[x₀]"], "E[xₜ]"),
    ],
)
def test_a_row_for_each_step_is_that_of_a_position_and_any_other_that_of_an_id(indices, unrolled, folded, fold):
    e, u, h = weight(5, 3, name="E"), weight(3, 3, name="U"), ts.zeros(3)
    for t, index in enumerate(indices):
        with ts.step(t):
            h = ts.tanh(e[index] + u @ h)
    content = sheet(record(ts.sum(h)), fold=fold)
    texts = [SheetLabels(content).lines(box)[0].text for box in content.boxes if box.kind == "op"]
    assert [text for text in texts if text.startswith("E")] == ([folded] if fold else unrolled)
