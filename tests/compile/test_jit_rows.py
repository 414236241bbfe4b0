"""Layouts of recurrences: products in rows of the batch, single ones for all steps, no copies, and the same results."""

import itertools

import numpy as np
import pytest
import python_kernels

import tinyseq as ts
from tinyseq.compiler.fusion import Group
from tinyseq.compiler.jit import products
from tinyseq.compiler.jit.passes import rows, tiles
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Ref, kind_of
from tinyseq.nn.recurrent.layers import Recurrent
from tinyseq.nn.recurrent.registry import CELLS

pytestmark = pytest.mark.usefixtures("kernels_in_python")


def networks(cell, batch, steps=4, **settings):
    """A layer compiled and not, on the same numbers: values and all gradients."""
    ts.manual_seed(0)
    layer = Recurrent(cell, 3, 5, **settings)
    rng = np.random.default_rng(1)
    x = ts.tensor(rng.standard_normal((steps, batch, 3)).astype(np.float32), requires_grad=True)

    def function(x, lengths):
        y, states = layer(x, lengths=lengths)
        states = states if isinstance(states, tuple) else (states,)
        return (y**2).sum() + sum((state**3).sum() for state in states)

    fast = ts.compile(function, executor="numba")
    return layer, x, function, fast


@pytest.mark.parametrize("cell", [*CELLS])
@pytest.mark.parametrize("settings", [{}, {"num_layers": 2, "bidirectional": True, "bias": False}], ids=str)
@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("ragged", [False, True])
def test_every_cell_gives_what_it_gives_uncompiled(cell, settings, batch, ragged):
    layer, x, function, fast = networks(cell, batch, **settings)
    lengths = np.arange(batch) % 4 + 1 if ragged else None
    found = []
    for call in (fast, function):
        layer.zero_grad()
        x.grad = None
        loss = call(x, lengths)
        loss.backward()
        found.append([loss.numpy(), x.grad.numpy(), *(p.grad.numpy() for p in layer.parameters())])
    for one, two in zip(*found, strict=True):
        assert one.dtype == two.dtype
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def compiled_layer(cell="lstm", batch=7, steps=5, **settings):
    """The executor of a layer's step."""
    layer, x, _, fast = networks(cell, batch, steps, **settings)
    fast(x, None).backward()
    assert layer.weight_hh_l0.grad is not None
    return fast._newest.executor


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_products_for_all_steps_are_single_ones_of_what_lies_there(cell):
    made = compiled_layer(cell, num_layers=2)
    found = [made._kernels.get(step.out) for step in made.program.steps if step.function is np.matmul]
    assert None not in found
    sizes = [product.numbers(product.rows)[3:7] for product in found]
    assert all(stack == 1 for *_, stack in sizes)
    assert sum(35 in each for each in sizes) >= 6  # 5 steps of 7 sequences: twice forward, four times back
    states = [step for step in made.program.steps if step.function in (np.concatenate, np.stack)]
    copied = [number for step in states for number, _ in made.plan.copies[step.out]]
    assert {*copied} <= {*made.program.constants}  # the initial states
    whole = [s for s in made.program.steps if s.function is np.reshape and made.plan.places.get(s.out) is None]
    assert all(made._root[step.out] != step.out for step in whole)  # views, as the steps lie behind each other


@pytest.mark.parametrize("cell", [*CELLS])
@pytest.mark.parametrize("settings", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)
def test_loops_of_a_recurrence_go_through_all_memory_in_order(cell, settings):
    """A first state that is laid out otherwise does not turn the others: their loops would be ten times slower."""
    made = compiled_layer(cell, batch=7, steps=6, **settings)
    plan, values = made.plan, made.program.values
    over_states = [item for items in made.items for item in items if isinstance(item, Group) and item.shape == (5, 7)]
    targets = [(n, plan.places[n].strides) for loop in over_states for n in loop.writes if n not in plan.silent]
    targets += [
        (n, place.strides) for n, places in plan.stores.items() for place in places if values[n].shape == (5, 7)
    ]
    assert len(targets) >= 6
    runs = 4 if settings else 1
    assert sum(strides[0] != 4 for _, strides in targets) <= runs  # of a first step, whose state is the caller's


