"""Baum-Welch: the likelihood rises, zeros stay, and known cases come out by hand."""

import numpy as np
import pytest
from hmm.models import random_data, random_model
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.hmm import HMM, Fitted, Gaussian, ImpossibleSequenceError


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3]), st.booleans())
def test_the_likelihood_never_falls_and_zeros_stay_zero(seed, order, end):
    rng = np.random.default_rng(seed)
    model = random_model(rng, 3, 4, order, zeros=0.3, end=end)
    data = [
        list(model.sample(length, rng).observations) if not end else list(model.sample(rng=rng).observations)
        for length in (1, 5, 2, 8, 3)
    ]
    data = [x for x in data if x] or [data[0]]
    fitted = model.fit_em([*data, []] if not end else data, max_steps=8, tolerance=0.0)
    curve = np.array(fitted.log_likelihoods)
    assert (np.diff(curve) >= -1e-9 * np.maximum(np.abs(curve[1:]), 1)).all()  # where P is 1, its log is rounding alone
    found = fitted.model
    for before, after in [
        *zip(model.parameters.tables, found.parameters.tables, strict=True),
        (model.transition, found.transition),
        (model.emission, found.emission),
    ]:
        assert (after[before == 0] == 0).all()
    np.testing.assert_allclose(found.log_likelihood(data).sum(), curve[-1], rtol=1e-9)


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("end", [False, True])
def test_with_all_states_known_one_step_is_counting(order, end):
    rng = np.random.default_rng(order)
    truth = random_model(rng, 3, 4, order, end=True, states="abc", symbols="wxyz")
    drawn = [truth.sample(rng=rng) for _ in range(30)]
    drawn = [d for d in drawn if d.observations]
    counted = HMM.from_labelled(
        [list(zip(d.observations, d.states, strict=True)) for d in drawn], order, end=end, states="abc", symbols="wxyz"
    )
    start = random_model(rng, 3, 4, order, end=end, states="abc", symbols="wxyz")
    fitted = start.fit_em([d.observations for d in drawn], [d.states for d in drawn], max_steps=1)
    for name in ("initial", "transition", "emission", *(["end"] if end else [])):
        pairs = zip(
            *(t if isinstance(t, tuple) else (t,) for t in (getattr(counted, name), getattr(fitted.model, name))),
            strict=True,
        )
        for wanted, found in pairs:
            seen = wanted.sum(axis=-1) > 0 if wanted.ndim > 1 else slice(None)
            np.testing.assert_allclose(found[seen], wanted[seen], atol=1e-12)


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3, 4]), st.booleans(), st.booleans())
def test_whatever_is_learned_known_or_missing_the_likelihood_never_falls(seed, order, end, varying):
    rng = np.random.default_rng(seed)
    model = random_model(rng, 2, 3, order, zeros=0.2, end=end, tables=6 if varying else None)
    data, known = [], []
    for length in (4, 1, 6, 5, 0):
        x, states = model.sample(length, rng)
        data.append([symbol if rng.random() < 0.8 else None for symbol in x.tolist()])
        known.append([state if rng.random() < 0.3 else None for state in states.tolist()])
    learn = {name for name in ("initial", "transition", "emission", "end") if rng.random() < 0.7}
    fitted = model.fit_em(data, known, max_steps=5, tolerance=-np.inf, learn=learn)
    curve = np.array(fitted.log_likelihoods)
    assert len(curve) == 6
    assert (np.diff(curve) >= -1e-9 * np.maximum(np.abs(curve[1:]), 1)).all()  # where P is 1, its log is rounding alone
    np.testing.assert_allclose(fitted.model.log_likelihood(data, known).sum(), curve[-1], rtol=1e-9, atol=1e-12)
    first, last = model.parameters, fitted.model.parameters
    for before, after in zip((*first.tables, first.transition), (*last.tables, last.transition), strict=True):
        assert (after[before == 0] == 0).all()


def test_an_end_that_is_learned_alone_leaves_the_shares_of_the_rest():
    model = HMM([1.0, 0.0], [[0.3, 0.6], [0.3, 0.1]], [[1.0], [1.0]], end=[0.1, 0.6])
    found = model.fit_em([[0, 0], [0]], [[0, 1], [0]], learn={"end"}, max_steps=1).model
    np.testing.assert_allclose(found.end, [0.5, 1.0])
    np.testing.assert_allclose(found.transition, [[0.5 / 3, 1 / 3], [0, 0]])


def test_scores_that_are_no_probabilities_are_refused():
    with pytest.raises(ValueError, match="initial sums to 2; it must sum to 1"):
        HMM.from_logs(np.zeros(2), np.log(np.eye(2) + 1e-300), np.log([[0.5, 0.5]] * 2)).fit_em([0, 1])


