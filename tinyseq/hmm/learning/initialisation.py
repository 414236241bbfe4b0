"""Initialisation for Baum-Welch, which finds a local maximum that depends on where it starts.

Nearly identical states are a saddle point of the likelihood, where progress is very slow. So random starts make the
states differ: rows are drawn uniformly from all distributions, states tend to persist, and means are far apart
(`tinyseq.hmm.emissions.densities.groups`).
"""

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.emissions import Rows, redrawn
from tinyseq.hmm.model.parameters import Parameters
from tinyseq.hmm.model.probabilities import plain


def redrawn_transition(transition: Array, rng: np.random.Generator) -> Array:
    """Random rows with the same zeros and sums; one random share of each row goes to staying in the state.

    Args:
        transition: (..., K, K), from the last known state to the next.
        rng: the random number generator.
    """
    rows = redrawn(transition, rng)
    stay = np.eye(transition.shape[-1]) * (transition > 0)
    share = rng.uniform(0.0, 0.9) * stay.sum(axis=-1, keepdims=True)  # 0 for a state that may not stay
    return (1 - share) * rows + share * stay * rows.sum(axis=-1, keepdims=True)


def shuffled(model: Parameters, rows: Rows, rng: np.random.Generator) -> Parameters:
    """Random tables with the same zeros as the model's."""
    initial = tuple(redrawn(plain(table), rng) for table in model.tables)
    transition = redrawn_transition(plain(model.transition), rng)
    return model.replaced(initial, transition, model.emissions.shuffled(rows.data, rng), model.end)
