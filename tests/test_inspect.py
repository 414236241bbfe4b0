"""What `ts.inspect` says about a graph, against copies of weights, differences, loops by hand and measured memory."""

import gc
import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts

LAYERS = {"RNN": {}, "LSTM": {}, "GRU": {}, "GRU as taught": {"reset": "before"}}


def layer(name, *sizes, seed=0, **settings):
    ts.manual_seed(seed)
    return getattr(ts.nn, name.split()[0])(*sizes, **LAYERS[name], **settings, dtype="float64")


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def plain_loop(weights, x, h=None, keep_state=lambda t, h: h):
    """h_t = tanh(x_t + W_t h_{t-1}), with one weight for each step; the losses are sums of squares."""
    h = ts.zeros(weights[0].shape[0], x.shape[2]) if h is None else h
    losses, states = [], []
    for t, weight in enumerate(weights):
        with ts.step(t):
            h = ts.tanh(ts.tensor(x[t]) + weight @ keep_state(t, h))
        states.append(h)
        losses.append((h * h).sum())
    return losses, states


# -- grad_by_step ------------------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(
    name=st.sampled_from(sorted(LAYERS)),
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    num_layers=st.integers(1, 2),
    bidirectional=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_the_terms_of_the_steps_sum_to_the_gradient(name, lengths, num_layers, bidirectional, seed):
    net = layer(name, 2, 3, num_layers, bidirectional=bidirectional, seed=seed)
    output, _ = net(ts.tensor(normal(seed, 4, len(lengths), 2)), lengths=lengths)
    loss = (output * output).sum()
    terms = {key: ts.inspect.grad_by_step(loss, weight) for key, weight in net.named_parameters()}
    assert all(weight.grad is None for weight in net.parameters())
    loss.backward()
    for key, weight in net.named_parameters():
        assert terms[key].shape == (4, *weight.shape), key
        np.testing.assert_allclose(terms[key].numpy().sum(0), weight.grad.numpy(), rtol=1e-9, atol=1e-12, err_msg=key)


def test_each_term_is_the_gradient_of_that_step_s_own_copy_of_the_weight():
    x = normal(1, 5, 3, 2)
    shared = ts.tensor(normal(2, 3, 3), requires_grad=True)
    copies = [ts.tensor(shared.detach(), requires_grad=True) for _ in range(5)]
    terms = ts.inspect.grad_by_step(sum(plain_loop([shared] * 5, x)[0]), shared)
    alone = ts.grad(sum(plain_loop(copies, x)[0]), copies)
    np.testing.assert_allclose(terms.numpy(), [g.numpy() for g in alone], rtol=1e-12, atol=1e-14)


def test_a_weight_used_for_all_steps_at_once_has_the_terms_of_backpropagation_through_time_by_hand():
    net, values = layer("RNN", 2, 3), normal(0, 4, 2, 2)
    output, _ = net(ts.tensor(values))
    upstream = normal(1, 4, 2, 3)
    loss = (output * ts.tensor(upstream)).sum()
    h, w_hh = output.numpy(), net.weight_hh_l0.numpy()
    terms = {key: np.zeros((4, *weight.shape)) for key, weight in net.named_parameters()}
    back = np.zeros((2, 3))
    for t in reversed(range(4)):
        delta = (upstream[t] + back) * (1 - h[t] ** 2)
        terms["weight_ih_l0"][t] = delta.T @ values[t]
        terms["weight_hh_l0"][t] = delta.T @ h[t - 1] if t else 0
        terms["bias_ih_l0"][t] = terms["bias_hh_l0"][t] = delta.sum(0)
        back = delta @ w_hh
    for key, weight in net.named_parameters():
        found = ts.inspect.grad_by_step(loss, weight).numpy()
        np.testing.assert_allclose(found, terms[key], rtol=1e-10, atol=1e-13, err_msg=key)


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_a_term_is_what_a_nudge_of_the_weight_in_that_step_changes(name):
    """Cells in a loop of one's own, with another weight in step 1: the difference quotient."""
    gates = {"R": 1, "L": 4, "G": 3}[name[0]]
    kind = {"RNN": "RNNCell", "LSTM": "LSTMCell"}.get(name, "GRUCell")
    cell = getattr(ts.nn, kind)(2, 3, dtype="float64", **LAYERS[name])
    x, whole = normal(0, 3, 2, 2), cell.weight_hh
    nudge = normal(1, gates * 3, 3)

    def loss(at, size):
        state = None
        for t in range(3):
            cell.weight_hh = ts.nn.Parameter(whole.numpy() + size * nudge) if t == at else whole
            with ts.step(t):
                state = cell(ts.tensor(x[t]), state)
        h = state[0] if isinstance(state, tuple) else state
        return (h * h).sum()

    terms = ts.inspect.grad_by_step(loss(None, 0), whole).numpy()
    for t in range(3):
        slope = (loss(t, 1e-6).item() - loss(t, -1e-6).item()) / 2e-6
        np.testing.assert_allclose((terms[t] * nudge).sum(), slope, rtol=1e-6, atol=1e-10)


