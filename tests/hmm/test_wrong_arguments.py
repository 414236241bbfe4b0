"""Every argument of what users call in ts.hmm: one of the wrong type is named, with what was found.

Python's own words for it, such as "'int' object is not iterable", do not say which argument is meant.
"""

import inspect
import re

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.hmm import HMM, Gaussian, semirings

MODEL = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]], states="LH", symbols="ab")
TABLES = {"initial": [0.5, 0.5], "transition": [[0.9, 0.1], [0.2, 0.8]], "emission": [[0.5, 0.5], [0.1, 0.9]]}
LOGS = {name: np.log(table) for name, table in TABLES.items()}
EMISSION = {"emission": TABLES["emission"]}
PAIRS = [[("a", "X"), ("b", "Y")]]


def estimated(**settings):
    return ts.hmm.HMMEstimator(**settings).fit([[0, 1, 1], [1, 0]])


def fitted(**given):
    return ts.hmm.HMMEstimator(n_iter=1).fit(**{"X": [[0, 1], [1]]} | given)


CALLS = {
    "HMM": (HMM, TABLES),
    "from_logs": (HMM.from_logs, LOGS),
    "left_to_right": (HMM.left_to_right, EMISSION),
    "cyclic": (HMM.cyclic, EMISSION),
    "semi_markov": (
        HMM.semi_markov,
        {"initial": [1, 0], "jumps": [[0, 1], [1, 0]], "durations": [[0.5, 0.5], [1, 0]], **EMISSION},
    ),
    "from_labelled": (HMM.from_labelled, {"sequences": PAIRS}),
    **{
        name: (getattr(MODEL, name), {"x": "ab"})
        for name in (
            *("log_likelihood", "viterbi", "posterior", "posterior_decode", "entropy", "filter", "forward_table"),
            *("predict", "probability", "aic", "bic", "sample_posterior"),
        )
    },
    "kbest": (MODEL.kbest, {"x": "ab", "k": 2}),
    "fit_em": (MODEL.fit_em, {"sequences": "ab", "max_steps": 1}),
    "fit_em_steps": (MODEL.fit_em_steps, {"sequences": "ab", "max_steps": 1}),
    "sample": (MODEL.sample, {"length": 2}),
    "durations": (MODEL.durations, {}),
    "AddK": (ts.hmm.AddK, {}),
    "Categorical": (ts.hmm.Categorical, {"table": [[0.5, 0.5]]}),
    "Gaussian": (Gaussian, {"means": [0.0, 1.0], "covariances": [1.0, 1.0]}),
    "GaussianMixture": (
        ts.hmm.GaussianMixture,
        {"weights": [[0.5, 0.5]], "means": [[0.0, 1.0]], "covariances": [[1.0, 1.0]]},
    ),
    "Poisson": (ts.hmm.Poisson, {}),
    "Multinomial": (ts.hmm.Multinomial, {"probabilities": [[0.5, 0.5]]}),
    "StudentT": (ts.hmm.StudentT, {"means": [0.0], "scales": [1.0], "df": [3.0]}),
    "Shared": (ts.hmm.Shared, {"emission": Gaussian([0.0], [1.0]), "of": [0, 0]}),
    "Filter": (ts.hmm.Filter, {}),
    "compare": (ts.hmm.compare, {"X": ["ab"], "states": [1], "n_iter": 1, "restarts": 1}),
    "path_divergence": (ts.hmm.path_divergence, {"p": MODEL, "q": MODEL, "x": "ab"}),
    "divergence_rate": (ts.hmm.divergence_rate, {"p": MODEL, "q": MODEL}),
    "sampled_divergence": (ts.hmm.sampled_divergence, {"p": MODEL, "q": MODEL, "length": 2, "samples": 2}),
    "observed_durations": (ts.hmm.observed_durations, {"paths": ["aab"]}),
    "chain": (ts.hmm.chain, LOGS),
    "log_partition": (ts.hmm.log_partition, LOGS),
    "best_score": (ts.hmm.best_score, LOGS),
    "check_semiring": (ts.hmm.check_semiring, {"semiring": semirings.LOG, "trials": 1}),
    "Semiring": (semirings.Semiring, {"name": "least", "sum": np.min}),
    "KBest": (semirings.KBest, {}),
    "Sample": (semirings.Sample, {}),
    "HMMEstimator": (estimated, {"n_iter": 1, "restarts": 1}),
    "HMMEstimator.fit": (fitted, {}),
    "HMMTagger": (lambda **settings: ts.tagging.HMMTagger(**settings).fit(PAIRS), {}),
}
SIGNATURES = {
    "HMMEstimator": ts.hmm.HMMEstimator,
    "HMMEstimator.fit": ts.hmm.HMMEstimator.fit,
    "HMMTagger": ts.tagging.HMMTagger,
}
WRONG = [1, 2.5, "zz", b"x", [1, 2], (3,), None, True, {1: 2}, {"a": "b"}, object(), len, np.ones(()), np.nan, [["a"]]]
PYTHONS = re.compile(
    r"not iterable|has no attribute|has no len|unsized|unhashable|not supported between|could not convert|"
    r"not subscriptable|not callable|0-d array|must be a string or a real number|ambiguous|broadcast|inhomogeneous|"
    r"too many indices|positional argument"
)
NAMED = (  # errors that say what is meant in other words
    "is not a symbol of this model",
    "'s name must",
    "expected a pair (symbol, state)",
    "takes sentences of pairs (word, tag)",
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_an_argument_of_the_wrong_type_is_named(name, capsys):
    call, good = CALLS[name]
    for parameter in inspect.signature(SIGNATURES.get(name, call)).parameters:
        for wrong in WRONG if parameter != "self" else []:
            try:
                call(**{**good, parameter: wrong})
            except (TypeError, ValueError) as error:
                said = str(error)
                named = re.search(rf"\b{parameter}\b", said) or any(words in said for words in NAMED)
                assert named, (parameter, wrong, said)
                assert not PYTHONS.search(re.sub(r"\(.*\)", "", said)), (parameter, wrong, said)


@pytest.mark.parametrize("name", CALLS)
def test_a_flag_is_true_or_false(name):
    call, good = CALLS[name]
    parameters = inspect.signature(SIGNATURES.get(name, call)).parameters.values()
    for flag in (each.name for each in parameters if isinstance(each.default, bool)):
        for wrong in (each for each in WRONG if not isinstance(each, bool)):
            with pytest.raises(TypeError, match=f"{flag} must be True or False, got"):
                call(**{**good, flag: wrong})


def test_a_tolerance_is_a_number():
    for wrong in (None, "x", np.nan, [1.0]):
        with pytest.raises((TypeError, ValueError), match="tolerance must be a number"):
            MODEL.fit_em("ab", tolerance=wrong)
    assert MODEL.fit_em("ab", tolerance=-np.inf, max_steps=2).log_likelihoods


def test_the_length_of_a_single_chain_is_a_number_or_a_list_of_one():
    whole = ts.hmm.chain(*LOGS.values()).item()
    for run in (ts.hmm.chain, ts.hmm.log_partition):
        assert run(*LOGS.values(), lengths=2).item() == pytest.approx(whole)


@pytest.mark.parametrize("run", ["from_logs", "chain"])
def test_probabilities_in_place_of_logarithms_are_noticed(run):
    call = {"from_logs": HMM.from_logs, "chain": ts.hmm.chain}[run]
    with pytest.warns(UserWarning, match="look like probabilities, where their logarithms are expected") as told:
        call(*TABLES.values())
    assert told[0].filename == __file__


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("initial", "transition"),
    [
        ([1.0], [[1.0]]),  # rewards of 0 and 1
        ([0.0, 1.0], [[1.0, 0.0], [0.0, 1.0]]),
        ([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]]),
        ([0.5, 0.5], [[0.5, 0.4], [0.5, 0.5]]),
        (np.log([0.5, 0.5]), np.log([[0.9, 0.1], [0.2, 0.8]])),
    ],
)
def test_scores_are_not_taken_for_probabilities(initial, transition):
    emission = np.zeros((len(initial), 2))
    HMM.from_logs(initial, transition, emission)
    ts.hmm.chain(initial, transition, emission.T)
    for semiring in (semirings.SUM_PRODUCT, semirings.COUNT):
        ts.hmm.chain(*TABLES.values(), semiring=semiring)
