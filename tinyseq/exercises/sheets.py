"""Problem sheets: the tasks and the starting code of exercises, or their solutions, as a Python file or a notebook."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from tinyseq.arguments import as_path
from tinyseq.exercises.record import Exercise, chosen
from tinyseq.io.files import atomic_write
from tinyseq.io.notebooks import notebook_text

HOW = "Write the functions, then run `tinyseq check FILE`. Do not rename them, nor modify their arguments in place."
KEY = "Solutions. Other ways to write the functions are right, too, if `tinyseq check FILE` says so."


def write_sheet(exercises: Sequence[Exercise | str], path: str | Path, *, solutions: bool = False) -> None:
    """Write a problem sheet.

    Args:
        exercises: those of the sheet, or their names.
        path: the file, ``.py`` or ``.ipynb``.
        solutions: write the answer key: the same sheet with solutions in place of the starting code.

    Raises:
        ValueError: another kind of file, or there is no exercise of a name.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_sheet(["vjp_of_tanh"], folder + "/sheet.py")
        ...     "def vjp_of_tanh(" in Path(folder, "sheet.py").read_text("utf-8")
        True
    """
    path = as_path("path", path)
    texts = {".py": python_sheet, ".ipynb": notebook_sheet}
    if path.suffix not in texts:
        raise ValueError(f"--out must be a .py or .ipynb file, got {path.name!r}")
    found = chosen(exercises)
    codes = [(exercise.body if solutions else exercise.stub).strip() for exercise in found]
    text = texts[path.suffix](KEY if solutions else HOW, found, codes)
    atomic_write(path, lambda temporary: temporary.write_text(text, "utf-8"))


def shared(exercises: Sequence[Exercise]) -> tuple[list[str], list[str]]:
    """The imports and the given functions of all of them, each once."""
    pieces = list(dict.fromkeys(piece for exercise in exercises for piece in exercise.preamble))
    return [piece for piece in pieces if not piece.startswith("def ")], [
        p.strip() for p in pieces if p.startswith("def ")
    ]


def heading(exercise: Exercise) -> str:
    """The title and the task, in Markdown."""
    return f"## {exercise.title} (chapter {exercise.chapter})\n\n{exercise.task}"


def python_sheet(head: str, exercises: Sequence[Exercise], codes: Sequence[str]) -> str:
    """A Python file, whose tasks are comments; editors see a cell in each."""
    imported, given = shared(exercises)
    parts = [f"# {head}\n\n" + "\n".join(imported), *given]
    for exercise, code in zip(exercises, codes, strict=True):
        task = textwrap.indent(heading(exercise), "# ", lambda line: True).replace("# \n", "#\n")
        parts.append(f"# %%\n{task}\n\n\n{code}")
    return "\n\n\n".join(parts) + "\n"


def notebook_sheet(head: str, exercises: Sequence[Exercise], codes: Sequence[str]) -> str:
    """A notebook: for each exercise the task, a cell to write in, and a cell that checks it."""
    imported, given = shared(exercises)
    first = "\n\n\n".join(["\n".join([*imported, "", "from tinyseq import exercises"]), *given])
    cells = [("markdown", head), ("code", first)]
    for exercise, code in zip(exercises, codes, strict=True):
        check = f"exercises.check({exercise.name})"
        cells += [("markdown", heading(exercise)), ("code", code), ("code", check)]
    return notebook_text(cells)
