"""Gradient clipping rescues a run whose gradient explodes.

A plain RNN reads 50 bits and predicts how many of them are ones. Its units are rectified linear, and its recurrent
weight is initialised to the identity (Le, Jaitly and Hinton, 2015). It can count, but if an update makes the weight a
little too large, everything grows from time step to time step, forward and backward. Both runs start with the same
weights and read the same bits; only the clipping differs.

    python examples/clip_exploding.py [FOLDER]

Expected: without clipping, the loss explodes after two steps, and the run ends worse than guessing, which has a mean
squared error of 0.125; with the gradient's norm clipped at 1, the error falls below 0.01. A few seconds. With
TINYSEQ_EXAMPLE_QUICK=1 there are 40 bits and fewer steps: the error of guessing is 0.1, and with clipping it falls
below 0.05.

Writes clip_exploding.png into FOLDER (by default the current one) if matplotlib is installed: the losses of both runs,
and the norms of their gradients before clipping, with the threshold.
"""

import argparse
import math
import os
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import tinyseq as ts

QUICK = os.environ.get("TINYSEQ_EXAMPLE_QUICK") == "1"
BITS, STEPS, EXPECTED = (40, 110, 0.05) if QUICK else (50, 400, 0.01)
GUESSING = BITS / 400  # the variance of a tenth of the ones
BATCH, HIDDEN, PEAK, THRESHOLD = 32, 32, 0.01, 1.0


class Counter(ts.nn.Module):
    """A tenth of the number of ones among some bits (T, B), from the last state."""

    def __init__(self) -> None:
        self.rnn = ts.nn.RNN(1, HIDDEN, nonlinearity="relu")
        self.output = ts.nn.Linear(HIDDEN, 1)
        self.rnn.weight_hh_l0.copy_(np.eye(HIDDEN))
        self.rnn.bias_ih_l0.copy_(np.zeros(HIDDEN))
        self.rnn.bias_hh_l0.copy_(np.zeros(HIDDEN))

    def forward(self, bits: np.ndarray) -> ts.Tensor:
        _, h = self.rnn(ts.tensor(bits[:, :, None].astype("f4")))
        return self.output(h[-1])[:, 0]


def error(model: Counter, seed: object) -> ts.Tensor:
    """The mean squared error on a batch of random bits."""
    bits = np.random.default_rng(seed).integers(2, size=(BITS, BATCH))
    return ts.nn.mse_loss(model(bits), (bits.sum(axis=0) / 10).astype("f4"))


def run(clip: float | None) -> tuple[float, list[ts.train.Report]]:
    """Train, and give the mean error on unseen bits, infinity if the loss was no number any more; and the reports."""
    ts.manual_seed(0)
    model, reports = Counter(), []
    optimizer = ts.optim.SGD(model.parameters(), lr=PEAK, momentum=0.9)
    schedule = ts.optim.cosine_decay(PEAK, STEPS)
    warnings.filterwarnings("ignore", "the training has diverged")  # which the run without clipping is to show
    try:
        task = lambda step: ts.train.Loss(error(model, [0, step]), BATCH, f"batch {step}")
        for report in ts.train.train(task, optimizer, steps=STEPS, clip=clip, schedule=schedule):
            reports.append(report)
            if report.step <= 3 or report.step % (STEPS // 5) == 0:
                print(f"  step {report.step:3d}  loss {report.loss:9.3g}  |gradient| {report.grad_norm:9.3g}")
    except ts.train.NonFiniteLoss as stop:
        print(f"  {stop}")
        return math.inf, reports
    with ts.no_grad():
        return float(np.mean([error(model, [1, i]).item() for i in range(20)])), reports


def draw(path: Path, runs: Mapping[str, list[ts.train.Report]]) -> None:
    """Losses and norms of the gradients, step by step."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print('no picture: pip install "tinyseq[plot]"')
        return
    figure = Figure(figsize=(12, 4.5), dpi=100, layout="constrained")
    figure.suptitle(f"A rectified network that counts {BITS} bits: clipping rescues it")
    losses, norms = figure.subplots(1, 2)
    for (name, reports), color in zip(runs.items(), ("#d55e00", "#009e73"), strict=True):
        steps = [report.step for report in reports]
        losses.semilogy(steps, [report.loss for report in reports], color=color, label=name, linewidth=1)
        norms.semilogy(steps, [report.grad_norm for report in reports], color=color, label=name, linewidth=1)
    losses.axhline(GUESSING, color="gray", linewidth=0.8, label="guessing")
    norms.axhline(THRESHOLD, color="gray", linewidth=0.8, label="threshold")
    losses.set(xlabel="training step", ylabel="squared error", title="Loss")
    norms.set(xlabel="training step", ylabel="norm of the gradient, before clipping", title="Gradient")
    losses.legend()
    norms.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    print(f"wrote {path}")


def main(folder: Path) -> tuple[float, float]:
    print("without clipping")
    without, exploding = run(clip=None)
    print(f"with the norm clipped at {THRESHOLD:g}")
    clipped, rescued = run(clip=THRESHOLD)
    draw(folder / "clip_exploding.png", {"without clipping": exploding, "with clipping": rescued})
    print(f"without clipping: error {without:.4g} (expected: above {GUESSING}, that of guessing)")
    print(f"with clipping: error {clipped:.4g} (expected: below {EXPECTED})")
    return without, clipped


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="where to write pictures")
    main(parser.parse_args().folder)
