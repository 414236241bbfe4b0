"""Symbols become ids and come back; what is unknown is decided in one place."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyseq.data import Vocabulary

symbols = st.lists(st.text(max_size=3) | st.integers(), unique=True, min_size=1, max_size=20)


@given(symbols, st.data())
def test_decoding_inverts_encoding(symbols, data):
    vocabulary = Vocabulary(symbols)
    text = data.draw(st.lists(st.sampled_from(symbols)))
    ids = vocabulary.encode(text)
    assert ids.dtype == np.int64
    assert ids.shape == (len(text),)
    assert vocabulary.decode(ids) == text
    assert list(vocabulary) == symbols
    assert vocabulary.encode(symbols).tolist() == list(range(len(vocabulary)))


@given(symbols, st.data())
def test_a_vocabulary_survives_json(symbols, data):
    vocabulary = Vocabulary(symbols, unknown=data.draw(st.sampled_from([None, "<unknown>", symbols[0]])))
    again = Vocabulary.from_dict(json.loads(json.dumps(vocabulary.to_dict())))
    assert again == vocabulary
    assert hash(again) == hash(vocabulary)
    assert repr(again) == repr(vocabulary)


@given(st.text("abc", max_size=30), st.integers(1, 5))
def test_counts_leave_out_what_is_rare_and_put_the_frequent_first(text, min_count):
    vocabulary = Vocabulary.from_counts(text, min_count=min_count, unknown="?")
    frequent = [symbol for symbol in "abc" if text.count(symbol) >= min_count]
    assert set(vocabulary) == {*frequent, "?"}
    counts = [text.count(symbol) for symbol in vocabulary][:-1]
    assert counts == sorted(counts, reverse=True)
    kept = "".join(symbol if symbol in frequent else "?" for symbol in text)
    assert "".join(vocabulary.decode(vocabulary.encode(text))) == kept


def test_equally_frequent_symbols_keep_the_order_of_their_first_occurrence():
    assert Vocabulary.from_counts("lohel").symbols == ("l", "o", "h", "e")


def test_an_unknown_symbol_is_an_error_unless_the_vocabulary_has_one_for_it():
    with pytest.raises(ValueError, match=r"symbol 'p' at position 3 is not in the vocabulary.*; include it"):
        Vocabulary("helo").encode("help")
    with pytest.raises(ValueError, match=r"\(a, b, c, d, e, f, \.\.\.\)"):
        Vocabulary("abcdefg").encode("z")
    with pytest.raises(ValueError, match=r"\('\\n', ' ', ',', \('a', 1\), 7, the\)"):  # which would be lost in the list
        Vocabulary(["\n", " ", ",", ("a", 1), 7, "the"]).encode("z")
    assert Vocabulary("helo", unknown="?").encode("help").tolist() == [0, 1, 2, 4]
    assert Vocabulary("?helo", unknown="?").encode("help").tolist() == [1, 2, 3, 0]


@pytest.mark.parametrize("wrong", [-1, 4, 2**40])
def test_an_id_out_of_range_is_an_error_and_never_wraps(wrong):
    with pytest.raises(ValueError, match=f"ids must be from 0 to 3, got {wrong}"):
        Vocabulary("helo").decode([0, wrong])


def test_a_vocabulary_of_repeated_or_no_symbols_is_an_error():
    with pytest.raises(ValueError, match="symbol 'l' occurs 2 times"):
        Vocabulary("hello")
    with pytest.raises(ValueError, match="at least one symbol"):
        Vocabulary("")


def test_what_no_file_could_keep_is_an_error_at_once():
    with pytest.raises(TypeError, match=r"a symbol must be a string, a number or a tuple .* got frozenset\(\{'a'\}\)"):
        Vocabulary([frozenset("a")])


@pytest.mark.parametrize("state", [{}, {"symbols": "abc", "unknown": None}, {"symbols": ["a"], "other": None}])
def test_a_foreign_mapping_is_no_vocabulary(state):
    with pytest.raises(ValueError, match="state must have a list 'symbols' and an 'unknown'"):
        Vocabulary.from_dict(state)
