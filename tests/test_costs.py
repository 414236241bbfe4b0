"""What common work costs, in counts that do not depend on the machine: a slower way of doing it is noticed here.

The bounds are a third above what was counted with Python 3.11 and NumPy 2.4; a change that stays below is no fault.
`benchmarks/` measures times.
"""

import numpy as np
import pytest
from counted import work

import tinyseq as ts

STEPS = 20
OPS = {  # calls of functions for each op: recording it, and its part of the backward pass
    "two tensors": (lambda h, y: h * y, 12, 11),
    "a tensor and a number": (lambda h, y: h * 0.5, 13, 11),
    "an array on the left": (lambda h, y: np.ones(2, "f4") * h, 27, 11),
    "one tensor": (lambda h, y: ts.tanh(h), 11, 11),
}
LAYERS = {  # for each time step: calls forward, backward, in a compiled step, and array operations in the compiled step
    "RNN": (103, 84, 35, 16),
    "LSTM": (241, 232, 39, 66),
    "GRU": (285, 296, 65, 65),
}


def calls(action, times):
    """Calls of functions, after a first time that fills caches."""
    action()
    return work(action).calls / times


@pytest.mark.parametrize("kind", OPS)
def test_an_op(kind):
    op, forward, backward = OPS[kind]
    x, y = ts.tensor(np.ones(2, "f4"), requires_grad=True), ts.tensor(np.full(2, 0.5, "f4"))

    def chain():
        h = x
        for _ in range(200):
            h = op(h, y)
        return h.sum()

    assert 1 < calls(chain, 200) <= forward
    losses = [chain(), chain()]
    assert 1 < calls(lambda: losses.pop().backward(), 200) <= backward


@pytest.mark.parametrize("name", LAYERS)
def test_a_time_step_of_a_layer(name):
    forward, backward, replayed, operations = LAYERS[name]
    layer, x = getattr(ts.nn, name)(3, 4), ts.tensor(np.ones((STEPS, 2, 3), "f4"))

    def loss():
        return layer(x)[0].sum()

    assert 1 < calls(loss, STEPS) <= forward
    losses = [loss(), loss()]
    assert 1 < calls(lambda: losses.pop().backward(), STEPS) <= backward

    compiled = ts.compile(loss)
    compiled().backward()
    assert 1 < calls(lambda: compiled().backward(), STEPS) <= replayed
    assert 1 < len(compiled.program.steps) / STEPS <= operations


def test_a_sentence_of_a_large_corpus_costs_less_than_one_alone():
    hmm = ts.hmm.HMM(**ts.data.CATS)
    sentence = ["I", "like", "cats"]
    for query in (hmm.log_likelihood, hmm.viterbi, hmm.posterior):
        alone, among = (calls(lambda n=n, query=query: query([sentence] * n), n) for n in (1, 500))
        assert among < alone / 4, query.__name__
