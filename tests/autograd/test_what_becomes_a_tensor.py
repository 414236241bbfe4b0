"""Numbers become tensors, in any form; anything else is refused with what it holds, at every way in."""

import copy
import datetime
import decimal
import warnings

import numpy as np
import pytest
from oracles import oracle

import tinyseq as ts

NO_NUMBERS = {
    "text": ("abc", "which holds text; convert the words to ids"),
    "list of text": (["a", "b"], "which holds text"),
    "array of text": (np.array(["a", "b"]), "which holds text"),
    "list of arrays of text": ([np.array(["a"]), np.array(["b"])], "which holds text"),
    "bytes": (b"ab", "which holds bytes"),
    "dates": (np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]"), "which holds dates"),
    "spans": (np.array([1, 2], dtype="timedelta64[D]"), "which holds time differences"),
    "days": ([datetime.date(2020, 1, 1)] * 2, "which holds Python objects; convert them first"),
    "decimals": ([decimal.Decimal(1)] * 2, "which holds Python objects"),
    "objects": (np.array([None, 1.0]), "which holds Python objects"),
    "records": (np.zeros(2, dtype=[("a", int), ("b", float)]), "which holds records; convert its fields one by one"),
    "huge": (10**40, "which holds Python objects"),
    "nothing": (None, "which holds Python objects"),
    "dictionary": ({"a": 1.0}, "which holds Python objects"),
    "ragged": ([[1.0], [1.0, 2.0]], "expected a rectangular array"),
    "masked": (np.ma.array([1.0, 2.0], mask=[False, True]), r"1 masked elements.*a\.filled\(value\)"),
    "masked rows": ([np.ma.array([1.0, 2.0], mask=[True, True])] * 2, "2 masked elements"),
    "masked one": ([1.0, np.ma.masked], "1 masked elements"),
    "masked deep": ([[1.0, np.ma.masked], [0.0, 0.0]], "1 masked elements"),
}


def set_grad(value):
    ts.ones(2, requires_grad=True).grad = value


WAYS_IN = {
    "tensor": ts.tensor,
    "Tensor": ts.Tensor,
    "Parameter": ts.nn.Parameter,
    "copy_": lambda v: ts.ones(2).copy_(v),
    "grad": set_grad,
    "left": lambda v: ts.add(v, ts.ones(2)),
    "right": lambda v: ts.ones(2) * v,
    "unary": ts.exp,
    "general": ts.softmax,
    "one of many": lambda v: ts.stack([ts.ones(2), v]),
    "composite": ts.mean,
    "point": lambda v: ts.vjp(ts.sum, v),
    "vector": lambda v: ts.vjp(ts.sin, ts.ones(2), v),
    "gradient": lambda v: ts.ones(2, requires_grad=True).backward(v),
    "layer": lambda v: ts.nn.Linear(2, 2)(v),
}
MIXED = ("left", "right", "one of many")


@pytest.mark.parametrize("way", WAYS_IN)
@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_what_is_no_number_is_refused_at_every_way_in(way, kind):
    if (way in ("gradient", "vector", "grad") and kind == "nothing") or (way in MIXED and kind == "huge"):
        return  # None has a meaning there, and beside a tensor any Python number is taken
    value, text = NO_NUMBERS[kind]
    before = copy.deepcopy(value)
    with pytest.raises(TypeError, match=text):
        WAYS_IN[way](value)
    assert str(value) == str(before)


@pytest.mark.parametrize("dtype", [object, str, "datetime64[D]", [("a", int)]])
def test_a_type_of_no_numbers_is_refused(dtype):
    for call in (
        lambda: ts.tensor([1.0], dtype=dtype),
        lambda: ts.ones(1).to(dtype),
        lambda: ts.zeros(2, dtype=dtype),
        lambda: ts.ones(2, dtype=dtype),
        lambda: ts.full((2,), 1, dtype=dtype),
    ):
        with pytest.raises((TypeError, ValueError)):
            call()


NUMBERS = [
    [1.0, 2.0],
    (1.0, 2.0),
    np.array([1.0, 2.0]),
    np.array([1.0, 2.0], dtype=np.float16),
    np.array([1, 2], dtype=np.uint8),
    np.ma.array([1.0, 2.0]),
    np.ma.array([1.0, 2.0], mask=[False, False]),
    [np.float32(1.0), np.int64(2)],
    [ts.tensor(1.0), ts.tensor(2.0)],
    range(1, 3),
]


