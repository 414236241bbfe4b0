"""State that no attribute shows: how far an iterator, a generator or a random generator has advanced."""

import gc
import io
import pickle
import random
import types
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

_WRITTEN = (Iterator, tuple, list, int, float, str, bytes, type, type(None), types.BuiltinFunctionType)
EVERYONES = [getattr(draw, "__self__") for draw in (random.random, np.random.random)]  # noqa: B009 (mypy knows none)


def hidden_state(value: Any) -> Any:
    """The state, to be compared with a later one; None for an object that has no such state, or does not give it.

    Example:
        >>> numbers = iter([1, 2])
        >>> before = hidden_state(numbers)
        >>> before == hidden_state(numbers), next(numbers), before == hidden_state(numbers)
        (True, 1, False)
    """
    if isinstance(value, np.random.Generator):
        value = value.bit_generator
    if isinstance(value, np.random.BitGenerator):
        return pickle.dumps(value.state)
    if isinstance(value, np.random.RandomState):
        return pickle.dumps(value.get_state(legacy=False))
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, types.GeneratorType):
        frame = value.gi_frame
        return "ended" if frame is None else (frame.f_lasti, {name: id(part) for name, part in frame.f_locals.items()})
    return _rest(value) if isinstance(value, Iterator) else None


class _Outline(pickle.Pickler):
    """Writes iterators, and other objects by their identity."""

    def persistent_id(self, value: Any) -> int | None:
        return None if isinstance(value, _WRITTEN) else id(value)


def _rest(iterator: Iterator[Any]) -> Any:
    """What an iterator of Python's own will give."""
    found = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12, for some iterators
            _Outline(found).dump(iterator)
    except (TypeError, pickle.PicklingError):
        return _parts(iterator) if type(iterator).__module__ == "itertools" else None
    return found.getvalue()


def _parts(iterator: Iterator[Any]) -> Any:
    """What an iterator of `itertools` shows where it cannot be pickled, from Python 3.14: its text and what it holds.

    The second round of a `cycle` shows nothing of itself.
    """
    held = gc.get_referents(iterator)
    return repr(iterator), [
        tuple(map(id, part)) if isinstance(part, list | tuple) else hidden_state(part) for part in held
    ]
