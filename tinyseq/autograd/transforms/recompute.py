"""Checkpointing: recompute a part of the model in the backward pass instead of keeping its arrays."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np

from tinyseq.autograd.accumulator import Accumulator
from tinyseq.autograd.backward import walk
from tinyseq.autograd.calls.tensors import check_function
from tinyseq.autograd.dispatch import recorded_outputs
from tinyseq.autograd.graph import Leaf, Parent, ancestors, owner
from tinyseq.autograd.modes import MODE, enable_grad, tick
from tinyseq.autograd.record.op import Op
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array, is_recorded, namespace_of
from tinyseq.random import noted, replayed

P = ParamSpec("P")
R = TypeVar("R")


@dataclass
class Segment:
    """A part of the model that can be run again; the node holds and frees it like saved arrays.

    Attributes:
        function, args, settings: the call.
        random: notes of the random numbers that it drew.
        edges: the graph inputs of the part.
        results: the arrays of the results that depend on them, which a second call must give again.
        made: the time of the call.
        upstream, found: of the last backward pass: the upstream gradients, and those of the edges.
        lock: held while they are computed or read.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    settings: dict[str, Any]
    random: Any
    edges: tuple[Parent, ...]
    results: tuple[Array, ...]
    made: int
    upstream: list[Any] | None = None
    found: tuple[Any, ...] = ()
    lock: Any = field(default_factory=RLock)  # a part may hold itself

    def gradient(self, upstream: list[Any], i: int) -> Any:
        """The gradient of the i-th edge; one run serves all of them, in a pass of one thread."""
        with self.lock:
            if self.upstream is not upstream:
                self.found = self._run_again(upstream)
                self.upstream = upstream
            return self.found[i]

    def _run_again(self, upstream: list[Any]) -> tuple[Any, ...]:
        with replayed(self.random), enable_grad():
            results = list(_tensors(self.function(*self.args, **self.settings)))
            if len(results) != len(upstream):
                raise RuntimeError(
                    f"checkpoint: the function returned {len(upstream)} tensors, and {len(results)} when it was called "
                    "again; it must return the same"
                )
            updated = any(edge.mutated > self.made for edge in self.edges if isinstance(edge, Leaf))
            if not updated:  # which the walk refuses with an error of its own
                _check_repeated(self.results, [result._array for result in results if result.node is not None])
            pairs = zip(results, upstream, strict=True)
            seeds = [(r.node, g) for r, g in pairs if r.node is not None and g is not None]
            gradients = Accumulator(seeds)
            nodes = ancestors([root for root, _ in seeds], ends={owner(edge) for edge in self.edges})
            create_graph = any(isinstance(g, Tensor) for g in upstream)
            deque(walk(gradients, nodes, create_graph=create_graph, retain_graph=create_graph), maxlen=0)
            return tuple(_found(gradients, edge, upstream) for edge in self.edges)


def _check_repeated(before: Sequence[Array], again: Sequence[Array]) -> None:
    """Raise if the second call gave other values: their gradient is not that of the first ones."""
    if len(before) != len(again) or not all(map(_repeats, before, again)):
        raise RuntimeError(
            "checkpoint: the function returned different values when it was called again for its gradient, so what it "
            "reads has changed: a tensor or an array, the mode of a module (train or eval), or random numbers that are "
            "not drawn from ts.random.generator(), or by threads of its own; call backward() before the change"
        )


def _repeats(before: Array, again: Array) -> bool:
    """Whether two arrays are equal up to the rounding of sums in another order."""
    if before.shape != again.shape or before.dtype != again.dtype:
        return False
    if is_recorded(before):
        return True
    xp = namespace_of(before)
    same = (before == again) | ((before != before) & (again != again))
    if bool(xp.all(same)):
        return True
    with np.errstate(invalid="ignore"):
        apart = xp.max(xp.abs(xp.where(same, 0.0, before - again)))
    largest = xp.max(xp.abs(xp.where(xp.isfinite(before), before, 0.0)))
    return bool(apart <= float(xp.finfo(before.dtype).eps) ** 0.5 * largest)


