"""Elementwise functions of NumPy, each described once: its types, and one element of it for CUDA C++ and for Numba.

`body` writes the elementwise steps of a loop in one of these two languages.
"""

from collections.abc import Callable, Collection
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from tinyseq.backend import EXTENSIONS
from tinyseq.compiler.fusion import Group
from tinyseq.compiler.program import Program
from tinyseq.compiler.recording.arrays import Whole
from tinyseq.compiler.steps import Ref, Step

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


class Language(NamedTuple):
    """How a language writes what is around a formula.

    Attributes:
        formula: gives the text of a formula in it; None if it computes something else.
        results: the codes of the types that its loops can compute.
        conversion: of a value to a type: ``{0}`` is the type, ``{1}`` the value.
        line: what gives a value a name: ``{0}`` is its type, ``{1}`` the name, ``{2}`` the formula.
        name: the name of the type with some code.
        number: a number of a type with some code, as a literal.
    """

    formula: Callable[[Formula], str | None]
    results: Collection[str]
    conversion: str
    line: str
    name: Callable[[str], str]
    number: Callable[[Any, str], str]


def form_of(program: Program, step: Step, language: Language) -> Formula | None:
    """The formula of a step in a language, in which its loops can compute it; None if they cannot."""
    value = program.values[step.out]
    result = "" if type(value) is tuple else code_of(value.dtype)
    if result not in language.results or step.settings:
        return None
    kinds = tuple([_kind(program, arg) for arg in step.args])
    if step.function is np.astype:
        return Formula(np.astype, (result,), result, "{0}", "{0}") if kinds[0] and result != "b1" else None
    if any(kind is None for kind in kinds):  # by identity: the type float64 equals None
        return None
    found = formula_of(step.function, kinds)
    return found if found is not None and language.formula(found) and found.result == result else None


def _kind(program: Program, arg: Any) -> Any:
    """The type of an operand as NumPy's promotion rules see it: Python numbers have no precision of their own."""
    if type(arg) in (bool, int, float):
        return type(arg)
    found = program.values[arg.number] if type(arg) is Ref else arg
    is_array = type(arg) is Ref or isinstance(arg, np.generic) or (isinstance(arg, np.ndarray) and not arg.ndim)
    return found.dtype if is_array and type(found) is not tuple and code_of(found.dtype) else None


def body(program: Program, group: Group, language: Language, names: dict[int, str]) -> list[str]:
    """The lines that compute one element of each step of a group; ``names`` has what it reads, and gets the results."""
    lines = []
    for place, step in enumerate(group.steps):
        if step.out in names:
            continue
        found = form_of(program, step, language)
        assert found is not None
        words = [_word(program, names, *each, language) for each in zip(step.args, found.types, strict=False)]
        names[step.out] = f"s{place}"
        text = str(language.formula(found)).format(*words)
        lines.append(language.line.format(language.name(found.result), names[step.out], text))
    return lines


def _word(program: Program, names: dict[int, str], arg: Any, code: str, language: Language) -> str:
    """An operand, converted to a type."""
    if type(arg) is not Ref:
        return language.number(np.asarray(arg).astype(code)[()], code)
    name = names[arg.number]
    same = code_of(program.values[arg.number].dtype) == code
    return name if same else language.conversion.format(language.name(code), name)


def _in_c(value: Any, code: str) -> str:
    """A number in C++."""
    if code == "b1":
        return "true" if value else "false"
    if code[0] == "f":
        text = repr(float(value)) if np.isfinite(value) else "(0.0 / 0.0)" if value != value else "(1.0 / 0.0)"
        return f"({C_TYPES[code]})({'-' if value == -np.inf else ''}{text})"
    return f"({C_TYPES[code]})({int(value)}{'ULL' if code == 'u8' else 'LL'})"


def _in_numba(value: Any, code: str) -> str:
    """A number for Numba."""
    text = repr(value.item()).replace("inf", "np.inf").replace("nan", "np.nan")
    return f"{numpy_name(code)}({text})"


def numpy_name(kind: Any) -> str:
    """The name of a type, as Numba takes it."""
    return "np.bool_" if np.dtype(kind) == np.bool_ else f"np.{np.dtype(kind).name}"


CUDA = Language(lambda each: each.cuda, C_TYPES, "({0}){1}", "const {0} {1} = {2};", C_TYPES.__getitem__, _in_c)
NUMBA = Language(lambda each: each.numba, ("f4", "f8", "b1"), "{0}({1})", "{1} = {2}", numpy_name, _in_numba)
