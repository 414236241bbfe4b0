"""The ops, one family a file; importing this package registers them all."""

from tinyseq.autograd.declare import FUNCTIONS
from tinyseq.autograd.ops import (
    activations,
    arranging,
    creation,
    decompositions,
    elementwise,
    exponential,
    index,
    linalg,
    normal,
    padding,
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
    "activations",
    "arranging",
    "creation",
    "decompositions",
    "elementwise",
    "exponential",
    "index",
    "linalg",
    "normal",
    "padding",
    "products",
    "questions",
    "reduce",
    "rounding",
    "shape",
    "stable",
    "systems",
    "trigonometric",
]

# Under these names only rules look for a function, as the array standard calls it, or other parts of the package.
INTERNAL = {
    "concat",
    "cumulative_prod",
    "cumulative_sum",
    "getitem",
    "matrix_transpose",
    "permute_dims",
    "rint",
    "scattered",
    "softmax_cross_entropy",
}
PUBLIC = sorted(set(FUNCTIONS) - INTERNAL)  # what `import tinyseq` gives of all that is declared here
