"""Compiled steps in several threads: the same numbers, the settings of threads, forks, and calls from two threads."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.compiler.jit import blas, threads

pytest.importorskip("numba")
pytestmark = pytest.mark.usefixtures("shared_kernels")


def network(count, batch=33, dropout=0.0, ragged=False, **settings):
    """A layer's step, compiled for a number of threads; it gives the loss and all gradients."""
    ts.manual_seed(0)
    layer, drop, rng = ts.nn.LSTM(16, 32, **settings), ts.nn.Dropout(dropout), np.random.default_rng(0)
    x = ts.tensor(rng.standard_normal((7, batch, 16)).astype(np.float32), requires_grad=True)
    lengths = np.arange(batch) % 7 + 1 if ragged else None

    def loss(x, lengths):
        y, _ = layer(drop(x), lengths=lengths)
        return (y * y).mean()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "count", lambda: count)
        patch.setattr(threads, "ENOUGH", 0.0)
        patch.setattr(threads, "LEAST", 0.0)
        fast = ts.compile(loss, executor="numba")
        fast(x, lengths).backward()

    def step(scale=1.0):
        leaves = [x * scale if scale != 1 else x, *layer.parameters()]
        leaves[0] = ts.tensor(leaves[0].numpy(), requires_grad=True)
        layer.zero_grad()
        ts.manual_seed(1)
        value = fast(leaves[0], lengths)
        value.backward()
        return [value.numpy(), *(leaf.grad.numpy().copy() for leaf in leaves)]

    return step


LAYERS: list[dict] = [{}, {"ragged": True}, {"dropout": 0.5}, {"num_layers": 2, "bidirectional": True}]
SHARES = [(2, 1), (3, 3), (2, 33), (3, 33)]  # threads, and the rows that they share


@pytest.mark.parametrize(  # each of both twice, as each compiles for seconds
    ("settings", "count", "batch"),
    [(LAYERS[i], *SHARES[(i + shift) % 4]) for i in range(4) for shift in (1, 3)],
    ids=str,
)
def test_several_threads_give_what_one_gives(settings, count, batch):
    """Elements and rows to the last bit. BLAS may sum a part of a product otherwise than the whole."""
    one, several = network(1, batch, **settings), network(count, batch, **settings)
    first = several()
    for mine, wanted in zip(first, one(), strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-5, atol=1e-8)
    for _ in range(20):
        assert all(np.array_equal(mine, again) for mine, again in zip(several(), first, strict=True))


def test_a_part_whose_thread_does_not_come_is_taken_back(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", lambda self: None)
    threads.team.cache_clear()
    try:
        for mine, wanted in zip(network(3)(), network(1)(), strict=True):
            np.testing.assert_allclose(mine, wanted, rtol=1e-5, atol=1e-8)
    finally:
        threads.team.cache_clear()


def test_calls_from_several_threads_at_once_are_right():
    """Each with a layer of its own: one layer's gradients are added up in its parameters, whoever calls."""
    steps = [network(2), network(2, num_layers=2), network(3, 5)]
    scales = np.linspace(0.5, 1.5, 20)
    wanted = [[step(scale)[0] for scale in scales] for step in steps]
    with ThreadPoolExecutor(3) as pool:
        found = [*pool.map(lambda step: [step(scale)[0] for scale in scales], steps)]
    np.testing.assert_array_equal(found, wanted)


def test_the_smaller_setting_of_threads_counts(monkeypatch):
    from numba import config

    for of_blas, of_numba in [(1, 4), (4, 1), (2, 4), (4, 3)]:
        monkeypatch.setattr(blas, "threads", lambda count=of_blas: count)
        monkeypatch.setattr(config, "NUMBA_NUM_THREADS", of_numba)
        assert threads.count() == min(of_blas, of_numba)


SCRIPT = """
import os, sys, threading
import numpy as np
import tinyseq as ts
from tinyseq.compiler.jit import threads
threads.ENOUGH = threads.LEAST = 0.0
if sys.argv[1:]:
    threads.count = lambda: 2
ts.manual_seed(0)
layer, x = ts.nn.LSTM(8, 16), ts.tensor(np.ones((5, 9, 8), np.float32), requires_grad=True)
fast = ts.compile(lambda x: (layer(x)[0] ** 2).mean(), executor="numba")
def step():
    layer.zero_grad()
    x.grad = None
    fast(x).backward()
    return x.grad.numpy().copy()
wanted = step()
assert np.array_equal(step(), wanted)
print(threading.active_count())
"""


def run(script, *args, **settings):
    result = subprocess.run(
        [sys.executable, "-c", script, *args], env=os.environ | settings, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


@pytest.mark.parametrize("one", [("NUMBA_NUM_THREADS",), ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")], ids=str)
def test_settings_for_one_thread_are_kept(one):
    names = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    assert run(SCRIPT, **{name: "1" if name in one else "2" for name in names}) == ["1"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_after_a_replay_has_threads_of_its_own():
    child = """
pid = os.fork()
if not pid:
    assert threading.active_count() == 1
    assert np.array_equal(step(), wanted)
    assert threading.active_count() == 2
    print("forked", flush=True)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert np.array_equal(step(), wanted)
"""
    assert run(SCRIPT + child, "two")[-1] == "forked"
    assert run(SCRIPT, "two") == ["2"]
