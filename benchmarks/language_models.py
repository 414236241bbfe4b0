"""Language models of characters and words on a text: the cross entropy of its last 5 %, which none of them learnt from.

python benchmarks/language_models.py [PATH]               n-grams, window, RNN, GRU and LSTM, a few minutes in all
python benchmarks/language_models.py [PATH] --large       one large LSTM, an hour; then with n-grams, and adapting
python benchmarks/language_models.py FOLDER --words       n-grams and an LSTM over the words of a treebank
python benchmarks/language_models.py [PATH] --race        the LSTM beside the same one in PyTorch: loss and time
python benchmarks/language_models.py [PATH] --sampling    characters a second that are drawn

PATH is a text, such as tiny-shakespeare's; without one it is the prose of Python's own documentation. FOLDER holds the
-train, -dev and -test parts of a treebank as .conllu; its words are lower-cased, and those that occur once in train are
unknown words; all models predict the same symbols, unknown words and the ends of sentences among them. The network
has the weights that are best on dev. Seconds are of the processor, with one thread. Networks are compiled with Numba
where it is installed.
"""

import argparse
import importlib.util
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}

import numpy as np

import tinyseq as ts
from tinyseq.lm import RNNLM, LanguageModel, Mixture, NgramLM, WindowLM, word_vocabulary
from tinyseq.train import Report

SMALL = {"steps": 1500, "window": 64, "batch": 32, "lr": 5e-3}
LARGE = {"steps": 10000, "window": 64, "batch": 32, "lr": 2.5e-3, "clip": 5.0, "weight_decay": 0.1}
WORDS = {"steps": 3100, "window": 35, "batch": 20, "lr": 4e-3, "clip": 1.0, "validate_every": 500}


def characters(path: Path | None) -> tuple[str, str]:
    """The text without its last 5 %, and these."""
    text = path.read_text("utf-8") if path is not None else "".join(ts.data.python_docs())
    cut = len(text) * 95 // 100
    return text[:cut], text[cut:]


def treebank(folder: Path) -> list[list[list[str]]]:
    """The lower-cased words of the sentences of train, dev and test."""
    paths = (next(folder.glob(f"*-{part}.conllu")) for part in ("train", "dev", "test"))
    return [[[word.lower() for word, _ in sentence] for sentence in ts.data.conllu(path)] for path in paths]


def parameters(model: LanguageModel) -> int:
    """How many numbers a model has learnt: weights, or n-grams."""
    return sum(model.sizes) if isinstance(model, NgramLM) else sum(p.size for p in model.parameters())


def measured(name: str, model: LanguageModel, fit: Callable[[], object], text: object, test: object = None) -> None:
    """A line of the table: train a model, and measure it; a network reads the text as one sequence, as counts do."""
    start = time.process_time()
    fit()
    seconds = time.process_time() - start
    whole = {} if isinstance(model, NgramLM) else {"batch": 1}
    found = model.evaluate(text, **whole)
    line = (
        f"{name:34s} {parameters(model):10,} numbers {seconds:8.1f} s {found.nats:8.4f} nats {found.bits:7.4f} bits "
        f"perplexity {found.perplexity:8.2f}"
    )
    print(line if test is None else f"{line}, of test {model.perplexity(test, **whole):8.2f}", flush=True)


def taken(reports: Iterable[Report]) -> None:
    """Take the steps of a run, and show how it goes."""
    losses: list[float] = []
    start = time.process_time()
    for report in reports:
        losses.append(report.loss)
        if report.step % 500 == 0:
            held_out = "" if report.held_out is None else f", held out {report.held_out:.4f}"
            seconds = time.process_time() - start
            print(f"step {report.step}: {np.mean(losses[-500:]):.4f} nats{held_out}, {seconds:.0f} s", flush=True)


def table(text: str, held_out: str, how: str) -> None:
    letters = sorted(set(text + held_out))
    known = ts.data.Vocabulary(letters)
    for n in range(1, 8):
        counted = NgramLM(n, vocabulary=known)
        measured(f"{n}-gram, Kneser-Ney", counted, lambda model=counted: model.fit(text), held_out)
    networks = {"window of 8, 128 units": lambda: WindowLM(letters, 8, 128)}
    for cell in ("rnn", "gru", "lstm"):
        networks[f"{cell.upper()}, 128 units"] = lambda cell=cell: RNNLM(letters, 128, cell=cell)
    for name, made in networks.items():
        ts.manual_seed(0)
        model = made()
        measured(name, model, lambda model=model: model.fit(text, compile=how, **SMALL), held_out)


def large(text: str, held_out: str, how: str, steps: int | None) -> None:
    ts.manual_seed(0)
    model = RNNLM(sorted(set(text + held_out)), 512, 128, num_layers=2, dropout=0.5)
    settings = LARGE | ({} if steps is None else {"steps": steps})
    reports = model.fit_steps(text, compile=how, **settings)
    measured("LSTM, 2 x 512 units", model, lambda: taken(reports), held_out)
    helped(model, text, held_out)


