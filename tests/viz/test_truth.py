"""A name in a drawing is true: what it names has the value of the thing that has this name in the student's code."""

import re

import numpy as np
import pytest
from zoo import ZOO

import tinyseq as ts
from tinyseq.viz.computation.labels import Wording
from tinyseq.viz.computation.record import record
from tinyseq.viz.computation.sheet import sheet

VIEWS = {"unrolled": False, "folded": True}


@pytest.mark.parametrize("name", ZOO)
def test_a_constant_with_the_name_of_a_state_is_what_the_network_began_with(name, monkeypatch):
    """All networks begin with random numbers here, so that nothing else equals them."""
    begun, draws, wrap = [np.zeros(1)], np.random.default_rng(0), ts.tensor

    def random(*shape, dtype=None):
        begun.append(draws.random(shape) if shape != ((),) else np.zeros(()))
        return wrap(begun[-1], dtype=dtype)

    def tensor(array, *args, **settings):
        made = wrap(array, *args, **settings)
        begun.append(made.numpy())
        return made

    for maker in ("zeros", "ones"):
        monkeypatch.setattr(ts, maker, random)
    monkeypatch.setattr(ts, "tensor", tensor)
    content = sheet(record(ZOO[name].loss()))
    values = Wording(content).values
    for box in content.boxes:
        if box.kind == "initial" and content.states.get(box.slot) and not box.vertices:
            value = values.value(box)
            known = np.concatenate([array.ravel() for array in begun]).astype(value.dtype)
            assert np.isin(value[value != 0], known).all(), box


@pytest.mark.parametrize("name", ZOO)
def test_an_input_with_the_name_of_a_state_is_that_state(name):
    """Where a step takes a state that another one has computed, but no line brings it, the numbers are the same."""
    content = sheet(record(ZOO[name].loss()))
    values, made = Wording(content).values, {(box.slot, box.step): box for box in content.boxes}
    for box in content.boxes:
        if box.kind == "input" and isinstance(box.slot, tuple) and box.slot[0] == "detached":
            np.testing.assert_array_equal(values.value(box), values.value(made[box.slot[1], box.of_step]))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", ZOO)
def test_an_arrow_leads_to_each_dot_of_a_label(name, view):
    content = sheet(record(ZOO[name].loss()), fold=VIEWS[view])
    wording = Wording(content)
    for box in content.boxes:
        text = wording.lines(box)[0].text
        assert len(re.findall("·", text)) <= len([a for a in wording.into[box] if a.kind != "weight"]), text
