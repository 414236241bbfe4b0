"""How parameters begin."""

import math

import numpy as np

from tinyseq.autograd.tensor import Parameter
from tinyseq.random import generator


def uniform(shape: tuple[int, ...], bound: float, dtype: str = "float32") -> Parameter:
    """Evenly distributed in [-bound, bound]."""
    return Parameter(generator().uniform(-bound, bound, shape).astype(dtype))


def fan_in(shape: tuple[int, ...], fan: int, dtype: str = "float32") -> Parameter:
    """Evenly distributed in ±1/sqrt(fan), PyTorch's choice for its linear and recurrent layers."""
    return uniform(shape, 1 / math.sqrt(fan) if fan else 0.0, dtype)


def normal(shape: tuple[int, ...], deviation: float = 1.0, dtype: str = "float32") -> Parameter:
    """Normally distributed with mean 0."""
    return Parameter((deviation * generator().standard_normal(shape)).astype(dtype))


def constant(shape: tuple[int, ...], value: float, dtype: str = "float32") -> Parameter:
    """One value everywhere."""
    return Parameter(np.full(shape, value, dtype=dtype))
