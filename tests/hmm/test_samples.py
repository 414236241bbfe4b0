"""What the estimator takes as X and y, and what it refuses with what to write instead."""

import numpy as np
import pytest
from oracles import oracle

from tinyseq.hmm import HMM, Gaussian
from tinyseq.hmm.interop.estimator import HMMEstimator

IDS = np.array([0, 0, 1, 1, 0, 1, 1, 1])
NUMBERS = np.random.default_rng(0).normal(size=(8, 2)) + 5 * IDS[:, None]
WORDS = np.array(["cat", "dog"])[IDS]


def fitted(x, lengths=None, emission="categorical", **options):
    return HMMEstimator(2, emission=emission, n_iter=3, restarts=2, random_state=0, **options).fit(x, lengths=lengths)


def same(x, wanted, lengths=None, **options):
    """X means the same as a list of arrays."""
    found, plain = fitted(x, lengths, **options), fitted(wanted, **options)
    np.testing.assert_allclose(found.hmm_.transition, plain.hmm_.transition)
    assert found.score(x, lengths=lengths) == pytest.approx(plain.score(wanted))
    path = found.predict(x, lengths=lengths)
    assert isinstance(path, np.ndarray)
    assert path.tolist() == np.concatenate(plain.predict(wanted)).tolist()
    return found


@pytest.mark.parametrize("lengths", [None, [3, 0, 5]])
def test_a_table_is_one_sequence_or_several_by_their_lengths(lengths):
    def parts(x):
        return [x] if lengths is None else np.split(x, np.cumsum(lengths)[:-1])

    same(IDS[:, None], parts(IDS), lengths)
    same(WORDS[:, None], [list(part) for part in parts(WORDS)], lengths)
    for kind in ("diag", "full", "spherical", "tied"):
        same(NUMBERS, parts(NUMBERS), lengths, emission=kind)
    same(NUMBERS[:, :1], parts(NUMBERS[:, 0]), lengths, emission="diag")


def test_columns_in_a_list_are_sequences():
    columns = [IDS[:5, None], IDS[5:, None]]
    assert fitted(columns).score(columns) == pytest.approx(fitted([IDS[:5], IDS[5:]]).score([IDS[:5], IDS[5:]]))


@pytest.mark.parametrize("lengths", [None, [3, 5]])
def test_data_frames_and_series_are_tables(lengths):
    pandas = oracle("pandas")
    dates = pandas.date_range("2020-01-01", periods=8)

    def parts(x):
        return [x] if lengths is None else np.split(x, np.cumsum(lengths)[:-1])

    frame = pandas.DataFrame(NUMBERS, columns=["open", "close"], index=dates)
    found = same(frame, parts(NUMBERS), lengths, emission="full")
    assert found.feature_names_in_.tolist() == ["open", "close"]
    with pytest.raises(ValueError, match=r"names should match those .* during fit: \['open', 'close'\], got \['close'"):
        found.predict(frame[["close", "open"]])
    assert not hasattr(found.fit(NUMBERS), "feature_names_in_")
    same(frame["open"], parts(NUMBERS[:, 0]), lengths, emission="diag")
    same(pandas.DataFrame({"id": IDS}), parts(IDS), lengths)
    same(pandas.Series(IDS, index=dates), parts(IDS), lengths)
    for kind in (object, "string", "category"):
        same(pandas.Series(WORDS, dtype=kind), [list(part) for part in parts(WORDS)], lengths)
    several = pandas.Series([[0, 1, 1], [1, 0]])
    assert fitted(several).predict(several)[1].shape == (2,)
    assert fitted([frame, frame[:3]], emission="diag").predict([frame])[0].shape == (8,)


