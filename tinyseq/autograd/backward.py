"""Reverse mode: from an output's gradient back to the gradients of the leaves.

The walk visits nodes from the newest to the oldest. When a node's turn comes, every later use of its output has already
added its share, so the sum is complete: the chain rule needs nothing else. Backpropagation through time is this walk on
the graph of an unrolled network.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import nullcontext
from threading import Lock
from typing import Any, Literal, NamedTuple, overload

from tinyseq.autograd.accumulator import Accumulator, fitted
from tinyseq.autograd.anomaly import check_backward
from tinyseq.autograd.calls.conversion import check_real
from tinyseq.autograd.calls.errors import freed, mutated
from tinyseq.autograd.calls.tensors import one_tensor, tensors_of
from tinyseq.autograd.declare import TENSORS
from tinyseq.autograd.graph import Leaf, Node, Output, Parent, ancestors, owner, readable
from tinyseq.autograd.hooks import as_gradient
from tinyseq.autograd.modes import MODE, enable_grad
from tinyseq.autograd.record.op import Summed
from tinyseq.autograd.tensor import Tensor, TensorLike, as_node, constant
from tinyseq.backend import NAMESPACES, Array, namespace_of
from tinyseq.torch_names.settings import explained


class Visit(NamedTuple):
    """One node of the backward walk.

    Attributes:
        node: the node.
        upstream: the gradient of its output (a list, None where none arrived, for several outputs); None if the loss
            does not depend on it.
        contributions: pairs of an edge and what the node's VJP adds to that edge's gradient.

    Example:
        >>> import tinyseq as ts
        >>> [visit] = ts.inspect.trace_backward(ts.log(ts.tensor(2.0, requires_grad=True)))
        >>> visit.node.op.name, float(visit.upstream), [float(gradient) for edge, gradient in visit.contributions]
        ('log', 1.0, [0.5])
    """

    node: Node
    upstream: Any
    contributions: list[tuple[Parent, Array]]


@explained
def backward(self: Tensor, gradient: TensorLike | None = None, retain_graph: bool = False) -> None:
    """Add the gradient of this tensor to the ``.grad`` of every leaf it was made of.

    Args:
        gradient: the upstream gradient, of this tensor's shape; 1 by default, for a single element.
        retain_graph: keep the saved values, so that backward can run on this graph again.

    Raises:
        RuntimeError: there is no graph, an earlier backward pass has freed it, a saved value has been updated since,
            or ``gradient`` is missing for more than one element.
        ValueError: if ``gradient`` has another shape or dtype.
        TypeError: if ``gradient`` is complex and this tensor is not.

    Example:
        >>> import tinyseq as ts
        >>> w = ts.tensor([1.0, -1.0], requires_grad=True)
        >>> ts.tanh(w).backward(ts.tensor([1.0, 0.0]))
        >>> w.grad.numpy().round(4)
        array([0.42, 0.  ])
    """
    root, seed = as_node(self), _upstream(self, gradient, "gradient")
    gradients = Accumulator([(root, seed)])
    deque(walk(gradients, ancestors([root]), retain_graph=retain_graph), maxlen=0)
    _add_to_leaves(gradients, seed)


def trace_backward(output: Tensor, gradient: TensorLike | None = None, retain_graph: bool = False) -> Iterator[Visit]:
    """`Tensor.backward`, one node at a time: the leaves' ``.grad`` are filled when the last node has been visited.

    Args:
        output: where to start.
        gradient: its upstream gradient; 1 for a single element.
        retain_graph: keep the saved values.

    Yields:
        A `Visit` for each node, newest first.

    Example:
        >>> import tinyseq as ts
        >>> x = ts.tensor(2.0, requires_grad=True)
        >>> [visit.node.op.name for visit in trace_backward(ts.log(x * x))]
        ['log', 'multiply']
        >>> x.grad.item()
        1.0
    """
    root, seed = as_node(one_tensor(output, "output")), _upstream(output, gradient, "gradient")
    gradients = Accumulator([(root, seed)])
    yield from walk(gradients, readable([root]), retain_graph=retain_graph, watched=True)
    _add_to_leaves(gradients, seed)


Upstream = TensorLike | Sequence[TensorLike | None] | None


@overload
def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor,
    grad_outputs: Upstream = None,
    *,
    create_graph: bool = False,
    retain_graph: bool | None = None,
    allow_unused: Literal[False] = False,
) -> Tensor: ...
@overload
def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Sequence[Tensor],
    grad_outputs: Upstream = None,
    *,
    create_graph: bool = False,
    retain_graph: bool | None = None,
    allow_unused: Literal[False] = False,
) -> tuple[Tensor, ...]: ...
@overload
def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor,
    grad_outputs: Upstream = None,
    *,
    create_graph: bool = False,
    retain_graph: bool | None = None,
    allow_unused: bool,
) -> Tensor | None: ...
@overload
def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Sequence[Tensor],
    grad_outputs: Upstream = None,
    *,
    create_graph: bool = False,
    retain_graph: bool | None = None,
    allow_unused: bool,
) -> tuple[Tensor | None, ...]: ...
def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Upstream = None,
    *,
    create_graph: bool = False,
    retain_graph: bool | None = None,
    allow_unused: bool = False,
) -> Tensor | tuple[Tensor | None, ...] | None:
    """The gradients of outputs with respect to inputs; no ``.grad`` is touched.

    Args:
        outputs: one tensor, or several whose gradients add up.
        inputs: one tensor, or several; leaves or results of ops.
        grad_outputs: upstream gradients, shaped like the outputs; 1 by default, for single elements.
        create_graph: record the backward pass itself, so that the result can be differentiated again.
        retain_graph: keep the saved values; equal to ``create_graph`` by default.
        allow_unused: return None for an input that the outputs do not depend on, instead of an error.

    Returns:
        A gradient for each input: a tensor for one input, a tuple for a sequence of them.

    Raises:
        RuntimeError: an input does not require grad, or the outputs do not depend on it; and as `Tensor.backward`.
        TypeError: an input or output is not a tensor.

    Example:
        >>> import tinyseq as ts
        >>> x = ts.tensor(3.0, requires_grad=True)
        >>> slope = ts.grad(x**3, x, create_graph=True)
        >>> slope.item(), ts.grad(slope, x).item()
        (27.0, 18.0)
    """
    single = isinstance(inputs, Tensor)
    sources, targets = tensors_of(inputs, "inputs"), tensors_of(outputs, "outputs")
    given = grad_outputs if isinstance(grad_outputs, list | tuple) else [grad_outputs] * len(targets)
    if len(given) != len(targets):
        raise ValueError(f"grad_outputs has {len(given)} entries for {len(targets)} outputs")
    for i, source in enumerate(sources):
        if source.node is None:
            raise RuntimeError(f"inputs[{i}] does not require grad; create it with requires_grad=True")
    upstream = [_upstream(t, g, "grad_outputs", create_graph) for t, g in zip(targets, given, strict=True)]
    roots, wanted = [as_node(target) for target in targets], [as_node(source) for source in sources]
    path = _between(roots, set(wanted))
    seeds = [(root, g) for root, g in zip(roots, upstream, strict=True) if owner(root) in path]
    gradients = Accumulator(seeds, kept=wanted)
    nodes = ancestors([root for root, _ in seeds])
    retain = create_graph if retain_graph is None else retain_graph
    with enable_grad() if create_graph else nullcontext():
        deque(walk(gradients, nodes, path=path, create_graph=create_graph, retain_graph=retain), maxlen=0)
        gradients.leaves()
    found = [gradients.kept[place] for place in wanted]
    results = tuple(
        _result(g, i, source, allow_unused) for i, (g, source) in enumerate(zip(found, sources, strict=True))
    )
    return results[0] if single else results


def walk(
    gradients: Accumulator,
    nodes: Iterable[Node],
    *,
    path: Set[Parent] | None = None,
    create_graph: bool = False,
    retain_graph: bool = False,
    watched: bool = False,
) -> Iterator[Visit]:
    """Carry gradients from newer nodes to older ones, and so to the leaves.

    Args:
        gradients: contains those to start from. Gradients of the nodes are removed as they are used; at the end, those
            of the leaves are left, and those of anything else that is not among the nodes.
        nodes: what to visit, newest first; those that no gradient reaches are left out.
        path: if given, gradients are computed only for these nodes, outputs and leaves.
        create_graph: run the VJPs on Tensors, so that they are recorded.
        retain_graph: keep the saved values.
        watched: yield a `Visit` of each node, and defer nothing; otherwise the generator yields nothing.
    """
    anomaly, sums, owned, kept = MODE.get().anomaly, gradients.sums, gradients.owned, gradients.kept
    defers = not (create_graph or anomaly or watched)
    xp: Any = TENSORS if create_graph else gradients.library
    shares: list[tuple[Parent, Any]] = []
    for node in nodes:
        g = sums.pop(node, None)
        if g is None:
            continue
        op, saved = node.op, node.saved
        edges: tuple[Any, ...] = node.edges
        if op.outputs or node.hooks or (kept and node in kept):
            g = gradients.finished(node, g)
        if path is not None and path.isdisjoint(edges):
            continue  # the gradient of its own output was all that was wanted
        if saved is None:
            raise freed(node)
        if create_graph:
            saved = _reattached(node)
        takes, summed, rules, i = op.takes, op.summed, op.rules, -1
        for parent in edges:  # counted by hand, as enumerate takes longer than the loop
            i += 1
            if parent is None:
                continue
            kind = type(parent)
            if kind is Leaf and parent.mutated > node.seq and _reads(node, i, path):
                raise mutated(op, node.label, i, parent)
            if path is not None and parent not in path:
                continue
            rule = rules[i]
            if summed and type(rule) is Summed:
                if kind is Leaf and defers:
                    gradients.defer(parent, op, i, (g, *saved))
                    continue
                rule = rule.one
            if takes == 2:  # by hand, as most ops save two values or none, and unpacking costs as much as a call
                gi = rule(xp, g, saved[0], saved[1])
            elif takes == 1:
                gi = rule(xp, g, saved[0])
            else:
                gi = rule(xp, g, *saved, **node.attrs) if takes else rule(xp, g)
            if gi is None:  # a compiled function: this input is not used by the outputs that gradients arrived at
                continue
            if gi.shape != parent.shape or gi.dtype is not parent.dtype:
                if defers and kind is Leaf and gradients.spread(parent, gi, op):
                    continue
                gi = fitted(xp, gi, parent.shape, parent.dtype, op, i)
            if anomaly:
                check_backward(op.name, g if op.outputs else [g], gi, node.label)
            if watched:
                shares.append((parent, gi))
            if kind is Node and parent not in sums:  # `add`, inlined for the three most common cases
                sums[parent] = gi
            elif kind is Leaf and parent in owned:
                sums[parent] += gi
            elif kind is Output and (table := sums.get(parent.node)) is not None and parent not in table:
                table[parent] = gi
            else:
                gradients.add(parent, gi)
        if not retain_graph:
            node.saved, node.given = None, ()
        if watched:
            yield Visit(node, g, shares)
            shares = []
    gradients.settle()


_LOCK = Lock()


def _add_to_leaves(gradients: Accumulator, seed: Array) -> None:
    handed = {id(seed)}
    for leaf, g in gradients.leaves():
        fresh = as_gradient(g if gradients.owns(leaf) else _own(g, handed, seen=bool(leaf.hooks)))
        with _LOCK:  # another thread may add at the same time
            leaf.grad = fresh if leaf.grad is None else leaf.grad + fresh


def _upstream(output: Tensor, gradient: TensorLike | None, name: str, create_graph: bool = False) -> Any:
    """The gradient to start from, checked against the output."""
    xp = namespace_of(output._array)
    if gradient is None:
        if output.size != 1:
            raise RuntimeError(
                f"backward from shape {output.shape} needs {name}= of that shape; "
                "or reduce to a single number first, with .sum() or .mean()"
            )
        ones = xp.ones(output.shape, dtype=output.dtype)
        return Tensor(ones) if create_graph else ones
    g = constant(gradient, type(output._array))
    if (other := namespace_of(g._array)) is not xp:
        raise TypeError(f'{name} is {other.name}, but the output is {xp.name}; move one with .to("cuda") or .to("cpu")')
    if g.shape != output.shape:
        raise ValueError(f"{name} has shape {g.shape}, but the output has shape {output.shape}")
    if g.dtype != output.dtype:
        check_real(name, g._array, output._array)
        if isinstance(gradient, Tensor) or hasattr(gradient, "dtype"):
            raise ValueError(f"{name} has dtype {g.dtype}, but the output has dtype {output.dtype}; convert it first")
        g = g.to(output.dtype)
    return g if create_graph else g._array


def _between(roots: list[Parent], wanted: set[Parent]) -> set[Parent]:
    """Every node, output and leaf on a path from the roots to something wanted."""
    path: set[Parent] = set(wanted) | {owner(target) for target in wanted}
    for node in reversed(ancestors(roots)):
        for edge in node.edges:
            if edge is not None and (edge in path or owner(edge) in path):
                path.update((edge, node))
    return path


def _reattached(node: Node) -> tuple[Any, ...]:
    """A node's saved arrays as Tensors in their old places, so that VJPs on them are recorded."""
    op = node.op
    result: list[Any] = []
    for part, value in zip(op.saves, node.saved or (), strict=True):
        if op.variadic and part == op.inputs[0]:
            result.append([Tensor(a, edge) for a, edge in zip(value, node.edges, strict=True)])
        elif part == "out":
            result.append(Tensor(value, node))
        elif part in op.inputs and hasattr(value, "dtype"):
            result.append(Tensor(value, node.edges[op.inputs.index(part)]))
        else:
            result.append(value)
    return tuple(result)


def _own(g: Array, handed: set[int], seen: bool) -> Array:
    """A gradient that shares no memory with a view, the upstream gradient, another leaf or what a hook has seen."""
    if seen or getattr(g, "base", None) is not None or id(g) in handed or type(g) not in NAMESPACES:
        g = namespace_of(g).asarray(g, copy=True)
    handed.add(id(g))
    return g


def _result(g: Any, i: int, source: Tensor, allow_unused: bool) -> Tensor | None:
    if g is None and not allow_unused:
        raise RuntimeError(
            f"the outputs do not depend on inputs[{i}] (shape {source.shape}); pass allow_unused=True for None instead"
        )
    return g if g is None else as_gradient(g)


def _reads(node: Node, i: int, path: Set[Parent] | None) -> bool:
    """Whether a rule that is going to run reads an argument's saved values."""
    runs = (edge is not None and (path is None or edge in path) for edge in node.edges)
    return any(node.op.reads(rule, i) for rule, does in enumerate(runs) if does)
