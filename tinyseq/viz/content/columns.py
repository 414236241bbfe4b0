"""Which column of a drawing each part of a computation belongs to.

A column is a time step of a phase: see `tinyseq.structure.loops`.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Literal, NamedTuple

from tinyseq.autograd.record.axes import TAKING_APART
from tinyseq.structure.loops import Timeline
from tinyseq.structure.states import differing, shared
from tinyseq.viz.rendering.style import clean

MOST_COLUMNS, FEW_COLUMNS = 8, 4  # drawn by default in all; or of each phase
LAYER = re.compile(r"l\d+(_reverse)?")  # names of the parts of a layer


class Column(NamedTuple):
    """A column of a drawing. Columns sort from left to right.

    Attributes:
        phase: the index of its phase.
        step: its time step.
        kind: a time step; a gap for steps left out (from ``step`` on); or a column beside the steps, for initial
            states and for ops between two phases.
    """

    phase: int
    step: int
    kind: Literal["step", "gap", "start", "between"] = "step"

    @property
    def name(self) -> str:
        """The name of its frame."""
        return f"t{self.step}" + f"_phase{self.phase}" * (self.phase > 0)


Zone = Literal["columns", "before", "after", "parameters"]  # of a drawing


def phase_names(timeline: Timeline) -> list[str]:
    """What the heading of a column of each phase begins with: its module, if there are several phases."""
    if len(timeline.steps) == 1:
        return [""]  # nothing to tell it from
    scopes: list[set[tuple[str, ...]]] = [set() for _ in timeline.steps]  # in which the loops of a phase were recorded
    for vertex, loop in timeline.loop_of.items():
        scopes[timeline.loops[loop].phase].add(timeline.vertices[vertex].scope)
    own = [tuple(part for part in shared(found) if not LAYER.fullmatch(part)) for found in scopes]
    return [f"{clean(_named(path), limit=20)}, " if path else "" for path in differing(own)]


def _named(path: Sequence[str]) -> str:
    """The innermost part of a path that is not just the class of a module, as GRU in encoder.GRU, if there is one."""
    return next((part for part in reversed(path) if not part[:1].isupper()), path[-1])


def columns(
    timeline: Timeline, wanted: Iterable[int] | None, each: int | None = None, hidden: Collection[int] = ()
) -> list[Column]:
    """The columns to draw, in order.

    Args:
        timeline: the loops.
        wanted: the steps to draw; negative ones count from the end of each phase.
        each: if None are wanted, how many of each phase to draw: the first ones and the last. None for all of them
            if there are at most 8, otherwise 4 of each phase.
        hidden: vertices that are left out.
    """
    phases = _shown_phases(timeline, hidden)
    if each is None and sum(len(timeline.steps[phase]) for phase in phases) > MOST_COLUMNS:
        each = FEW_COLUMNS
    found: list[Column] = []
    gap = False
    for phase, steps in enumerate(timeline.steps):
        if phase not in phases:
            shown = set[int]()
        elif wanted is not None:
            shown = {steps[i] for i in wanted if -len(steps) <= i < 0} | (set(steps) & set(wanted))
        else:
            shown = {*first_and_last(steps, each or len(steps))}
        gap = gap and phase not in phases  # one gap for phases in a row
        for step in steps:
            if step in shown:
                found.append(Column(phase, step))
            elif not gap:
                found.append(Column(phase, step, "gap"))
            gap = step not in shown
    return found


def first_and_last(items: Sequence[int], most: int) -> Sequence[int]:
    """The first ones and the last; all if there are no more than this."""
    return items if len(items) <= most else [*items[: most - 1], items[-1]]


def _shown_phases(timeline: Timeline, hidden: Collection[int]) -> set[int]:
    """The phases that are not left out as a whole."""
    return {timeline.loops[loop].phase for vertex, loop in timeline.loop_of.items() if vertex not in hidden}


def typical_columns(timeline: Timeline, hidden: Collection[int] = ()) -> list[Column]:
    """One column for each phase: the step in which most is computed from most, or of several the one nearest to the
    middle.

    The steps at which loops begin have no step before to show.
    """
    counts: Counter[tuple[int, int | None]] = Counter()
    for vertex, loop in ((vertex, loop) for vertex, loop in timeline.loop_of.items() if vertex not in hidden):
        made = timeline.vertices[vertex]
        computed = [source for source in made.made_of if timeline.vertices[source].kind not in TAKING_APART]
        counts[timeline.loops[loop].phase, made.step] += 1 + len(computed)
    found: list[Column] = []
    for phase, steps in ((phase, timeline.steps[phase]) for phase in sorted(_shown_phases(timeline, hidden))):
        ways = {loop.backward for loop in timeline.loops if loop.phase == phase}
        inside = range(False in ways, len(steps) - (True in ways)) or range(len(steps))
        middle = len(steps) // 2
        most = max(inside, key=lambda i: (counts[phase, steps[i]], -abs(i - middle), i))
        found.append(Column(phase, steps[most]))
    return found


def zones(timeline: Timeline) -> tuple[dict[int, Zone], dict[int, int]]:
    """The zone of each vertex outside the columns; and for those between loops, the phase that they follow."""
    follows = dict(timeline.phase_of)  # the last phase that a vertex depends on
    outside = [vertex for vertex in timeline.vertices if vertex.id not in timeline.phase_of]
    for vertex in outside:
        if before := [follows[source] for source in vertex.made_of if source in follows]:
            follows[vertex.id] = max(before)
    needed = set(timeline.phase_of)
    for vertex in reversed(outside):
        if not needed.isdisjoint(timeline.users[vertex.id]):
            needed.add(vertex.id)
    found: dict[int, Zone] = {vertex.id: "before" if vertex.id in needed else "after" for vertex in outside}
    return found, {vertex: follows[vertex] for vertex in found if vertex in needed and vertex in follows}
