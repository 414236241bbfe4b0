"""The names of states, which a loop hands on from step to step."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import partial
from operator import attrgetter
from typing import TypeVar

from tinyseq.structure.paths import reached
from tinyseq.structure.record import Vertex
from tinyseq.structure.states import is_multiplied, letter_of
from tinyseq.viz.content.boxes import Box, Slot
from tinyseq.viz.content.sheet import Sheet
from tinyseq.viz.rendering.style import superscript

MOST_PRIMES = 2  # more cannot be told apart at a glance
Key = TypeVar("Key")


def name_states(
    sheet: Sheet, handed_on: set[Slot], detached: Mapping[Slot, Slot], cells: set[Slot], computed: set[Box]
) -> None:
    """Name states by `tinyseq.structure.states.letter_of`, as `tinyseq.inspect` does; L for a running total.

    Args:
        sheet: the drawing's content, with its arrows; boxes of states get their kind.
        handed_on: the slots of what steps hand on; states are computed from what they were before.
        detached: the slots of states that steps take as constants, and the slots of these states.
        cells: the slots of those states of single steps to which no weight is applied.
        computed: initial states that are results of ops.
    """
    vertices, users, loop_of = sheet.record.vertices, sheet.record.users, sheet.timeline.loop_of
    taken = [arrow for arrow in sheet.arrows if arrow.kind == "time"]
    slots, inside = sheet.grouping.slots, sheet.grouping.inside

    def computes(slot: Slot, made: Vertex) -> bool:
        return slots.get(inside.get(made.id, made.id)) == slot

    multiplied = {
        arrow.tail.slot
        for arrow in taken
        if is_multiplied(
            [vertices[vertex] for vertex in arrow.head.vertices],
            attrgetter("declared"),
            attrgetter("step"),
            lambda made: [vertices[user] for user in users[made.id]],
            partial(computes, arrow.tail.slot),
        )
    }
    weighted = {arrow.head for arrow in sheet.arrows if arrow.kind == "weight"}
    hidden = multiplied or {arrow.tail.slot for arrow in taken if arrow.head in weighted}  # element by element only
    steps = (vertex for vertex in vertices if vertex.step is not None and vertex.declared)
    summing = {loop_of[vertex.id] for vertex in steps if vertex.declared and vertex.declared.sums_paths}
    recurrent = _recurrent(sheet, handed_on, detached)
    totals = running_totals(sheet, recurrent)
    made = [
        box for box in sheet.boxes if box.slot in recurrent and box.kind in {"op", "result"} and box not in computed
    ]
    loops = {box: loop_of.get(box.vertices[-1], 0) for box in made}
    others = recurrent - {box.slot for box in made if box.slot in totals}
    carrying = {loop for box, loop in loops.items() if box.slot not in totals}
    beside = {loop for box, loop in loops.items() if box.slot in hidden}  # a cell is a state beside h
    first = {box: min([*sheet.grouping.alike.get(box.slot, ()), *box.vertices]) for box in made}  # shown or not
    for box in sorted(made, key=lambda box: (sheet.timeline.loops[loops[box]].phase, first[box])):
        loop, total = loops[box], box.slot in totals
        box.kind = box.kind if total and box.kind == "result" else "state"
        beside_h = box.slot in cells or (len(others) > 1 and loop in beside)
        letter = letter_of(box.slot in (multiplied if loop in summing else hidden), beside_h, loop in summing)
        alike = carrying & summing if letter == "α" else carrying - summing or carrying
        if box.slot not in sheet.states:
            sheet.states[box.slot] = (distinct(sheet, *(("L", loop, {loop}) if total else (letter, loop, alike))),)
    for box in computed:
        box.kind = "state"
    names = told_apart({slot: letter for slot, (letter,) in sheet.states.items()})
    sheet.states |= {slot: (name,) for slot, name in names.items()}
    sheet.states |= {slot: sheet.states[state] for slot, state in detached.items() if state in sheet.states}


def _recurrent(sheet: Sheet, slots: set[Slot], detached: Mapping[Slot, Slot]) -> set[Slot]:
    """Of the slots of values that steps hand on, those of states, which are computed from what they were before."""
    after = defaultdict[Slot, set[Slot]](set)
    for arrow in sheet.arrows:
        after[detached.get(arrow.tail.slot, arrow.tail.slot)].add(arrow.head.slot)
    return {slot for slot in slots if slot in reached(after[slot], after.__getitem__)}


def running_totals(sheet: Sheet, slots: set[Slot]) -> set[Slot]:
    """The slots of states that only their own sums take: running sums of losses, or of log-probabilities subtracted."""
    heads: dict[Slot, set[Slot]] = {}
    for arrow in sheet.arrows:
        if arrow.head.step is not None:
            heads.setdefault(arrow.tail.slot, set()).add(arrow.head.slot)
    alone = {box.slot: sheet.record.vertices[box.vertices[-1]] for box in sheet.boxes if len(box.vertices) == 1}
    sums = {slot for slot, op in alone.items() if op.operator in {"+", "-"} and math.prod(op.shape) == 1}
    found = set[Slot]()
    for slot in slots & sums:
        way = [slot]
        while len(after := heads.get(way[-1], set())) == 1 and after <= sums - {*way}:
            way += after
        if after == {slot}:
            found.add(slot)
    return found


def distinct(sheet: Sheet, letter: str, loop: int, alike: set[int]) -> str:
    """A state's letter, with its direction and layer if there are several of the same kind."""
    own = sheet.timeline.loops[loop]
    beside = [sheet.timeline.loops[i] for i in alike if sheet.timeline.loops[i].phase == own.phase]
    arrow = ("←" if own.backward else "→") if any(other.backward for other in beside) else ""
    lowest = min(other.level for other in beside)
    layer = superscript(own.level - lowest + 1) if any(other.level > lowest for other in beside) else ""
    return letter + arrow + layer


def told_apart(names: Mapping[Key, str]) -> dict[Key, str]:
    """The same names, but those that several have with primes, or if there are many, with a number for each.

    Example:
        >>> told_apart({1: "h", 2: "c", 3: "h"})
        {1: 'h', 2: 'c', 3: 'h′'}
        >>> told_apart(dict.fromkeys("abcd", "h"))
        {'a': 'h⁽¹⁾', 'b': 'h⁽²⁾', 'c': 'h⁽³⁾', 'd': 'h⁽⁴⁾'}
    """
    alike, before, found = Counter(names.values()), Counter[str](), dict[Key, str]()
    for key, name in names.items():
        found[key] = name + ("′" * before[name] if alike[name] <= MOST_PRIMES + 1 else superscript(before[name] + 1))
        before[name] += 1
    return found
