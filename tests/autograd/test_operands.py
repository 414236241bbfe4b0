"""Operands that are no tensors: numbers, NumPy's numbers and arrays, on either side of every op of two arguments."""

import enum
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.autograd.declare import FUNCTIONS, OPS, Op
from tinyseq.backend import namespace_of

BINARY = [
    record
    for record in OPS.values()
    if len(record.inputs) == 2 and record.kind in ("elementwise", "product") and not record.defaults
]
DIFFERENTIABLE = [record for record in BINARY if record.vjp is not None]


class Level(enum.IntEnum):
    LOW = 2


class Rate(float):
    pass


SHAPE = (2, 3)
FULL, ROW, COLUMN = np.full(SHAPE, 2.0), np.array([2.0, 0.5, 1.5]), np.array([[2.0], [0.75]])
OPERANDS: dict[str, Any] = {
    "int": 2,
    "float": 0.5,
    "bool": True,
    "subclass of int": Level.LOW,
    "subclass of float": Rate(0.5),
    "count": ts.zeros(2).size,
    **{kind.__name__: kind(2) for kind in (np.float16, np.float32, np.float64, np.int8, np.uint16, np.int64, np.bool)},
    "array": FULL,
    "row": ROW,
    "column": COLUMN,
    "read-only": np.broadcast_to(ROW, SHAPE),
    "Fortran order": np.asfortranarray(FULL),
    "float32 array": FULL.astype(np.float32),
    "integers": np.full(SHAPE, 2),
    "no axes": np.array(2.0),
    "list": [2.0, 0.5, 1.5],
}


def both_ways(record: Op, x: ts.Tensor, other: Any, reflected: bool) -> tuple[ts.Tensor, ts.Tensor | None]:
    y = FUNCTIONS[record.name](other, x) if reflected else FUNCTIONS[record.name](x, other)
    if y.node is None:
        return y, None
    rng = np.random.default_rng(0)
    return y, ts.grad(y, x, ts.tensor(rng.uniform(0.5, 1.5, y.shape).astype(y.dtype)))


