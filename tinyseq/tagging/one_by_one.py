"""Viterbi over a tag dictionary sentence by sentence, in Python's lists: faster for few sentences than arrays.

A word has two or three candidates, so a step compares about ten paths, in less time than a single call of NumPy takes.
Paths and ties are those of `tinyseq.tagging.dictionary.Decoder`, for bigrams and trigrams of tags.
"""

from collections.abc import Callable, Sequence
from operator import add, itemgetter
from typing import NamedTuple

Row = list[float]  # for one new tag and the tag before it, log P(new tag | ...) for each oldest tag
NOTHING = (0,)  # the tags of what stands before a sentence


class Entry(NamedTuple):
    """A word's candidates.

    Attributes:
        scores: log P(word | tag) of each, up to a constant.
        tags: their ids, rising.
        rows: for each, its table of transitions: by the tag before it, then by the oldest tag.
        pick: takes what belongs to these tags from a row; with a single tag a number, not a tuple.
    """

    scores: list[float]
    tags: tuple[int, ...]
    rows: list[list[Row]]
    pick: Callable[[Row], Sequence[float]]


class ListDecoder:
    """The best tags of one sentence at a time.

    Args:
        tables: for each word from the first one on, and the last for all later words: the log transition by new tag,
            tag before it, and oldest tag; where a word has fewer tags before it, that axis is of length 1.
        end: log P(end | last tag).
        starts, tags, scores: the candidates of words, as in `tinyseq.tagging.dictionary.Candidates`.
    """

    def __init__(
        self, tables: list[list[list[Row]]], end: list[float], starts: list[int], tags: list[int], scores: list[float]
    ) -> None:
        self._tables, self._end = tables, end
        self._starts, self._tags, self._scores = starts, tags, scores
        self._entries: dict[int, Entry] = {}  # of the words that have been looked up
        self._alike: dict[tuple[int, ...], Entry] = {}  # a word for each set of tags, whose tables others share

    def best(self, words: Sequence[int]) -> tuple[list[int], float]:
        """The best tags of a sentence that is not empty, and the log score of their path.

        Args:
            words: where its words stand among those of the candidates.
        """
        entries, memory, tables = self._entries, len(self._tables) - 1, self._tables
        sentence = [entries[word] if word in entries else self._entry(word) for word in words]
        messages: list[list[float]] = []
        scores, pick = [0.0], sentence[0].pick
        heads: tuple[int, ...] = NOTHING  # the tags before this word
        oldest: tuple[int, ...] = NOTHING
        for t, (own, tags, rows, _) in enumerate(sentence):
            messages.append(scores)
            if t < memory:
                rows = [tables[t][tag] for tag in tags]
            else:
                _, oldest, _, pick = sentence[t - memory]
            if t and memory > 1:
                heads = sentence[t - 1].tags
            scores = _step(scores, heads, oldest, pick, own, rows)
        return self._path_back(sentence, messages, scores)

    def _path_back(
        self, sentence: list[Entry], messages: list[list[float]], scores: list[float]
    ) -> tuple[list[int], float]:
        """The path that a sentence's messages lead back to, and its score."""
        memory, last = len(self._tables) - 1, sentence[-1].tags
        ends = [self._end[tag] for tag in last for _ in range(len(scores) // len(last))]
        totals = list(map(add, scores, ends))
        best = max(totals)
        place, path = totals.index(best), []
        for t in range(len(sentence) - 1, -1, -1):
            scores, entry = messages[t], sentence[t]
            width = len(sentence[t - memory].tags) if t >= memory else 1
            new, before = divmod(place, len(scores) // width)
            path.append(entry.tags[new])
            place = before * width
            if width > 1:
                row = entry.rows[new][sentence[t - 1].tags[before] if memory > 1 else 0]
                some = list(map(add, scores[place : place + width], sentence[t - memory].pick(row)))
                place += some.index(max(some))
        path.reverse()
        return path, best

    def _entry(self, word: int) -> Entry:
        """The candidates of a word that is looked up for the first time."""
        first, stop = self._starts[word], self._starts[word + 1]
        tags, scores = tuple(self._tags[first:stop]), self._scores[first:stop]
        other = self._alike.get(tags)
        if other is None:
            entry = Entry(scores, tags, [self._tables[-1][tag] for tag in tags], itemgetter(*tags))
            self._alike[tags] = entry
        else:
            entry = Entry(scores, *other[1:])
        self._entries[word] = entry
        return entry


def _step(
    scores: list[float],
    heads: tuple[int, ...],
    oldest: tuple[int, ...],
    pick: Callable[[Row], Sequence[float]],
    own: list[float],
    rows: list[list[Row]],
) -> list[float]:
    """The message after a word: for each of its tags and each tag before, the best over the oldest tag.

    The formulas for one, two and three oldest tags are the last one written out, which saves most of its time.
    """
    width = len(oldest)
    if width == 1:
        [i] = oldest
        alone = list(zip(heads, scores))  # noqa: B905
        return [a + row[head][i] + e for row, e in zip(rows, own) for head, a in alone]  # noqa: B905
    if width == 2:
        i, j = oldest
        twos = list(zip(heads, scores[::2], scores[1::2]))  # noqa: B905
        return [
            (x if (x := a + (r := row[head])[i]) > (y := b + r[j]) else y) + e
            for row, e in zip(rows, own)  # noqa: B905
            for head, a, b in twos
        ]
    if width == 3:
        i, j, k = oldest
        threes = list(zip(heads, scores[::3], scores[1::3], scores[2::3]))  # noqa: B905
        return [
            max(a + (r := row[head])[i], b + r[j], c + r[k]) + e
            for row, e in zip(rows, own)  # noqa: B905
            for head, a, b, c in threes
        ]
    parts = [(head, scores[at : at + width]) for head, at in zip(heads, range(0, len(scores), width))]  # noqa: B905
    return [max(map(add, part, pick(row[head]))) + e for row, e in zip(rows, own) for head, part in parts]  # noqa: B905
