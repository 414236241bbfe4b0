"""Initialisation of parameters.

Functions without a trailing underscore create parameters; the layers use them. Functions with one, such as
``orthogonal_``, reinitialise existing parameters in place:

    >>> import tinyseq as ts
    >>> lstm = ts.nn.LSTM(3, 5)
    >>> _ = ts.nn.init.orthogonal_(lstm.weight_hh_l0, blocks=4)
    >>> ts.nn.init.forget_bias_(lstm, 1.0)
"""

import math

import numpy as np
from numpy.typing import NDArray

from tinyseq.arguments import finite
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import NUMPY, dtype_of
from tinyseq.nn.module import Module
from tinyseq.nn.parameter import Parameter
from tinyseq.nn.recurrent.registry import CellRecord
from tinyseq.random import generator

__all__ = [
    "constant",
    "fan_in",
    "forget_bias_",
    "normal",
    "orthogonal_",
    "uniform",
    "xavier_normal_",
    "xavier_uniform_",
]


def uniform(shape: tuple[int, ...], bound: float, dtype: str = "float32") -> Parameter:
    """A parameter drawn uniformly from [-bound, bound].

    Args:
        shape: the shape of the parameter.
        bound: the largest absolute value.
        dtype: the element type.

    Returns:
        A new `Parameter`, drawn from the generator that `manual_seed` seeds.

    Example:
        >>> import tinyseq as ts
        >>> w = uniform((2, 3), 0.1)
        >>> w.shape, bool(abs(w.numpy()).max() <= 0.1)
        ((2, 3), True)
    """
    bound = finite("bound", bound, least=0.0)
    return Parameter(generator().uniform(-bound, bound, shape).astype(dtype_of(NUMPY, dtype)))


def fan_in(shape: tuple[int, ...], fan: int, dtype: str = "float32") -> Parameter:
    """A parameter drawn uniformly from ±1/sqrt(fan), PyTorch's default for linear and recurrent layers.

    Args:
        shape, dtype: as for `uniform`.
        fan: the number of inputs of a unit; for a recurrent layer PyTorch uses the hidden size for all weights.

    Returns:
        A new `Parameter`.

    Source: LeCun and others (1998), with PyTorch's constant.

    Example:
        >>> import tinyseq as ts
        >>> bool(abs(fan_in((100, 25), 25).numpy()).max() <= 0.2)
        True
    """
    return uniform(shape, 1 / math.sqrt(fan) if fan else 0.0, dtype)


def normal(shape: tuple[int, ...], deviation: float = 1.0, dtype: str = "float32") -> Parameter:
    """A parameter drawn from a normal distribution with mean 0.

    Args:
        shape, dtype: as for `uniform`.
        deviation: the standard deviation.

    Returns:
        A new `Parameter`.

    Example:
        >>> import tinyseq as ts
        >>> normal((2, 3), deviation=0.02).shape
        (2, 3)
    """
    deviation = finite("deviation", deviation, least=0.0)
    return Parameter((deviation * generator().standard_normal(shape)).astype(dtype_of(NUMPY, dtype)))


def constant(shape: tuple[int, ...], value: float, dtype: str = "float32") -> Parameter:
    """A parameter filled with one value.

    Args:
        shape, dtype: as for `uniform`.
        value: the value.

    Returns:
        A new `Parameter`.

    Example:
        >>> import tinyseq as ts
        >>> constant((2,), 1.0).tolist()
        [1.0, 1.0]
    """
    return Parameter(np.full(shape, finite("value", value), dtype=dtype_of(NUMPY, dtype)))


# -- in place ----------------------------------------------------------------------------------------------------------


def xavier_uniform_(weight: Tensor, gain: float = 1.0, blocks: int = 1) -> Tensor:
    """Fill with uniform values from ±gain sqrt(6 / (rows + columns)), to keep the scale of signals in both passes.

    Args:
        weight: (rows, columns).
        gain: 1 for linear layers and sigmoid, 5/3 for tanh.
        blocks: the number of matrices stacked in ``weight``, such as an LSTM's gates; ``rows`` are those of one.

    Returns:
        ``weight``.

    Raises:
        ValueError: if ``weight`` is not a matrix, or its rows cannot be split into ``blocks``.

    Source: Glorot and Bengio (2010).

    Example:
        >>> import tinyseq as ts
        >>> linear = ts.nn.Linear(4, 2)
        >>> bool(abs(xavier_uniform_(linear.weight).numpy()).max() <= 1)
        True
    """
    rows, columns = _block(weight, blocks)
    bound = abs(finite("gain", gain)) * math.sqrt(6 / (rows + columns))
    return weight.copy_(generator().uniform(-bound, bound, weight.shape))


