"""Taggers on a treebank: their accuracy, and races with NLTK's TnT and with the same network in PyTorch.

python benchmarks/tagging.py FOLDER [--part counting|network|race|chunks ...] [--seeds N] [--epochs N] [--crf]

FOLDER holds a treebank of Universal Dependencies: NAME-train.conllu, NAME-dev.conllu and NAME-test.conllu. Where no
file is named so, all .conllu files in it are read, and of each ten sentences eight are train, the ninth is dev and the
tenth is test. Taggers learn from train and are measured on test; networks keep the weights that are best on dev.

The part "chunks" learns base noun phrases, which `ts.data.noun_phrases` reads off the dependencies, and prints the F1
of whole phrases.

Times are CPU seconds of one process; set OMP_NUM_THREADS=1 for races. Racers take turns; the first time of each (cold)
and its best are printed.
"""

import argparse
import gc
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from racing import versions

import tinyseq as ts
from tinyseq.nn.recurrent.packed import packing
from tinyseq.tagging import Accuracy, HMMTagger, MostFrequentTag, RNNTagger, Tagger
from tinyseq.tagging.encoders import Network
from tinyseq.tagging.sentence_task import SentenceTask

Corpus = list[list[tuple[str, str]]]
PARTS = ("counting", "network", "race", "chunks")
SPLITS = ("train", "dev", "test")


def treebank(folder: Path, part: str) -> list[ts.data.ConlluSentence]:
    """The sentences of one of `SPLITS`."""
    named = {split: sorted(folder.glob(f"*-{split}.conllu")) for split in SPLITS}
    files = sorted(folder.glob("*.conllu"))
    if any(named.values()):
        if any(len(found) != 1 for found in named.values()):
            raise SystemExit(f"{folder} must hold one file *-SPLIT.conllu for each of {', '.join(SPLITS)}")
        return list(ts.data.conllu_sentences(named[part][0]))
    if not files:
        raise SystemExit(f"{folder} holds no file *.conllu")
    places = {"train": range(8), "dev": (8,), "test": (9,)}[part]
    return [s for file in files for i, s in enumerate(ts.data.conllu_sentences(file)) if i % 10 in places]


def corpus(folder: Path, part: str, tags: str = "upos") -> Corpus:
    return [sentence.pairs(tags) for sentence in treebank(folder, part)]


def line(name: str, found: Sequence[float], seconds: float) -> None:
    shares = "  ".join(f"{what} {100 * share:6.2f}" for what, share in zip(Accuracy._fields, found, strict=True))
    print(f"{name:36s} {shares}  fit {seconds:7.1f} s", flush=True)


def counting(folder: Path) -> None:
    """Accuracies of the taggers that count."""
    for tags in ("upos", "xpos"):
        train, test = corpus(folder, "train", tags), corpus(folder, "test", tags)
        taggers = {
            "most frequent tag": MostFrequentTag(),
            "HMM, n=2": HMMTagger(2),
            "HMM, n=3": HMMTagger(),
            "HMM, n=3, deleted interpolation": HMMTagger(smoothing="deleted-interpolation"),
        }
        if tags == "upos":
            taggers["HMM, n=3, all tags of each word"] = HMMTagger(least=0)
        for name, tagger in taggers.items():
            start = time.process_time()
            tagger.fit(train)
            line(f"{tags} {name}", tagger.accuracy(test), time.process_time() - start)
        theirs = tnt(train)
        if theirs is not None:
            found = theirs.tagdata([[word for word, _ in sentence] for sentence in test])
            pairs = [pair for a, b in zip(found, test, strict=True) for pair in zip(a, b, strict=True)]
            print(f"{tags} NLTK's TnT{'':25s} all {100 * np.mean([a[1] == b[1] for a, b in pairs]):6.2f}", flush=True)


def tnt(train: Corpus) -> Any:
    """NLTK's TnT, trained; None where it is not installed."""
    try:
        from nltk.tag.tnt import TnT
    except ImportError:
        return None
    tagger = TnT()
    tagger.train(train)
    return tagger


def network(folder: Path, seeds: int, epochs: int, crf: bool) -> None:
    """Accuracies of the network that reads letters, for some seeds."""
    train, dev, test = (corpus(folder, part) for part in SPLITS)
    found = []
    for seed in range(seeds):
        ts.manual_seed(seed)
        start, wall = time.process_time(), time.perf_counter()
        tagger = RNNTagger(epochs=epochs, crf=crf)

        def say(report: ts.train.Report, start: float = start, wall: float = wall) -> None:
            if report.held_out is not None:
                spent = f"{time.process_time() - start:.0f} s CPU, {time.perf_counter() - wall:.0f} s wall"
                print(f"  step {report.step}: dev {100 * report.held_out:.2f}, {spent}", flush=True)

        tagger.fit(train, validation=dev, callbacks=[say])
        found.append(tagger.accuracy(test))
        line(f"upos RNNTagger{', CRF' if crf else ''}, seed {seed}", found[-1], time.process_time() - start)
    print(spread([100 * accuracy.all for accuracy in found]), flush=True)


