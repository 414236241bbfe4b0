"""The legend of an unrolled drawing: samples of its boxes, and the scale of its colours, in rows below it."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from tinyseq.viz.layout.curves import Point
from tinyseq.viz.rendering.canvas import Canvas
from tinyseq.viz.rendering.style import INK, INPUT, OP, PARAMETER, STATE, LogScale, Paint, label_size, number, small

ROW, GAP, LEAST = 20.0, 22.0, 300.0  # points: from row to row, between entries, and what a row may always take
SAMPLE, CELL = (18.0, 12.0), (36.0, 14.0)
SAMPLES: tuple[tuple[str, str, str, Paint], ...] = (  # the letters tell the samples apart in a grey printout
    ("input", "x", "input", INPUT),
    ("op", "", "op", OP),
    ("state", "h", "state, handed to the next step", STATE),
    ("parameter", "W", "parameter, drawn once however often it is used", PARAMETER),
)


class Entry(NamedTuple):
    """Something that a legend says.

    Attributes:
        width: the room that it takes.
        draw: draws it, given the middle of its left side.
    """

    width: float
    draw: Callable[[Point], None]


def draw_legend(
    canvas: Canvas, at: Point, right: float, kinds: Collection[str], dtype: str, scale: LogScale | None
) -> None:
    """Draw a legend in as many rows as it takes.

    Args:
        canvas: where to draw.
        at: the middle of the left side of its first row.
        right: where rows should end.
        kinds: the kinds of boxes that there are.
        dtype: the type of all values, empty if they differ.
        scale: the colours of gradients, if they are shown.
    """
    entries = [_sample(canvas, *sample) for sample in SAMPLES if sample[0] in kinds]
    if dtype:
        entries.append(_words(canvas, "legend_dtype", f"every value is {dtype}"))
    if scale:
        entries.append(_colours(canvas, scale))
    x, y = at
    for width, draw in entries:
        if x > at.x and x + width > max(right, at.x + LEAST):
            x, y = at.x, y - ROW
        draw(Point(x, y))
        x += width + GAP


def _words(canvas: Canvas, name: str, words: str) -> Entry:
    text = [small(words)]
    width = label_size(text)[0]
    return Entry(width, lambda at: canvas.text(name, Point(at.x + width / 2, at.y), text))


def _sample(canvas: Canvas, kind: str, letter: str, words: str, paint: Paint) -> Entry:
    said = _words(canvas, f"legend_{kind}_text", words)
    text = [small(letter, INK)] if letter else []

    def draw(at: Point) -> None:
        center = Point(at.x + SAMPLE[0] / 2, at.y)
        canvas.box(f"legend_{kind}", center, SAMPLE, text, paint=paint, line_width=1.2)
        said.draw(Point(at.x + SAMPLE[0] + 6, at.y))

    return Entry(SAMPLE[0] + 6 + said.width, draw)


def _colours(canvas: Canvas, scale: LogScale) -> Entry:
    said = _words(canvas, "legend_gradient", "‖∂L‖, norm of the gradient of the loss:")
    ticks = scale.ticks()

    def draw(at: Point) -> None:
        said.draw(at)
        for i, value in enumerate(ticks):
            paint = scale.paint(value)
            center = Point(at.x + said.width + 6 + (i + 0.5) * CELL[0], at.y)
            canvas.box(f"legend_gradient{i}", center, CELL, [small(number(value, 1), paint.text)], paint=paint)

    return Entry(said.width + 6 + len(ticks) * CELL[0], draw)
