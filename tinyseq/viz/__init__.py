"""Pictures of what the other rooms computed: graphs by time step, trellises, curves and heat maps."""

from tinyseq.viz.automaton import automaton
from tinyseq.viz.drawing import Drawing, DrawingError
from tinyseq.viz.graph import graph
from tinyseq.viz.plots import confusion, gradient_flow, lag_heatmap, loss_curve, posteriors
from tinyseq.viz.trellis import trellis

__all__ = [
    "Drawing",
    "DrawingError",
    "automaton",
    "confusion",
    "gradient_flow",
    "graph",
    "lag_heatmap",
    "loss_curve",
    "posteriors",
    "trellis",
]
