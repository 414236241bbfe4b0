"""Whatever a user computes can be drawn: random graphs with random time steps and modules."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.structure.record import record
from tinyseq.viz import graph
from tinyseq.viz.content.unrolled import sheet

OPS = (
    "tanh",
    "add",
    "multiply",
    "matmul",
    "sum",
    "constant",
    "pick",
    "stack",
    "unbind",
    "split",
    "softmax",
    "reshape",
    "detach",
)


@st.composite
def losses(draw):
    """A random computation on (3, 3) tensors; steps come in any order, ops inside and outside of them."""
    leaves = [ts.tensor(np.eye(3) * (i + 1), requires_grad=True) for i in range(draw(st.integers(1, 3)))]
    if draw(st.booleans()):
        leaves[0].node.name = "rnn.weight_hh_l0"
    values = list(leaves)
    for _ in range(draw(st.integers(1, 25))):
        op = draw(st.sampled_from(OPS))
        x, y = (values[-1 - draw(st.integers(0, min(5, len(values) - 1)))] for _ in range(2))
        step = draw(st.one_of(st.none(), st.integers(0, 4)))
        with ts.scope(draw(st.sampled_from(["a", "b"]))):
            if step is None:
                values += _apply(op, x, y, values)
            else:
                with ts.step(step):
                    values += _apply(op, x, y, values)
    return sum((value.sum() for value in values[-3:]), ts.zeros(()))


def _apply(op, x, y, values):
    if op == "stack":
        parts = values[-3:] if len(values) >= 3 else [x, y, x]
        return [ts.stack(parts).sum(axis=0)]
    results = {
        "tanh": lambda: [ts.tanh(x)],
        "add": lambda: [x + y],
        "multiply": lambda: [x * y],
        "matmul": lambda: [x @ y],
        "sum": lambda: [x.sum(axis=0, keepdims=True) + y],
        "constant": lambda: [2.0 * x - np.ones((3, 3))],
        "pick": lambda: [x[1] + y],
        "unbind": lambda: [ts.stack(ts.unbind(x))],
        "split": lambda: [ts.concatenate(ts.split(x, 3, axis=1), axis=1)],
        "softmax": lambda: [ts.softmax(x, axis=0)],
        "reshape": lambda: [x.reshape(9).reshape(3, 3)],
        "detach": lambda: [x @ y.detach()],
    }
    return results[op]()


@given(losses(), st.sampled_from(["unrolled", "folded", "flat"]), st.sampled_from([None, 0, 1, 2]), st.booleans())
def test_any_computation_has_a_drawing(loss, view, depth, gradients):
    first = graph(loss, view=view, depth=depth, gradients=gradients, values=True)
    assert first.dot == graph(loss, view=view, depth=depth, gradients=gradients, values=True).dot


@pytest.mark.renders
@settings(max_examples=15)
@given(losses(), st.sampled_from(["unrolled", "folded"]))
def test_any_computation_can_be_rendered_and_told(loss, view):
    drawing = graph(loss, view=view, gradients=True)
    assert drawing.svg().rstrip().endswith("</svg>")
    assert "</html>" in drawing.page().text


@given(losses(), st.sampled_from([None, [-1], 2]))
def test_no_op_is_lost_and_every_arrow_has_its_ends(loss, wanted):
    content = sheet(record(loss), wanted)
    assert all(arrow.tail in content.boxes and arrow.head in content.boxes for arrow in content.arrows)
    assert len({box.name for box in content.boxes}) == len(content.boxes)
    if wanted is None:
        shown = {vertex for box in content.boxes for vertex in box.vertices}
        computing = {v.id for v in content.record.vertices if v.op in {"tanh", "multiply", "softmax", "logsumexp"}}
        assert computing <= shown


def test_a_wire_that_turns_in_no_gutter_is_drawn():
    """Found by the test above: the wire back from a step left out leaves its box downwards, and turns to the left."""
    weight, leaf = (ts.tensor(np.eye(3) * (i + 1), requires_grad=True) for i in range(2))
    outside = ts.stack([leaf, weight.reshape(9).reshape(3, 3), ts.softmax(weight, axis=0)]).sum(axis=0)
    moved = outside.reshape(9).reshape(3, 3)
    with ts.scope("b"), ts.step(1):
        first = ts.tanh(outside)
    apart = ts.concatenate(ts.split(first, 3, axis=1), axis=1)
    rows = ts.stack(ts.unbind(first))
    with ts.scope("a"), ts.step(0):
        earlier = 2.0 * apart - np.ones((3, 3))
    with ts.scope("a"), ts.step(4):
        last = first.sum(axis=0, keepdims=True) + moved
    with ts.scope("a"), ts.step(3):
        picked = earlier[1] + rows
    with ts.scope("a"), ts.step(4):
        again = ts.concatenate(ts.split(picked, 3, axis=1), axis=1)
    with ts.scope("b"), ts.step(3):
        square = last @ last
    with ts.scope("b"), ts.step(4):
        product = picked @ again
    loss = sum((value.sum() for value in (again, square, product)), ts.zeros(()))
    assert graph(loss, view="folded", gradients=True).svg().rstrip().endswith("</svg>")


@pytest.mark.parametrize("trained", [False, True])
def test_a_reservoir_is_drawn_as_its_states_or_with_its_loop_if_its_weights_require_gradients(trained):
    rng = np.random.default_rng(0)
    w, u = (ts.tensor(rng.standard_normal(shape), requires_grad=trained) for shape in ((4, 2), (4, 4)))
    v, h, losses = ts.nn.Parameter(rng.standard_normal((2, 4))), ts.zeros(4), []
    for t in range(3):
        with ts.step(t):
            h = ts.tanh(w @ rng.standard_normal(2) + u @ h)
            losses.append(ts.sum((v @ h) ** 2))
    names = {"V": v, "W": w, "U": u} if trained else {"V": v}
    svg = ts.viz.graph(sum(losses), names=names).svg()
    assert ("V h₀" in svg, "U h₀" in svg, "W x₀" in svg, "V x₀" in svg) == (trained, trained, trained, not trained)


@pytest.mark.parametrize("view", ["unrolled", "folded"])
@pytest.mark.parametrize("depth", [None, 0])
def test_what_a_step_reads_of_another_by_a_detached_copy_need_not_be_a_state(view, depth):
    w, u, before, loss = *(ts.tensor(np.eye(2) * size, requires_grad=True) for size in (1, 2)), ts.zeros(2, 1), 0.0
    x = np.random.default_rng(0).standard_normal((3, 2, 1))
    for t in range(3):
        with ts.step(t):
            y = ts.tanh(w @ x[t])
            loss, before = loss + ts.sum(u @ before * y), y.detach()
    assert graph(loss, view=view, depth=depth).dot.count("tanh")


NUMBERS = {
    "sum": lambda states: sum(states),
    "sum from 3": lambda states: sum(states, 3),
    "number before": lambda states: 2 - states[-1],
    "number after": lambda states: states[-1] + 2,
    "factor": lambda states: states[-1] * 2,
}


@pytest.mark.parametrize("view", ["unrolled", "folded"])
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("form", NUMBERS)
def test_a_step_may_combine_states_with_plain_numbers(form, steps, view):
    w, x, states, loss = ts.tensor(np.eye(2), requires_grad=True), ts.ones(2, 1), [ts.zeros(2, 1)], 0
    for t in range(steps):
        with ts.step(t):
            states.append(ts.tanh(w @ states[-1] + x))
            loss = loss + ts.sum(NUMBERS[form](states[1:]))
    assert "tanh" in graph(loss, view=view).dot


@pytest.mark.parametrize("view", ["unrolled", "folded"])
@pytest.mark.parametrize("dtype", ["bool", "int64", "float32"])
def test_a_constant_that_every_step_reads_may_be_of_any_type(dtype, view):
    w, u, h = ts.tensor(np.eye(2), requires_grad=True), ts.tensor(np.eye(2), requires_grad=True), ts.zeros(2, 1)
    mask = np.array([[1], [0]], dtype)
    for t in range(3):
        with ts.step(t):
            h = ts.tanh(w @ h + u @ mask)
    assert "tanh" in graph(h.sum(), view=view).dot


@pytest.mark.parametrize("view", ["unrolled", "folded", "flat"])
def test_a_step_that_is_checkpointed_has_the_values_that_are_known(view):
    w, u, h = ts.nn.Parameter(np.ones((2, 2))), ts.nn.Parameter(np.eye(2)), ts.zeros(2)
    for t in range(3):
        with ts.step(t):
            h = ts.checkpoint(lambda x, h: ts.tanh(w @ x + u @ h), ts.tensor([0.5, t]), h)
    assert "checkpoint" in graph(ts.sum(h), view=view, values=True, gradients=True).svg()
