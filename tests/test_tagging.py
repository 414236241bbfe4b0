"""Taggers count what they should, find the best tags there are, and know what they do not know."""

import json
import os
from collections import Counter
from itertools import product
from math import inf, isnan, log
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.data import Vocabulary, conllu, python_source
from tinyseq.hmm import ImpossibleSequenceError
from tinyseq.io import ModelFileError
from tinyseq.tagging import Endings, HMMTagger, Lexicon, MostFrequentTag
from tinyseq.tagging.dictionary import Candidates, Decoder

TAGS = ["DT", "NN", "VB"]
words = st.sampled_from(["a", "fish", "Fish", "fishing", "sing", "Ring"])
sentences = st.lists(st.lists(st.tuples(words, st.sampled_from(TAGS)), max_size=5), min_size=1, max_size=6).filter(any)
new_sentences = st.lists(words | st.sampled_from(["King", "wing", "b", ""]), max_size=4)

SMALL = [
    [("the", "DT"), ("fish", "NN"), ("swims", "VB")],
    [("they", "PRP"), ("fish", "VB")],
    [("the", "DT"), ("cat", "NN"), ("swims", "VB")],
]


def test_the_same_word_is_tagged_by_its_context():
    tagger = HMMTagger(n=2).fit(SMALL)
    assert tagger.tag(["the", "fish"]) == ["DT", "NN"]
    assert tagger.tag(["they", "fish"]) == ["PRP", "VB"]
    assert MostFrequentTag().fit(SMALL).tag(["they", "fish"])[1] == MostFrequentTag().fit(SMALL).tag(["the", "fish"])[1]


def witten_bell(counts, tags, tag, history):
    """P(tag | history), by the definition: `counts` has the occurrences of (*history, tag) for every length."""
    followers = {t: counts[(*history, t)] for t in tags}
    total, types = sum(followers.values()), sum(count > 0 for count in followers.values())
    shorter = witten_bell(counts, tags, tag, history[1:]) if history else 1 / len(tags)
    return (followers[tag] + types * shorter) / (total + types) if total else shorter


def log_joint(corpus, order, sentence, path):
    """log P(words, tags), by the definition, up to a constant for each word."""
    tags = sorted({tag for s in corpus for _, tag in s})
    known = Counter(pair for s in corpus for pair in s)
    frequency = Counter(tag for s in corpus for _, tag in s)
    ngrams, stops = Counter(), Counter()
    for s in filter(None, corpus):
        history = [None] * (order - 1) + [tag for _, tag in s]
        for end in range(order, len(history) + 1):
            ngrams.update(tuple(history[end - length : end]) for length in range(1, order + 1))
        for i, tag in enumerate(history[order - 1 :], start=1):
            stops.update([(i == len(s),), (tag, i == len(s))])
    endings = Endings(Lexicon.of(corpus))
    score, history = 0.0, (None,) * (order - 1)
    for i, (word, tag) in enumerate(zip(sentence, path, strict=True)):
        going_on = witten_bell(stops, [False, True], False, (history[-1],)) if i else 1.0
        p = witten_bell(ngrams, tags, tag, history) * going_on
        occurrences = sum(known[word, t] for t in tags)
        ending = endings(word)[tags.index(tag)]
        weight = 0.2 if occurrences else 1.0
        p *= (known[word, tag] + weight * ending) / (occurrences + weight) / (frequency[tag] / frequency.total())
        score += log(p) if p else -inf
        history = (*history[1:], tag)
    return score + (log(witten_bell(stops, [False, True], True, (path[-1],))) if path else 0.0)


@given(sentences, new_sentences, st.sampled_from([2, 3]))
def test_no_tags_are_more_probable_than_those_found(corpus, sentence, order):
    found = HMMTagger(order, least=0).fit(corpus).tag(sentence)
    tags = sorted({tag for s in corpus for _, tag in s})
    best = max(log_joint(corpus, order, sentence, path) for path in product(tags, repeat=len(sentence)))
    assert log_joint(corpus, order, sentence, found) == pytest.approx(best, abs=1e-9)


@given(sentences, st.lists(new_sentences, max_size=4), st.sampled_from([2, 3, 4]))
def test_sentences_are_tagged_together_as_each_alone(corpus, new, order):
    tagger = HMMTagger(order).fit(corpus)
    assert tagger.tag_many(new) == [tagger.tag(sentence) for sentence in new]
    assert [len(tags) for tags in tagger.tag_many(new)] == [len(sentence) for sentence in new]


