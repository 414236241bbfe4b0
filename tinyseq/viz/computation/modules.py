"""Modules in drawings: a closed one is a single box for all its ops, an open one a frame around them."""

from collections.abc import Hashable
from dataclasses import replace
from unicodedata import digit

from tinyseq.structure.paths import grouped
from tinyseq.structure.record import Scope
from tinyseq.viz.content.boxes import Arrow, Box
from tinyseq.viz.content.sheet import Sheet
from tinyseq.viz.layout.curves import Point, around, passes, pieces
from tinyseq.viz.layout.placement import Layout
from tinyseq.viz.rendering.parts import TITLE_INSET, Frame
from tinyseq.viz.rendering.settings import in_type
from tinyseq.viz.rendering.style import MODULE, Text, clean, small

FRAME_MARGIN, NESTING = 5.0, 3.0  # points around the boxes in a frame, and for each nested frame
TITLE_MARGIN, TITLE_NESTING = 13.0, 10.0  # the same, at the top


def scope_of(content: Sheet, box: Box) -> Scope:
    """The modules that a box belongs to, outermost first; empty for boxes other than ops."""
    if box.module or not box.vertices or box.kind not in {"op", "state"}:
        return box.module
    return content.record.vertices[box.vertices[-1]].scope


def closed(content: Sheet, depth: int) -> Sheet:
    """A sheet in which deeply nested modules are a single box in each column.

    Args:
        content: the sheet.
        depth: how many levels of modules stay open; 0 closes the outermost ones.
    """
    numbers = _numbers(content, depth)
    inside: dict[Hashable, tuple[Scope, int]] = {}  # slots, and the closed modules that contain them
    for box in content.boxes:
        scope = scope_of(content, box)
        if len(scope) > depth and not _begins(box):
            inside[box.slot] = scope[: depth + 1], numbers.get(box.vertices[-1], 0)
    boxes: dict[Box, Box] = {}
    made: dict[Hashable, Box] = {}
    states: dict[Hashable, tuple[str, ...]] = {}
    for box in content.boxes:
        if box.slot not in inside:
            boxes[box] = box
            states[box.slot] = content.states.get(box.slot, ())
            continue
        phase = box.column.phase if box.column else None
        scope, number = inside[box.slot]
        slot = ("module", phase, scope, number)
        letters = {*states.get(slot, ()), *content.states.get(box.slot, ())}
        states[slot] = tuple(sorted(letters, key=_rank))
        mark = box.kind in {"initial", "elided"} or _begins(box)  # these stay beside the module
        own = scope_of(content, box)[: depth + 1] if _begins(box) and len(scope_of(content, box)) > depth else ()
        new = replace(box, slot=slot, module=own if mark else scope, arguments=box.arguments if mark else ())
        merged = made.setdefault((box.column, mark, slot), new)
        merged.vertices = tuple(sorted({*merged.vertices, *box.vertices}))
        merged.arguments += new.arguments if merged is not new else ()
        merged.kind = box.kind if box.kind == "state" else merged.kind
        boxes[box] = merged
    arrows: dict[Hashable, Arrow] = {}
    for arrow in content.arrows:
        moved = arrow._replace(tail=boxes[arrow.tail], head=boxes[arrow.head])
        if moved.tail is not moved.head or moved.delay:
            arrows.setdefault((moved.tail, moved.head, moved.delay), moved)
    carried = {
        vertex: symbols
        for box in content.boxes
        if (symbols := content.states.get(box.slot))
        for vertex in (*box.vertices[-1:], *content.ops_alike(box))
    }
    drawn = list(dict.fromkeys(boxes.values()))
    return replace(content, boxes=drawn, arrows=list(arrows.values()), states=states, carried=carried)


def _begins(box: Box) -> bool:
    """Whether a box is beside the first step of a loop, as the state that it begins with."""
    return box.column is not None and box.column.kind == "start"


