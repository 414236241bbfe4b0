"""An executable recording: it takes arguments, and returns tensors whose gradients come from the replay."""

from collections.abc import Callable
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from tinyseq import random
from tinyseq.autograd.calls.errors import mutated
from tinyseq.autograd.dispatch import recorded_outputs
from tinyseq.autograd.graph import Leaf
from tinyseq.autograd.modes import MODE, tick
from tinyseq.autograd.record.op import Op
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array, library_of
from tinyseq.compiler.executors import Changed, Executor, executor_for
from tinyseq.compiler.passes import optimised
from tinyseq.compiler.program import Program
from tinyseq.compiler.recording.active import RecordingError
from tinyseq.compiler.recording.surroundings import Surroundings
from tinyseq.compiler.recording.trace import Backward, Result, Trace
from tinyseq.compiler.steps import about, mapped


class Replay:
    """An executable recording, with the conditions under which it is valid."""

    def __init__(self, trace: Trace, around: Surroundings, given: list[Any], executor: str | None = None) -> None:
        recorder, program = trace.recorder, trace.recorder.program
        self.surroundings = around
        self._structure = trace.structure
        self._differentiable = trace.differentiable
        self._itself = [*trace.itself.items()]
        self._names = _names(given) if recorder.reads_names else None
        self._edges = list(trace.edges.values())
        self._sources = list(recorder.sources.values())
        self._draws = list(recorder.draws.values())
        arguments = [n for n in program.inputs if n not in recorder.sources and n not in recorder.draws]
        program.inputs = [*arguments, *recorder.sources, *recorder.draws]
        arrays = [value._array if isinstance(value, Tensor) else np.asarray(value) for value in given]
        arrays += [source.tensor._array for source in recorder.sources.values()]
        libraries = [*map(library_of, arrays), *("numpy" for _ in self._draws)]
        program.host = {n for n, library in zip(program.inputs, libraries, strict=True) if library == "numpy"}
        self._trace, self._inputs, self._host = trace, program.inputs, program.host
        self._library, self._name = "cupy" if "cupy" in libraries else "numpy", executor
        self.part = Part(self._executor(program), trace.backward, [])
        self._parts = {(True,) * sum(self._differentiable): self.part}

    @property
    def executor(self) -> Executor:
        """The executor of the recording, with the backward pass that was last asked for."""
        return self.part.executor

    def _executor(self, program: Program) -> Executor:
        return executor_for(optimised(program), self._library, self._name)

    def part_for(self, used: tuple[bool, ...]) -> "Part":
        """The forward pass, with the backward pass of some of the results; later runs start from it."""
        if used not in self._parts:
            program, backward = self._trace.of_some(used)
            program.inputs, program.host = self._inputs, self._host
            self._parts[used] = Part(self._executor(program), backward, [])
        self.part = self._parts[used]
        return self.part

    def run(self, given: list[Any]) -> Any:
        """The function's results for new arguments.

        Raises:
            Changed: if this recording is not valid for them.
        """
        if self._names is not None and _names(given) != self._names:
            raise Changed
        # copied, since the caller may write to an array before the backward pass reads it
        inputs = [value._array if isinstance(value, Tensor) else np.array(value) for value in given]
        for source in self._sources:
            array = source.tensor._array
            if source.tensor.node is not source.node or about(array) != source.about:
                raise Changed
            inputs.append(array)
        generator = random.generator() if self._draws else None
        state: Any = generator.bit_generator.state if generator is not None else None
        inputs += [np.asarray(generator.random(*settings)) for settings in self._draws] if generator is not None else []
        try:
            run = Run(self, inputs)
        except Exception as error:  # if the arguments are wrong, the function gives the library's own message
            if generator is not None:
                generator.bit_generator.state = state
            raise Changed from error
        return self._tensors(run, given)

    def on_arrays(self) -> Callable[[list[Array]], tuple[Array, ...]]:
        """See `Compiled.on_arrays`."""
        if self._draws:
            raise RecordingError("a function that draws random numbers cannot be run on arrays alone")
        executor, constants = self.executor, [source.tensor._array for source in self._sources]
        memory, count = executor.memory(), len(executor.program.outputs)

        def run(arrays: list[Array]) -> tuple[Array, ...]:
            return executor.forward([*arrays, *constants], memory)[:count]

        return run

    def _tensors(self, run: "Run", given: list[Any]) -> Any:
        outputs, wanted = run.outputs, self._differentiable
        run.outputs = ()  # the caller's
        run.edges = edges = tuple([given[e].node if isinstance(e, int) else e.node for e in self._edges])
        results = [Tensor(array) for array in outputs]
        if any(wanted):
            places = [i for i, is_wanted in enumerate(wanted) if is_wanted]
            arrays, shapes = [outputs[i] for i in places], [outputs[i].shape for i in places]
            made = recorded_outputs(arrays, shapes, _COMPILED, edges, (run,), MODE.get().label, {})
            for i, tensor in zip(places, made, strict=True):
                results[i] = tensor
        for i, place in self._itself:
            results[i] = given[place] if isinstance(place, int) else place.tensor
        return mapped(self._structure, Result, lambda part: results[part])