def only_candidates(tagger, sentence):
    """The scores of a sentence, -inf for the tags that its definition leaves out."""
    scores = tagger.log_scores(sentence)
    p = np.exp(scores) * tagger.endings.prior
    return np.where((p >= tagger.least) | (p == p.max(axis=1, keepdims=True)), scores, -np.inf)


@given(sentences, st.lists(new_sentences, max_size=4), st.sampled_from([2, 3, 4]), st.sampled_from([0.01, 0.1, 0.3]))
def test_the_tags_are_the_best_of_the_dictionary(corpus, new, order, least):
    tagger = HMMTagger(order, least=least).fit(corpus)
    wanted = [tagger.hmm.viterbi(only_candidates(tagger, words)).path if words else [] for words in new]
    assert tagger.tag_many(new) == [list(path) for path in wanted]


def random_candidates(rng, words, tags):
    scores = np.round(rng.normal(size=(words, tags)))  # so that there are ties
    kept = rng.random((words, tags)) < rng.choice([0.2, 0.5, 1.0])
    kept[np.arange(words), rng.integers(tags, size=words)] = True
    return scores, kept


@given(st.integers(2, 4), st.integers(1, 5), st.integers(0, 10**6), st.booleans())
def test_lists_and_arrays_give_full_viterbis_paths_to_the_last_bit(n, tags, seed, several_tiles):
    rng = np.random.default_rng(seed)
    spread = rng.dirichlet if seed % 2 else lambda ones, size: np.ones((*size, len(ones)))  # equal ones bring ties
    parts = [spread(np.ones(tags), size=(tags,) * i).round(2) + 0.001 for i in range(n)]
    tables = [part / part.sum(axis=-1, keepdims=True) * (0.5 if i else 1) for i, part in enumerate(parts)]
    hmm = ts.hmm.HMM(tuple(tables[:-1]) if n > 2 else tables[0], tables[-1], None, end=np.full(tags, 0.5))
    scores, kept = random_candidates(rng, 7, tags)
    sentences = [rng.integers(7, size=length) for length in rng.integers(1, 6, size=rng.integers(1, 6))]
    words, lengths = np.concatenate(sentences).tolist(), [len(s) for s in sentences]
    decoder = Decoder(hmm, Candidates.of(scores, kept))
    wanted = [hmm.viterbi(np.where(kept, scores, -inf)[s]) for s in sentences]
    with pytest.MonkeyPatch.context() as patch:
        if several_tiles:
            patch.setattr("tinyseq.tagging.dictionary.MOST", 10)
        for few in (0, inf):
            patch.setattr("tinyseq.tagging.dictionary.FEW", few)
            path, totals = decoder.best(words, lengths)
            assert path == [tag for decoding in wanted for tag in decoding.path]
            np.testing.assert_allclose(totals, [decoding.log_prob for decoding in wanted], rtol=1e-13)


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("seed", range(30))
def test_each_number_of_candidates_is_searched_rightly(n, seed):
    """One, two, three and more candidates have formulas of their own; here the transitions decide, not the words."""
    rng = np.random.default_rng(seed)
    tables = [rng.dirichlet(np.full(7, 0.3), size=(7,) * i) + 0.001 for i in range(n)]
    tables = [part / part.sum(axis=-1, keepdims=True) * (0.5 if i else 1) for i, part in enumerate(tables)]
    hmm = ts.hmm.HMM(tuple(tables[:-1]) if n > 2 else tables[0], tables[-1], None, end=np.full(7, 0.5))
    scores = 0.3 * rng.normal(size=(40, 7))
    kept = rng.random((40, 7)).argsort(axis=1) < rng.integers(1, 8, size=(40, 1))
    assert {1, 2, 3, 4} <= set(kept.sum(axis=1).tolist())
    words = rng.integers(40, size=12)
    [wanted] = hmm.viterbi([np.where(kept, scores, -inf)[words]])
    path, [total] = Decoder(hmm, Candidates.of(scores, kept)).best(words.tolist(), [12])
    assert path == list(wanted.path)
    assert total == pytest.approx(wanted.log_prob, rel=1e-13)


