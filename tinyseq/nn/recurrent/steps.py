"""One time step of each recurrent network: the lectures' formulas, and nothing else.

States are columns (H, B), so that weights stand on the left as in the lectures. ``z`` is the input's share,
W_ih x_t + b, computed for all steps at once outside of the loop. Each formula declares a cell (see `registry.cell`),
with the names of the gates whose rows are stacked in z and in the weights.
"""

from tinyseq.autograd.ops.elementwise.activations import relu, sigmoid, tanh
from tinyseq.autograd.ops.moves.parts import split
from tinyseq.autograd.tensor import Tensor
from tinyseq.nn.recurrent.registry import cell

BY_NONLINEARITY = {"tanh": "rnn", "relu": "rnn_relu"}
BY_RESET = {"after": "gru", "before": "gru_before"}


@cell("rnn", gates=1, title="RNN")
def rnn_step(z: Tensor, h: Tensor, weight_hh: Tensor) -> Tensor:
    """h_t = tanh(W_ih x_t + W_hh h_{t-1} + b)."""
    return tanh(z + weight_hh @ h)


@cell("rnn_relu", gates=1, title="RNN with ReLU")
def relu_rnn_step(z: Tensor, h: Tensor, weight_hh: Tensor) -> Tensor:
    """h_t = relu(W_ih x_t + W_hh h_{t-1} + b)."""
    return relu(z + weight_hh @ h)


@cell("lstm", gates="ifgo", title="LSTM")
def lstm_step(z: Tensor, h: Tensor, c: Tensor, weight_hh: Tensor) -> tuple[Tensor, Tensor]:
    """c_t = f c_{t-1} + i g and h_t = o tanh(c_t), with the gates i, f, g, o stacked in z (Hochreiter, Schmidhuber)."""
    i, f, g, o = split(z + weight_hh @ h, 4)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


@cell("gru", gates="rzn", title="GRU")
def gru_step(z: Tensor, h: Tensor, weight_hh: Tensor, bias_hh: Tensor | None) -> Tensor:
    """PyTorch's GRU: the reset gate acts after the product, and the update gate keeps the old state.

    The update gate, called z elsewhere, is u in both formulas, as z is the input's share.

    n = tanh(z_n + r (W_hn h + b_hn)) and h_t = (1 - u) n + u h, with r = sigmoid(..) and u = sigmoid(..).
    """
    product = weight_hh @ h if bias_hh is None else weight_hh @ h + bias_hh
    z_r, z_u, z_n = split(z, 3)
    h_r, h_u, h_n = split(product, 3)
    u = sigmoid(z_u + h_u)
    n = tanh(z_n + sigmoid(z_r + h_r) * h_n)
    return n + u * (h - n)


@cell("gru_before", gates="rzn", title="GRU, reset before the product")
def gru_step_before(z: Tensor, h: Tensor, weight_hh: Tensor, bias_hh: Tensor | None) -> Tensor:
    """The lectures' GRU (Cho and others, 2014): the reset gate acts before the product, and 1 - u keeps the old state.

    n = tanh(z_n + W_hn (r h)) and h_t = (1 - u) h + u n, with r = sigmoid(..) and u = sigmoid(..).
    """
    if bias_hh is not None:
        z = z + bias_hh
    z_gates, z_n = split(z, [2 * h.shape[0], h.shape[0]])
    weight_gates, weight_n = split(weight_hh, [2 * h.shape[0], h.shape[0]])
    r, u = split(sigmoid(z_gates + weight_gates @ h), 2)
    n = tanh(z_n + weight_n @ (r * h))
    return h + u * (n - h)
