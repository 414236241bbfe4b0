"""Forward-backward for one long sequence, split into blocks that are processed in parallel as a batch.

A chain forgets its past: after some steps the direction of a message (the ratios of its entries) hardly depends on
where it started. So each block starts with a warm-up on the rows just before it, and all blocks run at once, as a
batch. Whether the warm-up was long enough is checked, not assumed: each block must begin with the message with which
its left neighbour ended, to 1e-12; and likewise from the right for the backward messages. A step never increases the
distance of two messages (in Hilbert's projective metric), so such small differences stay small. Where the check fails,
a longer warm-up is tried; if none is long enough, the ordinary sequential pass is used.

After Maleki, Musuvathi and Mytkowicz, Parallelizing dynamic programming through rank convergence (PPoPP 2014).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.batching import Ragged
from tinyseq.hmm.inference.passes.recurrence import Forward
from tinyseq.hmm.inference.passes.scaled import FEEBLE, Scaled

LONG = 2048  # sequences with at least this many rows are split; a quarter of it if they are alone, half if two, ...
FEW = 8  # with more sequences than this, batching them is fast enough
CLOSE = 1e-12  # relative difference below which messages count as parallel


class Cut(NamedTuple):
    """The blocks of one sequence, after its first n - 1 rows.

    Attributes:
        head: the first n - 1 rows, whose histories are short.
        blocks: the other rows, in order; only the last block may be shorter.
        before: the warm-up rows before each block except the first.
        behind: the warm-up rows after each block except the last.
        reaches_end: whether the last of these reach the end of the sequence.
    """

    head: Ragged
    blocks: Ragged
    before: Ragged
    behind: Ragged
    reaches_end: bool


def cuts(passes: Scaled, first: int, rows: int) -> Iterator[Cut]:
    """Ways to split a sequence, with longer and longer warm-ups; none if the chain does not forget in time.

    Args:
        passes: the chain and its scores.
        first: the sequence's first row.
        rows: how many it has.
    """
    history, longest = passes.arcs.n - 1, rows // 4
    warm = memory(passes, first + history, rows - history, longest)
    while warm <= longest:
        length = max(125, 2 * warm)  # not a power of two, which would cause cache conflicts between steps
        starts = np.arange(first + history, first + rows, length)
        lengths = np.minimum(first + rows - starts, length)
        yield Cut(
            Ragged.windows(np.array([first]), np.array([history])),
            Ragged.windows(starts, lengths),
            Ragged.windows(starts[1:] - warm, np.full(len(starts) - 1, warm)),
            Ragged.windows(starts[1:], np.minimum(lengths[1:], warm)),
            bool(lengths[-1] <= warm),
        )
        warm *= 3


def memory(passes: Scaled, first: int, rows: int, longest: int) -> int:
    """An estimate of the warm-up needed: 1.5 times the steps that made two messages parallel at a few places."""
    oldest, others, _ = passes.tables[-1].shape
    places = np.tile(first + np.linspace(0, rows - longest - 1, 8).astype(np.intp), 2)
    ramp = 1.0 + np.arange(oldest * others).reshape(oldest, others, 1)
    message = np.concatenate([np.ones((oldest, others, 8)), np.repeat(ramp, 8, axis=2)], axis=2)
    look = min(8, passes.every)
    for step in range(longest):
        message = passes.unfolded(passes.extended(message, -1, places + step), -1)
        if step % look == look - 1:
            passes.rescale(message)
            if _parallel(passes, message[..., :8], message[..., 8:], np.ones(1, dtype=bool)):
                return 3 * (step + 1) // 2
    return longest + 1


def long_columns(passes: Scaled, batch: Ragged) -> list[int]:
    """The columns to split into blocks: long ones in a small batch, if all transitions share one table."""
    arcs = passes.arcs
    if len(batch.order) > FEW or len(arcs.tables) != arcs.n or passes.lost > -np.inf:
        return []
    return batch.longer(LONG * min(len(batch.order), 4) // 4)


def expectations(
    passes: Scaled, first: int, rows: int, weight: float, states: Array | None, counts: list[Array] | None
) -> float | None:
    """As `Scaled.backward`, for one sequence; returns its log-likelihood, or None if its chain does not forget.

    Args:
        passes: the chain and its scores.
        first: the sequence's first row.
        rows: how many it has.
        weight: the weight of the sequence.
        states: (all rows, K), set to the posteriors of the sequence's rows; None to compute the log-likelihood only.
        counts: one array per table, to which the expected count of each arc is added; or None.
    """
    for cut in cuts(passes, first, rows):
        ends = None if states is None else _warmed_ends(passes, cut)
        walked = _forward(passes, cut, ends)
        if walked is None:
            continue
        likelihood, done = walked
        if states is None or ends is None:
            return likelihood
        mine = None if counts is None else [np.zeros(count.shape) for count in counts]
        _, ahead = passes.backward(done, np.ones(len(cut.blocks.order)), states, mine)
        reachable = done.messages[-1][..., : ahead.shape[-1] - 1] > 0
        if _parallel(passes, ends[..., :-1], ahead[..., 1:].reshape(ends[..., :-1].shape), reachable):
            before = passes.forward(cut.head, keep=True, ends=ahead[..., :1].reshape(*ends.shape[:2], 1))
            passes.backward(before, np.ones(1), states, mine)
            if weight != 1:
                states[first : first + rows] *= weight
            for count, part in zip(counts or (), mine or (), strict=True):
                count += weight * part
            return likelihood
    return None


def _forward(passes: Scaled, cut: Cut, ends: Array | None) -> tuple[float, Forward] | None:
    """Run all blocks forward; None if the first message of some block is not the last of its left neighbour."""
    keep = ends is not None
    oldest, others, states = passes.tables[-1].shape
    head = passes.forward(cut.head, keep=False, ends=np.ones((1, states, 1)))
    warm = passes.forward(cut.before, keep=False, start=np.ones((oldest, others, len(cut.before.order))))
    start = np.concatenate([passes.unfolded(walked.messages[-1], -1) for walked in (head, warm)], axis=2)
    largest, risky = passes.rescale(start)
    log_head = head.log_scale[0] + np.log(largest[0])
    if ends is None:
        ends = np.ones((others, states, len(cut.blocks.order)))
    ends[..., -1] = passes.end
    done = passes.forward(cut.blocks, keep=keep, start=start, ends=ends)
    left = passes.unfolded(done.messages[-1], -1)[..., : len(cut.before.order)]
    if risky.any() or head.unsafe.any() or warm.unsafe.any() or done.unsafe.any() or not done.total.all():
        return None
    if not _parallel(passes, start[..., 1:], left, np.ones(1, dtype=bool)):
        return None
    growth = done.log_scale
    growth[:-1] += np.log(left.max(axis=(0, 1)))
    growth[-1] += np.log(done.total[-1]) + passes.end_top
    return float(log_head + growth.sum()), done


def _warmed_ends(passes: Scaled, cut: Cut) -> Array:
    """The backward message at the end of each block, from a warm-up on the rows after it, (R, V, blocks)."""
    _, others, states = passes.tables[-1].shape
    stop = np.ones((others, states, len(cut.behind.order)))
    if cut.reaches_end:
        stop[..., -1] = passes.end
    ahead = passes.ahead(cut.behind, stop)
    passes.rescale(ahead)
    return np.concatenate([ahead.reshape(others, states, -1), np.ones((others, states, 1))], axis=2)


def _parallel(passes: Scaled, one: Array, other: Array, where: Array) -> bool:
    """Whether messages have the same direction, to 1e-12, wherever that matters."""
    top = [np.max(m, axis=(0, 1), where=where, initial=0.0) for m in (one, other)]
    if not all(part.all() for part in top):
        return False
    difference = np.abs(one / top[0] - other / top[1])
    return bool(np.all(difference <= CLOSE * (one / top[0]) + (FEEBLE if passes.mixes else 0.0), where=where))
