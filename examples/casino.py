"""The occasionally dishonest casino: when was the loaded die on the table? (Durbin and others, 1998, chapter 3.)

A casino plays with a fair die, and now and then swaps it for a loaded one, which shows a six half of the time. Only the
rolls are observed. Three questions: if the model is known, which die was used at each roll (Viterbi, and the posterior
of each roll)? How accurate does the model expect this answer to be? And can the model itself be learned from nothing
but rolls (Baum-Welch)?

    python examples/casino.py [FOLDER]

Expected: posterior decoding is right on at least 75 % of the rolls, and its expected accuracy is within 5 points of
that; the learned model's likelihood is at least that of the true one, and its probability of a six with the loaded die
is right to within 0.1. A few seconds. Writes casino.png, the posterior with the truth above it, and casino.svg, the two
dice as states, into FOLDER (by default the current one) if the plotting and drawing extras are installed.
"""

import argparse
import os
from pathlib import Path

import numpy as np

import tinyseq as ts

QUICK = os.environ.get("TINYSEQ_EXAMPLE_QUICK") == "1"
ROLLS, SHOWN = 5000 if QUICK else 30_000, 300


def learned(rolls: list[int], rng: np.random.Generator) -> ts.hmm.Fitted:
    """A model from the rolls alone: two dice, one of which shows six a little more often."""
    start = ts.hmm.HMM(
        initial=[0.5, 0.5],
        transition=[[0.8, 0.2], [0.2, 0.8]],
        emission=[[1 / 6] * 6, [0.14, 0.14, 0.14, 0.14, 0.14, 0.30]],
        states=["fair", "loaded"],
        symbols=[1, 2, 3, 4, 5, 6],
    )
    return start.fit_em(rolls, max_steps=300, rng=rng)


def pictures(model: ts.hmm.HMM, rolls: list[int], truth: list[str], folder: Path) -> None:
    """The posterior of the first rolls, and the automaton."""
    try:
        figure = ts.viz.posteriors(
            model.posterior(rolls),
            truth=truth,
            title="Which die? The posterior, and the truth above it",
        )
        figure.savefig(folder / "casino.png", dpi=120)
        ts.viz.automaton(model).save(folder / "casino.svg")
    except (ImportError, RuntimeError) as error:
        print(f"no pictures: {error}")


def main(folder: Path) -> None:
    rng = np.random.default_rng(0)
    model = ts.hmm.HMM(**ts.data.CASINO)
    rolls, truth = (list(column) for column in zip(*ts.data.casino(ROLLS, rng), strict=True))
    print("rolls  ", "".join(map(str, rolls[:80])))
    print("truth  ", "".join(state[0].upper() for state in truth[:80]))
    viterbi = model.viterbi(rolls)
    print("Viterbi", "".join(state[0].upper() for state in viterbi.path[:80]))
    single = model.posterior_decode(rolls)
    print("single ", "".join(state[0].upper() for state in single.path[:80]))

    def right(path: list[str]) -> float:
        return float(np.mean([found == true for found, true in zip(path, truth, strict=True)]))

    print(f"Viterbi path: {right(viterbi.path):.1%} of {ROLLS} rolls (expected: at least 70%)")
    print(f"most probable die of each roll: {right(single.path):.1%} of {ROLLS} rolls (expected: at least 75%)")
    off = abs(single.expected_accuracy - right(single.path))
    print(f"expected accuracy {single.expected_accuracy:.1%}, off by: {100 * off:.1f} points (expected: at most 5)")

    fitted = learned(rolls, rng)
    print(fitted)
    gain = fitted.log_likelihoods[-1] - model.log_likelihood(rolls)
    print(f"log-likelihood beyond the true model's: {gain:.2f} nats (expected: at least 0)")
    six = fitted.model.emission[1, 5]
    print(f"the loaded die's sixes {six:.3f}, off by: {abs(six - 0.5):.3f} (expected: at most 0.1)")
    folder.mkdir(parents=True, exist_ok=True)
    pictures(model, rolls[:SHOWN], truth[:SHOWN], folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="where to write pictures")
    main(parser.parse_args().folder)
