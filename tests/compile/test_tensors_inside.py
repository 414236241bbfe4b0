"""What a compiled function reads and changes of tensors besides their values: as the function itself, or refused."""

import functools
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.compiler import RecordingError

FACTS = {
    "requires_grad": lambda t: 2.0 if t.requires_grad else 1.0,
    "grad": lambda t: 2.0 if t.grad is None else 1.0,
    "the values of grad": lambda t: 1.0 if t.grad is None else t.grad.sum(),
    "shape": lambda t: float(t.shape[0]),
    "size": lambda t: float(t.size),
    "dtype": lambda t: float(t.dtype.itemsize),
    "values": lambda t: t.sum(),
    "values, detached": lambda t: t.detach().sum(),
}


def changed(holder, name, what):
    t = holder[name]
    if what == "flag":
        t.requires_grad_(not t.requires_grad)
    elif what == "grad" and t.requires_grad:
        t.grad = ts.full(t.shape, 3.0)
    elif what == "no grad":
        t.grad = None
    elif what == "longer":
        holder[name] = ts.ones(t.shape[0] + 1).requires_grad_(t.requires_grad)
    elif what == "single":
        holder[name] = ts.ones(t.shape, dtype="float32").requires_grad_(t.requires_grad)
    elif what == "values":
        holder[name] = (t.detach() * 2.0).requires_grad_(t.requires_grad)


@given(
    facts=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(sorted(FACTS))), min_size=1, max_size=3),
    changes=st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.sampled_from(["flag", "grad", "no grad", "longer", "single", "values"]),
        ),
        max_size=5,
    ),
)
def test_each_fact_of_a_tensor_is_that_of_the_call_or_refused(facts, changes):
    w = ts.tensor([1.0, 2.0], requires_grad=True)
    holder = {"a": ts.tensor([1.0, 2.0], requires_grad=True), "b": ts.tensor([1.0, 2.0])}

    def function(x):
        total = (w * x).sum()
        for name, fact in facts:
            total = total * FACTS[fact](holder[name])
        return total

    fast, x, refused = ts.compile(function, limit=100), ts.ones(2), []
    for change in [None, *changes]:
        if change is not None:
            changed(holder, *change)
        before = [t.grad for t in (w, *holder.values())]
        wanted = function(x)
        try:
            found = fast(x)
        except RecordingError as error:
            refused.append(".grad" in str(error) and any(fact in ("grad", "the values of grad") for _, fact in facts))
        else:
            assert found.item() == wanted.item()
            assert found.requires_grad == wanted.requires_grad
        assert all(refused)
        assert all(t.grad is g for t, g in zip((w, *holder.values()), before, strict=True))


def backward_inside(w, x):
    y = (w * x).sum()
    y.backward()
    return y


def walk_inside(w, x):
    list(ts.trace_backward((w * x).sum()))
    return (w * x).sum()


def reset_inside(w, x):
    w.grad = None
    return (w * x).sum()


def flag_inside(w, x):
    return (w.requires_grad_(False) * x).sum()


def flag_of_an_argument(w, x):
    return (w * x.requires_grad_()).sum()


@pytest.mark.parametrize("function", [backward_inside, walk_inside, reset_inside, flag_inside, flag_of_an_argument])
def test_what_a_replay_would_not_do_is_refused_and_changes_nothing(function):
    w, x = ts.tensor([1.0, 2.0], requires_grad=True), ts.ones(2)
    w.grad = ts.tensor([5.0, 6.0])
    kept = w.grad
    with pytest.raises(RecordingError, match="grad"):
        ts.compile(lambda x: function(w, x))(x)
    assert w.grad is kept
    assert w.grad.tolist() == [5.0, 6.0]
    assert w.requires_grad
    assert not x.requires_grad
    w.grad = None
    backward_inside(w, x)
    assert w.grad.tolist() == [1.0, 1.0]


def slopes(layer, x):
    """A penalty on the gradient with respect to a leaf that the function makes."""
    point = x.detach().requires_grad_()
    (g,) = ts.grad((layer(point)[0] ** 2).sum(), [point], create_graph=True)
    return (g * g).sum()


WITH_A_LEAF_INSIDE = {
    "penalty": slopes,
    "jacobian": lambda layer, x: ts.jacobian(lambda z: layer(z)[0][-1], x),
    "hessian": lambda layer, x: ts.hessian(lambda z: (layer(z)[0] ** 2).sum(), x),
    "vjp": lambda layer, x: ts.vjp(lambda z: layer(z)[0], x, ts.ones((3, 1, 3)))[1],
    "jvp": lambda layer, x: ts.jvp(lambda z: layer(z)[0], x, ts.ones(x.shape))[1],
    "hvp": lambda layer, x: ts.hvp(lambda z: (layer(z)[0] ** 2).sum(), x, ts.ones(x.shape))[1],
}


