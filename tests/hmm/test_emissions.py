"""Every class of emissions, found at run time: what it declares is true, and what follows from it works."""

import copy
import inspect
import pickle

import numpy as np
import pytest
from hmm.enumeration import Scores, log_sum, paths
from hmm.families import CASES, Exponential, observations
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.hmm import HMM, Density, Gaussian, GaussianMixture, Multinomial, Poisson, Shared, StudentT
from tinyseq.hmm.emissions import Given, kinds
from tinyseq.hmm.emissions.densities.gamma import log_gamma
from tinyseq.io import ModelFileError

DENSITIES = [name for name, case in CASES.items() if isinstance(case.make(np.random.default_rng(0)), Density)]
seeds = st.integers(0, 2**32 - 1)


def drawn(name, seed, count=7):
    rng = np.random.default_rng(seed)
    model = CASES[name].make(rng)
    return rng, model, observations(model, rng, count)


def with_chain(model, rng):
    rows = rng.dirichlet(np.ones(3), 4)
    return HMM(rows[0], rows[1:], model)


def scored(model, x):
    return model.scores(x).logs(np.arange(len(x))).T


def test_every_class_has_a_case():
    concrete = {name.rsplit(".", 1)[-1] for name, kind in kinds().items() if not inspect.isabstract(kind)}
    ours = {name for name, kind in kinds().items() if kind.__module__.startswith("tinyseq.")}
    assert concrete & ours <= {name.split()[0] for name in CASES}
    assert "Gaussian" in ours


@pytest.mark.parametrize("name", ["Gaussian full", "StudentT diag", "GaussianMixture diag", "Poisson", "Multinomial"])
def test_a_compiled_likelihood_uses_the_arrays_of_each_call(name):
    """No constructor and no density reads a value of the first call, which all replays would use."""
    rng, model, x = drawn(name, 3)
    tables = with_chain(model, rng)
    x[2] = np.nan

    def likelihood(*arrays):
        emission = model.replaced(**dict(zip(model.arrays, arrays, strict=True)))
        return HMM(tables.initial, tables.transition, emission).log_likelihood(x)

    first = [ts.tensor(getattr(model, part), requires_grad=True) for part in model.arrays]
    second = [ts.tensor(getattr(model, part)[::-1].copy(), requires_grad=True) for part in model.arrays]
    compiled = ts.compile(likelihood, executor="numpy")
    for leaves in (first, second):
        replay, eager = compiled(*leaves), likelihood(*leaves)
        np.testing.assert_allclose(replay.item(), eager.item(), rtol=1e-12)
        for one, other in zip(ts.grad(replay, leaves), ts.grad(eager, leaves), strict=True):
            np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in DENSITIES if CASES[name].oracle])
