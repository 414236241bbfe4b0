"""An infinite cross entropy stays infinite, and a warning names the first symbol that the model finds impossible."""

import pytest

import tinyseq as ts
from tinyseq.lm import Mixture, NgramLM

CASES = {
    "character after these": (NgramLM(2, smoothing=None), "abab", "aba", "abb", r"character 3, 'b': it never follows"),
    "new character": (NgramLM(2), "abab", "ab", "abcd", r"character 3, 'c': it does not occur"),
    "word": (
        NgramLM(2, smoothing=None, words=True, min_count=1),
        "a rose is\n" * 2,
        "a rose is",
        "a is rose",
        r"word 2, 'is': it never follows",
    ),
    "other symbols": (NgramLM(2, smoothing=None), [[1, 2, 3]], [[1, 2]], [[1, 3]], r"symbol 2, 3: it never follows"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_first_impossible_symbol_is_named(case):
    model, text, likely, impossible, said = CASES[case]
    model.fit(text)
    assert model.evaluate(likely).nats < float("inf")  # and no warning, which would be an error here
    with pytest.warns(RuntimeWarning, match=f"cross entropy is infinite, as the model gives probability 0 to {said}"):
        found = model.evaluate(impossible)
    assert found.nats == found.perplexity == float("inf")
    assert model.nats(impossible) == float("inf")  # a number alone needs no words


def test_settings_and_mixtures():
    ngram = NgramLM(3, smoothing=None).fit("abcabd")
    with pytest.warns(RuntimeWarning, match="character 4, 'd': it never follows"):
        assert ngram.evaluate("abdd", context=2).nats == float("inf")
    both = Mixture(
        [NgramLM(2, smoothing=None).fit("abab"), ts.lm.NgramLM(1, smoothing=None, vocabulary="ab").fit("aa")]
    )
    with pytest.warns(RuntimeWarning, match="character 3, 'b': it never follows"):
        assert both.evaluate("abb").nats == float("inf")
