"""Curves and heat maps, styled alike.

Every function returns a new matplotlib `Figure`, which notebooks display as the result of a cell. No window opens, and
pyplot's global state is not changed. Save a figure with ``figure.savefig("loss.png")``.
"""

from tinyseq.viz.plots.curves import durations, gradient_flow, jacobian_norms, learning_curve, loss_curve
from tinyseq.viz.plots.heatmaps import activations, alignment, confusion, gates, lag_heatmap, posteriors

__all__ = [
    "activations",
    "alignment",
    "confusion",
    "durations",
    "gates",
    "gradient_flow",
    "jacobian_norms",
    "lag_heatmap",
    "learning_curve",
    "loss_curve",
    "posteriors",
]
