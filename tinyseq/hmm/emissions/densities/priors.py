"""Conjugate priors: what each adds to the sufficient statistics of an M-step, and its log density.

With priors, a step maximises the expected log-likelihood plus the log density of the priors: maximum a posteriori (MAP)
estimation, as Gauvain and Lee (1994) give it for hidden Markov models. A conjugate prior acts like observations that
were made before:

=================  ==================  =====================================  ==========================================
prior              written             density, up to a constant              like
=================  ==================  =====================================  ==========================================
Dirichlet          a                   product of p^(a - 1)                   a - 1 more counts of each outcome
Gamma              (a, b)              rate^(a - 1) exp(-b rate)              a - 1 more events in b more steps
normal             (mean, weight)      exp(-weight d' inv(C) d / 2),          ``weight`` observations at ``mean``
                                       d = the state's mean - mean
inverse Wishart    (scatter, weight)   det(C)^(-weight / 2)                   ``weight`` observations with this sum of
                                       exp(-trace(scatter inv(C)) / 2)        squared deviations from the state's mean
=================  ==================  =====================================  ==========================================

C is the covariance of the state. The last two together are the normal-Wishart density of Gauvain and Lee, whose alpha
is the weight + D for full matrices, and the weight + 1 for variances.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.emissions.densities.density import Density
from tinyseq.hmm.emissions.emission import Priors


class Conjugate(Density):
    """A family with conjugate priors, named in ``priors`` of `HMM.fit_em` by the arrays that they are for.

    A subclass lists these arrays in ``conjugate``, and defines `fitted_with` in place of `Density.fitted`.
    """

    def fitted(self, x: Array, weights: Array, learn: frozenset[str]) -> Mapping[str, Array]:
        """See `Density`."""
        return self.fitted_with(x, weights, learn, {})

    @abstractmethod
    def fitted_with(self, x: Array, weights: Array, learn: frozenset[str], priors: Priors) -> Mapping[str, Array]:
        """As `Density.fitted`, for the weighted log density plus the log density of priors; `learned` calls it."""

    @abstractmethod
    def log_prior(self, priors: Priors) -> float:
        """The log density of the priors at these arrays, up to a constant.

        Raises:
            ValueError: for a prior of another shape, or that has no maximum.
        """


def counts(name: str, prior: Any, table: Array) -> Array:
    """The counts that a Dirichlet prior adds to those of each outcome; 0 for outcomes that the table rules out.

    Args:
        name: of the prior, for errors.
        prior: the parameters of the Dirichlet distribution, a number or an array that broadcasts to the table.
        table: the probabilities.

    Raises:
        ValueError: for another shape, or a parameter below 1, where the density has no maximum.
    """
    values = broadcast(name, prior, table.shape)
    if not (values >= 1).all():
        raise ValueError(
            f"the prior of {name} must be at least 1, got {values.min():.6g}: a Dirichlet density with a smaller"
            " parameter has no maximum"
        )
    return (values - 1) * (table > 0)


def log_dirichlet(name: str, prior: Any, table: Array) -> float:
    """The log density of a Dirichlet prior, up to a constant; outcomes that the table rules out are left out."""
    added = counts(name, prior, table)
    return float(np.sum(added * np.log(np.where(table > 0, table, 1.0))))


def pair(name: str, prior: Any, words: str) -> tuple[Any, Any]:
    """The two parts of a prior.

    Raises:
        TypeError: for anything that is not a pair.
    """
    if not isinstance(prior, tuple | list) or len(prior) != 2:
        raise TypeError(f"the prior of {name} must be a pair ({words}), got {prior!r}")
    return prior[0], prior[1]


def broadcast(name: str, value: Any, shape: tuple[int, ...], least: float | None = None) -> Array:
    """Numbers of a prior, as an array of this shape.

    Raises:
        ValueError: for another shape, numbers that are not finite, or below ``least``.
    """
    try:
        given = np.asarray(value, dtype=np.float64)
        found = np.broadcast_to(given, shape)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the prior of {name} must be a number or an array that broadcasts to {shape}, got"
            f" {getattr(value, 'shape', value)!r}"
        ) from error
    if not np.isfinite(found).all() or (least is not None and not (found >= least).all()):
        what = "finite" if least is None else f"finite and at least {least:g}"
        raise ValueError(f"the prior of {name} must be {what}, got {value!r}")
    return found


class NormalWishart(NamedTuple):
    """The prior of the means and covariances of K normal distributions.

    Attributes:
        mean: (K, D), where the means are expected.
        weight: (K,), how many observations ``mean`` counts for.
        scatter: (K, D) or (K, D, D), as the kind of covariances has it; (1, D, D) if they are tied.
        more: (K,), how many observations ``scatter`` counts for; (1,) if they are tied.
    """

    mean: Array
    weight: Array
    scatter: Array
    more: Array

    @classmethod
    def of(cls, priors: Priors, spreads: str, kind: str, states: int, size: int) -> "NormalWishart":
        """The prior as numbers of every state; 0 where none is given.

        Args:
            priors: those of ``"means"`` and ``spreads``.
            spreads: the name of the covariances.
            kind: of the covariances.
            states: K.
            size: D.

        Raises:
            ValueError: for other shapes, weights or scatters below 0, and a scatter that counts for no observation.
            TypeError: for anything that is not a pair.
        """
        mean, weight = pair("means", priors.get("means", (0.0, 0.0)), "mean, weight")
        scatter, more = pair(spreads, priors.get(spreads, (0.0, 0.0)), "scatter, weight")
        many = 1 if kind == "tied" else states
        if size == 1 and np.shape(mean) == (states,):
            mean = np.reshape(mean, (states, 1))
        return cls(
            broadcast("means", mean, (states, size)),
            broadcast("means", weight, (states,), 0),
            _scatter(spreads, scatter, kind, many, size),
            broadcast(spreads, more, (many,), 0),
        )

    def scatters(self, means: Array) -> Array:
        """What the prior of the means adds to the scatter around each state's mean, (K, D) or (K, D, D)."""
        away = means - self.mean
        if self.scatter.ndim == 2:
            return self.weight[:, None] * away * away
        return self.weight[:, None, None] * (away[:, :, None] * away[:, None, :])

    def log_density(self, means: Array, spreads: Array) -> float:
        """The log density, up to a constant.

        Args:
            means: (K, D).
            spreads: variances (K, D), or matrices (K, D, D).
        """
        whole = self.scatters(means)
        if spreads.ndim == 2:
            variances = spreads[: len(self.scatter)]
            found = np.sum(whole / spreads) + np.sum(self.scatter / variances)
            return float(-0.5 * (found + np.sum(self.more[:, None] * np.log(variances))))
        inverse, matrices = np.linalg.inv(spreads), spreads[: len(self.scatter)]
        found = np.sum(whole * inverse) + np.sum(self.scatter * inverse[: len(self.scatter)])
        return float(-0.5 * (found + np.sum(self.more * np.linalg.slogdet(matrices)[1])))


def _scatter(name: str, value: Any, kind: str, many: int, size: int) -> Array:
    """The scatter of a prior; a number stands for that number in every direction."""
    if kind in ("full", "tied"):
        given = np.asarray(value, dtype=np.float64)
        found = broadcast(name, given * np.eye(size) if given.ndim == 0 else given, (many, size, size))
        if (
            not np.allclose(found, found.swapaxes(1, 2))
            or (np.linalg.eigvalsh(found) < -1e-9 * np.abs(found).max()).any()
        ):
            raise ValueError(f"the prior of {name} must have a symmetric scatter without negative directions")
        return found
    if kind == "spherical":
        return broadcast(name, broadcast(name, value, (many,), 0)[:, None], (many, size))
    if size == 1 and np.shape(value) == (many,):
        value = np.reshape(value, (many, 1))
    return broadcast(name, value, (many, size), 0)
