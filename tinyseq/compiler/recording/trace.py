"""One call of a function, recorded forward and backward."""

from collections import deque
from collections.abc import Callable, Sequence
from copy import copy
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

import numpy as np

from tinyseq import random
from tinyseq.autograd.accumulator import Accumulator
from tinyseq.autograd.backward import walk
from tinyseq.autograd.graph import Leaf, Node, Parent, ancestors, owner
from tinyseq.autograd.modes import Label, tick
from tinyseq.autograd.record.op import Op
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import library_of, to_numpy
from tinyseq.compiler.program import Program
from tinyseq.compiler.recording.active import RecordingError, unrepeatable
from tinyseq.compiler.recording.arrays import Recorded
from tinyseq.compiler.recording.outcomes import Outcomes
from tinyseq.compiler.recording.recorder import Recorder, Source
from tinyseq.compiler.recording.surroundings import PLAIN
from tinyseq.compiler.recording.tensors import recording
from tinyseq.compiler.steps import Step, key, mapped


class Saved(NamedTuple):
    """A leaf that an op saved for its rules: after an update of the leaf, these give no gradient.

    Attributes:
        op, label, argument: the op, where it was called, and which of its arguments the leaf is.
        leaf: the place of the leaf among those of the recording.
        gradients: the leaves whose gradients need the saved values: a bit for each.
    """

    op: Op
    label: Label
    argument: int
    leaf: int
    gradients: int


class Backward(NamedTuple):
    """A recorded backward pass.

    Attributes:
        places: for each leaf of the recording, the place of its gradient among the program's; None if it has none.
        saved: the leaves whose values are needed, by the newest op that saved each.
    """

    places: list[int | None]
    saved: list[Saved]


