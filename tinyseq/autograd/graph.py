"""The recorded graph: leaves, nodes, and the outputs of nodes that have several.

Edges only point backwards, from a result to its inputs. Nothing here refers to a Tensor, unless weakly, or to a node's
own output, and nothing holds a closure, so there are no cycles: when the last Tensor of a graph is freed, reference
counting frees the whole graph.
"""

from collections.abc import Callable, Set
from operator import attrgetter
from typing import Any

from tinyseq.autograd.modes import Label, tick
from tinyseq.autograd.record.op import Op
from tinyseq.backend import Array

Shape = tuple[int, ...]
Gradient = Any  # a Tensor, in a module above this one, which must not import it
Hooks = dict[int, Callable[[Gradient], Gradient | None]]


class Leaf:
    """A tensor with requires_grad=True that is not the result of an op.

    Attributes:
        name: its name in the model, if it has one (``"lstm.weight_hh_l0"``).
        shape, dtype: of the tensor, and so of its gradient.
        grad: the gradient that `backward` has accumulated so far.
        mutated: the clock at the last update of the values; 0 if there was none.
        tensor: a weak reference to the tensor, so that a drawing can show a parameter's values; None if it has none.
    """

    __slots__ = ("dtype", "grad", "hooks", "mutated", "name", "seq", "shape", "tensor")

    def __init__(self, array: Array, name: str | None = None) -> None:
        self.name = name
        self.shape: Shape = array.shape
        self.dtype = array.dtype
        self.grad: Gradient | None = None
        self.mutated = 0
        self.hooks: Hooks | None = None
        self.tensor: Callable[[], Any] | None = None
        self.seq = tick()

    def __repr__(self) -> str:
        return f"Leaf({self.name or 'unnamed'}, shape={self.shape})"


class Node:
    """One use of an op.

    Attributes:
        op: its declaration.
        edges: the origin of each input, in the order of the op's arguments; None for constants.
        saved: the arrays and shapes that the VJP needs; None once a backward pass has used and freed them.
        given: the constants among its inputs, and None for the others, so that a drawing can show them; empty if there
            are none, or a backward pass has freed them.
        attrs: the op's settings in this use (axis, keepdims, ...).
        shape, dtype: of the output; for an op with several outputs ``shape`` holds one shape for each.
        seq: the time of creation; every node is newer than its inputs.
        label: module path and time step.
    """

    __slots__ = ("attrs", "dtype", "edges", "given", "hooks", "label", "op", "saved", "seq", "shape")

    # no __init__, as a call would take longer than the assignments: dispatch makes all nodes, in one place
    op: Op
    edges: "tuple[Parent | None, ...]"
    saved: tuple[Any, ...] | None
    given: tuple[Any, ...]
    attrs: dict[str, Any]
    shape: Any
    dtype: Any
    label: Label
    hooks: Hooks | None
    seq: int

    def __repr__(self) -> str:
        return f"Node({self.op.name}, shape={self.shape}, {self.label})"


class Output:
    """One output of a node that has several (``split``, ``unbind``)."""

    __slots__ = ("dtype", "hooks", "index", "node", "shape")

    node: Node
    index: int
    shape: Shape
    dtype: Any
    hooks: Hooks | None

    @property
    def seq(self) -> int:
        return self.node.seq

    @property
    def label(self) -> Label:
        return self.node.label

    def __repr__(self) -> str:
        return f"Output({self.index} of {self.node!r})"


Parent = Leaf | Node | Output


def owner(parent: Parent) -> Leaf | Node:
    """The node or leaf that a parent belongs to."""
    return parent.node if isinstance(parent, Output) else parent


def ancestors(roots: "list[Parent]", ends: Set[Parent] = frozenset()) -> list[Node]:
    """Every node that the roots depend on, roots included, newest first, as far as the ends, which are left out.

    Creation order is topological order, so sorting by the clock replaces a depth-first search; nothing recurses.
    """
    seen: set[Parent] = set(ends)
    found = [node for node in dict.fromkeys(map(owner, roots)) if type(node) is Node and node not in seen]
    seen.update(found)
    for node in found:  # which grows
        for parent in node.edges:
            if type(parent) is Output:
                parent = parent.node
            if type(parent) is Node and parent not in seen:
                seen.add(parent)
                found.append(parent)
    found.sort(key=attrgetter("seq"), reverse=True)
    return found


def readable(roots: "list[Parent]", ends: Set[Parent] = frozenset()) -> list[Node]:
    """`ancestors` for inspection, which is impossible if the graph contains a compiled step.

    Raises:
        TypeError: if there is one.
    """
    found = ancestors(roots, ends)
    if any(op.opaque for op in {node.op for node in found}):
        raise TypeError(
            "this is the result of a compiled function, whose replay records no graph to inspect; "
            "inspect the result of the function itself, without ts.compile"
        )
    return found
