"""The contents of arrays and buffers of other libraries."""

import io
from typing import Any

import numpy as np

from tinyseq.compiler.recording.active import RecordingError


def buffered(value: Any) -> Any:
    """The contents of a bytearray, an `array.array`, a memoryview or a number of ctypes; None for anything else.

    Those of a text or of bytes that are read and written like a file are followed by the place in it.

    Example:
        >>> buffered(bytearray([65])), buffered({}), buffered(io.StringIO("A"))
        (b'A', None, ('A', 0))
    """
    try:
        if isinstance(value, io.BytesIO | io.StringIO):
            return value.getvalue(), value.tell()
        return memoryview(value).tobytes()
    except (TypeError, ValueError, BufferError):
        return None


def arrays_of(value: Any) -> list[Any] | None:
    """The values, and the labels if there are any, of an array of another library; None for anything else.

    These are PyTorch's tensors, tables of pandas, and whatever else NumPy takes for an array.

    Raises:
        RecordingError: the values cannot be read, so no replay could find out whether they have changed.

    Example:
        >>> arrays_of({}) is None
        True
    """
    if isinstance(value, type) or not hasattr(type(value), "__array__"):
        return None
    try:
        values = value.numpy(force=True) if type(value).__module__.startswith("torch") else value
        labels = [getattr(value, name, None) for name in ("index", "columns")]
        return [np.asarray(part) for part in (values, *labels) if hasattr(type(part), "__array__")]
    except Exception as error:
        raise RecordingError(
            f"a compiled function can read a {type(value).__module__}.{type(value).__name__}, whose values NumPy "
            "cannot compare from call to call; pass what it reads as an argument"
        ) from error