@pytest.mark.parametrize("reflected", [False, True], ids=["right", "left"])
@pytest.mark.parametrize("kind", OPERANDS)
@pytest.mark.parametrize("record", BINARY, ids=lambda record: record.name)
def test_an_operand_of_any_kind_gives_what_a_tensor_of_its_values_gives(record: Op, kind: str, reflected: bool) -> None:
    other = OPERANDS[kind]
    x = ts.tensor(np.linspace(0.5, 3.0, 6).reshape(SHAPE), requires_grad=True)
    if record.kind == "product":
        other = other if np.ndim(other) == 0 else np.asarray(other).reshape(-1, 1)[: 2 if reflected else 3]
        other = other.T[:, :2] if np.ndim(other) == 2 and reflected else other
    try:
        expected, slope = both_ways(record, x, ts.tensor(np.asarray(other)), reflected)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        with pytest.raises(type(error)):
            both_ways(record, x, other, reflected)
        return
    found, gradient = both_ways(record, x, other, reflected)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-14)
    assert (gradient is None) == (slope is None)
    if gradient is not None and slope is not None:
        assert gradient.dtype == x.dtype
        np.testing.assert_allclose(gradient.numpy(), slope.numpy(), rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize("kind", [name for name, value in OPERANDS.items() if not hasattr(value, "shape")])
@pytest.mark.parametrize("symbol", ["+", "-", "*", "/", "**"])
def test_a_number_never_widens(kind: str, symbol: str) -> None:
    x = ts.tensor([1.0, 2.0, 3.0], dtype="float32", requires_grad=True)
    names = {"x": x, "n": OPERANDS[kind]}
    for y in (eval(f"x {symbol} n", names), eval(f"n {symbol} x", names)):
        assert y.dtype == (np.float32 if not isinstance(OPERANDS[kind], list) else np.float64)


@pytest.mark.parametrize("reflected", [False, True], ids=["right", "left"])
@pytest.mark.parametrize("record", DIFFERENTIABLE, ids=lambda record: record.name)
def test_writing_to_an_array_after_the_op_changes_neither_its_value_nor_its_gradient(
    record: Op, reflected: bool
) -> None:
    x = ts.tensor(np.linspace(0.5, 3.0, 4).reshape(2, 2), requires_grad=True)

    def after(write: Callable[[Any], None]) -> tuple[Any, Any]:
        array = np.array([[2.0, 3.0], [4.0, 5.0]])
        y = FUNCTIONS[record.name](array, x) if reflected else FUNCTIONS[record.name](x, array)
        write(array)
        return y.numpy().copy(), ts.grad((y * y).sum(), x)

    kept, changed = after(lambda array: None), after(lambda array: array.fill(-7.0))
    np.testing.assert_array_equal(kept[0], changed[0])
    np.testing.assert_array_equal(kept[1].numpy(), changed[1].numpy())


def test_an_op_that_returns_its_operand_returns_a_copy_of_the_callers_array() -> None:
    from tinyseq.autograd.declare import op

    second = op("second_of_two", forward=lambda xp, x, y: y, vjp=(None, lambda xp, g: g))
    try:
        array = np.ones(2)
        y = second(ts.zeros(2), array)
        array[0] = 5.0
        assert y.tolist() == [1.0, 1.0]
    finally:
        del OPS["second_of_two"], FUNCTIONS["second_of_two"]


NO_NUMBERS = {
    "date": np.datetime64("2020-01-01"),
    "duration": np.timedelta64(3, "D"),
    "NumPy text": np.str_("a"),
    "NumPy bytes": np.bytes_(b"a"),
    "text": "a",
    "None": None,
    "dates": np.array(["2020-01-01"], dtype="datetime64[D]"),
    "objects": np.array([object()]),
    "masked": np.ma.masked_array([1.0, 2.0], mask=[True, False]),
}


@pytest.mark.parametrize("kind", NO_NUMBERS)
@pytest.mark.parametrize("reflected", [False, True], ids=["right", "left"])
def test_an_operand_without_numbers_is_refused_by_the_ops_name(kind: str, reflected: bool) -> None:
    x, value = ts.ones(2), NO_NUMBERS[kind]
    with pytest.raises(TypeError, match=r"^multiply\([xy]\): .*(expected numbers|masked)"):
        ts.multiply(*((value, x) if reflected else (x, value)))


def test_numbers_and_arrays_alone_make_a_constant() -> None:
    assert (ts.multiply(2, np.ones(2)) + np.float32(1)).tolist() == [3.0, 3.0]
    assert ts.multiply(np.ones(2), 2).node is None
    assert ts.add(2, 3).item() == 5


@pytest.mark.parametrize("narrow", [0, 1], ids=["first", "second"])
@pytest.mark.parametrize("record", DIFFERENTIABLE, ids=lambda record: record.name)
def test_beside_a_float64_a_float32_costs_no_accuracy(record: Op, narrow: int) -> None:
    """The rules compute with float64, as the op does: only the float32 operand's own gradient is rounded."""
    rng = np.random.default_rng(0)
    values = [rng.uniform(0.5, 2.0, (3, 3)).astype(np.float32) for _ in range(2)]
    wide = [ts.tensor(v.astype(np.float64), requires_grad=True) for v in values]
    mixed = [ts.tensor(v, requires_grad=True) if i == narrow else wide[i] for i, v in enumerate(values)]
    upstream = ts.tensor(rng.uniform(0.5, 1.5, (3, 3)))
    y, exact = FUNCTIONS[record.name](*mixed), FUNCTIONS[record.name](*wide)
    np.testing.assert_allclose(y.numpy(), exact.numpy(), rtol=1e-14)
    found, expected = ts.grad(y, mixed, upstream), ts.grad(exact, wide, upstream)
    for i in range(2):
        assert found[i].dtype == mixed[i].dtype
        np.testing.assert_allclose(found[i].numpy(), expected[i].numpy(), rtol=1e-7 if i == narrow else 1e-13)


NUMBERS = [
    0.5,
    -3.0,
    0.0,
    -0.0,
    1.01,
    float("inf"),
    float("-inf"),
    float("nan"),
    1e300,
    -1e300,
    1e-300,
    1e-46,
    7e4,
    True,
    3,
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("record", [r for r in BINARY if r.kind == "elementwise"], ids=lambda record: record.name)
def test_a_number_gives_what_numpy_s_arithmetic_with_it_gives_to_the_bit(record: Op, dtype: str) -> None:
    values = np.array([0.5, -2.0, 0.0, -0.0, 1.5, 3.0]).astype(dtype)
    x = ts.tensor(values, requires_grad=record.vjp is not None)
    xp = namespace_of(values)
    for number in NUMBERS:
        for given in (number, np.dtype(dtype).type(number)):
            plain = given.item() if isinstance(given, np.generic) else given
            for pair, raw in (((x, given), (values, plain)), ((given, x), (plain, values))):
                try:
                    wanted = record.forward(xp, *raw)
                except (TypeError, ValueError, OverflowError) as error:
                    with pytest.raises(type(error)):
                        FUNCTIONS[record.name](*pair)
                    continue
                found = FUNCTIONS[record.name](*pair).numpy()
                assert found.dtype == wanted.dtype
                np.testing.assert_array_equal(found, wanted)
                np.testing.assert_array_equal(np.signbit(found), np.signbit(wanted))


@pytest.mark.parametrize("reflected", [False, True], ids=["right", "left"])
@pytest.mark.parametrize("record", [r for r in DIFFERENTIABLE if r.kind == "elementwise"], ids=lambda r: r.name)
def test_the_gradient_beside_a_number_is_the_one_that_can_be_differentiated_again(record: Op, reflected: bool) -> None:
    x = ts.tensor(np.linspace(0.6, 3.0, 5, dtype=np.float32), requires_grad=True)
    for number in (0.5, 2.25, 1):
        pair = (number, x) if reflected else (x, number)
        y = FUNCTIONS[record.name](*pair)
        slopes = [ts.grad(y.sum(), x, create_graph=again, retain_graph=True) for again in (False, True)]
        assert slopes[0].dtype == np.float32
        np.testing.assert_allclose(slopes[0].numpy(), slopes[1].detach().numpy(), rtol=1e-6)


WHOLE = ["bool", "int8", "uint8", "int16", "int32", "int64", "uint64"]
SCALARS = [np.bool, np.int8, np.uint8, np.int64, np.uint64, np.float16, np.float32, np.float64, np.complex64]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("scalar", SCALARS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("dtype", WHOLE)
def test_beside_whole_numbers_a_numpy_number_keeps_its_type_as_in_numpy(dtype: str, scalar: type) -> None:
    """An int8 beside an int64 would overflow, and a mask beside a float32 become a float64."""
    values, number = np.array([100, 1, 0, 3]).astype(dtype), scalar(100)
    x = ts.tensor(values)
    names = [record.name for record in BINARY if record.kind == "elementwise" and hasattr(np, record.name)]
    calls = [(ours, getattr(np, name)) for name in names for ours in (FUNCTIONS[name], getattr(np, name))]
    chosen = np.array([True, False, True, False])
    calls.append((partial(ts.where, chosen), partial(np.where, chosen)))
    calls += [(ours, np.clip) for ours in (ts.clip, np.clip)]
    calls += [(lambda x, high: ts.clip(x, None, high), lambda x, high: np.clip(x, None, high))]
    for ours, theirs in calls:
        for (a, b), raw in (((x, number), (values, number)), ((number, x), (number, values))):
            try:
                wanted = theirs(*raw)
            except TypeError:
                continue
            found = ours(a, b)
            assert found.dtype == wanted.dtype, ours
            np.testing.assert_array_equal(found.numpy(), wanted)
