"""Products of a recurrence, tile by tile in registers: one matrix multiplies at each step, and is packed for it once.

A general product packs its operands at every call. Here the weights are packed when a pass begins, so that at each step
the processor does nothing but multiply. A tile of the result, of a few rows and one panel of columns, stays in
registers while its sums grow (Goto and van de Geijn, 2008).
"""

from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from tinyseq.backend import Array
from tinyseq.compiler.jit import blas
from tinyseq.compiler.jit.rows import FEWEST, in_rows, is_product
from tinyseq.compiler.passes import lifetimes
from tinyseq.compiler.program import Program, Ref, Step, blank, kind_of

DEPTH = 256  # terms of a sum before the next tile: a panel of so many rows fits the first cache
BY_SEVERAL = 16_000_000  # operations from which on several threads are faster than one that packs nothing


class Machine(NamedTuple):
    """What a processor's vectors hold.

    Attributes:
        lanes: float32 numbers in a vector.
        registers: the number of vectors.
    """

    lanes: int
    registers: int

    def panel(self, columns: int) -> int:
        """The width of the panels that a number of columns can be cut into: two vectors or one; 0 if there is none."""
        return next((width for width in (2 * self.lanes, self.lanes) if columns % width == 0), 0)

    def rows(self, rows: int, panel: int) -> int:
        """The rows of a tile: as many as registers hold, in tiles of nearly equal height."""
        vectors = panel // self.lanes
        tiles = -(-rows // ((self.registers - vectors - 1) // vectors))
        return -(-rows // tiles)


@cache
def machine() -> Machine | None:
    """This processor, if it multiplies and adds in one instruction on vectors of at least 8 numbers."""
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return Machine(16, 32)
    return Machine(8, 16) if features.get("avx2") and features.get("fma") else None


def panel_for(rows: int, columns: int, terms: int) -> int:
    """The width of panels to pack a matrix into that is multiplied again and again; 0 to leave it to BLAS."""
    found = machine()
    if found is None or (blas.threads() > 1 and 2 * rows * columns * terms >= BY_SEVERAL):
        return 0
    return found.panel(columns)


def packed_product(panels: Array, x: Array) -> Array:
    """The product of a matrix, packed as (M / width, K, width), and another (K, N)."""
    count, terms, width = panels.shape
    found: Array = panels.transpose(0, 2, 1).reshape(count * width, terms) @ x
    return found


class Tiled(NamedTuple):
    """A product with a packed matrix; it computes the transpose, whose rows are those of the batch.

    Attributes:
        source: of the kernel.
        sizes: rows, columns, and terms in each sum.
        steps: bytes from one row of the first operand to the next, from one term to the next, and from row to row of
            the result.
    """

    source: str
    sizes: tuple[int, int, int]
    steps: tuple[int, int, int]

    def numbers(self, places: list[tuple[int, int]]) -> list[int]:
        """The kernel's numbers, from the base and the offset of the panels, the other operand and the result."""
        return [*self.sizes, *self.steps, *(number for place in places for number in place)]


def tiled_of(program: Program, step: Step) -> Tiled | None:
    """How tiles compute a step; None if it is no product with a packed matrix."""
    if step.function is not packed_product:
        return None
    panels, x, out = (program.values[number] for number in (*step.reads(), step.out))
    columns, rows = out.shape
    made = machine()
    assert made is not None
    width = panels.shape[2]
    tall = made.rows(rows, width)
    source = kernel_source(tall, width, made.lanes)
    return Tiled(source, (rows, columns, panels.shape[1]), (x.strides[1], x.strides[0], out.strides[1]))


def kernel_source(tall: int, width: int, lanes: int) -> str:
    """The source of a kernel with tiles of ``tall`` rows or one less, and panels of a width."""
    low = max(tall - 1, 1)
    return f"""def kernel(args, bases):
    m, n, k = args[0], args[1], args[2]
    p, x, y = bases[args[6]] + args[7], bases[args[8]] + args[9], bases[args[10]] + args[11]
    full = m - (-m % {tall}) * {low}
    for start in range(0, k, {DEPTH}):
        terms = min(k - start, {DEPTH})
        for j in range(n // {width}):
            panel = p + {4 * width} * (j * k + start)
            row = 0
            while row < full:
                tile(x + row * args[3] + start * args[4], args[3], args[4], panel,
                     y + row * args[5] + j * {4 * width}, args[5], terms, start, {tall}, {width // lanes}, {lanes})
                row += {tall}
            while row < m:
                tile(x + row * args[3] + start * args[4], args[3], args[4], panel,
                     y + row * args[5] + j * {4 * width}, args[5], terms, start, {low}, {width // lanes}, {lanes})
                row += {low}
"""


def pack_weights(program: Program) -> None:
    """Pack, once in each pass, the matrices that are multiplied again and again with results in rows."""
    root, given = lifetimes(program).root, {*program.inputs, *program.constants}
    halves = program.steps[: program.forward], program.steps[program.forward :]
    found: list[list[Step]] = []
    for steps in halves:
        uses = Counter(
            step.args[0] for step in steps if _could_be_tiled(program, step) and root[step.args[0][0]] in given
        )
        packed: dict[Ref, Ref] = {}
        new: list[Step] = []
        for step in steps:
            weight = step.args[0] if _could_be_tiled(program, step) else None
            if weight is not None and uses[weight] >= FEWEST:
                if weight not in packed:
                    packing = _packing(program, weight, _width(program, step))
                    packed[weight] = Ref(packing[-1].out)
                    new += packing
                step = Step(step.out, packed_product, (packed[weight], step.args[1]), {})
            new.append(step)
        found.append(new)
    program.forward, program.steps = len(found[0]), found[0] + found[1]


def _could_be_tiled(program: Program, step: Step) -> bool:
    if not is_product(program, step):
        return False
    values = [program.values[number] for number in (*step.reads(), step.out)]
    plain = all(value.dtype == np.float32 and all(s % 4 == 0 for s in value.strides) for value in values)
    return plain and in_rows(values[2]) == values[2] and _width(program, step) > 0


def _width(program: Program, step: Step) -> int:
    (columns, terms), (_, rows) = (program.values[number].shape for number in step.reads())
    return panel_for(rows, columns, terms)


def _packing(program: Program, weight: Ref, width: int) -> list[Step]:
    """The steps that pack a matrix (M, K) as (M / width, K, width)."""
    value, steps = program.values[weight.number], list[Step]()
    m, k = value.shape

    def view(function: Callable[..., Any], ref: Ref, *args: Any) -> Ref:
        seen = kind_of(function(blank(program.values[ref.number]), *args))
        steps.append(Step(program.value(seen), function, (ref, *args), {}, view=ref))
        return Ref(steps[-1].out)

    cut = view(np.transpose, view(np.reshape, weight, (m // width, width, k)), (0, 2, 1))
    packed = program.value(kind_of(np.empty((m // width, k, width), value.dtype)))
    return [*steps, Step(packed, np.astype, (cut, value.dtype), {})]
