"""The address of NumPy's own matrix product: a second BLAS in the process would compete for the cores."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np


@cache
def _library() -> ctypes.CDLL | None:
    """The OpenBLAS that NumPy's wheels bring; None for other builds."""
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        for file in sorted(folder.glob("libscipy_openblas64_*")):
            try:
                return ctypes.CDLL(str(file))  # NumPy has already loaded it: this returns the same one
            except OSError:
                continue
    return None


def gemm(dtype: str) -> int | None:
    """The address of cblas_sgemm or cblas_dgemm in the OpenBLAS that NumPy's wheels bring; None for other builds.

    Args:
        dtype: ``"float32"`` or ``"float64"``.
    """
    name = {"float32": "scipy_cblas_sgemm64_", "float64": "scipy_cblas_dgemm64_"}[dtype]
    function = getattr(_library(), name, None)
    return None if function is None else ctypes.cast(function, ctypes.c_void_p).value


def threads() -> int:
    """How many threads a product may use; 1 if unknown."""
    function = getattr(_library(), "scipy_openblas_get_num_threads64_", None)
    return 1 if function is None else int(function())


@contextmanager
def one_thread() -> Iterator[None]:
    """Let each product use one thread while several threads multiply at once. This sets the whole process."""
    count, limit = threads(), getattr(_library(), "scipy_openblas_set_num_threads64_", None)
    if count == 1 or limit is None:
        yield
        return
    limit(1)
    try:
        yield
    finally:
        limit(count)
