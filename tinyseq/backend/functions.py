"""Functions of numbers that array libraries lack, or name differently, and which numbers they are of."""

import math
from typing import Any

import numpy as np

from tinyseq.backend.devices import to_numpy
from tinyseq.backend.namespaces import NUMPY, Array, Namespace, extension


@extension
def erf(xp: Namespace, array: Array) -> Array:
    """The error function, which array libraries lack; the C library's, element by element."""
    if xp.name == "cupy":
        from cupyx.scipy.special import erf as on_device

        return on_device(array)
    values = _real(to_numpy(array))
    return xp.asarray(np.asarray(_ERF(values), dtype=values.dtype))


@extension
def normal_cdf(xp: Namespace, array: Array) -> Array:
    """erfc(-x / sqrt 2) / 2. The quotient is taken in two parts, as erfc would magnify its rounding."""
    if xp.name == "cupy":
        from cupyx.scipy.special import ndtr as on_device

        return on_device(array)
    values = _real(to_numpy(array))
    with np.errstate(under="ignore", invalid="ignore"):
        exact = -np.clip(values, -50, 50).astype(np.longdouble) / np.sqrt(np.longdouble(2))
        rounded = exact.astype(np.float64)
        rest = (exact - rounded).astype(np.float64)
        found = np.asarray(_ERFC(rounded), dtype=np.float64)
        found = (found - rest * (2 / math.sqrt(math.pi)) * np.exp(-rounded * rounded)) / 2
    return xp.asarray(found.astype(values.dtype))


def is_half(x: Any) -> bool:
    """Whether an array or a tensor is of float16, in which sums and squares soon overflow."""
    return getattr(x.dtype, "char", "") == "e"


def of_real(xp: Any, x: Any) -> Any:
    """The array itself; complex numbers are a TypeError, for functions whose formula is of real ones."""
    if xp.isdtype(x.dtype, "complex floating"):
        raise TypeError(f"takes real numbers, got {x.dtype}")
    return x


def _real(values: np.ndarray[Any, np.dtype[Any]]) -> np.ndarray[Any, np.dtype[Any]]:
    """Whole numbers as float64."""
    of_real(NUMPY, values)
    return values if values.dtype.kind == "f" else values.astype(np.float64)


_ERF, _ERFC = np.frompyfunc(math.erf, 1, 1), np.frompyfunc(math.erfc, 1, 1)


@extension
def fmin(xp: Namespace, x: Array, y: Array) -> Array:
    """The smaller of two; where one is NaN, the other one."""
    return xp.where(xp.isnan(x), y, xp.minimum(x, y))


@extension
def einsum(xp: Namespace, subscripts: str, *operands: Array) -> Array:
    """Sums of products for libraries without einsum, by way of NumPy."""
    return xp.asarray(np.einsum(subscripts, *(to_numpy(x) for x in operands)))


@extension
def cumulative_sum(xp: Namespace, array: Array, *, axis: int) -> Array:
    """The standard's name for cumsum, where a library has only the older one."""
    return xp.cumsum(array, axis=axis)


@extension
def cumulative_prod(xp: Namespace, array: Array, *, axis: int) -> Array:
    """The standard's name for cumprod, where a library has only the older one."""
    return xp.cumprod(array, axis=axis)
