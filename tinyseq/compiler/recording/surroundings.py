"""The values that a function reads besides its arguments, and whether they are unchanged.

Tensors are read at each replay. Everything else that a function reads (numbers, flags, arrays, the attributes of its
modules) is part of the recording, so it is compared before each replay. What is compared is collected once, in flat
lists: as long as each place holds the same object as before, no Python code runs for individual places.
"""

import functools
import os
import sys
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Set
from contextvars import ContextVar
from itertools import starmap
from operator import eq, is_
from typing import Any

import numpy as np

from tinyseq.autograd.record.op import Op
from tinyseq.autograd.tensor import Tensor
from tinyseq.compiler.recording.code import Reads, modules_of, reads_of
from tinyseq.compiler.recording.contents import arrays_of, buffered
from tinyseq.compiler.recording.hidden_state import EVERYONES, hidden_state
from tinyseq.compiler.recording.libraries import installed, of_library, of_tinyseq

PLAIN = (int, float, complex, str, bytes, type(None), np.generic, np.dtype, slice, range)
_LEAVES = (*PLAIN, Tensor, np.ndarray, types.BuiltinFunctionType)
_VIEWS: Any = tuple(map(type, ({}.keys(), {}.values(), {}.items())))
_CALLED = (types.FunctionType, types.MethodType, functools.partial, Op)
_DATA = (*PLAIN, list, deque, Set, Mapping, np.ndarray)  # what is watched in modules of Python and of libraries
_LONGEST = 1000  # longer lists and tables are compared by identity and length
_DEEPEST = 20
_MISSING = object()


class Wrapper:
    """Base class of callables that read nothing but what their function reads; what they keep is their own.

    Attributes:
        function: the function that they call.
    """

    __slots__ = ()
    function: Callable[..., object]


class _Watched:
    """Places that are read with one function, and what they held; what is read before them is kept alive.

    Args:
        read: gives what a place holds.
        same: whether what all places held is what they hold now.
        default: what the function gives for a place that holds nothing, if it takes this as its last argument.
    """

    def __init__(self, read: Callable[..., Any], same: Callable[[list[Any], list[Any]], bool], *default: Any) -> None:
        self._read, self._same, self._default = read, same, default
        self._places: list[tuple[Any, ...]] = []
        self._held: list[Any] = []

    def add(self, *place: Any) -> Any:
        """Watch a place, by the arguments with which it is read; returns what it holds."""
        self._places.append((*place, *self._default))
        self._held.append(self._read(*self._places[-1]))
        return self._held[-1]

    def unchanged(self) -> bool:
        return self._same(self._held, [*starmap(self._read, self._places)])

    def changed(self) -> str:
        """The first place that holds something else now, in words; nothing if there is none."""
        for place, then in zip(self._places, self._held, strict=True):
            now = self._read(*place)
            if not self._same([then], [now]):
                return _in_words(place, then, now)
        return ""


