"""Boxes, and the arrows between them: what a drawing shows, without coordinates and colours."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tinyseq.structure.grouping import End
from tinyseq.structure.record import Source
from tinyseq.viz.content.columns import Column, Zone

Kind = Literal["op", "state", "input", "initial", "elided", "result", "parameter"]
Slot = Hashable  # boxes with the same role in different columns share one


class Argument(NamedTuple):
    """One argument of a box's ops, and where it comes from.

    Attributes:
        vertex, position: the op, and the position of the argument in its call.
        ends: the values that it is made of.
        weights: the parameters that it is made of, if it is made of nothing else. A constant has neither.
    """

    vertex: int
    position: int
    ends: tuple[End, ...]
    weights: tuple[int, ...]


@dataclass(eq=False)
class Box:
    """One box of the drawing.

    Attributes:
        name: unique within the drawing, and the same in every run.
        kind: the role that it plays.
        place: its column, or the zone outside of the columns in which it is.
        slot: its role within its column: boxes with the same slot are drawn at the same height in every column.
        vertices: the vertices that it represents; the last one computes its value.
        arguments: what it is computed from.
        uses: how often a parameter is used.
        module: the closed module that it represents, if any.
        of_step: the time step of a detached state, which is an input of a later step, or of an input that belongs to
            another step, as x[t - 1]; None for other boxes.
    """

    name: str
    kind: Kind
    place: Column | Zone
    slot: Slot
    vertices: tuple[int, ...] = ()
    arguments: tuple[Argument, ...] = ()
    uses: int = 0
    module: tuple[str, ...] = ()
    of_step: int | None = None

    @property
    def column(self) -> Column | None:
        """Its column; None outside of them."""
        return self.place if isinstance(self.place, Column) else None

    @property
    def zone(self) -> Zone:
        """Whether it is in the columns, or before or after them, or a parameter."""
        return "columns" if isinstance(self.place, Column) else self.place

    @property
    def step(self) -> int | None:
        """The time step of its column; None outside the columns, and beside those of steps."""
        return self.column.step if self.column and self.column.kind == "step" else None


class Arrow(NamedTuple):
    """An arrow between two boxes.

    Attributes:
        tail, head: the boxes at its start and end.
        value: the vertex and the output that it carries; None for constants.
        part, rows: which part of the value, if not all; see `End`.
        delay: in a folded loop, how many steps later the value is used; negative in a loop that runs backward.
        begins: in a folded loop, whether the value is used by the first step instead of that of the step before.
    """

    tail: Box
    head: Box
    value: Source | None = None
    part: str = ""
    delay: int = 0
    rows: tuple[int, int] | None = None
    begins: bool = False

    @property
    def kind(self) -> Literal["data", "time", "weight"]:
        """Whether it carries a parameter, a value from one time step to another, or a value within a step."""
        if self.tail.kind == "parameter":
            return "weight"
        both = self.tail.column and self.head.column
        return "time" if both and (self.delay or self.tail.column != self.head.column) else "data"
