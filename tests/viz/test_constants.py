"""Constants in labels: negative ones as they are written, and in a folded loop only those that hold at every step."""

import re

import numpy as np
import pytest
from zoo import ZOO

import tinyseq as ts
from tinyseq.structure.record import record
from tinyseq.viz.computation.labels import SheetLabels
from tinyseq.viz.computation.names import combined, power
from tinyseq.viz.content.unrolled import sheet

USES = {
    "h + c": lambda h, c: h + c,
    "c + h": lambda h, c: c + h,
    "h - c": lambda h, c: h - c,
    "c - h": lambda h, c: c - h,
    "h * c": lambda h, c: h * c,
    "c * h": lambda h, c: c * h,
    "h / c": lambda h, c: h / c,
    "c / h": lambda h, c: c / h,
    "h ** c": lambda h, c: h**c,
    "c ** h": lambda h, c: abs(c) ** h,
    "c * sum": lambda h, c: c * ts.sum(h),
    "sum / c": lambda h, c: ts.sum(h) / c,
    "c / sum": lambda h, c: c / ts.sum(h),
}
WRITTEN = {  # of c = -2
    "h + c": "− 2",
    "c + h": "−2 + ·",
    "h - c": "+ 2",
    "c - h": "−2 − ·",
    "h * c": "× (−2)",
    "c * h": "−2 × ·",
    "h / c": "÷ (−2)",
    "c / h": "−2 ÷ ·",
    "h ** c": "( · )⁻²",
    "c ** h": "2^( · )",
    "c * sum": "−2 × sum",
    "sum / c": "−0.5 × sum",
    "c / sum": "−2 ÷ ·",
}


def loop(use, constants):
    w, h, losses = ts.tensor(np.full((2, 2), 0.5), requires_grad=True), ts.ones(2, 1), []
    for t, constant in enumerate(constants):
        with ts.step(t):
            h = ts.tanh(w @ h)
            losses.append(ts.sum(ts.cos(use(h, constant))))
    return record(sum(losses))


def texts(found, fold=False):
    content = sheet(found, fold=fold)
    labels = SheetLabels(content)
    return {box: labels.lines(box)[0].text for box in content.boxes if box.kind in {"op", "state", "result"}}


def uses(found, fold=False):
    """The label of the use of the constant in each column."""
    return [text for text in texts(found, fold).values() if not re.match(r"θ₀|tanh|cos|sum$", text)]


@pytest.mark.parametrize("wrap", [float, np.float64, ts.tensor, lambda c: np.full((1, 1), c)])
@pytest.mark.parametrize("use", USES)
def test_a_negative_constant_is_written_as_in_mathematics(use, wrap):
    constants = [-2.0] * 3
    assert uses(loop(lambda h, c: USES[use](h, wrap(c)), constants)) == [WRITTEN[use]] * 3


@pytest.mark.parametrize("use", USES)
def test_a_folded_loop_shows_a_number_only_if_it_holds_at_every_step(use):
    same, other = (loop(USES[use], constants) for constants in ([-2.0] * 3, [-2.0, 3.0, -2.5]))
    assert uses(same, fold=True) == [WRITTEN[use]]
    (found,) = uses(other, fold=True)
    assert not re.search(r"\d|[⁰-⁹¹²³]", found)
    assert "ₜ" in found or found == "sum, scaled"


@pytest.mark.parametrize("name", ZOO)
def test_every_number_in_a_folded_network_is_there_at_every_step(name):
    found = record(ZOO[name].loss())
    steps: dict = {}
    for box, text in texts(found).items():
        steps.setdefault(box.slot, []).append(set(re.findall(r"(?<![\w.])[\d.]+", text)))
    for box, text in texts(found, fold=True).items():
        constant = re.sub(r"t[+−]\d+", "t", text)
        for number in set(re.findall(r"(?<![\w.])[\d.]+", constant)) if box.column else ():
            assert all(number in numbers for numbers in steps[box.slot]), text


def test_the_part_of_a_value_that_differs_by_step_is_named_by_the_step_or_elided():
    for index, wanted in ((lambda t: t, "[t]"), (lambda t: 2 - t, "[…]"), (lambda t: 1, "[1]")):
        w, h = ts.tensor(np.eye(3), requires_grad=True), ts.ones(3)
        for t in range(3):
            with ts.step(t):
                h = ts.sigmoid(w @ h)[index(t)] * ts.tanh(w @ h)
        content = sheet(record(h.sum()), fold=True)
        assert {SheetLabels(content).part(arrow) for arrow in content.arrows} - {""} == {wanted}


def test_an_array_that_scales_a_sum_is_no_number_and_no_error():
    mask = np.array([1.0, -1.0])
    found = loop(lambda h, c: ts.sum(h * ts.ones(1, 2), axis=0) * mask, [1.0, 1.0])
    assert "sum, scaled" in uses(found)


def test_operators_keep_their_dots():
    assert combined("−", ["·", "−1", "2"]) == "· + 1 − 2"
    assert combined("÷", ["−1", "−2"]) == "−1 ÷ (−2)"
    assert combined("+", ["yₜ", "·"]) == "yₜ + ·"
    assert power("−2", "·") == "(−2)^( · )"
    assert [power("·", text) for text in ("10", "−0.5", "kₜ")] == ["( · )¹⁰", "( · )^−0.5", "( · )^kₜ"]


KEEPING_RESULTS = {
    "sqrt": ts.sqrt,
    "exp": ts.exp,
    "tanh": ts.tanh,
    "sigmoid": ts.sigmoid,
    "a division": lambda x: x / 4,
}


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("name", KEEPING_RESULTS)
def test_a_small_constant_is_written_at_every_step(name, fold):
    w, h = ts.tensor(np.full((2, 2), 0.5), requires_grad=True), ts.ones(2, 1)
    for t in range(3):
        with ts.step(t):
            h = KEEPING_RESULTS[name](ts.square(0.1 * (w @ h)) + 1e-5)
    assert [text for text in texts(record(h.sum()), fold).values() if "+" in text] == ["+ 1e-5"] * (1 if fold else 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", KEEPING_RESULTS)
def test_a_constant_is_known_whatever_is_made_of_the_result(name, dtype):
    told = set()
    for size in (0.5, 1, 3, 6, 9, 12, 15, 20, 40, 80, 300):
        w = ts.tensor(np.full((1, 1), size, dtype), requires_grad=True)
        with ts.step(0), np.errstate(over="ignore"):
            y = KEEPING_RESULTS[name](w @ np.ones((1, 1), dtype) + 0.25)
        told.add(*[text for text in texts(record(y.sum())).values() if text.startswith("+ ")])
    assert told == {"+ 0.25"}


def test_the_sum_of_a_single_loss_is_a_sum():
    w, losses = ts.tensor(np.full((2, 2), 0.5), requires_grad=True), []
    with ts.step(0):
        losses.append(ts.sum(ts.tanh(w @ ts.ones(2, 1))))
    assert [*texts(record(sum(losses) / len(losses))).values()][-2:] == ["sum", "÷ 1"]


def test_a_zero_that_is_added_elsewhere_is_seen():
    w = ts.tensor(np.full((2, 2), 0.5), requires_grad=True)
    with ts.step(0):
        h = ts.tanh(0.0 + w @ ts.ones(2, 1))
    assert "0 + ·" in texts(record(h.sum())).values()
