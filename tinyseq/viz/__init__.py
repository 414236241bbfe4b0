"""Pictures of what the rooms below computed: graphs by time step, trellises, curves and heat maps."""

from tinyseq.viz import plots
from tinyseq.viz.computation.cell import cell
from tinyseq.viz.computation.graph import graph
from tinyseq.viz.hmm.automaton import automaton
from tinyseq.viz.hmm.trellis import trellis
from tinyseq.viz.page.embedded import Page
from tinyseq.viz.page.vanishing import vanishing
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
from tinyseq.viz.programs import program
from tinyseq.viz.rendering.drawing import Drawing
from tinyseq.viz.rendering.graphviz import DrawingError
from tinyseq.viz.rendering.settings import defaults

__all__ = [
    "Drawing",
    "DrawingError",
    "Page",
    "activations",
    "alignment",
    "automaton",
    "cell",
    "confusion",
    "defaults",
    "gates",
    "gradient_flow",
    "graph",
    "jacobian_norms",
    "lag_heatmap",
    "loss_curve",
    "plots",
    "posteriors",
    "program",
    "trellis",
    "vanishing",
]
