"""Trellises and automata, against the lectures' numbers and against enumeration."""

import itertools
import math
import re

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.hmm import HMM, Gaussian
from tinyseq.viz import automaton, defaults, trellis
from tinyseq.viz.hmm.lattice import lattice, posteriors
from tinyseq.viz.rendering.style import ACCENT, INK, STRUT

SENTENCE = ["I", "like", "cats"]


def cells(dot):
    """The words in each cell of a trellis."""
    labels = dict(re.findall(r"^\t+(t\d+_s\d+) \[label=<(.*?)> class", dot, re.MULTILINE))
    return {name: re.sub(r"<[^>]*>", " ", label.replace(STRUT, "")).split() for name, label in labels.items()}


def edges(dot, kind=""):
    return re.findall(rf"^\t(t\d+_s\d+) -> (t\d+_s\d+) \[.*{kind}", dot, re.MULTILINE)


def test_the_lectures_columns_are_printed_as_the_lectures_print_them(cats):
    found = cells(trellis(cats, SENTENCE).dot)
    scores = [[found[f"t{t}_s{s}"][1] for s in range(3)] for t in (1, 2, 3)]
    assert scores == [["0.02", "0.02", "0.28"], ["0.0168", "0.0448", "0.0168"], ["0.012544", "0.001792", "0.002688"]]


def test_the_best_path_is_bold_and_named(cats):
    dot = trellis(cats, SENTENCE).dot
    assert edges(dot, "class=path") == [("t1_s2", "t2_s1"), ("t2_s1", "t3_s0")]
    assert "Z → Y → X, probability 0.012544" in dot
    assert re.findall(r"^\t(t\d_s\d) \[.*class=best", dot, re.MULTILINE) == ["t1_s2", "t2_s1", "t3_s0"]


def test_the_log_semiring_shows_forward_scores_and_their_sum(cats):
    dot = trellis(cats, SENTENCE, semiring="log").dot
    forward = np.array([0.02, 0.02, 0.28])
    for emission in ([0.1, 0.8, 0.3], [0.7, 0.1, 0.3]):
        forward = forward @ cats.transition * emission
    assert [cells(dot)[f"t3_s{s}"][1] for s in range(3)] == [f"{value:.6g}" for value in forward]
    assert f"probability {forward.sum():.6g}" in dot


def test_the_k_best_paths_are_those_of_enumeration(cats):
    def score(path):
        total = cats.initial[path[0]] * cats.emission[path[0], 0]
        for t in (1, 2):
            total *= cats.transition[path[t - 1], path[t]] * cats.emission[path[t], t]
        return total

    best = sorted(itertools.product(range(3), repeat=3), key=score, reverse=True)[:4]
    dot = trellis(cats, SENTENCE, k=4).dot
    for path in best:
        assert f"{' → '.join('XYZ'[state] for state in path)}, probability {score(path):.6g}" in dot


def test_posteriors_are_written_and_sum_to_one(cats):
    found = cells(trellis(cats, SENTENCE, posterior=True).dot)
    for t in (1, 2, 3):
        assert sum(float(found[f"t{t}_s{s}"][-1]) for s in range(3)) == pytest.approx(1.0, abs=2e-3)


def test_impossible_arcs_are_left_out_and_impossible_cells_are_zero():
    hmm = HMM([1.0, 0.0], [[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.5, 0.5]], symbols="ab")
    dot = trellis(hmm, "aab").dot
    assert cells(dot)["t1_s1"][1] == "0"
    assert ("t1_s1", "t2_s0") not in edges(dot)
    assert ("t1_s0", "t2_s1") in edges(dot)


