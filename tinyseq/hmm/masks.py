"""Masked arrays: masked entries count as missing observations."""

from typing import Any

import numpy as np


def unmasked(x: Any) -> Any:
    """Replace masked entries: by NaN in real arrays, by None in all others.

    Args:
        x: a masked array; anything else is returned unchanged.

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
