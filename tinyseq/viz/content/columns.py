"""The columns of a drawing: which time steps and which loops it shows.

A column is a time step of a phase: see `tinyseq.structure.loops`. Of many loops that do the same with the same weights
from the same step on, as over the letters of each word or over each sentence of a batch, the first few and the last are
drawn, or one in a folded drawing; and with those that are left out, what is computed only for them or only from them.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterator, Sequence
from typing import Literal, NamedTuple

from tinyseq.autograd.record.axes import LOOKED_THROUGH, TAKING_APART
from tinyseq.structure.loops import Timeline
from tinyseq.structure.paths import grouped, reached
from tinyseq.structure.record import Vertex, origin
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
Wanted = int | Collection[int]  # time steps; how many of each phase, or which, negative ones counted from its end


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
    timeline: Timeline, wanted: Wanted | None, each: int | None = None, hidden: Collection[int] = ()
) -> list[Column]:
    """The columns to draw, in order.

    Args:
        timeline: the loops.
        wanted: the steps to draw, or how many.
        each: if None are wanted, how many of each phase to draw: the first ones and the last. None for all of them
            if there are at most 8, otherwise 4 of each phase.
        hidden: vertices that are left out.

    Raises:
        ValueError: a wanted step is in no phase.
    """
    phases = _shown_phases(timeline, hidden)
    chosen = _chosen(timeline, wanted) if wanted is not None else None
    if each is None and sum(len(timeline.steps[phase]) for phase in phases) > MOST_COLUMNS:
        each = FEW_COLUMNS
    found: list[Column] = []
    gap = False
    for phase, steps in enumerate(timeline.steps):
        if phase not in phases:
            shown = set[int]()
        elif chosen is not None:
            shown = chosen[phase]
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


def _chosen(timeline: Timeline, wanted: Wanted) -> list[set[int]]:
    """The wanted steps of each phase."""
    if isinstance(wanted, int):
        return [{*first_and_last(steps, wanted)} for steps in timeline.steps]
    found, known = list[set[int]](), set[int]()
    for steps in timeline.steps:
        from_end = range(-len(steps), 0)
        found.append({step for i, step in zip(from_end, steps, strict=True) if i in wanted or step in wanted})
        known.update(steps, from_end)
    if known and (unknown := [step for step in wanted if step not in known]):
        first = min(map(min, timeline.steps))
        raise ValueError(f"steps has {unknown[0]}, but the time steps are {first} to {max(known)}; -1 is the last one")
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


# -- loops that repeat others ------------------------------------------------------------------------------------------


def most_alike(timeline: Timeline) -> int:
    """How many loops do the same."""
    return max(map(len, _alike(timeline)), default=0)


def left_out(timeline: Timeline, each: int | None = None, fold: bool = False) -> frozenset[int]:
    """The vertices that are left out.

    Args:
        timeline: the loops.
        each: how many loops of a kind are drawn: the first ones and the last. None for all of them if there are at
            most 8, otherwise 4.
        fold: draw one of a kind: the one that the typical step of another loop reads, if there is one.
    """
    loops, kinds = set[int](), _alike(timeline)
    read = (
        _read_by_typical_steps(timeline, {loop for alike in kinds if len(alike) > 1 for loop in alike}) if fold else ()
    )
    for alike in kinds:
        most = each or (MOST_COLUMNS if len(alike) <= MOST_COLUMNS else FEW_COLUMNS)
        shown = [next((loop for loop in alike if loop in read), alike[0])] if fold else first_and_last(alike, most)
        loops.update({*alike}.difference(shown))
    return _with_dependents(timeline, {vertex for vertex, loop in timeline.loop_of.items() if loop in loops})


def counts(timeline: Timeline, hidden: Collection[int]) -> dict[int, int]:
    """For each phase with a loop that stands for others, which are left out: how many there are of its kind."""
    shown = {loop for vertex, loop in timeline.loop_of.items() if vertex not in hidden}
    kinds = [alike for alike in _alike(timeline) if not shown.issuperset(alike)]
    return {
        timeline.loops[loop].phase: len(alike) for alike in sorted(kinds, key=len) for loop in shown.intersection(alike)
    }


def _read_by_typical_steps(timeline: Timeline, repeated: set[int]) -> set[int]:
    """The repeated loops whose results the typical steps of the other loops read, also by values outside of loops."""
    hidden = {vertex for vertex, loop in timeline.loop_of.items() if loop in repeated}
    steps = {(column.phase, column.step) for column in typical_columns(timeline, hidden)}
    found = set[int]()
    for own, loop in timeline.loop_of.items():
        if loop not in repeated and (timeline.loops[loop].phase, timeline.vertices[own].step) in steps:
            found.update(
                timeline.loop_of[source] for source in _read_at_step(timeline, own) if source in timeline.loop_of
            )
    return found & repeated


def _read_at_step(timeline: Timeline, own: int) -> Iterator[int]:
    """A vertex of a loop, and what it reads at its step, also by values outside of loops."""
    step = timeline.vertices[own].step

    def read(vertex: int) -> tuple[int, ...]:
        track, sources = timeline.tracks.get(vertex), timeline.vertices[vertex].made_of
        if vertex in timeline.loop_of and vertex != own:
            return ()
        if track and step in track.steps and len(sources) == len(track.steps):  # joined from all steps
            return (sources[track.steps.index(step)],)
        return sources

    return reached([own], read)


def _alike(timeline: Timeline) -> list[list[int]]:
    """The loops of each kind, in the order of their creation; none of the usual two or fewer."""
    if len(timeline.loops) <= 2:
        return []
    members = grouped((loop, timeline.vertices[vertex]) for vertex, loop in timeline.loop_of.items())
    kinds = grouped((_kind(timeline, loop, members[loop]), loop) for loop in range(len(timeline.loops)))
    return [*kinds.values()]


def _kind(timeline: Timeline, loop: int, members: Sequence[Vertex]) -> Hashable:
    """What loops have in common that do the same: their ops, the weights of all steps, and where they begin."""
    steps = [vertex.step or 0 for vertex in members]
    backward = timeline.loops[loop].backward
    read = defaultdict[Vertex, set[int | None]](set)
    for vertex in members:
        for source in vertex.made_of:
            read[_origin(timeline, source)].add(vertex.step)
    weights = frozenset(leaf for leaf, at in read.items() if leaf.is_leaf and len(at) > 1)
    return frozenset(vertex.op for vertex in members), weights, backward, (max if backward else min)(steps)


def _origin(timeline: Timeline, vertex: int) -> Vertex:
    """What a vertex is a rearrangement or a part of."""
    return origin(timeline.vertices, vertex, lambda made: made.kind in LOOKED_THROUGH | TAKING_APART)


def _with_dependents(timeline: Timeline, found: set[int]) -> frozenset[int]:
    """With some vertices of loops, those outside of the loops that are computed only from them or only for them."""
    if not found:
        return frozenset()
    outside = [vertex for vertex in timeline.vertices[:-1] if vertex.id not in timeline.loop_of]
    for vertex in outside:
        computed = [source for source in vertex.made_of if not _origin(timeline, source).is_leaf]
        if computed and found.issuperset(computed):
            found.add(vertex.id)
    for vertex in reversed(outside):
        if found.issuperset(timeline.users[vertex.id]):
            found.add(vertex.id)
    return frozenset(found)