def test_posteriors_of_a_model_of_tensors_are_those_of_its_values(cats):
    tables = (np.log(part) for part in (cats.initial, cats.transition, cats.emission))
    learner = HMM.from_logs(*(ts.tensor(part, requires_grad=True) for part in tables), symbols=cats.symbols)
    assert cells(trellis(learner, SENTENCE, posterior=True).dot).keys() == cells(trellis(cats, SENTENCE).dot).keys()
    grids = [lattice(model, SENTENCE, "log") for model in (learner, cats)]
    found = [[*posteriors(m, SENTENCE, grid).values()] for m, grid in zip((learner, cats), grids, strict=True)]
    np.testing.assert_allclose(*found)


def test_densities_are_not_called_probabilities():
    model = HMM([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]], Gaussian([0.0, 5.0], [0.001, 0.001]))
    density = np.exp(model.viterbi([0.0, 5.0]).log_prob)
    assert density > 1
    for semiring in ("max", "log"):
        drawing = trellis(model, [0.0, 5.0], semiring=semiring)
        assert f"density {density:.6g}" in drawing.dot
        assert "probability" not in drawing.dot
        assert "p(0 | 0) = 12.6" in drawing.dot
        assert "P(0 | 0) = 12.6" not in str(drawing._tell()[1])


def test_small_probabilities_are_shown_as_logs(cats):
    dot = trellis(cats, SENTENCE * 6).dot
    assert "natural logs" in dot
    assert float(cells(dot)["t1_s2"][1]) == pytest.approx(math.log(0.28), abs=1e-3)


def worth(words):
    """The number that a side of an equation comes to."""
    if " + ln" in words or words.startswith("ln "):  # in logs; the last of all, so that what is in brackets goes first
        words = re.sub(
            r"ln Σ exp \[(.*)\]", lambda m: str(np.logaddexp.reduce([worth(w) for w in m[1].split(";")])), words
        )
        words = re.sub(r"ln ([\d.e-]+)", lambda m: str(math.log(float(m[1]))) if float(m[1]) else "-inf", words)
    return eval(words.replace("·", "*").replace("−∞", "-inf").replace("inf", "math.inf"))


@pytest.mark.parametrize("length", [3, 12])  # the second in logs
@pytest.mark.parametrize("semiring", ["max", "log"])
def test_what_is_said_of_a_cell_is_an_equation_that_holds(semiring, length, cats):
    words = (SENTENCE * 4)[:length]
    grid = lattice(cats, words, semiring)
    (forward, *_) = trellis(cats, words, semiring=semiring)._tell()[1]["acts"]
    logs = 0
    for event, cell in zip(forward["events"], grid.cells, strict=False):
        _, _, numbers, score = event["text"].split(" = ")
        assert event["boxes"] == [f"t{cell.t + 1}_s{cell.row}"]
        logs += "ln" in numbers
        value = math.exp(worth(numbers)) if "ln" in numbers else worth(numbers)
        assert value == pytest.approx(math.exp(cell.score), rel=0.01)
        assert float(score.replace("−∞", "-inf")) == pytest.approx(worth(numbers), rel=0.01)
    assert logs == (3 * length if length == 12 else 0)
    last = forward["events"][-1]["text"]
    assert ("ln P(I like cats" in last or "best end" in last) if logs else "ln" not in last


def test_scores_beyond_all_bounds_are_shown_as_they_are():
    hmm = HMM.from_logs([800.0, 0.0], [[0.0, -3.0], [1.0, 2.0]], [[0.0, -np.inf], [1.0, 1.0]], symbols="ab")
    dot = trellis(hmm, "aa").dot
    assert cells(dot)["t1_s0"][:2] == ["0", "800"]
    assert "0 → 0, score 800" in dot
    (forward, *_) = trellis(hmm, "aa")._tell()[1]["acts"]
    assert forward["events"][0]["text"] == "score(0, 1) = emission[1, 0] + start[0] = 0 + 800 = 800"


def test_scores_of_another_model_are_numbered():
    hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], None)
    found = cells(trellis(hmm, np.log([[0.5, 0.5], [0.2, 0.8]])).dot)
    assert " ".join(found["t2_s1"]) == "1 0.18 P(o2 | 1) = 0.8"  # 0.5 x 0.5 x 0.9 x 0.8


