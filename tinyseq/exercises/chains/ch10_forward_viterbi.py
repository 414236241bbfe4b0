"""Chapter 10: the forward recursion, the Viterbi algorithm, and log-sum-exp."""

from collections.abc import Iterator

import numpy as np

from tinyseq.exercises.inputs import Rng, cats, model
from tinyseq.exercises.record import Case, exercise


def chain_inputs(rng: Rng) -> Iterator[Case]:
    """A hidden Markov model and observations."""
    yield *cats(), np.array([0])
    yield *cats(), np.array([0, 1])
    yield *cats(), np.array([0, 1, 2])
    yield np.array([1.0]), np.array([[1.0]]), np.array([[0.25, 0.75]]), np.array([1, 0])
    for states, symbols, steps in [(2, 2, 1), (2, 2, 3), (2, 3, 4), (3, 4, 6), (4, 3, 5)]:
        yield *model(rng, states, symbols), rng.integers(0, symbols, steps)


@exercise(
    10,
    "The forward recursion",
    r"""
    Compute the forward probabilities of a hidden Markov model,
    $\alpha_t(j) = P(o_1, \ldots, o_t, s_t = j)$, one row for each observation. The model's tables are
    $\pi_i = P(s_1 = i)$, $A_{ij} = P(s_t = j \mid s_{t-1} = i)$ and $B_{jo} = P(o_t = o \mid s_t = j)$.
    """,
    inputs=chain_inputs,
    properties=[
        lambda case, value: None if np.all(np.sum(value, 1) <= 1 + 1e-9) else "a row sums to more than 1",
    ],
    edits=r"""
    the transitions are transposed: from and to are swapped
        @ transition => @ transition.T
    the first observation is left out: row 1 is the initial distribution
        initial * emission[:, observations[0]] => initial
    only the best predecessor is used: this is Viterbi's table; sum over all of them
        alpha[-1] @ transition => np.max(alpha[-1][:, None] * transition, 0)
    each step uses the observation of the step before
        observations[t]] => observations[t - 1]]
    the rows are normalised: they must sum to P(o_1, ..., o_t)
        return np.array(alpha) => return np.array(alpha) / np.sum(alpha, 1, keepdims=True)
    a transition comes before the first observation, too
        initial * emission[:, observations[0]] => initial @ transition * emission[:, observations[0]]
    the emission is multiplied in before the transition, so it belongs to the state before
        (alpha[-1] @ transition) * emission[:, observations[t]] =>
            (alpha[-1] * emission[:, observations[t]]) @ transition
    these are the logs of the probabilities
        return np.array(alpha) => return np.log(np.array(alpha))
    only the last row is returned
        return np.array(alpha) => return alpha[-1]
    """,
)
def forward(initial: np.ndarray, transition: np.ndarray, emission: np.ndarray, observations: np.ndarray) -> np.ndarray:
    """The forward probabilities.

    Args:
        initial: (K,).
        transition: (K, K), from row to column.
        emission: (K, V).
        observations: T >= 1 whole numbers from 0 to V - 1.

    Returns:
        (T, K); element t, j is the joint probability of the first t + 1 observations and of state j at step t.
    """
    alpha = [initial * emission[:, observations[0]]]
    for t in range(1, len(observations)):
        alpha.append((alpha[-1] @ transition) * emission[:, observations[t]])
    return np.array(alpha)


