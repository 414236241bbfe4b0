"""Where an automaton writes its probabilities."""

import numpy as np
import pytest
from zoo import model

from tinyseq.viz.hmm.automaton import _Painter
from tinyseq.viz.layout.curves import passes


@pytest.mark.parametrize("states", [2, 4, 6, 8, 10, 12])
def test_a_probability_hides_no_arc_but_its_own(states):
    for seed in range(3):
        hmm = model(states, seed=seed)
        painter = _Painter(hmm, np.asarray(hmm.transition), "", values=True)
        painter.painted()
        chips = [node for node in painter.canvas.nodes if node.name.startswith("p_")]
        arcs = {f"p_{edge.tail}_{edge.head}": edge.curve for edge in painter.canvas.edges}
        assert len(chips) == len(arcs)
        hidden = [
            (chip.name, name)
            for chip in chips
            for name, curve in arcs.items()
            if name != chip.name and passes(curve, chip.center, chip.size)
        ]
        assert len(hidden) <= len(chips) // 6, hidden  # where two arcs run side by side