@given(seed=seeds)
def test_log_densities_are_those_of_scipy(name, seed):
    pytest.importorskip("scipy")
    _, model, x = drawn(name, seed)
    np.testing.assert_allclose(scored(model, x), CASES[name].oracle(model, x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", [name for name in DENSITIES if CASES[name].outcomes])
@given(seed=seeds)
@settings(max_examples=10)
def test_densities_sum_to_one(name, seed):
    _, model, _ = drawn(name, seed)
    if CASES[name].outcomes == "counts":
        total = np.exp(scored(model, np.arange(2000.0)[:, None])).sum(axis=0)
    else:  # the trapezoid rule in log x, or in sinh x, where tails are long
        u = np.linspace(-40, 40, 80_001)
        at, slope = (np.exp(u), np.exp(u)) if CASES[name].outcomes == "positive" else (np.sinh(u), np.cosh(u))
        total = (np.exp(scored(model, at[:, None])) * slope[:, None]).sum(axis=0) * (u[1] - u[0])
    np.testing.assert_allclose(total, 1, rtol=1e-7)


@pytest.mark.parametrize("name", list(CASES))
@given(seed=seeds)
@settings(max_examples=20)
def test_the_likelihood_is_the_sum_over_all_paths(name, seed):
    rng, model, x = drawn(name, seed, count=4)
    hmm = with_chain(model, rng)
    scores = scored(model, hmm.emissions.read([x]).data)
    found = paths(Scores((np.log(hmm.initial),), np.log(hmm.transition), scores, None))
    assert hmm.log_likelihood(x) == pytest.approx(log_sum(found.values()), rel=1e-10, abs=1e-10)


@pytest.mark.filterwarnings("ignore:a variance of state")  # a state may close in on one observation
@pytest.mark.parametrize("name", list(CASES))
@given(seed=seeds)
@settings(max_examples=20)
def test_baum_welch_never_falls(name, seed):
    """From any start, with observations missing, whatever is learned."""
    rng, truth, x = drawn(name, seed, count=25)
    start = truth if rng.random() < 0.3 else CASES[name].make(rng)
    if not isinstance(truth, Given):
        x = [None if rng.random() < 0.15 else datum for datum in x]
    names = ["initial", "transition", "emission", *start.arrays]
    learn = {part for part in names if rng.random() < 0.6} - ({"emission"} if rng.random() < 0.5 else set())
    fitted = with_chain(start, rng).fit_em([x[:9], x[9:10], x[10:]], max_steps=6, tolerance=-np.inf, learn=learn)
    curve = np.array(fitted.log_likelihoods)
    assert len(curve) == 7
    assert (np.diff(curve) >= -1e-9 * np.abs(curve).max()).all(), curve
    if "emission" not in learn:
        for part in set(start.arrays) - learn:
            np.testing.assert_array_equal(getattr(fitted.model.emissions, part), getattr(start, part))


@pytest.mark.parametrize("name", [name for name in DENSITIES if CASES[name].closed])
@given(seed=seeds)
@settings(max_examples=20)
def test_a_weighted_fit_is_a_maximum(name, seed):
    """No array moved a little makes the weighted log density larger."""
    rng, model, x = drawn(name, seed, count=30)
    weights = rng.dirichlet(np.ones(3), 30)
    best = model.learned(x, weights)
    top = (weights * scored(best, x)).sum()
    for part in best.arrays:
        values = getattr(best, part)
        for _ in range(4):
            moved = values + 1e-4 * np.abs(values) * rng.choice([-1, 1], values.shape)
            if values.ndim > 1 and values.shape[-1] == values.shape[-2]:
                moved = (moved + np.swapaxes(moved, -1, -2)) / 2
            try:
                other = best.replaced(**{part: moved})
            except ValueError:  # rows of probabilities that no longer sum to one
                continue
            assert (weights * scored(other, x)).sum() <= top + 1e-9 * abs(top)


@pytest.mark.parametrize("name", DENSITIES)
def test_a_fit_to_many_draws_finds_where_they_come_from(name):
    rng, model, _ = drawn(name, 3)
    states = np.repeat(np.arange(3), 15_000)
    x = model.sample(states, rng)
    found, weights = model, np.eye(3)[states]
    for _ in range(1 if CASES[name].closed else 25):
        found = found.learned(x, weights)
    for part in model.arrays:
        np.testing.assert_allclose(getattr(found, part), getattr(model, part), rtol=0.15, atol=0.1)
    assert (weights * scored(found, x)).sum() >= (weights * scored(model, x)).sum()


@pytest.mark.parametrize("name", DENSITIES)
@given(seed=seeds)
def test_a_state_that_is_never_used_stays(name, seed):
    rng, model, x = drawn(name, seed, count=12)
    weights = rng.dirichlet(np.ones(3), 12)
    weights[:, 1] = 0
    found = model.learned(x, weights)
    for part in set(model.arrays) - set(model.shared):
        np.testing.assert_array_equal(getattr(found, part)[1], getattr(model, part)[1])
    assert np.isfinite(scored(found, x)[:, [0, 2]]).all()


@pytest.mark.parametrize("name", DENSITIES)
def test_missing_observations_say_nothing(name):
    rng, model, x = drawn(name, 5)
    holes = np.insert(x, [2, 5], np.nan, axis=0)
    assert (scored(model, holes)[[2, 6]] == 0).all()
    np.testing.assert_array_equal(np.delete(scored(model, holes), [2, 6], axis=0), scored(model, x))
    weights = rng.dirichlet(np.ones(3), len(holes))
    seen = model.learned(x, np.delete(weights, [2, 6], axis=0))
    for part in model.arrays:
        np.testing.assert_allclose(getattr(model.learned(holes, weights), part), getattr(seen, part), rtol=1e-12)


@pytest.mark.parametrize("name", DENSITIES)
def test_gradients_reach_every_array(name):
    """Also with missing observations, which take no part."""
    rng, model, x = drawn(name, 6)
    chain, x = with_chain(model, rng), np.insert(x, 2, np.nan, axis=0)
    for part in model.arrays:
        values = np.array(getattr(model, part))
        leaf = ts.tensor(values, requires_grad=True)
        value = HMM(chain.initial, chain.transition, model.replaced(**{part: leaf})).log_likelihood(x)
        found = ts.grad(value, leaf).numpy()
        direction = rng.normal(size=values.shape)
        if part in ("covariances", "scales") and values.ndim > 1 and values.shape[-1] == values.shape[-2]:
            direction = direction + np.swapaxes(direction, -1, -2)
        if values.ndim > 1 and np.allclose(values.sum(axis=-1), 1):
            direction -= direction.mean(axis=-1, keepdims=True)
        ends = [
            HMM(chain.initial, chain.transition, model.replaced(**{part: values + step * direction})).log_likelihood(x)
            for step in (1e-5, -1e-5)
        ]
        assert (found * direction).sum() == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5, abs=1e-7), part


@pytest.mark.parametrize("name", list(CASES))
def test_a_model_comes_back_from_its_file(name, tmp_path):
    rng, model, x = drawn(name, 7)
    hmm = with_chain(model, rng)
    hmm.save(tmp_path / "a.hmm")
    back = HMM.load(tmp_path / "a.hmm")
    assert type(back.emissions) is type(model)
    assert back.log_likelihood(x) == hmm.log_likelihood(x) == pickle.loads(pickle.dumps(hmm)).log_likelihood(x)
    for part in model.settings:
        assert getattr(back.emissions, part) == getattr(model, part)


@pytest.mark.parametrize("name", CASES)
def test_the_arrays_of_a_model_are_read_only_in_copies_too(name):
    """What one fit does not learn is shared by the models before and after it."""
    emission = CASES[name].make(np.random.default_rng(0))
    for made in (emission, copy.copy(emission), copy.deepcopy(emission), pickle.loads(pickle.dumps(emission))):
        parts = [*vars(made).values(), *vars(getattr(made, "emission", made)).values()]
        assert [part for part in parts if isinstance(part, np.ndarray) and part.flags.writeable] == []


@pytest.mark.parametrize("name", list(CASES))
def test_other_starts_are_models_of_the_kind(name):
    rng, model, x = drawn(name, 8, count=40)
    data = model.read([x]).data
    starts = [model.shuffled(data, rng), *([model.kmeans(x, rng)] if isinstance(model, Density) else [])]
    for start in starts:
        assert type(start) is type(model)
        assert np.isfinite(with_chain(start, rng).log_likelihood(x))


def test_kmeans_puts_states_where_the_observations_are():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(mean, 0.1, 50) for mean in (-3e5, 0.0, 2e5)])
    start = Gaussian(np.zeros(3), np.ones(3)).kmeans(x, rng)
    np.testing.assert_allclose(np.sort(start.means[:, 0]), [-3e5, 0, 2e5], atol=0.1)


