"""Conditional random fields: the best sequence of labels, not a sequence of best labels (Lafferty and others, 2001).

A network gives each label a score at each position; the field adds a score for each pair of adjacent labels. The
sum over all label sequences is the chain of the HMM package. So the gradient of the sum is the posterior, and that of
the best sequence's score is the sequence.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyseq.arguments import check_flags, whole
from tinyseq.autograd.backward import grad
from tinyseq.autograd.modes import enable_grad, scope, step
from tinyseq.autograd.ops.elementwise.choice import where
from tinyseq.autograd.ops.moves.index import getitem
from tinyseq.autograd.ops.moves.parts import concatenate, stack, unbind
from tinyseq.autograd.ops.moves.shape import expand_dims, swapaxes
from tinyseq.autograd.ops.reduce import sum as total
from tinyseq.autograd.tensor import Tensor, TensorLike, constant, constant_like
from tinyseq.backend import Array, frozen, host_array, is_array, is_half, made_once, namespace_of, recorded_whole
from tinyseq.hmm import best_score, chain, log_partition
from tinyseq.hmm.inference.known import all_known
from tinyseq.nn import init
from tinyseq.nn.chains.chunk_rules import Pair
from tinyseq.nn.checks import as_ids, as_lengths, as_numbers, check_ids
from tinyseq.nn.module import Module
from tinyseq.torch_names.other_names import CRF as NAMES
from tinyseq.torch_names.settings import explained

Tables = tuple[Tensor, Tensor, Tensor]
Mask = ArrayLike | None  # True where a step is real
Floats = NDArray[np.floating[Any]]
Lengths = Sequence[int] | NDArray[np.integer[Any]]
Reduction = Literal["none", "sum", "mean", "token_mean"]


class CRF(Module):
    r"""A linear-chain conditional random field over the scores of a network.

    score(y | x) = start[y_1] + sum_t scores[t, y_t] + sum_t transition[y_{t-1}, y_t] + end[y_T], and
    log P(y | x) = score(y | x) - log sum over all y' of exp score(y' | x).

    Args:
        num_tags: K labels.
        forbidden: pairs (from, to) of labels that cannot follow each other, such as `bio_rules` gives.
        forbidden_start: labels that no sequence begins with.
        forbidden_end: labels that no sequence ends with.
        dtype: of the parameters.
        batch_first: batches are (B, T, K), and their tags and masks (B, T).

    Attributes:
        start: (K,), the score of beginning with a label.
        transition: (K, K), the score of going from a label (row) to another (column).
        end: (K,), the score of ending with a label.

    Raises:
        ValueError: ``num_tags`` is below 1.
        IndexError: a forbidden label lies outside [0, K).

    Source: Lafferty, McCallum and Pereira (2001).

    Example:
        >>> import tinyseq as ts
        >>> crf = ts.nn.CRF(2, forbidden=[(0, 1)])
        >>> scores = ts.tensor([[2.0, 0.0], [0.0, 1.0]])  # label by label, 0 and 1 would be best
        >>> crf.decode(scores)
        [0, 0]
    """

    _other_names: ClassVar[dict[str, str]] = NAMES

    def __init__(
        self,
        num_tags: int,
        forbidden: Iterable[Pair] = (),
        forbidden_start: Iterable[int] = (),
        forbidden_end: Iterable[int] = (),
        dtype: str = "float32",
        batch_first: bool = False,
    ) -> None:
        num_tags = whole("num_tags", num_tags)
        check_flags(batch_first=batch_first)
        self.num_tags, self.batch_first = num_tags, batch_first
        self.start = init.uniform((num_tags,), 0.1, dtype)
        self.transition = init.uniform((num_tags, num_tags), 0.1, dtype)
        self.end = init.uniform((num_tags,), 0.1, dtype)
        self._open_start = _open("forbidden_start", (num_tags,), [(tag,) for tag in forbidden_start])
        self._open_end = _open("forbidden_end", (num_tags,), [(tag,) for tag in forbidden_end])
        self._open_transition = _open("forbidden", (num_tags, num_tags), forbidden)

    def tables(self) -> Tables:
        """Start, transition and end with -inf where something is forbidden."""
        return (
            _closed(self.start, self._open_start),
            _closed(self.transition, self._open_transition),
            _closed(self.end, self._open_end),
        )

    @explained
    def log_likelihood(
        self,
        scores: TensorLike,
        tags: ArrayLike | Sequence[ArrayLike],
        lengths: Lengths | None = None,
        *,
        mask: Mask = None,
        reduction: Reduction = "none",
        by_step: bool = False,
    ) -> Tensor:
        """log P(tags | scores); its negative mean is the loss to train with.

        Args:
            scores: (T, K), or (T, B, K) for a batch.
            tags: (T,) or (T, B) ids in [0, K); ids beyond a length are ignored.
            lengths: (B,), the length of each sequence of a batch, from 1 to T.
            mask: instead of lengths, which positions of a batch (T, B) are real; each sequence's first ones.
            reduction: ``"none"``, one number for each sequence; their ``"sum"`` or ``"mean"``; or ``"token_mean"``, the
                sum divided by the number of real positions.
            by_step: compute step by step, by ops that carry their step: slower, but open to inspection. A drawing has a
                column for each step, and ``ts.inspect.grad_by_step`` gives for the transitions at each step the pair
                observed minus the pairs expected.

        Returns:
            A number, or (B,) without reduction. Scores that are NaN or plus infinity give NaN, so that a training loop
            can say where they come from. So does, on a GPU, a sequence whose paths all score -inf: on the host that is
            an error, but a GPU's values are not read back.

        Raises:
            ValueError: if tags use a forbidden pair, with the sequence, the position and the pair.
            ValueError, IndexError, TypeError: for shapes, lengths, ids or values that do not fit, with the value.
        """
        if reduction not in get_args(Reduction):
            raise ValueError(f"reduction must be one of {', '.join(get_args(Reduction))}, got {reduction!r}")
        batch, stops, real = self._batch(scores, lengths, mask)
        ids = as_ids(tags, "tags")
        single = ids.ndim == 1
        ids = ids.T if self.batch_first and not single else ids
        ids = ids[:, None] if single else ids
        if ids.shape != real.shape:
            raise ValueError(
                f"tags must have one id for each of {real.shape[:2]} rows (T, B) of scores, got {ids.shape}"
            )
        ids = np.where(real, ids, 0)
        check_ids(ids, self.num_tags, "tags")
        self._check_allowed(ids, real)
        start, transition, end = self.tables()
        here = batch.device == "cpu"  # on a GPU log_partition passes NaN on
        by_step = by_step or (here and not _are_numbers(batch, start, transition, end))  # the ops of which pass NaN on
        observed, over_all_paths = (_observed_by_step, chain) if by_step else (_observed, log_partition)
        path = observed(batch, ids, real, (start, transition, end))
        totals = over_all_paths(start, transition, batch, end, lengths=stops)
        if here:
            _check_possible(host_array(totals._array))
        found: Tensor = path - totals
        if reduction == "none":
            return found[0] if single else found
        count = {"sum": 1, "mean": len(stops), "token_mean": real.sum()}[reduction]
        share = 1 / np.maximum(count, 1)  # of no sequences too, the mean is 0, as in the losses
        wide = found.to("float32") if is_half(found) else found  # the sum may be infinite where its share is not
        return (total(wide) * (constant_like(wide, share) if is_array(share) else float(share))).to(found.dtype)

    @explained
    def decode(self, scores: TensorLike, lengths: Lengths | None = None, *, mask: Mask = None) -> list[Any]:
        """The most probable tags; of equally good ones, those with the lowest last tag, and so on backward.

        Args:
            scores, lengths, mask: as for `log_likelihood`.

        Returns:
            A list of ids, or for a batch a list of such lists, each of its sequence's length.

        Raises:
            ValueError, TypeError: for shapes, lengths or scores that do not fit, or a sequence for which all tags are
                forbidden.
        """
        batch, stops, _ = self._batch(scores, lengths, mask)
        slope = self._slope(best_score, batch, stops)  # the gradient of the best score is its path
        path = host_array(namespace_of(slope).argmax(slope, axis=-1))
        tags = [column[:stop].tolist() for column, stop in zip(path.T, stops, strict=True)]
        return tags[0] if constant(scores).ndim == 2 else tags

    @explained
    def marginals(self, scores: TensorLike, lengths: Lengths | None = None, *, mask: Mask = None) -> Floats:
        """P(tag at each position | scores), shaped as ``scores``; zeros beyond a length.

        Args:
            scores, lengths, mask: as for `log_likelihood`.

        Raises:
            ValueError, TypeError: as for `decode`.
        """
        batch, stops, _ = self._batch(scores, lengths, mask)
        found: Floats = host_array(self._slope(log_partition, batch, stops))
        if constant(scores).ndim == 2:
            return found[:, 0]
        return found.swapaxes(0, 1) if self.batch_first else found

    def _batch(self, scores: TensorLike, lengths: Any, mask: Any) -> tuple[Tensor, Any, Any]:
        """See `_batch`; and the lengths that a mask says."""
        if self.batch_first:
            scores = as_numbers(scores, constant(0.0), "scores")
            scores = swapaxes(scores, 0, 1) if scores.ndim == 3 else scores
        if mask is not None:
            if lengths is not None:
                raise ValueError("give mask or lengths, not both")
            lengths = _lengths_of(mask, constant(scores).shape[:-1], self.batch_first)
        return _batch(scores, lengths, self.num_tags)

    def _check_allowed(self, ids: Any, real: Any) -> None:
        """Raise ValueError for the first sequence whose tags (T, B) use what is forbidden: its loss would be inf."""
        wrong = _forbidden(namespace_of(ids), ids, real, self._open_start, self._open_transition, self._open_end)
        if not wrong.any():
            return
        sequence = int(wrong.any(axis=0).argmax())
        position, last = int(wrong[:, sequence].argmax()), int(real[:, sequence].sum()) - 1
        tags = ids[:, sequence].tolist()
        pair = f"tag {tags[position]} begins it" if not position else f"tag {tags[last]} ends it"
        if 0 < position <= last:
            pair = f"tag {tags[position]} follows tag {tags[position - 1]}"
        raise ValueError(
            f"tags of sequence {sequence}, position {min(position, last)}: {pair}, which the CRF forbids; correct the "
            "tags, or the rules (ts.data.convert_tags goes between IOB1, BIO and BIOES)"
        )

    def _slope(self, over_paths: Callable[..., Tensor], batch: Tensor, stops: Any) -> Array:
        """The gradient with respect to the scores of a sum over all paths, where the scores are."""
        with enable_grad():
            leaf = batch.detach().requires_grad_()
            start, transition, end = (table.detach() for table in self.tables())
            if batch.device == "cpu":
                _check_numbers(leaf, start, transition, end)
            found = over_paths(start, transition, leaf, end, lengths=stops)
            totals = found.numpy()
            if not (totals < np.inf).all():  # on a GPU the totals tell
                _check_numbers(leaf, start, transition, end)
            _check_possible(totals)
            slope: Tensor = grad(found.sum(), leaf)
        return slope._array


def _lengths_of(mask: Any, shape: tuple[int, ...], batch_first: bool) -> Any:
    """The lengths (B,) given by the mask (T, B) of a batch."""
    real = host_array(mask._array if isinstance(mask, Tensor) else mask)
    real = real.T if batch_first else real
    if real.shape != shape or len(shape) != 2 or real.dtype.kind not in "bui":
        axes = "(B, T)" if batch_first else "(T, B)"
        wanted = shape[::-1] if batch_first else shape
        raise ValueError(f"mask must say of each position {axes} = {wanted} whether it is real, got {mask!r}")
    real = real.astype(bool)
    if (real[1:] & ~real[:-1]).any() or not real[:1].all():
        column = int(((real[1:] & ~real[:-1]).any(axis=0) | ~real[0]).argmax())
        raise ValueError(
            f"mask must be true for the first positions of each sequence; that of sequence {column} is not"
        )
    return real.sum(axis=0)


def _batch(scores: TensorLike, lengths: Any, tags: int) -> tuple[Tensor, Any, Any]:
    """Scores (T, B, K), on the host with zeros in the padding, lengths (B,), and which rows (T, B) are real."""
    scores = as_numbers(scores, constant(0.0), "scores")
    if scores.ndim not in (2, 3) or scores.shape[-1] != tags or not scores.shape[0]:
        raise ValueError(f"scores must have shape (T, {tags}) or (T, B, {tags}) with T >= 1, got {scores.shape}")
    if scores.ndim == 2:
        if lengths is not None:
            raise ValueError("lengths go with a batch of scores (T, B, K); cut a single sequence to its length")
        scores = expand_dims(scores, 1)
    steps, size = scores.shape[:2]
    stops = np.full(size, steps) if lengths is None else as_lengths(lengths, size, steps)
    real = np.arange(steps)[:, None] < stops
    if scores.device == "cpu" and not all_known(real):  # on a GPU nobody looks at the padding
        scores = where(constant_like(scores, real[:, :, None]), scores, 0.0)
    return scores, stops, real


def _observed(batch: Tensor, ids: Any, real: Any, tables: Tables) -> Tensor:
    """The score of one path (T, B) in each sequence of a batch."""
    start, transition, end = tables
    nothing = Tensor(namespace_of(batch._array).zeros(1, dtype=batch.dtype))
    scores = concatenate([batch.reshape(-1), transition.reshape(-1), start, end, nothing])
    # One index into all of them, which is sent to a GPU once.
    tags, columns, last = start.shape[0], np.arange(ids.shape[1]), real.sum(axis=0) - 1
    transitions = math.prod(batch.shape)
    starts, none = transitions + tags * tags, scores.shape[0] - 1
    emitted = np.where(real, np.arange(ids.size).reshape(ids.shape) * tags + ids, none)
    moved = np.where(real[1:], transitions + ids[:-1] * tags + ids[1:], none)
    ends = starts + tags + ids[last, columns]
    terms = np.concatenate([emitted, moved, starts + ids[:1], ends[None]])
    # of each sequence in a row, which NumPy adds up in pairs: one step after the other, rounding would add up, too
    rows = getitem(scores, terms.T.reshape(-1)).reshape(terms.shape[::-1])
    return total(rows, axis=1)


def _observed_by_step(batch: Tensor, ids: Any, real: Any, tables: Tables) -> Tensor:
    """The same, from what each step adds."""
    start, transition, end = tables
    columns, last = np.arange(ids.shape[1]), real.sum(axis=0) - 1
    parts = []
    for t, scores in enumerate(unbind(batch)):
        with scope("path"), step(t):
            part = getitem(scores, (columns, ids[t]))
            part = part + (getitem(transition, (ids[t - 1], ids[t])) if t else getitem(start, ids[0]))
            parts.append(part if all_known(real, t) else where(constant_like(batch, real[t]), part, 0.0))
    return total(stack(parts), axis=0) + getitem(end, ids[last, columns])


def _check_numbers(scores: Tensor, *tables: Tensor) -> None:
    """Raise ValueError for the first NaN or plus infinity, with its position."""
    if _are_numbers(scores, *tables):
        return
    for name, part in zip(("scores", "start", "transition", "end"), (scores, *tables), strict=True):
        for place in np.argwhere(~(part.numpy() < np.inf)).tolist()[:1]:
            value = part.numpy()[tuple(place)]
            raise ValueError(f"{name} of the CRF is {value} at {tuple(place)}; has the training diverged?")


def _are_numbers(*parts: Tensor) -> bool:
    """Whether nothing is NaN or plus infinity; minus infinity is a score like any other."""
    xp = namespace_of(parts[0]._array)
    # One answer for all parts, as each one that is read makes a GPU wait.
    return bool(xp.all(xp.stack([xp.all(part._array < math.inf) for part in parts])))


@recorded_whole
def _forbidden(xp: Any, ids: Any, real: Any, start: Any, transition: Any, end: Any) -> Any:
    """Where tags (T, B) use what is not open.

    Row t is what stands between positions t - 1 and t; the first row begins, and the row after the last ends.
    """
    steps, columns = real.sum(axis=0), np.arange(ids.shape[1])
    wrong = np.zeros((len(ids) + 1, len(columns)), dtype=bool)
    wrong[0] = ~start[ids[0]]
    wrong[1:-1] = ~transition[ids[:-1], ids[1:]] & real[1:]
    wrong[steps, columns] |= ~end[ids[steps - 1, columns]]
    return wrong


def _check_possible(totals: Any) -> None:
    """Raise ValueError for the first sum over all paths, of (B,), that is -inf."""
    wrong = totals == -np.inf
    if wrong.any():
        sequence = int(wrong.argmax())
        raise ValueError(f"sequence {sequence} has no tags that are allowed: every path is forbidden or scores -inf")


def _open(name: str, shape: tuple[int, ...], forbidden: Iterable[tuple[int, ...]]) -> Any:
    """Which entries of a table are allowed."""
    allowed = np.ones(shape, dtype=bool)
    for place in forbidden:
        if not (isinstance(place, tuple | list) and len(place) == len(shape)):
            raise TypeError(f"{name} must hold pairs (from, to) of tags, got {place!r}")
        tags = tuple(whole(name, tag, None) for tag in place)
        if not all(0 <= tag < side for tag, side in zip(tags, shape, strict=True)):
            raise IndexError(f"{name} holds {tags if len(tags) > 1 else tags[0]}, which lies outside [0, {shape[0]})")
        allowed[tags] = False
    return frozen(allowed)


def _closed(table: Tensor, allowed: Any) -> Tensor:
    """The table with -inf where something is forbidden."""
    if allowed.all():
        return table
    xp = namespace_of(table._array)
    return where(Tensor(made_once(allowed, xp, xp.asarray)), table, -math.inf)
