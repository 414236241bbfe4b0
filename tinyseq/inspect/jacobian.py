"""The effect of the past on the future: how one hidden state changes with an earlier one."""

from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from tinyseq.autograd.calls.tensors import one_tensor
from tinyseq.autograd.graph import Leaf, Node, Output, Parent, owner, readable
from tinyseq.autograd.record.axes import BY_PLACE, MOVING
from tinyseq.autograd.tensor import Tensor, as_node
from tinyseq.backend import namespace_of, to_numpy
from tinyseq.structure.paths import edges_in, gradients, leading_to
from tinyseq.structure.states import loops
from tinyseq.torch_names.settings import explained

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class JacobianNorms:
    """How h_t changes with earlier states h_k, k = s, ..., t.

    Attributes:
        jacobian: dh_t/dh_s, (size of h_t, size of h_s), both flattened.
        singular_values: of ``jacobian``, largest first.
        steps: the steps k from s to t, (K,); descending for the direction that reads backward.
        norms: (K,), the largest singular value of dh_t/dh_k; 1 at k = t.
        beta: the largest singular value of the recurrent weight; None unless the graph has exactly one.
        bound: (K,), beta^(t - k), which no norm exceeds; None where the path from h_s to h_t is not one chain of
            products with the weight and of functions whose slope is at most 1, as in an LSTM or GRU.
        products: (K,), the largest singular values of the single steps dh_{j+1}/dh_j, multiplied from j = k to t - 1.
            They lie between norms and bound, because of the slopes of tanh. None where there is no bound.
        spectral_radius: the largest absolute value of an eigenvalue of a square recurrent weight, else None. Below 1
            the linear network forgets eventually, even where beta is above 1.

    Example:
        >>> import tinyseq as ts
        >>> w, h = ts.tensor([[0.5]], requires_grad=True), [ts.ones(1, 1)]
        >>> for t in range(3):
        ...     with ts.step(t):
        ...         h.append(w @ h[-1])
        >>> found = ts.inspect.jacobian_norms(h[1], h[3])
        >>> found.norms, found.bound
        (array([0.25, 0.5 , 1.  ]), array([0.25, 0.5 , 1.  ]))
    """

    jacobian: Floats = field(repr=False)
    singular_values: Floats
    steps: np.ndarray[Any, np.dtype[np.int64]]
    norms: Floats
    beta: float | None
    bound: Floats | None
    products: Floats | None
    spectral_radius: float | None

    @property
    def curves(self) -> dict[str, Floats]:
        """The norms, their bounds, and the spectral radius to the power t - k, for one figure."""
        found = {"norm of ∂hₜ/∂hₖ": self.norms}
        if self.products is not None:
            found["product of the steps' norms"] = self.products
        if self.bound is not None:
            found["bound, βᵗ⁻ᵏ"] = self.bound
        if self.spectral_radius is not None:
            distances = abs(self.steps[-1] - self.steps).astype(float)
            found["spectral radius to the power t − k"] = self.spectral_radius**distances
        return found

    def __repr__(self) -> str:
        lines = [f"JacobianNorms of the state at step {self.steps[-1]} by that at step {self.steps[0]}:"]
        largest = ", ".join(f"{value:.3g}" for value in self.singular_values[:4])
        lines.append(f"  singular values {largest}{', ...' if len(self.singular_values) > 4 else ''}")
        if self.bound is not None:
            lines.append(
                f"  bound beta^(t-s) = {self.beta:.4g}^{abs(self.steps[-1] - self.steps[0])} = {self.bound[0]:.3g}"
            )
        if self.spectral_radius is not None:
            lines.append(f"  spectral radius of the recurrent weight {self.spectral_radius:.4g}")
        return "\n".join(lines)


