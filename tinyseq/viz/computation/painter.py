"""Paints a sheet: boxes, wires, columns and a legend."""

from collections.abc import Sequence
from typing import NamedTuple

from tinyseq.viz.computation.boxes import Arrow, Box, Sheet
from tinyseq.viz.computation.columns import Column
from tinyseq.viz.computation.labels import Wording
from tinyseq.viz.computation.modules import FRAME_MARGIN, NESTING, Frame, open_frames
from tinyseq.viz.layout.curves import Point
from tinyseq.viz.layout.free_space import Room
from tinyseq.viz.layout.placement import layout
from tinyseq.viz.rendering.canvas import TITLE_INSET, Canvas, title_place
from tinyseq.viz.rendering.drawing import Drawing
from tinyseq.viz.rendering.legend import draw_legend
from tinyseq.viz.rendering.style import (
    ACCENT,
    COLUMN,
    INPUT,
    LINE,
    LOSS,
    MODULE,
    OP,
    PARAMETER,
    QUIET,
    ROOM_FOR_TEXT,
    STATE,
    LogScale,
    Paint,
    Text,
    clean,
    label_size,
    number,
    small,
)

MOST_BOXES = {"unrolled": 2000, "folded": 2000, "flat": 1500}
FEWER_STEPS = "Choose fewer time steps (steps=[0, 1, 2, -1]) or close modules (depth=1)"
CURES = {
    "unrolled": f'{FEWER_STEPS}, or fold the loop (view="folded")',
    "folded": FEWER_STEPS,
    "flat": "Draw a shorter sequence, or mark the loop's steps with ts.step(t) and leave out the middle ones, with "
    'view="unrolled"',
}
PAINTS = {
    "op": OP,
    "state": STATE,
    "input": INPUT,
    "initial": QUIET,
    "elided": QUIET,
    "result": LOSS,
    "parameter": PARAMETER,
}
SIGN_SIZE = 20.0, 20.0


class Note(NamedTuple):
    """Words on an arrow.

    Attributes:
        words: what they say.
        at: the point that they stand beside, or their middle if there are no sides.
        sides: the sides on which they may stand, the better one first: -1 for the left, 1 for the right.
        either: whether both sides are equally good.
    """

    words: list[Text]
    at: Point
    sides: tuple[int, ...] = ()
    either: bool = False


