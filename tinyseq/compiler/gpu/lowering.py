"""What the device runs of a program: without what the host computes, with small products inside of elementwise kernels.

Each pass is one function on the program; `lowered` runs them all.
"""

import math
import operator
from typing import Any, NamedTuple

import numpy as np

from tinyseq.backend import gathered
from tinyseq.compiler.formulas import CUDA, form_of
from tinyseq.compiler.fusion import (
    Able,
    Item,
    dot,
    elementwise,
    fuse,
    is_movable,
    lay_out_again,
    push_views,
    put_in_order,
)
from tinyseq.compiler.gpu.calls import can_be_captured, is_indexing
from tinyseq.compiler.passes import drop_dead, is_join, lifetimes, share_common
from tinyseq.compiler.plan import Plan
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Ref, Step, kind_of, mapped, refs

_SMALL_PRODUCT = 1 << 22  # multiplications
_FLOATS = (np.float32, np.float64)


class Unsupported(Exception):
    """A program that cannot run as a graph of kernels; it is replayed call by call."""


class Lowered(NamedTuple):
    """What `lowered` returns.

    Attributes:
        program: the steps that the device runs. Its inputs are those of the recording that it needs, and ``uploads``.
        host: steps that NumPy computes before each replay, since they depend only on the caller's arrays.
        uploads: their results, and arrays of the caller, that the device needs.
        bounds: shapes and the indices into them, checked before each replay, since the device does not check them.
        items: the steps and groups of each pass, in order.
        plan: where their results are stored.
    """

    program: Program
    host: list[Step]
    uploads: list[int]
    bounds: list[tuple[tuple[int, ...], Any]]
    items: tuple[list[Item], list[Item]]
    plan: Plan


def lowered(program: Program) -> Lowered:
    """What the device runs of a program, which stays unchanged.

    Raises:
        Unsupported: it cannot run as a graph.
    """
    if any(type(value) is not tuple and value.size == 0 for value in program.values.values()):
        raise Unsupported("an array without elements")
    program = program.copy()
    host, uploads = split_host(program)
    take_views(program)
    hold_constants(program)

    def able(step: Step) -> bool:
        return step.function is dot or form_of(program, step, CUDA) is not None

    push_views(program, able)
    multiply_in_kernels(program, able)
    push_views(program, able)
    copy_parts(program, able)
    share_common(program)
    drop_dead(program)
    items = fuse(program, able, least=0)
    put_in_order(program, items)
    kernels, joins = set[int](), set[int]()
    for step in program.steps:
        if is_product(program, step) or sum_axes(program, step) is not None:
            kernels.add(step.out)
        elif is_join(program, step):
            joins.add(step.out)
        elif not (elementwise(program, step, able, 0) or can_be_captured(step, program.values)):
            raise Unsupported(f"{step}: it cannot be captured")
    bounds = [bound_of(program, step, uploads) for step in program.steps if is_indexing(step)]
    if not {number for number, _ in program.guards} <= program.constants.keys():
        raise Unsupported("a condition that depends on values on the device")
    plan = Plan(program, items, kernels, joins, for_numpy=False)
    return Lowered(program, host, uploads, bounds, items, plan)


def split_host(program: Program) -> tuple[list[Step], list[int]]:
    """Remove the steps that depend only on the host's arrays.

    Returns:
        These steps, and the values on the host that the device needs, which become inputs.
    """
    there, host = set(program.host), list[Step]()

    def kept(step: Step) -> list[Step]:
        if there.isdisjoint(step.reads) or not there | program.constants.keys() >= set(step.reads):
            return [step]
        there.add(step.out)
        host.append(step)
        return []

    program.replace_steps(kept)
    program.guards = [(number, truth) for number, truth in program.guards if number not in there]
    needed = {*program.outputs, *program.gradients, *(number for step in program.steps for number in step.reads)}
    uploads = sorted(there & needed)
    program.inputs = [number for number in program.inputs if number in needed - there] + uploads
    return host, uploads


def bound_of(program: Program, step: Step, uploads: list[int]) -> tuple[tuple[int, ...], Any]:
    """The shape that a step indexes, and the index."""
    array, places = step.args[:2]
    known = {*uploads, *program.constants}
    if not all(ref.number in known for ref in refs(places)):
        raise Unsupported(f"{step}: an index that is computed on the device")
    shape = program.values[array.number].shape if type(array) is Ref else array.shape
    return step.args[2] if step.function.__name__ == "scattered" else shape, places


def take_views(program: Program) -> None:
    """Take views where NumPy copies what an index picks; all inputs are contiguous."""
    changed = set[int]()
    for number in (*program.inputs, *program.seeds, *program.constants):
        value = program.values[number]
        program.values[number] = kind_of(np.empty(value.shape, value.dtype))
        changed |= {number} if program.values[number] != value else set()

    def viewed(step: Step) -> list[Step]:
        if getattr(step.function, "function", None) is not gathered or type(step.args[0]) is not Ref:
            return [step]
        index = step.args[1] if type(step.args[1]) is tuple else (step.args[1],)
        if not all(part is None or part is Ellipsis or type(part) in (int, slice) for part in index):
            return [step]
        index = index if Ellipsis in index else (*index, ...)
        changed.add(step.out)
        program.values[step.out] = program.values[program.view(operator.getitem, step.args[0], index).out]
        return [Step(step.out, operator.getitem, (step.args[0], index), {}, view=step.args[0])]

    program.replace_steps(viewed)
    if changed:
        lay_out_again(program, changed)


