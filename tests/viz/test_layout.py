"""Places of boxes and ways of arrows."""

from itertools import combinations, pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from zoo import ZOO

import tinyseq as ts
from tinyseq.structure.record import record
from tinyseq.viz.computation.painter import Painter
from tinyseq.viz.content.flat import flat_sheet
from tinyseq.viz.content.unrolled import sheet
from tinyseq.viz.layout.curves import Point, climbing, passed, passes
from tinyseq.viz.layout.grid import MOST_LANES, Grid
from tinyseq.viz.layout.order import arranged
from tinyseq.viz.layout.placement import Layout
from tinyseq.viz.layout.rows import Lane, nearest_gap, rows, spread
from tinyseq.viz.rendering.style import label_size

NETWORKS = [
    {},
    {"kind": ts.nn.LSTM},
    {"kind": ts.nn.GRU, "reset": "before"},
    {"num_layers": 2, "bidirectional": True},
    {"kind": ts.nn.LSTM, "steps": 40},
]


def placed(loss):
    content = sheet(record(loss))
    return content, Layout(content, lambda box: (60.0, 24.0))


@pytest.mark.parametrize("settings", NETWORKS)
def test_no_two_boxes_overlap(char_loss, settings):
    content, made = placed(char_loss(**{"steps": 3, **settings}))
    assert set(made.places) == set(content.boxes)
    for one, other in combinations(content.boxes, 2):
        apart_x = abs(made.places[one].x - made.places[other].x) >= (made.sizes[one][0] + made.sizes[other][0]) / 2
        apart_y = abs(made.places[one].y - made.places[other].y) >= (made.sizes[one][1] + made.sizes[other][1]) / 2
        assert apart_x or apart_y, (one.name, other.name)


@pytest.mark.parametrize("settings", NETWORKS)
def test_boxes_that_do_the_same_work_stand_at_the_same_height(char_loss, settings):
    content, made = placed(char_loss(**{"steps": 3, **settings}))
    heights = {}
    for box in content.boxes:
        if box.column:
            heights.setdefault(box.slot, set()).add(round(made.places[box].y, 6))
    assert all(len(found) == 1 for found in heights.values())


@pytest.mark.parametrize("settings", NETWORKS)
def test_columns_stand_side_by_side_in_time_order_around_their_boxes(char_loss, settings):
    content, made = placed(char_loss(**{"steps": 3, **settings}))
    frames = [made.frames[column] for column in content.columns]
    assert all(left[1].x < right[0].x for left, right in pairwise(frames))
    for box in content.boxes:
        if box.column and box.column.kind == "step":
            low, high = made.frames[box.column]
            assert low.x < made.places[box].x - 30 < made.places[box].x + 30 < high.x
            assert low.y < made.places[box].y - 12 < made.places[box].y + 12 < high.y


@pytest.mark.parametrize("settings", NETWORKS)
def test_arrows_begin_and_end_at_the_rims_of_their_boxes(char_loss, settings):
    content, made = placed(char_loss(**{"steps": 3, **settings}))
    for arrow in content.arrows:
        curve = made.curves[arrow]
        assert len(curve) % 3 == 1  # cubic Bezier pieces
        for point, box in ((curve[0], arrow.tail), (curve[-1], arrow.head)):
            across, up = abs(point.x - made.places[box].x) / 30, abs(point.y - made.places[box].y) / 12
            assert max(across, up) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("settings", [*NETWORKS, {"kind": ts.nn.GRU, "num_layers": 2, "bidirectional": True}])
def test_wires_of_different_states_never_run_on_top_of_each_other(char_loss, settings):
    content, made = placed(char_loss(**{"steps": 3, **settings}))
    pieces = [
        (arrow.tail, *sorted([one, other]))
        for arrow in content.arrows
        if arrow.kind == "time"
        for one, other in pairwise(made.corners[arrow])
    ]
    for (tail, low, high), (other, from_, to) in combinations(pieces, 2):
        if tail is other:
            continue
        along_x = low.y == high.y == from_.y == to.y and min(high.x, to.x) - max(low.x, from_.x) > 1
        along_y = low.x == high.x == from_.x == to.x and min(high.y, to.y) - max(low.y, from_.y) > 1
        assert not along_x, (tail.name, other.name)
        assert not along_y, (tail.name, other.name)


