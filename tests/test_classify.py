"""Classifiers count what they should, and say what they cannot learn from."""

from functools import partial
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.classify import Evaluation, NaiveBayes, RNNClassifier
from tinyseq.io import ModelFileError

words = st.lists(st.sampled_from(["a", "warm", "dull", "film", "Film", ","]), max_size=6)
labelled = st.lists(st.tuples(words, st.sampled_from(["bad", "good", "so-so"])), min_size=1, max_size=8).filter(
    lambda pairs: any(text for text, _ in pairs)
)
alphas = st.floats(1e-3, 10)


@given(labelled, st.lists(words, min_size=1, max_size=5), alphas)
def test_naive_bayes_is_scikit_learns(pairs, unseen, alpha):
    sklearn = pytest.importorskip("sklearn.naive_bayes", reason="scikit-learn is not installed")
    text = pytest.importorskip("sklearn.feature_extraction.text")
    texts, labels = zip(*pairs, strict=True)
    counts = text.CountVectorizer(analyzer=list)
    theirs = sklearn.MultinomialNB(alpha=alpha).fit(counts.fit_transform(texts), labels)
    ours = NaiveBayes(alpha).fit(texts, labels)
    new = counts.transform(unseen)
    assert ours.classes_.tolist() == theirs.classes_.tolist()
    np.testing.assert_allclose(ours.log_joint(unseen), theirs.predict_joint_log_proba(new), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ours.log_proba(unseen), theirs.predict_log_proba(new), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ours.predict_proba(unseen), theirs.predict_proba(new), rtol=1e-12, atol=1e-12)


@given(labelled, words, alphas)
def test_naive_bayes_is_its_definition(pairs, unseen, alpha):
    model = NaiveBayes(alpha).fit(*zip(*pairs, strict=True))
    known = {word for text, _ in pairs for word in text}
    for label, found in zip(model.classes_, model.log_joint([unseen])[0], strict=True):
        own = [word for text, other in pairs for word in text if other == label]
        wanted = log(sum(other == label for _, other in pairs) / len(pairs))
        for word in filter(known.__contains__, unseen):
            wanted += log((own.count(word) + alpha) / (len(own) + alpha * len(known)))
        assert found == pytest.approx(wanted, rel=1e-12)


labels = st.sampled_from(["a", "b", "c"])


@pytest.mark.filterwarnings("ignore:A single label")
@given(st.lists(st.tuples(labels, labels), min_size=1, max_size=12))
def test_an_evaluation_is_scikit_learns(pairs):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    gold, predicted = zip(*pairs, strict=True)
    found = Evaluation.of(gold, predicted)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(gold, predicted))
    assert found.macro_f1 == pytest.approx(metrics.f1_score(gold, predicted, average="macro"))
    assert found.confusion.tolist() == metrics.confusion_matrix(gold, predicted, labels=found.classes).tolist()
    assert list(found.classes) == sorted({*gold, *predicted})


@pytest.mark.parametrize("units", ["words", "chars"])
def test_a_string_is_split_into_its_units(units):
    texts, labels = ["Warm, warm film.", "It's dull\n"], [True, False]
    split = {"words": [["Warm", ",", "warm", "film", "."], ["It's", "dull"]], "chars": [list(text) for text in texts]}
    model, by_hand = NaiveBayes(units=units).fit(texts, labels), NaiveBayes().fit(split[units], labels)
    assert model.words == by_hand.words
    np.testing.assert_array_equal(model.log_proba(texts), by_hand.log_proba(split[units]))
    assert model.predict(texts).tolist() == labels
    assert model.score(texts, labels) == model.evaluate(texts, labels).accuracy == 1.0


def test_empty_and_unknown_texts_have_the_prior():
    model = NaiveBayes().fit(["a", "b", "b"], np.array([2, 7, 7]))
    np.testing.assert_allclose(model.predict_proba(["", "unseen", []]), [[1 / 3, 2 / 3]] * 3, rtol=1e-15)
    assert model.predict([""]).tolist() == [7]
    assert model.predict([]).shape == (0,)
    assert model.predict_proba([]).shape == (0, 2)


