"""Drawings of compiled programs."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from tinyseq.compiler.compiled import Compiled
from tinyseq.compiler.fusion import Group, fuse
from tinyseq.compiler.loops import Folding, Loop, Place
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


class _Box(NamedTuple):
    """Steps in one box.

    Attributes:
        steps: of a loop, those of the turn that is drawn.
        loop: its number; None outside of loops.
    """

    steps: tuple[Step, ...]
    loop: int | None

    @property
    def name(self) -> str:
        return f"b{self.steps[-1].out}"


class _Picture:
    """What is drawn of a program: of each loop, one turn."""

    def __init__(self, found: Program) -> None:
        self.found = found
        self.folding = Folding([found.steps[: found.forward], found.steps[found.forward :]], found.values)
        self.views: dict[int, int] = {}  # values -> what they are views of
        self.words: dict[int, str] = {}
        self.passes = [[box for part in _parts(items) for box in self._boxes(part)] for items in self.folding.items]
        self.boxes = [box for boxes in self.passes for box in boxes]
        self.home = {step.out: box.name for box in self.boxes for step in box.steps}
        self.home |= {number: f"v{number}" for number in (*found.inputs, *found.seeds)}

    def _boxes(self, part: Loop | list[Step]) -> Iterator[_Box]:
        """The boxes of a loop, or of the steps between two loops."""
        steps, loop = (part.turns[_drawn(part)], self._number(part)) if isinstance(part, Loop) else (part, None)
        calls = self.folding.calls(part) if isinstance(part, Loop) else [self.folding.calls(step)[0] for step in part]
        self.words |= {step.out: call for step, call in zip(steps, calls, strict=True)}
        self.views |= {step.out: step.view.number for step in steps if step.view is not None}
        for item in _fused(self.found, steps):
            if isinstance(item, Group) or item.view is None:
                yield _Box(item.steps if isinstance(item, Group) else (item,), loop)

    def _number(self, loop: Loop) -> int:
        return self.folding.places[loop.turns[0][0].out].loop

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
            lines.append(f'  subgraph cluster_{heading} {{ label="{heading}"; color={line}')
            for loop, inside in groupby(boxes, lambda box: box.loop):
                drawn = [f"    {box.name} [{self._look(box)}]" for box in inside]
                if loop is not None:
                    turns = f"for t in range({len(self.folding.loops[loop].turns)})"
                    drawn = [f'    subgraph cluster_loop{loop} {{ label="{turns}"; color={line}', *drawn, "    }"]
                lines += drawn
            lines.append("  }")
        arrows = [f"  {arrow}" for box in self.boxes for arrow in self._arrows(box)]
        for name, numbers in (("output", self.found.outputs), ("gradient", self.found.gradients)):
            for place, number in enumerate(numbers):
                if tail := self._source(number)[0]:
                    lines.append(f'  {name}{place} [shape=plain label="{name} {place}"]')
                    arrows.append(f"  {tail} -> {name}{place}")
        return "\n".join([*lines, *arrows, "}"])

    def _arrows(self, box: _Box) -> Iterator[str]:
        """The arrows to a box; dashed ones from earlier turns of its loop."""
        plain, dashed = dict.fromkeys([""]), dict[str, None]()
        for number in (number for step in box.steps for number in step.reads):
            tail, earlier = self._source(number, box.loop)
            if earlier is not None:
                dashed[tail] = None
                loop = self.folding.loops[earlier.loop]
                first = loop.before.get((earlier.step, earlier.turn - _drawn(loop)))
                tail = "" if first is None else self._source(first)[0]
            plain[tail] = None
        yield from (f"{tail} -> {box.name}" for tail in plain if tail not in ("", box.name))
        yield from (f"{tail} -> {box.name} [style=dashed constraint=false]" for tail in dashed if tail)

    def _source(self, number: int, loop: int | None = None) -> tuple[str, Place | None]:
        """The box that makes a value, and where it is made if that is in another turn of this loop."""
        earlier = None
        while True:
            if (place := self.folding.places.get(number)) is not None:
                home = self.folding.loops[place.loop]
                earlier = place if place.loop == loop and place.turn != _drawn(home) else earlier
                number = home.turns[_drawn(home)][place.step].out
            if number not in self.views:
                return self.home.get(number, ""), earlier
            number = self.views[number]

    def _look(self, box: _Box) -> str:
        """The attributes of a box: its steps, one in a line."""
        lines = [clean(self.words[step.out], limit=60) for step in box.steps[:MOST_LINES]]
        if len(box.steps) > MOST_LINES:
            lines.append(f"... {len(box.steps) - MOST_LINES} more")
        label = "\\l".join(map(_escaped, [*lines, self._kind(box.steps[-1].out), ""]))
        return f'label="{label}" color="{ACCENT if len(box.steps) > 1 else LINE}"'

    def _kind(self, number: int) -> str:
        value = self.found.values[number]
        return f"{len(value)} arrays" if type(value) is tuple else f"{value.dtype}{shown(value.shape)}"


def _parts(items: Sequence[Step | Loop]) -> Iterator[Loop | list[Step]]:
    """The loops of a pass, and the steps between them."""
    for _, alike in groupby(items, type):
        run = list(alike)
        steps = [item for item in run if isinstance(item, Step)]
        yield from [steps] if steps else [item for item in run if isinstance(item, Loop)]


def _drawn(loop: Loop) -> int:
    """The turn that is drawn: in the middle, where what it reads is as in most."""
    return max(len(loop.turns) // 2, 2)


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
