"""Packing: places in one block of memory for values that are not all in use at the same time."""

from typing import NamedTuple

import numpy as np

from tinyseq.backend import Array

LINE = 64  # bytes of a cache line: groups begin at multiples of it
_FINEST = 256  # spans of a group; more are merged, so that packing a long sequence stays quick


class Span(NamedTuple):
    """Bytes of a group of values that are in use from one step to another."""

    start: int
    size: int
    first: int
    last: int


def packed(groups: dict[int, list[Span]]) -> tuple[dict[int, int], int]:
    """Pack groups of spans, so that bytes of two groups that are in use at the same time do not overlap.

    Within a group the places are given. Each group is placed as low as it fits, beginning with those that are large and
    in use for long.

    Returns:
        The offset of each group, and the total size.

    Source: Pisarchyk and Lee (2020), Efficient memory management for deep neural net inference.
    """
    spans = {number: _coarsened(group) for number, group in groups.items()}
    sizes = {number: max(span.start + span.size for span in group) for number, group in spans.items()}
    times = {n: max(span.last for span in group) - min(span.first for span in group) + 1 for n, group in spans.items()}
    placed, count, found = np.empty((4, sum(map(len, spans.values()))), np.int64), 0, dict[int, int]()
    for number in sorted(spans, key=lambda n: -sizes[n] * times[n]):
        found[number] = begin = _lowest(spans[number], placed[:, :count])
        for span in spans[number]:
            placed[:, count] = (begin + span.start, begin + span.start + span.size, span.first, span.last)
            count += 1
    total = max((found[number] + sizes[number] for number in found), default=0)
    return found, -(-total // LINE) * LINE


def _lowest(group: list[Span], placed: Array) -> int:
    """The lowest place of a group beside what is placed: columns of start, stop, first and last."""
    start, stop, first, last = placed
    taken = [(first <= span.last) & (last >= span.first) for span in group]
    # a group that begins between these two, exclusively, would lie on what is placed
    low = np.concatenate([start[t] - (span.start + span.size) for span, t in zip(group, taken, strict=True)])
    high = np.concatenate([stop[t] - span.start for span, t in zip(group, taken, strict=True)])
    order = np.argsort(low, kind="stable")
    candidates = np.maximum.accumulate(np.append(0, -(-high[order] // LINE) * LINE))  # above each of them
    above = np.append(low[order], candidates[-1])
    return int(candidates[np.argmax(above >= candidates)])


def _coarsened(group: list[Span]) -> list[Span]:
    """The spans of a group in order, without those that others cover, and not too many."""
    merged: dict[tuple[int, int], Span] = {}
    for span in group:
        known = merged.get(span[:2], span)
        merged[span[:2]] = _union([known, span])
    spans = sorted(merged.values())
    step = -(-len(spans) // _FINEST)
    return [_union(spans[i : i + step]) for i in range(0, len(spans), step)]


def _union(spans: list[Span]) -> Span:
    start, stop = min(span.start for span in spans), max(span.start + span.size for span in spans)
    return Span(start, stop - start, min(span.first for span in spans), max(span.last for span in spans))
