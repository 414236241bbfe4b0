"""The covariance types of normal distributions: what they mean, and how they are fitted.

========== ============ =====================================================
kind       shape        meaning
========== ============ =====================================================
spherical  (K,)         one variance for all directions
diag       (K, D)       a variance for each feature
full       (K, D, D)    an unrestricted covariance for each state
tied       (D, D)       one unrestricted covariance for all states
========== ============ =====================================================

These are the names that hmmlearn and scikit-learn use.
"""

from typing import Any

import numpy as np

from tinyseq.arguments import number
from tinyseq.backend import Array
from tinyseq.hmm.emissions.densities.density import Density
from tinyseq.hmm.emissions.densities.priors import NormalWishart
from tinyseq.hmm.model.probabilities import in_recording, plain

LOG_2PI = float(np.log(2 * np.pi))
RELATIVE = 1e-6  # the default floor, relative to the variance of the observations
CONSTANT = 1e-8  # deviations smaller than this, relative to the largest value, are rounding errors
KINDS = ("spherical", "diag", "full", "tied")


def kind_of(covariances: Any, given: str | None) -> str:
    """The given type, or else the one that the shape implies: full for three axes, else diag.

    Raises:
        ValueError: for an unknown kind.
    """
    if not isinstance(given, str | None) or (given is not None and given not in KINDS):
        raise ValueError(f"covariance_type must be one of {', '.join(map(repr, KINDS))}; got {given!r}")
    return given or ("full" if covariances.ndim == 3 else "diag")


def shape_of(kind: str, states: int, size: int) -> tuple[int, ...]:
    """The shape of covariances of a given type."""
    return {"spherical": (states,), "diag": (states, size), "full": (states, size, size), "tied": (size, size)}[kind]


def directions(kind: str, covariances: Any, states: int, size: int) -> Any:
    """Expand to every state: variances (K, D) if features are independent, else matrices (K, D, D)."""
    if kind == "spherical":
        return covariances[:, None] * np.ones(size)
    return covariances * np.ones((states, 1, 1)) if kind == "tied" else covariances


def check(kind: str, covariances: Array, floor: float | None, name: str) -> None:
    """Raise an error if a covariance is invalid, or below the floor.

    Raises:
        ValueError: naming the state.
    """
    full = kind in ("full", "tied")
    values = covariances[None] if kind == "tied" else covariances
    values = values[:, None] if kind == "spherical" else values
    least = np.linalg.eigvalsh(values).min(axis=-1) if full else values.min(axis=-1)
    good = _are_positive(values) if full else least > 0
    if not good.all():
        place = name if kind == "tied" else f"{name}[{int(np.argmin(good))}]"
        raise ValueError(f"{place} is not symmetric with positive variances in every direction")
    rounding = 1e-12 * values.reshape(len(values), -1).max(axis=1)
    low = least + rounding < (floor or 0.0) * (1 - 1e-6)
    if low.any():
        state = int(np.argmax(low))
        place = name if kind == "tied" else f"{name}[{state}]"
        raise ValueError(
            f"{place} has a variance of {least[state]:.3g}, below the floor of {floor:.3g}; pass a smaller floor="
        )


def _are_positive(matrices: Array) -> Array:
    """Which matrices are symmetric and positive definite, regardless of the units of each axis."""
    variances = np.diagonal(matrices, axis1=-2, axis2=-1)
    unit = np.sqrt(np.where(variances > 0, variances, 1.0))
    correlations = matrices / unit[:, :, None] / unit[:, None]
    symmetric = np.isclose(correlations, correlations.swapaxes(-1, -2)).all(axis=(-1, -2))
    positive = (variances > 0).all(axis=-1) & (np.linalg.eigvalsh(correlations) > 0).all(axis=-1)
    return np.asarray(positive & symmetric)


