"""Argument checks that every module uses: whole numbers are whole, and a list of words is not a string."""

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")

LONGEST = 40  # characters of a value that an error quotes


def whole(name: str, value: Any, least: int | None = 1, most: int | None = None) -> int:
    """A count, an order, a size or an index as a plain int, which JSON can hold.

    NumPy's integers are whole numbers. Floats are not, not even 2.0, and nor are booleans: as a count,
    either is usually a mistake.

    Args:
        name: of the argument, for the error.
        value: what the user gave.
        least: the smallest that is allowed; None for no bound.
        most: the largest that is allowed; None for no bound.

    Returns:
        The number.

    Raises:
        TypeError: it is not a whole number.
        ValueError: it is too small or too large.

    Example:
        >>> whole("steps", np.int64(3))
        3
        >>> whole("steps", 3.0)
        Traceback (most recent call last):
        TypeError: steps must be a whole number, got 3.0; write 3
        >>> whole("steps", 0)
        Traceback (most recent call last):
        ValueError: steps must be at least 1, got 0
    """
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, got {shown(value)}{_cure(value)}") from None
    if least is not None and number < least:
        raise ValueError(f"{name} must be at least {least}, got {number}")
    if most is not None and number > most:
        raise ValueError(f"{name} must be at most {most}, got {number}")
    return number


def number(name: str, value: Any) -> float:
    """A number as a plain float; a boolean, a string or an array is a TypeError.

    Example:
        >>> number("lr", 1)
        1.0
        >>> number("lr", "0.1")
        Traceback (most recent call last):
        TypeError: lr must be a number, got '0.1'
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, got {shown(value)}")
    return float(value)


def check_flags(**flags: Any) -> None:
    """Raise a TypeError for the first flag that is not a bool, such as a misplaced positional argument.

    Example:
        >>> check_flags(bias=True, batch_first=32)
        Traceback (most recent call last):
        TypeError: batch_first must be True or False, got 32; give options by name
    """
    for name, flag in flags.items():
        if not isinstance(flag, bool | np.bool_):
            raise TypeError(f"{name} must be True or False, got {flag!r}; give options by name")


def finite(name: str, value: Any, least: float | None = None) -> float:
    """A number that is neither NaN nor infinite, as a plain float.

    Args:
        name: of the argument, for the error.
        value: what the user gave.
        least: the smallest that is allowed; None for no bound.

    Example:
        >>> finite("bound", 0.5, least=0.0)
        0.5
        >>> finite("bound", math.nan)
        Traceback (most recent call last):
        ValueError: bound must be a finite number, got nan
        >>> finite("bound", -1, least=0.0)
        Traceback (most recent call last):
        ValueError: bound must be at least 0, got -1.0
    """
    found = number(name, value)
    if not math.isfinite(found):
        raise ValueError(f"{name} must be a finite number, got {found}")
    if least is not None and found < least:
        raise ValueError(f"{name} must be at least {least:g}, got {found}")
    return found


def text(name: str, value: Any) -> str:
    """A title or a label, which must be a string.

    Example:
        >>> text("title", 1)
        Traceback (most recent call last):
        TypeError: title must be a string, got 1
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {shown(value)}")
    return value


def as_path(name: str, value: Any) -> Path:
    """The name of a file or a folder, a string or a path.

    Example:
        >>> as_path("path", 3)
        Traceback (most recent call last):
        TypeError: path must be the name of a file, a string or a pathlib.Path, got 3
    """
    try:
        return Path(value)
    except TypeError:
        wanted = "the name of a file, a string or a pathlib.Path"
        raise TypeError(f"{name} must be {wanted}, got {shown(value)}") from None


def is_list(value: object) -> bool:
    """Whether a value holds items in an order: a list, a string, an array that is no single number.

    Example:
        >>> is_list("abc"), is_list(np.ones(3)), is_list(np.ones(())), is_list({1, 2}), is_list({"a": 1})
        (True, True, False, False, False)
        >>> is_list(np.str_("abc"))
        True
    """
    listed = hasattr(value, "__len__") and hasattr(value, "__getitem__") and not isinstance(value, Mapping)
    return listed and not is_single(value)


def is_single(value: object) -> bool:
    """Whether a value is an array or a tensor of one number; strings of NumPy, which have a shape, are strings."""
    return getattr(value, "shape", None) == () and not isinstance(value, str | bytes)


