"""What a step takes from outside is an input, an earlier state or a constant, however it is used."""

from itertools import product

import numpy as np
import pytest
from zoo import data, weight

import tinyseq as ts
from tinyseq.structure.paths import grouped
from tinyseq.structure.record import record
from tinyseq.viz import graph
from tinyseq.viz.computation.labels import SheetLabels
from tinyseq.viz.content.unrolled import sheet
from tinyseq.viz.rendering.style import SUBSCRIPTS, subscript

STEPS = 4
MASK, MATRIX = np.array([[1.0], [0.0], [1.0]]), np.eye(3, k=1)
W, U = (ts.tensor(np.random.default_rng(seed).standard_normal((3, 3)) / 3, requires_grad=True) for seed in (1, 2))
X = np.random.default_rng(3).standard_normal((STEPS, 3, 1))

OF_X = {
    "W x": lambda x: W @ x,
    "x": lambda x: x,
    "-x": lambda x: -1.0 * x,
    "W x + x": lambda x: W @ x + x,
    "x and then W": lambda x: W @ (W @ x) + x,
}
OF_H = {
    "U h": lambda h: U @ h,
    "U of a mask": lambda h: U @ (MASK * h),
    "U of a matrix": lambda h: U @ (MATRIX @ h),
    "U of a function": lambda h: U @ ts.tanh(ts.sin(h)),
    "U of itself": lambda h: U @ (h * h),
    "U of its half, turned": lambda h: U @ (0.5 * h).reshape(1, 3).T,
}


def loop(of_x, of_h, delay, steps=STEPS):
    states, losses = [ts.zeros(3, 1) for _ in range(delay)], []
    for t in range(steps):
        with ts.step(t):
            made = of_x(X[t]) + of_h(states[-1])
            states.append(ts.tanh(made if delay == 1 else made + of_h(states[-delay])))
            losses.append(ts.sum(states[-1] ** 2))
    return sum(losses)


def boxes(loss, kind, **settings):
    content = sheet(record(loss), **settings)
    labels = SheetLabels(content)
    return [(box.column and box.column.step, labels.lines(box)[0].text) for box in content.boxes if box.kind == kind]


@pytest.mark.parametrize(("of_x", "of_h", "delay"), [*product(OF_X, OF_H, (1, 2, 3))])
def test_each_step_has_one_input_and_the_loop_begins_with_each_state_once(of_x, of_h, delay):
    loss = loop(OF_X[of_x], OF_H[of_h], delay)
    assert sorted(boxes(loss, "input")) == [(t, f"x{'₀₁₂₃'[t]}") for t in range(STEPS)]
    before = [1] if delay == 1 else [delay, 1] if delay == 2 else [3, 2, 1]
    assert sorted(boxes(loss, "initial")) == [(-t, f"h₋{'₁₂₃'[t - 1]} = 0") for t in before]
    assert [text for _, text in boxes(loss, "input", fold=True)] == ["xₜ"]
    assert boxes(loss, "initial", fold=True) == []


@pytest.mark.parametrize("delay", [2, 3])
def test_one_array_may_begin_several_states(delay):
    zeros, states = ts.zeros(3, 1), [ts.zeros(3, 1)]
    states = [zeros] * delay
    for t in range(STEPS):
        with ts.step(t):
            states.append(ts.tanh(W @ X[t] + U @ states[-1] + U @ states[-delay]))
    assert {text for _, text in boxes(ts.sum(states[-1]), "initial")} >= {"h₋₁ = 0"}
    assert len(boxes(ts.sum(states[-1]), "input")) == STEPS


def test_a_state_that_is_joined_with_later_ones_is_no_input():
    for join in (ts.stack, ts.concatenate):
        states = [ts.zeros(1, 3)]
        for t in range(STEPS):
            with ts.step(t):
                memory = join(states).reshape(-1, 3)
                states.append(ts.tanh(X[t].T @ W + ts.softmax(states[-1] @ U @ memory.T) @ memory))
        for fold in (False, True):
            assert len(boxes(ts.sum(states[-1]), "input", fold=fold)) == (1 if fold else STEPS)
            assert boxes(ts.sum(states[-1]), "initial", fold=fold) == [(-1, "h₋₁ = 0")]


def test_a_padding_of_zeros_that_is_read_by_several_weights_is_one_input():
    x, h = [np.zeros((3, 1)), *X], ts.zeros(3, 1)
    for t in range(STEPS):
        with ts.step(t):
            gate = ts.sigmoid(U @ x[t] + W @ x[t + 1])
            h = gate * h + (1 - gate) * ts.tanh(W @ x[t] + U @ x[t + 1])
    assert len(boxes(ts.sum(h), "input")) == 2 * STEPS


def texts(step, same):
    w, h, losses = ts.tensor(np.full((3, 3), 0.5), requires_grad=True), ts.zeros(3, 1), []
    for t in range(3):
        with ts.step(t):
            h = ts.tanh(w @ h + 1.0)
            losses.append(ts.sum(step(h, MATRIX if same else MATRIX * (t + 1))))
    return {text for _, text in boxes(sum(losses), "op")}


