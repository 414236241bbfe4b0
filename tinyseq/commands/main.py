"""The commands: a demonstration, language models, taggers, drawings, and a look at the installation."""

import functools
import glob
import importlib.metadata
import math
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
import typer
from rich.console import Console

import tinyseq as ts
from tinyseq.commands.draw import character_loss, model_and_words
from tinyseq.data import DataError, conll2003, conllu, plain_text, two_column, word_tag
from tinyseq.data.readers import Sentence
from tinyseq.io import ModelFileError, check_model_output, load_with_metadata
from tinyseq.lm import RNNLM, WindowLM
from tinyseq.lm.perplexity import perplexity
from tinyseq.nn.recurrent.registry import CELLS
from tinyseq.tagging import HMMTagger
from tinyseq.train import progress
from tinyseq.viz.rendering.drawing import check_picture

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Sequence models that you can read and see.")
lm = typer.Typer(no_args_is_help=True, help="Language models of characters: train, sample, eval.")
tag = typer.Typer(no_args_is_help=True, help="Taggers: train, tag, eval.")
app.add_typer(lm, name="lm")
app.add_typer(tag, name="tag")
console = Console(markup=False)  # brackets in the names of files are no markup

READERS: dict[str, Callable[..., Any]] = {
    "conllu": conllu,
    "brown": word_tag,
    "word-tag": word_tag,
    "underscore": functools.partial(word_tag, separator="_"),
    "two-column": two_column,
    "conll2003": conll2003,
}
Encoding = Annotated[str, typer.Option(help="Of the text, as Python names it: utf-8, cp1252, latin-1, ...")]
Command = TypeVar("Command", bound=Callable[..., Any])


def plainly(command: Command) -> Command:
    """Show what is wrong with a user's file, model or setting as one line, with exit status 1; 130 after Ctrl-C."""

    @functools.wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except (DataError, ModelFileError, OSError, RuntimeError, ValueError) as error:
            typer.echo(f"tinyseq: {' '.join(str(error).split())}", err=True)
            raise typer.Exit(1) from error
        except KeyboardInterrupt as stop:
            typer.echo(f"tinyseq: {str(stop) or 'stopped'}", err=True)
            raise typer.Exit(130) from stop

    return guarded  # type: ignore[return-value]


@app.command()
@plainly
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the pictures and the page.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Of all chance in it.")] = 0,
) -> None:
    """Train, decode and draw the lectures' models on data that every Python carries."""
    from tinyseq.commands.demo import run

    run(out, seed, console)


# -- language models ---------------------------------------------------------------------------------------------------


