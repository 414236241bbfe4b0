"""Every public object can be pickled, copied deeply, and sent to another process and back."""

import copy
import multiprocessing
import pickle
import re

import numpy as np
import pytest
from instances import OBJECTS, SENTENCES, classes, differences, made

import tinyseq as ts
from tinyseq.autograd.modes import Switch
from tinyseq.hmm.emissions import Emission
from tinyseq.io import SavedModel

THERE_AND_BACK = {
    **{f"pickle {p}": lambda x, p=p: pickle.loads(pickle.dumps(x, p)) for p in range(2, pickle.HIGHEST_PROTOCOL + 1)},
    "deepcopy": copy.deepcopy,
}


def itself(value):
    return value


def outputs(model, x):
    return model(x).detach().numpy()


def raised(error):
    raise error


def test_there_is_an_object_of_every_public_class():
    """A new class needs an object in tests/instances.py, so that it is tried, too."""
    missing = [name for name, value in classes().items() if value.__name__ not in OBJECTS]
    assert missing == [], "public classes without an object in tests/instances.py"


SHOWN = (SavedModel, ts.optim.Optimizer, Emission)


@pytest.mark.parametrize("name", sorted({kind.__name__ for kind in classes().values() if issubclass(kind, SHOWN)}))
def test_a_model_says_what_it_is(name):
    for make in OBJECTS[name]:
        shown = repr(make())
        assert shown.startswith(name)
        assert " at 0x" not in shown


@pytest.mark.parametrize("name", [name for name in OBJECTS if not issubclass(getattr(ts, name, object), Switch)])
def test_nothing_shows_where_in_memory_it_lies(name):
    for make in OBJECTS[name]:
        assert not re.search(r"\b0x[0-9a-f]{6,}", repr(make()))


@pytest.mark.parametrize(
    "call",
    [
        "HMMTagger(n=2, smoothing=None, least=0.5)",
        "RNNTagger(hidden_size=4, cell='gru', bidirectional=False, crf=True, rules='bio', chars=False)",
        "NaiveBayes(alpha=0.5, units='chars')",
        "RNNClassifier(hidden_size=4, pooling='max', skip=True)",
        "NgramLM(n=3, smoothing='add-k', k=0.5, words=True, min_count=1)",
        "HMMTagger()",
    ],
)
def test_a_model_is_shown_as_it_was_made(call):
    names = {**vars(ts.tagging), **vars(ts.classify), **vars(ts.lm)}
    assert repr(eval(call, names)) == call


def test_a_language_model_shows_whether_it_reads_words_or_characters():
    words = ["the", "cat", "sat"]
    assert repr(ts.lm.NgramLM(2).fit(words)) == (
        "NgramLM(n=2, vocabulary=Vocabulary(6 symbols: 't', 'h', 'e', 'c', 'a', 's'))"
    )
    assert "Vocabulary(3 symbols: 'the', 'cat', 'sat')" in repr(ts.lm.NgramLM(2).fit([words]))


@pytest.mark.parametrize("name", list(OBJECTS))
def test_an_object_is_of_the_class_that_it_stands_for(name):
    assert {type(make()).__name__ for make in OBJECTS[name]} == {name}


@pytest.mark.parametrize("way", list(THERE_AND_BACK))
def test_every_public_object_survives(way):
    """Classes, functions and constants too: what is found by its name must be found where it says it is."""
    lost = {}
    for name, value in made().items():
        try:
            lost[name] = differences(value, THERE_AND_BACK[way](value))
        except Exception as error:
            lost[name] = [repr(error)]
    assert not {name: found for name, found in lost.items() if found}


def test_every_public_object_goes_to_a_fresh_process_and_back():
    """Spawned, so that nothing is there but what an import brings."""
    sent = made()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        back = pool.map_async(itself, list(sent.values())).get(timeout=120)
        for name, value, found in zip(sent, sent.values(), back, strict=True):
            assert not differences(value, found), name
        # An error that cannot be unpickled would never arrive, and its pool would wait for it for ever.
        errors = {name: value for name, value in sent.items() if isinstance(value, Exception)}
        assert len(errors) > 8
        for error in errors.values():
            with pytest.raises(type(error)) as caught:
                pool.map_async(raised, [error]).get(timeout=60)
            assert not differences(error, caught.value)


