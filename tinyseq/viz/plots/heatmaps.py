"""Heat maps and stacked bands: states, tags, steps and units over a sequence."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tinyseq.arguments import is_list, shown, whole
from tinyseq.hmm.results import Posterior
from tinyseq.inspect import LagTable
from tinyseq.viz.plots.axes import (
    Floats,
    check_result,
    finished,
    heat,
    labels,
    legend,
    legend_name,
    new_axes,
    new_panels,
    note,
    numbers,
    table,
    write_names,
    write_symbols,
)
from tinyseq.viz.rendering.settings import current, in_type
from tinyseq.viz.rendering.style import DISTINCT, INK, PAPER, clean, readable_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# Neighbours also differ in lightness, for grey printouts.
BANDS = tuple(DISTINCT[i] for i in (1, 4, 2, 5, 0, 3))


def lag_heatmap(norms: ArrayLike | LagTable, *, title: str = "Terms of the weight's gradient") -> "Figure":
    """Plot the norm of each term of a shared weight's gradient: loss at step j, use of the weight at step i <= j.

    Args:
        norms: what `tinyseq.inspect.grad_by_lag` returns, or the terms' norms (T, T), loss step first. The entries
            above the diagonal are zero: later uses do not change earlier losses. Truncating backpropagation at k drops
            the terms with j - i > k. A table may hold the losses of some steps only.
        title: the title.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: the table is not square.

    Example:
        >>> figure = lag_heatmap([[1.0, 0.0], [0.5, 1.0]])
        >>> figure.axes[0].get_ylabel()
        'step j of the loss'
    """
    if isinstance(norms, LagTable):
        terms = np.zeros((max(norms.steps) + 1, norms.norms.shape[1]))
        terms[list(norms.steps)] = norms.norms
    else:
        terms = table(norms, "norms", "loss step, use step", square=True)
    axes = new_axes(title, "step i where the weight is used", "step j of the loss", grid=False, width=5.0)
    heat(axes, np.where(terms > 0, terms, np.nan), logarithmic=True, label="norm of the term")
    axes.set_aspect("equal")
    return finished(axes)


def posteriors(
    probabilities: ArrayLike | Posterior,
    states: Sequence[object] | None = None,
    symbols: Sequence[object] | None = None,
    truth: Sequence[int | str] | None = None,
    *,
    title: str = "Posterior of the state at each position",
) -> "Figure":
    """Plot P(state at t | the whole sequence), as stacked bands for few states, or as a heat map for many.

    Args:
        probabilities: what `HMM.posterior` returns, or one row for each position (T, K).
        states: the states' names (K); by default those that a `Posterior` has.
        symbols: the observations (T), written below if there is space; by default those that a `Posterior` has.
        truth: the true states (T), by name or index, drawn as a strip above the bands.
        title: the title.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: the table is not two-dimensional, or the names do not match its shape.

    Example:
        >>> figure = posteriors([[0.9, 0.1], [0.2, 0.8]], states=["fair", "loaded"], symbols=[1, 6])
        >>> figure.axes[0].get_ylabel()
        'probability'
    """
    given: ArrayLike
    if isinstance(probabilities, Posterior):
        given = probabilities.states
        states = probabilities.names or None if states is None else states
        seen = ["?" if name is None else name for name in probabilities.symbols]
        symbols = seen or None if symbols is None else symbols
    else:
        given = probabilities
    rows = table(given, "probabilities", "positions, states")
    length, count = rows.shape
    names = labels(states, count, "states")
    few = count <= len(BANDS)
    axes = new_axes(
        title, "position", "probability" if few else "state", grid=False, width=max(6.4, min(14, length * 0.12))
    )
    if few:
        edges = np.repeat(np.arange(length + 1) - 0.5, 2)[1:-1]
        axes.stackplot(
            edges, *(np.repeat(row, 2) for row in rows.T), colors=BANDS[:count],
            labels=[legend_name(name) for name in map(str, states)] if states is not None else names,
            edgecolor=PAPER, linewidth=0.6,
        )  # fmt: skip
        axes.set_ylim(0, 1)
        if truth is not None:
            _truth_strip(axes, truth, length, count, states or ())
        legend(axes, outside=True)
    else:
        heat(axes, rows.T, label="probability", top=1.0)
        write_names(axes, names)
    axes.set_xlim(-0.5, length - 0.5)
    if symbols is not None and length <= 80:
        write_symbols(axes, symbols, length, "symbols")
    return finished(axes)


def confusion(counts: ArrayLike, tags: Sequence[object], *, title: str = "Confusion matrix") -> "Figure":
    """Plot a confusion matrix, coloured by the share of each true tag's occurrences.

    Args:
        counts: the counts (K, K), true tag first.
        tags: their names (K).
        title: the title.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: the table is not square, or the names do not match it.

    Example:
        >>> figure = confusion([[8, 2], [1, 9]], ["NOUN", "VERB"])
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['8', '2', '1', '9']
    """
    taken = table(counts, "counts", "true tag, predicted tag", square=True)
    names = labels(tags, len(taken), "tags")
    side = max(4.8, 0.42 * len(taken) + 2)
    axes = new_axes(title, "predicted tag", "true tag", grid=False, width=side + 0.8, height=side)
    totals = taken.sum(axis=1, keepdims=True)
    shares = np.divide(taken, totals, out=np.zeros_like(taken), where=totals > 0)
    colors = heat(axes, shares, label="share of the true tag", top=1.0)
    write_symbols(axes, tags, len(taken), "tags")
    write_names(axes, names)
    if len(taken) <= 24 and current().values is not False:
        for i, j in np.ndindex(*taken.shape):
            if taken[i, j]:
                axes.text(
                    j, i, f"{taken[i, j]:g}", ha="center", va="center", fontsize=in_type(7),
                    color=readable_on(_hex(colors(float(shares[i, j])))),
                )  # fmt: skip
    return finished(axes)


def activations(
    values: ArrayLike,
    symbols: Sequence[object] | None = None,
    units: Sequence[object] | None = None,
    *,
    title: str = "Hidden units over the text",
) -> "Figure":
    """Plot the activation of each unit or gate at each symbol, as a heat map with the text below it.

    Args:
        values: (T, U), for example hidden states of one sequence, or one gate's.
        symbols: the input symbols (T).
        units: names of the rows (U).
        title: the title.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: the table is not two-dimensional, or the names do not match its shape.

    Example:
        >>> figure = activations([[0.1, -0.9], [0.8, 0.2], [0.9, 0.0]], symbols="abc")
        >>> [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
        ['a', 'b', 'c']
    """
    rows = table(values, "values", "positions, units")
    length, count = rows.shape
    size = {"width": max(6.4, min(16, length * 0.14)), "height": max(2.4, min(8, count * 0.16 + 1.4))}
    axes = new_axes(title, "position" if symbols is None else "", "unit", grid=False, **size)
    heat(axes, rows.T, label="value")
    if symbols is not None:
        write_symbols(axes, symbols, length, "symbols", size=7)
    if units is not None:
        write_names(axes, labels(units, count, "units"), 7)
    return finished(axes)


def gates(
    values: Mapping[str, ArrayLike],
    symbols: Sequence[object] | None = None,
    *,
    sequence: int = 0,
    title: str = "Gates over the text",
) -> "Figure":
    """Plot the values of gates at each symbol: a panel for each gate, a row for each unit, and the text below.

    Args:
        values: what `tinyseq.inspect.gate_values` returns; or names of gates with their values (T, H).
        symbols: the input symbols (T).
        sequence: which sequence of a batch, for values (T, H, B).
        title: the title.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: there are no gates, their lengths differ, or the sequence does not exist.

    Example:
        >>> import tinyseq as ts
        >>> output, _ = ts.nn.GRU(3, 4)(ts.ones(5, 1, 3))
        >>> figure = gates(ts.inspect.gate_values(output), symbols="hello")
        >>> [axes.get_ylabel() for axes in figure.axes[:3]]
        ['r', 'z', 'n']
    """
    check_result("values", values, Mapping, "ts.inspect.gate_values(output)")
    by_gate = {name: _of_sequence(value, name, sequence) for name, value in values.items()}
    if len({len(rows) for rows in by_gate.values()}) != 1:
        raise ValueError(f"gates must have the same length, got {[len(rows) for rows in by_gate.values()] or 'none'}")
    length = len(next(iter(by_gate.values())))
    names = labels(list(by_gate), len(by_gate), "values")
    height = 1.2 + sum(min(1.5, 0.35 + 0.06 * rows.shape[1]) for rows in by_gate.values())
    width = max(6.4, min(16, length * 0.16))
    panels = new_panels(title, "position" if symbols is None else "", names, width=width, height=height)
    for axes, rows in zip(panels, by_gate.values(), strict=True):
        heat(axes, rows.T, label="", top=1.0)  # sigmoids from 0 to 1, tanhs from -1 to 1
        axes.set_yticks([])
    if symbols is not None:
        write_symbols(panels[-1], symbols, length, "symbols")
    return finished(panels[0])


def _of_sequence(values: ArrayLike, name: str, sequence: int) -> Floats:
    """A gate's values (T, H) for one sequence of a batch."""
    value = numbers(values, f"the values of gate {clean(name)!r}")
    if value.ndim not in (2, 3) or not value.size:
        raise ValueError(f"the gate {clean(name)!r} must have values (T, H) or (T, H, B), got {value.shape}")
    if value.ndim == 2:
        return value
    sequence = whole("sequence", sequence, None)
    if not 0 <= sequence < value.shape[2]:
        raise ValueError(f"sequence must be in [0, {value.shape[2]}), the range of the batch; got {sequence}")
    return value[:, :, sequence]


def alignment(
    weights: ArrayLike, source: Sequence[object], target: Sequence[object], *, title: str = "Influence of inputs"
) -> "Figure":
    """Plot how much each output depends on each input: attention weights, or norms of gradients.

    Args:
        weights: (outputs, inputs), for example what `tinyseq.inspect.influence` returns.
        source, target: the inputs and the outputs, as words.
        title: the title.

    Returns:
        A matplotlib figure.

    Raises:
        ValueError: the table is not two-dimensional, or the words do not match its shape.

    Example:
        >>> figure = alignment([[0.9, 0.1], [0.2, 0.8]], ["le", "chat"], ["the", "cat"])
        >>> [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
        ['the', 'cat']
    """
    shares = table(weights, "weights", "outputs, inputs")
    outputs, inputs = shares.shape
    axes = new_axes(title, "input", "output", grid=False, width=0.4 * inputs + 2.5, height=0.35 * outputs + 1.8)
    heat(axes, shares, label="weight")
    write_symbols(axes, source, inputs, "source")
    write_names(axes, labels(target, outputs, "target"))
    return finished(axes)


def _truth_strip(axes: "Axes", truth: Sequence[int | str], length: int, count: int, states: Sequence[object]) -> None:
    if not is_list(truth):
        raise TypeError(f"truth must be a list of {length} names of states, or their indices; got {shown(truth)}")
    named = {name: i for i, name in enumerate(states) if isinstance(name, str)}
    if unknown := [state for state in truth if isinstance(state, str) and state not in named]:
        raise ValueError(f"truth has {unknown[0]!r}, which is not a state; the states are {shown(list(states))}")
    indices = np.array([named.get(s) if isinstance(s, str) else whole("truth", s, None) for s in truth], dtype=int)
    if indices.shape != (length,):
        raise ValueError(f"truth must contain the states at {length} positions, got {len(indices)}")
    if indices.min() < 0 or indices.max() >= count:
        raise ValueError(f"truth must contain indices of states, from 0 to {count - 1}; got {shown(truth)}")
    changes = np.flatnonzero(np.diff(indices, prepend=-1, append=-1))
    for start, end in pairwise(changes.tolist()):  # one bar as long as the state lasts
        color = BANDS[indices[start]]
        axes.axvspan(start - 0.5, end - 0.5, ymin=1.02, ymax=1.06, color=color, clip_on=False, linewidth=0)
    note(axes, "true", (0, 1.04), (-4, 0), xycoords="axes fraction", ha="right", va="center")
    axes.set_title(axes.get_title(loc="left"), loc="left", pad=18, fontsize=in_type(11), color=INK, fontweight="bold")


def _hex(color: Any) -> str:
    from matplotlib.colors import to_hex

    return to_hex(color)