def test_labels_may_be_a_column_too():
    pandas = oracle("pandas")
    tags = np.array(["A", "B"])[IDS]
    for x in (WORDS[:, None], pandas.DataFrame({"word": WORDS})):
        for y in (tags, tags[:, None], list(tags), pandas.Series(tags)):
            model = HMMEstimator().fit(x, y)
            assert model.predict(x).tolist() == tags.tolist()
            assert model.score(x, y) == 1.0
    by_sentence = HMMEstimator().fit(WORDS[:, None], tags, lengths=[3, 5])
    assert by_sentence.hmm_.initial.tolist() == [0.5, 0.5]
    assert by_sentence.score(WORDS[:, None], tags, lengths=[3, 5]) == 1.0


@pytest.mark.parametrize("kind", ["diag", "full", "spherical", "tied"])
def test_vectors_with_labels_are_counted_and_averaged(kind):
    rng = np.random.default_rng(1)
    tags = np.array(["low", "high"])[np.repeat([0, 1, 0, 1], 50)]
    x = rng.normal(size=(200, 2)) + 4.0 * (tags == "high")[:, None]
    model = HMMEstimator(emission=kind).fit(x, tags).hmm_
    assert list(model.states) == ["high", "low"]
    np.testing.assert_allclose(model.transition, [[98 / 99, 1 / 99], [2 / 100, 98 / 100]])
    high, low = x[tags == "high"], x[tags == "low"]
    np.testing.assert_allclose(model.emissions.means, [high.mean(axis=0), low.mean(axis=0)])
    wanted = {
        "diag": [high.var(axis=0), low.var(axis=0)],
        "full": [np.cov(high.T, bias=True), np.cov(low.T, bias=True)],
        "spherical": [high.var(axis=0).mean(), low.var(axis=0).mean()],
        "tied": (np.cov(high.T, bias=True) + np.cov(low.T, bias=True)) / 2,
    }
    np.testing.assert_allclose(model.emissions.covariances, wanted[kind])


def test_masked_entries_are_missing():
    mask = np.arange(8) == 3
    numbers = np.where(mask[:, None], np.nan, NUMBERS)
    same(np.ma.array(NUMBERS, mask=np.repeat(mask[:, None], 2, axis=1)), [numbers], emission="diag")
    symbols = [None if hidden else symbol for hidden, symbol in zip(mask, IDS.tolist(), strict=True)]
    same(np.ma.array(IDS, mask=mask)[:, None], [symbols])
    model = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]])
    for x in (np.ma.array(IDS, mask=mask), [np.ma.array(IDS, mask=mask)]):
        assert float(np.squeeze(model.log_likelihood(x))) == pytest.approx(model.log_likelihood(symbols))
    normal = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], Gaussian([[0.0, 0.0], [5.0, 5.0]], np.ones((2, 2))))
    whole = np.ma.array(NUMBERS, mask=np.repeat(mask[:, None], 2, axis=1))
    assert normal.log_likelihood(whole) == pytest.approx(normal.log_likelihood(numbers))
    counts = np.ma.array(np.round(NUMBERS).astype(int), mask=whole.mask)
    assert normal.log_likelihood(counts) == pytest.approx(
        normal.log_likelihood(np.where(mask[:, None], np.nan, counts.data))
    )
    partly = np.ma.array(NUMBERS, mask=np.arange(16).reshape(8, 2) == 6)
    with pytest.raises(ValueError, match=r"position 3: .* must be finite, or all NaN if it is missing"):
        normal.log_likelihood(partly)


