"""Long-run behaviour of a chain: its stationary distribution."""

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
