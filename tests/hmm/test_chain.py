"""The recurrence equals the sum over all paths, in every semiring, order and batch."""

from functools import partial

import numpy as np
import pytest
from hmm.enumeration import (
    TIED,
    WITH_ZEROS,
    Scores,
    chains,
    entropy,
    log_sum,
    paths,
    ranked,
    state_posterior,
    transition_posterior,
)
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.hmm import best_score, chain, log_partition, messages
from tinyseq.hmm.inference.semirings import (
    COUNT,
    LOG,
    MAX,
    MAX_PRODUCT,
    SUM_PRODUCT,
    Entropy,
    Expectation,
    KBest,
    Sample,
    Semiring,
)

INF = np.inf


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-11)  # scores of -10,000 leave 12 digits


def run(scores, semiring, lengths=None):
    return chain(*scores, semiring=semiring, lengths=lengths).numpy()


@given(chains())
def test_log_is_the_log_of_the_sum_over_all_paths(scores):
    close(run(scores, LOG), log_sum(paths(scores).values()))


@given(chains())
def test_max_is_the_score_of_the_best_path_bit_for_bit(scores):
    assert run(scores, MAX) == max(paths(scores).values())


@given(chains())
def test_products_on_probabilities_are_the_same_two_on_logs(scores):
    initial, transition, emission, end = scores
    odds = (tuple(map(np.exp, initial)), np.exp(transition), np.exp(emission), None if end is None else np.exp(end))
    close(run(odds, SUM_PRODUCT), np.exp(log_sum(paths(scores).values())))
    close(run(odds, MAX_PRODUCT), np.exp(max(paths(scores).values())))


@given(chains())
def test_count_is_the_number_of_possible_paths(scores):
    assert run(scores, COUNT) == sum(score > -INF for score in paths(scores).values())


@given(chains(), st.integers(1, 5))
def test_k_best_lists_the_largest_scores(scores, k):
    wanted = sorted(paths(scores).values(), reverse=True)[:k]
    close(run(scores, KBest(k)), wanted + [-INF] * (k - len(wanted)))


@given(chains())
def test_entropy_is_that_of_the_distribution_over_paths(scores):
    total, found = run(scores, Entropy())
    close(total, log_sum(paths(scores).values()))
    close(found, entropy(scores))


def paired(part, features, axis=0):
    return None if part is None else np.stack([part, features], axis=axis)


@given(chains(batch=True), st.integers(0, 9))
def test_expectation_is_the_mean_of_a_sum_of_features(scores_lengths, seed):
    scores, lengths = scores_lengths
    rng = np.random.default_rng(seed)
    features = Scores(
        tuple(rng.normal(size=part.shape) for part in scores.initial),
        *(None if part is None else rng.normal(size=part.shape) for part in scores[1:]),
    )
    initial = tuple(map(paired, scores.initial, features.initial))
    by_step = int(scores.transition.ndim > scores.order)  # the axis of the pair stands behind that of the steps
    transition = paired(scores.transition, features.transition, axis=by_step)
    emission, end = paired(scores.emission, features.emission, axis=1), paired(scores.end, features.end)
    totals, means = chain(initial, transition, emission, end, semiring=Expectation(), lengths=lengths).numpy()
    for b, length in enumerate(lengths):
        weights, values = paths(scores.alone(b, length)), paths(features.alone(b, length))
        norm = log_sum(weights.values())
        close(totals[b], norm)
        possible = [path for path in weights if weights[path] > -INF]
        close(means[b], sum(np.exp(weights[path] - norm) * values[path] for path in possible))
    if len(set(lengths)) == 1:  # without a batch axis
        one = chain(initial, transition, emission[: lengths[0], :, 0], end, semiring=Expectation()).numpy()
        close(one, [totals[0], means[0]])


@given(chains(batch=True, orders=(2, 3, 4)), st.integers(0, 9))
def test_the_gradient_in_sample_is_one_possible_path_of_each_sequence(scores_lengths, seed):
    scores, lengths = scores_lengths
    emission = ts.tensor(scores.emission, requires_grad=True)
    semiring = Sample(np.random.default_rng(seed))
    out = chain(*scores[:2], emission, scores.end, semiring=semiring, lengths=lengths)
    close(out.numpy(), run(scores, LOG, lengths))
    if not any(lengths):
        return
    drawn = ts.grad(out.sum(), emission).numpy()
    for b, length in enumerate(lengths):
        found = paths(scores.alone(b, length))
        if max(found.values()) > -INF:
            path = drawn[:length, b].argmax(axis=-1)
            np.testing.assert_array_equal(drawn[:length, b], np.eye(emission.shape[-1])[path])
            assert found[tuple(path.tolist())] > -INF
            assert not drawn[length:, b].any()


