"""Long memory: the embedded Reber grammar. The plain RNN learns the grammar, but not what it has to remember until the
end.

A string is B, then T or P, then a string of Reber's grammar, then the same T or P again, then E. The network reads it
symbol by symbol and predicts the next one. In most positions the last few symbols determine which ones may follow; the
last T or P depends on the second symbol, which is 28 to 38 steps back, with many other Ts and Ps in between.

    python examples/reber_grammar.py [FOLDER [SEED]]

Expected: LSTM and GRU predict the last T or P of at least 98 % of 500 new strings, and the plain RNN of at most 60 %;
guessing gets 50 %. About half a minute. With the seeds 0 to 4, LSTM and GRU predicted all of them, and the RNN 47 to 51
%. With TINYSEQ_EXAMPLE_QUICK=1, on strings of 20 to 24 symbols: at least 95 % for the LSTM, at most 70 % for the RNN.

Writes reber_grammar.png into FOLDER (by default the current one) if matplotlib is installed; adding_problem.py
describes it. With seed 0, one unit of the GRU keeps the second symbol to the end, and the others follow the grammar.
"""

import argparse
import math
import os
from pathlib import Path

import numpy as np
from memory_kit import CELLS, Reader, draw, learn

import tinyseq as ts
from tinyseq.data import embedded_reber

QUICK = os.environ.get("TINYSEQ_EXAMPLE_QUICK") == "1"
SHORTEST, LONGEST, STEPS, HIDDEN = (20, 24, 300, 16) if QUICK else (30, 40, 1000, 24)
FAILED, LEARNT = (0.7, 0.95) if QUICK else (0.6, 0.98)
LETTERS = "BTPSXVE"
T, P = LETTERS.index("T"), LETTERS.index("P")


def strings(batch: int, seed: object) -> np.ndarray:
    """The letters' numbers (T, B), of strings of one length."""
    rng = np.random.default_rng(seed)
    length = int(rng.integers(SHORTEST, LONGEST + 1))
    return np.array([[LETTERS.index(letter) for letter in embedded_reber(length, rng)] for _ in range(batch)]).T


def read(ids: np.ndarray) -> np.ndarray:
    """All letters but the last as one-hot vectors (T - 1, B, 7)."""
    return np.eye(len(LETTERS), dtype="f4")[ids[:-1]]


def losses(model: Reader, seed: object) -> tuple[ts.Tensor, ts.Tensor]:
    """The mean loss of all predictions, and that of the one that needs the memory."""
    ids = strings(32, seed)
    logits = model(read(ids))
    return ts.nn.cross_entropy(logits, ids[1:]), ts.nn.cross_entropy(logits[-2], ids[-2])


def remembered_right(model: Reader, seed: object) -> float:
    """How often the right one of T and P has the higher score at the end."""
    right = []
    for i in range(10):
        ids = strings(50, [seed, 1, i])
        with ts.no_grad():
            scores = model(read(ids)).numpy()[-2]
        right.append((scores[:, T] > scores[:, P]) == (ids[-2] == T))
    return float(np.mean(right))


def main(folder: Path, seed: int = 0) -> dict[str, float]:
    ids = strings(1, [seed, 2])
    runs, shares = {}, {}
    for cell in ["RNN", "LSTM"] if QUICK else CELLS:
        ts.manual_seed(seed)
        model, at_the_end = Reader(cell, len(LETTERS), HIDDEN, len(LETTERS), forget_bias=3.0), []

        def loss(model: Reader, step: int, watched: list[float] = at_the_end) -> ts.Tensor:
            everywhere, last = losses(model, [seed, 0, step])
            watched.append(last.item())
            return everywhere + 0.3 * last  # one prediction in 35, which the mean over all of them all but hides

        runs[cell] = learn(model, loss, read(ids), steps=STEPS, rate=0.02 if QUICK else 0.015)._replace(
            losses=at_the_end
        )
        shares[cell] = remembered_right(model, seed)
    for cell, share in shares.items():
        print(
            f"{cell}: {share:.1%} (expected: {f'at most {FAILED:.0%}' if cell == 'RNN' else f'at least {LEARNT:.0%}'})"
        )
    letters = [LETTERS[i] for i in ids[:-1, 0]]
    title = f"Embedded Reber grammar, strings of {SHORTEST} to {LONGEST} letters"
    loss_name = "loss of the last T or P, in nats"
    draw(folder / "reber_grammar.png", title, runs, read(ids), letters, loss=loss_name, guessing=math.log(2))
    return shares


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="where to write pictures")
    parser.add_argument("seed", type=int, nargs="?", default=0)
    main(**vars(parser.parse_args()))
