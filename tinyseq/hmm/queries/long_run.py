"""Long-run behaviour: the stationary distribution and the expected durations."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyseq.hmm.model import stationary as equations
from tinyseq.hmm.model.parameters import Model
from tinyseq.hmm.model.probabilities import plain
from tinyseq.hmm.queries.durations import durations

ROUNDING = 1e-12  # of the probability that a visit is not over yet


def stationary(hmm: Model) -> NDArray[Any]:
    """The stationary distribution: the long-run share of steps in each state, (K,), whatever the first state.

    Raises:
        ValueError: if there is no such distribution, as with ``end`` or time-varying transitions, or there are several.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[1.0], [1.0]]).stationary().round(3)
        array([0.667, 0.333])
    """
    transition, end = _steady(hmm)
    shares = equations.stationary(transition, end)
    return np.asarray(shares.sum(axis=tuple(range(shares.ndim - 1))))


def expected_durations(hmm: Model) -> NDArray[Any]:
    """The expected number of steps spent in each state per visit, (K,); inf if it may never be left.

    It is the mean of `durations`.

    Raises:
        ValueError: if the transitions vary with time; for n > 2, also as for `durations`.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[1.0], [1.0]]).expected_durations().round(3)
        array([10.,  5.])
    """
    transition, end = _steady(hmm)
    more = transition.ndim - 2  # steps after the first, until the whole history is the state itself
    loops = transition[(np.arange(len(transition)),) * (transition.ndim - 1)]  # the rows of histories of one state
    lasting = 1 - np.cumsum(durations(hmm, max(more, 1)).probabilities, axis=1)[:, :more]
    lasting = np.concatenate([np.ones((len(loops), 1)), np.where(lasting > ROUNDING, lasting, 0.0)], axis=1)
    away = equations.leaving(loops, np.eye(len(loops), dtype=bool), 0.0 if end is None else end)
    rest = np.where(away > 0, 1 / np.where(away > 0, away, 1.0), np.inf)
    return np.asarray(lasting[:, :-1].sum(axis=1) + np.where(lasting[:, -1] > 0, lasting[:, -1] * rest, 0.0))


def _steady(hmm: Model) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """The transitions, if they do not vary with time, and the end."""
    longest = hmm.parameters.longest
    if longest is not None:
        raise ValueError(f"the transitions vary with time, for up to {longest} steps: there is no long run")
    end = hmm.parameters.end
    return plain(hmm.parameters.transition), None if end is None else plain(end)