def test_products_that_follow_no_recurrence_keep_their_layout():
    w, x = ts.ones(4, 3, requires_grad=True), np.ones((3, 7))
    fast = ts.compile(lambda x: ((w @ x) ** 2).sum(), executor="numba")
    fast(x).backward()
    program = fast.program
    kinds = [program.values[step.out] for step in program.steps if step.function is np.matmul]
    assert kinds
    assert all(kind.strides[-1] == 8 for kind in kinds)


ORDERS = [(0, 1), (1, 0)]


@pytest.mark.parametrize(("one", "two", "out"), [*itertools.product(ORDERS, repeat=3)])
@pytest.mark.parametrize("stacks", [(0, 0), (0, 3), (3, 0), (3, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_of_all_layouts(one, two, out, stacks, dtype):
    """Each operand and the result stored row by row or column by column, alone, in a stack or shared by one."""
    rng = np.random.default_rng(0)

    def laid_out(order, *shape):
        value = rng.standard_normal(shape).astype(dtype)
        return value if order == (0, 1) else np.ascontiguousarray(value.swapaxes(-1, -2)).swapaxes(-1, -2)

    a = laid_out(one, *stacks[:1][: stacks[0] > 0], 4, 5)
    b = laid_out(two, *stacks[1:][: stacks[1] > 0], 5, 6)
    c = laid_out(out, *(3,) * (max(stacks) > 0), 4, 6)
    program = Program()
    program.values = {n: kind_of(array) for n, array in enumerate((a, b, c))}
    program.inputs = [0, 1]
    step = program.steps
    step.append(rows.Step(2, np.matmul, (Ref(0), Ref(1)), {}))
    found = products.product_of(program, step[0], {n: n for n in range(3)})
    assert found is not None
    bases = [array.__array_interface__["data"][0] for array in (a, b, c)]
    c[...] = np.nan
    python_kernels.product(found.given(found.rows, [(n, 0) for n in range(3)]), bases)
    np.testing.assert_allclose(c, a @ b, rtol=1e-5)


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4)])
def test_in_rows(shape):
    found = rows.in_rows(kind_of(np.zeros(shape, np.float32)))
    assert found.shape == shape
    assert found.strides[-2:] == (4, 4 * shape[-2])


def test_joins_that_get_an_axis_of_their_own_are_stacks():
    parts = [np.ones((2, 3)) + n for n in range(4)]
    program = Program()
    numbers = [program.value(kind_of(part)) for part in parts]
    program.inputs = numbers
    join = program.add(kind_of(np.concatenate(parts)), np.concatenate, (tuple(map(Ref, numbers)),), {"axis": 0})
    program.outputs = [program.add(kind_of(np.stack(parts)), np.reshape, (Ref(join), (4, 2, 3)))]
    rows._stack_parts(program)
    last = program.steps[-1]
    assert last.function is np.stack
    np.testing.assert_array_equal(last.function([parts[ref.number] for ref in last.args[0]], **last.settings), parts)
    other = Program()
    other.inputs = [other.value(kind_of(part)) for part in parts]
    join = other.add(kind_of(np.concatenate(parts)), np.concatenate, (tuple(map(Ref, other.inputs)),), {"axis": 0})
    other.outputs = [other.add(kind_of(np.ones((2, 4, 3))), np.reshape, (Ref(join), (2, 4, 3)))]
    rows._stack_parts(other)
    assert [step.function for step in other.steps] == [np.concatenate, np.reshape]


MACHINES = [tiles.Machine(16, 32), tiles.Machine(8, 16)]


@pytest.mark.parametrize("made", MACHINES)
def test_tiles_fit_the_registers_and_cover_the_rows(made):
    for columns in (made.lanes, 2 * made.lanes, 3 * made.lanes, 8 * made.lanes):
        width = made.panel(columns)
        assert width > 0
        assert columns % width == 0
        for rows_ in range(1, 200):
            tall = made.rows(rows_, width)
            sums, factors = tall * width // made.lanes, width // made.lanes + 1
            assert sums + factors <= made.registers
            assert (-rows_ % tall) * max(tall - 1, 1) <= rows_  # that many tiles have a row less
    assert made.panel(made.lanes + 1) == 0


