"""NumPy's elementwise functions as formulas in C."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinyseq.backend import EXTENSIONS, DeviceArray
from tinyseq.compiler.recording.arrays import Whole

C_TYPES = {"f4": "float", "f8": "double", "b1": "bool", "i1": "signed char", "u1": "unsigned char", "i2": "short"}
C_TYPES |= {"u2": "unsigned short", "i4": "int", "u4": "unsigned int", "i8": "long long", "u8": "unsigned long long"}


class Formula(NamedTuple):
    """A formula in {0}, {1}, ..., with the types that its inputs are converted to, and the type of its result.

    Attributes:
        text: the formula in C.
        function: NumPy's function of the converted inputs.
        types: codes of the inputs' types, as in `C_TYPES`.
        result: the code of the result's type.
    """

    text: str
    function: Callable[..., Any]
    types: tuple[str, ...]
    result: str

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return len(self.types)


# By the kinds of types for which C computes the same as NumPy: floats, integers, bool. {T} is the type of the inputs.
_ANY, _NUMBERS, _FLOATS, _BITS = "fiub", "fiu", "f", "iu"
_FORMULAS: dict[Any, tuple[str, str]] = {
    np.positive: ("{0}", _ANY),
    np.conjugate: ("{0}", _NUMBERS),
    np.add: ("{0} + {1}", _NUMBERS),
    np.subtract: ("{0} - {1}", _NUMBERS),
    np.multiply: ("{0} * {1}", _NUMBERS),
    np.divide: ("{0} / {1}", _FLOATS),
    np.negative: ("-{0}", _NUMBERS),
    np.square: ("{0} * {0}", _NUMBERS),
    np.reciprocal: ("({T})(1) / {0}", _FLOATS),
    np.absolute: ("{0} < 0 ? -{0} : {0} + 0", "iu"),
    np.sign: ("{0} != {0} ? {0} : ({T})(({0} > 0) - ({0} < 0))", "fi"),
    np.maximum: ("{0} > {1} || {0} != {0} ? {0} : {1}", _NUMBERS),
    np.minimum: ("{0} < {1} || {0} != {0} ? {0} : {1}", _NUMBERS),
    np.heaviside: ("{0} != {0} ? {0} : {0} == 0 ? {1} : ({T})({0} > 0)", _FLOATS),
    np.less: ("{0} < {1}", _ANY),
    np.less_equal: ("{0} <= {1}", _ANY),
    np.greater: ("{0} > {1}", _ANY),
    np.greater_equal: ("{0} >= {1}", _ANY),
    np.equal: ("{0} == {1}", _ANY),
    np.not_equal: ("{0} != {1}", _ANY),
    np.logical_and: ("{0} && {1}", _ANY),
    np.logical_or: ("{0} || {1}", _ANY),
    np.logical_xor: ("bool({0}) != bool({1})", _ANY),
    np.logical_not: ("!{0}", _ANY),
    np.bitwise_and: ("{0} & {1}", "iub"),
    np.bitwise_or: ("{0} | {1}", "iub"),
    np.bitwise_xor: ("{0} ^ {1}", "iub"),
    np.invert: ("~{0}", _BITS),
    np.isnan: ("{0} != {0}", _FLOATS),
    np.isfinite: ("{0} - {0} == {0} - {0}", _FLOATS),
    np.isinf: ("{0} == {0} && {0} - {0} != {0} - {0}", _FLOATS),
    np.signbit: ("signbit({0})", _FLOATS),
    np.logaddexp: (
        "{0} == {1} ? {0} + log(({T})(2)) : {0} > {1} ? {0} + log1p(exp({1} - {0})) : "
        "{0} < {1} ? {1} + log1p(exp({0} - {1})) : {0} + {1}",
        _FLOATS,
    ),
}
_CALLS = {"exp": "exp", "exp2": "exp2", "expm1": "expm1", "log": "log", "log2": "log2", "log10": "log10"}
_CALLS |= {"log1p": "log1p", "sqrt": "sqrt", "cbrt": "cbrt", "sin": "sin", "cos": "cos", "tan": "tan", "tanh": "tanh"}
_CALLS |= {"sinh": "sinh", "cosh": "cosh", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh"}
_CALLS |= {"arccosh": "acosh", "arctanh": "atanh", "floor": "floor", "ceil": "ceil", "trunc": "trunc", "rint": "rint"}
_CALLS |= {"absolute": "fabs"}
_PAIRS = {"arctan2": "atan2", "hypot": "hypot", "power": "pow", "float_power": "pow", "fmax": "fmax", "fmin": "fmin"}
_PAIRS |= {"copysign": "copysign", "fmod": "fmod"}

_OURS = {EXTENSIONS["erf"]: "erf({0})", EXTENSIONS["normal_cdf"]: "normcdf({0})"}


def formula_of(function: Callable[..., Any], args: list[Any], settings: dict[str, Any]) -> Formula | None:
    """The formula of a call, whose ``args`` are the types of arrays or the values of numbers; None if there is none."""
    if function is np.astype and len(args) == 2 and not settings:
        given, wanted = _code(args[0]), _code(args[1])
        return Formula("{0}", np.copy, (given,), wanted) if given and wanted else None
    if settings:
        return None
    if function is np.where and len(args) == 3:
        result = _code(np.result_type(*args[1:]))
        return Formula("{0} ? {1} : {2}", np.where, ("b1", result, result), result) if result else None
    if function is np.round and len(args) == 1:
        return formula_of(np.rint, args, settings)
    if isinstance(function, Whole) and function.function in _OURS and len(args) == 1:
        given = _code(args[0])
        return Formula(_OURS[function.function], function, (given,), given) if given[:1] == "f" else None
    if not isinstance(function, np.ufunc) or function.nout != 1 or function.nin != len(args):
        return None
    kinds: list[Any] = [arg if isinstance(arg, np.dtype) else _weak(arg) for arg in args]
    try:
        *found, out = function.resolve_dtypes((*kinds, None))
    except TypeError:
        return None
    types, result = tuple(map(_code, found)), _code(out)
    if not result or not all(types):
        return None
    text = _text(function, found[0].kind)
    return None if text is None else Formula(text.replace("{T}", C_TYPES[types[0]]), function, types, result)


def copy_of(dtype: Any) -> Formula | None:
    """The formula of a copy."""
    code = _code(dtype)
    return Formula("{0}", np.copy, (code,), code) if code else None


def _text(function: np.ufunc, kind: str) -> str | None:
    text, kinds = _FORMULAS.get(function, ("", ""))
    if kind in kinds:
        return text
    if kind == "f" and function.__name__ in _CALLS:
        return _CALLS[function.__name__] + "({0})"
    if kind == "f" and function.__name__ in _PAIRS:
        return _PAIRS[function.__name__] + "({0}, {1})"
    return None


def _weak(number: Any) -> Any:
    """A Python number as its type, which adapts to that of the arrays; a NumPy number as its dtype."""
    return number.dtype if isinstance(number, np.generic) else type(number)


def _code(kind: Any) -> str:
    """The code of a type, as in `C_TYPES`; empty if C has no such type."""
    code = (
        np.dtype(kind).str[1:]
        if not isinstance(kind, type) or issubclass(kind, np.generic | bool | int | float)
        else ""
    )
    return code if code in C_TYPES else ""


def literal(number: Any, code: str) -> str:
    """A number in C, of the type with this code."""
    value = np.asarray(number).astype(code)[()]
    if code == "b1":
        return "true" if value else "false"
    if code[0] == "f":
        text = repr(float(value)) if np.isfinite(value) else "(0.0 / 0.0)" if value != value else "(1.0 / 0.0)"
        return f"({C_TYPES[code]})({'-' if value == -np.inf else ''}{text})"
    return f"({C_TYPES[code]})({int(value)}{'ULL' if code == 'u8' else 'LL'})"


def dot(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    """Inner products along the last axis."""
    return np.sum(x * y, axis=-1)


def dot_of(dtype: Any) -> Formula:
    """The formula of inner products, whose operands have one axis more than the result."""
    code = _code(dtype)
    return Formula("", dot, (code, code), code)
