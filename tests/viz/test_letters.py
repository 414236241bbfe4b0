"""A state has the same letter in a drawing and in what `tinyseq.inspect` says of it."""

import pytest
from zoo import ZOO

from tinyseq.autograd.graph import readable
from tinyseq.inspect.states import loops
from tinyseq.viz.computation.record import record
from tinyseq.viz.computation.sheet import sheet

# Inspection names what each step hands on by itself.
BY_STEP = {"nested_loops", "clockwork", "losses_of_one_element", "embedding_handed_on"}


@pytest.mark.parametrize("name", sorted(ZOO.keys() - BY_STEP))
def test_h_and_c_are_the_same_in_drawings_and_in_inspection(name):
    loss = ZOO[name].loss()
    states = {state for loop in loops(readable([loss.node])[::-1]) for state in loop.states}
    inspected = {state[0] for state in states if not state.startswith("state")}
    drawn = {letter[0] for letters in sheet(record(loss)).states.values() for letter in letters}
    assert not inspected or inspected == drawn - {"L", "α"}
