"""Run hmmlearn's own tests with our passes in place of its C++ kernels.

python tools/hmmlearn_tests.py [PYTEST ARGUMENT ...]

hmmlearn (0.3.3) must be installed; its tests come with it. Its models call seven kernels of the module
``hmmlearn._hmmc``; here these are our forward, backward, expected counts and Viterbi. At the end, it says how often
each was called. The tests take about half an hour.
"""

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from programs import as_program

from tinyseq.hmm.inference.passes.algebras import LogSpace
from tinyseq.hmm.inference.passes.batching import Ragged
from tinyseq.hmm.inference.passes.dispatch import best_paths, expectations
from tinyseq.hmm.inference.passes.recurrence import SumOverPaths
from tinyseq.hmm.inference.passes.scaled import Scaled
from tinyseq.hmm.inference.passes.score_tables import Arcs, Scores

Array = np.ndarray[Any, Any]
CALLS: Counter[str] = Counter()


def log(values: Any) -> Array:
    with np.errstate(divide="ignore"):
        found: Array = np.log(np.asarray(values, dtype=np.float64))
    return found


def chain(initial: Array, transmat: Any, scores: Array) -> tuple[Arcs, Scores, Ragged]:
    """The arguments of our passes for one sequence, all in logs."""
    return Arcs.of((initial,), log(transmat), None), Scores.dense(scores), Ragged([len(scores)])


def viterbi(startprob: Any, transmat: Any, log_frameprob: Array) -> tuple[float, Array]:
    path, best = best_paths(*chain(log(startprob), transmat, log_frameprob))
    return float(best[0]), path


def forward_log(startprob: Any, transmat: Any, log_frameprob: Array) -> tuple[float, Array]:
    arcs, scores, batch = chain(log(startprob), transmat, log_frameprob)
    passes = LogSpace(arcs, scores)
    done = passes.forward(batch)
    scales = np.cumsum([scale[0] for scale in done.scales if scale is not None])
    lattice = np.array([message[0, :, 0] for message in done.messages[1:]]) + scales[:, None]
    return float(passes.log_likelihood(done)[0]), lattice


def backward_log(startprob: Any, transmat: Any, log_frameprob: Array) -> Array:
    arcs, scores, batch = chain(log(startprob), transmat, log_frameprob)
    none = np.zeros(len(log_frameprob))
    return backward(LogSpace(arcs, scores), batch, np.zeros(arcs.end.shape), none, np.add)


def compute_log_xi_sum(fwdlattice: Array, transmat: Any, bwdlattice: Array, log_frameprob: Array) -> Array:
    possible = fwdlattice[0] > -np.inf
    initial = np.where(possible, fwdlattice[0] - np.where(possible, log_frameprob[0], 0.0), -np.inf)
    found = expectations(*chain(initial, transmat, log_frameprob))
    return log(found.counts[-1][:, 0])


def forward_scaling(startprob: Any, transmat: Any, frameprob: Array) -> tuple[float, Array, Array]:
    arcs, scores, batch = chain(log(startprob), transmat, log(frameprob))
    passes, message = Scaled(arcs, scores), np.ones((1, 1, 1))
    lattice, factors = np.empty(frameprob.shape), np.empty(len(frameprob))
    for t in range(len(frameprob)):
        number = arcs.which(t)
        message = passes.extended(passes.unfolded(message, number), number, batch.rows(t))
        top = scores.tops(batch.rows(t))[0] + passes.tops[number]
        total = message.sum() * np.exp(top)
        if total < 1e-300:
            raise ValueError("forward pass failed with underflow; consider using implementation='log' instead")
        factors[t] = 1 / total
        message = message / message.sum()
        lattice[t] = message[0, :, 0]
    return float(-np.log(factors).sum()), lattice, factors


def backward_scaling(startprob: Any, transmat: Any, frameprob: Array, scaling_factors: Array) -> Array:
    arcs, scores, batch = chain(log(startprob), transmat, log(frameprob))
    passes = Scaled(arcs, scores)
    tops = np.array([scores.tops(batch.rows(t))[0] for t in range(len(frameprob))])
    tops[1:] += passes.tops[-1]  # what our weights are relative to
    after = np.append(np.exp(tops[1:]), 1.0)
    return backward(passes, batch, np.ones(arcs.end.shape), scaling_factors * after, np.multiply)


def backward(passes: SumOverPaths, batch: Ragged, end: Array, scales: Array, times: Callable[..., Array]) -> Array:
    """What lies behind each state, step by step, extended by a scale at each."""
    steps, states = batch.count, len(end)
    lattice, anything = np.empty((steps, states)), np.ones((states, 1, 1))
    behind = end.reshape(1, states, 1)
    for t in reversed(range(steps)):
        lattice[t] = times(behind[0, :, 0], scales[t])
        behind = times(lattice[t].reshape(1, states, 1), passes.emitted(batch.rows(t)))
        behind = passes.receded(anything, behind, -1, None, np.ones(1)).reshape(1, states, 1)
    return lattice


def compute_scaling_xi_sum(fwdlattice: Array, transmat: Any, bwdlattice: Array, frameprob: Array) -> Array:
    return np.exp(compute_log_xi_sum(log(fwdlattice), transmat, bwdlattice, log(frameprob)))


KERNELS = (
    viterbi,
    forward_log,
    backward_log,
    compute_log_xi_sum,
    forward_scaling,
    backward_scaling,
    compute_scaling_xi_sum,
)


def counted(kernel: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        CALLS[kernel.__name__] += 1
        return kernel(*arguments, **named)

    return call


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    _, for_pytest = parser.parse_known_args(arguments)
    module: Any = ModuleType("hmmlearn._hmmc")
    for kernel in KERNELS:
        setattr(module, kernel.__name__, counted(kernel))
    sys.modules["hmmlearn._hmmc"] = module  # before hmmlearn looks for its own
    import hmmlearn.base

    if hmmlearn.base._hmmc is not module:
        raise RuntimeError("hmmlearn has loaded its own kernels")
    with tempfile.TemporaryDirectory() as folder:
        settings = ["--pyargs", "hmmlearn.tests", "-q", "-p", "no:cacheprovider", "--disable-warnings"]
        found = pytest.main([*settings, "--rootdir", folder, "-c", os.devnull, *for_pytest])
    print("calls of our kernels:", ", ".join(f"{kernel.__name__} {CALLS[kernel.__name__]:,}" for kernel in KERNELS))
    return int(found)


if __name__ == "__main__":
    as_program(main)
