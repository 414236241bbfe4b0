"""Unaligned many-to-many: an encoder-decoder that sorts the letters of a word.

One network, the encoder, reads the word, and its last state is all that the decoder learns about it. The decoder writes
the letters in order. In training it is given the correct previous letter at each step (teacher forcing). Afterwards it
reads its own output, chosen greedily or with a beam. Nothing tells it how many letters there are: it has to stop by
itself.

    python examples/sort_letters.py [FOLDER]

Expected: all of 500 unseen words are sorted without a mistake, greedily and with a beam of 4; under half a minute. With
TINYSEQ_EXAMPLE_QUICK=1 the words are shorter, and at least 90 % of 200 are expected.

Writes sort_letters.png into FOLDER (by default the current one) if Graphviz is installed: the two networks in training,
unrolled over a word of three letters.
"""

import argparse
import os
from pathlib import Path

import numpy as np

import tinyseq as ts

QUICK = os.environ.get("TINYSEQ_EXAMPLE_QUICK") == "1"
LETTERS = "abcde" if QUICK else "abcdefghij"
LONGEST = 4 if QUICK else 7
STEPS, BATCH, PEAK = (350, 32, 0.01) if QUICK else (1200, 64, 0.005)
UNSEEN, EXPECTED = (200, 0.9) if QUICK else (500, 1.0)


def words(count: int, rng: np.random.Generator, shortest: int = 1) -> list[list[int]]:
    """Random words, as the numbers of their letters."""
    return [rng.integers(len(LETTERS), size=length).tolist() for length in rng.integers(shortest, LONGEST + 1, count)]


def written(word: list[int]) -> str:
    return "".join(LETTERS[i] for i in word)


def draw(path: Path, model: ts.nn.EncoderDecoder, word: list[int]) -> None:
    """Both networks with a word in training, unrolled: one state is all that leads from the first to the second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        ts.viz.graph(model.loss([word], [sorted(word)]), depth=1).save(path)
    except (ImportError, RuntimeError) as error:
        print(f"no picture: {error}")
        return
    print(f"wrote {path}")


def main(folder: Path) -> float:
    ts.manual_seed(0)
    model = ts.nn.EncoderDecoder(len(LETTERS), len(LETTERS), hidden_size=32 if QUICK else 96)
    unseen = words(UNSEEN, np.random.default_rng(1), shortest=3)
    held_out = {tuple(word) for word in unseen}

    def task(step: int) -> ts.train.Loss:
        batch = [word for word in words(BATCH, np.random.default_rng([0, step])) if tuple(word) not in held_out]
        return ts.train.Loss(model.loss(batch, [sorted(word) for word in batch]), sum(map(len, batch)))

    def right() -> float:
        found = model.greedy(unseen, longest=2 * LONGEST)
        return float(np.mean([target == sorted(word) for word, target in zip(unseen, found, strict=True)]))

    validation = ts.train.Validation(model, right, every=STEPS // 5, higher_is_better=True)
    schedule = ts.train.warm_up_cosine(PEAK, STEPS, warm_up=20, floor=0.02)
    optimizer = ts.optim.Adam(model.parameters(), lr=PEAK)
    for report in ts.train.train(task, optimizer, steps=STEPS, clip=1.0, schedule=schedule, validation=validation):
        if report.held_out is not None:
            print(f"step {report.step:4d}  loss {report.loss:.4f}  sorted without a mistake {report.held_out:.1%}")

    for word, target in list(zip(unseen, model.greedy(unseen, longest=2 * LONGEST), strict=True))[:5]:
        print(f"  {written(word):>{LONGEST}} -> {written(target)}")
    beams = [model.beam(word, width=4, longest=2 * LONGEST) for word in unseen]
    with_beam = float(np.mean([beam[0].symbols == sorted(word) for word, beam in zip(unseen, beams, strict=True)]))
    word, beam = max(zip(unseen, beams, strict=True), key=lambda pair: len(pair[0]))
    print(f"the beam for {written(word)}:")
    for hypothesis in beam:
        print(f"  {written(hypothesis.symbols):<{LONGEST + 1}} probability {np.exp(hypothesis.log_prob):.6f}")
    draw(folder / "sort_letters.png", model, [2, 0, 1])
    print(f"greedy: {right():.1%} of {UNSEEN} unseen words (expected: at least {EXPECTED:.0%})")
    print(f"beam of 4: {with_beam:.1%} of {UNSEEN} unseen words (expected: at least {EXPECTED:.0%})")
    return min(right(), with_beam)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="where to write pictures")
    main(parser.parse_args().folder)