@pytest.mark.renders
def test_arcs_that_are_not_kept_let_those_below_them_through(cats):
    svg = trellis(cats, SENTENCE).svg()
    assert 0.2 < float(re.search(r'stroke-opacity="([\d.]+)"', svg)[1]) < 0.3
    assert svg.count("stroke-opacity") >= 2 * (18 - 6)  # of the 18 arcs each cell keeps one


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
    last = np.array([cell.score for cell in lattice(hmm, x, semiring).columns[-1]])
    total = hmm.viterbi(x).log_prob if semiring == "max" else hmm.log_likelihood(x)
    assert (last.max() if semiring == "max" else np.logaddexp.reduce(last)) == pytest.approx(total)
    for cell in (cell for column in lattice(hmm, x, "log").columns[1:] for cell in column):
        assert sum(cell.share(tail) for tail in cell.before) == pytest.approx(1.0)


def test_missing_observations_are_named(cats):
    assert "(missing)" in trellis(cats, ["I", None, "cats"]).dot


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
def test_what_cannot_be_drawn_is_a_clear_error(cats, arguments, message):
    with pytest.raises(ValueError, match=message):
        trellis(cats, **arguments)


# -- longer n-grams -------------------------------------------------------------------------------------------------


def n_gram(order, states=2, symbols=2, end=False, names=(None, None)):
    """A random model."""
    rng = np.random.default_rng(0)
    stop = 0.2 * rng.random(states) if end else np.zeros(states)
    tables = [rng.dirichlet(np.ones(states), (states,) * i) for i in range(order)]
    tables = [tables[0], *(table * (1 - stop)[:, None] for table in tables[1:])]
    initial = tuple(tables[:-1]) if order > 2 else tables[0]
    emission = rng.dirichlet(np.ones(symbols), states)
    return HMM(initial, tables[-1], emission, end=stop if end else None, states=names[0], symbols=names[1])


def prefixes(hmm, x):
    """The probability of each path's first states with their observations."""
    tables = [*(hmm.initial if hmm.n > 2 else [hmm.initial]), hmm.transition]
    found = {}
    for length in range(1, len(x) + 1):
        for path in itertools.product(range(len(hmm.states)), repeat=length):
            found[path] = 1.0
            for t, state in enumerate(path):
                history = path[max(t - hmm.n + 1, 0) : t]
                found[path] *= tables[len(history)][(*history, state)] * hmm.emission[state, x[t]]
    return found


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("semiring", ["max", "log"])
def test_a_cell_joins_all_paths_that_end_in_its_history(order, semiring):
    hmm, x = n_gram(order, states=3 if order < 4 else 2), [0, 1, 1, 0, 1]
    every = prefixes(hmm, x)
    grid = lattice(hmm, x, semiring)
    for t, column in enumerate(grid.columns):
        assert len(column) == len(hmm.states) ** min(t + 1, order - 1)
        for cell in column:
            values = [
                p for path, p in every.items() if len(path) == t + 1 and path[-len(cell.history) :] == cell.history
            ]
            joined = max(values) if semiring == "max" else sum(values)
            assert math.exp(cell.score) == pytest.approx(joined, rel=1e-12)
    total = hmm.viterbi(x).log_prob if semiring == "max" else hmm.log_likelihood(x)
    assert grid.total == pytest.approx(total, rel=1e-12)
    for head in (cell for cell in grid.cells if cell.t and math.isfinite(cell.score)):
        if semiring == "log":
            assert sum(head.share(tail) for tail in head.before) == pytest.approx(1.0)
        else:
            assert (*head.best.history, head.history[-1])[-len(head.history) :] == head.history