@pytest.mark.parametrize(
    ("x", "kind", "error", "message"),
    [
        ("abba", "categorical", TypeError, r"X is a string; write \[X\] for one sequence of letters"),
        (
            [0, 1, 1],
            "categorical",
            ValueError,
            r"X\[0\] must be a sequence, .*; got 0. Pass \[X\] if X is one sequence",
        ),
        ([0.5, 1.0], "diag", ValueError, r"X\[0\] must be a sequence, .*; got 0.5"),
        (IDS, "categorical", ValueError, r"could be one sequence or many. Reshape your data: X.reshape\(-1, 1\)"),
        (NUMBERS[:, 0], "diag", ValueError, "could be one sequence or many. Reshape your data"),
        (
            NUMBERS[:, :1],
            "categorical",
            ValueError,
            r'X holds the real number .* Pass emission="diag" for real numbers',
        ),
        ([[0, 0.5]], "categorical", ValueError, r"X\[0\] holds the real number 0.5, but symbols are ids"),
        (IDS.reshape(4, 2), "categorical", ValueError, r"X has 2 columns, but there is one symbol .* Pass list\(X\)"),
        ([IDS.reshape(4, 2)], "categorical", ValueError, r"X\[0\] has 2 columns"),
        (NUMBERS * 1j, "diag", ValueError, "Complex data not supported: X has dtype complex128"),
        ([NUMBERS * 1j], "diag", ValueError, r"Complex data not supported: X\[0\] has dtype"),
        ([NUMBERS[:, 0] * 1j], "diag", ValueError, r"Complex data not supported: X\[0\] has dtype"),
        ([[1j]], "categorical", ValueError, r"Complex data not supported: X\[0\] holds 1j"),
        (np.zeros((2, 3, 4)), "diag", ValueError, r"X has 3 dimensions; pass a table of 2, or list\(X\)"),
        (np.zeros((3, 0)), "diag", ValueError, r"X has 0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1"),
        (np.zeros((0, 2)), "diag", ValueError, "X holds no observations to learn from"),
        ({"a": [0, 1]}, "categorical", TypeError, "X must be a list of sequences, an array or a data frame, got dict"),
        (3, "categorical", TypeError, "X must be a list of sequences, an array or a data frame, got int"),
        ([{"a": 1}], "categorical", TypeError, r"X\[0\] must be a list, a string or an array, got dict"),
        ([[{"a": 1}]], "categorical", TypeError, r"each argument must be a string or a number in X\[0\], got dict"),
        ([[[0, 1]]], "categorical", TypeError, r"each argument must be a string or a number in X\[0\], got list"),
        ([["a", "b"]], "diag", ValueError, "sequence 0: observations must be numbers"),
        (np.array([["a"], ["b"]]), "diag", ValueError, "X must hold numbers"),
        (
            [NUMBERS, NUMBERS[:, :1]],
            "diag",
            ValueError,
            r"sequence 1: observations must have shape \(T, 2\), got \(8, 1\)",
        ),
    ],
)
def test_what_it_cannot_mean_is_refused(x, kind, error, message):
    with pytest.raises(error, match=message):
        fitted(x, emission=kind)


def test_sparse_tables_are_refused():
    sparse = oracle("scipy.sparse")
    for made in (sparse.csr_matrix, sparse.csr_array):
        with pytest.raises(TypeError, match=r"X is sparse; sparse data are not supported, pass X.toarray\(\)"):
            fitted(made(NUMBERS), emission="diag")


def test_another_number_of_features_is_refused():
    model = fitted(NUMBERS, emission="diag")
    for ask in (model.predict, model.predict_proba, model.score):
        for x in (NUMBERS[:, :1], [NUMBERS[:, 0]], np.ones((4, 3)), [np.ones((4, 3))]):
            with pytest.raises(
                ValueError, match=r"X has [13] features, but HMMEstimator is expecting 2 features as input"
            ):
                ask(x)
    assert [len(part) for part in model.predict([[], [None]])] == [0, 1]


def test_true_and_false_are_names():
    x = [[True, False, True], [False]]
    assert list(fitted(x).hmm_.symbols) == [False, True]


def test_complex_numbers_are_no_observations_of_a_model():
    model = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], Gaussian([0.0, 5.0], [1.0, 1.0]))
    for x in (np.array([1j, 2.0]), [np.array([1j, 2.0])]):
        with pytest.raises(ValueError, match="Complex data not supported"):
            model.log_likelihood(x)