MODELS = [NaiveBayes, partial(RNNClassifier, 4, 3, epochs=2)]


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize(
    ("texts", "labels", "error", "said"),
    [
        ("a film", ["x"], TypeError, r"texts must be a list of texts, got 'a film'; put a single text in a list"),
        (3, ["x"], TypeError, "texts must be a list of texts, got 3"),
        (["a", 3], ["x", "y"], TypeError, r"texts\[1\] must be a list of words, got 3"),
        (["a", ["b", 3]], ["x", "y"], TypeError, r"texts\[1\]\[1\] must be a word, a string, got 3"),
        (["a", b"c"], ["x", "y"], TypeError, r"texts\[1\] must be a list of words, got the string b'c'"),
        (["a"], "x", TypeError, "labels must be a list of labels, got 'x'"),
        (["a", "b"], ["x", 0.5], TypeError, r"labels\[1\] must be a string or a whole number, got 0.5"),
        (["a", "b"], ["x", None], TypeError, r"labels\[1\] must be a string or a whole number, got None"),
        (["a", "b"], ["x", 1], TypeError, "labels must be all strings or all whole numbers, got both"),
        (["a", "b"], ["x"], ValueError, "expected one label for each text, got 2 texts and 1 labels"),
        ([], [], ValueError, "there are no texts"),
        (["", " "], ["x", "y"], ValueError, "there are no words to learn from"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_and_changes_nothing(kind, texts, labels, error, said):
    model = kind()
    with pytest.raises(RuntimeError, match="the classifier is not fitted yet; call fit first"):
        model.predict(["a"])
    model.fit(["a", "b"], [0, 1])
    before = model.log_proba(["a b"])
    with pytest.raises(error, match=said):
        model.fit(texts, labels)
    np.testing.assert_array_equal(model.log_proba(["a b"]), before)


@pytest.mark.parametrize("kind", MODELS)
def test_what_cannot_be_predicted_is_refused(kind):
    model = kind().fit(["a", "b"], [0, 1])
    for call in (model.predict, model.predict_proba, model.log_proba):
        with pytest.raises(TypeError, match="texts must be a list of texts, got 'ab'"):
            call("ab")
    for call in (model.evaluate, model.score):
        with pytest.raises(ValueError, match="got 1 texts and 2 labels"):
            call(["a"], [0, 1])


@pytest.mark.parametrize("kind", MODELS)
def test_units_are_words_or_characters(kind):
    with pytest.raises(ValueError, match="units must be 'words' or 'chars', got 'word'"):
        kind(units="word")


@pytest.mark.parametrize("kind", MODELS)
def test_a_classifier_is_moved_to_a_device_that_there_is(kind):
    model = kind().fit(["a", "b"], [0, 1])
    assert model.to("cpu") is model
    with pytest.raises(ValueError, match="device"):
        model.to("tpu")
    if kind is NaiveBayes:
        with pytest.raises(ValueError, match="NaiveBayes computes on the CPU only"):
            model.to("cuda")


@pytest.mark.parametrize("kind", MODELS)
def test_scikit_learn_clones_and_searches(kind):
    base = pytest.importorskip("sklearn.base", reason="scikit-learn is not installed")
    selection = pytest.importorskip("sklearn.model_selection")
    texts, labels = ["warm", "dull", "warm film", "dull film"] * 3, ["+", "-"] * 6
    model = kind(units="chars").fit(texts, labels)
    copy = base.clone(model)
    assert copy.get_params() == model.get_params() == model.settings
    with pytest.raises(RuntimeError, match="not fitted"):
        copy.predict(texts)
    search = selection.GridSearchCV(kind(), {"units": ["chars", "words"]}, cv=3, error_score="raise")
    found = search.fit(texts, labels)
    assert found.best_estimator_.settings["units"] == found.best_params_["units"]
    assert set(found.predict(texts)) <= {"+", "-"}
    assert base.is_classifier(model)
    with pytest.raises(ValueError, match=r"has no parameter 'unit'; it has .*units"):
        model.set_params(unit="words")
    with pytest.raises(ValueError, match="units must be 'words' or 'chars', got 'word'"):
        model.set_params(units="word")
    assert model.predict(["warm"]).shape == (1,)


@pytest.mark.parametrize("alpha", [0, -1.0, float("nan"), float("inf")])
def test_alpha_is_positive(alpha):
    with pytest.raises(ValueError, match="alpha must be positive and finite, got"):
        NaiveBayes(alpha)


@pytest.mark.parametrize("alpha", ["1", None, True])
def test_alpha_is_a_number(alpha):
    with pytest.raises(TypeError, match="alpha must be a number, got"):
        NaiveBayes(alpha)


@pytest.mark.parametrize("name", ["counts", "texts"])
def test_damaged_counts_are_refused(tmp_path, name):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    arrays, metadata = NaiveBayes().fit(["a b", "c"], ["x", "y"]).saved()
    for wrong in (arrays[name][:1], -1 - arrays[name], arrays[name] * 0.5):
        ts.save(arrays | {name: wrong}, tmp_path / "m", {"kind": NaiveBayes.file_kind, **metadata})
        with pytest.raises(ModelFileError, match="the description of the NaiveBayes does not fit its arrays"):
            ts.load_model(tmp_path / "m")
