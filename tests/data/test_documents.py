"""Splits of a treebank by document: no document on both sides, every sentence on one, in the order of the file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts

REST = "cats\t_\tNOUN\t_\t_\t0\troot\t_\t_\n"


def treebank(sizes, first="# newdoc id = "):
    """Documents of so many sentences, each sentence with the name of its document and a number."""
    parts = []
    for document, size in enumerate(sizes):
        for i in range(size):
            begins = f"{first}{document}\n" if i == 0 and first else ""
            parts.append(f"{begins}# sent_id = {document}-{i}\n1\t{REST}\n")
    return ts.data.conllu_sentences.parse("".join(parts))


def names(sentences):
    return [sentence.comments[-1].removeprefix("# sent_id = ") for sentence in sentences]


@given(st.lists(st.integers(1, 5), min_size=2, max_size=12), st.floats(0.01, 0.5), st.integers(0, 100))
def test_no_document_is_on_both_sides_and_none_is_lost(sizes, share, seed):
    sentences = treebank(sizes)
    try:
        train, held_out = ts.data.split_documents(sentences, share, seed)
    except ValueError as error:
        if "leaves no document to train on" not in str(error):
            raise
        return
    all_names = names(sentences)
    assert sorted(names(train) + names(held_out)) == sorted(all_names)
    for part in (train, held_out):
        assert names(part) == [name for name in all_names if name in set(names(part))]
    documents = [{name.split("-")[0] for name in names(part)} for part in (train, held_out)]
    assert not documents[0] & documents[1]
    assert len(held_out) >= share * len(sentences)
    assert len(held_out) - max(sizes) < share * len(sentences)
    assert ts.data.split_documents(sentences, share, seed) == (train, held_out)


def test_documents_begin_at_newdoc_alone():
    assert [names(d) for d in ts.data.documents(treebank([2, 1]))] == [["0-0", "0-1"], ["1-0"]]
    assert [len(d) for d in ts.data.documents(treebank([2, 3], "# newdoc\n# id"))] == [2, 3]
    assert [len(d) for d in ts.data.documents(treebank([2, 3], "#newdoc id = "))] == [2, 3]
    assert [len(d) for d in ts.data.documents(treebank([2, 3], "# newpar id = "))] == [5]
    assert [len(d) for d in ts.data.documents(treebank([2, 3], "# newdocument "))] == [5]
    before = treebank([1], None) + treebank([2, 2])
    assert [len(d) for d in ts.data.documents(before)] == [1, 2, 2]
    assert ts.data.documents([]) == []


@pytest.mark.parametrize("share", [0, 1, -0.5, 2, float("nan")])
def test_a_share_outside_of_0_to_1_is_refused(share):
    with pytest.raises(ValueError, match="held_out must be between 0 and 1, got"):
        ts.data.split_documents(treebank([1, 1]), share)


def test_too_few_documents_are_refused():
    with pytest.raises(ValueError, match="at least 2 documents, which begin with # newdoc, got 1"):
        ts.data.split_documents(treebank([3, 3], None))
    with pytest.raises(ValueError, match=r"held_out=0.9 leaves no document to train on; there are 2"):
        ts.data.split_documents(treebank([1, 1]), 0.9)


@pytest.mark.parametrize("split", [ts.data.documents, ts.data.split_documents])
def test_what_is_no_sentence_of_a_treebank_is_named(split):
    with pytest.raises(TypeError, match=r"sentences\[0\] must be a ConlluSentence, got 'g'; ts\.data"):
        split("gum.conllu")
