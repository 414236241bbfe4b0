"""The style of drawings: colours, type sizes, the format of numbers, and safe text.

All text in a picture passes through `clean` and `markup`, so that a parameter named ``<script>`` is shown literally.
Colours also differ in lightness, for grey printouts and for colour-blind readers.
"""

import math
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Literal, NamedTuple
from unicodedata import bidirectional

from tinyseq.viz.rendering.font import text_width
from tinyseq.viz.rendering.settings import SMALL_IN_LARGE, SMALL_SIZE, TEXT_SIZE, in_type, tight

BESIDE = 5.0  # points between texts on the same line
STRUT = "&#8203;"  # no letter, and no space, but it has a height
INDEX_SIZE = 0.72  # of an index, relative to its line
INDEX = re.compile(r"(?<=[A-Za-z])_([A-Za-z][A-Za-z0-9_]*(?:,[A-Za-z0-9_]+)*|\d+)\b")

INK = "#1f2933"
MUTED = "#5b6773"
LINE = "#51606f"
PAPER = "#ffffff"
BLACK, BRIGHT = "#000000", "#fefefe"  # words on shades; in the dark theme, white and black
GRID = "#e3e7ec"  # lines behind curves
ACCENT = "#c2255c"  # recurrent edges, the best path


class Paint(NamedTuple):
    """The colours of a kind of box."""

    fill: str
    outline: str
    text: str = INK


COLUMN = Paint("#f4f6fa", "#c5cfdd")
MODULE = Paint("#e9eef6", "#a9b8cc")
OP = Paint(PAPER, "#8794a5")
INPUT = Paint("#dbe9fc", "#5f8fd0")
STATE = Paint("#d8f0e2", "#3c9468")
PARAMETER = Paint("#ffedc2", "#c98f12")
LOSS = Paint("#fde0dd", "#cf4a3f")
QUIET = Paint("#eef0f3", "#c2c9d1", MUTED)  # impossible, or less important
PAINTS = {  # by the kind of a box
    **dict.fromkeys(("initial", "elided"), QUIET),
    **{"op": OP, "state": STATE, "input": INPUT, "result": LOSS, "parameter": PARAMETER},
}

# Distinct for all common types of colour blindness: Okabe and Ito, "Color Universal Design" (2008).
DISTINCT = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")

TICKS = 5  # of a colour scale in a legend
# From pale to dark in one hue, so that the order is kept in grey printouts.
RAMP = ("#f5f1fb", "#dccdf2", "#bd9fe3", "#9a6fcf", "#7443b0", "#4b1d86")


FROM_LEFT = "\N{LEFT-TO-RIGHT MARK}"


def clean(text: object, limit: int = 48) -> str:
    """A text, or a tuple of texts, on one line of at most `limit` characters, without control characters."""
    words = " ".join(_unquoted(text)[: 4 * limit].split())  # more than `limit`, as blanks are merged
    line = "".join(
        c if c.isprintable() or c in {"\N{ZERO WIDTH JOINER}", FROM_LEFT} else "\N{REPLACEMENT CHARACTER}"
        for c in words
    )  # joined emoji stay
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _unquoted(text: object) -> str:
    """A text, or a tuple of texts and tuples, without the quotes of Python."""
    return f"({', '.join(map(_unquoted, text))})" if isinstance(text, tuple) else str(text)


def word(text: object, limit: int = 16) -> str:
    """A user's word or name, clean; ␣ for one of which nothing can be seen.

    After one that is written from the right stands a mark, so that P(x | s) and paths are still read from the left.
    """
    line = clean(text, limit) or "␣"
    return line + FROM_LEFT * any(bidirectional(letter) in {"R", "AL"} for letter in line)


def unescapable(text: str) -> str:
    """A text without Graphviz's escape sequences, such as a backslash and N for the node's name."""
    return text.replace("\\", "\N{SET MINUS}")


class Text(NamedTuple):
    """One line of a label. In a formula, letters after an underscore are set as an index, as in W_hh.

    Its size is that in type of 11 points, and grows with the type. A page hides a line with the role of a value or a
    gradient until that is known. A text may also go on the same line as the previous one.
    """

    text: str
    size: float = TEXT_SIZE
    color: str = INK
    bold: bool = False
    formula: bool = False
    struck: bool = False
    role: Literal["", "value", "gradient"] = ""
    beside: bool = False

    @property
    def points(self) -> float:
        return in_type(max(self.size, tight(0.0, SMALL_IN_LARGE)))

    @property
    def pieces(self) -> list[str]:
        """Text and indices, which alternate."""
        return INDEX.split(self.text) if self.formula else [self.text]

    @property
    def width(self) -> float:
        sizes = (self.points, INDEX_SIZE * self.points)
        return sum(text_width(piece, sizes[i % 2], self.bold) for i, piece in enumerate(self.pieces))

    @property
    def height(self) -> float:
        return tight(1.25, 1.15) * self.points


def small(text: str, color: str = MUTED, role: Literal["", "value", "gradient"] = "") -> Text:
    """A line in small type: shapes, numbers, counts."""
    return Text(text, SMALL_SIZE, color, role=role)


