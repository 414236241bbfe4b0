"""n-gram language models: P(next symbol | the n - 1 before it), estimated by counting.

For a history h and its next shorter one h' (without the oldest symbol), every smoothing here is one recursion:

    P(w | h) = kept(h, w) + left(h) P(w | h')

`kept` is the discounted relative frequency of an n-gram that was seen, and `left` is the probability mass that h leaves
to the shorter history. Together they sum to one, so P does too. An unseen history leaves all of its mass.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinyseq.arguments import as_called, check_flags, finite, listed, refuses_order, whole
from tinyseq.data.vocabulary import SYMBOLS, Vocabulary, no_symbol, refuse_letters
from tinyseq.io.arrays import Arrays
from tinyseq.lm.model import Floats, LanguageModel, Read, Text
from tinyseq.lm.smoothing import SMOOTHINGS, Shares, absolute_discount, additive, discounts, witten_bell
from tinyseq.lm.words import END, check_word_vocabulary, sentences_of, word_vocabulary
from tinyseq.torch_names.of_tasks import NGRAMS
from tinyseq.torch_names.settings import explained

Symbol = TypeVar("Symbol", bound=Hashable)
Ids = NDArray[np.int64]


class Level(NamedTuple):
    """The n-grams of one length. Codes are sorted for binary search."""

    histories: Ids  # (H,) code of each: index of its next shorter history x base + the symbol before that one
    ngrams: Ids  # (G,) code of each: index of its history x base + the symbol that follows
    kept: Floats  # (G,)
    left: Floats  # (H,)


class NgramLM(LanguageModel, Generic[Symbol]):
    """An n-gram language model over characters, words, or any other hashable symbols.

    A text is one sequence of characters. Anything else is taken as a list of sequences of symbols: `[text]` and `text`
    are the same, and `[words]` is one sequence of words. Histories are padded with a start symbol. The ends of
    sequences are modelled only with ``words=True``.

    Args:
        n: the length of the longest n-grams; the model looks back n - 1 symbols.
        smoothing: None is maximum likelihood, as in the lectures: an unseen n-gram has probability 0, and so has
            every symbol after an unseen history. "add-k" adds `k` to each count; "kneser-ney" (a
            discount for each length, and continuation counts) and "witten-bell" interpolate with all shorter histories
            and finally with the uniform distribution.
        k: the count that "add-k" adds.
        vocabulary: the symbols over which probabilities sum to one; without it, those that `fit` sees. Any other
            symbol has probability 0, unless the vocabulary has an unknown symbol, which then stands for it.
        discount: what "kneser-ney" subtracts from each count: one number between 0 and 1 for n-grams of every length,
            or n numbers for the lengths 1, ..., n, where 0 is allowed, too. By default it is estimated for each length,
            n_1 / (n_1 + 2 n_2) with n_i the number of n-grams counted i times, or 0.5 where one of them is 0.
        words: whether texts are sentences of words, with an unknown word and a symbol for the end of each sentence; see
            `LanguageModel`.
        min_count: for words, how often a word must occur in training; see `word_vocabulary`. By default 2.

    Where a method takes ``context``, it uses only that many of the symbols before, as if the model were shorter: 0 for
    none, by default n - 1. A shorter context of a Kneser-Ney model uses its continuation counts, as the model itself
    does after an unseen history; those of the other smoothings equal the model with n = context + 1.

    Raises:
        ValueError, TypeError: an argument is out of range, or ``n`` is not a whole number.

    Source: Jurafsky and Martin, Speech and Language Processing, chapter 3; Chen and Goodman (1999).

    Example:
        >>> books = [["students", "opened", "their", "books"]] * 400
        >>> exams = [["students", "opened", "their", "exams"]] * 100
        >>> minds = [["students", "opened", "their", "minds"]] * 500
        >>> model = NgramLM(4, smoothing=None).fit(books + exams + minds)
        >>> history = ["students", "opened", "their"]
        >>> model.prob("books", history), model.prob("exams", history), model.prob("laptops", history)
        (0.4, 0.1, 0.0)
    """

    _other_names: ClassVar[dict[str, str]] = NGRAMS

    @explained
    @refuses_order
    def __init__(
        self,
        n: int,
        smoothing: str | None = "kneser-ney",
        *,
        k: float = 1.0,
        vocabulary: Vocabulary[Symbol] | Sequence[Symbol] | None = None,
        discount: float | Sequence[float] | None = None,
        words: bool = False,
        min_count: int | None = None,
    ) -> None:
        n = whole("n", n)
        check_flags(words=words)
        if smoothing not in SMOOTHINGS:
            raise ValueError(f"smoothing must be one of {', '.join(map(repr, SMOOTHINGS))}, got {smoothing!r}")
        if not finite("k", k) > 0:
            raise ValueError(f"k must be positive, got {k}; smoothing=None adds nothing")
        if discount is not None and smoothing != "kneser-ney":
            raise ValueError(f"discount is for smoothing='kneser-ney', got smoothing={smoothing!r}; leave it out")
        if min_count is not None and (not words or vocabulary is not None):
            raise ValueError("min_count is for words=True without vocabulary=; leave it out")
        if vocabulary is not None and not isinstance(vocabulary, Vocabulary):
            vocabulary = Vocabulary(vocabulary)
        if words and vocabulary is not None:
            check_word_vocabulary(vocabulary)
        self.n, self.smoothing, self.k = n, smoothing, k
        self.words, self.min_count = bool(words), None if min_count is None else whole("min_count", min_count)
        self.discount = None if discount is None else discounts(discount, n)
        self._given = vocabulary
        self._fitted: Vocabulary[Symbol] | None = None
        self._levels: list[Level] = []

    def __repr__(self) -> str:
        fitted = "" if self._fitted is None else f", vocabulary={self._fitted!r}"
        return f"{as_called(self)[:-1]}{fitted})"

    @property
    def vocabulary(self) -> Vocabulary[Symbol]:
        """The symbols over which the probabilities sum to one; a RuntimeError before `fit`."""
        if self._fitted is None:
            raise RuntimeError("the model is not fitted yet; call fit first")
        return self._fitted

    @property
    def _ids(self) -> dict[Symbol, int]:
        return self.vocabulary._ids

    @property
    def sizes(self) -> list[int]:
        """The number of distinct n-grams of each length 1, 2, ..., n."""
        return [len(level.ngrams) for level in self._levels]

    @explained
    def fit(self, data: Iterable[Iterable[Symbol]] | str) -> Self:
        """Count the n-grams of a text, or of sequences of symbols.

        Raises:
            ValueError: the data are empty, or a symbol is not in a vocabulary that has no unknown symbol.
        """
        sequences = self._sequences(data)
        self._fitted = self._given or self._vocabulary_of(sequences)
        for sequence in sequences:
            self._fitted.encode(sequence)
        self._number(self._fitted)
        self._levels = self._count(*self._stream(sequences))
        return self

    def _sequences(self, data: Any) -> list[list[Any]]:
        """The symbols of each sequence."""
        if self.words:
            return [[*sentence, END] for sentence in sentences_of(data)]
        return as_sequences(data)

    def _vocabulary_of(self, sequences: list[list[Any]]) -> Vocabulary[Any]:
        """The vocabulary of a text for which none is given."""
        if self.words:
            return word_vocabulary(sequences, 2 if self.min_count is None else self.min_count)
        symbols = list(chain.from_iterable(sequences))
        try:
            distinct = dict.fromkeys(symbols)
        except TypeError:
            raise no_symbol(symbols) from None
        return Vocabulary(distinct)

    def symbols_of(self, text: Text) -> list[Any]:
        """See `LanguageModel`."""
        return list(chain.from_iterable(self._sequences(text)))

    def _number(self, vocabulary: Vocabulary[Symbol]) -> None:
        """Assign ids to the symbols, to the start of a sequence, and to symbols outside the vocabulary."""
        self._fitted = vocabulary
        self._base = len(self._ids) + 2
        self._outside = self._base - 1 if vocabulary.unknown is None else self._ids[vocabulary.unknown]

    @explained
    def prob(self, symbol: Symbol, history: Iterable[Symbol] = (), *, context: int | None = None) -> float:
        """P(symbol | history), where the history is all preceding symbols, or the last n - 1 of them.

        A shorter history is taken to begin a sequence; to ignore what came before it, pass ``context=len(history)``.
        With words, a sentence begins after the end of another one.

        Args:
            symbol: the symbol that follows.
            history: the symbols before it.
            context: how many of them to use, at most n - 1.

        Returns:
            The probability.

        Raises:
            ValueError, TypeError: ``context`` is not a whole number from 0 to n - 1.

        Example:
            >>> model = NgramLM(3, smoothing=None).fit("abcabdab")
            >>> model.prob("c", "ab"), model.prob("a", "", context=0)
            (0.5, 0.375)
        """
        return float(self._probabilities([[*self._of_its_sequence(history), symbol]], context)[-1])

    @explained
    def log_probs(self, data: Iterable[Iterable[Symbol]] | str, *, context: int | None = None) -> Floats:
        """log P of every symbol given its history, in nats (N,); several sequences are concatenated."""
        if not self.words:
            refuse_letters("data", data, self.vocabulary)
        with np.errstate(divide="ignore"):  # log 0 = -inf is intended
            return np.log(self._probabilities(self._sequences(data), context))

    def _probabilities(self, sequences: list[list[Symbol]], context: int | None) -> Floats:
        stream, positions = self._stream(sequences)
        following = stream[positions]
        uniform = np.where(following < len(self.vocabulary), self._uniform, 0.0)
        p = uniform
        for level, history in self._longer_and_longer(stream, positions, context):
            ngram = find(level.ngrams, history * self._base + following)
            kept = np.where(ngram < 0, 0.0, level.kept[ngram])
            p = kept + np.where(history < 0, 1.0, level.left[history]) * (p if self._interpolates else uniform)
        return p

    @explained
    def distribution(self, history: Iterable[Symbol] = (), *, context: int | None = None) -> Floats:
        """P(w | history) for every symbol w of the vocabulary, in its order (V,); ``context`` as for `prob`."""
        return self._distribution(self.ids_before(self._of_its_sequence(history)), self._context(context))

    def _of_its_sequence(self, history: Iterable[Symbol]) -> list[Symbol]:
        """The part of a history in the same sequence as what follows: with words, what comes after the last end."""
        refuse_letters("history", history, self.vocabulary)
        before: list[Any] = list(listed("history", history, SYMBOLS))
        return before[len(before) - before[::-1].index(END) :] if self.words and END in before else before

    def _distribution(self, before: list[int], context: int) -> Floats:
        """The distribution after the ids of a history; one history at a time, with few calls of NumPy."""
        uniform = np.full(len(self.vocabulary), self._uniform)
        p, number, start = uniform, 0, len(self.vocabulary)
        for back, level in enumerate(self._levels[: context + 1]):
            if back:
                code = number * self._base + (before[-back] if back <= len(before) else start)
                number = int(level.histories.searchsorted(code))
                if number == len(level.histories) or level.histories[number] != code:
                    return p if self._interpolates else uniform
            first = number * self._base
            seen = slice(*level.ngrams.searchsorted([first, first + self._base]))
            p = level.left[number] * (p if self._interpolates else uniform)
            p[level.ngrams[seen] - first] += level.kept[seen]
        return p

    @explained
    def nats(self, text: Iterable[Iterable[Symbol]] | str, *, context: int | None = None) -> float:
        """The cross entropy: the mean of -log P over the symbols of the text, in nats; ``context`` as for `prob`.

        Raises:
            ValueError: the text is empty, or ``context`` is out of range.
        """
        return -float(self.log_probs(text, context=context).mean())

    def ids_before(self, prompt: Sequence[Hashable]) -> list[int]:
        """See `LanguageModel`; any symbol may stand before a sample."""
        ids: dict[Any, int] = self._ids
        try:
            return [ids.get(symbol, self._outside) for symbol in prompt]
        except TypeError:
            raise no_symbol(prompt) from None

    def reader(self) -> Read:
        """See `LanguageModel`; after the end of a sentence of words, the next one begins like a new sequence."""
        ids: dict[Any, int] = self._ids
        end = ids[END] if self.words else None
        before: list[int] = []

        def read(new: Sequence[int]) -> Floats:
            for symbol in new:
                before.append(symbol)
                if symbol == end:
                    before.clear()
            with np.errstate(divide="ignore"):  # log 0 = -inf is intended
                return np.log(self._distribution(before, self.n - 1))

        return read

    def saved(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """See `SavedModel`: the n-grams and their shares, and the vocabulary."""
        vocabulary = {"vocabulary": self.vocabulary.to_dict(), "given": self._given is not None}
        arrays = {
            f"{n}.{name}": part for n, level in enumerate(self._levels, 1) for name, part in level._asdict().items()
        }
        settings = {"n": self.n, "smoothing": self.smoothing, "k": self.k, "discount": self.discount}
        return arrays, {**settings, "words": self.words, "min_count": self.min_count, **vocabulary}

    @classmethod
    def restored(cls, arrays: Arrays, metadata: dict[str, Any]) -> Self:
        """See `SavedModel`."""
        vocabulary: Vocabulary[Any] = Vocabulary.from_dict(metadata["vocabulary"])
        model = cls(
            metadata["n"],
            metadata["smoothing"],
            k=metadata["k"],
            vocabulary=vocabulary if metadata["given"] else None,
            discount=metadata["discount"],
            words=metadata["words"],
            min_count=metadata["min_count"],
        )
        model._number(vocabulary)
        for n in range(1, model.n + 1):
            level = Level(*(arrays[f"{n}.{name}"] for name in Level._fields))
            if level.histories.shape != level.left.shape or level.ngrams.shape != level.kept.shape:
                raise ValueError(f"the tables of its {n}-grams have different lengths")
            model._levels.append(level)
        return model

    @property
    def _uniform(self) -> float:
        """P(w) after the shortest history: uniform, or 0 for maximum likelihood."""
        return 0.0 if self.smoothing is None else 1 / len(self.vocabulary)

    @property
    def _interpolates(self) -> bool:
        """Whether a history leaves mass to the next shorter one; otherwise what it leaves is uniform."""
        return self.smoothing in ("witten-bell", "kneser-ney")

    def _stream(self, sequences: list[list[Symbol]]) -> tuple[Ids, Ids]:
        """The ids of all sequences concatenated, each after n - 1 start ids, and the positions of the symbols."""
        beginning = [len(self.vocabulary)] * (self.n - 1)
        ids = list[int]()
        for sequence in sequences:
            ids += beginning
            ids += self.ids_before(sequence)
        stream = np.array(ids, np.int64)
        return stream, np.flatnonzero(stream != len(self.vocabulary))

    def _context(self, context: int | None) -> int:
        """How many of the symbols before are used."""
        return self.n - 1 if context is None else whole("context", context, 0, self.n - 1)

    def _longer_and_longer(self, stream: Ids, positions: Ids, context: int | None) -> Iterator[tuple[Level, Ids]]:
        """The indices of the histories before some positions, the shortest first; -1 for unseen ones."""
        number = np.zeros(len(positions), np.int64)
        for back, level in enumerate(self._levels[: self._context(context) + 1]):
            if back:
                number = find(level.histories, number * self._base + stream[positions - back])
            yield level, number

    def _count(self, stream: Ids, positions: Ids) -> list[Level]:
        following = stream[positions]
        number, codes = np.zeros(len(positions), np.int64), np.zeros(1, np.int64)
        histories, ngrams, counts = [], [], []
        for back in range(self.n):
            if back:
                codes, number = np.unique(number * self._base + stream[positions - back], return_inverse=True)
            found, count = np.unique(number * self._base + following, return_counts=True)
            histories.append(codes)
            ngrams.append(found)
            counts.append(count)
        if self.smoothing == "kneser-ney":
            # Continuation counts: a shorter n-gram counts once for each distinct symbol seen before it.
            for i in range(self.n - 1):
                history, symbol = np.divmod(ngrams[i + 1], self._base)
                shorter = histories[i + 1][history] // self._base
                counts[i] = np.bincount(np.searchsorted(ngrams[i], shorter * self._base + symbol))
        shares = [self._shares(i, counts[i], found // self._base) for i, found in enumerate(ngrams)]
        return [Level(h, g, *share) for h, g, share in zip(histories, ngrams, shares, strict=True)]

    def _shares(self, length: int, counts: Ids, history: Ids) -> Shares:
        if self.smoothing == "witten-bell":
            return witten_bell(counts, history)
        if self.smoothing == "kneser-ney":
            return absolute_discount(counts, history, None if self.discount is None else self.discount[length])
        return additive(counts, history, 0.0 if self.smoothing is None else self.k * len(self.vocabulary))


def as_sequences(data: Iterable[Iterable[Symbol]] | str) -> list[list[Symbol]]:
    """The data as a list of sequences; a string is one sequence of characters."""
    sequences: list[list[Symbol]] = []
    given: list[Any] = [data] if isinstance(data, str) else listed("data", data, "a string or a list of sequences")
    for i, sequence in enumerate(given):
        try:
            sequences.append(list(sequence))
        except TypeError:
            raise ValueError(
                f"{sequence!r} at position {i} is not a sequence; put a single sequence in a list: [...]"
            ) from None
    if not any(sequences):
        raise ValueError("the data contain no symbols")
    return sequences


def find(codes: Ids, wanted: Ids) -> Ids:
    """The indices of codes in a sorted array, or -1. No code is negative, so codes built from a -1 are not found."""
    place = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
    return np.where(codes[place] == wanted, place, -1)
