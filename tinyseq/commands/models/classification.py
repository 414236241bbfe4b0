"""The commands ``tinyseq classify``: train, use and evaluate text classifiers."""

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

import tinyseq as ts
from tinyseq.classify import Classifier, NaiveBayes, RNNClassifier
from tinyseq.classify.classifier import checked_units
from tinyseq.classify.network import POOLINGS
from tinyseq.commands import common
from tinyseq.commands.models.runs import Options, Run
from tinyseq.data import labelled, plain_text, table

app = typer.Typer(no_args_is_help=True, help="Text classifiers: train, predict, eval.")

Files = Annotated[
    list[str],
    common.files_argument(
        "A label, a tab and a text in each line, or tables",
        "*.csv",
        " A .csv file is a table with the columns label and text, or those given by the options.",
    ),
]
ModelFile = Annotated[Path, common.model_argument("classify")]
LabelColumn = Annotated[str | None, typer.Option(help="Column of the labels: its name, or its number from 1.")]
TextColumn = Annotated[str | None, typer.Option(help="Column of the texts: its name, or its number from 1.")]
Separator = Annotated[
    str | None,
    typer.Option(help="Separator: comma, tab, semicolon or a character.", show_default="by the file's extension"),
]
OPTIONS = {
    "bayes": ("alpha",),
    "rnn": ("cell", "pooling", "skip", "epochs", "lr", "checkpoint", "every", "log", "compile"),
}


