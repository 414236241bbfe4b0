"""Left-to-right chains: each state is reached from itself, the one before it, and perhaps the one before that.

This has been the usual model of speech since Bakis (1976), and CTC's alignments are such chains. A transition table
would be nearly all -inf, and different for each sequence; the sum of three shifted messages is equivalent:

    message'[s] = (message[s] + message[s - 1] + message[s - 2] if skips[s])  x  emission[s]

Before the first observation a path is in the first state, so it starts there or in the second.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyseq.autograd.declare import FUNCTIONS, op
from tinyseq.autograd.modes import scope, step
from tinyseq.autograd.ops.elementwise.choice import where
from tinyseq.autograd.ops.stable import logsumexp
from tinyseq.autograd.tensor import Tensor, constant, constant_like
from tinyseq.backend import host_array, recorded_whole
from tinyseq.hmm.inference.known import all_known, any_possible
from tinyseq.hmm.inference.semirings import LOG, Semiring, Value
from tinyseq.hmm.inference.unread import with_unread

_INF = float("inf")


def left_to_right(emission: Tensor, skips: Any, ends: Any, lengths: Any, *, semiring: Semiring = LOG) -> Tensor:
    """Sum the weights of all left-to-right paths that end in one of the given states.

    In the log semiring the whole recurrence is one node of the tape; in others each step is recorded.

    Args:
        emission: the score of each observation in each state, (T, B, S), time first.
        skips: (B, S), whether each state can be reached from the state two before it. A NumPy array, as are ``ends``
            and ``lengths``.
        ends: (B, S), the states in which a path may end.
        lengths: (B,), the number of observations of each sequence; entries beyond a length are ignored.
        semiring: defines sum and product.

    Returns:
        The sums (B,); extra axes of the semiring's weights (`KBest`) come first.

    Example:
        >>> import tinyseq as ts
        >>> from tinyseq.hmm.inference.semirings import COUNT
        >>> once = ts.zeros(3, 1, 2)  # from the first of two states into the second, in three steps
        >>> never, last = np.array([[False, False]]), np.array([[False, True]])
        >>> left_to_right(once, never, last, np.array([3]), semiring=COUNT).tolist()
        [3.0]
    """
    lengths = host_array(lengths)
    inside = np.arange(emission.shape[0])[:, None] < lengths
    if not all_known(inside):  # not even NaN beyond a length may reach a gradient
        emission = where(constant_like(emission, inside[:, :, None]), emission, 0.0)
    ends = constant_like(emission, ends)
    if semiring is LOG:
        messages = _messages(_beginning(emission, LOG), emission, constant_like(emission, skips))
        last = FUNCTIONS["getitem"](messages, (lengths, np.arange(len(lengths))))
        return logsumexp(where(ends, last, -_INF), axis=-1)
    return _by_step(emission, constant_like(emission, skips), ends, lengths, semiring)


def _by_step(emission: Tensor, skips: Tensor, ends: Tensor, lengths: Any, semiring: Semiring) -> Tensor:
    """The recurrence in any semiring, with ordinary differentiable ops."""
    void = _void(emission, semiring)
    total: Tensor | None = None
    for t, message in enumerate(_trellis(_beginning(emission, semiring), emission, skips, semiring)):
        if any_possible(lengths == t):
            whole = semiring.sum(where(ends, message, void), -1)
            total = whole if total is None else where(constant_like(emission, lengths == t), whole, total)
    if total is None:  # a batch of no sequences
        total = semiring.sum(void, -1)
    return with_unread(total, [] if any_possible(lengths > 0) else [emission])


def _beginning(emission: Tensor, semiring: Semiring) -> Tensor:
    """The message before any observation: the empty path, in the first state."""
    first = constant_like(emission, np.arange(emission.shape[-1]) == 0)
    return where(first, _empty(emission, semiring), _void(emission, semiring))


def _trellis(message: Tensor, emission: Tensor, skips: Tensor, semiring: Semiring) -> Iterator[Tensor]:
    """Yield the message after 0, 1, ..., T observations."""
    void = _void(emission, semiring)
    yield message
    for t in range(emission.shape[0]):
        with scope("chain"), step(t):
            from_second = where(skips, _shifted(message, void, 2), void)  # the lowest state first, as ties go there
            ways = FUNCTIONS["stack"]([from_second, _shifted(message, void, 1), message], axis=-3)
            message = semiring.times(semiring.sum(ways, -3), emission[t])
        yield message


def _empty(emission: Tensor, semiring: Semiring) -> Tensor:
    """The weight of the empty path, for each sequence and state."""
    one = np.asarray(semiring.one, dtype=float)
    return constant_like(emission, np.array(np.broadcast_to(one[..., None, None], (*one.shape, *emission.shape[1:]))))


def _void(emission: Tensor, semiring: Semiring) -> Value:
    """The weight of an empty set of paths, for each sequence and state."""
    return semiring.times(
        _empty(emission, semiring), constant_like(emission, np.full(emission.shape[1:], semiring.zero))
    )


def _shifted(message: Value, void: Value, by: int) -> Value:
    """Shift a message by a number of states."""
    return FUNCTIONS["concatenate"]([void[..., :by], message], axis=-1)[..., : message.shape[-1]]


@recorded_whole
def _forward(xp: Any, initial: Any, emission: Any, skips: Any) -> Any:
    """The messages after 0, 1, ..., T observations, (T + 1, B, S).

    It is `_trellis` in the log semiring, on arrays of any library. By its ops, a step takes many times as long; and
    the driver of `passes` is NumPy's alone.
    """
    steps, size, states = emission.shape
    lowest = xp.asarray(xp.finfo(emission.dtype).min, dtype=emission.dtype)
    messages = xp.full((steps + 1, size, states + 2), -_INF, dtype=emission.dtype)  # two states that are never reached
    messages[0, :, 2:] = initial
    closed = xp.where(skips, xp.asarray(0.0, dtype=emission.dtype), -_INF)
    with np.errstate(divide="ignore"):  # the log of an empty sum
        for t in range(steps):
            ways = (messages[t, :, :-2] + closed, messages[t, :, 1:-1], messages[t, :, 2:])
            top = xp.maximum(xp.maximum(xp.maximum(*ways[:2]), ways[2]), lowest)  # -inf - -inf would be NaN
            total = xp.exp(ways[0] - top) + xp.exp(ways[1] - top) + xp.exp(ways[2] - top)
            messages[t + 1, :, 2:] = xp.log(total) + top + emission[t, ...]
    return messages[:, :, 2:]


def _slopes(xp: Any, g: Any, emission: Any, skips: Any, out: Any) -> tuple[Any, list[Any]]:
    """Backward pass: each message's gradient is split among the three it was summed from, by their shares of the sum.

    Returns:
        The gradient of the initial message, and of the emission scores, the last step first.
    """
    none = xp.zeros_like(out[0, :, :1])
    beyond = xp.zeros_like(skips[:, :1])
    closed = xp.where(xp.concat([skips, beyond, beyond], axis=1)[:, 2:], xp.zeros_like(out[0, ...]), -_INF)
    running, slopes = g[-1, ...], []
    for t in reversed(range(emission.shape[0])):
        slopes.append(running)
        before, after = out[t, ...], out[t + 1, ...]
        reached = after > -_INF  # an empty sum has no shares
        total = xp.where(reached, after, _INF) - xp.where(reached, emission[t, ...], 0.0)
        total = xp.concat([total, none + _INF, none + _INF], axis=1)
        padded = xp.concat([running, none, none], axis=1)
        stay = xp.exp(before - total[:, :-2]) * running
        move = xp.exp(before - total[:, 1:-1]) * padded[:, 1:-1]
        skip = xp.exp(before + closed - total[:, 2:]) * padded[:, 2:]
        running = g[t, ...] + stay + move + skip
    return running, slopes


@recorded_whole
def _initial_slope(xp: Any, g: Any, emission: Any, skips: Any, out: Any) -> Any:
    return _slopes(xp, g, emission, skips, out)[0]


@recorded_whole
def _emission_slope(xp: Any, g: Any, emission: Any, skips: Any, out: Any) -> Any:
    slopes = _slopes(xp, g, emission, skips, out)[1]
    return xp.stack(slopes[::-1]) if slopes else emission


_messages = op(
    "left_to_right",
    forward=_forward,
    saves=("emission", "skips", "out"),
    vjp=(_initial_slope, _emission_slope, None),
    tex=r"\bar e_t(s) = \bar m_t(s) + \sum_{k=0}^{2} \bar e_{t+1}(s+k)\,e^{m_t(s) + e_{t+1}(s+k) - m_{t+1}(s+k)}",
    analytic=False,
    calls="left_to_right",
    reference=lambda initial, emission, skips: np.stack(
        [message.numpy() for message in _trellis(constant(initial), constant(emission), constant(skips), LOG)]
    ),
    doc="The messages (T + 1, B, S) of a left-to-right chain, from the initial message (B, S), log scores (T, B, S), "
    "and where a state may be skipped to (B, S).",
)
