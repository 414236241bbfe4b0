"""What a step takes from outside is an input, an earlier state or a constant, however it is used."""

from itertools import product

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.viz.computation.labels import Wording
from tinyseq.viz.computation.record import record
from tinyseq.viz.computation.sheet import sheet

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
    wording = Wording(content)
    return [(box.column and box.column.step, wording.lines(box)[0].text) for box in content.boxes if box.kind == kind]


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


def labels(step, same):
    w, h, losses = ts.tensor(np.full((3, 3), 0.5), requires_grad=True), ts.zeros(3, 1), []
    for t in range(3):
        with ts.step(t):
            h = ts.tanh(w @ h + 1.0)
            losses.append(ts.sum(step(h, MATRIX if same else MATRIX * (t + 1))))
    return {text for _, text in boxes(sum(losses), "op")}


@pytest.mark.parametrize("step", [lambda h, c: c @ h, lambda h, c: c * h, lambda h, c: (c * h) @ c])
def test_a_constant_array_has_a_letter_and_a_step_only_if_it_changes(step):
    for same, index in ((True, ""), (False, "₁")):
        assert any(f"y{index} " in text or f" y{index}" in text for text in labels(step, same))
    assert "matmul" not in labels(step, True)


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
