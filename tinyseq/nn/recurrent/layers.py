"""Recurrent layers: a cell's step, repeated over time, in layers and directions.

Backpropagation through time is not written here, or anywhere: the loop is recorded step by step, and the tape walks it
back.
"""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tinyseq.arguments import check_flags, dropped, whole
from tinyseq.autograd.anomaly import frames_inside
from tinyseq.autograd.modes import scope, stacked_gates, step
from tinyseq.autograd.ops.elementwise.choice import where
from tinyseq.autograd.ops.moves.parts import concatenate, stack, unbind
from tinyseq.autograd.ops.moves.shape import expand_dims, transpose
from tinyseq.autograd.tensor import Tensor, TensorLike, constant_like
from tinyseq.backend import namespace_of
from tinyseq.nn import init
from tinyseq.nn.checks import State, as_input, as_lengths, initial
from tinyseq.nn.layers import Dropout
from tinyseq.nn.module import Module
from tinyseq.nn.recurrent.registry import States, cell_named, variant
from tinyseq.nn.recurrent.steps import BY_NONLINEARITY, BY_RESET

if TYPE_CHECKING:
    from tinyseq.nn.recurrent.signatures import layer_of_h, layer_of_pairs


class Recurrent(Module):
    """A recurrent network of any cell: the loop over time, layers and directions.

    Parameters are named and laid out as PyTorch's: ``weight_ih_l0`` (blocks * H, I), ``weight_hh_l0`` (blocks * H, H),
    ``bias_ih_l0``, ``bias_hh_l0`` (blocks * H,), then ``_l1`` and ``_l0_reverse`` and so on.

    Args:
        cell: the name of a cell that `registry.cell` has declared, such as ``"lstm"``.
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype: as for `RNN`.

    Attributes:
        cell: its `CellRecord`.

    Raises:
        ValueError, TypeError: there is no such cell, or a setting is out of range, or of another kind.

    Example:
        >>> import tinyseq as ts
        >>> output, h = Recurrent("gru_before", 3, 5)(ts.zeros(7, 2, 3))
        >>> output.shape, h.shape
        ((7, 2, 5), (1, 2, 5))
    """

    weight_ih_l0: Tensor  # the first of the parameters; all have its dtype and library

    def __init__(
        self,
        cell: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: str = "float32",
    ) -> None:
        self.cell = cell_named(cell)
        input_size = whole("input_size", input_size)
        hidden_size = whole("hidden_size", hidden_size)
        num_layers = whole("num_layers", num_layers)
        check_flags(bias=bias, batch_first=batch_first, bidirectional=bidirectional)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.bidirectional = bidirectional
        self.dropout = Dropout(dropped("dropout", dropout))
        if dropout and num_layers == 1 and type(self) is not Recurrent:  # the models drop the results of theirs, too
            warnings.warn(
                f"dropout={dropout} acts between layers, so it does nothing with num_layers=1; set a larger one, or "
                "apply ts.nn.Dropout to the output",
                stacklevel=1 + frames_inside(),
            )
        rows = self.cell.blocks * hidden_size
        for layer in range(num_layers):
            width = input_size if layer == 0 else hidden_size * len(self._directions)
            for direction in self._directions:
                suffix = f"l{layer}{direction}"
                setattr(self, f"weight_ih_{suffix}", init.fan_in((rows, width), hidden_size, dtype))
                setattr(self, f"weight_hh_{suffix}", init.fan_in((rows, hidden_size), hidden_size, dtype))
                if bias:
                    setattr(self, f"bias_ih_{suffix}", init.fan_in((rows,), hidden_size, dtype))
                    setattr(self, f"bias_hh_{suffix}", init.fan_in((rows,), hidden_size, dtype))

    @property
    def _directions(self) -> tuple[str, ...]:
        return ("", "_reverse") if self.bidirectional else ("",)

    def forward(
        self, x: TensorLike, state: TensorLike | None = None, lengths: Sequence[int] | None = None
    ) -> tuple[Tensor, State]:
        """Run over a batch of sequences.

        Args:
            x: (T, B, input_size); (B, T, input_size) with ``batch_first``; (T, input_size) for one sequence.
            state: the initial state h (num_layers * directions, B, H), for an LSTM the pair (h, c); zeros if None.
            lengths: the true length of each sequence of the batch, from 1 to T, in any order. Outputs beyond a length
                are 0, the final state is that of the last real step, and the backward direction begins there.

        Returns:
            The outputs of the last layer, (T, B, directions * H) or as x was laid out; and the final state, shaped as
            ``state``.

        Raises:
            ValueError, TypeError: for a shape, a length or values that do not fit.
        """
        x = as_input(x, self.weight_ih_l0, "x")
        single = x.ndim == 2
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            layout = "(B, T, I)" if self.batch_first else "(T, B, I)"
            raise ValueError(
                f"x must have shape {layout} or (T, I) with I = input_size = {self.input_size}, got {x.shape}"
                f"{self._cure(x)}"
            )
        # inside, features stand before the batch, as states are columns: (T, I, B)
        x = expand_dims(x, 2) if single else transpose(x, *((1, 2, 0) if self.batch_first else (0, 2, 1)))
        if not x.shape[0]:
            raise ValueError(f"x must have at least one time step, got shape {x.shape[::2] + x.shape[1:2]} (T, B, I)")
        states = self._initial(state, x.shape[2], single)
        active = _active(lengths, x)
        if active is not None:
            x = where(active.outputs, x, 0.0)  # what is not finite in the padding would spoil the gradients
        finals: list[States] = []
        outputs: list[Tensor] = []
        for layer in range(self.num_layers):
            if layer:
                x = self._dropped(outputs[0] if len(outputs) == 1 else concatenate(outputs, axis=1))
            outputs = []
            for direction in self._directions:
                output, final = self._run(x, states[len(finals)], f"l{layer}{direction}", active)
                outputs.append(output)
                finals.append(final)
        carried = tuple(transpose(stack([final[i] for final in finals]), 0, 2, 1) for i in range(len(self.cell.states)))
        if single:
            outputs, carried = [output[:, :, 0] for output in outputs], tuple(part[:, 0] for part in carried)
        else:
            outputs = [transpose(output, *((2, 0, 1) if self.batch_first else (0, 2, 1))) for output in outputs]
        x = outputs[0] if len(outputs) == 1 else concatenate(outputs, axis=-1)
        return x, carried[0] if len(carried) == 1 else carried

    def _cure(self, x: Tensor) -> str:
        """What to do about an input whose shape does not fit."""
        if x.ndim < 3 and (x.shape[-1:] != (self.input_size,) or x.ndim < 2):
            size = self.input_size
            return f"; ids become vectors by ts.nn.Embedding(count, {size}), or by np.eye({size})[ids]"
        if x.ndim == 3 and self.input_size in x.shape:
            return "; the features are on the last axis: move them there with ts.moveaxis(x, axis, -1)"
        return ""

    def step(self, z: Tensor, states: States, weight_hh: Tensor, bias_hh: Tensor | None) -> States:
        """One time step, the cell's; a subclass may do more, with parameters that all layers and directions share."""
        return self.cell.step(z, states, weight_hh, bias_hh)

    def _dropped(self, x: Tensor) -> Tensor:
        """(T, H, B) after dropout, whose masks are drawn for (T, B, H)."""
        rows = transpose(x, 0, 2, 1)
        dropped: Tensor = self.dropout(rows)
        return x if dropped is rows else transpose(dropped, 0, 2, 1)

    def _initial(self, state: Any, batch: int, single: bool) -> list[States]:
        """The initial states of each layer and direction, as columns."""
        count = self.num_layers * len(self._directions)
        dtype = self.weight_ih_l0.dtype
        if state is None:
            weight = self.weight_ih_l0._array
            zeros = Tensor(namespace_of(weight).zeros((self.hidden_size, batch), dtype=weight.dtype))
            return [(zeros,) * len(self.cell.states)] * count
        parts = initial(state, self.weight_ih_l0, self.cell.states)
        wanted, axes = ((count, self.hidden_size), "H") if single else ((count, batch, self.hidden_size), "B, H")
        for name, part in zip(self.cell.states, parts, strict=True):
            if part.shape != wanted:
                raise ValueError(
                    f"state {name} must have shape {wanted} (layers * directions, {axes}), got {part.shape}"
                )
        if single:
            parts = tuple(expand_dims(part, 1) for part in parts)
        columns = [transpose(part if part.dtype == dtype else part.to(dtype), 0, 2, 1) for part in parts]
        return list(zip(*(unbind(part) for part in columns), strict=True))

    def _run(self, x: Tensor, states: States, suffix: str, active: "Active | None") -> tuple[Tensor, States]:
        """One layer in one direction: (T, I, B) to (T, H, B), and the final states."""
        backward = suffix.endswith("_reverse")
        weight_ih, weight_hh = getattr(self, f"weight_ih_{suffix}"), getattr(self, f"weight_hh_{suffix}")
        bias_hh = expand_dims(getattr(self, f"bias_hh_{suffix}"), 1) if self.bias else None
        with scope(suffix), stacked_gates(self.cell.gates, self.hidden_size, len(self.cell.states)):
            z = weight_ih @ x
            if bias_hh is not None:
                z = z + self.cell.input_bias(expand_dims(getattr(self, f"bias_ih_{suffix}"), 1), bias_hh)
            steps = range(x.shape[0])
            zs, hs = unbind(z), {}
            for t in reversed(steps) if backward else steps:
                with step(t):
                    after = self.cell.as_states(self.step(zs[t], states, weight_hh, bias_hh), states)
                    if active is not None and not active.all_at[t]:
                        # A sequence that is over keeps its state, and one whose end lies ahead has not begun.
                        after = tuple(where(active.at[t], new, old) for new, old in zip(after, states, strict=True))
                    states = after
                hs[t] = states[0]
            output = stack([hs[t] for t in steps])
            if active is not None:
                output = where(active.outputs, output, 0.0)
        return output, states


