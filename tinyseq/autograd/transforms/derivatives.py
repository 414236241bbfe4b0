"""Derivatives of functions: products with the Jacobian, the whole Jacobian, and the Hessian.

Each takes a function of tensors and the point, one tensor or a tuple of them, leaves every ``.grad`` unchanged, and
calls no hook: hooks act on gradients, in `Tensor.backward` and `tinyseq.grad`. Results are recorded like those of any
function, with respect to the point, the vector and whatever else the function reads. So derivatives nest to any order,
and a loss may contain one. Under `tinyseq.no_grad` they are constants, and keep nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np

from tinyseq.autograd.backward import grad
from tinyseq.autograd.calls.conversion import check_real
from tinyseq.autograd.calls.tensors import check_function
from tinyseq.autograd.graph import Leaf, ancestors, owner
from tinyseq.autograd.hooks import without_hooks
from tinyseq.autograd.modes import MODE, enable_grad
from tinyseq.autograd.ops.moves.parts import stack
from tinyseq.autograd.ops.moves.shape import reshape
from tinyseq.autograd.ops.reduce import sum as total
from tinyseq.autograd.tensor import Tensor, TensorLike, as_node, constant, constant_like
from tinyseq.backend import namespace_of

Function = Callable[..., Tensor]
Inputs = TensorLike | tuple[TensorLike, ...]


@overload
def vjp(  # type: ignore[overload-overlap]  # a tuple is several inputs, any other sequence is one
    function: Function, inputs: tuple[TensorLike, ...], v: TensorLike | None = None
) -> tuple[Tensor, tuple[Tensor, ...]]: ...
@overload
def vjp(function: Function, inputs: TensorLike, v: TensorLike | None = None) -> tuple[Tensor, Tensor]: ...
def vjp(function: Function, inputs: Inputs, v: TensorLike | None = None) -> tuple[Tensor, Tensor | tuple[Tensor, ...]]:
    """The value y of a function, and vᵀ J, the vector-Jacobian product, by one backward pass.

    Args:
        function: takes one tensor for each input and returns one tensor.
        inputs: the point.
        v: shaped as y; 1 if left out and y has one element.

    Returns:
        y, and the product shaped as the inputs.

    Raises:
        TypeError: the function does not return a tensor.
        ValueError: ``v`` is not shaped as y, or is left out although y has several elements.

    Example:
        >>> import tinyseq as ts
        >>> y, product = ts.vjp(lambda x: x * x, ts.tensor([1.0, 3.0]), ts.tensor([1.0, 10.0]))
        >>> product
        tensor([ 2., 60.])
    """
    given = _given(inputs)
    point = _point(given)
    y = _value(function, point)
    if v is None and y.size != 1:
        raise ValueError(f"v must be given, of shape {y.shape}, as the function returns more than one element")
    (u,) = [constant_like(y, np.ones(y.shape))] if v is None else _vectors(v, [y], "v")
    record = _recorded([*given, u], y, point)
    return _kept(y, record), _like(inputs, _pulled(y, point, u, record))


def jvp(function: Function, inputs: Inputs, v: Inputs) -> tuple[Tensor, Tensor]:
    """The value y of a function, and J v, the Jacobian-vector product: the slope of y in the direction v.

    Reverse mode gives uᵀ J, which is linear in u; its own derivative with respect to u, in the direction v, is J v.

    Args:
        function: takes one tensor for each input and returns one tensor.
        inputs: the point.
        v: the direction, shaped as the inputs.

    Returns:
        y, and the product shaped as y.

    Raises:
        TypeError: the function does not return a tensor.
        ValueError: if v is not shaped as the inputs.

    Example:
        >>> import tinyseq as ts
        >>> y, slope = ts.jvp(lambda x: x * x, ts.tensor([1.0, 3.0]), ts.tensor([1.0, 10.0]))
        >>> slope
        tensor([ 2., 60.])
    """
    given = _given(inputs)
    directions = _vectors(v, given, "v")
    point = _point(given)
    y = _value(function, point)
    record = _recorded([*given, *directions], y, point)
    if y.node is None:
        return y, _zeros(y.shape, y, point[0])
    with enable_grad(), without_hooks():
        u = constant_like(y, np.ones(y.shape)).requires_grad_()
        products = grad(y, point, grad_outputs=u, create_graph=True, allow_unused=True)
        along = [total(p * d) for p, d in zip(products, directions, strict=True) if p is not None]
        whole = total(stack(along)) if along else _zeros((), y, y)
    (slope,) = _pulled(whole, [u], constant_like(whole, np.ones(whole.shape)), record)
    return _kept(y, record), slope


@overload
def jacobian(  # type: ignore[overload-overlap]  # a tuple is several inputs, any other sequence is one
    function: Function, inputs: tuple[TensorLike, ...]
) -> tuple[Tensor, ...]: ...
@overload
def jacobian(function: Function, inputs: TensorLike) -> Tensor: ...
def jacobian(function: Function, inputs: Inputs) -> Tensor | tuple[Tensor, ...]:
    """All derivatives of a function's outputs with respect to its inputs, a backward pass for each output element.

    Args:
        function: takes one tensor for each input and returns one tensor.
        inputs: the point.

    Returns:
        ``y.shape + x.shape``; a tuple of such for a tuple of inputs.

    Raises:
        TypeError: the function does not return a tensor.

    Example:
        >>> import tinyseq as ts
        >>> ts.jacobian(lambda x: ts.cumsum(x, axis=0), ts.tensor([1.0, 2.0, 3.0])).tolist()
        [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]
    """
    given = _given(inputs)
    point = _point(given)
    y = _value(function, point)
    record = _recorded(given, y, point)
    columns: list[list[Tensor]] = [[] for _ in point]
    for place in np.ndindex(y.shape) if y.requires_grad else ():
        one = np.zeros(y.shape)
        one[place] = 1.0
        found = _pulled(y, point, constant_like(y, one), record, retain_graph=True)
        for column, g in zip(columns, found, strict=True):
            column.append(g)
    rows = [
        reshape(stack(column), y.shape + x.shape) if column else _zeros(y.shape + x.shape, x, x)
        for column, x in zip(columns, point, strict=True)
    ]
    return _like(inputs, rows)


def hessian(function: Function, x: TensorLike) -> Tensor:
    """All second derivatives of a function with one output element: the Jacobian of its gradient.

    Args:
        function: takes one tensor and returns one element.
        x: the point.

    Returns:
        ``x.shape + x.shape``.

    Raises:
        TypeError: the function does not return a tensor.
        ValueError: it returns more than one element.

    Example:
        >>> import tinyseq as ts
        >>> ts.hessian(lambda x: x[0] * x[0] * x[1], ts.tensor([1.0, 3.0])).tolist()
        [[6.0, 2.0], [2.0, 0.0]]
    """
    return jacobian(lambda point: _value_and_slope(function, point)[1], constant(x))


def hvp(function: Function, x: TensorLike, v: TensorLike) -> tuple[Tensor, Tensor]:
    """The value of a function with one output element, and its Hessian times a vector, without the Hessian.

    Args:
        function: takes one tensor and returns one element.
        x: the point.
        v: the vector, shaped as x.

    Returns:
        The value, and the product shaped as x.

    Raises:
        TypeError: the function does not return a tensor.
        ValueError: it returns more than one element, or ``v`` is not shaped as ``x``.

    Example:
        >>> import tinyseq as ts
        >>> value, product = ts.hvp(lambda x: (x**3).sum(), ts.tensor([1.0, 2.0]), ts.tensor([1.0, 1.0]))
        >>> product
        tensor([ 6., 12.])
    """
    given = [constant(x)]
    (direction,) = _vectors(v, given, "v")
    point = _point(given)
    with enable_grad():
        y, slope = _value_and_slope(function, *point)
    record = _recorded([*given, direction], slope, point) or _recorded(given, y, point)
    return _kept(y, record), _pulled(slope, point, direction, record)[0]


# -- what they share ---------------------------------------------------------------------------------------------------


def _given(inputs: Inputs) -> list[Tensor]:
    if isinstance(inputs, tuple) and not inputs:
        raise ValueError("inputs must hold at least one tensor, got ()")
    return [constant(x) for x in (inputs if isinstance(inputs, tuple) else (inputs,))]


def _like(inputs: Inputs, results: Sequence[Tensor]) -> Tensor | tuple[Tensor, ...]:
    """One result for one input, a tuple for a tuple."""
    return tuple(results) if isinstance(inputs, tuple) else results[0]


def _point(given: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Copies of the inputs to differentiate at, as the function may also read the inputs in other ways.

    An input that is part of a graph stays connected to it by an identity op; any other becomes a new leaf.
    """
    recording = MODE.get().grad
    return tuple(
        reshape(x, x.shape) if recording and x.node is not None else x.detach().requires_grad_() for x in given
    )


