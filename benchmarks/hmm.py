"""HMM inference and learning: tinyseq beside hmmlearn's C++ kernels, on the same arrays, in turns.

python benchmarks/hmm.py [--quick] [CASE ...]

Each line is a job on a case: the median time per token of tinyseq and of its peers, and the ratios. "log" is hmmlearn's
default implementation, "scaling" its fast one; its Viterbi is the same in both. --quick takes less of the time, and
less sure figures.
"""

import argparse
import importlib.metadata
import logging
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import tinyseq as ts

Job = Callable[[], object]


class Case(NamedTuple):
    """A random model with K states and V symbols, and N sequences of L tokens."""

    states: int
    symbols: int
    sequences: int
    tokens: int

    def data(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Initial, transition, emission, and the sequences (N, L)."""
        rng = np.random.default_rng(0)
        rows = [rng.dirichlet(np.ones(n), size) for n, size in ((self.states, None), (self.states, self.states))]
        emission = rng.dirichlet(np.ones(self.symbols), self.states)
        return *rows, emission, rng.integers(0, self.symbols, (self.sequences, self.tokens))


CASES = {
    "17 states": Case(17, 5000, 2000, 25),
    "45 states": Case(45, 5000, 2000, 25),
    "200 states": Case(200, 5000, 400, 25),
    "long, 4 states": Case(4, 4, 1, 100_000),
    "long, 17 states": Case(17, 5000, 1, 25_000),
}
# The ratios that tinyseq aims at, by case, job and peer.
BATCH = {
    ("log_likelihood", "log"): 0.05,
    ("log_likelihood", "scaling"): 0.5,
    ("posterior", "log"): 0.05,
    ("posterior", "scaling"): 0.5,
    ("viterbi", "log"): 1.0,
    ("Baum-Welch step", "log"): 0.2,
}
LONG = {("viterbi", "log"): 2.0, ("log_likelihood", "scaling"): 1.0, ("posterior", "scaling"): 1.0}
WANTED = {case: LONG if case.startswith("long") else BATCH for case in CASES}
WANTED["200 states"] = BATCH | {("viterbi", "log"): 0.8}


def ours(case: Case) -> dict[str, Job]:
    initial, transition, emission, data = case.data()
    x = list(data)
    model = ts.hmm.HMM(initial, transition, emission)
    return {
        "log_likelihood": lambda: model.log_likelihood(x),
        "posterior": lambda: model.posterior(x),
        "viterbi": lambda: model.viterbi(x),
        # With max_steps=1 the likelihood of the result is computed, too, which is one more expectation step.
        "Baum-Welch step": lambda: model.fit_em(x, max_steps=1, tolerance=-np.inf),
    }


def hmmlearn(case: Case, implementation: str) -> dict[str, Job]:
    from hmmlearn.hmm import CategoricalHMM

    initial, transition, emission, data = case.data()
    x, lengths = data.reshape(-1, 1), [case.tokens] * case.sequences

    def model() -> CategoricalHMM:
        made = CategoricalHMM(
            case.states, n_features=case.symbols, implementation=implementation, n_iter=1, tol=-np.inf, init_params=""
        )
        made.startprob_, made.transmat_, made.emissionprob_ = initial, transition, emission
        return made

    fixed = model()
    return {
        "log_likelihood": lambda: fixed.score(x, lengths),
        "posterior": lambda: fixed.predict_proba(x, lengths),
        "viterbi": lambda: fixed.decode(x, lengths),
        "Baum-Welch step": lambda: model().fit(x, lengths),
    }


def race(jobs: dict[str, Job], budget: float) -> dict[str, float]:
    """The median seconds of each job, run in turns until the budget is spent."""
    for job in jobs.values():
        job()
    times: dict[str, list[float]] = {name: [] for name in jobs}
    end = time.perf_counter() + budget
    while time.perf_counter() < end or len(times[next(iter(times))]) < 3:
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in times.items()}


def show(name: str, case: Case, quick: bool) -> list[bool]:
    """Race all jobs of a case; returns which ratios are as wanted."""
    mine, peers = ours(case), {}
    for implementation in ("log", "scaling"):
        try:
            peers[implementation] = hmmlearn(case, implementation)
        except ImportError:
            print("hmmlearn is not installed: pip install hmmlearn")
    met = []
    for job, run in mine.items():
        wanted = {peer: ratio for (of, peer), ratio in WANTED[name].items() if of == job and peer in peers}
        if not wanted and job != "viterbi":
            continue
        racers = {"tinyseq": run} | {peer: peers[peer][job] for peer in wanted}
        seconds = race(racers, 0.5 if quick else 5.0)
        per_token = {who: spent * 1e9 / (case.sequences * case.tokens) for who, spent in seconds.items()}
        line = f"{name:16s} {job:16s} tinyseq {per_token['tinyseq']:7.0f} ns/token"
        for peer, ratio in wanted.items():
            found = per_token["tinyseq"] / per_token[peer]
            met.append(found <= ratio)
            missed = "" if met[-1] else ", MISSED"
            line += f" | {peer} {per_token[peer]:7.0f}, ratio {found:.3f} (wanted {ratio}{missed})"
        print(line, flush=True)
    return met


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help=f"any of: {', '.join(CASES)}")
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args(arguments)
    logging.getLogger("hmmlearn").setLevel(logging.ERROR)
    try:
        peer = f"hmmlearn {importlib.metadata.version('hmmlearn')}"
    except importlib.metadata.PackageNotFoundError:
        peer = "no hmmlearn"
    print(f"Python {sys.version.split()[0]}, NumPy {np.__version__}, {peer}, {os.cpu_count()} processors")
    met = [ok for name in chosen.cases or CASES for ok in show(name, CASES[name], chosen.quick)]
    print(f"{sum(met)} of {len(met)} ratios are as wanted")


if __name__ == "__main__":
    main(sys.argv[1:])
