"""Language models of words: a cut-off, an unknown word, and the ends of sentences."""

import math
import unicodedata
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.classify.classifier import units_of
from tinyseq.lm import RNNLM, LanguageModel, NgramLM, WindowLM, word_vocabulary
from tinyseq.lm.words import END, UNKNOWN, sentences_of, words_of

TEXT = "the cat runs .\nthe dog runs .\n\na cat's dog , the cat , sleeps !\n"
SENTENCES = [line.replace("cat's", "cat's").split() for line in TEXT.split("\n") if line]

sentences = st.lists(st.lists(st.sampled_from("abcdef"), max_size=5), min_size=1, max_size=6).filter(any)


def models(**settings):
    vocabulary = word_vocabulary(TEXT)
    ts.manual_seed(0)
    return {
        "RNNLM": RNNLM(vocabulary, 6, words=True, **settings),
        "WindowLM": WindowLM(vocabulary, 3, 6, words=True, **settings),
        "NgramLM": NgramLM(3, words=True).fit(TEXT),
    }


@given(sentences, st.integers(1, 4))
def test_a_vocabulary_is_the_frequent_words_with_an_end_and_an_unknown_word(given, least):
    found = word_vocabulary(given, least)
    counts = Counter(word for sentence in given for word in sentence)
    assert set(found) == {END, UNKNOWN} | {word for word, count in counts.items() if count >= least}
    assert found.unknown == UNKNOWN
    frequency = [counts[word] for word in found.symbols[1:-1]]
    assert frequency == sorted(frequency, reverse=True)


def test_a_text_has_a_sentence_in_each_line():
    assert sentences_of(TEXT) == SENTENCES == sentences_of(SENTENCES)
    assert words_of("It’s 3 o'clock (nearly)!") == ["It’s", "3", "o'clock", "(", "nearly", ")", "!"]
    assert words_of("<unk> ends</s>") == ["<unk>", "ends", "</s>"]
    assert words_of("葛\U000e0100城!") == ["葛\U000e0100城", "!"]  # a sign for how the letter before it is drawn


@given(st.lists(st.text(st.characters(categories=["Ll", "Lo", "Nd"]), min_size=1, max_size=4), min_size=1))
def test_a_word_is_whole_however_its_letters_are_written(words):
    """As one character or as two, in NFC and NFD; with marks for vowels, as in Hindi, and joiners, as in Persian."""
    marks = "\u0301\u093f\u200c\u0301"
    marked = ["".join(letter + mark for letter, mark in zip(word, marks, strict=False)) for word in words]
    for form in ("NFC", "NFD"):
        normal = [unicodedata.normalize(form, word) for word in marked]
        assert words_of(" ".join(normal)) == normal == units_of("\t".join(normal), "words")


@given(sentences, sentences, st.integers(1, 3), st.integers(1, 3))
def test_counts_of_words_are_counts_of_sentences_with_their_ends(learnt, judged, n, least):
    model = NgramLM(n, words=True, min_count=least).fit(learnt)
    ended = [[*sentence, END] for sentence in learnt if sentence]
    plain = NgramLM(n, vocabulary=word_vocabulary(learnt, least)).fit(ended)
    text = [[*sentence, END] for sentence in judged if sentence]
    np.testing.assert_array_equal(model.log_probs(judged), plain.log_probs(text))
    found = model.evaluate(judged)
    assert found.symbols == sum(map(len, text))
    words = [word for sentence in text for word in sentence]
    assert found.unknown == pytest.approx(sum(word not in model.vocabulary for word in words) / len(words))


SMOOTHINGS = st.sampled_from(["kneser-ney", "witten-bell", "add-k", None])


@given(sentences, sentences, st.lists(st.sampled_from("abcdef"), max_size=4), st.integers(1, 4), SMOOTHINGS, st.data())
def test_a_history_begins_after_the_last_end(learnt, before, begun, n, smoothing, data):
    """However its distributions are asked for, the model begins a sentence after the end of another one."""
    model = NgramLM(n, smoothing, words=True).fit(learnt)
    history = [word for sentence in before for word in (*sentence, END)] + begun
    context = data.draw(st.none() | st.integers(0, n - 1))
    wanted = model.distribution(begun, context=context)
    np.testing.assert_array_equal(model.distribution(history, context=context), wanted)
    each = [model.prob(word, history, context=context) for word in model.vocabulary]
    np.testing.assert_allclose(each, wanted, rtol=1e-12)
    if context is None:
        with np.errstate(divide="ignore"):
            np.testing.assert_array_equal(model.reader()(model.ids_before(history)), np.log(wanted))


@pytest.mark.parametrize("name", ["RNNLM", "WindowLM"])
def test_networks_predict_each_word_and_each_end_from_the_end_before_it_on(name):
    model = models()[name]
    stream = [END, *(word for sentence in SENTENCES for word in (*sentence, END))]
    ids = model.vocabulary.encode(stream)
    logits, _ = model(ids[:-1, None])
    expected = ts.nn.cross_entropy(logits[:, 0], ids[1:]).item()
    found = model.evaluate(TEXT, batch=1)
    assert found.nats == pytest.approx(expected, rel=1e-6)
    assert (found.bits, found.perplexity) == pytest.approx((found.nats / math.log(2), math.exp(found.nats)))
    assert found.symbols == len(stream) - 1
    assert found.unknown == pytest.approx(sum(word not in model.vocabulary for word in stream) / (len(stream) - 1))


