"""The commands ``tinyseq lm``: train, sample and evaluate language models of characters or words."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer

import tinyseq as ts
from tinyseq.commands import common
from tinyseq.commands.models.runs import DEEPEST, Options, Run, check_memory
from tinyseq.data import plain_text
from tinyseq.lm import RNNLM, LanguageModel, NgramLM, WindowLM, word_vocabulary
from tinyseq.lm.model import first_impossible
from tinyseq.lm.networks.neural import NeuralLM
from tinyseq.lm.sampling import Choice
from tinyseq.lm.words import sentences_of, words_of
from tinyseq.nn.recurrent.registry import CELLS

app = typer.Typer(no_args_is_help=True, help="Language models of characters or words: train, sample, eval.")

Files = Annotated[list[str], common.files_argument("Texts", "*.txt", " They are joined.")]
ModelFile = Annotated[Path, common.model_argument("lm")]
TRAINING = ("steps", "window", "batch", "lr", "clip", "checkpoint", "every", "compile", "log", "tied", "hidden")
IN_ORDER = {"window": 64, "batch": 1}  # how dynamic evaluation reads
OPTIONS = {  # the options that not every model has
    "rnn": (*TRAINING, "cell", "layers", "dropout"),
    "window": (*TRAINING, "context", "dropout"),
    "ngram": ("n",),
}


@app.command("train", epilog="Example: tinyseq lm train 'books/*.txt' --out books.lm --cell gru --steps 2000")
@common.plainly
def lm_train(
    files: Files,
    out: common.Out,
    model: Annotated[
        str,
        typer.Option(
            help="rnn (a recurrent network), window (a network with a fixed window) or ngram (counts).",
            callback=common.one_of(OPTIONS),
        ),
    ] = "rnn",
    words: Annotated[
        bool, typer.Option("--words", help="Model words, not characters; each line is a sentence.")
    ] = False,
    n: Annotated[
        int | None, typer.Option("--n", min=1, max=100, help="Length of n-grams.", show_default="6; 3 with --words")
    ] = None,
    cell: common.Cell = None,
    layers: Annotated[
        int | None, typer.Option(min=1, max=DEEPEST, help="Number of recurrent layers.", show_default="1")
    ] = None,
    context: Annotated[
        int | None, typer.Option(min=1, help="Number of symbols that --model window reads.", show_default="8")
    ] = None,
    hidden: Annotated[int | None, typer.Option(min=1, help="Length of the hidden state.", show_default="128")] = None,
    dropout: Annotated[
        float | None, typer.Option(min=0, max=0.95, help="Dropout probability.", show_default="0")
    ] = None,
    tied: Annotated[
        bool | None, typer.Option("--tied", help="Use the symbols' vectors as the output weights, too.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Training steps.", show_default="1000")] = None,
    window: Annotated[
        int | None,
        typer.Option(min=1, help="Number of time steps that gradients flow back.", show_default="64"),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Parts of the text read in parallel.", show_default="32")
    ] = None,
    lr: Annotated[float | None, typer.Option(min=0, help="Peak learning rate.", show_default="0.005")] = None,
    clip: Annotated[float | None, typer.Option(min=0, help="Maximum norm of the gradient.", show_default="1")] = None,
    seed: common.Seed = 0,
    checkpoint: common.RunFile = None,
    every: common.Every = None,
    log: common.LogFile = None,
    compile: common.Compile = None,
    device: common.Device = "cpu",
    encoding: common.Encoding = "utf-8",
    json: common.Json = False,
) -> None:
    """Train a model on a text; its last tenth is held out for evaluation. Ctrl-C saves the run."""
    options = Options(locals(), OPTIONS, "--model", model)
    paths = common.matching(files)
    common.check_outputs(out, checkpoint, log, inputs=paths)
    run = None if model == "ngram" else Run(out, checkpoint, paths)
    callbacks = common.log_to(log, paths)
    text = Texts.of(paths, encoding, words)
    ts.manual_seed(seed)
    if run is None:
        if device != "cpu":
            raise ValueError(f"an NgramLM computes on the CPU only; leave out --device {device}")
        counted: NgramLM[Any] = NgramLM(options.get("n", 3 if words else 6), words=words, vocabulary=text.vocabulary)
        trained: LanguageModel = counted.fit(text.learnt)
        said: dict[str, Any] = {"model": model}
    else:
        network = _network(model, text, options)
        trained = network
        total, rate, most = options.get("steps", 1000), options.get("lr", 5e-3), options.get("clip", 1.0)
        reports = network.fit_steps(
            text.learnt,
            steps=total,
            window=options.get("window", 64),
            batch=options.get("batch", 32),
            lr=rate,
            clip=most,
            callbacks=callbacks,
            checkpoint=run.path,
            every=options.get("every", 100),
            depends_on={"seed": seed},
            device=device,
            compile=compile or False,
        )
        said = {"model": model, **run.taken(reports, total, common.named(paths), {"--lr": rate, "--clip": most}, json)}
    trained.save(out)
    if run is not None:
        run.finished()
    if len(text.held_out) > 1:
        said["held_out"] = _judged(trained, text.held_out, "held out", json)
    said["saved"] = str(out)
    common.show_json(said) if json else common.console.print(f"saved {out}")


@app.command("sample", epilog="Example: tinyseq lm sample books.lm --prompt 'It was ' --temperature 0.8 --top-p 0.95")
@common.plainly
def lm_sample(
    model: ModelFile,
    length: Annotated[int, typer.Option(min=1, help="Characters or words to sample.")] = 300,
    prompt: Annotated[str, typer.Option(help="Text to continue.")] = "",
    temperature: Annotated[
        float,
        typer.Option(
            min=0,
            help="Below 1: more conservative; 0: always the most probable symbol.",
            callback=common.checked(lambda temperature: Choice.checked(temperature, None, None)),
        ),
    ] = 1.0,
    top_k: Annotated[int | None, typer.Option(min=1, help="Draw only from the K most probable symbols.")] = None,
    top_p: Annotated[
        float | None,
        typer.Option(
            help="Draw only from the most probable symbols with this total probability.",
            callback=common.checked(lambda top_p: Choice.checked(1.0, None, top_p)),
        ),
    ] = None,
    seed: common.Seed = 0,
    device: common.Device = "cpu",
    json: common.Json = False,
) -> None:
    """Sample text from a model."""
    found = _model(model, device)
    _check_known(found, prompt, "--prompt")
    drawn = found.sample(length, seed, prompt=prompt, temperature=temperature, top_k=top_k, top_p=top_p)
    text = found.text([*(words_of(prompt) if found.words else prompt), *drawn])
    common.show_json({"text": text, "prompt": prompt, "symbols": len(drawn)}) if json else typer.echo(text)


@app.command("eval", epilog="Example: tinyseq lm eval books.lm another.txt --json")
@common.plainly
def lm_eval(
    model: ModelFile,
    files: Files,
    adapt: Annotated[
        float | None,
        typer.Option(min=0, help="Dynamic evaluation: the network learns from the text as it reads, at this rate."),
    ] = None,
    encoding: common.Encoding = "utf-8",
    device: common.Device = "cpu",
    json: common.Json = False,
) -> None:
    """Print a model's cross entropy and perplexity on a text."""
    paths = common.matching(files)
    found = _model(model, device)
    if adapt is not None and not isinstance(found, NeuralLM):
        raise ValueError(f"--adapt is for networks, and {model} holds a {type(found).__name__}; leave it out")
    text = _text(paths, encoding)
    _check_known(found, text, common.named(paths))
    judged = _judged(found, text, common.named(paths), json, {} if adapt is None else {"adapt": adapt} | IN_ORDER)
    if json:
        common.show_json({"text": common.named(paths), **judged})


