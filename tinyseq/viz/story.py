"""What the page of a drawing can tell: details of every box, and the computation played forward and backward."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tinyseq.autograd.graph import Leaf, Parent, owner
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array, namespace_of, to_numpy
from tinyseq.inspect.paths import ones, visits
from tinyseq.viz.boxes import Box, Sheet
from tinyseq.viz.packing import MOST_VALUES, blocks, strip
from tinyseq.viz.reading import Reading
from tinyseq.viz.record import numbered
from tinyseq.viz.style import clean, number, shape_text
from tinyseq.viz.wording import Wording, leaf_name, value_text

OTHERS = -1  # in place of a time step: those that are not shown


@dataclass
class Addition:
    """A term of a parameter's gradient: who adds how much, how large the sum has become, and the numbers, packed."""

    parameter: str
    step: str
    norm: float
    total: float
    term: str


@dataclass
class Event:
    """One moment of a play: boxes that light up, what is said, and what parameters receive."""

    boxes: list[str]
    text: str
    additions: list[Addition] = field(default_factory=list)


@dataclass
class Act:
    """A part of a play, such as forward or backward."""

    name: str
    events: list[Event]


@dataclass
class Story:
    """All that a page knows besides the picture.

    Attributes:
        details: for each box, names of facts and the facts.
        columns: for each box in a column, the column's frame.
        modules: for each box in modules, their names, outermost first.
        frames: for each module's frame, its column's frame and the module.
        lines: tail and head of every line, in the order of the drawing.
        corners: the points that a line passes, x and y in turn, with y downward.
        climbs: the numbers of those lines that swing from point to point.
        values: small values and gradients of boxes, packed.
        parameters: what is shown of each parameter's gradient.
        acts: what can be played.
        fills: whether what a box says is its result, and so must not be seen before its moment.
    """

    details: dict[str, dict[str, str]]
    columns: dict[str, str] = field(default_factory=dict)
    modules: dict[str, list[str]] = field(default_factory=dict)
    frames: dict[str, dict[str, Any]] = field(default_factory=dict)
    lines: list[tuple[str, str]] = field(default_factory=list)
    corners: list[list[float]] = field(default_factory=list)
    climbs: list[int] = field(default_factory=list)
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    acts: list[Act] = field(default_factory=list)
    fills: bool = False

    def plain(self) -> dict[str, Any]:
        """As dictionaries and lists, ready for JSON."""
        return asdict(self)


def details(content: Sheet, wording: Wording) -> dict[str, dict[str, str]]:
    """What is known of each box."""
    vertices = content.record.vertices
    found: dict[str, dict[str, str]] = {}
    for box in content.boxes:
        facts = {"": " ".join(line.text for line in wording.lines(box)[:1]).replace("_", "")}
        last = vertices[box.vertices[-1]] if box.vertices else None
        if box.kind == "parameter":
            facts["parameters"] = ", ".join(f"{leaf_name(vertices[v])} {vertices[v].shape}" for v in box.vertices)
            facts["uses"] = str(box.uses)
        elif last is not None:
            facts["ops"] = ", ".join(vertices[vertex].op or "leaf" for vertex in box.vertices[:12])
            facts["shape"] = shape_text(wording.shape(box)) or "()"
        if last is not None:
            facts["dtype"] = str(last.dtype)
            facts["module"] = ".".join(last.scope)
        if box.column and box.column.kind == "step":
            facts["step"] = str(box.column.step)
        facts["value"] = value_text(wording.value(box), shown=6)
        norm = wording.gradient(box)
        facts["norm of the gradient"] = "" if norm is None else number(norm, 6)
        found[box.name] = {name: clean(fact, limit=200) for name, fact in facts.items() if fact}
    return found


def packed_values(content: Sheet, wording: Wording) -> dict[str, dict[str, Any]]:
    """The small values and gradients of boxes, as many as a page can hold."""
    found: dict[str, dict[str, Any]] = {}
    left = MOST_VALUES
    for box in content.boxes:
        if box.kind == "parameter":
            continue  # these are shown whole, as they add up
        gradients = wording.gradients(box)
        parts = {"value": wording.value(box), "gradient": gradients[0] if len(gradients) == 1 else None}
        shown = {name: part for name, array in parts.items() if (part := strip(array))}
        left -= sum(part["rows"] * part["columns"] for part in shown.values())
        if left < 0:
            break
        if shown:
            found[box.name] = shown
    return found


