"""Drawings of compiled programs."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from tinyseq.compiler.compiled import Compiled
from tinyseq.compiler.fusion import Group, fuse
from tinyseq.compiler.listing import Listing, at_turns
from tinyseq.compiler.loops import Folding, Loop, Place, Row
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Step, shown
from tinyseq.viz.rendering.dark_theme import in_theme
from tinyseq.viz.rendering.dot import paper
from tinyseq.viz.rendering.drawing import Drawing, Told
from tinyseq.viz.rendering.font import FAMILIES
from tinyseq.viz.rendering.settings import TEXT_SIZE, defaults, in_type
from tinyseq.viz.rendering.style import ACCENT, INK, LINE, STATE, clean

MOST_BOXES = 400
MOST_LINES = 12  # the most in a box of several elementwise steps
LEGEND = (
    "red boxes: elementwise steps that one loop can compute; dashed arrows: from earlier turns of a loop; "
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
    like the recurrence that it is. Views are not drawn: an arrow comes from the value that they are views of. The
    picture is laid out by Graphviz.

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
    """Steps in one box, and the frames around it from the outermost to the innermost."""

    rows: tuple[Row, ...]
    frames: Frames

    @property
    def name(self) -> str:
        return f"b{self.rows[-1].name}"

    @property
    def steps(self) -> list[Step]:
        """The steps of the turn that is drawn."""
        return [row.steps[_drawn(row)] for row in self.rows]


class _Picture:
    """What is drawn of a program: of each loop, one turn."""

    def __init__(self, found: Program) -> None:
        self.found = found
        folding = Folding(found.halves, found.values)
        self.made, self.listing = folding.made, Listing(folding, found.values)
        rows = [(loop.rows[0].name, row) for loops in folding.passes for loop in loops for row in loop.rows]
        self.loops = {row.name: loop for loop, row in rows}
        self.first = {Place(row.name, turn): number for _, row in rows for turn, number in row.before.items()}
        self.views: dict[int, int] = {}  # rows -> the values that they are views of
        self.passes = [
            [box for loop in loops for rows in loop.parts for box in self._boxes(rows, _frames(loop, rows))]
            for loops in folding.passes
        ]
        self.boxes = [box for boxes in self.passes for box in boxes]
        self.home = {row.name: box.name for box in self.boxes for row in box.rows}
        self.home |= {number: f"v{number}" for number in (*found.inputs, *found.seeds)}

    def _boxes(self, rows: Sequence[Row], frames: Frames) -> Iterator[_Box]:
        """The boxes of rows that are done one after another."""
        shown = {row.steps[_drawn(row)].out: row for row in rows}
        steps = [row.steps[_drawn(row)] for row in rows]
        self.views |= {row.name: step.view.number for row, step in zip(rows, steps, strict=True) if step.view}
        for item in _fused(self.found, steps):
            if isinstance(item, Group) or item.view is None:
                parts = item.steps if isinstance(item, Group) else (item,)
                yield _Box(tuple(shown[step.out] for step in parts), frames)

    def dot(self, title: str, legend: bool) -> str:
        """The picture in Graphviz's language."""
        ink, line = (f'"{color}"' for color in (INK, LINE))
        font = f'fontname="{FAMILIES}" fontsize={in_type(TEXT_SIZE):g} fontcolor={ink}'
        lines = ["digraph {", f"  graph [layout=dot {font}{_whole(title, legend)}]"]
        lines += [f"  node [shape=box color={line} {font}]", f"  edge [color={line}]"]
        for name, numbers in (("input", self.found.inputs), ("seed", self.found.seeds)):
            for number in numbers:
                told = f"{name} v{number}\\n{self._kind(number)}"
                lines.append(f'  v{number} [label="{told}" shape=ellipse color="{STATE.outline}"]')
        for heading, boxes in zip(("forward", "backward"), self.passes, strict=True):
            lines += self._framed(f"cluster_{heading}", heading, boxes, 0)
        arrows = [f"  {arrow}" for box in self.boxes for arrow in self._arrows(box)]
        for name, numbers in (("output", self.found.outputs), ("gradient", self.found.gradients)):
            for place, number in enumerate(numbers):
                if tail := self._source(number)[0]:
                    lines.append(f'  {name}{place} [shape=plain label="{name} {place}"]')
                    arrows.append(f"  {tail} -> {name}{place}")
        return "\n".join([*lines, *arrows, "}"])

    def _framed(self, name: str, heading: str, boxes: Sequence[_Box], depth: int) -> list[str]:
        """A frame with its boxes, and with the frames in it."""
        lines = [f'subgraph {name} {{ label="{heading}"; color="{LINE}"']
        for frame, inside in groupby(boxes, lambda box: box.frames[depth : depth + 1]):
            if frame:
                lines += self._framed(f"cluster_{frame[0].name}", frame[0].heading, list(inside), depth + 1)
            else:
                lines += [f"  {box.name} [{self._look(box)}]" for box in inside]
        return [f"  {line}" for line in (*lines, "}")]

    def _arrows(self, box: _Box) -> Iterator[str]:
        """The arrows to a box; dashed ones from earlier turns of its loop."""
        plain, dashed = dict[str, None](), dict[str, None]()
        for row, step in zip(box.rows, box.steps, strict=True):
            for number in step.reads:
                tail, earlier = self._source(number, row)
                (plain if earlier is None else dashed)[tail] = None
                if earlier is not None and earlier in self.first:
                    plain[self._source(self.first[earlier])[0]] = None
        yield from (f"{tail} -> {box.name}" for tail in plain if tail not in ("", box.name))
        yield from (f"{tail} -> {box.name} [style=dashed constraint=false]" for tail in dashed if tail)

    def _source(self, number: int, reader: Row | None = None) -> tuple[str, Place | None]:
        """The box that makes a value, and what its first reader reads if it is of an earlier turn of the same loop."""
        earlier, turn = None, reader.turns[_drawn(reader)] if reader else 0
        while True:
            if (place := self.made.places.get(number)) is not None:
                row = self.made.rows[place.row]
                same = reader is not None and self.loops.get(reader.name) == self.loops[row.name]
                if reader and same and place.turn != turn and earlier is None:
                    earlier = Place(row.name, place.turn - turn + reader.turns[0])
                number, turn = row.name, row.turns[_drawn(row)]
            if number not in self.views:
                return self.home.get(number, ""), earlier
            number = self.views[number]

    def _look(self, box: _Box) -> str:
        """The attributes of a box: its steps, one in a line."""
        lines = [clean(self.listing.call(row), limit=60) for row in box.rows[:MOST_LINES]]
        if len(box.rows) > MOST_LINES:
            lines.append(f"... {len(box.rows) - MOST_LINES} more")
        label = "\\l".join(map(_escaped, [*lines, self._kind(box.rows[-1].name), ""]))
        return f'label="{label}" color="{ACCENT if len(box.rows) > 1 else LINE}"'

    def _kind(self, number: int) -> str:
        value = self.found.values[number]
        return f"{len(value)} arrays" if type(value) is tuple else f"{value.dtype}{shown(value.shape)}"


def _frames(loop: Loop, rows: Sequence[Row]) -> Frames:
    """The frames around rows of a loop that are done at the same turns."""
    frames = [Frame(f"loop{loop.rows[0].name}", f"for t in range({loop.turns})")] if loop.turns > 1 else []
    if len(rows[0].turns) < loop.turns:
        frames.append(Frame(f"part{rows[0].name}", at_turns(rows[0].turns)))
    return tuple(frames)


def _drawn(row: Row) -> int:
    """Which of its turns is drawn: in the middle, where what it reads is as in most."""
    return max(len(row.turns) // 2, min(2, len(row.turns) - 1))


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