def least_variances(x: Array, floor: float | None) -> Array:
    """The floor along each axis, (D,).

    Args:
        x: (rows, D), all observations.
        floor: the floor along all axes; None for `RELATIVE` times the variance of the observations, or `RELATIVE`
            itself along an axis where they are constant.

    Example:
        >>> least_variances(np.array([[0.0, 0.0], [2e-4, 2e4], [0.0, 0.0], [2e-4, 2e4]]), None)
        array([1.e-14, 1.e+02])
    """
    if floor is not None or not len(x):
        return np.full(x.shape[1], RELATIVE if floor is None else floor)
    columns = np.ascontiguousarray(x.T)  # NumPy is slow along short rows
    variance = columns.var(axis=1)
    varies = variance > np.square(CONSTANT * np.abs(columns).max(axis=1))
    return RELATIVE * np.where(varies, variance, 1.0)


def at_floor(kind: str, covariances: Array, least: Array, states: int) -> list[int]:
    """The states with a variance at or below the floor.

    Args:
        kind: the covariance type.
        covariances: in the shape of that type.
        least: (D,), the floor along each axis.
        states: K.
    """
    near = 1 + 1e-6
    if kind in ("full", "tied"):
        matrices = covariances[None] if kind == "tied" else covariances
        unit = np.sqrt(np.outer(least, least))
        low = np.linalg.eigvalsh(matrices / np.where(unit > 0, unit, 1.0)).min(axis=-1) <= (near if unit.all() else 0.0)
        return np.flatnonzero(np.broadcast_to(low, states)).tolist()
    low = covariances <= near * (least.mean() if kind == "spherical" else least)
    return np.flatnonzero(low if low.ndim == 1 else low.any(axis=1)).tolist()


def distances(x: Array, means: Any, spreads: Any) -> tuple[Any, Any]:
    """Squared Mahalanobis distances from each mean, (K, rows), and the log-determinants, (K,).

    Args:
        x: (rows, D).
        means: (K, D); an array or a tensor, as is the next.
        spreads: variances (K, D), or matrices (K, D, D).
    """
    away = np.ascontiguousarray(x.T) - means[:, :, None]  # observations along the last axis, where NumPy is fast
    if spreads.ndim == 2 and isinstance(away, np.ndarray) and isinstance(spreads, np.ndarray):
        away *= (1 / np.sqrt(spreads))[:, :, None]
        away *= away
        return away.sum(axis=1), np.sum(np.log(spreads), axis=1)
    if spreads.ndim == 2:
        return np.sum(away * away / spreads[:, :, None], axis=1), np.sum(np.log(spreads), axis=1)
    roots = np.linalg.cholesky(spreads)
    white: Any = np.linalg.solve(roots, away)
    return np.sum(white * white, axis=1), 2 * np.sum(np.log(np.diagonal(roots, axis1=1, axis2=2)), axis=1)


def noise(spreads: Array, states: Array, rng: np.random.Generator) -> Array:
    """Normal noise with the covariance of each state, (rows, D)."""
    drawn = rng.normal(size=(len(states), spreads.shape[1]))
    if spreads.ndim == 2:
        return np.sqrt(spreads[states]) * drawn
    return np.einsum("tij,tj->ti", np.linalg.cholesky(spreads)[states], drawn)


def weighted(x: Array, weights: Array, before: Array, prior: NormalWishart | None = None) -> Array:
    """Weighted means (K, D); those from before for a state without weight."""
    sums, totals = weights.T @ x, np.ones(len(weights)) @ weights
    if prior is not None:
        sums, totals = sums + prior.weight[:, None] * prior.mean, totals + prior.weight
    return np.where(totals[:, None] > 0, sums / totals[:, None], before)


