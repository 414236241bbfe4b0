"""Chapter 4: one step of the recurrent network, and sampling from it."""

from collections.abc import Iterator

import numpy as np

from tinyseq.exercises.inputs import Rng
from tinyseq.exercises.record import Case, exercise


def step_inputs(rng: Rng) -> Iterator[Case]:
    """An input, a state, and weights."""
    for inputs, hidden in [(1, 1), (2, 2), (3, 3), (2, 3), (4, 2)]:
        for _ in range(2):
            weights = rng.normal(size=(hidden, inputs)), rng.normal(size=(hidden, hidden)), rng.normal(size=hidden)
            yield rng.normal(size=inputs), rng.normal(size=hidden), *weights


@exercise(
    4,
    "One step of the recurrent network",
    r"""
    Compute $h_t = \tanh(W x_t + U h_{t-1} + b)$, with vectors as columns.
    """,
    inputs=step_inputs,
    edits=r"""
    the weights of input and state are swapped
        w @ x + u @ h => w @ h + u @ x
    the bias is left out
        h + b) => h)
    the nonlinearity is left out
        np.tanh(w @ x + u @ h + b) => w @ x + u @ h + b
    the nonlinearity is the sigmoid
        np.tanh(w @ x + u @ h + b) => 1 / (1 + np.exp(-(w @ x + u @ h + b)))
    the recurrent weights are transposed
        u @ h => u.T @ h
    the previous state is left out
        w @ x + u @ h + b => w @ x + b
    the bias is added after the nonlinearity
        np.tanh(w @ x + u @ h + b) => np.tanh(w @ x + u @ h) + b
    tanh is applied to each part; it should be applied to the sum
        np.tanh(w @ x + u @ h + b) => np.tanh(w @ x + b) + np.tanh(u @ h)
    """,
)
def rnn_step(x: np.ndarray, h: np.ndarray, w: np.ndarray, u: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The next state.

    Args:
        x: the input x_t (I,).
        h: the state h_{t-1} (H,).
        w: W (H, I).
        u: U (H, H).
        b: (H,).

    Returns:
        h_t (H,).
    """
    return np.tanh(w @ x + u @ h + b)


def joined_inputs(rng: Rng) -> Iterator[Case]:
    """An input, a state, and one matrix for both."""
    for inputs, hidden in [(1, 1), (2, 2), (3, 3), (2, 3), (4, 2)]:
        yield rng.normal(size=inputs), rng.normal(size=hidden), rng.normal(size=(hidden, hidden + inputs))


@exercise(
    4,
    "The step with one matrix",
    r"""
    The lectures also write the step with one matrix: $h_t = \tanh(W [h_{t-1}; x_t])$, where $[h; x]$ is the state with
    the input below it. There is no bias.
    """,
    inputs=joined_inputs,
    edits=r"""
    the input is placed above the state; the state comes first
        [h, x] => [x, h]
    the nonlinearity is left out
        np.tanh(w @ np.concatenate([h, x])) => w @ np.concatenate([h, x])
    the input is left out
        w @ np.concatenate([h, x]) => w[:, : len(h)] @ h
    the state is left out
        w @ np.concatenate([h, x]) => w[:, len(h) :] @ x
    tanh is applied to the state and the input, not to the product
        np.tanh(w @ np.concatenate([h, x])) => w @ np.tanh(np.concatenate([h, x]))
    the nonlinearity is the sigmoid
        np.tanh(w @ np.concatenate([h, x])) => 1 / (1 + np.exp(-w @ np.concatenate([h, x])))
    """,
)
def stacked_form_step(x: np.ndarray, h: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The next state.

    Args:
        x: the input x_t (I,).
        h: the state h_{t-1} (H,).
        w: W (H, H + I).

    Returns:
        h_t (H,).
    """
    return np.tanh(w @ np.concatenate([h, x]))


def sampling_inputs(rng: Rng) -> Iterator[Case]:
    """Scores, k, a temperature, and a number from 0 to 1."""
    scores = np.log(np.array([0.1, 0.4, 0.2, 0.3]))
    for u in (0.0, 0.25, 0.55, 0.95):  # none is a partial sum of the probabilities, so rounding does not matter
        yield scores, 4, 1.0, u
        yield scores, 2, 1.0, u
        yield scores, 3, 0.5, u
        yield scores, 3, 3.0, u
    yield scores, 1, 2.0, 0.99
    for _ in range(12):
        size = int(rng.integers(3, 9))
        yield rng.normal(0, 2, size), int(rng.integers(1, size + 1)), float(rng.uniform(0.3, 3)), float(rng.uniform())


@exercise(
    4,
    "Sample from the k best",
    r"""
    Draw a symbol from scores $z$: keep the $k$ largest, take the softmax of $z / \tau$ over these, and add up their
    probabilities in the order of the symbols' indices. The symbol drawn is the first at which the sum exceeds $u$, a
    random number from 0 to 1.
    """,
    inputs=sampling_inputs,
    edits=r"""
    the scores are multiplied by the temperature
        scores / temperature => scores * temperature
    the temperature has no effect
        scores / temperature => scores
    the k smallest scores are kept
        np.argsort(-scaled)[:k] => np.argsort(scaled)[:k]
    k has no effect
        np.argsort(-scaled)[:k] => np.argsort(-scaled)
    the probabilities of the kept symbols are not renormalised, so they do not sum to 1
        weights / weights.sum() => weights / np.exp(scaled - scaled.max()).sum()
    the best symbol is taken, whatever u is
        int(np.argmax(np.cumsum(weights / weights.sum()) > u)) => int(np.argmax(weights))
    the probabilities are summed in decreasing order, not in the order of the symbols' indices
        int(np.argmax(np.cumsum(weights / weights.sum()) > u)) =>
            int(kept[np.argmax(np.cumsum(weights[kept] / weights.sum()) > u)])
    the probabilities are summed in increasing order, not in the order of the symbols' indices
        kept = np.argsort(-scaled)[:k] => kept = np.argsort(scaled)[-k:]
        int(np.argmax(np.cumsum(weights / weights.sum()) > u)) =>
            int(kept[np.argmax(np.cumsum(weights[kept] / weights.sum()) > u)])
    this is the position among the kept symbols, not the symbol's index
        int(np.argmax(np.cumsum(weights / weights.sum()) > u)) =>
            int(np.argmax(np.cumsum(weights[np.sort(kept)] / weights.sum()) > u))
    """,
)
def sample_top_k(scores: np.ndarray, k: int, temperature: float, u: float) -> int:
    """The index of a symbol, drawn from the k best.

    Args:
        scores: (V,), all different.
        k: how many are kept, 1 to V.
        temperature: above 0; below 1, large scores become more likely.
        u: the random number, at least 0 and below 1.

    Returns:
        The index of the symbol, 0 to V - 1.
    """
    scaled = scores / temperature
    kept = np.argsort(-scaled)[:k]
    weights = np.zeros(len(scores))
    weights[kept] = np.exp(scaled[kept] - scaled.max())
    return int(np.argmax(np.cumsum(weights / weights.sum()) > u))
