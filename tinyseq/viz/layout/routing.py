"""The routes of arrows that leave their column, as sequences of wires without coordinates.

Wires run along *channels*, the spaces below rows, and *gutters*, the spaces to the left of strips, each on its own
track; and up *passages* between the boxes above or below the columns. Arrows from the same box share their tracks, so
that all uses of a parameter are on one line.
"""

from typing import Literal, NamedTuple

from tinyseq.structure.paths import grouped
from tinyseq.viz.content.boxes import Arrow, Box
from tinyseq.viz.content.sheet import Sheet
from tinyseq.viz.layout.grid import Grid


class Wire(NamedTuple):
    """A segment of a route along a channel, gutter or passage: on the track of the box at one of its ends."""

    along: Literal["channel", "gutter", "passage"]
    place: int
    track: Box


class Way(NamedTuple):
    """The route of an arrow.

    Attributes:
        leave: the side of its tail where it starts: -1 for the left, 1 for the right, 0 for the top.
        wires: its segments, in order.
        arrive: the side of its head where it ends: -1 for the left, 1 for the right, 0 for the bottom.
    """

    leave: int
    wires: tuple[Wire, ...]
    arrive: int


class Ways:
    """The routes of a sheet's arrows.

    Args:
        sheet: the drawing's content.
        grid: the rows and the order of its boxes.

    Attributes:
        of: the route of each arrow that leaves its column or zone, or that runs beside its column.
        outside: the wires of a column's first and last channel that run outside its frame.
        backward: the wires that lead to an earlier step.
    """

    def __init__(self, sheet: Sheet, grid: Grid) -> None:
        self.grid = grid
        self.outside: set[Wire] = set()
        self.backward: set[Wire] = set()
        self.of = {arrow: way for arrow in sheet.arrows if (way := self._way(arrow))}

    def tracks(self, along: Literal["channel", "gutter"]) -> dict[int, list[Wire]]:
        """The wires in each channel or gutter."""
        wires = dict.fromkeys(wire for way in self.of.values() for wire in way.wires)
        return grouped((wire.place, wire) for wire in wires if wire.along == along)

    def _way(self, arrow: Arrow) -> Way | None:
        """The route of an arrow; None if it climbs within its column or zone."""
        tail, head = arrow.tail, arrow.head
        if arrow.kind == "time":
            return self._way_through_time(arrow)
        below_head = Wire("channel", self.grid.row[head], tail)
        if head.zone == "after":
            self.outside.add(below_head)
        if arrow.kind == "weight":
            return Way(1, (Wire("gutter", 1, tail), below_head), 0)
        if tail.column and self.grid.is_long(arrow):  # around the column
            beside = Wire("gutter", self.grid.strips[tail.column] + 1, tail)
            return Way(0, (Wire("channel", self.grid.row[tail] + 1, tail), beside, below_head), 0)
        if tail.zone == head.zone:
            return None
        # From zone to zone: above the tail, and past what is between if the head is not adjacent.
        shared = tail if head.column else head
        above = Wire("channel", self.grid.after if tail.column else self.grid.row[tail] + 1, shared)
        target = Wire("channel", self.grid.first if head.column else self.grid.row[head], shared)
        self.outside.update((above, target))
        if above == target:
            return Way(0, (above,), 0)
        around = Wire("gutter", len(self.grid.strips) + 1, shared)  # past all columns
        between = Wire("passage", target.place, shared) if tail.column or head.column else around
        return Way(0, (above, between, target), 0)

    def _way_through_time(self, arrow: Arrow) -> Way:
        """From side to side if these are free, else above the tail's row or below the head's row."""
        tail, head = arrow.tail, arrow.head
        assert tail.column
        assert head.column
        start, end = self.grid.strips[tail.column], self.grid.strips[head.column]
        ahead = self.grid.is_ahead(arrow)
        near_tail = Wire("gutter", start + ahead, tail)
        enters = ahead if self.grid.is_loop(arrow) else not ahead  # at the right, or at the left
        near_head = Wire("gutter", end + enters, tail)
        leaves_aside = not self.grid.neighbours(tail)[ahead]
        arrives_aside = not self.grid.neighbours(head)[enters] and (head is not tail or not arrow.delay)
        wires = [near_tail] if leaves_aside else [Wire("channel", self.grid.row[tail] + 1, tail), near_tail]
        below_head = Wire("channel", self.grid.row[head], tail)
        if not arrives_aside:
            wires.append(below_head)
        elif near_tail != near_head:
            wires += [below_head, near_head]
        if not ahead:
            self.backward.update(wires)
        left, right = -1, 1
        side = (right if ahead else left) * leaves_aside
        return Way(side, tuple(wires), (right if enters else left) * arrives_aside)
