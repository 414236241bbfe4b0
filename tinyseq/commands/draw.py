"""The command ``tinyseq draw``: networks that read letters, and hidden Markov models."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

import numpy as np
import typer

import tinyseq as ts
from tinyseq.commands.common import check_there, checked, console, one_of, plainly
from tinyseq.data import CATS
from tinyseq.nn.recurrent.layers import Recurrent
from tinyseq.nn.recurrent.registry import CELLS
from tinyseq.viz.content.sheet import View
from tinyseq.viz.hmm.lattice import sum_named
from tinyseq.viz.page.vanishing import factors
from tinyseq.viz.rendering.drawing import check_picture
from tinyseq.viz.rendering.settings import Theme, checked_font_size, checked_size

HIDDEN = 8


class CharacterNetwork(ts.nn.Module):
    """Predicts the next letter of a text.

    Args:
        cell: the name of its cell, such as ``"lstm"``.
        letters: the number of different letters.
        layers, bidirectional: of the recurrent layer.
    """

    def __init__(self, cell: str, letters: int, layers: int = 1, bidirectional: bool = False) -> None:
        self.rnn = Recurrent(cell, letters, HIDDEN, num_layers=layers, bidirectional=bidirectional)
        self.out = ts.nn.Linear(HIDDEN * (1 + bidirectional), letters)

    def forward(self, letters: ts.Tensor, last: bool = False) -> ts.Tensor:
        """(T, 1, letters) one-hot to scores (T, 1, letters), or (1, letters) from the last state alone."""
        states = self.rnn(letters)[0]
        return self.out(states[-1] if last else states)


def character_loss(
    cell: str, text: Sequence[str], layers: int = 1, bidirectional: bool = False, last: bool = False
) -> ts.Tensor:
    """The loss of an untrained network that predicts each letter of a text from those before it.

    Args:
        cell: the name of the network's cell, such as ``"lstm"``.
        text: at least two letters; all but the last are read.
        layers, bidirectional: of the recurrent layer.
        last: whether the loss is only that of the last letter's prediction.

    Raises:
        ValueError: the text is too short.
    """
    if len(text) < 2:
        raise ValueError(f"--text must have at least two letters, one to read and one to predict; got {text!r}")
    ts.manual_seed(0)
    letters = sorted(set(text))
    ids = np.array([[letters.index(letter)] for letter in text])
    network = CharacterNetwork(cell, len(letters), layers, bidirectional)
    scores = network(ts.tensor(np.eye(len(letters), dtype="f4")[ids[:-1]]), last)
    return ts.nn.cross_entropy(scores, ids[-1] if last else ids[1:])


def model_and_words(hmm: Path | None, observations: str | None) -> tuple[Any, list[str]]:
    """The hidden Markov model and the words of a trellis; by default those of the lectures.

    Args:
        hmm: a file that `HMM.save` has written.
        observations: words separated by spaces.

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


FIGURES = ("cell", "trellis", "automaton", "vanishing")
APPLIES = {  # options that only some pictures have
    **dict.fromkeys(("steps", "depth", "view", "text", "layers", "bidirectional", "last", "gradients"), ("network",)),
    **dict.fromkeys(("semiring", "observations", "candidates", "posterior"), ("trellis",)),
    **dict.fromkeys(("values", "title", "font_size", "size", "theme"), ("network", *FIGURES[:-1])),
    **{"legend": ("network", "cell"), "cell": ("cell",), "hmm": ("trellis", "automaton")},
}


def check_drawing(what: str) -> None:
    """Raise a ValueError for an unknown drawing."""
    if what not in (*CELLS, *FIGURES):
        raise ValueError(f"there is no drawing {what!r}; choose one of {', '.join((*CELLS, *FIGURES))}")


def save_vanishing(out: Path) -> None:
    """Write the page on vanishing gradients, and print by how much they shrink with the page's initial settings."""
    ts.viz.vanishing().save(out)
    console.print("factor of the gradient per step, with the loss at the last of 30 steps:")
    for name, factor in factors().items():
        console.print(f"  {name:36s} {factor:.3f}", highlight=False)
    console.print(f"saved {out}")