def test_on_a_markov_chain_the_terms_of_the_transitions_are_the_pairwise_posteriors():
    rng = np.random.default_rng(0)
    initial, transition = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(3), 3)
    emission, x = rng.dirichlet(np.ones(5), 3), [0, 3, 4, 1, 1, 2]
    log_transition = ts.tensor(np.log(transition), requires_grad=True)
    log_z = ts.hmm.chain(np.log(initial), log_transition, np.log(emission[:, x].T))
    terms = ts.inspect.grad_by_step(log_z, log_transition).numpy()
    pairs = ts.hmm.HMM(initial, transition, emission).posterior(x).transitions
    assert (terms[0] == 0).all()  # no transition leads into the first state
    np.testing.assert_allclose(terms[1:], pairs, rtol=1e-10, atol=1e-14)


def test_the_terms_of_a_trigram_chain_are_its_posteriors_too():
    rng = np.random.default_rng(1)
    initial = (rng.dirichlet(np.ones(2)), rng.dirichlet(np.ones(2), 2))
    transition, emission, x = rng.dirichlet(np.ones(2), (2, 2)), rng.dirichlet(np.ones(3), 2), [0, 1, 2, 1]
    scores = ts.tensor(np.log(transition), requires_grad=True)
    log_z = ts.hmm.chain(tuple(map(np.log, initial)), scores, np.log(emission[:, x].T))
    pairs = ts.hmm.HMM(initial, transition, emission).posterior(x).transitions
    np.testing.assert_allclose(ts.inspect.grad_by_step(log_z, scores).numpy()[2:], pairs, rtol=1e-10, atol=1e-14)


def test_the_result_of_an_op_can_stand_for_the_weight():
    logits = ts.tensor(normal(0, 3, 3), requires_grad=True)
    weight = ts.softmax(logits, axis=-1)
    losses, _ = plain_loop([weight] * 3, normal(1, 3, 3, 1))
    terms = ts.inspect.grad_by_step(losses[-1], weight).numpy()
    whole = ts.grad(losses[-1], weight, retain_graph=True).numpy()
    np.testing.assert_allclose(terms.sum(0), whole, rtol=1e-12)


def test_one_output_of_a_split_weight_can_be_asked_for():
    first, second = ts.split(ts.tensor(normal(0, 6, 3), requires_grad=True), 2)
    losses, _ = plain_loop([first, second, first], normal(1, 3, 3, 1))
    terms = ts.inspect.grad_by_step(losses[-1], first).numpy()
    whole = ts.grad(losses[-1], first, retain_graph=True).numpy()
    np.testing.assert_allclose(terms.sum(0), whole, rtol=1e-12)
    assert (terms[1] == 0).all()


