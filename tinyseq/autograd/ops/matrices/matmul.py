"""Products: matmul for any number of axes, einsum, and functions built on them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyseq.arguments import whole
from tinyseq.autograd.declare import OPS, Accuracy, Summed, composite, op, summed_to
from tinyseq.autograd.ops.moves.index import getitem
from tinyseq.autograd.ops.moves.layout import product, rows_of, side_by_side
from tinyseq.autograd.ops.moves.shape import transpose
from tinyseq.autograd.ops.reduce import axis_of
from tinyseq.autograd.ops.reduce import sum as total
from tinyseq.autograd.tensor import Tensor, TensorLike, constant
from tinyseq.backend import namespace_of
from tinyseq.backend.sums import contracted


def _flat(xp: Any, x: Any, keep_row: Any) -> Any:
    """A batch of matrices as one matrix: rows (or columns) are kept, the batch is joined along the other axis."""
    if x.ndim == 2:
        return x
    if keep_row:  # (..., m, n) -> (m, batch * n)
        order = (x.ndim - 2, *range(x.ndim - 2), x.ndim - 1)
        return xp.reshape(xp.permute_dims(x, order), (x.shape[-2], math.prod(x.shape[:-2]) * x.shape[-1]))
    return xp.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))


def _left(xp: Any, terms: Any) -> Any:
    """Gradient of x in x @ y: the sum over uses of g yᵀ, as one product of the uses side by side."""
    x = terms[0][1]
    if len(terms) > 1 and x.ndim == 2 and all(y.ndim >= 2 for _, _, y in terms):
        g = side_by_side(xp, [_flat(xp, g, True) for g, _, _ in terms])
        y = side_by_side(xp, [_flat(xp, _spread(xp, y, g), True) for g, _, y in terms])
        return g @ xp.matrix_transpose(y)
    return _total(summed_to(xp, _left_one(xp, *term), x.shape) for term in terms)


def _right(xp: Any, terms: Any) -> Any:
    """Gradient of y in x @ y: the sum over uses of xᵀ g, as one product of the uses stacked vertically."""
    y = terms[0][2]
    if len(terms) > 1 and y.ndim == 2 and all(x.ndim >= 2 for _, x, _ in terms):
        g = xp.concat([_flat(xp, g, False) for g, _, _ in terms], axis=0)
        x = xp.concat([_flat(xp, _spread(xp, x, g), False) for g, x, _ in terms], axis=0)
        return xp.matrix_transpose(x) @ g
    return _total(summed_to(xp, _right_one(xp, *term), y.shape) for term in terms)


def _spread(xp: Any, x: Any, g: Any) -> Any:
    """x broadcast to the batch axes of the product."""
    shape = tuple(g.shape[:-2]) + tuple(x.shape[-2:])
    return x if x.shape == shape else xp.broadcast_to(x, shape)


def _total(parts: Any) -> Any:
    total = None
    for part in parts:
        total = part if total is None else total + part
    return total


def _left_one(xp: Any, g: Any, x: Any, y: Any) -> Any:
    if x.ndim == 2:
        if y.ndim == 2:
            return g @ y.T
        if y.ndim > 2:  # one product of the whole batch, and not a sum of one for each
            rows = rows_of(y) if y.shape[:-2] == g.shape[:-2] else None
            if rows is None:
                rows = xp.matrix_transpose(_flat(xp, _spread(xp, y, g), True))
            return _flat(xp, g, True) @ rows
    if y.ndim == 1:
        return xp.expand_dims(g, axis=-1) * y
    if x.ndim == 1:
        g = xp.expand_dims(g, axis=-2)
    product = g @ xp.matrix_transpose(y)
    return xp.reshape(product, product.shape[:-2] + product.shape[-1:]) if x.ndim == 1 else product


def _right_one(xp: Any, g: Any, x: Any, y: Any) -> Any:
    if y.ndim == 2:
        if x.ndim == 2:
            return x.T @ g
        if x.ndim > 2:
            return xp.matrix_transpose(_flat(xp, _spread(xp, x, g), False)) @ _flat(xp, g, False)
    if x.ndim == 2 and g.ndim > 2:
        if y.shape[:-2] == g.shape[:-2] and rows_of(y) is not None:  # laid out as y is
            product = xp.reshape(_flat(xp, g, True).T @ x, (*g.shape[:-2], g.shape[-1], x.shape[1]))
            return xp.matrix_transpose(product)
        product = xp.reshape(x.T @ _flat(xp, g, True), (x.shape[1], *g.shape[:-2], g.shape[-1]))
        return xp.permute_dims(product, (*range(1, g.ndim - 1), 0, g.ndim - 1))
    if x.ndim == 1:
        return xp.expand_dims(x, axis=-1) * xp.expand_dims(g, axis=-2) if y.ndim > 1 else x * g
    if y.ndim == 1:
        g = xp.expand_dims(g, axis=-1)
    product = xp.matrix_transpose(x) @ g
    return xp.reshape(product, product.shape[:-1]) if y.ndim == 1 else product


matmul = op(
    "matmul",
    forward="matmul",
    saves=("x", "y"),
    vjp=(Summed(_left, _left_one), Summed(_right, _right_one)),
    reads=("y", "x"),
    broadcasts=True,
    tex=r"\bar x = \bar z\,y^\top,\quad \bar y = x^\top \bar z",
    operator="@",
    kind="product",
    reference=np.matmul,
    ulps=Accuracy(value=8, gradient=8, cancels="terms", span=0.45, why="sums of products, which may cancel"),
    doc="""Matrix product ``x @ y`` with NumPy's rules for vectors and for batches of matrices.

    Args:
        x, y: (..., n, m) and (..., m, k), whose other axes broadcast; a vector is a row at the left, a column at the
            right.

    Returns:
        (..., n, k), without the axis of a vector.

    Raises:
        ValueError: if the shapes do not match.
    """,
    example=("ts.matmul(ts.tensor([[1.0, 2.0], [3.0, 4.0]]), ts.tensor([1.0, 1.0]))", "tensor([3., 7.])"),
)
OPS["matmul"].host = product  # of NumPy's arrays, whose layout is known


def _spelled(subscripts: str, operands: tuple[Any, ...]) -> tuple[list[str], str]:
    """The letters of each operand and of the output, with ``...`` written out as letters of its own."""
    left, _, right = subscripts.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(operands):
        raise ValueError(f"{subscripts!r} names {len(inputs)} operands, got {len(operands)}")
    free = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if c not in subscripts]
    extra = [len(x.shape) - len(spec.replace("...", "")) for spec, x in zip(inputs, operands, strict=True)]
    longest = max([n for n, spec in zip(extra, inputs, strict=True) if "..." in spec], default=0)
    dots = free[:longest]
    spelled = [s.replace("...", "".join(dots[longest - n :] if n else "")) for s, n in zip(inputs, extra, strict=True)]
    for i, (spec, x) in enumerate(zip(spelled, operands, strict=True)):
        if len(spec) != len(x.shape):
            raise ValueError(f"{subscripts!r} gives operand {i} {len(spec)} axes, but its shape is {tuple(x.shape)}")
    if "->" in subscripts:
        return spelled, right.replace("...", "".join(dots))
    letters = "".join(spelled)
    once = sorted(c for c in set(letters) if letters.count(c) == 1 and c not in dots)
    return spelled, "".join(dots) + "".join(once)


def _einsum_slope(xp: Any, g: Any, i: Any, xs: Any, *, subscripts: Any) -> Any:
    """The gradient of one operand is an einsum of the upstream gradient and the other operands."""
    inputs, output = _spelled(subscripts, xs)
    mine, others = inputs[i], [(spec, x) for j, (spec, x) in enumerate(zip(inputs, xs, strict=True)) if j != i]
    known = output + "".join(spec for spec, _ in others)
    distinct = "".join(dict.fromkeys(mine))
    kept = "".join(c for c in distinct if c in known)
    found = contracted(xp, [output, *(spec for spec, _ in others)], kept, g, *(x for _, x in others))
    # A letter that no one else has was summed away, and one that has length 1 elsewhere was spread: the gradient is the
    # same all along such an axis.
    here, there = dict(zip(mine, xs[i].shape, strict=True)), dict(zip(kept, found.shape, strict=True))
    size = {c: there[c] if side == 1 and c in there else side for c, side in here.items()}
    found = xp.reshape(found, tuple(there[c] if c in kept else 1 for c in distinct))
    found = xp.broadcast_to(found, tuple(size[c] for c in distinct))
    if distinct == mine:
        return found
    # A repeated letter read a diagonal: put the gradient back on it.
    grid = np.ix_(*(np.arange(size[c]) for c in distinct))
    return xp.scattered(found, index=tuple(grid[distinct.index(c)] for c in mine), shape=tuple(size[c] for c in mine))


_einsum = op(
    "einsum",
    forward=lambda xp, *xs, subscripts: contracted(xp, *_spelled(subscripts, xs), *xs),
    saves="xs",
    vjp=_einsum_slope,
    broadcasts=True,
    tex=r"\bar x_i = \operatorname{einsum}(\bar y, x_{j \ne i})",
    view=True,  # of one operand
    calls="einsum",
    reference=lambda *xs, subscripts: np.einsum(subscripts, *xs),
    ulps=Accuracy(value=12, gradient=12, cancels="terms", span=0.2, why="sums of products, which may cancel"),
)


def _letters(axes: Any, given: Any) -> str:
    """A list of axes as letters, as NumPy counts them: 0 is A, and 26 is a."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    try:
        return "".join("..." if axis is Ellipsis else alphabet[range(len(alphabet))[axis]] for axis in axes)
    except (IndexError, TypeError):
        raise ValueError(
            f"einsum: after each operand comes a list of axes, numbers from 0 to 51 and Ellipsis; got {given!r}"
        ) from None