def test_what_a_family_of_ones_own_gets_wrong_is_said():
    class Flat(Exponential):
        def log_density(self, x):
            return np.zeros(len(x))

    class Broken(Exponential):
        def log_density(self, x):
            return np.full((len(x), 2), np.nan)

    rows = [[0.5, 0.5]] * 2
    with pytest.raises(ValueError, match=r"Flat.log_density must return one column for each of 2 states, \(rows, 2\)"):
        HMM(rows[0], rows, Flat([1.0, 2.0])).log_likelihood([1.0])
    with pytest.raises(
        ValueError, match=r"Broken.log_density must be finite or -inf, got nan for the observation \[1.\] in state 0"
    ):
        HMM(rows[0], rows, Broken([1.0, 2.0])).log_likelihood([1.0])
    with pytest.raises(ValueError, match=r"sequence 0, position 1: \[-1.\] must be positive, or all NaN"):
        HMM(rows[0], rows, Exponential([1.0, 2.0])).log_likelihood([1.0, -1.0])
    with pytest.raises(ValueError, match=r"rates\[1\] is nan, but must be finite"):
        Exponential([1.0, np.nan])


def test_a_file_of_unknown_emissions_is_refused(tmp_path):
    class Passing(Exponential):
        pass

    HMM([1.0], [[1.0]], Passing([1.0])).save(tmp_path / "a.hmm")
    Passing.__module__ = "elsewhere"
    with pytest.raises(ModelFileError, match=r"no emissions of the kind .*Passing'; if it is your own, import it"):
        HMM.load(tmp_path / "a.hmm")


