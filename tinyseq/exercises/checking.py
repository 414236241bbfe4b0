"""Checking: one function, one file, or a folder of files."""

import csv
import difflib
import io
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tinyseq.arguments import as_path
from tinyseq.exercises.marking import Verdict, mark
from tinyseq.exercises.record import DECLARED, UNKNOWN, Exercise, chosen, in_order, known
from tinyseq.exercises.report import Report
from tinyseq.exercises.sandbox import Failed, Limits, run
from tinyseq.exercises.submissions import SUFFIXES, Submission, is_written, read
from tinyseq.io.files import atomic_write

PEEKED = "it tried to read the solutions; this was refused"


def submitted(submissions: Iterable[Submission]) -> list[Exercise]:
    """The exercises that are in some submissions, by the names that these define.

    A chapter's own cells may define what is an exercise in another chapter: in a notebook that checks its functions,
    only the chapters of those count.
    """
    names: set[str] = set()
    for submission in submissions:
        chapters = {DECLARED[name].chapter for name in submission.checked & DECLARED.keys()}
        names |= {
            name
            for name in submission.functions.keys() & DECLARED.keys()
            if not chapters or DECLARED[name].chapter in chapters
        }
    return [exercise for exercise in in_order() if exercise.name in names]


def misspelt(names: Iterable[str]) -> list[str]:
    """Notes on functions whose names are nearly those of exercises that are not there."""
    names = set(names)
    found = {
        name: difflib.get_close_matches(name.lower(), DECLARED, n=1, cutoff=0.9) for name in sorted(names - {*DECLARED})
    }
    return [f"{UNKNOWN.format(name)}; did you mean {near[0]}?" for name, near in found.items() if {*near} - names]


def check(*functions: Callable[..., object]) -> Report:
    """Check functions that solve exercises; each is named after its exercise. They run in this process.

    Args:
        functions: the functions themselves, such as those defined in a notebook cell.

    Returns:
        A report that says for each function whether it is right, or which mistake it makes.

    Raises:
        ValueError: there is no exercise of that name.
        TypeError: not a function.

    Example:
        >>> import numpy as np
        >>> def vjp_of_tanh(y, g):
        ...     return g * (1 - y)
        >>> check(vjp_of_tanh)
        vjp_of_tanh  ✗ wrong: the output is not squared
        0 of 1 points
    """
    verdicts = []
    for function in functions:
        if not callable(function) or not hasattr(function, "__name__"):
            raise TypeError(f"check() takes the functions themselves, got {type(function).__name__}")
        exercise = known(function.__name__)
        written = is_written(function)
        verdicts.append(mark(exercise, exercise.tried(function)) if written else Verdict(exercise.name, "missing"))
    return Report(verdicts)


def check_file(
    path: str | Path, exercises: Sequence[Exercise | str] | None = None, limits: Limits | None = None
) -> Report:
    """Mark a file or a notebook. Its code runs in a subprocess with limits.

    Args:
        path: the submission, ``.py`` or ``.ipynb``.
        exercises: what should be in it, exercises or their names; by default all whose names it defines, and in a
            notebook that checks its functions only those of the same chapters.
        limits: time and memory.

    Returns:
        A report, also for a file that cannot be read.

    Raises:
        FileNotFoundError: there is no such file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "ann.py")
        ...     _ = file.write_text("def vjp_of_tanh(y, g):\\n    return g * (1 - y**2)\\n")
        ...     print(check_file(file))
        ann.py
        vjp_of_tanh  ✓ right
        1 of 1 points
    """
    path = as_path("path", path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    submission = read(path)
    wanted = submitted([submission]) if exercises is None else chosen(exercises)
    if submission.fault:
        verdicts = [Verdict(exercise.name, "error", submission.fault) for exercise in wanted]
        return Report(verdicts, path.name, [] if wanted else [submission.fault])
    written = [exercise for exercise in wanted if submission.functions.get(exercise.name)]
    ran = run(submission, written, limits or Limits())
    verdicts = []
    for exercise in wanted:
        result = ran.results.get(exercise.name)
        if isinstance(result, Failed):
            verdicts.append(Verdict(exercise.name, *result))
        elif not result:
            because = "its definition was not reached" if result is not None else ""
            verdicts.append(Verdict(exercise.name, "missing", because))
        else:
            verdicts.append(mark(exercise, result))
    return Report(
        verdicts,
        path.name,
        [
            *[PEEKED] * ran.peeked,
            *ran.errors,
            *([] if submission.checked else misspelt(submission.functions.keys() - submission.imported)),
        ],
    )


def check_folder(
    folder: str | Path, exercises: Sequence[Exercise | str] | None = None, limits: Limits | None = None
) -> list[Report]:
    """Mark all submissions in a folder, as many at a time as there are processors.

    Args:
        folder: with ``.py`` and ``.ipynb`` files, also in its subfolders.
        exercises: what should be in each, exercises or their names; by default all that any of them defines.
        limits: time and memory of each.

    Returns:
        A report for each, ordered by name.

    Raises:
        ValueError: there is no submission in the folder.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "ann.py").write_text("def vjp_of_tanh(y, g):\\n    return g * (1 - y**2)\\n")
        ...     _ = Path(folder, "ben.py").write_text("def vjp_of_tanh(y, g):\\n    return g * (1 - y)\\n")
        ...     [(report.file, report.points) for report in check_folder(folder)]
        [('ann.py', 1), ('ben.py', 0)]
    """
    folder = Path(folder)
    files = sorted(
        file for file in folder.rglob("*") if file.suffix in SUFFIXES and file.is_file() and visible(file, folder)
    )
    if not files:
        raise ValueError(f"there is no .py or .ipynb file in {folder}")
    wanted = submitted(map(read, files)) if exercises is None else chosen(exercises)
    for exercise in wanted:
        _ = exercise.expected, exercise.mistaken  # computed once here, not in every thread

    def marked(file: Path) -> Report:
        try:
            report = check_file(file, wanted, limits)
        except Exception as error:  # one bad file must not stop the rest
            report = Report([Verdict(exercise.name, "error") for exercise in wanted], notes=[repr(error)])
        return Report(report, file.relative_to(folder).as_posix(), report.notes)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(marked, files))


def visible(file: Path, folder: Path) -> bool:
    """Whether a file is neither a notebook's checkpoint nor in another hidden folder."""
    return not any(part.startswith((".", "__")) for part in file.relative_to(folder).parts)


def write_csv(reports: Iterable[Report], path: str | Path) -> None:
    """Write a table of marks: the file, a column of points for each exercise, the total, and the comments.

    Args:
        reports: from `check_folder`, all on the same exercises.
        path: the CSV file, in UTF-8 with a byte order mark, which spreadsheets need to recognise UTF-8.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "ann.py").write_text("def vjp_of_tanh(y, g):\\n    return g * (1 - y**2)\\n")
        ...     write_csv(check_folder(folder), f"{folder}/marks.csv")
        ...     print(Path(folder, "marks.csv").read_text("utf-8-sig").rstrip())
        file,vjp_of_tanh,points,comments
        ann.py,1,1,
    """
    reports = list(reports)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    names = [verdict.name for verdict in reports[0]] if reports else []
    writer.writerow(["file", *names, "points", "comments"])
    for report in reports:
        points = {verdict.name: verdict.points for verdict in report}
        writer.writerow([harmless(report.file), *(points[n] for n in names), report.points, harmless(report.comments)])
    atomic_write(path, lambda temporary: temporary.write_text(table.getvalue(), "utf-8-sig"))


def harmless(cell: str) -> str:
    """A cell that no spreadsheet interprets as a formula."""
    return "'" + cell if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
