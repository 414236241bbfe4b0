"""Trellises and automata, against the lectures' numbers and against enumeration."""

import itertools
import math
import re

import numpy as np
import pytest

from tinyseq.hmm import HMM
from tinyseq.viz import automaton, trellis
from tinyseq.viz.lattice import lattice


@pytest.fixture
def lecture():
    """The worked example of the lectures, "I like cats"."""
    return HMM(
        initial=[0.1, 0.2, 0.7],
        transition=[[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.6, 0.2, 0.2]],
        emission=[[0.2, 0.1, 0.7], [0.1, 0.8, 0.1], [0.4, 0.3, 0.3]],
        states=["X", "Y", "Z"],
        symbols=["I", "like", "cats"],
    )


SENTENCE = ["I", "like", "cats"]


def cells(dot):
    """The words in each cell of a trellis."""
    labels = dict(re.findall(r"^\t+(t\d+_s\d+) \[label=<(.*?)> class", dot, re.MULTILINE))
    return {name: re.sub(r"<[^>]*>", " ", label).split() for name, label in labels.items()}


def edges(dot, kind=""):
    return re.findall(rf"^\t(t\d+_s\d+) -> (t\d+_s\d+) \[.*{kind}", dot, re.MULTILINE)


def test_the_lectures_columns_are_printed_as_the_lectures_print_them(lecture):
    found = cells(trellis(lecture, SENTENCE).dot)
    scores = [[found[f"t{t}_s{s}"][1] for s in range(3)] for t in (1, 2, 3)]
    assert scores == [["0.02", "0.02", "0.28"], ["0.0168", "0.0448", "0.0168"], ["0.012544", "0.001792", "0.002688"]]


def test_the_best_path_is_bold_and_named(lecture):
    dot = trellis(lecture, SENTENCE).dot
    assert edges(dot, "class=path") == [("t1_s2", "t2_s1"), ("t2_s1", "t3_s0")]
    assert "Z → Y → X, probability 0.012544" in dot
    assert re.findall(r"^\t(t\d_s\d) \[.*class=best", dot, re.MULTILINE) == ["t1_s2", "t2_s1", "t3_s0"]


def test_the_log_semiring_shows_forward_scores_and_their_sum(lecture):
    dot = trellis(lecture, SENTENCE, semiring="log").dot
    forward = np.array([0.02, 0.02, 0.28])
    for emission in ([0.1, 0.8, 0.3], [0.7, 0.1, 0.3]):
        forward = forward @ lecture.transition * emission
    assert [cells(dot)[f"t3_s{s}"][1] for s in range(3)] == [f"{value:.6g}" for value in forward]
    assert f"probability {forward.sum():.6g}" in dot


def test_the_k_best_paths_are_those_of_enumeration(lecture):
    def score(path):
        total = lecture.initial[path[0]] * lecture.emission[path[0], 0]
        for t in (1, 2):
            total *= lecture.transition[path[t - 1], path[t]] * lecture.emission[path[t], t]
        return total

    best = sorted(itertools.product(range(3), repeat=3), key=score, reverse=True)[:4]
    dot = trellis(lecture, SENTENCE, k=4).dot
    for path in best:
        assert f"{' → '.join('XYZ'[state] for state in path)}, probability {score(path):.6g}" in dot


def test_posteriors_are_written_and_sum_to_one(lecture):
    found = cells(trellis(lecture, SENTENCE, posterior=True).dot)
    for t in (1, 2, 3):
        assert sum(float(found[f"t{t}_s{s}"][-1]) for s in range(3)) == pytest.approx(1.0, abs=2e-3)


def test_impossible_arcs_are_left_out_and_impossible_cells_are_zero():
    hmm = HMM([1.0, 0.0], [[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.5, 0.5]], symbols="ab")
    dot = trellis(hmm, "aab").dot
    assert cells(dot)["t1_s1"][1] == "0"
    assert ("t1_s1", "t2_s0") not in edges(dot)
    assert ("t1_s0", "t2_s1") in edges(dot)


