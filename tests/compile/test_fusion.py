"""Fusion: small programs whose loops are known, and random ones whose results must stay what they are."""

import operator

import numpy as np
import pytest
from built import Built
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.compiler.fusion import Group, computed, fuse, grouped, push_views
from tinyseq.compiler.gpu.fusion import about
from tinyseq.compiler.gpu.nodes import lowered
from tinyseq.compiler.passes import drop_dead, lifetimes, share_common
from tinyseq.compiler.steps import Ref, Step, kind_of, mapped

x, y = Ref(0), Ref(1)


def is_ufunc(step):
    return isinstance(step.function, np.ufunc) and step.function.signature is None


def given_to(step, known):
    return mapped(step.args, Ref, lambda ref: known[ref.number])


def run(program, items):
    """The results, where each item sees only what earlier items have given."""
    known = {number: program.examples[number] for number in [*program.inputs, *program.seeds]}
    for item in items:
        if isinstance(item, Group):
            known |= computed(item, known)
        else:
            known[item.out] = np.asarray(item.function(*given_to(item, known), **item.settings))
    return [known[number] for number in program.outputs + program.gradients]


def loops(items):
    return [[step.function.__name__ for step in item.steps] for item in items if isinstance(item, Group)]


def small():
    return Built(np.array([1.0, 2.0, 3.0]), np.array([[1.0], [2.0]]))


def test_a_chain_is_one_loop_that_writes_only_its_end():
    made = small()
    end = made.apply(np.negative, made.apply(np.add, made.apply(np.exp, x), x))
    (group,) = fuse(made.ends(end), is_ufunc)[0]
    assert [step.out for step in group.steps] == [2, 3, 4]
    assert (group.shape, group.reads, group.writes) == ((3,), (0,), (4,))
    assert str(group).splitlines()[0] == "v4 = one loop over (3,):"


def test_what_is_read_elsewhere_is_written_too():
    made = small()
    first = made.apply(np.exp, x)
    total = made.apply(np.sum, first)
    end = made.apply(np.multiply, made.apply(np.tanh, first), total)
    items = fuse(made.ends(end), is_ufunc)[0]
    assert loops(items) == [["exp"], ["tanh", "multiply"]]
    assert items[0].writes == (first.number,)


def test_a_step_moves_down_to_the_loop_that_needs_it():
    made = small()
    early = made.apply(np.exp, x)
    product = made.apply(np.matmul, np.eye(3), x)
    other = made.apply(np.tanh, product)
    again = made.apply(np.matmul, np.eye(3), other)
    items = fuse(made.ends(made.apply(np.add, early, again)), is_ufunc)[0]
    assert loops(items) == [["tanh"], ["exp", "add"]]


def test_a_loop_does_not_read_a_view_of_its_own_result():
    made = Built(np.arange(9.0).reshape(3, 3))
    first = made.apply(np.exp, x)
    end = made.apply(np.add, first, made.apply(np.transpose, first))
    items = fuse(made.ends(end), is_ufunc)[0]
    assert loops(items) == [["exp"], ["add"]]
    assert [item for item in items if isinstance(item, Step)] == [made.steps[1]]


def test_operands_are_broadcast_and_other_shapes_have_loops_of_their_own():
    made = small()
    column = made.apply(np.negative, y)
    items = fuse(made.ends(made.apply(np.tanh, made.apply(np.add, x, column))), is_ufunc)[0]
    assert [(group.shape, group.reads) for group in items] == [((2, 1), (1,)), ((2, 3), (0, 2))]


def test_numbers_empty_arrays_and_what_the_executor_refuses_are_left_alone():
    made = Built(np.zeros(()), np.zeros((0, 3)))
    ends = made.apply(np.exp, x), made.apply(np.exp, y), made.apply(np.add, np.ones(2), x)
    made.ends(*ends)
    assert [type(item) for item in fuse(made, is_ufunc)[0]] == [Step, Step, Group]
    assert not loops(fuse(made, lambda step: False)[0])


def test_the_passes_are_not_mixed_and_the_backward_pass_finds_what_it_needs():
    made = small()
    first = made.apply(np.exp, x)
    end = made.apply(np.tanh, first)
    made.forward = 2
    gradient = made.apply(np.multiply, first, x)
    forward, backward = fuse(made.ends(end, gradients=[gradient]), is_ufunc)
    assert (loops(forward), loops(backward)) == ([["exp", "tanh"]], [["multiply"]])
    assert forward[0].writes == (first.number, end.number)


