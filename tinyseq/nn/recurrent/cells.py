"""Cells as modules: one time step at a time, for loops of one's own."""

from typing import Any

import numpy as np

from tinyseq.arguments import whole
from tinyseq.autograd.ops.shape import expand_dims, transpose
from tinyseq.autograd.tensor import TensorLike, constant_like
from tinyseq.nn import init
from tinyseq.nn.checks import as_input, check_flags, initial
from tinyseq.nn.module import Module
from tinyseq.nn.recurrent.registry import GRUKind, Kind, LSTMKind, PlainKind


class Cell(Kind, Module):
    """What RNNCell, LSTMCell and GRUCell share."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, dtype: str = "float32") -> None:
        input_size = whole("input_size", input_size)
        hidden_size = whole("hidden_size", hidden_size)
        check_flags(bias=bias)
        rows = self.gates * hidden_size
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        self.weight_ih = init.fan_in((rows, input_size), hidden_size, dtype)
        self.weight_hh = init.fan_in((rows, hidden_size), hidden_size, dtype)
        if bias:
            self.bias_ih = init.fan_in((rows,), hidden_size, dtype)
            self.bias_hh = init.fan_in((rows,), hidden_size, dtype)

    def forward(self, x: TensorLike, state: Any = None) -> Any:
        """One step.

        Args:
            x: (B, input_size), or (input_size,) for a single sequence.
            state: h (B, H), or for an LSTM the pair (h, c), without B if x has none; zeros if None.

        Returns:
            The new state, shaped as ``state``.

        Raises:
            ValueError, TypeError: for a shape or values that do not fit.
        """
        x = as_input(x, self.weight_ih, "x")
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise ValueError(f"x must have shape (B, {self.input_size}) or ({self.input_size},), got {x.shape}")
        single, shape = x.ndim == 1, (*x.shape[:-1], self.hidden_size)
        zeros = constant_like(self.weight_hh, np.zeros(shape))
        parts = (zeros,) * self.states if state is None else initial(state, self.weight_hh, self.states)
        for name, part in zip("hc", parts, strict=False):
            if part.shape != shape:
                raise ValueError(
                    f"state {name} must have shape {shape} ({'H' if single else 'B, H'}), got {part.shape}"
                )
        columns = [expand_dims(part, 1) if single else transpose(part) for part in (x, *parts)]
        z, bias_hh = self.weight_ih @ columns[0], None
        if self.bias:
            bias_hh = expand_dims(self.bias_hh, 1)
            z = z + self.input_bias(expand_dims(self.bias_ih, 1), bias_hh)
        after = self.step(z, tuple(columns[1:]), self.weight_hh, bias_hh)
        after = tuple(part[:, 0] if single else transpose(part) for part in after)
        return after[0] if self.states == 1 else after


class RNNCell(PlainKind, Cell):
    """One step of `RNN`; parameters ``weight_ih``, ``weight_hh``, ``bias_ih``, ``bias_hh`` as PyTorch's.

    Args:
        input_size, hidden_size: lengths I and H of x_t and h_t.
        bias: whether there are biases.
        dtype: of the parameters.
        nonlinearity: ``"tanh"`` or ``"relu"``.

    Raises:
        ValueError, TypeError: a setting is out of range, or of another kind.

    Example:
        >>> import tinyseq as ts
        >>> ts.nn.RNNCell(3, 5)(ts.zeros(2, 3)).shape
        (2, 5)
    """


class LSTMCell(LSTMKind, Cell):
    """One step of `LSTM`: (h, c) after the step.

    Args:
        input_size, hidden_size: lengths I and H of x_t and h_t.
        bias: whether there are biases.
        dtype: of the parameters.

    Raises:
        ValueError, TypeError: a setting is out of range, or of another kind.

    Example:
        >>> import tinyseq as ts
        >>> h, c = ts.nn.LSTMCell(3, 5)(ts.zeros(2, 3))
        >>> h.shape, c.shape
        ((2, 5), (2, 5))
    """


class GRUCell(GRUKind, Cell):
    """One step of `GRU`.

    Args:
        input_size, hidden_size: lengths I and H of x_t and h_t.
        bias: whether there are biases.
        dtype: of the parameters.
        reset: ``"after"`` or ``"before"`` the product, as for `GRU`.

    Raises:
        ValueError, TypeError: a setting is out of range, or of another kind.

    Example:
        >>> import tinyseq as ts
        >>> ts.nn.GRUCell(3, 5, reset="before")(ts.zeros(2, 3)).shape
        (2, 5)
    """
