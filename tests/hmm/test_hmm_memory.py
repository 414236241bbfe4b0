"""Memory grows with T K: no K x K numbers are kept for each step, unless the posteriors of arcs are asked for."""

import tracemalloc

import numpy as np
import pytest
from hmm.models import random_model

import tinyseq as ts
from tinyseq.hmm import HMM, best_score, log_partition

STATES, SYMBOLS = 60, 30


def peak(ask, *args):
    """The most bytes in use at any time while a question is answered, in numbers of 8 bytes for each step and state."""
    ask(*args)  # what is made once and kept
    tracemalloc.start()
    try:
        ask(*args)
        return tracemalloc.get_traced_memory()[1] / (8 * STATES)
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def model():
    return random_model(np.random.default_rng(0), STATES, SYMBOLS)


@pytest.mark.parametrize(("question", "most"), [("log_likelihood", 0.5), ("viterbi", 3), ("posterior", 4), ("fit", 5)])
@pytest.mark.parametrize("lengths", [[1500], [6000], [25] * 240], ids=["one", "one in blocks", "batch"])
def test_a_few_numbers_for_each_step_and_state(model, question, most, lengths):
    rng = np.random.default_rng(1)
    data = [rng.integers(0, SYMBOLS, length) for length in lengths]
    ask = (lambda x: model.fit_em(x, max_steps=1)) if question == "fit" else getattr(model, question)
    assert peak(ask, data) < most * sum(lengths) < STATES * sum(lengths)


def test_starts_wait_without_their_posteriors(model):
    data = np.random.default_rng(1).integers(0, SYMBOLS, 6000)
    one, several = (peak(lambda n: model.fit_em(data, max_steps=1, restarts=n), n) for n in (1, 8))
    assert several - one < 1.5 * 6000


def test_the_log_likelihood_of_a_longer_sequence_takes_hardly_more(model):
    x = np.random.default_rng(1).integers(0, SYMBOLS, 8000)
    assert peak(model.log_likelihood, x) - peak(model.log_likelihood, x[:4000]) < 0.2 * 4000


def test_where_probabilities_underflow_too(model):
    scores = np.random.default_rng(1).normal(scale=1000.0, size=(1500, STATES))
    far = HMM(model.initial, model.transition, None)
    for ask, most in ((far.log_likelihood, 5), (far.posterior, 8)):
        assert peak(ask, scores) < most * len(scores) < STATES * len(scores)


@pytest.mark.host
@pytest.mark.parametrize("run", [log_partition, best_score])
def test_gradients_take_no_more(model, run):
    emission = np.random.default_rng(1).normal(size=(2000, STATES))

    def slope():
        leaf = ts.tensor(emission, requires_grad=True)
        run(np.log(model.initial), np.log(model.transition), leaf).backward()

    assert peak(slope) < 15 * len(emission) < STATES * len(emission)


def test_the_posteriors_of_arcs_are_computed_when_they_are_asked_for(model):
    x = np.random.default_rng(1).integers(0, SYMBOLS, 300)
    posterior = model.posterior(x)
    assert "transitions" not in vars(posterior)
    tracemalloc.start()
    assert posterior.transitions.shape == (299, STATES, STATES)
    grown = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert grown >= 8 * 299 * STATES**2
