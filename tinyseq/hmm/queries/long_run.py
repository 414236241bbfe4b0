"""What a model does in the long run."""

from tinyseq.backend import Array
from tinyseq.hmm.model import stationary as equations
from tinyseq.hmm.model.parameters import Model
from tinyseq.hmm.model.probabilities import plain


def stationary(hmm: Model) -> Array:
    """The share of steps that each state has in the long run, (K,), whatever the first state is.

    Raises:
        ValueError: if there is no such distribution, as with ``end`` or with transitions that change with time, or
            several.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[1.0], [1.0]]).stationary().round(3)
        array([0.667, 0.333])
    """
    shares = equations.stationary(_steady(hmm))
    found: Array = shares.sum(axis=tuple(range(shares.ndim - 1)))
    return found


def expected_durations(hmm: Model) -> Array:
    """How many steps each state is kept on average once it is entered, (K,); inf for one that is never left.

    Raises:
        ValueError: if the transitions change with time; and for n > 2 as in `stationary`.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[1.0], [1.0]]).expected_durations().round(3)
        array([10.,  5.])
    """
    return equations.durations(_steady(hmm))


def _steady(hmm: Model) -> Array:
    """The transitions, if they are the same at each step."""
    longest = hmm.parameters.longest
    if longest is not None:
        raise ValueError(f"the transitions change with time, for up to {longest} steps: there is no long run")
    return plain(hmm.parameters.transition)
