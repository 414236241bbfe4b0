"""Taggers trained by counting.

In a hidden Markov model of a sentence, the tags are the hidden states, with the model's transition probabilities. The
score of a word for each tag is computed here, from the tags that the word had and from those of words with the same
ending. The model sees only these scores.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tinyseq import arguments
from tinyseq.arguments import whole
from tinyseq.autograd.tensor import constant
from tinyseq.data.readers import Sentence, Tag, Word
from tinyseq.data.vocabulary import Vocabulary
from tinyseq.hmm import HMM
from tinyseq.hmm.learning.counting import smoother
from tinyseq.hmm.model.probabilities import plain
from tinyseq.io.arrays import Arrays
from tinyseq.nn.checks import check_device
from tinyseq.tagging.tagger import Tagger, labelled, learnt

Floats = NDArray[np.float64]

WEIGHT_OF_ENDING = 0.2  # of a known word; each of its occurrences has weight 1


class Lexicon:
    """How often each word of a corpus has each tag.

    Args:
        words: V words.
        tags: K tags.
        counts: how often each word had each tag (V, K).

    Raises:
        ValueError: the shapes do not match, or a tag or word has no count.

    Example:
        >>> lexicon = Lexicon.of([[("they", "PRP"), ("fish", "VB")], [("fish", "NN")]])
        >>> lexicon.words.symbols, lexicon.tags.symbols, lexicon.counts.tolist()
        (('they', 'fish'), ('NN', 'PRP', 'VB'), [[0, 1, 0], [1, 0, 1]])
    """

    def __init__(self, words: Vocabulary[Word], tags: Vocabulary[Tag], counts: NDArray[Any]) -> None:
        if counts.shape != (len(words), len(tags)):
            raise ValueError(f"counts must have shape {(len(words), len(tags))} (words, tags), got {counts.shape}")
        if not (counts.any(axis=0).all() and counts.any(axis=1).all() and (counts >= 0).all()):
            raise ValueError("counts must be at least 0, and each word and each tag must have a positive count")
        self.words, self.tags, self.counts = words, tags, counts

    @classmethod
    def of(cls, sentences: Iterable[Sentence]) -> "Lexicon":
        """Count the words and tags of a corpus.

        Raises:
            ValueError: there are no words, or an item is not a pair of strings; the error gives its position.
        """
        pairs: Counter[tuple[Word, Tag]] = Counter()
        for sentence in labelled(sentences):
            pairs.update(sentence)
        if not pairs:
            raise ValueError("there are no words to learn from")
        words = Vocabulary(dict.fromkeys(word for word, _ in pairs))
        tags = Vocabulary(sorted({tag for _, tag in pairs}))
        counts = np.zeros((len(words), len(tags)), np.int64)
        rows, columns = words.encode(word for word, _ in pairs), tags.encode(tag for _, tag in pairs)
        counts[rows, columns] = list(pairs.values())
        return cls(words, tags, counts)

    def saved(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The arrays and metadata to save."""
        return {"counts": self.counts}, {"words": self.words.to_dict(), "tags": self.tags.to_dict()}

    @classmethod
    def restored(cls, arrays: Arrays, metadata: dict[str, Any]) -> "Lexicon":
        """The lexicon from what `saved` returned."""
        words, tags = (Vocabulary.from_dict(metadata[name]) for name in ("words", "tags"))
        return cls(words, tags, arrays["counts"])


