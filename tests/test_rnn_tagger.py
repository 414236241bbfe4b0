"""The recurrent tagger learns from context and endings, keeps its interface, and is saved."""

from itertools import pairwise

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.data import convert_sentences, python_source, spans
from tinyseq.io import ModelFileError, load_with_metadata
from tinyseq.tagging import MostFrequentTag, RNNTagger

SMALL = {"hidden_size": 24, "embedding_size": 24, "batch": 16, "epochs": 3, "lr": 0.02}


@pytest.fixture(scope="module")
def corpus():
    return python_source(train=6000, held_out=1500)


def fitted(sentences, **settings):
    ts.manual_seed(0)
    return RNNTagger(**SMALL | settings).fit(sentences)


@pytest.fixture(scope="module", params=[False, True], ids=["each tag alone", "with a CRF"])
def tagger(request, corpus):
    return fitted(corpus.train, crf=request.param)


def test_it_beats_the_most_frequent_tag_on_real_source(tagger, corpus):
    baseline = MostFrequentTag().fit(corpus.train).accuracy(corpus.held_out)
    found = tagger.accuracy(corpus.held_out)
    assert found.all > baseline.all + 0.03
    assert found.unknown > baseline.unknown


def test_sentences_are_tagged_alone_as_in_a_batch(tagger, corpus):
    sentences = [[word for word, _ in sentence] for sentence in corpus.held_out[:40]]
    sentences.insert(3, [])
    together = tagger.tag_many(sentences)
    assert together == [tagger.tag(words) for words in sentences]
    assert together[3] == []
    assert [len(tags) for tags in together] == [len(words) for words in sentences]


def test_saved_and_loaded_it_tags_the_same(tagger, corpus, tmp_path):
    tagger.save(tmp_path / "tagger.safetensors")
    again = RNNTagger.load(tmp_path / "tagger.safetensors")
    sentences = [[word for word, _ in sentence] for sentence in corpus.held_out]
    assert again.tag_many(sentences) == tagger.tag_many(sentences)
    assert again.settings == tagger.settings


@pytest.mark.parametrize("settings", [{"hidden_size": 10**7}, {"num_layers": 10**9}, {"cell": 3}, {"no_such": 1}, []])
def test_a_file_that_describes_another_or_a_huge_tagger_is_a_clear_error(tagger, tmp_path, settings):
    tagger.save(path := tmp_path / "tagger.safetensors")
    arrays, metadata = load_with_metadata(path)
    metadata["settings"] = settings if settings == [] else {**metadata["settings"], **settings}
    ts.save(arrays, path, metadata)
    with pytest.raises(ModelFileError, match=r"the description of the RNNTagger does not fit its arrays"):
        RNNTagger.load(path)


def test_a_run_goes_on_from_its_checkpoint_with_the_same_bits(corpus, tmp_path):
    def run(**arguments):
        ts.manual_seed(0)
        tagger = RNNTagger(**SMALL).fit(corpus.train[:200], **arguments)
        return {name: value.tobytes() for name, value in tagger.network.state_dict().items()}

    path = tmp_path / "run.safetensors"

    class Stopped(Exception):
        pass

    def kill(report):
        if report.step == 17:
            raise Stopped

    with pytest.raises(Stopped):
        run(callbacks=[kill], checkpoint=path, every=5)
    assert load_with_metadata(path)[1]["step"] == 15
    assert run(callbacks=[lambda report: None], checkpoint=path) == run()


def test_a_one_way_network_cannot_look_ahead():
    """The tag of the first word depends on the last one, which only a bidirectional network has read."""
    sentences = [[("x", "A"), ("a", "O")], [("x", "B"), ("b", "O")]] * 40
    both = fitted(sentences, epochs=12)
    assert both.accuracy(sentences).all == 1.0
    one_way = fitted(sentences, epochs=12, bidirectional=False)
    assert one_way.accuracy(sentences).all == 0.75


