"""Scripts as users write them, with `ts.compile` and without: the same values and gradients, or a clear error."""

import copy
import functools
import itertools
import pickle
import random
import threading
from collections import OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
from executor_trials import agree

import tinyseq as ts
from tinyseq.autograd import declare
from tinyseq.compiler import RecordingError
from tinyseq.compiler.recording.hidden_state import hidden_state

SCRIPTS = {}
Loss = namedtuple("Loss", "total parts")


def script(function):
    """A generator of results; its first argument is `ts.compile`, or a stand-in that leaves the function as it is."""
    SCRIPTS[function.__name__] = function
    return function


def leaf(rng, *shape):
    return ts.tensor(rng.standard_normal(shape), requires_grad=True)


def fixed(rng, *shape, dtype="float64"):
    return ts.tensor(rng.standard_normal(shape).astype(dtype))


def gradients(leaves):
    return [None if each.grad is None else each.grad.numpy().copy() for each in leaves]


def after_backward(y, *leaves):
    y.backward()
    return [y.numpy(), *gradients(leaves)]


def outcome(function, x):
    try:
        return [function(x).numpy()]
    except (ValueError, TypeError) as error:
        return [type(error)]


# -- what a function reads besides its tensors -------------------------------------------------------------------------


@script
def closure_over_a_number(compile, rng):
    w, k = leaf(rng, 3), 1.0

    def function(x):
        return (w * x * k).sum()

    fast = compile(function)
    for k in (1.0, 2.0, -0.0, 0.0, 1, True, np.float64(0.1)):  # noqa: B007 (the function reads it)
        yield after_backward(fast(rng.standard_normal(3)), w)


@script
def array_of_which_a_view_is_read(compile, rng):
    w, table = leaf(rng, 3), np.ones((2, 3))
    row = table[0]
    fast = compile(lambda x: (w * x * row).sum())
    for v in (1.0, 2.0, 3.0):
        table[0, 1] = v
        yield after_backward(fast(rng.standard_normal(3)), w)


@script
def parameters_tied_and_swapped(compile, rng):
    one, two = leaf(rng, 3), leaf(rng, 3)
    pair = [one, two]
    fast = compile(lambda x: (pair[0] * x - ts.exp(pair[1])).sum())
    for now in ((one, two), (two, one), (one, one), (two, two), (one, two)):
        pair[:] = now
        yield after_backward(fast(fixed(rng, 3)), one, two)


@script
def settings_in_a_dataclass(compile, rng):
    @dataclass
    class Settings:
        scale: float = 1.0

    settings, w = Settings(), leaf(rng, 3)
    fast = compile(functools.partial(lambda x, power: (w * x * settings.scale**power).sum(), power=2))
    for settings.scale in (1.0, 2.0, 3.0):
        yield after_backward(fast(fixed(rng, 3)), w)


@script
def an_op_of_ones_own(compile, rng):
    factor, w = [1.0], leaf(rng, 3)
    scaled = declare.op(
        "scaled_in_a_script", lambda xp, x: x * factor[0], saves="x", vjp=lambda xp, g, x: g * factor[0], analytic=False
    )
    for names in (declare.OPS, declare.FUNCTIONS, declare.EXTENSIONS):
        del names["scaled_in_a_script"]
    fast = compile(lambda x: scaled(w * x).sum())
    for factor[0] in (1.0, 2.0, 3.0):
        yield after_backward(fast(fixed(rng, 3)), w)


@script
def layers_replaced_and_frozen(compile, rng):
    layers = [ts.nn.Linear(3, 3), ts.nn.Linear(3, 2)]
    fast = compile(lambda x: (layers[1](ts.tanh(layers[0](x))) ** 2).sum())
    for turn in range(6):
        if turn == 2:
            layers[1] = ts.nn.Linear(3, 4)
        for parameter in layers[0].parameters():
            parameter.requires_grad_(turn % 2 == 0)
        leaves = [parameter for layer in layers for parameter in layer.parameters()]
        yield after_backward(fast(fixed(rng, 2, 3, dtype="float32")), *leaves)


