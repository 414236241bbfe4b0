"""The ops, one family a file; importing this package registers them all."""

from tinyseq.autograd.ops import (
    arranging,
    creation,
    elementwise,
    exponential,
    index,
    linalg,
    products,
    questions,
    reduce,
    rounding,
    shape,
    stable,
    trigonometric,
)

__all__ = [
    "arranging",
    "creation",
    "elementwise",
    "exponential",
    "index",
    "linalg",
    "products",
    "questions",
    "reduce",
    "rounding",
    "shape",
    "stable",
    "trigonometric",
]
