"""Where learning starts: random, different in every state, and with the zeros that were given."""

import numpy as np
import pytest
from hmm.models import random_model
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.hmm import Gaussian, GaussianMixture
from tinyseq.hmm.emissions.densities.groups import spread_out
from tinyseq.hmm.learning.initialisation import redrawn_transition


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3]), st.booleans(), st.booleans())
def test_random_transitions_keep_zeros_and_sums(seed, order, end, varying):
    rng = np.random.default_rng(seed)
    table = random_model(rng, 3, 4, order, zeros=0.4, end=end, tables=5 if varying else None).transition
    made = redrawn_transition(table, rng)
    assert ((made > 0) == (table > 0)).all()
    np.testing.assert_allclose(made.sum(axis=-1), table.sum(axis=-1), atol=1e-12)


def test_states_tend_to_stay():
    rng = np.random.default_rng(0)
    stay = np.mean([np.diag(redrawn_transition(np.full((4, 4), 0.25), rng)).mean() for _ in range(300)])
    assert 0.5 < stay < 0.65  # a quarter of the share that is not 0.45 on average, and all of that


@pytest.mark.parametrize("size", [1, 2])
def test_chosen_points_are_in_different_clumps(size):
    rng = np.random.default_rng(0)
    for _ in range(20):
        points = np.concatenate([rng.normal(100 * k, 1, (30, size)) for k in range(5)])
        chosen, nearest = spread_out(points, 5, rng)
        assert sorted(np.round(chosen[:, 0] / 100)) == [0, 1, 2, 3, 4]
        wanted = np.square(points[:, None] - chosen).sum(axis=2).argmin(axis=1)
        assert (nearest == wanted).all()


def test_points_that_are_all_the_same_can_be_chosen_from():
    chosen, nearest = spread_out(np.ones((4, 2)), 3, np.random.default_rng(0))
    assert chosen.tolist() == [[1, 1]] * 3
    assert (nearest == 0).all()


@pytest.mark.parametrize("full", [False, True])
def test_a_gaussian_starts_with_the_spread_around_its_means(full):
    rng = np.random.default_rng(1)
    data = np.concatenate([rng.normal(50 * k, [1.0, 3.0], (200, 2)) for k in range(3)])
    data[7] = np.nan
    plain = Gaussian(np.zeros((3, 2)), np.tile(np.eye(2), (3, 1, 1)) if full else np.ones((3, 2)))
    made = plain.shuffled(data, rng)
    assert sorted(np.round(made.means[:, 0] / 50)) == [0, 1, 2]
    spread = np.diagonal(made.covariances, axis1=1, axis2=2) if full else made.covariances
    assert (spread == spread[0]).all()
    assert (spread < [4.0, 36.0]).all()  # not the 1600 and more of all observations together


@pytest.mark.parametrize(
    "model",
    [Gaussian(np.zeros(3), np.ones(3)), GaussianMixture(np.full((2, 2), 0.5), [[0, 1], [2, 3]], np.ones((2, 2)))],
)
def test_kmeans_takes_a_generator_a_seed_or_neither(model):
    data = np.random.default_rng(2).normal(size=40)  # without clumps, so that each start is another

    def means(rng):
        return model.kmeans(data, rng).means.tolist()

    assert means(5) == means(np.random.default_rng(5))
    assert len({str(means(seed)) for seed in range(8)}) > 1
    ts.manual_seed(5)
    first = means(None)
    ts.manual_seed(5)
    assert means(None) == first == means(5)
    with pytest.raises(TypeError, match="rng"):
        model.kmeans(data, rng="5")