@given(chains(batch=True), st.sampled_from([LOG, MAX, COUNT, KBest(3), Entropy()]))
def test_every_sequence_of_a_ragged_batch_is_as_if_alone(scores_lengths, semiring):
    scores, lengths = scores_lengths
    found = run(scores, semiring, lengths)
    for b, length in enumerate(lengths):
        alone = scores.alone(b, length)
        if scores.transition.ndim > scores.order:
            alone = alone._replace(transition=scores.transition[: max(length - scores.order + 1, 0)])
        np.testing.assert_array_equal(found[..., b], run(alone, semiring))


@given(chains(batch=True))
def test_padding_is_not_looked_at(scores_lengths):
    scores, lengths = scores_lengths
    for junk in (-INF, 5.0):
        emission = scores.emission.copy()
        for b, length in enumerate(lengths):
            emission[length:, b] = junk
        wanted = run(scores, LOG, lengths)
        np.testing.assert_array_equal(run(scores._replace(emission=emission), LOG, lengths), wanted)


@pytest.mark.parametrize("semiring", [LOG, MAX, SUM_PRODUCT, COUNT, KBest(2), Entropy()], ids=str)
@given(
    order=st.integers(2, 4),
    steps=st.integers(0, 4),
    lengths=st.none() | st.lists(st.integers(0, 4), max_size=3),
    end=st.booleans(),
)
def test_all_scores_have_a_gradient_also_those_that_no_path_reads(semiring, order, steps, lengths, end):
    batch = () if lengths is None else (len(lengths),)
    lengths = lengths and [min(length, steps) for length in lengths]
    shapes = [*((2,) * i for i in range(1, order + 1)), (steps, *batch, 2), *([(2,)] if end else [])]
    leaves = [ts.tensor(np.log(np.full(shape, 0.5)), requires_grad=True) for shape in shapes]
    found = chain(tuple(leaves[: order - 1]), *leaves[order - 1 :], semiring=semiring, lengths=lengths)
    assert found.shape == (*np.shape(semiring.one), *batch)
    if semiring is COUNT:  # which has no gradient
        return
    found.sum().backward()
    assert [leaf.grad.shape for leaf in leaves] == shapes
    if semiring in (LOG, MAX):
        fast = log_partition if semiring is LOG else best_score
        again = [leaf.detach().requires_grad_() for leaf in leaves]
        total = fast(tuple(again[: order - 1]), *again[order - 1 :], lengths=lengths)
        total.sum().backward()
        close(found.detach(), total.detach())
        for slow, quick in zip(leaves, again, strict=True):
            close(slow.grad, quick.grad)


def gradients(scores, semiring, lengths=None):
    """Gradients with respect to emission and transition; one transition table for each step."""
    steps = max(scores.emission.shape[0] - scores.order + 1, 0)
    table = scores.transition
    table = table if table.ndim > scores.order else np.broadcast_to(table, (steps, *table.shape))
    leaves = [ts.tensor(part, requires_grad=True) for part in (scores.emission, table)]
    out = chain(scores.initial, leaves[1], leaves[0], scores.end, semiring=semiring, lengths=lengths)
    found = ts.grad(out.sum(), leaves, allow_unused=True)
    return [np.zeros(leaf.shape) if part is None else part.numpy() for part, leaf in zip(found, leaves, strict=True)]


@given(chains())
def test_the_gradient_in_log_is_the_posterior(scores):
    if scores.emission.shape[0]:
        states, transitions = gradients(scores, LOG)
        close(states, state_posterior(scores))
        close(transitions, transition_posterior(scores))


@given(chains(values=TIED))
def test_the_gradient_in_max_is_the_best_path_and_ties_go_to_the_lowest_index(scores):
    found = paths(scores)
    best = ranked(found)[0]
    if best and found[best] > -INF:
        states, _ = gradients(scores, MAX)
        np.testing.assert_array_equal(states, np.eye(scores.emission.shape[1])[list(best)])


@given(chains(values=TIED, varying=False), st.integers(1, 4))
def test_the_gradients_in_k_best_are_the_k_best_paths(scores, k):
    found = paths(scores)
    emission = ts.tensor(scores.emission, requires_grad=True)
    out = chain(*scores[:2], emission, scores.end, semiring=KBest(k))
    if not emission.shape[0]:
        return
    for i, path in enumerate(ranked(found)[:k]):
        if found[path] > -INF:
            indicator = ts.grad(out[i], emission, retain_graph=True)
            np.testing.assert_array_equal(indicator.numpy(), np.eye(emission.shape[1])[list(path)])


