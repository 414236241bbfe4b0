"""The executor for arrays on a GPU: two CUDA graphs on static buffers, or the program call by call."""

from collections.abc import Callable
from threading import Lock
from typing import Any, Protocol

import numpy as np

from tinyseq.backend import DeviceArray
from tinyseq.compiler.gpu.calls import Calls, HostSteps
from tinyseq.compiler.gpu.cuda import Cuda
from tinyseq.compiler.gpu.moves import Operand
from tinyseq.compiler.gpu.nodes import Graph, Unsupported, lowered
from tinyseq.compiler.gpu.passes import Device, both
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Ref, mapped


class CapturingDevice(Device, Protocol):
    """A device whose work can be captured, and launched again on the same memory."""

    def allocating(self) -> Any:
        """A context in which new arrays use memory that nothing else uses."""

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """Capture ``work``, and return what launches it."""

    def copy_in(self, buffers: list[DeviceArray], values: list[DeviceArray]) -> None:
        """Copy arrays on the device or the host to static buffers."""

    def copy_out(self, buffers: list[DeviceArray]) -> list[DeviceArray]:
        """New arrays with the values of static ones."""


class Executor:
    """A program that is replayed on a GPU; see `tinyseq.compiler.executors.Executor`.

    The first run captures both passes. If that is impossible, replays run call by call.

    Attributes:
        program: what it runs.
        reason: why the program runs call by call; None if its passes are graphs.
    """

    def __init__(self, program: Program, device: CapturingDevice | None = None) -> None:
        device = device or Cuda()
        self.program = program
        self.reason: str | None = None
        self._lock = Lock()
        self._last: object = None
        self._graphs: _Graphs | None = None
        self._calls = Calls(program, device.xp)
        try:
            self._graphs = _Graphs(program, lowered(program), device)
            program.fused = self._graphs.described()
        except Unsupported as error:
            self._give_up(str(error))

    def memory(self) -> Any:
        """A token for one run; the memory itself belongs to the latest run."""
        return object()

    def forward(self, inputs: list[DeviceArray], memory: Any) -> tuple[Any, ...]:
        """The outputs, and, call by call, what the backward pass needs."""
        with self._lock:
            if self._graphs is not None and not self._graphs.is_captured:
                self._capture(self._graphs, inputs)
            if self._graphs is None:
                return self._calls.forward(inputs)
            self._last = memory
            return self._graphs.forward(inputs)

    def backward(
        self, inputs: list[DeviceArray], memory: Any, kept: tuple[Any, ...], seeds: list[DeviceArray]
    ) -> tuple[Any, ...]:
        """The gradients; the forward pass runs again if another one has run since."""
        with self._lock:
            if self._graphs is None:
                return self._calls.backward(inputs, kept, seeds)
            if self._last is not memory:
                self._graphs.forward(inputs)
            self._last = None  # the backward pass may overwrite what it has read
            return self._graphs.backward(seeds)

    def _capture(self, graphs: "_Graphs", inputs: list[DeviceArray]) -> None:
        graphs.give(inputs)  # its errors are about the inputs
        try:
            graphs.capture()
        except Exception as error:  # errors of many kinds: whatever the library cannot do during a capture
            self._give_up(f"{type(error).__name__}: {error}")

    def _give_up(self, reason: str) -> None:
        self.reason, self._graphs = reason, None
        self.program.fused = [f"call by call, not as graphs: {reason}"]


class _Graphs:
    """Both passes as graphs on static buffers."""

    def __init__(self, program: Program, graph: Graph, device: CapturingDevice) -> None:
        self._seeds, self._graph, self._device = program.seeds, graph, device
        self._passes = both(graph, device)
        self._places = {number: place for place, number in enumerate(program.inputs)}
        self._host = HostSteps(program, graph.host)
        self._arrays: dict[int, DeviceArray] = {}  # static buffers, and the results of the passes
        self._launch: list[Callable[[], None]] = []

    def described(self) -> list[str]:
        """A description of what the graphs launch."""
        first, second = (one.described() for one in self._passes)
        return ["forward, as one graph:", *first, *(["backward, as one graph:", *second] if second else [])]

    @property
    def is_captured(self) -> bool:
        return bool(self._launch)

    def forward(self, inputs: list[DeviceArray]) -> tuple[DeviceArray, ...]:
        self.give(inputs)
        self._launch[0]()
        return self._results(self._graph.outputs)

    def backward(self, seeds: list[DeviceArray]) -> tuple[DeviceArray, ...]:
        given = dict(zip(self._seeds, seeds, strict=True))
        self._copy_in({n: given[n] for n in self._graph.inputs if n in given})
        self._launch[1]()
        return self._results(self._graph.gradients)

    def capture(self) -> None:
        """Run each pass once, so that everything is compiled and allocated, and capture it."""
        graph, (first, second) = self._graph, self._passes
        self._copy_in(graph.constants)
        self._copy_in({n: np.ones(*graph.shapes[n]) for n in graph.inputs if n in self._seeds})
        with self._device.allocating():
            first.run(dict(self._arrays))
            made = dict(self._arrays)
            launch = [self._device.capture(lambda: first.run(made))]
            launch[0]()
            made |= self._arrays
            results = {operand.root: made[operand.root] for operand in graph.outputs}
            second.run(dict(made))
            launch.append(self._device.capture(lambda: second.run(made)))  # which drops what it has read
            results |= {operand.root: made[operand.root] for operand in graph.gradients}
        self._arrays |= results
        self._launch = launch

    def give(self, inputs: list[DeviceArray]) -> None:
        """Check what the recording fixed, and copy the inputs to their buffers."""
        graph = self._graph
        known = self._host.run(inputs)
        for shape, index in graph.bounds:
            np.broadcast_to(np.False_, shape)[mapped(index, Ref, lambda ref: known[ref.number])]
        given = {n: inputs[self._places[n]] for n in graph.inputs if n in self._places}
        self._copy_in(given | {n: known[n] for n in graph.uploads})

    def _copy_in(self, values: dict[int, DeviceArray]) -> None:
        for number in values.keys() - self._arrays.keys():
            with self._device.allocating():
                self._arrays[number] = self._device.xp.empty(*self._graph.shapes[number])
        self._device.copy_in([self._arrays[number] for number in values], [*values.values()])

    def _results(self, operands: list[Operand]) -> tuple[DeviceArray, ...]:
        xp, arrays = self._device.xp, self._arrays
        return tuple(self._device.copy_out([o.of(xp, arrays[o.root]) for o in operands]))
