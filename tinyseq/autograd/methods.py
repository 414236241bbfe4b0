"""Operators and methods of Tensor, taken from the ops."""

from collections.abc import Callable
from typing import Any

from tinyseq.autograd.op import FUNCTIONS
from tinyseq.autograd.tensor import Tensor

OPERATORS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "pow": "pow",
    "matmul": "matmul",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
    "and": "logical_and",
    "or": "logical_or",
    "neg": "negative",
    "abs": "abs",
    "invert": "logical_not",
    "getitem": "getitem",
}
REFLECTED = ("add", "sub", "mul", "truediv", "pow", "matmul")
METHODS = [
    "abs",
    "all",
    "any",
    "argmax",
    "argmin",
    "astype",
    "clip",
    "cos",
    "cumprod",
    "cumsum",
    "diagonal",
    "dot",
    "erf",
    "exp",
    "expand_dims",
    "flatten",
    "flip",
    "log",
    "log_softmax",
    "logsumexp",
    "max",
    "mean",
    "min",
    "norm",
    "permute",
    "pow",
    "prod",
    "relu",
    "repeat",
    "sigmoid",
    "sin",
    "softmax",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "std",
    "sum",
    "swapaxes",
    "take",
    "tanh",
    "transpose",
    "unbind",
    "var",
]


def _reflected(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda self, other: function(other, self)


def _reshape(self: Tensor, *shape: Any) -> Tensor:
    """The same elements in another shape, given as numbers or as a tuple; one side may be -1."""
    sides = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    reshaped: Tensor = FUNCTIONS["reshape"](self, shape=tuple(sides))
    return reshaped


def install() -> None:
    """Give Tensor its operators and methods."""
    for symbol, name in OPERATORS.items():
        setattr(Tensor, f"__{symbol}__", FUNCTIONS[name])
    for symbol in REFLECTED:
        setattr(Tensor, f"__r{symbol}__", _reflected(FUNCTIONS[OPERATORS[symbol]]))
    for name in METHODS:
        setattr(Tensor, name, FUNCTIONS[name])
    setattr(Tensor, "reshape", _reshape)  # noqa: B010 (the type checker knows the method already)
    Tensor.T = property(lambda self: FUNCTIONS["transpose"](self))  # type: ignore[assignment]
