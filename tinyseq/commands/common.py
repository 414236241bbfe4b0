"""What the commands share: errors as one line, the console, and file patterns."""

import contextlib
import functools
import glob
import inspect
import json
import math
import os
import re
import sys
import typing
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, BinaryIO, ParamSpec, TextIO, TypeVar

import typer
from rich.console import Console
from typer.models import OptionInfo

from tinyseq.compiler.executors import EXECUTORS
from tinyseq.data import DataError, Reader
from tinyseq.data.readers import check_encoding
from tinyseq.io import ModelFileError, check_model_output, check_output, load_model
from tinyseq.io.files import at_home, check_signs
from tinyseq.nn.checks import check_device
from tinyseq.nn.recurrent.registry import CELLS
from tinyseq.train import Callback, Log, NonFiniteLoss

console = Console(markup=False, soft_wrap=True)  # brackets in names are not markup, and a pipe gets unwrapped lines

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Items = TypeVar("Items", bound=Any)


def tell(message: object) -> None:
    """Write a message to standard error, as one line."""
    typer.echo(f"tinyseq: {' '.join(str(message).split())}", err=True)


@contextlib.contextmanager
def reported(options: Mapping[str, str]) -> Iterator[None]:
    """Report errors and warnings as `plainly` does; ``options`` are as of `options_of`."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *where, **how: tell(message)
            yield
    except BrokenPipeError:  # as of `tinyseq ... | head`: typer then ends the program without a word
        raise
    except (MemoryError, OverflowError) as error:
        tell(f"a number is too large, or the files are: {str(error) or 'out of memory'}")
        raise typer.Exit(1) from error
    except UnicodeEncodeError as error:
        letter, encoding = error.object[error.start], sys.stdout.encoding
        tell(f"standard output cannot show {letter!a} in {encoding}; set PYTHONIOENCODING=utf-8")
        raise typer.Exit(1) from error
    except (DataError, ModelFileError, NonFiniteLoss, OSError, RuntimeError, ValueError) as error:
        tell(in_options(str(error), options))
        raise typer.Exit(1) from error
    except KeyboardInterrupt as stop:
        tell(str(stop) or "stopped")
        raise typer.Exit(130) from stop


def plainly(command: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Report an error in a user's file, model or setting as one line, with exit status 1; 130 after Ctrl-C.

    A warning is one line, too. What an error calls by the name of an argument is called by the name of its option.
    Paragraphs of the help become lines, which the console then breaks to its width.
    """
    options = options_of(command)

    @functools.wraps(command)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with reported(options):
            return command(*args, **kwargs)

    paragraphs = inspect.getdoc(command) or ""
    guarded.__doc__ = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs.split("\n\n"))
    return guarded


def checked(check: Callable[[Any], object]) -> Callable[..., Any]:
    """The callback of an option that checks its value as it is read, so that a wrong one is named before a missing one.

    Args:
        check: raises an error that calls the value by the name of the argument, or ``value``.
    """

    def callback(parameter: typer.CallbackParam, value: Any) -> Any:
        with reported(dict.fromkeys(("value", str(parameter.name)), parameter.opts[0])):
            if value is not None:
                check(value)
        return value

    return callback


def one_of(names: Collection[str]) -> Callable[..., Any]:
    """The callback of an option that must have one of some values."""

    def check(value: str) -> None:
        if value not in names:
            raise ValueError(f"value must be one of {', '.join(names)}, got {value!r}")

    return checked(check)


def options_of(command: Callable[..., object]) -> dict[str, str]:
    """The options of a command by the names of its arguments, as ``{"top_k": "--top-k"}``."""
    found: dict[str, str] = {}
    for name, hint in typing.get_type_hints(command, include_extras=True).items():
        for option in (each for each in typing.get_args(hint) if isinstance(each, OptionInfo)):
            written = [
                str(each) for each in (option.default, *(option.param_decls or ())) if str(each).startswith("--")
            ]
            found[name] = written[0] if written else f"--{name.replace('_', '-')}"
    return found | ({"executor": found["compile"]} if "compile" in found else {})


def in_options(message: str, options: Mapping[str, str]) -> str:
    """An error about arguments in Python as one about the options of a command.

    Example:
        >>> in_options("encoding must be known, such as encoding='cp1252'", {"encoding": "--encoding"})
        '--encoding must be known, such as --encoding cp1252'
        >>> in_options('give numbers, as label_column="1"', {"label_column": "--label-column"})
        'give numbers, as --label-column 1'
        >>> in_options("a and b must both be names", {"a": "--a", "b": "--b"})
        '--a and --b must both be names'
        >>> in_options("last=True needs a loss", {"last": "--last"})
        '--last needs a loss'
        >>> in_options("size must be (width, height), or None for any size, got (0.0, 3.0)", {"size": "--size"})
        '--size must be width height, got 0.0 3.0'
    """
    message = re.sub(
        r"""(\w+)=(['"])([^'"\s]+)\2""",
        lambda found: f"{options[found[1]]} {found[3]}" if found[1] in options else found[0],
        message,
    )
    message = re.sub(r"\b(\w+)=True\b", lambda found: options.get(found[1], found[0]), message)
    message = re.sub(
        r"^(\w+) and (\w+)(?= must)",
        lambda found: " and ".join(options.get(name, name) for name in found.groups()),
        message,
    )
    found = re.match(r"(\w+) must (be )?(?:None or )?", message)
    if not found or found[1] not in options:
        return message
    rest = re.sub(r", or None[^,]*", "", message[found.end() :])  # an option is left out in place of None
    rest = re.sub(r"\(([\w.-]+), ([\w.-]+)\)", r"\1 \2", rest)
    return f"{options[found[1]]} must {found[2] or ''}{rest}"