@pytest.mark.parametrize("step", [lambda h, c: c @ h, lambda h, c: c * h, lambda h, c: (c * h) @ c])
def test_a_constant_array_has_a_letter_and_a_step_only_if_it_changes(step):
    for same, index in ((True, ""), (False, "₁")):
        assert any(f"y{index} " in text or f" y{index}" in text for text in texts(step, same))
    assert "matmul" not in texts(step, True)


@pytest.mark.parametrize(("dtype", "size"), [*product([np.float32, np.float64], [1e-3, 1e-6, 1e-9, 1e-12])])
def test_a_number_below_the_rounding_of_what_it_is_added_to_is_written(dtype, size):
    w, h = ts.tensor(np.full((2, 2), 0.5, dtype), requires_grad=True), ts.zeros(2, 1, dtype=dtype)
    with ts.step(0):
        h = ts.log(ts.softmax(w @ np.array([[0.25], [1.0]], dtype), axis=0) + size)
    found = {text for _, text in boxes(ts.sum(h), "op") if text.startswith(("+ ", "− "))}
    assert found == {"+ 0.001" if size == 1e-3 else f"+ {size:.0e}".replace("e-0", "e-")}


@pytest.mark.parametrize("write", [False, True])
def test_a_number_is_written_as_it_was_when_it_was_added(write):
    w, h, added = ts.tensor(np.eye(2), requires_grad=True), ts.zeros(2, 1), np.full((2, 1), 0.5)
    with ts.step(0):
        h = ts.tanh(w @ np.ones((2, 1)) + added)
    added *= -1 if write else 1
    assert "+ 0.5" in {text for _, text in boxes(ts.sum(h), "op")}


PARTS = {"arrays": lambda x: list(x.numpy()), "a tensor": lambda x: x, "tensors": lambda x: [*x]}


@pytest.mark.parametrize("away", [(0,), (-1, 0), (0, 1), (-1, 0, 1), (-2, 0), (0, 1, 2)])
@pytest.mark.parametrize("parts", PARTS)
def test_parts_of_one_sequence_have_one_letter_and_the_steps_that_they_belong_to(parts, away):
    before = -min(away)
    padded = ts.tensor(np.concatenate([np.zeros((before, 3)), np.random.default_rng(0).random((STEPS + 2, 3))]))
    x, h, weights = PARTS[parts](padded), ts.zeros(3), [ts.tensor(W.numpy() * k, requires_grad=True) for k in (1, 2, 3)]
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(sum((w @ x[t + before + by] for w, by in zip(weights, away, strict=False)), start=U @ h))
    named = [f"x{subscript(t + by)}" + " = 0" * (t + by < 0) for t in range(STEPS) for by in away]
    assert sorted(text for _, text in boxes(ts.sum(h), "input")) == sorted(named)
    letters = {f"xₜ{f'{by:+d}'.translate(SUBSCRIPTS) if by else ''}" for by in away}
    assert {text for _, text in boxes(ts.sum(h), "input", fold=True)} == letters
    for count in range(STEPS, STEPS + max(away) + 1):
        svg = graph(ts.sum(h), inputs="abcdefg"[:count]).svg()
        assert svg.count(">a<") == sum(0 <= -by < STEPS for by in away)
    for wrong in ("abcdefg"[: STEPS - 1], "abcdefg"[: STEPS + max(away) + 1]):
        with pytest.raises(
            ValueError, match=f"inputs has {len(wrong)} entries, but must have one for each of the time"
        ):
            graph(ts.sum(h), inputs=wrong)


def test_inputs_that_all_hold_the_same_number_are_no_parts_of_one_sequence():
    x, y, h = ts.ones(STEPS, 3), ts.ones(STEPS, 3), ts.zeros(3)
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(W @ x[t] + U @ y[t] + U @ h)
    assert {text[:-1] for _, text in boxes(ts.sum(h), "input")} == {"x", "x′"}


@pytest.mark.parametrize("start", [ts.zeros, ts.ones])
def test_what_is_handed_on_but_not_made_of_what_it_was_is_no_state(start):
    before, losses = start(3, 1), []
    for t in range(STEPS):
        with ts.step(t):
            x = ts.tanh(W @ X[t])
            losses.append(ts.sum((U @ before + x) ** 2))
            before = x
    assert boxes(sum(losses), "state") == []
    assert boxes(sum(losses), "initial") == [(-1, "0" if start is ts.zeros else "start")]
    assert {text for _, text in boxes(sum(losses), "op") if text.startswith("θ")} >= {"θ₁ ·"}


def test_a_state_that_a_weight_meets_in_a_sum_is_h_and_one_that_is_summed_and_handed_on_is_c():
    h, c, x = [ts.zeros(3, 1)] * 2, [ts.zeros(3, 1)] * 2, X
    for t in range(STEPS):
        with ts.step(t):
            z = W @ x[t] + U @ (h[-1] + h[-2])
            c = [*c, ts.sigmoid(z) * c[-1] + ts.tanh(z) * c[-2]]
            h = [*h, ts.sigmoid(z) * ts.tanh(c[-1])]
    assert {text[-2] for _, text in boxes(ts.sum(h[-1]), "state")} == {"h", "c"}
    assert {*ts.inspect.gradient_flow(ts.sum(h[-1])).states} == {"h", "c"}