@app.command("train", epilog="Example: tinyseq classify train reviews.csv --out reviews.cls --text-column review")
@common.plainly
def classify_train(
    files: Files,
    out: common.Out,
    model: Annotated[
        str, typer.Option(help="bayes (naive Bayes) or rnn (a recurrent network).", callback=common.one_of(OPTIONS))
    ] = "bayes",
    units: Annotated[
        str, typer.Option(help="Split texts into words or chars.", callback=common.checked(checked_units))
    ] = "words",
    alpha: Annotated[
        float | None, typer.Option(help="Smoothing: what naive Bayes adds to each count.", show_default="1")
    ] = None,
    cell: common.Cell = None,
    pooling: Annotated[
        str | None,
        typer.Option(
            help=f"How a network pools its states: {', '.join(POOLINGS)}.",
            show_default="mean",
            callback=common.one_of(POOLINGS),
        ),
    ] = None,
    skip: Annotated[bool | None, typer.Option("--skip", help="Pool the word vectors as well as the states.")] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the training texts.", show_default="10")
    ] = None,
    lr: Annotated[float | None, typer.Option(min=0, help="Peak learning rate.", show_default="0.01")] = None,
    seed: common.Seed = 0,
    checkpoint: common.RunFile = None,
    every: common.Every = None,
    log: common.LogFile = None,
    compile: common.Compile = None,
    label_column: LabelColumn = None,
    text_column: TextColumn = None,
    separator: Separator = None,
    device: common.Device = "cpu",
    encoding: common.Encoding = "utf-8",
    json: common.Json = False,
) -> None:
    """Train a classifier on labelled texts. Ctrl-C saves the run of a network."""
    options = Options(locals(), OPTIONS, "--model", model)
    if options.get("skip", False) and options.get("pooling", "mean") == "last":
        raise ValueError("--skip pools word vectors, which --pooling last does not; choose --pooling mean or max")
    paths = common.matching(files)
    common.check_outputs(out, checkpoint, log, inputs=paths)
    run = Run(out, checkpoint, paths) if model == "rnn" else None
    callbacks = common.log_to(log, paths)
    texts, labels = _labelled(paths, encoding, label_column, text_column, separator)
    ts.manual_seed(seed)
    said: dict[str, Any] = {"model": model}
    if run is None:
        trained: Classifier = NaiveBayes(options.get("alpha", 1.0), units=units).fit(texts, labels).to(device)
    else:
        passes, rate = options.get("epochs", 10), options.get("lr", 1e-2)
        how = {"pooling": options.get("pooling", "mean"), "skip": options.get("skip", False)}
        cell = options.get("cell", "lstm")
        network = RNNClassifier(units=units, cell=cell, epochs=passes, lr=rate, **how)
        reports = network.fit_steps(
            texts,
            labels,
            callbacks=callbacks,
            checkpoint=run.path,
            every=options.get("every", 100),
            depends_on={"seed": seed},
            device=device,
            compile=compile or False,
        )
        total = passes * -(-len(texts) // network.settings["batch"])
        said |= run.taken(reports, total, common.named(paths), {"--lr": rate}, json)
        trained = network
    trained.save(out)
    if run is not None:
        run.finished()
    said |= {"texts": len(texts), "labels": [*trained.classes], "saved": str(out)}
    if json:
        common.show_json(said)
    else:
        read = f"{common.counted(len(texts), 'text')}, {common.counted(len(trained.classes), 'label')}"
        common.console.print(f"{read}; saved {out}")


@app.command("predict", epilog="Example: tinyseq classify predict reviews.cls 'A warm and funny film.'")
@common.plainly
def classify_predict(
    model: ModelFile,
    text: Annotated[str, typer.Argument(help="The text; - for standard input, with a text in each line.")],
    device: common.Device = "cpu",
    encoding: common.Encoding = "utf-8",
    json: common.Json = False,
) -> None:
    """Print the labels of a text with their probabilities, best first; or the best label of each of many texts."""
    classifier = _model(model, device)
    names = classifier.classes.symbols
    if text == "-":
        given = common.standard(sys.stdin, "standard input").read()
        read = plain_text.of_bytes(given, "standard input", encoding=encoding)
        texts = read.removesuffix("\n").split("\n")
        for each, odds in zip(texts, classifier.predict_proba(texts), strict=True):
            label = names[int(odds.argmax())]
            found = {"text": each, "label": label, "probability": float(odds.max())}
            common.show_json(found) if json else typer.echo(f"{label}\t{odds.max():.4f}\t{each}")
        return
    odds = classifier.predict_proba([text])[0]
    if json:
        common.show_json(
            {"text": text, "probabilities": {str(name): float(p) for name, p in zip(names, odds, strict=True)}}
        )
        return
    for i in (-odds).argsort(kind="stable"):
        typer.echo(f"{names[i]}\t{odds[i]:.4f}")


@app.command("eval", epilog="Example: tinyseq classify eval reviews.cls held-out.tsv --label-column 2 --text-column 1")
@common.plainly
def classify_eval(
    model: ModelFile,
    files: Files,
    label_column: LabelColumn = None,
    text_column: TextColumn = None,
    separator: Separator = None,
    device: common.Device = "cpu",
    encoding: common.Encoding = "utf-8",
    json: common.Json = False,
) -> None:
    """Print a classifier's accuracy, macro F1 and confusion matrix."""
    paths = common.matching(files)
    classifier = _model(model, device)
    texts, labels = _labelled(paths, encoding, label_column, text_column, separator)
    if not set(labels) & set(map(str, classifier.classes)):
        known = ", ".join(map(repr, classifier.classes))
        raise ValueError(f"{common.named(paths)} has labels such as {labels[0]!r}, but the model knows only {known}")
    found = classifier.evaluate(texts, labels)
    if json:
        scores = {"accuracy": found.accuracy, "macro_f1": found.macro_f1}
        common.show_json(
            {"texts": common.named(paths), **scores, "labels": found.classes, "confusion": found.confusion.tolist()}
        )
        return
    common.console.print(f"{common.named(paths)}: {found.accuracy:.2%} of labels right, macro F1 {found.macro_f1:.4f}")
    typer.echo("\t".join(["", *map(str, found.classes)]))
    for name, row in zip(found.classes, found.confusion, strict=True):
        typer.echo("\t".join([str(name), *map(str, row)]))


def _labelled(
    paths: list[Path], encoding: str, label: str | None, text: str | None, separator: str | None
) -> tuple[list[str], list[str]]:
    """The texts of some files, and their labels."""
    pairs: list[tuple[str, str]] = []
    given = {"label_column": label, "text_column": text, "separator": separator}
    for path in paths:
        options = {name: value for name, value in given.items() if value is not None}
        if options or path.suffix.lower() == ".csv":
            ending = "comma" if path.suffix.lower() == ".csv" else "tab"
            [found] = common.contents(table, [path], encoding, **{"separator": ending} | options)
        else:
            [found] = common.contents(labelled, [path], encoding)
        _remark_on_columns(found, common.named([path]))
        pairs += found
    return [text for _, text in pairs], [label for label, _ in pairs]


def _remark_on_columns(pairs: list[tuple[str, str]], name: str) -> None:
    """Warn if the first row looks like a header that was read as a text, or the texts come before their labels."""
    counts, texts = Counter(label for label, _ in pairs), len({text for _, text in pairs})
    if len(counts) > texts:
        cure = "if the texts come first, swap the columns: --label-column 2 --text-column 1"
        common.tell(f"{name}: {len(counts)} different labels for {common.counted(texts, 'different text')}; {cure}")
        return
    first = pairs[0][0]
    if counts.pop(first) == 1 and counts and min(counts.values()) > 1:
        cure = "if the first row is a header, name its columns with --label-column and --text-column"
        common.tell(f"{name}: only the first row has the label {first!r}; {cure}")


def _model(path: Path, device: str) -> Classifier:
    """The classifier in a file, of any kind, on a device."""
    classifier: Classifier = common.loaded(path, Classifier, "a classifier, as `tinyseq classify train` writes")
    return classifier.to(device)