def fitted(
    kind: str,
    x: Array,
    weights: Array,
    means: Array,
    floor: float | None,
    totals: Array | None = None,
    chunk: int = 4096,
    before: Array | None = None,
    prior: NormalWishart | None = None,
) -> Array:
    """The maximum-likelihood covariances of weighted observations, given the means; NaN for states without weight.

    Args:
        kind: the covariance type.
        x: (rows, D).
        weights: (rows, K).
        means: (K, D); those of states without weight are ignored.
        floor: the least variance in any direction; None as in `least_variances`.
        totals: the divisor for each state, (K,), if it is not the sum of the weights.
        chunk: the number of rows processed at a time.
        before: the previous covariances; a variance that was below the floor already may stay as small, so that the
            likelihood cannot fall.
        prior: the prior of the means and covariances.
    """
    full, (states, size) = kind in ("full", "tied"), means.shape
    scatter = np.zeros((states, size, size) if full else (states, size))
    for start in range(0, len(x), chunk):
        part = np.ascontiguousarray(x[start : start + chunk].T)
        shares, away = np.ascontiguousarray(weights[start : start + chunk].T), np.empty_like(part)
        for k in range(states):
            np.subtract(part, means[k][:, None], out=away)
            if full:
                scatter[k] += (shares[k] * away) @ away.T
            else:
                scatter[k] += np.multiply(away, away, out=away) @ shares[k]
    totals = np.ones(len(weights)) @ weights if totals is None else totals
    more = np.zeros(1)  # of the prior
    if prior is not None:
        scatter, more = scatter + prior.scatters(means), prior.more
    least = least_variances(x, floor)
    if kind == "tied":
        whole = scatter.sum(axis=0) if prior is None else scatter.sum(axis=0) + prior.scatter[0]
        matrices = whole[None] / (totals.sum() + more)
        return _widened(matrices, least, None if before is None else before[None])[0]
    if prior is not None:
        scatter, totals = scatter + prior.scatter, totals + more
    if kind == "full":
        return _widened(scatter / totals[:, None, None], least, before)
    spread, least = scatter / totals[:, None], np.array(least.mean()) if kind == "spherical" else least
    spread = spread.mean(axis=1) if kind == "spherical" else spread
    return np.maximum(spread, least if before is None else np.minimum(least, before))


def _widened(matrices: Array, least: Array, before: Array | None) -> Array:
    """Raise eigenvalues, in units of the floor, to 1 or to their previous value if that is smaller; NaN stays NaN."""
    good = np.isfinite(matrices).all(axis=(1, 2))
    unit = np.sqrt(np.outer(least, least)) if least.all() else np.ones(matrices.shape[1:])
    limit = np.ones(len(matrices)) if least.all() else np.zeros(len(matrices))
    if before is not None:
        limit = np.minimum(limit, np.linalg.eigvalsh(before / unit)[:, 0])
    spread, axes = np.linalg.eigh(matrices[good] / unit)
    found = np.full_like(matrices, np.nan)
    found[good] = np.einsum("kij,kj,klj->kil", axes, np.maximum(spread, limit[good, None]), axes) * unit
    return found


def taken(means: Any, spreads: Any, name: str, given: str | None, floor: float | None) -> tuple[Any, Any, str]:
    """Validate the means and covariances that a constructor was given, and find their type.

    Args:
        means: (K, D), or (K,).
        spreads: covariances of any type.
        name: the name of ``spreads`` in errors.
        given: the covariance type, or None.
        floor: the least variance, or None.

    Raises:
        ValueError: if shapes do not match, values are not finite, or a covariance is invalid.
    """
    means = Density.columns("means", means)
    if means.ndim != 2:
        raise ValueError(f"means must have shape (states, D), or (states,) if D = 1; got {means.shape}")
    if floor is not None and not number("floor", floor) >= 0:
        raise ValueError(f"floor must not be negative, got {floor}")
    spreads = (Density.taken if isinstance(given, str) and given == "spherical" else Density.columns)(name, spreads)
    kind, (states, size) = kind_of(spreads, given), means.shape
    wanted = shape_of(kind, states, size)
    if spreads.shape != wanted:
        raise ValueError(f"{name} must have shape {wanted}, as means are {means.shape}; got {spreads.shape}")
    if not in_recording(spreads):
        check(kind, plain(spreads), floor, name)
    return means, spreads, kind


def free(kind: str, covariances: Any) -> int:
    """The number of free parameters in the covariances; a symmetric matrix has D (D + 1) / 2."""
    size, number = covariances.shape[-1], int(plain(covariances).size)
    return number // (size * size) * (size * (size + 1) // 2) if kind in ("full", "tied") else number
