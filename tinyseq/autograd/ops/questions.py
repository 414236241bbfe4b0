"""Questions about numbers, answered with truth values, which have no gradient."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyseq.autograd.declare import NONZERO, op
from tinyseq.backend import Namespace

# -- comparisons -------------------------------------------------------------------------------------------------------

less = op("less", lambda xp, x, y: x < y, broadcasts=True, analytic=False, operator="<", reference=np.less)
less_equal = op(
    "less_equal", lambda xp, x, y: x <= y, broadcasts=True, analytic=False, operator="<=", reference=np.less_equal
)
greater = op("greater", lambda xp, x, y: x > y, broadcasts=True, analytic=False, operator=">", reference=np.greater)
greater_equal = op(
    "greater_equal", lambda xp, x, y: x >= y, broadcasts=True, analytic=False, operator=">=", reference=np.greater_equal
)
equal = op("equal", lambda xp, x, y: x == y, broadcasts=True, analytic=False, operator="==", reference=np.equal)
not_equal = op(
    "not_equal", lambda xp, x, y: x != y, broadcasts=True, analytic=False, operator="!=", reference=np.not_equal
)

# -- logic -------------------------------------------------------------------------------------------------------------


def _truth(xp: Namespace, x: Any) -> Any:
    """Truth values; of numbers, all but 0 are true."""
    return x if getattr(x, "dtype", None) == xp.bool else x != 0


def _of_truths(join: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda xp, x, y: join(_truth(xp, x), _truth(xp, y))


logical_and = op(
    "logical_and",
    _of_truths(lambda x, y: x & y),
    broadcasts=True,
    analytic=False,
    kind="elementwise",
    calls="boolean",
    reference=np.logical_and,
    doc="Whether both are true, or other than 0.",
)
logical_or = op(
    "logical_or",
    _of_truths(lambda x, y: x | y),
    broadcasts=True,
    analytic=False,
    kind="elementwise",
    calls="boolean",
    reference=np.logical_or,
    doc="Whether one of the two is true, or other than 0.",
)
logical_xor = op(
    "logical_xor",
    _of_truths(lambda x, y: x ^ y),
    broadcasts=True,
    analytic=False,
    kind="elementwise",
    calls="boolean",
    reference=np.logical_xor,
    doc="Whether one and only one of the two is true, or other than 0.",
)
logical_not = op(
    "logical_not",
    lambda xp, x: ~_truth(xp, x),
    analytic=False,
    kind="elementwise",
    calls="boolean",
    reference=np.logical_not,
    doc="Whether x is false, or 0.",
)
bitwise_and = op(
    "bitwise_and",
    lambda xp, x, y: x & y,
    broadcasts=True,
    analytic=False,
    operator="&",
    kind="elementwise",
    calls="whole",
    reference=np.bitwise_and,
    doc="``x & y``, bit by bit, of truth values and whole numbers.",
)
bitwise_or = op(
    "bitwise_or",
    lambda xp, x, y: x | y,
    broadcasts=True,
    analytic=False,
    operator="|",
    kind="elementwise",
    calls="whole",
    reference=np.bitwise_or,
    doc="``x | y``, bit by bit, of truth values and whole numbers.",
)
bitwise_xor = op(
    "bitwise_xor",
    lambda xp, x, y: x ^ y,
    broadcasts=True,
    analytic=False,
    operator="^",
    kind="elementwise",
    calls="whole",
    reference=np.bitwise_xor,
    doc="``x ^ y``, bit by bit, of truth values and whole numbers.",
)
invert = op(
    "invert",
    lambda xp, x: ~x,
    analytic=False,
    operator="~x",
    kind="elementwise",
    calls="whole",
    reference=np.invert,
    doc="``~x``, with every bit turned, of truth values and whole numbers.",
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
