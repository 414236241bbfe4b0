"""Queries of a model in single precision are as exact as its tables, however long the sequence is."""

import numpy as np
import pytest
from hmm.models import random_data, random_model

import tinyseq as ts
from tinyseq.hmm import HMM, chain, log_partition, path_divergence
from tinyseq.hmm.inference.semirings import LOG, MAX, Entropy, KBest

TOLERANCE = 32 * np.finfo(np.float32).eps


def in_dtype(model, dtype):
    """The same model, its numbers rounded to single precision, in a dtype."""
    initial = model.initial if isinstance(model.initial, tuple) else (model.initial,)
    tables = [np.asarray(table, np.float32).astype(dtype) for table in (*initial, model.transition, model.emission)]
    end = None if model.end is None else np.asarray(model.end, np.float32).astype(dtype)
    return HMM(tuple(tables[:-2]), *tables[-2:], end=end)


def likelihood(model, x):
    return model.log_likelihood(x)


def viterbi(model, x):
    return model.viterbi(x).log_prob


def kbest(model, x):
    return [found.log_prob for found in model.kbest(x, 3)]


def entropy(model, x):
    return model.entropy(x)


def divergence(model, x):
    left = 1.0 if model.end is None else 1 - model.end[:, None]
    uniform = np.ones_like(model.transition) / len(model.states) * left
    initial = model.initial if isinstance(model.initial, tuple) else (model.initial,)
    return path_divergence(model, HMM(initial, uniform, model.emission, end=model.end), x).cross_entropy


def states(model, x):
    return model.posterior(x).states


def transitions(model, x):
    return model.posterior(x).transitions.sum(axis=0)


def filtered(model, x):
    return model.filter(x)


@pytest.mark.parametrize(
    "query", [likelihood, viterbi, kbest, entropy, divergence, states, transitions, filtered], ids=lambda f: f.__name__
)
@pytest.mark.parametrize(("order", "end", "length"), [(2, False, 500), (2, True, 300), (3, False, 300)])
def test_single_precision_loses_nothing_over_long_sequences(query, order, end, length):
    rng = np.random.default_rng(order)
    model = random_model(rng, 3, 4, order, end=end)
    (x,) = random_data(rng, 4, [length])
    found, wanted = (np.asarray(query(in_dtype(model, dtype), x), float) for dtype in (np.float32, np.float64))
    np.testing.assert_allclose(found, wanted, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("length", [100, 3000])
def test_the_entropy_of_fair_coins_is_their_number_in_bits(dtype, length):
    half = np.full((2, 2), 0.5, dtype)
    found = HMM(half[0], half, half).entropy([np.zeros(length, int)])
    assert found.dtype == dtype
    np.testing.assert_allclose(found / (length * np.log(2)), 1.0, rtol=2 * np.finfo(dtype).eps + 1e-12)


SUMS = {
    "log": lambda *parts: chain(*parts, semiring=LOG),
    "max": lambda *parts: chain(*parts, semiring=MAX),
    "3 best": lambda *parts: chain(*parts, semiring=KBest(3)),
    "entropy": lambda *parts: chain(*parts, semiring=Entropy()),
    "log_partition": log_partition,
}


@pytest.mark.parametrize("name", SUMS)
def test_sums_over_paths_of_scores_in_single_precision_lose_nothing_over_long_sequences(name):
    rng = np.random.default_rng(0)
    scores = [np.log(rng.dirichlet(np.ones(3), size)) for size in ((), 3, 1500)]
    found = {}
    for dtype in (np.float32, np.float64):
        leaves = [ts.tensor(part.astype(np.float32).astype(dtype), requires_grad=True) for part in scores]
        y = SUMS[name](*leaves)
        y.backward(ts.ones(*y.shape, dtype=dtype))
        found[dtype] = [y.numpy(), *(leaf.grad.numpy() for leaf in leaves)]
    for short, long in zip(*found.values(), strict=True):
        assert short.dtype == np.float32
        np.testing.assert_allclose(short, long, rtol=TOLERANCE, atol=TOLERANCE * np.abs(long).max())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_likelihood_step_by_step_of_a_crf_has_the_gradients_of_the_fast_one(dtype):
    rng = np.random.default_rng(0)
    crf = ts.nn.CRF(4).to(dtype)
    scores, tags = rng.normal(size=(1500, 4)).astype(dtype), rng.integers(4, size=1500)
    found = []
    for by_step in (False, True):
        crf.zero_grad()
        leaf = ts.tensor(scores, requires_grad=True)
        crf.log_likelihood(leaf, tags, by_step=by_step).backward()
        found.append([leaf.grad.numpy(), *(p.grad.numpy() for p in crf.parameters())])
    for fast, slow in zip(*found, strict=True):
        near = 32 * np.finfo(dtype).eps if dtype == np.float32 else 1e-11
        np.testing.assert_allclose(slow, fast, atol=near * np.abs(fast).max())
