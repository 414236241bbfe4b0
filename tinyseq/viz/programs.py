"""Drawings of compiled programs."""

from collections.abc import Iterable

import numpy as np

from tinyseq.compiler.compiled import Compiled
from tinyseq.compiler.fusion import Group, fuse
from tinyseq.compiler.program import Program, Step, shown
from tinyseq.viz.rendering.drawing import Drawing
from tinyseq.viz.rendering.style import ACCENT, LINE, STATE, clean

MOST_BOXES = 400
MOST_LINES = 12  # in a box of several elementwise steps


def program(compiled: Compiled | Program) -> Drawing:
    """Draw a compiled program: forward and backward, with the elementwise steps that one loop can compute in one box.

    Views are not drawn: an arrow comes from the value that they are views of. The picture is laid out by Graphviz.

    Args:
        compiled: what `tinyseq.compile` returned, after a call; or its program.

    Returns:
        The drawing; ``drawing.dot`` is its text.

    Raises:
        TypeError: for anything else.
        ValueError: the program has more than 400 boxes.

    Example:
        >>> import tinyseq as ts
        >>> w = ts.tensor([1.0, 2.0], requires_grad=True)
        >>> fast = ts.compile(lambda x: ts.tanh(w * x).sum())
        >>> _ = fast(ts.ones(2))
        >>> program(fast)
        Drawing('a program of 9 steps')
    """
    found = compiled.program if isinstance(compiled, Compiled) else compiled
    if not isinstance(found, Program):
        raise TypeError(f"a program is drawn of what ts.compile returned, got {type(found).__name__}")
    passes = fuse(found, lambda step: isinstance(step.function, np.ufunc) and step.function.signature is None)
    boxes = [item for items in passes for item in items if isinstance(item, Group) or item.view is None]
    if len(boxes) > MOST_BOXES:
        raise ValueError(
            f"the program has {len(boxes)} boxes; at most {MOST_BOXES} are drawn. Compile fewer steps for a drawing"
        )
    return Drawing(_dot(found, passes), f"a program of {len(found.steps)} steps")


def _dot(found: Program, passes: Iterable[list[Step | Group]]) -> str:
    """The picture in Graphviz's language."""
    home, lines, edges = (
        dict[int, str](),
        ["digraph {", "  layout=dot; node [shape=box fontname=Helvetica fontsize=10]"],
        [],
    )
    for name, numbers in (("input", found.inputs), ("seed", found.seeds)):
        for number in numbers:
            home[number] = f"v{number}"
            lines.append(
                f'  v{number} [label="{name} v{number}\\n{_kind(found, number)}" shape=ellipse color="{STATE.outline}"]'
            )
    for title, items in zip(("forward", "backward"), passes, strict=True):
        lines.append(f'  subgraph cluster_{title} {{ label="{title}"; fontname=Helvetica; color="{LINE}"')
        for item in items:
            steps = item.steps if isinstance(item, Group) else (item,)
            if isinstance(item, Step) and item.view is not None:
                home[item.out] = home.get(item.view.number, "")
                continue
            box = f"b{steps[-1].out}"
            home |= {step.out: box for step in steps}
            reads = dict.fromkeys(home.get(n, "") for step in steps for n in step.reads())
            edges += [f"  {tail} -> {box}" for tail in reads if tail not in ("", box)]
            color = ACCENT if len(steps) > 1 else LINE
            lines.append(f'    {box} [label="{_label(found, steps)}" color="{color}"]')
        lines.append("  }")
    for name, numbers in (("output", found.outputs), ("gradient", found.gradients)):
        for place, number in enumerate(numbers):
            if home.get(number):
                lines.append(f'  {name}{place} [shape=plain label="{name} {place}"]')
                edges.append(f"  {home[number]} -> {name}{place}")
    return "\n".join([*lines, *edges, "}"])


def _label(found: Program, steps: tuple[Step, ...]) -> str:
    """The steps of a box, one in a line."""
    lines = [clean(str(step), limit=60) for step in steps[:MOST_LINES]]
    if len(steps) > MOST_LINES:
        lines.append(f"... {len(steps) - MOST_LINES} more")
    text = "\\l".join(line.replace("\\", "\\\\").replace('"', "'") for line in [*lines, _kind(found, steps[-1].out)])
    return text + "\\l"


def _kind(found: Program, number: int) -> str:
    value = found.values[number]
    return f"{len(value)} arrays" if type(value) is tuple else f"{value.dtype}{shown(value.shape)}"
