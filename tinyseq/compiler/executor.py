"""Execution of a program with NumPy: one generated Python function for each pass, writing to planned buffers."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyseq.backend import Array
from tinyseq.compiler.executors import Changed
from tinyseq.compiler.passes import layout, lifetimes, plan_buffers
from tinyseq.compiler.program import Program, Ref, Step, refs


class Executor:
    """An executable program.

    Attributes:
        program: what it runs.
        buffers: the number of the buffer that each value is written to.
        sizes: the bytes of each buffer.
        forward: ``forward(inputs, memory)`` gives the outputs, and the values that the backward pass needs.
        backward: ``backward(inputs, memory, kept, seeds)`` gives the gradients.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.buffers, self.sizes = plan_buffers(program)
        self._idle: list[list[Array]] = []
        self._slots: dict[tuple[Any, ...], int] = {}
        self._names: dict[str, Any] = {"asarray": np.asarray, "Changed": Changed}
        self._names |= {f"v{number}": value for number, value in program.constants.items()}
        first, second = program.steps[: program.forward], program.steps[program.forward :]
        late = {number for step in second for number in step.reads()} | set(program.gradients)
        self._kept = [step.out for step in first if step.out in late and step.out not in self.buffers]
        self._late = [step.out for step in first if step.out in late and step.out in self.buffers]
        root = lifetimes(program).root
        given = {*program.inputs, *program.seeds, *program.constants}
        copied = {number for number in program.gradients if root[number] in given}
        self.forward = self._function("forward", first, [*program.outputs, *self._kept], set())
        self.backward = self._function("backward", second, program.gradients, copied)

    def memory(self) -> list[Array]:
        """The arrays that one run writes to: those of a finished run, or new ones."""
        try:
            return self._idle.pop()
        except IndexError:
            pass
        raw = [np.empty(size, np.uint8) for size in self.sizes]
        arrays = []
        for buffer, shape, dtype, order in self._slots:
            flat = raw[buffer].view(dtype)
            arrays.append(flat.reshape([shape[axis] for axis in order]).transpose(np.argsort(order)))
        return arrays

    def give_back(self, memory: list[Array]) -> None:
        """Take back the memory of a finished run for the next ones."""
        if len(self._idle) < 2:
            self._idle.append(memory)

    def _function(self, name: str, steps: list[Step], results: list[int], copied: set[int]) -> Callable[..., Any]:
        """Generate a Python function of the steps, and compile it."""
        program, lines = self.program, [f"def {name}(inputs, memory, kept=(), seeds=()):"]
        used = {number for step in steps for number in step.reads()} | set(results)
        used |= {number for number, _ in program.guards}
        given = [("inputs", program.inputs), ("seeds", program.seeds)]
        given += [("kept", self._kept)] if name == "backward" else []
        for source, numbers in given:
            lines += [f" v{number} = {source}[{i}]" for i, number in enumerate(numbers) if number in used]
        if name == "backward":
            lines += [f" v{number} = memory[{self._slot(number)}]" for number in self._late]
        guards = dict(program.guards) if name == "forward" else {}
        lines += [_guard(number, truth) for number, truth in guards.items() if number in program.inputs]
        over: dict[int, list[int]] = {}
        last = {number: place for place, step in enumerate(steps) for number in (step.out, *step.reads())}
        for step in steps:
            if step.out not in self.buffers and step.out not in results and step.out not in guards:
                over.setdefault(last[step.out], []).append(step.out)
        for place, step in enumerate(steps):
            lines += self._lines(step)
            if step.out in guards:
                lines.append(_guard(step.out, guards[step.out]))
            if place in over:
                lines.append(" " + "; ".join(f"v{number} = None" for number in over[place]))
        parts = [f"v{number}.copy()" if number in copied else f"v{number}" for number in results]
        lines.append(f" return ({''.join(f'{part}, ' for part in parts)})")
        exec(compile("\n".join(lines), f"<tinyseq {name}>", "exec"), self._names)
        found: Callable[..., Any] = self._names[name]
        return found

    def _lines(self, step: Step) -> list[str]:
        """One step as lines of Python code."""
        value = self.program.values[step.out]
        words = [self._word(part) for part in step.args]
        words += [f"{name}={self._word(part)}" for name, part in step.settings.items()]
        if step.out in self.buffers:
            words.append(f"out=memory[{self._slot(step.out)}]")
        call = f"{self._named(step.function)}({', '.join(words)})"
        if type(value) is tuple:
            return [f" v{step.out} = {call}"]
        lines = [
            f" v{step.out} = {call if value.ndim else f'asarray({call})'}"
        ]  # NumPy returns a scalar for 0-d arrays
        if not step.fixed:
            lines.append(f" if v{step.out}.shape != {value.shape}: raise Changed")
        return lines

    def _slot(self, number: int) -> int:
        """The array of a run that a value is written to: a view of a buffer, with a shape, type and order of axes."""
        value = self.program.values[number]
        seen = self.buffers[number], value.shape, value.dtype, layout(value)
        return self._slots.setdefault(seen, len(self._slots))

    def _word(self, tree: Any) -> str:
        """An argument as Python code."""
        if type(tree) is Ref:
            return f"v{tree.number}"
        if isinstance(tree, tuple | list) and any(True for _ in refs(tree)):
            parts = "".join(f"{self._word(part)}, " for part in tree)
            return f"[{parts}]" if isinstance(tree, list) else f"({parts})"
        return self._named(tree)

    def _named(self, value: Any) -> str:
        """A name for an object that the program uses as it is."""
        name = f"k{id(value)}"
        self._names[name] = value  # which keeps it alive, so that its id is not reused
        return name


def _guard(number: int, truth: bool) -> str:
    return f" if bool(v{number}) is not {truth}: raise Changed"
