"""Placed boxes and lines, written as SVG and as DOT.

The pictures of this package are computed, not searched for: a time step belongs in its column, a trellis on its grid.
So positions are ours, in points with y upwards, and in DOT Graphviz draws what it is told to (its engine `nop2`). Boxes
are real nodes there, lines real edges and frames real clusters, so that it can be read, and laid out by other engines.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from html import escape
from typing import Any

from tinyseq.viz.layout.curves import Point, Size, headed
from tinyseq.viz.rendering.drawing import Drawing
from tinyseq.viz.rendering.font import FAMILIES
from tinyseq.viz.rendering.graphviz import INSTALL, DrawingError
from tinyseq.viz.rendering.style import LINE, OP, TEXT_SIZE, Paint, Text, clean, label_size, markup, unescapable
from tinyseq.viz.rendering.svg import Svg

ARROW = 5.0  # the length of an arrowhead in points
TITLE_INSET = 6.0  # between a title and the left side of its frame
TOOLTIP_LIMIT = 300


def _new_digraph(title: str) -> Any:
    """An empty directed graph of the graphviz package, in this package's style.

    Raises:
        DrawingError: the graphviz package is not installed.
    """
    try:
        import graphviz
    except ImportError:
        raise DrawingError(f"drawings are written with the graphviz package, which is missing. {INSTALL}") from None
    return graphviz.Digraph(
        graph_attr={
            "layout": "nop2",
            "fontname": FAMILIES,
            "pad": "0.1",
            "tooltip": _plain_text(title),
            "outputorder": "edgesfirst",
        },
        node_attr={"fontname": FAMILIES, "fontsize": f"{TEXT_SIZE:g}", "shape": "box", "style": "rounded,filled"},
        edge_attr={"fontname": FAMILIES, "arrowsize": f"{ARROW / 10:g}", "color": LINE},
    )


def _plain_text(text: str) -> str:
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
        self._svg = Svg()
        self._graph = _new_digraph(self.title)

    def box(
        self,
        name: str,
        center: Point,
        size: Size,
        lines: Sequence[Text] = (),
        *,
        paint: Paint = OP,
        shape: str = "box",
        line_width: float = 1.0,
        tooltip: str = "",
        kind: str = "",
    ) -> None:
        """A box (or ellipse, or plain text) around its centre; `name` must be new, `kind` is its class in SVG."""
        told = tooltip or " ".join(line.text for line in lines)
        words = self._svg.words_at(center, lines)
        self._svg.box(name, kind, shape, center, size, paint, line_width, words, told)
        self._node(name, center, size, markup(lines) if lines else "", shape, paint, line_width, told, kind)

    def _node(
        self,
        name: str,
        center: Point,
        size: Size,
        label: str,
        shape: str,
        paint: Paint,
        width: float,
        told: str,
        kind: str,
    ) -> None:
        self._graph.node(
            name,
            label=label,
            pos=_pos(center),
            width=f"{size[0] / 72:.4f}",
            height=f"{size[1] / 72:.4f}",
            fixedsize="true",
            margin="0",
            shape=shape,
            style={"box": "rounded,filled", "plaintext": ""}.get(shape, "filled"),
            fillcolor=paint.fill,
            color=paint.outline,
            penwidth=f"{width:g}",
            tooltip=_plain_text(told),
            id=name,
            **{"class": kind} if kind else {},
        )

    def text(self, name: str, center: Point, lines: Sequence[Text], tooltip: str = "") -> None:
        """Words without a box."""
        self.box(name, center, label_size(lines), lines, shape="plaintext", tooltip=tooltip)

    def text_from(self, name: str, left: Point, line: Text) -> None:
        """A line that begins at a point."""
        center, size = Point(left.x + line.width / 2, left.y), (line.width, line.height)
        words = self._svg.words_from(left, line)
        self._svg.box(name, "", "plaintext", center, size, OP, 0.0, words, line.text)
        self._node(name, center, size, markup([line]), "plaintext", OP, 1.0, line.text, "")

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
        name = f"line{len(self.lines)}"
        self.lines.append((tail, head))
        points, tip = headed(curve, ARROW) if arrow else (list(curve), [])
        words = self._svg.words_at(label_at, label) if label and label_at else ""
        self._svg.line(name, kind, points, color, width, style, tip, words, tooltip)
        self._graph.edge(
            tail,
            head,
            pos=(f"e,{_pos(curve[-1])} " if arrow else "") + " ".join(map(_pos, points)),
            color=color,
            penwidth=f"{width:g}",
            style=style,
            dir="forward" if arrow else "none",
            tooltip=_plain_text(tooltip) or " ",
            id=name,
            **({"label": markup(label), "lp": _pos(label_at)} if label and label_at else {}),
            **({"class": kind} if kind else {}),
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
        inside = copy(self)
        told = " ".join(line.text for line in lines)
        place = title_place(low, high, lines)
        if not top:
            place = Point((low.x + high.x) / 2, low.y + label_size(lines)[1] / 2 + 3)
        self._svg.frame(name, low, high, paint, self._svg.words_at(place, lines) if lines else "", told)
        with self._graph.subgraph(name=f"cluster_{name}") as inside._graph:
            inside._graph.attr(
                bb=f"{_pos(low)},{_pos(high)}",
                style="rounded,filled",
                fillcolor=paint.fill,
                color=paint.outline,
                id=name,
                tooltip=_plain_text(told) or " ",
                **({"label": markup(lines), "lp": _pos(place)} if lines else {}),
            )
            yield inside

    def drawing(self) -> Drawing:
        """The finished picture."""
        text = self._svg.text(self.title)
        return Drawing(self._graph.source, self.title, svg=lambda: text)


def title_place(low: Point, high: Point, lines: Sequence[Text]) -> Point:
    """The middle of a title in the upper left corner of a frame."""
    width, height = label_size(lines)
    return Point(low.x + TITLE_INSET + width / 2, high.y - height / 2 - 2)


def _pos(point: Point) -> str:
    return f"{point.x:.2f},{point.y:.2f}"
