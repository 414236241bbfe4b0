"""Emissions that are real vectors."""

import warnings

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.hmm import HMM, Gaussian, ImpossibleSequenceError


def density(x, mean, covariance):
    """The normal density, by its definition."""
    away, covariance = np.atleast_1d(x - mean), np.atleast_2d(covariance)
    norm = np.sqrt(np.linalg.det(2 * np.pi * covariance))
    return np.exp(-0.5 * away @ np.linalg.inv(covariance) @ away) / norm


def test_scores_are_log_densities():
    rng = np.random.default_rng(0)
    means, x = rng.normal(size=(2, 3)), rng.normal(size=(4, 3))
    roots = rng.normal(size=(2, 3, 3))
    full = roots @ roots.swapaxes(1, 2) + np.eye(3)
    for covariances, shape in ((full, full), (full.diagonal(axis1=1, axis2=2), [np.diag(np.diag(c)) for c in full])):
        model = Gaussian(means, covariances)
        found = model.scores(x).logs(np.arange(4))
        wanted = [[np.log(density(row, means[k], shape[k])) for row in x] for k in range(2)]
        np.testing.assert_allclose(found, wanted, rtol=1e-10)


def test_forms_of_input_and_missing_observations():
    model = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], Gaussian([0.0, 3.0], [1.0, 2.0]))
    x = [0.1, 2.9, 3.3]
    one = model.log_likelihood(x)
    assert model.log_likelihood(np.array(x)) == model.log_likelihood(np.array(x)[:, None]) == one
    np.testing.assert_allclose(model.log_likelihood([x, [0.5], []]), [one, model.log_likelihood([0.5]), 0.0])
    np.testing.assert_allclose(model.posterior([None, np.nan]).states[0], [0.5, 0.5])
    two = HMM([1.0], [[1.0]], Gaussian([[0.0, 1.0]], [[1.0, 1.0]]))
    assert two.log_likelihood([[0.0, 1.0], [1.0, 1.0]]) == pytest.approx(-2 * np.log(2 * np.pi) - 0.5)
    assert len(two.log_likelihood([np.zeros((3, 2)), np.zeros((1, 2))])) == 2
    assert model.log_likelihood([[np.array([0.1]), None]]) == model.log_likelihood([[0.1, None]])
    assert two.log_likelihood([None, [0.0, 1.0]]) == two.log_likelihood([[0.0, 1.0]])
    several = two.log_likelihood([[None, [0.0, 1.0]], [], [[0.0, 1.0], None, None]])
    seen = two.log_likelihood([[0.0, 1.0]])
    np.testing.assert_allclose(several, [seen, 0.0, seen])


@pytest.mark.parametrize("covariances", [[[1.0], [2.0]], [[[1.0]], [[2.0]]]])
def test_an_observation_beyond_all_bounds_is_impossible_without_a_warning(covariances):
    model = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], Gaussian([[0.0], [3.0]], covariances))
    assert model.log_likelihood([1e160]) == -np.inf
    np.testing.assert_allclose(model.posterior([1e100]).states, [[0.0, 1.0]])


def test_samples_have_the_moments():
    rng = np.random.default_rng(1)
    covariance = np.array([[2.0, 0.8], [0.8, 1.0]])
    model = HMM([1.0], [[1.0]], Gaussian([[1.0, -1.0]], covariance[None]))
    drawn = model.sample(20_000, rng).observations
    np.testing.assert_allclose(drawn.mean(axis=0), [1, -1], atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.08)
    diagonal = HMM([1.0], [[1.0]], Gaussian([[1.0, -1.0]], [[4.0, 0.25]])).sample(20_000, rng).observations
    np.testing.assert_allclose(diagonal.std(axis=0), [2.0, 0.5], rtol=0.05)


def test_learning_finds_two_levels():
    rng = np.random.default_rng(2)
    truth = HMM([0.5, 0.5], [[0.95, 0.05], [0.1, 0.9]], Gaussian([-2.0, 3.0], [1.0, 0.25]))
    x = truth.sample(1000, rng).observations
    start = HMM([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]], Gaussian([-0.1, 0.1], [4.0, 4.0]))
    fitted = start.fit_em(x, max_steps=100)
    assert fitted.converged
    np.testing.assert_allclose(fitted.model.emissions.means[:, 0], [-2, 3], atol=0.1)
    np.testing.assert_allclose(fitted.model.emissions.covariances[:, 0], [1, 0.25], rtol=0.25)
    np.testing.assert_allclose(fitted.model.transition, truth.transition, atol=0.05)


def test_variances_do_not_collapse():
    start = HMM([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]], Gaussian([0.0, 1.0], [1.0, 1.0], floor=1e-3), states="ab")
    with pytest.warns(UserWarning, match="a variance of state 'a', 'b' was kept at its floor"):
        fitted = start.fit_em([0.0, 0.0, 1.0, 1.0, 0.0], max_steps=50)
    assert fitted.model.emissions.covariances.min() >= 1e-3
    assert np.isfinite(fitted.log_likelihoods).all()