def markup(lines: Sequence[Text]) -> str:
    """Lines as an HTML-like label of Graphviz, with everything escaped.

    Graphviz sets lines in type of several sizes without space between them, so each but the first stands between
    invisible characters as high as the line should be.
    """
    first, *others = rows_of(lines) or [[]]
    mixed = len({line.points for line in lines}) > 1
    shown = "  ".join(map(_marked, first))
    for row in others:
        strut = f'<font point-size="{row_size(row)[1]:.0f}">{STRUT}</font>' if mixed else ""
        shown += "<br/>" + strut + "  ".join(map(_marked, row)) + strut
    return f"<{shown}>"


def _marked(text: Text) -> str:
    words = escape(unescapable(clean(text.text, limit=200))) or " "  # Graphviz refuses an empty <font>
    if text.formula:
        words = INDEX.sub(rf'<font point-size="{INDEX_SIZE * text.points:g}">\1</font>', words)
    words = f"<b>{words}</b>" if text.bold else f"<s>{words}</s>" if text.struck else words
    return f'<font point-size="{text.points:g}" color="{text.color}">{words}</font>'


def label_size(lines: Sequence[Text]) -> tuple[float, float]:
    """Width and height of a label, in points."""
    sizes = [row_size(row) for row in rows_of(lines)]
    return max((width for width, _ in sizes), default=0.0), sum(height for _, height in sizes)


def row_size(row: Sequence[Text]) -> tuple[float, float]:
    """Width and height of texts on one line."""
    return sum(text.width for text in row) + in_type(BESIDE) * (len(row) - 1), max(text.height for text in row)


def rows_of(texts: Iterable[Text]) -> list[list[Text]]:
    """The texts on each line of a label."""
    rows: list[list[Text]] = []
    for text in texts:
        if text.beside and rows:
            rows[-1].append(text)
        else:
            rows.append([text])
    return rows


def room_for_text() -> tuple[float, float]:
    """The space in a box around its text, in total."""
    return tight(14.0, 10.0), tight(8.0, 5.0)


SUBSCRIPTS = str.maketrans("0123456789+-", "₀₁₂₃₄₅₆₇₈₉₊₋")
SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def subscript(index: int) -> str:
    """A number in subscript characters, which all viewers support, unlike lowered text."""
    return str(index).translate(SUBSCRIPTS)


def superscript(index: int) -> str:
    """A number as a superscript in parentheses, for layers."""
    return "⁽" + str(index).translate(SUPERSCRIPTS) + "⁾"


def number(value: float, digits: int = 3) -> str:
    """A number with at most `digits` significant digits; zero has no sign."""
    return f"{value + 0.0:.{digits}g}".replace("e-0", "e-").replace("e+0", "e+")


def shape_text(shape: Sequence[int]) -> str:
    """A shape in Python's notation without blanks; empty for a scalar."""
    return "" if not shape else "(" + ",".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def blend(fraction: float) -> str:
    """The colour at a fraction between 0 and 1 of the ramp, as six hexadecimal digits."""
    position = min(max(fraction, 0.0), 1.0) * (len(RAMP) - 1)
    below = min(int(position), len(RAMP) - 2)
    low, high = (tuple(int(stop[i : i + 2], 16) for i in (1, 3, 5)) for stop in RAMP[below : below + 2])
    mixed = (round(a + (b - a) * (position - below)) for a, b in zip(low, high, strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def light_of(color: str) -> tuple[float, float, float]:
    """The red, green and blue light of a colour, from 0 to 1: linear, as the channels of sRGB are not. Its opacity does
    not matter."""
    channels = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return red, green, blue


def luminance(color: str) -> float:
    """How much light a colour sends, from 0 to 1, as contrast is defined by (WCAG 2, relative luminance)."""
    red, green, blue = light_of(color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def readable_on(fill: str) -> str:
    """The colour of words on this fill: their contrast is at least 4.5 in both themes."""
    light = luminance(fill)
    return INK if light > 0.4 else BLACK if light > 0.18 else BRIGHT


def shaded(fraction: float, outline: str = OP.outline) -> Paint:
    """The colours of a box at a fraction between 0 and 1 of the ramp."""
    fill = blend(fraction)
    return Paint(fill, outline, readable_on(fill))


class LogScale:
    """A logarithmic colour scale.

    Args:
        values: the values to be shown; zeros and values that are not finite are ignored.
    """

    def __init__(self, values: Iterable[float]) -> None:
        positive = [value for value in values if 0 < value < math.inf]
        top = math.log10(max(positive, default=1.0))
        bottom = math.log10(min(positive, default=1.0))
        self.bottom, self.top = min(bottom, top - 1.0), top  # at least one order of magnitude, to hide noise

    def fraction(self, value: float) -> float:
        """The place of a value on the scale, from 0 (smallest) to 1 (largest)."""
        if not value > 0:
            return 0.0
        return min(max((math.log10(value) - self.bottom) / (self.top - self.bottom), 0.0), 1.0)

    def paint(self, value: float, outline: str = OP.outline) -> Paint:
        """The colours of a box with this value."""
        return shaded(self.fraction(value), outline)

    def ticks(self) -> list[float]:
        """Values for a legend, evenly spread over the scale."""
        step = (self.top - self.bottom) / (TICKS - 1)
        return [10 ** (self.bottom + i * step) for i in range(TICKS)]
