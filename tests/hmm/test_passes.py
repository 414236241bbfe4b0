"""The fast passes equal the enumeration of paths and the readable recurrence."""

import numpy as np
import pytest
from hmm.enumeration import chains, log_sum, paths, ranked, state_posterior, transition_posterior
from hypothesis import assume, given
from hypothesis import strategies as st

from tinyseq.hmm.inference.passes.algebras import LogSpace, lowest_best
from tinyseq.hmm.inference.passes.batching import Ragged
from tinyseq.hmm.inference.passes.dispatch import best_paths, expectations, log_likelihood
from tinyseq.hmm.inference.passes.scaled import Scaled
from tinyseq.hmm.inference.passes.score_tables import Arcs, Scores, Table

INF = np.inf


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-11)  # scores of -10,000 leave 12 digits


def flat(scores, lengths):
    """The chain as the passes take it: rows of all sequences, one sequence after the other."""
    rows = np.concatenate([scores.emission[:length, b] for b, length in enumerate(lengths)])
    return Arcs.of(scores.initial, scores.transition, scores.end), Scores.dense(rows), Ragged(lengths)


def alone(scores, b, length):
    one = scores.alone(b, length)
    if scores.transition.ndim > scores.order:
        one = one._replace(transition=scores.transition[: max(length - scores.order + 1, 0)])
    return one


def log_space(arcs, rows, batch):
    """The log-likelihoods, computed in logs."""
    passes = LogSpace(arcs, rows)
    return passes.log_likelihood(passes.forward(batch))


@given(chains(batch=True))
def test_log_likelihood_is_the_sum_over_all_paths(scores_lengths):
    scores, lengths = scores_lengths
    wanted = [log_sum(paths(alone(scores, b, n)).values()) for b, n in enumerate(lengths)]
    close(log_likelihood(*flat(scores, lengths)), wanted)


@given(chains(batch=True))
def test_viterbi_finds_the_best_path_and_ties_go_to_the_lowest_state(scores_lengths):
    scores, lengths = scores_lengths
    path, best = best_paths(*flat(scores, lengths))
    for b, found in enumerate(np.split(path, np.cumsum(lengths)[:-1])):
        every = paths(alone(scores, b, lengths[b]))
        assert best[b] == max(every.values())
        if best[b] > -INF:
            assert tuple(found.tolist()) == ranked(every)[0]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("states", [1, 2, 3, 17, 40, 41, 100])
def test_the_best_state_is_the_lowest_of_equally_good_ones(states, dtype):
    rng = np.random.default_rng(states)
    scores = rng.integers(-3, 1, (states, 500)).astype(dtype)
    scores[scores == -3] = -INF
    scores[:, 7] = -INF
    found = lowest_best(scores)
    np.testing.assert_array_equal(found, np.argmax(scores, axis=0))
    assert found.dtype == np.intp


@pytest.mark.parametrize("way", [Scaled, LogSpace, None], ids=["scaled", "exact", "chosen"])
@given(scores_lengths=chains(batch=True))
def test_posteriors_and_counts_are_those_of_all_paths(scores_lengths, way):
    scores, lengths = scores_lengths
    arcs, rows, batch = flat(scores, lengths)
    if way is None:
        found = expectations(arcs, rows, batch)
        states, counts = found.states, found.counts
    else:
        states, counts = np.zeros((batch.count, len(arcs.end))), [np.zeros(table.shape) for table in arcs.tables]
        passes = way(arcs, rows)
        done = passes.forward(batch)
        assume(not done.unsafe.any())
        passes.backward(done, np.ones(len(lengths)), states, counts)
    wanted = [state_posterior(alone(scores, b, n)) for b, n in enumerate(lengths)]
    close(states, np.concatenate(wanted))
    if scores.transition.ndim == scores.order:
        pairs = sum(transition_posterior(alone(scores, b, n)).sum(axis=0) for b, n in enumerate(lengths))
        close(counts[-1].reshape(scores.transition.shape), pairs)
    close(counts[0].reshape(-1), sum((part[0] for part in wanted if len(part)), np.zeros(arcs.end.shape)))


