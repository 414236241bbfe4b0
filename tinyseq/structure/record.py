"""A computation as plain data, which all views of a graph read.

`record` walks the graph once, iteratively, and keeps what can be drawn.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter, itemgetter
from typing import Any

from tinyseq.autograd.accumulator import Accumulator
from tinyseq.autograd.backward import walk
from tinyseq.autograd.graph import Leaf, Node, Output, Parent, owner, readable
from tinyseq.autograd.hooks import without_hooks
from tinyseq.autograd.modes import Gates
from tinyseq.autograd.ops.moves.joined import joined, remembers
from tinyseq.autograd.ops.moves.joined import owner as whole
from tinyseq.autograd.record.op import Op
from tinyseq.autograd.tensor import Tensor, as_node
from tinyseq.backend import Array
from tinyseq.structure.paths import ones

Shape = tuple[int, ...]
Scope = tuple[str, ...]  # a path of modules, outermost first
MOST_OPS = 250_000  # the most that a drawing looks at, which takes some seconds
Source = tuple[int, int]  # a vertex's id, and which of its outputs


@dataclass(eq=False, slots=True)
class Vertex:
    """One leaf, or one use of an op. It is never changed.

    Attributes:
        id: its place in the record; every vertex comes after those it was made of.
        op: the op's name; empty for a leaf.
        name: a leaf's name in the model; may be empty.
        label: what a user calls a leaf in this drawing; may be empty.
        declared: the op's record; None for a leaf.
        step: the time step it was recorded in; None outside of loops.
        block: which block of `ts.step` it was recorded in.
        scope: the modules it was recorded in, outermost first.
        shapes: one shape for each output.
        dtype: the outputs' type, as the array library has it.
        parents: where each argument comes from; None for a constant.
        attrs: the op's settings.
        gates: the names of the gates whose rows are stacked in its value, in order, if a cell has named them.
        states: how many states the recurrent cell around it carries; 0 outside of one.
        made_of: the vertices that its arguments come from, except for constants.
        kind, operator: what sort of op it is, and the operator of Python that it is, as its record says.
    """

    id: int
    op: str = ""
    name: str = ""
    declared: Op | None = None
    step: int | None = None
    scope: tuple[str, ...] = ()
    shapes: tuple[Shape, ...] = ((),)
    dtype: Any = None
    parents: tuple[Source | None, ...] = ()
    attrs: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    gates: tuple[str, ...] = ()
    block: int = 0
    states: int = 0
    made_of: tuple[int, ...] = field(init=False)
    kind: str = field(init=False)
    operator: str = field(init=False)

    def __post_init__(self) -> None:
        self.made_of = (*map(itemgetter(0), filter(None, self.parents)),)
        self.kind = self.declared.kind if self.declared else ""
        self.operator = self.declared.operator if self.declared else ""

    @property
    def is_leaf(self) -> bool:
        return not self.op

    @property
    def adds_up(self) -> bool:
        """Whether the op sums over axes: a reduction that is linear."""
        return self.declared is not None and self.kind == "reduction" and self.declared.linear

    @property
    def shape(self) -> Shape:
        return self.shapes[0]

    @property
    def index(self) -> tuple[Any, ...]:
        """The index of an indexing op, axis by axis; empty for others."""
        found = self.attrs["index"] if self.operator == "[]" else ()
        return found if isinstance(found, tuple) else (found,)


@dataclass(frozen=True)
class Record:
    """A whole computation.

    Attributes:
        vertices: in the order of creation, so that parents come first; the last one is the result.
        items: the leaves and nodes that they stand for.
        result: the value of the result.
        gradients: of the result with respect to vertices, if requested; for several outputs a list.
        given: the values of parameters, and of leaves that a user has named.
        users: for each vertex, those that use it.
        leaves: the vertices that no op has made.
        dtype: that of all values; empty if they differ.
    """

    vertices: tuple[Vertex, ...]
    items: tuple[Leaf | Node, ...] = ()
    result: Any = None
    gradients: dict[int, Any] = field(default_factory=dict)
    given: Mapping[int, Array] = field(default_factory=dict)

    @cached_property
    def users(self) -> list[list[int]]:
        return users_of(self.vertices)

    @cached_property
    def leaves(self) -> list[Vertex]:
        return [vertex for vertex in self.vertices if not vertex.op]

    @cached_property
    def dtype(self) -> str:
        dtypes = {str(dtype) for dtype in {vertex.dtype for vertex in self.vertices}}
        return dtypes.pop() if len(dtypes) == 1 else ""

    def value(self, source: Source) -> Any:
        """A known value: the result's, or one saved for the backward pass by its op or a user of it; or None."""
        vertex, output = source
        if vertex == len(self.vertices) - 1 and not output:
            return self.result
        if vertex in self.given:
            return self.given[vertex]
        kept = self._saved(vertex)
        if "out" in kept and len(self.vertices[vertex].shapes) == 1:
            return kept["out"]
        for user in self.users[vertex]:
            for position, parent in enumerate(self.vertices[user].parents):
                if parent == source and hasattr(value := self.argument(user, position), "dtype"):
                    return whole(value).reshape(self.vertices[vertex].shape) if joined(value) else value
        return None

    def constant(self, vertex: int, position: int) -> Any:
        """A constant argument, an array or a number; None for one that is computed."""
        return None if self.vertices[vertex].parents[position] else self.argument(vertex, position)

    def argument(self, vertex: int, position: int) -> Any:
        """An argument: a constant, or what the op has kept for its gradient rule; None for others."""
        item = self.items[vertex] if self.items else None
        given = item.given[position] if isinstance(item, Node) and item.given else None
        if given is not None:
            return given
        kept, declared = self._saved(vertex), self.vertices[vertex].declared
        if not declared or not kept:
            return None
        if declared.variadic:
            return kept[declared.inputs[0]][position] if declared.inputs[0] in kept else None
        return kept.get(declared.inputs[position])

    def differentiate(self, result: Tensor, wanted: Iterable[int]) -> None:
        """Compute the gradients of the result with respect to vertices, if there are any; no ``.grad`` is changed."""
        chosen: dict[Parent, int] = {self.items[vertex]: vertex for vertex in wanted}
        nodes = [item for item in reversed(self.items) if isinstance(item, Node)]
        with without_hooks():
            found = Accumulator(ones(result).items(), kept=chosen)
            deque(walk(found, nodes, retain_graph=True), maxlen=0)
            found.leaves()
        self.gradients.update((chosen[item], g) for item, g in found.kept.items() if g is not None)

    def _saved(self, vertex: int) -> dict[str, Any]:
        """What an op has saved for its gradient rule, by name."""
        item = self.items[vertex] if self.items else None
        return dict(zip(item.op.saves, item.saved, strict=True)) if isinstance(item, Node) and item.saved else {}


