"""Chapter 1: n-grams, smoothing and perplexity."""

from collections.abc import Iterator

import numpy as np

from tinyseq.exercises.inputs import Rng, distribution
from tinyseq.exercises.record import Case, exercise


def text_inputs(rng: Rng) -> Iterator[Case]:
    """Words, and the length of n-grams."""
    yield ["the", "students", "opened", "their", "books"], 2
    yield ["a", "b", "a", "b", "a", "b"], 2
    yield ["a", "b", "b", "a"], 1
    yield ["a", "b"], 3
    yield [], 1
    for length, n in [(8, 2), (12, 3), (9, 4)]:
        yield [str(word) for word in rng.choice(["a", "b", "c"], length)], n


@exercise(
    1,
    "Count n-grams",
    r"""
    Count how often each sequence of $n$ consecutive words occurs in a text. They may overlap: "a b a" has the two
    bigrams "a b" and "b a".
    """,
    inputs=text_inputs,
    edits=r"""
    the last n-gram of the text is missing
        len(words) - n + 1 => len(words) - n
    n-grams overlap; these do not
        range(len(words) - n + 1) => range(0, len(words) - n + 1, n)
    each n-gram is counted once, however often it occurs
        counts.get(gram, 0) + 1 => 1
    the n-grams are one word too short
        words[i : i + n] => words[i : i + n - 1]
    keys must be tuples of words, not joined strings
        tuple(words[i : i + n]) => ' '.join(words[i : i + n])
    the order of the words within an n-gram is lost
        tuple(words[i : i + n]) => tuple(sorted(words[i : i + n]))
    incomplete n-grams at the end of the text are counted
        range(len(words) - n + 1) => range(len(words))
    """,
)
def ngram_counts(words: list[str], n: int) -> dict[tuple[str, ...], int]:
    """How often each n-gram occurs.

    Args:
        words: the text.
        n: the length of the n-grams, at least 1.

    Returns:
        The count of each n-gram, keyed by a tuple of n words. A text shorter than n has none.
    """
    counts: dict[tuple[str, ...], int] = {}
    for i in range(len(words) - n + 1):
        gram = tuple(words[i : i + n])
        counts[gram] = counts.get(gram, 0) + 1
    return counts


def table_inputs(rng: Rng) -> Iterator[Case]:
    """Counts of bigrams; in some, the first history was never seen."""
    yield (np.array([[0, 3], [1, 1]]),)
    yield (np.array([[0, 0, 0], [2, 0, 1], [4, 1, 0]]),)
    for size in (2, 3, 4, 5):
        yield (rng.poisson(1.5, (size, size)) + np.eye(size, dtype=int),)


def sums_to_one(case: Case, value: np.ndarray) -> str | None:
    """Whether each row is a distribution."""
    return None if np.allclose(np.sum(value, -1), 1) else "the probabilities after a history do not sum to 1"


@exercise(
    1,
    "Add-one smoothing",
    r"""
    Element $h, w$ of a table is the number of times that the word $w$ followed the word $h$. Estimate $P(w \mid h)$ by
    add-one (Laplace) smoothing: pretend that every word was seen once more after every history.
    """,
    inputs=table_inputs,
    properties=[sums_to_one],
    edits=r"""
    the denominator leaves out the added counts, so rows do not sum to 1
        ) + counts.shape[1] => )
    the denominator grows by 1; it should grow by 1 for every word
        counts.shape[1] => 1
    nothing is added to the counts themselves
        (counts + 1) => counts
    the counts are divided by the count of the next word, not of the history
        counts.sum(1, => counts.sum(0,
    1 is added only to words that were never seen
        (counts + 1) => np.maximum(counts, 1)
    the denominator is the total of the whole table: this is P(h, w)
        (counts.sum(1, keepdims=True) + counts.shape[1]) => (counts.sum() + counts.size)
    the row totals broadcast along the wrong axis: keep them as a column (keepdims=True)
        counts.sum(1, keepdims=True) => counts.sum(1)
    the vocabulary is taken to be only the words seen after the history
        counts.shape[1]) => (counts > 0).sum(1, keepdims=True))
    """,
)
def add_one(counts: np.ndarray) -> np.ndarray:
    """P(w | h) by add-one smoothing.

    Args:
        counts: (V, V), rows the history, columns the next word.

    Returns:
        (V, V), rows that sum to 1.
    """
    return (counts + 1) / (counts.sum(1, keepdims=True) + counts.shape[1])


def lower_inputs(rng: Rng) -> Iterator[Case]:
    """Counts of bigrams, and a distribution of words."""
    for (counts,) in table_inputs(rng):
        yield counts, distribution(rng, len(counts))


