"""The commands ``tinyseq classify``: train, use and judge classifiers of texts."""

from pathlib import Path
from typing import Annotated

import typer

import tinyseq as ts
from tinyseq.classify import Classifier, NaiveBayes, RNNClassifier
from tinyseq.classify.network import POOLINGS
from tinyseq.commands.common import Device, Encoding, Seed, console, matching, named, plainly
from tinyseq.data import labelled
from tinyseq.io import ModelFileError, check_model_output, load_model

app = typer.Typer(no_args_is_help=True, help="Classifiers of texts: train, predict, eval.")

Files = Annotated[list[str], typer.Argument(help="A label, a tab and a text in each line: files, or a pattern.")]


@app.command("train")
@plainly
def classify_train(
    files: Files,
    out: Annotated[Path, typer.Option(help="The model file to write.")],
    model: Annotated[str, typer.Option(help="bayes, which counts, or rnn, a recurrent network.")] = "bayes",
    units: Annotated[str, typer.Option(help="Split texts into words or chars.")] = "words",
    pooling: Annotated[str, typer.Option(help=f"What a network decides by: {', '.join(POOLINGS)}.")] = "mean",
    epochs: Annotated[int, typer.Option(min=1, help="Passes of a network over the texts.")] = 10,
    seed: Seed = 0,
    device: Device = "cpu",
    encoding: Encoding = "utf-8",
) -> None:
    """Train a classifier on labelled texts."""
    paths = matching(files)
    check_model_output(out, "--out", inputs=paths)
    texts, labels = _labelled(paths, encoding)
    ts.manual_seed(seed)
    if model == "rnn":
        network = RNNClassifier(pooling=pooling, units=units, epochs=epochs)
        trained: Classifier = network.fit(texts, labels, progress=True, device=device)
    elif model != "bayes":
        raise ValueError(f"--model must be bayes or rnn, got {model!r}")
    elif (pooling, epochs) != ("mean", 10):
        raise ValueError("--pooling and --epochs are of recurrent networks; leave them out, or add --model rnn")
    else:
        trained = NaiveBayes(units=units).fit(texts, labels).to(device)
    trained.save(out)
    console.print(f"{len(texts):,} texts, {len(trained.classes):,} labels; saved {out}")


@app.command("predict")
@plainly
def classify_predict(
    model: Annotated[Path, typer.Argument(help="A file that `tinyseq classify train` wrote.")],
    text: Annotated[str, typer.Argument(help="The text.")],
    device: Device = "cpu",
) -> None:
    """Print the labels of a text with their probabilities, the most probable first."""
    classifier = _model(model, device)
    odds = classifier.predict_proba([text])[0]
    for i in (-odds).argsort(kind="stable"):
        typer.echo(f"{classifier.classes.symbols[i]}\t{odds[i]:.4f}")


@app.command("eval")
@plainly
def classify_eval(
    model: Annotated[Path, typer.Argument(help="A file that `tinyseq classify train` wrote.")],
    files: Files,
    device: Device = "cpu",
    encoding: Encoding = "utf-8",
) -> None:
    """Print a classifier's accuracy, its macro F1, and how many texts of each label got which."""
    paths = matching(files)
    found = _model(model, device).evaluate(*_labelled(paths, encoding))
    console.print(f"{named(paths)}: {found.accuracy:.2%} of labels right, macro F1 {found.macro_f1:.4f}")
    typer.echo("\t".join(["", *map(str, found.classes)]))
    for name, row in zip(found.classes, found.confusion, strict=True):
        typer.echo("\t".join([str(name), *map(str, row)]))


def _labelled(paths: list[Path], encoding: str) -> tuple[list[str], list[str]]:
    """The texts of some files, and their labels."""
    pairs = [pair for path in paths for pair in labelled(path, encoding=encoding)]
    return [text for _, text in pairs], [label for label, _ in pairs]


def _model(path: Path, device: str) -> Classifier:
    """The classifier in a file, of either kind, on a device."""
    found = load_model(path)
    if not isinstance(found, Classifier):
        raise ModelFileError(f"{path}: holds {found.file_kind}, expected a classifier")
    return found.to(device)
