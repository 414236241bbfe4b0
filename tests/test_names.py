"""What is taken as a name or a setting comes back from a file, equal and of its type; the rest is refused at once."""

import datetime
import enum
import fractions
import tempfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.io.names import kept_name, kept_settings

pytest.importorskip("safetensors", reason="safetensors is not installed")

NUMPY = ["bool", "int8", "int64", "uint8", "uint64", "float16", "float32", "float64", "str", "bytes"]
PLAIN = st.one_of(
    st.text(), st.integers(), st.booleans(), st.binary(), st.floats(allow_nan=False), st.just(""), st.just("\ud800")
)
SCALARS = st.sampled_from(NUMPY).flatmap(
    lambda kind: st.one_of(st.integers(0, 9), st.sampled_from(["", "a", "ä"])).map(
        lambda value: np.dtype(kind).type(
            str(value).encode() if kind == "bytes" else value if kind == "str" else len(str(value))
        )
    )
)
LEAVES = st.one_of(PLAIN, SCALARS)
NAMES = st.recursive(LEAVES, lambda names: st.lists(names, max_size=3).map(tuple), max_leaves=5)
LISTS = st.lists(NAMES, min_size=1, max_size=5, unique_by=kept_name)


def exactly(names):
    """Names with their types, all the way down: True is not 1, nor 1.0."""
    return [(type(name).__name__, exactly(name) if isinstance(name, tuple) else repr(name)) for name in names]


def from_file(model):
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.safetensors")
        return type(model).load(f"{folder}/model.safetensors")


@given(LISTS)
def test_names_of_states_and_symbols_come_back(names):
    size = len(names)
    uniform = np.full((size, size), 1 / size)
    model = ts.hmm.HMM(uniform[0], uniform, uniform, states=names, symbols=names, unknown=names[-1])
    assert all(a == b for a, b in zip(model.states, names, strict=True))
    loaded = from_file(model)
    assert exactly(loaded.states) == exactly(model.states)
    assert exactly(loaded.emissions.symbols) == exactly(model.emissions.symbols)
    assert exactly([loaded.emissions.unknown]) == exactly([model.emissions.unknown])
    for name in (*names, *model.states):  # NumPy's scalars still mean the same
        assert loaded.states.ids([name]).tolist() == model.states.ids([name]).tolist()


@given(LISTS)
def test_a_vocabulary_comes_back(names):
    vocabulary = ts.data.Vocabulary(names, unknown=names[0])
    loaded = ts.data.Vocabulary.from_dict(vocabulary.to_dict())
    assert exactly(loaded) == exactly(vocabulary)
    assert loaded == vocabulary
    assert loaded.encode(names).tolist() == list(range(len(names)))


@given(LISTS)
def test_a_neural_language_model_of_any_symbols_comes_back(names):
    for model in (ts.lm.RNNLM(names, 2), ts.lm.WindowLM(names, 2, 2)):
        loaded = from_file(model)
        assert exactly(loaded.vocabulary) == exactly(model.vocabulary)
        assert loaded.settings == model.settings


@given(st.lists(st.tuples(LEAVES, NAMES), min_size=1, max_size=6))
def test_a_model_that_was_counted_can_always_be_saved(pairs):
    try:
        model = ts.hmm.HMM.from_labelled([pairs])
    except ValueError as error:  # 1 and True are equal, but not the same: they cannot both be names
        if " is not a " in str(error):
            return
        raise
    loaded = from_file(model)
    assert exactly(loaded.states) == exactly(model.states)
    assert np.array_equal(loaded.transition, model.transition)


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64", "uint8", "uint64"])
def test_integers_of_numpy_as_labels_and_sizes(kind):
    number = np.dtype(kind).type
    labelled = [[(number(3), number(0)), (number(4), number(1)), (number(3), number(0))]]
    assert exactly(from_file(ts.hmm.HMM.from_labelled(labelled)).states) == [("int", "0"), ("int", "1")]
    for model in (
        ts.lm.RNNLM("ab", number(4), number(3), num_layers=number(2)),
        ts.lm.WindowLM("ab", number(2), number(4), number(3)),
        ts.tagging.HMMTagger(number(2)).fit([[("a", "X"), ("b", "Y")]]),
        ts.classify.RNNClassifier(number(4), number(3), num_layers=number(1), epochs=number(1), batch=number(1)).fit(
            ["a", "b"], [number(1), number(2)]
        ),
        ts.tagging.RNNTagger(number(4), number(3), num_layers=number(1), epochs=number(1), batch=number(1)).fit(
            [[("a", "X"), ("b", "Y")]]
        ),
    ):
        loaded = from_file(model)
        if hasattr(model, "settings"):
            assert loaded.settings == model.settings
            assert all(type(value).__module__ == "builtins" for value in loaded.settings.values())


