"""What the page of a drawing can tell besides the picture: details of boxes, their values, and acts to play."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tinyseq.backend import Array
from tinyseq.inspect.paths import add, size_of
from tinyseq.viz.computation.boxes import Sheet
from tinyseq.viz.computation.labels import Wording, leaf_name, value_text
from tinyseq.viz.computation.record import Vertex
from tinyseq.viz.page.packing import MOST_VALUES, blocks, strip
from tinyseq.viz.rendering.style import clean, number, shape_text, spoken


@dataclass
class Addition:
    """A term of a parameter's gradient: who adds how much, how large the sum has become, and the numbers, packed.

    A norm that is not finite is None.
    """

    parameter: str
    step: str
    norm: float | None
    total: float | None
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
        facts = {"": spoken(" ".join(line.text for line in wording.lines(box)[:1]))}
        last = vertices[box.vertices[-1]] if box.vertices else None
        if box.kind == "parameter":
            facts["parameters"] = ", ".join(f"{leaf_name(vertices[v])} {vertices[v].shape}" for v in box.vertices)
            facts["uses"] = str(box.uses)
        elif last is not None:
            facts["ops"] = ", ".join(vertices[vertex].op or "leaf" for vertex in box.vertices[:12])
            facts["shape"] = shape_text(wording.values.shape(box)) or "()"
        if last is not None:
            facts["dtype"] = str(last.dtype)
            facts["module"] = ".".join(last.scope)
        if (step := content.step_of(box)) is not None:
            facts["step"] = str(step)
        facts["value"] = value_text(wording.values.value(box), shown=6)
        norm = wording.values.gradient(box)
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
        gradients = wording.values.gradients(box)
        parts = {"value": wording.values.value(box), "gradient": gradients[0] if len(gradients) == 1 else None}
        shown = {name: part for name, array in parts.items() if (part := strip(array))}
        left -= sum(part["rows"] * part["columns"] for part in shown.values())
        if left < 0:
            break
        if shown:
            found[box.name] = shown
    return found


class Ledger:
    """The gradients of parameters, as their terms arrive.

    Args:
        vertices: the computation.
        leaves: the numbers of the parameters.
        terms: about how many terms each will get.
    """

    def __init__(self, vertices: Sequence[Vertex], leaves: Iterable[int], terms: int) -> None:
        self.leaves = {leaf: vertices[leaf] for leaf in sorted(leaves)}
        chosen = blocks((leaf.shape for leaf in self.leaves.values()), terms)
        self.blocks = dict(zip(self.leaves, chosen, strict=True))
        self.names = _told_apart(self.leaves)
        self.sums: dict[int, Array] = {}

    def add(self, when: str, terms: Mapping[int, Array]) -> list[Addition]:
        """Write down what a moment adds, by the numbers of the parameters."""
        found = []
        for leaf, term in sorted(terms.items()):
            add(self.sums, leaf, term)
            norms = _norm(term), _norm(self.sums[leaf])
            found.append(Addition(self.names[leaf], when, *norms, self.blocks[leaf].pack(term)))
        return found

    def parameters(self) -> dict[str, dict[str, Any]]:
        """What is shown of each parameter's gradient, by the parameter's name."""
        return {
            self.names[number]: {"shape": shape_text(leaf.shape) or "()", **self.blocks[number]._asdict()}
            for number, leaf in self.leaves.items()
        }


def _told_apart(leaves: Mapping[int, Vertex]) -> dict[int, str]:
    """A name for each leaf that no other one has."""
    names = {number: leaf_name(leaf) for number, leaf in leaves.items()}
    often = {name for name, count in Counter(names.values()).items() if count > 1}
    return {number: f"{name}, leaf {number}" if name in often else name for number, name in names.items()}


def _norm(array: Array) -> float | None:
    """None if it is not finite: JSON has no word for that."""
    with np.errstate(over="ignore", invalid="ignore"):
        norm = float(size_of(array))
    return norm if np.isfinite(norm) else None
