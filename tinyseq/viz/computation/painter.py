"""Paints a sheet: boxes, arrows, columns and a legend."""

import math
from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from tinyseq.viz.computation.labels import SheetLabels
from tinyseq.viz.computation.modules import FRAME_MARGIN, NESTING, open_frames
from tinyseq.viz.content.boxes import Arrow, Box
from tinyseq.viz.content.columns import Column
from tinyseq.viz.content.sheet import Sheet
from tinyseq.viz.layout.curves import Point, outline, passed, passes, pieces
from tinyseq.viz.layout.free_space import Room
from tinyseq.viz.layout.grid import Grid, pattern_of
from tinyseq.viz.layout.placement import TITLE_SIDES, Layout
from tinyseq.viz.layout.rows import Slot
from tinyseq.viz.rendering.canvas import Canvas
from tinyseq.viz.rendering.legend import legend
from tinyseq.viz.rendering.parts import Edge, Frame, Node, words_from
from tinyseq.viz.rendering.settings import current, in_type
from tinyseq.viz.rendering.style import (
    ACCENT,
    COLUMN,
    LINE,
    PAINTS,
    PARAMETER,
    LogScale,
    Text,
    label_size,
    number,
    room_for_text,
    small,
)

MOST_BOXES = {"unrolled": 2000, "folded": 2000, "flat": 1500}
FEWER_STEPS = "Draw fewer time steps (steps=[0, 1, 2, -1]) or close modules (depth=1)"
CURES = {
    "unrolled": f'{FEWER_STEPS}, or fold the loop (view="folded")',
    "folded": FEWER_STEPS,
    "flat": "Draw a shorter sequence, or mark the loop's steps with ts.step(t) and leave out the middle ones, with "
    'view="unrolled"',
}
SIGN_SIZE = 20.0
MOST_TRIES, MORE_ROOM = 6, 12.0  # points added below boxes without enough room for their labels
FRAME_GAP = 1.0  # points between a label and the side of a frame
HIGHER = 0.0, 15.0, 7.5  # alternative offsets of a label, in points
MOST_WIRES = 4  # with labels one below the other


def _told_later(arrow: Arrow) -> Text:
    """The label of an arrow that leads back into its loop."""
    steps = abs(arrow.delay)
    return small(f"{steps} step{'s' * (steps > 1)} {'later' if arrow.delay > 0 else 'earlier'}", ACCENT)


class Note(NamedTuple):
    """A label on an arrow.

    Attributes:
        words: the text.
        spots: where its centre may be, best first.
        about: what it is about, which says it once.
        either: whether both sides of the arrow are equally good.
    """

    words: Text
    spots: list[Point]
    about: Hashable
    either: bool = False


def _beside(points: Sequence[Point], words: Text, left_first: bool) -> list[Point]:
    """The centres of words on either side of points."""
    sides, away = (-1, 1) if left_first else (1, -1), words.width / 2 + 4
    return [Point(x + side * away, y) for side in sides for x, y in points]


def _squeezed(lines: list[Text]) -> list[Text]:
    """The lines of a box as the picture saves space."""
    if current().squeeze in {"height", "line"}:
        return [line._replace(beside=True) for line in lines]
    if current().squeeze == "both":  # numbers of the value below its name, which is all that fits beside it
        below = [line for line in lines[1:] if line.role == "value"]
        return [*lines[:1], *(line._replace(beside=True) for line in lines[1:] if line not in below), *below]
    return lines


