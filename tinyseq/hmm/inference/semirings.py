"""Semirings: the sum over alternative paths and the product along a path.

A path's weight is the *product* of its scores, and the *sum* over all paths is the answer. In the log semiring the
answer is the log-likelihood (the forward algorithm); in the max semiring it is the score of the best path (Viterbi).
The recurrence (`tinyseq.hmm.chain`) is the same; only the two operations change.

===============  ================  ====================  =================  ============================
semiring         sum over paths    product along a path  scores             answer
===============  ================  ====================  =================  ============================
`SUM_PRODUCT`    +                 x                     probabilities      likelihood
`MAX_PRODUCT`    max               x                     probabilities      probability of the best path
`LOG`            log of sum of e^  +                     log probabilities  log-likelihood
`MAX`            max               +                     log probabilities  log probability of the best
`COUNT`          +                 0 if impossible       log probabilities  number of possible paths
`KBest(k)`       k largest         +                     log probabilities  scores of the k best paths
`Entropy()`      chain rule of H   +                     log probabilities  log-likelihood, entropy
`Expectation()`  weighted mean     +                     pairs              log-likelihood, expectation
`Sample(rng)`    one drawn path    +                     log probabilities  log-likelihood
===============  ================  ====================  =================  ============================

The gradient of the answer with respect to the scores is the posterior in `LOG`, the best path (ones where it passes,
zeros elsewhere) in `MAX` and `KBest`, and a path drawn from the posterior in `Sample`.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any

import numpy as np

from tinyseq.arguments import check_flags, shown, text, whole
from tinyseq.autograd.declare import TENSORS
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import host_array, namespace_of
from tinyseq.random import Rng, as_generator

__all__ = [
    "COUNT", "LOG", "MAX", "MAX_PRODUCT", "SUM_PRODUCT",
    "Entropy", "Expectation", "KBest", "Sample", "Semiring", "namespace",
]  # fmt: skip

Value = Any  # a Tensor or a raw array: the operations accept both


def namespace(x: Value) -> Any:
    """The module of functions for a value: tinyseq for a Tensor, else the array library."""
    return TENSORS if isinstance(x, Tensor) else namespace_of(x)


@dataclass(frozen=True, eq=False)
class Semiring:
    """Two operations on path weights.

    Args:
        name: its name in drawings and errors.
        sum: ``sum(x, axis)`` combines alternative paths along a (negative) axis.
        times: ``times(weight, score)`` extends paths by a score.
        zero: the score of an impossible arc or emission.
        one: the weight of the empty path; an array if weights have extra axes, which then come first.
        pairs: whether a score is a pair too, on a leading axis of length 2.

    Example:
        >>> import numpy as np
        >>> LOG.times(np.log(0.5), np.log(0.5)) == np.log(0.25)
        np.True_
        >>> MAX.sum(np.array([-1.0, -2.0]), axis=-1)
        np.float64(-1.0)
    """

    name: str
    sum: Callable[[Value, int], Value]
    times: Callable[[Value, Value], Value] = operator.add
    zero: float = -inf
    one: float | tuple[float, ...] = 0.0
    pairs: bool = False

    def __post_init__(self) -> None:
        text("name", self.name)
        check_flags(pairs=self.pairs)
        for name, function in (("sum", self.sum), ("times", self.times)):
            if not callable(function):
                raise TypeError(f"{name} must be a function, got {shown(function)}")

    def __repr__(self) -> str:
        return f"Semiring({self.name})"


def _total(x: Value, axis: int) -> Value:
    return namespace(x).sum(x, axis=axis)


def _largest(x: Value, axis: int) -> Value:
    return namespace(x).max(x, axis=axis)  # ties go to the lowest state, which receives the gradient


def _logsumexp(x: Value, axis: int) -> Value:
    return namespace(x).logsumexp(x, axis=axis)


def _if_possible(count: Value, score: Value) -> Value:
    return namespace(count).where(score > -inf, count, 0.0)


SUM_PRODUCT = Semiring("sum-product", sum=_total, times=operator.mul, zero=0.0, one=1.0)
"""Probabilities: the sum over all paths of the product of their weights. Long sequences underflow; see `LOG`."""
MAX_PRODUCT = Semiring("max-product", sum=_largest, times=operator.mul, zero=0.0, one=1.0)
"""Probabilities: the largest product of weights of one path."""
LOG = Semiring("log", sum=_logsumexp)
"""Log probabilities: the logarithm of the sum over all paths, the forward algorithm. Its gradient is the posterior."""
MAX = Semiring("max", sum=_largest)
"""Log probabilities: the score of the best path, the Viterbi algorithm. Its gradient marks that path."""
COUNT = Semiring("count", sum=_total, times=_if_possible, one=1.0)
"""The number of paths whose score is above -inf."""


def KBest(k: int) -> Semiring:
    """The k best paths: a weight is the list of their scores in descending order, padded with -inf.

    Ties go to the path with the lowest last states.

    Args:
        k: the number of paths, at least 1.

    Raises:
        ValueError: for k < 1.
        TypeError: if k is not a whole number.

    Example:
        >>> import numpy as np
        >>> KBest(2).sum(np.array([[-1.0, -3.0], [-2.0, -4.0]]), axis=-1)  # merges the lists (-1, -2) and (-3, -4)
        array([-1., -2.])
    """
    k = whole("k", k)
    return Semiring(f"{k}-best", sum=partial(_best, k), one=(0.0, *(-inf,) * (k - 1)))


def _best(k: int, x: Value, axis: int) -> Value:
    # Concatenate the lists, ordered by state and then by rank, so that a stable sort keeps the lowest state first.
    xp = namespace(x)
    others = tuple(i for i in range(1, x.ndim) if i != axis + x.ndim)
    row = xp.permute_dims(x, (axis + x.ndim, 0, *others))
    row = xp.reshape(row, (row.shape[0] * row.shape[1], *row.shape[2:]))
    values = row._array if isinstance(row, Tensor) else row
    # NaN comes first, so that it is not lost.
    order = namespace(values).argsort(namespace(values).where(values == values, -values, -inf), axis=0, stable=True)[:k]
    return xp.take_along_axis(row, order, axis=0)


def Entropy() -> Semiring:
    """The entropy of the distribution over paths: a weight is (log of the total weight, entropy in nats).

    By the chain rule of entropy, a choice among groups of paths with shares p_i has entropy
    sum_i p_i (H_i - log p_i).

    Example:
        >>> import numpy as np
        >>> two = np.log([[0.5, 0.5], [1.0, 1.0]])  # log weights, and entropies 0
        >>> Entropy().sum(two, axis=-1).round(4)
        array([0.    , 0.6931])
    """
    return Semiring("entropy", sum=_chosen, times=_longer, one=(0.0, 0.0))


def _longer(weight: Value, score: Value) -> Value:
    longer = weight[0] + score
    return namespace(longer).stack([longer, weight[1] + 0 * _finite(score)])


def _chosen(x: Value, axis: int) -> Value:
    total, share, log_share = _shares(x[0], axis)
    return namespace(x).stack([total, _total(share * (x[1] - log_share), axis)])


def Expectation() -> Semiring:
    """The expected sum of features along a path: a weight is (log of the total weight, expectation). (Eisner, 2002.)

    Every score is a pair, (log weight, feature), stacked on an axis of length 2: transition (2, K, K), end (2, K),
    emission (T, 2, K) or (T, 2, B, K).

    Example:
        >>> import numpy as np
        >>> pairs = np.array([np.log([0.75, 0.25]), [0.0, 8.0]])
        >>> Expectation().sum(pairs, axis=-1).round(4)
        array([0., 2.])
    """
    return Semiring("expectation", sum=_mean, times=_with_feature, one=(0.0, 0.0), pairs=True)


def _with_feature(weight: Value, score: Value) -> Value:
    xp = namespace(score)
    missing = weight.ndim - score.ndim  # batch axes, which come after the axis of the pair
    return weight + xp.reshape(score, (2, *(1,) * missing, *score.shape[1:])) if missing > 0 else weight + score


def _mean(x: Value, axis: int) -> Value:
    total, share, _ = _shares(x[0], axis)
    return namespace(x).stack([total, _total(share * x[1], axis)])


def Sample(rng: Rng = None) -> Semiring:
    """Paths drawn from the posterior: the value is that of `LOG`, the gradient is one drawn path.

    At each sum one alternative is drawn in proportion to its weight, and only it receives the gradient.

    Args:
        rng: a NumPy generator, or a seed; by default the generator of `tinyseq.manual_seed`.

    Example:
        >>> import numpy as np
        >>> import tinyseq as ts
        >>> emission = ts.tensor(np.zeros((4, 2)), requires_grad=True)
        >>> draw = Sample(rng=0)
        >>> ts.hmm.chain(np.zeros(2), np.zeros((2, 2)), emission, semiring=draw).backward()
        >>> emission.grad.numpy().sum(axis=1)  # one state at each step
        array([1., 1., 1., 1.])
    """
    return Semiring("sample", sum=partial(_drawn, None if rng is None else as_generator(rng)))


def _drawn(rng: np.random.Generator | None, x: Value, axis: int) -> Value:
    xp, total = namespace(x), _logsumexp(x, axis)
    if not isinstance(x, Tensor):
        return total
    # The largest of (log weight + Gumbel noise) is a draw in proportion to the weights.
    noise = -np.log(-np.log(1.0 - as_generator(rng).random(x.shape)))
    pick = np.argmax(host_array(x._array) + noise, axis=axis, keepdims=True)
    drawn = xp.squeeze(xp.take_along_axis(x, pick, axis=axis), axis=axis)
    return drawn + _finite(total).detach() - _finite(drawn).detach()


def _finite(x: Value) -> Value:
    """x with 0 in place of -inf."""
    return namespace(x).where(x > -inf, x, 0.0)


def _shares(log_weight: Value, axis: int) -> tuple[Value, Value, Value]:
    """The log of the total weight, each alternative's share p of it, and log p; p = 0 has log p = 0, as p log p = 0."""
    xp = namespace(log_weight)
    log_share = xp.log_softmax(log_weight, axis=axis)  # minus the rounded total, shares would not quite sum to 1
    return _logsumexp(log_weight, axis), xp.exp(log_share), _finite(log_share)
