"""A page on vanishing gradients: an RNN beside an LSTM, computed in the browser, with sliders for what matters most."""

from typing import Any, NamedTuple

import numpy as np

from tinyseq.arguments import whole
from tinyseq.autograd.tensor import Tensor
from tinyseq.inspect.flow import gradient_flow
from tinyseq.inspect.values import gate_values
from tinyseq.nn.init import forget_bias_
from tinyseq.nn.recurrent.layers import LSTM, RNN
from tinyseq.random import drawn_from
from tinyseq.viz.page.embedded import LEAST_HEIGHT, Page
from tinyseq.viz.page.html import document
from tinyseq.viz.page.packing import block

MOST_STEPS, MOST_STATES, INPUTS = 100, 64, 4
TITLE = "Vanishing gradients: an RNN beside an LSTM"


class Networks(NamedTuple):
    """What the page computes with.

    Attributes:
        rnn, lstm: layers with their default initialisation, in float64.
        x: (100, 1, 4), random letters, one-hot.
        y: (100, 1, H), what the states should be: random signs, halved.
    """

    rnn: RNN
    lstm: LSTM
    x: Tensor
    y: Tensor


def vanishing(hidden_size: int = 16, seed: int = 0, height: int = 620) -> Page:
    """A page that shows how gradients vanish, or explode, in an RNN and in an LSTM, with sliders.

    The length of the sequence, the scale of the recurrent weights, the bias of the forget gates, and whether there is a
    loss at every step or at the last one, can be changed. Both networks are initialised as `tinyseq.nn.RNN` and
    `tinyseq.nn.LSTM` are by default, and read the same random letters. The browser computes all gradients.

    Args:
        hidden_size: the size of the states, at most 64.
        seed: the random seed of the weights and the data.
        height: the height of the frame in a notebook, in pixels, at least 240.

    Returns:
        The page; `save` writes it to a file.

    Raises:
        TypeError, ValueError: an argument is not a whole number, or is out of range.

    Source: the discussion of vanishing gradients in the lectures; Hochreiter and Schmidhuber (1997); Gers and others
    (2000) on the forget gate.

    Example:
        >>> vanishing(hidden_size=8)
        Page('Vanishing gradients: an RNN beside an LSTM', height=620)
    """
    height = whole("height", height, least=LEAST_HEIGHT)
    found = networks(hidden_size, seed)
    data = {
        "steps": MOST_STEPS,
        "states": found.rnn.hidden_size,
        "inputs": INPUTS,
        "x": _packed(found.x.numpy()[:, 0]),
        "y": _packed(found.y.numpy()[:, 0]),
        "rnn": _weights(found.rnn),
        "lstm": _weights(found.lstm),
    }
    text = document("vanishing", ["elements", "theme", "vanishing"], data, TITLE)
    return Page(text, TITLE, height)


def networks(hidden_size: int, seed: int) -> Networks:
    """The networks and the data of a page."""
    hidden_size = whole("hidden_size", hidden_size, most=MOST_STATES)
    rng = np.random.default_rng(whole("seed", seed, least=0))
    with drawn_from(rng):
        rnn, lstm = RNN(INPUTS, hidden_size), LSTM(INPUTS, hidden_size)
    x = np.eye(INPUTS)[rng.integers(INPUTS, size=MOST_STEPS)][:, None]
    y = rng.choice([-0.5, 0.5], (MOST_STEPS, 1, hidden_size))
    return Networks(rnn.to("float64"), lstm.to("float64"), Tensor(x), Tensor(y))


def factors(hidden_size: int = 16, seed: int = 0, steps: int = 30) -> dict[str, float]:
    """The factor by which gradients change per step, on average, with the loss at the last step of a sequence.

    Args:
        hidden_size, seed: as for `vanishing`.
        steps: the length of the sequence, at least 2.

    Returns:
        The factor for dL/dh of the RNN, and for dL/dc of the LSTM with different initialisations; and that of the
        direct path from cell to cell, which is the geometric mean of the forget gates.

    Example:
        >>> found = factors()
        >>> 0.45 < found["LSTM, direct path"] < 0.55
        True
    """
    steps = whole("steps", steps, least=2, most=MOST_STEPS)
    found, shrinking = networks(hidden_size, seed), dict[str, float]()
    for name, layer, state, bias in (
        ("RNN", found.rnn, "h", None),
        ("LSTM", found.lstm, "c", None),
        ("LSTM, forget bias 1", found.lstm, "c", 1.0),
        ("LSTM, forget bias 2", found.lstm, "c", 2.0),
    ):
        if bias is not None:
            forget_bias_(layer, bias)
        hidden, _ = layer(found.x[:steps])
        loss = ((hidden[-1] - found.y[steps - 1]) ** 2).sum() / 2
        norms = gradient_flow(loss).states[state]
        shrinking[name] = float((norms[0] / norms[-1]) ** (1 / (steps - 1)))
        if state == "c":
            gates = gate_values(loss)["f"]
            shrinking[f"{name}, direct path"] = float(np.exp(np.mean(np.log(gates[1:]))))
    return shrinking


def _weights(layer: Any) -> dict[str, str]:
    """A layer's weights, packed."""
    return {name.removesuffix("_l0"): _packed(parameter.numpy()) for name, parameter in layer.named_parameters()}


def _packed(array: Any) -> str:
    return block(array.shape, array.size).pack(array)
