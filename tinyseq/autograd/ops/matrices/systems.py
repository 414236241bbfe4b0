"""Systems of equations, inverses and determinants of matrices, each for a batch of matrices too."""

from typing import Any, NamedTuple

import numpy as np

from tinyseq.autograd.declare import CONDITIONED, POSITIVE, REAL, composite, op
from tinyseq.autograd.tensor import Tensor, TensorLike, constant, constant_like
from tinyseq.backend import namespace_of


def beside(x: Any, values: Any) -> Any:
    """NumPy values as the same kind of object as x (raw array or Tensor), of its library and type."""
    return constant_like(x, values) if isinstance(x, Tensor) else namespace_of(x).asarray(values, dtype=x.dtype)


def columns(xp: Any, x: Any) -> Any:
    """Vectors as matrices of one column."""
    return xp.expand_dims(x, axis=-1)


def rows(xp: Any, x: Any) -> Any:
    """Vectors as matrices of one row."""
    return xp.expand_dims(x, axis=-2)


# -- systems and inverses ----------------------------------------------------------------------------------------------


def _inverse_slope(xp: Any, g: Any, y: Any) -> Any:
    turned = xp.matrix_transpose(y)
    return -(turned @ g @ turned)


inv = op(
    "inv",
    forward=lambda xp, x: xp.linalg.inv(x),
    saves="out",
    vjp=_inverse_slope,
    tex=r"\bar x = -y^\top \bar y\,y^\top",
    domain=POSITIVE,
    calls="square",
    reference=lambda x: np.linalg.solve(x, np.broadcast_to(np.eye(x.shape[-1]), x.shape)),
    ulps=CONDITIONED,
    doc="""The inverse of a square matrix, or of each matrix of a batch; to solve equations, `solve` is better.

    Args:
        x: (..., n, n).

    Returns:
        (..., n, n).

    Raises:
        numpy.linalg.LinAlgError: if the matrix is singular.

    Example:
        >>> import tinyseq as ts
        >>> ts.inv(ts.tensor([[2.0, 0.0], [0.0, 4.0]])).tolist()
        [[0.5, 0.0], [0.0, 0.25]]
    """,
)


def _right_side_slope(xp: Any, g: Any, x: Any, z: Any, ndim: Any) -> Any:
    if ndim > 1:
        return xp.solve(xp.matrix_transpose(x), g)
    column = xp.solve(xp.matrix_transpose(x), columns(xp, g))
    return xp.reshape(column, column.shape[:-1])


def _matrix_slope(xp: Any, g: Any, x: Any, z: Any, ndim: Any) -> Any:
    if ndim == 1:
        g, z = columns(xp, g), columns(xp, z)
    return -(xp.solve(xp.matrix_transpose(x), g) @ xp.matrix_transpose(z))


def _solution(xp: Any, x: Any, y: Any) -> Any:
    if y.ndim == 1:
        return _solution(xp, x, columns(xp, y))[..., 0]
    if x.shape[:-2] != y.shape[:-2] and x.ndim > 1:  # which not all libraries broadcast
        batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        x, y = (xp.broadcast_to(part, (*batch, *part.shape[-2:])) for part in (x, y))
    return xp.linalg.solve(x, y)


solve = op(
    "solve",
    forward=_solution,
    saves=("x", "out", "y.ndim"),
    vjp=(_matrix_slope, _right_side_slope),
    broadcasts=True,
    tex=r"\bar y = (x^\top)^{-1} \bar z,\quad \bar x = -\bar y\,z^\top",
    domain=(POSITIVE, REAL),
    calls="system",
    reference=lambda x, y: np.linalg.inv(x) @ y,
    ulps=CONDITIONED,
    doc="""The solution z of x @ z = y.

    As in NumPy, y is a vector only if it has one axis; else its last two axes are a matrix, each column of which is a
    right-hand side.

    Args:
        x: (..., n, n).
        y: (n,), or (..., n, k).

    Returns:
        A tensor of y's shape, broadcast to the batch of x.

    Raises:
        numpy.linalg.LinAlgError: if the matrix is singular.

    Example:
        >>> import tinyseq as ts
        >>> ts.solve(ts.tensor([[2.0, 0.0], [0.0, 4.0]]), ts.tensor([2.0, 2.0]))
        tensor([1. , 0.5])
    """,
)


def _pinv_slope(xp: Any, g: Any, x: Any, y: Any) -> Any:
    y_t, g_t = xp.matrix_transpose(y), xp.matrix_transpose(g)
    left, right = g_t @ y @ y_t, y_t @ y @ g_t
    return left - x @ (y @ left) + right - (right @ y) @ x - y_t @ g @ y_t


