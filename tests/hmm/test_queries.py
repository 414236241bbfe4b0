"""What a model can be asked besides: k best paths, samples, entropy, decoding by posteriors, conditional queries."""

from itertools import product

import numpy as np
import pytest
from hmm.enumeration import Scores, entropy, log_sum, paths, ranked, state_posterior, transition_posterior
from hmm.models import SEQUENCES, STATES, SYMBOLS, enumerated, models, random_model
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.hmm import HMM, Filter, ImpossibleSequenceError, StudentT, divergence_rate, sampled_divergence
from tinyseq.hmm.emissions import draw


@given(models(), SEQUENCES, st.integers(1, 5))
def test_k_best_are_the_first_of_all_paths(model, x, k):
    x = [s for s in x if np.isfinite(model.log_likelihood(s))] or [[]]
    for s, decodings in zip(x, model.kbest(x, k), strict=True):
        found = {path: score for path, score in paths(enumerated(model, s)).items() if score > -np.inf}
        wanted = sorted(found.values(), reverse=True)[:k]
        np.testing.assert_allclose([d.log_prob for d in decodings], wanted)
        every = [tuple(model.states.index(state) for state in d.path) for d in decodings]
        assert len(set(every)) == len(every)
        for path, decoding in zip(every, decodings, strict=True):
            assert found[path] == pytest.approx(decoding.log_prob)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_k_best_ties_go_to_the_lowest_last_states(order):
    initial = tuple(np.full((2,) * (i + 1), 0.5) for i in range(order - 1))
    model = HMM(initial, np.full((2,) * order, 0.5), np.ones((2, 1)))
    for steps in range(1, 5):
        x = [0] * steps
        scores = Scores(tuple(map(np.log, initial)), np.log(model.transition), np.zeros((steps, 2)), None)
        wanted = ranked(paths(scores))
        assert [tuple(d.path.tolist()) for d in model.kbest(x, 16)] == wanted
        assert tuple(model.viterbi(x).path.tolist()) == wanted[0]


@pytest.mark.parametrize("order", [2, 3, 4])
def test_of_few_paths_all_are_found_however_many_are_asked_for(order):
    model = random_model(np.random.default_rng(order), 3, 2, order, end=True, states=STATES, symbols="xy")
    for x in ("", "x", "xyx", "xyxyx"):
        every = paths(enumerated(model, x))
        found = model.kbest(x, 10**6)
        assert {tuple(model.states.ids(d.path).tolist()) for d in found} == set(every)
        np.testing.assert_allclose([d.log_prob for d in found], sorted(every.values(), reverse=True))


@given(models(), SEQUENCES)
def test_entropy_is_that_of_all_paths(model, x):
    np.testing.assert_allclose(model.entropy(x), [entropy(enumerated(model, s)) for s in x], rtol=1e-9, atol=1e-9)


@given(models(), st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=4))
def test_expected_accuracy_is_the_expected_share_of_right_states(model, x):
    if not np.isfinite(model.log_likelihood(x)):
        return
    found = paths(enumerated(model, x))
    total = log_sum(found.values())

    def accuracy(guess):
        return sum(np.exp(v - total) * np.mean(np.equal(path, guess)) for path, v in found.items() if v > -np.inf)

    decoding = model.posterior_decode(x)
    guess = [model.states.index(state) for state in decoding.path]
    assert decoding.expected_accuracy == pytest.approx(accuracy(guess))
    assert accuracy(guess) >= max(map(accuracy, found)) - 1e-12


@pytest.mark.parametrize("order", [2, 3])
def test_posterior_samples_are_as_frequent_as_they_are_probable(order):
    rng = np.random.default_rng(order)
    initial = tuple(rng.dirichlet(np.ones(2), (2,) * i) for i in range(order - 1))
    model = HMM(initial, rng.dirichlet(np.ones(2), (2,) * (order - 1)), rng.dirichlet(np.ones(4), 2), symbols=SYMBOLS)
    x, n = ["x", None, "z", "w"], 20_000
    drawn = np.array(model.sample_posterior(x, n, rng))
    found = paths(enumerated(model, x))
    total = log_sum(found.values())
    for path, score in found.items():
        p = np.exp(score - total)
        assert abs((drawn == path).all(axis=1).mean() - p) < 5 * np.sqrt(p * (1 - p) / n)