@dataclass
class Texts:
    """The training part, the held-out part, and the symbols of both."""

    learnt: Any
    held_out: Any
    vocabulary: ts.data.Vocabulary[Any]
    words: bool

    @classmethod
    def of(cls, paths: list[Path], encoding: str, words: bool) -> "Texts":
        text: Any = _text(paths, encoding)
        text = sentences_of(text) if words else text
        cut = max(len(text) * 9 // 10, 1 if words else 2)
        learnt, held_out = text[:cut], text[cut:]
        vocabulary = word_vocabulary(learnt) if words else ts.data.Vocabulary(sorted(set(text)))
        return cls(learnt, held_out, vocabulary, words)


def _network(model: str, text: Texts, options: Options) -> NeuralLM:
    """A new network."""
    hidden, dropout = options.get("hidden", 128), options.get("dropout", 0.0)
    settings: dict[str, Any] = {"dropout": dropout, "words": text.words, "tied": options.get("tied", False)}
    if model == "window":
        context = options.get("context", 8)
        check_memory(hidden, context)
        return WindowLM(text.vocabulary, context, hidden, **settings)
    cell, layers = options.get("cell", "lstm"), options.get("layers", 1)
    check_memory(hidden, CELLS[cell].blocks * (2 * layers - 1))
    return RNNLM(text.vocabulary, hidden, cell=cell, num_layers=layers, **settings)


def _model(path: Path, device: str) -> LanguageModel:
    """The language model in a file, of any kind, on a device.

    Raises:
        ValueError: a GPU for a model without a network.
        RuntimeError: there is no GPU.
    """
    model: LanguageModel = common.loaded(path, LanguageModel, "a language model, as `tinyseq lm train` writes")
    if isinstance(model, NeuralLM):
        return model.to(device)
    if device != "cpu":
        raise ValueError(f"{path}: a {type(model).__name__} computes on the CPU only; leave out --device {device}")
    return model


def _check_known(model: LanguageModel, text: str, name: str) -> None:
    """Raise a ValueError for a text with a character that a network has no vector for."""
    if not isinstance(model, NgramLM) and not model.words:
        unknown = [symbol for symbol in dict.fromkeys(text) if symbol not in model.vocabulary]
        if unknown:
            listed = ", ".join(map(repr, unknown[:5])) + ", ..." * (len(unknown) > 5)
            raise ValueError(
                f"{name}: the model does not know {listed}, as the texts it was trained on have no such character; "
                "replace them, or train a model on a text that has them"
            )


def _judged(
    model: LanguageModel, text: Any, name: str, quiet: bool, settings: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """How well a model predicts a text, printed unless ``quiet``."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the cross entropy is infinite")  # reported below, or as null in JSON
        found = model.evaluate(text, **settings)
    if not quiet:
        what = "word" if model.words else "character"
        unknown = f", {found.unknown:.1%} unknown" if found.unknown else ""
        nats = f"{found.nats:.4f} nats per {what} ({found.bits:.4f} bits)"
        common.console.print(f"{name}: {nats}, perplexity {found.perplexity:.3f}{unknown}")
        if math.isinf(found.nats) and isinstance(model, NgramLM):
            common.console.print(f"infinite, as {first_impossible(model, text, model.log_probs(text))}")
    return found._asdict()


def _text(paths: list[Path], encoding: str) -> str:
    return "\n".join(common.contents(plain_text, paths, encoding))
