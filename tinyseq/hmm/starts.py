"""Places to start learning from. Baum-Welch goes uphill, so where it begins decides which hilltop it finds.

States that are nearly alike sit on a saddle, where every step gains next to nothing until chance tells them apart. So a
start makes them different: rows are drawn evenly from all distributions, states tend to stay, and means lie far apart.
"""

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.emissions import redrawn

TRIES = 5  # how many observations each next centre is chosen from


def redrawn_transition(transition: Array, rng: np.random.Generator) -> Array:
    """Random rows with the zeros and the sums of the given ones, in which each state stays with one random share.

    Args:
        transition: (..., K, K), from the last known state to the next.
        rng: where the randomness comes from.
    """
    rows = redrawn(transition, rng)
    stay = np.eye(transition.shape[-1]) * (transition > 0)
    share = rng.uniform(0.0, 0.9) * stay.sum(axis=-1, keepdims=True)  # 0 for a state that may not stay
    mixed: Array = (1 - share) * rows + share * stay * rows.sum(axis=-1, keepdims=True)
    return mixed


def spread_out(points: Array, number: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Points that lie far apart from each other, and which of them is the nearest one to each point.

    Each next one is drawn with a chance in proportion to its squared distance from those before, in units of each
    axis's standard deviation; the best of a few draws is taken. (k-means++: Arthur and Vassilvitskii 2007.)

    Args:
        points: (N, D), at least ``number`` of them.
        number: how many to choose.
        rng: where the randomness comes from.

    Returns:
        The chosen points (number, D), and for each point the number of its nearest (N,).
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
