"""Priors: what a step maximises with them, over every class of emissions."""

import numpy as np
import pytest
from hmm.families import CASES, observations
from hmm.models import random_model
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import oracle

from tinyseq.hmm import HMM, Categorical, Gaussian, HMMEstimator, Multinomial, Poisson, Shared, hmmlearn_priors
from tinyseq.hmm.emissions import kinds
from tinyseq.hmm.learning.priors import Priors

seeds = st.integers(0, 2**32 - 1)
CONJUGATE = [name for name, case in CASES.items() if case.make(np.random.default_rng(0)).conjugate]


def scatter(rng, kind, lead, size):
    roots = rng.normal(size=(*lead, size, size))
    full = roots @ roots.swapaxes(-1, -2)
    variances = np.diagonal(full, axis1=-2, axis2=-1).copy()
    return {"full": full, "tied": full[(0,) * len(lead)], "diag": variances, "spherical": variances[..., 0]}[kind]


def random_priors(rng, emission):
    """A prior of each array that takes one: sometimes numbers, sometimes arrays."""
    inner, found = emission.emission if isinstance(emission, Shared) else emission, {}
    simple = rng.random() < 0.3
    for name in emission.conjugate:
        table = np.asarray(getattr(inner, "probabilities" if name == "emission" else name))
        if name in ("emission", "probabilities", "weights"):
            found[name] = 1.5 if simple else 1 + rng.gamma(1.0, size=table.shape)
        elif name == "rates":
            found[name] = (
                (2.0, 0.5) if simple else (1 + rng.gamma(1.0, size=table.shape), rng.gamma(1.0, size=table.shape))
            )
        elif name == "means":
            lead = table.shape[:-1]
            found[name] = (0.5, 2.0) if simple else (rng.normal(size=table.shape), rng.gamma(1.0, size=lead))
        else:
            lead = inner.means.shape[:-1]
            value = scatter(rng, inner.covariance_type, lead, inner.size)
            count = rng.gamma(1.0) if inner.covariance_type == "tied" else rng.gamma(1.0, size=lead)
            found[name] = (1.0, 2.0) if simple else (value, count)
    return {name: prior for name, prior in found.items() if rng.random() < 0.8}


def test_every_class_of_emissions_is_tried():
    tried = {type(CASES[name].make(np.random.default_rng(0))).__name__ for name in CONJUGATE}
    having = {name for name, kind in kinds().items() if kind.conjugate and kind.__module__.startswith("tinyseq.")}
    assert having | {"Shared"} == tried


@pytest.mark.filterwarnings("ignore:a variance of state")
@pytest.mark.parametrize("name", CONJUGATE)
@given(seeds)
@settings(max_examples=12)
def test_the_objective_never_falls(name, seed):
    rng = np.random.default_rng(seed)
    order, end = int(rng.integers(2, 4)), bool(rng.random() < 0.5)
    tables = random_model(rng, 3, 2, order, zeros=0.2, end=end)
    emission = CASES[name].make(rng)
    model = HMM(tables.initial, tables.transition, emission, end=tables.end)
    x = [observations(emission, rng, length) for length in (7, 1, 12)]
    priors = random_priors(rng, emission)
    if rng.random() < 0.7:
        priors["initial"] = 1.5 if order == 2 else (2.0, 1.5)
        priors["transition"] = 1 + rng.gamma(1.0, size=tables.transition.shape)
    if end and rng.random() < 0.7:
        priors["end"] = (1.5, [2.0, 1.0, 3.0])
    known = ["initial", "transition", "emission", "end"]
    learn = {part for part in known if rng.random() < 0.8}
    if "emission" not in learn and rng.random() < 0.5:
        learn |= {part for part in emission.arrays if rng.random() < 0.5}
    fitted = model.fit_em(x, max_steps=6, tolerance=-np.inf, priors=priors, learn=learn)
    curve = np.array(fitted.objectives)
    assert len(curve) == 7
    assert (np.diff(curve) >= -1e-8 * np.maximum(np.abs(curve[1:]), 1)).all()
    found = fitted.model
    wanted = found.log_likelihood(x).sum() + Priors(model.parameters, priors).log_density(found.parameters)
    np.testing.assert_allclose(curve[-1], wanted, rtol=1e-9)
    for before, after in zip(
        (*model.parameters.tables, model.transition), (*found.parameters.tables, found.transition), strict=True
    ):
        assert (after[before == 0] == 0).all()


