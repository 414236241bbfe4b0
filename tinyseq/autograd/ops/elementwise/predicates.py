"""Predicates and bitwise operators, whose results have no gradient."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyseq.autograd.declare import NONZERO, op
from tinyseq.backend import Namespace


def _question(
    name: str, forward: Callable[..., Any], operator: str = "", calls: str = "", doc: str = ""
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
    )


# -- comparisons -------------------------------------------------------------------------------------------------------

less = _question("less", lambda xp, x, y: x < y, "<")
less_equal = _question("less_equal", lambda xp, x, y: x <= y, "<=")
greater = _question("greater", lambda xp, x, y: x > y, ">")
greater_equal = _question("greater_equal", lambda xp, x, y: x >= y, ">=")
equal = _question("equal", lambda xp, x, y: x == y, "==")
not_equal = _question("not_equal", lambda xp, x, y: x != y, "!=")

# -- logic, of booleans and numbers ------------------------------------------------------------------------------------


def _truth(xp: Namespace, x: Any) -> Any:
    """Booleans; a number is true unless it is 0."""
    return x if getattr(x, "dtype", None) == xp.bool else x != 0


def _of_truths(join: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda xp, x, y: join(_truth(xp, x), _truth(xp, y))


logical_and = _question(
    "logical_and", _of_truths(lambda x, y: x & y), calls="boolean", doc="Whether both are true, or nonzero."
)
logical_or = _question(
    "logical_or",
    _of_truths(lambda x, y: x | y),
    calls="boolean",
    doc="Whether at least one of the two is true, or nonzero.",
)
logical_xor = _question(
    "logical_xor",
    _of_truths(lambda x, y: x ^ y),
    calls="boolean",
    doc="Whether exactly one of the two is true, or nonzero.",
)
logical_not = _question("logical_not", lambda xp, x: ~_truth(xp, x), calls="boolean", doc="Whether x is false, or 0.")
bitwise_and = _question(
    "bitwise_and", lambda xp, x, y: x & y, "&", "whole", "``x & y``, bit by bit, of booleans or whole numbers."
)
bitwise_or = _question(
    "bitwise_or", lambda xp, x, y: x | y, "|", "whole", "``x | y``, bit by bit, of booleans or whole numbers."
)
bitwise_xor = _question(
    "bitwise_xor", lambda xp, x, y: x ^ y, "^", "whole", "``x ^ y``, bit by bit, of booleans or whole numbers."
)
invert = _question(
    "invert", lambda xp, x: ~x, "~x", "whole", "``~x``, with every bit inverted, of booleans or whole numbers."
)

# -- kinds of numbers --------------------------------------------------------------------------------------------------

isfinite = op("isfinite", "isfinite", analytic=False, reference=np.isfinite, doc="Whether x is a finite number.")
isnan = op("isnan", "isnan", analytic=False, reference=lambda x: x != x, doc="Whether x is NaN.")
isinf = op("isinf", "isinf", analytic=False, reference=lambda x: np.abs(x) == np.inf, doc="Whether x is infinite.")
signbit = op(
    "signbit",
    "signbit",
    domain=NONZERO,
    analytic=False,
    reference=lambda x: x < 0,
    doc="Whether the sign bit of x is set, as it is for -0.0.",
)
