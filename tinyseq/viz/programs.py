"""Drawings of compiled programs."""

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from tinyseq.arguments import text
from tinyseq.compiler.compiled import Compiled
from tinyseq.compiler.fusion import Group, fuse
from tinyseq.compiler.listing.lines import Listing, at_turns
from tinyseq.compiler.listing.loops import Folding, Loop, Place, Row
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Step, shown
from tinyseq.viz.rendering.dark_theme import in_theme
from tinyseq.viz.rendering.dot import paper
from tinyseq.viz.rendering.drawing import Drawing, Told
from tinyseq.viz.rendering.font import FAMILIES
from tinyseq.viz.rendering.settings import TEXT_SIZE, defaults, in_type
from tinyseq.viz.rendering.style import ACCENT, INK, LINE, STATE, clean

MOST_BOXES = 400
MOST_LINES = 8  # the most in a box of several elementwise steps
IN_A_LINE = 3  # values
BESIDE = 28  # the most boxes of two passes that are side by side
WIDE = 44  # letters in a line
UNSEEN = " [style=invis]"
SPACES, PADDING = "ranksep=0.25 nodesep=0.1", 'margin="0.05,0.03" height=0.1'
ROUND = f'shape=ellipse color="{STATE.outline}"'
LEGEND = (
    "red boxes: elementwise steps that one loop can compute; dashed arrows: from earlier iterations of a loop; "
    "views are drawn as what they view"
)


def program(
    compiled: Compiled[..., object] | Program,
    *,
    title: str = "",
    legend: bool | None = None,
    font_size: float | None = None,
    size: tuple[float, float] | None = None,
) -> Drawing:
    """Draw a compiled program: forward and backward, with the elementwise steps that one loop can compute in one box.

    Steps that repeat are drawn once, in a frame that says how often: so the program of a recurrent network is drawn
    like the recurrence that it is, whatever its length. What is computed later is drawn below: read the picture of a
    large program from top to bottom. The backward pass begins with what the forward pass has saved for it. Views are
    not drawn: an arrow comes from the value that they are views of. The picture is laid out by Graphviz.

    Args:
        compiled: what `tinyseq.compile` returned, after a call; or its program.
        title: a heading above the picture.
        legend: whether to explain the boxes below it.
        font_size: the font size in points; 11 by default.
        size: (width, height) in inches; the picture is scaled to fit.

    Parameters that are None are taken from `defaults`, as is the theme; without these, there is no legend.

    Returns:
        The drawing; ``drawing.dot`` is its text.

    Raises:
        TypeError: for anything else.
        ValueError: the program has more than 400 boxes, or a setting is out of range.

    Example:
        >>> import tinyseq as ts
        >>> w = ts.tensor([1.0, 2.0], requires_grad=True)
        >>> fast = ts.compile(lambda x: ts.tanh(w * x).sum())
        >>> _ = fast(ts.ones(2))
        >>> program(fast)
        Drawing('a program of 8 steps')
    """
    found = compiled.program if isinstance(compiled, Compiled) else compiled
    if not isinstance(found, Program):
        raise TypeError(f"program draws what ts.compile returned, got {type(found).__name__}")
    title = text("title", title)
    picture = _Picture(found)
    if len(picture.boxes) > MOST_BOXES:
        raise ValueError(
            f"the program has {len(picture.boxes)} boxes, although steps that repeat are drawn once; at most "
            f"{MOST_BOXES} are drawn. Compile a smaller part of it for a drawing, or print the program"
        )

    def drawing(tell: Callable[[], Told] | None = None) -> Drawing:
        text = in_theme(picture.dot(clean(title, limit=120), bool(chosen.legend)))
        return Drawing(text, title or f"a program of {len(found.steps)} steps", tell)

    with defaults(legend=legend, font_size=font_size, size=size) as chosen:
        return drawing(lambda: (drawing(), {}))


class Frame(NamedTuple):
    """A frame around boxes: a loop, or steps that only some of its turns have."""

    name: str
    heading: str


Frames = tuple[Frame, ...]


class _Box(NamedTuple):
    """Steps in one box: rows, the step of each that is drawn, and the frames from the outermost to the innermost."""

    rows: tuple[Row, ...]
    steps: tuple[Step, ...]
    frames: Frames

    @property
    def name(self) -> str:
        return f"b{self.rows[-1].name}"


