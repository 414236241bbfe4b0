"""The order in which boxes are played: the way a lecture goes through a network, step by step.

Forward, each loop runs from its first step to its last, and whatever depends on a step's state within the step, such
as its output and its loss, follows at once. Backward is the same order, reversed: from the last step to the first.
"""

import math
from collections.abc import Iterator, Mapping

from tinyseq.structure.paths import grouped
from tinyseq.viz.content.boxes import Box
from tinyseq.viz.content.columns import Column
from tinyseq.viz.content.sheet import Sheet


def forward_order(content: Sheet) -> list[Box]:
    """All boxes except for parameters, each one after those that it needs.

    A box of a loop is played with its step; what depends on the step's state within the step follows at once; all other
    boxes come just before their first use. Closed modules may need each other, as each stands for several ops: one of
    them then comes first.
    """
    needs, loop_of = needs_of(content), content.timeline.loop_of
    users = reversed_of(needs)
    turns = {place: turn for turn, places in enumerate(_turns(content)) for place in places}
    begins = {column: turn for (_, column), turn in reversed(turns.items())}  # the first turn of each column
    boxes = sorted(
        needs, key=lambda box: box.vertices[-1:] or max((need.vertices[-1:] for need in needs[box]), default=())
    )
    turn: dict[Box, float] = {}  # at first the earliest that is possible
    for box in boxes:
        loops = [loop_of[vertex] for vertex in box.vertices if vertex in loop_of]
        own = turns.get((loops[-1], box.column), -1) if loops and box.column else -1
        turn[box] = max([own, *(turn.get(need, -1) for need in needs[box])])
        if turn[box] >= 0 and box.column:  # of an earlier phase: it waits for its own step
            turn[box] = max(turn[box], begins.get(box.column, -1))
    for box in reversed(boxes):
        if turn[box] < 0 or box.step is None:
            turn[box] = max(turn[box], min((turn[user] for user in users[box]), default=math.inf))
    return sorted(boxes, key=lambda box: (turn[box], box.kind != "input"))


def _turns(content: Sheet) -> Iterator[list[tuple[int, Column]]]:
    """The steps of the loops in the order of the lectures.

    The layers of a stack take each step together, unless one of them runs backward; then each loop runs by itself,
    after those that it needs.
    """
    loops = content.timeline.loops
    for phase in range(len(content.timeline.steps)):
        own = sorted((i for i, loop in enumerate(loops) if loop.phase == phase), key=lambda i: loops[i][1:])
        columns = sorted(column for column in content.columns if column.phase == phase and column.kind == "step")
        alone = any(loops[i].backward for i in own)
        for group in [[i] for i in own] if alone else [own]:
            for column in reversed(columns) if group and loops[group[0]].backward else columns:
                yield [(i, column) for i in group]


def needs_of(content: Sheet) -> dict[Box, list[Box]]:
    """The boxes, except for parameters, that each box is computed from."""
    needs: dict[Box, list[Box]] = {box: [] for box in content.boxes if box.kind != "parameter"}
    for arrow in content.arrows:
        if not arrow.delay and arrow.tail in needs:
            needs[arrow.head].append(arrow.tail)
    return needs


def reversed_of(needs: Mapping[Box, list[Box]]) -> dict[Box, list[Box]]:
    """The boxes that each box leads to."""
    uses = ((need, box) for box, needed in needs.items() for need in needed)
    return {box: [] for box in needs} | grouped(uses)