@pytest.mark.parametrize("name", [name for name in CONJUGATE if CASES[name].closed and name != "Shared"])
@given(seeds)
@settings(max_examples=12)
def test_a_fit_is_a_maximum_of_the_weighted_density_and_the_prior(name, seed):
    rng = np.random.default_rng(seed)
    model = CASES[name].make(rng)
    rows = model.read([observations(model, rng, 20)]).data
    weights = rng.dirichlet(np.ones(3), 20)
    priors = random_priors(rng, model)

    def value(candidate):
        return (weights * candidate.scores(rows).logs(np.arange(20)).T).sum() + candidate.log_prior(priors)

    best = model.learned(rows, weights, priors=priors)
    for _ in range(10):
        assert value(nearby(best, rng)) <= value(best) + 1e-9 * abs(value(best))


def nearby(model, rng, size=1e-3):
    """A model whose arrays differ a little."""
    if isinstance(model, Categorical | Multinomial):
        table = model.probabilities * np.exp(size * rng.normal(size=model.probabilities.shape))
        table /= table.sum(axis=1, keepdims=True)
        return Categorical(table) if isinstance(model, Categorical) else model.replaced(probabilities=table)
    if isinstance(model, Poisson):
        return model.replaced(rates=model.rates * np.exp(size * rng.normal(size=model.rates.shape)))
    shift = size * rng.normal(size=model.covariances.shape)
    if model.full:
        turn = np.eye(model.size) + size * rng.normal(size=(*model.covariances.shape[:-2], model.size, model.size))
        return model.replaced(
            means=model.means + size * rng.normal(size=model.means.shape),
            covariances=turn @ model.covariances @ turn.swapaxes(-1, -2),
        )
    return model.replaced(
        means=model.means + size * rng.normal(size=model.means.shape), covariances=model.covariances * np.exp(shift)
    )


@pytest.mark.parametrize("kind", ["spherical", "diag", "full", "tied"])
@pytest.mark.parametrize("learn", ["stmc", "mc", "m", "st"])  # its "c" without "m" counts no observations
def test_hmmlearn_finds_the_same(kind, learn):
    hmmlearn = oracle("hmmlearn.hmm")
    rng = np.random.default_rng(0)
    emission = CASES[f"Gaussian {kind}"].make(rng)
    model = HMM(rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(3), 3), emission)
    x = [model.sample(30, rng).observations for _ in range(3)]
    mean, spread = rng.normal(size=(3, 2)), scatter(rng, kind, (3,), 2)
    if kind == "spherical":
        spread = np.array(0.7)  # hmmlearn would add (3,) to the columns of (3, 2)
    theirs = {"startprob_prior": 2.0, "transmat_prior": 1 + rng.gamma(1.0, size=(3, 3))}
    theirs |= {"means_prior": mean, "means_weight": 1.5, "covars_prior": spread, "covars_weight": 5.0}
    other = hmmlearn.GaussianHMM(3, kind, n_iter=4, tol=-np.inf, init_params="", params=learn, min_covar=0, **theirs)
    other.startprob_, other.transmat_ = model.initial, model.transition
    other.means_, other.covars_ = emission.means, emission.covariances
    other.fit(np.concatenate(x), [30] * 3)
    more = 5.0 - (1 if kind in ("spherical", "diag") else 2)
    priors = {
        "initial": 2.0,
        "transition": theirs["transmat_prior"],
        "means": (mean, 1.5),
        "covariances": (spread, more),
    }
    names = {"s": "initial", "t": "transition", "m": "means", "c": "covariances"}
    fitted = model.fit_em(x, max_steps=4, tolerance=-np.inf, priors=priors, learn={names[c] for c in learn})
    np.testing.assert_allclose(fitted.log_likelihoods[:4], other.monitor_.history, rtol=1e-8)
    found = HMM.from_hmmlearn(other)
    np.testing.assert_allclose(fitted.model.initial, found.initial, rtol=1e-7)
    np.testing.assert_allclose(fitted.model.transition, found.transition, rtol=1e-7)
    np.testing.assert_allclose(fitted.model.emissions.means, found.emissions.means, rtol=1e-7)
    np.testing.assert_allclose(fitted.model.emissions.covariances, found.emissions.covariances, rtol=1e-7)


