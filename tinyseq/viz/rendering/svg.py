"""The text of an SVG file. All positions are known, so no fonts are needed.

Text is centred in its box, so that it stays in the middle if a viewer uses another font than the embedded one.
"""

import re
from collections.abc import Iterator, Sequence
from html import escape

from tinyseq.viz.layout.curves import Point, Size, around, headed
from tinyseq.viz.rendering.font import FAMILIES, font_faces
from tinyseq.viz.rendering.parts import ARROW, Edge, Frame, Node
from tinyseq.viz.rendering.settings import fitted, in_type
from tinyseq.viz.rendering.style import (
    BESIDE,
    INDEX_SIZE,
    PAPER,
    Paint,
    Text,
    clean,
    label_size,
    row_size,
    rows_of,
)

PAD = 7.2  # around the picture, in points
BASELINE = 0.35  # below the middle of a line, relative to the type size
DROP = 0.2  # of an index below its line
ROUNDING = 10.0  # the radius of corners; smaller in small boxes


def svg_text(title: str, frames: Sequence[Frame], edges: Sequence[Edge], nodes: Sequence[Node]) -> str:
    """The whole file: frames are painted first, then arrows, then boxes."""
    (left, low), (right, high) = around(taken(frames, edges, nodes))
    left, low, right, high = left - PAD, low - PAD, right + PAD, high + PAD
    size = right - left, high - low
    shown = [f"{side * fitted(size):.2f}" for side in size]
    parts = [*map(_frame, frames), *(_edge(f"line{i}", edge) for i, edge in enumerate(edges)), *map(_node, nodes)]
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
        f'<svg width="{shown[0]}pt" height="{shown[1]}pt" viewBox="0 0 {size[0]:.2f} {size[1]:.2f}"'
        ' xmlns="http://www.w3.org/2000/svg">\n'
        f"<style>{font_faces()}</style>\n"
        f'<g id="graph0" class="graph" font-family="{FAMILIES}" transform="translate({-left:.2f} {high:.2f})">\n'
        f"{_tip(title)}"
        f'<polygon fill="{PAPER}" stroke="none" points="{left:.2f},{-high:.2f} {right:.2f},{-high:.2f} '
        f'{right:.2f},{-low:.2f} {left:.2f},{-low:.2f}"/>\n' + "".join(parts) + "</g>\n</svg>\n"
    )


def taken(frames: Sequence[Frame], edges: Sequence[Edge], nodes: Sequence[Node]) -> Iterator[tuple[Point, Size]]:
    """The centres and sizes of everything in the picture."""
    for node in nodes:
        yield node.center, node.size
        yield node.center, label_size(node.lines)
    for frame in frames:
        yield _rectangle(frame)
        yield frame.title_at, label_size(frame.lines)
    for edge in edges:
        yield from ((point, (0.0, 0.0)) for point in edge.curve)
        if edge.label:
            yield edge.label_at, label_size(edge.label)


def _rectangle(frame: Frame) -> tuple[Point, Size]:
    low, high = frame.low, frame.high
    return Point((low.x + high.x) / 2, (low.y + high.y) / 2), (high.x - low.x, high.y - low.y)


def _node(node: Node) -> str:
    parts = [_tip(node.told), _block(node.center, node.lines, node.anchor)]
    if node.shape != "plaintext":
        parts.insert(1, _outline(node.shape, node.center, node.size, _stroke(node.paint, node.line_width)))
    return _group(node.name, f"node {node.kind}", parts)


def _frame(frame: Frame) -> str:
    told = " ".join(line.text for line in frame.lines)
    outline = _outline("box", *_rectangle(frame), _stroke(frame.paint, 1.0))
    return _group(frame.name, "cluster", [_tip(told), outline, _block(frame.title_at, frame.lines)])


