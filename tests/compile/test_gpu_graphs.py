"""Compiled steps for a GPU, on a stand-in for one: what they give is what NumPy gives, and kernels are few."""

import shutil

import kernels_stand_in
import numpy as np
import pytest
from executor_trials import ENGINE, agree, op_replayed, program_replayed, results
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.compiler import formulas as every_formula
from tinyseq.compiler.executors import EXECUTORS
from tinyseq.compiler.fusion import Group
from tinyseq.compiler.gpu import formulas


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    monkeypatch.setitem(EXECUTORS["numpy"], "stand-in", "kernels_stand_in")


def close(found, wanted, rtol=1e-9):
    def near(a, b):
        np.testing.assert_allclose(a, b, rtol=rtol if a.dtype.itemsize >= 8 else 1e-5, atol=1e-12)

    agree(found, wanted, near)


@pytest.mark.parametrize("op", ENGINE, ids=lambda op: op.name)
@settings(max_examples=10)
@given(data=st.data())
def test_every_op_gives_what_it_gives_with_numpy(op, data):
    for found, wanted in op_replayed(op, data, "stand-in"):
        close(found, wanted)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**31))
def test_random_programs_give_what_they_give_with_numpy(seed):
    for found, wanted in program_replayed(seed, "stand-in"):
        close(found, wanted, 1e-7)


@st.composite
def moves(draw):
    """A chain of elementwise functions, views and joins, as steps on a list of arrays."""
    kinds = [
        "tanh",
        "add",
        "multiply",
        "slice",
        "transpose",
        "reshape",
        "joined",
        "stacked",
        "product",
        "sum",
        "spread",
    ]
    return [(draw(st.sampled_from(kinds)), draw(st.integers(0, 30)), draw(st.integers(0, 30))) for _ in range(14)]


def moved(steps, values):
    values = list(values)
    for kind, i, j in steps:
        x, y = values[i % len(values)], values[j % len(values)]
        alike = x.shape == y.shape
        if kind == "slice" and min(x.shape, default=0) > 1:
            values += [x[j % 2 :: 2], x[..., 1:]]
        elif kind == "transpose":
            values.append(ts.transpose(x))
        elif kind == "reshape":
            values.append(ts.reshape(x, (-1,)))
        elif kind in ("joined", "stacked") and alike and x.ndim and x.size < 200:
            join = ts.concatenate if kind == "joined" else ts.stack
            values.append(join([x, y, ts.tanh(y), x], axis=j % x.ndim))
        elif kind == "product" and x.ndim == 2:
            values.append(x @ ts.transpose(x))
        elif kind == "sum" and x.ndim:
            values.append(ts.sum(x, axis=j % x.ndim, keepdims=True))
        elif kind == "spread" and x.ndim and x.shape[0] == 1:
            values.append(ts.broadcast_to(x, (3, *x.shape[1:])))
        elif kind in ("add", "multiply") and alike:
            values.append(ts.tanh(x + y if kind == "add" else x * y))
        else:
            values.append(ts.tanh(x))
    return values[-4:]


@settings(max_examples=150)
@given(steps=moves(), shape=st.sampled_from([(4, 6), (2, 3, 4), (6,), (1, 3)]))
def test_views_and_joins_of_any_kind_and_order(steps, shape):
    rng = np.random.default_rng(0)
    fast = ts.compile(lambda *xs: moved(steps, xs), executor="stand-in")
    for _ in range(2):
        tensors = [ts.tensor(rng.standard_normal(shape)) for _ in range(3)]
        ups = [rng.standard_normal(y.shape) for y in moved(steps, tensors)]
        found, wanted = (results(f, tensors, range(3), ups) for f in (fast, lambda *xs: moved(steps, xs)))
        close(found, wanted, 1e-10)
    assert fast._newest.executor.reason is None


def test_what_is_spread_to_a_larger_shape_is_computed_once():
    row, rows = ts.ones(1, 3), ts.ones(5, 3)
    fast = ts.compile(lambda row, rows: (ts.tanh(row * 2.0) * rows, ts.tanh(row * 2.0) + rows), executor="stand-in")
    fast(row, rows)
    assert [line.strip() for line in fast.program.fused[1:]] == [
        "1 x one kernel over (3, 1): multiply, tanh",
        "1 x one kernel over (5, 3): multiply, add",
    ]


def lstm(steps=6, batch=2, size=3, hidden=4, kind="LSTM"):
    ts.manual_seed(0)
    layer = getattr(ts.nn, kind)(size, hidden)
    x = ts.tensor(np.random.default_rng(0).standard_normal((steps, batch, size)).astype("f4"), requires_grad=True)
    return layer, x, lambda x: (lambda y: (y * y).mean())(layer(x)[0])


def gradients(function, layer, x):
    for tensor in (*layer.parameters(), x):
        tensor.grad = None
    loss = function(x)
    loss.backward()
    return [loss.numpy(), *(tensor.grad.numpy().copy() for tensor in (*layer.parameters(), x))]


