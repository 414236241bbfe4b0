"""The three kinds of recurrence: what a cell and a layer of one kind share.

A new kind is one class here, with its formula in `tinyseq.nn.recurrent.steps`: how many gates and states it has, and
its step.
"""

from typing import Any, Literal

from tinyseq.autograd.tensor import Tensor
from tinyseq.nn.recurrent import steps as cells

States = tuple[Tensor, ...]  # the hidden state first; each (H, B)


class Kind:
    """What cells and layers ask of a recurrence.

    Attributes:
        gates: blocks of H rows in the weights.
        states: what is carried from step to step: h, or h and c.
    """

    gates = 1
    states = 1

    def step(self, z: Tensor, states: States, weight_hh: Tensor, bias_hh: Tensor | None) -> States:
        """One time step; ``z`` (gates * H, B) is the input's share, with the biases that `input_bias` gave."""
        raise AssertionError("a subclass defines its step")

    def input_bias(self, bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
        """The bias that can be added for all steps at once."""
        return bias_ih + bias_hh


class PlainKind(Kind):
    """h_t = tanh(W_ih x_t + W_hh h_{t-1} + b), or with relu; see `cells.rnn_step`."""

    def __init__(self, *args: Any, nonlinearity: Literal["tanh", "relu"] = "tanh", **settings: Any) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f'nonlinearity must be "tanh" or "relu", got {nonlinearity!r}')
        super().__init__(*args, **settings)
        self.nonlinearity = nonlinearity

    def step(self, z: Tensor, states: States, weight_hh: Tensor, bias_hh: Tensor | None) -> States:
        """See `cells.rnn_step`."""
        cell = cells.rnn_step if self.nonlinearity == "tanh" else cells.relu_rnn_step
        return (cell(z, states[0], weight_hh),)


class LSTMKind(Kind):
    """Gates i, f, g, o and a second state c; see `cells.lstm_step`."""

    gates = 4
    states = 2

    def step(self, z: Tensor, states: States, weight_hh: Tensor, bias_hh: Tensor | None) -> States:
        """See `cells.lstm_step`."""
        h, c = states
        return cells.lstm_step(z, h, c, weight_hh)


class GRUKind(Kind):
    """Gates r, z, n in one of two conventions; see `cells.gru_step` and `cells.gru_step_before`."""

    gates = 3

    def __init__(self, *args: Any, reset: Literal["after", "before"] = "after", **settings: Any) -> None:
        if reset not in ("after", "before"):
            raise ValueError(f'reset must be "after" or "before", got {reset!r}')
        super().__init__(*args, **settings)
        self.reset = reset

    def input_bias(self, bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
        """b_hn lies inside the reset product, so only b_ih can be added beforehand."""
        return bias_ih

    def step(self, z: Tensor, states: States, weight_hh: Tensor, bias_hh: Tensor | None) -> States:
        """See `cells.gru_step` and `cells.gru_step_before`."""
        cell = cells.gru_step if self.reset == "after" else cells.gru_step_before
        return (cell(z, states[0], weight_hh, bias_hh),)