def test_posterior_samples_of_ragged_lists_are_possible_paths():
    model = HMM([0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]], states=["odd", "even"])
    drawn = model.sample_posterior([[0, 1, 0], [], [1]], 5, np.random.default_rng(0))
    assert [len(paths) for paths in drawn] == [5, 5, 5]
    assert {tuple(path) for path in drawn[0]} <= {("odd", "even", "odd"), ("even", "odd", "even")}
    assert drawn[1] == [[]] * 5


def test_one_posterior_sample_for_each_of_many_sequences_of_one_length():
    model = HMM([0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]], np.eye(2))
    x = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    drawn = model.sample_posterior(x, 1, np.random.default_rng(0))
    assert [paths[0].tolist() for paths in drawn] == x.tolist()


def test_sampled_sequences_have_the_models_frequencies():
    rng = np.random.default_rng(1)
    model = HMM(
        [0.7, 0.3], [[0.5, 0.3], [0.2, 0.3]], [[0.9, 0.1], [0.3, 0.7]], end=[0.2, 0.5], states="ab", symbols="xy"
    )
    drawn = [model.sample(rng=rng) for _ in range(5000)]
    lengths = np.array([len(d.observations) for d in drawn])
    # The mean length is that of an absorbing chain: (I - A)^-1 1, from the initial distribution.
    mean = model.initial @ np.linalg.solve(np.eye(2) - model.transition, np.ones(2))
    assert abs(lengths.mean() - mean) < 5 * lengths.std() / np.sqrt(5000)
    ones = sum(d.observations == ["x"] for d in drawn) / 5000
    p = np.exp(model.log_likelihood(["x"]))
    assert abs(ones - p) < 5 * np.sqrt(p * (1 - p) / 5000)


@pytest.mark.parametrize(("n", "end"), [(2, False), (2, True), (3, True)])
def test_sequences_of_scores_are_drawn_in_proportion_to_their_weight(n, end):
    """As their log-likelihoods say, also where rows of scores have different sums."""
    rng = np.random.default_rng(2)
    tables = [2 * rng.normal(size=(2,) * (i + 1)) for i in range(n)]
    initial = tuple(tables[:-1]) if n > 2 else tables[0]
    model = HMM.from_logs(initial, tables[-1], rng.normal(size=(2, 2)), end=rng.normal(size=2) if end else None)
    data = [list(x) for x in product(range(2), repeat=3)]
    logs = model.log_likelihood(data)
    wanted = np.exp(logs - np.logaddexp.reduce(logs))
    drawn = [model.sample(3, rng).observations.tolist() for _ in range(1000)]
    shares = np.array([drawn.count(x) for x in data]) / 1000
    assert (np.abs(shares - wanted) < 5 * np.sqrt(wanted * (1 - wanted) / 1000)).all()


def test_scores_of_each_step_are_no_scores_of_later_ones():
    varying = HMM.from_logs(np.zeros(2), np.zeros((2, 2, 2)), np.zeros((2, 2)))
    assert len(varying.sample(3, rng=0).states) == 3
    with pytest.raises(ValueError, match="up to 3 steps, got length=4"):
        varying.sample(4)


