"""Compiled steps with Numba: kernels by their accuracy, whole training steps, and the cache on disk."""

import os
import subprocess
import sys

import numpy as np
import pytest
from executor_trials import SMALLEST, growth

import tinyseq as ts

pytest.importorskip("numba")
pytestmark = pytest.mark.usefixtures("shared_kernels")

rng = np.random.default_rng(0)


def gradients(function, *tensors):
    """The values and gradients of a function, from float32 or float64 arrays."""
    leaves = [ts.tensor(t, requires_grad=t.dtype.kind == "f") for t in tensors]
    y = function(*leaves)
    if y.requires_grad:
        y.sum().backward()
    return [y.numpy(), *(leaf.grad.numpy() for leaf in leaves if leaf.grad is not None)]


SPECIAL = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1e38, -1e38, 88.8, -88.8, 0.5, -3.0]


def arrays(dtype):
    """All pairs of special values, in two layouts."""
    x, y = np.meshgrid(np.array(SPECIAL, dtype), np.array(SPECIAL, dtype))
    return x, np.asfortranarray(y)


ARITHMETIC = {
    "arithmetic": lambda x, y: -x * y + x / y - (x - y),
    "min and max": lambda x, y: ts.minimum(x, y) * 2.0 + ts.maximum(x, y),
    "roots": lambda x, y: ts.sqrt(x) + abs(y) + ts.square(x),
    "comparisons": lambda x, y: ts.where((x < y) | (x >= 1.0), x + 1.0, y * 2.0) + ts.where(~(x == y), x, 0.0),
    "broadcast": lambda x, y: (x + y[:1]) * (y[:, :1] - 0.1) / 3,
    "masks": lambda x, y: (x > y).astype(x.dtype) * (x + y),
}


@pytest.mark.parametrize("dtype", [">f4", ">f8", "<f4", "<f8", ">i4", "<i8", ">u2"])
@pytest.mark.parametrize("place", ["argument", "tensor", "around", "made inside"])
def test_arrays_of_either_byte_order_hold_the_same_numbers(place, dtype):
    x, given = ts.tensor([0.5, -1.5, 3.0], requires_grad=True), np.array([1, 2, 7]).astype(dtype)

    def function(x, other):
        if place == "made inside":
            other = ts.positive(np.array([1, 2, 7]).astype(dtype))
        other = given if place == "around" else other
        return (ts.add(other * other, other) * x + other) * x

    other = ts.Tensor(given) if place == "tensor" else given
    fast, found = ts.compile(function, executor="numba"), []
    for each in (function, fast, fast):
        y = each(x, other)
        found.append([y.tolist(), ts.grad(y.sum(), x).tolist()])
    assert found[1:] == found[:1] * 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic_is_numpys_to_the_last_bit(name, dtype):
    x, y = arrays(dtype)
    with np.errstate(all="ignore"):
        wanted = gradients(ARITHMETIC[name], x, y)
        found = gradients(ts.compile(ARITHMETIC[name], executor="numba"), x, y)
    for one, two in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(("function", "true", "most"), [(ts.exp, np.exp, 1.0), (ts.tanh, np.tanh, 1.5)])
def test_exp_and_tanh_are_as_accurate_as_their_help_says(function, true, most):
    """Against long doubles, over all magnitudes; with signs, denormal numbers, infinities and NaN as in NumPy."""
    sizes = np.exp2(np.linspace(-149, 7, 200_001)).astype(np.float32)
    x = np.concatenate([np.linspace(-105, 89, 200_001, dtype=np.float32), sizes, -sizes])
    with np.errstate(all="ignore"):
        found = ts.compile(lambda x: function(x) * 1.0, executor="numba")(ts.tensor(x)).numpy()
        wanted = true(x.astype(np.longdouble))
    fits = np.abs(wanted) < np.finfo(np.float32).max
    unit = np.spacing(np.abs(wanted[fits]).astype(np.float32)).astype(np.longdouble)
    assert np.max(np.abs(found[fits] - wanted[fits]) / unit) <= most
    np.testing.assert_array_equal(found[~fits], np.inf)
    ends = np.array([0.0, -0.0, np.inf, -np.inf, np.nan], np.float32)
    found = ts.compile(lambda x: function(x) * 1.0, executor="numba")(ts.tensor(ends)).numpy()
    np.testing.assert_array_equal(found, true(ends))
    np.testing.assert_array_equal(np.signbit(found[:4]), np.signbit(true(ends[:4])))


LAYERS = {
    "RNN": lambda: ts.nn.RNN(3, 4, num_layers=2, bidirectional=True),
    "LSTM": lambda: ts.nn.LSTM(3, 4, num_layers=2, bidirectional=True),
    "GRU": lambda: ts.nn.GRU(3, 4, num_layers=2),
}


def trained(model, loss, calls, executor):
    """The losses of a few steps with Adam, and the parameters after them."""
    function = loss if executor is None else ts.compile(loss, executor=executor)
    optimizer, losses = ts.optim.Adam(list(model.parameters()), 1e-2), []
    for args in calls:
        optimizer.zero_grad()
        value = function(*args)
        value.backward()
        ts.nn.clip_grad_norm_(list(model.parameters()), 1.0)
        optimizer.step()
        losses.append(value.item())
    return losses, [p.numpy() for p in model.parameters()]


