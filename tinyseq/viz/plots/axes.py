"""Common parts of plots: axes in one style, safe labels, and checks of arguments."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyseq.arguments import is_list, number, shown, text
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import on_host
from tinyseq.viz.rendering.settings import current, in_type
from tinyseq.viz.rendering.style import ACCENT, DISTINCT, GRID, INK, MUTED, RAMP, clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

DIVERGING = ("#0072b2", "#8fb8d8", "#f7f7f7", "#eda87f", "#d55e00")  # safe for colour-blind readers
BLANKS = {" ": "␣", "\n": "⏎", "\t": "⇥"}  # visible symbols for white space
MARKERS = "os^vDPX"  # distinguish curves without colours
COLORS = (DISTINCT[1], ACCENT, *(DISTINCT[i] for i in (2, 4, 0, 3, 5)))
MOST_INSIDE = 8  # entries of a legend within the axes
Floats = NDArray[np.float64]
P = ParamSpec("P")


def new_axes(title: str, x: str, y: str, *, grid: bool = True, width: float = 6.4, height: float = 4.0) -> "Axes":
    """Axes in a new figure, styled as the plots of this package.

    Args:
        title: above the axes.
        x, y: the axis labels.
        grid: whether there are grid lines; without them, the axes have a frame.
        width, height: of the figure in inches, unless `tinyseq.viz.defaults` sets its size.

    Raises:
        ImportError: matplotlib is not installed.

    Example:
        >>> axes = new_axes("Squares", "x", "x²")
        >>> _ = axes.plot([0, 1, 2], [0, 1, 4])
        >>> figure = finished(axes)  # as the last line of a cell, it is shown
    """
    title = text("title", title)
    axes = _new_figure(width, height).add_subplot()
    _style(axes, title, x, y)
    axes.spines[["top", "right"]].set_visible(not grid)
    if grid:
        axes.grid(color=GRID, linewidth=0.7)
        axes.set_axisbelow(True)
    return axes


def new_panels(title: str, x: str, names: Sequence[str], *, width: float, height: float) -> "list[Axes]":
    """Axes one below the other in a new figure, with a common x axis.

    Args:
        title: above the first.
        x: the label of the common axis.
        names: the label of the y axis of each.
        width, height: of the figure in inches.

    Example:
        >>> loss, norm = new_panels("A run", "step", ["loss", "norm"], width=6, height=4)
        >>> _ = loss.plot([2.0, 1.0]), norm.plot([0.5, 0.4])
        >>> figure = finished(loss)
    """
    title = text("title", title)
    figure = _new_figure(width, height)
    panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for i, (axes, name) in enumerate(zip(panels, names, strict=True)):
        _style(axes, title if i == 0 else "", x if axes is panels[-1] else "", name)
        axes.yaxis.label.set(rotation=0, ha="right", va="center")
    return list(panels)


def _new_figure(width: float, height: float) -> "Figure":
    try:
        from tinyseq.viz.plots.figure import PlotFigure
    except ImportError:
        raise ImportError(
            'plots need matplotlib, which is not installed. Install it with:  pip install "tinyseq[plot]"'
        ) from None
    return PlotFigure(figsize=current().size or (width, height), dpi=150, layout="constrained")


def finished(axes: "Axes") -> "Figure":
    """The finished figure of these axes, in the theme of `tinyseq.viz.defaults`; see `new_axes`."""
    from tinyseq.viz.plots.figure import darken

    figure = axes.get_figure(root=True)
    assert figure is not None
    if current().theme == "dark":
        darken(figure)
    return figure


def saved(draw: "Callable[P, Figure]") -> Callable[Concatenate[Path, P], None]:
    """Turn a function that draws a figure into one that writes it to a file, its new first argument."""

    @wraps(draw)
    def written(path: Path, /, *args: P.args, **settings: P.kwargs) -> None:
        try:
            figure = draw(*args, **settings)
        except ImportError as error:
            print(f"no picture: {error}")
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=120)
        print(f"wrote {path}")

    return written


def _style(axes: "Axes", title: str, x: str, y: str) -> None:
    axes.set_title(literal(title), loc="left", fontsize=in_type(11), color=INK, fontweight="bold")
    axes.set_xlabel(literal(x), color=INK, fontsize=in_type(9))
    axes.set_ylabel(literal(y), color=INK, fontsize=in_type(9))
    axes.tick_params(colors=INK, labelsize=in_type(8), length=3)
    axes.locator_params(axis="x", integer=True, min_n_ticks=1)  # steps and positions are integers
    for spine in axes.spines.values():
        spine.set_color(MUTED)


def heat(axes: "Axes", table: Floats, *, label: str, logarithmic: bool = False, top: float | None = None) -> "Colormap":
    """A heat map with a colour bar: from 0 up, or centred at 0 if there are negative values."""
    from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize

    finite = table[np.isfinite(table)]
    signed = bool((finite < 0).any())
    colors = LinearSegmentedColormap.from_list("tinyseq", DIVERGING if signed else RAMP)
    high = float(np.abs(finite).max(initial=0.0)) or 1.0
    if logarithmic:
        norm: Normalize = LogNorm(vmin=min(float(finite.min(initial=high)), high / 10), vmax=high)
    else:
        high = top or high
        norm = Normalize(-high if signed else 0.0, high)
    image = axes.imshow(table, cmap=colors, norm=norm, aspect="auto", interpolation="nearest")
    axes.locator_params(axis="y", integer=True, min_n_ticks=1)
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.85)
    bar.set_label(label, color=INK, fontsize=in_type(9))
    bar.ax.tick_params(which="both", colors=INK, labelsize=in_type(8))
    return colors


def check_result(name: str, value: object, kinds: type | tuple[type, ...], source: str) -> None:
    """Raise a TypeError if an argument is not the result of the function that computes what is plotted."""
    if not isinstance(value, kinds):
        raise TypeError(f"{name} must be what {source} returns, got {type(value).__name__}")


def numbers(values: ArrayLike, name: str) -> Floats:
    """An array of numbers, from wherever it is; of tensors their values, as a drawing has no gradients."""
    try:
        return np.asarray(_values(values), dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be an array of numbers, got {shown(values)}") from None


def _values(given: Any) -> Any:
    """What is given, with the values of the tensors in it on the host."""
    if isinstance(given, list | tuple):
        return [_values(part) for part in given]
    return given.numpy() if isinstance(given, Tensor) else on_host(given)


def named_numbers(values: Mapping[str, float] | None, name: str) -> dict[str, float]:
    """Places in a plot by their names."""
    if not isinstance(values, Mapping | None):
        raise TypeError(f'{name} must be a mapping from names to numbers, as {{"a": 1.5}}; got {shown(values)}')
    plain = {key: v.item() if isinstance(v, Tensor) and v.size == 1 else v for key, v in (values or {}).items()}
    return {key: number(f"{name}[{key!r}]", value) for key, value in plain.items()}


def series(x: ArrayLike, y: ArrayLike, name: str) -> tuple[Floats, Floats]:
    """Two sequences of numbers of equal length, not empty."""
    at, values = numbers(x, f"the steps of {name}"), numbers(y, name)
    if at.ndim != 1 or at.shape != values.shape:
        raise ValueError(
            f"{name}: steps and values must be two sequences of equal length, got shapes {at.shape} and {values.shape}"
        )
    if not at.size:
        raise ValueError(f"{name}: there is nothing to draw")
    return at, values


def table(values: ArrayLike, name: str, sides: str, square: bool = False) -> Floats:
    """A table of numbers, not empty; `sides` names its rows and columns."""
    found = numbers(values, name)
    if found.ndim != 2 or not found.size or (square and found.shape[0] != found.shape[1]):
        form = "be a square table" if square else "have shape"
        raise ValueError(f"{name} must {form} ({sides}), got shape {found.shape}")
    return found


def legend(axes: "Axes", outside: bool = False) -> None:
    """A legend inside the axes, or to the right of them if it is long or asked for; none if legends are turned off."""
    outside = outside or len(axes.get_legend_handles_labels()[0]) > MOST_INSIDE
    if current().legend is False:
        return
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1)} if outside else {}
    axes.legend(frameon=False, fontsize=in_type(9), **place)


def labels(names: Sequence[object] | None, count: int, argument: str) -> list[str]:
    """Names as text; indices if there are no names."""
    if names is None:
        return [str(i) for i in range(count)]
    if not is_list(names):
        raise TypeError(f"{argument} must be a list of {count} names, got {shown(names)}")
    if len(names) != count:
        raise ValueError(f"{argument} must have {count} names, got {len(names)}")
    return [BLANKS.get(str(name)) or literal(clean(name, limit=24)) for name in names]


def write_symbols(axes: "Axes", symbols: Sequence[object], count: int, argument: str, size: float = 8) -> None:
    """Names below the columns of a table, rotated if they would overlap."""
    words = labels(symbols, count, argument)
    room = axes.get_figure(root=True).get_figwidth() * 0.72 / count  # type: ignore[union-attr]  # inches, without margins; axes have a figure
    upright = max(map(len, words)) * in_type(size) * 0.0085 > room
    axes.set_xticks(range(count), words, fontsize=in_type(size), rotation=90 * upright)


def note(axes: "Axes", text: str, at: tuple[float, float], shift: tuple[float, float], **settings: Any) -> None:
    """A remark in small type, at an offset in points from a place in the coordinates `xycoords`."""
    axes.annotate(text, at, shift, textcoords="offset points", fontsize=in_type(8), color=MUTED, **settings)


def look(i: int) -> dict[str, Any]:
    """The colour and the marker of the curve with this number."""
    turn, color = divmod(i, len(COLORS))
    return {"color": COLORS[color], "marker": MARKERS[(i + turn) % len(MARKERS)]}


def write_names(axes: "Axes", names: Sequence[str], size: float = 8) -> None:
    """Names beside the rows of a table."""
    axes.set_yticks(range(len(names)), names, fontsize=in_type(size))


def legend_name(name: str) -> str:
    """A name that matplotlib accepts in a legend: it ignores names that are empty or start with an underscore."""
    text = literal(clean(name)) or "(no name)"
    return f" {text}" if text.startswith("_") else text


def literal(text: str) -> str:
    """A text without matplotlib's formulas."""
    return text.replace("$", r"\$")
