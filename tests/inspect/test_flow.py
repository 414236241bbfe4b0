"""`gradient_flow`: norms of the gradients at states and gates."""

from itertools import product

import numpy as np
import pytest
from loops import LAYERS, layer, normal

import tinyseq as ts


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_the_norms_are_those_of_gradients_at_noise_added_to_each_state(name):
    """A zero that is added to a state has the state's gradient; steps are taken by the cells' formulas."""
    net = layer(name, 2, 3, seed=4)
    x, upstream = normal(0, 5, 2, 2), normal(1, 5, 2, 3)
    output, _ = net(ts.tensor(x))
    flow = ts.inspect.gradient_flow((output * ts.tensor(upstream)).sum())
    zeros, total = {}, 0.0
    states = (ts.zeros(3, 2),) * len(net.cell.states)
    bias_hh = ts.reshape(net.bias_hh_l0, (-1, 1))
    for t in range(5):
        z = net.weight_ih_l0 @ ts.tensor(x[t].T)
        z = z + net.cell.input_bias(ts.reshape(net.bias_ih_l0, (-1, 1)), bias_hh)
        before = states[0]
        states = net.step(z, states, net.weight_hh_l0, bias_hh)
        for letter in "hc"[: len(states)]:
            zeros[letter, t] = ts.zeros(3, 2).requires_grad_()
        if len(net.cell.states) == 2:  # h_t = o tanh(c_t), so that a change of c_t reaches h_t as well
            c = states[1] + zeros["c", t]
            o = ts.sigmoid((z + net.weight_hh_l0 @ before)[9:])
            states = (o * ts.tanh(c) + zeros["h", t], c)
        else:
            states = (states[0] + zeros["h", t],)
        total = total + (ts.transpose(states[0]) * ts.tensor(upstream[t])).sum()
    for (letter, t), zero in zeros.items():
        expected = np.linalg.norm(ts.grad(total, zero, retain_graph=True).numpy())
        assert flow.states[letter][t] == pytest.approx(expected, rel=1e-9), (letter, t)
    assert set(flow.states) == set("hc"[: len(net.cell.states)])
    assert set(flow.gates) == {"RNN": set(), "LSTM": set("ifgo")}.get(name, set("rzn"))


def test_the_gates_of_an_lstm_have_the_gradients_of_the_formulas():
    """dL/do = dL/dh tanh(c), dL/df = dL/dc c_{t-1}, dL/di = dL/dc g, dL/dg = dL/dc i, in the last step."""
    net, x = layer("LSTM", 2, 3, seed=5), normal(0, 2, 1, 2)
    output, _ = net(ts.tensor(x))
    flow = ts.inspect.gradient_flow((output[1] * output[1]).sum())
    _, (h, c) = net(ts.tensor(x[:1]))
    h, c_before = h.numpy()[0, 0], c.numpy()[0, 0]
    bias = net.bias_ih_l0.numpy() + net.bias_hh_l0.numpy()
    z = net.weight_ih_l0.numpy() @ x[1, 0] + net.weight_hh_l0.numpy() @ h + bias
    i, f, g, o = np.split(z, 4)
    i, f, g, o = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), np.tanh(g), 1 / (1 + np.exp(-o))
    c = f * c_before + i * g
    dh = 2 * o * np.tanh(c)
    dc = dh * o * (1 - np.tanh(c) ** 2)
    expected = {"o": dh * np.tanh(c), "f": dc * c_before, "i": dc * g, "g": dc * i}
    for gate, gradient in expected.items():
        assert flow.gates[gate][1] == pytest.approx(np.linalg.norm(gradient)), gate


def test_layers_and_directions_are_told_apart():
    net = layer("LSTM", 2, 3, 2, bidirectional=True)
    flow = ts.inspect.gradient_flow(net(ts.tensor(normal(0, 4, 1, 2)))[0].sum())
    assert list(flow.states) == [f"{run}.{s}" for run in ("l0", "l0_reverse", "l1", "l1_reverse") for s in "hc"]
    assert all(norms.shape == (4,) and (norms > 0).all() for norms in flow.states.values())
    assert "l1_reverse.h" in repr(flow)


def test_a_state_s_norm_in_a_ragged_batch_is_that_of_the_masked_state():
    """The last step of a sequence that is over hands its state on unchanged."""
    net = layer("LSTM", 2, 3)
    _, (h, c) = net(ts.tensor(normal(0, 4, 2, 2)), lengths=[4, 1])
    weight = ts.tensor(normal(1, 2, 3))
    flow = ts.inspect.gradient_flow((h[0] * weight).sum() + c.sum() * 0.0)
    assert flow.states["h"][3] == pytest.approx(np.linalg.norm(weight.numpy()))


def test_the_gradient_of_a_loop_of_one_s_own_is_found():
    cell = ts.nn.LSTMCell(2, 3, dtype="float64")
    state, total = None, 0.0
    for t in range(4):
        with ts.step(t):
            state = cell(ts.tensor(normal(t, 1, 2)), state)
            total = total + (state[0] * state[0]).sum()
    flow = ts.inspect.gradient_flow(total)
    assert flow.states["h"][3] == pytest.approx(2 * np.linalg.norm(state[0].numpy()))
    assert set(flow.states) == {"h", "c"}