def dropped(name: str, value: Any) -> float:
    """A probability of dropping as a plain float, in [0, 1): what is kept is scaled by 1 / (1 - p).

    Example:
        >>> dropped("dropout", 0.5)
        0.5
        >>> dropped("dropout", 1)
        Traceback (most recent call last):
        ValueError: dropout must be a probability in [0, 1), got 1
    """
    p = number(name, value)
    if not 0 <= p < 1:
        raise ValueError(f"{name} must be a probability in [0, 1), got {shown(value)}")
    return p


def refuses_order(function: Callable[P, R]) -> Callable[P, R]:
    """Refuse ``order=`` in a call of a function that takes ``n``, the length of its n-grams.

    "Order" is ambiguous: what the literature calls a second-order model has n = 3.

    Args:
        function: the function or ``__init__`` to call with everything else.

    Returns:
        The function, which raises a TypeError for ``order=``.

    Example:
        >>> @refuses_order
        ... def bigrams(n=2):
        ...     return n
        >>> bigrams(order=2)
        Traceback (most recent call last):
        TypeError: bigrams takes n=, not order=: n=2 (bigrams) is what the literature calls first order, n=3 (trigrams)
        second order; where order=2 meant n-grams of that length, write n=2
    """

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        if "order" in kwargs:
            raise TypeError(order_refused(function.__qualname__.removesuffix(".__init__"), kwargs["order"]))
        return function(*args, **kwargs)

    return called


def order_refused(name: str, value: Any) -> str:
    """The message for an argument ``order=`` of what takes ``n=``."""
    return (
        f"{name} takes n=, not order=: n=2 (bigrams) is what the literature calls first order, n=3 (trigrams) second "
        f"order; where order={shown(value)} meant n-grams of that length, write n={shown(value)}"
    )


def check_unmasked(values: object) -> None:
    """Raise a TypeError if elements of an array, or of arrays in lists, are masked, as they have no value.

    Example:
        >>> check_unmasked(np.ma.array([1.0, 2.0], mask=False))
        >>> check_unmasked([np.ma.array([1, 2], mask=[False, True])])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        TypeError: got a masked array with 1 masked elements, which have no value; fill them in with a.filled(value)...
    """
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.is_masked(values):
            hidden = int(np.ma.getmaskarray(values).sum())
            raise TypeError(
                f"got a masked array with {hidden} masked elements, which have no value; fill them in with "
                "a.filled(value), such as -100 in targets that a loss ignores, or keep them out of a loss with "
                "ts.where(mask, 0.0, loss)"
            )
    elif isinstance(values, list | tuple):
        inside = tuple(kind for kind in set(map(type, values)) if issubclass(kind, np.ma.MaskedArray | list | tuple))
        if inside:
            for part in values:
                if type(part) in inside:
                    check_unmasked(part)


def words(name: str, sentence: Any) -> list[str]:
    """The words of one sentence.

    Args:
        name: of the argument, for the error.
        sentence: an iterable of strings, but not a string itself.

    Returns:
        The words as a list.

    Raises:
        TypeError: it is a string, is not iterable, or holds something other than a string, at the named position.

    Example:
        >>> words("words", ("the", "cat"))
        ['the', 'cat']
        >>> words("words", "the cat")
        Traceback (most recent call last):
        TypeError: words must be a list of words, got the string 'the cat'; words.split() makes one
    """
    if isinstance(sentence, str | bytes):
        raise TypeError(f"{name} must be a list of words, got the string {shown(sentence)}; {name}.split() makes one")
    found = listed(name, sentence, "a list of words")
    for position, word in enumerate(found):
        if not isinstance(word, str):
            raise TypeError(f"{name}[{position}] must be a word, a string, got {shown(word)}")
    return found


