"""Emissions that are mixtures of normal distributions."""

from typing import Any, Self

import numpy as np

from tinyseq.arguments import number
from tinyseq.autograd.declare import FUNCTIONS
from tinyseq.autograd.tensor import Tensor, TensorLike
from tinyseq.backend import Array
from tinyseq.hmm.emissions.densities import covariances as kinds
from tinyseq.hmm.emissions.densities.gaussian import Gaussian
from tinyseq.hmm.emissions.densities.groups import kmeans
from tinyseq.hmm.emissions.densities.priors import Conjugate, broadcast, counts, log_dirichlet, pair
from tinyseq.hmm.emissions.draws import draw, free_shares, require_shares, shares
from tinyseq.hmm.emissions.emission import Priors
from tinyseq.hmm.model.probabilities import Table, log_of, plain
from tinyseq.torch_names.settings import explained


class GaussianMixture(Conjugate):
    """A mixture of normal distributions in each state, for densities with several peaks or other shapes.

    Args:
        weights: (K, M), the probability of each component in each state.
        means: (K, M, D), or (K, M) if D = 1.
        covariances: variances (K, M, D) (or (K, M)), full covariances (K, M, D, D), or as ``covariance_type`` says.
        floor: the least variance in any direction, as for `Gaussian`.
        covariance_type: ``"diag"``, ``"full"``, ``"spherical"`` (K, M), or ``"tied"`` (D, D), one for all components of
            all states; by default full if there are four axes, else diag.

    Raises:
        ValueError: if shapes do not match, or the weights of a state are not a probability distribution; otherwise as
            for `Gaussian`.

    Example:
        >>> from tinyseq.hmm import HMM, GaussianMixture
        >>> two_peaks = GaussianMixture([[0.5, 0.5], [1.0, 0.0]], [[-5.0, 5.0], [0.0, 0.0]], np.ones((2, 2)))
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], two_peaks)
        >>> hmm.viterbi([-4.8, 5.5, -5.1, 0.3, 0.1]).path.tolist()
        [0, 0, 0, 1, 1]
    """

    arrays = ("weights", "means", "covariances")
    settings = ("floor", "covariance_type")
    conjugate = ("weights", "means", "covariances")

    @explained
    def __init__(
        self,
        weights: TensorLike,
        means: TensorLike,
        covariances: TensorLike,
        floor: float | None = None,
        covariance_type: str | None = None,
    ) -> None:
        self.weights = self.taken("weights", weights)
        if self.weights.ndim != 2:
            raise ValueError(f"weights must have shape (states, components), got {self.weights.shape}")
        require_shares("weights", self.weights)
        self.means, values = self.taken("means", means), self.taken("covariances", covariances)
        self.means = self.means[..., None] if self.means.ndim == 2 else self.means
        states: int = self.weights.shape[0]
        self.components: int = self.weights.shape[1]
        shape = self.means.shape
        if self.means.ndim != 3 or shape[:2] != self.weights.shape:
            raise ValueError(
                f"means must have shape ({states}, {self.components}, D), as weights are {self.weights.shape}; got "
                f"{shape}"
            )
        implied = "full" if values.ndim == 4 else "diag"
        self.covariance_type = kinds.kind_of(values, implied if covariance_type is None else covariance_type)
        if self.covariance_type == "diag" and values.ndim == 2:
            values = values[..., None]
        one = kinds.shape_of(self.covariance_type, self.components, shape[2])
        wanted = one if self.covariance_type == "tied" else (states, *one)
        if values.shape != wanted:
            raise ValueError(f"covariances must have shape {wanted}, as means are {shape}; got {values.shape}")
        self.covariances, self.floor = values, None if floor is None else number("floor", floor)
        self.shared = ("covariances",) if self.covariance_type == "tied" else ()
        super().__init__(states, shape[2])
        self._single()  # raises an error if a covariance is invalid

    def _single(self) -> Gaussian:
        """All components of all states as the states of one model, (K M)."""
        count, values = self.states * self.components, self.covariances
        if self.covariance_type != "tied":
            values = values.reshape(count, *values.shape[2:])
        return Gaussian(self.means.reshape(count, self.size), values, self.floor, self.covariance_type)

    def _joint(self, x: Array) -> Any:
        """The joint log densities of observation and component, (rows, K, M)."""
        return self._single().log_density(x).reshape(len(x), self.states, self.components) + log_of(self.weights)

    def log_density(self, x: Array) -> Table:
        """See `Density`."""
        joint = self._joint(x)
        if isinstance(joint, Tensor):
            return FUNCTIONS["logsumexp"](joint, axis=2)
        return _log_sum(joint)[0]

    def free(self) -> int:
        """See `Emission`."""
        numbers = int(plain(self.means).size) + kinds.free(self.covariance_type, self.covariances)
        return free_shares(plain(self.weights)) + numbers

    def typical(self) -> Array | None:
        """See `Emission`."""
        return (plain(self.weights)[:, :, None] * plain(self.means)).sum(axis=1)

    def draw(self, states: Array, rng: np.random.Generator) -> Array:
        """See `Density`."""
        component = draw(plain(self.weights), rng, states)
        return self._single().draw(states * self.components + component, rng)

    def log_prior(self, priors: Priors) -> float:
        """See `Emission`; each component has a prior of its own."""
        found = log_dirichlet("weights", priors["weights"], plain(self.weights)) if "weights" in priors else 0.0
        return found + self._single().log_prior(self._of_components(priors))

    def _of_components(self, priors: Priors) -> dict[str, Any]:
        """Priors of means and covariances as those of the states of `_single`."""
        each, found = self.weights.shape, {}
        for name in priors.keys() & {"means", "covariances"}:
            value, weight = pair(name, priors[name], "mean, weight" if name == "means" else "scatter, weight")
            if name == "means" or self.covariance_type != "tied":
                if np.shape(value) in (getattr(self, name).shape, each if self.size == 1 else None):
                    value = np.reshape(value, (each[0] * each[1], *np.shape(value)[2:]))
                weight = broadcast(name, weight, each, 0).reshape(-1)
            found[name] = (value, weight)
        return found

    def fitted_with(self, x: Array, weights: Array, learn: frozenset[str], priors: Priors) -> dict[str, Array]:
        """One step of EM over the components."""
        parts = np.empty((len(x), self.states, self.components))
        for start in range(0, len(x), 2048):
            part = slice(start, start + 2048)
            parts[part] = _log_sum(self._joint(x[part]))[1] * weights[part, :, None]
        of_parts = parts.reshape(len(x), self.states * self.components)
        single = self._single().learned(x, of_parts, learn, self._of_components(priors))
        uses = parts.sum(axis=0)
        if "weights" in priors:
            uses += counts("weights", priors["weights"], plain(self.weights))
        return {
            "weights": shares(uses, plain(self.weights)),
            "means": single.means.reshape(self.means.shape),
            "covariances": single.covariances.reshape(self.covariances.shape),
        }

    def narrow(self, data: Array) -> list[int]:
        """See `Emission`."""
        return sorted({component // self.components for component in self._single().narrow(data)})

    def _from_groups(self, data: Array, rng: np.random.Generator, steps: int) -> Self:
        """Clusters for the states, and clusters within these for their components."""
        data = data[~np.isnan(data[:, 0])]
        if not len(data):
            return self
        _, groups = kmeans(data, self.states, rng, steps)
        for k in range(self.states):
            inside = groups == k
            if inside.any():
                _, parts = kmeans(data[inside], self.components, rng, steps)
                groups[inside] = -1 - (k * self.components + parts)  # negative: done
        labels = np.eye(self.states * self.components)[-1 - groups]
        single = self._single().learned(data, labels)
        sizes = labels.sum(axis=0).reshape(self.weights.shape)
        return self.replaced(
            weights=shares(sizes, plain(self.weights)),
            means=single.means.reshape(self.means.shape),
            covariances=single.covariances.reshape(self.covariances.shape),
        )


def _log_sum(joint: Array) -> tuple[Array, Array]:
    """The log-sum-exp over the last axis, (rows, K), and each term's share in it, (rows, K, M)."""
    top = joint.max(axis=2, keepdims=True)
    top = np.where(top > -np.inf, top, 0.0)
    parts = np.exp(joint - top)
    total = parts.sum(axis=2, keepdims=True)
    with np.errstate(divide="ignore"):
        return (np.log(total) + top)[..., 0], parts / np.where(total > 0, total, 1.0)
