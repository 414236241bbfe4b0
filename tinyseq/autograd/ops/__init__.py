"""The ops, one family a file; importing this package registers them all."""

from tinyseq.autograd.ops import (
    creation,
    elementwise,
    exponential,
    index,
    linalg,
    questions,
    reduce,
    rounding,
    shape,
    stable,
    trigonometric,
)

__all__ = [
    "creation",
    "elementwise",
    "exponential",
    "index",
    "linalg",
    "questions",
    "reduce",
    "rounding",
    "shape",
    "stable",
    "trigonometric",
]
