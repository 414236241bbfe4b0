"""Formulas of elementwise nodes in CUDA C++."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyseq.backend import DeviceArray
from tinyseq.compiler import formulas
from tinyseq.compiler.formulas import C_TYPES, Formula, code_of


def formula_of(function: Callable[..., Any], args: list[Any], settings: dict[str, Any]) -> Formula | None:
    """The formula of a call, whose ``args`` are the types of arrays or the values of numbers; None if there is none."""
    if function is np.astype and len(args) == 2 and not settings:
        given, wanted = code_of(args[0]), code_of(args[1])
        return Formula(np.copy, (given,), wanted, "{0}") if given and wanted else None
    if settings:
        return None
    found = formulas.formula_of(function, tuple([arg if isinstance(arg, np.dtype) else _weak(arg) for arg in args]))
    return found if found is not None and found.cuda is not None else None


def copy_of(dtype: Any) -> Formula | None:
    """The formula of a copy."""
    return formula_of(np.astype, [dtype, dtype], {})


def _weak(number: Any) -> Any:
    """A Python number as its type, which adapts to that of the arrays; a NumPy number as its dtype."""
    return number.dtype if isinstance(number, np.generic) else type(number)


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
    code = code_of(dtype)
    return Formula(dot, (code, code), code, "")
