"""Data whose gradient is asked for is drawn as data, and no line is drawn that carries nothing."""

import re

import numpy as np
import pytest
import zoo
from zoo import ZOO, data, weight

import tinyseq as ts
from tinyseq.structure.record import record
from tinyseq.viz.computation.labels import SheetLabels
from tinyseq.viz.content.flat import flat_sheet
from tinyseq.viz.content.unrolled import sheet
from tinyseq.viz.page.flows import Flows
from tinyseq.viz.page.story import details

# Where a leaf differs from an array: self-attention is computed from each of its rows apart; rows taken at places other
# than the step could be looked up in a table; and a matrix that never changes is a parameter.
TOLD_MORE = {"attention_before_the_loop", "tree_of_lstms", "window_over_time", "memory_of_constants"}


def with_gradients(*shape, seed=0):
    return ts.tensor(data(*shape, seed=seed).numpy(), requires_grad=True)


def titles(loss):
    """The kind, the column and the first line of every box."""
    content = sheet(record(loss))
    labels = SheetLabels(content)
    column = {box: str(box.column and box.column.name) for box in content.boxes}
    return sorted((b.kind, column[b], labels.lines(b)[0].text.removesuffix(" = 0")) for b in content.boxes)


@pytest.mark.parametrize("name", [name for name in ZOO if name not in TOLD_MORE])
def test_data_whose_gradient_is_asked_for_is_drawn_as_data(name, monkeypatch):
    drawn = titles(ZOO[name].loss())
    monkeypatch.setattr(zoo, "data", with_gradients)
    assert titles(ZOO[name].loss()) == drawn


@pytest.mark.parametrize("make", [data, with_gradients])
@pytest.mark.parametrize("name", ZOO)
def test_every_line_to_another_step_carries_a_gradient(name, make, monkeypatch):
    monkeypatch.setattr(zoo, "data", make)
    loss = ZOO[name].loss()
    content = sheet(record(loss))
    arriving = Flows(loss, content).arriving
    lines = [arrow for arrow in content.arrows if arrow.kind != "weight" and arrow.tail.vertices]
    for arrow in (arrow for arrow in lines if arrow.tail.column != arrow.head.column):
        assert np.any(arriving[arrow.tail][arrow.head]), arrow


@pytest.mark.parametrize("make", [data, with_gradients])
@pytest.mark.parametrize("seeds", [(0,), (0, 9)])
def test_an_array_of_its_own_at_each_step_is_one_input(make, seeds):
    w, u, h = weight(3, 2 * len(seeds), name="W"), weight(3, 3, name="U"), ts.zeros(3, 1)
    for t in range(3):
        with ts.step(t):
            h = ts.tanh(w @ ts.concatenate([make(2, 1, seed=seed + t) for seed in seeds]) + u @ h)
    names = {name for kind, _, name in titles(ts.sum(h)) if kind == "input"}
    assert names == {f"{x}{i}" for x in ("x", "x′")[: len(seeds)] for i in "₀₁₂"}


def test_the_network_of_the_book_has_one_box_for_each_number():
    """h_t = w h_{t-1} + x_t, with x as one leaf (it was drawn as a table in which each step looks something up)."""
    w, x, h = ts.tensor(2.0, requires_grad=True), ts.tensor([-1.0, -2.0, -3.0], requires_grad=True), ts.tensor(1.0)
    for t in range(3):
        with ts.step(t):
            h = w * h + x[t]
    drawn = titles(h * h)
    assert [name for kind, _, name in drawn if kind == "input"] == ["x₀", "x₁", "x₂"]
    assert not any("pick" in name for _, _, name in drawn)


def test_a_flat_drawing_shows_the_inputs_of_products_and_names_their_factors():
    table, w, words = weight(2, 5, name="E"), weight(3, 6, name="W"), np.eye(5)
    window = ts.concatenate([table @ words[0], table @ words[3], table @ words[0]])
    drawn = flat_titles(ts.tanh(w @ window + words[1][:3]).sum())
    assert drawn["input"] == ["x₁", "x₂"]
    assert {"E x₁", "E x₂", "[·; ·; ·]", "W ·"} <= {*drawn["op"]}
    assert drawn["op"].count("E x₁") == 2


@pytest.mark.parametrize("name", ["sum_of_losses", "concatenated", "two_sequences"])
def test_the_inputs_of_a_flat_drawing_have_the_numbers_of_their_steps(name):
    def in_steps(shown):
        return sorted(title for kind, _, title in shown if kind == "input")

    assert sorted(set(flat_titles(ZOO[name].loss())["input"]) - {"0"}) == in_steps(titles(ZOO[name].loss()))


def flat_titles(loss):
    """The first lines of the boxes of a flat drawing, by kind."""
    content = flat_sheet(record(loss))
    labels, found = SheetLabels(content), {}
    for box in content.boxes:
        found.setdefault(box.kind, []).append(labels.lines(box)[0].text)
    return found


@pytest.mark.parametrize("name", ["nested_loops", *sorted(TOLD_MORE)])
def test_a_page_of_data_whose_gradient_is_asked_for_can_be_made(name, monkeypatch):
    """Parts of a leaf that are inputs of their own have no place to send their gradients to."""
    monkeypatch.setattr(zoo, "data", with_gradients)
    assert ts.viz.graph(ZOO[name].loss(), gradients=True).page().text.endswith("</html>\n")


def test_the_facts_about_a_box_are_in_its_tooltip_and_on_its_card():
    loss = ZOO["rnn"].loss()
    content = sheet(record(loss))
    cards = details(content, SheetLabels(content))
    tips = dict(re.findall(r'^\s*(\w+) \[.*tooltip="([^"]*)"', ts.viz.graph(loss).dot, re.MULTILINE))
    assert {"uses", "ops", "shape", "dtype", "module", "step"} <= {name for card in cards.values() for name in card}
    for box in content.boxes:
        facts = {name: fact for name, fact in cards[box.name].items() if name != "value"}
        assert facts.pop("") in tips[box.name]
        assert all(f"{name}: {fact}" in tips[box.name] for name, fact in facts.items()), (facts, tips[box.name])
        assert facts.get("uses") == (str(box.uses) if box.kind == "parameter" else None)