class Active:
    """Which sequences of a ragged batch have a real symbol at each step.

    Attributes:
        at: for each step, a mask (B,).
        outputs: all masks, with an axis for features, (T, 1, B).
        all_at: for each step, whether all have.
    """

    def __init__(self, lengths: np.ndarray[Any, np.dtype[Any]], x: Tensor) -> None:
        mask: Any = np.arange(x.shape[0])[:, None] < lengths
        self.outputs = constant_like(x, mask[:, None])
        self.at = unbind(self.outputs[:, 0])
        # of arrays that record, only the values of this batch are known, so that no step may be left out for them
        known = isinstance(mask, np.ndarray)
        self.all_at = [known and bool(row.all()) for row in mask]


def _active(lengths: Sequence[int] | None, x: Tensor) -> Active | None:
    """None where every sequence has a real symbol at each step."""
    if lengths is None:
        return None
    steps, _, batch = x.shape
    given = as_lengths(lengths, batch, steps)
    return None if (given == steps).all() else Active(given, x)


class RNN(Recurrent):
    """The plain recurrent network, h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh).

    Parameters are named and laid out as PyTorch's: ``weight_ih_l0`` (H, I), ``weight_hh_l0`` (H, H), ``bias_ih_l0``,
    ``bias_hh_l0`` (H,), then ``_l1`` and ``_l0_reverse`` and so on.

    Args:
        input_size, hidden_size: lengths I and H of x_t and h_t.
        num_layers: the number of stacked layers.
        bias: whether there are biases.
        batch_first: x is (B, T, I), and not (T, B, I).
        dropout: probability of dropping between layers, while training.
        bidirectional: a second network reads backward; outputs are joined.
        dtype: of the parameters.
        nonlinearity: ``"tanh"`` or ``"relu"``.

    Raises:
        ValueError, TypeError: if a setting is out of range or of the wrong type.

    Source: Elman (1990).

    Example:
        >>> import tinyseq as ts
        >>> output, h = ts.nn.RNN(3, 5)(ts.zeros(7, 2, 3))
        >>> output.shape, h.shape
        ((7, 2, 5), (1, 2, 5))
    """

    if TYPE_CHECKING:
        __call__ = layer_of_h

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: str = "float32",
        *,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
    ) -> None:
        cell = variant("nonlinearity", nonlinearity, BY_NONLINEARITY)
        super().__init__(cell, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype)
        self.nonlinearity = nonlinearity


