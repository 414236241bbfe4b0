"""Drawings of compiled programs."""

import re

import pytest

import tinyseq as ts
from tinyseq.viz import defaults
from tinyseq.viz.programs import LEGEND, _Picture, program, wrapped
from tinyseq.viz.rendering.dark_theme import dark_color
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
    boxes = dict(re.findall(r'^ *(b\d+) \[label="v\d+ = (\w+)', dot, re.MULTILINE))
    assert list(boxes.values()) == ["multiply", "sum", "multiply"]
    first, total, back = boxes
    arrows = set(re.findall(r"^ *(\w+) -> (\w+)$", dot, re.MULTILINE))
    assert {("forward_v0", first), ("forward_v1", first), (first, total), (total, "output0")} <= arrows
    assert {("backward_v0", back), (f"backward_{first}", back), (back, "gradient0")} <= arrows
    assert f'backward_{first} [label="saved\\nv3"' in dot
    seed = re.search(r'(\w+) \[label="seed', dot)
    assert (seed.group(1), back) in arrows  # through two views
    assert program(fast.program).dot == dot


def recurrent(kind, steps, **settings):
    layer = getattr(ts.nn, kind)(3, 4, **settings)
    fast = ts.compile(lambda x: (layer(x)[0] ** 2).mean())
    fast(ts.zeros(steps, 2, 3, dtype="float32"))
    return fast


KINDS = [("RNN", {}), ("GRU", {"num_layers": 2}), ("LSTM", {"bidirectional": True})]


@pytest.mark.parametrize(("kind", "settings"), KINDS)
@pytest.mark.parametrize("steps", [3, 9, 40])
def test_every_step_that_is_printed_is_in_a_box(kind, settings, steps, monkeypatch):
    monkeypatch.setattr("tinyseq.viz.programs.MOST_LINES", 100)
    fast = recurrent(kind, steps, **settings)
    dot = program(fast).dot
    views = {step.out for step in fast.program.steps if step.view is not None}
    text = re.sub("  # .*", "", str(fast.program))
    printed = [line.strip() for line in text.splitlines()]
    missing = re.compile(r"^ *(if t < \d+):\n((?: {6}.*\n)+)", re.MULTILINE)  # from last turns: said in the line
    late = {line.strip(): f" {found[1]}" for found in missing.finditer(text) for line in found[2].splitlines()}
    calls = [line + late.get(line, "") for line in printed if re.match(r"v\d+(\[t\])? = ", line)]
    assert len(calls) > 20
    for call in calls:
        assert ("\\l".join(wrapped(call)) in dot) == (int(re.match(r"v(\d+)", call).group(1)) not in views), call
    loops = [line.rstrip(":") for line in printed if line.startswith(("for ", "if "))]
    drawn = re.findall(r'label="((?:for|if) [^"]*)"', dot)
    assert bool(drawn) == (steps > 3)
    assert any(frame.startswith("if ") for frame in drawn) == (steps > 16)
    assert set(drawn) <= set(loops)  # loops of views have no box
    assert dot.count("{") == dot.count("}")


@pytest.mark.parametrize(("kind", "settings"), KINDS)
@pytest.mark.parametrize("steps", [3, 9, 40])
def test_the_arrows_are_those_of_all_turns(kind, settings, steps):
    fast = recurrent(kind, steps, **settings)
    found, picture = fast.program, _Picture(fast.program)
    views = {step.out: step.view.number for step in found.steps if step.view is not None}
    names = {number: f"v{number}" for number in (*found.inputs, *found.seeds)}
    names |= {step.out: box.name for box in picture.boxes for row in box.rows for step in row.steps}
    wanted = set()
    for step in found.steps:
        for number in step.reads if step.out in names else ():
            while number in views:
                number = views[number]
            if number in names:
                wanted.add((names[number], names[step.out]))
    seen = re.compile(r"^ *(?:forward_|backward_)?(\w+) -> (b\d+)\b(?! \[style=invis)", re.MULTILINE)
    arrows = seen.findall(program(found).dot)
    drawn = {(tail, head) for tail, head in arrows if not tail.startswith(("loop", "part"))}
    assert {(tail, head) for tail, head in drawn if tail != head} == {pair for pair in wanted if pair[0] != pair[1]}
    assert len(wanted) > 20


def test_what_the_next_turn_takes_has_a_dashed_arrow_and_a_longer_sequence_no_more_boxes():
    short, longer = (program(recurrent("RNN", steps)).dot for steps in (8, 15))
    for dot, turns in ((short, 8), (longer, 15)):
        product, state = re.search(rf'range\({turns}\)".*?(b\d+) \[.*?(b\d+) \[', dot, re.DOTALL).groups()
        assert f"  {product} -> {state}\n" in dot
        assert f"  {state} -> {product} [style=dashed constraint=false]" in dot
    assert short.count(" -> ") == longer.count(" -> ")
    assert program(recurrent("LSTM", 100)).dot.count("[label=") < 90


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
    assert f'bgcolor="{dark_color(PAPER)}"' in dark.dot
    light = set(re.findall(r"#[0-9a-f]{6}", plain)) | {PAPER}
    assert set(re.findall(r"#[0-9a-f]{6}", dark.dot)) == set(map(dark_color, light))
    assert program(fast).dot == plain
    width, height = map(float, re.search(r'<svg width="([\d.]+)pt" height="([\d.]+)pt"', dark.svg()).groups())
    assert width <= 4 * 72 + 1
    assert height <= 3 * 72 + 1
    assert dark_color(PAPER) not in dark.page().text.partition("</style>")[2]  # pages have a dark theme of their own
    with pytest.raises(ValueError, match="font_size must be"):
        program(fast, font_size=1)


def test_what_cannot_be_drawn_is_said(fast):
    with pytest.raises(TypeError, match=r"program draws what ts.compile returned, got int"):
        program(3)
    with pytest.raises(RuntimeError, match="no recording yet"):
        program(ts.compile(lambda x: x))


def test_a_program_with_too_many_boxes_is_refused_with_another_way():
    fast = ts.compile(lambda x: [ts.sort(x * float(k)) for k in range(1, 500)][-1].sum() + sum(x[k] for k in range(3)))
    fast(ts.ones(3))
    assert program(fast).dot  # of what is needed, there is little
    sizes = [n for n in range(2, 40) for _ in range(11)]  # nothing repeats often enough for a loop
    many = ts.compile(lambda x: sum(ts.sort(x[: n + i % 2] * float(i)).sum() for i, n in enumerate(sizes)))
    many(ts.ones(60))
    with pytest.raises(ValueError, match=r"at most 400 are drawn.*print the program"):
        program(many)
