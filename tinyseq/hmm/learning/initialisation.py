"""Places to start learning from. Baum-Welch goes uphill, so where it begins decides which hilltop it finds.

States that are nearly alike sit on a saddle, where every step gains next to nothing until chance tells them apart. So a
start makes them different: rows are drawn evenly from all distributions, states tend to stay, and means lie far apart
(`tinyseq.hmm.emissions.groups`).
"""

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.emissions import redrawn


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
