"""Check the geometry of drawings: words in their boxes, boxes apart, lines around both; and the contrast of words.

It reads the SVG text that a drawing writes, so what is checked is what is seen.
"""

import math
import re
from functools import cache
from itertools import pairwise
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from tinyseq.viz.rendering.dark_theme import dark_color
from tinyseq.viz.rendering.font import text_width
from tinyseq.viz.rendering.style import PAPER, luminance

SLACK = 0.75  # points by which things may touch
WINDOW = 1280, 720  # pixels, in which a whole picture is looked at
LEAST_LETTERS = 8.0  # pixels
SIGNS = "→"  # samples of lines, not words
LEAST_CONTRAST = 4.5  # of words with what is behind them (WCAG 2, AA)
LEAST_ARROWHEAD, DEEP = 4.5, 3.0  # points: of arrowheads, and how far a line may run into the boxes that it connects
# What is as long as what it shows is looked at part by part: a tape op by op in its own size; a trellis, which wraps
# like text, and a compiled program, from top to bottom.
SCROLLED = (" ops and leaves</title>",), ('_again" class="node', 'class="cluster">\n<polygon fill="none"')
PIXELS = 96 / 72  # for each point of a picture in its own size
SVG = "{http://www.w3.org/2000/svg}"


Points = npt.NDArray[np.float64]  # (count, 2)


class Area(NamedTuple):
    """A rectangle, y downwards, and what it holds."""

    name: str
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "Area", slack: float = SLACK) -> bool:
        return (
            self.left + slack < other.right
            and other.left + slack < self.right
            and self.top + slack < other.bottom
            and other.top + slack < self.bottom
        )

    def holds(self, other: "Area") -> bool:
        return (
            self.left - SLACK <= other.left
            and other.right <= self.right + SLACK
            and self.top - SLACK <= other.top
            and other.bottom <= self.bottom + SLACK
        )

    def has(self, x: float, y: float, slack: float = SLACK) -> bool:
        return self.left + slack < x < self.right - slack and self.top + slack < y < self.bottom - slack

    def has_each(self, points: Points, slack: float = SLACK) -> npt.NDArray[np.bool_]:
        """Whether it has each of these points."""
        x, y = points[:, 0], points[:, 1]
        across = (self.left + slack < x) & (x < self.right - slack)
        return across & (self.top + slack < y) & (y < self.bottom - slack)


class Node(NamedTuple):
    """A box: its outline (None for words alone), its words, and whether it is a chip that lies on a line."""

    name: str
    outline: Area | None
    words: list[Area]
    chip: bool
    round: bool


Line = tuple[str, list[tuple[float, float]], list[Area]]  # its name, the points that it passes, and its words


def faults(svg: str) -> list[str]:
    """What is wrong with a drawing."""
    root = ElementTree.fromstring(svg)
    groups = {kind: [g for g in root.iter(f"{SVG}g") if kind in g.get("class", "").split()] for kind in
              ("node", "edge", "cluster")}  # fmt: skip
    nodes = [node_of(group) for group in groups["node"]]
    lines: list[Line] = [(group.get("id", ""), line_points(group), _words(group)) for group in groups["edge"]]
    titles = [area for group in groups["cluster"] for area in _words(group)]
    return [
        *_words_outside(nodes),
        *_titles_outside(groups["cluster"]),
        *_across_frames(
            groups["cluster"], [area for group in groups["node"] + groups["edge"] for area in _words(group)]
        ),
        *_poor_arrowheads(groups["edge"]),
        *_overlaps(nodes, titles, [(name, area) for name, _, words in lines for area in words]),
        *_crossed(nodes, titles, lines),
        *_too_small(root, *(any(sign in svg for sign in signs) for signs in SCROLLED)),
        *_pale(root, groups),
    ]


def _words_outside(nodes: list[Node]) -> list[str]:
    found = []
    for node in nodes:
        for area in node.words:
            if node.outline and not (node.outline.holds(area) if not node.round else _in_ellipse(node.outline, area)):
                found.append(f"{area.name!r} sticks out of {node.name}")
    return found


def _titles_outside(frames: list[ElementTree.Element]) -> list[str]:
    outlines = [(node_of(frame).outline, _words(frame)) for frame in frames]
    return [
        f"the title {area.name!r} sticks out of its frame"
        for outline, words in outlines
        for area in words
        if outline and not outline.holds(area)
    ]


