"""Chapter 13: expected counts, and one step of Baum-Welch."""

from collections.abc import Iterator

import numpy as np

from tinyseq.exercises.inputs import Rng, cats, model
from tinyseq.exercises.record import Case, exercise


def forward_backward(
    initial: np.ndarray, transition: np.ndarray, emission: np.ndarray, observations: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The forward and the backward probabilities, (T, K) each."""
    steps = len(observations)
    alpha, beta = np.ones((steps, len(initial))), np.ones((steps, len(initial)))
    alpha[0] = initial * emission[:, observations[0]]
    for t in range(1, steps):
        alpha[t] = (alpha[t - 1] @ transition) * emission[:, observations[t]]
    for t in range(steps - 2, -1, -1):
        beta[t] = transition @ (emission[:, observations[t + 1]] * beta[t + 1])
    return alpha, beta


def learning_inputs(rng: Rng) -> Iterator[Case]:
    """A model and observations that contain every symbol."""
    yield *cats(), np.array([0, 1])
    yield *cats(), np.array([0, 1, 2])
    for size, symbols, steps in [(2, 2, 3), (2, 3, 5), (3, 3, 6), (3, 2, 8)]:
        yield *model(rng, size, symbols), rng.permutation(np.arange(steps) % symbols)


@exercise(
    13,
    "Expected transitions",
    r"""
    How often did a model go from state $i$ to state $j$, if only the observations are known? The expected number is

    $$\sum_{t=1}^{T-1} \frac{\alpha_t(i)\, A_{ij}\, B_{j o_{t+1}}\, \beta_{t+1}(j)}{P(o_1, \ldots, o_T)}$$

    `forward_backward` gives $\alpha$ and $\beta$. The expected numbers of all transitions sum to $T - 1$.
    """,
    inputs=learning_inputs,
    given=[forward_backward],
    properties=[
        lambda case, value: (
            None if np.isclose(np.sum(value), len(case[3]) - 1) else "the expected transitions do not sum to T - 1"
        )
    ],
    edits=r"""
    the backward probability is taken before the transition, not after it
        * beta[t + 1] => * beta[t]
    the emission of the next state is left out
        emission[:, observations[t + 1]] * beta[t + 1] => beta[t + 1]
    the result is not divided by the probability of the observations
        expected / alpha[-1].sum() => expected
    the result is transposed: from and to are swapped
        alpha[t][:, None] * transition => alpha[t] * transition.T
        * (emission[:, observations[t + 1]] * beta[t + 1]) =>
            * (emission[:, observations[t + 1]] * beta[t + 1])[:, None]
    the rows are normalised: these are the new transition probabilities, not counts
        return expected / alpha[-1].sum() => return expected / expected.sum(1, keepdims=True)
    the emission uses the current observation, not the next one
        observations[t + 1]] => observations[t]]
    the posteriors of the two states are multiplied, as if the states were independent
        alpha[t][:, None] * transition * (emission[:, observations[t + 1]] * beta[t + 1]) =>
            np.outer(alpha[t] * beta[t], alpha[t + 1] * beta[t + 1]) / alpha[-1].sum()
    the last transition is left out
        range(len(observations) - 1) => range(len(observations) - 2)
    the later observations are left out: the backward probability is missing
        (emission[:, observations[t + 1]] * beta[t + 1]) => emission[:, observations[t + 1]]
    """,
)
def expected_transitions(
    initial: np.ndarray, transition: np.ndarray, emission: np.ndarray, observations: np.ndarray
) -> np.ndarray:
    """The expected number of each transition, given the observations.

    Args:
        initial: (K,).
        transition: (K, K), from row to column.
        emission: (K, V).
        observations: T >= 2 whole numbers from 0 to V - 1.

    Returns:
        (K, K), sums to T - 1.
    """
    alpha, beta = forward_backward(initial, transition, emission, observations)
    expected = np.zeros(transition.shape)
    for t in range(len(observations) - 1):
        expected += alpha[t][:, None] * transition * (emission[:, observations[t + 1]] * beta[t + 1])
    return expected / alpha[-1].sum()


@exercise(
    13,
    "One step of Baum-Welch",
    r"""
    Replace a model's tables by the relative frequencies of *expected* counts, given one sequence of observations: the
    posterior of the first state, the expected transitions, and how often each state is expected to have emitted each
    symbol. The likelihood of the observations never falls. `forward_backward` gives $\alpha$ and $\beta$.
    """,
    inputs=learning_inputs,
    given=[forward_backward],
    edits=r"""
    the new initial distribution is the mean of all posteriors, not the posterior of the first state
        return states[0], => return states.mean(0),
    transitions are divided by all expected visits, but the visit at the last step has no successor
        moves.sum(1, keepdims=True) => states.sum(0)[:, None]
    the new transitions are transposed
        return states[0], moves / moves.sum(1, keepdims=True) =>
            return states[0], (moves / moves.sum(1, keepdims=True)).T
    the posterior of the states ignores the later observations
        alpha * beta / alpha[-1].sum() => alpha / alpha.sum(1, keepdims=True)
    emissions are normalised over the states, not over the symbols
        emitted.sum(1, keepdims=True) => emitted.sum(0)
    the expected emission counts are not normalised
        emitted / emitted.sum(1, keepdims=True) => emitted
    only the best state is counted at each step; count every state by its posterior probability
        states = alpha * beta / alpha[-1].sum() => states = np.eye(len(initial))[(alpha * beta).argmax(1)]
    the initial distribution is not updated
        return states[0], => return initial,
    a symbol that occurs twice is counted once: += at an array of indices keeps only the last
        emitted[:, observations[t]] += states[t] => emitted[:, observations[t]] = states[t]
    """,
)
def baum_welch_step(
    initial: np.ndarray, transition: np.ndarray, emission: np.ndarray, observations: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The tables after one step of Baum-Welch.

    Args:
        initial: (K,).
        transition: (K, K), from row to column.
        emission: (K, V).
        observations: T >= 2 whole numbers from 0 to V - 1.

    Returns:
        The new tables, in the same order and shapes.
    """
    alpha, beta = forward_backward(initial, transition, emission, observations)
    states = alpha * beta / alpha[-1].sum()
    moves = np.zeros(transition.shape)
    for t in range(len(observations) - 1):
        moves += alpha[t][:, None] * transition * (emission[:, observations[t + 1]] * beta[t + 1])
    emitted = np.zeros(emission.shape)
    for t in range(len(observations)):
        emitted[:, observations[t]] += states[t]
    return states[0], moves / moves.sum(1, keepdims=True), emitted / emitted.sum(1, keepdims=True)
