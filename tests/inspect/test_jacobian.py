"""`jacobian_norms`: how a state changes with an earlier one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loops import LAYERS, layer, normal, plain_loop

import tinyseq as ts


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_the_jacobian_is_that_of_difference_quotients(name):
    net = layer(name, 2, 3, seed=2)
    x = ts.tensor(normal(0, 6, 1, 2))
    output, _ = net(x)
    found = ts.inspect.jacobian_norms(output[1, 0], output[5, 0])
    _, state = net(x[:2])

    def last(h):
        start = ts.tensor(h.reshape(1, 1, 3))
        return net(x[2:], (start, state[1].detach()) if isinstance(state, tuple) else start)[0].numpy()[-1, 0]

    at, eps = output.numpy()[1, 0], 1e-6
    columns = [(last(at + eps * unit) - last(at - eps * unit)) / (2 * eps) for unit in np.eye(3)]
    np.testing.assert_allclose(found.jacobian, np.stack(columns, axis=1), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(found.singular_values, np.linalg.svd(found.jacobian)[1])
    assert found.norms[0] == pytest.approx(found.singular_values[0])
    assert found.norms[-1] == 1
    assert found.steps.tolist() == [1, 2, 3, 4, 5]


@given(seed=st.integers(0, 2**31), scale=st.floats(0.1, 4), bidirectional=st.booleans())
def test_no_jacobian_of_a_plain_network_exceeds_the_bound(seed, scale, bidirectional):
    net = layer("RNN", 2, 3, bidirectional=bidirectional, seed=seed)
    net.weight_hh_l0.copy_(net.weight_hh_l0.numpy() * scale) if bidirectional else None
    with ts.no_grad():
        net.weight_hh_l0.copy_(normal(seed, 3, 3) * scale)
    output, _ = net(ts.tensor(normal(seed, 7, 2, 2)))
    found = ts.inspect.jacobian_norms(output[1, :, :3], output[6, :, :3])
    beta = np.linalg.svd(net.weight_hh_l0.numpy())[1][0]
    assert found.beta == pytest.approx(beta)
    np.testing.assert_allclose(found.bound, beta ** np.arange(5.0, -1, -1))
    assert (found.norms <= found.products * (1 + 1e-9)).all()
    assert (found.products <= found.bound * (1 + 1e-9)).all()
    slopes = 1 - output.numpy()[2:7, :, :3].reshape(5, -1) ** 2  # a batch of two: a matrix with two blocks
    each = [np.linalg.norm(s[:, None] * np.kron(np.eye(2), net.weight_hh_l0.numpy()), 2) for s in slopes]
    np.testing.assert_allclose(found.products, [np.prod(each[k:]) for k in range(6)], rtol=1e-9)
    radius = abs(np.linalg.eigvals(net.weight_hh_l0.numpy())).max()
    assert found.spectral_radius == pytest.approx(radius)
    np.testing.assert_allclose(found.curves["spectral radius to the power t − k"][0], radius**5)


def test_the_bound_is_reached_by_a_network_without_squashing():
    """Around 0, tanh is the identity: the Jacobian is the power of the weight."""
    weight = ts.tensor(normal(0, 3, 3), requires_grad=True)
    _, states = plain_loop([weight] * 5, np.zeros((5, 3, 1)))
    found = ts.inspect.jacobian_norms(states[0], states[4])
    power = np.linalg.matrix_power(weight.numpy(), 4)
    np.testing.assert_allclose(found.jacobian, power, rtol=1e-10)
    np.testing.assert_allclose(found.norms[0], np.linalg.norm(power, 2), rtol=1e-10)
    np.testing.assert_allclose(found.products, found.bound, rtol=1e-10)


def test_the_direction_that_reads_backward_has_falling_steps():
    net = layer("RNN", 2, 3, bidirectional=True)
    output, _ = net(ts.tensor(normal(0, 6, 1, 2)))
    found = ts.inspect.jacobian_norms(output[5, 0, 3:], output[2, 0, 3:])
    assert found.steps.tolist() == [5, 4, 3, 2]
    assert found.beta == pytest.approx(np.linalg.norm(net.weight_hh_l0_reverse.numpy(), 2))
    assert (found.norms <= found.bound * (1 + 1e-9)).all()
    with pytest.raises(ValueError, match="does not depend"):
        ts.inspect.jacobian_norms(output[2, 0, 3:], output[5, 0, 3:])


def test_an_initial_state_stands_one_step_before_the_first():
    h0 = ts.tensor(normal(3, 3, 1), requires_grad=True)
    _, states = plain_loop([ts.tensor(normal(0, 3, 3), requires_grad=True)] * 3, normal(1, 3, 3, 1), h=h0)
    found = ts.inspect.jacobian_norms(h0, states[2])
    assert found.steps.tolist() == [-1, 0, 1, 2]
    rows = [ts.grad(states[2][i, 0], h0, retain_graph=True).numpy()[:, 0] for i in range(3)]
    np.testing.assert_allclose(found.jacobian, rows)


def test_a_gated_network_has_no_such_bound():
    output, _ = layer("LSTM", 2, 3)(ts.tensor(normal(0, 5, 1, 2)))
    found = ts.inspect.jacobian_norms(output[0], output[4])
    assert found.bound is None
    assert found.spectral_radius is None
    assert "singular values" in repr(found)


def test_the_cell_of_an_lstm_can_be_asked_for_in_a_loop_of_one_s_own():
    """With a weight of zero the gates do not see the state, and dc_t/dc_s is the product of the forget gates."""
    cell = ts.nn.LSTMCell(2, 3, dtype="float64")
    cell.weight_hh.copy_(np.zeros((12, 3)))
    state, cells, forget = None, [], []
    for t in range(4):
        x = normal(t, 1, 2)
        with ts.step(t):
            state = cell(ts.tensor(x), state)
        cells.append(state[1])
        bias = cell.bias_ih.numpy() + cell.bias_hh.numpy()
        forget.append(1 / (1 + np.exp(-(x @ cell.weight_ih.numpy().T + bias)[0, 3:6])))
    found = ts.inspect.jacobian_norms(cells[0], cells[3])
    np.testing.assert_allclose(found.jacobian, np.diag(forget[1] * forget[2] * forget[3]), rtol=1e-10, atol=1e-15)


def test_the_bound_of_a_step_is_not_taken_for_that_between_layers():
    """The layer below is multiplied by weight_ih, once, in the same step."""
    below, above = ts.nn.RNNCell(3, 3, dtype="float64"), ts.nn.RNNCell(3, 3, dtype="float64")
    with ts.step(0):
        first = below(ts.tensor(normal(0, 1, 3)))
        second = above(first)
    found = ts.inspect.jacobian_norms(first, second)
    assert found.bound is None
    slope = 1 - second.numpy()[0] ** 2
    np.testing.assert_allclose(found.jacobian, slope[:, None] * above.weight_ih.numpy(), rtol=1e-10)


def test_a_mixture_of_steps_is_no_state():
    output, _ = layer("RNN", 2, 3)(ts.tensor(normal(0, 5, 1, 2)))
    with pytest.raises(ValueError, match="h_s holds the values of 2 tensors"):
        ts.inspect.jacobian_norms(output[:2], output[4])


def test_one_sequence_of_a_batch_can_be_followed_from_the_initial_state():
    """The state's elements lie elsewhere in the initial state (1, B, H) than in the columns (H, B) of the loop."""
    net = layer("RNN", 2, 3)
    x, start = ts.tensor(normal(0, 4, 2, 2)), ts.tensor(normal(1, 1, 2, 3), requires_grad=True)
    together = ts.inspect.jacobian_norms(start[0, 1], net(x, start)[0][3, 1])
    first = ts.tensor(start.detach()[:, 1:], requires_grad=True)
    alone = ts.inspect.jacobian_norms(first[0, 0], net(x[:, 1:], first)[0][3, 0])
    np.testing.assert_allclose(together.norms, alone.norms, rtol=1e-12)
    np.testing.assert_allclose(together.products, alone.products, rtol=1e-12)