def test_some_known_states_pull_the_model_to_their_meaning():
    rng = np.random.default_rng(0)
    truth = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.9, 0.1], [0.1, 0.9]])
    drawn = [truth.sample(50, rng) for _ in range(20)]
    x = [d.observations for d in drawn]
    hints = [[s if rng.random() < 0.1 else None for s in d.states.tolist()] for d in drawn]
    start = random_model(rng, 2, 2)
    crossed = HMM(
        start.initial, start.transition, start.emission[::-1] if start.emission[0, 0] > 0.5 else start.emission
    )
    fitted = crossed.fit_em(x, hints)
    assert fitted.converged
    np.testing.assert_allclose(fitted.model.emission, truth.emission, atol=0.1)


def test_a_step_follows_the_gradient_of_the_likelihood():
    """Expected counts are table x gradient: the M-step takes shares of what the tape's gradient says."""
    rng = np.random.default_rng(1)
    model, data = random_model(rng, 3, 4), random_data(rng, 4, [6, 3, 1])
    logs = [ts.tensor(np.log(t), requires_grad=True) for t in (model.initial, model.transition, model.emission)]
    slopes = ts.grad(HMM.from_logs(*logs).log_likelihood(data).sum(), logs)
    fitted = model.fit_em(data, max_steps=1).model
    for slope, found in zip(slopes, (fitted.initial, fitted.transition, fitted.emission), strict=True):
        counts = slope.numpy()
        np.testing.assert_allclose(found, counts / counts.sum(axis=-1, keepdims=True), rtol=1e-9)


def test_a_left_to_right_model_stays_left_to_right():
    rng = np.random.default_rng(2)
    transition = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]])
    model = HMM([1.0, 0.0, 0.0], transition, rng.dirichlet(np.ones(3), 3))
    found = model.fit_em(random_data(rng, 3, [10] * 5), max_steps=20).model
    assert (found.transition[transition == 0] == 0).all()
    assert found.initial.tolist() == [1, 0, 0]


TWO = HMM([0.5, 0.5], [[0.95, 0.05], [0.1, 0.9]], [[0.9, 0.1], [0.2, 0.8]])


def drawn(model, seed, sequences=40, length=50):
    rng = np.random.default_rng(seed)
    return [model.sample(length, rng).observations for _ in range(sequences)]


@pytest.mark.parametrize("apart", [1e-1, 1e-2, 3e-3, 1e-3])  # any closer, gains grow by less than the sum's rounding
@pytest.mark.parametrize("seed", [0, 1])
def test_near_a_saddle_it_does_not_say_that_it_converged(apart, seed):
    data = drawn(TWO, seed)
    start = HMM(
        [0.5, 0.5],
        [[0.5 + apart, 0.5 - apart], [0.5 - apart, 0.5 + apart]],
        [[0.65, 0.35], [0.65 - apart, 0.35 + apart]],
    )
    fitted = start.fit_em(data, max_steps=300 if apart >= 1e-2 else 30)
    assert fitted.converged == (apart >= 1e-2)
    assert (fitted.log_likelihoods[-1] >= TWO.log_likelihood(data).sum()) == fitted.converged


def test_the_tolerance_is_of_all_sequences_together():
    data = drawn(TWO, 0)
    start = HMM([0.5, 0.5], [[0.6, 0.4], [0.4, 0.6]], [[0.7, 0.3], [0.3, 0.7]])
    for tolerance in (1.0, 1e-2, 1e-4):
        gains = np.diff(start.fit_em(data, tolerance=tolerance, max_steps=500).log_likelihoods)
        assert 0 <= gains[-1] <= gains[-2] <= tolerance
        small = gains <= tolerance
        assert not (small[:-2] & small[1:-1] & (gains[1:-1] <= gains[:-2])).any()  # so it did not stop late


def test_of_several_starts_the_better_half_goes_on():
    data = drawn(TWO, 0)
    steps = []
    fitted = random_model(np.random.default_rng(0), 3, 2).fit_em(
        data,
        restarts=8,
        tolerance=-np.inf,
        max_steps=50,
        rng=np.random.default_rng(0),
        callbacks=[lambda report: steps.append((report.step, report.log_likelihood))],
    )
    reached = [[value for step, value in steps if step == last] for last in (10, 11, 20, 21, 40, 41, 50)]
    assert list(map(len, reached)) == [8, 4, 4, 2, 2, 1, 1]
    assert sorted(fitted.restarts)[:4] == sorted(reached[0])[:4]  # these fell behind
    assert fitted.log_likelihoods[-1] == max(fitted.restarts) == reached[-1][0]
    assert len(fitted.log_likelihoods) == 51


