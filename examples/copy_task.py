"""Long memory: the copy task. The plain RNN forgets during the blanks, LSTM and GRU repeat what they read.

The network reads 3 symbols, each one of four, then 30 blanks, then a delimiter; after that it has to output the symbols
in the same order. Each output depends on what was read more than 30 steps before.

    python examples/copy_task.py [FOLDER [SEED]]

Expected: guessing gets 25 % of the symbols right, LSTM and GRU at least 95 %, and the plain RNN at most 60 %. About
half a minute. With the seeds 0 to 4, LSTM and GRU got all of them right, and the RNN 24 to 38 %. With
TINYSEQ_EXAMPLE_QUICK=1, 20 blanks and 2 symbols: the GRU at least 95 %, the RNN at most 80 %.

Writes copy_task.png into FOLDER (by default the current one) if matplotlib is installed; adding_problem.py describes
it. Most gates keep the state during the blanks.
"""

import argparse
import math
import os
from pathlib import Path

import numpy as np
from memory_kit import CELLS, Reader, draw, learn

import tinyseq as ts
from tinyseq.data import copy_task

QUICK = os.environ.get("TINYSEQ_EXAMPLE_QUICK") == "1"
SYMBOLS, COUNT, BLANKS, STEPS, HIDDEN = (4, 2, 20, 400, 24) if QUICK else (4, 3, 30, 2000, 32)
FAILED, LEARNT = (0.8, 0.95) if QUICK else (0.6, 0.95)


def sequences(batch: int, seed: object) -> tuple[np.ndarray, np.ndarray]:
    """What is heard, as one-hot vectors (T, B, 6), and the symbols to be said again (3, B)."""
    inputs, targets = copy_task(SYMBOLS, COUNT, BLANKS, batch, np.random.default_rng(seed))
    return np.eye(SYMBOLS + 2, dtype="f4")[inputs], targets[-COUNT:]


def loss(model: Reader, seed: object) -> ts.Tensor:
    x, targets = sequences(32, seed)
    return ts.nn.cross_entropy(model(x)[-COUNT:], targets)


def main(folder: Path, seed: int = 0) -> dict[str, float]:
    x, _ = sequences(1, [seed, 2])
    unseen, targets = sequences(500, [seed, 1])
    runs, shares = {}, {}
    for cell in ["RNN", "GRU"] if QUICK else CELLS:
        ts.manual_seed(seed)
        model = Reader(cell, SYMBOLS + 2, HIDDEN, SYMBOLS, forget_bias=4.0)
        runs[cell] = learn(model, lambda model, step: loss(model, [seed, 0, step]), x, steps=STEPS, rate=0.02)
        with ts.no_grad():
            shares[cell] = float((model(unseen)[-COUNT:].numpy().argmax(axis=-1) == targets).mean())
    for cell, share in shares.items():
        print(
            f"{cell}: {share:.1%} (expected: {f'at most {FAILED:.0%}' if cell == 'RNN' else f'at least {LEARNT:.0%}'})"
        )
    heard = [("abcd" + " !")[i] for i in x[:, 0].argmax(axis=-1)]
    title = f"The copy task with a silence of {BLANKS} steps"
    draw(folder / "copy_task.png", title, runs, x, heard, loss="nats a symbol", guessing=math.log(SYMBOLS))
    return shares


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="where to write pictures")
    parser.add_argument("seed", type=int, nargs="?", default=0)
    main(**vars(parser.parse_args()))