@pytest.mark.parametrize("name", ["RNNLM", "WindowLM", "NgramLM"])
def test_sentences_that_are_read_once_are_judged_like_a_list(name):
    model = models()[name]
    assert model.evaluate(iter(SENTENCES)) == model.evaluate(SENTENCES)


@pytest.mark.parametrize("name", ["RNNLM", "WindowLM"])
def test_networks_learn_words_and_sample_sentences(name, tmp_path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    lines = "the cat runs\na dog sleeps\n" * 10
    ts.manual_seed(0)
    kind = {"RNNLM": RNNLM, "WindowLM": WindowLM}[name]
    model = kind(word_vocabulary(lines), hidden_size=16, words=True)
    model.fit(lines, steps=80, window=8, batch=4, lr=0.05)
    assert model.text(model.sample(3, prompt="the", temperature=0)) == "cat runs\n"
    assert model.sample(2, prompt=["a", "dog"], temperature=0) == ["sleeps", END]
    drawn = model.text(model.sample(40, 0)).splitlines()
    assert set(drawn[:-1]) == {"the cat runs", "a dog sleeps"}  # without a prompt, it begins a sentence
    model.save(tmp_path / "m")
    assert kind.load(tmp_path / "m").words
    assert kind.load(tmp_path / "m").nats(lines) == model.nats(lines)


def test_counts_of_words_sample_sentences_from_their_beginnings(tmp_path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    model = NgramLM(3, smoothing=None, words=True, min_count=1).fit("the cat runs\na dog sleeps\n")
    drawn = model.text(model.sample(60, 0)).splitlines()
    assert set(drawn[:-1]) == {"the cat runs", "a dog sleeps"}
    assert model.sample(3, prompt="a") == ["dog", "sleeps", END]
    model.save(tmp_path / "m")
    again = NgramLM.load(tmp_path / "m")
    assert (again.words, again.min_count) == (True, 1)
    assert again.sample(60, 0) == model.sample(60, 0)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (
            lambda: RNNLM(["a", "b"], words=True),
            ValueError,
            "lacks the end of a sentence '</s>' and an unknown",
        ),
        (lambda: WindowLM(["a", END], words=True), ValueError, "lacks an unknown word; ts.lm.word_vocabulary"),
        (
            lambda: NgramLM(2, words=True, vocabulary=ts.data.Vocabulary("ab", "?")),
            ValueError,
            "lacks the end of a sentence",
        ),
        (lambda: NgramLM(2, min_count=2), ValueError, "min_count is for words=True without vocabulary="),
        (lambda: NgramLM(2, words=1), TypeError, "words must be"),
        (lambda: RNNLM("ab", tied=1), TypeError, "tied must be"),
        (lambda: word_vocabulary(" \n"), ValueError, "the text has no words"),
        (
            lambda: word_vocabulary(["the cat"]),
            TypeError,
            r"text\[0\] must be a list of words, got the",
        ),
        (lambda: models()["NgramLM"].nats(["the", "cat"]), TypeError, r"text\[0\] must be a list of words"),
        (
            lambda: RNNLM("ab", 4, 3, tied=True),
            ValueError,
            "embedding_size=3 and hidden_size=4; leave",
        ),
        (
            lambda: RNNLM("ab", bidirectional=True),
            ValueError,
            "a bidirectional network cannot be a language model: it needs the whole input",
        ),
    ],
)
def test_what_cannot_be_is_named(call, error, said):
    with pytest.raises(error, match=said):
        call()


@pytest.mark.parametrize("name", ["RNNLM", "WindowLM"])
def test_tied_scores_are_products_with_the_symbols_vectors(name):
    model = models(tied=True)[name].to("float64")
    weights = model.state_dict()
    assert not any(key.endswith("output.weight") for key in weights)
    kept = {}
    model.output.forward = lambda x, forward=model.output.forward: kept.setdefault("x", x) is None or forward(x)
    ids = model.vocabulary.encode(SENTENCES[2])[:, None]
    logits, _ = model(ids)
    size = len(model.vocabulary)
    expected = kept["x"].numpy() @ weights["embedding.weight"][:size].T + weights["output.bias"]
    np.testing.assert_allclose(logits.numpy(), expected, rtol=1e-10)

    def loss():
        return ts.nn.cross_entropy(model(ids[:-1])[0], ids[1:])

    del model.output.forward
    loss().backward()
    slope, h = model.embedding.weight.grad.numpy(), 1e-6
    for place in [(0, 0), (int(ids[1, 0]), 2), (size - 1, 3)]:
        found = []
        for move in (h, -h):
            changed = weights["embedding.weight"].copy()
            changed[place] += move
            model.embedding.weight.copy_(changed)
            found.append(loss().item())
        assert slope[place] == pytest.approx((found[0] - found[1]) / (2 * h), rel=1e-5, abs=1e-9)


def test_a_language_model_of_ones_own_is_told_what_it_lacks():
    class Unfinished(LanguageModel):
        pass

    for name, arguments in (("log_probs", [""]), ("symbols_of", [""]), ("reader", [])):
        with pytest.raises(NotImplementedError, match=rf"Unfinished defines no {name}\(\)"):
            getattr(Unfinished(), name)(*arguments)