def test_impossible_sentences_of_the_dictionary_are_searched_among_all_tags():
    """Without smoothing only A B is possible, but the dictionary leaves nothing of x but A."""
    corpus = [[("x", "A"), ("y", "B")]] * 50
    tagger = HMMTagger(2, smoothing=None, least=0.05).fit(corpus)
    assert tagger.tag_many([["x", "x"], ["x", "y"], []][:2]) == [["A", "B"], ["A", "B"]]
    assert tagger.tag(["x", "x"]) == ["A", "B"]
    with pytest.raises(ImpossibleSequenceError):
        tagger.tag(["x"])


@pytest.mark.parametrize("by_dictionary", [True, False])
def test_an_impossible_sentence_is_named_by_its_words_wherever_paths_are_searched(by_dictionary, monkeypatch):
    corpus = [[("x", "A"), ("y", "B")]] * 50
    tagger = HMMTagger(2, smoothing=None, least=0.05).fit(corpus)
    if not by_dictionary:  # as on a GPU
        monkeypatch.setattr(HMMTagger, "_by_dictionary", lambda self: False)
    assert tagger.tag_many([["x", "x"], ["x", "y"]]) == [["A", "B"], ["A", "B"]]
    for words, message in (
        (["x", "y", "x"], r"^sentences\[1\] is impossible: .* lead to word 2, 'x'; smoothing=\"witten-bell\" gives"),
        (["x"], r"^sentences\[1\] is impossible: .* end after its last word; smoothing="),
    ):
        with pytest.raises(ImpossibleSequenceError, match=message) as error:
            tagger.tag_many([["x", "y"], words])
        assert (error.value.sequence, error.value.position) == (1, len(words) - (len(words) > 1))


def test_the_smoothing_of_a_tagger_is_a_name():
    with pytest.raises(ValueError, match=r"one of None, 'witten-bell', 'deleted-interpolation'; got 'laplace'$"):
        HMMTagger(2, "laplace")
    with pytest.raises(TypeError, match="smoothing must be a name, so that the tagger can be saved"):
        HMMTagger(2, lambda counts: counts)


def test_a_dictionary_is_of_probabilities():
    for least in (-0.1, 1, "0.1", float("nan")):
        with pytest.raises(ValueError, match="least must be a probability from 0 to below 1, got"):
            HMMTagger(least=least)


@given(sentences)
def test_a_known_word_prefers_the_tags_that_it_had(corpus):
    tagger = HMMTagger(2).fit(corpus)
    tags, prior = tagger.lexicon.tags.symbols, tagger.endings.prior
    for word in tagger.known:
        p = np.exp(tagger.log_scores([word])[0]) * prior
        assert p.sum() == pytest.approx(1)
        assert p[[any((word, tag) in sentence for sentence in corpus) for tag in tags]].sum() > 0.8


@given(sentences, st.text(alphabet="fishngrRF", max_size=12), st.integers(0, 3), st.integers(0, 4))
def test_an_ending_is_estimated_by_its_definition(corpus, word, rare, longest):
    lexicon = Lexicon.of(corpus)
    p = lexicon.counts.sum(axis=0) / lexicon.counts.sum()
    for length in range(min(len(word), longest) + 1):
        like = [
            count
            for other, count in zip(lexicon.words, lexicon.counts, strict=True)
            if count.sum() <= rare and other[:1].isupper() == word[:1].isupper()
            and len(other) >= length and other[len(other) - length :] == word[len(word) - length :]
        ]  # fmt: skip
        if not like:
            break
        count = np.sum(like, axis=0)
        types = np.count_nonzero(count)
        p = (count + types * p) / (count.sum() + types)
    np.testing.assert_array_equal(Endings(lexicon, rare, longest)(word), p)


@given(sentences, st.text(max_size=12))
def test_the_tags_of_an_ending_are_a_distribution_without_zeros(corpus, word):
    p = Endings(Lexicon.of(corpus))(word)
    assert p.sum() == pytest.approx(1)
    assert (p > 0).all()


def test_an_ending_refines_the_shorter_one():
    corpus = [[("running", "VB"), ("sing", "VB"), ("king", "NN"), ("dog", "NN"), ("the", "DT"), ("Boeing", "NNP")]]
    lexicon = Lexicon.of(corpus)
    assert lexicon.tags.symbols == ("DT", "NN", "NNP", "VB")
    p = np.array([1, 2, 1, 2]) / 6
    for count in ([1, 2, 0, 2], [0, 2, 0, 2], [0, 1, 0, 2], [0, 1, 0, 2], [0, 0, 0, 1], [0, 0, 0, 1]):
        types = np.count_nonzero(count)  # after "", "g", "ng", "ing", "ning", "nning"
        p = (count + types * p) / (sum(count) + types)
    np.testing.assert_allclose(Endings(lexicon)("winning"), p)