@pytest.mark.parametrize("order", [2, 3, 4])
def test_the_gradient_in_sample_is_a_path_drawn_from_the_posterior(order):
    rng = np.random.default_rng(order)
    initial = tuple(np.log(rng.dirichlet(np.ones(2), (2,) * i)) for i in range(order - 1))
    transition, end = np.log(rng.dirichlet(np.ones(2), (2,) * (order - 1))), np.log([0.2, 0.6])
    emission = np.log(rng.uniform(0.1, 1, (4, 2)))
    leaf = ts.tensor(np.repeat(emission[:, None], 4000, axis=1), requires_grad=True)
    out = chain(initial, transition, leaf, end, semiring=Sample(rng))
    drawn = ts.grad(out.sum(), leaf).numpy()
    found = paths(Scores(initial, transition, emission, end))
    np.testing.assert_allclose(out.numpy(), log_sum(found.values()))
    assert set(np.unique(drawn)) == {0.0, 1.0}
    picked = drawn.argmax(axis=-1)
    for path, score in found.items():
        p = np.exp(score - log_sum(found.values()))
        frequency = (picked == np.array(path)[:, None]).all(axis=0).mean()
        assert abs(frequency - p) < 5 * np.sqrt(p * (1 - p) / 4000)


def test_an_impossible_sequence_has_value_minus_infinity_and_gradient_zero():
    emission = ts.tensor(np.full((3, 2), -INF), requires_grad=True)
    for semiring in (LOG, MAX, KBest(2)):
        out = chain(np.zeros(2), np.zeros((2, 2)), emission, semiring=semiring)
        assert (out.numpy() == -INF).all()
        found = ts.grad(out.sum(), emission).numpy()
        assert np.isfinite(found).all()
        if semiring is LOG:
            assert (found == 0).all()


def test_the_second_derivative_is_the_covariance_of_the_states():
    rng = np.random.default_rng(3)
    initial, transition, values = rng.normal(size=2), rng.normal(size=(2, 2)), rng.normal(size=(3, 2))
    emission = ts.tensor(values, requires_grad=True)
    first = ts.grad(chain(initial, transition, emission), emission, create_graph=True)
    second = ts.grad(first[0, 0], emission).numpy()
    scores = Scores((initial,), transition, values, None)
    found, total = paths(scores), log_sum(paths(scores).values())
    both = np.zeros((3, 2))
    for path, score in found.items():
        if path[0] == 0:
            both[range(3), path] += np.exp(score - total)
    alone = state_posterior(scores)
    np.testing.assert_allclose(second, both - alone[0, 0] * alone, atol=1e-12)


@given(chains(values=WITH_ZEROS, orders=(2, 3, 4), max_steps=4, varying=False), st.integers(0, 9))
def test_the_second_derivative_is_the_covariance_of_the_uses_of_arcs(scores, seed):
    """Along any direction: the covariance of how often each arc is used with the whole score of the path in it."""
    if max(paths(scores).values()) == -INF or len(scores.emission) < scores.order:
        return
    direction = np.random.default_rng(seed).normal(size=scores.transition.shape)
    for run_chain in (chain, log_partition):
        transition = ts.tensor(scores.transition, requires_grad=True)
        value = run_chain(scores.initial, transition, scores.emission, scores.end)
        first = ts.grad(value, transition, create_graph=True)
        second = ts.grad((first * direction).sum(), transition).numpy()
        whole, mean, both = log_sum(paths(scores).values()), 0.0, 0.0
        for path, score in paths(scores).items():
            uses = np.zeros(direction.shape)
            for t in range(len(path) - scores.order + 1):
                uses[path[t : t + scores.order]] += 1
            mean = mean + np.exp(score - whole) * uses
            both = both + np.exp(score - whole) * uses * (uses * direction).sum()
        np.testing.assert_allclose(second, both - mean * (mean * direction).sum(), atol=1e-9)


def test_messages_are_the_columns_of_the_trellis():
    transition = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.6, 0.2, 0.2]])
    emission = [[0.2, 0.1, 0.4], [0.1, 0.8, 0.3], [0.7, 0.1, 0.3]]
    columns = [m.numpy() for m in messages([0.1, 0.2, 0.7], transition, emission, semiring=MAX_PRODUCT)]
    np.testing.assert_allclose(columns[3], [0.012544, 0.001792, 0.002688], rtol=1e-12)