@lm.command("train")
@plainly
def lm_train(
    files: Annotated[list[str], typer.Argument(help="A text; several files or a pattern such as '*.txt' are joined.")],
    out: Annotated[Path, typer.Option(help="The model file to write.")],
    steps: Annotated[int, typer.Option(min=1, help="Windows to learn from.")] = 1000,
    hidden: Annotated[int, typer.Option(min=1, help="Length of the hidden state.")] = 128,
    cell: Annotated[str, typer.Option(help=f"One of {', '.join(CELLS)}.")] = "lstm",
    layers: Annotated[int, typer.Option(min=1)] = 1,
    dropout: Annotated[float, typer.Option(min=0, max=0.95)] = 0.0,
    context: Annotated[
        int | None, typer.Option(min=1, help="See only so many characters back: a fixed window, and no recurrence.")
    ] = None,
    window: Annotated[int, typer.Option(min=1, help="Steps that a gradient goes back.")] = 64,
    batch: Annotated[int, typer.Option(min=1)] = 32,
    lr: Annotated[float, typer.Option(min=0)] = 5e-3,
    seed: int = 0,
    checkpoint: Annotated[
        Path | None, typer.Option(help="A file that keeps the run; if it is there, the run goes on from it.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Steps between two savings of the checkpoint.")] = 100,
    device: Annotated[str, typer.Option(help="Where to compute: cpu, or cuda for an NVIDIA GPU.")] = "cpu",
    encoding: Encoding = "utf-8",
) -> None:
    """Train a character model on a text; its last tenth is held out to judge by."""
    paths = matching(files)
    check_model_output(out, "--out", inputs=[*paths, *([checkpoint] if checkpoint else [])])
    if checkpoint is not None:
        check_model_output(checkpoint, "--checkpoint", inputs=paths)
    text = _text(paths, encoding)
    cut = max(len(text) * 9 // 10, 2)
    learnt, held_out = text[:cut], text[cut:]
    ts.manual_seed(seed)
    letters = sorted(set(text))
    if context is None:
        model: RNNLM | WindowLM = RNNLM(letters, hidden, cell=cell, num_layers=layers, dropout=dropout)
    elif (cell, layers, dropout) == ("lstm", 1, 0.0):
        model = WindowLM(letters, context, hidden)
    else:
        raise ValueError("--cell, --layers and --dropout are of recurrent models; leave them out, or --context")
    reports = model.fit_steps(
        learnt,
        steps=steps,
        window=window,
        batch=batch,
        lr=lr,
        checkpoint=checkpoint,
        every=every,
        depends_on={"seed": seed},
        device=device,
    )
    taken = list(progress(reports, steps, _named(paths)))
    model.save(out)
    if taken:
        loss, speed = taken[-1].loss, taken[-1].tokens_per_second
        console.print(f"training loss {loss:.3f} nats a character, {speed:,.0f} characters a second")
    else:
        console.print(f"{checkpoint} has taken all {steps:,} steps already")
    if len(held_out) > 1:
        _judge(model, held_out, "held out")
    console.print(f"saved {out}")


@lm.command("sample")
@plainly
def lm_sample(
    model: Annotated[Path, typer.Argument(help="A file that `tinyseq lm train` wrote.")],
    length: Annotated[int, typer.Option(min=1, help="Characters to draw.")] = 300,
    prompt: Annotated[str, typer.Option(help="What comes before.")] = "",
    temperature: Annotated[float, typer.Option(min=0, help="Below 1 bolder, 0 the likeliest.")] = 1.0,
    seed: int = 0,
) -> None:
    """Draw text from a model."""
    drawn = _model(model).sample(length, prompt=prompt, temperature=temperature, rng=np.random.default_rng(seed))
    typer.echo(prompt + "".join(drawn))


@lm.command("eval")
@plainly
def lm_eval(
    model: Annotated[Path, typer.Argument(help="A file that `tinyseq lm train` wrote.")],
    files: Annotated[list[str], typer.Argument(help="A text; several files or a pattern such as '*.txt' are joined.")],
    encoding: Encoding = "utf-8",
) -> None:
    """Print a model's loss and perplexity on a text."""
    paths = matching(files)
    _judge(_model(model), _text(paths, encoding), _named(paths))


def _model(path: Path) -> RNNLM | WindowLM:
    """The language model in a file, of either kind."""
    kind = load_with_metadata(path)[1].get("kind")
    return (WindowLM if kind == "tinyseq.lm.WindowLM" else RNNLM).load(path)


def _judge(model: RNNLM | WindowLM, text: str, name: str) -> None:
    nats = model.nats(text)
    console.print(f"{name}: {nats:.4f} nats a character, perplexity {perplexity(nats):.3f}")


# -- taggers -----------------------------------------------------------------------------------------------------------

Format = Annotated[str, typer.Option("--format", help=f"How the file is written: {', '.join(READERS)}.")]


@tag.command("train")
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


@tag.command("tag")
@plainly
def tag_tag(
    model: Annotated[Path, typer.Argument(help="A file that `tinyseq tag train` wrote.")],
    sentence: Annotated[str, typer.Argument(help="The words, separated by blanks.")],
) -> None:
    """Tag a sentence."""
    words = sentence.split()
    if not words:
        raise ValueError("the sentence is empty; give words separated by blanks")
    for word, found in zip(words, HMMTagger.load(model).tag(words), strict=True):
        typer.echo(f"{word}\t{found}")


@tag.command("eval")
@plainly
def tag_eval(
    model: Annotated[Path, typer.Argument(help="A file that `tinyseq tag train` wrote.")],
    files: Annotated[list[str], typer.Argument(help="Labelled sentences: files, or a pattern such as '*.conllu'.")],
    format: Format = "conllu",
    encoding: Encoding = "utf-8",
) -> None:
    """Print a tagger's accuracy on all, known and unknown words."""
    paths = matching(files)
    accuracy = HMMTagger.load(model).accuracy(_sentences(paths, format, encoding))
    console.print(f"{_named(paths)}: {describe(accuracy)}")


def describe(accuracy: Any) -> str:
    """An accuracy in words."""
    unknown = (
        ""
        if math.isnan(accuracy.unknown)
        else f" ({accuracy.known:.2%} of known, {accuracy.unknown:.2%} of unknown words)"
    )
    return f"{accuracy.all:.2%} of tags right{unknown}"


def _sentences(paths: list[Path], format: str, encoding: str) -> list[Sentence]:
    if format not in READERS:
        raise ValueError(f"--format must be one of {', '.join(READERS)}, got {format!r}")
    return [sentence for path in paths for sentence in READERS[format](path, encoding=encoding)]


# -- files -------------------------------------------------------------------------------------------------------------


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


def _text(paths: list[Path], encoding: str) -> str:
    return "\n".join(plain_text(path, encoding=encoding) for path in paths)


def _named(paths: list[Path]) -> str:
    return paths[0].name if len(paths) == 1 else f"{paths[0].name} and {len(paths) - 1} more"


# -- drawings and the installation -------------------------------------------------------------------------------------


@app.command()
@plainly
def draw(
    what: Annotated[str, typer.Argument(help=f"{', '.join(CELLS)}, or trellis.")],
    out: Annotated[Path, typer.Option(help="The file: .svg, .png, .pdf, .dot or .html (a page to play with).")],
    steps: Annotated[int | None, typer.Option(min=1, help="Time steps of a network; 4 if not said.")] = None,
    depth: Annotated[int | None, typer.Option(min=0, help="Close a network's modules below this depth.")] = None,
    view: Annotated[str | None, typer.Option(help="Of a network: unrolled, folded or flat.")] = None,
    text: Annotated[str | None, typer.Option(help="What a network reads and guesses, such as hello.")] = None,
    layers: Annotated[int | None, typer.Option(min=1, help="Recurrent layers of a network.")] = None,
    bidirectional: Annotated[bool | None, typer.Option("--bidirectional", help="Read in both directions.")] = None,
    last: Annotated[bool | None, typer.Option("--last", help="The loss of the last step alone.")] = None,
    values: Annotated[bool | None, typer.Option("--values", help="Write values on the boxes of a network.")] = None,
    gradients: Annotated[bool | None, typer.Option("--gradients/--no-gradients", help="Colour by gradients.")] = None,
    legend: Annotated[bool | None, typer.Option("--legend/--no-legend", help="Explain colours below.")] = None,
    title: Annotated[str | None, typer.Option(help="A heading above a network.")] = None,
    semiring: Annotated[str | None, typer.Option(help="Of a trellis: max (Viterbi) or log (forward).")] = None,
    hmm: Annotated[Path | None, typer.Option(help="Of a trellis: a model that HMM.save wrote.")] = None,
    observations: Annotated[str | None, typer.Option(help="Of a trellis: words with blanks between.")] = None,
) -> None:
    """Draw a recurrent network that reads letters, with its gradients, or a trellis, by default the lectures'.

    Of a long sequence the first steps and the last are drawn. A page holds all of up to 100 steps, to fold and unfold.
    For example:  tinyseq draw lstm --text hello --out hello.html
    """
    of_networks = {
        **{"--steps": steps, "--depth": depth, "--view": view, "--text": text, "--layers": layers, "--last": last},
        **{"--bidirectional": bidirectional, "--values": values, "--gradients": gradients, "--legend": legend},
        "--title": title,
    }
    of_trellises = {"--semiring": semiring, "--hmm": hmm, "--observations": observations}
    for option, value in (of_networks if what == "trellis" else of_trellises).items():
        if value is not None:
            raise ValueError(f"{option} says nothing about {what}; leave it out")
    check_picture(out, "--out")
    if what == "trellis":
        drawing = ts.viz.trellis(*model_and_words(hmm, observations), semiring=semiring or "max")  # type: ignore[arg-type]
    elif what in CELLS:
        if text is not None and steps is not None:
            raise ValueError("--text and --steps cannot both be given: a text has as many steps as letters to read")
        letters = text if text is not None else [("abcd")[t % 4] for t in range((4 if steps is None else steps) + 1)]
        count = len(letters) - 1
        loss = character_loss(what, letters, layers or 1, bool(bidirectional), bool(last))
        drawing = ts.viz.graph(
            loss, view or "unrolled", range(count) if out.suffix.lower() == ".html" and count <= 100 else None, depth,  # type: ignore[arg-type]
            gradients=gradients is not False, values=bool(values), title=title or "", legend=legend is not False,
            inputs=text or (),
        )  # fmt: skip
    else:
        raise ValueError(f"there is no drawing {what!r}; choose one of {', '.join(CELLS)}, trellis")
    drawing.save(out)
    console.print(f"saved {out}")


@app.command()
def doctor() -> None:
    """Say what is installed, and what each missing piece would add."""
    console.print(f"tinyseq {ts.__version__}, Python {platform.python_version()} ({sys.executable})")
    console.print(f"NumPy {np.__version__}")
    wanted = {
        "graphviz": ("viz", "drawings"),
        "pygraphviz": ("viz", "drawings without a Graphviz of your own"),
        "matplotlib": ("plot", "curves"),
        "safetensors": ("io", "saving models"),
        "typer": ("cli", "this command"),
        "cupy-cuda12x": ("cuda12", "GPUs with CUDA 12"),
        "cupy-cuda13x": ("cuda13", "GPUs with CUDA 13"),
    }
    for package, (extra, purpose) in wanted.items():
        try:
            console.print(f"{package} {importlib.metadata.version(package)}: {purpose}")
        except importlib.metadata.PackageNotFoundError:
            console.print(f"{package} is missing; for {purpose}: pip install 'tinyseq[{extra}]'")