def test_long_loops_are_cut():
    made = small()
    end = x
    for _ in range(10):
        end = made.apply(np.tanh, end)
    items = fuse(made.ends(end), is_ufunc, largest=4)[0]
    assert [len(group.steps) for group in items] == [2, 4, 4]


def test_rows_of_a_sum_become_sums_of_rows():
    made = Built(np.arange(12.0).reshape(4, 3), np.ones((4, 1)), np.array(2.0))
    whole = made.apply(np.multiply, made.apply(np.add, x, y), Ref(2))
    top, rest = (made.apply(operator.getitem, whole, (rows, Ellipsis)) for rows in (slice(0, 2), slice(2, 4)))
    made.ends(made.apply(np.tanh, top), made.apply(np.exp, rest))
    wanted = run(made, made.steps)
    push_views(made, is_ufunc)
    drop_dead(made)
    items = fuse(made, is_ufunc)[0]
    assert loops(items) == [["add", "multiply", "add", "multiply", "tanh", "exp"]]
    for value, other in zip(run(made, items), wanted, strict=True):
        np.testing.assert_array_equal(value, other)


@pytest.mark.parametrize("also", ["the whole", "overlapping rows", "a result"])
def test_what_is_needed_whole_is_computed_whole(also):
    made = Built(np.arange(12.0).reshape(4, 3))
    whole = made.apply(np.exp, x)
    rows = [made.apply(operator.getitem, whole, slice(a, b)) for a, b in ((0, 2), (1, 4))]
    if also != "overlapping rows":
        rows[1] = made.apply(np.negative, whole) if also == "the whole" else whole
    made.ends(*rows)
    steps = list(made.steps)
    push_views(made, is_ufunc)
    assert made.steps == steps


UNARY = [np.negative, np.abs, np.sign, np.square]
BINARY = [np.add, np.subtract, np.minimum, np.maximum, np.less, np.logical_or]
OTHER = [np.transpose, np.sum, np.matmul, np.concatenate, operator.getitem, np.reshape]


def drawn(rng):
    """A random program over small whole numbers, whose sums are exact in any order."""
    made = Built(*(rng.integers(-3, 4, shape).astype(float) for shape in [(3, 4), (3, 4), (4,), (3, 1), ()]))
    made.seeds, made.inputs = [4], [0, 1, 2, 3]
    refs = [Ref(number) for number in range(4)]
    cut = int(rng.integers(2, 25))
    for place in range(25):
        if place == cut:
            made.forward = len(made.steps)
            refs.append(Ref(4))
        kind = [UNARY, BINARY, BINARY, BINARY, OTHER][rng.integers(5)]
        function = kind[rng.integers(len(kind))]
        a, b = (refs[max(0, len(refs) - 1 - int(rng.geometric(0.25)))] for _ in range(2))
        one, two = made.examples[a.number], made.examples[b.number]
        if not (one.size and two.size) or np.abs(one).max() > 1e4 or np.abs(two).max() > 1e4:
            continue
        if kind is UNARY and one.dtype != bool:
            refs.append(made.apply(function, a))
        elif kind is BINARY and one.dtype == two.dtype != bool and {one.shape, two.shape} <= {(3, 4), (4,), (3, 1), ()}:
            refs.append(made.apply(function, a, b))
        elif function is np.transpose and one.ndim == 2:
            refs.append(made.apply(function, a, (1, 0)))
        elif function is np.sum and one.dtype != bool:
            refs.append(made.apply(function, a, axis=0 if one.ndim else None))
        elif function is np.matmul and one.ndim == two.ndim == 2 and one.shape[1] == two.shape[0] and one.dtype != bool:
            refs.append(made.apply(function, a, b))
        elif function is np.concatenate and one.ndim == 2 and one.shape == two.shape:
            refs.append(made.apply(function, (a, b), axis=int(rng.integers(2))))
        elif function is operator.getitem and one.ndim == 2:
            half = one.shape[0] // 2
            refs += [made.apply(function, a, (rows, Ellipsis)) for rows in (slice(0, half), slice(half, None))]
        elif function is np.reshape:
            refs.append(made.apply(function, a, (-1, 1) if rng.integers(2) else one.shape))
    if cut >= 25 or not made.forward:
        made.forward = len(made.steps)
    halves = made.steps[: made.forward], made.steps[made.forward :]
    made.outputs, made.gradients = ([s.out for s in half if rng.random() < 0.2] + [0] for half in halves)
    return made