@plainly
def draw(
    context: typer.Context,
    what: Annotated[
        str, typer.Argument(help=f"What to draw: {', '.join((*CELLS, *FIGURES))}.", callback=checked(check_drawing))
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="Output file: .svg, .png, .pdf, .dot or .html (an interactive page).",
            callback=checked(lambda path: check_picture(path, "--out")),
        ),
    ],
    steps: Annotated[int | None, typer.Option(min=1, max=10_000, help="Time steps of a network; 4 by default.")] = None,
    depth: Annotated[int | None, typer.Option(min=0, help="Collapse a network's modules below this depth.")] = None,
    view: Annotated[
        str, typer.Option(help="View of a network: unrolled, folded or flat.", callback=one_of(get_args(View)))
    ] = "unrolled",
    text: Annotated[str | None, typer.Option(help="Text that a network reads and predicts, such as hello.")] = None,
    layers: Annotated[int, typer.Option(min=1, max=100, help="Recurrent layers of a network.")] = 1,
    bidirectional: Annotated[
        bool, typer.Option("--bidirectional", help="Make the network read in both directions.")
    ] = False,
    last: Annotated[bool, typer.Option("--last", help="Take the loss of the last step only.")] = False,
    gradients: Annotated[bool, typer.Option(help="Colour a network by its gradients.")] = True,
    legend: Annotated[bool | None, typer.Option(help="Add a legend of the boxes and colours.")] = None,
    cell: Annotated[str, typer.Option(help=f"The cell to draw: {', '.join(CELLS)}.", callback=one_of(CELLS))] = "lstm",
    hmm: Annotated[
        Path | None,
        typer.Option(
            help="Model for a trellis or automaton: a file written by HMM.save.", callback=checked(check_there)
        ),
    ] = None,
    observations: Annotated[str | None, typer.Option(help="Observations for a trellis, separated by spaces.")] = None,
    semiring: Annotated[
        str,
        typer.Option(help="Semiring of a trellis: max (Viterbi) or log (forward).", callback=checked(sum_named)),
    ] = "max",
    candidates: Annotated[
        bool,
        typer.Option("--candidates", help="List the candidates of each cell, with all but the best struck out."),
    ] = False,
    posterior: Annotated[bool, typer.Option("--posterior", help="Shade a trellis by the posteriors.")] = False,
    values: Annotated[bool | None, typer.Option(help="Write values; --no-values leaves a trellis to fill in.")] = None,
    title: Annotated[str, typer.Option(help="Title of the drawing.")] = "",
    font_size: Annotated[
        float | None,
        typer.Option(help="Font size in points; 11 by default.", callback=checked(checked_font_size)),
    ] = None,
    size: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="WIDTH HEIGHT", help="Largest width and height, in inches.", callback=checked(checked_size)
        ),
    ] = None,
    theme: Annotated[str, typer.Option(help="Colours: light or dark.", callback=one_of(get_args(Theme)))] = "light",
) -> None:
    """Draw a recurrent network that reads letters, one step of a cell, a trellis, or an automaton.

    A network is drawn with its gradients. Of a long sequence, the first steps and the last one are drawn; a page
    (.html) holds up to 100 steps. Without --hmm, a trellis or an automaton shows the lectures' example. The figure
    "vanishing" is a page about vanishing gradients, with sliders: an RNN beside an LSTM.
    """
    kind = "network" if what in CELLS else what
    for option, kinds in APPLIES.items():
        given = context.get_parameter_source(option)
        if kind not in kinds and given is not None and given.name == "COMMANDLINE":
            raise ValueError(f"--{option.replace('_', '-')} does not apply to {what}; leave it out")
    if text is not None and steps is not None:
        raise ValueError("--text and --steps cannot both be given: a text has as many steps as letters to read")
    if candidates and values is False:
        raise ValueError("--candidates writes values; leave out --no-values")
    if kind == "vanishing":
        return save_vanishing(out)
    chosen: dict[str, Any] = {"theme": theme, "values": values, "legend": legend, "font_size": font_size, "size": size}
    with ts.viz.defaults(**chosen):
        if kind == "trellis":
            model, words = model_and_words(hmm, observations)
            drawing = ts.viz.trellis(
                model, words, semiring, posterior=posterior, candidates=candidates, title=title  # type: ignore[arg-type]  # any text
            )  # fmt: skip
        elif kind == "automaton":
            drawing = ts.viz.automaton(ts.hmm.HMM(**CATS) if hmm is None else ts.hmm.HMM.load(hmm), title=title)
        elif kind == "cell":
            drawing = ts.viz.cell(cell, title=title or None)
        else:
            letters = text if text is not None else ["abcd"[t % 4] for t in range((steps or 4) + 1)]
            count = len(letters) - 1
            loss = character_loss(what, letters, layers, bidirectional, last)
            drawing = ts.viz.graph(
                loss, view, range(count) if out.suffix.lower() == ".html" and count <= 100 else None, depth,  # type: ignore[arg-type]  # any text
                gradients=gradients, title=title, inputs=letters[:-1],
            )  # fmt: skip
        drawing.save(out)
    console.print(f"saved {out}")