@explained
def jacobian_norms(h_s: Tensor, h_t: Tensor) -> JacobianNorms:
    """The Jacobian dh_t/dh_s, its singular values, and the bound beta^(t - s) that makes gradients vanish.

    For the plain network h_t = tanh(W_hh h_{t-1} + ...), every step multiplies by diag(tanh') W_hh, whose largest
    singular value is at most beta, that of W_hh, as 0 < tanh' <= 1. For an LSTM, dh_t/dh_s leaves out what the cell
    c_s carries on its own; pass the cells for dc_t/dc_s.

    Args:
        h_s: an earlier state, such as ``output[s]`` of a layer or the state in your own loop; any shape.
        h_t: a later state. Elements of a batch are taken together; pick one by ``output[t, b]``.

    Returns:
        The Jacobian, and the norms and bounds at each step between the two.

    Raises:
        ValueError: if h_t does not depend on h_s.
        RuntimeError: if one of them has no graph.

    Source: ``|dh_t/dh_k| <= beta^(t - k)`` in the lectures; Pascanu, Mikolov and Bengio, "On the difficulty of training
    recurrent neural networks", 2013.

    Example:
        >>> import tinyseq as ts
        >>> _ = ts.manual_seed(0)
        >>> output, _ = ts.nn.RNN(3, 4)(ts.ones(10, 1, 3))
        >>> found = jacobian_norms(output[2], output[9])
        >>> found.jacobian.shape, found.steps
        ((4, 4), array([2, 3, 4, 5, 6, 7, 8, 9]))
        >>> bool((found.norms <= found.bound * (1 + 1e-6)).all())
        True
    """
    (target, columns), (root, rows) = _located(h_s, "h_s"), _located(h_t, "h_t")
    nodes = readable([root])
    between = leading_to(target, nodes)
    if root is target or owner(root) not in between:
        raise ValueError("h_t does not depend on h_s: give the earlier state first, both of one sequence and layer")
    states = _states_between(target, root, nodes, between)
    xp = namespace_of(h_t._array)
    inner = columns if target.shape == root.shape else rows  # the same elements in the states between
    places = {state: columns if state is target else inner for state in states.values()}
    jacobians = _jacobians(xp, (root, rows), places, between)
    whole = jacobians[target]
    steps = np.array(list(states))
    lags = abs(steps[-1] - steps).astype(float)
    matrices = _recurrent_weights(target, nodes, between)
    beta = None if len(matrices) != 1 else float(np.linalg.norm(matrices[0], 2))
    square = len(matrices) == 1 and matrices[0].shape[0] == matrices[0].shape[1]
    one_a_step = _products(target, root, between) == lags[0]
    bound = beta**lags if beta is not None and one_a_step else None
    return JacobianNorms(
        whole,
        np.asarray(np.linalg.svd(whole, compute_uv=False), dtype=np.float64),
        steps,
        np.array([np.linalg.norm(jacobian, 2) for jacobian in jacobians.values()]),
        beta,
        bound,
        None if bound is None else _products_of_steps(xp, places, (root, rows), nodes),
        float(abs(np.linalg.eigvals(matrices[0])).max()) if square else None,
    )


def _located(h: Tensor, name: str) -> tuple[Parent, Any]:
    """The node that computed a state, and its elements' positions there: ``output[t]`` is the h that step t passed on.

    The path back leads through ops that only move values. Numbered gradients sent along it identify the elements.
    """
    node = as_node(one_tensor(h, name))
    if isinstance(node, Leaf) or node.label.step is not None:
        return node, np.arange(h.size)
    xp = namespace_of(h._array)
    outside: set[Parent] = {owner(node)}
    ends: set[Parent] = set()
    for made in readable([node]):  # newest first, so after all that read it
        for edge in made.edges if made in outside else ():
            if edge is not None:
                maker = owner(edge)
                moves = isinstance(maker, Node) and maker.label.step is None and maker.op.kind in MOVING
                (outside if moves else ends).add(maker if moves else edge)
    numbers = xp.reshape(xp.arange(1, h.size + 1, dtype=h.dtype), h.shape)
    # Only from outside: a step's own ops may connect two ends.
    found = gradients({node: numbers}, outside | ends, ends, outside)
    arrived = {end: to_numpy(g).reshape(-1) for end, g in found.items() if to_numpy(g).any()}
    if len(arrived) == 1:
        ((end, values),) = arrived.items()
        order = {int(value): place for place, value in enumerate(values.tolist()) if value}
        if sorted(order) == list(range(1, h.size + 1)):
            return end, np.array([order[i] for i in range(1, h.size + 1)])
    raise ValueError(f"{name} holds the values of {len(arrived)} tensors; give the state of one step, as output[t]")


