"""The figure of a plot, and its dark theme. This file is imported only if matplotlib is used."""

import io
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from tinyseq.viz.rendering.dark_theme import at_night

SHADES = 32  # of a colour map


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
    parts = ("color",) if hasattr(artist, "get_color") else ("facecolor", "edgecolor")
    for part in parts:
        if hasattr(artist, f"get_{part}") and hasattr(artist, f"set_{part}"):
            color = getattr(artist, f"get_{part}")()
            several = getattr(color, "ndim", 1) == 2
            getattr(artist, f"set_{part}")([_dark(one) for one in color] if several else _dark(color))


def _dark(color: Any) -> str:
    if isinstance(color, str) and color == "none":
        return color
    plain = to_hex(color, keep_alpha=True)
    return at_night(plain[:7]) + plain[7:]  # what is transparent stays so
