"""What a model file can store besides arrays: names of states and symbols, and settings."""

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np

from tinyseq.io.arrays import Arrays

SIZES = (  # the settings that determine the size of a model
    "hidden_size",
    "embedding_size",
    "char_hidden_size",
    "char_embedding_size",
    "num_layers",
    "context",
)


def kept_name(name: Any, kind: str = "name") -> Any:
    """Check that the name of a state or symbol can be saved, before anything is learned under it.

    Args:
        name: a string, bytes, a number, a boolean, None, or a tuple of these, possibly nested. NumPy scalars
            become the equal Python ones.
        kind: what it names, for the error.

    Returns:
        The name.

    Raises:
        TypeError: if it could not be saved.
        ValueError: if it is NaN, which is not equal to itself.

    Example:
        >>> kept_name(np.int64(3)), kept_name((("DT", np.float32(0.5)), True))
        (3, (('DT', 0.5), True))
    """
    if type(name) is str or type(name) is int:  # nearly all of them
        return name
    if isinstance(name, tuple):
        parts = tuple(kept_name(part, kind) for part in name)
        return name if all(a is b for a, b in zip(parts, name, strict=True)) else parts
    plain = name.item() if isinstance(name, np.generic) else name
    if not isinstance(plain, str | bytes | int | float | None):
        raise TypeError(
            f"a {kind} must be a string, a number or a tuple of these, so that it can be saved; got {name!r} of type "
            f"{type(name).__name__}. Try str({kind})"
        )
    if plain != plain:
        raise ValueError(f"a {kind} must not be NaN, which is not equal to itself; use a string or None instead")
    return plain


def written_name(name: Any) -> Any:
    """A name as a JSON value: tuples become lists, which cannot be names, and bytes are marked as such."""
    if isinstance(name, tuple):
        return [written_name(part) for part in name]
    return {"bytes": name.hex()} if isinstance(name, bytes) else name


def read_name(name: Any) -> Any:
    """The inverse of `written_name`."""
    if isinstance(name, list):
        return tuple(read_name(part) for part in name)
    return bytes.fromhex(name["bytes"]) if isinstance(name, dict) else name


def kept_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Check that settings can be saved, before a model is trained with them; NumPy scalars become Python's.

    Raises:
        TypeError: if one of them could not be saved.
    """
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in settings.items()}
    for name, value in plain.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{name} must be a plain value, so that it can be saved; got {value!r}") from error
    return plain


def check_entries(owner: object, state: Any, *names: str) -> None:
    """Raise an error for what cannot be the state of an object, before anything of it is restored.

    Args:
        owner: the object.
        state: what was given as a result of its ``state_dict()``.
        names: what must be in it.

    Raises:
        TypeError: it is not a dictionary.
        ValueError: it lacks one of the names.

    Example:
        >>> check_entries([], {"lr": 0.1}, "lr", "best")
        Traceback (most recent call last):
        ValueError: state has no 'best', only 'lr'; give what state_dict() of a list returned
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"state must be a dictionary, as state_dict() gives it, got {type(state).__name__}")
    for name in names:
        if name not in state:
            others = f", only {', '.join(map(repr, islice(state, 5)))}{', ...' * (len(state) > 5)}" if state else ""
            given = f"give what state_dict() of a {type(owner).__name__} returned"
            raise ValueError(f"state has no {name!r}{others}; {given}")


def check_sizes(settings: Mapping[str, Any], arrays: Arrays) -> None:
    """Raise an error if a model would be larger than its arrays, before it is built: a small file may claim any size.

    Args:
        settings: the arguments for the model's constructor.
        arrays: its parameters.

    Raises:
        ValueError: if a size exceeds the length of every axis of the arrays, and the number of arrays.
    """
    largest = max([len(arrays), *(side for array in arrays.values() for side in array.shape)])
    for name in SIZES:
        size = settings.get(name, 0)
        if isinstance(size, int) and size > largest:
            raise ValueError(f"{name} is {size}, but no array has more than {largest} rows or columns")
