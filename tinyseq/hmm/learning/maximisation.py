"""The maximisation step of Baum-Welch: the tables that make the expected counts most likely."""

import warnings

import numpy as np

from tinyseq.autograd.anomaly import frames_inside
from tinyseq.backend import Array
from tinyseq.hmm.emissions import Rows, shares
from tinyseq.hmm.inference.passes.dispatch import Expected
from tinyseq.hmm.learning.priors import Priors
from tinyseq.hmm.model.parameters import Parameters
from tinyseq.hmm.model.probabilities import plain


def maximised(model: Parameters, rows: Rows, expected: Expected, learn: frozenset[str], priors: Priors) -> Parameters:
    """The model whose tables are the relative frequencies of expected counts; unused rows are left unchanged.

    Priors add counts of their own.
    """
    initial, transition, end = tuple(map(plain, model.tables)), plain(model.transition), model.end
    counts = [count.reshape(table.shape) for count, table in zip(expected.counts, initial, strict=False)]
    n = model.n
    uses = np.reshape(expected.counts[n - 1 :], transition.shape) if expected.counts[n - 1 :] else 0 * transition
    counts = [count + more for count, more in zip(counts, priors.initial(initial), strict=True)]
    uses = uses + priors.transition(transition)
    # Rows sum to 1 - end, or to 1 without an end.
    going_on = np.ones(1) if end is None else 1 - plain(end)
    if "end" in learn and end is not None:
        stopping, going = priors.end(plain(end))
        visits, stops = expected.states.sum(axis=0) + stopping + going, expected.stops + stopping
        end = np.where(visits > 0, stops / np.where(visits > 0, visits, 1.0), plain(end)).clip(0, 1)
    still = np.ones(1) if end is None else 1 - plain(end)

    def settled(name: str, counts: Array, before: Array) -> Array:
        if name in learn:
            return _conditional(counts, before, going_on, still)
        # Tables that are not learned keep their proportions, but are rescaled if the end is learned.
        return _conditional(0 * counts, before, going_on, still) if "end" in learn else before

    first = shares(counts[0], initial[0]) if "initial" in learn else initial[0]
    rest = (settled("initial", c, t) for c, t in zip(counts[1:], initial[1:], strict=True))
    transition = settled("transition", uses, transition)
    arrays = None if "emission" in learn else learn & frozenset(model.emissions.learnable)
    emission = model.emissions
    if arrays is None or arrays:
        emission = emission.learned(rows.data, expected.states, arrays, priors.emission)
    return model.replaced((first, *rest), transition, emission, end)


def _conditional(counts: Array, before: Array, going_on: Array, still: Array) -> Array:
    """Shares of counts for each history, times the probability of continuing from its last state."""
    old = np.where(going_on[:, None] > 0, before / np.where(going_on > 0, going_on, 1.0)[:, None], 0.0)
    return shares(counts, old) * still[:, None]


def warn_of_narrow(model: Parameters, rows: Rows) -> bool:
    """Warn about states that have collapsed onto a few observations; returns whether there are any."""
    narrow = model.emissions.narrow(rows.data)
    if narrow:
        names = ", ".join(repr(model.states[k]) for k in narrow)
        warnings.warn(
            f"a variance of state {names} was kept at its floor: the state has collapsed onto observations that are"
            " (nearly) equal; use fewer states, or pass another minimum variance as floor=",
            stacklevel=1 + frames_inside(),
        )
    return bool(narrow)
