"""Random emission models of every class, with what an independent library says of their densities.

A class of emissions without a case here makes `test_emissions.py` fail.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinyseq.hmm import Categorical, Density, Gaussian, GaussianMixture, Multinomial, Poisson, Shared, StudentT
from tinyseq.hmm.emissions import Given


class Exponential(Density):
    """A family of a user's own: waiting times."""

    arrays = ("rates",)
    support = "positive"

    def __init__(self, rates):
        self.rates = self.taken("rates", rates)
        super().__init__(states=len(self.rates))

    def log_density(self, x):
        return np.log(self.rates) - self.rates * x

    def draw(self, states, rng):
        return rng.exponential(1 / self.rates[states])[:, None]

    def fitted(self, x, weights, learn):
        return {"rates": weights.sum(axis=0) / (weights.T @ x)[:, 0]}

    def possible(self, x):
        return ((x > 0) & np.isfinite(x)).all(axis=1)


class Case(NamedTuple):
    """One kind of emissions.

    Attributes:
        make: a random model with 3 states.
        oracle: log densities (rows, K) of observations (rows, D) by SciPy; None if there is none.
        outcomes: for D = 1 what to sum or integrate over: "counts", "real", "positive"; else None.
        closed: whether one fit is a maximum, which nothing near it exceeds.
    """

    make: Callable[[np.random.Generator], Any]
    oracle: Callable[[Any, np.ndarray], np.ndarray] | None = None
    outcomes: str | None = None
    closed: bool = True


def matrices(rng, count, size):
    roots = rng.normal(size=(count, size, size))
    return roots @ roots.swapaxes(1, 2) + 0.3 * np.eye(size)


def gaussian(kind, size):
    def make(rng):
        full = matrices(rng, 3, size)
        values = {
            "full": full,
            "diag": np.diagonal(full, axis1=1, axis2=2).copy(),
            "spherical": full[:, 0, 0],
            "tied": full[0],
        }[kind]
        return Gaussian(2 * rng.normal(size=(3, size)), values, covariance_type=kind)

    return make


def shapes(model, values):
    """The covariance of each state, whatever its kind."""
    made = {
        "full": lambda k: values[k],
        "diag": lambda k: np.diag(values[k]),
        "spherical": lambda k: values[k] * np.eye(model.size),
        "tied": lambda k: values,
    }[model.covariance_type]
    return [made(k) for k in range(3)]


def of_gaussian(model, x):
    from scipy.stats import multivariate_normal

    made = [multivariate_normal(model.means[k], shape) for k, shape in enumerate(shapes(model, model.covariances))]
    return np.stack([one.logpdf(x).reshape(-1) for one in made], axis=1)


def student(kind, size):
    def make(rng):
        model = gaussian(kind, size)(rng)
        return StudentT(model.means, model.covariances, rng.uniform(1, 9, 3), covariance_type=kind)

    return make


def of_student(model, x):
    from scipy.stats import multivariate_t

    made = [multivariate_t(model.means[k], shape, model.df[k]) for k, shape in enumerate(shapes(model, model.scales))]
    return np.stack([one.logpdf(x).reshape(-1) for one in made], axis=1)


def mixture(kind, size):
    def make(rng):
        parts = [gaussian(kind, size)(rng) for _ in range(2)]
        means = np.stack([part.means for part in parts], axis=1)
        values = [part.covariances for part in parts]
        values = values[0] if kind == "tied" else np.stack(values, axis=1)
        return GaussianMixture(rng.dirichlet(np.ones(2), 3), means, values, covariance_type=kind)

    return make


def of_mixture(model, x):
    from scipy.stats import multivariate_normal

    found = 0
    for m in range(2):
        values = model.covariances if model.covariance_type == "tied" else model.covariances[:, m]
        part = Gaussian(model.means[:, m], values, covariance_type=model.covariance_type)
        made = [multivariate_normal(part.means[k], shape) for k, shape in enumerate(shapes(part, part.covariances))]
        found = found + model.weights[:, m] * np.stack([one.pdf(x).reshape(-1) for one in made], axis=1)
    return np.log(found)


def of_poisson(model, x):
    from scipy.stats import poisson

    return poisson(model.rates).logpmf(x[:, None]).sum(axis=-1)


def of_multinomial(model, x):
    from scipy.stats import multinomial

    return np.stack([multinomial(x.sum(axis=1), p).logpmf(x) for p in model.probabilities], axis=1)


def of_exponential(model, x):
    from scipy.stats import expon

    return np.stack([expon(scale=1 / rate).logpdf(x[:, 0]) for rate in model.rates], axis=1)


KINDS = ("full", "diag", "spherical", "tied")
CASES = {
    "Categorical": Case(lambda rng: Categorical(rng.dirichlet(np.ones(4), 3))),
    "Given": Case(lambda rng: Given(3)),
    **{f"Gaussian {kind}": Case(gaussian(kind, 2), of_gaussian) for kind in KINDS},
    "Gaussian of one number": Case(gaussian("diag", 1), of_gaussian, "real"),
    **{f"StudentT {kind}": Case(student(kind, 2), of_student, None, False) for kind in KINDS},
    "StudentT of one number": Case(student("diag", 1), of_student, "real", False),
    **{f"GaussianMixture {kind}": Case(mixture(kind, 2), of_mixture, None, False) for kind in KINDS},
    "GaussianMixture of one number": Case(mixture("diag", 1), of_mixture, "real", False),
    "Poisson": Case(lambda rng: Poisson(rng.gamma(2.0, 3.0, size=(3, 2))), of_poisson),
    "Poisson of one number": Case(lambda rng: Poisson(rng.gamma(2.0, 3.0, size=3)), of_poisson, "counts"),
    "Multinomial": Case(lambda rng: Multinomial(rng.dirichlet(np.ones(4), 3), trials=6), of_multinomial),
    "Shared": Case(lambda rng: Shared(gaussian("diag", 2)(rng), [0, 2, 0])),
    "Exponential": Case(lambda rng: Exponential(rng.gamma(2.0, size=3)), of_exponential, "positive"),
}


def observations(model, rng, count):
    """A sequence that the model can make, as its reader takes it, and by its states."""
    states = rng.integers(0, 3, count)
    drawn = rng.normal(size=(count, 3)) if isinstance(model, Given) else model.sample(states, rng)
    return np.asarray(drawn)