@pytest.mark.parametrize("make", [ts.tensor, ts.Tensor, ts.nn.Parameter], ids=["tensor", "Tensor", "Parameter"])
@pytest.mark.parametrize("value", NUMBERS, ids=lambda v: type(v).__name__)
def test_numbers_in_any_form_make_a_whole_tensor(make, value):
    if make is ts.nn.Parameter and np.asarray(value).dtype.kind in "iu":
        return
    x = make(value)
    assert type(x._array) is np.ndarray
    assert (x * 2.0).numpy().reshape(-1).tolist() == [2.0, 4.0]
    assert repr(x).startswith("tensor(")
    assert x.requires_grad is (make is ts.nn.Parameter)


@pytest.mark.parametrize("value", [3, 3.0, True, np.float32(3.0), np.float64(3.0)])
def test_one_number_makes_a_tensor_without_axes(value):
    for make in (ts.tensor, ts.Tensor):
        assert make(value).shape == ()
        assert type(make(value)._array) is np.ndarray
        assert make(value).dtype == np.asarray(value).dtype


@pytest.mark.parametrize("hold", [lambda t: t, lambda t: [t], lambda t: (t, t)])
def test_tensors_of_pytorch_are_copied_without_a_warning(hold):
    theirs = oracle("torch").ones(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = ts.tensor(hold(theirs))
        assert (ts.ones(3) * theirs).tolist() == [1.0] * 3
    theirs[0] = 5.0
    assert (ours.numpy() == 1.0).all()


@pytest.mark.parametrize("values", [(x for x in [1.0]), {1.0}, {1.0: 2.0}.keys(), map(float, "1")], ids=type)
def test_what_can_be_listed_is_told_so(values):
    with pytest.raises(TypeError, match=r"; make a list of it first, list\(values\)$"):
        ts.tensor(values)


SWAPPED = [dtype.newbyteorder() for dtype in map(np.dtype, ("f2", "f4", "f8", "i4", "u8"))]
OF_SWAPPED = {
    "tensor": ts.tensor,
    "Tensor": ts.Tensor,
    "list": lambda x: ts.tensor([*x]),
    "list of numbers": lambda x: ts.tensor([x[0], x[1], x[2]]),
    "dtype=": lambda x: ts.tensor(x.tolist(), dtype=x.dtype),
    "to": lambda x: ts.tensor(x.tolist()).to(x.dtype),
    "astype": lambda x: ts.tensor(x.tolist()).astype(x.dtype),
    "an op": lambda x: ts.positive(x),
    "an op of two": lambda x: ts.multiply(x, np.ones(3, x.dtype)),
    "a move": lambda x: ts.reshape(x, (3,)),
    "join": lambda x: ts.concatenate([x[:1], x[1:]]),
    "sum": lambda x: ts.sum(ts.tensor(x.tolist())[:, None], axis=1, dtype=x.dtype),
    "zeros": lambda x: ts.zeros(3, dtype=x.dtype) + x,
    "part": lambda x: put(ts.zeros(3, dtype=x.dtype), x),
    "copy": lambda x: ts.zeros(3, dtype=x.dtype).copy_(x),
    "pickle": lambda x: copy.copy(ts.Tensor(x)),
    "parameter": lambda x: ts.nn.Parameter(x) if x.dtype.kind == "f" else ts.tensor(x),
    "module": lambda x: in_a_module(x) if x.dtype.kind == "f" else ts.tensor(x),
}


def put(tensor, x):
    tensor[:] = x
    return tensor


def in_a_module(x):
    layer = ts.nn.Linear(1, 3, bias=False)
    layer.weight.copy_(x[:, None])
    return layer.to(x.dtype).weight.detach().reshape(3)


@pytest.mark.parametrize("dtype", SWAPPED, ids=str)
@pytest.mark.parametrize("way", OF_SWAPPED)
def test_tensors_have_the_byte_order_of_the_machine(way, dtype):
    made = OF_SWAPPED[way](np.array([1.0, 2.0, 3.0], dtype))
    assert made.dtype.isnative
    assert made.tolist() == [1.0, 2.0, 3.0]
    if made.dtype.kind == "f":
        leaf = ts.tensor(made, requires_grad=True)
        (leaf * leaf).sum().backward()
        assert leaf.grad.dtype == made.dtype
        assert leaf.grad.tolist() == [2.0, 4.0, 6.0]
