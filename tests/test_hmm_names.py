"""Names that users of other HMM and CRF libraries type: on the class and on its objects, errors say what to use."""

import inspect
import re
from itertools import product

import numpy as np
import pytest
from oracles import oracle

import tinyseq as ts
from tinyseq.hmm import HMM

MODEL = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]], symbols="ab")
ESTIMATOR = ts.hmm.HMMEstimator()
POMEGRANATE = """
fit summarize from_summaries forward backward forward_backward log_probability probability predict predict_proba
predict_log_proba viterbi sample add_distribution add_distributions add_edge distributions edges starts ends freeze
unfreeze bake add_state add_states add_transition add_transitions from_matrix from_samples from_json to_json to_yaml
dense_transition_matrix maximum_a_posteriori plot thaw inertia
"""  # versions 0.15 and 1.1
CRFS = """
decode compute_log_likelihood log_likelihood start_transitions end_transitions transitions reset_parameters
num_tags viterbi_decode viterbi_tags marginals partition neg_log_likelihood transition_params sample entropy topk
marginal_probabilities viterbi kbest loss score log_prob log_partition predict fit
"""  # of pytorch-crf, AllenNLP, torch-struct, sklearn-crfsuite and tutorials


def missing(owner, names):
    """The names of which neither the owner nor the error says anything."""
    found = []
    for name in names:
        try:
            getattr(owner, name)
        except AttributeError as error:
            if not re.search(r"; use \S", str(error)):
                found.append(name)
    return found


def public(owner):
    return [name for name in dir(owner) if not name.startswith(("_", "set_"))]


@pytest.mark.parametrize("owner", [MODEL, HMM, type("Own", (HMM,), {})], ids=["object", "class", "subclass"])
def test_names_of_pomegranate(owner):
    assert missing(owner, POMEGRANATE.split()) == []


@pytest.mark.parametrize("owner", [ts.nn.CRF(3), ts.nn.CRF], ids=["object", "class"])
def test_names_of_crf_libraries(owner):
    own = {"num_tags"}  # which a class has not
    assert missing(owner, set(CRFS.split()) - own) == []


@pytest.mark.parametrize("kind", ["CategoricalHMM", "GaussianHMM", "GMMHMM", "PoissonHMM"])
def test_names_of_hmmlearn(kind):
    model = getattr(oracle("hmmlearn.hmm"), kind)(2)
    learned = ["startprob_", "transmat_", "emissionprob_", "means_", "covars_", "weights_", "lambdas_"]
    for owner in (MODEL, HMM):
        assert missing(owner, [*public(model), *learned]) == []
    theirs = {"implementation", "get_metadata_routing", "n_mix"}
    priors = {name for name in public(model) if name.endswith(("_prior", "_weight"))}
    rest = set(public(model)) - theirs - priors - {"n_features"}
    for owner in (ESTIMATOR, ts.hmm.HMMEstimator):
        own = set(vars(ESTIMATOR))  # which a class has not
        assert missing(owner, rest - own) == []
    assert missing(ts.hmm, [kind]) == []


METHODS = {  # of hmmlearn, and those that stand for them here
    "__init__": ["fit_em"],
    "fit": ["fit_em", "fit_em_steps"],
    "decode": ["viterbi", "posterior_decode"],
    "predict": ["viterbi", "posterior_decode"],
    "predict_proba": ["posterior"],
    "score": ["log_likelihood", "aic", "bic"],
    "score_samples": ["posterior", "log_likelihood"],
    "sample": ["sample"],
}


@pytest.mark.parametrize("kind", ["CategoricalHMM", "GaussianHMM", "PoissonHMM"])
def test_arguments_of_hmmlearn(kind):
    """Those that say what the model is like belong to its tables, and are left out."""
    theirs = getattr(oracle("hmmlearn.hmm"), kind)
    of_models = {"n_components", "n_features", "algorithm", "implementation", "covariance_type", "min_covar", "self"}
    unexplained = set()
    for method, ours in METHODS.items():
        names = set(inspect.signature(getattr(theirs, method)).parameters) - of_models - {"currstate"}
        for name, here in product(names, ours):
            given = [] if here == "sample" or name in ("X", "lengths") else [[0, 1]]
            try:
                getattr(MODEL, here)(*given, **{name: None})
            except TypeError as error:
                if "unexpected" in str(error) and not re.search(r"; (use|did you mean) \S", str(error)):
                    unexplained.add((here, name))
            except Exception:  # it is an argument here, too
                continue
    assert unexplained == set()


def test_names_of_nltk():
    tag = oracle("nltk.tag.hmm")
    for kind in (tag.HiddenMarkovModelTagger, tag.HiddenMarkovModelTrainer):
        for owner in (MODEL, HMM):
            assert missing(owner, set(public(kind)) - {"unicode_repr"}) == []


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (ts.tagging.HMMTagger, "train"),
        (ts.lm.NgramLM, "train"),
        (ts.lm.RNNLM, "generate"),
        (ts.classify.NaiveBayes, "classify"),
        (ts.viz.Drawing, "show"),
        (ts.nn.LSTM, "cuda"),
        (ts.optim.SGD, "param_groups"),
    ],
)
def test_a_class_knows_what_its_objects_know(owner, name):
    assert missing(owner, [name]) == []


def test_a_class_of_ones_own_may_find_attributes_itself():
    class Own(ts.nn.Module):
        def __getattr__(self, name):
            if name.startswith("layer"):
                return int(name.removeprefix("layer"))
            raise AttributeError(name)

    assert type("Derived", (Own,), {})().layer3 == Own().layer3 == 3


def test_a_misspelt_name_of_a_class_is_left_to_python():
    with pytest.raises(AttributeError, match=r"^type object 'HMM' has no attribute 'vitrebi'$") as error:
        _ = HMM.vitrebi
    assert error.value.obj is HMM
    assert error.value.name == "vitrebi"


def test_what_a_crf_lacks_is_a_model_away():
    """The cures for kbest, sample, entropy and the sum over all paths, as they are written."""
    scores, crf = ts.tensor(np.random.default_rng(0).normal(size=(4, 3))), ts.nn.CRF(3, forbidden=[(0, 1)])
    with pytest.raises(AttributeError) as error:
        _ = crf.kbest
    steps = re.search(r"use (.*), and (.*), a model with (.*)$", str(error.value))
    assert steps is not None
    known = {"crf": crf, "scores": scores, "ts": ts, "k": 2}
    exec(f"with ts.no_grad():\n    {steps[1]}\n    model = {steps[2]}", known)
    best = eval(f"model.{steps[3]}", known)
    assert list(best[0].path) == crf.decode(scores)
    whole = ts.hmm.log_partition(*crf.tables()[:2], scores, crf.tables()[2])
    assert best[1].log_prob - whole.item() == pytest.approx(crf.log_likelihood(scores, best[1].path).item(), rel=1e-5)
    assert known["model"].entropy(scores) > 0
    assert len(known["model"].sample_posterior(scores, 1, rng=0)) == 1
