"""Files of labelled and plain sequences: one declaration per format.

A `Reader` is a format's name, what a good line of it looks like, and a function from numbered lines to items. Opening,
decoding and the wording of errors are done once, for all of them: whatever is wrong with a file becomes a `DataError`
whose text is one line with the file, the line number, what was found and what was expected.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

Word = str
Tag = str
Sentence = list[tuple[Word, Tag]]
Lines = list[tuple[int, str]]  # (line number from 1, text without its line end)
Items = TypeVar("Items")

BLANKS = " \t"  # what separates; other Unicode spaces may be part of a word


class DataError(ValueError):
    """A file or text that cannot be read as the format it should have.

    Attributes:
        source: the file's path as given, or the name of the text.
        line: the line's number, counted from 1; None when the whole file is meant.

    Example:
        >>> try:
        ...     two_column.parse("the\\tDT\\ncat")
        ... except DataError as error:
        ...     print(error.line)
        2
    """

    def __init__(self, source: str, line: int | None, found: str, expected: str) -> None:
        super().__init__(source, line, found, expected)  # as pickle calls it again
        self.source = source
        self.line = line

    def __str__(self) -> str:
        source, line, found, expected = self.args
        place = source if line is None else f"{source}, line {line}"
        return f"{place}: {found}; expected {expected}"


class Malformed(Exception):
    """What a parsing function raises about one line; the reader adds the file's name and the format's good line."""

    def __init__(self, line: int, found: str, expected: str | None = None) -> None:
        super().__init__(line, found, expected)
        self.line, self.found, self.expected = line, found, expected

    def __str__(self) -> str:
        return self.found


@dataclass(frozen=True)
class Reader(Generic[Items]):
    """A file format, declared once. Call it with a path, or `parse` a text that is in memory already.

    Args:
        name: what the format is called.
        line: what a good line looks like; errors say that this was expected.
        items: the function from numbered lines to what the file holds. It raises `Malformed`.

    Example:
        >>> word_tag.parse("the/DT cat/NN\\na/b/SYM")
        [[('the', 'DT'), ('cat', 'NN')], [('a/b', 'SYM')]]
        >>> labelled.parse("positive I like cats")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        tinyseq.data.readers.DataError: <text>, line 1: no tab in 'positive I like cats'; expected a label, ...
    """

    name: str
    line: str
    items: Callable[..., Items]

    def __call__(self, path: str | os.PathLike[str], **options: str) -> Items:
        """Read a file.

        Args:
            path: where the file is.
            options: what the format lets one choose, such as `tags="xpos"` of `conllu`.

        Returns:
            What the file holds; see the reader's own description.

        Raises:
            DataError: the file is missing, empty, binary, not UTF-8, or a line of it is malformed.
        """
        source = os.fspath(path)
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            raise DataError(source, None, f"cannot be read ({reason})", f"a {self.name} file") from error
        return self.parse(self._decode(content, source), source, **options)

    def parse(self, text: str, source: str = "<text>", **options: str) -> Items:
        """Read a text that is in memory; `source` is what errors call it. Otherwise as calling the reader."""
        # Only these end a line: str.splitlines would also break at characters that occur inside words.
        lines = list(enumerate(re.split(r"\r\n|\n|\r", text), start=1))
        if not text.strip():
            raise DataError(source, None, "the file is empty" if not text else "only blank lines", self.line)
        try:
            items = self.items(lines, **options)
        except Malformed as error:
            raise DataError(source, error.line, error.found, error.expected or self.line) from None
        if not items:
            raise DataError(source, None, "nothing but comments", self.line)
        return items

    def _decode(self, content: bytes, source: str) -> str:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = content[: error.start]
            line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
            found = f"byte 0x{content[error.start]:02x} in column {column} is not UTF-8"
            raise DataError(source, line, found, f"a {self.name} file saved as UTF-8 text") from None
        if "\0" in text:
            line = text.count("\n", 0, text.index("\0")) + 1
            raise DataError(source, line, "a NUL byte, as in a binary file", f"a {self.name} file saved as UTF-8 text")
        return text


def show(text: str, width: int = 40) -> str:
    """A text as an error quotes it: on one line, and not longer than is helpful."""
    return repr(text if len(text) <= width else text[: width - 3] + "...")


def blocks(lines: Lines) -> Iterator[Lines]:
    """The runs of lines between blank lines."""
    block: Lines = []
    for number, line in lines:
        if line.strip(BLANKS):
            block.append((number, line))
        elif block:
            yield block
            block = []
    if block:
        yield block


def conllu_items(lines: Lines, tags: str = "upos") -> list[Sentence]:
    columns = {"upos": 3, "xpos": 4}
    if tags not in columns:
        raise ValueError(f"tags must be 'upos' or 'xpos', found {tags!r}")
    sentences = (list(conllu_tokens(block, columns[tags], tags.upper())) for block in blocks(lines))
    return [sentence for sentence in sentences if sentence]


def conllu_tokens(block: Lines, column: int, title: str) -> Iterator[tuple[Word, Tag]]:
    count = 0
    for number, line in block:
        if line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != 10:
            raise Malformed(number, f"{len(fields)} column{'s' * (len(fields) != 1)} in {show(line)}")
        identifier, word, tag = fields[0], fields[1], fields[column]
        if re.fullmatch(r"\d+-\d+|\d+\.\d+", identifier):
            continue  # a multiword token's surface form, or an empty node: neither is a word of the sentence
        if identifier != str(count + 1):
            cure = f"{count + 1} or a blank line first" if count else "1"
            raise Malformed(number, f"word number {show(identifier)}", cure)
        if not word:
            raise Malformed(number, "an empty FORM column")
        if tag in ("", "_"):
            other = "xpos" if title == "UPOS" else "upos"
            cure = f"a tag in column {column + 1} (or tags={other!r})"
            raise Malformed(number, f"no {title} tag for {show(word)}", cure)
        count += 1
        yield word, tag


def word_tag_items(lines: Lines) -> list[Sentence]:
    return [
        [split_word_tag(token, number) for token in re.split(f"[{BLANKS}]+", line.strip(BLANKS))]
        for number, line in lines
        if line.strip(BLANKS)
    ]


def split_word_tag(token: str, number: int) -> tuple[Word, Tag]:
    word, slash, tag = token.rpartition("/")  # the last slash: a word may hold slashes of its own
    if not slash or not tag:
        raise Malformed(number, f"{show(token)} has no tag")
    if not word:
        raise Malformed(number, f"{show(token)} has no word")
    return word, tag


def two_column_items(lines: Lines) -> list[Sentence]:
    return [[two_columns(number, line) for number, line in block] for block in blocks(lines)]


def two_columns(number: int, line: str) -> tuple[Word, Tag]:
    fields = line.split("\t") if "\t" in line else re.split(" +", line.strip(" "))
    if len(fields) != 2 or not all(fields):
        filled = sum(map(bool, fields))
        raise Malformed(number, f"{filled} column{'s' * (filled != 1)} in {show(line)}")
    return fields[0], fields[1]


def plain_text_items(lines: Lines) -> str:
    return "\n".join(line for _, line in lines)


def labelled_items(lines: Lines) -> list[tuple[str, str]]:
    items = []
    for number, line in lines:
        if not line.strip(BLANKS):
            continue
        label, tab, text = line.partition("\t")
        if not tab:
            raise Malformed(number, f"no tab in {show(line)}")
        if not label or not text:
            raise Malformed(number, f"no {'text' if label else 'label'} in {show(line)}")
        if "\t" in text:
            raise Malformed(number, f"{text.count(chr(9)) + 1} tabs in {show(line)}")
        items.append((label, text))
    return items


def fasta_items(lines: Lines) -> list[tuple[str, str]]:
    records: list[tuple[int, str, list[str]]] = []
    for number, line in lines:
        line = line.strip()
        if line.startswith(">"):
            records.append((number, line[1:].strip(), []))
        elif line and not records:
            raise Malformed(number, f"{show(line)} before any header", "a header first, as in '>chr1 a region'")
        elif line:
            if wrong := re.search(r"[^A-Za-z*\-]", line):
                raise Malformed(number, f"{wrong[0]!r} in column {wrong.start() + 1} of a sequence")
            records[-1][2].append(line)
    for number, header, sequence in records:
        if not sequence:
            raise Malformed(number, f"header {show(header)} without a sequence")
    return [(header, "".join(sequence)) for _, header, sequence in records]


conllu = Reader(
    "CoNLL-U",
    "ten columns separated by tabs, as in '1<TAB>cats<TAB>cat<TAB>NOUN<TAB>NNS' and five more",
    conllu_items,
)
"""Universal Dependencies' format: sentences of (FORM, tag); `tags="upos"` (the default) or `"xpos"` chooses the column.

Comments, the ranges of multiword tokens (1-2) and empty nodes (1.1) are passed over.
Source: universaldependencies.org/format.html
"""

word_tag = Reader("word/TAG", "words with tags, as in 'the/DT cat/NN'", word_tag_items)
"""The Brown corpus's format: a sentence per line, each word with its tag after the last slash."""

two_column = Reader("two-column", "a word and its tag, separated by a tab or spaces, as in 'cat NN'", two_column_items)
"""A word and its tag per line, a blank line between sentences."""

plain_text = Reader("plain text", "some text", plain_text_items)
"""The text as one string; every kind of line end becomes a newline."""

labelled = Reader("labelled TSV", "a label, one tab and a text, as in 'positive<TAB>I like cats'", labelled_items)
"""A (label, text) pair per line, for classification."""

fasta = Reader("FASTA", "letters, '*' or '-', under a header such as '>chr1 a region'", fasta_items)
"""Biological sequences: (header, sequence) pairs, the lines of a sequence joined, its case kept."""