def test_a_trigram_trellis_has_pairs_and_its_best_path_is_viterbis():
    hmm = n_gram(3, end=True, names=("AB", "xy"))
    dot = trellis(hmm, "xyyx", k=2).dot
    found = cells(dot)
    assert [found[name][0] for name in ("t1_s1", "t1_s3")] == ["A", "B"]
    assert [" ".join(found[f"t3_s{row}"][:2]) for row in range(4)] == ["A A", "B A", "A B", "B B"]
    best = hmm.viterbi("xyyx").path
    rows = [["A", "B"].index(new) * 2 + ["A", "B"].index(old) for old, new in itertools.pairwise(best)]
    marked = edges(dot, 'class="?path')
    for t, (tail, head) in enumerate(itertools.pairwise(rows), 2):
        assert (f"t{t}_s{tail}", f"t{t + 1}_s{head}") in marked
    assert f"{' → '.join(best)}, probability" in dot
    assert len(edges(dot)) == 4 + 2 * 8 + len(marked)  # each history grows into two


def test_posteriors_of_histories_are_those_of_the_model():
    hmm, x = n_gram(3, states=3), [0, 1, 0, 1]
    grid = lattice(hmm, x, "max")
    found = posteriors(hmm, x, grid)
    states = hmm.posterior(x).states
    triples = hmm.posterior(x).transitions
    for t, column in enumerate(grid.columns):
        assert sum(found[cell] for cell in column) == pytest.approx(1.0)
        for state in range(3):
            assert sum(found[cell] for cell in column if cell.history[-1] == state) == pytest.approx(states[t, state])
    for cell in grid.columns[3]:
        assert found[cell] == pytest.approx(triples[-1].sum(axis=0)[cell.history])
    assert "posterior" in trellis(hmm, x, posterior=True).dot


def test_of_many_histories_those_that_matter_are_drawn():
    hmm, x = n_gram(3, states=12, symbols=3), [0, 1, 2, 0]
    drawing = trellis(hmm, x, k=3)
    grid = lattice(hmm, x, "max", [found.path.tolist() for found in hmm.kbest(x, 3)])
    assert grid.rows + grid.left_out == 144
    assert grid.rows < 30
    assert "of 144 histories are drawn" in drawing.dot
    for found in hmm.kbest(x, 3):
        assert " → ".join(map(str, found.path)) in drawing.dot
    whole = lattice(hmm, x, "log", most_rows=144)
    part = lattice(hmm, x, "log")
    assert part.total == whole.total
    every = {(cell.t, cell.history): cell for cell in whole.cells}
    for cell in part.cells:
        same = every[cell.t, cell.history]
        assert cell.score == same.score
        for tail in cell.before:  # a share is that of the whole sum, not of what is drawn
            assert cell.share(tail) == pytest.approx(same.share(every[tail.t, tail.history]), rel=1e-9)
    part, whole = lattice(hmm, x, "max"), lattice(hmm, x, "max", most_rows=144)
    every = {cell.history: cell for cell in whole.columns[-1]}
    drawn = {cell.history for cell in part.columns[-2]}
    for cell in part.columns[-1]:
        best = every[cell.history].best.history
        assert (cell.best and cell.best.history) == (best if best in drawn else None)


def test_histories_that_are_impossible_at_every_step_are_left_out_and_counted():
    tagged = [[("the", "DT"), ("old", "JJ"), ("cat", "NN")], [("the", "DT"), ("cat", "NN"), ("runs", "VB")]]
    hmm = HMM.from_labelled(tagged, n=3)
    grid = lattice(hmm, ["the", "old", "cat"], "max", [hmm.states.ids(["DT", "JJ", "NN"])])
    histories = {cell.history for cell in grid.cells}
    assert {tuple(hmm.states[state] for state in history) for history in histories if len(history) == 2} == {
        ("DT", "DT"),  # a home for the first step's DT
        ("DT", "JJ"),
        ("JJ", "NN"),
    }
    assert (grid.left_out, grid.impossible) == (0, 13)
    drawing = trellis(hmm, ["the", "old", "cat"])
    assert "3 of 16 histories are drawn; 13 are impossible at every step" in drawing.dot


