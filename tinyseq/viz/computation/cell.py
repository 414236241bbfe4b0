"""One step of a recurrent cell as a figure of its own."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from tinyseq.arguments import text
from tinyseq.autograd.modes import step
from tinyseq.autograd.ops.reduce import sum as total
from tinyseq.autograd.tensor import Tensor, tensor
from tinyseq.nn.recurrent.cells import RecurrentCell
from tinyseq.nn.recurrent.registry import CellRecord, cell_named
from tinyseq.random import drawn_from
from tinyseq.structure.record import record
from tinyseq.torch_names.settings import explained
from tinyseq.viz.computation.painter import Painter
from tinyseq.viz.content.boxes import Arrow, Box
from tinyseq.viz.content.columns import Column
from tinyseq.viz.content.sheet import Sheet
from tinyseq.viz.content.unrolled import sheet
from tinyseq.viz.rendering.canvas import readable
from tinyseq.viz.rendering.drawing import Drawing
from tinyseq.viz.rendering.settings import defaults

STEPS = 3  # the step in the middle is drawn: its states come from a step, and go to another one
INPUT, HIDDEN = 2, 3  # sizes of a cell that is drawn by its name


@explained
def cell(
    what: str | Callable[..., object],
    *inputs: object,
    values: bool | None = None,
    title: str | None = None,
    legend: bool | None = None,
    font_size: float | None = None,
    size: tuple[float, float] | None = None,
) -> Drawing:
    """Draw one step of a recurrent cell: x_t and the states of step t - 1 go in, the states of step t come out.

    The step is recorded and drawn, so any cell can be shown, including your own. Weights are named, but not drawn.

    Args:
        what: the name of a cell, such as ``"lstm"``; a module such as `tinyseq.nn.LSTMCell`; or a function
            ``(x, state) -> state``. A state is a tensor, or a tuple of several.
        inputs: x and the state, for a function or a module of your own.
        values: whether to write the first elements of each value on its box.
        title: the title below the step; by default the cell's name.
        legend: whether to explain the boxes.
        font_size: the font size in points; 11 by default.
        size: (width, height) in inches; the picture is scaled to fit.

    Parameters that are None are taken from `defaults`; without these, there are no values and no legend.

    Raises:
        ValueError: there is no cell of this name, a setting is out of range, or no state is passed on to the next step.
        TypeError: ``what`` cannot be called with the inputs, or returns no tensors.

    Example:
        >>> import tinyseq as ts
        >>> cell("lstm")
        Drawing('LSTM')
        >>> w = ts.tensor([[0.5, 0.1], [0.2, 0.3]], requires_grad=True)
        >>> cell(lambda x, h: ts.tanh(x + w @ h), ts.ones(2, 1), ts.zeros(2, 1), title="my own")
        Drawing('my own')
    """
    function, name = _callable(what)
    if not inputs and isinstance(function, RecurrentCell):
        inputs = (np.linspace(-1.0, 1.0, function.input_size, dtype=str(function.weight_ih.dtype))[None], None)
    if len(inputs) != 2:
        raise TypeError(
            f"cell needs x and the previous state to call {name} with, as in "
            f"cell({name}, x, h); got {len(inputs)} inputs"
        )
    heading = name if title is None else text("title", title) or " "
    content = one_step(_recorded(function, *inputs), heading)
    with defaults(values=values, legend=legend, font_size=font_size, size=size) as chosen:
        paint = partial(Painter, content, values=bool(chosen.values), legend=bool(chosen.legend))
        return readable([lambda: paint().painted()], lambda: (paint().painted().drawing(), {}))


def _callable(what: Any) -> tuple[Callable[..., Any], str]:
    """The function of a step, and its name."""
    found = getattr(what, "cell", what)  # of a layer or a cell
    if isinstance(found, str):
        found = cell_named(found)
    if isinstance(found, CellRecord):
        with drawn_from(np.random.default_rng(0)):  # drawing does not change the user's random numbers
            function = what if isinstance(what, RecurrentCell) else RecurrentCell(found.name, INPUT, HIDDEN)
        return function, found.title
    if not callable(what):
        raise TypeError(f"what must be the name of a cell, a module or a function, got {type(what).__name__}")
    return what, getattr(what, "__name__", type(what).__name__).replace("<lambda>", "one step")


def _recorded(function: Callable[..., Any], x: Any, state: Any) -> Sheet:
    """The folded sheet of some steps."""
    for t in range(STEPS):
        with step(t):
            state = function(_leaf(x), state)
    states: Sequence[Tensor] = state if isinstance(state, tuple | list) else (state,)
    if not all(isinstance(part, Tensor) for part in states):
        raise TypeError(f"a step must return a tensor, or a tuple of tensors, got {type(state).__name__}")
    return sheet(record(sum((total(part) for part in states[1:]), total(states[0]))), fold=True)


def _leaf(x: Any) -> Any:
    """x as a leaf that only one step reads, which is drawn as its input; ids as they are."""
    if isinstance(x, Tensor):
        return x.detach().requires_grad_()
    return tensor(x, requires_grad=True) if np.asarray(x).dtype.kind == "f" else x


def one_step(content: Sheet, title: str) -> Sheet:
    """A folded sheet with the states of the step before at its left, and those of the step at its right."""
    shown = [column for column in content.columns if column.kind == "step"]
    if not shown or not any(arrow.delay for arrow in content.arrows):
        raise ValueError("no state is passed on to the next step: the step must return the state that it takes")
    column = shown[0]
    start, end = Column(column.phase, column.step - 1, "start"), Column(column.phase, column.step + 1, "between")
    inside = [box for box in content.boxes if box.column == column]
    arrows = [arrow for arrow in content.arrows if {arrow.tail, arrow.head} <= set(inside)]
    ends: dict[tuple[Box, Column], Box] = {}
    states = dict(content.states)
    made = []
    for arrow in arrows:
        if not arrow.delay:
            made.append(arrow)
            continue
        tail, head = arrow.tail, arrow.head
        level = {other.head.slot for other in arrows if other.tail is head} == {tail.slot}  # it only updates this state
        slots = {start: tail.slot if level else head.slot, end: tail.slot}
        for place, slot in slots.items():
            name = f"{tail.name}_{'before' if place is start else 'after'}"
            ends.setdefault((tail, place), Box(name, "initial", place, slot))
            states.setdefault(slot, content.states.get(tail.slot, ()))
        made += [arrow._replace(tail=ends[tail, start], delay=0), Arrow(tail, ends[tail, end], arrow.value)]
    boxes = [*inside, *ends.values()]
    arrows = list(dict.fromkeys(made))
    return replace(content, columns=[start, column, end], boxes=boxes, arrows=arrows, states=states, title=title)
