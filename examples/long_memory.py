"""Long memory: the adding problem of Hochreiter and Schmidhuber (1997). The plain RNN fails, LSTM and GRU succeed.

A sequence has two numbers at each of 40 steps: a random one, and a mark, which is 1 at two places and 0 elsewhere.
After the last step the network has to say the sum of the two marked numbers. The first of them lies up to 40 steps
back, and the gradient that could tell the network to keep it has to come back all that way.

    python examples/long_memory.py [FOLDER]

Expected: guessing the mean has an error of 1/6 = 0.167. LSTM and GRU fall below 0.02, and the plain RNN stays above
0.1. About a minute. With TINYSEQ_EXAMPLE_QUICK=1, over 20 steps: the GRU falls below 0.08, and the RNN stays above 0.1.
Writes long_memory.png into FOLDER (by default the current one) if matplotlib is installed: the curves, how much of the
gradient arrives at each step and the norms of dh_T/dh_t, before and after training, and the GRU's update gate.
"""

import os
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

import tinyseq as ts
from tinyseq.inspect import jacobian_norms

QUICK = os.environ.get("TINYSEQ_EXAMPLE_QUICK") == "1"
LENGTH, STEPS, EXPECTED = (20, 240, 0.08) if QUICK else (40, 900, 0.02)
BATCH, HIDDEN, RATE = 32, 16 if QUICK else 32, 0.02
CELLS = {"RNN": ts.nn.RNN, "LSTM": ts.nn.LSTM, "GRU": ts.nn.GRU}


