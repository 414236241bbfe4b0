"""Masked arrays: what is masked is missing."""

from typing import Any

import numpy as np


def unmasked(x: Any) -> Any:
    """A masked array with NaN for masked real numbers, and None for anything else that is masked.

    Args:
        x: a masked array; anything else is given back as it is.

    Example:
        >>> unmasked(np.ma.array([0.5, 1.5], mask=[False, True])), unmasked(np.ma.array([0, 1], mask=[True, False]))
        (array([0.5, nan]), array([None, 1], dtype=object))
    """
    if not isinstance(x, np.ma.MaskedArray):
        return x
    if not np.ma.getmaskarray(x).any():
        return x.data
    if x.dtype.kind == "f":
        return x.filled(np.nan)
    values = x.data.astype(object)
    values[np.ma.getmaskarray(x)] = None
    return values
