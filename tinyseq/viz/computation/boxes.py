"""Boxes, arrows, and the sheet that holds them: what a drawing shows, without coordinates and colours."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from tinyseq.viz.computation.columns import Column, Plan
from tinyseq.viz.computation.grouping import End, Grouping
from tinyseq.viz.computation.record import Record, Source

Kind = Literal["op", "state", "input", "initial", "elided", "result", "parameter"]
View = Literal["unrolled", "folded", "flat"]
Zone = Literal["columns", "before", "after", "parameters"]


class Argument(NamedTuple):
    """What one argument of a box's ops is made of.

    Attributes:
        vertex, position: which argument of which op.
        ends: where data come from.
        weights: the parameters it is made of, if it is made of nothing else. A constant has neither.
        piece: of a constant, which part it is: an axis, and from where to where along it; None for all of it.
    """

    vertex: int
    position: int
    ends: tuple[End, ...]
    weights: tuple[int, ...]
    piece: tuple[int, int, int] | None = None


@dataclass(eq=False)
class Box:
    """One box of the drawing.

    Attributes:
        name: unlike any other's, and the same in every run.
        kind: what it is to a reader.
        zone: in the columns, or before or after them.
        slot: what it is within its column: boxes of different columns with the same slot stand at the same height.
        vertices: the vertices it stands for, the last one giving its value.
        column: where it stands, in the zone ``"columns"``.
        arguments: what it is computed from.
        uses: how often a parameter is used.
        module: the module that it stands for, if it is a closed one.
    """

    name: str
    kind: Kind
    zone: Zone
    slot: Hashable
    vertices: tuple[int, ...] = ()
    column: Column | None = None
    arguments: tuple[Argument, ...] = ()
    uses: int = 0
    module: tuple[str, ...] = ()


class Arrow(NamedTuple):
    """A value on its way.

    Attributes:
        tail, head: from where to where.
        value: the vertex and the output that it carries; None for constants.
        part, rows: which part of that, if not all; see `End`.
        delay: in a folded loop, how many steps later it arrives; negative in a loop that runs backward.
    """

    tail: Box
    head: Box
    value: Source | None = None
    part: str = ""
    delay: int = 0
    rows: tuple[int, int] | None = None

    @property
    def kind(self) -> Literal["data", "time", "weight"]:
        """What it carries: a parameter, or a value from one time step to another, or one within a step."""
        if self.tail.kind == "parameter":
            return "weight"
        both = self.tail.column and self.head.column
        return "time" if both and (self.delay or self.tail.column != self.head.column) else "data"


@dataclass
class Sheet:
    """A drawing's content.

    Attributes:
        grouping: what it shows, and which ops are drawn together.
        columns: the columns, in order.
        boxes, arrows: in the order of creation.
        states: the symbols of each slot whose values go on to the next time step, such as h or c.
        view: a column for each time step, one step that stands for all, or every op in one column.
    """

    grouping: Grouping
    columns: list[Column]
    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    states: dict[Hashable, tuple[str, ...]] = field(default_factory=dict)
    view: View = "unrolled"

    @property
    def record(self) -> Record:
        return self.grouping.record

    @property
    def plan(self) -> Plan:
        return self.grouping.plan

    @property
    def folded(self) -> bool:
        return self.view == "folded"

    def into(self) -> dict[Box, list[Arrow]]:
        """The arrows that lead to each box."""
        found: dict[Box, list[Arrow]] = {box: [] for box in self.boxes}
        for arrow in self.arrows:
            found[arrow.head].append(arrow)
        return found

    def step_of(self, box: Box) -> int | None:
        """The time step that a box shows; None for what stands outside of the loops."""
        if box.column and box.column.kind == "step":
            return box.column.step
        return self.record.vertices[box.vertices[-1]].step if box.vertices else None
