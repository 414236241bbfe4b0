"""Running sums and products."""

from typing import Any

import numpy as np

from tinyseq.autograd.declare import FUNCTIONS, Accuracy, composite, op
from tinyseq.autograd.ops.reduce import along
from tinyseq.autograd.tensor import Tensor, TensorLike, constant
from tinyseq.backend.sums import running_total

_cumsum = op(
    "cumsum",
    forward=lambda xp, x, *, axis: running_total(xp, x, axis),
    vjp=lambda xp, g, *, axis: xp.flip(running_total(xp, xp.flip(g, axis=axis), axis), axis=axis),
    tex=r"\bar x_i = \sum_{j \ge i} \bar y_j",
    kind="along",
    reference=np.cumsum,
    ulps=Accuracy(value=8, gradient=8, cancels="terms", why="a sum of many terms, which may cancel"),
    numpy="add.accumulate",
)


def _running_product(xp: Any, x: Any, *, axis: Any) -> Any:
    """y_j = x_1 ... x_j, by steps, so that the rule needs no division by a zero."""
    return xp.cumulative_prod(x, axis=axis)


def _running_product_slope(xp: Any, g: Any, x: Any, *, axis: Any) -> Any:
    # x_i's share of y_j is (x_1 .. x_{i-1}) (x_{i+1} .. x_j); the sum over j >= i is a recurrence from the end,
    # s_i = g_i + x_{i+1} s_{i+1}, times the product before i
    length = x.shape[axis]
    at = [along(axis, x.ndim, i) for i in range(length)]
    sums, running = [], None
    for i in reversed(range(length)):
        running = g[at[i]] if running is None else g[at[i]] + x[at[i + 1]] * running
        sums.append(running)
    if not sums:
        return g
    first, but_last = (x[along(axis, x.ndim, slice(0, stop))] for stop in (1, length - 1))
    before = xp.concat([xp.ones_like(first), but_last], axis=axis)
    return xp.stack(sums[::-1], axis=axis) * xp.cumulative_prod(before, axis=axis)


_cumprod = op(
    "cumprod",
    forward=_running_product,
    saves="x",
    vjp=_running_product_slope,
    tex=r"\bar x_i = \sum_{j \ge i} \bar y_j \prod_{k \le j, k \ne i} x_k",
    kind="along",
    reference=np.cumprod,
    ulps=Accuracy(value=8, gradient=30, cancels="gradient", span=0.03, why="partial products may leave the range"),
    numpy="multiply.accumulate",
)


@composite(method=True)
def cumsum(x: TensorLike, axis: int | None = None) -> Tensor:
    """Cumulative sums along an axis, or of the flattened tensor if it is None.

    Args:
        x: the values.
        axis: the axis; None flattens x first.

    Returns:
        A tensor of x's shape, or a vector if the axis is None.

    Raises:
        ValueError: there is no such axis.

    Example:
        >>> import tinyseq as ts
        >>> ts.cumsum(ts.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0).tolist()
        [[1.0, 2.0], [4.0, 6.0]]
    """
    return _cumsum(*_in_a_row(x, axis))


@composite(method=True)
def cumprod(x: TensorLike, axis: int | None = None) -> Tensor:
    """Cumulative products along an axis, or of the flattened tensor if it is None.

    Args:
        x: the values.
        axis: the axis; None flattens x first.

    Returns:
        A tensor of x's shape, or a vector if the axis is None.

    Raises:
        ValueError: there is no such axis.

    Example:
        >>> import tinyseq as ts
        >>> ts.cumprod(ts.tensor([1.0, 2.0, 3.0]))
        tensor([1., 2., 6.])
    """
    return _cumprod(*_in_a_row(x, axis))


def _in_a_row(x: TensorLike, axis: int | None) -> tuple[Tensor, int]:
    """The tensor and its axis, or the flattened tensor if the axis is None, as in NumPy."""
    x = constant(x)
    return (x.reshape(-1), 0) if axis is None or not x.shape else (x, axis)


# Under the names of the array-API standard, as rules use them.
FUNCTIONS["cumulative_sum"], FUNCTIONS["cumulative_prod"] = cumsum, cumprod
