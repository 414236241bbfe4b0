"""Reading files: what all formats share.

A `Reader` is the name of a format, a description of a valid line, and a function from numbered lines to items. Opening,
decoding and error messages are the same for all formats: whatever is wrong with a file becomes a `DataError` whose
message is one line with the file, the line number, what was found and what was expected. The formats are defined in
`formats.py`, `tables.py` and `treebanks/`.
"""

import codecs
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from inspect import signature
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Generic, TextIO, TypeVar

from tinyseq.arguments import as_path
from tinyseq.torch_names.of_tasks import READER
from tinyseq.torch_names.owners import Hinted

Word = str
Tag = str
Sentence = list[tuple[Word, Tag]]
Lines = list[tuple[int, str]]  # (line number from 1, text without the line end)
Items = TypeVar("Items")

BLANKS = " \t"  # separators; other Unicode spaces may be part of a word
MARK = "\ufeff"  # the byte order mark: on the first line, and in concatenated files at either end of any line
LINE_ENDS = re.compile(r"\r\n|\n|\r")  # str.splitlines would also break at characters that occur inside words
UTF8 = {"utf-8", "utf-8-sig"}


READERS: list["Reader[Any]"] = []  # all readers
PACKED = {  # how files begin that hold no plain text
    b"\x1f\x8b": "compressed by gzip: unpack it",
    b"BZh": "compressed by bzip2: unpack it",
    b"\xfd7zXZ": "compressed by xz: unpack it",
    b"PK\x03\x04": "a ZIP archive, or a document of an office program: unpack it, or save it as plain text",
    b"%PDF": "a PDF document: save it as plain text",
}
MOST_TRIED = 50  # lines that are read to find the format of a text


class DataError(ValueError):
    """Raised if a file or text cannot be read in the expected format.

    Args:
        source, line: as below.
        found: what is wrong.
        expected: what a valid line looks like.

    Attributes:
        source: the file's path as given, or the name of the text.
        line: the line number, counted from 1; None if the error concerns the whole file.

    Example:
        >>> from tinyseq.data import two_column
        >>> try:
        ...     two_column.parse("the\\tDT\\ncat")
        ... except DataError as error:
        ...     print(error.line)
        2
    """

    def __init__(self, source: str, line: int | None, found: str, expected: str) -> None:
        super().__init__(source, line, found, expected)  # the arguments that pickle passes to the constructor
        self.source = source
        self.line = line

    def __str__(self) -> str:
        source, line, found, expected = self.args
        place = source if line is None else f"{source}, line {line}"
        return f"{place}: {found}; expected {expected}"


class Malformed(Exception):
    """Raised by a parsing function for one line; the reader adds the file's name and what a valid line looks like."""

    def __init__(self, line: int, found: str, expected: str | None = None) -> None:
        super().__init__(line, found, expected)
        self.line, self.found, self.expected = line, found, expected

    def __str__(self) -> str:
        return self.found


