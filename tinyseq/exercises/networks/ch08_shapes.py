"""Chapter 8: bidirectional and stacked networks, ragged batches, and the decoder's inputs."""

from collections.abc import Iterator

import numpy as np

from tinyseq.exercises.inputs import Rng, distribution
from tinyseq.exercises.record import Case, exercise


def both_inputs(rng: Rng) -> Iterator[Case]:
    """What the input gives to each direction, and recurrent weights."""
    for steps, size in [(1, 1), (2, 1), (2, 2), (3, 2), (5, 3)]:
        shares = rng.normal(size=(steps, size)), rng.normal(size=(steps, size))
        yield *shares, rng.normal(size=(size, size)), rng.normal(size=(size, size))


@exercise(
    8,
    "A bidirectional network",
    r"""
    One network reads from left to right, $f_t = \tanh(a_t + U f_{t-1})$, another from right to left,
    $b_t = \tanh(d_t + V b_{t+1})$; both begin with a state of zeros. Their states stand side by side: row $t$ of the
    result is $[f_t; b_t]$, both of the same word. What the inputs give, $a_t = W x_t$ and $d_t = W' x_t$, is computed
    already.
    """,
    inputs=both_inputs,
    edits=[
        (
            "the states of the second network are not turned round: they belong to other words",
            "run(d[::-1], v)[::-1]",
            "run(d[::-1], v)",
        ),
        ("both networks read from left to right", "run(d[::-1], v)[::-1]", "run(d, v)"),
        ("both directions use the same recurrent weights", "run(d[::-1], v)", "run(d[::-1], u)"),
        (
            "the states are added, where they should stand side by side",
            "np.concatenate([run(a, u), run(d[::-1], v)[::-1]], 1)",
            "run(a, u) + run(d[::-1], v)[::-1]",
        ),
        (
            "the network from right to left stands first",
            "np.concatenate([run(a, u), run(d[::-1], v)[::-1]], 1)",
            "np.concatenate([run(d[::-1], v)[::-1], run(a, u)], 1)",
        ),
        ("states of a network do not depend on those before", "shares[t] + weight @ h", "shares[t]"),
        (
            "the second network's states are turned round, although it read from left to right",
            "run(d[::-1], v)[::-1]",
            "run(d, v)[::-1]",
        ),
    ],
)
def bidirectional_states(a: np.ndarray, d: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The states of both directions.

    Args:
        a: what the input gives to the network from left to right (T, H), T at least 1.
        d: the same for the network from right to left.
        u: the recurrent weights U (H, H).
        v: the recurrent weights V (H, H).

    Returns:
        (T, 2H).
    """

    def run(shares: np.ndarray, weight: np.ndarray) -> np.ndarray:
        h, states = np.zeros(len(weight)), []
        for t in range(len(shares)):
            h = np.tanh(shares[t] + weight @ h)
            states.append(h)
        return np.array(states)

    return np.concatenate([run(a, u), run(d[::-1], v)[::-1]], 1)


def layer_inputs(rng: Rng) -> Iterator[Case]:
    """What the input gives to the first layer, and the weights."""
    for steps, size in [(1, 1), (2, 1), (2, 2), (3, 2), (5, 3)]:
        yield rng.normal(size=(steps, size)), *(rng.normal(size=(size, size)) for _ in range(3))


@exercise(
    8,
    "Two layers",
    r"""
    The states of the first layer are the inputs of the second: $h_t = \tanh(a_t + U h_{t-1})$ and
    $k_t = \tanh(W h_t + V k_{t-1})$. Both layers begin with zeros. Give the states of the second layer.
    """,
    inputs=layer_inputs,
    edits=[
        (
            "the second layer reads the first one's state of the step before",
            "h = np.tanh(a[t] + u @ h)\n        k = np.tanh(w @ h + v @ k)",
            "k = np.tanh(w @ h + v @ k)\n        h = np.tanh(a[t] + u @ h)",
        ),
        ("the second layer reads the input, not the first layer", "w @ h", "w @ a[t]"),
        ("the second layer has no state of its own", " + v @ k", ""),
        ("the second layer takes the first one's recurrent weights", "v @ k", "u @ k"),
        ("the states of the first layer are returned", "states.append(k)", "states.append(h)"),
        ("the first layer's next step reads the second layer's state", "u @ h", "u @ k"),
        ("only the last state is returned", "np.array(states)", "states[-1]"),
    ],
)
def stacked_states(a: np.ndarray, u: np.ndarray, w: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The states of the second of two layers.

    Args:
        a: what the input gives to the first layer (T, H), T at least 1.
        u: the first layer's recurrent weights U (H, H).
        w: from the first layer to the second, W (H, H).
        v: the second layer's recurrent weights V (H, H).

    Returns:
        k_1, ..., k_T (T, H).
    """
    h, k, states = np.zeros(len(u)), np.zeros(len(v)), []
    for t in range(len(a)):
        h = np.tanh(a[t] + u @ h)
        k = np.tanh(w @ h + v @ k)
        states.append(k)
    return np.array(states)


def ragged_inputs(rng: Rng) -> Iterator[Case]:
    """States of a batch, and lengths."""
    yield np.arange(6.0).reshape(3, 2, 1), np.array([3, 1])
    for steps, batch, size in [(1, 1, 2), (4, 3, 2), (3, 3, 3), (5, 4, 1), (2, 2, 2)]:
        lengths = rng.integers(1, steps + 1, batch)
        yield rng.normal(size=(steps, batch, size)), lengths


@exercise(
    8,
    "The last states of a ragged batch",
    r"""
    A classifier reads the last state $h_T$ of each text. Texts of different lengths are in one batch, padded at the
    end. Give the state of each text at its own last word.
    """,
    inputs=ragged_inputs,
    edits=[
        (
            "all texts are read at the last step of the batch, where the shorter ones are padded",
            "lengths - 1, np.arange(len(lengths))",
            "-1",
        ),
        ("each state is one step too late", "lengths - 1", "np.minimum(lengths, len(states) - 1)"),
        ("the first states are returned", "lengths - 1", "0 * lengths"),
        ("all texts are read at the length of the shortest", "lengths - 1", "lengths.min() - 1"),
        (
            "states are averaged; the last one alone is wanted",
            "states[lengths - 1, np.arange(len(lengths))]",
            "np.array([states[:n, b].mean(0) for b, n in enumerate(lengths)])",
        ),
        (
            "every text gets the states of all texts",
            "states[lengths - 1, np.arange(len(lengths))]",
            "states[lengths - 1]",
        ),
        ("lengths are counted from the end of the padded batch", "lengths - 1", "len(states) - lengths"),
    ],
)
def last_states(states: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The state of each text at its last word.

    Args:
        states: (T, B, H), time first.
        lengths: of the texts, B whole numbers from 1 to T.

    Returns:
        (B, H).
    """
    return states[lengths - 1, np.arange(len(lengths))]


def decoder_inputs(rng: Rng) -> Iterator[Case]:
    """P(next | previous), a target, and the start symbol."""
    for size, length in [(2, 1), (2, 2), (3, 4), (4, 5), (3, 6), (5, 3)]:
        yield distribution(rng, size, size), rng.integers(0, size, length), int(rng.integers(0, size))


@exercise(
    8,
    "The loss with teacher forcing",
    r"""
    A decoder predicts each symbol from the one before it. In training, the one before is the *true* one, whatever the
    decoder would have said; before the first stands a start symbol. Element $a, b$ of a table is $P(b \mid a)$. Give
    the mean of $-\log P(y_t \mid y_{t-1})$ over a target $y_1, \ldots, y_T$.
    """,
    inputs=decoder_inputs,
    edits=[
        (
            "the decoder reads its own predictions, not the true symbols",
            "before = np.concatenate([[start], target[:-1]])",
            "before = [start]\n    for _ in target[1:]:\n        before.append(int(table[before[-1]].argmax()))",
        ),
        ("the decoder reads the symbol that it should predict", "np.concatenate([[start], target[:-1]])", "target"),
        ("the first prediction is left out", "table[before, target]", "table[before[1:], target[1:]]"),
        ("the table is transposed", "table[before, target]", "table[target, before]"),
        ("the losses are summed, not averaged", "np.mean(", "np.sum("),
        (
            "the last symbol stands before the first one, where the start symbol belongs",
            "np.concatenate([[start], target[:-1]])",
            "np.roll(target, 1)",
        ),
        ("the sign is missing", "-np.mean", "np.mean"),
        (
            "the start symbol stands before every symbol",
            "np.concatenate([[start], target[:-1]])",
            "np.full(len(target), start)",
        ),
    ],
)
def teacher_forcing_loss(table: np.ndarray, target: np.ndarray, start: int) -> float:
    """The mean of -log P of each symbol given the true one before it.

    Args:
        table: (V, V), element a, b the probability of b after a.
        target: T whole numbers from 0 to V - 1, T at least 1.
        start: the start symbol, one of these numbers.

    Returns:
        The loss, a number.
    """
    before = np.concatenate([[start], target[:-1]])
    return float(-np.mean(np.log(table[before, target])))
