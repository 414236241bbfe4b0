"""CuPy as the device of compiled steps: kernels, products that can be captured, graphs."""

import ctypes
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from tinyseq.backend import DeviceArray
from tinyseq.compiler.formulas import C_TYPES
from tinyseq.compiler.gpu.moves import Shape
from tinyseq.compiler.gpu.nodes import Unsupported
from tinyseq.compiler.gpu.source import Kernel
from tinyseq.compiler.gpu.sums import SumKernel

_MOST_COPIES = 100  # the most of one kernel: its arguments are limited to 4 KB
_WORKSPACE = 32 << 20  # bytes, as NVIDIA recommends for its newer devices


class Cuda:
    """The current GPU, with memory for one program.

    Attributes:
        xp: CuPy.
    """

    def __init__(self) -> None:
        import cupy

        self.xp: Any = cupy
        self._pool = cupy.cuda.MemoryPool()
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._blas: Blas | None = None
        self._copies: dict[Any, Any] = {}

    @contextmanager
    def allocating(self) -> Iterator[None]:
        """A context in which new arrays come from this program's own pool, and work runs on its own stream."""
        wait = self.xp.cuda.Device().synchronize
        wait()
        with self.xp.cuda.using_allocator(self._pool.malloc), self._stream:
            yield
        wait()

    def kernel(self, kernel: Kernel | SumKernel) -> Callable[[list[DeviceArray]], None]:
        """Compile a kernel, which runs one thread per element."""
        function = self.xp.RawModule(
            code=kernel.source, options=("--std=c++17", f"-DPARTS={kernel.parts}")
        ).get_function("fused")
        grid, block = kernel.blocks

        def launch(arrays: list[DeviceArray]) -> None:
            function((grid,), (block,), tuple(arrays))

        return launch

    def product(self, a: DeviceArray, b: DeviceArray, out: DeviceArray) -> None:
        """Write the matrix product of two arrays to a third one, with cuBLAS."""
        if self._blas is None:
            self._blas = Blas(self.xp)
        self._blas.use(self.xp.cuda.get_current_stream())
        try:
            self._blas.product(gemm_of(self.xp, a, b, out))
        except ValueError:
            found = self.xp.empty(out.shape, out.dtype)
            self._blas.product(gemm_of(self.xp, a, b, found))
            out[...] = found

    def call(self, function: Callable[..., DeviceArray], *args: Any, **settings: Any) -> DeviceArray:
        """The result of one of CuPy's functions."""
        return function(*args, **settings)

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """Capture ``work`` as a CUDA graph, and return what launches it on the current stream."""
        stream = self.xp.cuda.get_current_stream()
        stream.begin_capture()
        try:
            work()
        except Exception as error:
            self._end(stream)
            raise Unsupported(f"CuPy cannot capture it: {type(error).__name__}: {error}") from error
        graph = stream.end_capture()

        def launch() -> None:
            graph.launch(self.xp.cuda.get_current_stream())

        return launch

    def _end(self, stream: Any) -> None:
        try:
            stream.end_capture()
        except Exception:  # ending a capture that failed raises again
            self._stream = self.xp.cuda.Stream(non_blocking=True)

    def copy_in(self, buffers: list[DeviceArray], values: list[DeviceArray]) -> None:
        """Copy arrays on the device or the host to static buffers."""
        alike = []
        for buffer, value in zip(buffers, values, strict=True):
            if isinstance(value, np.ndarray | np.generic):
                buffer.set(np.asarray(value, dtype=buffer.dtype, order="C"))
            elif _is_plain(value) and value.dtype == buffer.dtype:
                alike.append((value, buffer))
            else:
                buffer[...] = value
        self._copy(alike)

    def copy_out(self, buffers: list[DeviceArray]) -> list[DeviceArray]:
        """New arrays with the values of static ones."""
        found, alike = [], []
        for buffer in buffers:
            if _is_plain(buffer):
                alike.append((buffer, self.xp.empty(buffer.shape, buffer.dtype)))
                found.append(alike[-1][1])
            else:
                found.append(buffer.copy())
        self._copy(alike)
        return found

    def _copy(self, pairs: list[tuple[DeviceArray, DeviceArray]]) -> None:
        """Copy arrays to others with one kernel, since each launch takes time on the host."""
        for start in range(0, len(pairs), _MOST_COPIES):
            some = pairs[start : start + _MOST_COPIES]
            key = tuple([(array.dtype.str, array.size) for array, _ in some])
            if key not in self._copies:
                code = copies([(C_TYPES[kind[1:]], size) for kind, size in key])
                self._copies[key] = self.xp.RawModule(code=code).get_function("fused")
            largest = max(size for _, size in key)
            blocks = min(1024, -(-largest // 256))
            self._copies[key]((blocks,), (256,), tuple([array for pair in some for array in pair]))


def _is_plain(array: DeviceArray) -> bool:
    """Whether an array is contiguous, and its type exists in C."""
    return bool(array.flags.c_contiguous) and array.dtype.str[1:] in C_TYPES


def copies(arrays: list[tuple[str, int]]) -> str:
    """The source of a kernel that copies arrays of these C types and sizes, each to the one after it."""
    heads = [f"const {kind}* a{i}, {kind}* b{i}" for i, (kind, _) in enumerate(arrays)]
    lines = [f'extern "C" __global__ void fused({", ".join(heads)}) {{']
    lines.append(
        "  const long long first = (long long)blockIdx.x * blockDim.x + threadIdx.x, all = gridDim.x * blockDim.x;"
    )
    lines += [f"  for (long long i = first; i < {n}; i += all) b{k}[i] = a{k}[i];" for k, (_, n) in enumerate(arrays)]
    return "\n".join([*lines, "}", ""])


class Blas:
    """cuBLAS with its own handle, since CuPy's cannot be captured."""

    def __init__(self, xp: Any) -> None:
        xp.ones((2, 2), np.float32) @ xp.ones((2, 2), np.float32)  # which loads the library
        with open("/proc/self/maps", encoding="utf-8") as maps:
            path = next((line.split()[-1] for line in maps if "libcublas.so" in line), None)
        if path is None:
            raise Unsupported("cuBLAS was not found")
        self._library = ctypes.CDLL(path)
        self._handle = ctypes.c_void_p()
        self._call("cublasCreate_v2", ctypes.byref(self._handle))
        self._space = xp.empty(_WORKSPACE, np.uint8)
        self._stream: int | None = None

    def use(self, stream: Any) -> None:
        """Use a stream, with this program's workspace."""
        if stream.ptr == self._stream:
            return
        self._stream = stream.ptr
        self._call("cublasSetStream_v2", self._handle, ctypes.c_void_p(stream.ptr))
        size = ctypes.c_size_t(self._space.nbytes)
        self._call("cublasSetWorkspace_v2", self._handle, _pointer(self._space), size)

    def _call(self, name: str, *args: Any) -> None:
        code = getattr(self._library, name)(*args)
        if code:
            raise Unsupported(f"{name} returned the error {code}")

    def product(self, product: "Gemm") -> None:
        """One call of cuBLAS, which stores matrices by columns: the product is computed from the transposes."""
        first, second, out, count = product.second, product.first, product.out, product.matrices
        rows, inner, columns = product.sizes
        single = out.array.dtype == np.float32
        number, long = (ctypes.c_float if single else ctypes.c_double), ctypes.c_longlong
        factors = [
            (_pointer(factor.array), factor.leading, *([long(factor.step)] if count > 1 else []))
            for factor in (first, second, out)
        ]
        self._call(
            f"cublas{'S' if single else 'D'}gemm{'StridedBatched' if count > 1 else '_v2'}",
            *(self._handle, int(first.across), int(second.across), columns, rows, inner),
            *(ctypes.byref(number(1)), *factors[0], *factors[1], ctypes.byref(number(0)), *factors[2]),
            *([count] if count > 1 else []),
        )


def _pointer(array: DeviceArray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.data.ptr)


class Factor(NamedTuple):
    """A matrix, or a batch of them, as BLAS takes it.

    Attributes:
        array: the array.
        across: whether its columns, not its rows, are contiguous in memory.
        leading: the distance between rows (or columns).
        step: the distance between matrices.
    """

    array: DeviceArray
    across: bool
    leading: int
    step: int

    @property
    def transposed(self) -> "Factor":
        """Its transpose."""
        return self._replace(across=not self.across)


class Gemm(NamedTuple):
    """A product for BLAS: its factors, and its result, whose rows are contiguous.

    Attributes:
        sizes: the rows and columns of the first factor, and the columns of the second.
        matrices: how many there are in the batch.
    """

    first: Factor
    second: Factor
    out: Factor
    sizes: tuple[int, int, int]
    matrices: int


def gemm_of(xp: Any, a: DeviceArray, b: DeviceArray, out: DeviceArray) -> Gemm:
    """How BLAS computes a product; factors with a layout that it does not accept are copied."""
    batch = out.shape[:-2]
    result = _factor(out, batch)
    if result is None:
        raise ValueError("the result has a layout that BLAS cannot write")
    first, second = _copied(xp, a, batch), _copied(xp, b, batch)
    rows, inner, columns = a.shape[-2], a.shape[-1], b.shape[-1]
    if result.across:
        first, second, result = second.transposed, first.transposed, result.transposed
        rows, columns = columns, rows
    return Gemm(first, second, result, (rows, inner, columns), math.prod(batch))


def _copied(xp: Any, matrix: DeviceArray, batch: Shape) -> Factor:
    """A factor, copied if necessary."""
    matrix = xp.broadcast_to(matrix, (*batch, *matrix.shape[-2:]))
    found = _factor(matrix, batch) or _factor(xp.array(matrix, order="C"), batch)
    assert found is not None
    return found


def _factor(array: DeviceArray, batch: Shape) -> Factor | None:
    """A batch of matrices as BLAS accepts them; None if their layout is different."""
    rows, columns = array.shape[-2:]
    *steps, down, along = (stride // array.itemsize for stride in array.strides)
    step = _even(batch, steps)
    if step is None or step < 0:
        return None
    if (along == 1 or columns == 1) and (down >= columns or rows == 1):
        return Factor(array, False, max(columns, down if rows > 1 else 1), step)
    if (down == 1 or rows == 1) and (along >= rows or columns == 1):
        return Factor(array, True, max(rows, along if columns > 1 else 1), step)
    return None


def _even(batch: Shape, steps: list[int]) -> int | None:
    """The distance from each matrix of a batch to the next one, if it is the same everywhere."""
    axes = [(length, step) for length, step in zip(batch, steps, strict=True) if length > 1]
    for (_, outer), (length, inner) in pairwise(axes):
        if outer != inner * length:
            return None
    return axes[-1][1] if axes else 0