def sentences(name: str, given: Any) -> list[list[str]]:
    """Several sentences, each a list of words.

    Args:
        name: of the argument, for the error.
        given: an iterable of sentences as `words` takes them.

    Returns:
        The sentences as lists.

    Raises:
        TypeError: it is a string or a single sentence, or holds something else, at the named position.

    Example:
        >>> sentences("sentences", [["the", "cat"], []])
        [['the', 'cat'], []]
        >>> sentences("sentences", ["the", "cat"])
        Traceback (most recent call last):
        TypeError: sentences[0] must be a list of words, got the string 'the'; put a single sentence in a list: [words]
    """
    if isinstance(given, str | bytes):
        raise TypeError(f"{name} must be a list of lists of words, got the string {shown(given)}")
    found = listed(name, given, "a list of lists of words")
    for i, sentence in enumerate(found):
        if isinstance(sentence, str | bytes):
            raise TypeError(
                f"{name}[{i}] must be a list of words, got the string {shown(sentence)}; "
                "put a single sentence in a list: [words]"
            )
    return [words(f"{name}[{i}]", sentence) for i, sentence in enumerate(found)]


def as_pairs(sequence: Any) -> str:
    """How to make labelled sequences of what is none, as the end of an error.

    Args:
        sequence: the sequence that holds something other than a pair.

    Example:
        >>> as_pairs(["the", "cat"])
        '; make pairs with list(zip(words, tags))'
        >>> as_pairs(("the", "DT"))
        '; put a single sequence in a list'
    """
    if isinstance(sequence, str):
        return "; a sequence is a list of pairs, not a string"
    if isinstance(sequence, tuple) and len(sequence) == 2:
        return "; put a single sequence in a list"
    words_alone = isinstance(sequence, list | tuple) and all(isinstance(item, str) for item in sequence)
    return "; make pairs with list(zip(words, tags))" if words_alone else ""


def apart(call: str) -> TypeError:
    """The error for words and their tags given apart to what learns from labelled sequences.

    Args:
        call: the name of the function or method.

    Example:
        >>> apart("HMMTagger.fit")
        TypeError('HMMTagger.fit takes sentences of pairs (word, tag) and options by name, but got more arguments; if
        words and tags are apart, give [list(zip(*both)) for both in zip(words, tags)]')
    """
    return TypeError(
        f"{call} takes sentences of pairs (word, tag) and options by name, but got more arguments; if words and tags "
        "are apart, give [list(zip(*both)) for both in zip(words, tags)]"
    )


def shown(value: Any) -> str:
    """A value as an error quotes it: on one line, and not longer than is helpful."""
    text = " ".join(repr(value).split()) if not isinstance(value, str) else repr(value)
    return text if len(text) <= LONGEST + 2 else f"{text[: LONGEST - 3]}..."


def as_called(instance: object) -> str:
    """How an object was made, for its `repr`: those of its settings that are not the defaults.

    Args:
        instance: an object that keeps its arguments as attributes, or in a dictionary ``settings``; arrays and other
            objects are left out.

    Example:
        >>> import tinyseq as ts
        >>> as_called(ts.tagging.HMMTagger(2))
        'HMMTagger(n=2)'
    """
    settings = getattr(instance, "settings", None)
    kept = {**(settings if isinstance(settings, dict) else {}), **vars(instance)}
    parts = [
        f"{name}={kept[name]!r}"
        for name, parameter in signature(type(instance)).parameters.items()
        if name in kept
        and (kept[name] is None or isinstance(kept[name], bool | int | float | str | tuple))
        and kept[name] != parameter.default
    ]
    return f"{type(instance).__name__}({', '.join(parts)})"


def _cure(value: Any) -> str:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return f"; write {int(value)}"
    if isinstance(value, str) and value.strip().lstrip("+-").isdecimal():
        return f"; int({value!r}) makes one"
    return ""


def listed(name: str, value: Any, expected: str, ordered: bool = True) -> list[Any]:
    """The elements of an iterable, which is not a set if their order matters.

    Args:
        name, expected: of the argument, and what it must be, in words, for errors.
        value: the iterable.
        ordered: whether the order matters.

    Raises:
        TypeError: it is not iterable, or is a set.

    Example:
        >>> listed("symbols", "ab", "a string or a list of symbols")
        ['a', 'b']
    """
    if not isinstance(value, Iterable) or is_single(value):
        raise TypeError(f"{name} must be {expected}, got {shown(value)}")
    check_ordered(name, value if ordered else ())
    return list(value)


def check_ordered(name: str, value: object) -> None:
    """Raise a TypeError for a set, whose order changes from run to run."""
    if isinstance(value, set | frozenset):
        raise TypeError(f"{name} is a set, whose order changes from run to run; give a list, as sorted(...) makes")