def test_small_probabilities_are_shown_as_logs(lecture):
    dot = trellis(lecture, SENTENCE * 6).dot
    assert "natural logs" in dot
    assert float(cells(dot)["t1_s2"][1]) == pytest.approx(math.log(0.28), abs=1e-3)


def test_an_end_distribution_is_drawn_and_counted():
    hmm = HMM([1.0, 0.0], [[0.4, 0.4], [0.0, 0.5]], [[1.0], [1.0]], end=[0.2, 0.5])
    dot = trellis(hmm, [0, 0]).dot
    assert "t2_s0 -> stop" in dot
    assert "0 → 1, probability 0.2" in dot  # 0.4 · 0.5 against 0.4 · 0.2


@pytest.mark.parametrize("semiring", ["max", "log"])
def test_the_lattice_is_that_of_the_model(semiring):
    rng = np.random.default_rng(3)
    hmm = HMM(rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(3), size=3), rng.dirichlet(np.ones(4), size=3))
    x = [0, 3, 1, 2, 2]
    last = lattice(hmm, x, semiring).scores[-1]
    total = hmm.viterbi(x).log_prob if semiring == "max" else hmm.log_likelihood(x)
    assert (last.max() if semiring == "max" else np.logaddexp.reduce(last)) == pytest.approx(total)
    np.testing.assert_allclose(lattice(hmm, x, "log").shares().sum(axis=1), 1.0)


def test_missing_observations_are_named(lecture):
    assert "(missing)" in trellis(lecture, ["I", None, "cats"]).dot


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": []}, "empty"),
        ({"x": SENTENCE, "semiring": "min"}, "semiring must be"),
        ({"x": [SENTENCE, SENTENCE]}, "one sequence"),
        ({"x": SENTENCE * 100}, r"900 cells.*x\[:200\]"),
        ({"x": ["dogs"]}, "dogs"),
    ],
)
def test_what_cannot_be_drawn_is_a_clear_error(lecture, arguments, message):
    with pytest.raises(ValueError, match=message):
        trellis(lecture, **arguments)


def test_a_trigram_model_is_refused():
    hmm = HMM(([0.5, 0.5], [[0.5, 0.5]] * 2), [[[0.5, 0.5]] * 2] * 2, [[1.0], [1.0]])
    with pytest.raises(ValueError, match="order 3"):
        trellis(hmm, [0, 0])
    with pytest.raises(ValueError, match="order 2"):
        automaton(hmm)


@pytest.mark.renders
def test_names_of_states_and_symbols_cannot_break_a_trellis_or_an_automaton():
    names = ["<script>alert(1)</script>", 'a&b\n"c"\\N']
    hmm = HMM([0.5, 0.5], [[0.5, 0.5]] * 2, [[0.5, 0.5]] * 2, states=names, symbols=names)
    for drawing in (trellis(hmm, names, k=2, posterior=True), automaton(hmm)):
        assert "<script" not in drawing.svg()


def test_an_automaton_has_an_arc_for_each_possible_transition(lecture):
    dot = automaton(lecture).dot
    arcs = re.findall(r"^\t(s\d) -> (s\d) ", dot, re.MULTILINE)
    assert sorted(arcs) == sorted((f"s{i}", f"s{j}") for i in range(3) for j in range(3))
    assert dot.count("start") >= 3
    assert "cats 0.7" in dot


def test_an_automaton_leaves_out_what_is_impossible():
    dot = automaton(HMM([1.0, 0.0], [[0.0, 1.0], [1.0, 0.0]], [[1.0], [1.0]])).dot
    assert re.findall(r"^\t(s\d) -> (s\d) ", dot, re.MULTILINE) == [("s0", "s1"), ("s1", "s0")]


def test_the_same_model_gives_the_same_pictures(lecture):
    assert trellis(lecture, SENTENCE).dot == trellis(lecture, SENTENCE).dot
    assert automaton(lecture).dot == automaton(lecture).dot
