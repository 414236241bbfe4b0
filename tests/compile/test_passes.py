"""Each pass on a program of a few lines."""

import tracemalloc
from operator import getitem

import numpy as np
import pytest
from hypothesis import given as given_
from hypothesis import settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.compiler.executor import Executor
from tinyseq.compiler.executors import Changed
from tinyseq.compiler.memory.packing import LINE, Span, packed
from tinyseq.compiler.memory.plan import POOL
from tinyseq.compiler.passes import (
    drop_dead,
    fold_constants,
    lifetimes,
    optimised,
    share_common,
)
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Ref, kind_of, mapped, refs


def program(steps, outputs, inputs=1, constants=(), guards=()):
    """A program over vectors of three; the first values are the inputs, and then the constants."""
    made = Program()
    examples = [np.array([1.0, 2.0, 3.0]) + i for i in range(inputs + len(constants))]
    made.inputs = [made.value(kind_of(example)) for example in examples[:inputs]]
    made.constants = {made.value(kind_of(example)): example for example in examples[inputs:]}
    for function, *args in steps:
        result = np.asarray(function(*mapped(args, Ref, lambda ref: examples[ref.number])))
        view = next((a for a in refs(args) if np.may_share_memory(result, examples[a.number])), None)
        made.add(kind_of(result), function, args, view=view)
        examples.append(result)
    made.forward = len(made.steps)
    made.outputs = list(outputs)
    made.guards = list(guards)
    return made


def names(made):
    return [step.function.__name__ for step in made.steps]


x = Ref(0)


def planned(made):
    return Executor(made).plan


def offset(plan, number):
    return plan.pool[plan.places[number].root] + plan.places[number].offset


def run(made, *inputs):
    executor = Executor(made)
    return executor.forward(list(inputs), executor.memory())


def test_what_no_result_needs_is_dropped():
    made = program([(np.exp, x), (np.sin, x), (np.tanh, Ref(1)), (np.cos, Ref(2))], [3])
    drop_dead(made)
    assert names(made) == ["exp", "tanh"]
    assert made.forward == 2


def test_what_is_computed_twice_is_computed_once():
    steps = [(np.exp, x), (np.exp, x), (np.add, Ref(1), Ref(2)), (np.multiply, x, 0.0), (np.multiply, x, -0.0)]
    made = program([*steps, (np.multiply, x, 0)], [3, 2, 4, 5, 6])
    share_common(made)
    assert names(made) == ["exp", "add", "multiply", "multiply", "multiply"]  # 0.0, -0.0 and 0 are not the same
    assert made.steps[1].args == (Ref(1), Ref(1))
    assert made.outputs == [3, 1, 4, 5, 6]


def test_what_depends_on_no_input_is_computed_at_once():
    made = program([(np.exp, Ref(1)), (np.tanh, Ref(2)), (np.add, x, Ref(3))], [4], constants=[None])
    fold_constants(made)
    assert names(made) == ["add"]
    np.testing.assert_array_equal(run(made, np.zeros(3))[0], np.tanh(np.exp(np.array([2.0, 3.0, 4.0]))))


def test_a_view_keeps_the_memory_that_it_lies_in():
    steps = [(np.exp, x), (np.reshape, Ref(1), (3, 1)), (np.sin, x), (np.cos, x), (np.add, Ref(3), Ref(4))]
    made = program([*steps, (np.multiply, Ref(2), Ref(5)), (np.negative, Ref(6))], [7])
    lives = lifetimes(made)
    assert lives.root[2] == 1
    assert lives.last[1] == 5  # the view is read by the product
    plan = planned(made)
    assert offset(plan, 1) not in {offset(plan, number) for number in (3, 4, 5)}


def test_a_view_of_what_was_computed_twice_lies_in_what_is_left_of_it():
    steps = [(np.exp, x), (np.exp, x), (np.reshape, Ref(2), (3, 1)), (np.sin, Ref(1)), (np.cos, Ref(4))]
    made = program([*steps, (np.add, Ref(5), x), (np.multiply, Ref(3), Ref(6))], [7])
    share_common(made)
    lives = lifetimes(made)
    assert lives.root[3] == 1
    assert lives.last[1] == len(made.steps) - 1
    given = np.array([1.0, 2.0, 3.0])
    wanted = np.exp(given)[:, None] * (np.cos(np.sin(np.exp(given))) + given)
    np.testing.assert_array_equal(run(made, given)[0], wanted)


def test_memory_is_used_again_when_it_is_over():
    steps = [(np.exp, x)]
    steps += [(np.matmul, np.eye(3), Ref(i)) for i in range(1, 9)]
    made = program(steps, [9])
    plan = planned(made)
    assert plan.size == 2 * LINE  # a product does not write over what it reads
    assert plan.kind_of(9) != POOL  # results are the caller's
    np.testing.assert_array_equal(run(made, np.zeros(3))[0], np.ones(3))


