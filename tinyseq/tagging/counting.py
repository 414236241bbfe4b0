"""Taggers trained by counting.

In a hidden Markov model of a sentence, the tags are the hidden states, with the model's transition probabilities. The
score of a word for each tag is computed here, from the tags that the word had and from those of words with the same
ending. The model sees only these scores.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tinyseq import arguments
from tinyseq.arguments import whole
from tinyseq.autograd.tensor import constant
from tinyseq.data.readers import Sentence, Tag, Word
from tinyseq.data.vocabulary import Vocabulary
from tinyseq.hmm import HMM, ImpossibleSequenceError
from tinyseq.hmm.learning.counting import smoother
from tinyseq.hmm.model.probabilities import plain
from tinyseq.io.arrays import Arrays
from tinyseq.nn.checks import check_device
from tinyseq.tagging.dictionary import Candidates, Decoder
from tinyseq.tagging.lexicon import Endings, Lexicon
from tinyseq.tagging.tagger import Tagger, labelled, learnt, of_pairs
from tinyseq.torch_names.settings import explained

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

WEIGHT_OF_ENDING = 0.2  # of a known word; each of its occurrences has weight 1
ROWS = 1 << 13  # of a dictionary, that are computed at a time


class MostFrequentTag(Tagger):
    """The baseline: each word gets its most frequent tag, whatever the context.

    An unknown word gets the most frequent tag of rare words with the same capitalisation.

    Example:
        >>> tagger = MostFrequentTag().fit([[("the", "DT"), ("cat", "NN"), ("runs", "VB")], [("Ann", "NNP")]])
        >>> tagger.tag(["the", "cat", "likes", "Bob"])
        ['DT', 'NN', 'DT', 'NNP']
    """

    def __init__(self) -> None:
        self._lexicon: Lexicon | None = None

    @property
    def lexicon(self) -> Lexicon:
        """The counts; raises RuntimeError before `fit`."""
        return learnt(self._lexicon)

    @property
    def known(self) -> Vocabulary[Word]:
        """See `Tagger`."""
        return self.lexicon.words

    @explained
    @of_pairs
    def fit(self, sentences: Iterable[Sentence]) -> Self:
        """Train on sentences of (word, tag) pairs; a ValueError says where an item is not such a pair."""
        self._set(Lexicon.of(sentences))
        return self

    def _set(self, lexicon: Lexicon) -> None:
        tags, guess = lexicon.tags.symbols, Endings(lexicon, longest=0)
        self._lexicon = lexicon
        self._best = {
            word: tags[i] for word, i in zip(lexicon.words, lexicon.counts.argmax(axis=1).tolist(), strict=True)
        }
        self._guess = {capital: tags[int(guess("A" if capital else "a").argmax())] for capital in (True, False)}

    def tag_many(self, sentences: Iterable[Sequence[Word]]) -> list[list[Tag]]:
        """The tags of several sentences, each a list of words."""
        learnt(self._lexicon)
        return [
            [self._best[word] if word in self._best else self._guess[word[:1].isupper()] for word in words]
            for words in arguments.sentences("sentences", sentences)
        ]

    def saved(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """See `tinyseq.io.SavedModel`: the counts of words."""
        return self.lexicon.saved()

    @classmethod
    def restored(cls, arrays: Arrays, metadata: dict[str, Any]) -> Self:
        """See `tinyseq.io.SavedModel`."""
        tagger = cls()
        tagger._set(Lexicon.restored(arrays, metadata))
        return tagger


class HMMTagger(Tagger):
    """A hidden Markov model of n-grams of tags, learned by counting: TnT (Brants, 2000) for n = 3.

    P(words, tags) = prod_t P(tag_t | the n - 1 tags before) P(word_t | tag_t), times P(end | last tag). By Bayes' rule,
    P(word | tag) is P(tag | word) / P(tag), up to a factor that is the same for all tags. P(tag | word) comes from the
    word's own counts, with its ending weighted as a fifth of an occurrence; for an unknown word, from its ending alone.

    Args:
        n: the length of the n-grams of tags: 2 for bigrams, 3 for trigrams, and so on.
        smoothing: how counts of tags become probabilities, as in `HMM.from_labelled`: "witten-bell",
            "deleted-interpolation" (as TnT), or None for relative frequencies.
        least: tags of a word whose probability P(tag | word) is smaller are left out, except for the most probable
            one. The search is exact over the others, and many times faster than over all; 0 leaves out none.

    Attributes:
        hmm: the model of the tags, a `tinyseq.hmm.HMM` whose observations are log scores (T, K).

    Raises:
        ValueError, TypeError: n is not a whole number, or is below 2; smoothing is not one of these; or least does not
            lie in [0, 1).

    Example:
        >>> sentences = [
        ...     [("the", "DT"), ("fish", "NN"), ("swims", "VB")],
        ...     [("they", "PRP"), ("fish", "VB")],
        ...     [("the", "DT"), ("cat", "NN"), ("swims", "VB")],
        ... ]
        >>> tagger = HMMTagger(n=2).fit(sentences)
        >>> tagger.tag(["the", "fish"]), tagger.tag(["they", "fish"]), tagger.tag(["the", "dog", "runs"])
        (['DT', 'NN'], ['PRP', 'VB'], ['DT', 'NN', 'VB'])
    """

    @explained
    @arguments.refuses_order
    def __init__(self, n: int = 3, smoothing: str | None = "witten-bell", *, least: float = 0.001) -> None:
        if callable(smoothing):
            raise TypeError(f"smoothing must be a name, so that the tagger can be saved, got {smoothing!r}")
        smoother(smoothing, functions=False)  # raises for an unknown name
        if not (isinstance(least, int | float) and 0 <= least < 1):
            raise ValueError(f"least must be a probability from 0 to below 1, got {least!r}")
        self.n, self.smoothing, self.least = whole("n", n, 2), smoothing, float(least)
        self._hmm: HMM | None = None

    @property
    def hmm(self) -> HMM:
        """The model of the tags; raises RuntimeError before `fit`."""
        return learnt(self._hmm)

    def to(self, device: str) -> Self:
        """See `Tagger`: best paths are then computed there; the words' scores are computed on the host."""
        check_device(device)
        self._hmm = _on_device(self.hmm, device)
        return self

    @property
    def known(self) -> Vocabulary[Word]:
        """See `Tagger`."""
        return self.lexicon.words

    @explained
    @of_pairs
    def fit(self, sentences: Iterable[Sentence]) -> Self:
        """Train on sentences of (word, tag) pairs.

        Raises:
            ValueError: there are no words, an item is not such a pair, or the smoothing is unknown.
        """
        sentences = labelled(sentences)
        lexicon = Lexicon.of(sentences)
        tables = HMM.from_labelled(sentences, self.n, self.smoothing, end=True, states=lexicon.tags.symbols)
        self._set(lexicon, HMM(tables.initial, tables.transition, None, end=tables.end, states=tables.states))
        return self

    def _set(self, lexicon: Lexicon, hmm: HMM) -> None:
        self.lexicon, self._hmm = lexicon, hmm
        self.endings = Endings(lexicon)
        self._rows = {word: row for row, word in enumerate(lexicon.words)}
        if self.least:
            self._decoder = Decoder(hmm, self._dictionary())

    def _dictionary(self) -> Candidates:
        """The candidates of all known words, and then those of all endings, for unknown words."""
        endings, symbols = self.endings, self.lexicon.words.symbols
        last = np.array([endings.longest_known(word) for word in symbols])
        parts = []
        for first in range(0, len(last), ROWS):
            rows = np.arange(first, min(first + ROWS, len(last)))
            parts.append(self._probabilities(last[rows], rows))
        for first in range(0, len(endings), ROWS):
            parts.append(endings.of(np.arange(first, min(first + ROWS, len(endings)))))
        return Candidates.joined([Candidates.of(np.log(p / endings.prior), self._kept(p)) for p in parts])

    def _probabilities(self, endings: Ids, rows: Ids) -> Floats:
        """P(tag | word) of words (N, K), from the ids of their endings, and their rows in the lexicon or -1."""
        p = self.endings.of(endings)
        known = rows >= 0
        counted = self.lexicon.counts[rows[known]] + WEIGHT_OF_ENDING * p[known]
        p[known] = counted / counted.sum(axis=1, keepdims=True)
        return p

    def _kept(self, p: Floats) -> NDArray[np.bool_]:
        """Which tags of words with the probabilities p (N, K) are candidates."""
        return np.asarray((p >= self.least) | (p == p.max(axis=1, keepdims=True)))

    def log_scores(self, words: Sequence[Word]) -> Floats:
        """log P(word | tag) of each word for each tag (T, K), up to a constant for each word."""
        p, prior = self._tags_of(arguments.words("words", words)), self.endings.prior
        return np.log(p / prior)

    def _tags_of(self, words: list[Word]) -> Floats:
        """P(tag | word) of words (T, K)."""
        distinct = {word: i for i, word in enumerate(dict.fromkeys(words))}
        endings = np.array([self.endings.longest_known(word) for word in distinct], np.int64)
        rows = np.array([self._rows.get(word, -1) for word in distinct], np.int64)
        return self._probabilities(endings, rows)[[distinct[word] for word in words]]

    def tag(self, words: Sequence[Word]) -> list[Tag]:
        """See `Tagger`."""
        words = arguments.words("words", words)
        if words and self._hmm is not None and self._by_dictionary():
            path, [score] = self._decoder.best(self._candidate_rows(words), [len(words)])
            if score > -np.inf:
                symbols = self.lexicon.tags.symbols
                return [symbols[i] for i in path]
        return self.tag_many([words])[0]

    def tag_many(self, sentences: Iterable[Sequence[Word]]) -> list[list[Tag]]:
        """The most probable tags of several sentences, each a list of words.

        Raises:
            ImpossibleSequenceError: without smoothing, if no sequence of tags fits a sentence.
            TypeError: a sentence is not a list of words.
        """
        hmm, given = self.hmm, arguments.sentences("sentences", sentences)
        if not self._by_dictionary():
            scores = [self._masked_scores(words) for words in given]
            try:
                return [list(decoding.path) for decoding in hmm.viterbi(scores)] if scores else []
            except ImpossibleSequenceError:
                return [self._one_by_one(i, words) for i, words in enumerate(given)]
        full = [words for words in given if words]
        rows = self._candidate_rows(list(chain.from_iterable(full)))
        path, totals = self._decoder.best(rows, [len(words) for words in full])
        symbols = self.lexicon.tags.symbols
        tags, left, found = [symbols[i] for i in path], iter(totals), list[list[Tag]]()
        first = 0
        for i, words in enumerate(given):
            found.append(tags[first : first + len(words)])
            first += len(words)
            if not words or next(left) == -np.inf:
                found[-1] = self._among_all_tags(i, words)
        return found

    def _one_by_one(self, place: int, words: list[Word]) -> list[Tag]:
        """The tags of one of several sentences, among its candidates if they have a path."""
        with suppress(ImpossibleSequenceError):
            return list(self.hmm.viterbi(self._masked_scores(words)).path)
        return self._among_all_tags(place, words)

    def _among_all_tags(self, place: int, words: list[Word]) -> list[Tag]:
        """The tags of one of several sentences, whose candidates have no path; an error if all tags have none."""
        try:
            return list(self.hmm.viterbi(self.log_scores(words)).path)
        except ImpossibleSequenceError as error:
            at = error.position
            where = f"lead to word {at}, {words[at]!r}" if at < len(words) else "end after its last word"
            raise ImpossibleSequenceError(
                f"sentences[{place}] is impossible: no tags that were seen in this order {where}; "
                'smoothing="witten-bell" gives every order a probability',
                place,
                at,
            ) from None

    def _by_dictionary(self) -> bool:
        """Whether the `Decoder` finds the tags: not on a GPU, nor where no tag is left out."""
        return self.least > 0 and self.hmm.parameters.device == "cpu"

    def _candidate_rows(self, words: list[Word]) -> list[int]:
        """Where words stand among the candidates: unknown ones are those of their longest known ending."""
        known, longest = len(self._rows), self.endings.longest_known
        rows = map(self._rows.get, words)
        return [known + longest(word) if row is None else row for word, row in zip(words, rows, strict=True)]

    def _masked_scores(self, words: list[Word]) -> Floats:
        """`log_scores`, -inf for tags that are not candidates."""
        p = self._tags_of(words)
        return np.where(self._kept(p), np.log(p / self.endings.prior), -np.inf) if words else p

    def saved(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """See `tinyseq.io.SavedModel`: the counts of words, and the tables of the model."""
        hmm = self.hmm
        initial = hmm.initial if self.n > 2 else (hmm.initial,)
        state = {f"initial.{i}": plain(table) for i, table in enumerate(initial)}
        state |= {"transition": plain(hmm.transition), "end": plain(hmm.end)}
        arrays, metadata = self.lexicon.saved()
        return state | arrays, {"n": self.n, "smoothing": self.smoothing, "least": self.least, **metadata}

    @classmethod
    def restored(cls, arrays: Arrays, metadata: dict[str, Any]) -> Self:
        """See `tinyseq.io.SavedModel`."""
        older = {"n": metadata["order"], "least": 0.0} if "order" in metadata else {}
        metadata = {**metadata, **older}
        tagger = cls(metadata["n"], metadata["smoothing"], least=metadata["least"])
        lexicon = Lexicon.restored(arrays, metadata)
        tables = tuple(arrays[f"initial.{i}"] for i in range(tagger.n - 1))
        initial = tables if tagger.n > 2 else tables[0]
        hmm = HMM(initial, arrays["transition"], None, end=arrays["end"], states=lexicon.tags)
        tagger._set(lexicon, hmm)
        return tagger


def _on_device(hmm: HMM, device: str) -> HMM:
    """A hidden Markov model of given scores with its tables on a device, as tensors if that is a GPU."""
    tables = [plain(table) for table in (*hmm.parameters.tables, hmm.transition, hmm.end)]
    *initial, transition, end = tables if device == "cpu" else [constant(table).to(device) for table in tables]
    return HMM(tuple(initial) if hmm.n > 2 else initial[0], transition, None, end=end, states=hmm.states)