@pytest.mark.parametrize("recorded", [False, True], ids=["constant", "with gradient"])
@pytest.mark.parametrize("name", WITH_A_LEAF_INSIDE)
def test_derivatives_inside(name, recorded):
    layer = ts.nn.GRU(2, 3, dtype="float64")
    x = ts.tensor(np.random.default_rng(0).standard_normal((3, 1, 2)), requires_grad=recorded)
    results = []
    function = functools.partial(WITH_A_LEAF_INSIDE[name], layer)
    leaves = [x, *layer.parameters()] if recorded else [*layer.parameters()]
    for call in (function, ts.compile(function)):
        for leaf in leaves:
            leaf.grad = None
        y = call(x)
        (y * y).sum().backward()
        results.append([y, *(leaf.grad for leaf in leaves)])
    for found, wanted in zip(*results, strict=True):
        if wanted is None:
            assert found is None
        else:
            np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-12, atol=1e-14)


def test_threads_that_record_and_replay_share_parameters():
    layer = ts.nn.LSTM(3, 4, dtype="float64")
    rng = np.random.default_rng(0)
    batches = [rng.standard_normal((4, 2, 3)) for _ in range(4)]

    def loss_of(x):
        return (layer(x)[0] ** 2).sum()

    for batch in batches * 5:
        loss_of(ts.tensor(batch)).backward()
    wanted = [p.grad.numpy() for p in layer.parameters()]
    for parameter in layer.parameters():
        parameter.grad = None
    fast, errors = ts.compile(loss_of), []

    def work(batch):
        try:
            for _ in range(5):
                fast(ts.tensor(batch)).backward()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    for parameter, gradient in zip(layer.parameters(), wanted, strict=True):
        np.testing.assert_allclose(parameter.grad.numpy(), gradient, rtol=1e-10)


def test_a_leaf_that_the_function_makes_may_be_a_constant_for_a_while():
    def function(x):
        leaf = x.detach().requires_grad_()
        y = (leaf * leaf).sum()
        leaf.requires_grad = False
        z = leaf.sum()
        leaf.requires_grad = True
        return ts.grad(y + z, [leaf])[0]

    x = ts.tensor([1.0, 2.0])
    assert ts.compile(function)(x).tolist() == function(x).tolist() == [2.0, 4.0]


# numbers made of an array: scalars of NumPy and arrays, which widen the type of a tensor beside them
NUMBERS = {
    "sum": lambda a: a.sum(),
    "element": lambda a: a.ravel()[0],
    "mean": lambda a: a.mean(),
    "count": np.count_nonzero,
    "root": lambda a: np.sqrt(abs(a.max()) + 1),
    "converted": lambda a: a.sum().astype("float64"),
    "truth": lambda a: a.any(),
    "share": lambda a: a.sum() / a.size,
    "array without axes": lambda a: a.ravel()[0, ...],
    "array": lambda a: a.sum(keepdims=True),
}
BESIDE = {
    "product": lambda t, n: t * n,
    "product on the left": lambda t, n: n * t,
    "quotient": lambda t, n: t.sum() / n,
    "quotient on the left": lambda t, n: n / t,
    "power": lambda t, n: t**n,
    "maximum": ts.maximum,
    "where": lambda t, n: ts.where(t > n, t, n),
    "clip": lambda t, n: ts.clip(t, 0, n),
    "op of numbers": lambda t, n: ts.multiply(n, 2.0) * t,
    "tensor of its own": lambda t, n: ts.tensor(n) * t,
}


@given(
    st.sampled_from(["float32", "float64", "int64", "uint8", "float32 leaf"]),
    st.sampled_from(["float32", "float64", "int64", "uint8", "bool"]),
    st.sampled_from([*NUMBERS]),
    st.sampled_from([*BESIDE]),
)
def test_what_is_made_of_an_array_has_the_type_that_it_has_in_the_function(tensor, array, number, op):
    t = ts.tensor(np.array([1, 2, 3], tensor.split()[0]), requires_grad="leaf" in tensor)
    a = np.array([[1, 0], [1, 1]], array)
    found = []
    for call in (ts.compile(lambda x: BESIDE[op](t, NUMBERS[number](x))), lambda x: BESIDE[op](t, NUMBERS[number](x))):
        y = call(a)
        found.append([str(y.dtype), y.tolist()])
        if y.requires_grad:
            found[-1].append(ts.grad(y.sum(), [t])[0].tolist())
    assert found[0][0] == found[1][0]
    for one, other in zip(found[0][1:], found[1][1:], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
