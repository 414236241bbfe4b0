"""What the page of a drawing contains besides the picture: details of boxes, their values, and acts to play."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tinyseq.backend import Array
from tinyseq.structure.paths import add, size_of
from tinyseq.structure.record import Vertex
from tinyseq.viz.computation.labels import SheetLabels
from tinyseq.viz.computation.names import leaf_name, value_text
from tinyseq.viz.content.sheet import Sheet
from tinyseq.viz.content.states import told_apart
from tinyseq.viz.page.packing import MOST_VALUES, blocks, strip
from tinyseq.viz.rendering.style import clean, number, shape_text

EMPTY: tuple[Any, ...] = ("", [], None)


@dataclass
class Addition:
    """A term of a parameter's gradient: its step, its norm, the norm of the sum so far, its numbers, and its rule.

    Norms that are not finite are None.
    """

    parameter: str
    step: str
    norm: float | None
    total: float | None
    term: str
    rule: str = ""


@dataclass
class Part:
    """A part of a sum: where it comes from, and its numbers, as text and packed."""

    origin: str
    numbers: str
    strip: dict[str, Any] | None = None


@dataclass
class Event:
    """One moment of an act.

    Attributes:
        boxes: the boxes that light up.
        text: what happens.
        formula, result: the formula with numbers, and its value.
        given: numbers that the formula refers to.
        parts, total: the parts of the result if it is a sum of several, and their sum, packed.
        asked, answer: what a quiz asks for, and the number.
        additions: terms of gradients.
    """

    boxes: list[str]
    text: str
    formula: str = ""
    result: str = ""
    given: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    total: dict[str, Any] | None = None
    asked: str = ""
    answer: float | None = None
    additions: list[Addition] = field(default_factory=list)


@dataclass
class Act:
    """A sequence of events, such as the forward or the backward pass."""

    name: str
    events: list[Event]


@dataclass
class Story:
    """The data of a page besides the picture.

    Attributes:
        details: facts about each box, by name.
        columns: the frame of the column of each box that is in one.
        modules: the names of the modules of each box, outermost first.
        frames: the frame of the column, and the module, of each module's frame.
        lines: tail and head of every arrow, in the order of the drawing.
        values: small values and gradients of boxes, packed.
        parameters: the part of each parameter's gradient that is shown.
        acts: the acts that can be played.
        fills: whether labels are results, which stay hidden until they are computed.
        shaded: whether boxes have the colours of their gradients.
    """

    details: dict[str, dict[str, str]]
    columns: dict[str, str] = field(default_factory=dict)
    modules: dict[str, list[str]] = field(default_factory=dict)
    frames: dict[str, dict[str, Any]] = field(default_factory=dict)
    lines: list[tuple[str, str]] = field(default_factory=list)
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    acts: list[Act] = field(default_factory=list)
    fills: bool = False
    shaded: bool = False

    def plain(self) -> dict[str, Any]:
        """Dictionaries and lists for JSON, without what is empty in events."""
        told = asdict(self)
        for act in told["acts"]:
            act["events"] = [
                {key: value for key, value in event.items() if value not in EMPTY} for event in act["events"]
            ]
        return told


def details(content: Sheet, labels: SheetLabels) -> dict[str, dict[str, str]]:
    """Facts about each box."""
    found: dict[str, dict[str, str]] = {}
    for box in content.boxes:
        norm, value = labels.values.gradient(box), labels.values.value(box)
        told = "" if norm is None else number(norm, 6) + labels.together(box)
        numbers = {"value": value_text(value, shown=6), "norm of the gradient": told}
        facts = {"": labels.lines(box)[0].text} | labels.facts(box) | numbers
        found[box.name] = {name: clean(fact, limit=200) for name, fact in facts.items() if fact}
    return found


def packed_values(content: Sheet, labels: SheetLabels) -> dict[str, dict[str, Any]]:
    """The small values and gradients of boxes, up to the limit of a page."""
    found: dict[str, dict[str, Any]] = {}
    left = MOST_VALUES
    for box in content.boxes:
        if box.kind == "parameter":
            continue  # these have their own panel
        gradients = labels.values.gradients(box)
        parts = {"value": labels.values.value(box), "gradient": gradients[0] if len(gradients) == 1 else None}
        shown = {name: part for name, array in parts.items() if (part := strip(array))}
        left -= sum(part["rows"] * part["columns"] for part in shown.values())
        if left < 0:
            break
        if shown:
            found[box.name] = shown
    return found


class Ledger:
    """The gradients of the parameters, accumulated term by term.

    Args:
        vertices: the computation.
        leaves: the ids of the parameters.
        terms: the approximate number of terms of each.
    """

    def __init__(self, vertices: Sequence[Vertex], leaves: Iterable[int], terms: int) -> None:
        self.leaves = {leaf: vertices[leaf] for leaf in sorted(leaves)}
        chosen = blocks((leaf.shape for leaf in self.leaves.values()), terms)
        self.blocks = dict(zip(self.leaves, chosen, strict=True))
        self.names = told_apart({number: leaf_name(leaf) for number, leaf in self.leaves.items()})
        self.sums: dict[int, Array] = {}

    def add(self, when: str, terms: Mapping[int, Array]) -> list[Addition]:
        """Record the terms of one moment, by the ids of the parameters."""
        found = []
        for leaf, term in sorted(terms.items()):
            add(self.sums, leaf, term)
            norms = _norm(term), _norm(self.sums[leaf])
            found.append(Addition(self.names[leaf], when, *norms, self.blocks[leaf].pack(term)))
        return found

    def parameters(self) -> dict[str, dict[str, Any]]:
        """The part of each parameter's gradient that is shown, by the parameter's name."""
        return {
            self.names[number]: {"shape": shape_text(leaf.shape) or "()", **self.blocks[number]._asdict()}
            for number, leaf in self.leaves.items()
        }


def _norm(array: Array) -> float | None:
    """The norm; None if it is not finite, for JSON."""
    with np.errstate(over="ignore", invalid="ignore"):
        norm = float(size_of(array))
    return norm if np.isfinite(norm) else None
