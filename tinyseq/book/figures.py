"""The figures of the book, for slides: light and dark, with and without numbers."""

import os
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from tinyseq.book.chapters import Chapter, chapters
from tinyseq.io.files import atomic_write
from tinyseq.viz import Drawing, defaults

FORMATS = ("svg", "pdf", "png")
LOOKS: dict[str, dict[str, Any]] = {  # what is appended to a figure's name, and the settings it is drawn with
    "": {"theme": "light"},
    "-dark": {"theme": "dark"},
    "-numbers": {"theme": "light", "values": True},
    "-numbers-dark": {"theme": "dark", "values": True},
}


def save_figures(folder: str | os.PathLike[str], formats: Sequence[str] = ("svg", "pdf")) -> Iterator[Path]:
    """Write the figures of the book: run its chapters, and draw each figure in every look.

    A figure `unrolled` becomes `unrolled.svg`, `unrolled-dark.svg`, and, if numbers can be shown on it,
    `unrolled-numbers.svg` and `unrolled-numbers-dark.svg`; likewise for other formats.

    Args:
        folder: where to; it is made if need be.
        formats: of the files, from ``"svg"``, ``"pdf"`` and ``"png"``. All but SVG drawings need the extra `viz`, and plots
            the extra `plot`.

    Yields:
        Each file that was written.

    Raises:
        ValueError: a format is not one of these.
        OSError: the files cannot be written there.
    """
    unknown = [kind for kind in formats if kind not in FORMATS]
    if unknown or not formats:
        raise ValueError(f"formats must be some of {', '.join(FORMATS)}; got {', '.join(unknown) or 'none'}")
    target = Path(folder).resolve()
    target.mkdir(parents=True, exist_ok=True)
    for chapter in chapters():
        yield from _figures(chapter, target, formats)


def _figures(chapter: Chapter, folder: Path, formats: Sequence[str]) -> Iterator[Path]:
    for cell, namespace in chapter.run():
        _, last = cell.split(str(chapter.path))
        if cell.figure is None or last is None:
            continue
        code, plain = compile(last, str(chapter.path), "eval"), ""
        for suffix, settings in LOOKS.items():
            with defaults(**settings):
                picture = eval(code, namespace)
                look = _rendered(picture, "svg")
            if suffix == "":
                plain = look
            elif suffix == "-numbers" and look == plain:
                break  # there are none to be shown
            for kind in formats:
                path = folder / f"{cell.figure}{suffix}.{kind}"
                data = look if kind == "svg" else _rendered(picture, kind)
                atomic_write(path, lambda unfinished, data=data: unfinished.write_bytes(data))
                yield path


def _rendered(picture: Any, kind: str) -> bytes:
    """A drawing, or a figure of matplotlib, as the contents of a file."""
