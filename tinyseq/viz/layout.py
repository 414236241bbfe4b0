"""Places for the boxes and ways for the arrows of an unrolled drawing.

Columns stand side by side on common rows. Arrows within a column climb from row to row. All others run like wires,
along *channels* (the space below a row) and *gutters* (the space to the left of a strip), each on a track of its own;
the arrows that leave the same box share theirs, so that all uses of a parameter hang on one line.
"""

import itertools
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from tinyseq.viz.canvas import Point, rounded, upward
from tinyseq.viz.columns import Column
from tinyseq.viz.rows import Lane, Slot, arranged, rows, spread
from tinyseq.viz.sheet import Arrow, Box, Sheet

Size = tuple[float, float]
Pattern = Hashable  # what columns of one phase have in common: the same slots at the same places

FRAME_PAD, TITLE_HEIGHT, TITLE_WIDTH = 12.0, 18.0, 44.0
BOX_GAP, LANE_WIDTH = 12.0, 8.0
CHANNEL, GUTTER, TRACK = 30.0, 20.0, 6.0


@dataclass
class Layout:
    """Where everything is, in points, y upwards.

    Attributes:
        places, sizes: the centre of each box, and its width and height.
        frames: the lower left and upper right corner of each column.
        curves: the way of each arrow.
    """

    places: dict[Box, Point] = field(default_factory=dict)
    sizes: dict[Box, Size] = field(default_factory=dict)
    frames: dict[Column, tuple[Point, Point]] = field(default_factory=dict)
    curves: dict[Arrow, list[Point]] = field(default_factory=dict)


class Door(NamedTuple):
    """Where an edge of a slot leaves the column at the top, or enters it at the bottom."""

    at: Literal["top", "bottom"]
    slot: Slot


class Wire(NamedTuple):
    """A piece of a way: along a channel or a gutter, on the track of the box that it comes from or leads to."""

    along: Literal["channel", "gutter"]
    place: int
    track: Box


class Way(NamedTuple):
    """How an arrow leaves its box, the wires it follows, and how it arrives."""

    leave: Literal["left", "right", "top"]
    wires: tuple[Wire, ...]
    arrive: Literal["left", "right", "bottom"]


def layout(sheet: Sheet, size: Callable[[Box], Size]) -> Layout:
    """Place a sheet's content.

    Args:
        sheet: what to place.
        size: width and height of each box.
    """
    return _Maker(sheet, size).made


