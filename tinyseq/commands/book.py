"""The commands ``tinyseq notebooks`` and ``tinyseq figures``: the lecture book for the classroom."""

from typing import Annotated

import typer

from tinyseq.book import save_figures, save_notebooks
from tinyseq.book.figures import check_formats, of_chapter
from tinyseq.commands.common import Folder, checked, console, plainly


def separated(formats: str) -> list[str]:
    """The formats in a list with commas."""
    return [name.strip() for name in formats.split(",")]


@plainly
def notebooks(
    out: Folder,
    solutions: Annotated[
        bool, typer.Option("--solutions/--no-solutions", help="Put a solution to unfold below each exercise.")
    ] = True,
) -> None:
    """Write the chapters of the lecture book as Jupyter notebooks.

    They run from top to bottom, without access to the internet.
    """
    written = save_notebooks(out, solutions=solutions)
    console.print(f"{len(written)} notebooks in {out}", highlight=False)


@plainly
def figures(
    out: Folder,
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            help="Formats: svg, pdf and png, separated by commas.",
            callback=checked(lambda formats: check_formats(separated(formats))),
        ),
    ] = "svg,pdf",
    chapter: Annotated[
        int | None, typer.Option(help="Only the figures of this chapter.", callback=checked(of_chapter))
    ] = None,
) -> None:
    """Write the figures of the lecture book for slides: light and dark, with and without numbers.

    It runs the chapters, which takes minutes for all of them and seconds for one.
    """
    count = 0
    for path in save_figures(out, separated(formats), chapter):
        console.print(path.name, highlight=False)
        count += 1
    console.print(f"{count} files in {out}", highlight=False)
