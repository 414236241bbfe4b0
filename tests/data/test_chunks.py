"""Chunks and their tags: every scheme says the same chunks, and what a scheme forbids is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyseq.data import Span, convert_sentences, convert_tags, span_tags, spans

SCHEMES = ["iob1", "bio", "bioes"]
scheme = st.sampled_from(SCHEMES)
tag = st.sampled_from(["O", *(f"{letter}-{kind}" for letter in "BIES" for kind in ("PER", "a-b"))])


@st.composite
def chunked(draw):
    """Chunks of a sentence, in order, some of them next to each other, and the sentence's length."""
    found, end = [], 0
    for _ in range(draw(st.integers(0, 4))):
        start = end + draw(st.integers(0, 2))
        end = start + draw(st.integers(1, 3))
        found.append(Span(draw(st.sampled_from(["PER", "LOC", "a-b", ""])), start, end))
    return found, end + draw(st.integers(0, 2))


@given(chunked(), scheme)
def test_tags_of_chunks_hold_these_chunks(sentence, name):
    chunks, length = sentence
    tags = span_tags(chunks, length, name)
    assert len(tags) == length
    assert spans(tags, name) == chunks
    assert span_tags(reversed(chunks), length, name) == tags


@given(chunked(), scheme, scheme)
def test_conversion_there_and_back_gives_the_tags(sentence, source, target):
    tags = span_tags(*sentence, source)
    there = convert_tags(tags, source, target)
    assert there == span_tags(*sentence, target)
    assert convert_tags(there, target, source) == tags


def valid(tags, name):
    """An oracle from the pairs that each scheme allows, apart from the code's reading of chunks."""
    previous = "O"
    for current in [*tags, "O"]:
        (a, _, kind), (b, _, new) = previous.partition("-"), current.partition("-")
        same = kind == new
        if name == "bio" and b == "I" and not (a in "BI" and same):
            return False
        if name == "bioes" and ((a in "BI") != (b in "IE") or (b in "IE" and not same)):
            return False
        previous = current
    letters = {"iob1": "OIB", "bio": "OBI", "bioes": "OBIES"}[name]
    return all(current[0] in letters for current in tags)


@given(st.lists(tag, max_size=5), scheme)
def test_what_a_scheme_allows_is_read_and_all_else_refused(tags, name):
    if valid(tags, name):
        assert convert_tags(convert_tags(tags, name, "bio"), "bio", "bioes") == convert_tags(tags, name, "bioes")
        if name != "iob1":  # where B- may stand where it need not, so that a chunk has two writings
            assert convert_tags(tags, name, name) == tags
    else:
        with pytest.raises(ValueError, match=r"^tags(\[\d\] is| end in)"):
            spans(tags, name)


def test_the_schemes_of_the_literature():
    assert convert_tags(["I-P", "I-P", "O", "I-P", "I-P", "B-P"], "iob1", "bio") == [
        "B-P",
        "I-P",
        "O",
        "B-P",
        "I-P",
        "B-P",
    ]
    assert convert_tags(["B-P", "I-P", "O", "B-P", "I-P", "B-P"], "bio", "bioes") == [
        "B-P",
        "E-P",
        "O",
        "B-P",
        "E-P",
        "S-P",
    ]
    assert convert_tags(["I-LOC", "I-PER"], "iob1", "bio") == ["B-LOC", "B-PER"]
    assert convert_tags(["B-LOC", "B-PER"], "bio", "iob1") == ["I-LOC", "I-PER"]  # B- only after a chunk of its kind


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: spans(["O", "I-PER"]),
            r"tags\[1\] is 'I-PER' and follows 'O', which the scheme 'bio' forbids; .*'iob1'",
        ),
        (lambda: spans(["I-PER"]), r"tags\[0\] is 'I-PER' and begins the sentence, which the scheme 'bio' forbids"),
        (lambda: spans(["B-PER", "O"], "bioes"), r"tags\[1\] is 'O' and follows 'B-PER', which the scheme 'bioes'"),
        (lambda: spans(["B-PER"], "bioes"), "tags end in 'B-PER', but in BIOES the last word of a chunk has E- or S-"),
        (lambda: spans(["PER"]), r"tags\[0\] is 'PER', but tags of the scheme 'bio' are O, B-X, I-X, such as B-PER"),
        (lambda: spans([None]), r"tags\[0\] is None, but tags of the scheme 'bio' are"),
        (lambda: spans(["O"], "iob"), "scheme must be 'iob1', 'bio' or 'bioes', got 'iob'"),
        (lambda: convert_tags(["O"], "bio", "iob"), "target must be 'iob1', 'bio' or 'bioes', got 'iob'"),
        (lambda: convert_sentences([[], [("a", "I-X")]], "bio", "bioes"), r"sentence 1: tags\[0\] is 'I-X' and begins"),
        (lambda: span_tags([Span("X", 0, 2), Span("Y", 1, 3)], 3), r"overlaps with Span\(kind='X', start=0, end=2\)"),
        (lambda: span_tags([Span("X", 0, 4)], 3), "ends after the last of 3 words"),
        (lambda: span_tags([Span("X", 1, 1)], 3), "is empty"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
