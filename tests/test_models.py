"""One protocol for every model: a file each, `ts.load_model` for all of them. The classes are found at run time."""

import contextlib
import inspect
import json
import re
import warnings
from typing import Self

import numpy as np
import pytest
from instances import SENTENCES, modules

import tinyseq as ts
from tinyseq.io import ModelFileError, SavedModel

pytest.importorskip("safetensors", reason="safetensors is not installed")

TEXT = "so long and thanks for all the fish " * 3
WORDS = [["the", "fish"], ["they", "Swim"], ["a", "cat", "swims"]]
TEXTS, LABELS = ["so long", "thanks for all the fish", "", "so, so"], [0, 1, 1, 0]
TRAINED = {"steps": 3, "window": 6, "batch": 2}


def model_classes() -> dict[str, type[SavedModel]]:
    """Every public class of the package that can be saved, by name; bases are not public."""
    packages = [module for module in modules() if hasattr(module, "__all__")]
    public = {name: getattr(module, name) for module in packages for name in module.__all__}
    return {
        name: value
        for name, value in public.items()
        if isinstance(value, type) and issubclass(value, SavedModel) and value.saved is not SavedModel.saved
    }


MADE = {
    "Vocabulary": lambda: ts.data.Vocabulary(["a", 1, ("b", True)], unknown="?"),
    "HMM": lambda: ts.hmm.HMM.from_labelled(SENTENCES, 3, "witten-bell", emission_smoothing="witten-bell"),
    "NaiveBayes": lambda: ts.classify.NaiveBayes(0.5).fit(TEXTS, LABELS),
    "RNNClassifier": lambda: ts.classify.RNNClassifier(4, 3, epochs=5, pooling="max").fit(TEXTS, LABELS),
    "NgramLM": lambda: ts.lm.NgramLM(3).fit(TEXT),
    "RNNLM": lambda: ts.lm.RNNLM(sorted(set(TEXT)), 5, cell="gru", num_layers=2).fit(TEXT, **TRAINED),
    "WindowLM": lambda: ts.lm.WindowLM(sorted(set(TEXT)), 3, 5).fit(TEXT, **TRAINED),
    "Mixture": lambda: ts.lm.Mixture([MADE["RNNLM"](), MADE["NgramLM"]()], [2, 1]),
    "MostFrequentTag": lambda: ts.tagging.MostFrequentTag().fit(SENTENCES),
    "HMMTagger": lambda: ts.tagging.HMMTagger().fit(SENTENCES),
    "RNNTagger": lambda: ts.tagging.RNNTagger(4, 3, epochs=1, crf=True).fit(SENTENCES),
}


def learnt_from(kind):
    """What a model of a class learns from: a text, sentences, or texts and labels."""
    if issubclass(kind, ts.classify.Classifier):
        return (TEXTS, LABELS)
    return (SENTENCES if issubclass(kind, ts.tagging.Tagger) else TEXT,)


def answers(model):
    """What a model says: of a text, of sentences, or of observations."""
    if isinstance(model, ts.data.Vocabulary):
        return [*model, model.unknown, *model.encode(["a", "z", 1])]
    if hasattr(model, "nats"):
        return [model.nats(TEXT[:40]), *model.sample(12, rng=3)]
    if hasattr(model, "viterbi"):
        words = ["the", "fish", "swims"]
        return [model.log_likelihood(words), *model.viterbi(words).path, *drawn(model.sample(5, rng=3))]
    if isinstance(model, ts.classify.Classifier):
        return [*model.predict_proba(TEXTS).ravel(), *model.predict(TEXTS)]
    return model.tag_many(WORDS)


def test_there_is_a_model_of_every_class():
    assert sorted(model_classes()) == sorted(MADE), "each model class needs an entry in MADE"


@pytest.fixture(params=sorted(MADE))
def model(request):
    _ = ts.manual_seed(0)
    return MADE[request.param]()


