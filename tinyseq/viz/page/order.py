"""The order in which boxes are played: as a lecture goes through a network, step by step.

Forward, each loop runs from its first step to its last, and everything that a step's state leads to within the step,
such as its output and its loss, follows at once. Backward is the same order, reversed: from the last step to the first.
"""

from collections.abc import Iterable, Iterator

from tinyseq.viz.computation.boxes import Box, Sheet


def forward_order(content: Sheet) -> list[Box]:
    """All boxes except for parameters, each one after those that it needs."""
    needs = needs_of(content)
    order: dict[Box, None] = {}
    inside = _loops(content)
    after = dependents(needs, inside)
    for boxes, beside in _turns(content, inside, needs):
        turn: dict[Box, None] = {}
        for box in boxes:
            _add(box, needs, order, turn)
        for box in beside:
            if box in after and box not in order and all(need in order or need in turn for need in needs[box]):
                turn[box] = None
        order.update(dict.fromkeys(sorted(turn, key=lambda box: box.kind != "input")))
    for box in needs:
        _add(box, needs, order, order)
    return list(order)


def needs_of(content: Sheet) -> dict[Box, list[Box]]:
    """The boxes, except for parameters, that each box is computed from."""
    needs: dict[Box, list[Box]] = {box: [] for box in content.boxes if box.kind != "parameter"}
    for arrow in content.arrows:
        if not arrow.delay and arrow.tail in needs:
            needs[arrow.head].append(arrow.tail)
    return needs


def _add(box: Box, needs: dict[Box, list[Box]], done: dict[Box, None], new: dict[Box, None]) -> None:
    """Add a box to the new ones, after everything that it needs and that is not done.

    Closed modules may need each other, since each stands for several ops: then one of them comes first.
    """
    waiting = [box] if box not in done else []
    seen: set[Box] = set()
    while waiting:
        last = waiting[-1]
        missing = [] if last in seen else [need for need in needs[last] if need not in done and need not in new]
        seen.add(last)
        if missing:
            waiting += [need for need in reversed(missing) if need not in seen]
        else:
            new[waiting.pop()] = None


def _loops(content: Sheet) -> dict[Box, int]:
    """The loop of each box that is part of one."""
    loop_of = content.plan.loop_of
    found: dict[Box, int] = {}
    for box in content.boxes:
        if box.column and box.column.kind == "step":
            loops = [loop_of[vertex] for vertex in box.vertices if vertex in loop_of]
            if loops:
                found[box] = loops[-1]
    return found


def dependents(needs: dict[Box, list[Box]], some: Iterable[Box]) -> set[Box]:
    """These boxes, and all that depend on them."""
    users: dict[Box, list[Box]] = {}
    for box, needed in needs.items():
        for need in needed:
            users.setdefault(need, []).append(box)
    found = set(some)
    waiting = list(found)
    while waiting:
        new = [user for user in users.get(waiting.pop(), ()) if user not in found]
        found.update(new)
        waiting += new
    return found


def _turns(
    content: Sheet, inside: dict[Box, int], needs: dict[Box, list[Box]]
) -> Iterator[tuple[list[Box], list[Box]]]:
    """The boxes of the loops at one step, and the others in its column, in the order of the lectures.

    The layers of a stack take each step together, unless one of them runs backward: then each loop runs by itself,
    after those that it needs.
    """
    loops, in_column = content.plan.loops, {column: list[Box]() for column in content.columns}
    for box in content.boxes:
        if box.column in in_column:
            in_column[box.column].append(box)
    for phase in range(len(content.plan.steps)):
        own = sorted((i for i, loop in enumerate(loops) if loop.phase == phase), key=lambda i: loops[i][1:])
        together = [own]
        if any(loops[i].backward for i in own):
            users = {
                i: {inside.get(box) for box in dependents(needs, [b for b in inside if inside[b] == i])} for i in own
            }
            together = [[i] for i in sorted(own, key=lambda i: sum(i in users[j] and j not in users[i] for j in own))]
        columns = sorted(column for column in in_column if column.phase == phase and column.kind == "step")
        for group in together:
            backward = bool(group) and loops[group[0]].backward
            for column in reversed(columns) if backward else columns:
                boxes = in_column[column]
                yield (
                    [box for i in group for box in boxes if inside.get(box) == i],
                    [box for box in boxes if box not in inside],
                )