def xavier_normal_(weight: Tensor, gain: float = 1.0, blocks: int = 1) -> Tensor:
    """Fill with normal values of variance gain² 2 / (rows + columns).

    Args:
        weight, gain, blocks: as for `xavier_uniform_`.

    Returns:
        ``weight``.

    Raises:
        ValueError: as for `xavier_uniform_`.

    Source: Glorot and Bengio (2010).

    Example:
        >>> import tinyseq as ts
        >>> lstm = ts.nn.LSTM(4, 2)
        >>> xavier_normal_(lstm.weight_ih_l0, blocks=4).shape
        (8, 4)
    """
    gain, (rows, columns) = finite("gain", gain), _block(weight, blocks)
    return weight.copy_(gain * math.sqrt(2 / (rows + columns)) * generator().standard_normal(weight.shape))


def orthogonal_(weight: Tensor, gain: float = 1.0, blocks: int = 1) -> Tensor:
    """Fill each block with a random matrix whose rows or columns (whichever are fewer) are orthonormal.

    All singular values of a block are ``gain``, so with a gain of 1 a recurrent weight at first neither shrinks nor
    stretches the state from step to step (Saxe and others, 2014).

    Args:
        weight: (rows, columns).
        gain: the factor of the matrices.
        blocks: the number of matrices stacked in ``weight``: 4 for an LSTM's weight_hh, 3 for a GRU's.

    Returns:
        ``weight``.

    Raises:
        ValueError: if ``weight`` is not a matrix, or its rows cannot be split into ``blocks``.

    Example:
        >>> import tinyseq as ts
        >>> rnn = ts.nn.RNN(2, 4)
        >>> w = orthogonal_(rnn.weight_hh_l0).numpy()
        >>> bool(abs(w @ w.T - np.eye(4)).max() < 1e-6)
        True
    """
    shape = _block(weight, blocks)
    return weight.copy_(finite("gain", gain) * np.concatenate([_orthogonal(*shape) for _ in range(blocks)]))


def forget_bias_(layer: Module, value: float = 1.0) -> None:
    """Set the forget-gate biases of an LSTM, so that its cells remember at first.

    A layer adds two biases, ``bias_ih`` and ``bias_hh``; the first is set to ``value`` and the second to 0.

    Args:
        layer: an `LSTM` or `LSTMCell` with biases.
        value: 1, as recommended by Gers and others (2000) and Jozefowicz and others (2015), or more for longer memory.

    Raises:
        TypeError: ``layer`` has no forget gates, or no biases.

    Example:
        >>> import tinyseq as ts
        >>> lstm = ts.nn.LSTM(1, 2)
        >>> forget_bias_(lstm, 3.0)
        >>> (lstm.bias_ih_l0.numpy() + lstm.bias_hh_l0.numpy())[2:4].tolist()
        [3.0, 3.0]
    """
    value, cell = finite("value", value), getattr(layer, "cell", None)
    forgets = isinstance(cell, CellRecord) and "f" in cell.gates and "c" in cell.states
    biases = [(name, p) for name, p in layer.named_parameters() if name.startswith("bias_")] if forgets else []
    if not isinstance(cell, CellRecord) or not biases:
        raise TypeError(f"forget_bias_ takes an LSTM with biases, got {type(layer).__name__}")
    for name, bias in biases:
        values = bias.numpy().copy()
        size = len(values) // len(cell.gates)
        first = cell.gates.index("f") * size
        values[first : first + size] = value if name.startswith("bias_ih") else 0.0
        bias.copy_(values)


def _block(weight: Tensor, blocks: int) -> tuple[int, int]:
    """Rows and columns of one of the matrices stacked in a weight."""
    if not isinstance(weight, Tensor):
        raise TypeError(f"weight must be a tensor, got {type(weight).__name__}")
    if weight.ndim != 2:
        raise ValueError(f"weight must be a matrix, got shape {weight.shape}")
    rows, columns = weight.shape
    if blocks < 1 or rows % blocks:
        raise ValueError(f"the {rows} rows of weight cannot be cut into {blocks} blocks")
    return rows // blocks, columns


def _orthogonal(rows: int, columns: int) -> NDArray[np.float64]:
    """Drawn from the Haar measure: Q of a normal matrix, with the signs of R's diagonal (Mezzadri, 2007)."""
    tall = generator().standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q = q * np.sign(np.diag(r))
    return q if rows >= columns else q.T