def test_steps_tell_once_of_a_collapse_with_the_first_model_that_has_it():
    start = HMM([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]], Gaussian([0.0, 1.0], [1.0, 1.0], floor=1e-3), states="ab")
    data = [0.0, 0.0, 1.0, 1.0, 0.0]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        at = [(len(told), bool(step.model.emissions.covariances.min() <= 1e-3)) for step in start.fit_em_steps(data)]
    assert at[-1] == (1, True)
    assert [number for number, _ in at] == [int(any(narrow for _, narrow in at[: i + 1])) for i in range(len(at))]
    assert "kept at its floor" in str(told[0].message)
    assert told[0].filename == __file__
    with pytest.warns(UserWarning, match="kept at its floor"):
        collapsed = start.fit_em(data).model
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert next(collapsed.fit_em_steps(data)).step == 0  # the user's own model
        assert collapsed.fit_em(data, max_steps=0).log_likelihoods
        assert list(collapsed.fit_em_steps(data, learn="transition"))


def test_gradients_reach_means_and_variances():
    means, variances = ts.tensor([[0.0], [3.0]], requires_grad=True), ts.tensor([[1.0], [2.0]], requires_grad=True)
    x, small = [0.1, 2.0, np.nan, 3.5], 1e-6
    model = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], Gaussian(means, variances))
    slopes = ts.grad(model.log_likelihood(x), [means, variances])
    for which, slope in enumerate(slopes):
        for k in range(2):
            ends = []
            for sign in (1, -1):
                parts = [means.numpy().copy(), variances.numpy().copy()]
                parts[which][k] += sign * small
                ends.append(HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], Gaussian(*parts)).log_likelihood(x))
            assert slope.numpy()[k, 0] == pytest.approx((ends[0] - ends[1]) / (2 * small), rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0, 1.0], [1.0]), r"covariances must have shape \(2, 1\), as means are \(2, 1\); got \(1, 1\)"),
        (([0.0, 1.0], [1.0, 0.0]), r"covariances\[1\] is not symmetric with positive variances"),
        (([[0.0, 1.0]], [[[1.0, 2.0], [2.0, 1.0]]]), r"covariances\[0\] is not symmetric with positive variances"),
        (([[0.0, 1.0]] * 2, [np.eye(2), [[1.0, 0.5], [0.0, 1.0]]]), r"covariances\[1\] is not symmetric"),
        (([0.0, np.nan], [1.0, 1.0]), r"means\[1\] is nan, but must be finite"),
        (([0.0, 1.0], [1.0, np.inf]), r"covariances\[1\] is inf, but must be finite"),
        ((np.zeros((2, 2, 2)), np.ones((2, 2))), r"means must have shape \(states, D\).*got \(2, 2, 2\)"),
        (([0.0], [1.0], -1.0), "floor must not be negative, got -1"),
        (
            ([0.0, 1.0], [1.0, 1e-8], 1e-6),
            r"covariances\[1\] has a variance of 1e-08, below the floor of 1e-06; pass a smaller floor=",
        ),
        (
            ([[0.0, 1.0]], [[[1.0, 1.0], [1.0, 1.0 + 1e-9]]], 1e-6),
            r"covariances\[0\] has a variance of .*below the floor",
        ),
        ((0.0, 1.0), "means must have an entry for each state, got a number"),
    ],
)
def test_bad_parameters_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Gaussian(*arguments)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 3)), r"sequence 0: observations must have shape \(T, 2\), got \(3,\)"),
        ([np.zeros((1, 2)), np.array([[0.0, np.inf]])], "sequence 1, position 0: .* must be finite"),
        ([[["a", "b"]]], "sequence 0: observations must be numbers .*'a'"),
        (np.array([[0.0, 0.0], [np.nan, 0.0]]), "sequence 0, position 1: .* all NaN"),
    ],
)
def test_bad_observations_are_named_with_their_place(x, message):
    model = HMM([1.0], [[1.0]], Gaussian([[0.0, 0.0]], [[1.0, 1.0]]))
    with pytest.raises(ValueError, match=message):
        model.log_likelihood(x)


@pytest.mark.parametrize("requires_grad", [True, False])
def test_full_covariances_as_tensors(requires_grad):
    means, full = ts.tensor(np.eye(2), requires_grad=requires_grad), ts.tensor(np.stack([np.eye(2)] * 2))
    model = HMM([0.5, 0.5], np.eye(2), Gaussian(means, full))
    x = np.ones((3, 2))
    wanted = HMM([0.5, 0.5], np.eye(2), Gaussian(np.eye(2), full.numpy())).log_likelihood(x)
    assert model.log_likelihood(x).item() == pytest.approx(wanted)
    assert model.viterbi(x).path.tolist() == [0, 0, 0]


