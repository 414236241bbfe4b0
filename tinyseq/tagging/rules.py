"""Constraints on tag sequences: a chunking scheme, or forbidden pairs of adjacent tags."""

from collections.abc import Iterable, Sequence
from typing import Literal

from tinyseq.data.readers import Sentence, Tag
from tinyseq.data.treebanks.chunks import spans
from tinyseq.nn.chains.chunk_rules import Pair, bio_rules, bioes_rules

Pairs = list[tuple[Tag | None, Tag | None]]
Rules = Literal["bio", "bioes", "iob1"] | Pairs | None


def checked(rules: object) -> Rules:
    """Validate rules.

    Raises:
        ValueError: the scheme is unknown.
        TypeError: the rules are neither a scheme nor pairs of tags.
    """
    match rules:
        case None | "bio" | "bioes" | "iob1":
            return rules
        case str():
            raise ValueError(f"rules must be 'bio', 'bioes', 'iob1' or pairs of tags, got {rules!r}")
    if not isinstance(rules, Iterable):
        raise TypeError(f"rules must be 'bio', 'bioes', 'iob1' or pairs of tags, got {rules!r}")
    pairs: Pairs = []
    for i, pair in enumerate(rules):
        match pair:
            case (str() | None as before, str() | None as after) if (before, after) != (None, None):
                pairs.append((before, after))
            case _:
                raise TypeError(
                    f"rules[{i}] must be a pair (tag, next tag), with None for before the first word or after the "
                    f"last, got {pair!r}"
                )
    return pairs


def forbidden(rules: Rules, tags: Sequence[Tag]) -> tuple[list[Pair], list[int], list[int]]:
    """The rules as a `CRF` takes them: forbidden pairs, forbidden first tags, and forbidden last tags.

    Raises:
        ValueError: a pair names a tag that does not occur.
    """
    if rules == "bio" or rules == "iob1":  # the network's own tags for IOB1 are BIO
        return (*bio_rules(tags), [])
    if rules == "bioes":
        return bioes_rules(tags)
    ids = {tag: i for i, tag in enumerate(tags)}
    for pair in rules or ():
        for tag in pair:
            if tag is not None and tag not in ids:
                raise ValueError(f"rules name {tag!r}, which no word has; the tags are {', '.join(map(str, tags))}")
    pairs = [(None if a is None else ids[a], None if b is None else ids[b]) for a, b in rules or ()]
    between = [(a, b) for a, b in pairs if a is not None and b is not None]
    starts = [b for a, b in pairs if a is None and b is not None]
    return between, starts, [a for a, b in pairs if b is None and a is not None]


def check_gold(sentences: Iterable[Sentence], rules: Rules) -> None:
    """Check that the training data obey the rules; tags of IOB1 have been converted to BIO.

    Raises:
        ValueError: they do not; the error gives the sentence, the position and the pair.
    """
    if rules is None:
        return
    for i, sentence in enumerate(sentences):
        tags = [tag for _, tag in sentence]
        if isinstance(rules, str):
            try:
                spans(tags, "bio" if rules == "iob1" else rules)
            except ValueError as error:
                raise ValueError(f"sentence {i}: {error}") from None
            continue
        for position, pair in enumerate(zip([None, *tags], [*tags, None], strict=True)):
            if tags and pair in rules:
                before, after = pair
                place = f"{after!r} begins it" if before is None else f"{before!r} ends it"
                place = f"{after!r} follows {before!r}" if None not in pair else place
                raise ValueError(f"sentence {i}, position {min(position, len(tags) - 1)}: {place}, which rules forbid")
