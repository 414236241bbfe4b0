"""Recurrent layers, losses and clipping give PyTorch's values and gradients for PyTorch's weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import oracle

import tinyseq as ts

torch = oracle("torch")

TOLERANCE = {"float64": 1e-10, "float32": 1e-5}


@st.composite
def configurations(draw):
    kind = draw(st.sampled_from(["RNN", "LSTM", "GRU"]))
    steps, batch = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    return {
        "kind": kind,
        "shape": (steps, batch, draw(st.integers(1, 4)), draw(st.integers(1, 4))),
        "lengths": draw(st.none() | st.lists(st.integers(1, steps), min_size=batch, max_size=batch)),
        "state": draw(st.booleans()),
        "dtype": draw(st.sampled_from(["float64", "float32"])),
        "nonlinearity": draw(st.sampled_from(["tanh", "relu"])) if kind == "RNN" else None,
        "num_layers": draw(st.integers(1, 3)),
        "bias": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "bidirectional": draw(st.booleans()),
        "seed": draw(st.integers(0, 2**31)),
    }


def pair(configuration):
    """The same layer in both libraries, and the inputs."""
    settings = {name: configuration[name] for name in ("num_layers", "bias", "batch_first", "bidirectional")}
    if configuration["nonlinearity"]:
        settings["nonlinearity"] = configuration["nonlinearity"]
    _, _, inputs, hidden = configuration["shape"]
    torch.manual_seed(configuration["seed"])
    theirs = getattr(torch.nn, configuration["kind"])(inputs, hidden, **settings)
    theirs = theirs.to(getattr(torch, configuration["dtype"]))
    ours = getattr(ts.nn, configuration["kind"])(inputs, hidden, **settings, dtype=configuration["dtype"])
    ours.load_state_dict({name: value.detach().numpy() for name, value in theirs.state_dict().items()})
    return ours, theirs


def run_theirs(layer, x, state, lengths, batch_first):
    if lengths is None:
        return layer(x, state)
    pack, unpack = torch.nn.utils.rnn.pack_padded_sequence, torch.nn.utils.rnn.pad_packed_sequence
    packed, final = layer(pack(x, lengths, batch_first=batch_first, enforce_sorted=False), state)
    return unpack(packed, batch_first=batch_first, total_length=x.shape[int(batch_first)])[0], final


def parts(state):
    return state if isinstance(state, tuple) else (state,)


@given(configurations())
def test_outputs_states_and_every_gradient_are_pytorchs(configuration):
    ours, theirs = pair(configuration)
    steps, batch, inputs, hidden = configuration["shape"]
    rng = np.random.default_rng(configuration["seed"])
    shape = (batch, steps, inputs) if configuration["batch_first"] else (steps, batch, inputs)
    values = rng.standard_normal(shape).astype(configuration["dtype"])
    x, y = ts.tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
    state = state_y = None
    if configuration["state"]:
        rows = configuration["num_layers"] * (2 if configuration["bidirectional"] else 1)
        count = 2 if configuration["kind"] == "LSTM" else 1
        arrays = [rng.standard_normal((rows, batch, hidden)).astype(configuration["dtype"]) for _ in range(count)]
        state = tuple(ts.tensor(array, requires_grad=True) for array in arrays)
        state_y = tuple(torch.tensor(array, requires_grad=True) for array in arrays)
        if count == 1:
            state, state_y = state[0], state_y[0]
    output, final = ours(x, state, configuration["lengths"])
    output_y, final_y = run_theirs(theirs, y, state_y, configuration["lengths"], configuration["batch_first"])

    weights = rng.standard_normal(output.shape).astype(configuration["dtype"])
    loss, loss_y = (output * ts.tensor(weights)).sum(), (output_y * torch.tensor(weights)).sum()
    for a, b in zip(parts(final), parts(final_y), strict=True):
        loss, loss_y = loss + (a * a).sum(), loss_y + (b * b).sum()
    loss.backward()
    loss_y.backward()

    close = {"rtol": TOLERANCE[configuration["dtype"]], "atol": TOLERANCE[configuration["dtype"]]}
    np.testing.assert_allclose(output.numpy(), output_y.detach().numpy(), **close)
    for a, b in zip(parts(final), parts(final_y), strict=True):
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), **close)
    leaves = [(x, y)] if state is None else [(x, y), *zip(parts(state), parts(state_y), strict=True)]
    for a, b in leaves:
        scale = max(1.0, float(b.grad.abs().max()))
        np.testing.assert_allclose(a.grad.numpy() / scale, b.grad.numpy() / scale, **close)
    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        gradient = expected[name].grad.numpy()
        scale = max(1.0, float(abs(gradient).max()))
        assert parameter.grad.dtype == parameter.dtype
        np.testing.assert_allclose(parameter.grad.numpy() / scale, gradient / scale, err_msg=name, **close)


@pytest.mark.parametrize("kind", ["RNN", "LSTM"])
def test_a_training_run_has_pytorchs_gradients_at_every_step(kind):
    """Character model, ten steps of SGD on one batch: every gradient within a relative error of 1e-9."""
    rng = np.random.default_rng(0)
    ids, targets = rng.integers(0, 7, (12, 4)), rng.integers(0, 7, (12, 4))
    torch.manual_seed(0)
    theirs = [torch.nn.Embedding(7, 5), getattr(torch.nn, kind)(5, 8), torch.nn.Linear(8, 7)]
    ours = [ts.nn.Embedding(7, 5, dtype="float64"), getattr(ts.nn, kind)(5, 8, dtype="float64")]
    ours.append(ts.nn.Linear(8, 7, dtype="float64"))
    for a, b in zip(ours, theirs, strict=True):
        b.double()
        a.load_state_dict({name: value.detach().numpy() for name, value in b.state_dict().items()})
    parameters = [p for module in ours for p in module.parameters()]
    parameters_y = [p for module in theirs for p in module.parameters()]
    optimizer, optimizer_y = ts.optim.SGD(parameters, lr=0.5), torch.optim.SGD(parameters_y, lr=0.5)
    for _ in range(10):
        embedded = ours[0](ids)
        loss = ts.nn.cross_entropy(ours[2](ours[1](embedded)[0]), targets)
        embedded_y = theirs[0](torch.tensor(ids))
        embedded_y.retain_grad()
        loss_y = torch.nn.functional.cross_entropy(
            theirs[2](theirs[1](embedded_y)[0]).reshape(-1, 7), torch.tensor(targets).reshape(-1)
        )
        optimizer.zero_grad()
        optimizer_y.zero_grad()
        at_input = ts.grad(loss, embedded, retain_graph=True)
        loss.backward()
        loss_y.backward()
        assert relative_error(at_input.numpy(), embedded_y.grad.numpy()) < 1e-9
        for p, q in zip(parameters, parameters_y, strict=True):
            assert relative_error(p.grad.numpy(), q.grad.numpy()) < 1e-9
        assert loss.item() == pytest.approx(loss_y.item(), rel=1e-12)
        optimizer.step()
        optimizer_y.step()


def relative_error(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


@given(
    rows=st.integers(1, 5),
    classes=st.integers(1, 5),
    reduction=st.sampled_from(["mean", "sum", "none"]),
    smoothing=st.sampled_from([0.0, 0.1]),
    seed=st.integers(0, 2**31),
)
def test_cross_entropy_and_its_gradient_are_pytorchs(rows, classes, reduction, smoothing, seed):
    rng = np.random.default_rng(seed)
    values, targets = rng.standard_normal((rows, classes)) * 5, rng.integers(0, classes, rows)
    targets[1:][rng.random(rows - 1) < 0.3] = -100
    x, y = ts.tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
    loss = ts.nn.cross_entropy(x, targets, reduction=reduction, label_smoothing=smoothing)
    loss_y = torch.nn.functional.cross_entropy(y, torch.tensor(targets), reduction=reduction, label_smoothing=smoothing)
    np.testing.assert_allclose(loss.numpy(), loss_y.detach().numpy(), rtol=1e-10, atol=1e-12)
    loss.sum().backward()
    loss_y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-10, atol=1e-12)


@given(norm=st.floats(0.01, 10), seed=st.integers(0, 2**31))
def test_clip_grad_norm_returns_and_leaves_what_pytorchs_does(norm, seed):
    rng = np.random.default_rng(seed)
    gradients = [rng.standard_normal((2, 3)), rng.standard_normal(4)]
    ours = [ts.tensor(np.zeros_like(g), requires_grad=True) for g in gradients]
    theirs = [torch.zeros(g.shape, dtype=torch.float64, requires_grad=True) for g in gradients]
    for p, q, g in zip(ours, theirs, gradients, strict=True):
        p.grad, q.grad = ts.tensor(g), torch.tensor(g)
    assert ts.nn.clip_grad_norm_(ours, norm) == pytest.approx(float(torch.nn.utils.clip_grad_norm_(theirs, norm)))
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-12)


@settings(max_examples=10)
@given(st.sampled_from([("LayerNorm", (5,)), ("Linear", (5, 3)), ("Embedding", (5, 3))]), st.integers(0, 2**31))
def test_layers_without_time_are_pytorchs(layer, seed):
    name, arguments = layer
    torch.manual_seed(seed)
    theirs, ours = getattr(torch.nn, name)(*arguments).double(), getattr(ts.nn, name)(*arguments, dtype="float64")
    ours.load_state_dict({key: value.detach().numpy() for key, value in theirs.state_dict().items()})
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 5, (4, 2)) if name == "Embedding" else rng.standard_normal((4, 2, 5))
    given = x if name == "Embedding" else ts.tensor(x)
    output, output_y = ours(given), theirs(torch.tensor(x))
    np.testing.assert_allclose(output.numpy(), output_y.detach().numpy(), rtol=1e-10, atol=1e-12)
    weights = rng.standard_normal(output.shape)
    (output * ts.tensor(weights)).sum().backward()
    (output_y * torch.tensor(weights)).sum().backward()
    expected = dict(theirs.named_parameters())
    for key, parameter in ours.named_parameters():
        np.testing.assert_allclose(parameter.grad.numpy(), expected[key].grad.numpy(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("bias", [True, False])
def test_cells_are_pytorchs(kind, bias):
    torch.manual_seed(0)
    theirs, ours = getattr(torch.nn, kind)(3, 4, bias).double(), getattr(ts.nn, kind)(3, 4, bias, dtype="float64")
    ours.load_state_dict({name: value.detach().numpy() for name, value in theirs.state_dict().items()})
    rng = np.random.default_rng(0)
    state = state_y = None
    for _ in range(3):
        x = rng.standard_normal((2, 3))
        state, state_y = ours(ts.tensor(x), state), theirs(torch.tensor(x), state_y)
    for a, b in zip(parts(state), parts(state_y), strict=True):
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-12, atol=1e-14)
    (parts(state)[0] ** 2).sum().backward()
    (parts(state_y)[0] ** 2).sum().backward()
    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        np.testing.assert_allclose(parameter.grad.numpy(), expected[name].grad.numpy(), rtol=1e-9, atol=1e-12)
