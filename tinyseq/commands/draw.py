"""The command ``tinyseq draw``: networks that read letters, and trellises."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import tinyseq as ts
from tinyseq.commands.common import console, plainly
from tinyseq.data import CATS
from tinyseq.nn.recurrent.layers import Recurrent
from tinyseq.nn.recurrent.registry import CELLS
from tinyseq.viz.rendering.drawing import check_picture

HIDDEN = 8


class CharacterNetwork(ts.nn.Module):
    """Guesses the next letter of a text.

    Args:
        cell: the name of its cell, such as ``"lstm"``.
        letters: how many there are.
        layers, bidirectional: of the recurrent layer.
    """

    def __init__(self, cell: str, letters: int, layers: int = 1, bidirectional: bool = False) -> None:
        self.rnn = Recurrent(cell, letters, HIDDEN, num_layers=layers, bidirectional=bidirectional)
        self.out = ts.nn.Linear(HIDDEN * (1 + bidirectional), letters)

    def forward(self, letters: ts.Tensor) -> ts.Tensor:
        """(T, 1, letters) one-hot to scores (T, letters)."""
        scores: ts.Tensor = self.out(self.rnn(letters)[0])
        return scores[:, 0]


def character_loss(
    cell: str, text: Sequence[str], layers: int = 1, bidirectional: bool = False, last: bool = False
) -> ts.Tensor:
    """How badly a new network guesses each letter of a text from those before it.

    Args:
        cell: the name of the network's cell, such as ``"lstm"``.
        text: at least two letters; all but the last are read.
        layers, bidirectional: of the recurrent layer.
        last: only the guess of the last letter counts.

    Raises:
        ValueError: the text is too short.
    """
    if len(text) < 2:
        raise ValueError(f"--text must have at least two letters, one to read and one to guess; got {text!r}")
    ts.manual_seed(0)
    letters = sorted(set(text))
    ids = np.array([letters.index(letter) for letter in text])
    network = CharacterNetwork(cell, len(letters), layers, bidirectional)
    scores = network(ts.tensor(np.eye(len(letters), dtype="f4")[ids[:-1]][:, None]))
    return ts.nn.cross_entropy(scores[-1:], ids[-1:]) if last else ts.nn.cross_entropy(scores, ids[1:])


def model_and_words(hmm: Path | None, observations: str | None) -> tuple[Any, list[str]]:
    """The hidden Markov model and the words of a trellis; by default those of the lectures.

    Args:
        hmm: a file that `HMM.save` has written.
        observations: words with blanks between.

    Raises:
        ValueError: a model without observations.
    """
    model, words = ts.hmm.HMM(**CATS), list(CATS["symbols"])
    if hmm is not None:
        if not observations:
            raise ValueError(
                "--hmm needs --observations, the words that the model reads, such as --observations 'a b b'"
            )
        model = ts.hmm.HMM.load(hmm)
    return model, observations.split() if observations else words


@plainly
def draw(
    what: Annotated[str, typer.Argument(help=f"{', '.join(CELLS)}, or trellis.")],
    out: Annotated[Path, typer.Option(help="Output file: .svg, .png, .pdf, .dot or .html (an interactive page).")],
    steps: Annotated[int | None, typer.Option(min=1, help="Time steps of a network; 4 by default.")] = None,
    depth: Annotated[int | None, typer.Option(min=0, help="Collapse a network's modules below this depth.")] = None,
    view: Annotated[str | None, typer.Option(help="View of a network: unrolled, folded or flat.")] = None,
    text: Annotated[str | None, typer.Option(help="Text that a network reads and predicts, such as hello.")] = None,
    layers: Annotated[int | None, typer.Option(min=1, help="Recurrent layers of a network.")] = None,
    bidirectional: Annotated[bool | None, typer.Option("--bidirectional", help="Read in both directions.")] = None,
    last: Annotated[bool | None, typer.Option("--last", help="Take the loss of the last step only.")] = None,
    values: Annotated[bool | None, typer.Option("--values", help="Show values in the boxes of a network.")] = None,
    gradients: Annotated[bool | None, typer.Option("--gradients/--no-gradients", help="Colour by gradients.")] = None,
    legend: Annotated[bool | None, typer.Option("--legend/--no-legend", help="Add a legend of the colours.")] = None,
    title: Annotated[str | None, typer.Option(help="A heading above a network.")] = None,
    semiring: Annotated[str | None, typer.Option(help="Semiring of a trellis: max (Viterbi) or log (forward).")] = None,
    hmm: Annotated[Path | None, typer.Option(help="Model of a trellis: a file that HMM.save wrote.")] = None,
    observations: Annotated[str | None, typer.Option(help="Observations of a trellis, separated by spaces.")] = None,
) -> None:
    """Draw a recurrent network that reads letters, with its gradients, or a trellis (by default the lectures' example).

    Of a long sequence, the first steps and the last one are drawn. A page (.html) holds up to 100 steps.
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
            raise ValueError(f"{option} does not apply to {what}; leave it out")
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