def test_a_time_step_of_an_lstm_is_one_kernel_and_one_product_each_way():
    """Cut gates, sigmoids, rules and joins all belong to it, and the kernels of the time steps are the same."""
    layer, x, function = lstm()
    fast = ts.compile(function, executor="stand-in")
    gradients(fast, layer, x)
    graphs = fast._newest.executor._graphs
    for one in graphs._passes:
        items = [item for item in one.schedule.items if isinstance(item, Group) and item.shape == (4, 2)]
        assert 6 <= len(items) <= 7
        assert len(one._kernels) <= 7  # the first steps differ, and the last
    assert all(
        len(item.steps) > 20
        for item in graphs._passes[0].schedule.items
        if item.__class__ is Group and item.shape == (4, 2)
    )


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")
@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_the_source_of_kernels_computes_what_numpy_does(kind, monkeypatch):
    """Compiled as C++, with as many threads in a block as on a GPU."""
    layer, x, function = lstm(kind=kind)
    monkeypatch.setattr(kernels_stand_in, "COMPILES", True)
    found = gradients(ts.compile(function, executor="stand-in"), layer, x)
    for a, b in zip(found, gradients(function, layer, x), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-7)


FORMULAS = [function for function, *_ in every_formula._TEXTS if isinstance(function, np.ufunc)]


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")
@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "u8", "?"])
def test_every_formula_is_numpys_function(dtype):
    """On all pairs of a list of numbers with zeros, infinities and NaN."""
    numbers = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.7, -2.5, np.inf, -np.inf, np.nan, 40.0, -700.0]
    values = np.array(numbers, dtype) if dtype[0] == "f" else np.array([0, 1, 2, 3, 100, 120]).astype(dtype)
    if dtype == "i4":
        values[3:5] *= -1
    x, y = (np.ascontiguousarray(a) for a in np.meshgrid(values, values))
    made = []
    for function in dict.fromkeys(FORMULAS):
        formula = formulas.formula_of(function, [x.dtype, y.dtype][: function.nin], {})
        if formula is not None:
            made.append((function, formula))
    assert len(made) > {"f": 45, "i": 20, "u": 18, "?": 10}[dtype[0]]
    with np.errstate(all="ignore"):
        wanted = [function(*(x, y)[: function.nin]) for function, _ in made]
        found = kernels_stand_in.evaluated([formula for _, formula in made], [x, y])
    for (function, _), a, b in zip(made, found, wanted, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=3e-6 if dtype == "f4" else 1e-14, err_msg=function.__name__)


def test_the_program_says_what_was_fused():
    layer, x, function = lstm()
    fast = ts.compile(function, executor="stand-in")
    gradients(fast, layer, x)
    first, second = str(fast.program).split("backward, as one graph:")
    assert "forward, as one graph:\n  1 x matmul over (6, 16, 2)" in first
    assert "  5 x one kernel over (4, 2): multiply, multiply, dot, add, add, " in second


def test_two_runs_before_their_backward_passes():
    """The buffers are the latest run's: an older one computes its forward pass again."""
    layer, x, function = lstm()
    fast = ts.compile(function, executor="stand-in")
    other = ts.tensor(x.numpy() * 0.5, requires_grad=True)
    wanted = [gradients(function, layer, tensor) for tensor in (x, other)]
    first, second = fast(x), fast(other)
    for loss, tensor, known in ((first, x, wanted[0]), (second, other, wanted[1])):
        for leaf in (*layer.parameters(), x, other):
            leaf.grad = None
        loss.backward()
        np.testing.assert_allclose(tensor.grad.numpy(), known[-1], rtol=1e-5, atol=1e-8)


def test_results_belong_to_the_caller():
    layer, x, _ = lstm()
    fast = ts.compile(lambda x: layer(x)[0], executor="stand-in")
    first = fast(x)
    kept = first.numpy().copy()
    fast(ts.tensor(x.numpy() * 2, requires_grad=True))
    np.testing.assert_array_equal(first.numpy(), kept)


def test_an_index_out_of_bounds_is_the_functions_error(monkeypatch):
    """It never reaches the device, which would wrap it round."""
    copied, copy_in = [], kernels_stand_in.StandIn.copy_in
    monkeypatch.setattr(
        kernels_stand_in.StandIn, "copy_in", lambda self, *arrays: (copied.extend(arrays[1]), copy_in(self, *arrays))
    )
    table = ts.tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    fast = ts.compile(lambda ids: table[ids].sum(), executor="stand-in")
    assert fast(np.array([0, 2])).item() == 10.0
    assert fast._newest.executor.reason is None
    before = len(copied)
    with pytest.raises(IndexError):
        fast(np.array([0, 3]))
    assert len(copied) == before
    assert fast(np.array([-1, 1])).item() == 14.0


def test_what_cannot_be_captured_runs_call_by_call_and_says_why():
    x = ts.tensor(np.array([[3.0, 1.0], [1.0, 2.0]]), requires_grad=True)
    fast = ts.compile(lambda x: ts.det(x) + ts.sort(x)[0, 0], executor="stand-in")
    loss = fast(x)
    loss.backward()
    assert "cannot be captured" in fast._newest.executor.reason
    assert "call by call" in str(fast.program)
    np.testing.assert_allclose(x.grad.numpy(), [[2.0, 0.0], [-1.0, 3.0]])
