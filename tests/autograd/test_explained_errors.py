"""What an op cannot compute with is refused by name: op, arguments, place, and NumPy's complaint."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.autograd.dispatch import public_function
from tinyseq.autograd.op import OPS
from tinyseq.testing.calls import FAMILIES, calls_of

ALL = [op for op in OPS.values() if op.module.startswith("tinyseq.") and op.calls in FAMILIES]
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
    10**30,
    1.5,
    (1, "x"),
    {},
]
ARRAYS = [np.ones((2, 5, 7)), np.ones(13), np.ones(0), np.ones(11, bool), np.ones(3, complex), np.ones(5, np.uint8)]
OBJECTS = ["abc", None, object(), np.array(["a"]), [[1], [1, 2]], {}]


def complaint(op, arrays, attrs):
    """The error of a call under labels, or None if the call has an answer."""
    try:
        with ts.scope("encoder"), ts.step(3):
            public_function(op)(*arrays, **attrs)
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
        assert str(error).endswith(str(error.__cause__).strip("'\"")) or str(error.__cause__) in str(error)


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

    from tinyseq.autograd.op import op

    with pytest.raises(Own):
        op("own_error_example", forward)(ts.ones(2))


def test_warnings_and_floating_point_errors_keep_their_kind():
    with np.errstate(divide="warn"), pytest.warns(RuntimeWarning, match=r"divide by zero"):
        ts.log(ts.zeros(2))
    with np.errstate(divide="raise"):
        raises(FloatingPointError, r"log\(x\(2,\)\): divide by zero", ts.log, ts.zeros(2))
