"""A page in a frame, for notebooks and web pages."""

import os
from html import escape
from pathlib import Path

from tinyseq.arguments import as_path, whole
from tinyseq.io import atomic_write, check_output

LEAST_HEIGHT = 240  # pixels: the least height at which a page's controls leave room for its picture


class Page:
    """An interactive page that notebooks show in a frame.

    The page is self-contained: it makes no requests, and several on one web page do not interfere with each other.
    In a frame, the wheel zooms only while the picture has the focus, so the page around it can be scrolled.

    Args:
        text: the HTML text of the page.
        title: the name of the frame, for screen readers.
        height: the height of the frame in pixels, at least 240.

    Attributes:
        text: the HTML text of the page, without a frame.

    Raises:
        TypeError, ValueError: the height is not an integer of at least 240.

    Example:
        >>> Page("<!doctype html><title>one</title>", "one", height=300)
        Page('one', height=300)
    """

    def __init__(self, text: str, title: str, height: int = 560) -> None:
        self.text = text
        self.title = title
        self.height = whole("height", height, least=LEAST_HEIGHT)

    def __repr__(self) -> str:
        return f"Page({self.title!r}, height={self.height})"

    def _repr_html_(self) -> str:
        return (
            f'<iframe title="{escape(self.title)}" srcdoc="{escape(self.text)}" loading="lazy" allowfullscreen '
            f'style="box-sizing: border-box; width: 100%; height: {self.height}px; border: 1px solid #8794a5; '
            'border-radius: 8px"></iframe>'
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page, without a frame, to an HTML file.

        Args:
            path: a file name ending in .html.

        Returns:
            The path. An existing file is replaced only once the new one is complete.

        Raises:
            ValueError: the ending is not .html.
            OSError: the file cannot be written.
        """
        path = as_path("path", path)
        if path.suffix.lower() != ".html":
            raise ValueError(f"cannot save a page as {path.name!r}: the file's ending must be .html")
        check_output(path, "path")
        atomic_write(path, lambda part: part.write_text(self.text, encoding="utf-8"))
        return path
