"""Chapter 9: hidden Markov models by counting."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from tinyseq.exercises.inputs import Rng, cats, model
from tinyseq.exercises.record import Case, exercise


def labelled_inputs(rng: Rng) -> Iterator[Case]:
    """Labelled sequences in which every state comes first, is left, and is entered at least once."""
    yield [[0, 1, 0], [1, 1]], [[0, 1, 1], [1, 0]], 2, 2
    yield [[0, 1, 1], [1, 0, 1], [0, 1]], [[0, 1, 2], [2, 1, 1], [0, 0]], 2, 3
    for size, symbols, count in [(2, 2, 4), (3, 2, 5), (3, 4, 6)]:
        lengths = rng.integers(2, 6, count)
        states = [list(range(size)), [*range(size), 0], *(rng.integers(0, size, n).tolist() for n in lengths)]
        yield states, [rng.integers(0, symbols, len(s)).tolist() for s in states], size, symbols


@exercise(
    9,
    "An HMM by counting",
    r"""
    Estimate the three tables of a hidden Markov model from labelled sequences by relative frequency:
    $\pi_i = P(s_1 = i)$, $A_{ij} = P(s_t = j \mid s_{t-1} = i)$ and $B_{jo} = P(o_t = o \mid s_t = j)$. Every state
    occurs, and has a successor at least once.
    """,
    inputs=labelled_inputs,
    edits=r"""
    transitions are counted across sequences: from the end of one to the beginning of the next
        initial[s[0]] += 1 =>
            initial[s[0]] += 1
            if s is not states[0]:
                transition[last, s[0]] += 1
            last = s[-1]
    transitions are transposed: from and to are swapped
        transition[a, b] += 1 => transition[b, a] += 1
    the initial distribution counts every state, not only the first of each sequence
        initial[s[0]] += 1 =>
            for a in s:
                initial[a] += 1
    transition counts are divided by how often a state is entered, not by how often it is left
        transition.sum(1, keepdims=True) => transition.sum(0)
    emission counts are divided by the count of the symbol: this is P(state | symbol)
        emission.sum(1, keepdims=True) => np.maximum(emission.sum(0), 1)
    transition counts are divided by all visits to a state, but the last state of a sequence has no successor
        emission = emission / emission.sum(1, keepdims=True) =>
            visits = emission.sum(1, keepdims=True)
            emission = emission / visits
        transition.sum(1, keepdims=True) => visits
    transition counts are divided by the total count: this is P(from, to)
        transition.sum(1, keepdims=True) => transition.sum()
    the row totals broadcast along the wrong axis: keep them as a column (keepdims=True)
        transition.sum(1, keepdims=True) => transition.sum(1)
    counts are returned, not probabilities
        emission = emission / emission.sum(1, keepdims=True) => pass
        initial / initial.sum(), transition / transition.sum(1, keepdims=True), emission =>
            initial, transition, emission
    """,
)
def hmm_counts(
    states: list[list[int]], observations: list[list[int]], size: int, symbols: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The tables of a hidden Markov model by relative frequency.

    Args:
        states: sequences of whole numbers from 0 to size - 1, none empty.
        observations: sequences of the same lengths, whole numbers from 0 to symbols - 1.
        size: the number of states K.
        symbols: the number of symbols V.

    Returns:
        The initial distribution (K,), transitions (K, K), from row to column, and emissions (K, V).
    """
    initial, transition, emission = np.zeros(size), np.zeros((size, size)), np.zeros((size, symbols))
    for s, o in zip(states, observations, strict=True):
        initial[s[0]] += 1
        for a, b in pairwise(s):
            transition[a, b] += 1
        for a, w in zip(s, o, strict=True):
            emission[a, w] += 1
    emission = emission / emission.sum(1, keepdims=True)
    return initial / initial.sum(), transition / transition.sum(1, keepdims=True), emission


