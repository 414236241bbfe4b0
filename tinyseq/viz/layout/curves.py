"""Points, and curves through them: chains of cubic Bezier curves, of 1 + 3n points."""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

Size = tuple[float, float]  # width and height, in points
ROUNDING = 7.0  # the radius of corners, in points


class Point(NamedTuple):
    """A point of the picture, in units of 1/72 inch, y upwards."""

    x: float
    y: float


def around(parts: Iterable[tuple[Point, Size]]) -> tuple[Point, Point]:
    """The lower left and upper right corners of the bounding box of parts, given by their centres and sizes."""
    corners = [(x + side * width / 2, y + side * height / 2) for (x, y), (width, height) in parts for side in (-1, 1)]
    xs, ys = zip(*corners, strict=True)
    return Point(min(xs), min(ys)), Point(max(xs), max(ys))


def straight(*points: Point) -> list[Point]:
    """A polygonal line through points, as Bezier curves."""
    curve = [points[0]]
    for start, end in itertools.pairwise(points):
        curve += [between(start, end, 1 / 3), between(start, end, 2 / 3), end]
    return curve


def outline(low: Point, high: Point) -> list[Point]:
    """The sides of a rectangle, as Bezier curves."""
    return straight(low, Point(low.x, high.y), high, Point(high.x, low.y), low)


def rounded(points: Sequence[Point]) -> list[Point]:
    """A polygonal line through points with rounded corners, as Bezier curves."""
    corners = [point for i, point in enumerate(points) if i == 0 or math.dist(point, points[i - 1]) > 0.01]
    curve = [corners[0]]
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        entry = short_of(before, corner, min(ROUNDING, math.dist(before, corner) / 2))
        leave = short_of(after, corner, min(ROUNDING, math.dist(after, corner) / 2))
        curve += straight(curve[-1], entry)[1:]
        curve += [between(entry, corner, 0.55), between(leave, corner, 0.55), leave]
    return curve + straight(curve[-1], corners[-1])[1:]


def climbing(points: Sequence[Point]) -> list[Point]:
    """A smooth curve upwards through points, vertical at each."""
    curve = [points[0]]
    for start, end in itertools.pairwise(points):
        bend = (end.y - start.y) / 2
        curve += [Point(start.x, start.y + bend), Point(end.x, end.y - bend), end]
    return curve


def along(curve: Sequence[Point], share: float) -> Point:
    """A point of a single Bezier curve."""
    rest = 1 - share
    a, b, c, d = rest**3, 3 * rest**2 * share, 3 * rest * share**2, share**3
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = curve
    return Point(a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3)


def pieces(curve: Sequence[Point]) -> Iterator[Sequence[Point]]:
    """The single Bezier curves of a chain."""
    return (curve[i : i + 4] for i in range(0, len(curve) - 1, 3))


def passed(curve: Sequence[Point], apart: float = 3.0) -> list[Point]:
    """Points of a chain of curves, at most this far apart."""
    points = [curve[0]]
    for piece in pieces(curve):
        count = max(2, math.ceil(sum(itertools.starmap(math.dist, itertools.pairwise(piece))) / apart))
        points += [along(piece, k / count) for k in range(1, count + 1)]
    return points


def passes(piece: Sequence[tuple[float, float]], center: Point, size: Size, apart: float = 0.1) -> bool:
    """Whether a single Bezier curve intersects a rectangle, by bisection down to pieces of length `apart`."""
    sides = [(middle - length / 2, middle + length / 2) for middle, length in zip(center, size, strict=True)]
    for (low, high), places in zip(sides, zip(*piece, strict=True), strict=True):
        if max(places) <= low or min(places) >= high:
            return False  # a curve lies within the hull of its four points
    if all(low < place < high for (low, high), place in zip(sides, piece[-1], strict=True)):
        return True
    return math.dist(piece[0], piece[-1]) > apart and any(passes(half, center, size, apart) for half in halves(piece))


def halves(piece: Sequence[tuple[float, float]]) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """The first and the second half of a single Bezier curve (de Casteljau)."""
    first, last = [piece[0]], [piece[-1]]
    while len(piece) > 1:
        piece = [((x0 + x1) / 2, (y0 + y1) / 2) for (x0, y0), (x1, y1) in itertools.pairwise(piece)]
        first.append(piece[0])
        last.insert(0, piece[-1])
    return first, last


def headed(curve: Sequence[Point], length: float) -> tuple[list[Point], list[Point]]:
    """A curve shortened by an arrowhead of this length, and the corners of the arrowhead."""
    tip = curve[-1]
    before = next((point for point in curve[-2::-1] if math.dist(point, tip) > 0.01), tip)
    base = between(tip, before, length / math.dist(before, tip)) if before != tip else tip
    across, up = (tip.y - base.y) * 0.35, (tip.x - base.x) * 0.35
    corners = [Point(base.x - across, base.y + up), tip, Point(base.x + across, base.y - up)]
    return [*curve[:-1], base], corners


def between(start: Point, end: Point, fraction: float) -> Point:
    """The point at a fraction of the straight line."""
    return Point(start.x + (end.x - start.x) * fraction, start.y + (end.y - start.y) * fraction)


def toward(start: Point, angle: float, distance: float) -> Point:
    """The point at a distance from the start, in the direction of an angle."""
    return Point(start.x + distance * math.cos(angle), start.y + distance * math.sin(angle))


def short_of(start: Point, end: Point, distance: float) -> Point:
    """The point at a distance before the end of the line from start to end."""
    length = math.dist(start, end)
    return between(start, end, 1 - distance / length) if length > distance else start