@exercise(
    1,
    "Witten-Bell smoothing",
    r"""
    A history $h$ that was followed by $T(h)$ different words may well be followed by a new one. Witten and Bell add
    $T(h)$ tokens to its count, distributed as the single-word distribution $q$:

    $$P(w \mid h) = \frac{c(h, w) + T(h)\, q(w)}{c(h) + T(h)}$$

    A history that was never seen has $P(w \mid h) = q(w)$.
    """,
    inputs=lower_inputs,
    properties=[sums_to_one],
    edits=r"""
    T(h) is taken as the size of the vocabulary, not the number of different words seen after h
        (counts > 0).sum(1, keepdims=True) => len(counts)
    T(h) counts tokens; it should count different words
        (counts > 0).sum(1, keepdims=True) => counts.sum(1, keepdims=True)
    T(h) is missing from the denominator
        np.maximum(total + types, 1) => np.maximum(total, 1)
    the distribution of single words is not used: T(h) is spread evenly
        types * lower) => types / len(counts))
    a history that was never seen gets no probabilities
        np.where(total > 0, mixed, lower) => mixed
    T(h) counts only the words that were seen exactly once
        (counts > 0) => (counts == 1)
    only unseen words get a share; all words should
        counts + types * lower => np.where(counts > 0, counts, types * lower)
    the row totals broadcast along the wrong axis: keep them as a column (keepdims=True)
        types = (counts > 0).sum(1, keepdims=True) => types = (counts > 0).sum(1)
        total = counts.sum(1, keepdims=True) => total = counts.sum(1)
    T(h) is the number of different words before h, not after it
        (counts > 0).sum(1, keepdims=True) => (counts > 0).sum(0)[:, None]
    """,
)
def witten_bell(counts: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """P(w | h) by Witten-Bell smoothing.

    Args:
        counts: (V, V), rows the history, columns the next word.
        lower: (V,), the probabilities q of single words.

    Returns:
        (V, V), rows that sum to 1.
    """
    types = (counts > 0).sum(1, keepdims=True)
    total = counts.sum(1, keepdims=True)
    mixed = (counts + types * lower) / np.maximum(total + types, 1)
    return np.where(total > 0, mixed, lower)


def discount_inputs(rng: Rng) -> Iterator[Case]:
    """Counts of bigrams, and a discount."""
    for (counts,), discount in zip(table_inputs(rng), (0.5, 0.75, 0.9, 0.25, 0.6, 0.7), strict=True):
        yield counts, discount


@exercise(
    1,
    "Kneser-Ney bigrams",
    r"""
    Subtract a discount $d$ from the count of every bigram that was seen, and give the mass that this frees to words in
    proportion to the number of *different* histories they were seen after:

    $$P(w \mid h) = \frac{\max(c(h, w) - d, 0) + d\, T(h)\, q(w)}{c(h)}, \qquad q(w) = \frac{N(w)}{\sum_v N(v)}$$

    Here $T(h)$ is the number of different words after $h$, and $N(w)$ the number of different words before $w$. A
    history that was never seen has $P(w \mid h) = q(w)$.
    """,
    inputs=discount_inputs,
    properties=[sums_to_one],
    edits=r"""
    q uses plain counts: how often a word occurs, not after how many different words
        seen.sum(0) / seen.sum() => counts.sum(0) / counts.sum()
    q counts the different words after a word, not before it
        seen.sum(0) / seen.sum() => seen.sum(1) / seen.sum()
    the factor T(h) is missing from the freed mass
        discount * seen.sum(1, keepdims=True) => discount
    the freed mass is computed for all words of the vocabulary, not only for those seen after h
        discount * seen.sum(1, keepdims=True) => discount * len(counts)
    the discount is not subtracted from the counts
        np.maximum(counts - discount, 0) => counts
    a history that was never seen gets no probabilities
        np.where(total > 0, mixed, shorter) => mixed
    q is uniform
        seen.sum(0) / seen.sum() => np.full(len(counts), 1 / len(counts))
    the discount is subtracted from counts of 0, too
        np.maximum(counts - discount, 0) => (counts - discount)
    only unseen words get a share of the freed mass; all words should
        np.maximum(counts - discount, 0) + left * shorter => np.where(seen, counts - discount, left * shorter)
    """,
)
def kneser_ney_bigram(counts: np.ndarray, discount: float) -> np.ndarray:
    """P(w | h) by Kneser-Ney smoothing.

    Args:
        counts: (V, V), rows the history, columns the next word.
        discount: between 0 and 1.

    Returns:
        (V, V), rows that sum to 1.
    """
    seen = counts > 0
    shorter = seen.sum(0) / seen.sum()
    total = counts.sum(1, keepdims=True)
    left = discount * seen.sum(1, keepdims=True)
    mixed = (np.maximum(counts - discount, 0) + left * shorter) / np.maximum(total, 1)
    return np.where(total > 0, mixed, shorter)


def probability_inputs(rng: Rng) -> Iterator[Case]:
    """The probabilities that a model assigned to the words of a text."""
    yield (np.array([0.25, 0.25]),)
    yield (np.array([1.0, 1.0, 1.0]),)
    yield (np.array([0.5]),)
    yield (np.array([0.5, 0.0]),)
    for length in (2, 5, 400):
        yield (rng.uniform(0.01, 0.2, length),)


@exercise(
    1,
    "Perplexity",
    r"""
    A model assigned the probabilities $p_1, \ldots, p_T$ to the words of a text, each given those before it. Its
    perplexity is $\exp\left(-\frac{1}{T} \sum_t \log p_t\right)$. The result must be right for a long text, too, whose
    total probability is too small for a float.
    """,
    inputs=probability_inputs,
    edits=r"""
    the logs are summed, not averaged
        np.mean(np.log => np.sum(np.log
    the mean of the probabilities is taken before the log
        np.mean(np.log(probabilities)) => np.log(np.mean(probabilities))
    the sign is missing
        -np.mean => np.mean
    this is the cross entropy; its exponential is missing
        np.exp(-np.mean(np.log(probabilities))) => -np.mean(np.log(probabilities))
    the log is to base 2, the exponential to base e
        np.log( => np.log2(
    the exponential is to base 2, the log to base e
        np.exp( => np.exp2(
    the inverse probabilities are averaged arithmetically
        np.exp(-np.mean(np.log(probabilities))) => np.mean(1 / probabilities)
    the product of all probabilities underflows
        np.exp(-np.mean(np.log(probabilities))) => np.prod(probabilities) ** (-1 / len(probabilities))
    """,
)
def perplexity(probabilities: np.ndarray) -> float:
    """The perplexity of a model on a text.

    Args:
        probabilities: (T,), one for each word of the text, T at least 1.

    Returns:
        At least 1; infinite if a word has probability 0.
    """
    return float(np.exp(-np.mean(np.log(probabilities))))
