"""Curves and heat maps, styled alike.

Every function returns a matplotlib `Figure` of its own: nothing is shown, no window opens, and pyplot's global state is
left alone. Save one with ``figure.savefig("loss.png")``.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyseq.viz.style import ACCENT, DISTINCT, INK, MUTED, RAMP, clean, readable_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

GRID = "#e3e7ec"
TRAIN, VALIDATION = DISTINCT[1], DISTINCT[0]
Floats = NDArray[np.float64]


def loss_curve(
    steps: ArrayLike,
    train: ArrayLike,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    *,
    marks: Mapping[str, float] | None = None,
    baselines: Mapping[str, float] | None = None,
    unit: str = "nats per character",
    title: str = "Loss during training",
) -> "Figure":
    """How the loss fell, with perplexity = exp(loss) on the right.

    Args:
        steps: when each training loss was measured (N,).
        train: the training losses (N,) in nats. Many noisy ones are drawn pale, with their running mean.
        validation: steps (M,) and losses (M,) on held-out data.
        marks: names of moments, such as ``{"sample 1": 0}``, drawn as vertical lines at their step.
        baselines: names of losses to beat, such as ``{"trigram model": 2.1}``, drawn as horizontal lines.
        unit: what a loss is per.
        title: the heading.

    Raises:
        ValueError: steps and losses differ in length, or there are none.

    Example:
        >>> figure = loss_curve([0, 1, 2], [1.39, 0.9, 0.2], ([0, 2], [1.4, 0.3]), marks={"trained": 2})
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        ['training', 'held out']
    """
    x, y = _series(steps, train, "train")
    axes = _axes(title, "training step", f"cross entropy ({clean(unit)})")
    window = len(y) // 40
    if window > 1:
        axes.plot(x, y, color=TRAIN, alpha=0.25, linewidth=0.8)
        axes.plot(x, _running_mean(y, window), color=TRAIN, linewidth=1.8, label="training (running mean)")
    else:
        axes.plot(x, y, color=TRAIN, linewidth=1.8, label="training")
    if validation is not None:
        at, losses = _series(*validation, "validation")
        axes.plot(at, losses, color=VALIDATION, linewidth=1.8, marker="o", markersize=4.5, label="held out")
    for name, loss in (baselines or {}).items():
        axes.axhline(loss, color=MUTED, linewidth=1.2, linestyle=(0, (5, 3)))
        axes.annotate(
            _literal(clean(name)), (1, loss), (-4, 3), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
            ha="right", fontsize=8, color=MUTED,
        )  # fmt: skip
    for name, step in (marks or {}).items():
        axes.axvline(step, color=MUTED, linewidth=0.8, linestyle=":")
        late = step > x.mean()  # a falling curve leaves room below it on the left, above it on the right
        axes.annotate(
            _literal(clean(name)), (step, late), (-3 if late else 3, -3 if late else 3),
            xycoords=axes.get_xaxis_transform(), textcoords="offset points", rotation=90,
            ha="right" if late else "left", va="top" if late else "bottom", fontsize=8, color=MUTED,
        )  # fmt: skip
    axes.legend(frameon=False, fontsize=9)
    _perplexity_axis(axes)
    return axes.figure  # type: ignore[return-value]


def gradient_flow(
    norms: Mapping[str, ArrayLike], *, title: str = "How the gradient travels back through time"
) -> "Figure":
    """The size of the gradient at every time step, on a logarithmic scale: a falling line to the left is vanishing.

    Args:
        norms: names of states, such as ``"h"`` and ``"c"``, with the norm of dL/d(state) at each step (T,).
        title: the heading.

    Raises:
        ValueError: no series, or one that is empty.

    Example:
        >>> figure = gradient_flow({"h": [0.01, 0.1, 1.0]})
        >>> figure.axes[0].get_yscale()
        'log'
    """
    if not norms:
        raise ValueError("gradient_flow needs at least one series of norms, got none")
    axes = _axes(title, "time step t", "‖∂L/∂state at t‖")
    axes.set_yscale("log")
    for (name, values), color in zip(norms.items(), _colors(), strict=False):
        _, y = _series(range(np.size(values)), values, name)
        y = np.where(y > 0, y, np.nan)  # zero has no logarithm: a gap
        axes.plot(
            y,
            color=color,
            linewidth=1.8,
            marker="o",
            markersize=3.5 if len(y) <= 60 else 0,
            label=_literal(clean(name)),
        )
    axes.legend(frameon=False, fontsize=9)
    axes.locator_params(axis="x", integer=True)
    return axes.figure  # type: ignore[return-value]


def lag_heatmap(norms: ArrayLike, *, title: str = "Who adds what to the weight's gradient") -> "Figure":
    """The size of each term of a shared weight's gradient: loss at step j, use of the weight at step i <= j.

    Args:
        norms: the terms' norms (T, T), loss step first. What lies above the diagonal is zero: later uses change no
            earlier loss. Truncating backpropagation at k drops the terms with j - i > k.
        title: the heading.

    Raises:
        ValueError: not a square table.

    Example:
        >>> figure = lag_heatmap([[1.0, 0.0], [0.5, 1.0]])
        >>> figure.axes[0].get_ylabel()
        'step j of the loss'
    """
    table = np.asarray(norms, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not table.size:
        raise ValueError(f"norms must be a square table (loss step, use step), got shape {table.shape}")
    axes = _axes(title, "step i where the weight is used", "step j of the loss", grid=False)
    _heat(axes, np.where(table > 0, table, np.nan), logarithmic=True, label="norm of the term")
    axes.set_aspect("equal")
    return axes.figure  # type: ignore[return-value]


def posteriors(
    probabilities: ArrayLike,
    states: Sequence[object] | None = None,
    symbols: Sequence[object] | None = None,
    truth: Sequence[int] | None = None,
    *,
    title: str = "Posterior of the state at each position",
) -> "Figure":
    """P(state at t | the whole sequence), as stacked bands for few states and as a heat map for many.

    Args:
        probabilities: one row for each position (T, K).
        states: the states' names (K).
        symbols: what was observed (T), written below where there is room.
        truth: the true states as indices (T), drawn as a strip above the bands.
        title: the heading.

    Raises:
        ValueError: not a table, or names that do not match its sides.

    Example:
        >>> figure = posteriors([[0.9, 0.1], [0.2, 0.8]], states=["fair", "loaded"], symbols=[1, 6])
        >>> figure.axes[0].get_ylabel()
        'probability'
    """
    table = np.asarray(probabilities, dtype=np.float64)
    if table.ndim != 2 or not table.size:
        raise ValueError(f"probabilities must have shape (positions, states), got {table.shape}")
    length, count = table.shape
    names = _names(states, count, "states")
    few = count <= len(DISTINCT)
    axes = _axes(
        title, "position", "probability" if few else "state", grid=False, width=max(6.4, min(14, length * 0.12))
    )
    if few:
        edges = np.repeat(np.arange(length + 1) - 0.5, 2)[1:-1]
        axes.stackplot(
            edges, *(np.repeat(row, 2) for row in table.T), colors=DISTINCT[:count], labels=names, alpha=0.85
        )
        axes.set_ylim(0, 1)
        if truth is not None:
            _truth_strip(axes, truth, length, count)
        axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.01, 1))
    else:
        _heat(axes, table.T, label="probability", top=1.0)
        axes.set_yticks(range(count), names, fontsize=8)
    axes.set_xlim(-0.5, length - 0.5)
    if symbols is not None and length <= 80:
        words = _names(symbols, length, "symbols")
        upright = length > 16 and max(map(len, words)) > 2
        axes.set_xticks(range(length), words, fontsize=8, rotation=90 * upright)
    return axes.figure  # type: ignore[return-value]


def confusion(counts: ArrayLike, tags: Sequence[object], *, title: str = "Which tag is taken for which") -> "Figure":
    """How often each true tag was given each tag, coloured by the share of the true tag's occurrences.

    Args:
        counts: how often (K, K), true tag first.
        tags: their names (K).
        title: the heading.

    Raises:
        ValueError: not a square table, or names that do not match it.

    Example:
        >>> figure = confusion([[8, 2], [1, 9]], ["NOUN", "VERB"])
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['8', '2', '1', '9']
    """
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not table.size:
        raise ValueError(f"counts must be a square table (true tag, given tag), got shape {table.shape}")
    names = _names(tags, len(table), "tags")
    side = max(4.8, 0.42 * len(table) + 2)
    axes = _axes(title, "tag given", "true tag", grid=False, width=side + 0.8, height=side)
    totals = table.sum(axis=1, keepdims=True)
    shares = np.divide(table, totals, out=np.zeros_like(table), where=totals > 0)
    colors = _heat(axes, shares, label="share of the true tag", top=1.0)
    axes.set_xticks(range(len(table)), names, rotation=90 * (len(table) > 6), fontsize=8)
    axes.set_yticks(range(len(table)), names, fontsize=8)
    if len(table) <= 24:
        for i, j in np.ndindex(*table.shape):
            if table[i, j]:
                axes.text(
                    j, i, f"{table[i, j]:g}", ha="center", va="center", fontsize=7,
                    color=readable_on(_hex(colors(float(shares[i, j])))),
                )  # fmt: skip
    return axes.figure  # type: ignore[return-value]


# -- what they share ---------------------------------------------------------------------------------------------------


def _axes(title: str, x: str, y: str, *, grid: bool = True, width: float = 6.4, height: float = 4.0) -> "Axes":
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(
            'plots need matplotlib, which is not installed. Get it with:  pip install "tinyseq[plot]"'
        ) from None
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(_literal(title), loc="left", fontsize=11, color=INK, fontweight="bold")
    axes.set_xlabel(_literal(x), color=INK, fontsize=9)
    axes.set_ylabel(_literal(y), color=INK, fontsize=9)
    axes.tick_params(colors=INK, labelsize=8, length=3)
    axes.spines[["top", "right"]].set_visible(not grid)
    for spine in axes.spines.values():
        spine.set_color(MUTED)
    if grid:
        axes.grid(color=GRID, linewidth=0.7)
        axes.set_axisbelow(True)
    return axes


def _perplexity_axis(axes: "Axes") -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    low, high = axes.get_ylim()
    low = max(low, 0.0)
    axes.set_ylim(low, high)
    right = axes.secondary_yaxis("right", functions=(lambda loss: loss, lambda loss: loss))
    right.yaxis.set_major_locator(
        FixedLocator([math.log(value) for value in _round_values(math.exp(low), math.exp(high))])
    )
    right.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: f"{math.exp(loss):.4g}"))
    right.yaxis.set_minor_formatter(NullFormatter())
    right.set_ylabel("perplexity = exp(cross entropy)", color=INK, fontsize=9)
    right.tick_params(colors=INK, labelsize=8, length=3)
    right.spines["right"].set_color(MUTED)


def _round_values(low: float, high: float) -> list[float]:
    """Values that are easy to read, far enough apart on a logarithmic scale for at most ten of them to fit."""
    if high / low < 1.05:
        return [low, high]
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for leading in ((1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1,)):
        values = [scale * 10.0**power for power in decades for scale in leading if low <= scale * 10.0**power <= high]
        if 2 <= len(values) <= 10:
            return values
    return [low, high]


def _heat(
    axes: "Axes", table: Floats, *, label: str, logarithmic: bool = False, top: float | None = None
) -> "Colormap":
    from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize

    colors = LinearSegmentedColormap.from_list("tinyseq", RAMP)
    finite = table[np.isfinite(table)]
    if logarithmic:
        high = float(finite.max(initial=0.0)) or 1.0
        norm: Normalize = LogNorm(vmin=min(float(finite.min(initial=high)), high / 10), vmax=high)
    else:
        norm = Normalize(0.0, top if top is not None else float(finite.max(initial=0.0)))
    image = axes.imshow(table, cmap=colors, norm=norm, aspect="auto", interpolation="nearest")
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.85)
    bar.set_label(label, color=INK, fontsize=9)
    bar.ax.tick_params(colors=INK, labelsize=8)
    return colors


def _truth_strip(axes: "Axes", truth: Sequence[int], length: int, count: int) -> None:
    indices = np.asarray(truth)
    if indices.shape != (length,) or indices.min() < 0 or indices.max() >= count:
        raise ValueError(f"truth must hold {length} state indices below {count}, got shape {indices.shape}")
    for t, state in enumerate(indices):
        axes.axvspan(t - 0.5, t + 0.5, ymin=1.02, ymax=1.06, color=DISTINCT[state], clip_on=False, linewidth=0)
    axes.annotate(
        "true", (0, 1.04), (-4, 0), xycoords="axes fraction", textcoords="offset points",
        ha="right", va="center", fontsize=8, color=MUTED,
    )  # fmt: skip
    axes.set_title(axes.get_title(loc="left"), loc="left", pad=18, fontsize=11, color=INK, fontweight="bold")


def _series(x: ArrayLike, y: ArrayLike, name: str) -> tuple[Floats, Floats]:
    at, values = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if at.ndim != 1 or at.shape != values.shape:
        raise ValueError(
            f"{name}: steps and values must be two rows of equal length, got {at.shape} and {values.shape}"
        )
    if not at.size:
        raise ValueError(f"{name}: there is nothing to draw")
    return at, values


def _running_mean(values: Floats, window: int) -> Floats:
    """The mean over a window around each value, which is cut short at both ends."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    low = np.maximum(np.arange(len(values)) - window, 0)
    high = np.minimum(np.arange(len(values)) + window + 1, len(values))
    means: Floats = (sums[high] - sums[low]) / (high - low)
    return means


def _names(names: Sequence[object] | None, count: int, argument: str) -> list[str]:
    if names is None:
        return [str(i) for i in range(count)]
    if len(names) != count:
        raise ValueError(f"{argument} must have {count} names, got {len(names)}")
    return [_literal(clean(name, limit=24)) for name in names]


def _literal(text: str) -> str:
    """A text in which matplotlib finds no formula."""
    return text.replace("$", r"\$")


def _colors() -> list[str]:
    return [DISTINCT[1], ACCENT, *(DISTINCT[i] for i in (2, 4, 0, 3, 5))]


def _hex(color: Any) -> str:
    from matplotlib.colors import to_hex

    return to_hex(color)
