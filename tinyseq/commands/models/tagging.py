"""The commands ``tinyseq tag``: train, use and evaluate taggers."""

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

import tinyseq as ts
from tinyseq.commands import common
from tinyseq.commands.models.runs import DEEPEST, Options, Run, check_memory
from tinyseq.commands.models.streaming import file_of, tag_files
from tinyseq.data import ConlluSentence, conllu_sentences, noun_phrase_tags
from tinyseq.data.readers import READERS, Reader, Sentence
from tinyseq.data.treebanks.chunks import Scheme
from tinyseq.data.treebanks.conllu import TAGS
from tinyseq.io import atomic_write, check_output
from tinyseq.nn.recurrent.registry import CELLS
from tinyseq.tagging import Accuracy, Analysis, HMMTagger, RNNTagger, Tagger

app = typer.Typer(no_args_is_help=True, help="Taggers: train, tag, eval.")
PHRASES = "np"  # in --tags: noun phrases, derived from the dependencies


def formats() -> dict[str, Callable[..., Any]]:
    """The readers of labelled sentences, by the names that ``--format`` uses."""
    return {name: functools.partial(reader.stream, **options) for name, (reader, options) in _readers().items()}


def _readers() -> dict[str, tuple[Reader[Any], Mapping[str, str]]]:
    return {name: (reader, options) for reader in READERS for name, options in reader.formats.items()}


def check_format(name: str) -> None:
    """Raise a ValueError for a format that no reader has."""
    if name not in formats():
        raise ValueError(f"format must be one of {', '.join(formats())}, got {name!r}")


Format = Annotated[
    str,
    typer.Option(
        "--format", help=f"Format of the file: {', '.join(formats())}.", callback=common.checked(check_format)
    ),
]
Files = Annotated[list[str], common.files_argument("Labelled sentences", "*.conllu")]
COLUMN = "upos or xpos, the column of tags in CoNLL-U"
Tags = Annotated[str | None, typer.Option(help=f"{COLUMN}.", show_default="upos", callback=common.one_of(TAGS))]
Labels = Annotated[
    str | None,
    typer.Option(
        "--tags",
        help=f"{COLUMN}; or {PHRASES}, the noun phrases in BIO.",
        show_default="upos",
        callback=common.one_of((*TAGS, PHRASES)),
    ),
]
ModelFile = Annotated[Path, common.model_argument("tag")]
TRAINING = (
    "epochs", "hidden", "layers", "cell", "lr", "batch", "dropout", "dev", "patience", "checkpoint", "every", "log",
)  # fmt: skip
OPTIONS = {"hmm": ("n",), "rnn": TRAINING, "crf": (*TRAINING, "rules")}


