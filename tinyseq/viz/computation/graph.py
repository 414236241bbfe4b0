"""Drawings of a computation: unrolled by time step, folded, or flat."""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple, get_args

from tinyseq.arguments import is_list, shown, text, whole
from tinyseq.autograd.calls.tensors import one_tensor
from tinyseq.autograd.tensor import Tensor
from tinyseq.structure.record import Record, record
from tinyseq.torch_names.settings import explained
from tinyseq.viz.computation.modules import closed, scope_of
from tinyseq.viz.computation.painter import Painter
from tinyseq.viz.content.columns import FEW_COLUMNS, Wanted, most_alike
from tinyseq.viz.content.flat import flat_sheet
from tinyseq.viz.content.sheet import Sheet, View
from tinyseq.viz.content.unrolled import sheet
from tinyseq.viz.page.playback import Playback
from tinyseq.viz.page.story import Story, details, packed_values
from tinyseq.viz.rendering.canvas import Canvas, readable
from tinyseq.viz.rendering.drawing import Drawing, Told
from tinyseq.viz.rendering.settings import defaults

FEWEST_COLUMNS = 2  # of each phase: the first and the last
CLOSED = "some modules are closed, so that letters are large enough on a screen: depth={} opens all"
NO_STEPS = "drawn flat because no op has a time step: put  with ts.step(t):  around the body of your loop"
MOST_LEVELS = 5  # of nested modules that a page can open and close


@explained
def graph(
    loss: Tensor,
    view: View = "unrolled",
    steps: int | Iterable[int] | None = None,
    depth: int | None = None,
    gradients: bool | None = None,
    values: bool | None = None,
    *,
    title: str = "",
    legend: bool | None = None,
    inputs: Sequence[object] = (),
    names: Mapping[str, Tensor] | None = None,
    font_size: float | None = None,
    size: tuple[float, float] | None = None,
) -> Drawing:
    """Draw how a tensor was computed.

    Args:
        loss: the result; with ``gradients`` a single number. Draw it before calling `backward`, or call `backward` with
            ``retain_graph=True``. No ``.grad`` is changed. The drawing keeps the graph, for the HTML page.
        view: ``"unrolled"``: one column per time step, with every parameter drawn once. ``"folded"``: the body of the
            loop once, with the states passed to the next step. ``"flat"``: every op as it was recorded.
        steps: the time steps to draw, negative ones counted from the end; or how many (the first ones and the last).
            By default all if there are at most 8, otherwise 0, 1, 2, ..., T - 1; or fewer, down to the first and the
            last, if these are not legible on a screen.
        depth: draw modules nested more deeply than this as single boxes. By default every op is shown, if that is
            legible on a screen of 1280 x 720.
        gradients: colour every box by the norm of the gradient of the loss with respect to its value.
        values: write the first elements of each value on its box, if the graph still holds it.
        title: a heading above the picture.
        legend: whether to explain, below the picture, boxes and colours, and why it is flat if no op has a time step.
        inputs: the input at each time step, from step 0 on, such as the letters of a word, shown instead of x₀, x₁, ...
        names: names for parameters and other leaves, such as ``{"W": w, "U": u}``. By default, those in their module.
        font_size: the font size in points; 11 by default.
        size: (width, height) in inches; the picture is scaled to fit.

    Parameters that are None are taken from `defaults`; without these, there is a legend, but no gradients or values.

    Raises:
        ValueError: the tensor has no graph, a setting is out of range, or the drawing would be too large; the message
            suggests a remedy. Or there are more or fewer ``inputs`` than time steps of a loop.
        RuntimeError: gradients were requested, but an earlier `backward` has freed the graph.
        TypeError: ``loss`` is not a tensor, but a number, a model, or the pair that a recurrent layer returns.

    Example:
        >>> import tinyseq as ts
        >>> rnn = ts.nn.RNN(3, 5)
        >>> output, h = rnn(ts.ones(4, 1, 3))
        >>> drawing = graph(output.sum())
        >>> drawing
        Drawing('4 time steps, unrolled')
        >>> sum("subgraph cluster_" in line for line in drawing.dot.splitlines())
        4
    """
    one_tensor(loss, "loss")
    if not isinstance(view, str) or view not in get_args(View):
        raise ValueError(f'view must be "unrolled", "folded" or "flat", got {view!r}')
    title = text("title", title)
    if not is_list(inputs):
        raise TypeError(f"inputs must be a list, what each time step reads; got {shown(inputs)}")
    if not isinstance(names, Mapping | None):
        raise TypeError(f'names must be a mapping from names to tensors, as {{"W": w}}; got {shown(names)}')
    settings = defaults(gradients=gradients, values=values, legend=legend, font_size=font_size, size=size)
    with settings as chosen, _without_collection():
        legend = chosen.legend is not False
        paint = partial(Painter, values=bool(chosen.values), title=title, legend=legend, inputs=inputs)
        coloured, most = bool(chosen.gradients), None if depth is None else whole("depth", depth, 0)
        request = _Request(loss, view, _wanted(steps), most, coloured, names, legend, inputs, paint)
        return readable(request.attempts(), request.told)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Inside the block, no cyclic garbage is collected: there is none, and looking for it would take half the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Request(NamedTuple):
    """What to draw, and how: the arguments of `graph`.

    Attributes:
        wanted: the time steps; None for the default ones.
        gradients: whether boxes are coloured.
        legend: whether notes and a legend are written.
        inputs: what each time step reads.
        paint: makes the painter of a sheet.
    """

    loss: Tensor
    view: View
    wanted: Wanted | None
    depth: int | None
    gradients: bool
    names: Mapping[str, Tensor] | None
    legend: bool
    inputs: Sequence[object]
    paint: Callable[..., Painter]

    def content(self, found: Record, depth: int | None = None, each: int | None = None) -> Sheet:
        """What is shown of a computation: a depth if none was asked for, and few steps of each phase."""
        flat = self.view == "flat"
        shown = flat_sheet(found) if flat else sheet(found, self.wanted, each, fold=self.view == "folded")
        if not any(box.column for box in shown.boxes):
            shown = flat_sheet(found)
        most = self.depth if depth is None else depth
        return shown if most is None or shown.view == "flat" else closed(shown, most)

    def note(self, shown: Sheet, closed_note: str = "") -> str:
        """What is said below a picture."""
        return "" if not self.legend else NO_STEPS if shown.view != self.view else closed_note

    def attempts(self) -> Iterator[Callable[[], Canvas]]:
        """Pictures with less and less in them, as far as that is not fixed."""
        computation = record(self.loss, names=self.names)
        shown = self.content(computation)
        _check_inputs(self.inputs, shown)
        if self.gradients:  # only of what may be shown: the gradients of thousands of steps would fill the memory
            computation.differentiate(self.loss, {vertex for box in shown.boxes for vertex in box.vertices})

        def picture(content: Sheet, framed: int, note: str = "") -> Callable[[], Canvas]:
            return lambda: self.paint(content, self.gradients, depth=framed, note=self.note(content, note)).painted()

        framed, levels = min(self.depth or 0, _levels(shown)), _levels(shown) if self.depth is None else 0
        yield picture(shown, framed)
        longest = 0
        if shown.view == "unrolled":
            phases = shown.timeline.steps if self.wanted is None else ()
            longest = max([most_alike(shown.timeline), *map(len, phases)])
        if longest > FEW_COLUMNS:
            yield picture(self.content(computation, each=FEW_COLUMNS), framed)
        for level in reversed(range(levels)):
            yield picture(self.content(computation, level), level, CLOSED.format(levels))
        if longest > FEWEST_COLUMNS:
            yield picture(self.content(computation, each=FEWEST_COLUMNS), framed)
            for level in reversed(range(levels)):
                yield picture(self.content(computation, level, FEWEST_COLUMNS), level, CLOSED.format(levels))

    def told(self) -> Told:
        """The picture for the HTML page, with frames around modules, and its story; forward only of a freed graph."""
        found, start = _with_gradients(self.loss, self.names)
        gradients, shown = self.gradients and start is not None, self.content(found)
        framed = min(_levels(shown), MOST_LEVELS if self.depth is None else self.depth)
        painter = self.paint(shown, gradients, depth=framed, note=self.note(shown))
        picture = painter.painted().drawing()
        playback = Playback(shown, painter.labels, start)
        frames = {frame.name: {"column": frame.inside, "module": scope} for frame, scope in painter.frames.items()}
        story = Story(
            details(shown, painter.labels),
            columns={box.name: box.column.name for box in shown.boxes if box.column and box.column.kind == "step"},
            modules={box.name: list(scope_of(shown, box)) for box in shown.boxes},
            frames=frames,
            lines=painter.canvas.ends(),
            values=packed_values(shown, painter.labels),
            parameters=playback.ledger.parameters() if start is not None else {},
            acts=playback.acts(),
            shaded=gradients,
        )
        return picture, story.plain()


