"""Many-to-one: is a review good or bad? The last state of an LSTM knows.

The reviews are made by a small grammar, so that the order of the words decides: "not good", "the plot was bad but the
end was great", "no longer dull". A classifier that only counts words (a bag of words) sees the same words in good and
in bad reviews; a recurrent network reads them in order.

    python examples/classify_reviews.py [FOLDER]

Expected: the LSTM is right on at least 99 % of 1000 unseen reviews, and the bag of words, trained in the same way, on
less than 60 %; a few seconds. With TINYSEQ_EXAMPLE_QUICK=1: at least 90 % of 300 for the LSTM.

Writes classify_reviews.png into FOLDER (by default the current one) if matplotlib is installed: the probability of
"good" after each word of a review, by the LSTM and by the bag of words. Only the LSTM turns to bad at "bad", and is
sure of good after "not awful".
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import tinyseq as ts
from tinyseq.data import Vocabulary, padded
from tinyseq.viz.plots.axes import finished, new_axes, saved

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUICK = os.environ.get("TINYSEQ_EXAMPLE_QUICK") == "1"
STEPS, UNSEEN, EXPECTED = (160, 300, 0.9) if QUICK else (500, 1000, 0.99)
THINGS = ["plot", "music", "cast", "end", "dialogue", "pace", "light", "story"]
GOOD = ["good", "great", "brilliant", "warm", "funny", "moving"]
BAD = ["bad", "dull", "awful", "flat", "silly", "tired"]
TURNS = ["not", "never", "hardly", "no longer"]
VERY = ["very", "rather", "quite", "really"]
VOCABULARY = Vocabulary(
    sorted(
        {word for part in (THINGS, GOOD, BAD, TURNS, VERY) for text in part for word in text.split()}
        | {"the", "was", "but"}
    )
)


def opinion(rng: np.random.Generator) -> tuple[list[str], bool]:
    """Such as "the plot was not very good", and whether it is a good opinion."""
    praised, turned, stressed = rng.integers(2, size=3).astype(bool)
    words = ["the", rng.choice(THINGS), "was"]
    if turned:
        words += rng.choice(TURNS).split()
    if stressed:
        words.append(rng.choice(VERY))
    words.append(rng.choice(GOOD if praised else BAD))
    return words, bool(praised != turned)


def review(rng: np.random.Generator) -> tuple[list[str], bool]:
    """One opinion, or two with "but" between them, of which the second counts."""
    words, good = opinion(rng)
    if rng.integers(2):
        more, good = opinion(rng)
        words = [*words, "but", *more]
    return words, good


def batch(count: int, rng: np.random.Generator) -> tuple[list[list[int]], np.ndarray]:
    """Reviews as the numbers of their words, and their labels: 1 for good."""
    reviews = [review(rng) for _ in range(count)]
    return [VOCABULARY.encode(words).tolist() for words, _ in reviews], np.array([int(good) for _, good in reviews])


class LastState(ts.nn.Module):
    """Scores of bad and good from h_T."""

    def __init__(self) -> None:
        self.embedding = ts.nn.Embedding(len(VOCABULARY), 16)
        self.lstm = ts.nn.LSTM(16, 32)
        self.output = ts.nn.Linear(32, 2)

    def forward(self, reviews: list[list[int]]) -> ts.Tensor:
        ids, lengths = padded(reviews)
        _, (h, _) = self.lstm(self.embedding(ids), lengths=lengths)
        return self.output(h[-1])


class BagOfWords(ts.nn.Module):
    """Scores of bad and good from how often each word occurs."""

    def __init__(self) -> None:
        self.output = ts.nn.Linear(len(VOCABULARY), 2)

    def forward(self, reviews: list[list[int]]) -> ts.Tensor:
        counts = [np.bincount(review, minlength=len(VOCABULARY)) for review in reviews]
        return self.output(ts.tensor(np.array(counts, dtype="f4")))


def accuracy_after_training(model: ts.nn.Module) -> float:
    """The share of unseen reviews that are put right."""
    reviews, labels = batch(UNSEEN, np.random.default_rng(12345))
    unseen = {tuple(review) for review in reviews}

    def task(step: int) -> ts.train.Loss:
        found = zip(*batch(32, np.random.default_rng([0, step])), strict=True)
        rows, answers = zip(*[(row, answer) for row, answer in found if tuple(row) not in unseen], strict=True)
        return ts.train.Loss(ts.nn.cross_entropy(model(list(rows)), np.array(answers)), len(rows))

    def accuracy() -> float:
        return float((model(reviews).numpy().argmax(axis=-1) == labels).mean())

    optimizer = ts.optim.Adam(model.parameters(), lr=0.01)
    for report in ts.train.train(task, optimizer, steps=STEPS, clip=1.0):
        if report.step % (STEPS // 5) == 0:
            print(f"  step {report.step:4d}  loss {report.loss:.3f}  right {accuracy():.1%}")
    return accuracy()


@saved
def draw(lstm: LastState, bag: BagOfWords, text: str) -> "Figure":
    """P(good) after each word of a review: of the LSTM as bars up or down from 1/2, of the bag of words as a line."""
    words = text.split()
    ids = VOCABULARY.encode(words).tolist()
    beginnings = [ids[: i + 1] for i in range(len(ids))]
    read, counted = (ts.softmax(model(beginnings), axis=-1).numpy()[:, 1] for model in (lstm, bag))
    axes = new_axes("Good or bad? The answer after each word", "the last word read", "P(good)", width=7.5)
    colors = ["#0072b2" if p > 0.5 else "#d55e00" for p in read]
    axes.bar(range(len(words)), read - 0.5, bottom=0.5, color=colors, width=0.6, label="LSTM")
    axes.plot(counted, "o--", color="gray", label="bag of words")
    axes.axhline(0.5, color="gray", linewidth=0.8)
    axes.set_xticks(range(len(words)), words)
    axes.set_ylim(-0.02, 1.02)
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    return finished(axes)


def main(folder: Path) -> tuple[float, float]:
    ts.manual_seed(0)
    for words, good in [review(np.random.default_rng(seed)) for seed in range(3)]:
        print(f"{' '.join(words)!r} is {'good' if good else 'bad'}")
    print("bag of words")
    bag = BagOfWords()
    counted = accuracy_after_training(bag)
    print("LSTM")
    model = LastState()
    read = accuracy_after_training(model)
    for text in ("the plot was bad but the end was not awful", "the cast was no longer very funny"):
        odds = ts.softmax(model([VOCABULARY.encode(text.split()).tolist()]), axis=-1).numpy()[0]
        print(f"{text!r}: P(good) = {odds[1]:.3f}")
    draw(folder / "classify_reviews.png", model, bag, "the plot was bad but the end was not awful")
    print(f"bag of words: {counted:.1%} of {UNSEEN} unseen reviews (expected: less than 60%)")
    print(f"LSTM: {read:.1%} of {UNSEEN} unseen reviews (expected: at least {EXPECTED:.0%})")
    return counted, read


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path())
