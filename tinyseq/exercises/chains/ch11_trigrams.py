"""Chapter 11: states that depend on the last two."""

from collections.abc import Iterator

import numpy as np

from tinyseq.exercises.inputs import Rng, distribution
from tinyseq.exercises.record import Case, exercise


def sequence_inputs(rng: Rng) -> Iterator[Case]:
    """Sequences of states."""
    yield [[0, 1, 0, 1]], 2
    yield [[0, 0, 1], [0, 0, 0], [0, 0, 1]], 2
    yield [[1], [0, 1], [1, 0, 1]], 2
    for size, count in [(2, 3), (2, 6), (3, 5), (3, 9)]:
        yield [rng.integers(0, size, n).tolist() for n in rng.integers(1, 8, count)], size


@exercise(
    11,
    "Trigram transitions by counting",
    r"""
    Estimate $P(k \mid i, j)$, where $j$ is the last state and $i$ the one before it: the count of $i, j, k$ divided by
    the count of $i, j$ as the first two states of a trigram. Pairs that begin no trigram get zeros.
    """,
    inputs=sequence_inputs,
    edits=r"""
    the count of a pair includes pairs at the end of a sequence, which begin no trigram
        total = counts.sum(2, keepdims=True) =>
            total = np.zeros((size, size, 1))
            for s in sequences:
                for i, j in zip(s[:-1], s[1:], strict=True):
                    total[i, j] += 1
    the two states of the history are in the wrong order
        counts[i, j, k] += 1 => counts[j, i, k] += 1
    trigram counts are divided by the count of the last two states, not of the first two
        counts.sum(2, keepdims=True) => counts.sum(0, keepdims=True)
    these are P(i, j, k): the counts are divided by all trigrams
        counts.sum(2, keepdims=True) => counts.sum(keepdims=True)
    only the last state of the history is used: these are bigrams
        counts.sum(2, keepdims=True) => counts.sum(2, keepdims=True).sum(0, keepdims=True)
    trigrams run from one sequence into the next
        for s in sequences: => for s in [sum(sequences, [])]:
    the last trigram of each sequence is left out
        zip(s[:-2], s[1:-1], s[2:], strict=True) => zip(s[:-3], s[1:-2], s[2:-1])
    counts are returned, not probabilities
        np.where(total > 0, counts / np.maximum(total, 1), 0.0) => counts
    the axes of the result are in reverse order: the next state must come last
        np.where(total > 0, counts / np.maximum(total, 1), 0.0) =>
            np.where(total > 0, counts / np.maximum(total, 1), 0.0).transpose(2, 1, 0)
    """,
)
def trigram_transitions(sequences: list[list[int]], size: int) -> np.ndarray:
    """P(k | i, j) by relative frequency.

    Args:
        sequences: of whole numbers from 0 to size - 1; none is empty.
        size: the number of states K.

    Returns:
        (K, K, K): element i, j, k is the probability of k after i, j.
    """
    counts = np.zeros((size, size, size))
    for s in sequences:
        for i, j, k in zip(s[:-2], s[1:-1], s[2:], strict=True):
            counts[i, j, k] += 1
    total = counts.sum(2, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1), 0.0)


def trigram_inputs(rng: Rng) -> Iterator[Case]:
    """A trigram model and observations."""
    for size, symbols, steps in [(2, 2, 2), (2, 2, 3), (2, 3, 5), (3, 3, 4), (3, 4, 6), (2, 2, 7), (3, 2, 5)]:
        tables = distribution(rng, size), distribution(rng, size, size), distribution(rng, size, size, size)
        yield *tables, distribution(rng, size, symbols), rng.integers(0, symbols, steps)


@exercise(
    11,
    "Viterbi for trigrams",
    r"""
    With transitions $P(s_t \mid s_{t-2}, s_{t-1})$, each score belongs to a pair of states:

    $$M_t(j, k) = \max_i M_{t-1}(i, j)\, P(k \mid i, j)\, P(o_t \mid k)$$

    Begin with $M_2(j, k) = P(j)\, P(o_1 \mid j)\, P(k \mid j)\, P(o_2 \mid k)$. Find the most probable state sequence
    and its probability. There are at least two observations.
    """,
    inputs=trigram_inputs,
    edits=r"""
    the pointers are looked up with the two states in the wrong order
        pointer[path[-1], path[-2]] => pointer[path[-2], path[-1]]
    the maximum is taken over the later state of the pair, not the earlier one
        candidates.argmax(0) => candidates.argmax(1)
        candidates.max(0) => candidates.max(1)
    the scores of all histories are summed; take only the best one
        candidates.max(0) => candidates.sum(0)
    the path is in reverse order
        path[::-1] => path
    the first observation is left out
        (initial * emission[:, observations[0]]) => initial
    the transition to the second state is left out
        ] * second * => ] *
    the last two states are in the wrong order
        path = [int(k), int(j)] => path = [int(j), int(k)]
    the observation is emitted by the middle state, not by the last one
        candidates.max(0) * emission[:, observations[t]] => candidates.max(0) * emission[:, observations[t]][:, None]
    """,
)
def trigram_viterbi(
    initial: np.ndarray, second: np.ndarray, transition: np.ndarray, emission: np.ndarray, observations: np.ndarray
) -> tuple[list[int], float]:
    """The most probable state sequence of a trigram model.

    Args:
        initial: P(s_1) (K,).
        second: P(s_2 | s_1) (K, K).
        transition: P(k | i, j) (K, K, K), the earlier state first.
        emission: (K, V).
        observations: T >= 2 whole numbers from 0 to V - 1.

    Returns:
        The T states, and the probability of these and the observations.
    """
    score = (initial * emission[:, observations[0]])[:, None] * second * emission[:, observations[1]]
    pointers = []
    for t in range(2, len(observations)):
        candidates = score[:, :, None] * transition
        pointers.append(candidates.argmax(0))
        score = candidates.max(0) * emission[:, observations[t]]
    j, k = np.unravel_index(score.argmax(), score.shape)
    path = [int(k), int(j)]
    for pointer in reversed(pointers):
        path.append(int(pointer[path[-1], path[-2]]))
    return path[::-1], float(score.max())
