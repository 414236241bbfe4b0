"""Words of a text, in any script."""

import re
import unicodedata
from functools import cache

JOINERS = "\u00ad\u200c\u200d"  # the soft hyphen, and what keeps letters apart or together, as in Persian


def split_words(text: str, *symbols: str) -> list[str]:
    """The words of a text.

    These are runs of letters, digits, apostrophes and underscores, and every other character that is not a blank.
    Accents and vowel signs that are characters of their own belong to what they are written on.

    Args:
        text: the text.
        symbols: further words, such as ``"</s>"``, which are not split.

    Example:
        >>> split_words("It's warm, isn't it?")
        ["It's", 'warm', ',', "isn't", 'it', '?']
        >>> split_words("cafe\u0301 हिन्दी") == ["cafe\u0301", "हिन्दी"]
        True
    """
    return _pattern(symbols, "" if text.isascii() else _marks()).findall(text)


@cache
def _pattern(symbols: tuple[str, ...], marks: str) -> re.Pattern[str]:
    """What a word is, where some characters belong to those before them."""
    ways = [rf"[\w'’][\w'’{marks}]*", rf"[^\w\s][{marks}]*" if marks else r"[^\w\s]"]
    return re.compile("|".join([*map(re.escape, symbols), *ways]))


@cache
def _marks() -> str:
    """All combining marks of Unicode, and joiners."""
    assigned = map(chr, (*range(0x300, 0x20000), *range(0xE0100, 0xE01F0)))
    return JOINERS + "".join(letter for letter in assigned if unicodedata.category(letter)[0] == "M")
