"""Results of compiled functions: gradients of some of them only, and those that are no new tensors."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.compiler.steps import of_type

EXECUTORS = [None, "numba"]
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.fixture(params=EXECUTORS)
def executor(request):
    if request.param == "numba":
        pytest.importorskip("numba")
    return request.param


def several(x, y, z):
    """Results that share work, one of them with infinite slopes at 0, and one of y and z only."""
    shared = ts.tanh(x) * y
    return shared.sum(), ts.log(x).sum() + shared.sum(), (y * z).sum(), ts.sqrt(x)


def gradients(function, values, used):
    leaves = [ts.tensor(value, requires_grad=True) for value in values]
    results = function(*leaves)
    total = sum(results[i].sum() * (i + 1.0) for i in used)
    total.backward()
    return [None if leaf.grad is None else leaf.grad.numpy() for leaf in leaves]


def test_every_subset_of_results_in_any_order_has_the_gradients_of_the_function(executor):
    fast = ts.compile(several, executor=executor)
    rng = np.random.default_rng(0)
    subsets = [used for k in range(1, 5) for used in itertools.combinations(range(4), k)]
    for used in [*subsets, *reversed(subsets), *(subsets[i] for i in rng.permutation(len(subsets)))]:
        values = [np.array([0.0, 0.5, 1.0]), rng.normal(size=3), rng.normal(size=3)]
        for found, expected in zip(gradients(fast, values, used), gradients(several, values, used), strict=True):
            assert (found is None) == (expected is None), used
            if found is not None:
                np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_results_are_chosen_after_parameters_have_been_updated_and_with_the_same_dropout(executor):
    def trajectory(compiled):
        ts.manual_seed(0)
        lstm, drop = ts.nn.LSTM(3, 4), ts.nn.Dropout(0.5)
        step = lambda x, h, c: lstm(drop(x), (h, c))
        step = ts.compile(step, executor=executor) if compiled else step
        optimizer = ts.optim.Adam(list(lstm.parameters()), 1e-2)
        state, seen = (ts.zeros(1, 2, 4), ts.zeros(1, 2, 4)), []
        for k in range(6):
            optimizer.zero_grad()
            x = ts.tensor(np.random.default_rng(k).normal(size=(5, 2, 3)))
            states, (h, c) = step(x, *state)
            loss = (states * states).sum() if k % 3 else (c * c).sum() + h.sum()
            loss.backward()
            optimizer.step()
            state = h.detach(), c.detach()
            seen += [loss.item(), *(p.grad.numpy().copy() for p in lstm.parameters())]
        return seen

    for found, expected in zip(trajectory(True), trajectory(False), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_runs_waiting_for_different_results_keep_their_values(executor):
    fast = ts.compile(several, executor=executor)
    rng, waiting = np.random.default_rng(1), []
    for k in range(12):
        values = [rng.uniform(0.5, 1, size=3) for _ in range(3)]
        leaves = [ts.tensor(value, requires_grad=True) for value in values]
        waiting.append((values, leaves, fast(*leaves), k % 4))
    for values, leaves, results, i in [waiting[k] for k in rng.permutation(12)]:
        shown = [result.numpy().copy() for result in results]
        for _ in range(2):
            results[i].sum().backward(retain_graph=True)
        plain = [ts.tensor(value, requires_grad=True) for value in values]
        (several(*plain)[i].sum() * 2.0).backward()
        for leaf, other in zip(leaves, plain, strict=True):
            assert (leaf.grad is None) == (other.grad is None)
            if leaf.grad is not None:
                np.testing.assert_allclose(leaf.grad.numpy(), other.grad.numpy(), rtol=1e-14)
        for result, before in zip(results, shown, strict=True):
            assert np.array_equal(result.numpy(), before)


@pytest.mark.parametrize("dtype", ["float16", "longdouble", "float32", "complex64", "complex128", "int8", "uint16"])
@pytest.mark.parametrize("join", [ts.concatenate, ts.stack])
def test_joins_of_any_type(executor, dtype, join):
    function = lambda x, y: join([x + y, x * y, x])
    fast = ts.compile(function, executor=executor)
    x, y = np.array([1, 2, 3], dtype=dtype), np.array([2, 3, 1], dtype=dtype)
    found, expected = fast(ts.tensor(x), ts.tensor(y)).numpy(), function(ts.tensor(x), ts.tensor(y)).numpy()
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)


def test_an_argument_that_only_an_unused_result_needs_gets_no_gradient(executor):
    """Also if the argument is not a leaf: what it was made from gets none either."""
    fast = ts.compile(lambda x, y: (x.sum(), ts.log(x * y).sum()), executor=executor)
    w, v = ts.tensor([1.0, 2.0], requires_grad=True), ts.tensor([0.0, 3.0], requires_grad=True)
    fast(w * 2, v * 3)[0].backward()
    assert w.grad is not None
    np.testing.assert_array_equal(w.grad.numpy(), [2.0, 2.0])
    assert v.grad is None
    total = fast(w * 2, v * 3)[0] + (v * 5).sum()
    total.backward()
    np.testing.assert_array_equal(v.grad.numpy(), [5.0, 5.0])


def picked(pool, places):
    return [picked(pool, each) if isinstance(each, list) else pool[each] for each in places]


@settings(max_examples=10)
@given(places=st.lists(st.recursive(st.integers(0, 7), lambda inner: st.lists(inner, max_size=5)), min_size=1))
def test_a_result_is_a_tensor_from_outside_or_another_result_where_it_is_one_without_compile(places):
    w, constant = ts.tensor([1.0, 2.0], requires_grad=True), ts.tensor([3.0, 4.0])
    x, y = ts.tensor([5.0, 6.0], requires_grad=True), ts.tensor([7.0, 8.0])

    def function(x, y):
        h = x * w
        return picked([x, y, w, constant, h, h + y, y.detach(), w.detach()], places)

    fast = ts.compile(function)
    for args in ((x, y), (y, x), (x, x)):
        found = []
        for call in (function, fast):
            x.grad = w.grad = None
            results = [*of_type(call(*args), ts.Tensor)]
            everything = [*args, w, constant, *results]
            same = [[one is other for one in everything] for other in everything]
            total = ts.tensor(0.0, requires_grad=True)
            for i, part in enumerate(results):
                total = total + (part * (i + 1.0)).sum()
            program = fast.program if call is fast else None
            total.backward()
            assert program is None or fast.program is program  # one for all results serves
            found.append((same, [part.tolist() for part in results], str(x.grad), str(w.grad)))
        assert found[0] == found[1]
