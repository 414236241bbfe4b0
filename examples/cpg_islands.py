"""Regions in DNA: finding islands where C is often followed by G.

In most DNA the pair CG is rare, as it decays into TG. In some regions, near the starts of genes, it is not: these are
called CpG islands. Whether a letter stands in an island cannot be seen from the letter alone; it takes the neighbours.
So there are eight states, one for each letter inside and outside (after Durbin and others, 1998, chapter 3): A+ C+ G+
T+ A- C- G- T-. Each state makes its own letter only; all that is learned lies in the transitions. They are counted on
labelled sequences, and a new one is decoded. The sequences are generated here, by chains with and without many CG.

    python examples/cpg_islands.py [FOLDER]

Expected: at least 93 % of the letters of a new sequence are put right, by the best path and by the posterior of each
letter; and of the letters that are in islands, at least 80 % are found. A few seconds. Writes cpg_islands.png, the
posterior along the sequence with the true islands above it, into FOLDER (by default the current one) if matplotlib is
installed.
"""

import os
import sys
from bisect import bisect
from pathlib import Path

import numpy as np

import tinyseq as ts

QUICK = os.environ.get("TINYSEQ_EXAMPLE_QUICK") == "1"
LETTERS = "ACGT"
TRAINING, LENGTH = (20, 4000) if QUICK else (50, 10_000)
ENTER, LEAVE = 1 / 800, 1 / 250  # islands are 250 letters long on average, gaps 800
INSIDE = np.array(
    [[0.18, 0.28, 0.42, 0.12], [0.17, 0.36, 0.28, 0.19], [0.16, 0.34, 0.38, 0.12], [0.08, 0.36, 0.38, 0.18]]
)
OUTSIDE = np.array(
    [[0.30, 0.20, 0.29, 0.21], [0.32, 0.30, 0.08, 0.30], [0.25, 0.24, 0.30, 0.21], [0.18, 0.24, 0.29, 0.29]]
)

EDGES = {mark: table.cumsum(axis=1)[:, :3].tolist() for mark, table in (("+", INSIDE), ("-", OUTSIDE))}


def generated(length: int, rng: np.random.Generator) -> tuple[str, str]:
    """A sequence of letters, and + or - for each."""
    letters, marks = [int(rng.integers(4))], ["-"]
    for change, point in rng.random((length - 1, 2)).tolist():
        changed = change < (ENTER if marks[-1] == "-" else LEAVE)
        marks.append("-+"[(marks[-1] == "-") == changed])
        letters.append(bisect(EDGES[marks[-1]][letters[-1]], point))
    return "".join(LETTERS[i] for i in letters), "".join(marks)


def labelled(letters: str, marks: str) -> list[tuple[str, str]]:
    """Pairs of a letter and its state, such as ("C", "C+")."""
    return [(letter, letter + mark) for letter, mark in zip(letters, marks, strict=True)]


def picture(inside: np.ndarray, marks: str, folder: Path) -> None:
    """P(island) along the sequence, and where the islands are."""
    try:
        figure = ts.viz.posteriors(
            np.stack([inside, 1 - inside], axis=1),
            states=["island", "elsewhere"],
            truth=["+-".index(mark) for mark in marks],
            title="P(island | the whole sequence), and the true islands above",
        )
        figure.savefig(folder / "cpg_islands.png", dpi=120)
    except (ImportError, RuntimeError) as error:
        print(f"no picture: {error}")


def main() -> None:
    rng = np.random.default_rng(3)
    data = [labelled(*generated(LENGTH, rng)) for _ in range(TRAINING)]
    model = ts.hmm.HMM.from_labelled(data, smoothing=ts.hmm.AddK(0.1))
    at = model.states.index
    for mark, where in (("+", "inside"), ("-", "outside")):
        row = model.transition[at("C" + mark)]
        print(f"P(G after C) {where} islands: {row[at('G' + mark)] / row[[at(x + mark) for x in LETTERS]].sum():.3f}")

    letters, marks = generated(LENGTH, rng)
    posterior = model.posterior(letters).states
    inside = posterior[:, [at(x + "+") for x in LETTERS]].sum(axis=1)
    island = np.array([mark == "+" for mark in marks])
    best = np.array([state.endswith("+") for state in model.viterbi(letters).path])
    print(f"{int(island.sum())} of {LENGTH} letters are in islands")
    print(f"never an island: {np.mean(~island):.1%} of the letters right")
    print(f"Viterbi path: {np.mean(best == island):.1%} of the letters right (expected: at least 93%)")
    print(f"posterior: {np.mean((inside > 0.5) == island):.1%} of the letters right (expected: at least 93%)")
    print(f"island letters found: {np.mean(inside[island] > 0.5):.1%} of them (expected: at least 80%)")
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
    folder.mkdir(parents=True, exist_ok=True)
    shown = 1000 if QUICK else 4000
    picture(inside[:shown], marks[:shown], folder)


if __name__ == "__main__":
    main()
