"""Points, and curves through them: chains of cubic Bezier curves, of 1 + 3n points."""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

Size = tuple[float, float]  # width and height, in points


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


def rounded(points: Sequence[Point], radius: float = 7.0) -> list[Point]:
    """A polygonal line through points with rounded corners, as Bezier curves."""
    corners = [point for i, point in enumerate(points) if i == 0 or math.dist(point, points[i - 1]) > 0.01]
    curve = [corners[0]]
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        entry = short_of(before, corner, min(radius, math.dist(before, corner) / 2))
        leave = short_of(after, corner, min(radius, math.dist(after, corner) / 2))
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
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = piece
    right, left = center[0] + size[0] / 2, center[0] - size[0] / 2
    if (x0 >= right and x1 >= right and x2 >= right and x3 >= right) or (
        x0 <= left and x1 <= left and x2 <= left and x3 <= left
    ):
        return False  # curves lie within their four points
    top, low = center[1] + size[1] / 2, center[1] - size[1] / 2
    if (y0 >= top and y1 >= top and y2 >= top and y3 >= top) or (y0 <= low and y1 <= low and y2 <= low and y3 <= low):
        return False
    if (left < x3 < right and low < y3 < top) or math.dist((x0, y0), (x3, y3)) <= apart:
        return True
    x01, y01, x12, y12, x23, y23 = (
        (x0 + x1) / 2,
        (y0 + y1) / 2,
        (x1 + x2) / 2,
        (y1 + y2) / 2,
        (x2 + x3) / 2,
        (y2 + y3) / 2,
    )
    ax, ay, bx, by = (x01 + x12) / 2, (y01 + y12) / 2, (x12 + x23) / 2, (y12 + y23) / 2
    mx, my = (ax + bx) / 2, (ay + by) / 2
    return passes(((x0, y0), (x01, y01), (ax, ay), (mx, my)), center, size, apart) or passes(
        ((mx, my), (bx, by), (x23, y23), (x3, y3)), center, size, apart
    )


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
