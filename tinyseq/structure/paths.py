"""Paths through the recorded graph, and backward passes that leave the graph unchanged."""

from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from tinyseq.autograd.accumulator import Accumulator
from tinyseq.autograd.backward import Visit, walk
from tinyseq.autograd.calls.tensors import one_tensor
from tinyseq.autograd.declare import OPS
from tinyseq.autograd.graph import Node, Output, Parent, owner, readable
from tinyseq.autograd.hooks import without_hooks
from tinyseq.autograd.tensor import Tensor, as_node
from tinyseq.backend import NUMPY, Array, namespace_of, to_numpy

Item = TypeVar("Item")
Key = TypeVar("Key")


def reached(starts: Iterable[Item], ahead: Callable[[Item], Iterable[Item]]) -> Iterator[Item]:
    """These, and all that they lead to, each once; the nearest first.

    Example:
        >>> list(reached([12], lambda number: {number // 2, number // 3} - {0}))
        [12, 4, 6, 1, 2, 3]
    """
    seen, waiting = set[Item](), list(starts)
    for item in waiting:  # grows during the loop
        if item not in seen:
            seen.add(item)
            yield item
            waiting += ahead(item)


def grouped(pairs: Iterable[tuple[Key, Item]]) -> dict[Key, list[Item]]:
    """The items of each key, in order.

    Example:
        >>> grouped((len(word), word) for word in ["a", "the", "an", "one"])
        {1: ['a'], 3: ['the', 'one'], 2: ['an']}
    """
    found: dict[Key, list[Item]] = {}
    for key, item in pairs:
        found.setdefault(key, []).append(item)
    return found


def scalar_root(loss: Tensor, name: str = "loss") -> Parent:
    """The graph node of a loss, which must be one number."""
    if one_tensor(loss, name).size != 1:
        raise ValueError(f"{name} must be a single number, got shape {loss.shape}; reduce it with .sum() or .mean()")
    return as_node(loss)


def size_of(gradient: Array, axis: int | None = None) -> Any:
    """The Euclidean norm in float64, safe from overflow and underflow: of the whole array, or along one axis."""
    return OPS["norm"].forward(NUMPY, to_numpy(gradient).astype(np.float64), axis=axis)


def leading_to(target: Parent, nodes: list[Node]) -> set[Parent]:
    """The target, and all of the nodes (given newest first) and their outputs that depend on it."""
    found: set[Parent] = {target}
    for node in reversed(nodes):
        for _, edge in edges_in(found, node):
            found.update((edge, node))
    return found


def edges_in(between: Container[Parent], node: Node) -> Iterator[tuple[int, Parent]]:
    """The arguments of a node, with their positions, that are among the nodes of a path, or their outputs."""
    for i, edge in enumerate(node.edges):
        if edge is not None and (edge in between or owner(edge) in between):
            yield i, edge


def visits(seeds: Mapping[Parent, Array], through: set[Parent] | None = None) -> Iterator[Visit]:
    """Run backward from several nodes at once; saved values and every ``.grad`` are kept, and no hook is called.

    Args:
        seeds: where to start, and the gradients there.
        through: the nodes to visit; all if None.
    """
    gradients = Accumulator(seeds.items())
    steps = walk(gradients, readable(list(seeds)), path=through, retain_graph=True, watched=True)
    while True:
        with without_hooks():
            visit = next(steps, None)
        if visit is None:
            return
        yield visit


def gradients(
    seeds: Mapping[Parent, Array],
    through: set[Parent],
    wanted: Collection[Parent],
    sent_by: Container[Parent] | None = None,
) -> dict[Parent, Array]:
    """The gradients of some nodes, by one backward pass.

    Args:
        seeds, through: as for `visits`.
        wanted: the nodes; those where nothing arrives are left out.
        sent_by: the nodes whose contributions count; all if None.
    """
    found = {parent: g for parent, g in seeds.items() if parent in wanted}
    for node, _, contributions in visits(seeds, through):
        for parent, g in contributions:
            if parent in wanted and (sent_by is None or node in sent_by):
                add(found, parent, g)
    return found


