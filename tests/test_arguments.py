"""What every public argument is asked for: whole numbers that are whole, and lists of words that are no strings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyseq.arguments import sentences, whole, words


@given(st.integers(-(2**62), 2**62), st.sampled_from([int, np.int64, np.asarray]))
def test_whole_numbers_come_back_as_plain_ints(number, kind):
    found = whole("n", kind(number), None)
    assert (found, type(found)) == (number, int)


@pytest.mark.parametrize(
    ("value", "cure"),
    [
        (2.5, ""),
        (2.0, "; write 2"),
        (np.float32(2), "; write 2"),
        (float("inf"), ""),
        (float("nan"), ""),
        (True, ""),
        (np.False_, ""),
        ("3", "; int('3') makes one"),
        ("three", ""),
        (None, ""),
        ([2], ""),
        (np.array([2]), ""),
        (1j, ""),
    ],
)
def test_what_is_no_whole_number_is_named_with_the_cure(value, cure):
    with pytest.raises(TypeError) as caught:
        whole("steps", value)
    message = str(caught.value)
    assert message.startswith("steps must be a whole number, got ")
    assert message.endswith(cure)
    assert (";" in message) == bool(cure)


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(-5, 5))
def test_bounds_are_inclusive(number, least, most):
    if least <= number <= most:
        assert whole("n", number, least, most) == number
    else:
        bound = f"at least {least}" if number < least else f"at most {most}"
        with pytest.raises(ValueError, match=f"n must be {bound}, got {number}"):
            whole("n", number, least, most)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: words("words", "a cat"),
            r"words must be a list of words, got the string 'a cat'; words\.split\(\) makes",
        ),
        (lambda: words("words", ["a", None]), r"words\[1\] must be a word, a string, got None"),
        (lambda: words("words", 3), "words must be a list of words, got 3"),
        (lambda: sentences("texts", "a cat"), "texts must be a list of lists of words, got the string 'a cat'"),
        (lambda: sentences("texts", [["a"], "cat"]), r"texts\[1\] must be a list of words, got the string 'cat'; put"),
        (lambda: sentences("texts", [["a", 1]]), r"texts\[0\]\[1\] must be a word, a string, got 1"),
        (lambda: sentences("texts", [None]), r"texts\[0\] must be a list of words, got None"),
        (lambda: sentences("texts", None), "texts must be a list of lists of words, got None"),
    ],
)
def test_what_is_no_list_of_words_is_named_with_its_place(call, message):
    with pytest.raises(TypeError, match=message):
        call()


@given(st.lists(st.lists(st.text())))
def test_lists_of_words_come_back(given_sentences):
    assert sentences("texts", (tuple(sentence) for sentence in given_sentences)) == given_sentences
