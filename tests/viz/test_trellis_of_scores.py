"""Trellises of scores that are no probabilities: conditional random fields, and other chains of scores."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_trellis import cells, edges

import tinyseq as ts
from tinyseq.hmm import HMM
from tinyseq.viz import automaton, trellis
from tinyseq.viz.hmm.lattice import lattice


def drawn(crf, scores, **settings):
    """The words in each cell, all words, and the text of the drawing."""
    drawing = trellis(crf, scores, **settings)
    return cells(drawing.dot), re.findall(r"<text[^>]*>([^<]*)<", drawing.svg()), drawing


def field(tags=3, forbidden=((0, 1),)):
    ts.manual_seed(3)
    return ts.nn.CRF(tags, forbidden=forbidden, dtype="float64")


SCORES = np.random.default_rng(1).normal(size=(4, 3)).round(2)


def numbers_of(text):
    return [float(number.replace("−∞", "-inf")) for number in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?|−∞", text)]


@pytest.mark.parametrize("given", [SCORES, SCORES.tolist(), ts.tensor(SCORES, requires_grad=True)], ids=str)
def test_the_best_path_of_a_crf_and_its_score_are_those_of_decode(given):
    crf = field()
    _, words, drawing = drawn(crf, given)
    path = crf.decode(given)
    whole = ts.hmm.log_partition(crf.tables()[0], crf.tables()[1], ts.tensor(SCORES), crf.tables()[2]).item()
    score = crf.log_likelihood(given, path).item() + whole
    assert f"best path: {' → '.join(map(str, path))}, score {score:.6g}" in words
    assert [head for _, head in edges(drawing.dot, "class=path")] == [f"t{t + 1}_s{path[t]}" for t in range(1, 4)]
    assert not any(re.search(r"\bP\(|probability", word) for word in words)


def test_the_sum_over_all_paths_of_a_crf_is_its_partition_and_shades_are_its_marginals():
    crf = field()
    found, words, _ = drawn(crf, SCORES, semiring="log", posterior=True)
    tables = crf.tables()
    whole = ts.hmm.log_partition(tables[0], tables[1], ts.tensor(SCORES), tables[2]).item()
    assert f"sum over all paths: ln Z {whole:.6g}" in words
    shades = [[float(found[f"t{t + 1}_s{s}"][-1]) for s in range(3)] for t in range(4)]
    np.testing.assert_allclose(shades, crf.marginals(SCORES), rtol=5e-3)  # as written, with three digits


def test_every_number_of_a_crf_stands_where_its_formula_says():
    crf = field()
    found, words, drawing = drawn(crf, SCORES)
    for t, s in itertools.product(range(4), range(3)):
        assert " ".join(found[f"t{t + 1}_s{s}"]).endswith(f"emission[{t + 1}, {s}] = {SCORES[t, s]:.4g}")
    assert not {f"t{t}_s0" for t in (1, 2, 3)} & {tail for tail, head in edges(drawing.dot) if head.endswith("s1")}
    assert "score(s, t) = emission[t, s] + max over s′ of (score(s′, t − 1) + transition[s′, s])" in words
    tips = dict(re.findall(r"transition\[(\d, \d)\] = ([-\d.e]+)", drawing.svg()))
    transition = crf.transition.numpy()
    wanted = {f"{a}, {b}": f"{transition[a, b]:.4g}" for a, b in np.ndindex(3, 3) if (a, b) != (0, 1)}
    assert {arc: float(shown) for arc, shown in tips.items()} == pytest.approx(
        {arc: float(shown) for arc, shown in wanted.items()}, rel=1e-3
    )


@pytest.mark.parametrize("semiring", ["max", "log"])
def test_what_is_said_of_a_cell_of_scores_is_an_equation_that_holds(semiring):
    crf = field()
    (forward, *_) = trellis(crf, SCORES, semiring=semiring)._tell()[1]["acts"]
    for event in forward["events"][:-1]:
        *_, numbers, score = event["text"].split(" = ")
        if "[" in numbers:
            first, terms = numbers.split(" + ln Σ exp [")
            ways = [sum(numbers_of(term)) for term in terms.rstrip("]").split(";")]
            value = float(first) + np.logaddexp.reduce(ways)
        else:
            value = sum(numbers_of(numbers))
        assert value == pytest.approx(float(score.replace("−∞", "-inf")), abs=2e-3)
    last = forward["events"][-1]["text"]
    assert last.startswith("best end: max over s of score(s, 4) + end[s] =" if semiring == "max" else "ln Z = ln Σ exp")


@given(n=st.integers(2, 3), states=st.integers(1, 3), steps=st.integers(1, 4), seed=st.integers(0, 1000))
def test_the_lattice_of_any_chain_of_scores_is_that_of_enumeration(n, states, steps, seed):
    rng = np.random.default_rng(seed)
    tables = [rng.normal(size=(states,) * (i + 1)) for i in range(n)]
    scores, end = rng.normal(size=(steps, states)), rng.normal(size=states)
    model = HMM.from_logs(tuple(tables[:-1]) if n > 2 else tables[0], tables[-1], None, end=end)
    totals = []
    for path in itertools.product(range(states), repeat=steps):
        totals.append(end[path[-1]])
        for t, state in enumerate(path):
            history = path[max(t - n + 1, 0) : t]
            totals[-1] += tables[len(history)][(*history, state)] + scores[t, state]
    for semiring, total in (("max", max(totals)), ("log", np.logaddexp.reduce(totals))):
        grid = lattice(model, scores, semiring)
        assert grid.total == pytest.approx(total, abs=1e-9)
        assert grid.kind == "score"


def test_names_of_labels_are_drawn_by_way_of_a_model_of_scores():
    crf = field(2, [])
    start, transition, end = (table.detach() for table in crf.tables())
    named = HMM.from_logs(start, transition, None, end=end, states=["O", "NAME"])
    found, words, _ = drawn(named, SCORES[:, :2])
    assert found["t1_s1"][0] == "NAME"
    path = ["O" if tag == 0 else "NAME" for tag in crf.decode(SCORES[:, :2])]
    assert any(word.startswith(f"best path: {' → '.join(path)}, score ") for word in words)


def test_probabilities_in_logs_are_probabilities():
    model = HMM.from_logs(np.log([0.5, 0.5]), np.log([[0.9, 0.1], [0.2, 0.8]]), np.log([[0.5, 0.5], [0.1, 0.9]]))
    assert "P(1 | 0)" in trellis(model, [1, 0]).svg()
    model = HMM(*(np.float32(t) for t in ([0.3, 0.7], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]])))
    assert "P(1 | 0)" in trellis(model, [1, 0]).svg()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: trellis(field(), np.zeros((4, 2, 3))), ValueError, r"scores\[:, 0\] are those of the first"),
        (lambda: trellis(field(), SCORES[:, :2]), ValueError, r"must have shape \(T, 3\), got \(4, 2\)"),
        (lambda: trellis(field(), "abc"), TypeError, "x must be a tensor or an array of numbers"),
        (lambda: trellis(field(), SCORES * np.nan), ValueError, "must be finite or -inf"),
        (lambda: trellis(field(), SCORES[:0]), ValueError, "the sequence is empty"),
        (lambda: automaton(field()), TypeError, r"got CRF; ts.viz.trellis\(crf, scores\) draws a CRF"),
    ],
)
def test_what_cannot_be_drawn_of_a_crf_says_why(call, error, message):
    with pytest.raises(error, match=message):
        call()
