"""Products of a recurrence, tile by tile in registers: one matrix is used at every step, and packed only once.

A general product packs its operands at every call. Here the weights are packed when a pass begins, so that each step
does nothing but multiply. A tile of the result, a few rows of one panel of columns, stays in registers while its sums
accumulate (Goto and van de Geijn, 2008).
"""

import functools
import operator
from collections import Counter
from typing import NamedTuple

import numpy as np

from tinyseq.backend import Array
from tinyseq.compiler.fusion import Item
from tinyseq.compiler.jit.kernels import Kernel
from tinyseq.compiler.jit.passes.gathers import picked
from tinyseq.compiler.jit.passes.rows import FEWEST, in_rows, is_product, is_stack
from tinyseq.compiler.passes import given_values
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Ref, Step, dense_kind

DEPTH = 256  # terms of a sum before the next tile: a panel with so many rows fits the L1 cache
LOWEST = 8  # rows: with fewer, reading the weights from memory takes longer than multiplying


class Machine(NamedTuple):
    """A processor's vector registers.

    Attributes:
        lanes: float32 numbers in a vector.
        registers: the number of vectors.
    """

    lanes: int
    registers: int

    def panel(self, columns: int) -> int:
        """The width of the panels that the columns can be split into: two vectors or one; 0 if neither fits."""
        return next((width for width in (2 * self.lanes, self.lanes) if columns % width == 0), 0)

    def rows(self, rows: int, panel: int) -> int:
        """The height of a tile: as many rows as the registers hold, with tiles of nearly equal height."""
        vectors = panel // self.lanes
        tiles = -(-rows // ((self.registers - vectors - 1) // vectors))
        return -(-rows // tiles)


@functools.cache
def machine() -> Machine | None:
    """This processor's vectors, if it has fused multiply-add on at least 8 numbers; otherwise None."""
    try:
        from llvmlite import binding
    except ImportError:  # it comes with Numba
        return None
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return Machine(16, 32)
    return Machine(8, 16) if features.get("avx2") and features.get("fma") else None


def panel_for(columns: int) -> int:
    """The width of the panels for a matrix that is multiplied again and again; 0 to leave it to BLAS."""
    found = machine()
    return 0 if found is None else found.panel(columns)


def packed_product(panels: Array, x: Array) -> Array:
    """The product of a matrix, packed as (M / width, K, width), and a matrix (K, N)."""
    count, terms, width = panels.shape
    return panels.transpose(0, 2, 1).reshape(count * width, terms) @ x


def tiled_of(program: Program, step: Step) -> Kernel | None:
    """How tiles compute a step; None if it is not a product with a packed matrix.

    The kernel computes the transpose, which has a row for each sequence. Its numbers are rows, columns and terms, and
    the bytes from one row of the first operand to the next, from one term to the next, and from row to row of the
    result.
    """
    found = machine()
    if step.function is not packed_product or found is None:
        return None
    panels, x, out = (program.values[number] for number in (*step.reads, step.out))
    columns, rows = out.shape
    _, terms, width = panels.shape
    return Kernel(
        lambda rows: kernel_source(found.rows(rows, width), width, found.lanes),
        rows,
        (None, 1, 1),
        2e-2 * rows * columns * terms,
        lambda rows: [rows, columns, terms, x.strides[1], x.strides[0], out.strides[1]],
    )


def kernel_source(tall: int, width: int, lanes: int) -> str:
    """The source of a kernel with tiles of ``tall`` rows or one fewer, and panels of some width."""
    low = max(tall - 1, 1)
    return f"""def kernel(args, bases):
    m, n, k = args[0], args[1], args[2]
    p, x, y = at(args, bases, 6), at(args, bases, 8), at(args, bases, 10)
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


def split_stacks(program: Program) -> set[int]:
    """Multiply step by step what is read step by step: ``(W @ x)[t]`` becomes ``W @ x[t]``.

    Returns:
        The products. Each should be computed just before it is read, while its result is in the cache.
    """
    fixed, wanted, readers = given_values(program), program.wanted(), program.readers()
    whole: dict[int, Step] = {}
    for step in program.halves[0]:
        slices = readers.get(step.out, [])
        able = (_could_be_split(program, step) and step.args[0].number in fixed) or step.function is picked
        able = able and step.out not in wanted
        if able and len(slices) >= FEWEST and all(_picks_one(one) for one in slices):
            whole[step.out] = step
    products = set[int]()

    def split(step: Step) -> list[Step]:
        product = whole.get(step.args[0].number) if _picks_one(step) else None
        if product is None:
            return [] if step.out in whole else [step]
        weight, x = product.args
        one = program.view(operator.getitem, x, step.args[1])
        products.add(step.out)
        return [one, Step(step.out, product.function, (weight, Ref(one.out)), {})]

    program.replace_steps(split)
    return products


def _could_be_split(program: Program, step: Step) -> bool:
    if not is_stack(program, step):
        return False
    (columns, _), (_, _, rows) = (program.values[number].shape for number in step.reads)
    plain = all(program.values[number].dtype == np.float32 for number in (*step.reads, step.out))
    value = program.values[step.out]
    return plain and in_rows(value) == value and rows >= LOWEST and panel_for(columns) > 0


def _picks_one(step: Step) -> bool:
    """Whether a step picks one array along the first axis of another."""
    if step.function is not operator.getitem or type(step.args[0]) is not Ref:
        return False
    index = step.args[1]
    return type(index) is int or (type(index) is tuple and [*map(type, index)] == [int, type(Ellipsis)])


def sunk(items: list[Item], products: set[int]) -> list[Item]:
    """The items, with some products moved to just before their readers."""
    found, waiting = list[Item](), dict[int, Step]()
    for item in items:
        if isinstance(item, Step) and item.out in products:
            waiting[item.out] = item
            continue
        for number in item.reads:
            if number in waiting:
                found.append(waiting.pop(number))
        found.append(item)
    return [*found, *waiting.values()]


def pack_weights(program: Program) -> None:
    """Pack, once in each pass, the matrices that are multiplied again and again with results in rows."""
    fixed, late = given_values(program), {step.out for step in program.halves[1]}
    weights = {s.out: s.args[0] for s in program.steps if _could_be_tiled(program, s) and s.args[0].number in fixed}
    uses = Counter((number in late, weight) for number, weight in weights.items())
    packed: dict[tuple[bool, Ref], Ref] = {}

    def rewritten(step: Step) -> list[Step]:
        weight, half = weights.get(step.out), step.out in late
        if weight is None or uses[half, weight] < FEWEST:
            return [step]
        packing = [] if (half, weight) in packed else _packing(program, weight)
        if packing:
            packed[half, weight] = Ref(packing[-1].out)
        return [*packing, Step(step.out, packed_product, (packed[half, weight], step.args[1]), {})]

    program.replace_steps(rewritten)


def _could_be_tiled(program: Program, step: Step) -> bool:
    if not is_product(program, step):
        return False
    values = [program.values[number] for number in (*step.reads, step.out)]
    plain = all(value.dtype == np.float32 and all(s % 4 == 0 for s in value.strides) for value in values)
    return plain and in_rows(values[2]) == values[2] and panel_for(values[0].shape[0]) > 0


def _packing(program: Program, weight: Ref) -> list[Step]:
    """The steps that pack a matrix (M, K) as (M / width, K, width)."""
    value = program.values[weight.number]
    m, k = value.shape
    width = panel_for(m)
    cut = program.view(np.reshape, weight, (m // width, width, k))
    turned = program.view(np.transpose, Ref(cut.out), (0, 2, 1))
    packed = program.value(dense_kind((m // width, k, width), value.dtype))
    return [cut, turned, Step(packed, np.astype, (Ref(turned.out), value.dtype), {})]
