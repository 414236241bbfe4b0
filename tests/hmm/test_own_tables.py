"""Chains whose sequences have transitions of their own: each is as if alone."""

import numpy as np
import pytest
from hmm.enumeration import FINITE, INF, chains, log_sum, paths, state_posterior
from hypothesis import given
from hypothesis import strategies as st
from oracles import oracle

import tinyseq as ts
from tinyseq.hmm import best_score, chain, log_partition
from tinyseq.hmm.inference.passes import dispatch
from tinyseq.hmm.inference.semirings import COUNT, LOG, MAX, SUM_PRODUCT, Entropy, Expectation, KBest, Sample


@st.composite
def batches(draw, values=None):
    """A ragged batch, and transitions (T - n + 1, B, K, ...), or (1, B, K, ...)."""
    scores, lengths = draw(chains(values, batch=True, varying=True))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps = 1 if draw(st.booleans()) else scores.transition.shape[0]
    states, size = scores.emission.shape[2], len(lengths)
    own = rng.normal(size=(steps, size, *(states,) * scores.order))
    if values is None:
        own = np.where(rng.random(own.shape) < 0.15, -INF, own)
    return scores._replace(transition=own), lengths


def alone(scores, b, length):
    """One sequence, with what is its own."""
    table = scores.transition[:, b]
    return scores.alone(b, length)._replace(transition=table[0] if len(table) == 1 else table)


