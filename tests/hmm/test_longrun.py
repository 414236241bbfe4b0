"""Where a chain is in the long run, and for how long."""

import numpy as np
import pytest
from hmm.models import random_model
from hypothesis import given
from hypothesis import strategies as st

from tinyseq.hmm import HMM


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3, 4]), st.integers(1, 3))
def test_a_step_leaves_the_shares_as_they_are(seed, order, states):
    """The shares are those after very many steps from any history."""
    model = random_model(np.random.default_rng(seed), states, 2, order)
    history = np.zeros((states,) * (order - 1))
    history[(0,) * (order - 1)] = 1.0
    marginals = []
    for _ in range(4000):
        history = (history[..., None] * model.transition).sum(axis=0)
        marginals.append(history.sum(axis=tuple(range(order - 2))))
    wanted = np.mean(marginals[-400:], axis=0)  # a chain that nearly alternates goes round for long
    np.testing.assert_allclose(model.stationary(), wanted, atol=1e-3)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_durations_are_the_mean_lengths_of_runs(order):
    rng = np.random.default_rng(order)
    model = random_model(rng, 3, 2, order)
    path = np.asarray(model.sample(60_000, rng).states)
    starts = np.flatnonzero(np.diff(path, prepend=-1))
    lengths = np.diff(np.append(starts, len(path)))
    wanted = [lengths[path[starts] == k].mean() for k in range(3)]
    np.testing.assert_allclose(model.expected_durations(), wanted, rtol=0.05)
    np.testing.assert_allclose(model.stationary(), np.bincount(path) / len(path), atol=0.02)


def test_a_pair_of_states_by_hand():
    model = HMM([0.5, 0.5], [[0.75, 0.25], [0.5, 0.5]], [[1.0], [1.0]])
    np.testing.assert_allclose(model.stationary(), [2 / 3, 1 / 3])
    np.testing.assert_allclose(model.expected_durations(), [4, 2])
    absorbing = HMM([1, 0], [[0.75, 0.25], [0, 1]], [[1.0], [1.0]])
    np.testing.assert_allclose(absorbing.stationary(), [0, 1], atol=1e-12)
    assert absorbing.expected_durations().tolist() == [4, np.inf]
    alternating = HMM([1, 0], [[0, 1], [1, 0]], [[1.0], [1.0]])
    np.testing.assert_allclose(alternating.stationary(), [0.5, 0.5])


@given(st.lists(st.tuples(st.floats(0.1, 1), st.sampled_from([0, 1, 8, 13, 17, 290])), min_size=6, max_size=6))
def test_the_long_run_has_all_its_digits_however_rare_the_changes_are(parts):
    """A share is the sum of the products of the ways from both other states (the Markov chain tree theorem)."""
    way = np.zeros((3, 3))
    way[~np.eye(3, dtype=bool)] = [0.3 * digits * 10.0**-power for digits, power in parts]
    model = HMM([1, 0, 0], way + np.diag(1 - way.sum(axis=1)), np.ones((3, 1)))
    logs = np.log(way + np.eye(3))
    trees = np.zeros(3)
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        ways = logs[i, k] + logs[j, k], logs[i, k] + logs[j, i], logs[i, j] + logs[j, k]
        trees[k] = np.logaddexp.reduce(ways)
    np.testing.assert_allclose(model.stationary(), np.exp(trees - np.logaddexp.reduce(trees)), rtol=1e-11)
    np.testing.assert_allclose(model.expected_durations(), 1 / way.sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(model.durations(1).probabilities[:, 0], way.sum(axis=1), rtol=1e-12)


def test_shares_beyond_the_range_of_floating_point_are_zero_beside_the_others():
    tiny = 1e-200  # of leaving a state for the one before it: the first one's share is 4e-400
    model = HMM([1, 0, 0], [[0.5, 0.5, 0], [tiny, 0.5, 0.5], [0, tiny, 1]], np.ones((3, 1)))
    np.testing.assert_allclose(model.stationary(), [0, 2 * tiny, 1], rtol=1e-12)


def test_a_chain_that_stops_ever_so_rarely_has_no_long_run():
    with pytest.raises(ValueError, match="a chain that stops"):
        HMM([0.5, 0.5], np.full((2, 2), 0.5 - 5e-8), [[1.0], [1.0]], end=[1e-7, 1e-7]).stationary()


def test_a_long_run_that_numbers_cannot_hold_is_refused():
    tiny = 1e-200
    model = HMM([1, 0, 0], [[1, tiny, 0], [0, 1, tiny], [tiny, 1, 0]], np.ones((3, 1)))
    with pytest.raises(ValueError, match="transition has probabilities so small that products of several are 0"):
        model.stationary()


def test_without_one_long_run_it_says_so():
    with pytest.raises(ValueError, match="several stationary distributions"):
        HMM([0.5, 0.5], np.eye(2), [[1.0], [1.0]]).stationary()
    with pytest.raises(ValueError, match="every row must sum to 1"):
        HMM([0.5, 0.5], [[0.4, 0.5], [0.4, 0.5]], [[1.0], [1.0]], end=[0.1, 0.1]).stationary()
    varying = HMM([0.5, 0.5], [np.eye(2)] * 3, [[1.0], [1.0]])
    for ask in (varying.stationary, varying.expected_durations):
        with pytest.raises(ValueError, match="vary with time, for up to 4 steps"):
            ask()
