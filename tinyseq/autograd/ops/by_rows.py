"""Cross entropy on NumPy arrays, in blocks of rows, so that temporaries fit the processor's cache."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyseq.backend import Array

BLOCK = 1 << 15  # elements


def losses(xp: Any, logits: Array, targets: Array) -> Array:
    """-log softmax(logits)[target] of each row; targets must lie in the range of the classes."""
    if xp.whole is not None:
        return xp.whole(losses, logits, targets)
    rows, ids = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    found = np.empty(ids.shape, dtype=logits.dtype)
    for block in _blocks(rows):
        rest = np.empty_like(rows[block])
        top = _less_the_largest(rows[block], rest)
        picked = rest[np.arange(len(rest)), ids[block]]
        total = _total(rest, top)
        found[block] = np.log(np.where(total == 0, 1, total)) - picked
    return found.reshape(targets.shape)


def gradient(xp: Any, g: Array, logits: Array, targets: Array) -> Array:
    """g (softmax(logits) - the target as a one-hot row); 0 where all of a row is -inf."""
    if xp.whole is not None:
        return xp.whole(gradient, g, logits, targets)
    rows, ids, upstream = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), g.reshape(-1)
    found = np.empty(rows.shape, dtype=logits.dtype)
    for block in _blocks(rows):
        share = found[block]
        total = _total(share, _less_the_largest(rows[block], share))
        arrived = np.where(total == 0, 0, upstream[block])
        share *= (arrived / np.where(total == 0, 1, total))[:, None]
        share[np.arange(len(share)), ids[block]] -= arrived
    return found.reshape(logits.shape)


def _blocks(rows: Array) -> Iterator[slice]:
    size = max(1, BLOCK // max(1, rows.shape[1]))
    return (slice(start, start + size) for start in range(0, len(rows), size))


def _less_the_largest(rows: Array, rest: Array) -> Array:
    """Write each row minus its largest element to ``rest`` (0 for +inf), and return the largest elements."""
    top = rows.max(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf, for which fmin has 0; and -1e308 - 1e308
        if np.isfinite(top).all():
            np.subtract(rows, top, out=rest)
        else:
            np.fmin(rows - np.maximum(top, np.finfo(rows.dtype).min), 0, out=rest)
    return top[:, 0]


def _total(rest: Array, top: Array) -> Array:
    """Exponentiate ``rest`` in place, and sum each row: 0 if all are -inf, NaN if any is NaN."""
    total = np.exp(rest, out=rest).sum(axis=-1)
    return np.where(np.isnan(top), top, total)