class _Picture:
    """What is drawn of a program: of each loop, one turn."""

    def __init__(self, found: Program) -> None:
        self.found = found
        folding = Folding(found.halves, found.values)
        self.made, self.listing = folding.made, Listing(folding, found.values)
        self.loops = {row.name: loop for loops in folding.passes for loop in loops for row in loop.rows}
        rows = self.made.rows.values()
        self.first = {Place(row.name, turn): number for row in rows for turn, number in row.before.items()}
        self.turns: dict[int, int] = {}  # rows -> the turn that is drawn
        self.views: dict[int, int] = {}  # rows -> the values that they are views of
        self.passes = [
            [box for loop in loops for rows in _together(loop) for box in self._boxes(loop, rows)]
            for loops in folding.passes
        ]
        self.boxes = [box for boxes in self.passes for box in boxes]
        self.home = {row.name: box.name for box in self.boxes for row in box.rows}
        self.home |= {number: f"v{number}" for number in (*found.inputs, *found.seeds)}

    def _boxes(self, loop: Loop, rows: Sequence[Row]) -> Iterator[_Box]:
        """The boxes of rows that are done one after another."""
        turn = _drawn(loop, rows)
        steps = [row.steps[turn] for row in rows]
        made = {step.out: row for row, step in zip(rows, steps, strict=True)}
        self.turns |= {row.name: row.turns[turn] for row in rows}
        self.views |= {row.name: step.view.number for row, step in zip(rows, steps, strict=True) if step.view}
        for item in _fused(self.found, steps):
            if isinstance(item, Group) or item.view is None:
                inside = item.steps if isinstance(item, Group) else (item,)
                yield _Box(tuple(made[step.out] for step in inside), tuple(inside), _frames(loop, rows))

    def dot(self, title: str, legend: bool) -> str:
        """The picture in Graphviz's language."""
        font = f'fontname="{FAMILIES}" fontsize={in_type(TEXT_SIZE):g} fontcolor="{INK}"'
        lines = ["digraph {", f'  graph [layout=dot {SPACES} color="{LINE}" {font}{_whole(title, legend)}]']
        lines += [f'  node [shape=box {PADDING} color="{LINE}" {font}]', f'  edge [color="{LINE}"]']
        nodes: dict[str, str] = {box.name: box.name for box in self.boxes}
        for heading, boxes in zip(("forward", "backward"), self.passes, strict=True):
            lines += self._pass(heading, boxes, nodes)
        for name, numbers in (("output", self.found.outputs), ("gradient", self.found.gradients)):
            for place, number in enumerate(numbers):
                if tail := nodes.get(self.home.get(self._source(number)[0], "")):
                    lines += [f'  {name}{place} [shape=plain label="{name} {place}"]', f"  {tail} -> {name}{place}"]
        return "\n".join([*lines, "}"])

    def _pass(self, heading: str, boxes: Sequence[_Box], nodes: dict[str, str]) -> list[str]:
        """A pass in its frame; `nodes` gets the nodes of the inputs that it reads."""
        own = {box.name for box in boxes}
        taken: dict[str, dict[int, None]] = {}  # what is made outside of it: by whom, and which values
        arrows: dict[tuple[str, str, str], None] = {}
        for box in boxes:
            for value, dashed in self._reads(box):
                tail = self.home.get(value, "")
                if tail and tail not in own:
                    taken.setdefault(tail, {})[value] = None
                    tail = f"{heading}_{tail}"
                    nodes.setdefault(self.home[value], tail)
                if tail and (tail != box.name or dashed):
                    arrows[tail, box.name, " [style=dashed constraint=false]" * dashed] = None
        ellipses = [f'{heading}_{tail} [label="{self._told(values)}" {ROUND}]' for tail, values in taken.items()]
        arrows |= dict.fromkeys(_in_order(boxes, {(tail, head) for tail, head, dashed in arrows if not dashed}))
        above = self.passes[0][-1:] if heading == "backward" and len(self.boxes) > BESIDE else []
        arrows |= {(box.name, f"{heading}_{tail}", UNSEEN): None for box in above for tail in taken}
        drawn = [f"{tail} -> {head}{style}" for tail, head, style in arrows]
        inside = [*ellipses, *self._framed(boxes), *drawn]
        return [f'  subgraph cluster_{heading} {{ label="{heading}"', *(f"    {line}" for line in inside), "  }"]

    def _told(self, values: Iterable[int]) -> str:
        """What is said of values from outside of a pass: inputs, seeds, or what the forward pass has saved."""
        first = next(iter(values))
        for name, numbers in (("input", self.found.inputs), ("seed", self.found.seeds)):
            if first in numbers:
                return f"{name} v{first}\\n{self._kind(first)}"
        words = [self.listing.result(value) for value in values]
        lines = [", ".join(words[i : i + IN_A_LINE]) for i in range(0, len(words), IN_A_LINE)]
        return "\\n".join(["saved", *lines])

    def _framed(self, boxes: Sequence[_Box], depth: int = 0) -> Iterator[str]:
        """Boxes, and frames with the boxes in them; a frame's heading is a node, so that lines avoid it."""
        for frame, inside in groupby(boxes, lambda box: box.frames[depth : depth + 1]):
            if frame:
                name, heading = frame[0]
                yield f'subgraph cluster_{name} {{ label=""; {name} [shape=plain label="{heading}"]'
                yield from (f"  {line}" for line in self._framed(list(inside), depth + 1))
                yield "}"
            else:
                yield from (f"{box.name} [{self._look(box)}]" for box in inside)

    def _reads(self, box: _Box) -> Iterator[tuple[int, bool]]:
        """The values that a box reads, by row, and whether they are of earlier turns of its loop."""
        for row, step in zip(box.rows, box.steps, strict=True):
            for number in step.reads:
                value, earlier = self._source(number, row)
                yield value, earlier is not None
                if earlier in self.first:
                    yield self._source(self.first[earlier])[0], False

    def _source(self, number: int, reader: Row | None = None) -> tuple[int, Place | None]:
        """What a value is a view of, and what its first reader reads if it is of an earlier turn of the same loop."""
        earlier, turn = None, self.turns[reader.name] if reader else 0
        while True:
            if (place := self.made.places.get(number)) is not None:
                row = self.made.rows[place.row]
                same = reader is not None and self.loops[reader.name] is self.loops[row.name]
                if reader and same and place.turn != turn and earlier is None:
                    earlier = Place(row.name, place.turn - turn + reader.turns[0])
                number, turn = row.name, self.turns[row.name]
            if number not in self.views:
                return number, earlier
            number = self.views[number]

    def _look(self, box: _Box) -> str:
        """The attributes of a box: its steps, one in a line."""
        lines = [line for row in box.rows[:MOST_LINES] for line in wrapped(self.listing.call(row) + self._when(row))]
        if len(box.rows) > MOST_LINES:
            lines.append(f"... {len(box.rows) - MOST_LINES} more")
        label = "\\l".join(map(_escaped, [*lines, self._kind(box.rows[-1].name), ""]))
        return f'label="{label}" color="{ACCENT if len(box.rows) > 1 else LINE}"'

    def _when(self, row: Row) -> str:
        """The condition of a row that is missing from the last turns."""
        return f" {at_turns(row.turns)}" if row.steady and len(row.turns) < self.loops[row.name].turns else ""

    def _kind(self, number: int) -> str:
        value = self.found.values[number]
        return f"{len(value)} arrays" if type(value) is tuple else f"{value.dtype}{shown(value.shape)}"


