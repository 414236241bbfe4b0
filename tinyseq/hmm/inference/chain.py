"""The one recurrence of the package: forward, Viterbi, k best, entropy and sampling, for every n-gram order.

A chain of hidden states s_1, s_2, ... scores a path by an initial table, a transition into every further state, and an
emission score for every observation. The *message* after t observations has one axis for each of the last n - 1 states:
in the log semiring it holds log P(o_1..o_t, s_{t-n+2}..s_t), in the max semiring the score of the best path that ends
in these states. Each observation extends all paths by one state, and drops the oldest:

    message'[s_2, ..., s_n] = sum over s_1 of  message[s_1, ..., s_{n-1}] x transition[s_1, ..., s_n]  x  emission[s_n]

The sum runs over the first axis only, so a step costs K^n for n-grams of states. Before the first observation the
history is the start of the sequence, which counts as a single state: its axes have length 1, and so have those of the
tables of the first n - 1 steps. So short sequences are not a special case.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tinyseq.autograd.modes import scope, step
from tinyseq.autograd.ops.elementwise.choice import where
from tinyseq.autograd.ops.moves.shape import reshape
from tinyseq.autograd.tensor import Tensor, TensorLike, constant, constant_like
from tinyseq.backend import host_array, namespace_of
from tinyseq.hmm.inference.chain_arguments import as_precise_as, checked, in_double, warn_of_probabilities
from tinyseq.hmm.inference.known import any_possible
from tinyseq.hmm.inference.semirings import LOG, MAX, Semiring, Value
from tinyseq.hmm.inference.unread import with_unread

Initial = TensorLike | tuple[TensorLike, ...]


def chain(
    initial: Initial,
    transition: TensorLike,
    emission: TensorLike,
    end: TensorLike | None = None,
    *,
    semiring: Semiring = LOG,
    lengths: Sequence[int] | None = None,
) -> Tensor:
    """Sum the weights of all paths, in any semiring and for any n-gram order, with ordinary differentiable ops.

    (Goodman, 1999: one recurrence, many semirings. The lectures' Viterbi and forward tables are two of them.)

    Scores are log probabilities, or probabilities for `SUM_PRODUCT` and `MAX_PRODUCT`. They need not sum to one.
    Scores in single precision are added up in double precision.

    Args:
        initial: scores of the first state (K,); for n > 2 a tuple of n - 1 tables, (K,), (K, K), ..., where the i-th
            holds the score of the i-th state given the i - 1 before it.
        transition: (K,) * n, oldest state first; or (T - n + 1,) + (K,) * n, one table for each step that has a full
            history; the first of these is the transition into the n-th state. Each sequence of a batch may have tables
            of its own, (T - n + 1, B) + (K,) * n; (1, B) + (K,) * n if these do not vary with time.
        emission: the score of each observation in each state, (T, K), or (T, B, K) for a batch.
        end: (K,), the score of stopping after the last state.
        semiring: defines sum and product.
        lengths: (B,), the number of observations of each sequence of a batch; entries of ``emission`` beyond a length
            are ignored.

    Returns:
        The sum over all paths: a number, or (B,). An empty sequence has one path, the empty one, to which
        ``end`` does not apply. Scores that no path reads have the gradient 0. The extra axes of a semiring's
        weights (`KBest`) come first.

    Raises:
        ValueError: if the shapes do not fit each other.
        TypeError: if lengths are not whole numbers.

    Example:
        >>> import tinyseq as ts
        >>> from tinyseq.hmm.inference.semirings import MAX_PRODUCT, SUM_PRODUCT
        >>> initial, transition = [0.1, 0.2, 0.7], [[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.6, 0.2, 0.2]]
        >>> i_like_cats = [[0.2, 0.1, 0.4], [0.1, 0.8, 0.3], [0.7, 0.1, 0.3]]
        >>> chain(initial, transition, i_like_cats, semiring=MAX_PRODUCT)
        tensor(0.012544)
        >>> chain(initial, transition, i_like_cats, semiring=SUM_PRODUCT)
        tensor(0.037436)
    """
    scores = checked(initial, transition, emission, end, semiring, lengths)
    tables, transition, emission, end = in_double(*scores)
    if semiring in (LOG, MAX):
        warn_of_probabilities(tables, transition, "pass np.log(...), or semiring=SUM_PRODUCT or MAX_PRODUCT")
    steps = emission.shape[0]
    stops = np.full(emission.shape[1:-1][int(semiring.pairs) :], steps) if lengths is None else host_array(lengths)
    if any_possible(stops < steps):
        emission = _without_padding(emission, stops, semiring)
    # ended[t]: which sequences have t observations, and so all of them in the message at t
    total, ended = None, stops == np.arange(steps + 1).reshape(-1, *(1,) * stops.ndim)
    now, n, longest = constant_like(emission, ended), len(tables) + 1, 0
    for t, message in enumerate(messages(tables, transition, emission, semiring=semiring)):
        if any_possible(ended, t):
            whole, longest = _finished(message, end if t else None, semiring, n), t
            total = whole if total is None else where(now[t], whole, total)
    if total is None:  # a batch of no sequences
        total = _finished(_beginning(semiring, emission, n), None, semiring, n)
    read = (*(longest > i for i in range(n - 1)), longest >= n, longest > 0, longest > 0)
    unread = [part for part, was in zip((*tables, transition, emission, end), read, strict=True) if not was]
    return as_precise_as(with_unread(_still_if_impossible(total, semiring), unread), *scores)


def messages(
    initial: Initial, transition: TensorLike, emission: TensorLike, *, semiring: Semiring = LOG
) -> Iterator[Tensor]:
    """Yield the message after 0, 1, ..., T observations: the columns of the trellis.

    Args:
        initial, transition, emission, semiring: as for `chain`.

    Yields:
        Messages with n - 1 state axes, after the axes of the semiring and of the batch. Before the (n - 1)-th state,
        the axes of the missing states have length 1.

    Raises:
        ValueError: if the shapes do not fit each other.

    Example:
        >>> from tinyseq.hmm.inference.semirings import MAX_PRODUCT
        >>> columns = messages([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[1.0, 0.5], [0.5, 1.0]], semiring=MAX_PRODUCT)
        >>> [column.tolist() for column in columns]
        [[1.0], [0.5, 0.25], [0.225, 0.2]]
    """
    tables, transition, emission, _ = checked(initial, transition, emission, None, semiring, None)
    n = len(tables) + 1
    varies = transition.ndim - semiring.pairs > n
    message = _beginning(semiring, emission, n)
    yield message
    for t in range(emission.shape[0]):
        with scope("chain"), step(t):
            if t < n - 1:
                arcs = _behind_the_beginning(tables[t], n, semiring)
            else:
                arcs = transition[min(t - n + 1, transition.shape[0] - 1)] if varies else transition
            message = semiring.sum(semiring.times(message[..., None], arcs), -n)
            message = semiring.times(message, _aligned(emission[t], n))
        yield message


def _beginning(semiring: Semiring, emission: Tensor, n: int) -> Value:
    """The message before any observation: the empty path."""
    xp = namespace_of(emission._array)
    one = xp.asarray(semiring.one, dtype=emission.dtype)
    batch = emission.shape[1 + semiring.pairs : -1]
    column = xp.reshape(one, one.shape + (1,) * (len(batch) + n - 1))
    return constant(xp.broadcast_to(column, one.shape + batch + (1,) * (n - 1)))


def _without_padding(emission: Tensor, stops: Any, semiring: Semiring) -> Tensor:
    """Set emission scores beyond each sequence's length to 0, so that not even NaN there can reach a gradient."""
    inside = np.arange(emission.shape[0]).reshape(-1, *(1,) * stops.ndim) < stops
    inside = inside.reshape(inside.shape[:1] + (1,) * int(semiring.pairs) + inside.shape[1:] + (1,))
    return where(constant_like(emission, inside), emission, 0.0)


def _behind_the_beginning(table: Tensor, n: int, semiring: Semiring) -> Value:
    """A table of one of the first n - 1 steps, with axes of length 1 for the states before the start."""
    own = int(semiring.pairs)
    missing = (1,) * (n - table.ndim + own)
    return reshape(table, table.shape[:own] + missing + table.shape[own:])


def _aligned(score: Tensor, n: int) -> Value:
    """Emission scores (..., K), with axes of length 1 for the n - 2 older states of a message."""
    return reshape(score, score.shape[:-1] + (1,) * (n - 2) + score.shape[-1:]) if n > 2 else score


def _finished(message: Value, end: Tensor | None, semiring: Semiring, n: int) -> Value:
    """Sum a message over its states, oldest first."""
    if end is not None:
        message = semiring.times(message, end)
    for axis in range(1 - n, 0):
        message = semiring.sum(message, axis)
    return message


def _still_if_impossible(total: Tensor, semiring: Semiring) -> Tensor:
    """The sum over paths, with gradient 0 where its log is -inf: small changes of the scores do not make it finite."""
    if semiring.zero != -np.inf:
        return total
    possible = total.detach() != semiring.zero
    if isinstance(possible._array, np.ndarray) and possible._array.all():  # reading is free only on the host
        return total
    return where(possible, total, semiring.zero)
