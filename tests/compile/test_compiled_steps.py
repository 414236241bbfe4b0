"""Compiled training steps: layers, losses, optimisers, dropout, data of other values, and what is refused."""

import copy
import enum
import functools
import gc
import itertools
import pickle

import numpy as np
import pytest
from executor_trials import LAYERS, SMALLEST, growth
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.autograd import declare
from tinyseq.autograd.ops import by_rows
from tinyseq.compiler import RecordingError
from tinyseq.compiler.recording import recorder

rng = np.random.default_rng(0)
ROUNDING = {"rtol": 1e-4, "atol": 1e-6}  # of all steps in float32: a product may be summed in another order


def losses_of(function, model, calls, make, seed=0):
    """The loss of each call, with a step of an optimiser behind it; and the parameters at the end."""
    ts.manual_seed(seed)
    optimizer, found = make(list(model.parameters())), []
    for args in calls:
        optimizer.zero_grad()
        loss = function(*args)
        loss.backward()
        ts.nn.clip_grad_norm_(list(model.parameters()), 1.0)
        optimizer.step()
        found.append(loss.item())
    return found, [p.numpy().copy() for p in model.parameters()]


def check_training(build, loss, calls, make=lambda parameters: ts.optim.Adam(parameters, 1e-2), recordings=1):
    """Eager and compiled training give the same numbers."""
    results = []
    for compiled in (False, True):
        ts.manual_seed(1)
        model = build()

        def step(*args, model=model):
            return loss(model, *args)

        function = ts.compile(step) if compiled else step
        results.append(losses_of(function, model, calls, make))
    if recordings is not None:
        assert sum(map(len, function._replays.values())) == recordings
    np.testing.assert_allclose(results[0][0], results[1][0], **ROUNDING)
    assert len(set(results[0][0])) > 1
    for one, two in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(one, two, **ROUNDING)


OPTIMISERS = {
    "SGD": lambda parameters: ts.optim.SGD(parameters, 0.1),
    "SGD with momentum": lambda parameters: ts.optim.SGD(parameters, 0.1, momentum=0.9),
    "Adam": lambda parameters: ts.optim.Adam(parameters, 1e-2),
    "AdamW": lambda parameters: ts.optim.AdamW(parameters, 1e-2),
    "RMSprop": lambda parameters: ts.optim.RMSprop(parameters, 1e-2),
    "Adagrad": lambda parameters: ts.optim.Adagrad(parameters, 1e-2),
}


@pytest.mark.parametrize("name", [name for name in OPTIMISERS if hasattr(ts.optim, name.split()[0])])
def test_twenty_steps_of_every_optimiser(name):
    """Parameters have new arrays after each step."""
    calls = [(rng.standard_normal((4, 2, 3)).astype("f4"),) for _ in range(20)]
    check_training(lambda: ts.nn.LSTM(3, 4), lambda m, x: (m(x)[0] ** 2).mean(), calls, OPTIMISERS[name])


@pytest.mark.parametrize("name", LAYERS)
def test_recurrent_layers_with_lengths_that_change(name):
    """Lengths are an input: one recording serves all batches."""
    calls = [
        (rng.standard_normal((5, 3, 3)).astype("f4"), np.array(lengths))
        for lengths in ([5, 2, 3], [1, 1, 5], [5, 4, 4], [2, 5, 1], [4, 3, 3])
    ]
    loss = lambda m, x, lengths: (m(x, lengths=lengths)[0] ** 2).sum()
    check_training(LAYERS[name], loss, calls)


MODULES = {
    "Linear": (lambda: ts.nn.Linear(3, 2), lambda m, x: m(x)),
    "LayerNorm": (lambda: ts.nn.LayerNorm(3), lambda m, x: m(x) ** 3),
    "Dropout": (lambda: ts.nn.Sequential(ts.nn.Linear(3, 2), ts.nn.Dropout(0.5)), lambda m, x: m(x)),
    "shared Dropout": (lambda: ts.nn.Sequential(ts.nn.Linear(3, 2), ts.nn.Dropout(0.5, shared=0)), lambda m, x: m(x)),
    "RNNCell": (lambda: ts.nn.RNNCell(3, 2), lambda m, x: m(x[0])),
    "LSTMCell": (lambda: ts.nn.LSTMCell(3, 2), lambda m, x: m(x[0])[1]),
    "GRUCell": (lambda: ts.nn.GRUCell(3, 2), lambda m, x: m(x[0])),
}


@pytest.mark.parametrize("name", MODULES)
def test_other_layers(name):
    """Dropout draws anew at each replay, and what the function itself would have drawn."""
    build, forward = MODULES[name]
    calls = [(rng.standard_normal((5, 4, 3)).astype("f4"),) for _ in range(4)]
    check_training(build, lambda m, x: (forward(m, ts.tensor(x)) ** 2).mean(), calls)


