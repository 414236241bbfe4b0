"""The figure of a plot: matplotlib's, which notebooks show. Imported only where matplotlib is used."""

import io

from matplotlib.figure import Figure


class PlotFigure(Figure):
    """A matplotlib figure that is its picture as the last line of a notebook's cell, without pyplot or a magic line."""

    def _repr_png_(self) -> bytes:
        picture = io.BytesIO()
        self.savefig(picture, format="png")
        return picture.getvalue()