def test_capitals_have_endings_of_their_own():
    corpus = [[("running", "VB"), ("Boeing", "NNP"), ("dog", "NN")]]
    tagger = HMMTagger(2).fit(corpus)
    assert tagger.endings("Beijing").argmax() == tagger.lexicon.tags.symbols.index("NNP")
    assert tagger.endings("sleeping").argmax() == tagger.lexicon.tags.symbols.index("VB")


def test_frequent_words_say_nothing_about_unknown_ones():
    lexicon = Lexicon.of([[("wing", "VB")] * 11 + [("sing", "NN")]])
    assert Endings(lexicon)("king")[lexicon.tags.symbols.index("NN")] > 0.5


def test_the_baseline_gives_each_word_its_most_frequent_tag_and_unknown_ones_that_of_rare_words():
    corpus = [[("a", "X"), *[("a", "Y")] * 10, ("b", "Z"), ("Ann", "NNP"), ("c", "Z"), ("d", "W")]]
    assert MostFrequentTag().fit(corpus).tag(["a", "b", "Bob", "zebra"]) == ["Y", "Z", "NNP", "Z"]


def test_accuracy_tells_known_from_unknown_words():
    tagger = MostFrequentTag().fit(SMALL)
    all_words, known, unknown = tagger.accuracy([[("the", "DT"), ("cat", "VB")], [], [("swims", "VB"), ("dogs", "??")]])
    assert (all_words, known, unknown) == (0.5, 2 / 3, 0.0)
    assert isnan(tagger.accuracy([[("the", "DT")]]).unknown)
    assert all(map(isnan, tagger.accuracy([])))


@pytest.mark.parametrize("kind", [HMMTagger, MostFrequentTag, lambda: ts.tagging.RNNTagger(4, 4, epochs=1)])
def test_pairs_may_be_lists_as_they_are_in_json(kind):
    sentences = [[("the", "D"), ("cat", "N")], [("a", "D"), ("dog", "N")]] * 2
    as_json = json.loads(json.dumps(sentences))
    found = []
    for given_sentences in (sentences, as_json):
        ts.manual_seed(0)
        tagger = kind().fit(given_sentences)
        found.append((tagger.tag(["the", "dog"]), tagger.accuracy(given_sentences)))
    assert found[0][0] == found[1][0]
    np.testing.assert_equal(found[0][1], found[1][1])
    assert as_json[0][0] == ["the", "D"]  # what was given is left alone


def test_a_tagger_survives_saving(tmp_path):
    pytest.importorskip("safetensors", reason="model files need safetensors")
    for order, smoothing in ((2, None), (3, "witten-bell")):
        tagger = HMMTagger(order, smoothing).fit(SMALL)
        tagger.save(tmp_path / "tagger")
        again = HMMTagger.load(tmp_path / "tagger")
        assert (again.n, again.smoothing, again.known) == (order, smoothing, tagger.known)
        sentence = ["the", "dog", "swims", "Again"]
        np.testing.assert_array_equal(again.log_scores(sentence), tagger.log_scores(sentence))
        assert again.hmm.log_likelihood(again.log_scores(sentence[::2])) == tagger.hmm.log_likelihood(
            tagger.log_scores(sentence[::2])
        )
        assert again.tag(["they", "fish"]) == tagger.tag(["they", "fish"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"counts": np.ones((2, 4))}, r"counts must have shape \(5, 4\) \(words, tags\), got \(2, 4\)"),
        ({"counts": np.zeros((5, 4))}, "counts must be at least 0"),
        ({"transition": np.ones((4, 4))}, "sums to 4"),
        ({"end": np.ones(3)}, "end must have shape"),
        ({"words": {"symbols": "abc"}}, "state must have a list"),
        ({"n": 3}, "initial.1"),
    ],
)
def test_a_model_file_that_does_not_fit_together_is_refused(tmp_path, change, message):
    pytest.importorskip("safetensors", reason="model files need safetensors")
    path = tmp_path / "tagger"
    HMMTagger(2).fit(SMALL).save(path)
    state, metadata = ts.io.load_with_metadata(path)
    for name, value in change.items():
        (state if name in state else metadata)[name] = value
    ts.save(state, path, metadata)
    with pytest.raises(ModelFileError, match=message):
        HMMTagger.load(path)


