"""Drawings of compiled programs."""

import re

import pytest

import tinyseq as ts
from tinyseq.viz.programs import MOST_BOXES, program


@pytest.fixture
def fast():
    w = ts.tensor([1.0, 2.0], requires_grad=True)
    made = ts.compile(lambda x: ts.tanh(w * x).reshape(2, 1).sum())
    made(ts.ones(2))
    return made


def test_elementwise_steps_share_a_box_and_views_have_none(fast):
    dot = program(fast).dot
    assert "v2 = multiply(v1, v0)\\lv3 = tanh(v2)\\l" in dot
    assert "reshape" in str(fast.program)
    assert "reshape" not in dot
    boxes = dict(re.findall(r'^    (b\d+) \[label="v\d+ = (\w+)', dot, re.MULTILINE))
    assert list(boxes.values()) == ["multiply", "sum", "multiply"]
    first, total, back = boxes
    arrows = set(re.findall(r"^  (\w+) -> (\w+)$", dot, re.MULTILINE))
    assert {("v0", first), ("v1", first), (first, total), (first, back), (total, "output0")} <= arrows
    assert (back, "gradient0") in arrows
    seed = re.search(r'(v\d+) \[label="seed', dot)
    assert (seed.group(1), back) in arrows  # through two views
    assert program(fast.program).dot == dot


def test_every_step_of_a_recurrent_program_is_in_a_box(monkeypatch):
    monkeypatch.setattr("tinyseq.viz.programs.MOST_LINES", 100)
    layer = ts.nn.GRU(3, 4)
    fast = ts.compile(lambda x: (layer(x)[0] ** 2).mean())
    fast(ts.zeros(3, 2, 3, dtype="float32"))
    dot = program(fast).dot
    for step in fast.program.steps:
        assert (f"v{step.out} = " in dot) == (step.view is None)
    assert dot.count("{") == dot.count("}") == 3


def test_what_cannot_be_drawn_is_said(fast):
    with pytest.raises(TypeError, match=r"a program is drawn of what ts.compile returned, got int"):
        program(3)
    layer = ts.nn.RNN(3, 4)
    long = ts.compile(lambda x: (layer(x)[0] ** 2).mean())
    long(ts.zeros(MOST_BOXES, 2, 3, dtype="float32"))
    with pytest.raises(ValueError, match="at most 400 are drawn"):
        program(long)
    with pytest.raises(RuntimeError, match="no recording yet"):
        program(ts.compile(lambda x: x))
