"""Checkpoints: the plain call's values and gradients, with less kept."""

import gc
import threading
import weakref
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.autograd.graph import Node
from tinyseq.random import noted


def chain(x, w):
    for _ in range(5):
        x = ts.tanh(w @ x)
    return x


def pair():
    rng = np.random.default_rng(0)
    return ts.tensor(rng.standard_normal((3, 2)), requires_grad=True), ts.tensor(
        rng.standard_normal((3, 3)), requires_grad=True
    )


def test_values_and_gradients_are_those_of_the_plain_call():
    x, w = pair()
    plain = ts.grad((chain(chain(x, w), w) ** 2).sum(), [x, w])
    y = ts.checkpoint(chain, ts.checkpoint(chain, x, w), w)
    again = ts.grad((y**2).sum(), [x, w])
    for a, b in zip(plain, again, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)


def test_parameters_that_the_function_closes_over_get_their_gradients():
    x, w = pair()
    (ts.checkpoint(lambda h: chain(h, w), ts.exp(x)) ** 2).sum().backward()
    expected = ts.grad((chain(ts.exp(x), w) ** 2).sum(), [x, w])
    np.testing.assert_allclose(x.grad.numpy(), expected[0].numpy(), rtol=1e-12)
    np.testing.assert_allclose(w.grad.numpy(), expected[1].numpy(), rtol=1e-12)


def test_an_older_result_inside_and_outside_is_not_counted_twice():
    """w reaches the part directly, and through h, which was computed before."""
    x, w = pair()
    h = w @ x
    found = ts.grad(ts.checkpoint(lambda h: (w @ h) * h, h).sum(), w)
    h = w @ x
    np.testing.assert_allclose(found.numpy(), ts.grad(((w @ h) * h).sum(), w).numpy(), rtol=1e-12)


def test_several_outputs_of_which_one_is_used():
    x, w = pair()
    _, second = ts.checkpoint(lambda x, w: (x * 2, w @ x), x, w)
    np.testing.assert_allclose(ts.grad(second.sum(), x).numpy(), ts.grad((w @ x).sum(), x).numpy(), rtol=1e-12)


def test_second_order():
    x, w = pair()
    loss = (ts.checkpoint(chain, x, w) ** 2).sum()
    slope = ts.grad(loss, x, create_graph=True)
    found = ts.grad((slope**2).sum(), w)
    plain = ts.grad((chain(x, w) ** 2).sum(), x, create_graph=True)
    np.testing.assert_allclose(found.numpy(), ts.grad((plain**2).sum(), w).numpy(), rtol=1e-10)


def test_dropout_drops_the_same_again():
    ts.manual_seed(0)
    x = ts.ones(50, requires_grad=True)
    y = ts.checkpoint(ts.nn.Dropout(0.5), x)
    after = ts.random.state()
    y.sum().backward()
    assert np.array_equal(x.grad.numpy(), y.numpy())
    assert ts.random.state() == after


def test_one_walk_after_another():
    x, w = pair()
    loss = (ts.checkpoint(chain, x, w) ** 2).sum()
    first = ts.grad(loss, w, retain_graph=True)
    np.testing.assert_array_equal(first.numpy(), ts.grad(loss, w).numpy())


def test_an_update_in_between_is_an_error():
    x, w = pair()
    loss = ts.checkpoint(chain, x, w).sum()
    w.copy_(w.numpy() * 2)
    with pytest.raises(RuntimeError, match=r"checkpoint .* which has been updated since"):
        loss.backward()


def part_of(reads):
    """A function that reads something besides x, and how that is changed."""
    x, w = pair()
    array, drop, rng, factors = np.ones((3, 2)), ts.nn.Dropout(0.5), np.random.default_rng(0), {"by": 2.0}
    held = ts.tensor(array)
    functions = {
        "array": (lambda x, a: x * a, [array], lambda: array.fill(3.0)),
        "array in a list": (lambda x, a: x * a[0], [[array]], lambda: array.fill(3.0)),
        "array around": (lambda x: x * array, [], lambda: array.fill(3.0)),
        "tensor": (lambda x, a: x * a, [held], lambda: held.__setitem__(0, 3.0)),
        "tensor around": (lambda x: x * held, [], lambda: held.copy_(array * 3)),
        "leaf that is constant here": (lambda x: x.T @ w.detach(), [], lambda: w.copy_(w.numpy() * 2)),
        "mode of a module": (drop, [], drop.eval),
        "number": (lambda x: x * factors["by"], [], lambda: factors.update(by=3.0)),
        "random numbers": (lambda x: x * rng.random((3, 2)), [], lambda: None),
        "another type": (lambda x: x.to(factors.get("to", "float64")), [], lambda: factors.update(to="float32")),
        "another constant": (lambda x: (x if "cut" in factors else x.detach(), x), [], lambda: factors.update(cut=1)),
    }
    ts.manual_seed(0)
    return x, *functions[reads]


