"""What an op cannot compute with is refused by name: op, arguments, place, and NumPy's complaint."""

import inspect
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.autograd.declare import FUNCTIONS, OPS
from tinyseq.autograd.dispatch import public_function
from tinyseq.testing.calls import FAMILIES, calls_of

ALL = [op for op in OPS.values() if op.module.startswith("tinyseq.") and op.calls in FAMILIES]
HUGE = 10**30  # as a count it may take for ever
SETTINGS = [
    np.array([0, 99]),
    np.array([True, False, True]),
    np.arange(50),
    (np.array([0, 99]), np.array([0])),
    [np.array([7]), 9],
    ts.ones(2),
    "abc",
    object(),
    None,
    HUGE,
    1.5,
    (1, "x"),
    {},
]
ARRAYS = [np.ones((2, 5, 7)), np.ones(13), np.ones(0), np.ones(11, bool), np.ones(3, complex), np.ones(5, np.uint8)]
OBJECTS = ["abc", None, object(), np.array(["a"]), [[1], [1, 2]], {}]


def complaint(op, arrays, attrs):
    """The error of an op under labels, or None if it has an answer."""
    with ts.scope("encoder"), ts.step(3):
        return refusal(public_function(op), arrays, attrs)


def refusal(function, args, attrs):
    """The error of a call, or None."""
    try:
        function(*args, **attrs)
    except Exception as error:
        return error


def check(op, arrays, attrs, raw=True):
    error = complaint(op, arrays, attrs)
    if error is None:
        return
    assert isinstance(error, ValueError | TypeError | IndexError | ArithmeticError), repr(error)
    assert re.match(rf"{op.name}\(", str(error)), str(error)
    assert "(in encoder, step 3): " in str(error)
    if raw:
        for name, a in zip(op.inputs * len(arrays) if op.variadic else op.inputs, arrays, strict=False):
            assert re.search(rf"\b{name}(\[\d+\])?{re.escape(str(a.shape))}", str(error)), str(error)
        assert error.__cause__ is not None
        told = "the last axis of x must" if "core dimension" in str(error.__cause__) else str(error.__cause__)
        assert str(error).endswith(told.strip("'\"")) or told in str(error)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("op", ALL, ids=lambda op: op.name)
@settings(max_examples=10)
@given(data=st.data())
def test_what_an_op_cannot_use_is_explained(op, data):
    arrays, attrs = data.draw(calls_of(op))
    for key in attrs:
        for value in SETTINGS:
            check(op, arrays, {**attrs, key: value})
    for i in range(len(arrays)):
        for other in ARRAYS:
            check(op, [*arrays[:i], other, *arrays[i + 1 :]], attrs)
        for other in OBJECTS:
            given = [*arrays[:i], other, *arrays[i + 1 :]]
            assert complaint(op, given, attrs) is not None
            check(op, given, attrs, raw=False)


X, SQUARE = ts.tensor(np.arange(27.0).reshape(3, 3, 3)), ts.tensor([[2.0, 1.0], [1.0, 3.0]])
EXAMPLES = {  # what a composite takes, if it is not X alone
    **dict.fromkeys(("append", "cross"), ([X, X], {})),
    **dict.fromkeys(("concat", "concatenate", "stack"), ([[X, X]], {})),
    **dict.fromkeys(("diag", "diagflat", "eigvalsh"), ([SQUARE], {})),
    **dict.fromkeys(("dot", "inner", "kron", "outer", "tensordot", "vdot"), ([SQUARE, SQUARE], {})),
    **dict.fromkeys(("divmod", "float_power"), ([X, 2], {})),
    **dict.fromkeys(("index_set", "scatter_add"), ([X, 0, 1.0], {})),
    "chunk": ([X], {"chunks": 3}),
    "einsum": (["ijk", X], {}),
    "expand_dims": ([X], {"axis": 0}),
    "gather": ([X, 0, np.zeros((3, 3, 3), int)], {}),
    "linspace": ([0.0, 1.0], {}),
    "matrix_power": ([SQUARE], {"n": 2}),
    "moveaxis": ([X], {"source": 0, "destination": 1}),
    "pad": ([X], {"pad_width": 1}),
    "permute": ([X, 0, 1, 2], {}),
    "repeat": ([X], {"repeats": 2}),
    "squeeze": ([X[:1]], {}),
    "swapaxes": ([X], {"axis1": 0, "axis2": 1}),
    "take": ([X, [0]], {}),
    "take_along_axis": ([X, np.zeros((3, 3, 3), int)], {"axis": 0}),
    "tile": ([X], {"reps": 2}),
}
COMPOSITES = {
    name: function
    for name, function in FUNCTIONS.items()
    if name not in OPS and function.__name__ not in OPS and function.__name__ != "getitem"
}
OTHERS = [*(value for value in SETTINGS if value is not HUGE), np.arange(9.0), -7, [9], [[1], [1, 2]], (0, 0)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(COMPOSITES))
def test_a_function_made_of_ops_names_itself_or_the_op_that_cannot_compute(name):
    function = COMPOSITES[name]
    given, named = EXAMPLES.get(name, ([X], {}))
    function(*given, **named)
    for i, parameter in enumerate(inspect.signature(function).parameters.values()):
        for other in OTHERS:
            args, settings_ = list(given), dict(named)
            if i < len(args):
                args[i] = other
            elif parameter.kind is not parameter.VAR_POSITIONAL:
                settings_[parameter.name] = other
            error = refusal(function, args, settings_)
            if error is not None:
                assert isinstance(error, ValueError | TypeError | IndexError | ArithmeticError | MemoryError), error
                assert re.split(r"\W", str(error))[0] in FUNCTIONS, f"{parameter.name}={other!r}: {error}"


