"""Sampling by one function for all language models: temperature, top k, top p, prompt and seed."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.lm import RNNLM, Mixture, NgramLM, WindowLM
from tinyseq.lm.networks.stepping import PLAIN_STEPS, Reader
from tinyseq.lm.sampling import Choice, filtered
from tinyseq.nn.recurrent.registry import CELLS

TEXT = "so long and thanks for all the fish. " * 4
LETTERS = sorted(set(TEXT))
DRAWS = 3 * PLAIN_STEPS

weights = st.lists(st.integers(0, 4), min_size=1, max_size=6).filter(any)
settings = st.fixed_dictionaries(
    {
        "temperature": st.sampled_from([0, 0.3, 1.0, 2.5]),
        "top_k": st.none() | st.integers(1, 8),
        "top_p": st.none() | st.floats(0.01, 1.0),
    }
)


@given(weights, st.integers(1, 7))
def test_top_k_keeps_the_k_most_probable_and_of_equals_the_first(counts, k):
    p = np.array(counts) / sum(counts)
    kept = filtered(p, top_k=k)
    # no symbol that was left out would come before one that was kept
    order = sorted(range(len(p)), key=lambda i: (-p[i], i))
    expected = np.array([p[i] if i in order[:k] else 0.0 for i in range(len(p))])
    np.testing.assert_allclose(kept, expected / expected.sum(), rtol=1e-12)


@given(weights, st.integers(1, 99))
@example([4, 4, 4, 3, 3, 2], 90)  # the first five sum to a little less than 0.9 of all
def test_top_p_keeps_the_smallest_set_with_the_share(counts, percent):
    """Of all sets of symbols, listed one by one."""
    p = np.array(counts) / sum(counts)
    kept = np.flatnonzero(filtered(p, top_p=percent / 100))
    sets = [s for n in range(1, len(p) + 1) for s in combinations(range(len(p)), n)]
    enough = [s for s in sets if 100 * sum(counts[i] for i in s) >= percent * sum(counts)]
    fewest = min(map(len, enough))
    likeliest = max(sum(counts[i] for i in s) for s in enough if len(s) == fewest)
    # of the sets of equal size and probability, the one of the first symbols
    best = next(s for s in enough if len(s) == fewest and sum(counts[i] for i in s) == likeliest)
    assert kept.tolist() == [i for i in best if counts[i]]


class Grid:
    """In place of random numbers the middles of n equal parts of [0, 1), in order."""

    def __init__(self, n):
        self.numbers = iter((np.arange(n) + 0.5) / n)

    def random(self):
        return next(self.numbers)


@given(weights, settings)
def test_draws_have_the_filtered_distribution_of_the_tempered_softmax(counts, how):
    n, choice = 2000, Choice.checked(**how)
    with np.errstate(divide="ignore"):
        logits = np.log(np.array(counts, float)) + 3
    rng = Grid(n)
    found = np.bincount([choice.draw(logits, rng) for _ in range(n)], minlength=len(counts)) / n
    if how["temperature"] == 0:
        expected = np.eye(len(counts))[int(np.argmax(counts))]
    else:
        p = np.array(counts, float) ** (1 / how["temperature"])
        expected = filtered(filtered(p / p.sum(), how["top_k"]), None, how["top_p"])
    np.testing.assert_allclose(found, expected, atol=1.01 / n)
    assert not found[np.array(counts) == 0].any()


MODELS = {
    **{cell: lambda cell=cell: RNNLM(LETTERS, 6, cell=cell, num_layers=2) for cell in CELLS},
    "window": lambda: WindowLM(LETTERS, 3, 6),
    "one symbol": lambda: WindowLM(LETTERS, 1, 6),
    "ngram": lambda: NgramLM(3).fit(TEXT),
    "mixture": lambda: Mixture([RNNLM(LETTERS, 6), NgramLM(3).fit(TEXT), WindowLM(LETTERS[::-1], 2, 6)], [3, 2, 1]),
}


def log_probs(model, history):
    """log P(w | history), from the whole history at once."""
    if isinstance(model, NgramLM):
        return np.log(model.distribution(history))
    if isinstance(model, Mixture):
        p = 0.0
        for weight, part in zip(model.weights, model.models, strict=True):
            order = [part.vocabulary.symbols.index(symbol) for symbol in model.vocabulary.symbols]
            p = p + weight * np.exp(log_probs(part, history))[order]
        return np.log(p)
    with model.evaluating():
        logits, _ = model(model.vocabulary.encode(history)[:, None])
    return ts.log_softmax(logits[-1, 0].astype("float64")).numpy()


@pytest.mark.parametrize("name", [*MODELS])
@pytest.mark.parametrize(
    "how", [{}, {"temperature": 0.5, "top_k": 4}, {"temperature": 2.0, "top_p": 0.8}, {"top_k": 9, "top_p": 0.7}]
)
def test_a_sample_is_drawn_symbol_by_symbol_from_the_whole_history(name, how):
    """Also after the step from which on single steps are replayed."""
    ts.manual_seed(0)
    model = MODELS[name]()
    sample = model.sample(DRAWS, np.random.default_rng(5), prompt="so lo", **how)
    rng, history = np.random.default_rng(5), list("so lo")
    for drawn in sample:
        p = np.exp(log_probs(model, history) / how.get("temperature", 1.0))
        p = filtered(filtered(p / p.sum(), how.get("top_k")), None, how.get("top_p"))
        assert drawn == model.vocabulary.symbols[int(np.searchsorted(p.cumsum(), rng.random()))]
        history.append(drawn)
    assert sample == model.sample(DRAWS, 5, prompt="so lo", **how)  # a seed is a generator


@pytest.mark.parametrize("name", [*MODELS])
def test_greedy_samples_are_those_of_top_1(name):
    ts.manual_seed(1)
    model = MODELS[name]()
    assert model.sample(DRAWS, 0, prompt="s", temperature=0) == model.sample(DRAWS, 1, prompt="s", top_k=1)
    assert model.sample(DRAWS, 0, prompt="s", temperature=0) == model.sample(DRAWS, 2, prompt="s", top_p=1e-9)


class Reading(RNNLM):
    """A model that cannot be recorded."""

    def forward(self, ids, state=None):
        logits, state = super().forward(ids, state)
        return logits + float(logits.numpy()[0, 0, 0]), state


def test_a_model_that_cannot_be_recorded_is_sampled_all_the_same():
    samples = []
    for kind in (RNNLM, Reading):
        ts.manual_seed(0)
        samples.append(kind(LETTERS, 6).sample(DRAWS, 0, prompt="so"))
    assert samples[0] == samples[1]


def test_a_reader_takes_several_symbols_at_any_time():
    ts.manual_seed(0)
    model = RNNLM(LETTERS, 6)
    ids = model.vocabulary.encode(TEXT[:40]).tolist()
    with model.evaluating():
        reader = Reader(model)
        for symbol in ids[:20]:
            reader.read([symbol])
        found = reader.read(ids[20:])
        logits, _ = model(np.array(ids)[:, None])
    np.testing.assert_allclose(found, logits.numpy()[-1, 0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["lstm", "window", "ngram"])
@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        ({"top_k": 0}, ValueError, "top_k must be at least 1, got 0"),
        ({"top_k": 2.5}, TypeError, r"top_k must be a whole number, got 2\.5"),
        ({"top_p": 0}, ValueError, r"top_p must be above 0 and at most 1, got 0\.0"),
        ({"top_p": 1.5}, ValueError, r"top_p must be above 0 and at most 1, got 1\.5"),
        ({"top_p": float("nan")}, ValueError, "top_p must be above 0 and at most 1, got nan"),
        ({"top_p": "0.9"}, TypeError, "top_p must be a number, got '0.9'"),
        ({"temperature": -1}, ValueError, r"temperature must be a finite number, at least 0; got -1\.0"),
        ({"temperature": float("nan")}, ValueError, "temperature must be a finite number, at least 0; got nan"),
        ({"temperature": float("inf")}, ValueError, "temperature must be a finite number, at least 0; got inf"),
        ({"temperature": True}, TypeError, "temperature must be a number, got True"),
    ],
)
def test_a_setting_that_cannot_be_is_named(name, how, error, said):
    with pytest.raises(error, match=said):
        MODELS[name]().sample(3, **how)
    if "temperature" not in how:
        with pytest.raises(error, match=said):
            filtered([0.5, 0.5], **how)


def test_scores_that_are_infinite_are_no_distribution():
    model = RNNLM("helo", 3)
    model.output.bias.copy_([0, 0, np.inf, 0])
    with pytest.raises(ValueError, match="scores for the next symbol are infinite; has its training diverged"):
        model.sample(2, prompt="h")


def test_a_temperature_near_0_draws_like_0():
    choice = Choice.checked(5e-324, None, None)
    assert {choice.draw(np.array([-1.0, 2.0, -np.inf]), np.random.default_rng(0)) for _ in range(5)} == {1}
