"""Execution of a program with NumPy, which writes to planned memory."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyseq.backend import Array
from tinyseq.compiler.memory.plan import POOL, Place, Plan
from tinyseq.compiler.passes import is_join, lifetimes, takes_buffer
from tinyseq.compiler.program import Program
from tinyseq.compiler.running import Memory, Pass, Runner, aligned, called
from tinyseq.compiler.steps import Ref, Step, taken


def _smaller(x: Array, y: Array, out: Array) -> None:
    np.minimum(x, y, out=out)


def _larger(x: Array, y: Array, out: Array) -> None:
    np.maximum(x, y, out=out)


# NumPy wants the ``out`` of these by keyword, which would be slower
_BY_PLACE: dict[Any, Callable[..., Any]] = {np.minimum: _smaller, np.maximum: _larger}


class Executor(Runner):
    """An executable program; see `executors.Executor`.

    Attributes:
        program: what it runs.
        plan: where its values are stored.
    """

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        lives = lifetimes(program)
        written = [step for step in program.steps if takes_buffer(program, step, lives)]
        joins = {step.out for step in written if is_join(program, step)}
        self.plan = Plan(program, program.halves, {step.out for step in written} - joins, joins, piecewise=True)
        late = {number for step in program.halves[1] for number in step.reads} | set(program.gradients)
        self.kept = [step.out for step in program.halves[0] if step.out in late and not self._in_memory(step.out)]
        views = [step.out for step in program.steps if step.view is not None and self._in_memory(step.out)]
        program.notes = lambda: self.plan.notes() | dict.fromkeys(views, "view taken once")

    def memory(self) -> Memory:
        """Both passes, with calls that are bound to memory of their own; one run at a time uses them."""
        block, values, there = aligned(self.plan.size), self.program.values, dict(self.program.constants)
        arrays = dict[tuple[Place, Any], Array]()  # one for all values at a place
        for number, place in self.plan.places.items():
            if self._in_memory(number):
                at = place, values[number].dtype
                arrays[at] = there[number] = arrays[at] if at in arrays else self.plan.array(*at, block)
        first, second = self.program.halves
        results = {*self.program.outputs, *self.kept, *(number for number, _ in self.program.guards)}
        passes = self._bound(first, results, there, block), self._bound(second, {*self.program.gradients}, there, block)
        return Memory(self.program.constants, passes)

    def _in_memory(self, number: int) -> bool:
        return self.plan.kind_of(number) == POOL

    def _bound(self, steps: list[Step], results: set[int], there: dict[int, Array], block: Array) -> Pass:
        """The calls of a pass, given the arrays that are known before."""
        calls, copies = Pass(), self.plan.copies
        last = {number: place for place, step in enumerate(steps) for number in (step.out, *step.reads)}
        over: dict[int, list[int]] = {}
        for step in steps:
            if not self._in_memory(step.out) and step.out not in results:
                over.setdefault(last[step.out], []).append(step.out)
        for at, step in enumerate(steps):
            if step.out in copies and len(copies[step.out]) < len(step.args[0]):  # the others lie there already
                for part, place in copies[step.out]:
                    to = self.plan.array(place, self.program.values[part].dtype, block)
                    calls.add(np.copyto, [to, there.get(part, Ref(part))])
            elif step.view is None or not self._in_memory(step.out):
                self._add(calls, step, there)
            if at in over:
                calls.add_release(over[at])
        return calls

    def _add(self, calls: Pass, step: Step, there: dict[int, Array]) -> None:
        args, settings = taken(step.args, there), taken(step.settings, there)
        if not self._in_memory(step.out):
            calls.add_late(called(step.function, args, settings, step.out, self.checks))
        elif isinstance(step.function, np.ufunc) and not settings:
            calls.add(_BY_PLACE.get(step.function, step.function), [*args, there[step.out]])
        else:
            calls.add(step.function, args, {**settings, "out": there[step.out]})
