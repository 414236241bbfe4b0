"""Each time step's share of a gradient that is computed for all steps at once.

A layer computes z = W_ih x + b for all steps at once and passes z_t to step t. One backward pass from all of dL/dz is
enough to separate the steps: as long as a gradient has a time axis, position t on it belongs to step t. Where an op
takes a value without that axis, such as W_ih, its rule is called for one position at a time.
"""

from collections import defaultdict
from typing import Any, NamedTuple

from tinyseq.autograd.declare import summed_to
from tinyseq.autograd.graph import Node, Output, Parent, owner
from tinyseq.autograd.record.axes import Axes, Use
from tinyseq.backend import Array, is_array, namespace_of
from tinyseq.structure.paths import add, gradients, only_at, readers_of_parts

Sent = dict[int, dict[Parent, Array]]  # by step: where gradients arrive, and the gradients


class Timed(NamedTuple):
    """A gradient for many time steps, and the value it belongs to.

    Attributes:
        parent: the value that the gradient belongs to.
        axis: the axis along which the steps are separate.
        steps: pairs of a position on it and the step that it belongs to.
    """

    parent: Parent
    axis: int
    steps: tuple[tuple[int, int], ...]


def shares(sent: Sent, prologue: set[Parent], target: Parent) -> dict[int, Array]:
    """What arrives at the target from each step.

    Args:
        sent: the gradients that the steps send to values computed before the loop.
        prologue: the target, and all values computed from it before the loop.
        target: the value whose gradient is wanted.
    """
    alone = _Joint(sent, prologue, target).alone
    return {step: g for step, seeds in alone.items() for g in gradients(seeds, prologue, {target}).values()}


class _Joint:
    """Propagates the steps' gradients as far as one pass can keep them separate.

    Attributes:
        alone: what is left to propagate, for each step on its own.
    """

    def __init__(self, sent: Sent, prologue: set[Parent], target: Parent) -> None:
        self.alone: Sent = {step: dict(seeds) for step, seeds in sent.items()}
        self.prologue, self.target = prologue, target
        self.arrived: dict[Parent, dict[Timed, Array]] = defaultdict(dict)  # by node
        reads = ((parent, step) for step, seeds in sent.items() for parent in seeds)
        for node, readers in readers_of_parts(reads).items():
            if any(len(steps) > 1 for steps in readers.values()):
                continue  # an output is of no single step
            outputs = {output: step for output, (step,) in readers.items()}
            parts: list[Any] = [None] * len(node.shape)
            for output, step in outputs.items():
                parts[output.index] = self.alone[step].pop(output)
            whole = _rule(node, 0, parts)
            steps = tuple((output.index, step) for output, step in outputs.items())
            self._arrive(node.edges[0], node.attrs["axis"] % whole.ndim, steps, whole)
        for node in sorted((n for n in prologue if isinstance(n, Node)), key=lambda n: -n.seq):
            for timed, g in self.arrived.pop(node, {}).items():
                self._carry(node, timed, g)

    def _carry(self, node: Node, timed: Timed, g: Array) -> None:
        """Through the rules of one node: all steps at once to arguments that have a time axis too."""
        axes = _argument_axes(node, timed.axis)
        timeless = [edge for edge, axis in zip(node.edges, axes or (), strict=False) if axis is None]
        if axes is None or not (_can_be_cut(node) or self.prologue.isdisjoint(timeless)):
            self._part(timed, g)
            return
        upstream: Any = g
        if isinstance(timed.parent, Output):
            upstream = [g if i == timed.parent.index else None for i in range(len(node.shape))]
        for i, (edge, axis) in enumerate(zip(node.edges, axes, strict=True)):
            if edge is None or edge not in self.prologue:
                continue
            if axis is not None:
                self._arrive(edge, axis, timed.steps, _rule(node, i, upstream))
                continue
            for position, step in timed.steps:
                saved = _saved_at(node, timed.axis, axes, position)
                add(self.alone[step], edge, _rule(node, i, _at(g, timed.axis, position), saved))

    def _arrive(self, parent: Parent | None, axis: int, steps: tuple[tuple[int, int], ...], g: Array) -> None:
        if parent is None or parent not in self.prologue:
            return
        timed = Timed(parent, axis, steps)
        if parent is self.target:
            self._part(timed, g)
        else:
            add(self.arrived[owner(parent)], timed, g)

    def _part(self, timed: Timed, g: Array) -> None:
        """Each step's own gradient, with zeros at the other steps' positions."""
        for position, step in timed.steps:
            add(self.alone[step], timed.parent, only_at(g, timed.axis, [position]))


def _argument_axes(node: Node, axis: int) -> Axes | None:
    """The axis of each argument that runs along an axis of the result; None where the steps mix, or might."""
    op = node.op
    if not op.says_its_kind:
        return None  # the default may be wrong
    shapes = [None if edge is None else edge.shape for edge in node.edges]
    for part, value in zip(op.saves, node.saved or (), strict=True):
        if part in op.inputs and is_array(value):
            shapes[op.inputs.index(part)] = tuple(value.shape)
    shape = node.shape[0] if op.outputs else node.shape
    return op.input_axes(Use(shape, tuple(shapes), node.attrs), axis)


def _can_be_cut(node: Node) -> bool:
    """Whether the rules can be applied to one position of everything that they read."""
    op = node.op
    return not (node.attrs or op.outputs or op.variadic) and all(
        part in ("out", "slope") or part in op.inputs for part in op.saves
    )


def _saved_at(node: Node, axis: int, axes: Axes, position: int) -> tuple[Any, ...]:
    """What the rules of a node read, at one position of its result's axis."""
    found = []
    for part, value in zip(node.op.saves, node.saved or (), strict=True):
        own = axis if part in ("out", "slope") else axes[node.op.inputs.index(part)]
        found.append(value if own is None else _at(value, own, position))
    return tuple(found)


def _at(array: Array, axis: int, position: int) -> Array:
    return array[(slice(None),) * axis + (slice(position, position + 1),)]


def _rule(node: Node, i: int, g: Any, saved: tuple[Any, ...] | None = None) -> Array:
    """The gradient of one argument, in its shape and type."""
    edge = node.edges[i]
    assert edge is not None
    assert node.saved is not None
    xp = namespace_of(next(part for part in g if part is not None) if node.op.outputs else g)
    found: Array = node.op.rules[i](xp, g, *(node.saved if saved is None else saved), **node.attrs)
    found = summed_to(xp, found, edge.shape)
    if found.dtype != edge.dtype:
        found = xp.astype(found, edge.dtype)
    return found
