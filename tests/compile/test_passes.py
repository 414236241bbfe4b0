"""Each pass on a program of a few lines."""

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.compiler.executor import Executor
from tinyseq.compiler.executors import Changed
from tinyseq.compiler.passes import (
    drop_dead,
    fold_constants,
    in_place,
    layout,
    lifetimes,
    optimised,
    plan_buffers,
    share_common,
)
from tinyseq.compiler.program import Program, Ref, kind_of, mapped, refs


def program(steps, outputs, inputs=1, constants=(), guards=()):
    """A program over vectors of three; the first values are the inputs, and then the constants."""
    made = Program()
    examples = [np.array([1.0, 2.0, 3.0]) + i for i in range(inputs + len(constants))]
    made.inputs = [made.value(kind_of(example)) for example in examples[:inputs]]
    made.constants = {made.value(kind_of(example)): example for example in examples[inputs:]}
    for function, *args in steps:
        result = np.asarray(function(*mapped(args, Ref, lambda ref: examples[ref.number])))
        view = next((a for a in refs(args) if np.may_share_memory(result, examples[a.number])), None)
        made.add(result, function, args, view=view)
        examples.append(result)
    made.forward = len(made.steps)
    made.outputs = list(outputs)
    made.guards = list(guards)
    return made


def names(made):
    return [step.function.__name__ for step in made.steps]


x = Ref(0)


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
    buffers, _ = plan_buffers(made)
    assert buffers[1] not in {buffers[number] for number in (3, 4, 5)}


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
    buffers, sizes = plan_buffers(made)
    assert sizes == [24, 24]  # a product does not write over what it reads
    assert 9 not in buffers  # results are the caller's
    np.testing.assert_array_equal(run(made, np.zeros(3))[0], np.ones(3))


def test_elementwise_runs_work_in_place():
    made = program([(np.exp, x), (np.tanh, Ref(1)), (np.add, Ref(2), x), (np.negative, Ref(3))], [4])
    assert in_place(made, lifetimes(made)) == {2: 1, 3: 2}
    assert plan_buffers(made)[1] == [24]
    given = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(run(made, given)[0], -(np.tanh(np.exp(given)) + given))
    np.testing.assert_array_equal(given, [1.0, 2.0, 3.0])


def test_what_is_needed_later_or_has_another_layout_is_not_written_over():
    steps = [(np.exp, x), (np.tanh, Ref(1)), (np.add, Ref(1), Ref(2)), (np.less, Ref(3), 1.0)]
    made = program([*steps, (np.logical_not, Ref(4))], [5])
    assert in_place(made, lifetimes(made)) == {3: 1}


def test_buffers_have_the_layout_of_the_recorded_values():
    table = np.zeros((2, 3, 4))
    assert layout(kind_of(table)) == (0, 1, 2)
    assert layout(kind_of(table.transpose(2, 0, 1))) == (1, 2, 0)
    assert layout(kind_of(table[:, ::2])) is None
    assert layout(kind_of(np.broadcast_to(table[0, 0], (2, 4)))) is None


def test_a_truth_is_asked_again():
    made = program([(np.less, x, 9.0), (np.all, Ref(1)), (np.exp, x)], [3], guards=[(2, True)])
    executor = Executor(optimised(made))
    executor.forward([np.zeros(3)], executor.memory())
    with pytest.raises(Changed):
        executor.forward([np.full(3, 10.0)], executor.memory())


def test_a_recurrent_step_takes_less_memory_than_its_values_and_shows_itself():
    layer = ts.nn.LSTM(8, 16)
    fast, x = ts.compile(lambda x: (layer(x)[0] ** 2).mean()), ts.zeros(20, 4, 8, dtype="float32")
    fast(x)
    executor = fast._newest.executor
    values = [executor.program.values[step.out] for step in executor.program.steps]
    written = sum(int(np.prod(v.shape)) * v.dtype.itemsize for v in values if type(v) is not tuple)
    assert sum(executor.sizes) < 0.6 * written
    text = str(fast.program)
    assert text.count("matmul") >= 40
    assert text.index("forward:") < text.index("backward:")
