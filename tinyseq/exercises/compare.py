"""Comparison of a result with the expected one: equal within a tolerance, or one line that says what differs."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyseq.exercises.child import Other

LONGEST = 70  # characters of a printed value


def difference(expected: Any, got: Any, rtol: float, atol: float, where: str = "") -> str | None:
    """What differs between two results, or None.

    Lists and tuples are treated alike, and so are a list of numbers and an array of the same numbers.

    Args:
        expected, got: the results: numbers, arrays, strings, and lists, tuples and dicts of these.
        rtol, atol: how close numbers must be.
        where: the position in a larger result, for the message.

    Example:
        >>> difference(np.array([1.0, 2.0]), np.array([1.0, 2.5]), 1e-6, 0.0)
        'at [1]: expected 2, got 2.5'
        >>> difference((1.0, "a"), (1.0 + 1e-9, "a"), 1e-6, 0.0)
    """
    if isinstance(expected, list | tuple):
        return _sequences(expected, got, rtol, atol, where)
    if isinstance(expected, dict):
        return _dicts(expected, got, rtol, atol, where)
    if isinstance(expected, np.ndarray) or _is_number(expected):
        return _arrays(expected, got, rtol, atol, where)
    if type(expected) is type(got):
        return None if expected == got else _said(where, shown(expected), shown(got))
    return _said(where, _kind(expected), _kind(got))


def same(expected: Any, got: Any, rtol: float, atol: float) -> bool:
    """Whether two results are equal within a tolerance."""
    return difference(expected, got, rtol, atol) is None


def _sequences(expected: Sequence[Any], got: Any, rtol: float, atol: float, where: str) -> str | None:
    if not isinstance(got, list | tuple | np.ndarray) or (isinstance(got, np.ndarray) and got.ndim == 0):
        return _said(where, f"a {type(expected).__name__} of {len(expected)}", _kind(got))
    if len(got) != len(expected):
        return _said(where, _counted(len(expected), "element"), f"{len(got)}: {shown(got)}")
    for i, (one, other) in enumerate(zip(expected, got, strict=True)):
        found = difference(one, other, rtol, atol, f"{where}[{i}]")
        if found is not None:
            return found
    return None


def _dicts(expected: dict[Any, Any], got: Any, rtol: float, atol: float, where: str) -> str | None:
    if not isinstance(got, dict):
        return _said(where, f"a dict of {_counted(len(expected), 'key')}", _kind(got))
    for key in expected:
        if key not in got:
            return _said(where, f"a key {shown(key)}", "none" if got else "an empty dict")
        found = difference(expected[key], got[key], rtol, atol, f"{where}[{shown(key)}]")
        if found is not None:
            return found
    extra = next((key for key in got if key not in expected), None)
    return None if extra is None else _said(where, "no other keys", f"the key {shown(extra)}")


def _arrays(expected: Any, got: Any, rtol: float, atol: float, where: str) -> str | None:
    wanted = np.asarray(expected)
    if isinstance(got, list | tuple):
        got = np.zeros(wanted.shape) if not got and wanted.shape[:1] == (0,) else _as_array(got)
    if not (isinstance(got, np.ndarray) or _is_number(got)):
        return _said(where, _kind(expected), _kind(got))
    array = np.asarray(got)
    if array.shape != wanted.shape or (array.dtype.kind == "U") != (wanted.dtype.kind == "U"):
        return _said(where, _kind(expected), _kind(got))
    if wanted.dtype.kind == "U" or "O" in (wanted.dtype.kind, array.dtype.kind):  # integers too large for NumPy's own
        equal = np.asarray(wanted == array)
    else:
        with np.errstate(all="ignore"):
            equal = np.isclose(array, wanted, rtol, atol, equal_nan=True)
    if equal.all():
        return None
    first = np.unravel_index(int(np.argmin(equal)), equal.shape)
    index = f"[{', '.join(str(int(i)) for i in first)}]" if first else ""
    one, other = shown(wanted[first]), shown(array[first])
    if one == other:  # they differ only in later digits
        one, other = (str(number[first].item()) for number in (wanted, array))
    return _said(where + index, one, other)


def _as_array(value: Any) -> Any:
    """A list of numbers, or a nested one, as an array; anything else unchanged."""
    try:
        array = np.array(value)
    except ValueError:  # ragged
        return value
    return array if array.dtype.kind in "biufc" else value


def _is_number(value: Any) -> bool:
    return isinstance(value, bool | int | float | complex | np.number | np.bool)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _said(where: str, expected: str, got: str) -> str:
    return f"{'at ' + where + ': ' if where else ''}expected {expected}, got {got}"


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {'text of ' * (value.dtype.kind == 'U')}shape {value.shape}"
    if _is_number(value):
        return f"the number {shown(value)}"
    if isinstance(value, Other):
        return f"an object of type {value}"
    return "None" if value is None else f"a {type(value).__name__}: {shown(value)}"


def shown(value: Any, longest: int = LONGEST) -> str:
    """A value, abbreviated."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return _cut(_short(value, longest), longest)


def _short(value: Any, longest: int) -> str:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float | complex):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        inner = ", ".join(_short(item, longest) for item in value[:longest])
        ends = "[]" if isinstance(value, list) else "()"
        return f"{ends[0]}{inner}{',' if isinstance(value, tuple) and len(value) == 1 else ''}{ends[1]}"
    if isinstance(value, dict):
        inner = ", ".join(f"{_short(k, longest)}: {_short(v, longest)}" for k, v in list(value.items())[:longest])
        return f"{{{inner}}}"
    try:
        return repr(value)
    except ValueError:  # an integer of too many digits
        return "a very large integer"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 3] + "..."
