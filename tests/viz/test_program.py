"""Drawings of compiled programs."""

import re

import pytest

import tinyseq as ts
from tinyseq.viz import defaults
from tinyseq.viz.programs import LEGEND, MOST_BOXES, program
from tinyseq.viz.rendering.dark_theme import at_night
from tinyseq.viz.rendering.style import PAPER


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


def test_settings_of_all_drawings_hold_and_what_is_told_goes_first(fast):
    plain = program(fast).dot
    assert "fontsize=11 " in plain
    assert "bgcolor" not in plain
    with defaults(theme="dark", font_size=16, size=(4, 3), legend=True):
        dark = program(fast, title='All "of" it')
        assert LEGEND not in program(fast, legend=False).dot
        assert "fontsize=9 " in program(fast, font_size=9).dot
    assert dark.title == 'All "of" it'
    assert """label="All 'of' it\\n""" + LEGEND in dark.dot
    assert 'size="4,3!"' in dark.dot
    assert set(re.findall(r"fontsize=(\d+)", dark.dot)) == {"16"}
    assert f'bgcolor="{at_night(PAPER)}"' in dark.dot
    light = set(re.findall(r"#[0-9a-f]{6}", plain)) | {PAPER}
    assert set(re.findall(r"#[0-9a-f]{6}", dark.dot)) == set(map(at_night, light))
    assert program(fast).dot == plain
    width, height = map(float, re.search(r'<svg width="([\d.]+)pt" height="([\d.]+)pt"', dark.svg()).groups())
    assert width <= 4 * 72 + 1
    assert height <= 3 * 72 + 1
    assert at_night(PAPER) not in dark.page().text.partition("</style>")[2]  # pages have a dark theme of their own
    with pytest.raises(ValueError, match="font_size must be"):
        program(fast, font_size=1)


def test_what_cannot_be_drawn_is_said(fast):
    with pytest.raises(TypeError, match=r"program draws what ts.compile returned, got int"):
        program(3)
    layer = ts.nn.RNN(3, 4)
    long = ts.compile(lambda x: (layer(x)[0] ** 2).mean())
    long(ts.zeros(MOST_BOXES, 2, 3, dtype="float32"))
    with pytest.raises(ValueError, match="at most 400 are drawn"):
        program(long)
    with pytest.raises(RuntimeError, match="no recording yet"):
        program(ts.compile(lambda x: x))


def test_a_program_with_too_many_boxes_is_refused_with_another_way():
    fast = ts.compile(lambda x: [ts.sort(x * float(k)) for k in range(1, 500)][-1].sum() + sum(x[k] for k in range(3)))
    fast(ts.ones(3))
    assert program(fast).dot  # of what is needed, there is little
    many = ts.compile(lambda x: ts.stack([ts.sort(x * float(k)) for k in range(1, 500)]).sum())
    many(ts.ones(3))
    with pytest.raises(ValueError, match=r"at most 400 are drawn.*print the program"):
        program(many)
