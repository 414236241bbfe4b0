"""The n-gram model counts as the lectures do, and its smoothings are those of the papers, exactly normalised."""

from collections import Counter
from math import exp, inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyseq.data import Vocabulary
from tinyseq.lm import NgramLM

SMOOTHINGS = [None, "add-k", "witten-bell", "kneser-ney"]
sequences = st.lists(st.lists(st.sampled_from("abcd"), max_size=8), min_size=1, max_size=5).filter(any)
histories = st.lists(st.sampled_from("abcdz"), max_size=4)  # z never occurs in training
orders = st.integers(1, 4)
smoothings = st.sampled_from(SMOOTHINGS)
HISTORY = ["students", "opened", "their"]
COUNTS = {"books": 400, "exams": 100, "minds": 500}  # 1000 in all
SENTENCES = [[*HISTORY, word] for word, count in COUNTS.items() for _ in range(count)]


class Oracle:
    """The same models by their definitions: dictionaries of tuples, one probability at a time."""

    def __init__(self, sequences, order, smoothing, k, discount=None):
        self.n, self.smoothing, self.k, self.discount = order, smoothing, k, discount
        self.symbols = {symbol for sequence in sequences for symbol in sequence}
        self.occurrences = [Counter() for _ in range(order + 1)]  # by length
        for sequence in sequences:
            tokens = [None] * (order - 1) + list(sequence)
            for end in range(order, len(tokens) + 1):
                for length in range(1, order + 1):
                    self.occurrences[length][tuple(tokens[end - length : end])] += 1

    def count(self, ngram):
        if self.smoothing == "kneser-ney" and len(ngram) < self.n:
            return sum(longer[1:] == ngram for longer in self.occurrences[len(ngram) + 1])
        return self.occurrences[len(ngram)][ngram]

    def prob(self, symbol, history, context=None):
        if symbol not in self.symbols:
            return 0.0
        padded = (None,) * (self.n - 1) + tuple(history)
        return self.recursion(symbol, padded[len(padded) - (self.n - 1 if context is None else context) :])

    def recursion(self, symbol, history):
        counts = {w: self.count((*history, w)) for w in self.symbols}
        total, types = sum(counts.values()), sum(count > 0 for count in counts.values())
        if self.smoothing is None:
            return counts[symbol] / total if total else 0.0
        if self.smoothing == "add-k":
            return (counts[symbol] + self.k) / (total + self.k * len(self.symbols))
        shorter = self.recursion(symbol, history[1:]) if history else 1 / len(self.symbols)
        if not total:
            return shorter
        if self.smoothing == "witten-bell":
            return (counts[symbol] + types * shorter) / (total + types)
        grams = [self.count(ngram) for ngram in self.occurrences[len(history) + 1]]
        once, twice = grams.count(1), grams.count(2)
        discount = once / (once + 2 * twice) if once and twice else 0.5
        if self.discount is not None:
            discount = self.discount[len(history)]
        return (max(counts[symbol] - discount, 0) + discount * types * shorter) / total


@given(sequences, orders, smoothings, st.sampled_from([0.1, 1.0]), histories, st.sampled_from("abcdz"))
def test_every_probability_is_the_definitions(sequences, order, smoothing, k, history, symbol):
    model, oracle = NgramLM(order, smoothing, k=k).fit(sequences), Oracle(sequences, order, smoothing, k)
    assert model.prob(symbol, history) == pytest.approx(oracle.prob(symbol, history), abs=1e-12)


@given(sequences, orders, smoothings, histories)
def test_probabilities_sum_to_one_after_every_history(sequences, order, smoothing, history):
    p = NgramLM(order, smoothing).fit(sequences).distribution(history)
    assert (p >= 0).all()
    if smoothing is None and not p.any():
        assert Oracle(sequences, order, None, 1).prob(sequences[-1][-1] if sequences[-1] else "a", history) == 0
    else:
        assert p.sum() == pytest.approx(1, abs=1e-12)


