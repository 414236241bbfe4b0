"""Error analysis of taggers: which tags are confused, which words are mistagged, and which chunks are found."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tinyseq.arguments import listed, whole
from tinyseq.data.readers import Tag, Word
from tinyseq.data.treebanks.chunks import Scheme, Span, as_tags, check_scheme, split_tag
from tinyseq.torch_names.settings import explained

SHOWN = 10  # confusions and words in a table


class WordErrors(NamedTuple):
    """How often one word was tagged wrongly.

    Attributes:
        word: the word as written.
        wrong: how often its tag was wrong; total: how often it occurs.
        gold, predicted: its most common mistake.

    Example:
        >>> WordErrors("that", 3, 10, "SCONJ", "PRON").wrong
        3
    """

    word: Word
    wrong: int
    total: int
    gold: Tag
    predicted: Tag


class ChunkScores(NamedTuple):
    """How well predicted chunks, such as entities, agree with the given ones in kind and both ends.

    Attributes:
        precision: the share of predicted chunks that are right; nan if there are none.
        recall: the share of given chunks that are found; nan if there are none.
        f1: their harmonic mean, 2 right / (given + predicted); nan if there are neither.
        kinds: the same three for each kind of chunk.

    Source: Tjong Kim Sang and De Meulder (2003); seqeval's micro average.

    Example:
        >>> found = ChunkScores.of([["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "O", "O", "B-LOC"]])
        >>> found.precision, found.recall, found.f1, found.kinds["LOC"]
        (0.5, 0.5, 0.5, (1.0, 1.0, 1.0))
    """

    precision: float
    recall: float
    f1: float
    kinds: dict[str, tuple[float, float, float]]

    @classmethod
    def of(
        cls, gold: Iterable[Sequence[Tag]], predicted: Iterable[Sequence[Tag]], scheme: Scheme = "bio"
    ) -> "ChunkScores":
        """Compare the chunks of sentences.

        Args:
            gold: the given tags of each sentence.
            predicted: the predicted ones. Where they break the scheme, an inside tag without a chunk to continue begins
                one, as in the CoNLL evaluation.
            scheme: ``"bio"``, ``"bioes"`` or ``"iob1"``.

        Returns:
            The scores.

        Raises:
            ValueError: a tag is not one of the scheme's, or the sentences do not match.
            TypeError: something is no list of tags.
        """
        check_scheme("scheme", scheme)
        given, found, right = Counter[str](), Counter[str](), Counter[str]()
        given_tags = listed("gold", gold, "a list of the tags of sentences")
        found_tags = listed("predicted", predicted, "a list of the tags of sentences")
        if len(given_tags) != len(found_tags):
            raise ValueError(f"gold has {len(given_tags)} sentences, but predicted has {len(found_tags)}")
        for i, sentence in enumerate(zip(given_tags, found_tags, strict=True)):
            wanted, guessed = as_tags(f"gold[{i}]", sentence[0]), as_tags(f"predicted[{i}]", sentence[1])
            if len(wanted) != len(guessed):
                raise ValueError(f"sentence {i} has {len(wanted)} given tags, but {len(guessed)} predicted ones")
            try:
                a, b = set(lenient_spans(wanted, scheme)), set(lenient_spans(guessed, scheme))
            except ValueError as error:
                raise ValueError(f"sentence {i}: {error}") from None
            for counts, chunks in ((given, a), (found, b), (right, a & b)):
                counts.update(chunk.kind for chunk in chunks)
        kinds = {kind: _scores(right[kind], given[kind], found[kind]) for kind in sorted(given | found)}
        return cls(*_scores(right.total(), given.total(), found.total()), kinds)


class Analysis(NamedTuple):
    """What a tagger gets wrong; printed as a table.

    Attributes:
        all, known, unknown: the accuracy on all words, those seen in training, and the others, as in `Accuracy`.
        tags: the K tags that were given or predicted, sorted.
        confusion: how many words of tag i were tagged j (K, K); ``ts.viz.plots.confusion`` draws it.
        words: the words that were most often wrong, the worst first.
        chunks: the scores of chunks, if a scheme was given.
        totals: how many words were seen in training, and how many were not.

    Example:
        >>> import tinyseq as ts
        >>> tagger = ts.tagging.MostFrequentTag().fit([[("the", "D"), ("cat", "N"), ("fish", "N")]])
        >>> print(tagger.analyse([[("the", "D"), ("fish", "V")], [("fish", "N")]]))
        66.67 % of 3 tags are right: 66.67 % of 3 known words
        given -> predicted  words
        V     -> N              1
        word  wrong  of  mistake
        fish      1   2  V -> N
    """

    all: float
    known: float
    unknown: float
    tags: tuple[Tag, ...]
    confusion: NDArray[np.int64]
    words: list[WordErrors]
    chunks: ChunkScores | None
    totals: tuple[int, int]

    def confusions(self, most: int = SHOWN) -> list[tuple[Tag, Tag, int]]:
        """The most common mistakes: given tag, predicted tag, and how often; ties go to the first tags."""
        wrong = self.confusion * (1 - np.eye(len(self.tags), dtype=np.int64))
        order = np.argsort(-wrong, axis=None, kind="stable")[: whole("most", most, 0)]
        pairs = [divmod(place, len(self.tags)) for place in order.tolist()]
        return [(self.tags[i], self.tags[j], int(wrong[i, j])) for i, j in pairs if wrong[i, j]]

    def __str__(self) -> str:
        lines = [f"{self.all:.2%} of {sum(self.totals):,} tags are right: ".replace("%", " %")]
        shares = zip(("known", "unknown"), (self.known, self.unknown), self.totals, strict=True)
        lines[0] += ", ".join(
            f"{share * 100:.2f} % of {count:,} {name} words" for name, share, count in shares if count
        )
        pairs = self.confusions()
        if pairs:
            wide = max(len("given"), *(len(gold) for gold, _, _ in pairs))
            guess = max(len("predicted"), *(len(other) for _, other, _ in pairs))
            lines.append(f"{'given':{wide}} -> {'predicted':{guess}}  words")
            lines += [f"{gold:{wide}} -> {other:{guess}}  {count:5}" for gold, other, count in pairs]
            wide = max(len("word"), *(len(row.word) for row in self.words[:SHOWN]))
            lines.append(f"{'word':{wide}}  wrong  of  mistake")
            for row in self.words[:SHOWN]:
                lines.append(f"{row.word:{wide}}  {row.wrong:5} {row.total:3}  {row.gold} -> {row.predicted}")
        if self.chunks is not None:
            lines.append("chunks    precision  recall     F1")
            for kind, scores in {"all": self.chunks[:3], **self.chunks.kinds}.items():
                lines.append(f"{kind:8}  {scores[0] * 100:9.2f} {scores[1] * 100:7.2f} {scores[2] * 100:6.2f}")
        return "\n".join(lines)


class CurvePoint(NamedTuple):
    """A point of a learning curve: the accuracy after training on this many words.

    Attributes:
        words: how many words the tagger was trained on.
        all, known, unknown: the accuracy on all words, those seen in training, and the others.

    Example:
        >>> CurvePoint(1000, 0.8, 0.9, 0.5).words
        1000
    """

    words: int
    all: float
    known: float
    unknown: float


class Fitted(Protocol):
    """What a learning curve needs of a tagger."""

    def fit(self, sentences: Any, /) -> "Fitted":
        """Train on sentences."""

    def accuracy(self, sentences: Any, /) -> tuple[float, float, float]:
        """The accuracy on all, known and unknown words."""


def analysis(
    sentences: Sequence[Sequence[tuple[Word, Tag]]],
    predicted: Sequence[Sequence[Tag]],
    known: Container[Word],
    scheme: Scheme | None = None,
) -> Analysis:
    """Compare predicted tags with those of sentences; see `Tagger.analyse`."""
    triples = [
        (word, gold, guess)
        for sentence, tags in zip(sentences, predicted, strict=True)
        for (word, gold), guess in zip(sentence, tags, strict=True)
    ]
    tags = tuple(sorted({tag for _, gold, guess in triples for tag in (gold, guess)}))
    ids = {tag: i for i, tag in enumerate(tags)}
    confusion = np.zeros((len(tags), len(tags)), np.int64)
    totals, mistakes = Counter(word for word, _, _ in triples), dict[Word, Counter[tuple[Tag, Tag]]]()
    right, seen = Counter[bool](), Counter[bool]()
    for word, gold, guess in triples:
        confusion[ids[gold], ids[guess]] += 1
        is_known = word in known
        seen[is_known] += 1
        right[is_known] += gold == guess
        if gold != guess:
            mistakes.setdefault(word, Counter())[gold, guess] += 1
    words = [
        WordErrors(word, found.total(), totals[word], *found.most_common(1)[0][0]) for word, found in mistakes.items()
    ]
    words.sort(key=lambda row: (-row.wrong, row.total))
    chunks = None
    if scheme is not None:
        chunks = ChunkScores.of([[tag for _, tag in sentence] for sentence in sentences], predicted, scheme)
    everything = _share(right.total(), len(triples))
    known_share, unknown_share = (_share(right[is_known], seen[is_known]) for is_known in (True, False))
    totals_of = (seen[True], seen[False])
    return Analysis(everything, known_share, unknown_share, tags, confusion, words, chunks, totals_of)


@explained
def learning_curve(
    make: Callable[[], "Fitted"],
    sentences: Sequence[Sequence[tuple[Word, Tag]]],
    held_out: Sequence[Sequence[tuple[Word, Tag]]],
    parts: int = 5,
) -> list[CurvePoint]:
    """Fit taggers on more and more sentences, doubling the number each time, and measure each.

    Args:
        make: makes a new tagger, such as ``ts.tagging.HMMTagger``.
        sentences: the training data; the last tagger learns from all of it.
        held_out: what the accuracy is measured on.
        parts: how many taggers.

    Returns:
        A `CurvePoint` for each; ``ts.viz.plots.learning_curve`` draws them.

    Raises:
        ValueError, TypeError: parts is not a positive whole number, or there are fewer sentences than 2^(parts - 1).

    Example:
        >>> import tinyseq as ts
        >>> train = [[("the", "D"), ("cat", "N")], [("a", "D"), ("dog", "N")]]
        >>> for point in learning_curve(ts.tagging.MostFrequentTag, train, [[("dog", "N")]], parts=2):
        ...     print(point)
        CurvePoint(words=2, all=0.0, known=nan, unknown=0.0)
        CurvePoint(words=4, all=1.0, known=1.0, unknown=nan)
    """
    parts = whole("parts", parts)
    if len(sentences) < 2 ** (parts - 1):
        raise ValueError(f"parts={parts} needs at least {2 ** (parts - 1)} sentences, got {len(sentences)}")
    points = []
    for i in range(parts - 1, -1, -1):
        some = sentences[: len(sentences) >> i]
        points.append(CurvePoint(sum(map(len, some)), *make().fit(some).accuracy(held_out)))
    return points


def lenient_spans(tags: Sequence[Tag], scheme: Scheme) -> list[Span]:
    """The chunks of tags that may break the scheme: an inside tag without a chunk to continue begins one."""
    found: list[Span] = []
    before, kind_before = "O", ""
    for position, tag in enumerate(tags):
        letter, kind = split_tag(tag, scheme, f"tags[{position}]")
        if letter in "IE" and before in "BI" and kind == kind_before:
            found[-1] = found[-1]._replace(end=position + 1)
        elif letter != "O":
            found.append(Span(kind, position, position + 1))
        before, kind_before = letter, kind
    return found


def _scores(right: int, given: int, found: int) -> tuple[float, float, float]:
    return _share(right, found), _share(right, given), _share(2 * right, given + found)


def _share(part: int, total: int) -> float:
    return part / total if total else float("nan")
