"""Fusion: views move in front of elementwise nodes, joins are written part by part, and runs become one kernel.

Each pass is one function on the nodes of one pass of the program; `scheduled` runs them all.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

from tinyseq.compiler.fusion import About, Group, grouped
from tinyseq.compiler.gpu.formulas import dot, dot_of
from tinyseq.compiler.gpu.moves import Move, Operand, broadcast, index, is_whole, transpose, with_last_axis
from tinyseq.compiler.gpu.nodes import Graph, Join, Map, Node, Product, copied

_SMALL_PRODUCT = 1 << 22  # multiplications
_MOST_ARRAYS = 120  # the most of one kernel: its arguments are limited to 4 KB


@dataclass(frozen=True)
class Home:
    """Where a result is written: at ``path`` in the join ``join``."""

    join: int
    path: tuple[Move, ...]


@dataclass
class Schedule:
    """One pass of the program, ready to run.

    Attributes:
        items: groups and other nodes in order.
        homes: results that are stored in a part of a join.
    """

    items: list[Group | Node]
    homes: dict[int, Home]


def operands_of(node: Node) -> list[Operand]:
    """The operands of a node, without its numbers."""
    return [operand for operand in node.operands if isinstance(operand, Operand)]


def scheduled(graph: Graph, late: bool, needed: set[int]) -> Schedule:
    """The schedule of one pass, whose roots ``needed`` are read by others."""
    nodes = sink_views(graph, graph.passes[late], needed)
    nodes, homes = write_by_parts(graph, nodes)
    return Schedule(grouped(nodes, lambda node: about(graph, node), needed, _MOST_ARRAYS), homes)


def sink_views(graph: Graph, nodes: list[Node], needed: set[int]) -> list[Node]:
    """Compute only the parts of elementwise nodes that are read: f(x)[i] becomes f(x[i]).

    A node that is read only through views, by elementwise nodes and joins, is replaced by one node for each view, if
    these together have no more elements. So gates that are slices of one sum are computed by the kernel that uses them.
    A small product is computed there, too, element by element, since launching its own kernel takes longer.
    """
    now: dict[int, tuple[float, Node]] = {node.out: (place, node) for place, node in enumerate(nodes)}
    readers: dict[int, dict[int, None]] = {}
    for node in nodes:
        for operand in operands_of(node):
            readers.setdefault(operand.root, {})[node.out] = None
    for node in reversed(nodes):
        if node.out in needed or not isinstance(node, Map | Product) or not _belongs_to_readers(graph, node):
            continue
        views = _views(graph, node, [now[out][1] for out in readers.get(node.out, ())])
        if not views:
            continue
        parts = _parts(graph, node, views)
        if parts is None:
            continue
        del now[node.out]
        for reader in readers.pop(node.out):
            place, old = now[reader]
            new: list[Any] = []
            for operand in old.operands:
                if isinstance(operand, Operand) and operand.root == node.out:
                    part = parts[graph.layout(operand)]
                    operand = Operand(part.out)
                    now[part.out] = min(now.get(part.out, (place, part))[0], place - 1e-6), part
                    readers.setdefault(part.out, {})[reader] = None
                new.append(operand)
            now[reader] = place, replace(old, operands=tuple(new))
        for part in parts.values():
            for operand in operands_of(part):
                readers[operand.root].pop(node.out, None)
                readers[operand.root][part.out] = None
    return [node for _, node in sorted(now.values(), key=lambda pair: pair[0])]


def _views(graph: Graph, node: Node, readers: list[Node]) -> dict[Any, tuple[Move, ...]] | None:
    """The views of a node that are read, if it can be computed entirely by views."""
    shape, found = graph.shapes[node.out][0], {}
    for reader in readers:
        for operand in operands_of(reader):
            if operand.root == node.out:
                view = graph.layout(operand)
                if view is None or not isinstance(reader, Map | Join):
                    return None
                if is_whole(view, shape) and isinstance(node, Map):
                    return None  # they already share a kernel
                found[view] = operand.path
    return found if sum(math.prod(view[0]) for view in found) <= math.prod(shape) else None


def _belongs_to_readers(graph: Graph, node: Map | Product) -> bool:
    """Whether the kernels that read a node may compute it: any elementwise one, and a small product."""
    if isinstance(node, Map):
        return True
    inner: int = graph.layout(node.operands[0])[0][-1]
    return len(node.shape) == 2 and math.prod(node.shape) * inner <= _SMALL_PRODUCT


def _parts(graph: Graph, node: Map | Product, views: dict[Any, tuple[Move, ...]]) -> dict[Any, Map] | None:
    """Nodes that compute views of another; None if an operand cannot be viewed that way."""
    found = {}
    for view, path in views.items():
        operands = _viewed(graph, node, path)
        if operands is None or any(isinstance(o, Operand) and graph.layout(o) is None for o in operands):
            return None
        formula = node.formula if isinstance(node, Map) else dot_of(node.dtype)
        out = graph.new(view[0], node.dtype)
        found[view] = Map(out, formula, tuple(operands), view[0], node.dtype)
    return found


def _viewed(graph: Graph, node: Map | Product, path: tuple[Move, ...]) -> list[Any] | None:
    """The operands that a view of a node needs: for a product, a row and a column for each element."""
    if isinstance(node, Map) and node.formula.function is not dot:
        return [o.then(*path) if isinstance(o, Operand) else o for o in node.operands]
    operands = list(node.operands)
    if isinstance(node, Product):
        a, b = node.operands
        shape = *node.shape, graph.layout(a)[0][-1]
        operands = [a.then(index(slice(None), None), broadcast(shape)), b.then(transpose((1, 0)), broadcast(shape))]
    ndim = len(node.shape)
    for move in path:
        lifted = with_last_axis(move, ndim)
        if lifted is None:
            return None
        operands = [o.then(lifted) for o in operands]
        ndim = len(graph.layout(operands[0])[0]) - 1
    return operands


def write_by_parts(graph: Graph, nodes: list[Node]) -> tuple[list[Node], dict[int, Home]]:
    """Let the results that a join reads be written directly into it; copy what is stored elsewhere.

    A join of joins reads the parts of these. A copy of a result comes right after it, so that one kernel writes both.

    Returns:
        The nodes, in which joins only wait for their parts; and where each result is stored.
    """
    known = {node.out: node for node in nodes}
    homes: dict[int, Home] = {}
    behind: dict[int, list[Node]] = {}
    ahead: dict[int, list[Node]] = {}
    parts: dict[int, list[Operand]] = {}

    def place(operand: Operand, home: Home, join: Join) -> None:
        node = known.get(operand.root)
        whole = node is not None and is_whole(graph.layout(operand), node.shape)
        if whole and isinstance(node, Map | Product | Join) and node.out not in homes:
            homes[node.out] = home
            parts.setdefault(join.out, []).append(Operand(node.out))
        elif isinstance(node, Join) and whole:
            for part, move in zip(node.operands, node.places, strict=True):
                place(part, Home(home.join, (*home.path, move)), join)
        else:
            shape, dtype = graph.layout(operand)[0], graph.shapes[operand.root][1]
            copy = Map(graph.new(shape, dtype), copied(dtype), (operand,), shape, dtype)
            homes[copy.out] = home
            where = behind.setdefault(operand.root, []) if whole else ahead.setdefault(join.out, [])
            where.append(copy)
            parts.setdefault(join.out, []).append(Operand(copy.out))

    for node in reversed(nodes):
        if isinstance(node, Join):
            for operand, move in zip(node.operands, node.places, strict=True):
                place(operand, Home(node.out, (move,)), node)
    made: list[Node] = []
    for node in nodes:
        if isinstance(node, Join):
            node = replace(node, operands=tuple(parts[node.out]), places=())
        made += [*ahead.get(node.out, []), node, *behind.get(node.out, [])]
    return made, homes


def about(graph: Graph, node: Node) -> About:
    """What fusion needs to know of a node."""
    reads = operands_of(node)
    if not isinstance(node, Map):
        return About(None, whole=[operand.root for operand in reads])
    each = [is_whole(graph.layout(operand), node.shape) for operand in reads]
    return About(
        node.shape,
        [operand.root for operand, is_each in zip(reads, each, strict=True) if is_each],
        [operand.root for operand, is_each in zip(reads, each, strict=True) if not is_each],
        size=1 + len(reads),  # at most so many arrays
    )
