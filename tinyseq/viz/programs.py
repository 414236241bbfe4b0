"""Drawings of compiled programs."""

from collections.abc import Callable, Sequence

import numpy as np

from tinyseq.compiler.compiled import Compiled
from tinyseq.compiler.fusion import Group, fuse
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
LEGEND = "red boxes: elementwise steps that one loop can compute; views are drawn as what they view"


def program(
    compiled: Compiled[..., object] | Program,
    *,
    title: str = "",
    legend: bool | None = None,
    font_size: float | None = None,
    size: tuple[float, float] | None = None,
) -> Drawing:
    """Draw a compiled program: forward and backward, with the elementwise steps that one loop can compute in one box.

    Views are not drawn: an arrow comes from the value that they are views of. The picture is laid out by Graphviz.

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
    passes = fuse(found, lambda step: isinstance(step.function, np.ufunc) and step.function.signature is None)
    boxes = [item for items in passes for item in items if isinstance(item, Group) or item.view is None]
    if len(boxes) > MOST_BOXES:
        raise ValueError(
            f"the program has {len(boxes)} boxes; at most {MOST_BOXES} are drawn. Compile fewer time steps for a "
            "drawing, or print the program, which writes steps that repeat as a loop"
        )

    def drawing(tell: Callable[[], Told] | None = None) -> Drawing:
        text = in_theme(_dot(found, passes, clean(title, limit=120), bool(chosen.legend)))
        return Drawing(text, title or f"a program of {len(found.steps)} steps", tell)

    with defaults(legend=legend, font_size=font_size, size=size) as chosen:
        return drawing(lambda: (drawing(), {}))


def _dot(found: Program, passes: Sequence[Sequence[Step | Group]], title: str, legend: bool) -> str:
    """The picture in Graphviz's language."""
    ink, line, accent = (f'"{color}"' for color in (INK, LINE, ACCENT))
    font = f'fontname="{FAMILIES}" fontsize={in_type(TEXT_SIZE):g} fontcolor={ink}'
    home = dict[int, str]()
    lines = ["digraph {", f"  graph [layout=dot {font}{_whole(title, legend)}]"]
    lines += [f"  node [shape=box color={line} {font}]", f"  edge [color={line}]"]
    edges = list[str]()
    for name, numbers in (("input", found.inputs), ("seed", found.seeds)):
        for number in numbers:
            home[number] = f"v{number}"
            told = f"{name} v{number}\\n{_kind(found, number)}"
            lines.append(f'  v{number} [label="{told}" shape=ellipse color="{STATE.outline}"]')
    for heading, items in zip(("forward", "backward"), passes, strict=True):
        lines.append(f'  subgraph cluster_{heading} {{ label="{heading}"; color={line}')
        for item in items:
            steps = item.steps if isinstance(item, Group) else (item,)
            if isinstance(item, Step) and item.view is not None:
                home[item.out] = home.get(item.view.number, "")
                continue
            box = f"b{steps[-1].out}"
            home |= {step.out: box for step in steps}
            reads = dict.fromkeys(home.get(n, "") for step in steps for n in step.reads)
            edges += [f"  {tail} -> {box}" for tail in reads if tail not in ("", box)]
            color = accent if len(steps) > 1 else line
            lines.append(f'    {box} [label="{_label(found, steps)}" color={color}]')
        lines.append("  }")
    for name, numbers in (("output", found.outputs), ("gradient", found.gradients)):
        for place, number in enumerate(numbers):
            if home.get(number):
                lines.append(f'  {name}{place} [shape=plain label="{name} {place}"]')
                edges.append(f"  {home[number]} -> {name}{place}")
    return "\n".join([*lines, *edges, "}"])


def _whole(title: str, legend: bool) -> str:
    """Attributes of the whole picture: its size, its paper, and its title or the explanation of its boxes."""
    told = "".join(f' {name}="{value}"' for name, value in paper().items())
    words = "\\n".join(_escaped(line) for line in (title, LEGEND * legend) if line)
    return f'{told} labelloc=t label="{words}"' if words else told


def _label(found: Program, steps: tuple[Step, ...]) -> str:
    """The steps of a box, one in a line."""
    lines = [clean(str(step), limit=60) for step in steps[:MOST_LINES]]
    if len(steps) > MOST_LINES:
        lines.append(f"... {len(steps) - MOST_LINES} more")
    return "\\l".join(map(_escaped, [*lines, _kind(found, steps[-1].out), ""]))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', "'")


def _kind(found: Program, number: int) -> str:
    value = found.values[number]
    return f"{len(value)} arrays" if type(value) is tuple else f"{value.dtype}{shown(value.shape)}"
