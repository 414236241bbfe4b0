"""Weights that make values for all steps at once: each step's share, against a copy of the weight for each step."""

import tracemalloc

import numpy as np
import pytest
from counted import work
from hypothesis import given, settings
from hypothesis import strategies as st
from loops import layer, normal

import tinyseq as ts
from tinyseq.autograd.declare import OPS, apply
from tinyseq.autograd.graph import owner
from tinyseq.inspect.shares import _argument_axes
from tinyseq.testing.calls import calls_of

STEPS, BATCH, WIDTH = 4, 2, 3
IDS = np.array([[0, 2], [1, 1], [2, 0], [0, 0]])

PROLOGUES = {
    "a product on the left": lambda w: w @ ts.tensor(normal(0, STEPS, WIDTH, BATCH)),
    "a product on the right": lambda w: ts.tensor(normal(0, STEPS, BATCH, WIDTH)) @ w,
    "time as rows": lambda w: ts.tensor(normal(0, STEPS, WIDTH)) @ w,
    "time as columns": lambda w: ts.transpose(w @ ts.tensor(normal(0, WIDTH, STEPS))),
    "used twice": lambda w: w @ ts.tanh(w @ ts.tensor(normal(0, STEPS, WIDTH, BATCH))),
    "a factor that differs by step": lambda w: w * ts.tensor(normal(0, STEPS, 1, 1)),
    "divided by what differs by step": lambda w: ts.tensor(normal(0, STEPS, 1, 1)) / ts.exp(w),
    "a look-up of rows": lambda w: w[IDS],
    "joined with itself": lambda w: ts.concatenate([w[IDS], 2.0 * w[IDS]], axis=2),
    "cut in two": lambda w: ts.split(w[IDS] @ ts.tensor(normal(1, WIDTH, 4)), 2, axis=2)[1],
    "taken from a longer whole": lambda w: (w @ ts.tensor(normal(0, STEPS + 2, WIDTH, BATCH)))[1:-1],
    "sums over time": lambda w: ts.cumsum(w @ ts.tensor(normal(0, STEPS, WIDTH, BATCH)), axis=0),
    "normalised over time": lambda w: ts.softmax(w @ ts.tensor(normal(0, STEPS, WIDTH, BATCH)), axis=0),
    "normalised over features": lambda w: ts.log_softmax(w[IDS], axis=-1),
    "time and batch in one axis": lambda w: ts.reshape(w[IDS.reshape(-1)] @ w, (STEPS, BATCH, WIDTH)),
    "summed over features": lambda w: ts.sum(w[IDS] ** 2.0, axis=2),
    "chosen by a mask": lambda w: ts.where(normal(2, STEPS, WIDTH, WIDTH) > 0, w, 2.0 * w),
    "spread out": lambda w: ts.broadcast_to(w, (STEPS, WIDTH, WIDTH)) * 1.0,
    "an einsum": lambda w: ts.einsum("ij,tjb->tib", w, normal(0, STEPS, WIDTH, BATCH)),
    "columns by ids beside a number": lambda w: ts.reshape(w, (1, WIDTH, WIDTH))[0, :, np.array([0, 2, 1, 0])],
    "two arrays with a slice between": lambda w: ts.stack([w, -w])[IDS[:, 0] % 2, :, IDS[:, 1]],
    "behind a slice, with one between": lambda w: ts.reshape(w, (1, WIDTH, 1, WIDTH))[:, IDS[:, 0], :, IDS[:, 1]],
    "turned over in two ways": lambda w: ts.flip(w[IDS], axis=(1, 2)),
    "its own sequence": lambda w: ts.tanh(ts.concatenate([w, w[:1]])),
}


def slices_through(h, z, weights=None):
    """A loop over the slices of a sequence; step t may have its own."""
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(h * 0.5 + (z[t] if weights is None else z[t][t]))
    return (h * h).sum()


@pytest.mark.parametrize("name", PROLOGUES)
def test_a_share_is_the_gradient_of_that_step_s_own_copy(name):
    make, values = PROLOGUES[name], normal(5, WIDTH, WIDTH)
    shared = ts.tensor(values, requires_grad=True)
    copies = [ts.tensor(values, requires_grad=True) for _ in range(STEPS)]
    found = ts.inspect.grad_by_step(slices_through(0.0, ts.unbind(make(shared))), shared)
    alone = ts.grad(slices_through(0.0, [ts.unbind(make(copy)) for copy in copies], copies), copies)
    np.testing.assert_allclose(found.numpy(), [g.numpy() for g in alone], rtol=1e-11, atol=1e-13)


