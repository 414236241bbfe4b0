"""Chapters: Markdown files whose code cells run in order, in one namespace.

A chapter is one file of MyST Markdown, `NN-slug.md`. Between its prose are cells, which are ```` ```{code-cell} ````
blocks whose first lines may be options such as `:tags: [figure-unrolled]`, and the places of exercises, which are
```` ```{exercise} name ```` blocks. Notebooks, figures and tests read chapters through this file.
"""

import ast
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

BLOCK = re.compile(r"^```\{(code-cell|exercise)\}[ \t]*([^\n]*)\n((?::[^\n]*\n)*)(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADER = re.compile(r"\A---\n.*?^---\n", re.MULTILINE | re.DOTALL)
TAGS = re.compile(r"^:tags:\s*\[(.*)\]\s*$", re.MULTILINE)
TARGET = re.compile(r"^\((fact-[\w-]+)\)=\n", re.MULTILINE)


class Prose(NamedTuple):
    """Markdown between cells.

    Attributes:
        text: as it is in the file.

    Example:
        >>> Prose("Time runs to the right.").text
        'Time runs to the right.'
    """

    text: str


class Cell(NamedTuple):
    """A code cell.

    Attributes:
        code: Python source.
        line: the number of its first line in the file, from 1.
        tags: such as `figure-unrolled`.

    Example:
        >>> cell = Cell("x = 1\\nx", line=5, tags=("figure-one",))
        >>> cell.figure
        'one'
    """

    code: str
    line: int
    tags: tuple[str, ...] = ()

    @property
    def figure(self) -> str | None:
        """The name of its figure, if its last expression is a figure for slides."""
        names = [tag.removeprefix("figure-") for tag in self.tags if tag.startswith("figure-")]
        return names[0] if names else None

    def split(self, file: str) -> tuple[ast.Module, ast.Expression | None]:
        """Its statements, and separately its last expression, whose value is shown."""
        tree = ast.parse("\n" * (self.line - 1) + self.code, file)
        last = tree.body[-1] if tree.body else None
        if not isinstance(last, ast.Expr):
            return tree, None
        return ast.Module(tree.body[:-1], []), ast.Expression(last.value)


class Exercise(NamedTuple):
    """The place of an exercise.

    Attributes:
        name: of the exercise in `tinyseq.exercises.EXERCISES`.

    Example:
        >>> import tinyseq as ts
        >>> ts.exercises.EXERCISES[Exercise("viterbi").name].chapter
        10
    """

    name: str


Part = Prose | Cell | Exercise


class Chapter:
    """One chapter of the book.

    Args:
        path: its file.

    Attributes:
        number: of the chapter, from 1.
        title: its heading, without the number.
        parts: its prose, cells and exercises, in order.

    Raises:
        ValueError: the file does not start with a heading such as "# 5. Backpropagation through time".

    Example:
        >>> from tinyseq.book import chapters
        >>> chapters()[0].title
        'Counting words'
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        text = path.read_text("utf-8")
        header = HEADER.match(text)
        body = text[header.end() if header else 0 :]
        heading = re.match(r"\s*# (\d+)\. (.+)\n", body)
        if heading is None:
            raise ValueError(f"{path.name} must start with a heading such as '# 5. Title'")
        self.number, self.title = int(heading[1]), str(heading[2]).strip()
        self.parts = tuple(_parts(body, text.count("\n", 0, len(text) - len(body))))

    def __repr__(self) -> str:
        return f"Chapter({self.number}, {self.title!r})"

    @property
    def slug(self) -> str:
        """The file's name without its ending, such as ``05-backpropagation-through-time``."""
        return self.path.stem

    @property
    def cells(self) -> list[Cell]:
        return [part for part in self.parts if isinstance(part, Cell)]

    @property
    def exercises(self) -> list[str]:
        """The names of its exercises."""
        return [part.name for part in self.parts if isinstance(part, Exercise)]

    @property
    def facts(self) -> dict[str, Cell | None]:
        """The first cell after each fact, which checks it: for `hello`, the cell after the line `(fact-hello)=`."""
        found: dict[str, Cell | None] = {}
        for number, part in enumerate(self.parts):
            if isinstance(part, Prose):
                after = next((later for later in self.parts[number:] if isinstance(later, Cell)), None)
                found |= {name.removeprefix("fact-"): after for name in TARGET.findall(part.text)}
        return found

    def run(self) -> Iterator[tuple[Cell, dict[str, object]]]:
        """Run the cells in order, in one namespace and in an empty folder that is deleted afterwards.

        Yields:
            After each cell: the cell, and the namespace at that point.
        """
        namespace: dict[str, object] = {"__name__": "__main__"}
        here = Path.cwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                for cell in self.cells:
                    # The empty lines make a traceback show the line of the chapter.
                    exec(compile("\n" * (cell.line - 1) + cell.code, str(self.path), "exec"), namespace)
                    yield cell, namespace
            finally:
                os.chdir(here)


def _parts(body: str, line: int) -> Iterator[Part]:
    """The parts of a text whose first line is number `line` + 1 of its file."""
    end = 0
    for block in BLOCK.finditer(body):
        if body[end : block.start()].strip():
            yield Prose(body[end : block.start()].strip("\n") + "\n")
        if block[1] == "exercise":
            yield Exercise(block[2].strip())
        else:
            tags = TAGS.search(block[3])
            names = tuple(name.strip() for name in tags[1].split(",")) if tags else ()
            yield Cell(block[4], line + body.count("\n", 0, block.start(4)) + 1, names)
        end = block.end()
    if body[end:].strip():
        yield Prose(body[end:].strip("\n") + "\n")


def chapters() -> list[Chapter]:
    """The chapters of the book, in order.

    Raises:
        FileNotFoundError: the chapters are not installed.

    Example:
        >>> [(chapter.number, chapter.title) for chapter in chapters()[:2]]
        [(1, 'Counting words'), (2, 'A fixed window')]
    """
    installed = Path(__file__).parent / "chapters"
    folder = installed if installed.is_dir() else Path(__file__).parents[2] / "docs" / "book"
    found = sorted(folder.glob("[0-9][0-9]-*.md"))
    if not found:
        raise FileNotFoundError(f"there are no chapters in {folder}: reinstall tinyseq, or run it from a clone")
    return [Chapter(path) for path in found]
