"""Execution of a program with NumPy: one generated Python function for each pass, which writes to planned memory."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyseq.backend import Array
from tinyseq.compiler.executors import Changed
from tinyseq.compiler.passes import lifetimes
from tinyseq.compiler.planning import pieces, plan_memory
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Kind, Ref, Step, refs

_ALIGNMENT = 64
_BY_NAME_ONLY = {np.minimum, np.maximum}  # NumPy wants their ``out`` by keyword


class Executor:
    """An executable program; see `executors.Executor`.

    Attributes:
        program: what it runs.
        size: the bytes of planned memory.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        source = _Source(program)
        self.size = source.plan.size
        self._places, self._views, self._used = [*source.slots.items()], source.views_of_slots(), source.used
        self.forward, self.backward = source.forward, source.backward
        program.notes = lambda: _Source(program).notes()  # seldom asked for, and long

    def memory(self) -> Any:
        """For each pass, the arrays that it writes to; one run at a time uses them."""
        block = np.empty(self.size + _ALIGNMENT, np.uint8)
        start = -block.ctypes.data % _ALIGNMENT
        arrays: dict[int, Array] = {}
        for (offset, kind), slot in self._places:
            arrays[slot] = np.ndarray(kind.shape, kind.dtype, block, start + offset, kind.strides)
        for slot, base, step in self._views:
            args = [arrays[base] if type(part) is Ref else part for part in step.args]
            arrays[slot] = step.function(*args, **step.settings)
        return [tuple([arrays[slot] for slot in used]) for used in self._used]


