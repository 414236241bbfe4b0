"""Cross entropy on NumPy arrays, in blocks of rows, so that temporaries fit the processor's cache."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from tinyseq.backend import Array

BLOCK = 1 << 17  # elements
SHORT = 128  # classes up to which one accumulator for each lane of the processor is as accurate as pairwise sums


def losses(xp: Any, logits: Array, targets: Array, kept: list[Any] | None = None) -> Array:
    """-log softmax(logits)[target] of each row; targets must lie in the range of the classes.

    If a list is given, exponentials that are proportional to each row's probabilities, and their sums, are added to it.
    """
    if xp.whole is not None:
        if kept is None:
            return xp.whole(losses, logits, targets)
        found, *exponentials = xp.whole(losses_and_exponentials, logits, targets)
        kept.append(exponentials)
        return found
    rows, ids = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    found, totals = (np.empty(ids.shape, dtype=logits.dtype) for _ in range(2))
    every = None if kept is None else np.empty(logits.shape, dtype=logits.dtype)
    for block in _blocks(rows):
        exp = np.empty(rows[block].shape, rows.dtype) if every is None else every.reshape(rows.shape)[block]
        cells = _cells(exp.shape, ids[block])
        total = _exponentials(rows[block], exp)
        picked = exp.reshape(-1)[cells]
        if _moderate(total) and _moderate(picked):
            np.log(total / picked, out=found[block])
        else:
            top = _less_the_largest(rows[block], exp)
            picked = exp.reshape(-1)[cells]
            total = _total(exp, top)
            found[block] = np.log(np.where(total == 0, 1, total)) - picked
        totals[block] = total
    if kept is not None:
        kept.append((every, totals))
    return found.reshape(targets.shape)


def losses_and_exponentials(xp: Any, logits: Array, targets: Array) -> tuple[Array, ...]:
    """The losses, followed by what `losses` keeps."""
    kept: list[Any] = []
    found = losses(xp, logits, targets, kept)
    return found, *kept[0]


def gradient(xp: Any, g: Array, logits: Array, targets: Array, kept: list[Any] | None = None) -> Array:
    """g (softmax(logits) - the target as a one-hot row); 0 where all of a row is -inf.

    What `losses` has kept is taken out of the list, and its memory becomes the gradient's; without it the exponentials
    are computed again, as for a second backward pass. Steps of a recording write to no array of another step.
    """
    recorded, kept = xp.whole is not None, [] if kept is None else kept
    try:
        every, totals = kept[-1] if recorded else kept.pop()
    except IndexError:  # taken by an earlier pass, or just now by another thread's
        again = list[Any]()
        losses(xp, logits, targets, again)
        every, totals = again[0]
    if recorded:
        return xp.whole(gradient_of_exponentials, g, targets, every, totals)
    return gradient_of_exponentials(xp, g, targets, every, totals, out=every)


def gradient_of_exponentials(
    xp: Any, g: Array, targets: Array, every: Array, totals: Array, out: Array | None = None
) -> Array:
    """The gradient from what `losses` keeps, in a new array if no other is given."""
    out = np.empty_like(every) if out is None else out
    rows, arrived = out.reshape(-1, out.shape[-1]), np.where(totals == 0, 0, g.reshape(-1))
    shares = (arrived / np.where(totals == 0, 1, totals))[:, None]
    np.multiply(every.reshape(rows.shape), shares, out=rows)
    rows.reshape(-1)[_cells(rows.shape, targets.reshape(-1))] -= arrived
    return out


def _blocks(rows: Array) -> Iterator[slice]:
    size = max(1, BLOCK // max(1, rows.shape[1]))
    return (slice(start, start + size) for start in range(0, len(rows), size))


def _cells(shape: tuple[int, ...], ids: Array) -> Array:
    """The place of each row's target in the rows one after another."""
    return np.arange(0, shape[0] * shape[1], shape[1]) + ids


def _exponentials(rows: Array, out: Array) -> Array:
    """Write exp(rows) to ``out``, and return the sum of each row."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        np.exp(rows, out=out)
        return np.einsum("ij->i", out) if out.shape[1] <= SHORT else out.sum(axis=-1)


def _moderate(sums: Array) -> bool:
    """Whether sums of exponentials are so far from 0 and from overflow that they are as accurate as any.

    Then the largest score need not be taken off first, which takes longer, and rounds. Not if a sum is NaN.
    """
    low, high = _limits(sums.dtype)
    return bool(low <= sums.min() and sums.max() <= high)


@cache
def _limits(dtype: Any) -> tuple[Any, Any]:
    high = np.finfo(dtype).max ** dtype.type(0.25)
    return 1 / high, high


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
