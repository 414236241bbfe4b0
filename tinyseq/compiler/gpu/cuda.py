"""CuPy as the device of compiled steps: kernels, products that can be captured, graphs."""

import ctypes
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from tinyseq.backend import Array
from tinyseq.compiler.gpu.nodes import Unsupported
from tinyseq.compiler.gpu.source import Kernel

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
        self._blas: _Blas | None = None

    def allocating(self) -> AbstractContextManager[Any]:
        """A context in which new arrays lie in this program's own pool."""
        found: AbstractContextManager[Any] = self.xp.cuda.using_allocator(self._pool.malloc)
        return found

    def kernel(self, kernel: Kernel) -> Callable[[list[Array]], None]:
        """Compile a kernel, which runs a thread for each element."""
        function = self.xp.RawModule(code=kernel.source, options=("--std=c++17",)).get_function("fused")
        block = 128 if kernel.size < 1 << 17 else 256
        grid = (-(-kernel.size // block),)

        def launch(arrays: list[Array]) -> None:
            function(grid, (block,), tuple(arrays))

        return launch

    def product(self, a: Array, b: Array, out: Array) -> None:
        """Write the matrix product of two arrays to a third one, by cuBLAS."""
        if self._blas is None:
            with self.allocating():
                self._blas = _Blas(self.xp)
        self._blas.product(a, b, out)

    def call(self, function: Callable[..., Array], *args: Any, **settings: Any) -> Array:
        """The result of one of CuPy's functions."""
        return function(*args, **settings)

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """Capture ``work`` as a CUDA graph, and return what launches it on the current stream."""
        cuda = self.xp.cuda
        cuda.Device().synchronize()
        with self._stream:
            self._stream.begin_capture()
            try:
                work()
            except Exception as error:
                self._end()
                raise Unsupported(f"CuPy cannot capture it: {type(error).__name__}: {error}") from error
            graph = self._stream.end_capture()

        def launch() -> None:
            graph.launch(cuda.get_current_stream())

        return launch

    def _end(self) -> None:
        try:
            self._stream.end_capture()
        except Exception:  # the capture is invalid, which is why it ends
            self._stream = self.xp.cuda.Stream(non_blocking=True)

    def copy_in(self, buffer: Array, values: Array) -> None:
        """Copy an array of the device or of the host to a static buffer."""
        if isinstance(values, np.ndarray):
            buffer.set(np.ascontiguousarray(values, dtype=buffer.dtype))
        elif values.flags.c_contiguous and values.dtype == buffer.dtype:
            buffer.data.copy_from_device_async(values.data, buffer.nbytes, self.xp.cuda.get_current_stream())
        else:
            buffer[...] = values

    def copy_out(self, buffer: Array) -> Array:
        """A new array with the values of a static one."""
        return buffer.copy()


class _Blas:
    """cuBLAS by its own handle, as CuPy's refuses to be captured."""

    def __init__(self, xp: Any) -> None:
        self._xp = xp
        xp.ones((2, 2), np.float32) @ xp.ones((2, 2), np.float32)  # which loads the library
        with open("/proc/self/maps", encoding="utf-8") as maps:
            path = next((line.split()[-1] for line in maps if "libcublas.so" in line), None)
        if path is None:
            raise Unsupported("cuBLAS was not found")
        self._library = ctypes.CDLL(path)
        self._handle = ctypes.c_void_p()
        self._checked(self._library.cublasCreate_v2(ctypes.byref(self._handle)))
        self._space = xp.empty(_WORKSPACE, np.uint8)

    def product(self, a: Array, b: Array, out: Array) -> None:
        xp, batch = self._xp, out.shape[:-2]
        stream = xp.cuda.get_current_stream()
        self._checked(self._library.cublasSetStream_v2(self._handle, ctypes.c_void_p(stream.ptr)))
        space = ctypes.c_void_p(self._space.data.ptr), ctypes.c_size_t(self._space.nbytes)
        self._checked(self._library.cublasSetWorkspace_v2(self._handle, *space))
        target = (
            out
            if _leading(out) is not None and _batch_stride(out, batch) is not None
            else xp.empty_like(out, order="C")
        )
        (a, across_a, lead_a, step_a), (b, across_b, lead_b, step_b) = (_matrix(xp, m, batch) for m in (a, b))
        found = _leading(target)
        assert found is not None
        if found[0]:  # the transpose of the result is the product of the transposes, which is what cuBLAS calls it by
            a, b = xp.swapaxes(b, -1, -2), xp.swapaxes(a, -1, -2)
            across_a, lead_a, step_a, across_b, lead_b, step_b = (
                1 - across_b,
                lead_b,
                step_b,
                1 - across_a,
                lead_a,
                step_a,
            )
        rows, inner, columns = a.shape[-2], a.shape[-1], b.shape[-1]
        single = out.dtype == np.float32
        number = ctypes.c_float if single else ctypes.c_double
        pointer, long, count = ctypes.c_void_p, ctypes.c_longlong, math.prod(batch)
        name = f"cublas{'S' if single else 'D'}gemm{'StridedBatched' if count > 1 else '_v2'}"
        step = _batch_stride(target, batch) or 0
        factors: list[Any] = [pointer(b.data.ptr), lead_b, long(step_b), pointer(a.data.ptr), lead_a, long(step_a)]
        result: list[Any] = [ctypes.byref(number(0)), pointer(target.data.ptr), found[1], long(step), count]
        if count == 1:
            factors, result = [part for part in factors if not isinstance(part, long)], result[:3]
        sizes = [across_b, across_a, columns, rows, inner]
        self._checked(getattr(self._library, name)(self._handle, *sizes, ctypes.byref(number(1)), *factors, *result))
        if target is not out:
            out[...] = target

    def _checked(self, code: int) -> None:
        if code:
            raise Unsupported(f"cuBLAS gives the error {code}")


def _leading(matrix: Array) -> tuple[int, int] | None:
    """Whether a matrix lies transposed in memory, and the distance of its rows there; None if it is neither way."""
    rows, columns = matrix.shape[-2:]
    down, along = (stride // matrix.itemsize for stride in matrix.strides[-2:])
    if (along == 1 or columns == 1) and (down >= columns or rows == 1):
        return 0, max(columns, down if rows > 1 else columns)
    if (down == 1 or rows == 1) and (along >= rows or columns == 1):
        return 1, max(rows, along if columns > 1 else rows)
    return None


def _batch_stride(array: Array, batch: tuple[int, ...]) -> int | None:
    """The distance of the matrices of a batch, if it is one number."""
    strides = [stride // array.itemsize for stride, n in zip(array.strides, batch, strict=False) if n > 1]
    lengths = [n for n in batch if n > 1]
    for outer, inner, length in zip(strides, strides[1:], lengths[1:], strict=False):
        if outer != inner * length:
            return None
    return strides[-1] if strides else 0


def _matrix(xp: Any, array: Array, batch: tuple[int, ...]) -> tuple[Array, int, int, int]:
    """A factor as cuBLAS takes it: the array, whether it lies transposed, and the two distances."""
    array = xp.broadcast_to(array, (*batch, *array.shape[-2:]))
    found, step = _leading(array), _batch_stride(array, batch)
    if found is None or step is None or step < 0:
        array = xp.ascontiguousarray(array)
        found, step = _leading(array), _batch_stride(array, batch)
    assert found is not None
    assert step is not None
    return array, found[0], found[1], step