def origin(vertices: Sequence[Vertex], vertex: int, passes: Callable[[Vertex], bool]) -> Vertex:
    """What a vertex is a rearrangement of: it, or what is behind it and others that a path passes."""
    found = vertices[vertex]
    while passes(found) and len({*found.made_of}) == 1:
        found = vertices[found.made_of[0]]
    return found


def users_of(vertices: Sequence[Vertex]) -> list[list[int]]:
    """For each vertex, those that use it."""
    users: list[list[int]] = [[] for _ in vertices]
    for vertex in vertices:
        for source in vertex.made_of:
            users[source].append(vertex.id)
    return users


def record(result: Tensor, gradients: bool = False, names: Mapping[str, Tensor] | None = None) -> Record:
    """The computation of a tensor.

    Args:
        result: the tensor.
        gradients: also compute gradients; the result must be a single number. No ``.grad`` is changed.
        names: names for leaves.

    Raises:
        ValueError: the tensor has no graph, or one of more than 250,000 ops; or a named tensor is not a leaf of it.
        RuntimeError: gradients were requested, but an earlier backward pass has freed the graph.

    Example:
        >>> import tinyseq as ts
        >>> x = ts.tensor(2.0, requires_grad=True)
        >>> [vertex.op or "leaf" for vertex in record(x * x + 1.0).vertices]
        ['leaf', 'multiply', 'add']
    """
    nodes, sources = _computed(result)
    leaves: set[Leaf | Node] = {parent for node in nodes for parent in node.edges if type(parent) is Leaf}
    ordered = sorted([*nodes, *(leaves or {owner(as_node(result))})], key=attrgetter("seq"))
    ids = {item: i for i, item in enumerate(ordered)}
    labels = _labels(names or {}, ids)
    vertices = tuple(_vertices(ids, labels, sources))
    given = {ids[leaf]: array for leaf, array in _values(leaves, names or {}, nodes).items()}
    found = Record(vertices, tuple(ids), result._array, {}, given)
    if gradients:
        found.differentiate(result, ids.values())
    return found