QUESTIONS = {
    "sample": lambda model: model.sample(),
    "probability": lambda model: model.probability([0, 1]),
    "aic": lambda model: model.aic([0, 1]),
    "bic": lambda model: model.bic([0, 1]),
    "predict": lambda model: model.predict([0]),
    "Filter.predict": lambda model: Filter(model).predict(),
    "durations": lambda model: model.durations(),
    "expected_durations": lambda model: model.expected_durations(),
    "divergence_rate": lambda model: divergence_rate(HMM([0.5, 0.5], np.full((2, 2), 0.5), np.eye(2)), model),
    "sampled_divergence": lambda model: sampled_divergence(model, model, 3),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_scores_are_not_taken_for_probabilities(question):
    halves = np.log(np.full((2, 2), 0.5))
    likely = HMM.from_logs(halves[0], halves, halves)
    with pytest.raises(ValueError, match=r"needs probabilities, but this model has other scores: transition\[0\] sums"):
        QUESTIONS[question](HMM.from_logs(halves[0], halves + 1.0, halves))
    if question != "sample":  # without an end
        QUESTIONS[question](likely)


def test_all_sequences_of_all_lengths_have_probability_one():
    model = HMM([0.7, 0.3], [[0.5, 0.3], [0.2, 0.3]], np.eye(2), end=[0.2, 0.5])
    missing = [[None] * length for length in range(1, 200)]
    assert np.exp(model.log_likelihood(missing)).sum() == pytest.approx(1, rel=1e-12)


def test_sampling_without_an_end_needs_a_length():
    model = HMM([1.0], [[1.0]], [[1.0]])
    with pytest.raises(ValueError, match="a model without end never stops; pass a length"):
        model.sample()
    nowhere = HMM([1.0, 0.0], [[0.0, 1.0], [0.0, 0.0]], np.eye(2))
    with pytest.raises(ValueError, match=r"after the states \[1\] the model has a dead end; drew 2 states so far"):
        nowhere.sample(3)


@pytest.mark.parametrize("order", [2, 3])
def test_sampling_ends_with_an_error_where_no_state_can_stop(order):
    """State 1 can stop, but once in state 0 the model stays there for ever."""
    transition = [[1.0, 0.0], [0.5, 0.4]]
    if order == 3:
        transition = [transition] * 2
    initial = [0.0, 1.0] if order == 2 else ([0.0, 1.0], [[1.0, 0.0], [0.0, 0.9]])
    model = HMM(initial, transition, np.eye(2), end=[0.0, 0.1])
    assert model.sample(rng=np.random.default_rng(2)).states.tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"no state that can stop follows the states \[.*0\]; pass a length"):
        model.sample(rng=np.random.default_rng(1))
    assert len(model.sample(9, np.random.default_rng(0)).states) == 9


@given(models(), st.integers(0, 99))
def test_sampled_sequences_are_possible(model, seed):
    drawn = model.sample(5, np.random.default_rng(seed))
    assert model.log_likelihood(drawn.observations, states=drawn.states) > -np.inf


def test_queries_are_ratios_of_probabilities(dna):
    by_hand = sum(dna.transition[0, j] * dna.emission[j, 2] for j in range(2))
    assert dna.probability([None, "G"], given=([None, None], [0, None])) == pytest.approx(by_hand)
    assert dna.probability("AC") == pytest.approx(np.exp(dna.log_likelihood("AC")))
    assert dna.probability([None, "C", None], given=("ACA", None)) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="position 0: cannot be 'A' and 'C' at once"):
        dna.probability("A", given=("C", None))
    for wrong in (["C"], ("C",), "C", ("C", None, None), 5):
        with pytest.raises(TypeError, match=r"given must be a pair \(x, states\)"):
            dna.probability("A", given=wrong)
    with pytest.raises(ValueError, match="given has 2 steps, but x has 1"):
        dna.probability("A", given=("CC", None))


def test_a_condition_that_cannot_be_is_an_error():
    model = HMM([1.0, 0.0], np.eye(2), np.eye(2))
    with pytest.raises(ImpossibleSequenceError):
        model.probability([0], given=([None], [1]))