class Playback:
    """The events of a sheet's computation.

    Args:
        content: the sheet.
        wording: its words.
        loss: the result, whose graph must be whole for the backward act; without it there is only the forward one.
    """

    def __init__(self, content: Sheet, wording: Wording, loss: Tensor | None) -> None:
        self.content = content
        self.wording = wording
        self.loss = loss
        self.reading = Reading(content.record, content.plan)
        self.boxes: dict[int, list[Box]] = {}
        for box in content.boxes:
            for vertex in box.vertices:
                self.boxes.setdefault(vertex, []).append(box)
        leaves = sorted({leaf for leaves in self.reading.weights.values() for leaf in leaves})
        shapes = [content.record.vertices[leaf].shape for leaf in leaves]
        self.blocks = dict(zip(leaves, blocks(shapes, terms=len(self._shown_steps()) + 1), strict=True))

    def acts(self) -> list[Act]:
        """Forward, and backward if there is a loss to start from."""
        acts = [Act("forward", self._forward())]
        if self.loss is not None:
            acts.append(Act("backward", self._backward(self.loss)))
        return acts

    def parameters(self) -> dict[str, dict[str, Any]]:
        """What is shown of each parameter's gradient, by the parameter's name."""
        vertices = self.content.record.vertices
        return {
            leaf_name(vertices[leaf]): {"shape": shape_text(vertices[leaf].shape) or "()", **block._asdict()}
            for leaf, block in self.blocks.items()
        }

    def _forward(self) -> list[Event]:
        starts = [box.name for box in self.content.boxes if box.kind in {"parameter", "initial"} or not box.vertices]
        events = [Event(starts, "inputs, parameters and the first state")]
        lit = set(starts)
        for vertex in self.reading.boxed():
            for box in self.boxes.get(vertex.id, ()):
                if box.name not in lit:
                    events.append(Event([box.name], self._said(box)))
                    lit.add(box.name)
        return events

    def _said(self, box: Box) -> str:
        return self.wording.lines(box)[0].text.replace("_", "")

    def _backward(self, loss: Tensor) -> list[Event]:
        """The backward walk, box by box; steps that are not shown speak together, before the next one that is."""
        sums: dict[int, Array] = {}
        events: dict[Box, Event] = {}
        hidden: dict[int, Array] = {}
        order: list[Event] = []
        for vertex, step, terms in contributions(loss, self.reading, self._shown_steps()):
            boxes = self.boxes.get(self.reading.inside.get(vertex, vertex), [])
            boxes = [box for box in boxes if step is None or not box.column or box.column.step == step]
            if not boxes or step == OTHERS:
                hidden.update({leaf: hidden[leaf] + term if leaf in hidden else term for leaf, term in terms.items()})
                continue
            if hidden:
                order.append(self._speak(hidden, sums))
                hidden = {}
            for box in reversed(boxes):
                if box not in events:
                    events[box] = Event([box.name], self._gradient_said(box))
                    order.append(events[box])
            if terms:
                event = events[boxes[-1]]
                event.additions += self._additions("" if step is None else f"t = {step}", terms, sums)
                event.boxes = list(dict.fromkeys([*event.boxes, *(self.boxes[leaf][0].name for leaf in sorted(terms))]))
        if hidden:
            order.append(self._speak(hidden, sums))
        return order

    def _shown_steps(self) -> set[int]:
        return {column.step for column in self.content.columns if column.kind == "step"}

    def _speak(self, terms: dict[int, Array], sums: dict[int, Array]) -> Event:
        marks = [box.name for box in self.content.boxes if box.kind == "elided"]
        return Event(marks, "steps not shown", self._additions("others", terms, sums))

    def _additions(self, when: str, terms: dict[int, Array], sums: dict[int, Array]) -> list[Addition]:
        found = []
        for leaf, term in sorted(terms.items()):
            sums[leaf] = sums[leaf] + term if leaf in sums else term
            name = leaf_name(self.content.record.vertices[leaf])
            found.append(Addition(name, when, _norm(term), _norm(sums[leaf]), self.blocks[leaf].pack(term)))
        return found

    def _gradient_said(self, box: Box) -> str:
        norm = self.wording.gradient(box)
        return self._said(box) + ("" if norm is None else f", norm of its gradient {number(norm, 4)}")


def contributions(
    loss: Tensor, reading: Reading, shown: set[int]
) -> Iterator[tuple[int, int | None, dict[int, Array]]]:
    """What each vertex adds to the gradients of the parameters, in the order of the backward walk.

    A vertex that works for all steps at once adds one term for each step that is shown, last one first, and one for
    the others: its rules are linear in its gradient, so the gradient is cut into steps.

    Args:
        loss: where to start; its graph is left as it is.
        reading: which vertices are parameters.
        shown: the steps to tell apart.

    Yields:
        The vertex, the step that adds, and the terms by the parameters' vertices. The step is None for what stands
        outside of the steps, and `OTHERS` for all that are not shown.
    """
    ids = numbered(loss)

    def to_parameters(pairs: Iterable[tuple[Parent, Array]]) -> dict[int, Array]:
        terms: dict[int, Array] = {}
        for parent, g in pairs:
            if ids[owner(parent)] not in reading.weights:
                continue
            reached = [(parent, g)]
            if not isinstance(parent, Leaf):  # a rearranged parameter: the gradient goes on to what it is made of
                reached = [pair for visit in visits({parent: g}) for pair in visit.contributions]
            for end, term in reached:
                if isinstance(end, Leaf):
                    terms[ids[end]] = terms[ids[end]] + term if ids[end] in terms else term
        return terms

    for node, gradient, pairs in visits(ones(loss)):
        vertex = ids[node]
        terms = {} if vertex in reading.weights else to_parameters(pairs)
        if vertex in reading.weights or (vertex in reading.passed and not terms):
            continue
        track = reading.plan.tracks.get(vertex)
        step = reading.vertices[vertex].step
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
    """A gradient with zeros everywhere but at one position of an axis."""
    xp = namespace_of(gradient)
    chosen = (slice(None),) * axis + (slice(place, place + 1),)
    kept = xp.zeros_like(gradient)
    kept[chosen] = gradient[chosen]
    return kept


def _norm(array: Array) -> float:
    return float(np.linalg.norm(to_numpy(array).ravel()))
