"""Operators and methods of Tensor, taken from the ops."""

from collections.abc import Callable
from typing import Any

from tinyseq.autograd.op import FUNCTIONS
from tinyseq.autograd.tensor import Tensor
from tinyseq.habits import TENSOR, missing

OPERATORS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "mod",
    "divmod": "divmod",
    "pow": "pow",
    "matmul": "matmul",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "neg": "negative",
    "pos": "positive",
    "abs": "abs",
    "round": "round",
    "invert": "invert",
    "getitem": "getitem",
}
NUMPY_NAMES = {
    "true_divide": "divide",
    "power": "pow",
    "absolute": "abs",
    "remainder": "mod",
}  # where they differ from ours
ALIKE = {"norm": 1, "split": 0, "take": 0}  # how many arguments by place mean the same, where not all do
REFLECTED = ("add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow", "matmul", "and", "or", "xor")
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
    "round",
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


def _missing(self: Tensor, name: str) -> Any:
    raise missing(f"{type(self).__name__!r} object", name, TENSOR)


def _reshape(self: Tensor, *shape: Any) -> Tensor:
    """The same elements in another shape, given as numbers or as a tuple; one side may be -1."""
    sides = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    reshaped: Tensor = FUNCTIONS["reshape"](self, shape=tuple(sides))
    return reshaped


def _array_ufunc(self: Tensor, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    if method == "__call__":
        return _numpy_call(ufunc, ufunc.__name__, inputs, kwargs)
    return _on_constants(getattr(ufunc, method), f"{ufunc.__name__}.{method}", inputs, kwargs)  # outer, reduce, ...


def _array_function(self: Tensor, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    return _numpy_call(function, function.__name__, args, kwargs)


def _numpy_call(function: Any, name: str, args: Any, kwargs: Any) -> Any:
    """What ``np.name(tensor)`` does: our op of the name, else NumPy on constants, else an error with the cure."""
    ours = FUNCTIONS.get(NUMPY_NAMES.get(name, name))
    if ours is not None and not kwargs.keys() & {"out", "where", "dtype", "casting"} and _means_the_same(name, args):
        try:
            return ours(*args, **kwargs)
        except TypeError:
            pass  # it has no such setting, or needs one that NumPy does not
    return _on_constants(function, name, args, kwargs)


def _means_the_same(name: str, args: Any) -> bool:
    if name in ("trace", "diagonal") and getattr(args[0], "ndim", 0) > 2:
        return False  # NumPy's are of the first two axes, ours of the last two
    return len(args) <= ALIKE.get(name, len(args))


def _on_constants(function: Any, name: str, args: Any, kwargs: Any) -> Any:
    plain = [_without_graph(arg, name) for arg in args]
    return function(*plain, **{key: _without_graph(value, name) for key, value in kwargs.items()})


def _without_graph(value: Any, name: str) -> Any:
    if isinstance(value, Tensor):
        if value.node is not None:
            raise TypeError(
                f"np.{name} is not recorded by tinyseq; use a function of tinyseq, or np.{name}(t.detach().numpy())"
            )
        return value.numpy()
    if isinstance(value, list | tuple):
        return type(value)(_without_graph(part, name) for part in value)
    return value


def install() -> None:
    """Give Tensor its operators and methods."""
    Tensor.__getattr__ = _missing  # type: ignore[method-assign]
    for symbol, name in OPERATORS.items():
        setattr(Tensor, f"__{symbol}__", FUNCTIONS[name])
    for symbol in REFLECTED:
        setattr(Tensor, f"__r{symbol}__", _reflected(FUNCTIONS[OPERATORS[symbol]]))
    for name in METHODS:
        setattr(Tensor, name, FUNCTIONS[name])
    Tensor.__array_ufunc__ = _array_ufunc  # type: ignore[attr-defined]
    Tensor.__array_function__ = _array_function  # type: ignore[attr-defined]
    setattr(Tensor, "reshape", _reshape)  # noqa: B010 (the type checker knows the method already)
    Tensor.T = property(lambda self: FUNCTIONS["transpose"](self))  # type: ignore[assignment]