@pytest.mark.parametrize("made", MACHINES)
@pytest.mark.parametrize(("cell", "hidden"), [("lstm", 16), ("lstm", 8), ("gru", 32)])
@pytest.mark.parametrize("batch", [2, 33])
def test_weights_of_a_recurrence_are_packed_once_in_each_pass(made, cell, hidden, batch, monkeypatch):
    monkeypatch.setattr(tiles, "machine", lambda: made)
    monkeypatch.setattr(tiles, "DEPTH", 48)  # longer sums are of several parts
    steps = 4
    layer, rng = Recurrent(cell, 3, hidden), np.random.default_rng(0)
    x = ts.tensor(rng.standard_normal((steps, batch, 3)).astype(np.float32), requires_grad=True)
    function = lambda x: (layer(x)[0] ** 2).sum()
    fast, found = ts.compile(function, executor="numba"), []
    for call in (fast, function):
        layer.zero_grad()
        x.grad = None
        call(x).backward()
        found.append([x.grad.numpy(), *(p.grad.numpy() for p in layer.parameters())])
    for one, two in zip(*found, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-4)
    packed = [step for step in fast.program.steps if step.function is tiles.packed_product]
    backward = steps - 1 if made.panel(hidden) else 0  # the first state is a constant
    apart = batch >= tiles.LOWEST  # the inputs' products are of single steps then, too
    assert len(packed) == steps * (1 + apart) + backward
    assert len({step.args[0] for step in packed}) == 1 + apart + bool(backward)
    executor = fast._newest.executor
    assert {step.out for step in packed} == {
        n for n, made in executor._kernels.items() if made.source is not None and "tile(" in made.source(1)
    }


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_products_are_of_single_steps_if_they_are_read_so(cell, monkeypatch):
    """A layer above another: its inputs' products; their gradients are single ones of the joined gates' gradients."""
    monkeypatch.setattr(tiles, "machine", lambda: MACHINES[0])
    steps = 6
    layer, rng = Recurrent(cell, 16, 16, num_layers=2), np.random.default_rng(0)
    x = ts.tensor(rng.standard_normal((steps, 9, 16)).astype(np.float32), requires_grad=True)
    function = lambda x: (layer(x)[0] ** 2).sum()
    fast, found = ts.compile(function, executor="numba"), []
    for call in (fast, function, fast):
        layer.zero_grad()
        x.grad = None
        call(x).backward()
        found.append([x.grad.numpy(), *(p.grad.numpy() for p in layer.parameters())])
    for replayed in (found[0], found[2]):
        for one, two in zip(replayed, found[1], strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-4)
    made = fast._newest.executor
    of = [sum(isinstance(s, rows.Step) and s.function is tiles.packed_product for s in half) for half in made.items]
    assert of == [2 * 2 * steps, 2 * (steps - 1)]
    assert not any(step.function is np.matmul and step.out not in made._kernels for step in made.program.steps)
    joins = [step for step in made.program.steps if step.function is np.concatenate]
    inside = [step.out for step in joins if made.plan.places.get(step.out, rows) is not rows]
    inside = [number for number in inside if made.plan.places[number].root != number]
    assert len(inside) >= (0 if cell == "rnn" else 2 * (steps - 1))  # the gates' gradients, within those of all steps


def test_products_sink_to_their_readers():
    step = lambda out, *reads: rows.Step(out, np.matmul, tuple(map(Ref, reads)), {})
    one, two, three, four = step(10, 0, 1), step(11, 0, 1), step(12, 11, 0), step(13, 10, 12)
    assert tiles.sunk([one, two, three, four], {10, 11}) == [two, three, one, four]
    assert tiles.sunk([one, two, three], {10}) == [two, three, one]


def test_without_such_vectors_products_are_left_to_blas(monkeypatch):
    monkeypatch.setattr(tiles, "machine", lambda: None)
    assert tiles.panel_for(512) == 0
    monkeypatch.setattr(tiles, "machine", lambda: MACHINES[0])
    assert tiles.panel_for(2048) == 32
    assert tiles.panel_for(2040) == 0


def test_a_packed_product_is_the_product():
    rng = np.random.default_rng(0)
    w, x = rng.standard_normal((6, 5)), rng.standard_normal((5, 4))
    panels = w.reshape(3, 2, 5).transpose(0, 2, 1).copy()
    np.testing.assert_allclose(tiles.packed_product(panels, x), w @ x, rtol=1e-12)
