"""The chains as one node of the tape equal the readable recurrence: value, gradient and second order."""

from functools import partial

import array_api_strict
import numpy as np
import pytest
from hmm.enumeration import FINITE, TIED, WITH_ZEROS, chains
from hypothesis import assume, given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.autograd.declare import OPS
from tinyseq.hmm import best_score, chain, log_partition
from tinyseq.hmm.inference.semirings import LOG, MAX, KBest
from tinyseq.testing.battery import check_op
from tinyseq.testing.calls import Call, family, numbers


def leaves(scores):
    """All tables as leaves, in the order of the arguments."""
    initial, transition, emission, end = scores
    made = [ts.tensor(part, requires_grad=True) for part in (*initial, transition, emission)]
    return made, None if end is None else ts.tensor(end, requires_grad=True)


def both(scores, lengths, fast, semiring, upstream=None):
    """Values and gradients of the fast and of the readable chain."""
    results = []
    for run in (fast, lambda *args, **kwargs: chain(*args, semiring=semiring, **kwargs)):
        parts, end = leaves(scores)
        out = run(tuple(parts[:-2]), *parts[-2:], end, lengths=lengths)
        everything = [*parts, *([] if end is None else [end])]
        weight = np.ones(out.shape) if upstream is None else upstream
        slopes = [None] * len(everything)
        if out.requires_grad:
            slopes = ts.grad(out, everything, weight, allow_unused=True)
        slopes = [np.zeros(p.shape) if s is None else s.numpy() for s, p in zip(slopes, everything, strict=True)]
        results.append((out.numpy(), slopes))
    return results


@pytest.mark.parametrize("padding", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("order", [2, 3])
def test_what_lies_beyond_a_length_reaches_neither_value_nor_gradient(order, padding):
    rng, lengths = np.random.default_rng(order), [5, 2, 0]
    parts = [rng.normal(size=(2,) * (i + 1)) for i in range(order)]
    emission = rng.normal(size=(5, 3, 2))
    padded = emission.copy()
    for b, length in enumerate(lengths):
        padded[length:, b] = padding
    for semiring, fast in ((LOG, log_partition), (MAX, best_score)):
        for run in (fast, lambda *args, semiring=semiring, **kwargs: chain(*args, semiring=semiring, **kwargs)):
            answers = []
            for scores in (emission, padded):
                tensors = [ts.tensor(part, requires_grad=True) for part in (*parts, scores)]
                out = run(tuple(tensors[:-2]), *tensors[-2:], lengths=lengths)
                first = ts.grad(out.sum(), tensors, create_graph=True)
                second = ts.grad((first[-2] ** 2).sum(), tensors, allow_unused=True) if semiring is LOG else []
                answers.append([out, *first, *(slope for slope in second if slope is not None)])
            for one, other in zip(*answers, strict=True):
                np.testing.assert_array_equal(one.numpy(), other.numpy())


@given(chains(batch=True), st.integers(0, 9))
def test_log_partition_is_the_chain_in_log(scores_lengths, seed):
    scores, lengths = scores_lengths
    upstream = np.random.default_rng(seed).normal(size=len(lengths))
    (value, slopes), (wanted, wanted_slopes) = both(scores, lengths, log_partition, LOG, upstream)
    np.testing.assert_allclose(value, wanted, rtol=1e-12, atol=1e-12)
    for found, want in zip(slopes, wanted_slopes, strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-11, atol=1e-11)
    everything = (*scores.initial, *(part for part in scores[1:] if part is not None))
    for slope, wanted_slope, part in zip(slopes, wanted_slopes, everything, strict=True):
        assert not slope[part == -np.inf].any()  # what is forbidden has gradient 0, not a small number
        assert not wanted_slope[part == -np.inf].any()


@pytest.mark.parametrize("semiring", [LOG, MAX, KBest(2)])
def test_a_sequence_without_a_possible_path_has_no_gradient_and_leaves_the_others_theirs(semiring):
    initial, transition = [0.0, -np.inf], [[-np.inf, 0.0], [0.0, -1.0]]
    possible, impossible = np.zeros((3, 2)), np.array([[0.0, 0.0], [0.0, -np.inf], [0.0, 0.0]])
    fast = {LOG: [log_partition], MAX: [best_score]}.get(semiring, [])
    for run in (*fast, partial(chain, semiring=semiring)):
        alone, together = (
            [ts.tensor(part, requires_grad=True) for part in (initial, transition, emission)]
            for emission in (possible[:, None], np.stack([impossible, possible], axis=1))
        )
        run(*alone).sum().backward()
        run(*together).sum().backward()
        for one, other in zip(alone[:2], together[:2], strict=True):
            np.testing.assert_array_equal(other.grad.numpy(), one.grad.numpy())
        assert not together[2].grad.numpy()[:, 0].any()
        np.testing.assert_array_equal(together[2].grad.numpy()[:, 1:], alone[2].grad.numpy())


@given(chains(batch=True, values=TIED))
def test_best_score_is_the_chain_in_max_bit_for_bit(scores_lengths):
    scores, lengths = scores_lengths
    (value, slopes), (wanted, wanted_slopes) = both(scores, lengths, best_score, MAX)
    np.testing.assert_array_equal(value, wanted)
    for found, want in zip(slopes, wanted_slopes, strict=True):
        np.testing.assert_array_equal(found, want)


@given(chains(values=WITH_ZEROS))
def test_one_sequence_needs_no_batch_axis(scores):
    for fast, semiring in ((log_partition, LOG), (best_score, MAX)):
        wanted = chain(*scores, semiring=semiring).numpy()
        np.testing.assert_allclose(fast(*scores).numpy(), wanted, rtol=1e-12, atol=1e-12)


@given(chains(values=FINITE, orders=(2, 3), max_steps=4))
def test_second_order_equals_that_of_the_readable_chain(scores):
    assume(scores.emission.shape[0])
    found = []
    for run in (log_partition, chain):
        parts, end = leaves(scores)
        out = run(tuple(parts[:-2]), *parts[-2:], end)
        first = ts.grad(out, parts[-1], create_graph=True)
        weights = np.arange(first.size).reshape(first.shape) + 1.0
        second = ts.grad((first * first * weights).sum(), parts, allow_unused=True)
        found.append([np.zeros(p.shape) if s is None else s.numpy() for s, p in zip(second, parts, strict=True)])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


@given(chains(batch=True, values=FINITE))
def test_float32_in_float32_out(scores_lengths):
    scores, lengths = scores_lengths
    single = type(scores)(
        tuple(table.astype("f4") for table in scores.initial),
        *(None if part is None else part.astype("f4") for part in scores[1:]),
    )
    for fast in (log_partition, best_score):
        found = fast(*single, lengths=lengths)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found.numpy(), fast(*scores, lengths=lengths).numpy(), rtol=1e-5, atol=1e-5)


