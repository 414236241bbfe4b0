r"""Ops of log space, with defined values and gradients at infinity.

Where everything is -inf, the log of a sum of exponentials is -inf and its gradient 0; where some terms are +inf, they
share the gradient equally. There is no NaN, no epsilon, and no warning.
"""

from typing import Any

import numpy as np

from tinyseq.autograd.op import op
from tinyseq.autograd.ops.reduce import restored

_INF = float("inf")


def _log_sum(xp: Any, x: Any, axis: Any) -> Any:
    """log(sum(exp(x))) with the axes kept; the sum over nothing is 0, and its log -inf."""
    if 0 in x.shape:
        top = 0.0
    else:
        top = xp.max(x, axis=axis, keepdims=True)
        top = xp.where(xp.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return xp.log(xp.sum(xp.exp(x - top), axis=axis, keepdims=True)) + top


def _log_shares(xp: Any, x: Any, total: Any, axis: Any) -> Any:
    """x - total, the log of each term's share of the sum whose log is ``total``; -inf where the sum is 0."""
    infinite = total == _INF
    if bool(xp.any(infinite)):  # the +inf terms share equally: stand 0 and -inf in for them and for the others
        with np.errstate(divide="ignore"):
            hit = xp.astype(x == _INF, x.dtype)
            x = xp.where(infinite, xp.log(hit), x)
            total = xp.where(infinite, xp.log(xp.sum(hit, axis=axis, keepdims=True)), total)
    return x - xp.where(total == -_INF, 0.0, total)


logsumexp = op(
    "logsumexp",
    forward=lambda xp, x, *, axis=None, keepdims=False: (
        _log_sum(xp, x, axis) if keepdims else xp.sum(_log_sum(xp, x, axis), axis=axis)
    ),
    saves=("x", "out"),
    vjp=lambda xp, g, x, out, *, axis, keepdims: (
        restored(xp, g, x.shape, axis, keepdims)
        * xp.exp(_log_shares(xp, x, restored(xp, out, x.shape, axis, keepdims), axis))
    ),
    tex=r"\bar x_i = \bar y\,e^{x_i - y}",
    analytic=False,
    calls="reduce",
    reference=lambda x, axis=None, keepdims=False: np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims)),
    doc="""log(sum(exp(x))) along the axes, without overflow: -inf, with gradient 0, where all of x is -inf.

    Example:
        >>> import tinyseq as ts
        >>> ts.logsumexp(ts.tensor([[1000.0, 1000.0], [-float("inf"), -float("inf")]]), axis=1).numpy().round(4)
        array([1000.6931,      -inf])
    """,
    numpy="logaddexp.reduce",
)
softmax = op(
    "softmax",
    forward=lambda xp, x, *, axis=-1: xp.exp(_log_shares(xp, x, _log_sum(xp, x, axis), axis)),
    saves="out",
    vjp=lambda xp, g, y, *, axis: y * (g - xp.sum(g * y, axis=axis, keepdims=True)),
    tex=r"\bar x = y \odot (\bar y - \langle \bar y, y \rangle)",
    analytic=False,
    calls="axis",
    reference=lambda x, axis=-1: np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True),
    doc="exp(x) / sum(exp(x)) along an axis; all 0 where all of x is -inf.",
)


def _log_softmax_slope(xp: Any, g: Any, out: Any, *, axis: Any) -> Any:
    share = xp.exp(out)
    alive = xp.sum(share, axis=axis, keepdims=True) > 0
    return xp.where(alive, g - share * xp.sum(g, axis=axis, keepdims=True), 0.0)


log_softmax = op(
    "log_softmax",
    forward=lambda xp, x, *, axis=-1: _log_shares(xp, x, _log_sum(xp, x, axis), axis),
    saves="out",
    vjp=_log_softmax_slope,
    tex=r"\bar x = \bar y - e^y \sum \bar y",
    analytic=False,
    calls="axis",
    reference=lambda x, axis=-1: x - np.log(np.exp(x).sum(axis=axis, keepdims=True)),
    doc="x - logsumexp(x) along an axis, the log of `softmax`.",
)


def _pair_share(xp: Any, x: Any, y: Any, out: Any) -> Any:
    """The share of x in exp(x) + exp(y)."""
    infinite = out == _INF
    if bool(xp.any(infinite)):
        hit, other = (xp.astype((part == _INF) & infinite, out.dtype) for part in (x, y))
        even = hit / xp.where(infinite, hit + other, 1.0)
        return xp.where(infinite, even, _pair_share(xp, xp.where(infinite, 0.0, x), y, xp.where(infinite, 0.0, out)))
    return xp.exp(x - xp.where(out == -_INF, 0.0, out))


logaddexp = op(
    "logaddexp",
    forward=lambda xp, x, y: xp.logaddexp(x, y),
    saves=("x", "y", "out"),
    vjp=(
        lambda xp, g, x, y, out: g * _pair_share(xp, x, y, out),
        lambda xp, g, x, y, out: g * _pair_share(xp, y, x, out),
    ),
    broadcasts=True,
    tex=r"\bar x = \bar z\,e^{x - z},\quad \bar y = \bar z\,e^{y - z}",
    analytic=False,
    reference=lambda x, y: np.log(np.exp(x) + np.exp(y)),
    doc="log(exp(x) + exp(y)) without overflow.",
)
softplus = op(
    "softplus",
    forward=lambda xp, x: xp.logaddexp(x, xp.zeros_like(x)),
    saves="x",
    vjp=lambda xp, g, x: g * xp.sigmoid(x),
    tex=r"\bar x = \bar y\,\sigma(x)",
    analytic=False,
    reference=lambda x: np.log(1 + np.exp(x)),
)
log_sigmoid = op(
    "log_sigmoid",
    forward=lambda xp, x: -xp.logaddexp(-x, xp.zeros_like(x)),
    saves="x",
    vjp=lambda xp, g, x: g * xp.sigmoid(-x),
    tex=r"\bar x = \bar y\,\sigma(-x)",
    analytic=False,
    reference=lambda x: -np.log(1 + np.exp(-x)),
)


def _at_targets(targets: Any) -> Any:
    """The index of each row's target in an array whose last axis holds the classes."""
    return (*np.ix_(*(np.arange(side) for side in targets.shape)), targets)


def _cross_entropy(xp: Any, logits: Any, *, targets: Any) -> Any:
    total = xp.sum(_log_sum(xp, logits, -1), axis=-1)
    return total - xp.getitem(logits, index=_at_targets(targets))


def _cross_entropy_slope(xp: Any, g: Any, logits: Any, *, targets: Any) -> Any:
    # dL/dlogits = softmax(logits) - the target as a one-hot row
    hot = xp.scattered(xp.ones_like(g), index=_at_targets(targets), shape=tuple(logits.shape))
    return xp.expand_dims(g, axis=-1) * (xp.softmax(logits, axis=-1) - hot)


softmax_cross_entropy = op(
    "softmax_cross_entropy",
    forward=_cross_entropy,
    saves="logits",
    vjp=_cross_entropy_slope,
    tex=r"\bar x = \bar y\,(\hat y - y)",
    analytic=False,
    calls="cross_entropy",
    reference=lambda x, targets: np.log(np.exp(x).sum(-1)) - np.take_along_axis(x, targets[..., None], -1)[..., 0],
    doc="-log softmax(logits)[target] for each row; ``targets`` is an array of ids, one axis fewer than the logits.",
)
