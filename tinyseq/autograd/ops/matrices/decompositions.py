r"""Matrix decompositions, of symmetric and of general matrices; each takes a batch of matrices too.

`cholesky` and `eigh` are functions of the symmetric part (x + xᵀ)/2 of their argument, which is the argument itself if
it is symmetric, as it should be: so their gradients are symmetric. Eigenvectors of equal eigenvalues, and singular
vectors of equal singular values, have no derivative: a gradient through them is NaN, while one through the values
alone is correct.
"""

from typing import Any, NamedTuple

import numpy as np

from tinyseq.autograd.declare import CONDITIONED, POSITIVE, as_numpy, composite, op
from tinyseq.autograd.ops.matrices.systems import beside, columns, rows
from tinyseq.autograd.ops.moves.arranging import tril, triu
from tinyseq.autograd.ops.moves.shape import matrix_transpose
from tinyseq.autograd.tensor import Tensor, TensorLike
from tinyseq.backend import of_real

NAN = float("nan")


def _square(x: Any) -> Any:
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ValueError(f"expected a square matrix, or a batch of them, got shape {x.shape}")
    return x


def _symmetric(xp: Any, x: Any) -> Any:
    return (x + xp.matrix_transpose(x)) / 2


# -- symmetric matrices ------------------------------------------------------------------------------------------------


def _cholesky_slope(xp: Any, g: Any, y: Any) -> Any:
    turned = xp.matrix_transpose(y)
    inside = turned @ g
    inside = (xp.tril(inside) + xp.tril(inside, k=-1)) / 2  # the lower triangle, and half of the diagonal
    left = xp.solve(turned, inside)
    return _symmetric(xp, xp.solve(turned, xp.matrix_transpose(left)))


cholesky = op(
    "cholesky",
    forward=lambda xp, x: xp.linalg.cholesky(_symmetric(xp, _square(of_real(xp, x)))),
    saves="out",
    vjp=_cholesky_slope,
    tex=r"\bar x = \operatorname{sym}(y^{-\top} \operatorname{tril}_{1/2}(y^\top \bar y)\,y^{-1})",
    domain=POSITIVE,
    analytic=False,
    calls="symmetric",
    reference=lambda x: np.linalg.cholesky((x + np.swapaxes(x, -1, -2)) / 2),
    ulps=CONDITIONED,
    doc="""The lower triangle y with y @ yᵀ = x, for a symmetric positive definite x.

    Args:
        x: (..., n, n).

    Returns:
        (..., n, n).

    Raises:
        numpy.linalg.LinAlgError: if x is not positive definite.

    Example:
        >>> import tinyseq as ts
        >>> ts.cholesky(ts.tensor([[4.0, 2.0], [2.0, 2.0]])).tolist()
        [[2.0, 0.0], [1.0, 1.0]]
    """,
)


def _quotients(xp: Any, gap: Any) -> Any:
    """1 / gap off the diagonal and 0 on it; NaN where values are equal."""
    diagonal = beside(gap, np.eye(gap.shape[-1]))
    apart = gap + diagonal
    equal = apart == 0
    return xp.where(equal, NAN, (1 - diagonal) / xp.where(equal, 1.0, apart))


def _eigh_slope(xp: Any, gs: Any, x: Any) -> Any:
    values, vectors = xp.eigh(x)
    turned = xp.matrix_transpose(vectors)
    of_values, of_vectors = gs
    g = xp.zeros_like(x) if of_values is None else (vectors * rows(xp, of_values)) @ turned
    if of_vectors is not None:
        inside = _quotients(xp, rows(xp, values) - columns(xp, values)) * (turned @ of_vectors)
        g = g + vectors @ inside @ turned
    return _symmetric(xp, g)


_eigh = op(
    "eigh",
    forward=lambda xp, x: list(xp.linalg.eigh(_symmetric(xp, _square(of_real(xp, x))))),
    saves="x",
    vjp=_eigh_slope,
    outputs=True,
    tex=r"\bar x = y_2 (\operatorname{diag} \bar y_1 + F \odot y_2^\top \bar y_2)\,y_2^\top",
    analytic=False,
    calls="symmetric",
    reference=lambda x: list(np.linalg.eigh((x + np.swapaxes(x, -1, -2)) / 2)),
    ulps=CONDITIONED,
)


