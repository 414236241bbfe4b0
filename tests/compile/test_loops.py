"""Programs are written with loops: a listing says exactly what the steps do, which is tried by running it."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tests.loops import LAYERS, SETTINGS, layer, normal
from tinyseq.compiler.listing import lines as listing
from tinyseq.compiler.listing import loops
from tinyseq.compiler.listing.lines import Listing
from tinyseq.compiler.listing.loops import Folding
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


class Turns(dict):
    """The values of a step by turn; those before its first turn as the listing says."""

    def __init__(self, before, names):
        super().__init__()
        self.before, self.names = before, names

    def __missing__(self, turn):
        return eval(self.before[turn], self.names)


def run_listing(program):
    """All values of a program, by running its listing as Python."""
    names = {getattr(step.function, "__name__", ""): step.function for step in program.steps}
    names |= {f"v{number}": value for number, value in given_values(program).items()} | {"dtype": np.dtype}
    lines, before = [], {}
    for line in str(program).splitlines():
        code, _, comment = line.removeprefix("  ").partition("  # ")
        if line.endswith("ward:"):
            continue
        for name, turn, value in re.findall(r"v(\d+)\[(-?\d+)\] is (\S+?)(?=,|$)", comment):
            before.setdefault(name, {})[int(turn)] = value
        lines.append(re.sub(r"(?<=[( ])(\d*):(\d*)(?=[,)])", lambda m: f"slice({m[1] or None}, {m[2] or None})", code))
    code = "\n".join(lines)
    names |= {f"v{number}": Turns(before.get(number, {}), names) for number in re.findall(r"v(\d+)\[", code)}
    exec(code, names)
    places, found = Folding(program.halves, program.values).made.places, {}
    for step in program.steps:
        place = places.get(step.out)
        found[step.out] = names[f"v{step.out}"] if place is None else names[f"v{place.row}"][place.turn]
    return found


def assert_listing_is_right(program):
    wanted, found = run(program), run_listing(program)
    for number, value in found.items():
        assert np.array_equal(value, wanted[number], equal_nan=True), number


@pytest.fixture(autouse=True)
def every_value(monkeypatch):
    """Long lists are written whole, so that they can be run."""
    monkeypatch.setattr(listing, "FEW", 1000)


@settings(max_examples=15)
@given(steps=st.integers(1, 9) | st.integers(15, 60), **SETTINGS)
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


@settings(max_examples=50)
@given(data=st.data(), steps=st.integers(3, 40), every=st.integers(1, 8), start=st.integers(0, 9))
def test_the_listing_of_a_loop_with_steps_at_some_turns_does_what_its_steps_do(data, steps, every, start):
    # now and then, in the middle of a turn or at its end, something is added up, or else what a turn takes is changed
    when = data.draw(st.sampled_from([range(start, steps, every), data.draw(st.sets(st.integers(0, steps - 1)))]))
    middle, changed = data.draw(st.booleans()), data.draw(st.booleans())

    def loss(x, w):
        h, total, states = x[0], x[0], []
        for t in range(steps):
            h = w * h
            if middle and t in when:
                total = ts.sin(total) + h
            h = states[-changed] if changed and states and t in when else ts.tanh(h + x[t])
            states.append(h)
            if not middle and t in when:
                total = total * ts.stack(states[-every:]).sum(axis=0)
        return (total + h).sum()

    x, w = ts.tensor(normal(0, steps, 2), requires_grad=True), ts.tensor(normal(1, 2), requires_grad=True)
    assert_listing_is_right(compiled(loss, x, w))


def loop_lines(program):
    return [line.strip() for line in str(program).splitlines() if re.search("(for|if) t ", line)]


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


def listed(program):
    """The forward pass of a listing, without comments."""
    forward = str(program).partition("backward:")[0]
    return [line.partition("  # ")[0] for line in forward.splitlines()[1:]]


def test_what_is_done_at_every_fourth_turn_is_in_the_loop_under_a_condition():
    def loss(x):
        h = total = x[0]
        for t in range(1, 15):
            h = ts.tanh(h + x[t])
            if t % 4 == 0:
                total = ts.exp(total) * h
        return total

    program = compiled(loss, ts.tensor(normal(0, 15)))
    assert listed(program) == [
        "  v1 = gathered(v0, 0)",
        "  for t in range(12):",
        "    v2[t] = gathered(v0, t+1)",
        "    v3[t] = add(v4[t-1], v2[t])",
        "    v4[t] = tanh(v3[t])",
        "    if t in range(3, 12, 4):",
        "      v14[t] = exp(v15[t-4])",
        "      v15[t] = multiply(v14[t], v4[t])",
    ]
    assert "    if t in range(3, 12, 4):  # v15[-1] is v1" in str(program)
    assert_listing_is_right(program)


def test_a_step_that_one_turn_has_is_in_the_loop_too():
    def loss(x):
        h, noted = x[0], []
        for t in range(1, 15):
            h = ts.tanh(h + x[t])
            noted += [ts.exp(h)] if t == 7 else []
        return h + noted[0]

    program = compiled(loss, ts.tensor(normal(0, 15)))
    assert listed(program)[1:] == [
        "  for t in range(14):",
        "    v2[t] = gathered(v0, t+1)",
        "    v3[t] = add(v4[t-1], v2[t])",
        "    v4[t] = tanh(v3[t])",
        "    if t == 6:",
        "      v23[t] = exp(v4[6])",
        "  v45 = add(v4[13], v23[6])",
    ]
    assert_listing_is_right(program)


def test_a_step_that_is_missing_from_the_last_turn_is_under_a_condition():
    def loss(x):
        h = k = x[0]
        for t in range(1, 9):
            h = ts.tanh(h + k)
            k = ts.sin(k)  # which no turn reads after the last one
            h = h * x[t]
        return h

    program = compiled(loss, ts.tensor(normal(0, 9)))
    assert listed(program)[1:] == [
        "  for t in range(8):",
        "    v2[t] = add(v6[t-1], v4[t-1])",
        "    v3[t] = tanh(v2[t])",
        "    if t < 7:",
        "      v4[t] = sin(v4[t-1])",
        "    v5[t] = gathered(v0, t+1)",
        "    v6[t] = multiply(v3[t], v5[t])",
    ]
    assert_listing_is_right(program)


def test_the_backward_pass_of_a_layer_has_all_turns_but_one_in_its_loop():
    model = layer("LSTM", 3, 2)
    program = compiled(lambda x: (model(x)[0] ** 2).mean(), ts.tensor(normal(0, 50, 2, 3)))
    heads = [line.partition(":")[0] for line in loop_lines(program)]
    assert heads[-4:] == [
        "for t in range(49)",
        "if t < 48",
        "if t in range(14, 47, 16)",
        "if t in range(30, 47, 16)",
    ]


def test_what_is_alike_in_shape_does_not_end_a_loop():
    def loss(x, w):
        h, total = x[0], w
        for t in range(1, 15):
            h = ts.tanh(w @ h)
            if t % 4 == 0:
                total = total @ x[t]  # of the same shape as the product of the next turn
        return (h + total).sum()

    program = compiled(loss, ts.tensor(normal(0, 15, 2, 2)), ts.tensor(normal(1, 2, 2)))
    assert [line.partition(":")[0] for line in loop_lines(program)] == ["for t in range(14)", "if t in range(3, 12, 4)"]
    assert_listing_is_right(program)


def test_turns_with_as_many_other_steps_as_their_own_are_no_loop():
    def loss(x):
        h, kept = x[0], []
        for t in range(1, 15):
            h = ts.tanh(h + x[t])
            if t > 3:
                kept.append(ts.exp(h[: t % 5 + 1]).sum())  # of another shape at each turn
        return sum(kept) + h.sum()

    program = compiled(loss, ts.tensor(normal(0, 15, 6)))
    assert not [line for line in loop_lines(program) if "if t" in line]
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
    assert [line.partition(":")[0] for line in loop_lines(program)] == ["for t in range(6)", "if t < 5"]
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

    assert lines(100) <= lines(50) <= lines(10) + 20  # of which the blocks of weight gradients are a few


def test_notes_follow_the_turns():
    model = layer("RNN", 3, 2)
    text = str(compiled(lambda x: (model(x)[0] ** 2).mean(), ts.tensor(normal(0, 6, 2, 3))))
    added = next(line for line in text.splitlines() if "[t] = add" in line)
    assert re.search(r"v(\d+)\[t\] = add\(v\d+\[t\], v(\d+)\[t\]\)  # float64\(2, 2\), in place of v\2\[t\]", added)


def test_a_note_that_names_another_turn_in_each_block_names_any():
    model = layer("GRU", 3, 2)
    program = compiled(lambda x: (model(x)[0] ** 2).mean(), ts.tensor(normal(0, 60, 2, 3)))
    blocks = [step for step in program.steps if step.settings == {"axis": 1} and step.function is np.concatenate]
    program.notes = lambda: {number: f"joined in v{step.out}" for step in blocks for number in step.reads}
    text = str(program)
    block = re.search(r"if t in range.*\n +v(\d+)\[t\] = concatenate", text).group(1)
    assert re.search(rf"v\d+\[t\] = concatenate.*joined in v{block}\[\.\.\.\]\n", text)


def test_the_middle_of_long_lists_is_left_out(monkeypatch):
    monkeypatch.setattr(listing, "FEW", 4)
    model = layer("RNN", 3, 2)
    text = str(compiled(lambda x: model(x)[0].sum(), ts.tensor(normal(0, 50, 2, 3))))
    assert re.search(r"concatenate\(\(v(\d+)\[0\], \.\.\., v\1\[49\]\), axis=0\)", text)


@pytest.mark.parametrize("pick", [slice(None, None, 2), slice(3, None, 4)])
def test_lists_that_skip_turns_are_written_whole(monkeypatch, pick):
    monkeypatch.setattr(listing, "FEW", 4)

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
    folding = Folding(program.halves, program.values)
    loop = max((each for each in folding.passes[0] if each.turns > 1), key=lambda each: len(each.rows))
    for count, shown in ((1, False), (loop.turns // 2, False), (loop.turns - 1, True)):
        said = {step.out: "said" for row in loop.rows for step in row.steps[:count]}
        lines = Listing(folding, program.values, said).lines(folding.passes[0])
        assert any("said" in line for line in lines) is shown


@pytest.mark.parametrize("turns", [60, 120])
@pytest.mark.parametrize("kind", [ts.nn.RNN, ts.nn.LSTM])
def test_a_loop_is_not_looked_for_again_in_turns_of_several_lengths(kind, turns, monkeypatch):
    """Each step is compared with a row about once, as the turns that are twice or three times as long are not tried."""
    tried, take = [], loops.Made.take
    monkeypatch.setattr(loops.Made, "take", lambda self, *args: tried.append(args) or take(self, *args))
    net = kind(2, 3)
    program = compiled(lambda x: ts.sum(net(x)[0] ** 2), np.ones((turns, 1, 2), dtype="f4"))
    str(program)
    assert len(tried) < 4 * len(program.steps)