def test_slices_that_several_steps_read_are_told_apart_too():
    """As in attention: every step reads all that was made before the loop."""
    values, x = normal(5, WIDTH, WIDTH), normal(0, STEPS, WIDTH, BATCH)
    shared = ts.tensor(values, requires_grad=True)
    copies = [ts.tensor(values, requires_grad=True) for _ in range(STEPS)]

    def loss(slices_of):
        h = 0.0
        for t in range(STEPS):
            with ts.step(t):
                h = ts.tanh(h + sum((i + t) * part for i, part in enumerate(slices_of[t])))
        return h.sum()

    found = ts.inspect.grad_by_step(loss([ts.unbind(shared @ ts.tensor(x))] * STEPS), shared)
    alone = ts.grad(loss([ts.unbind(copy @ ts.tensor(x)) for copy in copies]), copies)
    np.testing.assert_allclose(found.numpy(), [g.numpy() for g in alone], rtol=1e-11, atol=1e-13)


def test_a_hook_on_the_way_is_not_called():
    weight = ts.tensor(normal(5, WIDTH, WIDTH), requires_grad=True)
    found = []
    for hook in (None, lambda g: 2.0 * g):
        z = weight @ ts.tensor(normal(0, STEPS, WIDTH, BATCH))
        if hook is not None:
            z.register_hook(hook)
        found.append(ts.inspect.grad_by_step(slices_through(0.0, ts.unbind(z)), weight).numpy())
    np.testing.assert_array_equal(*found)


def test_an_input_s_share_is_its_slice():
    net, x = layer("LSTM", 2, 3), ts.tensor(normal(0, 5, 2, 2), requires_grad=True)
    loss = (net(x)[0] ** 2.0).sum()
    terms = ts.inspect.grad_by_step(loss, x).numpy()
    loss.backward()
    assert all((terms[t, s] == 0).all() for t in range(5) for s in range(5) if s != t)
    np.testing.assert_allclose(terms.sum(0), x.grad.numpy(), rtol=1e-12)


RECORDED = [op for op in OPS.values() if op.module.startswith("tinyseq.autograd.ops.") and op.vjp is not None]


@pytest.mark.parametrize("op", RECORDED, ids=lambda op: op.name)
@settings(max_examples=20)
@given(data=st.data())
def test_along_the_axes_that_the_rules_name_a_gradient_stays_in_its_place(op, data):
    """A gradient at one position of the result's axis comes back at that position of the argument's axis alone."""
    call = data.draw(calls_of(op))
    inputs = [ts.tensor(array, requires_grad=array.dtype.kind == "f") for array in call.arrays]
    outputs = apply(op, inputs, call.attrs)
    whole = data.draw(st.sampled_from(outputs)) if op.outputs and outputs else outputs
    if not isinstance(whole, ts.Tensor) or whole.node is None or not whole.ndim or not whole.size:
        return
    axis = data.draw(st.integers(0, whole.ndim - 1))
    position = data.draw(st.integers(0, whole.shape[axis] - 1))
    upstream = np.zeros(whole.shape, dtype=whole.dtype)
    upstream[(slice(None),) * axis + (position,)] = 1.0
    for x, own in zip(inputs, _argument_axes(owner(whole.node), axis) or (), strict=False):
        if own is not None and x.requires_grad:
            g = ts.grad(whole, x, upstream, retain_graph=True, allow_unused=True)
            assert g is None or not np.delete(g.numpy(), position, axis=own).any()


def test_the_price_of_a_weight_before_the_loop_grows_with_the_steps_and_not_with_their_square():
    net = layer("LSTM", 8, 16)

    def price(steps):
        output, _ = net(ts.tensor(normal(0, steps, 4, 8)))
        loss = (output * output).sum()
        tracemalloc.start()
        ts.inspect.grad_by_step(loss, net.weight_ih_l0)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return work(lambda: ts.inspect.grad_by_step(loss, net.weight_ih_l0)), peak

    (one, less), (two, more), (four, most) = price(50), price(100), price(200)
    assert four.calls - two.calls < 2.1 * (two.calls - one.calls)  # with a walk for each step, four times as many
    assert most - more < 2.1 * (more - less)
    assert one.depth == two.depth == four.depth