SCORES = {
    "cross_entropy": lambda y, ids, t: ts.nn.cross_entropy(y, ids),
    "smoothed": lambda y, ids, t: ts.nn.cross_entropy(y, ids, label_smoothing=0.1, reduction="sum"),
    "ignoring": lambda y, ids, t: ts.nn.cross_entropy(y, ids, ignore_index=0),
    "weighted": lambda y, ids, t: ts.nn.cross_entropy(y, ids, ignore_index=1, weight=[0.5, 1.0, 2.0, 3.0, 0.0]),
    "nll_loss": lambda y, ids, t: ts.nn.nll_loss(ts.log_softmax(y), ids),
    "yes or no": lambda y, ids, t: ts.nn.binary_cross_entropy_with_logits(y, t),
    "mse_loss": lambda y, ids, t: ts.nn.mse_loss(y, t),
    "l1_loss": lambda y, ids, t: ts.nn.l1_loss(y, t),
    "smooth_l1_loss": lambda y, ids, t: ts.nn.smooth_l1_loss(y, t, beta=0.5),
    "huber_loss": lambda y, ids, t: ts.nn.huber_loss(y, t, delta=0.5),
}


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("ids_as", [np.array, ts.tensor], ids=["array", "tensor"])
def test_losses_of_ids_and_targets_that_change(name, ids_as):
    """Ids and targets are inputs, whether they are arrays or tensors."""
    calls = [
        (ids_as(rng.integers(0, 6, (4, 3))), ids_as(rng.integers(0, 5, (4, 3))), rng.uniform(0.1, 0.9, (4, 3, 5)))
        for _ in range(5)
    ]

    def loss(model, words, ids, targets):
        return SCORES[name](model[1](model[0](words)), ids, targets.astype("f4"))

    build = lambda: ts.nn.ModuleList([ts.nn.Embedding(6, 4, padding_idx=0), ts.nn.Linear(4, 5)])
    check_training(build, loss, calls, recordings=None)


@settings(max_examples=25)
@given(data=st.data())
def test_other_values_of_any_argument_give_what_the_function_gives(data):
    """Ids, masks, lengths, numbers and flags: nothing of an earlier call is left in a replay."""
    weight = ts.tensor(rng.standard_normal((5, 2)), requires_grad=True)
    outside = {"scale": 2.0, "shift": np.zeros(2), "tensor": ts.tensor([1.0, 2.0])}

    def function(ids, mask, number, flag):
        rows = weight[ids] * outside["scale"] + outside["shift"] * outside["tensor"]
        rows = ts.where(mask[:, None], rows, number)
        if (ids == 3).any():
            rows = rows * 7.0
        return rows.sum() if flag else (rows * rows).sum()

    fast = ts.compile(function, limit=100)
    for _ in range(data.draw(st.integers(2, 6))):
        ids = np.array(data.draw(st.lists(st.integers(0, 4), min_size=3, max_size=4)))
        mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(ids), max_size=len(ids))))
        args = ids, mask, data.draw(st.sampled_from([1, 1.0, True, -0.0, 0.0])), data.draw(st.booleans())
        change = data.draw(st.sampled_from(["nothing", "scale", "shift", "tensor", "weight"]))
        if change == "scale":
            outside["scale"] += 1.0
        elif change == "shift":
            outside["shift"][0] += 1.0  # in place
        elif change == "tensor":
            outside["tensor"].copy_([data.draw(st.floats(-1, 1)), 1.0])
        elif change == "weight":
            weight.copy_(weight.numpy() + 1.0)
        found = []
        for call in (fast, function):
            weight.grad = None
            loss = call(*args)
            loss.backward()
            found.append((loss.item(), weight.grad.numpy()))
        assert found[0][0] == found[1][0]
        np.testing.assert_array_equal(found[0][1], found[1][1])


OF_AN_ARRAY = {
    "mask": lambda s, a: s[a[a > 0]],
    "mask of the tensor": lambda s, a: s[a > 0],
    "len(unique)": lambda s, a: s * len(np.unique(a)),
    "nonzero": lambda s, a: s * len(np.nonzero(a)[0]),
    "shape": lambda s, a: s * a[a > 1].shape[0],
    "count_nonzero": lambda s, a: s * np.count_nonzero(a),
    "unique": lambda s, a: s * np.unique(a).sum(),
    "bincount": lambda s, a: s * np.bincount(a, minlength=4)[:4],
    "repeat": lambda s, a: (s[0] * np.repeat(a, a)).sum() + s,
    "isin": lambda s, a: s * np.isin(a, [1, 2]),
    "ts.tensor": lambda s, a: s * ts.tensor(a, dtype="float32").astype("float64"),
    "one_hot": lambda s, a: s * ts.one_hot(a, 4, dtype="float64"),
    "each": lambda s, a: sum((s * v for v in a), s),
    "in": lambda s, a: s * (2 if 3 in list(a) else 1),
    "sorted": lambda s, a: s * sorted(a)[0],
    "argsort": lambda s, a: s[np.argsort(a)] * np.arange(4.0),
    "a truth": lambda s, a: s if (a == 0).any() else s * s,
    "copy": lambda s, a: s[copy.copy(a)] * copy.deepcopy(a),
    "take": lambda s, a: ts.take(s, a) * ts.take_along_axis(s, a, axis=0),
    "gather": lambda s, a: ts.gather(s, 0, a),
    "take by a tensor": lambda s, a: ts.take(s, ts.tensor(a)) * ts.take_along_axis(s, ts.tensor(a), axis=0),
    "ts.repeat": lambda s, a: (s * s).repeat(a),
    "ts.repeat by a tensor": lambda s, a: ts.repeat(s * s, ts.tensor(a)) if a.sum() > 2 else s.repeat(a[:1] + 1),
    "gather by a tensor": lambda s, a: ts.gather(s, 0, ts.tensor(a)) @ ts.one_hot(ts.tensor(a), 4, dtype="float64"),
}


