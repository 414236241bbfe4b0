"""The ops, one family a file; importing this package registers them all."""

from tinyseq.autograd.ops import (
    arranging,
    creation,
    decompositions,
    elementwise,
    exponential,
    index,
    linalg,
    normal,
    products,
    questions,
    reduce,
    rounding,
    shape,
    stable,
    systems,
    trigonometric,
)

__all__ = [
    "arranging",
    "creation",
    "decompositions",
    "elementwise",
    "exponential",
    "index",
    "linalg",
    "normal",
    "products",
    "questions",
    "reduce",
    "rounding",
    "shape",
    "stable",
    "systems",
    "trigonometric",
]