def test_rows_are_longest_paths_and_beginnings_stand_below_their_use():
    row = rows(["x", "y", "a", "b", "late"], [("x", "a"), ("a", "b"), ("y", "b"), ("late", "b")])
    assert row == {"x": 0, "a": 1, "b": 2, "y": 1, "late": 1}
    assert rows(["b", "a"], [("a", "b")]) == {"a": 0, "b": 1}  # against the order of creation
    assert rows(["a", "b"], [("a", "b"), ("b", "a")]) == {"a": 0, "b": 1}  # in a cycle, what was created first is lower


def test_crossings_that_can_be_avoided_are_avoided():
    row = {"a": 0, "b": 0, "c": 1, "d": 1}
    x = arranged(row, dict.fromkeys(row, 10.0), [("a", "d"), ("b", "c")], {}, gap=5, lane_width=4)
    assert (x["a"] < x["b"]) == (x["d"] < x["c"])


def ordered(row, x):
    """The slots and lanes of each row, from the left."""
    at = {item: item.row if isinstance(item, Lane) else row[item] for item in x}
    return [sorted((item for item in x if at[item] == level), key=x.get) for level in range(max(at.values()) + 1)]


def crossed(order, links):
    """How many links between neighbouring rows cross."""
    at = {item: (level, i) for level, items in enumerate(order) for i, item in enumerate(items)}
    pairs = combinations([(*at[low], at[high][1]) for low, high in links], 2)
    return sum(level == other and (a - b) * (c - d) < 0 for (level, a, c), (other, b, d) in pairs)


@pytest.mark.parametrize("seed", range(12))
def test_no_edge_would_cross_fewer_others_elsewhere(seed):
    rng = np.random.default_rng(seed)
    row = {slot: slot // 3 for slot in range(12)}
    pairs = [(low, high) for low in row for high in row if row[low] < row[high]]
    edges = [pairs[i] for i in rng.choice(len(pairs), 14, replace=False)]
    x = arranged(row, dict.fromkeys(row, 10.0), edges, {}, gap=5, lane_width=4)
    order = ordered(row, x)
    ways = {edge: [lane for lane in x if isinstance(lane, Lane) and (lane.tail, lane.head) == edge] for edge in edges}
    links = [link for (low, high), lanes in ways.items() for link in pairwise([low, *lanes, high])]
    fewest = crossed(order, links)
    for lanes in ways.values():
        others = [[item for item in items if item not in lanes] for items in order]
        for gaps in product(*(range(len(others[lane.row]) + 1) for lane in lanes)):
            moved = [*others]
            for lane, gap in zip(lanes, gaps, strict=True):
                moved[lane.row] = [*others[lane.row][:gap], lane, *others[lane.row][gap:]]
            assert crossed(moved, links) >= fewest


def test_the_blocks_of_a_gru_are_drawn_with_no_more_crossings_than_by_hand():
    """The sums of z and r take both products, so that two lines cross, and the lines to n cross one of these each."""
    content, made = placed(ZOO["gru_of_blocks"].loss())
    column = next(column for column in content.columns if column.kind == "step")
    inside = [arrow for arrow in made.climbs if arrow.tail.column == arrow.head.column == column]
    edges = [(arrow.tail.slot, arrow.head.slot) for arrow in inside]
    links = [link for edge in edges for link in pairwise([edge[0], *made.grid.lanes(column, *edge), edge[1]])]
    row = {box.slot: made.grid.row[box] for box in content.boxes if box.column == column}
    x = {item: made.grid.place(column, item) for link in links for item in link}
    assert crossed(ordered(row, x), links) == 2


@given(
    st.lists(st.integers(-40, 40), min_size=1, max_size=4), st.lists(st.tuples(st.integers(-40, 40), st.integers(1, 9)))
)
def test_the_nearest_gap_is_free_and_none_is_nearer(wishes, pieces):
    taken = [(low, low + length) for low, length in pieces]
    costs = {x: sum(abs(x - wish) for wish in wishes) for x in range(-99, 100)}
    free = [x for x in costs if not any(low < x < high for low, high in taken)]
    found = nearest_gap(wishes, taken)
    assert found in free
    assert costs[found] == min(costs[x] for x in free)


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(1, 40)), min_size=1, max_size=8), st.floats(0, 10))
def test_spread_keeps_the_order_and_the_gaps_and_moves_nothing_without_need(items, gap):
    names = range(len(items))
    wish, size = ({i: pair[part] for i, pair in enumerate(items)} for part in (0, 1))
    x = spread(names, wish, size, gap)
    needed = [(size[i] + size[i + 1]) / 2 + gap for i in names[:-1]]
    assert all(x[i + 1] - x[i] >= needed[i] - 1e-6 for i in names[:-1])
    if all(wish[i + 1] - wish[i] >= needed[i] for i in names[:-1]):
        assert all(abs(x[i] - wish[i]) < 1e-6 for i in names)


