"""Decoding: the most probable hidden states."""

from typing import overload

import numpy as np

from tinyseq.arguments import whole
from tinyseq.backend import host_array
from tinyseq.hmm.inference.passes.dispatch import best_lists
from tinyseq.hmm.model.parameters import Model
from tinyseq.hmm.observations import Observations
from tinyseq.hmm.queries.forms import Many, One, Restriction
from tinyseq.hmm.results import Decoding, MarginalDecoding
from tinyseq.torch_names.settings import explained


@overload
def viterbi(hmm: Model, x: One, states: Restriction = None) -> Decoding: ...


@overload
def viterbi(hmm: Model, x: Many, states: Restriction = None) -> list[Decoding]: ...


@explained
def viterbi(hmm: Model, x: One | Many, states: Restriction = None) -> Decoding | list[Decoding]:
    """The most probable path of hidden states; ties go to the path with the lowest last states.

    (Viterbi, 1967; the lectures' table of scores, without back-pointers.)

    Args:
        x: a sequence, or a list of sequences.
        states: what is known about the hidden states.

    Returns:
        A `Decoding`, or a list of them. Paths of a model or of scores on a GPU stay there, unless states have names.

    Raises:
        ImpossibleSequenceError: if no path can produce a sequence; the error says where it fails.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]], states="LH", symbols="ab")
        >>> [decoding.path for decoding in hmm.viterbi(["abab", "b"])]
        [['L', 'L', 'L', 'L'], ['H']]
        >>> hmm.viterbi("abab", states=[None, None, None, "H"]).path
        ['L', 'L', 'L', 'H']
    """
    seen = Observations(hmm.parameters, x, states)
    ids, best = seen.best_paths()
    seen.require_possible(best)
    return seen.answer([Decoding(*pair) for pair in zip(seen.paths(ids), best.tolist(), strict=True)])


@overload
def kbest(hmm: Model, x: One, k: int, states: Restriction = None) -> list[Decoding]: ...


@overload
def kbest(hmm: Model, x: Many, k: int, states: Restriction = None) -> list[list[Decoding]]: ...


@explained
def kbest(hmm: Model, x: One | Many, k: int, states: Restriction = None) -> list[Decoding] | list[list[Decoding]]:
    """The k most probable paths of hidden states, the best first; ties as in `viterbi`.

    Args:
        x: a sequence, or a list of sequences.
        k: how many; fewer are returned if fewer paths are possible.
        states: what is known about the hidden states.

    Returns:
        A list of `Decoding`, or for a list of sequences a list of such lists.

    Raises:
        ValueError: for k < 1.
        ImpossibleSequenceError: if no path can produce a sequence; the error says where it fails.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]])
        >>> [(d.path.tolist(), round(float(np.exp(d.log_prob)), 4)) for d in hmm.kbest([0, 1], 3)]
        [([0, 0], 0.1125), ([1, 1], 0.036), ([0, 1], 0.0225)]
    """
    k = whole("k", k, 1)
    seen = Observations(hmm.parameters, x, states)
    ids, values = best_lists(seen.arcs, seen.scores, seen.batch, k)
    seen.require_possible(values[0])
    ranks = [seen.paths(path) for path in ids]
    found = [
        [Decoding(paths[i], score) for paths, score in zip(ranks, column, strict=True) if score > -np.inf]
        for i, column in enumerate(values.T.tolist())
    ]
    return found[0] if seen.one else found


@overload
def posterior_decode(hmm: Model, x: One, states: Restriction = None) -> MarginalDecoding: ...


@overload
def posterior_decode(hmm: Model, x: Many, states: Restriction = None) -> list[MarginalDecoding]: ...


@explained
def posterior_decode(
    hmm: Model, x: One | Many, states: Restriction = None
) -> MarginalDecoding | list[MarginalDecoding]:
    """The most probable state at each step, chosen independently; ties go to the lowest state.

    Args:
        x: a sequence, or a list of sequences.
        states: what is known about the hidden states.

    Returns:
        A `MarginalDecoding`, or a list of them; its ``expected_accuracy`` is the mean of the states' posteriors.

    Raises:
        ImpossibleSequenceError: if no path can produce a sequence; the error says where it fails.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]])
        >>> guess = hmm.posterior_decode([0, 1])
        >>> guess.path.tolist(), round(guess.expected_accuracy, 3)  # (0.767 + 0.668) / 2
        ([0, 0], 0.717)
    """
    seen = Observations(hmm.parameters, x, states)
    totals, shares = seen.posteriors()
    seen.require_possible(totals)
    shares = shares.astype(hmm.parameters.dtype, copy=False)
    paths, sure = seen.paths(shares.argmax(axis=1)), seen.rows.split(host_array(shares.max(axis=1)))
    accuracies = [float(part.mean()) if len(part) else 1.0 for part in sure]
    return seen.answer([MarginalDecoding(*pair) for pair in zip(paths, accuracies, strict=True)])