@family
def chain_calls(draw, op):
    """The scores of a random chain as one vector."""
    scores, lengths = draw(chains(values=FINITE, batch=True, max_steps=3, orders=(2, 3)))
    parts = [*scores.initial, scores.transition, scores.emission, *([] if scores.end is None else [scores.end])]
    shapes = tuple(part.shape for part in parts)
    setting = {"shapes": shapes, "n": scores.order, "lengths": tuple(lengths)}
    return Call(numbers(draw, op, [(sum(part.size for part in parts),)]), setting)


@pytest.mark.host
@pytest.mark.parametrize("name", ["log_partition", "best_score"])
@given(data=st.data())
def test_the_ops_keep_the_contract_of_ops(name, data):
    op = OPS[name]
    check_op(op, data.draw(st.composite(chain_calls)(op)))


@pytest.mark.host
@pytest.mark.parametrize("fast", [log_partition, best_score])
@pytest.mark.parametrize("twice", ["transition and emission", "initial and end", "initial and transition"])
def test_one_tensor_may_be_two_of_the_arguments(fast, twice):
    rng = np.random.default_rng(0)
    vector, matrix, batch = (rng.standard_normal((3,) * n) for n in (1, 2, 3))
    given, ask = {
        "transition and emission": (batch, lambda x, y: fast(vector, x, y)),
        "initial and end": (vector, lambda x, y: fast(x, matrix, batch, y)),
        "initial and transition": (matrix, lambda x, y: fast((vector, x), batch, y)),
    }[twice]
    both = ts.tensor(given, requires_grad=True)
    apart = [ts.tensor(given, requires_grad=True) for _ in range(2)]
    ask(both, both).sum().backward()
    ask(*apart).sum().backward()
    np.testing.assert_allclose(both.grad.numpy(), sum(part.grad.numpy() for part in apart), rtol=1e-12)


def test_it_is_one_node_of_the_tape():
    emission = ts.tensor(np.zeros((50, 3)), requires_grad=True)
    out = log_partition(np.zeros(3), np.zeros((3, 3)), emission[:, None], lengths=[50]).sum()
    assert [visit.node.op.name for visit in ts.trace_backward(out)] == [
        "sum",
        "log_partition",
        "concatenate",
        "reshape",
        "getitem",
    ]


@pytest.mark.parametrize("fast", [log_partition, best_score])
def test_other_array_libraries_take_the_readable_way(fast):
    xp = array_api_strict
    emission = ts.tensor(xp.asarray([[0.0, -1.0], [-2.0, 0.5]]), requires_grad=True)
    initial, transition = ts.tensor(xp.zeros(2)), ts.tensor(xp.asarray([[0.0, -1.0], [-0.5, 0.25]]))
    out = fast(initial, transition, emission)
    out.backward()
    plain = fast(np.zeros(2), [[0.0, -1.0], [-0.5, 0.25]], [[0.0, -1.0], [-2.0, 0.5]])
    np.testing.assert_allclose(np.asarray(out.tolist()), plain.item())
