"""The ops, one file for each family; importing this package registers all of them."""

from tinyseq.autograd.declare import FUNCTIONS
from tinyseq.autograd.ops import creation, reduce, running, stable
from tinyseq.autograd.ops.elementwise import (
    activations,
    arithmetic,
    choice,
    exponential,
    normal,
    predicates,
    rounding,
    trigonometric,
)
from tinyseq.autograd.ops.matrices import decompositions, matmul, products, systems
from tinyseq.autograd.ops.moves import arranging, index, padding, parts, shape, stacking

__all__ = [
    "activations",
    "arithmetic",
    "arranging",
    "choice",
    "creation",
    "decompositions",
    "exponential",
    "index",
    "matmul",
    "normal",
    "padding",
    "parts",
    "predicates",
    "products",
    "reduce",
    "rounding",
    "running",
    "shape",
    "stable",
    "stacking",
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
