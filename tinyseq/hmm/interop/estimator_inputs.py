"""Converts X and y, as users of scikit-learn pass them, to lists of sequences.

Ambiguous input is an error, which says how to write each possible meaning.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tinyseq.arguments import is_single, shown
from tinyseq.autograd.calls.array_like import ArrayLike
from tinyseq.backend import Array
from tinyseq.hmm.masks import unmasked


class Frame(Protocol):
    """A data frame, as of pandas."""

    @property
    def columns(self) -> object:
        """The names of the columns."""


Given = Sequence[object] | ArrayLike | Frame


class Samples(NamedTuple):
    """Sequences, and the form in which they came.

    Attributes:
        sequences: arrays (T, D) or lists of numbers for vectors; arrays (T,), lists or strings for symbols.
        table: whether they came as one table, so that results are returned as one array.
        features: D, or 1 for symbols; 0 if there are no observations.
        names: the column names of a data frame, if they are strings; else None.
    """

    sequences: list[Any]
    table: bool
    features: int
    names: list[str] | None

    def joined(self, parts: list[Any]) -> NDArray[Any] | list[Any]:
        """Results for each sequence, in the form of the input."""
        return np.concatenate([np.asarray(part) for part in parts]) if self.table else parts


def samples(x: Any, lengths: Sequence[int] | None, vectors: bool, name: str = "X") -> Samples:
    """Convert a list of sequences, or one table, to `Samples`.

    Args:
        x: a list of sequences; or an array, a data frame or a series, whose rows are the observations of one sequence.
        lengths: the lengths of the sequences, if x is one table of concatenated sequences.
        vectors: whether observations are vectors of numbers, not symbols.
        name: of the argument, for errors.

    Raises:
        ValueError: if shapes or values are invalid.
        TypeError: if x or an item of it is not a sequence, or if lengths are not whole numbers.
    """
    _require_collection(x, name)
    names = list(map(str, x.columns)) if hasattr(x, "columns") and all(isinstance(c, str) for c in x.columns) else None
    values = _values(x)
    if isinstance(values, np.ndarray) and not _holds_sequences(values):
        if values.ndim == 1 and not hasattr(x, "to_numpy"):  # a series is one column of a data frame
            raise ValueError(
                f"{name} is an array of shape {values.shape}, which could be one sequence or many. Reshape your data: "
                f"{name}.reshape(-1, 1) for one sequence, list({name}.reshape(-1, 1)) for many, or pass a list of "
                "sequences"
            )
        values = _table(values.reshape(-1, 1) if values.ndim == 1 else values, name, vectors)
        return Samples(_split(values, lengths), True, values.shape[1] if vectors else 1, names)
    if lengths is not None:
        raise ValueError(f"lengths needs {name} to be one array of concatenated sequences, got a list of sequences")
    sequences = [_one(item, i, vectors, name) for i, item in enumerate(values)]
    return Samples(sequences, False, _width(sequences) if vectors else 1, None)


def labels(y: Any, lengths: Sequence[int] | None, x: Samples) -> list[Any]:
    """The states of each sequence.

    Raises:
        ValueError: if X and y do not match.
    """
    _require_collection(y, "y")
    if is_single(y):
        raise TypeError(f"y must be a list with the states of each sequence, got {shown(y)}")
    values = _values(y)
    if x.table and not (isinstance(values, np.ndarray) and _holds_sequences(values)):
        column = np.empty(len(values), dtype=object)
        column[:] = list(values.ravel()) if isinstance(values, np.ndarray) else values
        found = _split(column if isinstance(values, list | tuple) else np.asarray(values).ravel(), lengths, "y")
    else:
        found = [_values(part) if hasattr(part, "__len__") else part for part in values]
    if not all(hasattr(part, "__len__") for part in found) or [len(part) for part in found] != [
        len(part) for part in x.sequences
    ]:
        raise ValueError("X and y must have as many sequences, and each of y as many states as X has symbols")
    return found


def _require_collection(x: Any, name: str) -> None:
    if isinstance(x, str | bytes):
        raise TypeError(f"{name} is a string; write [{name}] for one sequence of letters")
    if hasattr(x, "tocsr"):
        raise TypeError(f"{name} is sparse; sparse data are not supported, pass {name}.toarray()")
    if isinstance(x, Mapping | set | frozenset) or not (hasattr(x, "__len__") or hasattr(x, "__array__")):
        raise TypeError(f"{name} must be a list of sequences, an array or a data frame, got {type(x).__name__}")


def _values(x: Any) -> Any:
    """The array or list that a data frame, a series or another container holds."""
    if isinstance(x, str | list | tuple):
        return x
    if hasattr(x, "to_numpy"):
        values = x.to_numpy()
        if values.dtype == object or values.dtype.kind not in "biufcSU":
            values = np.array(values, dtype=object)
            values[np.vectorize(_is_nan, otypes=[bool])(values)] = None
        return values
    if isinstance(x, np.ma.MaskedArray):
        return unmasked(x)
    return np.asarray(x) if hasattr(x, "__array__") else list(x)


def _is_nan(value: Any) -> bool:
    """Whether a value is NaN or one of pandas' markers of missing values."""
    return (
        value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)
    )


