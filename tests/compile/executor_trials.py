"""What every executor is tried on: each op of the engine, and random programs. A compiled function beside itself."""

import gc
import tracemalloc

import numpy as np
import pytest
from fuzz_against_torch import both
from random_steps import draw

import tinyseq as ts
from tinyseq.autograd.declare import OPS
from tinyseq.testing.battery import op_trial
from tinyseq.testing.calls import calls_of
from tinyseq.testing.subject import flat, is_real

ENGINE = [op for op in OPS.values() if op.module.startswith("tinyseq.autograd.ops.")]


LAYERS = {
    "RNN": lambda: ts.nn.RNN(3, 4, num_layers=2, bidirectional=True),
    "relu RNN": lambda: ts.nn.RNN(3, 4, nonlinearity="relu", bias=False),
    "LSTM": lambda: ts.nn.LSTM(3, 4, num_layers=2, bidirectional=True),
    "GRU": lambda: ts.nn.GRU(3, 4, num_layers=2, bidirectional=True),
    "GRU as taught": lambda: ts.nn.GRU(3, 4, reset="before"),
    "LSTM with dropout": lambda: ts.nn.LSTM(3, 4, num_layers=2, dropout=0.3),
}


def results(function, tensors, real, upstreams):
    """The function's values, and the gradients of its real inputs."""
    leaves = [ts.Tensor(t._array.copy()).requires_grad_(i in real) for i, t in enumerate(tensors)]
    outputs = flat(function(*leaves))
    differentiable = [y for y in outputs if y.requires_grad]
    total = None
    for y, u in zip(differentiable, upstreams, strict=False):
        part = (y * ts.Tensor(u)).sum()
        total = part if total is None else total + part
    if total is not None:
        total.backward()
    return [y.numpy() for y in outputs] + [None if leaf.grad is None else leaf.grad.numpy() for leaf in leaves]


def agree(found, wanted, close=np.testing.assert_array_equal):
    """Two lists of arrays have the same types and shapes, and values that `close` accepts; None stands beside None."""
    for a, b in zip(found, wanted, strict=True):
        if a is None or b is None:
            assert a is b
            continue
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        close(a, b)


SMALLEST = 16  # bytes of Python's smallest object: a leak takes that much at each replay


def growth(replay, times, rounds=12):
    """Bytes by which memory grows at each replay, in the first round of so many replays without a leak, or the last.

    Python and NumPy keep memory that was freed for later objects. That settles after a while; a leak goes on.
    """
    sizes = []
    tracemalloc.start()
    try:
        while len(sizes) < 2 or (sizes[-1] - sizes[-2] >= SMALLEST * times and len(sizes) <= rounds):
            for _ in range(times):
                replay()
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    return (sizes[-1] - sizes[-2]) / times


def op_replayed(op, data, executor):
    """Results compiled and not, on the numbers that an op was recorded with, and on others."""
    subject = op_trial(op, data.draw(calls_of(op))).subject
    real = subject.real if op.vjp else ()
    fast = ts.compile(subject.fn, executor=executor)
    rng = np.random.default_rng(0)
    for shift in (0.0, 0.03125, 0.0):
        tensors = subject.tensors([a + shift if a.dtype == np.float64 else a for a in subject.arrays])
        ups = [rng.standard_normal(y.shape).astype(y.dtype) for y in flat(subject.fn(*tensors)) if is_real(y)]
        with np.errstate(all="ignore"):
            pair = results(fast, tensors, real, ups), results(subject.fn, tensors, real, ups)
        yield pair


def random_function(seed):
    """A random program, in which values are used again, broadcast, indexed, cut up and joined, and its arrays."""
    functions = both(pytest.importorskip("torch"))
    program = draw(np.random.default_rng(seed), functions)

    def function(*arrays):
        values = list(arrays)
        for step in program.steps:
            made = functions[step.name][0](*(values[i] for i in step.inputs), **step.settings)
            values += made if isinstance(made, list) else [made]
        return values[-6:]

    return function, program.arrays


def program_replayed(seed, executor):
    """Results compiled and not of a random program."""
    function, arrays = random_function(seed)
    fast, rng = ts.compile(function, executor=executor), np.random.default_rng(seed)
    for scale in (1.0, 0.75, 1.0):
        tensors = [ts.tensor(a * scale) for a in arrays]
        ups = [
            rng.standard_normal(y.shape) for y in function(*[t.requires_grad_() for t in tensors]) if y.requires_grad
        ]
        with np.errstate(all="ignore"):
            pair = tuple(results(f, tensors, range(len(tensors)), ups) for f in (fast, function))
        yield pair