def test_restarts_keep_the_best():
    rng = np.random.default_rng(3)
    model, data = random_model(rng, 3, 4), random_data(rng, 4, [20] * 4)
    fitted = model.fit_em(data, restarts=4, max_steps=10, rng=rng)
    assert len(fitted.restarts) == 4
    assert fitted.log_likelihoods[-1] == max(fitted.restarts)
    assert fitted.restarts[0] == model.fit_em(data, max_steps=10).log_likelihoods[-1]
    again = model.fit_em(data, restarts=4, max_steps=10, rng=np.random.default_rng(7))
    same = model.fit_em(data, restarts=4, max_steps=10, rng=np.random.default_rng(7))
    assert again.restarts == same.restarts


def test_only_what_is_asked_for_is_learned():
    rng = np.random.default_rng(4)
    model, data = random_model(rng, 3, 4), random_data(rng, 4, [20] * 4)
    found = model.fit_em(data, learn={"emission"}, max_steps=3).model
    np.testing.assert_array_equal(found.transition, model.transition)
    np.testing.assert_array_equal(found.initial, model.initial)
    assert not np.allclose(found.emission, model.emission)
    with pytest.raises(ValueError, match="learn names 'emissions'; it may name"):
        model.fit_em(data, learn={"emissions"})


@pytest.mark.parametrize("order", [2, 3, 4])
def test_a_float32_model_learns_in_float64(order):
    rng = np.random.default_rng(order)
    truth = random_model(rng, 3, 4, order, zeros=0.2, end=True)
    tables = [table.astype("f4") for table in (*truth.parameters.tables, truth.transition, truth.emission, truth.end)]
    single = HMM(tuple(tables[: order - 1]), *tables[order - 1 : -1], end=tables[-1])
    data = [truth.sample(n, rng).observations for n in (0, 1, 5, 20)]  # too little to use every history
    found, wanted = (model.fit_em(data, max_steps=4, tolerance=-np.inf) for model in (single, truth))
    assert found.model.dtype == np.float64
    np.testing.assert_allclose(found.log_likelihoods, wanted.log_likelihoods, rtol=1e-5)
    np.testing.assert_allclose(found.model.transition, wanted.model.transition, atol=1e-4)


def test_a_state_that_is_never_used_keeps_its_tables():
    model = HMM([1.0, 0.0], [[1.0, 0.0], [0.3, 0.7]], [[0.5, 0.5], [0.2, 0.8]])
    found = model.fit_em([[0, 1, 1]], max_steps=5).model
    assert found.transition[1].tolist() == [0.3, 0.7]
    assert found.emission[1].tolist() == [0.2, 0.8]
    np.testing.assert_allclose(found.emission[0], [1 / 3, 2 / 3])


def test_an_impossible_sequence_is_named_and_nothing_becomes_nan():
    model = HMM([1.0], [[1.0]], [[1.0, 0.0]])
    with pytest.raises(ImpossibleSequenceError, match="sequence 1 is impossible: no state can emit 1 at position 2"):
        model.fit_em([[0, 0], [0, 0, 1]])


def test_missing_observations_are_learned_around():
    model = HMM([0.5, 0.5], [[0.6, 0.4], [0.4, 0.6]], [[0.7, 0.3], [0.3, 0.7]])
    fitted = model.fit_em([[0, None, 0, 1], [None], [1, 1]], max_steps=5)
    assert (np.diff(fitted.log_likelihoods) >= -1e-12).all()
    np.testing.assert_allclose(fitted.model.emission.sum(axis=1), 1)


def test_the_report_says_what_happened(capsys):
    model = HMM([0.5, 0.5], [[0.6, 0.4], [0.4, 0.6]], [[0.7, 0.3], [0.3, 0.7]])
    steps = []
    fitted = model.fit_em([[0, 1, 0]], max_steps=2, callbacks=[steps.append])
    assert [report.step for report in steps] == [0, 1, 2]
    assert [report.log_likelihood for report in steps] == fitted.log_likelihoods
    assert isinstance(fitted, Fitted)
    assert repr(fitted).startswith("Fitted(HMM(n=2, states=2, symbols=2), not converged after 2 steps: log-likelihood")
    model.fit_em([[0, 1, 0]], max_steps=1, progress=True)
    assert "Baum-Welch 1/1  log-likelihood -" in capsys.readouterr().err


@pytest.mark.parametrize(("start", "step"), [(0, 0), (0, 4), (2, 3), (2, 15)])
def test_a_callback_that_returns_true_stops_the_run(start, step):
    rng = np.random.default_rng(0)
    model, data, seen = random_model(rng, 3, 4), random_data(rng, 4, [20] * 4), []

    def callback(report):
        seen.append(report)
        return (report.start, report.step) == (start, step)

    fitted = model.fit_em(data, restarts=4, max_steps=30, tolerance=-np.inf, rng=1, callbacks=[callback])
    last = {report.start: report for report in seen}
    assert (seen[-1].start, seen[-1].step) == (start, step)
    assert fitted.restarts == [last[k].log_likelihood if k in last else -np.inf for k in range(4)]
    best = max(last.values(), key=lambda report: report.log_likelihood)
    assert len(fitted.log_likelihoods) == best.step + 1
    assert fitted.model.log_likelihood(data).sum() == pytest.approx(best.log_likelihood)


