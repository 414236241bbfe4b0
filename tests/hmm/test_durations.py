"""Durations against enumeration, simulation and closed forms."""

import operator

import numpy as np
import pytest
from hmm.models import random_model
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.hmm import HMM, observed_durations

ONE = [[1.0], [1.0]]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_single_states_last_geometrically(seed, end):
    model = random_model(np.random.default_rng(seed), 3, 1, zeros=0.2, end=end)
    found = model.durations(7)
    stay = np.diag(model.transition)
    np.testing.assert_allclose(found.probabilities, (1 - stay)[:, None] * stay[:, None] ** np.arange(7), atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(2, 4))
def test_semi_markov_states_last_as_their_table_says(seed, states, longest):
    rng = np.random.default_rng(seed)
    table = rng.dirichlet(np.ones(longest), states + 1)
    jumps = rng.random((states + 1, states + 1)) * (1 - np.eye(states + 1))
    jumps /= jumps.sum(axis=1, keepdims=True)
    model = HMM.semi_markov(rng.dirichlet(np.ones(states + 1)), jumps, table, np.ones((states + 1, 1)))
    found = model.durations(longest + 1, of=[name for name, _ in model.states])
    np.testing.assert_allclose(found.probabilities, np.c_[table, np.zeros(states + 1)], atol=1e-12)
    assert list(found.names) == list(range(states + 1))


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("grouped", [False, True])
def test_long_simulations_agree(n, grouped):
    rng = np.random.default_rng(n)
    model = random_model(rng, 3, 1, n)
    of = ["x", "x", "y"] if grouped else [0, 1, 2]
    path = np.array(of)[model.sample(20_000, rng).states]
    seen = observed_durations([path], 6)
    wanted = model.durations(6, of)
    for name, row, count in zip(seen.names, seen.probabilities, seen.stays, strict=True):
        exact = wanted.probabilities[list(wanted.names).index(name)]
        assert (np.abs(row - exact) < 5 * np.sqrt(exact * (1 - exact) / count) + 1e-9).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3]))
def test_means_are_the_expected_durations(seed, n):
    model = random_model(np.random.default_rng(seed), 3, 1, n)
    wanted = model.expected_durations()
    if wanted.max() < 30:
        found = model.durations(2000).probabilities
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
        np.testing.assert_allclose(found @ np.arange(1, 2001), wanted, rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3, 4]), st.booleans(), st.booleans())
def test_a_state_that_is_never_entered_again_lasts_as_from_the_start(seed, n, end, second):
    """State 0 is left for good, and state 1 is never left; with ``second``, all sequences begin in a state before."""
    rng = np.random.default_rng(seed)
    stay, stop = rng.uniform(0.1, 0.9, (10, *(3,) * n)), np.array([0.3, 0.0, 0.0]) if end else np.zeros(3)
    second = second and n == 4

    def table(i, known):
        """P(0), P(1) and P(2), by the last of the states before."""
        found = np.zeros((3,) * known + (3,))
        found[..., 0, 0] = (1 - stop[0]) * stay[(i, *(0,) * (n - known))][..., 0]
        found[..., 0, 1] = 1 - stop[0] - found[..., 0, 0]
        found[..., 1, 1] = found[..., 2, 0] = 1.0
        return found

    first = [0.0, 0.0, 1.0] if second else [1.0, 0.0, 0.0]
    tables = [np.array(first), *(table(known, known) for known in range(1, n))]
    model = HMM(tuple(tables[:-1]) if n > 2 else tables[0], tables[-1], np.ones((3, 1)), end=stop if end else None)
    lasting, history = [1.0], ((2, 0) if second else (0,))[: n - 1]
    for _ in range(60):
        lasting.append(lasting[-1] * tables[len(history)][(*history, 0)])
        history = (*history, 0)[-(n - 1) :]
    np.testing.assert_allclose(model.durations(60).probabilities[0], -np.diff(lasting), atol=1e-12)
    loop = model.transition[(0,) * n]
    expected = model.expected_durations()
    assert expected[0] == pytest.approx(sum(lasting[:60]) + lasting[60] / (1 - loop), rel=1e-9)
    assert expected[1] == np.inf


