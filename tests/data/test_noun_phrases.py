"""Noun phrases by hand, and on any tree: they never overlap, hold a noun, and survive being written as tags."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.data import ConlluSentence, ConlluToken, noun_phrase_tags, noun_phrases, spans

RELATIONS = ["det", "amod", "compound", "nmod:poss", "nmod", "flat", "case", "nsubj", "acl:relcl", "det:predet"]


def sentence(*words):
    """Words as "form UPOS head relation"."""
    columns = enumerate(map(str.split, words), 1)
    return ConlluSentence(
        (), tuple(ConlluToken(str(i), w, "_", u, "_", "_", h, r, "_", "_") for i, (w, u, h, r) in columns)
    )


@st.composite
def trees(draw):
    """Words, each of which hangs below one of those that were placed before it, in any order."""
    count = draw(st.integers(1, 9))
    order = draw(st.permutations(range(1, count + 1)))
    heads = {order[0]: 0} | {i: draw(st.sampled_from(order[:place])) for place, i in enumerate(order) if place}
    kinds = st.sampled_from(["NOUN", "PROPN", "PRON", "ADJ", "VERB"])
    words = [
        f"w{i} {draw(kinds)} {heads[i]} {draw(st.sampled_from(RELATIONS)) if heads[i] else 'root'}"
        for i in sorted(heads)
    ]
    return sentence(*words)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (
            ["the DET 4 det", "very ADV 3 advmod", "old ADJ 4 amod", "cat NOUN 5 nsubj", "sleeps VERB 0 root"],
            ["the very old cat"],
        ),
        (["all DET 3 det:predet", "the DET 3 det", "cats NOUN 0 root"], ["all the cats"]),
        (["my PRON 2 nmod:poss", "sister NOUN 4 nmod:poss", "'s PART 2 case", "cat NOUN 0 root"], ["my sister 's cat"]),
        (
            ["a DET 2 det", "cat NOUN 0 root", "of ADP 5 case", "the DET 5 det", "house NOUN 2 nmod"],
            ["a cat", "the house"],
        ),
        (["Ada PROPN 3 nsubj", "Lovelace PROPN 1 flat", "wrote VERB 0 root", "it PRON 3 obj"], ["Ada Lovelace", "it"]),
        (["car NOUN 2 compound", "bomb NOUN 3 nsubj", "explodes VERB 0 root"], ["car bomb"]),
        (["cats NOUN 0 root", "that PRON 3 nsubj", "sleep VERB 1 acl:relcl"], ["cats", "that"]),
        (["old ADJ 3 amod", "is VERB 0 root", "cat NOUN 2 nsubj"], ["cat"]),  # not adjacent
        (["go VERB 0 root", "! PUNCT 1 punct"], []),
        ([], []),
    ],
)  # fmt: skip
def test_phrases_by_hand(words, found):
    given = sentence(*words)
    assert [" ".join(w.form for w in given.words[p.start : p.end]) for p in noun_phrases(given)] == found


@given(trees(), st.sampled_from(["bio", "bioes", "iob1"]))
def test_phrases_of_any_tree(given, scheme):
    found = noun_phrases(given)
    assert all(one.end <= other.start for one, other in pairwise(found))
    nouns = [i for i, word in enumerate(given.words) if word.upos in ("NOUN", "PROPN", "PRON")]
    assert all(any(p.start <= i < p.end for i in nouns) for p in found)
    covered = [any(p.start <= i < p.end for p in found) for i in range(len(given.words))]
    assert all(covered[i] for i in nouns)
    for p in found:  # one word is the top of the phrase: the heads of all others are inside it
        outside = [i for i in range(p.start, p.end) if not p.start < int(given.words[i].head) <= p.end]
        assert len(outside) == 1
    words, tags = zip(*noun_phrase_tags(given, scheme), strict=True)
    assert list(words) == [word.form for word in given.words]
    assert spans(tags, scheme) == found


def test_multiword_tokens_and_empty_nodes_are_passed_over():
    lines = [
        "1-2 aux _ _ _ _ _ _ _ _",
        "1 a a ADP _ _ 3 case _ _",
        "2 les le DET _ _ 3 det _ _",
        "3 mers mer NOUN _ _ 0 root _ _",
    ]
    text = "".join(line.replace(" ", "\t") + "\n" for line in [*lines, "3.1 x x NOUN _ _ _ _ 0:root _"])
    [given] = ts.data.conllu_sentences.parse(text)
    assert noun_phrase_tags(given) == [("a", "O"), ("les", "B-NP"), ("mers", "I-NP")]


@pytest.mark.parametrize(
    ("heads", "said"),
    [
        (["_", "1"], "the head of word 1, 'a', must be 0 to 2, got '_'"),
        (["0", "3"], "the head of word 2, 'b', must be 0 to 2, got '3'"),
        (["2", "1"], "the heads above word 1, 'a', form a cycle"),
        (["1", "0"], "the heads above word 1, 'a', form a cycle"),
    ],
)
def test_heads_that_make_no_tree_are_named(heads, said):
    with pytest.raises(ValueError, match=said):
        noun_phrases(sentence(f"a NOUN {heads[0]} dep", f"b NOUN {heads[1]} dep"))
