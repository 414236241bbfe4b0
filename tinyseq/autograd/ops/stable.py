r"""Log-space ops, with defined values and gradients at infinity.

Where everything is -inf, the log of a sum of exponentials is -inf and its gradient 0; where some terms are +inf, they
share the gradient equally. There is no NaN, no epsilon, and no warning. The maximum is taken off first, and added again
only where the result needs it, so that probabilities of scores of 10^8 lose no digit.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from tinyseq.autograd.declare import Accuracy, op
from tinyseq.autograd.ops import by_rows
from tinyseq.autograd.ops.reduce import restored
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import frozen, made_once, namespace_of, of_real
from tinyseq.backend.sums import in_single, total

_INF = float("inf")


def _long_terms(x: Any, axis: Any) -> tuple[Any, Any]:
    """For the tests: x minus its largest element, and the log of the sum of its exponentials."""
    rest = x - np.max(x, axis=axis, keepdims=True, initial=-np.finfo(x.dtype).max)
    return rest, np.log(np.exp(rest).sum(axis=axis, keepdims=True))


def _long_logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    log_total = _long_terms(x, axis)[1] + np.max(x, axis=axis, keepdims=True, initial=-np.finfo(x.dtype).max)
    return log_total if keepdims else log_total.sum(axis=axis)


class _Terms(NamedTuple):
    """The terms of log(sum(exp(x))), all minus the largest of them; reduced axes are kept.

    Attributes:
        top: the largest x; 0 where there is none.
        rest: x - top: 0 for those that are +inf, -inf where all are -inf.
        exp: exp(rest).
        total: the sum of ``exp``; 0 where all are -inf, NaN where there is a NaN.
    """

    top: Any
    rest: Any
    exp: Any
    total: Any

    def log_total(self, xp: Any) -> Any:
        """The log of the sum; 0 where all are -inf, as then ``top`` and ``rest`` say it."""
        return xp.log(xp.where(self.total == 0, 1.0, self.total))

    def shares(self, xp: Any) -> Any:
        """exp / total; 0 where all are -inf."""
        return self.exp / xp.where(self.total == 0, 1.0, self.total)


def _real(xp: Any, x: Any) -> Any:
    """Whole numbers, of which those without a sign have no negative, and booleans as float64."""
    return x if xp.isdtype(x.dtype, "real floating") else xp.astype(of_real(xp, x), xp.float64)


def _terms(xp: Any, x: Any, axis: Any) -> _Terms:
    x = _real(xp, x)
    if 0 in x.shape:
        nothing = xp.sum(x, axis=axis, keepdims=True)
        return _Terms(nothing - _INF, x, x, nothing)
    top = xp.max(x, axis=axis, keepdims=True)
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf, for which fmin has 0; and -1e308 - 1e308
        rest = xp.fmin(x - xp.maximum(top, float(xp.finfo(x.dtype).min)), xp.zeros_like(top))
    exp = xp.exp(rest)
    whole = total(xp, exp, axis, keepdims=True)
    return _Terms(top, rest, exp, xp.where(xp.isnan(top), top, whole))


@in_single
def _log_sum(xp: Any, x: Any, *, axis: Any = None, keepdims: Any = False) -> Any:
    terms = _terms(xp, x, axis)
    found = terms.top + terms.log_total(xp)
    return found if keepdims else xp.sum(found, axis=axis)


@in_single
def _softmax(xp: Any, x: Any, *, axis: Any = -1) -> Any:
    return _terms(xp, x, axis).shares(xp)


@in_single
def _log_softmax(xp: Any, x: Any, *, axis: Any = -1) -> Any:
    terms = _terms(xp, x, axis)
    return terms.rest - terms.log_total(xp)


logsumexp = op(
    "logsumexp",
    forward=_log_sum,
    saves="x",
    # exp(x - y) is the same, but y is rounded: over a thousand steps the shares would no longer add up to 1
    vjp=lambda xp, g, x, *, axis, keepdims: restored(xp, g, x.shape, axis, keepdims) * xp.softmax(x, axis=axis),
    tex=r"\bar x_i = \bar y\,e^{x_i - y}",
    analytic=False,
    method=True,
    slope_bound=1.0,
    symbol="log Σ exp",
    sums_paths=True,
    kind="reduction",
    reference=_long_logsumexp,
    ulps=Accuracy(gradient=8, cancels="value gradient", why="the largest term and the log of the sum may cancel"),
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
    forward=_softmax,
    saves="out",
    vjp=lambda xp, g, y, *, axis: y * (g - total(xp, g * y, axis, keepdims=True)),
    tex=r"\bar x = y \odot (\bar y - \langle \bar y, y \rangle)",
    analytic=False,
    method=True,
    slope_bound=1.0,
    kind="along",
    reference=lambda x, axis=-1: np.exp(np.subtract(*_long_terms(x, axis))),
    ulps=Accuracy(gradient=8, cancels="shares", why="errors are those of the largest share"),
    doc="exp(x) / sum(exp(x)) along an axis; all 0 where all of x is -inf.",
    example=("ts.softmax(ts.tensor([1000.0, 1000.0]))", "tensor([0.5, 0.5])"),
)


def _log_softmax_slope(xp: Any, g: Any, out: Any, *, axis: Any) -> Any:
    share = xp.exp(out)
    impossible = xp.sum(share, axis=axis, keepdims=True) == 0
    return xp.where(impossible, 0.0, g - share * total(xp, g, axis, keepdims=True))


log_softmax = op(
    "log_softmax",
    forward=_log_softmax,
    saves="out",
    vjp=_log_softmax_slope,
    tex=r"\bar x = \bar y - e^y \sum \bar y",
    analytic=False,
    method=True,
    kind="along",
    reference=lambda x, axis=-1: np.subtract(*_long_terms(x, axis)),
    ulps=Accuracy(gradient=8, cancels="shares", why="errors are those of the largest share"),
    doc="x - logsumexp(x) along an axis, the log of `softmax`.",
    example=("ts.log_softmax(ts.tensor([0.0, 1000.0]))", "tensor([-1000.,     0.])"),
)


def _pair_share(xp: Any, g: Any, x: Any, y: Any) -> Any:
    """The share of x in exp(x) + exp(y), sigmoid(x - y): 1/2 where both are inf, 0 where both are -inf."""
    infinite = (x == y) & (xp.abs(x) == _INF)
    with np.errstate(invalid="ignore", over="ignore"):
        apart = xp.where(infinite, 0.0, x - y)
    return g * xp.where(infinite & (x < 0), 0.0, xp.sigmoid(apart))


logaddexp = op(
    "logaddexp",
    forward=lambda xp, x, y: xp.logaddexp(x, y),
    saves=("x", "y"),
    vjp=(_pair_share, lambda xp, g, x, y: _pair_share(xp, g, y, x)),
    broadcasts=True,
    tex=r"\bar x = \bar z\,e^{x - z},\quad \bar y = \bar z\,e^{y - z}",
    analytic=False,
    slope_bound=1.0,
    reference=lambda x, y: np.maximum(x, y) + np.log1p(np.exp(-np.abs(x - y))),
    ulps=Accuracy(cancels="value gradient", gradient=8, why="the larger term and the log may cancel; x - y is rounded"),
    doc="log(exp(x) + exp(y)) without overflow.",
    example=(
        "ts.logaddexp(ts.tensor([0.0, 1000.0]), ts.tensor([0.0, 1000.0]))",
        "tensor([6.93147181e-01, 1.00069315e+03])",
    ),
)
softplus = op(
    "softplus",
    forward=lambda xp, x: xp.logaddexp(x, xp.zeros_like(x)),
    saves="x",
    vjp=lambda xp, g, x: g * xp.sigmoid(x),
    tex=r"\bar x = \bar y\,\sigma(x)",
    analytic=False,
    slope_bound=1.0,
    reference=lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    doc="log(1 + exp(x)), without overflow.",
    example=("ts.softplus(ts.tensor([-1000.0, 1000.0]))", "tensor([   0., 1000.])"),
)
log_sigmoid = op(
    "log_sigmoid",
    forward=lambda xp, x: -xp.logaddexp(-_real(xp, x), xp.zeros_like(_real(xp, x))),
    saves="x",
    vjp=lambda xp, g, x: g * xp.sigmoid(-x),
    tex=r"\bar x = \bar y\,\sigma(-x)",
    analytic=False,
    slope_bound=1.0,
    reference=lambda x: np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))),
    doc="log(sigmoid(x)), without overflow.",
    example=("ts.log_sigmoid(ts.tensor([-1000.0, 1000.0]))", "tensor([-1000.,    -0.])"),
)


def _at_targets(targets: Any, classes: int) -> Any:
    """The flat index of each row's target in an array whose last axis holds the classes."""
    return made_once(targets, classes, lambda ids: frozen(_flat_index(ids, classes)))