@pytest.mark.parametrize("name", OF_AN_ARRAY)
@settings(max_examples=15)
@given(calls=st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=2, max_size=4))
def test_whatever_is_made_of_an_array_follows_its_values(name, calls):
    """Its elements, and lengths and choices that depend on them."""
    s = ts.tensor([0.5, -1.0, 2.0, 3.0], requires_grad=True)
    fast = ts.compile(lambda a: OF_AN_ARRAY[name](s, a).sum(), limit=100)
    for values in calls:
        a, found = np.array(values), []
        for call in (fast, lambda a: OF_AN_ARRAY[name](s, a).sum()):
            s.grad = None
            y = call(a)
            y.backward()
            found.append((y.item(), s.grad.tolist()))
        assert found[0] == found[1]


def test_evaluation_is_another_recording_and_no_grad_records_no_backward_pass():
    model = ts.nn.Sequential(ts.nn.Linear(3, 4), ts.nn.Dropout(0.5))
    fast, x = ts.compile(model), ts.ones(2, 3, dtype="float32")
    fast(x)
    model.eval()
    np.testing.assert_array_equal(fast(x).numpy(), model(x).numpy())
    with ts.no_grad():
        assert not fast(x).requires_grad
        assert fast.program.forward == len(fast.program.steps)
    model[0].weight.requires_grad = False
    loss = fast(x).sum()
    loss.backward()
    assert model[0].weight.grad is None
    assert model[0].bias.grad is not None


def test_several_results_some_of_which_are_not_used():
    layer = ts.nn.LSTM(3, 4)
    fast, x = ts.compile(layer), ts.tensor(rng.standard_normal((5, 2, 3)).astype("f4"), requires_grad=True)
    found = []
    for call in (layer, fast, fast):
        layer.zero_grad()
        x.grad = None
        output, (h, c) = call(x)
        (output.sum() + (c * c).sum()).backward()
        found.append([output.numpy(), h.numpy(), c.numpy(), *(p.grad.numpy() for p in [*layer.parameters(), x])])
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def test_two_calls_before_one_backward_pass_and_a_graph_walked_twice():
    w = ts.tensor(rng.standard_normal(3), requires_grad=True)
    function = lambda x: ts.exp(ts.tanh(w * x) * w).sum()
    fast, a, b = ts.compile(function), ts.tensor([1.0, 2.0, 3.0]), ts.tensor([-1.0, 0.5, 2.0])
    found = []
    for call in (function, fast, fast):
        w.grad = None
        loss = call(a) * call(b)
        loss.backward(retain_graph=True)
        once = w.grad.numpy()
        loss.backward()
        found.append((once, w.grad.numpy(), ts.grad(call(a), w).numpy()))
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-14)  # the terms of two calls are added in another order


def test_gradients_and_results_stay_what_they_are_when_the_memory_is_used_again():
    w = ts.tensor(rng.standard_normal(50), requires_grad=True)
    fast = ts.compile(lambda x: ts.tanh(ts.exp(w * x) + x))
    kept = []
    for i in range(6):
        w.grad = None
        y = fast(ts.tensor(np.full(50, 0.1 * i)))
        y.sum().backward()
        kept.append((y, y.numpy().copy(), w.grad, w.grad.numpy().copy()))
    for y, values, grad, slopes in kept:
        np.testing.assert_array_equal(y.numpy(), values)
        np.testing.assert_array_equal(grad.numpy(), slopes)


def test_thousands_of_replays_take_no_more_memory():
    w = ts.tensor(rng.standard_normal((8, 8)), requires_grad=True)
    fast, x = ts.compile(lambda x: ts.tanh(x @ w).sum()), np.ones((4, 8))

    def replay():
        w.grad = None
        fast(x).backward()

    assert growth(replay, 2_500) < SMALLEST


leaf = ts.tensor([1.0, 2.0], requires_grad=True)
constant = ts.tensor([1.0, 2.0])
kept: list[object] = []


def branching(x):
    return x.sum() if (x * leaf).sum() > 0 else leaf.sum()


def updating(x):
    constant.copy_([3.0, 4.0])
    return (x * leaf).sum()


def keeping(x):
    kept.append(x * leaf)
    return kept[-1].sum()


counted = functools.lru_cache(lambda n: n)  # what it holds is the state of compiled code, which no recording sees


def alternating(x):
    return (ts.sin, ts.cos)[counted(counted.cache_info().currsize) % 2](x * leaf).sum()


