"""Long-run behaviour of a chain: its stationary distribution and the expected state durations."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def stationary(transition: NDArray[Any]) -> NDArray[Any]:
    """The stationary distribution over histories, (K,) * (n - 1): one step leaves it unchanged.

    Args:
        transition: (K,) * n, probabilities.

    Raises:
        ValueError: if a row does not sum to 1, or there are several stationary distributions.
    """
    if not np.allclose(transition.sum(axis=-1), 1):
        raise ValueError("a chain that stops or has a dead end has no stationary distribution; every row must sum to 1")
    step = between_histories(transition)
    histories = len(step)
    if np.linalg.matrix_rank(step - np.eye(histories)) < histories - 1:
        raise ValueError(
            "the chain has several stationary distributions: parts of it are not reachable from each other"
        )
    equations = np.concatenate([step.T - np.eye(histories), np.ones((1, histories))])
    found = np.linalg.lstsq(equations, np.append(np.zeros(histories), 1.0), rcond=None)[0]
    shares = np.clip(found, 0.0, None)
    return np.reshape(shares / shares.sum(), transition.shape[:-1])


def between_histories(transition: NDArray[Any]) -> NDArray[Any]:
    """The transitions from each history of n - 1 states to the next, a matrix (K ** (n - 1), K ** (n - 1)).

    A step drops the oldest state of the history and appends the new one.
    """
    states, n = transition.shape[-1], transition.ndim
    histories = states ** (n - 1)
    step = np.zeros((histories, histories))
    before = np.arange(histories)[:, None]
    step[before, before * states % histories + np.arange(states)] = transition.reshape(histories, states)
    return step


def durations(transition: NDArray[Any]) -> NDArray[Any]:
    """The expected number of steps spent in each state per visit, (K,); inf if it is never left.

    Args:
        transition: (K,) * n, probabilities.

    Raises:
        ValueError: as for `stationary` if n > 2, where the duration depends on the history.
    """
    states = transition.shape[-1]
    if transition.ndim == 2:
        leave = 1 - np.diag(transition)
        return np.where(leave > 0, 1 / np.where(leave > 0, leave, 1.0), np.inf)
    # The share of steps spent in a state is its entry rate times its expected duration.
    joint = stationary(transition)[..., None] * transition
    pairs = joint.sum(axis=tuple(range(transition.ndim - 2)))
    inside, entered = pairs.sum(axis=0), (pairs * (1 - np.eye(states))).sum(axis=0)
    return np.where(entered > 0, inside / np.where(entered > 0, entered, 1.0), np.inf)
