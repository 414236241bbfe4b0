"""k-means clustering of observations, to initialise emissions."""

import numpy as np

from tinyseq.backend import Array

TRIES = 5  # number of candidates for each next centre


def kmeans(x: Array, count: int, rng: np.random.Generator, steps: int = 50) -> tuple[Array, Array]:
    """Cluster observations: k-means++ for the first centres, then Lloyd's algorithm until no assignment changes.

    Features are standardised first, so that the result does not depend on their units.

    Args:
        x: (rows, D), finite numbers.
        count: the number of clusters.
        rng: random generator for the first centres.
        steps: the maximum number of iterations.

    Returns:
        The centres (count, D), and the cluster of each row (rows,). If there are fewer distinct rows than clusters,
        some clusters are empty.

    Example:
        >>> centres, groups = kmeans(np.array([[1.0], [1.2], [7.0], [7.4]]), 2, np.random.default_rng(0))
        >>> sorted(centres[:, 0].tolist()), bool(groups[0] == groups[1] != groups[2])
        ([1.1, 7.2], True)
    """
    middle, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    y = (x - middle) / spread
    centres, groups = spread_out(y, count, rng)
    for _ in range(steps):
        weights = np.bincount(groups, minlength=count)
        sums = np.stack([np.bincount(groups, weights=column, minlength=count) for column in y.T], axis=1)
        centres = np.where(weights[:, None] > 0, sums / np.maximum(weights, 1)[:, None], centres)
        moved = _nearest(y, centres)
        if (moved == groups).all():
            break
        groups = moved
    return centres * spread + middle, groups


def spread_out(points: Array, number: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Choose points that lie far apart, and find the nearest of them for each point.

    Each next one is drawn with a probability proportional to its squared distance from those already chosen, in units
    of each axis's standard deviation; the best of a few draws is kept. (k-means++: Arthur and Vassilvitskii, 2007.)

    Args:
        points: (N, D), at least ``number`` of them.
        number: how many to choose.
        rng: random generator.

    Returns:
        The chosen points (number, D), and the index of the nearest one for each point (N,).
    """
    deviation = points.std(axis=0)
    scaled = (points - points.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    chosen = [int(rng.integers(len(points)))]
    distance = np.square(scaled - scaled[chosen[0]]).sum(axis=1)
    nearest = np.zeros(len(points), dtype=np.intp)
    for i in range(1, number):
        total = distance.sum()
        drawn = rng.choice(len(points), TRIES, p=distance / total if total > 0 else None)
        away = np.square(scaled - scaled[drawn, None]).sum(axis=2)
        best = int(np.minimum(away, distance).sum(axis=1).argmin())
        chosen.append(int(drawn[best]))
        nearest = np.where(away[best] < distance, i, nearest)
        distance = np.minimum(away[best], distance)
    return points[chosen], nearest


def _nearest(y: Array, centres: Array) -> Array:
    distances = np.stack([np.square(y - centre).sum(axis=1) for centre in centres])
    return distances.argmin(axis=0)
