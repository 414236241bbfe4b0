"""The rows of boxes, and their order and places within columns."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from tinyseq.structure.paths import grouped
from tinyseq.viz.content.boxes import Arrow, Box
from tinyseq.viz.content.columns import Column
from tinyseq.viz.content.sheet import Sheet
from tinyseq.viz.layout.curves import Size
from tinyseq.viz.layout.order import arranged
from tinyseq.viz.layout.rows import Lane, Slot, rows
from tinyseq.viz.rendering.settings import tight

Pattern = Hashable  # shared by the columns of one phase: the same slots at the same places

LANE_WIDTH = 8.0
MOST_LANES = 1000  # in a pattern; beyond that, the longest edges run beside the column
PULL = 44.0  # of boxes within their row, towards the side that their state comes from or goes to


class Door(NamedTuple):
    """Where an edge leaves a column at the top, or enters it at the bottom."""

    at: Literal["top", "bottom"]
    slot: Slot


class Grid:
    """The rows of a sheet's boxes, and the places within columns.

    Args:
        sheet: the drawing's content.
        sizes: width and height of each box.

    Attributes:
        strips: the index of each column, from the left; 0 is the strip of the parameters.
        row: the row of each box, from the bottom; parameters have none.
        level: pairs of slots placed side by side.
        first, after, end: the lowest row of the columns, the first above them, and the number of all rows.
        x: the place of each slot, lane and door within its column's pattern.
        extent: the left and right end of each pattern.
    """

    def __init__(self, sheet: Sheet, sizes: Mapping[Box, Size]) -> None:
        self.sheet = sheet
        self.sizes = sizes
        self.strips = {column: i + 1 for i, column in enumerate(sheet.columns)}
        self.level = _level(sheet)
        self._arrange()
        while parted := self._parted():
            self.level -= parted
            self._arrange()

    def _arrange(self) -> None:
        self.row, (self.first, self.after, self.end) = self._rows()
        self.x: dict[tuple[Pattern, Slot | Lane], float] = {}
        self.ways: dict[tuple[Pattern, Slot, Slot], list[Lane]] = {}  # the lanes of each edge, from the bottom
        self.long: set[tuple[Pattern, Slot, Slot]] = set()
        self.extent: dict[Pattern, Size] = {}
        self._arrange_columns()
        self.in_row = self._in_row()

    def place(self, column: Column, item: Slot | Lane) -> float:
        """The x of a slot, lane or door, from the middle of its column."""
        pattern = pattern_of(column)
        low, high = self.extent[pattern]
        return self.x[pattern, item] - (low + high) / 2

    def width(self, column: Column) -> float:
        """The width of a column's content."""
        low, high = self.extent.get(pattern_of(column), (0.0, 0.0))  # a step may be empty
        return high - low

    def lanes(self, column: Column | None, tail: Slot, head: Slot) -> list[Lane]:
        """The lanes of an edge in the rows between its ends."""
        return self.ways.get((pattern_of(column), tail, head), []) if column else []

    def is_long(self, arrow: Arrow) -> bool:
        """Whether an arrow runs beside its column because it has no lane."""
        tail, head = arrow.tail, arrow.head
        inside = arrow.kind == "data" and tail.column and tail.column == head.column
        return bool(inside and tail.column and (pattern_of(tail.column), tail.slot, head.slot) in self.long)

    def _out_of_the_way(self, row: Mapping[Slot, int]) -> Iterator[tuple[Slot, Slot]]:
        """Edges that raise what is in the row of a state on a line, beside that line's own slots."""
        lower = {tail for tail, _ in self.level}
        for state in sorted({state for _, state in self.level}, key=list(row).index):
            beside = [slot for slot in row if row[slot] == row[state] and slot is not state and slot not in lower]
            if beside:
                yield from ((state, slot) for slot in beside)
                return

    def is_loop(self, arrow: Arrow) -> bool:
        """Whether an arrow of a folded loop ends at the side where it starts: not if it updates a state on its line."""
        slots = arrow.head.slot, arrow.tail.slot
        return bool(arrow.delay) and (slots not in self.level or arrow.head is arrow.tail)

    def is_ahead(self, arrow: Arrow) -> bool:
        """Whether an arrow through time leads to the right."""
        tail, head = arrow.tail.column, arrow.head.column
        assert tail
        assert head
        return self.strips[tail] < self.strips[head] or (tail == head and (arrow.delay > 0 or arrow.tail is arrow.head))

    def _rows(self) -> tuple[dict[Box, int], tuple[int, int, int]]:
        """The row of each box, zone by zone from the bottom, and the end of each zone."""
        row: dict[Box, int] = {}
        ends, start = [], 0
        late = {arrow.head.slot for arrow in self.sheet.arrows if arrow.tail.kind == "input"}  # W x, beside U h
        from_columns = {arrow.head for arrow in self.sheet.arrows if arrow.tail.column and not arrow.head.column}
        for zone in ("before", "columns", "after"):
            boxes = [box for box in self.sheet.boxes if box.zone == zone]
            order = {"input": 0, "initial": 2, "elided": 2}
            beside = {box for box in boxes if box.column and box.column.kind == "start"}  # in the rows of the steps
            boxes.sort(key=lambda box: 2 if box in beside else order.get(box.kind, 1))  # as they are computed
            edges = [
                (arrow.tail.slot, arrow.head.slot)
                for arrow in self.sheet.arrows
                if arrow.kind == "data" and arrow.tail.zone == arrow.head.zone == zone
            ]
            slots = list(dict.fromkeys(box.slot for box in boxes))
            if zone == "after":  # what comes from the columns stands right above them, so that no arrow goes around
                below = "the columns"
                edges += [(below, box.slot) for box in boxes if box in from_columns or box.kind not in order]
                found = rows([below, *slots], edges, late)
                found = {slot: found[slot] - min(map(found.__getitem__, slots)) for slot in slots}
            else:
                found = rows(slots, edges, late)
            for _ in range(len(self.level) if zone == "columns" else 0):
                edges += self._out_of_the_way(found)
                found = rows(slots, edges, late)
            if zone == "columns":
                found |= {tail: found[head] for tail, head in self.level}
            row |= {box: start + found[box.slot] for box in boxes}
            start += max(found.values(), default=-1) + 1
            ends.append(start)
        return row, (ends[0], ends[1], ends[2])

    def _arrange_columns(self) -> None:
        """The x of slots, lanes and doors within each pattern, and its extent."""
        inside: dict[Pattern, dict[Slot, Box]] = {}
        for box in self.sheet.boxes:
            if box.column:
                inside.setdefault(pattern_of(box.column), {})[box.slot] = box
        edges: dict[Pattern, list[tuple[Slot, Slot]]] = {pattern: [] for pattern in inside}
        pull: dict[Pattern, dict[Slot, float]] = {pattern: {} for pattern in inside}
        for arrow in self.sheet.arrows:
            tail, head = arrow.tail, arrow.head
            if arrow.kind == "time" and tail.column and head.column:
                side = 1.0 if self.is_ahead(arrow) else -1.0
                # Whatever the order, h crosses z once in a folded GRU with h' = n + z (h - n): n, z and the sums that
                # both come from form a ring, which the product with z closes above h - n. The new state is outside of
                # it, or enclosed by n and the product, and comes back around the column.
                pull[pattern_of(tail.column)][tail.slot] = side * PULL
                pull[pattern_of(head.column)][head.slot] = side * PULL if self.is_loop(arrow) else -side * PULL
            elif arrow.kind == "data" and tail.column:
                end = head.slot if head.column else Door("top", tail.slot)
                edges[pattern_of(tail.column)].append((tail.slot, end))
            elif arrow.kind == "data" and head.column:
                edges[pattern_of(head.column)].append((Door("bottom", head.slot), head.slot))
        for pattern, boxes in inside.items():
            doors = [slot for edge in edges[pattern] for slot in edge if isinstance(slot, Door)]
            row = {slot: self.row[box] for slot, box in boxes.items()}
            row |= {door: self.after if door.at == "top" else self.first - 1 for door in doors}
            width = {slot: self.sizes[box][0] for slot, box in boxes.items()} | dict.fromkeys(doors, LANE_WIDTH)
            long = _longest(edges[pattern], row)
            self.long |= {(pattern, *edge) for edge in long}
            short = [edge for edge in edges[pattern] if edge not in long]
            found = arranged(row, width, short, pull[pattern], gap=box_gap(), lane_width=LANE_WIDTH)
            self.x |= {(pattern, item): x for item, x in found.items()}
            for lane in sorted((item for item in found if isinstance(item, Lane)), key=lambda lane: lane.row):
                self.ways.setdefault((pattern, lane.tail, lane.head), []).append(lane)
            half = {item: width.get(item, LANE_WIDTH) / 2 for item in found}
            low, high = (side(x + way * half[item] for item, x in found.items()) for side, way in ((min, -1), (max, 1)))
            self.extent[pattern] = low, high

    def _in_row(self) -> dict[tuple[Column, int], list[Box]]:
        """The boxes of each row of each column, from the left."""
        found = grouped(((box.column, self.row[box]), box) for box in self.sheet.boxes if box.column)
        for (column, _), boxes in found.items():
            boxes.sort(key=lambda box: self.x[pattern_of(column), box.slot])
        return found

    def neighbours(self, box: Box) -> tuple[bool, bool]:
        """Whether a box has neighbours to its left and right in its column."""
        assert box.column
        boxes = self.in_row[box.column, self.row[box]]
        return boxes[0] is not box, boxes[-1] is not box

    def _parted(self) -> set[tuple[Slot, Slot]]:
        """The pairs that should be side by side, but have other boxes in between, or whose first one also leads to a
        box that would no longer be above it."""
        places = [{box.slot: i for i, box in enumerate(boxes)} for boxes in self.in_row.values()]
        edges = [(tail, head) for tail, head, *_ in self.sheet.arrows if tail.column and tail.column == head.column]
        flat = {(tail.slot, head.slot) for tail, head in edges if self.row[tail] >= self.row[head]}
        down = {tail for tail, head in flat - self.level}
        parted = {(a, b) for a, b in self.level for at in places if {a, b} <= at.keys() and abs(at[a] - at[b]) > 1}
        return parted | {(a, b) for a, b in self.level if a in down}


