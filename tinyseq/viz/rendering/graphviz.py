"""Pictures from DOT text, by Graphviz.

`pygraphviz` is tried first (its wheel contains Graphviz, so that pip is enough), then a `dot` program on the PATH. They
run in a separate process that uses the font of this package, so that PNG and PDF files do not depend on the fonts that
are installed, and nothing is printed.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from html import escape
from importlib.util import find_spec
from pathlib import Path

from tinyseq.viz.rendering.font import FAMILY, FOLDER, is_known

PNG_DPI = 160
COLOR_TYPE, OPAQUE = 25, 2  # where a PNG file says what its pixels are, and the number of those without alpha
MOST_ROUNDED = 0.45  # of a pixel: Graphviz rounds this down
MOST_TRIES = 8
INSTALL = 'Install a renderer with:  pip install "tinyseq[viz]"'
# Renders the standard input in the given format and resolution.
PYGRAPHVIZ = """
import sys, warnings
sys.path.append(sys.argv[1])
import pygraphviz
warnings.simplefilter("ignore")
try:
    graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode("utf-8"))
    graph.graph_attr["dpi"] = sys.argv[3]
    drawn = graph.draw(format=sys.argv[2], prog=graph.graph_attr.get("layout") or "dot")
except (ValueError, OSError, pygraphviz.DotError) as error:
    sys.exit(f"Error: {error}")
sys.stdout.buffer.write(drawn)
"""


class DrawingError(RuntimeError):
    """A picture could not be rendered; the message says what to install, or gives Graphviz's error.

    Example:
        >>> import tinyseq as ts
        >>> try:
        ...     _ = ts.viz.Drawing("digraph { a -> ").svg()
        ... except ts.viz.DrawingError:
        ...     print("not a picture")
        not a picture
    """


def render(dot: str, file_format: str) -> bytes:
    """A picture in one of Graphviz's own formats.

    Raises:
        DrawingError: neither `pygraphviz` nor `dot` is installed, or Graphviz rejects the DOT text.
    """
    if file_format != "png":
        return _rendered(dot, file_format, 72)
    drawn = b""
    for dpi in _resolutions(dot):
        drawn = _rendered(dot, "png", dpi)
        if drawn[COLOR_TYPE] == OPAQUE:
            break
    return drawn


def _rendered(dot: str, file_format: str, dpi: float) -> bytes:
    command = _command(file_format, dpi)
    with tempfile.TemporaryDirectory() as work:
        fonts = _fonts(Path(work), dot)
        done = subprocess.run(
            command,
            input=dot.encode("utf-8"),
            capture_output=True,
            check=False,
            env={**os.environ, "FONTCONFIG_FILE": str(fonts)},
        )
    messages = done.stderr.decode("utf-8", "replace")
    # For a bad label, Graphviz prints an error, but draws the picture without it.
    if done.returncode or "Error:" in messages:
        raise DrawingError(f"Graphviz rejected the picture: {messages.strip()[:500]}")
    return done.stdout


def _resolutions(dot: str) -> list[float]:
    """Resolutions for a PNG file, near the usual one, at which the paper should cover the pixels at all edges.

    Graphviz rounds the number of pixels. Where it rounds up, the last ones are partly transparent.
    """
    laid_out = _rendered(dot, "dot", 72).decode("utf-8")
    left, low, right, high = map(float, re.findall(r'\bbb="([^"]*)"', laid_out)[0].split(","))
    pad = float(found[1]) if (found := re.search(r'\bpad="?([\d.]+)', laid_out)) else 4 / 72  # inches
    sides = [length / 72 + 2 * pad for length in (right - left, high - low)]
    near = [PNG_DPI + i / 4 for i in range(100)]
    covered = [dpi for dpi in near if all((side * dpi + 1e-3) % 1 < MOST_ROUNDED for side in sides)]
    return covered[:MOST_TRIES] or near[:1]


def _fonts(folder: Path, dot: str) -> Path:
    """A fontconfig file with this package's font; and with the machine's fonts, if these are needed."""
    for style in ("regular", "bold"):  # copies, because fontconfig may write beside them
        (folder / f"{style}.ttf").write_bytes((FOLDER / f"{style}.ttf").read_bytes())
    machine = ""
    if FAMILY not in dot or not all(map(is_known, dot)):
        own = os.environ.get("FONTCONFIG_FILE", "/etc/fonts/fonts.conf")
        machine = f'<include ignore_missing="yes">{escape(own)}</include>'
    settings, template = folder / "fonts.conf", (FOLDER / "fonts.conf").read_text("utf-8")
    settings.write_text(template.format(folder=escape(str(folder)), machine=machine), "utf-8")
    return settings


def _command(file_format: str, dpi: float) -> list[str]:
    found = find_spec("pygraphviz")
    if found and found.origin and sys.executable:
        home = str(Path(found.origin).parents[1])
        return [sys.executable, "-I", "-c", PYGRAPHVIZ, home, file_format, str(dpi)]
    program = shutil.which("dot")
    if program is None:
        raise DrawingError(f"neither pygraphviz nor a `dot` program is installed. {INSTALL}")
    return [program, f"-T{file_format}", f"-Gdpi={dpi}"]


def render_svg(dot: str) -> str:
    """An SVG file without comments and other details that vary between versions of Graphviz; tooltips become titles."""
    svg = render(dot, "svg").decode("utf-8")
    svg = re.sub(r"<!--.*?-->\n?|<!DOCTYPE[^>]*>\n?|<title>[^<]*</title>\n?", "", svg, flags=re.DOTALL)
    return re.sub(
        r'<g id="a_[^"]*"><a xlink:title="([^"]*)">\n?(.*?)</a>\n?</g>\n?',
        r"<title>\1</title>\n\2",
        svg,
        flags=re.DOTALL,
    )
