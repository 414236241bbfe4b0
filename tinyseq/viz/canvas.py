"""Placed boxes and lines, written as DOT.

The pictures of this package are computed, not searched for: a time step belongs in its column, a trellis on its grid.
So positions are ours, in points with y upwards, and Graphviz draws what it is told to (its engine `nop2`). Boxes are
real nodes, lines real edges and frames real clusters, so that the DOT text can be read, and laid out by other engines.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any, NamedTuple

from tinyseq.viz.drawing import INSTALL, Drawing, DrawingError
from tinyseq.viz.style import FONT, LINE, OP, TEXT_SIZE, Paint, Text, clean, label_size, markup, unescapable

ARROW = 5.0  # the length of an arrowhead in points
TITLE_INSET = 6.0  # between a title and the left side of its frame
TOOLTIP_LIMIT = 300


class Point(NamedTuple):
    """A place in the picture, in points, y upwards."""

    x: float
    y: float


def new_digraph(title: str, engine: str, graph_attr: Mapping[str, str]) -> Any:
    """An empty directed graph of the graphviz package, in this package's style.

    Raises:
        DrawingError: the graphviz package is not installed.
    """
    try:
        import graphviz
    except ImportError:
        raise DrawingError(f"drawings are written with the graphviz package, which is missing. {INSTALL}") from None
    return graphviz.Digraph(
        graph_attr={"layout": engine, "fontname": FONT, "pad": "0.1", "tooltip": plain_text(title), **graph_attr},
        node_attr={"fontname": FONT, "fontsize": f"{TEXT_SIZE:g}", "shape": "box", "style": "rounded,filled"},
        edge_attr={"fontname": FONT, "arrowsize": f"{ARROW / 10:g}", "color": LINE},
    )


def plain_text(text: str) -> str:
    """A text for tooltips, in which Graphviz finds neither entities nor escape sequences."""
    return escape(unescapable(clean(text, limit=TOOLTIP_LIMIT)), quote=False)


class Canvas:
    """Collects the parts of one picture.

    Args:
        title: what the picture shows.
    """

    def __init__(self, title: str) -> None:
        self.title = clean(title, limit=120)
        self.lines: list[tuple[str, str]] = []  # tail and head of each line
        self._graph = new_digraph(self.title, engine="nop2", graph_attr={"outputorder": "edgesfirst"})

    def box(
        self,
        name: str,
        center: Point,
        size: tuple[float, float],
        lines: Sequence[Text] = (),
        *,
        paint: Paint = OP,
        shape: str = "box",
        line_width: float = 1.0,
        tooltip: str = "",
        kind: str = "",
        label: str = "",
    ) -> None:
        """A box (or ellipse, or plain text) around its centre; `name` must be new, `kind` is its class in SVG, and
        `label` is HTML-like text of Graphviz in place of lines."""
        self._graph.node(
            name,
            label=label or (markup(lines) if lines else ""),
            pos=_pos(center),
            width=f"{size[0] / 72:.4f}",
            height=f"{size[1] / 72:.4f}",
            fixedsize="true",
            margin="0",
            shape=shape,
            style={"box": "rounded,filled", "plaintext": ""}.get(shape, "filled"),
            fillcolor=paint.fill,
            color=paint.outline,
            penwidth=f"{line_width:g}",
            tooltip=plain_text(tooltip or " ".join(line.text for line in lines)),
            id=name,
            **{"class": kind} if kind else {},
        )

    def text(self, name: str, center: Point, lines: Sequence[Text], tooltip: str = "") -> None:
        """Words without a box."""
        self.box(name, center, label_size(lines), lines, shape="plaintext", tooltip=tooltip)

    def text_from(self, name: str, left: Point, line: Text) -> float:
        """A line that begins at a point; returns the width that it may take."""
        width = math.ceil(1.1 * line.width) + 4  # the font that will be used is not known here
        row = f'<tr><td align="left" width="{width}">{markup([line])[1:-1]}</td></tr>'
        self.box(
            name,
            Point(left.x + width / 2, left.y),
            (width, line.height),
            label=f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="0">{row}</table>>',
            shape="plaintext",
            tooltip=line.text,
        )
        return width

    def line(
        self,
        tail: str,
        head: str,
        curve: Sequence[Point],
        *,
        color: str = LINE,
        width: float = 1.0,
        style: str = "solid",
        arrow: bool = True,
        label: Sequence[Text] = (),
        label_at: Point | None = None,
        tooltip: str = "",
        kind: str = "",
    ) -> None:
        """An edge along a chain of cubic Bezier curves (1 + 3n points), with an arrowhead at its end."""
        points = list(curve)
        end = ""
        if arrow:
            tip = points[-1]
            points[-1] = _short_of(points[-2], tip, ARROW)
            end = f"e,{_pos(tip)} "
        attributes = {"label": markup(label), "lp": _pos(label_at)} if label and label_at else {}
        if kind:
            attributes["class"] = kind
        attributes["id"] = f"line{len(self.lines)}"
        self.lines.append((tail, head))
        self._graph.edge(
            tail,
            head,
            pos=end + " ".join(map(_pos, points)),
            color=color,
            penwidth=f"{width:g}",
            style=style,
            dir="forward" if arrow else "none",
            tooltip=plain_text(tooltip) or " ",
            **attributes,
        )

    @contextmanager
    def frame(
        self,
        name: str,
        low: Point,
        high: Point,
        lines: Sequence[Text] = (),
        *,
        paint: Paint,
        top: bool = True,
    ) -> Iterator["Canvas"]:
        """A frame from its lower left to its upper right corner, as a cluster; what it yields draws inside of it.

        Its title stands in the upper left corner, or below what is inside.
        """
        inside = Canvas.__new__(Canvas)
        inside.title, inside.lines = self.title, self.lines
        with self._graph.subgraph(name=f"cluster_{name}") as cluster:
            cluster.attr(
                bb=f"{_pos(low)},{_pos(high)}",
                style="rounded,filled",
                fillcolor=paint.fill,
                color=paint.outline,
                id=name,
                tooltip=plain_text(" ".join(line.text for line in lines)) or " ",
            )
            if lines:
                place = title_place(low, high, lines)
                if not top:
                    place = Point((low.x + high.x) / 2, low.y + label_size(lines)[1] / 2 + 3)
                cluster.attr(label=markup(lines), lp=_pos(place))
            inside._graph = cluster
            yield inside

    def drawing(self) -> Drawing:
        """The finished picture."""
        return Drawing(self._graph.source, self.title)


def title_place(low: Point, high: Point, lines: Sequence[Text]) -> Point:
    """The middle of a title in the upper left corner of a frame."""
    width, height = label_size(lines)
    return Point(low.x + TITLE_INSET + width / 2, high.y - height / 2 - 2)


def straight(*points: Point) -> list[Point]:
    """A line through points, as Bezier curves."""
    curve = [points[0]]
    for start, end in itertools.pairwise(points):
        curve += [_between(start, end, 1 / 3), _between(start, end, 2 / 3), end]
    return curve


def rounded(points: Sequence[Point], radius: float = 7.0) -> list[Point]:
    """A line through points with its corners rounded off, as Bezier curves."""
    corners = [point for i, point in enumerate(points) if i == 0 or math.dist(point, points[i - 1]) > 0.01]
    curve = [corners[0]]
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        entry = _short_of(before, corner, min(radius, math.dist(before, corner) / 2))
        leave = _short_of(after, corner, min(radius, math.dist(after, corner) / 2))
        curve += straight(curve[-1], entry)[1:]
        curve += [_between(entry, corner, 0.55), _between(leave, corner, 0.55), leave]
    return curve + straight(curve[-1], corners[-1])[1:]


def climbing(points: Sequence[Point]) -> list[Point]:
    """A smooth way up through points, which it passes vertically."""
    curve = [points[0]]
    for start, end in itertools.pairwise(points):
        bend = (end.y - start.y) / 2
        curve += [Point(start.x, start.y + bend), Point(end.x, end.y - bend), end]
    return curve


def _between(start: Point, end: Point, fraction: float) -> Point:
    return Point(start.x + (end.x - start.x) * fraction, start.y + (end.y - start.y) * fraction)


def _short_of(start: Point, end: Point, distance: float) -> Point:
    """The point `distance` before the end of the way from start to end."""
    length = math.dist(start, end)
    return _between(start, end, 1 - distance / length) if length > distance else start


def _pos(point: Point) -> str:
    return f"{point.x:.2f},{point.y:.2f}"
