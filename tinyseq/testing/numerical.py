"""Numerical derivatives, by evaluation alone and independent of any rule.

A function here takes NumPy arrays and gives one vector: all of its outputs, flattened and joined. Its Jacobian has a
row for each element of the outputs and a column for each element of one input.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

Values = np.ndarray[Any, np.dtype[Any]]
Function = Callable[[Sequence[Values]], Values]


def central_differences(function: Function, arrays: Sequence[Values], i: int, eps: float) -> Values:
    """The Jacobian with respect to the i-th array: (f(x + eps) - f(x - eps)) / 2 eps for each of its elements.

    The error is eps² |f'''| / 6 from the curvature, and about 1e-16 |f| / eps from rounding.
    """

    def column(place: tuple[int, ...]) -> Values:
        ahead, behind = function(moved(arrays, i, place, eps)), function(moved(arrays, i, place, -eps))
        return (ahead - behind) / (2 * eps)

    return _columns(function, arrays, i, column)


def complex_step(function: Function, arrays: Sequence[Values], i: int, eps: float = 1e-20) -> Values:
    """The Jacobian with respect to the i-th array of an analytic function: Im f(x + i eps) / eps.

    Nothing is subtracted, so nothing cancels: the result is exact to the last digits (Squire and Trapp, 1998).
    """
    return _columns(function, arrays, i, lambda place: function(moved(arrays, i, place, 1j * eps)).imag / eps)


def moved(arrays: Sequence[Values], i: int, place: tuple[int, ...], step: complex) -> list[Values]:
    """The arrays, with one element of the i-th moved by a step."""
    changed = arrays[i].astype(complex) if isinstance(step, complex) else arrays[i].copy()
    changed[place] += step
    return [*arrays[:i], changed, *arrays[i + 1 :]]


def joined(parts: Sequence[Values]) -> Values:
    """Arrays flattened into one vector."""
    return np.concatenate([np.reshape(part, -1) for part in parts]) if parts else np.zeros(0)


def places(shapes: Sequence[tuple[int, ...]]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """For each element of `joined` arrays of these shapes: which array it is from, and its index there."""
    return ((k, index) for k, shape in enumerate(shapes) for index in np.ndindex(shape))


def _columns(
    function: Function, arrays: Sequence[Values], i: int, column: Callable[[tuple[int, ...]], Values]
) -> Values:
    columns = [column(place) for place in np.ndindex(arrays[i].shape)]
    return np.stack(columns, axis=1) if columns else np.zeros((function(arrays).size, 0))
