"""Paints a sheet: boxes, wires, columns and a legend."""

from tinyseq.viz.boxes import Arrow, Box, Sheet
from tinyseq.viz.canvas import Canvas, Point
from tinyseq.viz.columns import Column
from tinyseq.viz.drawing import Drawing
from tinyseq.viz.layout import layout
from tinyseq.viz.modules import FRAME_MARGIN, NESTING, open_frames
from tinyseq.viz.style import (
    ACCENT,
    COLUMN,
    INK,
    INPUT,
    LINE,
    LOSS,
    MODULE,
    OP,
    PARAMETER,
    QUIET,
    STATE,
    LogScale,
    Paint,
    Text,
    label_size,
    number,
    small,
)
from tinyseq.viz.wording import Wording

MOST_BOXES = 2000
PAINTS = {
    "op": OP,
    "state": STATE,
    "input": INPUT,
    "initial": QUIET,
    "elided": QUIET,
    "result": LOSS,
    "parameter": PARAMETER,
}
ROOM_FOR_TEXT = 14.0, 8.0
SIGN_SIZE = 20.0, 20.0


class Painter:
    """Draws a sheet.

    Args:
        content: what to draw.
        gradients: colour boxes by the norm of their gradient, which the record must hold.
        values: write values on boxes.
        depth: draw frames around modules to this depth.

    Raises:
        ValueError: too many boxes for anyone to look at, and for Graphviz to draw in reasonable time.
    """

    def __init__(self, content: Sheet, gradients: bool = False, values: bool = False, depth: int = 0) -> None:
        if len(content.boxes) > MOST_BOXES:
            raise ValueError(
                f"this drawing would have {len(content.boxes):,} boxes; at most {MOST_BOXES:,} are drawn. Choose fewer "
                'time steps (steps=[0, 1, 2, -1]), close modules (depth=1), or fold the loop (view="folded")'
            )
        self.sheet = content
        self.wording = Wording(content, values)
        norms = {box: self.wording.gradient(box) for box in content.boxes} if gradients else {}
        self.norms = {box: norm for box, norm in norms.items() if norm is not None}
        self.scale = LogScale(self.norms.values()) if gradients else None
        self.signs = {box for box in content.boxes if self.wording.is_sign(box)}
        self.lines = {box: self._lines(box) for box in content.boxes}
        self.layout = layout(content, self._size, margin=FRAME_MARGIN + NESTING * depth)
        frames = open_frames(content, self.layout, depth)
        self.frames = {f"{frame_name(frame.column)}_module{i}": frame for i, frame in enumerate(frames)}
        self.labelled: set[object] = set()
        self.told_at: list[float] = []  # the heights of words beside the wires of a folded loop

    def drawing(self) -> Drawing:
        """The finished picture."""
        steps = sum(map(len, self.sheet.plan.steps))
        self.canvas = Canvas(f"{steps} time step{'s' * (steps > 1)}, {'folded' if self.sheet.folded else 'unrolled'}")
        for column, (low, high) in self.layout.frames.items():
            boxes = [box for box in self.sheet.boxes if box.column == column]
            if column.kind != "step":
                for box in boxes:
                    self._draw(self.canvas, box)
                continue
            title = [Text(self.wording.title(column), bold=True)]
            with self.canvas.frame(frame_name(column), low, high, title, paint=COLUMN, top=False) as frame:
                for name, module in self.frames.items():
                    if module.column == column:
                        with frame.frame(name, module.low, module.high, [small(module.title)], paint=MODULE):
                            pass
                for box in boxes:
                    self._draw(frame, box)
        for box in self.sheet.boxes:
            if not box.column:
                self._draw(self.canvas, box)
        for arrow in self.sheet.arrows:
            self._connect(arrow)
        self._legend()
        return self.canvas.drawing()

    def _lines(self, box: Box) -> list[Text]:
        lines = self.wording.lines(box)
        if box in self.norms and box not in self.signs:
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

    def _connect(self, arrow: Arrow) -> None:
        curve = self.layout.curves[arrow]
        color, width, style = {
            "data": (LINE, 1.0, "solid"),
            "time": (ACCENT, 1.6, "solid"),
            "weight": (PARAMETER.outline, 1.0, "dashed"),
        }[arrow.kind]
        if self.scale and arrow.kind == "time":
            width = 0.8 + 3.0 * self.scale.fraction(self.norms.get(arrow.tail, 0.0))
        label, beside = self._label(arrow, curve)
        self.canvas.line(
            arrow.tail.name,
            arrow.head.name,
            curve,
            color=color,
            width=width,
            style=style,
            label=label,
            label_at=beside,
            kind=arrow.kind,
        )

    def _label(self, arrow: Arrow, curve: list[Point]) -> tuple[list[Text], Point]:
        """The words on an arrow, and where: which part of a value arrives, or the shape of what leaves, told once."""
        start, end = curve[0], curve[-1]
        if arrow.delay:
            words = f"{abs(arrow.delay)} step{'s' * (abs(arrow.delay) > 1)} {'later' if arrow.delay > 0 else 'earlier'}"
            label = [small(words, ACCENT)]
            return label, self._beside_wires(curve, label)
        if arrow.kind != "data" or arrow.tail.column != arrow.head.column:
            return [], start
        if arrow.part:
            return self._part_label(arrow, start, end)
        shape = self.wording.new_shape(arrow)
        told = (arrow.tail.column, start.y, shape)
        if not shape or told in self.labelled:
            return [], start
        self.labelled.add(told)
        away = label_size([small(shape)])[0] / 2 + 4
        return [small(shape)], Point(start.x + (-away if end.x > start.x + 4 else away), start.y + 7)

    def _beside_wires(self, curve: list[Point], label: list[Text]) -> Point:
        """The place for the words on a wire that leads back into its loop: right of all wires, where its own turns."""
        wires = [wire for arrow, wire in self.layout.curves.items() if arrow.delay]
        turn = max(curve, key=lambda point: point.x)
        y = max(point.y for point in curve if point.x > turn.x - 8)
        while any(abs(y - taken) < label_size(label)[1] for taken in self.told_at):
            y -= label_size(label)[1]
        self.told_at.append(y)
        return Point(max(point.x for wire in wires for point in wire) + label_size(label)[0] / 2 + 4, y)

    def _part_label(self, arrow: Arrow, start: Point, end: Point) -> tuple[list[Text], Point]:
        """Which part arrives, beside the arrow's tip; told once where the same part of two values arrives."""
        words = self.wording.part(arrow)
        told = (arrow.head, words)
        if told in self.labelled:
            return [], end
        self.labelled.add(told)
        label = [small(words, LINE)]
        away = label_size(label)[0] / 2 + 4
        middle = self.layout.places[arrow.head].x
        left = end.x < middle - 1 or (end.x < middle + 1 and start.x > end.x)  # the side that no line comes from
        return label, Point(end.x + (-away if left else away), end.y - 7)

    def _legend(self) -> None:
        """A row of samples below the picture, and the scale of the gradients' colours."""
        kinds = {box.kind for box in self.sheet.boxes}
        samples = [
            (kind, letter, words)
            for kind, letter, words in (  # the letters tell the samples apart in a grey printout
                ("input", "x", "input"),
                ("op", "", "op"),
                ("state", "h", "state, handed to the next step"),
                ("parameter", "W", "parameter, drawn once however often it is used"),
            )
            if kind in kinds
        ]
        low = min(low.y for low, _ in self.layout.frames.values()) if self.layout.frames else 0.0
        bottoms = [place.y - self.layout.sizes[box][1] / 2 for box, place in self.layout.places.items()]
        x, y = min(p.x - self.layout.sizes[b][0] / 2 for b, p in self.layout.places.items()), min(low, *bottoms) - 26
        for kind, letter, words in samples:
            sample = [small(letter, INK)] if letter else []
            self.canvas.box(f"legend_{kind}", Point(x + 9, y), (18, 12), sample, paint=PAINTS[kind], line_width=1.2)
            text = [small(words)]
            self.canvas.text(f"legend_{kind}_text", Point(x + 24 + label_size(text)[0] / 2, y), text)
            x += label_size(text)[0] + 44
        if self.wording.dtype:
            text = [small(f"every value is {self.wording.dtype}")]
            self.canvas.text("legend_dtype", Point(x + label_size(text)[0] / 2, y), text)
            x += label_size(text)[0] + 24
        if self.scale:
            self._legend_of_gradients(self.scale, Point(x, y))

    def _legend_of_gradients(self, scale: LogScale, at: Point) -> None:
        text = [small("‖∂L‖, norm of the gradient of the loss:")]
        x = at.x + label_size(text)[0]
        self.canvas.text("legend_gradient", Point((at.x + x) / 2, at.y), text)
        for i, value in enumerate(scale.ticks()):
            paint = scale.paint(value)
            center = Point(x + 24 + i * 36, at.y)
            self.canvas.box(f"legend_gradient{i}", center, (36, 14), [small(number(value, 1), paint.text)], paint=paint)


def frame_name(column: Column) -> str:
    """The name of a column's frame."""
    return f"t{column.step}" + f"_phase{column.phase}" * (column.phase > 0)