def raises(error, text, call, *args, **kwargs):
    with pytest.raises(error, match=text):
        call(*args, **kwargs)


def test_a_wrong_index_or_mask_or_bound_says_what_is_wrong():
    x = ts.tensor([1.0, 2.0], requires_grad=True)
    raises(
        IndexError, r"getitem\(x\(2,\), index=\[0, 5\]\): index 5 is out of bounds for axis 0", x.__getitem__, [0, 5]
    )
    raises(IndexError, r"getitem\(x\(2,\), index=int64\(50,\)\): index 2 is out of", x.__getitem__, np.arange(50))
    raises(
        IndexError, r"index=\[True, False, True\]\): boolean index did not match", x.__getitem__, [True, False, True]
    )
    raises(IndexError, r"index=\(\[0, 1\], \[0, 1\]\)\): too many indices", lambda: x[[0, 1], [0, 1]])
    raises(ValueError, r"maximum\(x\(2,\), y\(3,\)\): operands could not be broadcast", ts.clip, x, low=np.ones(3))
    raises(IndexError, r"take.*index=\(\[2\], Ellipsis\)|index 2 is out of bounds", ts.take, x, [2])


def test_unary_ops_say_what_they_were_given():
    raises(TypeError, r"invert\(x\(2,\)\): ufunc .invert. not supported", lambda: ~ts.ones(2))
    raises(TypeError, r"exp\(x\): expected numbers, got str", ts.exp, "abc")
    raises(TypeError, r"add\(y\): expected numbers, got NoneType", lambda: ts.ones(2) + None)


def test_an_error_that_is_no_array_librarys_is_left_alone():
    class Own(Exception):
        pass

    def forward(xp, x):
        raise Own

    from tinyseq.autograd.declare import op

    with pytest.raises(Own):
        op("own_error_example", forward)(ts.ones(2))


def test_warnings_and_floating_point_errors_keep_their_kind():
    with np.errstate(divide="warn"), pytest.warns(RuntimeWarning, match=r"divide by zero"):
        ts.log(ts.zeros(2))
    with np.errstate(divide="raise"):
        raises(FloatingPointError, r"log\(x\(2,\)\): divide by zero", ts.log, ts.zeros(2))


def test_a_function_made_of_ops_says_what_it_was_given():
    x = ts.ones(2, 2)
    raises(IndexError, r"^index_set\(x\(2, 2\), index=\[5\], values=1\.0\): index 5", ts.index_set, x, [5], 1.0)
    raises(IndexError, r"^scatter_add\(x\(2, 2\), index=.*boolean index did", ts.scatter_add, x, [True] * 3, 1.0)
    raises(ValueError, r"^repeat\(x\(2, 2\), repeats=\[1, 2\]\): repeats has shape \(2,\)", ts.repeat, x, [1, 2])
    raises(TypeError, r"^roll\(x\(2, 2\), shift=1\.5\): shift must be a whole number", ts.roll, x, 1.5)
    raises(IndexError, r"^tensordot\(.*axes=\(\[0\], \[5\]\)\): axis 5 is out", ts.tensordot, x, x, ([0], [5]))
    raises(ValueError, r"^tensordot\(.*axes must be at least 0, got -1", ts.tensordot, x, x, -1)
    raises(ValueError, r"^tensordot\(.*axes must name as many", ts.tensordot, x, x, ([0, 0], [0, 1]))
    raises(ValueError, r"^tensordot\(.*axis 0 of x and axis 1 of y differ", ts.tensordot, x[:1], x, ([0], [1]))


def test_differences_of_any_order_of_what_is_empty():
    assert ts.diff(ts.ones(3), n=10**30).shape == (0,)