@script
def parameters_of_another_type(compile, rng):
    layer = ts.nn.Linear(3, 2)
    fast = compile(lambda x: (layer(x) ** 2).sum())
    for dtype, size in (("float32", 2), ("float64", 2), ("float32", 5), ("float32", 2)):
        layer.weight = ts.nn.Parameter(rng.standard_normal((size, 3)).astype(dtype))
        layer.bias = ts.nn.Parameter(np.ones(size, dtype))
        yield after_backward(fast(fixed(rng, 4, 3, dtype=dtype)), layer.weight, layer.bias)


# -- arguments ---------------------------------------------------------------------------------------------------------


@script
def keywords_and_defaults(compile, rng):
    w = leaf(rng, 3)
    fast = compile(lambda x, *, scale=2.0, mask=None: (w * x * scale * (1 if mask is None else mask)).sum())
    x, mask = rng.standard_normal((2, 3))
    for settings in ({}, {"scale": 3.0}, {"mask": mask}, {"mask": x, "scale": 3.0}, {"scale": 3.0, "mask": mask}):
        yield after_backward(fast(x, **settings), w)
        yield after_backward(fast(**settings, x=mask), w)


@script
def dicts_and_lists_of_tensors(compile, rng):
    w, v = leaf(rng, 2), leaf(rng, 2)
    fast = compile(lambda table: (table["x"] * w).sum() - sum(part.sum() * i for i, part in enumerate(table["parts"])))
    for count in (1, 3, 1, 3):
        table = {"x": rng.standard_normal(2), "parts": [v] * count}
        for given in (table, dict(reversed(table.items()))):
            yield after_backward(fast(given), w, v)


@script
def one_tensor_in_two_places(compile, rng):
    x, y = leaf(rng, 2), leaf(rng, 2)
    fast = compile(lambda a, b: (a * a * b * x).sum())
    for a, b in ((x, y), (x, x), (y, x), (y, y), (x * 2, x)):
        yield after_backward(fast(a, b), x, y)


@script
def arrays_of_all_layouts(compile, rng):
    w, base = leaf(rng, 3, 4), rng.standard_normal((8, 9))
    fast = compile(lambda x: ts.tanh(x @ w).sum())
    frozen = base[:, :3].copy()
    frozen.setflags(write=False)
    views = [base[:, :3], base[::2, ::3], base[::-1, 2::-1], base.T[:5, 5:2:-1], np.broadcast_to(base[0, :3], (4, 3))]
    for x in [*views, frozen, *views]:
        yield after_backward(fast(x), w)
        yield after_backward(fast(ts.Tensor(x)), w)


@script
def arrays_of_all_types(compile, rng):
    w = leaf(rng, 3)
    fast = compile(lambda x: (w * x + x * 2).sum())
    for dtype in ("float32", "int64", "int8", "uint8", "bool", "float16", "float64", "int8"):
        x = (rng.standard_normal(3) * 3).astype(dtype)
        yield after_backward(fast(x), w)
        yield after_backward(fast(ts.tensor(x)), w)


@script
def powers_of_all_types(compile, rng):
    for exponent in (2, 0.5, -1, 0, 3.0, 1, True, 2j, -0.5, np.float32(2), np.array(2.0)):
        fast = compile(lambda x: x**exponent)  # noqa: B023
        for dtype in ("float64", "float32", "float16", "complex128", "complex64", "int64", "int8", "bool"):
            x = (
                np.array([3, 0, 1, 4, 7])
                if dtype[0] in "ib"
                else np.array([-np.inf, -0.0, 0.0, np.inf, 3.0, -2.0, 0.7])
            )
            yield outcome(fast, ts.tensor(x.astype(dtype)))


@script
def numbers_of_all_types(compile, rng):
    w = ts.tensor([0.5, 1.5, 2.5], dtype="float32", requires_grad=True)
    fast = compile(lambda k: ((w * 1e-9) * k + k).sum())
    for k in (0.1, 2, 10**6, True, np.float64(0.1), np.float32(0.1), np.array(0.1), np.array(0.7), np.array(3)):
        yield after_backward(fast(k), w)


@script
def nothing_in_a_batch(compile, rng):
    layer, w = ts.nn.LSTM(3, 2), leaf(rng, 2, 4)
    fast = compile(lambda x, t: ts.nn.cross_entropy(layer(x)[0][-1] @ w, t, reduction="sum"))
    for size in (2, 0, 1, 0, 2):
        x = fixed(rng, 4, size, 3, dtype="float32")
        yield after_backward(fast(x, rng.integers(0, 4, size)), w, *layer.parameters())


