"""Chapter 3: gradient rules of single ops, and the order in which the tape runs them."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyseq.exercises.inputs import Rng
from tinyseq.exercises.record import Case, exercise


def elementwise_inputs(rng: Rng) -> Iterator[Case]:
    """The output y of tanh, and the gradient g with respect to it."""
    yield np.array([0.5]), np.array([1.0])
    yield np.array([0.0, 0.5, -0.5]), np.array([1.0, 2.0, -1.0])
    yield np.zeros(0), np.zeros(0)
    for shape in [(2,), (3, 2), (1, 4), (2, 3, 2)]:
        yield np.tanh(rng.normal(0, 2, shape)), rng.normal(0, 1, shape)


@exercise(
    3,
    "The rule of tanh",
    r"""
    The tape keeps the output $y = \tanh(x)$ of a call. Given $y$ and the incoming gradient $g = dL/dy$,
    compute $dL/dx$, element by element.
    """,
    inputs=elementwise_inputs,
    edits=r"""
    the output is not squared
        y**2 => y
    tanh is applied to y, which is already the output of tanh
        y**2 => np.tanh(y) ** 2
    this is only the local derivative; the incoming gradient is left out
        g * ( => (g == g) * (
    this is the rule of the sigmoid
        (1 - y**2) => y * (1 - y)
    a sign in the derivative is wrong
        1 - y**2 => 1 + y**2
    the incoming gradient is divided by the slope; multiply by it
        g * (1 => g / (1
    the incoming gradient is summed; the rule works element by element
        g * ( => np.sum(g) * (
    """,
)
def vjp_of_tanh(y: np.ndarray, g: np.ndarray) -> np.ndarray:
    """The gradient with respect to the input of tanh.

    Args:
        y: the output tanh(x), of any shape.
        g: the gradient dL/dy, of the same shape.

    Returns:
        dL/dx, of the same shape.
    """
    return g * (1 - y**2)


def product_inputs(rng: Rng) -> Iterator[Case]:
    """Two matrices, and the gradient with respect to their product."""
    for rows, inner, columns in [(1, 1, 1), (1, 2, 1), (2, 3, 4), (3, 3, 3), (2, 2, 2), (4, 1, 2)]:
        yield rng.normal(size=(rows, inner)), rng.normal(size=(inner, columns)), rng.normal(size=(rows, columns))


@exercise(
    3,
    "The rule of a matrix product",
    r"""
    $C = A B$. Given $A$, $B$ and the gradient $G = dL/dC$, compute $dL/dA$ and $dL/dB$. The shapes almost give it
    away: each gradient has the shape of its matrix.
    """,
    inputs=product_inputs,
    edits=r"""
    the two gradients are returned in the wrong order
        g @ b.T, a.T @ g => a.T @ g, g @ b.T
    B is not transposed
        g @ b.T => g @ b
    A is not transposed
        a.T @ g => a @ g
    the gradient of A uses A itself; it needs the other factor, B
        g @ b.T => g @ a.T
    the gradient of B uses B itself; it needs the other factor, A
        a.T @ g => b.T @ g
    both gradients are transposed
        g @ b.T, a.T @ g => b @ g.T, g.T @ a
    the incoming gradient G is left out
        g @ b.T, a.T @ g => np.ones_like(g) @ b.T, a.T @ np.ones_like(g)
    """,
)
def vjp_of_matmul(a: np.ndarray, b: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gradients with respect to both factors of a matrix product.

    Args:
        a: (n, m).
        b: (m, k).
        g: dL/dC (n, k), where C is the product.

    Returns:
        dL/dA (n, m) and dL/dB (m, k).
    """
    return g @ b.T, a.T @ g


def broadcast_inputs(rng: Rng) -> Iterator[Case]:
    """The gradient with respect to X + b."""
    for rows, columns in [(1, 1), (1, 3), (3, 1), (2, 3), (4, 4), (5, 2)]:
        yield (rng.normal(size=(rows, columns)),)


@exercise(
    3,
    "The rule of adding a bias",
    r"""
    $Y = X + b$, where $X$ has the shape $(n, m)$ and the row $b$ of shape $(m,)$ is added to each row. Given
    $G = dL/dY$, compute $dL/dX$ and $dL/db$. The gradient of a value that is used several times is the sum over its
    uses.
    """,
    inputs=broadcast_inputs,
    edits=r"""
    the gradient of b comes from the first row only; b is used in every row
        g.sum(0) => g[0]
    the gradient of b is a mean; the gradients of its uses must be summed
        g.sum(0) => g.mean(0)
    the sum runs along the rows; each element of b is used down a column
        g.sum(0) => g.sum(1)
    the gradient of b is summed to one number; it must have b's shape
        g.sum(0) => g.sum()
    the gradient of b still has the shape of X
        g.sum(0) => g
    the gradient of X is summed, too; each of its elements is used once
        g, g => g.sum(0) + 0 * g, g
    """,
)
def vjp_of_broadcast_add(g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gradients with respect to a matrix and to the row that was added to each of its rows.

    Args:
        g: dL/dY (n, m).

    Returns:
        dL/dX (n, m) and dL/db (m,).
    """
    return g, g.sum(0)


def loss_inputs(rng: Rng) -> Iterator[Case]:
    """Scores and targets."""
    yield np.zeros((1, 2)), np.array([0])
    yield np.array([[0.0, np.log(3.0)]]), np.array([1])
    yield np.array([[1000.0, 0.0]]), np.array([0])
    yield np.array([[1000.0, 0.0], [0.0, -1000.0]]), np.array([0, 1])
    for rows, classes in [(1, 3), (3, 3), (4, 2), (2, 5)]:
        yield rng.normal(0, 2, (rows, classes)), rng.integers(0, classes, rows)


@exercise(
    3,
    "Softmax and cross entropy together",
    r"""
    The loss of a row of scores $z$ with the true class $k$ is $-\log \mathrm{softmax}(z)_k$; the loss of a batch is the
    mean over its rows. Compute the gradient of the loss with respect to the scores. It must not overflow for scores of
    1000.
    """,
    inputs=loss_inputs,
    properties=[
        lambda case, value: None if np.isfinite(value).all() else "some of the gradient is not finite",
        lambda case, value: None if np.allclose(value.sum(1), 0) else "a row of the gradient does not sum to 0",
    ],
    edits=r"""
    the target is not subtracted: this is the softmax
        p[np.arange(len(p)), targets] -= 1 => pass
    the sign is wrong: this is target minus prediction
        return p / len(p) => return -p / len(p)
    this is the gradient of the sum over the rows, not of the mean
        return p / len(p) => return p
    the mean is taken over all scores, not over the rows
        return p / len(p) => return p / p.size
    it is 0 except at the true class: this is the gradient with respect to the probabilities, not the scores
        p[np.arange(len(p)), targets] -= 1 =>
            q = np.zeros_like(p); q[np.arange(len(p)), targets] = -1 / p[np.arange(len(p)), targets]; p = q
    the exponential overflows at large scores
        scores - scores.max(1, keepdims=True) => scores
    the softmax is taken over the batch, not over the classes
        p.sum(1, keepdims=True) => p.sum(0)
    `p[:, targets] -= 1` changes the targets of all rows in every row; index the rows, too
        p[np.arange(len(p)), targets] -= 1 => p[:, targets] -= 1
    the number of the class is subtracted; subtract 1 at the true class
        p[np.arange(len(p)), targets] -= 1 => p = p - targets[:, None]
    """,
)
def vjp_of_softmax_cross_entropy(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The gradient of the mean cross entropy with respect to the scores.

    Args:
        scores: (N, C).
        targets: the true classes, N whole numbers from 0 to C - 1.

    Returns:
        dL/dscores (N, C).
    """
    p = np.exp(scores - scores.max(1, keepdims=True))
    p = p / p.sum(1, keepdims=True)
    p[np.arange(len(p)), targets] -= 1
    return p / len(p)


def graph_inputs(rng: Rng) -> Iterator[Case]:
    """Graphs, given by the inputs of each node, and the last node."""
    yield {"x": [], "loss": ["x"]}, "loss"
    yield {"x": [], "a": ["x"], "b": ["x", "a"], "loss": ["a", "b"], "unused": ["a"]}, "loss"
    yield {"loss": []}, "loss"
    yield {"x": [], "loss": ["x", "x"]}, "loss"
    for size in (4, 6, 9):
        graph: dict[str, list[str]] = {"n0": []}
        for i in range(1, size):
            chosen = rng.choice(i, min(i, int(rng.integers(1, 4))), replace=False)
            graph[f"n{i}"] = [f"n{j}" for j in sorted(chosen)]
        yield dict(sorted(graph.items(), key=lambda item: rng.random())), f"n{size - 1}"


def ends_first(case: Case, order: Any) -> str | None:
    """Whether the list holds exactly the nodes that the last one depends on, each once and before its inputs."""
    graph, last = case
    if not isinstance(order, list | tuple) or not all(isinstance(node, str) for node in order):
        return "the result must be a list of names"
    if len(set(order)) != len(order):
        return "a node is listed twice; it must wait for all its uses and then run once"
    reached, stack = set(), [last]
    while stack:
        node = stack.pop()
        stack += [] if node in reached else graph[node]
        reached.add(node)
    if set(order) != reached:
        more = sorted(set(order) - reached)
        return (
            f"{more[0]!r} is listed, but {last!r} does not depend on it"
            if more
            else f"{min(reached - set(order))!r} is missing"
        )
    late = [(x, node) for node in order for x in graph[node] if order.index(x) < order.index(node)]
    return f"{late[0][0]!r} comes before {late[0][1]!r}, which uses it" if late else None


@exercise(
    3,
    "The order of the backward pass",
    r"""
    A graph is given as a dict from each node to its inputs. List the nodes that the node `last` depends on, `last`
    first, in an order in which the backward pass can run them: every node exactly once, after all nodes that use it.
    Any such order is right.
    """,
    inputs=graph_inputs,
    properties=[ends_first],
    unique=False,
    edits=r"""
    this is the order of the forward pass: inputs come before what uses them
        return order[::-1] => return order
    a node is listed as soon as it is visited, although another node that uses it may come later
        for x in inputs[node]: =>
            order.insert(0, node)
            for x in inputs[node]:
        order.append(node) => pass
    a node is listed once for each of its uses
        if node in order: => if False:
    nodes that the last one does not depend on are listed, too
        visit(last) => [visit(n) for n in inputs]
    the last node itself is left out
        return order[::-1] => return order[-2::-1]
    leaves are left out; their gradients are what the backward pass is for
        return order[::-1] => return [n for n in order[::-1] if inputs[n]]
    """,
)
def topological_order(inputs: dict[str, list[str]], last: str) -> list[str]:
    """The nodes that the last node depends on, each after all nodes that use it.

    Args:
        inputs: the inputs of each node; there are no cycles.
        last: where the backward pass begins.

    Returns:
        The names of the nodes, `last` first.
    """
    order: list[str] = []

    def visit(node: str) -> None:
        if node in order:
            return
        for x in inputs[node]:
            visit(x)
        order.append(node)

    visit(last)
    return order[::-1]
