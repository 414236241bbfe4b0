"""A hidden Markov model that is made inside a compiled function gives what it gives outside."""

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.hmm import HMM

RNG = np.random.default_rng(0)
SYMBOLS = [0, 1, 1, 0, 2]
SERIES = RNG.normal(size=5) ** 2


def rows(*shape):
    return RNG.normal(size=shape)


def with_an_end(initial, transition, end, emission):
    stop = ts.sigmoid(end)
    return HMM(ts.softmax(initial), ts.softmax(transition) * (1 - stop)[:, None], ts.softmax(emission), end=stop)


CASES = {
    "tables": (
        lambda i, t, e: HMM(ts.softmax(i), ts.softmax(t), ts.softmax(e)).log_likelihood(SYMBOLS),
        lambda: (rows(3), rows(3, 3), rows(3, 4)),
    ),
    "logs": (lambda i, t, e: HMM.from_logs(i, t, e).log_likelihood(SYMBOLS), lambda: (rows(2), rows(2, 2), rows(2, 4))),
    "an end": (
        lambda *given: with_an_end(*given).log_likelihood(SYMBOLS),
        lambda: (rows(2), rows(2, 2), rows(2), rows(2, 3)),
    ),
    "trigrams": (
        lambda i, j, t, e: (
            HMM((ts.softmax(i), ts.softmax(j)), ts.softmax(t), ts.softmax(e))
            .log_likelihood([SYMBOLS, SYMBOLS[:3]])
            .sum()
        ),
        lambda: (rows(2), rows(2, 2), rows(2, 2, 2), rows(2, 3)),
    ),
    "Gaussians": (
        lambda t, m, s: HMM([0.5, 0.5], ts.softmax(t), ts.hmm.Gaussian(m, ts.exp(s))).log_likelihood(SERIES),
        lambda: (rows(2, 2), rows(2), rows(2)),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_are_those_without_a_recording(case):
    function, made = CASES[case]
    fast = ts.compile(function)
    for _ in range(3):
        results = []
        arrays = made()
        for call in (fast, function):
            given = [ts.tensor(array, requires_grad=True) for array in arrays]
            value = call(*given)
            value.backward()
            results.append([value.item(), *(leaf.grad.numpy() for leaf in given)])
        for found, wanted in zip(*results, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13)