def test_an_array_of_zeros_that_not_every_step_takes_has_no_name():
    h, losses = ts.zeros(3, 1), []
    for t in range(STEPS):
        with ts.step(t):
            h = W @ X[t] + U @ h
            h = ts.tanh(h + W @ np.zeros((3, 1)) if t == 2 else h)
            losses.append(ts.sum(h * h))
    assert sorted(boxes(sum(losses), "input")) == sorted([*((t, f"x{'₀₁₂₃'[t]}") for t in range(STEPS)), (2, "0")])


def test_one_constant_that_is_taken_twice_has_one_letter():
    memory, h = np.random.default_rng(0).random((4, 3)), ts.ones(3)
    for t in range(3):
        with ts.step(t):
            h = ts.tanh(W @ (ts.softmax(memory @ h) @ memory) + X[t, :, 0])
    assert {text for _, text in boxes(ts.sum(h), "op") if "y" in text} == {"y ·", "· y"}


TAKEN = {"w[i, t]": lambda w, i, t: w[i, t], "w[i][t]": lambda w, i, t: w[i][t], "w[t, i]": lambda w, i, t: w[t, i]}


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("taken", TAKEN)
def test_the_parts_of_a_leaf_that_nested_loops_take_are_inputs(taken, before, named, tmp_path):
    words, outer = ts.tensor(np.random.default_rng(0).random((2, 2, 3, 1)), requires_grad=True), ts.zeros(3, 1)
    for i in range(2):
        inner = ts.zeros(3, 1)
        rows = [TAKEN[taken](words, i, t) for t in range(2)] if before else []
        for t in range(2):
            with ts.step(t):
                inner = ts.tanh(W @ inner + U @ (rows[t] if before else TAKEN[taken](words, i, t)))
        with ts.step(i):
            outer = ts.tanh(U @ outer + inner)
    content = sheet(record(ts.sum(outer), names={"words": words} if named else {}))
    labels = SheetLabels(content)
    found = sorted(labels.lines(box)[0].text for box in content.boxes if box.kind == "input")
    assert found == ([f"words[{i}, {t}]" for i in range(2) for t in range(2)] if named else ["x′₀", "x′₁", "x₀", "x₁"])
    assert {box.zone for box in content.boxes if box.kind == "input"} == {"columns"}
    assert len([box for box in content.boxes if box.kind == "parameter"]) == 2
    assert [letter for (letter,) in content.states.values()] == ["h", "h′", "h′′"]
    page = graph(ts.sum(outer), gradients=True, names={"words": words} if named else {}).save(tmp_path / "page.html")
    assert ("words[0, 1]" in page.read_text("utf-8")) == named


def twice_in_a_step(read):
    """The input and the state of a step, and both in another form; the state is detached there."""
    w, u, x, h, loss = weight(2, 2, name="W"), weight(2, 2, name="U"), data(3, 2, 1), ts.zeros(2, 1), 0.0
    for t in range(3):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ h)
            kept = read(h.detach())
            loss += ts.sum((read(h) + read(x[t]) + (u @ kept if kept.shape == (2, 1) else kept @ u)) ** 2)
    return loss


def once_in_a_layer(read):
    """A layer reads a sequence, and the steps of another loop read it in another form."""
    x, loss = data(3, 1, 2), 0.0
    output, _ = ts.nn.RNN(2, 2, dtype="float64")(x)
    for t in range(3):
        with ts.step(t):
            loss += ts.sum((read(output[t]) + read(x[t])) ** 2)
    return loss


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("read", [lambda v: v, ts.transpose, ts.ravel, lambda v: ts.reshape(v, (1, -1))])
@pytest.mark.parametrize(("network", "names"), [(twice_in_a_step, "hx"), (once_in_a_layer, "x")])
def test_what_a_step_reads_in_two_forms_is_one_input(network, names, read, fold):
    content = sheet(record(network(read)), fold=fold)
    symbols = SheetLabels(content).symbols
    inputs = grouped((box.step, symbols.of(box)) for box in content.boxes if box.kind == "input")
    for step, found in inputs.items():
        assert sorted(found) == [letter + ("ₜ" if fold else subscript(step)) for letter in names]


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("steps", [1, 3])
def test_an_input_that_equals_the_first_state_is_an_input(steps, fold):
    """h_0 = a 0 + x_0, as in a leaky integrator."""
    a, v, x, h, loss = weight(3, name="a"), weight(2, 3, name="V"), data(steps, 3), ts.zeros(3), 0.0
    for t in range(steps):
        with ts.step(t):
            h = a * h + x[t]
            loss += ts.sum(v @ h * (v @ x[t]))
    content = sheet(record(loss), fold=fold)
    symbols = SheetLabels(content).symbols
    found = {symbols.of(box) for box in content.boxes if box.kind == "input"}
    assert found == ({"xₜ"} if fold else {"x" + subscript(t) for t in range(steps)})
