"""Chapter 16: connectionist temporal classification."""

from collections.abc import Iterator

import numpy as np

from tinyseq.exercises.inputs import Rng, distribution
from tinyseq.exercises.record import Case, exercise


def frame_inputs(rng: Rng) -> Iterator[Case]:
    """The symbols of frames; the blank is 0."""
    yield ([0],)
    yield ([1, 1, 2],)
    yield ([1, 0, 1],)
    yield ([0, 1, 1, 0, 0, 1, 2, 2, 0],)
    yield ([],)
    for length in (4, 7, 10):
        yield (rng.integers(0, 3, length).tolist(),)


@exercise(
    16,
    "Collapse",
    r"""
    A network outputs one symbol for each frame of speech; 0 is the blank. To get the text, first merge equal
    neighbours, then remove the blanks: a blank between two equal symbols keeps both.
    """,
    inputs=frame_inputs,
    edits=r"""
    blanks are removed first, so doubled symbols merge
        symbol not in (0, last) => symbol not in (0, text[-1] if text else 0)
    equal neighbours are not merged
        symbol not in (0, last) => symbol != 0
    blanks are not removed
        last = 0 => last = -1
        symbol not in (0, last) => symbol != last
    a symbol is kept only once in the whole text
        symbol not in (0, last) => symbol != 0 and symbol not in text
    only symbols after a blank are kept
        symbol not in (0, last) => symbol != 0 and last == 0
    symbols are kept only if they are repeated
        symbol not in (0, last) => symbol != 0 and symbol == last
    the text is in the wrong order
        return text => return text[::-1]
    """,
)
def ctc_collapse(frames: list[int]) -> list[int]:
    """The text that the frames' symbols collapse to.

    Args:
        frames: whole numbers, 0 is the blank.

    Returns:
        The text, without blanks.
    """
    text: list[int] = []
    last = 0
    for symbol in frames:
        if symbol not in (0, last):
            text.append(symbol)
        last = symbol
    return text


def ctc_inputs(rng: Rng) -> Iterator[Case]:
    """Probabilities of frames and texts, with doubled symbols and without."""
    texts = [[1], [1, 2], [1, 1], [2, 1, 2], [1, 1, 2], [2, 2], [1, 2], [1, 2, 3]]
    for text, frames in zip(texts, (1, 2, 3, 5, 5, 4, 6, 4), strict=True):
        yield distribution(rng, frames, 4), text


@exercise(
    16,
    "The loss of CTC",
    r"""
    The probability $P(y)$ of a text is summed over all sequences of symbols, one for each frame, that collapse to it.
    Write the text with blanks before, between and after its symbols, $\ell = (0, y_1, 0, y_2, 0, \ldots)$. A path
    stays, advances by one, or skips a blank between two *different* symbols:

    $$\alpha_t(s) = p_{t, \ell_s} \left(\alpha_{t-1}(s) + \alpha_{t-1}(s - 1)
    + [\ell_s \neq 0, \ell_s \neq \ell_{s-2}]\, \alpha_{t-1}(s - 2)\right)$$

    It begins in one of the first two positions and ends in one of the last two. Compute $-\log P(y)$. There are
    enough frames for the text.
    """,
    inputs=ctc_inputs,
    edits=r"""
    the blank between two equal symbols is skipped, too, so they would merge
        labels[s] not in (0, labels[s - 2]) => labels[s] != 0
    no blank is ever skipped
        if s > 1 and labels[s] not in (0, labels[s - 2]): => if False:
    paths may end only in the last blank; they may also end in the last symbol
        alpha[-1] + alpha[-2] => alpha[-1]
    paths may end only in the last symbol; they may also end in the last blank
        alpha[-1] + alpha[-2] => alpha[-2]
    paths may begin only with a blank; they may also begin with the first symbol
        alpha[:2] = frames[0, labels[:2]] => alpha[0] = frames[0, 0]
    only the best path is used; sum over all of them
        total += alpha[s - 1] => total = max(total, alpha[s - 1])
        total += alpha[s - 2] => total = max(total, alpha[s - 2])
        alpha[-1] + alpha[-2] => max(alpha[-1], alpha[-2])
    paths may end anywhere; they end in one of the last two positions
        alpha[-1] + alpha[-2] => alpha.sum()
    this is the probability, not minus its log
        -np.log(alpha[-1] + alpha[-2]) => alpha[-1] + alpha[-2]
    the sign is wrong: this is the log of the probability
        -np.log(alpha[-1] + alpha[-2]) => np.log(alpha[-1] + alpha[-2])
    """,
)
def ctc_loss(frames: np.ndarray, text: list[int]) -> float:
    """-log of the sum over all paths that collapse to a text.

    Args:
        frames: the probability of each symbol at each frame (T, V); symbol 0 is the blank.
        text: at least one whole number from 1 to V - 1.

    Returns:
        The loss, a number.
    """
    labels = [0]
    for symbol in text:
        labels += [symbol, 0]
    alpha = np.zeros(len(labels))
    alpha[:2] = frames[0, labels[:2]]
    for t in range(1, len(frames)):
        new = np.zeros(len(labels))
        for s in range(len(labels)):
            total = alpha[s]
            if s > 0:
                total += alpha[s - 1]
            if s > 1 and labels[s] not in (0, labels[s - 2]):
                total += alpha[s - 2]
            new[s] = frames[t, labels[s]] * total
        alpha = new
    return float(-np.log(alpha[-1] + alpha[-2]))
