"""Derivatives of functions: products with the Jacobian, the whole Jacobian, and the Hessian.

Each takes a function of tensors and the point, one tensor or a tuple of them, and touches no ``.grad``.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinyseq.autograd.modes import enable_grad
from tinyseq.autograd.ops.reduce import sum as total
from tinyseq.autograd.ops.shape import reshape, stack
from tinyseq.autograd.tape import grad
from tinyseq.autograd.tensor import Tensor, TensorLike, constant, constant_like

Function = Callable[..., Tensor]
Inputs = TensorLike | tuple[TensorLike, ...]


def _point(inputs: Inputs) -> tuple[Tensor, ...]:
    """The inputs as fresh leaves."""
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    return tuple(constant(x).detach().requires_grad_() for x in given)


def _like(inputs: Inputs, results: Sequence[Any]) -> Any:
    """One result for one input, a tuple for a tuple."""
    return tuple(results) if isinstance(inputs, tuple) else results[0]


def _vectors(v: Any, targets: Sequence[Tensor], name: str) -> list[Tensor]:
    given = [constant(part) for part in (v if isinstance(v, tuple) else (v,))]
    if [part.shape for part in given] != [target.shape for target in targets]:
        raise ValueError(f"{name} must have shape {[t.shape for t in targets]}, got {[part.shape for part in given]}")
    return given


def vjp(function: Function, inputs: Inputs, v: TensorLike | None = None) -> tuple[Tensor, Any]:
    """The value y of a function, and vᵀ J, the vector-Jacobian product: what one backward pass gives.

    Args:
        function: of one tensor for each input, giving one tensor.
        inputs: the point.
        v: shaped as y; 1 if left out and y has one element.

    Returns:
        y, and the product shaped as the inputs.

    Example:
        >>> import tinyseq as ts
        >>> y, product = ts.vjp(lambda x: x * x, ts.tensor([1.0, 3.0]), ts.tensor([1.0, 10.0]))
        >>> product
        tensor([ 2., 60.])
    """
    point = _point(inputs)
    with enable_grad():
        y = function(*point)
    products = grad(y, point, grad_outputs=v, allow_unused=True)
    return y.detach(), _like(inputs, [_or_zeros(p, x) for p, x in zip(products, point, strict=True)])


def jvp(function: Function, inputs: Inputs, v: Any) -> tuple[Tensor, Tensor]:
    """The value y of a function, and J v, the Jacobian-vector product: the slope of y in the direction v.

    Reverse mode gives uᵀ J, which is linear in u; its own derivative with respect to u, in the direction v, is J v.

    Args:
        function: of one tensor for each input, giving one tensor.
        inputs: the point.
        v: the direction, shaped as the inputs.

    Returns:
        y, and the product shaped as y.

    Raises:
        ValueError: if v is not shaped as the inputs.

    Example:
        >>> import tinyseq as ts
        >>> y, slope = ts.jvp(lambda x: x * x, ts.tensor([1.0, 3.0]), ts.tensor([1.0, 10.0]))
        >>> slope
        tensor([ 2., 60.])
    """
    point = _point(inputs)
    directions = _vectors(v, point, "v")
    with enable_grad():
        y = function(*point)
        u = constant_like(y, np.ones(y.shape)).requires_grad_()
        products = grad(y, point, grad_outputs=u, create_graph=True, allow_unused=True)
        along = [total(p * d) for p, d in zip(products, directions, strict=True) if p is not None]
        if not along:
            return y.detach(), constant_like(y, np.zeros(y.shape))
        slope = grad(total(stack(along)), u, allow_unused=True)
    return y.detach(), _or_zeros(slope, y)


def jacobian(function: Function, inputs: Inputs) -> Any:
    """All derivatives of a function's outputs with respect to its inputs, a backward pass for each output element.

    Args:
        function: of one tensor for each input, giving one tensor.
        inputs: the point.

    Returns:
        ``y.shape + x.shape``; a tuple of such for a tuple of inputs.

    Example:
        >>> import tinyseq as ts
        >>> ts.jacobian(lambda x: ts.cumsum(x, axis=0), ts.tensor([1.0, 2.0, 3.0])).tolist()
        [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]
    """
    point = _point(inputs)
    with enable_grad():
        y = function(*point)
    return _like(inputs, _rows(y, point))


def _rows(y: Tensor, point: Sequence[Tensor]) -> list[Tensor]:
    """The gradients of each element of y, one on top of the other."""
    columns: list[list[Tensor]] = [[] for _ in point]
    for place in np.ndindex(y.shape) if y.requires_grad else ():
        one = np.zeros(y.shape)
        one[place] = 1.0
        found = grad(y, point, grad_outputs=constant_like(y, one), retain_graph=True, allow_unused=True)
        for column, x, g in zip(columns, point, found, strict=True):
            column.append(_or_zeros(g, x))
    return [
        reshape(stack(column), y.shape + x.shape) if column else constant_like(x, np.zeros(y.shape + x.shape))
        for column, x in zip(columns, point, strict=True)
    ]


def hessian(function: Function, x: TensorLike) -> Tensor:
    """All second derivatives of a function with one output element.

    Args:
        function: of one tensor, giving one element.
        x: the point.

    Returns:
        ``x.shape + x.shape``.

    Example:
        >>> import tinyseq as ts
        >>> ts.hessian(lambda x: x[0] * x[0] * x[1], ts.tensor([1.0, 3.0])).tolist()
        [[6.0, 2.0], [2.0, 0.0]]
    """
    (point,) = _point(x)
    with enable_grad():
        slope = _or_zeros(grad(function(point), point, create_graph=True, allow_unused=True), point)
    return _rows(slope, [point])[0]


def hvp(function: Function, x: TensorLike, v: TensorLike) -> tuple[Tensor, Tensor]:
    """The value of a function with one output element, and its Hessian times a vector, without the Hessian.

    Args:
        function: of one tensor, giving one element.
        x: the point.
        v: the vector, shaped as x.

    Returns:
        The value, and the product shaped as x.

    Example:
        >>> import tinyseq as ts
        >>> value, product = ts.hvp(lambda x: (x**3).sum(), ts.tensor([1.0, 2.0]), ts.tensor([1.0, 1.0]))
        >>> product
        tensor([ 6., 12.])
    """
    (point,) = _point(x)
    (direction,) = _vectors(v, [point], "v")
    with enable_grad():
        y = function(point)
        slope = _or_zeros(grad(y, point, create_graph=True, allow_unused=True), point)
    if not slope.requires_grad:
        return y.detach(), constant_like(point, np.zeros(point.shape))
    return y.detach(), _or_zeros(grad(slope, point, grad_outputs=direction, allow_unused=True), point)


def _or_zeros(g: Tensor | None, like: Tensor) -> Tensor:
    return constant_like(like, np.zeros(like.shape)) if g is None else g
