"""One long sequence, cut into blocks that are walked side by side.

A chain forgets: after some steps the direction of a message, the ratios of its entries, hardly depends on where it
started. So each block starts from a warm-up on the last rows before it, and all blocks are walked at once, as a batch.
Whether the warm-up was long enough is not guessed but checked: each block must begin with the message with which its
left neighbour ended, to 1e-12; and the same for what lies ahead, from the right. A step never drives two messages apart
(in Hilbert's projective metric), so such small differences stay small. Where the check fails, the warm-up is made
longer, and in the end the plain walk takes over, which needs no forgetting.

After Maleki, Musuvathi and Mytkowicz, Parallelizing dynamic programming through rank convergence (PPoPP 2014).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.batching import Ragged
from tinyseq.hmm.inference.passes.recurrence import Forward
from tinyseq.hmm.inference.passes.scaled import FEEBLE, Scaled

LONG = 2048  # sequences of at least so many rows are cut
FEW = 8  # with more sequences than this, walking them side by side is fast enough
CLOSE = 1e-12  # relative difference of messages that count as parallel


class Cut(NamedTuple):
    """Blocks of one sequence, behind its first n - 1 rows.

    Attributes:
        head: the first n - 1 rows, whose histories are short.
        blocks: all others, in order; only the last block may be shorter.
        before: the warm-up rows before each block but the first.
        behind: the warm-up rows behind each block but the last.
        reaches_end: whether the last of these reach the end of the sequence.
    """

    head: Ragged
    blocks: Ragged
    before: Ragged
    behind: Ragged
    reaches_end: bool


def cuts(passes: Scaled, first: int, rows: int) -> Iterator[Cut]:
    """Ways to cut a sequence, with longer and longer warm-ups; none if the chain does not forget in time.

    Args:
        passes: the chain and its scores.
        first: the sequence's first row.
        rows: how many it has.
    """
    history, longest = passes.arcs.order - 1, rows // 16
    warm = memory(passes, first + history, rows - history, longest)
    while warm <= longest:
        length = max(125, 2 * warm)  # no power of two: steps so far apart would push each other out of the cache
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
    """How many steps of warm-up seem enough: by half more than made two messages parallel at some places."""
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
    """The columns to cut into blocks: long ones in a small batch, if all their transitions are the same table."""
    arcs = passes.arcs
    if len(batch.order) > FEW or len(arcs.tables) != arcs.order or passes.lost > -np.inf:
        return []
    return batch.longer(LONG)


def expectations(
    passes: Scaled, first: int, rows: int, weight: float, states: Array | None, counts: list[Array] | None
) -> float | None:
    """As `Scaled.backward`, for one sequence; returns its log-likelihood, or None if its chain does not forget.

    Args:
        passes: the chain and its scores.
        first: the sequence's first row.
        rows: how many it has.
        weight: how much the sequence counts.
        states: (all rows, K), set to the posteriors of the sequence's rows; None to compute the log-likelihood only.
        counts: one array for each table, to which the expected number of uses of each arc is added; or None.
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
    """Walk all blocks; None if some block does not begin as its left neighbour ended."""
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
    """What lies behind each block, by a warm-up on the rows behind it, (R, V, blocks)."""
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
