"""Emissions that are real vectors, normally distributed in each state."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyseq.autograd.op import FUNCTIONS
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array
from tinyseq.hmm.emissions import Rows
from tinyseq.hmm.probabilities import plain
from tinyseq.hmm.starts import spread_out
from tinyseq.hmm.tables import Dense, Scores

LOG_2PI = float(np.log(2 * np.pi))
FLOOR = 1e-6  # of variances, where it is not given


class Gaussian:
    """A normal distribution for each state, with a diagonal or a full covariance.

    A sequence is an array (T, D), or (T,) if D = 1. None, or a row of NaN, is a missing observation.

    Args:
        means: (K, D), or (K,) if D = 1.
        covariances: variances (K, D) (or (K,)), or full covariances (K, D, D).
        floor: no variance along any direction may be smaller than this, and none becomes so when learning.

    Raises:
        ValueError: for shapes that do not fit, for numbers that are not finite, and for covariances that are not
            positive definite, or below ``floor``.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], Gaussian([0.0, 5.0], [1.0, 1.0]))
        >>> hmm.viterbi(np.array([0.1, -0.3, 4.8, 5.5])).path.tolist()
        [0, 0, 1, 1]
    """

    def __init__(self, means: Any, covariances: Any, floor: float = FLOOR) -> None:
        self.means, self.covariances = _columns(means), _columns(covariances)
        if self.means.ndim != 2:
            raise ValueError(f"means must have shape (states, D), or (states,) if D = 1; got {self.means.shape}")
        if not floor >= 0:
            raise ValueError(f"floor must not be negative, got {floor}")
        self.states, self.size = self.means.shape
        self.full = self.covariances.ndim == 3
        self.floor = float(floor)
        wanted = (self.states, self.size, self.size) if self.full else (self.states, self.size)
        if self.covariances.shape != wanted:
            raise ValueError(
                f"covariances must have shape {wanted}, as means are {self.means.shape}; got {self.covariances.shape}"
            )
        self._check_values()

    def _check_values(self) -> None:
        values = plain(self.covariances)
        for name, part in (("means", plain(self.means)), ("covariances", values)):
            if not np.isfinite(part).all():
                place = tuple(np.argwhere(~np.isfinite(part))[0].tolist())
                raise ValueError(f"{name}{list(place)} is {part[place]}, but must be finite")
        least = np.linalg.eigvalsh(values).min(axis=-1) if self.full else values.min(axis=-1)
        good = least > 0
        if self.full:
            good &= np.isclose(values, values.swapaxes(-1, -2)).all(axis=(-1, -2))
        if not good.all():
            state = int(np.argmin(good))
            raise ValueError(f"covariances[{state}] is not symmetric with positive variances in every direction")
        rounding = 1e-12 * values.reshape(self.states, -1).max(axis=1)
        low = least + rounding < self.floor * (1 - 1e-6)  # which learning would widen, and the likelihood could fall
        if low.any():
            state = int(np.argmax(low))
            raise ValueError(
                f"covariances[{state}] has a variance of {least[state]:.3g}, below the floor of {self.floor:.3g}; "
                "give floor= a smaller number"
            )

    @property
    def parameters(self) -> tuple[Any, ...]:
        """See `Emission`."""
        return self.means, self.covariances

    def is_one(self, x: Any) -> bool:
        """Whether x is one sequence: numbers, or vectors of length D."""
        if isinstance(x, np.ndarray) and x.dtype != object:
            return x.ndim == 1 or (x.ndim == 2 and x.shape[1] == self.size)
        first: Any = next((item for item in x if item is not None), 0.0)
        if not hasattr(first, "__len__") or getattr(first, "ndim", 1) == 0:
            return True
        numbers = not any(value is None or hasattr(value, "__len__") for value in first)
        return self.size > 1 and len(first) == self.size and numbers

    def read(self, sequences: Sequence[Any]) -> Rows:
        """Sequences as arrays (T, D).

        Raises:
            ValueError: for what is no number, other shapes, infinite values, or rows of which only a part is NaN, with
                their place.
        """
        parts = [np.zeros((0, self.size))]
        for i, sequence in enumerate(sequences):
            if self.size > 1 and isinstance(sequence, list | tuple):
                sequence = [[np.nan] * self.size if item is None else item for item in sequence]
            try:
                values = np.asarray(sequence, dtype=np.float64)
            except (TypeError, ValueError) as error:
                raise ValueError(f"sequence {i}: observations must be numbers ({error})") from error
            values = values.reshape(-1, 1) if values.ndim == 1 and self.size == 1 else values
            values = values.reshape(0, self.size) if not values.size else values
            if values.ndim != 2 or values.shape[1] != self.size:
                raise ValueError(f"sequence {i}: observations must have shape (T, {self.size}), got {values.shape}")
            missing = np.isnan(values)
            wrong = np.isinf(values).any(axis=1) | (missing.any(axis=1) & ~missing.all(axis=1))
            if wrong.any():
                t = int(np.argmax(wrong))
                raise ValueError(
                    f"sequence {i}, position {t}: {values[t]} must be finite, or NaN throughout where it is missing"
                )
            parts.append(values)
        return Rows(np.concatenate(parts), [len(part) for part in parts[1:]])

    def scores(self, data: Array) -> Scores:
        """Log densities; 0 for a missing observation."""
        means, covariances = plain(self.means), plain(self.covariances)
        seen = ~np.isnan(data[:, 0])
        scores = np.zeros((len(data), self.states))
        for k in range(self.states):
            away = data[seen] - means[k]
            with np.errstate(over="ignore"):  # beyond all bounds the density is 0, and its log -inf
                if self.full:
                    root = np.linalg.cholesky(covariances[k])
                    distance = np.square(np.linalg.solve(root, away.T)).sum(axis=0)
                    log_volume = 2 * np.log(np.diag(root)).sum()
                else:
                    distance = (np.square(away) / covariances[k]).sum(axis=1)
                    log_volume = np.log(covariances[k]).sum()
            scores[seen, k] = -0.5 * (distance + log_volume + self.size * LOG_2PI)
        return Dense(scores)

    def recorded(self, data: Array) -> Tensor:
        """See `Emission`.

        Raises:
            TypeError: for parameters that require gradients, where covariances are full.
        """
        if not any(isinstance(part, Tensor) and part.requires_grad for part in self.parameters):
            return Tensor(self.scores(data).logs(np.arange(len(data))).T)
        if self.full:
            raise TypeError("gradients reach means and variances where these are diagonal; learn full ones by fit_em")
        seen = ~np.isnan(data[:, :1])
        away = np.where(seen, data, 0.0)[:, None] - self.means
        terms = away * away / self.covariances + FUNCTIONS["log"](self.covariances) + LOG_2PI
        scores = -0.5 * FUNCTIONS["sum"](terms, axis=-1)
        recorded: Tensor = FUNCTIONS["where"](seen, scores, 0.0)
        return recorded

    def sample(self, states: Array, rng: np.random.Generator) -> Array:
        """See `Emission`."""
        means, covariances = plain(self.means), plain(self.covariances)
        noise = rng.normal(size=(len(states), self.size))
        if self.full:
            roots = np.linalg.cholesky(covariances)
            drawn: Array = means[states] + np.einsum("tij,tj->ti", roots[states], noise)
        else:
            drawn = means[states] + np.sqrt(covariances[states]) * noise
        return drawn

    def learned(self, data: Array, states: Array) -> "Gaussian":
        """Weighted means and covariances; a state that is never used stays as it is."""
        means, covariances = plain(self.means).copy(), plain(self.covariances).copy()
        seen = ~np.isnan(data[:, 0])
        data, states = data[seen], states[seen]
        for k, weight in enumerate(states.T):
            total = weight.sum()
            if total > 0:
                means[k] = weight @ data / total
                away = data - means[k]
                if self.full:
                    spread, directions = np.linalg.eigh((weight[:, None] * away).T @ away / total)
                    covariances[k] = (directions * np.maximum(spread, self.floor)) @ directions.T
                else:
                    covariances[k] = np.maximum(weight @ np.square(away) / total, self.floor)
        return Gaussian(means, covariances, self.floor)

    def shuffled(self, data: Array, rng: np.random.Generator) -> "Gaussian":
        """Means at observations that lie far apart, each with the spread of all observations around their nearest."""
        data = data[~np.isnan(data[:, 0])]
        if len(data) < self.states:
            return self
        means, nearest = spread_out(data, self.states, rng)
        spread = self.learned(data - means[nearest], np.ones((len(data), self.states))).covariances
        return Gaussian(means, spread, self.floor)

    def describe(self, datum: Any) -> str:
        """See `Emission`."""
        return f"the observation {np.asarray(datum)}"

    def both(self, data: Array, other: Array) -> Array:
        """What is not missing in one or the other."""
        missing, clash = np.isnan(data), (data != other) & ~np.isnan(data) & ~np.isnan(other)
        if clash.any():
            t = int(np.argwhere(clash)[0, 0])
            raise ValueError(f"position {t}: cannot be {data[t]} and {other[t]} at once")
        return np.where(missing, other, data)


def _columns(values: Any) -> Any:
    """Parameters with an axis for D, also where D = 1; tensors stay tensors."""
    if isinstance(values, Tensor):
        values = values if values.dtype.kind == "f" else values.numpy().astype(np.float64)
    else:
        values = np.array(values, dtype=np.float64)
    if values.ndim == 0:
        raise ValueError("means and covariances need an entry for each state, got a number")
    return values.reshape(-1, 1) if values.ndim == 1 else values