def _names(given: list[Any]) -> list[str | None]:
    """The names of the parameters among the arguments."""
    return [None if type(value) in (Tensor, np.ndarray) else getattr(value, "name", None) for value in given]


class Part(NamedTuple):
    """A forward pass with the backward pass of some results.

    Attributes:
        executor: runs both.
        backward: where each gradient is among the executor's, and what it needs of the leaves.
        idle: the memory of finished runs, for later ones.
    """

    executor: Executor
    backward: Backward
    idle: list[Any]

    def memory(self) -> Any:
        """The memory of a finished run, or new memory."""
        try:
            return self.idle.pop()
        except IndexError:
            return self.executor.memory()

    def give_back(self, memory: Any) -> None:
        """Take back the memory of a finished run."""
        if len(self.idle) < 2:
            self.idle.append(memory)


class Run:
    """One forward pass, and what its backward pass needs; its memory goes to later runs once nobody holds it."""

    def __init__(self, replay: Replay, inputs: list[Array]) -> None:
        self._replay, self._part = replay, replay.part
        self._inputs = inputs
        self._made = tick()
        self.edges: tuple[Any, ...] = ()
        self._memory = self._part.memory()
        self._lock = Lock()  # passes of several threads follow each other
        self._upstream: Any = None
        self._gradients: tuple[Array, ...] = ()
        self._forward()

    def _forward(self) -> None:
        count = len(self._part.executor.program.outputs)
        with np.errstate(all="ignore"):
            found = self._part.executor.forward(self._inputs, self._memory)
        self.outputs, self._kept, self._used = found[:count], found[count:], False

    def gradient(self, upstream: Any, i: int) -> Array | None:
        """The gradient of one input, from those of the outputs (None where none arrived)."""
        with self._lock:
            if self._upstream is not upstream:
                self._backward(upstream)
            for saved in self._part.backward.saved:
                leaf = self.edges[saved.leaf]
                if saved.gradients >> i & 1 and type(leaf) is Leaf and leaf.mutated > self._made:
                    raise mutated(saved.op, saved.label, saved.argument, leaf)
            place = self._part.backward.places[i]
            return None if place is None else self._gradients[place]

    def _backward(self, upstream: Any) -> None:
        part = self._replay.part_for(tuple([g is not None for g in upstream]))
        if part is not self._part:
            self._kept = ()
            last, memory = self._part, self._memory
            self._part, self._memory = part, part.memory()
            self._used = True
            last.give_back(memory)  # not before: an interrupt in between would give it to two runs
        if self._used:  # the backward pass has overwritten what it needs
            self._forward()
            self.outputs = ()
        seeds = [g for g in upstream if g is not None]
        self._used = True
        try:
            with np.errstate(all="ignore"):
                self._gradients = self._part.executor.backward(self._inputs, self._memory, self._kept, seeds)
        except Changed as error:
            raise RecordingError("a shape in the backward pass depends on values, which cannot be replayed") from error
        self._upstream = upstream

    def __del__(self) -> None:
        if hasattr(self, "_memory"):
            self._kept = ()
            self._part.give_back(self._memory)


def _rule(xp: Any, upstream: Any, i: int, run: Any) -> Any:
    if xp.name == "tinyseq":
        raise RuntimeError(
            "the gradient of a compiled function cannot be differentiated again; call the function itself for "
            "create_graph=True, jacobian, jvp, vjp, hessian or hvp"
        )
    return run.gradient(upstream, i)


_COMPILED = Op("compiled", lambda xp, *xs: [], _rule, ("run",), module=__name__, outputs=True)
_COMPILED.opaque = True
