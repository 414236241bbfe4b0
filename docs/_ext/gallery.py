"""The directive `{gallery}`: every example in its short form, run while the page is built unless the tests did."""

import ast
import sys
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from short_examples import PROGRAMS, outcome_of

TYPES = {".png": "image/png", ".svg": "image/svg+xml"}


class Gallery(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        shown: list[nodes.Node] = []
        for example in PROGRAMS:
            self.env.note_dependency(str(example))
            heading, _, text = (ast.get_docstring(ast.parse(example.read_text("utf-8"))) or "").partition("\n\n")
            outcome = outcome_of(example)
            section = nodes.section("", nodes.title("", heading.rstrip(".")), ids=[example.stem])
            section += nodes.paragraph("", text.partition("\n\n")[0])
            for name, data in outcome.pictures.items():
                address = f"data:{TYPES[Path(name).suffix]};base64,{data}"
                section += nodes.raw("", f'<img src="{address}" alt="{escape(name)}">', format="html")
            section += nodes.literal_block("", outcome.output.rstrip(), language="text")
            section += self.parse_text_to_nodes(
                f"`python examples/{example.name}`; this run in the short form took {outcome.seconds:.0f} s."
            )
            shown.append(section)
        return shown


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("gallery", Gallery)
    return {"parallel_read_safe": True}
