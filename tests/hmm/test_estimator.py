"""scikit-learn's tools work on the estimator."""

import numpy as np
import pytest
from hmm.models import random_data, random_model
from hypothesis import given
from hypothesis import strategies as st
from oracles import oracle

from tinyseq.hmm import HMM, AddK
from tinyseq.hmm.interop.estimator import HMMEstimator

X = [["the", "cat"], ["the", "cat", "runs"], ["the", "dog", "runs"], ["cat", "runs"], ["the", "dog"], ["dog", "runs"]]
Y = [["DT", "NN"], ["DT", "NN", "VB"], ["DT", "NN", "VB"], ["NN", "VB"], ["DT", "NN"], ["NN", "VB"]]


def test_with_labels_it_counts():
    tagger = HMMEstimator(smoothing=AddK(0.1)).fit(X, Y)
    assert tagger.score(X, Y) == 1.0
    assert tagger.predict([["the", "dog", "runs"]]) == [["DT", "NN", "VB"]]
    assert tagger.classes_.tolist() == ["DT", "NN", "VB"]
    np.testing.assert_allclose(tagger.predict_proba(X)[1].sum(axis=1), 1)


@given(st.lists(st.booleans(), min_size=14, max_size=14))
def test_states_that_are_not_known_count_neither_as_right_nor_as_wrong(hidden):
    wrong = [[tag if tag != "NN" else "VB" for tag in tags] for tags in Y]
    hidden, places = iter(hidden), [(i, t) for i, tags in enumerate(wrong) for t in range(len(tags))]
    kept = [place for place, left_out in zip(places, hidden, strict=True) if not left_out]
    y = [[tag if (i, t) in kept else None for t, tag in enumerate(tags)] for i, tags in enumerate(wrong)]
    tagger = HMMEstimator(smoothing=AddK(0.1)).fit(X, Y)
    if kept:
        right = sum(Y[i][t] == wrong[i][t] for i, t in kept)
        assert tagger.score(X, y) == pytest.approx(right / len(kept))
    else:
        with pytest.raises(ValueError, match="y holds no known state"):
            tagger.score(X, y)


def test_without_labels_it_climbs():
    rng = np.random.default_rng(0)
    data = random_data(rng, 3, [20] * 5)
    found = HMMEstimator(2, n_iter=10, random_state=1).fit(data)
    same = HMMEstimator(2, n_iter=10, random_state=1).fit(data)
    assert found.score(data) == same.score(data) == pytest.approx(found.fitted_.log_likelihoods[-1])


def test_without_labels_its_steps_are_shown_and_callbacks_may_stop_it(capsys):
    data, seen = random_data(np.random.default_rng(0), 3, [20] * 5), []
    found = HMMEstimator(2, n_iter=10, restarts=1).fit(data, callbacks=[seen.append], progress=True)
    assert [report.log_likelihood for report in seen] == found.fitted_.log_likelihoods
    assert "Baum-Welch 10/10" in capsys.readouterr().err
    stopped = HMMEstimator(2, n_iter=10, restarts=1).fit(data, callbacks=[lambda report: report.step == 2])
    assert len(stopped.fitted_.log_likelihoods) == 3


@pytest.mark.parametrize("seed", range(5))
def test_its_default_fit_explains_as_much_as_the_truth(seed):
    truth = HMM([0.5, 0.5], [[0.95, 0.05], [0.1, 0.9]], [[0.9, 0.1], [0.2, 0.8]])
    rng = np.random.default_rng(seed)
    data = [truth.sample(50, rng).observations for _ in range(40)]
    found = HMMEstimator(2, random_state=seed).fit(data)
    assert found.fitted_.converged
    assert found.score(data) >= truth.log_likelihood(data).sum()


def test_without_labels_symbols_may_have_names():
    found = HMMEstimator(2, n_iter=5, random_state=0).fit(X)
    assert list(found.hmm_.symbols) == ["cat", "dog", "runs", "the"]
    ids = [[["cat", "dog", "runs", "the"].index(word) for word in x] for x in X]
    assert found.score(X) == pytest.approx(HMMEstimator(2, n_iter=5, random_state=0).fit(ids).score(ids))


def test_labels_must_be_as_many_as_symbols():
    for labels in (Y[:-1], [*Y[:-1], ["NN"]]):
        with pytest.raises(ValueError, match="X and y must have as many sequences"):
            HMMEstimator().fit(X, labels)
        with pytest.raises(ValueError, match="X and y must have as many sequences"):
            HMMEstimator().fit(X, Y).score(X, labels)


def test_ids_are_not_negative():
    with pytest.raises(ValueError, match="symbols that are integers are ids and must be at least 0, got -1"):
        HMMEstimator().fit([[0, -1]])


@pytest.mark.parametrize("emission", ["diag", "full"])
def test_numbers_are_emitted_by_gaussians(emission):
    rng = np.random.default_rng(0)
    data = [np.concatenate([rng.normal(0, 1, (30, 2)), rng.normal(6, 1, (30, 2))]) for _ in range(3)]
    path = HMMEstimator(2, emission=emission, random_state=0, restarts=3).fit(data).predict(data)[0]
    assert len(set(path[:30].tolist())) == len(set(path[30:].tolist())) == 1
    assert path[0] != path[-1]


