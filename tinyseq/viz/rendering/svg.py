"""The text of an SVG file: boxes, lines and words at places that are known, so that nothing here asks for a font.

Words are centred on their places. Where a viewer shows them in another font than the one that comes along, they keep
to the middle of their boxes.
"""

import re
from collections.abc import Sequence
from html import escape

from tinyseq.viz.layout.curves import Point, Size
from tinyseq.viz.rendering.font import FAMILIES, font_faces
from tinyseq.viz.rendering.style import INDEX, INDEX_SIZE, Paint, Text, clean

PAD = 7.2  # points around the picture
BASELINE = 0.35  # below the middle of a line, relative to its size
DROP = 0.2  # of an index below its line
ROUNDING = 12.0  # the radius of corners; smaller in small boxes
DASHES = {"dashed": "5,2", "dotted": "1,5"}


class Svg:
    """Collects a picture: frames below lines, and lines below boxes.

    Attributes:
        frames, lines, boxes: the text of each of these parts.
    """

    def __init__(self) -> None:
        self.frames: list[str] = []
        self.lines: list[str] = []
        self.boxes: list[str] = []
        self._x: list[float] = []  # the extent
        self._y: list[float] = []

    def box(
        self,
        name: str,
        kind: str,
        shape: str,
        center: Point,
        size: Size,
        paint: Paint,
        width: float,
        words: str,
        tip: str,
    ) -> None:
        """A box, an ellipse or words alone (``shape="plaintext"``) around a centre; `words` from `words_at`."""
        self._reach(center, size)
        parts = [_tip(tip), "" if shape == "plaintext" else _outline(shape, center, size, _stroke(paint, width)), words]
        self.boxes.append(_group(name, f"node {kind}".strip(), parts))

    def frame(self, name: str, low: Point, high: Point, paint: Paint, words: str, tip: str) -> None:
        """A frame from its lower left to its upper right corner."""
        center, size = Point((low.x + high.x) / 2, (low.y + high.y) / 2), (high.x - low.x, high.y - low.y)
        self._reach(center, size)
        self.frames.append(_group(name, "cluster", [_tip(tip), _outline("box", center, size, _stroke(paint)), words]))

    def line(
        self, name: str, kind: str, curve: Sequence[Point], color: str, width: float, style: str, tip: Sequence[Point],
        words: str, told: str,
    ) -> None:  # fmt: skip
        """A line along cubic Bezier curves, with an arrowhead if it has three corners."""
        for point in curve:
            self._reach(point, (0.0, 0.0))
        ink = _ink("stroke", color) + (f' stroke-width="{width:g}"' if width != 1 else "")
        dashes = f' stroke-dasharray="{DASHES[style]}"' if style in DASHES else ""
        first, *rest = (f"{x:.2f},{-y:.2f}" for x, y in curve)
        parts = [_tip(told), f'<path fill="none"{ink}{dashes} d="M{first}C{" ".join(rest)}"/>']
        if tip:
            corners = " ".join(f"{x:.2f},{-y:.2f}" for x, y in tip)
            parts.append(f'<polygon{_ink("fill", color)}{ink} points="{corners}"/>')
        self.lines.append(_group(name, f"edge {kind}".strip(), [*parts, words]))

    def words_at(self, center: Point, lines: Sequence[Text]) -> str:
        """Lines of words, as a block around its centre."""
        height = sum(line.height for line in lines)
        self._reach(center, (max((line.width for line in lines), default=0.0), height))
        parts, top = [], center.y + height / 2
        for line in lines:
            parts.append(_words(line, Point(center.x, top - line.height / 2), "middle"))
            top -= line.height
        return "\n".join(parts)

    def words_from(self, left: Point, line: Text) -> str:
        """A line of words that begins at a point."""
        self._reach(Point(left.x + line.width / 2, left.y), (line.width, line.height))
        return _words(line, left, "start")

    def text(self, title: str) -> str:
        """The whole file."""
        left, right = min(self._x, default=0.0) - PAD, max(self._x, default=0.0) + PAD
        low, high = min(self._y, default=0.0) - PAD, max(self._y, default=0.0) + PAD
        size = f"{right - left:.2f}", f"{high - low:.2f}"
        parts = [*self.frames, *self.lines, *self.boxes]
        return (
            '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
            f'<svg width="{size[0]}pt" height="{size[1]}pt" viewBox="0 0 {size[0]} {size[1]}"'
            ' xmlns="http://www.w3.org/2000/svg">\n'
            f"<style>{font_faces()}</style>\n"
            f'<g id="graph0" class="graph" font-family="{FAMILIES}" transform="translate({-left:.2f} {high:.2f})">\n'
            f"{_tip(title)}"
            f'<polygon fill="white" stroke="none" points="{left:.2f},{-high:.2f} {right:.2f},{-high:.2f} '
            f'{right:.2f},{-low:.2f} {left:.2f},{-low:.2f}"/>\n' + "".join(parts) + "</g>\n</svg>\n"
        )

    def _reach(self, center: Point, size: Size) -> None:
        self._x += [center.x - size[0] / 2, center.x + size[0] / 2]
        self._y += [center.y - size[1] / 2, center.y + size[1] / 2]