def hard(kind, rng):
    """Chains whose probabilities span far more than a float64."""
    emission, transition, initial = rng.normal(size=(40, 3)), rng.normal(size=(3, 3)), np.zeros(3)
    if kind == "scale 100":
        emission, transition = 100 * emission, 100 * transition
    elif kind == "1e-300 in the transition":
        transition[0, 1] = np.log(1e-300)
    elif kind == "arcs lost in a float":
        transition[:, 1] = -1e4  # and into state 1 lead no others, which alone can make the last observation
        emission[-1, [0, 2]] = -INF
    elif kind == "left to right":
        transition[np.tril_indices(3, -1)] = -INF
        emission[:, 0] -= 60 * np.arange(40)
        initial = np.array([0.0, -INF, -INF])
    elif kind == "a long uniform sequence":
        initial, transition, emission = np.zeros(3), np.zeros((3, 3)), np.zeros((3000, 3))
    elif kind == "the likely die late":
        # State 0 leads by e^900 until the last observation, which it cannot make.
        transition = np.where(np.eye(3, dtype=bool), 0.0, -INF)
        emission = np.zeros((40, 3))
        emission[:, 1:] = -25.0
        emission[-1, 0] = -INF
    return initial, transition, emission


@pytest.mark.parametrize(
    "kind",
    [
        "scale 100",
        "1e-300 in the transition",
        "arcs lost in a float",
        "left to right",
        "the likely die late",
        "a long uniform sequence",
        "plain",
    ],
)
def test_no_spread_of_probabilities_is_too_large(kind):
    initial, transition, emission = hard(kind, np.random.default_rng(0))
    arcs, rows, batch = Arcs.of((initial,), transition, None), Scores.dense(emission), Ragged([len(emission)])
    slow = LogSpace(arcs, rows)
    done = slow.forward(batch)
    wanted = slow.log_likelihood(done)
    states, counts = np.zeros_like(emission), [np.zeros(table.shape) for table in arcs.tables]
    slow.backward(done, np.ones(1), states, counts)
    found = expectations(arcs, rows, batch)
    np.testing.assert_allclose(found.log_likelihood, wanted, rtol=1e-12)
    np.testing.assert_allclose(log_likelihood(arcs, rows, batch), wanted, rtol=1e-12)
    assert np.isfinite(found.log_likelihood).all()
    np.testing.assert_allclose(found.states, states, atol=1e-11)
    np.testing.assert_allclose(found.states.sum(axis=1), 1, rtol=1e-9)
    np.testing.assert_allclose(found.counts[1], counts[1], atol=1e-9)


def test_an_impossible_history_does_not_grow_into_the_answer():
    # State 1 cannot be reached, but if it could, it would explain everything far better: 1e3000 times over.
    steps = 1000
    emission = np.stack([np.full(steps, np.log(1e-3)), np.zeros(steps)], axis=1)
    arcs = Arcs.of((np.array([0.0, -INF]),), np.array([[0.0, -INF], [-INF, 0.0]]), None)
    found = expectations(arcs, Scores.dense(emission), Ragged([steps]))
    np.testing.assert_allclose(found.states, np.eye(2)[np.zeros(steps, dtype=int)], rtol=1e-12)
    np.testing.assert_allclose(found.log_likelihood, steps * np.log(1e-3))


