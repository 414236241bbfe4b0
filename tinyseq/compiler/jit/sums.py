"""Sums over all axes but one, such as a bias's gradient over steps and sequences: rows are added up."""

from typing import Any, NamedTuple

import numpy as np

from tinyseq.backend.sums import sum_in_blocks
from tinyseq.compiler.jit import cache
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Ref, Step


class Sums(NamedTuple):
    """A kernel that adds up rows, one after another, in double precision.

    Attributes:
        dtype: of the numbers.
        rows: the length of a row, along which the work can be split.
        counts, steps: how many rows there are along two axes, and the bytes from one to the next.
        axes: the axes of the values and the result that rows lie along.
    """

    dtype: Any
    rows: int
    counts: tuple[int, ...]
    steps: tuple[int, ...]
    axes: tuple[int | None, ...]

    @property
    def cost(self) -> float:
        """Roughly how many nanoseconds it takes."""
        return 0.3 * self.rows * self.counts[0] * self.counts[1]

    def compiled(self, rows: int) -> Any:
        """The kernel."""
        return cache.kernel(_source(f"np.{self.dtype.name}(0)"))

    def numbers(self, rows: int, places: list[tuple[int, int]]) -> list[int]:
        """The kernel's numbers, from the base and offset of the values and the result."""
        return [rows, *self.counts, *self.steps, *(number for place in places for number in place)]


def sums_of(program: Program, step: Step) -> Sums | None:
    """How a kernel computes a step; None if it is not such a sum, or its rows are not contiguous."""
    if not is_sum(step) or [*map(type, step.args)] != [Ref] or step.settings.keys() != {"axis"}:
        return None
    value, axis = program.values[step.args[0].number], step.settings["axis"]
    if type(axis) is not tuple:
        return None
    over = {each % value.ndim for each in axis}
    kept = [each for each in range(value.ndim) if each not in over]
    if value.dtype not in (np.float32, np.float64) or not value.size or len(kept) != 1 or len(over) > 2:
        return None
    if value.strides[kept[0]] != value.dtype.itemsize:
        return None
    counts, steps = (
        [1] * (2 - len(over)) + [kind[each] for each in sorted(over)] for kind in (value.shape, value.strides)
    )
    return Sums(value.dtype, value.shape[kept[0]], tuple(counts), tuple(steps), (kept[0], 0))


def is_sum(step: Step) -> bool:
    """Whether a step sums along axes, with few terms or many."""
    return getattr(step.function, "function", step.function) in (np.sum, sum_in_blocks)


def _source(zero: str) -> str:
    """The source of the kernel, for a zero of some type."""
    return f"""def kernel(args, bases):
    y = pointer(bases[args[7]] + args[8], {zero})
    total = np.zeros(args[0], np.float64)
    for i in range(args[1]):
        for j in range(args[2]):
            x = pointer(bases[args[5]] + args[6] + i * args[3] + j * args[4], {zero})
            for k in range(args[0]):
                total[k] += load(x, k)
    for k in range(args[0]):
        store(y, k, {zero.replace("(0)", "(total[k])")})
"""