READS = ["array", "array in a list", "array around", "tensor", "tensor around", "leaf that is constant here", "number"]
READS += ["mode of a module", "random numbers", "another type", "another constant"]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("reads", READS)
def test_whatever_changes_in_between_is_an_error(reads, create_graph):
    """The second call would have the gradient of other values."""
    x, function, args, change = part_of(reads)
    kept = tensors_of(ts.checkpoint(function, x, *args))
    if reads != "random numbers":
        ts.grad(kept[-1].sum(), x, retain_graph=True)
    change()
    with pytest.raises(RuntimeError, match=r"checkpoint: the function returned different values when it was called"):
        ts.grad(kept[-1].sum(), x, create_graph=create_graph)


def test_rounding_infinities_and_nan_are_no_change():
    """A library may add in another order."""
    x, calls = ts.tensor([0.1, 0.2, 0.3], requires_grad=True), iter([1, -1])
    ends = np.array([np.inf, -np.inf, np.nan])
    y = ts.checkpoint(lambda x: ts.concatenate([ts.cumsum(x[:: next(calls)], 0)[2:], x + ends]), x)
    assert y[0].item() != x[::-1].cumsum(0)[2].item()
    ts.grad(y[0], x)


def test_the_parts_nodes_are_not_kept():
    x, w = pair()
    gc.collect()
    y = ts.checkpoint(chain, x, w)
    assert sum(type(o) is Node for o in gc.get_objects()) == 1
    assert y.requires_grad


def test_without_gradients_it_is_a_plain_call():
    x, w = pair()
    with ts.no_grad():
        assert not ts.checkpoint(chain, x, w).requires_grad
    assert not ts.checkpoint(chain, x.detach(), w.detach()).requires_grad


class Pair(NamedTuple):
    first: ts.Tensor
    rest: dict


FORMS = {
    "tensor": lambda a, b, c: a + b.sum() + c.sum(),
    "tuple": lambda a, b, c: (a, b, c),
    "list": lambda a, b, c: [a, b, c],
    "dictionary": lambda a, b, c: {"a": a, "b": b, "c": c},
    "nested": lambda a, b, c: (a, (b, [c])),
    "named": lambda a, b, c: Pair(a, {"b": b, "c": [c]}),
    "with others": lambda a, b, c: {"a": (a, None), "n": 3, "word": "x", "b": b, "c": c, "array": np.ones(2)},
    "twice": lambda a, b, c: [a, a, b, {"again": b}, c],
    "with a constant": lambda a, b, c: (ts.ones(2), a, b, c),
    "empty part": lambda a, b, c: ((), a, {}, [b], c),
}


def tensors_of(result):
    if isinstance(result, ts.Tensor):
        return [result]
    parts = result.values() if isinstance(result, dict) else result if isinstance(result, tuple | list) else ()
    return [tensor for part in parts for tensor in tensors_of(part)]


def shape_of(result):
    """The containers, with their types."""
    if isinstance(result, dict):
        return type(result), {key: shape_of(part) for key, part in result.items()}
    if isinstance(result, tuple | list):
        return type(result), [shape_of(part) for part in result]
    return type(result), result if isinstance(result, int | str) else None


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("create_graph", [False, True])
def test_any_form_of_results_comes_back_with_its_gradients(form, create_graph):
    x, w = pair()
    function = lambda x, *, w: form(w @ x, ts.tanh(x), ts.exp(w).sum())
    plain, again = function(x, w=w), ts.checkpoint(function, x, w=w)
    assert shape_of(again) == shape_of(plain)
    found = []
    for result in (plain, again):
        loss = sum((t**2).sum() * (k + 1) for k, t in enumerate(tensors_of(result)))
        slopes = ts.grad(loss, [x, w], create_graph=create_graph)
        found.append([g.numpy() for g in slopes])
        if create_graph:
            found[-1] += [g.numpy() for g in ts.grad(sum((g**2).sum() for g in slopes), [x, w])]
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-11)


@pytest.mark.parametrize("kind", [ts.nn.RNN, ts.nn.LSTM, ts.nn.GRU])
def test_a_recurrent_layer_is_checkpointed_with_its_states(kind):
    layer = kind(2, 3, bidirectional=True).to("float64")
    x = ts.tensor(np.random.default_rng(0).normal(size=(4, 2, 2)), requires_grad=True)
    losses = [
        sum((t**2).sum() for t in tensors_of(result))
        for result in (layer(x, lengths=[4, 2]), ts.checkpoint(layer, x, lengths=[4, 2]))
    ]
    for a, b in zip(*(ts.grad(loss, [x, *layer.parameters()]) for loss in losses), strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-12)


