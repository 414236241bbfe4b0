"""What a network did: gates' values against the formulas, and the influence of inputs against differences."""

import numpy as np
import pytest
from loops import LAYERS, layer, normal

import tinyseq as ts


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_the_gates_of_an_lstm_are_those_of_the_formulas():
    net, x = layer("LSTM", 2, 3), normal(0, 4, 2, 2)
    output, _ = net(ts.tensor(x))
    found = ts.inspect.gate_values(output)
    h = np.zeros((2, 3))
    for t in range(4):
        bias = net.bias_ih_l0.numpy() + net.bias_hh_l0.numpy()
        z = x[t] @ net.weight_ih_l0.numpy().T + h @ net.weight_hh_l0.numpy().T + bias
        for name, block, squash in zip(
            "ifgo", np.split(z, 4, axis=1), (sigmoid, sigmoid, np.tanh, sigmoid), strict=True
        ):
            np.testing.assert_allclose(found[name][t], squash(block).T, rtol=1e-12, err_msg=name)
        h = output.numpy()[t]


def test_the_gates_of_a_gru_explain_its_states():
    """h_t = (1 - z) n + z h_{t-1}, as PyTorch has it."""
    output, _ = layer("GRU", 2, 3)(ts.tensor(normal(0, 5, 1, 2)))
    gates = ts.inspect.gate_values(output)
    h = output.numpy().transpose(0, 2, 1)
    before = np.concatenate([np.zeros((1, 3, 1)), h[:-1]])
    np.testing.assert_allclose((1 - gates["z"]) * gates["n"] + gates["z"] * before, h, rtol=1e-10)


@pytest.mark.parametrize("name", ["LSTM", "GRU", "GRU as taught"])
def test_layers_and_directions_have_gates_of_their_own(name):
    output, _ = layer(name, 2, 3, 2, bidirectional=True)(ts.tensor(normal(0, 4, 2, 2)))
    gates = ts.inspect.gate_values(output)
    assert {gate.rpartition(".")[0] for gate in gates} == {"l0", "l0_reverse", "l1", "l1_reverse"}
    assert all(values.shape == (4, 3, 2) and np.isfinite(values).all() for values in gates.values())


def test_steps_that_the_result_does_not_depend_on_have_no_values():
    cell, state, kept = ts.nn.LSTMCell(2, 3), None, None
    for t in range(2, 5):
        with ts.step(t):
            state = cell(ts.tensor(normal(t, 1, 2)).to("float32"), state)
        kept = state[0] if t == 3 else kept
    gates = ts.inspect.gate_values(kept)
    assert [np.isnan(values).all() for values in gates["f"]] == [True, True, False, False]
    assert np.isfinite(gates["f"][2:]).all()


def test_influence_is_the_change_that_a_nudge_of_an_input_makes():
    net, values = layer(sorted(LAYERS)[0], 2, 3), normal(0, 4, 1, 2)
    x = ts.tensor(values, requires_grad=True)
    output, _ = net(x)
    table = ts.inspect.influence([output[t, 0, 0] for t in range(4)], x)
    slopes = np.zeros((4, 4, 2))
    for t, i in np.ndindex(4, 2):
        nudge = np.zeros_like(values)
        nudge[t, 0, i] = 1e-6
        change = net(ts.tensor(values + nudge))[0].numpy() - net(ts.tensor(values - nudge))[0].numpy()
        slopes[:, t, i] = change[:, 0, 0] / 2e-6
    np.testing.assert_allclose(table, np.linalg.norm(slopes, axis=2), rtol=1e-6, atol=1e-9)
    assert (np.triu(table, 1) == 0).all()  # no output hangs on a later input


def test_what_cannot_be_asked_is_said():
    output, _ = layer("RNN", 2, 3)(ts.tensor(normal(0, 4, 1, 2)))
    with pytest.raises(ValueError, match="this graph has no gates"):
        ts.inspect.gate_values(output)
    with pytest.raises(ValueError, match="at least one number"):
        ts.inspect.influence([], output)
    output, _ = layer("LSTM", 2, 3)(ts.tensor(normal(0, 4, 1, 2)))
    output.sum().backward()
    with pytest.raises(RuntimeError, match="freed this graph"):
        ts.inspect.gate_values(output)