def _group(name: str, kind: str, parts: Sequence[str]) -> str:
    inside = "\n".join(part for part in parts if part)
    return f'<g id="{escape(name)}" class="{kind}">\n{inside}\n</g>\n'


def _tip(words: str) -> str:
    return f"<title>{escape(clean(words, limit=300), quote=False)}</title>" if words.strip() else ""


def _words(line: Text, at: Point, anchor: str) -> str:
    """One line of words; in a formula with its indices smaller and lower."""
    line = line._replace(text=clean(line.text, limit=200))
    pieces = INDEX.split(line.text) if line.formula else [line.text]  # words and indices in turn
    drop = f"{DROP * line.size:.2f}"
    shown = ""
    for i, piece in enumerate(pieces):
        said = escape(piece, quote=False)
        if i % 2:
            shown += f'<tspan font-size="{INDEX_SIZE * line.size:g}" dy="{drop}">{said}</tspan>'
        elif piece:
            shown += f'<tspan dy="-{drop}">{said}</tspan>' if i else said
    bold = ' font-weight="bold"' if line.bold else ""
    return (
        f'<text text-anchor="{anchor}" x="{at.x:.2f}" y="{-at.y + BASELINE * line.size:.2f}" font-size="{line.size:g}"'
        f'{bold} fill="{line.color}">{shown}</text>'
    )


def _stroke(paint: Paint, width: float = 1.0) -> str:
    if not width:
        return f'fill="{paint.fill}" stroke="none"'
    return f'fill="{paint.fill}" stroke="{paint.outline}"' + (f' stroke-width="{width:g}"' if width != 1 else "")


def _ink(attribute: str, color: str) -> str:
    """A colour, and how much it covers if it has eight digits."""
    cover = f' {attribute}-opacity="{int(color[7:], 16) / 255:.3f}"' if re.fullmatch("#[0-9a-f]{8}", color) else ""
    return f' {attribute}="{color[:7]}"{cover}'


def _outline(shape: str, center: Point, size: Size, stroke: str) -> str:
    """The outline of a box around its centre."""
    (x, y), (width, height) = (center.x, -center.y), size
    if shape in {"ellipse", "circle"}:
        return f'<ellipse {stroke} cx="{x:.2f}" cy="{y:.2f}" rx="{width / 2:.2f}" ry="{height / 2:.2f}"/>'
    left, top = x - width / 2, y - height / 2
    if shape != "box":
        return f'<path {stroke} d="M{left:.2f},{top:.2f}h{width:.2f}v{height:.2f}h{-width:.2f}z"/>'
    r = min(ROUNDING, width / 3, height / 3)
    across, down = f"{width - 2 * r:.2f}", f"{height - 2 * r:.2f}"
    return (
        f'<path {stroke} d="M{left + r:.2f},{top:.2f}h{across}q{r:.2f},0 {r:.2f},{r:.2f}v{down}'
        f'q0,{r:.2f} {-r:.2f},{r:.2f}h-{across}q{-r:.2f},0 {-r:.2f},{-r:.2f}v-{down}q0,{-r:.2f} {r:.2f},{-r:.2f}z"/>'
    )