def _of_lists(parts: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """``einsum(x, [0, 1], y, [1, 2], [0, 2])`` as subscripts and operands."""
    operands, axes = parts[: len(parts) // 2 * 2 : 2], parts[1::2]
    subscripts = ",".join(_letters(part, part) for part in axes)
    if len(parts) % 2:
        subscripts += "->" + _letters(parts[-1], parts[-1])
    return subscripts, operands


NUMBERS = (int, float, complex, np.generic)


def _beside(x: Tensor, number: Any) -> Tensor:
    """A number as a tensor without axes, of the type that it has in a product with x."""
    number = number.item() if isinstance(number, np.generic) else number
    xp = namespace_of(x._array)
    return Tensor(xp.asarray(xp.ones((), dtype=x.dtype) * number))


@composite
def einsum(
    subscripts: str | TensorLike, *operands: TensorLike, optimize: bool | str | Sequence[object] = False
) -> Tensor:
    """Sums of products in NumPy's notation; repeated letters, ``...`` and an implicit output are supported.

    Args:
        subscripts: such as ``"ij,jk->ik"``. Instead, a list of axes may follow each operand, and one for the output
            come last: ``einsum(x, [0, 1], y, [1, 2], [0, 2])``.
        operands: the tensors.
        optimize: contract a few operands at a time, in an order that NumPy chooses (True, ``"greedy"``, ``"optimal"``)
            or that is given, as `numpy.einsum_path` returns it. All at once by default.

    Returns:
        The axes of the output, in the order of its letters.

    Raises:
        ValueError, TypeError: if the subscripts do not fit the operands, or ``optimize`` is none of these.

    Example:
        >>> import tinyseq as ts
        >>> ts.einsum("ij,j->i", ts.tensor([[1.0, 2.0], [3.0, 4.0]]), ts.tensor([1.0, 1.0]))
        tensor([3., 7.])
    """
    given: tuple[Any, ...] = operands
    if not isinstance(subscripts, str):
        subscripts, given = _of_lists((subscripts, *given))
    found = next((part for part in given if isinstance(part, Tensor)), None)
    if found is not None:
        given = tuple(_beside(found, part) if isinstance(part, NUMBERS) else part for part in given)
    if optimize is False:
        return _einsum(*given, subscripts=subscripts)
    return _in_order(subscripts, [constant(part) for part in given], optimize)


def _in_order(subscripts: str, operands: list[Tensor], optimize: Any) -> Tensor:
    """Contract some operands at a time; letters in neither the remaining operands nor the output are summed over."""
    if isinstance(optimize, str) and optimize not in ("greedy", "optimal"):
        raise ValueError(
            f"optimize must be a bool, 'greedy', 'optimal' or a path of numpy.einsum_path, got {optimize!r}"
        )
    terms, output = _spelled(subscripts, tuple(operands))
    shapes = [np.broadcast_to(np.float64(0), part.shape) for part in operands]
    path = np.einsum_path(f"{','.join(terms)}->{output}", *shapes, optimize=optimize)[0]
    for places in path[1:]:
        chosen = [(terms[i], operands[i]) for i in places]
        rest = [i for i in range(len(terms)) if i not in places]
        terms, operands = [terms[i] for i in rest], [operands[i] for i in rest]
        wanted = set(output).union(*terms)
        kept = "".join(c for c in dict.fromkeys("".join(term for term, _ in chosen)) if c in wanted) if rest else output
        joined = f"{','.join(term for term, _ in chosen)}->{kept}"
        terms, operands = [*terms, kept], [*operands, _einsum(*(part for _, part in chosen), subscripts=joined)]
    return operands[0]


def _contracted(x: Tensor, y: Tensor, axes: Any) -> list[tuple[int, int]]:
    """Pairs of an axis of x and one of y that tensordot sums over."""
    if isinstance(axes, tuple | list | np.ndarray):
        if len(axes) != 2:
            raise ValueError("axes must be a whole number, or axes of x and axes of y")
        left, right = (part if isinstance(part, tuple | list | np.ndarray) else (part,) for part in axes)
        of_x = [axis_of(whole("axes", i, None), x.ndim) for i in left]
        of_y = [axis_of(whole("axes", j, None), y.ndim) for j in right]
    else:
        count = whole("axes", axes, 0, min(x.ndim, y.ndim))
        of_x, of_y = list(range(x.ndim - count, x.ndim)), list(range(count))
    if not len(of_x) == len(of_y) == len(set(of_x)) == len(set(of_y)):
        raise ValueError("axes must name as many axes of x as of y, each once")
    for i, j in zip(of_x, of_y, strict=True):
        if x.shape[i] != y.shape[j]:
            raise ValueError(f"axis {i} of x and axis {j} of y differ in length")
    return list(zip(of_x, of_y, strict=True))


@composite
def tensordot(x: TensorLike, y: TensorLike, axes: int | Sequence[int | Sequence[int]] = 2) -> Tensor:
    """Contract axes of x with axes of y: a number (the last of x with the first of y) or a pair of lists.

    Raises:
        TypeError, ValueError: if the axes are neither, are not axes of x and y, or differ in length.

    Example:
        >>> import tinyseq as ts
        >>> ts.tensordot(ts.ones(2, 3), ts.ones(3, 4), axes=1).shape
        (2, 4)
    """
    x, y = constant(x), constant(y)
    pairs = _contracted(x, y, axes)
    letters = "abcdefghijklmnopqrstuvwxyz"
    of_x, of_y = list(letters[: x.ndim]), list(letters[x.ndim : x.ndim + y.ndim])
    for i, j in pairs:
        of_y[j] = of_x[i]
    shared = {of_x[i] for i, _ in pairs}
    output = [c for c in of_x + of_y if c not in shared]
    return einsum(f"{''.join(of_x)},{''.join(of_y)}->{''.join(output)}", x, y)


@composite(method=True)
def dot(x: TensorLike, y: TensorLike) -> Tensor:
    """NumPy's dot: the last axis of x with the last but one of y (the last, if y is a vector).

    Args:
        x, y: tensors, or numbers.

    Returns:
        A tensor with the other axes of x, then those of y.

    Example:
        >>> import tinyseq as ts
        >>> ts.dot(ts.tensor([1.0, 2.0]), ts.tensor([3.0, 4.0]))
        tensor(11.)
    """
    x, y = constant(x), constant(y)
    if not x.shape or not y.shape:
        return x * y
    if y.ndim <= 2:  # what @ computes, and is drawn and explained as
        return matmul(x, y)
    return tensordot(x, y, (x.ndim - 1, max(y.ndim - 2, 0)))


@composite
def outer(x: TensorLike, y: TensorLike) -> Tensor:
    """The outer product of x and y, both flattened: (n,) and (m,) give (n, m).

    Example:
        >>> import tinyseq as ts
        >>> ts.outer(ts.tensor([1.0, 2.0]), ts.tensor([3.0, 4.0])).tolist()
        [[3.0, 4.0], [6.0, 8.0]]
    """
    return constant(x).reshape(-1, 1) * constant(y).reshape(1, -1)


@composite(method=True)
def diagonal(x: TensorLike, offset: int = 0, axis1: int = -2, axis2: int = -1) -> Tensor:
    """The diagonal of a matrix, or of each matrix of a batch, as the last axis.

    Args:
        x: (..., m, n) by default.
        offset: which diagonal: above the main one if positive, below it if negative.
        axis1: the axis of the rows; by default the last but one (in NumPy, the first).
        axis2: the axis of the columns; by default the last one (in NumPy, the second).

    Returns:
        The other axes, and the diagonal's.

    Raises:
        ValueError: if the two axes are one.

    Example:
        >>> import tinyseq as ts
        >>> ts.diagonal(ts.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), offset=1)
        tensor([2., 6.])
    """
    x = constant(x)
    rows, columns = axis_of(axis1, x.ndim), axis_of(axis2, x.ndim)
    if rows == columns:
        raise ValueError(f"diagonal: axis1={axis1} and axis2={axis2} are the same axis of shape {x.shape}")
    others = [i for i in range(x.ndim) if i not in (rows, columns)]
    if [*others, rows, columns] != list(range(x.ndim)):
        x = transpose(x, (*others, rows, columns))
    length = max(min(x.shape[-2] - max(-offset, 0), x.shape[-1] - max(offset, 0)), 0)
    places = np.arange(length)
    return getitem(x, (..., places + max(-offset, 0), places + max(offset, 0)))


@composite(method=True)
def trace(x: TensorLike, offset: int = 0, axis1: int = -2, axis2: int = -1) -> Tensor:
    """The sum of `diagonal`: of a matrix, or of each matrix of a batch.

    Args:
        x: (..., m, n) by default.
        offset, axis1, axis2: as for `diagonal`.

    Example:
        >>> import tinyseq as ts
        >>> ts.trace(ts.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(5.)
    """
    return total(diagonal(x, offset, axis1, axis2), axis=-1)
