"""Chains that only go forward equal the general chain with its table, in every semiring, and their op is sound."""

import itertools

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.autograd.declare import OPS
from tinyseq.backend import namespace_of
from tinyseq.hmm.inference.chain import chain
from tinyseq.hmm.inference.left_to_right import left_to_right
from tinyseq.hmm.inference.semirings import COUNT, LOG, MAX, MAX_PRODUCT, SUM_PRODUCT, Entropy, KBest
from tinyseq.testing.battery import check_library, check_op
from tinyseq.testing.calls import Call, family, numbers

SEMIRINGS = {
    "log": LOG,
    "max": MAX,
    "count": COUNT,
    "3-best": KBest(3),
    "entropy": Entropy(),
    "sum-product": SUM_PRODUCT,
    "max-product": MAX_PRODUCT,
}


def problem(seed, steps, size, states, impossible):
    rng = np.random.default_rng(seed)
    emission = rng.standard_normal((steps, size, states))
    emission[rng.random(emission.shape) < impossible] = -np.inf
    skips, ends = rng.random((2, size, states)) < 0.5
    return emission, skips, ends, rng.integers(0, steps + 1, size)


PROBLEMS = st.builds(
    problem,
    st.integers(0, 2**31),
    st.integers(0, 5),
    st.integers(1, 3),
    st.integers(1, 5),
    st.sampled_from([0.0, 0.3]),
)


@pytest.mark.parametrize("name", sorted(SEMIRINGS))
@given(problem=PROBLEMS)
def test_it_is_the_chain_whose_table_is_nearly_empty(name, problem):
    """The table (S, S) written out for each sequence; an end that is not allowed scores the zero of the semiring."""
    semiring, (emission, skips, ends, lengths) = SEMIRINGS[name], problem
    zero, one = semiring.zero, float(semiring.zero == 0)
    scores = np.exp(emission) if one else emission
    found = left_to_right(ts.tensor(scores), skips, ends, lengths, semiring=semiring).numpy()
    states = emission.shape[2]
    for b, length in enumerate(lengths):
        table = np.full((states, states), zero)
        for s in range(states):
            table[s, s : s + 2] = one
            if s + 2 < states and skips[b, s + 2]:
                table[s, s + 2] = one
        if length == 0:  # it stands in the first state, where the general chain has no state yet
            rows = np.full((1, states), zero)
            rows[0, 0] = one
            expected = chain(np.full(states, one), table, rows, np.where(ends[b], one, zero), semiring=semiring)
        else:
            expected = chain(table[0], table, scores[:length, b], np.where(ends[b], one, zero), semiring=semiring)
        np.testing.assert_allclose(found[..., b], expected.numpy(), rtol=1e-10, atol=1e-12)


@given(problem=PROBLEMS)
def test_the_gradient_of_the_fast_way_is_that_of_the_readable_one(problem):
    emission, skips, ends, lengths = problem
    same_as_log = type(LOG)("log by step", sum=LOG.sum)  # not the LOG that has a fast way
    slopes = []
    for semiring in (LOG, same_as_log):
        leaf = ts.tensor(emission, requires_grad=True)
        total = left_to_right(leaf, skips, ends, lengths, semiring=semiring)
        possible = ts.where(total.detach().numpy() > -np.inf, total, 0.0)
        slope = second = None
        if possible.requires_grad:
            slope = ts.grad(possible.sum(), leaf, create_graph=True, allow_unused=True)
        if slope is not None and slope.requires_grad:
            second = ts.grad((slope * slope).sum(), leaf, allow_unused=True)
        filled = [np.zeros(emission.shape) if part is None else part.detach().numpy() for part in (slope, second)]
        slopes.append(filled)
    for found, expected in zip(*slopes, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@given(problem=PROBLEMS, rubbish=st.sampled_from([np.nan, np.inf, -np.inf]))
def test_what_lies_beyond_a_length_reaches_neither_value_nor_gradient(problem, rubbish):
    emission, skips, ends, lengths = problem
    spoilt = emission.copy()
    spoilt[np.arange(len(emission))[:, None] >= lengths] = rubbish
    for semiring in (LOG, MAX):
        answers = []
        for scores in (emission, spoilt):
            leaf = ts.tensor(scores, requires_grad=True)
            total = left_to_right(leaf, skips, ends, lengths, semiring=semiring)
            slope = ts.grad(total.sum(), leaf, allow_unused=True) if total.requires_grad else None
            answers.append((total.numpy(), np.zeros(1) if slope is None else slope.numpy()))
        for found, expected in zip(*answers, strict=True):
            np.testing.assert_array_equal(found, expected)


@given(problem=PROBLEMS)
def test_the_count_is_that_of_all_paths_one_by_one(problem):
    emission, skips, ends, lengths = problem
    found = left_to_right(ts.tensor(emission), skips, ends, lengths, semiring=COUNT).numpy()
    for b, length in enumerate(lengths):
        count = 0
        for path in itertools.product(range(emission.shape[2]), repeat=int(length)):
            moves = np.diff([0, *path])
            legal = all(m in (0, 1) or (m == 2 and skips[b, s]) for m, s in zip(moves, path, strict=True))
            alive = all(emission[t, b, s] > -np.inf for t, s in enumerate(path))
            count += legal and alive and bool(ends[b, path[-1] if path else 0])
        assert found[b] == count


@family
def left_to_right_calls(draw, op):
    """An initial message, scores of a few steps, and where a state may be skipped to."""
    size, states = draw(st.integers(1, 2)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    initial, emission = numbers(draw, op, [(size, states), (draw(st.integers(0, 3)), size, states)])
    return Call((initial, emission, rng.random((size, states)) < 0.5), {})


@given(data=st.data())
def test_the_op_keeps_the_contract_of_ops(data):
    op = OPS["left_to_right"]
    check_op(op, data.draw(st.composite(left_to_right_calls)(op)))


@settings(max_examples=20)
@given(data=st.data())
def test_another_array_library_gives_the_same(data):
    op = OPS["left_to_right"]
    call = data.draw(st.composite(left_to_right_calls)(op))
    check_library(op, call, namespace_of(array_api_strict.asarray([0.0])))
