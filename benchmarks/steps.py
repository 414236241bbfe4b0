"""Where a training step's time goes beyond the recurrent layer: tinyseq beside PyTorch, by processor time.

python benchmarks/steps.py [adam norm embedding cross_entropy ...]

The sizes are those of a tagger and of a word model: 3.1 million parameters, 2,500 words of a text whose frequencies
fall as in Zipf's law, and as many rows of scores. Each racer runs in a process of its own, with one thread. "tinyseq"
runs as `tinyseq.train.train` does, inside `tinyseq.memory.reuse`.
"""

import argparse
import os
import sys
import time

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import numpy as np
from racing import race, report, versions

SHAPES = (20_000, 100), (800, 200), (800, 200), (800,), (4000, 200), (17, 400)  # of the parameters
WORDS, WIDTH, TOKENS = 10_000, 128, 2_500
CLASSES = {"cross_entropy": WORDS, "cross_entropy, characters": 65}
RULES = {  # each optimiser with settings that both libraries have
    "adam": ("Adam", {"lr": 1e-3}),
    "adamw": ("AdamW", {"lr": 1e-3}),
    "sgd": ("SGD", {"lr": 1e-3, "momentum": 0.9}),
    "rmsprop": ("RMSprop", {"lr": 1e-3}),
}


def arrays(shapes=SHAPES):
    """Values and gradients of the parameters."""
    rng = np.random.default_rng(0)
    return [[rng.standard_normal(shape).astype(np.float32) for shape in shapes] for _ in range(2)]


def words(count=TOKENS, size=WORDS):
    """Ids by Zipf's law."""
    shares = 1 / np.arange(1, size + 1)
    return np.random.default_rng(0).choice(size, count, p=shares / shares.sum())


def leaves(case, shapes=SHAPES):
    """A library's parameters with gradients."""
    values, gradients = arrays(shapes)
    made = [case.leaf(value) for value in values]
    for leaf, gradient in zip(made, gradients, strict=True):
        leaf.grad = case.constant(gradient)
    return made


class Tinyseq:
    """What the cases need of tinyseq."""

    def __init__(self):
        import tinyseq as ts

        ts.memory.reuse().__enter__()  # until this process, which measures nothing else, ends
        self.optimisers, self.constant = ts.optim, ts.tensor
        self.leaf = lambda value: ts.tensor(value, requires_grad=True)
        self.norm, self.cross_entropy = ts.nn.clip_grad_norm_, ts.nn.cross_entropy
        self.look_up = lambda weight, ids: weight[ids]
        self.ids = lambda ids: ids


class PyTorch:
    """What the cases need of PyTorch."""

    def __init__(self):
        import torch

        torch.set_num_threads(1)
        self.optimisers, self.constant = torch.optim, torch.tensor
        self.leaf = lambda value: torch.tensor(value, requires_grad=True)
        self.norm, self.cross_entropy = torch.nn.utils.clip_grad_norm_, torch.nn.functional.cross_entropy
        self.look_up = lambda weight, ids: torch.nn.functional.embedding(ids, weight)
        self.ids = torch.tensor


def optimiser(library, case):
    name, settings = RULES[case]
    return getattr(library.optimisers, name)(leaves(library), **settings).step


def norm(library, case):
    """The gradient's norm, without clipping."""
    parameters = leaves(library)
    return lambda: library.norm(parameters, 1e9)


def embedding(library, case):
    """Look-up, and the gradient of the table."""
    rng = np.random.default_rng(0)
    weight = library.leaf(rng.standard_normal((WORDS, WIDTH)).astype(np.float32))
    upstream = library.constant(rng.standard_normal((TOKENS, WIDTH)).astype(np.float32))
    ids = library.ids(words())

    def step():
        weight.grad = None
        library.look_up(weight, ids).backward(upstream)
        return weight.grad

    return step


def cross_entropy(library, case):
    """Loss and gradient of rows of scores."""
    classes = CLASSES[case]
    scores = library.leaf(np.random.default_rng(0).standard_normal((TOKENS, classes)).astype(np.float32))
    ids = library.ids(words(size=classes))

    def step():
        scores.grad = None
        library.cross_entropy(scores, ids).backward()
        return scores.grad

    return step


CASES = dict.fromkeys(RULES, optimiser) | {"norm": norm, "embedding": embedding} | dict.fromkeys(CLASSES, cross_entropy)
RACERS = {"tinyseq": Tinyseq, "PyTorch": PyTorch}


def seconds_of(step, budget=1.5):
    """The smallest processor time of a call, after two calls to warm up."""
    step(), step()
    times, end = [], time.perf_counter() + budget
    while time.perf_counter() < end or len(times) < 3:
        start = time.process_time()
        step()
        times.append(time.process_time() - start)
    return min(times)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(seconds_of(CASES[sys.argv[3]](RACERS[sys.argv[2]](), sys.argv[3])))
        sys.exit()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="*", help=", ".join(CASES))
    cases = parser.parse_args().case
    for case in set(cases) - set(CASES):
        parser.error(f"case must be one of {', '.join(CASES)}, got {case!r}")
    print(versions())
    for case in cases or CASES:
        times = race(__file__, list(RACERS), case)
        report(case, times, "tinyseq", 1e3, "ms")
