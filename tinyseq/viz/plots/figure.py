"""The figure of a plot, and its dark theme. This file is imported only if matplotlib is used."""

import io
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D

from tinyseq.viz.rendering.dark_theme import dark_color
from tinyseq.viz.rendering.style import luminance

SHADES = 32  # of a colour map
PALE, CONTRAST = 2.0, 3.0  # contrast with the paper: of lines in the background, as of a grid, and of those seen well


class PlotFigure(Figure):
    """A matplotlib figure that notebooks display as the result of a cell, without pyplot."""

    def _repr_png_(self) -> bytes:
        picture = io.BytesIO()
        self.savefig(picture, format="png")
        return picture.getvalue()


def darken(figure: Figure) -> None:
    """Change all colours of a figure to their dark counterparts."""
    for artist in figure.findobj():
        if isinstance(artist, AxesImage):
            stops = [_dark(artist.get_cmap()(i / SHADES)) for i in range(SHADES + 1)]
            artist.set_cmap(LinearSegmentedColormap.from_list("tinyseq, dark", stops))
        elif (
            not isinstance(artist, Figure | Axes) and getattr(artist, "get_array", lambda: None)() is None
        ):  # others follow their colour map
            _recolor(artist)


def _recolor(artist: Artist) -> None:
    parts = ["color"] if hasattr(artist, "get_color") else ["facecolor", "edgecolor"]
    if isinstance(artist, Line2D):  # whose marks may have colours of their own, as those of axes have
        parts += ["markeredgecolor", "markerfacecolor"]
    turned = _dark_line if isinstance(artist, Line2D | LineCollection) else _dark
    colors = {part: getattr(artist, f"get_{part}")() for part in parts if hasattr(artist, f"get_{part}")}
    for part, color in colors.items():
        if hasattr(artist, f"set_{part}"):
            several = getattr(color, "ndim", 1) == 2
            getattr(artist, f"set_{part}")([turned(one) for one in color] if several else turned(color))


def _dark(color: Any) -> str:
    if isinstance(color, str) and color == "none":
        return color
    plain = to_hex(color, keep_alpha=True)
    return dark_color(plain[:7]) + plain[7:]  # what is transparent stays so


def _dark_line(color: Any) -> str:
    """The dark counterpart of a line's colour, or the colour itself if it is not pale and better seen on dark paper."""
    dark = _dark(color)
    if dark == "none":
        return dark
    plain = to_hex(color, keep_alpha=True)
    before, after = _contrast(plain, "#ffffff"), _contrast(dark, dark_color("#ffffff"))
    return dark if before < PALE or after >= min(before, CONTRAST) else max(plain, dark, key=luminance)


def _contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)
