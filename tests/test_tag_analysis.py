"""The error analysis counts what it says, and chunks are compared as in the CoNLL evaluation."""

from itertools import product
from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.data.treebanks.chunks import LETTERS, spans
from tinyseq.tagging import ChunkScores, MostFrequentTag, learning_curve
from tinyseq.tagging.analysis import analysis, lenient_spans

GOLD = [[("the", "D"), ("cat", "N"), ("fish", "V")], [], [("fish", "V"), ("fish", "N"), ("new", "A")]]
FOUND = [["D", "N", "N"], [], ["N", "N", "N"]]


def test_confusions_words_and_accuracies_are_counted():
    found = analysis(GOLD, FOUND, {"the", "cat", "fish"})
    assert (found.all, found.known, found.unknown, found.totals) == (3 / 6, 3 / 5, 0.0, (5, 1))
    assert found.tags == ("A", "D", "N", "V")
    assert found.confusion.tolist() == [[0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 2, 0]]
    assert found.confusions() == [("V", "N", 2), ("A", "N", 1)]
    assert found.confusions(1) == [("V", "N", 2)]
    assert [tuple(row) for row in found.words] == [("fish", 2, 3, "V", "N"), ("new", 1, 1, "A", "N")]
    table = str(found).splitlines()
    assert table[0] == "50.00 % of 6 tags are right: 60.00 % of 5 known words, 0.00 % of 1 unknown words"
    assert "V     -> N              2" in table
    assert "fish      2   3  V -> N" in table


def test_the_same_call_gives_the_accuracy_and_the_table():
    tagger = MostFrequentTag().fit([[("the", "D"), ("cat", "N"), ("fish", "N")]])
    found = tagger.analyse(GOLD)
    assert tuple(tagger.accuracy(GOLD)) == pytest.approx((found.all, found.known, found.unknown), nan_ok=True)
    assert found.confusion.sum() == 6
    assert found.chunks is None
    assert ts.viz.plots.confusion(found.confusion, found.tags).axes


def test_an_analysis_of_nothing_and_of_perfect_tags_can_be_printed():
    empty = MostFrequentTag().fit([[("a", "X")]]).analyse([])
    assert isnan(empty.all)
    assert isinstance(str(empty), str)
    assert str(MostFrequentTag().fit([[("a", "X")]]).analyse([[("a", "X")]])).count("\n") == 0


def conll_chunks(tags):
    """The definition of the CoNLL evaluation, which seqeval follows: where a chunk ends, and where one begins."""
    found, start = set(), 0
    split = [(tag[0], tag[2:]) for tag in tags]
    before, kind_before = "O", ""
    for i, (letter, kind) in enumerate([*split, ("O", "")]):
        ends = before in "ES" or (before in "BI" and (letter in "BSO" or kind != kind_before))
        begins = letter in "BS" or (letter in "IE" and (before in "ESO" or kind != kind_before))
        if ends and before != "O":
            found.add((kind_before, start, i))
        if begins:
            start = i
        before, kind_before = letter, kind
    return found


@pytest.mark.parametrize("scheme", ["bio", "bioes", "iob1"])
def test_all_short_sequences_have_the_chunks_of_the_definition(scheme):
    tags = ["O", *(f"{letter}-{kind}" for letter in LETTERS[scheme] for kind in "XY")]
    valid = 0
    for length in range(5 if scheme != "bioes" else 4):
        for sequence in product(tags, repeat=length):
            found = lenient_spans(sequence, scheme)
            assert {tuple(span) for span in found} == conll_chunks(sequence), sequence
            try:
                strict = spans(sequence, scheme)
            except ValueError:
                continue
            valid += 1
            assert strict == found
    assert valid > 50


chunked = st.lists(st.lists(st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y"]), max_size=6), min_size=1, max_size=4)


@given(chunked, st.randoms())
def test_precision_recall_and_f1_are_those_of_sets_of_chunks(gold, random):
    predicted = [[random.choice(["O", "B-X", "I-X", tag]) for tag in tags] for tags in gold]
    found = ChunkScores.of(gold, predicted)
    a, b = ({(i, *span) for i, tags in enumerate(part) for span in conll_chunks(tags)} for part in (gold, predicted))
    for kind, scores in {None: found[:3], **found.kinds}.items():
        given, guessed = ({chunk for chunk in part if kind in (None, chunk[1])} for part in (a, b))
        right = len(given & guessed)
        assert scores[0] == (right / len(guessed) if guessed else pytest.approx(np.nan, nan_ok=True))
        assert scores[1] == (right / len(given) if given else pytest.approx(np.nan, nan_ok=True))
        if right:
            assert scores[2] == pytest.approx(2 / (1 / scores[0] + 1 / scores[1]))


def test_chunks_that_do_not_match_are_errors():
    with pytest.raises(ValueError, match="sentence 1 has 1 given tags, but 2 predicted ones"):
        ChunkScores.of([["O"], ["O"]], [["O"], ["O", "O"]])
    with pytest.raises(ValueError, match=r"tags\[0\] is 'NOUN', but tags of the scheme 'bio' are"):
        MostFrequentTag().fit([[("a", "NOUN")]]).analyse([[("a", "NOUN")]], scheme="bio")
    with pytest.raises(ValueError, match=r"scheme must be .*, got 'iob'"):
        ChunkScores.of([], [], "iob")


def test_a_learning_curve_doubles_the_sentences():
    train = [[(f"w{i}", "X"), ("the", "D")] for i in range(8)]
    points = learning_curve(MostFrequentTag, train, [[("w5", "Y"), ("the", "D"), ("w0", "X")]], parts=4)
    assert [point.words for point in points] == [2, 4, 8, 16]
    assert [point.all for point in points] == [2 / 3] * 4
    assert [round(point.known, 3) for point in points] == [1.0, 1.0, 1.0, 0.667]
    with pytest.raises(ValueError, match="parts=5 needs at least 16 sentences, got 8"):
        learning_curve(MostFrequentTag, train, train, parts=5)