REFUSED = {
    "item": (lambda x: (x * leaf).sum() * (x * leaf).sum().item(), r"item.* reads a value"),
    "float": (lambda x: (x * leaf).sum() * float((x * 2.0).sum().detach()), "reads a value"),
    "if": (branching, "reads a value"),
    "numpy": (lambda x: (x * leaf.detach().numpy()).sum(), r"\.numpy\(\) reads a value"),
    "pickle": (lambda x, a: x * len(pickle.dumps((x, a))), "reads a value"),
    "update": (updating, "in place"),
    "assignment": (lambda x: constant.__setitem__(0, 1.0) or (x * leaf).sum(), "in place"),
    "other random numbers": (
        lambda x: (x * leaf * np.random.random(2)).sum(),
        "two recordings of the same call differ",
    ),
    "another number each time": (lambda x: (x * leaf).sum() * np.random.random(), r"calls? differ, in v\d+ = multiply"),
    "another function each time": (alternating, r"calls? differ, in v\d+ = (sin|cos)"),
    "other draws": (
        lambda x: (x * leaf * ts.random.generator().normal(size=2)).sum(),
        "draws random numbers by normal",
    ),
    "backward inside": (lambda x: (leaf * x).sum().backward() or leaf.sum(), "backward"),
    "+= on an array": (lambda x, a: [a.__iadd__(1.0), (x * leaf).sum()][1], "in place"),
    "out=": (lambda x, a: (leaf * np.add(a, 1.0, out=np.zeros(2))).sum(), "in place"),
    "np.copyto": (lambda x, a: np.copyto(np.zeros(2), a) or (x * leaf).sum(), "in place"),
    "a comparison": (lambda x, a: (x * leaf).sum() if np.array_equal(a, [1.0, 2.0]) else leaf.sum(), "reads a value"),
    "range": (lambda x, a: sum(((x * leaf).sum() for _ in range(a.astype(int)[0])), 0.0), "reads a value"),
    "np.asarray": (lambda x, a: (x * leaf * np.asarray(a)).sum(), "reads a value"),
    "index_set": (lambda x, a: ts.index_set(x * leaf, a.astype(int), 2.0).sum(), "reads a value"),
    "an array": (lambda x: np.zeros(3), "returned an array"),
    "seed": (lambda x: ts.manual_seed(0) and (x * leaf).sum(), "draws random numbers by manual_seed"),
    "hook on a parameter": (lambda x: (leaf.register_hook(abs), (x * leaf).sum())[1], "a hook is set inside"),
    "hook on a result": (lambda x: [y := x * leaf, y.register_hook(abs), y.sum()][2], "a hook is set inside"),
    "hook on an argument": (
        lambda x: [(x * 2).requires_grad_().register_hook(abs), leaf.sum()][1],
        "hook is set inside",
    ),
    "sort in place": (lambda x, a: a.sort() or (x * leaf).sum(), "in place"),
    "kept": (keeping, "changes something outside"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_replayed_is_refused(name):
    function, message = REFUSED[name]
    before = constant.numpy().copy()
    with pytest.raises(RecordingError, match=message) as caught:
        ts.compile(function)(ts.tensor([3.0, 4.0]), *[np.array([1.0, 2.0])] * (function.__code__.co_argcount - 1))
    if any(word in message for word in ("reads", "place", "differ")):
        first = function.__code__.co_firstlineno
        places = [f"at {__file__}:{line}" for line in (first, first + 1)]
        assert any(place in str(caught.value) for place in places)
    assert leaf.grad is None
    assert not leaf.node.hooks
    np.testing.assert_array_equal(constant.numpy(), before)
    assert isinstance(leaf._array, np.ndarray)


@functools.singledispatch
def kind(x):
    return "neither"


kind.register(np.ndarray, lambda x: "array")
kind.register(ts.Tensor, lambda x: "tensor")


def answers(x, y):
    """What a function may ask of its arguments without reading their values."""
    match x:
        case np.ndarray() | ts.nn.Parameter():
            found = ["array or parameter"]
        case _:
            found = ["another"]
    found += [kind(x), x is y, *(isinstance(x, each) for each in (np.ndarray, ts.Tensor, ts.nn.Parameter))]
    return [*found, *(str(getattr(x, name, None)) for name in ("name", "shape", "dtype", "nbytes", "requires_grad"))]


def test_a_function_learns_the_same_of_its_arguments():
    model, wide = ts.nn.Linear(2, 1), ts.tensor([[1.0, 2.0]], dtype="float32")
    given = [model.weight, ts.nn.Parameter(wide), ts.nn.Parameter(wide, requires_grad=False), wide.numpy().copy()]
    given += [wide, ts.tensor(wide, requires_grad=True), ts.nn.Linear(2, 1).weight, np.ones((1, 2), "float32")]
    fast = ts.compile(lambda x, y: [ts.sum(x * y), *answers(x, y)], limit=100)
    for x, y in itertools.product(given, repeat=2):
        model.weight.grad = None
        total, *found = fast(x, y)
        assert found == answers(x, y)
        assert total.item() == (x * y).sum().item()
        if x is y is model.weight:
            total.backward()
            np.testing.assert_array_equal(x.grad.numpy(), 2 * x.numpy())


def test_parameters_share_a_recording_unless_their_names_are_read():
    model = ts.nn.ModuleList([ts.nn.Linear(1, 1) for _ in range(3)])
    for name_of, count in ((lambda w: "", 1), (lambda w: w.name, 3)):
        fast = ts.compile(lambda w, name_of=name_of: [w.sum(), name_of(w)])
        for layer in [*model, *model]:
            assert fast(layer.weight)[1] == name_of(layer.weight)
        assert sum(map(len, fast._replays.values())) == count


CHANGED = {
    "set": lambda s: s.update(h=s["h"] * 2),
    "number": lambda s: s.update(count=s["count"] + 1),
    "new": lambda s: s.update(new=1),
    "deleted": lambda s: s.pop("count"),
    "append": lambda s: s["list"].append(1),
    "replaced": lambda s: s["list"].__setitem__(0, s["list"][1]),
    "reversed": lambda s: s["list"].reverse(),
    "inner": lambda s: s["in"][0].update(k=s["h"]),
    "all": lambda s: s.clear(),
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_change_of_a_container_among_the_arguments_is_refused(name):
    def given():
        return {"h": leaf, "count": 1, "list": [2, 3], "in": ({"k": 1.0},)}

    before, again, fast = given(), given(), ts.compile(lambda x, state: [CHANGED[name](state), (x * leaf).sum()][1])
    for state in (before, again):
        with pytest.raises(RecordingError, match="changes a list or dict among its arguments"):
            fast(ts.ones(2), state)
    assert before == given()
    own = ts.compile(lambda x, state: [CHANGED[name](copy.deepcopy({**state, "h": x})), (x * leaf).sum()][1])
    assert own(ts.ones(2), before).item() == own(ts.ones(2), before).item() == leaf.sum().item()


def test_the_gradient_of_a_compiled_function_is_not_differentiated_again():
    x = ts.tensor(2.0, requires_grad=True)
    with pytest.raises(RuntimeError, match="cannot be differentiated again"):
        ts.grad(ts.compile(lambda x: x**3)(x), x, create_graph=True)


def test_wrong_arguments_get_the_message_of_the_function():
    embedding = ts.nn.Embedding(4, 2)
    fast = ts.compile(embedding)
    fast(np.array([1, 2]))
    for call in (fast, embedding):
        with pytest.raises(IndexError, match="id 9 at position"):
            call(np.array([1, 9]))
    with pytest.raises(
        TypeError,
        match=r"pass its contents separately, or let the function read it from outside, as in ts\.compile\(lambda",
    ):
        fast(object())


def test_arrays_of_python_objects_are_refused():
    w, words = ts.tensor([1.0, 2.0], requires_grad=True), np.array(["a", "b"], object)
    for function in (lambda x: w * len(x), lambda x: w * len(np.concatenate([x, words])), lambda x: w * x.sum()):
        with pytest.raises(RecordingError, match=r"array of Python objects of shape \(2,\), at .*; convert"):
            ts.compile(function)(np.array([1.0, 2], object))
    with pytest.raises(RecordingError, match=r"array of Python objects of shape \(2,\), at .*; convert"):
        ts.compile(lambda x: w * len(x + np.array([1, 2], object)))(np.ones(2))


def test_past_the_limit_calls_run_without_replay():
    w = ts.tensor(2.0, requires_grad=True)
    fast = ts.compile(lambda x, n: w * x * n, limit=2)
    with pytest.warns(UserWarning, match="2 recordings"):
        assert [fast(ts.tensor(1.0), n).item() for n in (1, 2, 3)] == [2.0, 4.0, 6.0]
    with pytest.raises(ValueError, match="limit"):
        ts.compile(lambda x: x, limit=0)
    with pytest.raises(TypeError, match="function or a module"):
        ts.compile(3)


def test_what_looks_at_a_graph_says_that_a_compiled_one_shows_nothing():
    layer = ts.nn.LSTM(3, 4)
    loss = ts.compile(lambda x: (layer(x)[0] ** 2).mean())(ts.ones(5, 2, 3, dtype="float32"))
    looks = [
        lambda: ts.inspect.gradient_flow(loss),
        lambda: ts.inspect.explain(loss, layer.weight_hh_l0),
        lambda: ts.inspect.grad_by_step(loss, layer.weight_hh_l0),
        lambda: ts.inspect.grad_by_lag([loss], layer.weight_hh_l0),
        lambda: ts.inspect.jacobian_norms(layer.weight_hh_l0, loss),
        lambda: ts.inspect.gate_values(loss),
        lambda: ts.inspect.saved_memory(loss),
        lambda: ts.viz.graph(loss),
        lambda: ts.viz.graph(loss, gradients=True),
        lambda: ts.inspect.influence([loss], layer.weight_hh_l0),
        lambda: list(ts.trace_backward(loss)),
    ]
    for look in looks:
        with pytest.raises(TypeError, match=r"without ts\.compile"):
            look()
    loss.backward()
    assert layer.weight_hh_l0.grad is not None


SCALE = 1.0


class Scaled(ts.nn.Module):
    def __init__(self):
        self.settings = {"power": 1, "offsets": [0.0, 1.0]}
        self.table = np.ones(2)
        self.weight = ts.nn.Parameter([1.0, 2.0])

    def forward(self, x):
        return (self.helped(x) * self.table + self.settings["offsets"][1]) ** self.settings["power"]

    def helped(self, x):
        return x * self.weight * SCALE


def test_what_a_module_reads_may_change():
    """Its parameters, attributes and what they hold, and globals of its methods."""
    global SCALE
    model = Scaled()
    fast, x = ts.compile(model, limit=100), ts.tensor([3.0, 4.0])

    def check():
        np.testing.assert_array_equal(fast(x).numpy(), model(x).numpy())

    check()
    SCALE = 2.0
    check()
    model.settings["power"] = 2
    check()
    model.settings["offsets"][1] = 5.0
    check()
    model.table[1] = 7.0
    check()
    model.weight = ts.nn.Parameter([5.0, 6.0])
    check()
    model.weight.copy_([7.0, 8.0])
    check()
    model.to("float32")
    check()
    SCALE = 1.0
    check()


def test_a_gradient_that_arrives_more_than_once_is_added_up_and_hooks_run():
    w, seen = ts.tensor([1.0, 2.0], requires_grad=True), []
    w.register_hook(lambda g: seen.append(g.tolist()))
    fast = ts.compile(lambda x: (w * x).sum())
    inner = ts.tensor([1.0, 1.0], requires_grad=True)
    fast(inner * 2.0).backward()
    fast(w).backward()
    assert inner.grad.tolist() == [2.0, 4.0]
    assert w.grad.tolist() == [4.0, 6.0]
    assert seen == [[2.0, 2.0], [2.0, 4.0]]


def test_an_executor_is_chosen_by_name():
    w = ts.tensor([1.0, 2.0], requires_grad=True)
    fast = copy.deepcopy(ts.compile(lambda x: (w * x).sum(), executor="numpy"))
    assert fast(ts.tensor([3.0, 4.0])).item() == 11.0
    assert fast.executor == "numpy"
    with pytest.raises(ValueError, match=r"executor must be None or one of 'numpy'.*got 'numpyy'"):
        ts.compile(lambda x: x, executor="numpyy")


def test_arrays_in_a_file_are_arguments_like_others(tmp_path):
    x = np.memmap(tmp_path / "x", "f8", "w+", shape=(4, 3))
    ids = np.memmap(tmp_path / "ids", "i8", "w+", shape=(4,))
    w = ts.tensor(np.eye(3), requires_grad=True)

    def function(x, ids):
        return ts.nn.cross_entropy(ts.tanh(x * 0.1) @ w, ids)

    fast = ts.compile(function)
    for i in range(3):
        x[:], ids[:] = np.arange(12).reshape(4, 3) + i, [0, i, 1, 2]
        wanted, found = function(x, ids), fast(x, ids)
        x[:], ids[:] = 7.0, 2
        assert found.item() == wanted.item()
        np.testing.assert_array_equal(ts.grad(found, w).numpy(), ts.grad(wanted, w).numpy())
    assert sum(map(len, fast._replays.values())) == 1
    fast = ts.compile(lambda x, y: ts.tensor(x) * y if x is y else ts.tensor(x) - y)
    for other, wanted in ((x, 49.0), (x.copy(), 0.0), (np.memmap(tmp_path / "x", "f8", "r", shape=(4, 3)), 0.0)):
        np.testing.assert_array_equal(fast(x, other).numpy(), np.full((4, 3), wanted))


def test_arrays_that_lie_otherwise_in_memory_are_another_recording():
    """A sum adds up in the order of the elements in memory, so that its last bits depend on it."""
    table, w = np.random.default_rng(0).standard_normal((3, 40, 50)).astype("float32"), ts.ones(1, dtype="float32")
    fast = ts.compile(lambda x: ts.exp(x * w).sum())
    for array in (table, table.transpose(2, 0, 1).copy().transpose(1, 2, 0), table[:, ::-1], table):
        for x in (array, ts.Tensor(array)):
            assert fast(x).item() == ts.exp(ts.Tensor(array) * w).sum().item()
    w.copy_([2.0])
    assert fast(table).item() == ts.exp(ts.Tensor(table) * w).sum().item()
    assert sum(map(len, fast._replays.values())) == 6


def test_a_part_that_backward_runs_again_draws_the_same_numbers():
    """`ts.checkpoint`, once inside another, with dropout inside and behind them."""
    w, x = (ts.tensor(rng.standard_normal(shape), requires_grad=True) for shape in ((4, 4), (3, 4)))
    drop = ts.nn.Dropout(0.5)

    def part(y):
        return drop(ts.tanh(y @ w))

    def function(x):
        inner = ts.checkpoint(lambda y: part(ts.checkpoint(part, y)) + drop(y), x)
        return (inner * drop(x)).sum()

    fast = ts.compile(function)
    for seed in range(3):
        found = []
        for call in (function, fast):
            ts.manual_seed(seed)
            w.grad = x.grad = None
            y = call(x)
            y.backward()
            found.append([y.item(), w.grad.tolist(), x.grad.tolist(), ts.random.generator().random()])
        assert found[0] == found[1]
    assert len(fast._replays) == 1
    with pytest.raises(RecordingError, match="draws random numbers by bit_generator"):
        ts.compile(lambda x: x * ts.random.generator().bit_generator.random_raw())(x)


def test_a_recording_computes_only_what_it_depends_on(monkeypatch):
    asked, computed = [], recorder.Recorder.computed

    def noted(self, number):
        asked.append((self.program.values[number].dtype.kind, computed(self, number)))
        return asked[-1][1]

    monkeypatch.setattr(recorder.Recorder, "computed", noted)
    embedding, lstm = ts.nn.Embedding(5, 3), ts.nn.LSTM(3, 4)
    fast = ts.compile(lambda ids: (lstm(embedding(ids))[0] ** 2).mean())
    fast(rng.integers(0, 5, (3, 2))).backward()
    assert {kind for kind, _ in asked} == set("ib"), "ids, and whether they are in range"


def test_a_recording_keeps_no_values():
    fast = ts.compile(lambda ids, x: (w[ids] * x).sum())
    w = ts.tensor(np.ones((4, 3)), requires_grad=True)
    fast(np.array([0, 2]), np.ones((2, 3))).backward()
    assert not fast._newest._trace.recorder.examples


def test_only_one_recording_of_a_call_is_kept():
    """Python's collector, which has not run, finds no others."""
    layer = ts.nn.LSTM(2, 3)
    fast = ts.compile(lambda x: (layer(x)[0] ** 2).sum())
    gc.collect()
    gc.disable()
    try:
        before = {id(found) for found in gc.get_objects() if type(found) is recorder.Recorder}
        fast(ts.zeros(4, 2, 2, dtype="float32"))
        after = [found for found in gc.get_objects() if type(found) is recorder.Recorder and id(found) not in before]
    finally:
        gc.enable()
    assert [found.program for found in after] == [fast.program]


def test_cross_entropy_computes_exponentials_once_and_not_at_all_if_its_result_is_not_used(monkeypatch):
    w, calls = ts.tensor(np.ones((3, 4)), requires_grad=True), []
    exponentials = by_rows._exponentials
    monkeypatch.setattr(by_rows, "_exponentials", lambda *args: calls.append(args) or exponentials(*args))

    def function(x, t, used):
        loss = ts.nn.cross_entropy(x @ w, t)
        return loss if used else w.sum()

    fast = ts.compile(function)
    for used in (True, False):
        fast(np.ones((5, 3)), np.zeros(5, int), used)  # recorded
        calls.clear()
        fast(np.ones((5, 3)), np.zeros(5, int), used).backward()
        assert len(calls) == used


def test_a_decorator_takes_the_settings_of_compile():
    @ts.compile(limit=1, executor="numpy")
    def total(x):
        return (x * x).sum()

    assert (total.limit, total.executor) == (1, "numpy")
    assert total(ts.tensor([1.0, 2.0])).item() == 5.0
    assert "multiply" in str(total.program)
    with pytest.raises(ValueError, match="numppy"):  # before there is a function
        ts.compile(executor="numppy")
    with pytest.raises(TypeError, match="takes a function or a module, got int"):
        ts.compile(limit=1)(3)


def test_a_method_compiled_in_its_class_is_refused_with_the_cure():
    class Scale(ts.nn.Module):
        def __init__(self, factor):
            self.factor = ts.nn.Parameter(factor)

        @ts.compile
        def forward(self, x):
            return x * self.factor

        @staticmethod
        @ts.compile
        def doubled(x):
            return 2 * x

    model = Scale([3.0])
    with pytest.raises(TypeError, match=r"Scale.forward is compiled in the class.*fast = ts.compile\(model.forward\)"):
        model(ts.tensor([1.0]))
    assert model.doubled(ts.tensor([1.0])).tolist() == [2.0] == Scale.doubled(ts.tensor([1.0])).tolist()

    class Cured(Scale):
        def forward(self, x):
            return x * self.factor

    first, second = Cured([3.0]), Cured([4.0])
    for model in (first, second):
        fast = ts.compile(model.forward)
        assert fast(ts.tensor([2.0])).tolist() == [2 * model.factor.item()]


CAUGHT = {
    "a shape": lambda x: ts.ones(3, 2) @ x,
    "a place": lambda x: x[7],
    "a setting": lambda x: ts.log(x, colour=3),
    "a number": lambda x: x * (1 / 0),
}


@pytest.mark.parametrize("executor", ["numpy", "numba"])
@pytest.mark.parametrize("name", CAUGHT)
@pytest.mark.parametrize("before", [False, True])
def test_a_function_may_catch_the_error_of_an_op_that_fails_each_time(name, before, executor):
    def function(x):
        x = x * leaf.sum() if before else x
        try:
            return CAUGHT[name](x)
        except (ValueError, IndexError, TypeError, ZeroDivisionError):
            return x[0] * 2.0

    if executor == "numba":
        pytest.importorskip("numba")
    fast = ts.compile(function, executor=executor)
    for values in ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]):
        assert fast(ts.tensor(values)).tolist() == function(ts.tensor(values)).tolist()


@pytest.mark.parametrize("errors", [Exception, RuntimeError, BaseException])
@pytest.mark.parametrize("name", ["item", "float", "if", "numpy", "update", "assignment", "other draws"])
def test_an_error_of_a_recording_is_raised_though_the_function_catches_it(name, errors):
    function, message = REFUSED[name]

    def catching(x):
        try:
            return function(x)
        except errors:
            return x.sum()

    with pytest.raises(RecordingError, match=message):
        ts.compile(catching)(ts.ones(2))


def test_an_error_for_some_values_only_is_not_to_be_caught():
    def function(x, places):
        try:
            return x[places]
        except IndexError:
            return x[0]

    fast = ts.compile(function)
    with pytest.raises(RecordingError, match=r"tolist.* let it check the arguments instead"):
        fast(ts.ones(3), np.array([7]))
    assert fast(ts.ones(3), np.array([1])).tolist() == [1.0]


class Caching(ts.nn.Module):
    """What its first call finds out, it keeps."""

    def __init__(self):
        self.weight, self.scale, self.table = ts.nn.Parameter([1.0, 2.0]), 3.0, {}

    @functools.cached_property
    def twice(self):
        return 2 * self.scale

    @functools.singledispatchmethod
    def doubled(self, part):
        return part * 2.0

    @doubled.register
    def _(self, part: float):
        return part * 4.0

    def forward(self, x):
        length = self.table.setdefault(x.shape, float(len(x)))
        return (x * self.weight * self.twice * length * doubled(1.0)).sum() + self.doubled(1.0) * self.doubled(x).sum()


@functools.singledispatch
def doubled(part):
    return part * 2.0


@doubled.register
def _(part: float):
    return part * 8.0


@pytest.mark.parametrize("executor", ["numpy", "numba"])
def test_caches_that_the_first_call_fills(executor):
    if executor == "numba":
        pytest.importorskip("numba")
    model, other = Caching(), Caching()
    fast, x = ts.compile(model, executor=executor), ts.tensor([1.0, -2.0])
    for _ in range(2):
        assert fast(x).item() == other(x).item()
    assert sum(map(len, fast._replays.values())) == 1
    model.scale = 5.0  # the cache keeps its value, as it does without a compiler
    assert fast(x).item() == other(x).item()
    model.twice = 1.0
    other.twice = 1.0
    assert fast(x).item() == other(x).item()


def test_a_cache_of_tensors_is_to_be_filled_before():
    class Masked(ts.nn.Module):
        @functools.cached_property
        def mask(self):
            return ts.tensor([0.0, 1.0])

        def forward(self, x):
            return x * self.mask

    model = Masked()
    with pytest.raises(RecordingError, match=r"delete it, and call the function itself once before"):
        ts.compile(model)(ts.ones(2))
    del model.mask
    model(ts.ones(2))
    assert ts.compile(model)(ts.ones(2)).tolist() == [0.0, 1.0]


def test_what_changes_at_each_call_is_refused_though_two_calls_undo_it():
    state = {"phase": 0}

    def function(x):
        state["phase"] = 1 - state["phase"]
        return x * 2.0

    with pytest.raises(RecordingError, match="changes something outside"):
        ts.compile(function)(ts.ones(2))


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("optimizer", "computes the loss"),
        ("loss", "computes the loss"),
        ("metrics", "computes the loss"),
        ("mode", "use executor="),
        ("backend", "use executor="),
        ("fullgraph", "leave it out"),
        ("dynamic", "leave it out"),
    ],
)
def test_settings_of_other_compilers_have_a_cure(name, cure):
    with pytest.raises(TypeError, match=cure):
        ts.compile(lambda x: x, **{name: None})


def test_an_error_that_a_rule_catches_is_raised():
    def rule(xp, g, x):
        try:
            return g * float(xp.sum(x))
        except RuntimeError:
            return g

    catching = declare.op("catching", forward=lambda xp, x: x * 1.0, saves="x", vjp=rule)
    for names in (declare.OPS, declare.FUNCTIONS, declare.EXTENSIONS):
        del names["catching"]
    with pytest.raises(RecordingError, match="reads a value"):
        ts.compile(lambda x: catching(x).sum())(ts.ones(2, requires_grad=True))


class Reduction(enum.Enum):
    MEAN = "mean"
    SUM = "sum"


class Order(enum.IntEnum):
    FIRST = 1
    SECOND = 2


@pytest.mark.parametrize("members", [[*Reduction], [*Order], [Order.FIRST, 1, True, 1.0]])
def test_members_of_an_enum_are_part_of_a_recording(members):
    function = lambda x, member: x * float(len(repr(member)) + members.index(member)) + (member is members[0])
    fast, x = ts.compile(function), ts.tensor([1.0, -2.0])
    for member in [*members, *members]:
        assert fast(x, member).tolist() == function(x, member).tolist()
    assert sum(map(len, fast._replays.values())) == len(members)
