"""Curves: losses, gradients through time, and how long states last."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tinyseq.arguments import shown, text
from tinyseq.hmm import Durations
from tinyseq.inspect import GradientFlow, JacobianNorms
from tinyseq.tagging import CurvePoint
from tinyseq.viz.plots.axes import (
    Floats,
    check_result,
    finished,
    legend,
    legend_name,
    literal,
    look,
    named_numbers,
    new_axes,
    note,
    numbers,
    series,
)
from tinyseq.viz.rendering.settings import in_type
from tinyseq.viz.rendering.style import DISTINCT, INK, MUTED, clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAIN, VALIDATION = DISTINCT[1], DISTINCT[0]
STYLES = ("-", "--", ":", "-.")


def loss_curve(
    steps: ArrayLike,
    train: ArrayLike | None = None,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    *,
    marks: Mapping[str, float] | None = None,
    baselines: Mapping[str, float] | None = None,
    unit: str = "nats per character",
    title: str = "Loss during training",
) -> "Figure":
    """Plot losses by training step, with perplexity = exp(loss) on the right.

    Args:
        steps: the steps of the training losses (N,); or the losses themselves, of the steps 0, 1, ..., N - 1, if
            ``train`` is left out.
        train: the training losses (N,) in nats. If there are many, they are drawn pale, with their running mean.
        validation: steps (M,) and losses (M,) on held-out data.
        marks: named steps, such as ``{"sample 1": 0}``, drawn as vertical lines.
        baselines: named losses to beat, such as ``{"trigram model": 2.1}``, drawn as horizontal lines.
        unit: the unit of the losses.
        title: the title.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: steps and losses differ in length, or there are none.

    Example:
        >>> figure = loss_curve([0, 1, 2], [1.39, 0.9, 0.2], ([0, 2], [1.4, 0.3]), marks={"trained": 2})
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        ['training', 'held out']
    """
    x, y = (
        series(range(numbers(steps, "losses").size), steps, "losses")
        if train is None
        else series(steps, train, "train")
    )
    axes = new_axes(title, "training step", f"cross entropy ({clean(text('unit', unit))})")
    window = len(y) // 40
    if window > 1:
        axes.plot(x, y, color=TRAIN, alpha=0.25, linewidth=0.8)
        axes.plot(x, _running_mean(y, window), color=TRAIN, linewidth=1.8, label="training (running mean)")
    else:
        axes.plot(x, y, color=TRAIN, linewidth=1.8, marker="o", markersize=3.5 * (len(y) <= 40), label="training")
    if validation is not None:
        if not isinstance(validation, tuple | list) or len(validation) != 2:
            raise TypeError(f"validation must be a pair, steps and losses; got {shown(validation)}")
        at, losses = series(*validation, "validation")
        axes.plot(at, losses, color=VALIDATION, linewidth=1.8, marker="o", markersize=4.5, label="held out")
    given, close = named_numbers(baselines, "baselines"), 0.06 * np.ptp(axes.get_ylim())
    for name, loss in given.items():
        axes.axhline(loss, color=MUTED, linewidth=1.2, linestyle=(0, (5, 3)))
        below = any(0 < other - loss < close for other in given.values())
        shift, va = ((-4, -3), "top") if below else ((-4, 3), "bottom")
        note(axes, literal(clean(name)), (1, loss), shift, xycoords=axes.get_yaxis_transform(), ha="right", va=va)
    for name, step in named_numbers(marks, "marks").items():
        axes.axvline(step, color=MUTED, linewidth=0.8, linestyle=":")
        late = step > x.mean()  # a falling curve leaves space below it on the left, above it on the right
        shift, ha, va = ((-3, -3), "right", "top") if late else ((3, 3), "left", "bottom")
        place = axes.get_xaxis_transform()
        note(axes, literal(clean(name)), (step, late), shift, xycoords=place, rotation=90, ha=ha, va=va)
    legend(axes)
    _perplexity_axis(axes)
    return finished(axes)


def learning_curve(points: Sequence[CurvePoint], *, title: str = "Accuracy by size of training data") -> "Figure":
    """Plot the accuracy of taggers that learned from more and more words.

    Args:
        points: what `tinyseq.tagging.learning_curve` returns.
        title: the title.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: there are no points.

    Example:
        >>> from tinyseq.tagging import CurvePoint
        >>> figure = learning_curve([CurvePoint(100, 0.7, 0.8, 0.4), CurvePoint(200, 0.8, 0.85, 0.5)])
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        ['all words', 'known words', 'unknown words']
    """
    if not isinstance(points, list | tuple):
        check_result("points", points, list, "ts.tagging.learning_curve")
    if not points:
        raise ValueError("points must hold at least one point, got none")
    for point in points:
        check_result("points", point, CurvePoint, "ts.tagging.learning_curve")
    axes = new_axes(title, "words of training data", "accuracy")
    for i, name in enumerate(CurvePoint._fields[1:]):
        shares = [getattr(point, name) for point in points]
        words = [point.words for point in points]
        axes.plot(words, shares, **look(i), markersize=4.5, linewidth=1.8, label=f"{name} words")
    axes.set_xscale("log")
    legend(axes)
    return finished(axes)


def gradient_flow(
    norms: Mapping[str, ArrayLike] | GradientFlow, *, title: str = "Gradient flow back through time"
) -> "Figure":
    """Plot the gradient's norm at every time step, on a logarithmic scale. If it falls to the left, it vanishes.

    Args:
        norms: what `tinyseq.inspect.gradient_flow` returns; or names of states, such as ``"h"`` and ``"c"``, with the
            norm of dL/d(state) at each step (T,).
        title: the title.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: there is no series, or an empty one.
        TypeError: ``norms`` is something else, such as the loss.

    Example:
        >>> figure = gradient_flow({"h": [0.01, 0.1, 1.0]})
        >>> figure.axes[0].get_yscale()
        'log'
    """
    check_result("norms", norms, (GradientFlow, Mapping), "ts.inspect.gradient_flow(loss)")
    named = norms.norms if isinstance(norms, GradientFlow) else norms
    if not named:
        raise ValueError("gradient_flow needs at least one series of norms, got none")
    axes = new_axes(title, "time step t", "‖∂L/∂state at t‖")
    for i, (name, values) in enumerate(named.items()):
        _logarithmic(axes, range(numbers(values, f"norms of {name}").size), values, name, **look(i))
    legend(axes)
    return finished(axes)


def jacobian_norms(found: JacobianNorms, *, title: str = "How much a state remembers of earlier ones") -> "Figure":
    """Plot the norm of ∂hₜ/∂hₖ for every earlier step k, with its bound and the spectral radius.

    Args:
        found: what `tinyseq.inspect.jacobian_norms` returns.
        title: the title.

    Returns:
        A matplotlib figure.

    Example:
        >>> import tinyseq as ts
        >>> w, h = ts.tensor([[0.5]], requires_grad=True), [ts.ones(1, 1)]
        >>> for t in range(4):
        ...     with ts.step(t):
        ...         h.append(ts.tanh(w @ h[-1]))
        >>> figure = jacobian_norms(ts.inspect.jacobian_norms(h[1], h[4]))
        >>> [line.get_label() for line in figure.axes[0].lines][0]
        'norm of ∂hₜ/∂hₖ'
    """
    check_result("found", found, JacobianNorms, "ts.inspect.jacobian_norms(h_s, h_t)")
    axes = new_axes(title, "step k", f"norm of the change of the state at step {found.steps[-1]}")
    for i, (name, values) in enumerate(found.curves.items()):
        look_of = {**look(i), "marker": "o"}
        _logarithmic(axes, found.steps, values, name, style=STYLES[min(i, len(STYLES) - 1)], **look_of)
    axes.axhline(1.0, color=MUTED, linewidth=0.8, zorder=1)  # gradients vanish below it and explode above
    legend(axes)
    return finished(axes)


def durations(
    expected: Durations | None, observed: Durations | None = None, *, title: str = "How long a stay in a state lasts"
) -> "Figure":
    """The distribution of durations: lines for a model's own, bars for those of decoded paths.

    Args:
        expected: what `HMM.durations` returns, or None.
        observed: what `tinyseq.hmm.observed_durations` returns, or None. A state named in both has one colour, so
            that a model that is too simple stands out.
        title: the heading.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: if there is nothing to draw.

    Example:
        >>> from tinyseq.hmm import HMM, observed_durations
        >>> hmm = HMM([0.5, 0.5], [[0.5, 0.5], [0.2, 0.8]], [[1.0], [1.0]], states="ab")
        >>> figure = durations(hmm.durations(8), observed_durations(["abbabaab"]))
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        ['a', 'b', 'a, observed (2 stays)', 'b, observed (2 stays)']
    """
    given = [found for found in (expected, observed) if found is not None]
    for found in given:
        check_result("durations", found, Durations, "HMM.durations or ts.hmm.observed_durations")
    names = list(dict.fromkeys(name for found in given for name in found.names))
    if not names:
        raise ValueError("durations needs at least one state, in expected or observed; got none")
    axes = new_axes(title, "duration (steps)", "probability")
    place = {name: i for i, name in enumerate(names)}
    if expected is not None:
        steps = np.arange(1, expected.probabilities.shape[1] + 1)
        for name, row in zip(expected.names, expected.probabilities, strict=True):
            axes.plot(steps, row, **look(place[name]), markersize=4, linewidth=1.4, label=legend_name(str(name)))
    if observed is not None:
        width = 0.8 / len(observed.names)
        for j, (state, row) in enumerate(zip(observed.names, observed.probabilities, strict=True)):
            number = "" if observed.stays is None else f" ({int(observed.stays[j]):,} stays)"
            at = np.arange(1, len(row) + 1) - 0.4 + width * (j + 0.5)
            name, color = legend_name(f"{state}, observed{number}"), look(place[state])["color"]
            axes.bar(at, np.nan_to_num(row), width, color=color, alpha=0.35, zorder=0.5, label=name)
    axes.set_ylim(bottom=0)
    legend(axes)
    return finished(axes)


def _logarithmic(
    axes: "Axes", steps: ArrayLike, values: ArrayLike, name: str, color: str, marker: str, style: str = "-"
) -> None:
    """A curve over time steps on a logarithmic scale."""
    x, y = series(steps, values, f"norms of {name}")
    y = np.where(y > 0, y, np.nan)  # a gap, as zero has no logarithm
    axes.set_yscale("log")
    size = 3.5 if len(y) <= 60 and style == "-" else 0
    axes.plot(
        x, y, color=color, linewidth=1.8, linestyle=style, marker=marker, markersize=size, label=legend_name(name)
    )
    axes.locator_params(axis="x", integer=True, min_n_ticks=1)


def _perplexity_axis(axes: "Axes") -> None:
    low, high = axes.get_ylim()
    low = max(low, 0.0)
    axes.set_ylim(low, high)
    if high > 700:  # whose exponential would overflow
        return
    right = axes.secondary_yaxis("right", functions=(np.asarray, np.asarray))  # the identity, which can be pickled
    values = _round_values(math.exp(low), math.exp(high))
    right.set_yticks([math.log(value) for value in values], [f"{value:.4g}" for value in values])
    right.set_ylabel("perplexity = exp(cross entropy)", color=INK, fontsize=in_type(9))
    right.tick_params(colors=INK, labelsize=in_type(8), length=3)
    right.spines["right"].set_color(MUTED)


def _round_values(low: float, high: float) -> list[float]:
    """Between 2 and 10 round values for the ticks of a logarithmic axis."""
    if high / low < 1.05:
        return [low, high]
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for leading in ((1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1,)):
        values = [scale * 10.0**power for power in decades for scale in leading if low <= scale * 10.0**power <= high]
        if 2 <= len(values) <= 10:
            return values
    return [low, high]


def _running_mean(values: Floats, window: int) -> Floats:
    """The mean over a window around each value, truncated at both ends."""
    sums, counts = (np.convolve(these, np.ones(2 * window + 1), "same") for these in (values, np.ones(len(values))))
    return np.asarray(sums / counts, np.float64)
