"""Questions about numbers, answered with truth values, which have no gradient."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyseq.autograd.declare import NONZERO, op
from tinyseq.backend import Namespace


def _question(
    name: str, forward: Callable[..., Any], operator: str = "", calls: str = "", doc: str = ""
) -> Callable[..., Any]:
    """A question about one number or two that broadcast, under NumPy's name."""
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

# -- logic, of truth values and numbers --------------------------------------------------------------------------------


def _truth(xp: Namespace, x: Any) -> Any:
    """Truth values; of numbers, all but 0 are true."""
    return x if getattr(x, "dtype", None) == xp.bool else x != 0


def _of_truths(join: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda xp, x, y: join(_truth(xp, x), _truth(xp, y))


logical_and = _question(
    "logical_and", _of_truths(lambda x, y: x & y), calls="boolean", doc="Whether both are true, or other than 0."
)
logical_or = _question(
    "logical_or",
    _of_truths(lambda x, y: x | y),
    calls="boolean",
    doc="Whether one of the two is true, or other than 0.",
)
logical_xor = _question(
    "logical_xor",
    _of_truths(lambda x, y: x ^ y),
    calls="boolean",
    doc="Whether one and only one of the two is true, or other than 0.",
)
logical_not = _question("logical_not", lambda xp, x: ~_truth(xp, x), calls="boolean", doc="Whether x is false, or 0.")
bitwise_and = _question(
    "bitwise_and", lambda xp, x, y: x & y, "&", "whole", "``x & y``, bit by bit, of truth values and whole numbers."
)
bitwise_or = _question(
    "bitwise_or", lambda xp, x, y: x | y, "|", "whole", "``x | y``, bit by bit, of truth values and whole numbers."
)
bitwise_xor = _question(
    "bitwise_xor", lambda xp, x, y: x ^ y, "^", "whole", "``x ^ y``, bit by bit, of truth values and whole numbers."
)
invert = _question(
    "invert", lambda xp, x: ~x, "~x", "whole", "``~x``, with every bit turned, of truth values and whole numbers."
)

# -- kinds of numbers --------------------------------------------------------------------------------------------------

isfinite = op("isfinite", "isfinite", analytic=False, reference=np.isfinite, doc="Whether x is a finite number.")
isnan = op("isnan", "isnan", analytic=False, reference=lambda x: x != x, doc="Whether x is not a number.")
isinf = op("isinf", "isinf", analytic=False, reference=lambda x: np.abs(x) == np.inf, doc="Whether x is infinite.")
signbit = op(
    "signbit",
    "signbit",
    domain=NONZERO,
    analytic=False,
    reference=lambda x: x < 0,
    doc="Whether x has a minus sign, as -0.0 has.",
)
