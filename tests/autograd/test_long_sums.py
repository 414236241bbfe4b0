"""Sums of many terms keep their digits in float32 and float16, whatever the axes and the layout."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts

ROUNDING = {"float16": 2e-3, "float32": 2e-6, "float64": 1e-14}  # torch's sums are as good


def laid_out(rng, shape, dtype):
    """Numbers with a large mean, adjacent along any axis, with gaps, backward or broadcast."""
    order = [*map(int, rng.permutation(len(shape)))]
    steps = [int(rng.choice([1, 2, -1])) for _ in shape]
    whole = (3 if dtype == "float16" else 10_000) + rng.random([shape[axis] * abs(steps[axis]) for axis in order])
    part = whole.astype(dtype).transpose(np.argsort(order))[tuple(slice(None, None, step) for step in steps)]
    if rng.random() < 0.2:
        part = np.broadcast_to(part[..., :1], part.shape)
    return part


@st.composite
def long_sums(draw):
    """An array with one or two long axes in any layout, and axes to sum along."""
    ndim = draw(st.integers(1, 4))
    long = draw(st.sampled_from([129, 1000, 4096, 20_011]))
    shape = [draw(st.integers(1, 3)) for _ in range(ndim)]
    shape[draw(st.integers(0, ndim - 1))] = long
    if long <= 1000:
        shape[draw(st.integers(0, ndim - 1))] = draw(st.sampled_from([1, 2, 40, 129]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = laid_out(rng, shape, draw(st.sampled_from([*ROUNDING])))
    named = st.lists(st.integers(-ndim, ndim - 1), min_size=1, unique_by=lambda one: one % ndim).map(tuple)
    return x, draw(st.none() | st.integers(-ndim, ndim - 1) | named)


FUNCTIONS = {
    "sum": (ts.sum, np.sum),
    "mean": (ts.mean, np.mean),
    "norm": (ts.norm, lambda x, axis, keepdims: np.sqrt(np.square(x).sum(axis, keepdims=keepdims))),
    "logsumexp": (
        ts.logsumexp,
        lambda x, axis, keepdims: np.log(np.exp(x - x.max()).sum(axis, keepdims=keepdims)) + x.max(),
    ),
    "std": (ts.std, np.std),
}


@settings(deadline=None)
@given(long_sums(), st.sampled_from([*FUNCTIONS]), st.booleans())
def test_a_sum_has_the_digits_of_its_dtype_along_any_axes_in_any_layout(case, name, keepdims):
    x, axis = case
    ours, plain = FUNCTIONS[name]
    wide = x.astype(np.longdouble)
    with np.errstate(over="ignore"):  # float16 ends at 65504
        wanted = plain(wide, axis=axis, keepdims=keepdims).astype(x.dtype)
        found = ours(ts.Tensor(x), axis=axis, keepdims=keepdims)
    assert (found.dtype, found.shape) == (x.dtype, wanted.shape)
    near = ROUNDING[x.dtype.name]
    rounded = near * 1e4 if name == "std" else 0  # a deviation is the difference of large numbers
    np.testing.assert_allclose(found.numpy(), wanted, rtol=near, atol=rounded)


@settings(deadline=None)
@given(long_sums())
def test_what_was_broadcast_gets_a_gradient_with_all_digits(case):
    """A bias of many rows, a scale of one number for all: their gradients are sums over the axes of the broadcast."""
    x, axis = case
    kept = np.sum(np.zeros_like(x), axis=axis, keepdims=True)
    leaf = ts.tensor(kept, requires_grad=True)
    with np.errstate(over="ignore"):
        (leaf + ts.Tensor(np.zeros_like(x))).backward(ts.Tensor(x))
        wanted = x.astype(np.longdouble).sum(axis=axis, keepdims=True).astype(x.dtype)
    np.testing.assert_allclose(leaf.grad.numpy(), wanted, rtol=ROUNDING[x.dtype.name])


@pytest.mark.parametrize("create_graph", [False, True])
def test_the_gradient_of_a_softmax_over_many_rows_has_all_digits(create_graph):
    rng = np.random.default_rng(0)
    x, up = rng.random((20_000, 3)), 100 + rng.random((20_000, 3))
    found = []
    for dtype in ("float32", "float64"):
        for function in (ts.softmax, ts.log_softmax):
            leaf = ts.tensor(x.astype(dtype), requires_grad=True)
            y = function(leaf, axis=0)
            found.append(y.numpy())
            found.append(ts.grad(y, leaf, ts.tensor(up.astype(dtype)), create_graph=create_graph).numpy())
    for i, (short, long) in enumerate(zip(found[:4], found[4:], strict=True)):
        unit = [found[4], 100 * found[4], abs(found[6]), 100][i]  # of the terms of the difference that a gradient is
        np.testing.assert_array_less(abs(short - long), 3e-6 * unit)
    assert abs(found[0].sum(0, dtype=np.float64) - 1).max() < 1e-6


EINSUMS = ["ij->j", "ij,ij->j", "ti,tj->ij", "bti,btj->ij", "ttj->j", "i,i->", "ti,t->i", "ti,tj,tk->ijk", "ij->"]


@settings(deadline=None)
@given(st.sampled_from(EINSUMS), st.sampled_from(["float32", "float64"]), st.integers(0, 2**32))
def test_long_sums_of_products_have_all_digits_and_so_have_their_gradients(subscripts, dtype, seed):
    rng = np.random.default_rng(seed)
    terms = subscripts.partition("->")[0]
    sides = {c: int(rng.integers(1, 4)) for c in terms} | dict.fromkeys("it" if "t" not in terms else "t", 20_011)
    sides |= {"t": 301} if "tt" in terms else {}
    arrays = [(1 + rng.random([sides[c] for c in term])).astype(dtype) for term in terms.split(",")]
    found = [ts.tensor(array, requires_grad=True) for array in arrays]
    wide = [ts.tensor(array.astype(np.longdouble), requires_grad=True) for array in arrays]
    for leaves in (found, wide):
        y = ts.einsum(subscripts, *leaves)
        y.backward(ts.ones(*y.shape, dtype=y.dtype))
        leaves.append(y)
    np.testing.assert_allclose(found[-1].numpy(), wide[-1].numpy().astype(dtype), rtol=ROUNDING[dtype])
    for one, other in zip(found[:-1], wide[:-1], strict=True):
        np.testing.assert_allclose(one.grad.numpy(), other.grad.numpy().astype(dtype), rtol=ROUNDING[dtype])


def test_running_sums_are_added_up_in_double_precision():
    x = (10 + np.random.default_rng(0).random((50_000, 2))).astype(np.float32)
    leaf = ts.tensor(x, requires_grad=True)
    y = ts.cumsum(leaf, axis=0)
    np.testing.assert_allclose(y.numpy(), x.cumsum(0, dtype=np.float64), rtol=1e-7)
    y.backward(ts.Tensor(x))
    np.testing.assert_allclose(leaf.grad.numpy(), x[::-1].cumsum(0, dtype=np.float64)[::-1], rtol=1e-7)


def layer_of_many_rows(x, w, b):
    """A loss whose gradient of b is a sum over the rows of a batch and its steps."""
    return ((x @ w + b) * 0.5 + ts.softmax(x, axis=0).sum()).mean() + ts.einsum("tbi->i", x).sum() * 1e-6


@pytest.mark.parametrize("executor", ["numpy", "numba"])
def test_compiled_sums_have_the_digits_of_eager_ones(executor):
    if executor == "numba":
        pytest.importorskip("numba")
    rng = np.random.default_rng(0)
    arrays = [10 + rng.random(shape) for shape in ((2000, 5, 4), (4, 3), (3,))]
    found = {}
    for dtype, compiled in (("float32", True), ("float32", False), ("float64", False)):
        leaves = [ts.tensor(array.astype(dtype), requires_grad=True) for array in arrays]
        function = ts.compile(layer_of_many_rows, executor=executor) if compiled else layer_of_many_rows
        for _ in range(2):  # recorded, and replayed
            for leaf in leaves:
                leaf.grad = None
            loss = function(*leaves)
            loss.backward()
        found[dtype, compiled] = [loss.numpy(), *(leaf.grad.numpy() for leaf in leaves)]
    for fast, plain, exact in zip(*found.values(), strict=True):
        np.testing.assert_allclose(fast, exact, rtol=2e-6)
        if executor == "numpy":
            np.testing.assert_array_equal(fast, plain)


TABLE_ROWS = 5
READERS = {  # ops whose gradient is the sum of what arrived at each place, however often it was read
    "getitem": lambda table, ids: table[ids],
    "two arrays": lambda table, ids: table[ids[:, None], np.arange(table.shape[1])],
    "slice": lambda table, ids: table[ids, 0 : table.shape[1]],
    "take": lambda table, ids: ts.take(table, ids, axis=0),
    "take_along_axis": lambda table, ids: ts.take_along_axis(table, spread(ids, table), axis=0),
    "gather": lambda table, ids: ts.gather(table, 0, spread(ids, table)),
}


def spread(ids, table):
    return np.broadcast_to(ids[:, None], (len(ids), table.shape[1]))


@pytest.mark.parametrize("name", [*READERS, "scatter_add"])
@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("width", [1, 2, 3, 130])
def test_what_is_read_or_added_at_one_place_many_times_keeps_all_digits(name, dtype, width):
    rng = np.random.default_rng(0)
    for many in (100, 1000, 20_000):
        ids = rng.choice([0, 0, 0, 1, TABLE_ROWS - 1], many)
        values = laid_out(rng, (many, width), dtype)
        wanted = np.zeros((TABLE_ROWS, width), np.longdouble)
        np.add.at(wanted, ids, values.astype(np.longdouble))
        with np.errstate(over="ignore"):  # float16 ends at 65504
            if name == "scatter_add":
                found = ts.scatter_add(ts.zeros(*wanted.shape, dtype=dtype), ids, ts.Tensor(values))
            else:
                table = ts.zeros(*wanted.shape, dtype=dtype, requires_grad=True)
                READERS[name](table, ids).backward(ts.Tensor(values))
                found = table.grad
            wanted = wanted.astype(dtype)
        assert found.dtype == dtype
        np.testing.assert_allclose(found.numpy(), wanted, rtol=ROUNDING[dtype])
