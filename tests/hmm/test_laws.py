"""Laws that hold for every model: what may be changed without changing the answers."""

import numpy as np
import pytest
from hmm.models import random_data, random_model
from hypothesis import given
from hypothesis import strategies as st

from tinyseq.hmm import HMM, best_score, chain, log_partition
from tinyseq.hmm.inference.semirings import LOG, MAX, SUM_PRODUCT

SEEDS = st.integers(0, 2**32 - 1)
QUIET = {"divide": "ignore"}


def logs(*tables):
    with np.errstate(**QUIET):
        return [np.log(table) for table in tables]


@given(SEEDS, st.sampled_from([3, 4]))
def test_an_n_gram_chain_is_a_bigram_chain_on_histories(seed, order):
    """States are histories of n - 1 states; an arc exists where one history continues the other."""
    rng = np.random.default_rng(seed)
    size, steps = 2, 6
    model = random_model(rng, size, 3, order, zeros=0.2)
    x = rng.integers(0, 3, steps)
    histories = list(np.ndindex(*(size,) * (order - 1)))
    square = np.full((len(histories),) * 2, -np.inf)
    for i, before in enumerate(histories):
        for j, after in enumerate(histories):
            if before[1:] == after[:-1]:
                square[i, j] = logs(model.transition[(*before, after[-1])])[0]
    # The first n - 1 observations together are the first step of the chain of histories.
    emission = logs(model.emission[:, x])[0].T
    start = logs(*model.initial)
    first = np.array([sum(start[i][h[: i + 1]] + emission[i, h[i]] for i in range(order - 1)) for h in histories])
    rest = np.array([[emission[t, h[-1]] for h in histories] for t in range(order - 1, steps)])
    squared = chain(first, square, np.concatenate([np.zeros((1, len(histories))), rest]))
    np.testing.assert_allclose(model.log_likelihood(x), squared.item(), rtol=1e-11, atol=1e-11)


@given(SEEDS)
def test_a_trigram_that_ignores_the_oldest_state_is_a_bigram(seed):
    rng = np.random.default_rng(seed)
    two = random_model(rng, 3, 4, zeros=0.2)
    three = HMM((two.initial, two.transition), np.broadcast_to(two.transition, (3, 3, 3)), two.emission)
    four = HMM((*three.initial, three.transition), np.broadcast_to(two.transition, (3,) * 4), two.emission)
    data = [x for x in random_data(rng, 4, [7, 1, 0, 3, 2]) if np.isfinite(two.log_likelihood(x))] or [[]]
    for other in (three, four):
        np.testing.assert_allclose(other.log_likelihood(data), two.log_likelihood(data), rtol=1e-12, atol=1e-13)
        for x, one, same in zip(data, two.viterbi(data), other.viterbi(data), strict=True):
            np.testing.assert_allclose(same.log_prob, one.log_prob, rtol=1e-12)
            if one.path.tolist() != same.path.tolist():  # the same arcs in another order: equal but for rounding
                np.testing.assert_allclose(two.log_likelihood(x, states=list(same.path)), one.log_prob, rtol=1e-12)
        for one, same in zip(two.posterior(data), other.posterior(data), strict=True):
            np.testing.assert_allclose(same.states, one.states, atol=1e-12)


@given(SEEDS, st.sampled_from([LOG, MAX]))
def test_a_chain_read_backwards_has_the_same_value(seed, semiring):
    rng = np.random.default_rng(seed)
    initial, transition, emission, end = (
        rng.normal(size=3),
        rng.normal(size=(3, 3)),
        rng.normal(size=(5, 3)),
        rng.normal(size=3),
    )
    forwards = chain(initial, transition, emission, end, semiring=semiring)
    backwards = chain(end, transition.T, emission[::-1], initial, semiring=semiring)
    np.testing.assert_allclose(forwards.numpy(), backwards.numpy(), rtol=1e-12)


@given(SEEDS, st.sampled_from([2, 3]))
def test_renaming_states_renames_the_answers(seed, order):
    rng = np.random.default_rng(seed)
    model = random_model(rng, 3, 4, order)
    new = rng.permutation(3)
    initial = model.initial if order > 2 else (model.initial,)
    renamed = HMM(
        tuple(table[np.ix_(*(new,) * table.ndim)] for table in initial),
        model.transition[np.ix_(*(new,) * order)],
        model.emission[new],
    )
    data = random_data(rng, 4, [6, 2, 0])
    np.testing.assert_allclose(renamed.log_likelihood(data), model.log_likelihood(data), rtol=1e-12)
    for one, other in zip(model.posterior(data), renamed.posterior(data), strict=True):
        np.testing.assert_allclose(other.states, one.states[:, new], atol=1e-12)


@given(SEEDS, st.floats(-50, 50))
def test_shifting_the_scores_of_a_step_shifts_the_value(seed, shift):
    rng = np.random.default_rng(seed)
    initial, transition, emission = rng.normal(size=3), rng.normal(size=(3, 3)), rng.normal(size=(5, 3))
    moved = emission.copy()
    moved[2] += shift
    for run in (log_partition, best_score):
        wanted = run(initial, transition, emission).item() + shift
        np.testing.assert_allclose(run(initial, transition, moved).item(), wanted, rtol=1e-12, atol=1e-12)