def _edge(name: str, edge: Edge) -> str:
    points, tip = headed(edge.curve, ARROW)
    ink = _ink("stroke", edge.color) + (f' stroke-width="{edge.width:g}"' if edge.width != 1 else "")
    dashes = ' stroke-dasharray="5,2"' if edge.style == "dashed" else ""
    first, *rest = map(_pair, points)
    parts = [
        _tip(edge.tooltip),
        f'<path fill="none"{ink}{dashes} d="M{first}C{" ".join(rest)}"/>',
        f'<polygon{_ink("fill", edge.color)}{ink} points="{" ".join(map(_pair, tip))}"/>',
        _block(edge.label_at, edge.label),
    ]
    return _group(name, f"edge {edge.kind}", parts)


def _pair(point: Point) -> str:
    return f"{point.x:.2f},{-point.y:.2f}"


def _group(name: str, kind: str, parts: Sequence[str]) -> str:
    inside = "\n".join(part for part in parts if part)
    return f'<g id="{escape(name)}" class="{kind.strip()}">\n{inside}\n</g>\n'


def _tip(told: str) -> str:
    return f"<title>{escape(clean(told, limit=300))}</title>" if told.strip() else ""


def _block(center: Point, lines: Sequence[Text], anchor: str = "middle") -> str:
    """Lines of text, centred at a point."""
    parts, (label_width, label_height) = [], label_size(lines)
    top = center.y + label_height / 2
    for row in rows_of(lines):
        width, height = row_size(row)
        left = center.x - (label_width if anchor == "start" else width) / 2
        for text in row:
            x = left if anchor == "start" else left + text.width / 2
            parts.append(_words(text, Point(x, top - height / 2), anchor))
            left += text.width + in_type(BESIDE)
        top -= height
    return "\n".join(parts)


def _words(line: Text, at: Point, anchor: str) -> str:
    """One line of text; in a formula, indices are smaller and lower."""
    drop = f"{DROP * line.points:.2f}"
    shown = ""
    for i, piece in enumerate(line._replace(text=clean(line.text, limit=200)).pieces):
        said = escape(piece)
        if i % 2:
            shown += f'<tspan font-size="{INDEX_SIZE * line.points:g}" dy="{drop}">{said}</tspan>'
        elif piece:
            shown += f'<tspan dy="-{drop}">{said}</tspan>' if i else said
    bold = ' font-weight="bold"' * line.bold + ' text-decoration="line-through"' * line.struck
    place = f'x="{at.x:.2f}" y="{-at.y + BASELINE * line.points:.2f}"'
    font = f'font-size="{line.points:g}"{bold} fill="{line.color}"' + f' class="{line.role}"' * bool(line.role)
    return f'<text text-anchor="{anchor}" {place} {font}>{shown}</text>'


def _stroke(paint: Paint, width: float) -> str:
    if not width:
        return f'fill="{paint.fill}" stroke="none"'
    return f'fill="{paint.fill}" stroke="{paint.outline}"' + (f' stroke-width="{width:g}"' if width != 1 else "")


def _ink(attribute: str, color: str) -> str:
    """A colour, and its opacity if it has eight digits."""
    cover = f' {attribute}-opacity="{int(color[7:], 16) / 255:.3f}"' if re.fullmatch("#[0-9a-f]{8}", color) else ""
    return f' {attribute}="{color[:7]}"{cover}'


def _outline(shape: str, center: Point, size: Size, stroke: str) -> str:
    """The outline of a box."""
    (x, y), (width, height) = (center.x, -center.y), size
    if shape in {"ellipse", "circle"}:
        return f'<ellipse {stroke} cx="{x:.2f}" cy="{y:.2f}" rx="{width / 2:.2f}" ry="{height / 2:.2f}"/>'
    corners = f' rx="{min(ROUNDING, width / 3.5, height / 3.5):.2f}"' if shape == "box" else ""
    place = f'x="{x - width / 2:.2f}" y="{y - height / 2:.2f}" width="{width:.2f}" height="{height:.2f}"'
    return f"<rect {stroke} {place}{corners}/>"