@pytest.mark.filterwarnings("ignore:a variance of state")
def test_observations_may_be_missing():
    numbers = [[0.0, None, 0.1, 5.0], [], [None, 5.1, np.nan, 4.9]]
    path = HMMEstimator(2, emission="diag", random_state=0, restarts=3).fit(numbers).predict(numbers)
    assert path[0][0] == path[0][2] != path[0][3] == path[2][1]
    pairs = [[None, [0.0, 1.0], [5.0, 2.0]], [[0.1, 1.1], None]]
    assert HMMEstimator(2, emission="diag", random_state=0).fit(pairs).n_features_in_ == 2
    symbols = [["a", None, "b"], [None]]
    assert HMMEstimator(2, n_iter=2, random_state=0).fit(symbols).predict(symbols)[1].shape == (1,)


def test_one_array_and_lengths_as_in_hmmlearn():
    rng = np.random.default_rng(0)
    data = random_data(rng, 3, [5, 8])
    x = np.concatenate(data)[:, None]
    found = HMMEstimator(2, random_state=0).fit(x, lengths=[5, 8])
    assert found.predict(x, lengths=[5, 8]).shape == (13,)
    assert found.predict_proba(x, lengths=[5, 8]).shape == (13, 2)
    assert found.score(x, lengths=[5, 8]) == pytest.approx(found.score(data))
    with pytest.raises(ValueError, match="lengths sum to 12, but X has 13 rows"):
        found.score(x, lengths=[5, 7])
    with pytest.raises(ValueError, match="lengths must not be negative, got -1"):
        found.score(x, lengths=[14, -1])
    for wrong in ([6.5, 6.5], 13, "13"):
        with pytest.raises(TypeError, match="lengths must be a list of whole numbers, got "):
            found.score(x, lengths=wrong)
    with pytest.raises(ValueError, match="lengths needs X to be one array"):
        found.score(data, lengths=[5, 8])


def test_its_parameters_can_be_read_and_set():
    estimator = HMMEstimator(3, n=3)
    assert repr(estimator) == "HMMEstimator(n_components=3, n=3)"
    assert estimator.set_params(tol=0.1).get_params()["tol"] == 0.1
    with pytest.raises(ValueError, match="HMMEstimator has no parameter 'colour'"):
        estimator.set_params(colour="red")
    with pytest.raises(AttributeError, match="not fitted yet"):
        estimator.predict(X)
    with pytest.raises(ValueError, match="X holds no observations to learn from"):
        HMMEstimator().fit([[], []])
    with pytest.raises(
        ValueError, match="emission must be 'categorical' or one of spherical, diag, full, tied; got 'round'"
    ):
        HMMEstimator(emission="round").fit([np.zeros(3)])


def test_it_can_be_cloned_searched_and_put_into_a_pipeline():
    base = oracle("sklearn.base")
    selection, pipeline = oracle("sklearn.model_selection"), oracle("sklearn.pipeline")
    preprocessing = oracle("sklearn.preprocessing")
    estimator = HMMEstimator(smoothing=AddK(0.1), emission_smoothing=AddK(0.1), unknown="<unk>")
    twin = base.clone(estimator)
    assert twin.get_params()["unknown"] == "<unk>"
    search = selection.GridSearchCV(estimator, {"n": [2, 3]}, cv=2).fit(X, Y)
    assert search.best_params_["n"] in (2, 3)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    lower = preprocessing.FunctionTransformer(lambda x: [[w.lower() for w in s] for s in x])
    tagger = pipeline.Pipeline([("lower", lower), ("hmm", estimator)]).fit(X, Y)
    assert tagger.predict([["The", "Cat"]]) == [["DT", "NN"]]
    data = random_data(np.random.default_rng(0), 3, [20] * 6)
    scores = selection.cross_val_score(HMMEstimator(2, n_features=3, n_iter=3, random_state=0), data, cv=3)
    assert np.isfinite(scores).all()


def test_it_keeps_scikit_learns_conventions():
    base, exceptions = oracle("sklearn.base"), oracle("sklearn.exceptions")
    validation = oracle("sklearn.utils.validation")
    estimator = HMMEstimator(2, n_iter=2, random_state=np.random.RandomState(0))
    for ask in (estimator.predict, estimator.predict_proba, estimator.score, validation.check_is_fitted):
        with pytest.raises(exceptions.NotFittedError, match=r"not fitted yet"):
            ask(estimator if ask is validation.check_is_fitted else X)
    before = estimator.get_params()
    assert estimator.fit(X) is estimator
    assert estimator.get_params() == before  # fitting leaves the arguments alone, and writes what ends in _
    validation.check_is_fitted(estimator)
    assert not hasattr(base.clone(estimator), "hmm_")
    assert not base.is_classifier(estimator)  # or folds would be stratified by sequences of labels
    assert estimator.n_features_in_ == 1
    vectors = [np.zeros((3, 2)) + np.arange(3)[:, None], np.ones((1, 2))]
    with pytest.warns(UserWarning, match="a variance of state 0 was kept at its floor"):  # as the vectors are on a line
        assert HMMEstimator(1, emission="full", n_iter=1, random_state=0).fit(vectors).n_features_in_ == 2


def test_it_finds_the_model_that_hmmlearn_finds():
    hmmlearn = oracle("hmmlearn.hmm")
    rng = np.random.default_rng(3)
    truth = random_model(rng, 2, 3)
    x = truth.sample(60, rng).observations[:, None]
    ours = HMMEstimator(2, n_iter=50, tol=1e-9, restarts=3, random_state=0).fit(x)
    theirs = max(
        (hmmlearn.CategoricalHMM(2, n_iter=50, tol=1e-6, random_state=i).fit(x) for i in range(3)),
        key=lambda model: model.score(x),
    )
    assert ours.score(x) >= theirs.score(x) - 0.5