@script
def ids_that_repeat_and_ids_that_do_not_exist(compile, rng):
    layer = ts.nn.Embedding(5, 3)
    fast = compile(lambda ids: (layer(ids) ** 2).sum())
    for low, high in ((0, 5), (0, 2), (5, 6), (0, 5), (-1, 0), (3, 5)):
        try:
            yield after_backward(fast(rng.integers(low, high, (4, 6))), *layer.parameters())
        except IndexError as error:
            yield [str(error)]


@script
def masks_and_lengths(compile, rng):
    layer, w = ts.nn.GRU(3, 4), leaf(rng, 3)

    def function(x, mask, lengths):
        states, _ = layer(x, lengths=lengths)
        return ts.where(mask, ts.log(ts.abs(x * w)), 0.0).sum() + (states**2).sum()

    fast = compile(function)
    for lengths in ([5, 3], [5, 5], [1, 2]):
        x, mask = rng.standard_normal((5, 2, 3)).astype("float32"), rng.random((5, 2, 3)) < 0.5
        x[~mask] = 0
        yield after_backward(fast(ts.tensor(x), mask, np.array(lengths)), w, *layer.parameters())


@script
def scores_without_bounds(compile, rng):
    fast = compile(lambda x, t: ts.nn.cross_entropy(x, t, reduction="sum") + 3 * ts.logsumexp(x, axis=1).max())
    for scale in (1.0, 1e8, 1e-3, np.inf, 1.0):
        x = ts.tensor(rng.standard_normal((5, 4)) * scale, requires_grad=True)
        yield after_backward(fast(x, rng.integers(0, 4, 5)), x)
    for row in ([-np.inf] * 4, [np.nan, 0, 1, 2], [np.inf, 0, 1, 2], [1e308, -1e308, 0.0, -0.0]):
        x = ts.tensor(np.array([row] * 5), requires_grad=True)
        yield after_backward(fast(x, rng.integers(0, 4, 5)), x)


# -- results -----------------------------------------------------------------------------------------------------------


@script
def results_that_are_arguments_and_constants(compile, rng):
    w = leaf(rng, 3)
    fast = compile(lambda x: (x, w, x * w, x, ts.ones(2), 3, "text", None, ts.tensor(2.5)))
    for _ in range(3):
        x = leaf(rng, 3)
        found = fast(x)
        tensors = [part for part in found if isinstance(part, ts.Tensor)]
        yield [part.numpy() for part in tensors] + [part.requires_grad for part in tensors] + [*found[5:8]]
        yield after_backward((found[0] * found[1] * found[2] + found[3]).sum(), x, w)


@script
def results_in_containers(compile, rng):
    w = leaf(rng, 3)
    fast = compile(lambda x: Loss((x * w).sum(), {"all": [x, (w,)], "none": ()}))
    for _ in range(3):
        found = fast(fixed(rng, 3))
        yield [type(found), found.parts["all"][0].numpy(), found.parts["all"][1][0].numpy(), found.parts["none"]]
        yield after_backward(found.total, w)
    fast = compile(lambda x: defaultdict(list, a=OrderedDict(b=x * w), c=[x]))
    for _ in range(3):
        found = fast(fixed(rng, 3))
        yield [type(found), type(found["a"]), found["a"]["b"].numpy(), found["c"][0].numpy()]


@script
def views_of_a_parameter_that_is_updated(compile, rng):
    w, kept = leaf(rng, 4), []
    fast = compile(lambda x: (w[1:], w.reshape(2, 2), x + w, x.T))
    for _ in range(3):
        found = fast(fixed(rng, 4))
        kept += found
        yield after_backward(found[0].sum() * 2 + (found[1] * found[1]).sum() + found[2].sum(), w)
        with ts.no_grad():
            w -= 0.1 * w.grad
        w.grad = None
        yield [each.numpy().copy() for each in kept]


# -- how gradients are asked for ---------------------------------------------------------------------------------------


@script
def gradients_added_up_in_any_order(compile, rng):
    w = leaf(rng, 3)
    fast = compile(lambda x: ts.tanh(w * x).sum())
    for turn in range(3):
        losses = [fast(fixed(rng, 3)) for _ in range(4)]
        for loss in losses if turn else reversed(losses):
            (loss / 3).backward()
            yield gradients([w])
    yield after_backward(sum(fast(fixed(rng, 3)) for _ in range(4)), w)


