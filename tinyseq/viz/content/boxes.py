"""Boxes, arrows, and the sheet that holds them: what a drawing shows, without coordinates and colours."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from tinyseq.autograd.record.axes import PUTTING_TOGETHER
from tinyseq.structure.grouping import End, Grouping
from tinyseq.structure.loops import Timeline
from tinyseq.structure.paths import grouped
from tinyseq.structure.record import Record, Source
from tinyseq.viz.content.columns import Column, Zone

Kind = Literal["op", "state", "input", "initial", "elided", "result", "parameter"]
View = Literal["unrolled", "folded", "flat"]
Role = tuple[Hashable, int]  # of an argument: the slot of its box, and its number


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
        zone: in the columns, or before or after them.
        slot: its role within its column: boxes with the same slot are drawn at the same height in every column.
        vertices: the vertices that it represents; the last one computes its value.
        column: its column, in the zone ``"columns"``.
        arguments: what it is computed from.
        uses: how often a parameter is used.
        module: the closed module that it represents, if any.
        of_step: the time step of a detached state, which is an input of a later step, or of an input that belongs to
            another step, as x[t - 1]; None for other boxes.
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
    of_step: int | None = None

    def roles(self) -> Iterator[tuple[Role, Argument]]:
        """The arguments, each with its role, which is the same at all time steps."""
        return (((self.slot, number), argument) for number, argument in enumerate(self.arguments))

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


@dataclass
class Sheet:
    """A drawing's content.

    Attributes:
        grouping: the computation, and which of its ops are drawn together.
        columns: the columns, in order.
        boxes, arrows: in the order of creation.
        states: the symbols, such as h or c, of each slot whose value is passed to the next time step.
        carried: in a drawing with closed modules, the symbol of the state that an op inside one computes.
        shifted: for the slots of inputs of other steps, as x[t - 1], those of x[t].
        repeats: in a folded drawing, for each phase, how many loops are like the one that is drawn, with it.
        view: one column per time step, one step that represents all, or every op in a single column.
        title: that of a figure of a single step, which shows no shapes.
    """

    grouping: Grouping
    columns: list[Column]
    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    states: dict[Hashable, tuple[str, ...]] = field(default_factory=dict)
    carried: dict[int, tuple[str, ...]] = field(default_factory=dict)
    shifted: dict[Hashable, Hashable] = field(default_factory=dict)
    repeats: dict[int, int] = field(default_factory=dict)
    view: View = "unrolled"
    title: str = ""

    @property
    def record(self) -> Record:
        return self.grouping.record

    @property
    def timeline(self) -> Timeline:
        return self.grouping.timeline

    @property
    def folded(self) -> bool:
        return self.view == "folded"

    def ops_alike(self, box: Box) -> list[int]:
        """In a folded loop, the ops that have the role of a box, of all time steps."""
        return self.grouping.alike.get(box.slot, []) if self.folded else []

    def alike(self, box: Box, argument: Argument) -> list[Argument]:
        """What an argument of a box stands for: in a folded loop, those with the same role at all time steps."""
        return [*self.over_time(box, argument)] if self.folded else [argument]

    def over_time(self, box: Box, argument: Argument) -> Iterator[Argument]:
        """An argument of a box, and those with the same role at all time steps."""
        yield argument
        _, position, ends, weights = argument
        for role in self.grouping.alike.get(box.slot, ()):
            members = self.grouping.members(self.record.vertices[role])
            if len(members) == len(box.vertices):
                member = members[box.vertices.index(argument.vertex)]
                if member.id != argument.vertex and position < len(member.parents):
                    yield Argument(member.id, position, ends, weights)

    def steps_shown(self, phase: int) -> list[int]:
        """The time steps of a phase that have a column, in order."""
        return [column.step for column in self.columns if column.kind == "step" and column.phase == phase]

    def into(self) -> dict[Box, list[Arrow]]:
        """The arrows that lead to each box."""
        arrows = grouped((arrow.head, arrow) for arrow in self.arrows)
        return {box: arrows.get(box, []) for box in self.boxes}

    def step_of(self, box: Box) -> int | None:
        """The time step of a box; None outside the loops."""
        if box.step is not None:
            return box.step
        return self.record.vertices[box.vertices[-1]].step if box.vertices else None

    def joins(self, box: Box) -> bool:
        """Whether a box joins values, as in [h; x]."""
        return bool(box.vertices) and self.record.vertices[box.vertices[-1]].kind in PUTTING_TOGETHER