def _numbers(content: Sheet, depth: int) -> dict[int, int]:
    """For each op, which of several modules of the same name it is in, numbered from 0.

    Layers of one class outside a model have the same name; each has its own parameters, with the same names.
    """
    vertices, weights = content.record.vertices, content.grouping.weights
    leaves: dict[Scope, set[int]] = {}
    for vertex in vertices:
        for source in vertex.made_of if len(vertex.scope) > depth else ():
            leaves.setdefault(vertex.scope[: depth + 1], set()).update(weights.get(source, ()))
    of_leaf: dict[tuple[Scope, int], int] = {}
    for scope, found in leaves.items():
        number, names = 0, set[str]()
        for leaf in sorted(found):  # as they were made
            if vertices[leaf].name in names:
                number, names = number + 1, set()
            names |= {vertices[leaf].name} - {""}
            of_leaf[scope, leaf] = number
    numbers: dict[int, int] = {}
    for vertex in vertices:
        if len(vertex.scope) > depth:
            scope = vertex.scope[: depth + 1]
            used = [of_leaf[scope, leaf] for source in vertex.made_of for leaf in weights.get(source, ())]
            below = [numbers[v] for v in vertex.made_of if vertices[v].scope[: depth + 1] == scope]
            numbers[vertex.id] = max(used or below or [0])
    return numbers


def _rank(letter: str) -> tuple[bool, list[int], bool, str]:
    """The order of the states of one module: h first, then by layer, then by direction, and h before h′."""
    return letter[0] != "h", [digit(sign) for sign in letter if sign.isdigit()], "←" in letter, letter


def open_frames(content: Sheet, places: Layout, depth: int) -> dict[Frame, Scope]:
    """Frames around the boxes of open modules, the outer ones first, and the module of each.

    Frames that would enclose boxes of other modules, or only one box, are left out. Modules with the same boxes share
    a frame, which counts as that of the outermost.
    """
    frames: dict[Frame, Scope] = {}
    numbers = [_numbers(content, level) for level in range(depth)]
    for column in content.columns:
        boxes = [box for box in content.boxes if box.column == column]
        members: dict[tuple[Scope, int], list[Box]] = {}
        for box in boxes:
            scope = scope_of(content, box)
            for level in range(1, min(len(scope), depth) + 1):
                number = numbers[level - 1].get(box.vertices[-1], 0) if box.vertices else 0
                members.setdefault((scope[:level], number), []).append(box)
        sharing = grouped((tuple(found), scope) for (scope, _), found in sorted(members.items()))
        for inside, scopes in sharing.items():
            low, high = _around(inside, places, depth - len(scopes[-1]))
            strangers = [box for box in boxes if box not in inside and _meets(box, places, low, high)]
            if len(inside) > 1 and not strangers:
                title = _fitted(".".join(scope[-1] for scope in scopes), low, high, places)
                name = f"{column.name}_module{len(frames)}"
                frames[Frame(name, low, high, (title,), MODULE, inside=column.name)] = scopes[0]
    return frames


def _fitted(title: str, low: Point, high: Point, places: Layout) -> Text:
    """The title of a frame, truncated to fit, and to end before an arrow that leaves the frame at the top."""
    room = high.x - low.x - 2 * TITLE_INSET
    texts = [text for size in range(24, 1, -1) if (text := small(clean(title, size))).width <= room] or [small("…")]
    band = Point((low.x + high.x) / 2, high.y - texts[0].height / 2 - 2), (high.x - low.x, texts[0].height)
    near = [piece for curve in places.curves.values() for piece in pieces(curve) if passes(piece, *band)]

    def is_clear(text: Text) -> bool:
        area = Point(low.x + TITLE_INSET + text.width / 2, band[0].y), (text.width, text.points)
        return not any(passes(piece, *area) for piece in near)

    return next(filter(is_clear, texts), texts[0])


def _around(boxes: tuple[Box, ...], places: Layout, inner: int) -> tuple[Point, Point]:
    """The corners of a frame with this many levels of frames inside."""
    low, high = around((places.places[box], places.sizes[box]) for box in boxes)
    margin, top = FRAME_MARGIN + NESTING * inner, in_type(TITLE_MARGIN + TITLE_NESTING * inner)
    return Point(low.x - margin, low.y - margin), Point(high.x + margin, high.y + top)


def _meets(box: Box, places: Layout, low: Point, high: Point) -> bool:
    (x, y), (width, height) = places.places[box], places.sizes[box]
    return low.x < x + width / 2 and x - width / 2 < high.x and low.y < y + height / 2 and y - height / 2 < high.y
