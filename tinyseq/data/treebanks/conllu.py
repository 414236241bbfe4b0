"""CoNLL-U, the format of Universal Dependencies: reading, changing tags, and lossless writing.

Source: universaldependencies.org/format.html
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Self

from tinyseq import io
from tinyseq.arguments import listed, shown
from tinyseq.data.readers import BLANKS, Lines, Malformed, Reader, Sentence, Tag, Word, blocks, option, show
from tinyseq.torch_names.settings import explained

TAGS = ("upos", "xpos")


@dataclass(frozen=True, slots=True)
class ConlluToken:
    """One line of a CoNLL-U sentence: a word, the surface form of a multiword token, or an empty node.

    Attributes:
        id: ``"1"`` for a word, ``"1-2"`` for a multiword token, ``"1.1"`` for an empty node.
        form, lemma, upos, xpos, feats, head, deprel, deps, misc: the other columns, unchanged; "_" for an empty one.

    Example:
        >>> token = ConlluToken("1", "cats", "cat", "NOUN", "NNS", "Number=Plur", "0", "root", "_", "_")
        >>> token.is_word, str(token).split("\\t")[:4]
        (True, ['1', 'cats', 'cat', 'NOUN'])
    """

    id: str
    form: str
    lemma: str
    upos: str
    xpos: str
    feats: str
    head: str
    deprel: str
    deps: str
    misc: str

    @property
    def is_word(self) -> bool:
        """Whether this is a word, not a multiword token or an empty node."""
        return self.id.isdecimal()

    def __str__(self) -> str:
        return "\t".join(getattr(self, name) for name in COLUMNS)


COLUMNS = tuple(field.name for field in fields(ConlluToken))


@dataclass(frozen=True)
class ConlluSentence:
    """A sentence with all its annotation.

    Attributes:
        comments: the comment lines before it, each with its #.
        tokens: its lines in order: words, multiword tokens and empty nodes.

    Example:
        >>> [sentence] = conllu_sentences.parse("# sent_id = 1\\n1\\tcats\\tcat\\tNOUN\\tNNS\\t_\\t0\\troot\\t_\\t_\\n")
        >>> sentence.pairs("xpos")
        [('cats', 'NNS')]
        >>> print(sentence.with_tags(upos=["X"]), end="")
        # sent_id = 1
        1	cats	cat	X	NNS	_	0	root	_	_
        <BLANKLINE>
    """

    comments: tuple[str, ...]
    tokens: tuple[ConlluToken, ...]

    @property
    def words(self) -> list[ConlluToken]:
        """The words, without multiword tokens and empty nodes."""
        return [token for token in self.tokens if token.is_word]

    def pairs(self, tags: str = "upos") -> Sentence:
        """The (form, tag) pairs of the words, as for a tagger; ``tags`` is ``"upos"`` or ``"xpos"``."""
        option("tags", tags, TAGS)
        return [(word.form, getattr(word, tags)) for word in self.words]

    def with_tags(self, upos: Sequence[Tag] | None = None, xpos: Sequence[Tag] | None = None) -> Self:
        """A copy of the sentence with other tags; everything else is kept.

        Args:
            upos, xpos: one tag for each word; None keeps the column.

        Returns:
            The copy.

        Raises:
            ValueError: if there are more or fewer tags than words, or a tag is empty or contains a tab or line break.
            TypeError: if a tag is not a string.
        """
        for name, tags in (("upos", upos), ("xpos", xpos)):
            if isinstance(tags, str):
                raise TypeError(f"{name} must be a list of tags, got the string {show(tags)}")
        given = {name: list(tags) for name, tags in (("upos", upos), ("xpos", xpos)) if tags is not None}
        count = len(self.words)
        for name, tags in given.items():
            if len(tags) != count:
                raise ValueError(f"{name} must have one tag for each of {count} words, got {len(tags)}")
            for i, tag in enumerate(tags):
                if not isinstance(tag, str):
                    raise TypeError(f"{name}[{i}] must be a string, got {tag!r}")
                if not tag.strip(BLANKS) or re.search(r"[\t\r\n]", tag):
                    raise ValueError(f"{name}[{i}] must be non-empty, without tabs or line breaks, got {tag!r}")
        new = ({name: tags[i] for name, tags in given.items()} for i in range(count))
        tokens = tuple(replace(token, **next(new)) if token.is_word else token for token in self.tokens)
        return replace(self, tokens=tokens)

    def __str__(self) -> str:
        return "".join(f"{line}\n" for line in (*self.comments, *self.tokens)) + "\n"


@explained
def conllu_text(sentences: Iterable[ConlluSentence]) -> str:
    """The text of a CoNLL-U file with these sentences.

    A valid file that was read is reproduced byte for byte.

    Args:
        sentences: as `conllu_sentences` returns them.

    Raises:
        TypeError: if an item is not a `ConlluSentence`.
        ValueError: if a sentence could not be read back, for example because of a tab or line break in a column.

    Example:
        >>> text = "1\\tcats\\tcat\\tNOUN\\tNNS\\t_\\t0\\troot\\t_\\t_\\n\\n"
        >>> conllu_text(conllu_sentences.parse(text)) == text
        True
    """
    parts = []
    for i, sentence in enumerate(listed("sentences", sentences, "a list of sentences")):
        parts.append(_checked(annotated(f"sentences[{i}]", sentence), i))
    return "".join(parts)


def annotated(name: str, sentence: object) -> ConlluSentence:
    """A sentence with all columns; a TypeError for anything else, such as pairs of words and tags."""
    if not isinstance(sentence, ConlluSentence):
        raise TypeError(
            f"{name} must be a ConlluSentence, got {shown(sentence)}; ts.data.conllu_sentences(path) reads them, "
            "and with_tags changes their tags"
        )
    return sentence


def _checked(sentence: ConlluSentence, place: int) -> str:
    """The text of a sentence, checked by reading it back."""
    text = str(sentence)
    try:
        read = [parsed(block) for block in blocks(list(enumerate(re.split(r"[\r\n]", text))))]
    except Malformed as error:
        raise ValueError(f"sentences[{place}] is not valid CoNLL-U: {error.found}") from None
    if read != [sentence]:
        raise ValueError(
            f"sentences[{place}] could not be read back: a line is empty, contains a line break, or is a comment "
            "without #"
        )
    return text


@explained
def write_conllu(sentences: Iterable[ConlluSentence], path: str | os.PathLike[str]) -> None:
    """Write sentences to a CoNLL-U file in UTF-8. Writing is atomic: a failure leaves no partial file.

    Args:
        sentences: as `conllu_sentences` returns them.
        path: the file.

    Raises:
        TypeError, ValueError: if an item is not a `ConlluSentence`, or could not be read back.
        OSError: if the file cannot be written; an existing file is kept.

    Example:
        >>> import tempfile
        >>> sentences = conllu_sentences.parse("1\\tcats\\tcat\\tNOUN\\tNNS\\t_\\t0\\troot\\t_\\t_\\n")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_conllu([s.with_tags(upos=["X"]) for s in sentences], folder + "/tagged.conllu")
        ...     conllu(folder + "/tagged.conllu")
        [[('cats', 'X')]]
    """
    content = conllu_text(sentences).encode()
    io.atomic_write(Path(path), lambda temporary: temporary.write_bytes(content))


def conllu_sentence_items(lines: Lines) -> list[ConlluSentence]:
    found = conllu_sentence_piece(lines)
    return found if any(sentence.tokens for sentence in found) else []


def conllu_sentence_piece(lines: Lines) -> list[ConlluSentence]:
    return [parsed(block) for block in blocks(lines)]


def has_no_tokens(sentence: ConlluSentence) -> bool:
    return not sentence.tokens


def is_untagged(sentence: Sentence) -> bool:
    return all(tag == "_" for _, tag in sentence)


def conllu_piece(lines: Lines, tags: str = "upos") -> list[Sentence]:
    return [[(word, tag) for _, word, tag in sentence] for sentence in numbered_sentences(lines, tags)]


def numbered_sentences(lines: Lines, tags: str) -> list[list[tuple[int, Word, Tag]]]:
    column = COLUMNS.index(option("tags", tags, TAGS))
    return [sentence for block in blocks(lines) if (sentence := list(tagged_words(block, column)))]


def conllu_items(lines: Lines, tags: str = "upos") -> list[Sentence]:
    found = numbered_sentences(lines, tags)
    if found and all(tag == "_" for sentence in found for _, _, tag in sentence):
        number, word, _ = found[0][0]
        other, column = "xpos" if tags == "upos" else "upos", COLUMNS.index(tags) + 1
        raise Malformed(
            number, f"no {tags.upper()} tag for {show(word)}", f"a tag in column {column} (or tags={other!r})"
        )
    return [[(word, tag) for _, word, tag in sentence] for sentence in found]


def tagged_words(block: Lines, column: int) -> Iterator[tuple[int, Word, Tag]]:
    """Yield the words of a sentence with their line numbers."""
    for number, columns in rows(block):
        if columns[0].isdecimal():
            if not columns[column]:
                raise Malformed(number, f"an empty {COLUMNS[column].upper()} column", "a tag, or _ for none")
            yield number, columns[1], columns[column]


def parsed(block: Lines) -> ConlluSentence:
    """The record of one sentence."""
    comments = tuple(line for _, line in block if line.startswith("#"))
    return ConlluSentence(comments, tuple(ConlluToken(*columns) for _, columns in rows(block)))


def rows(block: Lines) -> Iterator[tuple[int, list[str]]]:
    """The line number and columns of each line that is not a comment; checks the ids."""
    count, covered, empty = 0, 0, 0  # the last word, the end of the last multiword token, empty nodes since the word
    begun = False
    for number, line in block:
        if line.startswith("#"):
            if begun:
                raise Malformed(number, f"the comment {show(line)} inside a sentence", "a blank line before it")
            continue
        begun = True
        columns = line.split("\t")
        if " " in line:
            columns = [column.strip(BLANKS) for column in columns]
        if len(columns) != len(COLUMNS):
            cure = (
                f"{LINE}; format two-column (ts.data.two_column) has a word and its tag" if len(columns) == 2 else None
            )
            raise Malformed(number, f"{len(columns)} column{'s' * (len(columns) != 1)} in {show(line)}", cure)
        identifier = columns[0]
        if identifier == str(count + 1):
            count, empty = count + 1, 0
        elif multiword := re.fullmatch(r"([0-9]{1,9})-([0-9]{1,9})", identifier):
            first, last = int(multiword[1]), int(multiword[2])
            if first != count + 1 or last < first or first <= covered:
                raise Malformed(number, f"the multiword token {identifier} before word {count + 1}", f"{count + 1}-...")
            covered = last
        elif node := re.fullmatch(r"([0-9]{1,9})\.([0-9]{1,9})", identifier):
            empty += 1
            if (int(node[1]), int(node[2])) != (count, empty):
                raise Malformed(number, f"the empty node {identifier} after word {count}", f"{count}.{empty}")
        else:
            cure = f"{count + 1} or a blank line first" if count else "1"
            raise Malformed(number, f"word number {show(identifier)}", cure)
        if not columns[1]:
            raise Malformed(number, "an empty FORM column")
        yield number, columns
    if covered > count:
        raise Malformed(block[-1][0], f"{count} words, but a multiword token up to {covered}", "its words")


LINE = "ten columns separated by tabs, as in '1<TAB>cats<TAB>cat<TAB>NOUN<TAB>NNS' and five more"

EXAMPLE = """\
# text = au café
1-2\tau\t_\t_\t_\t_\t_\t_\t_\t_
1\tà\tà\tADP\tE\t_\t3\tcase\t_\t_
2\tle\tle\tDET\tD\t_\t3\tdet\t_\t_
3\tcafé\tcafé\tNOUN\tN\t_\t0\troot\t_\t_

"""

conllu = Reader(
    "CoNLL-U",
    LINE,
    conllu_items,
    EXAMPLE,
    formats={"conllu": {}},
    pieces=blocks,
    piece=conllu_piece,
    blank=is_untagged,
)
"""Universal Dependencies' format: sentences of (FORM, tag); ``tags="upos"`` (the default) or ``"xpos"`` is the column.

Comments, the ranges of multiword tokens (1-2) and empty nodes (1.1) are passed over; `conllu_sentences` keeps them. A
word without a tag has "_". Source: universaldependencies.org/format.html
"""

conllu_sentences = Reader(
    "CoNLL-U",
    LINE,
    conllu_sentence_items,
    EXAMPLE,
    pieces=blocks,
    piece=conllu_sentence_piece,
    blank=has_no_tokens,
)
"""Universal Dependencies' format with everything in it: a list of `ConlluSentence`, which `write_conllu` writes."""
