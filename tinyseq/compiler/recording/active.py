"""The active recording, if any, and the errors for operations that it cannot record."""

import sys
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tinyseq.compiler.program import Program


class RecordingError(RuntimeError):
    """Raised if something in the function cannot be recorded and replayed.

    Attributes:
        perhaps_on_the_way_to_another: whether the library was checking the arguments at that point. It may then have
            read them for the message of another error that it was about to raise.

    Example:
        >>> import tinyseq as ts
        >>> try:
        ...     ts.compile(lambda x: x * x.sum().item())(ts.ones(2))
        ... except RecordingError as error:
        ...     print(str(error).partition(",")[0])
        .item reads a value while a step is being recorded
    """

    perhaps_on_the_way_to_another = False

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        active = ACTIVE.get()
        if active is not None:
            active.refused = self


class Active(Protocol):
    """The interface of a recorder, as recorded arrays use it."""

    program: Program
    on_device: bool
    refused: RecordingError | None

    def call(self, function: Callable[..., Any], args: Any, settings: dict[str, Any], fixed: bool = True) -> Any:
        """Record a call that returns arrays; ``fixed`` says if their shapes follow from the arguments'."""

    def truth(self, array: Any) -> bool:
        """The truth value of an array, which must be the same at each replay."""


ACTIVE: ContextVar[Active | None] = ContextVar("tinyseq_recorder", default=None)


def reading(what: str) -> RecordingError:
    """The error for code that reads a value while recording."""
    active = ACTIVE.get()
    error = RecordingError(
        f"{what} reads a value while a step is being recorded, at {user_line()}; all replays would use that value. "
        "Use ts.where instead of `if`, pass numbers as arguments, and read values from what "
        "the compiled function returns"
    )
    guards = [] if active is None else active.program.guards
    error.perhaps_on_the_way_to_another = bool(guards) and guards[-1][1]
    return error


def changing(what: str) -> RecordingError:
    """The error for code that changes an array or a tensor while recording."""
    return RecordingError(
        f"{what} changes values in place while a step is being recorded, at {user_line()}, which replays would not do; "
        "compute new ones (ts.where, ts.index_set), and make updates outside the compiled function"
    )


def unrepeatable(what: str) -> RecordingError:
    """The error for a function whose two recordings differ, so that it depends on more than its arguments."""
    return RecordingError(
        f"two recordings of the same call differ, in {what}. A compiled function must do the same for the same "
        "arguments: draw random numbers from ts.random.generator().random(shape), keep nothing from one call to the "
        "next, and pass everything else as arguments. If only its first call differs, as it fills a cache, call the "
        "function itself once before"
    )


def of_objects(array: Any) -> RecordingError:
    """The error for an array of Python objects, whose memory replays cannot plan."""
    return RecordingError(
        f"a compiled function computes with numbers, got an array of Python objects of shape {array.shape}, at "
        f"{user_line()}; convert it with .astype(float), or pass its elements in a list"
    )


def user_line() -> str:
    """File and line of the innermost frame outside this package and NumPy."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_NUMPY, _PACKAGE)):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def called_by_the_library() -> bool:
    """Whether this package, and not the user's code, has called NumPy."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_NUMPY):
        frame = frame.f_back
    return frame.f_code.co_filename.startswith(_PACKAGE)


_PACKAGE, _NUMPY = str(Path(__file__).parents[2]), str(Path(np.__file__).parent)
