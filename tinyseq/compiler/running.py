"""Running steps with NumPy: a call is bound to its arrays once, except for those that each run makes or is given."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tinyseq.backend import Array
from tinyseq.compiler.executors import Changed
from tinyseq.compiler.memory.plan import POOL, Place, Plan
from tinyseq.compiler.passes import lifetimes
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Ref, Step, as_array, refs, taken

Function = Callable[..., Any]
Known = dict[int, Any]  # the values of a run, by number
ALIGNMENT = 64  # bytes


def _smaller(x: Array, y: Array, out: Array) -> None:
    np.minimum(x, y, out=out)


def _larger(x: Array, y: Array, out: Array) -> None:
    np.maximum(x, y, out=out)


# NumPy wants the ``out`` of these by keyword, which would be slower
_BY_PLACE: dict[Any, Function] = {np.minimum: _smaller, np.maximum: _larger}


class Checks:
    """What a recording fixed, and each run must repeat: conditions, and shapes that depend on values."""

    def __init__(self, program: Program) -> None:
        self._truths = dict(program.guards)
        self._given = [number for number in program.inputs if number in self._truths]
        kinds = {step.out: program.values[step.out] for step in program.steps if not step.fixed}
        self._shapes = {number: kind.shape for number, kind in kinds.items() if type(kind) is not tuple}

    def __contains__(self, number: object) -> bool:
        return number in self._shapes or number in self._truths

    def inputs(self, known: Known) -> None:
        """Check the inputs.

        Raises:
            Changed: a condition differs.
        """
        for number in self._given:
            self.result(number, known[number])

    def result(self, number: int, value: Any) -> None:
        """Check the result of a step.

        Raises:
            Changed: it has another shape, or is a condition that differs.
        """
        if number in self._shapes and value.shape != self._shapes[number]:
            raise Changed
        if number in self._truths and bool(value) is not self._truths[number]:
            raise Changed


class Pass:
    """Calls in their order."""

    def __init__(self) -> None:
        self._bound: list[list[tuple[Function, Sequence[Any]]]] = [[]]
        self._late: list[Callable[[Known], Any]] = []  # one after each list of bound calls but the last

    def add(self, function: Function, args: Sequence[Any] = (), settings: Mapping[str, Any] = {}) -> None:
        """Add a call whose result is not looked at; references among its arguments are to values of the run."""
        if any(True for _ in refs((args, settings))):
            self.add_late(called(function, args, settings))
        else:
            self._bound[-1].append((partial(function, **settings) if settings else function, tuple(args)))

    def add_late(self, call: Callable[[Known], Any]) -> None:
        """Add a call that reads or adds values of the run."""
        self._late.append(call)
        self._bound.append([])

    def add_release(self, numbers: Sequence[int]) -> None:
        """Let go of values that are not needed any more."""

        def release(known: Known) -> None:
            for number in numbers:
                del known[number]

        self.add_late(release)

    def run(self, known: Known) -> None:
        """Run the calls; their results are added to what is known.

        Raises:
            Changed: a result differs from the recording.
        """
        for bound, late in zip(self._bound, self._late, strict=False):
            for function, args in bound:
                function(*args)
            late(known)
        for function, args in self._bound[-1]:
            function(*args)


def called(
    function: Function, args: Sequence[Any], settings: Any, out: int | None = None, checks: Checks | None = None
) -> Callable[[Known], None]:
    """A call with values of a run among its arguments; its result becomes the value ``out``, after checks."""
    plain: list[tuple[int, int]] | None
    plain = [(place, part.number) for place, part in enumerate(args) if type(part) is Ref]
    if len(plain) < sum(1 for _ in refs((args, settings))):
        plain = None  # some values are in lists or settings
    check = checks.result if checks is not None and out in checks else None

    def call(known: Known) -> None:
        if plain is None:
            result = function(*taken(args, known), **taken(settings, known))
        else:
            given = [*args]
            for place, number in plain:
                given[place] = known[number]
            result = function(*given, **settings)
        if out is not None:
            if type(result) is not np.ndarray:
                result = as_array(result)
            known[out] = result
            if check is not None:
                check(out, result)

    return call


class Memory(NamedTuple):
    """What one run at a time uses.

    Attributes:
        known: values that are known before a run.
        passes: forward and backward.
        block: the planned memory.
    """

    known: Known
    passes: tuple[Pass, Pass]
    block: Array


class Runner(ABC):
    """Both passes of a program; an executor says how they use memory.

    Args:
        program: what is run.
        plan: where its values are stored.

    Attributes:
        program, plan: the same.
        kept: the values that the backward pass needs from the forward pass, if they are not in memory.
        checks: what each run must repeat.
    """

    def __init__(self, program: Program, plan: Plan) -> None:
        self.program, self.plan = program, plan
        self.kept: list[int] = []
        self.checks = Checks(program)
        self._root, outside = lifetimes(program).root, {*program.inputs, *program.seeds, *program.constants}
        self._copied = {number for number in program.gradients if self._root[number] in outside}

    def memory(self) -> Memory:
        """Both passes, with calls that are bound to memory of their own; one run at a time uses them."""
        block, there = aligned(self.plan.size), dict(self.program.constants)
        arrays = dict[tuple[Place, Any], Array]()  # one for all values at a place
        for number, place in self.plan.places.items():
            if self._in_memory(number):
                at = place, self.program.values[number].dtype
                arrays[at] = there[number] = arrays[at] if at in arrays else self.plan.array(*at, block)
        bound = self._bound(0, there, block), self._bound(1, there, block)
        return Memory(self.program.constants | self._known(block), bound, block)

    def _known(self, block: Array) -> Known:
        """What an executor finds in a run besides the program's values."""
        return {}

    @abstractmethod
    def _bound(self, half: int, there: Known, block: Array) -> Pass:
        """The calls of a pass, given the arrays that are known before."""

    def _in_memory(self, number: int) -> bool:
        return self.plan.kind_of(number) == POOL

    def _not_in_memory(self, late: set[int]) -> list[int]:
        """Those of the results of the forward pass that a run must keep if the backward pass needs them."""
        return [step.out for step in self.program.halves[0] if step.out in late and not self._in_memory(step.out)]

    def _add(self, calls: Pass, step: Step, there: Known) -> None:
        """Add a call of a step's function; a view in memory is there already."""
        args, settings = taken(step.args, there), taken(step.settings, there)
        if not self._in_memory(step.out):
            calls.add_late(called(step.function, args, settings, step.out, self.checks))
        elif step.view is None and isinstance(step.function, np.ufunc) and not settings:
            calls.add(_BY_PLACE.get(step.function, step.function), [*args, there[step.out]])
        elif step.view is None:
            calls.add(step.function, args, {**settings, "out": there[step.out]})

    def given(self, numbers: list[int], arrays: list[Array], memory: Memory) -> Known:
        """The arrays that a run is given, by number."""
        return dict(zip(numbers, arrays, strict=True))

    def forward(self, inputs: list[Array], memory: Memory) -> tuple[Array, ...]:
        """See `tinyseq.compiler.executors.Executor`."""
        program = self.program
        known = memory.known | self.given(program.inputs, inputs, memory)
        self.checks.inputs(known)
        memory.passes[0].run(known)
        return tuple([known[number] for number in (*program.outputs, *self.kept)])

    def backward(
        self, inputs: list[Array], memory: Memory, kept: tuple[Array, ...], seeds: list[Array]
    ) -> tuple[Array, ...]:
        """See `tinyseq.compiler.executors.Executor`."""
        program = self.program
        known = memory.known | dict(zip((*program.inputs, *self.kept), (*inputs, *kept), strict=True))
        known |= self.given(program.seeds, seeds, memory)
        memory.passes[1].run(known)
        return tuple([known[n].copy() if n in self._copied else known[n] for n in program.gradients])


def aligned(size: int) -> Array:
    """New memory of so many bytes, which begins with a cache line."""
    block = np.empty(size + ALIGNMENT, np.uint8)
    start = -block.ctypes.data % ALIGNMENT
    return block[start : start + size]