@settings(max_examples=200)
@given(seed=st.integers(0, 2**31), largest=st.sampled_from([2, 64]))
def test_random_programs_keep_their_results(seed, largest):
    made = drawn(np.random.default_rng(seed))
    wanted = run(made, made.steps)
    for push in (False, True):
        if push:
            push_views(made, is_ufunc)
            share_common(made)
            drop_dead(made)
        forward, backward = fuse(made, is_ufunc, largest)
        flat = [step for item in forward + backward for step in (item.steps if isinstance(item, Group) else [item])]
        assert sorted(step.out for step in flat) == sorted(step.out for step in made.steps)
        assert {step.out for step in made.steps[: made.forward]} == {
            step.out for item in forward for step in (item.steps if isinstance(item, Group) else [item])
        }
        for item in forward + backward:
            if isinstance(item, Group):
                assert len(item.steps) <= largest
                assert {made.values[step.out].shape for step in item.steps} == {item.shape}
        for value, other in zip(run(made, forward + backward), wanted, strict=True):
            np.testing.assert_array_equal(value, other)


@settings(max_examples=100)
@given(seed=st.integers(0, 2**31))
def test_layouts_after_pushing_are_what_a_run_gives(seed):
    """Layouts too, and views are views of what they were recorded as views of."""
    made = drawn(np.random.default_rng(seed))
    push_views(made, is_ufunc)
    root = lifetimes(made).root
    values = {number: made.examples[number] for number in [*made.inputs, *made.seeds]}
    for step in made.steps:
        values[step.out] = np.asarray(step.function(*given_to(step, values), **step.settings))
        assert kind_of(values[step.out]) == made.values[step.out]
        assert not made.values[step.out].size or np.may_share_memory(values[step.out], values[root[step.out]])


@pytest.mark.parametrize(("layer", "most"), [(ts.nn.LSTM, 12), (ts.nn.GRU, 14), (ts.nn.RNN, 10)])
def test_a_recurrent_step_has_few_kinds_of_loops(layer, most, monkeypatch):
    found = {}

    def kept(program):
        push_views(program, is_ufunc)
        share_common(program)
        drop_dead(program)
        forward, backward = fuse(program, is_ufunc)
        for item in forward + backward:
            if isinstance(item, Group):
                names = {number: f"r{place}" for place, number in enumerate(item.reads)}
                names |= {step.out: f"s{place}" for place, step in enumerate(item.steps)}
                kind = [(step.function.__name__, *(names[n] for n in step.reads)) for step in item.steps]
                found.setdefault(str((item.shape, kind, [names[n] for n in item.writes])), []).append(item)
        return program

    optimised = ts.compiler.replay.optimised
    monkeypatch.setattr(ts.compiler.replay, "optimised", lambda program: kept(optimised(program)))
    model = layer(3, 4)
    ts.compile(lambda x: (model(x)[0] ** 2).mean())(ts.zeros(20, 2, 3, dtype="float32"))
    assert len(found) <= most
    assert sum(map(len, found.values())) >= 40


@settings(max_examples=50)
@given(seed=st.integers(0, 2**31))
def test_nodes_for_a_gpu_share_loops_as_steps_do(seed):
    """In programs without views, where a step and what the GPU makes of it read the same values."""
    rng = np.random.default_rng(seed)
    made = Built(*(rng.standard_normal((3, 4)) for _ in range(3)))
    refs = [Ref(number) for number in range(3)]
    for _ in range(12):
        a, b = (refs[rng.integers(len(refs))] for _ in range(2))
        function = [np.add, np.multiply, np.subtract, np.sum][rng.integers(4)]
        refs.append(made.apply(np.sum, a, axis=0, keepdims=True) if function is np.sum else made.apply(function, a, b))
        if refs[-1].number in made.examples and made.examples[refs[-1].number].shape != (3, 4):
            refs[-1] = made.apply(np.add, refs[-1], a)
    made.ends(*refs[-2:])
    graph = lowered(made)
    nodes = grouped(graph.passes[0], lambda node: about(graph, node), {o.root for o in graph.outputs}, 1000)
    names = [[node.formula.function.__name__ for node in item.steps] for item in nodes if isinstance(item, Group)]
    assert names == loops(fuse(made, is_ufunc)[0])
