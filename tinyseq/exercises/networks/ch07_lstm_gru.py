"""Chapter 7: the LSTM and the GRU gate by gate, and cells from papers."""

from collections.abc import Callable, Iterator

import numpy as np

from tinyseq.exercises.inputs import Rng
from tinyseq.exercises.record import Case, exercise

SIZES = [(1, 1), (2, 2), (3, 3), (2, 3), (3, 2)]


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), element by element."""
    return 1 / (1 + np.exp(-x))


def cell_inputs(gates: int, vectors: int, biases: int = 1) -> Callable[[Rng], Iterator[Case]]:
    """Inputs of a cell: x, its state vectors, one matrix for [h; x] with the rows of all gates, and biases."""

    def inputs(rng: Rng) -> Iterator[Case]:
        for size, hidden in SIZES:
            states = [rng.normal(size=hidden) for _ in range(vectors)]
            added = [rng.normal(size=gates * hidden) for _ in range(biases)]
            yield rng.normal(size=size), *states, rng.normal(size=(gates * hidden, hidden + size)), *added

    return inputs


@exercise(
    7,
    "One step of the LSTM",
    r"""
    The rows of one matrix $W$ hold four blocks, in the lectures' order $i, f, o, g$:

    $$(i; f; o; g) = (\sigma; \sigma; \sigma; \tanh)(W [h_{t-1}; x_t] + b)$$

    $$c_t = f \odot c_{t-1} + i \odot g, \qquad h_t = o \odot \tanh(c_t)$$
    """,
    inputs=cell_inputs(4, 2),
    given=[sigmoid],
    edits=r"""
    the output uses the previous cell; it should use the new one
        c = sigmoid(f) => new = sigmoid(f)
        np.tanh(c), c => np.tanh(c), new
    the input gate and the forget gate are swapped
        sigmoid(f) * c + sigmoid(i) => sigmoid(i) * c + sigmoid(f)
    the blocks are taken in PyTorch's order, not in the lectures'
        i, f, o, g = => i, f, g, o =
    the input is placed above the state; the state comes first
        [h, x] => [x, h]
    tanh is missing at the output
        np.tanh(c), c => c, c
    tanh of the candidate is missing
        np.tanh(g) => g
    the sigmoids of the gates are missing
        sigmoid(f) => f
        sigmoid(i) => i
        sigmoid(o) => o
    state and cell are returned in the wrong order
        sigmoid(o) * np.tanh(c), c => c, sigmoid(o) * np.tanh(c)
    the bias is left out
        ) + b, 4) => ), 4)
    """,
)
def lstm_step(
    x: np.ndarray, h: np.ndarray, c: np.ndarray, w: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The next state and cell.

    Args:
        x: the input x_t (I,).
        h: the state h_{t-1} (H,).
        c: the cell c_{t-1} (H,).
        w: W (4H, H + I), rows i, f, o, g.
        b: (4H,).

    Returns:
        h_t and c_t, (H,) each.
    """
    i, f, o, g = np.split(w @ np.concatenate([h, x]) + b, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@exercise(
    7,
    "One step of the GRU as taught",
    r"""
    The rows of one matrix hold the blocks $W_z$, $W_r$ and $W_h$. There is no bias.

    $$z = \sigma(W_z [h_{t-1}; x_t]), \qquad r = \sigma(W_r [h_{t-1}; x_t])$$

    $$\tilde h = \tanh(W_h [r \odot h_{t-1}; x_t]), \qquad h_t = (1 - z) \odot h_{t-1} + z \odot \tilde h$$
    """,
    inputs=cell_inputs(3, 1, 0),
    given=[sigmoid],
    edits=r"""
    the reset gate is applied after the product, as PyTorch does
        w_h @ np.concatenate([r * h, x]) => r * (w_h[:, : len(h)] @ h) + w_h[:, len(h) :] @ x
    the update gate is inverted: z keeps the old state, as in PyTorch
        (1 - z) * h + z * new => z * h + (1 - z) * new
    the reset gate is not used
        [r * h, x] => [h, x]
    the update gate is used where the reset gate belongs
        [r * h, x] => [z * h, x]
    the blocks of the update and reset gates are swapped
        w_z, w_r, w_h = => w_r, w_z, w_h =
    only the candidate is returned
        return (1 - z) * h + z * new => return new
    the reset gate also scales the input
        w_h @ np.concatenate([r * h, x]) => r * (w_h @ np.concatenate([h, x]))
    the input is placed above the state; the state comes first
        z = sigmoid(w_z @ np.concatenate([h, x])) => z = sigmoid(w_z @ np.concatenate([x, h]))
        r = sigmoid(w_r @ np.concatenate([h, x])) => r = sigmoid(w_r @ np.concatenate([x, h]))
        [r * h, x] => [x, r * h]
    the reset gate also resets the state that is kept
        (1 - z) * h + => (1 - z) * r * h +
    """,
)
def gru_step(x: np.ndarray, h: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The next state.

    Args:
        x: the input x_t (I,).
        h: the state h_{t-1} (H,).
        w: (3H, H + I), rows z, r, h.

    Returns:
        h_t (H,).
    """
    w_z, w_r, w_h = np.split(w, 3)
    z = sigmoid(w_z @ np.concatenate([h, x]))
    r = sigmoid(w_r @ np.concatenate([h, x]))
    new = np.tanh(w_h @ np.concatenate([r * h, x]))
    return (1 - z) * h + z * new


def torch_inputs(rng: Rng) -> Iterator[Case]:
    """Inputs of PyTorch's GRU."""
    for inputs, hidden in SIZES:
        weights = rng.normal(size=(3 * hidden, inputs)), rng.normal(size=(3 * hidden, hidden))
        biases = rng.normal(size=3 * hidden), rng.normal(size=3 * hidden)
        yield rng.normal(size=inputs), rng.normal(size=hidden), *weights, *biases


@exercise(
    7,
    "One step of PyTorch's GRU",
    r"""
    PyTorch's rows are in the order $r, z, n$. Its reset gate acts after the product, and its $z$ keeps the old state:

    $$r = \sigma(W_{ir} x + b_{ir} + W_{hr} h + b_{hr}), \qquad z = \sigma(W_{iz} x + b_{iz} + W_{hz} h + b_{hz})$$

    $$n = \tanh(W_{in} x + b_{in} + r \odot (W_{hn} h + b_{hn})), \qquad h_t = (1 - z) \odot n + z \odot h$$
    """,
    inputs=torch_inputs,
    given=[sigmoid],
    edits=r"""
    the reset gate is applied before the product, as taught
        reset * h_n => np.split(w_hh, 3)[2] @ (reset * h) + np.split(b_hh, 3)[2]
    the update gate is inverted: z lets in the new state, as taught
        (1 - update) * new + update * h => update * new + (1 - update) * h
    the bias of the recurrent product is added outside the reset gate
        reset * h_n => reset * (h_n - np.split(b_hh, 3)[2]) + np.split(b_hh, 3)[2]
    the blocks are not taken in the order r, z, n
        h_r, h_z, h_n = => h_z, h_r, h_n =
        x_r, x_z, x_n = => x_z, x_r, x_n =
    the reset gate is not used
        reset * h_n => h_n
    the reset gate also scales the input
        x_n + reset * h_n => reset * (x_n + h_n)
    the biases of the recurrent product are left out
        w_hh @ h + b_hh => w_hh @ h
    the candidate goes through the sigmoid
        new = np.tanh( => new = sigmoid(
    """,
)
def gru_step_torch(
    x: np.ndarray, h: np.ndarray, w_ih: np.ndarray, w_hh: np.ndarray, b_ih: np.ndarray, b_hh: np.ndarray
) -> np.ndarray:
    """The next state.

    Args:
        x: the input (I,).
        h: the previous state (H,).
        w_ih: (3H, I), rows r, z, n, as in the others.
        w_hh: (3H, H).
        b_ih: (3H,).
        b_hh: (3H,).

    Returns:
        The new state (H,).
    """
    x_r, x_z, x_n = np.split(w_ih @ x + b_ih, 3)
    h_r, h_z, h_n = np.split(w_hh @ h + b_hh, 3)
    reset = sigmoid(x_r + h_r)
    update = sigmoid(x_z + h_z)
    new = np.tanh(x_n + reset * h_n)
    return (1 - update) * new + update * h


@exercise(
    7,
    "A cell from a paper: the minimal gated unit",
    r"""
    Zhou, Wu, Zhang and Zhou (2016, "Minimal gated unit for recurrent neural networks") keep a single gate of the GRU,
    which both resets and updates. The rows of $W$ and $b$ hold the blocks $f$ and $h$:

    $$f = \sigma(W_f [h_{t-1}; x_t] + b_f), \qquad \tilde h = \tanh(W_h [f \odot h_{t-1}; x_t] + b_h)$$

    $$h_t = (1 - f) \odot h_{t-1} + f \odot \tilde h$$
    """,
    inputs=cell_inputs(2, 1),
    given=[sigmoid],
    edits=r"""
    the gate does not reset the state that the candidate reads
        [f * h, x] => [h, x]
    the gate is inverted: it keeps the old state where it should let in the new one
        (1 - f) * h + f * new => f * h + (1 - f) * new
    the reset is applied after the product
        w_h @ np.concatenate([f * h, x]) => f * (w_h[:, : len(h)] @ h) + w_h[:, len(h) :] @ x
    the candidate reads the state through 1 - f instead of f
        [f * h, x] => [(1 - f) * h, x]
    the blocks of the matrix are in the wrong order
        w_f, w_h = => w_h, w_f =
    the candidate's bias is left out
        ) + b_h) => ))
    both biases are left out
        ) + b_f) => ))
        ) + b_h) => ))
    the input is placed above the state; the state comes first
        w_f @ np.concatenate([h, x]) => w_f @ np.concatenate([x, h])
        [f * h, x] => [x, f * h]
    the old state is left out: only the gated candidate is returned
        (1 - f) * h + f * new => f * new
    """,
)
def minimal_gated_unit(x: np.ndarray, h: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The next state.

    Args:
        x: the input x_t (I,).
        h: the state h_{t-1} (H,).
        w: W (2H, H + I), rows f, h.
        b: (2H,), in the same order.

    Returns:
        h_t (H,).
    """
    w_f, w_h = np.split(w, 2)
    b_f, b_h = np.split(b, 2)
    f = sigmoid(w_f @ np.concatenate([h, x]) + b_f)
    new = np.tanh(w_h @ np.concatenate([f * h, x]) + b_h)
    return (1 - f) * h + f * new


def peephole_inputs(rng: Rng) -> Iterator[Case]:
    """Inputs of an LSTM, and its three vectors of peephole weights."""
    for x, h, c, w, b in cell_inputs(4, 2)(rng):
        yield x, h, c, w, b, rng.normal(size=(3, len(h)))


@exercise(
    7,
    "A cell from a paper: peepholes",
    r"""
    In the LSTM of Gers and Schmidhuber (2000, "Recurrent nets that time and count"), gates also see the cell, each
    through a vector $p$ of peephole weights. The rows are in the order $i, f, o, g$:

    $$(a_i; a_f; a_o; a_g) = W [h_{t-1}; x_t] + b$$

    $$c_t = \sigma(a_f + p_f \odot c_{t-1}) \odot c_{t-1} + \sigma(a_i + p_i \odot c_{t-1}) \odot \tanh(a_g)$$

    $$h_t = \sigma(a_o + p_o \odot c_t) \odot \tanh(c_t)$$
    """,
    inputs=peephole_inputs,
    given=[sigmoid],
    edits=r"""
    the output gate sees the previous cell; it should see the new one
        o + p_o * new => o + p_o * c
    the output gate does not see the cell
        o + p_o * new => o
    the input gate does not see the cell
        i + p_i * c => i
    the forget gate does not see the cell
        f + p_f * c => f
    the candidate sees the cell, too; only the gates should
        np.tanh(g) => np.tanh(g + p_i * c)
    the peephole terms are multiplied with the pre-activations; they should be added
        i + p_i * c => i * p_i * c
        f + p_f * c => f * p_f * c
    no gate sees the cell: all peepholes are left out
        i + p_i * c => i
        f + p_f * c => f
        o + p_o * new => o
    the peepholes look at the state; they should look at the cell
        i + p_i * c => i + p_i * h
        f + p_f * c => f + p_f * h
        o + p_o * new => o + p_o * sigmoid(o) * np.tanh(new)
    the output is computed from the previous cell
        * np.tanh(new), new => * np.tanh(c), new
    """,
)
def peephole_lstm_step(
    x: np.ndarray, h: np.ndarray, c: np.ndarray, w: np.ndarray, b: np.ndarray, p: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The next state and cell.

    Args:
        x: the input x_t (I,).
        h: the state h_{t-1} (H,).
        c: the cell c_{t-1} (H,).
        w: W (4H, H + I), rows i, f, o, g.
        b: (4H,).
        p: the peepholes of i, f and o (3, H).

    Returns:
        h_t and c_t, (H,) each.
    """
    p_i, p_f, p_o = p
    i, f, o, g = np.split(w @ np.concatenate([h, x]) + b, 4)
    new = sigmoid(f + p_f * c) * c + sigmoid(i + p_i * c) * np.tanh(g)
    return sigmoid(o + p_o * new) * np.tanh(new), new