def chunks(folder: Path, seeds: int, epochs: int) -> None:
    """The F1 of base noun phrases: by counting, by a network, and by one whose CRF has the rules of BIO."""
    train, dev, test = ([ts.data.noun_phrase_tags(s) for s in treebank(folder, part)] for part in SPLITS)
    print(f"{sum(tag[0] == 'B' for sentence in test for _, tag in sentence)} noun phrases in test", flush=True)

    def judge(name: str, tagger: Tagger, start: float) -> float:
        found = tagger.analyse(test, scheme="bio")
        assert found.chunks is not None
        precision, recall, f1 = (100 * share for share in found.chunks[:3])
        seconds = time.process_time() - start
        print(
            f"chunks {name:30s} precision {precision:6.2f}  recall {recall:6.2f}  F1 {f1:6.2f}  {seconds:6.1f} s",
            flush=True,
        )
        return f1

    start = time.process_time()
    judge("HMMTagger", HMMTagger().fit(train), start)
    for crf, rules in ((False, None), (True, "bio")):
        found = []
        name = "RNNTagger, CRF with rules" if crf else "RNNTagger"
        for seed in range(seeds):
            ts.manual_seed(seed)
            start = time.process_time()
            tagger = RNNTagger(epochs=epochs, crf=crf, rules=rules).fit(train, validation=dev)
            found.append(judge(f"{name}, seed {seed}", tagger, start))
        print(f"chunks {name}, {spread(found)}", flush=True)


def spread(found: Sequence[float]) -> str:
    return f"mean of {len(found)} seeds {statistics.fmean(found):.2f}, from {min(found):.2f} to {max(found):.2f}"


def race(folder: Path, rounds: int = 5) -> None:
    """The speed of tagging beside NLTK's TnT, and of training beside PyTorch."""
    for tags in ("upos", "xpos"):
        train, test = corpus(folder, "train", tags), corpus(folder, "test", tags)
        sentences = [[word for word, _ in sentence] for sentence in test]
        ours, theirs = HMMTagger().fit(train), tnt(train)
        racers = {"all at once": partial(ours.tag_many, sentences), "one by one": partial(each, ours.tag, sentences)}
        if theirs is not None:
            racers["TnT, all at once"] = partial(theirs.tagdata, sentences)
            racers["TnT, one by one"] = partial(each, theirs.tag, sentences)
        print_rates(f"{tags} HMM", times_of(racers, rounds), sum(map(len, sentences)))
    step_race(corpus(folder, "train"), rounds)


def each(tag: Callable[[list[str]], object], sentences: list[list[str]]) -> None:
    for words in sentences:
        tag(words)


def times_of(racers: dict[str, Any], rounds: int) -> dict[str, list[float]]:
    """The CPU times of each racer, in turns."""
    times: dict[str, list[float]] = {name: [] for name in racers}
    gc.collect()
    gc.freeze()  # or the corpus would be searched for garbage in the time of whoever happens to run
    for _ in range(rounds):
        for name, racer in racers.items():
            start = time.process_time()
            racer()
            times[name].append(time.process_time() - start)
    gc.unfreeze()
    return times


def print_rates(title: str, times: dict[str, list[float]], tokens: int) -> None:
    for name, found in times.items():
        rates = f"{tokens / found[0]:10,.0f} words/s cold, {tokens / min(found):10,.0f} at best"
        rival = times.get(f"TnT, {name}")
        if rival is not None:
            rates += f"   {rival[0] / found[0]:.2f} and {min(rival) / min(found):.2f} times TnT's"
        print(f"{title}, {name:18s} {rates}", flush=True)


