"""Chapter 5: backpropagation through time, term by term."""

from collections.abc import Iterator

import numpy as np

from tinyseq.exercises.inputs import Rng
from tinyseq.exercises.record import Case, exercise


def unrolled_inputs(rng: Rng) -> Iterator[Case]:
    """Recurrent weights, states, and the gradient of each state's own loss."""
    yield np.array([[0.5]]), np.array([[0.0]]), np.array([[1.0]])
    yield np.array([[0.5]]), np.array([[0.5], [-0.5]]), np.array([[0.0], [1.0]])
    for steps, size in [(1, 2), (2, 2), (3, 2), (4, 3), (6, 2)]:
        yield rng.normal(size=(size, size)), np.tanh(rng.normal(size=(steps, size))), rng.normal(size=(steps, size))
    last_only = np.zeros((4, 2))
    last_only[-1] = 1.0
    yield rng.normal(size=(2, 2)), np.tanh(rng.normal(size=(4, 2))), last_only


@exercise(
    5,
    "The gradient at every state",
    r"""
    In a recurrent network $h_t = \tanh(W h_{t-1} + U x_t + b)$, each state has a loss of its own:
    $L = \sum_t \ell_t(h_t)$. The gradient at $h_t$ has two parts: $\partial \ell_t / \partial h_t$, which is given, and
    what comes back from $h_{t+1}$. Compute $\partial L / \partial h_t$ for all $t$.
    """,
    inputs=unrolled_inputs,
    edits=r"""
    nothing comes back from the next state
        local[t] + later => local[t]
    W is not transposed on the way back
        weight.T @ => weight @
    the slope of tanh is left out
        ] * (1 - states[t] ** 2) => ]
    the slope of tanh is taken one step too early, at the state before
        (1 - states[t] ** 2) => (1 - states[t - 1] ** 2)
    gradients come back only one step: what h_{t+1} passes on must include what came back to it
        (gradient[t] * (1 => (local[t] * (1
    the states' own losses are used only at the last step
        local[t] + later => (local[t] if t == len(states) - 1 else 0) + later
    the slope of tanh is applied after W; on the way back it comes first, before the product with W
        weight.T @ (gradient[t] * (1 - states[t] ** 2)) => (weight.T @ gradient[t]) * (1 - states[t] ** 2)
    these are the gradients at the sums inside the tanh, not at the states
        gradient[t] = local[t] + later => gradient[t] = (local[t] + later) * (1 - states[t] ** 2)
        weight.T @ (gradient[t] * (1 - states[t] ** 2)) => weight.T @ gradient[t]
    the loop runs forwards in time; start at the last step, since each gradient needs that of the next state
        range(len(states) - 1, -1, -1) => range(len(states))
    """,
)
def state_gradient(weight: np.ndarray, states: np.ndarray, local: np.ndarray) -> np.ndarray:
    """The gradient of the whole loss at every state.

    Args:
        weight: W (H, H).
        states: h_0, ..., h_{T-1} (T, H), a row for each step.
        local: the gradient of each state's own loss at that state (T, H).

    Returns:
        dL/dh_t (T, H).
    """
    gradient = np.zeros(local.shape)
    later = np.zeros(len(weight))
    for t in range(len(states) - 1, -1, -1):
        gradient[t] = local[t] + later
        later = weight.T @ (gradient[t] * (1 - states[t] ** 2))
    return gradient


def term_inputs(rng: Rng) -> Iterator[Case]:
    """The gradient at a state, that state, and the previous one."""
    yield np.array([1.0]), np.array([0.5]), np.array([-0.5])
    yield np.array([1.0, 2.0]), np.array([0.0, 0.5]), np.array([0.5, 1.0])
    for size in (2, 3, 3, 4):
        yield rng.normal(size=size), np.tanh(rng.normal(size=size)), np.tanh(rng.normal(size=size))


@exercise(
    5,
    "One term of the gradient of W",
    r"""
    In a recurrent network $h_t = \tanh(W h_{t-1} + U x_t + b)$, the gradient of $W$ is a sum over its uses, one at each
    step. Given $g = \partial L / \partial h_t$, the gradient of the whole loss, and the states $h_t$ and $h_{t-1}$,
    compute the term of step $t$. It has the shape of $W$.
    """,
    inputs=term_inputs,
    edits=r"""
    the term is transposed
        np.outer(g * (1 - h**2), before) => np.outer(before, g * (1 - h**2))
    the new state is used instead of the previous one
        , before) => , h)
    the slope of tanh is left out
        g * (1 - h**2) => g
    the slope of tanh is taken at the previous state
        (1 - h**2) => (1 - before**2)
    in the slope of tanh, the state is not squared
        h**2 => h
    the incoming gradient is left out
        g * (1 => (1
    the slope of tanh scales the columns; it belongs to the new state, so it scales the rows
        np.outer(g * (1 - h**2), before) => np.outer(g, before) * (1 - h**2)
    the vectors are multiplied element by element; the term is their outer product
        np.outer(g * (1 - h**2), before) => np.diag(g * (1 - h**2) * before)
    """,
)
def bptt_term(g: np.ndarray, h: np.ndarray, before: np.ndarray) -> np.ndarray:
    """The term of one step in dL/dW.

    Args:
        g: dL/dh_t (H,).
        h: h_t (H,).
        before: h_{t-1} (H,).

    Returns:
        (H, H).
    """
    return np.outer(g * (1 - h**2), before)


def triangle_inputs(rng: Rng) -> Iterator[Case]:
    """A triangle of terms, and the length of a window."""
    yield np.tril(np.arange(1.0, 10.0).reshape(3, 3)), 1
    yield np.tril(np.arange(1.0, 17.0).reshape(4, 4)), 2
    yield np.array([[2.0]]), 3
    for steps, window in [(5, 2), (5, 3), (6, 4), (7, 3), (4, 9)]:
        yield np.tril(rng.normal(size=(steps, steps))), window


@exercise(
    5,
    "What truncation keeps",
    r"""
    Element $j, i$ of a triangle is the part of $\partial \ell_j / \partial w$ that comes from the use of $w$ at step
    $i \le j$, counted from 0. Training cuts the text into windows of $k$ steps: steps $0$ to $k - 1$, then $k$ to
    $2k - 1$, and so on. The state is carried from window to window; the gradient is not. Compute the gradient of
    the sum of all losses as truncation gives it.
    """,
    inputs=triangle_inputs,
    edits=r"""
    every term within k steps of its loss is kept; terms that cross the border of a window are dropped
        j // window == i // window => j - i < window
    this is what truncation drops
        j // window == i // window => j // window != i // window
    this is the whole gradient; nothing is dropped
        j // window == i // window => True
    only the terms on the diagonal are kept
        j // window == i // window => i == j
    windows are one step too long
        j // window == i // window => j // (window + 1) == i // (window + 1)
    only the losses of the first window are used
        j // window == i // window => j // window == i // window == 0
    the last window is left out if it is shorter than the others
        range(steps) => range(steps // window * window)
    only the losses at the ends of windows are used
        j // window == i // window => j // window == i // window and (j + 1) % window == 0
    """,
)
def truncated_terms(terms: np.ndarray, window: int) -> float:
    """The gradient of truncated backpropagation through time.

    Args:
        terms: (T, T), row the loss, column the use; 0 above the diagonal.
        window: the number of steps k of a window, at least 1.

    Returns:
        The sum of the terms that are kept.
    """
    steps = len(terms)
    return float(sum(terms[j, i] for j in range(steps) for i in range(j + 1) if j // window == i // window))
