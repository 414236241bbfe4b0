"""Where an automaton writes its probabilities, and where its arcs end."""

import math
from itertools import combinations

import numpy as np
import pytest
from geometry import faults
from zoo import model

import tinyseq as ts
from tinyseq.hmm import HMM, Categorical, Shared
from tinyseq.viz import automaton
from tinyseq.viz.hmm.automaton import _Painter
from tinyseq.viz.layout.curves import passes


@pytest.mark.parametrize("states", [2, 4, 6, 8, 10, 12])
def test_a_probability_hides_no_arc_but_its_own(states):
    for seed in range(3):
        hmm = model(states, seed=seed)
        painter = _Painter(hmm, np.asarray(hmm.transition), "", values=True)
        painter.painted()
        chips = [node for node in painter.canvas.nodes if node.name.startswith("p_")]
        arcs = {f"p_{edge.tail}_{edge.head}": edge.curve for edge in painter.canvas.edges}
        assert len(chips) == len(arcs)
        hidden = [
            (chip.name, name)
            for chip in chips
            for name, curve in arcs.items()
            if name != chip.name and passes(curve, chip.center, chip.size)
        ]
        assert len(hidden) <= len(chips) // 6, hidden  # where two arcs run side by side


@pytest.mark.parametrize("states", range(1, 13))
def test_arcs_end_apart_so_that_each_tip_belongs_to_one_line(states):
    close, pairs = 0, 0
    for seed in range(4):
        hmm = model(states, seed=seed)
        painter = _Painter(hmm, np.asarray(hmm.transition), "", values=True)
        ends = {f"s{state}": [] for state in range(states)}
        for edge in painter.painted().edges:
            for name, place in ((edge.tail, edge.curve[0]), (edge.head, edge.curve[-1])):
                if name in ends:
                    ends[name].append(place)
        distances = [math.dist(*pair) for places in ends.values() for pair in combinations(places, 2)]
        close, pairs = close + sum(distance < 4 for distance in distances), pairs + len(distances)
    assert pairs
    assert close <= (0 if states <= 5 else 4)  # an arc that would otherwise run through a state


@pytest.mark.parametrize("states", [5, 7, 9, 11])
def test_of_any_model_no_word_leaves_its_state_and_no_arc_runs_through_another(states):
    for seed in range(4):
        assert faults(automaton(model(states, seed=seed)).svg()) == []


@pytest.mark.parametrize("states", [13, 16, 20, 30])
def test_letters_of_many_states_can_be_read_and_nothing_lies_on_anything_else(states):
    assert faults(automaton(model(states)).svg()) == []


def test_an_automaton_whose_letters_are_small_says_how_they_would_be_larger():
    for count, small in ((30, False), (38, True)):
        svg = automaton(model(count), values=False).svg()
        assert ("shorter names of states, or fewer states" in svg) == small
        assert any("smallest letters" in fault for fault in faults(svg)) == small


def test_the_note_of_what_is_left_out_stands_right_below_the_lowest_part():
    hmm = model(12)
    canvas = _Painter(hmm, np.asarray(hmm.transition), "", values=True).painted()
    (note,) = (node for node in canvas.nodes if node.name == "note")
    canvas.nodes.remove(note)
    assert 0 < canvas.corners()[0].y - note.center.y < 20


@pytest.mark.parametrize("of", [[0, 1, 2, 0], [1, 1, 1, 1], [2, 0, 0, 1]])
def test_states_that_share_emissions_are_drawn_as_those_that_have_them(of):
    draw = np.random.default_rng(0)
    initial, transition, table = (draw.dirichlet(np.ones(n), m) for m, n in ((1, 4), (4, 4), (3, 2)))
    names = [("in", 1), ("in", 2), ("out", 1), "x"]
    emissions = (
        Shared(Shared(Categorical(table, symbols="ab"), [2, 1, 0]), of),
        Categorical(table[::-1][of], symbols="ab"),
    )
    one, other = (HMM(initial[0], transition, emission, states=names) for emission in emissions)
    assert ts.viz.automaton(one).svg() == ts.viz.automaton(other).svg()
    assert "(in, 2)" in ts.viz.automaton(one).svg()
    for x in ("abba", [0, 1, 1, 0]):
        assert ts.viz.trellis(one, x).svg() == ts.viz.trellis(other, x).svg()
