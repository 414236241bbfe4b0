"""Counts of a corpus: how often each word has each tag, and which tags words with the same ending have."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyseq.arguments import shown, whole
from tinyseq.data.readers import Sentence, Tag, Word
from tinyseq.data.vocabulary import Vocabulary
from tinyseq.io.arrays import Arrays
from tinyseq.tagging.dictionary import ranges
from tinyseq.tagging.tagger import labelled
from tinyseq.torch_names.settings import explained

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


class Lexicon:
    """How often each word of a corpus has each tag.

    Args:
        words: V words.
        tags: K tags.
        counts: how often each word had each tag (V, K).

    Raises:
        ValueError: the shapes do not match, or a tag or word has no count.
        TypeError: words or tags are no `Vocabulary`, or counts are no numbers.

    Example:
        >>> lexicon = Lexicon.of([[("they", "PRP"), ("fish", "VB")], [("fish", "NN")]])
        >>> lexicon.words.symbols, lexicon.tags.symbols, lexicon.counts.tolist()
        (('they', 'fish'), ('NN', 'PRP', 'VB'), [[0, 1, 0], [1, 0, 1]])
    """

    @explained
    def __init__(self, words: Vocabulary[Word], tags: Vocabulary[Tag], counts: NDArray[Any]) -> None:
        for name, given in (("words", words), ("tags", tags)):
            if not isinstance(given, Vocabulary):
                raise TypeError(f"{name} must be a Vocabulary, got {shown(given)}; Lexicon.of(sentences) counts them")
        counts = np.asarray(counts)
        if counts.dtype.kind not in "iuf":
            raise TypeError(f"counts must be numbers, got {counts.dtype}")
        if counts.shape != (len(words), len(tags)):
            raise ValueError(f"counts must have shape {(len(words), len(tags))} (words, tags), got {counts.shape}")
        if not (counts.any(axis=0).all() and counts.any(axis=1).all() and (counts >= 0).all()):
            raise ValueError("counts must be at least 0, and each word and each tag must have a positive count")
        self.words, self.tags, self.counts = words, tags, counts

    def __repr__(self) -> str:
        return f"Lexicon({len(self.words)} words, {len(self.tags)} tags)"

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
        """The lexicon from what `saved` returned.

        Args:
            arrays, metadata: as saved.
        """
        words, tags = (Vocabulary.from_dict(metadata[name]) for name in ("words", "tags"))
        return cls(words, tags, arrays["counts"])


class Endings:
    """P(tag | ending of a word, and whether it is capitalised), learned from rare words.

    Rare words resemble unknown ones most. Each longer ending refines the estimate:

        P(t | ending) = (count(ending, t) + types(ending) P(t | shorter ending)) / (count(ending) + types(ending)),

    where types is the number of distinct tags; the empty ending falls back on P(t). This is the suffix model of TnT
    (Brants, 2000, section 2.3) with Witten-Bell weights in place of a single weight.

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
        self._ids: tuple[dict[str, int], dict[str, int]] = ({"": 0}, {"": 1})  # lower-case and capitalised words
        shorter, rows, endings = [-1, -1], [], []
        for row in np.flatnonzero(lexicon.counts.sum(axis=1) <= rare).tolist():
            word = lexicon.words.symbols[row]
            ids, ending = self._ids[word[:1].isupper()], -1
            for length in range(min(len(word), self.longest) + 1):
                before, ending = ending, ids.setdefault(word[len(word) - length :], len(shorter))
                if ending == len(shorter):
                    shorter.append(before)
                rows.append(row)
                endings.append(ending)
        self._shorter: Ids = np.array(shorter)  # the ending with a letter less
        self._counts = _summed(lexicon.counts, np.array(rows, np.int64), np.array(endings, np.int64), len(shorter))

    def __repr__(self) -> str:
        return f"Endings({len(self)} endings of at most {self.longest} letters)"

    def __len__(self) -> int:
        return len(self._shorter)

    def __call__(self, word: Word) -> Floats:
        """P(tag | word) for each tag (K,), estimated from the ending; all are positive."""
        return np.asarray(self.of(np.array([self.longest_known(word)]))[0])

    def longest_known(self, word: Word) -> int:
        """The id of the longest ending of a word that a rare word has, too, or of the empty one."""
        ids = self._ids[word[:1].isupper()]
        found = ids[""]
        for length in range(1, min(len(word), self.longest) + 1):
            longer = ids.get(word[len(word) - length :])
            if longer is None:
                break
            found = longer
        return found

    def of(self, endings: Ids) -> Floats:
        """P(tag | ending) for each of some endings, given by their ids (N, K)."""
        levels = [endings]
        while (levels[-1] >= 0).any():
            levels.append(np.where(levels[-1] >= 0, self._shorter[levels[-1]], -1))
        p = np.tile(self.prior, (len(endings), 1))
        for level in reversed(levels):
            some = np.flatnonzero(level >= 0)
            count = self._counts[level[some]]
            total, types = count.sum(axis=1, keepdims=True), np.count_nonzero(count, axis=1, keepdims=True)
            seen = total[:, 0] > 0
            p[some[seen]] = ((count + types * p[some]) / np.maximum(total + types, 1))[seen]
        return p


def _summed(counts: NDArray[Any], rows: Ids, groups: Ids, size: int) -> NDArray[np.int32]:
    """The sums of some rows of a table of counts (V, K), which is mostly zeros, by the rows' groups (size, K)."""
    word, tag = np.nonzero(counts)
    starts = np.searchsorted(word, np.arange(len(counts) + 1))
    index, _ = ranges(starts[rows], np.diff(starts)[rows])
    cells = np.repeat(groups, np.diff(starts)[rows]) * counts.shape[1] + tag[index]
    found = np.bincount(cells, counts[word, tag][index], minlength=size * counts.shape[1])
    return found.reshape(size, -1).astype(np.int32)
