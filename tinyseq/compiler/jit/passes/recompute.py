"""Values that the backward pass recomputes, so that fewer are kept: cheap functions of one expensive value."""

import numpy as np

from tinyseq.compiler.fusion import Able, elementwise
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Step

_COSTLY = (np.exp, np.tanh)
_CHEAP = (np.add, np.subtract, np.multiply, np.divide, np.square, np.negative)


def keep_less(program: Program, able: Able) -> None:
    """Keep one value for the backward pass instead of several that follow from it.

    A sigmoid is e / (1 + e), and its slope is that divided by 1 + e again, so only e is kept. Each step that reads one
    of them recomputes it, in its own loop.
    """
    backward, readers = program.halves[1], program.readers(program.forward)
    again: dict[int, list[Step]] = {}
    wanted = program.wanted()
    for source, family in _families(program, able).items():
        kept = [step.out for step in family if step.out in readers]
        shape = program.values[source].shape
        in_loops = all(_is_over(program, shape, reader, able) for number in kept for reader in readers[number])
        if len(kept) + (source in readers) > 1 and in_loops and wanted.isdisjoint(kept):
            again |= dict.fromkeys(kept, family)
    new: list[Step] = []
    for step in backward:
        changes: dict[int, int] = {}
        for number in again.keys() & step.reads:
            new += _computed_again(program, again[number], number)
            changes[number] = new[-1].out
        new.append(step.reading(changes))
    program.steps[program.forward :] = new


def _families(program: Program, able: Able) -> dict[int, list[Step]]:
    """For each expensive value of the forward pass, the steps that compute a value of the same shape from it alone."""
    source: dict[int, int] = {}
    found: dict[int, list[Step]] = {}
    for step in program.steps[: program.forward]:
        sources = {source.get(number, -1) for number in step.reads}
        if step.function in _COSTLY and elementwise(program, step, able):
            source[step.out], found[step.out] = step.out, []
        elif step.function in _CHEAP and len(sources) == 1 and -1 not in sources:
            one = sources.pop()
            if _is_over(program, program.values[one].shape, step, able):
                source[step.out] = one
                found[one].append(step)
    return found


def _is_over(program: Program, shape: tuple[int, ...], step: Step, able: Able) -> bool:
    """Whether a loop over a shape can compute a step."""
    return elementwise(program, step, able) and program.values[step.out].shape == shape


def _computed_again(program: Program, family: list[Step], number: int) -> list[Step]:
    """The steps of a family that lead to a value, with results of their own; the last is the value."""
    needed = {number}
    for step in reversed(family):
        needed |= set(step.reads) if step.out in needed else set()
    copies: dict[int, int] = {}
    steps = list[Step]()
    for step in family:
        if step.out in needed:
            steps.append(step.reading(copies)._replace(out=program.value(program.values[step.out])))
            copies[step.out] = steps[-1].out
    return steps
