"""Names of states and symbols, and their ids."""

import reprlib
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyseq.arguments import listed
from tinyseq.backend import Array
from tinyseq.io.names import kept_name

BOOLEAN = bool | np.bool_
Items = list[Any] | NDArray[Any]  # states or observations: values of the caller's own types, or an array of numbers


class Labels(Sequence[Any]):
    """The names of the states or symbols of a model, in the order of their ids.

    Args:
        names: distinct hashable values; or None, and the ids serve as names.
        size: the number of names.
        kind: ``"state"`` or ``"symbol"``, for error messages.

    Raises:
        ValueError: if there are too few or too many names, or a name occurs twice.
        TypeError: if a name is not a string, a number, or a tuple of these, and so cannot be saved.

    Example:
        >>> tags = Labels(["DT", "NN", "VB"], 3, "state")
        >>> tags.ids(["NN", "DT"]).tolist(), tags[1]
        ([1, 0], 'NN')
    """

    def __init__(self, names: Iterable[Hashable] | None, size: int, kind: str) -> None:
        self.named = names is not None
        given = range(size) if names is None else listed(f"{kind}s", names, "a list of names")
        self.names = tuple(given if names is None else (kept_name(name, f"{kind}'s name") for name in given))
        self.kind = kind
        self._ids: dict[Hashable, int] = {name: i for i, name in enumerate(self.names)}
        if len(self.names) != size:
            raise ValueError(f"{kind}s has {len(self.names)} names, but the tables have {size} {kind}s")
        if len(self._ids) != size:
            twice = next(name for i, name in enumerate(self.names) if self._ids[name] != i)
            raise ValueError(f"{kind}s contains {twice!r} twice")
        # Numbers are ids, unless the names themselves are numbers.
        self.letters = all(isinstance(name, str) and len(name) == 1 for name in self.names)
        self.tuples = any(isinstance(name, tuple) for name in self.names)
        self.numeric = self.named and any(isinstance(name, int | np.integer) for name in self.names)

    def __repr__(self) -> str:
        return f"Labels({reprlib.repr(self.names)})"

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, i: Any) -> Any:
        return self.names[i]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, Hashable) and name in self._ids

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        """The id of a name, as for a tuple of the names.

        Raises:
            ValueError: there is no such name.
        """
        try:
            return self.names.index(value, start, len(self) if stop is None else stop)
        except ValueError:
            raise ValueError(self._not_here(value)) from None

    def ids(self, sequence: Any, missing: int | None = None, unknown: int | None = None) -> Array:
        """The ids of a sequence of names or ids.

        Args:
            sequence: names, or ids in 0..size - 1.
            missing: the id for None; if not given, None is an error.
            unknown: the id for every unknown name; if not given, an unknown name is an error.

        Raises:
            ValueError: for an unknown name or an id out of range; the error gives its position.
        """
        if isinstance(sequence, np.ndarray) and sequence.dtype.kind in "iu" and not self.numeric:
            wrong = np.flatnonzero((sequence < 0) | (sequence >= len(self)))
            if len(wrong):
                raise self._unknown(int(sequence[wrong[0]]), int(wrong[0]))
            return sequence.astype(np.intp, copy=False)
        return np.fromiter((self.id_at(t, item, missing, unknown) for t, item in enumerate(sequence)), dtype=np.intp)

    def id_at(self, position: int, item: Any, missing: int | None = None, unknown: int | None = None) -> int:
        """The id of one item; `position` is used in error messages, the other arguments are those of `ids`."""
        found = self._ids.get(item) if isinstance(item, Hashable) else None
        if found is not None and self._means(item, self.names[found]):
            return found
        if item is None and missing is not None:
            return missing
        if isinstance(item, int | np.integer) and not isinstance(item, BOOLEAN) and not self.numeric:
            if 0 <= item < len(self):
                return int(item)
        elif unknown is not None and isinstance(item, Hashable) and not _is_missing(item):
            return unknown
        raise self._unknown(item, position)

    def _means(self, item: Any, name: Any) -> bool:
        """Whether an item equal to a name stands for it: True is not 1; and if the ids are the names, 1.0 is not 1."""
        if isinstance(item, BOOLEAN) != isinstance(name, BOOLEAN):
            return False
        return self.named or not isinstance(item, float | np.floating)

    def _unknown(self, item: Any, position: int) -> ValueError:
        item = item.item() if isinstance(item, np.generic) else item
        return ValueError(f"position {position}: {self._not_here(item)}{self._cure(item)}")

    def _not_here(self, item: Any) -> str:
        shown = ", ".join(map(repr, self.names[:5])) + (", ..." if len(self) > 5 else "")
        known = f"the {self.kind}s are {shown}" if self.named else f"ids run from 0 to {len(self) - 1}"
        return f"{item!r} is not a {self.kind} of this model; {known}"

    def _cure(self, item: Any) -> str:
        if isinstance(item, float) and item.is_integer() and not self.named:
            return "; convert them with .astype(int)"
        if self.kind == "symbol" and _is_missing(item):
            return "; write None for a missing observation"
        if isinstance(item, bytes):
            return "; text is read by .decode()"
        if isinstance(item, str) and not self.named:
            return f"; give the model its {self.kind}s to read text"
        letters = isinstance(item, str) and len(item) == 1 and max(len(str(name)) for name in self.names) > 1
        return "; if it is a letter of a text, make a list of words with .split()" if letters else ""


def _is_missing(item: Any) -> bool:
    """Whether a table marks a missing value like this: NaN, or NA and NaT of pandas."""
    return (isinstance(item, float | np.floating) and bool(item != item)) or type(item).__name__ in (
        "NAType",
        "NaTType",
    )