def test_elementwise_runs_work_in_place():
    made = program([(np.exp, x), (np.tanh, Ref(1)), (np.add, Ref(2), x), (np.negative, Ref(3))], [4])
    assert planned(made).notes() == {2: "in place of v1", 3: "in place of v2"}
    assert planned(made).size == LINE
    given = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(run(made, given)[0], -(np.tanh(np.exp(given)) + given))
    np.testing.assert_array_equal(given, [1.0, 2.0, 3.0])


def test_what_is_needed_later_or_has_another_layout_is_not_written_over():
    steps = [(np.exp, x), (np.tanh, Ref(1)), (np.add, Ref(1), Ref(2)), (np.less, Ref(3), 1.0)]
    made = program([*steps, (np.logical_not, Ref(4))], [5])
    assert planned(made).notes() == {3: "in place of v1"}


def test_what_a_join_lays_side_by_side_is_written_there():
    """One operand behind the other: the join needs no step. Another join of the same operands copies them."""
    rows = [(np.reshape, x, (1, 3)), *((np.multiply, Ref(1), float(i)) for i in range(2, 5))]
    first = np.concatenate, [Ref(2), Ref(3), Ref(4)]
    made = program([*rows, first, (np.stack, [Ref(2), Ref(3), Ref(4)], 1), (np.exp, Ref(5)), (np.exp, Ref(6))], [7, 8])
    made.steps[5] = made.steps[5]._replace(args=made.steps[5].args[:1], settings={"axis": 1})
    plan = planned(made)
    assert plan.notes() == {5: "in place already"} | dict.fromkeys((2, 3, 4), "written to v5")
    assert [offset(plan, number) - offset(plan, 5) for number in (2, 3, 4)] == [0, 24, 48]
    assert [part for part, _ in plan.copies[6]] == [2, 3, 4]
    found = run(made, np.array([1.0, 2.0, 3.0]))
    wanted = np.exp(np.array([1.0, 2.0, 3.0]) * np.array([[2.0], [3.0], [4.0]]))
    np.testing.assert_array_equal(found[0], wanted)
    np.testing.assert_array_equal(found[1], wanted[None])


def test_a_join_of_joins_is_written_to_its_place():
    made = program([(np.multiply, x, float(i)) for i in range(4)], [])
    pairs = [made.add(kind_of(np.zeros(6)), np.concatenate, ([Ref(1 + i), Ref(2 + i)],)) for i in (0, 2)]
    table = made.add(kind_of(np.zeros((2, 6))), np.stack, ([Ref(pairs[1]), Ref(pairs[0])],), {"axis": 0})
    made.outputs, made.forward = [made.add(kind_of(np.zeros((2, 6))), np.negative, (Ref(table),))], 8
    plan = planned(made)
    assert [offset(plan, n) - offset(plan, table) for n in (*pairs, 1, 2, 3, 4)] == [48, 0, 48, 72, 0, 24]
    given = np.array([1.0, 2.0, 3.0])
    wanted = -np.stack([np.append(given * 2.0, given * 3.0), np.append(given * 0.0, given)])
    np.testing.assert_array_equal(run(made, given)[0], wanted)


def test_operands_that_are_needed_afterwards_are_not_written_over():
    made = program([(np.multiply, x, 2.0), (np.multiply, x, 3.0), (np.concatenate, [Ref(1), Ref(2)])], [])
    late = made.add(kind_of(np.zeros(6)), np.negative, (Ref(3),)), made.add(kind_of(np.zeros(3)), np.tanh, (Ref(1),))
    ends = [
        made.add(kind_of(np.zeros(6)), np.exp, (Ref(late[0]),)),
        made.add(kind_of(np.zeros(3)), np.exp, (Ref(late[1]),)),
    ]
    made.outputs, made.forward = ends, 7
    given = np.array([1.0, 2.0, 3.0])
    found = run(made, given)
    np.testing.assert_array_equal(found[0], np.exp(-np.append(given * 2.0, given * 3.0)))
    np.testing.assert_array_equal(found[1], np.exp(np.tanh(given * 2.0)))


SPANS = st.builds(
    lambda start, size, times: Span(start, size, min(times), max(times)),
    st.integers(0, 300),
    st.integers(1, 300),
    st.tuples(st.integers(0, 20), st.integers(0, 20)),
)


@settings(max_examples=200)
@given_(st.lists(st.lists(SPANS, min_size=1, max_size=4), max_size=12), st.sampled_from([2, 256]))
def test_bytes_in_use_at_the_same_time_do_not_overlap(drawn, finest):
    groups = dict(enumerate(drawn))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tinyseq.compiler.memory.packing._FINEST", finest)
        starts, total = packed(groups)
    for i, group in groups.items():
        assert starts[i] % LINE == 0
        for one in group:
            assert 0 <= starts[i] + one.start + one.size <= total
            for j in range(i):
                for other in groups[j]:
                    if one.first <= other.last and other.first <= one.last:
                        begin, beside = starts[i] + one.start, starts[j] + other.start
                        assert begin + one.size <= beside or beside + other.size <= begin


