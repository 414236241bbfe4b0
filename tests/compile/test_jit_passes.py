"""Each pass for recurrences on a program of about ten lines: what it rewrites, what it leaves, and the same results."""

import operator

import numpy as np
import pytest
from built import Built

from tinyseq.backend import gathered
from tinyseq.compiler.jit.passes import gathers, joins, recompute, rows, tiles
from tinyseq.compiler.recording.arrays import Whole
from tinyseq.compiler.steps import Ref

rng = np.random.default_rng(0)
x, y = Ref(0), Ref(1)


def drawn(*shape, order="C"):
    return np.asarray(rng.standard_normal(shape), np.float32, order=order)


def unchanged(made, results):
    """The program gives the same results as before, within rounding."""
    for found, wanted in zip(made.results(), results, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def recurrence(made, turns):
    """h = tanh(W h), some times; W is the transpose of what is given."""
    h, products, w = y, [], made.apply(np.matrix_transpose, x)
    for _ in range(turns):
        products.append(made.apply(np.matmul, w, h))
        h = made.apply(np.tanh, products[-1])
    return h, products


@pytest.mark.parametrize("turns", [2, 3])
def test_products_with_one_matrix_are_laid_out_in_rows_if_they_are_many(turns):
    made = Built(drawn(4, 4), drawn(4, 3))
    h, products = recurrence(made, turns)
    other = made.apply(np.matmul, y, made.apply(np.transpose, y))
    made.ends(h, other)
    results = made.results()
    rows.lay_out_in_rows(made)
    orders = [made.values[ref.number].order for ref in (*products, h, other)]
    turned = (1, 0) if turns >= rows.FEWEST else (0, 1)
    assert orders == [turned] * (turns + 1) + [(0, 1)]
    unchanged(made, results)


@pytest.mark.parametrize("turned", [False, True])
def test_a_join_of_a_longer_ones_operands_is_a_slice_of_it(turned):
    made = Built(*(drawn(2, n + 1) for n in range(6)))
    parts = [Ref(n) for n in ((1, 0) if turned else (0, 1))]
    whole = made.apply(np.concatenate, [Ref(0), Ref(1), Ref(2)], axis=1)
    one = made.apply(np.concatenate, parts, axis=1)
    states = made.apply(np.concatenate, [made.apply(np.negative, part) for part in parts], axis=1)
    product = made.apply(np.matmul, one, made.apply(np.matrix_transpose, states))
    made.ends(gradients=[whole, product])
    results = made.results()
    joins.share_joins(made)
    (found,) = [step for step in made.steps if step.out == one.number]
    assert (found.function, found.view, found.args[1]) == (operator.getitem, whole, (slice(None), slice(0, 3)))
    unchanged(made, results)


@pytest.mark.parametrize("reads_both", [False, True])
def test_of_an_expensive_value_and_what_follows_from_it_one_is_kept(reads_both):
    made = Built(drawn(3), drawn(3))
    e = made.apply(np.exp, x)
    bottom = made.apply(np.add, e, np.float32(1.0))
    sigmoid = made.apply(np.divide, e, bottom)
    end = made.apply(np.tanh, made.apply(np.multiply, sigmoid, y))
    made.forward = len(made.steps)
    slope = made.apply(np.divide, sigmoid, bottom) if reads_both else sigmoid
    made.ends(end, gradients=[made.apply(np.multiply, slope, y)])
    results, made_before = made.results(), {step.out for step in made.halves[0]}
    recompute.keep_less(made, lambda step: isinstance(step.function, np.ufunc))
    kept = {number for step in made.halves[1] for number in step.reads} & made_before
    assert kept == ({e.number} if reads_both else {sigmoid.number})
    unchanged(made, results)


@pytest.mark.parametrize("positions", [5, 6])
def test_a_small_table_is_multiplied_before_rows_are_gathered_from_it(positions):
    made = Built(drawn(3, 2), rng.integers(0, 3, (1, positions)), drawn(4, 2))
    picked = made.apply(Whole(gathered), x, y)
    product = made.apply(np.matmul, Ref(2), made.apply(np.transpose, picked, (0, 2, 1)))
    made.ends(made.apply(np.tanh, product))
    results = made.results()
    gathers.multiply_tables(made)
    is_multiplied = positions >= 2 * 3
    assert ("picked" in made.names()) is is_multiplied
    shapes = [made.values[step.out].shape for step in made.steps if step.function is np.matmul]
    assert shapes == ([(3, 4)] if is_multiplied else [(1, 4, positions)])
    unchanged(made, results)


@pytest.fixture
def vectors(monkeypatch):
    """A processor with vectors of 8 numbers."""
    monkeypatch.setattr(tiles, "machine", lambda: tiles.Machine(8, 16))


@pytest.mark.parametrize("read_whole", [False, True])
@pytest.mark.usefixtures("vectors")
def test_a_stack_of_products_that_is_read_one_by_one_is_computed_so(read_whole):
    made = Built(drawn(8, 2), drawn(3, 2, tiles.LOWEST))
    stack = made.apply(np.matmul, x, y)
    made.values[stack.number] = rows.in_rows(made.values[stack.number])
    ends = [made.apply(np.tanh, made.apply(operator.getitem, stack, t)) for t in range(3)]
    made.ends(*ends, *([stack] if read_whole else []))
    results = made.results()
    products = tiles.split_stacks(made)
    assert made.names().count("matmul") == (1 if read_whole else 3)
    assert products == (set() if read_whole else {step.out for step in made.steps if step.function is np.matmul})
    unchanged(made, results)


@pytest.mark.parametrize("turns", [2, 3])
@pytest.mark.usefixtures("vectors")
def test_a_matrix_that_multiplies_many_times_is_packed_once(turns):
    made = Built(drawn(8, 8), drawn(8, 5))
    h, products = recurrence(made, turns)
    for ref in products:
        made.values[ref.number] = rows.in_rows(made.values[ref.number])
    made.ends(h)
    results = made.results()
    tiles.pack_weights(made)
    many = turns >= rows.FEWEST
    assert made.names().count("packed_product") == (turns if many else 0)
    assert made.names().count("astype") == int(many)
    unchanged(made, results)
