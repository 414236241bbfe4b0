"""Hidden Markov models on an NVIDIA GPU: 10,000 sequences of 25 observations, 45 states, scores on the device.

python benchmarks/gpu_hmm.py

Times are medians in milliseconds, with the device idle before the clock is read. Beside tinyseq stands the usual loop
over time in PyTorch's ops, where PyTorch with CUDA is installed. `gpu.py` prints these figures too.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

SEQUENCES, LENGTH, STATES = 10_000, 25, 45


def milliseconds(call: Callable[[], object], times: int = 20) -> float:
    import cupy

    wait, found = cupy.cuda.Device().synchronize, []
    warm = time.perf_counter() + 0.2  # a GPU that has waited is slow at first
    while len(found) < times:
        wait()
        start = time.perf_counter()
        call()
        wait()
        if start > warm:
            found.append(time.perf_counter() - start)
    return statistics.median(found) * 1e3


def scores(dtype: str) -> list[np.ndarray]:
    """Logs of initial and transition probabilities, and emission scores (T, N, K)."""
    rng = np.random.default_rng(0)
    initial, transition = rng.dirichlet(np.ones(STATES)), rng.dirichlet(np.ones(STATES), STATES)
    symbols = rng.dirichlet(np.ones(5000), STATES).T
    emission = symbols[rng.integers(0, 5000, (LENGTH, SEQUENCES))]
    return [np.log(part).astype(dtype) for part in (initial, transition, emission)]


def ours(dtype: str, device: str = "cuda") -> dict[str, Callable[[], object]]:
    import tinyseq as ts

    initial, transition, emission = (ts.tensor(part).to(device) for part in scores(dtype))
    leaf = emission.detach().requires_grad_()
    learned = [part.detach().requires_grad_() for part in (initial, transition, emission)]
    gradient = lambda function, leaves, parts: ts.grad(function(*parts).sum(), leaves)
    return {
        "log-likelihood": lambda: ts.hmm.log_partition(initial, transition, emission),
        "best score": lambda: ts.hmm.best_score(initial, transition, emission),
        "best path": lambda: gradient(ts.hmm.best_score, [leaf], [initial, transition, leaf]),
        "posterior": lambda: gradient(ts.hmm.log_partition, [leaf], [initial, transition, leaf]),
        "posterior and expected counts": lambda: gradient(ts.hmm.log_partition, learned, learned),
    }


def torch(dtype: str, device: str = "cuda") -> dict[str, Callable[[], object]]:
    import torch

    initial, transition, emission = (torch.from_numpy(part).to(device) for part in scores(dtype))
    leaf = emission.detach().requires_grad_()
    learned = [part.detach().requires_grad_() for part in (initial, transition, emission)]

    def log_likelihood(initial, transition, emission):
        message = initial + emission[0]
        for row in emission[1:]:
            message = torch.logsumexp(message[:, :, None] + transition, 1) + row
        return torch.logsumexp(message, 1)

    def best(backwards):
        message, chosen = initial + emission[0], []
        for row in emission[1:]:
            message, before = (message[:, :, None] + transition).max(1)
            message = message + row
            chosen.append(before)
        total, state = message.max(1)
        path = [state]
        for before in reversed(chosen) if backwards else ():
            path.append(before.gather(1, path[-1][:, None])[:, 0])
        return total, path

    def gradient(leaves, parts):
        return torch.autograd.grad(log_likelihood(*parts).sum(), leaves)

    return {
        "log-likelihood": lambda: log_likelihood(initial, transition, emission),
        "best score": lambda: best(False),
        "best path": lambda: best(True),
        "posterior": lambda: gradient([leaf], [initial, transition, leaf]),
        "posterior and expected counts": lambda: gradient(learned, learned),
    }


def races() -> None:
    peers = {}
    try:
        import torch as library

        if library.cuda.is_available():
            peers["PyTorch"] = torch
    except ImportError:
        print("PyTorch is not installed: no peers")
    print(f"HMM, {SEQUENCES:,} x {LENGTH}, {STATES} states, milliseconds")
    for dtype in ("float32", "float64"):
        found = {name: make(dtype) for name, make in ({"tinyseq": ours} | peers).items()}
        for task in found["tinyseq"]:
            times = "".join(f"   {name} {milliseconds(calls[task]):8.2f}" for name, calls in found.items())
            print(f"  {dtype} {task:30s}{times}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    races()
