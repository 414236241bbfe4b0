"""Gaussian models of real series against statsmodels' Markov regressions, and against published figures.

The series ship with statsmodels: the flow of the Nile, US growth, inflation and unemployment, sunspots, and the federal
funds rate that statsmodels' own tests use.
"""

import ast
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from oracles import oracle

import tinyseq as ts
from tinyseq.hmm import HMM, Gaussian

SERIES = ("nile", "growth", "inflation", "unemployment", "sunspots", "federal funds rate")


def series(name):
    if name == "federal funds rate":
        return federal_funds_rate()
    sets = oracle("statsmodels.datasets")
    if name == "nile":
        return sets.nile.load_pandas().data["volume"].to_numpy(dtype=np.float64)
    if name == "sunspots":
        return sets.sunspots.load_pandas().data["SUNACTIVITY"].to_numpy(dtype=np.float64)
    table = sets.macrodata.load_pandas().data
    if name == "growth":
        return 100 * np.diff(np.log(table["realgdp"].to_numpy(dtype=np.float64)))
    return table[{"inflation": "infl", "unemployment": "unemp"}[name]].to_numpy(dtype=np.float64)


def federal_funds_rate():
    """Quarters from 1954 to 2010, read from the source of a test, which cannot be imported here."""
    tests = Path(oracle("statsmodels.tsa.regime_switching").__file__).parent / "tests" / "test_markov_regression.py"
    if not tests.exists():
        pytest.skip("this statsmodels comes without its tests")
    for node in ast.parse(tests.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "fedfunds":
            return np.array(ast.literal_eval(node.value))
    raise AssertionError("fedfunds is not in statsmodels' tests")


def regression(values, states, switching):
    regimes = oracle("statsmodels.tsa.regime_switching.markov_regression")
    return regimes.MarkovRegression(values, k_regimes=states, switching_variance=switching)


def parameters(names, transition, means, variances):
    """What statsmodels calls the numbers of a model, in its order."""
    return [
        transition[int(at[1]), int(at[2])]
        if (at := re.fullmatch(r"p\[(\d)->(\d)\]", name))
        else (means if name.startswith("const") else variances)[int(name[-2]) if name.endswith("]") else 0]
        for name in names
    ]


def model(transition, means, variances):
    """The same model; its first state has the stationary distribution, as statsmodels' has by default."""
    tied = len(variances) == 1
    emission = Gaussian(means, [variances] if tied else variances, covariance_type="tied" if tied else None)
    uniform = np.full(len(means), 1 / len(means))
    return HMM(HMM(uniform, transition, emission).stationary(), transition, emission)


@pytest.mark.parametrize("switching", [True, False], ids=["each its variance", "one variance"])
@pytest.mark.parametrize("states", [2, 3])
@pytest.mark.parametrize("name", SERIES)
def test_likelihood_and_probabilities_are_those_of_statsmodels(name, states, switching):
    values, rng = series(name), np.random.default_rng(states)
    for _ in range(5):
        transition = 0.1 * rng.dirichlet(np.ones(states), states) + 0.9 * np.eye(states)
        means = np.quantile(values, np.sort(rng.random(states)))
        variances = np.var(values) * rng.uniform(0.05, 1.0, states if switching else 1)
        other = regression(values, states, switching)
        wanted = other.smooth(parameters(other.param_names, transition, means, variances))
        hmm = model(transition, means, variances)
        assert hmm.log_likelihood(values) == pytest.approx(wanted.llf, rel=1e-12)
        for found, expected in (
            (hmm.filter(values), wanted.filtered_marginal_probabilities),
            (hmm.posterior(values).states, wanted.smoothed_marginal_probabilities),
        ):
            assert np.allclose(found, expected, rtol=0, atol=1e-10)
        online, predicted = ts.hmm.Filter(hmm), []
        for value in values:
            predicted.append(online.predict(1).states[0])
            online.update(value)
        assert np.allclose(np.array(predicted), wanted.predicted_marginal_probabilities[: len(values)], atol=1e-10)


def fitted(values, switching, seed=0):
    covariances = [1.0, 1.0] if switching else [[1.0]]
    emission = Gaussian([0.0, 0.0], covariances, covariance_type="diag" if switching else "tied")
    start = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], emission.kmeans(values, np.random.default_rng(seed)))
    result = start.fit_em(values, restarts=5, max_steps=5000, tolerance=1e-10, rng=seed)
    assert result.converged
    return result


@pytest.mark.parametrize("switching", [True, False], ids=["each its variance", "one variance"])
@pytest.mark.parametrize("name", ["growth", "inflation", "federal funds rate"])
def test_baum_welch_reaches_the_maximum_that_statsmodels_finds_from_there(name, switching):
    """statsmodels ties P(s_1) to the transitions; Baum-Welch fits it too, so its maximum lies a little higher."""
    values = series(name)
    best = fitted(values, switching)
    hmm = best.model
    means, variances = hmm.emissions.means.ravel(), hmm.emissions.covariances.ravel()
    other = regression(values, 2, switching)
    given = parameters(other.param_names, hmm.transition, means, variances)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = other.fit(start_params=given, disp=False, maxiter=500)
    tied = model(hmm.transition, means, variances).log_likelihood(values)
    assert tied == pytest.approx(other.loglike(np.array(given)), rel=1e-12)
    assert tied - 1e-6 <= theirs.llf <= best.log_likelihoods[-1] + 1e-6
    assert best.log_likelihoods[-1] - tied < 3  # -log of the stationary P(s_1), at most


def test_the_federal_funds_rate_is_that_of_statas_manual():
    """Stata 14's Time-Series Reference Manual, mswitch, example 1: two means, one variance."""
    values = series("federal funds rate")
    published = model(np.array([[0.9820939, 0.0179061], [0.0503587, 0.9496413]]), [3.70877, 9.556793], [2.107562**2])
    assert published.log_likelihood(values) == pytest.approx(-508.63592, abs=1e-5)
    best = fitted(values, switching=False).model  # with P(s_1) fitted as well
    assert np.sort(best.emissions.means.ravel()) == pytest.approx([3.70877, 9.556793], abs=0.005)
    assert np.sqrt(best.emissions.covariances.item()) == pytest.approx(2.107562, abs=0.001)
    assert np.sort(best.transition.diagonal()) == pytest.approx([0.9496413, 0.9820939], abs=0.005)


def test_the_niles_change_is_that_of_cobb():
    """Cobb (1978): the flow drops after 1898, from a mean of 1097.75 to 849.97."""
    values = series("nile")
    best = fitted(values, switching=False)
    path = best.model.viterbi(values).path
    assert path.tolist() == [path[0]] * 28 + [1 - path[0]] * 72  # 1871 to 1898, and 1899 to 1970
    assert [values[path == path[0]].mean(), values[path != path[0]].mean()] == pytest.approx(
        [1097.75, 849.97], abs=0.005
    )
    # The second state is never left, so that the chain has no stationary distribution with both: statsmodels' maximum
    # lies on the way there, and below.
    assert best.model.transition[1 - path[0], 1 - path[0]] == pytest.approx(1)
    theirs = regression(values, 2, False).fit(start_params=[0.95, 0.05, 1097.75, 849.97, 15_000.0], disp=False)
    assert best.log_likelihoods[-1] - 5 < theirs.llf < best.log_likelihoods[-1]
    assert theirs.params[2:4] == pytest.approx(best.model.emissions.means[path[[0, -1]], 0], abs=5)
