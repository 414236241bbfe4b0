"""CUDA source of a group of elementwise nodes."""

import math
from typing import Any, NamedTuple

from tinyseq.backend import Array
from tinyseq.compiler.gpu.formulas import C_TYPES, literal
from tinyseq.compiler.gpu.fusion import Group, operands_of
from tinyseq.compiler.gpu.moves import Operand, Shape
from tinyseq.compiler.gpu.nodes import Graph


class Pointer(NamedTuple):
    """An array that a kernel reads or writes: its C type, and its strides in elements."""

    kind: str
    strides: Shape


class Accesses(NamedTuple):
    """What a group reads and writes in memory.

    Attributes:
        reads: the different operands that are read.
        places: the place in ``reads`` of each operand that is read, by its identity.
        writes: the nodes whose results are written.
    """

    reads: list[Operand]
    places: dict[int, int]
    writes: list[int]


def accesses(graph: Graph, group: Group, wanted: set[int]) -> Accesses:
    """What a group reads and writes in memory, if others want the roots ``wanted``."""
    own = {node.out for node in group.nodes}
    reads: list[Operand] = []
    places: dict[int, int] = {}
    seen: dict[Any, int] = {}
    for node in group.nodes:
        for operand in operands_of(node):
            if operand.root not in own:
                place = seen.setdefault((operand.root, graph.layout(operand)), len(reads))
                if place == len(reads):
                    reads.append(operand)
                places[id(operand)] = place
    return Accesses(reads, places, [node.out for node in group.nodes if node.out in wanted])


class Kernel(NamedTuple):
    """A kernel of a group; another one with the same source does the same."""

    source: str
    group: Group
    accesses: Accesses

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.group.shape)


def source_of(group: Group, found: Accesses, arrays: list[Array]) -> str:
    """The kernel of a group, one thread for each element.

    Args:
        group: the nodes.
        found: what it reads and writes.
        arrays: the arrays of these; the kernel holds for their strides, and takes pointers in this order.
    """
    reads, writes = found.reads, found.writes
    pointers = [Pointer(C_TYPES[a.dtype.str[1:]], tuple(stride // a.itemsize for stride in a.strides)) for a in arrays]
    shape, strides = merged(group.shape, [pointer.strides for pointer in pointers])
    size = math.prod(shape)
    reach = max([size, *(sum(abs(s) * (n - 1) for s, n in zip(p, shape, strict=True)) for p in strides)])
    whole = "int" if reach < 2**31 else "long long"
    names = [f"a{i}" for i in range(len(pointers))]
    heads = [f"{'const ' if i < len(reads) else ''}{p.kind}* __restrict__ {names[i]}" for i, p in enumerate(pointers)]
    lines = [f'extern "C" __global__ void fused({", ".join(heads)}) {{']
    lines.append(f"  const {whole} i = ({whole})blockIdx.x * blockDim.x + threadIdx.x;")
    lines.append(f"  if (i >= {size}) return;")
    after = size
    for axis, length in enumerate(shape):
        after //= length
        inner = f"i / {after}" if after > 1 else "i"
        lines.append(f"  const {whole} i{axis} = {inner if axis == 0 else f'{inner} % {length}'};")
    places = [" + ".join(f"i{axis} * {s}" for axis, s in enumerate(p) if s) or "0" for p in strides]
    lines += [f"  const {pointers[i].kind} x{i} = {names[i]}[{places[i]}];" for i in range(len(reads))]
    made: dict[int, str] = {}
    for number, node in enumerate(group.nodes):
        words = []
        for operand, code in zip(node.operands, node.formula.types, strict=True):
            if not isinstance(operand, Operand):
                words.append(literal(operand, code))
                continue
            word = made.get(operand.root) or f"x{found.places[id(operand)]}"
            words.append(f"({C_TYPES[code]}){word}")
        made[node.out] = f"t{number}"
        lines.append(f"  const {C_TYPES[node.formula.result]} t{number} = {node.formula.text.format(*words)};")
    lines += [f"  {names[len(reads) + i]}[{places[len(reads) + i]}] = {made[out]};" for i, out in enumerate(writes)]
    return "\n".join([*lines, "}", ""])


def merged(shape: Shape, strides: list[Shape]) -> tuple[Shape, list[Shape]]:
    """The same elements with as few axes as possible: without those of length 1, and with neighbours joined."""
    axes: list[tuple[int, list[int]]] = []
    for axis, length in enumerate(shape):
        mine = [p[axis] for p in strides]
        if length == 1:
            continue
        if axes and all(before == now * length for before, now in zip(axes[-1][1], mine, strict=True)):
            axes[-1] = axes[-1][0] * length, mine
        else:
            axes.append((length, mine))
    return tuple(n for n, _ in axes), [tuple(own[i] for _, own in axes) for i in range(len(strides))]
