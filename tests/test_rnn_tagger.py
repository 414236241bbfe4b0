"""The recurrent tagger learns from context and endings, keeps its interface, and is saved."""

from itertools import pairwise

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.data import Span, convert_sentences, python_source, span_tags, spans
from tinyseq.io import ModelFileError, load_with_metadata
from tinyseq.tagging import MostFrequentTag, RNNTagger

SMALL = {"hidden_size": 24, "embedding_size": 24, "char_hidden_size": 12, "batch": 16, "epochs": 4, "lr": 0.02}
SMALL |= {"input_dropout": 0.2, "dropout": 0.2}


@pytest.fixture(scope="module")
def corpus():
    return python_source(train=4000, held_out=1000)


def fitted(sentences, **settings):
    ts.manual_seed(0)
    return RNNTagger(**SMALL | settings).fit(sentences)


KINDS = {
    "letters": {},
    "letters, with a CRF": {"crf": True},
    "endings": {"chars": False},
    "endings, with a CRF": {"chars": False, "crf": True},
}


@pytest.fixture(scope="module", params=KINDS)
def tagger(request, corpus):
    return fitted(corpus.train, **KINDS[request.param])


def test_it_beats_the_most_frequent_tag_on_real_source(tagger, corpus):
    baseline = MostFrequentTag().fit(corpus.train).accuracy(corpus.held_out)
    found = tagger.accuracy(corpus.held_out)
    assert found.all > baseline.all + 0.02
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
        tagger = RNNTagger(**SMALL).fit(corpus.train[:120], **arguments)
        return {name: value.tobytes() for name, value in tagger.network.state_dict().items()}

    path = tmp_path / "run.safetensors"

    class Stopped(Exception):
        pass

    def kill(report):
        if report.step == 11:
            raise Stopped

    with pytest.raises(Stopped):
        run(callbacks=[kill], checkpoint=path, every=5)
    assert load_with_metadata(path)[1]["step"] == 10
    assert run(callbacks=[lambda report: None], checkpoint=path) == run()


def test_a_one_way_network_cannot_look_ahead():
    """The tag of the first word depends on the last one, which only a bidirectional network has read."""
    sentences = [[("x", "A"), ("a", "O")], [("x", "B"), ("b", "O")]] * 40
    both = fitted(sentences, epochs=12, dropout=0.0, input_dropout=0.0)
    assert both.accuracy(sentences).all == 1.0
    one_way = fitted(sentences, epochs=12, dropout=0.0, input_dropout=0.0, bidirectional=False)
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
    with pytest.raises(ValueError, match=r"patience needs held-out sentences; pass validation=sentences as well"):
        RNNTagger().fit([[("a", "A")]], patience=2)
    with pytest.raises(ValueError, match="validation has no words"):
        RNNTagger().fit([[("a", "A")]], validation=[[]])
    with pytest.raises(TypeError, match="chars must be True or False, got 'yes'"):
        RNNTagger(chars="yes")


def test_the_letters_tell_unknown_words():
    """Words that end in b are verbs; the new ones differ from all others before that, so that only letters tell."""
    rng = np.random.default_rng(0)
    made = ["".join(rng.choice(list("cdefg"), rng.integers(1, 6))) + end for end in "ab" for _ in range(80)]
    sentences = [[(word, "VB" if word.endswith("b") else "NN")] for word in made]
    ts.manual_seed(0)
    tagger = RNNTagger(8, 8, char_hidden_size=8, char_embedding_size=8, epochs=15, lr=0.02).fit(sentences)
    new = [word + end for word in ("ccc", "gfedcgfe", "d" * 40) for end in "ab"]
    assert not set(new) & set(tagger.known)
    assert tagger.tag_many([[word] for word in new]) == [["NN"], ["VB"]] * 3


def test_an_empty_word_and_unknown_letters_have_a_tag():
    tagger = fitted([[("ab", "X"), ("ba", "Y")]] * 4, epochs=1)
    assert len(tagger.tag(["", "\u3042", "a\u3042" * 30])) == 3


def test_the_best_weights_on_held_out_sentences_are_kept(corpus, tmp_path):
    """The last epochs ruin the weights, so that the best are not the last; patience ends the run."""
    ts.manual_seed(0)
    train, held_out = corpus.train[:60], corpus.train[60:120]
    tagger = RNNTagger(**SMALL | {"epochs": 30, "lr": 0.1})
    tagger.fit(train, validation=held_out, patience=3)
    epochs, measured = zip(*tagger.history, strict=True)
    assert list(epochs) == list(range(1, len(epochs) + 1))
    best = measured.index(max(measured))
    assert len(epochs) == min(30, best + 1 + 3)
    assert tagger.accuracy(held_out).all == pytest.approx(max(measured))
    tagger.save(tmp_path / "tagger.safetensors")
    assert RNNTagger.load(tmp_path / "tagger.safetensors").history == tagger.history