def _across_frames(frames: list[ElementTree.Element], words: list[Area]) -> list[str]:
    """Words that are neither inside a frame nor outside of it."""
    outlines = [outline for frame in frames if (outline := node_of(frame).outline)]
    return [
        f"{area.name!r} sticks out of the frame {outline.name}"
        for outline in outlines
        for area in words
        if outline.overlaps(area) and not outline.holds(area)
    ]


def _poor_arrowheads(edges: list[ElementTree.Element]) -> list[str]:
    """Tips that are too short to be seen, or turned away from where their line comes from."""
    found = []
    for edge in edges:
        head = edge.find(f"{SVG}polygon")
        if head is not None:
            left, tip, right = ([float(at) for at in pair.split(",")] for pair in head.get("points", "").split()[:3])
            base = [(one + other) / 2 for one, other in zip(left, right, strict=True)]
            if math.dist(base, tip) < LEAST_ARROWHEAD:
                found.append(f"{edge.get('id')} has an arrowhead of {math.dist(base, tip):.1f} points")
    return found


def _in_round(outline: Area, x: float, y: float, slack: float = SLACK) -> bool:
    middle = (outline.left + outline.right) / 2, (outline.top + outline.bottom) / 2
    a, b = (outline.right - outline.left) / 2 - slack, (outline.bottom - outline.top) / 2 - slack
    return math.hypot((x - middle[0]) / a, (y - middle[1]) / b) < 1


def _in_ellipse(outline: Area, area: Area) -> bool:
    x, y = (outline.left + outline.right) / 2, (outline.top + outline.bottom) / 2
    a, b = (outline.right - outline.left) / 2 - SLACK, (outline.bottom - outline.top) / 2 - SLACK
    high = (area.bottom - area.top) * 0.5
    return all(
        math.hypot((corner - x) / a, (side - y) / b) <= 1
        for corner in (area.left, area.right)
        for side in ((area.top + area.bottom) / 2 - high, (area.top + area.bottom) / 2 + high)
    )


def _overlaps(nodes: list[Node], titles: list[Area], labels: list[tuple[str, Area]]) -> list[str]:
    areas = [node.outline or area for node in nodes for area in ([node.outline] if node.outline else node.words)]
    areas = [area for area in areas if area] + titles + [area for _, area in labels]
    pairs = np.argwhere(np.triu(_overlapping(areas, areas), 1)).tolist()
    return [f"{areas[one].name} lies on {areas[other].name}" for one, other in pairs]


def _overlapping(ones: list[Area], others: list[Area]) -> npt.NDArray[np.bool_]:
    """Which of these areas overlap which others, all at once: a large picture has millions of pairs."""
    (left, top, right, bottom), other = (
        np.array([area[1:] for area in areas]).reshape(-1, 4).T for areas in (ones, others)
    )
    across = (left[:, None] + SLACK < other[2]) & (other[0] + SLACK < right[:, None])
    return across & (top[:, None] + SLACK < other[3]) & (other[1] + SLACK < bottom[:, None])


def _crossed(nodes: list[Node], titles: list[Area], lines: list[Line]) -> list[str]:
    boxes = [
        (node, area)
        for node in nodes
        for area in ([node.outline] if node.outline else node.words)
        if not node.chip and area
    ]
    words = [(None, area) for area in titles] + [(name, area) for name, _, labels in lines for area in labels]
    spans = [Area(name, *np.min(points, axis=0), *np.max(points, axis=0)) for name, points, _ in lines]
    near_boxes, near_words = (_overlapping(spans, [area for _, area in areas]) for areas in (boxes, words))
    found = []
    for (name, points, own), beside, between in zip(lines, near_boxes, near_words, strict=True):
        ends, passed = (points[0], points[-1]), np.array(points)
        for node, area in (boxes[i] for i in np.flatnonzero(beside)):
            inside = passed[area.has_each(passed)]  # where the line may run through it
            if not len(inside):
                continue
            near = area._replace(left=area.left - 6, top=area.top - 6, right=area.right + 6, bottom=area.bottom + 6)
            slack = DEEP if any(near.has(*end, 0.0) for end in ends) else SLACK
            has = _in_round if node.round else Area.has
            if any(has(area, *point, slack) for point in inside):
                found.append(f"{name} runs through {area.name}")
        for owner, area in (words[i] for i in np.flatnonzero(between)):
            if owner != name and area.has_each(passed).any():
                found.append(f"{name} runs through the words {area.name!r}")
        found += [f"{name} runs through its own words {area.name!r}" for area in own if area.has_each(passed).any()]
    return found


