"""Tasks for long memories: their rules, their baselines, and that nothing is easier than it should be."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyseq.data import adding_problem, copy_task, embedded_reber
from tinyseq.data.batches import IGNORE

SEEDS = st.integers(0, 2**31)


@given(length=st.integers(2, 30), batch=st.integers(1, 5), seed=SEEDS)
def test_adding_marks_one_number_of_each_half(length, batch, seed):
    x, sums = adding_problem(length, batch, np.random.default_rng(seed))
    assert x.shape == (length, batch, 2)
    assert x.dtype == sums.dtype == np.float32
    numbers, marks = x[..., 0], x[..., 1]
    assert set(np.unique(marks)) <= {0, 1}
    assert (marks[: length // 2].sum(axis=0) == 1).all()
    assert (marks[length // 2 :].sum(axis=0) == 1).all()
    for column in range(batch):
        assert sums[column] == numbers[marks[:, column] == 1, column].sum()


def test_who_does_not_know_the_numbers_has_an_error_of_a_sixth():
    x, sums = adding_problem(10, 40_000, np.random.default_rng(0))
    assert np.mean((sums - 1) ** 2) == pytest.approx(1 / 6, abs=0.005)
    assert x[..., 1].mean(axis=1) == pytest.approx(np.full(10, 0.2), abs=0.01)  # every step is as likely as the others


@given(symbols=st.integers(1, 5), count=st.integers(1, 4), blanks=st.integers(1, 9), seed=SEEDS)
def test_copying_asks_for_what_was_said_after_the_sign_and_says_nothing_between(symbols, count, blanks, seed):
    inputs, targets = copy_task(symbols, count, blanks, 3, np.random.default_rng(seed))
    assert inputs.shape == targets.shape == (2 * count + blanks, 3)
    assert np.array_equal(targets[-count:], inputs[:count])
    assert (inputs[:count] < symbols).all()
    assert (targets[:-count] == IGNORE).all()
    silence = np.full(count + blanks, symbols)
    silence[blanks - 1] = symbols + 1
    assert (inputs[count:] == silence[:, None]).all()


def test_all_symbols_are_equally_likely():
    inputs, _ = copy_task(4, 2, 1, 20_000, np.random.default_rng(0))
    pairs = Counter(zip(*inputs[:2].tolist(), strict=True))
    assert set(pairs) == set(product(range(4), repeat=2))
    assert max(abs(n / 20_000 - 1 / 16) for n in pairs.values()) < 0.01


def reber_strings(length):
    """All strings of Reber's grammar with a length, from its diagram: a walk over its arcs, written down by hand."""
    arcs = [(0, "B", 1), (1, "T", 2), (2, "S", 2), (2, "X", 4), (4, "S", 6), (4, "X", 3)]
    arcs += [(1, "P", 3), (3, "T", 3), (3, "V", 5), (5, "P", 4), (5, "V", 6), (6, "E", 7)]
    walks = {("", 0)}
    for _ in range(length):
        walks = {
            (string + symbol, after) for string, state in walks for before, symbol, after in arcs if before == state
        }
    return {string for string, state in walks if state == 7}


@pytest.mark.parametrize("length", [9, 10, 12, 14])
def test_strings_of_the_embedded_grammar_are_all_there_are_and_equally_likely(length):
    rng, draws = np.random.default_rng(0), 4000
    found = Counter(embedded_reber(length, rng) for _ in range(draws))
    expected = {f"B{outer}{inner}{outer}E" for outer in "TP" for inner in reber_strings(length - 4)}
    assert set(found) == expected
    deviation = 5 * (draws / len(expected)) ** 0.5
    assert all(abs(n - draws / len(expected)) < deviation for n in found.values())


def test_a_long_string_needs_no_deep_recursion():
    assert len(embedded_reber(3000, np.random.default_rng(0))) == 3000


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: adding_problem(1, 2, rng), "length must be at least 2, got 1"),
        (lambda rng: copy_task(4, 3, 0, 2, rng), "blanks must be at least 1, got 0"),
        (lambda rng: embedded_reber(8, rng), "length must be at least 9, got 8"),
        (lambda rng: embedded_reber(-1, rng), "length must be at least 9"),
    ],
)
def test_bad_numbers_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.random.default_rng(0))
