"""The memory that a recorded graph keeps for its backward pass."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isqrt, prod
from typing import Any, Literal

import numpy as np

from tinyseq.arguments import whole
from tinyseq.autograd.graph import Leaf, Node, Output, Parent, owner
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array, is_array
from tinyseq.structure.paths import made_of, readers_of_parts, steps_of
from tinyseq.structure.states import stepped

Kind = Literal["result", "constant", "parameter"]


@dataclass(frozen=True)
class Kept:
    """One array that a graph keeps.

    Attributes:
        op, scope, step: the oldest use that saved it.
        kind: ``"result"`` of an op, which is kept only for the backward pass; ``"constant"``, such as an input; or
            ``"parameter"``, the values of a leaf, which exist anyway.
        nbytes: its size. A view keeps its whole base array, so the base is what counts.
        made: the time step that a result was made in.

    Example:
        >>> import tinyseq as ts
        >>> w, h = ts.tensor(0.5, requires_grad=True), ts.tensor(1.0)
        >>> for t in range(2):
        ...     with ts.step(t):
        ...         h = ts.tanh(w * h)
        >>> kept = ts.inspect.saved_memory(h).entries[-1]
        >>> kept.op, kept.step, kept.kind, kept.nbytes
        ('tanh', 1, 'result', 8)
    """

    op: str
    scope: tuple[str, ...]
    step: int | None
    kind: Kind
    nbytes: int
    made: int | None = None


@dataclass(frozen=True)
class Crossing:
    """A value that a step reads from another step, or from outside the loop, unless it is one of a sequence.

    Attributes:
        key: identifies the value.
        nbytes: its size.
        made, read: the steps; ``made`` is None outside of the loops.

    Example:
        >>> import tinyseq as ts
        >>> w, h = ts.tensor(0.5, requires_grad=True), ts.tensor(1.0)
        >>> for t in range(2):
        ...     with ts.step(t):
        ...         h = ts.tanh(w * h)
        >>> [crossing] = ts.inspect.saved_memory(h).crossings
        >>> crossing.made, crossing.read, crossing.nbytes
        (0, 1, 8)
    """

    key: tuple[int, int]
    nbytes: int
    made: int | None
    read: int


@dataclass(frozen=True, eq=False)
class SavedMemory:
    """What a graph keeps for its backward pass; every array counts once, for the oldest op that saved it.

    Attributes:
        entries: one for each array.
        crossings: values that the steps read from other steps or from outside.
        steps: how many time steps the graph has.

    Example:
        >>> import tinyseq as ts
        >>> w, h = ts.tensor(0.5, requires_grad=True), ts.tensor(1.0)
        >>> for t in range(2):
        ...     with ts.step(t):
        ...         h = ts.tanh(w * h)
        >>> memory = ts.inspect.saved_memory(h)
        >>> memory.steps, memory.total, memory.by_op
        (2, 24, {'tanh': 16, 'multiply': 8})
    """

    entries: tuple[Kept, ...]
    crossings: tuple[Crossing, ...]
    steps: int

    @property
    def total(self) -> int:
        """Bytes that the graph keeps alive: results and constants, without parameters."""
        return sum(entry.nbytes for entry in self._own())

    @property
    def by_op(self) -> dict[str, int]:
        """The total by the op that saved them, the largest first."""
        return self._by(lambda entry: entry.op)

    @property
    def by_module(self) -> dict[str, int]:
        """The total by module path, the largest first; ``""`` is the top level."""
        return self._by(lambda entry: ".".join(entry.scope))

    @property
    def by_step(self) -> dict[int | None, int]:
        """The total by time step, the largest first; None is the part outside of the loops."""
        return self._by(lambda entry: entry.step)

    @property
    def by_kind(self) -> dict[str, int]:
        """Bytes of results, of constants, and of parameters, which the total leaves out."""
        sums = {"result": 0, "constant": 0, "parameter": 0}
        for entry in self.entries:
            sums[entry.kind] += entry.nbytes
        return sums

    def checkpointed(self, every: int) -> int:
        """The peak of the bytes kept if every layer ran in windows of this many steps under ``ts.checkpoint``.

        A layer called on one window of its input after another keeps that input and the state before each window. In
        the backward pass each window is computed again, and its results are kept until its gradients are computed. So
        the total is the inputs, the states between windows, and the results of the largest window. Values such as
        z = W x + b, which a layer computes for all steps at once, are recomputed with their window. The price is one
        more forward pass. The gradients take memory on top of that, as they do without windows.

        Args:
            every: steps in a window, from 1.

        Returns:
            The number of bytes.

        Raises:
            ValueError, TypeError: if ``every`` is not a whole number of at least 1.
        """
        every = whole("every", every)
        windows: dict[tuple[tuple[str, ...], int], int] = defaultdict(int)
        always = 0
        for entry in self._own():
            if entry.kind == "constant" or entry.step is None:
                always += entry.nbytes
            elif entry.made is not None and entry.made // every == entry.step // every:
                windows[entry.scope, entry.step // every] += entry.nbytes
        handed_in = {
            crossing.key: crossing.nbytes
            for crossing in self.crossings
            if crossing.made is None or crossing.made // every != crossing.read // every
        }
        return always + sum(handed_in.values()) + max(windows.values(), default=0)

    def _own(self) -> Iterator[Kept]:
        return (entry for entry in self.entries if entry.kind != "parameter")

    def _by(self, key: Callable[[Kept], Any]) -> dict[Any, int]:
        sums: dict[Any, int] = defaultdict(int)
        for entry in self._own():
            sums[key(entry)] += entry.nbytes
        return dict(sorted(sums.items(), key=lambda item: -item[1]))

    def __repr__(self) -> str:
        lines = [f"SavedMemory: {_readable(self.total)} for the backward pass of {self.steps} steps"]
        for title, sums in (("op", self.by_op), ("module", self.by_module)):
            lines.extend(
                f"  {title} {name or 'top level':<24} {_readable(n):>10}" for name, n in list(sums.items())[:6]
            )
        if self.steps > 1:
            every = isqrt(self.steps)
            lines.append(f"  checkpointed every {every} steps: {_readable(self.checkpointed(every))}")
        return "\n".join(lines)


def saved_memory(loss: Tensor) -> SavedMemory:
    """The bytes that a graph keeps for its backward pass, by op, module and time step.

    Args:
        loss: a single number whose graph has not been freed.

    Returns:
        Every array that is kept, and sums over them.

    Raises:
        ValueError: if the loss is not a single number.
        RuntimeError: if a backward pass has freed the graph.

    Example:
        >>> import tinyseq as ts
        >>> w, x = ts.tensor([1.0, 2.0], requires_grad=True), ts.ones(2)
        >>> memory = saved_memory(ts.exp(w * x).sum())
        >>> memory.total, memory.by_op, memory.by_kind["parameter"]
        (32, {'multiply': 16, 'exp': 16}, 16)
    """
    nodes = made_of(loss)
    reads = ((edge, step) for (_, step), node in stepped(nodes) for edge in node.edges)
    sequences = {node for node, parts in readers_of_parts(reads).items() if len(set().union(*parts.values())) > 1}
    entries: dict[int, Kept] = {}
    crossings: list[Crossing] = []
    for node in reversed(nodes):
        if node.saved is None:
            raise RuntimeError(
                f"{node.op.name} ({node.label.where}) keeps nothing: backward() has freed this graph. "
                "Call this first, or use backward(retain_graph=True)"
            )
        for edge, kind, array in _arrays(node):
            buffer, nbytes = _buffer(array)
            made = None if edge is None or isinstance(edge, Leaf) else edge.label.step
            entries.setdefault(buffer, Kept(node.op.name, node.label.scope, node.label.step, kind, nbytes, made))
        if node.label.step is not None:
            crossings.extend(_crossings(node, node.label.step, sequences))
    return SavedMemory(tuple(entries.values()), tuple(crossings), steps_of(nodes))


def _arrays(node: Node) -> Iterator[tuple[Parent | None, Kind, Array]]:
    """Every array that a node keeps, and its origin: saved values, constants, and indices among its settings."""
    op = node.op
    for part, value in zip(op.saves, node.saved or (), strict=True):
        if op.variadic and part == op.inputs[0]:
            saved = list(zip(node.edges, value, strict=True))
        else:
            saved = [(node.edges[op.inputs.index(part)] if part in op.inputs else node, value)]
        for edge, array in saved:
            if is_array(array):
                yield edge, _kind(edge, array), array
    yield from ((None, "constant", array) for array in node.given if is_array(array))
    for setting in node.attrs.values():
        if isinstance(setting, list):  # what a forward pass has left there for the backward pass
            left = [arrays for arrays in setting if isinstance(arrays, tuple)]
            yield from ((node, "result", array) for arrays in left for array in arrays if is_array(array))
        for value in setting if isinstance(setting, tuple) else (setting,):
            if is_array(value):
                yield None, "constant", value


def _kind(edge: Parent | None, array: Array) -> Kind:
    """The owner of an array: a view of a parameter belongs to the parameter."""
    if _base(array) is not None:
        while isinstance(edge, Node | Output):
            node = edge.node if isinstance(edge, Output) else edge
            if not node.op.view or len(node.edges) > 1:
                break
            edge = node.edges[0]
    return "constant" if edge is None else "parameter" if isinstance(edge, Leaf) else "result"


def _base(array: Array) -> Any:
    return getattr(array, "base", None)


def _buffer(array: Array) -> tuple[int, int]:
    """The identity and the size of the memory that an array lies in."""
    while isinstance(_base(array), type(array)):
        array = _base(array)
    return id(array if _base(array) is None else _base(array)), _nbytes(array.shape, array.dtype)


def _crossings(node: Node, step: int, sequences: set[Node]) -> Iterator[Crossing]:
    for edge in node.edges:  # what is split for several steps, as z is, is a sequence
        if edge is None or isinstance(edge, Leaf) or edge.label.step == step or owner(edge) in sequences:
            continue
        key = (edge.seq, edge.index if isinstance(edge, Output) else 0)
        yield Crossing(key, _nbytes(edge.shape, edge.dtype), edge.label.step, step)


def _nbytes(shape: tuple[int, ...], dtype: Any) -> int:
    name = str(dtype).rpartition(".")[2]  # not every array library's dtypes have an itemsize
    return prod(shape) * np.dtype(name).itemsize


def _readable(nbytes: int) -> str:
    size, unit = float(nbytes), "B"
    for larger in ("kB", "MB", "GB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.3g} {unit}"
