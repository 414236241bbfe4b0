"""Closed and open modules, and folded loops."""

import re

import numpy as np
import pytest
from zoo import ZOO

import tinyseq as ts
from tinyseq.structure.record import record
from tinyseq.viz import graph
from tinyseq.viz.computation.labels import SheetLabels
from tinyseq.viz.computation.modules import closed, open_frames
from tinyseq.viz.computation.painter import Painter
from tinyseq.viz.content.unrolled import sheet
from tinyseq.viz.layout.placement import Layout
from tinyseq.viz.rendering.style import label_size


def names(content):
    labels = SheetLabels(content)
    return [labels.lines(box)[0].text for box in content.boxes if box.module]


def test_modules_close_at_the_depth_asked_for(char_loss):
    content = sheet(record(char_loss(steps=2, kind=ts.nn.LSTM)))
    assert names(closed(content, 0)) == ["CharRNN → h₀, c₀", "CharRNN → h₁, c₁"]
    assert sorted(names(closed(content, 1))) == ["out", "out", "rnn → h₀, c₀", "rnn → h₁, c₁"]
    assert sorted(names(closed(content, 2))) == ["l0 → h₀, c₀", "l0 → h₁, c₁"]
    assert names(closed(content, 9)) == []


def test_states_of_a_closed_module_are_named_from_the_lower_layer_up_and_in_reading_order(char_loss):
    content = sheet(record(char_loss(steps=2, kind=ts.nn.GRU, num_layers=2, bidirectional=True)))
    assert "rnn → h→⁽¹⁾₀, h←⁽¹⁾₀, h→⁽²⁾₀, h←⁽²⁾₀" in names(closed(content, 1))
    stacked = sheet(record(char_loss(steps=2, kind=ts.nn.LSTM, num_layers=2)))
    assert "rnn → h⁽¹⁾₀, h⁽²⁾₀, c⁽¹⁾₀, c⁽²⁾₀" in names(closed(stacked, 1))


class Reader(ts.nn.Module):
    """All that happens in a step happens in one module, so that its frame is the uppermost thing there."""

    def __init__(self):
        self.embedding_of_words, self.rnn = ts.nn.Embedding(5, 4), ts.nn.GRU(4, 3, bidirectional=True)

    def forward(self, ids):
        return self.rnn(self.embedding_of_words(ids))[0]


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_frames_of_modules_lie_inside_of_their_columns_with_their_titles(depth):
    painter = Painter(sheet(record(Reader()(np.array([[0], [1], [2]])).sum())), depth=depth)
    assert painter.frames
    columns = {column.name: corners for column, corners in painter.layout.frames.items()}
    for frame in painter.frames:
        low, high = columns[frame.inside]
        assert low.x < frame.low.x < frame.high.x < high.x
        assert low.y < frame.low.y < frame.high.y < high.y
        place, (width, _) = frame.title_at, label_size(frame.lines)
        assert frame.low.x < place.x - width / 2 < place.x + width / 2 < frame.high.x


def test_the_columns_of_an_encoder_and_its_decoder_are_named_after_them():
    model = ts.nn.EncoderDecoder(5, 5, hidden_size=4, embedding_size=3)
    labels = SheetLabels(sheet(record(model.loss([[0, 1]], [[2]]))))
    titles = [labels.title(column) for column in labels.sheet.columns if column.kind == "step"]
    assert titles == ["encoder, t = 0", "encoder, t = 1", "decoder, t = 0", "decoder, t = 1"]


def test_a_weight_is_indexed_by_the_whole_name_of_its_module():
    dot = graph(Reader()(np.array([[0], [1], [2]])).sum()).dot
    assert re.search(r'>W<font point-size="[\d.]+">embedding_of_words</font>', dot)


def test_a_closed_module_keeps_every_arrow_that_crosses_its_wall(char_loss):
    content = sheet(record(char_loss(steps=3)))
    small = closed(content, 1)
    assert all(arrow.tail in small.boxes and arrow.head in small.boxes for arrow in small.arrows)
    kinds = [arrow.kind for arrow in small.arrows]
    assert kinds.count("time") == 3  # the initial state, and twice from step to step
    assert kinds.count("weight") == 3 * 3
    assert kinds.count("data") == 4 * 3  # x, rnn to out, out to the cross entropy, and on to the mean


def test_closing_modules_leaves_the_sheet_it_was_given_alone(char_loss):
    content = sheet(record(char_loss(steps=2)))
    before = [(box.name, box.kind, box.vertices) for box in content.boxes]
    closed(content, 0)
    assert [(box.name, box.kind, box.vertices) for box in content.boxes] == before


def test_beginnings_of_states_of_one_module_become_one(char_loss):
    content = closed(sheet(record(char_loss(steps=2, kind=ts.nn.LSTM))), 0)
    (beginning,) = [box for box in content.boxes if box.kind == "initial"]
    assert SheetLabels(content).symbols.of(beginning) == "h₋₁, c₋₁ = 0"