@pytest.mark.parametrize(
    ("kind", "shape"), [("spherical", (2, 2)), ("tied", (2, 2, 2)), ("diag", (2,)), ("full", (2, 2)), ("other", (2,))]
)
def test_covariances_of_another_kind_are_refused(kind, shape):
    with pytest.raises(ValueError, match="covariance_type must be one of" if kind == "other" else "must have shape"):
        Gaussian(np.zeros((2, 2)), np.ones(shape), covariance_type=kind)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Poisson([1.0, -1.0]), "rates must not be negative, got -1"),
        (lambda: Poisson(np.ones((2, 2, 2))), r"rates must have shape \(states, D\).*got \(2, 2, 2\)"),
        (lambda: Multinomial([[0.5, 0.6]]), r"probabilities\[0\] must hold probabilities that sum to 1, got"),
        (lambda: Multinomial([0.5, 0.5]), r"probabilities must have shape \(states, symbols\), got \(2,\)"),
        (lambda: Multinomial([[0.5, 0.5]], trials=-1), "trials must be at least 0"),
        (lambda: StudentT([0.0, 1.0], [1.0, 1.0], df=[1.0]), r"df must be a number or have shape \(2,\), got \(1,\)"),
        (lambda: StudentT([0.0, 1.0], [1.0, 1.0], df=0), r"df must be positive, got \[0. 0.\]"),
        (lambda: StudentT([0.0, 1.0], [1.0, 0.0]), r"scales\[1\] is not symmetric with positive variances"),
        (lambda: GaussianMixture([1.0], [0.0], [1.0]), r"weights must have shape \(states, components\), got \(1,\)"),
        (lambda: GaussianMixture([[0.9]], [[0.0]], [[1.0]]), r"weights\[0\] must hold probabilities that sum to 1"),
        (lambda: GaussianMixture([[1.0]], [[0.0, 1.0]], [[1.0]]), r"means must have shape \(1, 1, D\), as weights"),
        (lambda: GaussianMixture([[1.0]], [[0.0]], [1.0]), r"covariances must have shape \(1, 1, 1\), as means are"),
        (lambda: ts.hmm.Categorical([0.5, 0.5]), r"table must have shape \(states, symbols\), got \(2,\)"),
        (lambda: ts.hmm.Categorical([[0.5, 0.5], [1.0]]), "table must be a table, got rows of different lengths"),
        (lambda: Shared(Poisson([1.0]), [0, 1]), r"of must hold states from 0 to 0, got \[0, 1\]"),
        (lambda: Shared(Poisson([1.0]), [0.5]), "of must name a state of the emission model for each state"),
        (
            lambda: HMM([1.0], [[1.0]], Poisson([1.0])).log_likelihood([0.5]),
            r"\[0.5\] must be non-negative whole numbers",
        ),
    ],
)
def test_what_is_no_such_model_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_states_share_an_emission_model_and_no_table():
    with pytest.raises(TypeError, match=r"emission must be an emission model, such as Categorical\(table\).*ndarray"):
        Shared(np.array([[0.5, 0.5], [0.2, 0.8]]), of=[0, 1, 0])


