"""The transitions between tags that a chunking scheme forbids, as a `CRF` takes them."""

from collections.abc import Sequence

from tinyseq.arguments import words
from tinyseq.data.treebanks.chunks import Scheme, split_tag

Pair = tuple[int, int]


def bio_rules(tags: Sequence[str]) -> tuple[list[Pair], list[int]]:
    """The transitions that the BIO scheme forbids: to an inside tag ``I-X`` from anything but ``B-X`` or ``I-X``.

    Args:
        tags: the labels in the order of their ids, such as ``O``, ``B-PER``, ``I-PER``.

    Returns:
        The pairs that cannot follow each other, and the labels that cannot begin a sequence, as `CRF` takes them.

    Raises:
        ValueError: a label does not belong to the scheme, or an ``I-X`` has no ``B-X`` to follow.
        TypeError: the labels are not a list of strings.

    Source: Ramshaw and Marcus (1995).

    Example:
        >>> bio_rules(["O", "B-PER", "I-PER"])
        ([(0, 2)], [2])
        >>> import tinyseq as ts
        >>> crf = ts.nn.CRF(3, *bio_rules(["O", "B-PER", "I-PER"]))
    """
    parts = _split(tags, "bio")
    _complete(tags, parts, "I", "B", "; tags of IOB1 become BIO with ts.data.convert_sentences")
    forbidden = [
        (before, after)
        for before, (letter, kind) in enumerate(parts)
        for after, (following, kind_after) in enumerate(parts)
        if following == "I" and not (letter in "BI" and kind == kind_after)
    ]
    return forbidden, [i for i, (letter, _) in enumerate(parts) if letter == "I"]


def bioes_rules(tags: Sequence[str]) -> tuple[list[Pair], list[int], list[int]]:
    """The transitions that the BIOES scheme forbids, such as from ``B-X`` to ``O``, or from ``O`` to ``E-X``.

    Args:
        tags: the labels in the order of their ids, such as ``O``, ``B-PER``, ``I-PER``, ``E-PER``, ``S-PER``.

    Returns:
        The pairs that cannot follow each other, and the labels that cannot begin a sequence, and those that cannot end
        one, as `CRF` takes them.

    Raises:
        ValueError: a label does not belong to the scheme, or could never be used, such as an ``E-X`` without a ``B-X``.
        TypeError: the labels are not a list of strings.

    Example:
        >>> bioes_rules(["O", "B-PER", "E-PER"])
        ([(0, 2), (1, 0), (1, 1), (2, 2)], [2], [1])
    """
    parts = _split(tags, "bioes")
    for letter, needed in ("IB", "IE", "EB", "BE"):
        _complete(tags, parts, letter, needed, "")
    forbidden = [
        (before, after)
        for before, (letter, kind) in enumerate(parts)
        for after, (following, kind_after) in enumerate(parts)
        if (letter in "BI") != (following in "IE") or (letter in "BI" and kind != kind_after)
    ]
    starts = [i for i, (letter, _) in enumerate(parts) if letter in "IE"]
    return forbidden, starts, [i for i, (letter, _) in enumerate(parts) if letter in "BI"]


def _split(tags: Sequence[str], scheme: Scheme) -> list[tuple[str, str]]:
    return [split_tag(tag, scheme, f"tags[{i}]") for i, tag in enumerate(words("tags", tags))]


def _complete(tags: Sequence[str], parts: list[tuple[str, str]], letter: str, needed: str, cure: str) -> None:
    """Raise ValueError for a tag that could never be used, because a tag that it needs beside it is missing."""
    for tag, (own, kind) in zip(tags, parts, strict=True):
        if own == letter and (needed, kind) not in parts:
            missing = f"{needed}-{kind}" if kind else needed
            raise ValueError(f"tags have {tag!r} but not {missing!r}, without which it can never be used{cure}")
