"""Chapter 6: how far gradients reach, and what keeps them from exploding."""

from collections.abc import Iterator

import numpy as np

from tinyseq.exercises.inputs import Rng
from tinyseq.exercises.record import Case, exercise


def clipping_inputs(rng: Rng) -> Iterator[Case]:
    """Gradients and a threshold."""
    yield [np.array([3.0, 4.0])], 1.0
    yield [np.array([0.3, 0.4])], 1.0
    yield [np.array([1.2, 1.6])], 3.0  # its norm, 2, is below the threshold; its squared norm, 4, is above it
    yield [np.array([0.6, -0.7])], 0.95  # both its squared norm, 0.85, and its norm, 0.92, are below
    yield [np.zeros(2)], 1.0
    yield [np.array([[3.0]]), np.array([4.0, 0.0])], 2.0
    for threshold in (0.1, 1.0, 5.0):
        yield [rng.normal(size=(2, 3)), rng.normal(size=3), rng.normal(size=())], threshold


@exercise(
    6,
    "Clip by the norm",
    r"""
    Given the gradients of all parameters, scale all of them by the same factor so that their common norm
    $\sqrt{\sum_i g_i^2}$, over all elements of all gradients, is at most the threshold. Gradients whose norm is
    below it stay unchanged.
    """,
    inputs=clipping_inputs,
    properties=[
        lambda case, value: (
            None
            if sum(np.sum(g**2) for g in value) <= case[1] ** 2 * (1 + 1e-6)
            else "the norm of the result is above the threshold"
        )
    ],
    edits=r"""
    the squared norm is compared with the threshold
        norm > threshold => norm**2 > threshold
    the square root is missing: the squared norm is used throughout
        np.sqrt(sum(np.sum(g**2) for g in gradients)) => sum(np.sum(g**2) for g in gradients)
    each gradient is clipped by its own norm, which changes the overall direction
        [scale * g for g in gradients] =>
            [g * min(1.0, threshold / max(np.sqrt(np.sum(g**2)), 1e-300)) for g in gradients]
    elements are clipped one by one, which changes the direction
        [scale * g for g in gradients] => [np.clip(g, -threshold, threshold) for g in gradients]
    gradients below the threshold are scaled up
        if norm > threshold else => if norm > 0 else
    the norm is the sum of absolute values, not the root of the sum of squares
        np.sqrt(sum(np.sum(g**2) for g in gradients)) => sum(np.sum(abs(g)) for g in gradients)
    clipped gradients have norm 1; their norm should be the threshold
        threshold / norm if => 1.0 / norm if
    gradients below the threshold are scaled up, and zeros become NaN
        threshold / norm if norm > threshold else 1.0 => threshold / norm
    the norms of the gradients are added; add their squares, and take the root of the sum
        np.sqrt(sum(np.sum(g**2) for g in gradients)) => sum(np.sqrt(np.sum(g**2)) for g in gradients)
    """,
)
def clip_by_norm(gradients: list[np.ndarray], threshold: float) -> list[np.ndarray]:
    """Gradients scaled so that their common norm is at most a threshold.

    Args:
        gradients: arrays of any shapes.
        threshold: above 0.

    Returns:
        New arrays, in the same order.
    """
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    scale = threshold / norm if norm > threshold else 1.0
    return [scale * g for g in gradients]


def jacobian_inputs(rng: Rng) -> Iterator[Case]:
    """Recurrent weights and states."""
    yield np.array([[0.5]]), np.array([[0.0]])
    yield np.array([[2.0]]), np.array([[0.5], [-0.5]])
    yield np.array([[0.0, 1.0], [0.5, 0.0]]), np.zeros((0, 2))
    for steps, size in [(1, 2), (2, 2), (3, 2), (4, 3)]:
        yield rng.normal(size=(size, size)), np.tanh(rng.normal(size=(steps, size)))


