"""A stand-in for the GPU that compiled steps run on: NumPy's arrays, and kernels run by NumPy or compiled as C++.

What is captured is noted down call by call, on the arrays of the capture, and a launch makes these calls again. As on
a GPU, only values that were copied to the static buffers can change.
"""

import atexit
import ctypes
import hashlib
import shutil
import subprocess
import tempfile
from contextlib import nullcontext
from functools import cache
from pathlib import Path

import numpy as np

from tinyseq.compiler.fusion import Group
from tinyseq.compiler.gpu import executor
from tinyseq.compiler.gpu.moves import Operand
from tinyseq.compiler.gpu.nodes import Graph, Map
from tinyseq.compiler.gpu.source import accesses, kernel_of
from tinyseq.compiler.gpu.sums import SumKernel

SHIM = """
#include <barrier>
#include <cmath>
#include <thread>
#include <vector>
using namespace std;
struct Place { long long x; };
static Place blockIdx, blockDim;
static thread_local Place threadIdx;
static barrier<>* together;
#define __global__
#define __device__
#define __restrict__
#define __shared__ static
#define __syncthreads() together->arrive_and_wait()
struct float4 { float x, y, z, w; };
static float normcdf(float x) { return 0.5 * erfc(-(double)x / sqrt(2.0)); }
static double normcdf(double x) { return 0.5 * erfc(-x / sqrt(2.0)); }
template <class Thread> void run_block(int size, bool waits, Thread thread) {
  if (!waits) { for (threadIdx.x = 0; threadIdx.x < size; ++threadIdx.x) thread(); return; }
  barrier<> all(size); together = &all;
  vector<std::thread> threads;
  for (int i = 0; i < size; ++i) threads.emplace_back([=] { threadIdx.x = i; thread(); together->arrive_and_drop(); });
  for (auto& each : threads) each.join();
}
"""
COMPILES = False  # whether kernels are compiled, or run by NumPy
BUILT = {}


class StandIn:
    xp = np

    def __init__(self):
        self.log = None

    def allocating(self):
        return nullcontext()

    def kernel(self, kernel):
        run = compiled(kernel) if COMPILES else lambda arrays: interpreted(kernel, arrays)
        return lambda arrays: self.do(lambda: run(arrays))

    def product(self, a, b, out):
        self.do(lambda: np.matmul(a, b, out=out))

    def call(self, function, *args, **settings):
        with np.errstate(all="ignore"):
            made = np.asarray(function(*args, **settings))
        if self.log is not None and not any(isinstance(a, np.ndarray) and np.may_share_memory(made, a) for a in args):
            self.log.append(lambda: np.copyto(made, function(*args, **settings)))
            made.fill(0)
        return made

    def do(self, work):
        with np.errstate(all="ignore"):
            work() if self.log is None else self.log.append(work)

    def capture(self, work):
        self.log = log = []
        work()
        self.log = None

        def launch():
            with np.errstate(all="ignore"):
                for part in log:
                    part()

        return launch

    def copy_in(self, buffers, values):
        for buffer, value in zip(buffers, values, strict=True):
            buffer[...] = value

    def copy_out(self, buffers):
        return [buffer.copy() for buffer in buffers]


def interpreted(kernel, arrays):
    """Run a kernel with NumPy."""
    if isinstance(kernel, SumKernel):
        arrays[1][...] = kernel.computed(arrays[0]).reshape(arrays[1].shape)
        return
    reads, places, writes = kernel.accesses
    values = {}
    for node in kernel.group.steps:
        args = []
        for operand, code in zip(node.operands, node.formula.types, strict=True):
            if isinstance(operand, Operand):
                known = values.get(operand.root)
                value = arrays[places[id(operand)]] if known is None else known
                assert value.shape[: len(kernel.group.shape)] == kernel.group.shape
            else:
                value = np.asarray(operand)
            args.append(value.astype(code))
        values[node.out] = np.asarray(node.formula.function(*args)).astype(node.formula.result)
    for out, array in zip(writes, arrays[len(reads) :], strict=True):
        assert array.shape == kernel.group.shape
        array[...] = values[out]


def gxx(*words, folder):
    subprocess.run(
        [shutil.which("g++"), "-O0", "-w", "-std=c++20", "-pthread", "-fPIC", *words], cwd=folder, check=True
    )


@cache
def header():
    """What all kernels include, compiled once: it takes g++ longer than a kernel."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    (folder / "shim.h").write_text(SHIM)
    gxx("-x", "c++-header", "shim.h", "-o", "shim.h.gch", folder=folder)
    return str(folder / "shim.h")


def compiled(kernel):
    """Compile a kernel as C++, and run it for one thread after another, or at once where they wait for each other."""
    name = hashlib.sha1(f"{kernel.source}{kernel.blocks}".encode()).hexdigest()
    if name not in BUILT:
        folder = Path(tempfile.mkdtemp())
        heads = kernel.source.partition("(")[2].partition(")")[0].replace("__restrict__", "").split(", ")
        given = ", ".join(f"({head.rpartition(' ')[0]})a[{i}]" for i, head in enumerate(heads))
        blocks, size = kernel.blocks
        waits = str("__syncthreads" in kernel.source).lower()
        loop = f'extern "C" void run(void** a) {{ blockDim.x = {size}; '
        loop += f"for (blockIdx.x = 0; blockIdx.x < {blocks}; ++blockIdx.x) "
        loop += f"run_block({size}, {waits}, [=] {{ fused({given}); }}); }}"
        (folder / "k.cpp").write_text(f"#define PARTS {kernel.parts}\n" + kernel.source + loop)
        gxx("-include", header(), "-shared", "k.cpp", "-o", "k.so", folder=folder)
        BUILT[name] = ctypes.CDLL(folder / "k.so")
        shutil.rmtree(folder)

    def run(arrays):
        pointers = (ctypes.c_void_p * len(arrays))(*(a.__array_interface__["data"][0] for a in arrays))
        BUILT[name].run(pointers)

    return run


def evaluated(made, arrays):
    """Formulas of arrays, computed by one kernel that is compiled."""
    operands = [Operand(number) for number in range(len(arrays))]
    outs = range(len(arrays), len(arrays) + len(made))
    shape = arrays[0].shape
    nodes = [
        Map(out, formula, tuple(operands[: len(formula.types)]), shape, np.dtype(formula.result))
        for out, formula in zip(outs, made, strict=True)
    ]
    group = Group(shape, tuple(nodes), (), tuple(outs))
    graph = Graph(shapes={number: (shape, array.dtype) for number, array in enumerate(arrays)})
    found = accesses(graph, group)
    used = [*arrays, *(np.empty(shape, formula.result) for formula in made)]
    compiled(kernel_of(group, found, used))(used)
    return used[len(arrays) :]


class Executor(executor.Executor):
    """The GPU's executor on the stand-in: as there, whole numbers and conditions are the host's."""

    def __init__(self, program):
        program.host = {n for n in program.inputs if program.values[n].dtype.kind in "iub"}
        super().__init__(program, StandIn())

    def _capture(self, graphs, inputs):
        graphs.give(inputs)
        graphs.capture()  # what goes wrong here is a mistake, and no reason to run call by call
