"""A sequence of a single step is drawn as one column of a longer one."""

import re

import numpy as np
import pytest
from geometry import faults

import tinyseq as ts
from tinyseq.nn.recurrent.layers import Recurrent
from tinyseq.nn.recurrent.registry import CELLS
from tinyseq.viz import graph
from tinyseq.viz.computation.labels import Wording
from tinyseq.viz.computation.record import record
from tinyseq.viz.computation.sheet import sheet

SETTINGS = {
    "one layer": {},
    "two layers": {"num_layers": 2},
    "both directions": {"bidirectional": True},
    "no biases": {"bias": False},
}
STATES = {"zeros": None, "constants": 0.5}


def reading(cell, steps, start=None, **settings):
    ts.manual_seed(0)
    layer = Recurrent(cell, 4, 5, dtype="float64", **settings)
    count = settings.get("num_layers", 1) * (2 if settings.get("bidirectional") else 1)
    state = None
    if start is not None:
        parts = [ts.tensor(np.random.default_rng(i).random((count, 1, 5))) for i in range(len(CELLS[cell].states))]
        state = tuple(parts) if len(parts) > 1 else parts[0]
    return layer(ts.tensor(np.random.default_rng(0).random((steps, 1, 4))), state)


def first_column(loss):
    """The labels of the boxes of the first step and of those beside it, without shapes."""
    content = sheet(record(loss))
    wording = Wording(content)
    found = []
    for box in content.boxes:
        beside = box.column is not None and (box.column.kind == "start" or box.column.step == 0)
        if box.kind in {"state", "initial", "input"} and beside:
            found.append((box.kind, wording.lines(box)[0].text))
    return sorted(found)


@pytest.mark.parametrize("start", STATES)
@pytest.mark.parametrize("setting", [name for name in SETTINGS if name != "both directions"])
@pytest.mark.parametrize("cell", CELLS)
def test_one_step_looks_as_the_first_of_two(cell, setting, start):
    one, two = (reading(cell, steps, STATES[start], **SETTINGS[setting])[0].sum() for steps in (1, 2))
    assert first_column(one) == first_column(two)
    assert any(kind == "state" for kind, _ in first_column(one))


@pytest.mark.parametrize("cell", CELLS)
def test_both_directions_of_one_step_have_their_arrows(cell):
    found = first_column(reading(cell, 1, bidirectional=True)[0].sum())
    states = {text.split(" → ")[1] for kind, text in found if kind == "state"}
    assert len(states) == 2 * len(CELLS[cell].states)


@pytest.mark.parametrize("view", ["unrolled", "folded"])
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_nothing_lies_on_anything_else_in_one_step(cell, setting, view):
    svg = graph(reading(cell, 1, **SETTINGS[setting])[0].sum(), view=view).svg()
    assert [fault for fault in faults(svg) if "smallest letters" not in fault] == []


def test_of_an_lstm_whose_cell_alone_counts_no_h_is_drawn_that_is_c():
    _, (_, c) = reading("lstm", 1)
    content = sheet(record(c.sum()))
    said = [Wording(content).lines(box)[0].text for box in content.boxes if box.kind == "state"]
    assert not [text for text in said if re.search(r"→ h", text)]