def test_messages_of_a_markov_chain_are_states_whose_gradients_are_posteriors():
    rng = np.random.default_rng(0)
    tables = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(3), 3), rng.dirichlet(np.ones(4), 3)
    x = [0, 3, 1, 2]
    initial = ts.tensor(np.log(tables[0]), requires_grad=True)
    log_z = ts.hmm.chain(initial, np.log(tables[1]), np.log(tables[2][:, x].T))
    norms = ts.inspect.gradient_flow(log_z).states["α"]
    np.testing.assert_allclose(norms, np.linalg.norm(ts.hmm.HMM(*tables).posterior(x).states, axis=1), rtol=1e-10)


def test_a_gradient_whose_square_is_too_small_for_float32_is_not_shown_as_nothing():
    """h_t = h_{t-1} / 2: the gradient halves at every step, down to 2^-120."""
    net = ts.nn.RNN(1, 1, nonlinearity="relu", bias=False)
    for name, value in net.named_parameters():
        value.copy_(np.full(value.shape, 0.5 if "hh" in name else 1.0, dtype=np.float32))
    x = ts.tensor(np.ones((121, 1, 1), dtype=np.float32), requires_grad=True)
    output, _ = net(x)
    norms = ts.inspect.gradient_flow(output[-1].sum()).states["h"]
    np.testing.assert_array_equal(norms, 0.5 ** np.arange(120, -1, -1))
    np.testing.assert_array_equal(ts.inspect.influence([output[-1].sum()], x), [norms])


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_the_first_state_of_a_loop_that_begins_outside_has_its_gradient(order):
    """The sum over paths begins with the first step's scores: its gradient is the posterior of the first label."""
    scores, moves = (ts.tensor(normal(seed, 3, 3), requires_grad=True) for seed in (1, 2))
    alpha = scores[order[0]]
    for t in order[1:]:
        with ts.step(t):
            alpha = ts.logsumexp(alpha[:, None] + moves, axis=0) + scores[t]
    loss = ts.logsumexp(alpha)
    (norms,) = ts.inspect.gradient_flow(loss).states.values()
    posterior = ts.grad(loss, [scores])[0].numpy()
    np.testing.assert_allclose(norms[order[0]], np.linalg.norm(posterior[order[0]]), rtol=1e-12)


def test_a_state_that_is_a_single_number_is_refused_with_the_cure():
    """It cannot be told from a running total."""
    w, h = ts.tensor(0.5, requires_grad=True), ts.tensor(1.0)
    column, state = ts.tensor([0.5], requires_grad=True), ts.ones(1)
    for t in range(3):
        with ts.step(t):
            h, state = ts.tanh(w * h), ts.tanh(column * state)
    with pytest.raises(ValueError, match=r"shape \(\) counts as a running total; give it an axis, as shape \(1,\)"):
        ts.inspect.gradient_flow(h)
    assert list(ts.inspect.gradient_flow(state.sum()).states) == ["h"]


@pytest.mark.parametrize("steps", [2, 3, 5])
def test_a_state_that_its_own_step_multiplies_is_the_same_one_at_every_step(steps):
    """The next step takes c element by element, and the same step multiplies it by a matrix."""
    w, u, v = (ts.tensor(normal(i, 3, 3), requires_grad=True) for i in range(3))
    h, c = ts.tensor(normal(3, 3)), ts.tensor(normal(4, 3))
    for t in range(steps):
        with ts.step(t):
            gate = ts.sigmoid(w @ h)
            c = (1 - gate) * c + gate * ts.tanh(u @ h)
            h = (1 - gate) * h + gate * ts.tanh(v @ c)
    flow = ts.inspect.gradient_flow(ts.sum(h * h))
    assert {name: bool(np.isfinite(norms).all()) for name, norms in flow.states.items()} == {"h": True, "c": True}


@pytest.mark.parametrize("roles", [roles for roles in product("ma-", repeat=3) if "m" in roles], ids="".join)
def test_a_state_that_is_read_at_several_lags_has_one_name(roles):
    """Multiplied, added or not read one, two and three steps later: the last steps may read a state only to add it."""
    weights = [ts.tensor(normal(i, 3, 3), requires_grad=True) for i in range(3)]
    states = [ts.ones(3, requires_grad=True)] * 3
    for t in range(5):
        with ts.step(t):
            read = zip(roles, weights, states[::-1], strict=False)
            terms = [weight @ state if role == "m" else state for role, weight, state in read if role != "-"]
            states.append(ts.tanh(sum(terms)))
    flow = ts.inspect.gradient_flow(ts.sum(states[-1] * states[-1]))
    assert list(flow.states) == ["h"]
    assert flow.states["h"][4] == pytest.approx(2 * np.linalg.norm(states[-1].numpy()))
