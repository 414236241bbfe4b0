"""One long sequence, split into blocks that are processed in parallel as a batch: forward-backward and Viterbi.

A chain forgets its past: after some steps the direction of a message (the ratios of its entries) hardly depends on
where it started. So each block starts with a warm-up on the rows just before it, and all blocks run at once, as a
batch. Whether the warm-up was long enough is checked, not assumed: each block must begin with the message with which
its left neighbour ended, to 1e-12; and likewise from the right for backward messages, and for the states of a best
path. A step never increases the distance of two messages (in Hilbert's projective metric), so such small differences
stay small. Where the check fails, a longer warm-up is tried; if none is long enough, the ordinary sequential pass is
used.

The path of Viterbi is a best one, up to rounding: among paths whose scores differ only in the last digits, the
sequential pass may find another. Which of the two runs depends only on the sequence, so that results do not depend on
what else is in the batch.

After Maleki, Musuvathi and Mytkowicz, Parallelizing dynamic programming through rank convergence (PPoPP 2014).
"""

from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.algebras import Max
from tinyseq.hmm.inference.passes.batching import Ragged
from tinyseq.hmm.inference.passes.recurrence import Forward
from tinyseq.hmm.inference.passes.scaled import Scaled

LONG = 2048  # sequences with at least this many rows are split; a quarter of it if they are alone, half if two, ...
FEW = 8  # with more sequences than this, batching them is fast enough

LENGTHS = range(64, 96)  # rows in a block of Viterbi
ROUNDS = 16  # how often blocks of Viterbi may be started, or backtracked, again
LOOK = 4  # number of steps between comparisons of a restarted block with its old messages


class Cut(NamedTuple):
    """The blocks of one sequence.

    Attributes:
        head: the first n - 1 rows, whose histories are short.
        blocks: the other rows, in order; only the last block may be shorter.
        before: the warm-up rows before each block except the first.
        behind: the warm-up rows after each block except the last: the first rows of the next.
    """

    head: Ragged
    blocks: Ragged
    before: Ragged
    behind: Ragged


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
        # Odd, as powers of two would cause cache conflicts; and so that the last block has at least `warm` rows.
        odd, end, windows = count(max(125, 2 * warm - 1), 2), first + rows, Ragged.windows
        length = next(length for length in odd if (rows - history - 1) % length >= warm - 1)
        starts = np.arange(first + history, end, length)
        blocks, head = windows(starts, np.minimum(end - starts, length)), windows(np.array([first]), history)
        yield Cut(head, blocks, windows(starts[1:] - warm, warm), windows(starts[1:], warm))
        warm *= 3


def memory(passes: Scaled, first: int, rows: int, longest: int) -> int:
    """An estimate of the warm-up needed: 1.5 times the steps that made two messages parallel at a few places."""
    oldest, others, _ = passes.arcs.tables[-1].shape
    places = np.tile(first + np.linspace(0, rows - longest - 1, 8).astype(np.intp), 2)
    message = np.ones((oldest, others, 16))
    message[..., 8:] += np.arange(oldest * others).reshape(oldest, others, 1)
    for step in range(longest):
        message = passes.unfolded(passes.extended(message, -1, places + step), -1)
        if (step + 1) % min(8, passes.every) == 0:
            passes.rescale(message)
            if passes.parallel(message[..., :8], message[..., 8:]).all():
                return 3 * (step + 1) // 2
    return longest + 1


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
        ends = _warmed_ends(passes, cut.behind, len(cut.behind.sizes) if states is not None else 0)
        walked = _forward(passes, cut, states is not None, ends)
        if walked is None:
            continue
        done, log_start = walked
        left, growth = done.messages[-1][..., : len(done.total) - 1], done.log_scale
        growth[:-1] += np.log(left.max(axis=(0, 1)))
        growth[-1] += np.log(done.total[-1]) + passes.end_top
        likelihood = log_start + float(growth.sum())
        if states is None:
            return likelihood
        mine = None if counts is None else [np.zeros(count.shape) for count in counts]
        _, ahead = passes.backward(done, np.ones(len(done.total)), states, mine)
        ahead = ahead.reshape(ends.shape)
        if passes.parallel(ends[..., :-1], ahead[..., 1:], where=left > 0).all():
            passes.backward(passes.forward(cut.head, ends=ahead[..., :1]), np.ones(1), states, mine)
            if weight != 1:
                states[first : first + rows] *= weight
            for count, part in zip(counts or (), mine or (), strict=True):
                count += weight * part
            return likelihood
    return None


def _forward(passes: Scaled, cut: Cut, keep: bool, ends: Array) -> tuple[Forward, float] | None:
    """Run all blocks forward; None if the first message of some block is not the last of its left neighbour.

    Returns:
        The pass, and the log of the factor by which the message before the blocks was divided.
    """
    oldest, others, states = passes.tables[-1].shape
    head = passes.forward(cut.head, keep=False, ends=np.ones((1, states, 1)))
    warm = passes.forward(cut.before, keep=False, start=np.ones((oldest, others, len(cut.before.order))))
    start = np.concatenate([passes.unfolded(walked.messages[-1], -1) for walked in (head, warm)], axis=2)
    divisor, risky = passes.rescale(start)
    done = passes.forward(cut.blocks, keep, start, ends)
    left = passes.unfolded(done.messages[-1], -1)[..., : len(warm.batch.order)]
    unsafe = (risky, head.unsafe, warm.unsafe, done.unsafe, done.total == 0)
    if any(part.any() for part in unsafe) or not passes.parallel(start[..., 1:], left).all():
        return None
    return done, float(head.log_scale[0] + np.log(divisor[0]))


