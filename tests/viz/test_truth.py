"""A name in a drawing is true: what it names has the value of the thing that has this name in the student's code."""

import math
import re

import numpy as np
import pytest
import zoo
from zoo import ZOO

import tinyseq as ts
from tinyseq.structure.record import record
from tinyseq.viz.computation.labels import SheetLabels
from tinyseq.viz.content.unrolled import sheet
from tinyseq.viz.rendering.style import SUBSCRIPTS

VIEWS = {"unrolled": False, "folded": True}


@pytest.mark.parametrize("name", ZOO)
def test_a_constant_with_the_name_of_a_state_is_what_the_network_began_with(name, monkeypatch):
    """All networks begin with random numbers here, so that nothing else equals them."""
    begun, draws, wrap = [np.zeros(1)], np.random.default_rng(0), ts.tensor

    def random(*shape, dtype=None):
        begun.append(draws.random(shape) if shape != ((),) else np.zeros(()))
        return wrap(begun[-1], dtype=dtype)

    def tensor(array, *args, **settings):
        made = wrap(array, *args, **settings)
        begun.append(made.numpy())
        return made

    for maker in ("zeros", "ones"):
        monkeypatch.setattr(ts, maker, random)
    monkeypatch.setattr(ts, "tensor", tensor)
    content = sheet(record(ZOO[name].loss()))
    values = SheetLabels(content).values
    for box in content.boxes:
        if box.kind == "initial" and content.states.get(box.slot) and not box.vertices:
            value = values.value(box)
            known = np.concatenate([array.ravel() for array in begun]).astype(value.dtype)
            assert np.isin(value[value != 0], known).all(), box


@pytest.mark.parametrize("name", ZOO)
def test_an_input_with_the_name_of_a_state_is_that_state(name):
    """Where a step takes a state that another one has computed, but no line brings it, the numbers are the same."""
    content = sheet(record(ZOO[name].loss()))
    values, made = SheetLabels(content).values, {(box.slot, box.step): box for box in content.boxes}
    for box in content.boxes:
        if box.kind == "input" and isinstance(box.slot, tuple) and box.slot[0] == "detached":
            np.testing.assert_array_equal(values.value(box), values.value(made[box.slot[1], box.of_step]))


@pytest.mark.parametrize("name", ZOO)
def test_an_input_with_the_index_of_a_step_is_not_the_same_in_all_steps(name):
    content = sheet(record(ZOO[name].loss()))
    labels, slots = SheetLabels(content), {}
    for box in content.boxes:
        if box.kind == "input" and box.step is not None and not box.vertices:
            slots.setdefault(box.slot, []).append((labels.symbols.of(box), labels.values.value(box)))
    for (text, value), *others in slots.values():
        if others and value is not None and np.ptp(value):
            same = all(np.array_equal(value, other) for _, other in others)
            assert same == (ord(text[-1]) not in SUBSCRIPTS.values()), text


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", ZOO)
def test_an_input_that_no_step_reads_has_the_index_of_none(name, view):
    content = sheet(record(ZOO[name].loss()), fold=VIEWS[view])
    labels = SheetLabels(content)
    for box in content.boxes:
        if box.kind == "input" and box.step is None and not box.vertices:
            assert ord(labels.symbols.of(box)[-1]) not in SUBSCRIPTS.values(), labels.symbols.of(box)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", ZOO)
def test_an_arrow_leads_to_each_dot_of_a_label(name, view):
    content = sheet(record(ZOO[name].loss()), fold=VIEWS[view])
    labels = SheetLabels(content)
    for box in content.boxes:
        text = labels.lines(box)[0].text
        assert len(re.findall("·", text)) <= len([a for a in labels.into[box] if a.kind != "weight"]), text


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", ZOO)
def test_a_part_of_a_parameter_is_not_called_by_the_name_of_the_whole(name, view):
    content = sheet(record(ZOO[name].loss()), fold=VIEWS[view])
    labels, vertices = SheetLabels(content), content.record.vertices
    for box in (box for box in content.boxes if box.kind == "op" and len(box.vertices) == 1):
        for argument in (argument for argument in box.arguments if len(argument.weights) == 1):
            (leaf,), source = argument.weights, vertices[argument.vertex].parents[argument.position]
            taken = vertices[source[0]]
            if (taken.kind != "part" or taken.operator == "[]") and math.prod(taken.shapes[source[1]]) < math.prod(
                vertices[leaf].shape
            ):
                assert f"{labels.names[leaf]}[" in labels.lines(box)[0].text


