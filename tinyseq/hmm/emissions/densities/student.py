"""Student's t emissions: heavy tails, robust to outliers."""

from typing import Any

import numpy as np

from tinyseq.autograd.tensor import TensorLike
from tinyseq.backend import Array
from tinyseq.hmm.emissions.densities import covariances as kinds
from tinyseq.hmm.emissions.densities.gamma import log_gamma
from tinyseq.hmm.emissions.densities.priors import Conjugate, NormalWishart
from tinyseq.hmm.emissions.emission import Priors
from tinyseq.hmm.model.probabilities import Table, in_recording, plain
from tinyseq.torch_names.settings import explained

LEAST, MOST = 0.2, 1e6  # the range of degrees of freedom in learning
STEP = 1e-2  # step in log df for finite differences


class StudentT(Conjugate):
    """Student's t distribution in each state: like a normal distribution, but with heavy tails.

    Learning is robust: outliers are weighted down (Peel and McLachlan, 2000). The degrees of freedom are learned too,
    unless ``learn`` of `HMM.fit_em` leaves them out, as in ``learn={"transition", "means", "scales"}``.

    Args:
        means: (K, D), or (K,) if D = 1; the centres.
        scales: squared scales (K, D) (or (K,)), matrices (K, D, D), or the shape of ``covariance_type``; covariances
            are df / (df - 2) times these where df > 2.
        df: degrees of freedom, a number or (K,); 1 is the Cauchy distribution, and from 30 it is nearly normal.
        floor: the least squared scale in any direction; by default a millionth of the squared interquartile range of
            the observations, which is robust to outliers.
        covariance_type: as for `Gaussian`.

    Raises:
        ValueError: if shapes do not match, values are not finite, a scale is invalid (as for `Gaussian`), or ``df`` is
            not positive.

    Example:
        >>> from tinyseq.hmm import HMM, StudentT
        >>> hmm = HMM([0.5, 0.5], [[0.99, 0.01], [0.01, 0.99]], StudentT([0.0, 5.0], [1.0, 1.0], df=3))
        >>> hmm.viterbi([0.1, -0.3, 40.0, 0.5, 4.8, 5.5, 5.0]).path.tolist()  # one outlier does not change the state
        [0, 0, 0, 0, 1, 1, 1]
    """

    arrays = ("means", "scales", "df")
    settings = ("floor", "covariance_type")
    conjugate = ("means", "scales")

    @explained
    def __init__(
        self,
        means: TensorLike,
        scales: TensorLike,
        df: TensorLike = 4.0,
        floor: float | None = None,
        covariance_type: str | None = None,
    ) -> None:
        self.means, self.scales, self.covariance_type = kinds.taken(means, scales, "scales", covariance_type, floor)
        super().__init__(*self.means.shape)
        self.floor = None if floor is None else float(floor)
        self.shared = ("scales",) if self.covariance_type == "tied" else ()
        taken = self.taken("df", df)
        self.df = taken * np.ones(self.states) if taken.ndim == 0 else taken
        if self.df.shape != (self.states,):
            raise ValueError(f"df must be a number or have shape ({self.states},), got {self.df.shape}")
        if not in_recording(self.df) and not (plain(self.df) > 0).all():
            raise ValueError(f"df must be positive, got {plain(self.df)}")

    @property
    def spreads(self) -> Table:
        """The squared scales of every state, as (K, D) or as matrices (K, D, D)."""
        return kinds.directions(self.covariance_type, self.scales, self.states, self.size)

    def log_density(self, x: Array) -> Table:
        """See `Density`."""
        distance, volume = kinds.distances(x, self.means, self.spreads)
        return (_peak(self.df, self.size) - 0.5 * volume)[:, None].T + _tail(distance, self.df, self.size).T

    def free(self) -> int:
        """See `Emission`."""
        return int(plain(self.means).size + plain(self.df).size) + kinds.free(self.covariance_type, self.scales)

    def typical(self) -> Array | None:
        """See `Emission`."""
        return np.where(plain(self.df)[:, None] > 1, plain(self.means), np.nan)  # with heavier tails there is no mean

    def draw(self, states: Array, rng: np.random.Generator) -> Array:
        """See `Density`."""
        df = plain(self.df)[states]
        noise = kinds.noise(plain(self.spreads), states, rng) * np.sqrt(df / rng.chisquare(df))[:, None]
        return plain(self.means)[states] + noise

    def log_prior(self, priors: Priors) -> float:
        """See `Emission`."""
        return self._prior(priors).log_density(plain(self.means), plain(self.spreads))

    def _prior(self, priors: Priors) -> NormalWishart:
        return NormalWishart.of(priors, "scales", self.covariance_type, self.states, self.size)

    def fitted_with(self, x: Array, weights: Array, learn: frozenset[str], priors: Priors) -> dict[str, Array]:
        """Means and scales by one step of reweighting, then the degrees of freedom (ECME, Liu and Rubin, 1994)."""
        distance, _ = kinds.distances(x, self.means, self.spreads)
        near = weights * ((self.df + self.size) / (self.df + distance.T))
        means, scales, df = self.means, self.scales, self.df
        prior = self._prior(priors) if priors else None
        used, totals = weights.sum(axis=0) > 0, weights.sum(axis=0)
        if "means" in learn:
            means = kinds.weighted(x, near, means, prior)
        if "scales" in learn:
            scales = kinds.fitted(
                self.covariance_type, x, near, means, self._least(x), totals, before=self.scales, prior=prior
            )
        if "df" in learn:
            spreads = kinds.directions(self.covariance_type, scales, self.states, self.size)
            spreads = np.where(used.reshape(-1, *[1] * (spreads.ndim - 1)), spreads, self.spreads)
            distance, _ = kinds.distances(x, means, spreads)
            df = self._better_df(distance, weights.T, totals)
        return {"means": means, "scales": scales, "df": df}

    def _least(self, x: Array) -> float | None:
        """The floor; None where the interquartile range is 0, or nothing was observed, to fall back to the variance."""
        if self.floor is not None or not len(x):
            return self.floor
        low, high = np.quantile(x, [0.25, 0.75], axis=0)
        least = float(np.square(high - low).min())
        return kinds.RELATIVE * least if least > 0 else None

    def narrow(self, data: Array) -> list[int]:
        """See `Emission`."""
        x = data[~np.isnan(data[:, 0])]
        least = kinds.least_variances(x, self._least(x))
        return kinds.at_floor(self.covariance_type, plain(self.scales), least, self.states)

    def _better_df(self, distance: Array, weights: Array, totals: Array) -> Array:
        """A Newton step in log df for all states, halved until it improves the likelihood."""

        def gain(log_df: Array) -> Array:
            df = np.exp(log_df)
            return totals * _peak(df, self.size) + (weights * _tail(distance, df, self.size)).sum(axis=1)

        at = np.log(self.df)
        before, low, high = gain(at), gain(at - STEP), gain(at + STEP)
        slope, bend = (high - low) / (2 * STEP), (high - 2 * before + low) / STEP**2
        step = np.clip(np.where(bend < 0, -slope / np.where(bend < 0, bend, 1.0), np.sign(slope)), -1.0, 1.0)
        new = np.clip(at + step, np.minimum(at, np.log(LEAST)), np.maximum(at, np.log(MOST)))
        for _ in range(4):
            worse = gain(new) < before
            if not worse.any():
                return np.exp(new)
            new = np.where(worse, (at + new) / 2, new)
        return np.where(gain(new) < before, self.df, np.exp(new))


def _peak(df: Any, size: int) -> Any:
    """The part of the log density that depends only on the degrees of freedom."""
    return log_gamma((df + size) / 2) - log_gamma(df / 2) - 0.5 * size * np.log(df * np.pi)


def _tail(distance: Any, df: Any, size: int) -> Any:
    """The part of the log density that falls with the squared distance, (K, rows)."""
    return -0.5 * (df + size)[:, None] * np.log1p(distance / df[:, None])
