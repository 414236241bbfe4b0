"""Products with rows gathered from a small table: multiply the table first, then gather rows of the product.

The input of a character model is gathered from a table with one row for each character, so the same few rows occur
again and again: ``W @ table[ids].T`` is ``(table @ W.T)[ids].T``. In the backward pass, the gradients of equal
characters are added up before they are multiplied. With fewer rows than positions there is less to multiply.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinyseq.backend import Array, gathered, scattered
from tinyseq.compiler.fusion import lay_out_again
from tinyseq.compiler.jit.kernels import Kernel
from tinyseq.compiler.jit.loops import example
from tinyseq.compiler.jit.passes.joins import in_order
from tinyseq.compiler.jit.passes.rows import in_rows
from tinyseq.compiler.passes import lifetimes
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Ref, Step, blank, dense_kind, kind_of


def places_of(ids: Array, count: int) -> Array:
    """Row indices in the form that kernels take: int64, contiguous and not negative.

    Raises:
        IndexError: an index is out of range.
    """
    if ids.min() < -count or ids.max() >= count:
        raise IndexError(f"an index is out of range for {count} rows")
    return np.where(ids < 0, ids + count, ids).astype(np.int64, order="C")


def picked(table: Array, places: Array) -> Array:
    """Rows of a table (V, M), as columns: (T, M, B) for places (T, B), and (M, B) for places (B,)."""
    return table[places].swapaxes(-1, -2)


def summed(values: Array, places: Array, count: int) -> Array:
    """A table (V, M) of zeros, with each column of ``values`` (M, T B) added to the row that its place gives."""
    found = np.zeros((count, values.shape[0]), values.dtype)
    np.add.at(found, places.reshape(-1), values.T)
    return found


def named(table: Array, places: Array) -> Array:
    """The table, with zeros in rows that no place refers to: a count of 0 times inf would be NaN."""
    is_named = np.zeros((len(table), 1), bool)
    is_named[places] = True
    return np.where(is_named, table, np.zeros((), table.dtype))


def rows_of(program: Program, step: Step) -> Kernel | None:
    """How a kernel computes a step; None if the step neither gathers rows nor adds them up.

    Its numbers are the number of places, the length of a row, the number of rows in the table, and the values' strides
    in bytes from row to row and within a row. One thread adds up all rows: any may be added to.
    """
    if step.function not in (picked, summed):
        return None
    values, places, out = (program.values[number] for number in (*step.reads, step.out))
    axes: tuple[int | None, ...] = (None, None, None)
    if step.function is summed:
        source, count = _source(True, values.dtype, values.strides[0]), 1
        length, table, steps = out.shape[1], out.shape[0], values.strides[::-1]
    else:
        source, count = _source(False, values.dtype, values.strides[-1]), places.shape[0]
        length, table, steps = out.shape[-2], values.shape[0], values.strides
        axes = None, 0, 1 if out.ndim == 2 else 0
    each = places.size // count
    return Kernel(
        lambda rows: source,
        count,
        axes,
        0.2 * places.size * length,
        lambda rows: [rows * each, length, table, *steps],
    )


def _source(adds: bool, dtype: Any, across: int) -> str:
    """The source of a kernel that copies rows from the places, or adds rows at the places."""
    zero, side = example(dtype), dtype.itemsize
    place = f"load(pointer(places, I8), i) * {'length' if adds else 'args[3]'}"
    place = f"{place} * {side}" if adds else place
    element = "load(p, k)" if across == side else f"load(pointer(start + k * args[4], {zero}), 0)"
    cleared = [f"    for k in range(length * args[2]):\n        store(pointer(y, {zero}), k, {zero})"] if adds else []
    lines = [
        "def kernel(args, bases):",
        "    x, places, y = at(args, bases, 5), at(args, bases, 7), at(args, bases, 9)",
        "    length = args[1]",
        *cleared,
        "    for i in range(args[0]):",
        f"        start = x + {'i * args[3]' if adds else place}",
        f"        p = pointer(start, {zero})",
        f"        q = pointer(y + {place if adds else f'i * length * {side}'}, {zero})",
        "        for k in range(length):",
        f"            {'accumulate' if adds else 'store'}(q, k, {element})",
    ]
    return "\n".join(lines) + "\n"


class Gather(NamedTuple):
    """A step that gathers rows of a table, ``table[ids]``, (T, B, K) of (V, K).

    Attributes:
        table, places: its operands.
        rows: the shape, type and layout of its result.
        checks: the step that checks the indices, and makes the places.
    """

    table: Ref
    places: Ref
    rows: Array
    checks: Step


def multiply_tables(program: Program) -> None:
    """Multiply tables instead of the rows gathered from them, where that is less work."""
    rewritten = _Rewritten(program)
    forward = [new for step in program.steps[: program.forward] for new in rewritten.forward(step)]
    if not rewritten.changed:
        return
    backward = program.steps[program.forward :]
    for step in backward:
        rewritten.add_up(step)
    backward = [*rewritten.sums, *(new for step in backward for new in rewritten.backward(step))]
    program.forward, program.steps = len(forward), forward + in_order(backward)
    lay_out_again(program, rewritten.changed)


class _Rewritten:
    """The steps that replace others.

    Attributes:
        changed: results with another layout.
        sums: the steps of the backward pass that add up gradients.
    """

    def __init__(self, program: Program) -> None:
        self._program, self._values, self._root = program, program.values, lifetimes(program).root
        self._products = {step.out: step for step in program.steps if step.calls(np.matmul, Ref, Ref)}
        self._gathers: dict[int, Gather] = {}
        self._sums: dict[int, tuple[Step, Gather]] = {}  # by the value that owns the memory of the gradients
        self.changed = set[int]()
        self.sums: list[Step] = []

    def forward(self, step: Step) -> list[Step]:
        """``W @ table[ids].T`` becomes ``(table @ W.T)[ids].T``."""
        if step.calls(gathered, Ref, Ref):
            return self._gather(step)
        found = self._multiplied(step, lambda rows: rows.transpose(0, 2, 1))
        if found is None:
            return [step]
        out, turned = self._values[step.out], self._turned(step.args[0])
        table = self._made((found.checks.args[1], out.shape[1]), out.dtype)
        self._values[step.out] = in_rows(out)
        self.changed.add(step.out)
        product = Step(table, np.matmul, (found.table, Ref(turned.out)), {})
        return [turned, product, Step(step.out, picked, (Ref(table), found.places), {})]

    def _gather(self, step: Step) -> list[Step]:
        """Replace a step that gathers, and one that checks its places, if the table has at most half as many rows."""
        table, ids = (self._values[number] for number in step.reads)
        plain = table.dtype in (np.float32, np.float64) and ids.dtype.kind in "iu" and table.ndim == ids.ndim == 2
        if not (plain and table.size and 2 * table.shape[0] <= ids.size):
            return [step]
        checks = Step(self._made(ids.shape, np.int64), places_of, (step.args[1], table.shape[0]), {})
        self._gathers[step.out] = Gather(step.args[0], Ref(checks.out), blank(self._values[step.out]), checks)
        return [step, checks]

    def add_up(self, step: Step) -> None:
        """Add up the gradients that a step of the backward pass multiplies with gathered rows."""
        found = self._multiplied(step, lambda rows: rows.reshape(-1, rows.shape[2]))
        owner = self._root[step.reads[0]] if found is not None else -1
        if found is not None and owner not in self._sums and self._is_all(step.args[0]):
            gradients, count = self._values[step.args[0].number], found.checks.args[1]
            out = self._made((count, gradients.shape[0]), gradients.dtype)
            self.sums.append(Step(out, summed, (step.args[0], found.places, count), {}))
            self._sums[owner] = self.sums[-1], found

    def backward(self, step: Step) -> list[Step]:
        """The gradients of the matrix and the table, computed from sums where there are any."""
        return self._of_matrix(step) or self._of_table(step) or [step]

    def _of_matrix(self, step: Step) -> list[Step] | None:
        """``d @ table[ids]`` becomes ``sums.T @ table``."""
        found = self._multiplied(step, lambda rows: rows.reshape(-1, rows.shape[2]))
        sums = self._sums_of(step.args[0]) if found is not None else None
        if found is None or sums is None or sums[1] is not found:
            return None
        table, turned = self._values[found.table.number], self._turned(Ref(sums[0].out))
        used = Step(self._made(table.shape, table.dtype), named, (found.table, found.places), {})
        return [turned, used, step._replace(args=(Ref(turned.out), Ref(used.out)))]

    def _of_table(self, step: Step) -> list[Step] | None:
        """The columns of ``A @ d``, each added to the row that its place gives, become ``sums @ A.T``."""
        values = step.args[0] if step.calls(scattered, Ref, Ref) else None
        product = self._products.get(self._root[values.number]) if type(values) is Ref else None
        sums = self._sums_of(product.args[1]) if product is not None else None
        if values is None or product is None or sums is None:
            return None
        found, whole = sums[1], blank(self._values[product.out])
        same = step.args[1] == found.checks.args[0] and tuple(step.args[2]) == self._values[found.table.number].shape
        if not same or whole.ndim != 2 or self._values[product.args[0].number].ndim != 2:
            return None
        if self._values[values.number] != kind_of(whole.T.reshape(found.rows.shape)):
            return None
        turned = self._turned(product.args[0])
        return [turned, Step(step.out, np.matmul, (Ref(sums[0].out), Ref(turned.out)), {})]

    def _multiplied(self, step: Step, view: Callable[[Array], Array]) -> Gather | None:
        """The gathered rows that a matrix is multiplied with, seen through some view of all of them."""
        if not step.calls(np.matmul, Ref, Ref) or self._values[step.reads[0]].ndim != 2:
            return None
        found, x = self._gathers.get(self._root[step.reads[1]]), self._values[step.reads[1]]
        alike = found is not None and x == kind_of(view(found.rows)) and x.dtype == self._values[step.out].dtype
        return found if alike else None

    def _sums_of(self, d: Ref) -> tuple[Step, Gather] | None:
        """The summed rows of a matrix of gradients."""
        found = self._sums.get(self._root[d.number])
        same = found is not None and self._values[found[0].args[0].number] == self._values[d.number]
        return found if same else None

    def _is_all(self, ref: Ref) -> bool:
        """Whether a value fills all of the memory that it is stored in."""
        return bool(self._values[ref.number].size == self._values[self._root[ref.number]].size)

    def _turned(self, ref: Ref) -> Step:
        """A step that transposes a matrix."""
        return self._program.view(np.matrix_transpose, ref)

    def _made(self, shape: tuple[int, ...], dtype: Any) -> int:
        """A new value, without gaps."""
        return self._program.value(dense_kind(shape, dtype))
