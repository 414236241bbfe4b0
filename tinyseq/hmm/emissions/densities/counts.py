"""Emissions that are counts: Poisson and multinomial."""

from typing import Any

import numpy as np

from tinyseq.arguments import whole
from tinyseq.autograd.tensor import TensorLike
from tinyseq.backend import Array
from tinyseq.hmm.emissions.densities.gamma import log_gamma
from tinyseq.hmm.emissions.densities.priors import Conjugate, broadcast, counts, log_dirichlet, pair
from tinyseq.hmm.emissions.draws import free_shares, require_shares, shares
from tinyseq.hmm.emissions.emission import Priors
from tinyseq.hmm.model.probabilities import Table, in_recording, plain
from tinyseq.torch_names.settings import explained


class Counts(Conjugate):
    """The base class of families of counts."""

    density = False
    support = "non-negative whole numbers"

    def possible(self, x: Array) -> Array:
        """See `Density`."""
        return (np.isfinite(x) & (x >= 0) & (x == np.floor(x))).all(axis=1)


class Poisson(Counts):
    """Counts, Poisson-distributed in each state; several counts at a time are independent of each other.

    A sequence is an array (T, D) of counts, or (T,) if D = 1. None, or a row of NaN, is a missing observation.

    Args:
        rates: (K, D), or (K,) if D = 1; the expected counts. If a rate is 0, every count except 0 is impossible.

    Raises:
        ValueError: for rates that are negative or not finite.

    Example:
        >>> from tinyseq.hmm import HMM, Poisson
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], Poisson([1.0, 8.0]))
        >>> hmm.viterbi([0, 2, 1, 9, None, 6]).path.tolist()
        [0, 0, 0, 1, 1, 1]
    """

    arrays = ("rates",)
    conjugate = ("rates",)

    @explained
    def __init__(self, rates: TensorLike) -> None:
        self.rates = self.columns("rates", rates)
        if self.rates.ndim != 2:
            raise ValueError(f"rates must have shape (states, D), or (states,) if D = 1; got {self.rates.shape}")
        if not in_recording(self.rates) and not (plain(self.rates) >= 0).all():
            raise ValueError(f"rates must not be negative, got {plain(self.rates).min()}")
        super().__init__(*self.rates.shape)

    def log_density(self, x: Array) -> Table:
        """See `Density`."""
        factorials = log_gamma(x + 1).sum(axis=1)[:, None]
        return times_log(x, self.rates) - np.sum(self.rates, axis=1) - factorials

    def typical(self) -> Array | None:
        """See `Emission`."""
        return plain(self.rates)

    def draw(self, states: Array, rng: np.random.Generator) -> Array:
        """See `Density`."""
        return rng.poisson(plain(self.rates)[states]).astype(np.float64)

    def _gamma(self, priors: Priors) -> tuple[Array, Array]:
        """The parameters of the Gamma prior, (K, D); those of a flat one by default."""
        a, b = pair("rates", priors.get("rates", (1.0, 0.0)), "a, b")
        if self.size == 1:
            a, b = (np.reshape(part, (-1, 1)) if np.shape(part) == (self.states,) else part for part in (a, b))
        shape = plain(self.rates).shape
        return broadcast("rates", a, shape, 1), broadcast("rates", b, shape, 0)

    def log_prior(self, priors: Priors) -> float:
        """See `Emission`: a Gamma density."""
        (a, b), rates = self._gamma(priors), plain(self.rates)
        with np.errstate(divide="ignore"):  # a rate of 0 has no density if a is above 1
            logs = np.where(a > 1, (a - 1) * np.log(np.where(a > 1, rates, 1.0)), 0.0)
        return float(np.sum(logs - b * rates))

    def fitted_with(self, x: Array, weights: Array, learn: frozenset[str], priors: Priors) -> dict[str, Array]:
        """Weighted means."""
        sums, totals = weights.T @ x, weights.sum(axis=0)[:, None]
        if priors:
            a, b = self._gamma(priors)
            sums, totals = sums + (a - 1), totals + b
        return {"rates": sums / totals}


class Multinomial(Counts):
    """Counts of V symbols in several trials; the number of trials may differ from step to step.

    A sequence is an array (T, V) of counts. None, or a row of NaN, is a missing observation.

    Args:
        probabilities: (K, V), of each symbol in one trial.
        trials: the number of trials at each step; only sampling needs it.

    Raises:
        ValueError: if a row is not a probability distribution, or if ``trials`` is negative.

    Example:
        >>> from tinyseq.hmm import HMM, Multinomial
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], Multinomial([[0.8, 0.1, 0.1], [0.2, 0.4, 0.4]]))
        >>> hmm.viterbi([[5, 1, 0], [7, 1, 1], [1, 2, 2], [2, 3, 4]]).path.tolist()
        [0, 0, 1, 1]
    """

    arrays = ("probabilities",)
    settings = ("trials",)
    conjugate = ("probabilities",)

    @explained
    def __init__(self, probabilities: TensorLike, trials: int | None = None) -> None:
        self.probabilities = self.taken("probabilities", probabilities)
        if self.probabilities.ndim != 2:
            raise ValueError(f"probabilities must have shape (states, symbols), got {self.probabilities.shape}")
        require_shares("probabilities", self.probabilities)
        self.trials = None if trials is None else whole("trials", trials, 0)
        super().__init__(*self.probabilities.shape)

    def log_density(self, x: Array) -> Table:
        """See `Density`."""
        ways = log_gamma(x.sum(axis=1) + 1) - log_gamma(x + 1).sum(axis=1)
        return times_log(x, self.probabilities) + ways[:, None]

    def free(self) -> int:
        """See `Emission`."""
        return free_shares(plain(self.probabilities))

    def typical(self) -> Array | None:
        """The expected counts; for one trial if ``trials`` is not given."""
        return plain(self.probabilities) * (1 if self.trials is None else self.trials)

    def draw(self, states: Array, rng: np.random.Generator) -> Array:
        """See `Density`.

        Raises:
            TypeError: without ``trials``.
        """
        if self.trials is None:
            raise TypeError("sampling counts requires the number of trials; pass trials= to Multinomial")
        return rng.multinomial(self.trials, plain(self.probabilities)[states]).astype(np.float64)

    def log_prior(self, priors: Priors) -> float:
        """See `Emission`: a Dirichlet density."""
        return log_dirichlet("probabilities", priors.get("probabilities", 1.0), plain(self.probabilities))

    def fitted_with(self, x: Array, weights: Array, learn: frozenset[str], priors: Priors) -> dict[str, Array]:
        """The normalised weighted counts; a state without counts keeps its probabilities."""
        added = counts("probabilities", priors.get("probabilities", 1.0), plain(self.probabilities))
        return {"probabilities": shares(weights.T @ x + added, plain(self.probabilities))}


def times_log(x: Array, factors: Any) -> Any:
    """Sums of x log factor, (rows, K), where 0 log 0 = 0.

    Args:
        x: (rows, D).
        factors: (K, D), an array or a tensor.
    """
    zero = np.where(factors == 0, 1.0, 0.0)
    sums = x @ np.log(np.where(zero > 0, 1.0, factors)).T
    if not in_recording(factors) and not plain(zero).any():
        return sums
    return np.where(np.where(x > 0, 1.0, 0.0) @ zero.T > 0, -np.inf, sums)
