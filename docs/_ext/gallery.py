"""The directive `{gallery}`: every example, run in its short form while the page is built."""

import ast
import base64
import os
import subprocess
import sys
import tempfile
import time
from html import escape
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TYPES = {".png": "image/png", ".svg": "image/svg+xml"}


class Outcome(NamedTuple):
    """Of an example: what it printed, the pictures it wrote as `data:` addresses, and its seconds."""

    output: str
    pictures: list[tuple[str, str]]
    seconds: float


def examples() -> list[Path]:
    """The programs that are run by themselves."""
    return [path for path in sorted(EXAMPLES.glob("*.py")) if '__name__ == "__main__"' in path.read_text("utf-8")]


def run(example: Path) -> Outcome:
    """Run an example in its short form.

    Raises:
        RuntimeError: it failed.
    """
    settings = {**os.environ, "TINYSEQ_EXAMPLE_QUICK": "1", "MPLBACKEND": "agg", "COLUMNS": "100"}
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        command = [sys.executable, str(example)]
        result = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - start
        if result.returncode:
            raise RuntimeError(f"{example.name} failed:\n{result.stderr}")
        pictures = [
            (path.name, f"data:{TYPES[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}")
            for path in sorted(Path(folder).iterdir())
            if path.suffix in TYPES
        ]
    return Outcome(result.stdout, pictures, seconds)


class Gallery(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        shown: list[nodes.Node] = []
        for example in examples():
            self.env.note_dependency(str(example))
            heading, _, text = (ast.get_docstring(ast.parse(example.read_text("utf-8"))) or "").partition("\n\n")
            outcome = run(example)
            section = nodes.section("", nodes.title("", heading.rstrip(".")), ids=[example.stem])
            section += nodes.paragraph("", text.partition("\n\n")[0])
            for name, address in outcome.pictures:
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
