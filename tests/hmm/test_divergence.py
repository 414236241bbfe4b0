"""Divergences against enumeration of all paths and of all observations."""

from itertools import product

import numpy as np
import pytest
from hmm.enumeration import paths
from hmm.models import SEQUENCES, enumerated, models, random_model
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyseq.hmm import (
    HMM,
    Gaussian,
    ImpossibleSequenceError,
    divergence_rate,
    path_divergence,
    sampled_divergence,
)

INF = np.inf


def distribution(model, x, known=None):
    scores = paths(enumerated(model, x, known))
    values = np.array(list(scores.values()))
    with np.errstate(divide="ignore", invalid="ignore"):
        top = values.max()
        return values - (top + np.log(np.exp(values - top).sum()))


def by_hand(log_p, log_q):
    used = log_p > -INF
    p = np.exp(log_p[used])
    if (log_q[used] == -INF).any():
        return INF, INF
    return (p * (log_p[used] - log_q[used])).sum(), -(p * log_q[used]).sum()


@given(models(orders=(2, 3)), models(orders=(2, 3)), SEQUENCES)
@settings(max_examples=30, deadline=None)
def test_paths_diverge_as_enumeration_says(p, q, sequences):
    if len(p.states) != len(q.states):
        with pytest.raises(ValueError, match=f"p has {len(p.states)} states, but q has {len(q.states)}"):
            path_divergence(p, q, sequences)
        return
    possible = [x for x in sequences if p.log_likelihood(x) > -INF]
    if len(possible) < len(sequences):
        with pytest.raises(ImpossibleSequenceError):
            path_divergence(p, q, sequences)
    if not possible:  # an empty list is one empty sequence
        return
    found = path_divergence(p, q, possible)
    assert found.kl.shape == found.cross_entropy.shape == (len(possible),)
    for x, kl, cross in zip(possible, *found, strict=True):
        if q.log_likelihood(x) == -INF:
            assert kl == cross == INF
            continue
        wanted = by_hand(distribution(p, x), distribution(q, x))
        np.testing.assert_allclose((kl, cross), wanted, rtol=1e-9, atol=1e-9)
        one = path_divergence(p, q, x)
        np.testing.assert_allclose((one.kl, one.cross_entropy), (kl, cross), rtol=1e-9, atol=1e-12)


def test_known_states_take_part():
    rng = np.random.default_rng(0)
    p, q = (random_model(rng, 2, 4, states="ab", symbols="xyzw") for _ in range(2))
    known = [None, {"a"}, None]
    wanted = by_hand(*(distribution(m, "xyz", known) for m in (p, q)))
    found = path_divergence(p, q, "xyz", known)
    np.testing.assert_allclose((found.kl, found.cross_entropy), wanted, rtol=1e-9)
    with pytest.raises(ImpossibleSequenceError):
        path_divergence(HMM([1, 0], np.eye(2), np.eye(2)), HMM([1, 0], np.eye(2), np.eye(2)), [1])


def settled(model):
    """The model begun in its long run, by many steps of its chain."""
    shares = np.full(model.transition.shape[:-1], 1.0 / model.transition.shape[0] ** (model.n - 1))
    for _ in range(3000):
        shares = (shares[..., None] * model.transition).sum(axis=0)
    tables = []
    for known in range(1, model.n):
        joint = shares.sum(axis=tuple(range(known, model.n - 1)))
        tables.append(joint / joint.sum(axis=-1, keepdims=True))
    return HMM(tuple(tables), model.transition, model.emission)


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3, 4]), st.sampled_from([2, 3, 4]))
@settings(max_examples=15, deadline=None)
def test_the_rate_is_the_gain_per_step_of_long_chains(seed, n, other):
    rng = np.random.default_rng(seed)
    p, q = random_model(rng, 2, 2, n), random_model(rng, 2, 2, other)
    found = divergence_rate(p, q)
    shorter, longer = (path_divergence(settled(p), q, [None] * steps) for steps in (5, 6))
    np.testing.assert_allclose(found.kl, longer.kl - shorter.kl, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.cross_entropy, longer.cross_entropy - shorter.cross_entropy, rtol=1e-6, atol=1e-9)
    itself = divergence_rate(p, p)
    assert itself.kl == pytest.approx(0, abs=1e-12)
    assert itself.cross_entropy > -1e-12