def test_of_paths_that_share_an_arc_the_best_covers_it_and_others_lie_beside_it(cats):
    dot = trellis(cats, SENTENCE, k=3).dot
    starts = [re.search(r'pos="e,\S+ (\S+) ', line)[1] for line in dot.splitlines() if "\tt1_s2 -> t2_s1 [" in line]
    assert len(starts) == 3  # the arc, and two of the paths Z Y X, Z Z X and Z Y Z
    assert len(set(starts)) == 2
    assert re.search(r"^\tstart -> t1_s2 \[.*class=path", dot, re.MULTILINE)


def test_a_sequence_shorter_than_a_history_can_be_drawn():
    hmm = n_gram(4, names=("AB", "xy"))
    assert "best path: " in trellis(hmm, "x", posterior=True).dot
    assert "best path: " in trellis(hmm, "xy", posterior=True).dot


def test_transitions_that_change_with_time_are_drawn_where_they_lead():
    rng = np.random.default_rng(0)
    transition = rng.dirichlet(np.ones(2), (2, 2, 2))
    hmm = HMM(([0.5, 0.5], [[0.5, 0.5]] * 2), transition, np.eye(2) * 0.5 + 0.25)
    grid = lattice(hmm, [0, 1, 1, 0], "log")
    assert grid.total == pytest.approx(hmm.log_likelihood([0, 1, 1, 0]))
    for t in (1, 2):
        for tail, head in itertools.product(grid.columns[t], grid.columns[t + 1]):
            old, new = tail.history, head.history
            wanted = transition[t - 1][(*old, new[-1])] if new[0] == old[1] else 0.0
            assert math.exp(head.before.get(tail, -math.inf)) == pytest.approx(wanted)


def test_an_automaton_of_a_trigram_model_is_refused():
    with pytest.raises(ValueError, match="n = 2"):
        automaton(n_gram(3))


@pytest.mark.renders
def test_names_of_states_and_symbols_cannot_break_a_trellis_or_an_automaton():
    names = ["<script>alert(1)</script>", 'a&b\n"c"\\N']
    hmm = HMM([0.5, 0.5], [[0.5, 0.5]] * 2, [[0.5, 0.5]] * 2, states=names, symbols=names)
    for drawing in (trellis(hmm, names, k=2, posterior=True), automaton(hmm)):
        assert "<script" not in drawing.svg()


@pytest.mark.renders
def test_a_name_that_cannot_be_seen_has_a_sign():
    hmm = HMM([0.5, 0.5], [[0.5, 0.5]] * 2, [[0.5, 0.5]] * 2, states=["", " "], symbols=["", "a"])
    for drawing in (trellis(hmm, ["", "a"]), automaton(hmm)):
        assert drawing.svg().count(">␣<") >= 2


@pytest.mark.renders
def test_names_that_are_written_from_the_right_do_not_turn_what_stands_between_them():
    """P(x | s) is read from the left, and so is a path: of two words, a viewer would show the last one first."""
    names = ["שלום", "עולם"]
    hmm = HMM([0.5, 0.5], [[0.5, 0.5]] * 2, [[0.5, 0.5]] * 2, states=names, symbols=names)
    for drawing in (trellis(hmm, names, k=2, posterior=True), automaton(hmm)):
        shown = re.findall(r">([^<>]*)</text>", drawing.svg())
        assert any("שלום" in text for text in shown)
        for text in shown:
            assert not re.search(r"[א-ת][^א-ת\u200e]+[א-ת]", text), text


def test_an_automaton_has_an_arc_for_each_possible_transition(cats):
    dot = automaton(cats).dot
    arcs = re.findall(r"^\t(s\d) -> (s\d) ", dot, re.MULTILINE)
    assert sorted(arcs) == sorted((f"s{i}", f"s{j}") for i in range(3) for j in range(3))
    assert dot.count("start") >= 3
    assert "cats 0.7" in dot


