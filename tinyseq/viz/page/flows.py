"""Where the gradient of each box comes from: what each of its uses sends back, and the terms of weights' gradients."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tinyseq.autograd.accumulator import Accumulator
from tinyseq.autograd.backward import walk
from tinyseq.autograd.graph import Node, Output, Parent, owner
from tinyseq.autograd.hooks import without_hooks
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array, to_numpy
from tinyseq.structure.paths import add, grouped, ones, only_at, reached, visits
from tinyseq.viz.content.boxes import Box
from tinyseq.viz.content.columns import Column
from tinyseq.viz.content.sheet import Sheet

Place = Box | Column | None  # a box; for a step that is not shown, its gap, or None if it has none
Pairs = Iterable[tuple[Parent, Any]]


class Flows:
    """The contributions to all gradients of a sheet.

    An op that handles all steps at once is split by steps: its gradient rule is linear, so it is applied to the
    gradient at one step and zeros elsewhere. Rearrangements have no boxes; gradients pass through them.

    Args:
        loss: the result; its graph is not changed.
        content: what is shown.

    Attributes:
        arriving: for each box, what each of the places that use its value sends back.
        terms: for each place, its terms of the gradients of parameters, by the vertices of these.
    """

    def __init__(self, loss: Tensor, content: Sheet) -> None:
        self.arriving: dict[Box, dict[Place, Array]] = {}
        self.terms: dict[Place, dict[int, Array]] = {}
        self.content = content
        self.grouping, self.timeline = content.grouping, content.timeline
        self.ids = {item: i for i, item in enumerate(content.record.items)}
        passed = self.grouping.weights.keys() | self.grouping.passed
        self.passed = {item for item, i in self.ids.items() if isinstance(item, Node) and i in passed}
        self.arrows = {(arrow.tail, arrow.head) for arrow in content.arrows}
        self.gaps = [column for column in content.columns if column.kind == "gap"]
        self.boxes = grouped((vertex, box) for box in content.boxes for vertex in box.vertices)
        self._read(loss)

    def _read(self, loss: Tensor) -> None:
        sent = defaultdict[Place, Accumulator](lambda: Accumulator(()))
        for node, gradient, pairs in visits(ones(loss)):
            vertex = self.ids[node]
            if node in self.passed:
                continue
            track = self.timeline.tracks.get(vertex)
            if track is None or node.op.outputs:
                _add(sent[self._place(vertex, self.grouping.vertices[vertex].step)], pairs)
                continue
            places = grouped((self._place(vertex, step), i) for i, step in enumerate(track.steps))
            for place, chosen in places.items():
                part = gradient if len(places) == 1 else only_at(gradient, track.axis, chosen)
                _add(sent[place], _sent(node, part))
        for place, found in sent.items():  # all of a place at once: each rearrangement of T steps takes O(T)
            self._note(place, found)

    def _place(self, vertex: int, step: int | None) -> Place:
        """Where a vertex is shown at a step."""
        boxes = self.boxes.get(self.grouping.inside.get(vertex, vertex), [])
        here = [box for box in boxes if not box.column or step is None or self.content.step_of(box) in (step, None)]
        if here:
            return here[0]
        phase = self.timeline.phase_of.get(vertex, 0)
        before = [gap for gap in self.gaps if gap.phase == phase and gap.step <= (step or 0)]
        return before[-1] if before else None

    def _ends(self, found: Accumulator) -> Iterator[tuple[Parent, Array]]:
        """Gradients, past all rearrangements."""

        def behind(node: Node) -> set[Node]:
            return self.passed & {owner(edge) for edge in node.edges if edge is not None}

        newest_first = sorted(reached(self.passed & found.sums.keys(), behind), key=lambda node: -node.seq)
        with without_hooks():
            deque(walk(found, newest_first, retain_graph=True, watched=True), maxlen=0)
        for end, g in found.sums.items():
            yield from g.items() if isinstance(g, dict) else [(end, g)]

    def _note(self, place: Place, found: Accumulator) -> None:
        for parent, g in self._ends(found):
            source = self.ids[owner(parent)]
            if not self.content.record.users[source]:
                continue  # a sequence whose parts are inputs of their own
            if source in self.grouping.weights:
                add(self.terms.setdefault(place, {}), source, g)
            elif not isinstance(parent, Output) or parent.index == 0:
                self._arrive(source, place, g)

    def _arrive(self, source: int, place: Place, g: Array) -> None:
        track = self.timeline.tracks.get(source)
        for box in self.boxes.get(source, ()):
            if box is place or box.vertices[-1] != source:
                continue
            part = to_numpy(g)
            if track is not None and box.step is not None:
                part = part.take(track.steps.index(box.step), axis=track.axis)
            if (box, place) not in self.arrows and not np.any(part):
                continue  # not a use: rules of several steps give zeros at the others
            add(self.arriving.setdefault(box, {}), place, part)


def _add(found: Accumulator, pairs: Pairs) -> None:
    for parent, g in pairs:
        found.add(parent, g)


def _sent(node: Node, gradient: Array) -> Pairs:
    """What a node sends to its arguments, given the gradient of its result."""
    with without_hooks():
        found = Accumulator([(node, gradient)])
        return [pair for visit in walk(found, [node], retain_graph=True, watched=True) for pair in visit.contributions]
