"""Forward and backward in logs: slower than `tinyseq.hmm.inference.passes.scaled`, and without limits.

The same walk; a step is a sum of exponentials relative to the largest term, so that nothing underflows that matters.
"""

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.batching import Ragged
from tinyseq.hmm.inference.passes.score_tables import Arcs, Forward, Scores


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
        """As `Scaled.forward`; messages and scales are logs, and all is safe."""
        size = len(batch.order)
        message, total, log_scale = np.zeros((1, 1, size)), np.zeros(size), np.zeros(size)
        messages, scales = [message], []
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
            scale = _finite(message.max(axis=(0, 1)))
            message -= scale  # so that numbers stay small, and keep their digits
            log_scale[:size] += scale
            if keep:
                messages.append(message)
                scales.append(scale)
        safe = np.zeros(len(total), dtype=bool)
        return Forward(batch, total + log_scale, total, messages, scales, safe, self.arcs.end, 0)

    def backward(self, done: Forward, weight: Array, states: Array | None, counts: list[Array] | None) -> Array:
        """As `Scaled.backward`; returns the expected number of stops only."""
        batch, messages = done.batch, done.messages
        stops = np.zeros(self.arcs.end.shape)
        ahead = np.zeros((1, 1, 0))
        for t in reversed(range(len(batch.sizes))):
            size, number = batch.sizes[t], self.arcs.which(t)
            table, message = self.arcs.tables[number], messages[t + 1]
            still, share, rows = ahead.shape[-1], weight[:size], batch.rows(t)
            ends = np.broadcast_to(self.arcs.end[:, None], (*message.shape[:2], size - still))
            block = np.concatenate([ahead.reshape(*message.shape[:2], still), ends], axis=2)
            whole = message + block
            norm = _finite(log_sum(whole.reshape(-1, size), axis=0))
            posterior = np.exp(whole - norm).sum(axis=0) * share
            stops += posterior[:, still:].sum(axis=1)
            if states is not None:
                states[rows] = posterior.T
            before = messages[t].reshape(*table.shape[:2], -1)[..., :size]
            paths = table[..., None] + (block + self.scores.logs(rows))
            if counts is not None:
                counts[number] += np.exp(before[:, :, None] + paths - (norm + done.scales[t])) @ share
            ahead = log_sum(paths, axis=2)
            ahead -= _finite(ahead.max(axis=(0, 1)))
        return stops


def _finite(values: Array) -> Array:
    """Values with 0 in place of -inf."""
    return np.where(values > -np.inf, values, 0.0)


def log_sum(x: Array, axis: int) -> Array:
    """log(sum(exp(x))) along an axis; -inf where all is -inf."""
    top = x.max(axis=axis, keepdims=True)
    top[top == -np.inf] = 0.0
    with np.errstate(divide="ignore"):
        return np.log(np.exp(x - top).sum(axis=axis)) + np.squeeze(top, axis=axis)
