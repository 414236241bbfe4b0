"""Functions composed of ops: their errors name the function that the user called, and its arguments."""

import re
from collections.abc import Callable, Container
from functools import wraps
from inspect import Parameter, signature
from typing import Any, TypeVar, cast

from tinyseq.autograd.calls.errors import EXPLAINED, described, kind_of, place
from tinyseq.torch_names.settings import with_cure

Function = TypeVar("Function", bound=Callable[..., Any])


def naming_itself(function: Function, named: Container[str]) -> Function:
    """Make a function's errors begin with its name and arguments, unless they begin with a name in ``named``.

    Example:
        >>> import tinyseq as ts
        >>> ts.diagonal(ts.ones(3))
        Traceback (most recent call last):
        IndexError: diagonal(x(3,)): axis -2 is out of bounds for 1 axes
    """

    @wraps(function)
    def call(*args: Any, **settings: Any) -> Any:
        try:
            return function(*args, **settings)
        except EXPLAINED as error:
            with_cure(error, settings, function)
            first = re.match(r"\w+", str(error))
            if first and first[0] in named:  # by an op, or by a function of ours inside
                raise
            given = ", ".join(_given(function, args, settings))
            raise kind_of(error)(f"{function.__name__}({given}){place()}: {error}") from error

    return cast(Function, call)


def _given(function: Callable[..., Any], args: tuple[Any, ...], settings: dict[str, Any]) -> list[str]:
    """A short description of the arguments, without settings at their defaults."""
    parameters = signature(function).parameters
    bound = signature(function).bind_partial(*args, **settings).arguments
    texts = []
    for name, value in bound.items():
        if parameters[name].kind is Parameter.VAR_POSITIONAL:
            texts += [described(f"{name}[{i}]", part) for i, part in enumerate(value)]
        elif value is not parameters[name].default:
            texts.append(described(name, value))
    return texts