@given(SEEDS, st.sampled_from([2, 3]))
def test_batching_and_order_change_nothing(seed, order):
    rng = np.random.default_rng(seed)
    model = random_model(rng, 4, 5, order, zeros=0.2)
    data = random_data(rng, 5, rng.integers(0, 12, rng.integers(1, 30)))
    data = [x for x in data if np.isfinite(model.log_likelihood(x))] or [[]]
    shuffled = rng.permutation(len(data))
    together, mixed = model.viterbi(data), model.viterbi([data[i] for i in shuffled])
    for i, x in enumerate(data):
        alone = model.viterbi(x)
        assert alone.log_prob == together[i].log_prob  # bit for bit
        assert alone.path.tolist() == together[i].path.tolist()
    for place, i in enumerate(shuffled):
        assert mixed[place].log_prob == together[i].log_prob
        assert mixed[place].path.tolist() == together[i].path.tolist()
    alone = [model.log_likelihood(x) for x in data]
    np.testing.assert_allclose(model.log_likelihood(data), alone, rtol=1e-12, atol=1e-12)


@given(SEEDS)
def test_posteriors_of_transitions_and_of_states_agree(seed):
    rng = np.random.default_rng(seed)
    model = random_model(rng, 3, 4, 3)
    posterior = model.posterior(rng.integers(0, 4, 8))
    np.testing.assert_allclose(posterior.transitions.sum(axis=(2, 3)), posterior.states[:-2], atol=1e-12)
    np.testing.assert_allclose(posterior.transitions.sum(axis=(1, 3)), posterior.states[1:-1], atol=1e-12)
    np.testing.assert_allclose(posterior.transitions.sum(axis=(1, 2, 3)), 1, rtol=1e-12)


def test_all_sequences_of_one_length_have_probability_one():
    rng = np.random.default_rng(0)
    model = random_model(rng, 3, 2, 3)
    every = [list(map(int, f"{i:05b}")) for i in range(32)]
    assert np.exp(model.log_likelihood(every)).sum() == pytest.approx(1, rel=1e-12)


def test_time_varying_transitions_lead_into_the_step_that_they_are_for():
    """The first table leads into the second state: an error by one would exchange the tables."""
    stay, swap = np.eye(2), np.eye(2)[::-1]
    model = HMM([1.0, 0.0], np.stack([swap, stay, swap]), np.full((2, 1), 1.0))
    assert model.viterbi([0, 0, 0, 0]).path.tolist() == [0, 1, 1, 0]
    assert model.posterior([0, 0, 0, 0]).states.argmax(axis=1).tolist() == [0, 1, 1, 0]
    assert model.sample(4, np.random.default_rng(0)).states.tolist() == [0, 1, 1, 0]
    assert model.kbest([0, 0, 0, 0], 1)[0].path.tolist() == [0, 1, 1, 0]
    assert set(map(tuple, model.sample_posterior([0] * 4, 3, np.random.default_rng(0)))) == {(0, 1, 1, 0)}
    with pytest.raises(ValueError, match="tables for sequences of up to 4 steps; the one drawn is longer"):
        model.sample(5)
    assert repr(model) == "HMM(n=2, states=2, symbols=1, at most 4 steps)"
    with pytest.raises(ValueError, match="got one of 4; for a model with n = 3, initial is a tuple of 2 tables"):
        HMM([0.5, 0.5], np.full((2, 2, 2), 0.5), np.ones((2, 1))).viterbi([0] * 4)
    for too_long in (model.log_likelihood, model.viterbi, model.posterior):
        with pytest.raises(ValueError, match="transition has tables for sequences of up to 4 steps, got one of 5"):
            too_long([0] * 5)


def test_constant_transitions_may_be_given_for_each_step():
    rng = np.random.default_rng(1)
    model = random_model(rng, 3, 4)
    varying = HMM(model.initial, np.broadcast_to(model.transition, (9, 3, 3)), model.emission)
    data = random_data(rng, 4, [10, 3, 1, 0])
    np.testing.assert_array_equal(varying.log_likelihood(data), model.log_likelihood(data))
    for one, other in zip(model.posterior(data), varying.posterior(data), strict=True):
        np.testing.assert_array_equal(one.transitions, other.transitions)


@pytest.mark.slow
def test_a_hundred_thousand_steps_of_a_hundred_states_stay_finite_and_normalised():
    rng = np.random.default_rng(2)
    model = random_model(rng, 100, 50)
    x = rng.integers(0, 50, 100_000)
    posterior = model.posterior(x)
    assert np.isfinite(posterior.log_likelihood)
    np.testing.assert_allclose(posterior.states.sum(axis=1), 1, rtol=1e-9)
    assert posterior.log_likelihood == pytest.approx(model.log_likelihood(x), rel=1e-12)
    assert model.viterbi(x).log_prob < posterior.log_likelihood


def test_the_value_of_probabilities_is_that_of_their_logs():
    rng = np.random.default_rng(3)
    model = random_model(rng, 3, 4)
    x = rng.integers(0, 4, 6)
    value = chain(model.initial, model.transition, model.emission[:, x].T, semiring=SUM_PRODUCT)
    assert value.item() == pytest.approx(np.exp(model.log_likelihood(x)))
