"""Collects the parts of a picture.

The layouts of this package are computed directly: a time step belongs in its column, a trellis on its grid.
"""

from tinyseq.viz.rendering.dot import dot_text
from tinyseq.viz.rendering.drawing import Drawing
from tinyseq.viz.rendering.parts import Edge, Frame, Node
from tinyseq.viz.rendering.style import clean
from tinyseq.viz.rendering.svg import svg_text


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

    def drawing(self) -> Drawing:
        """The finished picture."""
        parts = self.title, self.frames, self.edges, self.nodes
        svg = svg_text(*parts)
        return Drawing(dot_text(*parts), self.title, svg=lambda: svg)
