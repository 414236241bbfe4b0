"""Chapter 8: bidirectional and stacked networks, ragged batches, and the decoder's inputs."""

from collections.abc import Iterator

import numpy as np

from tinyseq.exercises.inputs import Rng, distribution
from tinyseq.exercises.record import Case, exercise


def both_inputs(rng: Rng) -> Iterator[Case]:
    """The input's contribution to each direction, and recurrent weights."""
    for steps, size in [(1, 1), (2, 1), (2, 2), (3, 2), (5, 3)]:
        shares = rng.normal(size=(steps, size)), rng.normal(size=(steps, size))
        yield *shares, rng.normal(size=(size, size)), rng.normal(size=(size, size))


@exercise(
    8,
    "A bidirectional network",
    r"""
    One network reads from left to right, $f_t = \tanh(a_t + U f_{t-1})$, another from right to left,
    $b_t = \tanh(d_t + V b_{t+1})$; both start from a state of zeros. Concatenate their states: row $t$ of the result is
    $[f_t; b_t]$, both for the same word. The input terms $a_t = W x_t$ and $d_t = W' x_t$ are already computed.
    """,
    inputs=both_inputs,
    edits=r"""
    the states of the second network are not put back in text order, so they belong to other words
        run(d[::-1], v)[::-1] => run(d[::-1], v)
    both networks read from left to right
        run(d[::-1], v)[::-1] => run(d, v)
    both directions use the same recurrent weights
        run(d[::-1], v) => run(d[::-1], u)
    the states are added; they should be concatenated
        np.concatenate([run(a, u), run(d[::-1], v)[::-1]], 1) => run(a, u) + run(d[::-1], v)[::-1]
    the right-to-left network comes first; it should come second
        np.concatenate([run(a, u), run(d[::-1], v)[::-1]], 1) => np.concatenate([run(d[::-1], v)[::-1], run(a, u)], 1)
    the states do not depend on the previous ones
        shares[t] + weight @ h => shares[t]
    the second network reads from left to right, and only its states are reversed
        run(d[::-1], v)[::-1] => run(d, v)[::-1]
    the recurrent weights are transposed
        weight @ h => h @ weight
    the states are stacked below each other; they should stand side by side
        v)[::-1]], 1) => v)[::-1]], 0)
    """,
)
def bidirectional_states(a: np.ndarray, d: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The states of both directions.

    Args:
        a: the input terms of the left-to-right network (T, H), T at least 1.
        d: the input terms of the right-to-left network (T, H).
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
    """The input terms of the first layer, and the weights."""
    for steps, size in [(1, 1), (2, 1), (2, 2), (3, 2), (5, 3)]:
        yield rng.normal(size=(steps, size)), *(rng.normal(size=(size, size)) for _ in range(3))


@exercise(
    8,
    "Two layers",
    r"""
    The states of the first layer are the inputs of the second: $h_t = \tanh(a_t + U h_{t-1})$ and
    $k_t = \tanh(W h_t + V k_{t-1})$. Both layers start from zeros. Compute the states of the second layer.
    """,
    inputs=layer_inputs,
    edits=r"""
    the second layer reads the first layer's previous state
        h = np.tanh(a[t] + u @ h) => before, h = h, np.tanh(a[t] + u @ h)
        w @ h => w @ before
    the second layer reads the input, not the first layer
        w @ h => w @ a[t]
    the second layer has no state of its own
        h + v @ k => h
    the second layer uses the first layer's recurrent weights
        v @ k => u @ k
    the states of the first layer are returned
        states.append(k) => states.append(h)
    the first layer's next step reads the second layer's state
        u @ h => u @ k
    only the last state is returned
        np.array(states) => states[-1]
    W and V are swapped
        w @ h + v @ k => v @ h + w @ k
    """,
)
def stacked_states(a: np.ndarray, u: np.ndarray, w: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The states of the second layer of two.

    Args:
        a: the input terms W_1 x_t of the first layer (T, H), T at least 1.
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
    """States of a batch, and the lengths of its texts."""
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
    edits=r"""
    all texts are read at the last step of the batch, where the shorter texts have only padding
        lengths - 1, np.arange(len(lengths)) => -1
    each state is taken one step too late
        lengths - 1 => np.minimum(lengths, len(states) - 1)
    the first states are returned
        lengths - 1 => 0 * lengths
    all texts are read at the length of the shortest
        lengths - 1 => lengths.min() - 1
    the states are averaged; only the last one is wanted
        states[lengths - 1, np.arange(len(lengths))] => np.array([states[:n, b].mean(0) for b, n in enumerate(lengths)])
    every text gets the states of all texts; index the batch, too
        states[lengths - 1, np.arange(len(lengths))] => states[lengths - 1]
    lengths are counted from the end of the padded batch
        lengths - 1 => len(states) - lengths
    """,
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
    A decoder predicts each symbol from the one before it. In training, it is given the *true* previous symbol, whatever
    it would have predicted itself; the first symbol is preceded by a start symbol. Element $a, b$ of a table is
    $P(b \mid a)$. Compute the mean of $-\log P(y_t \mid y_{t-1})$ over a target $y_1, \ldots, y_T$.
    """,
    inputs=decoder_inputs,
    edits=r"""
    the decoder reads its own predictions, not the true symbols
        before = np.concatenate([[start], target[:-1]]) =>
            before = [start]
            for _ in target[1:]:
                before.append(int(table[before[-1]].argmax()))
    the decoder reads the symbol that it should predict
        np.concatenate([[start], target[:-1]]) => target
    the first prediction is left out
        table[before, target] => table[before[1:], target[1:]]
    the table is transposed
        table[before, target] => table[target, before]
    the losses are summed, not averaged
        np.mean( => np.sum(
    the first symbol is preceded by the last one; it should be preceded by the start symbol
        np.concatenate([[start], target[:-1]]) => np.roll(target, 1)
    the sign is missing
        -np.mean => np.mean
    the log is to base 2
        np.log( => np.log2(
    every symbol is predicted from the start symbol
        np.concatenate([[start], target[:-1]]) => np.full(len(target), start)
    """,
)
def teacher_forcing_loss(table: np.ndarray, target: np.ndarray, start: int) -> float:
    """The mean of -log P of each symbol, given the true previous one.

    Args:
        table: (V, V), element a, b the probability of b after a.
        target: T whole numbers from 0 to V - 1, T at least 1.
        start: the start symbol, one of these numbers.

    Returns:
        The loss, a number.
    """
    before = np.concatenate([[start], target[:-1]])
    return float(-np.mean(np.log(table[before, target])))