def test_a_semiring_of_your_own_needs_two_operations():
    minimum = Semiring("cheapest", sum=lambda x, axis: ts.min(x, axis=axis), zero=INF)
    costs = chain([1.0, 5.0], [[0.0, 9.0], [0.0, 1.0]], [[0.0, 0.0], [7.0, 0.0]], semiring=minimum)
    assert costs.item() == 6.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"initial": np.zeros(3)}, r"initial must have shape \(2,\) to go with 2 states, got \(3,\)"),
        ({"transition": np.zeros((2, 3))}, r"transition must have shape \(2, 2\) to go with 2 states, got \(2, 3\)"),
        ({"emission": np.zeros(4)}, r"emission must have shape \(T, K\) or \(T, B, K\), got \(4,\)"),
        ({"end": np.zeros((1, 2))}, r"end must have shape \(2,\)"),
        (
            {"transition": np.zeros((2, 2, 2))},
            r"transition has shape \(2, 2, 2\), so 2 tables, but 4 .* need 3",
        ),
        ({"lengths": [4]}, r"lengths must have shape \(\)"),
        ({"emission": np.zeros((4, 1, 2)), "lengths": [5]}, r"lengths must lie in 0..4, .*, got \[5\]"),
    ],
)
def test_shapes_that_do_not_fit_are_named(change, message):
    good = {"initial": np.zeros(2), "transition": np.zeros((2, 2)), "emission": np.zeros((4, 2))}
    with pytest.raises(ValueError, match=message):
        chain(**(good | change))


@pytest.mark.parametrize("kind", ["int64", "int8", "bool"])
@pytest.mark.parametrize("order", [2, 3])
def test_scores_may_be_whole_numbers(kind, order):
    rng = np.random.default_rng(order)
    shapes = [*((2,) * (i + 1) for i in range(order)), (4, 3, 2), (2,)]
    scores = [rng.integers(0, 2, shape) * (1 if kind == "bool" else 60) for shape in shapes]

    def asked(ask, kind, **setting):
        *tables, transition, emission, end = [part.astype(kind) for part in scores]
        initial = tuple(tables) if order > 2 else tables[0]
        return ask(initial, transition, emission, end, lengths=[4, 2, 0], **setting).numpy()

    for ask, setting in [
        (log_partition, {}),
        (best_score, {}),
        *((chain, {"semiring": semiring}) for semiring in (LOG, MAX, COUNT, SUM_PRODUCT, KBest(2), Entropy())),
    ]:
        np.testing.assert_array_equal(asked(ask, kind, **setting), asked(ask, float, **setting))


def test_k_best_of_none_is_refused():
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        KBest(0)


@pytest.mark.parametrize("lengths", [[1.5, 2], [np.nan, 2], ["1", "2"], [True, False]])
def test_lengths_are_whole_numbers(lengths):
    tables = np.zeros(2), np.zeros((2, 2)), np.zeros((3, 2, 2))
    for run in (chain, log_partition, best_score):
        with pytest.raises(TypeError, match="lengths must be whole numbers, one for each sequence; got "):
            run(*tables, lengths=lengths)


def test_a_semiring_by_its_name_is_refused():
    with pytest.raises(TypeError, match=r"semiring must be a Semiring, such as ts\.hmm\.semirings\.LOG, got 'log'"):
        chain(np.zeros(2), np.zeros((2, 2)), np.zeros((3, 2)), semiring="log")


@pytest.mark.parametrize("order", [2, 3])
def test_a_score_that_is_no_number_is_seen_in_the_answer_of_its_sequence(order):
    rng = np.random.default_rng(order)
    initial = tuple(rng.normal(size=(3,) * (i + 1)) for i in range(order - 1))
    transition, emission = rng.normal(size=(3,) * order), rng.normal(size=(4, 2, 3))
    emission[1, 0, 2] = np.nan
    tables = initial if order > 2 else initial[0], transition
    for run in (log_partition, best_score, *(partial(chain, semiring=s) for s in (LOG, MAX, KBest(2), Entropy()))):
        both, alone = run(*tables, emission).numpy(), run(*tables, emission[:, 1]).numpy()
        first = both[..., 0].reshape(-1)[0]
        assert np.isnan(first)
        np.testing.assert_allclose(both[..., 1], alone)


def test_a_chain_without_states_is_refused():
    for run in (chain, log_partition, best_score):
        with pytest.raises(ValueError, match=r"emission must have scores of at least one state, got shape \(2, 0\)"):
            run(np.zeros(0), np.zeros((0, 0)), np.zeros((2, 0)))