def test_a_model_comes_back_from_its_file_whoever_opens_it(model, tmp_path):
    path = tmp_path / "model.safetensors"
    model.save(path)
    for found in (type(model).load(path), ts.load_model(path), SavedModel.load(path)):
        assert type(found) is type(model)
        assert answers(found) == answers(model)
        found.save(tmp_path / "again.safetensors")
        assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_a_file_of_every_other_class_is_refused_by_name(model, tmp_path):
    path = tmp_path / "model.safetensors"
    model.save(path)
    others = [kind for kind in model_classes().values() if kind is not type(model)]
    assert len(others) >= 5
    for other in others:
        with pytest.raises(ModelFileError, match=rf"holds {type(model).file_kind}, expected {other.file_kind}$"):
            other.load(path)


def test_a_file_that_lacks_something_is_refused(model, tmp_path):
    """Every array, and every entry of the metadata, is needed, but for what the oldest files lack."""
    path = tmp_path / "model.safetensors"
    model.save(path)
    arrays, metadata = ts.io.load_with_metadata(path)
    cut = [({k: v for k, v in arrays.items() if k != name}, metadata) for name in arrays]
    cut += [
        (arrays, {k: v for k, v in metadata.items() if k != name}) for name in metadata if name not in ("kind", "logs")
    ]
    for fewer, said in cut:
        ts.save(fewer, path, said)
        with pytest.raises(ModelFileError, match=r"model\.safetensors: the description of the"):
            ts.load_model(path)


@pytest.mark.parametrize("name", sorted(MADE))
def test_the_file_names_the_class(name):
    kind = model_classes()[name]
    room, _, last = kind.file_kind.rpartition(".")
    assert last == name
    assert getattr(ts, room.removeprefix("tinyseq.")).__dict__[name] is kind


def test_fit_returns_the_model():
    """And signatures agree: what a model learns from is the first argument, all else has a name.

    Classifiers take texts and labels, as scikit-learn's do.

    A hidden Markov model does not change: `from_labelled` and `fit_em` make another one. A vocabulary is given, or
    counted by `from_counts`.
    """
    assert not hasattr(ts.hmm.HMM, "fit")
    for name, kind in model_classes().items():
        if name in ("HMM", "Vocabulary"):
            continue
        given = learnt_from(kind)
        others = list(inspect.signature(kind.fit).parameters.values())[1 + len(given) :]
        assert {p.kind for p in others} <= {inspect.Parameter.KEYWORD_ONLY}, name
        made = MADE[name]()
        settings = TRAINED if "steps" in {p.name for p in others} else {}
        assert made.fit(*given, **settings) is made


STEPPED = [name for name, kind in model_classes().items() if hasattr(kind, "fit_steps")]


@pytest.mark.parametrize("name", STEPPED)
def test_fit_is_the_steps_of_fit_steps_with_progress_and_callbacks(name, capsys):
    def trained(steps):
        _ = ts.manual_seed(0)
        made, seen = MADE[name](), []
        settings = TRAINED | {"steps": 5} if name.endswith("LM") else {}
        given = learnt_from(type(made))
        stop = lambda report: seen.append(report) or report.step == 4
        if steps:
            reports = list(made.fit_steps(*given, callbacks=[stop], **settings))
            assert [report.step for report in reports] == [report.step for report in seen]
        else:
            made.fit(*given, callbacks=[stop], progress=True, **settings)
        return answers(made), [report.loss for report in seen]

    assert trained(True) == trained(False)
    assert "loss" in capsys.readouterr().err


RUN = ("patience", "progress", "callbacks", "checkpoint", "every", "depends_on", "device", "compile")


@pytest.mark.parametrize("setting", RUN)
def test_a_setting_of_training_is_the_same_in_every_model(setting):
    """With one name, type and default."""
    methods = [(name, method) for name in STEPPED for method in ("fit", "fit_steps")]
    signatures = {key: inspect.signature(getattr(model_classes()[key[0]], key[1])).parameters for key in methods}
    found = {key: parameters[setting] for key, parameters in signatures.items() if setting in parameters}
    assert set(found) == set(methods)
    assert {str(parameter) for parameter in found.values()} == {str(next(iter(found.values())))}
    em = inspect.signature(ts.hmm.HMM.fit_em).parameters
    assert setting not in em or em[setting].default == next(iter(found.values())).default


