"""Nothing that is passed in is ever changed: every array here is read-only, and every list is compared afterwards."""

from copy import deepcopy

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.hmm import HMM, AddK, Gaussian, best_score, chain, log_partition, messages
from tinyseq.hmm.inference.semirings import COUNT, LOG, MAX, Entropy, KBest, Sample
from tinyseq.hmm.interop.estimator import HMMEstimator

RNG = np.random.default_rng(0)


def frozen(array):
    array = np.array(array)
    array.flags.writeable = False
    return array


TABLES = {
    "initial": frozen([0.5, 0.5]),
    "transition": frozen([[0.8, 0.1], [0.0, 0.9]]),
    "end": frozen([0.1, 0.1]),
}
SYMBOLS = [frozen([0, 1, 1, 0]), frozen([1]), frozen(np.zeros(0, dtype=int))]
MODELS = {
    "symbols": (HMM(**TABLES, emission=frozen([[0.9, 0.1], [0.2, 0.8]])), SYMBOLS),
    "vectors": (HMM(**TABLES, emission=Gaussian(frozen(np.eye(2)), frozen([np.eye(2)] * 2))), None),
    "scores": (HMM(**TABLES, emission=None), None),
}
QUESTIONS = {
    "log_likelihood": {},
    "viterbi": {},
    "posterior": {},
    "posterior_decode": {},
    "kbest": {"k": 3},
    "entropy": {},
    "sample_posterior": {"n": 2},
    "fit_em": {"max_steps": 2, "restarts": 2},
}


@pytest.mark.filterwarnings("ignore:a variance of state")
@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("kind", MODELS)
def test_questions_leave_sequences_and_what_is_known_alone(kind, question):
    model, data = MODELS[kind]
    data = [frozen(RNG.normal(size=(n, 2))) for n in (4, 1, 0)] if data is None else data
    known = [[None, 0, {0, 1}, [1]], None, []]
    before = deepcopy((list(data), known))
    getattr(model, question)(data, states=known, **QUESTIONS[question])
    assert known == before[1]
    for one, other in zip(data, before[0], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("semiring", [LOG, MAX, COUNT, KBest(2), Entropy(), Sample(np.random.default_rng(0))])
def test_chains_leave_tables_and_tensors_alone(semiring):
    parts = [frozen(RNG.normal(size=shape)) for shape in ((2,), (2, 2), (5, 3, 2), (2,))]
    lengths = [5, 0, 2]
    for run in (lambda *a, **k: chain(*a, semiring=semiring, **k), log_partition, best_score):
        run(*parts, lengths=lengths)
        leaves = [ts.tensor(part, requires_grad=True) for part in parts]
        out = run(*leaves, lengths=lengths).sum()
        if out.requires_grad:  # a number of paths has no gradient
            ts.grad(out, leaves, allow_unused=True)
        for leaf, part in zip(leaves, parts, strict=True):
            np.testing.assert_array_equal(leaf.numpy(), part)
    list(messages(*parts[:3], semiring=semiring))
    assert lengths == [5, 0, 2]


def test_learning_leaves_labels_and_settings_alone():
    data = [[("a", "x"), ("b", "y")], [("b", "y")], []]
    before = deepcopy(data)
    learn = {"emission"}
    HMM.from_labelled(data, 3, AddK(1), end=True).fit_em(["a", "b"], learn=learn, max_steps=1)
    assert (data, learn) == (before, {"emission"})
    x, lengths = frozen([[0], [1], [1]]), [2, 1]
    HMMEstimator(2, n_iter=1, random_state=0).fit(x, lengths=lengths).predict(x, lengths=lengths)
    words, tags = [["a", "b"], ["b"]], [["x", "y"], ["y"]]
    HMMEstimator().fit(words, tags).score(words, tags)
    assert (words, tags, lengths) == ([["a", "b"], ["b"]], [["x", "y"], ["y"]], [2, 1])


def test_answers_are_not_views_of_the_model():
    initial, means = np.array([0.5, 0.5]), np.zeros((2, 1))
    model = HMM(initial, np.eye(2), Gaussian(means, np.ones((2, 1))))
    wanted = model.log_likelihood([0.5, 1.0])
    initial[:], means[:] = 0.0, 7.0
    model.posterior([0.5, 1.0]).states[:] = 7
    learnt = model.fit_em([0.5, 1.0], max_steps=1, learn={"emission"}).model
    with pytest.raises(ValueError, match="read-only"):
        learnt.emissions.means[:] = 7
    assert model.log_likelihood([0.5, 1.0]) == wanted