@dataclass(frozen=True)
class Reader(Generic[Items], metaclass=Hinted):
    """A file format. Call it with a path to read a file, or use `parse` for a text in memory.

    Args:
        name: the name of the format.
        line: a description of a valid line, for errors.
        items: a function from numbered lines to the contents of the file. It raises `Malformed`.
        example: a small complete file, which the tests read in every encoding.
        formats: for labelled sentences, the names of the format in the commands' ``--format``, with their options.
        pieces: a function that splits numbered lines into pieces that can be read one by one, for `stream`; None if the
            file can only be read as a whole.
        piece: as ``items``, for one piece, without checks that concern the whole file; by default ``items``.
        blank: whether an item is empty; a file of nothing but empty items is an error. None if items are never empty.

    Example:
        >>> from tinyseq.data import labelled, word_tag
        >>> word_tag.parse("the/DT cat/NN\\na/b/SYM")
        [[('the', 'DT'), ('cat', 'NN')], [('a/b', 'SYM')]]
        >>> labelled.parse("positive I like cats")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        tinyseq.data.readers.DataError: <text>, line 1: no tab in 'positive I like cats'; expected a label, ...
    """

    _other_names: ClassVar[dict[str, str]] = READER

    name: str
    line: str
    items: Callable[..., Items] = field(repr=False)
    example: str = ""
    formats: Mapping[str, Mapping[str, str]] = field(default_factory=dict, compare=False)
    pieces: Callable[[Iterable[tuple[int, str]]], Iterator[Lines]] | None = field(default=None, repr=False)
    piece: Callable[..., Any] | None = field(default=None, repr=False)
    blank: Callable[[Any], bool] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        READERS.append(self)

    def __call__(self, path: str | os.PathLike[str], *, encoding: str = "utf-8", **options: str) -> Items:
        """Read a file.

        Args:
            path: the file.
            encoding: its encoding, by Python's name: ``"cp1252"`` (Windows), ``"latin-1"``, ``"utf-16"`` and others. A
                byte order mark is not part of the text.
            options: options of the format, such as `tags="xpos"` of `conllu`.

        Returns:
            The contents of the file; see the description of each reader.

        Raises:
            DataError: if the file is missing, empty, binary or in another encoding, or if a line is malformed.
            ValueError: if the encoding is unknown, or the value of an option is invalid.
            TypeError: if the format has no such option, or the path is neither a string nor a path.
        """
        check_encoding(encoding)
        as_path("path", path)
        source = os.fspath(path)
        if "\n" in source or "\r" in source:
            raise DataError(
                show(source), None, "this is the text itself", "the path of a file; .parse(text) reads a text"
            )
        try:
            content = Path(path).read_bytes()
        except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
            reason = str(getattr(error, "strerror", None) or error).lower()
            raise DataError(source, None, f"cannot be read ({reason})", f"a {self.name} file") from error
        return self.of_bytes(content, source, encoding=encoding, **options)

    def of_bytes(self, content: bytes, source: str = "<bytes>", *, encoding: str = "utf-8", **options: str) -> Items:
        """Read the bytes of a file, such as standard input's; `source` is its name in errors.

        Example:
            >>> from tinyseq.data import plain_text
            >>> plain_text.of_bytes("café".encode("cp1252"), encoding="cp1252")
            'café'
        """
        check_encoding(encoding)
        return self.parse(self._decode(content, source, encoding), source, **options)

    def stream(self, path: str | os.PathLike[str], *, encoding: str = "utf-8", **options: str) -> Iterator[Any]:
        """Read a file item by item (a sentence or a line), with only one of them in memory.

        Errors are the same as for the whole file, but are raised when the reader gets there, after the items before
        have been yielded.

        Args:
            path, encoding, options: as for calling the reader.

        Yields:
            The items of what calling the reader returns; for `plain_text`, its lines.

        Raises:
            DataError, ValueError, TypeError: as calling the reader.

        Example:
            >>> import tempfile
            >>> from tinyseq.data import word_tag
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     _ = Path(folder, "a.txt").write_text("the/DT cat/NN\\na/DT dog/NN\\n")
            ...     for sentence in word_tag.stream(folder + "/a.txt"):
            ...         print(sentence)
            [('the', 'DT'), ('cat', 'NN')]
            [('a', 'DT'), ('dog', 'NN')]
        """
        check_encoding(encoding)
        as_path("path", path)
        self._check_options(options)
        return self._streamed(path, encoding, options)

    def _streamed(self, path: str | os.PathLike[str], encoding: str, options: dict[str, str]) -> Iterator[Any]:
        said, pieces, read = False, self.pieces, self.piece or self.items
        try:
            if pieces is None or "\0" in os.fspath(path) or _is_marked_otherwise(path, encoding):
                whole: Any = self(path, encoding=encoding, **options)
                yield from whole
                return
            with _opened(path, encoding) as file:
                for piece in pieces(_numbered(file)):
                    items = read(piece, **options)
                    for item in items if isinstance(items, list) else [items]:
                        said = said or self.blank is None or not self.blank(item)
                        yield item
        except Malformed as error:
            begin = list[tuple[int, str]]()
            with _opened(path, encoding) as file, suppress(UnicodeError, _Binary):  # after the line of the error
                begin.extend(islice(_numbered(file), MOST_TRIED))
            expected = (error.expected or self.line) + self._other_format(begin)
            raise DataError(os.fspath(path), error.line, error.found, expected) from None
        except (OSError, UnicodeError, _Binary):
            self(path, encoding=encoding, **options)  # whose error says more
            raise
        if not said:
            self(path, encoding=encoding, **options)  # whose error says what the file holds instead

    def _check_options(self, options: dict[str, str]) -> None:
        known = list(signature(self.items).parameters)[1:]
        for name in options:
            if name not in known:
                raise TypeError(f"{self.name} has no option {name!r}; its options: {', '.join(known) or 'none'}")

    def parse(self, text: str, source: str = "<text>", **options: str) -> Items:
        """Read a text in memory, as calling the reader does for a file; `source` is its name in errors.

        Raises:
            DataError, ValueError, TypeError: as calling the reader; and TypeError if ``text`` is not a string.
        """
        if not isinstance(text, str):
            raise TypeError(f"text must be a string, got {type(text).__name__}; to read a file, call the reader itself")
        self._check_options(options)
        _check_nul(text, source, self.line)
        lines = [(i, line.strip(MARK)) for i, line in enumerate(LINE_ENDS.split(text), start=1)]
        if not any(line.strip() for _, line in lines):
            raise DataError(source, None, "only blank lines" if text.strip(MARK) else "the file is empty", self.line)
        try:
            items = self.items(lines, **options)
        except Malformed as error:
            expected = (error.expected or self.line) + self._other_format(lines)
            raise DataError(source, error.line, error.found, expected) from None
        if not items:
            raise DataError(source, None, "nothing but comments", self.line)
        return items

    def _other_format(self, lines: Lines) -> str:
        """Which other format of labelled sentences fits a text that does not have this one, as the end of an error."""
        fitting = []
        for other in READERS:
            plain = [name for name, options in other.formats.items() if not options]
            if self.formats and plain and other is not self:
                with suppress(Malformed):
                    if other.items(lines[:MOST_TRIED]):
                        fitting.append(plain[-1])
        if len(fitting) != 1:
            return ""
        (name,) = fitting
        return f"; it reads as {name}: ts.data.{name.replace('-', '_')}(path), or --format {name}"

    def _decode(self, content: bytes, source: str, encoding: str) -> str:
        expected = self._expected(content, encoding)
        utf8 = codecs.lookup(encoding).name in UTF8
        if content.startswith(codecs.BOM_UTF8) and not codecs.lookup(encoding).name.startswith("utf"):
            raise DataError(source, 1, f"the byte order mark of UTF-8, but encoding={encoding!r}", "encoding='utf-8'")
        try:
            text = content.decode("utf-8-sig" if utf8 else encoding)
        except UnicodeDecodeError as error:
            lines = re.split(LINE_ENDS.pattern.encode(), error.object[: error.start])  # without the byte order mark
            line, column = len(lines), len(lines[-1]) + 1
            name = "UTF-8" if utf8 else encoding
            found = f"byte 0x{error.object[error.start]:02x} in column {column} is not {name}"
            raise DataError(source, line, found, expected) from None
        except ValueError as error:
            raise DataError(source, None, f"cannot be read as {encoding} ({error})", expected) from None
        if text.startswith("\ufffe"):
            raise DataError(source, 1, f"a byte order mark that is not that of {encoding}", "encoding='utf-16'")
        _check_nul(text, source, expected)
        return text

    def _expected(self, content: bytes, encoding: str) -> str:
        """The expected contents of a file that cannot be decoded, and what to try."""
        for begin, found in PACKED.items():
            if content.startswith(begin):
                return f"a {self.name} file; this one is {found}"
        if codecs.lookup(encoding).name not in UTF8:
            return f"a {self.name} file in encoding={encoding!r}"
        if (other := _wider(content)) is not None:
            return f"a {self.name} file saved as UTF-8 text; this one looks like encoding={other!r}"
        return (
            f"a {self.name} file saved as UTF-8 text, or its encoding, such as encoding='cp1252' or encoding='latin-1'"
        )


