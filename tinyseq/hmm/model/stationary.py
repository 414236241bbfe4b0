"""Long-run behaviour of a chain: its stationary distribution."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def stationary(transition: NDArray[Any], end: NDArray[Any] | None = None) -> NDArray[Any]:
    """The stationary distribution over histories, (K,) * (n - 1): one step leaves it unchanged.

    States are eliminated one by one, without subtractions, so that each share has full precision, however rarely a
    state is entered or left. (Grassmann, Taksar and Heyman, 1985.)

    Args:
        transition: (K,) * n, probabilities.
        end: (K,), the probabilities of stopping, or None.

    Raises:
        ValueError: if the chain stops, if a row does not sum to 1, there are several stationary distributions, or
            probabilities are too small for it.
    """
    if not np.allclose(transition.sum(axis=-1), 1) or (end is not None and (end > 0).any()):
        raise ValueError("a chain that stops or has a dead end has no stationary distribution; every row must sum to 1")
    step = between_histories(transition)
    shares, lasting = np.zeros(len(step)), _recurrent(step > 0)
    left = step[np.ix_(lasting, lasting)]
    leaving = np.ones(len(left))
    for k in range(len(left) - 1, 0, -1):  # a visit to k goes on as the first step from k to a state before it
        leaving[k] = left[k, :k].sum()
        if not leaving[k]:
            raise ValueError("transition has probabilities so small that products of several are 0 in floating point")
        left[:k, :k] += left[:k, k, None] * (left[k, :k] / leaving[k])
    found = np.ones(len(left))
    for k in range(1, len(left)):
        entering = found[:k] @ left[:k, k]
        if entering > leaving[k]:  # relative to the largest, so that none overflows
            found[:k] *= leaving[k] / entering
        else:
            found[k] = entering / leaving[k]
    shares[lasting] = found / found.sum()
    return np.reshape(shares, transition.shape[:-1])


def _recurrent(possible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which states a chain returns to again and again.

    Raises:
        ValueError: if they are not reachable from each other.
    """
    reached = possible | np.eye(len(possible), dtype=bool)
    while True:
        ways = reached.astype(np.float32)
        more = ways @ ways > 0
        if (more == reached).all():
            break
        reached = more
    lasting = np.asarray(~(reached & ~reached.T).any(axis=1))
    if not reached[np.ix_(lasting, lasting)].all():
        raise ValueError(
            "the chain has several stationary distributions: parts of it are not reachable from each other"
        )
    return lasting


def leaving(rows: NDArray[Any], staying: NDArray[np.bool_], end: NDArray[Any] | float) -> NDArray[Any]:
    """The probability that a visit is over after a step, (H,): a sum, as 1 - (that of staying) would lose small ones.

    Args:
        rows: (H, S), the transitions out of each history.
        staying: which of them go on with the visit.
        end: (H,), the probability of stopping; 0 if there is none.
    """
    return np.where((rows > 0).any(axis=1), rows.sum(axis=1, where=~staying, dtype=np.float64) + end, 1.0)


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
