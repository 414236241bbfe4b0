"""Kernels: how steps that are not loops are computed without NumPy."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tinyseq.compiler.jit import cache


class Kernel(NamedTuple):
    """A compiled function that computes a step, whole or some rows of it.

    Attributes:
        source: gives its source for a number of rows; None for `runtime.product`.
        rows: the number of rows that threads can share; 1 if one thread must do all.
        axes: for each operand and the result, the axis along which the rows lie; None if each part needs all of it.
        cost: roughly how many nanoseconds it takes; infinite if it uses threads of its own.
        numbers: gives its numbers for a number of rows. After them come the base and offset of each operand and of the
            result.
    """

    source: Callable[[int], str] | None
    rows: int
    axes: tuple[int | None, ...]
    cost: float
    numbers: Callable[[int], list[int]]

    def compiled(self, rows: int) -> Any:
        """The compiled function for so many rows."""
        return cache.from_runtime("product") if self.source is None else cache.kernel(self.source(rows))

    def given(self, rows: int, places: Sequence[tuple[int, int]]) -> list[int]:
        """All that it is called with, from the base and offset of the operands and the result."""
        return [*self.numbers(rows), *(number for place in places for number in place)]
