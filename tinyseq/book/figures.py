"""The figures of the book, for slides: light and dark, with and without numbers."""

import os
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

from tinyseq.arguments import is_list, shown
from tinyseq.book.chapters import Chapter, chapters
from tinyseq.io.files import atomic_write
from tinyseq.viz import Drawing, defaults

FORMATS = ("svg", "pdf", "png")
WHITE = "#ffffff"  # the background of a plot unless it is dark
LOOKS: dict[str, dict[str, Any]] = {  # what is appended to a figure's name, and the settings it is drawn with
    "": {"theme": "light"},  # the light ones first, as a plot that a cell has made is darkened in place
    "-numbers": {"theme": "light", "values": True},
    "-dark": {"theme": "dark"},
    "-numbers-dark": {"theme": "dark", "values": True},
}


def check_formats(formats: Sequence[str]) -> None:
    """Raise an error for formats that are not a list of those that figures have."""
    if isinstance(formats, str) or not is_list(formats):
        raise TypeError(f"formats must be a list, such as ['svg']; got {shown(formats)}")
    unknown = [kind for kind in formats if kind not in FORMATS]
    if unknown or not formats:
        raise ValueError(f"formats must be some of {', '.join(FORMATS)}; got {', '.join(unknown) or 'none'}")


def of_chapter(number: int | None) -> list[Chapter]:
    """The chapter with a number, or all.

    Raises:
        ValueError: there is no such chapter.
    """
    book = [each for each in chapters() if number in (None, each.number)]
    if not book:
        raise ValueError(f"chapter must be one of 1 to {len(chapters())}; got {number}")
    return book


def save_figures(
    folder: str | os.PathLike[str], formats: Sequence[str] = ("svg", "pdf"), chapter: int | None = None
) -> Iterator[Path]:
    """Write the figures of the book, or of one chapter: run it, and draw each figure in every look.

    A figure `unrolled` becomes `unrolled.svg`, `unrolled-dark.svg`, and, if numbers can be shown on it,
    `unrolled-numbers.svg` and `unrolled-numbers-dark.svg`; likewise for other formats.

    Args:
        folder: where to write; it is created if necessary.
        formats: of the files, from ``"svg"``, ``"pdf"`` and ``"png"``. They need the extra `plot`, and formats other
            than SVG the extra `viz`.
        chapter: the number of a chapter to run; by default all are run.

    Yields:
        Each file that was written.

    Raises:
        TypeError: the formats are not a list.
        ValueError: a format is not one of these, or there is no such chapter.
        OSError: the files cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     names = [path.name for path in save_figures(folder, formats=["svg"], chapter=9)]
        >>> "tagger-automaton.svg" in names, "tagger-automaton-dark.svg" in names
        (True, True)
    """
    check_formats(formats)
    book = of_chapter(chapter)
    target = Path(folder).resolve()
    target.mkdir(parents=True, exist_ok=True)
    for each in book:
        with redirect_stdout(StringIO()):  # of what its cells print
            written = list(_figures(each, target, formats))
        yield from written


def _figures(chapter: Chapter, folder: Path, formats: Sequence[str]) -> Iterator[Path]:
    for cell, namespace in chapter.run():
        _, last = cell.split(str(chapter.path))
        if cell.figure is None or last is None:
            continue
        code, plain, numbers = compile(last, str(chapter.path), "eval"), (None, ""), False
        for suffix, settings in LOOKS.items():
            if suffix == "-numbers-dark" and not numbers:
                continue
            with defaults(**settings):
                picture = eval(code, namespace)
            if suffix == "":
                plain = picture, _svg(picture)
            elif suffix == "-numbers":  # a plot that a cell has made is the same object, whatever the settings
                numbers = picture is not plain[0] and _svg(picture) != plain[1]
                if not numbers:
                    continue
            if settings["theme"] == "dark" and not isinstance(picture, Drawing):
                _darken(picture)
            for kind in formats:
                path = folder / f"{cell.figure}{suffix}.{kind}"
                if isinstance(picture, Drawing):
                    picture.save(path)
                else:
                    atomic_write(path, partial(_plot, picture, kind=kind))
                yield path


def _darken(figure: Any) -> None:
    """Darken a plot unless it was made dark."""
    from matplotlib.colors import to_hex

    from tinyseq.viz.plots.figure import darken

    if to_hex(figure.get_facecolor()) == WHITE:
        darken(figure)


def _svg(picture: Any) -> str:
    if isinstance(picture, Drawing):
        return picture.svg()
    text = StringIO()
    _plot(picture, text, kind="svg")
    return text.getvalue()


def _plot(figure: Any, file: Any, *, kind: str) -> None:
    """Write a figure of matplotlib so that the same figure gives the same file."""
    from matplotlib import rc_context

    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
    with rc_context({"svg.hashsalt": "tinyseq"}):
        figure.savefig(file, format=kind, metadata=undated[kind])
