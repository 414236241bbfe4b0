"""Scores that no path reads, as those of empty sequences: they belong to the graph too, with gradient 0."""

from collections.abc import Iterable

import numpy as np

from tinyseq.autograd.ops.elementwise.choice import where
from tinyseq.autograd.ops.reduce import sum as total
from tinyseq.autograd.tensor import Tensor, constant_like


def with_unread(found: Tensor, unread: Iterable[Tensor | None]) -> Tensor:
    """A sum over paths, of which scores that no path reads receive the gradient 0, not None."""
    for part in unread:
        if part is not None and part.requires_grad:
            none = constant_like(found, np.ones((), dtype=bool))
            with np.errstate(invalid="ignore", over="ignore"):  # inf - inf, of scores that nobody uses
                found = where(none, found, total(part))
    return found
