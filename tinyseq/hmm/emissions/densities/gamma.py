"""The logarithm of the gamma function for arrays and tensors; NumPy has none."""

from typing import Any

import numpy as np

SHIFT = 9  # steps of the recurrence, to where the series is exact to the last digits
SERIES = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)


def log_gamma(z: Any) -> Any:
    """log Gamma(z) for positive z: Stirling's series at z + 9, and the recurrence back down.

    Args:
        z: an array, or a tensor, which receives gradients.

    Example:
        >>> log_gamma(np.array([0.5, 5.0])).round(6)
        array([0.572365, 3.178054])
    """
    down = np.log(z)
    for i in range(1, SHIFT):
        down = down + np.log(z + i)
    far = z + SHIFT
    inverse = 1 / far
    series = 0.0
    for term in reversed(SERIES):
        series = series * (inverse * inverse) + term
    return (far - 0.5) * np.log(far) - far + 0.5 * np.log(2 * np.pi) + series * inverse - down
