"""Viterbi on raw arrays: the best path of many sequences at once, without back-pointers.

The messages are kept; going back along the one best path, the best predecessor is found again by the same additions that
the forward pass made, so it is the same one. Ties go to the lowest state: of equally good paths, the one found has
the lowest last state, then the lowest state before it, and so on.
"""

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.ragged import Ragged
from tinyseq.hmm.tables import Arcs, Scores


def best_paths(arcs: Arcs, scores: Scores, batch: Ragged) -> tuple[Array, Array]:
    """The best path of each sequence.

    Args:
        arcs: the tables.
        scores: the emission scores of all rows.
        batch: the sequences.

    Returns:
        The state at each row (rows,), and each path's log score (N,), -inf for an impossible sequence.
    """
    path = np.zeros(batch.count, dtype=np.intp)
    best = np.empty(len(batch.order), dtype=arcs.tables[-1].dtype)
    for tile in batch.tiles(_width(arcs)):
        messages = _forward(arcs, scores, tile)
        best[tile.order] = _backtrack(arcs, messages, tile, path)
    return path, best


def _forward(arcs: Arcs, scores: Scores, batch: Ragged) -> list[Array]:
    """The score of the best path to each history: the messages after 0, 1, ... steps."""
    messages = [np.zeros((1, 1, len(batch.order)), dtype=arcs.tables[-1].dtype)]
    for t, size in enumerate(batch.sizes):
        table = arcs.tables[arcs.which(t)]
        message = messages[-1].reshape(*table.shape[:2], -1)[..., :size]
        messages.append(_extended(message, table) + scores.logs(batch.rows(t)))
    return messages


def _extended(message: Array, table: Array) -> Array:
    """The best over the oldest state of message + table: (H, R, B) and (H, R, V) give (R, V, B)."""
    oldest, others, states = table.shape
    size = message.shape[-1]
    if table.size * size <= 1 << 14:  # few sequences: one large sum costs less than many small ones
        return (message[:, :, None] + table[..., None]).max(axis=0)
    out, buffer = np.empty((others, states, size), dtype=message.dtype), np.empty((oldest, size), dtype=message.dtype)
    for r in range(others):
        for v in range(states):
            np.add(message[:, r], table[:, r, v, None], out=buffer)
            np.maximum.reduce(buffer, axis=0, out=out[r, v])
    return out


def _backtrack(arcs: Arcs, messages: list[Array], batch: Ragged, path: Array) -> Array:
    """Write the best paths into ``path``; returns their scores."""
    best = np.zeros(len(batch.order), dtype=arcs.end.dtype)
    steps, states, history = len(batch.sizes), arcs.end.shape[0], arcs.order - 1
    found = np.zeros((steps, len(batch.order)), dtype=np.intp)
    size = 0
    for t in range(steps, 0, -1):  # states up to t - 1 exist; column b knows its last `history` states, once it began
        if batch.sizes[t - 1] > size:
            began = slice(size, batch.sizes[t - 1])
            size = began.stop
            best[began] = _last_states(messages[t][..., began] + arcs.end[:, None], found[:t, began], history)
        if t > history:
            table, message = arcs.tables[arcs.which(t - 1)], messages[t - 1]
            others = np.zeros(size, dtype=np.intp)
            for step in range(t - history, t - 1):
                others = others * states + found[step, :size]
            message = message.reshape(*table.shape[:2], -1)[..., :size]
            message = message[:, 0] if history == 1 else message[:, others, np.arange(size)]
            arcs_in = np.take(table.reshape(states, -1), others * states + found[t - 1, :size], axis=1)
            found[t - 1 - history, :size] = np.argmax(message + arcs_in, axis=0)
    for t in range(steps):
        path[batch.rows(t)] = found[t, : batch.sizes[t]]
    return best


def _last_states(message: Array, found: Array, history: int) -> Array:
    """Choose the last states, the newest first, and write them into the end of ``found`` (t, B); the best scores."""
    known = min(history, len(found))
    states = message.shape[1]
    message = message.reshape(*(states,) * known, -1)
    columns = np.arange(message.shape[-1])
    best = message.reshape(-1, len(columns)).max(axis=0)
    for back in range(known):
        older = message.reshape(-1, states, len(columns)).max(axis=0)
        found[-1 - back] = np.argmax(older, axis=0)
        message = message[..., found[-1 - back], columns]
    return best


def _width(arcs: Arcs) -> int:
    """Sequences in a tile."""
    return int(np.clip((1 << 15) // (arcs.tables[-1].shape[0] * arcs.tables[-1].shape[1]), 8, 512))
