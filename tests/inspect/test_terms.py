"""`grad_by_step` and what it says of a weight's uses, against copies of the weight, formulas and differences."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loops import LAYERS, SETTINGS, layer, normal, plain_loop

import tinyseq as ts


@settings(max_examples=25)
@given(lengths=st.lists(st.integers(1, 4), min_size=1, max_size=3), **SETTINGS)
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


def test_a_field_s_terms_are_the_pairs_observed_less_the_pairs_expected():
    rng = np.random.default_rng(2)
    crf, scores, tags, lengths = (
        ts.nn.CRF(3, dtype="float64"),
        rng.standard_normal((4, 2, 3)),
        rng.integers(0, 3, (4, 2)),
        [4, 2],
    )
    loss = crf.log_likelihood(scores, tags, lengths, by_step=True).sum()
    terms = ts.inspect.grad_by_step(loss, crf.transition).numpy()
    expected = np.zeros((4, 3, 3))
    for b, length in enumerate(lengths):
        weights = {}
        for path in itertools.product(range(3), repeat=length):
            total = crf.start.numpy()[path[0]] + crf.end.numpy()[path[-1]]
            total += sum(scores[t, b, tag] for t, tag in enumerate(path))
            weights[path] = np.exp(total + sum(crf.transition.numpy()[pair] for pair in itertools.pairwise(path)))
        for path, weight in [*weights.items(), (tuple(tags[:length, b]), -sum(weights.values()))]:
            for t in range(1, length):
                expected[t, path[t - 1], path[t]] -= weight / sum(weights.values())
    np.testing.assert_allclose(terms, expected, rtol=1e-9, atol=1e-12)
    (start,) = ts.grad([loss], [crf.start], retain_graph=True)
    np.testing.assert_allclose(ts.inspect.grad_by_step(loss, crf.start).numpy()[0], start.numpy(), rtol=1e-12)


@pytest.mark.host
def test_a_chain_computed_at_once_says_how_to_go_step_by_step():
    crf = ts.nn.CRF(2)
    with pytest.raises(ValueError, match=r"outside of every time step: (?s:.*)by_step=True"):
        ts.inspect.grad_by_step(crf.log_likelihood(ts.zeros(3, 2), [0, 1, 1]), crf.transition)


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


BEGINNINGS = {  # what a loop begins with, of the first scores
    "as they are": lambda scores, start: scores,
    "with an axis": lambda scores, start: scores[None].reshape(3),
    "and of another parameter": lambda scores, start: ts.tanh(scores + start) * start,
}


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("begins", BEGINNINGS)
def test_what_a_loop_begins_with_is_the_first_step_s_also_outside_of_it(begins, backward):
    """As in a conditional random field: the sum over paths begins with the first scores. Difference quotients."""
    steps, x, moves, start = 4, normal(1, 4, 2), normal(2, 3, 3), ts.tensor(normal(3, 3), requires_grad=True)
    order = [*range(steps)][:: -1 if backward else 1]

    def loss(scores):
        alpha = BEGINNINGS[begins](scores[order[0]], start)
        for t in order[1:]:
            with ts.step(t):
                alpha = ts.logsumexp(alpha[:, None] + moves, axis=0) + scores[t]
        return ts.logsumexp(alpha)

    shared = ts.tensor(normal(4, 2, 3), requires_grad=True)
    terms = ts.inspect.grad_by_step(loss(x @ shared), shared).numpy()
    assert terms.shape == (steps, 2, 3)
    for t, row, column in itertools.product(range(steps), range(2), range(3)):
        moved = []
        for way in (1e-6, -1e-6):
            copies = np.stack([shared.numpy()] * steps)
            copies[t, row, column] += way
            moved.append(loss(ts.stack([ts.tensor(x[i] @ copies[i]) for i in range(steps)])).item())
        np.testing.assert_allclose(terms[t, row, column], (moved[0] - moved[1]) / 2e-6, rtol=1e-5, atol=1e-8)
    whole = ts.inspect.grad_by_step(loss(x @ shared), start).numpy() if "other" in begins else None
    assert whole is None or np.flatnonzero(np.abs(whole).sum(axis=1)).tolist() == [order[0]]


def test_what_a_loop_reads_at_other_steps_than_its_own_is_no_first_state():
    """The rows of a table are no sequence: one that is read outside of the loop belongs to the step that uses it."""
    table, w, h = ts.tensor(normal(1, 4, 3), requires_grad=True), ts.tensor(normal(2, 3, 3)), None
    h = table[0]
    for t, row in ((1, 3), (2, 1)):
        with ts.step(t):
            h = ts.tanh(w @ h + table[row])
    terms = ts.inspect.grad_by_step(h.sum(), table).numpy()
    assert np.abs(terms).sum(axis=(1, 2)).astype(bool).tolist() == [False, True, True]
