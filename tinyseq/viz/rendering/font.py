"""The font of the drawings: its measures, and the files in which it comes along.

Text is measured with the widths of one font, never with what a machine happens to have, so that a picture is the same
everywhere. The font is DejaVu Sans Condensed, cut down by `tools/make_font.py`; its licence lies beside it.
"""

import base64
import json
import unicodedata
from functools import cache
from importlib.resources import files

FAMILY = "tinyseq sans"
# What stands in for it where a viewer does not take the font that comes with a picture.
FAMILIES = f"{FAMILY},DejaVu Sans Condensed,Helvetica,Arial,sans-serif"
FOLDER = files("tinyseq.viz") / "assets" / "font"
WIDE = 1000  # thousandths of the type size, of characters that are not in the font: of East Asia, and others
OTHER = 600


@cache
def _widths(bold: bool) -> dict[str, int]:
    runs = json.loads((FOLDER / "widths.json").read_text("ascii"))["bold" if bold else "regular"]
    return {chr(int(first) + i): width for first, run in runs.items() for i, width in enumerate(run)}


def text_width(text: str, size: float, bold: bool = False) -> float:
    """How wide a text is, in points.

    Example:
        >>> text_width("W", 10)
        8.9
    """
    widths = _widths(bold)
    return sum(widths.get(character) or _guess(character) for character in text) * size / 1000


def is_known(character: str) -> bool:
    """Whether the font has a character, or it is one that is not seen."""
    return character in _widths(bold=False) or character.isspace()


def _guess(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return WIDE if unicodedata.east_asian_width(character) in "WF" else OTHER


@cache
def font_faces() -> str:
    """Rules of CSS that bring the font along."""
    return "\n".join(
        f'@font-face {{ font-family: "{FAMILY}"; font-weight: {weight}; src: url({_data(style)}); }}'
        for style, weight in (("regular", 400), ("bold", 700))
    )


def _data(style: str) -> str:
    return "data:font/woff;base64," + base64.b64encode((FOLDER / f"{style}.woff").read_bytes()).decode("ascii")
