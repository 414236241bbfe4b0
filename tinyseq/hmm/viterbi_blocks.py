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
from tinyseq.hmm.ragged import Ragged
from tinyseq.hmm.tables import Arcs, Scores
from tinyseq.hmm.viterbi import extended, forward

LENGTHS = range(96, 160)  # rows of a block
ROUNDS = 16  # how often blocks may have to start or to go back again
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
    head = forward(arcs, scores, Ragged.windows(np.array([first]), np.array([begun])))
    starts = np.arange(first + begun, first + rows, length)
    blocks = Ragged.windows(starts, np.full(len(starts), length))
    start = np.zeros((states, 1, len(starts)), dtype=arcs.end.dtype)
    start[..., :1] = _levelled(head[-1].reshape(states, 1, 1))
    messages = [message.reshape(states, 1, -1) for message in forward(arcs, scores, blocks, start)]
    if not _fitted(arcs, scores, blocks, messages):
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


def _fitted(arcs: Arcs, scores: Scores, blocks: Ragged, messages: list[Array]) -> bool:
    """Start blocks again where their left neighbours ended, until all fit; False if they do not soon."""
    suspects = np.arange(1, len(blocks.order))
    for _ in range(ROUNDS):
        start = _levelled(messages[-1][..., suspects - 1])
        wrong = ~_equal(start, messages[0][..., suspects])
        columns, message = suspects[wrong], start[..., wrong]
        messages[0][..., columns] = message
        for t, old in enumerate(messages[1:]):
            if not len(columns):
                break
            message = extended(message, arcs.tables[-1]) + scores.logs(blocks.some_rows(t, columns))
            message = message.swapaxes(0, 1)
            changed = ~_equal(_levelled(message), _levelled(old[..., columns]))
            old[..., columns] = message
            columns, message = columns[changed], message[..., changed]
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
                path[t, columns] = state
                before = before[:, columns]
            state = (before + table.take(state, axis=1)).argmax(axis=0)
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
    terms[1::2] = scores.along(np.arange(first, first + len(path)), path)
    terms[2:-1:2] = arcs.tables[-1][path[:-1], 0, path[1:]]
    return float(np.add.accumulate(terms)[-1])


def _levelled(message: Array) -> Array:
    """Messages less their largest entries."""
    top = message.max(axis=(0, 1))
    top[top == -np.inf] = 0.0
    return message - top


def _equal(one: Array, other: Array) -> Array:
    """Which levelled messages are the same, up to rounding; what is impossible must be so in both."""
    with np.errstate(invalid="ignore"):  # two impossible entries differ by inf - inf
        apart = np.abs(one - other)
    close = apart <= CLOSE * np.finfo(one.dtype).eps
    same: Array = (close | (one == other)).all(axis=(0, 1))
    return same
