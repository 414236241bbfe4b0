"""A state has the same letter in a drawing and in what `tinyseq.inspect` says of it."""

import numpy as np
import pytest
from zoo import ZOO

from tinyseq.autograd.graph import readable
from tinyseq.inspect.flow import gradient_flow
from tinyseq.structure.record import record
from tinyseq.structure.states import by_prefix, loops
from tinyseq.viz.content.unrolled import sheet

# Inspection names what each step hands on by itself.
BY_STEP = {"losses_of_one_element", "embedding_handed_on"}


@pytest.mark.parametrize("name", sorted(ZOO.keys() - BY_STEP))
def test_h_c_and_alpha_are_the_same_in_drawings_and_in_inspection(name):
    loss = ZOO[name].loss()
    states = {state for loop in loops(readable([loss.node])[::-1]) for state in loop.states}
    inspected = {state[0] for state in states}
    drawn = {letter[0] for letters in sheet(record(loss)).states.values() for letter in letters}
    assert not inspected or inspected == drawn - {"L"}  # a running total is not a state


@pytest.mark.parametrize("name", sorted(ZOO.keys() - {"crf_on_an_lstm"}))  # whose first scores are a part of a box
def test_the_gradient_of_a_state_is_the_same_in_drawings_and_in_inspection(name):
    """Also of a state that a step turns or reshapes before it hands it on."""
    loss = ZOO[name].loss()
    content = sheet(record(loss, gradients=True))
    values, drawn = content.values, {}
    for box in (box for box in content.boxes if box.vertices and box.step is not None):
        drawn.setdefault(box.step, []).append(values.gradient(box) or 0)
    states = gradient_flow(loss).states if by_prefix(readable([loss.node])[::-1]) else {}
    for state, norms in states.items():
        for step, norm in enumerate(norms):
            assert not norm or np.isclose(norm, drawn[step], rtol=1e-4).any(), (state, step)
