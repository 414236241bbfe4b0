"""The run of one pass on a device: kernels and products are launched, and the library's functions called."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from tinyseq.backend import DeviceArray
from tinyseq.compiler.fusion import Group, Item, Shape
from tinyseq.compiler.gpu.calls import captured
from tinyseq.compiler.gpu.lowering import Lowered, Unsupported, is_product, sum_axes
from tinyseq.compiler.gpu.source import Kernel, kernel_of
from tinyseq.compiler.gpu.sums import SumKernel, pieces_of, sum_kernel
from tinyseq.compiler.passes import layout, lifetimes
from tinyseq.compiler.plan import GIVEN, NUMPY, POOL, Place
from tinyseq.compiler.steps import Step, kind_of, taken


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

    def copy(self, array: DeviceArray, out: DeviceArray) -> None:
        """Copy an array to another one of its shape."""

    def call(self, function: Callable[..., DeviceArray], *args: Any, **settings: Any) -> DeviceArray:
        """The result of one of the library's functions."""


Arrays = dict[int, DeviceArray]


class Buffers:
    """The planned memory of a program on a device."""

    def __init__(self, lowered: Lowered, xp: Any) -> None:
        plan, values = lowered.plan, lowered.program.values
        self._plan, self._xp = plan, xp
        self._blocks = {
            root: xp.empty(values[root].nbytes, np.uint8)
            for root, kind in plan.kind.items()
            if kind not in (POOL, GIVEN, NUMPY)
        }
        self._pool = xp.empty(plan.size, np.uint8)
        made = [
            step.out
            for step in lowered.program.steps
            if step.view is None and plan.kind_of(step.out) not in (GIVEN, NUMPY)
        ]
        self.arrays: Arrays = {
            number: self.array(plan.places[number], values[number].dtype) for number in made if number in plan.places
        }

    def array(self, place: Place, dtype: Any) -> DeviceArray:
        """The array at a place."""
        block, start = self._blocks.get(place.root, self._pool), place.offset + self._plan.pool.get(place.root, 0)
        first = block[start : start + dtype.itemsize].view(dtype)
        return self._xp.lib.stride_tricks.as_strided(first, place.shape, place.strides)


class Pass:
    """One pass, forward or backward.

    Attributes:
        items: the steps and groups that it runs.
    """

    def __init__(self, lowered: Lowered, late: bool, buffers: Buffers, device: Device) -> None:
        self.items = lowered.items[late]
        self._program, self._plan, self._buffers, self._device = lowered.program, lowered.plan, buffers, device
        self._root = lifetimes(self._program).root
        self._kernels: dict[tuple[str, Shape], Callable[[list[DeviceArray]], None]] = {}
        self._of_groups: dict[tuple[int, ...], Kernel] = {}
        later = [] if late else lowered.items[1]
        kept = self._program.wanted() | {number for item in later for number in item.reads}
        self._over = self._last_reads(kept)

    def _last_reads(self, kept: set[int]) -> dict[int, list[int]]:
        """For each item by its place, what the library's functions returned and nothing reads afterwards."""
        last = {number: at for at, item in enumerate(self.items) for number in item.reads if number not in kept}
        found: dict[int, list[int]] = {}
        for number, at in last.items():
            if self._plan.kind_of(number) == NUMPY:
                found.setdefault(at, []).append(number)
        return found

    def described(self) -> list[str]:
        """What is launched and how often, in the order of first launches."""
        found = Counter(text for item in self.items for text in self._descriptions(item))
        return [f"  {count} x {text}" for text, count in found.items()]

    def _descriptions(self, item: Item) -> Iterator[str]:
        if isinstance(item, Group):
            yield f"one kernel over {item.shape}: {', '.join(step.function.__name__ for step in item.steps)}"
        elif item.out in self._plan.copies:
            yield from (f"copy of {place.shape}" for _, place in self._plan.copies[item.out])
        elif self._root[item.out] == item.out:
            name = getattr(item.function, "__name__", str(item.function))
            yield f"{name} over {self._program.values[item.out].shape}"

    def run(self, arrays: Arrays) -> None:
        """Run the pass on the arrays that are known, to which it adds what the library's functions return."""
        for at, item in enumerate(self.items):
            if isinstance(item, Group):
                self._launch(item, arrays)
            elif item.out in self._plan.copies:
                dtype = self._program.values[item.out].dtype
                for part, place in self._plan.copies[item.out]:
                    self._device.copy(arrays[part], self._buffers.array(place, dtype))
            elif is_product(self._program, item):
                self._multiply(item, arrays)
            elif (axes := sum_axes(self._program, item)) is not None:
                self._sum(arrays[item.reads[0]], axes, arrays[item.out])
            else:
                arrays[item.out] = self._called(item, arrays)
            for number in self._over.get(at, ()):
                arrays.pop(number, None)

    def _launch(self, group: Group, arrays: Arrays) -> None:
        xp, plan, values = self._device.xp, self._plan, self._program.values
        ndim = len(group.shape)
        used = [arrays[n] if arrays[n].ndim > ndim else xp.broadcast_to(arrays[n], group.shape) for n in group.reads]
        writes = list[int]()
        for number in group.writes:
            stores = [self._buffers.array(place, values[number].dtype) for place in plan.stores.get(number, ())]
            targets = [*([] if number in plan.silent else [arrays[number]]), *stores]
            writes += [number] * len(targets)
            used += targets
        if group.writes not in self._of_groups:  # strides are the same in each run
            self._of_groups[group.writes] = kernel_of(self._program, group, writes, used)
        self._run(self._of_groups[group.writes], used)

    def _multiply(self, step: Step, arrays: Arrays) -> None:
        a, b = (arrays[number] for number in step.reads)
        out = arrays[step.out]
        if b.ndim == 1:
            b, out = b[:, None], out[..., None]
        if a.ndim == 1:
            a, out = a[None], out[..., None, :]
        self._device.product(a, b, out)

    def _sum(self, array: DeviceArray, axes: list[int], out: DeviceArray) -> None:
        kept = [axis for axis in range(array.ndim) if axis not in axes]
        out = out.reshape([array.shape[axis] for axis in kept])  # without axes of length 1 that it keeps
        order = layout(kind_of(out))
        assert order is not None
        out = out.transpose(order)
        array = array.transpose([*(kept[axis] for axis in order), *axes])
        pieces = pieces_of(array.shape, len(kept))
        if pieces > 1:
            parts = self._device.xp.empty((*out.shape, pieces), out.dtype)
            self._run(sum_kernel(array, len(kept), pieces), [array, parts])
            array = parts
        self._run(sum_kernel(array, len(kept), 1), [array, out])

    def _run(self, kernel: Kernel | SumKernel, arrays: list[DeviceArray]) -> None:
        key = kernel.source, arrays[0].shape
        if key not in self._kernels:
            self._kernels[key] = self._device.kernel(kernel)
        self._kernels[key](arrays)

    def _called(self, step: Step, arrays: Arrays) -> DeviceArray:
        args, settings = taken(step.args, arrays), taken(step.settings, arrays)
        value = self._program.values[step.out]
        result = self._device.call(captured(step.function, self._device.xp), *args, **settings)
        if tuple(result.shape) != value.shape:
            raise Unsupported(f"{step} returns the shape {result.shape} on the device")
        return result if result.dtype == value.dtype else self._device.call(self._device.xp.astype, result, value.dtype)
