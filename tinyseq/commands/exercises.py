"""The command ``tinyseq check``: problem sheets, and the marking of submissions."""

from pathlib import Path
from typing import Annotated

import typer

from tinyseq.commands.common import checked, console, counted, plainly
from tinyseq.exercises import EXERCISES, Exercise, Limits, check_file, check_folder, write_csv, write_sheet
from tinyseq.io.files import check_output


def of_chapter(chapter: str) -> list[Exercise]:
    """The exercises of a chapter, or all.

    Raises:
        ValueError: there is no such chapter.
    """
    chapters = sorted({exercise.chapter for exercise in EXERCISES.values()})
    chosen = [exercise for exercise in EXERCISES.values() if chapter in ("all", str(exercise.chapter))]
    if not chosen:
        known = EXERCISES.get(chapter)
        cure = f"; {chapter} is an exercise of chapter {known.chapter}" if known else ""
        raise ValueError(f"there is no chapter {chapter!r}; choose one of {', '.join(map(str, chapters))}, all{cure}")
    return chosen


@plainly
def check(
    path: Annotated[
        Path | None, typer.Argument(help="A submission (.py or .ipynb), or a folder of them.", show_default=False)
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="List the exercises by chapter.")] = False,
    sheet: Annotated[
        str | None,
        typer.Option(
            metavar="CHAPTER", help="Write a problem sheet for a chapter, or for all.", callback=checked(of_chapter)
        ),
    ] = None,
    solutions: Annotated[
        bool, typer.Option("--solutions", help="Write the sheet with solutions, for teachers.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="File for the problem sheet: .py or .ipynb.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the marks of a folder to this table (.csv).")] = None,
    chapter: Annotated[
        str | None,
        typer.Option(
            help="Mark the exercises of a chapter, or all; by default, those defined in the file.",
            callback=checked(of_chapter),
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="Time limit for each function.")] = Limits().seconds,
) -> None:
    """Check solutions to the book's exercises: which are right, and what is wrong with the others.

    Submissions run in a subprocess with limits. The exit status is 1 if a function is not right.
    """
    if sum([path is not None, show, sheet is not None]) != 1:
        raise ValueError("give a file or a folder to mark, or --list, or --sheet; `tinyseq check --help` explains them")
    key = solutions or None
    needed = (("--solutions", key, sheet), ("--out", out, sheet), ("--csv", csv, path), ("--chapter", chapter, path))
    for option, value, needs in needed:
        if value is not None and needs is None:
            raise ValueError(f"{option} does not apply here; `tinyseq check --help` explains it")
    if show:
        for exercise in EXERCISES.values():
            console.print(f"{exercise.chapter:>2}  {exercise.name:30} {exercise.title}", highlight=False)
        return
    if sheet is not None:
        if out is None:
            raise ValueError("--sheet needs --out, the file to write, such as --out sheet.py or sheet.ipynb")
        chosen = of_chapter(sheet)
        write_sheet(chosen, check_output(out, "--out"), solutions=solutions)
        console.print(f"saved {out} with {counted(len(chosen), 'exercise')}")
        return
    assert path is not None
    mark(path, None if chapter is None else of_chapter(chapter), Limits(seconds=seconds), csv)


def mark(path: Path, exercises: list[Exercise] | None, limits: Limits, csv: Path | None) -> None:
    """Mark a file or a folder, and print the reports.

    Raises:
        ValueError: a table was asked for a single file, or the file has no exercises.
    """
    if not path.is_dir():
        if csv is not None:
            raise ValueError(f"--csv is for a folder of submissions, {path} is not a folder")
        report = check_file(path, exercises, limits)
        if not report:
            fault = f": {report.notes[0]}" if report.notes else ""
            raise ValueError(f"{path} defines no exercise{fault}; `tinyseq check --list` prints their names")
        typer.echo(repr(report))
        raise SystemExit(int(report.points < len(report)))
    if csv is not None:
        check_output(csv, "--csv")
    reports = check_folder(path, exercises, limits)
    for report in reports:
        typer.echo(f"{report.points:>3} of {len(report)}  {report.file}  {report.comments}".rstrip())
    if csv is not None:
        write_csv(reports, csv)
        typer.echo(f"saved {csv}")
