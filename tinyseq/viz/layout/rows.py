"""The rows and the order of boxes within a column.

A column is a small layered graph: a box is placed one row above its highest input. Boxes with the same role at
different steps share a *slot*. Rows are assigned to slots, so that all columns of a phase look alike.
"""

import math
import random
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import combinations, pairwise, product
from typing import NamedTuple, TypeVar

Slot = Hashable
Item = TypeVar("Item", bound=Hashable)
Edge = tuple[Slot, Slot]
SWEEPS = 6
MOST_MOVES = 20_000  # of slots and lanes in all sweeps; large columns get fewer sweeps


WRONG_SIDE = 100  # crossings that it is worth to have a slot on the side it wants
LARGE = 200  # slots and lanes in a column that is arranged only once
MOST_TRIES, MOST_ITEMS = 12, 600  # of orders to begin with, and of slots and lanes in all of them


class Lane(NamedTuple):
    """The place reserved for an edge in a row between its ends."""

    tail: Slot
    head: Slot
    row: int


Links = dict[Slot | Lane, list[Slot | Lane]]


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


def arranged(
    row: Mapping[Slot, int],
    width: Mapping[Slot, float],
    edges: Iterable[Edge],
    pull: Mapping[Slot, float],
    *,
    gap: float,
    lane_width: float,
) -> dict[Slot | Lane, float]:
    """The horizontal places of slots within a column, and of lanes for long edges in the rows between.

    Args:
        row: each slot's row.
        width: each slot's width.
        edges: from lower to higher slots.
        pull: the preference of a slot for the left (negative) or right of its row.
        gap: the space between neighbours.
        lane_width: the space for an edge.

    Returns:
        The x of each slot and lane.
    """
    items: dict[int, list[Slot | Lane]] = {}
    size: dict[Slot | Lane, float] = dict(width)
    above: Links = {}
    below: Links = {}
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
    network = _Network(above, below, size, pull, gap)
    orders = [{level: list(row) for level, row in items.items()}]
    draw = random.Random(0).sample  # other orders to begin with, the same in every run
    for _ in range(min(MOST_TRIES, MOST_ITEMS // len(size)) if len(size) <= LARGE else 0):
        orders.append({level: draw(row, len(row)) for level, row in items.items()})
    best, fewest = dict[Slot | Lane, float](), math.inf
    for order in orders:
        places = network.swept(order)
        crossings = network.crossings(order) if len(orders) > 1 else 0
        if crossings < fewest:
            best, fewest = places, crossings
        if not fewest:
            break
    return best


class _Network(NamedTuple):
    """What links the slots and lanes of a column."""

    above: Links
    below: Links
    size: Mapping[Slot | Lane, float]
    pull: Mapping[Slot, float]
    gap: float

    def swept(self, items: dict[int, list[Slot | Lane]]) -> dict[Slot | Lane, float]:
        """The places found from an order to begin with, which is changed to that found."""
        x: dict[Slot | Lane, float] = {}
        for level_items in items.values():
            level_items.sort(key=lambda item: self.pull.get(item, 0.0))
            x |= spread(level_items, dict.fromkeys(level_items, 0.0), self.size, self.gap)
        above, below = self.above, self.below
        sweeps = min(max(MOST_MOVES // len(self.size), 1), SWEEPS)
        for sweep in range(2 * sweeps):  # alternately down and up, each row following the previous one; up at last
            upward = sweep % 2 == 1
            for level in sorted(items, reverse=not upward):
                wish: dict[Slot | Lane, float] = {}
                for item in items[level]:
                    links = (below.get(item) or above.get(item)) if upward else (above.get(item) or below.get(item))
                    wish[item] = sum(x[link] for link in links) / len(links) if links else x[item]
                if sweep < sweeps:
                    items[level].sort(key=lambda item: wish[item] + self.pull.get(item, 0.0))
                    _uncross(items[level], items.get(level + 1, []), above, self.pull)
                    _uncross(items[level], items.get(level - 1, []), below, self.pull)
                x |= spread(items[level], wish, self.size, self.gap)
        for level in sorted(items, reverse=True):  # slots without inputs go right below their uses
            wish = {item: x[item] for item in items[level]}
            starts = [item for item in items[level] if item in above and item not in below]
            wish |= {item: sum(x[link] for link in above[item]) / len(above[item]) for item in starts}
            x |= spread(items[level], wish, self.size, self.gap)
        return x

    def crossings(self, items: Mapping[int, Sequence[Slot | Lane]]) -> int:
        """How many edges cross: between neighbouring rows, and in a row on the way to or from its sides.

        Slots that are not on the sides they want count much more.
        """
        count = 0
        for level, row in items.items():
            place = {item: i for i, item in enumerate(row)}
            pulls = {i: self.pull[item] for item, i in place.items() if item in self.pull}
            count += WRONG_SIDE * sum(first > second for first, second in combinations(pulls.values(), 2))
            count += sum(i if pull < 0 else len(row) - 1 - i for i, pull in pulls.items())
            for item, i in place.items():
                count += sum(abs(i - place[link]) - 1 for link in self.above.get(item, ()) if link in place)
            rank = {item: i for i, item in enumerate(items.get(level + 1, ()))}
            ends = [end for item in row for end in sorted(rank[a] for a in self.above.get(item, ()) if a in rank)]
            count += sum(first > second for first, second in combinations(ends, 2))
        return count


def _uncross(
    level: list[Slot | Lane],
    fixed: Sequence[Slot | Lane],
    links: Mapping[Slot | Lane, Sequence[Slot | Lane]],
    pull: Mapping[Slot, float],
) -> None:
    """Swap neighbours in a row where this reduces the crossings of their edges to the next row."""
    rank = {item: i for i, item in enumerate(fixed)}
    ends = {item: sorted(rank[link] for link in links.get(item, ()) if link in rank) for item in level}
    swapped = True
    while swapped:
        swapped = False
        for i, (left, right) in enumerate(pairwise(level)):
            left = level[i]  # the last swap may have moved it here
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
    """Places in a row, in the given order, as close to the wishes as the sizes allow (least squares)."""
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
