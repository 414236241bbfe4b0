"""What the three examples of long memory share: the network, its training, the measurements and the picture.

The examples are adding_problem.py, copy_task.py and reber_grammar.py; this file does nothing by itself.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import tinyseq as ts
from tinyseq.inspect import jacobian_norms

CELLS = {"RNN": ts.nn.RNN, "LSTM": ts.nn.LSTM, "GRU": ts.nn.GRU}
GATES = {"LSTM": "forget gate", "GRU": "update gate"}  # each is the share of its state that a unit keeps
COLORS = {"RNN": "#d55e00", "LSTM": "#0072b2", "GRU": "#009e73"}


class Reader(ts.nn.Module):
    """An answer at every step of some sequences, (T, B, inputs) to (T, B, outputs).

    The forget gates of an LSTM begin at sigmoid(``forget_bias``), as the share of its cells that is kept at each step.
    """

    def __init__(self, cell: str, inputs: int, hidden: int, outputs: int, forget_bias: float) -> None:
        self.cell = cell
        self.recurrent = CELLS[cell](inputs, hidden)
        self.output = ts.nn.Linear(hidden, outputs)
        if cell == "LSTM":
            ts.nn.init.forget_bias_(self.recurrent, forget_bias)

    def forward(self, x: np.ndarray) -> ts.Tensor:
        return self.output(self.recurrent(ts.tensor(x))[0])


def remembered(model: Reader, x: np.ndarray) -> np.ndarray:
    """|d s_T / d s_t| for t = 0, ..., T on a sequence (T, 1, inputs): how much of the past is left in the last state s.

    The state is h, and of an LSTM the cell c, its uninterrupted path.
    """
    first = ts.zeros(1, 1, model.recurrent.hidden_size, dtype="float32", requires_grad=True)
    if model.cell == "LSTM":
        _, (_, last) = model.recurrent(ts.tensor(x), (ts.zeros(*first.shape, dtype="float32"), first))
    else:
        _, last = model.recurrent(ts.tensor(x), first)
    return jacobian_norms(first, last).norms


def kept(model: Reader, x: np.ndarray) -> np.ndarray:
    """The share of its state that each unit keeps at each step of a sequence (T, 1, inputs): the gate, (T, H).

    It is the second block of rows in the weights of an LSTM (i, f, g, o) as well as of a GRU (r, z, n).
    """
    layer = model.recurrent
    rows = slice(layer.hidden_size, 2 * layer.hidden_size)
    with ts.no_grad():
        h, _ = layer(ts.tensor(x))
    before = np.concatenate([np.zeros((1, layer.hidden_size), "f4"), h.numpy()[:-1, 0]])
    w = {name: value[rows] for name, value in layer.state_dict().items()}
    z = x[:, 0] @ w["weight_ih_l0"].T + w["bias_ih_l0"] + before @ w["weight_hh_l0"].T + w["bias_hh_l0"]
    return 1 / (1 + np.exp(-z))


class Run(NamedTuple):
    """A trained model, its loss at each step, and what `remembered` gave before and after."""

    model: Reader
    losses: list[float]
    before: np.ndarray
    after: np.ndarray


def learn(model: Reader, loss: Callable[[Reader, int], ts.Tensor], x: np.ndarray, *, steps: int, rate: float) -> Run:
    """Train a model on the loss of each step; ``x`` (T, 1, inputs) is a sequence to look at."""
    print(model.cell)
    before, losses = remembered(model, x), []
    task = lambda step: ts.train.Loss(loss(model, step), 1)
    for report in ts.train.train(task, ts.optim.Adam(model.parameters(), lr=rate), steps=steps, clip=1.0):
        losses.append(report.loss)
        if report.step % (steps // 4) == 0:
            print(f"  step {report.step:4d}  loss {np.mean(losses[-50:]):.4f}")
    run = Run(model, losses, before, remembered(model, x))
    print(
        f"  |d state at the end / d state at the beginning|: {before[0]:.1e} before training, {run.after[0]:.1e} after"
    )
    return run


def draw(
    path: Path,
    title: str,
    runs: Mapping[str, Run],
    x: np.ndarray,
    symbols: Sequence[str],
    *,
    loss: str,
    guessing: float,
) -> None:
    """Losses, Jacobians, and the gates over a sequence whose steps are called ``symbols``."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print('no picture: pip install "tinyseq[plot]"')
        return
    gated = [cell for cell in runs if cell in GATES]
    figure = Figure(figsize=(12, 8), dpi=100, layout="constrained")
    figure.suptitle(title)
    top, bottom = figure.subfigures(2, 1)
    curves, jacobians = top.subplots(1, 2)
    for cell, run in runs.items():
        width = max(len(run.losses) // 40, 1)
        smooth = np.convolve(run.losses, np.ones(width) / width, mode="valid")
        curves.plot(np.arange(width, len(run.losses) + 1), smooth, color=COLORS[cell], label=cell)
        jacobians.semilogy(run.before, ":", color=COLORS[cell])
        jacobians.semilogy(run.after, color=COLORS[cell], label=cell)
    curves.axhline(guessing, color="gray", linewidth=0.8, label="without memory")
    curves.set(xlabel="training step", ylabel=loss, ylim=(0, 1.6 * guessing), title="Learning")
    curves.legend()
    jacobians.set(
        xlabel="time step t (dotted: before training)",
        ylabel="|d state at the end / d state at t|",
        title="What is left of the past",
    )
    jacobians.xaxis.get_major_locator().set_params(integer=True)
    jacobians.set_ylim(bottom=max(jacobians.get_ylim()[0], 1e-20))  # below that, all is equally forgotten
    for cell, axes in zip(gated, np.atleast_1d(bottom.subplots(1, len(gated))), strict=True):
        image = axes.imshow(kept(runs[cell].model, x).T, aspect="auto", cmap="viridis", vmin=0, vmax=1)
        axes.set(title=f"{cell}: {GATES[cell]}, the share of the state that is kept", ylabel="unit")
        named = [t for t, symbol in enumerate(symbols) if symbol.strip()]
        axes.set_xticks(named, [symbols[t] for t in named], fontsize=8)
        bottom.colorbar(image, ax=axes)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    print(f"wrote {path}")
