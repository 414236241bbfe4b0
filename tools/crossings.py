"""Count how often lines cross in the drawings of the gallery.

python tools/crossings.py [WORDS...]     # with words, in the drawings alone whose names hold one of them
"""

import argparse
import math
import sys
from collections.abc import Iterator
from itertools import combinations, pairwise, product
from pathlib import Path
from xml.etree import ElementTree

from geometry import SVG, Node, line_points, node_of
from programs import as_program

ZOO = Path(__file__).resolve().parent.parent / "tests" / "viz"
Point = tuple[float, float]
CELL = 20.0  # the side of the squares of the spatial index, in points
SAME, MEETING = 1.5, 9.0  # points between two crossings that are one, and from a box to lines that meet before it


def crossings(svg: str) -> int:
    """How often lines that come from different boxes cross; those from one box share their way, and count as one."""
    groups = [(group, group.get("class", "").split()) for group in ElementTree.fromstring(svg).iter(f"{SVG}g")]
    nodes = [node_of(group) for group, kind in groups if "node" in kind]
    lines = [line_points(group) for group, kind in groups if "edge" in kind]
    tails = [min(nodes, key=lambda node: _apart(node, *line[0])).name for line in lines]
    found: dict[frozenset[str], list[Point]] = {}
    for one, other, at in _meetings(lines):
        heads = lines[one][-1], lines[other][-1]
        if tails[one] != tails[other] and not (math.dist(*heads) < CELL and math.dist(at, heads[0]) < MEETING):
            places = found.setdefault(frozenset((tails[one], tails[other])), [])
            if all(math.dist(at, place) > SAME for place in places):
                places.append(at)
    return sum(map(len, found.values()))


def _meetings(lines: list[list[Point]]) -> Iterator[tuple[int, int, Point]]:
    """Where straight pieces of two lines intersect."""
    near: dict[tuple[int, int], set[tuple[int, Point, Point]]] = {}
    for number, line in enumerate(lines):
        for start, end in pairwise(line):
            squares = product(*({int(a // CELL), int(b // CELL)} for a, b in zip(start, end, strict=True)))
            for square in squares:
                near.setdefault(square, set()).add((number, start, end))
    for pieces in near.values():
        for (one, *piece), (other, *across) in combinations(sorted(pieces), 2):
            if one != other and (at := _intersection(*piece, *across)):
                yield one, other, at


def _intersection(a: Point, b: Point, c: Point, d: Point) -> Point | None:
    """Where the line from a to b intersects that from c to d."""

    def side(p: Point, q: Point, r: Point) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    if (side(a, b, c) > 0) == (side(a, b, d) > 0) or (side(c, d, a) > 0) == (side(c, d, b) > 0):
        return None
    share = side(c, d, a) / (side(c, d, a) - side(c, d, b))
    return a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])


def _apart(node: Node, x: float, y: float) -> float:
    """How far a point is outside of a node."""
    areas = [node.outline] if node.outline else node.words
    return min((max(a.left - x, x - a.right, a.top - y, y - a.bottom) for a in areas), default=math.inf)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="count only in what has one of these in its name")
    words: list[str] = parser.parse_args(arguments).words
    sys.path.insert(0, str(ZOO))
    from gallery import GALLERY

    total = 0
    for name, draw in GALLERY.items():
        if not words or any(word in name for word in words):
            count = crossings(draw().svg())
            total += count
            print(f"{count:5}  {name}")
    print(f"{total:5}  in all")
    return 0


if __name__ == "__main__":
    as_program(main)
