"""Decoding of CTC outputs to labels: the best path, or prefix beam search."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyseq.arguments import whole
from tinyseq.autograd.tensor import TensorLike, constant
from tinyseq.nn.checks import as_ids, as_numbers, check_ids
from tinyseq.torch_names.settings import explained

Prefix = tuple[int, ...]
Ways = tuple[float, float]  # log probabilities of all alignments of a prefix that end in a blank, and in its last label


@explained
def ctc_collapse(path: ArrayLike, blank: int = 0) -> list[int]:
    """The labels of an alignment: repeats are merged, and then blanks are dropped.

    Args:
        path: (T,) ids, one for each step.
        blank: the id that stands for no label.

    Returns:
        The labels.

    Raises:
        ValueError, IndexError: if the path is not a vector of ids.

    Example:
        >>> ctc_collapse([0, 3, 3, 0, 0, 3, 5])
        [3, 3, 5]
    """
    ids, blank = as_ids(path, "path"), whole("blank", blank, 0)
    if ids.ndim != 1:
        raise ValueError(f"path must have shape (T,), one id for each step, got {ids.shape}")
    check_ids(ids, np.iinfo(np.int64).max, "path")
    starts = np.diff(ids, prepend=-1) != 0
    return [int(label) for label in ids[starts & (ids != blank)]]


@explained
def ctc_decode(
    log_probs: TensorLike, lengths: Sequence[int] | None = None, blank: int = 0, width: int = 1
) -> list[Any]:
    """Decode the outputs of a network trained by `ctc_loss` to labels.

    With a width of 1, the labels of the best path: the most probable id of each step, collapsed. It need not be the
    most probable sequence of labels, whose probability may be a sum over many paths. A wider beam adds up the
    alignments of the most probable prefixes (prefix beam search).

    Args:
        log_probs: (T, B, V) log probabilities; or (T, V) for one sequence.
        lengths: (B,), the number of steps of each sequence, from 0 to T; all T if None.
        blank: the id that stands for no label.
        width: how many prefixes are followed.

    Returns:
        A list of labels, or for a batch a list of such lists.

    Raises:
        ValueError, TypeError: for shapes, lengths or values that do not fit, with the value.

    Source: Graves and others (2006), section 3.2; Hannun (2017), Sequence modeling with CTC.

    Example:
        >>> import numpy as np
        >>> import tinyseq as ts
        >>> log_probs = np.log([[0.6, 0.4], [0.6, 0.4]])
        >>> ts.nn.ctc_decode(log_probs), ts.nn.ctc_decode(log_probs, width=2)  # 0.36 for none, 0.64 for one label
        ([], [1])
    """
    given = as_numbers(log_probs, constant(0.0), "log_probs")
    if given.ndim not in (2, 3) or not given.shape[-1]:
        raise ValueError(f"log_probs must have shape (T, B, V) or (T, V), V labels and blank, got {given.shape}")
    scores = given.numpy() if given.ndim == 3 else given.numpy()[:, None]
    blank, width = whole("blank", blank, 0, scores.shape[2] - 1), whole("width", width)
    stops = as_stops("lengths", lengths, scores.shape[1], scores.shape[0])
    columns = [scores[:stop, b] for b, stop in enumerate(stops)]
    if any(np.isnan(column).any() for column in columns):
        raise ValueError("log_probs hold NaN; has the training diverged?")
    found = [
        ctc_collapse(np.argmax(column, axis=-1), blank) if width == 1 else _beam(column, blank, width)
        for column in columns
    ]
    return found if given.ndim == 3 else found[0]


def as_stops(name: str, lengths: Any, size: int, steps: int) -> NDArray[np.integer[Any]]:
    """The number of steps of each sequence of a batch, from 0 to ``steps``; a single one may be a number."""
    if lengths is None:
        return np.full(size, steps)
    given = as_ids(lengths, name).reshape(-1)
    if given.shape != (size,) or given.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must be whole numbers of shape ({size},), one for each sequence, "
            f"got shape {given.shape} of {given.dtype}"
        )
    wrong = (given < 0) | (given > steps)
    if wrong.any():
        i = int(wrong.argmax())
        raise ValueError(f"{name}[{i}] is {given[i]}, but must lie between 0 and {steps}")
    return given


def _beam(scores: NDArray[Any], blank: int, width: int) -> list[int]:
    """The most probable labels among those whose prefixes were among the best after each step."""
    beam: dict[Prefix, Ways] = {(): (0.0, -math.inf)}
    labels = [label for label in range(scores.shape[1]) if label != blank]
    for row in scores.astype(float).tolist():
        after: dict[Prefix, Ways] = {}
        for prefix, (silent, spoken) in beam.items():
            both = _added(silent, spoken)
            _put(after, prefix, both + row[blank], spoken + row[prefix[-1]] if prefix else -math.inf)
            for label in labels:  # the last label again is a new one only behind a blank
                before = silent if prefix[-1:] == (label,) else both
                _put(after, (*prefix, label), -math.inf, before + row[label])
        best = sorted(after, key=lambda prefix: (-_added(*after[prefix]), prefix))
        beam = {prefix: after[prefix] for prefix in best[:width]}
    return list(next(iter(beam)))


def _put(beam: dict[Prefix, Ways], prefix: Prefix, silent: float, spoken: float) -> None:
    before = beam.get(prefix, (-math.inf, -math.inf))
    beam[prefix] = _added(before[0], silent), _added(before[1], spoken)


def _added(a: float, b: float) -> float:
    """log(exp(a) + exp(b))."""
    low, high = (a, b) if a < b else (b, a)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
