"""A join whose operands are also in a longer join becomes a view of that one, so its operands are written only once."""

import operator
from typing import Any

import numpy as np

from tinyseq.compiler.jit.passes.rows import joins_columns
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Ref, Step, blank, kind_of


def share_joins(program: Program) -> None:
    """Multiply slices of one long join instead of short ones, in the backward pass.

    A recurrent network's weight gradient is a sum over time steps: a product of joined gradients and joined states. The
    order of the steps does not matter as long as both have the same. So if the gradients are joined for all steps,
    as the input's are, these products take slices of that join, and join the states in its order.
    """
    backward = program.steps[program.forward :]
    made = {step.out: step for step in backward}
    alone = program.read_once()
    long = [step for step in backward if _columns(program, step)]
    new: dict[int, Step] = {}
    for step in backward:
        found = _factors(step, made)
        if found is None or not all(_columns(program, join) for join in found):
            continue
        one, other = found
        widths = [[program.values[number].shape[1] for number in join.reads] for join in found]
        if widths[0] != widths[1] or not {one.out, other.out, step.reads[1]} <= alone or one.out in new:
            continue
        for whole in long:
            place = _slice(program, one, whole) if whole.out not in new and whole is not one else None
            if place is not None:
                index, turned = place
                program.values[one.out] = kind_of(blank(program.values[whole.out])[index])
                owner = Ref(whole.out)
                new[one.out] = Step(one.out, operator.getitem, (owner, index), {}, view=owner)
                new[other.out] = other._replace(args=(list(other.args[0])[::-1],)) if turned else other
                long = [join for join in long if join is not one]
                break
    program.steps[program.forward :] = in_order([new.get(step.out, step) for step in backward])


def _columns(program: Program, step: Step) -> bool:
    return joins_columns(step) and program.values[step.out].ndim == 2


def _factors(step: Step, made: dict[int, Step]) -> tuple[Step, Step] | None:
    """For a product of one step's result and another's transpose, these two steps."""
    if not step.calls(np.matmul, Ref, Ref):
        return None
    one, turned = (made.get(number) for number in step.reads)
    if one is None or turned is None or turned.function is not np.matrix_transpose:
        return None
    other = made.get(turned.reads[0])
    return None if other is None else (one, other)


def _slice(program: Program, part: Step, whole: Step) -> tuple[tuple[Any, ...], bool] | None:
    """Where a join's operands occur in another join, forward or reversed, with none between them."""
    mine, longer = part.reads, whole.reads
    for turned in (False, True):
        wanted = mine[::-1] if turned else mine
        start = longer.index(wanted[0]) if wanted[0] in longer else len(longer)
        if longer[start : start + len(wanted)] == wanted:
            widths = [program.values[number].shape[1] for number in longer]
            first, last = sum(widths[:start]), sum(widths[: start + len(wanted)])
            return (slice(None), slice(first, last)), turned
    return None


def in_order(steps: list[Step]) -> list[Step]:
    """The steps in their order, except that each comes after those whose results it reads."""
    missing = {step.out for step in steps}
    found: list[Step] = []
    while missing:
        waiting: list[Step] = []
        for step in steps:
            if missing.isdisjoint(step.reads):
                found.append(step)
                missing.remove(step.out)
            else:
                waiting.append(step)
        assert len(waiting) < len(steps), "a step reads its own result"
        steps = waiting
    return found