@pytest.mark.parametrize("name", STEPPED)
def test_fit_takes_the_arguments_of_fit_steps_and_help_explains_them(name):
    kind = model_classes()[name]
    signature = inspect.signature(kind.fit)
    assert signature.parameters == inspect.signature(kind.fit_steps).parameters
    assert signature.return_annotation == Self
    arguments = inspect.getdoc(kind.fit_steps).partition("Args:\n")[2].partition("\n\nReturns:")[0]
    assert f"Args:\n{arguments}\n\nReturns:\n    The " in kind.fit.__doc__
    with pytest.raises(TypeError, match=r"^\w+\.fit\(\) got an unexpected keyword argument 'batch_size'"):
        MADE[name]().fit(*learnt_from(kind), batch_size=3)


@pytest.mark.parametrize("name", STEPPED)
def test_a_fit_that_diverges_says_so(name):
    """By a warning while its loss is finite, which may come down again; an error, once it is not, may follow."""
    model = MADE[name]()
    settings = TRAINED | {"lr": 1e30} if name.endswith("LM") else {}
    model.settings |= {} if settings else {"lr": 1e12, "epochs": 3}
    said = (
        r"the training has diverged: the loss was [\d.]+ at first and is \S+e\+\d\d at step 2; start over with a lower"
    )
    with warnings.catch_warnings(record=True) as caught, contextlib.suppress(ts.train.NonFiniteLoss):
        warnings.simplefilter("always")
        model.fit(*learnt_from(type(model)), **settings)
    assert [each.filename for each in caught if re.match(said, str(each.message))] == [__file__]


@pytest.mark.parametrize("name", ["RNNClassifier", "RNNTagger"])
def test_a_fit_that_fails_leaves_the_model_as_it_was(name):
    model = MADE[name]()
    before = answers(model)

    def fail(report):
        raise ZeroDivisionError("of a callback")

    with pytest.raises(ZeroDivisionError, match="of a callback"):
        model.fit(*learnt_from(type(model)), callbacks=[fail])
    assert answers(model) == before


def test_the_steps_of_fit_steps_show_progress(capsys):
    for _ in ts.lm.RNNLM("helo", 3).fit_steps("hello", steps=2, progress=True):
        pass
    assert "training 2/2  loss" in capsys.readouterr().err


def test_four_models_learn_step_by_step():
    assert sorted(STEPPED) == ["RNNClassifier", "RNNLM", "RNNTagger", "WindowLM"]


SAMPLED = [name for name, kind in model_classes().items() if hasattr(kind, "sample")]


@pytest.mark.parametrize("name", SAMPLED)
def test_samples_are_repeatable_by_a_seed_a_generator_and_manual_seed(name):
    model = MADE[name]()
    draw = lambda rng=None: drawn(model.sample(20, rng))
    assert draw(5) == draw(5) == draw(np.random.default_rng(5))
    assert draw(5) != draw(6)
    _ = ts.manual_seed(7)
    first, second = draw(), draw()
    _ = ts.manual_seed(7)
    assert [draw(), draw()] == [first, second] != [first, first]
    for wrong in ("5", 0.5, np.random.RandomState(0), True):
        with pytest.raises(TypeError, match="rng must be a NumPy Generator, a whole number as its seed, or None, got"):
            draw(wrong)


def drawn(sample):
    """A sample as a list; of a hidden Markov model the observations and the states."""
    return sample if isinstance(sample, list) else [list(part) for part in sample]


@pytest.mark.parametrize(
    "name", [name for name in SAMPLED if issubclass(getattr(ts.lm, name, object), ts.lm.LanguageModel)]
)
def test_language_models_are_sampled_alike(name):
    """A temperature of 0 draws the most probable symbol, from a prompt on; a low one comes near it."""
    model = MADE[name]()
    likeliest = model.sample(8, prompt="so l", temperature=0)
    assert likeliest == model.sample(8, 3, prompt="so l", temperature=1e-9)
    assert likeliest != model.sample(8, 3, prompt="so l", temperature=50.0)
    for wrong in (-1, float("nan")):
        with pytest.raises(ValueError, match="temperature must be a finite number, at least 0"):
            model.sample(3, temperature=wrong)


