"""Collects the parts of a picture.

The layouts of this package are computed directly: a time step belongs in its column, a trellis on its grid.
"""

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import get_args

from tinyseq.viz.layout.curves import Point, around
from tinyseq.viz.rendering.dark_theme import in_theme
from tinyseq.viz.rendering.dot import dot_text
from tinyseq.viz.rendering.drawing import Drawing, Told
from tinyseq.viz.rendering.parts import Edge, Frame, Node, words_from
from tinyseq.viz.rendering.settings import LEAST_LETTERS, Squeeze, current, fitted, in_type, using
from tinyseq.viz.rendering.style import Text, clean
from tinyseq.viz.rendering.svg import PAD, svg_text, taken

WINDOW = 1280, 720  # pixels, in which a whole picture should be readable
CLOSER = 2.0  # the most that letters grow when parts move closer together
ABOVE = 26.0  # points between what has been drawn and its heading
PIXELS = 96 / 72  # for each point of a picture in its own size


class Canvas:
    """Placed boxes and arrows.

    Args:
        title: what the picture shows.
    """

    def __init__(self, title: str) -> None:
        self.title = clean(title, limit=120)
        self.frames: list[Frame] = []
        self.edges: list[Edge] = []
        self.nodes: list[Node] = []

    def ends(self) -> list[tuple[str, str]]:
        """Tail and head of each arrow, in order."""
        return [(edge.tail, edge.head) for edge in self.edges]

    def corners(self) -> tuple[Point, Point]:
        """The lower left and the upper right corner of what has been drawn."""
        return around(taken(self.frames, self.edges, self.nodes))

    def entitle(self, title: str) -> None:
        """A heading above what has been drawn, flush left."""
        (left, _), (_, top) = self.corners()
        heading = Text(clean(title, limit=120), 14, bold=True)
        self.nodes.append(words_from("title", Point(left, top + in_type(ABOVE)), heading))

    def extent(self) -> tuple[float, float]:
        """Width and height of the picture, in points."""
        (left, low), (right, high) = self.corners()
        return right - left + 2 * PAD, high - low + 2 * PAD

    def letters(self) -> float:
        """The size in pixels of the smallest letters in a window that shows the whole picture."""
        width, height = self.extent()
        labels = [node.lines for node in self.nodes] + [edge.label for edge in self.edges]
        labels += [frame.lines for frame in self.frames]
        least = min((text.points for lines in labels for text in lines), default=math.inf)
        return least * min(WINDOW[0] / width, WINDOW[1] / height, PIXELS)

    def drawing(self, tell: Callable[[], Told] | None = None) -> Drawing:
        """The finished picture.

        Args:
            tell: makes the drawing and the story of its HTML page, in the light theme.
        """
        self._check_type()
        dot, svg = (in_theme(write(self.title, self.frames, self.edges, self.nodes)) for write in (dot_text, svg_text))
        return Drawing(dot, self.title, tell, lambda: svg)

    def _check_type(self) -> None:
        """Say so if letters do not have the size that was asked for, because the picture shrinks to the wanted size."""
        asked, size, extent = current().font_size, current().size, self.extent()
        if asked is None or size is None or (scale := fitted(extent)) >= 1:
            return
        inches = ", ".join(str(math.ceil(points / 7.2) / 10) for points in extent)
        warnings.warn(
            f"text of {asked:g} points would shrink to {asked * scale:.1f} points in a picture of {size[0]:g} x "
            f"{size[1]:g} inches; pass size=({inches}), or draw less with steps=, depth= or legend=False",
            stacklevel=4,
        )


Attempt = Callable[[], Canvas]


def _tries(attempts: Iterable[Attempt]) -> Iterator[tuple[Attempt, Sequence[Squeeze]]]:
    """Attempts, and the ways to squeeze each: of the last one, fewer numbers after all others."""
    *usual, first, line = get_args(Squeeze)
    for attempt in attempts:
        yield attempt, usual
    yield attempt, [first]
    yield attempt, [line]


def readable(attempts: Iterable[Attempt], tell: Callable[[], Told]) -> Drawing:
    """The first picture whose letters are large enough in a small window, or else the one with the largest.

    Args:
        attempts: paint the picture, with everything in it first. Each is tried with its parts closer together, too.
        tell: makes the drawing and the story of its HTML page.
    """
    settings, largest = current(), 0.0
    for attempt, squeezes in _tries(attempts):
        for squeeze in squeezes:
            chosen = settings._replace(squeeze=squeeze)
            with using(chosen):
                canvas = attempt()
                letters = canvas.letters()
            if letters > largest:
                largest, best = letters, (chosen, canvas)
            if largest >= LEAST_LETTERS or letters * CLOSER < LEAST_LETTERS:  # a large picture takes long
                break
        if largest >= LEAST_LETTERS:
            break
    chosen, canvas = best
    with using(chosen):
        return canvas.drawing(tell)
