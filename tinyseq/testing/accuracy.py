"""The errors of an op's values and gradients in units in the last place, over the whole range of a dtype.

The true value is that of the op's reference in long doubles. The true gradient is the reference's complex-step
derivative in long doubles; where there is none, as for functions with kinks, it is the op's own rule in long doubles,
which has 11 bits more than float64 (and 40 more than float32) and a range that no result exceeds. Where a platform's
long double has no more bits than float64, float64 cannot be measured.
"""

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tinyseq.autograd.declare import Accuracy, Op
from tinyseq.backend import NUMPY
from tinyseq.testing.calls import Call, examples_of
from tinyseq.testing.calls.values import domains_of
from tinyseq.testing.numerical import Values
from tinyseq.testing.properties import ContractError

LONG: Any = np.longdouble
STEP = LONG("1e-2000")  # of the complex step, small beside all float64 numbers; 0 where long doubles are float64
PROMISED = Accuracy()  # of an op without a promise of its own


class Errors(NamedTuple):
    """The largest errors found, in units in the last place.

    Attributes:
        value, gradient: of the value and of the gradients; NaN if there were none to compare.
        draws: the number of values drawn for each input.
        worst: the call with the largest error relative to the promise.
    """

    value: float
    gradient: float
    draws: int
    worst: Call | None


def longer_than(dtype: Any) -> bool:
    """Whether long doubles have more bits than a type."""
    return bool(np.finfo(LONG).nmant > np.finfo(dtype).nmant + 8)


def check_accuracy(op: Op, dtype: Any, draws: int = 1000, seed: int = 0) -> Errors:
    """The errors of an op on random inputs.

    Raises:
        ContractError: if an error is larger than the op's declaration promises.
    """
    promise = op.ulps or PROMISED
    found = measured(op, dtype, draws, seed)
    for what, error, most in (("value", found.value, promise.value), ("gradient", found.gradient, promise.gradient)):
        if error > most:
            raise ContractError(
                f"{op.name}: a {what} is {error:.3g} units in the last place of {np.dtype(dtype)} off; the "
                f"declaration promises at most {most:g}\ncalled with {found.worst}"
            )
    return found


def measured(op: Op, dtype: Any, draws: int, seed: int = 0) -> Errors:
    """The largest errors of an op on about this many numbers for each input, drawn over its whole range."""
    promise = op.ulps or PROMISED
    rng = np.random.default_rng(seed)
    most = {"value": float("nan"), "gradient": float("nan")}
    worst, worst_share, count = None, 0.0, 0
    for call in () if promise.value == np.inf else _calls(op, rng, np.dtype(dtype), draws):
        count += max((array.size for array in call.arrays), default=1)
        for what, error in _errors(op, call, rng, promise).items():
            most[what] = float(np.fmax(most[what], error))
            share = error / max(getattr(promise, what), 0.5)
            if share > worst_share:
                worst, worst_share = call, share
    return Errors(most["value"], most["gradient"], count, worst)


# -- draws -------------------------------------------------------------------------------------------------------------


def _calls(op: Op, rng: np.random.Generator, dtype: Any, draws: int) -> Iterator[Call]:
    """Calls of an op's family, with other values: one large call of an elementwise op, many small ones of others."""
    promise = op.ulps or PROMISED
    if op.calls == "elementwise":
        count = len(op.inputs)
        yield Call(tuple(_numbers(rng, op, i, count, (draws,), dtype, promise, None) for i in range(count)), {})
        return
    examples = examples_of(op, 40)
    drawn = 0
    while drawn < draws and examples:
        for call in examples:
            exponent = rng.uniform(-1, 1)
            arrays = tuple(
                _numbers(rng, op, i, len(call.arrays), a.shape, dtype, promise, exponent) if a.dtype.kind == "f" else a
                for i, a in enumerate(call.arrays)
            )
            drawn += max((a.size for a in arrays), default=1) or 1
            yield Call(arrays, call.attrs)
            if drawn >= draws:
                return


def _numbers(
    rng: np.random.Generator,
    op: Op,
    i: int,
    count: int,
    shape: tuple[int, ...],
    dtype: Any,
    promise: Accuracy,
    exponent: float | None,
) -> Values:
    """Normal numbers of the promised range: of every size, and half of them of ordinary size.

    With an ``exponent``, a share of the largest one, all of the numbers have about this size: in a sum over numbers of
    all sizes, only the largest would count.
    """
    info = np.finfo(dtype)
    domain = domains_of(op, count)[i]
    largest = promise.span * np.log(float(info.max)) * 0.999
    sizes = rng.uniform(-largest, largest, shape) if exponent is None else exponent * largest + rng.normal(0, 2, shape)
    every = np.exp(np.clip(sizes, -largest, largest)) * rng.choice([-1.0, 1.0], shape)
    ordinary = rng.uniform(-4, 4, shape) if exponent is None else every
    tails = rng.uniform(-1, 1, shape) * np.log(float(info.max)) if exponent is None else every
    numbers = np.choose(rng.integers(0, 4, shape), [every, every, ordinary, tails])
    if domain.low >= 0:
        numbers = np.abs(numbers)
    low, high = max(promise.low, float(info.min)), min(promise.high, float(info.max))
    inside = (numbers > low) & (numbers < high) & (np.abs(numbers) >= info.tiny)
    spare = rng.uniform(max(low, domain.low), min(high, domain.high), shape)
    return np.asarray(np.where(inside, numbers, spare)).astype(dtype)