class Trace:
    """One call of a function, and the backward pass of its results.

    Args:
        function, args, settings: the call.
        outcomes: what calls are known to return, as an earlier trace found.
        before: the steps of that trace, which this one must repeat.

    Attributes:
        structure: what the function returned, with the numbers of results instead of tensors.
        itself: the results that are no new tensors: for each the number of the argument, or the source, that it is.
        edges: where the gradient of each leaf goes: the number of the argument, or the source.
        backward: the backward pass of all results.
        differentiable: for each result, whether it is a new tensor that has a gradient.
    """

    def __init__(
        self, function: Callable[..., Any], args: Any, settings: Any, outcomes: Outcomes, before: Sequence[Step] = ()
    ) -> None:
        self.recorder = Recorder(outcomes, before)
        self._places: dict[Leaf, int] = {}
        self._twins: dict[int, Any] = {}  # what stands for each tensor and array among the arguments, by identity
        self._results: list[Tensor] = []
        self._first: dict[int, Result] = {}  # by identity
        self._count = 0
        args, settings = mapped((args, settings), None, self._replaced)
        given = mapped((args, settings), None, lambda part: part)  # the same in containers of its own
        with recording(self.recorder), random.drawn_from(self.recorder):
            self._twins.clear()
            self.structure = mapped(function(*args, **settings), None, self._flattened)
            if mapped(given, None, id) != mapped((args, settings), None, id):
                raise RecordingError(
                    "a compiled function changes a list or dict among its arguments, which replays would not do; copy "
                    "it first, and return what is to be kept"
                )
            self.arrays = [self._value(t._array) for t in self._results]
            self.recorder.program.outputs = self.arrays
            self.itself = self._results_from_outside()
            new = {*self._first.values()} - self.itself.keys()
            self.differentiable = [i in new and t.node is not None for i, t in enumerate(self._results)]
            self.edges: dict[Leaf, int | Source] = {}
            self.backward = self._backward()
            if self.recorder.refused is not None:  # the function caught this error: in a call, there would be none
                raise self.recorder.refused
        self._results.clear()

    def _replaced(self, value: Any) -> Any:
        """An argument, with a recorded array if it is an array."""
        if library_of(value) == "cupy":
            value = to_numpy(value)
        if not isinstance(value, Tensor | np.ndarray):
            return value
        place, self._count = self._count, self._count + 1
        array = value._array if isinstance(value, Tensor) else np.asarray(value)  # of a memory map, too
        recorded = self.recorder.input(array)
        if id(value) not in self._twins:
            self._twins[id(value)] = recorded if isinstance(value, np.ndarray) else self._tensor(value, recorded, place)
        return self._twins[id(value)]

    def _tensor(self, value: Tensor, recorded: Any, place: int) -> Tensor:
        """A tensor of the same type as an argument."""
        if type(value) is Tensor:
            twin = Tensor(recorded, None if value.node is None else Leaf(value._array))
        else:
            twin = copy(value)  # a parameter, with a leaf of its own
            twin._array = recorded
        if type(twin.node) is Leaf:
            self._places[twin.node] = place
        self.recorder.arguments[place] = twin
        return twin

    def _flattened(self, value: Any) -> Any:
        """What the function returned, with a `Result` if it is a tensor."""
        if isinstance(value, Tensor):
            self._results.append(value)
            return self._first.setdefault(id(value), Result(len(self._results) - 1))
        if isinstance(value, PLAIN):
            return value
        kind = "an array" if isinstance(value, Recorded | np.ndarray) else f"a {type(value).__name__}"
        raise RecordingError(
            f"a compiled function returned {kind}; it must return tensors, and lists, tuples and dicts of them"
        )

    def _value(self, array: Any) -> int:
        """The number of a result, which becomes a constant if nothing was recorded for it."""
        if type(array) is not Recorded:
            array = self.recorder.constant(array)
        return self.recorder.ref(array).number

    def _results_from_outside(self) -> dict[int, int | Source]:
        outside: dict[int, int | Source] = {id(source.tensor): source for source in self.recorder.sources.values()}
        outside.update((id(tensor), place) for place, tensor in self.recorder.arguments.items())
        return {i: outside[id(tensor)] for i, tensor in enumerate(self._results) if id(tensor) in outside}

    def _backward(self) -> Backward:
        program = self.recorder.program
        program.forward = len(program.steps)
        results = zip(self._results, self.differentiable, strict=True)
        roots = [tensor.node for tensor, wanted in results if wanted and tensor.node is not None]
        self._roots = [(root, self.recorder.value(np.ones(root.shape, root.dtype))) for root in roots]
        found = self._walked(self._roots)
        if len(roots) < 2:
            self._roots.clear()  # and the graph with them
        else:
            self._whole = program.copy()
        return found

    def _walked(self, roots: list[tuple[Parent, Any]]) -> Backward:
        recorder, program = self.recorder, self.recorder.program
        program.seeds = [seed.number for _, seed in roots]
        gradients, nodes = Accumulator(roots), ancestors([root for root, _ in roots])
        for node in reversed(ancestors([root for root, _ in self._roots])):
            node.seq = tick()  # as if recorded now: parameters may have been updated since
        deque(walk(gradients, nodes, retain_graph=len(self._roots) > 1), maxlen=0)
        edges: dict[Any, int | Source] = {source.node: source for source in recorder.sources.values()}
        edges.update(self._places)
        reached = {leaf: g for leaf, g in gradients.sums.items() if leaf in edges}  # the others end with the call
        program.gradients = [self._value(g) for g in reached.values()]
        self.edges = self.edges or {leaf: edges[leaf] for leaf in reached}
        places = {leaf: place for place, leaf in enumerate(reached)}
        return Backward([places.get(leaf) for leaf in self.edges], self._saved(nodes))

    def _saved(self, nodes: list[Node]) -> list[Saved]:
        """The leaves that nodes, the newest of which comes first, saved for the gradients of leaves."""
        places = {leaf: place for place, leaf in enumerate(self.edges)}
        behind: dict[Any, int] = {leaf: 1 << place for leaf, place in places.items()}
        for node in reversed(nodes):
            behind[node] = reduce(or_, (behind.get(edge and owner(edge), 0) for edge in node.edges), 0)
        found, seen = list[Saved](), dict.fromkeys(places, 0)
        for node in nodes:
            for i, leaf in enumerate(node.edges):
                if type(leaf) is not Leaf or leaf not in places:
                    continue
                rules = (edge for rule, edge in enumerate(node.edges) if edge is not None and node.op.reads(rule, i))
                gradients = reduce(or_, (behind.get(owner(edge), 0) for edge in rules), 0) & ~seen[leaf]
                if gradients:
                    seen[leaf] |= gradients
                    found.append(Saved(node.op, node.label, i, places[leaf], gradients))
        return found

    def of_some(self, used: tuple[bool, ...]) -> tuple[Program, Backward]:
        """The program with the backward pass of some of the differentiable results.

        Gradients of zero for the others would be wrong: 0 times inf is NaN, and leaves that only they depend on would
        get a gradient.
        """
        program = self._whole.copy()
        program.steps = program.steps[: program.forward]
        known = {*program.inputs, *program.constants, *(step.out for step in program.steps)}
        program.guards = [guard for guard in program.guards if guard[0] in known]
        with recording(self.recorder), random.drawn_from(self.recorder):
            self.recorder.program = program
            found = self._walked([root for root, is_used in zip(self._roots, used, strict=True) if is_used])
            self.let_go()  # under the lock, like the rest
        return program, found

    def check_repeated(self, other: "Trace") -> None:
        """Raise if another recording of the same call differs."""
        mine, others = self.recorder.program, other.recorder.program
        for number, value in mine.constants.items():
            if key(value) != key(others.constants.get(number)):
                raise unrepeatable(f"the constant that comes in at {self.recorder.lines.get(number, 'its end')}")
        sources = [[source.tensor for source in r.recorder.sources.values()] for r in (self, other)]
        alike = len(sources[0]) == len(sources[1]) and all(a is b for a, b in zip(*sources, strict=True))
        facts = [(len(p.steps), p.inputs, p.outputs, p.gradients, p.guards, p.constants.keys()) for p in (mine, others)]
        if not alike or facts[0] != facts[1] or key(self.structure) != key(other.structure):
            raise unrepeatable("the list of its operations")

    def let_go(self) -> None:
        """Release what only recording needs: all of it, if no other backward pass can be asked for."""
        self.recorder.let_go(for_good=not self._roots)


class Result(int):
    """The place of a result among those of the program."""
