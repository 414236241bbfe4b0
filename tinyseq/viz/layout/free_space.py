"""Free space for labels: where there are no boxes, other labels and lines."""

from collections.abc import Iterable, Iterator, Sequence

from tinyseq.viz.layout.curves import Point, Size, passes, pieces

CELL = 80.0  # the side of the squares of the spatial index, in points


class Room:
    """Keeps track of occupied space.

    Args:
        boxes: centres and sizes of what is already there.
        gap: the distance that labels keep from it, horizontally and vertically.
    """

    def __init__(self, boxes: Iterable[tuple[Point, Size]] = (), gap: Size = (0.0, 0.0)) -> None:
        self.gap = gap
        self.boxes: dict[tuple[int, int], list[tuple[Point, Size]]] = {}
        self.lines: dict[tuple[int, int], list[Sequence[Point]]] = {}
        for center, size in boxes:
            self.take(center, size)

    def take(self, center: Point, size: Size) -> None:
        """Mark a rectangle as occupied."""
        for cell in _cells(center, size):
            self.boxes.setdefault(cell, []).append((center, size))

    def take_line(self, curve: Sequence[Point]) -> None:
        """Mark a curve as occupied."""
        for piece in pieces(curve):
            (left, right), (low, high) = ((min(along), max(along)) for along in zip(*piece, strict=True))
            for cell in _cells(Point((left + right) / 2, (low + high) / 2), (right - left, high - low)):
                self.lines.setdefault(cell, []).append(piece)

    def crossings(self, center: Point, size: Size, own: Sequence[Point]) -> int:
        """How many pieces of lines run through a rectangle, apart from those of its own curve."""
        mine = list(pieces(own))
        near = [piece for cell in _cells(center, size) for piece in self.lines.get(cell, ()) if piece not in mine]
        return sum(passes(piece, center, size) for piece in near)

    def is_free(self, center: Point, size: Size) -> bool:
        """Whether a rectangle is free."""
        width, height = size[0] + 2 * self.gap[0], size[1] + 2 * self.gap[1]
        for cell in _cells(center, (width, height)):
            for (x, y), other in self.boxes.get(cell, ()):
                if abs(center.x - x) < (width + other[0]) / 2 and abs(center.y - y) < (height + other[1]) / 2:
                    return False
            if any(passes(piece, center, (size[0] + 2, size[1] - 2)) for piece in self.lines.get(cell, ())):
                return False
        return True


def _cells(center: Point, size: Size) -> Iterator[tuple[int, int]]:
    (left, right), (low, high) = (
        (int((at - length / 2) // CELL), int((at + length / 2) // CELL) + 1)
        for at, length in zip(center, size, strict=True)
    )
    return ((x, y) for x in range(left, right) for y in range(low, high))
