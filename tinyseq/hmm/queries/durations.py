"""Durations: how long a model stays in a state, or in a group of states, and how long paths did."""

from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyseq.arguments import check_flags, is_single, listed, whole
from tinyseq.backend import Array
from tinyseq.hmm.interop import notebook
from tinyseq.hmm.model.parameters import Model, Parameters
from tinyseq.hmm.model.probabilities import plain
from tinyseq.hmm.model.stationary import between_histories, leaving, stationary


class Durations(NamedTuple):
    """The distribution of durations.

    Attributes:
        probabilities: (G, longest), P(a stay lasts d steps), for d = 1 to ``longest``; a row sums to the probability
            of no longer stay.
        names: the names of the states or groups.
        stays: (G,), how many stays were counted, or None for the distributions of a model.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> found = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[1.0], [1.0]], states="ab").durations(2)
        >>> list(found.names), found.probabilities.round(2)
        (['a', 'b'], array([[0.1 , 0.09],
               [0.2 , 0.16]]))
    """

    probabilities: NDArray[Any]
    names: Sequence[Any]
    stays: NDArray[Any] | None = None

    def _repr_html_(self) -> str:
        columns = range(1, self.probabilities.shape[1] + 1)
        return notebook.table(self.probabilities, self.names, columns, "P(duration) by number of steps")