def _jacobians(xp: Any, of: tuple[Parent, Any], by: dict[Parent, Any], through: set[Parent]) -> dict[Parent, Floats]:
    """The Jacobians of some elements of a tensor by some elements of each of others: one backward pass for each row."""
    root, rows = of
    jacobians = {parent: np.zeros((len(rows), len(columns))) for parent, columns in by.items()}
    for i, row in enumerate(rows):
        unit = xp.astype(xp.arange(prod(root.shape)) == int(row), root.dtype)
        for parent, g in gradients({root: xp.reshape(unit, root.shape)}, through, by).items():
            jacobians[parent][i] = to_numpy(g).reshape(-1)[by[parent]]
    return jacobians


def _products_of_steps(xp: Any, places: dict[Parent, Any], root: tuple[Parent, Any], nodes: list[Node]) -> Floats:
    """The largest singular values of the Jacobians from each state to the next, multiplied up to the last state."""
    found = [1.0]
    after = root
    for state, columns in reversed(list(places.items())[:-1]):
        step = [node for node in nodes if state.seq < node.seq <= after[0].seq]
        (jacobian,) = _jacobians(xp, after, {state: columns}, leading_to(state, step)).values()
        found.append(found[-1] * float(np.linalg.norm(jacobian, 2)))
        after = state, columns
    return np.array(found[::-1])


def _states_between(target: Parent, root: Parent, nodes: list[Node], between: set[Parent]) -> dict[int, Parent]:
    """The states from h_s to h_t by step, all of one name in one loop."""
    found: dict[int, Parent] = {}
    for loop in loops(nodes):
        for series in loop.states.values():
            if any(state is root or state is target for state in series.values()):
                found = {
                    step: state for step, state in series.items() if state in between and state.shape == root.shape
                }
    last = max((node.label.step for node in nodes if node.label.step is not None), default=1)
    found[_step(root, last)] = root
    oldest = min(found, key=lambda step: found[step].seq)
    before = oldest + 1 if oldest > _step(root, last) else oldest - 1  # the step of an initial state
    found[_step(target, before)] = target
    return {step: found[step] for step in sorted(found, key=lambda step: found[step].seq)}


def _step(parent: Parent, otherwise: int) -> int:
    step = None if isinstance(parent, Leaf) else parent.label.step
    return otherwise if step is None else step


def _recurrent_weights(target: Parent, nodes: list[Node], between: set[Parent]) -> list[Floats]:
    """The different matrices, leaves or constants, that a state is multiplied by on the path."""
    found: dict[Any, Floats] = {}
    for node in nodes:
        if node.op.kind == "product" and node in between and node is not target and node.saved is not None:
            ways = [*edges_in(between, node)]
            weight = 1 - ways[0][0] if len(ways) == 1 else 0
            matrix = node.saved[weight]
            if len(ways) == 1 and matrix.ndim == 2 and not isinstance(node.edges[weight], Node | Output):
                found[id(matrix)] = to_numpy(matrix).astype(np.float64)
    return list(found.values())


def _products(target: Parent, root: Parent, between: set[Parent]) -> int | None:
    """How many matrix products are on the path, if it is one chain of products and functions of slope at most 1."""
    here, products = root, 0
    while here is not target:
        node = owner(here)
        assert isinstance(node, Node)
        (i, here), *others = edges_in(between, node)
        if others or not (node.op.kind == "product" or _shrinks(node, i)):
            return None
        products += node.op.kind == "product"
    return products


def _shrinks(node: Node, i: int) -> bool:
    """Whether no direction is amplified from the i-th argument to the result."""
    edge, bound = node.edges[i], node.op.slope_bound
    spread = node.op.kind in BY_PLACE and edge is not None and edge.shape != node.shape  # one element goes to several
    return bound is not None and bound <= 1 and not spread