def test_frames_hold_their_modules_and_nothing_else(char_loss):
    content = closed(sheet(record(char_loss(steps=2, num_layers=2))), 3)
    places = Layout(content, lambda box: (60.0, 24.0), margin=14.0)
    frames = open_frames(content, places, 3)
    columns = {column.name: corners for column, corners in places.frames.items()}
    titles = [frame.lines[0].text for frame in frames if frame.inside == content.columns[1].name]
    assert titles == ["CharRNN", "rnn", "l0", "l1"]
    for frame in frames:
        low, high = columns[frame.inside]
        assert low.x < frame.low.x < frame.high.x < high.x
        assert low.y < frame.low.y < frame.high.y < high.y


def test_open_modules_are_clusters_of_the_drawing(char_loss):
    dot = graph(char_loss(steps=2), depth=2).dot
    assert len(re.findall(r"subgraph cluster_t\d_module", dot)) == 2


@pytest.mark.parametrize("kind", [ts.nn.RNN, ts.nn.LSTM, ts.nn.GRU])
def test_a_folded_loop_shows_one_step_and_what_it_hands_on(char_loss, kind):
    content = sheet(record(char_loss(steps=6, kind=kind)), fold=True)
    assert len(content.columns) == 1
    later = [arrow for arrow in content.arrows if arrow.delay]
    assert {arrow.delay for arrow in later} == {1}
    assert all(arrow.kind == "time" for arrow in later)
    assert "W_hh hₜ₋₁" in " ".join(SheetLabels(content).lines(box)[0].text for box in content.boxes)
    assert {box.uses for box in content.boxes if box.kind == "parameter"} == {6}


def test_a_folded_loop_that_runs_backward_hands_on_to_the_step_before(char_loss):
    content = sheet(record(char_loss(steps=5, bidirectional=True)), fold=True)
    assert {arrow.delay for arrow in content.arrows} == {-1, 0, 1}


def test_an_encoder_and_a_decoder_fold_into_one_column_each(encoder_decoder_loss):
    content = sheet(record(encoder_decoder_loss), fold=True)
    labels = SheetLabels(content)
    assert [labels.title(column) for column in content.columns] == ["encoder, t = 0, …, 2", "decoder, t = 0, 1"]


def test_a_folded_loop_of_one_step_is_headed_by_that_step():
    content = sheet(record(ZOO["decoder_of_one_step"].loss()), fold=True)
    assert [SheetLabels(content).title(column) for column in content.columns] == ["t = 0, …, 2", "t = 0"]


def test_loops_are_headed_by_the_outermost_name_that_tells_them_apart():
    """Not by GRU, the module within the encoder that runs the loop."""
    content = sheet(record(ZOO["attention_by_a_cell"].loss()), fold=True)
    assert [SheetLabels(content).title(column) for column in content.columns] == [
        "encoder, t = 0, …, 2",
        "decoder, t = 0, 1",
    ]


def test_the_folded_view_is_drawn_in_any_depth(char_loss):
    loss = char_loss(steps=30, kind=ts.nn.LSTM)
    for depth in (None, 0, 1, 2):
        dot = graph(loss, view="folded", depth=depth, gradients=True).dot
        assert "1 step later" in dot
        assert dot.count("×30 uses") == 3


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("name", ZOO)
def test_a_box_is_labelled_alike_whether_the_modules_beside_it_are_open_or_closed(name, fold):
    whole = sheet(record(ZOO[name].loss()), fold=fold)
    words = SheetLabels(whole)
    own = {box.name: words.formula(box) for box in whole.boxes if box.vertices and box.kind != "parameter"}
    for depth in range(4):
        part = closed(sheet(record(ZOO[name].loss()), fold=fold), depth)
        words = SheetLabels(part)
        drawn = [box for box in part.boxes if box.vertices and not box.module and box.name in own]
        assert {box.name: words.formula(box) for box in drawn} == {box.name: own[box.name] for box in drawn}


def test_a_closed_module_lists_its_states_in_the_same_order_in_every_run():
    """Two readings by one layer: letters in a set have another order with another hash seed."""
    ts.manual_seed(0)
    layer = ts.nn.LSTM(2, 3)
    first, second = (layer(ts.tensor(np.full((3, 1, 2), number, "float32")))[0] for number in (1, 2))
    content = closed(sheet(record(ts.sum((first - second) ** 2))), 0)
    assert {letters for letters in content.states.values() if len(letters) > 1} == {("h", "h′", "c", "c′")}


@pytest.mark.parametrize("name", ["both_directions", "both_directions_of_an_lstm", "two_layers_in_both_directions"])
def test_a_closed_module_that_reads_both_ways_begins_each_at_its_own_end(name):
    content = closed(sheet(record(ZOO[name].loss())), 0)
    said = SheetLabels(content)
    shown = [column for column in content.columns if column.kind == "step"]
    begun = {box.column < shown[0]: said.lines(box)[0].text for box in content.boxes if box.kind == "initial"}
    assert [[way for way in "→←" if way in begun[before]] for before in (True, False)] == [["→"], ["←"]]
