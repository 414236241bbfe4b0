"""Recurrent layers: variable lengths, states carried on, labels for drawings, and errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loops import LAYERS, SETTINGS, layer

import tinyseq as ts


@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=4), **SETTINGS)
def test_a_ragged_batch_is_each_sequence_alone(name, lengths, num_layers, bidirectional, seed):
    """Values, states and gradients; and what stands in the padding changes nothing."""
    rng = np.random.default_rng(seed)
    net = layer(name, 2, 3, num_layers, bidirectional=bidirectional, seed=seed)
    values = rng.standard_normal((5, len(lengths), 2))
    x = ts.tensor(values, requires_grad=True)
    output, state = net(x, lengths=lengths)
    parts = state if isinstance(state, tuple) else (state,)
    loss = (output * output).sum()
    for part in parts:
        loss = loss + (part * part).sum()
    loss.backward()
    together = [p.grad.numpy() for p in net.parameters()]
    net.zero_grad()
    for b, length in enumerate(lengths):
        alone = ts.tensor(values[:length, b], requires_grad=True)
        expected, final = net(alone)
        finals = final if isinstance(final, tuple) else (final,)
        np.testing.assert_allclose(output.numpy()[:length, b], expected.numpy(), rtol=1e-9, atol=1e-12)
        assert (output.numpy()[length:, b] == 0).all()
        loss = (expected * expected).sum()
        for part, one in zip(parts, finals, strict=True):
            np.testing.assert_allclose(part.numpy()[:, b], one.numpy(), rtol=1e-9, atol=1e-12)
            loss = loss + (one * one).sum()
        loss.backward()
        np.testing.assert_allclose(x.grad.numpy()[:length, b], alone.grad.numpy(), rtol=1e-8, atol=1e-11)
        assert (x.grad.numpy()[length:, b] == 0).all()
    for gradient, parameter in zip(together, net.parameters(), strict=True):
        np.testing.assert_allclose(gradient, parameter.grad.numpy(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", sorted(LAYERS))
@pytest.mark.parametrize("rubbish", [np.nan, np.inf, -1e300])
def test_not_even_a_padding_that_is_not_finite_changes_a_value_or_a_gradient(name, rubbish):
    net = layer(name, 2, 3, 2, bidirectional=True)
    values = np.random.default_rng(0).standard_normal((5, 3, 2))
    lengths, found = [2, 5, 3], []
    for padding in (0.0, rubbish):
        for column, length in enumerate(lengths):
            values[length:, column] = padding
        x = ts.tensor(values, requires_grad=True)
        output, state = net(x, lengths=lengths)
        net.zero_grad()
        (output * output).sum().backward()
        h = state[0] if isinstance(state, tuple) else state
        found.append([output.numpy(), h.numpy(), x.grad.numpy(), *(p.grad.numpy() for p in net.parameters())])
    for a, b in zip(*found, strict=True):
        assert np.array_equal(a, b)


@given(name=st.sampled_from(sorted(LAYERS)), cut=st.integers(1, 5), seed=st.integers(0, 2**31))
def test_two_windows_with_the_state_carried_on_are_one(name, cut, seed):
    net = layer(name, 2, 3, 2, seed=seed)
    x = ts.tensor(np.random.default_rng(seed).standard_normal((6, 2, 2)))
    whole, final = net(x)
    first, carried = net(x[:cut])
    second, last = net(x[cut:], carried)
    np.testing.assert_allclose(ts.concatenate([first, second]).numpy(), whole.numpy(), rtol=1e-10, atol=1e-12)
    for a, b in zip(
        final if isinstance(final, tuple) else [final], last if isinstance(last, tuple) else [last], strict=True
    ):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_gradients_of_every_layer_agree_with_differences(name):
    net = layer(name, 2, 3, bidirectional=True)
    x = ts.tensor(np.random.default_rng(0).standard_normal((3, 2, 2)), requires_grad=True)
    for parameter in [x, *net.parameters()]:
        values = parameter.numpy().copy()
        found = ts.grad((net(x)[0] ** 3).sum(), parameter).numpy()
        expected = np.zeros_like(values)
        for i in np.ndindex(values.shape):
            sides = []
            for change in (1e-6, -1e-6):
                moved = values.copy()
                moved[i] += change
                parameter.copy_(moved)
                sides.append((net(x)[0] ** 3).sum().item())
            expected[i] = (sides[0] - sides[1]) / 2e-6
        parameter.copy_(values)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def test_a_carried_state_that_was_not_detached_is_explained():
    net = ts.nn.LSTM(2, 3)
    output, state = net(ts.ones(4, 1, 2, dtype="float32"))
    output.sum().backward()
    second, _ = net(ts.ones(4, 1, 2, dtype="float32"), state)
    with pytest.raises(RuntimeError, match=r"an earlier backward used and freed.*h = h\.detach\(\)"):
        second.sum().backward()


def test_ops_carry_their_module_and_time_step():
    net = ts.nn.RNN(2, 3)
    output, _ = net(ts.ones(4, 1, 2))
    seen = {}
    for visit in ts.trace_backward(output.sum()):
        if visit.node.op.name == "tanh":
            seen[visit.node.label.step] = visit.node.label.scope
    assert seen == dict.fromkeys(range(4), ("RNN", "l0"))


def test_the_gru_as_taught_is_its_formula_with_biases_in_layers_and_both_directions():
    """z, r = sigmoid(W [h, x] + b), h~ = tanh(W [r h, x] + b), h_t = (1 - z) h_{t-1} + z h~, one step at a time."""
    net = layer("GRU as taught", 2, 3, 2, bidirectional=True)
    w = net.state_dict()
    sigmoid = lambda a: 1 / (1 + np.exp(-a))

    def read(xs, suffix):
        h, states = np.zeros(3), []
        w_r, w_z, w_n = np.split(w[f"weight_hh_{suffix}"], 3)
        for x in xs:
            x_r, x_z, x_n = np.split(w[f"weight_ih_{suffix}"] @ x + w[f"bias_ih_{suffix}"] + w[f"bias_hh_{suffix}"], 3)
            r, z = sigmoid(x_r + w_r @ h), sigmoid(x_z + w_z @ h)
            h = (1 - z) * h + z * np.tanh(x_n + w_n @ (r * h))
            states.append(h)
        return np.array(states)

    xs = values = np.random.default_rng(0).standard_normal((6, 2))
    for number in range(2):
        xs = np.hstack([read(xs, f"l{number}"), read(xs[::-1], f"l{number}_reverse")[::-1]])
    output, state = net(ts.tensor(values))
    np.testing.assert_allclose(output.numpy(), xs, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(state.numpy()[2:], [xs[-1, :3], xs[0, 3:]], rtol=1e-12, atol=1e-14)


def test_dropout_falls_between_the_layers_and_nowhere_else():
    net = layer("GRU", 2, 16, 2, dropout=0.5)
    lower, upper = layer("GRU", 2, 16), layer("GRU", 16, 16)
    state = net.state_dict()
    lower.load_state_dict({name: value for name, value in state.items() if name.endswith("l0")})
    upper.load_state_dict({name.replace("l1", "l0"): value for name, value in state.items() if name.endswith("l1")})
    x = ts.tensor(np.random.default_rng(0).standard_normal((3, 4, 2)))
    between, _ = lower(x)
    ts.manual_seed(1)
    keep = ts.nn.Dropout(0.5)(ts.ones(*between.shape))
    ts.manual_seed(1)
    output, _ = net(x)
    np.testing.assert_array_equal(output.numpy(), upper(between * keep)[0].numpy())


def test_dropout_between_layers_only_while_training():
    ts.manual_seed(0)
    net = ts.nn.LSTM(2, 16, num_layers=2, dropout=0.5)
    x = ts.ones(3, 1, 2)
    assert not np.array_equal(net(x)[0].numpy(), net(x)[0].numpy())
    net.eval()
    assert np.array_equal(net(x)[0].numpy(), net(x)[0].numpy())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ts.nn.LSTM(2, 3)(ts.ones(4, 1, 5)), r"input_size = 2, got \(4, 1, 5\)"),
        (lambda: ts.nn.LSTM(2, 3)(ts.ones(0, 1, 2)), r"at least one time step, got shape \(0, 1, 2\)"),
        (lambda: ts.nn.LSTM(2, 3)(ts.ones(4, 1, 2), ts.ones(1, 1, 3)), r"pair \(h, c\)"),
        (lambda: ts.nn.GRU(2, 3)(ts.ones(4, 1, 2), ts.ones(1, 2, 3)), r"must have shape \(1, 1, 3\).*got \(1, 2, 3\)"),
        (lambda: ts.nn.RNN(2, 3)(ts.ones(4, 2, 2), lengths=[4, 5]), r"lengths\[1\] is 5.*between 1 and T = 4"),
        (lambda: ts.nn.RNN(2, 3)(ts.ones(4, 2, 2), lengths=[4]), r"whole numbers of shape \(2,\).*got shape \(1,\)"),
        (lambda: ts.nn.RNN(2, 0), r"hidden_size must be at least 1, got 0"),
        (lambda: ts.nn.GRU(2, 3, reset="never"), r'"after" or "before"'),
        (lambda: ts.nn.LSTMCell(2, 0), r"hidden_size must be at least 1, got 0"),
        (lambda: ts.nn.LSTM(2, 3)(ts.ones(4, 1, 2), [ts.ones(1, 1, 3)]), r"pair \(h, c\) of tensors, got 1 of them"),
        (lambda: ts.nn.LSTMCell(2, 3)(ts.ones(1, 2), ts.ones(1, 3)), r"pair \(h, c\) of tensors, got Tensor"),
        (lambda: ts.nn.GRUCell(2, 3)(ts.ones(1, 2), ts.ones(1, 4)), r"shape \(1, 3\) \(B, H\), got \(1, 4\)"),
        (lambda: ts.nn.RNN(2, 3)(ts.ones(4, 2, 2), lengths=[[1], [1, 2]]), "lengths must be integers in a rectangular"),
    ],
)
def test_bad_input_is_named_with_what_was_found_and_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ts.nn.RNN(2, 3, 1, "relu"), "bias must be True or False, got 'relu'; give options by name"),
        (lambda: ts.nn.GRUCell(2, 3, "float64"), "bias must be True or False, got 'float64'"),
        (lambda: ts.nn.LSTM(2, 3.0), "hidden_size must be a whole number, got 3.0"),
        (lambda: ts.nn.GRU(2, 3)(ts.ones(4, 1, 2), (ts.ones(1, 1, 3),) * 2), "one tensor h, got a tuple of 2; only"),
        (lambda: ts.nn.LSTM(2, 3)(ts.ones(4, 1, 2), (None, None)), "state h must be a tensor or an array of numbers"),
    ],
)
def test_bad_types_are_named(call, message):
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_arrays_are_states_and_an_empty_batch_has_empty_results(name):
    net, x = layer(name, 2, 3, 2, bidirectional=True), np.ones((5, 1, 2))
    arrays = np.random.default_rng(0).standard_normal((2, 4, 1, 3))
    tensors = tuple(map(ts.tensor, arrays))
    found, expected = (arrays, tensors) if name == "LSTM" else (arrays[:1], tensors[:1])
    states = [tuple(parts) if name == "LSTM" else parts[0] for parts in (found, expected)]
    assert np.array_equal(net(x, states[0])[0].numpy(), net(x, states[1])[0].numpy())
    output, state = net(np.ones((5, 0, 2)), lengths=[])
    assert output.shape == (5, 0, 6)
    assert (state[0] if name == "LSTM" else state).shape == (4, 0, 3)


@given(
    name=st.sampled_from(sorted(LAYERS)),
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    batch_first=st.booleans(),
    bidirectional=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_a_ragged_batch_with_states_in_three_layers_is_each_sequence_alone(
    name, lengths, batch_first, bidirectional, seed
):
    """With initial states, and their gradients; a sequence alone is given without a batch axis."""
    rng = np.random.default_rng(seed)
    net = layer(name, 2, 3, 3, bidirectional=bidirectional, batch_first=batch_first, seed=seed)
    count = 2 if name == "LSTM" else 1
    values = rng.standard_normal((4, len(lengths), 2))
    starts = rng.standard_normal((count, 3 * (1 + bidirectional), len(lengths), 3))

    def run(x, start, lengths=None):
        """Output and final states, and the gradients at x, initial states and parameters."""
        leaves = [ts.tensor(part, requires_grad=True) for part in (x, *start)]
        output, final = net(leaves[0], tuple(leaves[1:]) if count == 2 else leaves[1], lengths)
        results = [output, *(final if count == 2 else [final])]
        net.zero_grad()
        sum((result**3).sum() for result in results).backward()
        gradients = [leaf.grad.numpy() for leaf in leaves]
        return [result.numpy() for result in results], gradients, [p.grad.numpy() for p in net.parameters()]

    close = {"rtol": 1e-9, "atol": 1e-11}
    time_first = lambda array: np.swapaxes(array, 0, 1) if batch_first else array
    (output, *finals), (x_grad, *start_grads), together = run(time_first(values), starts, lengths)
    each = []
    for b, length in enumerate(lengths):
        (alone, *ends), (alone_x, *alone_starts), weights = run(values[:length, b], starts[:, :, b])
        each.append(weights)
        np.testing.assert_allclose(time_first(output)[:length, b], alone, **close)
        np.testing.assert_allclose(time_first(x_grad)[:length, b], alone_x, **close)
        assert not time_first(output)[length:, b].any()
        for found, expected in zip([*finals, *start_grads], [*ends, *alone_starts], strict=True):
            np.testing.assert_allclose(found[:, b], expected, **close)
    for found, *parts in zip(together, *each, strict=True):
        np.testing.assert_allclose(found, sum(parts), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_a_state_takes_the_dtype_of_the_weights(name):
    net, x = getattr(ts.nn, name)(2, 3), np.ones((4, 1, 2), dtype="f4")
    h = ts.ones(1, 1, 3, dtype="float64", requires_grad=True)
    output, _ = net(x, (h, h) if name == "LSTM" else h)
    assert output.dtype == np.float32
    output.sum().backward()
    assert h.grad.dtype == np.float64


@pytest.mark.parametrize(
    ("kind", "after", "found"),
    [
        ("RNN", lambda h, *_: (h, h), "one tensor, h, got 2 of them"),
        ("RNN", lambda h, *_: [h], "one tensor, h, got list"),
        ("LSTM", lambda h, _: h, r"a tuple \(h, c\), got Tensor"),
        ("LSTM", lambda h, _: (h,), r"a tuple \(h, c\), got 1 of them"),
    ],
)
def test_a_step_that_returns_another_number_of_states_is_an_error(kind, after, found):
    class Mine(getattr(ts.nn, kind)):
        def step(self, z, states, weight_hh, bias_hh):
            return after(*super().step(z, states, weight_hh, bias_hh))

    with pytest.raises(TypeError, match=rf"the step of the cell '{kind.lower()}' must return {found}$"):
        Mine(2, 3)(ts.ones(4, 1, 2))


def test_states_are_named_with_the_shapes_that_were_given():
    x = ts.ones(4, 2)
    with pytest.raises(
        ValueError, match=r"state h must have shape \(1, 3\) \(layers \* directions, H\), got \(1, 1, 5\)"
    ):
        ts.nn.RNN(2, 3)(x, ts.ones(1, 1, 5))
    with pytest.raises(ValueError, match=r"state c must have shape \(4, 3\) \(B, H\), got \(4, 2\)"):
        ts.nn.LSTMCell(2, 3)(x, (ts.ones(4, 3), ts.ones(4, 2)))
    with pytest.raises(TypeError, match=r"padding_idx must be a whole number, got 1\.5"):
        ts.nn.Embedding(3, 2, padding_idx=1.5)
    with pytest.raises(TypeError, match="dropout must be a number, got 'a'"):
        ts.nn.LSTM(2, 3, dropout="a")
