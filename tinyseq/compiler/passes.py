"""Optimisation passes over a recorded program; each is one function, and none changes the results of a replay."""

from typing import Any, NamedTuple

import numpy as np

from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Ref, Step, key


def fold_constants(program: Program) -> None:
    """Constant folding: compute now whatever depends on no input."""

    known = program.constants

    def kept(step: Step) -> list[Step]:
        if known.keys() >= set(step.reads):
            known[step.out] = step.on(known)
            return []
        return [step]

    program.replace_steps(kept)


def share_common(program: Program) -> None:
    """Common subexpression elimination: compute the same function of the same values only once."""
    first: dict[Any, int] = {}
    same: dict[int, int] = {}

    def kept(step: Step) -> list[Step]:
        step = step.reading(same)
        found = first.setdefault((step.function, key(step.args), key(step.settings)), step.out)
        if found == step.out:
            return [step]
        same[step.out] = found
        return []

    program.replace_steps(kept)
    program.outputs = [same.get(number, number) for number in program.outputs]
    program.gradients = [same.get(number, number) for number in program.gradients]
    program.guards = list(dict.fromkeys((same.get(number, number), truth) for number, truth in program.guards))


def drop_dead(program: Program) -> None:
    """Dead code elimination: remove steps that no result needs."""
    live = program.wanted()
    needed: set[int] = set()
    for step in reversed(program.steps):
        if step.out in live:
            needed.add(step.out)
            live.update(step.reads)
    program.replace_steps(lambda step: [step] if step.out in needed else [])
    program.constants = {number: value for number, value in program.constants.items() if number in live}


class Lives(NamedTuple):
    """The lifetimes of values.

    Attributes:
        root: for each value the one that owns its memory: itself, unless it is a view.
        last: for each root, the last step that reads it or a view of it; for results, the number of steps.
        pinned: roots that several results of one step may be views of; their memory is left to Python.
    """

    root: dict[int, int]
    last: dict[int, int]
    pinned: set[int]


def lifetimes(program: Program) -> Lives:
    """Follow views to the memory that they use, and find the last use of each."""
    root = {number: number for number in [*program.inputs, *program.seeds, *program.constants]}
    last: dict[int, int] = {}
    pinned: set[int] = set()
    for place, step in enumerate(program.steps):
        root[step.out] = step.out
        for number in step.reads:
            last[root[number]] = place
            if type(program.values[step.out]) is tuple:
                pinned.add(root[number])
        if step.view is not None:
            root[step.out] = root[step.view.number]
        last.setdefault(root[step.out], place)
    for number in [*program.outputs, *program.gradients, *(number for number, _ in program.guards)]:
        last[root[number]] = len(program.steps)
    return Lives(root, last, pinned)


def given_values(program: Program) -> set[int]:
    """The values that a program is given, as weights are: inputs, constants, and views of them."""
    owners = {*program.inputs, *program.constants}
    return {number for number, owner in lifetimes(program).root.items() if owner in owners}


def takes_buffer(program: Program, step: Step, lives: Lives) -> bool:
    """Whether a step can write its result to a given array: universal functions and joins, with ``out=``."""
    value = program.values[step.out]
    if not (is_join(program, step) or isinstance(step.function, np.ufunc)) or type(value) is tuple:
        return False
    if not (value.ndim and value.size) or not step.settings.keys() <= {"axis"}:
        return False
    if lives.root[step.out] != step.out or step.out in lives.pinned:
        return False
    belongs_to_caller = lives.last[step.out] == len(program.steps)
    return not belongs_to_caller and value.order is not None


def is_join(program: Program, step: Step) -> bool:
    """Whether a step joins arrays of one type, so that its parts can be written directly into the result."""
    value = program.values[step.out]
    if step.function not in (np.concatenate, np.stack) or len(step.args) != 1 or type(value) is tuple:
        return False
    parts, axis = step.args[0], step.settings.get("axis", 0)
    if not isinstance(parts, list | tuple) or step.settings.keys() - {"axis"} or type(axis) is not int:
        return False
    kinds = [program.values[part.number] for part in parts if type(part) is Ref]
    alike = all(type(kind) is not tuple and kind.dtype == value.dtype for kind in kinds)
    return alike and len(kinds) == len(parts) and bool(value.size) and value.order is not None


def optimised(program: Program) -> Program:
    """Run the passes."""
    fold_constants(program)
    share_common(program)
    drop_dead(program)
    return program
