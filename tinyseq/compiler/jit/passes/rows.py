"""Products whose results are stored sequence by sequence: a layout that suits fast kernels and saves copies.

A recurrent network's states are columns (H, B), and NumPy stores the result of a product row by row: the numbers of one
unit, for the whole batch, are adjacent. The other order, with all numbers of one sequence adjacent, is just as good for
the recurrence, whatever the batch size, and consecutive steps then form one matrix without a copy: the products for all
steps at once become single ones.
"""

from collections import Counter

import numpy as np

from tinyseq.compiler.fusion import lay_out_again
from tinyseq.compiler.passes import given_values
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Kind, Ref, Step, dense_kind

FEWEST = 3  # products with one matrix; with fewer it is not treated as a recurrence


def lay_out_in_rows(program: Program) -> None:
    """Choose the layout of products in a recurrence, and of all that is computed from them."""
    fixed = given_values(program)
    left = Counter(step.args[0] for step in program.steps if is_product(program, step))
    recurrent = {ref for ref, count in left.items() if count >= FEWEST and ref.number in fixed}
    if not recurrent:
        return
    _stack_parts(program)
    changed = set[int]()

    def chosen(step: Step) -> Kind | None:
        """The products to store in rows: those of the recurrence, of their results, and for all steps at once."""
        value: Kind = program.values[step.out]
        if step.function is not np.matmul:
            return _as_operand(program, step, changed) or _as_most(program, step, changed)
        if is_product(program, step):
            turned = step.args[0] in recurrent or (step.args[1].number in changed and _in_rows(program, step.args[1]))
        else:
            turned = is_stack(program, step) and step.args[0].number in fixed and _in_rows(program, step.args[1])
        return in_rows(value) if turned else value

    lay_out_again(program, changed, chosen)


def _as_operand(program: Program, step: Step, changed: set[int]) -> Kind | None:
    """The kind of an elementwise result, laid out like its first operand with a new layout."""
    value = program.values[step.out]
    if not isinstance(step.function, np.ufunc) or type(value) is tuple or step.function.signature is not None:
        return None
    for number in step.reads:
        one = program.values[number]
        if number in changed and one.shape == value.shape and one.order is not None:
            return dense_kind(value.shape, value.dtype, one.order)
    return None


def _as_most(program: Program, step: Step, changed: set[int]) -> Kind | None:
    """The kind of matrices joined side by side, in rows if most of them are.

    The first state is often the caller's, and laid out differently: NumPy would adapt all the others to it.
    """
    if not joins_columns(step) or program.values[step.out].ndim != 2:
        return None
    turned = sum(n in changed and in_rows(program.values[n]) == program.values[n] for n in step.reads)
    return in_rows(program.values[step.out]) if 2 * turned > len(step.args[0]) else None


def joins_columns(step: Step) -> bool:
    """Whether a step joins matrices side by side."""
    plain = step.function is np.concatenate and len(step.args) == 1 and step.settings == {"axis": 1}
    return plain and all(type(part) is Ref for part in step.args[0])


def in_rows(value: Kind) -> Kind:
    """The same kind, with the numbers along the second-to-last axis adjacent."""
    *outer, m, n = range(value.ndim)
    return dense_kind(value.shape, value.dtype, (*outer, n, m))


def _in_rows(program: Program, ref: Ref) -> bool:
    value = program.values[ref.number]
    return bool(value.strides[-2] == value.dtype.itemsize)


def is_product(program: Program, step: Step) -> bool:
    """Whether a step is a product of two matrices, neither of which has a single row or column."""
    shapes = _shapes(program, step) if step.calls(np.matmul, Ref, Ref) else [()]
    return all(len(shape) == 2 and min(shape) > 1 for shape in shapes)


def is_stack(program: Program, step: Step) -> bool:
    """Whether a step multiplies a matrix with each of a stack of them."""
    return step.calls(np.matmul, Ref, Ref) and [*map(len, _shapes(program, step))] == [2, 3, 3]


def _shapes(program: Program, step: Step) -> list[tuple[int, ...]]:
    return [program.values[number].shape for number in (*step.reads, step.out)]


def _stack_parts(program: Program) -> None:
    """Stack arrays that are joined along the first axis and then given an axis of their own.

    With rows of the batch, a join is a copy; a stack needs none.
    """
    joins = {step.out: step for step in program.steps if step.function is np.concatenate}
    alone = program.read_once()

    def stacked(step: Step) -> list[Step]:
        join = joins.get(step.args[0].number) if step.function is np.reshape and type(step.args[0]) is Ref else None
        if join is None or join.out not in alone or join.settings.get("axis", 0) or not isinstance(join.args[0], tuple):
            return [step]
        parts = [program.values[number] for number in join.reads]
        shape = program.values[step.out].shape
        if shape != (len(join.args[0]), *parts[0].shape) or any(part.shape != shape[1:] for part in parts):
            return [step]
        return [Step(step.out, np.stack, (join.args[0],), {"axis": 0})]

    program.replace_steps(stacked)