def test_symbols_belong_to_tables():
    with pytest.raises(ValueError, match="symbols and unknown go with an emission table"):
        HMM([1.0], [[1.0]], Gaussian([0.0], [1.0]), symbols="a")


def test_an_impossible_sequence_of_vectors_is_named():
    model = HMM([1.0, 0.0], [[0.0, 1.0], [0.0, 0.0]], Gaussian([0.0, 1.0], [1.0, 1.0]))
    with pytest.raises(ImpossibleSequenceError, match=r"can emit the observation \[3.\] at position 2, and no path"):
        model.viterbi([1.0, 2.0, 3.0])


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("floor", [1e-6, None])
@pytest.mark.filterwarnings("ignore:a variance of state")
def test_what_learning_finds_at_the_floor_is_a_model_again(full, floor):
    """Whatever the scale of the data: eigenvalues come back to within rounding of the largest of them."""
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(2, 3)), 5, axis=0) * [1e4, 1.0, 1e-4]
    covariances = np.tile(1e8 * np.eye(3), (2, 1, 1)) if full else np.full((2, 3), 1e8)
    start = HMM([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]], Gaussian(x[[0, 5]], covariances, floor=floor))
    learned = start.fit_em(x, max_steps=5).model.emissions
    assert Gaussian(learned.means, learned.covariances, learned.floor).full == full


@pytest.mark.parametrize("full", [False, True])
def test_the_floor_follows_the_scale_of_the_data(full):
    """Learning finds the same model in other units, down to daily returns and below, and also at the floor."""
    rng = np.random.default_rng(0)
    data = np.concatenate([rng.normal(0, 1, (100, 2)), rng.normal(4, 0.2, (100, 2)), np.full((20, 2), 9.0)])
    unit = np.tile(np.eye(2), (3, 1, 1)) if full else np.ones((3, 2))

    def learned(by):
        start = HMM(np.full(3, 1 / 3), np.full((3, 3), 1 / 3), Gaussian(by * data[[0, 150, 210]], by**2 * unit))
        with pytest.warns(UserWarning, match="a variance of state 2 was kept at its floor"):
            fitted = start.fit_em(by * data, max_steps=10, tolerance=-np.inf)
        assert (np.diff(fitted.log_likelihoods) > -1e-8).all()
        return fitted.model.emissions

    plain = learned(1.0)
    for scale in (1e-6, 1e-2, 1e4):
        scaled = learned(scale)
        np.testing.assert_allclose(scaled.means, scale * plain.means, rtol=1e-6)
        np.testing.assert_allclose(scaled.covariances, scale**2 * plain.covariances, rtol=1e-6, atol=1e-9 * scale**2)
    variances = np.diagonal(plain.covariances, axis1=1, axis2=2) if full else plain.covariances
    np.testing.assert_allclose(variances[2], 1e-6 * data.var(axis=0), rtol=1e-3)


@pytest.mark.parametrize("full", [False, True])
def test_a_state_below_the_floor_to_begin_with_may_stay_there(full):
    rng = np.random.default_rng(1)
    data = np.concatenate([rng.normal(0, 1, (50, 2)), np.full((30, 2), 2.0)])
    tiny = 1e-12 * np.eye(2) if full else np.full(2, 1e-12)
    wide = np.eye(2) if full else np.ones(2)
    start = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], Gaussian([[0.0, 0.0], [2.0, 2.0]], [wide, tiny]))
    with pytest.warns(UserWarning, match="a variance of state 1 was kept"):
        fitted = start.fit_em(data + 1e-9 * rng.normal(size=data.shape), max_steps=10, tolerance=-np.inf)
    assert (np.diff(fitted.log_likelihoods) > -1e-7).all()
    np.testing.assert_allclose(fitted.model.emissions.covariances[1], tiny, rtol=0.2, atol=1e-15)


def test_data_that_do_not_vary_along_an_axis_can_be_learned_from():
    data = np.column_stack([np.random.default_rng(0).normal(size=40), np.full(40, 0.1)])
    start = HMM([1.0], [[1.0]], Gaussian([[0.0, 0.1]], [[1.0, 1.0]]))
    with pytest.warns(UserWarning, match="a variance of state 0 was kept"):
        found = start.fit_em(data, max_steps=2).model.emissions
    np.testing.assert_allclose(found.covariances, [[data[:, 0].var(), 1e-6]])


def test_without_a_floor_that_binds_nothing_is_said(recwarn):
    x = 1e-4 * np.random.default_rng(0).normal(size=200)  # as returns
    found = HMM([1.0], [[1.0]], Gaussian([0.0], [1.0])).fit_em(x, max_steps=3).model.emissions
    np.testing.assert_allclose(found.covariances, [[x.var()]])
    assert not recwarn.list
