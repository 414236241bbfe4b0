"""Estimation from labelled sequences: counting and smoothing.

The start of a sequence is an extra state before the first: a table for histories of n - 1 states has K + 1 entries
on each history axis, the last of them for "not started". So the first states of a sequence are counted like all others,
and the initial tables of a model are part of the table of transitions.
"""

import warnings
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyseq.arguments import apart, as_pairs, check_flags, finite, listed, shown, whole
from tinyseq.autograd.anomaly import frames_inside
from tinyseq.backend import Array
from tinyseq.hmm.model.labels import Labels

Smoothing = Callable[[NDArray[Any]], NDArray[Any]] | str | None


class Counts(NamedTuple):
    """Counts of transitions, emissions and stops in labelled sequences.

    Attributes:
        transition: (K + 1,) * (n - 1) + (K,), how often a state followed a history.
        emission: (K, V), how often a state emitted a symbol.
        stop: (K, 2), how often a sequence went on after a state, and how often it ended there.
    """

    transition: Array
    emission: Array
    stop: Array


def labelled_tables(
    sequences: Iterable[Sequence[tuple[Hashable, Hashable]]],
    n: int,
    smoothing: Smoothing,
    emission_smoothing: Smoothing,
    *,
    end: bool,
    states: Sequence[Hashable] | None,
    symbols: Sequence[Hashable] | None,
    unknown: Hashable | None,
) -> dict[str, Any]:
    """The arguments of a model, estimated from labelled sequences; see `HMM.from_labelled`."""
    if isinstance(n, list | tuple):
        raise apart("HMM.from_labelled")
    n = whole("n", n, 2)
    check_flags(end=end)
    pairs = []
    for i, sequence in enumerate(listed("sequences", sequences, "a list of sequences of pairs (symbol, state)")):
        items = sequence if isinstance(sequence, str) else listed(f"sequences[{i}]", sequence, "a list of pairs")
        pairs.append([_pair(item, i, t, sequence) for t, item in enumerate(items)])
    tags = _names(states, (tag for sequence in pairs for _, tag in sequence), "states")
    words = _names(symbols, (word for sequence in pairs for word, _ in sequence), "symbols")
    if unknown is not None and unknown not in words:
        words.append(unknown)
    kinds, vocabulary = Labels(tags, len(tags), "state"), Labels(words, len(words), "symbol")
    other = None if unknown is None else words.index(unknown)
    paths, made = [], []
    for i, sequence in enumerate(pairs):
        try:
            paths.append(kinds.ids([tag for _, tag in sequence], missing=-1))
            made.append(vocabulary.ids([word for word, _ in sequence], len(words), other))
        except ValueError as error:
            raise ValueError(f"sequence {i}, {error}") from None
    counts = count(paths, made, (len(tags), len(words)), n)
    smooth, smooth_symbols = smoother(smoothing), smoother(emission_smoothing, "emission_smoothing")
    initial, transition = tables(smooth(counts.transition))
    stop = None
    if end:
        stop = smooth(counts.stop)[:, 1]
        going_on = (1 - stop)[:, None]
        initial = (initial[0], *(table * going_on for table in initial[1:]))
        transition = transition * going_on
    emission = smooth_symbols(counts.emission)
    if other is not None and not emission[:, other].any():
        warnings.warn(
            f"no state can emit {unknown!r}, as no symbol of the sequences is unknown: give emission_smoothing=, such "
            "as 'witten-bell', which leaves it a share",
            stacklevel=1 + frames_inside(),
        )
    return {
        "initial": initial if n > 2 else initial[0],
        "transition": transition,
        "emission": emission,
        "end": stop,
        "states": tags,
        "symbols": words,
    }


def _pair(item: Any, i: int, t: int, sequence: Any) -> tuple[Any, Any]:
    if isinstance(item, str) or not isinstance(item, Sequence) or len(item) != 2:
        cure = as_pairs(sequence)
        raise ValueError(f"sequence {i}, position {t}: expected a pair (symbol, state), got {item!r}{cure}")
    return item[0], item[1]


def _names(given: Sequence[Hashable] | None, found: Iterable[Hashable], kind: str) -> list[Any]:
    """The given names; by default those that occur, sorted if possible."""
    if given is not None:
        return listed(kind, given, "a list of names")
    names = list(dict.fromkeys(name for name in found if name is not None))
    if not names:
        raise ValueError(f"the sequences hold no {kind}")
    try:
        return sorted(names)
    except (TypeError, ValueError):  # a NumPy boolean is compared with each element of a tuple
        return names


def count(states: Sequence[Array], symbols: Sequence[Array], sizes: tuple[int, int], n: int) -> Counts:
    """Count transitions, emissions and ends.

    Args:
        states: the ids of the states of each sequence; -1 for an unknown state, which is not counted.
        symbols: the ids of the symbols of each sequence; V for a missing one.
        sizes: K and V.
        n: the length of the n-grams of states.
    """
    size, vocabulary = sizes
    transition = np.zeros((*(size + 1,) * (n - 1), size))
    emission, stop = np.zeros((size, vocabulary + 1)), np.zeros((size, 2))
    for path, made in zip(states, symbols, strict=True):
        if not len(path):
            continue
        padded = np.concatenate([np.full(n - 1, size), path])
        grams = np.lib.stride_tricks.sliding_window_view(padded, n)
        np.add.at(transition, tuple(grams[(grams >= 0).all(axis=1)].T), 1)
        known = path >= 0
        np.add.at(emission, (path[known], made[known]), 1)
        going_on, last = path[:-1], path[-1:]
        np.add.at(stop[:, 0], going_on[going_on >= 0], 1)
        np.add.at(stop[:, 1], last[last >= 0], 1)
    return Counts(transition, emission[:, :-1], stop)