class Surroundings:
    """Everything outside that a function reads, with its current values.

    That is: a function's closure, globals and defaults; an object's attributes and class; the attributes that the
    user's code gives a class; and whatever the function reads from the user's own modules. Of a module that code names
    only what it names there is watched, and all of one that is passed on or kept elsewhere.

    Args:
        function: the function, or an object that is called.

    Example:
        >>> scale = {"by": 2.0}
        >>> around = Surroundings(lambda x: x * scale["by"])
        >>> around.unchanged()
        True
        >>> scale["by"] = 3.0
        >>> around.unchanged()
        False
    """

    def __init__(self, function: Any) -> None:
        reads = getattr, dict.get, _content
        self._attributes, self._globals, self._cells = (_Watched(read, _same_all, _MISSING) for read in reads)
        self._types, self._sizes, self._bytes = _Watched(type, _same_all), _Watched(len, eq), _Watched(buffered, eq)
        self._lists, self._entries = (_Watched(read, _each(_same_list)) for read in (list, _entries))
        self._classes, self._arrays = _Watched(_entries, _each(_same_class)), _Watched(_described, _each(_same_content))
        self._foreign = _Watched(_all_described, _each(_same_contents))
        self._watched = [watched for watched in vars(self).values() if isinstance(watched, _Watched)]
        self._modules: list[str] = []
        self._states = [(value, hidden_state(value)) for value in EVERYONES]
        self._seen = {id(function)}
        self._left: deque[tuple[Any, int]] = deque([(function, 0)])  # breadth first: by the shortest way to each object
        while self._left:
            value, depth = self._left.popleft()
            for part in self._parts(value):
                self._found(part, depth)

    def unchanged(self) -> bool:
        """Whether each place still holds what it held."""
        return all(watched.unchanged() for watched in self._watched)

    def changed(self) -> str:
        """What has changed, in words; nothing if all is as it was."""
        return next(filter(None, (watched.changed() for watched in self._watched)), "")

    def advanced(self) -> Any:
        """An iterator or a random generator whose state differs; None if there is none.

        Code elsewhere may advance it between calls. So this is asked only right after the function has run.
        """
        return next((value for value, state in self._states if hidden_state(value) != state), None)

    def imported(self) -> bool:
        """Whether the function has imported a module since, which is not watched yet."""
        return any(name in sys.modules for name in self._modules)

    def _found(self, value: Any, depth: int) -> None:
        """Watch a value that is part of another; its own parts are found later."""
        if isinstance(value, types.BuiltinFunctionType):
            value = value.__self__  # of a method; otherwise a module
        if id(value) in self._seen or value is _MISSING:
            return
        if isinstance(value, np.ndarray):
            *_, content = self._arrays.add(value)
            if value.dtype.hasobject:
                self._left.append((content, depth + 1))
        elif isinstance(value, _LEAVES):
            if not _of_subclass(value):
                return
        elif buffered(value) is not None:
            self._bytes.add(value)
            self._left.append((getattr(value, "_objects", None), depth + 1))  # what a pointer of C points to
        elif arrays_of(value) is not None:
            self._foreign.add(value)
            if of_library(type(value).__module__):  # its attributes are caches of its own
                self._seen.add(id(value))
                return
        else:
            if depth < _DEEPEST:
                self._seen.add(id(value))
                self._left.append((value, depth + 1))
            else:
                self._measure(value)
            return
        self._seen.add(id(value))
        self._left.extend((part, depth + 1) for part in _of_subclass(value))

    def _measure(self, value: Any) -> tuple[()]:
        """Watch the length of a container whose contents are not watched."""
        if isinstance(value, list | dict | deque | set):
            self._sizes.add(value)
        return ()

    def _parts(self, value: Any) -> Iterable[Any]:
        """The values inside a value; their places are watched from now on."""
        if isinstance(value, types.FunctionType):
            return self._of_function(value)
        if isinstance(value, types.ModuleType):  # its attributes are read by others than code that names it
            return [] if of_library(value.__name__) else self._of_mapping(vars(value))
        if isinstance(value, types.MethodType):
            return value.__self__, value.__func__
        if isinstance(value, functools.partial):
            return [self._attributes.add(value, name) for name in ("func", "args", "keywords")]
        if isinstance(value, Op):
            return [] if of_library(value.module) else [value.forward, value.vjp]
        if isinstance(value, Wrapper):
            return [self._attributes.add(value, "function")]
        if isinstance(value, staticmethod | classmethod):
            return [value.__func__]
        if isinstance(value, property):
            return value.fget, value.fset
        if isinstance(value, ContextVar):
            return [self._cells.add(value)]
        if isinstance(value, weakref.ref):
            return [value()]
        if isinstance(value, list | tuple | deque | set | dict) and len(value) > _LONGEST:
            return [*self._measure(value), *_of_subclass(value)]
        if isinstance(value, tuple | frozenset):
            return [*value, *_of_subclass(value)]
        if isinstance(value, list | deque | set):
            return [*self._lists.add(value), *_of_subclass(value)]
        if isinstance(value, dict | types.MappingProxyType):
            return [*self._of_mapping(value), *_of_subclass(value)]
        if isinstance(value, _VIEWS):
            return [value.mapping]
        return self._of_class(value) if isinstance(value, type) else self._of_object(value)

    def _of_mapping(self, value: Any) -> list[Any]:
        return _values(self._entries.add(value))

    def _of_function(self, value: types.FunctionType) -> list[Any]:
        if value is os.getenv:
            return [os.environ]
        if installed(value.__code__.co_filename, value.__globals__.get("__name__")):
            held = [*vars(value).values(), *(_content(cell, None) for cell in value.__closure__ or ())]
            return [part for part in held if isinstance(part, _CALLED)]  # perhaps the user's, in a library's decorator
        found = [self._attributes.add(value, name) for name in ("__defaults__", "__kwdefaults__", "__dict__")]
        self._attributes.add(value, "__code__")
        reads, tables = reads_of(value.__code__), [value.__globals__, *self._imported_by(value)]
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
            held = self._cells.add(cell)
            if isinstance(held, types.ModuleType):
                tables.append(vars(held))
            if name in reads.passed or not isinstance(held, types.ModuleType):
                found.append(held)
        if reads.any_global:
            found += self._of_mapping(value.__globals__)
        return [*found, *self._of_modules(tables, reads)]

    def _imported_by(self, value: types.FunctionType) -> list[dict[str, Any]]:
        """The globals of modules that a function imports when it runs."""
        tables = []
        for name in modules_of(value.__code__, value.__globals__.get("__package__") or ""):
            if name in sys.modules:
                tables.append(vars(sys.modules[name]))
            else:
                self._modules.append(name)
        return tables

    def _of_modules(self, left: list[dict[str, Any]], reads: Reads) -> list[Any]:
        """What code reads by name in these globals, and in the modules among them."""
        found, seen = [], {id(table) for table in left}
        while left:
            table = left.pop()
            whole = not of_library(table.get("__name__", ""))
            for name in reads.names:
                if not whole and not _is_state(table.get(name)):
                    continue
                part = self._globals.add(table, name)
                if not isinstance(part, types.ModuleType) or name in reads.passed:
                    found.append(part)
                elif id(vars(part)) not in seen:
                    seen.add(id(vars(part)))
                    left.append(vars(part))
        return found

    def _of_class(self, value: type) -> list[Any]:
        if of_tinyseq(value.__module__):  # a user may have set attributes of it, beside its own
            self._sizes.add(vars(value))
            return [self._attributes.add(value, name) for name, held in vars(value).items() if _is_flag(name, held)]
        if of_library(value.__module__):
            return []
        self._attributes.add(value, "__mro__")
        self._classes.add(vars(value))
        return [type(value), *value.__mro__, *_own(vars(value)).values()]

    def _of_object(self, value: Any) -> list[Any]:
        if (state := hidden_state(value)) is not None:
            self._states.append((value, state))
        self._types.add(value)
        names = [name for kind in type(value).__mro__ for name in _slots(kind)]
        found = [self._attributes.add(value, name) for name in names if name not in ("__dict__", "__weakref__")]
        table = getattr(value, "__dict__", None)
        if isinstance(table, dict):
            self._attributes.add(value, "__dict__")
            found += self._of_mapping(table)
        return [*found, *type(value).__mro__]


