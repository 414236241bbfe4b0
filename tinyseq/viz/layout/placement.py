"""Places for the boxes and curves for the arrows of a drawing.

Columns are placed side by side, with common rows. Arrows within a column climb from row to row; all others are routed
like wires, along channels and gutters.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from tinyseq.structure.paths import grouped, reached
from tinyseq.viz.content.boxes import Arrow, Box
from tinyseq.viz.content.columns import Column
from tinyseq.viz.content.sheet import Sheet
from tinyseq.viz.layout.curves import Point, Size, around, climbing, passes, pieces, rounded
from tinyseq.viz.layout.grid import LANE_WIDTH, Door, Grid, box_gap
from tinyseq.viz.layout.routing import Ways, Wire
from tinyseq.viz.layout.rows import Lane, Slot, nearest_gap, spread
from tinyseq.viz.rendering.settings import in_type, tight

TITLE_HEIGHT, TITLE_SIDES = 18.0, 8.0
GUTTER, TRACK = 18.0, 5.0
LABEL = 11.0  # the height of a label in a channel


class Layout:
    """The places of a sheet's content, in points, y upwards.

    Args:
        sheet: what to place.
        size: width and height of each box.
        margin: extra space around boxes, for the frames of modules.
        headroom: extra space above the boxes of a column.
        below: extra space below the rows of these slots, for labels.
        titles: the width of each column's title.
        loops: the width of the labels beside wires that lead back into their loop.
        grid: that of an earlier layout of the same sheet, which saves finding it again.

    Attributes:
        places, sizes: the centre of each box, and its width and height.
        frames: the lower left and upper right corner of each column.
        corners: the points that each arrow passes through.
        climbs: the arrows drawn as smooth curves; others are straight lines with rounded corners.
        curves: the curve of each arrow.
    """

    def __init__(
        self,
        sheet: Sheet,
        size: Callable[[Box], Size],
        margin: float = 0.0,
        headroom: float = 0.0,
        below: Mapping[Slot, float] = MappingProxyType({}),
        titles: Mapping[Column, float] = MappingProxyType({}),
        loops: float = 0.0,
        grid: Grid | None = None,
    ) -> None:
        self.sheet = sheet
        self.headroom, self.below, self.titles, self.loops = headroom, below, titles, loops
        self.frame_pad = tight(12.0, 8.0)
        self.pad = self.frame_pad + margin
        # In a flat picture, most edges have a label.
        channel = tight(26.0, 15.0) if sheet.view == "flat" else tight(18.0, 13.0)
        self.channel = channel - LABEL + in_type(LABEL) + 1.5 * margin
        self.sizes = _common_sizes(sheet, size)
        self.grid = grid or Grid(sheet, self.sizes)
        self.ways = Ways(sheet, self.grid)
        self.wires: dict[Wire, float] = {}  # the x of a track in a gutter or a passage, the y of one in a channel
        self.bottom, self.top = self._vertical()
        self.heights = self._parameter_heights()
        self.left = self._horizontal()
        self.into = sheet.into()
        self.read_by: dict[Box, list[Box]] = {}
        for arrow in sheet.arrows:
            self.read_by.setdefault(arrow.tail, []).append(arrow.head)
        self.frames: dict[Column, tuple[Point, Point]] = {}
        self.places: dict[Box, Point] = {}
        self.past: dict[Arrow, list[Point]] = {}  # where arrows outside of the columns pass rows between their ends
        self._place()
        self._find_passages()
        self.climbs = {arrow for arrow in sheet.arrows if arrow not in self.ways.of and not self._is_level(arrow)}
        self.shares = self._shares()
        self.corners = {arrow: self._corners(arrow) for arrow in sheet.arrows}
        self.curves: dict[Arrow, list[Point]] = {}
        for arrow, corners in self.corners.items():
            passing = arrow in self.climbs or self._leaves(arrow) or self._enters(arrow)
            if passing and not self._is_clear(arrow, self._curve(arrow, corners)):
                corners = self.corners[arrow] = self._corners(arrow, upright=True)
            self.curves[arrow] = self._curve(arrow, corners)

    def extent(self) -> tuple[Point, Point]:
        """The lower left and upper right corners of the bounding box."""
        frames = ((corner, (0.0, 0.0)) for frame in self.frames.values() for corner in frame)
        return around([*frames, *((place, self.sizes[box]) for box, place in self.places.items())])

    # -- space ---------------------------------------------------------------------------------------------------------

    def _horizontal(self) -> list[float]:
        """The left side of each strip. Sets the tracks in gutters."""
        tracks = self.ways.tracks("gutter")
        for wires in tracks.values():  # grouped by direction, so as not to overlap
            wires.sort(key=lambda wire: wire not in self.ways.backward)
        tracks.get(1, []).sort(key=self._nesting)
        parameters = [self.sizes[box][0] for box in self.sheet.boxes if box.kind == "parameter"]
        widths = [max(parameters, default=0.0)] + [self._width(column) for column in self.sheet.columns]
        loops = [(arrow.tail.column, arrow.delay > 0) for arrow in self.sheet.arrows if arrow.delay]
        looping = {(self.grid.strips[column], ahead) for column, ahead in loops if column}
        left, x = [], 0.0
        for strip, width in enumerate([*widths, 0.0]):
            wires = tracks.get(strip, [])
            if strip:
                x += GUTTER / 2 + self.loops * ((strip, False) in looping)
                self.wires |= {wire: x + i * TRACK for i, wire in enumerate(wires)}
                x += TRACK * max(len(wires) - 1, 0) + GUTTER / 2
                x += self.loops * ((strip - 1, True) in looping and strip < len(widths))
            left.append(x)
            x += width
        return left

    def _width(self, column: Column) -> float:
        if column.kind != "step":
            return self.grid.width(column)
        return max(self.grid.width(column) + 2 * self.pad, self.titles.get(column, 44.0) + 2 * TITLE_SIDES)

    def _vertical(self) -> tuple[list[float], list[float]]:
        """The lower and upper side of each row. Sets the tracks in channels."""
        tracks = self.ways.tracks("channel")
        heights, more = [0.0] * (self.grid.end + 1), [0.0] * (self.grid.end + 1)
        for box, row in self.grid.row.items():
            heights[row] = max(heights[row], self.sizes[box][1])
            more[row] = max(more[row], self.below.get(box.slot, 0.0))
        bottom, top, y = [], [], 0.0
        for row, height in enumerate(heights):
            y += more[row]
            wires = tracks.get(row, [])
            outside = [wire for wire in wires if wire in self.ways.outside]
            inside = [wire for wire in wires if wire not in self.ways.outside]
            if row == self.grid.first:
                self.frame_bottom = self._stack(outside, y) if outside else y
                y = self.frame_bottom + in_type(TITLE_HEIGHT)
                y = self._stack(inside, y) if inside else y + self.frame_pad
            if row == self.grid.after:
                self.frame_top = (self._stack(inside, y) if inside else y + self.frame_pad) + self.headroom
                y = self._stack(outside, self.frame_top)
            elif row != self.grid.first:
                y = self._stack(wires, y)
            bottom.append(y)
            y += height
            top.append(y)
        return bottom, top

    def _stack(self, wires: Iterable[Wire], y: float) -> float:
        """Assign tracks to wires in a channel that starts at y. Returns its end."""
        wires = list(wires)
        first = y + self.channel / 2
        self.wires |= {wire: first + i * TRACK for i, wire in enumerate(wires)}
        return y + self.channel + TRACK * max(len(wires) - 1, 0)

    def _place(self) -> None:
        for column, strip in self.grid.strips.items():
            low = Point(self.left[strip], self.frame_bottom)
            self.frames[column] = low, Point(low.x + self._width(column), self.frame_top)
        for box, row in self.grid.row.items():
            if box.column:
                self.places[box] = Point(self._x(box.column, box.slot), (self.bottom[row] + self.top[row]) / 2)
        frames = self.frames.values()
        middle = (min(low.x for low, _ in frames) + max(high.x for _, high in frames)) / 2
        outside: dict[int, list[Box | Arrow]] = {}
        for box, row in self.grid.row.items():
            if not box.column:
                outside.setdefault(row, []).append(box)
        for arrow in self.sheet.arrows:  # past other boxes
            if not (arrow.tail.column or arrow.head.column) and arrow.tail.zone == arrow.head.zone:
                for row in range(self.grid.row[arrow.tail] + 1, self.grid.row[arrow.head]):
                    outside[row].append(arrow)
        for row, items in sorted(outside.items()):
            widths = {item: self.sizes[item][0] if isinstance(item, Box) else LANE_WIDTH for item in items}
            y = (self.bottom[row] + self.top[row]) / 2
            wish = {item: self._wish(item, middle) for item in items}
            items.sort(key=lambda item: wish[item])
            found = spread(items, wish, widths, 2 * box_gap())
            beyond = self.left[1] - min(x - widths[item] / 2 for item, x in found.items())
            for item, x in found.items():
                place = Point(x + max(beyond, 0.0), y)  # clear of the wires of the parameters
                if isinstance(item, Box):
                    self.places[item] = place
                else:
                    self.past.setdefault(item, []).append(place)
        edge = max((self.sizes[box][0] for box in self.heights), default=0.0)
        for box, (y, _) in self.heights.items():
            self.places[box] = Point(edge - self.sizes[box][0] / 2, y)

    def _wish(self, item: Box | Arrow, middle: float) -> float:
        """The mean x of the inputs of a box, or if it has none and is read in one column alone, of what reads it there;
        of an arrow, where it comes from."""
        arrows = [arrow for arrow in self.into[item] if arrow.tail in self.places] if isinstance(item, Box) else [item]
        doors = [self._x(arrow.tail.column, Door("top", arrow.tail.slot)) for arrow in arrows if arrow.tail.column]
        found = doors or [self.past.get(arrow, [self.places[arrow.tail]])[-1].x for arrow in arrows]
        if not found and isinstance(item, Box) and item.place == "before":
            readers = reached([item], lambda box: self.read_by.get(box, ()) if not box.column else ())
            inside = [box for box in readers if box.column]
            found = [self.places[box].x for box in inside] if len({box.column for box in inside}) == 1 else []
        return sum(found) / len(found) if found else middle

    def _find_passages(self) -> None:
        """The x of each passage, where its arrows take the shortest way."""
        arrows = grouped((wire, arrow) for arrow, way in self.ways.of.items() for wire in way.wires)
        taken = {row: list[tuple[float, float]]() for row in self.grid.row.values()}  # from x to x
        for box, row in self.grid.row.items():
            x, half = self.places[box].x, self.sizes[box][0] / 2 + GUTTER / 2
            taken[row] += [] if box.column else [(x - half, x + half)]
        for arrow, points in self.past.items():
            for row, (x, _) in enumerate(points, self.grid.row[arrow.tail] + 1):
                taken[row].append((x - TRACK, x + TRACK))
        for wire in (wire for wire in arrows if wire.along == "passage"):
            tail = arrows[wire][0].tail
            past = range(self.grid.after if tail.column else self.grid.row[tail] + 1, wire.place)
            ends = [x for arrow in arrows[wire] for x in self._outer_ends(arrow)]
            x = self.wires[wire] = nearest_gap(ends, [sides for row in past for sides in taken[row]])
            for row in past:
                taken[row].append((x - TRACK, x + TRACK))

    def _outer_ends(self, arrow: Arrow) -> list[float]:
        """The x of both ends of an arrow outside of the columns: those of its boxes, or of their doors."""
        doors = (arrow.tail, Door("top", arrow.tail.slot)), (arrow.head, Door("bottom", arrow.head.slot))
        return [self._x(box.column, door) if box.column else self.places[box].x for box, door in doors]

    def _parameter_heights(self) -> dict[Box, tuple[float, float]]:
        """The y of each parameter, near the wire to its lowest use, and the y of that wire."""
        lines: dict[Box, float] = {}
        for arrow, way in self.ways.of.items():
            if arrow.kind == "weight":
                y = self.wires[way.wires[-1]]
                lines[arrow.tail] = min(y, lines.get(arrow.tail, y))
        for box in self.sheet.boxes:
            if box.kind == "parameter":
                lines.setdefault(box, self.frame_bottom)  # only used by steps that are not shown
        boxes = sorted(lines, key=lambda box: lines[box])
        sizes = {box: self.sizes[box][1] for box in boxes}
        return {box: (y, lines[box]) for box, y in spread(boxes, lines, sizes, box_gap()).items()}

    def _nesting(self, wire: Wire) -> float:
        """The order of the wires beside the parameters in which they do not cross: the longest ones bend last."""
        y, line = self.heights.get(wire.track, (0.0, 0.0))
        return y if y > line else -y

    def _x(self, column: Column, item: Slot | Lane) -> float:
        low, high = self.frames[column]
        return (low.x + high.x) / 2 + self.grid.place(column, item)

    # -- the curves ----------------------------------------------------------------------------------------------------

    def _corners(self, arrow: Arrow, upright: bool = False) -> list[Point]:
        """The points of an arrow; upright, it is vertical within rows, so that it bends only between them."""
        tail, head, way = arrow.tail, arrow.head, self.ways.of.get(arrow)
        if way is None and self._is_level(arrow):
            side = 1 if self.places[tail].x < self.places[head].x else -1
            return [self._rim(tail, side), self._rim(head, -side)]
        points = self._approach(arrow, upright)
        x, y = points[-1]
        if way and way.arrive:
            return [*points, Point(x, self.places[head].y), self._rim(head, way.arrive)]
        onward = -0.15 if x < self.places[head].x else 0.15
        share = self.shares.get(arrow, {"weight": -0.3, "time": onward, "data": 0.0}[arrow.kind])
        if way and not self._enters(arrow):
            points.append(Point(self._rim(head, 2 * share).x, y))
        elif upright and way is None:
            points.append(Point(self._bottom(head, share).x, self.bottom[self.grid.row[head]]))
        return [*points, self._bottom(head, share)]

    def _approach(self, arrow: Arrow, upright: bool = False) -> list[Point]:
        """The points of an arrow up to the row of its head, or the wire beside it."""
        tail, head, way = arrow.tail, arrow.head, self.ways.of.get(arrow)
        points = [self._rim(tail, way.leave if way else 0, not (way and way.leave))]
        if way is None:  # up from row to row, along the lanes reserved in the rows between
            points += [Point(points[0].x, self.top[self.grid.row[tail]])] * upright
            return points + (self._lanes(tail, tail.slot, head.slot, upright) or self.past.get(arrow, []))
        if self._leaves(arrow):
            points += self._lanes(tail, tail.slot, Door("top", tail.slot), upright)
        for wire in way.wires:
            (x, y), place = points[-1], self.wires[wire]
            points.append(Point(x, place) if wire.along == "channel" else Point(place, y))
        if self._enters(arrow):
            lanes = self._lanes(head, Door("bottom", head.slot), head.slot, upright)
            points += [Point(lanes[0].x, points[-1].y), *lanes]
            if len(lanes) > 1 and not upright:
                points.append(Point(lanes[-1].x, self.top[self.grid.row[head] - 1]))
        return points

    def _curve(self, arrow: Arrow, corners: list[Point]) -> list[Point]:
        if arrow in self.climbs:
            return climbing(corners)
        if self._enters(arrow):  # it climbs from its lane
            return [*rounded(corners[:-1]), *climbing(corners[-2:])[1:]]
        return rounded(corners)

    def _enters(self, arrow: Arrow) -> bool:
        """Whether an arrow comes from below the columns."""
        return arrow.kind == "data" and arrow.tail.place == "before" and arrow.head.column is not None

    def _leaves(self, arrow: Arrow) -> bool:
        """Whether an arrow climbs out of its column at the top."""
        way = self.ways.of.get(arrow)
        return way is not None and not way.leave and way.wires[0] in self.ways.outside

    def _is_clear(self, arrow: Arrow, curve: list[Point]) -> bool:
        """Whether the curve of an arrow keeps clear of the boxes of its column between its ends."""
        first, last = self.grid.row[arrow.tail], self.grid.row[arrow.head]
        column = arrow.head.column if self._enters(arrow) else arrow.tail.column
        rows = (self.grid.in_row.get((column, row), ()) for row in range(first, last + 1)) if column else ()
        left, right = min(x for x, _ in curve), max(x for x, _ in curve)
        for box in (box for boxes in rows for box in boxes if box is not arrow.tail and box is not arrow.head):
            place, size = self.places[box], self.sizes[box]
            if left - size[0] / 2 < place.x < right + size[0] / 2 and any(
                passes(piece, place, size) for piece in pieces(curve)
            ):
                return False
        return True

    def _rim(self, box: Box, right: float, up: float = 0.0) -> Point:
        """A point of a box, in coordinates from -1 to 1."""
        (x, y), (width, height) = self.places[box], self.sizes[box]
        return Point(x + right * width / 2, y + up * height / 2)

    def _bottom(self, box: Box, share: float) -> Point:
        """A point on the lower side of a box, from -0.5 (left) to 0.5 (right) of its width."""
        width, height = self.sizes[box]
        is_circle = width == height  # squares are drawn as circles
        return self._rim(box, 2 * share, -((1 - 4 * share * share) ** 0.5) if is_circle else -1)

    def _is_level(self, arrow: Arrow) -> bool:
        """Whether an arrow leads to a box beside its tail."""
        return arrow.kind == "data" and (arrow.tail.slot, arrow.head.slot) in self.grid.level

    def _lanes(self, box: Box, tail: Slot, head: Slot, upright: bool) -> list[Point]:
        """The points of an edge in the rows between its ends, and at its door if it has one."""
        if not (column := box.column):
            return []
        points = [Point(self._x(column, tail), self.frame_bottom)] if isinstance(tail, Door) else []
        for lane in self.grid.lanes(column, tail, head):
            low, high, x = self.bottom[lane.row], self.top[lane.row], self._x(column, lane)
            points += [Point(x, low), Point(x, high)] if upright else [Point(x, (low + high) / 2)]
        return points + ([Point(self._x(column, head), self.frame_top)] if isinstance(head, Door) else [])

    def _shares(self) -> dict[Arrow, float]:
        """Where each arrow within a column arrives on the bottom of its head, in the order of their origins."""
        shares: dict[Arrow, float] = {}
        for into in self.into.values():
            ends: dict[Arrow | Wire, list[Arrow]] = {}  # those that come up a passage arrive together
            for arrow in into:
                passage = self._passage(arrow)
                if passage or arrow in self.climbs or self.grid.is_long(arrow) or self._enters(arrow):
                    ends.setdefault(passage or arrow, []).append(arrow)
            together = sorted(ends.values(), key=lambda arrows: self._approach(arrows[0])[-1].x)
            for i, arrows in enumerate(together):
                shares |= dict.fromkeys(arrows, (i + 1) / (len(together) + 1) - 0.5)
        return shares

    def _passage(self, arrow: Arrow) -> Wire | None:
        """The passage by which an arrow comes to a box above the columns, if it does not stand right above them."""
        wires = self.ways.of[arrow].wires if arrow in self.ways.of and arrow.head.zone == "after" else ()
        return next((wire for wire in wires if wire.along == "passage"), None)


def _common_sizes(sheet: Sheet, size: Callable[[Box], Size]) -> dict[Box, Size]:
    """The sizes of boxes: equal for the same slot, except for squares, which are drawn as circles."""
    sizes = {box: size(box) for box in sheet.boxes}
    alike = [box for box in sheet.boxes if box.kind not in {"initial", "elided"} and sizes[box][0] != sizes[box][1]]
    largest: dict[Slot, Size] = {}
    for box in alike:
        width, height = largest.get(box.slot, (0.0, 0.0))
        largest[box.slot] = max(width, sizes[box][0]), max(height, sizes[box][1])
    return sizes | {box: largest[box.slot] for box in alike}
