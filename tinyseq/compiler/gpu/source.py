"""CUDA source of a group of elementwise nodes."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from tinyseq.backend import DeviceArray
from tinyseq.compiler.formulas import C_TYPES
from tinyseq.compiler.fusion import Group, merged
from tinyseq.compiler.gpu.formulas import dot, literal
from tinyseq.compiler.gpu.fusion import operands_of
from tinyseq.compiler.gpu.moves import Operand, Shape
from tinyseq.compiler.gpu.nodes import Graph

_SHARE, _MOST_PARTS = 8, 32  # multiplications per thread, and threads per inner product


class Accesses(NamedTuple):
    """What a group reads and writes in memory.

    Attributes:
        reads: the different operands that are read.
        places: for each operand that is read, by identity, its place in ``reads``.
        writes: the results that are written.
    """

    reads: list[Operand]
    places: dict[int, int]
    writes: Sequence[int]


def accesses(graph: Graph, group: Group) -> Accesses:
    """What a group reads and writes in memory."""
    own = {node.out for node in group.steps}
    reads: list[Operand] = []
    places: dict[int, int] = {}
    seen: dict[Any, int] = {}
    for node in group.steps:
        for operand in operands_of(node):
            if operand.root not in own:
                place = seen.setdefault((operand.root, graph.layout(operand)), len(reads))
                if place == len(reads):
                    reads.append(operand)
                places[id(operand)] = place
    return Accesses(reads, places, group.writes)


class Kernel(NamedTuple):
    """A kernel for a group; kernels with equal source do the same.

    Attributes:
        source: in CUDA C++.
        group: what it computes.
        accesses: what it reads and writes.
        parts: how many threads compute one element, each a part of an inner product.
    """

    source: str
    group: Group
    accesses: Accesses
    parts: int

    @property
    def blocks(self) -> tuple[int, int]:
        """The number of blocks, and of threads in each."""
        size = math.prod(self.group.shape)
        if self.parts:
            return -(-size // 32), 32 * self.parts
        threads = 128 if size < 1 << 17 else 256
        return -(-size // threads), threads


def kernel_of(group: Group, found: Accesses, arrays: list[DeviceArray]) -> Kernel:
    """The kernel of a group.

    Args:
        group: the nodes.
        found: what the group reads and writes.
        arrays: these arrays; the kernel is valid for their strides, and takes pointers in this order.
    """
    inner = [node for node in group.steps if node.formula.function is dot]
    lengths = [arrays[found.places[id(node.operands[0])]].shape[-1] for node in inner]
    parts = min(_MOST_PARTS, max(1, 1 << (max(lengths) // _SHARE).bit_length() >> 1)) if inner else 0
    return Kernel(_Source(group, found, arrays, parts).text(), group, found, parts)


class _Source:
    """The source of one kernel: one thread per element, or with inner products a row of threads."""

    def __init__(self, group: Group, found: Accesses, arrays: list[DeviceArray], parts: int) -> None:
        self.group, self.found, self.arrays, self.parts = group, found, arrays, parts
        self.kinds = [C_TYPES[a.dtype.str[1:]] for a in arrays]
        strides = [tuple(stride // a.itemsize for stride in a.strides) for a in arrays]
        ndim = len(group.shape)
        self.along = [s[ndim:] for s in strides]  # the last axis of the operands of an inner product
        self.lengths = [a.shape[ndim:] for a in arrays]
        shape, outer = merged(group.shape, [s[:ndim] for s in strides])
        self.shape, self.size = shape, math.prod(shape)
        reach = [sum(abs(s) * (n - 1) for s, n in zip(p, shape, strict=True)) for p in outer]
        reach += [abs(s[0]) * n[0] for s, n in zip(self.along, self.lengths, strict=True) if s]
        self.whole = "int" if max([self.size, *reach]) < 2**30 else "long long"
        self.places = [" + ".join(f"i{axis} * {s}" for axis, s in enumerate(p) if s) or "0" for p in outer]

    def text(self) -> str:
        reads = len(self.found.reads)
        heads = [f"{'const ' if i < reads else ''}{kind}* __restrict__ a{i}" for i, kind in enumerate(self.kinds)]
        lines = [f'extern "C" __global__ void fused({", ".join(heads)}) {{', *self._beginning()]
        read = "part == 0 ? {} : 0" if self.parts else "{}"  # before the inner products, to hide memory latency
        for i, (kind, place) in enumerate(zip(self.kinds[:reads], self.places, strict=False)):
            if not self.along[i]:
                lines.append(f"  const {kind} x{i} = {read.format(f'a{i}[{place}]')};")
        made = self._inner_products(lines)
        for number, node in enumerate(self.group.steps):
            if node.out in made:
                continue
            words = []
            for operand, code in zip(node.operands, node.formula.types, strict=True):
                if isinstance(operand, Operand):
                    word = made.get(operand.root) or f"x{self.found.places[id(operand)]}"
                    words.append(f"({C_TYPES[code]}){word}")
                else:
                    words.append(literal(operand, code))
            made[node.out] = f"t{number}"
            lines.append(f"  const {C_TYPES[node.formula.result]} t{number} = {str(node.formula.cuda).format(*words)};")
        for i, out in enumerate(self.found.writes, reads):
            lines.append(f"  a{i}[{self.places[i]}] = {made[out]};")
        return "\n".join([*lines, "}", ""])

    def _beginning(self) -> list[str]:
        """Which element a thread computes."""
        whole, size = self.whole, self.size
        if self.parts:
            lines = ["  const int lane = threadIdx.x % 32, part = threadIdx.x / 32;"]
            lines.append(f"  const {whole} mine = ({whole})blockIdx.x * 32 + lane;")
            lines.append(f"  const {whole} i = mine < {size} ? mine : {size - 1};")
        else:
            lines = [f"  const {whole} i = ({whole})blockIdx.x * blockDim.x + threadIdx.x;"]
            lines.append(f"  if (i >= {size}) return;")
        after = size
        for axis, length in enumerate(self.shape):
            after //= length
            inner = f"i / {after}" if after > 1 else "i"
            lines.append(f"  const {whole} i{axis} = {inner if axis == 0 else f'{inner} % {length}'};")
        return lines

    def _inner_products(self, lines: list[str]) -> dict[int, str]:
        """The names of inner products: each thread of a row sums part of each, and the first thread adds the parts."""
        inner = [node for node in self.group.steps if node.formula.function is dot]
        if not inner:
            return {}
        kind = C_TYPES[inner[0].formula.result]
        lines.append(f"  __shared__ {kind} sums[{len(inner)}][PARTS][32];")
        lines += [f"  {kind} s{number} = 0;" for number in range(len(inner))]
        by_length: dict[int, list[tuple[int, int, int]]] = {}
        for number, node in enumerate(inner):
            one, two = (self.found.places[id(operand)] for operand in node.operands)
            by_length.setdefault(self.lengths[one][0], []).append((number, one, two))
        for length, sums in by_length.items():
            lines += self._loop(length, sums)
        lines += [f"  sums[{number}][part][lane] = s{number};" for number in range(len(inner))]
        lines.append("  __syncthreads();")
        lines.append(f"  if (part != 0 || mine >= {self.size}) return;")
        for number in range(len(inner)):
            lines.append(f"  for (int p = 1; p < PARTS; ++p) s{number} += sums[{number}][p][lane];")
        return {node.out: f"s{number}" for number, node in enumerate(inner)}

    def _loop(self, length: int, sums: list[tuple[int, int, int]]) -> list[str]:
        """A thread's share of some inner products, four numbers at a time if they are adjacent."""
        share = f"(({length} + PARTS - 1) / PARTS)"
        arrays = sorted({array for _, *pair in sums for array in pair})
        wide = {array for array in arrays if self._is_wide(array)} if length % (4 * self.parts) == 0 else set()
        step = 4 if wide else 1
        lines = ["  #pragma unroll 16", f"  for (int j = 0; j < {share}; j += {step}) {{"]
        lines.append(f"    const {self.whole} k = part * {share} + j;")
        if length % self.parts:
            lines.append(f"    if (k >= {length}) break;")
        for array in arrays:
            kind, place, along = self.kinds[array], self.places[array], self.along[array][0]
            if array in wide:
                lines.append(f"    const float4 w{array} = *(const float4*)(a{array} + {place} + k);")
            else:
                ks = [f"(k + {q})" if q else "k" for q in range(step)]
                lines += [
                    f"    const {kind} w{array}_{q} = a{array}[{place} + {k} * {along}];" for q, k in enumerate(ks)
                ]
        for number, *pair in sums:
            for q in range(step):
                words = [f"w{array}.{'xyzw'[q]}" if array in wide else f"w{array}_{q}" for array in pair]
                lines.append(f"    s{number} += {words[0]} * {words[1]};")
        return [*lines, "  }"]

    def _is_wide(self, array: int) -> bool:
        """Whether four numbers in a row can be read at once: from an address that is a multiple of their size."""
        found = self.arrays[array]
        steps = [stride // found.itemsize for stride, n in zip(found.strides[:-1], found.shape, strict=False) if n > 1]
        side_by_side = self.kinds[array] == "float" and self.along[array] == (1,)
        return side_by_side and _address(found) % 16 == 0 and all(step % 4 == 0 for step in steps)


def _address(array: DeviceArray) -> int:
    found = getattr(array, "__cuda_array_interface__", None) or array.__array_interface__
    return int(found["data"][0])


def place_of(number: str, shape: Shape, strides: Shape) -> str:
    """The C expression for the offset of the element with this index in order."""
    words, after = [], math.prod(shape)
    for axis, (length, stride) in enumerate(zip(shape, strides, strict=True)):
        after //= length
        word = f"{number} / {after}" if after > 1 else number
        if stride:
            words.append(f"({word if axis == 0 else f'{word} % {length}'}) * {stride}")
    return " + ".join(words) or "0"