def test_a_term_has_the_weight_s_shape_where_a_vector_meets_a_batch_of_matrices():
    weight = ts.tensor(normal(0, 3), requires_grad=True)
    with ts.step(0):
        loss = (weight @ ts.tensor(normal(1, 4, 3, 2))).sum()
    terms = ts.inspect.grad_by_step(loss, weight)
    loss.backward()
    np.testing.assert_allclose(terms[0].numpy(), weight.grad.numpy(), rtol=1e-12)


def test_float32_stays_float32():
    net = ts.nn.LSTM(2, 3)
    output, _ = net(ts.zeros(4, 1, 2).to("float32"))
    assert ts.inspect.grad_by_step(output.sum(), net.weight_ih_l0).dtype == np.float32


def test_looking_changes_nothing():
    net = layer("LSTM", 2, 3, 2)
    x = ts.tensor(normal(0, 6, 2, 2))
    (net(x)[0].sum() * 2).backward()
    plain = [p.grad.numpy() for p in net.parameters()]
    net.zero_grad()
    output, _ = net(x)
    loss = output.sum() * 2
    for _ in range(2):
        ts.inspect.grad_by_step(loss, net.weight_hh_l0)
        ts.inspect.grad_by_lag([loss], net.weight_hh_l1)
        ts.inspect.gradient_flow(loss)
        ts.inspect.jacobian_norms(output[1], output[5])
        ts.inspect.saved_memory(loss)
        ts.inspect.explain(loss, net.weight_hh_l0)
    assert all(p.grad is None for p in net.parameters())
    loss.backward()
    for before, p in zip(plain, net.parameters(), strict=True):
        assert (before == p.grad.numpy()).all()


def test_arrays_of_another_library_are_looked_at_with_its_own_functions():
    xp = pytest.importorskip("array_api_strict", reason="the stand-in for libraries other than NumPy")
    weights = [ts.tensor(library.asarray(normal(0, 3, 3)), requires_grad=True) for library in (np, xp)]
    found = []
    for weight in weights:
        losses, states, h = [], [], ts.tensor(weight.detach()[:, :1])
        for t in range(4):
            with ts.step(t):
                h = ts.tanh(weight @ h)
            states.append(h)
            losses.append((h * h).sum())
        table = ts.inspect.grad_by_lag(losses, weight)
        jacobian = ts.inspect.jacobian_norms(states[0], ts.stack(states)[3])
        flow = ts.inspect.gradient_flow(losses[3]).states["h"]
        memory = ts.inspect.saved_memory(losses[3]).total
        found.append([table.dropped(1).numpy(), table.norms, jacobian.jacobian, jacobian.bound, flow, memory])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_thousand_steps_need_no_recursion():
    net = layer("RNN", 1, 2)
    output, _ = net(ts.ones(1500, 1, 1))
    loss = output[1499].sum()
    terms = ts.inspect.grad_by_step(loss, net.weight_hh_l0).numpy()
    np.testing.assert_allclose(terms.sum(0), ts.grad(loss, net.weight_hh_l0, retain_graph=True).numpy(), rtol=1e-9)
    assert ts.inspect.gradient_flow(loss).states["h"].shape == (1500,)
    assert len(ts.inspect.explain(loss, net.weight_hh_l0).text.splitlines()) < 40


def test_a_use_outside_of_every_step_is_named():
    with ts.scope("readout"):
        weight = ts.nn.Parameter(normal(0, 3, 3))
        losses, states = plain_loop([weight] * 2, normal(1, 2, 3, 1))
        with ts.scope("tied"):
            loss = (weight @ ts.stack(states)).sum()
    with pytest.raises(ValueError, match=r"outside of every time step: in matmul \(readout\.tied\)(?s:.*)ts\.step"):
        ts.inspect.grad_by_step(loss, weight)
    with pytest.raises(ValueError, match=r"losses\[1\] uses W"):
        ts.inspect.grad_by_lag([losses[0], loss], weight)