def _too_small(root: ElementTree.Element, flat: bool, wrapped: bool) -> list[str]:
    _, _, width, height = map(float, root.get("viewBox", "").split())
    across, down = math.inf if flat else WINDOW[0] / width, math.inf if flat or wrapped else WINDOW[1] / height
    scale = min(across, down, PIXELS * float(root.get("width", str(width)).removesuffix("pt")) / width)
    sizes = {float(text.get("font-size", 0)) for text in root.iter(f"{SVG}text")}
    least = min(sizes, default=LEAST_LETTERS) * scale
    if least < LEAST_LETTERS:
        return [f"the smallest letters have {least:.1f} pixels in a window of {WINDOW[0]} x {WINDOW[1]}"]
    return []


def _pale(root: ElementTree.Element, groups: dict[str, list[ElementTree.Element]]) -> list[str]:
    """Words with too little contrast with their box, the frame around them, or the paper, in either theme."""
    paper = next((shape.get("fill", PAPER) for shape in root.iter(f"{SVG}polygon")), PAPER)
    paper = PAPER if paper == "white" else paper  # where Graphviz has chosen it
    frames = [(outline, _fill(frame) or paper) for frame in groups["cluster"] if (outline := node_of(frame).outline)]
    found = []
    for group in [group for kind in groups.values() for group in kind]:
        for text in group.findall(f"{SVG}text"):
            area, ink = _text_area(text), text.get("fill")
            around = [fill for outline, fill in frames if outline.holds(area)]  # the innermost one last
            behind = _fill(group) or (around or [paper])[-1]
            pairs = [(ink, behind), (dark_color(ink), dark_color(behind))] if ink else []
            ratios = [contrast(*pair) for pair in pairs[: 1 + (paper == PAPER)]]  # a dark picture has one theme
            if min(ratios, default=LEAST_CONTRAST) < LEAST_CONTRAST and area.name not in SIGNS:
                found.append(f"{area.name!r} has a contrast of {min(ratios):.2f}: {ink} on {behind}")
    return found


@cache
def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _fill(group: ElementTree.Element) -> str | None:
    shape = next((shape for kind in ("ellipse", "rect") for shape in group.findall(f"{SVG}{kind}")), None)
    fill = None if shape is None else shape.get("fill")
    return None if fill == "none" else fill


def _words(group: ElementTree.Element) -> list[Area]:
    return [_text_area(text) for text in group.findall(f"{SVG}text")]


def _text_area(text: ElementTree.Element) -> Area:
    size, bold = float(text.get("font-size", 0)), text.get("font-weight") == "bold"
    width = text_width(text.text or "", size, bold)
    for part in text:
        width += text_width(part.text or "", float(part.get("font-size", size)), bold)
        width += text_width(part.tail or "", size, bold)
    x, y = float(text.get("x", 0)), float(text.get("y", 0))
    left = x - width / 2 if text.get("text-anchor") == "middle" else x
    # From the top of the capitals to below the baseline, as far as is seen.
    return Area("".join(text.itertext()), left, y - 0.73 * size, left + width, y + 0.2 * size)


def node_of(group: ElementTree.Element) -> Node:
    """The node that a group of an SVG text draws."""
    name, words = group.get("id", ""), _words(group)
    shape = group.find(f"{SVG}ellipse")
    if shape is not None:
        x, y, a, b = (float(shape.get(key, 0)) for key in ("cx", "cy", "rx", "ry"))
        return Node(name, Area(name, x - a, y - b, x + a, y + b), words, False, True)
    shape = group.find(f"{SVG}rect")
    if shape is None:
        return Node(name, None, words, False, False)
    x, y, width, height = (float(shape.get(key, 0)) for key in ("x", "y", "width", "height"))
    return Node(name, Area(name, x, y, x + width, y + height), words, shape.get("stroke") == "none", False)


def line_points(group: ElementTree.Element) -> list[tuple[float, float]]:
    """Points along a line, a point or so apart."""
    path = group.find(f"{SVG}path")
    assert path is not None
    numbers = [float(value) for value in re.findall(r"-?[\d.]+", path.get("d", ""))]
    places = list(zip(numbers[::2], numbers[1::2], strict=True))
    points = [places[0]]
    for i in range(0, len(places) - 1, 3):
        piece = places[i : i + 4]
        pieces = max(4, int(sum(math.dist(one, other) for one, other in pairwise(piece)) / 2))
        s = np.arange(1, pieces + 1) / pieces
        parts = np.stack([(1 - s) ** 3, 3 * (1 - s) ** 2 * s, 3 * (1 - s) * s * s, s**3], axis=1)
        points += map(tuple, (parts @ np.array(piece)).tolist())
    return points
