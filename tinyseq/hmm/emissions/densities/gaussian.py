"""Emissions that are real vectors, normally distributed in each state."""

import numpy as np

from tinyseq.autograd.tensor import TensorLike
from tinyseq.backend import Array
from tinyseq.hmm.emissions.densities import covariances as kinds
from tinyseq.hmm.emissions.densities.groups import spread_out
from tinyseq.hmm.emissions.densities.priors import Conjugate, NormalWishart
from tinyseq.hmm.emissions.emission import Priors
from tinyseq.hmm.model.probabilities import Table, plain
from tinyseq.torch_names.settings import explained


class Gaussian(Conjugate):
    """A normal distribution for each state.

    A sequence is an array (T, D), or (T,) if D = 1. None, or a row of NaN, is a missing observation. ``learn`` of
    `HMM.fit_em` may name ``"means"`` or ``"covariances"``, to learn one without the other.

    Args:
        means: (K, D), or (K,) if D = 1.
        covariances: variances (K, D) (or (K,)), full covariances (K, D, D), or the shape of ``covariance_type``.
        floor: the least variance in any direction, for the given covariances and in training. By default, training
            uses a millionth of the variance of all observations; a variance that starts below it may stay as it is.
            `HMM.fit_em` warns where the floor is reached.
        covariance_type: ``"diag"`` (K, D), ``"full"`` (K, D, D), ``"spherical"``, one variance for all directions,
            (K,), or ``"tied"``, one covariance for all states, (D, D); by default full if there are three axes, else
            diag.

    Raises:
        ValueError: if shapes do not match, values are not finite, or a covariance is not positive definite or is below
            ``floor``.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], Gaussian([0.0, 5.0], [1.0, 1.0]))
        >>> hmm.viterbi(np.array([0.1, -0.3, 4.8, 5.5])).path.tolist()
        [0, 0, 1, 1]
    """

    arrays = ("means", "covariances")
    settings = ("floor", "covariance_type")
    conjugate = ("means", "covariances")

    @explained
    def __init__(
        self, means: TensorLike, covariances: TensorLike, floor: float | None = None, covariance_type: str | None = None
    ) -> None:
        self.means, self.covariances, self.covariance_type = kinds.taken(
            means, covariances, "covariances", covariance_type, floor
        )
        super().__init__(*self.means.shape)
        self.floor = None if floor is None else float(floor)
        self.shared = ("covariances",) if self.covariance_type == "tied" else ()

    @property
    def full(self) -> bool:
        """Whether features may be correlated."""
        return self.covariance_type in ("full", "tied")

    @property
    def spreads(self) -> Table:
        """The covariances of every state, as variances (K, D) or matrices (K, D, D)."""
        return kinds.directions(self.covariance_type, self.covariances, self.states, self.size)

    def log_density(self, x: Array) -> Table:
        """See `Density`."""
        distance, volume = kinds.distances(x, self.means, self.spreads)
        return -0.5 * (distance + (volume + self.size * kinds.LOG_2PI)[:, None]).T

    def free(self) -> int:
        """See `Emission`."""
        return int(plain(self.means).size) + kinds.free(self.covariance_type, self.covariances)

    def typical(self) -> Array | None:
        """See `Emission`."""
        return plain(self.means)

    def draw(self, states: Array, rng: np.random.Generator) -> Array:
        """See `Density`."""
        return plain(self.means)[states] + kinds.noise(plain(self.spreads), states, rng)

    def fitted_with(self, x: Array, weights: Array, learn: frozenset[str], priors: Priors) -> dict[str, Array]:
        """Weighted means and covariances."""
        prior = self._prior(priors) if priors else None
        means = kinds.weighted(x, weights, self.means, prior) if "means" in learn else self.means
        if "covariances" not in learn:
            return {"means": means}
        before = plain(self.covariances)
        spread = kinds.fitted(self.covariance_type, x, weights, means, self.floor, before=before, prior=prior)
        return {"means": means, "covariances": spread}

    def log_prior(self, priors: Priors) -> float:
        """See `Emission`."""
        return self._prior(priors).log_density(plain(self.means), plain(self.spreads))

    def _prior(self, priors: Priors) -> NormalWishart:
        return NormalWishart.of(priors, "covariances", self.covariance_type, self.states, self.size)

    def narrow(self, data: Array) -> list[int]:
        """See `Emission`."""
        least = kinds.least_variances(data[~np.isnan(data[:, 0])], self.floor)
        return kinds.at_floor(self.covariance_type, plain(self.covariances), least, self.states)

    def shuffled(self, data: Array, rng: np.random.Generator) -> "Gaussian":
        """Means at observations that lie far apart; the covariance of all observations around their nearest mean."""
        data = data[~np.isnan(data[:, 0])]
        if len(data) < self.states:
            return self
        means, nearest = spread_out(data, self.states, rng)
        spread = self.learned(data - means[nearest], np.ones((len(data), self.states))).covariances
        return self.replaced(means=means, covariances=spread)