def _warmed_ends(passes: Scaled, behind: Ragged, steps: int) -> Array:
    """The backward message at the end of each block, (R, V, blocks), from a warm-up on the first rows behind it."""
    _, others, states = passes.arcs.tables[-1].shape
    ends, one = np.ones((others, states, len(behind.order) + 1)), np.ones((1, 1, 1))
    ends[..., -1], ahead = passes.end, ends[..., :-1]
    for t in reversed(range(steps)):
        ahead *= passes.emitted(behind.rows(t))
        ahead = passes.receded(one, ahead, -1, None, one).reshape(ahead.shape)
        if t % passes.every == 0:
            passes.rescale(ahead)
    ends[..., :-1] = ahead
    return ends


def best_path(passes: Max, first: int, rows: int) -> tuple[Array, float] | None:
    """The best path of one sequence and its score; None if the chain does not forget, or the sequence is impossible.

    Args:
        passes: a chain with n = 2, and its scores.
        first: the sequence's first row.
        rows: how many it has.
    """
    length = min(LENGTHS, key=lambda length: (rows - 1) % length)
    starts = np.arange(first + 1 + (rows - 1) % length, first + rows, length)
    head = passes.forward(Ragged.windows(np.array([first]), 1 + (rows - 1) % length))
    blocks = Ragged.windows(starts, length)
    start = np.zeros((len(passes.end), 1, len(starts)), dtype=passes.end.dtype)
    start[..., :1] = passes.unfolded(head.messages[-1], -1)
    passes.rescale(start)
    done = passes.forward(blocks, start=start)
    if not _fitted(passes, blocks, [passes.unfolded(message, -1) for message in done.messages]):
        return None
    last = done.messages[-1][0].argmax(axis=0)  # guesses, but for the last block
    last[-1] = np.argmax(done.messages[-1][0, :, -1] + passes.end)
    path = np.empty(rows, dtype=np.intp)
    begun, inner = path[: starts[0] - first, None], path[starts[0] - first :].reshape(-1, length).T
    entered = _back(passes, done, last, inner)
    if not _agreed(passes, done, inner, entered):
        return None
    _back(passes, head, entered[:1], begun)
    return (path, score) if (score := _score(passes, path, first)) > -np.inf else None


def _fitted(passes: Max, blocks: Ragged, messages: list[Array]) -> bool:
    """Restart blocks from where their left neighbours ended, until all agree; False if that takes too many rounds."""
    columns = np.arange(1, len(blocks.order))
    for _ in range(ROUNDS):
        message = messages[-1].take(columns - 1, axis=-1)
        passes.rescale(message)
        for t, old in enumerate(messages):
            if t:
                message = passes.unfolded(passes.extended(message, -1, blocks.some_rows(t - 1, columns)), -1)
            apart = None if t % LOOK else np.flatnonzero(~passes.parallel(message, old.take(columns, axis=-1)))
            old[..., columns] = message
            if apart is not None:
                columns, message = columns[apart], message.take(apart, axis=-1)
            if not len(columns):
                break
        columns = columns[columns < len(blocks.order) - 1] + 1  # behind blocks that changed to their end
        if not len(columns):
            return True
    return False


def _back(passes: Max, done: Forward, state: Array, path: Array) -> Array:
    """Backtrack from the last states, and store them in ``path`` (steps, columns); returns those before the first."""
    for t in reversed(range(len(path))):
        path[t] = state
        state = passes.oldest(done, t, state[None])
    return state


def _agreed(passes: Max, done: Forward, path: Array, entered: Array) -> bool:
    """Backtrack again where the right neighbour was entered in another state, until all agree; False if that fails.

    Where a new path meets the old one, the steps before are known.
    """
    for _ in range(ROUNDS):
        columns = np.flatnonzero(path[-1, :-1] != entered[1:])
        if not len(columns):
            return True
        state = entered[columns + 1]
        for t in reversed(range(len(path))):
            changed = path[t, columns] != state
            columns, state = columns[changed], state[changed]
            if not len(columns):
                break
            path[t, columns] = state
            before = passes.unfolded(done.messages[t], -1)[:, 0, columns]
            state = passes.choose(before + passes.arcs.into(-1, state), slice(None))
        entered[columns] = state
    return False


def _score(passes: Max, path: Array, first: int) -> float:
    """The score of a path, summed in float64, as small errors would add up."""
    (initial, transition), end = passes.arcs.tables, passes.end
    moves = transition.take(path[:-1] * len(end) + path[1:])
    terms = (initial[0, 0, path[:1]], moves, passes.scores.along(first, path), end[path[-1:]])
    return float(sum(part.sum(dtype=np.float64) for part in terms))