class Painter:
    """Draws a sheet.

    Args:
        content: what to draw.
        gradients: colour boxes by the norm of their gradient, which the record must hold.
        values: write values on boxes.
        depth: draw frames around modules to this depth.
        title: a heading above the picture.
        legend: whether to say below it what boxes and colours mean.
        inputs: what is read at each time step.
        note: a remark below it.

    Raises:
        ValueError: too many boxes for anyone to look at, and for Graphviz to draw in reasonable time.
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
            raise ValueError(
                f"this drawing would have {len(content.boxes):,} boxes; at most {most:,} are drawn. "
                + CURES[content.view]
            )
        self.sheet = content
        self.title, self.legend, self.note = title, legend, note
        self.wording = Wording(content, values, inputs)
        norms = {box: self.wording.values.gradient(box) for box in content.boxes} if gradients else {}
        self.norms = {box: norm for box, norm in norms.items() if norm is not None}
        self.scale = LogScale(self.norms.values()) if gradients else None
        self.lines = {box: self._lines(box) for box in content.boxes}
        self.signs = {box for box in content.boxes if self._is_sign(box)}
        margin = FRAME_MARGIN + NESTING * depth
        self.layout = layout(content, self._size, margin)
        frames = open_frames(content, self.layout, depth)
        over = max((frame.high.y - self.layout.frames[frame.column][1].y for frame in frames), default=-margin) + margin
        if over > 0:  # frames of modules would stick out of their columns
            self.layout = layout(content, self._size, margin, headroom=over)
            frames = open_frames(content, self.layout, depth)
        self.frames = {f"{frame_name(frame.column)}_module{i}": frame for i, frame in enumerate(frames)}
        self.titles = {name: [_fitted(frame.title, frame)] for name, frame in self.frames.items()}
        self.labelled: set[object] = set()
        self.told_at: list[float] = []  # the heights of words beside the wires of a folded loop

    def drawing(self) -> Drawing:
        """The finished picture."""
        steps, view = sum(map(len, self.sheet.plan.steps)), self.sheet.view
        told = f"{steps} time step{'s' * (steps > 1)}, {view}"
        self.canvas = Canvas(self.title or (f"{len(self.sheet.boxes)} ops and leaves" if view == "flat" else told))
        for column, (low, high) in self.layout.frames.items():
            boxes = [box for box in self.sheet.boxes if box.column == column]
            if column.kind != "step":
                for box in boxes:
                    self._draw(self.canvas, box)
                continue
            title = [Text(self.wording.title(column), bold=True)]
            if self.sheet.folded and (self.scale or self.wording.with_values):  # one step's numbers, not those of all
                title.append(small(f"the numbers are those of t = {column.step}"))
            with self.canvas.frame(frame_name(column), low, high, title, paint=COLUMN, top=False) as frame:
                for name, module in self.frames.items():
                    if module.column == column:
                        with frame.frame(name, module.low, module.high, self.titles[name], paint=MODULE):
                            pass
                for box in boxes:
                    self._draw(frame, box)
        for box in self.sheet.boxes:
            if not box.column:
                self._draw(self.canvas, box)
        words = self.words_on_arrows()
        for arrow in self.sheet.arrows:
            self._connect(arrow, *words.get(arrow, ([], self.layout.curves[arrow][0])))
        self._surround()
        return self.canvas.drawing()

    def _is_sign(self, box: Box) -> bool:
        """Whether a box is a circle with a mere sign in it."""
        return self.wording.is_sign(box) and len(self.lines[box]) == 1

    def _lines(self, box: Box) -> list[Text]:
        lines = self.wording.lines(box)
        if box in self.norms and not self.wording.is_sign(box):
            lines.append(small(f"‖∂L‖ {number(self.norms[box], 2)}"))
        paint = self._paint(box)
        # On a shade, remarks need the full contrast
        return [line._replace(color=paint.text) for line in lines] if self.scale and box in self.norms else lines

    def _size(self, box: Box) -> tuple[float, float]:
        if box in self.signs:
            return SIGN_SIZE
        width, height = label_size(self.lines[box])
        return width + ROOM_FOR_TEXT[0], height + ROOM_FOR_TEXT[1]

    def _paint(self, box: Box) -> Paint:
        paint = PAINTS[box.kind]
        if self.scale and box in self.norms:
            return self.scale.paint(self.norms[box], paint.outline)
        return paint

    def _draw(self, canvas: Canvas, box: Box) -> None:
        canvas.box(
            box.name,
            self.layout.places[box],
            self.layout.sizes[box],
            self.lines[box],
            paint=self._paint(box),
            shape="circle" if box in self.signs else "plaintext" if box.kind == "elided" else "box",
            line_width=1.0 if box.kind == "op" else 1.5,
            tooltip=self.wording.tooltip(box),
            kind=box.kind,
        )

    def _connect(self, arrow: Arrow, words: list[Text], place: Point) -> None:
        color, width, style = {
            "data": (LINE, 1.0, "solid"),
            "time": (ACCENT, 1.6, "solid"),
            "weight": (PARAMETER.outline, 1.0, "dashed"),
        }[arrow.kind]
        if self.scale and arrow.kind == "time":
            width = 0.8 + 3.0 * self.scale.fraction(self.norms.get(arrow.tail, 0.0))
        self.canvas.line(
            arrow.tail.name,
            arrow.head.name,
            self.layout.curves[arrow],
            color=color,
            width=width,
            style=style,
            label=words,
            label_at=place,
            kind=arrow.kind,
        )

    def _note(self, arrow: Arrow) -> Note | None:
        """The words on an arrow: which part of a value arrives, or the shape of what leaves, told once."""
        curve = self.layout.curves[arrow]
        start, end = curve[0], curve[-1]
        if arrow.delay:
            if (arrow.tail, arrow.delay) in self.labelled:
                return None
            self.labelled.add((arrow.tail, arrow.delay))
            words = f"{abs(arrow.delay)} step{'s' * (abs(arrow.delay) > 1)} {'later' if arrow.delay > 0 else 'earlier'}"
            label = [small(words, ACCENT)]
            return Note(label, self._beside_wires(curve, label))
        if arrow.kind != "data" or arrow.tail.column != arrow.head.column:
            return None
        if arrow.part:
            return self._note_on_part(arrow, start, end)
        if arrow not in self.layout.climbs:  # from side to side, there is no room for words
            return None
        shape = self.wording.new_shape(arrow)
        told = (arrow.tail.column, start.y, shape)
        if not shape or told in self.labelled:
            return None
        self.labelled.add(told)
        to_the_right = end.x > start.x + 4
        sides = (-1, 1) if to_the_right else (1, -1)
        return Note([small(shape)], Point(start.x, start.y + 7), sides, either=abs(end.x - start.x) < 1)

    def _note_on_part(self, arrow: Arrow, start: Point, end: Point) -> Note | None:
        """Which part arrives, beside the arrow's tip; told once where the same part of two values arrives."""
        words = self.wording.part(arrow)
        told = (arrow.head, words)
        if not words or told in self.labelled:
            return None
        self.labelled.add(told)
        middle = self.layout.places[arrow.head].x
        left = end.x < middle - 1 or (end.x < middle + 1 and start.x > end.x)  # the side that no line comes from
        return Note([small(words, LINE)], Point(end.x, end.y - 7), (-1, 1) if left else (1, -1))

    def words_on_arrows(self) -> dict[Arrow, tuple[list[Text], Point]]:
        """What is said on arrows, and where: on the better side, else where neither boxes nor other words are."""
        notes = {arrow: note for arrow in self.sheet.arrows if (note := self._note(arrow))}
        found: dict[Arrow, tuple[list[Text], Point]] = {}
        room = Room(((place, self.layout.sizes[box]) for box, place in self.layout.places.items()), gap=(2.0, -1.0))
        for name, frame in self.frames.items():
            room.take(title_place(frame.low, frame.high, self.titles[name]), label_size(self.titles[name]))
        for curve in self.layout.curves.values():
            room.take_line(curve)
        for arrow in sorted(notes, key=lambda arrow: notes[arrow].either):  # those that have the choice come last
            words, at, sides, _ = notes[arrow]
            width, height = label_size(words)
            spots = [Point(at.x + side * (width / 2 + 4), at.y) for side in sides] or [at]
            if sides:  # higher up there is room as well, but it is farther from what is told of
                spots = [Point(x, y + rise * height) for rise in (0.0, 1.5, 0.75) for x, y in spots]
                spots.sort(key=lambda spot: not self._in_frame(arrow, spot, width / 2))
            free = next((spot for spot in spots if room.is_free(spot, (width, height))), None)
            if free or arrow.part or arrow.delay:  # a shape without room is left out: the box tells it, too
                found[arrow] = words, free or spots[0]
                room.take(found[arrow][1], (width, height))
        return found

    def _in_frame(self, arrow: Arrow, spot: Point, half: float) -> bool:
        """Whether words fit into the frame of their column, if there is one."""
        if arrow.tail.column not in self.layout.frames:
            return True
        low, high = self.layout.frames[arrow.tail.column]
        return low.x < spot.x - half and spot.x + half < high.x

    def _beside_wires(self, curve: list[Point], label: list[Text]) -> Point:
        """The place for the words on a wire that leads back into its loop: right of all wires, where its own turns."""
        wires = [wire for arrow, wire in self.layout.curves.items() if arrow.delay]
        turn = max(curve, key=lambda point: point.x)
        y = max(point.y for point in curve if point.x > turn.x - 8)
        while any(abs(y - taken) < label_size(label)[1] for taken in self.told_at):
            y -= label_size(label)[1]
        self.told_at.append(y)
        return Point(max(point.x for wire in wires for point in wire) + label_size(label)[0] / 2 + 4, y)

    def _surround(self) -> None:
        """What boxes and colours mean, below the picture; and the title above it."""
        boxes = [(place, self.layout.sizes[box]) for box, place in self.layout.places.items()]
        frames = self.layout.frames.values()
        left = min(place.x - width / 2 for place, (width, _) in boxes)
        bottom = min([place.y - height / 2 for place, (_, height) in boxes] + [low.y for low, _ in frames])
        right = max([place.x + width / 2 for place, (width, _) in boxes] + [high.x for _, high in frames])
        if self.title:
            top = max([place.y + height / 2 for place, (_, height) in boxes] + [high.y for _, high in frames])
            heading = Text(clean(self.title, limit=120), 14, bold=True)
            self.canvas.text_from("title", Point(left, top + 26), heading)
        if self.note:
            self.canvas.text_from("note", Point(left, bottom - 20), small(self.note))
            bottom -= 20
        if not self.legend:
            return
        kinds = {box.kind for box in self.sheet.boxes}
        draw_legend(self.canvas, Point(left, bottom - 26), right, kinds, self.wording.dtype, self.scale)


def _fitted(title: str, frame: Frame) -> Text:
    """The title of a module's frame, as much of it as there is room for."""
    room = frame.high.x - frame.low.x - 2 * TITLE_INSET
    length = len(title)
    while length > 1 and label_size([small(clean(title, length))])[0] > room:
        length -= 1
    return small(clean(title, length))


def frame_name(column: Column) -> str:
    """The name of a column's frame."""
    return f"t{column.step}" + f"_phase{column.phase}" * (column.phase > 0)