@given(sequences, orders, smoothings, st.lists(st.text("abcdz", max_size=6), min_size=1, max_size=4).filter(any))
def test_log_probs_score_each_symbol_by_the_distribution_after_what_precedes(sequences, order, smoothing, data):
    model = NgramLM(order, smoothing).fit(sequences)
    expected = []
    for sequence in data:
        for i, symbol in enumerate(sequence):
            p = dict(zip(model.vocabulary, model.distribution(sequence[:i]), strict=True)).get(symbol, 0.0)
            expected.append(log(p) if p else -inf)
    np.testing.assert_allclose(model.log_probs(data), expected, rtol=1e-12)
    assert model.nats(data) == pytest.approx(-np.mean(expected))


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(("smoothing", "k"), [(None, 1.0), ("add-k", 0.5)])
def test_nltk_counts_the_same(order, smoothing, k):
    lm = pytest.importorskip("nltk.lm", reason="nltk is not installed")
    from nltk.lm.preprocessing import pad_both_ends
    from nltk.util import everygrams

    rng = np.random.default_rng(order)
    sentences = [list(rng.choice(list("abcd"), size=rng.integers(1, 9))) for _ in range(20)]
    padded = [list(pad_both_ends(sentence, n=order))[: len(sentence) + order - 1] for sentence in sentences]
    theirs = lm.MLE(order) if smoothing is None else lm.Lidstone(k, order)
    theirs.fit((everygrams(sentence, max_len=order) for sentence in padded), vocabulary_text="abcd")
    ours = NgramLM(order, smoothing, k=k, vocabulary=Vocabulary("abcd", unknown="<UNK>")).fit(sentences)
    for history in ("abc", "dda", "cab", "bbb"):
        for symbol in "abcd":
            assert ours.prob(symbol, history) == pytest.approx(theirs.score(symbol, list(history)[4 - order :]))


@pytest.mark.parametrize("order", [2, 3, 4])
def test_nltk_has_the_same_kneser_ney(order):
    """NLTK discounts no single symbols, and would count the padding as a symbol."""
    lm = pytest.importorskip("nltk.lm", reason="nltk is not installed")
    from nltk.lm.preprocessing import pad_both_ends
    from nltk.util import everygrams

    rng = np.random.default_rng(order)
    sentences = [list(rng.choice(list("abcd"), size=rng.integers(1, 9))) for _ in range(20)]
    padded = [list(pad_both_ends(sentence, n=order))[: len(sentence) + order - 1] for sentence in sentences]
    theirs = lm.KneserNeyInterpolated(order, discount=0.3)
    grams = ([gram for gram in everygrams(sentence, max_len=order) if gram[-1] != "<s>"] for sentence in padded)
    theirs.fit(grams, vocabulary_text="abcd")
    ours = NgramLM(order, discount=[0, *[0.3] * (order - 1)]).fit(sentences)
    for history in ("abc", "dda", "cab", "bbb"):
        for context in range(order):
            for symbol in "abcd":
                expected = theirs.score(symbol, list(history)[3 - context :])
                assert ours.prob(symbol, history, context=context) == pytest.approx(expected, abs=1e-15)


def test_the_default_is_kneser_ney():
    assert NgramLM(3).smoothing == "kneser-ney"


@given(sequences, orders, st.data())
def test_a_discount_of_ones_own_is_taken_from_every_count(sequences, order, data):
    single = st.floats(0.01, 0.99)
    given = data.draw(single | st.lists(st.just(0.0) | single, min_size=order, max_size=order))
    each = given if isinstance(given, list) else [given] * order
    model, oracle = NgramLM(order, discount=given).fit(sequences), Oracle(sequences, order, "kneser-ney", 1, each)
    history = data.draw(histories)
    for symbol in "abcdz":
        assert model.prob(symbol, history) == pytest.approx(oracle.prob(symbol, history), abs=1e-12)
    assert model.distribution(history).sum() == pytest.approx(1, abs=1e-12)


