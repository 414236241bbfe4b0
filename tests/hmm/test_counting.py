"""Counting, and smoothing of counts."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import oracle

from tinyseq.hmm import HMM, AddK
from tinyseq.hmm.learning.counting import count, deleted_interpolation, maximum_likelihood, tables, witten_bell

SMOOTHERS = [maximum_likelihood, AddK(0.5), witten_bell, deleted_interpolation]


@st.composite
def tagged(draw):
    """Labelled sequences of a few tags and words."""
    pair = st.tuples(st.sampled_from("wxyz"), st.sampled_from("abc"))
    return draw(st.lists(st.lists(pair, max_size=6), min_size=1, max_size=5).filter(any))


@given(tagged(), st.sampled_from([2, 3, 4]))
def test_relative_frequencies_are_counts_over_counts(data, order):
    model = HMM.from_labelled(data, order, states="abc", symbols="wxyz")
    begun = [("<s>",) * (order - 1) + tuple(tag for _, tag in sequence) for sequence in data]
    grams = [g for s in begun for g in zip(*(s[i:] for i in range(order)), strict=False)]
    histories = [g[:-1] for g in grams]
    initial = model.initial if order > 2 else (model.initial,)
    for gram in set(grams):
        known = tuple("abc".index(tag) for tag in gram if tag != "<s>")
        table = model.transition if len(known) == order else initial[len(known) - 1]
        assert table[known] == pytest.approx(grams.count(gram) / histories.count(gram[:-1]))
    pairs = [pair for sequence in data for pair in sequence]
    tags = [tag for _, tag in pairs]
    for word, tag in set(pairs):
        share = pairs.count((word, tag)) / tags.count(tag)
        assert model.emission["abc".index(tag), "wxyz".index(word)] == pytest.approx(share)


@given(tagged(), st.sampled_from([2, 3, 4]), st.sampled_from(SMOOTHERS))
def test_every_row_sums_to_one_or_is_unseen(data, order, smooth):
    ids = [[np.array(["abc".index(t) for _, t in s], dtype=int) for s in data]]
    words = [np.array(["wxyz".index(w) for w, _ in s], dtype=int) for s in data]
    counts = count(ids[0], words, (3, 4), order)
    for table in (counts.transition, counts.emission):
        found = smooth(table)
        sums, seen = found.sum(axis=-1), table.sum(axis=-1) > 0
        assert (found >= 0).all()
        np.testing.assert_allclose(sums[seen], 1)
        if smooth is maximum_likelihood:
            assert (sums[~seen] == 0).all()
        else:
            np.testing.assert_allclose(sums, 1)
        if smooth in (witten_bell,) or isinstance(smooth, AddK):
            assert (found > 0).all()


def test_the_first_tables_are_those_of_histories_that_have_not_begun():
    counts = np.arange(4 * 4 * 3.0).reshape(4, 4, 3)  # two histories of three states and the beginning
    initial, transition = tables(counts)
    np.testing.assert_array_equal(initial[0], counts[3, 3])
    np.testing.assert_array_equal(initial[1], counts[3, :3])
    np.testing.assert_array_equal(transition, counts[:3, :3])


def test_witten_bell_by_hand():
    counts = np.array([[3.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    # P(w) = (count(w) + 2 types x 1/3) / (4 + 2); P(w | h) = (count(h, w) + 2 P(w)) / (4 + 2)
    lower = (np.array([3, 1, 0]) + 2 / 3) / 6
    np.testing.assert_allclose(witten_bell(counts), [(counts[0] + 2 * lower) / 6, lower])


def test_deleted_interpolation_by_hand():
    # Bigrams: a->b 3 times: (3-1)/(3-1) = 1 against P(b) left out (3-1)/(5-1) = 1/2: the bigram gets 3 votes.
    # b->a once: (1-1)/(2-1) = 0 against (2-1)/(5-1) = 1/4: the unigram gets 1. b->... a second a through c, likewise 1.
    counts = np.array([[0.0, 3.0], [1.0, 0.0], [1.0, 0.0]])
    bigram = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    unigram = np.array([2.0, 3.0]) / 5
    np.testing.assert_allclose(deleted_interpolation(counts), 3 / 5 * bigram + 2 / 5 * unigram)


def test_trigram_estimates_are_those_of_nltk():
    tnt = oracle("nltk.tag.tnt")
    rng = np.random.default_rng(0)
    follows = rng.dirichlet(np.ones(4), (4, 4))
    data = []
    for _ in range(60):
        tags = [0, 1]
        while len(tags) < 12:
            tags.append(int(rng.choice(4, p=follows[tags[-2], tags[-1]])))
        data.append([("w", "abcd"[t]) for t in tags[2:]])
    theirs = tnt.TnT()
    theirs.train(data)
    # NLTK counts the end of a sentence as one more tag: so do we, by a last state that never leaves.
    model = HMM.from_labelled([[*s, ("w", "end")] for s in data], n=3, smoothing="deleted-interpolation")
    one, two, three = theirs._tag_unigrams, theirs._tag_bigrams, theirs._tag_trigrams
    for i, a in enumerate("abcd"):
        for j, b in enumerate("abcd"):
            for k, c in enumerate("abcd"):
                x, y, z = (a, False), (b, False), (c, False)
                if three[(x, y)].N():
                    wanted = (
                        theirs._lambda1 * one.freq(z)
                        + theirs._lambda2 * two[y].freq(z)
                        + theirs._lambda3 * three[(x, y)].freq(z)
                    )
                    assert model.transition[i, j, k] == pytest.approx(wanted, rel=1e-9)


def test_smoothing_has_names_and_takes_functions():
    data = [[("x", "a"), ("y", "b")], [("y", "b")]]
    named = HMM.from_labelled(data, smoothing="witten-bell", emission_smoothing=AddK(1))
    given_function = HMM.from_labelled(data, smoothing=witten_bell, emission_smoothing=AddK(1))
    np.testing.assert_array_equal(named.transition, given_function.transition)
    np.testing.assert_allclose(named.emission, [[2 / 3, 1 / 3], [1 / 4, 3 / 4]])
    with pytest.raises(ValueError, match="smoothing must be one of None, 'witten-bell', 'deleted-interpolation', or a"):
        HMM.from_labelled(data, smoothing="good-turing")
    with pytest.raises(ValueError, match="k must be positive, got 0"):
        AddK(0)
    assert repr(AddK(0.1)) == "AddK(0.1)"


def test_unknown_words_get_what_smoothing_leaves():
    data = [[("x", "a"), ("y", "b")]]
    model = HMM.from_labelled(data, smoothing=AddK(1), emission_smoothing=AddK(1), unknown="<unk>")
    np.testing.assert_allclose(model.emission, [[2 / 4, 1 / 4, 1 / 4], [1 / 4, 2 / 4, 1 / 4]])
    assert model.viterbi(["x", "something new"]).path[0] == "a"


@pytest.mark.parametrize("emission_smoothing", [None, "deleted-interpolation"])
def test_an_unknown_word_that_no_state_can_emit_is_warned_of(emission_smoothing):
    data = [[("x", "a"), ("y", "b")]]
    with pytest.warns(UserWarning, match=r"no state can emit '<unk>', .* give emission_smoothing=, such as"):
        HMM.from_labelled(data, smoothing=AddK(1), emission_smoothing=emission_smoothing, unknown="<unk>")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # y is not among the symbols, and so counted as unknown
        HMM.from_labelled(data, emission_smoothing=emission_smoothing, symbols=["x"], unknown="<unk>")


def test_ends_are_learned_on_demand():
    data = [[("x", "a"), ("x", "b")], [("x", "b")], [("x", "b"), ("x", "b"), ("x", "a")]]
    model = HMM.from_labelled(data, end=True)
    np.testing.assert_allclose(model.end, [1 / 2, 2 / 4])
    np.testing.assert_allclose(model.transition.sum(axis=1), 1 - model.end)


def test_unknown_states_are_not_counted():
    data = [[("x", "a"), ("y", None), ("x", "b")], [("x", "a"), ("x", "b")]]
    model = HMM.from_labelled(data)
    np.testing.assert_allclose(model.transition, [[0, 1], [0, 0]])
    np.testing.assert_allclose(model.emission, [[1, 0], [1, 0]])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([[("x", "a"), "y"]], r"sequence 0, position 1: expected a pair \(symbol, state\), got 'y'"),
        ([[("x", "a", 1)]], "sequence 0, position 0: expected a pair"),
        ([[]], "the sequences hold no states"),
        ([[(None, "a")]], "the sequences hold no symbols"),
    ],
)
def test_what_is_not_labelled_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        HMM.from_labelled(data)


def test_labels_that_are_not_among_the_names_are_named_with_their_place():
    with pytest.raises(
        ValueError, match="sequence 1, position 0: 'z' is not a state of this model; the states are 'x'"
    ):
        HMM.from_labelled([[("a", "x")], [("a", "z")]], states=["x"])
    with pytest.raises(
        ValueError, match="sequence 0, position 1: 'q' is not a symbol of this model; the symbols are 'a'"
    ):
        HMM.from_labelled([[("a", "x"), ("q", "x")]], symbols=["a"])


def test_n_must_be_two_at_least():
    with pytest.raises(ValueError, match="n must be at least 2, got 1"):
        HMM.from_labelled([[("x", "a")]], n=1)


def test_names_that_cannot_be_sorted_keep_the_order_in_which_they_came():
    for names in ([(), np.True_], [(1, 2), np.False_], ["a", 1], [(1,), "a"]):
        assert list(HMM.from_labelled([[(name, name) for name in names]]).symbols) == names
