"""exp(nats), over all that nats may be."""

import math
from itertools import pairwise

import pytest

import tinyseq as ts
from tinyseq.lm.perplexity import perplexity


@pytest.mark.parametrize(
    ("nats", "expected"),
    [
        (0.0, 1.0),
        (math.log(7), 7.0),
        (709.7, math.exp(709.7)),
        (709.79, math.inf),
        (1e9, math.inf),
        (math.inf, math.inf),
    ],
)
def test_it_is_the_exponential_or_infinite(nats, expected):
    assert perplexity(nats) == pytest.approx(expected, rel=1e-15)


def test_of_nan_it_is_nan():
    assert math.isnan(perplexity(math.nan))


@pytest.mark.parametrize("make", [lambda: ts.lm.RNNLM("ab", 2), lambda: ts.lm.WindowLM("ab", 2, 2)])
def test_a_model_that_is_sure_and_wrong_has_an_infinite_perplexity(make):
    """As one is whose training has diverged."""
    model = make()
    model.output.weight.copy_(ts.zeros(2, 2))
    found = []
    for sure in (0.0, 1.0, 100.0, 1e4):
        model.output.bias.copy_([sure, -sure])
        assert model.nats("bbbbb") == pytest.approx(2 * sure if sure else math.log(2), rel=0.1)
        found.append(model.perplexity("bbbbb"))
    assert all(low < high for low, high in pairwise(found))
    assert found[-1] == math.inf


def test_an_n_gram_model_gives_infinity_where_the_probability_is_zero():
    assert ts.lm.NgramLM(2, smoothing=None).fit("abab").perplexity("abba") == math.inf


def test_the_least_positive_probability_has_a_perplexity():
    model = ts.lm.NgramLM(1, smoothing="add-k", k=1e-320, vocabulary=ts.data.Vocabulary("ab")).fit("a" * 10)
    assert model.nats("b") > 709.78
    assert model.perplexity("b") == math.inf


def test_a_density_above_the_largest_number_is_infinite():
    model = ts.hmm.HMM([1.0], [[1.0]], ts.hmm.Gaussian([0.0], [1e-12], floor=0))
    assert model.log_likelihood([0.0] * 100) > 709.78
    assert model.probability([0.0] * 100) == math.inf