def test_a_row_of_states_is_a_negative_binomial():
    stay = 0.6
    model = HMM.left_to_right(np.ones((3, 1)), stay=stay, stop=True)
    found = model.durations(9, of=["word"] * 3).probabilities[0]
    d = np.arange(1, 10)
    ways = (d - 1) * (d - 2) / 2
    np.testing.assert_allclose(found, np.where(d >= 3, ways * (1 - stay) ** 3 * stay ** (d - 3.0), 0), atol=1e-12)


def test_runs_of_paths_are_counted():
    found = observed_durations([list("aabbbabb"), list("bab")])
    assert list(found.names) == ["a", "b"]
    assert found.stays.tolist() == [2, 1]
    assert found.probabilities.tolist() == [[1, 0, 0], [0, 0, 1]]
    everything = observed_durations(["aabbbabb", "bab"], cut=True, names="ba")
    assert everything.stays.tolist() == [4, 3]
    np.testing.assert_allclose(everything.probabilities, [[0.5, 0.25, 0.25], [2 / 3, 1 / 3, 0]])
    assert np.isnan(observed_durations([np.array([0, 1])]).probabilities).all()
    assert observed_durations([], names="a").stays.tolist() == [0]


@pytest.mark.parametrize("form", [list, ts.tensor, lambda path: path.astype("int8")], ids=["list", "tensor", "int8"])
def test_paths_may_be_arrays_of_any_kind(form):
    path = np.repeat([0, 1, 0, 1], [2, 3, 1, 2])
    found, wanted = observed_durations([form(path)]), observed_durations([path])
    assert list(found.names) == list(wanted.names) == [0, 1]
    np.testing.assert_array_equal(found.probabilities, wanted.probabilities)


def test_errors():
    model = HMM([0.5, 0.5], [[0.5, 0.5], [0.2, 0.8]], ONE)
    with pytest.raises(ValueError, match="of must name a group for each of 2 states, got 3"):
        model.durations(3, of="abc")
    assert model.durations(3, of=iter("ab")).names == ["a", "b"]  # type: ignore[arg-type]
    for wrong in (5, [["a"], ["b"]]):
        with pytest.raises(TypeError, match="of must be a list with the name"):
            model.durations(3, of=wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"pass \[path\] for a single one"):
        observed_durations([0, 0, 1])
    for single in ("abba", 3):  # letters are no paths of length 1
        with pytest.raises(TypeError, match=r"paths must be a list of paths, got .*pass \[path\]"):
            observed_durations(single)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="vary with time"):
        HMM([0.5, 0.5], np.full((2, 2, 2), 0.5), ONE).durations()
    # Entered in two ways, of which no long run says how often.
    way = [[0, 1, 0, 0.0], [0, 0.5, 0, 0], [0, 0.5, 0, 0], [0, 0, 1, 0]]
    stops = HMM([0.5, 0, 0, 0.5], way, np.ones((4, 1)), end=[0, 0.5, 0.5, 0])
    with pytest.raises(ValueError, match="stationary"):
        stops.durations(of="aggb")


WEATHER = ["rain", "sun", "fog"]
STATES = {  # which could be paths
    "words": WEATHER,
    "bytes": [name.encode() for name in WEATHER],
    "tuples": [(name, left) for name in WEATHER for left in (1, 2)],
}


@pytest.mark.parametrize("kind", STATES)
@given(data=st.data())
def test_the_states_of_a_single_path_are_never_taken_for_paths(kind, data):
    path = data.draw(st.lists(st.sampled_from(STATES[kind]), min_size=2, max_size=8))
    whole = observed_durations([path], cut=True)
    assert whole.stays.sum() == 1 + sum(map(operator.ne, path, path[1:]))
    for names in ([*STATES[kind], "other"], path[:1]):
        with pytest.raises(TypeError, match=r"got states in it, as .*; pass \[path\] for a single one"):
            observed_durations(path, names=names)
    with pytest.raises(TypeError, match=r"which may be paths or the states of a single one; pass \[path\]"):
        observed_durations(path)
    if kind != "tuples":
        with pytest.raises(TypeError, match=r"got states in it, as .*; pass \[path\] for a single one"):
            observed_durations([name[:1] for name in path])


@given(st.lists(st.text("ab", min_size=2, max_size=5), min_size=1, unique=True))
def test_strings_are_paths_of_letters(paths):
    letters = observed_durations([list(path) for path in paths], names="ab", cut=True)
    assert observed_durations(paths, names="ab", cut=True).stays.tolist() == letters.stays.tolist()