pinv = op(
    "pinv",
    forward=lambda xp, x: xp.linalg.pinv(x),
    saves=("x", "out"),
    vjp=_pinv_slope,
    tex=r"\bar x = -y^\top \bar y\,y^\top + (1 - x y)\,\bar y^\top y y^\top + y^\top y\,\bar y^\top (1 - y x)",
    domain=POSITIVE,
    analytic=False,
    calls="rectangular",
    reference=lambda x: (
        np.linalg.solve(np.swapaxes(x, -1, -2) @ x, np.swapaxes(x, -1, -2))
        if x.shape[-2] >= x.shape[-1]
        else np.swapaxes(np.linalg.solve(x @ np.swapaxes(x, -1, -2), x), -1, -2)
    ),
    ulps=CONDITIONED,
    doc="""The Moore-Penrose pseudo-inverse; its gradient assumes constant rank.

    Args:
        x: (..., m, n).

    Returns:
        (..., n, m).
    """,
    example=("ts.pinv(ts.tensor([[2.0], [0.0]])).tolist()", "[[0.5, 0.0]]"),
)


@composite
def matrix_power(x: TensorLike, n: int) -> Tensor:
    """The n-th power of a square matrix; for negative n, of its inverse.

    Args:
        x: (..., n, n).
        n: the power, a whole number.

    Returns:
        (..., n, n).

    Raises:
        ValueError: if the matrix is not square.

    Example:
        >>> import tinyseq as ts
        >>> ts.matrix_power(ts.tensor([[1.0, 1.0], [0.0, 1.0]]), 5).tolist()
        [[1.0, 5.0], [0.0, 1.0]]
    """
    x = constant(x)
    if x.ndim < 2 or x.shape[-2] != x.shape[-1]:
        raise ValueError(f"matrix_power takes square matrices, got shape {x.shape}")
    factor: Tensor = inv(x) if n < 0 else x
    power: Tensor | None = None
    for bit in reversed(f"{abs(n):b}"):  # exponentiation by squaring
        if bit == "1":
            power = factor if power is None else power @ factor
        factor = factor @ factor
    return constant_like(x, np.broadcast_to(np.eye(x.shape[-1]), x.shape)).to(x.dtype) if power is None else power


# -- determinants ------------------------------------------------------------------------------------------------------


def _cofactors(xp: Any, x: Any) -> Any:
    """The matrix of cofactors; no inverse is needed."""
    n = x.shape[-1]
    if n == 1:
        return xp.ones_like(x)
    others = np.array([[j for j in range(n) if j != i] for i in range(n)])
    minors = xp.getitem(x, index=(..., others[:, None, :, None], others[None, :, None, :]))
    return xp.det(minors) * beside(x, (-1.0) ** np.add.outer(np.arange(n), np.arange(n)))


def _det_slope(xp: Any, g: Any, x: Any, y: Any) -> Any:
    if bool(xp.all(y != 0)):
        return columns(xp, columns(xp, g * y)) * xp.matrix_transpose(xp.inv(x))
    return columns(xp, columns(xp, g)) * _cofactors(xp, x)


det = op(
    "det",
    forward=lambda xp, x: xp.linalg.det(x),
    saves=("x", "out"),
    vjp=_det_slope,
    tex=r"\bar x = \bar y\,y\,(x^{-1})^\top",
    domain=POSITIVE,
    calls="square",
    reference=lambda x: np.prod(np.linalg.eigvals(x), axis=-1).real,
    ulps=CONDITIONED,
    doc="""The determinant; its gradient, the cofactors, is correct for singular matrices too.

    Args:
        x: (..., n, n).

    Returns:
        (...).

    Raises:
        numpy.linalg.LinAlgError: if the matrices are not square.
    """,
    example=("ts.det(ts.tensor([[2.0, 0.0], [0.0, 4.0]]))", "tensor(8.)"),
)


class SlogdetResult(NamedTuple):
    """The sign of a determinant, and the logarithm of its size."""

    sign: Tensor
    logabsdet: Tensor


def _slogdet_slope(xp: Any, gs: Any, x: Any) -> Any:
    if gs[1] is None:
        return xp.zeros_like(x)
    return columns(xp, columns(xp, gs[1])) * xp.matrix_transpose(xp.inv(x))


_slogdet = op(
    "slogdet",
    forward=lambda xp, x: list(xp.linalg.slogdet(x)),
    saves="x",
    vjp=_slogdet_slope,
    outputs=True,
    tex=r"\bar x = \bar y_2\,(x^{-1})^\top",
    analytic=False,
    domain=POSITIVE,
    calls="square",
    reference=lambda x: [np.sign(np.linalg.det(x)), np.log(np.abs(np.prod(np.linalg.eigvals(x), axis=-1)))],
    ulps=CONDITIONED,
)


@composite
def slogdet(x: TensorLike) -> SlogdetResult:
    """The sign of the determinant and the logarithm of its size, which neither overflow nor underflow.

    The gradient of the logarithm needs a matrix that is not singular; the sign has gradient 0.

    Args:
        x: (..., n, n).

    Returns:
        ``sign`` and ``logabsdet``, each (...).

    Example:
        >>> import tinyseq as ts
        >>> ts.slogdet(ts.eye(400) * 0.1).logabsdet
        tensor(-921.0340372)
    """
    return SlogdetResult(*_slogdet(x))