def test_arcs_lost_in_a_float_are_missed_only_where_they_make_no_difference():
    """A mask of -1e4 is no -inf: sentences that cannot do without a masked arc are computed in logs, others fast."""
    rng = np.random.default_rng(1)
    transition, emission = rng.normal(size=(3, 3)), rng.normal(size=(6, 3))
    transition[0, 1] = transition[2, 1] = -1e4
    emission[5, [0, 2]] = -INF  # the second sequence ends in state 1, and starts elsewhere
    emission[3:5, 1] = -INF
    arcs, rows, batch = Arcs.of((np.zeros(3),), transition, None), Scores.dense(emission), Ragged([3, 3])
    assert Scaled(arcs, rows).forward(batch).unsafe.tolist() == [False, True]
    wanted = log_space(arcs, rows, batch)
    assert wanted[1] < -9990
    np.testing.assert_allclose(log_likelihood(arcs, rows, batch), wanted, rtol=1e-12)
    found = expectations(arcs, rows, batch)
    np.testing.assert_allclose(found.states.sum(axis=1), 1, rtol=1e-12)
    assert found.counts[1][[0, 2], 0, 1].sum() == pytest.approx(1)


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3, 4]), st.sampled_from([1, 60, 1000, 20_000]))
def test_a_chain_that_mixes_needs_no_logs_however_far_its_scores_are_apart(seed, order, scale):
    rng = np.random.default_rng(seed)
    lengths = [40, 0, 1, 7]
    initial = tuple(rng.normal(size=(3,) * (i + 1)) for i in range(order - 1))
    transition, emission = rng.normal(size=(3,) * order), scale * rng.normal(size=(48, 3))
    arcs, rows, batch = Arcs.of(initial, transition, rng.normal(size=3)), Scores.dense(emission), Ragged(lengths)
    fast, slow = Scaled(arcs, rows), LogSpace(arcs, rows)
    assert fast.mixes
    done = fast.forward(batch)
    assert not done.unsafe.any()
    found, wanted = ((np.zeros_like(emission), [np.zeros(table.shape) for table in arcs.tables]) for _ in range(2))
    fast.backward(done, np.ones(4), *found)
    sure = slow.forward(batch)
    slow.backward(sure, np.ones(4), *wanted)
    np.testing.assert_allclose(fast.log_likelihood(done), slow.log_likelihood(sure), rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(found[0], wanted[0], atol=1e-9)
    for one, other in zip(found[1], wanted[1], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-8)


@pytest.mark.parametrize("score", [-100.0, -400.0, -800.0, -1e5])
def test_a_chain_that_mixes_may_begin_where_its_observation_is_next_to_impossible(score):
    """Only state 0 can be the first, and state 1 explains the first observation far better."""
    arcs = Arcs.of((np.array([0.0, -INF]),), np.log([[0.5, 0.5], [0.3, 0.7]]), None)
    emission = np.array([[score, 0.0], [0.0, 0.0], [0.0, 0.0]])
    for steps in (1, 3):
        rows, batch = Scores.dense(emission[:steps]), Ragged([steps])
        assert log_likelihood(arcs, rows, batch)[0] == pytest.approx(score, rel=1e-12)
        found = expectations(arcs, rows, batch)
        np.testing.assert_allclose(found.states[0], [1, 0], atol=1e-12)
        np.testing.assert_allclose(found.states.sum(axis=1), 1)


def test_what_was_next_to_nothing_is_noticed_before_it_is_scaled_up():
    """Numbers below 1e-308 have few digits, which dividing by the largest of them does not bring back."""
    transition = np.log([[0.5, 0.3, 0.2], [0.3, 0.4, 0.3], [0.2, 0.2, 0.6]])
    arcs = Arcs.of((np.array([np.log(0.5), np.log(0.5), -INF]),), transition, None)
    emission = np.zeros((400, 3))
    emission[0] = [-742.0, -741.0, 0.0]  # state 2 explains it best, and cannot be the first
    rows, batch = Scores.dense(emission), Ragged([400])
    assert Scaled(arcs, rows).mixes
    wanted = log_space(arcs, rows, batch)
    np.testing.assert_allclose(log_likelihood(arcs, rows, batch), wanted, rtol=1e-12)


def test_a_lost_arc_that_makes_the_fifth_digit_is_not_missed():
    """Two ways to the end: one of two arcs of e^-370, and one of an arc of e^-750, which no float can hold."""
    transition = np.full((4, 4), -INF)
    transition[0, 1] = transition[1, 2] = -370.0
    transition[0, 3], transition[3, 2], transition[2, 0] = -750.0, 0.0, 0.0
    arcs = Arcs.of((np.array([0.0, -INF, -INF, -INF]),), transition, None)
    emission = np.array([[0.0, -INF, -INF, -INF], [-INF, 0.0, -INF, 0.0], [-INF, -INF, 0.0, -INF]])
    found = log_likelihood(arcs, Scores.dense(emission), Ragged([3]))
    np.testing.assert_allclose(found, np.logaddexp(-740.0, -750.0), rtol=1e-12)


def test_symbols_whose_probabilities_are_lost_in_a_float_are_not_missed():
    logs = np.array([[-1000.0, 0.0], [0.0, 0.0]])
    table, ids = Table(logs), np.array([0, 1, 0])
    arcs = Arcs.of((np.array([0.0, -INF]),), np.array([[0.0, -INF], [-INF, 0.0]]), None)
    assert log_likelihood(arcs, Scores(table, ids), Ragged([3])).tolist() == [-2000.0]
