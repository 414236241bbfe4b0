"""What the commands share: errors as one line, the console, and the files that patterns name."""

import functools
import glob
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

import typer
from rich.console import Console

from tinyseq.data import DataError
from tinyseq.io import ModelFileError

console = Console(markup=False)  # brackets in the names of files are no markup

Encoding = Annotated[str, typer.Option(help="Encoding of the text: utf-8, cp1252, latin-1, ...")]
Device = Annotated[str, typer.Option(help="Where to compute: cpu, or cuda for an NVIDIA GPU.")]
Seed = Annotated[int, typer.Option(help="Random seed.")]
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def plainly(command: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Show what is wrong with a user's file, model or setting as one line, with exit status 1; 130 after Ctrl-C."""

    @functools.wraps(command)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            return command(*args, **kwargs)
        except (DataError, ModelFileError, OSError, RuntimeError, ValueError) as error:
            typer.echo(f"tinyseq: {' '.join(str(error).split())}", err=True)
            raise typer.Exit(1) from error
        except KeyboardInterrupt as stop:
            typer.echo(f"tinyseq: {str(stop) or 'stopped'}", err=True)
            raise typer.Exit(130) from stop

    return guarded


def matching(names: list[str]) -> list[Path]:
    """The files of some names or patterns, in the order of the names, those of a pattern sorted.

    Raises:
        ValueError: no file matches a pattern.
    """
    found: list[Path] = []
    for name in names:
        if Path(name).exists() or not glob.has_magic(name):
            found.append(Path(name))
            continue
        files = sorted(path for path in map(Path, glob.glob(name, recursive=True)) if path.is_file())
        if not files:
            raise ValueError(f"no file matches {name!r}")
        found += files
    return found


def named(paths: list[Path]) -> str:
    """What a line of output calls some files."""
    return paths[0].name if len(paths) == 1 else f"{paths[0].name} and {len(paths) - 1} more"
