"""The run of one pass on a device: arrays are allocated, kernels and products launched, and arrays released."""

from collections.abc import Callable
from typing import Any, Protocol

from tinyseq.backend import DeviceArray
from tinyseq.compiler.fusion import Group
from tinyseq.compiler.gpu.calls import captured
from tinyseq.compiler.gpu.fusion import Schedule, operands_of, scheduled
from tinyseq.compiler.gpu.moves import Operand, Shape
from tinyseq.compiler.gpu.nodes import Call, Graph, Join, Node, Product, Sum, Unsupported
from tinyseq.compiler.gpu.source import Accesses, Kernel, accesses, kernel_of
from tinyseq.compiler.gpu.sums import SumKernel, pieces_of, sum_kernel
from tinyseq.compiler.steps import mapped


class Device(Protocol):
    """A device that runs passes: a GPU, or a stand-in.

    Attributes:
        xp: its array library.
    """

    xp: Any

    def kernel(self, kernel: Kernel | SumKernel) -> Callable[[list[DeviceArray]], None]:
        """Compile a kernel, and return a function of the arrays that it reads and writes, which launches it."""

    def product(self, a: DeviceArray, b: DeviceArray, out: DeviceArray) -> None:
        """Write the matrix product of two arrays to a third one."""

    def call(self, function: Callable[..., DeviceArray], *args: Any, **settings: Any) -> DeviceArray:
        """The result of one of the library's functions."""


class Pass:
    """One pass, forward or backward.

    Attributes:
        schedule: what it runs.
        needed: roots that it leaves in memory for the caller or the other pass.
    """

    def __init__(self, graph: Graph, late: bool, needed: set[int], device: Device) -> None:
        self.graph, self.needed, self.device = graph, needed, device
        self.schedule: Schedule = scheduled(graph, late, needed)
        self._accesses: list[Accesses | None] = [
            accesses(graph, item) if isinstance(item, Group) else None for item in self.schedule.items
        ]
        self._kernels: dict[tuple[str, Shape], Callable[[list[DeviceArray]], None]] = {}
        self._kernels_of: dict[int, Kernel] = {}
        self._over = self._last_reads()

    def described(self) -> list[str]:
        """What is launched and how often, in the order of first launches."""
        found: dict[str, int] = {}
        for item in self.schedule.items:
            if isinstance(item, Group):
                names = ", ".join(node.formula.function.__name__ for node in item.steps)
                text = f"one kernel over {item.shape}: {names}"
            elif isinstance(item, Call):
                text = getattr(item.step.function, "__name__", str(item.step.function))
            elif isinstance(item, Join):
                continue  # its parts have already been written to their places
            else:
                text = f"{'sum' if isinstance(item, Sum) else 'matmul'} over {item.shape}"
            found[text] = found.get(text, 0) + 1
        return [f"  {count} x {text}" for text, count in found.items()]

    def _last_reads(self) -> list[list[int]]:
        """For each item, the roots that nothing reads after it."""
        last: dict[int, int] = {}
        for place, item in enumerate(self.schedule.items):
            for node in item.steps if isinstance(item, Group) else (item,):
                for root in (node.out, *(operand.root for operand in operands_of(node))):
                    last[root] = place
        over: list[list[int]] = [[] for _ in self.schedule.items]
        for root, place in last.items():
            if root not in self.needed:
                over[place].append(root)
        return over

    def run(self, arrays: dict[int, DeviceArray]) -> None:
        """Run the pass on the arrays of its roots; results are added, and arrays are released after their last use."""
        for item, found, over in zip(self.schedule.items, self._accesses, self._over, strict=True):
            if isinstance(item, Group) and found is not None:
                self._launch(item, found, arrays)
            elif isinstance(item, Call):
                arrays[item.out] = self._called(item, arrays)
            elif isinstance(item, Sum):
                self._sum(item, arrays)
            elif isinstance(item, Product):
                a, b = (self._read(operand, arrays) for operand in item.operands)
                self.device.product(a, b, self._written(item.out, arrays))
            for root in over:
                arrays.pop(root, None)

    def _launch(self, group: Group, found: Accesses, arrays: dict[int, DeviceArray]) -> None:
        used = [self._read(operand, arrays) for operand in found.reads]
        used += [self._written(out, arrays) for out in found.writes]
        if id(group) not in self._kernels_of:  # strides are the same in each run
            self._kernels_of[id(group)] = kernel_of(group, found, used)
        self._run(self._kernels_of[id(group)], used)

    def _sum(self, item: Sum, arrays: dict[int, DeviceArray]) -> None:
        array, kept = self._read(item.operands[0], arrays), len(item.shape)
        pieces = pieces_of(array.shape, kept)
        if pieces > 1:
            parts = self.device.xp.empty((*item.shape, pieces), item.dtype)
            self._run(sum_kernel(array, kept, pieces), [array, parts])
            array = parts
        self._run(sum_kernel(array, kept, 1), [array, self._written(item.out, arrays)])

    def _run(self, kernel: Kernel | SumKernel, arrays: list[DeviceArray]) -> None:
        key = kernel.source, arrays[0].shape
        if key not in self._kernels:
            self._kernels[key] = self.device.kernel(kernel)
        self._kernels[key](arrays)

    def _read(self, operand: Operand, arrays: dict[int, DeviceArray]) -> DeviceArray:
        array = arrays[operand.root]
        for move in operand.path:  # a reshape may copy if the array is a part of a join
            array = self.device.call(move.view, self.device.xp, array)
        return array

    def _written(self, out: int, arrays: dict[int, DeviceArray]) -> DeviceArray:
        """The array that a result is written to: its own, or a part of a join's."""
        if out not in arrays:
            home = self.schedule.homes.get(out)
            if home is None:
                shape, dtype = self.graph.shapes[out]
                arrays[out] = self.device.xp.empty(shape, dtype)
            else:
                arrays[out] = Operand(home.join, home.path).of(self.device.xp, self._written(home.join, arrays))
        return arrays[out]

    def _called(self, call: Call, arrays: dict[int, DeviceArray]) -> DeviceArray:
        args, settings = (
            mapped(tree, Operand, lambda operand: self._read(operand, arrays))
            for tree in (call.step.args, call.step.settings)
        )
        result = self.device.call(captured(call.step.function, self.device.xp), *args, **settings)
        if tuple(result.shape) != call.shape:
            raise Unsupported(f"{call.step} returns the shape {result.shape} on the device")
        return result if result.dtype == call.dtype else self.device.call(self.device.xp.astype, result, call.dtype)


def both(graph: Graph, device: Device) -> tuple[Pass, Pass]:
    """The two passes of a graph."""
    first: list[Node] = graph.passes[0]
    made = {node.out for node in first}
    late = {operand.root for node in graph.passes[1] for operand in operands_of(node)}
    late |= {operand.root for operand in graph.gradients}
    results = {operand.root for operand in graph.outputs}
    return (
        Pass(graph, False, results | (late & made), device),
        Pass(graph, True, {operand.root for operand in graph.gradients}, device),
    )
