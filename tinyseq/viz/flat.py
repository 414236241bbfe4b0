"""A computation as the tape has it: every op a box, laid out by Graphviz from the inputs up."""

import numpy as np

from tinyseq.backend import to_numpy
from tinyseq.viz.canvas import new_digraph, plain_text
from tinyseq.viz.drawing import Drawing
from tinyseq.viz.record import Record, Source, Vertex
from tinyseq.viz.style import (
    LOSS,
    OP,
    PARAMETER,
    LogScale,
    Paint,
    Text,
    markup,
    number,
    shape_text,
    small,
)
from tinyseq.viz.wording import leaf_name, value_text

MOST_VERTICES = 1500


def draw_flat(computation: Record, gradients: bool = False, values: bool = False) -> Drawing:
    """Draw every vertex of a record.

    Args:
        computation: what to draw.
        gradients: colour boxes by the norm of their gradient, which the record must hold.
        values: write values on boxes.

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
    for vertex in computation.vertices:
        paint = PARAMETER if vertex.is_leaf else LOSS if vertex.id == count - 1 else OP
        lines = _lines(computation, vertex, values)
        if gradients:
            paint = scale.paint(norms[vertex.id], paint.outline)
            lines = [line._replace(color=paint.text) for line in (*lines, small(f"‖∂L‖ {number(norms[vertex.id], 2)}"))]
        graph.node(f"v{vertex.id}", id=f"v{vertex.id}", **_box(lines, paint, vertex))
    for i, (source, vertex) in enumerate(edges(computation)):
        tail = computation.vertices[source[0]]
        part = f"[{source[1]}] " if len(tail.shapes) > 1 else ""
        words = markup([small(part + shape_text(tail.shapes[source[1]]))])
        label = f"<&#160;{words[1:]}"  # a space, so that they are clear of the line
        graph.edge(f"v{tail.id}", f"v{vertex.id}", label=label, id=f"line{i}")
    return Drawing(graph.source, title)


def edges(computation: Record) -> list[tuple[Source, Vertex]]:
    """The values that go from vertex to vertex, in the order in which they are drawn."""
    return [(parent, vertex) for vertex in computation.vertices for parent in vertex.parents if parent is not None]


def _box(lines: list[Text], paint: Paint, vertex: Vertex) -> dict[str, str]:
    place = ".".join(vertex.scope) + ("" if vertex.step is None else f", step {vertex.step}")
    about = f"{vertex.op or leaf_name(vertex)} {', '.join(map(str, vertex.shapes))} {vertex.dtype}"
    return {
        "label": markup(lines),
        "fillcolor": paint.fill,
        "color": paint.outline,
        "tooltip": plain_text(f"{about} in {place}" if place else about),
    }


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
    total = sum(float(np.sum(np.square(to_numpy(part), dtype=np.float64))) for part in parts if part is not None)
    return float(np.sqrt(total))