def _value(function: Function, point: Sequence[Tensor]) -> Tensor:
    check_function("function", function)
    with enable_grad():
        y = function(*point)
    if not isinstance(y, Tensor):
        raise TypeError(
            f"the function must return one tensor, got {type(y).__name__}; constants have no derivative, so "
            "compute with tensors throughout, and join several results with ts.stack or ts.concatenate"
        )
    return y


def _value_and_slope(function: Function, x: Tensor) -> tuple[Tensor, Tensor]:
    def single(x: Tensor) -> Tensor:
        y = _value(function, [x])
        if y.size != 1:
            raise ValueError(f"the function must return one element, got shape {y.shape}; reduce it, as with .sum()")
        return y

    return vjp(single, x)


def _recorded(given: Sequence[Tensor], y: Tensor, point: Sequence[Tensor]) -> bool:
    """Whether the derivative may itself be differentiated, by the arguments or by what else the function read."""
    if not MODE.get().grad:
        return False
    if any(x.node is not None for x in given):
        return True
    if y.node is None:
        return False
    own = {owner(as_node(x)) for x in point}
    edges = [y.node, *(edge for node in ancestors([y.node], own) for edge in node.edges)]
    return any(isinstance(edge, Leaf) and edge not in own for edge in edges)


def _kept(y: Tensor, record: bool) -> Tensor:
    return y if record else y.detach()


