"""Zeros that stand in a row with states are the state before the first step, not an input."""

import pytest
from zoo import data, weight

import tinyseq as ts
from tinyseq.structure.record import record
from tinyseq.viz.computation.labels import SheetLabels
from tinyseq.viz.content.unrolled import sheet

STEPS = 3
WAYS = {  # what a step reads of all states so far, whose first are zeros
    "mean": lambda states, x: ts.mean(ts.stack(states), axis=0),
    "maximum": lambda states, x: ts.max(ts.stack(states), axis=0),
    "sum of a list": lambda states, x: sum(states) / len(states),
    "rows one below the other": lambda states, x: ts.sum(ts.concatenate([s[None] for s in states]), axis=0),
    "attention that the state asks": lambda states, x: ts.softmax(ts.stack(states) @ states[-1]) @ ts.stack(states),
    "attention that the input asks": lambda states, x: ts.softmax(ts.stack(states) @ x) @ ts.stack(states),
    "as long in every step": lambda states, x: ts.mean(ts.stack((states + [ts.zeros(3)] * STEPS)[: STEPS + 1]), axis=0),
}


def boxes(loss, kind, fold=False):
    content = sheet(record(loss), fold=fold)
    return [SheetLabels(content).lines(box)[0].text for box in content.boxes if box.kind == kind]


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_the_zero_state_that_a_sequence_begins_with_is_no_input(way, fold):
    u, x, states = weight(3, 3, name="U"), data(STEPS, 3), [ts.zeros(3)]
    for t in range(STEPS):
        with ts.step(t):
            states.append(ts.tanh(x[t] + u @ WAYS[way](states, x[t])))
    loss = ts.sum(states[-1] ** 2)
    assert boxes(loss, "input", fold) == (["xₜ"] if fold else ["x₀", "x₁", "x₂"])
    assert boxes(loss, "initial", fold) == ["h₋₁ = 0"]


def test_also_where_the_states_are_read_after_the_loop_or_each_step_reads_the_last_three():
    u, x = weight(3, 3, name="U"), data(STEPS, 3)
    states, windows = [ts.zeros(3)], [ts.zeros(3)] * 3
    for t in range(STEPS):
        with ts.step(t):
            states.append(ts.tanh(x[t] + u @ states[-1]))
            windows.append(ts.tanh(x[t] + u @ ts.mean(ts.stack(windows[-3:]), axis=0)))
    after = ts.sum(ts.softmax(ts.stack(states), axis=0) ** 2)
    assert (boxes(after, "initial"), boxes(after, "input")) == (["h₋₁ = 0"], ["x₀", "x₁", "x₂"])
    assert "[h₋₁; h₀; h₁; h₂]" in boxes(after, "op")
    window = ts.sum(windows[-1] ** 2)
    assert {*boxes(window, "initial")} == {"h₋₁ = 0", "h₋₂ = 0"}  # the first window is a constant
    assert {"[h₋₂; h₋₁; h₀]", "[h₋₁; h₀; h₁]"} <= {*boxes(window, "op")}


def test_inputs_that_are_zeros_stay_inputs_beside_a_state():
    w, x, h = weight(3, 6, name="W"), ts.zeros(STEPS, 3), ts.zeros(3)
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(w @ ts.concatenate([h, x[t]]))
    assert boxes(ts.sum(h * h), "input") == ["x₀", "x₁", "x₂"]