def helped(model: RNNLM, text: str, held_out: str) -> None:
    """The network interpolated with n-grams, and while it adapts to what it has read."""
    halves = held_out[: len(held_out) // 2], held_out[len(held_out) // 2 :]
    for n in (6, 8):
        mixture = Mixture([model, NgramLM(n, vocabulary=model.vocabulary).fit(text)])
        # the weights are learned on one half of the held-out text, and measured on the other one
        nats = [mixture.fit(learned).nats(measured) for learned, measured in (halves, halves[::-1])]
        print(f"with a {n}-gram, interpolated {np.mean(nats):.4f} nats, weights {mixture.weights.round(3)}", flush=True)
    for rate in (0.05, 0.2, 1.0):
        nats = model.nats(held_out, window=64, batch=1, adapt=rate)
        print(f"adapting, learning rate {rate}: {nats:.4f} nats", flush=True)


def words(folder: Path, how: str, steps: int | None) -> None:
    text, held_out, test = treebank(folder)
    vocabulary = word_vocabulary(text)
    unknown = NgramLM(1, words=True, vocabulary=vocabulary).fit(text).evaluate(held_out).unknown
    print(f"{len(vocabulary):,} words, {unknown:.1%} of the held-out symbols unknown")
    for n in range(1, 6):
        counted = NgramLM(n, words=True, vocabulary=vocabulary)
        measured(f"{n}-gram, Kneser-Ney", counted, lambda model=counted: model.fit(text), held_out, test)
    ts.manual_seed(0)
    model = RNNLM(vocabulary, 160, dropout=0.4, words=True, tied=True)
    settings = WORDS | ({} if steps is None else {"steps": steps})
    reports = model.fit_steps(text, validation=held_out, compile=how, **settings)
    measured("LSTM, 160 units, tied", model, lambda: taken(reports), held_out, test)


def sampling(text: str) -> None:
    letters = sorted(set(text))
    models: dict[str, LanguageModel] = {
        "6-gram": NgramLM(6).fit(text),
        "window of 8": WindowLM(letters),
        "LSTM, 2 x 128 units": RNNLM(letters, 128, num_layers=2),
    }
    for name, model in models.items():
        for settings in ({}, {"top_k": 10}, {"top_p": 0.9}):
            times = []
            for _ in range(3):
                start = time.process_time()
                model.sample(3000, 0, **settings)
                times.append(time.process_time() - start)
            print(f"{name:34s} {settings or 'all symbols'!s:16} {3000 / min(times):10,.0f} characters/s", flush=True)


def race(text: str, held_out: str, how: str, steps: int) -> None:
    """The LSTM 2 x 128 of both libraries, from the same weights on the same windows: loss and time, in turns."""
    import torch

    torch.set_num_threads(1)
    letters = sorted(set(text + held_out))
    ts.manual_seed(0)
    model = RNNLM(letters, 128, 128, num_layers=2)
    vectors, layer, output = (
        torch.nn.Embedding(len(letters), 128),
        torch.nn.LSTM(128, 128, 2),
        torch.nn.Linear(128, len(letters)),
    )
    other = torch.nn.ModuleDict({"embedding": vectors, "recurrent": layer, "output": output})
    other.load_state_dict({name: torch.tensor(value) for name, value in model.state_dict().items()})
    windows = ts.data.Windows(model.vocabulary.encode(text), steps=50, batch=50)
    optimizer, state = torch.optim.Adam(other.parameters(), lr=2e-3), None

    def torch_step(step: int) -> float:
        nonlocal state
        index = step % len(windows)
        inputs, targets = (torch.tensor(part) for part in windows[index])
        hidden, after = layer(vectors(inputs), None if index == 0 else state)
        loss = torch.nn.functional.cross_entropy(output(hidden).flatten(0, 1), targets.flatten(), ignore_index=-100)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(other.parameters(), 5.0)
        optimizer.step()
        state = tuple(part.detach() for part in after)
        return loss.item()

    constant = ts.optim.exponential_decay(2e-3, 1.0)
    reports = model.fit_steps(text, steps=steps, window=50, batch=50, clip=5.0, schedule=constant, compile=how)
    times: dict[str, list[float]] = {"tinyseq": [], "PyTorch": []}
    for step in range(steps):
        start = time.process_time()
        next(reports)
        between = time.process_time()
        torch_step(step)
        times["tinyseq"].append(between - start)
        times["PyTorch"].append(time.process_time() - between)
        if (step + 1) % len(windows) == 0 or step + 1 == steps:
            theirs = _torch_nats(torch, vectors, layer, output, model.vocabulary.encode(held_out))
            ours, spent = model.nats(held_out, batch=1), {name: sum(found[5:]) for name, found in times.items()}
            print(
                f"after {(step + 1) / len(windows):.1f} epochs: tinyseq {ours:.4f} nats in {spent['tinyseq']:.0f} s, "
                f"PyTorch {theirs:.4f} nats in {spent['PyTorch']:.0f} s; difference {ours - theirs:+.4f}, "
                f"ratio of time {spent['tinyseq'] / spent['PyTorch']:.2f}, of the median step "
                f"{np.median(times['tinyseq']) / np.median(times['PyTorch']):.2f}",
                flush=True,
            )


def _torch_nats(torch, vectors, layer, output, ids: np.ndarray) -> float:
    with torch.no_grad():
        hidden, _ = layer(vectors(torch.tensor(ids[:-1, None])))
        return float(torch.nn.functional.cross_entropy(output(hidden)[:, 0], torch.tensor(ids[1:])))


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, nargs="?")
    kinds = parser.add_mutually_exclusive_group()
    for kind in ("large", "words", "race", "sampling"):
        kinds.add_argument(f"--{kind}", action="store_true")
    parser.add_argument("--steps", type=int, help="of --large, --words and --race")
    parser.add_argument("--compile", default="numba" if importlib.util.find_spec("numba") else "numpy")
    given = parser.parse_args(arguments)
    if given.words:
        if given.path is None:
            parser.error("--words needs the folder of a treebank")
        return words(given.path, given.compile, given.steps)
    text, held_out = characters(given.path)
    print(f"{len(text):,} characters, {len(held_out):,} held out, {len(set(text + held_out))} different ones")
    if given.large:
        large(text, held_out, given.compile, given.steps)
    elif given.race:
        race(text, held_out, given.compile, given.steps or 424)
    elif given.sampling:
        sampling(text)
    else:
        table(text, held_out, given.compile)


if __name__ == "__main__":
    main(sys.argv[1:])