def test_another_kind_of_model_is_refused(tmp_path):
    pytest.importorskip("safetensors", reason="model files need safetensors")
    ts.save({"w": np.ones(2)}, tmp_path / "other", {"kind": "another"})
    with pytest.raises(ModelFileError, match=r"holds another, expected tinyseq\.tagging\.HMMTagger"):
        HMMTagger.load(tmp_path / "other")


@pytest.mark.parametrize("tagger", [MostFrequentTag(), HMMTagger(2)], ids=["most frequent", "hmm"])
def test_bad_input_is_an_error_that_says_what_is_wrong(tagger):
    with pytest.raises(RuntimeError, match="the tagger is not fitted yet; call fit first"):
        tagger.tag(["the"])
    with pytest.raises(ValueError, match="no words to learn from"):
        tagger.fit([[]])
    with pytest.raises(ValueError, match=r"sentence 1, position 0: expected a \(word, tag\) pair, got 'the'"):
        tagger.fit([[("the", "DT")], ["the"]])
    with pytest.raises(TypeError, match=r"words must be a list of words, got the string 'the cat'; words.split"):
        tagger.fit(SMALL).tag("the cat")


def test_bad_settings_are_errors():
    with pytest.raises(ValueError, match=r"n must be at least 2, got 1"):
        HMMTagger(n=1)
    with pytest.raises(ValueError, match="smoothing must be one of"):
        HMMTagger(smoothing="laplace").fit(SMALL)


def test_without_smoothing_what_was_never_seen_is_impossible():
    with pytest.raises(ImpossibleSequenceError):
        HMMTagger(2, smoothing=None).fit(SMALL).tag(["the"])  # no sentence had a single word
    assert HMMTagger(2).fit(SMALL).tag(["the"]) == ["DT"]


def test_a_lexicon_must_fit_together():
    with pytest.raises(ValueError, match=r"counts must have shape \(2, 1\) \(words, tags\), got \(1, 2\)"):
        Lexicon(Vocabulary(["a", "b"]), Vocabulary(["X"]), np.ones((1, 2)))


def test_context_beats_the_most_frequent_tag_on_python_source():
    train, held_out = python_source(train=40_000, held_out=8_000)
    baseline, bigram, trigram = (
        tagger.fit(train).accuracy(held_out).all for tagger in (MostFrequentTag(), HMMTagger(2), HMMTagger(3))
    )
    assert baseline + 0.03 < bigram < trigram


def test_nltk_tags_nearly_the_same():
    tnt = pytest.importorskip("nltk.tag.tnt", reason="nltk is not installed")
    if not hasattr(tnt.TnT, "_build_suffix_model"):
        pytest.skip("this nltk has no suffix model yet; 3.10 has")
    train, held_out = python_source(train=20_000, held_out=2_000)
    theirs = tnt.TnT()
    theirs.train(train)
    ours = HMMTagger(3, "deleted-interpolation").fit(train)
    sequences = [[word for word, _ in sentence] for sentence in held_out]
    pairs = [
        (tag, other)
        for words, tags in zip(sequences, ours.tag_many(sequences), strict=True)
        for tag, (_, other) in zip(tags, theirs.tag(words), strict=True)
    ]
    assert sum(tag == other for tag, other in pairs) > 0.95 * len(pairs)


DATA = os.environ.get("TINYSEQ_DATA")


@pytest.mark.slow
@pytest.mark.skipif(not DATA, reason="TINYSEQ_DATA names no folder with the treebank ud-english-ewt")
def test_accuracy_on_the_english_web_treebank():
    train, test = (conllu(Path(DATA, "ud-english-ewt", f"en_ewt-ud-{part}.conllu")) for part in ("train", "test"))
    assert MostFrequentTag().fit(train).accuracy(test).all == pytest.approx(0.880, abs=0.001)
    assert HMMTagger(2).fit(train).accuracy(test).all >= 0.920
    assert HMMTagger(3).fit(train).accuracy(test).all >= 0.927
    assert HMMTagger(3, "deleted-interpolation").fit(train).accuracy(test).all >= 0.924
