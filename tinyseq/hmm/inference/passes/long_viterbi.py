"""Viterbi on one long sequence, cut into blocks that are walked side by side.

After some steps the best paths to all states have come out of one state, and messages from different starts differ by a
constant only. So all blocks first start from nothing. Then each starts again with the message with which its left
neighbour ended, until its new messages are the old ones but for a constant; from there on the old ones were right.
Going back, each block guesses in which state it ends; its right neighbour says which it was, and those that guessed
wrong go back once more. (Maleki, Musuvathi and Mytkowicz, PPoPP 2014.)

The path is a best one, up to rounding: of paths whose scores differ in the last digits only, the plain walk may find
another. So that no answer depends on what else is in a batch, a sequence's length alone decides how it is walked.
"""

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.batching import Ragged
from tinyseq.hmm.inference.passes.score_tables import Arcs, Scores
from tinyseq.hmm.inference.passes.viterbi import Max, lowest_best

LENGTHS = range(64, 96)  # rows of a block
ROUNDS = 16  # how often blocks may have to start or to go back again
LOOK = 4  # steps after which a block that has started again is compared with its old messages
CLOSE = 1 << 16  # how many times the smallest relative difference of numbers messages may be apart


def best_path(arcs: Arcs, scores: Scores, first: int, rows: int) -> tuple[Array, float] | None:
    """The best path of one sequence and its score; None if the chain does not forget, or the sequence is impossible.

    Args:
        arcs: the tables of a chain of order 2.
        scores: the emission scores.
        first: the sequence's first row.
        rows: how many it has, at least as many as a block.
    """
    states = arcs.end.shape[0]
    length = min(LENGTHS, key=lambda length: (rows - 1) % length)
    begun = 1 + (rows - 1) % length  # rows before the first block, walked plainly
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
    """Start blocks again where their left neighbours ended, until all fit; False if they do not soon."""
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
        suspects = columns[columns < len(blocks.order) - 1] + 1  # behind those that have changed to their end
        if not len(suspects):
            return True
    return False


def _back(arcs: Arcs, messages: list[Array]) -> tuple[int, Array] | None:
    """Go back in all blocks at once, and once more in those that ended in another state than they guessed.

    Args:
        arcs: the tables.
        messages: the blocks' messages after 0, 1, ... steps.

    Returns:
        The state before the first block, and the states (rows of a block, blocks); None if the sequence is impossible,
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
            else:  # where an older way came through the same state, all before it is known
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
    """The score of a path, added up in the order of the plain walk, so that it is the same to the last bit."""
    terms = np.empty(2 * len(path) + 1, dtype=arcs.end.dtype)
    terms[0], terms[-1] = arcs.tables[0][0, 0, path[0]], arcs.end[path[-1]]
    terms[1::2] = scores.along(first, path)
    terms[2:-1:2] = arcs.tables[-1].take(path[:-1] * len(arcs.end) + path[1:])
    return float(np.add.accumulate(terms, out=terms)[-1])


def _levelled(message: Array) -> Array:
    """Messages less their largest entries."""
    top = message.max(axis=(0, 1))
    top[top == -np.inf] = 0.0
    return message - top


def _parallel(one: Array, other: Array) -> Array:
    """Which messages are the same but for a constant, up to rounding; what is impossible must be so in both."""
    with np.errstate(invalid="ignore"):  # inf - inf, for entries that are impossible in both, is left out
        apart = one - other
        spread = np.fmax.reduce(apart, axis=(0, 1)) - np.fmin.reduce(apart, axis=(0, 1))
    close: Array = spread <= CLOSE * np.finfo(one.dtype).eps
    return close
