"""Symbols and their ids."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyseq.arguments import listed, shown, whole
from tinyseq.backend import on_host
from tinyseq.io.arrays import Arrays
from tinyseq.io.models import SavedModel
from tinyseq.io.names import kept_name, read_name, written_name
from tinyseq.torch_names.of_tasks import VOCABULARY
from tinyseq.torch_names.owners import Hinted
from tinyseq.torch_names.settings import explained

Symbol = TypeVar("Symbol", bound=Hashable)
SYMBOLS = "a string or a list of symbols"


class Vocabulary(SavedModel, Generic[Symbol], metaclass=Hinted):
    """A fixed list of distinct symbols (characters, words, tags), whose ids are their positions.

    Encoding a symbol that is not in the list is an error, unless there is an `unknown` symbol, whose id is then used.
    Models save their vocabularies with them; ``save`` and ``load`` are for a vocabulary on its own, `to_dict` and
    `from_dict` for one in JSON.

    Args:
        symbols: the symbols in the order of their ids; a string is a list of characters.
        unknown: the symbol for all symbols not in the list, such as `"<unk>"`; it is appended to the list if missing.

    Raises:
        ValueError: if a symbol occurs twice, or there are none.
        TypeError: if a symbol is not a string, bytes, a number, None or a tuple of these, and so cannot be saved.

    Example:
        >>> letters = Vocabulary("helo")
        >>> letters.encode("hello")
        array([0, 1, 2, 2, 3])
        >>> "".join(letters.decode([3, 0]))
        'oh'
        >>> letters.encode("help")
        Traceback (most recent call last):
        ValueError: symbol 'p' at position 3 is not in the vocabulary (h, e, l, o); include it, or give all such symbols
        one id: Vocabulary(symbols, unknown="<unk>")
        >>> Vocabulary(["the", "cat"], unknown="<unk>").encode(["the", "dog"])
        array([0, 2])
    """

    _other_names: ClassVar[dict[str, str]] = VOCABULARY

    @explained
    def __init__(self, symbols: Iterable[Symbol], unknown: Symbol | None = None) -> None:
        self.symbols: tuple[Symbol, ...] = tuple(
            kept_name(symbol, "symbol") for symbol in listed("symbols", symbols, SYMBOLS)
        )
        self.unknown: Symbol | None = kept_name(unknown, "symbol")
        if unknown is not None and unknown not in self.symbols:
            self.symbols += (unknown,)
        self._ids = {symbol: i for i, symbol in enumerate(self.symbols)}
        if not self.symbols:
            raise ValueError("a vocabulary needs at least one symbol")
        if len(self._ids) < len(self.symbols):
            symbol, count = Counter(self.symbols).most_common(1)[0]
            raise ValueError(
                f"symbol {shown(symbol)} occurs {count} times, but a vocabulary holds each symbol once; "
                "make it of sorted(set(symbols)), or by ts.data.Vocabulary.from_counts(symbols)"
            )

    @classmethod
    @explained
    def from_counts(
        cls, counts: Mapping[Symbol, int] | Iterable[Symbol], *, min_count: int = 1, unknown: Symbol | None = None
    ) -> "Vocabulary[Symbol]":
        """A vocabulary of the frequent symbols, in descending order of frequency; ties keep their order of occurrence.

        Args:
            counts: the count of each symbol, or the symbols themselves, to be counted.
            min_count: symbols with a smaller count are left out.
            unknown: as for `Vocabulary`.

        Returns:
            The vocabulary.

        Raises:
            ValueError, TypeError: no symbol is as frequent, something cannot be a symbol, or ``min_count`` is not a
                whole number of at least 0.

        Example:
            >>> Vocabulary.from_counts("hello world", min_count=2).symbols
            ('l', 'o')
        """
        min_count = whole("min_count", min_count, 0)
        given = counts if isinstance(counts, Mapping) else listed("counts", counts, SYMBOLS)
        try:
            ranked = Counter(given).most_common()
        except TypeError:
            raise no_symbol(list(given)) from None
        return cls([symbol for symbol, count in ranked if count >= min_count], unknown)

    def encode(self, symbols: Iterable[Symbol]) -> NDArray[np.int64]:
        """The ids of symbols, int64; a symbol outside the vocabulary becomes ``unknown`` if there is one.

        Raises:
            ValueError: for a symbol that is not in the vocabulary, if there is no unknown symbol.
            TypeError: for something that cannot be a symbol, such as a list, or for a string where symbols are words.
        """
        refuse_letters("symbols", symbols, self)
        symbols = listed("symbols", symbols, SYMBOLS)
        try:
            if self.unknown is not None:
                unknown = self._ids[self.unknown]
                return np.array([self._ids.get(symbol, unknown) for symbol in symbols], np.int64)
            return np.array([self._ids[symbol] for symbol in symbols], np.int64)
        except KeyError:
            position = next(i for i, symbol in enumerate(symbols) if symbol not in self._ids)
            first = ", ".join(map(_shown, self.symbols[:6])) + ", ..." * (len(self) > 6)
            raise ValueError(
                f"symbol {shown(_plain(symbols[position]))} at position {position} is not in the vocabulary ({first}); "
                f"{self._cure(symbols[position])}"
            ) from None
        except TypeError:
            raise no_symbol(symbols) from None

    def _cure(self, symbol: Any) -> str:
        """What to do about a symbol that the vocabulary does not have."""
        letters = all(isinstance(known, str) and len(known) == 1 for known in self.symbols if known != self.unknown)
        if letters and isinstance(symbol, str) and len(symbol) > 1:
            return "its symbols are single characters: join the text to one string, or make a vocabulary of words"
        return 'include it, or give all such symbols one id: Vocabulary(symbols, unknown="<unk>")'

    def decode(self, ids: ArrayLike) -> list[Symbol]:
        """The symbols of ids (N,).

        Raises:
            ValueError: for an id that is out of range or negative, and for ids that are not a vector.
            TypeError: for ids that are not integers.
        """
        try:
            ids = np.asarray(on_host(ids))
        except ValueError:
            raise ValueError("ids must be a vector (N,), got rows of different lengths; decode each of them") from None
        if ids.ndim != 1:
            raise ValueError(
                f"ids must be a vector (N,), got shape {ids.shape}; decode a table row by row, or the rows of ids.T"
            )
        if ids.size and ids.dtype.kind not in "iu":
            raise TypeError(f"ids must be integers, got {ids.dtype}; to convert symbols to ids, use encode")
        if wrong := [int(i) for i in ids if not 0 <= i < len(self)]:
            raise ValueError(f"ids must be from 0 to {len(self) - 1}, got {wrong[0]}")
        return [self.symbols[i] for i in ids]

    def to_dict(self) -> dict[str, Any]:
        """The vocabulary as JSON values, which `from_dict` reads."""
        return {"symbols": [written_name(symbol) for symbol in self.symbols], "unknown": written_name(self.unknown)}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "Vocabulary[Any]":
        """The vocabulary from the result of `to_dict`.

        Raises:
            ValueError: for any other mapping.
            TypeError: for anything else.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"state must be what to_dict returns, got {shown(state)}")
        if set(state) != {"symbols", "unknown"} or not isinstance(state["symbols"], list):
            raise ValueError(f"state must have a list 'symbols' and an 'unknown', got {sorted(state)}")
        return cls([read_name(symbol) for symbol in state["symbols"]], read_name(state["unknown"]))

    def saved(self) -> tuple[Arrays, dict[str, Any]]:
        """See `tinyseq.io.SavedModel`: the symbols."""
        return {}, self.to_dict()

    @classmethod
    def restored(cls, arrays: Arrays, metadata: dict[str, Any]) -> "Vocabulary[Any]":
        """See `tinyseq.io.SavedModel`."""
        return cls.from_dict({name: metadata[name] for name in ("symbols", "unknown")})

    def __len__(self) -> int:
        return len(self.symbols)

    def __iter__(self) -> Iterator[Symbol]:
        return iter(self.symbols)

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and (self.symbols, self.unknown) == (other.symbols, other.unknown)

    def __hash__(self) -> int:
        return hash((self.symbols, self.unknown))

    def __repr__(self) -> str:
        first = ", ".join(map(repr, self.symbols[:6])) + ", ..." * (len(self) > 6)
        unknown = "" if self.unknown is None else f", unknown={self.unknown!r}"
        return f"Vocabulary({len(self)} symbols: {first}{unknown})"


