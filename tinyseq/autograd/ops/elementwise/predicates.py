"""Predicates and bitwise operators, whose results have no gradient."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyseq.autograd.declare import NONZERO, op
from tinyseq.backend import Namespace


def _question(
    name: str,
    forward: Callable[..., Any],
    operator: str = "",
    calls: str = "",
    *,
    doc: str,
    example: tuple[str, str],
) -> Callable[..., Any]:
    """Declare a predicate of one argument, or of two that broadcast, under NumPy's name."""
    return op(
        name,
        forward,
        broadcasts=True,
        analytic=False,
        kind="elementwise",
        operator=operator,
        calls=calls,
        reference=getattr(np, name),
        doc=doc,
        example=example,
    )


# -- comparisons -------------------------------------------------------------------------------------------------------

less = _question(
    "less",
    lambda xp, x, y: x < y,
    "<",
    doc="Whether x is less than y: ``x < y``.",
    example=("ts.less(ts.tensor([1.0, 2.0]), 2.0).tolist()", "[True, False]"),
)
less_equal = _question(
    "less_equal",
    lambda xp, x, y: x <= y,
    "<=",
    doc="Whether x is at most y: ``x <= y``.",
    example=("ts.less_equal(ts.tensor([1.0, 2.0]), 2.0).tolist()", "[True, True]"),
)
greater = _question(
    "greater",
    lambda xp, x, y: x > y,
    ">",
    doc="Whether x is greater than y: ``x > y``.",
    example=("ts.greater(ts.tensor([1.0, 2.0]), 1.0).tolist()", "[False, True]"),
)
greater_equal = _question(
    "greater_equal",
    lambda xp, x, y: x >= y,
    ">=",
    doc="Whether x is at least y: ``x >= y``.",
    example=("ts.greater_equal(ts.tensor([1.0, 2.0]), 2.0).tolist()", "[False, True]"),
)
equal = _question(
    "equal",
    lambda xp, x, y: x == y,
    "==",
    doc="Whether x equals y: ``x == y``.",
    example=("ts.equal(ts.tensor([1.0, 2.0]), 2.0).tolist()", "[False, True]"),
)
not_equal = _question(
    "not_equal",
    lambda xp, x, y: x != y,
    "!=",
    doc="Whether x does not equal y: ``x != y``.",
    example=("ts.not_equal(ts.tensor([1.0, 2.0]), 2.0).tolist()", "[True, False]"),
)

# -- logic, of booleans and numbers ------------------------------------------------------------------------------------


def _truth(xp: Namespace, x: Any) -> Any:
    """Booleans; a number is true unless it is 0."""
    return x if getattr(x, "dtype", None) == xp.bool else x != 0


def _of_truths(join: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda xp, x, y: join(_truth(xp, x), _truth(xp, y))


logical_and = _question(
    "logical_and",
    _of_truths(lambda x, y: x & y),
    calls="boolean",
    doc="Whether both are true, or nonzero.",
    example=("ts.logical_and([True, True], [True, False]).tolist()", "[True, False]"),
)
logical_or = _question(
    "logical_or",
    _of_truths(lambda x, y: x | y),
    calls="boolean",
    doc="Whether at least one of the two is true, or nonzero.",
    example=("ts.logical_or([True, False], [False, False]).tolist()", "[True, False]"),
)
logical_xor = _question(
    "logical_xor",
    _of_truths(lambda x, y: x ^ y),
    calls="boolean",
    doc="Whether exactly one of the two is true, or nonzero.",
    example=("ts.logical_xor([True, True], [True, False]).tolist()", "[False, True]"),
)
logical_not = _question(
    "logical_not",
    lambda xp, x: ~_truth(xp, x),
    calls="boolean",
    doc="Whether x is false, or 0.",
    example=("ts.logical_not([True, False]).tolist()", "[False, True]"),
)
bitwise_and = _question(
    "bitwise_and",
    lambda xp, x, y: x & y,
    "&",
    "whole",
    doc="``x & y``, bit by bit, of booleans or whole numbers.",
    example=("ts.bitwise_and(6, 3)", "tensor(2)"),
)
bitwise_or = _question(
    "bitwise_or",
    lambda xp, x, y: x | y,
    "|",
    "whole",
    doc="``x | y``, bit by bit, of booleans or whole numbers.",
    example=("ts.bitwise_or(6, 3)", "tensor(7)"),
)
bitwise_xor = _question(
    "bitwise_xor",
    lambda xp, x, y: x ^ y,
    "^",
    "whole",
    doc="``x ^ y``, bit by bit, of booleans or whole numbers.",
    example=("ts.bitwise_xor(6, 3)", "tensor(5)"),
)
invert = _question(
    "invert",
    lambda xp, x: ~x,
    "~x",
    "whole",
    doc="``~x``, with every bit inverted, of booleans or whole numbers.",
    example=("ts.invert(5)", "tensor(-6)"),
)

# -- kinds of numbers --------------------------------------------------------------------------------------------------

isfinite = op(
    "isfinite",
    "isfinite",
    analytic=False,
    reference=np.isfinite,
    doc="Whether x is a finite number.",
    example=('ts.isfinite(ts.tensor([1.0, float("inf")])).tolist()', "[True, False]"),
)
isnan = op(
    "isnan",
    "isnan",
    analytic=False,
    reference=lambda x: x != x,
    doc="Whether x is NaN.",
    example=('ts.isnan(ts.tensor([1.0, float("nan")])).tolist()', "[False, True]"),
)
isinf = op(
    "isinf",
    "isinf",
    analytic=False,
    reference=lambda x: np.abs(x) == np.inf,
    doc="Whether x is infinite.",
    example=('ts.isinf(ts.tensor([1.0, float("inf")])).tolist()', "[False, True]"),
)
signbit = op(
    "signbit",
    "signbit",
    domain=NONZERO,
    analytic=False,
    reference=lambda x: x < 0,
    doc="Whether the sign bit of x is set, as it is for -0.0.",
    example=("ts.signbit(ts.tensor([1.0, -0.0])).tolist()", "[False, True]"),
)