@pytest.mark.parametrize("first", ["float32", "float64"])
def test_results_of_two_types_have_gradients_of_their_own(first):
    """The gradient of float64 is not rounded, whichever comes first, and that of float32 is no wider."""
    x = ts.tensor([1.0, 3.0], requires_grad=True)
    second = "float64" if first == "float32" else "float32"

    a, b = ts.checkpoint(lambda x: (x.to(first), x.to(second)), x)
    assert [str(a.dtype), str(b.dtype)] == [first, second]
    wide = a if first == "float64" else b
    (wide / 3.0).sum().backward(retain_graph=True)
    assert x.grad.tolist() == [1 / 3, 1 / 3]
    narrow = b if first == "float64" else a
    x.grad = None
    (narrow * np.ones(2) / 3.0).sum().backward()
    assert x.grad.tolist() == [float(np.float32(1 / 3))] * 2


def test_what_it_was_called_with_is_kept_until_backward_and_no_longer():
    x, w = pair()
    extra = ts.exp(x)
    kept = weakref.ref(extra)

    def function(extra, *, table):
        return (w @ extra) * table

    table = ts.ones(3, 2)
    other, made = weakref.ref(table), weakref.ref(function)
    loss = ts.checkpoint(function, extra, table=table).sum()
    del extra, table, function
    assert all(held() is not None for held in (kept, other, made))
    loss.backward(retain_graph=True)
    loss.backward()
    assert [held() for held in (kept, other, made)] == [None] * 3
    with pytest.raises(RuntimeError, match="freed"):
        loss.backward()


def test_a_function_that_gives_something_else_is_refused():
    x, w = pair()
    for bad in (lambda x: {w @ x}, lambda x: iter([x]), lambda x: object(), lambda x: [x, {"a": lambda: x}]):
        with pytest.raises(TypeError, match="checkpoint: the function must return tensors, alone or in tuples"):
            ts.checkpoint(bad, x)
    counts = iter([2, 3])
    y = ts.checkpoint(lambda x: [w @ x] * next(counts), x)
    with pytest.raises(RuntimeError, match="returned 2 tensors, and 3 when it was called again"):
        y[0].sum().backward()


DRAWS = {
    "random": lambda rng: rng.random(2) + 0.5,
    "single": lambda rng: rng.random(2, dtype=np.float32) + 0.5,
    "integers": lambda rng: rng.integers(1, 9, size=2, dtype=np.int32).astype(float),
    "normal": lambda rng: rng.normal(2.0, size=2),
    "gamma": lambda rng: rng.gamma(2.0, size=2),
    "choice": lambda rng: rng.choice([1.0, 2.0, 3.0], size=2, replace=False),
    "permutation": lambda rng: rng.permutation([1.0, 2.0]),
    "layer": lambda rng: ts.nn.Dropout(0.5)(ts.ones(2)),
}


STEPS = st.sampled_from([*DRAWS, "others"])


@given(
    steps=st.recursive(st.lists(STEPS, max_size=5), lambda inner: st.lists(st.one_of(STEPS, inner), max_size=4)),
    seed=st.integers(0, 9),
    create_graph=st.booleans(),
)
def test_random_numbers_are_drawn_again_whatever_other_threads_draw(steps, seed, create_graph):
    """`shared` is drawn from as another thread would; a list of steps is a part, which may hold others."""

    def function(x, steps):
        for step in steps:
            if isinstance(step, list):
                x = part(lambda x, inside=step: function(x, inside), x)
            elif step == "others":
                shared.random(3)
            else:
                x = x * DRAWS[step](ts.random.generator())
        return x

    results = []
    for part in (lambda f, x: f(x), ts.checkpoint):
        shared = ts.manual_seed(seed)
        x = ts.ones(2).requires_grad_()
        y = part(lambda x: function(x, steps), x)
        later = shared.random()
        if y.requires_grad:
            (g,) = ts.grad(y.sum(), [x], create_graph=create_graph)
            np.testing.assert_allclose(g.numpy(), y.numpy(), rtol=1e-14)
        results.append((y.tolist(), later))
    assert results[0] == results[1]


def test_no_other_thread_draws_the_same_numbers_in_the_middle_of_a_draw():
    shared, free = ts.manual_seed(0), []
    other = threading.Thread(target=lambda: free.append(shared.bit_generator.lock.acquire(blocking=False)))
    with noted():
        own = ts.random.generator()
        with own.drawing(own.bit_generator):
            other.start()
            other.join()
    assert free == [False]


def test_another_thread_draws_while_a_part_runs():
    ts.manual_seed(0)
    dropout, stop = ts.nn.Dropout(0.5), threading.Event()

    def draw():
        while not stop.is_set():
            ts.random.generator().random(3)

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        for _ in range(50):
            x = ts.ones(64).requires_grad_()
            y = ts.checkpoint(lambda x: dropout(dropout(dropout(x))), x)
            y.sum().backward()
            assert x.grad.tolist() == y.tolist()
    finally:
        stop.set()
        thread.join()