def test_memory_that_is_free_is_used_again():
    groups = {0: [Span(0, 64, 0, 1)], 1: [Span(0, 128, 1, 2)], 2: [Span(0, 64, 2, 3)], 3: [Span(0, 10, 3, 3)]}
    assert packed(groups) == ({1: 0, 0: 128, 2: 128, 3: 0}, 192)
    steps = [Span(64 * t, 64, 0, t) for t in range(4)]  # a sequence, of which each step is over after its time
    assert packed({0: steps, 1: [Span(0, 64, 2, 9)], 2: [Span(0, 128, 0, 9)]}) == ({2: 0, 0: 128, 1: 128}, 384)


@settings(max_examples=100)
@given_(st.data())
def test_a_value_that_is_read_through_views_is_over_part_by_part(data):
    """Views, views of views and reads of all of it in any order: a byte is in use until the last read that shows it."""
    made = Program()
    made.inputs = [made.value(kind_of(np.zeros((4, 3))))]
    table = made.add(kind_of(np.zeros((4, 3))), np.exp, (x,))
    known, last = {table: np.arange(12).reshape(4, 3)}, dict.fromkeys(range(12), 0)
    for place in range(1, data.draw(st.integers(1, 10)) + 1):
        number = data.draw(st.sampled_from([*known]))
        array = known[number]
        if data.draw(st.booleans()) and len(array):
            index = data.draw(st.sampled_from([0, -1, slice(1, None), slice(None, None, 2), (..., 0)]))
            known[made.add(kind_of(array[index]), getitem, (Ref(number), index), view=Ref(number))] = array[index]
            known = {n: a for n, a in known.items() if a.ndim}
        else:
            made.add(kind_of(np.zeros(array.shape)), np.tanh, (Ref(number),))
            last |= dict.fromkeys(array.ravel().tolist(), place)
    made.forward = len(made.steps)
    spans = planned(made)._in_use(piecewise=True)[table]
    for cell, until in last.items():
        ends = [span.last for span in spans if span.start <= 8 * cell < span.start + span.size]
        assert until <= max(ends, default=0) <= lifetimes(made).last[table]


def test_buffers_have_the_layout_of_the_recorded_values():
    table = np.zeros((2, 3, 4))
    assert kind_of(table).order == (0, 1, 2)
    assert kind_of(table.transpose(2, 0, 1)).order == (1, 2, 0)
    assert kind_of(table[:, ::2]).order is None
    assert kind_of(np.broadcast_to(table[0, 0], (2, 4))).order is None


def test_a_truth_is_asked_again():
    made = program([(np.less, x, 9.0), (np.all, Ref(1)), (np.exp, x)], [3], guards=[(2, True)])
    executor = Executor(optimised(made))
    executor.forward([np.zeros(3)], executor.memory())
    with pytest.raises(Changed):
        executor.forward([np.full(3, 10.0)], executor.memory())


def test_a_gradient_that_is_an_input_or_a_constant_is_a_copy():
    """Whoever changes a ``.grad`` in place would else change what the next replay reads."""
    made = program([], [0], constants=[None])
    made.gradients = [0, 1]
    executor, given = Executor(made), np.arange(3.0)
    memory = executor.memory()
    executor.forward([given], memory)
    for gradient, array in zip(executor.backward([given], memory, (), []), [given, made.constants[1]], strict=True):
        assert np.array_equal(gradient, array)
        assert not np.shares_memory(gradient, array)


@pytest.mark.parametrize(("layer", "share"), [(ts.nn.LSTM, 0.8), (ts.nn.GRU, 0.9), (ts.nn.RNN, 0.9)])
def test_a_recurrent_step_takes_no_more_memory_than_the_tape(layer, share):
    model, x = layer(64, 64), ts.zeros(20, 32, 64, dtype="float32")

    def loss(x):
        return (model(x)[0] ** 2).mean()

    tracemalloc.start()
    loss(x).backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    fast = ts.compile(loss)
    fast(x)
    assert fast._newest.executor.plan.size <= share * peak


def test_a_program_shows_itself():
    layer = ts.nn.LSTM(8, 16)
    fast = ts.compile(lambda x: (layer(x)[0] ** 2).mean())
    fast(ts.zeros(20, 4, 8, dtype="float32"))
    text = str(fast.program)
    assert text.count("matmul") >= 4
    assert text.count("for t in range(") >= 2
    assert text.index("forward:") < text.index("backward:")


def test_a_long_program_is_made_ready_in_little_memory():
    """Beside the memory that is planned: nothing is generated that would be larger than the steps themselves."""

    def peak_of(count):
        steps = [(np.add, Ref(max(0, i - 1)), x) for i in range(1, count)]
        made = program([(np.exp, x), *steps], [count])
        tracemalloc.start()
        memory = Executor(made).memory()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert memory is not None
        return peak

    # Tables that the interpreter keeps, as of names, may grow meanwhile, but not each time.
    few, many = (min(peak_of(count) for _ in range(3)) for count in (500, 1000))
    assert many - few < 500 * 1500