def _found(gradients: Accumulator, edge: Parent, upstream: list[Any]) -> Any:
    """The gradient of an edge, zeros if none arrived."""
    g = gradients.at(edge)
    if g is not None:
        return g
    given = next(g for g in upstream if g is not None)
    xp = namespace_of(given._array if isinstance(given, Tensor) else given)
    zeros = xp.zeros(edge.shape, dtype=edge.dtype)
    return Tensor(zeros) if isinstance(given, Tensor) else zeros


def _tensors(result: Any) -> Iterator[Tensor]:
    """The tensors in tuples, lists and dictionaries, in order."""
    if isinstance(result, Tensor):
        yield result
    elif isinstance(result, tuple | list | dict):
        for part in result.values() if isinstance(result, dict) else result:
            yield from _tensors(part)
    elif result is not None and not isinstance(result, bool | int | float | complex | str | np.generic | np.ndarray):
        raise TypeError(
            "checkpoint: the function must return tensors, alone or in tuples, lists and dictionaries, got "
            f"{type(result).__name__}"
        )


def _exchanged(result: R, tensors: Iterator[Tensor]) -> R:
    """The same tuples, lists and dictionaries with other tensors in them."""
    twin: Any = result
    if isinstance(result, Tensor):
        twin = next(tensors)
    elif isinstance(result, dict):
        twin = copy(result)
        twin.update({key: _exchanged(part, tensors) for key, part in result.items()})
    elif isinstance(result, tuple | list):
        parts = [_exchanged(part, tensors) for part in result]
        twin = type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    return cast(R, twin)


def checkpoint(function: Callable[P, R], *args: P.args, **settings: P.kwargs) -> R:
    """Call ``function(*args, **settings)``, without saving arrays for its gradient: backward calls it again.

    This saves memory at the cost of time. For a recurrent network cut into parts of k steps, only the states between
    the parts are kept, and the arrays of one part at a time. Gradients, including those of parameters inside, are those
    of the plain call; dropout uses the same mask again. The results are kept, too: if the second call gives others, as
    when a module's mode or an array has changed in between, backward raises a RuntimeError.

    Args:
        function: returns tensors, alone or in tuples, lists and dictionaries; the same ones when called again.
        args, settings: what it is called with; they are kept until backward has passed.

    Returns:
        What the function returned.

    Raises:
        TypeError: the function returns something else.

    Example:
        >>> import tinyseq as ts
        >>> x = ts.tensor([0.5, 1.0], requires_grad=True)
        >>> ts.checkpoint(lambda x: ts.exp(ts.sin(x)), x).sum().backward()
        >>> bool(abs(x.grad.numpy() - ts.vjp(lambda x: ts.exp(ts.sin(x)), x, ts.ones(2))[1].numpy()).max() < 1e-12)
        True
    """
    check_function("function", function)
    if not MODE.get().grad:
        return function(*args, **settings)
    start = tick()
    with noted() as random:
        result = function(*args, **settings)
    outputs = list(_tensors(result))
    edges = _made_of([output.node for output in outputs if output.node is not None], start)
    if not edges:
        return result
    results = tuple(output._array for output in outputs if output.node is not None)
    segment = Segment(function, args, settings, random, edges, results, tick())
    arrays, shapes = [output._array for output in outputs], [output.shape for output in outputs]
    made = recorded_outputs(arrays, shapes, CHECKPOINT, edges, (segment,), MODE.get().label)
    pairs = zip(outputs, made, strict=True)
    return _exchanged(result, (output if output.node is None else tensor for output, tensor in pairs))


def _made_of(roots: list[Parent], start: int) -> tuple[Parent, ...]:
    """The inputs of the part: leaves, and results of ops that ran before it started."""
    found: dict[Parent, None] = {}
    stack, seen = list(roots), set(roots)
    while stack:
        parent = stack.pop()
        node = owner(parent)
        if isinstance(node, Leaf) or node.seq < start:
            found[parent] = None
            continue
        for edge in node.edges:
            if edge is not None and edge not in seen:
                seen.add(edge)
                stack.append(edge)
    return tuple(found)


CHECKPOINT = Op(
    "checkpoint",
    forward=lambda xp, *xs: list(xs),
    vjp=lambda xp, g, i, segment: segment.gradient(g, i),
    saves=("segment",),
    outputs=True,
    tex=r"\bar x = \text{by running again}",
    module=__name__,
)
CHECKPOINT.saved_inputs = frozenset(CHECKPOINT.inputs)  # it reads the leaves again, so an update in between is an error
