"""Cells as modules: one time step at a time, for user-written loops."""

from typing import TYPE_CHECKING, Literal

import numpy as np

from tinyseq.arguments import check_flags, whole
from tinyseq.autograd.modes import stacked_gates
from tinyseq.autograd.ops.moves.shape import expand_dims, transpose
from tinyseq.autograd.tensor import Tensor, TensorLike, constant_like
from tinyseq.nn import init
from tinyseq.nn.checks import State, as_input, initial
from tinyseq.nn.module import Module
from tinyseq.nn.recurrent.registry import States, cell_named, variant
from tinyseq.nn.recurrent.steps import BY_NONLINEARITY, BY_RESET

if TYPE_CHECKING:
    from tinyseq.nn.recurrent.signatures import cell_of_h, cell_of_pairs


class RecurrentCell(Module):
    """One step of any cell; parameters ``weight_ih``, ``weight_hh``, ``bias_ih``, ``bias_hh`` as PyTorch's.

    Args:
        cell: the name of a cell that `registry.cell` has declared, such as ``"lstm"``.
        input_size, hidden_size, bias, dtype: as for `RNNCell`.

    Attributes:
        cell: its `CellRecord`.

    Raises:
        ValueError, TypeError: for an unknown cell, or a setting out of range or of the wrong type.

    Example:
        >>> import tinyseq as ts
        >>> RecurrentCell("gru_before", 3, 5)(ts.zeros(2, 3)).shape
        (2, 5)
    """

    def __init__(self, cell: str, input_size: int, hidden_size: int, bias: bool = True, dtype: str = "float32") -> None:
        self.cell = cell_named(cell)
        input_size = whole("input_size", input_size)
        hidden_size = whole("hidden_size", hidden_size)
        check_flags(bias=bias)
        rows = self.cell.blocks * hidden_size
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        self.weight_ih = init.fan_in((rows, input_size), hidden_size, dtype)
        self.weight_hh = init.fan_in((rows, hidden_size), hidden_size, dtype)
        if bias:
            self.bias_ih = init.fan_in((rows,), hidden_size, dtype)
            self.bias_hh = init.fan_in((rows,), hidden_size, dtype)

    def forward(self, x: TensorLike, state: TensorLike | None = None) -> State:
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
        names = self.cell.states
        parts = (zeros,) * len(names) if state is None else initial(state, self.weight_hh, names)
        for name, part in zip(names, parts, strict=True):
            if part.shape != shape:
                raise ValueError(
                    f"state {name} must have shape {shape} ({'H' if single else 'B, H'}), got {part.shape}"
                )
        columns = [expand_dims(part, 1) if single else transpose(part) for part in (x, *parts)]
        with stacked_gates(self.cell.gates, self.hidden_size, len(self.cell.states)):
            z, bias_hh = self.weight_ih @ columns[0], None
            if self.bias:
                bias_hh = expand_dims(self.bias_hh, 1)
                z = z + self.cell.input_bias(expand_dims(self.bias_ih, 1), bias_hh)
            before = tuple(columns[1:])
            after = self.cell.as_states(self.step(z, before, self.weight_hh, bias_hh), before)
        after = tuple(part[:, 0] if single else transpose(part) for part in after)
        return after[0] if len(after) == 1 else after

    def step(self, z: Tensor, states: States, weight_hh: Tensor, bias_hh: Tensor | None) -> States:
        """The cell's step; a subclass may do more, with parameters of its own."""
        return self.cell.step(z, states, weight_hh, bias_hh)


class RNNCell(RecurrentCell):
    """One step of `RNN`; parameters ``weight_ih``, ``weight_hh``, ``bias_ih``, ``bias_hh`` as PyTorch's.

    Args:
        input_size, hidden_size: lengths I and H of x_t and h_t.
        bias: whether there are biases.
        dtype: of the parameters.
        nonlinearity: ``"tanh"`` or ``"relu"``.

    Raises:
        ValueError, TypeError: if a setting is out of range or of the wrong type.

    Example:
        >>> import tinyseq as ts
        >>> ts.nn.RNNCell(3, 5)(ts.zeros(2, 3)).shape
        (2, 5)
    """

    if TYPE_CHECKING:
        __call__ = cell_of_h

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        dtype: str = "float32",
        *,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
    ) -> None:
        super().__init__(variant("nonlinearity", nonlinearity, BY_NONLINEARITY), input_size, hidden_size, bias, dtype)
        self.nonlinearity = nonlinearity


class LSTMCell(RecurrentCell):
    """One step of `LSTM`: (h, c) after the step.

    Args:
        input_size, hidden_size: lengths I and H of x_t and h_t.
        bias: whether there are biases.
        dtype: of the parameters.

    Raises:
        ValueError, TypeError: if a setting is out of range or of the wrong type.

    Example:
        >>> import tinyseq as ts
        >>> h, c = ts.nn.LSTMCell(3, 5)(ts.zeros(2, 3))
        >>> h.shape, c.shape
        ((2, 5), (2, 5))
    """

    if TYPE_CHECKING:
        __call__ = cell_of_pairs

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, dtype: str = "float32") -> None:
        super().__init__("lstm", input_size, hidden_size, bias, dtype)


class GRUCell(RecurrentCell):
    """One step of `GRU`.

    Args:
        input_size, hidden_size: lengths I and H of x_t and h_t.
        bias: whether there are biases.
        dtype: of the parameters.
        reset: ``"after"`` or ``"before"`` the product, as for `GRU`.

    Raises:
        ValueError, TypeError: if a setting is out of range or of the wrong type.

    Example:
        >>> import tinyseq as ts
        >>> ts.nn.GRUCell(3, 5, reset="before")(ts.zeros(2, 3)).shape
        (2, 5)
    """

    if TYPE_CHECKING:
        __call__ = cell_of_h

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        dtype: str = "float32",
        *,
        reset: Literal["after", "before"] = "after",
    ) -> None:
        super().__init__(variant("reset", reset, BY_RESET), input_size, hidden_size, bias, dtype)
        self.reset = reset