@exercise(
    10,
    "Viterbi with back-pointers",
    r"""
    Find the most probable state sequence for the given observations, and its probability. For each step and state, keep
    the best score $v_t(j) = \max_i v_{t-1}(i) A_{ij} B_{j o_t}$ and a pointer to the state it came from; then follow
    the pointers back from the best last state.
    """,
    inputs=chain_inputs,
    edits=r"""
    each step takes the state that is best so far; follow the pointers back from the best last state
        pointers.append(candidates.argmax(0)) => pointers.append(np.full(len(score), score.argmax()))
    the path is in reverse order
        path[::-1] => path
    each step continues only the best path so far (greedy); every state needs a best path of its own
        score[:, None] * transition => (score * (score == score.max()))[:, None] * transition
    the pointers say where each state goes, not where it came from
        candidates.argmax(0) => candidates.argmax(1)
    the scores of all predecessors are summed; take only the best one
        candidates.max(0) * => candidates.sum(0) *
    the path is followed back from state 0, not from the best last state
        path = [int(score.argmax())] => path = [0]
    the initial probabilities are left out
        initial * emission[:, observations[0]] => emission[:, observations[0]]
    the pointers are followed forwards in time, not backwards
        reversed(pointers) => pointers
    the transitions are transposed: from and to are swapped
        score[:, None] * transition => score[:, None] * transition.T
    """,
)
def viterbi(
    initial: np.ndarray, transition: np.ndarray, emission: np.ndarray, observations: np.ndarray
) -> tuple[list[int], float]:
    """The most probable state sequence.

    Args:
        initial: (K,).
        transition: (K, K), from row to column.
        emission: (K, V).
        observations: T >= 1 whole numbers from 0 to V - 1.

    Returns:
        The T states, and the probability of these and the observations.
    """
    score = initial * emission[:, observations[0]]
    pointers = []
    for t in range(1, len(observations)):
        candidates = score[:, None] * transition
        pointers.append(candidates.argmax(0))
        score = candidates.max(0) * emission[:, observations[t]]
    path = [int(score.argmax())]
    for pointer in reversed(pointers):
        path.append(int(pointer[path[-1]]))
    return path[::-1], float(score.max())


def log_inputs(rng: Rng) -> Iterator[Case]:
    """Logs of numbers, some of which are 0."""
    yield (np.array([0.0]),)
    yield (np.log([1.0, 2.0, 3.0]),)
    yield (np.array([1000.0, 1000.0]),)
    yield (np.array([-1000.0, -1001.0]),)
    yield (np.array([-np.inf, 0.5, -np.inf]),)
    yield (np.array([-np.inf, -np.inf]),)
    yield (np.array([-2000.0, 800.0, 0.0]),)
    for size in (2, 5):
        yield (rng.normal(0, 3, size),)


@exercise(
    10,
    "Log-sum-exp",
    r"""
    On a long sequence the forward recursion underflows, so it is computed in log space. Compute $\log \sum_i e^{x_i}$
    without overflow or underflow, for elements such as 1000 and $-1000$. The log of 0 is $-\infty$: where all elements
    are $-\infty$, so is the result, and not NaN.
    """,
    inputs=log_inputs,
    edits=r"""
    nothing is subtracted before the exponential, so it overflows or underflows
        top + np.log(np.sum(np.exp(x - top))) => np.log(np.sum(np.exp(x)))
    this is the largest element, not the log of the sum
        top + np.log(np.sum(np.exp(x - top))) => top
    the maximum is subtracted, but not added back
        top + np.log => np.log
    the smallest element is subtracted, so the others overflow
        top = np.max(x) => top = np.min(x)
    if all elements are -inf, the result is NaN
        if top == -np.inf: => if False:
    the exponential is left out
        np.log(np.sum(np.exp(x - top))) => np.log(np.sum(abs(x - top)))
    the log is to base 2, the exponential to base e
        np.log( => np.log2(
    this is the log of the mean
        np.sum(np.exp(x - top)) => np.mean(np.exp(x - top))
    """,
)
def log_sum_exp(x: np.ndarray) -> float:
    """The log of a sum of numbers, given by their logs.

    Args:
        x: (N,), N at least 1; elements may be -inf.

    Returns:
        The log of the sum, or -inf.
    """
    top = np.max(x)
    if top == -np.inf:
        return -np.inf
    return float(top + np.log(np.sum(np.exp(x - top))))