class Painter:
    """Draws a sheet.

    Args:
        content: what to draw.
        gradients: colour boxes by the norms of their gradients, which the record must contain.
        values: write values on boxes.
        depth: draw frames around modules down to this depth.
        title: a heading above the picture.
        legend: whether to explain boxes and colours below it.
        inputs: the input at each time step.
        note: a remark below it.

    Raises:
        ValueError: there are too many boxes to be legible.
    """

    def __init__(
        self,
        content: Sheet,
        gradients: bool = False,
        values: bool = False,
        depth: int = 0,
        *,
        title: str = "",
        legend: bool = True,
        inputs: Sequence[object] = (),
        note: str = "",
    ) -> None:
        most = MOST_BOXES[content.view]
        if len(content.boxes) > most:
            told = f"this drawing would have {len(content.boxes):,} boxes, more than the limit of {most:,}"
            raise ValueError(f"{told}. {CURES[content.view]}")
        self.sheet = content
        self.title, self.with_legend, self.note = title, legend, note
        self.labels = SheetLabels(content, values, inputs)
        norms = {box: self.labels.values.gradient(box) for box in content.boxes} if gradients else {}
        self.norms = {box: norm for box, norm in norms.items() if norm is not None}
        self.scale = LogScale(self.norms.values()) if gradients else None
        self.nodes = {box: self._node(box) for box in content.boxes}
        self.titles = {column: self._title(column) for column in content.columns if column.kind == "step"}
        below: dict[Slot, float] = {}  # more room for labels
        widths = {column: label_size(lines)[0] for column, lines in self.titles.items()}
        grid: Grid | None = None
        for attempt in range(MOST_TRIES):
            self._lay_out(depth, below, widths, grid)
            grid = self.layout.grid
            self.words, crowded, narrow = self._words_on_arrows()
            narrow |= self._crossed_titles()
            if not crowded and not narrow:
                break
            below |= {slot: below.get(slot, 0.0) + MORE_ROOM * 1.5**attempt for slot in crowded}
            widths |= narrow

    def _lay_out(
        self, depth: int, below: Mapping[Slot, float], widths: Mapping[Column, float], grid: Grid | None
    ) -> None:
        margin = FRAME_MARGIN + NESTING * depth
        loops = max((_told_later(arrow).width + 8 for arrow in self.sheet.arrows if arrow.delay), default=0.0)
        sizes = {box: node.size for box, node in self.nodes.items()}
        place = partial(Layout, self.sheet, sizes.__getitem__, margin, below=below, titles=widths, loops=loops)
        self.layout = place(grid=grid)
        self.frames = open_frames(self.sheet, self.layout, depth)
        tops = {column.name: high.y for column, (_, high) in self.layout.frames.items()}
        over = max((frame.high.y - tops[frame.inside] for frame in self.frames), default=-margin) + margin
        if over > 0:  # the frames of modules would exceed their columns
            self.layout = place(headroom=over, grid=self.layout.grid)
            self.frames = open_frames(self.sheet, self.layout, depth)

    def painted(self) -> Canvas:
        """The parts of the picture."""
        steps, view = sum(map(len, self.sheet.timeline.steps)), self.sheet.view
        told = (
            f"{steps} time step{'s' * (steps > 1)}, {view}"
            if view != "flat"
            else f"{len(self.sheet.boxes)} ops and leaves"
        )
        self.canvas = Canvas(self.title or self.sheet.title.strip() or told)
        for column, (low, high) in self.layout.frames.items():
            framed = column.name if column.kind == "step" else ""
            if framed:
                frame = Frame(framed, low, high, self.titles[column], COLUMN, False)
                self.canvas.frames.append(self._clear_title(frame) or frame)
                self.canvas.frames += [frame for frame in self.frames if frame.inside == framed]
            self._draw([box for box in self.sheet.boxes if box.column == column], framed)
        self._draw([box for box in self.sheet.boxes if not box.column], "")
        self.canvas.edges = [self._edge(arrow) for arrow in self.sheet.arrows]
        self._surround()
        return self.canvas

    def _title(self, column: Column) -> list[Text]:
        title = [Text(self.labels.title(column), bold=True)]
        if self.sheet.folded and not self.sheet.title and (self.scale or self.labels.with_values):
            title.append(small(f"numbers of t = {column.step}"))
        return title

    def _crossed_titles(self) -> dict[Column, float]:
        """The width of each column that has no place for its title beside the arrows that enter from below."""
        found: dict[Column, float] = {}
        for column, title in self.titles.items():
            frame = Frame(column.name, *self.layout.frames[column], title, COLUMN, False)
            if self._clear_title(frame) is None:
                found |= self._wider(column, label_size(title)[0] / 2)
        return found

    def _clear_title(self, frame: Frame) -> Frame | None:
        """A frame of a column, with its title beside the arrows that enter from below, if there is room for it."""
        width, height = label_size(frame.lines)
        arrows = (curve for arrow, curve in self.layout.curves.items() if arrow.tail.place == "before")
        near = [piece for curve in arrows for piece in pieces(curve)]
        asides = range(0, int(frame.high.x - frame.low.x - width) // 2, 2)
        tries = (frame._replace(aside=side * aside) for aside in asides for side in (1, -1))
        size = width + 4, height
        return next((other for other in tries if not any(passes(piece, other.title_at, size) for piece in near)), None)

    def _draw(self, boxes: Sequence[Box], inside: str) -> None:
        for box in boxes:
            place, size = self.layout.places[box], self.layout.sizes[box]
            self.canvas.nodes.append(self.nodes[box]._replace(center=place, size=size, inside=inside))

    def _node(self, box: Box) -> Node:
        """A box without its place."""
        lines, is_sign, paint = self.labels.lines(box), self.labels.is_sign(box), PAINTS[box.kind]
        told = [lines[0].text, *(f"{name}: {fact}" for name, fact in self.labels.facts(box).items() if fact)]
        if self.scale and box in self.norms:
            if not is_sign:
                told_norm = number(self.norms[box], 2) + self.labels.together(box)
                lines.append(small(f"‖∂L‖ {told_norm}", role="gradient"))
            paint = self.scale.paint(self.norms[box], paint.outline)
            lines = [line._replace(color=paint.text) for line in lines]  # remarks on a coloured box need full contrast
        is_sign = is_sign and len(lines) == 1
        if box.kind != "parameter":
            lines = _squeezed(lines)
        (width, height), room = label_size(lines), room_for_text()
        return Node(
            box.name,
            Point(0.0, 0.0),
            (in_type(SIGN_SIZE),) * 2 if is_sign else (width + room[0], height + room[1]),
            lines,
            paint,
            shape="circle" if is_sign else "plaintext" if box.kind == "elided" else "box",
            line_width=1.0 if box.kind == "op" else 1.5,
            tooltip="; ".join(told),
            kind=box.kind,
        )

    def _edge(self, arrow: Arrow) -> Edge:
        words, at = self.words.get(arrow, ([], Point(0.0, 0.0)))
        ends, curve, kind = (arrow.tail.name, arrow.head.name), self.layout.curves[arrow], arrow.kind
        if kind == "weight":
            return Edge(*ends, curve, PARAMETER.outline, style="dashed", kind=kind)
        if kind == "data":
            return Edge(*ends, curve, label=words, label_at=at, kind=kind)
        width = 0.8 + 3.0 * self.scale.fraction(self.norms.get(arrow.tail, 0.0)) if self.scale else 1.6
        return Edge(*ends, curve, ACCENT, width, label=words, label_at=at, kind=kind)

    def _note(self, arrow: Arrow) -> Note | None:
        """The label of an arrow: the part of a value that it carries, or the shape of the value."""
        curve, tail = self.layout.curves[arrow], arrow.tail
        if arrow.delay:
            words = _told_later(arrow)
            return Note(words, self._beside_wires(arrow, curve, words), tail)
        if arrow.kind != "data" or tail.column != arrow.head.column:
            return None
        if arrow.part:
            return self._note_on_part(arrow, curve)
        shape, start, end = self.labels.new_shape(arrow), curve[0], curve[-1]
        if not shape or arrow not in self.layout.climbs:  # there is no room for labels on horizontal arrows
            return None
        points = [Point(start.x, start.y + in_type(7 + rise)) for rise in HIGHER]
        spots = _beside(points, small(shape), left_first=end.x > start.x + 4)
        return Note(small(shape), spots, (tail.column, start.y), either=abs(end.x - start.x) < 1)

    def _note_on_part(self, arrow: Arrow, curve: list[Point]) -> Note | None:
        """The part of the value, beside the arrow's tip; once if the same part of two values arrives."""
        words = small(self.labels.part(arrow), LINE)
        if not words.text:
            return None
        start, end, middle = curve[0], curve[-1], self.layout.places[arrow.head].x
        left = end.x < middle - 1 or (end.x < middle + 1 and start.x > end.x)  # the side without other lines
        before = passed(curve[:-5:-1], apart=7.0)[2:]  # further back on the last piece, if there is no room at the tip
        points = [*(Point(end.x, end.y + in_type(rise - 7)) for rise in HIGHER), *before]
        return Note(words, _beside(points, words, left_first=left), arrow.head)

    def _words_on_arrows(self) -> tuple[dict[Arrow, tuple[list[Text], Point]], set[Slot], dict[Column, float]]:
        """The labels of arrows and their places: where no box, line, side of a frame or other label is.

        Also the slots below which there is not enough room for labels, and the columns that are too narrow for them,
        with the width that they need.
        """
        crowded: set[Slot] = set()
        narrow: dict[Column, float] = {}
        notes: dict[tuple[Hashable, str], tuple[Arrow, Note]] = {}
        for arrow in self.sheet.arrows:
            if note := self._note(arrow):
                notes.setdefault((note.about, note.words.text), (arrow, note))
        found: dict[Arrow, tuple[list[Text], Point]] = {}
        room = Room(((place, self.layout.sizes[box]) for box, place in self.layout.places.items()), gap=(2.0, -1.0))
        for frame in self.frames:
            room.take(frame.title_at, label_size(frame.lines))
            room.take_line(outline(frame.low, frame.high))
        for curve in self.layout.curves.values():
            room.take_line(curve)
        flexible_last = sorted(notes.values(), key=lambda each: each[1].either)
        for arrow, (words, spots, *_) in flexible_last:
            half = words.width / 2
            fitting, beyond = None, []  # how far the free places reach beyond the frame, up to the first that does not
            for spot in spots:
                if room.is_free(spot, (words.width, words.height)):
                    beyond.append(self._beyond_frame(arrow, spot, half))
                    if beyond[-1] <= 0:
                        fitting = spot
                        break
            if fitting or arrow.part or arrow.delay:  # shapes may be left out: the box has them too
                found[arrow] = [words], fitting or spots[0]
                room.take(found[arrow][1], (words.width, words.height))
            if beyond and not fitting:
                narrow |= self._wider(arrow.tail.column, min(beyond))
            elif not fitting and arrow.part:
                crowded.add(arrow.head.slot)
        return found, crowded, narrow

    def _beyond_frame(self, arrow: Arrow, spot: Point, half: float) -> float:
        """How far a label reaches beyond the frame of its column, if it has one; at most 0 if it fits."""
        if arrow.tail.column not in self.titles:
            return 0.0
        low, high = self.layout.frames[arrow.tail.column]
        outside = spot.x + half < low.x or high.x < spot.x - half
        return 0.0 if outside else max(low.x - spot.x, spot.x - high.x) + half + FRAME_GAP

    def _wider(self, column: Column | None, beyond: float) -> dict[Column, float]:
        """The width for titles of a column, and of those that look like it, that gives this much room on each side."""
        alike = [other for other in self.titles if column and pattern_of(other) == pattern_of(column)]
        frames = {other: self.layout.frames[other] for other in alike}
        return {other: high.x - low.x + 2 * (math.ceil(beyond) - TITLE_SIDES) for other, (low, high) in frames.items()}

    def _beside_wires(self, arrow: Arrow, curve: list[Point], label: Text) -> list[Point]:
        """Places for the label of a wire that leads back into its loop: outermost in its gutter, where it turns."""
        assert arrow.tail.column
        left = next((point.x < curve[0].x for point in curve if point.x != curve[0].x), False)
        gutter = self.layout.grid.strips[arrow.tail.column] + (not left)
        wires = [x for wire, x in self.layout.wires.items() if wire[:2] == ("gutter", gutter)]
        turn = (min if left else max)(curve, key=lambda point: point.x)
        y = max(point.y for point in curve if abs(point.x - turn.x) < 8)
        half, middle = label.width / 2 + 4, label.height / 2
        heights = (curve[0].y + middle + 1, curve[0].y - middle - 1, (curve[0].y + curve[-1].y) / 2)
        out = min(wires, default=turn.x) - half if left else max(wires, default=turn.x) + half
        outside = [Point(out, y - lower * label.height) for lower in range(MOST_WIRES)]
        if not left:
            return [*outside, *(Point(out, height) for height in heights[::-1])]
        inside = min(low.x for low, _ in self.layout.frames.values()) + half + FRAME_GAP
        return [*outside, *(Point(inside, height) for height in heights)]

    def _surround(self) -> None:
        """The title above the picture, and the note and the legend below."""
        if self.title:
            self.canvas.entitle(self.title)
        low, high = self.layout.extent()
        nodes = self.canvas.nodes
        bottom = low.y - in_type(20) * bool(self.note)
        if self.note:
            nodes.append(words_from("note", Point(low.x, bottom), small(self.note)))
        if self.with_legend:
            kinds = {box.kind for box in self.sheet.boxes}
            nodes += legend(Point(low.x, bottom - in_type(26)), high.x, kinds, self.labels.dtype, self.scale)
