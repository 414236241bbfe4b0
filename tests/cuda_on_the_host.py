"""CUDA kernels compiled as C++, so that what they compute is tested where there is no GPU.

Blocks run one after the other. A block has one thread, or as many as a test asks for: these are threads of the system,
which wait for each other at every barrier as those of a GPU do, so that a barrier that is missing shows.
"""

import ctypes
import functools
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest

THREADS = 1  # of a block

_SHIM = r"""
#include <cmath>
#include <cstring>
#include <pthread.h>
using std::exp; using std::log;
struct dim3 { int x; };
static dim3 blockDim, gridDim;
static thread_local dim3 threadIdx, blockIdx;
static pthread_barrier_t barrier;
#define __device__
#define __global__
#define __launch_bounds__(threads)
#define __shared__
static inline double __longlong_as_double(long long bits) { double x; std::memcpy(&x, &bits, 8); return x; }
static void __syncthreads() { if (blockDim.x > 1) pthread_barrier_wait(&barrier); }
static double exchanged[1024];
static int __syncthreads_or(int x) {
  if (blockDim.x == 1) return x;
  exchanged[threadIdx.x] = x; __syncthreads();
  int any = 0;
  for (int i = 0; i < blockDim.x; ++i) any |= exchanged[i] != 0;
  __syncthreads();
  return any;
}
static double __shfl_xor_sync(unsigned, double x, int o) {
  if (blockDim.x == 1) return x;
  exchanged[threadIdx.x] = x; __syncthreads();
  x = exchanged[threadIdx.x ^ o]; __syncthreads();
  return x;
}
"""
_LAUNCH = r"""
double shared[6144];
struct Thread { void (*run)(void**); void** arguments; int block, thread; pthread_t handle; };
static void* one(void* given) {
  Thread* t = (Thread*)given; blockIdx.x = t->block; threadIdx.x = t->thread; t->run(t->arguments); return 0;
}
static void launch(void (*run)(void**), void** arguments, int blocks, int threads) {
  gridDim.x = blocks; blockDim.x = threads;
  pthread_barrier_init(&barrier, 0, threads);
  for (int block = 0; block < blocks; ++block) {
    std::memset(shared, 0xff, sizeof shared);  /* NaN, as memory is not zero on a GPU */
    Thread* all = new Thread[threads];
    for (int i = 0; i < threads; ++i) all[i] = {run, arguments, block, i};
    if (threads == 1) one(&all[0]);
    else {
      for (int i = 0; i < threads; ++i) pthread_create(&all[i].handle, 0, one, &all[i]);
      for (int i = 0; i < threads; ++i) pthread_join(all[i].handle, 0);
    }
    delete[] all;
  }
  pthread_barrier_destroy(&barrier);
}
"""
_KERNEL = re.compile(r'extern "C" __global__ void __launch_bounds__\(\d+\)\s(\w+)\(([^)]*)\)')
_DEFINED = re.compile(r"-D(\w+)=(\w+)")


class RawModule:
    """As ``cupy.RawModule``, for arrays of the stand-in."""

    def __init__(self, code, options=()):
        self._library = _compiled(code, tuple(options))

    def get_function(self, name):
        run = getattr(self._library, f"launch_{name}")

        def kernel(grid, block, args, *, shared_mem=0):
            assert 1 <= grid[0] < 2**31
            assert 1 <= block[0] <= 1024
            assert block[0] % 32 == 0
            assert 0 <= shared_mem <= 48 << 10
            values = [_value(argument) for argument in args]
            pointers = (ctypes.c_void_p * len(values))(*(value.ctypes.data for value in values))
            run(pointers, grid[0], THREADS)

        return kernel


def _value(argument):
    """A kernel's argument as an array of one value: the number itself, or where the elements lie."""
    if isinstance(argument, np.generic):
        return np.array([argument])
    elements = argument._values
    assert elements.flags.c_contiguous
    return np.array([elements.ctypes.data], dtype=np.uintp)


@functools.cache
def _compiled(code, options):
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("there is no C++ compiler to run the kernels on the host")
    launchers = []
    for name, parameters in _KERNEL.findall(code):
        types = [parameter.rpartition("*")[0] + "*" if "*" in parameter else parameter.split()[0]
                 for parameter in parameters.split(",")]  # fmt: skip
        arguments = ", ".join(f"*({kind}*)a[{i}]" for i, kind in enumerate(types))
        launchers.append(
            f"static void run_{name}(void** a) {{ {name}({arguments}); }}\n"
            f'extern "C" void launch_{name}(void** a, int blocks, int threads) '
            f"{{ launch(run_{name}, a, blocks, threads); }}\n"
        )
    code = "".join(f"#define {name} {value}\n" for name, value in map(_defined, options)) + code
    folder = Path(tempfile.mkdtemp(prefix="tinyseq-kernels-"))
    try:
        source, library = folder / "kernels.cpp", folder / "kernels.so"
        source.write_text(_SHIM + code + _LAUNCH + "".join(launchers), encoding="utf-8")
        command = [compiler, "-std=c++17", "-O1", "-shared", "-fPIC", "-pthread", source, "-o", library]
        subprocess.run(command, check=True)
        return ctypes.CDLL(str(library))
    finally:
        shutil.rmtree(folder)


def _defined(option):
    return _DEFINED.fullmatch(option).groups()
