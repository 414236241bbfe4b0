"""Viterbi over a tag dictionary: the best tags of sentences where each word has only a few candidates.

The message after a word holds the score of the best path to each history, the n - 1 last tags, chosen from their words'
candidates. Histories lie with the last tag outermost and the oldest innermost, so that what the next word maximises
over lies side by side. The path is that of `tinyseq.hmm`'s Viterbi with -inf for tags that are not candidates: of
equally good ones the one with the lowest last tag, then the lowest tag before it, and so on.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyseq.hmm import HMM
from tinyseq.hmm.model.probabilities import plain
from tinyseq.tagging.one_by_one import ListDecoder

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST = 1 << 20  # paths that are compared at a time
FEW = 500  # up to so many paths in a step, lists are faster than arrays


class Candidates(NamedTuple):
    """Some words' tags and their scores, word after word.

    Attributes:
        tags: ids of tags, rising within each word (N,).
        scores: log P(word | tag), up to a constant for each word (N,).
        starts: where each of V words begins, and where the last one ends (V + 1,).
    """

    tags: Ids
    scores: Floats
    starts: Ids

    @classmethod
    def of(cls, scores: Floats, kept: NDArray[np.bool_]) -> "Candidates":
        """The kept entries of a table (V, K) of scores."""
        return cls(np.nonzero(kept)[1], scores[kept], np.concatenate([[0], np.cumsum(kept.sum(axis=1))]))

    @classmethod
    def joined(cls, parts: Sequence["Candidates"]) -> "Candidates":
        """The candidates of the words of several parts, one after another."""
        tags, scores, starts = zip(*parts, strict=True)
        counts = np.concatenate([np.diff(part) for part in starts])
        return cls(np.concatenate(tags), np.concatenate(scores), np.concatenate([[0], np.cumsum(counts)]))


class Decoder:
    """The log tables of a hidden Markov model of tags, with the new tag first and the oldest last.

    Args:
        hmm: a model of n-grams with an end, on the host.
        candidates: the candidates of words.
    """

    def __init__(self, hmm: HMM, candidates: Candidates) -> None:
        initial = hmm.initial if hmm.n > 2 else (hmm.initial,)
        with np.errstate(divide="ignore"):
            tables = [np.log(plain(table)).astype(np.float64) for table in (*initial, hmm.transition)]
            self.end: Floats = np.log(plain(hmm.end)).astype(np.float64)
        self.n, self.size, self.candidates = hmm.n, len(self.end), candidates
        self._paths: float = np.diff(candidates.starts).mean() ** self.n  # compared for a word, approximately
        self.tables = [np.ascontiguousarray(table.T).ravel() for table in tables]
        self._lists: ListDecoder | None = None

    def best(self, words: Sequence[int], lengths: Sequence[int]) -> tuple[list[int], list[float]]:
        """The best paths of sentences that are laid end to end.

        Args:
            words: (N,), where the words stand among those of the candidates.
            lengths: (B,), of the sentences; none is 0.

        Returns:
            The ids of the best tags (N,), and each path's log score (B,), -inf if no path is possible.
        """
        if not words:
            return [], []
        if self.n <= 3 and self._paths * len(words) <= FEW * max(lengths):
            return self._one_by_one(words, lengths)
        ids, sizes = np.array(words, np.int64), np.array(lengths, np.int64)
        firsts: Ids = np.cumsum(sizes) - sizes
        found, scores = np.empty(len(ids), np.int64), np.empty(len(sizes))
        by_length = np.argsort(-sizes, kind="stable")
        paths = np.add.reduceat(np.diff(self.candidates.starts)[ids].astype(float) ** self.n, firsts)[by_length]
        tile = (np.cumsum(paths) / MOST).astype(np.int64)
        for some in np.split(by_length, np.flatnonzero(np.diff(tile)) + 1):
            self._by_arrays(ids, firsts[some], sizes[some], some, found, scores)
        return found.tolist(), scores.tolist()

    def _by_arrays(
        self,
        words: Ids,
        firsts: Ids,
        lengths: Ids,
        some: Ids,
        found: Ids,
        scores: Floats,
    ) -> None:
        """Fill in the tags and scores of some sentences, all at once step by step, from the longest to the shortest."""
        real = np.arange(lengths[0])[:, None] < lengths
        sizes = real.sum(axis=1)
        messages = [Message(np.zeros(sizes[0]), np.zeros(sizes[0], np.int64), np.arange(sizes[0] + 1))]
        counts: list[Ids] = []
        for t, size in enumerate(sizes.tolist()):
            now = words[firsts[:size] + t]
            counts.append(self.candidates.starts[now + 1] - self.candidates.starts[now])
            messages.append(self._extended(messages[-1], t, now, counts))
        place = np.empty(0, np.int64)
        for t in range(len(sizes) - 1, -1, -1):
            message, ended = messages[t + 1], sizes[t + 1] if t + 1 < len(sizes) else 0
            starts, stops = message.starts[ended:-1], message.starts[ended + 1 :]
            last = message.codes // self.size ** min(t, self.n - 2)
            rows, firsts_of = ranges(starts, stops - starts)
            totals = message.scores[rows] + self.end[last[rows]]
            best, at = _first_best(totals, firsts_of)
            scores[some[ended : sizes[t]]] = best
            place = np.concatenate([place, rows[at]])
            found[firsts[: sizes[t]] + t] = last[place]
            if t:
                place = self._before(messages[t], message, t, place, last[place], counts)

    def _extended(self, message: "Message", t: int, now: Ids, counts: list[Ids]) -> "Message":
        """The message after word t of some sentences, the first ones of those before."""
        candidates, c, starts = self.candidates, counts[t], message.starts[: len(now) + 1]
        s, oldest = np.diff(starts), self._oldest(counts, t, len(now))
        rows, _ = ranges(candidates.starts[now], c)  # the pairs of a sentence and a new tag
        sentence = np.repeat(np.arange(len(now)), c)
        tags, width = candidates.tags[rows], s[sentence]
        index, _ = ranges(starts[sentence], width)  # the paths: a pair's, with each history
        power = min(t, self.n - 1)
        totals = message.scores[index]
        totals += self.tables[power][message.codes[index] + np.repeat(tags * self.size**power, width)]
        segments = (s // oldest)[sentence]
        if t < self.n - 1:
            codes = message.codes[index] + np.repeat(tags * self.size**power, segments)
        else:
            lengths = np.repeat(oldest[sentence], segments)
            heads = np.cumsum(lengths) - lengths
            totals = np.maximum.reduceat(totals, heads)
            codes = message.codes[index[heads]] // self.size + np.repeat(tags * self.size ** (power - 1), segments)
        totals += np.repeat(candidates.scores[rows], segments)
        return Message(totals, codes, np.concatenate([[0], np.cumsum(c * (s // oldest))]))

    def _before(self, message: "Message", after: "Message", t: int, place: Ids, tags: Ids, counts: list[Ids]) -> Ids:
        """Where the best histories of messages ``after`` word t lie in the message before it."""
        count, power = len(place), min(t, self.n - 1)
        oldest, starts = self._oldest(counts, t, count), message.starts[: count + 1]
        segments: Ids = np.diff(starts) // oldest
        segment: Ids = (place - after.starts[:count]) % segments
        rows, firsts = ranges(starts[:-1] + segment * oldest, oldest)
        totals = (
            message.scores[rows] + self.tables[power][message.codes[rows] + np.repeat(tags, oldest) * self.size**power]
        )
        return rows[_first_best(totals, firsts)[1]]

    def _oldest(self, counts: list[Ids], t: int, size: int) -> Ids:
        """How many tags the word has that leaves the history when word t comes: 1 where none does."""
        return counts[t - self.n + 1][:size] if t >= self.n - 1 else np.ones(size, np.int64)

    def _one_by_one(self, words: Sequence[int], lengths: Sequence[int]) -> tuple[list[int], list[float]]:
        """The same sentence by sentence."""
        if self._lists is None:
            size, candidates = self.size, self.candidates
            tables = [
                table.reshape(size, -1, size if i == self.n - 1 else 1).tolist() for i, table in enumerate(self.tables)
            ]
            self._lists = ListDecoder(
                tables,
                self.end.tolist(),
                *(part.tolist() for part in (candidates.starts, candidates.tags, candidates.scores)),
            )
        tags: list[int] = []
        totals: list[float] = []
        for length in lengths:
            path, total = self._lists.best(words[len(tags) : len(tags) + length])
            tags += path
            totals.append(total)
        return tags, totals


class Message(NamedTuple):
    """The scores of the best paths to each history of some sentences, one after another.

    Attributes:
        scores: (M,).
        codes: the tags of each history as one number, the last tag its highest digit (M,).
        starts: where each sentence's histories begin, and where the last one's end.
    """

    scores: Floats
    codes: Ids
    starts: Ids


def ranges(starts: Ids, lengths: Ids) -> tuple[Ids, Ids]:
    """The numbers of some ranges, one after another; and where each range begins among them."""
    firsts = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts - firsts, lengths), firsts


def _first_best(totals: Floats, firsts: Ids) -> tuple[Floats, Ids]:
    """The maximum of each part of an array, of which none is empty, and where it stands first."""
    if not len(firsts):
        return totals[:0], firsts
    best = np.maximum.reduceat(totals, firsts)
    lengths = np.diff(np.append(firsts, len(totals)))
    where = np.flatnonzero(totals == np.repeat(best, lengths))
    return best, where[np.searchsorted(where, firsts)]
