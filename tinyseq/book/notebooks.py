"""Chapters as notebooks."""

import os
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tinyseq.book.chapters import TARGET, Cell, Chapter, Exercise, Prose, chapters
from tinyseq.exercises import EXERCISES
from tinyseq.io.files import atomic_write
from tinyseq.io.notebooks import notebook_text

ADMONITION = re.compile(r"^:::\{(\w+)\}[ \t]*([^\n]*)\n(.*?)^:::$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)(\d\d-[\w-]+)\.md(#[\w-]+)?\)")
ELSEWHERE = re.compile(r"\[([^\]]*)\]\((?!https?:)\.\./[\w./-]+\.md(?:#[\w-]+)?\)")


def notebook(chapter: Chapter, *, solutions: bool = True) -> str:
    """A chapter as a Jupyter notebook whose cells have not been run.

    An exercise becomes its task, a cell to write in, a cell that checks it, and a solution to unfold.

    Args:
        chapter: of the book.
        solutions: False leaves the solutions out, for homework.

    Returns:
        The text of the .ipynb file.

    Example:
        >>> from tinyseq.book import chapters
        >>> text = notebook(chapters()[0])
    """
    last = max((i for i, part in enumerate(chapter.parts) if isinstance(part, Cell)), default=-1)
    # The function to write may have the name of one that the chapter's own cells use, so these cells come first.
    chapters_own = [part for part in chapter.parts[: last + 1] if not isinstance(part, Exercise)]
    early = [part for part in chapter.parts[: last + 1] if isinstance(part, Exercise)]
    parts = [*chapters_own, *early, *chapter.parts[last + 1 :]]
    return notebook_text(cell for part in parts for cell in _cells(part, solutions))


def save_notebooks(folder: str | os.PathLike[str], *, solutions: bool = True) -> list[Path]:
    """Write every chapter of the book as a notebook.

    Args:
        folder: where to write; it is created if necessary.
        solutions: False leaves the solutions of the exercises out, for homework.

    Returns:
        The files.

    Raises:
        OSError: the files cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_notebooks(folder)[0].suffix
        '.ipynb'
    """
    texts = {f"{chapter.slug}.ipynb": notebook(chapter, solutions=solutions) for chapter in chapters()}
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        atomic_write(Path(folder, name), partial(Path.write_text, data=text, encoding="utf-8"))
    return [Path(folder, name) for name in texts]


def _cells(part: Prose | Cell | Exercise, solutions: bool) -> Iterator[tuple[str, str]]:
    match part:
        case Prose(text):
            yield "markdown", _plain(text).strip()
        case Cell(code):
            yield "code", code.strip()
        case Exercise(name):
            exercise = EXERCISES[name]
            yield "markdown", f"**{exercise.title}.** {exercise.task}"
            yield "code", exercise.starter.strip()
            yield "code", f"from tinyseq import exercises\n\nexercises.check({name})"
            if solutions:
                solution = f"```python\n{exercise.solution.strip()}\n```"
                yield "markdown", f"<details><summary>Solution</summary>\n\n{solution}\n\n</details>"


def _plain(text: str) -> str:
    """MyST as the Markdown that Jupyter knows: no targets, notes as block quotes, and links only to other notebooks."""

    def quoted(match: re.Match[str]) -> str:
        kind, title, body = match.groups()
        lines = [f"**{title or kind.capitalize()}**", "", *body.strip().splitlines()]
        return "\n".join(f"> {line}".rstrip() for line in lines)

    return ELSEWHERE.sub(r"\1", LINK.sub(r"](\1.ipynb)", ADMONITION.sub(quoted, TARGET.sub("", text))))