def test_files_and_input_that_do_not_fit_are_named(tmp_path):
    ts.save({"a": np.ones(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelFileError, match=r"other\.safetensors: holds no tinyseq model"):
        RNNTagger.load(tmp_path / "other.safetensors")
    with pytest.raises(RuntimeError, match="call fit first"):
        RNNTagger().tag(["word"])
    with pytest.raises(ValueError, match="sentence 1, position 0: expected a \\(word, tag\\) pair, got 'word'"):
        RNNTagger().fit([[("a", "A")], ["word"]])
    with pytest.raises(ValueError, match="no words to learn from"):
        RNNTagger().fit([[]])
    with pytest.raises(ValueError, match="epochs must be at least 1, got 0"):
        RNNTagger(epochs=0)


CHUNKS = [
    [("Mary", "B-PER"), ("Ann", "I-PER"), ("sleeps", "O")],
    [("Bo", "B-PER"), ("met", "O"), ("Mary", "B-PER")],
    [("Oz", "B-LOC"), ("sleeps", "O")],
]


@pytest.mark.parametrize("scheme", ["bio", "bioes"])
def test_rules_hold_in_all_that_is_tagged_and_are_kept_in_the_file(scheme, tmp_path):
    ts.manual_seed(0)
    sentences = convert_sentences(CHUNKS, "bio", scheme)
    if scheme == "bioes":
        sentences.append(
            [("Ann", "B-LOC"), ("of", "I-LOC"), ("Oz", "E-LOC"), ("in", "B-PER"), ("a", "I-PER"), ("b", "E-PER")]
        )
    tagger = RNNTagger(hidden_size=4, embedding_size=4, epochs=1, crf=True, rules=scheme).fit(sentences)
    tagger.save(tmp_path / "chunks.tagger")
    again = RNNTagger.load(tmp_path / "chunks.tagger")
    for part in (tagger, again):
        part.network.output.weight.copy_(9 * np.random.default_rng(1).standard_normal(part.network.output.weight.shape))
    words = ["Mary", "Ann", "Oz", "sleeps", "who", "met", "Bo"]
    for seed in range(20):
        given = list(np.random.default_rng(seed).permutation(words))
        spans(tagger.tag(given), scheme)  # an error if the tags break the scheme
        assert again.tag(given) == tagger.tag(given)


def test_pairs_are_rules_too():
    ts.manual_seed(0)
    rules = [("O", "B-PER"), (None, "O"), ("B-LOC", None)]
    kept = [CHUNKS[0], [("Oz", "B-LOC"), ("sleeps", "O")]]
    tagger = RNNTagger(hidden_size=4, epochs=1, crf=True, rules=rules).fit(kept)
    weight = tagger.network.output.weight
    for seed in range(20):
        weight.copy_(9 * np.random.default_rng(seed).standard_normal(weight.shape))
        tags = tagger.tag(["Mary", "Oz", "sleeps"])
        assert tags[0] != "O"
        assert tags[-1] != "B-LOC"
        assert ("O", "B-PER") not in pairwise(tags)


@pytest.mark.parametrize(
    ("settings", "sentences", "error", "message"),
    [
        ({"rules": "bio"}, [], ValueError, "rules need a CRF; pass crf=True as well"),
        ({"crf": True, "rules": "iob1"}, [], ValueError, "rules must be 'bio', 'bioes' or pairs of tags, got 'iob1'"),
        ({"crf": True, "rules": 3}, [], TypeError, "rules must be 'bio', 'bioes' or pairs of tags, got 3"),
        ({"crf": True, "rules": [("O",)]}, [], TypeError, r"rules\[0\] must be a pair \(tag, next tag\)"),
        ({"crf": True, "rules": [(None, None)]}, [], TypeError, r"rules\[0\] must be a pair"),
        (
            {"crf": True, "rules": [("O", "X")]},
            CHUNKS,
            ValueError,
            "rules name 'X', which no word has; the tags are B-LOC",
        ),
        (
            {"crf": True, "rules": "bio"},
            [CHUNKS[0], [("a", "O"), ("b", "I-PER")]],
            ValueError,
            r"sentence 1: tags\[1\] is 'I-PER' and follows 'O', which the scheme 'bio' forbids; tags of IOB1",
        ),
        (
            {"crf": True, "rules": "bioes"},
            [[("a", "O")], [("b", "B-PER")]],
            ValueError,
            "sentence 1: tags end in 'B-PER', but in BIOES",
        ),
        (
            {"crf": True, "rules": [("O", "B-PER")]},
            CHUNKS,
            ValueError,
            "sentence 1, position 2: 'B-PER' follows 'O', which rules forbid",
        ),
        ({"crf": True, "rules": [(None, "B-LOC")]}, CHUNKS, ValueError, "sentence 2, position 0: 'B-LOC' begins it"),
        ({"crf": True, "rules": [("O", None)]}, CHUNKS, ValueError, "sentence 0, position 2: 'O' ends it"),
    ],
)
def test_rules_that_do_not_fit_are_named_before_training(settings, sentences, error, message):
    with pytest.raises(error, match=message):
        RNNTagger(**settings).fit(sentences)
