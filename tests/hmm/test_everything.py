"""Every answer is given for batches, with missing data, at any order: as for each sequence alone, by enumeration."""

import inspect
from itertools import product

import numpy as np
import pytest
from hmm.enumeration import entropy, log_sum, paths, ranked, state_posterior, transition_posterior
from hmm.families import CASES
from hmm.models import enumerated, random_model

import tinyseq as ts
from tinyseq.hmm import HMM

DATA = [
    ["x", "y", "z"],
    ["y", None, "w"],
    [None, None],
    ["z"],
    [],
    ["x", "w", None, "y"],
]  # ragged, with missing observations


def logs(model, x):
    return list(paths(enumerated(model, x)).values())


def same(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


def likelihood(model, x):
    return log_sum(logs(model, x))


def check_log_likelihood(model, x, found):
    same(found, likelihood(model, x))


def check_entropy(model, x, found):
    same(found, entropy(enumerated(model, x)))


def check_viterbi(model, x, found):
    every = paths(enumerated(model, x))
    same(found.log_prob, max(every.values()))
    same(every[tuple(model.states.ids(found.path).tolist())], found.log_prob)


def check_kbest(model, x, found):
    every = paths(enumerated(model, x))
    same([one.log_prob for one in found], [every[path] for path in ranked(every)[: len(found)]])


def check_posterior(model, x, found):
    same(found.states, state_posterior(enumerated(model, x)))
    same(found.transitions, transition_posterior(enumerated(model, x)))


def check_posterior_decode(model, x, found):
    table = state_posterior(enumerated(model, x))
    same(found.expected_accuracy, table.max(axis=1).mean() if len(table) else 1.0)


def check_filter(model, x, found):
    for t in range(1, len(x) + 1):
        same(found[t - 1], state_posterior(enumerated(model, x[:t]))[-1])


def check_forward_table(model, x, found):
    for t in range(1, len(x) + 1):
        same(found.log_likelihoods[t - 1], likelihood(model, x[:t]))


def check_predict(model, x, found):
    longer = [*x, None, None]
    for h in (1, 2):
        same(found.states[h - 1], state_posterior(enumerated(model, longer[: len(x) + h]))[-1])


def check_sample_posterior(model, x, found):
    every = paths(enumerated(model, x))
    for path in found:
        assert every[tuple(model.states.ids(path).tolist())] > -np.inf


ANSWERS = {  # name: what is asked of a model and data, and how the answer about one sequence is checked
    "log_likelihood": (lambda m, x: m.log_likelihood(x), check_log_likelihood),
    "entropy": (lambda m, x: m.entropy(x), check_entropy),
    "viterbi": (lambda m, x: m.viterbi(x), check_viterbi),
    "kbest": (lambda m, x: m.kbest(x, 3), check_kbest),
    "posterior": (lambda m, x: m.posterior(x), check_posterior),
    "posterior_decode": (lambda m, x: m.posterior_decode(x), check_posterior_decode),
    "filter": (lambda m, x: m.filter(x), check_filter),
    "forward_table": (lambda m, x: m.forward_table(x), check_forward_table),
    "predict": (lambda m, x: m.predict(x, 2), check_predict),
    "sample_posterior": (lambda m, x: m.sample_posterior(x, 3, rng=0), check_sample_posterior),
}
WHOLE = {"aic", "bic", "fit_em", "fit_em_steps"}  # one answer about all sequences
ONE = {"probability"}  # about a statement


def test_no_answer_is_missing_here():
    taking = {
        name
        for name, method in inspect.getmembers(HMM, inspect.isfunction)
        if not name.startswith("_") and {"x", "sequences"} & set(inspect.signature(method).parameters)
    }
    assert taking == set(ANSWERS) | WHOLE | ONE


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("varying", [False, True])
def test_an_answer_is_the_same_for_each_sequence_of_a_batch_and_by_enumeration(name, order, varying):
    rng = np.random.default_rng(order)
    for size in (1, 2, 3):
        tables = 6 if varying else None
        model = random_model(rng, size, 4, order, tables=tables, states="abc"[:size], symbols="xyzw")
        ask, check = ANSWERS[name]
        found = ask(model, DATA)
        assert len(found) == len(DATA)
        for x, one in zip(DATA, found, strict=True):
            check(model, x, one)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_criteria_count_batches_and_missing_data(order):
    model = random_model(np.random.default_rng(order), 2, 4, order, states="ab", symbols="xyzw")
    total = sum(likelihood(model, x) for x in DATA)
    same(model.aic(DATA), 2 * model.free_parameters() - 2 * total)
    same(model.bic(DATA), model.free_parameters() * np.log(sum(map(len, DATA))) - 2 * total)
    chance = model.probability(DATA[1], [None, "a", None])
    same(chance, np.exp(log_sum(paths(enumerated(model, DATA[1], [None, {"a"}, None])).values())))
    fitted = model.fit_em(DATA, max_steps=1)
    same(fitted.log_likelihoods[0], total)


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("name", [name for name in CASES if name != "Given"])
def test_every_class_of_emissions_answers_with_missing_data_in_batches(name, order):
    rng = np.random.default_rng(5)
    emission = CASES[name].make(rng)
    tables = random_model(rng, 3, 2, order)
    model = HMM(tables.initial, tables.transition, emission)
    drawn = [list(model.sample(length, rng).observations) for length in (5, 3, 1)]
    drawn[0][2] = drawn[1][0] = None
    for answer, (ask, _) in ANSWERS.items():
        if answer == "sample_posterior":
            continue
        together, alone = ask(model, drawn), [ask(model, [x])[0] for x in drawn]
        for one, other in zip(together, alone, strict=True):
            for a, b in zip(numbers(one), numbers(other), strict=True):
                same(a, b)
    # A missing observation is summed, or integrated, over: what comes after it is as if the chain had just gone on.
    ahead = model.predict([drawn[0][:2]], 1)[0].states[0]
    same(model.filter([drawn[0][:3]])[0][-1], ahead)


def numbers(answer):
    """All numbers in an answer."""
    if isinstance(answer, ts.hmm.Posterior):
        return [answer.log_likelihood, answer.states, answer.transitions]
    if isinstance(answer, list | tuple):
        return [number for part in answer for number in numbers(part)] if not _plain(answer) else [answer]
    return [] if answer is None else [np.asarray(answer, dtype=np.float64)]


def _plain(answer):
    return all(isinstance(part, int | float | np.number) for part in answer)


def test_draws_have_any_order_and_length():
    for order, length in product([2, 3, 4], [0, 1, 2, 5]):
        model = random_model(np.random.default_rng(0), 3, 4, order)
        drawn = model.sample(length, rng=0)
        assert len(drawn.observations) == len(drawn.states) == length
