"""The k best paths: Viterbi on lists.

A message holds for each history the scores of the k best paths to it, largest first: (k, H, R, B). A step joins the
lists of all predecessors and keeps k of each; which of the H x k it kept is remembered for the way back.
"""

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.batching import Ragged
from tinyseq.hmm.inference.passes.score_tables import Arcs, Scores


def best_lists(arcs: Arcs, scores: Scores, batch: Ragged, k: int) -> tuple[Array, Array]:
    """The k best paths of each sequence.

    Args:
        arcs: the tables.
        scores: the emission scores of all rows.
        batch: the sequences.
        k: how many, at least 1.

    Returns:
        The states of the path of each rank (k, rows); and the paths' scores (k, N), -inf where there is no further one.

    Raises:
        ValueError: for k < 1.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    paths = np.zeros((k, batch.count), dtype=np.intp)
    values = np.empty((k, len(batch.order)), dtype=arcs.tables[-1].dtype)
    for tile in batch.tiles(max(1, (1 << 20) // (arcs.tables[-1].size * k))):
        found, values[:, tile.order] = _tile(arcs, scores, tile, k)
        for t, size in enumerate(tile.sizes):
            paths[:, tile.rows(t)] = found[t, :, :size]
    return paths, values


def _tile(arcs: Arcs, scores: Scores, batch: Ragged, k: int) -> tuple[Array, Array]:
    """Paths (T, k, columns) and scores (k, columns)."""
    columns, states, history = len(batch.order), arcs.end.shape[0], arcs.order - 1
    message = np.full((k, 1, 1, columns), -np.inf, dtype=arcs.tables[-1].dtype)
    message[0] = 0.0
    found = np.zeros((len(batch.sizes), k, columns), dtype=np.intp)
    values, rank = np.empty((k, columns), dtype=message.dtype), np.zeros((k, columns), dtype=np.intp)
    kept: list[Array] = []
    size = columns
    for t, running in enumerate([*batch.sizes, 0]):
        if running < size:
            ended, known = slice(running, size), min(history, t)
            last = message[..., ended] + (arcs.end[:, None] if t else 0.0)
            # Candidates in the order of their ties: the newest state first, the rank last.
            last = last.reshape(k, *(states,) * known, size - running)
            last = last.transpose(*range(known, -1, -1), known + 1).reshape(-1, size - running)
            order = _first(last, k)
            values[:, ended], rank[:, ended] = np.take_along_axis(last, order, axis=0), order % k
            newest_first = np.unravel_index(order // k, (states,) * known) if known else ()
            for back, chosen in enumerate(newest_first, 1):
                found[t - back, :, ended] = chosen
            size = running
        if not running:
            break
        table = arcs.tables[arcs.which(t)]
        message = message.reshape(k, *table.shape[:2], -1)[..., :size].swapaxes(0, 1)
        paths = (message[:, :, :, None] + table[:, None, ..., None]).reshape(-1, *table.shape[1:], size)
        kept.append(_first(paths, k))
        message = np.take_along_axis(paths, kept[t], axis=0) + scores.logs(batch.rows(t))
    for t in range(len(batch.sizes), history, -1):
        size = batch.sizes[t - 1]
        others = np.zeros((k, size), dtype=np.intp)
        for then in found[t - history : t - 1, :, :size]:
            others = others * states + then
        origin = kept[t - 1][rank[:, :size], others, found[t - 1, :, :size], np.arange(size)]
        found[t - 1 - history, :, :size], rank[:, :size] = np.divmod(origin, k)
    return found, values


def _first(values: Array, k: int) -> Array:
    """The places of the k largest along the first axis; of equal ones the first come first."""
    return np.argsort(-values, axis=0, stable=True)[:k]