class EighResult(NamedTuple):
    """Eigenvalues in ascending order, and eigenvectors as columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


@composite
def eigh(x: TensorLike) -> EighResult:
    """The eigenvalues of a symmetric matrix in ascending order, and its eigenvectors as columns.

    The signs of the eigenvectors are LAPACK's. Where eigenvalues are equal, a gradient of the vectors is NaN.

    Args:
        x: (..., n, n), symmetric.

    Returns:
        ``eigenvalues`` (..., n) and ``eigenvectors`` (..., n, n), one in each column.

    Raises:
        ValueError: the matrices are not square.

    Example:
        >>> import tinyseq as ts
        >>> ts.eigh(ts.tensor([[2.0, 1.0], [1.0, 2.0]])).eigenvalues
        tensor([1., 3.])
    """
    return EighResult(*_eigh(x))


@composite
def eigvalsh(x: TensorLike) -> Tensor:
    """The eigenvalues of a symmetric matrix in ascending order.

    Args:
        x: (..., n, n), symmetric.

    Returns:
        (..., n).

    Raises:
        ValueError: the matrices are not square.

    Example:
        >>> import tinyseq as ts
        >>> ts.eigvalsh(ts.tensor([[2.0, 0.0], [0.0, 1.0]]))
        tensor([1., 2.])
    """
    return eigh(x).eigenvalues


# -- any matrix --------------------------------------------------------------------------------------------------------


def _svd_slope(xp: Any, gs: Any, x: Any, *, full_matrices: Any) -> Any:
    of_u, of_s, of_vh = gs
    m, n = x.shape[-2:]
    if full_matrices and m != n and not (of_u is None and of_vh is None):
        raise ValueError(f"svd: the full U and Vh of matrices of {m} x {n} have no derivative; use full_matrices=False")
    u, s, vh = xp.svd(x, full_matrices=False)
    u_t, v = xp.matrix_transpose(u), xp.matrix_transpose(vh)
    g = xp.zeros_like(x) if of_s is None else (u * rows(xp, of_s)) @ vh
    if of_u is None and of_vh is None:
        return g
    apart = _quotients(xp, (rows(xp, s) - columns(xp, s)) * (rows(xp, s) + columns(xp, s)))
    if of_u is not None:
        inside = u_t @ of_u
        g = g + u @ (apart * (inside - xp.matrix_transpose(inside)) * rows(xp, s)) @ vh
        if m > n:
            g = g + ((of_u - u @ inside) / rows(xp, s)) @ vh
    if of_vh is not None:
        inside = of_vh @ v
        g = g + u @ (columns(xp, s) * apart * (xp.matrix_transpose(inside) - inside)) @ vh
        if n > m:
            g = g + u @ ((of_vh - inside @ vh) / columns(xp, s))
    return g


_svd = op(
    "svd",
    forward=lambda xp, x, *, full_matrices=True: list(xp.linalg.svd(x, full_matrices=full_matrices)),
    saves="x",
    vjp=_svd_slope,
    outputs=True,
    tex=r"\bar x = y_1 (\operatorname{diag} \bar y_2 + F \odot \dots)\,y_3",
    domain=POSITIVE,
    analytic=False,
    calls="svd",
    reference=lambda x, full_matrices=True: list(np.linalg.svd(x, full_matrices=full_matrices)),
    ulps=CONDITIONED,
)


class SVDResult(NamedTuple):
    """Left singular vectors as columns, singular values in descending order, right singular vectors as rows."""

    U: Tensor
    S: Tensor
    Vh: Tensor


@composite
def svd(x: TensorLike, full_matrices: bool = True) -> SVDResult:
    """The singular value decomposition x = U @ diag(S) @ Vh.

    Args:
        x: (..., m, n).
        full_matrices: whether U is (m, m) and Vh is (n, n), as in NumPy, or (m, k) and (k, n) with k = min(m, n). With
            full matrices of one that is not square, only S has a gradient.

    Returns:
        U, S and Vh. Where singular values are equal, a gradient of U or Vh is NaN.

    Example:
        >>> import tinyseq as ts
        >>> ts.svd(ts.tensor([[3.0, 0.0], [0.0, 4.0]])).S
        tensor([4., 3.])
    """
    return SVDResult(*_svd(x, full_matrices=full_matrices))


@composite
def svdvals(x: TensorLike) -> Tensor:
    """The singular values in descending order.

    Args:
        x: (..., n, m).

    Returns:
        (..., min(n, m)), the largest first.

    Example:
        >>> import tinyseq as ts
        >>> ts.svdvals(ts.tensor([[0.0, 2.0], [1.0, 0.0]]))
        tensor([2., 1.])
    """
    return svd(x, full_matrices=False).S


def _tall_slope(xp: Any, q: Any, r: Any, of_q: Any, of_r: Any) -> Any:
    inside = r @ xp.matrix_transpose(of_r) - xp.matrix_transpose(of_q) @ q
    inside = xp.tril(inside) + xp.matrix_transpose(xp.tril(inside, k=-1))
    return xp.matrix_transpose(xp.solve(r, xp.matrix_transpose(of_q + q @ inside)))


def _qr_slope(xp: Any, gs: Any, x: Any) -> Any:
    q, r = xp.qr(x)
    of_q, of_r = (xp.zeros_like(part) if g is None else g for part, g in zip((q, r), gs, strict=True))
    m = x.shape[-2]
    if m >= x.shape[-1]:
        return _tall_slope(xp, q, r, of_q, of_r)
    beyond = of_r[..., m:]  # the columns that Q was not made from are Q times theirs of R
    of_q = of_q + x[..., m:] @ xp.matrix_transpose(beyond)
    first = _tall_slope(xp, q, r[..., :m], of_q, of_r[..., :m])
    return xp.concat([first, q @ beyond], axis=x.ndim - 1)


_qr = op(
    "qr",
    forward=lambda xp, x: list(xp.linalg.qr(x)),
    saves="x",
    vjp=_qr_slope,
    outputs=True,
    tex=r"\bar x = (\bar y_1 + y_1 \operatorname{sym}(y_2 \bar y_2^\top - \bar y_1^\top y_1))\,y_2^{-\top}",
    domain=POSITIVE,
    analytic=False,
    calls="rectangular",
    reference=lambda x: list(np.linalg.qr(x)),
    ulps=CONDITIONED,
)


class QRResult(NamedTuple):
    """Orthogonal columns, and an upper triangle."""

    Q: Tensor
    R: Tensor


@composite
def qr(x: TensorLike) -> QRResult:
    """The factors of x = Q @ R: k = min(m, n) orthogonal columns (..., m, k), and an upper triangle (..., k, n).

    Args:
        x: (..., n, m).

    Returns:
        ``Q`` (..., n, k) with orthonormal columns, and ``R`` (..., k, m), upper triangular, k = min(n, m).

    Example:
        >>> import tinyseq as ts
        >>> q, r = ts.qr(ts.tensor([[3.0, 1.0], [4.0, 2.0]]))
        >>> (q @ r).numpy().round(12).tolist()
        [[3.0, 1.0], [4.0, 2.0]]
    """
    return QRResult(*_qr(x))


# -- NumPy reads one triangle, and ignores the other -------------------------------------------------------------------


def _mirrored(x: TensorLike, upper: bool) -> Tensor:
    """The symmetric matrix that has this triangle of x on both sides."""
    triangle, beyond = (triu, 1) if upper else (tril, -1)
    return triangle(x) + matrix_transpose(triangle(x, k=beyond))


@as_numpy("cholesky")
def _numpy_cholesky(x: TensorLike, upper: bool = False) -> Tensor:
    lower: Tensor = cholesky(_mirrored(x, upper))
    turned = matrix_transpose(lower)
    return turned if upper else lower


@as_numpy("eigh")
def _numpy_eigh(x: TensorLike) -> Any:  # from the upper triangle, LAPACK gives other signs to the eigenvectors
    return eigh(_mirrored(x, False))


@as_numpy("eigvalsh")
def _numpy_eigvalsh(x: TensorLike, UPLO: str = "L") -> Tensor:
    return eigvalsh(_mirrored(x, UPLO.upper() == "U"))
