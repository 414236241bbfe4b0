"""The rows of boxes within a column, and places in a row.

A column is a small layered graph: a box is placed one row above its highest input. Boxes with the same role at
different steps share a *slot*. Rows are assigned to slots, so that all columns of a phase look alike.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple, TypeVar

Slot = Hashable
Item = TypeVar("Item", bound=Hashable)
Edge = tuple[Slot, Slot]


class Lane(NamedTuple):
    """The place reserved for an edge in a row between its ends."""

    tail: Slot
    head: Slot
    row: int


def rows(slots: Sequence[Slot], edges: Iterable[Edge], late: Collection[Slot] = ()) -> dict[Slot, int]:
    """The row of each slot: the length of the longest path to it.

    Slots without inputs are right below their first use.

    Args:
        slots: all of them, in the order of creation.
        edges: from lower to higher slots. Edges that close a cycle are ignored.
        late: other slots that are right below their first use, if they have only one input.
    """
    inputs: dict[Slot, list[Slot]] = {slot: [] for slot in slots}
    for tail, head in dict.fromkeys(edges):
        inputs[head].append(tail)
    row, uses = dict.fromkeys(slots, 0), dict[Slot, list[Slot]]()
    for head in _inputs_first(inputs):
        row[head] = max((row[tail] + 1 for tail in inputs[head]), default=0)
        for tail in inputs[head]:
            uses.setdefault(tail, []).append(head)
    moved = [slot for slot in uses if slot in late and len(inputs[slot]) == 1]
    for slot in [*moved, *(slot for slot in uses if not inputs[slot])]:
        row[slot] = min(row[head] for head in uses[slot]) - 1
    return row


def _inputs_first(inputs: Mapping[Slot, list[Slot]]) -> list[Slot]:
    """The slots in an order in which edges lead forward; a cycle loses its edge to the slot that was created first."""
    created = list(inputs)
    while True:
        try:
            return list(TopologicalSorter(inputs).static_order())
        except CycleError as error:
            cycle = error.args[1]
            first = min(cycle, key=created.index)
            inputs[first].remove(cycle[cycle.index(first, 1) - 1])


def spread(
    items: Sequence[Item], wish: Mapping[Item, float], size: Mapping[Item, float], gap: float
) -> dict[Item, float]:
    """Places in a row, in the given order, as close to the wanted ones as the sizes allow (least squares)."""
    offsets, offset = [], 0.0
    for i, item in enumerate(items):
        offset += (size[items[i - 1]] + size[item]) / 2 + gap if i else 0.0
        offsets.append(offset)
    # Minus the offsets, places must not decrease: isotonic regression, by pooling adjacent violators.
    pools: list[tuple[float, int]] = []
    for item, offset in zip(items, offsets, strict=True):
        pools.append((wish[item] - offset, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (right, m), (left, n) = pools.pop(), pools.pop()
            pools.append(((left * n + right * m) / (n + m), n + m))
    shifts = [shift for shift, count in pools for _ in range(count)]
    return {item: shift + offset for item, shift, offset in zip(items, shifts, offsets, strict=True)}


def nearest_gap(wishes: Iterable[float], taken: Sequence[tuple[float, float]]) -> float:
    """The place outside of all intervals that is nearest to the wanted ones, all in all; the first of several."""
    wishes = list(wishes)
    tries = [*wishes, *(end for sides in taken for end in sides)]
    free = [x for x in tries if not any(low < x < high for low, high in taken)]
    return min(free, key=lambda x: (sum(abs(x - wish) for wish in wishes), x))
