"""Chapter 10: the forward recursion, Viterbi's, and sums of logs."""

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
    Give the table of the forward probabilities of a hidden Markov model,
    $\alpha_t(j) = P(o_1, \ldots, o_t, s_t = j)$, one row for each observation. The tables are
    $\pi_i = P(s_1 = i)$, $A_{ij} = P(s_t = j \mid s_{t-1} = i)$ and $B_{jo} = P(o_t = o \mid s_t = j)$.
    """,
    inputs=chain_inputs,
    properties=[
        lambda case, value: None if np.all(np.sum(value, 1) <= 1 + 1e-9) else "a row sums to more than 1",
    ],
    edits=[
        ("the transitions are transposed: from and to are swapped", "@ transition", "@ transition.T"),
        (
            "the first observation is left out: row 1 is the initial distribution",
            "initial * emission[:, observations[0]]",
            "initial",
        ),
        (
            "the best predecessor is taken, where all are summed: this is Viterbi's table",
            "alpha[-1] @ transition",
            "np.max(alpha[-1][:, None] * transition, 0)",
        ),
        ("each step takes the observation before its own", "observations[t]]", "observations[t - 1]]"),
        ("the emission is left out after the first step", " * emission[:, observations[t]])", ")"),
        (
            "the rows are normalised: they must sum to P(o_1, ..., o_t)",
            "return np.array(alpha)",
            "return np.array(alpha) / np.sum(alpha, 1, keepdims=True)",
        ),
        ("every step starts from the initial distribution again, not from the row before", "alpha[-1] @", "initial @"),
        ("only the last row is returned", "return np.array(alpha)", "return alpha[-1]"),
    ],
)
def forward(initial: np.ndarray, transition: np.ndarray, emission: np.ndarray, observations: np.ndarray) -> np.ndarray:
    """The forward probabilities.

    Args:
        initial: (K,).
        transition: (K, K), rows from, columns to.
        emission: (K, V).
        observations: T >= 1 whole numbers from 0 to V - 1.

    Returns:
        (T, K), element t, j the probability of the first t + 1 observations and of state j at the last of them.
    """
    alpha = [initial * emission[:, observations[0]]]
    for t in range(1, len(observations)):
        alpha.append((alpha[-1] @ transition) * emission[:, observations[t]])
    return np.array(alpha)


@exercise(
    10,
    "Viterbi with back-pointers",
    r"""
    Give the most probable state sequence for some observations, and its probability. Keep for each step and state the
    best score $v_t(j) = \max_i v_{t-1}(i) A_{ij} B_{j o_t}$ and where it came from, then follow the pointers from the
    best last state back.
    """,
    inputs=chain_inputs,
    edits=[
        (
            "each step takes the state that is best so far; the path must be followed back from its end",
            "pointers.append(candidates.argmax(0))",
            "pointers.append(np.full(len(score), score.argmax()))",
        ),
        ("the path is in reverse order", "path[::-1]", "path"),
        (
            "the pointers say where each state goes, not where it came from",
            "candidates.argmax(0)",
            "candidates.argmax(1)",
        ),
        ("all predecessors are summed, where only the best one counts", "candidates.max(0) *", "candidates.sum(0) *"),
        (
            "the path is followed back from state 0, not from the best last state",
            "path = [int(score.argmax())]",
            "path = [0]",
        ),
        (
            "the initial probabilities are left out",
            "initial * emission[:, observations[0]]",
            "emission[:, observations[0]]",
        ),
        ("the pointers are followed in the order of time", "reversed(pointers)", "pointers"),
        (
            "the transitions are transposed: from and to are swapped",
            "score[:, None] * transition",
            "score[:, None] * transition.T",
        ),
    ],
)
def viterbi(
    initial: np.ndarray, transition: np.ndarray, emission: np.ndarray, observations: np.ndarray
) -> tuple[list[int], float]:
    """The most probable state sequence.

    Args:
        initial: (K,).
        transition: (K, K), rows from, columns to.
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
    """Logs of numbers, some of them 0."""
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
    "A sum of logs",
    r"""
    The forward recursion of a long sequence underflows, so it is computed with logs. Give $\log \sum_i e^{x_i}$ without
    overflow, at 1000 and at $-1000$. The log of 0 is $-\infty$; if all are 0, so is their sum, and its log is $-\infty$
    and not NaN.
    """,
    inputs=log_inputs,
    edits=[
        (
            "nothing is subtracted before the exponential, so it overflows or underflows",
            "top + np.log(np.sum(np.exp(x - top)))",
            "np.log(np.sum(np.exp(x)))",
        ),
        ("this is the largest element, not the sum", "top + np.log(np.sum(np.exp(x - top)))", "top"),
        ("what was subtracted is not added again", "top + np.log", "np.log"),
        ("the smallest element is subtracted, so that the others overflow", "top = np.max(x)", "top = np.min(x)"),
        ("where all are -inf, the result is NaN", "if top == -np.inf:\n        return -np.inf\n    ", ""),
        ("the exponential is left out", "np.log(np.sum(np.exp(x - top)))", "np.log(np.sum(abs(x - top)))"),
        ("this is the log of the mean", "np.sum(np.exp(x - top))", "np.mean(np.exp(x - top))"),
    ],
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
