"""The address of NumPy's own matrix product: another library of products in the process would compete for the cores."""

import ctypes
from functools import cache
from pathlib import Path

import numpy as np


@cache
def gemm(dtype: str) -> int | None:
    """The address of cblas_sgemm or cblas_dgemm in the OpenBLAS that NumPy's wheels bring; None for other builds.

    Args:
        dtype: ``"float32"`` or ``"float64"``.
    """
    name = {"float32": "scipy_cblas_sgemm64_", "float64": "scipy_cblas_dgemm64_"}[dtype]
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        for file in sorted(folder.glob("libscipy_openblas64_*")):
            try:
                library = ctypes.CDLL(str(file))  # which NumPy has loaded: this is the same one
                return ctypes.cast(getattr(library, name), ctypes.c_void_p).value
            except (OSError, AttributeError):
                continue
    return None
