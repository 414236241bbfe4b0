"""A picture: its DOT text, and the ways to see it.

Drawings are made as DOT, Graphviz's language, so that a user can read, change and keep them. Rendering asks
`pygraphviz` first (its wheel carries Graphviz, so that pip alone is enough), then a `dot` program on the PATH.
"""

import io
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from types import ModuleType
from typing import Any

from tinyseq.io import atomic_write
from tinyseq.viz.page import page

PNG_DPI = 160
INSTALL = 'Install a renderer with:  pip install "tinyseq[viz]"'


class DrawingError(RuntimeError):
    """A picture could not be rendered; the message says what to install or what Graphviz objected to."""


Told = tuple["Drawing", Mapping[str, Any]]  # a picture for a page, and what the page can tell of it


class Drawing:
    """A picture that can be shown in a notebook, saved, or read as DOT text.

    Args:
        dot: the picture in Graphviz's language. It names its own layout engine.
        title: what the picture shows; the heading of the HTML page.
        tell: makes what the HTML page shows in place of the plain picture: a drawing, and a story to go with it. It is
            called when the page is saved.

    Example:
        >>> drawing = Drawing("digraph { a -> b }", title="two nodes")
        >>> drawing
        Drawing('two nodes')
        >>> print(drawing.dot)
        digraph { a -> b }
    """

    def __init__(self, dot: str, title: str = "drawing", tell: Callable[[], Told] | None = None) -> None:
        self.dot = dot
        self.title = title
        self._tell = tell

    def __repr__(self) -> str:
        return f"Drawing({self.title!r})"

    def svg(self) -> str:
        """The picture as the text of an SVG file, the same for the same picture.

        Raises:
            DrawingError: neither `pygraphviz` nor `dot` is installed, or Graphviz refuses the DOT text.
        """
        return _plain_svg(_render(self.dot, "svg").decode("utf-8"))

    def _repr_svg_(self) -> str:
        return self.svg()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file whose ending names the format.

        Args:
            path: a file name ending in .svg, .png, .pdf, .dot or .html (one self-contained page).

        Returns:
            The path written to. An older file of that name is replaced once the new one is complete.

        Raises:
            ValueError: the ending is none of these.
            DrawingError: the picture cannot be rendered.

        Example:
            >>> import tempfile
            >>> folder = tempfile.mkdtemp()
            >>> Drawing("digraph { a -> b }").save(f"{folder}/two.dot").name
            'two.dot'
        """
        path = Path(path)
        formats = self._formats()
        make = formats.get(path.suffix.lower())
        if make is None:
            known = ", ".join(formats)
            raise ValueError(f"cannot save a drawing as {path.name!r}: the file's ending must be one of {known}")
        data = make()
        atomic_write(path, lambda part: part.write_bytes(data))
        return path

    def _formats(self) -> dict[str, Callable[[], bytes]]:
        return {
            ".svg": lambda: self.svg().encode("utf-8"),
            ".png": lambda: _render(self.dot, "png"),
            ".pdf": lambda: _render(self.dot, "pdf"),
            ".dot": lambda: self.dot.encode("utf-8"),
            ".html": lambda: self._page().encode("utf-8"),
        }

    def _page(self) -> str:
        picture, story = self._tell() if self._tell else (self, {})
        return page(picture.svg(), self.title, story)


def _render(dot: str, file_format: str) -> bytes:
    """The picture in one of Graphviz's own formats."""
    try:
        import pygraphviz
    except ImportError:
        pygraphviz = None
    if pygraphviz is not None:
        return _render_in_process(pygraphviz, dot, file_format)
    program = shutil.which("dot")
    if program is None:
        raise DrawingError(f"nothing here can draw: neither pygraphviz nor a `dot` program is installed. {INSTALL}")
    command = [program, f"-T{file_format}", f"-Gdpi={_dpi(file_format)}"]
    done = subprocess.run(command, input=dot.encode("utf-8"), capture_output=True, check=False)
    return _checked(done.stdout, done.stderr.decode("utf-8", "replace"), done.returncode != 0)


_ONE_AT_A_TIME = threading.Lock()


def _render_in_process(pygraphviz: ModuleType, dot: str, file_format: str) -> bytes:
    # pygraphviz itself warns of long layouts in large graphs, although all places are given here.
    with _ONE_AT_A_TIME, _graphviz_messages() as messages, redirect_stderr(io.StringIO()):
        try:
            graph = pygraphviz.AGraph(string=dot)
            engine = graph.graph_attr.get("layout") or "dot"
            graph.graph_attr["dpi"] = str(_dpi(file_format))
            drawn, failed = graph.draw(format=file_format, prog=engine), False
        except (ValueError, OSError, pygraphviz.DotError) as error:
            drawn, failed = b"", True
            messages.append(str(error))
    return _checked(drawn, "\n".join(messages), failed)


def _checked(drawn: bytes, messages: str, failed: bool) -> bytes:
    # A bad label is only reported, and the picture drawn without it: that is an error too.
    if failed or "Error:" in messages:
        raise DrawingError(f"Graphviz refused the picture: {messages.strip()[:500]}")
    return drawn


@contextmanager
def _graphviz_messages() -> Iterator[list[str]]:
    """Collect what the Graphviz libraries print: they know no other way to report, and fonts make them chatter."""
    messages: list[str] = []
    with tempfile.TemporaryFile() as caught:
        terminal = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            yield messages
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
            caught.seek(0)
            messages.append(caught.read().decode("utf-8", "replace"))


def _dpi(file_format: str) -> int:
    return PNG_DPI if file_format == "png" else 72


def _plain_svg(svg: str) -> str:
    """Leave out what varies between versions of Graphviz and says nothing: comments and the document type."""
    svg = re.sub(r"<!--.*?-->\n?", "", svg, flags=re.DOTALL)
    return re.sub(r"<!DOCTYPE[^>]*>\n?", "", svg, count=1)
