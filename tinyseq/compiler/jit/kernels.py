"""Kernels: how steps that are no loops are computed without NumPy."""

from typing import Any, Protocol

from tinyseq.compiler.jit.gathers import rows_of
from tinyseq.compiler.jit.products import product_of
from tinyseq.compiler.jit.sums import sums_of
from tinyseq.compiler.jit.tiles import tiled_of
from tinyseq.compiler.passes import lifetimes
from tinyseq.compiler.program import Program


class Kernel(Protocol):
    """A compiled function that computes a step, whole or some rows of it."""

    @property
    def rows(self) -> int:
        """The number of rows that threads can share; 1 if one thread must do all."""

    @property
    def axes(self) -> tuple[int | None, ...]:
        """For each operand and the result, the axis along which the rows lie; None if each part needs all of it."""

    @property
    def cost(self) -> float:
        """Roughly how many nanoseconds it takes; infinite if it uses threads of its own."""

    def compiled(self, rows: int) -> Any:
        """The compiled function for so many rows."""

    def numbers(self, rows: int, places: list[tuple[int, int]]) -> list[int]:
        """What it is called with, from the base and offset of the operands and the result."""


def kernels_of(program: Program) -> dict[int, Kernel]:
    """The kernels of the steps that have one, by the numbers of their results."""
    root, found = lifetimes(program).root, dict[int, Kernel]()
    for step in program.steps:
        kernel: Kernel | None = product_of(program, step, root) or tiled_of(program, step)
        kernel = kernel or rows_of(program, step) or sums_of(program, step)
        if kernel is not None:
            found[step.out] = kernel
    return found
