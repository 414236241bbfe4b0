"""Execution of a program with NumPy, which writes to planned memory."""

import numpy as np

from tinyseq.backend import Array
from tinyseq.compiler.memory.plan import Plan
from tinyseq.compiler.passes import is_join, lifetimes, takes_buffer
from tinyseq.compiler.program import Program
from tinyseq.compiler.running import Known, Pass, Runner
from tinyseq.compiler.steps import Ref


class Executor(Runner):
    """An executable program; see `executors.Executor`."""

    def __init__(self, program: Program) -> None:
        lives = lifetimes(program)
        written = [step for step in program.steps if takes_buffer(program, step, lives)]
        joins = {step.out for step in written if is_join(program, step)}
        plan = Plan(program, program.halves, {step.out for step in written} - joins, joins, piecewise=True)
        super().__init__(program, plan)
        self.kept = self._not_in_memory({n for step in program.halves[1] for n in step.reads} | {*program.gradients})
        views = [step.out for step in program.steps if step.view is not None and self._in_memory(step.out)]
        program.notes = lambda: self.plan.notes() | dict.fromkeys(views, "view taken once")

    def _bound(self, half: int, there: Known, block: Array) -> Pass:
        program, calls, copies = self.program, Pass(), self.plan.copies
        steps = program.halves[half]
        results = {*program.outputs, *program.gradients, *self.kept, *(number for number, _ in program.guards)}
        last = {number: place for place, step in enumerate(steps) for number in (step.out, *step.reads)}
        over: dict[int, list[int]] = {}
        for step in steps:
            if not self._in_memory(step.out) and step.out not in results:
                over.setdefault(last[step.out], []).append(step.out)
        for at, step in enumerate(steps):
            if step.out in copies and len(copies[step.out]) < len(step.args[0]):  # the others lie there already
                for part, place in copies[step.out]:
                    to = self.plan.array(place, program.values[part].dtype, block)
                    calls.add(np.copyto, [to, there.get(part, Ref(part))])
            else:
                self._add(calls, step, there)
            if at in over:
                calls.add_release(over[at])
        return calls
