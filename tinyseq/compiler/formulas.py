"""Elementwise functions of NumPy, each described once: its types, and one element of it for CUDA C++ and for Numba."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from tinyseq.backend import EXTENSIONS
from tinyseq.compiler.recording.arrays import Whole

C_TYPES = {"f4": "float", "f8": "double", "b1": "bool", "i1": "signed char", "u1": "unsigned char", "i2": "short"}
C_TYPES |= {"u2": "unsigned short", "i4": "int", "u4": "unsigned int", "i8": "long long", "u8": "unsigned long long"}


class Formula(NamedTuple):
    """A function of inputs {0}, {1}, ...

    Attributes:
        function: NumPy's function of the converted inputs.
        types: the codes of the types that its inputs are converted to, as in `C_TYPES`.
        result: the code of the result's type.
        cuda: the formula in C++; None if C++ does not compute the same.
        numba: the formula in Python, equal to NumPy's result to the last bit (or, for exp and tanh, nearly); None if
            loops that Numba compiles cannot compute it.
    """

    function: Callable[..., Any]
    types: tuple[str, ...]
    result: str
    cuda: str | None
    numba: str | None = None


_ANY, _NUMBERS, _BITS = "fiub", "fiu", "iu"
_FLOATS, _SINGLE, _BOOL = ("f4", "f8"), ("f4",), ("b1",)
_LOGADDEXP = (
    "{0} == {1} ? {0} + log(({T})(2)) : {0} > {1} ? {0} + log1p(exp({1} - {0})) : "
    "{0} < {1} ? {1} + log1p(exp({0} - {1})) : {0} + {1}"
)
# Each function with the kinds of types for which C++ computes what NumPy does ({T} is the type of the inputs), and the
# formula there; then the formula for Numba, and the types for which it is used.
_TEXTS: list[tuple[Any, ...]] = [
    (np.positive, _ANY, "{0}"),
    (np.conjugate, _NUMBERS, "{0}"),
    (np.add, _NUMBERS, "{0} + {1}", "{0} + {1}", _FLOATS),
    (np.subtract, _NUMBERS, "{0} - {1}", "{0} - {1}", _FLOATS),
    (np.multiply, _NUMBERS, "{0} * {1}", "{0} * {1}", _FLOATS),
    (np.divide, "f", "{0} / {1}", "{0} / {1}", _FLOATS),
    (np.negative, _NUMBERS, "-{0}", "-{0}", _FLOATS),
    (np.square, _NUMBERS, "{0} * {0}", "{0} * {0}", _FLOATS),
    (np.sqrt, "f", "sqrt({0})", "np.sqrt({0})", _FLOATS),
    (np.exp, "f", "exp({0})", "exp32({0})", _SINGLE),
    (np.tanh, "f", "tanh({0})", "tanh32({0})", _SINGLE),
    (np.reciprocal, "f", "({T})(1) / {0}"),
    (np.absolute, _BITS, "{0} < 0 ? -{0} : {0} + 0"),
    (np.absolute, "f", "fabs({0})", "abs({0})", _FLOATS),
    (np.sign, "fi", "{0} != {0} ? {0} : ({T})(({0} > 0) - ({0} < 0))"),
    (np.maximum, _NUMBERS, "{0} > {1} || {0} != {0} ? {0} : {1}", "larger({0}, {1})", _FLOATS),
    (np.minimum, _NUMBERS, "{0} < {1} || {0} != {0} ? {0} : {1}", "smaller({0}, {1})", _FLOATS),
    (np.heaviside, "f", "{0} != {0} ? {0} : {0} == 0 ? {1} : ({T})({0} > 0)"),
    (np.less, _ANY, "{0} < {1}", "{0} < {1}", _FLOATS),
    (np.less_equal, _ANY, "{0} <= {1}", "{0} <= {1}", _FLOATS),
    (np.greater, _ANY, "{0} > {1}", "{0} > {1}", _FLOATS),
    (np.greater_equal, _ANY, "{0} >= {1}", "{0} >= {1}", _FLOATS),
    (np.equal, _ANY, "{0} == {1}", "{0} == {1}", _FLOATS),
    (np.not_equal, _ANY, "{0} != {1}", "{0} != {1}", _FLOATS),
    (np.logical_and, _ANY, "{0} && {1}", "{0} & {1}", _BOOL),
    (np.logical_or, _ANY, "{0} || {1}", "{0} | {1}", _BOOL),
    (np.logical_xor, _ANY, "bool({0}) != bool({1})"),
    (np.logical_not, _ANY, "!{0}", "not {0}", _BOOL),
    (np.bitwise_and, "iub", "{0} & {1}", "{0} & {1}", _BOOL),
    (np.bitwise_or, "iub", "{0} | {1}", "{0} | {1}", _BOOL),
    (np.bitwise_xor, "iub", "{0} ^ {1}"),
    (np.invert, _BITS, "~{0}"),
    (np.invert, "b", None, "not {0}", _BOOL),
    (np.isnan, "f", "{0} != {0}", "{0} != {0}", _FLOATS),
    (np.isfinite, "f", "{0} - {0} == {0} - {0}"),
    (np.isinf, "f", "{0} == {0} && {0} - {0} != {0} - {0}"),
    (np.signbit, "f", "signbit({0})"),
    (np.logaddexp, "f", _LOGADDEXP),
    (EXTENSIONS["erf"], "f", "erf({0})"),
    (EXTENSIONS["normal_cdf"], "f", "normcdf({0})"),
]
_CALLS = {name: name for name in ("exp2", "expm1", "log", "log2", "log10", "log1p", "cbrt", "sin", "cos", "tan")}
_CALLS |= {name: name for name in ("sinh", "cosh", "floor", "ceil", "trunc", "rint")}
_CALLS |= {f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")}
_PAIRS = {"arctan2": "atan2", "hypot": "hypot", "power": "pow", "float_power": "pow", "fmax": "fmax", "fmin": "fmin"}
_PAIRS |= {"copysign": "copysign", "fmod": "fmod"}
_TEXTS += [(getattr(np, name), "f", text + "({0})") for name, text in _CALLS.items()]
_TEXTS += [(getattr(np, name), "f", text + "({0}, {1})") for name, text in _PAIRS.items()]
_BY_KIND = {(function, kind): texts for function, kinds, *texts in _TEXTS for kind in kinds}


@cache
def formula_of(function: Callable[..., Any], kinds: tuple[Any, ...]) -> Formula | None:
    """The formula of a function; None if there is none.

    Args:
        function: NumPy's, or a `Whole`.
        kinds: a type for each argument. Python's numbers, with `int` or `float`, have no precision of their own.
    """
    if function is np.where and len(kinds) == 3:
        result = code_of(np.result_type(*(kind if isinstance(kind, np.dtype) else kind(0) for kind in kinds[1:])))
        numba = "choose({0}, {1}, {2})" if code_of(kinds[0]) == "b1" else None
        return Formula(function, ("b1", result, result), result, "{0} ? {1} : {2}", numba) if result else None
    if function is np.round and len(kinds) == 1:
        function = np.rint
    if isinstance(function, Whole) and len(kinds) == 1:
        types, result, found = tuple(map(code_of, kinds)), code_of(kinds[0]), function.function
    elif isinstance(function, np.ufunc) and function.nout == 1 and function.nin == len(kinds):
        try:
            *given, out = function.resolve_dtypes((*kinds, None))
        except TypeError:
            return None
        types, result, found = tuple(map(code_of, given)), code_of(out), function
    else:
        return None
    texts = _BY_KIND.get((found, types[0][:1]))
    if texts is None or not result or not all(types):
        return None
    cuda, numba, only = (*texts, None, ())[:3]
    text = cuda and cuda.replace("{T}", C_TYPES[types[0]])
    return Formula(function, types, result, text, numba if only and set(types) <= set(only) else None)


def code_of(kind: Any) -> str:
    """The code of a type, as in `C_TYPES`; empty if C has no such type, or not in this byte order."""
    if isinstance(kind, type) and not issubclass(kind, np.generic | bool | int | float):
        return ""
    found = np.dtype(kind)
    code = found.str[1:]
    return code if code in C_TYPES and found.isnative else ""
