"""Learning to write without being told when: connectionist temporal classification on made-up speech.

Each word is spoken as a sequence of sounds. Each letter lasts for 2 to 5 steps, with 0 to 2 steps of silence in between
(at least 1 between equal letters) and noise over everything. The network reads the sounds and learns to spell the word,
but is never told at which steps the letters are: the loss sums over all alignments.

    python examples/listen.py [FOLDER [SEED]]

Expected: at least 93 % of 500 unseen words are spelt without a mistake, and in the best alignment of the known letters
at least 90 % of the steps that are labelled with a letter lie within that letter's sound. Half a minute; the short form
(TINYSEQ_EXAMPLE_QUICK=1) has 200 words and expects 85 % and 80 %.

Writes listen.png into FOLDER (by default the current one) if matplotlib is installed: the probability of each letter
and of the blank at each step of a word; above it the true sounds, with silence in the colour of the blank; and below it
the best alignment.
"""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import tinyseq as ts
from tinyseq.viz.plots.axes import saved

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUICK = os.environ.get("TINYSEQ_EXAMPLE_QUICK") == "1"
STEPS, HIDDEN, UNSEEN = (170, 24, 200) if QUICK else (600, 32, 500)
WRITTEN, PLACED = (0.85, 0.8) if QUICK else (0.93, 0.9)
LETTERS = "-abcde"  # the blank first
SOUNDS, NOISE = 8, 0.5


def voice() -> np.ndarray:
    """How each letter sounds, and the silence: a row for each, the same for all words."""
    sounds = np.random.default_rng(0).standard_normal((len(LETTERS), SOUNDS))
    sounds[0] = 0.0
    return sounds


def spoken(rng: np.random.Generator) -> tuple[list[int], list[int]]:
    """A word of 2 to 5 letters, and what sounds at each step: the number of a letter, or 0 for silence."""
    word = rng.integers(1, len(LETTERS), rng.integers(2, 6)).tolist()
    heard = [0] * int(rng.integers(0, 3))
    for i, letter in enumerate(word):
        heard += [letter] * int(rng.integers(2, 6))
        again = i + 1 < len(word) and word[i + 1] == letter
        heard += [0] * int(rng.integers(1 if again else 0, 3))
    return word, heard


def batch(size: int, seed: object) -> tuple[np.ndarray, list[int], list[list[int]], list[list[int]]]:
    """Sounds (T, B, 8), their lengths, the words, and where the letters really are."""
    rng = np.random.default_rng(seed)
    words, heard = zip(*(spoken(rng) for _ in range(size)), strict=True)
    lengths = [len(steps) for steps in heard]
    ids = np.array([[*steps, *[0] * (max(lengths) - len(steps))] for steps in heard]).T
    sounds = voice()[ids] + NOISE * rng.standard_normal((*ids.shape, SOUNDS))
    return sounds.astype("f4"), lengths, list(words), list(heard)


class Listener(ts.nn.Module):
    """Sounds in, log probabilities of letters and blank out."""

    def __init__(self) -> None:
        self.lstm = ts.nn.LSTM(SOUNDS, HIDDEN, bidirectional=True)
        self.output = ts.nn.Linear(2 * HIDDEN, len(LETTERS))

    def forward(self, sounds: np.ndarray, lengths: list[int]) -> ts.Tensor:
        hidden, _ = self.lstm(sounds, lengths=lengths)
        return ts.log_softmax(self.output(hidden), axis=-1)


def trained(seed: int) -> Listener:
    ts.manual_seed(seed)
    model = Listener()
    optimizer = ts.optim.Adam(model.parameters(), lr=0.01)
    for step in range(STEPS):
        sounds, lengths, words, _ = batch(16, [seed, 0, step])
        loss = ts.nn.ctc_loss(model(sounds, lengths), words, lengths)
        optimizer.zero_grad()
        loss.backward()
        ts.nn.clip_grad_norm_(optimizer.parameters, 5.0)
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step}: {loss.item():.3f} nats a letter")
    return model


def written(ids: list[int]) -> str:
    return "".join(LETTERS[i] for i in ids)


@saved
def draw(word: list[int], log_probs: np.ndarray, heard: list[int], alignment: list[int]) -> "Figure":
    """P(letter or blank) at each step of one word, from its log probabilities (T, 6)."""
    figure = ts.viz.posteriors(
        np.exp(log_probs),
        states=["blank", *LETTERS[1:]],
        symbols=written(alignment),
        truth=heard,
        title=f'Hearing "{written(word)}": what is written at each step',
    )
    return figure


def main(folder: Path, seed: int = 0) -> None:
    model = trained(seed)
    sounds, lengths, words, heard = batch(UNSEEN, [seed, 1])
    with ts.no_grad():
        log_probs = model(sounds, lengths)
    paths = ts.nn.ctc_align(log_probs, words, lengths)
    print("sounds   ", written(heard[0]))
    print("alignment", written(paths[0]))
    longest = int(np.argmax(lengths))
    draw(folder / "listen.png", words[longest], log_probs.numpy()[:, longest], heard[longest], paths[longest])
    for name, width in (("best path", 1), ("beam of 8", 8)):
        found = ts.nn.ctc_decode(log_probs, lengths, width=width)
        right = np.mean([guess == word for guess, word in zip(found, words, strict=True)])
        print(f"{name}: {right:.1%} of {UNSEEN} words (expected: at least {WRITTEN:.0%})")
    said = [(a, b) for path, steps in zip(paths, heard, strict=True) for a, b in zip(path, steps, strict=True) if a]
    placed = np.mean([a == b for a, b in said])
    print(f"letters in their place: {placed:.1%} of {len(said)} steps (expected: at least {PLACED:.0%})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="where to write pictures")
    parser.add_argument("seed", type=int, nargs="?", default=0)
    main(**vars(parser.parse_args()))