def tables(transition: Array) -> tuple[tuple[Array, ...], Array]:
    """The initial tables and the transition of a model, from one table with the start as an extra state."""
    n, size = transition.ndim, transition.shape[-1]
    initial = []
    for known in range(n - 1):
        history = (size,) * (n - 1 - known) + (slice(size),) * known
        initial.append(transition[history])
    return tuple(initial), transition[(slice(size),) * (n - 1)]


def smoother(smoothing: Smoothing, name: str = "smoothing", *, functions: bool = True) -> Callable[[Array], Array]:
    """The smoothing function with a given name.

    Args:
        smoothing: a name, None, or a function of one's own.
        name: of the argument, for errors.
        functions: whether the error says that functions are allowed.

    Raises:
        ValueError: for an unknown name; the error lists the known ones.
    """
    if callable(smoothing):
        return partial(_smoothed, smoothing, name)
    known = {None: maximum_likelihood, "witten-bell": witten_bell, "deleted-interpolation": deleted_interpolation}
    if not isinstance(smoothing, str | None) or smoothing not in known:
        names = ", ".join(repr(name) for name in known)
        own = ", or a function such as AddK(0.1)" if functions else ""
        raise ValueError(f"{name} must be one of {names}{own}; got {smoothing!r}")
    return known[smoothing]


def _smoothed(smoothing: Callable[[Array], Array], name: str, counts: Array) -> Array:
    """What a user's function makes of counts."""
    found = smoothing(counts)
    if getattr(found, "shape", None) != counts.shape:
        raise ValueError(f"{name} must give an array of the shape of the counts, {counts.shape}; got {shown(found)}")
    return found


def maximum_likelihood(counts: Array) -> Array:
    """Relative frequencies: count(h, w) / count(h). The row of an unseen history is zero.

    Args:
        counts: (..., W), how often each outcome w followed each history h.

    Returns:
        Probabilities of the same shape.

    Example:
        >>> maximum_likelihood(np.array([[9.0, 1.0], [0.0, 0.0]]))
        array([[0.9, 0.1],
               [0. , 0. ]])
    """
    return _ratio(counts, counts.sum(axis=-1, keepdims=True))


class AddK:
    """Add k to every count: (count(h, w) + k) / (count(h) + k W).

    Args:
        k: a positive number; 1 is Laplace's rule.

    Raises:
        ValueError: if k is not positive.

    Example:
        >>> AddK(1)(np.array([[9.0, 1.0], [0.0, 0.0]])).round(3)
        array([[0.833, 0.167],
               [0.5  , 0.5  ]])
    """

    def __init__(self, k: float) -> None:
        if not finite("k", k) > 0:
            raise ValueError(f"k must be positive, got {k}")
        self.k = k

    def __call__(self, counts: Array) -> Array:
        return maximum_likelihood(counts + self.k)

    def __repr__(self) -> str:
        return f"AddK({self.k})"


def witten_bell(counts: Array) -> Array:
    """Witten-Bell: a history with many distinct outcomes leaves more mass to its shorter history.

    P(w | h) = (count(h, w) + types(h) P(w | h')) / (count(h) + types(h)), where types(h) is the number of distinct
    outcomes after h, and h' is h without its oldest state; below the empty history is the uniform distribution. (Witten
    and Bell, 1991, method C.)

    Args:
        counts: (..., W).

    Returns:
        Probabilities of the same shape; no row is zero.

    Example:
        >>> witten_bell(np.array([[9.0, 1.0], [0.0, 0.0]])).round(3)
        array([[0.889, 0.111],
               [0.833, 0.167]])
    """
    lower = witten_bell(counts.sum(axis=0)) if counts.ndim > 1 else np.full(counts.shape, 1 / counts.shape[-1])
    types = (counts > 0).sum(axis=-1, keepdims=True)
    seen = counts.sum(axis=-1, keepdims=True)
    return np.where(seen > 0, _ratio(counts + types * lower, seen + types), lower)


def deleted_interpolation(counts: Array) -> Array:
    """A fixed mixture of the estimates from histories of every length, with weights from leave-one-out estimates.

    Each n-gram votes, with its count, for the history length whose relative frequency is largest when one occurrence of
    the n-gram is left out; ties split the vote. (Brants, 2000, TnT, figure 1, for any n.) An unseen history uses the
    estimate of the next shorter one.

    Args:
        counts: (..., W).

    Returns:
        Probabilities of the same shape.

    Example:
        >>> deleted_interpolation(np.array([[4.0, 0.0], [0.0, 4.0]]))
        array([[1., 0.],
               [0., 1.]])
    """
    levels = [counts]  # the longest history first
    while levels[-1].ndim > 1:
        levels.append(levels[-1].sum(axis=0))
    left_out = [_ratio(level - 1, level.sum(axis=-1, keepdims=True) - 1) for level in levels]
    ratios = np.stack([np.broadcast_to(ratio, counts.shape) for ratio in left_out])
    best = ratios == ratios.max(axis=0)
    votes = (best / best.sum(axis=0) * counts).sum(axis=tuple(range(1, ratios.ndim)))
    weights = _ratio(votes, votes.sum())
    estimate = maximum_likelihood(levels[-1])
    mixture: Array = weights[-1] * estimate
    for weight, level in zip(weights[-2::-1], levels[-2::-1], strict=True):
        seen = level.sum(axis=-1, keepdims=True) > 0
        estimate = np.where(seen, maximum_likelihood(level), estimate)
        mixture = mixture + weight * estimate
    return mixture


def _ratio(counts: Array, total: Array) -> Array:
    """counts / total, 0 where the total is not positive."""
    return np.where(total > 0, counts / np.where(total > 0, total, 1.0), 0.0)
