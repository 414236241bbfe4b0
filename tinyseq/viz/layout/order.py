"""The order of boxes within the rows of a column, with few crossings of its edges."""

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, combinations, pairwise, product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tinyseq.structure.paths import grouped
from tinyseq.viz.layout.rows import Edge, Lane, Slot, spread

SWEEPS = 6
MOST_MOVES = 20_000  # of slots and lanes in all sweeps; large columns get fewer sweeps
WRONG_SIDE = 100  # how many crossings it is worth to have a slot on its preferred side
LARGE = 200  # slots and lanes in a column that is arranged only once
MOST_TRIES, MOST_ITEMS = 12, 600  # the number of initial orders, and of slots and lanes in all of them

Item = Slot | Lane
Links = dict[Item, list[Item]]
Order = dict[int, list[Item]]  # of each row, from the left


def arranged(
    row: Mapping[Slot, int],
    width: Mapping[Slot, float],
    edges: Iterable[Edge],
    pull: Mapping[Slot, float],
    *,
    gap: float,
    lane_width: float,
) -> dict[Item, float]:
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
    items: Order = grouped((level, slot) for slot, level in row.items())
    size: dict[Item, float] = dict(width)
    above: Links = {}
    below: Links = {}
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
    draw = random.Random(0).sample  # other initial orders, the same in every run
    for _ in range(min(MOST_TRIES, MOST_ITEMS // len(size)) if len(size) <= LARGE else 0):
        orders.append({level: draw(row, len(row)) for level, row in items.items()})
    best, fewest = (orders[0], dict[Item, float]()), math.inf
    for order in orders:
        x = network.order(order)
        crossings = network.crossings(order) if len(orders) > 1 else 0
        if crossings < fewest:
            best, fewest = (order, x), crossings
        if not fewest:
            break
    if fewest or len(orders) == 1:
        _reroute(network, best[0])
    return network.placed(*best)


class _Network(NamedTuple):
    """What links the slots and lanes of a column."""

    above: Links
    below: Links
    size: Mapping[Item, float]
    pull: Mapping[Slot, float]
    gap: float

    @property
    def sweeps(self) -> int:
        """How often the rows are ordered, and then placed."""
        return min(max(MOST_MOVES // len(self.size), 1), SWEEPS)

    def order(self, items: Order) -> dict[Item, float]:
        """Order the rows; what is returned are places in this order, to begin with."""
        x: dict[Item, float] = {}
        for row in items.values():
            row.sort(key=lambda item: self.pull.get(item, 0.0))
            x |= spread(row, dict.fromkeys(row, 0.0), self.size, self.gap)
        ranks = {level: _rank(row) for level, row in items.items()}
        for level, wish in self._sweeps(items, x, range(self.sweeps)):
            row = items[level]
            row.sort(key=lambda item: wish[item] + self.pull.get(item, 0.0))
            if len(row) > 1:
                self._keep_sides(row)
                _uncross(row, ranks.get(level + 1, {}), self.above, self.pull)
                _uncross(row, ranks.get(level - 1, {}), self.below, self.pull)
                ranks[level] = _rank(row)
            x |= spread(row, wish, self.size, self.gap)
        return x

    def _keep_sides(self, row: list[Item]) -> None:
        """Exchange slots of a row that are linked with each other, if they are not on their preferred sides: each is
        drawn to where the other one was, and further than to its own side if they are wide."""
        place = _rank(row)
        for tail, head in [(item, link) for item in row for link in self.above.get(item, ()) if link in place]:
            wanted, found = self.pull.get(head, 0.0) - self.pull.get(tail, 0.0), place[head] - place[tail]
            if wanted * found < 0:
                row[place[tail]], row[place[head]] = head, tail
                place[tail], place[head] = place[head], place[tail]

    def placed(self, items: Order, x: dict[Item, float]) -> dict[Item, float]:
        """The places of ordered slots and lanes, near what they are linked to."""
        for level, wish in self._sweeps(items, x, range(self.sweeps, 2 * self.sweeps)):
            x |= spread(items[level], wish, self.size, self.gap)
        for level in sorted(items, reverse=True):  # slots without inputs go right below their uses
            wish = {item: x[item] for item in items[level]}
            starts = [item for item in items[level] if item in self.above and item not in self.below]
            wish |= {item: sum(x[link] for link in self.above[item]) / len(self.above[item]) for item in starts}
            x |= spread(items[level], wish, self.size, self.gap)
        return x

    def _sweeps(self, items: Order, x: Mapping[Item, float], numbers: range) -> Iterator[tuple[int, dict[Item, float]]]:
        """Each row, and where the row before would have its slots and lanes: alternately down and up, up at last."""
        for sweep in numbers:
            upward = sweep % 2 == 1
            nearest, others = (self.below, self.above) if upward else (self.above, self.below)
            for level in sorted(items, reverse=not upward):
                wish: dict[Item, float] = {}
                for item in items[level]:
                    links = nearest.get(item) or others.get(item)
                    wish[item] = sum(x[link] for link in links) / len(links) if links else x[item]
                yield level, wish

    def crossings(self, items: Order) -> int:
        """How many edges cross: between neighbouring rows, and in a row on the way to or from its sides.

        Slots that are not on their preferred side count much more.
        """
        count = 0
        for level, row in items.items():
            pulls = [self.pull[item] for item in row if item in self.pull]
            count += WRONG_SIDE * sum(first > second for first, second in combinations(pulls, 2))
            count += sum(stop - start - 1 for start, stop in self._along(row))
            rank = _rank(items.get(level + 1, ()))
            ends = [end for item in row for end in sorted(rank[a] for a in self.above.get(item, ()) if a in rank)]
            count += sum(first > second for first, second in combinations(ends, 2))
        return count

    def prices(self, row: Sequence[Item]) -> list[int]:
        """How many edges that run along a row are crossed in each gap between its slots and lanes, and at its ends."""
        change = [0] * (len(row) + 2)
        for start, stop in self._along(row):
            change[start + 1] += 1
            change[stop + 1] -= 1
        return [*accumulate(change)][:-1]

    def _along(self, row: Sequence[Item]) -> Iterator[tuple[int, int]]:
        """The edges along a row, from place to place: to a slot beside another, and to the sides."""
        place = _rank(row)
        for item, i in place.items():
            for link in (link for link in self.above.get(item, ()) if link in place):
                yield min(i, place[link]), max(i, place[link])
            if item in self.pull:
                yield (-1, i) if self.pull[item] < 0 else (i, len(row))


def _rank(row: Iterable[Item]) -> dict[Item, int]:
    """The place of each item of a row, from the left."""
    return {item: i for i, item in enumerate(row)}


def _uncross(
    level: list[Item], rank: Mapping[Item, int], links: Mapping[Item, Sequence[Item]], pull: Mapping[Slot, float]
) -> None:
    """Swap neighbours in a row where this reduces the crossings of their edges to the next row, given by its ranks."""
    ends = {item: sorted([rank[link] for link in links.get(item, ()) if link in rank]) for item in level}
    if sum(map(bool, ends.values())) < 2:
        return
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


def _reroute(network: _Network, items: Order) -> None:
    """Move long edges, one at a time, to where they cross the fewest others, as long as this helps."""
    lanes_upward = (item for level in sorted(items) for item in items[level] if isinstance(item, Lane))
    edges = grouped(((lane.tail, lane.head), lane) for lane in lanes_upward)
    for _ in range(network.sweeps):
        moved = False
        for lanes in edges.values():
            gaps = _better_way(network, items, lanes)
            moved = moved or bool(gaps)
            for lane, gap in zip(lanes, gaps, strict=False):  # there are none if it stays
                items[lane.row].remove(lane)
                items[lane.row].insert(gap, lane)
        if not moved:
            return


def _better_way(network: _Network, items: Order, lanes: list[Lane]) -> list[int]:
    """The gaps of each row where an edge crosses the fewest others, by dynamic programming; none if it does already."""
    tail, head, own = lanes[0].tail, lanes[0].head, {*lanes}
    rows = [[item for item in items[level] if item not in own] for level in range(lanes[0].row - 1, lanes[-1].row + 2)]
    now = [rows[0].index(tail), *(items[lane.row].index(lane) for lane in lanes), rows[-1].index(head)]
    fewest, kept = np.zeros(1, int), 0  # to each gap of a row, and what the present way costs
    gaps, first, back = now[:1], np.zeros(1, int), []  # those gaps, and their order by the ways to them from the left
    for (low, high), (here, there) in zip(pairwise(rows), pairwise(now), strict=True):
        inner = high is not rows[-1]
        rank = {item: i for i, item in enumerate(high) if item != head}
        links = [(i, rank[b]) for i, a in enumerate(low) if a != tail for b in network.above.get(a, ()) if b in rank]
        costs = _crossed(links, len(low), len(high))
        costs += network.prices(high) if inner else 0
        kept += costs[here, there]
        sums = fewest[first, None] + costs[np.take(gaps, first)]
        gaps = [*range(len(high) + 1)] if inner else now[-1:]
        chosen = sums[:, gaps].argmin(axis=0)
        fewest = sums[chosen, gaps]
        back.append(first[chosen])
        first = np.argsort(chosen, kind="stable")
    if fewest[0] >= kept:
        return []
    way, gap = list[int](), 0
    for before in reversed(back[1:]):
        gap = int(before[gap])
        way.insert(0, gap)
    return way


def _crossed(links: list[tuple[int, int]], low: int, high: int) -> npt.NDArray[np.int64]:
    """How many links between two rows of so many items a line crosses, from each gap of the lower one to each of the
    upper one."""
    left: npt.NDArray[np.int64] = np.zeros((low + 1, high + 1), np.int64)
    for below, above in links:
        left[below + 1, above + 1] += 1
    left = left.cumsum(axis=0).cumsum(axis=1)  # of those to the left of both gaps
    crossed: npt.NDArray[np.int64] = left[:, -1:] + left[-1:] - 2 * left
    return crossed
