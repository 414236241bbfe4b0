"""The parts of a picture, from which its SVG and DOT texts are written."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from tinyseq.viz.layout.curves import Point, Size
from tinyseq.viz.rendering.style import LINE, OP, PAPER, Paint, Text, label_size, small

ARROW = 5.0  # the length of an arrowhead in points
TITLE_INSET = 6.0  # between a title and the left side of its frame


class Node(NamedTuple):
    """A box, or text without a box.

    Attributes:
        name: its unique name.
        center, size: its place, in points.
        lines: its text.
        paint, shape, line_width: its appearance; ``"plaintext"`` has no outline.
        tooltip: its tooltip; by default its text.
        kind: its class in SVG.
        anchor: whether its text is centred or left-aligned.
        inside: the name of the frame around it.
    """

    name: str
    center: Point
    size: Size
    lines: Sequence[Text] = ()
    paint: Paint = OP
    shape: Literal["box", "rect", "ellipse", "circle", "plaintext"] = "box"
    line_width: float = 1.0
    tooltip: str = ""
    kind: str = ""
    anchor: Literal["middle", "start"] = "middle"
    inside: str = ""

    @property
    def told(self) -> str:
        return self.tooltip or " ".join(line.text for line in self.lines)


def words(name: str, center: Point, *lines: Text) -> Node:
    """Text without a box, centred at a point."""
    return Node(name, center, label_size(lines), lines, shape="plaintext")


def words_from(name: str, left: Point, *lines: Text) -> Node:
    """Text that starts at a point."""
    size = label_size(lines)
    return Node(name, Point(left.x + size[0] / 2, left.y), size, lines, shape="plaintext", anchor="start")


def chip_on_line(name: str, said: str) -> Node:
    """A small label that covers the line below it. It has no place yet."""
    line = small(said)
    paper = Paint(PAPER, PAPER)
    return Node(name, Point(0.0, 0.0), (line.width + 2, line.height - 1), [line], paper, "rect", line_width=0)


class Edge(NamedTuple):
    """An arrow.

    Attributes:
        tail, head: the names of the nodes that it connects.
        curve: a chain of cubic Bezier curves, of 1 + 3n points.
        color, width, style: its appearance; colours of eight digits are translucent.
        label, label_at: its label, and the centre of that.
        tooltip: its tooltip.
        kind: its class in SVG.
    """

    tail: str
    head: str
    curve: Sequence[Point]
    color: str = LINE
    width: float = 1.0
    style: Literal["solid", "dashed"] = "solid"
    label: Sequence[Text] = ()
    label_at: Point = Point(0.0, 0.0)
    tooltip: str = ""
    kind: str = ""


class Frame(NamedTuple):
    """A frame around nodes.

    Attributes:
        name: its unique name.
        low, high: its lower left and upper right corner.
        lines: its title, in the upper left corner if `top`, else at the bottom.
        paint: its colours.
        aside: how far a title at the bottom stands from the middle.
        inside: the name of the frame around it.
    """

    name: str
    low: Point
    high: Point
    lines: Sequence[Text]
    paint: Paint
    top: bool = True
    inside: str = ""
    aside: float = 0.0

    @property
    def title_at(self) -> Point:
        """The centre of the title."""
        width, height = label_size(self.lines)
        if self.top:
            return Point(self.low.x + TITLE_INSET + width / 2, self.high.y - height / 2 - 2)
        return Point((self.low.x + self.high.x) / 2 + self.aside, self.low.y + height / 2 + 3)