def path_inputs(rng: Rng) -> Iterator[Case]:
    """A model, states and observations."""
    yield *cats(), np.array([2]), np.array([0])
    yield *cats(), np.array([2, 1, 0]), np.array([0, 1, 2])
    for size, symbols, steps in [(2, 2, 2), (3, 3, 4), (3, 2, 6), (2, 5, 5)]:
        yield *model(rng, size, symbols), rng.integers(0, size, steps), rng.integers(0, symbols, steps)


@exercise(
    9,
    "The joint probability",
    r"""
    $P(s_1, \ldots, s_T, o_1, \ldots, o_T)$ of a hidden Markov model: the product of the initial probability, all
    transitions and all emissions.
    """,
    inputs=path_inputs,
    edits=r"""
    the initial probability is left out
        p = initial[states[0]] * emission => p = emission
    the transitions are transposed: from and to are swapped
        transition[states[t - 1], states[t]] => transition[states[t], states[t - 1]]
    the first emission is left out
        ] * emission[states[0], observations[0]] => ]
    each observation is emitted by the state before its own
        emission[states[t], observations[t]] => emission[states[t - 1], observations[t]]
    this is the log of the probability
        return float(p) => return float(np.log(p))
    transitions are left out
        transition[states[t - 1], states[t]] * emission => emission
    the last step is left out
        range(1, len(states)) => range(1, len(states) - 1)
    emissions after the first are left out
        ] * emission[states[t], observations[t]] => ]
    """,
)
def joint_probability(
    initial: np.ndarray, transition: np.ndarray, emission: np.ndarray, states: np.ndarray, observations: np.ndarray
) -> float:
    """The joint probability of states and observations.

    Args:
        initial: (K,).
        transition: (K, K), from row to column.
        emission: (K, V).
        states: T whole numbers from 0 to K - 1, T at least 1.
        observations: T whole numbers from 0 to V - 1.

    Returns:
        The probability.
    """
    p = initial[states[0]] * emission[states[0], observations[0]]
    for t in range(1, len(states)):
        p = p * (transition[states[t - 1], states[t]] * emission[states[t], observations[t]])
    return float(p)


def state_inputs(rng: Rng) -> Iterator[Case]:
    """Transitions, emissions and a state."""
    yield np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([[0.5, 0.5], [0.0, 1.0]]), 0
    for size, symbols in [(2, 2), (2, 3), (3, 2), (4, 4)]:
        _, transition, emission = model(rng, size, symbols)
        yield transition, emission, int(rng.integers(0, size))


@exercise(
    9,
    "The lie detector: the next observation",
    r"""
    Give $P(o_{t+1} = o \mid s_t = i)$ for every symbol $o$: the next state is unknown, so sum over all of them. In the
    lectures' lie detector, $P(b \mid N) = \frac12 \cdot \frac{9}{10} + 1 \cdot \frac{1}{10} = \frac{11}{20}$.
    """,
    inputs=state_inputs,
    edits=r"""
    the current state emits the symbol; it should be the next one
        transition[state] @ emission => emission[state]
    only the most likely next state is used
        transition[state] @ emission => emission[transition[state].argmax()]
    the column of the state is used instead of its row
        transition[state] => transition[:, state]
    this is the observation two steps ahead
        transition[state] @ emission => transition[state] @ transition @ emission
    all next states get the same weight, whatever their probability
        transition[state] @ emission => emission.mean(0)
    for each symbol only the best next state is used; sum over all of them
        transition[state] @ emission => (transition[state][:, None] * emission).max(0)
    """,
)
def next_observation(transition: np.ndarray, emission: np.ndarray, state: int) -> np.ndarray:
    """The distribution of the next observation, given the current state.

    Args:
        transition: (K, K), from row to column.
        emission: (K, V).
        state: the current state, 0 to K - 1.

    Returns:
        (V,), sums to 1.
    """
    return transition[state] @ emission