@pytest.mark.parametrize("name", LAYERS)
def test_training_gives_the_same_within_rounding(name):
    """Lengths, dropout and ids change from call to call, and one recording serves all calls."""
    calls = [
        (rng.integers(0, 6, (5, 3)), np.array(lengths), rng.integers(0, 4, 3))
        for lengths in ([5, 2, 3], [1, 4, 5], [5, 5, 1])
    ]
    found = []
    for executor in (None, "numba"):
        ts.manual_seed(0)
        layer = LAYERS[name]()
        width = 8 if name != "GRU" else 4
        model = ts.nn.ModuleList([ts.nn.Embedding(6, 3), layer, ts.nn.Dropout(0.2), ts.nn.Linear(width, 4)])

        def loss(ids, lengths, targets, model=model):
            states, _ = model[1](model[0](ids), lengths=lengths)
            return ts.nn.cross_entropy(model[3](model[2](states).mean(axis=0)), targets)

        found.append(trained(model, loss, calls, executor))
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-5)
    for one, two in zip(found[1][1], found[0][1], strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_two_thousand_replays_take_no_more_memory():
    layer = ts.nn.RNN(3, 4)
    fast = ts.compile(lambda x: (layer(x)[0] ** 2).mean(), executor="numba")

    def replay():
        layer.zero_grad()
        fast(ts.tensor(rng.standard_normal((2, 2, 3)).astype(np.float32))).backward()

    assert growth(replay, 500) < SMALLEST


SCRIPT = """
import numpy as np
import tinyseq as ts
from tinyseq.compiler.jit import cache
import tinyseq, pathlib
before = set(pathlib.Path(tinyseq.__file__).parent.rglob("*"))
y = ts.compile(lambda x: ts.exp(x) * 2.0, executor="numba")(ts.ones(3, dtype="float32"))
new = {p.name for p in set(pathlib.Path(tinyseq.__file__).parent.rglob("*")) - before if p.suffix != ".pyc"}
print(np.allclose(y.numpy(), 2 * np.e), sorted(new), cache.kernel.cache_info().misses)
"""


def test_kernels_are_kept_in_a_folder_that_processes_share(tmp_path):
    """Two at once, then one that finds all, and one that cannot write."""
    room = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kept")}
    both = [subprocess.Popen([sys.executable, "-c", SCRIPT], env=room, stdout=subprocess.PIPE, text=True) for _ in "ab"]
    for process in both:
        assert process.communicate()[0].split() == ["True", "[]", "1"]
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").rglob("*") if path.is_file()}
    assert [path.suffix for path in kept].count(".nbc") >= 2
    again = subprocess.run([sys.executable, "-c", SCRIPT], env=room, capture_output=True, text=True, check=True)
    assert again.stdout.split() == ["True", "[]", "1"]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").rglob("*") if path.is_file()} == kept
    (tmp_path / "file").touch()
    room["NUMBA_CACHE_DIR"] = str(tmp_path / "file")  # no folder can be made there
    refused = subprocess.run([sys.executable, "-c", SCRIPT], env=room, capture_output=True, text=True, check=True)
    assert refused.stdout.split() == ["True", "[]", "1"]


def test_gradients_of_weights_are_whole_arrays_and_not_copied():
    """A gradient that is a view would be copied by the backward pass, as others may hold its memory."""
    layer, x = ts.nn.LSTM(3, 4, num_layers=2), rng.standard_normal((5, 2, 3)).astype("f4")
    fast = ts.compile(lambda x: (layer(x)[0] ** 2).sum(), executor="numba")
    loss = fast(x)
    executor, handed = fast._newest.executor, []
    inner = executor.backward
    executor.backward = lambda *args: handed.extend(inner(*args)) or tuple(handed)
    loss.backward()
    weights = [p for p in layer.parameters() if p.ndim == 2]
    assert sum(g.ndim == 2 for g in handed) == len(weights) == 4
    assert all(g.base is None for g in handed if g.ndim == 2)
    for p in weights:
        assert any(np.shares_memory(p.grad._array, g) for g in handed)


@pytest.mark.parametrize(("cell", "hidden", "batch"), [("lstm", 48, 9), ("gru", 320, 50), ("rnn", 16, 31)])
def test_packed_products_of_a_recurrence(cell, hidden, batch):
    """In registers: tiles of two heights, panels of one and two vectors, and sums of several parts."""
    layer = ts.nn.recurrent.layers.Recurrent(cell, 8, hidden)
    x = rng.standard_normal((4, batch, 8)).astype(np.float32)
    function = lambda x: (layer(x)[0] ** 2).sum()
    fast, found = ts.compile(function, executor="numba"), []
    for call in (fast, function):
        layer.zero_grad()
        leaf = ts.tensor(x, requires_grad=True)
        call(leaf).backward()
        found.append([leaf.grad.numpy(), *(p.grad.numpy() for p in layer.parameters())])
    for one, two in zip(*found, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-4 * np.abs(two).max())
