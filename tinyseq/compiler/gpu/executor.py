"""The executor for arrays on a GPU: two CUDA graphs on static buffers, or the program call by call."""

from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Any, Protocol

import numpy as np

from tinyseq.backend import DeviceArray
from tinyseq.compiler.gpu.calls import Calls, HostSteps
from tinyseq.compiler.gpu.cuda import Cuda
from tinyseq.compiler.gpu.lowering import Lowered, Unsupported, lowered
from tinyseq.compiler.gpu.passes import Arrays, Buffers, Device, Pass
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

    def __init__(self, program: Program, found: Lowered, device: CapturingDevice) -> None:
        self._recorded, self._lowered, self._device = program, found, device
        self._host = HostSteps(program, found.host)
        self._arrays: Arrays = {}  # static buffers, and the results of the passes
        with device.allocating():
            buffers = Buffers(found, device.xp)
        self._passes = [Pass(found, late, buffers, device) for late in (False, True)]
        self._buffers = buffers
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
        return self._results(self._recorded.outputs)

    def backward(self, seeds: list[DeviceArray]) -> tuple[DeviceArray, ...]:
        self._copy_in(dict(zip(self._recorded.seeds, seeds, strict=True)))
        self._launch[1]()
        return self._results(self._recorded.gradients)

    def capture(self) -> None:
        """Run each pass once, so that everything is compiled and allocated, and capture it."""
        program = self._lowered.program
        self._copy_in(program.constants)
        kinds = {number: program.values[number] for number in program.seeds}
        self._copy_in({number: np.ones(kind.shape, kind.dtype) for number, kind in kinds.items()})
        made = self._arrays | self._buffers.arrays
        with self._device.allocating():
            for one in self._passes:
                one.run(dict(made))
                self._launch.append(self._device.capture(partial(one.run, made)))
                self._launch[-1]()
        self._arrays |= {number: made[number] for number in (*program.outputs, *program.gradients)}

    def give(self, inputs: list[DeviceArray]) -> None:
        """Check what the recording fixed, and copy the inputs to their buffers."""
        found = self._lowered
        known = found.program.constants | self._host.run(inputs)
        for shape, index in found.bounds:
            np.broadcast_to(np.False_, shape)[mapped(index, Ref, lambda ref: known[ref.number])]
        given = dict(zip(self._recorded.inputs, inputs, strict=True)) | {n: known[n] for n in found.uploads}
        self._copy_in({n: given[n] for n in found.program.inputs})

    def _copy_in(self, values: dict[int, DeviceArray]) -> None:
        for number in values.keys() - self._arrays.keys():
            with self._device.allocating():
                kind = self._lowered.program.values[number]
                self._arrays[number] = self._device.xp.empty(kind.shape, kind.dtype)
        self._device.copy_in([self._arrays[number] for number in values], [*values.values()])

    def _results(self, numbers: list[int]) -> tuple[DeviceArray, ...]:
        return tuple(self._device.copy_out([self._arrays[number] for number in numbers]))