def test_a_bad_file_in_a_pool_is_the_readers_error(tmp_path):
    (tmp_path / "bad.conllu").write_text("1\tlonely\n")
    with multiprocessing.get_context("spawn").Pool(1) as pool, pytest.raises(ts.data.DataError, match="line 1: 2 col"):
        pool.map_async(ts.data.conllu, [tmp_path / "bad.conllu"]).get(timeout=60)


def test_joblib_takes_models_and_functions():
    joblib = pytest.importorskip("joblib", reason="joblib is not installed: pip install joblib")
    tagger = ts.tagging.HMMTagger(n=2).fit(SENTENCES)
    model = ts.nn.Sequential(ts.nn.Linear(2, 2), ts.tanh)
    x = ts.ones(1, 2, dtype="float32")
    calls = [joblib.delayed(tagger.tag)(["the", "fish"]), joblib.delayed(outputs)(model, x)]
    tags, values = joblib.Parallel(n_jobs=2)(calls)
    assert tags == tagger.tag(["the", "fish"])
    assert np.array_equal(values, outputs(model, x))


@pytest.mark.parametrize("way", list(THERE_AND_BACK))
def test_copies_do_what_their_originals_do(way):
    copied = THERE_AND_BACK[way]
    tagger = ts.tagging.HMMTagger(n=2).fit(SENTENCES)
    assert copied(tagger).tag(["the", "dog"]) == tagger.tag(["the", "dog"])
    model = ts.nn.Sequential(ts.nn.Linear(2, 2), ts.tanh, ts.nn.Linear(2, 1))
    optimizer = ts.optim.Adam(model.parameters())
    twin, theirs = copied((model, optimizer))
    for net, rule in ((model, optimizer), (twin, theirs)):  # still the optimiser of that model's parameters
        net(ts.ones(3, 2, dtype="float32")).sum().backward()
        rule.step()
    assert not differences(model.state_dict(), twin.state_dict())
    assert not np.shares_memory(twin[0].weight._array, model[0].weight._array)
    posterior = ts.hmm.HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.9, 0.1], [0.2, 0.8]]).posterior([0, 1, 1])
    assert np.array_equal(copied(posterior).transitions, posterior.transitions)
    rate = ts.optim.warm_up_cosine(0.1, 20, 4)
    assert [copied(rate)(step) for step in range(25)] == [rate(step) for step in range(25)]


STATEFUL = {name: make for name, makes in OBJECTS.items() for make in makes[:1] if hasattr(make(), "load_state_dict")}


def scramble(state):
    """Change every array and list of a state where it lies; one that is read-only is safe from that."""
    for value in state.values():
        if isinstance(value, np.ndarray) and value.flags.writeable:
            value[...] = 77
        elif isinstance(value, list):
            value.append("scrambled")


@pytest.mark.parametrize("name", STATEFUL)
def test_a_state_belongs_to_whoever_holds_it(name):
    """Changing what state_dict() gave, or what load_state_dict() was given, changes nothing in the object."""
    thing = STATEFUL[name]()
    given = thing.state_dict()
    kept = copy.deepcopy(given)
    scramble(given)
    assert not differences(dict(kept), dict(thing.state_dict()))
    given = copy.deepcopy(kept)
    thing.load_state_dict(given)
    scramble(given)
    assert not differences(dict(kept), dict(thing.state_dict()))


def test_a_loaded_file_is_the_callers(tmp_path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    ts.save({"w": np.ones(3)}, tmp_path / "w.safetensors")
    ts.load(tmp_path / "w.safetensors")["w"][:] = 5
    assert ts.load(tmp_path / "w.safetensors")["w"].tolist() == [1, 1, 1]
