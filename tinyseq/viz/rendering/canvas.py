"""Collects the parts of a picture.

The layouts of this package are computed directly: a time step belongs in its column, a trellis on its grid.
"""

from collections.abc import Callable

from tinyseq.viz.layout.curves import Point, around
from tinyseq.viz.rendering.dark_theme import at_night, dark
from tinyseq.viz.rendering.dot import dot_text
from tinyseq.viz.rendering.drawing import Drawing, Told
from tinyseq.viz.rendering.parts import Edge, Frame, Node, words_from
from tinyseq.viz.rendering.settings import current, in_type
from tinyseq.viz.rendering.style import PAPER, Text, clean
from tinyseq.viz.rendering.svg import svg_text, taken


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

    def entitle(self, title: str, gap: float = 26.0) -> None:
        """A heading above what has been drawn, flush left."""
        (left, _), (_, top) = around(taken(self.frames, self.edges, self.nodes))
        heading = Text(clean(title, limit=120), 14, bold=True)
        self.nodes.append(words_from("title", Point(left, top + in_type(gap)), heading))

    def drawing(self, tell: Callable[[], Told] | None = None) -> Drawing:
        """The finished picture.

        Args:
            tell: makes the drawing and the story of its HTML page, in the light theme.
        """
        parts, paper = (self.frames, self.edges, self.nodes), "white"
        if current().theme == "dark":
            parts, paper = dark(*parts), at_night(PAPER)
        svg = svg_text(self.title, *parts, paper)
        return Drawing(dot_text(self.title, *parts, paper), self.title, tell, lambda: svg)
