"""Chunks and named entities as tags, in the schemes IOB1, BIO and BIOES.

    words   Mary Ann  met   Bo    Li    Oz           three entities; Bo Li and Oz are adjacent
    IOB1    I-P  I-P  O     I-P   I-P   B-P          B- only if the previous word ends a chunk of the same type
    BIO     B-P  I-P  O     B-P   I-P   B-P          B- begins every chunk; also called IOB2
    BIOES   B-P  E-P  O     B-P   E-P   S-P          E- ends a chunk, S- is a single-word chunk; also called IOBES

Source: Ramshaw and Marcus (1995); Tjong Kim Sang and Veenstra (1999).
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, get_args

from tinyseq.arguments import as_pairs, listed, shown, whole
from tinyseq.data.readers import Sentence, Tag
from tinyseq.torch_names.settings import explained

Scheme = Literal["iob1", "bio", "bioes"]
LETTERS = {"iob1": "IB", "bio": "BI", "bioes": "BIES"}


class Span(NamedTuple):
    """A chunk: the words from start up to, but excluding, end.

    Example:
        >>> Span("PER", 0, 2)
        Span(kind='PER', start=0, end=2)
    """

    kind: str
    start: int
    end: int


def spans(tags: Sequence[Tag], scheme: Scheme = "bio") -> list[Span]:
    """The chunks in the tags of a sentence.

    Args:
        tags: one for each word: ``O``, or a prefix of the scheme and a type, such as ``B-PER``; a prefix alone has the
            type "".
        scheme: ``"iob1"``, ``"bio"`` or ``"bioes"``.

    Returns:
        The chunks in order.

    Raises:
        ValueError: if a tag is not in the scheme, or is not allowed at its position.
        TypeError: if the tags are a string, or no list.

    Example:
        >>> spans(["B-PER", "I-PER", "O", "B-LOC"])
        [Span(kind='PER', start=0, end=2), Span(kind='LOC', start=3, end=4)]
    """
    check_scheme("scheme", scheme)
    found: list[Span] = []
    before, kind_before = "O", ""
    tags = as_tags("tags", tags)
    for position, tag in enumerate(tags):
        letter, kind = split_tag(tag, scheme, f"tags[{position}]")
        inside = before in OPEN[scheme] and kind == kind_before  # whether a chunk of this type may continue here
        if letter in CONTINUES[scheme] and not inside and not (scheme == "iob1" and letter == "I"):
            raise ValueError(_misplaced(position, tag, tags, scheme))
        if scheme == "bioes" and before in "BI" and not (letter in "IE" and inside):
            raise ValueError(_misplaced(position, tag, tags, scheme))
        if letter in CONTINUES[scheme] and inside:
            found[-1] = found[-1]._replace(end=position + 1)
        elif letter != "O":
            found.append(Span(kind, position, position + 1))
        before, kind_before = letter, kind
    if scheme == "bioes" and before in "BI" and found:
        raise ValueError(f"tags end in {tags[-1]!r}, but in BIOES the last word of a chunk has E- or S-")
    return found


OPEN = {"iob1": "IB", "bio": "BI", "bioes": "BI"}  # prefixes after which a chunk may continue
CONTINUES = {"iob1": "I", "bio": "I", "bioes": "IE"}  # prefixes that continue a chunk


@explained
def span_tags(chunks: Iterable[Span], length: int, scheme: Scheme = "bio") -> list[Tag]:
    """The tags of a sentence with these chunks; the inverse of `spans`.

    Args:
        chunks: in any order; they may not overlap.
        length: the number of words in the sentence.
        scheme: ``"iob1"``, ``"bio"`` or ``"bioes"``.

    Returns:
        A tag for each word.

    Raises:
        ValueError: if a chunk is empty, is outside the sentence, or overlaps with another one.
        TypeError: if something is not a chunk.

    Example:
        >>> span_tags([Span("PER", 0, 2), Span("LOC", 3, 4)], 4, "bioes")
        ['B-PER', 'E-PER', 'O', 'S-LOC']
    """
    check_scheme("scheme", scheme)
    tags, before = ["O"] * whole("length", length, 0), Span("", 0, 0)
    found = [_as_span(i, chunk) for i, chunk in enumerate(listed("chunks", chunks, "a list of chunks"))]
    for chunk in sorted(found, key=lambda chunk: chunk.start):
        kind, start, end = chunk
        if not before.end <= start < end <= length:
            raise ValueError(f"{chunk} is empty, overlaps with {before}, or ends after the last of {length} words")
        letters = ["I"] * (end - start)
        if scheme != "iob1" or (start and start == before.end and kind == before.kind):
            letters[0] = "B"
        if scheme == "bioes":
            letters[-1] = "E" if end - start > 1 else "S"
        tags[start:end] = [f"{letter}-{kind}" if kind else letter for letter in letters]
        before = chunk
    return tags


def convert_tags(tags: Sequence[Tag], source: Scheme, target: Scheme) -> list[Tag]:
    """Convert the tags of a sentence to another scheme.

    Args:
        tags: the tags of one sentence.
        source: their scheme: ``"iob1"``, ``"bio"`` or ``"bioes"``.
        target: the scheme to convert to.

    Returns:
        The new tags.

    Raises:
        ValueError: if a tag is not in the source scheme, or is not allowed at its position.

    Example:
        >>> convert_tags(["I-PER", "I-PER", "B-PER", "O"], "iob1", "bio")
        ['B-PER', 'I-PER', 'B-PER', 'O']
    """
    check_scheme("source", source)
    check_scheme("target", target)
    tags = as_tags("tags", tags)
    return span_tags(spans(tags, source), len(tags), target)


@explained
def convert_sentences(sentences: Iterable[Sentence], source: Scheme, target: Scheme) -> list[Sentence]:
    """Convert the tags of sentences of (word, tag) pairs to another scheme.

    Args:
        sentences: as a reader returns them.
        source, target: as for `convert_tags`.

    Returns:
        The sentences with the new tags.

    Raises:
        ValueError: if a tag is not in the source scheme, or is not allowed at its position; the error gives both.

    Example:
        >>> convert_sentences([[("Ann", "I-PER"), ("runs", "O")]], "iob1", "bioes")
        [[('Ann', 'S-PER'), ('runs', 'O')]]
    """
    converted = []
    for i, sentence in enumerate(listed("sentences", sentences, "a list of sentences")):
        pairs = listed(f"sentences[{i}]", sentence, "a list of (word, tag) pairs")
        if wrong := next((pair for pair in pairs if not (isinstance(pair, tuple | list) and len(pair) == 2)), None):
            raise ValueError(f"sentence {i}: expected (word, tag) pairs, got {shown(wrong)}{as_pairs(sentence)}")
        words, tags = [word for word, _ in pairs], [tag for _, tag in pairs]
        try:
            converted.append(list(zip(words, convert_tags(tags, source, target), strict=True)))
        except ValueError as error:
            raise ValueError(f"sentence {i}: {error}") from None
    return converted


def as_tags(name: str, tags: Sequence[Tag]) -> list[Tag]:
    """The tags of a sentence as a list; a TypeError for a string, whose letters would be taken for tags."""
    if isinstance(tags, str | bytes):
        raise TypeError(f"{name} must be a list of tags, one for each word, got the string {shown(tags)}")
    return listed(name, tags, "a list of tags, one for each word")


def _as_span(place: int, chunk: object) -> Span:
    """A chunk, also from a plain tuple."""
    if not (isinstance(chunk, tuple) and len(chunk) == 3):
        raise TypeError(f"chunks[{place}] must be a ts.data.Span(kind, start, end), got {shown(chunk)}")
    kind, start, end = chunk
    return Span(kind, whole(f"the start of chunks[{place}]", start, 0), whole(f"the end of chunks[{place}]", end, 0))


def split_tag(tag: Tag, scheme: Scheme, name: str) -> tuple[str, str]:
    """The prefix and the type of a tag.

    Raises:
        ValueError: if the scheme has no such tag; ``name`` is used in the error message.
    """
    letter, dash, kind = tag.partition("-") if isinstance(tag, str) else ("", "", "")
    if tag == "O" or (letter in LETTERS[scheme] and len(letter) == 1 and (kind or not dash)):
        return letter, kind
    wanted = ", ".join(f"{letter}-X" for letter in LETTERS[scheme])
    raise ValueError(
        f"{name} is {tag!r}, but tags of the scheme {scheme!r} are O, {wanted}, such as {LETTERS[scheme][0]}-PER"
    )


def check_scheme(name: str, scheme: object) -> None:
    """Raise a ValueError for an unknown scheme."""
    if scheme not in get_args(Scheme):
        raise ValueError(f"{name} must be 'iob1', 'bio' or 'bioes', got {scheme!r}")


def _misplaced(position: int, tag: Tag, tags: Sequence[Tag], scheme: Scheme) -> str:
    where = f"follows {tags[position - 1]!r}" if position else "begins the sentence"
    cure = "; tags of IOB1 become BIO with convert_tags(tags, 'iob1', 'bio')" if scheme == "bio" else ""
    return f"tags[{position}] is {tag!r} and {where}, which the scheme {scheme!r} forbids{cure}"
