"""Learning Gaussian and mixture models: Baum-Welch of tinyseq beside hmmlearn's, on the same arrays, in turns.

python benchmarks/emissions.py [--quick] [CASE ...]

Each line is a case: the least processor time of five steps of each (other processes disturb it less than the time on
the clock), and the ratios to hmmlearn's two implementations: "log", its
default, and "scaling", its fast one. Wanted is at most half of the default's. Both begin at the same model, and the
last number is how far apart their log-likelihoods are after the same steps. (hmmlearn's mixtures have priors of their
own, so that these differ.)
"""

import argparse
import logging
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinyseq.hmm import HMM, Gaussian, GaussianMixture

Job = Callable[[], float]
STEPS = 5
WANTED = 0.5


class Case(NamedTuple):
    """K states, M components in each (0: plain Gaussian), D features, N sequences of L steps, a kind of covariance."""

    states: int
    components: int
    features: int
    sequences: int
    steps: int
    kind: str

    def start(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The observations (N L, D), and the means and covariances to begin with, and the weights."""
        rng = np.random.default_rng(0)
        size, parts = self.features, max(self.components, 1)
        stay = np.full((self.states, self.states), 0.1 / self.states) + 0.9 * np.eye(self.states)
        truth = HMM(
            np.full(self.states, 1 / self.states),
            stay / stay.sum(axis=1, keepdims=True),
            Gaussian(3 * rng.normal(size=(self.states, size)), np.ones((self.states, size))),
        )
        x = np.concatenate([truth.sample(self.steps, rng).observations for _ in range(self.sequences)])
        means = x[rng.choice(len(x), self.states * parts, replace=False)].reshape(self.states, parts, size)
        one = np.tile(4 * np.eye(size), (self.states, parts, 1, 1))
        values = {"full": one, "diag": np.full((self.states, parts, size), 4.0)}[self.kind]
        return x, means, values, np.full((self.states, parts), 1 / parts)


CASES = {
    "numbers": Case(3, 0, 1, 500, 100, "diag"),
    "diagonal": Case(4, 0, 4, 500, 100, "diag"),
    "full": Case(4, 0, 4, 500, 100, "full"),
    "few": Case(4, 0, 4, 50, 400, "diag"),
    "one long": Case(4, 0, 4, 1, 20_000, "diag"),
    "mixture": Case(3, 3, 4, 200, 100, "diag"),
    "full mixture": Case(3, 3, 4, 200, 100, "full"),
}


def ours(case: Case) -> Job:
    """A few steps; gives the log-likelihood where they end."""
    x, means, values, weights = case.start()
    emission: Any = Gaussian(means[:, 0], values[:, 0])
    if case.components:
        emission = GaussianMixture(weights, means, values)
    rows = np.full((case.states, case.states), 1 / case.states)
    model, sequences = HMM(rows[0], rows, emission), np.split(x, case.sequences)

    def run() -> float:
        return model.fit_em(sequences, max_steps=STEPS, tolerance=-np.inf).log_likelihoods[-1]

    return run


def peer(case: Case, implementation: str) -> Job:
    """The same by hmmlearn."""
    from hmmlearn.hmm import GMMHMM, GaussianHMM

    x, means, values, weights = case.start()
    rows = np.full((case.states, case.states), 1 / case.states)
    lengths = [case.steps] * case.sequences
    settings = {
        "implementation": implementation,
        "n_iter": STEPS,
        "tol": -np.inf,
        "init_params": "",
        "min_covar": 1e-6,
    }

    def run() -> float:
        if case.components:
            made = GMMHMM(case.states, case.components, covariance_type=case.kind, **settings)
            made.weights_ = weights.copy()
            made.means_, made.covars_ = means.copy(), values.copy()
        else:
            made = GaussianHMM(case.states, case.kind, covars_weight=0, covars_prior=0, **settings)
            made.means_, made.covars_ = means[:, 0].copy(), values[:, 0].copy()
        made.startprob_, made.transmat_ = rows[0].copy(), rows.copy()
        return made.fit(x, lengths).score(x, lengths)

    return run


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help=f"any of: {', '.join(CASES)}")
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args(arguments)
    logging.getLogger("hmmlearn").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    met = []
    for name in chosen.cases or CASES:
        case = CASES[name]
        jobs = {"tinyseq": ours(case), "log": peer(case, "log"), "scaling": peer(case, "scaling")}
        ends = {who: job() for who, job in jobs.items()}
        times: dict[str, list[float]] = {who: [] for who in jobs}
        for _ in range(3 if chosen.quick else 9):
            for who, job in jobs.items():
                begun = time.process_time()
                job()
                times[who].append(time.process_time() - begun)
        least = {who: min(spent) for who, spent in times.items()}
        ratios = {who: least["tinyseq"] / least[who] for who in ("log", "scaling")}
        met.append(ratios["log"] <= WANTED)
        print(
            f"{name:14s} tinyseq {1e3 * least['tinyseq']:7.1f} ms | log {1e3 * least['log']:7.1f}, ratio "
            f"{ratios['log']:.3f} (wanted {WANTED}{'' if met[-1] else ', MISSED'}) | scaling "
            f"{1e3 * least['scaling']:7.1f}, ratio {ratios['scaling']:.3f} | log-likelihoods differ by "
            f"{abs(ends['tinyseq'] - ends['log']):.1e} of {abs(ends['log']):.3g}",
            flush=True,
        )
    print(f"{sum(met)} of {len(met)} ratios are as wanted")


if __name__ == "__main__":
    main(sys.argv[1:])
