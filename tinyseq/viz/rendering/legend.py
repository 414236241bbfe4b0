"""The legend below a drawing: samples of its boxes, and its colour scale."""

from collections.abc import Collection

from tinyseq.viz.layout.curves import Point
from tinyseq.viz.rendering.parts import Node, words_from
from tinyseq.viz.rendering.settings import in_type
from tinyseq.viz.rendering.style import INK, PAINTS, PAPER, LogScale, number, small

ROW, GAP, LEAST = 20.0, 22.0, 300.0  # points: between rows, between entries, and the minimum width of a row
SAMPLE, CELL, BESIDE = (18.0, 12.0), (36.0, 14.0), 6.0
SAMPLES = {  # letters distinguish the samples in grey printouts
    "input": ("x", "input"),
    "op": ("", "op"),
    "state": ("h", "state, handed to the next step"),
    "parameter": ("W", "parameter, drawn once however often it is used"),
}


def legend(at: Point, right: float, kinds: Collection[str], dtype: str, scale: LogScale | None) -> list[Node]:
    """A legend, in as many rows as needed.

    Args:
        at: the left end of its first row.
        right: the preferred right end of rows.
        kinds: the kinds of boxes in the drawing.
        dtype: the dtype of all values; empty if they differ.
        scale: the colours of gradients, if they are shown.
    """
    entries = [_sample(kind, *SAMPLES[kind], shaded=scale is not None) for kind in SAMPLES if kind in kinds]
    if dtype:
        entries.append([words_from("legend_dtype", Point(0.0, 0.0), small(f"every value is {dtype}"))])
    if scale:
        entries.append(_colours(scale))
    nodes: list[Node] = []
    x, y = at
    for entry in entries:
        width = _right(entry[-1])
        if x > at.x and x + width > max(right, at.x + LEAST):
            x, y = at.x, y - in_type(ROW)
        nodes += [node._replace(center=Point(x + node.center.x, y)) for node in entry]
        x += width + GAP
    return nodes


def _right(node: Node) -> float:
    return node.center.x + node.size[0] / 2


def _sample(kind: str, letter: str, said: str, shaded: bool) -> list[Node]:
    paint = PAINTS[kind]._replace(fill=PAPER) if shaded and kind != "input" else PAINTS[kind]  # gradients fill boxes
    lines = [small(letter, INK)] if letter else []
    size = in_type(SAMPLE[0]), in_type(SAMPLE[1])
    sample = Node(f"legend_{kind}", Point(size[0] / 2, 0.0), size, lines, paint, line_width=1.2)
    return [sample, words_from(f"legend_{kind}_text", Point(size[0] + BESIDE, 0.0), small(said))]


def _colours(scale: LogScale) -> list[Node]:
    nodes = [words_from("legend_gradient", Point(0.0, 0.0), small("‖∂L‖, norm of the gradient of the loss:"))]
    width, height = in_type(CELL[0]), in_type(CELL[1])
    first = _right(nodes[0]) + BESIDE + width / 2
    for i, value in enumerate(scale.ticks()):
        paint = scale.paint(value)
        lines = [small(number(value, 1 if value < 9.5 else 2), paint.text)]
        nodes.append(Node(f"legend_gradient{i}", Point(first + i * width, 0.0), (width, height), lines, paint))
    return nodes
