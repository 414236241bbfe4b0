"""Connectionist temporal classification: learning labels without their alignment in time (Graves and others, 2006).

At each step a network gives the probability of each label, and of the *blank*, which stands for no label. An alignment
chooses one of them at each step. It stands for the labels that are left when repeats are merged and then blanks are
dropped, so two equal labels in a row have a blank in between. The probability of the labels is the sum over all their
alignments: a left-to-right chain through blank, label, blank, label, ..., blank, in which a blank may be left out
between two labels that differ. In the log semiring the chain gives the loss, in the max semiring the best alignment.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyseq.arguments import whole
from tinyseq.autograd.backward import grad
from tinyseq.autograd.modes import enable_grad
from tinyseq.autograd.ops.elementwise.choice import where
from tinyseq.autograd.ops.moves.index import getitem
from tinyseq.autograd.ops.moves.shape import expand_dims
from tinyseq.autograd.tensor import Tensor, TensorLike, constant, constant_like
from tinyseq.backend import NUMPY, is_recorded, namespace_of, recorded_whole, to_numpy
from tinyseq.hmm.inference.known import largest_count
from tinyseq.hmm.inference.left_to_right import left_to_right
from tinyseq.hmm.inference.semirings import LOG, MAX, Semiring
from tinyseq.nn.chains.ctc_decode import as_stops
from tinyseq.nn.checks import ROUNDING, as_ids, as_numbers, check_ids
from tinyseq.nn.losses.reduction import Reduction, reduced
from tinyseq.torch_names.settings import explained

Ids = NDArray[np.integer[Any]]


@explained
def ctc_loss(
    log_probs: TensorLike,
    targets: ArrayLike | Sequence[ArrayLike],
    input_lengths: ArrayLike | None = None,
    target_lengths: ArrayLike | None = None,
    blank: int = 0,
    reduction: Reduction = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    r"""-log P(labels), summed over all alignments of the labels in time.

    The gradient is -P(label v at step t | labels), the posterior, and before a log_softmax the prediction minus
    that. (PyTorch returns the latter as the gradient with respect to ``log_probs``; through a log_softmax the result is
    the same.)

    Args:
        log_probs: (T, B, V) log probabilities, such as those of `log_softmax`; or (T, V) for one sequence.
        targets: the labels' ids, none of them the blank: (B, S), padded with any values; or those of all sequences in
            a row; or a list with the labels of each sequence; (S,) for one sequence.
        input_lengths: (B,), the number of steps of each sequence, from 0 to T; all T if None.
        target_lengths: (B,), the number of labels of each sequence; all that are there if None.
        blank: the id that stands for no label.
        reduction: ``"none"`` for one loss per sequence, ``"sum"``, or ``"mean"`` of each loss divided by its number of
            labels (by 1 if there is none), as in PyTorch.
        zero_infinity: if labels have no alignment, because there are too few steps, their loss is 0 instead of
            infinity. Their gradient is 0 in any case.

    Returns:
        A number, or with ``reduction="none"`` one loss per sequence.

    Raises:
        ValueError, IndexError, TypeError: for shapes, lengths, ids or values that do not fit, with the value.

    Source: Graves, Fernández, Gomez and Schmidhuber (2006).

    Example:
        >>> import numpy as np
        >>> import tinyseq as ts
        >>> log_probs = np.log([[0.5, 0.5], [0.25, 0.75]])  # the label 1 as (1, 1), (blank, 1) or (1, blank)
        >>> loss = ts.nn.ctc_loss(log_probs, [1])
        >>> bool(np.isclose(np.exp(-loss.item()), 0.5 * 0.75 + 0.5 * 0.75 + 0.5 * 0.25))
        True
    """
    batch = _read(log_probs, targets, input_lengths, target_lengths, blank)
    losses = -batch.sum(LOG).to(batch.dtype)
    if zero_infinity:
        losses = where(Tensor(namespace_of(losses._array).isinf(losses._array)), 0.0, losses)
    if reduction == "mean":
        losses = losses / constant_like(losses, np.maximum(batch.counts, 1.0))
    if batch.single:
        losses = losses[0]
    return reduced(losses, np.ones(losses.shape, dtype=bool), reduction)


@explained
def ctc_align(
    log_probs: TensorLike,
    targets: ArrayLike | Sequence[ArrayLike],
    input_lengths: ArrayLike | None = None,
    target_lengths: ArrayLike | None = None,
    blank: int = 0,
) -> list[Any]:
    """The most probable alignment of known labels: the output at each step, a label or the blank.

    It is the gradient of the chain in the max semiring.

    Args:
        log_probs, targets, input_lengths, target_lengths, blank: as for `ctc_loss`.

    Returns:
        A list of T ids, or for a batch a list of such lists, each of its sequence's length. `ctc_collapse` turns an
        alignment into its labels.

    Raises:
        ValueError, IndexError, TypeError: as for `ctc_loss`, or if labels have no alignment, with the sequence.

    Example:
        >>> import numpy as np
        >>> import tinyseq as ts
        >>> log_probs = np.log([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.4, 0.3]])
        >>> ts.nn.ctc_align(log_probs, [1, 2])
        [0, 1, 2]
    """
    batch = _read(log_probs, targets, input_lengths, target_lengths, blank)
    leaf = batch.log_probs.detach().requires_grad_()
    with enable_grad():
        best = batch._replace(log_probs=leaf).sum(MAX)
        wrong = np.flatnonzero(~np.isfinite(best.numpy()))
        if len(wrong):
            b = wrong[0]
            raise ValueError(
                f"sequence {b} has no alignment: {batch.counts[b]} labels in {batch.stops[b]} steps, with a blank "
                f"between equal labels, score {best.numpy()[b]}"
            )
        path = np.argmax(grad(best.sum(), leaf).numpy(), axis=-1)
    paths = [column[:stop].tolist() for column, stop in zip(path.T, batch.stops, strict=True)]
    return paths[0] if batch.single else paths


class _Batch(NamedTuple):
    """The sequences to be aligned.

    Attributes:
        log_probs: (T, B, V), in double precision: the logs of long alignments are large numbers.
        labels: (B, U), filled up with the blank.
        stops, counts: (B,), the numbers of steps and of labels.
        blank: the id of the blank.
        dtype: what ``log_probs`` were given in.
        single: whether there was no axis for a batch.
    """

    log_probs: Tensor
    labels: Ids
    stops: Ids
    counts: Ids
    blank: int
    dtype: Any
    single: bool

    def sum(self, semiring: Semiring) -> Tensor:
        """The sum over all alignments of each sequence, (B,)."""
        states, skips = _states(namespace_of(self.labels), self.labels, self.blank)
        behind_the_last = np.arange(states.shape[1]) - 2 * self.counts[:, None]
        steps = largest_count(self.stops, self.log_probs.shape[0])
        place = (np.arange(steps)[:, None, None], np.arange(len(states))[:, None], states)
        ends = (behind_the_last == 0) | (behind_the_last == -1)
        return left_to_right(getitem(self.log_probs, place), skips, ends, self.stops, semiring=semiring)


@recorded_whole
def _states(xp: Any, labels: Ids, blank: int) -> tuple[Ids, Ids]:
    """The states of each sequence: blank, label, blank, label, ..., blank; and where one may be skipped to."""
    states = np.full((len(labels), 2 * labels.shape[1] + 1), blank)
    states[:, 1::2] = labels
    skips = np.zeros(states.shape, dtype=bool)
    skips[:, 2:] = states[:, 2:] != states[:, :-2]  # over a blank from one label to another, never over a label
    return states, skips


def _read(log_probs: TensorLike, targets: Any, input_lengths: Any, target_lengths: Any, blank: int) -> _Batch:
    """The arguments of `ctc_loss`, checked, in one form."""
    log_probs = as_numbers(log_probs, constant(0.0), "log_probs")
    if log_probs.ndim not in (2, 3) or not log_probs.shape[-1]:
        raise ValueError(f"log_probs must have shape (T, B, V) or (T, V), V labels and blank, got {log_probs.shape}")
    single, dtype = log_probs.ndim == 2, log_probs.dtype
    log_probs = (expand_dims(log_probs, 1) if single else log_probs).to("float64")
    steps, size, ids = log_probs.shape
    blank = whole("blank", blank, 0, ids - 1)
    stops = as_stops("input_lengths", input_lengths, size, steps)
    real = constant_like(log_probs, (np.arange(steps)[:, None] < stops)[:, :, None])._array
    if bool(namespace_of(real).any(real & (log_probs._array > ROUNDING))):
        largest = np.max(log_probs.numpy(), where=to_numpy(real), initial=0.0)
        raise ValueError(
            f"log_probs must be logs of probabilities, at most 0, got {largest:.4g}; "
            "apply ts.log_softmax(scores, axis=-1) first"
        )
    rows = _rows(targets, target_lengths, size)
    there = [len(row) for row in rows]
    most = max(there, default=0)
    counts = as_stops("target_lengths", there if target_lengths is None else target_lengths, size, most)
    if (counts > np.array(there)).any():
        b = int((counts > np.array(there)).argmax())
        raise ValueError(f"target_lengths[{b}] is {counts[b]}, but there are {there[b]} targets")
    if any(row.dtype.kind not in "iu" for row in rows):
        _raise_for(rows, counts, ids, blank)
    xp = next((namespace_of(part) for part in rows if is_recorded(part)), namespace_of(counts))
    width = largest_count(counts, most)
    labels = _filled_up(xp, rows, counts, width, blank)
    inside = np.arange(width) < counts[:, None]
    if (inside & ((labels < 0) | (labels >= ids) | (labels == blank))).any():
        _raise_for(rows, counts, ids, blank)
    return _Batch(log_probs, labels, stops, counts, blank, dtype, single)


@recorded_whole
def _filled_up(xp: Any, rows: Sequence[Ids], counts: Any, width: int, filler: int) -> Ids:
    """The first labels of each row, as many as its count, in one array (B, width)."""
    labels = np.full((len(rows), width), filler)
    for labels_of_one, row, count in zip(labels, rows, counts, strict=True):
        labels_of_one[:count] = row[:count]
    return labels


@recorded_whole
def _in_rows(xp: Any, labels: Ids, cuts: Ids) -> Ids:
    """Labels in a row, as an array with a row for each sequence, filled up with zeros."""
    rows = np.split(labels, cuts[:-1])
    return _filled_up(NUMPY, rows, [len(row) for row in rows], max(map(len, rows)), 0)


def _raise_for(rows: Sequence[Ids], counts: Ids, ids: int, blank: int) -> None:
    """Raise for the first label that is none."""
    for b, (row, count) in enumerate(zip(rows, counts, strict=True)):
        check_ids(row[:count], ids, f"targets of sequence {b}")
        if (row[:count] == blank).any():
            raise ValueError(f"targets of sequence {b} hold the blank, {blank}; labels are any other of the {ids} ids")


def _rows(targets: Any, counts: Any, size: int) -> list[Ids]:
    """The labels of each sequence."""
    if isinstance(targets, list | tuple) and any(np.ndim(row) for row in targets):
        rows = [as_ids(row, "targets") for row in targets]
    else:
        given = as_ids(targets, "targets")
        rows = list(given) if given.ndim == 2 else [given]
        if given.ndim == 1 and size != 1 and counts is not None:
            cuts = np.cumsum(as_ids(counts, "target_lengths").reshape(-1))
            if len(cuts) and cuts[-1] != len(given):
                raise ValueError(f"target_lengths add up to {cuts[-1]}, but there are {len(given)} targets in a row")
            rows = list(_in_rows(namespace_of(cuts), given, cuts)) if is_recorded(cuts) else np.split(given, cuts[:-1])
        elif given.ndim == 1 and size != 1:
            raise ValueError("targets of several sequences in a row need target_lengths=, to say where each one ends")
    if len(rows) != size or any(row.ndim != 1 for row in rows):
        raise ValueError(
            f"targets must have shape (B, S) with B = {size}, or be a list with the labels of each sequence, "
            f"got {len(rows)} rows of shapes {sorted({row.shape for row in rows})}"
        )
    return rows
