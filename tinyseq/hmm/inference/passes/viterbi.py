"""Viterbi on raw arrays: the best path of many sequences at once, without back-pointers.

The messages are kept; going back along the one best path, the best predecessor is found again by the same additions
that the forward pass made, so it is the same one. Ties go to the lowest state: of equally good paths, the one found has
the lowest last state, then the lowest state before it, and so on.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.batching import Ragged
from tinyseq.hmm.inference.passes.score_tables import Arcs, Scores

BUFFER = 1 << 17  # numbers that are added and compared at a time
FEW = 40  # states among which the best is found by comparing them all


def best_paths(arcs: Arcs, scores: Scores, batch: Ragged, sequences: int | None = None) -> tuple[Array, Array]:
    """The best path of each sequence.

    Args:
        arcs: the tables.
        scores: the emission scores of all rows.
        batch: the sequences.
        sequences: N, if the batch does not hold all of them.

    Returns:
        The state at each row (rows,), and each path's log score (N,), -inf for an impossible sequence.
    """
    path = np.zeros(batch.count, dtype=np.intp)
    best = np.empty(len(batch.order) if sequences is None else sequences, dtype=arcs.tables[-1].dtype)

    def decode(tile: Ragged) -> None:
        messages = forward(arcs, scores, tile)
        found, best[tile.order] = backtrack(arcs, messages, tile, join=np.max, choose=lowest_best)
        for t, states in enumerate(found):
            path[tile.rows(t)] = states[: tile.sizes[t]]

    oldest, others, _ = arcs.tables[-1].shape
    cores = os.cpu_count() or 1
    # A message takes up to 1 MB and all that are kept up to 128 MB, as far as there is a choice; and each core has a
    # tile: NumPy lets go of the interpreter while it computes.
    numbers = min(1 << 17, (1 << 24) // max(len(batch.sizes), 1))
    width = max(1, min(numbers // (oldest * others), max(8, -(-len(batch.order) // cores))))
    tiles = list(batch.tiles(width))
    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(decode, tiles) if len(tiles) > 1 else map(decode, tiles))
    return path, best


def forward(arcs: Arcs, scores: Scores, batch: Ragged, start: Array | None = None) -> list[Array]:
    """The score of the best path to each history: the messages after 0, 1, ... steps.

    Args:
        arcs, scores, batch: as for `best_paths`.
        start: (H, R, columns), the messages that what lies before the columns has left; by default they begin anew.
    """
    skip = 0 if start is None else arcs.order - 1
    messages = [np.zeros((1, 1, len(batch.order)), dtype=arcs.tables[-1].dtype) if start is None else start]
    for t, size in enumerate(batch.sizes):
        table = arcs.tables[arcs.which(t + skip)]
        message = messages[-1].reshape(*table.shape[:2], -1)[..., :size]
        message = extended(message, table)
        message += scores.logs(batch.rows(t))
        messages.append(message)
    return messages


def extended(message: Array, table: Array) -> Array:
    """The best over the oldest state of message + table: (H, R, B) and (H, R, V) give (R, V, B)."""
    oldest, others, states = table.shape
    size = message.shape[-1]
    if size == 1 and table.size <= BUFFER:
        paths: Array = message + table
        return paths.max(axis=0)[..., None]
    out = np.empty((others, states, size), dtype=message.dtype)
    some = max(1, min(states, BUFFER // (oldest * size)))  # new states at a time
    buffer = np.empty((oldest, some, size), dtype=message.dtype)
    for r in range(others):
        for v in range(0, states, some):
            paths = buffer[:, : min(some, states - v)]
            np.add(message[:, r, None], table[:, r, v : v + some, None], out=paths)
            np.maximum.reduce(paths, axis=0, out=out[r, v : v + some])
    return out


def lowest_best(scores: Array, axis: int = 0) -> Array:
    """``np.argmax(scores, axis=0)``, without a search for few states, as no processor foresees the outcome of one."""
    if len(scores) > FEW:
        return scores.argmax(axis=axis)
    rank = np.arange(len(scores), 0, -1, dtype=np.uint8)  # the lowest state has the highest
    ranked = (scores == scores.max(axis=axis)) * rank[:, None]
    return len(scores) - ranked.max(axis=axis).astype(np.intp)


def backtrack(
    arcs: Arcs, messages: list[Array], batch: Ragged, join: Callable[..., Array], choose: Callable[..., Array]
) -> tuple[Array, Array]:
    """Go back from the last states to the first.

    Args:
        arcs: the tables.
        messages: the messages after 0, 1, ... steps.
        batch: the columns.
        join: ``join(scores, axis=0)``, the sum of the semiring that made the messages.
        choose: ``choose(scores, axis=0)``, which of the scores to go back to.

    Returns:
        The states (T, columns), the padding zero; and the joined score of all last states (columns,).
    """
    columns, steps, history = len(batch.order), len(batch.sizes), arcs.order - 1
    states = arcs.end.shape[0]
    best = np.zeros(columns, dtype=messages[0].dtype)
    found = np.zeros((steps, columns), dtype=np.intp)
    size = 0
    for t in range(steps, 0, -1):  # a column that ends at t chooses its last states; then all choose the state before
        if batch.sizes[t - 1] > size:
            ended = slice(size, batch.sizes[t - 1])
            size = ended.stop
            last = messages[t][..., ended] + arcs.end[:, None]
            best[ended] = join(last.reshape(-1, last.shape[-1]), axis=0)
            _choose_last(last, found[max(t - history, 0) : t, ended], join, choose)
        if t > history:
            table = arcs.tables[arcs.which(t - 1)]
            message = messages[t - 1].reshape(*table.shape[:2], -1)[..., :size]
            others = np.zeros(size, dtype=np.intp)
            for states_then in found[t - history : t - 1, :size]:
                others = others * states + states_then
            before = message[:, 0] if history == 1 else message[:, others, np.arange(size)]
            into = np.take(table.reshape(states, -1), others * states + found[t - 1, :size], axis=1)
            found[t - 1 - history, :size] = choose(before + into, axis=0)
    return found, best


def _choose_last(message: Array, found: Array, join: Callable[..., Array], choose: Callable[..., Array]) -> None:
    """Choose the last states, which a message tells apart, the newest first; they are written into ``found``."""
    states, size = message.shape[1:]
    columns = np.arange(size)
    for back in range(1, len(found) + 1):
        newest = join(message.reshape(-1, states, size), axis=0)
        found[-back] = choose(newest, axis=0)
        message = message.reshape(-1, states, size)[:, found[-back], columns]
