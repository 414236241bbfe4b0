"""Drawing from rows of probabilities, and counts as shares."""

import numpy as np

from tinyseq.backend import Array


def draw(probabilities: Array, rng: np.random.Generator) -> Array:
    """One index for each row of probabilities (..., K)."""
    edges = np.cumsum(probabilities, axis=-1)
    points = rng.random(edges.shape[:-1]) * edges[..., -1]
    found: Array = (edges <= points[..., None]).sum(axis=-1)
    return found


def redrawn(probabilities: Array, rng: np.random.Generator) -> Array:
    """Random rows with the zeros, and the sums, of the given ones."""
    weights = rng.gamma(1.0, size=probabilities.shape) * (probabilities > 0)
    return shares(weights, probabilities) * probabilities.sum(axis=-1, keepdims=True)


def shares(counts: Array, otherwise: Array) -> Array:
    """Each row's counts over their sum; a row without any is taken from ``otherwise``."""
    total = counts.sum(axis=-1, keepdims=True)
    return np.where(total > 0, counts / np.where(total > 0, total, 1.0), otherwise)
