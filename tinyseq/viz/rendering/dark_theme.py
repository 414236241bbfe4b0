"""The dark theme: lightness is inverted, hues are kept.

Pictures are drawn for white paper. On a dark page, pale fills must become dark and ink light, in the same order, so
that a scale of shades stays a scale. Lightness is that of OKLab, in which equal steps look equal (Björn Ottosson, "A
perceptual color space for image processing", 2020).
"""

import re
from functools import cache

import numpy as np

from tinyseq.viz.rendering.settings import current
from tinyseq.viz.rendering.style import BLACK, BRIGHT, DISTINCT, PAINTS, light_of, luminance

# From linear RGB to the responses of long, medium and short cones; and from their cube roots to L, a, b.
_TO_CONES = np.array([
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
])  # fmt: skip
_TO_LAB = np.array([
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
])  # fmt: skip
DARKEST, LIGHTEST = 0.19, 1.0  # the lightness of what was white, and of what was black
BEND = 1.21  # a shade on which words change from dark to bright stays as light as it is
LINES = {*DISTINCT, *(PAINTS[kind].outline for kind in ("input", "state", "parameter", "result"))}  # on paper
_NAMED = {"white": "#ffffff", "black": "#000000"}


def theme_rules(svg: str) -> str:
    """CSS rules that replace every colour of an SVG by its dark counterpart inside an element of class ``dark``.

    A light page is spared them, which are many, and other rules prevail over them, such as that of a chosen box.

    Example:
        >>> print(theme_rules('<path fill="#ffffff" stroke="none"/>'))
        :where(.dark) [fill="#ffffff"] { fill: #141414; }
    """
    used = sorted(set(re.findall(r'\b(fill|stroke)="(#[0-9a-f]{6}|white|black)"', svg)))
    dark = ((part, color, dark_color(_NAMED.get(color, color))) for part, color in used)
    return "\n".join(f':where(.dark) [{part}="{color}"] {{ {part}: {turned}; }}' for part, color, turned in dark)


def in_both(color: str) -> str:
    """A colour in CSS, in both themes."""
    return f"light-dark({color}, {dark_color(color)})"


@cache
def dark_color(color: str) -> str:
    """The dark counterpart of a colour, as six hexadecimal digits.

    Example:
        >>> dark_color("#ffffff"), dark_color("#1f2933")
        ('#141414', '#bcc9d6')
    """
    if color == BRIGHT:
        return BLACK
    lightness, a, b = _TO_LAB @ np.cbrt(_TO_CONES @ light_of(color))
    turned = LIGHTEST - (LIGHTEST - DARKEST) * lightness**BEND
    light = np.linalg.solve(_TO_CONES, np.linalg.solve(_TO_LAB, [turned, a, b]) ** 3)
    other = "#" + "".join(f"{round(255 * _as_seen(channel)):02x}" for channel in light.tolist())
    return max(color, other, key=luminance) if color in LINES else other


def in_theme(picture: str) -> str:
    """The text of a picture, SVG or DOT, with its colours for white paper turned into those of the theme."""
    dark = current().theme == "dark"
    return re.sub(r'(?<==")#[0-9a-f]{6}', lambda color: dark_color(color[0]), picture) if dark else picture


def _as_seen(light: float) -> float:
    """Linear light as a channel of sRGB, 0 to 1."""
    light = min(max(light, 0.0), 1.0)
    return 12.92 * light if light <= 0.0031308 else float(1.055 * light ** (1 / 2.4) - 0.055)