@given(batches())
def test_every_semiring_gives_what_enumeration_gives(case):
    scores, lengths = case
    found = {
        ring.name: chain(*scores, semiring=ring, lengths=lengths).numpy()
        for ring in (LOG, MAX, COUNT, KBest(2), Entropy())
    }
    odds = (tuple(map(np.exp, scores.initial)), *(None if p is None else np.exp(p) for p in scores[1:]))
    found["sum-product"] = chain(*odds, semiring=SUM_PRODUCT, lengths=lengths).numpy()
    drawn = chain(*scores, semiring=Sample(np.random.default_rng(0)), lengths=lengths).numpy()
    for b, length in enumerate(lengths):
        values = sorted(paths(alone(scores, b, length)).values(), reverse=True)
        np.testing.assert_allclose(found["log"][b], log_sum(values), rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(drawn[b], log_sum(values), rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(found["sum-product"][b], np.exp(log_sum(values)), rtol=1e-9, atol=1e-300)
        assert found["max"][b] == values[0]
        assert found["count"][b] == sum(value > -INF for value in values)
        np.testing.assert_allclose(found["2-best"][:, b], [*values, -INF][:2], rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(log_partition(*scores, lengths=lengths).numpy(), found["log"], rtol=1e-11, atol=1e-11)
    np.testing.assert_array_equal(best_score(*scores, lengths=lengths).numpy(), found["max"])


@given(batches())
def test_gradients_are_those_of_each_sequence_alone(case):
    scores, lengths = case
    weight = np.arange(1.0, len(lengths) + 1)
    for fast, ring in ((log_partition, LOG), (best_score, MAX)):
        slopes = []
        for run in (fast, lambda *a, ring=ring, **k: chain(*a, semiring=ring, **k)):
            parts = [ts.tensor(p, requires_grad=True) for p in (*scores.initial, *scores[1:3])]
            end = None if scores.end is None else ts.tensor(scores.end, requires_grad=True)
            total = run(tuple(parts[: scores.order - 1]), *parts[scores.order - 1 :], end, lengths=lengths)
            leaves = [*parts, *([] if end is None else [end])]
            wanted = (total * weight).sum()
            slopes.append([np.zeros(p.shape) for p in leaves] if not wanted.requires_grad else None)
            if slopes[-1] is None:
                wanted.backward()
                slopes[-1] = [np.zeros(p.shape) if p.grad is None else p.grad.numpy() for p in leaves]
        for one, other in zip(*slopes, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-9)
        if ring is LOG:
            for b, length in enumerate(lengths):
                if log_sum(paths(alone(scores, b, length)).values()) > -INF:
                    posterior = slopes[0][scores.order][:length, b] / weight[b]
                    np.testing.assert_allclose(posterior, state_posterior(alone(scores, b, length)), atol=1e-9)


@given(batches(FINITE))
def test_second_derivatives_are_those_of_the_readable_chain(case):
    scores, lengths = case
    found = []
    for run in (log_partition, lambda *a, **k: chain(*a, semiring=LOG, **k)):
        own = ts.tensor(scores.transition, requires_grad=True)
        total = (run(scores.initial, own, *scores[2:], lengths=lengths) ** 2).sum()
        if not total.requires_grad:
            return
        slope = ts.grad(total, own, create_graph=True)
        found.append(ts.grad((slope**2).sum(), own).numpy() if slope.requires_grad else np.zeros(own.shape))
    np.testing.assert_allclose(*found, rtol=1e-7, atol=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_expectation_takes_pairs_of_each_sequence(seed):
    rng = np.random.default_rng(seed)
    initial, own, emission = rng.normal(size=(2, 3)), rng.normal(size=(3, 2, 2, 3, 3)), rng.normal(size=(4, 2, 2, 3))
    found = chain(initial, own, emission, semiring=Expectation(), lengths=[4, 2]).numpy()
    for b, length in enumerate((4, 2)):
        one = chain(initial, own[:, :, b], emission[:length, :, b], semiring=Expectation()).numpy()
        np.testing.assert_allclose(found[:, b], one, rtol=1e-12)


def test_many_sequences_are_walked_in_pieces_and_none_is_mixed_up(monkeypatch):
    rng = np.random.default_rng(0)
    scores = (rng.normal(size=3), rng.normal(size=(6, 9, 3, 3)), rng.normal(size=(7, 9, 3)))
    lengths = [7, 1, 3, 0, 7, 2, 5, 6, 4]

    def slopes():
        parts = [ts.tensor(p, requires_grad=True) for p in scores]
        (log_partition(*parts, lengths=lengths) * np.arange(9.0)).sum().backward()
        return [p.grad.numpy() for p in parts]

    wanted, best = slopes(), best_score(*scores, lengths=lengths).numpy()
    monkeypatch.setattr(dispatch, "TERMS", 20)
    for found, one in zip(slopes(), wanted, strict=True):
        np.testing.assert_allclose(found, one, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(best_score(*scores, lengths=lengths).numpy(), best)


def test_pytorch_by_brute_force():
    torch = oracle("torch")
    rng = np.random.default_rng(1)
    initial, own, emission = rng.normal(size=2), rng.normal(size=(3, 3, 2, 2)), rng.normal(size=(4, 3, 2))
    t = [torch.tensor(part, requires_grad=True) for part in (initial, own, emission)]
    terms = []
    for number in range(16):
        path = [number >> i & 1 for i in range(4)]
        score = t[0][path[0]] + sum(t[2][i, :, path[i]] for i in range(4))
        terms.append(score + sum(t[1][i, :, path[i], path[i + 1]] for i in range(3)))
    torch.logsumexp(torch.stack(terms), 0).prod().backward()
    ours = [ts.tensor(part, requires_grad=True) for part in (initial, own, emission)]
    total = log_partition(*ours)
    (total[0] * total[1] * total[2]).backward()
    for found, wanted in zip(ours, t, strict=True):
        np.testing.assert_allclose(found.grad.numpy(), wanted.grad.numpy(), rtol=1e-10)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((2, 3, 2, 2), r"transition has shape \(2, 3, 2, 2\), so 2 tables, but 4 observations need 3"),
        ((3, 2, 2, 2), r"transition must have shape \(3, 3, 2, 2\) to go with 2 states, got \(3, 2, 2, 2\)"),
        ((1, 3, 2, 3), r"transition must have shape \(1, 3, 2, 2\)"),
        ((3, 2, 3), r"transition must have shape \(3, 2, 2\)"),
    ],
)
@pytest.mark.parametrize("run", [chain, log_partition, best_score])
def test_errors_name_the_shapes(run, shape, words):
    with pytest.raises(ValueError, match=words):
        run(np.zeros(2), np.zeros(shape), np.zeros((4, 3, 2)))


def test_one_table_for_each_sequence_says_how_it_is_written():
    with pytest.raises(ValueError, match=r"\(2, 3, 3\), so 2 tables, .*; transition\[None\] is one table"):
        chain(np.zeros(3), np.zeros((2, 3, 3)), np.zeros((4, 2, 3)))
    with pytest.raises(ValueError, match=r"transition must have shape \(2, 2\)"):
        chain(np.zeros(2), np.zeros((3, 1, 2, 2)), np.zeros((4, 2)))  # a single sequence has no batch axis
