"""The kinds of covariances that normal distributions may have: what they mean, and how they are fitted.

========== ============ =====================================================
kind       shape        meaning
========== ============ =====================================================
spherical  (K,)         one variance for all directions
diag       (K, D)       a variance for each feature
full       (K, D, D)    any covariance
tied       (D, D)       any covariance, the same in all states
========== ============ =====================================================

These are the names that hmmlearn and scikit-learn use.
"""

from typing import Any

import numpy as np

from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array
from tinyseq.hmm.probabilities import plain

LOG_2PI = float(np.log(2 * np.pi))
KINDS = ("spherical", "diag", "full", "tied")


def kind_of(covariances: Any, given: str | None) -> str:
    """The kind that is given, or that the shape says: full where it has three axes, else diag.

    Raises:
        ValueError: for an unknown kind.
    """
    if given is not None and given not in KINDS:
        raise ValueError(f"covariance_type must be one of {', '.join(map(repr, KINDS))}; got {given!r}")
    return given or ("full" if covariances.ndim == 3 else "diag")


def shape_of(kind: str, states: int, size: int) -> tuple[int, ...]:
    """The shape of covariances of a kind."""
    return {"spherical": (states,), "diag": (states, size), "full": (states, size, size), "tied": (size, size)}[kind]


def directions(kind: str, covariances: Any, states: int, size: int) -> Any:
    """The same for every state: variances (K, D) where features are independent, else matrices (K, D, D)."""
    if kind == "spherical":
        return covariances[:, None] * np.ones(size)
    return covariances * np.ones((states, 1, 1)) if kind == "tied" else covariances


def check(kind: str, covariances: Array, floor: float, name: str = "covariances") -> None:
    """Refuse what is no covariance, or below the floor.

    Raises:
        ValueError: with the state.
    """
    full = kind in ("full", "tied")
    values = covariances[None] if kind == "tied" else covariances
    values = values[:, None] if kind == "spherical" else values
    least = np.linalg.eigvalsh(values).min(axis=-1) if full else values.min(axis=-1)
    good = least > 0
    if full:
        good &= np.isclose(values, values.swapaxes(-1, -2)).all(axis=(-1, -2))
    if not good.all():
        place = name if kind == "tied" else f"{name}[{int(np.argmin(good))}]"
        raise ValueError(f"{place} is not symmetric with positive variances in every direction")
    rounding = 1e-12 * values.reshape(len(values), -1).max(axis=1)
    low = least + rounding < floor * (1 - 1e-6)  # which learning would widen, and the likelihood could fall
    if low.any():
        state = int(np.argmax(low))
        place = name if kind == "tied" else f"{name}[{state}]"
        raise ValueError(
            f"{place} has a variance of {least[state]:.3g}, below the floor of {floor:.3g}; give floor= a "
            "smaller number"
        )


def distances(x: Array, means: Any, spreads: Any) -> tuple[Any, Any]:
    """Squared distances from each mean in units of the spread, (K, rows), and the logs of the volumes, (K,).

    Args:
        x: (rows, D).
        means: (K, D); an array or a tensor, as is the next.
        spreads: variances (K, D), or matrices (K, D, D).
    """
    away = x.T[None] - means[:, :, None]  # observations along the last axis, where NumPy is fast
    if spreads.ndim == 2:
        return np.sum(away * away / spreads[:, :, None], axis=1), np.sum(np.log(spreads), axis=1)
    roots = np.linalg.cholesky(spreads)
    white: Any = np.linalg.solve(roots, away)
    return np.sum(white * white, axis=1), 2 * np.sum(np.log(np.diagonal(roots, axis1=1, axis2=2)), axis=1)


def noise(spreads: Array, states: Array, rng: np.random.Generator) -> Array:
    """Normal noise with the spread of each state, (rows, D)."""
    drawn = rng.normal(size=(len(states), spreads.shape[1]))
    if spreads.ndim == 2:
        return np.sqrt(spreads[states]) * drawn
    found: Array = np.einsum("tij,tj->ti", np.linalg.cholesky(spreads)[states], drawn)
    return found


def weighted(x: Array, weights: Array) -> Array:
    """Weighted means (K, D); NaN for a state without weight."""
    found: Array = (weights.T @ x) / weights.sum(axis=0)[:, None]
    return found


def fitted(
    kind: str, x: Array, weights: Array, means: Array, floor: float, totals: Array | None = None, chunk: int = 4096
) -> Array:
    """The covariances that make weighted observations likeliest, given the means; NaN for a state without weight.

    Args:
        kind: of the covariances.
        x: (rows, D).
        weights: (rows, K).
        means: (K, D); those of states without weight may be anything.
        floor: no variance along any direction becomes smaller.
        totals: what the weights of each state add up to, (K,), where that is not their own sum.
        chunk: rows taken at a time.
    """
    full, (states, size) = kind in ("full", "tied"), means.shape
    scatter = np.zeros((states, size, size) if full else (states, size))
    for start in range(0, len(x), chunk):
        part, shares = x[start : start + chunk].T, weights[start : start + chunk].T
        for k in range(states):
            away = part - means[k][:, None]
            scatter[k] += (shares[k] * away) @ away.T if full else (away * away) @ shares[k]
    totals = weights.sum(axis=0) if totals is None else totals
    if kind == "tied":
        used = totals > 0
        return _widened(scatter[used].sum(axis=0)[None] / totals[used].sum(), floor)[0]
    if kind == "full":
        return _widened(scatter / totals[:, None, None], floor)
    spread = scatter / totals[:, None]
    return np.maximum(spread.mean(axis=1) if kind == "spherical" else spread, floor)


def _widened(matrices: Array, floor: float) -> Array:
    """Matrices whose eigenvalues are at least the floor; those that are NaN stay so."""
    good = np.isfinite(matrices).all(axis=(1, 2))
    spread, axes = np.linalg.eigh(matrices[good])
    found = np.full_like(matrices, np.nan)
    found[good] = np.einsum("kij,kj,klj->kil", axes, np.maximum(spread, floor), axes)
    return found


def columns(values: Any) -> Any:
    """Parameters with an axis for D, also where D = 1; tensors stay tensors.

    Raises:
        ValueError: for a single number.
    """
    if isinstance(values, Tensor):
        values = values if values.dtype.kind == "f" else values.numpy().astype(np.float64)
    else:
        values = np.array(plain(values), dtype=np.float64)
    if values.ndim == 0:
        raise ValueError("means and covariances need an entry for each state, got a number")
    return values.reshape(-1, 1) if values.ndim == 1 else values
