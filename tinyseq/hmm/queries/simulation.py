"""Sampling: sequences from the model, and hidden paths from the posterior."""

from typing import overload

import numpy as np

from tinyseq.arguments import whole
from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.batching import Ragged
from tinyseq.hmm.inference.passes.dispatch import log_likelihood, posterior_paths
from tinyseq.hmm.inference.passes.score_tables import Scores
from tinyseq.hmm.inference.sampling import hidden_path
from tinyseq.hmm.model.labels import Items
from tinyseq.hmm.model.parameters import Model, Parameters
from tinyseq.hmm.model.probabilities import plain
from tinyseq.hmm.observations import Observations
from tinyseq.hmm.queries.forms import Many, One, Restriction
from tinyseq.hmm.results import Drawn
from tinyseq.random import Rng, as_generator
from tinyseq.torch_names.settings import explained


@explained
def sample(hmm: Model, length: int | None = None, rng: Rng = None) -> Drawn:
    """Draw a sequence from the model.

    For a model of scores that are not probabilities (`HMM.from_logs`), the sequences of a length are drawn in
    proportion to the exponential of their score, which is their log-likelihood.

    Args:
        length: how many steps; the model then goes on after each, as though it had no ``end``. None to go on until it
            stops, which requires ``end``.
        rng: a NumPy generator, or a seed; by default the generator of `tinyseq.manual_seed`.

    Returns:
        `Drawn`: the observations, and the hidden states behind them.

    Raises:
        ValueError: if there is neither a length nor ``end``; if the model reaches a dead end, or a history from which
            it never stops; if time-varying transitions run out; or if a model of scores that are not probabilities
            has no length, or no path of it.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> hmm = HMM([1.0, 0.0], [[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]], symbols="ab")
        >>> hmm.sample(3, rng=0).observations
        ['a', 'b', 'a']
    """
    weighted = hmm.parameters.why_no_probabilities() is not None
    if length is None:
        hmm.parameters.require_probabilities("sample without a length")
    if length is None and (hmm.parameters.end is None or not (plain(hmm.parameters.end) > 0).any()):
        raise ValueError("a model without end never stops; pass a length")
    if length is not None:
        length = whole("length", length, 0)
    rng = as_generator(rng)
    if length is not None and weighted:
        ids = _by_weight(hmm.parameters, length, rng)
    else:
        ids = hidden_path(hmm.parameters.arcs(), length, rng, hmm.parameters.longest)
    path = [hmm.parameters.states[i] for i in ids.tolist()] if hmm.parameters.states.named else ids
    return Drawn(hmm.parameters.emissions.sample(ids, rng), path)


def _by_weight(model: Parameters, length: int, rng: np.random.Generator) -> Array:
    """A path as ids, drawn in proportion to its weight, over all that its states may emit."""
    if model.longest is not None and length > model.longest:
        raise ValueError(f"transition has tables for sequences of up to {model.longest} steps, got length={length}")
    scores = np.zeros((length, len(model.states)))
    typical = model.emissions.typical()
    if model.emissions.symbolic and typical is not None:
        scores += np.log(typical.sum(axis=1))
    arcs, batch = model.arcs(), Ragged([length])
    if (log_likelihood(arcs, Scores.dense(scores), batch) == -np.inf).any():
        raise ValueError(f"no path of length={length} is possible")
    path: Array = posterior_paths(arcs, Scores.dense(scores), batch, 1, rng)[0]
    return path


@overload
def sample_posterior(hmm: Model, x: One, n: int = 1, rng: Rng = None, states: Restriction = None) -> list[Items]: ...


@overload
def sample_posterior(
    hmm: Model, x: Many, n: int = 1, rng: Rng = None, states: Restriction = None
) -> list[list[Items]]: ...


@explained
def sample_posterior(
    hmm: Model, x: One | Many, n: int = 1, rng: Rng = None, states: Restriction = None
) -> list[Items] | list[list[Items]]:
    """Draw hidden paths of a sequence from the posterior.

    (Forward filtering, backward sampling: Scott, 2002.)

    Args:
        x: a sequence, or a list of sequences.
        n: how many paths.
        rng: a NumPy generator, or a seed; by default the generator of `tinyseq.manual_seed`.
        states: what is known about the hidden states.

    Returns:
        A list of n paths, or for a list of sequences a list of such lists.

    Raises:
        ImpossibleSequenceError: if no path can produce a sequence; the error says where it fails.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> hmm = HMM([0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]], [[0.5, 0.5], [0.0, 1.0]], states="LH", symbols="ab")
        >>> hmm.sample_posterior("aba", 2, rng=0)  # only one path explains it
        [['L', 'H', 'L'], ['L', 'H', 'L']]
    """
    n = whole("n", n, 0)
    seen = Observations(hmm.parameters, x, states)
    seen.require_possible(log_likelihood(seen.arcs, seen.scores, seen.batch))
    rng = as_generator(rng)
    drawn = [seen.paths(ids) for ids in posterior_paths(seen.arcs, seen.scores, seen.batch, n, rng)]
    found = [[paths[i] for paths in drawn] for i in range(len(seen.rows.lengths))]
    return found[0] if seen.one else found
