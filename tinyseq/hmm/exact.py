"""Forward and backward in logs: slower than `tinyseq.hmm.scaled`, and without limits.

The same walk; a step is a sum of exponentials relative to the largest term, so that nothing underflows that matters.
"""

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.ragged import Ragged
from tinyseq.hmm.tables import Arcs, Forward, Scores


class Exact:
    """The passes for one chain and one set of emission scores.

    Args:
        arcs: the tables.
        scores: the emission scores.
    """

    def __init__(self, arcs: Arcs, scores: Scores) -> None:
        self.arcs = arcs
        self.scores = scores

    def forward(self, batch: Ragged, keep: bool = False) -> Forward:
        """As `Scaled.forward`; messages are logs, nothing is scaled, and all is safe."""
        size = len(batch.order)
        message, total = np.zeros((1, 1, size)), np.zeros(size)
        messages = [message]
        for t, running in enumerate([*batch.sizes, 0]):
            if running < size:
                ended = message[..., running:] + (self.arcs.end[:, None] if t else 0.0)
                total[running:size] = log_sum(ended.reshape(-1, size - running), axis=0)
                size = running
            if not running:
                break
            table = self.arcs.tables[self.arcs.which(t)]
            message = message.reshape(*table.shape[:2], -1)[..., :size]
            message = log_sum(message[:, :, None] + table[..., None], axis=0) + self.scores.logs(batch.rows(t))
            if keep:
                messages.append(message)
        return Forward(batch, total, total, messages, [], np.zeros(len(total), dtype=bool))

    def backward(self, ahead_of: Forward, weight: Array, states: Array | None, counts: list[Array]) -> Array:
        """As `Scaled.backward`."""
        batch, messages = ahead_of.batch, ahead_of.messages
        total = np.where(ahead_of.total > -np.inf, ahead_of.total, 0.0)
        stops = np.zeros(self.arcs.end.shape)
        ahead = np.zeros((1, 1, 0))
        for t in reversed(range(len(batch.sizes))):
            size, number = batch.sizes[t], self.arcs.which(t)
            table, message = self.arcs.tables[number], messages[t + 1]
            block = np.empty_like(message)
            still = ahead.shape[-1]
            block[..., :still] = ahead.reshape(*message.shape[:2], still)
            block[..., still:] = self.arcs.end[:, None]
            share, norm = weight[:size], total[:size]
            posterior = np.exp(message + block - norm).sum(axis=0) * share
            stops += posterior[:, still:].sum(axis=1)
            rows = batch.rows(t)
            if states is not None:
                states[rows] = posterior.T
            block = block + self.scores.logs(rows)
            before = messages[t].reshape(*table.shape[:2], -1)[..., :size]
            paths = table[..., None] + block
            counts[number] += np.exp(before[:, :, None] + paths - norm) @ share
            ahead = log_sum(paths, axis=2)
        return stops


def log_sum(x: Array, axis: int) -> Array:
    """log(sum(exp(x))) along an axis; -inf where all is -inf."""
    top = x.max(axis=axis, keepdims=True)
    top[top == -np.inf] = 0.0
    with np.errstate(divide="ignore"):
        return np.log(np.exp(x - top).sum(axis=axis)) + np.squeeze(top, axis=axis)
