"""Reading files: a format is declared once, and everything around it is done here for all of them.

A `Reader` is a format's name, what a good line of it looks like, and a function from numbered lines to items. Opening,
decoding and the wording of errors are done once, for all of them: whatever is wrong with a file becomes a `DataError`
whose text is one line with the file, the line number, what was found and what was expected. The formats themselves
stand in `formats.py` and `treebank.py`.
"""

import codecs
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from typing import Any, Generic, TypeVar

Word = str
Tag = str
Sentence = list[tuple[Word, Tag]]
Lines = list[tuple[int, str]]  # (line number from 1, text without its line end)
Items = TypeVar("Items")

BLANKS = " \t"  # what separates; other Unicode spaces may be part of a word
MARK = "\ufeff"  # the byte order mark: of a file's first line, and in joined files of any line
UTF8 = {"utf-8", "utf-8-sig"}


READERS: list["Reader[Any]"] = []  # all that are declared


class DataError(ValueError):
    """A file or text that cannot be read as the format it should have.

    Attributes:
        source: the file's path as given, or the name of the text.
        line: the line's number, counted from 1; None when the whole file is meant.

    Example:
        >>> from tinyseq.data import two_column
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
        example: a small whole file, which the tests read in every encoding.
        formats: of labelled sentences, what the commands' ``--format`` calls it, and with which options.

    Example:
        >>> from tinyseq.data import labelled, word_tag
        >>> word_tag.parse("the/DT cat/NN\\na/b/SYM")
        [[('the', 'DT'), ('cat', 'NN')], [('a/b', 'SYM')]]
        >>> labelled.parse("positive I like cats")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        tinyseq.data.readers.DataError: <text>, line 1: no tab in 'positive I like cats'; expected a label, ...
    """

    name: str
    line: str
    items: Callable[..., Items]
    example: str = ""
    formats: Mapping[str, Mapping[str, str]] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        READERS.append(self)

    def __call__(self, path: str | os.PathLike[str], *, encoding: str = "utf-8", **options: str) -> Items:
        """Read a file.

        Args:
            path: where the file is.
            encoding: how its characters are written, as Python names it: ``"cp1252"`` (Windows), ``"latin-1"``,
                ``"utf-16"`` and others. A byte order mark is no part of the text.
            options: what the format lets one choose, such as `tags="xpos"` of `conllu`.

        Returns:
            What the file holds; see the reader's own description.

        Raises:
            DataError: the file is missing, empty, binary, in another encoding, or a line of it is malformed.
            ValueError: Python knows no such encoding, or an option has no such value.
            TypeError: the format has no such option.
        """
        _check_encoding(encoding)
        source = os.fspath(path)
        try:
            content = Path(path).read_bytes()
        except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
            reason = str(getattr(error, "strerror", None) or error).lower()
            raise DataError(source, None, f"cannot be read ({reason})", f"a {self.name} file") from error
        return self.parse(self._decode(content, source, encoding), source, **options)

    def parse(self, text: str, source: str = "<text>", **options: str) -> Items:
        """Read a text that is in memory; `source` is what errors call it. Otherwise as calling the reader."""
        if not isinstance(text, str):
            raise TypeError(f"text must be a string, got {type(text).__name__}; a reader itself takes a path")
        known = list(signature(self.items).parameters)[1:]
        for name in options:
            if name not in known:
                raise TypeError(f"{self.name} has no option {name!r}; its options: {', '.join(known) or 'none'}")
        # Only these end a line: str.splitlines would also break at characters that occur inside words.
        lines = [(i, line.lstrip(MARK)) for i, line in enumerate(re.split(r"\r\n|\n|\r", text), start=1)]
        if not any(line.strip() for _, line in lines):
            raise DataError(source, None, "only blank lines" if text.strip(MARK) else "the file is empty", self.line)
        try:
            items = self.items(lines, **options)
        except Malformed as error:
            raise DataError(source, error.line, error.found, error.expected or self.line) from None
        if not items:
            raise DataError(source, None, "nothing but comments", self.line)
        return items

    def _decode(self, content: bytes, source: str, encoding: str) -> str:
        expected = self._expected(content, encoding)
        utf8 = codecs.lookup(encoding).name in UTF8
        if content.startswith(codecs.BOM_UTF8) and not codecs.lookup(encoding).name.startswith("utf"):
            raise DataError(source, 1, f"the byte order mark of UTF-8, but encoding={encoding!r}", "encoding='utf-8'")
        try:
            text = content.decode("utf-8-sig" if utf8 else encoding)
        except UnicodeDecodeError as error:
            before = error.object[: error.start]  # without the byte order mark
            line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
            name = "UTF-8" if utf8 else encoding
            found = f"byte 0x{error.object[error.start]:02x} in column {column} is not {name}"
            raise DataError(source, line, found, expected) from None
        except ValueError as error:
            raise DataError(source, None, f"cannot be read as {encoding} ({error})", expected) from None
        if "\0" in text:
            line = text.count("\n", 0, text.index("\0")) + 1
            raise DataError(source, line, "a NUL byte, as in a binary file", expected)
        return text

    def _expected(self, content: bytes, encoding: str) -> str:
        """What a file should be whose bytes are no text, and what to try."""
        if codecs.lookup(encoding).name not in UTF8:
            return f"a {self.name} file in encoding={encoding!r}"
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return f"a {self.name} file saved as UTF-8 text; its byte order mark says encoding='utf-16'"
        return f"a {self.name} file saved as UTF-8 text, or its encoding, such as encoding='cp1252' or 'latin-1'"


def _check_encoding(encoding: object) -> None:
    """Raise an error for what is no name of a text's encoding, before a file is opened."""
    if not isinstance(encoding, str):
        raise TypeError(f"encoding must be a name, such as 'utf-8' or 'cp1252', got {encoding!r}")
    try:
        "a".encode(encoding)
    except (LookupError, ValueError) as error:
        raise ValueError(
            f"encoding must be one that Python knows, such as 'utf-8' or 'cp1252', got {encoding!r}"
        ) from error


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


def fields(line: str) -> list[str]:
    """The fields of a line, between tabs, or between blanks where there is no tab; blanks around them are no part."""
    line = line.strip(BLANKS)
    return re.split(" *\t[ \t]*", line) if "\t" in line else re.split(" +", line)


def option(name: str, value: str, choices: Collection[str]) -> str:
    """The value of a reader's option.

    Raises:
        ValueError: it is none of the choices.
    """
    if value not in list(choices):
        *others, last = map(repr, choices)
        raise ValueError(f"{name} must be {', '.join(others)} or {last}, got {value!r}")
    return value
