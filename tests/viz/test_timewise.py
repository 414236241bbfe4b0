"""Ops outside of the loop that treat every step alike go back into the columns."""

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.structure.record import record
from tinyseq.structure.timewise import Track, argument_axes, tracks


def loop_over(z, steps):
    """Sum the slices of a sequence, step by step; returns the states."""
    slices, states, total = ts.unbind(z), [], None
    for t in range(steps):
        with ts.step(t):
            total = ts.tanh(slices[t] if total is None else slices[t] + total)
            states.append(total)
    return states


def tracked(loss):
    found = record(loss)
    return {found.vertices[i].op or "leaf": track for i, track in tracks(found.vertices, found.users).items()}


def test_the_input_projection_and_the_output_layer_of_a_network_have_time_axes(char_loss):
    found = tracked(char_loss(steps=3))
    assert found["softmax_cross_entropy"] == Track(0, (0, 1, 2))
    assert {"matmul", "add", "unbind", "stack", "transpose"} <= found.keys()
    assert "sum" not in found  # the mean over all steps belongs to none of them


def test_time_is_followed_through_transposes_and_reshapes():
    x = ts.tensor(np.ones((2, 3, 4)), requires_grad=True)
    z = ts.transpose(x, 1, 0, 2).reshape(3, 8)
    found = tracked(loop_over(z, 3)[-1].sum())
    assert found["leaf"] == Track(1, (0, 1, 2))


def test_reversed_steps_keep_their_own_numbers():
    x = ts.tensor(np.ones((3, 2)), requires_grad=True)
    slices, h = ts.unbind(x), ts.ones(2)
    for t in (2, 1, 0):
        with ts.step(t):
            h = ts.tanh(slices[t] + h)
    assert tracked(h.sum())["leaf"] == Track(0, (0, 1, 2))


def test_a_sequence_indexed_in_the_loop_has_a_time_axis():
    x = ts.tensor(np.ones((3, 2)), requires_grad=True)
    h = ts.ones(2)
    for t in range(3):
        with ts.step(t):
            h = ts.tanh(x[t] + h)
    assert tracked(h.sum())["leaf"] == Track(0, (0, 1, 2))


@pytest.mark.parametrize(
    "mix",
    [
        lambda x: ts.cumsum(x, axis=0),
        lambda x: ts.softmax(x, axis=0),
        lambda x: ts.flip(x, axis=0),
        lambda x: ts.tensor(np.ones((3, 3))) @ x,
    ],
)
def test_an_op_that_mixes_the_steps_ends_the_time_axis(mix):
    x = ts.tensor(np.ones((3, 3)), requires_grad=True)
    assert "leaf" not in tracked(loop_over(mix(x), 3)[-1].sum())


@pytest.mark.parametrize(
    ("op", "keeps"),
    [
        (lambda x: ts.tanh(x), True),
        (lambda x: x * ts.ones(4), True),
        (lambda x: ts.softmax(x, axis=-1), True),
        (lambda x: ts.sum(x, axis=2), True),
        (lambda x: ts.sum(x, axis=2, keepdims=True), True),
        (lambda x: x @ ts.ones(4, 5), True),
        (lambda x: ts.ones(5, 2) @ x, True),
        (lambda x: ts.concatenate([x, x], axis=2), True),
        (lambda x: ts.split(x, 2, axis=2)[0], True),
        (lambda x: x[:, 0], True),
        (lambda x: x.reshape(3, 8), True),
        (lambda x: x.reshape(6, 4), False),
        (lambda x: ts.sum(x), False),
        (lambda x: x[1:], False),
        (lambda x: ts.concatenate([x, x], axis=0), False),
    ],
)
def test_the_rule_for_each_op_is_that_slicing_commutes_with_it(op, keeps):
    """Where the rule says that output position i uses input position i alone, changing another one must not matter."""
    x = ts.tensor(np.random.default_rng(0).normal(size=(3, 2, 4)), requires_grad=True)
    vertices = record(op(x).tanh()).vertices
    vertex = vertices[-2]
    carriers = [axis for axis in range(len(vertex.shape)) if 0 in (argument_axes(vertex, axis, vertices) or [])]
    assert len(carriers) == keeps
    for out in carriers:
        changed = x.numpy().copy()
        changed[1] += 1.0
        before, after = np.moveaxis(op(x).numpy(), out, 0), np.moveaxis(op(ts.tensor(changed)).numpy(), out, 0)
        np.testing.assert_array_equal(before[[0, 2]], after[[0, 2]])


@pytest.mark.parametrize("kind", [ts.nn.RNN, ts.nn.LSTM, ts.nn.GRU])
def test_a_single_step_has_its_input_in_its_column_and_an_axis_of_one_layer_is_no_time(kind, char_loss):
    found = tracked(char_loss(steps=1, kind=kind))
    assert found["softmax_cross_entropy"] == Track(0, (0,))
    assert {"matmul", "add", "unbind", "stack", "transpose"} <= found.keys()
    state = ts.tensor(np.ones((1, 1, 3), dtype="f4"), requires_grad=True)
    output, final = kind(2, 3)(ts.ones(1, 1, 2, dtype="float32"), (state, state) if kind is ts.nn.LSTM else state)
    last = final[0] if isinstance(final, tuple) else final
    found = record(output.sum() + last.sum())
    outside = [v.id for v in found.vertices if v.op in ("stack", "unbind") and v.scope == (kind.__name__,)]
    assert len(outside) == (3 if kind is ts.nn.LSTM else 2)
    assert not {*outside} & tracks(found.vertices, found.users).keys()


def test_an_op_within_a_step_belongs_to_that_step_also_if_it_keeps_the_axis_of_a_sequence():
    """As in attention, where each step adds its state to the keys of all steps."""
    keys = ts.stack(loop_over(ts.tensor(np.ones((3, 2)), requires_grad=True), 3))
    with ts.step(0):
        scores = ts.tanh(keys + ts.ones(2))
    found = record(ts.sum(scores))
    tracked = tracks(found.vertices, found.users)
    assert {found.vertices[i].op for i in tracked} >= {"stack"}
    assert not [vertex.op for vertex in found.vertices if vertex.step is not None and vertex.id in tracked]
