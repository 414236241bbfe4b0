"""The numbers of hmmlearn, from its C++ code."""

import numpy as np
import pytest
from hmm.models import random_data, random_model
from hypothesis import given
from hypothesis import strategies as st
from oracles import oracle

from tinyseq.hmm import HMM, Gaussian, GaussianMixture, Multinomial

hmmlearn = oracle("hmmlearn.hmm")


def theirs(model, **settings):
    made = hmmlearn.CategoricalHMM(len(model.states), n_features=len(model.symbols), **settings)
    made.startprob_, made.transmat_, made.emissionprob_ = model.initial, model.transition, model.emission
    return made


@given(st.integers(0, 2**32 - 1), st.sampled_from(["log", "scaling"]))
def test_log_likelihoods_posteriors_and_paths(seed, implementation):
    rng = np.random.default_rng(seed)
    model = random_model(rng, rng.integers(1, 6), rng.integers(1, 8))
    data = random_data(rng, len(model.symbols), rng.integers(1, 30, size=5))
    other, x = theirs(model, implementation=implementation), np.concatenate(data)[:, None]
    lengths = [len(s) for s in data]
    np.testing.assert_allclose(model.log_likelihood(data).sum(), other.score(x, lengths), rtol=1e-9, atol=1e-12)
    posterior = np.concatenate([p.states for p in model.posterior(data)])
    np.testing.assert_allclose(posterior, other.predict_proba(x, lengths), rtol=1e-9, atol=1e-12)
    score, path = other.decode(x, lengths)
    decodings = model.viterbi(data)
    np.testing.assert_allclose(sum(d.log_prob for d in decodings), score, rtol=1e-9, atol=1e-12)
    starts = np.cumsum([0, *lengths])
    for s, decoding, start in zip(data, decodings, starts, strict=False):
        best = model.kbest(s, 2)
        if len(best) < 2 or best[0].log_prob - best[1].log_prob > 1e-9:  # of equally good paths, either may be found
            np.testing.assert_array_equal(decoding.path, path[start : start + len(s)])


@given(st.integers(0, 2**32 - 1))
def test_steps_of_baum_welch(seed):
    rng = np.random.default_rng(seed)
    model = random_model(rng, 3, 5)
    data = random_data(rng, 5, rng.integers(1, 20, size=6))
    steps = 4
    other = theirs(model, n_iter=steps, tol=-np.inf, init_params="")
    other.fit(np.concatenate(data)[:, None], [len(s) for s in data])
    fitted = model.fit_em(data, max_steps=steps, tolerance=-np.inf)
    np.testing.assert_allclose(fitted.log_likelihoods[:steps], other.monitor_.history, rtol=1e-9)
    np.testing.assert_allclose(fitted.model.initial, other.startprob_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fitted.model.transition, other.transmat_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fitted.model.emission, other.emissionprob_, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["diag", "full"])
def test_gaussian_emissions(kind):
    rng = np.random.default_rng(0)
    start, transition, means = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(3), 3), rng.normal(size=(3, 2)) * 2
    roots = rng.normal(size=(3, 2, 2))
    covariances = rng.uniform(0.5, 2, (3, 2)) if kind == "diag" else roots @ roots.swapaxes(1, 2) + np.eye(2)
    other = hmmlearn.GaussianHMM(
        3,
        kind,
        init_params="",
        n_iter=3,
        tol=-np.inf,
        covars_prior=0,
        covars_weight=0 if kind == "full" else 1,
        means_weight=0,
        min_covar=0,
    )
    other.startprob_, other.transmat_, other.means_, other.covars_ = start, transition, means, covariances
    model = HMM(start, transition, Gaussian(means, covariances, floor=1e-12))
    data = [rng.normal(size=(n, 2)) * 2 for n in (40, 7, 1)]
    x, lengths = np.concatenate(data), [len(s) for s in data]
    np.testing.assert_allclose(model.log_likelihood(data).sum(), other.score(x, lengths), rtol=1e-9)
    posterior = np.concatenate([p.states for p in model.posterior(data)])
    np.testing.assert_allclose(posterior, other.predict_proba(x, lengths), rtol=1e-9, atol=1e-12)
    other.fit(x, lengths)
    fitted = model.fit_em(data, max_steps=3, tolerance=-np.inf).model
    np.testing.assert_allclose(fitted.emissions.means, other.means_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fitted.transition, other.transmat_, rtol=1e-9, atol=1e-12)
    found = HMM.from_hmmlearn(other).emissions.covariances
    np.testing.assert_allclose(fitted.emissions.covariances, found, rtol=1e-9, atol=1e-12)