@script
def backward_twice(compile, rng):
    w = leaf(rng, 3, 4)
    fast = compile(lambda x, t, u: ts.nn.cross_entropy(x @ w, t) * (3 + ts.nn.cross_entropy(x @ w, u)))
    for _ in range(3):
        t, u = rng.integers(0, 4, (2, 5))
        loss = fast(fixed(rng, 5, 3), t, u)
        loss.backward(retain_graph=True)
        first = gradients([w])
        yield [*first, *after_backward(loss, w)]


@script
def some_of_the_results(compile, rng):
    w, v = leaf(rng, 3), leaf(rng, 3)
    fast = compile(lambda x: ((w * x).sum(), ts.log(0 * v * w).sum(), ts.tanh(v)))
    for turn in range(6):
        a, b, c = fast(fixed(rng, 3))
        w.grad = v.grad = None
        y = (a, c.sum(), b, a * b, a + c.sum(), b + c.sum())[turn]
        yield after_backward(y, w, v)


@script
def recording_off_and_on(compile, rng):
    w = leaf(rng, 3)

    def function(x):
        with ts.no_grad():
            scale = ts.exp(w)
        return (w * x * scale * (w * x).detach()).sum()

    fast = compile(function)
    for turn in range(5):
        x = fixed(rng, 3)
        if turn % 2:
            with ts.no_grad():
                y = fast(x)
            yield [y.numpy(), y.requires_grad]
        else:
            yield after_backward(fast(x), w)


@script
def states_passed_on_with_their_graph(compile, rng):
    w, h = leaf(rng, 3), ts.zeros(3)
    fast = compile(lambda x, h: ts.tanh(w * h + x))
    for turn in range(12):
        h = fast(fixed(rng, 3), h)
        if turn % 4 == 3:
            yield after_backward(h.sum(), w)
            h = h.detach()


# -- several functions, copies and threads -----------------------------------------------------------------------------


@script
def functions_that_share_a_layer_and_call_each_other(compile, rng):
    layer = ts.nn.Linear(3, 3)
    inner = compile(lambda x: ts.tanh(layer(x)))
    outer = compile(lambda x: (inner(inner(x)) ** 2).sum())
    for _ in range(3):
        x = fixed(rng, 4, 3, dtype="float32")
        yield after_backward(outer(x) + inner(x).sum() * outer(2 * x), *layer.parameters())
        ts.optim.SGD(list(layer.parameters()), 0.1).step()


class Scaled(ts.nn.Module):
    def __init__(self):
        self.linear = ts.nn.Linear(3, 2)
        self.scale = 2.0

    def forward(self, x):
        return (self.linear(x) * self.scale).sum()


@script
def copies_of_a_module(compile, rng):
    model = Scaled()
    fast = compile(model)
    for made in (fast, pickle.loads(pickle.dumps(fast)), copy.deepcopy(fast)):
        inner = getattr(made, "function", made)
        for inner.scale in (2.0, 5.0):
            yield after_backward(made(fixed(rng, 2, 3, dtype="float32")), *inner.parameters())
            yield after_backward(fast(fixed(rng, 2, 3, dtype="float32")), *model.parameters())


@script
def errors_on_the_way(compile, rng):
    w, wrong = leaf(rng, 3), [True]

    def function(x):
        if wrong[0]:
            raise KeyError("wrong")
        return (w * x).sum()

    fast = compile(function)
    for wrong[0], size in ((True, 3), (False, 3), (False, 4), (False, 3), (True, 3), (False, 3)):
        try:
            yield after_backward(fast(fixed(rng, size)), w)
        except (KeyError, ValueError) as error:
            yield [type(error)]


@script
def dropout_with_seeds(compile, rng):
    w, layer = leaf(rng, 30), ts.nn.Dropout(0.5)
    fast = compile(lambda x: (layer(w * x) * layer(x)).sum())
    for seed, layer.p, layer.training in ((3, 0.5, 1), (None, 0.5, 1), (3, 0.5, 1), (3, 0.1, 1), (3, 0.5, 0)):
        if seed is not None:
            ts.manual_seed(seed)
        yield [*after_backward(fast(fixed(rng, 30)), w), ts.random.generator().random(2)]


