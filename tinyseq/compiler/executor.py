"""Execution of a program with NumPy, which writes to planned memory."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyseq.backend import Array
from tinyseq.compiler.planning import pieces, plan_memory
from tinyseq.compiler.program import Program
from tinyseq.compiler.running import Memory, Pass, Runner, aligned, called
from tinyseq.compiler.steps import Kind, Ref, Step, taken


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
        size: the bytes of planned memory.
    """

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._plan = plan_memory(program)
        self.size = self._plan.size
        self._views: dict[int, Step] = {}  # views of planned memory, which are taken once
        for step in program.steps:
            alone = step.view is not None and step.fixed and step.reads == (step.view.number,)
            if alone and step.out not in self._plan.offsets and self._in_memory(step.reads[0]):
                self._views[step.out] = step
        late = {number for step in program.halves[1] for number in step.reads} | set(program.gradients)
        self.kept = [step.out for step in program.halves[0] if step.out in late and not self._in_memory(step.out)]
        program.notes = lambda: self._plan.notes() | dict.fromkeys(self._views, "view taken once")

    def memory(self) -> Memory:
        """Both passes, with calls that are bound to memory of their own; one run at a time uses them."""
        block, made = aligned(self.size), dict[tuple[int, Kind], Array]()

        def array(offset: int, kind: Kind) -> Array:
            """The array of some kind at a place in memory."""
            if (offset, kind) not in made:
                made[offset, kind] = np.ndarray(kind.shape, kind.dtype, block, offset, kind.strides)
            return made[offset, kind]

        values, there = self.program.values, dict(self.program.constants)
        there |= {number: array(offset, values[number]) for number, offset in self._plan.offsets.items()}
        for number, step in self._views.items():
            there[number] = step.on(there)
        first, second = self.program.halves
        results = {*self.program.outputs, *self.kept, *(number for number, _ in self.program.guards)}
        gradients = {*self.program.gradients}
        passes = self._bound(first, results, there, array), self._bound(second, gradients, there, array)
        return Memory(self.program.constants, passes)

    def _in_memory(self, number: int) -> bool:
        return number in self._plan.offsets or number in self._views

    def _bound(
        self, steps: list[Step], results: set[int], there: dict[int, Array], array: Callable[[int, Kind], Array]
    ) -> Pass:
        """The calls of a pass, given the arrays that are known before."""
        calls, plan = Pass(), self._plan
        last = {number: place for place, step in enumerate(steps) for number in (step.out, *step.reads)}
        over: dict[int, list[int]] = {}
        for step in steps:
            if not self._in_memory(step.out) and step.out not in results:
                over.setdefault(last[step.out], []).append(step.out)
        for place, step in enumerate(steps):
            if step.out in plan.joins:
                calls.add(np.copyto, self._joined(step, array))
            elif step.out not in self._views and step.out not in plan.done:
                self._add(calls, step, there)
            if place in over:
                calls.add_release(over[place])
        return calls

    def _add(self, calls: Pass, step: Step, there: dict[int, Array]) -> None:
        args, settings = taken(_of_one_type(step, self.program), there), taken(step.settings, there)
        if step.out not in self._plan.offsets:
            calls.add_late(called(step.function, args, settings, step.out, self.checks))
        elif isinstance(step.function, np.ufunc) and not settings:
            calls.add(_BY_PLACE.get(step.function, step.function), [*args, there[step.out]])
        else:
            calls.add(step.function, args, {**settings, "out": there[step.out]})

    def _joined(self, step: Step, array: Callable[[int, Kind], Array]) -> list[Array]:
        """The arguments of the copy that does a join: its operands are one array with that first stride."""
        offset, distance = self._plan.joins[step.out]
        whole = pieces(step, self.program.values[step.out])
        strip = Kind(whole.shape, whole.dtype, (distance, *self.program.values[step.reads[0]].strides))
        return [array(self._plan.offsets[step.out], whole), array(offset, strip)]


def _of_one_type(step: Step, program: Program) -> list[Any]:
    """The arguments of a step; numbers next to arrays become arrays, which saves converting them at each call."""
    args = list(step.args)
    if not isinstance(step.function, np.ufunc) or step.function.signature is not None or step.settings:
        return args
    kinds = [program.values[part.number].dtype if type(part) is Ref else type(part) for part in args]
    if not all(isinstance(kind, np.dtype) or kind in (int, float) for kind in kinds):
        return args
    try:
        types = step.function.resolve_dtypes((*kinds, *(None,) * step.function.nout))
    except (TypeError, OverflowError):
        return args
    for place, (part, dtype) in enumerate(zip(args, types, strict=False)):
        if type(part) is not Ref and type(made := _number(part, dtype)) is np.ndarray:
            args[place] = made
    return args


def _number(number: float, dtype: Any) -> Any:
    """A number as an array of a type, if the type has it."""
    try:
        with np.errstate(all="ignore"):
            return np.asarray(number, dtype)
    except OverflowError:
        return number
