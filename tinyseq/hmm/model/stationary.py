"""What a chain does in the long run: where it is, and for how long it stays."""

import numpy as np

from tinyseq.backend import Array


def stationary(transition: Array) -> Array:
    """The distribution over histories (K,) * (n - 1) that a step leaves as it is.

    Args:
        transition: (K,) * n, probabilities.

    Raises:
        ValueError: for rows that do not sum to 1, or if there are several such distributions.
    """
    states, n = transition.shape[-1], transition.ndim
    if not np.allclose(transition.sum(axis=-1), 1):
        raise ValueError(
            "a chain that stops, or leads nowhere, has no stationary distribution; every row must sum to 1"
        )
    histories = states ** (n - 1)
    # The history after a step is the one before without its oldest state, and with the new one.
    step = np.zeros((histories, histories))
    before = np.arange(histories)[:, None]
    after = before * states % histories + np.arange(states)
    step[before, after] = transition.reshape(histories, states)
    if np.linalg.matrix_rank(step - np.eye(histories)) < histories - 1:
        raise ValueError(
            "the chain has several stationary distributions: parts of it cannot be reached from each other"
        )
    equations = np.concatenate([step.T - np.eye(histories), np.ones((1, histories))])
    found = np.linalg.lstsq(equations, np.append(np.zeros(histories), 1.0), rcond=None)[0]
    shares: Array = np.maximum(found, 0.0)
    return (shares / shares.sum()).reshape(transition.shape[:-1])


def durations(transition: Array) -> Array:
    """How many steps each state is kept on average once it is entered, (K,); inf if it is never left.

    Args:
        transition: (K,) * n, probabilities.

    Raises:
        ValueError: as `stationary`, for n > 2, where the stay depends on the history.
    """
    states = transition.shape[-1]
    if transition.ndim == 2:
        leave = 1 - np.diag(transition)
        return np.where(leave > 0, 1 / np.where(leave > 0, leave, 1.0), np.inf)
    # The share of the steps in a state is how often it is entered times how long it is kept.
    joint = stationary(transition)[..., None] * transition
    pairs = joint.sum(axis=tuple(range(transition.ndim - 2)))
    inside, entered = pairs.sum(axis=0), (pairs * (1 - np.eye(states))).sum(axis=0)
    return np.where(entered > 0, inside / np.where(entered > 0, entered, 1.0), np.inf)