def test_what_q_rules_out_is_infinitely_far():
    p = HMM([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]])
    q = HMM([0.5, 0.5], [[1.0, 0.0], [0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]])
    assert divergence_rate(p, q) == (INF, INF)
    assert path_divergence(p, q, [None, None]) == (INF, INF)
    assert path_divergence(p, q, [0]).kl == 0
    assert np.isfinite(divergence_rate(q, p).kl)
    # An arc that p cannot use in the end does not count: here p must end in state 1.
    ends = HMM([0.5, 0.5], [[0.5, 0.5], [0.0, 0.5]], [[1.0], [1.0]], end=[0.0, 0.5])
    rules = HMM([0.5, 0.5], [[0.0, 1.0], [0.0, 0.5]], [[1.0], [1.0]], end=[0.0, 0.5])
    assert path_divergence(ends, rules, [0, 0]).kl < INF
    assert path_divergence(ends, rules, [0, 0, 0]).kl == INF


@pytest.mark.parametrize(("n", "other"), [(2, 2), (3, 2)])
def test_draws_estimate_what_enumeration_of_all_observations_gives(n, other):
    rng = np.random.default_rng(3)
    p, q = random_model(rng, 3, 2, n), random_model(rng, 2, 2, other)  # of different states
    data = [list(x) for x in product(range(2), repeat=4)]
    log_p, log_q = p.log_likelihood(data), q.log_likelihood(data)
    wanted = by_hand(log_p, log_q)
    found = sampled_divergence(p, q, 4, samples=1500, rng=0)
    assert abs(found.kl - wanted[0]) < 4 * found.kl_error
    assert abs(found.cross_entropy - wanted[1]) < 4 * found.cross_entropy_error
    spread = np.sqrt((np.exp(log_p) * (log_p - log_q - wanted[0]) ** 2).sum() / 1500)
    assert found.kl_error == pytest.approx(spread, rel=0.15)
    assert sampled_divergence(p, p, 4, samples=2, rng=0)[:1] == (0.0,)
    with pytest.raises(ValueError, match="samples"):
        sampled_divergence(p, q, 4, samples=1)


@pytest.mark.parametrize("stops", [(True, True), (True, False), (False, True)])
def test_with_ends_a_length_is_a_condition_of_both_distributions(stops):
    """How likely a sequence of this length is depends on where it ends, which says nothing about the divergence."""
    rng, ends = np.random.default_rng(5), [np.array([0.9, 0.05]), np.array([0.1, 0.6])]
    models = [random_model(rng, 2, 2) for _ in range(2)]
    for i, stop in enumerate(stops):
        if stop:
            parts = models[i].initial, models[i].transition * (1 - ends[i])[:, None], models[i].emission
            models[i] = HMM(*parts, end=ends[i])
    data = [list(x) for x in product(range(2), repeat=3)]
    logs = [model.log_likelihood(data) for model in models]
    wanted = by_hand(*(values - np.logaddexp.reduce(values) for values in logs))
    found = sampled_divergence(*models, 3, samples=3000, rng=0)
    assert abs(found.kl - wanted[0]) < 4 * found.kl_error
    assert abs(found.cross_entropy - wanted[1]) < 4 * found.cross_entropy_error


def test_a_length_that_no_sequence_has_is_refused():
    once = HMM([1.0], [[0.0]], [[0.5, 0.5]], end=[1.0])
    with pytest.raises(ValueError, match="no sequence of p has length=2"):
        sampled_divergence(once, once, 2)
    twice = HMM([1.0], [[1.0]], [[0.5, 0.5]])
    assert sampled_divergence(twice, once, 2, samples=2, rng=0).kl == INF


def test_densities_and_ends():
    p = HMM([1.0], [[0.5]], Gaussian([0.0], [1.0]), end=[0.5])
    q = HMM([1.0], [[0.5]], Gaussian([1.0], [1.0]), end=[0.5])
    found = sampled_divergence(p, q, samples=1000, rng=0)
    assert abs(found.kl - 2 * 0.5) < 4 * found.kl_error  # two steps on average, each half a nat
    never = HMM([1.0], [[0.0]], Gaussian([0.0], [1.0]), end=[1.0])
    assert sampled_divergence(p, never, samples=50, rng=0).kl == INF
    with pytest.raises(ValueError, match="stops"):
        divergence_rate(HMM([1.0], [[1.0]], Gaussian([0.0], [1.0])), q)
