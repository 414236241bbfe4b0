"""Chapter 12: the backward recursion, and the posterior."""

from collections.abc import Iterator

import numpy as np

from tinyseq.exercises.chains.ch10_forward_viterbi import chain_inputs, forward
from tinyseq.exercises.inputs import Rng
from tinyseq.exercises.record import Case, exercise


def later_inputs(rng: Rng) -> Iterator[Case]:
    """A model without its initial distribution, and observations."""
    for _, *rest in chain_inputs(rng):
        yield tuple(rest)


@exercise(
    12,
    "The backward recursion",
    r"""
    $\beta_t(i) = P(o_{t+1}, \ldots, o_T \mid s_t = i)$: the probability of the observations still to come, given
    the state. It starts at the end with $\beta_T(i) = 1$ and goes back in time. Return one row for each observation.
    """,
    inputs=later_inputs,
    edits=r"""
    the transitions are transposed: from and to are swapped
        transition @ => transition.T @
    each step uses its own observation, not the next one
        observations[t + 1] => observations[t]
    the emission probability is that of the current state, not of the next one
        transition @ (emission[:, observations[t + 1]] * beta[t + 1]) =>
            emission[:, observations[t + 1]] * (transition @ beta[t + 1])
    the last row is the last emission; nothing comes after the last observation
        beta = np.ones((steps, len(transition))) => beta = np.tile(emission[:, observations[-1]], (steps, 1))
    only the best next state is used; sum over all of them
        transition @ (emission[:, observations[t + 1]] * beta[t + 1]) =>
            (transition * (emission[:, observations[t + 1]] * beta[t + 1])).max(1)
    the rows are normalised
        return beta => return beta / beta.sum(1, keepdims=True)
    the rows are in reverse order
        return beta => return beta[::-1]
    the last row is 0, so all rows are; it should be 1
        beta = np.ones((steps, len(transition))) => beta = np.zeros((steps, len(transition)))
    the emissions are left out
        (emission[:, observations[t + 1]] * beta[t + 1]) => beta[t + 1]
    """,
)
def backward(transition: np.ndarray, emission: np.ndarray, observations: np.ndarray) -> np.ndarray:
    """The backward probabilities.

    Args:
        transition: (K, K), from row to column.
        emission: (K, V).
        observations: T >= 1 whole numbers from 0 to V - 1.

    Returns:
        (T, K); element t, i is the probability of the observations after t, given state i at t.
    """
    steps = len(observations)
    beta = np.ones((steps, len(transition)))
    for t in range(steps - 2, -1, -1):
        beta[t] = transition @ (emission[:, observations[t + 1]] * beta[t + 1])
    return beta


def table_inputs(rng: Rng) -> Iterator[Case]:
    """Forward and backward tables."""
    for case in chain_inputs(rng):
        yield forward(*case), backward(*case[1:])


@exercise(
    12,
    "The posterior of the states",
    r"""
    Given the tables $\alpha_t(i) = P(o_1, \ldots, o_t, s_t = i)$ and
    $\beta_t(i) = P(o_{t+1}, \ldots, o_T \mid s_t = i)$, compute $P(s_t = i \mid o_1, \ldots, o_T)$: given all
    observations, including those after $t$.
    """,
    inputs=table_inputs,
    properties=[lambda case, value: None if np.allclose(np.sum(value, 1), 1) else "a row does not sum to 1"],
    edits=r"""
    the later observations are left out: this is the filtered distribution
        joint = alpha * beta => joint = alpha
    the earlier observations are left out: alpha is not used
        joint = alpha * beta => joint = beta
    the joint probabilities are not divided by the probability of the observations
        joint / joint.sum(1, keepdims=True) => joint
    the result is normalised over time, not over the states
        joint.sum(1, keepdims=True) => joint.sum(0)
    the tables are added; they must be multiplied
        alpha * beta => alpha + beta
    the result is normalised over all times and states together
        joint.sum(1, keepdims=True) => joint.sum()
    only the most likely state is returned, with probability 1
        joint / joint.sum(1, keepdims=True) => np.eye(alpha.shape[1])[joint.argmax(1)]
    the two tables are taken at different steps: one is a step late
        joint = alpha * beta => joint = alpha * np.roll(beta, -1, 0)
    """,
)
def posterior(alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """The distribution of each state, given all observations.

    Args:
        alpha: the forward probabilities (T, K).
        beta: the backward probabilities (T, K).

    Returns:
        (T, K), rows that sum to 1.
    """
    joint = alpha * beta
    return joint / joint.sum(1, keepdims=True)