class Endings:
    """P(tag | ending of a word, and whether it is capitalised), learnt from rare words.

    Rare words are the most similar to unknown ones. Each longer ending refines the estimate:

        P(t | ending) = (count(ending, t) + types(ending) P(t | shorter ending)) / (count(ending) + types(ending)),

    where types is the number of distinct tags; the empty ending falls back on P(t). This is the suffix model of TnT
    (Brants 2000, section 2.3) with Witten-Bell weights in place of a single weight.

    Args:
        lexicon: the counts of all words.
        rare: words that occur more often than this are ignored.
        longest: the length of the longest ending, in letters.

    Example:
        >>> lexicon = Lexicon.of([[("walking", "VBG"), ("cat", "NN")], [("seeing", "VBG"), ("dog", "NN")]])
        >>> dict(zip(lexicon.tags.symbols, Endings(lexicon)("singing").round(2).tolist()))
        {'NN': 0.04, 'VBG': 0.96}
    """

    def __init__(self, lexicon: Lexicon, rare: int = 10, longest: int = 10) -> None:
        rare, self.longest = whole("rare", rare, 0), whole("longest", longest, 0)
        self.prior: Floats = lexicon.counts.sum(axis=0) / lexicon.counts.sum()
        self._counts: dict[tuple[bool, str], NDArray[Any]] = {}
        for word, count in zip(lexicon.words, lexicon.counts, strict=True):
            if count.sum() <= rare:
                for ending in self._endings(word):
                    self._counts[ending] = self._counts.get(ending, 0) + count

    def __call__(self, word: Word) -> Floats:
        """P(tag | word) for each tag (K,), estimated from the ending; all are positive."""
        p = self.prior
        for ending in self._endings(word):
            if ending not in self._counts:
                break
            count = self._counts[ending]
            types = np.count_nonzero(count)
            p = (count + types * p) / (count.sum() + types)
        return p

    def _endings(self, word: Word) -> Iterator[tuple[bool, str]]:
        for length in range(min(len(word), self.longest) + 1):
            yield word[:1].isupper(), word[len(word) - length :]


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
    """A hidden Markov model of n-grams of tags, learnt by counting: TnT (Brants 2000) for n = 3.

    P(words, tags) = prod_t P(tag_t | the n - 1 tags before) P(word_t | tag_t), times P(end | last tag). By Bayes' rule,
    P(word | tag) is P(tag | word) / P(tag), up to a factor that is the same for all tags. P(tag | word) comes from the
    word's own counts, with its ending counted as a fifth of one occurrence; for an unknown word, from its ending alone.

    Args:
        n: the length of the n-grams of tags: 2 for bigrams, 3 for trigrams, and so on.
        smoothing: how counts of tags become probabilities, as in `HMM.from_labelled`: "witten-bell",
            "deleted-interpolation" (as TnT), or None for relative frequencies.

    Attributes:
        hmm: the model of the tags, a `tinyseq.hmm.HMM` whose observations are log scores (T, K).

    Raises:
        ValueError, TypeError: n is not a whole number, or is below 2.

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

    @arguments.refuses_order
    def __init__(self, n: int = 3, smoothing: str | None = "witten-bell") -> None:
        smoother(smoothing)  # raises for an unknown name
        if callable(smoothing):
            raise TypeError(f"smoothing must be a name, so that the tagger can be saved, got {smoothing!r}")
        self.n, self.smoothing = whole("n", n, 2), smoothing
        self._hmm: HMM | None = None

    @property
    def hmm(self) -> HMM:
        """The model of the tags; raises RuntimeError before `fit`."""
        return learnt(self._hmm)

    def to(self, device: str) -> Self:
        """See `Tagger`: best paths are then found there, from word scores of the processor."""
        check_device(device)
        self._hmm = _on_device(self.hmm, device)
        return self

    @property
    def known(self) -> Vocabulary[Word]:
        """See `Tagger`."""
        return self.lexicon.words

    def fit(self, sentences: Iterable[Sentence]) -> Self:
        """Train on sentences of (word, tag) pairs.

        Raises:
            ValueError: there are no words, an item is not such a pair, or the smoothing is unknown.
        """
        sentences = [list(sentence) for sentence in sentences]
        lexicon = Lexicon.of(sentences)
        tables = HMM.from_labelled(sentences, self.n, self.smoothing, end=True, states=lexicon.tags.symbols)
        self._set(lexicon, HMM(tables.initial, tables.transition, None, end=tables.end, states=tables.states))
        return self

    def _set(self, lexicon: Lexicon, hmm: HMM) -> None:
        self.lexicon, self._hmm = lexicon, hmm
        self.endings = Endings(lexicon)
        self._rows = dict(zip(lexicon.words, lexicon.counts, strict=True))
        self._remember()

    def _remember(self) -> None:
        self._log_score = lru_cache(maxsize=1 << 16)(self._log_score_of)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_log_score"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._remember()

    def _log_score_of(self, word: Word) -> Floats:
        p = self.endings(word)
        if word in self._rows:
            p = self._rows[word] + WEIGHT_OF_ENDING * p
            p /= p.sum()
        return np.log(p / self.endings.prior)

    def log_scores(self, words: Sequence[Word]) -> Floats:
        """log P(word | tag) of each word for each tag (T, K), up to a constant for each word."""
        words = arguments.words("words", words)
        scores = np.empty((len(words), len(self.lexicon.tags)))
        for t, word in enumerate(words):
            scores[t] = self._log_score(word)
        return scores

    def tag_many(self, sentences: Iterable[Sequence[Word]]) -> list[list[Tag]]:
        """The most probable tags of several sentences, each a list of words.

        Raises:
            ImpossibleSequenceError: without smoothing, if no sequence of tags fits a sentence.
            TypeError: a sentence is not a list of words.
        """
        hmm = self.hmm
        scores = [self.log_scores(words) for words in arguments.sentences("sentences", sentences)]
        return [list(decoding.path) for decoding in hmm.viterbi(scores)] if scores else []

    def saved(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """See `tinyseq.io.SavedModel`: the counts of words, and the tables of the model."""
        hmm = self.hmm
        initial = hmm.initial if self.n > 2 else (hmm.initial,)
        state = {f"initial.{i}": plain(table) for i, table in enumerate(initial)}
        state |= {"transition": plain(hmm.transition), "end": plain(hmm.end)}
        arrays, metadata = self.lexicon.saved()
        return state | arrays, {"n": self.n, "smoothing": self.smoothing, **metadata}

    @classmethod
    def restored(cls, arrays: Arrays, metadata: dict[str, Any]) -> Self:
        """See `tinyseq.io.SavedModel`."""
        tagger = cls(metadata["n" if "n" in metadata else "order"], metadata["smoothing"])  # "order" in older files
        lexicon = Lexicon.restored(arrays, metadata)
        tables = tuple(arrays[f"initial.{i}"] for i in range(tagger.n - 1))
        initial = tables if tagger.n > 2 else tables[0]
        hmm = HMM(initial, arrays["transition"], None, end=arrays["end"], states=lexicon.tags)
        tagger._set(lexicon, hmm)
        return tagger


def _on_device(hmm: HMM, device: str) -> HMM:
    """A hidden Markov model of given scores with its tables on a device, as tensors if that is a GPU."""
    initial = hmm.initial if hmm.n > 2 else (hmm.initial,)
    tables = [plain(table) for table in (*initial, hmm.transition, hmm.end)]
    *initial, transition, end = tables if device == "cpu" else [constant(table).to(device) for table in tables]
    return HMM(tuple(initial) if hmm.n > 2 else initial[0], transition, None, end=end, states=hmm.states)
