"""Filtering, prediction and the forward table, against the enumeration of all paths."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given

from tinyseq.hmm import HMM, Filter, Gaussian, GaussianMixture, ImpossibleSequenceError, Poisson, Shared, StudentT

from .models import SEQUENCES, SYMBOLS, models, random_model


def joint(model, x, ahead=0):
    """P(path, x, and it goes on to the last state) of every path of len(x) + ahead states; no end after it."""
    initial = model.initial if model.n > 2 else (model.initial,)
    n, found = model.n, {}
    for path in product(range(len(model.states)), repeat=len(x) + ahead):
        p = 1.0
        for t, state in enumerate(path):
            if t < n - 1:
                p *= initial[t][path[: t + 1]]
            else:
                table = model.transition if model.longest is None else model.transition[t - n + 1]
                p *= table[path[t - n + 1 : t + 1]]
            if t < len(x) and x[t] is not None:
                p *= model.emission[state, SYMBOLS.index(x[t] if x[t] in SYMBOLS else "w")]
        found[path] = p
    return found


def by_state(found, t, size):
    return np.array([sum(p for path, p in found.items() if path[t] == k) for k in range(size)])


@given(models(), SEQUENCES)
def test_filter_predict_and_the_table_are_sums_over_all_paths(model, data):
    size = len(model.states)
    for x in data:
        alpha = np.array([by_state(joint(model, x[: t + 1]), t, size) for t in range(len(x))]).reshape(-1, size)
        table = model.forward_table(x)
        np.testing.assert_allclose(table.alpha, alpha, rtol=1e-9, atol=1e-15)
        with np.errstate(divide="ignore"):
            np.testing.assert_allclose(np.exp(model.forward_table(x, scale="log").alpha), alpha, rtol=1e-9, atol=1e-15)
            np.testing.assert_allclose(table.log_likelihoods, np.log(alpha.sum(axis=1)), rtol=1e-9, atol=1e-12)
        online = Filter(model)
        if (alpha.sum(axis=1) == 0).any():
            place = int(np.argmax(alpha.sum(axis=1) == 0))
            with pytest.raises(ImpossibleSequenceError) as error:
                model.filter(x)
            assert error.value.position == place
            for item in x[:place]:
                online.update(item)
            before = online.log_likelihood
            with pytest.raises(ImpossibleSequenceError, match=f"step {place} is impossible") as error:
                online.update(x[place])
            assert (error.value.position, online.steps, online.log_likelihood) == (place, place, before)
            continue
        expected = alpha / alpha.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(model.filter(x), expected, rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(model.forward_table(x, scale="step").alpha, expected, rtol=1e-9, atol=1e-15)
        for t, item in enumerate(x):
            np.testing.assert_allclose(online.update(item), expected[t], rtol=1e-9, atol=1e-15)
        assert online.steps == len(x)
        steps = 2 if model.longest is None else min(2, model.longest - len(x))
        if steps < 1:
            continue
        total = sum(joint(model, x).values())
        states = [by_state(joint(model, x, h), len(x) + h - 1, size) / total for h in range(1, steps + 1)]
        for ahead in (model.predict(x, steps), online.predict(steps)):
            np.testing.assert_allclose(ahead.states, states, rtol=1e-9, atol=1e-15)
            np.testing.assert_allclose(ahead.observations, states @ model.emission, rtol=1e-9, atol=1e-15)


@given(models(zeros=False), SEQUENCES)
def test_a_list_gives_what_each_sequence_gives(model, data):
    for query in (model.filter, lambda x: model.forward_table(x, scale="log"), lambda x: model.predict(x, 1)):
        if model.longest is not None and query("x") is not None and max(map(len, data)) >= model.longest:
            continue
        for one, alone in zip(query(data), map(query, data), strict=True):
            first, second = (part if isinstance(part, np.ndarray) else part[0] for part in (one, alone))
            np.testing.assert_allclose(first, second, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("n", [2, 3])
def test_at_the_last_step_filter_and_posterior_agree_in_long_sequences(n):
    rng = np.random.default_rng(n)
    model, x = random_model(rng, 4, 5, n), rng.integers(0, 5, 3000)
    filtered = model.filter(x)
    np.testing.assert_allclose(filtered[-1], model.posterior(x).states[-1], rtol=1e-9)
    np.testing.assert_allclose(model.forward_table(x).log_likelihoods[-1], model.log_likelihood(x), rtol=1e-12)
    known = [None] * 2999 + [2]
    np.testing.assert_array_equal(model.filter(x, known)[-1], [0, 0, 1, 0])


def test_the_memory_of_an_online_filter_is_constant():
    import pickle

    model = random_model(np.random.default_rng(0), 3, 4, 3)
    online, sizes = Filter(model), set()
    for t in range(300):
        online.update(t % 4 if t % 7 else None)
        sizes.add(len(pickle.dumps(online)) if t > 5 else 0)
    assert max(sizes) - min(sizes - {0}) < 32
    assert online.steps == 300
    np.testing.assert_allclose(online.states, model.filter([t % 4 if t % 7 else None for t in range(300)])[-1])


FAMILIES = {
    "Gaussian": (Gaussian([[0.0, 1.0], [4.0, 5.0]], np.ones((2, 2))), [[0.0, 1.0], [4.0, 5.0]]),
    "Poisson": (Poisson([1.0, 8.0]), [[1.0], [8.0]]),
    "GaussianMixture": (
        GaussianMixture([[0.25, 0.75], [1, 0]], [[0.0, 4.0], [1.0, 9.0]], np.ones((2, 2))),
        [[3.0], [1.0]],
    ),
    "StudentT": (StudentT([1.0, 2.0], [1.0, 1.0], df=[1.0, 3.0]), [[np.nan], [2.0]]),
    "Shared": (Shared(Poisson([1.0, 8.0]), [1, 0]), [[8.0], [1.0]]),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_predictions_of_numbers_are_means(family):
    emission, means = FAMILIES[family]
    model = HMM([0.5, 0.5], [[0.6, 0.3], [0.1, 0.7]], emission, end=[0.1, 0.2])
    x = model.sample(4, np.random.default_rng(0)).observations
    ahead = model.predict(x, 3)
    going_on = ahead.states.sum(axis=1, keepdims=True)
    assert (np.diff(going_on[:, 0]) < 0).all()
    np.testing.assert_allclose(ahead.observations, ahead.states @ np.array(means) / going_on)
    online = Filter(model)
    for item in x:
        online.update(item)
    online.update(None)
    np.testing.assert_allclose(online.states * ahead.states[0].sum(), ahead.states[0])


def test_long_predictions_come_to_the_stationary_distribution():
    model = random_model(np.random.default_rng(3), 3, 4, 3)
    np.testing.assert_allclose(model.predict([0, 1, 2], 400).states[-1], model.stationary(), rtol=1e-8)


def test_bad_questions_say_what_is_wrong():
    model = HMM([1, 0], [[0, 1], [1, 0]], [[1, 0], [0, 1]], states="AB", symbols="ab")
    online = Filter(model)
    with pytest.raises(ValueError, match="no state before the first observation"):
        _ = online.states
    with pytest.raises(ValueError, match="step 0: 'z' is not a symbol of this model"):
        online.update("z")
    online.update("a")
    with pytest.raises(ImpossibleSequenceError, match="only 'A' can emit 'a', but the states possible now are 'B'"):
        online.update("a")
    with pytest.raises(ValueError, match="scale must be one of 'none', 'step', 'log', got 'logs'"):
        model.forward_table("ab", scale="logs")
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        model.predict("ab", 0)
    short = HMM([1.0], [[[1.0]]], [[1.0]])
    with pytest.raises(ValueError, match="up to 2 steps; step 2 has none"):
        short.predict([0, 0], 1)
    assert "alpha by step" in model.forward_table("ab")._repr_html_()
    assert "steps ahead" in model.predict("ab")._repr_html_()
