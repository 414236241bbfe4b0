"""The computation of a sheet, played forward and backward, box by box."""

from collections.abc import Iterable, Iterator

from tinyseq.autograd.graph import Leaf, Parent, owner
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array, namespace_of
from tinyseq.inspect.paths import add, ones, visits
from tinyseq.viz.computation.boxes import Box, Sheet
from tinyseq.viz.computation.grouping import Grouping
from tinyseq.viz.computation.labels import Wording
from tinyseq.viz.computation.record import numbered
from tinyseq.viz.page.story import Act, Event, Ledger
from tinyseq.viz.rendering.style import number, spoken

INDICES = frozenset("₀₁₂₃₄₅₆₇₈₉")
OTHERS = -1  # stands for the time steps that are not shown


class Playback:
    """The events of a sheet's computation.

    Args:
        content: the sheet.
        wording: its labels.
        loss: the result, for the backward act; its graph must not be freed. None: forward only.
    """

    def __init__(self, content: Sheet, wording: Wording, loss: Tensor | None) -> None:
        self.content = content
        self.wording = wording
        self.loss = loss
        self.grouping = content.grouping
        self.shown = {column.step for column in content.columns if column.kind == "step"}
        self.boxes: dict[int, list[Box]] = {}
        for box in content.boxes:
            for vertex in box.vertices:
                self.boxes.setdefault(vertex, []).append(box)
        leaves = {leaf for leaves in self.grouping.weights.values() for leaf in leaves}
        self.ledger = Ledger(content.record.vertices, leaves, terms=len(self.shown) + 1)

    def acts(self) -> list[Act]:
        """The forward act, and the backward act if there is a loss."""
        backward = [] if self.loss is None else [Act("backward", self._backward(self.loss))]
        return [Act("forward", self._forward()), *backward]

    def _forward(self) -> list[Event]:
        starts = [box.name for box in self.content.boxes if box.kind in {"parameter", "initial"} or not box.vertices]
        begins = any(box.kind == "initial" for box in self.content.boxes)
        said = "inputs, parameters and the first state" if begins else "inputs and parameters"
        lit = set(starts)
        made = dict.fromkeys(box for vertex in self.grouping.boxed() for box in self.boxes.get(vertex.id, ()))
        return [Event(starts, said), *(Event([box.name], self._said(box)) for box in made if box.name not in lit)]

    def _said(self, box: Box) -> str:
        """A box as text, with its time step unless its formula has an index."""
        sign = self.wording.is_sign(box)
        text = self.content.record.vertices[box.vertices[0]].op if sign else spoken(self.wording.lines(box)[0].text)
        step = self.content.step_of(box)
        return text if self.content.folded or step is None or INDICES & set(text) else f"{text} at t = {step}"

    def _backward(self, loss: Tensor) -> list[Event]:
        """The backward pass, box by box. Steps that are not shown form one event, before the next one that is."""
        events: dict[Box, Event] = {}
        hidden: dict[int, Array] = {}
        order: list[Event] = []
        for vertex, step, terms in contributions(loss, self.grouping, self.shown):
            boxes = self.boxes.get(self.grouping.inside.get(vertex, vertex), [])
            boxes = [box for box in boxes if step in (None, self.content.step_of(box)) or not box.column]
            if not boxes or step == OTHERS:
                for leaf, term in terms.items():
                    add(hidden, leaf, term)
                continue
            order += self._speak(hidden)
            for box in reversed(boxes):
                if box not in events:
                    events[box] = Event([box.name], self._gradient_said(box))
                    order.append(events[box])
            if terms:
                event = events[boxes[-1]]
                event.additions += self.ledger.add("" if step is None else f"t = {step}", terms)
                event.boxes = list(dict.fromkeys([*event.boxes, *(self.boxes[leaf][0].name for leaf in sorted(terms))]))
        return order + self._speak(hidden)

    def _speak(self, terms: dict[int, Array]) -> list[Event]:
        """An event for the terms of steps that are not shown, if there are any. Clears them."""
        marks = [box.name for box in self.content.boxes if box.kind == "elided"]
        event = Event(marks, "steps not shown", self.ledger.add("others", terms))
        terms.clear()
        return [event] if event.additions else []

    def _gradient_said(self, box: Box) -> str:
        norm = self.wording.values.gradient(box)
        return self._said(box) + ("" if norm is None else f", norm of its gradient {number(norm, 4)}")


def contributions(
    loss: Tensor, grouping: Grouping, shown: set[int]
) -> Iterator[tuple[int, int | None, dict[int, Array]]]:
    """The contribution of each vertex to the gradients of the parameters, in the order of the backward pass.

    A vertex that handles all steps at once contributes one term for each step that is shown, last one first, and one
    for the others: its gradient rule is linear, so the gradient can be split by steps.

    Args:
        loss: the result; its graph is not changed.
        grouping: which vertices are parameters.
        shown: the steps to be distinguished.

    Yields:
        The vertex, the step, and the terms by the vertices of the parameters. The step is None outside the steps, and
        `OTHERS` for all steps that are not shown.
    """
    ids = numbered(loss)

    def to_parameters(pairs: Iterable[tuple[Parent, Array]]) -> dict[int, Array]:
        terms: dict[int, Array] = {}
        for parent, g in pairs:
            if ids[owner(parent)] not in grouping.weights:
                continue
            reached = [(parent, g)]
            if not isinstance(parent, Leaf):  # a rearranged parameter: continue to its leaves
                reached = [pair for visit in visits({parent: g}) for pair in visit.contributions]
            for end, term in reached:
                if isinstance(end, Leaf):
                    add(terms, ids[end], term)
        return terms

    for node, gradient, pairs in visits(ones(loss)):
        vertex = ids[node]
        terms = {} if vertex in grouping.weights else to_parameters(pairs)
        if vertex in grouping.weights or (vertex in grouping.passed and not terms):
            continue
        track = grouping.plan.tracks.get(vertex)
        step = grouping.vertices[vertex].step
        if track is None or not terms:
            yield vertex, step, terms
            continue
        for place in reversed(range(len(track.steps))):
            if track.steps[place] in shown:
                part = to_parameters(next(visits({node: _at(gradient, track.axis, place)})).contributions)
                terms = {leaf: term - part[leaf] for leaf, term in terms.items()}
                yield vertex, track.steps[place], part
        if not shown.issuperset(track.steps):
            yield vertex, OTHERS, terms


def _at(gradient: Array, axis: int, place: int) -> Array:
    """A gradient that is zero except at one position of an axis."""
    xp = namespace_of(gradient)
    chosen = (slice(None),) * axis + (slice(place, place + 1),)
    kept = xp.zeros_like(gradient)
    kept[chosen] = gradient[chosen]
    return kept