def step_race(train: Corpus, rounds: int, batches: int = 24) -> None:
    """Training steps (loss, gradient, clipping, Adam) on the same batches, in float32."""
    ts.manual_seed(0)
    tagger = RNNTagger()
    known, _ = tagger._new_network(train)
    task = SentenceTask(known, [sentence for sentence in train if sentence], tagger.settings["batch"])
    chosen = [task.chosen(i) for i in range(batches)]
    data = [([task.sentences[i][0] for i in some], [task.sentences[i][1] for i in some], [task.tags[i] for i in some])
            for some in chosen]  # fmt: skip
    racers = {"tinyseq": own_step(known, data)}
    try:
        import torch
    except ImportError:
        print("PyTorch is not installed")
    else:
        torch.set_num_threads(1)
        racers["PyTorch"] = torch_step(known, data)
    times = {name: np.full(batches, np.inf) for name in racers}
    with ts.memory.reuse():
        for _ in range(rounds):
            for i in range(batches):
                for name, step in racers.items():
                    start = time.process_time()
                    step(i)
                    times[name][i] = min(times[name][i], time.process_time() - start)
    for name, found in times.items():
        ratio = found.sum() / times.get("PyTorch", found).sum()
        epoch = task.batches_in_epoch * found.mean()
        print(
            f"network, {name:10s} {1e3 * found.mean():7.1f} ms a step, {epoch:5.1f} s an epoch, {ratio:.2f} of PyTorch"
        )


def own_step(network: Network, data: Sequence[Any]) -> Callable[[int], None]:
    optimizer = ts.optim.Adam(network.parameters(), lr=1e-3)
    network.train()

    def step(i: int) -> None:
        loss = network.loss(*data[i])
        optimizer.zero_grad()
        loss.backward()
        ts.nn.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()

    return step


def torch_step(network: Network, data: Sequence[Any]) -> Callable[[int], None]:
    import torch

    theirs = torch_network(network)
    optimizer = torch.optim.Adam(theirs.parameters(), lr=1e-3)

    def step(i: int) -> None:
        loss = theirs(*data[i])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 5.0)
        optimizer.step()

    return step


def torch_network(network: Network) -> Any:
    """The same network in PyTorch, with the same weights: packed sequences, and each distinct word read once."""
    import torch
    from torch.nn.utils.rnn import PackedSequence

    def lstm(ours: Any) -> Any:
        return torch.nn.LSTM(ours.input_size, ours.hidden_size, ours.num_layers, bidirectional=ours.bidirectional)

    class Reader(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.vectors = torch.nn.Embedding(*network.letters.vectors.weight.shape)
            self.recurrent = lstm(network.letters.recurrent)

    class Tagger(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.word_vectors, self.letters = torch.nn.Embedding(*network.word_vectors.weight.shape), Reader()
            self.recurrent, self.output = lstm(network.recurrent), torch.nn.Linear(*network.output.weight.shape[::-1])
            self.input_dropout = torch.nn.Dropout(network.input_dropout.p)
            self.dropout = torch.nn.Dropout(network.dropout.p)

        def forward(self, words: Any, letters: Any, tags: Any) -> Any:
            lengths = np.array([len(ids) for ids in words])
            order = np.argsort(-lengths, kind="stable")
            sentence, sizes, step = packing(lengths[order])
            places = (np.cumsum(lengths) - lengths)[order[sentence]] + step
            ids, rows, gold = (np.concatenate(parts)[places] for parts in (words, letters, tags))
            distinct, which = np.unique(rows.view(f"V{rows.itemsize * rows.shape[1]}"), return_inverse=True)
            distinct = distinct.view(rows.dtype).reshape(len(distinct), -1)
            spelled = (distinct >= 0).sum(axis=1)
            by_length = np.argsort(-spelled, kind="stable")
            word, letter_sizes, at = packing(spelled[by_length])
            vectors = self.letters.vectors(torch.from_numpy(distinct[by_length[word], at]))
            _, (h, _) = self.letters.recurrent(PackedSequence(vectors, torch.tensor(letter_sizes)))
            place = torch.from_numpy(np.argsort(by_length)[which.ravel()])
            read = torch.cat([h[0], h[1]], 1)[place]
            joined = self.input_dropout(torch.cat([self.word_vectors(torch.from_numpy(ids)), read], 1))
            hidden, _ = self.recurrent(PackedSequence(joined, torch.tensor(sizes)))
            scores = self.output(self.dropout(hidden.data))
            return torch.nn.functional.cross_entropy(scores, torch.from_numpy(gold))

    theirs = Tagger()
    theirs.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in network.state_dict().items()})
    return theirs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--crf", action="store_true")
    given = parser.parse_args()
    print(versions())
    for split in SPLITS:
        sentences = treebank(given.folder, split)
        print(f"{split}: {len(sentences):,} sentences, {sum(len(s.words) for s in sentences):,} words", flush=True)
    parts = given.part or PARTS
    if "counting" in parts:
        counting(given.folder)
    if "race" in parts:
        race(given.folder)
    if "network" in parts:
        network(given.folder, given.seeds, given.epochs, given.crf)
    if "chunks" in parts:
        chunks(given.folder, given.seeds, given.epochs)


if __name__ == "__main__":
    main()