def _in_order(boxes: Sequence[_Box], arrows: set[tuple[str, str]], depth: int = 0) -> Iterator[tuple[str, str, str]]:
    """Arrows that are not seen: to later loops, and boxes between loops, from earlier ones, and from headings."""
    above: list[str] = []
    for frame, inside in groupby(boxes, lambda box: box.frames[depth : depth + 1]):
        members = list(inside)
        below = [box.name for box in members]
        first = [name for name in below if not any((other, name) in arrows for other in below)]
        if frame:
            yield from _in_order(members, arrows, depth + 1)
            yield from ((frame[0].name, head, UNSEEN) for head in first)
            first = [frame[0].name]
        if depth == 0:
            last = [name for name in above if not any((name, other) in arrows for other in above)]
            yield from ((tail, head, UNSEEN) for tail in last for head in first)
        above = below


def wrapped(call: str) -> list[str]:
    """A call, in two lines if one would be too wide."""
    text = clean(call, limit=2 * WIDE)
    return [text] if len(text) <= WIDE else textwrap.wrap(text, WIDE * 4 // 5, subsequent_indent="    ")


def _together(loop: Loop) -> list[list[Row]]:
    """Rows one after another that are in the same frame."""
    return [list(rows) for _, rows in groupby(loop.rows, lambda row: row.steady or row.turns)]


def _frames(loop: Loop, rows: Sequence[Row]) -> Frames:
    """The frames around rows of a loop that are done at the same turns, except for the last ones."""
    frames = [Frame(f"loop{loop.rows[0].name}", f"for t in range({loop.turns})")] if loop.turns > 1 else []
    if not rows[0].steady:
        frames.append(Frame(f"part{rows[0].name}", at_turns(rows[0].turns)))
    return tuple(frames)


def _drawn(loop: Loop, rows: Sequence[Row]) -> int:
    """Which turn of rows is drawn: one in the middle, where what they read is as in most."""
    steady = [row for row in loop.rows if row.steady]
    turns = min(len(row.turns) for row in (steady if rows[0].steady else rows))
    return max(turns // 2, min(2, turns - 1))


def _fused(found: Program, steps: Sequence[Step]) -> list[Step | Group]:
    """A part of a program, with the elementwise steps that one loop can compute."""
    part, made = found.copy(), {step.out for step in steps}
    part.steps, part.forward = list(steps), len(steps)
    part.outputs, part.gradients, part.guards = [], [], []
    part.inputs = [number for step in steps for number in step.reads if number not in made]
    return fuse(part, lambda step: isinstance(step.function, np.ufunc) and step.function.signature is None)[0]


def _whole(title: str, legend: bool) -> str:
    """Attributes of the whole picture: its size, its paper, and its title or the explanation of its boxes."""
    told = "".join(f' {name}="{value}"' for name, value in paper().items())
    words = "\\n".join(_escaped(line) for line in (title, LEGEND * legend) if line)
    return f'{told} labelloc=t label="{words}"' if words else told


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', "'")
