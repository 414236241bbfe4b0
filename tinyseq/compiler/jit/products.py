"""Products of matrices that kernels leave to NumPy's BLAS."""

from collections.abc import Sequence
from math import inf, prod
from typing import Any, NamedTuple

import numpy as np

from tinyseq.compiler.jit import blas, cache
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Kind, Ref, Step


class Product(NamedTuple):
    """A product of two matrices, or of two stacks of them.

    Attributes:
        function: the address of BLAS's function.
        double: whether it is of float64.
        order: 1 if the first operand is stored column by column, plus 2 if the second is.
        sizes: rows, columns, and terms in each sum.
        stack: the number of matrices in each stack.
        leading: the elements from one row (or column) to the next, of the operands and the result.
        steps: the bytes from one matrix of the stack to the next.
        turned: whether the transposes are multiplied in reverse order, so that the result is stored column by column.
        axes: the axes of the operands and the result along which the result's rows in memory are split into parts.
    """

    function: int
    double: bool
    order: int
    sizes: tuple[int, int, int]
    stack: int
    leading: tuple[int, ...]
    steps: tuple[int, ...]
    turned: bool
    axes: tuple[int | None, ...]

    @property
    def rows(self) -> int:
        """The number of rows; 1 if they cannot be split."""
        return self.sizes[0] if self.axes[2] is not None else 1

    @property
    def cost(self) -> float:
        """About how many nanoseconds it takes; infinite if it should use all of BLAS's threads."""
        return 2e-2 * prod(self.sizes) if self.axes[2] is not None else inf

    def compiled(self, rows: int) -> Any:
        """The kernel, which calls BLAS."""
        return cache.from_runtime("product")

    def numbers(self, rows: int, places: list[tuple[int, int]]) -> list[int]:
        """The kernel's numbers, from the base and offset of the operands and the result."""
        if self.turned:
            places = [places[1], places[0], places[2]]
        rows = self.sizes[0] if self.axes[2] is None else rows
        found = [self.function, int(self.double), self.order, rows, *self.sizes[1:], self.stack]
        for (base, offset), leading, step in zip(places, self.leading, self.steps, strict=True):
            found += [base, offset, leading, step]
        return found


def product_of(program: Program, step: Step, root: dict[int, int]) -> Product | None:
    """How BLAS computes a step; None if it is not a product, or one that NumPy computes in another way."""
    if step.function is not np.matmul or step.settings or [type(arg) for arg in step.args] != [Ref, Ref]:
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


def _laid_out(values: Sequence[Kind], function: int, turned: bool) -> Product | None:
    """A product from the layouts of its operands and its result, if the result is stored row by row."""
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
    axes = (
        ((None, 1, 1) if turned else (0, None, 0))
        if values[2].ndim == values[0].ndim == values[1].ndim == 2
        else (None,) * 3
    )
    behind = [m * length * dtype.itemsize for length in leading]
    if not (order & 1 or steps[1]) and steps[0] == behind[0] and steps[2] == behind[2]:
        m, stack = m * stack, 1  # the rows of all matrices follow one another
    return Product(function, dtype == np.float64, order, (m, n, k), stack, tuple(leading), tuple(steps), turned, axes)