# -- errors ------------------------------------------------------------------------------------------------------------


def _errors(op: Op, call: Call, rng: np.random.Generator, promise: Accuracy) -> dict[str, float]:
    """The largest error of the value and of the gradients of one call."""
    attrs = {**op.defaults, **call.attrs}
    long = tuple(a.astype(LONG) if a.dtype.kind == "f" else a for a in call.arrays)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, true = op.forward(NUMPY, *call.arrays, **attrs), _true(op, long, call.attrs)
        if not _longer(true, found):
            return {}
        size = _by(op, promise, "value", true, lambda absolute: _true(op, absolute, call.attrs), long, 1.0)
        values = zip(found, true, strict=True) if op.outputs else [(found, true)]
        errors = {"value": max((_ulps(np.asarray(f), np.asarray(t), size) for f, t in values), default=0.0)}
        if op.vjp is None or op.outputs or np.asarray(found).dtype.kind != "f":
            return errors
        g = np.asarray(rng.uniform(0.5, 1.5, np.shape(found)), dtype=np.asarray(found).dtype)
        errors["gradient"] = 0.0
        for i, array in enumerate(call.arrays):
            if array.dtype.kind == "f" and (op.variadic or op.rules[i] is not None):
                slope = _slope(op, i, call.arrays, found, g, attrs)
                exact = partial(_true_slope, op, i, g=g.astype(LONG), given=call.attrs, attrs=attrs)
                wanted = exact(long)
                size = _by(op, promise, "gradient", wanted, exact, long, float(np.max(g, initial=0.0)))
                errors["gradient"] = max(errors["gradient"], _ulps(slope, wanted, size))
    return errors


def _true(op: Op, long: tuple[Values, ...], given: dict[str, Any]) -> Any:
    """The value in long doubles."""
    if op.reference is None:
        return op.forward(NUMPY, *long, **{**op.defaults, **given})
    return op.reference(*long, **given)


def _by(
    op: Op,
    promise: Accuracy,
    what: str,
    true: Any,
    exact: Callable[[tuple[Values, ...]], Any],
    long: tuple[Values, ...],
    upstream: float,
) -> Any:
    """The number whose last place is the unit of an error, if it is larger than the true one: see `Accuracy`."""
    if promise.cancels == "terms":
        return np.abs(exact(tuple(np.abs(a) if a.dtype.kind == "f" else a for a in long)))
    if promise.cancels == "shares":
        return upstream
    if what not in promise.cancels:
        return 0.0
    if op.calls == "elementwise":
        return 1.0
    return np.max(np.abs(true), initial=1.0 if what == "value" else 0.0)


def _longer(true: Any, found: Any) -> bool:
    """Whether a reference has computed in long doubles, or in whole numbers."""
    pairs = zip(true, found, strict=True) if isinstance(found, list | tuple) else [(true, found)]
    kinds = [(np.asarray(t).dtype, np.asarray(f).dtype) for t, f in pairs]
    return all(f.kind != "f" or (t.kind == "f" and np.finfo(t).nmant > np.finfo(f).nmant) for t, f in kinds)


def _slope(op: Op, i: int, arrays: tuple[Values, ...], out: Any, g: Values, attrs: dict[str, Any]) -> Values:
    """The result of the rule of the i-th argument, not yet summed over broadcast axes."""
    out = np.asarray(out)
    return np.asarray(op.rules[i](NUMPY, g, *op.save(out, *arrays), **attrs))


def _true_slope(
    op: Op, i: int, long: tuple[Values, ...], *, g: Values, given: dict[str, Any], attrs: dict[str, Any]
) -> Values:
    """The same from the reference by the complex step, where it is analytic and works on single numbers."""
    true = _slope(op, i, long, op.forward(NUMPY, *long, **attrs), g, attrs)
    if op.calls != "elementwise" or not op.analytic or op.reference is None or STEP == 0:
        return true
    moved = [a + 1j * STEP if j == i else a for j, a in enumerate(long)]
    try:
        stepped = g * (np.asarray(op.reference(*moved, **given)).imag / STEP)
    except TypeError:  # a reference of real numbers
        return true
    return np.asarray(np.where(np.isfinite(stepped) & (np.abs(stepped) > 0), stepped, true))


def _ulps(found: Values, true: Values, least: Any) -> float:
    """The largest difference, in units in the last place of the true number, or of ``least`` if that is larger."""
    if found.dtype.kind != "f":
        return 0.0 if np.array_equal(found, true) else float("inf")
    if not found.size:
        return 0.0
    info = np.finfo(found.dtype)
    true = np.asarray(true, dtype=LONG)
    size = np.maximum(np.abs(true), least)
    unit = LONG(2) ** (np.floor(np.log2(np.maximum(size, LONG(info.tiny)))) - info.nmant)
    error = np.abs(found.astype(LONG) - true) / unit
    out_of_range = size >= LONG(info.max) / 2  # may round to infinity, or has
    too_small = np.abs(found.astype(LONG) - true) <= LONG(info.tiny)
    fine = (found == true) | (np.isnan(found) & np.isnan(true)) | out_of_range | too_small
    error = np.where(fine, 0, error)
    return float(np.max(np.where(np.isnan(error), np.inf, error)))
