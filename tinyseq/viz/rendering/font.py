"""The font of the drawings: its metrics and its files.

Text is always measured with the widths of this font, not with fonts that happen to be installed, so that a picture is
the same everywhere. It is a subset of DejaVu Sans Condensed, made by `tools/make_font.py`; its licence is beside it.
"""

import base64
import json
import unicodedata
from functools import cache
from importlib.resources import files

FAMILY = "tinyseq sans"
# Fallbacks for viewers that ignore embedded fonts.
FAMILIES = f"{FAMILY},DejaVu Sans Condensed,Helvetica,Arial,sans-serif"
FOLDER = files("tinyseq.viz") / "assets" / "font"
WIDE = 1000  # in thousandths of the type size, for characters not in the font: East Asian ones, and others
OTHER = 600


@cache
def _widths(bold: bool) -> dict[str, int]:
    runs = json.loads((FOLDER / "widths.json").read_text("ascii"))["bold" if bold else "regular"]
    return {chr(int(first) + i): width for first, run in runs.items() for i, width in enumerate(run)}


def text_width(text: str, size: float, bold: bool = False) -> float:
    """The width of a text in points.

    Example:
        >>> text_width("W", 10)
        8.9
    """
    widths = _widths(bold)
    return sum(widths.get(character) or _guess(character) for character in text) * size / 1000


def is_known(character: str) -> bool:
    """Whether the font contains a character, or it is white space."""
    return character in _widths(bold=False) or character.isspace()


def _guess(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) == "Cf":  # an accent, or invisible
        return 0
    return WIDE if unicodedata.east_asian_width(character) in "WF" else OTHER


@cache
def font_faces() -> str:
    """CSS rules that embed the font."""
    return "\n".join(
        f'@font-face {{ font-family: "{FAMILY}"; font-weight: {weight}; src: url({_data(style)}); }}'
        for style, weight in (("regular", 400), ("bold", 700))
    )


def _data(style: str) -> str:
    return "data:font/woff;base64," + base64.b64encode((FOLDER / f"{style}.woff").read_bytes()).decode("ascii")