class LSTM(Recurrent):
    """Long short-term memory; see `steps.lstm_step` for the formula.

    ``weight_ih_l0`` is (4H, I) and ``weight_hh_l0`` (4H, H), in the order of gates i, f, g, o.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype: as for `RNN`.

    Raises:
        ValueError, TypeError: if a setting is out of range or of the wrong type.

    Source: Hochreiter and Schmidhuber (1997), with the forget gate of Gers and others (2000).

    Example:
        >>> import tinyseq as ts
        >>> output, (h, c) = ts.nn.LSTM(3, 5, num_layers=2)(ts.zeros(7, 2, 3))
        >>> output.shape, h.shape, c.shape
        ((7, 2, 5), (2, 2, 5), (2, 2, 5))
    """

    if TYPE_CHECKING:
        __call__ = layer_of_pairs

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: str = "float32",
    ) -> None:
        super().__init__("lstm", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype)


class GRU(Recurrent):
    """Gated recurrent unit; see `steps.gru_step` and `steps.gru_step_before` for the formulas.

    ``weight_ih_l0`` is (3H, I) and ``weight_hh_l0`` (3H, H), in the order of gates r, z, n.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype: as for `RNN`.
        reset: where the reset gate acts: ``"after"`` the product with W_hn as in PyTorch, or ``"before"`` it as in the
            lectures and in Cho and others (2014). The update gate's roles differ as well: see the two formulas.

    Raises:
        ValueError, TypeError: if a setting is out of range or of the wrong type.

    Source: Cho and others (2014).

    Example:
        >>> import tinyseq as ts
        >>> output, h = ts.nn.GRU(3, 5, reset="before")(ts.zeros(7, 2, 3))
        >>> output.shape
        (7, 2, 5)
    """

    if TYPE_CHECKING:
        __call__ = layer_of_h

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: str = "float32",
        *,
        reset: Literal["after", "before"] = "after",
    ) -> None:
        cell = variant("reset", reset, BY_RESET)
        super().__init__(cell, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype)
        self.reset = reset