def test_files_of_before_load(tmp_path):
    """Files called a hidden Markov model by that name."""
    model = MADE["HMM"]()
    ts.save(model.saved()[0], tmp_path / "m", {"kind": "hidden Markov model", **model.saved()[1]})
    for found in (ts.hmm.HMM.load(tmp_path / "m"), ts.load_model(tmp_path / "m")):
        assert answers(found) == answers(model)


class Counted(ts.lm.NgramLM):
    """A user's own model."""


def test_a_model_of_ones_own_is_opened_too(tmp_path):
    path = tmp_path / "own.safetensors"
    Counted(2).fit("abab").save(path)
    assert type(ts.load_model(path)) is Counted
    assert type(ts.lm.NgramLM.load(path)) is Counted  # a base opens what its subclasses wrote
    ts.lm.NgramLM(2).fit("abab").save(path)
    assert type(Counted.load(path)) is Counted  # and a subclass what its base wrote


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (None, "holds no tinyseq model, expected a model"),
        ("tinyseq.train.Checkpoint", "holds tinyseq.train.Checkpoint, expected a model"),
        (
            "elsewhere.Model",
            "holds elsewhere.Model, expected a model; if that is a class of your own, import",
        ),
        ([1], r"holds \[1\], expected a model"),
    ],
)
def test_load_model_says_what_a_file_holds_instead(tmp_path, kind, words):
    ts.save({"w": np.ones(2)}, tmp_path / "other", {} if kind is None else {"kind": kind})
    with pytest.raises(ModelFileError, match=words):
        ts.load_model(tmp_path / "other")


def test_a_class_that_does_not_say_what_is_kept_cannot_be_saved(tmp_path):
    with pytest.raises(NotImplementedError, match="Nothing does not define saved"):
        type("Nothing", (SavedModel,), {})().save(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_tables_of_other_lengths_are_no_ngram_model(tmp_path):
    arrays, metadata = ts.lm.NgramLM(2).fit("abab").saved()
    ts.save(arrays | {"2.kept": np.ones(9)}, tmp_path / "m", {"kind": "tinyseq.lm.NgramLM", **metadata})
    with pytest.raises(ModelFileError, match="the tables of its 2-grams have different lengths"):
        ts.load_model(tmp_path / "m")
    assert json.dumps(metadata)


SMALLEST = {
    "RNNLM": lambda **given: ts.lm.RNNLM("ab", 1, 1, **given),
    "WindowLM": lambda **given: ts.lm.WindowLM("ab", 1, 1, 1, **given),
    "RNNTagger": lambda **given: ts.tagging.RNNTagger(1, 1, epochs=1, **given).fit([[("a", "X"), ("b", "Y")]]),
    "RNNClassifier": lambda **given: ts.classify.RNNClassifier(1, 1, epochs=1, **given).fit(["a", "b"], ["x", "y"]),
}
CHOICES = [
    *(("RNNLM", given) for given in ({}, {"tied": True}, {"num_layers": 9}, {"cell": "gru_before"})),
    *(("WindowLM", given) for given in ({}, {"tied": True})),
    *(("RNNTagger", given) for given in ({}, {"chars": False}, {"crf": True, "chars": False}, {"num_layers": 5})),
    *(
        ("RNNClassifier", given)
        for given in ({}, {"skip": True}, {"units": "chars"}, {"pooling": "max", "num_layers": 5})
    ),
]


@pytest.mark.parametrize(("kind", "given"), CHOICES, ids=str)
def test_the_smallest_models_come_back_with_every_choice(kind, given, tmp_path):
    """A size that a choice leaves unused is not taken for one of a damaged file."""
    model = SMALLEST[kind](**given)
    model.save(tmp_path / "model")
    loaded = ts.load_model(tmp_path / "model")
    assert loaded.settings == model.settings
    if kind == "RNNTagger":
        assert loaded.tag(["a", "c"]) == model.tag(["a", "c"])
    elif kind == "RNNClassifier":
        assert loaded.predict_proba(["a b"]).tolist() == model.predict_proba(["a b"]).tolist()
    else:
        assert loaded.nats("abba") == model.nats("abba")
