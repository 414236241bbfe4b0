"""A single sequence needs no axis for a batch: cells and layers give what a batch of one gives, and PyTorch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import oracle

import tinyseq as ts

KINDS = {"RNN": [{}, {"nonlinearity": "relu"}], "LSTM": [{}], "GRU": [{}, {"reset": "before"}]}
VARIANTS = [(kind, given) for kind, settings in KINDS.items() for given in settings]


def parts(state):
    return state if isinstance(state, tuple) else (state,)


def of(kind, made):
    return made if kind == "LSTM" else made[0]


def loss_and_gradients(module, x, state, results):
    """The gradients of the squares of all results, with respect to input, states and parameters."""
    loss = sum((part * part).sum() for part in results)
    return [slope.numpy() for slope in ts.grad(loss, [x, *parts(state), *module.parameters()])]


@given(
    variant=st.sampled_from(VARIANTS),
    bias=st.booleans(),
    with_state=st.booleans(),
    sizes=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    seed=st.integers(0, 2**31),
)
def test_a_cell_takes_a_single_step(variant, bias, with_state, sizes, seed):
    torch = oracle("torch")
    kind, given = variant
    rng = np.random.default_rng(seed)
    ts.manual_seed(seed)
    cell = getattr(ts.nn, f"{kind}Cell")(*sizes, bias, dtype="float64", **given)
    x, states = rng.standard_normal(sizes[0]), rng.standard_normal((2, sizes[1]))
    leaves = [ts.tensor(part, requires_grad=True) for part in states[: len(cell.cell.states)]]
    x_leaf = ts.tensor(x, requires_grad=True)
    found = cell(x_leaf, of(kind, tuple(leaves)) if with_state else None)
    assert [part.shape for part in parts(found)] == [sizes[1:]] * len(cell.cell.states)
    batch = cell(x[None], of(kind, tuple(leaf.detach().numpy()[None] for leaf in leaves)) if with_state else None)
    for part, row in zip(parts(found), parts(batch), strict=True):
        np.testing.assert_allclose(part.numpy(), row.numpy()[0], rtol=1e-14, atol=1e-15)
    if "reset" in given:
        ts.testing.gradcheck(lambda x: parts(cell(x))[0].sum(), [x_leaf])
        return
    theirs = getattr(torch.nn, f"{kind}Cell")(*sizes, bias, **given).double()
    theirs.load_state_dict({name: torch.tensor(np.array(value)) for name, value in cell.state_dict().items()})
    y = torch.tensor(x, requires_grad=True)
    leaves_y = [torch.tensor(part, requires_grad=True) for part in states[: len(cell.cell.states)]]
    expected = theirs(y, of(kind, tuple(leaves_y)) if with_state else None)
    sum((part * part).sum() for part in parts(expected)).backward()
    sum((part * part).sum() for part in parts(found)).backward()
    for part, part_y in zip(parts(found), parts(expected), strict=True):
        np.testing.assert_allclose(part.numpy(), part_y.detach().numpy(), rtol=1e-10, atol=1e-13)
    pairs = [(x_leaf, y), *(zip(leaves, leaves_y, strict=True) if with_state else [])]
    pairs += list(zip(cell.parameters(), theirs.parameters(), strict=True))
    for ours, other in pairs:
        np.testing.assert_allclose(ours.grad.numpy(), other.grad.numpy(), rtol=1e-9, atol=1e-12)


@given(
    variant=st.sampled_from(VARIANTS),
    layers=st.integers(1, 2),
    bidirectional=st.booleans(),
    batch_first=st.booleans(),
    with_state=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_a_layer_takes_a_single_sequence(variant, layers, bidirectional, batch_first, with_state, seed):
    kind, given = variant
    rng = np.random.default_rng(seed)
    settings = {"num_layers": layers, "bidirectional": bidirectional, "batch_first": batch_first}
    layer = getattr(ts.nn, kind)(3, 2, dtype="float64", **settings, **given)
    rows = layers * (1 + bidirectional)
    x = ts.tensor(rng.standard_normal((4, 3)), requires_grad=True)
    leaves = tuple(ts.tensor(rng.standard_normal((rows, 2)), requires_grad=True) for _ in range(len(layer.cell.states)))
    found, final = layer(x, of(kind, leaves) if with_state else None)
    state = of(kind, tuple(ts.expand_dims(leaf, 1) for leaf in leaves)) if with_state else None
    batch, batch_final = layer(ts.expand_dims(x, 0 if batch_first else 1), state)
    assert found.shape == (4, 2 * (1 + bidirectional))
    assert [part.shape for part in parts(final)] == [(rows, 2)] * len(layer.cell.states)
    ours, expected = (found, *parts(final)), (batch, *parts(batch_final))
    for part, whole in zip(ours, expected, strict=True):
        np.testing.assert_allclose(part.numpy(), whole.numpy().reshape(part.shape), rtol=1e-13, atol=1e-14)
    wanted = leaves if with_state else ()
    slopes = [loss_and_gradients(layer, x, wanted, results) for results in (ours, expected)]
    for slope, whole in zip(*slopes, strict=True):
        np.testing.assert_allclose(slope, whole, rtol=1e-11, atol=1e-13)
    if "reset" in given:
        return
    torch = oracle("torch")
    theirs = getattr(torch.nn, kind)(3, 2, **settings, **given).double()
    theirs.load_state_dict({name: torch.tensor(np.array(value)) for name, value in layer.state_dict().items()})
    state_y = of(kind, tuple(torch.tensor(leaf.numpy()) for leaf in leaves)) if with_state else None
    output_y, final_y = theirs(torch.tensor(x.numpy()), state_y)
    for part, part_y in zip(ours, (output_y, *parts(final_y)), strict=True):
        np.testing.assert_allclose(part.numpy(), part_y.detach().numpy(), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
def test_shapes_that_do_not_fit_are_named(kind):
    cell = getattr(ts.nn, kind)(3, 4)
    pair = (lambda h: (h, h)) if kind == "LSTMCell" else (lambda h: h)
    for x, state, message in (
        (ts.ones(2), None, r"x must have shape \(B, 3\) or \(3,\), got \(2,\)"),
        (ts.ones(1, 1, 3), None, r"or \(3,\), got \(1, 1, 3\)"),
        (ts.ones(3), ts.ones(1, 4), r"state h must have shape \(4,\) \(H\), got \(1, 4\)"),
        (ts.ones(1, 3), ts.ones(4), r"state h must have shape \(1, 4\) \(B, H\), got \(4,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            cell(x, None if state is None else pair(state))
