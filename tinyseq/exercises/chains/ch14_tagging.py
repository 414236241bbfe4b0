"""Chapter 14: a conditional random field."""

from collections.abc import Iterator

import numpy as np

from tinyseq.exercises.inputs import Rng
from tinyseq.exercises.record import Case, exercise


def tagged_inputs(rng: Rng) -> Iterator[Case]:
    """Scores of tags, transitions, and tags."""
    yield np.array([[1.0, 2.0]]), np.array([[0.5, -0.5], [0.25, 0.75]]), np.array([1])
    for steps, size in [(2, 2), (3, 2), (3, 3), (5, 3), (4, 4)]:
        yield rng.normal(size=(steps, size)), rng.normal(size=(size, size)), rng.integers(0, size, steps)


@exercise(
    14,
    "The score of a tagging",
    r"""
    In a linear-chain conditional random field, the score of the tags $y$ adds up a network's score of each tag, and the
    transition score of each pair of neighbouring tags:

    $$\sum_{t=1}^{T} s_{t, y_t} + \sum_{t=2}^{T} A_{y_{t-1}, y_t}$$
    """,
    inputs=tagged_inputs,
    edits=r"""
    the transitions are transposed: from and to are swapped
        transition[tags[:-1], tags[1:]] => transition[tags[1:], tags[:-1]]
    the transitions are left out
        ) + transition[tags[:-1], tags[1:]].sum() => )
    the scores of the individual tags are left out
        scores[np.arange(len(tags)), tags].sum() + transition => transition
    all scores are summed, not only those of the given tags
        scores[np.arange(len(tags)), tags].sum() => scores.sum()
    the last transition is left out
        transition[tags[:-1], tags[1:]] => transition[tags[:-2], tags[1:-1]]
    the scores are multiplied; they are logs, so they add up
        scores[np.arange(len(tags)), tags].sum() => scores[np.arange(len(tags)), tags].prod()
    this is exp of the score
        float(scores[np.arange(len(tags)), tags].sum() + transition[tags[:-1], tags[1:]].sum()) =>
            float(np.exp(scores[np.arange(len(tags)), tags].sum() + transition[tags[:-1], tags[1:]].sum()))
    a transition from the last tag to the first is counted
        transition[tags[:-1], tags[1:]] => transition[np.roll(tags, 1), tags]
    """,
)
def crf_score(scores: np.ndarray, transition: np.ndarray, tags: np.ndarray) -> float:
    """The score of a tag sequence.

    Args:
        scores: of each tag at each word (T, K), T at least 1.
        transition: (K, K), from row to column.
        tags: T whole numbers from 0 to K - 1.

    Returns:
        The score, a number.
    """
    return float(scores[np.arange(len(tags)), tags].sum() + transition[tags[:-1], tags[1:]].sum())


def all_tags_inputs(rng: Rng) -> Iterator[Case]:
    """Scores and transitions, some of which are large."""
    for scores, transition, _ in tagged_inputs(rng):
        yield scores, transition
    yield 500 + rng.normal(size=(4, 2)), rng.normal(size=(2, 2))


@exercise(
    14,
    "The log partition function",
    r"""
    $\log Z = \log \sum_y e^{\mathrm{score}(y)}$, over all $K^T$ taggings, by the forward recursion in log space. Scores
    may be 500 at each of many words, so do not exponentiate them directly.
    """,
    inputs=all_tags_inputs,
    properties=[lambda case, value: None if np.isfinite(value) else "it overflows"],
    edits=r"""
    only the best tagging is used; sum over all of them
        top + np.log(np.exp(x - top).sum(0)) => top
    the transitions are transposed: from and to are swapped
        alpha[:, None] + transition => alpha[:, None] + transition.T
    the exponential overflows
        top = x.max(0) => top = 0 * x.max(0)
    the maximum is subtracted from the logs, but not added back
        return top + np.log => return np.log
    the scores of the first word are left out
        alpha = scores[0] => alpha = 0 * scores[0]
    the scores of all words but the first are left out
        ) + scores[t] => )
    the last step is missing: the sum over the last tags
        float(log_sum(alpha)) => float(alpha.max())
    there is a transition into the first tag; it has none
        alpha = scores[0] => alpha = log_sum(0 * scores[0][:, None] + transition) + scores[0]
    the sum runs over the next tags; it should run over the previous ones
        log_sum(alpha[:, None] + transition) => log_sum((alpha[:, None] + transition).T)
    """,
)
def crf_log_partition(scores: np.ndarray, transition: np.ndarray) -> float:
    """The log of the sum of exp(score) over all taggings.

    Args:
        scores: of each tag at each word (T, K), T at least 1.
        transition: (K, K), from row to column.

    Returns:
        log Z.
    """

    def log_sum(x: np.ndarray) -> np.ndarray:
        top = x.max(0)
        return top + np.log(np.exp(x - top).sum(0))

    alpha = scores[0]
    for t in range(1, len(scores)):
        alpha = log_sum(alpha[:, None] + transition) + scores[t]
    return float(log_sum(alpha))


@exercise(
    14,
    "The gradient of a CRF",
    r"""
    The loss of a tagged sentence is $\log Z - \mathrm{score}(y)$. Give its gradient with respect to the scores
    $s_{t,k}$: the model's probability of each tag at each word, minus 1 for the tag that is given. Sentences are
    short: you may enumerate all $K^T$ taggings.
    """,
    inputs=tagged_inputs,
    properties=[lambda case, value: None if np.allclose(np.sum(value, 1), 0) else "a row does not sum to 0"],
    edits=r"""
    the sign is wrong: this is given minus expected
        return gradient => return -gradient
    these are the model's probabilities; the given tags are not subtracted
        gradient[np.arange(len(tags)), tags] -= 1 => pass
    the transitions are left out, so the tags are treated as independent
        ) + transition[y[:-1], y[1:]].sum() => )
    the weights of the taggings are not divided by Z
        weight / z => weight
    the best tagging is used in place of the expectation over all of them
        gradient[steps, y] += weight / z => gradient[steps, y] += weight == max(weights)
    all taggings get the same weight
        weight / z => 1 / len(taggings)
    1 is subtracted at a tag for all words, not only at its own word
        gradient[np.arange(len(tags)), tags] -= 1 => gradient[:, tags] -= 1
    the transitions are transposed: from and to are swapped
        transition[y[:-1], y[1:]] => transition[y[1:], y[:-1]]
    """,
)
def crf_gradient(scores: np.ndarray, transition: np.ndarray, tags: np.ndarray) -> np.ndarray:
    """The gradient of log Z - score(tags) with respect to the scores.

    Args:
        scores: of each tag at each word (T, K), T from 1 to 5, K up to 4.
        transition: (K, K), from row to column.
        tags: T whole numbers from 0 to K - 1.

    Returns:
        (T, K).
    """
    steps = np.arange(len(tags))
    taggings = [np.array(y) for y in np.ndindex(*[scores.shape[1]] * len(tags))]
    weights = [np.exp(scores[steps, y].sum() + transition[y[:-1], y[1:]].sum()) for y in taggings]
    z = sum(weights)
    gradient = np.zeros(scores.shape)
    for y, weight in zip(taggings, weights, strict=True):
        gradient[steps, y] += weight / z
    gradient[np.arange(len(tags)), tags] -= 1
    return gradient
