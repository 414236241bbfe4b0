"""Viterbi for one long sequence, split into blocks that are processed in parallel as a batch.

After some steps the best paths to all states pass through one common state, and messages from different starts differ
only by a constant. So all blocks first start from an arbitrary message. Then each is started again with the message
with which its left neighbour ended, until its new messages equal the old ones up to a constant; from there on the old
ones were right. When backtracking, each block guesses the state in which it ends; its right neighbour then gives the
true one, and the blocks that guessed wrong backtrack again. (Maleki, Musuvathi and Mytkowicz, PPoPP 2014.)

The path is a best one, up to rounding: among paths whose scores differ only in the last digits, the sequential pass may
find another. Which of the two runs depends only on the length of the sequence, so that results do not depend on what
else is in the batch.
"""

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.batching import Ragged
from tinyseq.hmm.inference.passes.score_tables import Arcs, Scores
from tinyseq.hmm.inference.passes.viterbi import Max, lowest_best

LENGTHS = range(64, 96)  # rows per block
ROUNDS = 16  # how often blocks may be started, or backtracked, again
LOOK = 4  # number of steps between comparisons of a restarted block with its old messages
CLOSE = 1 << 16  # tolerance of that comparison, in units of machine epsilon


def best_path(arcs: Arcs, scores: Scores, first: int, rows: int) -> tuple[Array, float] | None:
    """The best path of one sequence and its score; None if the chain does not forget, or the sequence is impossible.

    Args:
        arcs: the tables of a chain with n = 2.
        scores: the emission scores.
        first: the sequence's first row.
        rows: how many it has, at least one block.
    """
    states = arcs.end.shape[0]
    length = min(LENGTHS, key=lambda length: (rows - 1) % length)
    begun = 1 + (rows - 1) % length  # rows before the first block, processed sequentially
    passes = Max(arcs, scores)
    head = passes.forward(Ragged.windows(np.array([first]), np.array([begun]))).messages
    starts = np.arange(first + begun, first + rows, length)
    blocks = Ragged.windows(starts, np.full(len(starts), length))
    start = np.zeros((states, 1, len(starts)), dtype=arcs.end.dtype)
    start[..., :1] = _levelled(head[-1].reshape(states, 1, 1))
    messages = [passes.unfolded(message, -1) for message in passes.forward(blocks, start=start).messages]
    if not _fitted(passes, blocks, messages):
        return None
    back = _back(arcs, messages)
    if back is None:
        return None
    state, inner = back
    path = np.concatenate([np.empty(begun, dtype=np.intp), inner.T.reshape(-1)])
    for t in range(begun, 0, -1):
        path[t - 1] = state
        state = int((head[t - 1].reshape(-1) + arcs.tables[-1][:, 0, state]).argmax())
    return path, _score(arcs, scores, path, first)


def _fitted(passes: Max, blocks: Ragged, messages: list[Array]) -> bool:
    """Restart blocks from where their left neighbours ended, until all agree; False if that takes too many rounds."""
    suspects = np.arange(1, len(blocks.order))
    for _ in range(ROUNDS):
        message = _levelled(messages[-1].take(suspects - 1, axis=2))
        wrong = np.flatnonzero(~_parallel(message, messages[0].take(suspects, axis=2)))
        columns, message = suspects[wrong], message.take(wrong, axis=2)
        messages[0][..., columns] = message
        for t, old in enumerate(messages[1:]):
            if not len(columns):
                break
            message = passes.unfolded(passes.extended(message, -1, blocks.some_rows(t, columns)), -1)
            looked_at = t % LOOK == LOOK - 1
            changed = np.flatnonzero(~_parallel(message, old.take(columns, axis=2))) if looked_at else None
            old[..., columns] = message
            if changed is not None:
                columns, message = columns[changed], message.take(changed, axis=2)
        suspects = columns[columns < len(blocks.order) - 1] + 1  # behind blocks that changed to their end
        if not len(suspects):
            return True
    return False


def _back(arcs: Arcs, messages: list[Array]) -> tuple[int, Array] | None:
    """Backtrack in all blocks at once, and again in those whose guess of the last state was wrong.

    Args:
        arcs: the tables.
        messages: the blocks' messages after 0, 1, ... steps.

    Returns:
        The state before the first block, and the states (rows per block, blocks); None if the sequence is impossible,
        or the guesses are wrong too often.
    """
    table, count = arcs.tables[-1][:, 0], messages[0].shape[-1]
    last = messages[-1][:, 0] + np.where(np.arange(count) == count - 1, arcs.end[:, None], 0.0)
    if not (last[:, -1] > -np.inf).any():
        return None
    path = np.full((len(messages) - 1, count), -1, dtype=np.intp)
    ended, entered = last.argmax(axis=0), np.zeros(count, dtype=np.intp)
    columns = np.arange(count)
    for _ in range(ROUNDS):
        state = ended[columns]
        for t in range(len(path) - 1, -1, -1):
            before = messages[t][:, 0]
            if len(columns) == count:
                path[t] = state
            else:  # where the path of an earlier round is in the same state, all steps before are known
                news = path[t, columns] != state
                columns, state = columns[news], state[news]
                if not len(columns):
                    break
                path[t, columns] = state
                before = before[:, columns]
            state = lowest_best(before + table.take(state, axis=1))
        entered[columns] = state
        columns = np.flatnonzero(entered[1:] != ended[:-1])
        if not len(columns):
            return int(entered[0]), path
        ended[columns] = entered[columns + 1]
    return None


def _score(arcs: Arcs, scores: Scores, path: Array, first: int) -> float:
    """The score of a path, summed in the order of the sequential pass, so that it is the same to the last bit."""
    terms = np.empty(2 * len(path) + 1, dtype=arcs.end.dtype)
    terms[0], terms[-1] = arcs.tables[0][0, 0, path[0]], arcs.end[path[-1]]
    terms[1::2] = scores.along(first, path)
    terms[2:-1:2] = arcs.tables[-1].take(path[:-1] * len(arcs.end) + path[1:])
    return float(np.add.accumulate(terms, out=terms)[-1])


def _levelled(message: Array) -> Array:
    """Messages minus their largest entries."""
    top = message.max(axis=(0, 1))
    top[top == -np.inf] = 0.0
    return message - top


def _parallel(one: Array, other: Array) -> Array:
    """Which messages are equal up to a constant and rounding; -inf must be in the same places."""
    with np.errstate(invalid="ignore"):  # inf - inf, for entries that are impossible in both, is left out
        apart = one - other
        spread = np.fmax.reduce(apart, axis=(0, 1)) - np.fmin.reduce(apart, axis=(0, 1))
    return spread <= CLOSE * np.finfo(one.dtype).eps
