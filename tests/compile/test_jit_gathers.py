"""Products of rows gathered from a small table: the table is multiplied, with the same results and gradients."""

import numpy as np
import pytest
import python_kernels

import tinyseq as ts
from tinyseq.compiler.jit import cache
from tinyseq.compiler.jit.passes import gathers
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Ref, Step, kind_of
from tinyseq.nn.recurrent.layers import Recurrent
from tinyseq.nn.recurrent.registry import CELLS

COMPILED, DRIVER = cache.kernel, cache.from_runtime  # by Numba; the other tests' kernels run in Python
ROWS, SIZE, HIDDEN, STEPS, BATCH = 6, 3, 5, 4, 7


pytestmark = pytest.mark.usefixtures("kernels_in_python")


def network(cell, **settings):
    ts.manual_seed(0)
    table = ts.tensor(np.random.default_rng(0).standard_normal((ROWS, SIZE)).astype(np.float32), requires_grad=True)
    layer = Recurrent(cell, SIZE, HIDDEN, **settings)

    def function(ids):
        y, _ = layer(table[ids])
        return (y * y).sum()

    return table, layer, function


def called(program):
    """How often each of the functions that rows are gathered or added with is called, forward and backward."""
    halves = program.steps[: program.forward], program.steps[program.forward :]
    functions = (gathers.picked, gathers.summed, gathers.named)
    return [[sum(step.function is function for step in half) for function in functions] for half in halves]


def equal(fast, function, leaves, *args):
    """Compiled and not: value and gradients are equal, where there are any."""
    found = []
    for call in (fast, function):
        for leaf in leaves:
            leaf.grad = None
        loss = call(*args)
        loss.backward()
        found.append([loss.numpy(), *(leaf.grad.numpy() for leaf in leaves if leaf.grad is not None)])
    assert len(found[0]) == len(found[1])
    for one, two in zip(*found, strict=True):
        assert one.shape == two.shape
        assert one.dtype == two.dtype
        np.testing.assert_allclose(one, two, rtol=2e-4, atol=1e-5)


def some_ids(rng, steps=STEPS, batch=BATCH):
    return rng.integers(-ROWS, ROWS - 1, (steps, batch))  # without the last row by its own number


@pytest.mark.parametrize("cell", [*CELLS])
@pytest.mark.parametrize("settings", [{}, {"num_layers": 2}, {"bias": False}, {"bidirectional": True}], ids=str)
def test_every_cell_over_a_table_gives_what_it_gives_uncompiled(cell, settings):
    table, layer, function = network(cell, **settings)
    fast, rng = ts.compile(function, executor="numba"), np.random.default_rng(1)
    for _ in range(2):  # other ids in the replay
        equal(fast, function, [table, *layer.parameters()], some_ids(rng))
    picked, summed = called(fast.program)[0][0], called(fast.program)[1][1]
    assert picked >= (1 if settings.get("bidirectional") else STEPS)
    assert summed >= 1
    products = [fast.program.values[step.out].shape for step in fast.program.steps if step.function is np.matmul]
    if not settings.get("bidirectional"):  # where the gradients of both directions are added up first
        assert (SIZE, STEPS * BATCH) not in products


@pytest.mark.parametrize("frozen", ["table", "layer"])
def test_only_one_of_the_table_and_the_layer_is_trained(frozen):
    table, layer, function = network("lstm")
    leaves = [table, *layer.parameters()]
    for leaf in [table] if frozen == "table" else layer.parameters():
        leaf.requires_grad = False
    fast = ts.compile(function, executor="numba")
    equal(fast, function, leaves, some_ids(np.random.default_rng(1)))
    assert called(fast.program)[0][0] == STEPS


@pytest.mark.parametrize(
    ("steps", "batch", "wanted"), [(4, 3, True), (1, 11, False), (3, 3, False), (12, 1, True), (11, 1, False)]
)
def test_tables_are_multiplied_if_they_have_at_most_half_as_many_rows(steps, batch, wanted):
    table, layer, function = network("gru")
    fast = ts.compile(function, executor="numba")
    equal(fast, function, [table, *layer.parameters()], some_ids(np.random.default_rng(1), steps, batch))
    assert (called(fast.program)[0][0] > 0) is wanted


def test_a_row_that_no_place_names_may_be_infinite():
    table, layer, function = network("rnn")
    with ts.no_grad():
        table[2], table[3] = np.inf, np.nan
    ids = np.random.default_rng(1).choice([0, 1, 4, 5, -1, -6], (STEPS, BATCH))
    fast = ts.compile(function, executor="numba")
    equal(fast, function, [table, *layer.parameters()], ids)
    assert np.isfinite(layer.weight_ih_l0.grad.numpy()).all()
    assert called(fast.program)[1][1] == 1


@pytest.mark.parametrize("wrong", [ROWS, -ROWS - 1])
def test_an_id_out_of_range_is_an_error(wrong):
    _, _, function = network("lstm")
    fast, ids = ts.compile(function, executor="numba"), some_ids(np.random.default_rng(1))
    fast(ids)
    ids[1, 2] = wrong
    with pytest.raises(IndexError):
        fast(ids)
    with pytest.raises(IndexError, match="6 rows"):
        gathers.places_of(ids, ROWS)


def test_places_are_counted_from_the_start():
    found = gathers.places_of(np.array([[-1, 0], [2, -3]], np.int32), 3)
    assert found.dtype == np.int64
    assert found.tolist() == [[2, 0], [2, 0]]


def test_a_language_model_of_characters_learns_as_it_does_uncompiled():
    losses = []
    for how in (False, "numba"):
        ts.manual_seed(0)
        model = ts.lm.RNNLM("abcd", 5, 4, num_layers=2)
        losses.append([r.loss for r in model.fit_steps("abcdacbd" * 40, steps=6, window=5, batch=4, compile=how)])
    np.testing.assert_allclose(*losses, rtol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize("across", ["rows", "columns"])
def test_kernels_copy_and_add_rows(dtype, real, across, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    places = rng.integers(0, 5, (3, 4))
    values = rng.standard_normal((6, 12)).astype(dtype)
    values = np.asfortranarray(values) if across == "columns" else values
    table = rng.standard_normal((5, 6)).astype(dtype)
    for function, first, out in [
        (gathers.picked, table, np.full((3, 4, 6), np.nan, dtype).swapaxes(1, 2)),
        (gathers.summed, values, np.full((5, 6), np.nan, dtype)),
    ]:
        program = Program()
        program.inputs = [program.value(kind_of(array)) for array in (first, places)]
        args = (Ref(0), Ref(1)) if function is gathers.picked else (Ref(0), Ref(1), 5)
        step = Step(program.value(kind_of(out)), function, args, {})
        found = gathers.rows_of(program, step)
        assert found is not None
        code = [0, *found.given(found.rows, [(n, 0) for n in range(3)])]
        bases = np.array([array.__array_interface__["data"][0] for array in (first, places, out)], np.int64)
        if real:
            pytest.importorskip("numba")
            monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
            code = np.array([len(code) + 1, COMPILED(found.source(1)).address, *code[1:]], np.int64)
            DRIVER("drive")(code, bases, 0, len(code))
        else:
            made = python_kernels.kernel(found.source(1))
            python_kernels.FUNCTIONS[made.address](code[1:], bases)
        np.testing.assert_allclose(out, function(first, places, *([5] * (function is gathers.summed))), rtol=1e-6)
