"""Loops that repeat others: over the letters of each word, over each sentence of a batch, over each part of a sequence.

Of many loops that do the same with the same weights from the same step on, the first few and the last are drawn, or one
in a folded drawing; and with those that are left out, what is computed only for them or only from them.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Sequence

from tinyseq.autograd.record.axes import LOOKED_THROUGH, TAKING_APART
from tinyseq.structure.loops import Timeline
from tinyseq.structure.paths import grouped, reached
from tinyseq.structure.record import Vertex, origin
from tinyseq.viz.content.columns import FEW_COLUMNS, MOST_COLUMNS, first_and_last, typical_columns

Kind = Hashable  # of a loop


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


def _kind(timeline: Timeline, loop: int, members: Sequence[Vertex]) -> Kind:
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
