"""Every function that NumPy exports, on tensors: NumPy's value with its gradient, or an error that names the cure."""

import inspect
import os
import typing
from collections.abc import Sequence

import numpy as np
import pytest
from numpy_calls import VALUES, Call, Wrong, arrays, calls, functions, leaves, nesting, outcome, refused

import tinyseq as ts
from tinyseq.autograd.declare import FUNCTIONS as OURS
from tinyseq.autograd.declare import NUMPY_FORMS
from tinyseq.autograd.numpy_functions.calls import _Ours, _taken
from tinyseq.autograd.tensor import TensorLike

MOST = 120 if os.environ.get("HYPOTHESIS_PROFILE") == "deep" else 16
FUNCTIONS = functions()


def apart(found, wanted):
    """Where what NumPy gave for constant tensors differs from what it gives for their arrays."""
    assert nesting(found) == nesting(wanted)
    for ours, theirs in zip(leaves(found), leaves(wanted), strict=True):
        if isinstance(theirs, np.ndarray | np.generic) and theirs.dtype.kind in "biufc":
            np.testing.assert_allclose(np.ma.getdata(np.asarray(ours)), np.ma.getdata(theirs), rtol=1e-12)
            assert ours.dtype == theirs.dtype


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_means_what_numpy_means_or_says_what_to_call(name):
    for call in calls(name, FUNCTIONS[name], MOST):
        try:
            outcome(call)
        except Wrong as error:
            pytest.fail(f"{call}: {error}")


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if not name.startswith(("numpy.ma.", "numpy.char."))])
def test_constants_are_numpys_own(name):
    for call in calls(name, FUNCTIONS[name], 6):
        try:
            constants = call.run(VALUES, lambda array, i: ts.tensor(array))
        except Exception as error:  # what writes to its argument, or looks into its memory
            refused(call, error)
        else:
            apart(constants, call.run(VALUES))


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (np.add, ("matrix", "vector")),
        (np.add.reduce, ("matrix",)),
        (np.maximum.outer, ("vector", "vector")),
        (np.mean, ("matrix", 0)),
        (np.linalg.norm, ("matrix",)),
        (np.pad, ("matrix", 1, "reflect")),
        (np.clip, ("matrix", "vector", 0.9)),
        (np.sort, ("matrix",)),
        (np.block, ("pair",)),
        (np.linalg.eigvalsh, ("square",)),
        (np.take_along_axis, ("matrix", "few", -1)),
    ],
)
def test_these_have_gradients_in_either_precision(function, args):
    call = Call(function.__name__, function, args, {})
    assert outcome(call) == "gradient"
    leaf = []
    found = call.run(arrays(np.float32), lambda x, i: leaf.append(ts.tensor(x, requires_grad=True)) or leaf[-1])
    assert found.dtype == call.run(arrays(np.float32)).dtype == np.float32
    found.sum().backward()
    assert {x.grad.dtype for x in leaf} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    "lies",
    [
        lambda x: np.sum(np.asarray(x.detach())),  # the value, without its gradient
        lambda x: 2 * ts.sum(x),  # another value
        lambda x: ts.sum(x) + 0 * ts.max(x).detach() + ts.sum(x * 1.0) - ts.sum(x.detach()),  # twice the gradient
        lambda x: ts.sum(x, keepdims=True),
        lambda x: [ts.sum(x)],
        lambda x: ts.sum(ts.astype(x, np.float32)),
        lambda x: {}["lost"],
    ],
)
def test_what_is_not_numpys_is_noticed(lies):
    def function(x):
        return lies(x) if isinstance(x, ts.Tensor) else np.sum(x)

    with pytest.raises(Wrong):
        outcome(Call("sum", function, ("matrix",), {}))


def test_nothing_is_left_out():
    tried = [name for name in FUNCTIONS if calls(name, FUNCTIONS[name], 1)]
    assert len(tried) > 0.75 * len(FUNCTIONS)  # the others take no floating-point numbers
    assert {"numpy.pad", "numpy.add.reduce", "numpy.linalg.norm", "numpy.fft.fft", "numpy.apply_along_axis"} <= {*tried}


WRITINGS = [
    TensorLike,
    "TensorLike",
    ts.Tensor,
    "ts.Tensor",
    ts.Tensor | float,
    float | ts.Tensor,
    typing.ForwardRef("Tensor") | float,
    typing.Annotated[TensorLike, "of any shape"],
]


@pytest.mark.parametrize("written", WRITINGS, ids=str)
def test_a_tensor_is_known_however_its_type_is_written(written, monkeypatch):
    def one(x, axis: int = 0):
        return x + 1.0

    def several(xs):
        return xs[0] + xs[1]

    def many(*xs):
        return xs[0] + xs[1]

    x = ts.tensor([1.0, 2.0], requires_grad=True)
    inner = typing.ForwardRef("Tensor") if isinstance(written, str) else written
    for function, numpy, arguments, annotation in [
        (one, np.i0, [x], written),
        (several, np.column_stack, [[x, x]], Sequence[inner]),
        (several, np.column_stack, [[x, x]], list[inner]),
        (many, np.broadcast_arrays, [x, x], written),
    ]:
        parameter = next(iter(inspect.signature(function).parameters))
        function.__annotations__[parameter] = annotation
        monkeypatch.setitem(NUMPY_FORMS, numpy.__name__, function)
        _taken.cache_clear()
        assert numpy(*arguments).node is not None, f"{annotation} is not seen to take tensors"


@pytest.mark.parametrize("written", [TensorLike | None, str | TensorLike, int, "ts.Tensor | None"], ids=str)
def test_what_may_be_something_else_is_a_setting(written):
    def function(x: TensorLike, y):
        return x

    function.__annotations__["y"] = written
    assert _Ours(function).inputs == ["x"]


def test_each_function_takes_a_tensor_first():
    for function in {*OURS.values(), *NUMPY_FORMS.values()}:
        taken = _Ours(function)
        first = next(iter(inspect.signature(function).parameters))
        assert taken.variadic or getattr(function, "op", None) or taken.inputs[0] == first, function.__name__


def test_a_tensor_for_a_number_that_numpy_passes_on_to_its_own_code():
    a, b = np.arange(6.0).reshape(3, 2) ** 2, np.arange(3.0)
    for found, wanted in zip(np.linalg.lstsq(a, b, ts.tensor(0.1)), np.linalg.lstsq(a, b, 0.1), strict=True):
        np.testing.assert_array_equal(found, wanted)
