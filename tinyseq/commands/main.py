"""The command ``tinyseq``: every command is registered here; what it does is in its own file."""

from collections.abc import Callable
from typing import Annotated

import typer

import tinyseq as ts
from tinyseq.commands.book import figures, notebooks
from tinyseq.commands.demo import demo
from tinyseq.commands.draw import draw
from tinyseq.commands.exercises import check
from tinyseq.commands.hints import Commands
from tinyseq.commands.info import doctor
from tinyseq.commands.models import classification, language, tagging

app = typer.Typer(
    cls=Commands, no_args_is_help=True, add_completion=False, help="Sequence models that you can read and see."
)
EXAMPLES: dict[Callable[..., None], str] = {
    demo: "tinyseq demo --out demo",
    draw: "tinyseq draw lstm --text hello --out hello.html",
    check: "tinyseq check --sheet 5 --out sheet.py, then solve it, and run tinyseq check sheet.py",
    notebooks: "tinyseq notebooks --out notebooks",
    figures: "tinyseq figures --chapter 5 --out figures",
    doctor: "tinyseq doctor",
}
for command, example in EXAMPLES.items():
    app.command(epilog=f"Example: {example}")(command)
app.add_typer(language.app, name="lm")
app.add_typer(tagging.app, name="tag")
app.add_typer(classification.app, name="classify")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tinyseq {ts.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Sequence models that you can read and see."""