@app.command("train", epilog="Example: tinyseq tag train train.conllu --out pos.tag --model rnn --dev dev.conllu")
@common.plainly
def tag_train(
    files: Files,
    out: common.Out,
    model: Annotated[
        str,
        typer.Option(
            help="hmm (counts, in seconds), rnn (a network) or crf (a network with a CRF).",
            callback=common.one_of(OPTIONS),
        ),
    ] = "hmm",
    tags: Labels = None,
    n: Annotated[
        int | None,
        typer.Option("--n", min=2, max=5, help="Length of the n-grams of tags: 2 for bigrams.", show_default="3"),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the training sentences.", show_default="10")
    ] = None,
    hidden: Annotated[int | None, typer.Option(min=1, help="Length of the hidden state.", show_default="150")] = None,
    layers: Annotated[int | None, typer.Option(min=1, max=DEEPEST, help="Recurrent layers.", show_default="1")] = None,
    cell: common.Cell = None,
    lr: Annotated[float | None, typer.Option(min=0, help="Peak learning rate.", show_default="0.006")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Sentences in a batch.", show_default="32")] = None,
    dropout: Annotated[
        float | None, typer.Option(min=0, max=0.95, help="Dropout of states.", show_default="0.33")
    ] = None,
    rules: Annotated[
        str | None,
        typer.Option(
            help="Chunking scheme that tags must obey: bio, bioes or iob1.", callback=common.one_of(get_args(Scheme))
        ),
    ] = None,
    dev: Annotated[
        list[str] | None,
        typer.Option(
            help="Held-out sentences; the weights that do best on them are kept.",
            callback=common.checked(common.check_files),
        ),
    ] = None,
    patience: Annotated[
        int | None, typer.Option(min=1, help="Stop after this many epochs without improvement.")
    ] = None,
    seed: common.Seed = 0,
    checkpoint: common.RunFile = None,
    every: common.Every = None,
    log: common.LogFile = None,
    format: Format = "conllu",
    device: common.Device = "cpu",
    encoding: common.Encoding = "utf-8",
    json: common.Json = False,
) -> None:
    """Train a tagger on labelled sentences. Ctrl-C saves the run of a network; the same command resumes it."""
    options = Options(locals(), OPTIONS, "--model", model)
    if patience is not None and not dev:
        raise ValueError("--patience needs held-out sentences; add --dev")
    inputs = common.matching([*files, *(dev or [])])
    held_out = common.matching(dev or [])
    paths = inputs[: len(inputs) - len(held_out)]
    common.check_outputs(out, checkpoint, log, inputs=inputs)
    run = None if model == "hmm" else Run(out, checkpoint, inputs)
    callbacks = common.log_to(log, inputs)
    sentences = _sentences(paths, format, encoding, tags)
    said: dict[str, Any] = {"model": model, "sentences": len(sentences), "tokens": sum(map(len, sentences))}
    ts.manual_seed(seed)
    if run is None:
        trained: Tagger = HMMTagger(n=options.get("n", 3)).fit(sentences).to(device)
    else:
        network = _network(model, options)
        batches = -(-sum(map(bool, sentences)) // network.settings["batch"])
        reports = network.fit_steps(
            sentences,
            validation=_sentences(held_out, format, encoding, tags) if held_out else None,
            patience=patience,
            callbacks=callbacks,
            checkpoint=run.path,
            every=options.get("every", 100),
            depends_on={"seed": seed},
            device=device,
        )
        steps = batches * network.settings["epochs"]
        said |= run.taken(reports, steps, common.named(paths), {"--lr": network.settings["lr"]}, json)
        said |= {"history": network.history} if network.history else {}
        trained = network
    trained.save(out)
    if run is not None:
        run.finished()
    if json:
        common.show_json({**said, "saved": str(out)})
    else:
        for epoch, share in said.get("history", []):
            common.console.print(f"epoch {epoch}: {share:.2%} of held-out tags right")
        read = f"{common.counted(len(sentences), 'sentence')}, {common.counted(said['tokens'], 'token')}"
        common.console.print(f"{read}; saved {out}")


@app.command("tag", epilog="Example: tinyseq tag tag pos.tag --file plain.conllu --out tagged.conllu")
@common.plainly
def tag_tag(
    model: ModelFile,
    sentence: Annotated[
        str | None, typer.Argument(help="The words, separated by spaces; or - to read CoNLL-U from standard input.")
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option(
            help="CoNLL-U files, patterns, or - for standard input.", callback=common.checked(common.check_files)
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The CoNLL-U file to write, or -.", show_default="standard output")
    ] = None,
    tags: Tags = None,
    device: common.Device = "cpu",
    encoding: common.Encoding = "utf-8",
    json: common.Json = False,
) -> None:
    """Tag a sentence, or CoNLL-U files of any size: all other columns are kept. The output is UTF-8."""
    names = [*(file or []), *(["-"] if sentence == "-" else [])]
    if not names:
        words = (sentence or "").split()
        if not words:
            raise ValueError("the sentence is empty; give words separated by spaces, or --file")
        if out is not None or tags is not None:
            raise ValueError("--out and --tags are for CoNLL-U; add --file")
        found = _model(model, device).tag(words)
        if json:
            common.show_json({"words": words, "tags": found})
        else:
            for word, tag in zip(words, found, strict=True):
                typer.echo(f"{word}\t{tag}")
        return
    if sentence not in (None, "-"):
        raise ValueError("give a sentence or --file, not both")
    if json:
        raise ValueError("--json is for a sentence; CoNLL-U goes in and out as CoNLL-U")
    paths = common.matching(names)
    out = None if str(out) == "-" else out
    if out is not None:
        check_output(out, "--out", inputs=[model, *paths])
    typer.echo(tag_files(_model(model, device), paths, out, tags or "upos", encoding), err=True)


@app.command("eval", epilog="Example: tinyseq tag eval pos.tag test.conllu --errors --plot confusion.png")
@common.plainly
def tag_eval(
    model: ModelFile,
    files: Files,
    tags: Labels = None,
    errors: Annotated[
        bool, typer.Option("--errors", help="Show confused tags and the words most often wrong.")
    ] = False,
    chunks: Annotated[
        str | None,
        typer.Option(
            help="Also evaluate chunks; the scheme of their tags: bio, bioes or iob1.",
            callback=common.one_of(get_args(Scheme)),
        ),
    ] = None,
    plot: common.Figure = None,
    format: Format = "conllu",
    encoding: common.Encoding = "utf-8",
    device: common.Device = "cpu",
    json: common.Json = False,
) -> None:
    """Print a tagger's accuracy on all, known and unknown words, and its most common mistakes."""
    paths = common.matching(files)
    if plot is not None:
        check_output(plot, "--plot", inputs=[model, *paths])
    scheme: Any = chunks
    found = _model(model, device).analyse(_sentences(paths, format, encoding, tags), scheme=scheme)
    if plot is not None:
        figure = ts.viz.plots.confusion(found.confusion, found.tags)
        atomic_write(plot, lambda temporary: figure.savefig(temporary, format=plot.suffix[1:].lower()))
    if json:
        common.show_json({"text": common.named(paths), **_as_json(found)})
        return
    common.console.print(f"{common.named(paths)}: {describe(Accuracy(found.all, found.known, found.unknown))}")
    if found.chunks is not None and not errors:
        precision, recall, f1 = found.chunks[:3]
        common.console.print(f"chunks: precision {precision:.2%}, recall {recall:.2%}, F1 {f1:.2%}")
    if errors:
        typer.echo("\n".join(str(found).splitlines()[1:]))


def describe(accuracy: Accuracy) -> str:
    """An accuracy as one line of output."""
    unknown = (
        ""
        if math.isnan(accuracy.unknown)
        else f" ({accuracy.known:.2%} of known, {accuracy.unknown:.2%} of unknown words)"
    )
    return f"{accuracy.all:.2%} of tags right{unknown}"


def _as_json(found: Analysis) -> dict[str, Any]:
    values = found._asdict()
    values |= {"confusion": found.confusion.tolist(), "words": [row._asdict() for row in found.words[:100]]}
    return values | {"chunks": None if found.chunks is None else found.chunks._asdict()}


def _network(model: str, options: Options) -> RNNTagger:
    """A new network with the options that were given."""
    names = {"hidden": "hidden_size", "layers": "num_layers"}
    given = ("epochs", "hidden", "layers", "cell", "lr", "batch", "dropout", "rules")
    settings = {names.get(name, name): options.get(name, None) for name in given}
    chosen = {name: value for name, value in settings.items() if value is not None}
    blocks = CELLS[options.get("cell", "lstm")].blocks
    check_memory(options.get("hidden", 150), 2 * blocks * options.get("layers", 1))  # in both directions
    return RNNTagger(crf=model == "crf", **chosen)


def _sentences(paths: list[Path], format: str, encoding: str, tags: str | None) -> list[Sentence]:
    reader, options = _readers()[format]
    if tags is not None:
        if format != "conllu":
            raise ValueError(f"--tags chooses a column of CoNLL-U; leave it out with --format {format}")
        reader, options = (conllu_sentences, {}) if tags == PHRASES else (reader, {**options, "tags": tags})
    found: list[Any] = []
    for path in paths:
        with file_of(path) as (real, renamed):
            sentences = renamed(reader.stream(real, encoding=encoding, **options))
            found += _phrases(sentences, common.named([path])) if tags == PHRASES else sentences
    return found


def _phrases(sentences: Iterable[ConlluSentence], name: str) -> Iterator[Sentence]:
    """The words of a file's sentences with the tags of noun phrases."""
    for i, sentence in enumerate(sentences, 1):
        try:
            yield noun_phrase_tags(sentence)
        except ValueError as error:
            raise ValueError(f"{name}, sentence {i}: {error}") from None


def _model(path: Path, device: str) -> Tagger:
    """The tagger in a file, of any kind, on a device."""
    tagger: Tagger = common.loaded(path, Tagger, "a tagger, as `tinyseq tag train` writes")
    return tagger.to(device)