@pytest.mark.parametrize("number", [np.float16, np.float32, np.float64])
def test_settings_of_numpys_types_come_back(number):
    sentences = [[("a", "X"), ("b", "Y")]]
    tagger = ts.tagging.RNNTagger(
        2, 2, np.str_("gru"), dropout=number(0.25), lr=number(0.125), crf=np.True_, bidirectional=np.False_, epochs=1
    )
    for model in (
        ts.lm.RNNLM("ab", 2, cell=np.str_("rnn"), num_layers=2, dropout=number(0.25)),
        tagger.fit(sentences),
    ):
        loaded = from_file(model)
        assert loaded.settings == model.settings
        assert {name: type(value) for name, value in loaded.settings.items()} == {
            name: type(value) for name, value in model.settings.items()
        }
        assert loaded.settings["dropout"] == 0.25
    gaussian = ts.hmm.HMM([1.0], [[1.0]], ts.hmm.Gaussian([0.0], [1.0], floor=number(0.25)))
    assert from_file(gaussian).emissions.floor == 0.25


class Colour(enum.Enum):
    RED = 1


@pytest.mark.parametrize(
    "name",
    [
        Colour.RED,
        datetime.date(2020, 1, 1),
        np.datetime64("2020-01-01"),
        fractions.Fraction(1, 3),
        1j,
        np.longdouble(1),
        frozenset("a"),
        ("a", (b"b", Colour.RED)),
        len,
    ],
    ids=repr,
)
def test_a_name_that_no_file_could_keep_is_refused_before_anything_is_learnt(name):
    for make in (
        lambda: ts.data.Vocabulary(["a", name]),
        lambda: ts.data.Vocabulary("a", unknown=name),
        lambda: ts.lm.RNNLM(["a", name], 2),
        lambda: ts.hmm.HMM([0.5, 0.5], np.eye(2), np.eye(2), states=["a", name]),
        lambda: ts.hmm.HMM([0.5, 0.5], np.eye(2), np.eye(2), symbols=["a", name]),
        lambda: ts.hmm.HMM.from_labelled([[("x", name)]]),
        lambda: ts.hmm.HMM.from_labelled([[(name, "X")]]),
    ):
        with pytest.raises(
            TypeError, match="must be a string, a number or a tuple of these, so that it can be saved; got"
        ):
            make()


def test_a_name_that_is_nothing_is_refused():
    for nan in (float("nan"), np.float32("nan"), ("a", float("nan"))):
        with pytest.raises(ValueError, match="a symbol must not be NaN, which is not equal to itself"):
            ts.data.Vocabulary([nan])


@pytest.mark.parametrize("value", [len, np.ones(2), {1, 2}, Colour.RED], ids=repr)
def test_a_setting_that_no_file_could_keep_is_refused_before_training(value):
    with pytest.raises(TypeError, match="dropout must be a plain value, so that it can be saved; got"):
        kept_settings({"hidden_size": 4, "dropout": value})
    with pytest.raises((TypeError, ValueError)):
        ts.lm.RNNLM("ab", 2, dropout=value)
    with pytest.raises((TypeError, ValueError)):
        ts.tagging.RNNTagger(lr=value)


def test_a_taggers_smoothing_is_a_name_from_the_beginning():
    with pytest.raises(TypeError, match=r"smoothing must be a name, so that the tagger can be saved, got AddK\(0.1\)"):
        ts.tagging.HMMTagger(smoothing=ts.hmm.AddK(0.1))
    with pytest.raises(ValueError, match="smoothing must be one of"):
        ts.tagging.HMMTagger(smoothing="laplace")