def test_of_equally_probable_transitions_no_more_are_drawn_than_of_others():
    model = HMM(np.full(16, 1 / 16), np.full((16, 16), 1 / 16), np.full((16, 2), 0.5))
    dot = automaton(model).dot
    assert len(re.findall(r"^\ts\d+ -> s\d+ \[", dot, re.MULTILINE)) == 48
    assert "the 48 most probable of 256 transitions are drawn, down to 0.0625" in dot


def test_of_many_transitions_of_an_automaton_the_most_probable_are_drawn_and_the_rest_is_told():
    transition = np.random.default_rng(0).dirichlet(np.full(12, 0.5), 12)
    hmm = HMM(np.full(12, 1 / 12), transition, np.full((12, 2), 0.5))
    dot = automaton(hmm).dot
    arcs = [(int(tail), int(head)) for tail, head in re.findall(r"^\ts(\d+) -> s(\d+) \[", dot, re.MULTILINE)]
    assert len(arcs) == 36
    drawn = np.zeros((12, 12), dtype=bool)
    drawn[tuple(np.transpose(arcs))] = True
    assert transition[drawn].min() > transition[~drawn].max()
    possible = (transition >= 5e-4).sum()
    assert f"the 36 most probable of {possible} transitions are drawn, down to {transition[drawn].min():.3g}" in dot


@pytest.mark.parametrize("count", [3, 6, 12])
def test_no_number_of_an_automaton_lies_on_a_state(count):
    transition = np.random.default_rng(count).dirichlet(np.full(count, 0.5), count)
    dot = automaton(HMM(np.full(count, 1 / count), transition, np.full((count, 6), 1 / 6), symbols="abcdef")).dot
    pattern = r'^\t(\w+) \[.*height=([\d.]+).*pos="([-\d.]+),([-\d.]+)".*width=([\d.]+)'
    found = {name: tuple(map(float, numbers)) for name, *numbers in re.findall(pattern, dot, re.MULTILINE)}
    states = [found[f"s{state}"] for state in range(count)]
    numbers = [place for name, place in found.items() if re.match(r"p_s\d+_s\d+$", name)]
    assert len(numbers) >= count
    for height, x, y, width in numbers:
        for tall, at_x, at_y, wide in states:
            assert abs(x - at_x) >= 36 * (width + wide) - 1 or abs(y - at_y) >= 36 * (height + tall) - 1


def test_an_automaton_leaves_out_what_is_impossible():
    dot = automaton(HMM([1.0, 0.0], [[0.0, 1.0], [1.0, 0.0]], [[1.0], [1.0]])).dot
    assert re.findall(r"^\t(s\d) -> (s\d) ", dot, re.MULTILINE) == [("s0", "s1"), ("s1", "s0")]


def test_the_same_model_gives_the_same_pictures(cats):
    assert trellis(cats, SENTENCE).dot == trellis(cats, SENTENCE).dot
    assert automaton(cats).dot == automaton(cats).dot


@pytest.mark.parametrize("length", [20, 50])
def test_a_long_trellis_goes_on_below_with_the_states_that_it_comes_from(cats, length):
    words = [SENTENCE[t % len(SENTENCE)] for t in range(length)]
    drawing = trellis(cats, words)
    width = float(re.search(r'viewBox="0 0 ([\d.]+)', drawing.svg())[1])
    assert width < 1400
    heads = re.findall(r"^\t(t\d+_s\d\w*) -> t(\d+)_s\d ", drawing.dot, re.MULTILINE)
    lines = {int(head) for tail, head in heads if tail.endswith("_again")}  # columns that begin a line
    assert len(lines) >= length // 20
    for tail, head in heads:
        assert tail.startswith(f"t{int(head) - 1}_")
        assert tail.endswith("_again") == (int(head) in lines)


def test_the_cells_of_a_long_trellis_leave_the_probabilities_of_observations_to_the_page(cats):
    words = [SENTENCE[t % len(SENTENCE)] for t in range(13)]
    short, long = trellis(cats, words[:12]), trellis(cats, words)
    given = f"P({words[0]} | "
    assert given in short.svg()
    assert given not in long.svg()
    assert given in trellis(cats, words, values=False).svg()  # where they are needed
    assert long.page().text.count(f'"{given}') == len(cats.states) * words.count(words[0])


