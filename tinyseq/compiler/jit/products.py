"""Products of matrices that kernels leave to NumPy's BLAS."""

from collections.abc import Sequence
from math import inf

import numpy as np

from tinyseq.compiler.jit import blas
from tinyseq.compiler.jit.kernels import Kernel
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Kind, Ref, Step


def product_of(program: Program, step: Step, root: dict[int, int]) -> Kernel | None:
    """How BLAS computes a step; None if it is not a product, or one that NumPy computes in another way."""
    if not step.calls(np.matmul, Ref, Ref):
        return None
    values = [*(program.values[arg.number] for arg in step.args), program.values[step.out]]
    dtype = values[2].dtype
    if {value.dtype for value in values} != {dtype} or dtype not in (np.float32, np.float64) or not values[2].size:
        return None
    if any(not 2 <= value.ndim <= 3 for value in values) or len({root[number] for number in step.reads}) < 2:
        return None  # NumPy knows that A A^T is symmetric
    function = blas.gemm(dtype.name)
    if min(*values[2].shape[-2:], values[0].shape[-1]) < 2 or function is None:
        return None  # NumPy handles products with a vector
    found = _laid_out(values, function, False)
    return found or _laid_out([_transposed(values[place]) for place in (1, 0, 2)], function, True)


def _transposed(value: Kind) -> Kind:
    *outer, m, n = value.shape
    *steps, one, other = value.strides
    return Kind((*outer, n, m), value.dtype, (*steps, other, one))


def _laid_out(values: Sequence[Kind], function: int, turned: bool) -> Kernel | None:
    """A product from the layouts of its operands and its result, if the result is stored row by row.

    If it is not split into parts, it may use all of BLAS's threads. Its numbers are BLAS's function; whether it is of
    float64; the order: 1 if the first operand is stored column by column, plus 2 if the second is, plus 4 if the
    transposes are multiplied, so that the operands are swapped; rows, columns and terms; the number of matrices in each
    stack; the elements from one row (or column) to the next; and the bytes from one matrix of the stack to the next.
    """
    (m, n), k, dtype = values[2].shape[-2:], values[0].shape[-1], values[2].dtype
    order, leading, steps = 0, list[int](), list[int]()
    for bit, value in enumerate(values):
        rows, columns = (stride // dtype.itemsize for stride in value.strides[-2:])
        exact = all(stride % dtype.itemsize == 0 for stride in value.strides)
        if exact and columns == 1 and rows >= value.shape[-1]:
            leading.append(rows)
        elif exact and rows == 1 and columns >= value.shape[-2] and bit < 2:
            leading.append(columns)
            order |= 1 << bit
        else:
            return None
        steps.append(value.strides[0] if value.ndim == 3 and value.shape[0] > 1 else 0)
    stack = values[2].shape[0] if values[2].ndim == 3 else 1
    plain = values[2].ndim == values[0].ndim == values[1].ndim == 2
    axes = (None,) * 3 if not plain else (None, 1, 1) if turned else (0, None, 0)
    behind = [m * length * dtype.itemsize for length in leading]
    if not (order & 1 or steps[1]) and steps[0] == behind[0] and steps[2] == behind[2]:
        m, stack = m * stack, 1  # the rows of all matrices follow one another
    double, order = int(dtype == np.float64), order | 4 * turned

    def numbers(rows: int) -> list[int]:
        return [function, double, order, rows if plain else m, n, k, stack, *leading, *steps]

    return Kernel(None, m if plain else 1, axes, 2e-2 * m * n * k if plain else inf, numbers)