@given(sequences, orders, smoothings, histories, st.data())
def test_a_shorter_context_is_the_definitions_and_sums_to_one(sequences, order, smoothing, history, data):
    context = data.draw(st.integers(0, order - 1))
    model, oracle = NgramLM(order, smoothing).fit(sequences), Oracle(sequences, order, smoothing, 1.0)
    p = model.distribution(history, context=context)
    expected = [oracle.prob(symbol, history, context) for symbol in model.vocabulary]
    np.testing.assert_allclose(p, expected, atol=1e-12)
    assert p.sum() == pytest.approx(1, abs=1e-12) or (smoothing is None and not p.any())
    for symbol, value in zip(model.vocabulary, p, strict=True):
        assert model.prob(symbol, history, context=context) == pytest.approx(value, abs=1e-12)
    if smoothing != "kneser-ney":
        shorter = NgramLM(context + 1, smoothing).fit(sequences)
        np.testing.assert_allclose(shorter.distribution(history), p, atol=1e-12)
        assert shorter.nats(sequences) == pytest.approx(model.nats(sequences, context=context))
    assert model.perplexity(sequences, context=context) == pytest.approx(exp(model.nats(sequences, context=context)))


@pytest.mark.parametrize("context", [-1, 2, 1.0])
def test_a_context_that_the_model_does_not_have_is_an_error(context):
    model = NgramLM(2).fit("abab")
    for call in (model.distribution, model.nats, model.perplexity, model.log_probs):
        with pytest.raises((ValueError, TypeError), match=r"context must be (at|a whole)"):
            call("ab", context=context)
    with pytest.raises((ValueError, TypeError), match=r"context must be (at|a whole)"):
        model.prob("a", "b", context=context)


@pytest.mark.parametrize("settings", [{}, {"discount": 0.7}, {"discount": [0, 0.2, 0.9]}, {"smoothing": "add-k"}])
def test_a_model_from_a_file_is_the_model_that_was_saved(tmp_path, settings):
    model = NgramLM(3, **settings).fit("so long and thanks for all the fish")
    model.save(tmp_path / "m")
    again = NgramLM.load(tmp_path / "m")
    assert again.discount == model.discount
    for context in range(3):
        np.testing.assert_array_equal(
            again.distribution("an", context=context), model.distribution("an", context=context)
        )
    assert again.sample(20, 3) == model.sample(20, 3)
    np.testing.assert_array_equal(again.fit("abcab").distribution("a"), model.fit("abcab").distribution("a"))


def test_kneser_ney_predicts_new_text_better_than_witten_bell():
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefghij"), size=rng.integers(2, 7))) for _ in range(300)]
    text = " ".join(rng.choice(words, p=1 / np.arange(1, 301) / sum(1 / np.arange(1, 301)), size=3000))
    cut = len(text) * 9 // 10
    kneser_ney, witten_bell = (NgramLM(6, s).fit(text[:cut]).nats(text[cut:]) for s in ("kneser-ney", "witten-bell"))
    assert kneser_ney < witten_bell


def test_the_lectures_counts_give_their_probabilities():
    model = NgramLM(4, smoothing=None).fit(SENTENCES)
    assert model.prob("books", HISTORY) == 0.4
    assert model.prob("exams", HISTORY) == 0.1


def test_sparsity_what_was_never_counted_has_probability_zero_and_makes_the_perplexity_infinite():
    model = NgramLM(4, smoothing=None).fit(SENTENCES)
    assert model.prob("petri", HISTORY) == 0
    assert model.perplexity([[*HISTORY, "petri"]]) == inf
    assert model.prob("books", ["teachers", "opened", "their"]) == 0  # nor does it know anything after a new history
    assert NgramLM(4, "witten-bell").fit(SENTENCES).prob("books", ["teachers", "opened", "their"]) > 0.09


