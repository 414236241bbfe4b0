"""Learning without labels: does a default fit of tinyseq's estimator explain the data as well as the truth does?

python benchmarks/learning.py [--seed N]

Twenty problems are generated, with 2 to 6 states, symbols and vectors, and casino, CpG islands and the weather come on
top. Each line is one of them: by how many nats the log-likelihood of the default fit, and that of the best of ten fits
of hmmlearn, exceed the truth's; and the seconds that both took. hmmlearn's fits are as long as they need to be, until a
step gains no more than the same tolerance.
"""

import argparse
import logging
import os
import sys
import time
import warnings

import numpy as np

from tinyseq.hmm import HMM, Gaussian
from tinyseq.hmm.interop.estimator import HMMEstimator

STARTS, STEPS, TOLERANCE = 10, 300, 1e-3  # as the estimator's own
TEXTBOOK = {
    "casino": (HMM([1, 0], [[0.95, 0.05], [0.1, 0.9]], [[1 / 6] * 6, [0.1] * 5 + [0.5]]), [3000] * 2),
    "CpG": (HMM([0.5, 0.5], [[0.99, 0.01], [0.05, 0.95]], [[0.3, 0.2, 0.2, 0.3], [0.1, 0.4, 0.4, 0.1]]), [500] * 20),
    "weather": (HMM([0.6, 0.4], [[0.7, 0.3], [0.4, 0.6]], [[0.1, 0.4, 0.5], [0.6, 0.3, 0.1]]), [50] * 40),
    "saddle": (HMM([0.5, 0.5], [[0.95, 0.05], [0.1, 0.9]], [[0.9, 0.1], [0.2, 0.8]]), [50] * 40),
}


def generated(number: int, seed: int) -> tuple[str, HMM, list[int]]:
    """The name, the truth and the lengths of one of twenty problems."""
    vectors, states = bool(number % 2), 2 + number // 2 % 5
    rng = np.random.default_rng([seed, number])
    stay = rng.uniform(0.5, 0.95)
    transition = (1 - stay) * rng.dirichlet(np.ones(states), states) + stay * np.eye(states)
    emission: object = rng.dirichlet(np.full(2 * states, 0.5), states)
    if vectors:
        emission = Gaussian(rng.normal(0, 3, (states, 2)), rng.uniform(0.5, 2, (states, 2)))
    name = f"{'vectors' if vectors else 'symbols'} {number}, {states} states"
    return name, HMM(rng.dirichlet(np.ones(states)), transition, emission), [100] * 20


def theirs(states: int, x: np.ndarray, lengths: list[int], vectors: bool) -> float | None:
    """The log-likelihood of the best of several fits of hmmlearn, if that is installed."""
    try:
        from hmmlearn.hmm import CategoricalHMM, GaussianHMM
    except ImportError:
        return None
    best = -np.inf
    for start in range(STARTS):
        kind = GaussianHMM if vectors else CategoricalHMM
        fitted = kind(states, n_iter=STEPS, tol=TOLERANCE, implementation="scaling", random_state=start).fit(x, lengths)
        best = max(best, fitted.score(x, lengths))
    return best


def run(name: str, truth: HMM, lengths: list[int], seed: int) -> tuple[bool, float, float]:
    """Whether the default fit is as good as the truth, and the seconds of both libraries."""
    rng = np.random.default_rng(seed)
    data = [truth.sample(length, rng).observations for length in lengths]
    vectors = isinstance(truth.emissions, Gaussian)
    wanted = truth.log_likelihood(data).sum()
    start = time.perf_counter()
    kind = "diag" if vectors else "categorical"
    found = HMMEstimator(len(truth.states), emission=kind, random_state=seed).fit(data).score(data) - wanted
    ours = time.perf_counter() - start
    start = time.perf_counter()
    other = theirs(len(truth.states), np.concatenate(data).reshape(sum(lengths), -1), lengths, vectors)
    spent = time.perf_counter() - start
    line = f"{name:22s} tinyseq {found:+8.2f} nats, {ours:6.2f} s"
    if other is not None:
        line += f" | hmmlearn {other - wanted:+8.2f} nats, {spent:6.2f} s"
    print(line, flush=True)
    return bool(found >= 0), ours, spent if other is not None else np.nan


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="of the problems and the fits")
    seed = parser.parse_args(arguments).seed
    logging.getLogger("hmmlearn").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    print(f"Python {sys.version.split()[0]}, NumPy {np.__version__}, {os.cpu_count()} processors")
    textbook = [run(name, *problem, seed)[0] for name, problem in TEXTBOOK.items()]
    good, ours, spent = map(list, zip(*(run(*generated(i, seed), seed) for i in range(20)), strict=True))
    print(f"textbook problems: {sum(textbook)} of {len(textbook)} are as good as the truth")
    print(f"generated problems: {sum(good)} of 20 are as good as the truth (wanted: 19)")
    print(f"seconds for all of them: {sum(ours):.1f}, and hmmlearn's ten starts {sum(spent):.1f}")


if __name__ == "__main__":
    main(sys.argv[1:])