def test_what_cannot_be_asked_is_said():
    weight, other = ts.tensor([1.0, 2.0], requires_grad=True), ts.tensor([1.0], requires_grad=True)
    with ts.step(0):
        loss = (weight * 2.0).sum()
    with pytest.raises(ValueError, match=r"loss does not depend on W \(unnamed, shape \(1,\)\)"):
        ts.inspect.grad_by_step(loss, other)
    with pytest.raises(ValueError, match="no loss depends on W"):
        ts.inspect.grad_by_lag([loss], other)
    with pytest.raises(ValueError, match="at least one loss"):
        ts.inspect.grad_by_lag([], weight)
    with pytest.raises(ValueError, match=r"single number, got shape \(2,\)"):
        ts.inspect.grad_by_step(weight * 2.0, weight)
    with pytest.raises(ValueError, match="does not depend on W"):
        ts.inspect.explain(loss, other)
    with pytest.raises(ValueError, match="no state is handed"):
        ts.inspect.gradient_flow(loss)
    with pytest.raises(ValueError, match="h_t does not depend on h_s"):
        ts.inspect.jacobian_norms(other, loss)
    loss.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        ts.inspect.grad_by_step(loss, weight)
    with pytest.raises(RuntimeError, match="has freed this graph"):
        ts.inspect.saved_memory(loss)


# -- grad_by_lag -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lags():
    x, weight = normal(1, 6, 3, 2), ts.tensor(normal(2, 3, 3), requires_grad=True)
    losses, _ = plain_loop([weight] * 6, x)
    return x, weight, losses, ts.inspect.grad_by_lag(losses, weight)


def test_a_row_is_one_loss_and_the_table_sums_to_the_gradient(lags):
    _, weight, losses, table = lags
    assert table.terms.shape == (6, 6, 3, 3)
    for s, loss in enumerate(losses):
        np.testing.assert_allclose(
            table[s].numpy().sum(0), ts.grad(loss, weight, retain_graph=True).numpy(), rtol=1e-11, atol=1e-13
        )
        assert (table.norms[s, s + 1 :] == 0).all()
    whole = ts.grad(sum(losses), weight, retain_graph=True)
    np.testing.assert_allclose(table.total().numpy(), whole.numpy(), rtol=1e-11)
    np.testing.assert_allclose(table.norms[4, 1], np.linalg.norm(table[4, 1].numpy()))