def test_spread_is_the_least_squares_solution():
    x = spread("abc", {"a": 0.0, "b": 0.0, "c": 100.0}, dict.fromkeys("abc", 10.0), 0.0)
    assert x == pytest.approx({"a": -5.0, "b": 5.0, "c": 100.0})


@pytest.mark.parametrize("settings", [*NETWORKS, {"kind": ts.nn.LSTM, "bidirectional": True}])
def test_no_wire_of_a_folded_loop_runs_through_the_words_on_another(char_loss, settings):
    painter = Painter(sheet(record(char_loss(**{"steps": 3, **settings})), fold=True))
    wires = {arrow: curve for arrow, curve in painter.layout.curves.items() if arrow.delay}
    assert wires
    told = painter.words
    assert {(arrow.tail, arrow.delay) for arrow in wires} <= {(arrow.tail, arrow.delay) for arrow in told}
    for arrow in wires.keys() & told.keys():
        words, middle = told[arrow]
        width, height = label_size(words)
        for curve in painter.layout.curves.values():
            for start, end in pairwise(curve):
                beside = max(start.x, end.x) < middle.x - width / 2 or min(start.x, end.x) > middle.x + width / 2
                below = max(start.y, end.y) < middle.y - height / 2 or min(start.y, end.y) > middle.y + height / 2
                assert beside or below


def test_the_part_of_a_value_is_told_on_the_side_that_its_arrow_does_not_come_from():
    w, h = ts.tensor(np.ones((9, 3)), requires_grad=True), ts.ones(3, 1)
    for t in range(2):
        with ts.step(t):
            a, b, c = ts.split(w @ h, 3)
            h = ts.tanh(a) * ts.sigmoid(b) + ts.sin(c)
    painter = Painter(sheet(record(h.sum())))
    told = []
    for arrow, (words, middle) in painter.words.items():
        if arrow.part:
            told.append(words[0].text)
            half = label_size(words)[0] / 2
            curve = painter.layout.curves[arrow]
            near = [point.x for point in curve if abs(point.y - middle.y) < 5]
            assert all(abs(x - middle.x) > half for x in near)
            assert (middle.x < curve[-1].x) == (curve[0].x > curve[-1].x) or curve[0].x == curve[-1].x
    assert told == ["1/3", "2/3", "3/3"] * 2