@given(models(), SEQUENCES, st.data())
def test_with_partly_known_states_every_answer_is_that_of_the_paths_that_fit(model, x, data):
    item = st.one_of(st.none(), st.sets(st.sampled_from(list(model.states)), min_size=1), st.sampled_from(model.states))
    known = [data.draw(st.one_of(st.none(), st.lists(item, min_size=len(s), max_size=len(s)))) for s in x]
    every = [paths(enumerated(model, s, k)) for s, k in zip(x, known, strict=True)]
    totals = [log_sum(found.values()) for found in every]
    np.testing.assert_allclose(model.log_likelihood(x, known), totals, rtol=1e-10, atol=1e-12)
    wanted = [entropy(enumerated(model, s, k)) for s, k in zip(x, known, strict=True)]
    np.testing.assert_allclose(model.entropy(x, known), wanted, rtol=1e-9, atol=1e-9)
    possible = [i for i, total in enumerate(totals) if total > -np.inf]
    if len(possible) < len(x):
        with pytest.raises(ImpossibleSequenceError) as raised:
            model.kbest(x, 2, known)
        assert raised.value.sequence == totals.index(-np.inf)
    if not possible:
        return
    x, known, every = ([part[i] for i in possible] for part in (x, known, every))
    rng = np.random.default_rng(0)
    answers = model.viterbi(x, known), model.posterior(x, known), model.kbest(x, 3, known)
    for s, k, found, best, posterior, ranks, drawn, total in zip(
        x, known, every, *answers, model.sample_posterior(x, 2, rng, known), [totals[i] for i in possible], strict=True
    ):
        assert best.log_prob == pytest.approx(max(found.values()))
        np.testing.assert_allclose(posterior.states, state_posterior(enumerated(model, s, k)), atol=1e-10)
        np.testing.assert_allclose(posterior.transitions, transition_posterior(enumerated(model, s, k)), atol=1e-10)
        assert posterior.log_likelihood == pytest.approx(total)
        scores = sorted((score for score in found.values() if score > -np.inf), reverse=True)
        np.testing.assert_allclose([rank.log_prob for rank in ranks], scores[:3])
        for path in drawn:
            assert found[tuple(map(model.states.index, path))] > -np.inf


def test_labels_that_a_model_forbids_are_named_when_they_are_learnt_from():
    """IOB1 tags in a model with the rules of BIO: a loss of inf would say neither where nor why."""
    transition = ts.tensor([[0.5, 0.5, 0.0], [0.3, 0.3, 0.4], [0.3, 0.3, 0.4]], requires_grad=True)
    emission = [[0.5, 0.5], [0.1, 0.9], [0.3, 0.7]]
    model = HMM([0.5, 0.5, 0.0], transition, emission, states=["O", "B", "I"], symbols="ab")
    assert np.isfinite(model.log_likelihood("ab", states=["B", "I"]).item())
    message = "sequence 1 is impossible: only state 'I' can .* 'b' at position 1, .* end in state 'O', which has no"
    with pytest.raises(ImpossibleSequenceError, match=message):
        model.log_likelihood(["ab", "ab"], states=[["O", "B"], ["O", "I"]])
    task = lambda step: ts.train.Loss(-model.log_likelihood(["ab", "ab"], states=[["O", "B"], ["O", "I"]]).sum(), 4)
    with pytest.raises(ImpossibleSequenceError, match=message):
        next(ts.train.train(task, ts.optim.SGD([transition], lr=0.1), steps=1))
    with pytest.raises(ImpossibleSequenceError, match=r"sequence 0 is impossible: .* position 0, and no sequence"):
        model.log_likelihood(["ab"], states=[["I", "I"]])


def test_a_table_of_symbols_is_drawn_from_as_its_rows_are():
    """By the same random numbers: K numbers for each draw, of thousands of symbols, would not fit in memory."""
    rng = np.random.default_rng(0)
    table = rng.dirichlet(np.ones(6), 4) * (rng.random((4, 6)) < 0.6) + [1e-3, 0, 0, 0, 0, 1e-3]
    rows = rng.integers(0, 4, 3000)
    found = draw(table, np.random.default_rng(1), rows)
    np.testing.assert_array_equal(found, draw(table[rows], np.random.default_rng(1)))
    assert (table[rows, found] > 0).all()


def test_a_state_that_emits_nothing_draws_no_symbol():
    model = HMM([0.5, 0.5], np.full((2, 2), 0.5), [[0.5, 0.5], [0, 0]], states="ab")
    with pytest.raises(ValueError, match="state 1 has no symbol of positive probability to draw"):
        model.sample(20, rng=0)
    assert list(model.emissions.sample([])) == []


def test_a_state_without_a_mean_matters_only_where_it_is_possible():
    heavy = StudentT([5.0, 1.0], [1.0, 1.0], df=[3.0, 0.9])
    never, sometimes = ([[1, 0], [0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]])
    assert HMM([1, 0], never, heavy).predict([5.0], 2).observations.tolist() == [[5], [5]]
    assert np.isnan(HMM([1, 0], sometimes, heavy).predict([5.0], 2).observations).all()