def test_no_dependency_is_longer_than_the_order():
    model = NgramLM(3, "witten-bell").fit([["as", "the", "proctor", *HISTORY, "exams"], [*HISTORY, "books"]])
    distant, plain = ["as", "the", "proctor", *HISTORY], HISTORY
    np.testing.assert_array_equal(model.distribution(distant), model.distribution(plain))


def test_the_model_grows_with_its_order():
    rng = np.random.default_rng(0)
    text = "".join(rng.choice(list("abcdefgh"), size=2000))
    sizes = NgramLM(5).fit(text).sizes
    assert sizes == sorted(sizes)
    assert sizes[:2] == [8, 8 * 8 + 1]  # every pair, and the one at the beginning
    padded = "^" * 4 + text
    assert sizes == [len({padded[i - k : i + 1] for i in range(4, len(padded))}) for k in range(5)]


def test_a_perfect_model_has_perplexity_one_and_a_uniform_one_the_size_of_the_vocabulary():
    assert NgramLM(2, smoothing=None).fit("abc" * 10).perplexity("abc" * 10) == 1
    assert NgramLM(1, smoothing=None).fit("helo" * 5).perplexity("hello") == pytest.approx(4)
    untrained = NgramLM(3, "witten-bell", vocabulary=Vocabulary("helo")).fit(["h"])
    assert untrained.perplexity([["o"]]) == pytest.approx(4 * 2 * 2 * 2)  # half is kept by "h" at every length


def test_cross_entropy_is_the_mean_and_perplexity_its_exponential():
    model = NgramLM(1, smoothing=None).fit("aaab")
    assert model.nats("ab") == pytest.approx(-(log(3 / 4) + log(1 / 4)) / 2)
    assert model.perplexity("ab") == pytest.approx(exp(model.nats("ab")))


@given(sequences, st.integers(2, 4))
def test_longer_histories_never_fit_the_training_data_worse_without_smoothing(sequences, order):
    shorter, longer = (NgramLM(n, smoothing=None).fit(sequences).nats(sequences) for n in (order - 1, order))
    assert longer <= shorter + 1e-12


@pytest.mark.parametrize("smoothing", ["add-k", "witten-bell", "kneser-ney"])
def test_a_vocabulary_decides_what_probabilities_sum_over(smoothing):
    model = NgramLM(2, smoothing, vocabulary=Vocabulary("abc", unknown="?")).fit("abzab")
    assert model.prob("z", "b") == model.prob("?", "b") == model.prob("y", "b") > model.prob("c", "b") > 0
    assert model.prob("a", "y") == model.prob("a", "z")
    assert model.distribution("b").shape == (4,)


def test_a_symbol_outside_a_closed_vocabulary_has_probability_zero_but_cannot_be_learnt():
    model = NgramLM(2, vocabulary=Vocabulary("ab")).fit("abab")
    assert model.prob("z", "a") == 0
    assert model.prob("a", "z") == model.prob("a", context=0)
    with pytest.raises(ValueError, match="symbol 'z' at position 2 is not in the vocabulary"):
        NgramLM(2, vocabulary=Vocabulary("ab")).fit("abz")


def test_any_hashable_symbol_will_do():
    pairs = [[("the", "DT"), ("cat", "NN")], [("the", "DT"), ("dog", "NN")]]
    assert NgramLM(2, smoothing=None).fit(pairs).prob(("cat", "NN"), [("the", "DT")]) == 0.5


@given(sequences, orders, smoothings, st.integers(0, 99))
def test_a_sample_is_what_its_seed_gives_and_possible(sequences, order, smoothing, seed):
    model = NgramLM(order, smoothing).fit(sequences)
    sample = model.sample(12, np.random.default_rng(seed))
    assert sample == model.sample(12, np.random.default_rng(seed))
    assert np.isfinite(model.log_probs([sample])).all()
    assert len(sample) == 12 or not model.distribution(sample).any()


