"""Heights and order of boxes within a column.

A column is a small layered graph: a box stands one row above the highest box it is made of. Boxes that do the same work
at other steps share a *slot*, so rows are found for slots, and every column of a phase looks alike.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import pairwise, product
from typing import NamedTuple, TypeVar

Slot = Hashable
Item = TypeVar("Item", bound=Hashable)
Edge = tuple[Slot, Slot]
SWEEPS = 6
MOST_MOVES = 20_000  # of slots and lanes in all sweeps: a large column gets fewer sweeps


class Lane(NamedTuple):
    """The place that an edge from a slot to another one takes in a row between them."""

    tail: Slot
    head: Slot
    row: int


def rows(slots: Sequence[Slot], edges: Iterable[Edge]) -> dict[Slot, int]:
    """The row of each slot: the length of the longest path to it; what begins a path stands right below its first use.

    Args:
        slots: all of them, in the order of creation.
        edges: from lower to higher ones. An edge that closes a cycle, as slots may, is not followed.
    """
    order = {slot: i for i, slot in enumerate(slots)}
    upward = sorted(
        {(tail, head) for tail, head in edges if order[tail] < order[head]}, key=lambda edge: order[edge[1]]
    )
    row = dict.fromkeys(slots, 0)
    for tail, head in upward:
        row[head] = max(row[head], row[tail] + 1)
    uses: dict[Slot, list[int]] = {}
    for tail, head in upward:
        uses.setdefault(tail, []).append(row[head])
    heads = {head for _, head in upward}
    row |= {slot: min(found) - 1 for slot, found in uses.items() if slot not in heads}
    return row


def arranged(
    row: Mapping[Slot, int],
    width: Mapping[Slot, float],
    edges: Iterable[Edge],
    pull: Mapping[Slot, float],
    *,
    gap: float,
    lane_width: float,
) -> dict[Slot | Lane, float]:
    """Horizontal places of slots within a column, and of the lanes that long edges take past the rows between.

    Args:
        row: each slot's row.
        width: each slot's width.
        edges: from lower to higher slots.
        pull: how far to the left (negative) or right a slot wants to be in its row's order.
        gap: the space between neighbours.
        lane_width: the room that an edge takes.

    Returns:
        The x of each slot and lane.
    """
    items: dict[int, list[Slot | Lane]] = {}
    size: dict[Slot | Lane, float] = dict(width)
    above: dict[Slot | Lane, list[Slot | Lane]] = {}
    below: dict[Slot | Lane, list[Slot | Lane]] = {}
    for slot, level in row.items():
        items.setdefault(level, []).append(slot)
    for tail, head in dict.fromkeys(edges):
        lanes = [Lane(tail, head, level) for level in range(row[tail] + 1, row[head])]
        for lane in lanes:
            items.setdefault(lane.row, []).append(lane)
            size[lane] = lane_width
        for low, high in pairwise([tail, *lanes, head]):
            above.setdefault(low, []).append(high)
            below.setdefault(high, []).append(low)
    x: dict[Slot | Lane, float] = {}
    for level_items in items.values():
        level_items.sort(key=lambda item: pull.get(item, 0.0))
        x |= spread(level_items, dict.fromkeys(level_items, 0.0), size, gap)
    sweeps = min(max(MOST_MOVES // len(size), 1), SWEEPS)
    for sweep in range(2 * sweeps):  # down and up in turn, each row following the one before; the last one goes up
        upward = sweep % 2 == 1
        for level in sorted(items, reverse=not upward):
            wish: dict[Slot | Lane, float] = {}
            for item in items[level]:
                links = (below.get(item) or above.get(item)) if upward else (above.get(item) or below.get(item))
                wish[item] = sum(x[link] for link in links) / len(links) if links else x[item]
            if sweep < sweeps:
                items[level].sort(key=lambda item: wish[item] + pull.get(item, 0.0))
                _uncross(items[level], items.get(level + 1, []), above, pull)
                _uncross(items[level], items.get(level - 1, []), below, pull)
            x |= spread(items[level], wish, size, gap)
    for level in sorted(items, reverse=True):  # what begins a path goes right below its use
        wish = {item: x[item] for item in items[level]}
        starts = [item for item in items[level] if item in above and item not in below]
        wish |= {item: sum(x[link] for link in above[item]) / len(above[item]) for item in starts}
        x |= spread(items[level], wish, size, gap)
    return x


def _uncross(
    level: list[Slot | Lane],
    fixed: Sequence[Slot | Lane],
    links: Mapping[Slot | Lane, Sequence[Slot | Lane]],
    pull: Mapping[Slot, float],
) -> None:
    """Swap neighbours in a row wherever their edges to the next row then cross less often."""
    rank = {item: i for i, item in enumerate(fixed)}
    ends = {item: sorted(rank[link] for link in links.get(item, ()) if link in rank) for item in level}
    swapped = True
    while swapped:
        swapped = False
        for i, (left, right) in enumerate(pairwise(level)):
            left = level[i]  # which the last swap may have brought here
            if left in pull and right in pull and pull[left] < pull[right]:
                continue
            if not ends[left] or not ends[right] or ends[left][-1] <= ends[right][0]:
                continue
            pairs = list(product(ends[left], ends[right]))
            if sum(a > b for a, b in pairs) > sum(a < b for a, b in pairs):
                level[i], level[i + 1] = right, left
                swapped = True


def spread(
    items: Sequence[Item], wish: Mapping[Item, float], size: Mapping[Item, float], gap: float
) -> dict[Item, float]:
    """Places in a row, in the given order, as near to the wishes as the sizes allow (least squares)."""
    offsets, offset = [], 0.0
    for i, item in enumerate(items):
        offset += (size[items[i - 1]] + size[item]) / 2 + gap if i else 0.0
        offsets.append(offset)
    # Less its offset, each place must be its left neighbour's at least: isotonic regression, by pooling neighbours
    # whose wishes are in the wrong order.
    pools: list[tuple[float, int]] = []
    for item, offset in zip(items, offsets, strict=True):
        pools.append((wish[item] - offset, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (right, m), (left, n) = pools.pop(), pools.pop()
            pools.append(((left * n + right * m) / (n + m), n + m))
    shifts = [shift for shift, count in pools for _ in range(count)]
    return {item: shift + offset for item, shift, offset in zip(items, shifts, offsets, strict=True)}
