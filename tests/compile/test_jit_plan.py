"""The executor of kernels, with kernels that Python runs: what is fused, where values lie, and that results stay."""

import numpy as np
import pytest
from built import Built
from executor_trials import ENGINE, agree, op_replayed, program_replayed
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.compiler.jit import executor
from tinyseq.compiler.memory.plan import POOL
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Ref, Step, kind_of, mapped

pytestmark = pytest.mark.usefixtures("kernels_in_python")


def close(found, wanted, rtol=1e-12):
    """Equal, but for the order in which sums are taken."""

    def near(a, b):
        scale = np.abs(b[np.isfinite(b)]).max(initial=0.0) if a.dtype.kind in "fc" else 0
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * scale)

    agree(found, wanted, near)


@pytest.mark.parametrize("op", ENGINE, ids=lambda op: op.name)
@settings(max_examples=5)
@given(data=st.data())
def test_every_op(op, data):
    for found, wanted in op_replayed(op, data, "numba"):
        close(found, wanted)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**31))
def test_random_programs(seed):
    for found, wanted in program_replayed(seed, "numba"):
        close(found, wanted, 1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_elementwise_steps_of_one_shape_are_one_loop(dtype):
    fast = ts.compile(lambda x, y: ts.where(x < y, ts.sqrt(x) * y - 2.0, ts.maximum(x, y)), executor="numba")
    fast(ts.ones(3, dtype=dtype), ts.ones(3, dtype=dtype))
    (loop,) = fast._newest.executor.items[0]
    assert len(loop.steps) == 6


@pytest.mark.parametrize("executor", ["numpy", "numba"])
@settings(max_examples=60)
@given(
    kinds=st.tuples(*[st.sampled_from(["product", "loop", "argument"])] * 4),
    joins=st.tuples(*[st.tuples(st.sampled_from([ts.stack, ts.concatenate]), st.integers(0, 3))] * 2),
    also=st.sets(st.integers(0, 5)),
)
def test_joins_of_joins(executor, kinds, joins, also):
    """Products, results of loops and arguments are joined, and these again, along any axis; all may be read besides."""
    arrays = [np.random.default_rng(n).standard_normal((2, 2)) for n in range(4)]
    made = {"product": lambda x, y: x @ y, "loop": lambda x, y: x * y - 2.0, "argument": lambda x, y: x}

    def function(*given):
        level = [made[kind](x, y) for kind, x, y in zip(kinds, given, given[1:] + given[:1], strict=True)]
        values = [*level]
        for join, axis in joins:
            pairs = zip(level[::2], level[1::2], strict=True)
            level = [join(pair, axis % (pair[0].ndim + (join is ts.stack))) for pair in pairs]
            values += level
        return sum((values[n] * 0.5).sum() for n in sorted(also | {6}))

    def gradients(call):
        given = [ts.tensor(array, requires_grad=True) for array in arrays]
        loss = call(*given)
        loss.backward()
        return [loss.numpy(), *(tensor.grad.numpy() for tensor in given if tensor.grad is not None)]

    fast = ts.compile(function, executor=executor)
    for _ in range(2):
        close(gradients(fast), gradients(function))


@pytest.mark.parametrize("steps", [3, 40])
def test_joins_of_a_longer_join_are_slices_of_it(steps, monkeypatch):
    """The weight gradients of a recurrent network: the gates' gradients of all steps are joined once."""
    seen = []
    share = executor.share_joins

    def counted(program):
        wide = lambda: [s for s in program.steps if s.function is np.concatenate and s.settings["axis"] == 1]
        seen.append(len(wide()))
        share(program)
        made = {*program.inputs, *program.seeds, *program.constants}
        for step in program.steps:
            assert made.issuperset(step.reads)
            made.add(step.out)
        seen.append(len(wide()))

    monkeypatch.setattr(executor, "share_joins", counted)
    layer, rng = ts.nn.LSTM(3, 4), np.random.default_rng(0)
    function = lambda x: (layer(x)[0] ** 2).sum()
    fast = ts.compile(function, executor="numba")
    x = ts.tensor(rng.standard_normal((steps, 2, 3)).astype(np.float32), requires_grad=True)
    found = []
    for call in (fast, function):
        layer.zero_grad()
        x.grad = None
        call(x).backward()
        found.append([x.grad.numpy(), *(p.grad.numpy() for p in layer.parameters())])
    close(*found, 1e-5)
    products = (seen[0] - 1) // 2
    assert products >= 1
    assert seen == [2 * products + 1, products + 1]


@pytest.mark.parametrize(("order", "also"), [([0, 2, 1], False), ([1, 0], True), ([1, 0], False)])
def test_joins_in_other_orders_or_with_other_readers_stay(order, also):
    """The product is of other columns then, or the short join is needed as it is."""
    made = Program()
    made.values = {n: kind_of(np.ones((2, 2))) for n in range(6)}
    made.inputs = list(range(6))

    def add(function, *args, **settings):
        examples = mapped(args, Ref, lambda ref: np.ones(made.values[ref.number].shape))
        return Ref(made.add(kind_of(function(*examples, **settings)), function, args, settings))

    whole = add(np.concatenate, [Ref(n) for n in range(3)], axis=1)
    part = add(np.concatenate, [Ref(n) for n in order], axis=1)
    states = add(np.concatenate, [Ref(3 + n) for n in order], axis=1)
    product = add(np.matmul, part, add(np.matrix_transpose, states))
    made.gradients = [whole.number, product.number, *([part.number] if also else [])]
    before = list(made.steps)
    executor.share_joins(made)
    assert (made.steps == before) == (order == [0, 2, 1] or also)


def test_what_one_of_several_results_may_be_a_view_of_is_kept():
    """The memory of a loop's result is not used again as long as parts that NumPy took of it are read."""
    w = ts.tensor([1.0, 2.0, 3.0], requires_grad=True)

    def function(a):
        first, second = np.split(a * 2.0 + 1.0, 2)
        later = np.cumsum(np.cumsum(first) * 5.0 + second)
        return (w * (np.cumsum(later * 3.0 - 1.0) + first) * second).sum()

    fast = ts.compile(function, executor="numba")
    for scale in (1.0, -2.0):
        a = np.arange(6.0) * scale
        assert fast(a).item() == function(a).item()


def test_views_in_planned_memory_are_no_calls():
    made = Built(np.ones((3, 3)))
    doubled = made.apply(np.multiply, Ref(0), 2.0)
    turned = made.apply(np.transpose, made.apply(np.matmul, doubled, Ref(0)))
    made.ends(made.apply(np.sort, turned))
    runner = executor.Executor(made)
    (call,) = [call for call in runner._calls[0] if isinstance(call, Step)]
    assert call.function is np.sort
    assert runner.plan.kind_of(turned.number) == POOL
    assert np.array_equal(runner.forward([np.ones((3, 3))], runner.memory())[0], made.results()[0])


def test_a_result_that_is_also_in_a_join_is_over_when_its_last_reader_is():
    made = Built(np.ones((8, 8)))
    part = made.apply(np.multiply, Ref(0), 2.0)  # written to the join, and, laid out otherwise, for the product
    last = made.apply(np.matmul, part, Ref(0))
    for _ in range(3):
        last = made.apply(np.matmul, made.apply(np.add, last, 1.0), Ref(0))
    whole = made.apply(np.concatenate, [part, last], axis=1)
    made.ends(made.apply(np.matmul, whole, made.apply(np.transpose, whole)))
    plan = executor.Executor(made).plan
    assert part.number in plan.stores
    assert plan.places[part.number].root == part.number
    assert plan.size == (1 + 1 + 2) * 8 * 8 * 8  # it shares its place with what comes later; another one, and the join
