"""Forward and backward in log space: slower than `tinyseq.hmm.inference.passes.scaled`, but safe for any scores.

A step is a log-sum-exp, so that no term that matters underflows.
"""

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.batching import Index
from tinyseq.hmm.inference.passes.recurrence import Forward, SumOverPaths


class LogSpace(SumOverPaths):
    """A message holds the log of the sum over all paths to each history, relative to the largest."""

    def joined(self, weights: Array) -> Array:
        """See `Recurrence`."""
        return log_sum(weights, 0)

    def rescaled(self, message: Array, t: int, rows: Index, log_scale: Array, unsafe: Array) -> Array:
        """See `Recurrence`; small numbers keep their precision."""
        scale, _ = self.rescale(message)
        log_scale += scale
        return scale

    def log_likelihood(self, done: Forward) -> Array:
        """The log-likelihood of each column."""
        return done.total + done.log_scale

    def posterior(self, message: Array, behind: Array, weight: Array) -> Array:
        """See `SumOverPaths`; also shifts the backward message so that the posteriors sum to one."""
        whole = message + behind
        norm = log_sum(whole.reshape(-1, whole.shape[-1]), 0)
        norm[norm == -np.inf] = 0.0
        behind -= norm
        return np.exp(whole - norm) * weight[: whole.shape[-1]]

    def receded(self, before: Array, behind: Array, number: int, uses: Array | None, weight: Array) -> Array:
        """See `SumOverPaths`."""
        columns = behind.shape[-1]
        paths = self.arcs.by_column(number, columns) + behind
        if uses is not None and uses.ndim == 4:
            uses[..., :columns] += np.exp(before[:, :, None] + paths) * weight[:columns]
        elif uses is not None:
            uses += np.exp(before[:, :, None] + paths) @ weight[:columns]
        return log_sum(paths, 2)


def log_sum(x: Array, axis: int) -> Array:
    """log(sum(exp(x))) along an axis; -inf where all is -inf."""
    top = x.max(axis=axis, keepdims=True)
    top[top == -np.inf] = 0.0
    with np.errstate(divide="ignore"):
        return np.log(np.exp(x - top).sum(axis=axis)) + np.squeeze(top, axis=axis)
