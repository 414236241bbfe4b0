"""The DOT text of a picture, with positions, for Graphviz.

Positions are in points with y upwards, and Graphviz keeps them (its engine `nop2`). Boxes are nodes, arrows are edges
and frames are clusters, so that the text is readable, and other engines can lay it out.
"""

import re
from collections.abc import Iterator, Sequence
from html import escape

from tinyseq.viz.layout.curves import Point, headed
from tinyseq.viz.rendering.font import FAMILIES
from tinyseq.viz.rendering.parts import ARROW, Edge, Frame, Node
from tinyseq.viz.rendering.settings import TEXT_SIZE, current
from tinyseq.viz.rendering.style import PAPER, clean, markup, unescapable

WORD = re.compile(r"[A-Za-z_]\w*|-?(\.\d+|\d+(\.\d*)?)", re.ASCII)  # needs no quotation marks
KEYWORDS = {"node", "edge", "graph", "digraph", "subgraph", "strict"}
STYLES = {"box": "rounded,filled", "plaintext": ""}  # of other shapes: "filled"


def dot_text(title: str, frames: Sequence[Frame], edges: Sequence[Edge], nodes: Sequence[Node]) -> str:
    """The whole text."""
    font = {"fontname": FAMILIES}
    told = {"layout": "nop2", "outputorder": "edgesfirst", "pad": "0.1", "tooltip": _plain(title)}
    lines = [
        f"graph {_listed(font | told | paper())}",
        f"node {_listed(font | {'fontsize': f'{TEXT_SIZE:g}', 'shape': 'box', 'style': 'rounded,filled'})}",
        f"edge {_listed(font | {'arrowsize': f'{ARROW / 10:g}'})}",
        *_inside("", frames, nodes),
        *(_edge(f"line{i}", edge) for i, edge in enumerate(edges)),
    ]
    return "".join(["digraph {\n", *(f"\t{line}\n" for line in lines), "}\n"])


def paper() -> dict[str, str]:
    """The colour and the size of a picture's paper, where the settings ask for them."""
    told = {"bgcolor": PAPER} if current().theme == "dark" else {}
    if size := current().size:
        told["size"] = f"{size[0]:g},{size[1]:g}!"
    return told


def _inside(name: str, frames: Sequence[Frame], nodes: Sequence[Node]) -> Iterator[str]:
    """The contents of a frame; of the whole picture if `name` is empty."""
    for frame in (frame for frame in frames if frame.inside == name):
        yield f"subgraph {_quoted(f'cluster_{frame.name}')} {{"
        facts = {"bb": f"{_pos(frame.low)},{_pos(frame.high)}", "style": "rounded,filled", "id": frame.name}
        facts |= {"fillcolor": frame.paint.fill, "color": frame.paint.outline}
        facts |= {"tooltip": _plain(" ".join(line.text for line in frame.lines)) or " "}
        facts |= {"label": markup(frame.lines), "lp": _pos(frame.title_at)} if frame.lines else {}
        yield f"\tgraph {_listed(facts)}"
        yield from (f"\t{line}" for line in _inside(frame.name, frames, nodes))
        yield "}"
    yield from (_node(node) for node in nodes if node.inside == name)


def _node(node: Node) -> str:
    facts = {"label": markup(node.lines) if node.lines else "", "pos": _pos(node.center), "shape": node.shape}
    facts |= {"width": f"{node.size[0] / 72:.4f}", "height": f"{node.size[1] / 72:.4f}", "fixedsize": "true"}
    facts |= {"style": STYLES.get(node.shape, "filled"), "fillcolor": node.paint.fill, "color": node.paint.outline}
    facts |= {"penwidth": f"{node.line_width:g}", "margin": "0", "tooltip": _plain(node.told), "id": node.name}
    return f"{_quoted(node.name)} {_listed(facts | ({'class': node.kind} if node.kind else {}))}"


def _edge(name: str, edge: Edge) -> str:
    way = " ".join(map(_pos, headed(edge.curve, ARROW)[0]))
    facts = {"pos": f"e,{_pos(edge.curve[-1])} {way}", "color": edge.color, "penwidth": f"{edge.width:g}"}
    facts |= {"style": edge.style, "tooltip": _plain(edge.tooltip) or " ", "id": name}
    facts |= {"label": markup(edge.label), "lp": _pos(edge.label_at)} if edge.label else {}
    facts |= {"class": edge.kind} if edge.kind else {}
    return f"{_quoted(edge.tail)} -> {_quoted(edge.head)} {_listed(facts)}"


def _listed(facts: dict[str, str]) -> str:
    order = sorted(facts, key=lambda key: (key != "label", key))
    return "[" + " ".join(f"{key}={_quoted(facts[key])}" for key in order) + "]"


def _quoted(text: str) -> str:
    """A DOT value: words and markup as they are, anything else in quotation marks, without escape sequences."""
    is_word = WORD.fullmatch(text) and text.lower() not in KEYWORDS
    if is_word or (text.startswith("<<") and text.endswith(">>")):
        return text
    return '"' + unescapable(text).replace('"', '\\"') + '"'


def _plain(text: str) -> str:
    """A text for tooltips, without entities."""
    return escape(clean(text, limit=300), quote=False)


def _pos(point: Point) -> str:
    return f"{point.x:.2f},{point.y:.2f}"
