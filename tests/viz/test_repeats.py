"""Loops in loops, and loops that are repeated: what is left out of a drawing, and what is not."""

import re

import numpy as np
import pytest
from long import FEW, LONG, MANY
from played import Played

import tinyseq as ts
from tinyseq.structure.record import record
from tinyseq.viz.computation.labels import SheetLabels
from tinyseq.viz.content.unrolled import sheet
from tinyseq.viz.page.flows import Flows

NESTED = [name for name in LONG if "thirty" not in name and name != "tree"]
REPEATED = [name for name in NESTED if name != "translation"]
WORDS = [name for name in NESTED if "word" in name]


@pytest.mark.parametrize("name", REPEATED)
@pytest.mark.parametrize("many", [12, 40])
def test_a_drawing_grows_no_more_with_the_number_of_loops(name, many):
    content, longer = (sheet(record(LONG[name](count))) for count in (many, many + 3))
    assert len(content.boxes) == len(longer.boxes)
    assert len(content.columns) == len(longer.columns)


@pytest.mark.parametrize("name", REPEATED)
def test_up_to_eight_loops_are_all_drawn_and_of_more_the_first_three_and_the_last(name):
    for count, drawn in ((8, 8), (9, FEW)):
        content = sheet(record(LONG[name](count)))
        inner = {
            content.timeline.loop_of[v] for box in content.boxes for v in box.vertices if v in content.timeline.loop_of
        }
        outer = {box.column.phase for box in content.boxes if box.column and box.column.step == count - 1 >= FEW}
        assert len(inner) == drawn + ("words_" in name and len(outer))


@pytest.mark.parametrize("name", REPEATED)
@pytest.mark.parametrize("many", [3, 9, 12])
def test_a_folded_drawing_has_one_loop_of_a_kind_which_the_step_that_is_drawn_reads(name, many):
    content = sheet(record(LONG[name](many)), fold=True)
    titles = [SheetLabels(content).title(column) for column in content.columns]
    assert sum(f", one of {many} alike" in title for title in titles) == 1
    inner = {
        content.timeline.loop_of[v] for box in content.boxes for v in box.vertices if v in content.timeline.loop_of
    }
    assert len(inner) <= 2
    assert {letter for letters in content.states.values() for letter in letters} <= {"h", "h′", "c", "c′", "L"}
    assert not [arrow for arrow in content.arrows if arrow.tail.kind == "elided" and arrow.head.step is not None]


def test_two_loops_that_are_compared_are_both_drawn_in_a_folded_drawing():
    w, u, last = (ts.nn.Parameter(np.eye(3)), ts.nn.Parameter(np.eye(3)), [])
    for x in np.random.default_rng(0).random((2, 3, 3)):
        h = ts.zeros(3)
        for t in range(3):
            with ts.step(t):
                h = ts.tanh(w @ x[t] + u @ h)
        last.append(h)
    content = sheet(record(ts.sum((last[0] - last[1]) ** 2)), fold=True)
    assert {*content.states.values()} == {("h",), ("h′",)}
    assert SheetLabels(content).title(content.columns[0]) == "t = 0, …, 2"


@pytest.mark.parametrize("name", NESTED)
def test_every_use_of_a_parameter_is_counted_and_every_gradient_is_complete(name):
    loss = LONG[name](9)
    played = Played(loss)
    found, wanted = Flows(loss, played.content), played.gradients()
    leaves = {leaf for terms in found.terms.values() for leaf in terms}
    assert len(leaves) >= 2
    for leaf in leaves:
        total = sum(terms[leaf] for terms in found.terms.values() if leaf in terms)
        np.testing.assert_allclose(total, played.content.record.items[leaf].grad, rtol=1e-4, atol=1e-6)
    checked = 0
    for box, shares in found.arriving.items():
        if (
            box.vertices[-1] in wanted
            and box.kind != "input"
            and box.vertices[-1] not in played.content.timeline.tracks
        ):
            np.testing.assert_allclose(sum(shares.values()), wanted[box.vertices[-1]], rtol=1e-4, atol=1e-6)
            checked += 1
    assert checked > 5
    uses = {box.vertices: box.uses for box in played.content.boxes if box.kind == "parameter"}
    assert max(uses.values()) >= 9


@pytest.mark.parametrize("name", WORDS)
def test_a_loop_over_words_is_one_loop_whatever_the_step_of_its_letters(name):
    """The third letter comes before the second, third and fourth word: three neighbours in time, and no steps of a
    loop."""
    content = sheet(record(LONG[name](12)))
    loops = {}
    for vertex, loop in content.timeline.loop_of.items():
        loops.setdefault(loop, {}).setdefault(content.record.vertices[vertex].step, set()).add(
            content.record.vertices[vertex].block
        )
    assert all(len(blocks) == 1 for steps in loops.values() for blocks in steps.values())
    lengths = sorted(len(steps) for steps in loops.values())
    assert lengths[-1] == (12 if "lengths" not in name else 4)
    assert len(lengths) == 12 + ("lengths" not in name)
    assert set(lengths[:-1]) <= {2, 3, 4}


def test_steps_that_are_asked_for_are_drawn_and_loops_that_are_detached_at_each_step_are_no_repetition():
    svg = ts.viz.graph(LONG["thirty steps of detached_at_every_step"](), steps=range(10, 20)).svg()
    assert re.findall(r">(t = \d+)</text>", svg) == [f"t = {t}" for t in range(10, 20)]


def test_phases_that_are_left_out_are_one_gap_with_a_line_through_it():
    content = sheet(record(LONG["parts_of_a_sequence"]()))
    (mark,) = (box for box in content.boxes if box.slot == "left out")
    before = [arrow.tail.column for arrow in content.arrows if arrow.head is mark]
    after = [arrow.head.column for arrow in content.arrows if arrow.tail is mark]
    assert [(column.phase, column.step) for column in before] == [(2, FEW - 1)]
    assert [(column.phase, column.step) for column in after] == [(MANY - 1, 0)]