def _holds_sequences(values: Array) -> bool:
    """Whether the items of an array are sequences themselves."""
    return values.dtype == object and values.ndim == 1 and any(isinstance(v, list | tuple | np.ndarray) for v in values)


def _table(values: Array, name: str, vectors: bool) -> Array:
    """One table as an array (rows, D) of numbers, or (rows,) of symbols."""
    if values.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {values.dtype}")
    if values.ndim != 2:
        raise ValueError(f"{name} has {values.ndim} dimensions; pass a table of 2, or list({name}) for many sequences")
    if not values.shape[1]:
        raise ValueError(f"{name} has 0 feature(s) (shape={values.shape}) while a minimum of 1 is required.")
    if vectors:
        return _numbers(values, name)
    if values.shape[1] > 1:
        raise ValueError(
            f"{name} has {values.shape[1]} columns, but there is one symbol for each step. Pass list({name}) if each "
            'row is a sequence; or emission="diag" if each row is a vector of numbers'
        )
    return _symbols(values[:, 0], name)


def _numbers(values: Array, name: str) -> Array:
    try:
        return values.astype(np.float64)
    except TypeError as error:
        raise TypeError(f"each argument must be a string or a number in {name}: {error}") from error
    except ValueError as error:
        raise ValueError(f"{name} must hold numbers: {error}") from error


def _symbols(values: Any, name: str) -> Any:
    """Check that symbols are ids or names, not real or complex numbers or sequences."""
    kind = values.dtype.kind if isinstance(values, np.ndarray) else "O"
    for value in values if kind == "O" and not isinstance(values, str) else values[:1]:
        if isinstance(value, complex | np.complexfloating):
            raise ValueError(f"Complex data not supported: {name} holds {value}")
        if isinstance(value, float | np.floating):
            raise ValueError(
                f"{name} holds the real number {value}, but symbols are ids (0, 1, ...) or names, and None where one "
                'is missing. Pass emission="diag" for real numbers, or .astype(int) of ids'
            )
        if isinstance(value, dict | set | list | np.ndarray):
            raise TypeError(f"each argument must be a string or a number in {name}, got {type(value).__name__}")
    return values


def _one(item: Any, i: int, vectors: bool, whole: str) -> Any:
    """One sequence of a list."""
    name = f"{whole}[{i}]"
    if not (hasattr(item, "__len__") or hasattr(item, "__array__")) or is_single(item):
        raise ValueError(
            f"{name} must be a sequence, as {whole} is a list of sequences; got {item!r}. Pass [{whole}] if {whole} is "
            f"one sequence. Reshape your data, np.reshape({whole}, (-1, 1)), to pass it as a table of one column"
        )
    if hasattr(item, "tocsr") or isinstance(item, Mapping | set | frozenset):
        raise TypeError(f"{name} must be a list, a string or an array, got {type(item).__name__}")
    values = _values(item)
    if isinstance(values, np.ndarray):
        if values.ndim == 2:
            return _table(values, name, vectors)
        if vectors and values.dtype.kind == "c":
            raise ValueError(f"Complex data not supported: {name} has dtype {values.dtype}")
    return values if vectors else _symbols(values, name)


def _width(sequences: list[Any]) -> int:
    """D, from the first observation that is not missing; 0 if there is none."""
    for sequence in sequences:
        if isinstance(sequence, np.ndarray) and sequence.ndim == 2:
            return int(sequence.shape[1])
        for item in sequence:
            if item is not None:
                return int(np.size(item))
    return 0


def _split(values: Array, lengths: Sequence[int] | None, name: str = "X") -> list[Array]:
    """Split a table of concatenated sequences."""
    if lengths is None:
        return [values]
    given = np.asarray(lengths)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise TypeError(f"lengths must be a list of whole numbers, got {lengths!r}")
    if given.min(initial=0) < 0:
        raise ValueError(f"lengths must not be negative, got {given.min()}")
    if given.sum() != len(values):
        raise ValueError(f"lengths sum to {given.sum()}, but {name} has {len(values)} rows")
    return np.split(values, np.cumsum(given)[:-1])