@exercise(
    6,
    "The norm of a Jacobian through time",
    r"""
    In a recurrent network $h_t = \tanh(W h_{t-1} + U x_t + b)$, you are given $W$ and the states
    $h_{k+1}, \ldots, h_t$. Compute the norm of $\partial h_t / \partial h_k$: its largest singular value. With no
    states, the Jacobian is the identity.
    """,
    inputs=jacobian_inputs,
    edits=r"""
    this is the norm of all elements (Frobenius), not the largest singular value
        jacobian, 2) => jacobian)
    the factors are multiplied in the wrong order
        ((1 - h[:, None] ** 2) * weight) @ jacobian => jacobian @ ((1 - h[:, None] ** 2) * weight)
    the slope of tanh is left out
        ((1 - h[:, None] ** 2) * weight) => weight
    the slope of tanh scales the columns of W; it should scale the rows
        h[:, None] => h[None, :]
    in the slope of tanh, the state is not squared
        h[:, None] ** 2 => h[:, None]
    W is transposed
        * weight) @ => * weight.T) @
    this is the bound, a product of norms, not the norm of the product
        jacobian = ((1 - h[:, None] ** 2) * weight) @ jacobian =>
            jacobian = np.linalg.norm((1 - h[:, None] ** 2) * weight, 2) * jacobian
    this is the largest eigenvalue, not the largest singular value
        np.linalg.norm(jacobian, 2) => np.max(abs(np.linalg.eigvals(jacobian)))
    this is the bound, a power of the norm of W
        np.linalg.norm(jacobian, 2) => np.linalg.norm(weight, 2) ** len(states)
    """,
)
def jacobian_norm(weight: np.ndarray, states: np.ndarray) -> float:
    """The largest singular value of dh_t/dh_k.

    Args:
        weight: W (H, H).
        states: h_{k+1}, ..., h_t (t - k, H), outputs of tanh.

    Returns:
        The norm, a number.
    """
    jacobian = np.eye(len(weight))
    for h in states:
        jacobian = ((1 - h[:, None] ** 2) * weight) @ jacobian
    return float(np.linalg.norm(jacobian, 2))


def gate_inputs(rng: Rng) -> Iterator[Case]:
    """Forget gates over time."""
    yield (np.array([[0.5]]),)
    yield (np.array([[0.5], [0.25]]),)
    yield (np.zeros((0, 2)),)
    yield (np.array([[1.0, 0.0], [1.0, 1.0], [0.5, 1.0]]),)
    for steps, size in [(2, 2), (3, 1), (5, 3)]:
        yield (rng.uniform(0.1, 0.9, (steps, size)),)


@exercise(
    6,
    "The path through the cell",
    r"""
    In an LSTM, $c_t = f_t \odot c_{t-1} + i_t \odot g_t$. Along this path alone, with the gates held fixed, the
    Jacobian of the last cell with respect to an earlier one is a diagonal matrix. Given $f_1, \ldots, f_T$, compute the
    diagonals of $\partial c_T / \partial c_t$ for $t = 0, \ldots, T$.
    """,
    inputs=gate_inputs,
    edits=r"""
    the gates are multiplied from the beginning: this is the effect of c_0 on each cell
        path[t] = path[t + 1] * forget[t] =>
            path[len(forget) - t] = path[len(forget) - t - 1] * forget[len(forget) - 1 - t]
    each row uses only one gate; the path passes through all later ones
        path[t + 1] * forget[t] => forget[t]
    the gates are added; the chain rule multiplies them
        path[t + 1] * forget[t] => path[t + 1] + forget[t]
    1 - f is used instead of f: the gate is what is kept
        * forget[t] => * (1 - forget[t])
    each gate is one step late
        * forget[t] => * forget[min(t + 1, len(forget) - 1)]
    the sigmoid is applied to the gates, which are already its outputs
        * forget[t] => / (1 + np.exp(-forget[t]))
    the first row is missing: t goes from 0 to T
        return path => return path[1:]
    the last row is missing: the Jacobian of the last cell with respect to itself is 1
        return path => return path[:-1]
    the rows are in reverse order: row 0 is the effect of c_0, the longest product
        return path => return path[::-1]
    """,
)
def lstm_path(forget: np.ndarray) -> np.ndarray:
    """The effect of each cell on the last one, along the cell's own path.

    Args:
        forget: the forget gates f_1, ..., f_T (T, H).

    Returns:
        (T + 1, H), row t the diagonal of dc_T/dc_t.
    """
    path = np.ones((len(forget) + 1, forget.shape[1]))
    for t in range(len(forget) - 1, -1, -1):
        path[t] = path[t + 1] * forget[t]
    return path
