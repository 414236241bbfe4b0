"""One-to-many: a label goes in, a name comes out, letter by letter.

The data are the names in the standard library's own source, each with what it names: a class, a function, a parameter
and so on. The network's first state is the label's embedding; from then on it reads only the letters that it has
written itself. It invents names that look like the real ones: those of classes begin with a capital, all others do not.

    python examples/generate_names.py [FOLDER]

Expected: of 300 invented class names at least 65 % begin with a capital (of the real ones 76 % do), and of 300
function names at most 10 %; under half a minute. With TINYSEQ_EXAMPLE_QUICK=1 the same of 100, less readable, names.

Writes generate_names.png into FOLDER (by default the current one) if matplotlib is installed: the share of names that
begin with a capital, of each kind, real beside invented.
"""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import tinyseq as ts
from tinyseq.data.batches import IGNORE, padded
from tinyseq.data.corpora import python_source
from tinyseq.viz.plots.axes import finished, new_axes, saved

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUICK = os.environ.get("TINYSEQ_EXAMPLE_QUICK") == "1"
TOKENS, STEPS, HIDDEN = (12_000, 120, 48) if QUICK else (120_000, 600, 96)
DRAWN, PEAK = (100 if QUICK else 300), 0.01
KINDS = ["class", "function", "parameter", "module", "attribute"]
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
END = len(LETTERS)  # written after a name; also what the network hears before its first letter


def named_things() -> dict[str, list[str]]:
    """Different names of each kind, with 3 to 20 letters."""
    found: dict[str, dict[str, None]] = {kind: {} for kind in KINDS}
    for line in python_source(train=TOKENS, held_out=1).train:
        for name, kind in line:
            if kind in found and 3 <= len(name) <= 20 and set(name) <= set(LETTERS):
                found[kind][name] = None
    return {kind: list(names) for kind, names in found.items()}


class Namer(ts.nn.Module):
    """P(letter | letters before it, kind): the kind's vector is h_0."""

    def __init__(self) -> None:
        self.kinds = ts.nn.Embedding(len(KINDS), HIDDEN)
        self.letters = ts.nn.Embedding(len(LETTERS) + 1, 32)
        self.gru = ts.nn.GRU(32, HIDDEN)
        self.output = ts.nn.Linear(HIDDEN, len(LETTERS) + 1)

    def first_state(self, kinds: Any) -> ts.Tensor:
        return self.kinds(kinds)[None]

    def forward(self, letters: Any, state: ts.Tensor) -> tuple[ts.Tensor, ts.Tensor]:
        hidden, state = self.gru(self.letters(letters), state)
        return self.output(hidden), state

    def invent(self, kind: str, count: int, rng: np.random.Generator, temperature: float = 0.7) -> list[str]:
        """Names of a kind, drawn letter by letter."""
        ids = np.full(count, END)
        columns = []
        with ts.no_grad():
            state = self.first_state(np.full(count, KINDS.index(kind)))
            for _ in range(20):
                logits, state = self(ids[None], state)
                noise = rng.gumbel(size=logits.shape[1:])  # the largest of logits + noise is a draw from the softmax
                ids = (logits.numpy()[0] / temperature + noise).argmax(axis=-1)
                columns.append(ids)
        letters = LETTERS + "\n"
        return ["".join(letters[i] for i in row).partition("\n")[0] for row in np.stack(columns, axis=1)]


@saved
def draw(real: dict[str, float], invented: dict[str, float]) -> "Figure":
    """The share of capitals of each kind of name: bars for the real and the invented ones."""
    at = np.arange(len(KINDS))
    axes = new_axes("Do invented names look like what they name?", "what is named", "begin with a capital (%)")
    for shift, label, color, shares in ((-0.2, "real", "#0072b2", real), (0.2, "invented", "#e69f00", invented)):
        bars = axes.bar(at + shift, [100 * shares[kind] for kind in KINDS], 0.4, color=color, label=label)
        axes.bar_label(bars, fmt="%.0f", fontsize=8)
    axes.set_xticks(at, KINDS)
    axes.legend(frameon=False, fontsize=9)
    return finished(axes)


def main(folder: Path) -> tuple[float, float]:
    ts.manual_seed(0)
    names = named_things()
    print(", ".join(f"{len(names[kind])} {kind} names" for kind in KINDS))
    model = Namer()

    def task(step: int) -> ts.train.Loss:
        rng = np.random.default_rng([0, step])
        kinds = rng.integers(len(KINDS), size=64)
        chosen = [str(rng.choice(names[KINDS[kind]])) for kind in kinds]
        ids = [[LETTERS.index(letter) for letter in name] for name in chosen]
        inputs, _ = padded([[END, *row] for row in ids], padding=END)
        targets, _ = padded([[*row, END] for row in ids], padding=IGNORE)
        logits, _ = model(inputs, model.first_state(kinds))
        return ts.train.Loss(ts.nn.cross_entropy(logits, targets), int((targets != IGNORE).sum()))

    schedule = ts.train.warm_up_cosine(PEAK, STEPS, warm_up=20, floor=0.05)
    optimizer = ts.optim.Adam(model.parameters(), lr=PEAK)
    for report in ts.train.train(task, optimizer, steps=STEPS, clip=1.0, schedule=schedule):
        if report.step % (STEPS // 5) == 0:
            invented = ", ".join(model.invent("class", 3, np.random.default_rng(0)))
            print(f"step {report.step:4d}  {report.loss:.3f} nats a letter  classes: {invented}")

    rng = np.random.default_rng(1)
    capital, real = {}, {}
    for kind in KINDS:
        invented = model.invent(kind, DRAWN, rng)
        capital[kind] = float(np.mean([name[:1].isupper() for name in invented]))
        real[kind] = float(np.mean([name[0].isupper() for name in names[kind]]))
        new = [name for name in dict.fromkeys(invented) if name and name not in names[kind]]
        print(f"{kind:>9}: {capital[kind]:6.1%} with a capital (real ones {real[kind]:.1%}); new: {', '.join(new[:4])}")
    draw(folder / "generate_names.png", real, capital)
    print(f"class names with a capital: {capital['class']:.1%} (expected: at least 65%)")
    print(f"function names with a capital: {capital['function']:.1%} (expected: at most 10%)")
    return capital["class"], capital["function"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="where to write pictures")
    main(parser.parse_args().folder)
