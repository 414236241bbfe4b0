"""Durations: how long the states of a hidden Markov model last."""

from typing import TYPE_CHECKING

import numpy as np

from tinyseq.hmm import Durations
from tinyseq.viz.plots.axes import finished, legend, legend_name, look, new_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def durations(
    expected: Durations | None, observed: Durations | None = None, *, title: str = "How long a stay in a state lasts"
) -> "Figure":
    """The distribution of durations: lines for a model's own, bars for those of decoded paths.

    Args:
        expected: what `HMM.durations` returns, or None.
        observed: what `tinyseq.hmm.observed_durations` returns, or None. Where both name a state, they share its
            colour, so that a model that is too simple can be seen.
        title: the heading.

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