def test_counts_are_drawn_only_where_their_number_is_known():
    with pytest.raises(TypeError, match="pass trials= to Multinomial"):
        HMM([1.0], [[1.0]], Multinomial([[0.5, 0.5]])).sample(3)


def test_a_rate_of_zero_makes_all_counts_but_zero_impossible():
    hmm = HMM([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]], Poisson([0.0, 3.0]))
    assert hmm.posterior([0, 2]).states[1].tolist() == [0.0, 1.0]
    assert HMM([1.0], [[1.0]], Poisson([0.0])).log_likelihood([0, 1]) == -np.inf
    leaf = ts.tensor([0.0, 3.0], requires_grad=True)
    found = ts.grad(HMM(hmm.initial, hmm.transition, Poisson(leaf)).log_likelihood([4, 2]), leaf).numpy()
    np.testing.assert_allclose(found, [0, 6 / 3 - 2])


def test_outliers_pull_normal_means_but_not_those_of_student():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 1, 300), np.full(6, 80.0)])
    pulled, kept = (
        model.learned(x[:, None], np.ones((306, 1))) for model in (Gaussian([0.0], [1.0]), StudentT([0.5], [4.0]))
    )
    for _ in range(100):
        kept = kept.learned(x[:, None], np.ones((306, 1)))
    assert pulled.means[0, 0] > 1
    assert abs(kept.means[0, 0]) < 0.1


def test_the_maximum_for_student_is_that_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    x = stats.t(4, loc=2, scale=3).rvs(2000, random_state=np.random.default_rng(0))
    df, mean, scale = stats.t.fit(x)
    model = StudentT([0.0], [1.0], df=10.0)
    for _ in range(200):
        model = model.learned(x[:, None], np.ones((2000, 1)))
    np.testing.assert_allclose(
        [model.df[0], model.means[0, 0], np.sqrt(model.scales[0, 0])], [df, mean, scale], rtol=1e-3
    )
    assert scored(model, x[:, None]).sum() >= stats.t(df, mean, scale).logpdf(x).sum() - 1e-6


def test_states_that_share_an_emission_learn_it_together():
    rng = np.random.default_rng(0)
    x, weights = rng.poisson(4.0, (50, 1)).astype(float), rng.dirichlet(np.ones(3), 50)
    found = Shared(Poisson([1.0, 2.0]), [0, 0, 1]).learned(x, weights).emission.rates[:, 0]
    first = weights[:, :2].sum(axis=1)
    np.testing.assert_allclose(found, [first @ x[:, 0] / first.sum(), weights[:, 2] @ x[:, 0] / weights[:, 2].sum()])


def test_log_gamma_has_all_digits():
    special = pytest.importorskip("scipy.special")
    z = np.concatenate([np.geomspace(1e-6, 1e12, 400), np.arange(1, 200) / 2])
    np.testing.assert_allclose(log_gamma(z), special.gammaln(z), rtol=4e-15, atol=2e-14)
    leaf = ts.tensor(z[:300], requires_grad=True)
    np.testing.assert_allclose(
        ts.grad(log_gamma(leaf).sum(), leaf).numpy(), special.digamma(z[:300]), rtol=1e-10, atol=1e-11
    )
