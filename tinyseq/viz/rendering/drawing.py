"""A drawing: its DOT text, and the formats in which it can be saved.

Drawings have a text in DOT, Graphviz's language, which can be read, edited and kept. The drawings of this package are
written as SVG directly; Graphviz makes PNG and PDF files.
"""

import base64
import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from html import escape
from pathlib import Path
from typing import Any, ClassVar

from tinyseq.arguments import as_path, whole
from tinyseq.io import atomic_write, check_output
from tinyseq.torch_names.other_names import DRAWING
from tinyseq.torch_names.owners import Hinted
from tinyseq.torch_names.settings import explained
from tinyseq.viz.page.embedded import LEAST_HEIGHT, Page
from tinyseq.viz.page.html import page
from tinyseq.viz.rendering.graphviz import render, render_svg
from tinyseq.viz.rendering.settings import LEAST_LETTERS, current, using

ENDINGS = (".svg", ".png", ".pdf", ".dot", ".html")
CELL = 900  # pixels: the width of a notebook's cell, to which pictures shrink
Told = tuple["Drawing", Mapping[str, Any]]  # a picture for a page, and its story


class Drawing(metaclass=Hinted):
    """A picture that can be shown in a notebook, saved, or read as DOT text.

    Args:
        dot: the picture in Graphviz's language. It names its own layout engine.
        title: what the picture shows; the heading of the HTML page.
        tell: makes the drawing and the story of the HTML page. It is called when the page is saved.
        svg: makes the text of the SVG file; by default Graphviz is used.

    Example:
        >>> drawing = Drawing("digraph { a -> b }", title="two nodes")
        >>> drawing
        Drawing('two nodes')
        >>> print(drawing.dot)
        digraph { a -> b }
    """

    _other_names: ClassVar[dict[str, str]] = DRAWING

    def __init__(
        self,
        dot: str,
        title: str = "drawing",
        tell: Callable[[], Told] | None = None,
        svg: Callable[[], str] | None = None,
    ) -> None:
        self.dot = dot
        self.title = title
        self._tell = tell
        self._svg = svg
        self._settings = current()

    def __repr__(self) -> str:
        return f"Drawing({self.title!r})"

    def __deepcopy__(self, memo: dict[int, Any]) -> "Drawing":
        other = Drawing(self.dot, self.title, self._tell, self._svg)  # drawings are immutable
        other._settings = self._settings
        return other

    def __getstate__(self) -> dict[str, Any]:
        """For pickle: the SVG text and the page are made now, because the graph is not pickled."""
        svg, told = self._svg and self._svg(), self._tell and self._tell()
        return {**vars(self), "_svg": partial(str, svg) if svg else None, "_tell": told and partial(tuple, told)}

    def svg(self) -> str:
        """The text of an SVG file. It does not depend on the fonts that are installed.

        Raises:
            DrawingError: the drawing was made from DOT text, and Graphviz rejects it, or neither `pygraphviz` nor
                `dot` is installed.
        """
        return self._svg() if self._svg else render_svg(self.dot)

    def _repr_svg_(self) -> str:
        """The picture, which shrinks to the width of a cell, also in a notebook that was exported as HTML."""
        return self.svg().replace("<svg ", '<svg style="max-width: 100%; height: auto" ', 1)

    def _repr_html_(self) -> str | None:
        """A frame that scrolls, if letters would not be legible when the picture shrinks to the width of a cell."""
        svg = self.svg()
        width = max(map(float, re.findall(r'viewBox="\S+ \S+ (\S+) ', svg)))
        letters = min(map(float, re.findall(r'<text[^>]* font-size="([\d.]+)"', svg)), default=LEAST_LETTERS)
        if self._settings.size is not None or letters * CELL / width >= LEAST_LETTERS:
            return None
        data = base64.b64encode(svg.encode("utf-8")).decode("ascii")
        picture = f'<img alt="{escape(self.title)}" style="max-width: none" src="data:image/svg+xml;base64,{data}">'
        return f'<div style="overflow-x: auto">{picture}</div>'

    @explained
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file whose ending names the format.

        Args:
            path: a file name ending in .svg, .png, .pdf, .dot or .html (one self-contained page).

        Returns:
            The path. An existing file is replaced only once the new one is complete.

        Raises:
            ValueError: the ending is not one of these.
            OSError: the file cannot be written.
            DrawingError: the picture cannot be rendered.

        Example:
            >>> import tempfile
            >>> folder = tempfile.mkdtemp()
            >>> Drawing("digraph { a -> b }").save(f"{folder}/two.dot").name
            'two.dot'
        """
        path = check_picture(path)
        kind = path.suffix.lower()
        texts = {".svg": self.svg, ".dot": lambda: self.dot, ".html": self._html}
        data = texts[kind]().encode("utf-8") if kind in texts else render(self.dot, kind[1:])
        atomic_write(path, lambda part: part.write_bytes(data))
        return path

    def page(self, height: int = 560) -> Page:
        """The interactive page of the drawing, for a notebook or a web page.

        As the last expression of a cell, it is shown in a frame. It is made now, so the graph may be freed afterwards.

        Args:
            height: the height of the frame in pixels, at least 240.

        Returns:
            The page; its `text` is the HTML text that `save` writes to an .html file.

        Raises:
            TypeError, ValueError: the height is not an integer of at least 240.
            DrawingError: the picture cannot be rendered.

        Example:
            >>> from tinyseq.viz import trellis
            >>> from tinyseq.hmm import HMM
            >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.7, 0.3], [0.4, 0.6]])
            >>> trellis(hmm, [0, 1, 1]).page(height=400)
            Page('Viterbi, in the max semiring: 0 1 1', height=400)
        """
        whole("height", height, least=LEAST_HEIGHT)
        return Page(self._html(), self.title, height)

    def _html(self) -> str:
        # The page zooms, and has a dark theme of its own.
        with using(self._settings._replace(theme="light", size=None, squeeze="")):
            picture, story = self._tell() if self._tell else (self, {})
        return page(picture.svg(), self.title, story)


def check_picture(path: str | os.PathLike[str], name: str = "path") -> Path:
    """Check the path of a picture before it is drawn: its ending, and as in `tinyseq.io.check_output`."""
    path = as_path(name, path)
    if path.suffix.lower() not in ENDINGS:
        known = ", ".join(ENDINGS)
        raise ValueError(f"cannot save a drawing as {path.name!r}: the file's ending must be one of {known}")
    return check_output(path, name)