def test_a_file_from_before_letters_were_read_is_still_read(corpus, tmp_path):
    tagger = fitted(corpus.train, chars=False, min_count=1, epochs=1)
    tagger.save(path := tmp_path / "tagger.safetensors")
    arrays, metadata = load_with_metadata(path)
    new = ("chars", "char_embedding_size", "char_hidden_size", "min_count")
    metadata["settings"] = {name: value for name, value in metadata["settings"].items() if name not in new}
    metadata["endings"] = metadata.pop("shapes")
    del metadata["history"], metadata["known"]
    ts.save(arrays, path, metadata)
    words = [[word for word, _ in sentence] for sentence in corpus.held_out]
    assert RNNTagger.load(path).tag_many(words) == tagger.tag_many(words)


THREE = [[("ab", "X"), ("Abc", "Y"), ("ab", "X")], [("c", "Y")], [("cab", "Z"), ("ab", "Y")]]


def encoded(settings):
    """A network of float64 without dropout, and a batch."""
    ts.manual_seed(1)
    sizes = {
        "char_hidden_size": 2,
        "char_embedding_size": 2,
        "dropout": 0.0,
        "input_dropout": 0.0,
        "min_count": 1,
        "epochs": 1,
    }
    network = RNNTagger(3, 2, **sizes, **settings).fit(THREE).network.to("float64")
    words, shapes = zip(*(network.encode([word for word, _ in s]) for s in THREE), strict=True)
    return network, (words, shapes, [network.tags.encode([tag for _, tag in s]) for s in THREE])


@pytest.mark.parametrize("settings", KINDS.values(), ids=KINDS)
def test_the_gradients_of_its_loss_are_quotients_of_differences(settings):
    network, batch = encoded(settings)
    network.zero_grad()
    network.loss(*batch).backward()
    rng = np.random.default_rng(0)
    for name, parameter in network.named_parameters():
        value, along = parameter.numpy().copy(), rng.standard_normal(parameter.shape)
        losses = []
        for sign in (1, -1):
            parameter.copy_(value + sign * 1e-6 * along)
            losses.append(network.loss(*batch).item())
        parameter.copy_(value)
        slope = (parameter.grad.numpy() * along).sum()
        assert slope == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-5, abs=1e-8), name
        assert slope != 0, name


@pytest.mark.parametrize("settings", KINDS.values(), ids=KINDS)
def test_the_loss_of_a_batch_is_that_of_its_words_one_sentence_at_a_time(settings):
    network, batch = encoded({"num_layers": 2, **settings})
    alone = [network.loss(*([part] for part in parts)).item() * len(parts[0]) for parts in zip(*batch, strict=True)]
    assert network.loss(*batch).item() == pytest.approx(sum(alone) / 6, rel=1e-12)


@pytest.mark.parametrize("rules", [None, "bio", "bioes", "iob1"])
def test_the_best_held_out_accuracy_is_that_of_the_tagger(rules):
    """Also where the network's own tags are of another scheme, in which other tags are wrong."""
    rng = np.random.default_rng(3)
    sentences = []
    for length in rng.integers(2, 7, 12).tolist():
        edges = np.flatnonzero(rng.random(length + 1) < 0.6).tolist()
        chunks = [Span(str(rng.choice(["X", "Y"])), a, b) for a, b in pairwise(edges)]
        words = [str(word) for word in rng.choice(list("abc"), length)]
        sentences.append(list(zip(words, span_tags(chunks, length, rules or "bio"), strict=True)))
    for seed in range(4):
        ts.manual_seed(seed)
        tagger = RNNTagger(4, 4, epochs=2, batch=4, chars=False, crf=rules is not None, rules=rules)
        tagger.fit(sentences, validation=sentences)
        assert tagger.accuracy(sentences).all == max(accuracy for _, accuracy in tagger.history)


def test_tags_of_iob1_are_converted_for_the_rules_and_back():
    sentences = [[("Mary", "I-PER"), ("Bo", "B-PER"), ("met", "O"), ("Ann", "I-PER"), ("Li", "I-PER")]] * 30
    ts.manual_seed(0)
    tagger = RNNTagger(16, 8, epochs=12, dropout=0.0, input_dropout=0.0, lr=0.05, crf=True, rules="iob1").fit(sentences)
    assert "B-PER" in tagger.network.tags
    assert tagger.accuracy(sentences[:1]).all == 1.0
    for seed in range(10):
        weight = tagger.network.output.weight
        weight.copy_(9 * np.random.default_rng(seed).standard_normal(weight.shape))
        spans(tagger.tag(["Bo", "met", "Ann", "Mary", "who"]), "iob1")


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
        (
            {"crf": True, "rules": "iob"},
            [],
            ValueError,
            "rules must be 'bio', 'bioes', 'iob1' or pairs of tags, got 'iob'",
        ),
        ({"crf": True, "rules": 3}, [], TypeError, "rules must be 'bio', 'bioes', 'iob1' or pairs of tags, got 3"),
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
