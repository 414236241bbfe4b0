"""The likelihood of sequences, and the entropy of their hidden paths."""

from collections.abc import Sequence
from typing import Any, overload

import numpy as np

from tinyseq.autograd.modes import no_grad
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array
from tinyseq.hmm.inference.chain import chain
from tinyseq.hmm.inference.passes import dispatch
from tinyseq.hmm.inference.semirings import Entropy
from tinyseq.hmm.model.parameters import Model
from tinyseq.hmm.model.probabilities import exact
from tinyseq.hmm.observations import Observations, check_sequence
from tinyseq.hmm.queries.forms import Many, One, Restriction
from tinyseq.torch_names.settings import explained


@overload
def log_likelihood(  # type: ignore[overload-overlap]  # a tensor is hashable, but is not a symbol
    hmm: Model, x: Tensor | Sequence[Tensor], states: Restriction = None
) -> Tensor: ...


@overload
def log_likelihood(hmm: Model, x: One, states: Restriction = None) -> float: ...


@overload
def log_likelihood(hmm: Model, x: Many, states: Restriction = None) -> np.ndarray[Any, Any]: ...


@explained
def log_likelihood(hmm: Model, x: Any, states: Restriction = None) -> Any:
    """log P(x), the sum over all paths of hidden states; -inf if no path can produce x.

    Args:
        x: a sequence, or a list of sequences.
        states: what is known about the hidden states, as long as x. The result is then log P(x, states).

    Returns:
        A number, or an array (N,). A tensor if a parameter of the model is one or on a GPU, or if x is a tensor of log
        scores or on a GPU. (Type checkers know it as a tensor only if x is one.)

    Raises:
        ValueError: for an unknown symbol or state; the error gives its sequence and position.
        ImpossibleSequenceError: if the result is a tensor and no path has these states.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]])
        >>> np.exp(hmm.log_likelihood([[0], [1], [0, 1], []])).round(4)
        array([0.3  , 0.7  , 0.176, 1.   ])
    """
    seen = Observations(hmm.parameters, x, states)
    if seen.on_tape:
        found = seen.recorded_likelihood()
        if states is not None:  # a supervised loss: an infinite one would not say which pair is impossible
            seen.require_possible(found.numpy())
        return found[0] if seen.one else found
    values = dispatch.log_likelihood(seen.arcs, seen.scores, seen.batch)
    return float(values[0]) if seen.one else values.astype(hmm.parameters.dtype, copy=False)


@explained
def probability(
    hmm: Model, x: One, states: Restriction = None, *, given: tuple[One, Restriction] | None = None
) -> float:
    """The probability of a statement about one sequence, given another.

    Args:
        x: symbols, None where unspecified.
        states: hidden states, None where unspecified.
        given: a pair (x, states) to condition on.

    Returns:
        P(x, states | given).

    Raises:
        ImpossibleSequenceError: if ``given`` has probability 0.
        TypeError: if ``given`` is not a pair.
        ValueError: if ``x`` and ``given`` have different symbols at the same position; or without ``given``, for a
            model of scores that are not probabilities.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]], states="LH", symbols="ab")
        >>> round(hmm.probability([None, "b"], given=([None, None], ["L", None])), 6)  # P(o_2 = b | s_1 = L)
        0.54
    """
    seen = _alone(hmm, x, states)
    if given is None:
        hmm.parameters.require_probabilities("probability without given")
        return _exponential(dispatch.log_likelihood(seen.arcs, seen.scores, seen.batch))
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise TypeError(f"given must be a pair (x, states), with None for unknown states; got {given!r}")
    check_sequence(given[0], "given[0]")
    known = _alone(hmm, *given)
    both = seen.and_given(known)
    condition = dispatch.log_likelihood(known.arcs, known.scores, known.batch)
    known.require_possible(condition)
    return _exponential(dispatch.log_likelihood(both.arcs, both.scores, both.batch) - condition)


@overload
def entropy(hmm: Model, x: One, states: Restriction = None) -> float: ...


@overload
def entropy(hmm: Model, x: Many, states: Restriction = None) -> np.ndarray[Any, Any]: ...


@explained
def entropy(hmm: Model, x: One | Many, states: Restriction = None) -> float | np.ndarray[Any, Any]:
    """The entropy, in nats, of the distribution over hidden paths given x; 0 if only one path can explain x.

    (Hernando, Crespi and Cybenko, 2005: one forward pass.)

    Args:
        x: a sequence, or a list of sequences.
        states: what is known about the hidden states.

    Returns:
        A number, or an array (N,); 0 where no path can produce the sequence.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> hmm = HMM([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]])
        >>> round(float(hmm.entropy([0, 1, 0]) / np.log(2)), 12)  # in bits: three fair hidden coins
        3.0
    """
    seen = Observations(hmm.parameters, x, states)
    initial, transition, end = hmm.parameters.logs
    tables = tuple(map(exact, initial)), exact(transition), exact(seen.all_scores()[seen.rows.padded()])
    with no_grad():
        summed = chain(*tables, None if end is None else exact(end), semiring=Entropy(), lengths=seen.rows.lengths)
    found = summed.numpy()[1] if seen.rows.lengths else np.zeros(0)
    return float(found[0]) if seen.one else found.astype(hmm.parameters.dtype, copy=False)


def _alone(hmm: Model, x: One, states: Restriction) -> Observations:
    """One sequence, as the only one of a list; a string is a sequence of letters there too, and no single word."""
    check_sequence(x, "x")
    x = list(x) if isinstance(x, str) else x
    return Observations(hmm.parameters, [x], None if states is None else [states])


def _exponential(log_probability: Array) -> float:
    """The probability, exponentiated; a density that overflows becomes inf."""
    with np.errstate(over="ignore"):
        return float(np.exp(log_probability)[0])
