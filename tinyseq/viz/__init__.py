"""Pictures of what the other rooms computed: graphs by time step, trellises, curves and heat maps."""

from tinyseq.viz import plots
from tinyseq.viz.automaton import automaton
from tinyseq.viz.drawing import Drawing
from tinyseq.viz.graph import graph
from tinyseq.viz.plots import (
    activations,
    alignment,
    confusion,
    gates,
    gradient_flow,
    jacobian_norms,
    lag_heatmap,
    loss_curve,
    posteriors,
)
from tinyseq.viz.render import DrawingError
from tinyseq.viz.trellis import trellis

__all__ = [
    "Drawing",
    "DrawingError",
    "activations",
    "alignment",
    "automaton",
    "confusion",
    "gates",
    "gradient_flow",
    "graph",
    "jacobian_norms",
    "lag_heatmap",
    "loss_curve",
    "plots",
    "posteriors",
    "trellis",
]