class _Source:
    """The generated functions, and what writing them needs.

    Attributes:
        plan: where the program's values are stored.
        slots: the arrays that the functions write to: each has a place in memory and a kind.
        used: the slots that each pass uses.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.plan = plan_memory(program)
        self.slots: dict[tuple[int, Kind], int] = {}
        self.used: list[list[int]] = []
        self._views: dict[int, tuple[int, Step]] = {}  # views of planned memory: the slot, and how it is made
        self._count = 0
        self._names: dict[str, Any] = {"asarray": np.asarray, "copyto": np.copyto, "Changed": Changed}
        self._names |= {f"v{number}": value for number, value in program.constants.items()}
        first, second = program.steps[: program.forward], program.steps[program.forward :]
        late = {number for step in second for number in step.reads} | set(program.gradients)
        for step in program.steps:
            self._place(step)
        self._kept = [step.out for step in first if step.out in late and not self._in_memory(step.out)]
        root = lifetimes(program).root
        given = {*program.inputs, *program.seeds, *program.constants}
        copied = {number for number in program.gradients if root[number] in given}
        self.forward = self._function("forward", first, [*program.outputs, *self._kept], set())
        self.backward = self._function("backward", second, program.gradients, copied)

    def notes(self) -> dict[int, str]:
        """What is special about where values are stored."""
        return self.plan.notes | dict.fromkeys(self._views, "view taken once")

    def views_of_slots(self) -> list[tuple[int, int, Step]]:
        """The slots that are views, with those that they are views of."""
        return [(slot, self._slot_of(step.reads[0]), step) for slot, step in self._views.values()]

    def _place(self, step: Step) -> None:
        """Record where a step's result is stored, if that is known before a run."""
        if step.out in self.plan.offsets:
            self._slot(self.plan.offsets[step.out], self.program.values[step.out])
        elif step.view is not None and step.fixed and step.reads == (step.view.number,) and self._in_memory(*step.view):
            self._views[step.out] = self._new(), step

    def _in_memory(self, number: int) -> bool:
        return number in self.plan.offsets or number in self._views

    def _slot_of(self, number: int) -> int:
        if number in self._views:
            return self._views[number][0]
        return self._slot(self.plan.offsets[number], self.program.values[number])

    def _slot(self, offset: int, kind: Kind) -> int:
        """The slot of an array of some kind at a place in memory."""
        if (offset, kind) not in self.slots:
            self.slots[offset, kind] = self._new()
        return self.slots[offset, kind]

    def _new(self) -> int:
        self._count += 1
        return self._count - 1

    def _function(self, name: str, steps: list[Step], results: list[int], copied: set[int]) -> Callable[..., Any]:
        """Generate a Python function of the steps, and compile it."""
        program, self._using = self.program, dict[int, None]()
        used = {number for step in steps for number in step.reads} | set(results)
        used |= {number for number, _ in program.guards}
        given = [("inputs", program.inputs), ("seeds", program.seeds)]
        given += [("kept", self._kept)] if name == "backward" else []
        lines = []
        for source, numbers in given:
            lines += [f" v{number} = {source}[{i}]" for i, number in enumerate(numbers) if number in used]
        guards = dict(program.guards) if name == "forward" else {}
        lines += [_guard(number, truth) for number, truth in guards.items() if number in program.inputs]
        over: dict[int, list[int]] = {}
        last = {number: place for place, step in enumerate(steps) for number in (step.out, *step.reads)}
        for step in steps:
            if not self._in_memory(step.out) and step.out not in results and step.out not in guards:
                over.setdefault(last[step.out], []).append(step.out)
        for place, step in enumerate(steps):
            lines += self._lines(step)
            if step.out in guards:
                lines.append(_guard(step.out, guards[step.out]))
            if place in over:
                lines.append(" " + "; ".join(f"v{number} = None" for number in over[place]))
        parts = [f"{self._word(Ref(number))}.copy()" if number in copied else f"v{number}" for number in results]
        lines.append(f" return ({''.join(f'{part}, ' for part in parts)})")
        taken = "".join(f"m{slot}, " for slot in self._using)
        head = [f"def {name}(inputs, memory, kept=(), seeds=()):"]
        head += [f" {taken}= memory[{len(self.used)}]"] if taken else []
        self.used.append(list(self._using))
        made: dict[str, Callable[..., Any]] = {}
        exec(compile("\n".join(head + lines), f"<tinyseq {name}>", "exec"), self._names, made)
        return made[name]

    def _lines(self, step: Step) -> list[str]:
        """One step as lines of Python code; none if its result is already in place."""
        value = self.program.values[step.out]
        if step.out in self._views or step.out in self.plan.done:
            return []
        if step.out in self.plan.joins:
            return [f" copyto({self._joined(step)})"]
        words = [self._word(part) for part in _of_one_type(step, self.program)]
        words += [f"{name}={self._word(part)}" for name, part in step.settings.items()]
        placed = step.out in self.plan.offsets
        if placed:
            by_place = isinstance(step.function, np.ufunc) and step.function not in _BY_NAME_ONLY and not step.settings
            words.append(("" if by_place else "out=") + self._word(Ref(step.out)))
        call = f"{self._named(step.function)}({', '.join(words)})"
        if placed:
            return [f" {call}"]
        if type(value) is tuple:
            return [f" v{step.out} = {call}"]
        # NumPy returns a scalar for 0-d arrays
        lines = [f" v{step.out} = {call if value.ndim else f'asarray({call})'}"]
        if not step.fixed:
            lines.append(f" if v{step.out}.shape != {value.shape}: raise Changed")
        return lines

    def _joined(self, step: Step) -> str:
        """The arguments of the copy that does a join: its operands are one array with that first stride."""
        offset, distance = self.plan.joins[step.out]
        whole = pieces(step, self.program.values[step.out])
        operand = self.program.values[step.reads[0]]
        strip = Kind(whole.shape, whole.dtype, (distance, *operand.strides))
        slots = self._slot(self.plan.offsets[step.out], whole), self._slot(offset, strip)
        self._using |= dict.fromkeys(slots)
        return ", ".join(f"m{slot}" for slot in slots)

    def _word(self, tree: Any) -> str:
        """An argument as Python code."""
        if type(tree) is Ref:
            if not self._in_memory(tree.number):
                return f"v{tree.number}"
            slot = self._slot_of(tree.number)
            self._using[slot] = None
            return f"m{slot}"
        if isinstance(tree, tuple | list) and any(True for _ in refs(tree)):
            parts = "".join(f"{self._word(part)}, " for part in tree)
            return f"[{parts}]" if isinstance(tree, list) else f"({parts})"
        return self._named(tree)

    def _named(self, value: Any) -> str:
        """A name for an object that the program uses as it is."""
        name = f"k{id(value)}"
        self._names[name] = value  # which keeps it alive, so that its id is not reused
        return name


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


def _guard(number: int, truth: bool) -> str:
    return f" if bool(v{number}) is not {truth}: raise Changed"
