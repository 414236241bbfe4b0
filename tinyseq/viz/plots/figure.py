"""The figure of a plot. This file is imported only if matplotlib is used."""

import io

from matplotlib.figure import Figure


class PlotFigure(Figure):
    """A matplotlib figure that notebooks display as the result of a cell, without pyplot."""

    def _repr_png_(self) -> bytes:
        picture = io.BytesIO()
        self.savefig(picture, format="png")
        return picture.getvalue()