def _levels(content: Sheet) -> int:
    """How deeply modules are nested; 0 in a flat drawing, which shows none."""
    return 0 if content.view == "flat" else max(len(scope_of(content, box)) for box in content.boxes)


def _check_inputs(inputs: Sequence[object], shown: Sheet) -> None:
    """Raise unless there is an input for each time step; a step may read those of later ones, too, as x[t + 1]."""
    if not len(inputs):
        return
    counts = {steps[-1] + 1 for steps in shown.timeline.steps if steps}
    later = [box.of_step - box.step for box in shown.boxes if box.of_step is not None and box.step is not None]
    ahead = max([0, *later])
    if counts and not any(count <= len(inputs) <= count + ahead for count in counts):
        steps = " or ".join(f"0 to {count - 1}" for count in sorted(counts))
        raise ValueError(f"inputs has {len(inputs)} entries, but must have one for each of the time steps {steps}")


def _wanted(steps: int | Iterable[int] | None) -> Wanted | None:
    """The time steps to draw; None for the default ones."""
    if steps is None:
        return None
    if isinstance(steps, Iterable) and not isinstance(steps, str | bytes) and getattr(steps, "shape", None) != ():
        if not (wanted := [whole("steps", step, None) for step in steps]):
            raise ValueError("steps is empty: give the time steps to draw, as [0, 1, -1], or how many")
        return wanted
    return whole("steps", steps)


def _with_gradients(loss: Tensor, names: Mapping[str, Tensor] | None) -> tuple[Record, Tensor | None]:
    """A tensor's computation with gradients, and the tensor; or the computation without gradients, and None."""
    try:
        return (record(loss, True, names), loss) if loss.size == 1 else (record(loss, names=names), None)
    except RuntimeError:
        return record(loss, names=names), None