@pytest.mark.parametrize("name", ZOO)
def test_what_is_written_in_brackets_is_what_is_taken(name, monkeypatch):
    """An index in numbers, applied to the parameter, gives the value of the box."""
    arrays, weight = {}, zoo.weight

    def kept(*shape, name="", **settings):
        made = weight(*shape, name=name, **settings)
        arrays[name] = made.numpy()
        return made

    monkeypatch.setattr(zoo, "weight", kept)
    content = sheet(record(ZOO[name].loss()))
    labels = SheetLabels(content)
    for box in (box for box in content.boxes if box.kind == "op"):
        taken = re.fullmatch(r"(\w+)(\[[0-9:, ]+\])", labels.lines(box)[0].text)
        value = labels.values.value(box)
        if taken and value is not None:
            np.testing.assert_array_equal(value, eval(f"array{taken[2]}", {"array": arrays[taken[1]]}))


def test_a_part_is_named_by_t_in_a_folded_drawing():
    found = {}
    for name in ("windows_of_a_parameter", "learned_positions", "layers_of_one_parameter", "always_the_same_word"):
        content = sheet(record(ZOO[name].loss()), fold=True)
        found[name] = {SheetLabels(content).lines(box)[0].text for box in content.boxes}
    assert "x[t:t+3]" in found["windows_of_a_parameter"]
    assert {"P[t]", "E[xₜ]"} <= found["learned_positions"]
    assert {"W[1] h⁽¹⁾ₜ", "+ b[1]"} <= found["layers_of_one_parameter"]
    assert "E[xₜ]" in found["always_the_same_word"]


def test_a_target_that_is_the_next_input_is_called_by_that():
    content = sheet(record(ZOO["next_input_is_the_target"].loss()), fold=True)
    assert {"W xₜ", "− xₜ₊₁"} <= {SheetLabels(content).lines(box)[0].text for box in content.boxes}


def test_a_window_of_a_leaf_that_the_user_has_named_says_which():
    x, w, h = ts.tensor(np.ones((5, 2)), requires_grad=True), ts.nn.Parameter(np.ones((3, 6))), ts.zeros(3)
    for t in range(3):
        with ts.step(t):
            h = ts.tanh(w @ x[t : t + 3].reshape(6) + h)
    for fold, said in ((False, {"x[0:3]", "x[1:4]", "x[2:5]"}), (True, {"x[t:t+3]"})):
        content = sheet(record(ts.sum(h), names={"x": x}), fold=fold)
        assert {SheetLabels(content).lines(box)[0].text for box in content.boxes if box.kind == "input"} == said


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", ZOO)
def test_no_state_has_more_primes_than_can_be_told_apart_and_a_cell_is_a_state_beside_h(name, view):
    loss = ZOO[name].loss()
    names = {letter for letters in sheet(record(loss), fold=VIEWS[view]).states.values() for letter in letters}
    assert not [state for state in names if "′′′" in state]
    assert "c" not in {state[0] for state in names} or "h" in {state[0] for state in names}


def test_the_states_of_a_scan_are_no_cells_and_as_many_as_are_handed_on():
    states = {letter for letters in sheet(record(ZOO["scan_in_parallel"].loss())).states.values() for letter in letters}
    assert states == {f"h⁽{i}⁾" for i in "¹²³⁴⁵"}
    assert {*ts.inspect.gradient_flow(ZOO["scan_in_parallel"].loss()).states} == {"h", *(f"h{i}" for i in range(2, 6))}
