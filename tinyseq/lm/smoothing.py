"""Smoothing: the probability that an n-gram model keeps for n-grams it has seen, and what it leaves to shorter ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyseq.arguments import shown

Ids = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]

Shares = tuple[Floats, Floats]  # kept (G,) for each n-gram seen, left (H,) for each history


def additive(counts: Ids, history: Ids, pseudo: float = 0.0) -> Shares:
    """Relative frequency after adding k to every symbol's count, `pseudo` = k |V| in total. The rest is uniform."""
    totals = np.bincount(history, counts) + pseudo
    return counts / totals[history], pseudo / totals


def witten_bell(counts: Ids, history: Ids) -> Shares:
    """A history leaves mass in proportion to its number of distinct successors (Witten and Bell, 1991)."""
    types = np.bincount(history)
    totals = np.bincount(history, counts) + types
    return counts / totals[history], types / totals


def absolute_discount(counts: Ids, history: Ids, discount: float | None = None) -> Shares:
    """The same discount is taken from the count of every n-gram (Ney, Essen and Kneser, 1994); None is estimated."""
    if discount is None:
        once, twice = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
        discount = once / (once + 2 * twice) if once and twice else 0.5
    totals = np.bincount(history, counts)
    return (counts - discount) / totals[history], discount * np.bincount(history) / totals


SMOOTHINGS = (None, "add-k", "witten-bell", "kneser-ney")


def discounts(discount: float | Sequence[float], n: int) -> list[float]:
    """What to subtract from the counts of n-grams of the lengths 1, ..., n.

    Args:
        discount: one number for every length, or n numbers.
        n: the length of the longest n-grams.

    Returns:
        n numbers. 0 leaves nothing to the shorter history; 1 would keep nothing of what was seen once.

    Raises:
        ValueError: a number is not between 0 and 1, or there are not n of them.
        TypeError: something is not a number.

    Example:
        >>> discounts(0.75, 2)
        [0.75, 0.75]
    """
    try:
        given = np.asarray(discount, np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"discount must be a number or {n} numbers, got {shown(discount)}") from None
    if given.ndim == 0:
        if not 0 < given < 1:
            raise ValueError(f"discount must be above 0 and below 1, got {shown(discount)}")
    elif given.shape != (n,):
        raise ValueError(
            f"discount must be a number or {n} numbers, one for each length 1, ..., {n}, got {shown(discount)}"
        )
    elif not ((given >= 0) & (given < 1)).all():
        raise ValueError(f"each discount must be at least 0 and below 1, got {shown(discount)}")
    return [float(d) for d in np.broadcast_to(given, n)]
