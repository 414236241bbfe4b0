"""Check user-defined functions and layers against the gradient contract, in one call."""

from collections.abc import Callable, Sequence
from typing import Any

from tinyseq.autograd.calls.tensors import check_function
from tinyseq.autograd.tensor import Tensor, TensorLike
from tinyseq.testing.properties import FIRST_ORDER, Trial, check_second_order
from tinyseq.testing.subject import Subject


def assert_gradients(fn: Callable[..., object], *inputs: TensorLike, second_order: bool = True) -> None:
    """Check a function or layer against the contract of every op of tinyseq.

    Its gradients equal difference quotients, in the inputs and (of a module) in every parameter; Jacobian products
    from both sides agree; gradients are linear in the upstream gradient, also when it reaches only one output;
    no argument or saved array is written to; no two gradients share memory; and gradients of gradients are right.

    Args:
        fn: takes the inputs as tensors, returns a tensor or a tuple of them; or a module.
        inputs: float64 arrays or tensors; others are passed on and not differentiated.
        second_order: whether to check gradients of gradients too.

    Raises:
        ContractError: at the first property that does not hold, with the position and both values.
        TypeError: if a parameter or an input is float32, in which difference quotients are too inaccurate.

    Example:
        >>> import numpy as np, tinyseq as ts
        >>> ts.testing.assert_gradients(lambda x, y: ts.tanh(x) * y, np.ones((2, 3)), np.ones(3))
        >>> ts.testing.assert_gradients(ts.nn.GRUCell(2, 3, dtype="float64"), np.ones((1, 2)), np.ones((1, 3)))
    """
    check_function("fn", fn)
    named = [(n, p) for n, p in fn.named_parameters() if p.requires_grad] if hasattr(fn, "named_parameters") else []
    names, parameters = [n for n, _ in named], [p for _, p in named]
    _same_precision(inputs, parameters)
    count = len(inputs)

    def called(*tensors: Tensor) -> Any:
        return _with_values(fn, tensors[:count], parameters, tensors[count:])

    name = str(getattr(fn, "__name__", type(fn).__name__))
    subject = Subject(called, [*inputs, *(p.numpy() for p in parameters)], name)
    subject.require_repeatable()
    subject.titles.update(zip(range(count, len(subject.arrays)), names, strict=True))
    trial = Trial(subject)
    for check in FIRST_ORDER:
        check(trial)
    if second_order:
        check_second_order(trial)


def _same_precision(inputs: Sequence[TensorLike], parameters: Sequence[Tensor]) -> None:
    for kind, values in (("input", inputs), ("parameter", parameters)):
        for i, value in enumerate(values):
            dtype = str(getattr(value, "dtype", ""))
            if dtype in ("float16", "float32"):
                raise TypeError(
                    f"{kind} {i} is {dtype}, too inaccurate for gradient checks; "
                    + ("convert it" if kind == "input" else 'convert the module with .to("float64")')
                )


def _with_values(
    fn: Callable[..., object], inputs: Sequence[Tensor], parameters: Sequence[Tensor], values: Sequence[Tensor]
) -> Any:
    """Call a module with other tensors as its parameters."""
    own = [(p._array, p.node) for p in parameters]
    for p, value in zip(parameters, values, strict=True):
        p._array, p.node = value._array, value.node
    try:
        return fn(*inputs)
    finally:
        for p, (array, node) in zip(parameters, own, strict=True):
            p._array, p.node = array, node