@pytest.mark.parametrize("k", range(7))
def test_dropped_is_what_a_run_that_looks_back_over_k_steps_lacks(lags, k):
    x, weight, losses, table = lags
    whole = ts.grad(sum(losses), weight, retain_graph=True).numpy()
    kept = np.zeros((3, 3))
    for s in range(6):  # loss s sees the state before step s - k as a constant
        again, _ = plain_loop([weight] * 6, x, keep_state=lambda t, h, s=s: h.detach() if t == s - k else h)
        kept += ts.grad(again[s], weight).numpy()
    np.testing.assert_allclose(table.dropped(k).numpy(), whole - kept, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("length", range(1, 8))
def test_windows_drop_what_a_run_with_detached_states_lacks(lags, length):
    x, weight, losses, table = lags
    whole = ts.grad(sum(losses), weight, retain_graph=True).numpy()
    again, _ = plain_loop([weight] * 6, x, keep_state=lambda t, h: h.detach() if t % length == 0 else h)
    kept = ts.grad(sum(again), weight).numpy()
    np.testing.assert_allclose(table.dropped_by_windows(length).numpy(), whole - kept, rtol=1e-9, atol=1e-12)


def test_norms_alone_are_the_same_norms(lags):
    _, weight, losses, table = lags
    small = ts.inspect.grad_by_lag(losses, weight, norms_only=True)
    np.testing.assert_array_equal(small.norms, table.norms)
    assert small.by_lag()[0] == pytest.approx(np.trace(table.norms))
    with pytest.raises(ValueError, match="norms only"):
        small.dropped(1)
    with pytest.raises(ValueError, match="k must be at least 0"):
        table.dropped(-1)
    with pytest.raises(ValueError, match="length must be at least 1"):
        table.dropped_by_windows(0)
    assert "6 losses by 6 uses" in repr(small)


# -- gradient_flow -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_the_norms_are_those_of_gradients_at_noise_added_to_each_state(name):
    """A zero that is added to a state has the state's gradient; steps are taken by the cells' formulas."""
    net = layer(name, 2, 3, seed=4)
    x, upstream = normal(0, 5, 2, 2), normal(1, 5, 2, 3)
    output, _ = net(ts.tensor(x))
    flow = ts.inspect.gradient_flow((output * ts.tensor(upstream)).sum())
    zeros, total = {}, 0.0
    states = (ts.zeros(3, 2),) * net.states
    bias_hh = ts.reshape(net.bias_hh_l0, (-1, 1))
    for t in range(5):
        z = net.weight_ih_l0 @ ts.tensor(x[t].T)
        z = z + net.input_bias(ts.reshape(net.bias_ih_l0, (-1, 1)), bias_hh)
        before = states[0]
        states = net.step(z, states, net.weight_hh_l0, bias_hh)
        for letter in "hc"[: len(states)]:
            zeros[letter, t] = ts.zeros(3, 2).requires_grad_()
        if net.states == 2:  # h_t = o tanh(c_t), so that a change of c_t reaches h_t as well
            c = states[1] + zeros["c", t]
            o = ts.sigmoid((z + net.weight_hh_l0 @ before)[9:])
            states = (o * ts.tanh(c) + zeros["h", t], c)
        else:
            states = (states[0] + zeros["h", t],)
        total = total + (ts.transpose(states[0]) * ts.tensor(upstream[t])).sum()
    for (letter, t), zero in zeros.items():
        expected = np.linalg.norm(ts.grad(total, zero, retain_graph=True).numpy())
        assert flow.states[letter][t] == pytest.approx(expected, rel=1e-9), (letter, t)
    assert set(flow.states) == set("hc"[: net.states])
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
    norms = ts.inspect.gradient_flow(log_z).states["state"]
    np.testing.assert_allclose(norms, np.linalg.norm(ts.hmm.HMM(*tables).posterior(x).states, axis=1), rtol=1e-10)


# -- jacobian_norms ----------------------------------------------------------------------------------------------------


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
    assert (found.norms <= found.bound * (1 + 1e-9)).all()
    radius = abs(np.linalg.eigvals(net.weight_hh_l0.numpy())).max()
    assert found.spectral_radius == pytest.approx(radius)
    np.testing.assert_allclose(found.curves["spectral radius^(t-k)"][0], radius**5)


def test_the_bound_is_reached_by_a_network_without_squashing():
    """Around 0, tanh is the identity: the Jacobian is the power of the weight."""
    weight = ts.tensor(normal(0, 3, 3), requires_grad=True)
    _, states = plain_loop([weight] * 5, np.zeros((5, 3, 1)))
    found = ts.inspect.jacobian_norms(states[0], states[4])
    power = np.linalg.matrix_power(weight.numpy(), 4)
    np.testing.assert_allclose(found.jacobian, power, rtol=1e-10)
    np.testing.assert_allclose(found.norms[0], np.linalg.norm(power, 2), rtol=1e-10)


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


# -- saved_memory ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_the_bytes_are_those_that_the_death_of_the_graph_gives_back(name):
    net, x = layer(name, 32, 64, 2), ts.tensor(normal(0, 12, 64, 32))
    tracemalloc.start()
    try:
        output, _ = net(x)
        loss = (output * output).sum()
        del output, _
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        results = ts.inspect.saved_memory(loss).by_kind["result"]
        gc.collect()
        del loss
        freed = before - tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert results == pytest.approx(freed, rel=0.05)  # nodes and labels take the rest


def test_the_ledger_of_a_plain_network_is_the_one_by_hand():
    """tanh saves h_t; matmul saves W, a parameter, and h_{t-1}, which is the same array as tanh's."""
    net, T, B, width, H = layer("RNN", 5, 3), 6, 2, 5, 3
    output, _ = net(ts.tensor(normal(0, T, B, width)))
    memory = ts.inspect.saved_memory(output.sum())
    state = 8 * B * H
    assert memory.by_kind["parameter"] == 8 * (H * width + H * H)
    assert memory.by_kind["result"] == T * state
    assert memory.by_kind["constant"] == 8 * T * B * width + state  # x, and h_{-1} = 0
    assert memory.total == sum(memory.by_op.values()) == sum(memory.by_module.values()) == sum(memory.by_step.values())
    assert memory.by_step[3] == state
    assert memory.by_op["tanh"] == T * state
    # Windows of two: z of all steps, the constants, h_1 and h_3, and the two states of one window.
    assert memory.checkpointed(2) == memory.by_kind["constant"] + T * state + 2 * state + 2 * state
    assert memory.checkpointed(6) == memory.by_kind["constant"] + T * state + 6 * state
    with pytest.raises(ValueError, match="at least 1 step"):
        memory.checkpointed(0)


def test_checkpointing_an_lstm_saves_memory_and_says_so():
    output, _ = layer("LSTM", 8, 16)(ts.tensor(normal(0, 36, 4, 8)))
    memory = ts.inspect.saved_memory(output.sum())
    assert memory.checkpointed(6) < 0.85 * memory.total
    assert "checkpointed every 6 steps" in repr(memory)


def test_a_view_counts_as_the_array_that_it_keeps():
    x = ts.tensor(normal(0, 100, 2), requires_grad=True)
    memory = ts.inspect.saved_memory((ts.exp(x).T ** 2.0).sum())
    assert memory.by_op["exp"] == 1600
    assert memory.total == 3200  # exp's result, which pow's argument looks into, and pow's own
    weight = ts.tensor(normal(0, 3, 3), requires_grad=True)
    memory = ts.inspect.saved_memory((ts.ones(2, 3) @ weight.T).sum())
    assert memory.by_kind == {"result": 0, "constant": 48, "parameter": 72}


# -- explain -----------------------------------------------------------------------------------------------------------


def test_two_steps_of_a_plain_network_are_written_out():
    weight = ts.nn.Parameter(normal(0, 2, 2))
    weight.node.name = "rnn.weight_hh_l0"
    losses, _ = plain_loop([weight] * 2, normal(1, 2, 2, 1))
    explanation = ts.inspect.explain(losses[1], weight)
    assert explanation.text.splitlines() == [
        "dL/dW = the sum of 2 uses of W = rnn.weight_hh_l0, shape (2, 2): matmul at steps 0, 1",
        "",
        "             L = sum(u_1)                ∇u_1[i] = ∇L",
        "             u_1 = multiply(h_1, h_1)    ∇h_1 += ∇u_1 h_1",
        "             u_1 = multiply(h_1, h_1)    ∇h_1 += ∇u_1 h_1",
        "  step 1     h_1 = tanh(b_1)             ∇b_1 = ∇h_1 (1 - h_1²)",
        "  step 1     b_1 = add(const, a_1)       ∇a_1 = ∇b_1",
        "  step 1     a_1 = matmul(W, h_0)        ∇W += ∇a_1 h_0ᵀ",
        "  step 1     a_1 = matmul(W, h_0)        ∇h_0 = Wᵀ ∇a_1",
        "  step 0     h_0 = tanh(b_0)             ∇b_0 = ∇h_0 (1 - h_0²)",
        "  step 0     b_0 = add(const, a_0)       ∇a_0 = ∇b_0",
        "  step 0     a_0 = matmul(W, const)      ∇W += ∇a_0 constᵀ",
    ]
    assert r"&\bar {W} \mathrel{+}= \bar {a_{1}}\,{h_{0}}^\top && t = 1 \\" in explanation.tex.splitlines()
    assert r"\sum_{t=0}^{1}" in explanation.headline_tex


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_every_edge_on_the_way_is_a_line_and_long_sequences_are_elided(name):
    net = layer(name, 2, 3, 2)
    loss = (net(ts.tensor(normal(0, 30, 1, 2)))[0] ** 2.0).mean()
    explanation = ts.inspect.explain(loss, net.weight_hh_l0)
    per_step = {t: sum(line.step == t for line in explanation.lines) for t in range(30)}
    assert len({per_step[t] for t in range(1, 29)}) == 1  # the same code in every step
    assert sum(line.text.startswith(("∇W +=", "∇W =")) for line in explanation.lines) >= 30 * (1 - ("taught" in name))
    shown = re.findall(r"^ +step (\d+)", explanation.text, re.MULTILINE)
    assert set(shown) == {"29", "28", "0"}
    assert "⋮" in explanation.text
    assert explanation.tex.count("{") == explanation.tex.count("}")
    assert explanation._repr_latex_().startswith("$$")


def test_a_name_of_any_kind_breaks_neither_text_nor_tex():
    weight, other = ts.nn.Parameter([2.0]), ts.nn.Parameter([3.0])
    other.node.name = "a_b\n{$x^2$} \\end{aligned} & %" + "z" * 1000
    with ts.scope("new\nline_{"), ts.step(0):
        h = ts.tanh(weight * other)
    with ts.scope("plain"), ts.step(0):
        loss = (h * other).sum()
    explanation = ts.inspect.explain(loss, weight)
    assert len(explanation.text.splitlines()) == 2 + len(explanation.lines) == 6
    assert max(map(len, explanation.text.splitlines())) < 250
    unescaped = re.sub(r"\\[{}]", "", explanation.tex)
    assert unescaped.count("{") == unescaped.count("}")
    assert unescaped.count(r"\end") == 1
    assert not re.search(r"(?<!\\)[$%]", explanation.tex)


def test_every_op_s_rule_can_be_written_out():
    """No TeX is left in the text, and the argument's own name is on the left."""
    from tinyseq.autograd.op import OPS
    from tinyseq.inspect.explain import _plain

    for op in OPS.values():
        if not op.module.startswith("tinyseq.") or op.name.endswith("_example"):
            continue  # other tests and examples declare ops of their own
        assert "\\" not in _plain(op.tex), op.name
        assert op.vjp is None or op.tex, op.name


def test_the_second_argument_has_its_own_rule():
    w = ts.tensor(2.0, requires_grad=True)
    assert "∇W = -∇L const / W²" in ts.inspect.explain(ts.divide(3.0, w), w).text
    assert "∇W = ∇L [¬const]" in ts.inspect.explain(ts.where(True, 1.0, w), w).text
    assert "∇W = ∇u_1[1]" in ts.inspect.explain(ts.stack([ts.tensor(1.0), w]).sum(), w).text


# -- with the drawings -------------------------------------------------------------------------------------------------


def test_the_plots_take_the_results_as_they_are(lags):
    pytest.importorskip("matplotlib", reason="the plots are matplotlib figures")
    from tinyseq.viz import plots

    output, _ = layer("LSTM", 2, 3)(ts.tensor(normal(0, 5, 1, 2)))
    flow = ts.inspect.gradient_flow(output.sum())
    assert len(plots.gradient_flow(flow.states).axes[0].lines) == 2
    assert plots.lag_heatmap(lags[3].norms).axes
    states = plain_loop([ts.tensor(normal(0, 3, 3), requires_grad=True)] * 5, normal(1, 5, 3, 1))[1]
    assert len(plots.gradient_flow(ts.inspect.jacobian_norms(states[0], states[4]).curves).axes[0].lines) == 3
