"""Reverse mode: from an output's gradient back to those of the leaves.

The walk visits nodes from the newest to the oldest. When a node's turn comes, every later use of its output has already
added its share, so the sum is complete: the chain rule needs nothing else. Backpropagation through time is this walk on
the graph of an unrolled network.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import nullcontext
from typing import Any, NamedTuple

from tinyseq.autograd.anomaly import check_backward
from tinyseq.autograd.declare import TENSORS, Arrived, Op, Summed, Uses, summed_to
from tinyseq.autograd.graph import Leaf, Node, Output, Parent, Shape, ancestors, owner, readable
from tinyseq.autograd.hooks import as_gradient, hooked
from tinyseq.autograd.modes import MODE, enable_grad
from tinyseq.autograd.tensor import Tensor, TensorLike, as_node, constant
from tinyseq.backend import NAMESPACES, Array, namespace_of
from tinyseq.torch_names.settings import explained

Gradients = dict[Parent, Any]  # arrays or Tensors; for a node with several outputs, a dict of them by Output


class Visit(NamedTuple):
    """One node of the backward walk.

    Attributes:
        node: the node.
        upstream: the gradient of its output (a list, None where none arrived, for several outputs); None if the loss
            does not depend on it.
        contributions: pairs of an edge and what the node's VJP adds to that edge's gradient.
    """

    node: Node
    upstream: Any
    contributions: list[tuple[Parent, Any]]


@explained
def backward(self: Tensor, gradient: TensorLike | None = None, retain_graph: bool = False) -> None:
    """Add the gradient of this tensor to the ``.grad`` of every leaf it was made of.

    Args:
        gradient: the upstream gradient, of this tensor's shape; may be left out for a single element (1).
        retain_graph: keep the saved values, so that the graph can be walked again.

    Raises:
        RuntimeError: if there is no graph, if it was walked and freed before, if a value it saved has been updated
            since, or if ``gradient`` is missing for more than one element.
        ValueError: if ``gradient`` has another shape or dtype.

    Example:
        >>> import tinyseq as ts
        >>> w = ts.tensor([1.0, -1.0], requires_grad=True)
        >>> ts.tanh(w).backward(ts.tensor([1.0, 0.0]))
        >>> w.grad.numpy().round(4)
        array([0.42, 0.  ])
    """
    root = as_node(self)
    gradients: Gradients = {}
    seed = _upstream(self, gradient, "gradient")
    seeded(gradients, [(root, seed)])
    leaves: dict[Leaf, bool] = {}
    deque(walk(gradients, [root], leaves, retain_graph=retain_graph), maxlen=0)
    _add_to_leaves(gradients, leaves, seed)


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
    root = as_node(output)
    gradients: Gradients = {}
    seed = _upstream(output, gradient, "gradient")
    seeded(gradients, [(root, seed)])
    leaves: dict[Leaf, bool] = {}
    for node, g, contributions in walk(gradients, [root], leaves, retain_graph=retain_graph, watched=True):
        yield Visit(node, g, contributions)
    _add_to_leaves(gradients, leaves, seed)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: TensorLike | Sequence[TensorLike | None] | None = None,
    *,
    create_graph: bool = False,
    retain_graph: bool | None = None,
    allow_unused: bool = False,
) -> Any:
    """The gradients of outputs with respect to inputs; no ``.grad`` is touched.

    Args:
        outputs: one tensor, or several whose gradients add up.
        inputs: one tensor, or several; results of ops are allowed as well as leaves.
        grad_outputs: upstream gradients, shaped as the outputs; 1 where left out, for single elements.
        create_graph: record the backward pass itself, so that its result can be differentiated again.
        retain_graph: keep the saved values; by default as ``create_graph``.
        allow_unused: give None for an input that the outputs do not depend on, and not an error.

    Returns:
        A gradient for each input: a tensor for one input, a tuple for a sequence of them.

    Raises:
        RuntimeError: for an input without graph, or one the outputs do not depend on; and as `Tensor.backward`.

    Example:
        >>> import tinyseq as ts
        >>> x = ts.tensor(3.0, requires_grad=True)
        >>> slope = ts.grad(x**3, x, create_graph=True)
        >>> slope.item(), ts.grad(slope, x).item()
        (27.0, 18.0)
    """
    single = isinstance(inputs, Tensor)
    sources = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    targets = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    given = grad_outputs if isinstance(grad_outputs, list | tuple) else [grad_outputs] * len(targets)
    if len(given) != len(targets):
        raise ValueError(f"grad_outputs has {len(given)} entries for {len(targets)} outputs")
    for i, source in enumerate(sources):
        if source.node is None:
            raise RuntimeError(f"inputs[{i}] requires no grad; make it with requires_grad=True")
    gradients: Gradients = {}
    upstream = [_upstream(t, g, "grad_outputs", create_graph) for t, g in zip(targets, given, strict=True)]
    roots = seeded(gradients, list(zip(map(as_node, targets), upstream, strict=True)))
    wanted = {as_node(source) for source in sources}
    leaves: dict[Leaf, bool] = {}
    retain = create_graph if retain_graph is None else retain_graph
    useful = _useful(roots, wanted)
    roots = [root for root in roots if owner(root) in useful]
    visits = walk(
        gradients, roots, leaves, useful=useful, wanted=wanted, create_graph=create_graph, retain_graph=retain
    )
    with enable_grad() if create_graph else nullcontext():
        deque(visits, maxlen=0)
    results = tuple(_result(gradients.get(as_node(s)), i, s, allow_unused) for i, s in enumerate(sources))
    return results[0] if single else results


def walk(
    gradients: Gradients,
    roots: list[Parent],
    leaves: dict[Leaf, bool],
    *,
    useful: set[Parent] | None = None,
    wanted: Set[Parent] | None = None,
    ends: Set[Parent] | None = None,
    create_graph: bool = False,
    retain_graph: bool = False,
    watched: bool = False,
    hooks: bool = True,
) -> Iterator[tuple[Node, Any, list[tuple[Parent, Any]]]]:
    """Carry gradients from the roots to the leaves.

    Args:
        gradients: seeded with the roots' gradients; holds the leaves' (and the wanted results') at the end. What
            belongs to other nodes is taken out as it is used.
        roots: where to start.
        leaves: filled with the leaves reached, and whether the walk itself made their gradient's array.
        useful: if given, only these nodes and leaves are visited.
        wanted: results of ops whose gradients are kept.
        ends: nodes and leaves that the walk reaches, and leaves alone with their gradients.
        create_graph: run the VJPs on Tensors, so that they are recorded.
        retain_graph: keep the saved values.
        watched: yield the visits; otherwise the generator runs through without a stop.
        hooks: call the users' hooks, which whoever only looks must not.

    Yields:
        The fields of a `Visit`, for each node, newest first.
    """
    owned: set[Parent] = set()  # whose gradient is a sum made here, which may be added to in place
    deferred: dict[tuple[Leaf, Op, int], Uses] = {}
    put_off = deferred.values()
    anomaly = MODE.get().anomaly
    xp: Any = TENSORS if create_graph else None
    contributions: list[tuple[Parent, Any]] = []
    for node in (readable if watched else ancestors)(roots, ends or frozenset()):
        g = gradients.pop(node, None)
        if g is None:
            continue
        op, edges, saved, attrs = node.op, node.edges, node.saved, node.attrs
        if op.outputs:
            g = _gathered(node, gradients, wanted, g, put_off, hooks)
        if hooks and node.hooks:
            g = hooked(node, g)
        if wanted and node in wanted:
            gradients[node] = g
        if useful is not None and useful.isdisjoint(edges):
            continue  # the gradient of its own output was all that was wanted
        if saved is None:
            raise _freed(node)
        if xp is None:
            xp = namespace_of(next(part for part in g if part is not None) if op.outputs else g)
        if create_graph:
            saved = _reattached(node)
        for i, parent in enumerate(edges):
            if parent is None:
                continue
            if parent.mutated > node.seq and _reads(node, i, useful):
                raise _mutated(node, i)
            if useful is not None and parent not in useful:
                continue
            rule = op.rules[i]
            if type(rule) is Summed and type(parent) is Leaf and not (create_graph or anomaly):
                uses = deferred.get((parent, op, i))
                if uses is None:
                    uses = deferred[parent, op, i] = Uses()
                uses.append((g, *saved))
                if watched:
                    gi = rule(xp, g, *saved)
                    contributions.append((parent, _fitted(xp, gi, parent.shape, parent.dtype, op, i)))
                continue
            gi = rule(xp, g, *saved, **attrs) if attrs else rule(xp, g, *saved)
            if gi.shape != parent.shape or gi.dtype is not parent.dtype:
                gi = _fitted(xp, gi, parent.shape, parent.dtype, op, i)
            if anomaly:
                check_backward(op.name, g if op.outputs else [g], gi, node.label)
            if watched:
                contributions.append((parent, gi))
            if type(parent) is Node and parent not in gradients:
                gradients[parent] = gi
            else:
                _deposit(gradients, owned, parent, gi)
        if not retain_graph:
            node.saved = None
        if watched:
            yield node, g, contributions
            contributions = []
    for (leaf, op, i), uses in deferred.items():
        gi = op.rules[i].rule(xp, uses)
        _deposit(gradients, owned, leaf, _fitted(xp, gi, leaf.shape, leaf.dtype, op, i))
    for parent in list(gradients):
        if type(parent) is Leaf and ends is None:
            if hooks and parent.hooks:
                gradients[parent] = hooked(parent, gradients[parent])
            leaves[parent] = parent in owned


def _add_to_leaves(gradients: Gradients, leaves: dict[Leaf, bool], seed: Array) -> None:
    handed = {id(seed)}
    for leaf, own in leaves.items():
        fresh = as_gradient(gradients[leaf] if own else _own(gradients[leaf], handed))
        leaf.grad = fresh if leaf.grad is None else leaf.grad + fresh


def seeded(gradients: Gradients, pairs: Sequence[tuple[Parent, Any]]) -> list[Parent]:
    """Enter the gradients to start from, and return where they are; what stands twice is added up."""
    for root, g in pairs:
        _deposit(gradients, set(), root, g)
    return [root for root, _ in pairs]


def _deposit(gradients: Gradients, owned: set[Parent], parent: Parent, g: Any) -> None:
    """Add to a parent's gradient: the first is borrowed, the second makes a sum of our own, later ones add in place."""
    table = gradients
    if type(parent) is Output:
        if parent.node not in gradients:
            gradients[parent.node] = {}
        table = gradients[parent.node]
    have = table.get(parent)
    if have is None:
        table[parent] = g
    elif parent in owned:
        have += g
        table[parent] = have
    else:
        table[parent] = have + g
        owned.add(parent)


def _upstream(output: Tensor, gradient: TensorLike | None, name: str, create_graph: bool = False) -> Any:
    """The gradient to start from, checked against the output."""
    xp = namespace_of(output._array)
    if gradient is None:
        if output.size != 1:
            raise RuntimeError(
                f"backward from shape {output.shape} needs a {name} of that shape; "
                "reduce to a single number first, with .sum() or .mean()"
            )
        ones = xp.ones(output.shape, dtype=output.dtype)
        return Tensor(ones) if create_graph else ones
    g = constant(gradient, type(output._array))
    if (other := namespace_of(g._array)) is not xp:
        raise TypeError(f'{name} is {other.name}, but the output is {xp.name}; move one with .to("cuda") or .to("cpu")')
    if g.shape != output.shape:
        raise ValueError(f"{name} has shape {g.shape}, but the output has shape {output.shape}")
    if g.dtype != output.dtype:
        if isinstance(gradient, Tensor) or hasattr(gradient, "dtype"):
            raise ValueError(f"{name} has dtype {g.dtype}, but the output has dtype {output.dtype}; convert it first")
        g = g.to(output.dtype)
    return g if create_graph else g._array


def _useful(roots: list[Parent], wanted: set[Parent]) -> set[Parent]:
    """Every node, output and leaf on a path from the roots to something wanted."""
    useful: set[Parent] = set(wanted) | {owner(target) for target in wanted}
    for node in reversed(ancestors(roots)):
        for edge in node.edges:
            if edge is not None and (edge in useful or owner(edge) in useful):
                useful.update((edge, node))
    return useful


def _gathered(
    node: Node,
    gradients: Gradients,
    wanted: Set[Parent] | None,
    found: dict[Output, Any],
    put_off: Iterable[Uses],
    hooks: bool,
) -> Arrived:
    """The gradients of a node's outputs, in order, None where none arrived."""
    slots = Arrived([None] * len(node.shape))
    slots.put_off = put_off
    for output, g in found.items():
        slots[output.index] = hooked(output, g) if hooks and output.hooks else g
        if wanted and output in wanted:
            gradients[output] = slots[output.index]
    return slots


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


def _fitted(xp: Any, g: Any, shape: Shape, dtype: Any, op: Op, i: int) -> Any:
    """A gradient in its input's shape and dtype."""
    if g.shape != shape:
        if not op.broadcasts:
            raise AssertionError(f"the VJP of {op.name} gave shape {g.shape} for argument {i} of shape {shape}")
        g = summed_to(xp, g, shape)
    return g if g.dtype == dtype else xp.astype(g, dtype)


def _own(g: Array, handed: set[int]) -> Array:
    """An array that no view, upstream gradient or other leaf shares."""
    if getattr(g, "base", None) is not None or id(g) in handed or type(g) not in NAMESPACES:
        g = namespace_of(g).asarray(g, copy=True)
    handed.add(id(g))
    return g


def _result(g: Any, i: int, source: Tensor, allow_unused: bool) -> Tensor | None:
    if g is None and not allow_unused:
        raise RuntimeError(
            f"the outputs do not depend on inputs[{i}] (shape {source.shape}); pass allow_unused=True for None instead"
        )
    return g if g is None else as_gradient(g)


def _reads(node: Node, i: int, useful: Set[Parent] | None) -> bool:
    """Whether a rule that is going to run reads an argument's saved values."""
    wanted = (edge is not None and (useful is None or edge in useful) for edge in node.edges)
    return any(node.op.reads(rule, i) for rule, runs in enumerate(wanted) if runs)


def _freed(node: Node) -> RuntimeError:
    return RuntimeError(
        f"backward reached {node.op.name} (in {node.label}), whose saved values an earlier backward used and freed. "
        "If a recurrent state is carried from one window of text to the next, detach it: h = h.detach(). "
        "To walk the same graph twice, pass retain_graph=True the first time."
    )


def _mutated(node: Node, i: int) -> RuntimeError:
    leaf = node.edges[i]
    name = getattr(leaf, "name", None)
    called = f" ({name})" if name else ""
    argument = node.op.inputs[0 if node.op.variadic else i]
    return RuntimeError(
        f"{node.op.name} (in {node.label}) saved its argument {argument}{called} of shape "
        f"{node.edges[i].shape}, which has been updated since"  # type: ignore[union-attr]
        "; call backward() before the optimiser's step or any other update, or run the forward pass again"
    )