@pytest.mark.parametrize(
    "name", ["Categorical", *(f"Gaussian {kind}" for kind in ("spherical", "diag", "full", "tied"))]
)
def test_hmmlearn_learns_the_same_after_a_conversion_and_the_priors_come_back(name):
    oracle("hmmlearn.hmm")
    rng = np.random.default_rng(1)
    emission = CASES[name].make(rng)
    model = HMM(rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(3), 3), emission)
    x = [np.asarray(model.sample(25, rng).observations) for _ in range(3)]
    priors = {"initial": [2.0, 1.0, 3.0], "transition": 1.5}
    if name == "Categorical":
        priors["emission"] = 1 + rng.gamma(1.0, size=(3, 4))
    else:
        more = 0.5 if emission.covariance_type in ("full", "tied") else [0.5, 2.0, 1.0]
        priors |= {"means": (rng.normal(size=(3, 2)), more), "covariances": (0.7, 3.0)}
    learn = {"initial", "transition", *(() if name == "Categorical" else ("means",)), "emission"}
    other = model.to_hmmlearn(priors, learn)
    other.n_iter, other.monitor_.tol, other.min_covar = 3, -np.inf, 0
    other.fit(np.concatenate(x).reshape(75, -1), [25] * 3)
    fitted = model.fit_em(x, max_steps=3, tolerance=-np.inf, priors=priors)
    np.testing.assert_allclose(fitted.log_likelihoods[:3], other.monitor_.history, rtol=1e-8)
    back = hmmlearn_priors(other)
    again = model.fit_em(x, max_steps=3, tolerance=-np.inf, priors=back)
    np.testing.assert_allclose(again.objectives, fitted.objectives, rtol=1e-9)
    # A number for matrices is one in every entry to hmmlearn, and one in every direction here.
    fresh = model.to_hmmlearn()
    assert hmmlearn_priors(fresh).get("covariances", (0, 0))[1] == 0
    assert model.to_hmmlearn(learn="transition").params == "t"


def test_what_hmmlearn_does_not_have_is_refused():
    hmmlearn = oracle("hmmlearn.hmm")
    rng = np.random.default_rng(1)
    full = HMM(np.ones(3) / 3, np.full((3, 3), 1 / 3), CASES["Gaussian full"].make(rng))
    with pytest.raises(TypeError, match="one weight of the prior of means for all states"):
        full.to_hmmlearn({"means": (0.0, [1.0, 2.0, 3.0])})
    poisson = HMM(np.ones(3) / 3, np.full((3, 3), 1 / 3), CASES["Poisson"].make(rng))
    with pytest.raises(TypeError, match="no such prior for Poisson"):
        poisson.to_hmmlearn({"rates": (2.0, 1.0)})
    with pytest.raises(TypeError, match="Poisson rates has no counterpart"):
        hmmlearn_priors(hmmlearn.PoissonHMM(2, lambdas_prior=1.0))
    with pytest.raises(TypeError, match="GMMHMM has no priors"):
        hmmlearn_priors(hmmlearn.GMMHMM(2, 2))


GAUSS = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], Gaussian([[0.0, 0.0], [1.0, 1.0]], np.tile(np.eye(2), (2, 1, 1))))
COIN = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.9, 0.1], [0.1, 0.9]])


@pytest.mark.parametrize(
    ("model", "priors", "kind", "words"),
    [
        (COIN, 2.0, TypeError, "priors must be a dict"),
        (
            COIN,
            {"means": (0, 1)},
            ValueError,
            "priors names 'means'; this model takes priors of initial",
        ),
        (COIN, {"end": (1, 1)}, ValueError, "priors names 'end'"),
        (COIN, {"transition": 0.5}, ValueError, "prior of transition must be at least 1, got 0.5"),
        (COIN, {"transition": np.ones((3, 3))}, ValueError, r"broadcasts to \(2, 2\), got \(3, 3\)"),
        (COIN, {"initial": (1.0, 2.0)}, ValueError, "a tuple of 2"),
        (COIN, {"emission": "much"}, ValueError, "prior of emission must be a number or an array"),
        (COIN, {"emission": np.nan}, ValueError, "prior of emission must be finite"),
        (GAUSS, {"means": 1.0}, TypeError, r"prior of means must be a pair \(mean, weight\), got 1.0"),
        (GAUSS, {"means": (0.0, -1.0)}, ValueError, "prior of means must be finite and at least 0"),
        (GAUSS, {"covariances": (-np.eye(2), 1.0)}, ValueError, "symmetric scatter"),
        (GAUSS, {"covariances": ([[1, 1], [0, 1]], 1.0)}, ValueError, "symmetric scatter"),
    ],
)
def test_a_prior_that_does_not_fit_is_refused(model, priors, kind, words):
    with pytest.raises(kind, match=words):
        model.fit_em([[0, 1]] if model is COIN else [np.zeros((2, 2))], priors=priors)


