"""Programs are written with loops: a listing says exactly what the steps do, which is tried by running it."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tests.loops import LAYERS, SETTINGS, layer, normal
from tinyseq.compiler import loops
from tinyseq.compiler.loops import Folding
from tinyseq.compiler.steps import Ref, mapped


def compiled(function, *arrays):
    fast = ts.compile(function)
    result = fast(*arrays)
    if result.requires_grad:
        result.backward()
    return fast.program


def given_values(program):
    """Random arrays for what a program is given."""
    rng = np.random.default_rng(0)
    kinds = {n: program.values[n] for n in [*program.inputs, *program.seeds]}
    return {n: rng.standard_normal(kind.shape).astype(kind.dtype) for n, kind in kinds.items()} | program.constants


def run(program):
    """All values of a program, by running its steps."""
    values = given_values(program)
    for step in program.steps:
        args, given = (mapped(tree, Ref, lambda ref: values[ref.number]) for tree in (step.args, step.settings))
        values[step.out] = np.asarray(step.function(*args, **given))
    return values


def run_listing(program):
    """All values of a program, by running its listing as Python."""
    lines = []
    for line in str(program).splitlines():
        code, _, comment = line.removeprefix("  ").partition("  # ")
        if line.endswith("ward:"):
            continue
        if code.startswith("for"):
            lines += [entry.replace(" is ", " = ") for entry in comment.split(", ") if comment]
        lines.append(re.sub(r"(?<=[( ])(\d*):(\d*)(?=[,)])", lambda m: f"slice({m[1] or None}, {m[2] or None})", code))
    code = "\n".join(lines)
    names = {getattr(step.function, "__name__", ""): step.function for step in program.steps}
    names |= {f"v{number}": value for number, value in given_values(program).items()}
    names |= {f"v{number}": {} for number in re.findall(r"v(\d+)\[", code)} | {"dtype": np.dtype}
    exec(code, names)
    places = Folding([program.steps[: program.forward], program.steps[program.forward :]], program.values)
    found = {}
    for step in program.steps:
        place = places.places.get(step.out)
        first = step.out if place is None else places.loops[place.loop].turns[0][place.step].out
        value = names[f"v{first}"]
        found[step.out] = value if place is None else value[place.turn]
    return found


def assert_listing_is_right(program):
    wanted, found = run(program), run_listing(program)
    for number, value in found.items():
        assert np.array_equal(value, wanted[number], equal_nan=True), number


@pytest.fixture(autouse=True)
def every_value(monkeypatch):
    """Long lists are written whole, so that they can be run."""
    monkeypatch.setattr(loops, "FEW", 1000)


@settings(max_examples=15)
@given(steps=st.integers(1, 9), **SETTINGS)
def test_the_listing_of_a_layer_does_what_its_steps_do(steps, name, num_layers, bidirectional, seed):
    model = layer(name, 3, 2, seed=seed, num_layers=num_layers, bidirectional=bidirectional)
    assert_listing_is_right(compiled(lambda x: (model(x)[0] ** 2).mean(), ts.tensor(normal(seed, steps, 2, 3))))


@settings(max_examples=30)
@given(data=st.data(), steps=st.integers(3, 12))
def test_the_listing_of_a_loop_by_hand_does_what_its_steps_do(data, steps):
    # what a turn takes: in order, reversed, in any order, from two turns before; some turns do something else
    order = data.draw(st.sampled_from([range(steps), range(steps)[::-1], data.draw(st.permutations(range(steps)))]))
    odd = data.draw(st.sets(st.integers(0, steps - 1), max_size=2))
    back = data.draw(st.integers(1, 3))
    own_weights = data.draw(st.booleans())

    def loss(x, w):
        states = [x[0]] * back
        for i, t in enumerate(order):
            h = states[-back] * (w[i] if own_weights else w[0]) + x[t]
            states.append(ts.sin(h) if i in odd else ts.tanh(h))
        return ts.stack(states[first:]).sum()

    first = data.draw(st.integers(0, back))
    x, w = (ts.tensor(normal(i, steps, 2), requires_grad=True) for i in range(2))
    assert_listing_is_right(compiled(loss, x, w))


def loop_lines(program):
    return [line.strip() for line in str(program).splitlines() if "for t in" in line]


def test_a_recurrence_is_one_loop():
    w = ts.tensor(0.5, requires_grad=True)

    def last(x):
        h = x[0]
        for t in range(1, 9):
            h = ts.tanh(w * h + x[t])
        return h

    program = compiled(last, ts.tensor(normal(0, 9)))
    forward, _, backward = str(program).partition("backward:")
    lines = [line.partition("  # ")[0] for line in forward.splitlines()[1:]]
    assert lines == [
        "  v1 = gathered(v0, 0)",
        "  for t in range(8):",
        "    v3[t] = multiply(v2, v6[t-1])",
        "    v4[t] = gathered(v0, t+1)",
        "    v5[t] = add(v3[t], v4[t])",
        "    v6[t] = tanh(v5[t])",
    ]
    assert "for t in range(8):  # v6[-1] is v1" in forward
    assert re.search(r"multiply\(v\d+\[t\], v6\[\d-t\]\)", backward)
    assert_listing_is_right(program)


@pytest.mark.parametrize("turns", [1, 2, 3, 5])
def test_few_short_turns_are_written_out(turns):
    def powers(x):
        h = x
        for _ in range(turns):
            h = h * x
        return h

    assert not loop_lines(compiled(powers, ts.ones(3)))


@pytest.mark.parametrize(
    "third",
    [
        lambda x, w, h: ts.sin(w * h + x[2]),  # another function
        lambda x, w, h: ts.tanh(w * w + x[2]),  # not what the turn before has made
        lambda x, w, h: ts.tanh(w * h + x[4]),  # not the next number
        lambda x, w, h: ts.tanh(w * h + x[2:3]),  # another shape
        lambda x, w, h: ts.tanh(x[2] + w * h),  # another order
    ],
)
def test_a_turn_that_differs_ends_the_loop(third):
    def last(x, w):
        h = w
        for t in range(5):
            h = third(x, w, h).sum() if t == 2 else ts.tanh(w * h + x[t])
        return h

    program = compiled(last, ts.tensor(normal(0, 5)), ts.tensor(0.5))
    assert not loop_lines(program)
    assert_listing_is_right(program)


def test_two_values_that_a_turn_takes_in_place_of_one_are_told_apart():
    def last(x, h, k):
        for t in range(6):
            h = k = ts.tanh(ts.sin(h) * x[t] + k)  # the same from the second turn on
        return h

    program = compiled(last, ts.tensor(normal(0, 6)), ts.tensor(0.5), ts.tensor(0.25))
    assert len(loop_lines(program)) == 1
    assert "range(5)" in str(program)
    assert_listing_is_right(program)


def test_shapes_that_grow_are_no_loop():
    def doubled(x):
        for _ in range(5):
            x = ts.concatenate([x, x])
        return x

    assert not loop_lines(compiled(doubled, ts.ones(1)))


@pytest.mark.parametrize("name", LAYERS)
def test_a_listing_is_as_long_for_long_sequences(name):
    model = layer(name, 3, 2)

    def lines(steps):
        return len(str(compiled(lambda x: (model(x)[0] ** 2).mean(), ts.tensor(normal(0, steps, 2, 3)))).splitlines())

    assert lines(100) < 3 * lines(10)


def test_notes_follow_the_turns():
    model = layer("RNN", 3, 2)
    text = str(compiled(lambda x: (model(x)[0] ** 2).mean(), ts.tensor(normal(0, 6, 2, 3))))
    added = next(line for line in text.splitlines() if "[t] = add" in line)
    assert re.search(r"v(\d+)\[t\] = add\(v\d+\[t\], v(\d+)\[t\]\)  # float64\(2, 2\), in place of v\2\[t\]", added)


def test_the_middle_of_long_lists_is_left_out(monkeypatch):
    monkeypatch.setattr(loops, "FEW", 4)
    model = layer("RNN", 3, 2)
    text = str(compiled(lambda x: model(x)[0].sum(), ts.tensor(normal(0, 50, 2, 3))))
    assert re.search(r"concatenate\(\(v(\d+)\[0\], \.\.\., v\1\[49\]\), axis=0\)", text)


@pytest.mark.parametrize("pick", [slice(None, None, 2), slice(3, None, 4)])
def test_lists_that_skip_turns_are_written_whole(monkeypatch, pick):
    monkeypatch.setattr(loops, "FEW", 4)

    def some(x):
        states = [x[0]]
        for t in range(1, 30):
            states.append(ts.tanh(states[-1] + x[t]))
        return ts.stack(states[pick])

    program = compiled(some, ts.tensor(normal(0, 30)))
    assert loop_lines(program)
    assert "..." not in str(program)


def test_what_is_said_of_few_turns_is_left_out():
    model = layer("RNN", 3, 2)
    program = compiled(lambda x: (model(x)[0] ** 2).mean(), ts.tensor(normal(0, 6, 2, 3)))
    folding = Folding([program.steps[: program.forward]], program.values)
    turns = max(folding.loops, key=lambda loop: len(loop.turns[0])).turns
    for count, shown in ((1, False), (len(turns) // 2, False), (len(turns) - 1, True)):
        said = {step.out: "said" for turn in turns[:count] for step in turn}
        assert any("said" in line for line in folding.lines(folding.items[0], said)) is shown
