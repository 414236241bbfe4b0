"""The values that a function reads besides its arguments, and whether they are unchanged.

Tensors are read at each replay. All else that a function reads (numbers, flags, arrays, the attributes of its modules)
is part of the recording, so it is compared by value before each replay.
"""

import functools
import sysconfig
import types
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinyseq.autograd.tensor import Tensor

PLAIN = (int, float, complex, str, bytes, type(None), np.generic, np.dtype, slice, range)
_LIBRARIES = (str(Path(__file__).parent.parent), sysconfig.get_paths()["stdlib"])
_LONGEST = 1000  # longer lists and tables are compared by identity and length
_DEEPEST = 8


def surroundings(function: Any) -> list[tuple[Any, Any]]:
    """Everything outside that a function reads, as pairs of a place and its current value.

    A place is an object with the name of an attribute or a key; compare two of these lists with `unchanged`.
    """
    return [(place, _kept(value)) for place, value in _reached(function, set(), 0)]


def unchanged(then: list[tuple[Any, Any]], function: Any) -> bool:
    """Whether `surroundings` would be the same list now."""
    count = 0
    for place, value in _reached(function, set(), 0):
        if count >= len(then) or then[count][0] != place or not _same(then[count][1], value):
            return False
        count += 1
    return count == len(then)


def _reached(value: Any, seen: set[int], depth: int) -> Iterator[tuple[Any, Any]]:
    """Places and values, depth first: of a function its closure, globals and defaults; of an object its attributes."""
    for name, part in _parts(value):
        yield (id(value), name), part
        if isinstance(part, (*PLAIN, Tensor, np.ndarray, types.ModuleType)) or depth == _DEEPEST:
            continue
        if id(part) not in seen:
            seen.add(id(part))
            yield from _reached(part, seen, depth + 1)


def _parts(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, types.FunctionType):
        if _installed(value.__code__.co_filename):
            return []
        cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=False)
        closure = [(name, cell.cell_contents) for name, cell in cells if _filled(cell)]
        used = [(name, value.__globals__[name]) for name in _names(value.__code__) if name in value.__globals__]
        return [*closure, *used, ("defaults", value.__defaults__), ("keywords", value.__kwdefaults__)]
    if isinstance(value, types.MethodType):
        return [("self", value.__self__), ("function", value.__func__)]
    if isinstance(value, functools.partial):
        return [("function", value.func), ("args", value.args), ("keywords", value.keywords)]
    if isinstance(value, list | tuple | deque):
        return list(enumerate(value)) if len(value) <= _LONGEST else []
    if isinstance(value, dict):
        return list(value.items()) if len(value) <= _LONGEST else []
    if isinstance(value, type):
        return list(_methods(value))
    if isinstance(value, types.ModuleType | types.BuiltinFunctionType):
        return []
    slots = [name for kind in type(value).__mro__ for name in _names_in(vars(kind).get("__slots__", ()))]
    held = [(name, getattr(value, name)) for name in slots if hasattr(value, name) and not name.startswith("__")]
    return [*getattr(value, "__dict__", {}).items(), *held, *((kind, kind) for kind in type(value).__mro__)]


def _names_in(slots: Any) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)


@functools.cache
def _installed(file: str) -> bool:
    """Whether code belongs to this or an installed package, which reads nothing that changes from call to call."""
    return file.startswith(_LIBRARIES) or "site-packages" in file or "dist-packages" in file


def _methods(kind: type) -> tuple[tuple[str, Any], ...]:
    """The user's own functions among the attributes of a class."""
    if kind.__module__.partition(".")[0] in ("builtins", "tinyseq"):
        return ()
    functions = [item for item in vars(kind).items() if isinstance(item[1], types.FunctionType)]
    return tuple((name, function) for name, function in functions if not _installed(function.__code__.co_filename))


def _filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


@functools.lru_cache(maxsize=256)
def _names(code: types.CodeType) -> tuple[str, ...]:
    """The names that code uses, with those of the functions inside it."""
    inner = [name for const in code.co_consts if isinstance(const, types.CodeType) for name in _names(const)]
    return tuple(dict.fromkeys([*code.co_names, *inner]))


def _kept(value: Any) -> Any:
    """What to compare with later: numbers themselves, copies of arrays, and the identity (and length) of all else."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, set):
        return value.copy()
    if isinstance(value, list | tuple | dict | deque):
        return value, len(value)
    return value


def _same(then: Any, now: Any) -> bool:
    if isinstance(now, np.ndarray):
        return (
            isinstance(then, np.ndarray)
            and (then.dtype, then.shape) == (now.dtype, now.shape)
            and then.tobytes() == now.tobytes()
        )
    if isinstance(now, set):
        return bool(then == now)
    if isinstance(now, list | tuple | dict | deque):
        return isinstance(then, tuple) and len(then) == 2 and then[0] is now and then[1] == len(now)
    if isinstance(now, types.MethodType):  # a new object at each access
        return isinstance(then, types.MethodType) and (then.__self__, then.__func__) == (now.__self__, now.__func__)
    if isinstance(now, PLAIN):
        return type(then) is type(now) and (then is now or repr(then) == repr(now))
    return then is now