@pytest.mark.parametrize("executor", ["numpy", "numba"])
@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.usefixtures("kernels_in_python")
def test_a_script_gives_what_it_gives_without_compile(name, executor):
    def played(compile):
        ts.manual_seed(0)
        with np.errstate(all="ignore"):
            return [*SCRIPTS[name](compile, np.random.default_rng(1))]

    found, wanted = played(functools.partial(ts.compile, executor=executor)), played(lambda function: function)
    assert len(found) == len(wanted) > 2
    for one, other in zip(found, wanted, strict=True):
        arrays = [[part for part in parts if part is None or isinstance(part, np.ndarray)] for parts in (one, other)]
        agree(*arrays, functools.partial(np.testing.assert_allclose, rtol=2e-5, atol=1e-6))
        assert [p for p in one if not isinstance(p, np.ndarray)] == [p for p in other if not isinstance(p, np.ndarray)]


def test_first_calls_in_several_threads_at_once():
    w, wanted, found = ts.tensor(np.linspace(-1, 1, 50), requires_grad=True), [], [None] * 6
    inputs = [ts.tensor(np.full(50, i + 1.0), requires_grad=True) for i in range(6)]
    started = threading.Barrier(6)

    def function(x):
        return ts.tanh(w * x).sum(), (w * x * x).sum()

    def calls(i):
        fast = ts.compile(function)
        started.wait()
        for turn in range(6):
            one, other = fast(inputs[i])
            found[i] = ts.grad((one, other, one * other)[turn % 3], [inputs[i]])[0].numpy()

    threads = [threading.Thread(target=calls, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for x in inputs:
        one, other = function(x)
        wanted.append(ts.grad(one * other, [x])[0].numpy())
    np.testing.assert_array_equal(found, wanted)
    assert isinstance(ts.compile(function)(inputs[0])[0], ts.Tensor)


# what a function may advance without any attribute that shows it, and the next value of it
ADVANCED = {
    "list": (lambda: iter([1.0] * 9), next),
    "deque": (lambda: iter(deque([1.0] * 9)), next),
    "dict": (lambda: iter(dict.fromkeys([1.0, 1, 2, 3, 4])), next),
    "count": (itertools.count, next),
    "cycle": (lambda: itertools.cycle([1.0]), next),
    "zip": (lambda: zip([1.0] * 9, [2.0] * 9, strict=True), next),
    "map": (lambda: map(float, [1] * 9), next),
    "enumerate": (lambda: enumerate([1.0] * 9), next),
    "reversed": (lambda: reversed([1.0] * 9), next),
    "generator": (lambda: (1.0 for _ in range(9)), next),
    "Random": (lambda: random.Random(0), lambda g: g.random()),
    "Generator": (lambda: np.random.default_rng(0), lambda g: g.random()),
    "MT19937": (lambda: np.random.Generator(np.random.MT19937(0)), lambda g: g.random()),
    "RandomState": (lambda: np.random.RandomState(0), lambda g: g.random()),
    "method": (lambda: random.Random(0).random, lambda g: g()),
    "Python's": (lambda: random, lambda g: g.random()),
    "NumPy's": (lambda: np.random, lambda g: g.random()),
}


@pytest.mark.parametrize("name", ADVANCED)
def test_what_advances_out_of_sight_is_refused_even_if_it_changed_nothing_yet(name):
    make, advance = ADVANCED[name]
    w, held = ts.tensor([1.0, 2.0], requires_grad=True), make()

    def function(x):
        return (w * x).sum() * (2 if advance(held) is None else 1)  # the same until it ends, or at random

    with pytest.raises(RecordingError, match="advances an iterator or a random generator"):
        ts.compile(function)(ts.ones(2))


@pytest.mark.parametrize("name", [name for name in ADVANCED if name not in ("method", "Python's", "NumPy's")])
def test_what_others_advance_makes_no_recording(name):
    make, advance = ADVANCED[name]
    held = make()
    assert hidden_state(held) == hidden_state(held) is not None
    fast = ts.compile(lambda x: x * (1 if held is None else 2))
    fast(ts.ones(2))
    program = fast.program
    advance(held)
    fast(ts.ones(2))
    assert fast.program is program
