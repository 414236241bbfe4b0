"""Posterior probabilities of hidden states and transitions."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, overload

import numpy as np

from tinyseq.backend import Array, on_host
from tinyseq.hmm.model.parameters import Model
from tinyseq.hmm.observations import Observations
from tinyseq.hmm.queries.forms import Many, One, Restriction
from tinyseq.hmm.results import Posterior
from tinyseq.torch_names.settings import explained


@overload
def posterior(hmm: Model, x: One, states: Restriction = None) -> Posterior: ...


@overload
def posterior(hmm: Model, x: Many, states: Restriction = None) -> list[Posterior]: ...


@explained
def posterior(hmm: Model, x: One | Many, states: Restriction = None) -> Posterior | list[Posterior]:
    """The posterior probabilities of the hidden states and transitions, by forward-backward.

    (Rabiner, 1989, section III.)

    Args:
        x: a sequence, or a list of sequences.
        states: what is known about the hidden states.

    Returns:
        A `Posterior`, or a list of them: states (T, K), transitions (T - n + 1, K, ..., K) for n-grams of states;
        on a GPU if the model or given scores are.

    Raises:
        ImpossibleSequenceError: if no path can produce a sequence; the error says where it fails.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]])
        >>> posterior = hmm.posterior([0, 1])
        >>> posterior.states.round(3)
        array([[0.767, 0.233],
               [0.668, 0.332]])
        >>> posterior.transitions.round(3)
        array([[[0.639, 0.128],
                [0.028, 0.205]]])
    """
    seen, names = Observations(hmm.parameters, x, states), hmm.parameters.states
    totals, shares = seen.posteriors()
    seen.require_possible(totals)
    parts = seen.rows.split(shares)
    if isinstance(shares, np.ndarray):
        # Copies, so that keeping the result of one sequence does not keep the whole batch in memory. On a GPU each one
        # would take as long as all posteriors together.
        parts = [part.astype(hmm.parameters.dtype, copy=True) for part in parts]
    known = hmm.parameters.symbols
    ids = seen.rows.split(seen.rows.data)
    symbols: list[Callable[[], Sequence[Any]]] = [tuple] * len(ids)
    if len(known):
        symbols = [partial(_named, known, part.copy()) for part in ids]
    each = zip(totals.tolist(), parts, seen.transitions(), symbols, strict=True)
    return seen.answer([Posterior(total, part, transitions, names, read) for total, part, transitions, read in each])


def _named(symbols: Sequence[Any], data: Array) -> list[Any]:
    """The observations of a sequence by name; none if they are log scores instead."""
    ids = on_host(data)
    known = [*symbols, None]  # the missing observation has the last id
    return [known[i] for i in ids.tolist()] if ids.dtype.kind in "iu" else []