def hold_constants(program: Program) -> None:
    """Let arrays among the arguments be constants of the program, and write those that are numbers in kernels."""

    def constant(array: Any) -> Ref:
        number = program.value(kind_of(np.empty(array.shape, array.dtype)))
        program.constants[number] = array
        return Ref(number)

    def number(part: Any) -> Any:
        value = program.constants.get(part.number) if type(part) is Ref else part
        return value[()] if isinstance(value, np.ndarray) and not value.ndim else part

    def held(step: Step) -> list[Step]:
        args = step.args
        if form_of(program, step, CUDA) is not None:
            args = tuple(map(number, args))
            args = args if any(type(arg) is Ref for arg in args) else step.args
        args, settings = (mapped(tree, np.ndarray, constant) for tree in (args, step.settings))
        return [step._replace(args=args, settings=settings)]

    program.replace_steps(held)


def multiply_in_kernels(program: Program, able: Able) -> None:
    """Let the kernels that read a small product compute it, element by element: a kernel of its own takes longer.

    Only if elementwise steps of the same pass alone read it, or views of it that together are no larger.
    """
    readers, backward = program.readers(), {step.out for step in program.halves[1]}
    wanted = program.wanted()

    def size_read(number: int, late: bool) -> float:
        """How many elements of a value elementwise steps read; infinite if others read it."""
        if number in wanted:
            return math.inf
        found: dict[int, float] = {}
        for step in readers.get(number, ()):
            if (step.out in backward) != late:
                return math.inf
            if elementwise(program, step, able):
                found[number] = program.values[number].size
            else:
                found[step.out] = size_read(step.out, late) if is_movable(step) else math.inf
        return sum(found.values())

    def multiplied(step: Step) -> list[Step]:
        if not is_product(program, step):
            return [step]
        shape = program.values[step.out].shape
        inner = program.values[step.reads[0]].shape[-1]
        small = len(shape) == 2 and math.prod(shape) * inner <= _SMALL_PRODUCT
        if not small or size_read(step.out, step.out in backward) > math.prod(shape):
            return [step]
        rows = program.view(operator.getitem, step.args[0], (slice(None), None))
        columns = program.view(np.transpose, step.args[1], (1, 0))
        spread = [program.view(np.broadcast_to, Ref(one.out), (*shape, inner)) for one in (rows, columns)]
        return [rows, columns, *spread, Step(step.out, dot, tuple([Ref(one.out) for one in spread]), {})]

    program.replace_steps(multiplied)


def copy_parts(program: Program, able: Able) -> None:
    """Let elementwise steps copy the parts of joins that no kernel makes: a loop writes what it copies to its place."""
    root, made = lifetimes(program).root, {step.out: step for step in program.steps}

    def is_made(number: int) -> bool:
        step = made.get(number)
        if step is None or root[number] != number:
            return False
        return elementwise(program, step, able) or is_product(program, step) or is_join(program, step)

    def copied(step: Step) -> list[Step]:
        if not is_join(program, step):
            return [step]
        steps, parts = list[Step](), list[Ref]()
        for part in step.args[0]:
            if not is_made(part.number):
                value = program.values[part.number]
                copy = program.value(kind_of(np.empty(value.shape, value.dtype)))
                steps.append(Step(copy, np.astype, (part, value.dtype), {}))
                part = Ref(copy)
            parts.append(part)
        return [*steps, step._replace(args=(parts,))]

    program.replace_steps(copied)


def is_product(program: Program, step: Step) -> bool:
    """Whether a step is a product that BLAS computes."""
    if step.function is not np.matmul or step.settings or [*map(type, step.args)] != [Ref, Ref]:
        return False
    kinds = {program.values[number].dtype for number in (*step.reads, step.out)}
    return len(kinds) == 1 and kinds <= {*map(np.dtype, _FLOATS)}


def sum_axes(program: Program, step: Step) -> list[int] | None:
    """The axes that a step adds up, the slowest in memory first; None if it is not a sum that kernels compute."""
    if step.function is not np.sum or type(step.args[0]) is not Ref or len(step.args) > 2:
        return None
    value, out = (program.values[number] for number in (step.reads[0], step.out))
    if step.settings.keys() - {"axis", "keepdims", "dtype"} or value.dtype != out.dtype or value.dtype not in _FLOATS:
        return None
    axis = step.settings.get("axis", step.args[1] if len(step.args) > 1 else None)
    axes = range(value.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return sorted({each % value.ndim for each in axes}, key=lambda each: -abs(value.strides[each]))
