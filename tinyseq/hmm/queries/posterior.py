"""Posterior probabilities of hidden states and transitions."""

from functools import partial
from typing import Any, overload

from tinyseq.hmm.inference.passes.dispatch import expectations, transition_posteriors
from tinyseq.hmm.model.parameters import Model
from tinyseq.hmm.observations import Observations
from tinyseq.hmm.queries.forms import Many, One
from tinyseq.hmm.results import Posterior


@overload
def posterior(hmm: Model, x: One, states: Any = None) -> Posterior: ...


@overload
def posterior(hmm: Model, x: Many, states: Any = None) -> list[Posterior]: ...


def posterior(hmm: Model, x: One | Many, states: Any = None) -> Posterior | list[Posterior]:
    """The posterior probabilities of the hidden states and transitions, by forward-backward.

    (Rabiner 1989, section III.)

    Args:
        x: a sequence, or a list of sequences.
        states: what is known about the hidden states.

    Returns:
        A `Posterior`, or a list of them: states (T, K), transitions (T - n + 1, K, ..., K) for n-grams of states.

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
    seen = Observations(hmm.parameters, x, states)
    expected = expectations(seen.arcs, seen.scores, seen.batch, with_counts=False)
    seen.require_possible(expected.log_likelihood)
    found = []
    for i, (part, alone) in enumerate(zip(seen.rows.split(expected.states), seen.each_alone(), strict=True)):
        # Copies, so that keeping the result of one sequence does not keep the whole batch in memory.
        transitions = partial(transition_posteriors, *alone)
        share = part.astype(hmm.parameters.dtype, copy=True)
        found.append(Posterior(float(expected.log_likelihood[i]), share, transitions, hmm.parameters.states))
    return seen.answer(found)
