"""Random emission models of every class, with what an independent library says of their densities.

A class of emissions without a case here makes `test_emissions.py` fail.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinyseq.hmm import Categorical, Density, Gaussian
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


def of_gaussian(model, x):
    from scipy.stats import multivariate_normal

    made = {
        "full": lambda k: model.covariances[k],
        "diag": lambda k: np.diag(model.covariances[k]),
        "spherical": lambda k: model.covariances[k] * np.eye(model.size),
        "tied": lambda k: model.covariances,
    }[model.covariance_type]
    return np.stack([multivariate_normal(model.means[k], made(k)).logpdf(x).reshape(-1) for k in range(3)], axis=1)


def of_exponential(model, x):
    from scipy.stats import expon

    return np.stack([expon(scale=1 / rate).logpdf(x[:, 0]) for rate in model.rates], axis=1)


CASES = {
    "Categorical": Case(lambda rng: Categorical(rng.dirichlet(np.ones(4), 3))),
    "Given": Case(lambda rng: Given(3)),
    **{f"Gaussian {kind}": Case(gaussian(kind, 2), of_gaussian) for kind in ("full", "diag", "spherical", "tied")},
    "Gaussian of one number": Case(gaussian("diag", 1), of_gaussian, "real"),
    "Exponential": Case(lambda rng: Exponential(rng.gamma(2.0, size=3)), of_exponential, "positive"),
}


def observations(model, rng, count):
    """A sequence that the model can make, as its reader takes it, and by its states."""
    states = rng.integers(0, 3, count)
    drawn = rng.normal(size=(count, 3)) if isinstance(model, Given) else model.sample(states, rng)
    return np.asarray(drawn)
