"""The directive `{picture} EXPRESSION`: a drawing or a plot, made while the page is built by the code above it.

All Python blocks of the page above the directive are run first, in one namespace, as the tests run them. The expression
gives a `tinyseq.viz.Drawing`, its page, or a matplotlib figure. The body of the directive is the text for those who
cannot see it.
"""

import base64
import doctest
import io
import os
import re
import tempfile
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import tinyseq as ts

FENCE = re.compile(r"^```(python|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def namespace_above(text: str) -> dict[str, Any]:
    """What the Python blocks of a text define; files that they save go to a folder that is thrown away."""
    found: dict[str, Any] = {"__name__": "__main__"}
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for kind, code in FENCE.findall(text):
                examples = doctest.DocTestParser().get_examples(code) if kind == "pycon" else []
                exec("".join(example.source for example in examples) if kind == "pycon" else code, found)
        finally:
            os.chdir(here)
    return found


def shown(picture: Any, words: str) -> str:
    """A drawing, a page or a figure as HTML; its words are for those who cannot see it."""
    if isinstance(picture, ts.viz.Page):
        return picture._repr_html_()
    data = base64.b64encode(svg(picture).encode("utf-8")).decode("ascii")
    return f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(words)}">'


def svg(picture: Any) -> str:
    """A drawing or a figure as SVG."""
    if isinstance(picture, ts.viz.Drawing):
        return picture.svg()
    out = io.StringIO()
    picture.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


class Picture(SphinxDirective):
    has_content = True
    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        lines = Path(self.env.doc2path(self.env.docname)).read_text(encoding="utf-8").splitlines(keepends=True)
        picture = eval(self.arguments[0], namespace_above("".join(lines[: self.lineno - 1])))
        return [nodes.raw("", shown(picture, " ".join(self.content)), format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("picture", Picture)
    return {"parallel_read_safe": True}