def _check_targets(targets: Any, classes: int) -> None:
    wrong = (targets < 0) | (targets >= classes)
    if wrong.any():
        raise IndexError(f"target {int(targets[wrong][0])} lies outside [0, {classes})")


def _flat_index(targets: Any, classes: int) -> Any:
    _check_targets(targets, classes)
    index = np.arange(targets.size).reshape(targets.shape) * classes + targets
    return np.asarray(index) if isinstance(index, np.generic) else index


def _cross_entropy(xp: Any, logits: Any, *, targets: Any, kept: list[Any] | None = None) -> Any:
    logits = _real(xp, logits)
    if xp.on_host:
        _check_targets(targets, logits.shape[-1])
        return by_rows.losses(xp, logits, targets, kept)
    cells = _at_targets(targets, logits.shape[-1])
    terms = _terms(xp, logits, -1)
    return xp.sum(terms.log_total(xp), axis=-1) - xp.getitem(xp.reshape(terms.rest, (-1,)), index=cells)


def _cross_entropy_slope(xp: Any, g: Any, logits: Any, *, targets: Any, kept: list[Any] | None) -> Any:
    # dL/dlogits = softmax(logits) - the target as a one-hot row; both 0 where all of a row is -inf
    values = logits._array if isinstance(logits, Tensor) else logits
    if values is logits and xp.on_host:
        return by_rows.gradient(xp, g, logits, targets, kept)
    library = namespace_of(values)
    possible = library.max(values, axis=-1) > -_INF
    ones = xp.where(possible, xp.ones_like(g), 0.0)
    hot = xp.scattered(ones, index=_at_targets(targets, logits.shape[-1]), shape=(math.prod(logits.shape),))
    return xp.expand_dims(g, axis=-1) * (xp.softmax(logits, axis=-1) - xp.reshape(hot, tuple(logits.shape)))


softmax_cross_entropy = op(
    "softmax_cross_entropy",
    forward=_cross_entropy,
    saves="logits",
    vjp=_cross_entropy_slope,
    tex=r"\bar x = \bar y\,(\hat y - y)",
    analytic=False,
    kind="other",
    axes=lambda use, axis: [axis],
    symbol="cross entropy",
    calls="cross_entropy",
    reference=lambda x, targets: -np.take_along_axis(np.subtract(*_long_terms(x, -1)), targets[..., None], -1)[..., 0],
    ulps=Accuracy(gradient=8, cancels="shares", why="errors are those of the largest share"),
    doc="""-log softmax(logits)[target] for each row; ``targets`` is an array of ids, one axis fewer than the logits.

    ``kept`` is an empty list for what the backward pass would compute again, exponentials of the logits.
    """,
)
