"""The order of boxes within the rows of a column, with few crossings of its edges."""

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, combinations, pairwise, product
from operator import add
from typing import NamedTuple

from tinyseq.structure.paths import grouped
from tinyseq.viz.layout.rows import Edge, Lane, Slot, spread

SWEEPS = 6
MOST_MOVES = 20_000  # of slots and lanes in all sweeps; large columns get fewer sweeps
WRONG_SIDE = 100  # how many crossings it is worth to have a slot on its preferred side
LARGE = 200  # slots and lanes in a column that is arranged only once
MOST_TRIES, MOST_ITEMS = 12, 600  # the number of initial orders, and of slots and lanes in all of them

Links = dict[Slot | Lane, list[Slot | Lane]]
Order = dict[int, list[Slot | Lane]]  # of each row, from the left


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
    items: Order = grouped((level, slot) for slot, level in row.items())
    size: dict[Slot | Lane, float] = dict(width)
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
    best, fewest = (orders[0], dict[Slot | Lane, float]()), math.inf
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
    size: Mapping[Slot | Lane, float]
    pull: Mapping[Slot, float]
    gap: float

    @property
    def sweeps(self) -> int:
        """How often the rows are ordered, and then placed."""
        return min(max(MOST_MOVES // len(self.size), 1), SWEEPS)

    def order(self, items: Order) -> dict[Slot | Lane, float]:
        """Order the rows; what is returned are places in this order, to begin with."""
        x: dict[Slot | Lane, float] = {}
        for row in items.values():
            row.sort(key=lambda item: self.pull.get(item, 0.0))
            x |= spread(row, dict.fromkeys(row, 0.0), self.size, self.gap)
        for level, wish in self._sweeps(items, x, range(self.sweeps)):
            row = items[level]
            row.sort(key=lambda item: wish[item] + self.pull.get(item, 0.0))
            self._keep_sides(row)
            _uncross(row, items.get(level + 1, []), self.above, self.pull)
            _uncross(row, items.get(level - 1, []), self.below, self.pull)
            x |= spread(row, wish, self.size, self.gap)
        return x

    def _keep_sides(self, row: list[Slot | Lane]) -> None:
        """Exchange slots of a row that are linked with each other, if they are not on their preferred sides: each is
        drawn to where the other one was, and further than to its own side if they are wide."""
        place = {item: i for i, item in enumerate(row)}
        for tail, head in [(item, link) for item in row for link in self.above.get(item, ()) if link in place]:
            wanted, found = self.pull.get(head, 0.0) - self.pull.get(tail, 0.0), place[head] - place[tail]
            if wanted * found < 0:
                row[place[tail]], row[place[head]] = head, tail
                place[tail], place[head] = place[head], place[tail]

    def placed(self, items: Order, x: dict[Slot | Lane, float]) -> dict[Slot | Lane, float]:
        """The places of ordered slots and lanes, near what they are linked to."""
        for level, wish in self._sweeps(items, x, range(self.sweeps, 2 * self.sweeps)):
            x |= spread(items[level], wish, self.size, self.gap)
        for level in sorted(items, reverse=True):  # slots without inputs go right below their uses
            wish = {item: x[item] for item in items[level]}
            starts = [item for item in items[level] if item in self.above and item not in self.below]
            wish |= {item: sum(x[link] for link in self.above[item]) / len(self.above[item]) for item in starts}
            x |= spread(items[level], wish, self.size, self.gap)
        return x

    def _sweeps(
        self, items: Order, x: Mapping[Slot | Lane, float], numbers: range
    ) -> Iterator[tuple[int, dict[Slot | Lane, float]]]:
        """Each row, and where the row before would have its slots and lanes: alternately down and up, up at last."""
        for sweep in numbers:
            upward = sweep % 2 == 1
            nearest, others = (self.below, self.above) if upward else (self.above, self.below)
            for level in sorted(items, reverse=not upward):
                wish: dict[Slot | Lane, float] = {}
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
            rank = {item: i for i, item in enumerate(items.get(level + 1, ()))}
            ends = [end for item in row for end in sorted(rank[a] for a in self.above.get(item, ()) if a in rank)]
            count += sum(first > second for first, second in combinations(ends, 2))
        return count

    def prices(self, row: Sequence[Slot | Lane]) -> list[int]:
        """How many edges that run along a row are crossed in each gap between its slots and lanes, and at its ends."""
        change = [0] * (len(row) + 2)
        for start, stop in self._along(row):
            change[start + 1] += 1
            change[stop + 1] -= 1
        return [*accumulate(change)][:-1]

    def _along(self, row: Sequence[Slot | Lane]) -> Iterator[tuple[int, int]]:
        """The edges along a row, from place to place: to a slot beside another, and to the sides."""
        place = {item: i for i, item in enumerate(row)}
        for item, i in place.items():
            for link in (link for link in self.above.get(item, ()) if link in place):
                yield min(i, place[link]), max(i, place[link])
            if item in self.pull:
                yield (-1, i) if self.pull[item] < 0 else (i, len(row))


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
    ways, kept = {now[0]: (0, list[int]())}, 0  # to each gap of a row, and what the present way costs
    for (low, high), (here, there) in zip(pairwise(rows), pairwise(now), strict=True):
        rank = {item: i for i, item in enumerate(high) if item != head}
        beside = [(i, rank[b]) for i, a in enumerate(low) if a != tail for b in network.above.get(a, ()) if b in rank]
        price = network.prices(high) if high is not rows[-1] else [0] * (len(high) + 1)
        costs = {gap: list(map(add, _crossed(beside, gap, len(high)), price)) for gap in ways}
        kept += costs[here][there]
        targets = range(len(high) + 1) if high is not rows[-1] else now[-1:]
        ways = {to: min((cost + costs[gap][to], [*way, to]) for gap, (cost, way) in ways.items()) for to in targets}
    ((fewest, way),) = ways.values()
    return way[:-1] if fewest < kept else []


def _crossed(links: list[tuple[int, int]], gap: int, places: int) -> list[int]:
    """How many links to the next row a line from a gap crosses, to each gap of that row."""
    change = [sum(low < gap for low, _ in links), *[0] * places]
    for low, high in links:
        change[high + 1] += -1 if low < gap else 1
    return [*accumulate(change)]
