"""The commands ``tinyseq tag``: train, use and judge taggers."""

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from tinyseq.commands.common import Device, Encoding, console, matching, named, plainly
from tinyseq.data.readers import READERS, Sentence
from tinyseq.io import ModelFileError, check_model_output, load_model
from tinyseq.tagging import Accuracy, HMMTagger, Tagger

app = typer.Typer(no_args_is_help=True, help="Taggers: train, tag, eval.")


def formats() -> dict[str, Callable[..., Any]]:
    """What streams labelled sentences, by what ``--format`` calls their format."""
    return {
        name: functools.partial(reader.stream, **options)
        for reader in READERS
        for name, options in reader.formats.items()
    }


Format = Annotated[str, typer.Option("--format", help=f"Format of the file: {', '.join(formats())}.")]


@app.command("train")
@plainly
def tag_train(
    files: Annotated[list[str], typer.Argument(help="Labelled sentences: files, or a pattern such as '*.conllu'.")],
    out: Annotated[Path, typer.Option(help="The model file to write.")],
    n: Annotated[int, typer.Option("--n", min=2, max=5, help="2 for bigrams of tags, 3 for trigrams.")] = 3,
    format: Format = "conllu",
    encoding: Encoding = "utf-8",
) -> None:
    """Fit a hidden Markov model to labelled sentences by counting."""
    paths = matching(files)
    check_model_output(out, "--out", inputs=paths)
    sentences = _sentences(paths, format, encoding)
    tagger = HMMTagger(n=n).fit(sentences)
    tagger.save(out)
    console.print(f"{len(sentences):,} sentences, {sum(map(len, sentences)):,} tokens; saved {out}")


@app.command("tag")
@plainly
def tag_tag(
    model: Annotated[Path, typer.Argument(help="A file that `tinyseq tag train` wrote.")],
    sentence: Annotated[str, typer.Argument(help="The words, separated by spaces.")],
    device: Device = "cpu",
) -> None:
    """Tag a sentence."""
    words = sentence.split()
    if not words:
        raise ValueError("the sentence is empty; give words separated by spaces")
    for word, found in zip(words, _model(model, device).tag(words), strict=True):
        typer.echo(f"{word}\t{found}")


@app.command("eval")
@plainly
def tag_eval(
    model: Annotated[Path, typer.Argument(help="A file that `tinyseq tag train` wrote.")],
    files: Annotated[list[str], typer.Argument(help="Labelled sentences: files, or a pattern such as '*.conllu'.")],
    format: Format = "conllu",
    encoding: Encoding = "utf-8",
    device: Device = "cpu",
) -> None:
    """Print a tagger's accuracy on all, known and unknown words."""
    paths = matching(files)
    accuracy = _model(model, device).accuracy(_sentences(paths, format, encoding))
    console.print(f"{named(paths)}: {describe(accuracy)}")


def describe(accuracy: Accuracy) -> str:
    """An accuracy as a line of output."""
    unknown = (
        ""
        if math.isnan(accuracy.unknown)
        else f" ({accuracy.known:.2%} of known, {accuracy.unknown:.2%} of unknown words)"
    )
    return f"{accuracy.all:.2%} of tags right{unknown}"


def _sentences(paths: list[Path], format: str, encoding: str) -> list[Sentence]:
    readers = formats()
    if format not in readers:
        raise ValueError(f"--format must be one of {', '.join(readers)}, got {format!r}")
    return [sentence for path in paths for sentence in readers[format](path, encoding=encoding)]


def _model(path: Path, device: str) -> Tagger:
    """The tagger in a file, of any kind, on a device."""
    tagger = load_model(path)
    if not isinstance(tagger, Tagger):
        raise ModelFileError(f"{path}: holds {tagger.file_kind}, expected a tagger")
    return tagger.to(device)
