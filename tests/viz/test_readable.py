"""Pictures that can be read on a screen, and lines through time that are easy to follow."""

import re

import pytest
import zoo
from geometry import faults
from zoo import ZOO

import tinyseq as ts
from tinyseq.structure.record import record
from tinyseq.viz.content.unrolled import sheet
from tinyseq.viz.layout.placement import Layout
from tinyseq.viz.rendering.canvas import Canvas

BOTH = "both_directions_of_an_lstm"


def boxes(drawing):
    return drawing.svg().count('class="node op"')


def test_modules_are_closed_where_all_ops_cannot_be_read_unless_depth_asks_for_them():
    drawing = ts.viz.graph(ZOO[BOTH].loss())
    assert "depth=3 opens all" in drawing.svg()
    assert faults(drawing.svg()) == []
    everything = ts.viz.graph(ZOO[BOTH].loss(), depth=3)
    assert boxes(everything) > 2 * boxes(drawing)
    assert "opens all" not in everything.svg()
    assert "opens all" not in ts.viz.graph(ZOO[BOTH].loss(), legend=False).svg()
    assert boxes(drawing) < drawing.page().text.count("class=&quot;node op") + drawing.page().text.count(
        'class="node op'
    )


def test_fewer_steps_are_drawn_where_all_cannot_be_read_unless_steps_asks_for_them(char_loss):
    def columns(**settings):
        svg = ts.viz.graph(char_loss(steps=8, kind=ts.nn.LSTM), **settings).svg()
        return len(re.findall(r">t = \d</text>", svg))

    assert columns() == 4
    assert columns(steps=8) == 8


def test_of_a_network_without_modules_the_first_and_the_last_step_are_drawn_if_no_more_can_be_read(monkeypatch):
    monkeypatch.setattr(zoo, "STEPS", 4)
    svg = ts.viz.graph(ZOO["gru_by_hand_with_biases"].loss(), values=True).svg()
    assert re.findall(r">(t = \d)</text>", svg) == ["t = 0", "t = 3"]
    assert faults(svg) == []


def test_a_tall_picture_has_the_lines_of_a_box_side_by_side_and_a_wide_one_shorter_numbers():
    tall = ts.viz.graph(ZOO["gru_of_the_lectures"].loss(), gradients=True).svg()
    name, norm = re.search(r'>tanh → n<.*?y="([-\d.]+)"', tall.replace("\n", "")), re.search("‖∂L‖", tall)
    assert norm
    rows = re.findall(r'y="([-\d.]+)" font-size="[\d.]+"[^>]*>(?:tanh → n|‖∂L‖ [^<]*)<', tall)
    assert name
    assert len(set(rows)) < len(rows)
    wide = ts.viz.graph(ZOO["cell_in_a_loop"].loss(), depth=1, values=True).svg()
    assert not re.search(r"\[[^\],]*,[^\],]*,[^\],]*,[^\]]*\]", wide)


@pytest.mark.parametrize("name", ["recurrent_highway", "peepholes"])
def test_all_steps_fit_with_values_and_gradients_of_which_the_names_and_norms_are_side_by_side(name):
    svg = ts.viz.graph(ZOO[name].loss(), values=True, gradients=True).svg()
    assert re.findall(r">(t = \d)</text>", svg) == ["t = 0", "t = 1", "t = 2"]
    assert faults(svg) == []


def test_depth_makes_no_room_for_frames_where_there_are_no_modules():
    loss = ZOO["recurrent_highway"].loss()
    assert ts.viz.graph(loss, depth=1).svg() == ts.viz.graph(loss).svg()


@pytest.mark.parametrize("name", ["lstm", BOTH])
def test_the_cells_of_an_lstm_are_on_a_straight_line_in_either_direction(name):
    content = sheet(record(ZOO[name].loss()))
    made = Layout(content, lambda box: (40.0, 20.0))
    lines = [
        made.corners[arrow]
        for arrow in content.arrows
        if arrow.kind == "time" and "c" in str(content.states.get(arrow.tail.slot))
    ]
    assert len(lines) == 3 * (1 + (name == BOTH))
    for line in lines:
        assert len({round(point.y, 6) for point in line}) == 1


@pytest.mark.parametrize("name", ["rnn", "gru", BOTH, "two_layers", "skip_over_two_steps"])
def test_a_folded_loop_ends_on_the_side_where_it_starts_but_for_the_line_of_a_cell(name):
    content = sheet(record(ZOO[name].loss()), fold=True)
    made = Layout(content, lambda box: (40.0, 20.0))
    loops = [arrow for arrow in content.arrows if arrow.delay]
    assert loops
    for arrow in loops:
        middle = made.places[arrow.head].x
        if (arrow.head.slot, arrow.tail.slot) not in made.grid.level:
            assert (made.curves[arrow][-1].x - middle) * (made.curves[arrow][-4].x - middle) >= 0
            assert all((point.x > middle) == (arrow.delay > 0) for point in made.curves[arrow][3:-3])


def test_only_the_picture_that_is_kept_is_written_out(monkeypatch):
    painted, written = [], []
    letters, drawing = Canvas.letters, Canvas.drawing
    monkeypatch.setattr(Canvas, "letters", lambda canvas: painted.append(canvas) or letters(canvas))
    monkeypatch.setattr(Canvas, "drawing", lambda canvas, tell: written.append(canvas) or drawing(canvas, tell))
    ts.viz.graph(ZOO[BOTH].loss())
    assert len(painted) > 1
    assert len(written) == 1