def matching(names: list[str]) -> list[Path]:
    """The files that names or patterns match, in the order of the names; those of a pattern are sorted.

    Raises:
        ValueError: no file matches a pattern, or standard input is named twice.
    """
    if names.count("-") > 1:
        raise ValueError("standard input (-) can be read only once; give one of the inputs as a file")
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
    """How a line of output names some files."""
    first = "standard input" if str(paths[0]) == "-" else paths[0].name
    return first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"


def check_there(path: Path) -> None:
    """Raise an error if there is no such file."""
    if str(path) != "-" and not path.exists():
        cure = at_home(path)
        raise FileNotFoundError(f"{path}: cannot be read (no such file or directory){cure and f'; {cure}'}")


def check_folder(path: Path) -> None:
    """Raise an error if there cannot be a folder of this name."""
    check_signs(path, "--out")
    if os.path.lexists(path) and not path.is_dir():
        raise NotADirectoryError(f"--out {path} is a file; give the name of a folder")


def check_files(names: list[str]) -> None:
    """Raise an error if one of the files that names or patterns stand for is missing."""
    for path in matching(names):
        check_there(path)


def files_argument(what: str, pattern: str, more: str = "") -> Any:
    """The argument of a command that reads files."""
    help = f"{what}: files, patterns such as '{pattern}', or - for standard input.{more}"
    return typer.Argument(help=help, callback=checked(check_files))


def model_argument(group: str) -> Any:
    """The argument of a command that reads a model."""
    return typer.Argument(help=f"A file that `tinyseq {group} train` wrote.", callback=checked(check_there))


def counted(number: int, one: str) -> str:
    """A number of things in words, as "1 sentence" or "2 sentences"."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def standard(stream: TextIO | None, name: str) -> BinaryIO:
    """The bytes of standard input or output, called by its name in errors.

    Raises:
        OSError: it is closed, as by ``<&-`` in a shell.
    """
    if stream is None:
        raise OSError(f"{name} is closed; open it, or give the name of a file")
    return stream.buffer


def contents(reader: Reader[Items], paths: Iterable[Path], encoding: str, **options: str) -> list[Items]:
    """What a reader returns for each file, where ``-`` is standard input."""
    return [
        reader.of_bytes(standard(sys.stdin, "standard input").read(), "standard input", encoding=encoding, **options)
        if str(path) == "-"
        else reader(path, encoding=encoding, **options)
        for path in paths
    ]


def check_outputs(out: Path, checkpoint: Path | None, log: Path | None, inputs: Iterable[Path]) -> None:
    """Raise an error if a training command cannot write its model, or would overwrite another of its files."""
    others = [path for path in (checkpoint, log) if path is not None]
    check_model_output(out, "--out", inputs=[*inputs, *others])


def ending_in(*endings: str) -> Callable[..., Any]:
    """The callback of an option for a file to write, whose name must end in one of these."""

    def check(path: Path) -> None:
        if path.suffix.lower() not in endings:
            raise ValueError(f"value must end in {', '.join(endings[:-1])} or {endings[-1]}, got {str(path)!r}")

    return checked(check)


def loaded(path: Path, kind: Any, what: str) -> Any:
    """The model in a file, which must be an instance of the class ``kind``; errors call it ``what``."""
    model = load_model(path)
    if not isinstance(model, kind):
        raise ModelFileError(f"{path}: holds {model.file_kind}, expected {what}")
    return model


def log_to(path: Path | None, inputs: Iterable[Path]) -> list[Callback]:
    """The callback that writes a log, if one was asked for."""
    if path is None:
        return []
    check_output(path, "--log", inputs=inputs)
    return [Log(path)]


def show_json(values: Mapping[str, Any]) -> None:
    """Print values as JSON, which has no infinity and no NaN: null."""
    typer.echo(json.dumps(_plain(values)))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


Cell = Annotated[
    str | None, typer.Option(help=f"One of {', '.join(CELLS)}.", show_default="lstm", callback=one_of(CELLS))
]
Encoding = Annotated[
    str, typer.Option(help="Encoding of the text: utf-8, cp1252, latin-1, ...", callback=checked(check_encoding))
]
Device = Annotated[str, typer.Option(help="Device: cpu, or cuda for an NVIDIA GPU.", callback=checked(check_device))]
Seed = Annotated[int, typer.Option(help="Random seed.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
LogFile = Annotated[
    Path | None,
    typer.Option(help="Write each step's loss to a .csv or .jsonl file.", callback=ending_in(".csv", ".jsonl")),
]
Compile = Annotated[
    str | None,
    typer.Option(
        help="Compile the training steps: numpy, or numba (faster).",
        callback=one_of([name for names in EXECUTORS.values() for name in names]),
    ),
]
RunFile = Annotated[
    Path | None,
    typer.Option(help="Save the run in this file, to resume it.", show_default="OUT.run, until it is finished"),
]
Every = Annotated[int | None, typer.Option(min=1, help="Steps between saves.", show_default="100")]
Out = Annotated[Path, typer.Option(help="The model file to write.")]
Folder = Annotated[Path, typer.Option(help="Folder to write to.", callback=checked(check_folder))]
Figure = Annotated[
    Path | None,
    typer.Option(help="Draw the confusion matrix: .png, .svg or .pdf.", callback=ending_in(".png", ".svg", ".pdf")),
]
