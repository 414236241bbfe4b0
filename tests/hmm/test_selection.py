"""Free parameters, AIC and BIC against hmmlearn; the number of states; counts to hmmlearn and back."""

import numpy as np
import pytest
from hypothesis import given
from oracles import oracle

from tinyseq.hmm import HMM, Gaussian, GaussianMixture, Multinomial, Poisson, Shared, StudentT, compare

from .models import models, random_model

RNG = np.random.default_rng(0)
DRAWN = {
    "full": np.array([[[2.0, 0.5], [0.5, 1.0]], [[1.0, 0.2], [0.2, 3.0]]]),
    "diag": np.ones((2, 2)),
    "tied": np.array([[2.0, 0.5], [0.5, 1.0]]),
    "spherical": np.ones(2),
}
CHAIN = ([0.6, 0.4], [[0.9, 0.1], [0.2, 0.8]])
COUNTS = {
    "Poisson": Poisson([[1.0, 2.0], [8.0, 5.0]]),
    "Multinomial": Multinomial([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], trials=5),
}
MODELS = {
    **{kind: HMM(*CHAIN, Gaussian(np.eye(2), c, covariance_type=kind)) for kind, c in DRAWN.items()},
    **{name: HMM(*CHAIN, emission) for name, emission in COUNTS.items()},
    "Categorical": random_model(RNG, 3, 4),
}


@pytest.mark.parametrize("name", MODELS)
def test_criteria_are_hmmlearns(name):
    oracle("hmmlearn.hmm")
    model = MODELS[name]
    data = [np.asarray(model.sample(n, RNG).observations) for n in (5, 9)]
    other = model.to_hmmlearn()
    x, lengths = np.concatenate(data), [5, 9]
    x = x[:, None] if x.ndim == 1 else x if name not in COUNTS else x.astype(int)
    if name == "spherical":  # hmmlearn counts as many variances as there are features
        assert model.free_parameters() == 1 + 2 + 4 + 2
        return
    assert model.free_parameters() == sum(other._get_n_fit_scalars_per_param().values())
    assert model.aic(data) == pytest.approx(other.aic(x, lengths), rel=1e-9)
    assert model.bic(data) == pytest.approx(other.bic(x, lengths), rel=1e-9)


@pytest.mark.parametrize("name", COUNTS)
def test_models_of_counts_go_to_hmmlearn_and_back(name):
    oracle("hmmlearn.hmm")
    model = HMM(*CHAIN, COUNTS[name])
    x = model.sample(50, RNG).observations
    other = model.to_hmmlearn()
    assert other.score(x.astype(int)) == pytest.approx(model.log_likelihood(x), rel=1e-9)
    np.testing.assert_array_equal(other.predict(x.astype(int)), model.viterbi(x).path)
    again = HMM.from_hmmlearn(other)
    assert again.log_likelihood(x) == pytest.approx(model.log_likelihood(x), rel=1e-12)
    assert again.sample(3, RNG).observations.shape == x[:3].shape


def test_free_parameters_of_every_shape():
    ring = HMM.cyclic(np.full((3, 2), 0.5))
    assert ring.free_parameters() == 2 + 3 + 3
    trigram = random_model(RNG, 2, 3, 3, end=True)
    assert trigram.free_parameters() == 1 + 2 * 1 + 4 * 1 + 2 + 4  # two states may stop, whatever came before them
    twice = HMM.left_to_right(Shared(Poisson([1.0, 2.0]), [0, 0, 1]))
    assert twice.free_parameters() == 0 + 2 + 2
    student = HMM(*CHAIN, StudentT([0.0, 1.0], [1.0, 1.0]))
    assert student.free_parameters() == 3 + 2 + 2 + 2
    mixture = HMM(*CHAIN, GaussianMixture(np.full((2, 3), 1 / 3), np.zeros((2, 3)), np.ones((2, 3))))
    assert mixture.free_parameters() == 3 + 4 + 6 + 6
    with pytest.raises(TypeError, match="without an emission model"):
        HMM(*CHAIN, None).free_parameters()


@given(models())
def test_free_parameters_are_numbers_less_equations(model):
    """The equations: each row that is not all zero sums to 1, or with the end of its last state."""
    tables = [*(model.initial if model.n > 2 else (model.initial,)), model.transition]
    end = np.zeros(len(model.states)) if model.end is None else model.end
    numbers = np.concatenate([*(table.reshape(-1) for table in tables), end])
    equations, start = [], 0
    for table in tables:
        for row in np.argwhere(table.any(axis=-1)):
            equation = np.zeros(len(numbers))
            first = start + int(np.ravel_multi_index((*row, 0), table.shape))
            equation[first : first + len(end)] = 1
            equation[len(numbers) - len(end) :][row[-1:]] = 1
            equations.append(equation)
        start += table.size
    dependent = np.linalg.matrix_rank(np.array(equations)[:, numbers > 0])
    assert model.free_parameters() == (numbers > 0).sum() - dependent + model.emissions.free()


def test_a_comparison_finds_the_number_of_states():
    truth = HMM(*CHAIN, Gaussian([0.0, 6.0], [1.0, 1.0]))
    rng = np.random.default_rng(1)
    data, held_out = ([truth.sample(60, rng).observations for _ in range(5)] for _ in range(2))
    found = compare(data, [1, 2, 3], held_out=held_out, emission="diag", restarts=2, random_state=0)
    assert [c.states for c in found] == [1, 2, 3]
    assert found.best().states == found.best("aic").states == 2
    assert found.best("held_out").held_out == max(c.held_out for c in found)
    assert found[1].held_out == pytest.approx(found[1].model.log_likelihood(held_out).sum())
    assert len(repr(found).splitlines()) == 4
    assert "BIC" in found._repr_html_()
    with pytest.raises(ValueError, match="criterion must be 'bic', 'aic' or 'held_out', got 'dic'"):
        found.best("dic")
    with pytest.raises(ValueError, match="pass held_out= to compare"):
        compare([[0, 1]], [1], restarts=1).best("held_out")
    with pytest.raises(ValueError, match="at least one number of states"):
        compare([[0, 1]], [])
