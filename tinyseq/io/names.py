"""What a model's file can keep besides arrays: names of states and symbols, and settings."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinyseq.io.arrays import Arrays

SIZES = ("hidden_size", "embedding_size", "num_layers", "context")  # the settings that decide how large a model is


def kept_name(name: Any, kind: str = "name") -> Any:
    """A name of a state or symbol that a file can keep, before anything is learnt under it.

    Args:
        name: a string, bytes, a number, a truth value, None, or a tuple of these, nested as it may be. NumPy's scalars
            become Python's, which are equal to them.
        kind: what it names, for the error.

    Returns:
        The name.

    Raises:
        TypeError: no file could keep it.
        ValueError: it is NaN, which is equal to nothing.

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
            f"a {kind} must be a string, a number or a tuple of them, which a file can keep; got {name!r} of type "
            f"{type(name).__name__}. str({kind}) may serve"
        )
    if plain != plain:
        raise ValueError(f"a {kind} is NaN, which is equal to nothing, itself included; give a string or None for it")
    return plain


def written_name(name: Any) -> Any:
    """A name as JSON keeps it: tuples as lists, as no list can be a name, and bytes marked as such."""
    if isinstance(name, tuple):
        return [written_name(part) for part in name]
    return {"bytes": name.hex()} if isinstance(name, bytes) else name


def read_name(name: Any) -> Any:
    """What `written_name` was given."""
    if isinstance(name, list):
        return tuple(read_name(part) for part in name)
    return bytes.fromhex(name["bytes"]) if isinstance(name, dict) else name


def kept_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that a file can keep, before a model is trained with them: NumPy's scalars become Python's.

    Raises:
        TypeError: no file could keep one of them.
    """
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in settings.items()}
    for name, value in plain.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{name} must be a plain value, which a model's file can keep; got {value!r}") from error
    return plain


def check_sizes(settings: Mapping[str, Any], arrays: Arrays) -> None:
    """Refuse a model that its file cannot fill, before it is made: a small file may describe one of any size.

    Args:
        settings: the arguments that the model will be made with.
        arrays: its parameters.

    Raises:
        ValueError: a size is larger than every side of the arrays, and than their number.
    """
    largest = max([len(arrays), *(side for array in arrays.values() for side in array.shape)])
    for name in SIZES:
        size = settings.get(name, 0)
        if isinstance(size, int) and size > largest:
            raise ValueError(f"{name} is {size}, but no array has more than {largest} rows or columns")
