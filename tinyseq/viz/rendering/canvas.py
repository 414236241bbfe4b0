"""Placed boxes and arrows, written as SVG and as DOT.

The pictures of this package are computed, not searched for: a time step belongs in its column, a trellis on its grid.
So positions are ours, in points with y upwards, and in DOT Graphviz draws what it is told to (its engine `nop2`). Boxes
are real nodes there, arrows real edges and frames real clusters, so that it can be read, and laid out by other engines.
"""

from html import escape
from typing import Any

from tinyseq.viz.layout.curves import Point, headed
from tinyseq.viz.rendering.drawing import Drawing
from tinyseq.viz.rendering.font import FAMILIES
from tinyseq.viz.rendering.graphviz import INSTALL, DrawingError
from tinyseq.viz.rendering.parts import ARROW, Edge, Frame, Node
from tinyseq.viz.rendering.style import LINE, TEXT_SIZE, clean, markup, unescapable
from tinyseq.viz.rendering.svg import svg_text

TOOLTIP_LIMIT = 300


class Canvas:
    """Collects the parts of one picture.

    Args:
        title: what the picture shows.
    """

    def __init__(self, title: str) -> None:
        self.title = clean(title, limit=120)
        self.frames: list[Frame] = []
        self.edges: list[Edge] = []
        self.nodes: list[Node] = []

    def drawing(self) -> Drawing:
        """The finished picture."""
        svg = svg_text(self.title, self.frames, self.edges, self.nodes)
        return Drawing(self._dot(), self.title, svg=lambda: svg)

    def ends(self) -> list[tuple[str, str]]:
        """Tail and head of each arrow, in the order of the picture."""
        return [(edge.tail, edge.head) for edge in self.edges]

    def _dot(self) -> str:
        graph = _new_digraph(self.title)
        self._write_inside("", graph)
        for i, edge in enumerate(self.edges):
            _write_edge(graph, f"line{i}", edge)
        return str(graph.source)

    def _write_inside(self, name: str, graph: Any) -> None:
        """Write what lies in a frame, or in none, into its graph of DOT."""
        for frame in (frame for frame in self.frames if frame.inside == name):
            with graph.subgraph(name=f"cluster_{frame.name}") as cluster:
                told = " ".join(line.text for line in frame.lines)
                cluster.attr(
                    bb=f"{_pos(frame.low)},{_pos(frame.high)}",
                    style="rounded,filled",
                    fillcolor=frame.paint.fill,
                    color=frame.paint.outline,
                    id=frame.name,
                    tooltip=_plain_text(told) or " ",
                    **({"label": markup(frame.lines), "lp": _pos(frame.title_at)} if frame.lines else {}),
                )
                self._write_inside(frame.name, cluster)
        for node in (node for node in self.nodes if node.inside == name):
            _write_node(graph, node)


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


def _write_node(graph: Any, node: Node) -> None:
    graph.node(
        node.name,
        label=markup(node.lines) if node.lines else "",
        pos=_pos(node.center),
        width=f"{node.size[0] / 72:.4f}",
        height=f"{node.size[1] / 72:.4f}",
        fixedsize="true",
        margin="0",
        shape=node.shape,
        style={"box": "rounded,filled", "plaintext": ""}.get(node.shape, "filled"),
        fillcolor=node.paint.fill,
        color=node.paint.outline,
        penwidth=f"{node.line_width:g}",
        tooltip=_plain_text(node.told),
        id=node.name,
        **{"class": node.kind} if node.kind else {},
    )


def _write_edge(graph: Any, name: str, edge: Edge) -> None:
    graph.edge(
        edge.tail,
        edge.head,
        pos=f"e,{_pos(edge.curve[-1])} " + " ".join(map(_pos, headed(edge.curve, ARROW)[0])),
        color=edge.color,
        penwidth=f"{edge.width:g}",
        style=edge.style,
        tooltip=_plain_text(edge.tooltip) or " ",
        id=name,
        **({"label": markup(edge.label), "lp": _pos(edge.label_at)} if edge.label else {}),
        **({"class": edge.kind} if edge.kind else {}),
    )


def _plain_text(text: str) -> str:
    """A text for tooltips, in which Graphviz finds neither entities nor escape sequences."""
    return escape(unescapable(clean(text, limit=TOOLTIP_LIMIT)), quote=False)


def _pos(point: Point) -> str:
    return f"{point.x:.2f},{point.y:.2f}"