def _computed(result: Tensor) -> tuple[list[Node], dict[tuple[Node, int], Node]]:
    """The nodes that a tensor was computed from, and which node joined a constant argument, since the graph does not
    say so."""
    if result.node is None:
        raise ValueError("there is no graph to draw: nothing that the tensor was computed from has requires_grad=True")
    nodes = readable([result.node])
    if len(nodes) > MOST_OPS:
        raise ValueError(
            f"the tensor was computed in {len(nodes):,} ops, and a drawing looks at no more than {MOST_OPS:,}. Draw a "
            "loss of fewer time steps: the steps left out look like those shown"
        )
    sources: dict[tuple[Node, int], Node] = {}
    found = set[Node]()
    for node in nodes if remembers() else ():  # grows during the loop
        for position, given in enumerate(node.given):
            if made := None if given is None else joined(given):
                nodes += {made} - found
                found.add(made)
                sources[node, position] = made
    return nodes, sources


def _values(
    leaves: Iterable[Leaf | Node], names: Mapping[str, Tensor], nodes: Sequence[Node]
) -> dict[Leaf | Node, Array]:
    """The values of parameters and of named leaves, unless they were changed since, for example by an optimiser."""
    found: dict[Leaf | Node, Array] = {}
    alive = (leaf.tensor() for leaf in leaves if isinstance(leaf, Leaf) and leaf.tensor)
    for tensor in (*alive, *names.values()):
        leaf = tensor.node if tensor is not None else None
        if not isinstance(leaf, Leaf) or leaf not in leaves:
            continue
        if not leaf.mutated or leaf.mutated < min(node.seq for node in nodes if leaf in node.edges):
            found[leaf] = tensor._array
    return found


def _labels(names: Mapping[str, Tensor], ids: Mapping[Leaf | Node, int]) -> dict[Leaf | Node, str]:
    labels: dict[Leaf | Node, str] = {}
    for name, tensor in names.items():
        node = tensor.node if isinstance(tensor, Tensor) else None
        if not isinstance(node, Leaf) or node not in ids:
            raise ValueError(
                f"names[{name!r}] must be a tensor with requires_grad=True from which the result was computed, got "
                f"{type(tensor).__name__ if not isinstance(tensor, Tensor) else 'another tensor'}"
            )
        labels[node] = name
    return labels


def _vertices(
    ids: Mapping[Leaf | Node, int],
    labels: Mapping[Leaf | Node, str],
    sources: Mapping[tuple[Node, int], Node],
) -> Iterator[Vertex]:
    """The vertices of leaves and nodes, in their order."""
    for item, number in ids.items():
        if isinstance(item, Leaf):
            label = labels.get(item, "")
            yield Vertex(number, name=item.name or "", shapes=(item.shape,), dtype=item.dtype, label=label)
            continue
        op, made, shape = item.op, item.label, item.shape
        parents: list[Source | None] = []
        for edge in _edges(item, sources) if sources else item.edges:
            if type(edge) is Output:
                parents.append((ids[edge.node], edge.index))
            else:
                parents.append(None if edge is None else (ids[edge], 0))  # type: ignore[index]  # no Output
        shapes = tuple(shape) if op.outputs else (shape,)
        gates = () if made.gates is None or op.outputs else _gates(made.gates, shape)
        step, scope, dtype, attrs = made.step, made.scope, item.dtype, item.attrs
        cell = gates, made.block, made.gates.states if made.gates else 0
        yield Vertex(number, op.name, "", op, step, scope, shapes, dtype, tuple(parents), attrs, "", *cell)


def _edges(node: Node, sources: Mapping[tuple[Node, int], Node]) -> list[Parent | None]:
    """Where the arguments of a node come from, also those that the graph does not know."""
    return [edge or sources.get((node, i)) for i, edge in enumerate(node.edges)]


def _gates(gates: Gates, shape: Shape) -> tuple[str, ...]:
    """The gates stacked in an output of this shape: (gates * H, B) of one step, or (T, gates * H, B) of all steps."""
    return gates.names if len(shape) > 1 and shape[-2] == len(gates.names) * gates.rows else ()


def part_text(index: Iterable[object]) -> str:
    """An index as it is written: [0, 1:3]."""

    def text(part: object) -> str:
        if not isinstance(part, slice):
            return str(part)
        ends = ":".join("" if end is None else str(end) for end in (part.start, part.stop))
        return ends if part.step is None else f"{ends}:{part.step}"

    return f"[{', '.join(map(text, index))}]"