def _of_subclass(value: Any) -> list[Any]:
    """The attributes, and the class, of an object whose class derives from one of Python's containers or numbers."""
    table = None if isinstance(value, Tensor | types.ModuleType) else getattr(value, "__dict__", None)
    return [table, type(value)] if isinstance(table, dict) else []


def _slots(kind: type) -> list[str]:
    """The names by which the attributes in a class's ``__slots__`` are read."""
    found = vars(kind).get("__slots__", ())
    names = [found] if isinstance(found, str) else [*found]
    hidden = f"_{kind.__name__.lstrip('_')}"
    return [f"{hidden}{name}" if name.startswith("__") and not name.endswith("__") else name for name in names]


def _is_state(value: Any) -> bool:
    """Whether something in a module of Python or of a library may change from call to call, or leads to what may."""
    if isinstance(value, (*_DATA, types.ModuleType)) or value is os.getenv:
        return True
    if isinstance(value, type):
        return of_tinyseq(value.__module__)
    return isinstance(getattr(value, "__dict__", None), dict) and not callable(value)


def _is_flag(name: str, value: Any) -> bool:
    """Whether an attribute of a class is data that a user may have set, and no method or property."""
    return not name.startswith("_") and not hasattr(value, "__get__")


def _own(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a class that its methods may read, without those that Python itself adds."""
    kinds = (types.FunctionType, property, staticmethod, classmethod)
    return {
        name: value
        for name, value in attributes.items()
        if isinstance(value, kinds) or not (name.startswith("__") and name.endswith("__"))
    }


def _content(holder: Any, default: Any) -> Any:
    """What a closure's variable, or a context variable, holds."""
    try:
        return holder.get() if isinstance(holder, ContextVar) else holder.cell_contents
    except (LookupError, ValueError):
        return default


def _described(array: Any) -> tuple[Any, Any, Any]:
    return array.dtype, array.shape, array.ravel().tolist() if array.dtype.hasobject else array.tobytes()


def _all_described(value: Any) -> list[tuple[Any, Any, Any]]:
    return [*map(_described, arrays_of(value) or ())]


def _entries(mapping: Mapping[Any, Any]) -> list[Any]:
    """The keys, and then the values."""
    return [*mapping, *mapping.values()]


def _values(entries: list[Any]) -> list[Any]:
    return entries[len(entries) // 2 :]


def _in_words(place: tuple[Any, ...], then: Any, now: Any) -> str:
    """A place that holds something else now."""
    owner, *rest = place
    if rest and isinstance(rest[0], str):
        return (
            f"the global {rest[0]}" if isinstance(owner, dict) else f"attribute {rest[0]} of a {type(owner).__name__}"
        )
    if isinstance(owner, Mapping) and isinstance(then, list):
        before, after = (dict(zip(entries, _values(entries), strict=False)) for entries in (then, now))
        names = (name for name in before | after if not _same(before.get(name, _MISSING), after.get(name, _MISSING)))
        return f"the entry or attribute {next(names, 'that comes first')!r}"
    return "a variable of an outer function" if isinstance(owner, types.CellType) else f"a {type(owner).__name__}"


def _each(same: Callable[[Any, Any], bool]) -> Callable[[list[Any], list[Any]], bool]:
    return lambda then, now: all(map(same, then, now))


def _same_content(then: tuple[Any, Any, Any], now: tuple[Any, Any, Any]) -> bool:
    if then[:2] != now[:2]:
        return False
    return _same_all(then[2], now[2]) if isinstance(now[2], list) else then[2] == now[2]


def _same_contents(then: list[Any], now: list[Any]) -> bool:
    return len(then) == len(now) and all(map(_same_content, then, now))


def _same_list(then: list[Any], now: list[Any]) -> bool:
    return len(then) == len(now) and _same_all(then, now)


def _same_class(then: list[Any], now: list[Any]) -> bool:
    if len(then) == len(now) and all(map(is_, then, now)):
        return True
    own = (_own(dict(zip(entries, _values(entries), strict=False))) for entries in (then, now))
    return _same_list(*map(_entries, own))


def _same_all(then: list[Any], now: list[Any]) -> bool:
    return all(map(is_, then, now)) or all(map(_same, then, now))


def _same(then: Any, now: Any) -> bool:
    """Whether an object can replace the previous one: an equal number or array, or a method of the same object."""
    if then is now:
        return True
    if type(then) is not type(now):
        return False
    if isinstance(now, np.ndarray):
        return _same_content(_described(then), _described(now))  # the previous one is watched, too
    if isinstance(now, tuple):
        return len(then) == len(now) and all(map(_same, then, now))
    if isinstance(now, types.MethodType):
        return then.__self__ is now.__self__ and then.__func__ is now.__func__
    return isinstance(now, PLAIN) and repr(then) == repr(now) and not hasattr(now, "__dict__")