def test_a_state_that_is_never_used_goes_to_its_prior():
    model = HMM([1.0, 0.0], [[1.0, 0.0], [0.5, 0.5]], Gaussian([0.0, 3.0], [1.0, 1.0]))
    priors = {"transition": [[3.0, 3.0], [4.0, 2.0]], "means": (7.0, 1.0), "covariances": (8.0, 2.0)}
    found = model.fit_em([0.5, 0.7], max_steps=1, priors=priors).model
    assert found.emissions.means[1, 0] == 7.0
    assert found.emissions.covariances[1, 0] == 4.0
    assert found.transition[1].tolist() == [0.75, 0.25]


@pytest.mark.filterwarnings("ignore:a variance of state")
@pytest.mark.parametrize("name", CONJUGATE)
@given(seeds)
@settings(max_examples=6)
def test_without_any_observation_the_priors_are_learned(name, seed):
    rng = np.random.default_rng(seed)
    emission = CASES[name].make(rng)
    model, priors = HMM([0.5, 0.5, 0.0], np.full((3, 3), 1 / 3), emission), random_priors(rng, emission)
    missing = [None, None, None]
    curve = model.fit_em([missing, missing], max_steps=4, tolerance=-np.inf, priors=priors).objectives
    assert np.isfinite(curve).all()
    assert (np.diff(curve) >= -1e-8 * np.maximum(np.abs(curve[1:]), 1)).all()
    if priors.keys() & {"means", "rates"}:
        assert curve[-1] > curve[0]  # the means go to their prior


def test_letters_of_hmmlearn_are_explained():
    with pytest.raises(ValueError, match=r"hmmlearn's params='tm' is learn=\{'transition', 'means'\}"):
        GAUSS.fit_em([np.zeros((2, 2))], learn="tm")
    with pytest.raises(ValueError, match=r"learn names 'speed'; it may name initial, .*[a-z]$"):
        GAUSS.fit_em([np.zeros((2, 2))], learn="speed")


def test_the_estimator_passes_them_on():
    rng = np.random.default_rng(0)
    x = [COIN.sample(40, rng).observations for _ in range(4)]
    plain = HMMEstimator(2, random_state=0).fit(x)
    careful = HMMEstimator(2, random_state=0, priors={"emission": 500.0}).fit(x)
    assert np.abs(careful.hmm_.emission - 0.5).max() < 0.1 < np.abs(plain.hmm_.emission - 0.5).max()
    kept = HMMEstimator(2, random_state=0, learn={"emission"}, restarts=1).fit(x)
    start = HMMEstimator(2, random_state=0, n_iter=0, restarts=1).fit(x)
    np.testing.assert_array_equal(kept.hmm_.transition, start.hmm_.transition)
    assert not np.allclose(kept.hmm_.emission, start.hmm_.emission)
    with pytest.raises(ValueError, match="with labels, pass smoothing"):
        careful.fit(x, [[0] * 40] * 4)


def test_arrays_of_shared_emissions_may_be_learned_alone():
    model = HMM([1.0, 0.0], [[0.5, 0.5], [0.5, 0.5]], Shared(Gaussian([0.0, 4.0], [1.0, 1.0]), [0, 1]))
    found = model.fit_em([0.5, 3.0, 3.5], learn="means", max_steps=2).model
    assert found.transition.tolist() == model.transition.tolist()
    assert found.emissions.emission.covariances.tolist() == [[1.0], [1.0]]
    assert found.emissions.emission.means.tolist() != [[0.0], [4.0]]