def _plain(symbol: Any) -> Any:
    """A number of NumPy as one of Python, which is shown without its type."""
    return symbol.item() if isinstance(symbol, np.generic) else symbol


def refuse_letters(name: str, given: object, vocabulary: Vocabulary[Any]) -> None:
    """Raise an error for a string where symbols are words, as its letters would be taken for unknown ones."""
    if not isinstance(given, str) or all(letter in vocabulary for letter in set(given)):
        return
    texts = [symbol for symbol in vocabulary.symbols if isinstance(symbol, str) and symbol[:1] != "<"]  # no <unk>, </s>
    words = [text for text in texts if len(text) > 1]
    if 2 * len(words) > len(texts):
        raise TypeError(
            f"{name} is a string, which is read letter by letter, but the vocabulary holds words, such as "
            f"{shown(words[0])}; give a list of words: {name}.split()"
        )


def no_symbol(symbols: Sequence[object]) -> TypeError:
    """The error for the first of some symbols that can be none, such as a list."""
    place = next(i for i, symbol in enumerate(symbols) if not _is_hashable(symbol))
    return TypeError(
        f"a symbol is a string or a number, got {shown(symbols[place])} at position {place}; "
        "give several sequences one by one"
    )


def _is_hashable(symbol: object) -> bool:
    """Whether a symbol can be a key, which a tuple with a list in it cannot, though its type says so."""
    try:
        hash(symbol)
    except TypeError:
        return False
    return True


def _shown(symbol: Any) -> str:
    """A symbol in a list of them; punctuation and spaces in quotes, as they would be lost in it."""
    return str(symbol) if str(symbol).isalnum() else repr(symbol)