def test_the_cell_of_an_lstm_goes_straight_through_time(char_loss):
    content, made = placed(char_loss(steps=4, kind=ts.nn.LSTM, num_layers=2))
    cells = [arrow for arrow in content.arrows if arrow.kind == "time" and "c" in content.states[arrow.tail.slot][0]]
    assert len(cells) == 2 * 4
    for arrow in cells:
        if arrow.tail.kind == "state":
            assert {round(point.y, 6) for point in made.corners[arrow]} == {round(made.places[arrow.tail].y, 6)}


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("name", ZOO)
def test_what_updates_a_state_stands_before_it_on_its_line(name, fold):
    """However wide the boxes are."""
    content = sheet(record(ZOO[name].loss()), fold=fold)
    made = Layout(content, lambda box: (200.0, 24.0))
    for arrow in (arrow for arrow in content.arrows if arrow in made.corners and made._is_level(arrow)):
        backward = content.timeline.loops[content.timeline.loop_of[arrow.head.vertices[-1]]].backward
        before, after = (arrow.head, arrow.tail) if backward else (arrow.tail, arrow.head)
        assert made.places[before].x < made.places[after].x, (arrow.tail.name, arrow.head.name)


def test_a_curve_passes_a_rectangle_just_where_some_of_its_points_lie_in_it():
    start, end, size = Point(0.0, 0.0), Point(60.0, 90.0), (20.0, 12.0)
    curve = climbing([start, end])
    points = passed(curve, apart=0.05)
    for center in (Point(float(x), float(y)) for x in range(-12, 80, 4) for y in range(-12, 110, 4)):
        near = min(max(abs(x - center.x) - size[0] / 2, abs(y - center.y) - size[1] / 2) for x, y in points)
        if abs(near) > 0.2:  # else it grazes a side
            assert passes(curve, center, size) == (near < 0), center


def test_the_longest_edges_of_a_large_column_run_beside_it():
    w = ts.zeros(2, 2, requires_grad=True)
    states = [ts.ones(1, 2)]
    for _ in range(24):
        states.append((ts.stack(states).sum(0) @ w).tanh())
    content = flat_sheet(record(states[-1].sum()))
    found = Layout(content, lambda box: (60.0, 24.0))
    grid = Grid(content, found.sizes)
    spans = {True: set(), False: set()}
    for arrow in content.arrows:
        if arrow.kind == "data":
            spans[grid.is_long(arrow)].add(grid.row[arrow.head] - grid.row[arrow.tail])
    assert min(spans[True]) >= max(spans[False])
    assert sum(map(len, grid.ways.values())) <= MOST_LANES
    right = max(high.x for _, high in found.frames.values())
    for arrow, corners in found.corners.items():
        assert (max(point.x for point in corners) > right) == grid.is_long(arrow)


def test_what_is_made_of_an_input_is_right_below_its_use():
    """As U (M x * h) + W x is written: W x stands beside U."""
    paths = [["x", "Mx", "times", "U", "plus"], ["x", "Wx", "plus"]]
    edges = [edge for path in paths for edge in pairwise(path)]
    row = rows(["x", "Mx", "Wx", "times", "U", "plus"], edges, late={"Mx", "Wx"})
    assert row["Wx"] == row["U"] == row["plus"] - 1
    assert row["x"] == row["Mx"] - 1


@pytest.mark.parametrize("name", ["clockwork", "penalty_on_a_weight"])
def test_no_arrow_goes_around_to_what_could_stand_right_above_its_column(name):
    made = Layout(sheet(record(ZOO[name].loss())), lambda box: (60.0, 24.0))
    up = [way for arrow, way in made.ways.of.items() if arrow.tail.column and arrow.head.zone == "after"]
    assert up
    assert all(len(way.wires) == 1 for way in up)


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("name", ZOO)
def test_no_arrow_goes_around_the_picture_to_come_out_of_the_columns_or_into_them(name, fold):
    """It passes between the boxes above or below them, beside other arrows."""
    made = Layout(sheet(record(ZOO[name].loss()), fold=fold), lambda box: (60.0, 24.0))
    right = max(made.extent()[1].x, *(place.x for places in made.past.values() for place in places), 0.0)
    passages = {wire: x for wire, x in made.wires.items() if wire.along == "passage"}
    for arrow, corners in made.corners.items():
        if arrow.kind == "data" and bool(arrow.tail.column) != bool(arrow.head.column):
            assert max(point.x for point in corners) <= right, (arrow.tail.name, arrow.head.name)
    for (one, x), (other, x_other) in combinations(passages.items(), 2):
        assert abs(x - x_other) > 4 or one.place != other.place