def test_samples_are_drawn_with_the_models_probabilities():
    model = NgramLM(4, smoothing=None).fit(SENTENCES)
    rng = np.random.default_rng(0)
    drawn = Counter(model.sample(1, rng, prompt=HISTORY)[0] for _ in range(2000))
    assert set(drawn) == set(COUNTS)
    for word, count in COUNTS.items():
        deviation = (2000 * count / 1000 * (1 - count / 1000)) ** 0.5
        assert abs(drawn[word] - 2000 * count / 1000) < 4 * deviation


def test_fitting_again_begins_anew():
    model = NgramLM(2, smoothing=None).fit("abab").fit("cdcd")
    assert model.vocabulary == Vocabulary("cd")
    assert model.prob("d", "c") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, r"n must be at least 1, got 0"),
        ({"n": 2, "smoothing": "laplace"}, "smoothing must be one of None, 'add-k', 'witten-bell', 'kneser-ney'"),
        ({"n": 2, "smoothing": "add-k", "k": 0}, "k must be positive, got 0; smoothing=None adds nothing"),
        (
            {"n": 2, "smoothing": "witten-bell", "discount": 0.5},
            "discount is for smoothing='kneser-ney', got smoothing='w",
        ),
        *(({"n": 2, "discount": d}, rf"discount must be above 0 and below 1, got {d}") for d in (0, 1, -0.5, np.nan)),
        ({"n": 2, "discount": [0.5]}, r"discount must be a number or 2 numbers, .*, got \[0.5\]"),
        ({"n": 2, "discount": [0.5, 1]}, r"each discount must be at least 0 and below 1, got \[0.5, 1\]"),
    ],
)
def test_a_bad_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        NgramLM(**arguments)


@pytest.mark.parametrize(
    ("data", "message"), [("", "no symbols"), ([[]], "no symbols"), ([1, 2], "1 at position 0 is not a sequence")]
)
def test_bad_data_is_an_error(data, message):
    with pytest.raises(ValueError, match=message):
        NgramLM(2).fit(data)
    with pytest.raises(ValueError, match=message):
        NgramLM(2).fit("ab").nats(data)


def test_a_model_that_has_counted_nothing_says_so():
    with pytest.raises(RuntimeError, match="call fit first"):
        NgramLM(2).perplexity("ab")


@pytest.mark.parametrize("wrong", [["h"], {}, (["h"],), {"h"}, np.array(["h", "e"])], ids=repr)
@pytest.mark.parametrize(
    "call",
    [
        lambda model, wrong: NgramLM(2).fit([["h", wrong]]),
        lambda model, wrong: NgramLM(2, vocabulary="he").fit([["h", wrong]]),
        lambda model, wrong: model.nats([["h", wrong]]),
        lambda model, wrong: model.prob("e", ["h", wrong]),
        lambda model, wrong: model.prob(wrong, "h"),
        lambda model, wrong: model.distribution(["h", wrong]),
        lambda model, wrong: model.sample(2, prompt=["h", wrong]),
    ],
    ids=["fit", "fit with a vocabulary", "nats", "history", "prob", "distribution", "sample"],
)
def test_what_can_be_no_symbol_is_named_with_its_place(call, wrong):
    with pytest.raises(TypeError, match=r"^a symbol is a string or a number, got .* at position 1;"):
        call(NgramLM(2).fit("hello"), wrong)


@pytest.mark.parametrize("wrong", [5, None, 1.5])
@pytest.mark.parametrize("call", [lambda model, x: model.prob("h", x), lambda model, x: model.distribution(x)])
def test_what_is_no_history_is_named(call, wrong):
    with pytest.raises(TypeError, match=f"^history must be a string or a list of symbols, got {wrong}"):
        call(NgramLM(2).fit("hello"), wrong)