def ones(loss: Tensor, name: str = "loss") -> dict[Parent, Array]:
    """The seed of a whole backward pass: dL/dL = 1."""
    return {scalar_root(loss, name): namespace_of(loss._array).ones(loss.shape, dtype=loss.dtype)}


def add(sums: dict[Any, Array], key: Any, term: Array) -> None:
    """Add to one of several sums, without modifying the term."""
    sums[key] = sums[key] + term if key in sums else term


def steps_of(nodes: Iterable[Parent]) -> int:
    """The number of time steps: one more than the last one on any node."""
    return 1 + max(labels_of(nodes), default=-1)


def labels_of(nodes: Iterable[Parent]) -> set[int]:
    """The time steps that nodes carry."""
    return {node.label.step for node in nodes if isinstance(node, Node) and node.label.step is not None}


def first_steps(nodes: list[Node]) -> dict[Parent, int]:
    """The values outside of every time step that belong to one: what a loop begins with, as scores[0] before a loop
    whose steps 1, 2, ... take scores[1], scores[2], ..., belongs to step 0.

    Args:
        nodes: a whole graph, newest first.
    """
    taken: dict[Parent | None, list[tuple[int, Node]]] = defaultdict(list)  # the parts of each sequence
    for node in (node for node in nodes if node.op.operator == "[]"):
        index = node.attrs["index"]
        first = index[0] if isinstance(index, tuple) and index else index
        if isinstance(first, int):
            taken[node.edges[0]].append((first, node))
    found: dict[Parent, int] = {}
    for parts in taken.values():
        inside = [(place, node.label.step) for place, node in parts if node.label.step is not None]
        if inside and all(place == step for place, step in inside):
            ends = {min(inside)[0] - 1, max(inside)[0] + 1}
            found |= {node: place for place, node in parts if node.label.step is None and place in ends}
    users: dict[Parent | None, list[Node]] = defaultdict(list)
    for user in nodes if found else ():
        for edge in user.edges:
            users[edge].append(user)
    for node in reversed(nodes) if found else ():  # and what is computed from these before the loop
        steps = {found.get(edge) for edge in node.edges if edge in found or isinstance(edge, Node | Output)}
        if node not in found and node.label.step is None and len(steps) == 1 and (step := steps.pop()) is not None:
            found[node] = step
    for node in nodes:  # as far as it leads to the loop's first step
        if node in found and not any(
            found.get(user) == found[node] or user.label.step in {found[node] - 1, found[node] + 1}
            for user in users[node]
        ):
            del found[node]
    return found


def readers_of_parts(reads: Iterable[tuple[Parent | None, int]]) -> dict[Node, dict[Output, set[int]]]:
    """The nodes that take a sequence apart outside of the loops, and the steps that read each of their outputs.

    Args:
        reads: values, and the steps that read them.
    """
    found: dict[Node, dict[Output, set[int]]] = {}
    for part, step in reads:
        if isinstance(part, Output) and part.node.op.kind == "unstacking" and part.label.step is None:
            found.setdefault(part.node, {}).setdefault(part, set()).add(step)
    return found


def only_at(array: Array, axis: int, places: Collection[int]) -> Array:
    """An array with zeros except at some places of an axis."""
    xp = namespace_of(array)
    chosen = np.zeros(array.shape[axis], dtype=bool)
    chosen[list(places)] = True
    sides = tuple(-1 if i == axis else 1 for i in range(array.ndim))
    kept: Array = xp.where(xp.reshape(xp.asarray(chosen), sides), array, xp.zeros_like(array))
    return kept


def made_of(loss: Tensor) -> list[Node]:
    """Every node that a loss depends on, newest first."""
    return readable([scalar_root(loss)])
