"""Every op keeps the accuracy that its declaration promises, over the whole range of float32 and float64."""

import numpy as np
import pytest
from hypothesis import settings

import tinyseq as ts
from tinyseq.autograd.declare import FUNCTIONS, OPS, POSITIVE, Accuracy, op
from tinyseq.testing import ContractError
from tinyseq.testing.accuracy import PROMISED, check_accuracy, longer_than, measured

ENGINE = [op for op in OPS.values() if op.module.startswith("tinyseq.autograd.ops.")]
FUNCTIONS_OF_NUMBERS = [op for op in ENGINE if op.calls == "elementwise" and op.reference is not None]
TYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


@TYPES
@pytest.mark.parametrize("op", ENGINE, ids=lambda op: op.name)
def test_every_op_is_as_accurate_as_it_promises(op, dtype):
    """``python tools/fuzz_accuracy.py`` does the same with 100,000 numbers and prints the errors."""
    if not longer_than(dtype):
        pytest.skip(f"long doubles are no longer than {dtype} here")
    draws = max(20 * settings().max_examples, 500)
    found = check_accuracy(op, dtype, draws if op.calls == "elementwise" else draws // 8)
    assert found.draws or op.ulps.value == np.inf


def test_a_promise_for_part_of_the_range_or_of_many_units_says_why():
    for record in ENGINE:
        promise = record.ulps or PROMISED
        whole = promise._replace(value=5.0, gradient=6.0, why="") == PROMISED
        assert promise.why or (whole and promise.value <= 5 and promise.gradient <= 8), record.name


@TYPES
@pytest.mark.parametrize("op", FUNCTIONS_OF_NUMBERS, ids=lambda op: op.name)
def test_values_at_zero_infinity_and_nan_are_numpys_or_the_references(op, dtype):
    special = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan], dtype=dtype)
    grid = [part.reshape(-1) for part in np.meshgrid(*[special] * len(op.inputs))]
    with np.errstate(all="ignore"):
        found = FUNCTIONS[op.name](*grid).numpy()
        wanted = np.asarray(getattr(np, op.name, op.reference)(*grid))
    known = ~np.isnan(wanted.astype(float))  # a formula of the tests' may have no value where the op has one
    np.testing.assert_allclose(found[known], wanted[known].astype(found.dtype), rtol=1e-6, atol=np.finfo(dtype).eps)
    if hasattr(np, op.name):
        np.testing.assert_array_equal(np.isnan(found.astype(float)), ~known)
    elif op.name != "pow":  # which is 1 for NaN to the power of 0
        assert np.isnan(found[np.isnan(grid).any(axis=0)]).all()


@pytest.fixture
def declared():
    """Ops that are forgotten again after the test."""
    before = set(OPS)

    def declare(forward, vjp, saves, reference, **settings):
        return op(f"passing_{len(OPS)}", forward, vjp, saves, reference=reference, **settings).op

    yield declare
    for name in set(OPS) - before:
        del OPS[name], FUNCTIONS[name]


LOSSY = {
    "a sigmoid from tanh": (
        lambda xp, x: (1 + xp.tanh(x / 2)) / 2,
        lambda xp, g, y: g * y * (1 - y),
        "out",
        lambda x: 1 / (1 + np.exp(-x)),
        {},
        "value",
    ),
    "a slope 1 - y²": (
        lambda xp, x: xp.tanh(x),
        lambda xp, g, y: g * (1 - y * y),
        "out",
        np.tanh,
        {},
        "gradient",
    ),
    "a square that overflows": (
        lambda xp, x: 1 / x,
        lambda xp, g, x: -g / (x * x * x * x) * x * x,
        "x",
        np.reciprocal,
        {},
        "gradient",
    ),
    "a log of 1 + x": (lambda xp, x: xp.log(1 + x), lambda xp, g, x: g / (1 + x), "x", np.log1p, {}, "value"),
    "one per cent of one per cent": (
        lambda xp, x: xp.sqrt(x),
        lambda xp, g, y: g / (2.001 * y),
        "out",
        np.sqrt,
        {"domain": POSITIVE},
        "gradient",
    ),
}


@TYPES
@pytest.mark.parametrize("name", LOSSY)
def test_a_formula_that_loses_digits_is_refused(declared, name, dtype):
    forward, vjp, saves, reference, settings, what = LOSSY[name]
    if name == "a log of 1 + x":
        settings = {"ulps": Accuracy(low=-1.0)}
    record = declared(forward, vjp, saves, reference, **settings)
    if not longer_than(dtype):
        pytest.skip(f"long doubles are no longer than {dtype} here")
    with pytest.raises(ContractError, match=r"passing_\d+: a .* units in the last place of float"):
        check_accuracy(record, dtype)
    found = measured(record, dtype, 1000)
    assert getattr(found, what) > getattr(PROMISED, what)


def test_the_record_carries_the_promise():
    assert ts.tanh.op.ulps.cancels == "gradient"
    assert ts.sigmoid.op.ulps is None  # the default