def durations(hmm: Model, longest: int = 20, of: Sequence[Hashable] | None = None) -> Durations:
    """The distribution of the number of steps that a visit lasts, exactly.

    That of a single state with n = 2 is geometric. A group of states, such as those that a behaviour of
    `HMM.semi_markov` is made of, may have any: it is a discrete phase-type distribution. (Neuts, 1981, chapter 2.)
    A sequence that ends (``end``) ends its last visit, too. For n > 2, visits that begin in the first n - 1 steps of a
    sequence, which have no whole history, are left out if there are others.

    Args:
        longest: the largest duration to compute.
        of: (K,), the name of the group of each state; by default each state is a group of its own. For the states
            (name, steps left) of `HMM.semi_markov`: ``[name for name, left in hmm.states]``.

    Returns:
        `Durations`, with a row for each group.

    Raises:
        ValueError: if ``of`` does not name a group for each state, if transitions vary with time, if it depends on the
            past how a group is entered, and there is no stationary distribution to average it over; or for a model of
            scores that are not probabilities.
        TypeError: if ``of`` is not a list of names.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> hmm = HMM([0.5, 0.5], [[0.5, 0.5], [0.2, 0.8]], [[1.0], [1.0]])
        >>> hmm.durations(3).probabilities.round(3)
        array([[0.5  , 0.25 , 0.125],
               [0.2  , 0.16 , 0.128]])
        >>> lamp = HMM.semi_markov([1, 0], [[0, 1], [1, 0]], [[0, 0, 1], [0.5, 0.5, 0]], np.eye(2), states="ab")
        >>> lamp.durations(3, of=[name for name, left in lamp.states]).probabilities
        array([[0. , 0. , 1. ],
               [0.5, 0.5, 0. ]])
    """
    model, longest = hmm.parameters, whole("longest", longest, 1)
    model.require_probabilities("durations")
    if model.longest is not None:
        raise ValueError(f"the transitions vary with time, for up to {model.longest} steps: so do durations")
    named = "a list with the name of each state's group, such as a string"
    groups = list(model.states) if of is None else listed("of", of, named)
    if not all(isinstance(group, Hashable) for group in groups):
        raise TypeError(f"of must be {named}, got {of!r}")
    if len(groups) != len(model.states):
        raise ValueError(f"of must name a group for each of {len(model.states)} states, got {len(groups)} names")
    names = list(dict.fromkeys(groups))
    newest = np.array([names.index(group) for group in groups])
    step = between_histories(plain(model.transition))
    stops = np.zeros(len(groups)) if model.end is None else plain(model.end)
    newest, stops = (np.tile(each, len(step) // len(groups)) for each in (newest, stops))  # by the last state of each
    found, reached = np.empty((len(names), longest)), _reached(model, step)
    for g in range(len(names)):
        inside = newest == g
        stay, leave = step[np.ix_(inside, inside)], leaving(step[inside], inside, stops[inside])
        present = _entries(model, step, inside, reached)
        if present is None:
            lasting = _lasting(model, inside[: len(groups)], longest)
            found[g] = -np.diff(lasting / lasting[0])
            continue
        for d in range(longest):
            found[g, d] = present @ leave
            present = present @ stay
    return Durations(np.maximum(found, 0.0), names)


def observed_durations(
    paths: Iterable[Sequence[Hashable] | NDArray[Any]],
    longest: int | None = None,
    *,
    names: Sequence[Hashable] | None = None,
    cut: bool = False,
) -> Durations:
    """How long the stays in paths of states lasted, such as those of `HMM.viterbi`.

    The first and the last stay of a path may be cut off by its ends, so they are left out. Long stays are cut off more
    often, so in short paths the counts are biased towards short ones.

    Args:
        paths: a list of paths, each a list or an array of states; or, with ``names``, a string or a tuple. For the
            states (name, steps left) of `HMM.semi_markov`, pass the names alone.
        longest: the largest duration to count; by default the longest one found.
        names: the states to count; by default those that occur, in their order.
        cut: whether to count the first and the last stays, too.

    Returns:
        `Durations`: shares of all stays of each state, NaN for a state without any, and the number of stays.

    Raises:
        TypeError: if ``paths`` is a single path, or an element of it is not a path; or if it holds several strings or
            tuples without ``names``, which may be paths or the states of a single one.

    Example:
        >>> from tinyseq.hmm import observed_durations
        >>> found = observed_durations(["abbaab", "bba"], longest=2, names="ab")
        >>> list(found.names), found.probabilities, found.stays
        (['a', 'b'], array([[0., 1.],
               [0., 1.]]), array([1, 1]))
    """
    check_flags(cut=cut)
    runs: list[tuple[Any, int]] = []
    seen: dict[Any, None] = {}
    given = None if names is None else listed("names", names, "a list of states")
    for path in _several(paths, given):
        states = path.tolist() if hasattr(path, "tolist") else list(path)  # of tensors, each state is another object
        seen |= dict.fromkeys(states)
        edges = [0, *(t for t in range(1, len(states)) if states[t] != states[t - 1]), len(states)]
        stays = [(states[a], b - a) for a, b in pairwise(edges) if b > a]
        runs += stays if cut else stays[1:-1]
    kept = list(seen) if given is None else given
    if not all(isinstance(name, Hashable) for name in kept):
        raise TypeError(f"names must be a list of states, got {names!r}")
    most = max([length for _, length in runs], default=1) if longest is None else whole("longest", longest, 1)
    counts, totals = np.zeros((len(kept), most)), np.zeros(len(kept), dtype=np.intp)
    place = {name: i for i, name in enumerate(kept)}
    for state, length in runs:
        if state in place:
            totals[place[state]] += 1
            if length <= most:
                counts[place[state], length - 1] += 1
    shares = np.where(totals[:, None] > 0, counts / np.maximum(totals, 1)[:, None], np.nan)
    return Durations(shares, kept, totals)


def _several(paths: Any, names: list[Any] | None) -> list[Any]:
    """The paths, which are not a single one.

    A list is a path, as states are hashable. A string or a tuple may be a path or a state, which only names tell.
    """
    if isinstance(paths, str) or not isinstance(paths, Iterable) or is_single(paths):
        raise TypeError(f"paths must be a list of paths, got {paths!r}; pass [path] for a single one")
    found = list(paths)
    for path in found:
        if not hasattr(path, "__len__"):
            raise TypeError(f"paths must be a list of paths, got {path!r} in it; pass [path] for a single one")
    if found and all(isinstance(path, str | bytes | tuple) for path in found):
        letters = all(not isinstance(path, tuple) and len(path) == 1 for path in found)
        states = found[:1] if letters else [path for path in found if path in (names or ())]
        if states:
            raise TypeError(
                f"paths must be a list of paths, got states in it, as {states[0]!r}; pass [path] for a single one"
            )
        if names is None and len(found) > 1:
            raise TypeError(
                f"paths must be a list of paths, got {found[0]!r}, {found[1]!r}, ..., which may be paths or the states "
                "of a single one; pass [path] for a single one, or [list(path) for path in paths] for several"
            )
    return found


def _entries(model: Parameters, step: Array, inside: Array, reached: Array) -> Array | None:
    """Where a group is entered: the distribution over its histories, as for the first state of a stay.

    None if it is only entered in the first n - 1 steps of a sequence, before which there is no whole history.
    """
    from_all, from_reached = (step[np.ix_(~inside & of, inside)] for of in (True, reached))
    if model.n > 2 and not from_reached.any() and _lasting(model, inside[: len(model.states)], 0)[0] > 0:
        return None
    into = from_reached if from_reached.any() else from_all
    ways = into[into.sum(axis=1) > 0]
    if model.n == 2:
        first = plain(model.initial)[inside]
        ways = np.concatenate([ways, first[None]]) if first.sum() > 0 else ways
    if not len(ways):  # never entered: as though at random
        return np.full(int(inside.sum()), 1 / inside.sum())
    ways = ways / ways.sum(axis=1, keepdims=True)
    if np.allclose(ways, ways[0], rtol=1e-9, atol=1e-12):
        return ways[0]
    end = None if model.end is None else plain(model.end)
    weights = stationary(plain(model.transition), end).reshape(-1)[~inside] @ from_all
    if not weights.sum() > 0:
        raise ValueError(
            "a group of states can be entered in several ways, but in the long run it is never entered, so there are "
            "no weights to average them with"
        )
    return np.asarray(weights / weights.sum())


def _reached(model: Parameters, step: Array) -> Array:
    """Which histories a sequence can have."""
    possible = np.ones((), dtype=bool)
    for table in model.tables:
        possible = possible[..., None] & (plain(table) > 0)
    found = possible.reshape(-1)
    while True:
        more = found | (step[found] > 0).any(axis=0)
        if (more == found).all():
            return found
        found = more


def _lasting(model: Parameters, inside: Array, longest: int) -> Array:
    """P(a group is entered in one of the first n - 1 steps of a sequence, and not left for d more), (longest + 1,)."""
    tables = [*map(plain, model.tables), plain(model.transition)]
    found, before = np.zeros(longest + 1), np.ones(())  # P(the states so far)
    for table in tables[:-1]:
        message = (before if before.ndim == 0 else before * ~inside)[..., None] * table * inside
        for d in range(longest + 1):
            found[d] += message.sum()
            whole = message.ndim == len(tables) - 1
            message = message[..., None] * tables[message.ndim] * inside
            message = message.sum(axis=0) if whole else message
        before = before[..., None] * table
    return found
