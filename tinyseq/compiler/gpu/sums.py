"""CUDA source of sums over axes."""

import math
from typing import NamedTuple

import numpy as np

from tinyseq.backend import DeviceArray
from tinyseq.compiler.formulas import C_TYPES
from tinyseq.compiler.fusion import merged
from tinyseq.compiler.gpu.source import place_of

_THREADS = 256
_LONGEST = 1 << 12  # elements that one block sums, if there are too few blocks for the device
_FEW, _ENOUGH = 128, 1024  # blocks


class SumKernel(NamedTuple):
    """The kernel of a sum over the last axes of an array.

    Attributes:
        source: in CUDA C++.
        kept: the number of axes that are kept.
        pieces: how many partial sums each result is split into.
        blocks: the number of blocks, and of threads in each.
        parts: how many threads compute one element, which these kernels do not fix.
    """

    source: str
    kept: int
    pieces: int
    blocks: tuple[int, int]
    parts: int = 0

    def computed(self, array: DeviceArray) -> DeviceArray:
        """What the kernel computes, done with NumPy: a row of sums for each result."""
        size = math.prod(array.shape[: self.kept])
        rows = array.reshape(size, -1)
        share = -(-rows.shape[1] // self.pieces)
        return np.stack([rows[:, i * share : (i + 1) * share].sum(axis=1) for i in range(self.pieces)], axis=1)


def pieces_of(shape: tuple[int, ...], kept: int) -> int:
    """How many partial sums each result is split into, so that there are enough blocks."""
    results, length = math.prod(shape[:kept]), math.prod(shape[kept:])
    if results >= _FEW or length <= _LONGEST:
        return 1
    return min(_ENOUGH // results, -(-length // _LONGEST))


def sum_kernel(array: DeviceArray, kept: int, pieces: int) -> SumKernel:
    """The kernel that sums an array over all axes after the first ``kept``."""
    kind = C_TYPES[array.dtype.str[1:]]
    strides = tuple(stride // array.itemsize for stride in array.strides)
    outer, (across,) = merged(array.shape[:kept], [strides[:kept]])
    inner, (along,) = merged(array.shape[kept:], [strides[kept:]])
    results, length = math.prod(outer), math.prod(inner)
    reach = sum(abs(stride) * (n - 1) for stride, n in zip(strides, array.shape, strict=True))
    wide = "double" if kind == "float" else kind  # a thread adds its share one by one
    whole = "int" if max(reach, array.size) < 2**30 else "long long"
    beside = bool(across and across[-1] == 1 and pieces == 1 and results >= 32)
    share = -(-length // pieces)
    lines = [f'extern "C" __global__ void fused(const {kind}* __restrict__ a0, {kind}* __restrict__ a1) {{']
    if beside:  # adjacent threads read adjacent results; further threads share the sum of each
        lines += ["  const int lane = threadIdx.x % 32, part = threadIdx.x / 32, parts = blockDim.x / 32;"]
        lines += [f"  const {whole} mine = ({whole})blockIdx.x * 32 + lane;"]
        lines += [f"  const {whole} o = mine < {results} ? mine : {results - 1};"]
        first, after, begin, end = "part", "parts", "0", str(length)
    else:
        lines += [f"  const {whole} o = blockIdx.x / {pieces}, piece = blockIdx.x % {pieces};"]
        first, after, begin = "threadIdx.x", "blockDim.x", f"piece * {share}"
        end = f"({begin} + {share} < {length} ? {begin} + {share} : {length})"
    lines += [f"  const {kind}* from = a0 + ({place_of('o', outer, across)});", f"  {wide} sum = 0;"]
    lines += [
        f"  for ({whole} r = {begin} + {first}; r < {end}; r += {after}) sum += from[{place_of('r', inner, along)}];"
    ]
    lines += [f"  __shared__ {wide} sums[1024];", "  sums[threadIdx.x] = sum;", "  __syncthreads();"]
    least = 32 if beside else 1
    lines += [f"  for (int n = blockDim.x / 2; n >= {least}; n /= 2) {{"]
    lines += ["    if (threadIdx.x < n) sums[threadIdx.x] += sums[threadIdx.x + n];", "    __syncthreads();", "  }"]
    if beside:
        lines += [f"  if (part == 0 && mine < {results}) a1[o] = sums[lane];", "}", ""]
        return SumKernel("\n".join(lines), kept, 1, (-(-results // 32), 1024))
    lines += ["  if (threadIdx.x == 0) a1[blockIdx.x] = sums[0];", "}", ""]
    threads = min(_THREADS, max(32, 1 << (share - 1).bit_length()))
    return SumKernel("\n".join(lines), kept, pieces, (results * pieces, threads))
