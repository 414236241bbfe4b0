"""Models of a certain shape: their zeros, and durations against the enumeration of all segmentations."""

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.hmm import HMM, Poisson, Shared

HALVES = np.full((2, 2), 0.5)


def segmentations(length, durations, jumps, initial):
    """Every way to fill a length with segments (state, steps), and its probability; the last may be cut off."""
    size, longest = durations.shape

    def go_on(left, states, probability):
        if not left:
            yield states, probability
            return
        for k in range(size):
            enter = jumps[states[-1], k] if states else initial[k]
            for steps in range(1, longest + 1):
                weight = probability * enter * durations[k, steps - 1]
                yield from go_on(left - min(steps, left), states + [k] * min(steps, left), weight)

    yield from go_on(length, [], 1.0)


@pytest.mark.parametrize("seed", range(5))
def test_durations_are_those_of_all_segmentations(seed):
    rng = np.random.default_rng(seed)
    initial, durations = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(3), 3)
    jumps, emission = rng.dirichlet(np.ones(3), 3), rng.dirichlet(np.ones(4), 3)
    hmm, x = HMM.semi_markov(initial, jumps, durations, emission), rng.integers(0, 4, 5)
    total, posterior = 0.0, np.zeros((5, 3))
    for states, probability in segmentations(5, durations, jumps, initial):
        joint = probability * emission[states, x].prod()
        total += joint
        posterior[range(5), states] += joint
    assert hmm.log_likelihood(x) == pytest.approx(np.log(total), rel=1e-12)
    found = hmm.posterior(x).states.reshape(5, 3, 3).sum(axis=2)
    np.testing.assert_allclose(found, posterior / total, atol=1e-12)


def test_durations_of_two_states_are_learned():
    rng = np.random.default_rng(0)
    flip, durations = [[0, 1], [1, 0]], np.array([[0, 0, 0.1, 0.8, 0.1], [0.2, 0.8, 0, 0, 0]])
    truth = HMM.semi_markov([1, 0], flip, durations, Poisson([1.0, 12.0]), states=["low", "high"])
    x = [truth.sample(100, rng).observations for _ in range(20)]
    start = HMM.semi_markov([1, 0], flip, np.full((2, 5), 0.2), Poisson([3.0, 8.0]), states=["low", "high"])
    found = start.fit_em(x, max_steps=60).model
    entered = found.transition.reshape(2, 5, 2, 5)[:, 0]  # where nothing is left, into (state, steps)
    np.testing.assert_allclose(entered[[1, 0], [0, 1]], durations, atol=0.08)
    np.testing.assert_allclose(found.emissions.emission.rates[:, 0], [1, 12], rtol=0.1)
    assert isinstance(found.emissions, Shared)
    assert found.states[0] == ("low", 1)
    assert ((found.transition > 0) <= (start.transition > 0)).all()


def test_left_to_right_goes_forward_only_and_stays_so():
    rng = np.random.default_rng(0)
    hmm = HMM.left_to_right(rng.dirichlet(np.ones(3), 4), stay=[0.2, 0.3, 0.4, 0.5], skip=0.2, stop=True, symbols="xyz")
    wanted = [[0.2, 0.6, 0.2, 0], [0, 0.3, 0.5, 0.2], [0, 0, 0.4, 0.6], [0, 0, 0, 0.5]]
    np.testing.assert_allclose(hmm.transition, wanted)
    assert hmm.end.tolist() == [0, 0, 0, 0.5]
    assert hmm.initial.tolist() == [1, 0, 0, 0]
    data = [hmm.sample(rng=rng).observations for _ in range(20)]
    found = hmm.fit_em(data, max_steps=3).model
    assert (found.transition[hmm.transition == 0] == 0).all()
    assert all(np.diff(found.viterbi(x).path).min(initial=0) >= 0 and found.viterbi(x).path[-1] == 3 for x in data)


def test_a_single_state_is_a_structure_too():
    assert HMM.left_to_right([[1.0]]).transition.tolist() == HMM.cyclic([[1.0]]).transition.tolist() == [[1.0]]


def test_cyclic_goes_round():
    hmm = HMM.cyclic(Poisson([1.0, 10.0, 50.0]), stay=0.0, states="abc")
    assert hmm.viterbi([9, 52, 1, 11, 47]).path == ["b", "c", "a", "b", "c"]
    assert HMM.cyclic(np.eye(2), initial=[1, 0]).initial.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HMM.left_to_right(np.eye(2), stay=1.5), "stay must be a probability or one for each of 2 states"),
        (lambda: HMM.left_to_right(np.eye(2), stay=[0.5] * 3), "stay must be a probability or one for each of 2"),
        (lambda: HMM.left_to_right(np.eye(2), stay=0.8, skip=0.3), "stay and skip must not sum to more than 1"),
        (lambda: HMM.cyclic(np.eye(2), stay=np.nan), "stay must be a probability"),
        (lambda: HMM.semi_markov([1, 0], np.eye(2), [[1.0]], np.eye(2)), r"durations must have shape \(2, longest\)"),
        (lambda: HMM.semi_markov([1], np.eye(2), [[1], [1]], np.eye(2)), r"initial and jumps must have shapes \(2,\)"),
        (lambda: HMM.semi_markov([1, 1], np.eye(2), [[1], [1]], np.eye(2)), "initial must hold probabilities that sum"),
        (lambda: HMM.semi_markov([1, 0], np.eye(2), [[1], [0.5]], np.eye(2)), r"durations\[1\] must hold probab"),
        (lambda: HMM.semi_markov([1], [[1]], [[1]], Poisson([1.0]), symbols="a"), "symbols go with an emission table"),
    ],
)
def test_what_is_no_structure_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("stay", lambda x: HMM.left_to_right(HALVES, stay=x[0])),
        ("skip", lambda x: HMM.left_to_right(HALVES, skip=x[0])),
        ("stay", lambda x: HMM.cyclic(HALVES, stay=x[0])),
        ("initial", lambda x: HMM.semi_markov(x[0], HALVES, HALVES, HALVES)),
        ("jumps", lambda x: HMM.semi_markov(HALVES[0], x, HALVES, HALVES)),
        ("durations", lambda x: HMM.semi_markov(HALVES[0], HALVES, x, HALVES)),
    ],
)
def test_a_gradient_that_would_be_lost_is_refused(name, make):
    with pytest.raises(TypeError, match=rf"{name} has a gradient, which would end here; give {name}\.detach\(\)"):
        make(ts.tensor(HALVES, requires_grad=True))
    make(ts.tensor(HALVES))


@pytest.mark.parametrize(
    "make",
    [HMM.left_to_right, HMM.cyclic, lambda table: HMM.semi_markov(HALVES[0], HALVES, HALVES, table)],
    ids=["left_to_right", "cyclic", "semi_markov"],
)
def test_emissions_that_are_a_tensor_have_a_gradient(make):
    table = ts.tensor([[0.9, 0.1], [0.3, 0.7]], requires_grad=True)
    make(table).log_likelihood([0, 1, 1]).backward()
    assert (table.grad.numpy() != 0).any()