class _Maker:
    """Finds rows, then places within columns, then ways, then the room that the ways need."""

    def __init__(self, sheet: Sheet, size: Callable[[Box], Size]) -> None:
        self.sheet = sheet
        self.made = Layout(sizes=_common_sizes(sheet, size))
        self.strips = {column: i + 1 for i, column in enumerate(sheet.columns)}  # strip 0 is the parameters'
        self.zone_starts: dict[str, int] = {}
        self.row = self._rows()
        self.x: dict[tuple[Pattern, Slot | Lane], float] = {}
        self.extent: dict[Pattern, Size] = {}
        self._arrange_columns()
        self.neighbours = self._neighbours()
        self.outside: set[Wire] = set()  # those that run outside of the columns' frames
        self.ways = {arrow: way for arrow in sheet.arrows if (way := self._way(arrow))}
        self.wires: dict[Wire, float] = {}  # the x of a gutter's track, the y of a channel's
        self.bottom, self.top = self._vertical()
        self.heights = self._parameter_heights()
        self.left = self._horizontal()
        self._place()
        self.into: dict[Box, list[Arrow]] = {box: [] for box in sheet.boxes}
        for arrow in sheet.arrows:
            self.into[arrow.head].append(arrow)
        self.made.curves = {arrow: self._curve(arrow) for arrow in sheet.arrows}

    # -- rows and columns ----------------------------------------------------------------------------------------------

    def _rows(self) -> dict[Box, int]:
        """The row of each box: those before the columns, then those in them, then those after."""
        row: dict[Box, int] = {}
        start = 0
        for zone in ("before", "columns", "after"):
            self.zone_starts[zone] = start
            boxes = [box for box in self.sheet.boxes if box.zone == zone]
            boxes.sort(key=lambda box: 0 if box.kind == "input" else 1 if box.vertices else 2)  # as they are computed
            edges = [
                (arrow.tail.slot, arrow.head.slot)
                for arrow in self.sheet.arrows
                if arrow.kind == "data" and arrow.tail.zone == arrow.head.zone == zone
            ]
            found = rows(list(dict.fromkeys(box.slot for box in boxes)), edges)
            row |= {box: start + found[box.slot] for box in boxes}
            start += max(found.values(), default=-1) + 1
        self.zone_starts["end"] = start
        return row

    def _arrange_columns(self) -> None:
        """The x of slots, lanes and doors within each pattern, and from where to where it extends."""
        inside: dict[Pattern, dict[Slot, Box]] = {}
        for box in self.sheet.boxes:
            if box.column:
                inside.setdefault(_pattern(box.column), {})[box.slot] = box
        edges: dict[Pattern, list[tuple[Slot, Slot]]] = {pattern: [] for pattern in inside}
        pull: dict[Pattern, dict[Slot, float]] = {pattern: {} for pattern in inside}
        for arrow in self.sheet.arrows:
            tail, head = arrow.tail, arrow.head
            if arrow.kind == "time" and tail.column and head.column:
                side = 1.0 if self.strips[head.column] > self.strips[tail.column] else -1.0
                pull[_pattern(tail.column)][tail.slot] = side * TITLE_WIDTH
                pull[_pattern(head.column)][head.slot] = -side * TITLE_WIDTH
            elif arrow.kind == "data" and tail.column:
                end = head.slot if head.column else Door("top", tail.slot)
                edges[_pattern(tail.column)].append((tail.slot, end))
            elif arrow.kind == "data" and head.column:
                edges[_pattern(head.column)].append((Door("bottom", head.slot), head.slot))
        for pattern, boxes in inside.items():
            doors = [slot for edge in edges[pattern] for slot in edge if isinstance(slot, Door)]
            row = {slot: self.row[box] for slot, box in boxes.items()}
            row |= {
                door: self.zone_starts["after" if door.at == "top" else "columns"] - (door.at == "bottom")
                for door in doors
            }
            width = {slot: self.made.sizes[box][0] for slot, box in boxes.items()} | dict.fromkeys(doors, LANE_WIDTH)
            found = arranged(row, width, edges[pattern], pull[pattern], gap=BOX_GAP, lane_width=LANE_WIDTH)
            self.x |= {(pattern, item): x for item, x in found.items()}
            sides = [
                (x - width.get(item, LANE_WIDTH) / 2, x + width.get(item, LANE_WIDTH) / 2) for item, x in found.items()
            ]
            self.extent[pattern] = min(low for low, _ in sides), max(high for _, high in sides)

    def _neighbours(self) -> dict[Box, tuple[bool, bool]]:
        """Whether a box has others to its left and to its right in its column's row."""
        rows_of_boxes: dict[tuple[Column, int], list[Box]] = {}
        for box in self.sheet.boxes:
            if box.column:
                rows_of_boxes.setdefault((box.column, self.row[box]), []).append(box)
        found: dict[Box, tuple[bool, bool]] = {}
        for (column, _), boxes in rows_of_boxes.items():
            boxes.sort(key=lambda box: self.x[_pattern(column), box.slot])
            found |= {box: (i > 0, i < len(boxes) - 1) for i, box in enumerate(boxes)}
        return found

    # -- ways ----------------------------------------------------------------------------------------------------------

    def _way(self, arrow: Arrow) -> Way | None:
        """The way of an arrow that leaves its column or zone; None for one that climbs within it."""
        tail, head = arrow.tail, arrow.head
        if arrow.kind == "time":
            return self._way_through_time(tail, head)
        below_head = Wire("channel", self.row[head], tail)
        if head.zone == "after":
            self.outside.add(below_head)
        if arrow.kind == "weight":
            return Way("right", (Wire("gutter", 1, tail), below_head), "bottom")
        if tail.zone == head.zone:
            return None
        # From zone to zone: over the tail, and around the outside unless the head is right there.
        shared = tail if head.column else head
        above = Wire("channel", self.zone_starts["after"] if tail.column else self.row[tail] + 1, shared)
        target = Wire("channel", self.zone_starts["columns"] if head.column else self.row[head], shared)
        self.outside.update((above, target))
        around = (above, Wire("gutter", len(self.strips) + 1, shared), target)
        return Way("top", (above,) if above == target else around, "bottom")

    def _way_through_time(self, tail: Box, head: Box) -> Way:
        """From side to side if the sides are free, else over the tail's row or from below the head's row."""
        assert tail.column
        assert head.column
        start, end = self.strips[tail.column], self.strips[head.column]
        ahead = start < end
        near_tail = Wire("gutter", start + ahead, tail)
        near_head = Wire("gutter", end + (not ahead), tail)
        leaves_aside = not self.neighbours[tail][ahead]
        arrives_aside = not self.neighbours[head][not ahead]
        wires = [near_tail] if leaves_aside else [Wire("channel", self.row[tail] + 1, tail), near_tail]
        below_head = Wire("channel", self.row[head], tail)
        if not arrives_aside:
            wires.append(below_head)
        elif near_tail != near_head:
            wires += [below_head, near_head]
        return Way(
            ("right" if ahead else "left") if leaves_aside else "top",
            tuple(wires),
            ("left" if ahead else "right") if arrives_aside else "bottom",
        )

    # -- the room that everything needs --------------------------------------------------------------------------------

    def _tracks(self, along: str) -> dict[int, list[Wire]]:
        """The wires in each channel or gutter."""
        tracks: dict[int, list[Wire]] = {}
        for wire in dict.fromkeys(wire for way in self.ways.values() for wire in way.wires):
            if wire.along == along:
                tracks.setdefault(wire.place, []).append(wire)
        return tracks

    def _horizontal(self) -> list[float]:
        """The left side of each strip; and each gutter's tracks."""
        tracks = self._tracks("gutter")
        tracks.get(1, []).sort(key=self._nesting)
        parameters = [self.made.sizes[box][0] for box in self.sheet.boxes if box.kind == "parameter"]
        widths = [max(parameters, default=0.0)] + [
            max(self._width(column), TITLE_WIDTH if column.kind == "step" else 0.0) + 2 * _pad(column)
            for column in self.sheet.columns
        ]
        left, x = [], 0.0
        for strip, width in enumerate([*widths, 0.0]):
            wires = tracks.get(strip, [])
            if strip:
                x += GUTTER / 2
                self.wires |= {wire: x + i * TRACK for i, wire in enumerate(wires)}
                x += TRACK * max(len(wires) - 1, 0) + GUTTER / 2
            left.append(x)
            x += width
        return left

    def _width(self, column: Column) -> float:
        low, high = self.extent[_pattern(column)]
        return high - low

    def _vertical(self) -> tuple[list[float], list[float]]:
        """The lower and upper side of each row; and each channel's tracks."""
        tracks = self._tracks("channel")
        heights = [0.0] * (self.zone_starts["end"] + 1)
        for box, row in self.row.items():
            heights[row] = max(heights[row], self.made.sizes[box][1])
        bottom, top, y = [], [], 0.0
        for row, height in enumerate(heights):
            wires = tracks.get(row, [])
            outside = [wire for wire in wires if wire in self.outside]
            inside = [wire for wire in wires if wire not in self.outside]
            if row == self.zone_starts["columns"]:
                self.frame_bottom = self._stack(outside, y) if outside else y
                y = self.frame_bottom + TITLE_HEIGHT
                y = self._stack(inside, y) if inside else y + FRAME_PAD
            elif row == self.zone_starts["after"]:
                self.frame_top = self._stack(inside, y) if inside else y + FRAME_PAD
                y = self._stack(outside, self.frame_top)
            else:
                y = self._stack(wires, y)
            bottom.append(y)
            y += height
            top.append(y)
        return bottom, top

    def _stack(self, wires: Iterable[Wire], y: float) -> float:
        """Give wires their tracks in a channel that begins at y; returns where it ends."""
        wires = list(wires)
        first = y + CHANNEL / 2
        self.wires |= {wire: first + i * TRACK for i, wire in enumerate(wires)}
        return y + CHANNEL + TRACK * max(len(wires) - 1, 0)

    def _place(self) -> None:
        for column, strip in self.strips.items():
            low = Point(self.left[strip], self.frame_bottom)
            width = max(self._width(column), TITLE_WIDTH if column.kind == "step" else 0.0) + 2 * _pad(column)
            self.made.frames[column] = low, Point(low.x + width, self.frame_top)
        for box, row in self.row.items():
            if box.column:
                self.made.places[box] = Point(self._x(box.column, box.slot), (self.bottom[row] + self.top[row]) / 2)
        frames = self.made.frames.values()
        middle = (min(low.x for low, _ in frames) + max(high.x for _, high in frames)) / 2
        for row in range(self.zone_starts["end"]):
            boxes = [box for box, at in self.row.items() if at == row and not box.column]
            widths = {box: self.made.sizes[box][0] for box in boxes}
            y = (self.bottom[row] + self.top[row]) / 2
            for box, x in spread(boxes, dict.fromkeys(boxes, middle), widths, 2 * BOX_GAP).items():
                self.made.places[box] = Point(x, y)
        edge = self.left[1] - GUTTER - TRACK * max(len(self._tracks("gutter").get(1, [])) - 1, 0)
        for box, (y, _) in self.heights.items():
            self.made.places[box] = Point(edge - self.made.sizes[box][0] / 2, y)

    def _parameter_heights(self) -> dict[Box, tuple[float, float]]:
        """The y of each parameter, beside the line that its first uses hang on; and the y of that line."""
        lines: dict[Box, float] = {}
        for arrow, way in self.ways.items():
            if arrow.kind == "weight":
                y = self.wires[way.wires[-1]]
                lines[arrow.tail] = min(y, lines.get(arrow.tail, y))
        boxes = sorted(lines, key=lambda box: lines[box])
        sizes = {box: self.made.sizes[box][1] for box in boxes}
        return {box: (y, lines[box]) for box, y in spread(boxes, lines, sizes, BOX_GAP).items()}

    def _nesting(self, wire: Wire) -> float:
        """The order of wires beside the parameters in which they do not cross: those that go farthest bend last."""
        y, line = self.heights.get(wire.track, (0.0, 0.0))
        return y if y > line else -y

    def _x(self, column: Column, item: Slot | Lane) -> float:
        low, high = self.extent[_pattern(column)]
        frame_low, frame_high = self.made.frames[column]
        return (frame_low.x + frame_high.x) / 2 + self.x[_pattern(column), item] - (low + high) / 2

    # -- the curves ----------------------------------------------------------------------------------------------------

    def _curve(self, arrow: Arrow) -> list[Point]:
        way = self.ways.get(arrow)
        if way is None:
            return self._climb(arrow)
        tail, _head = arrow.tail, arrow.head
        points = self._departure(tail, way.leave)
        for wire in way.wires:
            last, place = points[-1], self.wires[wire]
            points.append(Point(last.x, place) if wire.along == "channel" else Point(place, last.y))
        return rounded(points + self._arrival(arrow, way.arrive, points[-1]))

    def _departure(self, tail: Box, side: str) -> list[Point]:
        x, y = self.made.places[tail]
        width, height = self.made.sizes[tail]
        if side != "top":
            return [Point(x + (width if side == "right" else -width) / 2, y)]
        door = Door("top", tail.slot)
        return [Point(x, y + height / 2), *self._lanes(tail, tail.slot, door)]

    def _arrival(self, arrow: Arrow, side: str, last: Point) -> list[Point]:
        x, y = self.made.places[arrow.head]
        width, height = self.made.sizes[arrow.head]
        if side != "bottom":
            return [Point(last.x, y), Point(x + (width if side == "right" else -width) / 2, y)]
        if arrow.tail.zone == "before" and arrow.head.column:
            lanes = self._lanes(arrow.head, Door("bottom", arrow.head.slot), arrow.head.slot)
            return [Point(lanes[0].x, last.y), *lanes, Point(x, y - height / 2)]
        share = {"weight": -0.3, "time": -0.15, "data": 0.0}[arrow.kind]
        return [Point(x + share * width, last.y), self._bottom(arrow.head, share)]

    def _climb(self, arrow: Arrow) -> list[Point]:
        """Up from row to row, past the rows between on the lanes kept free."""
        tail, head = arrow.tail, arrow.head
        x, y = self.made.places[tail]
        lanes = self._lanes(tail, tail.slot, head.slot) if tail.column else []
        points = [Point(x, y + self.made.sizes[tail][1] / 2), *lanes, self._bottom(head, self._share(arrow))]
        curve = points[:1]
        for start, end in itertools.pairwise(points):
            curve += upward(start, end)[1:]
        return curve

    def _lanes(self, box: Box, tail: Slot, head: Slot) -> list[Point]:
        """The points that an edge passes in the rows between its ends, and at its door if it has one."""
        if not box.column:
            return []
        pattern = _pattern(box.column)
        points = [
            Point(self._x(box.column, Lane(tail, head, row)), (self.bottom[row] + self.top[row]) / 2)
            for row in range(self.zone_starts["columns"], self.zone_starts["after"])
            if (pattern, Lane(tail, head, row)) in self.x
        ]
        if isinstance(head, Door) and (pattern, head) in self.x:
            points.append(Point(self._x(box.column, head), self.frame_top))
        if isinstance(tail, Door) and (pattern, tail) in self.x:
            points.insert(0, Point(self._x(box.column, tail), self.frame_bottom))
        return points

    def _share(self, arrow: Arrow) -> float:
        """Where on the bottom of its head an arrow within a column arrives: in the order of where they come from."""
        arrows = [other for other in self.into[arrow.head] if other not in self.ways]
        arrows.sort(key=lambda other: self._last_x(other))
        return (arrows.index(arrow) + 1) / (len(arrows) + 1) - 0.5

    def _last_x(self, arrow: Arrow) -> float:
        lanes = self._lanes(arrow.tail, arrow.tail.slot, arrow.head.slot)
        return (lanes[-1] if lanes else self.made.places[arrow.tail]).x

    def _bottom(self, box: Box, share: float) -> Point:
        """A point on the lower side of a box, from -0.5 (left) to 0.5 (right) of its width."""
        x, y = self.made.places[box]
        width, height = self.made.sizes[box]
        drop = (
            height / 2 * ((1 - 4 * share * share) ** 0.5 if width == height else 1.0)
        )  # a square is drawn as a circle
        return Point(x + share * width, y - drop)


def _common_sizes(sheet: Sheet, size: Callable[[Box], Size]) -> dict[Box, Size]:
    """Boxes that do the same work are equally large; squares, which are drawn as circles, stay what they are."""
    sizes = {box: size(box) for box in sheet.boxes}
    alike = [box for box in sheet.boxes if box.kind not in {"initial", "elided"} and sizes[box][0] != sizes[box][1]]
    largest: dict[Slot, Size] = {}
    for box in alike:
        width, height = largest.get(box.slot, (0.0, 0.0))
        largest[box.slot] = max(width, sizes[box][0]), max(height, sizes[box][1])
    return sizes | {box: largest[box.slot] for box in alike}


def _pattern(column: Column) -> Pattern:
    return column.phase if column.kind == "step" else column


def _pad(column: Column) -> float:
    return FRAME_PAD if column.kind == "step" else 0.0