def _wider(content: bytes) -> str | None:
    """The encoding of a text in UTF-16 or UTF-32, judged by its byte order mark, or by the NULs beside its ASCII."""
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    start = content[:1024]
    nuls = [start[first::2].count(0) for first in (0, 1)]
    if max(nuls) * 4 < len(start) or min(nuls) * 8 > max(nuls):
        return None
    return "utf-16-le" if nuls[1] > nuls[0] else "utf-16-be"


def _check_nul(text: str, source: str, expected: str) -> None:
    """Raise an error for a text with a NUL."""
    if "\0" in text:
        line = len(LINE_ENDS.split(text[: text.index("\0")]))
        raise DataError(source, line, "a NUL byte, as in a binary file", expected)


class _Binary(Exception):
    """Raised at a NUL byte."""


def _opened(path: str | os.PathLike[str], encoding: str) -> TextIO:
    """A file opened as text, without the byte order mark of UTF-8."""
    return Path(path).open(encoding="utf-8-sig" if codecs.lookup(encoding).name in UTF8 else encoding)


def _numbered(file: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The lines of a file as `Reader.parse` splits a text."""
    for number, line in enumerate(file, start=1):
        if "\0" in line:
            raise _Binary
        yield number, line.removesuffix("\n").strip(MARK)


def _is_marked_otherwise(path: str | os.PathLike[str], encoding: str) -> bool:
    """Whether a file begins with the byte order mark of UTF-8, but is to be read in another encoding."""
    with Path(path).open("rb") as file:
        return file.read(3) == codecs.BOM_UTF8 and not codecs.lookup(encoding).name.startswith("utf")


def check_encoding(encoding: object) -> None:
    """Raise an error for an unknown encoding, before a file is opened."""
    if not isinstance(encoding, str):
        raise TypeError(f"encoding must be a name, such as 'utf-8' or 'cp1252', got {encoding!r}")
    try:
        "a".encode(encoding)
    except (LookupError, ValueError) as error:
        raise ValueError(
            f"encoding must be one that Python knows, such as 'utf-8' or 'cp1252', got {encoding!r}"
        ) from error


def show(text: str, width: int = 40) -> str:
    """Quote a text for an error: on one line, and shortened."""
    return repr(text if len(text) <= width else text[: width - 3] + "...")


def single_lines(lines: Iterable[tuple[int, str]]) -> Iterator[Lines]:
    """Each line on its own."""
    for line in lines:
        yield [line]


def blocks(lines: Iterable[tuple[int, str]]) -> Iterator[Lines]:
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
    """The fields of a line, separated by tabs, or by blanks if there are no tabs, and stripped of blanks."""
    line = line.strip(BLANKS)
    return re.split(" *\t[ \t]*", line) if "\t" in line else re.split(" +", line)


def option(name: str, value: str, choices: Collection[str]) -> str:
    """Check the value of a reader's option.

    Raises:
        ValueError: if it is not one of the choices.
    """
    if value not in list(choices):
        *others, last = map(repr, choices)
        raise ValueError(f"{name} must be {', '.join(others)} or {last}, got {value!r}")
    return value