def _longest(edges: Iterable[tuple[Slot, Slot]], row: Mapping[Slot, int]) -> set[tuple[Slot, Slot]]:
    """The longest edges between boxes, to be left out so that there are enough lanes for the others."""
    span = {(tail, head): row[head] - row[tail] - 1 for tail, head in edges}
    lanes, found = sum(span.values()), set()
    for edge in sorted(span, key=lambda edge: -span[edge]):
        if lanes <= MOST_LANES:
            break
        if not any(isinstance(end, Door) for end in edge):
            lanes -= span[edge]
            found.add(edge)
    return found


def _level(sheet: Sheet) -> set[tuple[Slot, Slot]]:
    """Slots to be placed beside the state that they lead to, because they only update that of the step before.

    This makes the path of an LSTM's cell through time a straight line.
    """
    heads: dict[Box, set[tuple[Slot, Column | None]]] = {}
    for arrow in sheet.arrows:
        heads.setdefault(arrow.tail, set()).add((arrow.head.slot, arrow.head.column))
    level: dict[tuple[Slot, Slot], bool] = {}
    for tail, head in ((arrow.tail, arrow.head) for arrow in sheet.arrows if arrow.kind == "time"):
        if tail.kind in {"state", "initial"}:
            straight = heads.get(head) == {(tail.slot, head.column)}
            level[head.slot, tail.slot] = straight and level.get((head.slot, tail.slot), True)
    return {slots for slots, straight in level.items() if straight}


def box_gap() -> float:
    """The space between boxes."""
    return tight(12.0, 8.0)


def pattern_of(column: Column) -> Pattern:
    """The pattern of a column, shared by all time steps of a phase."""
    return column.phase if column.kind == "step" else column