def widths(drawing, name):
    """The widths and colours of the lines from or to a box that stands for no state."""
    paths = dict(zip(drawing_ends(drawing), re.findall(r'<path fill="none"([^>]*) d=', drawing.svg()), strict=True))
    return {ends: style for ends, style in paths.items() if name in ends}


def drawing_ends(drawing):
    """Tail, head and a count of each line, in the order of the picture."""
    lines = re.findall(r"^\t(\w+) -> (\w+) \[", drawing.dot, re.MULTILINE)
    return [(*line, lines[:i].count(line)) for i, line in enumerate(lines)]


def test_the_only_arrow_into_a_cell_is_dark_also_from_the_start(cats):
    for semiring in ("max", "log"):
        found = widths(trellis(cats, SENTENCE, semiring), "start")
        assert len(found) >= 3
        assert not any("opacity" in style for style in found.values())
    assert all("opacity" in style for style in widths(trellis(cats, SENTENCE, values=False), "start").values())


def test_an_arrow_to_the_stop_is_as_thick_as_its_share_and_dark_if_best():
    hmm = HMM([0.5, 0.5], [[0.6, 0.3], [0.2, 0.5]], [[0.5, 0.5], [0.1, 0.9]], end=[0.1, 0.3], symbols="ab")
    shares = hmm.posterior("ab").states[-1]
    found = widths(trellis(hmm, "ab", "log"), "stop")
    for state, share in enumerate(shares):
        assert f'stroke-width="{0.6 + 3.4 * share:g}"' in found[f"t2_s{state}", "stop", 0]
    best = widths(trellis(hmm, "ab"), "stop")
    assert sorted("opacity" in style for style in best.values()) == [
        False,
        False,
        True,
    ]  # the arc and the path; the loser


def test_the_paths_have_colours_of_their_own_and_their_words_are_in_ink(cats):
    drawing = trellis(cats, SENTENCE, k=7)
    colors = re.findall(r'fill="(#\w+)"[^>]*>→</text>', drawing.svg())
    assert len(colors) == 6
    assert len(set(colors[:5])) == 5
    assert ACCENT not in colors
    assert set(re.findall(r'fill="(#\w+)"[^>]*>number \d: ', drawing.svg())) == {INK}
    starts = {line[1]: style for line, style in widths(drawing, "start").items() if line[2]}  # beside the plain arc
    first = {path[0] for path in re.findall(r">number \d: (\w)", drawing.svg())}
    assert len(starts) == len(first | {"Z"})  # each path is seen from where it starts


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"candidates": True, "semiring": "log"}, "candidates=True needs the max semiring.*got semiring='log'"),
        ({"k": 3, "semiring": "log"}, "k=3 needs the max semiring"),
        ({"k": 3, "values": False}, "k=3 .* its values, got values=False"),
        ({"candidates": True, "values": False}, "candidates=True .* got values=False"),
    ],
)
def test_a_setting_that_would_change_nothing_is_refused(cats, settings, reason):
    with pytest.raises(ValueError, match=reason):
        trellis(cats, ["I", "like", "cats"], **settings)


@pytest.mark.parametrize("settings", [{"candidates": True}, {"k": 3}])
def test_blanks_that_everything_has_by_default_are_refused_where_values_are_needed_too(cats, settings):
    with defaults(values=False), pytest.raises(ValueError, match=r"got values=False from ts\.viz\.defaults"):
        trellis(cats, ["I", "like", "cats"], **settings)
    with defaults(values=False):
        assert trellis(cats, ["I", "like", "cats"], values=True, **settings).svg()


def test_the_model_comes_first(cats):
    with pytest.raises(TypeError, match=r"hmm must be a ts.hmm.HMM, got list; the model comes first"):
        trellis(["I", "like", "cats"], cats)