def test_a_model_of_counts_is_no_model_of_symbols():
    other = hmmlearn.MultinomialHMM(2, n_trials=5, init_params="")
    other.startprob_, other.transmat_, other.emissionprob_ = [0.5, 0.5], np.eye(2), np.eye(2)
    found = HMM.from_hmmlearn(other)
    assert isinstance(found.emissions, Multinomial)
    assert found.emissions.trials == 5


@pytest.mark.parametrize("kind", ["diag", "full"])
def test_small_variances_are_taken_as_they_are(kind):
    other = hmmlearn.GaussianHMM(2, kind, init_params="")
    other.n_features = 2
    other.startprob_, other.transmat_, other.means_ = [0.5, 0.5], np.eye(2), np.eye(2)
    other.covars_ = np.full((2, 2), 1e-9) if kind == "diag" else np.tile(1e-9 * np.eye(2), (2, 1, 1))
    emission = HMM.from_hmmlearn(other).emissions
    np.testing.assert_allclose(emission.covariances, other.covars_ if kind == "full" else np.full((2, 2), 1e-9))
    assert emission.floor is None


@pytest.mark.parametrize("kind", ["spherical", "diag", "full", "tied"])
def test_a_gaussian_model_can_be_used_by_hmmlearn_at_once(kind):
    rng = np.random.default_rng(0)
    covariances = {"spherical": [1.0, 2.0], "diag": np.ones((2, 3)), "full": [np.eye(3)] * 2, "tied": np.eye(3)}[kind]
    emission = Gaussian(rng.normal(size=(2, 3)), covariances, covariance_type=kind)
    model = HMM([0.4, 0.6], [[0.9, 0.1], [0.2, 0.8]], emission)
    x = model.sample(50, rng).observations
    other = model.to_hmmlearn()
    assert other.score(x) == pytest.approx(model.log_likelihood(x))
    assert other.predict(x).tolist() == model.viterbi(x).path.tolist()
    assert other.sample(5)[0].shape == (5, 3)
    again = HMM.from_hmmlearn(other)
    assert again.emissions.covariance_type == kind
    assert again.log_likelihood(x) == pytest.approx(model.log_likelihood(x))
    other.fit(x)


@pytest.mark.parametrize("kind", ["spherical", "diag", "full", "tied"])
def test_a_mixture_goes_to_hmmlearn_and_back(kind):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2)) + rng.integers(0, 3, (60, 1))
    other = hmmlearn.GMMHMM(2, 3, covariance_type=kind, random_state=0, n_iter=3).fit(x)
    model = HMM.from_hmmlearn(other)
    assert model.log_likelihood(x) == pytest.approx(other.score(x), rel=1e-9)
    assert model.viterbi(x).path.tolist() == other.predict(x).tolist()
    np.testing.assert_allclose(model.posterior(x).states, other.predict_proba(x), rtol=1e-6, atol=1e-9)
    back = model.to_hmmlearn(learn={"means", "weights"})
    assert back.score(x) == pytest.approx(other.score(x), rel=1e-9)
    assert sorted(back.params) == ["m", "w"]
    back.fit(x)
    shared = GaussianMixture(np.full((2, 2), 0.5), rng.normal(size=(2, 2, 2)), 2 * np.eye(2), covariance_type="tied")
    ours = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], shared)
    assert ours.to_hmmlearn().score(x) == pytest.approx(ours.log_likelihood(x), rel=1e-9)


@given(
    kind=st.sampled_from(["spherical", "diag", "full", "tied"]),
    states=st.integers(1, 3),
    size=st.integers(1, 3),
    listed=st.booleans(),
)
def test_a_gaussian_model_made_by_hand_is_taken_as_its_manual_makes_it(kind, states, size, listed):
    """Its tables are set, and nothing is fitted, scored or sampled before."""
    rng = np.random.default_rng(states * size)
    matrices = np.array([np.eye(size) * c for c in rng.uniform(0.5, 2, states)])
    covariances = {
        "spherical": matrices[:, 0, 0],
        "diag": np.diagonal(matrices, axis1=1, axis2=2),
        "full": matrices,
        "tied": matrices[0],
    }[kind]
    other = hmmlearn.GaussianHMM(states, kind)
    means = rng.normal(size=(states, size))
    other.startprob_, other.transmat_ = np.full(states, 1 / states), np.full((states, states), 1 / states)
    other.means_, other.covars_ = means.tolist() if listed else means, covariances
    found = HMM.from_hmmlearn(other)
    assert "n_features" not in vars(other)  # which stays as it is
    np.testing.assert_array_equal(found.emissions.covariances, covariances)
    x = rng.normal(size=(5, size))
    np.testing.assert_allclose(found.log_likelihood(x), other.score(x), rtol=1e-9, atol=1e-12)
