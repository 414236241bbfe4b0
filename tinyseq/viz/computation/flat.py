"""A computation as the tape has it: every op a box, laid out by Graphviz from the inputs up."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

from tinyseq.backend import to_numpy
from tinyseq.inspect.paths import size_of
from tinyseq.viz.computation.labels import leaf_name, value_text
from tinyseq.viz.computation.record import Record, Source, Vertex
from tinyseq.viz.layout.curves import Point
from tinyseq.viz.rendering.canvas import Canvas, new_digraph, plain_text
from tinyseq.viz.rendering.drawing import Drawing
from tinyseq.viz.rendering.graphviz import render
from tinyseq.viz.rendering.style import (
    LOSS,
    OP,
    PARAMETER,
    ROOM_FOR_TEXT,
    LogScale,
    Text,
    label_size,
    markup,
    number,
    shape_text,
    small,
)

MOST_VERTICES = 1500


def draw_flat(computation: Record, gradients: bool = False, values: bool = False, note: str = "") -> Drawing:
    """Draw every vertex of a record.

    Args:
        computation: what to draw.
        gradients: colour boxes by the norm of their gradient, which the record must hold.
        values: write values on boxes.
        note: what to say below.

    Raises:
        ValueError: too many vertices for anyone to look at, and for Graphviz to lay out in reasonable time.
    """
    count = len(computation.vertices)
    if count > MOST_VERTICES:
        raise ValueError(
            f"this drawing would have {count:,} boxes; at most {MOST_VERTICES:,} are drawn. Draw a shorter sequence, "
            'or mark the loop\'s steps with ts.step(t) and use view="unrolled", which leaves out the middle ones'
        )
    norms = {vertex.id: gradient_norm(computation, vertex) for vertex in computation.vertices} if gradients else {}
    scale = LogScale(norms.values())
    title = f"{count} ops and leaves"
    graph = new_digraph(title, engine="dot", graph_attr={"rankdir": "BT", "nodesep": "0.2", "ranksep": "0.35"})
    canvas = Canvas(title)
    boxes: dict[str, Callable[[Point], None]] = {}
    for vertex in computation.vertices:
        paint = PARAMETER if vertex.is_leaf else LOSS if vertex.id == count - 1 else OP
        lines = _lines(computation, vertex, values)
        if gradients:
            paint = scale.paint(norms[vertex.id], paint.outline)
            lines = [line._replace(color=paint.text) for line in (*lines, small(f"‖∂L‖ {number(norms[vertex.id], 2)}"))]
        name, (width, height), about = f"v{vertex.id}", label_size(lines), _about(vertex)
        size = width + ROOM_FOR_TEXT[0], height + ROOM_FOR_TEXT[1]
        inches = {"width": f"{size[0] / 72:.4f}", "height": f"{size[1] / 72:.4f}", "fixedsize": "true"}
        colors = {"fillcolor": paint.fill, "color": paint.outline}
        graph.node(name, label=markup(lines), id=name, tooltip=plain_text(about), **inches, **colors)
        boxes[name] = partial(canvas.box, name, size=size, lines=lines, paint=paint, tooltip=about)
    words: list[Text] = []
    for i, (source, vertex) in enumerate(edges(computation)):
        tail = computation.vertices[source[0]]
        part = f"[{source[1]}] " if len(tail.shapes) > 1 else ""
        words.append(small(part + shape_text(tail.shapes[source[1]])))
        graph.edge(f"v{tail.id}", f"v{vertex.id}", label=_in_room(words[-1]), id=f"line{i}")

    @cache
    def svg() -> str:
        left, low = _place(render(graph.source, "json"), canvas, boxes, words)
        if note:
            canvas.text_from("note", Point(left, low - 14), small(note))
        return canvas.drawing().svg()

    return Drawing(graph.source, title, svg=svg)


def _in_room(line: Text) -> str:
    """A label of the size that it has in the font of this package, a little to the right of its line."""
    width, height = math.ceil(line.width) + 4, math.ceil(line.height)
    cell = f'<td fixedsize="true" width="{width}" height="{height}">{markup([line])[1:-1]}</td>'
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr>{cell}</tr></table>>'


def _place(found: bytes, canvas: Canvas, boxes: Mapping[str, Callable[[Point], None]], words: Sequence[Text]) -> Point:
    """Draw boxes and lines where Graphviz has placed them; returns the lower left corner."""
    layout = json.loads(found)
    for node in layout.get("objects", []):
        boxes[node["name"]](_point(node["pos"]))
    for edge in sorted(layout.get("edges", []), key=lambda edge: int(edge["id"].removeprefix("line"))):
        tip, *points = edge["pos"].split()  # such as e,1,2 3,4 5,6
        curve = [*map(_point, points[:-1]), _point(tip.removeprefix("e,"))]
        tail, head = (layout["objects"][edge[end]]["name"] for end in ("tail", "head"))
        line = words[len(canvas.lines)]
        canvas.line(tail, head, curve, label=[line] if line.text else [], label_at=_point(edge["lp"]))
    return _point(",".join(layout["bb"].split(",")[:2]))


def _point(text: str) -> Point:
    x, y = map(float, text.split(","))
    return Point(x, y)


def edges(computation: Record) -> list[tuple[Source, Vertex]]:
    """The values that go from vertex to vertex, in the order in which they are drawn."""
    return [(parent, vertex) for vertex in computation.vertices for parent in vertex.parents if parent is not None]


def _about(vertex: Vertex) -> str:
    place = ".".join(vertex.scope) + ("" if vertex.step is None else f", step {vertex.step}")
    about = f"{vertex.op or leaf_name(vertex)} {', '.join(map(str, vertex.shapes))} {vertex.dtype}"
    return f"{about} in {place}" if place else about


def _lines(computation: Record, vertex: Vertex, values: bool) -> list[Text]:
    if vertex.is_leaf:
        lines = [Text(leaf_name(vertex), bold=True), small(f"{shape_text(vertex.shape)} {vertex.dtype}")]
    else:
        lines = [Text(vertex.op.replace("_", " "))]
        if vertex.id == len(computation.vertices) - 1:
            result = to_numpy(computation.values[vertex.id, 0])
            lines.append(Text(f"loss L = {number(result.item(), 4)}" if result.size == 1 else "result", bold=True))
        if vertex.step is not None:
            lines.append(small(f"t = {vertex.step}"))
    if values:
        value = computation.values.get((vertex.id, 0))
        text = "" if value is None else value_text(to_numpy(value))
        lines += [small(text)] if text else []
    return lines


def gradient_norm(computation: Record, vertex: Vertex) -> float:
    """The norm of the gradient with respect to all outputs of a vertex."""
    parts = (computation.gradients.get((vertex.id, output)) for output in range(len(vertex.shapes)))
    return math.hypot(*(float(size_of(part)) for part in parts if part is not None))