def sequences(seed: object) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and marks (T, B, 2), and the sums (B,)."""
    rng = np.random.default_rng(seed)
    numbers, marks, columns = rng.random((LENGTH, BATCH)), np.zeros((LENGTH, BATCH)), np.arange(BATCH)
    marks[rng.integers(0, LENGTH // 2, BATCH), columns] = 1
    marks[rng.integers(LENGTH // 2, LENGTH, BATCH), columns] = 1
    return np.stack([numbers, marks], axis=2).astype("f4"), (numbers * marks).sum(axis=0).astype("f4")


class Adder(ts.nn.Module):
    """The sum, from the last output of a recurrent layer."""

    def __init__(self, cell: str) -> None:
        self.recurrent = CELLS[cell](2, HIDDEN)
        self.output = ts.nn.Linear(HIDDEN, 1)
        if cell == "LSTM":
            ts.nn.init.forget_bias_(self.recurrent, 1.0)  # its cells begin by keeping 73 % at each step

    def error(self, x: ts.Tensor, sums: np.ndarray) -> ts.Tensor:
        outputs, _ = self.recurrent(x)
        return ts.nn.mse_loss(self.output(outputs[-1])[:, 0], sums)


def arriving(model: Adder) -> np.ndarray:
    """The norm of d error / d x_t for each step t (T,): how much of the gradient arrives there."""
    x, sums = sequences([2, 0])
    leaf = ts.tensor(x, requires_grad=True)
    slope = ts.grad(model.error(leaf, sums), leaf).numpy()
    return np.sqrt((slope**2).sum(axis=(1, 2)))


def remembered(model: Adder) -> np.ndarray:
    """The norm of dh_T/dh_t for each step t (T,), on one sequence: the effect of the past on the future."""
    x, _ = sequences([2, 0])
    outputs, _ = model.recurrent(ts.tensor(x[:, :1]))
    return jacobian_norms(outputs[0], outputs[-1]).norms


class Learnt(NamedTuple):
    """A model, its loss at each step, and pairs of what `arriving` and `remembered` give before and after."""

    model: Adder
    losses: list[float]
    arriving: tuple[np.ndarray, np.ndarray]
    remembered: tuple[np.ndarray, np.ndarray]


def learn(cell: str) -> Learnt:
    ts.manual_seed(0)
    model = Adder(cell)
    before, losses = (arriving(model), remembered(model)), []

    def task(step: int) -> ts.train.Loss:
        x, sums = sequences([0, step])
        return ts.train.Loss(model.error(ts.tensor(x), sums), BATCH)

    for report in ts.train.train(task, ts.optim.Adam(model.parameters(), lr=RATE), steps=STEPS, clip=1.0):
        losses.append(report.loss)
        if report.step % (STEPS // 4) == 0:
            print(f"  step {report.step:4d}  error {np.mean(losses[-50:]):.4f}")
    return Learnt(model, losses, (before[0], arriving(model)), (before[1], remembered(model)))


def unseen(model: Adder) -> float:
    """The mean error on sequences that were not learnt from."""
    with ts.no_grad():
        return float(
            np.mean([model.error(ts.tensor(x), sums).item() for x, sums in (sequences([1, i]) for i in range(20))])
        )


def update_gates(model: Adder, x: np.ndarray) -> np.ndarray:
    """How much of its old state each unit of a GRU gives up at each step of one sequence: 1 - u, (T, H)."""
    gru = model.recurrent
    with ts.no_grad():
        outputs, _ = gru(ts.tensor(x[:, :1]))
        before = ts.concatenate([ts.zeros(1, 1, HIDDEN, dtype="float32"), outputs[:-1]])
        z = x[:, 0] @ gru.weight_ih_l0.numpy().T + gru.bias_ih_l0.numpy()
        z = z + before.numpy()[:, 0] @ gru.weight_hh_l0.numpy().T + gru.bias_hh_l0.numpy()
    return 1 / (1 + np.exp(z[:, HIDDEN : 2 * HIDDEN]))


def draw(folder: Path, learnt: dict[str, Learnt]) -> None:
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print('no picture: pip install "tinyseq[plot]"')
        return
    figure, (curves, flow, jacobians, gates) = plt.subplots(4, 1, figsize=(7, 11), layout="constrained")
    for color, (cell, run) in zip(("C3", "C0", "C2"), learnt.items(), strict=False):
        smooth = np.convolve(run.losses, np.ones(25) / 25, mode="valid")
        curves.plot(np.arange(25, len(run.losses) + 1), smooth, color=color, label=cell)
        for line, gradient, norms in zip((":", "-"), run.arriving, run.remembered, strict=True):
            label = f"{cell} {'before' if line == ':' else 'after'}"
            flow.semilogy(gradient / gradient.max(), line, color=color, label=label)
            jacobians.semilogy(norms, line, color=color)
    curves.axhline(1 / 6, color="gray", linewidth=0.8, label="guessing")
    curves.set(xlabel="step", ylabel="mean squared error", title=f"The adding problem over {LENGTH} steps")
    flow.set(
        xlabel="time step t", ylabel="|d error / d x_t|, of its largest", title="How much gradient comes back to t"
    )
    jacobians.set(xlabel="time step t", ylabel="|dh_T / dh_t|", title="How much of the past is left in the last state")
    x, _ = sequences([2, 0])
    gates.imshow(update_gates(learnt["GRU"].model, x).T, aspect="auto", cmap="viridis", vmin=0, vmax=1)
    for place in np.flatnonzero(x[:, 0, 1]):
        gates.axvline(place, color="white", linewidth=0.8)
    gates.set(
        xlabel="time step t (marked numbers: white)", ylabel="unit", title="GRU: share of the state that is renewed"
    )
    curves.legend()
    flow.legend(ncols=len(learnt))
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "long_memory.png", dpi=120)
    print(f"wrote {folder / 'long_memory.png'}")


def main(folder: Path) -> dict[str, float]:
    learnt, errors = {}, {}
    for cell in ["RNN", "GRU"] if QUICK else CELLS:
        print(cell)
        learnt[cell] = learn(cell)
        errors[cell] = unseen(learnt[cell].model)
    for cell, (_, _, (before, after), _) in learnt.items():
        print(
            f"{cell}: {before[0] / before.max():.1e} of the largest gradient comes back to step 0 before training, "
            f"{after[0] / after.max():.1e} after"
        )
    for cell, error in errors.items():
        print(f"{cell}: error {error:.4f} (expected: {'above 0.1' if cell == 'RNN' else f'below {EXPECTED}'})")
    draw(folder, learnt)
    return errors


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path())
