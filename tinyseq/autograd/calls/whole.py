"""Checks that arguments annotated as int are whole numbers."""

import re
from collections.abc import Callable, Iterator
from functools import wraps
from inspect import signature
from typing import Any, TypeVar, cast

import numpy as np

from tinyseq.arguments import whole

Function = TypeVar("Function", bound=Callable[..., Any])
NEVER_WHOLE = (bool, float, str, np.generic)  # unless `whole` accepts it; other types raise errors of their own


def takes_whole_numbers(function: Function) -> Function:
    """Check the arguments that are annotated as int, or as tuples or lists of them, by their names.

    A fraction would be truncated, or raise an internal error that does not name the argument.

    Raises:
        TypeError: from the function, for a number that is not whole, a string, or None where it is not allowed.

    Example:
        >>> import tinyseq as ts
        >>> ts.tile([1.0, 2.0], 2.0)
        Traceback (most recent call last):
        TypeError: tile(x=[1.0, 2.0], reps=2.0): reps must be a whole number, got 2.0; write 2
    """
    checked = list(_annotated(function))
    if not checked:
        return function

    @wraps(function)
    def checking(*args: Any, **settings: Any) -> Any:
        for place, name, optional in checked:
            value = args[place] if place < len(args) else settings.get(name, 0)
            if type(value) is not int and not (value is None and optional):
                _check(name, value)
        return function(*args, **settings)

    return cast(Function, checking)


def _annotated(function: Callable[..., Any]) -> Iterator[tuple[int, str, bool]]:
    """Position, name and whether None is allowed, for each argument annotated as whole numbers only."""
    for place, parameter in enumerate(signature(function).parameters.values()):
        kind = str(parameter.annotation).replace("<class 'int'>", "int")
        if re.match(r"(int\b|(collections\.abc\.)?(Sequence|Iterable)\[(tuple\[)?int\b|tuple\[int\b)", kind):
            yield place, parameter.name, kind.endswith("None")


def _check(name: str, value: Any) -> None:
    if isinstance(value, tuple | list):
        for part in value:
            if type(part) is not int:
                _check(name, part)
    elif value is None or isinstance(value, NEVER_WHOLE):
        whole(name, value, None)
    elif isinstance(value, np.ndarray) and value.size and value.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold whole numbers, got {value.dtype}")
