"""The commands ``tinyseq lm``: train, sample and judge language models of characters."""

from pathlib import Path
from typing import Annotated, Any

import typer

import tinyseq as ts
from tinyseq.commands.common import Device, Encoding, Seed, console, matching, named, plainly
from tinyseq.data import plain_text
from tinyseq.io import ModelFileError, check_model_output, load_model
from tinyseq.lm import RNNLM, NgramLM, WindowLM
from tinyseq.lm.perplexity import perplexity
from tinyseq.nn.checks import check_device
from tinyseq.nn.recurrent.registry import CELLS
from tinyseq.train import progress

LanguageModel = RNNLM | WindowLM | NgramLM[Any]

app = typer.Typer(no_args_is_help=True, help="Language models of characters: train, sample, eval.")


@app.command("train")
@plainly
def lm_train(
    files: Annotated[list[str], typer.Argument(help="A text; several files or a pattern such as '*.txt' are joined.")],
    out: Annotated[Path, typer.Option(help="The model file to write.")],
    steps: Annotated[int, typer.Option(min=1, help="Training steps.")] = 1000,
    hidden: Annotated[int, typer.Option(min=1, help="Length of the hidden state.")] = 128,
    cell: Annotated[str, typer.Option(help=f"One of {', '.join(CELLS)}.")] = "lstm",
    layers: Annotated[int, typer.Option(min=1, help="Recurrent layers.")] = 1,
    dropout: Annotated[float, typer.Option(min=0, max=0.95, help="Dropout between layers.")] = 0.0,
    context: Annotated[
        int | None, typer.Option(min=1, help="Use a fixed window of so many characters instead of a recurrent network.")
    ] = None,
    window: Annotated[int, typer.Option(min=1, help="Time steps of backpropagation through time.")] = 64,
    batch: Annotated[int, typer.Option(min=1, help="Windows in a batch.")] = 32,
    lr: Annotated[float, typer.Option(min=0, help="Peak learning rate.")] = 5e-3,
    seed: Seed = 0,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Save the run in this file; if it exists, resume from it.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Steps between two saves of the checkpoint.")] = 100,
    device: Device = "cpu",
    encoding: Encoding = "utf-8",
) -> None:
    """Train a character model on a text; its last tenth is held out for evaluation."""
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
    taken = list(progress(reports, steps, named(paths)))
    model.save(out)
    if taken:
        loss, speed = taken[-1].loss, taken[-1].tokens_per_second
        console.print(f"training loss {loss:.3f} nats a character, {speed:,.0f} characters a second")
    else:
        console.print(f"{checkpoint} has taken all {steps:,} steps already")
    if len(held_out) > 1:
        _judge(model, held_out, "held out")
    console.print(f"saved {out}")


@app.command("sample")
@plainly
def lm_sample(
    model: Annotated[Path, typer.Argument(help="A file that `tinyseq lm train` wrote.")],
    length: Annotated[int, typer.Option(min=1, help="Characters to sample.")] = 300,
    prompt: Annotated[str, typer.Option(help="Text to continue.")] = "",
    temperature: Annotated[float, typer.Option(min=0, help="Below 1: more conservative; 0: greedy.")] = 1.0,
    seed: Seed = 0,
    device: Device = "cpu",
) -> None:
    """Sample text from a model."""
    drawn = _model(model, device).sample(length, prompt=prompt, temperature=temperature, rng=seed)
    typer.echo(prompt + "".join(drawn))


@app.command("eval")
@plainly
def lm_eval(
    model: Annotated[Path, typer.Argument(help="A file that `tinyseq lm train` wrote.")],
    files: Annotated[list[str], typer.Argument(help="A text; several files or a pattern such as '*.txt' are joined.")],
    encoding: Encoding = "utf-8",
    device: Device = "cpu",
) -> None:
    """Print a model's loss and perplexity on a text."""
    paths = matching(files)
    _judge(_model(model, device), _text(paths, encoding), named(paths))


def _model(path: Path, device: str) -> LanguageModel:
    """The language model in a file, of any kind, on a device.

    Raises:
        ValueError: an unknown device, or a GPU for a model without a network.
        RuntimeError: there is no GPU.
    """
    check_device(device)
    model = load_model(path)
    if not isinstance(model, RNNLM | WindowLM | NgramLM):
        raise ModelFileError(f"{path}: holds {model.file_kind}, expected a language model")
    if isinstance(model, NgramLM):
        if device != "cpu":
            raise ValueError(f"{path}: an n-gram model counts on the processor; leave out --device {device}")
        return model
    return model.to(device)


def _judge(model: LanguageModel, text: str, name: str) -> None:
    nats = model.nats(text)
    console.print(f"{name}: {nats:.4f} nats a character, perplexity {perplexity(nats):.3f}")


def _text(paths: list[Path], encoding: str) -> str:
    return "\n".join(plain_text(path, encoding=encoding) for path in paths)