def _pulled(
    y: Tensor, point: Sequence[Tensor], v: Tensor, record: bool, retain_graph: bool | None = None
) -> list[Tensor]:
    """vᵀ J for each part of the point; zeros where y does not depend on it."""
    found: Sequence[Tensor | None] = [None] * len(point)
    if y.node is not None:
        with without_hooks():
            found = grad(y, point, grad_outputs=v, create_graph=record, retain_graph=retain_graph, allow_unused=True)
    return [_zeros(x.shape, x, x) if g is None else g for g, x in zip(found, point, strict=True)]


def _vectors(v: Any, targets: Sequence[Tensor], name: str) -> list[Tensor]:
    library = type(targets[0]._array)
    given = [constant(part, library) for part in (v if isinstance(v, tuple) else (v,))]
    if [part.shape for part in given] != [target.shape for target in targets]:
        raise ValueError(f"{name} must have shape {[t.shape for t in targets]}, got {[part.shape for part in given]}")
    for part, target in zip(given, targets, strict=True):
        check_real(name, part._array, target._array)
    return [part if part.dtype == x.dtype else part.to(x.dtype) for part, x in zip(given, targets, strict=True)]


def _zeros(shape: tuple[int, ...], like: Tensor, otherwise: Tensor) -> Tensor:
    """Zeros of a tensor's type; for booleans and whole numbers, of another tensor's type."""
    real = namespace_of(like._array).isdtype(like.dtype, ("real floating", "complex floating"))
    return constant_like(like if real else otherwise, np.zeros(shape))