def test_one_is_not_true_and_a_function_is_no_list_of_them():
    model = HMM([0.5, 0.5], [[0.6, 0.4], [0.4, 0.6]], [[0.7, 0.3], [0.3, 0.7]])
    fitted = model.fit_em([[0, 1, 0]], max_steps=3, tolerance=-np.inf, callbacks=[lambda report: 1])
    assert len(fitted.log_likelihoods) == 4
    with pytest.raises(TypeError, match="callbacks must be a list of functions, got <function"):
        model.fit_em([[0, 1, 0]], callbacks=lambda report: True)


def test_the_wrong_number_of_steps_is_refused():
    model = HMM([1.0], [[1.0]], [[1.0]])
    with pytest.raises(ValueError, match="restarts must be at least 1, got 0"):
        model.fit_em([[0]], max_steps=5, restarts=0)
    with pytest.raises(ValueError, match="max_steps must be at least 0, got -1"):
        model.fit_em([[0]], max_steps=-1)
    with pytest.raises(TypeError, match=r"max_steps must be a whole number, got 2\.5"):
        model.fit_em([[0]], max_steps=2.5)


def test_one_name_says_what_is_learned():
    model = HMM([0.5, 0.5], [[0.6, 0.4], [0.4, 0.6]], [[0.7, 0.3], [0.3, 0.7]])
    found, wanted = (model.fit_em([[0, 0, 1]], max_steps=2, learn=names).model for names in ("emission", ["emission"]))
    np.testing.assert_array_equal(found.emission, wanted.emission)
    np.testing.assert_array_equal(found.transition, model.transition)
    with pytest.raises(ValueError, match="learn names 'emissions'; it may name initial, transition, emission, end"):
        model.fit_em([[0]], learn="emissions")


@pytest.mark.parametrize("full", [False, True])
def test_gaussian_likelihood_never_falls(full):
    rng = np.random.default_rng(5)
    covariances = np.tile(np.eye(2), (3, 1, 1)) if full else np.ones((3, 2))
    model = HMM(rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(3), 3), Gaussian(rng.normal(size=(3, 2)), covariances))
    data = [rng.normal(size=(n, 2)) * [1, 3] + rng.integers(0, 2, (n, 1)) * 4 for n in (30, 1, 12)]
    data[0][3] = np.nan
    curve = model.fit_em(data, max_steps=15, tolerance=0.0).log_likelihoods
    assert len(curve) > 5
    assert (np.diff(curve) >= -1e-9).all()


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3]), st.booleans())
def test_the_steps_one_at_a_time_are_those_of_the_fit(seed, n, end):
    rng = np.random.default_rng(seed)
    start = random_model(rng, 2, 3, n, zeros=0.2, end=end, symbols="abc")
    data = [d.observations for d in (start.sample(4 if not end else None, rng) for _ in range(4)) if d.observations]
    if not data:
        return
    settings = {"max_steps": 4, "tolerance": 1e-2, "learn": {"transition", "emission"}, "priors": {"emission": 1.5}}
    steps = list(start.fit_em_steps(data, **settings))
    fitted = start.fit_em(data, **settings)
    assert [step.step for step in steps] == list(range(len(fitted.log_likelihoods)))
    assert [step.log_likelihood for step in steps] == fitted.log_likelihoods
    for step in steps:
        np.testing.assert_allclose(step.model.log_likelihood(data).sum(), step.log_likelihood, rtol=1e-9)
    assert steps[0].model.parameters.symbols == start.parameters.symbols
    np.testing.assert_array_equal(steps[-1].model.emission, fitted.model.emission)
    np.testing.assert_array_equal(steps[-1].model.transition, fitted.model.transition)


def test_what_is_wrong_is_refused_before_the_first_step():
    start = HMM([0.5, 0.5], [[0.6, 0.4], [0.4, 0.6]], [[0.7, 0.3], [0.3, 0.7]])
    with pytest.raises(ValueError, match="learn names 'means'"):
        start.fit_em_steps([0, 1], learn="means")
    with pytest.raises(ValueError, match="no observation"):
        start.fit_em_steps([])
    with pytest.raises(ValueError, match=r"4 sequences of one symbol each.*is sequences\[:, 0\]"):  # as hmmlearn takes
        start.fit_em_steps(np.array([[0], [1], [1], [0]]))
    assert start.fit_em(np.array([[0], [1]]), learn="emission", max_steps=1).log_likelihoods
    with pytest.raises(TypeError, match="max_steps"):
        start.fit_em_steps([0, 1], max_steps=2.5)
