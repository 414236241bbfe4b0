"""Chapter 2: the inputs of a fixed-window network, and its loss."""

from collections.abc import Iterator

import numpy as np

from tinyseq.exercises.inputs import Rng
from tinyseq.exercises.networks.ch03_reverse_mode import loss_inputs
from tinyseq.exercises.record import Case, exercise


def id_inputs(rng: Rng) -> Iterator[Case]:
    """Ids, and the number of classes."""
    yield np.array([1]), 2
    yield np.array([0, 2]), 3
    yield np.array([2, 0, 1, 1]), 4
    yield np.zeros(0, int), 3
    for length, classes in [(3, 3), (5, 6), (6, 2)]:
        yield rng.integers(0, classes, length), classes


@exercise(
    2,
    "One-hot vectors",
    r"""
    Row $t$ of the result is 1 in column $i_t$ and 0 elsewhere, so that its product with a matrix picks the matrix's row
    $i_t$.
    """,
    inputs=id_inputs,
    edits=r"""
    rows and columns are swapped
        return result => return result.T
    every row has the ones of all ids; each row should have only its own
        result[np.arange(len(ids)), ids] => result[:, ids]
    the number of columns comes from the largest id, not from `classes`
        classes)) => ids.max(initial=-1) + 1))
    the ones are one column too far to the left; ids begin at 0
        ids] = 1 => ids - 1] = 1
    the ids themselves are written instead of ones
        ids] = 1 => ids] = ids
    only the first row has a one
        result[np.arange(len(ids)), ids] => result[:1, ids[:1]]
    ones and zeros are swapped
        return result => return 1 - result
    """,
)
def one_hot(ids: np.ndarray, classes: int) -> np.ndarray:
    """One row for each id.

    Args:
        ids: T whole numbers from 0 to classes - 1.
        classes: the number of columns.

    Returns:
        (T, classes), zeros and ones.
    """
    result = np.zeros((len(ids), classes))
    result[np.arange(len(ids)), ids] = 1
    return result


def window_cases(rng: Rng) -> Iterator[Case]:
    """Ids of a text, and the width of a window."""
    yield np.array([5, 6, 7]), 2
    yield np.array([5, 6, 7, 8, 9]), 2
    yield np.array([5, 6, 7, 8]), 1
    yield np.array([5, 6]), 2
    for length, width in [(7, 3), (9, 4), (12, 2)]:
        yield rng.integers(0, 20, length), width


@exercise(
    2,
    "The windows of a text",
    r"""
    A fixed-window network reads $w$ words and predicts the next one. Cut a text into all pairs of a window and its
    target: every word after the first $w$ is a target once.
    """,
    inputs=window_cases,
    edits=r"""
    the last window and its target are missing
        range(width, len(ids)) => range(width, len(ids) - 1)
        ids[width:] => ids[width:-1]
    the target is the last word of its own window
        ids[width:] => ids[width - 1 : -1]
    the windows contain their targets
        ids[t - width : t] => ids[t - width + 1 : t + 1]
    windows overlap; these do not
        range(width, len(ids)) => range(width, len(ids), width)
        ids[width:] => ids[width::width]
    the words of a window are in the wrong order
        ids[t - width : t] => ids[t - width : t][::-1]
    the targets begin with the first word of the text, so they come before their windows
        ids[width:] => ids[:-width]
    windows and targets are returned in the wrong order
        np.array(rows, int).reshape(-1, width), ids[width:] => ids[width:], np.array(rows, int).reshape(-1, width)
    """,
)
def window_inputs(ids: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """All windows of a text, and the word after each.

    Args:
        ids: the words of the text, T whole numbers.
        width: of a window, at least 1 and at most T.

    Returns:
        The windows (T - width, width) and the targets (T - width,).
    """
    rows = [ids[t - width : t] for t in range(width, len(ids))]
    return np.array(rows, int).reshape(-1, width), ids[width:]


def score_inputs(rng: Rng) -> Iterator[Case]:
    """Scores."""
    for scores, _ in loss_inputs(rng):
        yield (scores,)
    yield (np.array([[1000.0, 1001.0], [-1000.0, -1001.0]]),)


@exercise(
    2,
    "Softmax",
    r"""
    $\mathrm{softmax}(z)_i = e^{z_i} / \sum_j e^{z_j}$, for each row of a matrix. Scores of 1000 and $-1000$ must
    neither overflow nor become $0/0$.
    """,
    inputs=score_inputs,
    properties=[
        lambda case, value: None if np.isfinite(value).all() else "some of the probabilities are not finite",
        lambda case, value: None if np.allclose(value.sum(1), 1) else "a row does not sum to 1",
    ],
    edits=r"""
    large scores overflow
        scores - scores.max(1, keepdims=True) => scores
    the largest score of the whole matrix is subtracted, so rows far below it become 0/0; use each row's own
        scores.max(1, keepdims=True) => scores.max()
    the sum runs over the batch, not over the classes
        e.sum(1, keepdims=True) => e.sum(0, keepdims=True)
    the sum runs over the whole matrix, not over each row
        e.sum(1, keepdims=True) => e.sum()
    the exponential is missing
        np.exp(scores - scores.max(1, keepdims=True)) => scores
    these are the logs of the probabilities
        return e / e.sum(1, keepdims=True) => return np.log(e / e.sum(1, keepdims=True))
    the base of the exponential is 2
        np.exp( => np.exp2(
    """,
)
def softmax(scores: np.ndarray) -> np.ndarray:
    """Probabilities from scores, row by row.

    Args:
        scores: (N, C).

    Returns:
        (N, C), positive, with rows that sum to 1.
    """
    e = np.exp(scores - scores.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@exercise(
    2,
    "Cross entropy",
    r"""
    The loss of a row of scores $z$ with the true class $k$ is $-\log \mathrm{softmax}(z)_k$; the loss of a batch is the
    mean over its rows. It must be finite and accurate for scores of 1000 and $-1000$.
    """,
    inputs=loss_inputs,
    properties=[lambda case, value: None if np.isfinite(value) else "the loss is not finite"],
    edits=r"""
    the losses are summed, not averaged
        targets].mean() => targets].sum()
    the sign is missing: a loss is not negative
        -log_p[ => log_p[
    large scores overflow
        shifted = scores - scores.max(1, keepdims=True) => shifted = scores
    a small probability underflows to 0 before its log is taken
        shifted - np.log(np.exp(shifted).sum(1, keepdims=True)) =>
            np.log(np.exp(shifted) / np.exp(shifted).sum(1, keepdims=True))
    the log is missing: this is the mean of the probabilities
        -log_p[ => -np.exp(log_p)[
    the mean is taken over all classes, not only the true ones
        -log_p[np.arange(len(targets)), targets].mean() => -log_p.mean()
    the log is to base 2
        targets].mean() => targets].mean() / np.log(2)
    the scores are normalised over the batch, not over the classes
        np.exp(shifted).sum(1, keepdims=True) => np.exp(shifted).sum(0)
    `[:, targets]` picks the targets of all rows in every row; index the rows, too
        log_p[np.arange(len(targets)), targets] => log_p[:, targets]
    """,
)
def cross_entropy(scores: np.ndarray, targets: np.ndarray) -> float:
    """The mean of -log P(target).

    Args:
        scores: (N, C).
        targets: the true classes, N whole numbers from 0 to C - 1.

    Returns:
        The loss, a number.
    """
    shifted = scores - scores.max(1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return float(-log_p[np.arange(len(targets)), targets].mean())
