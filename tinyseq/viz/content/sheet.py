"""The sheet: the content of a drawing, which holds its columns, boxes and arrows."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from tinyseq.autograd.record.axes import PUTTING_TOGETHER
from tinyseq.structure.grouping import Grouping
from tinyseq.structure.loops import Timeline
from tinyseq.structure.paths import grouped
from tinyseq.structure.record import Record
from tinyseq.viz.content.boxes import Argument, Arrow, Box, Kind, Slot
from tinyseq.viz.content.columns import Column, Zone
from tinyseq.viz.content.values import Values

View = Literal["unrolled", "folded", "flat"]


@dataclass
class Sheet:
    """A drawing's content.

    Attributes:
        values: the computation, which of its ops are drawn together, and what is known of its values.
        columns: the columns, in order.
        view: one column per time step, one step that represents all, or every op in a single column.
        boxes, arrows: in the order of creation.
        states: the symbols, such as h or c, of each slot whose value is passed to the next time step.
        carried: in a drawing with closed modules, the symbol of the state that an op inside one computes.
        shifted: for the slots of inputs of other steps, as x[t - 1], those of x[t].
        repeats: in a folded drawing, for each phase, how many loops are like the one that is drawn, with it.
        title: that of a figure of a single step, which shows no shapes.
        extra: the boxes for what no op that is shown computes: inputs, initial states, and steps left out.
    """

    values: Values
    columns: list[Column]
    view: View
    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    states: dict[Slot, tuple[str, ...]] = field(default_factory=dict)
    carried: dict[int, tuple[str, ...]] = field(default_factory=dict)
    shifted: dict[Slot, Slot] = field(default_factory=dict)
    repeats: dict[int, int] = field(default_factory=dict)
    title: str = ""
    extra: dict[tuple[Column | Zone, Slot], Box] = field(default_factory=dict)

    @property
    def grouping(self) -> Grouping:
        return self.values.grouping

    @property
    def record(self) -> Record:
        return self.values.record

    @property
    def timeline(self) -> Timeline:
        return self.values.timeline

    @property
    def folded(self) -> bool:
        return self.view == "folded"

    def ops_alike(self, box: Box) -> list[int]:
        """In a folded loop, the ops that have the role of a box, of all time steps."""
        return self.grouping.alike.get(box.slot, []) if self.folded else []

    def alike(self, box: Box, argument: Argument) -> list[Argument]:
        """What an argument of a box stands for: in a folded loop, those with the same role at all time steps."""
        return [*self.values.over_time(box, argument)] if self.folded else [argument]

    def steps_shown(self, phase: int) -> list[int]:
        """The time steps of a phase that have a column, in order."""
        return [column.step for column in self.columns if column.kind == "step" and column.phase == phase]

    @cached_property
    def _computing(self) -> dict[Slot, set[int | None]]:
        vertices = self.record.vertices
        return {slot: {vertices[vertex].step for vertex in made} for slot, made in self.grouping.alike.items()}

    def computes(self, slot: Slot, step: int) -> bool:
        """Whether a step computes what is in a slot, shown or not."""
        return step in self._computing.get(slot, ())

    def way(self, vertex: int) -> int:
        """1 for a vertex of a loop that runs forward, -1 for one of a loop that runs backward."""
        loop = self.timeline.loop_of.get(vertex)
        return -1 if loop is not None and self.timeline.loops[loop].backward else 1

    def added(self, column: Column) -> Column:
        """A column, which is added if it is new."""
        if column not in self.columns:
            self.columns.append(column)
        return column

    def supplied(self, kind: Kind, place: Column | Zone, slot: Slot, *arguments: Argument) -> tuple[Box, bool]:
        """The box of a slot for what no op that is shown computes, in a column or a zone, and whether it is new."""
        if (place, slot) in self.extra:
            self.extra[place, slot].arguments += arguments
            return self.extra[place, slot], False
        made = self.extra[place, slot] = Box(f"{kind}{len(self.extra)}", kind, place, slot, (), arguments)
        self.boxes.append(made)
        return made, True

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
